"""Taking checked records in (采集数据入库): persons, findings and the file's own count, streaming."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sbcard_core.files import open_input
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

    A file whose content was enrolled before is skipped, whatever its name; a run that was cut off may be started
    again. The first record of a person wins: a later one with the same number is a finding, not an update.
    """
    report = EnrolmentReport()
    name = ""
    skip = False
    count = FileCount()
    digest = ""
    for batch in batches:
        if batch.file != name:
            name, count, digest = batch.file, FileCount(), _sha256(batch.path)
            skip = _is_known(store, report, name, digest)
        if skip:
            continue
        with store.begin() as connection:
            _take(connection, name, batch, count)
            if batch.summary is not None:  # the last batch of its file
                _close(connection, name, digest, count)
        report.files[name] = count
    return report


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open_input(path) as source:
        while block := source.read(HASH_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _is_known(store: Store, report: EnrolmentReport, name: str, digest: str) -> bool:
    table = schema.collection_file
    with store.begin() as connection:
        if connection.execute(sa.select(table.c.file).where(table.c.sha256 == digest)).first() is not None:
            report.repeated.append(name)
            return True
        if connection.execute(sa.select(table.c.file).where(table.c.file == name)).first() is None:
            # Findings of a run that was cut off; they come again with the file.
            old = schema.finding.c
            connection.execute(sa.delete(schema.finding).where(old.stage == CHECK_STAGE, old.source == name))
            return False
        text = "同名文件已入库且内容不同,整份未入库"
        findings.record(connection, STAGE, name, [findings.LineFinding(0, "file.changed", text)])
    report.changed.append(name)
    return True


def _take(connection: sa.Connection, name: str, batch: CheckedBatch, count: FileCount) -> None:
    rows = [
        (
            *(form, number, who, sex, folk, _iso(birth), phone, int(kind), county, bank, _iso(day)),
            *(county[:4] + "00", name, at),
        )
        for _, form, number, who, sex, folk, birth, phone, kind, county, bank, day, at in batch.accepted
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


def _insert_persons(connection: sa.Connection, name: str, rows: list[tuple[Any, ...]]) -> int:
    """Insert the persons not there yet and return how many are this file's."""
    known = _known_lines(connection, rows)
    if not known:
        return insert_many(connection, schema.person, _PERSON_COLUMNS, rows)
    # A line of this very file is there already when an earlier run was cut off: no finding.
    again = [
        findings.LineFinding(row[-1], "person.known", f"社会保障号码已由文件 {known[row[1]][0]} 入库")
        for row in rows
        if row[1] in known and known[row[1]] != (name, row[-1])
    ]
    insert_many(connection, schema.person, _PERSON_COLUMNS, [row for row in rows if row[1] not in known])
    findings.record(connection, STAGE, name, again)
    return len(rows) - len(again)


def _known_lines(connection: sa.Connection, rows: list[tuple[Any, ...]]) -> dict[str, tuple[str, int]]:
    person = schema.person.c
    numbers = iter([row[1] for row in rows])
    known: dict[str, tuple[str, int]] = {}
    while part := list(islice(numbers, LOOKUP)):
        query = sa.select(person.id_number, person.source_file, person.source_line)
        for number, file, line in connection.execute(query.where(person.id_number.in_(part))):
            known[number] = (file, line)
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
