"""``sbcard pay inquire|returned|give-up|object|withdraw|suspend|resume|death``: beside the straight way of a roll."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sbcard_core.cli.desk import AsJson, Database, DryRun, On, backend, day, out_folder, plain, tell, yuan
from sbcard_core.cli.officer import pay_app
from sbcard_core.cli.pay import show_roll
from sbcard_core.cli.pay_options import (
    Approvals,
    BankFiles,
    Decision,
    OfficerList,
    Period,
    Person,
    ProgrammeCode,
    Reason,
    Roll,
    Since,
    approvals,
)
from sbcard_core.values import mask_id

if TYPE_CHECKING:
    from sbcard_core.payout import DeathReport

__all__ = ["pay_app"]


@pay_app.command(epilog="sbcard pay inquire pension 2014-07 --db sqlite:///books.sqlite")
def inquire(
    programme: ProgrammeCode,
    period: Period,
    db: Database,
    on: On = None,
    out: BankFiles = Path("out/pay"),
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Ask the banks about lines without a clear answer; `sbcard pay result` reads what they confirm."""
    with backend(db, dry_run=dry_run, as_json=as_json) as found, out_folder(out, dry_run=dry_run) as target:
        names = [path.name for path in found.payout.inquire(programme, period, on=day(on), out_dir=target)]
        lines = [f"查询文件 {name}" for name in names] or ["没有待查询的明细 (nothing to ask)"]
        tell(lines, {"files": names}, as_json=as_json, dry_run=dry_run)


@pay_app.command(epilog="sbcard pay returned pension 2014-07 --db sqlite:///books.sqlite")
def returned(programme: ProgrammeCode, period: Period, db: Database, as_json: AsJson = False) -> None:
    """List returned lines (退票) that wait for `sbcard pay repay` or `give-up`. Exit code 1: there are some."""
    with backend(db) as found:
        there = found.payout.returned(programme, period)
        lines = [f"{one.batch_no} {one.seq}\t{one.id_number}\t{yuan(one.amount_fen)} 元\t{one.reason}" for one in there]
        tell(lines or ["没有退票 (nothing was returned)"], {"returned": there}, as_json=as_json)
    if there:
        raise typer.Exit(1)


