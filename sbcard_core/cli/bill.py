"""``sbcard bill``: medical bills on the command line, each step also as a rehearsal."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from sbcard_core.cli.desk import (
    EXIT_CODES,
    AsJson,
    Database,
    DryRun,
    backend,
    tell,
)
from sbcard_core.errors import InvalidValue, SBCardError

bill_app = typer.Typer(
    no_args_is_help=True, help="医疗费用结算: settle medical bills and explain each fen.", epilog=EXIT_CODES
)


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


def _show_outcome(outcome: Any, *, as_json: bool, dry_run: bool = False) -> int:
    """Show a settlement; returns the exit code."""
    from sbcard_core.medical.split import AMOUNT_FIELDS  # noqa: PLC0415

    split = outcome.split
    amounts = {name: getattr(split, name) for name in AMOUNT_FIELDS} if split else {}
    lines = [f"{outcome.setl_id} {outcome.status.name}", *(f"  {one}" for one in (split.explain() if split else ()))]
    data = {"setl_id": outcome.setl_id, "status": outcome.status, **amounts}
    tell(lines, data, as_json=as_json, dry_run=dry_run)
    return 0 if outcome.status <= 1 else 2  # SETTLED, EXISTS


BillFile = Annotated[Path, typer.Argument(help="the bill as JSON, see docs/billing.md", exists=True, dir_okay=False)]


@bill_app.command(epilog="sbcard bill presettle bill.json --db sqlite:///books.sqlite")
def presettle(bill: BillFile, db: Database, as_json: AsJson = False) -> None:
    """Split a bill as it would be settled now; nothing moves."""
    with backend(db, create=True, dry_run=True, as_json=True) as found:
        code = _show_outcome(found.medical.presettle(read_bill(bill)), as_json=as_json)
    if code:
        raise typer.Exit(code)


@bill_app.command(epilog="sbcard bill settle bill.json --db sqlite:///books.sqlite --json")
def settle(bill: BillFile, db: Database, as_json: AsJson = False, dry_run: DryRun = False) -> None:
    """Settle a bill; the same bill again gets the same answer. Makes the database where there is none."""
    with backend(db, dry_run=dry_run, as_json=as_json, create=True) as found:
        code = _show_outcome(found.medical.settle(read_bill(bill)), as_json=as_json, dry_run=dry_run)
    if code:
        raise typer.Exit(code)


@bill_app.command(
    epilog="sbcard bill cancel SETL_ID --msgid MSGID --at 2014-09-01T10:00:00 --db sqlite:///books.sqlite"
)
def cancel(
    setl_id: Annotated[str, typer.Argument(help="number of the settlement")],
    msgid: Annotated[str, typer.Option(help="message number of the cancellation, 30 characters")],
    at: Annotated[str, typer.Option(help="business time YYYY-MM-DDTHH:MM:SS")],
    db: Database,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Cancel a settlement: the exact negative, and the year's sums as they were."""
    with backend(db, dry_run=dry_run, as_json=as_json) as found:
        became = found.medical.cancel(setl_id, msgid=msgid, at=at)
        words = {0: "已撤销 (cancelled)", 1: "此前已撤销 (cancelled before)"}.get(int(became), "未撤销 (refused)")
        tell([f"{setl_id} {became.name} {words}"], {"setl_id": setl_id, "status": became}, as_json=as_json,
             dry_run=dry_run)  # fmt: skip
    if became > 1:
        raise typer.Exit(2)
