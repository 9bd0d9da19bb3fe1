"""Duplicate numbers across all files of a check, found before the first record is judged.

First pass: every well-formed number is packed into 8 bytes (17 body digits fit; the check
character follows from them, so two right numbers never share a key) and the keys are sorted.
Only keys that occur more than once are looked at again, to tell one person sent twice from two
persons under one number. Memory is 8 bytes per record, whatever the records hold.
"""

import re
from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from sbcard_core.fields import citizen_id, name
from sbcard_core.validation.blocks import Records, Source, SourceRefused
from sbcard_core.validation.rules import RecordRules, tidy
from sbcard_core.validation.spec import RecordSpec
from sbcard_core.values import Severity

Keys = npt.NDArray[np.uint64]

_NOBODY = (1 << 63) - 1
_STRICT = re.compile(r"[0-9]{17}[0-9X]")


class Verdict(IntEnum):
    """What is known of a number."""

    SINGLE = 0
    IDENTICAL = 1
    """Stands in several records of one person."""
    CONFLICT = 2
    """Stands in records of different persons."""


def pack(rows: bytes) -> Keys:
    """Keys of n numbers in n × 18 contiguous bytes whose first 17 are digits.

    Example:
        >>> [int(key) for key in pack(b"11010519491231002X")]
        [11010519491231002]
    """
    digits = np.frombuffer(rows, np.uint8).reshape(-1, citizen_id.LENGTH)
    keys = np.zeros(len(digits), np.uint64)
    for column in range(citizen_id.LENGTH - 1):
        keys *= np.uint64(10)
        keys += digits[:, column] - np.uint8(48)
    return keys


Numbers = tuple[list[str], list[int], Records]


def _number_lines(source: Source, spec: RecordSpec) -> Iterator[Numbers]:
    """(well-formed stored numbers, their index in the block, the block); ends where the source breaks off."""
    at = spec.index("id_number")
    with suppress(SourceRefused):  # the check proper tells it
        for block in source.blocks(spec):
            if block.layout is None:
                continue
            numbers, lines = [], []
            for index, cell in block.column(block.layout.order[at]):
                number = cell
                if _STRICT.fullmatch(number) is None:
                    number = citizen_id.compact(number)
                    if _STRICT.fullmatch(number) is None:
                        continue
                numbers.append(number)
                lines.append(index)
            yield numbers, lines, block


def _repeated_keys(sources: Sequence[Source], spec: RecordSpec) -> Keys:
    store = array("Q")
    for source in sources:
        for numbers, _, _ in _number_lines(source, spec):
            store.frombytes(pack("".join(numbers).encode("ascii")).tobytes())
    keys = np.frombuffer(store, np.uint64)
    keys.sort()
    return np.unique(keys[1:][keys[1:] == keys[:-1]])


def place_of(file: int, line: int) -> int:
    """One number for a record of a check: files in order, then lines."""
    return file << 40 | line


class _Look:
    """The second look at records whose number repeats: whose they are, and which are faultless."""

    def __init__(self, spec: RecordSpec, rules: Sequence[RecordRules]) -> None:
        self._spec, self._rules = spec, rules
        self._number = spec.index("id_number")
        self._same = [spec.index(key) for key in spec.same]
        self.places, self.persons, self.winners = array("q"), array("q"), array("q")

    def take(self, file: int, place: int, index: int, block: Records) -> None:
        """Note one record.

        A record without a name, birth date or sex is refused for that; it is no witness against another one.
        """
        row = block.cells(index)
        if row is None or block.layout is None:
            return
        values = [row[column] if column >= 0 else "" for column in block.layout.order]
        checked = self._rules[file].check(values)
        if not checked.number_is_right:
            return
        same = tuple(self._plain(at, values[at]) for at in self._same)
        if not all(same):
            return
        faultless = all(problem.severity is not Severity.ERROR for _, problem in checked.problems)
        self.places.append(place)
        self.persons.append(hash(same))
        self.winners.append(place_of(file, block.line(index)) if faultless else _NOBODY)

    def _plain(self, at: int, value: str) -> str:
        return name.repair(value) if self._spec.fields[at].rule == "name" else tidy(value)


