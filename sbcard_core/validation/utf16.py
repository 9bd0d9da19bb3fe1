"""Text in UTF-16, as spreadsheet programs write their "Unicode text": tabs or commas, a mark in front as a rule.

Read line by line from the bytes, so that each record keeps its own; memory does not grow with the file.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path

import numpy as np

from sbcard_core.files import open_input
from sbcard_core.validation import quotes, sources
from sbcard_core.validation.blocks import Block, Digest, Records, together
from sbcard_core.validation.quotes import cells
from sbcard_core.validation.spec import Layout, RecordSpec, header_fault, layout_of
from sbcard_core.validation.titles import MAX_TITLES, header_row, split_unreadable

_LITTLE, _BIG = "utf-16-le", "utf-16-be"
_MARKS = {codecs.BOM_UTF16_LE: _LITTLE, codecs.BOM_UTF16_BE: _BIG}
_ROWS = 4096


def encoding_of(head: bytes) -> str:
    """The codec of a file that is UTF-16 by its mark, or by line ends of two-byte characters; "" = it is not.

    Example:
        >>> encoding_of("a\\tb".encode("utf-16")), encoding_of("a\\r\\n".encode("utf-16-be")), encoding_of(b"a\\r\\n")
        ('utf-16-le', 'utf-16-be', '')
        >>> encoding_of("a".encode("utf-32")), encoding_of(b"a,b\\r\\n.\\0\\r\\0\\n")
        ('', '')
    """
    if head.startswith(codecs.BOM_UTF32_LE):
        return ""
    if marked := _MARKS.get(head[:2]):
        return marked
    for encoding in (_LITTLE, _BIG):
        at = head.find("\r\n".encode(encoding))
        if at >= 0 and at % 2 == 0 and b"\r\n" not in head[:at]:  # a line of single bytes ended before
            return encoding
    return ""


@dataclass(frozen=True)
class Utf16:
    """A delimited text file in UTF-16 with one header row.

    Args:
        path: the file.
        encoding: ``"utf-16-le"`` or ``"utf-16-be"``.
    """

    path: Path
    encoding: str = _LITTLE

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def blocks(self, spec: RecordSpec, *, digest: Digest | None = None) -> Iterator[Records]:
        """See :class:`~sbcard_core.validation.blocks.Source`."""
        lines = self._lines(digest)
        head: list[_Line] = []
        filled = 0
        for line in lines:
            head.append(line)
            filled += self._text(line) != ""
            if filled > MAX_TITLES:
                break
        at, layout = self._header(head, spec)
        if at < 0:
            return
        first = self._block(at + 1, head[at : at + 1], [1], layout)
        if layout is None:
            first.fault = header_fault([self._title(line, mark) for line in head for mark in sources.DELIMITERS], spec)
        yield first
        number, waiting, last = at + 2, head[at + 1 :], False
        while not last:
            more = list(islice(lines, _ROWS))
            last = len(more) < _ROWS
            groups = [list(group) for _, group in groupby(waiting + more, key=itemgetter(1))]
            waiting = []
            for place, group in enumerate(groups, 1):
                lengths = self._lengths(group, layout, final=last or place < len(groups))
                taken = sum(lengths)
                yield self._block(number, group[:taken], lengths, layout)
                number, waiting = number + taken, group[taken:]

    def texts(self) -> Iterator[str]:
        """The lines as text; an unreadable one is empty."""
        return (self._text(line) or "" for line in self._lines(None))

    def _lengths(self, lines: list["_Line"], layout: Layout | None, *, final: bool) -> list[int]:
        """How many lines each record takes."""
        if layout is None:
            return [1] * len(lines)
        return quotes.lengths([self._text(line) for line in lines], layout.delimiter, layout.columns, final=final)

    def _lines(self, digest: Digest | None) -> Iterator["_Line"]:
        """(bytes with the line's end, whether it is a piece of an over-long line)."""
        pending, overlong, last = b"", False, False
        with open_input(self.path) as file:
            while not last:
                data = file.read(sources.BLOCK)
                last = not data
                if digest is not None:
                    digest.update(data)
                pending += data
                start = 0
                for end in self._ends(pending, last):
                    yield pending[start:end], overlong
                    start, overlong = end, False
                pending = pending[start:]
                if len(pending) > sources.MAX_LINE:
                    cut = len(pending) & ~1
                    yield pending[:cut], True
                    pending, overlong = pending[cut:], True
        if pending:
            yield pending, overlong

    def _ends(self, raw: bytes, last: bool) -> list[int]:
        """Where lines end in whole characters; a final CR may still be half of CR LF."""
        units = np.frombuffer(raw, "<u2" if self.encoding == _LITTLE else ">u2", len(raw) // 2)
        following = np.append(units[1:], 0 if last else 10)
        ends: list[int] = (2 * np.flatnonzero((units == 10) | ((units == 13) & (following != 10))) + 2).tolist()
        return ends

    def _text(self, line: "_Line") -> str | None:
        """A line without its end, a mark or an old end mark; None where it is unreadable."""
        raw, overlong = line
        try:
            text = None if overlong else raw.decode(self.encoding).strip("\ufeff\x1a\r\n")
        except UnicodeDecodeError:
            return None
        return None if text is None or "\0" in text else text if text.strip() else ""

    def _header(self, head: list["_Line"], spec: RecordSpec) -> tuple[int, Layout | None]:
        found: tuple[int, Layout | None] = -1, None
        for delimiter in sources.DELIMITERS[1::-1] + sources.DELIMITERS[2:]:
            rows = [self._title(line, delimiter) for line in head]
            at, layout = header_row(rows, lambda row, mark=delimiter: layout_of(row, spec, mark))  # type: ignore[misc]
            if layout is not None:
                return at, layout
            found = at, None
        return found

    def _cells(self, line: "_Line", delimiter: str) -> list[str] | None:
        text = self._text(line)
        return None if text is None else cells(text, delimiter)

    def _title(self, line: "_Line", delimiter: str) -> list[str]:
        """The cells of a line that may stand above a header; those of an unreadable one are no header's."""
        row = self._cells(line, delimiter)
        return split_unreadable(line[0].decode(self.encoding, "replace"), delimiter) if row is None else row

    def _block(self, first: int, lines: list["_Line"], lengths: list[int], layout: Layout | None) -> Block:
        raws = [raw for raw, _ in lines]
        records, numbers = together(raws, first, lengths)
        overlong = any(is_piece for _, is_piece in lines)
        joined = b"".join(records)
        return Block(first, joined, self.encoding, layout, overlong=overlong, records=records, numbers=numbers)


_Line = tuple[bytes, bool]
