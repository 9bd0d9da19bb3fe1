"""How much a workbook holds, measured in bounded memory before any library is called to read it.

A library makes the whole rectangle from A1 to the last cell that holds something, and a copy of a shared text for each
cell that uses it: a file of two kilobytes can ask for terabytes, and the process is ended. What the file's directory
and its ``<dimension>`` claim is not believed.

A sheet is scanned as calamine reads it: names of tags with and without a prefix, from ``<sheetData>`` on, cells with
and without ``r=``. Tags written as spreadsheet programs write them are counted by expressions, others one by one.
"""

import re
import sys
import zipfile
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from itertools import islice
from operator import lt
from pathlib import Path
from typing import Final

from sbcard_core.files import open_input
from sbcard_core.validation import biff
from sbcard_core.validation.archives import ZIP_ERRORS, is_damage
from sbcard_core.validation.blocks import SourceRefused
from sbcard_core.validation.quotes import WIDEST

MAX_CELLS: Final = 2_000_000
"""Cells of one workbook, those counted that a reader makes to fill the rectangle: about 210 MB while it is read."""

MAX_UNPACKED: Final = 400 << 20
"""Bytes of one workbook, unpacked; and of its texts, one counted for each cell that has it."""

MAX_ROWS: Final = 1_048_576
"""Of a sheet in any spreadsheet program."""

_WIDEST_CHARACTER: Final = 3
"""Bytes of a character in memory."""

_PIECE: Final = 1 << 18
_LONGEST_TAG: Final = 1 << 20

_PREFIX: Final = rb"(?:[^\s<>/!?]*:)?"
_ATTRIBUTES: Final = rb"""((?:[^<>"']|"[^"]*"|'[^']*')*)"""
_DATA: Final = re.compile(rb"<" + _PREFIX + rb"sheetData[\s/>]")
_ROW_BITS: Final = 20
"""A place of a cell is one number: its row, with these bits for its column below."""

