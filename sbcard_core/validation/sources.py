"""Collected files as lines of text: decoded whole, then split, with the original bytes at hand.

GB 18030 is the encoding of the exchange; a file that begins with the UTF-8 byte order mark is
read as UTF-8. Decoding comes before splitting at the comma, because a trail byte may look like a
separator. Lines end at LF, CR LF or a lone CR: no GB 18030 trail byte is one of these, so bytes
and text always split into the same lines. Files are read in blocks, so memory does not grow.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sbcard_core.validation.spec import Layout, RecordSpec, layout_of

BLOCK = 1 << 20
"""Bytes read at once."""

MAX_LINE = 1 << 20
"""A line that is longer is cut there; every piece of it is quarantined as a record of its own."""

_UTF8_MARK = b"\xef\xbb\xbf"
_DOS_END = "\x1a"  # old programs end a file with it


class Digest(Protocol):
    """What ``hashlib`` objects do."""

    def update(self, data: bytes, /) -> None:
        """Take in more bytes."""


@dataclass(slots=True)
class Block:
    """Some successive lines of a file.

    Args:
        first: 1-based number of the first line.
        texts: the lines without their ends; None = not decodable, over-long, or with a NUL.
        raw: their bytes, ends included.
        layout: what the header declares; None where the header is refused.
    """

    first: int
    texts: list[str | None]
    raw: bytes = field(repr=False)
    layout: Layout | None = None
    _lines: list[bytes] = field(default_factory=list, repr=False)

    def raw_line(self, index: int) -> bytes:
        """The original bytes of one line, its end included."""
        if not self._lines:
            self._lines = self.raw.splitlines(keepends=True)
        return self._lines[index]


def is_blank(text: str | None) -> bool:
    """Whether a line holds nothing: blanks only, or the end mark of old programs."""
    return text is not None and not text.strip().strip(_DOS_END)


def cells(text: str) -> list[str] | None:
    """The cells of one line; None where its quotes do not close.

    A record is one line: a quoted cell may hold commas and doubled quotes, no line end.

    Example:
        >>> cells('1,"张三,李四",2'), cells('1,"张三')
        (['1', '张三,李四', '2'], None)
    """
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:
        return None


def _decode_line(raw: bytes, encoding: str) -> str | None:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _texts(raw: bytes, encoding: str) -> list[str | None]:
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return [_decode_line(line, encoding) for line in raw.splitlines()]
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines: list[str | None] = list(text.split("\n"))
    if text.endswith("\n") or not text:
        lines.pop()
    return lines


def _cut(pending: bytes) -> int:
    """How many bytes of ``pending`` are whole lines; a final CR may still be half of CR LF."""
    return max(pending.rfind(b"\n"), pending.rfind(b"\r", 0, len(pending) - 1)) + 1


def _raw_blocks(path: Path, digest: Digest | None) -> Iterator[tuple[bytes, bool]]:
    """(bytes of whole lines, whether they are a piece of an over-long line)."""
    pending, overlong = b"", False
    with path.open("rb") as file:
        while data := file.read(BLOCK):
            if digest is not None:
                digest.update(data)
            pending += data
            if overlong and (end := min([at + 1 for at in map(pending.find, (b"\n", b"\r")) if at >= 0], default=0)):
                end += pending[end - 1 : end + 1] == b"\r\n"
                yield pending[:end], True
                pending, overlong = pending[end:], False
            cut = _cut(pending)
            if cut and not overlong:
                yield pending[:cut], False
                pending = pending[cut:]
            if len(pending) > MAX_LINE:
                yield pending, True
                pending, overlong = b"", True
    if pending:
        yield pending, overlong


def _lines(path: Path, digest: Digest | None) -> Iterator[Block]:
    encoding, number = "", 1
    for raw, overlong in _raw_blocks(path, digest):
        if not encoding:
            encoding = "utf-8" if raw.startswith(_UTF8_MARK) else "gb18030"
        lines: list[str | None] = [None] * len(raw.splitlines()) if overlong else _texts(raw, encoding)
        yield Block(number, lines, raw)
        number += len(lines)


def blocks(path: Path, spec: RecordSpec, *, digest: Digest | None = None) -> Iterator[Block]:
    """Read a file whose first line that is not blank is its header.

    The first block yielded holds the header line alone, with the layout it declares (None =
    refused); all others hold records and blank lines. A file without any line yields nothing.

    Args:
        path: the file.
        spec: the layout to look for.
        digest: is fed every byte of the file.

    Raises:
        OSError: the file cannot be read.
    """
    found = False
    layout: Layout | None = None
    for block in _lines(path, digest):
        if not found:
            at = next((index for index, text in enumerate(block.texts) if not is_blank(text)), None)
            if at is None:
                continue
            found = True
            header = block.texts[at]
            row = None if header is None else cells(header.lstrip("\ufeff"))
            layout = None if row is None else layout_of(row, spec)
            yield Block(block.first + at, [header], block.raw_line(at), layout)
            raw = b"".join(block.raw.splitlines(keepends=True)[at + 1 :])
            block = Block(block.first + at + 1, block.texts[at + 1 :], raw)  # noqa: PLW2901
        block.layout = layout
        yield block
