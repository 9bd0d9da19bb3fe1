"""The devices' own DES arithmetic, straight on ``cryptography``; contexts are kept, one per key."""

from collections.abc import Callable

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes

from readers.sim.settings import ProcessKeyRule

_ECB = modes.ECB()  # noqa: S305 - the card's own mode: one block, or independent blocks
_ALL_ONES = (1 << 64) - 1


def _expand(key: bytes) -> TripleDES:
    """Single DES is K K K and two-key 3DES is L R L."""
    return TripleDES(key * 3 if len(key) == 8 else key + key[:8])


def encryptor(key: bytes) -> Callable[[bytes], bytes]:
    """Return ECB encryption under an 8- or 16-byte key; the context is set up once, blocks are independent."""
    update: Callable[[bytes], bytes] = Cipher(_expand(key), _ECB).encryptor().update
    return update


def decrypt(key: bytes, data: bytes) -> bytes:
    """ECB decryption of whole blocks."""
    return Cipher(_expand(key), _ECB).decryptor().update(data)


def complement(factor: bytes) -> bytes:
    """The eight bytes inverted."""
    return (int.from_bytes(factor, "big") ^ _ALL_ONES).to_bytes(8, "big")


def diversify(encrypt: Callable[[bytes], bytes], factor: bytes) -> bytes:
    """Left half: 3DES(K, F). Right half: 3DES(K, NOT F).

    Example:
        >>> master = encryptor(bytes.fromhex("11223344556677888877665544332211"))
        >>> diversify(master, bytes.fromhex("8649542600028141")).hex().upper()
        '437D19585D730A0F0A96A2241A812208'
    """
    return encrypt(factor + complement(factor))


def cryptogram(rule: ProcessKeyRule, card_key: Callable[[bytes], bytes], process: bytes, data: bytes) -> bytes:
    """Encrypt ``data`` under the key that card key and process factor give."""
    if rule is ProcessKeyRule.DIVERSIFY_16:
        return encryptor(diversify(card_key, process))(data)
    return encryptor(card_key(process))(data)


def mac(key: bytes, data: bytes) -> bytes:
    """DES-CBC-MAC with an 8-byte key, padding 80 00..., IV zero, left 4 bytes (PBOC).

    Example:
        >>> mac(bytes.fromhex("9B1D924E05595603"), bytes.fromhex("000000000000100001001122334455")).hex().upper()
        '2988AE5A'
    """
    padded = data + b"\x80" + bytes(-(len(data) + 1) % 8)
    context = Cipher(_expand(key), modes.CBC(bytes(8))).encryptor()
    return context.update(padded)[-8:-4]


def tac_key(dtk: bytes) -> bytes:
    """DTK left half XOR right half."""
    return (int.from_bytes(dtk[:8], "big") ^ int.from_bytes(dtk[8:], "big")).to_bytes(8, "big")
