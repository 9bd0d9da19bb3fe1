"""Which record a photo belongs to: by the citizen number or the form number in its name."""

import hashlib
import re
import unicodedata
from array import array
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import citizen_id
from sbcard_core.validation.context import years_before
from sbcard_core.values import mask_id

_NUMBER = re.compile(r"(?<![0-9A-Za-z])(?:[0-9]{17}[0-9Xx]|[0-9]{15})(?![0-9A-Za-z])")
_DIGITS = re.compile(r"\d{7,}[Xx]?")
_HAN = re.compile(r"[㐀-鿿\U00020000-\U0003ffff]{2,}")
_FORM = re.compile(r"[0-9A-Za-z-]+")
_SHOWN = 120
_NOT_GOOD = -1


class Named(NamedTuple):
    """What a file name tells: an 18-character number ("" = none), and form numbers it may be."""

    number: str
    forms: tuple[str, ...]


def read_name(name: str) -> Named:
    """What the name of a photo tells.

    Example:
        >>> read_name("pic_1/11010519491231002x张三.JPG")
        Named(number='11010519491231002X', forms=('11010519491231002x张三', '11010519491231002x'))
    """
    stem = unicodedata.normalize("NFKC", name.rpartition("/")[2]).rpartition(".")
    stem_ = (stem[0] or stem[2]).strip()
    found = _NUMBER.search(stem_)
    number = found[0].upper() if found else ""
    if len(number) == 15:
        number = citizen_id.upgrade(number) if citizen_id.is_valid(number) else number
    first = _FORM.match(stem_)
    return Named(number, (stem_, first[0]) if first and first[0] != stem_ else (stem_,))


def masked_name(name: str) -> str:
    """A photo's name as a finding may show it: numbers hidden, of a person's name the first character only.

    Example:
        >>> masked_name("pic_4301/11010519491231002X张三丰.jpg")
        'pic_4301/110105********002X张**.jpg'
    """
    folder, slash, last = name.rpartition("/")
    last = _HAN.sub(lambda found: found[0][0] + "*" * (len(found[0]) - 1), last)
    text = _DIGITS.sub(
        lambda found: mask_id(found[0]) if len(found[0]) > 10 else "*" * len(found[0]), folder + slash + last
    )
    return "".join(character if character.isprintable() else "?" for character in text[-_SHOWN:])


def _key(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


_Keys = tuple[NDArray[np.uint64], NDArray[np.int64]]


class Roll:
    """The records that should have a photo, by number and by form number; about 50 bytes a record.

    Args:
        on: the day of the check; a record's age counts then.
        no_photo_under: age in years below which a record needs no photo.

    Raises:
        InvalidValue: records are added after the first photo was looked up.

    Example:
        >>> from sbcard_core.validation.spec import COLLECTION, CollectedPerson
        >>> roll = Roll(on=date(2014, 7, 31))
        >>> row = ("1", "F1", "11010519491231002X", "张三", "2", "01", "19491231", "", "4", "430102", "103", "20140701")
        >>> roll.add("430100.csv", [CollectedPerson(*row, 2)])
        >>> [roll.find(read_name(name)) for name in ("11010519491231002X.jpg", "F1.jpg", "F2.jpg")]
        [0, 0, -1]
    """

    def __init__(self, *, on: date, no_photo_under: int = 0) -> None:
        self._youngest = years_before(on, no_photo_under) if no_photo_under else "99999999"
        self._files: list[str] = []
        self._file_of, self._lines = array("i"), array("q")
        self._numbers, self._forms = array("Q"), array("Q")
        self._exempt = bytearray()
        self._sorted: tuple[_Keys, _Keys] | None = None
        self._photo: NDArray[np.int64] = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, file: str, rows: Iterable[Any]) -> None:
        """Take in accepted rows of a file: ``id_number`` and ``line``, and ``form_no`` where the layout has one."""
        if self._sorted is not None:
            raise InvalidValue("records come before photos", step="photos.Roll", advice="add every file first")
        if not self._files or self._files[-1] != file:
            self._files.append(file)
        for row in rows:
            form = getattr(row, "form_no", "")
            self._file_of.append(len(self._files) - 1)
            self._lines.append(row.line)
            self._numbers.append(_key(row.id_number))
            self._forms.append(_key(form) if form else 0)
            self._exempt.append(row.id_number[6:14] > self._youngest)

    def _lookup(self) -> tuple[_Keys, _Keys]:
        if self._sorted is None:
            both = []
            for column in (self._numbers, self._forms):
                keys = np.frombuffer(column, np.uint64) if column else np.zeros(0, np.uint64)
                order = np.argsort(keys, kind="stable")
                both.append((keys[order], order.astype(np.int64)))
            self._sorted = both[0], both[1]
            self._photo = np.zeros(len(self), np.int64)
        return self._sorted

    def find(self, named: Named) -> int:
        """The record a name tells, -1 = none: by number where the name has one, else by form."""
        numbers, forms = self._lookup()
        tries = [(numbers, named.number)] if named.number else [(forms, form) for form in named.forms]
        for (keys, order), text in tries:
            key = np.uint64(_key(text))
            at = int(np.searchsorted(keys, key))
            if at < len(keys) and keys[at] == key:
                return int(order[at])
        return -1

    def take(self, record: int, photo: int, *, good: bool) -> int:
        """Note the photo (counted from 1) of a record; gives the good one it had already, 0 = none.

        A photo that is not good shows that the record has one, and leaves its place to the first good one.
        """
        before = max(0, int(self._photo[record]))
        self._photo[record] = before or (photo if good else _NOT_GOOD)
        return before

    def without_photo(self) -> Iterator[tuple[str, int]]:
        """(file, line) of each record that needs a photo and has none, in the order they were added."""
        self._lookup()
        for record in np.flatnonzero(self._photo == 0).tolist():
            if not self._exempt[record]:
                yield self._files[self._file_of[record]], self._lines[record]
