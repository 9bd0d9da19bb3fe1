"""What becomes of one person when bills are issued, and the row of a bill."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from sbcard_core.eligibility import Eligibility, Purpose, Reason, Use
from sbcard_core.fields import CitizenNumber, PersonName
from sbcard_core.ledger.transfers import is_storable
from sbcard_core.premiums.records import Bill, BillState, Insured, IssueStatus
from sbcard_core.premiums.tariff import Rate
from sbcard_core.values import PersonCategory


def parsed(people: Sequence[Insured]) -> list[Insured]:
    """The same people with number and name in their written forms, "" where they have none."""
    numbers = CitizenNumber.column([person.id_number for person in people])
    names = PersonName.column([person.name for person in people])
    return [
        person if (person.id_number, person.name) == form else replace(person, id_number=form[0], name=form[1])
        for person, form in zip(people, zip(numbers, names, strict=True), strict=True)
    ]


_DEATHS = (Reason.PERSON_DEAD, Reason.PERSON_DEATH_UNDATED)


def refused(
    connection: sa.Connection, eligibility: Eligibility, people: Sequence[Insured], begins: date
) -> dict[str, IssueStatus]:
    """Numbers of those who are not simply allowed to be billed for a period that begins on a day."""
    numbers = dict.fromkeys(person.id_number for person in people)
    uses = [Use(Purpose.PREMIUM_BILL, begins, id_number=number) for number in numbers]
    decisions = eligibility.may_many(connection, uses) if uses else []
    return {
        use.id_number: IssueStatus.DEAD if found.reason in _DEATHS else IssueStatus.INELIGIBLE
        for use, found in zip(uses, decisions, strict=True)
        if not found.is_allowed
    }


def bill_number(period: str, serial: int) -> str:
    """The number of a bill."""
    return f"{period}.{serial:09d}"  # says nothing of the person


def bill_row(bill_no: str, period: str, person: Insured, rate: Rate, begins: date, since: date) -> tuple[object, ...]:
    """The values of a bill; the days to payment count from ``since``."""
    due = since + timedelta(days=rate.due_days)
    whose = (person.insurance, person.id_number, person.name, int(person.category))
    dates = (rate.since.isoformat(), due.isoformat(), int(BillState.OPEN), begins.isoformat())
    return (bill_no, period, *whose, rate.amount_fen, *dates)


def bill_of(row: Any) -> Bill:
    """The bill of a stored row."""
    return Bill(
        row.bill_no,
        row.id_number,
        row.name,
        row.period,
        row.insurance,
        PersonCategory(row.category),
        row.amount_fen,
        date.fromisoformat(row.due_on),
        BillState(row.state),
        row.replaces or "",
        row.reason or "",
    )


def judge(person: Insured, rate: Rate | None, there: IssueStatus | None) -> IssueStatus:
    """What can be said of one parsed person by the tariff, and by what an earlier bill stands for."""
    if not is_well_formed(person):
        return IssueStatus.MALFORMED
    if there is IssueStatus.EXISTS:
        return there
    return IssueStatus.NO_RATE if rate is None else there or IssueStatus.ISSUED


def is_well_formed(person: Insured) -> bool:
    """Whether a parsed person has a number and a name, and the database can keep the insurance."""
    insurance = person.insurance
    return bool(person.id_number and person.name) and isinstance(insurance, str) and is_storable(insurance)
