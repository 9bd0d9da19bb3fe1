"""Duplicate numbers across all files of a check, found before the first record is judged.

First look: every number becomes a key of 8 bytes (17 body digits; the check character follows from them, so two right
numbers never share a key) and a search, which spills to disk over its memory limit, finds the keys that occur more
than once. Second look: only their records are read again, to tell one person sent twice from two persons under one
number; the number itself decides there, never a key alone.

A 15-digit number goes by the 18-digit one it stands for (both readings of a centenarian's). Where a layout's numbers
are of other certificates (permits, old residence cards), values that are no citizen number go by a keyed digest in
the first look and by their text in the second.
"""

import os
import re
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date
from enum import IntEnum
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sbcard_core.fields.encodings import contradicts
from sbcard_core.fields.legacy import CENTENARIANS, is_legacy, lengthen
from sbcard_core.validation.blocks import Records, Source, SourceRefused
from sbcard_core.validation.field_rules import canonical
from sbcard_core.validation.number_cells import numbers_of
from sbcard_core.validation.number_column import NONE, Keys, Marks, Places, pack_exact
from sbcard_core.validation.repair import ASK_ALWAYS, Kind, repair_form
from sbcard_core.validation.repeats import MEMORY_LIMIT, KeySet, RepeatSearch, SpillFailed, is_first, repeated
from sbcard_core.validation.rules import Checked, RecordRules
from sbcard_core.validation.spec import RecordSpec
from sbcard_core.values import Severity

__all__ = [
    "MEMORY_LIMIT", "Duplicates", "SpillFailed", "Verdict", "is_first", "pack", "place_of", "repeated",
]  # fmt: skip

_NOBODY = (1 << 63) - 1
_NO_NAME = frozenset(("name.missing", "name.garbled"))
_STRICT = re.compile(r"[0-9]{17}[0-9X]")
_DIGEST = 1 << 63
"""Set in the digest of a text; no number's key reaches it."""


class Verdict(IntEnum):
    """What is known of a number."""

    SINGLE = 0
    IDENTICAL = 1
    """Stands in several records of one person."""
    CONFLICT = 2
    """Stands in records of different persons."""


