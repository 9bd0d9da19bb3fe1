"""Cancel settlements exactly (结算撤销): the same amounts move back, a second row has every amount negative.

Nothing is ever removed. What refunds took before is not taken again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import sqlalchemy as sa

from sbcard_core.ledger import Ledger, Transfer, is_id, is_timestamp, lock_for_posting
from sbcard_core.medical.bill import person_number
from sbcard_core.medical.faults import at_field, message_fault
from sbcard_core.medical.records import (
    COLUMNS,
    PAID_PARTS,
    Row,
    cancellation_of,
    find,
    hospital_account,
    is_cancellation,
    reversed_among,
    taken_from,
    taking_row,
)
from sbcard_core.medical.settle import payer_of, post_all, year_key
from sbcard_core.medical.split import AMOUNT_FIELDS, FundPay, Split
from sbcard_core.medical.status import SettlementRefused, SettleStatus
from sbcard_core.medical.visit import Accumulators
from sbcard_core.medical.years import Years
from sbcard_core.messages import Message, message
from sbcard_core.store import Store, insert_many, schema

CANCELLED_CODE: Final = "medical.cancel"
REFUNDED_CODE: Final = "medical.refund"


_WHY: Final = {
    SettleStatus.EXISTS_DIFFERENT: at_field("medical.message.taken", "msgid"),
    SettleStatus.UNKNOWN_SETTLEMENT: message("medical.message.no_settlement"),
    SettleStatus.NOT_CANCELLABLE: message("medical.message.no_original"),
}


@dataclass(frozen=True, slots=True)
class Cancellation:
    """One settlement to be cancelled.

    Attributes:
        setl_id: the settlement.
        msgid: number of the cancellation. A settlement is cancelled once, whatever number is given.
        at: business time, not before that of the settlement.
        psn_no: whose settlement it must be; default anyone's.
    """

    setl_id: str
    msgid: str
    at: str
    psn_no: str | None = field(default=None, repr=False)


class Taking(NamedTuple):
    """A row that takes from a settlement, and the beginning of its transfers' ids."""

    original: Row
    row: Row
    transfer_id: str


def cancel(
    store: Store, ledger: Ledger, setl_id: str, *, at: str, cancel_id: str | None = None, psn_no: str | None = None
) -> SettleStatus:
    """Cancel a settlement: the exact negative of what is left of it, in the ledger and as a row.

    Args:
        store: the database.
        ledger: the books over the same database.
        setl_id: the settlement to cancel.
        at: business time of the cancellation.
        cancel_id: number of the cancelling row; default ``<setl_id>/cancel``.
        psn_no: whose settlement it must be; default anyone's.

    Returns:
        ``SETTLED``, or ``EXISTS`` if it was cancelled before.

    Raises:
        SettlementRefused: no such settlement, it is a cancellation, or a time before it.
    """
    with store.begin() as connection:
        lock_for_posting(connection)
        asked = Cancellation(setl_id, f"{setl_id}/cancel" if cancel_id is None else cancel_id, at, psn_no)
        return cancel_in(ledger, connection, asked)


def cancel_in(
    ledger: Ledger, connection: sa.Connection, asked: Cancellation, *, step: str = CANCELLED_CODE
) -> SettleStatus:
    """What ``cancel`` does, in the caller's transaction, after ``lock_for_posting``."""
    (status,) = cancel_all(ledger, connection, [asked])
    if not status.is_settled:
        raise SettlementRefused(status, asked.setl_id, _why(connection, asked, status), step=step)
    return status


def _why(connection: sa.Connection, asked: Cancellation, status: SettleStatus) -> Message | None:
    if status is not SettleStatus.MALFORMED:
        return _WHY.get(status)
    if not is_id(asked.setl_id) or not is_id(asked.msgid):
        return at_field("medical.message.number", "msgid" if is_id(asked.setl_id) else "setl_id")
    original = find(connection, [asked.setl_id]).get(asked.setl_id)
    return message_fault({}, asked.at, original.at if original else "")


