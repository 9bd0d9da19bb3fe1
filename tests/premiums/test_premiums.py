"""Premiums: every fen is billed, paid, given back or owed, and the books say the same."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from sbcard_core.calendar import Period
from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import AccountKind, Bounds, Ledger
from sbcard_core.premiums import (
    SAMPLE,
    BillState,
    Channel,
    Insured,
    IssueStatus,
    Payment,
    PaymentStatus,
    PremiumRefused,
    Premiums,
    Refund,
    RefundStatus,
    Tariff,
    load,
)
from sbcard_core.premiums.refunds import apportion
from sbcard_core.store import Store, schema
from sbcard_core.values import PersonCategory
from tests import people

AT = datetime.fromisoformat("2015-03-02T09:30:15")
COUNTER = (Channel.COUNTER, "1", AT)
FLEXIBLE = PersonCategory.FLEXIBLE
BEGINS = date(2015, 1, 1)


def person(
    number: int, category: PersonCategory = PersonCategory.RURAL, insurance: str = "resident-medical"
) -> Insured:
    return Insured(people.number(number), people.name(number), category, insurance)


@pytest.fixture
def book() -> Iterator[Premiums]:
    with Store.open("sqlite://", sample=True) as store:
        yield Premiums(store, Ledger(store), SAMPLE)


def payment(book: Premiums, bill_no: str, name: str = "P1", **changes: object) -> Payment:
    made = Payment(name, bill_no, 12000, Channel.AGENT_BANK, "402", AT)
    return replace(made, **changes)  # type: ignore[arg-type]


def net(book: Premiums, account: str) -> int:
    found = book.ledger.balances([account])
    return found[account].net_fen if found else 0


class TestIssue:
    def test_one_bill_each_and_again_none(self, book: Premiums) -> None:
        asked = [person(1), person(2), person(1), person(3, PersonCategory.FLEXIBLE), replace(person(4), name="")]
        first = book.issue("2015", BEGINS, asked)
        expected = [
            IssueStatus.ISSUED,
            IssueStatus.ISSUED,
            IssueStatus.EXISTS,
            IssueStatus.NO_RATE,
            IssueStatus.MALFORMED,
        ]
        assert (first.statuses, first.amount_fen, len(first.bills)) == (expected, 24000, 2)
        again = book.issue("2015", BEGINS, asked)
        assert (again.bills, again.amount_fen) == ([], 0)

    def test_the_rate_of_the_day(self, book: Premiums) -> None:
        for begins, fen in ((date(2014, 6, 1), 9000), (date(2015, 1, 1), 12000)):
            assert book.issue(f"{begins:%Y-%m}", begins, [person(1)]).amount_fen == fen

    @pytest.mark.parametrize("period", ["", "abc", "2015-13", "2015-00", "二〇一五", "2015-01-01-x"])
    def test_a_period_that_is_none(self, book: Premiums, period: str) -> None:
        with pytest.raises(InvalidValue):
            book.issue(period, BEGINS, [])


class TestOverlap:
    """Nobody is billed twice for one month of one insurance."""

    @pytest.mark.parametrize(
        ("second", "status"),
        [
            ("2015", IssueStatus.OVERLAPS),
            ("2015-H1", IssueStatus.OVERLAPS),
            ("2015-Q1", IssueStatus.OVERLAPS),
            ("2015-03", IssueStatus.EXISTS),
            ("2015-02", IssueStatus.ISSUED),
            ("2015-H2", IssueStatus.ISSUED),
            ("2014", IssueStatus.ISSUED),
        ],
    )
    def test_a_period_that_shares_a_day_is_billed_once(self, second: str, status: IssueStatus) -> None:
        for one, other in (("2015-03", second), (second, "2015-03")):
            with Store.open("sqlite://", sample=True) as store:
                fresh = Premiums(store, Ledger(store), SAMPLE)
                (bill,) = fresh.issue(one, Period(one).begin, [person(1)]).bills
                asked = [person(1), person(2), replace(person(1), insurance="flexible-pension", category=FLEXIBLE)]
                found = fresh.issue(other, Period(other).begin, asked)
                assert found.statuses == [status, IssueStatus.ISSUED, IssueStatus.ISSUED]
                if status is IssueStatus.OVERLAPS:
                    fresh.pay(Payment("P1", bill, 12000, *COUNTER))
                    assert fresh.issue(other, Period(other).begin, asked[:1]).statuses == [status]

    def test_a_bill_that_is_cancelled_or_given_back_stands_against_no_other_period(self, book: Premiums) -> None:
        year = book.issue("2015", BEGINS, [person(1), person(2)]).bills
        book.cancel(year[:1])
        book.pay(payment(book, year[1]))
        book.refund(Refund("R1", "P1", 12000, AT))
        issued = [IssueStatus.ISSUED] * 2
        assert book.issue("2015-03", date(2015, 3, 1), [person(1), person(2)]).statuses == issued
        assert book.issue("2015", BEGINS, [person(1), person(2)]).statuses == [IssueStatus.EXISTS] * 2


class TestPay:
    def test_the_money_reaches_every_fund_of_the_rate(self, book: Premiums) -> None:
        (bill,) = book.issue("2015", BEGINS, [person(1)]).bills
        assert book.pay(payment(book, bill)) is PaymentStatus.PAID
        assert net(book, "POOLED_FUND:resident") == 11000
        assert net(book, "CATASTROPHIC_FUND:resident") == 1000
        assert net(book, "BANK_CLEARING:402") == -12000

    @pytest.mark.parametrize(
        ("changes", "status"),
        [
            ({}, PaymentStatus.EXISTS),
            ({"amount_fen": 11999}, PaymentStatus.EXISTS_DIFFERENT),
            ({"agent": "103"}, PaymentStatus.EXISTS_DIFFERENT),
            ({"payment_id": "P2"}, PaymentStatus.ALREADY_PAID),
            ({"payment_id": "P2", "bill_no": "2015.x.1"}, PaymentStatus.UNKNOWN_BILL),
            ({"payment_id": ""}, PaymentStatus.MALFORMED),
            ({"payment_id": "P\0"}, PaymentStatus.MALFORMED),
            ({"payment_id": "P2", "amount_fen": 12000.0}, PaymentStatus.MALFORMED),
        ],
    )
    def test_a_second_one(self, book: Premiums, changes: dict[str, object], status: PaymentStatus) -> None:
        (bill,) = book.issue("2015", BEGINS, [person(1)]).bills
        one = payment(book, bill)
        assert book.pay_many([one, replace(one, **changes)]) == [PaymentStatus.PAID, status]  # in one call
        assert book.pay_many([replace(one, **changes)]) == [status]  # and in another
        assert net(book, "POOLED_FUND:resident") == 11000

    @pytest.mark.parametrize("amount", [11999, 12001, 0, -12000])
    def test_only_the_whole_bill(self, book: Premiums, amount: int) -> None:
        (bill,) = book.issue("2015", BEGINS, [person(1)]).bills
        with pytest.raises(PremiumRefused) as refused:
            book.pay(payment(book, bill, amount_fen=amount))
        assert refused.value.status is PaymentStatus.AMOUNT_DIFFERS
        assert book.ledger.totals() == (0, 0)

    def test_a_cancelled_bill_takes_no_money(self, book: Premiums) -> None:
        bills = book.issue("2015", BEGINS, [person(1), person(2)]).bills
        book.pay(payment(book, bills[0]))
        assert book.cancel([*bills, "unknown"]) == 1  # the paid one stays
        assert book.pay_many([payment(book, bills[1], "P2")]) == [PaymentStatus.CANCELLED]

    def test_a_tariff_that_lost_the_rate(self, book: Premiums) -> None:
        (bill,) = book.issue("2015", BEGINS, [person(1)]).bills
        other = Premiums(book.store, book.ledger, Tariff("none", ()))
        assert other.pay_many([payment(book, bill)]) == [PaymentStatus.NO_RATE]

    def test_one_that_the_books_refuse_does_not_stop_the_others(self) -> None:
        bounds = {AccountKind.CASH: Bounds(floor_fen=-12000)}  # a counter that may hold one payment
        with Store.open("sqlite://", sample=True) as store:
            book = Premiums(store, Ledger(store, bounds=bounds), SAMPLE)
            bills = book.issue("2015", BEGINS, [person(at) for at in range(4)]).bills
            taken = [
                payment(book, bills[at], f"P{at}", channel=channel, agent="A")
                for at, channel in enumerate([Channel.COUNTER, Channel.COUNTER, Channel.POS, Channel.COUNTER])
            ]
            names = [status.name for status in book.pay_many(taken)]
            assert names == ["PAID", "LEDGER_REFUSED", "PAID", "LEDGER_REFUSED"]
            assert book.totals("2015") == {BillState.PAID: (2, 24000), BillState.OPEN: (2, 24000)}
            assert net(book, "POOLED_FUND:resident") == 22000
            assert book.ledger.recompute() == []

    def test_every_channel_has_its_account(self, book: Premiums) -> None:
        bills = book.issue("2015", BEGINS, [person(at) for at in range(5)]).bills
        for at, channel in enumerate(Channel):
            book.pay(payment(book, bills[at], f"P{at}", channel=channel, agent="783"))
        accounts = ["CASH:783", *(f"BANK_CLEARING:{where}783" for where in ("pos:", "atm:", "phone:", ""))]
        assert [net(book, account) for account in accounts] == [-12000] * 5


class TestRefund:
    def test_in_parts_up_to_the_whole(self, book: Premiums) -> None:
        (bill,) = book.issue("2015", BEGINS, [person(1)]).bills
        book.pay(payment(book, bill))
        statuses = book.refund_many([
            Refund("R1", "P1", 1, AT),
            Refund("R1", "P1", 1, AT),
            Refund("R1", "P1", 2, AT),
            Refund("R2", "P1", 12000, AT),
            Refund("R3", "P1", 11999, AT),
            Refund("R4", "P1", 1, AT),
            Refund("R5", "P9", 1, AT),
            Refund("R6", "P1", 0, AT),
        ])  # fmt: skip
        names = "REFUNDED EXISTS EXISTS_DIFFERENT MORE_THAN_PAID REFUNDED MORE_THAN_PAID UNKNOWN_PAYMENT MALFORMED"
        assert [status.name for status in statuses] == names.split()
        for account in ("POOLED_FUND:resident", "CATASTROPHIC_FUND:resident", "BANK_CLEARING:402"):
            assert net(book, account) == 0
        assert book.totals("2015") == {BillState.REFUNDED: (1, 12000)}
        assert "已退 120.00元" in book.receipt("P1").text

    @given(
        shares=st.lists(st.integers(1, 10**12), min_size=1, max_size=6),
        cuts=st.lists(st.floats(0, 1), max_size=6),
    )
    def test_any_refunds_of_one_sum_take_the_same_from_each_fund(self, shares: list[int], cuts: list[float]) -> None:
        """One by one or at once, in any order: in proportion, less than a fen off, and nothing is left at the end."""
        whole, given = sum(shares), [0] * len(shares)
        for total in sorted({*(int(whole * cut) for cut in cuts), whole}):
            parts = apportion(shares, given, total - sum(given))
            assert min(parts) >= 0
            given = [back + part for back, part in zip(given, parts, strict=True)]
            assert given == apportion(shares, [0] * len(shares), total)
            assert all(
                abs(back * whole - share * total) < len(shares) * whole
                for back, share in zip(given, shares, strict=True)
            )
        assert given == shares

    @pytest.mark.parametrize(("shares", "total", "parts"), [
        ((11000, 1000), 6000, [5500, 500]),
        ((11000, 1000), 6001, [5501, 500]),
        ((11000, 1000), 6, [6, 0]),
        ((11000, 1000), 7, [6, 1]),
        ((1, 1, 1), 2, [1, 1, 0]),
        ((3, 3, 1), 3, [2, 1, 0]),
        ((600, 300, 100), 5, [3, 2, 0]),
    ])  # fmt: skip
    def test_a_refund_is_split_as_was_paid(self, shares: tuple[int, ...], total: int, parts: list[int]) -> None:
        assert apportion(shares, [0] * len(shares), total) == parts

    @given(back=st.integers(0, 1000), fen=st.integers(0, 9000))
    def test_what_earlier_versions_split_otherwise_is_made_up_for(self, back: int, fen: int) -> None:
        """Refunds booked before stand; later ones bring the sums back to their proportion, and take nothing twice."""
        parts = apportion([11000, 1000], [0, back], fen)
        assert sum(parts) == fen
        assert min(parts) >= 0
        assert parts[1] <= 1000 - back
        assert apportion([11000, 1000], [11000, back], 1000 - back) == [0, 1000 - back]

    def test_small_refunds_leave_the_funds_as_one_does(self, book: Premiums) -> None:
        bills = book.issue("2015", BEGINS, [person(1)]).bills
        book.pay(payment(book, bills[0]))
        assert {book.refund(Refund(f"R{at}", "P1", 100, AT)) for at in range(60)} == {RefundStatus.REFUNDED}
        paid = [net(book, fund) for fund in ("POOLED_FUND:resident", "CATASTROPHIC_FUND:resident")]
        assert paid == [5500, 500]


def test_receipt_and_arrears(book: Premiums) -> None:
    bills = book.issue("2015", BEGINS, [person(1), person(2)]).bills
    book.pay(payment(book, bills[0], channel=Channel.POS, agent="430100000001"))
    receipt = book.receipt("P1")
    assert "金额 120.00元  缴费方式 POS终端(430100000001)" in receipt.text
    assert people.number(1) not in receipt.text + repr(receipt)
    (arrear,) = book.arrears(date(2015, 5, 5))
    assert (arrear.bill_no, arrear.due_on, arrear.days_late) == (bills[1], date(2015, 5, 1), 4)
    assert people.number(2) not in repr(arrear)
    assert next(iter(book.arrears(date(2015, 1, 2)))).days_late == 0
    with pytest.raises(InvalidValue):
        book.receipt("P2")


class TestTariff:
    def test_overlapping_rates_are_refused(self, tmp_path: Path) -> None:
        text = Path(__file__).parents[2].joinpath("sbcard_core/premiums/sample.toml").read_text("utf-8")
        file = tmp_path / "tariff.toml"
        file.write_text(text.replace("until = 2014-12-31", "until = 2015-01-01"), "utf-8")
        with pytest.raises(InvalidValue, match="hold on 2015-01-01"):
            load(file)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("amount_fen = 9000", "amount_fen = 90.00"),
            ('"RURAL"]', '"FARMER"]'),
            ("due_days = 60", ""),
            ("since = 2014-01-01", 'since = "2014"'),
            ('kind = "pension_fund"', 'kind = "pension"'),
            ("amount_fen = 6000", "amount_fen = 0"),
            ("[[rate]]", "[[rate"),
        ],
    )
    def test_a_wrong_entry_is_named(self, tmp_path: Path, old: str, new: str) -> None:
        text = Path(__file__).parents[2].joinpath("sbcard_core/premiums/sample.toml").read_text("utf-8")
        assert old in text
        file = tmp_path / "tariff.toml"
        file.write_text(text.replace(old, new), "utf-8")
        with pytest.raises(InvalidValue):
            load(file)


class PremiumYear(RuleBasedStateMachine):
    """Bills, payments and refunds in any order against a dictionary."""

    url = "sqlite://"

    @initialize()
    def open(self) -> None:
        self.store = Store.open(self.url, sample=True)
        self.book = Premiums(self.store, Ledger(self.store), SAMPLE)
        self.bills: dict[str, str] = {}
        self.bill_of: dict[int, str] = {}
        self.paid: dict[str, tuple[str, int]] = {}
        self.used = 0

    @rule(number=st.integers(1, 6))
    def issue(self, number: int) -> None:
        for bill in self.book.issue("2015", BEGINS, [person(number)]).bills:
            self.bills[bill], self.bill_of[number] = "open", bill

    @rule(number=st.integers(1, 6), amount=st.sampled_from([12000, 11999]))
    def pay(self, number: int, amount: int) -> None:
        bill = self.bill_of.get(number, "2015.000009999")
        self.used += 1
        (status,) = self.book.pay_many([Payment(f"P{self.used}", bill, amount, Channel.ATM, "A", AT)])
        good = self.bills.get(bill) == "open" and amount == 12000
        assert (status is PaymentStatus.PAID) == good
        if good:
            self.bills[bill] = "paid"
            self.paid[f"P{self.used}"] = (bill, 12000)

    @rule(at=st.integers(0, 20), amount=st.integers(1, 12001))
    def refund(self, at: int, amount: int) -> None:
        if not self.paid:
            return
        name = sorted(self.paid)[at % len(self.paid)]
        bill, left = self.paid[name]
        self.used += 1
        (status,) = self.book.refund_many([Refund(f"R{self.used}", name, amount, AT)])
        assert (status is RefundStatus.REFUNDED) == (amount <= left)
        if amount <= left:
            self.paid[name] = (bill, left - amount)
            if amount == left:
                self.bills[bill] = "refunded"

    @rule(number=st.integers(1, 6))
    def cancel(self, number: int) -> None:
        bill = self.bill_of.get(number, "2015.000009999")
        assert self.book.cancel([bill]) == (self.bills.get(bill) == "open")
        if self.bills.get(bill) == "open":
            self.bills[bill] = "cancelled"

    @invariant()
    def books_agree(self) -> None:
        held = sum(left for _, left in self.paid.values())
        assert net(self.book, "POOLED_FUND:resident") + net(self.book, "CATASTROPHIC_FUND:resident") == held
        assert net(self.book, "BANK_CLEARING:atm:A") == -held
        assert {arrear.bill_no for arrear in self.book.arrears(BEGINS)} == {
            bill for bill, state in self.bills.items() if state == "open"
        }
        assert self.book.ledger.recompute() == []

    def teardown(self) -> None:
        if self.url != "sqlite://":
            schema.metadata.drop_all(self.store.engine)
        self.store.close()


TestPremiumYear = PremiumYear.TestCase
TestPremiumYear.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def test_a_premium_year_on_postgresql(postgres_url: str) -> None:
    class OnPostgres(PremiumYear):
        url = postgres_url

    run_state_machine_as_test(OnPostgres, settings=settings(max_examples=4, stateful_step_count=12, deadline=None))


def test_money_is_not_given_back_before_it_was_paid(book: Premiums) -> None:
    (bill,) = book.issue("2015", BEGINS, [person(1)]).bills
    book.pay(payment(book, bill))
    early, same = (Refund(f"R{n}", "P1", 1, AT - timedelta(seconds=n), "多缴") for n in (1, 0))
    assert book.refund_many([early, same]) == [RefundStatus.MALFORMED, RefundStatus.REFUNDED]
    assert book.receipt("P1").refunded_fen == 1
