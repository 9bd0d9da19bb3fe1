"""``sbcard pay tell|held|payments|recover|receive|recoveries``: what is known of payees, and wrong credits."""

from collections.abc import Iterator
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from sbcard_core.cli.desk import AsJson, Database, DryRun, On, backend, day, out_table, plain, tell, yuan
from sbcard_core.cli.pay_options import Approvals, Decision, Fen, OfficerList, Person, ProgrammeCode, Reason, approvals
from sbcard_core.cli.payee import pay_app
from sbcard_core.cli.tables import rows
from sbcard_core.errors import InvalidValue
from sbcard_core.files import write_rows
from sbcard_core.messages import message
from sbcard_core.values import CardState, mask_id

if TYPE_CHECKING:
    from sbcard_core.payout import Standing

__all__ = ["pay_app"]

Code = TypeVar("Code", bound=IntEnum)
RecoveryId = Annotated[str, typer.Argument(help="the recovery's own id, as `sbcard pay recoveries` lists it")]
_STANDING = ("id_number", "living", "died_on", "bank", "account_no", "account_state")
_STATES = {
    "SENT": "已发送",
    "PAID": "已发放",
    "RETURNED": "退票",
    "REPAID": "退票已重发",
    "CANCELLED": "退票已放弃",
    "STOPPED": "退票已停发",
    "UNKNOWN": "待确认",
}


def _code(kind: type[Code], text: str, field: str) -> Code:
    for one in kind:
        if text in (one.name, str(int(one))):
            return one
    known = ", ".join(f"{int(one)} {one.name}" for one in kind)
    what = message("payout.csv.code", field=field, found=text[:16], known=known)
    raise InvalidValue(what, step="pay.tell", term="代码")


def _standing(row: dict[str, str]) -> "Standing":
    from sbcard_core.payout import LifeStatus, Standing  # noqa: PLC0415

    told = {name: row[name].strip() for name in _STANDING}
    died, state = told["died_on"], told["account_state"]
    try:
        died_on = datetime.strptime(died, "%Y-%m-%d").date() if died else None  # noqa: DTZ007 - a day has no zone
    except ValueError as error:
        raise InvalidValue(message("payout.csv.day", found=died[:16]), step="pay.tell", term="日期") from error
    return Standing(
        told["id_number"],
        _code(LifeStatus, told["living"] or "NORMAL", "living"),
        died_on,
        told["bank"] or None,
        told["account_no"] or None,
        _code(CardState, state, "account_state") if state else None,
    )


