"""The numbers of a block: keys where its bytes give them, cells where a value must be looked at as text."""

from collections.abc import Iterable, Iterator

import numpy as np

from sbcard_core.validation.blocks import Records
from sbcard_core.validation.number_column import NONE, Keys, Places


def numbers_of(block: Records, column: int) -> tuple[Keys, Places, Iterable[tuple[int, str]]]:
    """Keys (the first 17 digits), the index of each key's record, and (index, cell) of every record without a key.

    A block may bring its numbers along: ``number_keys(column)`` gives one uint64 a record, 0 where there is none.
    """
    ready = getattr(block, "number_keys", None)
    keys: Keys = np.zeros(0, np.uint64) if ready is None else ready(column)
    good = (keys != 0) & (keys != NONE)
    if not good.any():
        return keys[good], np.zeros(0, np.int64), block.column(column)
    places: Places = np.flatnonzero(good).astype(np.int64)
    return keys[good], places, _cells(block, column, np.flatnonzero(~good).tolist())


def _cells(block: Records, column: int, indices: list[int]) -> Iterator[tuple[int, str]]:
    for index in indices:
        row = block.cells(index)
        if row is not None and block.layout is not None and len(row) == block.layout.columns:
            yield index, row[column]
