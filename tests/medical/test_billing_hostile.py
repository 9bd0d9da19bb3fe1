"""What a careless or hostile hospital may send, through the backend: a typed refusal, and nothing has moved."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sbcard_core.backend import Backend, Rules
from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import AccountKind, Transfer, TransferFlag
from sbcard_core.medical import (
    Accumulators,
    Bill,
    Cancellation,
    CatalogueRefused,
    Charge,
    FeeLine,
    Grade,
    MedicalBilling,
    PolicyRefused,
    PursePayment,
    SettlementRefused,
    SettleStatus,
    Split,
    Visit,
    VisitKind,
    as_national,
    from_hunan,
    from_national,
    hospital_account,
    line_as_national,
    sample_catalogue,
    samples,
    split,
)
from sbcard_core.medical.amounts import AMOUNT_MAX
from sbcard_core.medical.split import AMOUNT_FIELDS
from sbcard_core.store import Store
from sbcard_core.values import FEN_MAX
from tests.medical.proof import assert_sound, nets, rows, years

AT, LATER = "2014-07-31T10:00:00", "2014-07-31T11:00:00"
ME = "PERSONAL_MEDICAL:1"


def number(serial: int) -> str:
    return f"H4301000000120140731100000{serial:04d}"


def bill(serial: int = 1, **changes: Any) -> Bill:
    lines = (FeeLine("CT", Grade.B, 200_000, selfpay_prop_bp=1000), FeeLine("药", Grade.A, 30_000, cnt=Decimal(10)))
    values = {"lines": lines, "kind": VisitKind.INPATIENT, "personal_account": ME} | changes
    return replace(Bill(number(serial), "P1", "employee", AT, ()), **values)


@pytest.fixture
def store() -> Iterator[Store]:
    """What is asked here is asked before any database: one is enough, and it is in memory."""
    with Store.open("sqlite://", sample=True) as opened:
        yield opened


@pytest.fixture
def backend(store: Store) -> Iterator[Backend]:
    backend = Backend(store)
    backend.ledger.open_accounts([("EXTERNAL", AccountKind.EXTERNAL), (ME, AccountKind.PERSONAL_MEDICAL)])
    backend.ledger.post(Transfer("load", "EXTERNAL", ME, 10_000, "load", AT))
    yield backend
    assert_sound(store)


@pytest.fixture
def billing(backend: Backend) -> MedicalBilling:
    return backend.medical


def refusal(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(SettlementRefused) as refused:
        call(*args, **kwargs)
    return refused.value.status.name


WRONG: tuple[dict[str, Any], ...] = (
    {"personal_account": ["x"]},
    {"family_account": {}},
    {"personal_account": "a\0"},
    {"groups": frozenset({1, "a"})},
    {"groups": frozenset({object()})},
    {"groups": ["civil_servant"]},
    {"use_account": "no"},
    {"level": ["3"]},
    {"level": 3},
    {"remote": b"filed"},
    {"kind": ["inpatient"]},
    {"kind": None},
    {"medfee_sumamt": 230_000.0},
    {"purse": "purse"},
    {"purse": PursePayment(object(), 1, 5, 5)},  # type: ignore[arg-type]
    {"purse": PursePayment("T", 1.0, 5, 5)},  # type: ignore[arg-type]
    {"purse": PursePayment("T", 1, 5.0, 5)},  # type: ignore[arg-type]
    {"purse": PursePayment("T", 1, -1)},
    {"lines": (Charge("S-CT", "x", Decimal(1)),)},  # type: ignore[arg-type]
    {"lines": (Charge("S-CT", 100, 1.0),)},  # type: ignore[arg-type]
    {"lines": (Charge("S-CT", -100, Decimal(-100)),)},
    {"lines": (Charge("S-VISIT", 100, Decimal(100), on="2014-07-31"),)},  # type: ignore[arg-type]
    {"lines": (Charge("S-VISIT", 100, Decimal(100), on=date(2014, 8, 1)),)},
    {"lines": (Charge("S-VISIT", 100, Decimal(100), on=date(2014, 7, 30)),)},
    {"lines": bill().lines * 5001},
    {"insutype": None},
    {"at": None},
    {"at": "2014-02-30T10:00:00"},
    {"psn_no": 7},
)


def test_bills_of_wrong_types_are_refused_and_stop_no_other(billing: MedicalBilling) -> None:
    for serial, wrong in enumerate(WRONG, start=10):
        found = billing.settle_many([bill(1, **wrong), bill(serial)])
        assert [one.status.name for one in found] == ["MALFORMED", "SETTLED"], wrong
        assert refusal(billing.presettle, bill(3, **wrong)) == "MALFORMED"


@pytest.mark.parametrize(
    "wrong",
    [
        {"grade": "03"},
        {"grade": None},
        {"det_item_fee_sumamt": 1.5},
        {"det_item_fee_sumamt": True},
        {"selfpay_prop_bp": 0.5},
        {"pric": 1},
        {"cnt": 1.0},
        {"pric": Decimal("Infinity")},
        {"cnt": Decimal("1E-7")},
        {"item": None},
    ],
)
def test_a_line_of_wrong_types_is_refused(wrong: dict[str, Any]) -> None:
    """Grade "03" is not ``Grade.C``: it must not be taken for a covered one."""
    with pytest.raises(InvalidValue):
        FeeLine(**{"item": "x", "grade": Grade.B, "det_item_fee_sumamt": 1} | wrong)


def test_a_charge_that_is_not_price_times_quantity_is_refused(billing: MedicalBilling) -> None:
    def line(fen: int) -> Bill:
        return bill(lines=(FeeLine("x", Grade.A, fen, Decimal("333.5"), Decimal(3), Decimal(300)),))

    assert refusal(billing.settle, line(100_000)) == "TOTALS_DISAGREE"
    assert refusal(billing.settle, line(1000)) == "TOTALS_DISAGREE"
    assert billing.settle(line(1001)).status is SettleStatus.SETTLED


def test_only_a_personal_account_pays_and_only_what_is_not_held_back(backend: Backend, billing: MedicalBilling) -> None:
    ledger = backend.ledger
    ledger.open_accounts([("CASH", AccountKind.CASH), ("PENSION", AccountKind.PENSION_FUND)])
    ledger.post_many([Transfer(f"t{name}", "EXTERNAL", name, 10**6, "load", AT) for name in ("CASH", "PENSION")])
    for name in ("CASH", "PENSION", "EXTERNAL", "nobody"):
        assert refusal(billing.settle, bill(personal_account=name)) == "UNKNOWN_ACCOUNT"
        assert refusal(billing.presettle, bill(family_account=name)) == "UNKNOWN_ACCOUNT"
    ledger.post(Transfer("hold", ME, "CASH", 4_000, "hold", AT, flags=TransferFlag.PENDING))
    done = billing.settle(bill())
    assert done.split is not None
    assert (done.split.acct_pay, done.balc_fen) == (6_000, 0)


def test_what_would_overflow_is_refused(backend: Backend, billing: MedicalBilling) -> None:
    full = hospital_account("H43010000001")
    backend.ledger.open_accounts([(full, AccountKind.HOSPITAL_PAYABLE)])
    backend.ledger.post(Transfer("full", "EXTERNAL", full, FEN_MAX - 20_000, "load", AT))
    money = nets(backend.store)
    huge = bill(1, lines=(FeeLine("x", Grade.A, AMOUNT_MAX),))
    found = billing.settle_many([huge, bill(2, lines=(FeeLine("x", Grade.A, 5_000),))])
    assert [one.status.name for one in found] == ["LEDGER_REFUSED", "SETTLED"]
    billing.cancel(number(2), msgid=number(3), at=AT)
    assert nets(backend.store) == money
    with pytest.raises(InvalidValue):
        split(huge.lines, samples()[0], Accumulators(pool_base_fen=FEN_MAX), Visit())  # type: ignore[arg-type]


def test_a_closed_period_takes_no_bill(backend: Backend, billing: MedicalBilling) -> None:
    backend.ledger.close_period("2014-07", at="2014-08-01T00:00:00")
    (found,) = billing.settle_many([bill()])
    assert found.status is SettleStatus.LEDGER_REFUSED
    assert rows(backend.store) == []


def test_a_presettlement_of_a_number_that_is_taken_answers_as_the_settlement_would(billing: MedicalBilling) -> None:
    first = billing.settle(bill())
    again = billing.presettle(bill())
    assert (again.status, again.split) == (SettleStatus.EXISTS, first.split)
    assert refusal(billing.presettle, bill(level="2")) == "EXISTS_DIFFERENT"


def test_a_cancellation_the_books_refuse_stops_its_own_alone(backend: Backend, billing: MedicalBilling) -> None:
    billing.settle_many([bill(n) for n in (1, 2)])
    backend.ledger.close_period("2014-07-31", at="2014-08-01T00:00:00")
    asked = [Cancellation(number(1), number(3), LATER), Cancellation(number(2), number(4), "2014-08-01T00:00:00")]
    assert [status.name for status in billing.cancel_many(asked)] == ["LEDGER_REFUSED", "SETTLED"]
    assert {row.reverses for row in rows(backend.store)} == {None, number(2)}


def test_a_bill_cancelled_after_a_later_one_leaves_that_as_it_was(backend: Backend, billing: MedicalBilling) -> None:
    """And whoever wants it by the smaller year cancels it too and settles it again."""
    first, second = billing.settle(bill(1)).split, billing.settle(bill(2)).split
    assert first is not None
    assert second is not None
    assert (first.act_pay_dedc, second.act_pay_dedc) == (90_000, 0)
    billing.cancel(number(1), msgid=number(3), at=LATER)
    assert billing.settlement(number(2)) == second
    assert billing.accumulators("P1", 2014, insutype="employee") == {"inpatient": second.added}
    billing.cancel(number(2), msgid=number(4), at=LATER)
    assert years(backend.store) == {}
    third = billing.settle(bill(5)).split
    assert third == first


def test_refunds_that_cannot_be_are_refused(backend: Backend, billing: MedicalBilling) -> None:
    billing.settle(bill())
    before = nets(backend.store), years(backend.store)
    strange: list[Any] = [
        *({2: Decimal(11)}, {2: Decimal(0)}, {2: Decimal(-1)}, {2: Decimal("1E-9")}, {2: Decimal("1E-999999999")}),
        *({2: Decimal("Infinity")}, {2: 3}, {2: 0.5}, {"2": None}, {0: None}, {-1: None}, {3: None}, {}, None, [2]),
    ]
    for returned in strange:
        assert refusal(billing.refund, number(1), returned, msgid=number(2), at=LATER) == "MALFORMED", returned
    good = {"msgid": number(2), "at": LATER}
    assert refusal(billing.refund, number(1), {1: None}, **good | {"at": "2014-07-31T09:00:00"}) == "MALFORMED"
    assert refusal(billing.refund, number(1), {1: None}, **good | {"at": None}) == "MALFORMED"
    assert refusal(billing.refund, number(1), {1: None}, **good, psn_no="P2") == "UNKNOWN_SETTLEMENT"
    assert refusal(billing.refund, None, {1: None}, **good) == "UNKNOWN_SETTLEMENT"
    assert refusal(billing.cancel, number(1), msgid=number(2), at="2014-07-31T09:00:00") == "MALFORMED"
    assert (nets(backend.store), years(backend.store)) == before
    billing.refund(number(1), {2: Decimal(6)}, **good, psn_no="P1")  # type: ignore[arg-type]
    assert refusal(billing.refund, number(1), {2: Decimal(6)}, msgid=number(3), at=LATER) == "MALFORMED"  # 4 are left
    assert refusal(billing.refund, number(2), {1: None}, msgid=number(3), at=LATER) == "NOT_CANCELLABLE"
    assert refusal(billing.cancel, number(2), msgid=number(3), at=LATER) == "NOT_CANCELLABLE"
    billing.refund(number(1), {1: None, 2: None}, msgid=number(4), at=LATER)
    assert refusal(billing.refund, number(1), {1: None}, msgid=number(5), at=LATER) == "MALFORMED"
    assert billing.cancel(number(1), msgid=number(6), at=LATER) is SettleStatus.SETTLED  # of nothing that is left
    assert refusal(billing.refund, number(1), {1: None}, msgid=number(7), at=LATER) == "NOT_CANCELLABLE"
    assert years(backend.store) == {}
    assert nets(backend.store) == {"EXTERNAL": -10_000, ME: 10_000}


def test_tables_that_cannot_be_are_refused_wherever_they_were_made(store: Store) -> None:
    employee, resident = samples()
    pharmacy = employee.benefits[VisitKind.PHARMACY]
    wrong = replace(employee, benefits={VisitKind.PHARMACY: replace(pharmacy, account_scope=("cash",))})
    for policies in ([wrong], [replace(employee, benefits={})], [employee, resident, employee]):
        with pytest.raises(PolicyRefused):
            _ = Backend(store, rules=Rules(policies=policies)).medical
    with pytest.raises(CatalogueRefused):
        _ = Backend(store, rules=Rules(catalogues=[sample_catalogue(), sample_catalogue()])).medical


def test_a_region_that_counts_the_account_among_the_funds(store: Store) -> None:
    """The switch changes fund_pay_sumamt alone: the money moves alike, a refund and a cancellation give it back."""
    employee, _ = samples()
    zhuhai = replace(employee, code="counts", fund_sum_includes_account=True, region="440400")
    backend = Backend(store, rules=Rules(policies=[employee, zhuhai]))
    backend.ledger.open_accounts([("EXTERNAL", AccountKind.EXTERNAL), (ME, AccountKind.PERSONAL_MEDICAL)])
    backend.ledger.post(Transfer("load", "EXTERNAL", ME, 10_000, "load", AT))
    hunan = backend.medical.presettle(bill(1)).split
    there = backend.medical.settle(bill(2, insuplc_admdvs="440400")).split
    assert hunan is not None
    assert there is not None
    differ = {name for name in AMOUNT_FIELDS if getattr(hunan, name) != getattr(there, name)}
    assert differ == {"fund_pay_sumamt"}
    assert there.fund_pay_sumamt - hunan.fund_pay_sumamt == there.acct_pay == 10_000
    assert {pay.fund_pay_type_name for pay in there.setldetail} - {pay.fund_pay_type_name for pay in hunan.setldetail}
    from_national(as_national(there), fund_sum_includes_account=True)
    backend.medical.refund(number(2), {1: None}, msgid=number(3), at=LATER)
    (total,) = backend.medical.daily_totals("2014-07-31", "2014-07-31")
    assert (total.medfee_sumamt, total.fund_pay_sumamt, total.acct_pay) == (30_000, 10_000, 10_000)
    backend.medical.cancel(number(2), msgid=number(4), at=LATER)
    assert nets(store) == {"EXTERNAL": -10_000, ME: 10_000}


def test_each_line_and_each_row_of_the_detail_file_has_its_national_names(billing: MedicalBilling) -> None:
    charge = Charge("S-CT", 60_000, Decimal(30_000), Decimal(2))
    sent = bill(lines=(charge, FeeLine("x", Grade.C, 5)), mdtrt_id="V1")
    first, second = map(line_as_national, billing.fee_lines(sent))
    assert (first["overlmt_amt"], first["chrgitm_lv"], first["pric"], first["cnt"]) == ("160.00", "02", "300.00", "2")
    assert (second["fulamt_ownpay_amt"], second["pric_uplmt_amt"]) == ("0.05", "")
    assert refusal(billing.fee_lines, bill(lines=(Charge("none", 1, Decimal(1)),))) == "UNKNOWN_ITEM"
    done = billing.settle(sent).split
    assert done is not None
    parts = ("fulamt_ownpay_amt", "preselfpay_amt", "inscp_scp_amt")
    for name in parts:
        assert sum(Decimal(line[name]) for line in (first, second)) * 100 == getattr(done, name)
    kept = json.loads(json.dumps(done.as_json(), ensure_ascii=False))
    assert {name: kept[name] for name in AMOUNT_FIELDS} == {name: getattr(done, name) for name in AMOUNT_FIELDS}
    assert [step["amount_fen"] for step in kept["trace"]] == [step.amount_fen for step in done.trace]
    billing.cancel(number(1), msgid=number(2), at=LATER)
    details = billing.details("2014-07-31", "2014-07-31")
    files = [one.as_national() for one in details]
    assert [(row["psn_no"], row["mdtrt_id"], row["refd_setl_flag"]) for row in files] == [
        ("P1", "V1", "0"),
        ("P1", "V1", "1"),
    ]
    assert "P1" not in repr(details)
    (total,) = billing.daily_totals("2014-07-31", "2014-07-31")
    assert "cash_payamt" in total.as_national(detail=True)
    assert "acct_pay" not in total.as_national(detail=True)


def test_replies_that_are_none_are_refused() -> None:
    with pytest.raises(InvalidValue):
        from_hunan({}, catastrophic="hifp_pay")
    for wrong in ({"setldetail": [1]}, {"medfee_sumamt": "x"}, {"inscp_scp_amt": "1", "act_pay_dedc": "2"}):
        with pytest.raises(InvalidValue):
            from_national(wrong, fund_sum_includes_account=False)
    assert Split().as_json()["trace"] == []
