"""安全报文: commands of class 04 and 84: the data end with a MAC and may be encrypted (PBOC, two public vendor codes).

This module knows where the parts go. What the MAC and the cipher are, with which key and from which challenge, is
the caller's: ``sbcard_core.crypto.secure_messaging`` has both (``mac_callable``, ``encrypt``), a PSAM or HSM may too.
"""

import hmac
from collections.abc import Callable

from apdu.channel import CardChannel, exchange
from apdu.classbyte import SecureMessaging, secure_messaging_of, with_secure_messaging
from apdu.command import MAX_SHORT_NC, CommandAPDU
from apdu.errors import SecureMessagingError
from apdu.instructions import get_challenge
from apdu.response import ResponseAPDU
from sbcard_core.messages import message

MAC_LENGTH = 4

Mac = Callable[[bytes, bytes], bytes]
"""``mac(header, body)``: CLA INS P1 P2 Lc, where Lc counts the MAC too; the data as sent, without the MAC."""
Cipher = Callable[[bytes], bytes]
"""Plain data to encrypted data or back; length byte and padding are its affair."""


def wrap(command: CommandAPDU, mac: Mac, encrypt: Cipher | None = None, *, length: int = MAC_LENGTH) -> CommandAPDU:
    """Protect a command: set the class's secure-messaging bits, encrypt the data, append the MAC.

    Args:
        command: the plain command; a class of 04 or 84 is kept as it is.
        mac: over header and body.
        encrypt: for the data, where they must not be read; empty data stay empty.
        length: bytes of the MAC.

    Raises:
        ClassRefused: a class without such bits.
        SecureMessagingError: too long with its MAC, or a MAC of another length.

    Example:
        >>> wrap(CommandAPDU(0x00, 0xD6, 0x85, 0x00, b"data"), lambda header, body: header[:4]).encode().hex()
        '04d68500086461746104d68500'
    """
    cla = with_secure_messaging(command.cla, SecureMessaging.PROPRIETARY)
    body = encrypt(command.data) if encrypt is not None and command.data else command.data
    size = len(body) + length
    if size > MAX_SHORT_NC:
        raise SecureMessagingError(message("cards.sm.most", size=size), step="wrap", term="安全报文")
    made = mac(bytes((cla, command.ins, command.p1, command.p2, size)), body)
    if len(made) != length:
        raise SecureMessagingError(
            message("cards.sm.mac_size", count=len(made), size=length), step="wrap", term="安全报文"
        )
    return CommandAPDU(cla, command.ins, command.p1, command.p2, body + made, command.ne)


def unwrap(command: CommandAPDU, mac: Mac, decrypt: Cipher | None = None, *, length: int = MAC_LENGTH) -> CommandAPDU:
    """Check and remove the protection: what a card does. ``unwrap(wrap(c)) == c`` for a plain short command.

    Raises:
        SecureMessagingError: the class says there is none, too few data, or a wrong MAC.

    Example:
        >>> def mac(header: bytes, body: bytes) -> bytes:
        ...     return header[:4]
        >>> unwrap(wrap(CommandAPDU(0x00, 0xD6, 0x85, 0x00, b"data"), mac), mac)
        CommandAPDU(00D68500, nc=4, ne=0)
    """
    if secure_messaging_of(command.cla) is not SecureMessaging.PROPRIETARY:
        raise SecureMessagingError(message("cards.sm.plain"), step="unwrap", term="安全报文数据缺失")
    if not length <= command.nc <= MAX_SHORT_NC:
        raise SecureMessagingError(message("cards.sm.no_room"), step="unwrap", term="安全报文数据缺失")
    body, sent = command.data[: command.nc - length], command.data[command.nc - length :]
    if not hmac.compare_digest(mac(command.header + bytes((command.nc,)), body), sent):
        raise SecureMessagingError(message("cards.sm.wrong"), step="unwrap", term="安全报文MAC错误")
    plain = decrypt(body) if decrypt is not None and body else body
    cla = with_secure_messaging(command.cla, SecureMessaging.NONE)
    return CommandAPDU(cla, command.ins, command.p1, command.p2, plain, command.ne)


def send(
    channel: CardChannel,
    command: CommandAPDU,
    mac_from: Callable[[bytes], Mac],
    encrypt: Cipher | None = None,
    *,
    challenge: int = 4,
) -> ResponseAPDU:
    """Fetch a challenge, protect the command with the MAC that starts from it, send it.

    A card takes a challenge once, and only for the command that follows: nothing else may touch it in between.

    Args:
        channel: the card.
        command: the plain command.
        mac_from: makes the MAC of a challenge, e.g. ``partial(crypto.secure_messaging.mac_callable, key)``.
        encrypt: for the data.
        challenge: its bytes: 4 (filled with zeros) or 8 for 3DES, 16 for the SM4 of the PKI application.

    Returns:
        The card's answer; 6988 is a wrong MAC, 6984 a challenge it no longer has.

    Raises:
        UnexpectedStatus: the card gives no challenge.
        SecureMessagingError: as :func:`wrap`, or a challenge of another length.
        CardLost: from the channel.
    """
    fresh = exchange(channel, get_challenge(challenge)).require("get challenge")
    if len(fresh) != challenge:
        raise SecureMessagingError(message("cards.sm.challenge", count=len(fresh), size=challenge), step="send")
    return exchange(channel, wrap(command, mac_from(fresh), encrypt))
