"""Files exchanged with a co-operating bank (报盘/回盘文件).

What stands in which field is data, see :mod:`sbcard_core.hosts.layouts`. One header line ``H``, data lines ``D``, one
trailer line ``T``; fields separated by ``|``; lines end with LF (CRLF is read too). Amounts are integer fen, dates
``YYYYMMDD``.

Bank files are in GB18030, without a byte order mark; GBK and GB2312 files are GB18030 too, and so is one of ASCII
alone. Marks and digits are half-width (半角). One that an editor has saved as UTF-8 or UTF-16 is refused; a line of
UTF-8 among others is a wrong line.

A file that is wrong as a whole (kind, header, trailer, count of lines) is refused; a wrong line is a
:class:`BadLine` and the rest of the file still counts.
"""

import codecs
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.fields.encodings import contradicts
from sbcard_core.files import new_file, open_input, read_input
from sbcard_core.hosts.layouts import (
    OPENING_REQUEST,
    OPENING_RESULT,
    PAYOUT_CONFIRMATION,
    PAYOUT_INQUIRY,
    PAYOUT_REQUEST,
    PAYOUT_RESULT,
    SPECS,
    FileSpec,
    compact_date,
    iso_date,
)
from sbcard_core.messages import Message, message

__all__ = [
    "ENCODING",
    "MAX_FILE_BYTES",
    "OPENING_REQUEST",
    "OPENING_RESULT",
    "PAYOUT_CONFIRMATION",
    "PAYOUT_INQUIRY",
    "PAYOUT_REQUEST",
    "PAYOUT_RESULT",
    "SPECS",
    "WRITE_CHUNK",
    "BadLine",
    "BankFile",
    "BankFileRefused",
    "FileSpec",
    "LoadedFile",
    "compact_date",
    "iso_date",
    "kind_of",
    "load",
    "read",
    "split",
    "write",
    "write_block",
]

ENCODING = "gb18030"
MAX_FILE_BYTES = 256 << 20
"""Ceiling for one file: a bank file is a batch, not a database."""
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_FILLER = b" \t\r\n\0\x1a"
"""What may follow the last line: blanks, line ends, padding, the end-of-file mark of DOS (Ctrl-Z)."""
WRITE_CHUNK = 2000
_KINDS = bytes(1 if 0xE3 <= byte <= 0xE9 else 2 if 0x80 <= byte <= 0xBF else 0 for byte in range(256))
_TWO_HAN = bytes((1, 2, 2, 1, 2, 2))  # two Chinese characters of UTF-8, by the kinds of their bytes


class BankFileRefused(Refused):
    """The file as a whole cannot be used; nothing was taken from it."""

    def __init__(self, what: Message, *, code: str) -> None:
        super().__init__(what, step="bankfile.read", term="银行回盘文件")
        self.code = code


@dataclass(frozen=True, slots=True)
class BadLine:
    """A data line that cannot be read. ``code`` is ``undecodable``, ``kind`` or ``columns``."""

    line: int
    code: str
    reason: Message


@dataclass(frozen=True, slots=True)
class BankFile:
    """One file as read: ``rows[i]`` (fields in spec order) stands on line ``line_numbers[i]`` of the file."""

    header: dict[str, str] = field(repr=False)  # a bank may put anything anywhere, a citizen number too
    rows: list[tuple[str, ...]] = field(repr=False)
    line_numbers: list[int] = field(repr=False)
    bad_lines: list[BadLine]
    trailer: dict[str, str] = field(repr=False)
    sha256: str

    @property
    def delivered(self) -> int:
        """How many data lines the file brought, readable or not."""
        return len(self.rows) + len(self.bad_lines)


