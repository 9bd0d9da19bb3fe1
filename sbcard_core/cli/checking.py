"""``sbcard check`` and ``sbcard corrections``: what they write and print; the checks themselves are a library call."""

import csv
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any, TextIO

from sbcard_core.cli.spool import Spool
from sbcard_core.errors import InvalidValue
from sbcard_core.files import Results, check_name, check_output, make_folder, open_text, read_cell, write_rows
from sbcard_core.messages import message, printable
from sbcard_core.validation import conflicts, kickback, known_list, layouts, messages, repair, results
from sbcard_core.validation.check import check_files
from sbcard_core.validation.records import CheckedBatch, FileSummary, Finding, masked
from sbcard_core.validation.spec import RecordSpec, Sensitivity
from sbcard_core.values import Disposition

FINDINGS = (
    *("文件", "行号", "列号", "字段", "代码", "级别", "处理", "值(遮盖)", "原因"),
    *("建议(遮盖)", "依据", "规则来源"),
)
MAKES = ("accepted", "quarantine", "kickback", "findings.csv", "findings.parquet", "conflicts.csv", "summary.csv")
"""Names of the results in their folder; the last one appears when all others are there."""
SUMMARY = ("文件", "sha256", "记录", "接受", "退回", "隔离", "表头无法识别")
CONFLICTS = ("类型", "组", "说法", "文件", "行号", "建议撤回")
_SUBMITTER = re.compile(r"[0-9]{6}")
_KINDS = {"two_names": "一号多名", "two_counties": "一人多地", "two_banks": "一人多行"}
_OUTCOMES = {Disposition.ACCEPTED: "接受", Disposition.REJECTED: "退回", Disposition.QUARANTINED: "隔离"}


class Repairs(StrEnum):
    """Which changes of form are made at once."""

    ASK = "ask"
    FORM = "form"
    LOSSLESS = "lossless"

    @property
    def policy(self) -> repair.RepairPolicy:
        """The policy of that name."""
        return {"ask": repair.ASK_ALWAYS, "form": repair.FORM_AT_ONCE, "lossless": repair.ALL_LOSSLESS}[self.value]


@dataclass(frozen=True, slots=True)
class Request:
    """One call of ``sbcard check``."""

    files: list[Path]
    spec: RecordSpec
    on: date
    out: Path
    submitter: str = ""
    known: Path | None = None
    repairs: Repairs = Repairs.FORM
    cap: int | None = None
    workers: int = 1


@dataclass(slots=True)
class Outcome:
    """What a check came to."""

    begun_anew: bool = False
    """What an earlier run, broken off, had left in the folder was removed."""
    has_known: bool = False
    """A list of numbers registered already was given."""
    files: list[FileSummary] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    conflicts: int = 0
    withdrawn: int = 0
    unique: bool = True
    returned: dict[str, int] = field(default_factory=dict)
    """Records sent back, by workbook."""

    @property
    def is_clean(self) -> bool:
        """No record was refused."""
        return not any(file.rejected or file.quarantined or file.header_refused for file in self.files)


