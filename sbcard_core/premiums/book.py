"""The premium book: issue bills, take payments, give money back; every change in one transaction with its postings."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import compress, islice

import sqlalchemy as sa

from sbcard_core.calendar import Period
from sbcard_core.eligibility import Eligibility
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import CitizenNumber, card_number
from sbcard_core.ledger import AccountKind, Ledger, lock_for_posting
from sbcard_core.ledger.transfers import is_id, is_storable
from sbcard_core.messages import message
from sbcard_core.officers import Officers
from sbcard_core.premiums import deaths, issuing, posting, receipts
from sbcard_core.premiums.agency import Agency
from sbcard_core.premiums.layout import UNPAID_CODES
from sbcard_core.premiums.records import (
    Arrear,
    Bill,
    BillState,
    CategoryChange,
    Change,
    ChangeStatus,
    Insured,
    IssueStatus,
    Payment,
    PaymentStatus,
    PremiumRefused,
    Receipt,
    Refund,
    RefundStatus,
    Stopped,
)
from sbcard_core.premiums.refunds import give_back
from sbcard_core.premiums.tariff import Tariff
from sbcard_core.store import Store, insert_many, schema

CHUNK = 2000
"""People, payments or refunds per transaction."""

_BILL = (
    *("bill_no", "period", "insurance", "id_number", "name", "category", "amount_fen", "rate_since", "due_on"),
    *("state", "issued_on"),
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
        eligibility: who is billed, which cards may pay, which accounts may be debited; by default by the registry.
        officers: the registered ones, who approve that money leaves suspense.
        unpaid_codes: codes by which agent banks say that they did not collect, with the reason a clerk reads; of any
            other code but ``00`` the bill stays uncertain.

    Example:
        >>> from datetime import datetime
        >>> from sbcard_core.premiums import SAMPLE, Channel
        >>> from sbcard_core.values import PersonCategory
        >>> with Store.open("sqlite://", sample=True) as store:
        ...     book = Premiums(store, Ledger(store), SAMPLE)
        ...     pupil = Insured("11010519491231002X", "张三", PersonCategory.STUDENT, "resident-medical")
        ...     issued = book.issue("2014", date(2014, 9, 1), [pupil])
        ...     paid = Payment("POS1-000001", issued.bills[0], 6000, Channel.POS, "430100000001", datetime(2014, 9, 2))
        ...     statuses = book.pay_many([paid, paid])
        ...     [status.name for status in statuses], book.ledger.balance("POOLED_FUND:resident").net_fen
        (['PAID', 'EXISTS'], 6000)
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        tariff: Tariff,
        *,
        eligibility: Eligibility | None = None,
        officers: Officers | None = None,
        unpaid_codes: Mapping[str, str] = UNPAID_CODES,
    ) -> None:
        store.check_samples([f"tariff {tariff.name}"] if tariff.sample else [])
        self.store, self.ledger, self.tariff = store, ledger, tariff
        self._eligibility = Eligibility() if eligibility is None else eligibility
        self._officers, self._unpaid_codes = officers or Officers(), unpaid_codes
        self._rates = {posting.key_of_rate(rate): rate for rate in tariff.rates}

    def issue(self, period: str, begins: date, people: Iterable[Insured]) -> IssueReport:
        """Issue one bill per person for a period; issued again, nothing changes.

        Nobody is billed twice for one month: a bill for another period that shares a day, open or paid, stands against
        it.

        Args:
            period: e.g. ``"2014"`` or ``"2014-09"`` (:class:`~sbcard_core.calendar.Period`); part of the bill's number.
            begins: the day of the period from which it is due; it chooses the rate and counts the days to payment.
            people: any number; they are streamed. Any accepted spelling of a number is one person.

        Raises:
            InvalidValue: no period, or a day outside of it.
        """
        period = Period(period)
        if not period.contains(begins):
            parameters = {"begins": begins.isoformat(), "period": str(period)}
            raise InvalidValue(message("premiums.begins", **parameters), step="premiums.issue", term="费款所属期")
        report, source = IssueReport([], [], 0), iter(people)
        amount = 0
        while chunk := issuing.parsed(list(islice(source, CHUNK))):
            with self.store.begin() as connection:
                lock_for_posting(connection)  # two processes never bill a person twice
                amount += self._issue(connection, period, begins, chunk, report)
        return IssueReport(report.statuses, report.bills, amount)

    def pay_many(
        self, payments: Iterable[Payment], *, progress: Callable[[list[PaymentStatus]], None] | None = None
    ) -> list[PaymentStatus]:
        """Take payments: bill and books change together or not at all; one status each, in order.

        Args:
            payments: any number; they are streamed, each ``CHUNK`` of them in one transaction.
            progress: called with the statuses of each chunk once it is committed. After a break, hand the same
                payments in again: those there answer EXISTS.
        """
        statuses: list[PaymentStatus] = []
        source = iter(payments)
        while chunk := list(islice(source, CHUNK)):
            with self.store.begin() as connection:
                lock_for_posting(connection)  # two processes never take the same bill
                done = posting.pay(connection, self.ledger, self._rates, chunk, eligibility=self._eligibility)
            statuses += done
            if progress is not None:
                progress(done)
        return statuses

    def pay(self, payment: Payment) -> PaymentStatus:
        """Take one payment; returns PAID, or EXISTS if the same one was taken before.

        Raises:
            PremiumRefused: any other status.
        """
        (status,) = self.pay_many([payment])
        if not status.is_settled:
            raise PremiumRefused(status)
        return status

    def refund_many(self, refunds: Iterable[Refund]) -> list[RefundStatus]:
        """Give money back to where it was paid; one status each, in order.

        All refunds of a payment together never exceed it, and are taken from the funds in proportion to what these
        got of the payment, whatever the refunds it is given back by.
        """
        statuses: list[RefundStatus] = []
        source = iter(refunds)
        while chunk := list(islice(source, CHUNK)):
            with self.store.begin() as connection:
                lock_for_posting(connection)
                statuses += give_back(connection, self.ledger, chunk)
        return statuses

    def refund(self, refund: Refund) -> RefundStatus:
        """Give one payment back, whole or in part.

        Raises:
            PremiumRefused: not REFUNDED and not EXISTS.
        """
        (status,) = self.refund_many([refund])
        if status > RefundStatus.EXISTS:
            raise PremiumRefused(status)
        return status

    def cancel(self, bill_nos: Sequence[str], *, reason: str = "") -> int:
        """Cancel open bills, e.g. of people who died or moved away; paid ones stay. Returns how many were cancelled.

        Cancelled is final for the person and period: issuing again makes no new bill.

        Raises:
            InvalidValue: one text instead of a list, or a reason that cannot be stored.
        """
        if isinstance(bill_nos, str):
            raise InvalidValue(message("premiums.bills_are_a_list"), step="premiums.cancel", term="缴费单")
        _must_be_reason(reason)
        bill_nos = [name for name in bill_nos if is_id(name)]
        bill = schema.premium_bill
        with self.store.begin() as connection:
            lock_for_posting(connection)
            done = 0
            for start in range(0, len(bill_nos), 900):
                wanted = bill.c.bill_no.in_(list(bill_nos[start : start + 900]))
                change = (
                    sa.update(bill)
                    .where(wanted, bill.c.state == BillState.OPEN)
                    .values(state=int(BillState.CANCELLED), reason=reason or None)
                )
                done += connection.execute(change).rowcount
        return done

    def stop(self, id_number: str, *, after: date, reason: str) -> Stopped:
        """End a person's premiums, e.g. of who moved away: cancel the open bills of periods that begin later.

        The same again changes nothing, and says what is still owed and what is to be given back.

        Args:
            id_number: citizen number.
            after: the last day (assumed: a period that has begun by then stays owed).
            reason: e.g. ``"转出"``; stands on the bill. Of a death, :meth:`death` can be corrected and withdrawn.

        Raises:
            InvalidValue: no citizen number, or a reason that cannot be stored.
        """
        _must_be_reason(reason)
        number = CitizenNumber(id_number)
        with self.store.begin() as connection:
            lock_for_posting(connection)
            return deaths.stop(connection, number, after, reason)

    def death(self, id_number: str, died_on: date | None) -> Stopped:
        """A person died: :meth:`stop`, and what an earlier report of another day had cancelled is owed again.

        The same again changes nothing. Where another bill of the insurance shares a day meanwhile, a cancelled one
        stays so.

        Args:
            id_number: citizen number.
            died_on: the day, or that of its correction; None: the report was a mistake, and the person lives.

        Raises:
            InvalidValue: no citizen number.
        """
        number = CitizenNumber(id_number)
        with self.store.begin() as connection:
            lock_for_posting(connection)
            return deaths.bring_to(connection, number, died_on)

    def change_category_many(self, changes: Iterable[CategoryChange]) -> list[Change]:
        """Put bills of another category in the place of bills (人员类别变更); one outcome each, in order."""
        outcomes = []
        source = iter(changes)
        while chunk := list(islice(source, CHUNK)):
            with self.store.begin() as connection:
                lock_for_posting(connection)
                outcomes += [self._change(connection, one) for one in chunk]
        return outcomes

    def bills(self, *, id_number: str = "", card_no: str = "") -> list[Bill]:
        """Every bill of one person, by citizen number or by a card of the registry, latest period first.

        A terminal asks this when the card is shown: what is OPEN is owed.

        Raises:
            InvalidValue: no citizen number.
        """
        card_no = card_number.compact(card_no)
        if not is_storable(card_no) or not (id_number or card_no):
            return []
        bill, card, person = schema.premium_bill, schema.card, schema.person
        wanted = sa.select(bill).order_by(bill.c.issued_on.desc(), bill.c.bill_no)
        if card_no:
            holder = sa.select(person.c.id_number).join(card, card.c.person_id == person.c.person_id)
            wanted = wanted.where(bill.c.id_number == holder.where(card.c.card_no == card_no).scalar_subquery())
        if id_number:
            wanted = wanted.where(bill.c.id_number == CitizenNumber(id_number))
        with self.store.begin() as connection:
            return [issuing.bill_of(row) for row in connection.execute(wanted)]

    @cached_property
    def agency(self) -> Agency:
        """Agent banks (代收银行): bills out, payments back."""
        return Agency(self.store, self.ledger, self._rates, self._eligibility, self._officers, self._unpaid_codes)

    def arrears(self, on: date, *, period: str | None = None) -> Iterator[Arrear]:
        """Every open bill, the longest overdue first: who owes what since when, and who is dead (欠费清单)."""
        bill = schema.premium_bill
        wanted = deaths.with_deaths(sa.select(bill)).where(bill.c.state == BillState.OPEN)
        wanted = wanted.order_by(bill.c.due_on, bill.c.bill_no)
        if period is not None:
            wanted = wanted.where(
                bill.c.period == Period(period), bill.c.state.in_(list(BillState))
            )  # the index serves
        with self.store.begin() as connection:
            for row in connection.execution_options(yield_per=CHUNK).execute(wanted):
                due = date.fromisoformat(row.due_on)
                late = max(0, (on - due).days)
                died_on = None if row.died_on is None else date.fromisoformat(row.died_on)
                whose = (row.bill_no, row.id_number, row.name, row.period, row.insurance, row.amount_fen)
                yield Arrear(*whose, due, late, row.living is not None, died_on)

    def receipt(self, payment_id: str) -> Receipt:
        """The receipt of a payment that was taken.

        Raises:
            InvalidValue: no such payment.
        """
        with self.store.begin() as connection:
            return receipts.read(connection, self._rates, payment_id)

    def totals(self, period: str) -> dict[BillState, tuple[int, int]]:
        """(bills, fen) by state of one period: what was billed, paid, given back, cancelled."""
        bill = schema.premium_bill
        wanted = sa.select(bill.c.state, sa.func.count(), sa.func.sum(bill.c.amount_fen))
        wanted = wanted.where(bill.c.period == Period(period), bill.c.state.in_(list(BillState)))  # the index serves
        with self.store.begin() as connection:
            return {
                BillState(state): (count, int(fen))
                for state, count, fen in connection.execute(wanted.group_by(bill.c.state))
            }

    def _change(self, connection: sa.Connection, change: CategoryChange) -> Change:
        bill = schema.premium_bill
        found = next(iter(posting.find(connection, bill, "bill_no", [change.bill_no])), None)
        if found is None:
            return Change(ChangeStatus.UNKNOWN_BILL)
        of_person = sa.select(bill).where(bill.c.id_number == found.id_number, bill.c.period == found.period)
        by_what = {row.replaces: row for row in connection.execute(of_person) if row.replaces}
        after = by_what.get(found.bill_no)
        if after is not None:
            is_same, now = after.category == int(change.category), after
            while now.bill_no in by_what:  # replaced in its turn
                now = by_what[now.bill_no]
            return Change(ChangeStatus.EXISTS if is_same else ChangeStatus.CANCELLED, now.bill_no)
        if found.state == BillState.OPEN and found.category == int(change.category):
            return Change(ChangeStatus.EXISTS, found.bill_no)
        state = BillState(found.state)
        if state not in (BillState.OPEN, BillState.REFUNDED):
            return Change(ChangeStatus.PAID if state is BillState.PAID else ChangeStatus.CANCELLED, found.bill_no)
        begins = date.fromisoformat(found.issued_on)
        rate = self.tariff.find(found.insurance, change.category, begins)
        overlaps = state is BillState.REFUNDED and posting.is_billed(connection, found)
        if rate is None or overlaps:
            return Change(ChangeStatus.OVERLAPS if overlaps else ChangeStatus.NO_RATE, found.bill_no)
        if state is BillState.OPEN:
            gone = {"state": int(BillState.CANCELLED), "reason": f"人员类别变更为{change.category.zh}"}
            connection.execute(sa.update(bill).where(bill.c.bill_no == found.bill_no).values(gone))
        person = Insured(found.id_number, found.name, change.category, found.insurance)
        bill_no = issuing.bill_number(found.period, posting.last_serial(connection, found.period) + 1)
        terms = issuing.terms(rate, begins, change.since)
        row = (*issuing.bill_row(bill_no, found.period, person, terms), found.bill_no)
        self.ledger.open_accounts({share.account: share.kind for share in rate.shares}.items(), connection=connection)
        insert_many(connection, bill, (*_BILL, "replaces"), [row])
        return Change(ChangeStatus.REPLACED, bill_no)

    def _issue(
        self, connection: sa.Connection, period: Period, begins: date, people: list[Insured], report: IssueReport
    ) -> int:
        well_formed = list(map(issuing.is_well_formed, people))
        asked = list(compress(people, well_formed))
        there = posting.known_bills(connection, period, asked)
        serial = posting.last_serial(connection, period)
        refused = issuing.refused(connection, self._eligibility, asked, begins)
        rows, accounts, amount = [], dict[str, AccountKind](), 0
        written = str(period)  # a plain str: a driver binds another type far more slowly
        terms: dict[int, issuing.Terms] = {}  # by the identity of a rate: people are many, rates a few
        for person, is_asked in zip(people, well_formed, strict=True):
            if not is_asked:
                report.statuses.append(IssueStatus.MALFORMED)
                continue
            rate = self.tariff.find(person.insurance, person.category, begins)
            status = issuing.judge(rate, there.get((person.insurance, person.id_number)))
            if status is IssueStatus.ISSUED:
                status = refused.get(person.id_number, status)
            report.statuses.append(status)
            if status is not IssueStatus.ISSUED or rate is None:
                continue
            there[person.insurance, person.id_number] = IssueStatus.EXISTS
            serial += 1
            if id(rate) not in terms:
                terms[id(rate)] = issuing.terms(rate, begins, begins)
                accounts.update({share.account: share.kind for share in rate.shares})
            bill_no = issuing.bill_number(written, serial)
            rows.append(issuing.bill_row(bill_no, written, person, terms[id(rate)]))
            report.bills.append(bill_no)
            amount += terms[id(rate)][0]
        self.ledger.open_accounts(accounts.items(), connection=connection)
        insert_many(connection, schema.premium_bill, _BILL, rows)
        return amount


def _must_be_reason(reason: str) -> None:
    if not (isinstance(reason, str) and is_storable(reason)):
        raise InvalidValue(message("premiums.reason"), step="premiums.cancel", term="作废原因")
