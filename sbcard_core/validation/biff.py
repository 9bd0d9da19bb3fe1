"""How many cells the sheets of an .xls file span: a walk over its records, without reading what they hold.

Source: [MS-CFB] 2.2 to 2.6 (sectors, chains, directory), [MS-XLS] 2.3 (records), 2.4.90 (Dimensions).
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final

from sbcard_core.validation.blocks import SourceRefused

_MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LAST_SECTOR: Final = 0xFFFFFFFA
_MOST_ROWS, _MOST_COLUMNS = 65_536, 256
"""Of a sheet in this form."""

_BOF: Final = frozenset((0x0009, 0x0209, 0x0409, 0x0809))
_DIMENSIONS: Final = 0x0200
_ONE_CELL: Final = frozenset((0x0203, 0x0204, 0x0205, 0x0006, 0x0206, 0x0406, 0x00D6, 0x00FD, 0x027E))
"""Records of one cell that holds something: row and column stand first."""

_TEXTS, _CONTINUE, _TEXT_CELL = 0x00FC, 0x003C, 0x00FD
"""SST with the shared texts, what goes on behind it, and LABELSST, a cell that names one."""

_MANY_CELLS: Final = 0x00BD
"""MULRK: row and first column stand first, the last column at the end."""


def _damaged() -> SourceRefused:
    return SourceRefused("file.damaged")


def extent(file: BinaryIO) -> tuple[int, int]:
    """Cells of the rectangles from A1 to the last cell of each sheet, and characters of their shared texts.

    Raises:
        SourceRefused: no whole compound file, or a cell where no sheet has one.
    """
    found = _Extent()
    for kind, body in _records(_stream(file)):
        found.take(kind, body)
    return found.total + found.rows * found.columns, found.characters


class _Extent:
    """The sums over the records so far."""

    def __init__(self) -> None:
        self.total = self.rows = self.columns = self.characters = 0
        self._texts: list[bytes] = []
        self._lengths: list[int] = []

    def take(self, kind: int, body: bytes) -> None:
        """Take the next record."""
        if kind == _TEXTS or (kind == _CONTINUE and self._texts):
            self._texts.append(body)
            return
        if self._texts:
            self._lengths, self._texts = _lengths(self._texts), []
        if kind in _BOF:
            self.total, self.rows, self.columns = self.total + self.rows * self.columns, 0, 0
        elif kind == _DIMENSIONS and len(body) >= 10:
            top, bottom, left, right = struct.unpack_from("<IIHH" if len(body) >= 14 else "<HHHH", body)
            if not (top <= bottom <= _MOST_ROWS and left <= right <= _MOST_COLUMNS):
                raise _damaged()  # a reader asks for the difference, however far below zero
        elif kind in _ONE_CELL or kind == _MANY_CELLS:
            self._cell(kind, body)

    def _cell(self, kind: int, body: bytes) -> None:
        if len(body) < 6:
            raise _damaged()
        row, column = struct.unpack_from("<HH", body)
        if kind == _MANY_CELLS:
            column = max(column, struct.unpack_from("<H", body, len(body) - 2)[0])
        if column >= _MOST_COLUMNS:
            raise _damaged()
        if kind == _TEXT_CELL and len(body) >= 10:
            number = struct.unpack_from("<I", body, 6)[0]
            self.characters += self._lengths[number] if number < len(self._lengths) else 0
        self.rows, self.columns = max(self.rows, row + 1), max(self.columns, column + 1)


def _lengths(parts: list[bytes]) -> list[int]:
    """The characters of each shared text; what is cut off counts for nothing, for no reader makes it.

    Source: [MS-XLS] 2.4.265 (SST), 2.5.293 (XLUnicodeRichExtendedString): a text goes on in the next record behind a
    byte that says anew how wide its characters are.
    """
    out: list[int] = []
    at, part = 8, 0
    while part < len(parts):
        if at >= len(parts[part]):
            part, at = part + 1, at - len(parts[part])
            continue
        if at + 3 > len(parts[part]):
            break
        length, flags = struct.unpack_from("<HB", parts[part], at)
        head = parts[part][at + 3 : at + 9].ljust(6, b"\0")
        runs = struct.unpack_from("<H", head)[0] if flags & 8 else 0
        more = struct.unpack_from("<I", head, 2 if flags & 8 else 0)[0] if flags & 4 else 0
        at += 3 + (2 if flags & 8 else 0) + (4 if flags & 4 else 0)
        left = length
        while left:
            width = 2 if flags & 1 else 1
            taken = min(left, max(len(parts[part]) - at, 0) // width)
            left, at = left - taken, at + taken * width
            if left:
                part, at = part + 1, 1
                if part == len(parts) or not parts[part]:
                    return out
                flags = parts[part][0]
        at += 4 * runs + more
        out.append(length)
    return out


def _records(stream: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """(kind, body) of each record, what stands behind its end left out."""
    held = b""
    for piece in stream:
        held += piece
        at = 0
        while len(held) - at >= 4:
            kind, length = struct.unpack_from("<HH", held, at)
            if len(held) - at < 4 + length:
                break
            yield kind, held[at + 4 : at + 4 + length]
            at += 4 + length
        held = held[at:]


def _stream(file: BinaryIO) -> Iterator[bytes]:
    """The bytes of the workbook inside a compound file, sector by sector."""
    file.seek(0)
    head = file.read(512)
    if len(head) < 512 or not head.startswith(_MAGIC):
        raise _damaged()
    shift, small_shift = struct.unpack_from("<HH", head, 30)
    if shift not in (9, 12) or small_shift != 6:
        raise _damaged()
    directory, cutoff, small_fat = struct.unpack_from("<I4xII", head, 48)
    size = 1 << shift
    places = _Chains(file, size, _fat(file, head, size))
    entries = b"".join(places.sectors(directory))
    root, book = _entry(entries, ("root entry",), 5), _entry(entries, ("workbook", "book"), 2)
    if book[1] >= cutoff:
        yield from places.sectors(book[0])
        return
    small = b"".join(places.sectors(root[0]))
    table = b"".join(places.sectors(small_fat))
    at, seen = book[0], 0
    while at < _LAST_SECTOR:
        if at * 4 + 4 > len(table) or seen * 64 > len(small):
            raise _damaged()
        yield small[at * 64 : at * 64 + 64]
        at, seen = struct.unpack_from("<I", table, at * 4)[0], seen + 1


def _fat(file: BinaryIO, head: bytes, size: int) -> bytes:
    """The table of chains, its own sectors being listed in the head and in a chain behind it."""
    listed = list(struct.unpack_from("<109I", head, 76))
    more, count = struct.unpack_from("<II", head, 68)
    while more < _LAST_SECTOR and count:
        file.seek((more + 1) * size)
        sector = file.read(size)
        if len(sector) < size:
            raise _damaged()
        *numbers, more = struct.unpack(f"<{size // 4}I", sector)
        listed += numbers
        count -= 1
    table = bytearray()
    for number in listed:
        if number < _LAST_SECTOR:
            file.seek((number + 1) * size)
            table += file.read(size)
    return bytes(table)


class _Chains:
    """Chains of sectors; one that runs in a circle ends as damage."""

    def __init__(self, file: BinaryIO, size: int, fat: bytes) -> None:
        self._file, self._size, self._fat = file, size, fat

    def sectors(self, start: int) -> Iterator[bytes]:
        at, seen = start, 0
        while at < _LAST_SECTOR:
            if at * 4 + 4 > len(self._fat) or seen * 4 > len(self._fat):
                raise _damaged()
            self._file.seek((at + 1) * self._size)
            yield self._file.read(self._size)
            at, seen = struct.unpack_from("<I", self._fat, at * 4)[0], seen + 1


def _entry(directory: bytes, names: tuple[str, ...], kind: int) -> tuple[int, int]:
    """(first sector, bytes) of an entry of the directory."""
    for at in range(0, len(directory) - 127, 128):
        length, found = struct.unpack_from("<HB", directory, at + 64)
        name = directory[at : at + max(min(length, 64) - 2, 0)].decode("utf-16-le", "replace").lower()
        if found == kind and name in names:
            start, size = struct.unpack_from("<II", directory, at + 116)
            return start, size
    raise _damaged()
