"""Whether bills may be settled for their persons and cards on the last day of the visit, asked for a whole batch."""

from collections.abc import Sequence
from datetime import date

import sqlalchemy as sa

from sbcard_core.eligibility import Answer, Decision, Eligibility, Purpose, Use, registered
from sbcard_core.fields import CitizenNumber
from sbcard_core.medical.bill import Bill
from sbcard_core.medical.desk import Outcome
from sbcard_core.medical.faults import at_field
from sbcard_core.medical.status import SettleStatus
from sbcard_core.store import schema

_ANYBODY = sa.select(sa.func.max(schema.person.c.person_id))


def not_eligible(connection: sa.Connection, eligibility: Eligibility, bills: Sequence[Bill]) -> dict[str, Outcome]:
    """The bills that may not be settled now, by message number.

    The person is ``psn_no``; where that is no citizen number and a card was shown, the card's holder. A registry in
    which nobody is registered knows nobody: it is not asked.
    """
    asks_registry = eligibility.source is registered
    if not bills or (asks_registry and connection.execute(_ANYBODY).scalar() is None):
        return {}
    decisions = eligibility.may_many(connection, [_use(bill) for bill in bills])
    return {
        bill.msgid: _outcome(bill, decision)
        for bill, decision in zip(bills, decisions, strict=True)
        if not decision.is_allowed
    }


def _use(bill: Bill) -> Use:
    named = "" if bill.card_no and not CitizenNumber.is_valid(bill.psn_no) else bill.psn_no
    return Use(Purpose.MEDICAL, date.fromisoformat(bill.last_day), named, bill.card_no)


def _outcome(bill: Bill, decision: Decision) -> Outcome:
    status = SettleStatus.REFERRED if decision.answer is Answer.REFER else SettleStatus.NOT_ELIGIBLE
    field = "card_no" if decision.reason.startswith("card.") else "psn_no"
    detail = at_field("medical.bill.eligibility", field, day=bill.last_day, reason=decision.reason.value)
    return Outcome(status, bill.msgid, detail=str(detail))
