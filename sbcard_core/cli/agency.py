"""``sbcard premium dispatch|result|suspense|assign|give-back|unpaid``: premiums that agent banks collect."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from sbcard_core.cli.desk import (
    AsJson,
    At,
    Database,
    DryRun,
    On,
    backend,
    day,
    each_file,
    moment,
    out_folder,
    plain,
    tell,
    yuan,
)
from sbcard_core.cli.pay_options import Approvals, OfficerList, approvals
from sbcard_core.cli.premium import Period, TariffFile, premium_app
from sbcard_core.values import Disposition

__all__ = ["premium_app"]


@premium_app.command(epilog="sbcard premium dispatch 402 2015 --out out/premium --db sqlite:///books.sqlite")
def dispatch(
    bank: Annotated[str, typer.Argument(help="three digits")],
    period: Period,
    db: Database,
    on: On = None,
    out: Annotated[Path, typer.Option(help="folder for the files")] = Path("out/premium"),
    everyone: Annotated[bool, typer.Option("--everyone", help="also whose card is of another bank")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write the open bills of a period for an agent bank (代收清单). Begun again after a break, it goes on.

    Exit code 1: the period has no bill at all.
    """
    with backend(db, dry_run=dry_run, as_json=as_json) as found, out_folder(out, dry_run=dry_run) as target:
        paths = found.premiums.agency.dispatch(bank, period, on=day(on), out_dir=target, everyone=everyone)
        names = [path.name if dry_run else str(path) for path in paths]
        count = sum(bills for bills, _ in found.premiums.totals(period).values())
        none = "没有可发送的缴费单: 已缴、已发送或属于其他银行 (nothing to send)"
        if not count:
            none = f"{period} 没有缴费单,请先核定: sbcard premium issue (this period has no bills)"
        lines = [f"代收清单 {name}" for name in names] or [none]
        tell(lines, {"files": names, "bills_of_period": count}, as_json=as_json, dry_run=dry_run)
    if not count:
        raise typer.Exit(1)


@premium_app.command(epilog="sbcard premium result PREMRES_*.txt --db sqlite:///books.sqlite")
def result(
    files: Annotated[list[Path], typer.Argument(help="payment files of agent banks")],
    db: Database,
    on: On = None,
    tariff: TariffFile = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take in payment files of agent banks. The same file again changes nothing; a wrong file stops no other.

    Exit code 1: lines are missing, or money lies in suspense; 2: a file was refused.
    """
    with backend(db, dry_run=dry_run, as_json=as_json, tariff=tariff) as found:

        def take(path: Path) -> int:
            report = found.premiums.agency.read_payments(path, on=day(on))
            counts = {one.name.lower(): report.count(one) for one in Disposition}
            statuses = Counter(status.name for status in report.statuses)
            data = {"file": path.name, **plain(report), "statuses": statuses, **counts}
            tell(_result_lines(path, report), data, as_json=as_json, dry_run=dry_run)
            odd = report.missing or report.suspended_fen or counts["rejected"] or counts["quarantined"]
            return 1 if odd else 0

        code = each_file(files, take, as_json=as_json)
    if code:
        raise typer.Exit(code)


def _result_lines(path: Path, report: Any) -> Iterator[str]:
    if report.repeated:
        yield f"{path.name}: 批次 {report.batch_no} 的同一文件已读过,未作改动 (read before: nothing was changed)"
        return
    accepted, rejected, quarantined = (report.count(one) for one in Disposition)
    yield f"{path.name}: 批次 {report.batch_no}"
    yield f"  {len(report.statuses):,} 行 = 接受 {accepted:,} + 退回 {rejected:,} + 隔离 {quarantined:,}"
    yield f"  入账 {yuan(report.paid_fen)} 元,挂账 {yuan(report.suspended_fen)} 元"
    if report.missing:
        yield f"  没有应答 {len(report.missing):,} 笔: 序号 {', '.join(map(str, report.missing[:20]))}"
    for line, status in enumerate(report.statuses, 2):
        if status > 1:
            yield f"  第{line}行 {status.name} {status.zh}"


@premium_app.command(epilog="sbcard premium suspense --db sqlite:///books.sqlite")
def suspense(db: Database, as_json: AsJson = False) -> None:
    """List the money agent banks brought that no bill explains (挂账)."""
    with backend(db) as found:
        held = found.premiums.agency.suspended()
        lines = [f"{one.payment_id}\t{yuan(one.left_fen)}\t{one.status.name}\t{one.status.zh}" for one in held]
        data = [{key: value for key, value in plain(one).items() if key != "bill_no"} for one in held]
        tell(lines or ["没有挂账 (nothing in suspense)"], {"suspense": data}, as_json=as_json)


@premium_app.command(epilog="sbcard premium assign PREM-2015-402-0001:4 2015.000000003 --db sqlite:///books.sqlite")
def assign(
    payment_id: Annotated[str, typer.Argument(help="as `suspense` lists it")],
    bill_no: Annotated[str, typer.Argument(help="an open bill")],
    db: Database,
    at: At = None,
    approval: Approvals = None,
    officers: OfficerList = None,
    tariff: TariffFile = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Pay an open bill from money in suspense, as two officers approve. Exit code 2: it cannot be."""
    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json, tariff=tariff) as found:
        became = found.premiums.agency.assign(payment_id, bill_no, at=moment(at), approved_by=approvals(approval))
        tell([f"{payment_id} -> {bill_no}: {became.name}"], {"status": became}, as_json=as_json, dry_run=dry_run)
    if not became.is_settled:
        raise typer.Exit(2)


@premium_app.command("give-back", epilog="sbcard premium give-back PREM-2015-402-0001:4 --db sqlite:///books.sqlite")
def give_back(
    payment_id: Annotated[str, typer.Argument(help="as `suspense` lists it")],
    db: Database,
    at: At = None,
    approval: Approvals = None,
    officers: OfficerList = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Give what is left of money in suspense back through the bank, as two officers approve."""
    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        fen = found.premiums.agency.give_back(payment_id, at=moment(at), approved_by=approvals(approval))
        said = f"{payment_id}: 退回 {yuan(fen)} 元" + ("" if fen else " (nothing was left)")
        tell([said], {"given_back_fen": fen}, as_json=as_json, dry_run=dry_run)


@premium_app.command(epilog="sbcard premium unpaid PREM-2015-402-0001 5 6 --db sqlite:///books.sqlite")
def unpaid(
    batch_no: Annotated[str, typer.Argument(help="of the bank's file")],
    seqs: Annotated[list[int], typer.Argument(help="numbers of lines")],
    db: Database,
    at: At = None,
    approval: Approvals = None,
    officers: OfficerList = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """The bank collected nothing for lines it did not answer: two officers approve that they are sent again."""
    with backend(db, officers=officers, dry_run=dry_run, as_json=as_json) as found:
        signed = approvals(approval)
        done = found.premiums.agency.confirm_unpaid(batch_no, seqs, at=moment(at), approved_by=signed)
        tell([f"确认未扣款 {done:,} 笔"], {"confirmed": done}, as_json=as_json, dry_run=dry_run)
    if done != len(seqs):
        raise typer.Exit(1)