class Ticker:
    """Tells the progress on standard error: a moving line on a terminal, else nothing until a file is done."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._next = stream, 0.0

    def __call__(self, file: str, records: int, /) -> None:
        """Show how far a file is, at most five times a second."""
        if self._stream.isatty() and monotonic() >= self._next:
            self._next = monotonic() + 0.2
            self._stream.write(f"\r{printable(file)}: {records:,} ")
            self._stream.flush()


def layout(name: str) -> RecordSpec:
    """The layout of that name.

    Raises:
        InvalidValue: there is none.

    Example:
        >>> layout("collection").name
        'collection'
    """
    if name not in layouts.SPECS:
        what = message("check.layout", name=name, names=", ".join(layouts.SPECS))
        raise InvalidValue(what, step="check", term="记录格式")
    return layouts.SPECS[name]


class _Tables:
    """The open files of one check, written batch by batch."""

    def __init__(self, request: Request, results: Results, stack: ExitStack) -> None:
        self._spec, self._results, self._stack = request.spec, results, stack
        self._findings = stack.enter_context(results.open_text("findings.csv"))
        write_rows(self._findings, [FINDINGS])
        self._names: dict[str, str] = {}
        self._accepted_of, self._file = "", stack.enter_context(ExitStack())
        self._accepted: TextIO | None = None
        self._hidden = {each.field: each.sensitivity for each in request.spec.fields}
        self._parquet: Any = None
        self._cap, self._told = request.cap, Counter[tuple[str, str]]()

    def _name(self, file: str) -> str:
        """The file of a file's accepted records: a CSV file's own name, another's with ``.csv`` behind it."""
        if file not in self._names:
            name = file if file.lower().endswith(".csv") else f"{file}.csv"
            while name.lower() in (one.lower() for one in self._names.values()):
                name += ".csv"  # "a" and "a.csv" were both collected
            self._names[file] = name
        return self._names[file]

    def _capped(self, findings: list[Finding]) -> list[Finding]:
        """Without those over the cap, counted by file and code."""
        if self._cap is None:
            return findings
        kept = []
        for one in findings:
            self._told[one.file, one.code] += 1
            if self._told[one.file, one.code] <= self._cap:
                kept.append(one)
        return kept

    def take(self, batch: CheckedBatch) -> None:
        batch = replace(batch, findings=self._capped(batch.findings))
        write_rows(self._findings, map(self._row, batch.findings))
        if find_spec("pyarrow") is not None and batch.findings:
            self._take_arrow(batch)
        if self._accepted is None or self._accepted_of != batch.file:
            self._file.close()
            place = self._results.open_text("accepted", self._name(batch.file))
            self._accepted_of, self._accepted = batch.file, self._file.enter_context(place)
            write_rows(self._accepted, [[each.header for each in self._spec.fields]])
        write_rows(self._accepted, (row[:-1] for row in batch.accepted))

    def _take_arrow(self, batch: CheckedBatch) -> None:
        import pyarrow as pa  # noqa: PLC0415 - optional
        from pyarrow import parquet  # noqa: PLC0415

        table = pa.table(results.findings_table([batch]))
        if self._parquet is None:
            file = self._stack.enter_context(self._results.open("findings.parquet"))
            self._parquet = self._stack.enter_context(parquet.ParquetWriter(file, table.schema))
        self._parquet.write_table(table)

    def _row(self, one: Finding) -> tuple[object, ...]:
        hidden = self._hidden.get(one.field, Sensitivity.NONE)
        values = [each.value for each in one.proposals] or ([one.repair] if one.repair else [])
        return (
            *(one.file, one.line, one.column or "", self._spec.header_of(one.field) or "整行", one.code),
            *("错误" if one.disposition is not Disposition.ACCEPTED and one.severity.name == "ERROR" else "提示",),
            *(_OUTCOMES[one.disposition], one.value_masked, one.message_zh),
            " / ".join(masked(value, hidden) for value in values),
            " / ".join(each.reason_zh() for each in one.proposals),
            one.source,
        )


def _watched(batches: Iterable[CheckedBatch], tables: _Tables, outcome: Outcome, back: Spool) -> Iterator[CheckedBatch]:
    for batch in batches:
        tables.take(batch)
        gone = [one for one in batch.findings if one.disposition is not Disposition.ACCEPTED or not one.line]
        back.add(batch.file, gone)
        if batch.summary is not None:
            outcome.files.append(batch.summary)
            outcome.counts.update(batch.summary.counts)
        yield batch


def run(request: Request, ticker: Ticker) -> Outcome:
    """Check files and write everything: findings, accepted records, quarantine, conflicts, workbooks.

    A cap shortens the tables of findings, never the workbooks. The workbooks' findings wait on disk; one workbook's
    records are in memory while it is written (all files' at once only where one submitter sent them all).

    Raises:
        SBCardError: a wrong call.
        FileRefused: the folder is not one for new results.
        OSError: a file cannot be read or written.
    """
    if request.submitter and not _SUBMITTER.fullmatch(request.submitter):
        raise InvalidValue(message("check.submitter", found=request.submitter), step="check", term="报送单位")
    for path in request.files:  # now, not when the file's turn comes
        check_name(f"{path.name}.quarantine")  # the longest name made of it
    inputs = [*request.files, *filter(None, [request.known])]
    with Results(request.out, "check", MAKES, inputs=inputs) as results:
        outcome = Outcome(begun_anew=results.begun_anew, has_known=request.known is not None)
        _write(request, results, outcome, ticker)
        results.finish()
    return outcome


def _write(request: Request, results: Results, outcome: Outcome, ticker: Ticker) -> None:
    with ExitStack() as stack:
        back = stack.enter_context(Spool(results.stage))
        batches = check_files(
            request.files,
            request.spec,
            on=request.on,
            progress=ticker,
            quarantine_dir=results.folder("quarantine"),
            submitters={path.name: request.submitter for path in request.files} if request.submitter else None,
            workers=request.workers,
            repairs=request.repairs.policy,
            known=None if request.known is None else known_list.read(request.known),
        )
        results.folder("accepted")
        tables = _Tables(request, results, stack)
        found, withdrawal = conflicts.settle(_watched(batches, tables, outcome, back))
        outcome.conflicts, outcome.withdrawn, outcome.unique = len(found), len(withdrawal.keys), withdrawal.unique
        with results.open_text("conflicts.csv") as file:
            write_rows(file, _conflict_rows(found, withdrawal))
        _send_back(request, results.folder("kickback"), back, outcome)
        with results.open_text("summary.csv") as file:
            write_rows(file, [SUMMARY, *map(_sums, outcome.files)])


