"""Duplicate numbers across all files of a check, found before the first record is judged.

First pass: every well-formed number is packed into 8 bytes (17 body digits fit; the check
character follows from them, so two right numbers never share a key) and the keys are sorted.
Only keys that occur more than once are looked at again, to tell one person sent twice from two
persons under one number. Memory is 8 bytes per record, whatever the records hold.
"""

import re
from array import array
from collections.abc import Iterator, Sequence
from enum import IntEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sbcard_core.fields import citizen_id, name
from sbcard_core.validation.rules import Context, number_is_right, tidy
from sbcard_core.validation.sources import Block, blocks, cells
from sbcard_core.validation.spec import Layout, RecordSpec

Keys = npt.NDArray[np.uint64]

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


def _number_lines(path: Path, spec: RecordSpec) -> Iterator[tuple[list[str], list[int], Block]]:
    """(well-formed stored numbers, their index in the block, the block)."""
    at = spec.index("id_number")
    for block in blocks(path, spec):
        if block.layout is None:
            continue
        column, commas = block.layout.order[at], block.layout.columns - 1
        numbers, lines = [], []
        for index, text in enumerate(block.texts):
            if text is None:
                continue
            if '"' in text:
                row = cells(text)
                if row is None or len(row) != commas + 1:
                    continue
                number = row[column]
            elif text.count(",") == commas:
                number = text.split(",", column + 1)[column]
            else:
                continue
            if _STRICT.fullmatch(number) is None:
                number = citizen_id.compact(number)
                if _STRICT.fullmatch(number) is None:
                    continue
            numbers.append(number)
            lines.append(index)
        yield numbers, lines, block


def _repeated_keys(paths: Sequence[Path], spec: RecordSpec) -> Keys:
    store = array("Q")
    for path in paths:
        for numbers, _, _ in _number_lines(path, spec):
            store.frombytes(pack("".join(numbers).encode("ascii")).tobytes())
    keys = np.frombuffer(store, np.uint64)
    keys.sort()
    return np.unique(keys[1:][keys[1:] == keys[:-1]])


def _person(text: str, layout: Layout, spec: RecordSpec) -> int | None:
    """A hash of the name, birth date and sex of one line, as they are stored; None where one is empty.

    A record without a name is refused for that; it is no witness against another one.
    """
    row = cells(text)
    if row is None:  # lines that do not parse were left out before
        return None
    who, birth, sex = (row[layout.order[spec.index(key)]] for key in ("name", "birth", "sex"))
    person = name.repair(who), tidy(birth), tidy(sex)
    return hash(person) if all(person) else None


class Duplicates:
    """The numbers of a check that stand in more than one record with a right number."""

    def __init__(self, keys: Keys, conflict: npt.NDArray[np.bool_]) -> None:
        self._keys = keys
        self._conflict = conflict
        self._taken = bytearray(len(keys))

    def __len__(self) -> int:
        return len(self._keys)

    @classmethod
    def find(cls, paths: Sequence[Path], spec: RecordSpec, context: Context) -> "Duplicates":
        """Read all files, twice where a number repeats."""
        keys = _repeated_keys(paths, spec)
        if not len(keys):
            return cls(keys, np.zeros(0, np.bool_))
        places, persons = array("q"), array("q")
        for path in paths:
            for numbers, lines, block in _number_lines(path, spec):
                if block.layout is None or not numbers:
                    continue
                at = locate(keys, pack("".join(numbers).encode("ascii")))
                for index in np.flatnonzero(at >= 0).tolist():
                    text = block.texts[lines[index]]
                    if text is None or not number_is_right(numbers[index], context):
                        continue
                    if (person := _person(text, block.layout, spec)) is not None:
                        places.append(int(at[index]))
                        persons.append(person)
        return cls._group(keys, np.frombuffer(places, np.int64), np.frombuffer(persons, np.int64))

    @classmethod
    def _group(cls, keys: Keys, places: npt.NDArray[np.int64], persons: npt.NDArray[np.int64]) -> "Duplicates":
        if not len(places):
            return cls(keys[:0], np.zeros(0, np.bool_))
        order = np.argsort(places, kind="stable")
        found, starts, counts = np.unique(places[order], return_index=True, return_counts=True)
        sorted_persons = persons[order]
        differ = np.minimum.reduceat(sorted_persons, starts) != np.maximum.reduceat(sorted_persons, starts)
        repeated = counts > 1
        return cls(keys[found[repeated]], differ[repeated])

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

    def take(self, place: int) -> bool:
        """Claim a number for the record at hand; False where an earlier record has it."""
        first = not self._taken[place]
        self._taken[place] = 1
        return first


def locate(keys: Keys, wanted: Keys) -> npt.NDArray[np.int64]:
    """Place of each wanted key in the sorted keys, -1 where it is absent.

    Example:
        >>> locate(np.array([3, 7], np.uint64), np.array([7, 4], np.uint64)).tolist()
        [1, -1]
    """
    at = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[at] == wanted, at, -1).astype(np.int64)