_PREFIXED: Final = (b":c", b":row")
_ODD: Final = (
    re.compile(rb'<c(?! r="[A-Z]{1,3}[0-9]{1,7}"[ />]|[a-zA-Z])'),
    re.compile(rb'<row(?! r="[0-9]{1,7}"[ />]|[a-zA-Z])'),
)
_PLACES: Final = re.compile(rb'<c r="([A-Z]+)([0-9]+)')
_TAG: Final = re.compile(rb"<" + _PREFIX + rb"(c|row)(?=[\s/>])" + _ATTRIBUTES + rb">(\s*</)?")
_PLACE: Final = re.compile(rb"""(?:^|\s)r\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_REFERENCE: Final = re.compile(rb"([A-Za-z]{1,7})([0-9]{1,10})")
_TEXT_END: Final = re.compile(rb"</" + _PREFIX + rb"si\s*>")
_VALUE: Final = re.compile(rb"<" + _PREFIX + rb"v(?:\s[^<>]*)?>\s*([0-9]{1,9})\s*<")
_ODS_TAG: Final = re.compile(
    rb"<" + _PREFIX + rb"(table|table-row|table-cell|covered-table-cell)(?=[\s/>])" + _ATTRIBUTES + rb">(\s*</)?"
)
_REPEATED: Final = re.compile(rb"""number-(?:rows|columns)-repeated\s*=\s*["']\s*([0-9]{1,18})""")
_HOLDS: Final = re.compile(rb"""value[\w-]*\s*=""")


def too_large(finer: str, limit: int = 0) -> SourceRefused:
    """The refusal of a source that is larger than a limit."""
    return SourceRefused("file.too_large", finer, limit=f"{limit:,}")


def damaged(finer: str = "") -> SourceRefused:
    """The refusal of a source that is no whole file of its kind."""
    return SourceRefused("file.damaged", finer)


@dataclass(slots=True)
class Extent:
    """What a workbook asks for: cells of the rectangles its sheets span, and bytes unpacked."""

    cells: int = 0
    unpacked: int = 0
    longest_text: int = 0
    in_order: bool = True
    """Every cell of a sheet stands behind the one before it; else two may have one place, and one of them is lost."""


def measure(path: Path, *, max_cells: int = MAX_CELLS, max_unpacked: int = MAX_UNPACKED) -> Extent:
    """Measure an .xlsx, .ods or .xls file.

    Args:
        path: the file.
        max_cells: limit for the cells of all sheets.
        max_unpacked: limit in bytes for the unpacked archive and for the texts; a fourth of it for .xls.

    Raises:
        SourceRefused: over a limit, no whole file, or a cell where no sheet has one.
        FileRefused: no regular file.
        OSError: the file cannot be read.
    """
    with open_input(path) as file:
        if file.read(2) != b"PK":
            size = file.seek(0, 2)
            if size > max_unpacked // 4:
                raise too_large("bytes", max_unpacked >> 22)
            cells, characters = biff.extent(file)
            if characters * _WIDEST_CHARACTER > max_unpacked:
                raise too_large("text", max_unpacked >> 20)
            return Extent(_within(cells, max_cells), size)
        try:
            with zipfile.ZipFile(file) as archive:
                return _archive(archive, max_cells, max_unpacked)
        except ZIP_ERRORS as error:
            if not is_damage(error):
                raise
            raise damaged() from error


def _within(cells: int, limit: int) -> int:
    if cells > limit:
        raise too_large("cells", limit)
    return cells


def _archive(archive: zipfile.ZipFile, max_cells: int, max_unpacked: int) -> Extent:
    names = [member.filename.lower().replace("\\", "/") for member in archive.infolist()]
    if any(name.endswith("xl/workbook.bin") for name in names):
        raise too_large("binary")
    found = Extent()
    for member, name in zip(archive.infolist(), names, strict=True):
        texts = name.endswith("sharedstrings.xml")
        scan: _Scan = _Ods(max_cells) if name == "content.xml" else _Texts() if texts else _Sheet(max_cells)
        for piece in _pieces(archive, member):
            found.unpacked += len(piece)
            if found.unpacked > max_unpacked:
                raise too_large("unpacked", max_unpacked >> 20)
            scan.feed(piece)
        if isinstance(scan, _Sheet) and scan.is_doubtful():
            scan = _Exact(max_cells)
            for piece in _pieces(archive, member):
                scan.feed(piece)
        found.in_order = found.in_order and (not isinstance(scan, _Data) or scan.in_order)
        found.cells = _within(found.cells + scan.cells, max_cells)
        found.longest_text = max(found.longest_text, scan.longest)
    if found.longest_text * found.cells > max_unpacked:
        _check_texts(archive, max_unpacked)
    return found


def _pieces(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """What a member holds, whatever length the archive says it has: another reader may go on behind that."""
    whole = copy(member)
    whole.file_size = sys.maxsize
    with archive.open(whole) as file:
        while data := file.read(_PIECE):
            yield data


class _Scan:
    """A member of the archive, scanned piece by piece; a tag that a piece cuts is put together."""

    cells = 0
    longest = 0

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> None:
        """Take the next piece."""
        seen = self._held + data
        cut = seen.rfind(b"<")
        if len(seen) - cut > _LONGEST_TAG:
            raise too_large("long_text")
        self._held = seen[max(cut, 0) :]
        self.take(seen[: max(cut, 0)])

    def take(self, seen: bytes) -> None:
        """Scan whole tags."""


class _Data(_Scan):
    """A member from its ``<sheetData>`` on; one without it, a picture for instance, holds no cells."""

    def __init__(self) -> None:
        super().__init__()
        self._begun, self._last, self.in_order = False, 0, True

    def take(self, seen: bytes) -> None:
        if not self._begun:
            begin = _DATA.search(seen)
            if begin is None:
                return
            self._begun, seen = True, seen[begin.end() :]
        self.scan(seen)

    def scan(self, seen: bytes) -> None:
        """Scan whole tags of cells."""

    def follow(self, places: list[int]) -> None:
        """Notice a cell that does not stand behind the one before it."""
        self.in_order = self.in_order and self._last < places[0] and all(map(lt, places, islice(places, 1, None)))
        self._last = places[-1]


class _Sheet(_Data):
    """A sheet whose tags are written as spreadsheet programs write them; where they are not, it says so."""

    def __init__(self, max_cells: int) -> None:
        super().__init__()
        self._max, self._odd = max_cells, False
        self._columns, self._rows, self._count = dict[bytes, int](), 0, 0

    def scan(self, seen: bytes) -> None:
        self._odd = self._odd or any(mark in seen for mark in _PREFIXED) or any(odd.search(seen) for odd in _ODD)
        if self._odd:
            return
        found = _PLACES.findall(seen)
        if not found:
            return
        new = {letters for letters, _ in found}.difference(self._columns)
        self._columns |= {letters: _column(letters) for letters in new}
        places = [(int(row) << _ROW_BITS) + self._columns[letters] for letters, row in found]
        self.follow(places)
        self._count += len(places)
        self._rows = max(self._rows, max(places) >> _ROW_BITS)
        self.cells = max(self._rows * max(self._columns.values()), self._count)

    def is_doubtful(self) -> bool:
        """Whether the tags must be read one by one: odd ones, or more than a limit, empty cells counted."""
        beyond = self._rows > MAX_ROWS or max(self._columns.values(), default=0) > WIDEST
        return self._odd or beyond or self.cells > self._max


class _Exact(_Data):
    """A sheet read tag by tag; cells that hold nothing don't count, for no reader makes them."""

    def __init__(self, max_cells: int) -> None:
        super().__init__()
        self._max, self._row, self._column = max_cells, 0, 0
        self._rows = self._columns = self._count = 0

    def scan(self, seen: bytes) -> None:
        for tag in _TAG.finditer(seen):
            place = _PLACE.search(tag[2])
            where = b"" if place is None else place[1] or place[2] or b""
            if tag[1] == b"row":
                self._row = self._number(where) if place else self._row + 1
                self._column = 0
                continue
            self._count += 1
            row = self._row or 1
            if place:
                match = _REFERENCE.fullmatch(where.strip())
                if match is None:
                    raise damaged("place")
                self._column, row = _column(match[1]), self._number(match[2])
            else:
                self._column += 1
            if self._column > WIDEST or row > MAX_ROWS:
                raise damaged("place")
            self.follow([(row << _ROW_BITS) + self._column])
            if not (tag[2].rstrip().endswith(b"/") or tag[3]):
                self._rows, self._columns = max(self._rows, row), max(self._columns, self._column)
            self.cells = max(self._rows * self._columns, self._count)
            _within(self.cells, self._max)

    @staticmethod
    def _number(text: bytes) -> int:
        row = int(text) if text.strip().isdigit() and len(text) <= 10 else 0
        if not 0 < row <= MAX_ROWS:
            raise damaged("place")
        return row


def _column(letters: bytes) -> int:
    """The number of a column, from 1.

    Example:
        >>> _column(b"A"), _column(b"XFD")
        (1, 16384)
    """
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number


class _Texts(_Scan):
    """The shared texts: how long each is, its tags counted too."""

    def __init__(self) -> None:
        super().__init__()
        self.lengths: list[int] = []
        self._since = 0

    def take(self, seen: bytes) -> None:
        at = 0
        for end in _TEXT_END.finditer(seen):
            self.lengths.append(self._since + end.start() - at)
            at, self._since = end.end(), 0
        self._since += len(seen) - at
        self.longest = max(self.longest, self._since, max(self.lengths[-_PIECE:], default=0))


@dataclass(slots=True)
class _Uses:
    """How many bytes the cells have that name shared texts."""

    lengths: list[int]
    limit: int
    total: int = 0
    held: bytes = field(default=b"", repr=False)

    def feed(self, data: bytes) -> None:
        seen = self.held + data
        at = 0
        for value in _VALUE.finditer(seen):
            at, number = value.end(), int(value[1])
            self.total += self.lengths[number] if number < len(self.lengths) else 0
        if self.total > self.limit:
            raise too_large("text", self.limit >> 20)
        self.held = seen[max(at, len(seen) - _LONGEST_TAG // 16) :]


def _check_texts(archive: zipfile.ZipFile, limit: int) -> None:
    """Refuse a workbook whose cells, each with a copy of its shared text, are over a limit."""
    texts = _Texts()
    for member in archive.infolist():
        if member.filename.lower().endswith("sharedstrings.xml"):
            for piece in _pieces(archive, member):
                texts.feed(piece)
    uses = _Uses(texts.lengths, limit)
    for member in archive.infolist():
        uses.held = b""
        if member.filename.lower().endswith(".xml"):
            for piece in _pieces(archive, member):
                uses.feed(piece)


class _Ods(_Scan):
    """The tables of an OpenDocument file, whose rows and cells may be repeated by a number."""

    def __init__(self, max_cells: int) -> None:
        super().__init__()
        self._max, self._done = max_cells, 0
        self._row = self._repeat = self._column = self._rows = self._columns = 0

    def take(self, seen: bytes) -> None:
        for tag in _ODS_TAG.finditer(seen):
            match = _REPEATED.search(tag[2])
            times = int(match[1]) if match else 1
            if tag[1] == b"table":
                self._done += self._rows * self._columns
                self._row = self._repeat = self._column = self._rows = self._columns = 0
            elif tag[1] == b"table-row":
                self._row, self._repeat, self._column = self._row + self._repeat, times, 0
            else:
                self._column += times
                is_empty = tag[2].rstrip().endswith(b"/") or tag[3]
                if not is_empty or _HOLDS.search(tag[2]):
                    self._rows = max(self._rows, self._row + self._repeat)
                    self._columns = max(self._columns, min(self._column, WIDEST))
            self.cells = self._done + self._rows * self._columns
            _within(self.cells, self._max)
