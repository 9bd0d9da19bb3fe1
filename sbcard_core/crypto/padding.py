"""ISO/IEC 9797-1 padding: three ways to make whole blocks of a message."""

from enum import IntEnum

from sbcard_core.errors import InvalidValue


class Padding(IntEnum):
    """Padding method, numbered as ISO/IEC 9797-1 numbers them.

    Example:
        >>> Padding(2)
        <Padding.BIT: 2>
    """

    ZEROS = 1
    """Zeros up to a whole block; an empty message becomes one block. A message and the same with a zero byte more
    may give the same MAC: for formats with their own length only."""
    BIT = 2
    """80 and then zeros, always at least one byte: PBOC and the social security card."""
    LENGTH = 3
    """Zeros as in method 1, and before the message one block with its length in bits."""


def pad(message: bytes, padding: int = Padding.BIT, block: int = 8) -> bytes:
    """Make whole blocks out of a message.

    Args:
        message: any bytes, an empty message too.
        padding: 1, 2 or 3.
        block: 8 for DES, 16 for SM4 and AES.

    Raises:
        InvalidValue: no such method.

    Source: ISO/IEC 9797-1:2011 clause 6.3.

    Example:
        >>> [pad(b"abc", method).hex() for method in Padding]
        ['6162630000000000', '6162638000000000', '00000000000000186162630000000000']
    """
    if padding == Padding.BIT:
        return message + b"\x80" + bytes(-(len(message) + 1) % block)
    zeros = message + bytes(-len(message) % block if message else block)
    if padding == Padding.ZEROS:
        return zeros
    if padding == Padding.LENGTH:
        return (8 * len(message)).to_bytes(block, "big") + zeros
    raise InvalidValue("padding is 1, 2 or 3", step="crypto.padding")


def pad_iso2(data: bytes, block: int = 8) -> bytes:
    """Padding method 2: 80 and zeros.

    Example:
        >>> pad_iso2(bytes.fromhex("112233")).hex(), len(pad_iso2(bytes(8)))
        ('1122338000000000', 16)
    """
    return pad(data, Padding.BIT, block)


def pad_zero(data: bytes, block: int = 8) -> bytes:
    """Padding method 1: zeros; nothing when the data is whole, one block when it is empty.

    Example:
        >>> pad_zero(b"123456789"), pad_zero(b"12345678")
        (b'123456789\\x00\\x00\\x00\\x00\\x00\\x00\\x00', b'12345678')
    """
    return pad(data, Padding.ZEROS, block)
