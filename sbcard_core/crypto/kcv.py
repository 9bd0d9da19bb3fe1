"""密钥校验值: the first bytes of a zero block under a key; they tell two keys apart without showing either.

For AES two ways are in use: the block encrypted, as with 3DES, and its CMAC (ANSI X9.24-1 annex A, which newer security
modules follow). What is written is the first; both are taken for right.
"""

import hmac

from sbcard_core.crypto import bulk, engine
from sbcard_core.crypto.cmac import double
from sbcard_core.crypto.errors import KcvMismatch, KeyRefused
from sbcard_core.crypto.keys import Cipher, Key, SecretKey
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

DIGITS = 6
LEAST_DIGITS, MOST_DIGITS = 4, 16
"""How many hex digits security modules print: mostly 6, some 4, 8 or the whole block."""


def check_value(key: Key, cipher: Cipher | None = None, digits: int = DIGITS) -> str:
    """First bytes of the zero block encrypted, as upper-case hex digits: 3 bytes by default."""
    cipher, material = bulk.opened(key, cipher, frozenset(), "crypto.kcv")
    return engine.ecb(cipher, material, bytes(cipher.block)).hex().upper()[:digits]


def check_values(keys: bytes) -> list[str]:
    """The same for n × 16 bytes of 3DES keys, in order.

    Raises:
        KeyRefused: not n × 16 bytes.
    """
    if len(keys) % 16:
        raise KeyRefused(f"{len(keys)} bytes are not n × 16", step="crypto.keys", term="密钥长度")
    if not keys:
        return []
    blocks = engine.ecb(Cipher.TDES, keys, bytes(len(keys) // 2), key_length=16).hex().upper()
    return [blocks[at : at + 6] for at in range(0, len(blocks), 16)]


def check_kcv(key: SecretKey, expected: str) -> None:
    """Compare with the value that stands beside a key: 4 to 16 hex digits, blanks between or around them ignored.

    Raises:
        InvalidValue: not such a value; whether the key is right is not known.
        KcvMismatch: they differ.

    Example:
        >>> from sbcard_core.crypto.keys import KeyUsage
        >>> key = SecretKey(bytes(16), KeyUsage.MAC)
        >>> check_kcv(key, "8ca64d"), check_kcv(key, "8CA6 4DE9 C1B1 23A7"), check_kcv(key, "8CA6")
        (None, None, None)
        >>> check_kcv(SecretKey(bytes(16), KeyUsage.MAC, Cipher.AES), "763CBC")  # by CMAC
    """
    digits = "".join(expected.split()).upper()
    right_size = LEAST_DIGITS <= len(digits) <= MOST_DIGITS and len(digits) % 2 == 0
    if not right_size or not set(digits) <= set("0123456789ABCDEF"):
        raise InvalidValue(
            message("cards.kcv.form", least=LEAST_DIGITS, most=MOST_DIGITS), step="crypto.kcv", term="密钥校验值"
        )
    right = [check_value(key, digits=len(digits)), *_of_cmac(key, len(digits))]
    if not any(hmac.compare_digest(one, digits) for one in right):
        raise KcvMismatch(
            message("cards.kcv.differs", usage=key.usage.value),
            step="crypto.kcv",
            term="密钥校验值",
        )


def _of_cmac(key: SecretKey, digits: int) -> list[str]:
    """The CMAC of one zero block, which is the first subkey encrypted; for AES only."""
    if key.algorithm is not Cipher.AES:
        return []
    material, zeros = key.buffer(), bytes(Cipher.AES.block)
    subkey = double(engine.ecb(Cipher.AES, material, zeros), Cipher.AES.block)
    return [engine.ecb(Cipher.AES, material, subkey).hex().upper()[:digits]]
