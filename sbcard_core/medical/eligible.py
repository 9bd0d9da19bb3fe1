"""Whether bills may be settled for their persons and cards on the last day of the visit, asked for a whole batch."""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from sbcard_core.eligibility import Answer, Decision, Eligibility, Purpose, Use
from sbcard_core.medical.bill import Bill
from sbcard_core.medical.desk import Outcome
from sbcard_core.medical.faults import at_field
from sbcard_core.medical.status import SettleStatus


def not_eligible(connection: sa.Connection, eligibility: Eligibility, bills: Sequence[Bill]) -> dict[str, Outcome]:
    """The bills that may not be settled now, by message number."""
    days = [date.fromisoformat(bill.last_day) for bill in bills]
    uses = [Use(Purpose.MEDICAL, day, bill.psn_no, bill.card_no) for bill, day in zip(bills, days, strict=True)]
    decisions = eligibility.may_many(connection, uses)
    return {
        bill.msgid: _outcome(bill, decision)
        for bill, decision in zip(bills, decisions, strict=True)
        if not decision.is_allowed
    }


def _outcome(bill: Bill, decision: Decision) -> Outcome:
    status = SettleStatus.REFERRED if decision.answer is Answer.REFER else SettleStatus.NOT_ELIGIBLE
    field = "card_no" if decision.reason.startswith("card.") else "psn_no"
    detail = at_field("medical.bill.eligibility", field, day=bill.last_day, reason=decision.message)
    return Outcome(status, bill.msgid, detail=str(detail))
