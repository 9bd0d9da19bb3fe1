"""Taking checked records in (采集数据入库): persons, findings and the file's own count, streaming."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from sbcard_core.fields import CitizenNumber, PersonName
from sbcard_core.fields.name import Match, match
from sbcard_core.files import open_input
from sbcard_core.messages import message
from sbcard_core.registry import findings
from sbcard_core.store import Store, insert_many, schema
from sbcard_core.validation.records import CheckedBatch, Finding

STAGE = "enrolment"
"""Stage of what enrolment itself finds; what the checks found is stored under ``CHECK_STAGE``."""
CHECK_STAGE = "validation"
LOOKUP = 900
"""Numbers one query names: below the smallest parameter limit of the databases used."""
HASH_BLOCK = 1 << 20

_PERSON_COLUMNS = (
    *("form_no", "id_number", "name", "sex", "ethnicity", "birth", "phone", "category", "county", "bank"),
    *("submitted_on", "city", "source_file", "source_line"),
)


@dataclass(slots=True)
class FileCount:
    """Counts of one file; ``accepted + rejected + quarantined = records``.

    ``known`` of the accepted are persons an earlier file brought: each is a finding, none is overwritten.
    """

    records: int = 0
    accepted: int = 0
    rejected: int = 0
    quarantined: int = 0
    enrolled: int = 0
    known: int = 0
    city: str = ""
    """City of the first accepted record: one file comes from one city (assumed)."""


@dataclass(frozen=True, slots=True)
class EnrolmentReport:
    """What one run took in; ``repeated`` files were enrolled before and had no effect."""

    files: dict[str, FileCount] = field(default_factory=dict)
    repeated: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    """Files whose name was enrolled before with other content: refused whole, one finding each."""

    def total(self) -> FileCount:
        """The counts of all files together."""
        sums = FileCount()
        for count in self.files.values():
            for name in ("records", "accepted", "rejected", "quarantined", "enrolled", "known"):
                setattr(sums, name, getattr(sums, name) + getattr(count, name))
        return sums


def enrol(store: Store, batches: Iterable[CheckedBatch]) -> EnrolmentReport:
    """Take checked batches in, one transaction per batch; batches of one file follow each other.

    Args:
        store: the database.
        batches: what ``validation.check_files`` yields.

    A file whose content was enrolled before, or is enrolled by another process at the same time, is skipped, whatever
    its name; a run that was cut off may be started again. Numbers and names are stored in their one written form. The
    first record of a person wins: a later one with the same number is a finding, not an update; the finding names what
    differs.
    """
    report = EnrolmentReport()
    name, path = "", None
    skip = False
    count = FileCount()
    digest = ""
    for batch in batches:
        is_first = batch.path != path
        if is_first:
            path = batch.path
            name, count, digest = batch.file, FileCount(), _sha256(batch.path)
            skip = False
        if skip:
            continue
        with store.writing(schema.person) as connection:
            skip = _is_known(connection, report, name, digest, is_first=is_first)
            if not skip:
                _take(connection, name, batch, count)
                if batch.summary is not None:  # the last batch of its file
                    _close(connection, name, digest, count)
        if not skip:
            report.files[name] = count
        elif not is_first:  # what was counted of it so far
            report.files.pop(name, None)
    return report


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open_input(path) as source:
        while block := source.read(HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _is_known(connection: sa.Connection, report: EnrolmentReport, name: str, digest: str, *, is_first: bool) -> bool:
    """Whether the file was enrolled, also by another process since our last batch; it is reported then."""
    table, old = schema.collection_file.c, schema.finding.c
    query = sa.select(table.sha256).where((table.sha256 == digest) | (table.file == name))
    found = connection.execute(query).scalars().all()
    if not found:
        if is_first:  # findings of a run that was cut off; they come again with the file
            connection.execute(sa.delete(schema.finding).where(old.stage == CHECK_STAGE, old.source == name))
        return False
    if digest in found:
        report.repeated.append(name)
        if not is_first:
            _drop_twins(connection, name)
        return True
    findings.record(connection, STAGE, name, [findings.on_line(0, "file.changed")])
    report.changed.append(name)
    return True


def _drop_twins(connection: sa.Connection, name: str) -> None:
    """Two processes enrolled one file side by side, each wrote the findings of its batches: one of each stays."""
    old = schema.finding.c
    mine = sa.and_(old.stage == CHECK_STAGE, old.source == name)
    first = sa.select(sa.func.min(old.finding_id)).where(mine).group_by(old.line, old.code, old.field, old.detail)
    connection.execute(sa.delete(schema.finding).where(mine, old.finding_id.not_in(first)))


def _take(connection: sa.Connection, name: str, batch: CheckedBatch, count: FileCount) -> None:
    numbers = CitizenNumber.column([record.id_number for record in batch.accepted])
    names = PersonName.column([record.name for record in batch.accepted])
    rows = [
        (
            *(form, number or raw, who or written, sex, folk, _iso(birth), phone, int(kind), county, bank, _iso(day)),
            *(county[:4] + "00", name, at),
        )
        for (_, form, raw, written, sex, folk, birth, phone, kind, county, bank, day, at), number, who in zip(
            batch.accepted, numbers, names, strict=True
        )
    ]
    new = _insert_persons(connection, name, rows)
    count.city = count.city or (rows[0][11] if rows else "")
    insert_many(connection, schema.finding, findings.COLUMNS, (_finding(name, found) for found in batch.findings))
    count.records += batch.records
    count.accepted += len(rows)
    count.rejected += batch.rejected
    count.quarantined += batch.quarantined
    count.enrolled += new
    count.known += len(rows) - new


def _finding(name: str, found: Finding) -> tuple[Any, ...]:
    text = f"{found.message_zh}: {found.value_masked}" if found.value_masked else found.message_zh
    severity, disposition = int(found.severity), int(found.disposition)
    return CHECK_STAGE, found.code, name, found.line, found.field, severity, disposition, 0, text


class _Known(NamedTuple):
    """A person of the registry: where their record came from, and what a second one is compared with."""

    id_number: str
    source_file: str
    source_line: int
    name: str
    bank: str
    county: str


_COMPARED = ("name", "bank", "county")
_OF_ROW = [_PERSON_COLUMNS.index(column) for column in _Known._fields]


def _insert_persons(connection: sa.Connection, name: str, rows: list[tuple[Any, ...]]) -> int:
    """Insert the persons not there yet and return how many are this file's."""
    known = _known(connection, [row[1] for row in rows])
    again: list[findings.LineFinding] = []
    new = []
    for row in rows:
        found = _Known(*[row[place] for place in _OF_ROW])
        there = known.setdefault(found.id_number, found)
        if there is found:
            new.append(row)
        elif (there.source_file, there.source_line) != (name, found.source_line):  # else this line: it was cut off
            again.append(_known_before(there, found))
    insert_many(connection, schema.person, _PERSON_COLUMNS, new)
    findings.record(connection, STAGE, name, again)
    return len(rows) - len(again)


