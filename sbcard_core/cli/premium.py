"""``sbcard premium``: bills, payments, refunds, arrears, receipts, agent banks; each change also as a rehearsal."""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from sbcard_core import calendar
from sbcard_core.cli.desk import (
    EXIT_CODES,
    AsJson,
    Database,
    DryRun,
    Meter,
    On,
    Sample,
    backend,
    day,
    out_table,
    plain,
    tell,
    whole,
    yuan,
)
from sbcard_core.cli.tables import rows
from sbcard_core.errors import InvalidValue
from sbcard_core.files import write_rows
from sbcard_core.messages import message
from sbcard_core.values import PersonCategory, mask_id, mask_ids_in

premium_app = typer.Typer(
    no_args_is_help=True, help="持卡缴费: bill premiums, take payments, give back.", epilog=EXIT_CODES
)
Period = Annotated[str, typer.Argument(help="e.g. 2015 or 2015-03")]
TariffFile = Annotated[
    Path | None, typer.Option("--tariff", help="rates as TOML; a sample book has made-up ones", exists=True)
]
Table = Annotated[Path, typer.Argument(exists=True, dir_okay=False)]
Statuses = Annotated[
    Path | None, typer.Option("--statuses", help="CSV for the status of each line, written as it is booked")
]
PAYMENT = ("payment_id", "bill_no", "amount_fen", "channel", "agent", "at")
REFUND = ("refund_id", "payment_id", "amount_fen", "at")
PERSON = ("id_number", "name", "category", "insurance")


def _category(text: str) -> PersonCategory | None:
    return next((one for one in PersonCategory if text in (one.name, one.zh, str(int(one)))), None)


_CATEGORIES = ", ".join(one.name for one in PersonCategory)


def _wrong(code: str, path: Path, line: int, found: str, allowed: str = "") -> InvalidValue:
    """The error for a cell of a clerk's file; what stands there is shown without citizen numbers."""
    shown = repr(mask_ids_in(found)[:40])
    return InvalidValue(message(f"premiums.file.{code}", file=path.name, line=line, found=shown, allowed=allowed))


def _at(text: str, path: Path, line: int) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise _wrong("time", path, line, text) from error
    if found.tzinfo is not None:
        raise _wrong("time_zone", path, line, text)
    return found


_ZH = {
    "ISSUED": "已核定",
    "DEAD": "已死亡,未核定",
    "INELIGIBLE": "资格不符或待核实,未核定",
    "OVERLAPS": "另有重叠所属期的缴费单,未核定",
    "PAID": "已入账",
    "REFUNDED": "已退费",
    "EXISTS": "此前已办理",
    "EXISTS_DIFFERENT": "编号已用于另一笔",
    "MALFORMED": "内容有误",
    "NO_RATE": "无缴费标准",
    "UNKNOWN_BILL": "无此缴费单",
    "CANCELLED": "缴费单已作废",
    "ALREADY_PAID": "已由另一笔缴费",
    "AMOUNT_DIFFERS": "金额与缴费单不符",
    "CARD_REFUSED": "社保卡不可用",
    "LEDGER_REFUSED": "账务拒绝入账",
    "UNKNOWN_PAYMENT": "无此缴费",
    "MORE_THAN_PAID": "超过已缴金额",
}


def _culprit(row: dict[str, str]) -> dict[str, str]:
    """The column of a person that has no written form, with its masked content; else the number."""
    from sbcard_core.fields import CitizenNumber, PersonName  # noqa: PLC0415

    if CitizenNumber.is_valid(row["id_number"]) and not PersonName.is_valid(row["name"]):
        return {"column": "name", "found": "*" * len(row["name"])}
    return {"column": "id_number", "found": mask_id(row["id_number"])}


def _words(counts: "Counter[str]") -> list[str]:
    return [f"  {name} {_ZH.get(name, '')} {count:,}" for name, count in counts.items()]


@contextmanager
def _statuses(
    path: Path | None, db: str, payments: Path, *, dry_run: bool
) -> Iterator[Callable[[Sequence[tuple[str, str]]], None]]:
    """Write ids with statuses; a line on the disk is a line that was booked."""
    if path is None or dry_run:
        yield lambda _: None
        return
    with out_table(path, db, payments) as file:

        def write(lines: Sequence[tuple[str, str]]) -> None:
            write_rows(file, lines)
            file.flush()
            os.fsync(file.fileno())

        write([("id", "status")])
        yield write


