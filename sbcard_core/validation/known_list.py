"""Lists of numbers registered already, as a registry or an earlier check wrote them."""

from collections.abc import Iterator
from pathlib import Path

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import citizen_id
from sbcard_core.fields.encodings import decide
from sbcard_core.messages import message
from sbcard_core.validation import sources
from sbcard_core.validation.blocks import decode_line
from sbcard_core.validation.quotes import cells
from sbcard_core.validation.spec import COLLECTION
from sbcard_core.validation.titles import MAX_TITLES, plain_header
from sbcard_core.validation.utf16 import Utf16, encoding_of

_FIELD = COLLECTION.fields[COLLECTION.index("id_number")]
_WORDS = frozenset((_FIELD.header, *_FIELD.aliases, "证件号码", _FIELD.field))
_SHORTEST = 7
"""Characters of a certificate's number."""


def _texts(path: Path) -> Iterator[str]:
    encoding = ""
    for raw, _ in sources.raw_blocks(path, None):
        if not encoding and (wide := encoding_of(raw[:4096])):
            yield from Utf16(path, wide).texts()
            return
        encoding = encoding or decide(raw)
        for line in raw.splitlines():
            yield decode_line(line, encoding) or ""


def _is_number(value: str) -> bool:
    return len(value) >= _SHORTEST and value.isascii() and value.isalnum() and any(map(str.isdigit, value))


def read(path: Path) -> Iterator[str]:
    """The numbers of a list, read once: its column of citizen numbers, or one number a line without a header.

    Wrappings of spreadsheets (``="…"``, an apostrophe), blanks and full-width digits are taken off.

    Raises:
        InvalidValue: no line holds a number; a list that can match nothing is refused.
        OSError: the file cannot be read.
    """
    column, delimiter, above, found = -1, ",", MAX_TITLES, 0
    for text in _texts(path):
        line = text.lstrip("\ufeff").strip()
        if not line:
            continue
        if column < 0 <= above:  # titles may stand above the header
            above -= 1
            delimiter = max(sources.DELIMITERS, key=line.count)
            header = [plain_header(cell) for cell in cells(line, delimiter) or []]
            column = next((at for at, name in enumerate(header) if name in _WORDS), -1)
            if column >= 0:
                continue
        row = [citizen_id.compact(cell) for cell in cells(line, delimiter) or line.split(delimiter)]
        number = row[column] if 0 <= column < len(row) else next(filter(_is_number, row), row[0])
        found += _is_number(number)
        yield number
    if not found:
        raise InvalidValue(message("validation.known.nothing", file=path.name), step="check", term="已登记号码")
