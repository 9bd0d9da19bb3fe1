"""Successive records of a source, as text lines or as rows of cells, with their original bytes at hand."""

import csv
import io
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sbcard_core import _kernels
from sbcard_core.errors import Refused
from sbcard_core.messages import message
from sbcard_core.validation.line_columns import cut
from sbcard_core.validation.quotes import cells, fitted
from sbcard_core.validation.spec import NO_FAULT, HeaderFault, Layout, RecordSpec
from sbcard_core.validation.text_columns import TextColumn

Code = tuple[bytes, bytes, bytes, bool, int]
"""A program of the screen's kernel: checks, clauses and tables, whether text is GB 18030, cells per row."""

Looked = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint64]]
"""Flags and keys of the records of a block."""

MAX_COLUMNS = 64
"""Cells a record may have for the kernel."""

_KEY = struct.Struct("=HHHHIIIIQ")
_KEY_CHECK = 8

NOTHING: Code = (b"", b"", b"", False, 1)
"""The program that only finds the lines."""


def key_program(column: int, columns: int, *, gb: bool) -> Code:
    """The program that only reads the number of a column."""
    return _KEY.pack(_KEY_CHECK, column, 0, 1, 0, 0, 0, 0, 0), b"", b"", gb, columns


_DOS_END = "\x1a"  # old programs end a file with it


class SourceRefused(Refused):
    """A whole source cannot be read; ``code`` is the finding code, ``finer`` names a sentence below the code's own."""

    def __init__(self, code: str, finer: str = "", **parameters: object) -> None:
        self.code = code
        self.sentence = message(".".join(filter(None, ("validation", code, finer))), **parameters)
        super().__init__(self.sentence, step="validation.sources", term="采集文件")


class Digest(Protocol):
    """What ``hashlib`` objects do."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""


class Records(Protocol):
    """Some successive records of a source.

    ``layout`` is what the header declares, None where it is refused, and ``refusal`` is then the finding code.
    ``fault`` names what a refused header lacks. ``encoding`` is that of the original bytes, ``""`` where the source
    holds text.
    """

    layout: Layout | None
    refusal: str
    encoding: str
    fault: HeaderFault

    def __len__(self) -> int:
        """How many records, blank lines included."""

    @property
    def physical_lines(self) -> int:
        """How many lines or rows they take."""

    @property
    def texts(self) -> Sequence[str | None]:
        """Each record with its cells joined by the layout's delimiter; None = unreadable."""

    def text(self, index: int) -> str | None:
        """One of :attr:`texts`, without making the others."""

    def line(self, index: int) -> int:
        """1-based line (or row) of a record."""

    def is_blank(self, index: int) -> bool:
        """Whether there is nothing to judge."""

    def cells(self, index: int) -> list[str] | None:
        """The cells; None where the record does not parse."""

    def column(self, at: int) -> Iterator[tuple[int, str]]:
        """(index, cell) of one column, for every record that fits the layout."""

    def raw_line(self, index: int) -> bytes:
        """The original bytes, line end included."""


class Source(Protocol):
    """Where records come from. Read twice by a check, so ``blocks`` starts anew at every call."""

    @property
    def name(self) -> str:
        """What stands in findings; unique in a check."""

    def blocks(self, spec: RecordSpec, *, digest: Digest | None = None) -> Iterator[Records]:
        """The header's block (one line, its layout), then the records.

        Raises:
            SourceRefused: the source as a whole cannot be read.
            OSError: a file cannot be read.
        """


def is_blank(text: str | None) -> bool:
    """Whether a line holds nothing: blanks only, or the end mark of old programs."""
    return text is not None and not text.strip().strip(_DOS_END)


def decode_line(raw: bytes, encoding: str) -> str | None:
    """One line without its end; None where it is not decodable or holds a NUL."""
    try:
        text = raw.decode(encoding).rstrip("\r\n")
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _texts(raw: bytes, encoding: str) -> list[str | None]:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return [decode_line(line, encoding) for line in raw.splitlines()]
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines: list[str | None] = list(text.split("\n"))
    if text.endswith("\n") or not text:
        lines.pop()
    return lines


def count_lines(raw: bytes) -> int:
    """How many lines the bytes hold; LF, CR LF and a lone CR end one.

    Example:
        >>> count_lines(b"a\\r\\nb\\rc\\n\\nd")
        5
    """
    kernel, level = _kernels.choose("screen")
    return int(kernel.count(raw, level))


