"""Cells of an .xlsx workbook as it is stored, read with the standard library alone.

The readers of tables disagree where it matters for a form that comes back: one gives a formula the value it last had
and an error an empty cell, another believes the extent a sheet claims. Here a cell is text, a number, a date or
:data:`BAD`, whatever is installed. A workbook is measured (:mod:`~sbcard_core.validation.measuring`) before it is read.
"""

import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from posixpath import join, normpath
from typing import Any, Final
from xml.etree import ElementTree

from sbcard_core.files import open_input
from sbcard_core.validation.archives import ZIP_ERRORS, is_damage
from sbcard_core.validation.measuring import damaged, measure


class BadCell:
    """A cell no text can be taken from: a formula, an error, a truth value, a number that has lost digits."""

    def __repr__(self) -> str:
        return "BAD"


BAD: Final = BadCell()
Value = str | int | float | date | BadCell
Sheets = dict[str, list[tuple[int, list[Value]]]]
"""By the name of a sheet: its rows that hold something, each with its 1-based number; gaps are empty text."""

_WORKBOOK = "xl/workbook.xml"
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_COLUMN = re.compile("[A-Z]{1,3}")
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')
_BUILT_IN_DATES = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
_DAYS = 2_958_466
"""The first number that no program shows as a date."""
_PHANTOM = 60
"""The 29 February 1900 that spreadsheet programs count and that never was."""


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]


def _attribute(element: ElementTree.Element, name: str) -> str:
    """An attribute by its local name, so that either edition of the format is read."""
    return next((value for key, value in element.attrib.items() if _name(key) == name), "")


class _Package:
    """The parts of a workbook's archive."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = {name.lower().lstrip("/"): name for name in archive.namelist()}

    def elements(self, part: str) -> Iterator[ElementTree.Element]:
        """Every element of a part when it ends, none where the part is absent."""
        name = self._names.get(part.lower())
        if name is None:
            return
        with self._archive.open(name) as file:
            if b"<!DOCTYPE" in file.read(1 << 12):
                raise damaged("entities")
        with self._archive.open(name) as file:
            for _, element in ElementTree.iterparse(file):  # noqa: S314 - without entities, and measured before
                yield element

    def targets(self, part: str) -> dict[str, tuple[str, str]]:
        """(kind, part) of each relationship of a part, by its id."""
        folder, _, name = part.rpartition("/")
        found = {}
        for element in self.elements(join(folder, "_rels", f"{name}.rels")):
            if _name(element.tag) == "Relationship":
                target = element.get("Target", "")
                place = target.lstrip("/") if target.startswith("/") else normpath(join(folder, target))
                found[element.get("Id", "")] = element.get("Type", "").rpartition("/")[2], place
        return found


class _Reader:
    """Shared texts, styles and sheets of one workbook."""

    def __init__(self, package: _Package) -> None:
        self._package = package
        start = dict(package.targets("").values())
        self._book = start.get("officeDocument", _WORKBOOK)
        self._targets = package.targets(self._book)
        by_kind = dict(self._targets.values())
        self._texts = list(self._shared(by_kind.get("sharedStrings", "")))
        self._dates = self._date_styles(by_kind.get("styles", ""))
        self._first_day = datetime(1899, 12, 31)  # noqa: DTZ001 - days of a calendar, in no zone

    def _shared(self, part: str) -> Iterator[str]:
        for element in self._package.elements(part):
            if _name(element.tag) == "si":
                yield _text_in(element)
                element.clear()

    def _date_styles(self, part: str) -> set[int]:
        """The cell styles that show a number as a date."""
        dates = set(_BUILT_IN_DATES)
        found: set[int] = set()
        for element in self._package.elements(part):
            if _name(element.tag) == "numFmt":
                code = _LITERAL.sub("", element.get("formatCode", "")).lower()
                if any(letter in code for letter in "ymdhs") and "general" not in code:
                    dates.add(int(element.get("numFmtId", "0")))
            elif _name(element.tag) == "cellXfs":
                formats = [int(one.get("numFmtId", "0")) for one in element]
                found = {at for at, number in enumerate(formats) if number in dates}
        return found

    def sheets(self) -> Sheets:
        """All sheets, hidden ones too."""
        listed = []
        for element in self._package.elements(self._book):
            if _name(element.tag) == "workbookPr" and element.get("date1904") in ("1", "true"):
                self._first_day = datetime(1904, 1, 1)  # noqa: DTZ001
            elif _name(element.tag) == "sheet":
                listed.append((element.get("name", ""), _attribute(element, "id")))
        return {name: list(self._rows(self._targets.get(key, ("", ""))[1])) for name, key in listed}

    def _rows(self, part: str) -> Iterator[tuple[int, list[Value]]]:
        at = 0
        for element in self._package.elements(part):
            if _name(element.tag) != "row":
                continue
            at = int(element.get("r") or at + 1)
            cells: list[Value] = []
            for cell in element:
                if _name(cell.tag) == "c":
                    letters = _COLUMN.match(cell.get("r", ""))
                    place = _column(letters[0]) if letters else len(cells)
                    cells += [""] * (place - len(cells))
                    cells[place : place + 1] = [self._value(cell)]
            element.clear()
            if any(value != "" for value in cells):
                yield at, cells

    def _value(self, cell: ElementTree.Element) -> Value:
        parts = {_name(part.tag): part for part in cell}
        kind, text = cell.get("t", "n"), parts["v"].text or "" if "v" in parts else ""
        if "f" in parts or kind in ("e", "b"):
            return BAD
        if kind in ("inlineStr", "str"):
            return _text_in(parts.get("is", cell)) or _unescaped(text)  # some writers put <t> right into the cell
        if not text:
            return ""
        if kind == "s":
            return self._texts[int(text)]
        if kind == "d":
            return datetime.fromisoformat(text)
        return self._number(float(text), int(cell.get("s") or 0) in self._dates)

    def _number(self, number: float, is_date: bool) -> Value:
        if not is_date or number >= _DAYS:  # digits in a cell for dates, which a program shows as #####
            return number
        since = self._first_day
        if since.year < 1904 and number >= _PHANTOM:
            since -= timedelta(1)
        return BAD if number < 1 or (int(number) == _PHANTOM and since.year < 1904) else since + timedelta(number)


def _column(letters: str) -> int:
    """The 0-based column of its letters."""
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - 64
    return place - 1


def _unescaped(text: str) -> str:
    """The text with the characters XML cannot hold, which the format writes as ``_x001F_``."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


