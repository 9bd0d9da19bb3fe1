"""Block ciphers over whole batches: one context, any number of blocks.

DES and two-key 3DES are run as three-key 3DES (K‖K‖K, K1‖K2‖K1), which is the
same function. DES is kept because the cards of 1.x and 2.x know nothing else.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sbcard_core.crypto.errors import KeyRefused
from sbcard_core.crypto.keys import Algorithm, SecretKey
from sbcard_core.errors import InvalidValue

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher

Key = SecretKey | bytes
"""A key, or raw key bytes as the bulk calls hand them out (taken as DES/3DES unless an algorithm is given)."""


class Parts(NamedTuple):
    """The constructors of the cipher package, looked up once."""

    cipher: Callable[..., "Cipher[Any]"]
    tdes: Callable[[bytes], Any]
    sm4: Callable[[bytes], Any]
    ecb: Callable[[], Any]
    cbc: Callable[[bytes], Any]


@cache
def parts() -> Parts:
    """Load the cipher package at the first computation; importing this module stays light."""
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers import Cipher, modes  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.algorithms import SM4  # noqa: PLC0415

    return Parts(Cipher, TripleDES, SM4, modes.ECB, modes.CBC)


def expand_des(material: bytes) -> bytes:
    """Write a DES or 3DES key of 8, 16 or 24 bytes as the equal three-key form of 24 bytes.

    Raises:
        KeyRefused: any other length.

    Example:
        >>> expand_des(b"ABCDEFGHabcdefgh")
        b'ABCDEFGHabcdefghABCDEFGH'
    """
    if len(material) == 16:
        return material + material[:8]
    if len(material) == 8:
        return material * 3
    if len(material) == 24:
        return material
    raise KeyRefused(f"a DES key can't have {len(material)} bytes", step="crypto.cipher", term="密钥长度")


def algorithm_of(key: Key, algorithm: Algorithm | None = None) -> Algorithm:
    """Return the algorithm a key is used with; raw bytes are 3DES unless the caller says otherwise."""
    if isinstance(key, SecretKey):
        if algorithm is not None and algorithm is not key.algorithm:
            raise KeyRefused(f"a {key.algorithm.value} key used as {algorithm.value}", step="crypto.cipher")
        return key.algorithm
    return algorithm or Algorithm.TDES


def _primitive(key: Key, algorithm: Algorithm) -> Any:
    material = key.material() if isinstance(key, SecretKey) else bytes(key)
    if algorithm is Algorithm.SM4:
        if len(material) != 16:
            raise KeyRefused("an SM4 key has 16 bytes", step="crypto.cipher", term="密钥长度")
        return parts().sm4(material)
    return parts().tdes(expand_des(material))


def _whole_blocks(data: bytes, algorithm: Algorithm) -> None:
    if len(data) % algorithm.block:
        raise InvalidValue(
            f"{len(data)} bytes are not a multiple of the {algorithm.block}-byte block", step="crypto.cipher"
        )


def ecb_encrypt(key: Key, data: bytes, *, algorithm: Algorithm | None = None) -> bytes:
    """Encrypt any number of whole blocks, each by itself (ECB). This is the bulk call.

    Args:
        key: 8/16/24-byte DES key, or 16-byte SM4 key.
        data: n × block bytes (block 8 for DES, 16 for SM4).

    Returns:
        As many bytes as came in.

    Raises:
        InvalidValue: ``data`` is not a whole number of blocks.
        KeyRefused: the key does not fit the algorithm.

    Source: GB/T 32907 for SM4; ISO/IEC 18033-3 for 3DES.

    Example:
        >>> plain = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
        >>> ecb_encrypt(plain, plain, algorithm=Algorithm.SM4).hex().upper()
        '681EDF34D206965E86B3E94F536E4246'
    """
    algorithm = algorithm_of(key, algorithm)
    _whole_blocks(data, algorithm)
    return parts().cipher(_primitive(key, algorithm), parts().ecb()).encryptor().update(data)


def ecb_decrypt(key: Key, data: bytes, *, algorithm: Algorithm | None = None) -> bytes:
    """Decrypt any number of whole blocks, each by itself; the inverse of :func:`ecb_encrypt`.

    Example:
        >>> ecb_decrypt(b"A" * 16, ecb_encrypt(b"A" * 16, b"12345678"))
        b'12345678'
    """
    algorithm = algorithm_of(key, algorithm)
    _whole_blocks(data, algorithm)
    return parts().cipher(_primitive(key, algorithm), parts().ecb()).decryptor().update(data)


def cbc_encrypt(key: Key, data: bytes, iv: bytes | None = None, *, algorithm: Algorithm | None = None) -> bytes:
    """Encrypt whole blocks in a chain (CBC), from ``iv`` (zeros by default). No padding is added.

    Raises:
        InvalidValue: ``data`` or ``iv`` has the wrong length.

    Example:
        >>> cbc_encrypt(b"A" * 8, bytes(16))[:8] == ecb_encrypt(b"A" * 8, bytes(8))
        True
    """
    algorithm = algorithm_of(key, algorithm)
    _whole_blocks(data, algorithm)
    start = bytes(algorithm.block) if iv is None else iv
    if len(start) != algorithm.block:
        raise InvalidValue(f"an IV of {algorithm.value} has {algorithm.block} bytes", step="crypto.cipher")
    return parts().cipher(_primitive(key, algorithm), parts().cbc(start)).encryptor().update(data)
