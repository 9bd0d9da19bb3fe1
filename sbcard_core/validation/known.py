"""Numbers that are known already: exact membership of a column of numbers in a stream of any length.

The new numbers go into a table of keys once; the known ones pass by in pieces and are only looked up. A key is the
number itself (17 digits and the check character); any other value is compared as text.
"""

from typing import Any

import numpy as np

from sbcard_core.validation.number_column import PIECE, NumberColumn, gather, pack_exact, pieces
from sbcard_core.validation.repeats import KeySet

__all__ = ["mark", "pack_exact"]


def _others(column: NumberColumn) -> dict[bytes, list[int]]:
    """Places of the values that are no number, by text; blanks are left out."""
    found: dict[bytes, list[int]] = {}
    for place, text in column.texts():
        if text:
            found.setdefault(text, []).append(place)
    return found


def mark(numbers: Any, known: Any) -> bytearray:
    """Mark the numbers that are among the known ones.

    Args:
        numbers: n numbers in stored form: an iterable of ``str``, n × 18 contiguous bytes (``bytes``, numpy ``S18``),
            or an Arrow column of text (PyCapsule).
        known: numbers in stored form, in any of these shapes. A stream is read once, in pieces, and never held.

    Returns:
        n bytes, 1 where the number is known. A blank number is never known. Memory: 9 bytes for each number, and
        8 for each slot of a table (4/3 to 8/3 slots for each different number, and again for each one that is
        known); nothing for the other known ones.

    Raises:
        InvalidValue: a column that is not n × 18 bytes, or one of another type.

    Example:
        >>> list(mark(["11010519491231002X", "430102194912310021"], iter(["11010519491231002X"])))
        [1, 0]
        >>> list(mark(["11010519491231002X"], b"430102194912310021" b"11010519491231002X"))
        [1]
        >>> list(mark([b"11010519491231002X".decode(), "H12345678"], ["H12345678"]))
        [0, 1]
    """
    ours = gather(numbers)
    table, hits, others = KeySet(len(ours)), KeySet(), _others(ours)
    table.add(ours.keys)
    out = np.zeros(len(ours), np.uint8)
    for piece in pieces(known):
        hits.add(piece.keys[table.find(piece.keys) >= 0])  # few as a rule, so what follows stays in the cache
        if others:
            for _, text in piece.texts():
                out[others.pop(text, [])] = 1
    for start in range(0, len(ours) if len(hits) else 0, PIECE):
        out[start : start + PIECE] |= hits.find(ours.keys[start : start + PIECE]) >= 0
    return bytearray(out)
