"""``sbcard pay`` and ``sbcard bill``: rolls and bills on the command line, each step also as a rehearsal."""

import csv
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from sbcard_core.cli.say import refuse, say
from sbcard_core.errors import InvalidValue, SBCardError

pay_app = typer.Typer(no_args_is_help=True, help="Pay pensions and subsidies: a roll from draft to close.")
bill_app = typer.Typer(no_args_is_help=True, help="Settle medical bills and explain each fen.")

Database = Annotated[str, typer.Option("--db", help="sqlite:///FILE or postgresql+psycopg://…", envvar="SBCARD_DB")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="do it, show it, and undo it")]
On = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="business day; default today")]
Roll = Annotated[str, typer.Argument(help="number of the roll")]


def _day(on: datetime | None) -> date:
    return on.date() if on else date.today()  # noqa: DTZ011 - the clerk's own day


@contextmanager
def _backend(url: str, *, dry_run: bool = False) -> Iterator[Any]:
    """The backend, or a rehearsal of it; what is refused ends the command with code 2."""
    from sbcard_core.backend import Backend  # noqa: PLC0415

    try:
        with Backend.open(url) as backend:
            if not dry_run:
                yield backend
                return
            with backend.rehearsal() as trial:
                yield trial
            say("试运行: 未作任何改动 (dry run: nothing was changed)")
    except (SBCardError, OSError) as error:
        raise refuse(error) from error


def _yuan(fen: int) -> str:
    sign = "-" if fen < 0 else ""
    return f"{sign}{abs(fen) // 100:,}.{abs(fen) % 100:02}"


def _show_roll(backend: Any, roll_no: str) -> None:
    found = backend.payout.status(roll_no)
    roll = found.roll
    say(f"{roll.roll_no}  {roll.programme} {roll.period}  {roll.state.name}  发放日 {roll.pay_on}")
    say(f"  名册摘要 {roll.digest}")
    say(f"  {found.lines:,} 人 {_yuan(found.total_fen)} 元,未列入 {found.refused:,} 人")
    for label, fen in (
        ("未发送", found.unsent_fen), ("已发送", found.sent_fen), ("已发放", found.paid_fen),
        ("退票", found.returned_fen), ("待确认", found.unknown_fen), ("追回", found.recovered_fen),
        ("暂停", found.held_fen), ("移出", found.removed_fen),
    ):  # fmt: skip
        if fen:
            say(f"  {label} {_yuan(fen)}")


def _roll_lines(path: Path) -> Iterator[Any]:
    """A roll as CSV with a header: id_number, name, amount_fen; account_no, household, item, area may stand beside."""
    from sbcard_core.payout import RollLine  # noqa: PLC0415

    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030")
    rows = csv.DictReader(text.splitlines())
    missing = {"id_number", "name", "amount_fen"} - set(rows.fieldnames or ())
    if missing:
        advice = "the header is id_number,name,amount_fen"
        raise InvalidValue(f"the roll lacks {', '.join(sorted(missing))}", step="pay.draft", term="名册", advice=advice)
    for number, row in enumerate(rows, 2):
        amount = row["amount_fen"] or ""
        if not (amount.isascii() and amount.isdigit()):
            raise InvalidValue(f"line {number} has no whole number of fen", step="pay.draft", term="金额")
        more = {key: row.get(key) or "" for key in ("account_no", "household", "item", "area")}
        yield RollLine(row["id_number"], row["name"], int(amount), **more)


@pay_app.command()
def draft(
    programme: Annotated[str, typer.Argument(help="e.g. pension, farm-subsidy")],
    period: Annotated[str, typer.Argument(help="e.g. 2014-07")],
    roll: Annotated[Path, typer.Argument(help="CSV: id_number,name,amount_fen", exists=True)],
    by: Annotated[str, typer.Option(help="who drafts it; others must approve it")],
    db: Database,
    on: On = None,
    dry_run: DryRun = False,
) -> None:
    """Take in a roll: each line is matched with person, card and account."""
    with _backend(db, dry_run=dry_run) as backend:
        made = backend.payout.draft(programme, period, _roll_lines(roll), on=_day(on), by=by)
        _show_roll(backend, made.roll_no)


@pay_app.command()
def approve(
    roll_no: Roll,
    officer: Annotated[str, typer.Option(help="who approves")],
    digest: Annotated[str, typer.Option(help="digest of the roll the officer has seen")],
    db: Database,
    on: On = None,
) -> None:
    """Approve a roll; it takes two officers, neither of them its drafter."""
    with _backend(db) as backend:
        backend.payout.approve(roll_no, officer, digest, on=_day(on))
        _show_roll(backend, roll_no)


@pay_app.command()
def notice(roll_no: Roll, db: Database, on: On = None) -> None:
    """Begin the public notice, and print what the public sees."""
    with _backend(db) as backend:
        backend.payout.notice(roll_no, on=_day(on))
        for line in backend.payout.notice_lines(roll_no):
            say(f"{line.area}\t{line.name}\t{line.id_number}\t{_yuan(line.amount_fen)}")


@pay_app.command()
def release(
    roll_no: Roll,
    db: Database,
    on: On = None,
    out: Annotated[Path, typer.Option(help="folder for the bank files")] = Path("out/pay"),
    dry_run: DryRun = False,
) -> None:
    """Block the money and write one file per bank. Begun again after a break, it goes on where it stopped."""
    with tempfile.TemporaryDirectory() as folder, _backend(db, dry_run=dry_run) as backend:
        target = Path(folder) if dry_run else out
        target.mkdir(parents=True, exist_ok=True)
        for batch in backend.payout.release(roll_no, on=_day(on), out_dir=target):
            say(batch)
        _show_roll(backend, roll_no)


