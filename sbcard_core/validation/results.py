"""Findings and records of a check as Arrow tables, batch by batch, without any Arrow library."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

from sbcard_core import arrow
from sbcard_core.validation.records import CheckedBatch, Finding
from sbcard_core.validation.spec import RecordSpec
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
    marked = {mark.line: mark for mark in batch.marks}
    rows = [(mark.line, int(mark.disposition), mark.bits) for mark in batch.marks]
    rows += [(row.line, int(Disposition.ACCEPTED), 0) for row in batch.accepted if row.line not in marked]
    rows.sort()
    return arrow.record(
        [
            arrow.text("file", [batch.file] * len(rows)),
            arrow.numbers("line", [line for line, _, _ in rows]),
            arrow.numbers("disposition", [disposition for _, disposition, _ in rows], "C"),
            arrow.numbers("findings", [bits for _, _, bits in rows], "L"),
        ]
    )


def _accepted(batch: CheckedBatch, spec: RecordSpec) -> arrow.Column:
    columns = [arrow.text(field.header, [row[at] for row in batch.accepted]) for at, field in enumerate(spec.fields)]
    return arrow.record([*columns, arrow.numbers("line", [row.line for row in batch.accepted])])


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
