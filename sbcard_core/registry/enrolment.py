"""Taking checked records in (采集数据入库): persons, findings and the file's own count, streaming."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import sqlalchemy as sa

from sbcard_core.registry import findings
from sbcard_core.store import Store, insert_many, schema
from sbcard_core.values import Disposition, Severity

STAGE = "enrolment"
"""Stage of what enrolment itself finds; what the checks found is stored under ``CHECK_STAGE``."""
CHECK_STAGE = "validation"
LOOKUP = 5000
HASH_BLOCK = 1 << 20

_PERSON_COLUMNS = (
    *("form_no", "id_number", "name", "sex", "ethnicity", "birth", "phone", "category", "county", "bank"),
    *("submitted_on", "city", "source_file", "source_line"),
)


class CheckedFinding(Protocol):
    """What a finding of the checks looks like."""

    @property
    def line(self) -> int: ...
    @property
    def field(self) -> str: ...
    @property
    def code(self) -> str: ...
    @property
    def severity(self) -> Severity: ...
    @property
    def disposition(self) -> Disposition: ...
    @property
    def message_zh(self) -> str: ...


class Checked(Protocol):
    """What a checked batch looks like: part of one file, in file order.

    A row of ``accepted`` is the record's values in collection order (序号, 申领表编码, 社会保障号码, 姓名, 性别,
    民族, 出生日期, 联系手机, 人员类别, 区县代码, 服务银行, 上报日期), then its line number in the file.
    """

    @property
    def path(self) -> Path: ...
    @property
    def records(self) -> int: ...
    @property
    def accepted(self) -> Sequence[Sequence[Any]]: ...
    @property
    def findings(self) -> Sequence[CheckedFinding]: ...
    @property
    def rejected(self) -> int: ...
    @property
    def quarantined(self) -> int: ...


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


def enrol(store: Store, batches: Iterable[Checked]) -> EnrolmentReport:
    """Take checked batches in, one transaction per batch; batches of one file follow each other.

    A file whose content was enrolled before is skipped, whatever its name; a run that was cut off may be started
    again. The first record of a person wins: a later one with the same number is a finding, not an update.
    """
    report = EnrolmentReport()
    name = ""
    skip = False
    count = FileCount()
    digest = ""
    for batch, last in _with_last(batches):
        path = batch.path
        if path.name != name:
            name, count, digest = path.name, FileCount(), _sha256(path)
            skip = _is_known(store, report, name, digest)
        if skip:
            continue
        with store.begin() as connection:
            _take(connection, name, batch, count)
            if last:
                _close(connection, name, digest, count)
        report.files[name] = count
    return report


def _with_last(batches: Iterable[Checked]) -> Iterator[tuple[Checked, bool]]:
    """Each batch with whether it is the last of its file: one batch is held back."""
    held: Checked | None = None
    for batch in batches:
        if held is not None:
            yield held, held.path != batch.path
        held = batch
    if held is not None:
        yield held, True


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as source:
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


def _take(connection: sa.Connection, name: str, batch: Checked, count: FileCount) -> None:
    rows = [
        (
            form,
            number,
            who,
            sex,
            folk,
            _iso(birth),
            phone,
            int(kind),
            county,
            bank,
            _iso(day),
            county[:4] + "00",
            name,
            at,
        )
        for _, form, number, who, sex, folk, birth, phone, kind, county, bank, day, at in batch.accepted
    ]
    new = _insert_persons(connection, name, rows)
    count.city = count.city or (rows[0][11] if rows else "")
    insert_many(
        connection,
        schema.finding,
        findings.COLUMNS,
        (
            (CHECK_STAGE, f.code, name, f.line, f.field, int(f.severity), int(f.disposition), 0, f.message_zh)
            for f in batch.findings
        ),
    )
    count.records += batch.records
    count.accepted += len(rows)
    count.rejected += batch.rejected
    count.quarantined += batch.quarantined
    count.enrolled += new
    count.known += len(rows) - new


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
