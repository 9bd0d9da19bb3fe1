"""Records of fixed byte widths: text files without separators, and dBASE tables (.dbf).

Widths are bytes of the file's encoding, as the hosts that write such files count them; a name cut in the
middle of a character makes its record unreadable, so it is put aside with its bytes.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sbcard_core.errors import InvalidValue
from sbcard_core.fields.encodings import codec
from sbcard_core.files import open_input
from sbcard_core.validation import sources
from sbcard_core.validation.blocks import Digest, Records, RowBlock, SourceRefused, decode_line
from sbcard_core.validation.spec import RecordSpec, header_fault, layout_of

PAD = " \u3000"
"""What fills a cell up."""


class _Cutter:
    """Cuts rows of fixed widths and decodes them; a row is decoded at once, its cells kept apart by a separator.

    The separator (1F) is no trail byte, so a character cut in half makes the row unreadable, as it must.
    """

    def __init__(self, widths: Sequence[int], encoding: str) -> None:
        self._cut = struct.Struct("".join(f"{width}s" for width in widths))
        self._encoding, self._columns = encoding, len(widths)

    def cells(self, raw: bytes) -> list[str] | None:
        """The cells of one row; None where it has another length, a NUL inside a cell, or cannot be decoded."""
        if len(raw) != self._cut.size:
            return None
        parts = self._cut.unpack(raw)
        if b"\0" in raw:  # some programs fill cells up with it; a row of nothing else was overwritten
            parts = tuple(part.rstrip(b"\0") for part in parts)
            if not any(parts) or any(b"\0" in part for part in parts):
                return None
        try:
            cells = b"\x1f".join(parts).decode(self._encoding).split("\x1f")
            if len(cells) != self._columns:
                cells = [part.decode(self._encoding) for part in parts]
        except UnicodeDecodeError:
            return None
        return [cell.strip(PAD) for cell in cells]


@dataclass(frozen=True)
class FixedWidth:
    """A text file whose lines hold columns of fixed byte widths, without a header row.

    Args:
        path: the file.
        columns: (header, width in bytes) of every column, in order.
        encoding: as :func:`~sbcard_core.fields.encodings.codec` names it.

    Raises:
        InvalidValue: a width below 1.
    """

    path: Path
    columns: tuple[tuple[str, int], ...]
    encoding: str = "gb18030"

    def __post_init__(self) -> None:
        if not self.columns or min(width for _, width in self.columns) < 1:
            raise InvalidValue("a column takes at least 1 byte", step="validation.fixed", term="定长文件")

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def blocks(self, spec: RecordSpec, *, digest: Digest | None = None) -> Iterator[Records]:
        """See :class:`~sbcard_core.validation.blocks.Source`."""
        headers = [header for header, _ in self.columns]
        layout, encoding, number = layout_of(headers, spec), codec(self.encoding), 1
        cutter = _Cutter([width for _, width in self.columns], encoding)
        yield RowBlock(0, [headers], layout)
        for raw, overlong in sources.raw_blocks(self.path, digest):
            lines = [raw] if overlong else raw.splitlines(keepends=True)
            if number == 1 and lines[0].startswith(b"\xef\xbb\xbf") and encoding == "utf-8":
                lines[0] = lines[0][3:]
            rows = [None if overlong else self._cells(line, cutter) for line in lines]
            yield RowBlock(number, rows, layout, lines, encoding=encoding)
            number += len(lines)

    @staticmethod
    def _cells(line: bytes, cutter: _Cutter) -> list[str] | None:
        body = line.rstrip(b"\r\n")
        if not body.strip(b" \x1a\t"):
            return [""]
        return cutter.cells(body)


_END = b"\x1a\0 \t\r\n"
"""What lies behind the last row."""
_HEAD = struct.Struct("<B3xIHH17xB2x")
_FIELD = struct.Struct("<11sc4xBB14x")
_PAGES = {0x4F: "Big5", 0x78: "Big5", 0x13: "Shift JIS", 0x7B: "Shift JIS", 0x4E: "EUC-KR", 0x79: "EUC-KR"}
"""Code page marks of a table in another encoding of Han; any other mark says nothing of what is in it.

