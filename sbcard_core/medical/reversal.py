"""Taking back a message of unknown outcome (2601 冲正), arrived or not."""

from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from sbcard_core.ledger import Ledger, is_id
from sbcard_core.medical.bill import person_number
from sbcard_core.medical.cancel import Cancellation, Taking, cancel_in, take
from sbcard_core.medical.faults import at_field, message_fault
from sbcard_core.medical.records import (
    Row,
    cancellation_of,
    find,
    is_cancellation,
    reinstating_bill,
    reversed_among,
    taken_from,
    taking_row,
)
from sbcard_core.medical.status import SettlementRefused, SettleStatus
from sbcard_core.messages import Message, message
from sbcard_core.store import schema

STEP: Final = "medical.reverse"
SETTLEMENTS: Final = frozenset({"2102", "2207", "2304"})
"""药店结算, 门诊结算, 住院结算: taking one back cancels it."""
CANCELLATIONS: Final = frozenset({"2103", "2208", "2305"})
"""Their cancellations: taking one back lets the settlement stand again."""
REVERSIBLE: Final = (*sorted(SETTLEMENTS | CANCELLATIONS), "2401")
"""Trades that can be taken back, as the national list has them; 2401 (入院办理) moves no money."""
_row = schema.medical_reversal.c
_FIND: Final = sa.select(_row.oinfno, _row.psn_no, _row.cancelled).where(_row.omsgid == sa.bindparam("omsgid"))


@dataclass(frozen=True, slots=True)
class Reversal:
    """The answer to a reversal.

    Attributes:
        status: ``SETTLED``, or ``EXISTS`` if the message was taken back before.
        cancelled: whether the message had arrived: a settlement is cancelled now, a cancellation taken back; otherwise
            it will be refused if it comes.
    """

    status: SettleStatus
    cancelled: bool


def take_back(
    ledger: Ledger, connection: sa.Connection, omsgid: str, *, oinfno: str, psn_no: str, msgid: str, at: str
) -> Reversal:
    """Reverse in the caller's transaction, after ``lock_for_posting``; see ``MedicalBilling.reverse``."""
    if fault := _fault(omsgid, oinfno, psn_no, msgid, at):
        raise SettlementRefused(SettleStatus.MALFORMED, omsgid, fault, step=STEP)
    psn_no = person_number(psn_no)
    earlier = connection.execute(_FIND, {"omsgid": omsgid}).one_or_none()
    if earlier is not None:
        if earlier[1] != psn_no:
            raise _of_another(omsgid)
        return Reversal(SettleStatus.EXISTS, earlier[2])
    row = find(connection, [omsgid]).get(omsgid)
    there = row is not None
    if row is not None:
        if row.psn_no != psn_no:
            raise _of_another(omsgid)
        if oinfno not in _trades(row):
            raise SettlementRefused(
                SettleStatus.NOT_CANCELLABLE, omsgid, message("medical.message.other_trade"), step=STEP
            )
        if oinfno in CANCELLATIONS:
            _reinstate(ledger, connection, row, msgid, at)
        else:
            cancel_in(ledger, connection, Cancellation(omsgid, msgid, at, psn_no), step=STEP)
    connection.execute(
        sa.insert(schema.medical_reversal).values(
            omsgid=omsgid, oinfno=oinfno, msgid=msgid, psn_no=psn_no, at=at, cancelled=there
        )
    )
    return Reversal(SettleStatus.SETTLED, there)


def _trades(row: Row) -> frozenset[str]:
    """The trades that a row may come from; refunds and reversals come from none of the list."""
    if row.reverses is None:
        return SETTLEMENTS
    return CANCELLATIONS if is_cancellation(row) else frozenset()


def _reinstate(ledger: Ledger, connection: sa.Connection, row: Row, msgid: str, at: str) -> None:
    """Take a cancellation back: what it gave back is paid again, and the settlement stands as before it.

    Not that of a settlement which was itself taken back: its sender was answered that it is gone.
    """
    original = find(connection, [row.reverses or ""])[row.reverses or ""]
    if reversed_among(connection, [original.setl_id]):
        what = message("medical.message.taken_back")
        raise SettlementRefused(SettleStatus.NOT_CANCELLABLE, row.setl_id, what, step=STEP)
    standing = cancellation_of(taken_from(connection, [original.setl_id]).get(original.setl_id, []))
    if standing is None or standing.setl_id != row.setl_id or msgid in find(connection, [msgid]):
        raise SettlementRefused(SettleStatus.EXISTS_DIFFERENT, row.setl_id, step=STEP)
    if fault := message_fault({}, at, row.at):
        raise SettlementRefused(SettleStatus.MALFORMED, row.setl_id, fault, step=STEP)
    again = taking_row(original, msgid, at, row.split.negated(), reinstating_bill(row.setl_id))
    take(ledger, connection, [Taking(original, again, f"reinstate:{row.setl_id}")], STEP)


def _of_another(omsgid: str) -> SettlementRefused:
    what = message("medical.message.other_person")
    return SettlementRefused(SettleStatus.UNKNOWN_SETTLEMENT, omsgid, what, step=STEP)


def _fault(omsgid: str, oinfno: str, psn_no: str, msgid: str, at: str) -> Message | None:
    if fault := message_fault({"omsgid": omsgid, "msgid": msgid}, at):
        return fault
    if omsgid == msgid:
        return at_field("medical.message.same", "msgid")
    if not is_id(psn_no):
        return at_field("medical.bill.id", "psn_no")
    if oinfno not in REVERSIBLE:
        return at_field("medical.message.trade", "oinfno", allowed=", ".join(REVERSIBLE))
    return None
