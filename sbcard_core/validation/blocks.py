"""Successive records of a source, as text lines or as rows of cells, with their original bytes at hand."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sbcard_core.errors import Refused
from sbcard_core.validation.spec import Layout, RecordSpec

_DOS_END = "\x1a"  # old programs end a file with it


class SourceRefused(Refused):
    """A whole source cannot be read; ``code`` is the finding code, e.g. ``"file.too_large"``."""

    def __init__(self, what: str, *, code: str, advice: str) -> None:
        super().__init__(what, step="validation.sources", term="采集文件", advice=advice)
        self.code = code


class Digest(Protocol):
    """What ``hashlib`` objects do."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""


class Records(Protocol):
    """Some successive records of a source.

    ``layout`` is what the header declares, None where it is refused, and ``refusal`` is then the finding code.
    """

    layout: Layout | None
    refusal: str

    def __len__(self) -> int:
        """How many lines or rows."""

    @property
    def texts(self) -> Sequence[str | None]:
        """Each record with its cells joined by the layout's delimiter; None = unreadable."""

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


def cells(text: str, delimiter: str = ",") -> list[str] | None:
    """The cells of one record; None where its quotes do not close.

    A quoted cell may hold delimiters, doubled quotes and line ends.

    Example:
        >>> cells('1,"张三,李四",2'), cells('1,"张三')
        (['1', '张三,李四', '2'], None)
    """
    if '"' not in text:
        return text.split(delimiter)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None


def decode_line(raw: bytes, encoding: str) -> str | None:
    """One line without its end; None where it is not decodable or holds a NUL."""
    try:
        text = raw.rstrip(b"\r\n").decode(encoding)
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
    """How many lines the bytes hold; LF, CR LF and a lone CR end one."""
    ends = raw.count(b"\n")
    if (returns := raw.count(b"\r")) and returns != raw.count(b"\r\n"):
        return len(raw.splitlines())
    return ends + (not raw.endswith((b"\n", b"\r")) and raw != b"")


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
        numbers: the first line of each of ``records``.
    """

    first: int
    raw: bytes = field(repr=False)
    encoding: str
    layout: Layout | None = None
    refusal: str = "file.header"
    overlong: bool = False
    records: list[bytes] | None = field(default=None, repr=False)
    numbers: list[int] = field(default_factory=list, repr=False)
    _texts: list[str | None] | None = field(default=None, repr=False)
    _lines: list[bytes] = field(default_factory=list, repr=False)

    def __len__(self) -> int:
        return len(self.records) if self.records is not None else count_lines(self.raw)

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

    def line(self, index: int) -> int:
        """1-based first line of a record."""
        return self.numbers[index] if self.records is not None else self.first + index

    def is_blank(self, index: int) -> bool:
        """Whether the line holds nothing, or is an edge line of the layout (header and trailer of a bank file)."""
        text = self.texts[index]
        if self.layout is not None and self.layout.edges and text is not None and text[:1] in self.layout.edges:
            return True
        return is_blank(text)

    def cells(self, index: int) -> list[str] | None:
        """The cells; None where the record does not parse."""
        text = self.texts[index]
        if text is None:
            return None
        return cells(text, self.layout.delimiter if self.layout else ",")

    def column(self, at: int) -> Iterator[tuple[int, str]]:
        """(index, cell) of one column, for every record that fits the layout."""
        if self.layout is None:
            return
        delimiter, marks = self.layout.delimiter, self.layout.columns - 1
        for index, text in enumerate(self.texts):
            if text is None:
                continue
            if '"' in text:
                row = cells(text, delimiter)
                if row is not None and len(row) == marks + 1:
                    yield index, row[at]
            elif text.count(delimiter) == marks:
                yield index, text.split(delimiter, at + 1)[at]

    def raw_line(self, index: int) -> bytes:
        """The original bytes of one record, its line end included."""
        if self.records is not None:
            return self.records[index]
        if not self._lines:
            self._lines = self.raw.splitlines(keepends=True)
        return self._lines[index]


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
    """

    first: int
    rows: Sequence[Sequence[str] | None] = field(repr=False)
    layout: Layout | None = None
    raws: Sequence[bytes] | None = field(default=None, repr=False)
    refusal: str = "file.header"
    numbers: Sequence[int] | None = None
    _texts: list[str | None] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def texts(self) -> list[str | None]:
        """Each row joined by commas. A clean cell holds none, so no other row can look clean."""
        if self._texts is None:
            self._texts = [None if row is None else ",".join(row) for row in self.rows]
        return self._texts

    def line(self, index: int) -> int:
        """1-based row."""
        return self.numbers[index] if self.numbers is not None else self.first + index

    def is_blank(self, index: int) -> bool:
        """Whether every cell is blank."""
        row = self.rows[index]
        return row is not None and not any(cell and not cell.isspace() for cell in row)

    def cells(self, index: int) -> list[str] | None:
        """The cells; None where the row is unreadable."""
        row = self.rows[index]
        return None if row is None else list(row)

    def column(self, at: int) -> Iterator[tuple[int, str]]:
        """(index, cell) of one column, for every readable row."""
        for index, row in enumerate(self.rows):
            if row is not None and self.layout is not None and len(row) == self.layout.columns:
                yield index, row[at]

    def raw_line(self, index: int) -> bytes:
        """The original bytes; of a source that has none, the row as UTF-8 CSV."""
        if self.raws is not None:
            return self.raws[index]
        out = io.StringIO()
        csv.writer(out).writerow(self.rows[index] or [])
        return out.getvalue().encode("utf-8", "surrogatepass")


def header_block(
    rows: Sequence[Sequence[str]], layout_of: Callable[[list[str]], Layout | None]
) -> tuple[int, Layout | None]:
    """(index of the first row that is not blank, its layout) of the first rows of a table; index -1 = all blank."""
    for index, row in enumerate(rows):
        if any(cell and not cell.isspace() for cell in row):
            return index, layout_of(list(row))
    return -1, None
