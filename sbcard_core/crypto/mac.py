"""Message authentication codes: CBC-MAC, retail MAC, the SM4 fold and UnionPay's ECB MAC."""

import hmac
from collections.abc import Callable, Sequence

from sbcard_core.crypto.cipher import Key, algorithm_of, cbc_encrypt, ecb_decrypt, ecb_encrypt, expand_des, parts
from sbcard_core.crypto.errors import KeyRefused, MacMismatch
from sbcard_core.crypto.keys import Algorithm, SecretKey
from sbcard_core.errors import InvalidValue

Padding = Callable[[bytes, int], bytes]
"""Makes whole blocks of ``block`` bytes out of a message."""


def pad_iso2(data: bytes, block: int = 8) -> bytes:
    """Append 80 and then zeros up to a whole block; a whole block of padding when the data is whole already.

    Source: ISO/IEC 9797-1 padding method 2; PBOC, JR/T 0025.

    Example:
        >>> pad_iso2(bytes.fromhex("112233")).hex(), len(pad_iso2(bytes(8)))
        ('1122338000000000', 16)
    """
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def pad_zero(data: bytes, block: int = 8) -> bytes:
    """Append zeros up to a whole block, nothing when it is whole; an empty message becomes one zero block.

    Source: ISO/IEC 9797-1 padding method 1; X9.9 and UnionPay hosts.

    Example:
        >>> pad_zero(b"123456789"), pad_zero(b"12345678")
        (b'123456789\\x00\\x00\\x00\\x00\\x00\\x00\\x00', b'12345678')
    """
    return data + bytes(-len(data) % block if data else block)


def fold_words(block: bytes) -> bytes:
    """XOR the four 4-byte words of a 16-byte block into one, as 3.0 cards shorten an SM4 MAC.

    Source: one public vendor code.

    Example:
        >>> fold_words(bytes.fromhex("D683FD3DA68B7666DC96085D1325B531")).hex().upper()
        'BFBB3637'
    """
    if len(block) != 16:
        raise InvalidValue("only a 16-byte block can be folded", step="crypto.mac")
    words = [int.from_bytes(block[i : i + 4], "big") for i in range(0, 16, 4)]
    return (words[0] ^ words[1] ^ words[2] ^ words[3]).to_bytes(4, "big")


def _shorten(block: bytes, length: int) -> bytes:
    if not 1 <= length <= len(block):
        raise InvalidValue(f"a MAC of {length} bytes from a block of {len(block)}", step="crypto.mac")
    return block[:length]


def cbc_mac(
    key: Key,
    data: bytes,
    iv: bytes | None = None,
    length: int = 4,
    padding: Padding = pad_iso2,
    *,
    fold: bool = False,
) -> bytes:
    """CBC-MAC: the left ``length`` bytes of the last block of CBC.

    With an 8-byte key it is the PBOC MAC of purse and TAC; with a 16-byte key it is full 3DES over every block.

    Args:
        key: session key (8 bytes) or longer; an SM4 ``SecretKey`` works over 16-byte blocks.
        data: the message, unpadded.
        iv: one block, zeros by default.
        length: bytes of the result.
        padding: :func:`pad_iso2` or :func:`pad_zero`.
        fold: shorten by :func:`fold_words` (SM4 only, 4 bytes) instead of taking the left bytes.

    Source: ISO/IEC 9797-1 algorithm 1; JR/T 0025.

    Example:
        >>> session = bytes.fromhex("9B1D924E05595603")
        >>> cbc_mac(session, bytes.fromhex("000000000000100001001122334455")).hex().upper()
        '2988AE5A'
    """
    algorithm = algorithm_of(key)
    block = cbc_encrypt(key, padding(data, algorithm.block), iv, algorithm=algorithm)[-algorithm.block :]
    if not fold:
        return _shorten(block, length)
    if algorithm is not Algorithm.SM4 or length != 4:
        raise InvalidValue("the fold gives 4 bytes of an SM4 MAC only", step="crypto.mac")
    return fold_words(block)


