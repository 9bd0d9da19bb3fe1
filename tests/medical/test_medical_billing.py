"""Billing through its one object: once, whole or not at all, cancelled and refunded to the fen, reconciled."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest

from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.ledger import AccountKind, Bounds, Ledger, Transfer
from sbcard_core.medical import (
    Bill,
    Charge,
    FeeLine,
    Grade,
    MedicalBilling,
    Outcome,
    PursePayment,
    SettlementRefused,
    SettleStatus,
    Split,
    TotalsDisagree,
    VisitKind,
    as_national,
    from_hunan,
    from_national,
    hospital_account,
    is_msgid,
    sample_catalogue,
    samples,
    split,
    to_hunan,
)
from sbcard_core.medical.split import AMOUNT_FIELDS
from sbcard_core.store import Store

AT = "2014-07-31T10:00:00"
HOSPITAL = "H43010000001"
ME, FAMILY = "PERSONAL_MEDICAL:1", "PERSONAL_MEDICAL:2"


def number(serial: int) -> str:
    return f"{HOSPITAL}20140731100000{serial:04d}"


def bill(serial: int = 1, fen: int = 200_000, **changes: object) -> Bill:
    lines = (FeeLine("CT", Grade.B, fen, selfpay_prop_bp=1000), FeeLine("药", Grade.A, 30_000, cnt=Decimal(10)))
    values = {"lines": lines, "kind": VisitKind.INPATIENT, "personal_account": ME, "level": "3"} | changes
    return Bill(number(serial), "P1", "employee", AT, **values)  # type: ignore[arg-type]


@pytest.fixture
def books(ledger: Ledger) -> Ledger:
    ledger.open_accounts([("EXTERNAL", AccountKind.EXTERNAL), (ME, AccountKind.PERSONAL_MEDICAL)])
    ledger.open_accounts([(FAMILY, AccountKind.PERSONAL_MEDICAL)])
    ledger.post(Transfer("load", "EXTERNAL", ME, 10_000, "load", AT))
    ledger.post(Transfer("load2", "EXTERNAL", FAMILY, 5_000, "load", AT))
    return ledger


@pytest.fixture
def billing(store: Store, books: Ledger) -> Iterator[MedicalBilling]:
    yield MedicalBilling(store, books, samples(), catalogues=[sample_catalogue()])
    assert books.recompute() == []
    debits, credits_ = books.totals()
    assert debits == credits_


def balances(ledger: Ledger) -> dict[str, int]:
    names = ["POOLED_FUND", "CASH", "PURSE_FLOAT", ME, FAMILY, hospital_account(HOSPITAL)]
    return {name: balance.net_fen for name, balance in ledger.balances(names).items() if balance.net_fen}


def amounts(s: Split | None) -> dict[str, int]:
    assert s is not None
    return {name: fen for name in AMOUNT_FIELDS if (fen := getattr(s, name))}


def status_of(call: object, *args: object, **kwargs: object) -> str:
    with pytest.raises(SettlementRefused) as refused:
        call(*args, **kwargs)  # type: ignore[operator]
    return refused.value.status.name


def test_what_is_shown_before_is_settled_after(billing: MedicalBilling, books: Ledger) -> None:
    before = balances(books)
    shown = billing.presettle(bill())
    assert balances(books) == before
    assert billing.accumulators("P1", 2014, insutype="employee") == {}
    done = billing.settle(bill())
    assert (shown.split, shown.balc_fen) == (done.split, done.balc_fen)
    s = done.split
    assert s is not None
    assert s.acct_pay == 10_000
    assert done.balc_fen == 0
    moved = {name: fen - before.get(name, 0) for name, fen in balances(books).items()}
    assert moved == {
        "POOLED_FUND": -s.hifp_pay,
        "CASH": -s.psn_cash_pay,
        FAMILY: 0,
        hospital_account(HOSPITAL): s.medfee_sumamt,
    }
    assert books.balance(ME).net_fen == 0
    assert billing.accumulators("P1", 2014, insutype="employee") == {"inpatient": s.added}
    kept = billing.settlement(number(1))
    assert kept == s
    assert kept is not None
    assert kept.explain() == s.explain()


def test_a_message_is_settled_once_and_answers_the_same(billing: MedicalBilling, books: Ledger) -> None:
    first = billing.settle(bill())
    before = balances(books)
    again = billing.settle(bill())
    assert (again.status, again.split) == (SettleStatus.EXISTS, first.split)
    assert status_of(billing.settle, bill(fen=200_001)) == "EXISTS_DIFFERENT"
    outcomes = billing.settle_many([bill(2), bill(2), bill(2, 7), bill(3)])
    assert [one.status.name for one in outcomes] == ["SETTLED", "EXISTS", "EXISTS_DIFFERENT", "SETTLED"]
    assert balances(books) != before


def test_bills_of_one_person_in_a_batch_follow_each_other(billing: MedicalBilling, store: Store) -> None:
    """In one call or one by one: the same splits, the same year."""
    bills = [
        bill(n, 50_000 * n, kind=kind)
        for n, kind in enumerate([*VisitKind, *VisitKind][:6], start=1)
        if kind != "pharmacy"
    ]
    together = billing.settle_many(bills)
    with Store.open("sqlite://", sample=True) as other:
        ledger = Ledger(other)
        ledger.open_accounts([("EXTERNAL", AccountKind.EXTERNAL), (ME, AccountKind.PERSONAL_MEDICAL)])
        ledger.post(Transfer("load", "EXTERNAL", ME, 10_000, "load", AT))
        alone = MedicalBilling(other, ledger, samples())
        assert [alone.settle(one).split for one in bills] == [one.split for one in together]
        year = alone.accumulators("P1", 2014, insutype="employee")
    assert billing.accumulators("P1", 2014, insutype="employee") == year
    assert set(year) == {"inpatient", "outpatient"}  # chronic counts with inpatient
    assert sum(one.split.acct_pay for one in together if one.split) == 10_000


def test_a_cancellation_is_the_exact_negative_and_the_year_is_as_before(billing: MedicalBilling, books: Ledger) -> None:
    billing.settle(bill(1))
    money, year = balances(books), billing.accumulators("P1", 2014, insutype="employee")
    settled = billing.settle(bill(2, 400_000)).split
    assert billing.cancel(number(2), msgid=number(3), at=AT) is SettleStatus.SETTLED
    assert (balances(books), billing.accumulators("P1", 2014, insutype="employee")) == (money, year)
    negative = billing.settlement(number(3))
    assert settled is not None
    assert negative == settled.negated()
    assert billing.cancel(number(2), msgid=number(3), at=AT) is SettleStatus.EXISTS
    assert billing.cancel(number(2), msgid=number(4), at=AT) is SettleStatus.EXISTS
    assert status_of(billing.cancel, number(3), msgid=number(5), at=AT) == "NOT_CANCELLABLE"
    assert status_of(billing.cancel, number(9), msgid=number(5), at=AT) == "UNKNOWN_SETTLEMENT"
    assert status_of(billing.cancel, number(1), msgid=number(5), at=AT, psn_no="P2") == "UNKNOWN_SETTLEMENT"
    assert status_of(billing.cancel, number(1), msgid=number(2), at=AT) == "EXISTS_DIFFERENT"
    assert status_of(billing.cancel, number(1), msgid="short", at=AT) == "MALFORMED"


def test_a_refund_moves_the_difference_to_a_bill_without_what_came_back(billing: MedicalBilling, books: Ledger) -> None:
    billing.settle(bill(8, 10_000))  # so that the year is not empty
    money, year = balances(books), billing.accumulators("P1", 2014, insutype="employee")
    whole = billing.settle(bill(1)).split
    first = billing.refund(number(1), {2: Decimal(3)}, msgid=number(2), at=AT)
    left = bill(1, lines=(bill().lines[0], FeeLine("药", Grade.A, 21_000, cnt=Decimal(7))))
    employee, _ = samples()
    visit = left.visit(10_000 - 10_000, 0)
    assert amounts(first.remaining) == amounts(split(left.lines, employee, year["inpatient"], visit))  # type: ignore[arg-type]
    assert amounts(first.difference)["medfee_sumamt"] == -9_000
    for name in AMOUNT_FIELDS:
        assert getattr(whole, name) + getattr(first.difference, name) == getattr(first.remaining, name)
    explained = sum(step.amount_fen for step in first.difference.trace if step.field == "hifp_pay")
    assert explained == first.difference.hifp_pay
    again = billing.refund(number(1), {2: Decimal(3)}, msgid=number(2), at=AT)
    assert (again.status, amounts(again.difference)) == (SettleStatus.EXISTS, amounts(first.difference))
    assert status_of(billing.refund, number(1), {2: Decimal(4)}, msgid=number(2), at=AT) == "EXISTS_DIFFERENT"
    for wrong in ({2: Decimal(8)}, {3: None}, {}, {2: Decimal("NaN")}, {2: Decimal(-1)}):
        assert status_of(billing.refund, number(1), wrong, msgid=number(3), at=AT) == "MALFORMED"
    second = billing.refund(number(1), {2: None}, msgid=number(4), at=AT)
    assert second.remaining.medfee_sumamt == 200_000
    billing.cancel(number(1), msgid=number(5), at=AT)
    assert (balances(books), billing.accumulators("P1", 2014, insutype="employee")) == (money, year)
    assert status_of(billing.refund, number(1), {1: None}, msgid=number(6), at=AT) == "NOT_CANCELLABLE"
    for taken in (1, 5):  # the number of the settlement, and that of its cancellation
        assert status_of(billing.refund, number(1), {2: Decimal(3)}, msgid=number(taken), at=AT) == "EXISTS_DIFFERENT"
    (total,) = billing.daily_totals("2014-07-31", "2014-07-31")
    assert total.medfee_sumamt == 40_000


def test_all_that_came_back_leaves_no_visit(billing: MedicalBilling, books: Ledger) -> None:
    money = balances(books)
    billing.settle(bill())
    back = billing.refund(number(1), {1: None, 2: None}, msgid=number(2), at=AT)
    assert amounts(back.remaining) == {}
    assert balances(books) == money
    assert billing.accumulators("P1", 2014, insutype="employee") == {}


def test_a_refund_needs_the_table_of_the_day(billing: MedicalBilling, store: Store, books: Ledger) -> None:
    billing.settle(bill())
    employee, resident = samples()
    for tables in ([resident], [replace(employee, digest="other"), resident]):
        other = MedicalBilling(store, books, tables)
        assert status_of(other.refund, number(1), {1: None}, msgid=number(2), at=AT) == "POLICY_CHANGED"


def test_an_unknown_outcome_is_taken_back_whether_it_had_arrived_or_not(billing: MedicalBilling, books: Ledger) -> None:
    money = balances(books)
    billing.settle(bill(1))
    for omsgid, arrived in ((number(1), True), (number(2), False)):
        asked = {"oinfno": "2304", "psn_no": "P1", "msgid": number(100 + int(arrived)), "at": AT}
        first, again = billing.reverse(omsgid, **asked), billing.reverse(omsgid, **asked)  # type: ignore[arg-type]
        assert (first.status, first.cancelled) == (SettleStatus.SETTLED, arrived)
        assert (again.status, again.cancelled) == (SettleStatus.EXISTS, arrived)
    assert balances(books) == money
    assert status_of(billing.settle, bill(2)) == "REVERSED"
    assert status_of(billing.presettle, bill(2)) == "REVERSED"
    billing.settle(bill(3))
    wrong = {"oinfno": "2304", "psn_no": "P1", "msgid": number(200), "at": AT}
    assert status_of(billing.reverse, number(3), **(wrong | {"oinfno": "2206"})) == "MALFORMED"
    assert status_of(billing.reverse, number(3), **(wrong | {"oinfno": "2208"})) == "NOT_CANCELLABLE"
    assert status_of(billing.reverse, number(3), **(wrong | {"psn_no": "P2"})) == "UNKNOWN_SETTLEMENT"
    assert status_of(billing.reverse, "x", **wrong) == "MALFORMED"


def test_bad_bills_are_refused_by_kind_and_move_nothing(billing: MedicalBilling, books: Ledger, store: Store) -> None:
    before = balances(books), books.totals()
    huge = (FeeLine("x", Grade.A, 10**16 - 1), FeeLine("x", Grade.A, 1))
    charge = Charge("S-CT", 100, Decimal(99))
    wrong = {
        "MALFORMED": [
            replace(bill(), msgid="H4301000000120140731100000000"),
            replace(bill(), msgid=number(1).replace("20140731", "20140732")),
            replace(bill(), at="2014-07-31"),
            replace(bill(), psn_no=""),
            replace(bill(), card_no="B000000199"),
            bill(lines=()),
            bill(lines=huge),
            bill(lines=(FeeLine("x", Grade.A, 0),)),
            bill(begins="2014-08-01"),
            bill(begins="2014-07-31", ends="2014-07-30"),
            bill(begins="2014-02-30"),
            bill(remote="filed"),
            bill(mdtrtarea_admvs="440100"),
            bill(purse=PursePayment("t", 1, 5, 6)),
            bill(lines=None),
            bill(mdtrt_id=5),
        ],
        "TOTALS_DISAGREE": [bill(medfee_sumamt=230_001), bill(lines=(charge,))],
        "SPANS_YEARS": [bill(begins="2013-12-31")],
        "NO_POLICY": [
            replace(bill(), insutype="other"),
            replace(bill(), at="2013-12-31T10:00:00"),
        ],
        "NOT_COVERED": [bill(level="9"), bill(mdtrtarea_admvs="440100", remote="unheard"), bill(kind="dental")],
        "UNKNOWN_ITEM": [bill(lines=(Charge("none", 100, Decimal(100)),))],
        "UNKNOWN_ACCOUNT": [bill(personal_account="nobody"), bill(family_account="nobody")],
        "CARD_PAYMENT_DIFFERS": [bill(purse=PursePayment("t", 1, 500, 499)), bill(purse=PursePayment("t", 1, 500))],
    }
    batch = [one for bills in wrong.values() for one in bills]
    expected = [name for name, bills in wrong.items() for _ in bills]
    for n, one in enumerate(batch):
        (outcome,) = billing.settle_many([one])
        assert outcome.status.name == expected[n], one
        assert outcome.split is None
    strange: list[object] = [None, "bill", replace(bill(), lines=(1,)), replace(bill(), groups=None)]
    assert {one.status.name for one in billing.settle_many(strange)} == {"MALFORMED"}  # type: ignore[arg-type]
    assert (balances(books), books.totals()) == before
    with store.begin() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM settlement").scalar() == 0
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM medical_year").scalar() == 0


def test_a_fund_that_refuses_stops_its_own_bill_alone(store: Store, books: Ledger) -> None:
    bounds = {AccountKind.POOLED_FUND: Bounds(floor_fen=-150_000), AccountKind.PERSONAL_MEDICAL: Bounds(floor_fen=0)}
    strict = MedicalBilling(store, Ledger(store, bounds=bounds), samples())
    bills = [bill(1), bill(2, 9_000_000), bill(3, 300), bill(4, level="9")]
    got = strict.settle_many(bills)
    assert [one.status.name for one in got] == ["SETTLED", "LEDGER_REFUSED", "SETTLED", "NOT_COVERED"]
    assert got[1].status.is_transient
    first, third = got[0].split, got[2].split
    assert first is not None
    assert third is not None
    assert strict.accumulators("P1", 2014, insutype="employee")["inpatient"] == first.added.plus(third.added)
    assert books.recompute() == []


def test_the_family_account_pays_after_the_own_one(billing: MedicalBilling, books: Ledger) -> None:
    s = billing.settle(bill(family_account=FAMILY)).split
    assert s is not None
    assert (s.acct_pay, s.acct_mulaid_pay) == (10_000, 5_000)
    assert books.balance(FAMILY).net_fen == 0
    assert billing.settle(bill(2, use_account=False, family_account=FAMILY)).split.acct_mulaid_pay == 0  # type: ignore[union-attr]


def test_what_the_card_paid_at_the_terminal_counts_once(billing: MedicalBilling, books: Ledger) -> None:
    asked = billing.presettle(bill(purse=PursePayment("T1", 7, 3_000)))
    assert asked.split is not None
    assert asked.split.acct_pay == 3_000
    paid = PursePayment("T1", 7, 3_000, 3_000)
    billing.settle(bill(purse=paid))
    assert balances(books)["PURSE_FLOAT"] == -3_000
    assert books.balance(ME).net_fen == 10_000
    assert status_of(billing.settle, bill(2, purse=paid)) == "CARD_PAYMENT_DIFFERS"
    billing.cancel(number(1), msgid=number(3), at=AT)
    assert "PURSE_FLOAT" not in balances(books)


def test_another_region_has_the_own_policy_and_its_own_catalogue(store: Store, books: Ledger) -> None:
    employee, resident = samples()
    home = replace(employee, region="430100")
    text = "refuse"
    there = sample_catalogue()
    there.region = "440100"
    billing = MedicalBilling(store, books, [home, resident], catalogues=[there])
    lines = (Charge("S-CT", 60_000, Decimal(30_000), Decimal(2)), Charge("S-VISIT", 300_000, Decimal(300_000)))
    values = {"lines": lines, "insuplc_admdvs": "430100", "use_account": False}
    filed = billing.settle(bill(1, mdtrtarea_admvs="440100", remote="filed", **values)).split
    assert filed is not None
    assert (filed.overlmt_selfpay, filed.act_pay_dedc) == (16_000, 90_000)
    unfiled = billing.presettle(
        replace(bill(2, mdtrtarea_admvs="440100", remote="unfiled", **values), psn_no="P9")
    ).split
    assert unfiled is not None
    assert unfiled.act_pay_dedc == 135_000
    ratios = {step.ratio_bp for step in unfiled.trace if step.field == "hifp_pay"}
    assert ratios == {6400}
    assert status_of(billing.settle, bill(3, **values)) == "UNKNOWN_ITEM", text  # no catalogue at home
    day = replace(bill(4, mdtrtarea_admvs="440100", remote="filed", **values), at="2014-06-30T10:00:00", ends="")
    assert billing.presettle(day).split.overlmt_selfpay == 12_000  # type: ignore[union-attr]


def test_a_visit_over_two_years_follows_the_table(store: Store, books: Ledger) -> None:
    billing = MedicalBilling(store, books, samples())
    stay = replace(bill(begins="2014-12-30", personal_account=""), insutype="resident", at="2015-01-03T10:00:00")
    billing.settle(stay)
    assert set(billing.accumulators("P1", 2015, insutype="resident")) == {"inpatient"}
    assert billing.accumulators("P1", 2014, insutype="resident") == {}


def test_totals_are_those_of_the_settlements(billing: MedicalBilling) -> None:
    rng = Random(5)
    outcomes: list[Outcome] = []
    for n in range(1, 40):
        kind = rng.choice([VisitKind.INPATIENT, VisitKind.OUTPATIENT])
        one = bill(n, rng.randrange(1, 90_000), kind=kind, setl_optins=rng.choice(["430100", "430200"]), level="1")
        outcomes.append(billing.settle(replace(one, insutype=rng.choice(["employee", "resident"]))))
    billing.refund(number(4), {2: Decimal(1)}, msgid=number(100), at="2014-08-01T00:00:00")
    billing.cancel(number(5), msgid=number(101), at=AT)
    july = billing.daily_totals("2014-07-31", "2014-07-31", hospital=HOSPITAL)
    assert len(july) == len({(t.insutype, t.clr_type, t.setl_optins) for t in july}) == 8
    settled = [one.split for one in outcomes if one.split]
    gone = billing.settlement(number(101))
    assert gone is not None
    for mine, theirs in (
        ("medfee_sumamt",) * 2,
        ("fund_pay_sumamt",) * 2,
        ("acct_pay",) * 2,
        ("psn_cash_pay", "cash_payamt"),
    ):
        assert sum(getattr(t, theirs) for t in july) == sum(getattr(s, mine) for s in [*settled, gone])
    assert sum(t.fixmedins_setl_cnt for t in july) == 40
    without = billing.daily_totals("2014-07-31", "2014-07-31", refunds=False)
    assert sum(t.fixmedins_setl_cnt for t in without) == 39
    assert {t.refd_setl_flag for t in without} == {"0"}
    both = billing.daily_totals("2014-07-31", "2014-08-01")
    assert sum(t.medfee_sumamt for t in both) == sum(
        d.medfee_sumamt for d in billing.details("2014-07-31", "2014-08-01")
    )
    assert july[0].as_national()["medfee_sumamt"].count(".") == 1
    assert billing.daily_totals("2014-07-31", "2014-07-31", hospital="H00000000000") == []
    for wrong in (("2014-07-31", "2014-07-30"), ("31", "2014-07-30")):
        with pytest.raises(InvalidValue):
            billing.daily_totals(*wrong)


def test_the_reply_in_national_and_in_older_names_and_back(billing: MedicalBilling) -> None:
    done = billing.settle(bill(groups=frozenset({"civil_servant"})))
    assert done.split is not None
    reply = json.loads(json.dumps(as_national(done.split, medins_setl_id=done.setl_id, balc_fen=done.balc_fen)))
    assert from_national(reply, fund_sum_includes_account=False) == {
        name: getattr(done.split, name) for name in AMOUNT_FIELDS
    }
    assert "×84%" in reply["setldetail"][0]["setl_proc_info"]
    for name in ("medfee_sumamt", "psn_cash_pay", "fund_pay_sumamt", "inscp_scp_amt", "cvlserv_pay"):
        with pytest.raises(TotalsDisagree):
            from_national(reply | {name: "0.01"}, fund_sum_includes_account=False)
    with pytest.raises(TotalsDisagree):
        from_national(reply, fund_sum_includes_account=True)
    with pytest.raises(InvalidValue):
        as_national(Split(medfee_sumamt=10**16))
    old = to_hunan({name: getattr(done.split, name) for name in AMOUNT_FIELDS})
    back = from_hunan(old, catastrophic="hifob_pay")
    assert all(getattr(done.split, name) == fen for name, fen in back.items())
    assert to_hunan(back) == old
    with pytest.raises(TotalsDisagree):
        from_hunan(old | {"bka831": "0.01"}, catastrophic="hifob_pay")


def test_a_refused_cancellation_moves_nothing(store: Store, books: Ledger) -> None:
    MedicalBilling(store, books, samples()).settle(bill())
    bounds = {AccountKind.HOSPITAL_PAYABLE: Bounds(floor_fen=1)}
    strict = MedicalBilling(store, Ledger(store, bounds=bounds), samples())
    before = books.totals(), strict.accumulators("P1", 2014, insutype="employee")
    with pytest.raises(Refused):
        strict.cancel(number(1), msgid=number(2), at=AT)
    with pytest.raises(Refused):
        strict.refund(number(1), {1: None, 2: None}, msgid=number(2), at=AT)
    assert (books.totals(), strict.accumulators("P1", 2014, insutype="employee")) == before
    assert strict.settlement(number(2)) is None


@pytest.mark.parametrize(
    "wrong", ["", "x" * 30, number(1)[:-1], number(1) + "0", number(1).lower(), number(1)[:-1] + "٣"]
)
def test_a_message_number_has_its_shape(wrong: str) -> None:
    assert is_msgid(number(1))
    assert not is_msgid(wrong)


def test_what_one_bucket_used_up_is_used_up_in_the_other(store: Store, books: Ledger) -> None:
    """A supplement's cap is one for the year, whatever the kind of visit; deductible and tiers are the bucket's own."""
    billing = MedicalBilling(store, books, samples())
    groups = frozenset({"enterprise_supplement"})
    first = billing.settle(bill(1, 5_000_000, groups=groups)).split
    assert first is not None
    assert first.hifes_pay == 300_000
    second = billing.settle(bill(2, 900_000, groups=groups, kind=VisitKind.OUTPATIENT)).split
    assert second is not None
    assert (second.hifes_pay, second.act_pay_dedc) == (0, 30_000)
    billing.cancel(number(1), msgid=number(3), at=AT)
    third = billing.settle(bill(4, 900_000, groups=groups, kind=VisitKind.OUTPATIENT)).split
    assert third is not None
    assert third.hifes_pay > 0


def test_no_person_shows_in_a_bill() -> None:
    assert "P1" not in repr(bill())
