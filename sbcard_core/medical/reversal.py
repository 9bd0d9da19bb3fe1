"""Taking back a message of unknown outcome (2601 冲正), arrived or not."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from sbcard_core.ledger import Ledger, is_id
from sbcard_core.medical.cancel import Cancellation, cancel_in
from sbcard_core.medical.faults import at_field, message_fault
from sbcard_core.medical.records import LOOKUP_IDS, find
from sbcard_core.medical.status import SettlementRefused, SettleStatus
from sbcard_core.messages import Message
from sbcard_core.store import schema

STEP: Final = "medical.reverse"
REVERSIBLE: Final = ("2207", "2304")
"""Trades that can be taken back: settlements. A cancellation or refund is sent again instead: it is made once."""
_row = schema.medical_reversal.c
_GONE: Final = sa.select(_row.omsgid).where(_row.omsgid.in_(sa.bindparam("ids", expanding=True)))
_FIND: Final = sa.select(_row.oinfno, _row.psn_no, _row.cancelled).where(_row.omsgid == sa.bindparam("omsgid"))


@dataclass(frozen=True, slots=True)
class Reversal:
    """The answer to a reversal.

    Attributes:
        status: ``SETTLED``, or ``EXISTS`` if the message was taken back before.
        cancelled: whether there was a settlement, which is cancelled now; otherwise it will be refused if it comes.
    """

    status: SettleStatus
    cancelled: bool


def take_back(
    ledger: Ledger, connection: sa.Connection, omsgid: str, *, oinfno: str, psn_no: str, msgid: str, at: str
) -> Reversal:
    """Reverse in the caller's transaction, after ``lock_for_posting``; see ``MedicalBilling.reverse``."""
    if fault := _fault(omsgid, oinfno, psn_no, msgid, at):
        raise SettlementRefused(SettleStatus.MALFORMED, omsgid, fault, step=STEP)
    earlier = connection.execute(_FIND, {"omsgid": omsgid}).one_or_none()
    if earlier is not None:
        if earlier[1] != psn_no:
            raise SettlementRefused(SettleStatus.UNKNOWN_SETTLEMENT, omsgid, "it is another person's", step=STEP)
        return Reversal(SettleStatus.EXISTS, earlier[2])
    there = omsgid in find(connection, [omsgid])
    if there:
        cancel_in(ledger, connection, Cancellation(omsgid, msgid, at, psn_no), step=STEP)
    connection.execute(
        sa.insert(schema.medical_reversal).values(
            omsgid=omsgid, oinfno=oinfno, msgid=msgid, psn_no=psn_no, at=at, cancelled=there
        )
    )
    return Reversal(SettleStatus.SETTLED, there)


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


def reversed_among(connection: sa.Connection, ids: Sequence[str]) -> set[str]:
    """Which of these messages were taken back."""
    chunks = (ids[start : start + LOOKUP_IDS] for start in range(0, len(ids), LOOKUP_IDS))
    return {omsgid for chunk in chunks for omsgid in connection.execute(_GONE, {"ids": list(chunk)}).scalars()}