def pack(rows: Any) -> Keys:
    """Keys of n numbers in n × 18 contiguous bytes: their first 17 digits.

    What is no number of 17 digits and a check character gets :data:`~.number_column.NONE`.

    Example:
        >>> [int(key) for key in pack(b"11010519491231002X")]
        [11010519491231002]
    """
    exact = pack_exact(rows)
    return np.where(exact == NONE, NONE, exact // np.uint64(11))


def place_of(file: int, line: int) -> int:
    """One number for a record of a check: files in order, then lines."""
    return file << 40 | line


def _digest(text: str) -> int:
    return min(hash(text) & (_DIGEST - 1) | _DIGEST, int(NONE) - 1)


class _Reader:
    """The keys of the records of a source."""

    def __init__(self, spec: RecordSpec) -> None:
        self._spec, self._at = spec, spec.index("id_number")
        self.others = spec.fields[self._at].rule != "id_number"
        """Whether numbers of other certificates stand in the column, too."""

    def blocks(self, source: Source) -> Iterator[tuple[Records, Keys, Places]]:
        """(block, keys, index of each key's record in the block); ends where the source breaks off."""
        with suppress(SourceRefused):  # the check proper tells it
            for block in source.blocks(self._spec):
                if block.layout is not None and block.layout.order[self._at] >= 0:
                    yield block, *self._keys(block, block.layout.order[self._at])

    def _keys(self, block: Records, column: int) -> tuple[Keys, Places]:
        """A record whose number has two readings stands there twice."""
        keys, places, cells = numbers_of(block, column)
        numbers, lines, odd, odd_lines = [], [], [], []
        for index, cell in cells:
            if _STRICT.fullmatch(cell):
                numbers.append(cell)
                lines.append(index)
                continue
            for key in self.odd_keys(cell):
                odd.append(key)
                odd_lines.append(index)
        packed = pack("".join(numbers).encode("ascii"))
        if not len(keys) and not odd:
            return packed, np.array(lines, np.int64)
        return (
            np.concatenate([keys, packed, np.array(odd, np.uint64)]),
            np.concatenate([places, np.array(lines + odd_lines, np.int64)]),
        )

    def odd_keys(self, cell: str) -> list[int]:
        """Keys of a value that is not written as 18 characters."""
        form = repair_form(cell.strip(), Kind.NUMBER, ASK_ALWAYS)
        number = form.proposed or form.value
        if _STRICT.fullmatch(number):
            return [int(number[:17])]
        if is_legacy(number):
            centuries = ("18", "19") if number[12:] in CENTENARIANS else ("19",)
            return [int(number[:6] + century + number[6:]) for century in centuries]
        text = number.strip().upper() if self.others else ""  # wider than any rule stores it: the second look decides
        return [_digest(text)] if text else []


class _Look:
    """The second look at records whose number may repeat: whose they are, and which are faultless.

    34 bytes for each place.
    """

    def __init__(self, spec: RecordSpec, rules: Sequence[RecordRules], reader: _Reader, keys: KeySet) -> None:
        self._spec, self._rules, self.reader, self._keys = spec, rules, reader, keys
        self._number = spec.index("id_number")
        self._same = [spec.index(key) for key in spec.same]
        self._secret = os.urandom(16)
        self.texts: dict[str, int] = {}
        self.counts = array("B", bytes(keys.slots))  # up to 2
        self.verdicts = array("B", bytes(keys.slots))
        self.in_short = array("B", bytes(keys.slots))  # stands in a 15-digit record
        self.persons = bytearray(16 * keys.slots)
        self.winners = array("q", [_NOBODY]) * keys.slots

    def _place(self, number: str, hit: tuple[int, int] = (-1, -1)) -> int:
        if _STRICT.fullmatch(number):
            if int(number[:17]) == hit[0]:
                return hit[1]
            return int(self._keys.find(np.array([int(number[:17])], np.uint64))[0])
        if number not in self.texts:
            self.texts[number] = len(self.counts)
            for column, value in ((self.counts, 0), (self.verdicts, 0), (self.in_short, 0), (self.winners, _NOBODY)):
                column.append(value)
            self.persons += bytes(16)
        return self.texts[number]

    def take(self, file: int, index: int, block: Records, hit: tuple[int, int]) -> None:
        """Note one record; ``hit`` is the key it was found by, and that key's place.

        A record without a name, birth date or sex is refused for that; it is no witness against another one. Nor is a
        name that was read in a wrong encoding.
        """
        if contradicts(block.raw_line(index), block.encoding):
            return
        row = block.cells(index)
        if row is None or block.layout is None or len(row) != block.layout.columns:
            return
        values = [row[column] if column >= 0 else "" for column in block.layout.order]
        checked = self._rules[file].check(values)
        number = checked.values[self._number]
        if not stands_for_person(checked, self._number, others=self.reader.others):
            if is_legacy(number):
                self._note_short(number, self._rules[file])
            return
        if not _NO_NAME.isdisjoint([problem.code for _, problem in checked.problems]):
            return
        same = tuple(self._plain(at, values[at]) for at in self._same)
        place = self._place(number, hit) if all(same) else -1
        if place < 0:
            return
        person = blake2b("\x1f".join(same).encode("utf-8", "surrogatepass"), digest_size=16, key=self._secret).digest()
        if not self.counts[place]:
            self.counts[place] = 1
            self.persons[16 * place : 16 * place + 16] = person
        else:
            self.counts[place] = 2
            differs = self.persons[16 * place : 16 * place + 16] != person
            self.verdicts[place] = max(self.verdicts[place], Verdict.CONFLICT if differs else Verdict.IDENTICAL)
        if all(problem.severity is not Severity.ERROR for _, problem in checked.problems):
            self.winners[place] = min(self.winners[place], place_of(file, block.line(index)))

    def _note_short(self, number: str, rules: RecordRules) -> None:
        for full in lengthen(number, on=rules.context.on):
            if (place := self._place(full)) >= 0:
                self.in_short[place] = 1

    def _plain(self, at: int, value: str) -> str:
        return canonical(self._spec.fields[at], value)


def stands_for_person(checked: Checked, number: int, *, others: bool = False) -> bool:
    """Whether a record's number counts in the search: a right citizen number, or one of another certificate.

    Args:
        checked: the record after all rules.
        number: position of the number.
        others: the layout's numbers may be of other certificates; then one without an error counts.
    """
    if checked.number_is_right or not others:
        return checked.number_is_right
    faulty = any(at == number and problem.severity is Severity.ERROR for at, problem in checked.problems)
    return bool(checked.values[number]) and not faulty


class Duplicates:
    """The numbers of a check that stand in more than one record with a right number, or were known before it.

    A *place* names such a number; -1 is none. Memory: 17 bytes for each, and 12 for each slot of the table.

    Args:
        numbers: the first 17 digits of each, as a key.
        texts: numbers of other certificates; their places follow.
        flags: a byte for each place: its verdict, and the bits ``SHORT`` and ``KNOWN``.
        winners: the first faultless record of each place.
        others: whether the layout's numbers may be of other certificates.
    """

    SHORT, KNOWN = 4, 8

    def __init__(
        self, numbers: Keys, texts: Sequence[str], flags: Marks, winners: Places, *, others: bool = False
    ) -> None:
        self._numbers, self._flags, self._winners, self._others = numbers, flags, winners, others
        self._texts = {text: len(numbers) + at for at, text in enumerate(texts)}
        self._keys = KeySet(len(numbers))
        self._keys.add(numbers)
        self._ranks = np.full(self._keys.slots, -1, np.int32)
        self._ranks[self._keys.find(numbers)] = np.arange(len(numbers), dtype=np.int32)

    def __len__(self) -> int:
        return len(self._flags)

    @classmethod
    def none(cls) -> "Duplicates":
        """Of a layout whose numbers may repeat."""
        return cls(np.zeros(0, np.uint64), (), np.zeros(0, np.uint8), np.zeros(0, np.int64))

    @classmethod
    def find(
        cls,
        sources: Sequence[Source],
        spec: RecordSpec,
        rules: Sequence[RecordRules],
        *,
        memory_limit: int = MEMORY_LIMIT,
        spill_dir: Path | None = None,
    ) -> "Duplicates":
        """Read all sources, twice where a number repeats.

        A block may bring its numbers along (:func:`~.number_cells.numbers_of`).

        Args:
            sources: all files of the check.
            spec: their layout.
            rules: one entry per source.
            memory_limit: bytes the search may take before it spills to disk. What repeats is held besides: up to
                130 bytes for each number that stands in more than one record.
            spill_dir: folder of the temporary file, which holds 8 bytes a record; None = the system's.

        Raises:
            SpillFailed: the temporary file cannot be written or read; nothing of it is left behind.
        """
        if not spec.same:
            return cls.none()
        reader = _Reader(spec)
        with RepeatSearch(memory_limit=memory_limit, spill_dir=spill_dir) as search:
            for source in sources:
                for _, keys, _ in reader.blocks(source):
                    search.add(keys)
            found = search.repeated()
        if not len(found):
            return cls.none()
        suspects = KeySet(len(found))
        suspects.add(found)
        look = _Look(spec, rules, reader, suspects)
        for file, source in enumerate(sources):
            for block, keys, lines in reader.blocks(source):
                places = suspects.find(keys)
                hits = np.flatnonzero(places >= 0)
                one_each = np.unique(lines[hits], return_index=True)[1]  # a number with two readings hits twice
                for at in hits[one_each].tolist():
                    look.take(file, int(lines[at]), block, (int(keys[at]), int(places[at])))
        return cls._of(found, suspects, look)

    @classmethod
    def _of(cls, found: Keys, suspects: KeySet, look: _Look) -> "Duplicates":
        """Only what the second look confirmed."""
        counts, short = np.frombuffer(look.counts, np.uint8), np.frombuffer(look.in_short, np.uint8)
        keep = (counts > 1) | ((counts > 0) & (short > 0))
        at = suspects.find(found)
        numbers, at = found[keep[at]], at[keep[at]]
        texts = [number for number, place in look.texts.items() if keep[place]]
        at = np.concatenate([at, np.array([look.texts[number] for number in texts], np.int64)])
        flags = np.frombuffer(look.verdicts, np.uint8)[at] | short[at] * np.uint8(cls.SHORT)
        return cls(numbers, texts, flags, np.frombuffer(look.winners, np.int64)[at], others=look.reader.others)

    def with_known(self, known: Keys) -> "Duplicates":
        """The same, with numbers (17 digits each) that are known already: they have a place too.

        Args:
            known: each once.
        """
        if not len(known):
            return self
        at = self.places_of(known)
        fresh, end = known[at < 0], len(self._numbers)
        flags = np.concatenate([self._flags[:end], np.zeros(len(fresh), np.uint8), self._flags[end:]])
        nobody = np.full(len(fresh), _NOBODY, np.int64)
        winners = np.concatenate([self._winners[:end], nobody, self._winners[end:]])
        flags[at[at >= 0]] |= np.uint8(self.KNOWN)
        flags[end : end + len(fresh)] = self.KNOWN
        numbers = np.concatenate([self._numbers, fresh])
        return Duplicates(numbers, [*self._texts], flags, winners, others=self._others)

    def places_of(self, keys: Keys) -> Places:
        """The place of each key (a number's first 17 digits, or 0 = none), -1 where it has none."""
        at = self._keys.find(keys)
        there = np.flatnonzero(at >= 0)
        at[there] = self._ranks[at[there]]
        return at

    def repeated(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Whether each key's record is to be looked at closer: it has a place, or may have one by its text."""
        found: npt.NDArray[np.bool_] = self._keys.find(keys) >= 0
        return found | (keys == 0) | (keys == NONE) if self._texts else found

    def places(self, rows: bytes) -> list[int] | None:
        """Each number's place or -1, for n × 18 bytes; None where nothing repeats."""
        return self.places_of(pack(rows)).tolist() if len(self) else None

    def place(self, number: str) -> int:
        """The place of one number as stored, of any certificate."""
        if not len(self):
            return -1
        if _STRICT.fullmatch(number):
            return int(self.places_of(np.array([int(number[:17])], np.uint64))[0])
        return self._texts.get(number, -1)

    def of_record(self, checked: Checked, number: int) -> int:
        """The place of a record's number, -1 where it has none or does not stand for a person.

        Args:
            checked: the record after all rules.
            number: position of the number.
        """
        counts = len(self) and stands_for_person(checked, number, others=self._others)
        return self.place(checked.values[number]) if counts else -1

    def verdict(self, place: int) -> Verdict:
        """What is known of the number at a place."""
        return Verdict.SINGLE if place < 0 else Verdict(int(self._flags[place]) & 3)

    def is_first(self, place: int, record: int) -> bool:
        """Whether a faultless record (:func:`place_of`) is the first one under its number."""
        return int(self._winners[place]) == record

    def is_known(self, place: int) -> bool:
        """Whether the number at a place was known before the check."""
        return place >= 0 and bool(self._flags[place] & self.KNOWN)

    def stands_in_short(self, place: int) -> bool:
        """Whether the number also stands in a record with its old 15 digits, which was not put right."""
        return place >= 0 and bool(self._flags[place] & self.SHORT)

    def stands_in_full(self, number: str, *, on: date) -> bool:
        """Whether a 15-digit number that was not put right stands in another record with all its 18 digits."""
        return any(self.stands_in_short(self.place(full)) for full in lengthen(number, on=on))
