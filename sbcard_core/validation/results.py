"""Findings and records of a check as Arrow tables, batch by batch, without any Arrow library."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from sbcard_core import arrow
from sbcard_core.validation.accepted import as_accepted
from sbcard_core.validation.records import CheckedBatch, Finding
from sbcard_core.validation.spec import RecordSpec
from sbcard_core.validation.text_columns import TextColumn, numbers
from sbcard_core.values import Disposition


def _findings(found: list[Finding]) -> arrow.Column:
    return arrow.record(
        [
            arrow.text("file", [finding.file for finding in found]),
            arrow.numbers("line", [finding.line for finding in found]),
            arrow.numbers("column", [finding.column for finding in found], "i"),
            arrow.text("field", [finding.field for finding in found]),
            arrow.text("code", [finding.code for finding in found]),
            arrow.numbers("severity", [finding.severity for finding in found], "C"),
            arrow.numbers("disposition", [finding.disposition for finding in found], "C"),
            arrow.text("value_masked", [finding.value_masked for finding in found]),
            arrow.text("reason_zh", [finding.message_zh for finding in found]),
            arrow.text("reason_en", [finding.message_en for finding in found]),
            arrow.text("rule_source", [finding.source for finding in found]),
            arrow.lists("proposals", [_values(finding) for finding in found]),
            arrow.lists("proofs", [_proofs(finding) for finding in found]),
        ]
    )


def _values(finding: Finding) -> list[str]:
    if finding.proposals:
        return [proposal.value for proposal in finding.proposals]
    return [finding.repair] if finding.repair else []


def _proofs(finding: Finding) -> list[str]:
    if finding.proposals:
        return [proposal.reason_zh() for proposal in finding.proposals]
    return ["已改正"] if finding.repair else []


def _records(batch: CheckedBatch) -> arrow.Column:
    marked = np.array([mark.line for mark in batch.marks], np.int64)
    clean = np.setdiff1d(as_accepted(batch.accepted).lines(), marked)
    lines = np.concatenate([marked, clean])
    order = np.argsort(lines, kind="stable")
    dispositions = np.full(len(lines), int(Disposition.ACCEPTED), np.uint8)
    dispositions[: len(marked)] = [int(mark.disposition) for mark in batch.marks]
    bits = np.zeros(len(lines), np.uint64)
    bits[: len(marked)] = [mark.bits for mark in batch.marks]
    return arrow.record(
        [
            _repeated("file", batch.file, len(lines)),
            numbers("line", lines[order]),
            numbers("disposition", dispositions[order], "C"),
            numbers("findings", bits[order], "L"),
        ]
    )


def _repeated(name: str, value: str, count: int) -> arrow.Column:
    raw = value.encode("utf-8", "replace")
    return TextColumn(np.arange(count + 1, dtype=np.int64) * len(raw), raw * count).to_arrow(name)


def _accepted(batch: CheckedBatch, spec: RecordSpec) -> arrow.Column:
    rows = as_accepted(batch.accepted)
    columns = rows.text_columns(len(spec.fields))
    named = [column.to_arrow(field.header) for field, column in zip(spec.fields, columns, strict=True)]
    return arrow.record([*named, numbers("line", rows.lines())])


class HasFindings(Protocol):
    """A batch of records, or of photos."""

    @property
    def findings(self) -> list[Finding]:
        """What was found in it."""


Batches = Iterable[CheckedBatch]


def _table(like: arrow.Column, batches: Iterable[Any], make: Callable[[Any], arrow.Column]) -> arrow.Table:
    def run() -> Iterator[arrow.Column]:
        for batch in batches:
            column = make(batch)
            if column.length:
                yield column

    return arrow.Table(like, run)


_EMPTY = CheckedBatch("", Path(), 0, [], [], 0, 0, [])


def findings_table(batches: Iterable[HasFindings]) -> arrow.Table:
    """The findings of a check, as an object with ``__arrow_c_stream__``.

    Columns: file, line, column (1-based, 0 = none), field, code, severity and disposition (uint8 codes),
    value_masked, reason_zh, reason_en, rule_source, proposals (list of text, best first, **not masked**: keep it out of
    logs; where there is none, the value that was put in place), proofs (list of text: what speaks for each of them).

    Args:
        batches: what ``check_files`` or ``check_photos`` gives. An iterator can be read once, judged while it is read;
            a list can be read again.

    Example:
        >>> findings_table([]).names[:5]
        ['file', 'line', 'column', 'field', 'code']
    """
    return _table(_findings([]), batches, lambda batch: _findings(batch.findings))


def records_table(batches: Batches) -> arrow.Table:
    """One row per record: file, line, disposition (uint8) and ``findings``, a uint64 mask of finding codes.

    Bit k stands for ``rules.codes_of(spec)[k]``; capped findings count too. 0 = clean.
    """
    return _table(_records(_EMPTY), batches, _records)


def accepted_table(batches: Batches, spec: RecordSpec) -> arrow.Table:
    """The accepted records as text columns under the layout's headers, then ``line``. Full values: no log."""
    return _table(_accepted(_EMPTY, spec), batches, lambda batch: _accepted(batch, spec))