def together(lines: Sequence[bytes], first: int, lengths: Iterable[int]) -> tuple[list[bytes], list[int]]:
    """(bytes of each record, number of its first line and at last of the line behind) of records of so many lines.

    Example:
        >>> together([b"a", b"b", b"c"], 5, [2, 1])
        ([b'ab', b'c'], [5, 7, 8])
    """
    ends = list(accumulate(lengths, initial=0))
    records = [b"".join(lines[start:end]) for start, end in pairwise(ends)]
    return records, [first + end for end in ends]


@dataclass(slots=True)
class Block:
    """Text lines, decoded when they are first looked at.

    Args:
        first: 1-based number of the first line.
        raw: the bytes, line ends included.
        encoding: a Python codec.
        layout: what the header declares.
        refusal: finding code of a refused header.
        overlong: the lines are pieces of an over-long one: unreadable.
        records: the bytes of each record, where one spans several lines; else None.
        numbers: the first line of each of ``records``, and the line behind them.
    """

    first: int
    raw: bytes = field(repr=False)
    encoding: str
    layout: Layout | None = None
    refusal: str = "file.header"
    overlong: bool = False
    records: list[bytes] | None = field(default=None, repr=False)
    numbers: list[int] = field(default_factory=list, repr=False)
    fault: HeaderFault = NO_FAULT
    _texts: list[str | None] | None = field(default=None, repr=False)
    _starts: npt.NDArray[np.uint32] | None = field(default=None, repr=False)
    _keys: tuple[int, npt.NDArray[np.uint64]] | None = field(default=None, repr=False)
    _count: int = -1
    _last: tuple[int, bytes, str | None] = field(default=(-1, b"", None), repr=False)

    def __len__(self) -> int:
        if self._count < 0:
            self._count = len(self.records) if self.records is not None else count_lines(self.raw)
        return self._count

    @property
    def physical_lines(self) -> int:
        """How many lines they take."""
        return len(self) if self.records is None else self.numbers[-1] - self.first

    @property
    def texts(self) -> list[str | None]:
        """The records without their line ends; None = not decodable, over-long, or with a NUL."""
        if self._texts is None:
            if self.overlong:
                self._texts = [None] * len(self)
            elif self.records is None:
                self._texts = _texts(self.raw, self.encoding)
            else:
                self._texts = [decode_line(record, self.encoding) for record in self.records]
        return self._texts

    def text(self, index: int) -> str | None:
        """One of :attr:`texts`, without making the others; the last one is at hand."""
        if self._texts is not None:
            return self._texts[index]
        if self._last[0] != index:
            raw = self.raw_line(index)
            self._last = index, raw, None if self.overlong else decode_line(raw, self.encoding)
        return self._last[2]

    def line(self, index: int) -> int:
        """1-based first line of a record."""
        return self.numbers[index] if self.records is not None else self.first + index

    def is_blank(self, index: int) -> bool:
        """Whether the line holds nothing, or is an edge line of the layout (header and trailer of a bank file)."""
        text = self.text(index)
        if self.layout is not None and self.layout.edges and text is not None and text[:1] in self.layout.edges:
            return True
        return is_blank(text)

    def cells(self, index: int) -> list[str] | None:
        """The cells, without empty ones beyond the header's; None where the record does not parse."""
        text = self.text(index)
        row = None if text is None else cells(text, self.layout.delimiter if self.layout else ",")
        return row if row is None or self.layout is None else fitted(row, self.layout.columns)

    def column(self, at: int) -> Iterator[tuple[int, str]]:
        """(index, cell) of one column, for every record that fits the layout."""
        if self.layout is None:
            return
        delimiter, marks = self.layout.delimiter, self.layout.columns - 1
        for index, text in enumerate(self.texts):
            if text is None:
                continue
            count = text.count(delimiter)
            if '"' in text or count > marks:
                row = cells(text, delimiter)
                if row is not None and len(row := fitted(row, marks + 1)) == marks + 1:
                    yield index, row[at]
            elif count == marks:
                yield index, text.split(delimiter, at + 1)[at]

    def raw_line(self, index: int) -> bytes:
        """The original bytes of one record, its line end included."""
        if self._last[0] == index:
            return self._last[1]
        if self.records is not None:
            return self.records[index]
        starts = self.starts
        return self.raw[int(starts[index]) : int(starts[index + 1])]

    @property
    def starts(self) -> npt.NDArray[np.uint32]:
        """Where each line begins, and where the last one ends."""
        if self._starts is None:
            self.look_through(NOTHING, with_keys=False)
        return self._starts  # type: ignore[return-value]

    @property
    def reading(self) -> str:
        """How a kernel reads the bytes; "" where it cannot: pieces of lines, records of several lines."""
        if self.layout is None or self.overlong or self.records is not None:
            return ""
        delimiter, edges = self.layout.delimiter, self.layout.edges
        plain = len(delimiter) == 1 and delimiter < "\x7f" and delimiter not in '0123456789"\r\n\0'
        return f"{self.encoding} lines" if plain and edges.isascii() else ""

    def look_through(self, code: Code, *, with_keys: bool = True) -> Looked:
        """Run a program of the screen: a flag for each line, 0 = clean, and the key of its number, where asked for."""
        kernel, level = _kernels.choose("screen")
        count = len(self)
        self._starts, flags = np.empty(count + 1, np.uint32), np.zeros(count, np.uint8)
        keys = np.zeros(count if with_keys else 0, np.uint64)
        delimiter, edges = (self.layout.delimiter, self.layout.edges) if self.layout else (",", "")
        marks = delimiter.encode("ascii"), edges.encode("ascii")
        kernel.lines(code, self.raw, *marks, self._starts, flags, keys if with_keys else None, level)
        return flags, keys

    def number_keys(self, column: int) -> npt.NDArray[np.uint64]:
        """For each record the first 17 digits of the number in a column, 0 where it must be looked at as text."""
        if not self.reading or self.layout is None or self.layout.columns > MAX_COLUMNS:
            return np.zeros(len(self), np.uint64)
        if self._keys is None or self._keys[0] != column:
            program = key_program(column, self.layout.columns, gb=self.encoding != "utf-8")
            self._keys = column, self.look_through(program)[1]
        return self._keys[1]

    def rows(self, at: Iterable[int], layout: Layout, make: Callable[[Sequence[Any]], Any]) -> list[Any]:
        """Rows of records that fit the layout: the values in its order, then the line."""
        rows = []
        for index in at:
            found = self.cells(index) or []
            rows.append(make((*[found[column] if column >= 0 else "" for column in layout.order], self.line(index))))
        return rows

    def text_columns(self, at: npt.NDArray[np.int64], layout: Layout) -> list[TextColumn]:
        """The layout's columns of records the screen let pass."""
        return cut(self.raw, self.encoding, self.starts, at, layout)

    def lines(self, at: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Their lines."""
        return at + self.first


@dataclass(slots=True)
class RowBlock:
    """Rows of cells: of a workbook, a table file, Arrow or fixed columns.

    Args:
        first: 1-based number of the first row.
        rows: the cells, None where a row is unreadable.
        layout: what the header declares.
        raws: original bytes of a row, where the source has such; else rows are kept as UTF-8 CSV.
        refusal: finding code of a refused header.
        numbers: line of each row, where they do not simply follow ``first``.
        encoding: of ``raws``.
    """

    first: int
    rows: Sequence[Sequence[str] | None] = field(repr=False)
    layout: Layout | None = None
    raws: Sequence[bytes] | None = field(default=None, repr=False)
    refusal: str = "file.header"
    numbers: Sequence[int] | None = None
    encoding: str = ""
    fault: HeaderFault = NO_FAULT
    _texts: list[str | None] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def physical_lines(self) -> int:
        """Rows."""
        return len(self.rows)

    @property
    def texts(self) -> list[str | None]:
        """Each row joined by commas. A clean cell holds none, so no other row can look clean."""
        if self._texts is None:
            self._texts = [None if row is None else ",".join(row) for row in self.rows]
        return self._texts

    def text(self, index: int) -> str | None:
        """One of :attr:`texts`, without making the others."""
        row = self.rows[index]
        return None if row is None else ",".join(row)

    def line(self, index: int) -> int:
        """1-based row."""
        return self.numbers[index] if self.numbers is not None else self.first + index

    def is_blank(self, index: int) -> bool:
        """Whether every cell is blank."""
        row = self.rows[index]
        return row is not None and not any(cell and not cell.isspace() for cell in row)

    def cells(self, index: int) -> list[str] | None:
        """The cells, without empty ones beyond the header's; None where the row is unreadable."""
        row = self.rows[index]
        return None if row is None else fitted(list(row), self.layout.columns if self.layout else len(row))

    def column(self, at: int) -> Iterator[tuple[int, str]]:
        """(index, cell) of one column, for every readable row."""
        for index in range(len(self.rows)) if self.layout is not None else ():
            row = self.cells(index)
            if row is not None and self.layout is not None and len(row) == self.layout.columns:
                yield index, row[at]

    def raw_line(self, index: int) -> bytes:
        """The original bytes; of a source that has none, the row as UTF-8 CSV."""
        if self.raws is not None:
            return self.raws[index]
        out = io.StringIO()
        csv.writer(out).writerow(self.rows[index] or [])
        return out.getvalue().encode("utf-8", "surrogatepass")
