"""What agent banks are asked: which bills, at which bank, and what became of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sbcard_core.calendar import Period
from sbcard_core.eligibility import Eligibility, Purpose, Use
from sbcard_core.fields import BankCode
from sbcard_core.premiums.layout import AskState, LineStatus
from sbcard_core.premiums.records import BillState
from sbcard_core.premiums.verdict import Asked, Verdict
from sbcard_core.store import insert_many, schema, update_many
from sbcard_core.values import Severity

STAGE = "premiums"
_BATCH, _LINE, _BILL = schema.premium_batch, schema.premium_batch_line, schema.premium_bill
_LEFT = schema.premium_suspended
ANY_LEFT = _LEFT.c.left_fen > sa.text("0")
"""Money still in suspense: as the index has it, with a parameter SQLite would read the whole table."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a dispatch sends to one bank: bills of a period, also those of people whose account is at another bank."""

    bank: BankCode
    period: Period
    on: date
    everyone: bool


def select_bills(
    connection: sa.Connection, eligibility: Eligibility, order: Wanted, after: str, limit: int
) -> tuple[list[tuple[Any, str]], str]:
    """At most ``limit`` open bills nobody is asked for, each with the account at this bank; and how far it looked."""
    claimed = sa.exists().where(_LINE.c.bill_no == _BILL.c.bill_no, _LINE.c.state < int(AskState.PAID))
    wanted = sa.select(_BILL).where(_BILL.c.period == order.period, _BILL.c.state == int(BillState.OPEN), ~claimed)
    found: list[tuple[Any, str]] = []
    while len(found) < limit:
        query = wanted.where(_BILL.c.bill_no > after).order_by(_BILL.c.bill_no)
        rows = connection.execute(query.limit(limit - len(found))).all()
        if not rows:
            break
        after = rows[-1].bill_no
        accounts = _accounts(connection, eligibility, [row.id_number for row in rows], order.on)
        for row in rows:
            of_bank, account = accounts.get(row.id_number, ("", ""))
            if order.everyone or of_bank in ("", order.bank):
                found.append((row, account if of_bank == order.bank else ""))
    return found, after


def _accounts(
    connection: sa.Connection, eligibility: Eligibility, numbers: Sequence[str], on: date
) -> dict[str, tuple[str, str]]:
    """Bank and number of the account of each person's latest card that money may be taken from on a day."""
    person, card = schema.person, schema.card
    joined = sa.select(person.c.id_number, card.c.bank, card.c.account_no)
    joined = joined.join(card, card.c.person_id == person.c.person_id).where(card.c.account_no != "")
    found: dict[str, tuple[str, str]] = {}
    for start in range(0, len(numbers), 900):
        some = person.c.id_number.in_(list(numbers[start : start + 900]))
        rows = connection.execute(
            joined.where(some).order_by(sa.func.coalesce(card.c.issued_on, ""), card.c.card_no)
        ).all()
        uses = [Use(Purpose.DEBIT, on, id_number=row.id_number, account_no=row.account_no) for row in rows]
        decisions = eligibility.may_many(connection, uses)
        for row, decision in zip(rows, decisions, strict=True):
            if decision.is_allowed:
                found[row.id_number] = (row.bank, row.account_no)
    return found


def next_batch(connection: sa.Connection, bank: str, period: str) -> str:
    """The number of a bank's next batch of a period."""
    mine = sa.select(sa.func.count()).select_from(_BATCH).where(_BATCH.c.bank == bank, _BATCH.c.period == period)
    return f"PREM-{period}-{bank}-{connection.execute(mine).scalar_one() + 1:04d}"


def asked_of(connection: sa.Connection, batch_no: str) -> dict[str, Asked]:
    """What a batch asked for, by bill."""
    query = sa.select(_LINE.c.seq, _LINE.c.bill_no, _BILL.c.amount_fen).join(_BILL, _BILL.c.bill_no == _LINE.c.bill_no)
    rows = connection.execute(query.where(_LINE.c.batch_no == batch_no))
    return {row.bill_no: Asked(row.seq, row.amount_fen) for row in rows}


def release(connection: sa.Connection, bill_no: str, state: AskState, reason: str) -> None:
    """Say where a bill stands whose money lay in suspense."""
    waiting = [int(AskState.HELD)] if state is AskState.NOT_PAID else [int(AskState.HELD), int(AskState.UNKNOWN)]
    if state is AskState.NOT_PAID:
        left = sa.select(_LEFT.c.payment_id).where(_LEFT.c.bill_no == bill_no, ANY_LEFT)
        if connection.execute(left).first() is not None:
            return  # more of its money still lies there
    change = sa.update(_LINE).where(_LINE.c.bill_no == bill_no, _LINE.c.state.in_(waiting))
    connection.execute(change.values(state=int(state), reason=reason))


def note(
    connection: sa.Connection,
    path: Path,
    batch_no: str,
    verdict: Verdict,
    statuses: Sequence[LineStatus],
    missing: Sequence[int],
) -> None:
    """Where each asked bill stands now, and a finding for all that does not fit."""
    rows = [(int(state), trace, why, batch_no, seq) for seq, (state, trace, why) in verdict.states.items()]
    rows += [(int(AskState.UNKNOWN), "", "银行没有应答", batch_no, seq) for seq in missing]
    update_many(connection, _LINE, ("state", "trace_no", "reason"), ("batch_no", "seq"), rows)
    fen = {row[1]: row[-1] for row in verdict.suspended}
    odd = [(line, status) for line, status in enumerate(statuses, 2) if status >= LineStatus.OVERPAID]
    found = [(f"premium.{status.name.lower()}", line, fen.get(line, 0), status.zh) for line, status in odd]
    found += [("premium.unread_money", 0, fen[0], "无法识别的行所带金额")] if 0 in fen else []
    found += [("premium.missing", 0, 0, f"批次 {batch_no} 序号 {seq} 没有应答") for seq in missing]
    columns = ("stage", "code", "source", "line", "field", "severity", "amount_fen", "detail")
    error = int(Severity.ERROR)
    rows_ = [(STAGE, code, path.name, line, "", error, amount, detail) for code, line, amount, detail in found]
    insert_many(connection, schema.finding, columns, rows_)
