"""安全报文: the MAC over a protected command (classes 04 and 84), and the encryption of its data.

What goes into the MAC is data of a profile: which challenge starts the chain,
which algorithm ends it. ``apdu`` builds the commands and takes the MAC as a callable.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sbcard_core.crypto.bulk import Keys, Rows
from sbcard_core.crypto.cipher import ecb_encrypt
from sbcard_core.crypto.keys import Cipher, SecretKey
from sbcard_core.crypto.mac import cbc_mac, cbc_mac_many, retail_mac, retail_mac_many
from sbcard_core.crypto.padding import Padding, pad
from sbcard_core.errors import InvalidValue

MAC_LENGTH = 4
_STEP = "crypto.secure_messaging"


@dataclass(frozen=True, slots=True)
class SecureMac:
    """How one application protects its commands.

    Args:
        name: for messages.
        cipher: 3DES (retail MAC with a 16-byte key) or SM4 (CBC-MAC).
        challenges: lengths of the challenge it may start from; a shorter one than a block is filled with zeros.
        fold: shorten by XOR of the words instead of taking the left 4 bytes.
        source: where this is written.
    """

    name: str
    cipher: Cipher
    challenges: tuple[int, ...]
    fold: bool
    source: str

    def start(self, challenge: bytes) -> bytes:
        """The IV that a challenge gives.

        Raises:
            InvalidValue: a challenge of another length.
        """
        if len(challenge) not in self.challenges:
            wanted = " or ".join(map(str, self.challenges))
            raise InvalidValue(f"{self.name}: a challenge has {wanted} bytes", step=_STEP, term="随机数")
        return challenge + bytes(self.cipher.block - len(challenge))


TDES_RETAIL = SecureMac("3DES secure messaging", Cipher.TDES, (4, 8), False, "PBOC; two public vendor codes")
"""IV = 4-byte challenge and zeros, or an 8-byte challenge; header ‖ body; 80 00…; left 4 bytes of the retail MAC."""

SM4_FOLD = SecureMac("SM4 secure messaging", Cipher.SM4, (16,), True, "PKI application of 3.0 cards: one public code")
"""IV = 16-byte challenge; CBC-MAC, its four words XORed."""

LAYOUTS = {one.name: one for one in (TDES_RETAIL, SM4_FOLD)}


def mac(key: SecretKey | bytes, challenge: bytes, header: bytes, body: bytes, layout: SecureMac = TDES_RETAIL) -> bytes:
    """MAC of one protected command: 4 bytes, to be appended to its data.

    Args:
        key: the maintenance or update key of the card, 16 bytes.
        challenge: the card's latest challenge.
        header: CLA INS P1 P2 Lc, with Lc counting the MAC too: 5 bytes.
        body: the command's data without the MAC, encrypted already where it has to be.

    Raises:
        InvalidValue: header or challenge of the wrong length.
        KeyRefused: the key does not fit the layout.

    Example:
        >>> key = bytes.fromhex("11223344556677888877665544332211")
        >>> mac(key, bytes.fromhex("1122334455667788"), bytes.fromhex("04D6850004"), bytes.fromhex("11223344")).hex()
        'effe0a40'
    """
    message = _message(header, body)
    iv, cipher = layout.start(challenge), layout.cipher
    if cipher is Cipher.TDES:
        return retail_mac(key, message, cipher=cipher, iv=iv, length=MAC_LENGTH)
    return cbc_mac(key, message, cipher=cipher, iv=iv, length=MAC_LENGTH, fold=layout.fold)


def mac_many(
    keys: Keys,
    challenges: list[bytes],
    commands: list[tuple[bytes, bytes]],
    layout: SecureMac = TDES_RETAIL,
    *,
    workers: int = 1,
) -> Rows:
    """:func:`mac` of n commands ``(header, body)``, each under its own key and from its own challenge.

    Example:
        >>> mac_many(bytes(16), [bytes(8)], [(bytes(5), b"")]) == [mac(bytes(16), bytes(8), bytes(5), b"")]
        True
    """
    messages = [_message(header, body) for header, body in commands]
    ivs: Any = b"".join(layout.start(challenge) for challenge in challenges) if messages else None
    how = {"cipher": layout.cipher, "iv": ivs, "length": MAC_LENGTH, "workers": workers}
    if layout.cipher is Cipher.TDES:
        return retail_mac_many(keys, messages, **how)
    return cbc_mac_many(keys, messages, fold=layout.fold, **how)


def mac_callable(key: SecretKey, challenge: bytes, layout: SecureMac = TDES_RETAIL) -> Callable[[bytes, bytes], bytes]:
    """A function of header and body, for a builder of commands that must not see a key.

    Example:
        >>> from sbcard_core.crypto.keys import KeyUsage
        >>> len(mac_callable(SecretKey(bytes(16), KeyUsage.STK), bytes(4))(bytes(5), b"data"))
        4
    """
    return lambda header, body: mac(key, challenge, header, body, layout)


def encrypt(key: SecretKey | bytes, data: bytes, *, cipher: Cipher | None = None) -> bytes:
    """Encrypt the data of a protected command: one length byte, the data, 80 00… when it is no whole block; ECB.

    Source: PBOC for 3DES; one published page for SM4. 3DES data that fills its blocks gets no padding; SM4 always does.

    Raises:
        InvalidValue: more than 255 bytes.

    Example:
        >>> len(encrypt(bytes(16), bytes(6))), len(encrypt(bytes(16), bytes(7))), len(encrypt(bytes(16), bytes(8)))
        (8, 8, 16)
    """
    if len(data) > 255:
        raise InvalidValue("at most 255 bytes of protected data", step=_STEP)
    used = key.algorithm if isinstance(key, SecretKey) else cipher or Cipher.TDES
    plain = bytes((len(data),)) + data
    if used is not Cipher.TDES or len(plain) % used.block:
        plain = pad(plain, Padding.BIT, used.block)
    return ecb_encrypt(key, plain, algorithm=used)


def _message(header: bytes, body: bytes) -> bytes:
    if len(header) != 5:
        raise InvalidValue("a command header has 5 bytes here: CLA INS P1 P2 Lc", step=_STEP)
    return header + body
