"""Rows of an Arrow batch as records: looked through where they lie, made into text only where the judge asks."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sbcard_core import _kernels
from sbcard_core.validation.arrow_cells import CellTable
from sbcard_core.validation.blocks import MAX_COLUMNS, Code, Looked, RowBlock, key_program
from sbcard_core.validation.spec import NO_FAULT, Layout
from sbcard_core.validation.text_columns import TextColumn, empty, gather


class ColumnBlock:
    """Successive rows of a table.

    Args:
        first: 1-based number of the first row.
        table: their cells.
        layout: what the column names declare.
    """

    reading = "utf-8 columns"
    refusal = "file.header"
    encoding = ""
    fault = NO_FAULT

    def __init__(self, first: int, table: CellTable, layout: Layout | None) -> None:
        self.first, self.table, self.layout = first, table, layout
        self._keys: tuple[int, npt.NDArray[np.uint64]] | None = None
        self._last: tuple[int, list[str]] = -1, []

    def _row(self, index: int) -> list[str]:
        """The cells of a row, which its caller asks for several times in turn."""
        if self._last[0] != index:
            self._last = index, self.table.row(index)
        return self._last[1]

    def __len__(self) -> int:
        return self.table.count

    @property
    def physical_lines(self) -> int:
        """Rows."""
        return self.table.count

    @property
    def texts(self) -> list[str | None]:
        """Each row joined by commas."""
        return [self.text(index) for index in range(len(self))]

    def text(self, index: int) -> str | None:
        """One of :attr:`texts`."""
        return ",".join(self._row(index))

    def line(self, index: int) -> int:
        """1-based row."""
        return self.first + index

    def is_blank(self, index: int) -> bool:
        """Whether every cell is blank."""
        return not any(cell and not cell.isspace() for cell in self._row(index))

    def cells(self, index: int) -> list[str] | None:
        """The cells."""
        return self._row(index)

    def column(self, at: int) -> Iterator[tuple[int, str]]:
        """(index, cell) of one column."""
        cells = self.table.columns[at]
        for index in range(len(self)):
            yield index, cells.raw(index).decode("utf-8", "replace")

    def raw_line(self, index: int) -> bytes:
        """The row as UTF-8 CSV."""
        out = io.StringIO()
        csv.writer(out).writerow(self._row(index))
        return out.getvalue().encode("utf-8", "surrogatepass")

    def look_through(self, code: Code, *, with_keys: bool = True) -> Looked:
        """Run a program of the screen: a flag for each row, 0 = clean, and the key of its number, where asked for."""
        kernel, level = _kernels.choose("screen")
        flags, keys = np.empty(len(self), np.uint8), np.zeros(len(self) if with_keys else 0, np.uint64)
        kernel.columns(code, self.table.described, flags, keys if with_keys else None, level)
        return flags, keys

    def number_keys(self, column: int) -> npt.NDArray[np.uint64]:
        """For each record the first 17 digits of the number in a column, 0 where it must be looked at as text."""
        if len(self.table.columns) > MAX_COLUMNS:
            return np.zeros(len(self), np.uint64)
        if self._keys is None or self._keys[0] != column:
            program = key_program(column, len(self.table.columns), gb=False)
            self._keys = column, self.look_through(program)[1]
        return self._keys[1]

    def rows(self, at: Iterable[int], layout: Layout, make: Callable[[Sequence[Any]], Any]) -> list[Any]:
        """Rows of chosen records: the values in the layout's order, then the line."""
        return [
            make((*[found[column] if column >= 0 else "" for column in layout.order], self.first + index))
            for index in at
            for found in [self.table.row(index)]
        ]

    def text_columns(self, at: npt.NDArray[np.int64], layout: Layout) -> list[TextColumn]:
        """The layout's columns of chosen records."""
        return [
            gather(self.table.columns[column].described, len(self), at) if column >= 0 else empty(len(at))
            for column in layout.order
        ]

    def lines(self, at: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Their rows, 1-based."""
        return at + self.first

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process go the cells."""
        rows = [self.table.row(index) for index in range(len(self))]
        return RowBlock, (self.first, rows, self.layout)
