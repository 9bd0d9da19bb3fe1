"""The class byte taken apart: chaining, secure messaging, logical channel (ISO/IEC 7816-4:2013 5.4.1, tables 2 and 3).

    000x xxxx  first inter-industry values: bit 5 chaining, bits 4-3 secure messaging, bits 2-1 channel 0..3
    01xx xxxx  further inter-industry values: bit 6 secure messaging, bit 5 chaining, bits 4-1 channel 4..19
    001x xxxx  reserved
    1xxx xxxx  proprietary; FF is no class

A proprietary class means what its card says. Classes 80 to 9F are read here like the first values, as PBOC cards do
for secure messaging (80 and 84); the channel bits there are assumed. Classes A0 to FE, such as B0 of the
social-security account and BF of the PSAM, are left alone: asking for a bit of them is refused.
"""

from enum import IntEnum

from apdu.command import CommandAPDU
from apdu.errors import ClassRefused
from sbcard_core.messages import message

MAX_CHANNEL = 19
CHAINING = 0x10


class SecureMessaging(IntEnum):
    """Bits 4-3 of a first inter-industry class."""

    NONE = 0
    PROPRIETARY = 1
    """Classes 04 and 84: the MAC is the last of the data, as PBOC cards want it."""
    HEADER_OPEN = 2
    """ISO objects, the header is not in the MAC; the only form of the further values (bit 6)."""
    HEADER_PROTECTED = 3


def _check(cla: int) -> int:
    if not 0 <= cla <= 0xFF:
        raise ClassRefused(message("cards.class.byte"), step="classbyte")
    if cla & 0xE0 == 0x20:
        raise ClassRefused(message("cards.class.reserved", cla=f"{cla:02X}"), step="classbyte")
    if cla >= 0xA0:
        raise ClassRefused(message("cards.class.proprietary", cla=f"{cla:02X}"), step="classbyte")
    return cla


def _is_further(cla: int) -> bool:
    return cla & 0xC0 == 0x40


def channel_of(cla: int) -> int:
    """Logical channel 0..19.

    Raises:
        ClassRefused: a reserved class, or a proprietary one whose bits are not known.

    Example:
        >>> channel_of(0x00), channel_of(0x02), channel_of(0x4F)
        (0, 2, 19)
    """
    _check(cla)
    return 4 + (cla & 0x0F) if _is_further(cla) else cla & 0x03


def with_channel(cla: int, channel: int) -> int:
    """The class for another logical channel; chaining and secure messaging stay.

    Raises:
        ClassRefused: a channel outside 0..19; a class whose bits are not known; channels 4 to 19 for a proprietary
            class or for secure messaging that these have no code for.

    Example:
        >>> f"{with_channel(0x00, 3):02X} {with_channel(0x10, 4):02X} {with_channel(0x4F, 0):02X}"
        '03 50 00'
    """
    secure, chained = secure_messaging_of(cla), is_chained(cla)
    if not 0 <= channel <= MAX_CHANNEL:
        raise ClassRefused(message("cards.class.channel"), step="classbyte", term="逻辑信道")
    if channel <= 3:
        return cla & 0x80 | chained << 4 | secure << 2 | channel
    if cla & 0x80 or secure not in (SecureMessaging.NONE, SecureMessaging.HEADER_OPEN):
        raise ClassRefused(
            message("cards.class.no_channel", cla=f"{cla:02X}", channel=channel), step="classbyte", term="逻辑信道"
        )
    return 0x40 | (secure is SecureMessaging.HEADER_OPEN) << 5 | chained << 4 | channel - 4


def secure_messaging_of(cla: int) -> SecureMessaging:
    """How the class says the command is protected.

    Example:
        >>> secure_messaging_of(0x84).name, secure_messaging_of(0x0C).name, secure_messaging_of(0x60).name
        ('PROPRIETARY', 'HEADER_PROTECTED', 'HEADER_OPEN')
    """
    _check(cla)
    if _is_further(cla):
        return SecureMessaging.HEADER_OPEN if cla & 0x20 else SecureMessaging.NONE
    return SecureMessaging(cla >> 2 & 3)


def with_secure_messaging(cla: int, secure: SecureMessaging) -> int:
    """The class with other secure-messaging bits.

    Raises:
        ClassRefused: a class whose bits are not known, or channels 4 to 19 with a form they have no code for.

    Example:
        >>> f"{with_secure_messaging(0x80, SecureMessaging.PROPRIETARY):02X}"
        '84'
    """
    _check(cla)
    if not _is_further(cla):
        return cla & ~0x0C | secure << 2
    if secure not in (SecureMessaging.NONE, SecureMessaging.HEADER_OPEN):
        raise ClassRefused(message("cards.class.no_sm", cla=f"{cla:02X}"), step="classbyte")
    return cla & ~0x20 | (secure is SecureMessaging.HEADER_OPEN) << 5


def is_chained(cla: int) -> bool:
    """True for a part of a chain that is not its last."""
    return bool(_check(cla) & CHAINING)


def with_chaining(cla: int, chained: bool) -> int:
    """The class with the chaining bit set or cleared.

    Example:
        >>> f"{with_chaining(0x00, True):02X} {with_chaining(0x94, False):02X}"
        '10 84'
    """
    return _check(cla) & ~CHAINING | chained << 4


def get_response_class(cla: int) -> int:
    """The class of GET RESPONSE after a command: 00 on the command's channel (ISO/IEC 7816-4:2013 5.3.4).

    A class whose bits are not known gets 00.

    Example:
        >>> f"{get_response_class(0x01):02X} {get_response_class(0x84):02X} {get_response_class(0xBF):02X}"
        '01 00 00'
    """
    if cla & 0x80 or cla & 0xE0 == 0x20:
        return 0x00
    return with_channel(0x00, channel_of(cla))


def open_channel(channel: int = 0) -> CommandAPDU:
    """MANAGE CHANNEL, open (ISO/IEC 7816-4:2013 7.1.2): 0 lets the card choose, which answers with the number.

    Confidence: standard; no public reader of social-security cards uses it.

    Example:
        >>> open_channel().encode().hex(), open_channel(5).encode().hex()
        ('0070000001', '00700005')
    """
    if not 0 <= channel <= MAX_CHANNEL:
        raise ClassRefused(message("cards.class.open"), step="open_channel", term="逻辑信道")
    return CommandAPDU(0x00, 0x70, 0x00, channel, ne=0 if channel else 1)


def close_channel(channel: int) -> CommandAPDU:
    """MANAGE CHANNEL, close a channel from the basic one.

    Example:
        >>> close_channel(2).encode().hex()
        '00708002'
    """
    if not 1 <= channel <= MAX_CHANNEL:
        raise ClassRefused(message("cards.class.close"), step="close_channel")
    return CommandAPDU(0x00, 0x70, 0x80, channel)