def write(
    path: Path,
    spec: FileSpec,
    header: Mapping[str, object],
    rows: Iterable[Sequence[str]],
    trailer: Mapping[str, object],
) -> int:
    """Write one file and return the number of data lines.

    The file, mode 600, appears under its name only when it is complete; one of the same kind and batch is replaced.
    ``kind`` in the header and ``lines`` in the trailer are filled in; where the header or the trailer says ``lines``,
    it must be the number of rows.

    Raises:
        InvalidValue: a header or trailer field is missing, a row has another number of fields than the layout,
            a value contains ``|`` or a line break or is no text, or ``lines`` is not the number of rows.
        FileRefused: another file, or a link, has the name.
        OSError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "result.txt"
        >>> head = {"batch_no": "B1", "bank": "103", "date": "20140818"}
        >>> row = ("1", "F1", "00", "6228480010000000018", "", "20140815")
        >>> write(path, OPENING_RESULT, head, [row], {"opened": 1, "failed": 0})
        1
        >>> read(path, OPENING_RESULT).trailer
        {'lines': '1', 'opened': '1', 'failed': '0'}
    """
    marks = len(spec.line)
    count = 0
    head = _edge_line("H", spec.header, {"kind": spec.kind, **header}, spec)
    with new_file(path, replace=same_batch(head)) as out:
        out.write(head)
        chunk: list[str] = []
        for row in rows:
            line = _data_line(row, count + 1, spec)
            if line.count("|") != marks or "\n" in line or "\r" in line:
                raise _unwritable(spec, "row", row=count + 1)
            chunk.append(line)
            count += 1
            if len(chunk) == WRITE_CHUNK:
                out.write(("\n".join(chunk) + "\n").encode(ENCODING))
                chunk.clear()
        if chunk:
            out.write(("\n".join(chunk) + "\n").encode(ENCODING))
        out.write(_edge_line("T", spec.trailer, {"lines": count, **trailer}, spec))
        for edge in (header, trailer):
            if str(edge.get("lines", count)) != str(count):
                raise _unwritable(spec, "count", count=count, said=edge["lines"])
    return count


def write_block(
    path: Path, spec: FileSpec, header: Mapping[str, object], block: str, count: int, trailer: Mapping[str, object]
) -> None:
    """Write one file whose data lines, ``D|…`` joined by line feeds, were put together elsewhere, e.g. by a database.

    The same file as :func:`write` makes of the same rows; its marks are counted as a whole, not row by row.

    Raises:
        InvalidValue: a header or trailer field is missing, or the block does not hold ``count`` lines of the layout.
    """
    breaks = count - 1 if count else 0
    starts = block.count("\nD|") + block.startswith("D|")
    if (
        block.count("|") != count * len(spec.line)
        or block.count("\n") != breaks
        or starts != count
        or "\r" in block
        or any(str(edge.get("lines", count)) != str(count) for edge in (header, trailer))
    ):
        raise _unwritable(spec, "block", count=count)
    head = _edge_line("H", spec.header, {"kind": spec.kind, **header}, spec)
    tail = _edge_line("T", spec.trailer, {"lines": count, **trailer}, spec)
    with new_file(path, replace=same_batch(head)) as out:
        out.writelines((head, block.encode(ENCODING), b"\n" if count else b"", tail))


def same_batch(head: bytes) -> Callable[[bytes], bool]:
    """Whether a file is of the kind and batch that a header names: an earlier writing of the same file.

    Example:
        >>> is_own = same_batch(b"H|PAYREQ|B1|103|20140818\\n")
        >>> is_own(b"H|PAYREQ|B1|105|20140819\\n"), is_own(b"H|PAYREQ|B2|"), is_own(b"notes of mine")
        (True, False, False)
    """
    named = head.split(b"|")[:3]
    return lambda there: there.split(b"|", 3)[:3] == named


def kind_of(path: Path) -> str:
    """The kind a file's header says, or an empty text; nothing else of the file is looked at.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "answer.txt"
        >>> _ = path.write_bytes(b"H|PAYRES|B1|103|20140818\\n")
        >>> kind_of(path)
        'PAYRES'
    """
    with open_input(path) as stream:
        parts = stream.read(64).split(b"|", 2)
    return parts[1].decode("ascii", "replace") if len(parts) == 3 and parts[0] == b"H" else ""


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """One file decoded and cut into lines, header and trailer read; ``lines`` are the others, None undecodable."""

    spec: FileSpec
    header: dict[str, str]
    lines: list[str | None] = field(repr=False)
    trailer: dict[str, str] = field(repr=False)
    sha256: str


