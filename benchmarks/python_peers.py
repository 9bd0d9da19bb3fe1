"""Loops over Python libraries, one message at a time, for information: what a caller does without a bulk call."""

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

HAS_PYCRYPTODOME = importlib.util.find_spec("Crypto") is not None
_ZERO = {8: bytes(8), 16: bytes(16)}


def pad2(message: bytes, block: int) -> bytes:
    """ISO 9797-1 padding 2."""
    return message + b"\x80" + bytes(-(len(message) + 1) % block)


def xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")


def _cryptography() -> Any:
    """Its cipher class, modes, and the two ciphers wherever this version keeps them."""
    from cryptography.hazmat.decrepit.ciphers import algorithms as old  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Cipher, modes, old.TripleDES, getattr(old, "SM4", None) or algorithms.SM4


CIPHER, MODES, TRIPLE, SM4 = _cryptography()


def cryptography_retail(key: bytes, message: bytes) -> bytes:
    """The quickest way it has: single DES over all but the last block, then 3DES."""
    padded, chain = pad2(message, 8), _ZERO[8]
    if len(padded) > 8:
        single = CIPHER(TRIPLE(key[:8] * 3), MODES.CBC(chain)).encryptor()
        chain = single.update(padded[:-8])[-8:]
    return bytes(CIPHER(TRIPLE(key + key[:8]), MODES.ECB()).encryptor().update(xor(chain, padded[-8:])))


def cryptography_triple(key: bytes, message: bytes) -> bytes:
    return bytes(CIPHER(TRIPLE(key + key[:8]), MODES.CBC(_ZERO[8])).encryptor().update(pad2(message, 8))[-8:])


def cryptography_sm4(key: bytes, message: bytes) -> bytes:
    return bytes(CIPHER(SM4(key), MODES.CBC(_ZERO[16])).encryptor().update(pad2(message, 16))[-16:])


def cryptography_derive(master: bytes, factor: bytes) -> bytes:
    pair = factor + xor(factor, b"\xff" * 8)
    return bytes(CIPHER(TRIPLE(master + master[:8]), MODES.ECB()).encryptor().update(pair))


def cryptography_tac(master: bytes, factor: bytes, message: bytes) -> bytes:
    card = cryptography_derive(master, factor)
    key = xor(card[:8], card[8:])
    return bytes(CIPHER(TRIPLE(key * 3), MODES.CBC(_ZERO[8])).encryptor().update(pad2(message, 8))[-8:-4])


def pycryptodome_retail(key: bytes, message: bytes) -> bytes:
    from Crypto.Cipher import DES  # noqa: PLC0415

    last = DES.new(key[:8], DES.MODE_CBC, _ZERO[8]).encrypt(pad2(message, 8))[-8:]
    last = DES.new(key[8:], DES.MODE_ECB).decrypt(last)
    return bytes(DES.new(key[:8], DES.MODE_ECB).encrypt(last))


def pycryptodome_triple(key: bytes, message: bytes) -> bytes:
    from Crypto.Cipher import DES3  # noqa: PLC0415

    return bytes(DES3.new(key, DES3.MODE_CBC, _ZERO[8]).encrypt(pad2(message, 8))[-8:])


def each(one: Callable[..., bytes], *columns: tuple[bytes, int], count: int) -> Callable[[], bytes]:
    """A loop of ``one`` over the first ``count`` rows; a column is a buffer and its width."""
    rows = [[data[width * i : width * i + width] for data, width in columns] for i in range(count)]
    return lambda: b"".join([one(*row) for row in rows])
