"""The premium book: issue bills, take payments, give money back; every change in one transaction with its postings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import AccountKind, Ledger, lock_for_posting
from sbcard_core.premiums import posting
from sbcard_core.premiums.records import (
    Arrear,
    BillState,
    Channel,
    Insured,
    IssueStatus,
    Payment,
    PaymentStatus,
    PremiumRefused,
    Receipt,
    Refund,
    RefundStatus,
)
from sbcard_core.premiums.tariff import Rate, Tariff
from sbcard_core.store import Store, insert_many, schema
from sbcard_core.values import mask_id

CHUNK = 2000
"""People, payments or refunds per transaction."""

_BILL = (
    "bill_no",
    "period",
    "insurance",
    "id_number",
    "name",
    "category",
    "amount_fen",
    "rate_since",
    "due_on",
    "state",
    "issued_on",
)


@dataclass(frozen=True, slots=True)
class IssueReport:
    """What one issue did: one status per person, and the bills made."""

    statuses: list[IssueStatus]
    bills: list[str]
    amount_fen: int


class Premiums:
    """Premiums of one place (社会保险费征缴).

    Args:
        store: the database.
        ledger: the books of the same database.
        tariff: the rates; the shipped one is a sample.

    Example:
        >>> from datetime import datetime
        >>> from sbcard_core.premiums import SAMPLE
        >>> from sbcard_core.values import PersonCategory
        >>> with Store.open("sqlite://") as store:
        ...     book = Premiums(store, Ledger(store), SAMPLE)
        ...     pupil = Insured("11010519491231002X", "张三", PersonCategory.STUDENT, "resident-medical")
        ...     issued = book.issue("2014", date(2014, 9, 1), [pupil])
        ...     paid = Payment("POS1-000001", issued.bills[0], 6000, Channel.POS, "430100000001", datetime(2014, 9, 2))
        ...     statuses = book.pay_many([paid, paid])
        ...     [status.name for status in statuses], book.ledger.balance("POOLED_FUND:resident").net_fen
        (['PAID', 'EXISTS'], 6000)
    """

    def __init__(self, store: Store, ledger: Ledger, tariff: Tariff) -> None:
        self.store, self.ledger, self.tariff = store, ledger, tariff
        self._rates = {posting.key_of_rate(rate): rate for rate in tariff.rates}

    def issue(self, period: str, begins: date, people: Iterable[Insured]) -> IssueReport:
        """Issue one bill per person for a period; issued again, nothing changes.

        Args:
            period: e.g. ``"2014"`` or ``"2014-09"``; part of the bill's number.
            begins: its first day; it chooses the rate and counts the days to payment.
            people: any number; they are streamed.

        Raises:
            InvalidValue: a period that cannot be part of a number.
        """
        if not (period.isascii() and 0 < len(period) <= 10 and period.replace("-", "").isalnum()):
            raise InvalidValue("bad period", step="premiums.issue", term="费款所属期", advice="write it as 2014-09")
        report, source = IssueReport([], [], 0), iter(people)
        amount = 0
        while chunk := list(islice(source, CHUNK)):
            with self.store.begin() as connection:
                lock_for_posting(connection)  # two processes never bill a person twice
                amount += self._issue(connection, period, begins, chunk, report)
        return IssueReport(report.statuses, report.bills, amount)

    def pay_many(self, payments: Iterable[Payment]) -> list[PaymentStatus]:
        """Take payments: bill and books change together or not at all; one status each, in order."""
        statuses: list[PaymentStatus] = []
        source = iter(payments)
        while chunk := list(islice(source, CHUNK)):
            with self.store.begin() as connection:
                lock_for_posting(connection)  # two processes never take the same bill
                statuses += posting.pay(connection, self.ledger, self._rates, chunk)
        return statuses

    def pay(self, payment: Payment) -> PaymentStatus:
        """Take one payment; returns PAID, or EXISTS if the same one was taken before.

        Raises:
            PremiumRefused: any other status.
        """
        (status,) = self.pay_many([payment])
        if not status.is_settled:
            raise PremiumRefused(status, "payment")
        return status

    def refund_many(self, refunds: Iterable[Refund]) -> list[RefundStatus]:
        """Give money back to where it was paid; one status each, in order.

        All refunds of a payment together never exceed it. Each is taken from the funds in proportion to what
        they still hold of the payment.
        """
        statuses: list[RefundStatus] = []
        source = iter(refunds)
        while chunk := list(islice(source, CHUNK)):
            with self.store.begin() as connection:
                lock_for_posting(connection)
                statuses += posting.refund(connection, self.ledger, self._rates, chunk)
        return statuses

    def refund(self, refund: Refund) -> RefundStatus:
        """Give one payment back, whole or in part.

        Raises:
            PremiumRefused: not REFUNDED and not EXISTS.
        """
        (status,) = self.refund_many([refund])
        if status > RefundStatus.EXISTS:
            raise PremiumRefused(status, "refund")
        return status

    def cancel(self, bill_nos: Sequence[str]) -> int:
        """Cancel open bills, e.g. of people who moved away; paid ones stay. Returns how many were cancelled."""
        bill = schema.premium_bill
        with self.store.begin() as connection:
            lock_for_posting(connection)
            done = 0
            for start in range(0, len(bill_nos), 900):
                wanted = bill.c.bill_no.in_(list(bill_nos[start : start + 900]))
                change = sa.update(bill).where(wanted, bill.c.state == BillState.OPEN).values(state=BillState.CANCELLED)
                done += connection.execute(change).rowcount
        return done

    def arrears(self, on: date, *, period: str | None = None) -> Iterator[Arrear]:
        """Every open bill, latest first: who owes what since when (欠费清单)."""
        bill = schema.premium_bill
        wanted = sa.select(bill).where(bill.c.state == BillState.OPEN).order_by(bill.c.due_on, bill.c.bill_no)
        if period is not None:
            wanted = wanted.where(bill.c.period == period)
        with self.store.begin() as connection:
            for row in connection.execution_options(yield_per=CHUNK).execute(wanted):
                due = date.fromisoformat(row.due_on)
                late = max(0, (on - due).days)
                yield Arrear(row.bill_no, row.id_number, row.name, row.period, row.insurance, row.amount_fen, due, late)

    def receipt(self, payment_id: str) -> Receipt:
        """The receipt of a payment that was taken.

        Raises:
            InvalidValue: no such payment.
        """
        paid, bill = schema.premium_payment, schema.premium_bill
        wanted = sa.select(paid, bill).join(bill, bill.c.bill_no == paid.c.bill_no)
        with self.store.begin() as connection:
            row = connection.execute(wanted.where(paid.c.payment_id == payment_id)).mappings().one_or_none()
        if row is None:
            raise InvalidValue("no such payment", step="premiums.receipt", term="缴费凭证", advice="check its number")
        rate = self._rates.get((row["insurance"], row["category"], row["rate_since"]))
        return Receipt(
            row["payment_id"],
            row["bill_no"],
            row["name"],
            mask_id(row["id_number"]),
            rate.name_zh if rate else row["insurance"],
            row["period"],
            row["amount_fen"],
            sum(posting.figures(row["refunded"])),
            Channel(row["channel"]),
            row["agent"],
            posting.moment(row["at"]),
        )

    def totals(self, period: str) -> dict[BillState, tuple[int, int]]:
        """(bills, fen) by state of one period: what was billed, paid, given back, cancelled."""
        bill = schema.premium_bill
        wanted = sa.select(bill.c.state, sa.func.count(), sa.func.sum(bill.c.amount_fen)).where(bill.c.period == period)
        with self.store.begin() as connection:
            return {
                BillState(state): (count, int(fen))
                for state, count, fen in connection.execute(wanted.group_by(bill.c.state))
            }

    def _issue(
        self, connection: sa.Connection, period: str, begins: date, people: list[Insured], report: IssueReport
    ) -> int:
        there = posting.known_bills(connection, period, people)
        serial = posting.last_serial(connection, period)
        rows, accounts, amount = [], dict[str, AccountKind](), 0
        for person in people:
            rate = self.tariff.find(person.insurance, person.category, begins)
            status = _judge(person, rate, (person.insurance, person.id_number) in there)
            report.statuses.append(status)
            if status is not IssueStatus.ISSUED or rate is None:
                continue
            there.add((person.insurance, person.id_number))
            serial += 1
            bill_no = f"{period}.{serial:09d}"  # says nothing of the person
            due = begins + timedelta(days=rate.due_days)
            whose = (person.insurance, person.id_number, person.name, int(person.category))
            dates = (rate.since.isoformat(), due.isoformat(), int(BillState.OPEN), begins.isoformat())
            rows.append((bill_no, period, *whose, rate.amount_fen, *dates))
            accounts.update({share.account: share.kind for share in rate.shares})
            report.bills.append(bill_no)
            amount += rate.amount_fen
        self.ledger.open_accounts(accounts.items(), connection=connection)
        insert_many(connection, schema.premium_bill, _BILL, rows)
        return amount


def _judge(person: Insured, rate: Rate | None, exists: bool) -> IssueStatus:
    if exists:
        return IssueStatus.EXISTS
    if not (person.id_number.isascii() and person.id_number.isalnum() and person.name and "\0" not in person.name):
        return IssueStatus.MALFORMED
    return IssueStatus.NO_RATE if rate is None else IssueStatus.ISSUED