@pay_app.command("give-up", epilog="sbcard pay give-up pension BATCH 3 7 --db sqlite:///books.sqlite --dry-run")
def give_up(
    programme: ProgrammeCode,
    batch: Annotated[str, typer.Argument(help="as `sbcard pay returned` lists it")],
    lines: Annotated[list[int], typer.Argument(help="numbers in the batch")],
    db: Database,
    approval: Approvals = None,
    officers: OfficerList = None,
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give returned lines up: their money goes back to the fund. All of them, or none. It takes a roll's officers."""
    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        count = found.payout.cancel_returned(
            programme, [(batch, line) for line in lines], on=day(on), approved_by=approvals(approval)
        )
        text = f"放弃 {count:,} 笔,共 {len(lines):,} 笔 (the others were given up before)"
        tell(
            [text if count < len(lines) else f"放弃 {count:,} 笔"],
            {"given_up": count},
            as_json=as_json,
            dry_run=dry_run,
        )


@pay_app.command("object", epilog="sbcard pay object ROLL 3 --by 邻居 --reason 已迁出 --db sqlite:///books.sqlite")
def object_(
    roll_no: Roll,
    line: Annotated[int, typer.Argument(help="number of the line, as the notice shows it")],
    by: Annotated[str, typer.Option(help="who objected")],
    reason: Reason,
    db: Database,
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Uphold an objection during the notice (异议成立): the line leaves the roll, which needs its officers anew."""
    with backend(db, dry_run=dry_run, as_json=as_json) as found:
        found.payout.object(roll_no, line, by=by, reason=reason, on=day(on))
        show_roll(found.payout.status(roll_no), as_json=as_json, dry_run=dry_run)


@pay_app.command(epilog="sbcard pay withdraw ROLL --db sqlite:///books.sqlite")
def withdraw(roll_no: Roll, db: Database, on: On = None, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Give up what of a roll is not at a bank yet; its people may stand on another one."""
    with backend(db, dry_run=dry_run, as_json=as_json) as found:
        found.payout.withdraw(roll_no, on=day(on))
        show_roll(found.payout.status(roll_no), as_json=as_json, dry_run=dry_run)


@pay_app.command(
    epilog="sbcard pay suspend pension ID_NUMBER --since 2014-09 --reason 未认证 --db sqlite:///books.sqlite"
)
def suspend(
    programme: ProgrammeCode,
    person: Person,
    since: Since,
    reason: Reason,
    db: Database,
    approval: Approvals = None,
    officers: OfficerList = None,
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Hold a person's pay from a period on (暂停发放); it takes a roll's officers. Lines not yet released too."""
    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        held = found.payout.suspend(
            programme, person, since=since, reason=reason, on=day(on), approved_by=approvals(approval)
        )
        who = mask_id(person)
        data = {"id_number": who, "programme": programme, "since": since, "held": held}
        lines = [f"{who} {programme} 自 {since} 起暂停发放"]
        lines += [f"  未发送的名册中暂停 {held:,} 行,名册须重新审批"] if held else []
        tell(lines, data, as_json=as_json, dry_run=dry_run)


@pay_app.command(epilog="sbcard pay resume pension ID_NUMBER --since 2014-11 --db sqlite:///books.sqlite")
def resume(
    programme: ProgrammeCode,
    person: Person,
    since: Since,
    db: Database,
    approval: Approvals = None,
    officers: OfficerList = None,
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Pay a person again from a period on; it takes a roll's officers. Exit code 1: no suspension was running."""
    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        ended = found.payout.resume(programme, person, since=since, on=day(on), approved_by=approvals(approval))
        back = list(found.payout.held(programme, person))
        fen, who = sum(one.amount_fen for one in back), mask_id(person)
        lines = [f"{who} {programme} 自 {since} 起恢复发放" if ended else f"{who} {programme} 没有暂停发放"]
        lines += [f"  应补发 {len(back):,} 期 {yuan(fen)} 元" if back else "  没有应补发"]
        data = {"id_number": who, "programme": programme, "since": since, "ended": ended}
        items = [{"item": one.item, "amount_fen": one.amount_fen} for one in back]
        tell(lines, {**data, "held": items}, as_json=as_json, dry_run=dry_run)
    if not ended:
        raise typer.Exit(1)


@pay_app.command(epilog="sbcard pay death ID_NUMBER 2014-08-20 --db sqlite:///books.sqlite --dry-run")
def death(
    person: Person,
    died_on: Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="day of death")],
    db: Database,
    decision: Annotated[str, typer.Option(help="number of the decision, where the day was reported otherwise")] = "",
    approval: Approvals = None,
    officers: OfficerList = None,
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Stop what a person is not due after death, open recoveries for what was paid, and end the person's premiums.

    Another day than was reported is a correction, by a decision: what is due by it goes back. Either takes the officers
    of a roll: the refusal names what they `sign`.

    Exit code 1: lines are at a bank still (run it again when they are answered), or of a programme that is not in the
    catalogue, or premiums are owed or to be given back.
    """
    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        done = found.death(person, died_on.date(), on=day(on), decision=decision, approved_by=approvals(approval))
        report, premiums = done.payouts, done.premiums
        lines = [
            f"{mask_id(person)} 死亡 {died_on.date()}",
            *_death(report),
            f"  作废缴费单 {len(premiums.cancelled):,} 张,恢复缴费单 {len(premiums.reopened):,} 张",
            *(f"  仍欠保费 {name}" for name in premiums.owed),
            *(f"  应退保费 {name}" for name in premiums.paid),
        ]
        data = {"id_number": mask_id(person), **plain(report), "premiums": plain(premiums)}
        tell(lines, data, as_json=as_json, dry_run=dry_run)
    if report.at_bank or report.unknown or premiums.owed or premiums.paid:
        raise typer.Exit(1)


def _death(report: "DeathReport") -> list[str]:
    back = [f"  恢复应补发 {report.held:,} 笔,恢复退票 {report.payable:,} 笔"] if report.held or report.payable else []
    return [
        f"  移出名册 {report.removed:,} 笔,放弃退票 {report.cancelled:,} 笔,银行处理中 {report.at_bank:,} 笔",
        *back,
        *(f"  追回 {name}" for name in report.recoveries),
        *(f"  撤销追回 {name}" for name in report.withdrawn),
        *(f"  项目 {name} 不在目录中,未处理" for name in report.unknown),
    ]


@pay_app.command(
    "withdraw-death", epilog="sbcard pay withdraw-death ID_NUMBER --decision 文号 --db sqlite:///books.sqlite"
)
def withdraw_death(
    person: Person,
    decision: Decision,
    db: Database,
    approval: Approvals = None,
    officers: OfficerList = None,
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """The reported death was a mistake: recoveries it opened fall away, and what it stopped is due again.

    `sbcard pay held` lists the back payments, `repay` sends returned lines again. Premiums it cancelled are owed again.
    """
    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        done = found.withdraw_death(person, decision=decision, on=day(on), approved_by=approvals(approval))
        bills = done.premiums.reopened
        lines = [
            f"{mask_id(person)} 撤销死亡登记 ({decision})",
            *_death(done.payouts),
            f"  恢复缴费单 {len(bills):,} 张",
        ]
        data = {"id_number": mask_id(person), **plain(done.payouts), "premiums": plain(done.premiums)}
        tell(lines, data, as_json=as_json, dry_run=dry_run)


@pay_app.command(epilog="sbcard pay reinstate pension BATCH 3 --db sqlite:///books.sqlite --dry-run")
def reinstate(
    programme: ProgrammeCode,
    batch: Annotated[str, typer.Argument(help="number of the batch")],
    lines: Annotated[list[int], typer.Argument(help="numbers in the batch")],
    db: Database,
    approval: Approvals = None,
    officers: OfficerList = None,
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make given-up returned lines payable again: their money is blocked anew. It takes a roll's officers."""
    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        count = found.payout.reinstate_returned(
            programme, [(batch, line) for line in lines], on=day(on), approved_by=approvals(approval)
        )
        tell([f"恢复退票 {count:,} 笔"], {"reinstated": count}, as_json=as_json, dry_run=dry_run)
