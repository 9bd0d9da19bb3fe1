"""Issuer commands under secure messaging: block and unblock applications, block the card, give a new PIN.

Each takes the MAC as a callable (:mod:`apdu.secure_messaging`): the keys stay with the issuer. The headers of
APPLICATION BLOCK, UNBLOCK and CARD BLOCK have three public sources, all of PBOC and bank cards; that a
social-security card takes them is assumed.
"""

from apdu.command import CommandAPDU
from apdu.instructions import pack_pin
from apdu.secure_messaging import Mac, wrap
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message


def application_block(mac: Mac, *, permanent: bool = False) -> CommandAPDU:
    """APPLICATION BLOCK ``84 1E 00 P2 04`` (应用锁定): P2 = 00 until unblocked, 01 for ever.

    Example:
        >>> application_block(lambda header, body: bytes.fromhex("11223344")).encode().hex().upper()
        '841E00000411223344'
    """
    return wrap(CommandAPDU(0x84, 0x1E, 0x00, int(permanent)), mac)


def application_unblock(mac: Mac) -> CommandAPDU:
    """APPLICATION UNBLOCK ``84 18 0000 04`` (应用解锁).

    Example:
        >>> application_unblock(lambda header, body: bytes.fromhex("11223344")).encode().hex()
        '841800000411223344'
    """
    return wrap(CommandAPDU(0x84, 0x18, 0x00, 0x00), mac)


def card_block(mac: Mac) -> CommandAPDU:
    """CARD BLOCK ``84 16 0000 04`` (卡锁定): no application can be selected any more; can't be undone."""
    return wrap(CommandAPDU(0x84, 0x16, 0x00, 0x00), mac)


def unblock_pin(mac: Mac, block: bytes = b"") -> CommandAPDU:
    """PIN UNBLOCK ``84 24 0000``: resets the try counter, the PIN stays (解锁密码). One public vendor code.

    ``block`` is what stands before the MAC where an application wants more than the MAC; its content is not public.

    Example:
        >>> unblock_pin(lambda header, body: bytes(4)).encode().hex()
        '842400000400000000'
    """
    return wrap(CommandAPDU(0x84, 0x24, 0x00, 0x00, block), mac)


def reload_pin_secure(block: bytes, mac: Mac) -> CommandAPDU:
    """Set a new PIN, ``84 24 0001 14``: 16 bytes of encrypted PIN block and the MAC (重装密码). One public vendor code.

    Raises:
        InvalidValue: not 16 bytes.

    Example:
        >>> reload_pin_secure(bytes(16), lambda header, body: bytes(4)).encode()[:5].hex()
        '8424000114'
    """
    if len(block) != 16:
        raise InvalidValue(message("cards.apdu.pin_block"), step="reload_pin_secure", term="密码")
    return wrap(CommandAPDU(0x84, 0x24, 0x00, 0x01, block), mac)


def reload_pin(pin: str, mac: bytes) -> CommandAPDU:
    """RELOAD PIN of generic PBOC cards, ``80 5E 0000``: the new PIN and 4 bytes of MAC (重装个人密码).

    Header: two sources, not seen on social-security readers; that the data are PIN and MAC is assumed.

    Example:
        >>> reload_pin("123456", bytes(4)).encode().hex()
        '805e00000712345600000000'
    """
    if len(mac) != 4:
        raise InvalidValue(message("cards.apdu.mac"), step="reload_pin")
    return CommandAPDU(0x80, 0x5E, 0x00, 0x00, pack_pin(pin) + mac)