def _known_before(there: _Known, found: _Known) -> findings.LineFinding:
    line, file = found.source_line, there.source_file
    differing = [name for name in _COMPARED if getattr(there, name) != getattr(found, name)]
    if not differing:
        return findings.on_line(line, "person.known", file=file)
    if differing == ["name"] and match(there.name, found.name) is Match.FOLDED:
        return findings.on_line(line, "person.name_folded", file=file)
    fields = "、".join(message(f"registry.field.{name}").zh for name in differing)
    return findings.on_line(line, "person.differs", file=file, fields=fields)


def _known(connection: sa.Connection, numbers: list[str]) -> dict[str, _Known]:
    person = schema.person.c
    query = sa.select(*(person[column] for column in _Known._fields))
    known: dict[str, _Known] = {}
    for start in range(0, len(numbers), LOOKUP):
        part = numbers[start : start + LOOKUP]
        known |= {row.id_number: _Known(*row) for row in connection.execute(query.where(person.id_number.in_(part)))}
    return known


def _close(connection: sa.Connection, name: str, digest: str, count: FileCount) -> None:
    insert_many(
        connection,
        schema.collection_file,
        ("file", "city", "sha256", "records", "accepted", "rejected", "quarantined"),
        [(name, count.city, digest, count.records, count.accepted, count.rejected, count.quarantined)],
    )


def _iso(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"
