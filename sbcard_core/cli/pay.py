"""``sbcard pay``: rolls of pensions and subsidies on the command line, each step also as a rehearsal."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from sbcard_core.cli.desk import (
    EXIT_CODES,
    AsJson,
    Database,
    DryRun,
    On,
    amounts,
    backend,
    day,
    each_file,
    out_folder,
    plain,
    tell,
    yuan,
)
from sbcard_core.cli.pay_options import (
    Approvals,
    BankFiles,
    OfficerList,
    PayOn,
    Period,
    ProgrammeCode,
    Reason,
    Roll,
    approvals,
)
from sbcard_core.cli.tables import rows
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

pay_app = typer.Typer(
    no_args_is_help=True, help="代发: pay pensions and subsidies, a roll from draft to close.", epilog=EXIT_CODES
)

_SUMS = {
    "unsent_fen": "未发送",
    "sent_fen": "已发送",
    "paid_fen": "已发放",
    "returned_fen": "退票",
    "unknown_fen": "待确认",
    "recovered_fen": "追回",
    "held_fen": "暂停",
    "removed_fen": "移出",
}


def show_roll(found: Any, *, as_json: bool, dry_run: bool = False, needed: int = 0, **more: Any) -> None:
    """A roll, where its money is, and who approved it."""
    roll = found.roll
    lines = [
        f"{roll.roll_no}  {roll.programme} {roll.period}  {roll.state.name}  发放日 {roll.pay_on}",
        f"  名册摘要 {roll.digest}",
        f"  {found.lines:,} 人 {yuan(found.total_fen)} 元,未列入 {found.refused:,} 人",
    ]
    sums = {name: getattr(found, name) for name in _SUMS}
    lines += [f"  {_SUMS[name]} {yuan(fen)} 元" for name, fen in sums.items() if fen]
    if needed or found.officers:
        lines.append(
            f"  审批 {len(found.officers)}{f'/{needed}' if needed else ''} {'、'.join(found.officers)}".rstrip()
        )
    data = {"roll_no": roll.roll_no, "programme": roll.programme, "period": roll.period, "state": roll.state}
    data |= {"pay_on": roll.pay_on, "digest": roll.digest, "lines": found.lines, "refused": found.refused}
    data |= {"officers": found.officers, "notice_from": roll.notice_from, "notice_until": roll.notice_until}
    tell(lines, {**data, "total_fen": found.total_fen, **sums, **more}, as_json=as_json, dry_run=dry_run)


def _roll_lines(path: Path) -> Iterator[Any]:
    """A roll as CSV with a header: id_number, name, amount_fen; account_no, household, item, area may stand beside."""
    from sbcard_core.payout import RollLine  # noqa: PLC0415

    for _, row, fen in amounts(rows(path, ("id_number", "name", "amount_fen"), "pay.draft"), "pay.draft"):
        more = {key: row.get(key, "") for key in ("account_no", "household", "item", "area")}
        yield RollLine(row["id_number"], row["name"], fen, **more)


@pay_app.command(
    epilog="sbcard pay draft pension 2014-07 roll.csv --by 430100-016 --officers officers.toml "
    "--db sqlite:///books.sqlite --dry-run"
)
def draft(
    programme: ProgrammeCode,
    period: Period,
    roll: Annotated[Path, typer.Argument(help="CSV: id_number,name,amount_fen", exists=True, dir_okay=False)],
    by: Annotated[str, typer.Option(help="registered id of who drafts it; others must approve it")],
    db: Database,
    officers: OfficerList = None,
    on: On = None,
    pay_on: PayOn = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take in a roll: each line is matched with person, card and account.

    Exit code 1: some lines were not listed; each is shown with its number in the roll and why, the header not counted.
    """
    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        pay_day = pay_on.date() if pay_on else None
        made = found.payout.draft(programme, period, _roll_lines(roll), on=day(on), by=by, pay_on=pay_day)
        status = found.payout.status(made.roll_no)
        needed = found.payout.programme(programme).approvals
        refused = found.payout.refused(made.roll_no)
        show_roll(status, as_json=as_json, dry_run=dry_run, needed=needed, refused_lines=refused)
        if not as_json:
            more = [f"  …另有 {len(refused) - 20:,} 行,用 --json 查看全部"] if len(refused) > 20 else []
            tell([*_refused(refused[:20]), *more], {}, as_json=False)
    if status.refused:
        raise typer.Exit(1)


def _refused(there: list[Any]) -> list[str]:
    return [f"  第{one.line}行 {one.id_number} {one.code} {one.reason}" for one in there]


@pay_app.command(epilog="sbcard pay refused ROLL --db sqlite:///books.sqlite")
def refused(roll_no: Roll, db: Database, as_json: AsJson = False) -> None:
    """List all lines a roll did not take on, and why. Exit code 1: there are some."""
    with backend(db) as found:
        there = found.payout.refused(roll_no)
        tell(_refused(there) or ["全部列入 (none was refused)"], {"roll_no": roll_no, "lines": there}, as_json=as_json)
    if there:
        raise typer.Exit(1)


