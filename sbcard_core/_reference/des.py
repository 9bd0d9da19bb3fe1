"""Twin of ``_fast.des``: DES and 3DES message by message, written to be read.

The cipher is the ``cryptography`` package's; chaining, padding and the key rules are spelled out here.
"""

from array import array
from itertools import pairwise
from typing import TYPE_CHECKING

from typing_extensions import Buffer

if TYPE_CHECKING:
    from collections.abc import Callable

LEVELS = ("reference",)
ZERO = bytes(8)


def _triple(key: bytes) -> bytes:
    """Any DES key as K1 K2 K3: encryption is E(K3) D(K2) E(K1)."""
    return {8: key * 3, 16: key + key[:8], 24: key}[len(key)]


def block_cipher(key: bytes, decrypt: bool = False) -> "Callable[[bytes], bytes]":
    """The block function of one key, over any number of independent blocks."""
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES  # noqa: PLC0415 - heavy
    from cryptography.hazmat.primitives.ciphers import Cipher, modes  # noqa: PLC0415 - heavy

    cipher = Cipher(TripleDES(_triple(key)), modes.ECB())  # noqa: S305 - block by block
    return (cipher.decryptor() if decrypt else cipher.encryptor()).update


def xor(a: bytes, b: bytes) -> bytes:
    """Byte by byte."""
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def pad(message: bytes, padding: int) -> bytes:
    """ISO/IEC 9797-1 padding: 1 zeros (a block for nothing), 2 80 and zeros, 3 the length in bits, then as 1."""
    if padding == 2:
        return message + b"\x80" + bytes(-(len(message) + 1) % 8)
    filled = message + bytes(-len(message) % 8 if message else 8)
    return (8 * len(message)).to_bytes(8, "big") + filled if padding == 3 else filled


def mac_block(key: bytes, iv: bytes, message: bytes, padding: int, retail: bool) -> bytes:
    """Algorithm 1 of ISO/IEC 9797-1 with the whole key, or algorithm 3 with the halves of a 16-byte key."""
    encrypt = block_cipher(key[:8] if retail else key)
    padded, state = pad(message, padding), iv
    for at in range(0, len(padded), 8):
        state = encrypt(xor(state, padded[at : at + 8]))
    return encrypt(block_cipher(key[8:], decrypt=True)(state)) if retail else state


def derived_key(master: bytes, factor: bytes) -> bytes:
    """PBOC diversification: E(K, F), then E(K, not F)."""
    return block_cipher(master)(factor + xor(factor, b"\xff" * 8))


def tac_block(master: bytes, factor: bytes, message: bytes) -> bytes:
    """The left 4 bytes of the DES CBC-MAC under left XOR right of the card's key."""
    key = derived_key(master, factor)
    return mac_block(xor(key[:8], key[8:]), ZERO, message, 2, retail=False)[:4]


def _each(values: Buffer, unit: int, n: int, what: str) -> list[bytes]:
    """One shared value or one for each of n, as a list of n."""
    data = bytes(values)
    if len(data) == unit:
        return [data] * n
    if len(data) != unit * n:
        raise ValueError(f"{what} must be {unit} bytes, or {unit} for each of the {n}; they are {len(data)}")
    return _split(data, unit)


def _split(data: bytes, unit: int) -> list[bytes]:
    return [data[at : at + unit] for at in range(0, len(data), unit)]


def _keys(keys: Buffer, key_length: int, n: int) -> list[bytes]:
    if key_length not in (8, 16, 24):
        raise ValueError(f"a DES key has 8, 16 or 24 bytes, not {key_length}")
    return _each(keys, key_length, n, "keys")


def _spans(data: bytes, offsets: Buffer, unit: int) -> list[tuple[int, int]]:
    view = memoryview(offsets).cast("B")
    if len(view) < 8 or len(view) % 8:
        raise ValueError("offsets must be n + 1 aligned 64-bit integers")
    marks = list(view.cast("q"))
    spans = list(pairwise(marks))
    if marks[0] < 0 or marks[-1] > len(data) or any(b < a or (b - a) % unit for a, b in spans):
        raise ValueError(f"offsets must rise inside the data, by multiples of {unit}")
    return spans


def _target(out: Buffer, size: int) -> memoryview:
    view = memoryview(out).cast("B")
    if len(view) != size:
        raise ValueError(f"out must be {size} bytes, not {len(view)}")
    return view