def _text_in(element: ElementTree.Element) -> str:
    """The text of a cell in one format or several; readings of its characters (phonetic runs) are none of it."""
    runs = [element, *(part for part in element if _name(part.tag) == "r")]
    return _unescaped("".join(part.text or "" for run in runs for part in run if _name(part.tag) == "t"))


def read(path: Path) -> Sheets:
    """Every sheet of a workbook, measured before it is read.

    Raises:
        SourceRefused: no .xlsx, damaged, or over a limit of :mod:`~sbcard_core.validation.measuring`.
        OSError: the file cannot be read.
    """
    measure(path)
    try:
        with open_input(path) as file, zipfile.ZipFile(file) as archive:
            return _Reader(_Package(archive)).sheets()
    except (ElementTree.ParseError, KeyError, *ZIP_ERRORS) as error:
        if not is_damage(error):
            raise
        raise damaged() from error


def plain(value: Any) -> str | BadCell:
    """The text of a cell's value; a date as YYYYMMDD, a number where it is whole and has all its digits.

    Example:
        >>> plain(430102.0), plain(datetime(1949, 12, 31)), plain(4.3010219491231e17), plain(0.5)
        ('430102', '19491231', BAD, BAD)
    """
    if isinstance(value, str | BadCell):
        return value
    if isinstance(value, date):  # a datetime is one too
        midnight = not isinstance(value, datetime) or (value.hour, value.minute, value.second) == (0, 0, 0)
        return f"{value:%Y%m%d}" if midnight else BAD
    return str(int(value)) if abs(value) < _EXACT and value == int(value) else BAD


_EXACT = 10**15
"""A number cell keeps 15 digits; a longer one has lost the rest for good."""
