"""The entropy-coded data of a sequential JPEG walked through code by code: whether they are as many blocks as it has.

Zeroed bytes may read as many even blocks where a table's shortest code ends a block, as in a white background. But then
the blocks are too many: what was written over held fewer. The walk takes some 50 ms, so only photos with a run of zeros
that real ones seldom hold are walked.

Source: ITU-T T.81, C (Huffman codes), F.2 (sequential decoding), E.1.4 (restart intervals).
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_LONGEST = 16
"""Bits of a code."""


class Component(NamedTuple):
    """A component of a scan: blocks in each unit, and its Huffman tables as DHT gives them (counts, then symbols)."""

    blocks: int
    level: bytes
    waves: bytes


class _Ends(Exception):
    """The data end inside a block, or hold what is no code."""


def _codes(table: bytes) -> dict[str, int]:
    """The symbol of each code, written in 0 and 1."""
    found: dict[str, int] = {}
    code, at = 0, 16
    for bits in range(1, _LONGEST + 1):
        for symbol in table[at : at + table[bits - 1]]:
            found[f"{code:0{bits}b}"] = symbol
            code += 1
        at += table[bits - 1]
        code <<= 1
    return found


def _symbol(codes: dict[str, int], text: str, at: int) -> tuple[int, int]:
    for bits in range(1, _LONGEST + 1):
        if (symbol := codes.get(text[at : at + bits])) is not None:
            return symbol, at + bits
    raise _Ends


def _block(text: str, at: int, level: dict[str, int], waves: dict[str, int]) -> int:
    """Where the block behind a place ends."""
    size, at = _symbol(level, text, at)
    at += size
    place = 1
    while place < 64:
        symbol, at = _symbol(waves, text, at)
        run, size = symbol >> 4, symbol & 15
        if not size and run < 15:
            break
        place += run + 1
        at += size
        if place > 64:
            raise _Ends
    return at


def is_whole(coded: bytes, parts: Sequence[Component], units: int, interval: int) -> bool:
    """Whether a scan's data are exactly its units.

    Args:
        coded: the data, stuffed bytes and restart markers included.
        parts: its components, in order.
        units: how many groups of blocks the picture has (MCU).
        interval: units between restart markers, 0 = there are none.
    """
    tables = [(part.blocks, _codes(part.level), _codes(part.waves)) for part in parts]
    left = units
    for text in _intervals(coded):
        at, count = 0, min(left, interval or left)
        try:
            for _ in range(count):
                for blocks, level, waves in tables:
                    for _ in range(blocks):
                        at = _block(text, at, level, waves)
        except _Ends:
            return False
        if not count or not 0 <= len(text) - at < 2 * 8:  # what fills the last byte up
            return False
        left -= count
    return not left


def _intervals(coded: bytes) -> Iterator[str]:
    for part in _RESTART.split(coded):
        plain = part.replace(b"\xff\x00", b"\xff")
        yield f"{int.from_bytes(plain, 'big'):0{8 * len(plain)}b}" if plain else ""
