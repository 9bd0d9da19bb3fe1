"""The whole check: files in, batches of accepted rows and findings out.

Every line after the header that is not blank is one record and ends as exactly one of accepted,
rejected or quarantined. A record whose every value is clean takes the fast path: one regular
expression, set look-ups, and one kernel call per batch for all numbers. Any other record goes
through the field rules, which find all its errors, not the first one.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from sbcard_core.errors import InvalidValue
from sbcard_core.files import new_file
from sbcard_core.messages import Message
from sbcard_core.validation import messages
from sbcard_core.validation.ahead import ReadAhead
from sbcard_core.validation.blocks import Records, Source, SourceRefused
from sbcard_core.validation.context import Context
from sbcard_core.validation.detect import open_source
from sbcard_core.validation.duplicates import MEMORY_LIMIT, Duplicates
from sbcard_core.validation.judge import Batch, line_finding
from sbcard_core.validation.known_numbers import KnownNumbers
from sbcard_core.validation.pool import Plan, Workers
from sbcard_core.validation.records import CheckedBatch, FileSummary, Finding, QuarantinedLine
from sbcard_core.validation.repair import FORM_AT_ONCE, RepairPolicy
from sbcard_core.validation.rules import RecordRules
from sbcard_core.validation.spec import COLLECTION, NO_FAULT, HeaderFault, RecordSpec
from sbcard_core.values import Disposition, Severity


class Progress(Protocol):
    """Told after every batch."""

    def __call__(self, file: str, records: int, /) -> object:
        """Take the file's name and its records so far."""


class _Reading:
    """One source being read: its header taken off, and what went wrong with it."""

    def __init__(self, source: Source, spec: RecordSpec, digest: Any) -> None:
        self._source, self._spec, self._digest = source, spec, digest
        self.findings: list[Finding] = []
        self.quarantine: list[QuarantinedLine] = []
        self.refused = False
        self.lines = self.entries = self.continued = 0

    def _refuse(self, line: int, code: str, fault: HeaderFault = NO_FAULT, sentence: Message | None = None) -> None:
        self.refused = True
        self.findings.append(line_finding(self._source.name, line, code, fault, sentence))

    def records(self) -> Iterator[Records]:
        """All blocks but the header's; a source that breaks off ends here and is marked refused."""
        header_seen = False
        try:
            for block in self._source.blocks(self._spec, digest=self._digest):
                if header_seen or len(block) == 0:
                    self.entries += len(block)
                    self.continued += block.physical_lines - len(block)
                    self.lines += block.physical_lines
                    yield block
                    continue
                header_seen = True
                self.lines += block.line(0) - 1 + block.physical_lines
                if block.fault.passed_over:
                    self.findings.append(_passed_over(self._source.name, block.fault.passed_over))
                if block.layout is None:
                    self._refuse(block.line(0), block.refusal, block.fault)
                    self.quarantine.append(QuarantinedLine(block.line(0), block.raw_line(0)))
        except SourceRefused as refused:
            header_seen = True
            self._refuse(0, refused.code, sentence=refused.sentence)
        if not header_seen:
            self._refuse(0, "file.header")


def _passed_over(file: str, sheets: Sequence[str]) -> Finding:
    """People on sheets that were not read: nobody may vanish without a word."""
    text = messages.words("file.passed_over", sheets="、".join(sheets))
    return Finding(file, 0, "", "file.passed_over", Severity.WARNING, Disposition.ACCEPTED, "", text.zh, text.en)


@dataclass(slots=True)
class _Sum:
    """The counts of one file, and the cap on its findings."""

    cap: int | None
    records: int = 0
    accepted: int = 0
    rejected: int = 0
    quarantined: int = 0
    counts: Counter[str] = field(default_factory=Counter)

    def take(self, batch: CheckedBatch) -> CheckedBatch:
        """Count a batch; give it back without the findings over the cap."""
        self.records += batch.records
        self.accepted += len(batch.accepted)
        self.rejected += batch.rejected
        self.quarantined += batch.quarantined
        if self.cap is None:
            self.counts.update([finding.code for finding in batch.findings])
            return batch
        kept = []
        for finding in batch.findings:
            self.counts[finding.code] += 1
            if self.counts[finding.code] <= self.cap:
                kept.append(finding)
        return replace(batch, findings=kept)


