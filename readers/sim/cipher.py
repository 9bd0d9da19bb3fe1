"""The devices' own arithmetic, straight on ``cryptography``: DES and SM4; contexts are kept, one per key."""

from collections.abc import Callable

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.hashes import SM3, Hash

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
    """Left half: 3DES(K, F). Right half: 3DES(K, NOT F). Under SM4 the same two halves are one block.

    Example:
        >>> master = encryptor(bytes.fromhex("11223344556677888877665544332211"))
        >>> diversify(master, bytes.fromhex("8649542600028141")).hex().upper()
        '437D19585D730A0F0A96A2241A812208'
    """
    return encrypt(factor + complement(factor))


def cryptogram(
    rule: ProcessKeyRule, card_key: Callable[[bytes], bytes], process: bytes, data: bytes
) -> bytes:  # 3DES only; SM4 by Sm4Rules
    """Encrypt ``data`` under the key that card key and process factor give."""
    if rule is ProcessKeyRule.DIVERSIFY_16:
        return encryptor(diversify(card_key, process))(data)
    return encryptor(card_key(process))(data)


def pad(data: bytes, block: int) -> bytes:
    """80 00… to whole blocks."""
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def mac(key: bytes, data: bytes) -> bytes:
    """DES-CBC-MAC with an 8-byte key, padding 80 00..., IV zero, left 4 bytes (PBOC).

    Example:
        >>> mac(bytes.fromhex("9B1D924E05595603"), bytes.fromhex("000000000000100001001122334455")).hex().upper()
        '2988AE5A'
    """
    context = Cipher(_expand(key), modes.CBC(bytes(8))).encryptor()
    return context.update(pad(data, 8))[-8:-4]


def tac_key(dtk: bytes) -> bytes:
    """DTK left half XOR right half."""
    return xor_halves(dtk)


def xor_halves(block: bytes) -> bytes:
    """16 bytes folded to 8."""
    return (int.from_bytes(block[:8], "big") ^ int.from_bytes(block[8:], "big")).to_bytes(8, "big")


def retail_mac(key: bytes, start: bytes, data: bytes) -> bytes:
    """ISO 9797-1 algorithm 3 with a 16-byte key: single DES along the chain, 3DES at its end; left 4 bytes.

    Example:
        >>> key = bytes.fromhex("11223344556677888877665544332211")
        >>> retail_mac(key, bytes.fromhex("1122334455667788"), bytes.fromhex("04D685000411223344")).hex().upper()
        'EFFE0A40'
    """
    padded = pad(data, 8)
    chained = start
    for at in range(0, len(padded), 8):
        mixed = int.from_bytes(chained, "big") ^ int.from_bytes(padded[at : at + 8], "big")
        last = at + 8 == len(padded)
        chained = encryptor(key if last else key[:8])(mixed.to_bytes(8, "big"))
    return chained[:4]


def sm3(data: bytes) -> bytes:
    """SM3 digest, 32 bytes."""
    digest = Hash(SM3())
    digest.update(data)
    return digest.finalize()


def sm4(key: bytes) -> Callable[[bytes], bytes]:
    """SM4-ECB encryption of whole blocks.

    Example:
        >>> same = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
        >>> sm4(same)(same).hex().upper()
        '681EDF34D206965E86B3E94F536E4246'
    """
    update: Callable[[bytes], bytes] = Cipher(SM4(key), _ECB).encryptor().update
    return update


def sm4_decrypt(key: bytes, data: bytes) -> bytes:
    """SM4-ECB decryption of whole blocks."""
    return Cipher(SM4(key), _ECB).decryptor().update(data)


def sm4_mac(key: bytes, start: bytes, data: bytes) -> bytes:
    """SM4-CBC-MAC, padding 80 00…, the last block folded to 4 bytes (one public vendor code).

    Example:
        >>> key = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
        >>> sm4_mac(key, bytes(16), bytes.fromhex("00112233445566778899")).hex().upper()
        'BFBB3637'
    """
    last = Cipher(SM4(key), modes.CBC(start)).encryptor().update(pad(data, 16))[-16:]
    words = (int.from_bytes(last[at : at + 4], "big") for at in range(0, 16, 4))
    folded = 0
    for word in words:
        folded ^= word
    return folded.to_bytes(4, "big")


def sm4_xor_halves(card_key: bytes, process: bytes, original: bytes) -> bytes:
    """A candidate for the 8-byte cryptogram of SM4 cards, assumed: the key diversified once more, halves folded."""
    return xor_halves(sm4(diversify(sm4(card_key), process))(original + bytes(8)))


def sm4_session(key: bytes, data: bytes) -> bytes:
    """A candidate for the purse's session key under SM4, assumed: the data padded with 80 00…, encrypted."""
    return sm4(key)(pad(data, 16))


def sm4_code(key: bytes, data: bytes) -> bytes:
    """A candidate for MAC and TAC under SM4, assumed: :func:`sm4_mac` from zero."""
    return sm4_mac(key, bytes(16), data)
