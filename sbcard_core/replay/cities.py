"""The cities' side of collection: one GBK file per city, with the faults clerks make.

The files are all the bureau ever sees. What was planted is written apart, for
the closing proof alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sbcard_core.files import new_file, new_text, write_rows
from sbcard_core.replay import chance, faults
from sbcard_core.replay.campaign import Campaign
from sbcard_core.replay.faults import Row
from sbcard_core.replay.plan import Plan
from sbcard_core.replay.population import Person
from sbcard_core.validation.spec import COLLECTION

BLOCK = 5_000
EXTRA_SHARE = 50
"""One refused record comes on top of every 50 right ones."""


@dataclass
class _CityFile:
    """One file being written: its next line, and what has been planted in it."""

    name: str
    line: int = 1  # the header
    planted: list[tuple[str, int, str]] = field(default_factory=list)

    def plant(self, code: str) -> None:
        self.planted.append((self.name, self.line, code))


def _encode(row: Row) -> bytes:
    data = ",".join(row).encode("gb18030")
    return data.replace(faults.GARBLED.encode("gb18030"), faults.GARBLED_BYTES)


class Cities:
    """Writes every city's collection file."""

    def __init__(self, campaign: Campaign, plan: Plan) -> None:
        self._campaign = campaign
        self._people = campaign.population
        self._plan = plan

    def write(self, collected: Path, answers: Path) -> Iterator[int]:
        """Write the files and the answer key; yields the number of records after each block."""
        with new_text(answers) as stream:
            write_rows(stream, [("file", "line", "code")], end="\n")
            for city, count in self._people.cities:
                if count:
                    file = _CityFile(f"{city}.csv")
                    yield from self._write_city(collected / file.name, city, count, file)
                    write_rows(stream, file.planted, end="\n")

    def _write_city(self, path: Path, city: str, count: int, file: _CityFile) -> Iterator[int]:
        with new_file(path) as stream:
            stream.write(",".join(field.header for field in COLLECTION.fields).encode("gb18030") + b"\r\n")
            for first in range(0, count, BLOCK):
                rows = self._block(city, first, min(first + BLOCK, count), file)
                stream.write(b"".join(_encode(row) + b"\r\n" for row in rows))
                yield len(rows)

    def _block(self, city: str, first: int, stop: int, file: _CityFile) -> list[Row]:
        start = self._people.starts[city]
        indices = np.arange(start + first, start + stop, dtype=np.uint64)
        people = self._people.block(start + first, start + stop)
        banks = self._plan.banks(indices)
        bits = chance.draw(self._campaign.seed, "repairable", indices).tolist()
        rows: list[Row] = []
        for offset, person in enumerate(people):
            place = first + offset
            file.line += 1
            submitted = self._plan.submitted_on(city, place).strftime("%Y%m%d")
            row = faults.row_of(person, file.line - 1, f"{city}{person.index:08d}", banks[offset], submitted)
            if code := faults.repairable(row, bits[offset]):
                file.plant(code)
            rows.append(row)
            if place % EXTRA_SHARE == EXTRA_SHARE - 1:
                rows += self._extras(city, place, place // EXTRA_SHARE, file, submitted)
        return rows

    def _extras(self, city: str, place: int, number: int, file: _CityFile, submitted: str) -> list[Row]:
        """The refused record that follows the right one at ``place`` (two of them for a conflict)."""
        kind = number % (len(faults.REFUSED) + 3)
        if kind < len(faults.REFUSED):
            fault = faults.REFUSED[kind]
            return [fault.spoil(self._extra(self._people.stranger(city, number), number, file, submitted, fault.code))]
        if kind == len(faults.REFUSED):
            inside = self._people.one(self._people.starts[city] + place // 2)
            return [self._extra(inside, number, file, submitted, "duplicate.identical")]
        if kind == len(faults.REFUSED) + 1:
            # Somebody of an earlier file, so that the original is the one that was first.
            start = self._people.starts[city]
            other = self._people.one(chance.draw_one(self._campaign.seed, "across", start + number) % (start + place))
            return [self._extra(other, number, file, submitted, "duplicate.identical")]
        stranger = self._people.stranger(city, number)
        first = self._extra(stranger, number, file, submitted, "duplicate.conflict")
        second = self._extra(stranger, number, file, submitted, "duplicate.conflict")
        second[faults.NAME] = "另" + second[faults.NAME][:3]
        second[faults.FORM_NO] += "B"
        return [first, second]

    def _extra(self, person: Person, number: int, file: _CityFile, submitted: str, code: str) -> Row:
        file.line += 1
        file.plant(code)
        form_no = f"{file.name[:6]}{self._people.size + number:08d}"
        return faults.row_of(person, file.line - 1, form_no, self._bank_of(person, number), submitted)

    def _bank_of(self, person: Person, number: int) -> str:
        """A copy names the same bank as its original; a stranger any bank."""
        index = person.index if person.index < self._people.size else number % self._people.size
        return self._plan.banks(np.array([index], dtype=np.uint64))[0]