def _file_batches(
    file: int, source: Source, workers: Workers, spec: RecordSpec, cap: int | None
) -> Iterator[CheckedBatch]:
    """The batches of one source; what concerns the whole source stands in the first one or in one of its own."""
    digest, path = hashlib.sha256(), getattr(source, "path", Path(source.name))
    reading, total = _Reading(source, spec, digest), _Sum(cap)
    held: CheckedBatch | None = None
    for judged in workers.batches(file, path, reading.records()):
        batch = _with_findings(judged, reading)
        if held is not None:
            yield held
        held = total.take(batch)
    if reading.findings:
        if held is not None:
            yield held
        held = total.take(_with_findings(replace(Batch(path).done(), file=source.name), reading))
    last = held or replace(Batch(path).done(), file=source.name)
    yield replace(
        last,
        summary=FileSummary(
            source.name,
            digest.hexdigest(),
            total.records,
            total.accepted,
            total.rejected,
            total.quarantined,
            reading.refused,
            dict(total.counts),
            reading.lines,
            reading.entries - total.records,
            reading.continued,
        ),
    )


def _with_findings(batch: CheckedBatch, reading: _Reading) -> CheckedBatch:
    if not reading.findings:
        return batch
    batch = replace(
        batch,
        findings=[*reading.findings, *batch.findings],
        quarantine=[*reading.quarantine, *batch.quarantine],
    )
    reading.findings, reading.quarantine = [], []
    return batch


def check_files(
    paths: Sequence[Path],
    spec: RecordSpec = COLLECTION,
    *,
    on: date,
    batch_size: int = 5000,
    progress: Progress | None = None,
    quarantine_dir: Path | None = None,
    submitters: Mapping[str, str] | None = None,
    cap: int | None = None,
    workers: int | Executor = 1,
    repairs: RepairPolicy = FORM_AT_ONCE,
    known: Any = None,
    proposals: int = 5,
    memory_limit: int = MEMORY_LIMIT,
    spill_dir: Path | None = None,
) -> Iterator[CheckedBatch]:
    """Check collected files: delimited text; with extra ``bulk`` also workbooks and Parquet; DBF.

    Two passes: the first finds numbers that repeat, across all files; the second judges every
    record. Blank lines are skipped and not counted; empty cells beyond the header's are ignored. A
    line that cannot be decoded, holds a NUL, exceeds ``sources.MAX_LINE``, does not fit the header or
    is a footer or a header again is quarantined; where the header itself is refused, every line is.
    One person sent twice is accepted once (the first faultless record); records of different persons
    under one number are all rejected.

    A file that holds no lines to tell apart (``file.kind``, ``damaged``, ``locked``, ``too_large``, ``sheets``,
    ``types``) is refused as one thing: its summary says ``header_refused`` and bears the digest of all its bytes,
    one finding says why, and the file stays where and as it is. Records of it that were read before the damage
    showed are counted like any other; nothing of the rest is.

    Args:
        paths: the files, in order; their names must differ.
        spec: the record layout; the header row maps the columns, extra columns are ignored.
        on: the day of the check; later dates are impossible.
        batch_size: records per batch, at most.
        progress: called after every batch with the file's name and its records so far.
        quarantine_dir: where ``<file>.quarantine`` gets the original bytes of quarantined lines (mode 600; one that is
            there is refused), or None.
        submitters: six-digit code of the city or county that sent each file, by file name.
        cap: findings handed out per file and code; ``summary.counts`` and ``marks`` still count all.
        workers: 1 = judge here; more = so many threads; or an executor of threads or processes (where most records
            are faulty, processes serve better).
        repairs: which changes of form (width, blanks, case, separator, 15 to 18 digits) are made at once; a record
            that needs another one is refused with the change proposed. Money and accounts are never changed.
        known: numbers registered already, in stored form: a stream of text (read once, never held), n × 18 bytes, or
            an Arrow column; their records are refused (``duplicate.known``). The sources are read once more for it.
        proposals: how many numbers a finding on a wrong number proposes at most, best first; 0 = none.
        memory_limit: bytes the search for repeated numbers may take; beyond them it goes on in a temporary file.
        spill_dir: folder of that file, which holds 8 bytes a record; None = the system's.

    Yields:
        Batches in file and line order; the last batch of each file carries its ``summary``. Memory is
        ``memory_limit`` at most while repeated numbers are sought, then up to 130 bytes for each number that stands
        in several records; with ``known``, 11 to 21 bytes a record besides; and some blocks of 1 MiB with their
        findings for each worker. A workbook is held whole.

    Raises:
        InvalidValue: two files of one name, a batch size or memory limit below 1.
        SpillFailed: the temporary file cannot be written or read (:mod:`~sbcard_core.validation.repeats`).
        OSError: a file cannot be read or written.

    Example:
        >>> import tempfile
        >>> header = ",".join(field.header for field in COLLECTION.fields)
        >>> record = "1,A1,11010519491231002x,张三,2,01,19491231,13800138000,4,430102,103,20140701"
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "430100.csv")
        ...     _ = file.write_bytes(f"{header}\\r\\n{record}\\r\\n".encode("gb18030"))
        ...     (batch,) = check_files([file], on=date(2014, 7, 31))
        >>> batch.accepted, [finding.code for finding in batch.findings]
        ([CollectedPerson(id_number='110105********002X', line=2)], ['id_number.lowercase_x'])
    """
    return check_sources(
        [open_source(path) for path in paths],
        spec,
        on=on,
        batch_size=batch_size,
        progress=progress,
        quarantine_dir=quarantine_dir,
        submitters=submitters,
        cap=cap,
        workers=workers,
        repairs=repairs,
        known=known,
        proposals=proposals,
        memory_limit=memory_limit,
        spill_dir=spill_dir,
    )


