"""Judges records: the fast path for clean ones, the field rules for the rest, duplicates last."""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from sbcard_core.fields import citizen_id
from sbcard_core.validation import messages
from sbcard_core.validation.duplicates import Duplicates, Verdict
from sbcard_core.validation.records import CheckedBatch, Finding, QuarantinedLine, masked
from sbcard_core.validation.rules import Context, Problem, RecordRules
from sbcard_core.validation.sources import Block, cells, is_blank
from sbcard_core.validation.spec import Layout, RecordSpec
from sbcard_core.values import Disposition, Severity


class _Record(NamedTuple):
    """One readable record: its line, its values as written and as stored, what is wrong, its place among repeats."""

    line: int
    written: Sequence[str]
    stored: Sequence[str]
    problems: list[tuple[int, Problem]]
    place: int


class Batch:
    """One batch in the making."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records = self.rejected = 0
        self.accepted: list[Any] = []
        self.findings: list[Finding] = []
        self.quarantined = 0
        self.quarantine: list[QuarantinedLine] = []

    def done(self) -> CheckedBatch:
        """The finished batch."""
        return CheckedBatch(
            self.path.name,
            self.path,
            self.records,
            self.accepted,
            self.findings,
            self.rejected,
            self.quarantined,
            self.quarantine,
        )


class Checker:
    """Checks the blocks of one file after the other against one spec."""

    def __init__(self, spec: RecordSpec, context: Context, duplicates: Duplicates) -> None:
        self.spec = spec
        self.context = context
        self.duplicates = duplicates
        self.rules = RecordRules(spec, context)
        self.number, self.sex, self.birth = (spec.index(key) for key in ("id_number", "sex", "birth"))
        self.lookups: list[tuple[int, frozenset[str]]] = [
            (at, field.allowed) for at, field in enumerate(spec.fields) if field.allowed is not None
        ]
        # the birth date of a clean record equals the number's own, which the kernel has checked
        self.lookups += [
            (at, context.days) for at, field in enumerate(spec.fields) if field.rule == "day" and at != self.birth
        ]

    def check(self, batch: Batch, block: Block, start: int, stop: int) -> None:
        """Check lines ``start`` to ``stop`` of a block into a batch."""
        if block.layout is None:
            self._put_aside_all(batch, block, start, stop)
            return
        rows = clean_rows(block.layout, block.texts[start:stop])
        fast = [row for row in rows if row is not None]
        numbers = "".join([row[self.number] for row in fast]).encode("ascii")
        sexes = "".join([row[self.sex] for row in fast]).encode("ascii")
        masks = citizen_id.check_many(numbers, sex=sexes, on=self.context.on)
        places = self.duplicates.places(numbers) or [-1] * len(masks)
        judged = zip(masks, places, strict=True)
        accept, make = batch.accepted.append, self.spec.row._make
        number, birth, lookups = self.number, self.birth, self.lookups
        for index, row in enumerate(rows, start):
            if row is not None:
                mask, place = next(judged)
                if not mask and row[birth] == row[number][6:14]:
                    for at, allowed in lookups:
                        if row[at] not in allowed:
                            break
                    else:
                        if place < 0:
                            accept(make((*row, block.first + index)))
                        else:
                            self._finish(batch, _Record(block.first + index, row, row, [], place))
                        continue
            self._look_closer(batch, block, block.layout, index)
        batch.records = len(batch.accepted) + batch.rejected + batch.quarantined

    def _look_closer(self, batch: Batch, block: Block, layout: Layout, index: int) -> None:
        text = block.texts[index]
        if text is None:
            self._put_aside(batch, block, index, "record.undecodable")
            return
        if is_blank(text):
            return
        row = cells(text)
        if row is None or len(row) != layout.columns:
            self._put_aside(batch, block, index, "record.columns")
            return
        values = [row[column] for column in layout.order]
        checked = self.rules.check(values)
        place = self.duplicates.place(checked.values[self.number]) if checked.number_is_right else -1
        self._finish(batch, _Record(block.first + index, values, checked.values, checked.problems, place))

    def _finish(self, batch: Batch, record: _Record) -> None:
        """Settle one readable record: duplicates come last, so that a faulty twin never takes the number."""
        problems = record.problems
        refused = any(problem.severity is Severity.ERROR for _, problem in problems)
        verdict = self.duplicates.verdict(record.place)
        if verdict is Verdict.CONFLICT:
            problems = [*problems, (self.number, Problem("duplicate.conflict", Severity.ERROR))]
            refused = True
        elif verdict is Verdict.IDENTICAL and not refused and not self.duplicates.take(record.place):
            problems = [*problems, (self.number, Problem("duplicate.identical", Severity.ERROR))]
            refused = True
        if refused:
            batch.rejected += 1
        else:
            batch.accepted.append(self.spec.row._make((*record.stored, record.line)))
        disposition = Disposition.REJECTED if refused else Disposition.ACCEPTED
        for at, problem in problems:
            batch.findings.append(self._finding(batch.path.name, record, at, problem, disposition))

    def _finding(self, file: str, record: _Record, at: int, problem: Problem, disposition: Disposition) -> Finding:
        field = self.spec.fields[at]
        text = messages.MESSAGES[problem.code]
        zh, en = text.zh, text.en
        if problem.repaired and problem.code == field.code:
            zh, en = messages.REPAIRED.zh.format(field.header), messages.REPAIRED.en
        shown = masked(record.written[at], field.sensitivity)
        return Finding(
            file, record.line, field.field, problem.code, problem.severity, disposition, shown, zh, en, problem.repair
        )

    def _put_aside(self, batch: Batch, block: Block, index: int, code: str) -> None:
        batch.quarantined += 1
        batch.quarantine.append(QuarantinedLine(block.first + index, block.raw_line(index)))
        batch.findings.append(line_finding(batch.path.name, block.first + index, code))

    def _put_aside_all(self, batch: Batch, block: Block, start: int, stop: int) -> None:
        """Without a header nothing can be read; one finding for the file is enough."""
        for index in range(start, stop):
            if not is_blank(block.texts[index]):
                batch.quarantined += 1
                batch.quarantine.append(QuarantinedLine(block.first + index, block.raw_line(index)))
        batch.records = batch.quarantined


def line_finding(file: str, line: int, code: str) -> Finding:
    text = messages.MESSAGES[code]
    return Finding(file, line, "", code, Severity.ERROR, Disposition.QUARANTINED, "", text.zh, text.en)


def clean_rows(layout: Layout, texts: Iterable[str | None]) -> list[tuple[str, ...] | None]:
    """The values of each clean record in spec order, None for every other line."""
    fullmatch = layout.clean.fullmatch
    rows: list[tuple[str, ...] | None] = []
    for text in texts:
        found = None if text is None else fullmatch(text)
        if found is None and text and '"' in text and (row := cells(text)) is not None:
            found = fullmatch(",".join(row))  # clean values hold no comma, so the columns cannot shift
        rows.append(None if found is None else found.groups())
    if layout.groups != tuple(range(len(layout.groups))):
        in_order = itemgetter(*layout.groups)
        return [None if row is None else in_order(row) for row in rows]
    return rows