Source: dBASE language drivers, FoxPro code page marks.
"""


def is_dbf(head: bytes) -> bool:
    """Whether a file that begins so is a dBASE table, whatever its name: date, lengths and types of its fields agree.

    Example:
        >>> is_dbf("03,张三,1949-12-31,43010219491231002X,长沙".encode("gb18030"))
        False
    """
    if len(head) < _HEAD.size + _FIELD.size or not (1 <= head[2] <= 12 and 1 <= head[3] <= 31):
        return False
    _, _, start, width, _ = _HEAD.unpack_from(head)
    fields = [_FIELD.unpack_from(head, at) for at in range(_HEAD.size, min(start, len(head)) - 32, _FIELD.size)]
    whole = start > len(head) or sum(field[2] + (field[3] << 8) * (field[1] == b"C") for field in fields) < width
    return bool(fields) and width > 1 and whole and all(field[1] in b"CNDLFMBIGTYV0" for field in fields)


@dataclass(frozen=True)
class Dbf:
    """A dBASE III or later table; cells of types C, N and D. Deleted rows are no records.

    Field names of .dbf are short: a layout finds them by header or alias. Memo files are not read.
    """

    path: Path
    encoding: str = "gb18030"

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def blocks(self, spec: RecordSpec, *, digest: Digest | None = None) -> Iterator[Records]:
        """See :class:`~sbcard_core.validation.blocks.Source`; rows are counted from 1, deleted ones too.

        Raises:
            SourceRefused: no table header, fewer or more rows than it counts, or the mark of another encoding of Han.
        """
        encoding = codec(self.encoding)
        with open_input(self.path) as file:
            head = _read(file, _HEAD.size, digest)
            names, widths, width, count = self._header(head, file, digest, encoding)
            layout, cutter = layout_of(names, spec, short=True), _Cutter(widths, encoding)
            yield RowBlock(0, [names], layout, fault=header_fault([names], spec))
            first, per_block = 1, max(1, sources.BLOCK // width)
            while first <= count:
                raw = _read(file, width * min(per_block, count - first + 1), digest)
                raws = [raw[at : at + width] for at in range(0, len(raw), width)]
                if raws and len(raws[-1]) < width and not raws[-1].strip(_END):  # the mark behind the last row
                    raws.pop()
                if not raws:
                    raise SourceRefused("file.damaged", "fewer_rows", counted=count)
                yield RowBlock(first, [self._cells(row, cutter) for row in raws], layout, raws, encoding=encoding)
                first += len(raws)
            behind = rest = _read(file, sources.BLOCK, digest)
            while rest:
                rest = _read(file, sources.BLOCK, digest)
        if behind.split(b"\x1a")[0].strip(_END):  # a program that ended before it wrote the number of rows
            raise SourceRefused("file.damaged", "more_rows", counted=count)

    @staticmethod
    def _cells(raw: bytes, cutter: _Cutter) -> list[str] | None:
        if raw[:1] == b"*":
            return [""]
        return cutter.cells(raw[1:])

    @staticmethod
    def _header(
        head: bytes, file: object, digest: Digest | None, encoding: str
    ) -> tuple[list[str], list[int], int, int]:
        damaged = SourceRefused("file.damaged")
        if len(head) < _HEAD.size:
            raise damaged
        _, count, start, width, page = _HEAD.unpack(head)
        if page in _PAGES:
            raise SourceRefused("file.encoding", "marked", found=_PAGES[page])
        table = _read(file, start - _HEAD.size, digest) if start > _HEAD.size else b""
        names, widths = [], []
        for at in range(0, len(table) - _FIELD.size + 1, _FIELD.size):
            if table[at] == 0x0D:
                break
            name, kind, length, decimals = _FIELD.unpack_from(table, at)
            title = decode_line(name.split(b"\0")[0], encoding)
            if title is None or not length:
                raise damaged
            if kind == b"C" and decimals:
                length += decimals << 8  # long text fields of later versions
            names.append(title.strip())
            widths.append(length)
        if not names or sum(widths) + 1 != width or len(table) != start - _HEAD.size:
            raise damaged
        return names, widths, width, count


def _read(file: object, size: int, digest: Digest | None) -> bytes:
    data: bytes = file.read(size)  # type: ignore[attr-defined]
    if digest is not None:
        digest.update(data)
    return data


__all__ = ["PAD", "Dbf", "FixedWidth", "is_dbf"]
