"""Command TPDUs of T=0 (ISO/IEC 7816-3:2006 12.2): what a reader that takes TPDUs is given for a command APDU.

T=0 has one length byte P3 and sends data one way only. A command with data in both directions (case 4) goes out
without Le; the card answers 61xx and its data are fetched with GET RESPONSE (:class:`apdu.channel.GetResponseChannel`).
A card that is sent Le behind the data takes it for the next command, answers 6E00 or falls mute. Over T=1 the APDU is
sent as it is: there a SELECT without Le brings no file control information.
"""

from apdu.command import MAX_SHORT_NC, CommandAPDU
from apdu.errors import LimitExceeded
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message


def t0_command(wire: bytes) -> bytes:
    """The command TPDU of a command APDU; bytes that are no command APDU come back as they are.

    Raises:
        LimitExceeded: more than 255 data bytes, for which T=0 has no form.

    Example:
        >>> case_4 = bytes.fromhex("0088000010") + bytes(16) + b"\\x08"
        >>> t0_command(case_4).hex() == case_4[:-1].hex(), t0_command(bytes.fromhex("00200000")).hex()
        (True, '0020000000')
    """
    wire = bytes(wire)
    try:
        command = CommandAPDU.decode(wire)
    except InvalidValue:
        return wire
    if command.nc > MAX_SHORT_NC:
        raise LimitExceeded(message("cards.t0.too_long", count=command.nc), step="t0_command")
    if command.nc:
        return command.header + bytes((command.nc,)) + command.data
    return command.header + bytes((command.ne & 0xFF if command.ne <= MAX_SHORT_NC else 0,))