def read(path: Path, spec: FileSpec) -> BankFile:
    """Read one file whole.

    The bytes are decoded before they are split, because ``|`` (7C) is also a trail byte of GBK characters.

    Raises:
        BankFileRefused: too big, marked as Unicode, no header or trailer, of another kind, or its trailer counts
            other than the lines it brought; ``code`` says which.
        OSError: the file is not there, or cannot be read.
    """
    return split(load(path, spec))


def load(path: Path, spec: FileSpec) -> LoadedFile:
    """Read one file without splitting its lines: a caller that knows which lines to expect compares them whole.

    Raises:
        BankFileRefused: as :func:`read`.
        OSError: as :func:`read`.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise _refused(path, "size")
    raw = read_input(path, limit=MAX_FILE_BYTES)
    if raw.startswith(_MARKS) or ((may_be_utf8 := _may_be_utf8(raw)) and _is_utf8(raw)):
        raise _refused(path, "encoding")
    lines = _decode_lines(raw.rstrip(_FILLER), may_be_utf8)
    header = _read_edge(path, spec, "H", lines, 0)
    if not (lines[-1] or "").startswith("T|"):
        _check_end(path, lines)
    trailer = _read_edge(path, spec, "T", lines, len(lines) - 1)
    found = LoadedFile(spec, header, lines[1:-1], trailer, hashlib.sha256(raw).hexdigest())
    if "lines" in trailer and (trailer["lines"].lstrip("0") or trailer["lines"][-1:]) != str(len(found.lines)):
        if _is_wide(trailer["lines"]):
            raise _refused(path, "count", "count_wide")
        _check_end(path, lines)
        blank = next((at for at, line in enumerate(lines, 1) if line is not None and not line.strip()), 0)
        told = {"found": _shown(trailer["lines"]), "lines": len(found.lines), "line": blank}
        raise _refused(path, "count", "count_blank" if blank else "", **told)
    return found


def split(file: LoadedFile, only: Sequence[int] | None = None) -> BankFile:
    """Split the lines of a loaded file, or ``only`` those at these places (0 is the first data line)."""
    rows: list[tuple[str, ...]] = []
    numbers: list[int] = []
    bad: list[BadLine] = []
    columns = len(file.spec.line) + 1
    for place in range(len(file.lines)) if only is None else only:
        text, number = file.lines[place], place + 2
        if text is None:
            bad.append(BadLine(number, "undecodable", message("hosts.line.undecodable")))
            continue
        parts = text.split("|")
        if parts[0] != "D":
            bad.append(BadLine(number, "kind", message("hosts.line.kind")))
        elif len(parts) != columns:
            counts = message("hosts.line.columns", wanted=columns - 1, found=len(parts) - 1)
            bad.append(BadLine(number, "columns", counts))
        else:
            del parts[0]
            rows.append(tuple(parts))
            numbers.append(number)
    return BankFile(file.header, rows, numbers, bad, file.trailer, file.sha256)


def _may_be_utf8(raw: bytes) -> bool:
    """Whether UTF-8 may stand somewhere: few files of GB18030 hold such bytes, only those are read line by line."""
    return not raw.isascii() and _TWO_HAN in raw.translate(_KINDS, bytes(range(128)))


def _is_utf8(raw: bytes) -> bool:
    """Whether all of a file is UTF-8 and a line of it can be nothing else: in GB18030 it would be other characters."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return any(contradicts(line, ENCODING) for line in raw.split(b"\n"))


def _decode_lines(raw: bytes, may_be_utf8: bool) -> list[str | None]:
    if not may_be_utf8:
        try:
            text = raw.decode(ENCODING)
            return [*(text.replace("\r\n", "\n") if "\r" in text else text).split("\n")]
        except UnicodeDecodeError:
            pass
    # 0A is never part of a GB18030 character, so one bad line leaves its neighbours readable. Not splitlines(): it also
    # cuts at U+2028 and others, which may stand in a name.
    return [_decode_line(line) for line in raw.split(b"\n")]