@pay_app.command(epilog="sbcard pay notice ROLL --db sqlite:///books.sqlite > notice.txt")
def notice(
    roll_no: Roll,
    db: Database,
    officers: OfficerList = None,
    on: On = None,
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="last day, where the year's working days are not published yet"),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Begin the public notice, and print what the public sees. Exit code 2: the programme needs none."""
    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        roll = found.payout.notice(roll_no, on=day(on), until=until.date() if until else None)
        programme = found.payout.programme(roll.programme)
        seen = list(found.payout.notice_lines(roll_no))
        lines = [
            f"{programme.name_zh} {roll.period} 发放名册公示",
            f"名册 {roll_no}  公示期 {roll.notice_from} 至 {roll.notice_until}({programme.notice_days} 个工作日)",
            "行号\t地区\t姓名\t社会保障号码\t金额(元)",
            *(f"{one.line}\t{one.area}\t{one.name}\t{one.id_number}\t{yuan(one.amount_fen)}" for one in seen),
            f"共 {len(seen):,} 人 {yuan(sum(one.amount_fen for one in seen))} 元",
        ]
        data: dict[str, Any] = {
            "roll_no": roll_no,
            "programme": roll.programme,
            "name_zh": programme.name_zh,
            "period": roll.period,
        }
        data |= {"notice_from": roll.notice_from, "notice_until": roll.notice_until, "lines": seen}
        tell(lines, data, as_json=as_json, dry_run=dry_run)


_STALE = {"card": "卡账户已停用", "account": "账号已变更或停用", "living": "生存状态不符"}


@pay_app.command(epilog="sbcard pay stale ROLL --db sqlite:///books.sqlite")
def stale(roll_no: Roll, db: Database, as_json: AsJson = False) -> None:
    """Show lines that can't be paid any more, which stop the release. Exit code 1: there are some; remove them."""
    with backend(db) as found:
        there = found.payout.stale(roll_no)
    lines = [f"第{line}行 {_STALE[reason]} ({reason})" for line, reason in there]
    data = {"roll_no": roll_no, "lines": [{"line": line, "reason": reason} for line, reason in there]}
    tell(lines or ["没有变动 (nothing changed)"], data, as_json=as_json)
    if there:
        raise typer.Exit(1)


