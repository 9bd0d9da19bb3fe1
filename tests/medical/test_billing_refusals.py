"""What a refusal says: step, field and line, what to do next; and what is no settlement does not look like one."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any

import pytest

from sbcard_core.backend import Backend
from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.medical import (
    Bill,
    Charge,
    FeeLine,
    Grade,
    MedicalBilling,
    PursePayment,
    SettlementRefused,
    SettleStatus,
    VisitKind,
)
from sbcard_core.medical.policy_file import parse
from sbcard_core.messages import catalogue, message, use

AT, LATER, EARLIER = "2014-07-31T10:00:00", "2014-07-31T11:00:00", "2014-07-31T09:00:00"
GOOD = FeeLine("药", Grade.A, 30_000, cnt=Decimal(10))
CITIZEN = "11010519491231002X"


def number(serial: int) -> str:
    return f"H4301000000120140731100000{serial:04d}"


def bill(serial: int = 1, **changes: Any) -> Bill:
    return replace(Bill(number(serial), CITIZEN, "employee", AT, (GOOD,), VisitKind.INPATIENT), **changes)


@pytest.fixture
def billing() -> Iterator[MedicalBilling]:
    with Backend.open("sqlite://", sample=True) as backend:
        yield backend.medical


def said(call: Any, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(SettlementRefused) as refused:
        call(*args, **kwargs)
    assert CITIZEN not in str(refused.value)
    advice = message(f"medical.advice.{refused.value.status.name.lower()}").en
    assert str(refused.value).endswith(f"[{refused.value.step}]; {advice}")
    return str(refused.value)


NAMED: tuple[tuple[dict[str, Any], str], ...] = (
    (
        {"at": "2014-02-30T10:00:00"},
        "at (结算时间) is no moment YYYY-MM-DDTHH:MM:SS that exists: '2014-02-30T10:00:00'",
    ),
    ({"at": "2014-07-31"}, "at (结算时间) is no moment"),
    ({"at": None}, "at (结算时间) must be text (str), not None"),
    ({"msgid": "7"}, "msgid (报文号) is not institution (12"),
    ({"lines": ()}, "lines (费用明细) has 0 lines"),
    ({"lines": (GOOD, "x")}, "line 2 (费用明细) must be a FeeLine or Charge"),
    ({"lines": (GOOD, Charge("S-CT", -1, Decimal(1)))}, "line 2 (费用明细): det_item_fee_sumamt (金额) is negative"),
    ({"lines": (Charge("S-CT", 1, 1.0),)}, "line 1 (费用明细): pric (单价) must be a Decimal"),  # type: ignore[arg-type]
    (
        {"lines": (Charge("S-CT", 1, Decimal(1), on=date(2014, 8, 1)),)},
        "line 1 (费用明细): on (费用日期) 2014-08-01 is out",
    ),
    ({"lines": (GOOD, FeeLine("x", Grade.A, 5, Decimal(4)))}, "line 2 (费用明细): pric times cnt is not"),
    ({"lines": (GOOD, Charge("S-CT", 5, Decimal(4)))}, "line 2 (费用明细): price times quantity of 'S-CT'"),
    ({"lines": (GOOD, GOOD, Charge("none", 5, Decimal(5)))}, "line 3 (费用明细): item 'none' is not in the catalogue"),
    (
        {"lines": (Charge("S-CT", 1, Decimal(1), on=datetime(2014, 7, 31)),)},  # noqa: DTZ001
        "line 1 (费用明细): on (费用日期) must be a datetime.date, not a datetime",
    ),
    ({"medfee_sumamt": 1}, "medfee_sumamt (费用合计) is 1, the lines add up to 30000"),
    ({"begins": "2014-07-31", "ends": "2014-07-30"}, "ends (就诊结束日) '2014-07-30' comes before begins (就诊开始日)"),
    ({"ends": "2014-08-01"}, "ends (就诊结束日) '2014-08-01' comes after at"),
    ({"begins": "2014-13-01"}, "begins (就诊开始日) is no day"),
    ({"psn_no": ""}, "psn_no (人员编号) is empty"),
    ({"psn_no": " "}, "psn_no (人员编号) is empty"),
    ({"psn_no": "P1 "}, "psn_no (人员编号) is empty, too long"),
    ({"psn_no": "P\u200b1"}, "psn_no (人员编号) is empty, too long or cannot"),
    ({"psn_no": "P1\n"}, "psn_no (人员编号) is empty, too long or cannot be printed"),
    ({"psn_no": 7}, "psn_no (人员编号) must be text"),
    ({"card_no": CITIZEN}, "card_no (卡号) has more than 9"),
    ({"remote": "filed"}, "remote (异地就医类别) is given, but mdtrtarea_admvs (就医地)"),
    ({"mdtrtarea_admvs": "430200"}, "remote (异地就医类别) is missing"),
    ({"groups": ["civil_servant"]}, "groups (人员身份) must be a frozenset"),
    ({"level": 3}, "level (医院等级) must be text (str), not 3"),
    ({"level": int("4301001990")}, "level (医院等级) must be text"),
    ({"kind": None}, "kind (就诊类别) must be a VisitKind"),
    ({"purse": PursePayment("T", 1, -1)}, "purse (电子钱包) balance_fen must be"),
    ({"personal_account": "nobody"}, "personal_account (个人账户) is no open account"),
    ({"family_account": CITIZEN}, "family_account (共济账户) is no open account"),
)


@pytest.mark.parametrize(("wrong", "words"), NAMED, ids=[words[:24] for _, words in NAMED])
def test_a_bill_names_the_field_that_is_wrong(billing: MedicalBilling, wrong: dict[str, Any], words: str) -> None:
    assert words in said(billing.presettle, bill(**wrong))
    assert "[medical.settle]" in said(billing.settle, bill(**wrong))


SENTENCE = re.compile(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}")


def test_a_refusal_is_in_one_language_whole(billing: MedicalBilling) -> None:
    """Of a bill, its lines, and the policy table behind it, down to the reason inside the reason."""
    table = files("sbcard_core.medical").joinpath("policies/resident-sample.toml").read_text("utf-8")
    tables = ("", table.replace("upto_fen = ", "upto_fen = -"), table.replace('bucket = "', 'bucket_ = "'))
    calls = [lambda wrong=wrong: billing.presettle(bill(**wrong)) for wrong, _ in NAMED]
    calls += [lambda text=text: parse(text) for text in tables]  # type: ignore[misc]
    calls += [lambda: billing.accumulators(CITIZEN, [], insutype="employee")]  # type: ignore[arg-type, list-item]
    use("zh")
    try:
        for call in calls:
            with pytest.raises(SBCardError) as refused:
                call()
            assert not SENTENCE.search(str(refused.value))
    finally:
        use(None)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"pric": 1}, "pric (单价) must be a Decimal, such as Decimal('1.5'), not int"),
        ({"pric": "1"}, "not str"),
        ({"cnt": 1.0}, "cnt (数量) must be a Decimal"),
        ({"pric": Decimal(-1)}, "pric (单价) is negative"),
        ({"pric": Decimal("NaN")}, "pric (单价) is too large, or no number"),
        ({"cnt": Decimal("1E-7")}, "cnt (数量) has more than 6 decimals"),
        ({"pric_uplmt_amt": Decimal(1)}, "pric (单价) is missing"),
        ({"pric_uplmt_amt": 0}, "pric_uplmt_amt (限价) must be a Decimal"),
        ({"grade": "03"}, "grade (收费项目等级) must be a Grade"),
        ({"det_item_fee_sumamt": -1}, "det_item_fee_sumamt (金额) is negative"),
        ({"det_item_fee_sumamt": 1.5}, "whole fen (int), not float"),
        ({"selfpay_prop_bp": 10_001}, "selfpay_prop_bp (先行自付比例)"),
        ({"item": "a\n"}, "item (项目名称)"),
    ],
)
def test_a_line_names_the_field_that_is_wrong(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        FeeLine(**{"item": "x", "grade": Grade.B, "det_item_fee_sumamt": 1} | wrong)
    assert words in str(refused.value)


def test_a_bill_that_was_cancelled_is_not_answered_as_settled(billing: MedicalBilling) -> None:
    billing.settle(bill())
    assert billing.settle(bill()).status is SettleStatus.EXISTS
    billing.refund(number(1), {1: Decimal(1)}, msgid=number(9), at=AT)
    assert billing.settle(bill()).status is SettleStatus.EXISTS  # less, but it stands
    billing.cancel(number(1), msgid=number(2), at=LATER)
    words = f"settlement '{number(1)}' refused: CANCELLED: settled, and cancelled by {number(2)} at {LATER}"
    assert words in said(billing.settle, bill())
    assert "CANCELLED" in said(billing.presettle, bill())
    assert "EXISTS_DIFFERENT" in said(billing.settle, bill(level="2"))
    found = billing.settle_many([bill(), bill(3)])
    assert [(one.status.name, one.status.is_settled) for one in found] == [("CANCELLED", False), ("SETTLED", True)]
    billing.reverse(number(3), oinfno="2304", psn_no=CITIZEN, msgid=number(4), at=LATER)
    assert "CANCELLED" in said(billing.settle, bill(3))


def test_a_presettlement_is_none(billing: MedicalBilling) -> None:
    shown = billing.presettle(bill())
    assert (shown.status, shown.status.is_settled) == (SettleStatus.PRESETTLED, False)
    assert billing.settlement(shown.setl_id) is None
    done = billing.settle(bill())
    assert (done.status, done.split) == (SettleStatus.SETTLED, shown.split)


def test_each_step_refuses_under_its_own_name(billing: MedicalBilling) -> None:
    billing.settle(bill())
    one, other = number(1), {"msgid": number(2), "at": LATER}
    for call, words in (
        (lambda: billing.cancel(one, msgid=number(2), at=EARLIER), f"comes before the settlement's, {AT} (结算撤销)"),
        (lambda: billing.cancel(one, msgid=number(2), at="2014-07-31"), "at (结算时间) is no moment"),
        (lambda: billing.cancel(one, msgid=number(2), at=None), "exists: None (结算撤销) [medical.cancel]"),  # type: ignore[arg-type]
        (lambda: billing.cancel(one, msgid="x", at=LATER), "msgid (报文号) is not"),
        (lambda: billing.cancel(number(7), **other), "UNKNOWN_SETTLEMENT: there is no such settlement"),
        (lambda: billing.refund(one, {1: 3}, **other), "line 1: the quantity must be a Decimal or None, not 3"),  # type: ignore[dict-item]
        (
            lambda: billing.refund(one, {2: None}, **other),
            "nothing is left of line 2 (退费明细) (退费) [medical.refund]",
        ),
        (lambda: billing.refund(one, {1: Decimal(11)}, **other), "line 1 (退费明细): more comes back"),
        (lambda: billing.refund(one, {}, **other), "names no line"),
        (lambda: billing.refund(one, {1: None}, msgid=number(2), at=EARLIER), "comes before the settlement's"),
        (
            lambda: billing.reverse(one, oinfno="2206", psn_no="P", **other),
            "oinfno (原交易编号) must be one of 2102, 2103, 2207, 2208, 2304, 2305, 2401",
        ),
        (lambda: billing.reverse("x", oinfno="2304", psn_no="P", **other), "omsgid (原报文号) is not"),
        (lambda: billing.reverse(one, oinfno="2304", psn_no="P", **other), "(冲正) [medical.reverse]"),
        (lambda: billing.fee_lines(bill(lines=())), "[medical.fee_lines]"),
        (lambda: billing.presettle(bill(insutype="none")), "(预结算) [medical.presettle]; load the policy table"),
    ):
        assert words in said(call)
    refusals = set(SettleStatus) - {SettleStatus.SETTLED, SettleStatus.EXISTS, SettleStatus.PRESETTLED}
    advised = {code for code, _ in catalogue() if code.startswith("medical.advice.")}
    assert advised == {f"medical.advice.{status.name.lower()}" for status in refusals}


def test_totals_take_days_as_dates_and_as_text(billing: MedicalBilling) -> None:
    billing.settle(bill())
    on = date(2014, 7, 31)
    assert billing.daily_totals(on, on) == billing.daily_totals("2014-07-31", "2014-07-31") != []
    assert billing.daily_totals("20140731", on)[0].stmt_begndate == "2014-07-31"
    assert billing.details(on, "2014-07-31") == billing.details("2014-07-31", on) != []
    assert billing.daily_totals(date(2014, 7, 30), date(2014, 7, 30)) == []
    for wrong in (datetime.fromisoformat(AT), "2014-02-30", None, 20140731):
        with pytest.raises(InvalidValue, match="not a day"):
            billing.daily_totals(wrong, on)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="2014-07-30 comes before the first 2014-07-31"):
        billing.details(on, date(2014, 7, 30))


def test_a_year_that_cannot_be_is_refused(billing: MedicalBilling) -> None:
    billing.settle(bill())
    assert set(billing.accumulators(CITIZEN, 2014, insutype="employee")) == {"inpatient"}
    assert billing.accumulators(CITIZEN, 2013, insutype="employee") == {}
    assert billing.accumulators("stranger", 2014, insutype="resident") == {}
    for psn_no, year, insutype, words in (
        (CITIZEN, "2014", "employee", "year"),
        (CITIZEN, True, "employee", "year"),
        (CITIZEN, 0, "employee", "year"),
        (CITIZEN, 2014, "employe", "give one of employee, resident"),
        (CITIZEN, 2014, None, "insurance"),
        (None, 2014, "employee", "psn_no"),
    ):
        with pytest.raises(InvalidValue, match=words) as refused:
            billing.accumulators(psn_no, year, insutype=insutype)  # type: ignore[arg-type]
        assert CITIZEN not in str(refused.value)