@premium_app.command(
    epilog="sbcard premium issue 2015 people.csv --begins 2015-01-01 --tariff rates.toml --db sqlite:///books.sqlite"
)
def issue(
    period: Period,
    people: Table,
    db: Database,
    begins: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="due from this day of the period; default its first")
    ] = None,
    tariff: TariffFile = None,
    sample: Sample = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Issue bills (核定): PEOPLE is CSV id_number,name,category,insurance. Makes the database where there is none.

    Exit code 1: somebody got none, e.g. for want of a rate; the first 20 are listed with their lines.
    """
    from sbcard_core.premiums import Insured, IssueStatus  # noqa: PLC0415

    with backend(db, dry_run=dry_run, as_json=as_json, create=True, tariff=tariff, sample=sample) as found:
        due = calendar.Period(period)
        for line, row in rows(people, PERSON, "premium.issue"):  # refused before anybody is billed, wherever it is
            if _category(row["category"]) is None:
                raise _wrong("category", people, line, row["category"], _CATEGORIES)
        persons = (
            Insured(row["id_number"], row["name"], category, row["insurance"])
            for _, row in rows(people, PERSON, "premium.issue")
            if (category := _category(row["category"])) is not None
        )
        made = found.premiums.issue(due, begins.date() if begins else due.begin, persons)
        counts = Counter(status.name for status in made.statuses)
        table = zip(rows(people, PERSON, "premium.issue"), made.statuses, strict=True)
        refused = [
            {"line": line, "status": status.name, **_culprit(row)}
            for (line, row), status in table
            if status > IssueStatus.EXISTS
        ]
        lines = [f"{due}: 缴费单 {len(made.bills):,} 张 {yuan(made.amount_fen)} 元", *_words(counts)]
        lines += [
            "  " + str(message("premiums.not_billed", file=people.name, status_zh=_ZH[str(one["status"])], **one))
            for one in refused[:20]
        ]
        data = {"period": due, "bills": made.bills, "amount_fen": made.amount_fen, "statuses": counts}
        data["refused"] = refused
        tell(lines, data, as_json=as_json, dry_run=dry_run)
    if set(counts) - {"ISSUED", "EXISTS"}:
        raise typer.Exit(1)


@premium_app.command(epilog="sbcard premium pay payments.csv --statuses done.csv --db sqlite:///books.sqlite")
def pay(
    payments: Table,
    db: Database,
    statuses: Statuses = None,
    tariff: TariffFile = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take payments: CSV payment_id,bill_no,amount_fen,channel,agent,at; card_no may stand beside.

    Channels: counter, pos, atm, phone, agent_bank. Broken off, run it again: what was taken answers EXISTS.
    Exit code 1: a payment was refused; its money is not booked.
    """
    from sbcard_core.premiums import Channel, Payment, PaymentStatus  # noqa: PLC0415

    def read() -> Iterator[Payment]:
        for line, row in rows(payments, PAYMENT, "premium.pay"):
            if row["channel"] not in list(Channel):
                raise _wrong("channel", payments, line, row["channel"], ", ".join(Channel))
            fen, at = whole(row["amount_fen"], line, "premium.pay"), _at(row["at"], payments, line)
            channel, card = Channel(row["channel"]), row.get("card_no", "")
            yield Payment(row["payment_id"], row["bill_no"], fen, channel, row["agent"], at, card)

    with (
        backend(db, dry_run=dry_run, as_json=as_json, tariff=tariff) as found,
        _statuses(statuses, db, payments, dry_run=dry_run) as write,
    ):
        wanted = list(read())  # a file that is wrong anywhere is refused before anything is booked
        meter, done = Meter(), 0

        def progress(chunk: list[PaymentStatus]) -> None:
            nonlocal done
            write([(wanted[done + at].payment_id, one.name) for at, one in enumerate(chunk)])
            done += len(chunk)
            meter("缴费", done, len(wanted))

        became = found.premiums.pay_many(wanted, progress=progress)
        counts = Counter(status.name for status in became)
        fen = sum(one.amount_fen for one, status in zip(wanted, became, strict=True) if status is PaymentStatus.PAID)
        refused = [
            {"payment_id": one.payment_id, "status": status}
            for one, status in zip(wanted, became, strict=True)
            if not status.is_settled
        ]
        lines = [f"入账 {counts['PAID']:,} 笔 {yuan(fen)} 元,拒绝 {len(refused):,} 笔", *_words(counts)]
        lines += [f"  {one['payment_id']}: {one['status'].name} {_ZH[one['status'].name]}" for one in refused[:20]]  # type: ignore[attr-defined]
        data = {"statuses": counts, "paid_fen": fen, "refused": refused}
        tell(lines, data, as_json=as_json, dry_run=dry_run)
    if refused:
        raise typer.Exit(1)