def cancel_all(ledger: Ledger, connection: sa.Connection, asked: Sequence[Cancellation]) -> list[SettleStatus]:
    """Cancel a batch in the caller's transaction, after ``lock_for_posting``; one status each.

    No settlement and no message may stand twice in the batch.

    Raises:
        Refused: the ledger refuses a posting; the transaction must be given up.
    """
    good = [one for one in asked if _is_well_formed(one)]
    found = find(connection, [number for one in good for number in (one.setl_id, one.msgid)])
    after = taken_from(connection, [one.setl_id for one in good])
    gone = reversed_among(connection, [one.msgid for one in good])
    statuses, takings = [], []
    for one in asked:
        planned: Taking | SettleStatus = SettleStatus.MALFORMED
        if _is_well_formed(one):
            planned = SettleStatus.REVERSED if one.msgid in gone else _plan(one, found, after)
        if isinstance(planned, Taking):
            takings.append(planned)
            planned = SettleStatus.SETTLED
        statuses.append(planned)
    take(ledger, connection, takings, CANCELLED_CODE)
    return statuses


def _is_well_formed(one: object) -> bool:
    return (
        isinstance(one, Cancellation)
        and is_id(one.setl_id)
        and is_id(one.msgid)
        and type(one.at) is str
        and is_timestamp(one.at)
    )


def _plan(one: Cancellation, found: dict[str, Row], taken: dict[str, list[Row]]) -> Taking | SettleStatus:
    original = found.get(one.setl_id)
    if original is None or (one.psn_no is not None and person_number(one.psn_no) != original.psn_no):
        return SettleStatus.UNKNOWN_SETTLEMENT
    if original.reverses is not None:
        return SettleStatus.NOT_CANCELLABLE
    after = taken.get(one.setl_id, [])
    if cancellation_of(after) is not None:
        return SettleStatus.EXISTS
    if one.msgid in found:
        return SettleStatus.EXISTS_DIFFERENT
    if one.at < original.at:
        return SettleStatus.MALFORMED
    left = standing(original, after).negated()
    once = one.msgid if any(map(is_cancellation, after)) else one.setl_id  # an earlier one was taken back
    return Taking(original, taking_row(original, one.msgid, one.at, left), f"cancel:{once}")


def standing(original: Row, after: Sequence[Row]) -> Split:
    """What is left of a settlement after what was taken from it."""
    left = original.split
    for row in after:
        left = combined(left, row.split, 1)
    return left


def combined(one: Split, other: Split, sign: int) -> Split:
    """``one + sign * other``, amount by amount and fund by fund, exact; the trace is of both."""
    amounts = {name: getattr(one, name) + sign * getattr(other, name) for name in AMOUNT_FIELDS}
    detail: dict[tuple[str, str, str], FundPay] = {}
    for pay, factor in [*((pay, 1) for pay in one.setldetail), *((pay, sign) for pay in other.setldetail)]:
        key = (pay.field, pay.fund_pay_type, pay.fund_pay_type_name)
        there = detail.get(key, pay._replace(inscp_scp_amt=0, fund_payamt=0))
        detail[key] = there._replace(
            inscp_scp_amt=there.inscp_scp_amt + factor * pay.inscp_scp_amt,
            fund_payamt=there.fund_payamt + factor * pay.fund_payamt,
        )
    steps = tuple(
        (field, sign * basis, ratio, sign * fen, rule, args) for field, basis, ratio, fen, rule, args in other.steps
    )
    return Split(
        **amounts,
        setldetail=tuple(pay for pay in detail.values() if pay.fund_payamt or pay.inscp_scp_amt),
        added=Accumulators(*(a + sign * b for a, b in zip(one.added, other.added, strict=True))),
        policy=one.policy,
        bucket=one.bucket,
        steps=one.steps + steps,
    )


def take(ledger: Ledger, connection: sa.Connection, takings: Sequence[Taking], code: str) -> None:
    """Post what cancellations or refunds move, keep their rows, and change the persons' years.

    Raises:
        Refused: the ledger refuses; the caller's transaction must be given up.
    """
    post_all(ledger, connection, [t for taking in takings for t in _transfers(taking, code)], code)
    insert_many(connection, schema.settlement, COLUMNS, [taking.row for taking in takings])
    years = Years().load(connection, [taking.row.psn_no for taking in takings])
    for taking in takings:
        years.add(year_key(taking.original), taking.row.split.added)
    years.save(connection)


def _transfers(taking: Taking, code: str) -> Iterator[Transfer]:
    original, row, transfer_id = taking
    taken, payers, hospital = row.split, original.payers, hospital_account(original.hospital)
    for part in PAID_PARTS:
        fen = getattr(taken, part)
        if fen:
            payer = payer_of(part, payers)
            gives, gets = (hospital, payer) if fen < 0 else (payer, hospital)
            yield Transfer(f"{transfer_id}:{part}", gives, gets, abs(fen), code, row.at, original.card_no)