@pay_app.command("tell", epilog="sbcard pay tell standings.csv --db sqlite:///books.sqlite --dry-run")
def tell_(
    standings: Annotated[
        Path,
        typer.Argument(
            help="CSV: id_number; living,died_on,bank,account_no,account_state", exists=True, dir_okay=False
        ),
    ],
    db: Database,
    approval: Approvals = None,
    officers: OfficerList = None,
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Tell life and accounts the registry does not know. A line replaces what was told of the person; all or none.

    Another life status than is known stops or starts pay: it takes a roll's officers, the refusal names what they sign.
    living: 1 NORMAL (also empty), 2 DEAD, 3 IMPRISONED, 4 MISSING, 5 UNKNOWN. An account, paid instead of the cards,
    has bank, account_no and account_state, e.g. 1 NORMAL. An empty account: the registry's cards again.
    """
    at = 0

    def read() -> Iterator["Standing"]:
        nonlocal at
        for at, row in rows(standings, _STANDING, "pay.tell"):  # noqa: B007 - told where it fails
            yield _standing(row)
        at = 0

    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        try:
            count = found.payout.tell(read(), on=day(on), approved_by=approvals(approval))
        except InvalidValue as error:
            if not at or error.what.startswith("line "):
                raise
            what = message("payout.csv.line", file=standings.name, line=at, what=error.what)
            raise InvalidValue(what, step="pay.tell", term=error.term, advice=error.advice) from error
        tell([f"已登记 {count:,} 人"], {"told": count}, as_json=as_json, dry_run=dry_run)


@pay_app.command(epilog="sbcard pay held pension --out held.csv --db sqlite:///books.sqlite")
def held(
    programme: ProgrammeCode,
    db: Database,
    person: Annotated[str | None, typer.Option("--id", help="only this social security number")] = None,
    out: Annotated[Path | None, typer.Option(help="CSV of these lines for the next `sbcard pay draft`")] = None,
    as_json: AsJson = False,
) -> None:
    """List back payments (补发) due after suspensions ended. Exit code 1: there are some; put them on the next roll."""
    with backend(db) as found:
        there = list(found.payout.held(programme, person))
        if out is not None:
            with out_table(out, db) as file:
                write_rows(file, [there[0]._fields if there else ("id_number", "name", "amount_fen"), *there])
        lines = [f"{mask_id(one.id_number)}\t{one.name}\t{one.item}\t{yuan(one.amount_fen)} 元" for one in there]
        data = [{**one._asdict(), "id_number": mask_id(one.id_number)} for one in there]
        tell(lines or ["没有应补发 (nothing is due)"], {"held": data}, as_json=as_json)
    if there:
        raise typer.Exit(1)


@pay_app.command(epilog="sbcard pay payments ID_NUMBER --db sqlite:///books.sqlite")
def payments(person: Person, db: Database, as_json: AsJson = False) -> None:
    """List what was sent to banks for a person; `sbcard pay recover` takes batch and number from here."""
    with backend(db) as found:
        there = found.payout.payments(person)
        lines = [
            f"{one.programme} {one.period}\t{one.batch_no} {one.seq}\t{_STATES[one.state.name]}\t"
            f"{yuan(one.amount_fen)} 元"
            for one in there
        ]
        data = {"id_number": mask_id(person), "payments": there}
        tell(lines or ["没有发放记录 (nothing was sent)"], data, as_json=as_json)


@pay_app.command(
    epilog="sbcard pay recover R1 BATCH 3 12000 --monthly-fen 4000 --reason 多发 --db sqlite:///books.sqlite --dry-run"
)
def recover(
    recovery_id: Annotated[str, typer.Argument(help="an id of your own; the same again changes nothing")],
    batch: Annotated[str, typer.Argument(help="as `sbcard pay payments` lists it")],
    line: Annotated[int, typer.Argument(help="number in the batch")],
    amount_fen: Fen,
    reason: Reason,
    db: Database,
    monthly_fen: Annotated[
        int, typer.Option(min=0, help="keep back at most so much of each later roll; 0: the bank returns it")
    ] = 0,
    approval: Approvals = None,
    officers: OfficerList = None,
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Begin to get back a wrong credit (追回): kept back from later rolls in parts, or returned by the bank.

    It takes the officers of a roll: the refusal names what they `sign`.
    """
    from sbcard_core.payout import RecoveryMode  # noqa: PLC0415

    mode = RecoveryMode.DEDUCTION if monthly_fen else RecoveryMode.RETURN
    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        found.payout.recover(
            *(recovery_id, (batch, line), amount_fen),
            mode=mode,
            monthly_fen=monthly_fen,
            reason=reason,
            on=day(on),
            approved_by=approvals(approval),
        )
        left = found.payout.still_out(recovery_id)
        how = f"从以后各期抵扣,每期至多 {yuan(monthly_fen)} 元" if monthly_fen else "由银行退回"
        lines = [f"追回 {recovery_id}  {batch} {line}  {yuan(amount_fen)} 元  {how}", f"  未收回 {yuan(left)} 元"]
        data = {"recovery_id": recovery_id, "batch_no": batch, "line": line, "amount_fen": amount_fen}
        data |= {"mode": mode, "monthly_fen": monthly_fen, "reason": reason, "open_fen": left}
        tell(lines, data, as_json=as_json, dry_run=dry_run)


@pay_app.command(
    epilog="sbcard pay receive pension R1 12000 --reference 20140901-77 --db sqlite:///books.sqlite --dry-run"
)
def receive(
    programme: ProgrammeCode,
    recovery_id: RecoveryId,
    amount_fen: Fen,
    reference: Annotated[str, typer.Option(help="the bank's own, or the receipt's; the same again changes nothing")],
    db: Database,
    heirs: Annotated[
        str, typer.Option("--heirs", metavar="DECISION", help="the person or the heirs paid, by this decision")
    ] = "",
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Book money that a bank gave back for a recovery, or that the heirs paid in: it returns to the fund."""
    from sbcard_core.payout import RecoverySource  # noqa: PLC0415

    source = RecoverySource.HEIRS if heirs else RecoverySource.BANK
    with backend(db, dry_run=dry_run, as_json=as_json) as found:
        left = found.payout.receive(
            *(programme, recovery_id, amount_fen), reference=reference, on=day(on), source=source, decision=heirs
        )
        lines = [f"追回 {recovery_id}  收到 {yuan(amount_fen)} 元 ({reference})", f"  未收回 {yuan(left)} 元"]
        data = {"recovery_id": recovery_id, "amount_fen": amount_fen, "reference": reference, "open_fen": left}
        data |= {"source": source, "decision": heirs}
        tell(lines, data, as_json=as_json, dry_run=dry_run)


@pay_app.command(
    "withdraw-recovery",
    epilog="sbcard pay withdraw-recovery pension R1 --decision 文号 --approval li.json --approval wang.json "
    "--officers officers.toml --db sqlite:///books.sqlite",
)
def withdraw_recovery(
    programme: ProgrammeCode,
    recovery_id: RecoveryId,
    decision: Decision,
    db: Database,
    approval: Approvals = None,
    officers: OfficerList = None,
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Withdraw a recovery by a decision: what is open falls away, what came in is due to the person again (`held`)."""
    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        signed = approvals(approval)
        found.payout.withdraw_recovery(programme, recovery_id, decision=decision, on=day(on), approved_by=signed)
        data = {"recovery_id": recovery_id, "decision": decision}
        tell([f"追回 {recovery_id}  撤销 ({decision})"], data, as_json=as_json, dry_run=dry_run)


@pay_app.command(epilog="sbcard pay recoveries pension --db sqlite:///books.sqlite")
def recoveries(programme: ProgrammeCode, db: Database, as_json: AsJson = False) -> None:
    """List the recoveries of a programme, with what is still out. Exit code 1: something is."""
    with backend(db) as found:
        there = found.payout.recoveries(programme)
        lines = [
            f"{one.recovery_id}\t{one.id_number}\t{one.batch_no} {one.seq}\t{yuan(one.amount_fen)} 元\t"
            f"未收回 {yuan(one.open_fen)} 元\t{'抵扣' if one.monthly_fen else '银行退回'}\t{one.reason}"
            + (f"\t撤销 {one.decision}" if one.withdrawn_on else "")
            for one in there
        ]
        data = {"programme": programme, "recoveries": [plain(one) for one in there]}
        tell(lines or ["没有追回 (no recoveries)"], data, as_json=as_json)
    if any(one.open_fen for one in there):
        raise typer.Exit(1)