def retail_mac(key: Key, data: bytes, iv: bytes | None = None, length: int = 4, padding: Padding = pad_iso2) -> bytes:
    """Retail MAC: single DES CBC with the left half, the last block then decrypted right and encrypted left.

    With ``padding=pad_zero`` it is X9.19.

    Raises:
        KeyRefused: the key is not a two-key 3DES key.

    Source: ISO/IEC 9797-1 algorithm 3.

    Example:
        >>> key = bytes.fromhex("11223344556677888877665544332211")
        >>> iv, data = bytes.fromhex("1122334455667788"), bytes.fromhex("04D685000411223344")
        >>> retail_mac(key, data, iv, length=8).hex().upper()
        'EFFE0A40389BF6A0'
    """
    material = key.material() if isinstance(key, SecretKey) else key
    if algorithm_of(key) is not Algorithm.TDES or len(material) != 16:
        raise KeyRefused("the retail MAC takes a 16-byte 3DES key", step="crypto.mac", term="密钥长度")
    left, right = material[:8], material[8:]
    last = cbc_encrypt(left, padding(data, 8), iv)[-8:]
    return _shorten(ecb_encrypt(left, ecb_decrypt(right, last)), length)


def cbc_mac_many(
    keys: Sequence[SecretKey] | bytes, messages: Sequence[bytes], *, length: int = 4, padding: Padding = pad_iso2
) -> list[bytes]:
    """CBC-MAC with a DES/3DES key of its own per message, zero IV: one pass, order kept.

    Args:
        keys: one key per message, or n × 8 or n × 16 raw bytes.
        messages: n messages, of any lengths.

    Raises:
        InvalidValue: the numbers of keys and messages differ.

    Example:
        >>> session = bytes.fromhex("9B1D924E05595603")
        >>> cbc_mac_many(session * 2, [bytes(15), bytes(22)]) == [cbc_mac(session, bytes(n)) for n in (15, 22)]
        True
    """
    if not 1 <= length <= 8:
        raise InvalidValue(f"a MAC of {length} bytes from a block of 8", step="crypto.mac")
    cipher, tdes, cbc = parts().cipher, parts().tdes, parts().cbc(bytes(8))
    end = length - 8 or None
    return [
        cipher(tdes(material), cbc).encryptor().update(padding(message, 8))[-8:end]
        for material, message in zip(_des_keys(keys, len(messages)), messages, strict=True)
    ]


def _des_keys(keys: Sequence[SecretKey] | bytes, count: int) -> list[bytes]:
    if isinstance(keys, bytes | bytearray | memoryview):
        raw, width = bytes(keys), (len(keys) // count if count else 0)
        if len(raw) != width * count or (count and width not in (8, 16)):
            raise InvalidValue(f"{len(raw)} bytes of keys for {count} messages", step="crypto.mac")
        return [expand_des(raw[i : i + width]) for i in range(0, len(raw), width)] if count else []
    if len(keys) != count:
        raise InvalidValue(f"{len(keys)} keys for {count} messages", step="crypto.mac")
    if any(key.algorithm is not Algorithm.TDES for key in keys):
        raise KeyRefused("the bulk MAC takes DES and 3DES keys", step="crypto.mac")
    return [expand_des(key.material()) for key in keys]


def unionpay_ecb_mac(key: Key, data: bytes) -> bytes:
    """UnionPay POS ECB MAC: 8 ASCII hex characters, as field 64 carries them.

    The message is zero-padded and its 8-byte blocks are XORed; the result written as 16 upper-case hex characters;
    the first 8 encrypted, XORed with the last 8, encrypted again; the first 8 hex characters of that are the MAC.
    A double-length key means 3DES.

    Args:
        key: the MAC key, 8 or 16 bytes.
        data: message type to field 63, bitmap included; without TPDU, header and length.

    Source: 中国银联 POS 终端规范, as published pages quote it.

    Example:
        >>> unionpay_ecb_mac(bytes.fromhex("C24A8FB57AA20123"), bytes.fromhex("4D08F434464FE7BF"))
        b'8A9E91B8'
    """
    padded = pad_zero(data, 8)
    mixed = 0
    for i in range(0, len(padded), 8):
        mixed ^= int.from_bytes(padded[i : i + 8], "big")
    text = f"{mixed:016X}".encode("ascii")
    first = ecb_encrypt(key, text[:8])
    second = ecb_encrypt(key, bytes(a ^ b for a, b in zip(first, text[8:], strict=True)))
    return second.hex().upper()[:8].encode("ascii")


def verify(expected: bytes, received: bytes, *, step: str = "crypto.mac.verify") -> None:
    """Compare two MACs in constant time.

    Raises:
        MacMismatch: they differ, also in length.

    Example:
        >>> verify(b"1234", b"1234")
    """
    if not hmac.compare_digest(expected, received):
        raise MacMismatch("the MAC does not verify", step=step, term="报文鉴别码", advice="refuse the message")
