"""Judges records: those the screen does not let pass go through the field rules, duplicates last."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from sbcard_core.fields.encodings import contradicts
from sbcard_core.fields.legacy import is_legacy
from sbcard_core.messages import Message
from sbcard_core.validation import messages
from sbcard_core.validation.accepted import Accepted
from sbcard_core.validation.blocks import Records
from sbcard_core.validation.conflicts import Claim
from sbcard_core.validation.context import Context
from sbcard_core.validation.duplicates import Duplicates, Verdict, place_of
from sbcard_core.validation.known_numbers import NOTHING_KNOWN, KnownNumbers
from sbcard_core.validation.no_record import NoRecord
from sbcard_core.validation.proposals import propose_many
from sbcard_core.validation.records import CheckedBatch, Finding, Mark, QuarantinedLine, masked
from sbcard_core.validation.rules import WRONG_NUMBER, Problem, RecordRules, codes_of, tidy
from sbcard_core.validation.screen import Screen
from sbcard_core.validation.spec import NO_FAULT, FieldSpec, HeaderFault, Layout, RecordSpec
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
        self.accepted = Accepted()
        self.findings: list[Finding] = []
        self.quarantined = 0
        self.quarantine: list[QuarantinedLine] = []
        self.claims: list[Claim] = []
        self.doubtful: list[tuple[list[int], Sequence[str]]] = []
        """Places of the findings on a wrong number, and its record's values."""

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
            claims=self.claims,
        )


