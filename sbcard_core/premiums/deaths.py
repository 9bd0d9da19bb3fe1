"""Bills of people who died or left: what ends with them, what stays owed, what was paid for nothing."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from sbcard_core.premiums import posting
from sbcard_core.premiums.records import BillState, Stopped
from sbcard_core.store import schema
from sbcard_core.values import LifeStatus

_BILL, _PAYMENT = schema.premium_bill, schema.premium_payment
_PERSON, _TOLD = schema.person, schema.payout_standing


def stop(connection: sa.Connection, id_number: str, after: date, reason: str, died_on: date | None = None) -> Stopped:
    """Cancel a person's open bills of periods that begin after a day; the caller holds the posting lock."""
    mine = sa.select(_BILL.c.bill_no, _BILL.c.state, _BILL.c.issued_on, _PAYMENT.c.payment_id)
    mine = mine.outerjoin(_PAYMENT, _PAYMENT.c.bill_no == _BILL.c.bill_no).where(_BILL.c.id_number == id_number)
    found = Stopped()
    for row in connection.execute(mine.order_by(_BILL.c.bill_no)).all():
        is_later = row.issued_on > after.isoformat()
        if row.state == BillState.OPEN:
            (found.cancelled if is_later else found.owed).append(row.bill_no)
        elif row.state == BillState.PAID and is_later:
            found.paid.append(row.payment_id)
    if found.cancelled:
        death = None if died_on is None else died_on.isoformat()
        gone = {"state": int(BillState.CANCELLED), "reason": reason, "death_on": death}
        connection.execute(sa.update(_BILL).where(_BILL.c.bill_no.in_(found.cancelled)).values(gone))
    return found


def bring_to(connection: sa.Connection, id_number: str, died_on: date | None) -> Stopped:
    """Bring a person's bills to what is known of a death, None: the person lives; under the posting lock."""
    found = Stopped() if died_on is None else stop(connection, id_number, died_on, f"{died_on} 死亡", died_on)
    mine = sa.select(_BILL).where(_BILL.c.id_number == id_number, _BILL.c.death_on.is_not(None))
    back = {"state": int(BillState.OPEN), "reason": None, "death_on": None}
    for bill in connection.execute(mine.order_by(_BILL.c.bill_no)).all():
        if (died_on is None or bill.issued_on <= died_on.isoformat()) and not posting.is_billed(connection, bill):
            connection.execute(sa.update(_BILL).where(_BILL.c.bill_no == bill.bill_no).values(back))
            found.reopened.append(bill.bill_no)
    return found


def with_deaths(bills: "sa.Select[Any]") -> "sa.Select[Any]":
    """The same bills, with what payouts were told of their people: ``living`` and ``died_on``, null where nothing."""
    told = sa.select(_PERSON.c.id_number, _TOLD.c.living, _TOLD.c.died_on).join(
        _TOLD, _TOLD.c.person_id == _PERSON.c.person_id
    )
    dead = told.where(_TOLD.c.living == int(LifeStatus.DEAD)).subquery()
    return bills.outerjoin(dead, dead.c.id_number == _BILL.c.id_number).add_columns(dead.c.living, dead.c.died_on)
