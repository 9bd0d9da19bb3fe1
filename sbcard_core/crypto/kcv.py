"""密钥校验值: three bytes that tell two keys apart without showing either."""

import hmac

from sbcard_core.crypto import bulk, engine
from sbcard_core.crypto.errors import KcvMismatch, KeyRefused
from sbcard_core.crypto.keys import Cipher, Key, SecretKey


def check_value(key: Key, cipher: Cipher | None = None) -> str:
    """First 3 bytes of the zero block encrypted, 6 upper-case hex digits."""
    cipher, material = bulk.opened(key, cipher, frozenset(), "crypto.kcv")
    return engine.ecb(cipher, material, bytes(cipher.block))[:3].hex().upper()


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
    """Compare with the value that stands beside a key: 6 hex digits.

    Raises:
        KcvMismatch: they differ.

    Example:
        >>> from sbcard_core.crypto.keys import KeyUsage
        >>> check_kcv(SecretKey(bytes(16), KeyUsage.MAC), "8ca64d")
    """
    if not hmac.compare_digest(check_value(key).encode(), expected.upper().encode("ascii", "replace")):
        raise KcvMismatch(
            f"the {key.usage.value} key does not give its check value",
            step="crypto.kcv",
            term="密钥校验值",
            advice="load the key again",
        )