class Checker:
    """Checks the blocks of one file after the other against one spec.

    Args:
        spec: the layout.
        context: what the rules know besides the values.
        duplicates: what the first pass found.
        known: numbers of the check that were known before.
    """

    def __init__(
        self, spec: RecordSpec, context: Context, duplicates: Duplicates, known: KnownNumbers = NOTHING_KNOWN
    ) -> None:
        self.spec = spec
        self.context = context
        self.duplicates = duplicates
        self.known = known
        self.any_known, self.any_repeats = len(known) > 0, len(duplicates) > 0
        self._words: dict[tuple[int, str, bool], tuple[str, str, str]] = {}
        self.rules = RecordRules(spec, context)
        self.bits = {code: 1 << at for at, code in enumerate(codes_of(spec))}
        self.sources = {rule.code: rule.source for rule in spec.crosses}
        self.number = spec.index("id_number") if any(field.field == "id_number" for field in spec.fields) else -1
        keys = [field.field for field in spec.fields]
        self.no_record = NoRecord(spec)
        self.said = [keys.index(key) if key in keys else -1 for key in ("id_number", "name", "county", "bank")]
        self.screen = Screen(spec, context, self.rules, known.watch(duplicates))

    def check(self, batch: Batch, block: Records, start: int, stop: int) -> None:
        """Check records ``start`` to ``stop`` of a block into a batch."""
        if block.layout is None:
            self._put_aside_all(batch, block, start, stop)
            return
        screened = self.screen.look(block, block.layout, start, stop)
        batch.accepted.take(screened.clean)
        for index in screened.others:
            self._look_closer(batch, block, block.layout, index)
        self._propose(batch)
        batch.records = len(batch.accepted) + batch.rejected + batch.quarantined

    def _look_closer(self, batch: Batch, block: Records, layout: Layout, index: int) -> None:
        if block.is_blank(index):
            return
        if block.encoding and contradicts(block.raw_line(index), block.encoding):
            self._put_aside(batch, block, index, "record.encoding")
            return
        row = block.cells(index)
        if row is None or len(row) != layout.columns:
            unread = "record.undecodable" if block.text(index) is None else "record.quote"
            code = unread if row is None else self.no_record.code(row, layout.columns) or "record.columns"
            self._put_aside(batch, block, index, code)
            return
        values = [row[column] if column >= 0 else "" for column in layout.order]
        checked = self.rules.check(values)
        refused = False
        for _, problem in checked.problems:
            refused = refused or problem.severity is Severity.ERROR
        if refused and (code := self.no_record.code(row, layout.columns)):
            self._put_aside(batch, block, index, code)
            return
        place = self.duplicates.of_record(checked, self.number) if self.any_repeats else -1
        self._finish(batch, layout, _Record(block.line(index), values, *checked[:2], place), refused)

    def _finish(self, batch: Batch, layout: Layout, record: _Record, refused: bool) -> None:
        """Settle one readable record: duplicates come last, so that a faulty twin never takes the number."""
        problems = record.problems
        if self.any_repeats or self.any_known:
            repeats = self._repeats(batch, record, refused)
            problems = [*problems, *((self.number, problem) for problem in repeats)]
            refused = refused or any(problem.severity is Severity.ERROR for problem in repeats)
        if refused:
            batch.rejected += 1
        else:
            batch.accepted.append(self.spec.row._make((*record.stored, record.line)))
        disposition = Disposition.REJECTED if refused else Disposition.ACCEPTED
        bits = 0
        wrong = []
        for at, problem in problems:
            bits |= self.bits[problem.code]
            if problem.code in WRONG_NUMBER and not problem.repaired and problem.severity is Severity.ERROR:
                wrong.append(len(batch.findings))
            batch.findings.append(self._finding(batch.path.name, layout, record, at, problem, disposition))
        if wrong and self.context.proposals:
            batch.doubtful.append((wrong, record.stored))
        if problems:
            batch.marks.append(Mark(record.line, disposition, bits))

    def _repeats(self, batch: Batch, record: _Record, refused: bool) -> list[Problem]:
        """What is wrong with a record because of others under its number."""
        problems = []
        if self.any_repeats and self._has_other_form(record):
            problems.append(Problem("duplicate.short_form", Severity.WARNING))
        is_known = self.any_known and self.known.holds(record.stored[self.number])
        if is_known or record.place >= 0:
            batch.claims.append(self._claim(batch.path.name, record))
        if is_known:
            problems.append(Problem("duplicate.known", Severity.ERROR))
        verdict = self.duplicates.verdict(record.place)
        if verdict is Verdict.CONFLICT:
            problems.append(Problem("duplicate.conflict", Severity.ERROR))
        elif verdict is Verdict.IDENTICAL and not (refused or is_known) and not self._is_first(batch, record):
            problems.append(Problem("duplicate.identical", Severity.ERROR))
        return problems

    def _has_other_form(self, record: _Record) -> bool:
        """Whether a number of 18 digits also stands in the check with its old 15, or the other way round."""
        if record.place >= 0:
            return self.duplicates.stands_in_short(record.place)
        number = record.stored[self.number]
        return is_legacy(number) and self.duplicates.stands_in_full(number, on=self.context.on)

    def _claim(self, file: str, record: _Record) -> Claim:
        number, name, county, bank = (record.stored[at] if at >= 0 else "" for at in self.said)
        return Claim((file, record.line), number, name, county, bank)

    def _propose(self, batch: Batch) -> None:
        """Proposals for all wrong numbers of a batch at once; its findings get them, best first."""
        if not batch.doubtful:
            return

        def column(at: int) -> list[str] | None:
            return None if at < 0 else [tidy(values[at]) for _, values in batch.doubtful]

        found = propose_many(
            [values[self.number] for _, values in batch.doubtful],
            on=self.context.on,
            birth=column(self.rules.birth),
            sex=column(self.rules.sex),
            county=column(self.rules.county),
            at_most=self.context.proposals,
        )
        for (places, _), proposals in zip(batch.doubtful, found, strict=True):
            for place in places if proposals else ():
                object.__setattr__(batch.findings[place], "proposals", tuple(proposals))  # nobody has seen it yet
        batch.doubtful.clear()

    def _is_first(self, batch: Batch, record: _Record) -> bool:
        return self.duplicates.is_first(record.place, place_of(batch.file, record.line))

    def _finding(
        self, file: str, layout: Layout, record: _Record, at: int, problem: Problem, disposition: Disposition
    ) -> Finding:
        field = self.spec.fields[at]
        known = (at, problem.code, problem.repaired)
        if known not in self._words:
            self._words[known] = self._words_of(field, problem)
        zh, en, source = self._words[known]
        if problem.sentence is not None:
            zh, en = problem.sentence.zh, problem.sentence.en
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
            source,
            problem.proposals,
        )

    def _words_of(self, field: FieldSpec, problem: Problem) -> tuple[str, str, str]:
        """What a problem's code says in Chinese and English, and where its rule stands."""
        is_other_form = problem.repaired and problem.code == field.code
        text = messages.words("repaired", header=field.header) if is_other_form else messages.words(problem.code)
        return text.zh, text.en, self.sources.get(problem.code, field.source)

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


def line_finding(
    file: str, line: int, code: str, fault: HeaderFault = NO_FAULT, sentence: Message | None = None
) -> Finding:
    """The finding on a line or file that is put aside; ``sentence`` says more than the code's own."""
    told = [sentence or messages.words(code), *fault.messages]
    zh, en = ";".join(one.zh for one in told), "; ".join(one.en for one in told)
    return Finding(file, line, "", code, Severity.ERROR, Disposition.QUARANTINED, "", zh, en)