def check_sources(
    sources: Sequence[Source],
    spec: RecordSpec = COLLECTION,
    *,
    on: date,
    batch_size: int = 5000,
    progress: Progress | None = None,
    quarantine_dir: Path | None = None,
    submitters: Mapping[str, str] | None = None,
    cap: int | None = None,
    workers: int | Executor = 1,
    repairs: RepairPolicy = FORM_AT_ONCE,
    known: Any = None,
    proposals: int = 5,
    memory_limit: int = MEMORY_LIMIT,
    spill_dir: Path | None = None,
) -> Iterator[CheckedBatch]:
    """Check sources of any kind: :class:`~sbcard_core.validation.sources.Delimited`, fixed columns, DBF, Arrow …

    A source that cannot be read as a whole gets one finding (``file.*``) and a summary with
    ``header_refused``; the other sources still count. All else as in :func:`check_files`.

    Raises:
        InvalidValue: two sources of one name, or a batch size, cap or memory limit below 1.
        SpillFailed: see :func:`check_files`.
        MissingPart: a source needs a library that is not installed.
    """
    if known is not None and not any(field.field == "id_number" for field in spec.fields):
        raise InvalidValue("the layout has no number to be known", step="validation.check_files", term="已登记号码")
    if (
        len({source.name for source in sources}) != len(sources)
        or min(batch_size, memory_limit, 1 if cap is None else cap) < 1
    ):
        raise InvalidValue("file names must differ and every limit is at least 1", step="validation.check_files")
    named = submitters or {}
    senders = {file: named[source.name] for file, source in enumerate(sources) if source.name in named}
    return _check(
        list(sources),
        Plan(spec, Context.of(on, repairs, proposals), Duplicates.none(), batch_size, senders),
        known,
        partial(Duplicates.find, memory_limit=memory_limit, spill_dir=spill_dir),
        progress=progress,
        quarantine_dir=quarantine_dir,
        cap=cap,
        workers=workers,
    )


def _check(
    sources: list[Source],
    plan: Plan,
    known: Any,
    find: Callable[..., Duplicates],
    *,
    progress: Progress | None,
    quarantine_dir: Path | None,
    cap: int | None,
    workers: int | Executor,
) -> Iterator[CheckedBatch]:
    rules = [RecordRules(plan.spec, plan.context.sent_by(plan.submitters.get(at, ""))) for at in range(len(sources))]
    ahead = workers != 1  # reading beside the search; an object of another library stays in its thread
    searched = [ReadAhead(source) if ahead and hasattr(source, "path") else source for source in sources]
    plan = plan._replace(duplicates=find(searched, plan.spec, rules))
    if known is not None:
        plan = plan._replace(known=KnownNumbers.find(sources, plan.spec, known, on=plan.context.on))
    with Workers(plan, workers) as team:
        for file, source in enumerate(sources):
            records = 0
            with ExitStack() as stack:
                aside: BinaryIO | None = None
                for batch in _file_batches(file, source, team, plan.spec, cap):
                    if quarantine_dir is not None and batch.quarantine:
                        target = quarantine_dir / f"{source.name}.quarantine"
                        aside = aside or stack.enter_context(new_file(target))
                        aside.writelines(line.raw for line in batch.quarantine)
                    records += batch.records
                    if progress is not None:
                        progress(source.name, records)
                    yield batch
