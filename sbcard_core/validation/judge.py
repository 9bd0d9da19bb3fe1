"""Judges records: the fast path for clean ones, the field rules for the rest, duplicates last."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from sbcard_core.fields import citizen_id
from sbcard_core.validation import messages
from sbcard_core.validation.blocks import Records, cells
from sbcard_core.validation.context import Context
from sbcard_core.validation.crosses import UNLIMITED
from sbcard_core.validation.duplicates import Duplicates, Verdict, place_of
from sbcard_core.validation.records import CheckedBatch, Finding, Mark, QuarantinedLine, masked
from sbcard_core.validation.rules import Problem, RecordRules, codes_of
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

    def __init__(self, path: Path, file: int = 0) -> None:
        self.path, self.file = path, file
        self.marks: list[Mark] = []
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
            marks=self.marks,
        )


class Checker:
    """Checks the blocks of one file after the other against one spec.

    Args:
        spec: the layout.
        context: what the rules know besides the values.
        duplicates: what the first pass found.
    """

    def __init__(self, spec: RecordSpec, context: Context, duplicates: Duplicates) -> None:
        self.spec = spec
        self.context = context
        self.duplicates = duplicates
        self.rules = RecordRules(spec, context)
        self.bits = {code: 1 << at for at, code in enumerate(codes_of(spec))}
        self.sources = {rule.code: rule.source for rule in spec.crosses}
        keys = [field.field for field in spec.fields]
        required = {field.field for field in spec.fields if field.required}
        self.number = keys.index("id_number") if "id_number" in required else -1
        # what the number's kernel and one comparison settle for a clean record needs no rule again
        tests = {bound.rule.test for bound in self.rules.crosses} if self.number >= 0 else set()
        self.birth = keys.index("birth") if "birth_in_number" in tests and "birth" in required else -1
        self.sex = keys.index("sex") if "sex_in_number" in tests and "sex" in required else -1
        settled = {"birth_in_number"} if self.birth >= 0 else set()
        settled |= {"sex_in_number"} if self.sex >= 0 else set()
        self.crosses = [bound.broken for bound in self.rules.crosses if bound.rule.test not in settled]
        self.lookups = [(at, allowed) for at in range(len(keys)) if (allowed := self._allowed(at)) is not None]
        self.closer = [(at, self.rules.is_clean(at)) for at, field in enumerate(spec.fields) if self._is_subtle(at)]

    def _is_subtle(self, at: int) -> bool:
        """Whether a clean look is not enough, and no kernel decides either."""
        rule = self.spec.fields[at].rule
        return rule in {"card_number", "account"} or (rule == "id_number" and at != self.number)

    def _allowed(self, at: int) -> frozenset[str] | None:
        field = self.spec.fields[at]
        allowed = field.allowed
        if field.rule == "day" and at != self.birth:
            allowed = self.context.days
        if field.rule == "validity":
            allowed = self.context.all_days | {UNLIMITED}
        return allowed if allowed is None or field.required else allowed | {""}

    def check(self, batch: Batch, block: Records, start: int, stop: int) -> None:
        """Check records ``start`` to ``stop`` of a block into a batch."""
        if block.layout is None:
            self._put_aside_all(batch, block, start, stop)
            return
        rows = clean_rows(block.layout, block.texts[start:stop])
        fast = [row for row in rows if row is not None]
        judged = self._by_number(fast)
        accept, make = batch.accepted.append, self.spec.row._make
        number, birth, lookups = self.number, self.birth, self.lookups
        for index, row in enumerate(rows, start):
            if row is not None:
                mask, place = next(judged)
                if not mask and (birth < 0 or row[birth] == row[number][6:14]):
                    for at, allowed in lookups:
                        if row[at] not in allowed:
                            break
                    else:
                        if not (self.crosses or self.closer) or self._holds(row):
                            if place < 0:
                                accept(make((*row, block.line(index))))
                            else:
                                self._finish(batch, block.layout, _Record(block.line(index), row, row, [], place))
                            continue
            self._look_closer(batch, block, block.layout, index)
        batch.records = len(batch.accepted) + batch.rejected + batch.quarantined

    def _by_number(self, rows: list[tuple[str, ...]]) -> Iterator[tuple[int, int]]:
        """(mask of the number, its place among the repeated ones or -1) of each clean record."""
        if self.number < 0:
            return repeat((0, -1), len(rows))
        numbers = "".join([row[self.number] for row in rows]).encode("ascii")
        sexes = "".join([row[self.sex] for row in rows]).encode("ascii") if self.sex >= 0 else None
        masks = citizen_id.check_many(numbers, sex=sexes, on=self.context.on)
        return zip(masks, self.duplicates.places(numbers) or repeat(-1), strict=False)

    def _holds(self, row: Sequence[str]) -> bool:
        return all(is_clean(row[at]) for at, is_clean in self.closer) and not any(
            broken(row) for broken in self.crosses
        )

    def _look_closer(self, batch: Batch, block: Records, layout: Layout, index: int) -> None:
        if block.is_blank(index):
            return
        if block.texts[index] is None:
            self._put_aside(batch, block, index, "record.undecodable")
            return
        row = block.cells(index)
        if row is None or len(row) != layout.columns:
            self._put_aside(batch, block, index, "record.columns")
            return
        values = [row[column] if column >= 0 else "" for column in layout.order]
        checked = self.rules.check(values)
        place = -1
        if checked.number_is_right and len(self.duplicates):
            place = self.duplicates.place(checked.values[self.number])
        self._finish(batch, layout, _Record(block.line(index), values, checked.values, checked.problems, place))

    def _finish(self, batch: Batch, layout: Layout, record: _Record) -> None:
        """Settle one readable record: duplicates come last, so that a faulty twin never takes the number."""
        problems = record.problems
        refused = any(problem.severity is Severity.ERROR for _, problem in problems)
        verdict = self.duplicates.verdict(record.place)
        if verdict is Verdict.CONFLICT:
            problems = [*problems, (self.number, Problem("duplicate.conflict", Severity.ERROR))]
            refused = True
        elif verdict is Verdict.IDENTICAL and not refused and not self._is_first(batch, record):
            problems = [*problems, (self.number, Problem("duplicate.identical", Severity.ERROR))]
            refused = True
        if refused:
            batch.rejected += 1
        else:
            batch.accepted.append(self.spec.row._make((*record.stored, record.line)))
        disposition = Disposition.REJECTED if refused else Disposition.ACCEPTED
        bits = 0
        for at, problem in problems:
            bits |= self.bits[problem.code]
            batch.findings.append(self._finding(batch.path.name, layout, record, at, problem, disposition))
        if problems:
            batch.marks.append(Mark(record.line, disposition, bits))

    def _is_first(self, batch: Batch, record: _Record) -> bool:
        return self.duplicates.is_first(record.place, place_of(batch.file, record.line))

    def _finding(
        self, file: str, layout: Layout, record: _Record, at: int, problem: Problem, disposition: Disposition
    ) -> Finding:
        field = self.spec.fields[at]
        text = messages.MESSAGES[problem.code]
        zh, en = text.zh, text.en
        if problem.repaired and problem.code == field.code:
            zh, en = messages.REPAIRED.zh.format(field.header), messages.REPAIRED.en
        return Finding(
            file,
            record.line,
            field.field,
            problem.code,
            problem.severity,
            disposition,
            masked(record.written[at], field.sensitivity),
            zh,
            en,
            problem.repair,
            layout.order[at] + 1,
            self.sources.get(problem.code, field.source),
        )

    def _put_aside(self, batch: Batch, block: Records, index: int, code: str) -> None:
        line = block.line(index)
        batch.quarantined += 1
        batch.quarantine.append(QuarantinedLine(line, block.raw_line(index)))
        batch.findings.append(line_finding(batch.path.name, line, code))
        batch.marks.append(Mark(line, Disposition.QUARANTINED, self.bits[code]))

    def _put_aside_all(self, batch: Batch, block: Records, start: int, stop: int) -> None:
        """Without a header nothing can be read; one finding for the file is enough."""
        for index in range(start, stop):
            if not block.is_blank(index):
                batch.quarantined += 1
                batch.quarantine.append(QuarantinedLine(block.line(index), block.raw_line(index)))
                batch.marks.append(Mark(block.line(index), Disposition.QUARANTINED, 0))
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
        if found is None and text and '"' in text and (row := cells(text, layout.delimiter)) is not None:
            found = fullmatch(layout.delimiter.join(row))  # clean values hold no delimiter, so the columns cannot shift
        rows.append(None if found is None else found.groups())
    if layout.groups != tuple(range(len(layout.groups))):
        in_order = itemgetter(*layout.groups)
        return [None if row is None else in_order(row) for row in rows]
    return rows