@pay_app.command(epilog="sbcard pay remove ROLL 3 7 --reason 账户已销户 --db sqlite:///books.sqlite")
def remove(
    roll_no: Roll,
    lines: Annotated[list[int], typer.Argument(help="numbers of the lines, as `sbcard pay stale` shows them")],
    reason: Reason,
    db: Database,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take lines out of a roll before its release; what is left needs its officers anew, for its new digest."""
    with backend(db, dry_run=dry_run, as_json=as_json) as found:
        found.payout.remove(roll_no, lines, reason=reason)
        show_roll(found.payout.status(roll_no), as_json=as_json, dry_run=dry_run)


@pay_app.command(epilog="sbcard pay release ROLL --db sqlite:///books.sqlite --out out/pay")
def release(
    roll_no: Roll,
    db: Database,
    officers: OfficerList = None,
    on: On = None,
    out: BankFiles = Path("out/pay"),
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Block the money and write one file per bank. Begun again after a break, it goes on where it stopped.

    All files of the roll are named; those of an earlier run are marked, and not written again.
    """
    with (
        backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found,
        out_folder(out, dry_run=dry_run) as target,
    ):
        made = found.payout.release(roll_no, on=day(on), out_dir=target)
        batches = found.payout.batches_of(roll_no)
        if not as_json:
            old = " (此前已写出, written before)"
            tell([f"银行文件 PAYREQ_{one}.txt{'' if one in made else old}" for one in batches], {}, as_json=False)
        show_roll(found.payout.status(roll_no), as_json=as_json, dry_run=dry_run, batches=batches, made=made)


@pay_app.command(epilog="sbcard pay result PAYRES_*.txt --db sqlite:///books.sqlite")
def result(
    files: Annotated[list[Path], typer.Argument(help="result files of banks")],
    db: Database,
    on: On = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Read result files: paid, returned or unknown. The same file again changes nothing; a wrong file stops no other.

    Exit code 1: lines are unknown or were returned; 2: a file was refused.
    """
    with backend(db, dry_run=dry_run, as_json=as_json) as found:

        def take(path: Path) -> int:
            report = found.payout.read_result(path, on=day(on))
            _show_result(path, report, as_json=as_json, dry_run=dry_run)
            return 1 if report.unknown or report.returned or report.findings else 0

        code = each_file(files, take, as_json=as_json)
    if code:
        raise typer.Exit(code)


def _show_result(path: Path, report: Any, *, as_json: bool, dry_run: bool) -> None:
    if report.repeated:
        lines = [f"{path.name}: 批次 {report.batch_no} 的同一文件已读过,未作改动 (read before: nothing was changed)"]
    else:
        lines = [
            f"{path.name}: 批次 {report.batch_no}",
            f"  已发放 {report.paid:,} 笔 {yuan(report.paid_fen)} 元",
            f"  退票 {report.returned:,} 笔 {yuan(report.returned_fen)} 元",
            f"  待确认 {report.unknown:,} 笔 {yuan(report.unknown_fen)} 元(挂账)",
        ]
        lines += [f"  第{one.line}行 {one.code} {one.detail}" for one in report.findings]
    tell(lines, {"file": path.name, **plain(report)}, as_json=as_json, dry_run=dry_run)


def _corrections(path: Path) -> dict[str, Any]:
    from sbcard_core.payout import Account  # noqa: PLC0415

    found: dict[str, Any] = {}
    for number, row in rows(path, ("id_number", "account_no"), "pay.repay"):
        who, account = row["id_number"].strip(), Account(row["account_no"].strip(), row.get("bank", "").strip())
        if found.setdefault(who, account) != account:
            what = message("payout.csv.twice", file=path.name, line=number)
            raise InvalidValue(what, step="pay.repay", term="账号更正")
    return found


@pay_app.command(
    epilog="sbcard pay repay pension 2014-07 --corrections new.csv --approval li.json --approval wang.json "
    "--officers officers.toml --db sqlite:///books.sqlite --dry-run"
)
def repay(
    programme: ProgrammeCode,
    period: Period,
    db: Database,
    on: On = None,
    out: BankFiles = Path("out/pay"),
    corrections: Annotated[
        Path | None,
        typer.Option(help="CSV: id_number,account_no, also bank, of corrected accounts", exists=True, dir_okay=False),
    ] = None,
    approval: Approvals = None,
    officers: OfficerList = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Send returned lines again, to the account known of each payee now, or a corrected one.

    Accounts other than those of the approved roll take its officers: the refusal names what they `sign`.
    """
    with (
        backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found,
        out_folder(out, dry_run=dry_run) as target,
    ):
        new = _corrections(corrections) if corrections else None
        batches = found.payout.repay_returned(
            programme, period, on=day(on), out_dir=target, corrections=new, approved_by=approvals(approval)
        )
        left = len(found.payout.returned(programme, period))
        lines = [f"银行文件 PAYREQ_{batch}.txt" for batch in batches] or ["没有可重发的退票 (nothing to pay again)"]
        lines += [f"仍有 {left:,} 笔退票未重发: 无可入账账户、暂停或生存状态不符 (see `returned`)"] if left else []
        tell(lines, {"batches": batches, "left": left}, as_json=as_json, dry_run=dry_run)


@pay_app.command(epilog="sbcard pay status ROLL --db sqlite:///books.sqlite --json")
def status(roll_no: Roll, db: Database, as_json: AsJson = False) -> None:
    """Say where the money of a roll is."""
    with backend(db) as found:
        show_roll(found.payout.status(roll_no), as_json=as_json)


@pay_app.command(epilog="sbcard pay rolls pension 2014-07 --db sqlite:///books.sqlite")
def rolls(programme: ProgrammeCode, period: Period, db: Database, as_json: AsJson = False) -> None:
    """List the rolls of a programme and period."""
    with backend(db) as found:
        there = found.payout.rolls(programme, period)
        lines = [f"{one.roll_no}  {one.state.name}  发放日 {one.pay_on}  制表 {one.drafted_by}" for one in there]
        tell(lines or ["没有名册 (no rolls)"], {"rolls": there}, as_json=as_json)


@pay_app.command(epilog="sbcard pay check ROLL --db sqlite:///books.sqlite")
def check(roll_no: Roll, db: Database, as_json: AsJson = False) -> None:
    """Compare a roll's lines, batches and ledger (核对). Exit code 1: they disagree."""
    with backend(db) as found:
        there = found.payout.check(roll_no)
        tell(there or ["账实相符 (the books agree)"], {"roll_no": roll_no, "disagree": there}, as_json=as_json)
    if there:
        raise typer.Exit(1)


@pay_app.command("write-again", epilog="sbcard pay write-again BATCH --out out/pay --db sqlite:///books.sqlite")
def write_again(
    batch: Annotated[str, typer.Argument(help="number of the batch")],
    db: Database,
    out: BankFiles = Path("out/pay"),
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write a batch's file once more, the same bytes, where the bank did not get it. The database does not change."""
    with backend(db, dry_run=dry_run, as_json=as_json) as found, out_folder(out, dry_run=dry_run) as target:
        name = found.payout.write_again(batch, target).name
        tell([f"银行文件 {name}"], {"batch_no": batch, "file": name}, as_json=as_json, dry_run=dry_run)


@pay_app.command(epilog="sbcard pay close ROLL --db sqlite:///books.sqlite")
def close(roll_no: Roll, db: Database, on: On = None, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Close a roll of which nothing is outstanding."""
    with backend(db, dry_run=dry_run, as_json=as_json) as found:
        found.payout.close(roll_no, on=day(on))
        show_roll(found.payout.status(roll_no), as_json=as_json, dry_run=dry_run)
