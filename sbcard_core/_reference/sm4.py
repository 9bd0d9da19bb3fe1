"""Twin of ``_fast.sm4``: the same calls composed of the ``cryptography`` package, one message after the other."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import pairwise
from types import ModuleType

BLOCK = 16
LEVELS = ("reference",)


@cache
def _parts() -> ModuleType:
    return import_module("cryptography.hazmat.primitives.ciphers")


def _run(key: bytes, iv: bytes | None, decrypt: bool, data: bytes) -> bytes:
    parts = _parts()
    mode = parts.modes.ECB() if iv is None else parts.modes.CBC(iv)
    cipher = parts.Cipher(parts.algorithms.SM4(key), mode)
    result: bytes = (cipher.decryptor() if decrypt else cipher.encryptor()).update(data)
    return result


def _bytes(buffer: bytes | bytearray) -> memoryview:
    return memoryview(buffer).cast("B")


def _each(view: memoryview, n: int, what: str) -> list[bytes]:
    """One item for each of n: the only one n times, or its own."""
    if len(view) == BLOCK:
        return [bytes(view)] * n
    if len(view) == n * BLOCK:
        return [bytes(view[i : i + BLOCK]) for i in range(0, len(view), BLOCK)]
    raise ValueError(f"{what} must be 16 bytes, or 16 for each item")


def _spans(data: memoryview, offsets: bytes, whole: bool) -> list[tuple[int, int]]:
    raw = _bytes(offsets)
    if len(raw) < 8 or len(raw) % 8:
        raise ValueError("offsets must be int64, one more than there are messages")
    at = list(raw.cast("q"))
    pairs = list(pairwise(at))
    wrong = at[0] < 0 or at[-1] > len(data)
    if wrong or any(end < start or (whole and (end - start) % BLOCK) for start, end in pairs):
        raise ValueError("offsets must not decrease, and lie in data" + (", whole blocks apart" if whole else ""))
    return pairs


def _pad(message: bytes, padding: int) -> bytes:
    """Methods 1, 2 and 3 of ISO/IEC 9797-1; an empty message still becomes a block."""
    if padding == 2:
        return message + b"\x80" + bytes(-(len(message) + 1) % BLOCK)
    padded = message + bytes(-len(message) % BLOCK if message else BLOCK)
    return padded if padding == 1 else (len(message) * 8).to_bytes(BLOCK, "big") + padded


def ecb(keys: bytes, data: bytes, decrypt: bool, out: bytearray, _level: str) -> None:
    """Same call as the compiled kernel; the level has one value here."""
    source, target = _bytes(data), _bytes(out)
    key = _each(_bytes(keys), len(source) // BLOCK, "keys")
    if len(source) % BLOCK or len(target) != len(source):
        raise ValueError("data must be whole blocks of 16 bytes, and out as long")
    if len(set(key)) == 1:
        target[:] = _run(key[0], None, decrypt, bytes(source))
        return
    for i, own in enumerate(key):
        block = slice(BLOCK * i, BLOCK * (i + 1))
        target[block] = _run(own, None, decrypt, bytes(source[block]))


def _of_messages(
    keys: bytes, ivs: bytes, data: memoryview, offsets: bytes, whole: bool, name: str
) -> Iterator[tuple[bytes, bytes, slice]]:
    spans = _spans(data, offsets, whole)
    every_key, every_iv = _each(_bytes(keys), len(spans), "keys"), _each(_bytes(ivs), len(spans), name)
    return ((key, iv, slice(*span)) for key, iv, span in zip(every_key, every_iv, spans, strict=True))


def cbc(keys: bytes, ivs: bytes, data: bytes, offsets: bytes, decrypt: bool, out: bytearray, _level: str) -> None:
    """Same call as the compiled kernel."""
    source, target = _bytes(data), _bytes(out)
    work = _of_messages(keys, ivs, source, offsets, True, "ivs")
    if len(target) != len(source):
        raise ValueError("out must be as long as data")
    for key, iv, span in work:
        target[span] = _run(key, iv, decrypt, bytes(source[span]))


def cbc_mac(keys: bytes, iv: bytes, data: bytes, offsets: bytes, padding: int, out: bytearray, _level: str) -> None:
    """Same call as the compiled kernel."""
    source, target = _bytes(data), _bytes(out)
    work = list(_of_messages(keys, iv, source, offsets, False, "iv"))
    if len(target) != len(work) * BLOCK:
        raise ValueError("out must be 16 bytes for each message")
    if not 1 <= padding <= 3:
        raise ValueError("padding must be 1, 2 or 3")
    for i, (key, start, span) in enumerate(work):
        chained = _run(key, start, False, _pad(bytes(source[span]), padding))
        target[BLOCK * i : BLOCK * (i + 1)] = chained[-BLOCK:]


def derive(masters: bytes, factors: bytes, out: bytearray, _level: str) -> None:
    """Same call as the compiled kernel."""
    factor, target = _bytes(factors), _bytes(out)
    key = _each(_bytes(masters), len(factor) // 8, "masters")
    if len(factor) % 8 or len(target) != len(key) * BLOCK:
        raise ValueError("factors must be 8 bytes each, and out 16 for each")
    for i, own in enumerate(key):
        part = bytes(factor[8 * i : 8 * i + 8])
        block = part + bytes(255 - byte for byte in part)
        target[BLOCK * i : BLOCK * (i + 1)] = _run(own, None, False, block)