@premium_app.command(epilog="sbcard premium refund refunds.csv --db sqlite:///books.sqlite --dry-run")
def refund(
    refunds: Table, db: Database, tariff: TariffFile = None, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Give payments back (退费): CSV refund_id,payment_id,amount_fen,at; reason may stand beside.

    Exit code 1: a refund was refused.
    """
    from sbcard_core.premiums import Refund, RefundStatus  # noqa: PLC0415

    with backend(db, dry_run=dry_run, as_json=as_json, tariff=tariff) as found:
        wanted = [
            Refund(row["refund_id"], row["payment_id"], whole(row["amount_fen"], line, "premium.refund"),
                   _at(row["at"], refunds, line), row.get("reason", ""))
            for line, row in rows(refunds, REFUND, "premium.refund")
        ]  # fmt: skip
        became = found.premiums.refund_many(wanted)
        counts = Counter(status.name for status in became)
        fen = sum(one.amount_fen for one, became_ in zip(wanted, became, strict=True) if became_.name == "REFUNDED")
        lines = [f"退费 {counts['REFUNDED']:,} 笔 {yuan(fen)} 元", *_words(counts)]
        tell(lines, {"statuses": counts, "refunded_fen": fen}, as_json=as_json, dry_run=dry_run)
    if any(status > RefundStatus.EXISTS for status in became):
        raise typer.Exit(1)


def _bill_line(bill: Any) -> str:
    state = {"OPEN": "未缴", "PAID": "已缴", "REFUNDED": "已退", "CANCELLED": "作废"}[bill.state.name]
    why = f"  {bill.reason}" if bill.reason else ""
    due = f"{bill.period} {bill.insurance} {bill.category.zh}"
    return f"{bill.bill_no}  {state}  {yuan(bill.amount_fen)} 元  {due}  {bill.due_on} 止{why}"


@premium_app.command(epilog="sbcard premium bills --card B00000002 --db sqlite:///books.sqlite")
def bills(
    db: Database,
    id_number: Annotated[str, typer.Option("--id", help="citizen number")] = "",
    card: Annotated[str, typer.Option(help="card number")] = "",
    as_json: AsJson = False,
) -> None:
    """Show a person's bills, by citizen number or by card."""
    with backend(db) as found:
        if not id_number and not card:
            raise InvalidValue(message("premiums.whose"), step="premium.bills", term="缴费单")
        seen = found.premiums.bills(id_number=id_number, card_no=card)
        data = [{**plain(one), "id_number": mask_id(one.id_number)} for one in seen]
        tell([_bill_line(one) for one in seen] or ["没有缴费单 (no bills)"], {"bills": data}, as_json=as_json)


@premium_app.command(epilog="sbcard premium arrears --on 2015-05-05 --db sqlite:///books.sqlite | head")
def arrears(
    db: Database,
    on: On = None,
    period: Annotated[str | None, typer.Option(help="only this one")] = None,
    as_json: AsJson = False,
) -> None:
    """List what is not paid, the longest overdue first, and who is dead (欠费清单). As JSON: one object per line."""
    with backend(db) as found:
        for one in found.premiums.arrears(day(on), period=period):
            who = mask_id(one.id_number)
            line = f"{one.bill_no}\t{who}\t{one.name}\t{one.due_on}\t逾期 {one.days_late} 天\t{yuan(one.amount_fen)}"
            line += f"\t已死亡 {one.died_on or '日期不详'}" if one.dead else ""
            tell([line], {**plain(one), "id_number": who}, as_json=as_json)


@premium_app.command(epilog="sbcard premium receipt POS1-000001 --db sqlite:///books.sqlite")
def receipt(
    payment_id: Annotated[str, typer.Argument(help="number of the payment")], db: Database, as_json: AsJson = False
) -> None:
    """Print the receipt of a payment (缴费凭证)."""
    with backend(db) as found:
        made = found.premiums.receipt(payment_id)
        tell(made.text.split("\n"), plain(made), as_json=as_json)


@premium_app.command(epilog="sbcard premium totals 2015 --db sqlite:///books.sqlite --json")
def totals(period: Period, db: Database, as_json: AsJson = False) -> None:
    """Say how many bills of a period are open, paid, given back, cancelled."""
    with backend(db) as found:
        sums = found.premiums.totals(period)
        names = {"OPEN": "未缴", "PAID": "已缴", "REFUNDED": "已退", "CANCELLED": "作废"}
        lines = [f"{names[state.name]} {count:,} 张 {yuan(fen)} 元" for state, (count, fen) in sorted(sums.items())]
        data = {state.name: {"bills": count, "fen": fen} for state, (count, fen) in sums.items()}
        tell(lines or ["没有缴费单 (no bills)"], {"period": period, "totals": data}, as_json=as_json)


@premium_app.command(epilog="sbcard premium cancel 2015.000000002 --reason 死亡 --db sqlite:///books.sqlite")
def cancel(
    bill_nos: Annotated[list[str], typer.Argument(help="bills")],
    reason: Annotated[str, typer.Option(help="e.g. 死亡, 转出")],
    db: Database,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Cancel open bills, for good. Exit code 1: some were not open."""
    with backend(db, dry_run=dry_run, as_json=as_json) as found:
        done = found.premiums.cancel(bill_nos, reason=reason)
        tell([f"作废 {done:,} 张,共 {len(bill_nos):,} 张"], {"cancelled": done}, as_json=as_json, dry_run=dry_run)
    if done != len(bill_nos):
        raise typer.Exit(1)


@premium_app.command(
    epilog="sbcard premium stop ID_NUMBER --after 2015-08-20 --reason 转出 --db sqlite:///books.sqlite"
)
def stop(
    id_number: Annotated[str, typer.Argument(help="citizen number")],
    after: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="the last day")],
    reason: Annotated[str, typer.Option(help="e.g. 转出")],
    db: Database,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """End a person's premiums: cancel the open bills of periods that begin after a day. Of a death, `sbcard pay death`.

    Exit code 1: bills of earlier periods are still owed, or payments of later ones are to be given back.
    """
    with backend(db, dry_run=dry_run, as_json=as_json) as found:
        done = found.premiums.stop(id_number, after=after.date(), reason=reason)
        lines = [f"{mask_id(id_number)} 自 {after.date()} 后停止缴费,作废 {len(done.cancelled):,} 张"]
        lines += [f"  仍欠 {one}" for one in done.owed] + [f"  应退 {one}" for one in done.paid]
        tell(lines, {"id_number": mask_id(id_number), **plain(done)}, as_json=as_json, dry_run=dry_run)
    if done.owed or done.paid:
        raise typer.Exit(1)


@premium_app.command(epilog="sbcard premium change 2015.000000002 STUDENT --db sqlite:///books.sqlite --dry-run")
def change(
    bill_no: Annotated[str, typer.Argument(help="open, or given back in full")],
    category: Annotated[str, typer.Argument(help="e.g. STUDENT or 参保学生")],
    db: Database,
    on: On = None,
    tariff: TariffFile = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """A person is of another category: put another bill in the place of this one. Exit code 2: it cannot be."""
    from sbcard_core.premiums import CategoryChange  # noqa: PLC0415

    with backend(db, dry_run=dry_run, as_json=as_json, tariff=tariff) as found:
        known = _category(category)
        if known is None:
            raise InvalidValue(message("premiums.category", found=repr(category[:40]), allowed=_CATEGORIES))
        (made,) = found.premiums.change_category_many([CategoryChange(bill_no, known, day(on))])
        tell([f"{bill_no}: {made.status.name} {made.bill_no}"], plain(made), as_json=as_json, dry_run=dry_run)
    if made.status > 1:
        raise typer.Exit(2)
