"""Delimited files as blocks of records: decoded before they are split, with the original bytes at hand.

GB 18030 is the encoding of the exchange (GBK is part of it); UTF-8 is taken by its mark, by name,
or where only it makes the header readable. A trail byte may look like a separator, so decoding comes
before splitting. Lines end at LF, CR LF or a lone CR: no GB 18030 trail byte is one of these, nor
a quote, so bytes and text always split into the same records. Memory does not grow with the file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sbcard_core.fields.encodings import codec, decide
from sbcard_core.files import open_input
from sbcard_core.validation.blocks import (
    Block,
    Digest,
    Records,
    RowBlock,
    Source,
    SourceRefused,
    count_lines,
    decode_line,
    is_blank,
    together,
)
from sbcard_core.validation.quotes import MAX_LINES, cells, is_open, lengths
from sbcard_core.validation.spec import HeaderFault, Layout, RecordSpec, header_fault, layout_of
from sbcard_core.validation.titles import MAX_TITLES, are_titles, split_unreadable

__all__ = ["BLOCK", "MAX_LINE", "Delimited", "Source", "SourceRefused", "blocks"]

BLOCK = 1 << 20
"""Bytes read at once."""

MAX_LINE = 1 << 20
"""A line that is longer is cut there; every piece of it is quarantined as a record of its own."""

DELIMITERS = (",", "\t", ";", "|")

_UTF8_MARK = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")


def _cut(pending: bytes) -> int:
    """How many bytes of ``pending`` are whole lines; a final CR may still be half of CR LF."""
    return max(pending.rfind(b"\n"), pending.rfind(b"\r", 0, len(pending) - 1)) + 1


def raw_blocks(path: Path, digest: Digest | None) -> Iterator[tuple[bytes, bool]]:
    """(bytes of whole lines, whether they are a piece of an over-long line)."""
    pending, overlong = b"", False
    with open_input(path) as file:
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


def _marked_last(parts: Iterator[tuple[bytes, bool]]) -> Iterator[tuple[bytes, bool, bool]]:
    """The same parts, each with whether it is the last one."""
    held = next(parts, None)
    for part in parts:
        if held is not None:
            yield *held, False
        held = part
    if held is not None:
        yield *held, True


@dataclass(frozen=True, slots=True)
class _Header:
    """What the first lines of a file say: where its header stands, and how the rest is read."""

    at: int
    line: bytes
    encoding: str
    layout: Layout | None
    refusal: str
    lines: int = 1


@dataclass(frozen=True)
class Delimited:
    """A text file with one header row (or declared columns) and one record a line.

    Args:
        path: the file.
        delimiter: one character, or "" to find it by the header (comma, tab, semicolon, bar).
        encoding: a name for :func:`~sbcard_core.fields.encodings.codec`, or "" to find it by mark or header.
        columns: the headers, for a file without a header row; needs ``delimiter``.
        edges: first characters of lines that are no records (``"HT"`` in a bank file); with ``columns``.
    """

    path: Path
    delimiter: str = ""
    encoding: str = ""
    columns: tuple[str, ...] = ()
    edges: str = ""

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def blocks(self, spec: RecordSpec, *, digest: Digest | None = None) -> Iterator[Records]:
        """See :class:`~sbcard_core.validation.blocks.Source`."""
        number, header, held = 1, None, b""
        for raw, overlong, last in _marked_last(_head_together(raw_blocks(self.path, digest))):
            if header is None:
                header = self._header(raw, overlong, spec, number)
                if header is None:
                    number += count_lines(raw)
                    continue
                if self.columns:
                    yield RowBlock(0, [list(self.columns)], header.layout)
                else:
                    first = Block(number + header.at, header.line, header.encoding, header.layout, header.refusal)
                    if header.layout is None and not overlong:
                        first.fault = self._fault(raw, spec)
                    if header.lines > 1:
                        first.records, first.numbers = together([header.line], first.first, [1])
                        first.numbers[-1] += header.lines - 1
                    yield first
                    raw = b"".join(raw.splitlines(keepends=True)[header.at + header.lines :])  # noqa: PLW2901
                    number += header.at + header.lines
            block, held = _records(held, raw, overlong, number, header, final=last)
            number += count_lines(block.raw)
            if overlong and held:  # the over-long piece ends any open quote
                yield block
                block, held = Block(number, held, header.encoding, header.layout, header.refusal, True), b""
                number += count_lines(block.raw)
            yield block

    def _header(self, raw: bytes, overlong: bool, spec: RecordSpec, number: int) -> _Header | None:
        """Read the header from the first block that holds more than blank lines and preamble."""
        marked = number == 1 and raw.startswith(_UTF8_MARK)
        refusal = "file.encoding" if number == 1 and raw.startswith(_UTF16_MARKS) else "file.header"
        named = codec(self.encoding) if self.encoding else "utf-8" if marked else ""
        if self.columns:
            encoding = named or decide(raw)
            layout = layout_of(list(self.columns), spec, self.delimiter or ",", edges=self.edges)
            return _Header(0, b"", encoding, layout, refusal)
        lines = [raw] if overlong else raw.splitlines(keepends=True)
        refused: _Header | None = None
        above: list[bytes] = []
        for at, line in enumerate(lines):
            text = None if overlong else decode_line(line, named or "gb18030")
            if is_blank(text) or _is_preamble(line, named, spec):
                continue
            header = None if overlong else self._declared(lines, at, named, spec)
            if header is not None and are_titles([_title(line, header) for line in above], header[1].columns):
                encoding, layout, taken = header
                return _Header(at, b"".join(lines[at : at + taken]), encoding, layout, refusal, taken)
            refused = refused or _Header(at, line, named or "gb18030", None, refusal)
            above.append(line)
            if header is not None or len(above) > MAX_TITLES:
                break
        return refused

    def _fault(self, raw: bytes, spec: RecordSpec) -> HeaderFault:
        """What the likeliest header among the first lines lacks."""
        lines = raw.splitlines()[: 2 * MAX_TITLES]
        encodings = [codec(self.encoding)] if self.encoding else ["gb18030", "utf-8"]
        texts = [text for line in lines for encoding in encodings if (text := decode_line(line, encoding))]
        rows = (cells(text.lstrip("\ufeff"), mark) for text in texts for mark in self.delimiter or DELIMITERS)
        return header_fault([row for row in rows if row is not None], spec)

    def _declared(self, lines: list[bytes], at: int, named: str, spec: RecordSpec) -> tuple[str, Layout, int] | None:
        """(encoding, layout, lines) of the header that begins at a line, None where none does."""
        for encoding in [named] if named else ["gb18030", "utf-8"]:
            texts = [decode_line(line, encoding) for line in lines[at : at + MAX_LINES]]
            for delimiter in [self.delimiter] if self.delimiter else DELIMITERS:
                for taken in range(1, len(texts) + 1):
                    text = "\n".join([text for text in texts[:taken] if text is not None]).lstrip("\ufeff")
                    if is_open(text, delimiter):
                        continue
                    row = cells(text, delimiter) if text and None not in texts[:taken] else None
                    layout = None if row is None else layout_of(row, spec, delimiter)
                    if layout is not None:
                        return encoding, layout, taken
                    break
        return None


def _title(line: bytes, header: tuple[str, Layout, int]) -> list[str]:
    """The cells of a line above a header."""
    text = decode_line(line, header[0])
    row = None if text is None else cells(text, header[1].delimiter)
    return split_unreadable(line.decode("latin-1"), header[1].delimiter) if row is None else row


def _head_together(parts: Iterator[tuple[bytes, bool]]) -> Iterator[tuple[bytes, bool]]:
    """The same bytes, the first piece holding every line a header is looked for in."""
    wanted, head = MAX_TITLES + MAX_LINES + 1, b""
    for raw, overlong in parts:
        if overlong or wanted <= 0 or not (head or raw.strip()):
            if head:
                yield head, False
            head, wanted = b"", wanted if not (head or overlong) else 0
            yield raw, overlong
            continue
        head += raw
        if sum(bool(line.strip()) for line in head.splitlines()) >= wanted:
            yield head, False
            head, wanted = b"", 0
    if head:
        yield head, False


def _is_preamble(line: bytes, named: str, spec: RecordSpec) -> bool:
    if not spec.preamble:
        return False
    texts = [decode_line(line, encoding) for encoding in ([named] if named else ["gb18030", "utf-8"])]
    return any(text is not None and re.fullmatch(spec.preamble, text.lstrip("\ufeff")) for text in texts)


def _records(
    held: bytes, raw: bytes, overlong: bool, number: int, header: _Header, *, final: bool = False
) -> tuple[Block, bytes]:
    """The records of whole lines, and the bytes that wait for the next block because a quote is still open."""

    def block(part: bytes) -> Block:
        return Block(number, part, header.encoding, header.layout, header.refusal)

    if overlong:
        if not held:
            return Block(number, raw, header.encoding, header.layout, header.refusal, True), b""
        return _records(b"", held, False, number, header, final=True)[0], raw
    raw = held + raw
    if b'"' not in raw or header.layout is None:
        return block(raw), b""
    lines = raw.splitlines(keepends=True)
    if not any(line.count(b'"') & 1 for line in lines):  # no quote is open at the end of a line
        return block(raw), b""
    texts = [decode_line(line, header.encoding) for line in lines]
    found = lengths(texts, header.layout.delimiter, header.layout.columns, final=final)
    done = block(b"".join(lines[: sum(found)]))
    done.records, done.numbers = together(lines, number, found)
    return done, b"".join(lines[sum(found) :])


def blocks(path: Path, spec: RecordSpec, *, digest: Digest | None = None) -> Iterator[Records]:
    """Read a delimited file whose first line that is not blank is its header.

    The first block yielded holds the header line alone, with the layout it declares (None =
    refused); all others hold records and blank lines. A file without any line yields nothing.

    Args:
        path: the file.
        spec: the layout to look for.
        digest: is fed every byte of the file.

    Raises:
        OSError: the file cannot be read.
    """
    return Delimited(path).blocks(spec, digest=digest)
