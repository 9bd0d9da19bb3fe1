"""Accepted rows in file order, those a screen let pass beside those the judge settled."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload


class Accepted(Sequence[Any]):
    """A list of rows that end in their line, kept in line order.

    Example:
        >>> rows = Accepted([("a", 1), ("c", 3)])
        >>> rows.append(("b", 2))
        >>> len(rows), rows[1], rows == [("a", 1), ("b", 2), ("c", 3)]
        (3, ('b', 2), True)
    """

    def __init__(self, rows: Iterable[Any] = ()) -> None:
        self._rows = list(rows)
        self._sorted = not self._rows

    def append(self, row: Any) -> None:
        """Take one more row, from anywhere in the batch."""
        self._rows.append(row)
        self._sorted = False

    def extend(self, rows: Iterable[Any]) -> None:
        """Take more rows."""
        self._rows.extend(rows)
        self._sorted = False

    def _made(self) -> list[Any]:
        if not self._sorted:
            self._rows.sort(key=_line)
            self._sorted = True
        return self._rows

    def __len__(self) -> int:
        return len(self._rows)

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

    def __repr__(self) -> str:
        return repr(self._made())


def _line(row: Any) -> int:
    line: int = row[-1]
    return line
