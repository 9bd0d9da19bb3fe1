"""Accepted rows in file order: those the screen let pass, not yet made, beside those the judge settled."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, overload

import numpy as np
import numpy.typing as npt

from sbcard_core.validation.text_columns import TextColumn, of_texts, together

Lines = npt.NDArray[np.int64]


class Unmade(Protocol):
    """Rows that wait to be made."""

    def __len__(self) -> int:
        """How many."""

    def rows(self) -> list[Any]:
        """Make them."""

    def text_columns(self) -> list[TextColumn]:
        """Their columns, without making them."""

    def lines(self) -> Lines:
        """Their lines."""


class Accepted(Sequence[Any]):
    """A list of rows that end in their line, in line order; rows are made when the first one is touched.

    Its length costs nothing, so a check whose rows nobody reads makes none.

    Example:
        >>> rows = Accepted([("a", 1), ("c", 3)])
        >>> rows.append(("b", 2))
        >>> len(rows), rows[1], rows == [("a", 1), ("b", 2), ("c", 3)]
        (3, ('b', 2), True)
    """

    def __init__(self, rows: Iterable[Any] = ()) -> None:
        self._rows: list[Any] = list(rows)
        self._unmade: list[Unmade] = []
        self._sorted = not self._rows

    def append(self, row: Any) -> None:
        """Take one more row, from anywhere in the batch."""
        self._rows.append(row)
        self._sorted = False

    def take(self, rows: Unmade | list[Any]) -> None:
        """Take more rows, made or not."""
        if isinstance(rows, list):
            self._rows.extend(rows)
        elif len(rows):
            self._unmade.append(rows)
        self._sorted = False

    def _all_lines(self) -> Lines:
        made = np.array([_line(row) for row in self._rows], np.int64)
        return np.concatenate([*(part.lines() for part in self._unmade), made])

    def lines(self) -> Lines:
        """The rows' lines, in order; makes no row."""
        return np.sort(self._all_lines())

    def text_columns(self, width: int) -> list[TextColumn]:
        """The rows' first ``width`` values as columns of text; makes no row."""
        parts = [part.text_columns() for part in self._unmade]
        if self._rows or not parts:
            parts.append([of_texts([row[at] for row in self._rows]) for at in range(width)])
        order = np.argsort(self._all_lines(), kind="stable")
        return [together([part[at] for part in parts], order) for at in range(width)]

    def _made(self) -> list[Any]:
        if not self._sorted or self._unmade:
            for part in self._unmade:
                self._rows.extend(part.rows())
            self._unmade = []
            self._rows.sort(key=_line)
            self._sorted = True
        return self._rows

    def __len__(self) -> int:
        return len(self._rows) + sum(map(len, self._unmade))

    @overload
    def __getitem__(self, at: int) -> Any: ...
    @overload
    def __getitem__(self, at: slice) -> list[Any]: ...
    def __getitem__(self, at: int | slice) -> Any:
        return self._made()[at]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._made())

    def __eq__(self, other: object) -> bool:
        return list(self) == list(other) if isinstance(other, Accepted | list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        """To another process go the rows, not the block they stand in."""
        return Accepted, (list(self),)

    def __repr__(self) -> str:
        return repr(self._made())


def as_accepted(rows: Sequence[Any]) -> Accepted:
    """The rows of a batch, which a caller may have given as a list."""
    return rows if isinstance(rows, Accepted) else Accepted(rows)


def _line(row: Any) -> int:
    line: int = row[-1]
    return line