@pay_app.command()
def result(
    files: Annotated[list[Path], typer.Argument(help="result files of banks", exists=True)],
    db: Database,
    on: On = None,
    dry_run: DryRun = False,
) -> None:
    """Read result files: paid, returned or unknown. The same file again changes nothing."""
    with _backend(db, dry_run=dry_run) as backend:
        for path in files:
            say(f"{path.name}: {backend.payout.read_result(path, on=_day(on))}")


@pay_app.command()
def repay(
    programme: Annotated[str, typer.Argument(help="e.g. pension")],
    period: Annotated[str, typer.Argument(help="e.g. 2014-07")],
    db: Database,
    on: On = None,
    out: Annotated[Path, typer.Option(help="folder for the bank files")] = Path("out/pay"),
    dry_run: DryRun = False,
) -> None:
    """Send returned lines again, to the accounts the registry has today."""
    with tempfile.TemporaryDirectory() as folder, _backend(db, dry_run=dry_run) as backend:
        target = Path(folder) if dry_run else out
        target.mkdir(parents=True, exist_ok=True)
        batches = backend.payout.repay_returned(programme, period, on=_day(on), out_dir=target)
        say("\n".join(batches) or "没有退票 (nothing to pay again)")


@pay_app.command()
def status(roll_no: Roll, db: Database) -> None:
    """Say where the money of a roll is."""
    with _backend(db) as backend:
        _show_roll(backend, roll_no)


@pay_app.command()
def close(roll_no: Roll, db: Database, on: On = None) -> None:
    """Close a roll of which nothing is outstanding."""
    with _backend(db) as backend:
        backend.payout.close(roll_no, on=_day(on))
        _show_roll(backend, roll_no)


def read_bill(path: Path) -> Any:
    """A bill from JSON: the fields of ``medical.Bill``; a line has a catalogue's ``code``, or ``item`` and ``grade``.

    Amounts are fen, prices and quantities numbers in text, days ``YYYY-MM-DD``.

    Raises:
        InvalidValue: a field that is missing, unknown or of another kind; the message names it.
    """
    from sbcard_core.medical import Bill, Charge, FeeLine, Grade, VisitKind  # noqa: PLC0415

    def line(row: dict[str, Any]) -> Any:
        row = {**row, **{key: Decimal(str(row[key])) for key in ("pric", "cnt", "pric_uplmt_amt") if key in row}}
        if "code" in row:
            return Charge(**{**row, "on": date.fromisoformat(row["on"]) if "on" in row else None})
        return FeeLine(**{**row, "grade": Grade(row["grade"])})

    try:
        document = json.loads(path.read_text("utf-8"), parse_float=_no_float)
        fields = {**document, "lines": tuple(line(row) for row in document["lines"])}
        fields["kind"] = VisitKind(document.get("kind", VisitKind.OUTPATIENT.value))
        fields["groups"] = frozenset(document.get("groups", ()))
        return Bill(**fields)
    except SBCardError:
        raise
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        what = f"the bill cannot be read: {type(error).__name__} {error}"
        raise InvalidValue(what, step="bill", term="费用单", advice="compare it with docs/billing.md") from error


def _no_float(text: str) -> float:
    raise ValueError(f"{text} is no whole number of fen; write prices as text")


def _show_outcome(outcome: Any, *, as_json: bool) -> None:
    split = outcome.split
    if as_json:
        from sbcard_core.medical.split import AMOUNT_FIELDS  # noqa: PLC0415

        amounts = {name: getattr(split, name) for name in AMOUNT_FIELDS} if split else {}
        say(json.dumps({"setl_id": outcome.setl_id, "status": outcome.status.name, **amounts}, ensure_ascii=False))
        return
    say(f"{outcome.setl_id} {outcome.status.name}")
    for sentence in split.explain() if split else ():
        say(f"  {sentence}")


AsJson = Annotated[bool, typer.Option("--json", help="amounts in fen, by the names of the national interface")]
BillFile = Annotated[Path, typer.Argument(help="the bill as JSON", exists=True)]


@bill_app.command()
def presettle(bill: BillFile, db: Database, as_json: AsJson = False) -> None:
    """Split a bill as it would be settled now; nothing moves."""
    with _backend(db) as backend:
        _show_outcome(backend.medical.presettle(read_bill(bill)), as_json=as_json)


@bill_app.command()
def settle(bill: BillFile, db: Database, as_json: AsJson = False, dry_run: DryRun = False) -> None:
    """Settle a bill; the same bill again gets the same answer."""
    with _backend(db, dry_run=dry_run) as backend:
        _show_outcome(backend.medical.settle(read_bill(bill)), as_json=as_json)


@bill_app.command()
def cancel(
    setl_id: Annotated[str, typer.Argument(help="number of the settlement")],
    msgid: Annotated[str, typer.Option(help="message number of the cancellation, 30 characters")],
    at: Annotated[str, typer.Option(help="business time YYYY-MM-DDTHH:MM:SS")],
    db: Database,
    dry_run: DryRun = False,
) -> None:
    """Cancel a settlement: the exact negative, and the year's sums as they were."""
    with _backend(db, dry_run=dry_run) as backend:
        say(f"{setl_id} {backend.medical.cancel(setl_id, msgid=msgid, at=at).name}")