class Duplicates:
    """The numbers of a check that stand in more than one record with a right number."""

    def __init__(
        self,
        keys: Keys,
        conflict: npt.NDArray[np.bool_],
        winners: npt.NDArray[np.int64],
        known: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        self._keys = keys
        self._conflict = conflict
        self._winners = winners
        self._known = known

    def __len__(self) -> int:
        return len(self._keys)

    @classmethod
    def none(cls) -> "Duplicates":
        """Of a layout whose numbers may repeat."""
        return cls(np.zeros(0, np.uint64), np.zeros(0, np.bool_), np.zeros(0, np.int64))

    @classmethod
    def find(cls, sources: Sequence[Source], spec: RecordSpec, rules: Sequence[RecordRules]) -> "Duplicates":
        """Read all sources, twice where a number repeats; ``rules`` holds one entry per source."""
        if not spec.same:
            return cls.none()
        keys = _repeated_keys(sources, spec)
        if not len(keys):
            return cls.none()
        look = _Look(spec, rules)
        for file, source in enumerate(sources):
            for numbers, lines, block in _number_lines(source, spec):
                if not numbers:
                    continue
                at = locate(keys, pack("".join(numbers).encode("ascii")))
                for index in np.flatnonzero(at >= 0).tolist():
                    look.take(file, int(at[index]), lines[index], block)
        return cls._group(keys, look)

    @classmethod
    def _group(cls, keys: Keys, look: _Look) -> "Duplicates":
        if not len(look.places):
            return cls.none()
        places, persons, ids = (np.frombuffer(part, np.int64) for part in (look.places, look.persons, look.winners))
        order = np.argsort(places, kind="stable")
        found, starts, counts = np.unique(places[order], return_index=True, return_counts=True)
        sorted_persons = persons[order]
        differ = np.minimum.reduceat(sorted_persons, starts) != np.maximum.reduceat(sorted_persons, starts)
        winners = np.minimum.reduceat(ids[order], starts)
        repeated = counts > 1
        return cls(keys[found[repeated]], differ[repeated], winners[repeated])

    def with_known(self, known: Keys) -> "Duplicates":
        """The same, with numbers (17 digits each) that are known already: they have a place too.

        Args:
            known: sorted, each once.
        """
        if not len(known):
            return self
        keys = np.union1d(self._keys, known)
        at = np.searchsorted(keys, self._keys)
        conflict, winners = np.zeros(len(keys), np.bool_), np.full(len(keys), _NOBODY, np.int64)
        conflict[at], winners[at] = self._conflict, self._winners
        return Duplicates(keys, conflict, winners, np.isin(keys, known, assume_unique=True))

    def is_known(self, place: int) -> bool:
        """Whether the number at a place was known before the check."""
        return place >= 0 and self._known is not None and bool(self._known[place])

    def places(self, rows: bytes) -> list[int] | None:
        """Each number's place among the repeated ones or -1, for n × 18 bytes; None where nothing repeats."""
        return locate(self._keys, pack(rows)).tolist() if len(self._keys) else None

    def place(self, number: str) -> int:
        """The same for one number."""
        if not len(self._keys):
            return -1
        key = np.uint64(int(number[:-1]))
        at = int(np.searchsorted(self._keys, key))
        return at if at < len(self._keys) and self._keys[at] == key else -1

    def verdict(self, place: int) -> Verdict:
        """What is known of the number at a place."""
        if place < 0:
            return Verdict.SINGLE
        return Verdict.CONFLICT if self._conflict[place] else Verdict.IDENTICAL

    def is_first(self, place: int, record: int) -> bool:
        """Whether a faultless record (:func:`place_of`) is the first one under its number."""
        return int(self._winners[place]) == record


def locate(keys: Keys, wanted: Keys) -> npt.NDArray[np.int64]:
    """Place of each wanted key in the sorted keys, -1 where it is absent.

    Example:
        >>> locate(np.array([3, 7], np.uint64), np.array([7, 4], np.uint64)).tolist()
        [1, -1]
    """
    at = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1).astype(np.int64)