def _decode_line(line: bytes) -> str | None:
    """The text of a line; None where it is no GB18030, or UTF-8 beyond doubt: somebody has joined two files."""
    try:
        text = line.removesuffix(b"\r").decode(ENCODING)
    except UnicodeDecodeError:
        return None
    return None if contradicts(line, ENCODING) else text


def _edge_line(mark: str, names: tuple[str, ...], values: Mapping[str, object], spec: FileSpec) -> bytes:
    missing = [name for name in names if name not in values]
    if missing:
        raise _unwritable(spec, "header" if mark == "H" else "trailer", missing=", ".join(missing))
    line = "|".join([mark, *(str(values[name]) for name in names)])
    if line.count("|") != len(names) or "\n" in line or "\r" in line:
        raise _unwritable(spec, "separator")
    return f"{line}\n".encode(ENCODING)


def _check_end(path: Path, lines: Sequence[str | None]) -> None:
    """Refuse a file with lines behind its trailer by that name: it is whole, not cut."""
    at = next((at for at in range(1, len(lines) - 1) if (lines[at] or "").startswith("T|")), 0)
    if at:
        raise _refused(path, "trailer", "behind_trailer", line=at + 1, lines=len(lines) - 1 - at)


def _read_edge(path: Path, spec: FileSpec, mark: str, lines: Sequence[str | None], at: int) -> dict[str, str]:
    names, part = (spec.header, "header") if mark == "H" else (spec.trailer, "trailer")
    line = lines[at]
    parts = (line or "").split("|")
    where = {"line": at + 1, "part": part}
    if parts[0] != mark:
        if _is_wide(parts[0]):
            raise _refused(path, part, "wide", **where)
        if line is None or "\0" in line:
            raise _refused(path, part, "no_text", **where)
        raise _refused(path, part, f"no_{part}")
    if mark == "H" and parts[1:2] and parts[1] != spec.kind:
        raise _refused(path, "kind", found=_shown(parts[1]), wanted=spec.kind)
    if len(parts) != len(names) + 1:
        counts = {"found": len(parts) - 1, "wanted": len(names), "kind": spec.kind}
        raise _refused(path, part, "columns", **where, **counts)
    return dict(zip(names, parts[1:], strict=True))


def _is_wide(text: str) -> bool:
    """Whether it begins with a full-width form of ASCII.

    Example:
        >>> _is_wide("\\uff11\\uff12"), _is_wide("\\uff28|"), _is_wide("H"), _is_wide("")
        (True, True, False, False)
    """
    return "\uff01" <= text[:1] <= "\uff5e"


def _data_line(row: Sequence[str], number: int, spec: FileSpec) -> str:
    try:
        line = "D|" + "|".join(row)
        if not line.isascii():
            line.encode()
    except TypeError:
        raise _unwritable(spec, "text", row=number) from None
    except UnicodeEncodeError:
        raise _unwritable(spec, "surrogate", row=number) from None
    return line


def _shown(word: str) -> str:
    """A word of the file as an error may show it: a kind or a count, never what might be a person's data.

    Example:
        >>> _shown("OPENREQ"), _shown("43010219491231002X"), _shown("12")
        ('OPENREQ', '?', '12')
    """
    return word if word in SPECS or (len(word) <= 9 and word.isascii() and word.isdigit()) else "?"


def _refused(path: Path, code: str, sentence: str = "", **parameters: object) -> BankFileRefused:
    return BankFileRefused(message(f"hosts.{sentence or code}", file=path.name, **parameters), code=code)


def _unwritable(spec: FileSpec, fault: str, /, **parameters: object) -> InvalidValue:
    what = message("hosts.write", kind=spec.kind, fault=message(f"hosts.write.{fault}", **parameters))
    return InvalidValue(what, step="bankfile.write", term=spec.title_zh)
