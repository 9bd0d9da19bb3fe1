"""``sbcard bill``: medical bills on the command line, each step also as a rehearsal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from sbcard_core.cli.bill_file import read_bill
from sbcard_core.cli.desk import (
    EXIT_CODES,
    AsJson,
    Database,
    DryRun,
    Sample,
    backend,
    tell,
)
from sbcard_core.cli.progress import console
from sbcard_core.cli.say import note, refuse
from sbcard_core.errors import SBCardError
from sbcard_core.messages import Message, message

bill_app = typer.Typer(
    no_args_is_help=True, help="医疗费用结算: settle medical bills and explain each fen.", epilog=EXIT_CODES
)


def _read(path: Path) -> Any:
    """The bill, before any database is opened or made; a file that is none ends the command with code 2."""
    try:
        return read_bill(path)
    except (SBCardError, OSError) as error:
        raise refuse(error) from error


@contextmanager
def _booked(what: Message, *, dry_run: bool) -> Iterator[None]:
    """Say the result of what is in the books already: when it cannot be written, that is no refusal. Exit code 1."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if dry_run:
            raise
        note(f"sbcard: {message('medical.bill.unsaid', what=what, error=str(error))}")
        console.on_broken_pipe()  # nothing more is written, and the end of the process finds nothing to complain of
        raise typer.Exit(1) from error


def _show_outcome(bill: Any, outcome: Any, *, as_json: bool, dry_run: bool = False) -> None:
    from sbcard_core.medical import SettleStatus  # noqa: PLC0415

    shown = outcome.status is SettleStatus.PRESETTLED
    split = outcome.split
    note = " 预结算,未入账 (pre-settlement: nothing is kept)" if shown else ""
    lines = [f"{outcome.setl_id} {outcome.status.name}{note}", *(f"  {one}" for one in split.explain())]
    number = {"presettlement": True} if shown else {"setl_id": outcome.setl_id}
    data = {"msgid": bill.msgid, **number, "status": outcome.status, "kind": bill.kind.value}
    data |= {"balc": outcome.balc_fen, **split.as_json()}
    tell(lines, data, as_json=as_json, dry_run=dry_run)


Policies = Annotated[
    list[Path] | None,
    typer.Option("--policy", help="policy table as TOML, one option each; a sample book has made-up ones", exists=True),
]
Catalogues = Annotated[
    list[Path] | None, typer.Option("--catalogue", help="catalogue as TOML, one option each", exists=True)
]
BillFile = Annotated[Path, typer.Argument(help="the bill as JSON, see docs/billing.md", exists=True, dir_okay=False)]


@bill_app.command(epilog="sbcard bill presettle bill.json --db sqlite:///books.sqlite --policy employee.toml")
def presettle(
    bill: BillFile,
    db: Database,
    sample: Sample = False,
    policy: Policies = None,
    catalogue: Catalogues = None,
    as_json: AsJson = False,
) -> None:
    """Split a bill as it would be settled now (预结算): nothing is kept, nothing moves, no settlement is made."""
    asked = _read(bill)
    with backend(
        db, create=True, dry_run=True, as_json=True, sample=sample, policies=policy or (), catalogues=catalogue or ()
    ) as found:
        _show_outcome(asked, found.medical.presettle(asked), as_json=as_json)


@bill_app.command(epilog="sbcard bill settle bill.json --db sqlite:///sample.sqlite --sample --json")
def settle(
    bill: BillFile,
    db: Database,
    sample: Sample = False,
    policy: Policies = None,
    catalogue: Catalogues = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
) -> None:
    """Settle a bill; the same bill again gets the same answer. Makes the database where there is none."""
    asked = _read(bill)
    with backend(
        db,
        dry_run=dry_run,
        as_json=as_json,
        create=True,
        sample=sample,
        policies=policy or (),
        catalogues=catalogue or (),
    ) as found:
        done = found.medical.settle(asked)
        what = message("medical.bill.booked", setl_id=done.setl_id)
        with _booked(what, dry_run=dry_run):
            _show_outcome(asked, done, as_json=as_json, dry_run=dry_run)


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
        words = "此前已撤销 (cancelled before)" if became else "已撤销 (cancelled)"
        data = {"setl_id": setl_id, "msgid": msgid, "status": became.name if became else "CANCELLED"}
        with _booked(message("medical.bill.cancelled", setl_id=setl_id), dry_run=dry_run):
            tell([f"{setl_id} {words}"], data, as_json=as_json, dry_run=dry_run)