def ecb(keys: Buffer, key_length: int, data: Buffer, decrypt: bool, out: Buffer, _level: str) -> None:
    """See ``csrc/des.h``; so for every call below."""
    whole = bytes(data)
    if len(whole) % 8:
        raise ValueError(f"{len(whole)} bytes are no whole blocks of 8")
    blocks = _split(whole, 8)
    pairs = zip(_keys(keys, key_length, len(blocks)), blocks, strict=True)
    _target(out, len(whole))[:] = b"".join(block_cipher(key, decrypt)(block) for key, block in pairs)


def cbc(
    keys: Buffer, key_length: int, ivs: Buffer, data: Buffer, offsets: Buffer, decrypt: bool, out: Buffer, _level: str
) -> None:
    whole = bytes(data)
    spans = _spans(whole, offsets, 8)
    target = _target(out, len(whole))
    each = zip(spans, _keys(keys, key_length, len(spans)), _each(ivs, 8, len(spans), "IVs"), strict=True)
    for (start, end), key, iv in each:
        cipher, before = block_cipher(key, decrypt), iv
        for at in range(start, end, 8):
            block = whole[at : at + 8]
            result = xor(cipher(block), before) if decrypt else cipher(xor(block, before))
            target[at : at + 8] = result
            before = block if decrypt else result


def cbc_mac(
    keys: Buffer,
    key_length: int,
    iv: Buffer,
    data: Buffer,
    offsets: Buffer,
    padding: int,
    retail: bool,
    out: Buffer,
    _level: str,
) -> None:
    if padding not in (1, 2, 3):
        raise ValueError(f"padding method {padding} is not 1, 2 or 3")
    if retail and key_length != 16:
        raise ValueError(f"a retail MAC takes a key of 16 bytes, not {key_length}")
    whole = bytes(data)
    spans = _spans(whole, offsets, 1)
    each = zip(spans, _keys(keys, key_length, len(spans)), _each(iv, 8, len(spans), "IVs"), strict=True)
    blocks = [mac_block(key, start_iv, whole[a:b], padding, retail) for (a, b), key, start_iv in each]
    _target(out, 8 * len(spans))[:] = b"".join(blocks)


def mac_one(key: Buffer, message: Buffer, iv: Buffer, padding: int, retail: bool, _level: str) -> bytes:
    out = bytearray(8)
    data = bytes(message)
    cbc_mac(key, len(bytes(key)), iv, data, array("q", (0, len(data))), padding, retail, out, _level)
    return bytes(out)


def derive(masters: Buffer, factors: Buffer, out: Buffer, _level: str) -> None:
    whole = bytes(factors)
    if len(whole) % 8:
        raise ValueError(f"factors must be 8 bytes each; they are {len(whole)}")
    each = _split(whole, 8)
    pairs = zip(_keys(masters, 16, len(each)), each, strict=True)
    _target(out, 16 * len(each))[:] = b"".join(derived_key(master, factor) for master, factor in pairs)


def _tacs(master: Buffer, factors: Buffer, data: Buffer, offsets: Buffer) -> list[bytes]:
    whole, key = bytes(data), bytes(master)
    spans = _spans(whole, offsets, 1)
    factor_bytes = bytes(factors)
    if len(factor_bytes) != 8 * len(spans):
        raise ValueError(f"factors must be 8 bytes for each of the {len(spans)} messages; they are {len(factor_bytes)}")
    if len(key) != 16:
        raise ValueError(f"the master key has 16 bytes, not {len(key)}")
    pairs = zip(_split(factor_bytes, 8), spans, strict=True)
    return [tac_block(key, factor, whole[a:b]) for factor, (a, b) in pairs]


def tac(master: Buffer, factors: Buffer, data: Buffer, offsets: Buffer, out: Buffer, _level: str) -> None:
    found = _tacs(master, factors, data, offsets)
    _target(out, 4 * len(found))[:] = b"".join(found)


def tac_verify(
    master: Buffer, factors: Buffer, data: Buffer, offsets: Buffer, tacs: Buffer, out_status: Buffer, _level: str
) -> None:
    found, stated = _tacs(master, factors, data, offsets), bytes(tacs)
    if len(stated) != 4 * len(found):
        raise ValueError(f"TACs must be 4 bytes for each of the {len(found)} messages; they are {len(stated)}")
    _target(out_status, len(found))[:] = bytes(a != b for a, b in zip(found, _split(stated, 4), strict=True))