def _sums(one: FileSummary) -> tuple[object, ...]:
    return one.file, one.sha256, one.records, one.accepted, one.rejected, one.quarantined, int(one.header_refused)


def _conflict_rows(found: list[conflicts.Conflict], withdrawal: conflicts.Withdrawal) -> Iterator[tuple[object, ...]]:
    gone = set(withdrawal.keys)
    yield CONFLICTS
    for group, conflict in enumerate(found, 1):
        for said, side in enumerate(conflict.sides, 1):
            for key in side:
                name, line = key if isinstance(key, tuple) else (key, "")
                yield _KINDS[conflict.kind], group, said, name, line, "是" if key in gone else ""


def _send_back(request: Request, folder: Path, back: Spool, outcome: Outcome) -> None:
    """One workbook in full for each submitter: the one named, else each file's own."""
    by_book = defaultdict[str, list[Path]](list)
    for path in request.files:
        if path.name in back:
            by_book[request.submitter or path.name].append(path)
    for name, paths in by_book.items():
        book = folder / f"{name}.xlsx"
        listed = kickback.write(
            book,
            (one for path in paths for one in back.of(path.name)),
            title=f"{name} 退回更正表",
            spec=request.spec,
            in_full=True,
            collected=paths,
        )
        outcome.returned[book.name] = listed


def report(outcome: Outcome, out: Path) -> Iterator[str]:
    """The lines a clerk reads."""
    if outcome.begun_anew:
        yield str(message("files.broken_off", path=str(out)))
    for one in outcome.files:
        parts = f"接受 {one.accepted:,} + 退回 {one.rejected:,} + 隔离 {one.quarantined:,}"
        yield f"{one.file}: 记录 {one.records:,} = {parts}" + (" (表头或文件无法识别)" if one.header_refused else "")
    for code, count in outcome.counts.most_common():
        yield f"  {count:>9,}  {code:<26} {messages.words(code).zh}"
    if outcome.has_known and not outcome.counts["duplicate.known"]:
        yield message("check.known.no_match").zh
    if outcome.conflicts:
        sure = "" if outcome.unique else ",撤回方案不唯一,须人工核定"
        yield f"一号多名、一人多地或多行: {outcome.conflicts:,} 组,最少撤回 {outcome.withdrawn:,} 条{sure}"
    for name, count in outcome.returned.items():
        yield f"退回更正表 {name}: {count:,} 条(内容未遮盖,只发原报送单位)"
    yield f"结果目录: {out}"


def digests(checked: Path) -> dict[str, str]:
    """Digest of each collected file, from the summary an earlier check left in its folder.

    Raises:
        InvalidValue: there is none.
    """
    path = checked / MAKES[-1]
    if not path.is_file():
        raise InvalidValue(
            "no summary.csv of a check", step="corrections", term="校验结果", advice="name its --out folder"
        )
    with open_text(path, encoding="utf-8-sig", newline="") as file:
        return {read_cell(row["文件"]): row["sha256"] for row in csv.DictReader(file)}


def corrected_names(books: Sequence[Path], out: Path) -> list[Path]:
    """Where the corrected records of workbooks go, one file each.

    Raises:
        InvalidValue: two workbooks have one name, so one's records would take the other's place.
    """
    targets = [out / f"{book.stem}.corrected.csv" for book in books]
    for name, count in Counter(target.name.casefold() for target in targets).items():
        if count > 1:
            raise InvalidValue(message("corrections.same_name", count=count, name=name), step="corrections")
    return targets


def take_back(book: Path, sums: Mapping[str, str], spec: RecordSpec, target: Path) -> kickback.ReadBack:
    """Read one corrected workbook and write its corrected records as a file for the next check.

    Raises:
        FileRefused: there is such a file already.
        SBCardError: the workbook is refused.
    """
    make_folder(target.parent)
    check_output(target, keep=[book])
    read = kickback.read_back(book, sums, spec=spec)
    read.save(target, spec=spec)
    return read


def notices(read: kickback.ReadBack) -> Iterator[str]:
    """What else was noticed, in a clerk's words."""
    for notice in read.notices:
        name, line = (notice.sheet, notice.row) if notice.row else (notice.file, notice.line)
        yield f"  {name} 第{line}行: {notice.kind.message.zh}"


def stderr_ticker() -> Ticker:
    """Progress on the console."""
    return Ticker(sys.stderr)
