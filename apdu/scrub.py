"""What no trace may hold: PINs, and whatever carries a key. It is replaced before anything else sees it.

The rule goes by the instruction byte alone, whatever the class, so that no channel number, chaining bit or broken
length lets a PIN slip through:

    20 21  VERIFY                         24 25 2C 2D  change or reset a PIN
    5E     CHANGE / RELOAD PIN            C4           hash of a PIN: its answer too
    D4 D8  write a key                    16 18 1E     issuer commands (their MACs are of no use to a reader)

A PSAM that was prepared with a PIN or an encryption key (BFDE, 801A) is given PIN blocks with 80FA: data and answer
of that are replaced until it is prepared with another key.
"""

from apdu.command import CommandAPDU
from sbcard_core.errors import InvalidValue

SECRET_COMMANDS = frozenset({0x16, 0x18, 0x1E, 0x20, 0x21, 0x24, 0x25, 0x2C, 0x2D, 0x5E, 0xC4, 0xD4, 0xD8})
SECRET_ANSWERS = frozenset({0xC4})
PSAM_PREPARE = frozenset({0x1A, 0xDE})
PSAM_CRYPT = 0xFA
PSAM_SECRET_KEYS = frozenset({3, 4, 7})
"""Key types in the low five bits of P1: PIN unblock, PIN reload, encrypt (see :class:`apdu.psam.KeyType`)."""

FILLER = 0x00
_GET_RESPONSE = 0xC0


class Scrubber:
    """Replaces secrets in the exchanges of one slot, in their order.

    Example:
        >>> scrubber = Scrubber()
        >>> scrubber.command(bytes.fromhex("0020000003123456")).hex()
        '0020000003000000'
        >>> scrubber.answer(bytes.fromhex("63C2")).hex()
        '63c2'
    """

    def __init__(self) -> None:
        self._psam_secret = False
        self._secret_answer = False

    def command(self, wire: bytes) -> bytes:
        """The command with secret data replaced by zeros; header and Lc stay, and the length of the whole.

        A command that does not decode keeps its header only.
        """
        wire = bytes(wire)
        ins = wire[1] if len(wire) > 1 else None
        if ins in PSAM_PREPARE and len(wire) > 2:
            self._psam_secret = wire[2] & 0x1F in PSAM_SECRET_KEYS
        crypt = ins == PSAM_CRYPT and self._psam_secret
        if ins != _GET_RESPONSE:
            self._secret_answer = crypt or ins in SECRET_ANSWERS
        if not (crypt or ins in SECRET_COMMANDS):
            return wire
        try:
            decoded = CommandAPDU.decode(wire)
        except InvalidValue:
            decoded = None
        if decoded is None or not decoded.nc:
            return wire[:4] + bytes((FILLER,)) * (len(wire) - 4)
        # Le goes too: where Lc is one too small, it is the last byte of a PIN.
        ne = 0 if not decoded.ne else 65536 if decoded.extended else 256
        return decoded.replace(data=bytes((FILLER,)) * decoded.nc, ne=ne).encode()

    def answer(self, wire: bytes) -> bytes:
        """The answer with secret data replaced by zeros; its status word stays."""
        wire = bytes(wire)
        if not self._secret_answer or len(wire) <= 2:
            return wire
        return bytes((FILLER,)) * (len(wire) - 2) + wire[-2:]
