"""The whole check: files in, batches of accepted rows and findings out.

Every line after the header that is not blank is one record and ends as exactly one of accepted,
rejected or quarantined. A record whose every value is clean takes the fast path: one regular
expression, set look-ups, and one kernel call per batch for all numbers. Any other record goes
through the field rules, which find all its errors, not the first one.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

from sbcard_core.errors import InvalidValue
from sbcard_core.validation.duplicates import Duplicates
from sbcard_core.validation.judge import Batch, Checker, line_finding
from sbcard_core.validation.records import CheckedBatch, FileSummary, QuarantinedLine
from sbcard_core.validation.rules import Context
from sbcard_core.validation.sources import blocks
from sbcard_core.validation.spec import COLLECTION, RecordSpec

Progress = Callable[[str, int], None]


def _file_batches(path: Path, checker: Checker, batch_size: int, digest: Any) -> Iterator[CheckedBatch]:
    """The batches of one file, the header's findings in the first one."""
    batch, header_seen = Batch(path), False
    for block in blocks(path, checker.spec, digest=digest):
        if not header_seen:
            header_seen = True
            if block.layout is None:
                batch.findings.append(line_finding(path.name, block.first, "file.header"))
                batch.quarantine.append(QuarantinedLine(block.first, block.raw_line(0)))
            continue
        for start in range(0, len(block.texts), batch_size):
            checker.check(batch, block, start, min(start + batch_size, len(block.texts)))
            yield batch.done()
            batch = Batch(path)
    if not header_seen:
        batch.findings.append(line_finding(path.name, 0, "file.header"))
    if batch.findings:
        yield batch.done()


def _with_summary(path: Path, checker: Checker, batch_size: int) -> Iterator[CheckedBatch]:
    digest = hashlib.sha256()
    records = accepted = rejected = quarantined = 0
    refused = False
    held: CheckedBatch | None = None
    for batch in _file_batches(path, checker, batch_size, digest):
        if held is not None:
            yield held
        held = batch
        refused = refused or any(finding.code == "file.header" for finding in batch.findings[:1])
        records += batch.records
        accepted += len(batch.accepted)
        rejected += batch.rejected
        quarantined += batch.quarantined
    last = held or Batch(path).done()
    summary = FileSummary(path.name, digest.hexdigest(), records, accepted, rejected, quarantined, refused)
    yield replace(last, summary=summary)


def check_files(
    paths: Sequence[Path],
    spec: RecordSpec = COLLECTION,
    *,
    on: date,
    batch_size: int = 5000,
    progress: Progress | None = None,
    quarantine_dir: Path | None = None,
) -> Iterator[CheckedBatch]:
    """Check collected files (GB 18030 or marked UTF-8, comma-separated, one header row).

    Two passes: the first finds numbers that repeat, across all files; the second judges every
    record. Blank lines are skipped and not counted. A line that cannot be decoded, holds a NUL,
    exceeds ``sources.MAX_LINE`` or does not fit the header is quarantined; where the header
    itself is refused, the whole file is. One person sent twice is accepted once (the first
    faultless record); records of different persons under one number are all rejected.

    Args:
        paths: the files, in order; their names must differ.
        spec: the record layout; the header row maps the columns, extra columns are ignored.
        on: the day of the check; later dates are impossible.
        batch_size: records per batch, at most.
        progress: called after every batch with the file's name and its records so far.
        quarantine_dir: where ``<file>.quarantine`` gets the original bytes of quarantined lines, or None.

    Yields:
        Batches in file and line order; the last batch of each file carries its ``summary``. Memory is
        8 bytes per record of the whole check, plus one batch.

    Raises:
        InvalidValue: two files of one name, or a batch size below 1.
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
    if len({path.name for path in paths}) != len(paths) or batch_size < 1:
        raise InvalidValue("file names must differ and a batch holds at least 1 record", step="validation.check_files")
    return _check(
        list(paths),
        spec,
        Context.of(on),
        batch_size=batch_size,
        progress=progress,
        quarantine_dir=quarantine_dir,
    )


def _check(
    paths: list[Path],
    spec: RecordSpec,
    context: Context,
    *,
    batch_size: int,
    progress: Progress | None,
    quarantine_dir: Path | None,
) -> Iterator[CheckedBatch]:
    checker = Checker(spec, context, Duplicates.find(paths, spec, context))
    for path in paths:
        records = 0
        with ExitStack() as stack:
            aside: BinaryIO | None = None
            for batch in _with_summary(path, checker, batch_size):
                if quarantine_dir is not None and batch.quarantine:
                    target = quarantine_dir / f"{path.name}.quarantine"
                    aside = aside or stack.enter_context(target.open("wb"))
                    aside.writelines(line.raw for line in batch.quarantine)
                records += batch.records
                if progress is not None:
                    progress(path.name, records)
                yield batch
