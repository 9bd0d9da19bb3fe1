"""What becomes of one person when bills are issued, and the row of a bill."""

from dataclasses import replace
from datetime import date, timedelta

from sbcard_core.ledger.transfers import is_storable
from sbcard_core.premiums.records import BillState, Insured, IssueStatus
from sbcard_core.premiums.tariff import Rate


def as_written(person: Insured) -> Insured:
    """The same person, whether the number ends in x or X."""
    number = person.id_number
    return replace(person, id_number=number.upper()) if isinstance(number, str) and number[-1:] == "x" else person


def bill_number(period: str, serial: int) -> str:
    """The number of a bill."""
    return f"{period}.{serial:09d}"  # says nothing of the person


def bill_row(bill_no: str, period: str, person: Insured, rate: Rate, begins: date, since: date) -> tuple[object, ...]:
    """The values of a bill; the days to payment count from ``since``."""
    due = since + timedelta(days=rate.due_days)
    whose = (person.insurance, person.id_number, person.name, int(person.category))
    dates = (rate.since.isoformat(), due.isoformat(), int(BillState.OPEN), begins.isoformat())
    return (bill_no, period, *whose, rate.amount_fen, *dates)


def judge(person: Insured, rate: Rate | None, exists: bool) -> IssueStatus:
    """What can be said of one person by the tariff, and by whether there is a bill."""
    if not is_well_formed(person):
        return IssueStatus.MALFORMED
    if exists:
        return IssueStatus.EXISTS
    return IssueStatus.NO_RATE if rate is None else IssueStatus.ISSUED


def is_well_formed(person: Insured) -> bool:
    """Whether the database can keep it and a bank's file can carry it."""
    number, name = person.id_number, person.name
    if not all(isinstance(one, str) and is_storable(one) for one in (number, name, person.insurance)):
        return False
    is_number = number.isascii() and number.isalnum() and len(number) <= 18
    return is_number and bool(name.strip()) and not any(mark < " " or mark in "|\x7f" for mark in name)
