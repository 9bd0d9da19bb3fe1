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

Terms = tuple[int, str, str, int, str]
"""Amount, first day of the rate, last day of payment, state and first day of a bill."""


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
    decisions = eligibility.may_many(connection, uses)
    return {
        use.id_number: IssueStatus.DEAD if found.reason in _DEATHS else IssueStatus.INELIGIBLE
        for use, found in zip(uses, decisions, strict=True)
        if not found.is_allowed
    }


def bill_number(period: str, serial: int) -> str:
    """The number of a bill."""
    return f"{period}.{serial:09d}"  # says nothing of the person


def terms(rate: Rate, begins: date, since: date) -> Terms:
    """The values that bills of one rate have in common; the days to payment count from ``since``."""
    due = since + timedelta(days=rate.due_days)
    return rate.amount_fen, rate.since.isoformat(), due.isoformat(), int(BillState.OPEN), begins.isoformat()


def bill_row(bill_no: str, period: str, person: Insured, terms: Terms) -> tuple[object, ...]:
    """The values of a bill."""
    return (bill_no, period, person.insurance, person.id_number, person.name, int(person.category), *terms)


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


def judge(rate: Rate | None, there: IssueStatus | None) -> IssueStatus:
    """What can be said of a well-formed person by the tariff, and by what an earlier bill stands for."""
    if there is IssueStatus.EXISTS:
        return there
    return IssueStatus.NO_RATE if rate is None else there or IssueStatus.ISSUED


def is_well_formed(person: Insured) -> bool:
    """Whether a parsed person has a number and a name, and the database can keep the insurance."""
    insurance = person.insurance
    return bool(person.id_number and person.name) and isinstance(insurance, str) and is_storable(insurance)
