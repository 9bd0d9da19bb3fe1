"""Bills of people who died or left: what ends with them, what stays owed, what was paid for nothing."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from sbcard_core.calendar import Period
from sbcard_core.premiums.records import BillState, Stopped
from sbcard_core.store import schema
from sbcard_core.values import LifeStatus

DEATH_REASON = "死亡"
"""Ends the reason of bills cancelled because of a death."""
_BILL, _PAYMENT = schema.premium_bill, schema.premium_payment
_PERSON, _TOLD = schema.person, schema.payout_standing


def stop(connection: sa.Connection, id_number: str, after: date, reason: str) -> Stopped:
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
        gone = {"state": int(BillState.CANCELLED), "reason": reason}
        connection.execute(sa.update(_BILL).where(_BILL.c.bill_no.in_(found.cancelled)).values(gone))
    return found


def reopen(connection: sa.Connection, id_number: str, until: date | None) -> list[str]:
    """Make a person's bills that a death cancelled owed again; the caller holds the posting lock."""
    mine = sa.select(
        _BILL.c.bill_no, _BILL.c.insurance, _BILL.c.period, _BILL.c.state, _BILL.c.issued_on, _BILL.c.reason
    )
    rows = connection.execute(mine.where(_BILL.c.id_number == id_number).order_by(_BILL.c.bill_no)).all()
    live = {(row.insurance, row.period) for row in rows if row.state in (BillState.OPEN, BillState.PAID)}
    found = []
    for row in rows:
        by_death = row.state == BillState.CANCELLED and (row.reason or "").endswith(DEATH_REASON)
        if by_death and (until is None or row.issued_on <= until.isoformat()):
            others = {(row.insurance, other) for other in Period(row.period).overlapping()}
            if not others & live:
                live.add((row.insurance, row.period))
                found.append(row.bill_no)
    back = {"state": int(BillState.OPEN), "reason": None}
    connection.execute(sa.update(_BILL).where(_BILL.c.bill_no.in_(found)).values(back))
    return found


def with_deaths(bills: "sa.Select[Any]") -> "sa.Select[Any]":
    """The same bills, with what payouts were told of their people: ``living`` and ``died_on``, null where nothing."""
    told = sa.select(_PERSON.c.id_number, _TOLD.c.living, _TOLD.c.died_on).join(
        _TOLD, _TOLD.c.person_id == _PERSON.c.person_id
    )
    dead = told.where(_TOLD.c.living == int(LifeStatus.DEAD)).subquery()
    return bills.outerjoin(dead, dead.c.id_number == _BILL.c.id_number).add_columns(dead.c.living, dead.c.died_on)
