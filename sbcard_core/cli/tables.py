"""CSV files that a clerk hands in: encoding by evidence, every line accounted for, refused whole where one is wrong."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import encodings
from sbcard_core.files import HEAD, foreign, read_cell, read_input
from sbcard_core.messages import message
from sbcard_core.validation.quotes import cells, fitted, span

MAX_TABLE = 1 << 30
"""Bytes of a table, which is held in memory."""

_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")


def rows(path: Path, wanted: Iterable[str], step: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows of a CSV file with a header, UTF-8 or GB18030, with their line; other columns may stand beside.

    Lines without any content are passed over. A quoted cell may go on in the next line; a stray quote joins none.

    Raises:
        FileRefused: no regular file, or larger than ``MAX_TABLE``.
        InvalidValue: no text but a workbook or the like, a line of another encoding, a column that lacks or stands
            twice, a line that does not have the header's columns.
    """
    raw = read_input(path, limit=MAX_TABLE)
    if found := "workbook" if raw.startswith(_WORKBOOKS) else foreign(raw[:HEAD]):
        _refuse(step, "kind", file=path.name, found=found)
    texts = _texts(path, raw, step)
    header = [name.strip() for name in cells(texts[0]) or [""]] if texts else []
    names = tuple(wanted)
    if missing := [name for name in names if name not in header]:
        _refuse(step, "lacks", file=path.name, missing=", ".join(missing), wanted=",".join(names))
    if twice := [name for name in names if header.count(name) > 1]:
        _refuse(step, "twice", file=path.name, column=twice[0])
    at = 1
    while at < len(texts):
        taken = span(texts, at, ",", len(header), final=True)
        row = cells("\n".join(texts[at : at + taken]))
        row = None if row is None else fitted(row, len(header))
        if row is not None and any(map(str.strip, row)):
            if len(row) != len(header):
                row = None
            else:
                yield at + 1, {name: read_cell(cell) for name, cell in zip(header, row, strict=True)}
        if row is None:
            _refuse(step, "columns", file=path.name, line=at + 1, columns=len(header))
        at += taken


def _texts(path: Path, raw: bytes, step: str) -> list[str]:
    """The lines of a file, all in one encoding."""
    encoding = encodings.decide(raw)
    texts = []
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").splitlines(), 1):
        if encodings.contradicts(line, encoding):
            _refuse(step, "contradicts", file=path.name, line=number, encoding=encoding)
        try:
            texts.append(line.decode(encoding))
        except UnicodeDecodeError:
            _refuse(step, "no_text", file=path.name, line=number, encoding=encoding)
    return texts


def _refuse(step: str, code: str, **parameters: object) -> NoReturn:
    raise InvalidValue(message(f"tables.{code}", **parameters), step=step, term="文件")
