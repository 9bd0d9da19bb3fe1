"""Damage inside the compressed data of a JPEG that decoders pass over: zeroed blocks, and scans that are missing.

A decoder fills what it cannot read with grey or with what the bits happen to say, and warns nobody. Whatever a picture
shows, some data are impossible in it. A run of zero bits is the shortest code of each table over and over: where that
code is not "end of block", as in the tables most programs use, full blocks of equal waves; where it is, one even block
for each few bits, so that only a run for more blocks than the picture has is impossible. A progressive picture must
bring every coefficient to its last bit.

Source: ITU-T T.81, B.2 (markers), C (Huffman codes), F and G (sequential and progressive coding).
"""

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_FRAMES = {0xC0, 0xC1, 0xC2}
_HUFFMAN, _SCAN, _END, _PROGRESSIVE = 0xC4, 0xDA, 0xD9, 0xC2
_ALONE = {0x01, *range(0xD0, 0xD9)}
_SHORTEST = 64
"""Zero bytes that no picture's blocks hold by themselves."""


@dataclass(slots=True)
class _Picture:
    """What the headers said so far."""

    progressive: bool = False
    blocks: int = 0
    parts: tuple[int, ...] = ()
    zeros: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By the class and number of a Huffman table: the symbol whose code is all zeros, and the bits of that code."""
    left: dict[tuple[int, int], int] = field(default_factory=dict)
    """Bits still to come of each coefficient of each component; only those sent are in it."""


def _segments(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """(marker, body, entropy-coded data behind it) of each segment."""
    at = 2
    while found := _MARKER.search(data, at):
        kind, at = data[found.end() - 1], found.end()
        if kind == _END:
            return
        if kind in _ALONE:
            continue
        size = int.from_bytes(data[at : at + 2], "big")
        body, at = data[at + 2 : at + size], at + max(size, 2)
        following = _MARKER.search(data, at) if kind == _SCAN else None
        yield kind, body, data[at : following.start() if following else len(data)] if kind == _SCAN else b""


def _frame(picture: _Picture, kind: int, body: bytes) -> None:
    _, height, width, count = struct.unpack_from(">BHHB", body)
    parts = [(body[6 + 3 * at], body[7 + 3 * at]) for at in range(count)]
    across, down = max(factor >> 4 for _, factor in parts), max(factor & 15 for _, factor in parts)
    units = -(-width // (8 * across)) * -(-height // (8 * down))
    picture.progressive = kind == _PROGRESSIVE
    picture.blocks = units * sum((factor >> 4) * (factor & 15) for _, factor in parts)
    picture.parts = tuple(part for part, _ in parts)


def _tables(body: bytes) -> Iterator[tuple[int, tuple[int, int]]]:
    """(class and number, (first symbol, bits of its code)) of each Huffman table."""
    at = 0
    while at + 17 < len(body):
        counts = body[at + 1 : at + 17]
        yield body[at], (body[at + 17], next(bits for bits, count in enumerate(counts, 1) if count))
        at += 17 + sum(counts)


def _has_impossible_zeros(picture: _Picture, body: bytes, coded: bytes) -> bool:
    parts = body[1 : 1 + 2 * body[0]]
    waves = [picture.zeros.get(0x10 | table & 15, (0, 1)) for table in parts[1::2]]
    levels = [picture.zeros.get(table >> 4, (0, 1)) for table in parts[1::2]]
    bits = sum(sum(level) + wave[1] for level, wave in zip(levels, waves, strict=True)) / len(waves)
    limit = max(_SHORTEST, int(picture.blocks * bits) // 8)
    if not picture.progressive and any(symbol for symbol, _ in waves):
        limit = _SHORTEST
    return re.search(rb"\0{%d}" % limit, coded) is not None


def _note_scan(left: dict[tuple[int, int], int], body: bytes) -> None:
    count = body[0]
    start, end, bits = body[1 + 2 * count : 4 + 2 * count]
    for part in body[1 : 1 + 2 * count : 2]:
        left.update({(part, at): bits & 15 for at in range(start, min(end, 63) + 1)})


def _is_whole(parts: tuple[int, ...], left: Mapping[tuple[int, int], int]) -> bool:
    return all(left.get((part, at), 1) == 0 for part in parts for at in range(64))


def is_damaged(data: bytes) -> bool:
    """Whether the data of a JPEG are impossible or incomplete; what can't be told is left to the decoder.

    Args:
        data: a file that begins as a JPEG.
    """
    picture = _Picture()
    try:
        for kind, body, coded in _segments(data):
            if kind in _FRAMES:
                _frame(picture, kind, body)
            elif kind == _HUFFMAN:
                picture.zeros.update(_tables(body))
            elif kind == _SCAN:
                if _has_impossible_zeros(picture, body, coded):
                    return True
                _note_scan(picture.left, body)
    except (IndexError, ValueError, StopIteration, struct.error):  # a segment that is cut short
        return True
    return picture.progressive and not _is_whole(picture.parts, picture.left)
