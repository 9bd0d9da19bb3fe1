"""The split's laws under random policies (made-up numbers all), and bills worked out by hand."""

import json
from collections import Counter
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from importlib import resources
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.errors import InvalidValue
from sbcard_core.medical import (
    Accumulators,
    FeeLine,
    Grade,
    NoPolicy,
    Policy,
    PolicyBook,
    PolicyRefused,
    Split,
    Visit,
    VisitKind,
    explain,
    in_force,
    parse,
    samples,
    split,
)
from sbcard_core.medical.policy import FUND_FIELDS, PERSONAL_PARTS, Benefit, Fund, Remote, Supplement, Tier
from sbcard_core.medical.split import AMOUNT_FIELDS
from sbcard_core.medical.trace import FIELD_ZH

EMPLOYEE, RESIDENT = samples()
LEVELS = ("1", "2")
FEN = st.one_of(st.integers(0, 50), st.integers(0, 10_000_000))
BP = st.integers(0, 10_000)


def tiers(last_is_open: bool) -> st.SearchStrategy[tuple[Tier, ...]]:
    ratios = st.fixed_dictionaries(dict.fromkeys(LEVELS, BP))
    ends = st.sets(st.integers(1, 5_000_000), min_size=1, max_size=3).map(sorted)

    def build(ends: list[int], ratios: list[dict[str, int]]) -> tuple[Tier, ...]:
        closed = [Tier(end, ratio) for end, ratio in zip(ends, ratios, strict=False)]
        return (*closed, Tier(None, ratios[-1])) if last_is_open else tuple(closed)

    return st.builds(build, ends, st.lists(ratios, min_size=4, max_size=4))


CAPS = st.none() | st.integers(0, 3_000_000)
SCOPES = st.lists(st.sampled_from(PERSONAL_PARTS), unique=True).map(tuple)
BENEFITS = st.builds(
    Benefit,
    st.just("inpatient"),
    st.sampled_from(["visit", "year"]),
    st.fixed_dictionaries({level: st.lists(FEN, min_size=1, max_size=3).map(tuple) for level in LEVELS}),
    st.builds(Fund, st.just("hifp_pay"), st.just("390100"), st.just("统筹"), st.booleans().flatmap(tiers), CAPS),
    st.booleans(),
    SCOPES,
    SCOPES,
)
CATASTROPHIC = st.builds(
    Fund,
    st.sampled_from(["hifob_pay", "hifmi_pay"]),
    st.just(""),
    st.just("大病"),
    st.booleans().flatmap(tiers),
    of_burden=st.booleans(),
)
SUPPLEMENTS = st.lists(
    st.builds(
        Supplement,
        st.sampled_from(["g", "h"]),
        st.sampled_from(["cvlserv_pay", "hifes_pay", "maf_pay", "oth_pay"]),
        st.just("610100"),
        st.just("补充"),
        BP,
        st.integers(0, 20_000),
        CAPS,
    ),
    max_size=4,
    unique_by=lambda s: (s.field, s.cap_fen is None),  # a field has one cap at most
).map(tuple)
POLICIES = st.builds(
    Policy,
    code=st.just("test"),
    insutype=st.just("test"),
    name=st.just("test"),
    sample=st.just(True),
    source=st.just("made up"),
    effective_from=st.just(date(2014, 1, 1)),
    fund_sum_includes_account=st.booleans(),
    overlimit_by_hospital=st.booleans(),
    benefits=BENEFITS.map(lambda benefit: {VisitKind.INPATIENT: benefit}),
    catastrophic=st.none() | CATASTROPHIC,
    supplements=SUPPLEMENTS,
    remote=st.just({"filed": Remote(), "unfiled": Remote(15_000, 2_000)}),
)
PRICES = st.decimals(1, 100_000, places=2)
LINES = st.lists(
    st.builds(
        FeeLine,
        st.just("项目"),
        st.sampled_from(Grade),
        FEN,
        pric=PRICES,
        cnt=st.decimals(0, 100, places=1),
        pric_uplmt_amt=st.none() | PRICES,
        selfpay_prop_bp=BP,
    ),
    max_size=6,
)
YEARS = st.builds(Accumulators, st.integers(0, 4), FEN, FEN, FEN, FEN, FEN, FEN, FEN, FEN)
VISITS = st.builds(
    Visit,
    st.sampled_from(LEVELS),
    st.frozensets(st.sampled_from("gh")),
    FEN,
    st.booleans(),
    remote=st.sampled_from(["", "filed", "unfiled"]),
    family_fen=FEN,
)


@given(LINES, POLICIES, YEARS, VISITS)
def test_every_invariant_of_the_national_fields(
    lines: list[FeeLine], policy: Policy, before: Accumulators, visit: Visit
) -> None:
    s = split(lines, policy, before, visit)
    assert s.medfee_sumamt == sum(line.det_item_fee_sumamt for line in lines)
    assert s.medfee_sumamt == s.fulamt_ownpay_amt + s.overlmt_selfpay + s.preselfpay_amt + s.inscp_scp_amt
    counted_twice = s.acct_pay if policy.fund_sum_includes_account else 0
    assert s.medfee_sumamt == s.fund_pay_sumamt - counted_twice + s.psn_part_amt + s.hosp_part_amt
    assert s.fund_pay_sumamt == s.funds_fen + counted_twice
    assert s.psn_part_amt == s.acct_pay + s.acct_mulaid_pay + s.psn_cash_pay
    assert s.act_pay_dedc <= s.inscp_scp_amt
    assert s.funds_fen <= s.inscp_scp_amt
    assert sum(pay.fund_payamt for pay in s.setldetail) == s.fund_pay_sumamt
    assert min(getattr(s, name) for name in AMOUNT_FIELDS) >= 0
    assert s.acct_pay <= (visit.account_fen if visit.use_account else 0)
    benefit = policy.benefits[VisitKind.INPATIENT]
    if not set(benefit.account_scope) - {"preselfpay_amt"}:
        assert s.acct_pay <= s.preselfpay_amt
    assert s.hosp_part_amt == (s.overlmt_selfpay if policy.overlimit_by_hospital else 0)
    if benefit.pool.pay_cap_fen is not None:
        assert s.hifp_pay <= max(0, benefit.pool.pay_cap_fen - before.pool_paid_fen)


@given(LINES, POLICIES, YEARS, VISITS, st.randoms(use_true_random=False))
def test_the_amounts_do_not_know_the_order_of_the_lines(
    lines: list[FeeLine], policy: Policy, before: Accumulators, visit: Visit, random: Random
) -> None:
    s = split(lines, policy, before, visit)
    random.shuffle(lines)
    other = split(lines, policy, before, visit)
    assert replace(other, steps=()) == replace(s, steps=())
    assert sum(step.amount_fen for step in other.trace) == sum(step.amount_fen for step in s.trace)


@given(LINES, POLICIES, YEARS, VISITS)
def test_the_trace_explains_every_fen(lines: list[FeeLine], policy: Policy, before: Accumulators, visit: Visit) -> None:
    s = split(lines, policy, before, visit)
    traced = Counter[str]()
    for step in s.trace:
        traced[step.field] += step.amount_fen
        if step.ratio_bp is not None:
            exact = Fraction(step.basis_fen * step.ratio_bp, 10_000)
            assert Fraction(-1, 2) < step.amount_fen - exact <= Fraction(1, 2)  # half-up, once
    assert {name: traced[name] for name in FIELD_ZH} == {name: getattr(s, name) for name in FIELD_ZH}
    assert len(explain(s.trace)) == len(s.trace)
    assert json.loads(json.dumps([step.as_json() for step in s.trace])) == [step.as_json() for step in s.trace]


@given(LINES, POLICIES, YEARS, VISITS)
def test_a_cancellation_is_the_exact_negative(
    lines: list[FeeLine], policy: Policy, before: Accumulators, visit: Visit
) -> None:
    s = split(lines, policy, before, visit)
    back = s.negated()
    assert all(getattr(s, name) + getattr(back, name) == 0 for name in AMOUNT_FIELDS)
    assert before.plus(s.added).plus(back.added) == before
    assert back.negated() == s


@given(st.lists(FEN, min_size=2, max_size=2), POLICIES, VISITS)
def test_a_year_in_two_bills_costs_the_funds_what_it_costs_in_one(
    fens: list[int], policy: Policy, visit: Visit
) -> None:
    """With a yearly deductible the tiers do not care how the year is cut, but for one rounding per tier and bill."""
    benefit = policy.benefits[VisitKind.INPATIENT]
    same = dict.fromkeys(LEVELS, (benefit.deductible_fen[visit.level][0],))
    pool = replace(benefit.pool, pay_cap_fen=None)
    benefit = replace(benefit, deductible_basis="year", deductible_fen=same, pool=pool)
    policy = replace(policy, benefits={VisitKind.INPATIENT: benefit}, catastrophic=None, supplements=())
    first, second = ([FeeLine("项目", Grade.A, fen)] for fen in fens)
    one = split(first + second, policy, visit=visit)
    before = split(first, policy, visit=visit)
    after = split(second, policy, before.added, visit)
    total = before.added.plus(after.added)
    assert (total.deductible_fen, total.pool_base_fen) == (one.added.deductible_fen, one.added.pool_base_fen)
    assert abs(before.funds_fen + after.funds_fen - one.funds_fen) <= 8  # one rounding per tier and bill


def amounts(s: Split) -> dict[str, int]:
    return {name: fen for name in AMOUNT_FIELDS if (fen := getattr(s, name))}


def test_an_employee_over_the_cap_by_hand() -> None:
    bill = [
        FeeLine("手术", Grade.A, 11_090_000),
        FeeLine("支架", Grade.B, 1_000_001, Decimal(1_000_001), Decimal(1), Decimal(900_000), 1000),
        FeeLine("陪护", Grade.C, 5_000),
    ]
    visit = Visit("3", frozenset({"civil_servant"}), account_fen=50_000)
    s = split(bill, EMPLOYEE, Accumulators(1, deductible_fen=20_000, pool_base_fen=400_000), visit)
    # 支架: 100 001 over the limit, 90 000 paid first, 810 000 within. Within: 11 900 000, deductible 90 000 - 20 000.
    # 11 830 000 from 400 000 on: 600 000 at 84 %, 9 000 000 at 88 %, above the cap 2 230 000 at 90 %.
    # Left 70 000 + 96 000 + 1 080 000 + 223 000 = 1 469 000; civil servants 40 % of it.
    assert amounts(s) == {
        "medfee_sumamt": 12_095_001,
        "fulamt_ownpay_amt": 5_000,
        "overlmt_selfpay": 100_001,
        "preselfpay_amt": 90_000,
        "inscp_scp_amt": 11_900_000,
        "act_pay_dedc": 70_000,
        "hifp_pay": 504_000 + 7_920_000,
        "hifob_pay": 2_007_000,
        "cvlserv_pay": 587_600,
        "fund_pay_sumamt": 11_018_600,
        "psn_part_amt": 1_076_401,
        "acct_pay": 50_000,
        "psn_cash_pay": 1_026_401,
    }
    assert s.added == Accumulators(1, 70_000, 9_600_000, 8_424_000, 2_230_000, cvlserv_fen=587_600)


def test_a_resident_by_hand_and_in_words() -> None:
    s = split([FeeLine("住院费", Grade.A, 100_005)], RESIDENT, visit=Visit("1", account_fen=999))
    assert amounts(s) == {
        "medfee_sumamt": 100_005,
        "inscp_scp_amt": 100_005,
        "act_pay_dedc": 20_000,
        "hifp_pay": 68_004,  # 80 005 × 85 % = 68 004.25
        "fund_pay_sumamt": 68_004,
        "psn_part_amt": 32_001,
        "psn_cash_pay": 32_001,
    }
    assert explain(s.trace) == [
        "政策范围内 1000.05元,取自1000.05元(第1行甲类住院费)",
        "起付线 200.00元,取自1000.05元(标准200.00元,已付0.00元)",
        "统筹基金 680.04元 = 800.05元×85%(年度累计第1段)",
        "个人现金 320.01元,取自320.01元(政策范围内)",
    ]
    again = split([FeeLine("住院费", Grade.A, 30_000)], RESIDENT, s.added, Visit("1"))
    assert again.act_pay_dedc == 10_000  # second visit of the year


@pytest.mark.parametrize(
    "bad",
    [
        {"det_item_fee_sumamt": -1},
        {"selfpay_prop_bp": 10_001},
        {"pric": Decimal("NaN")},
        {"pric": Decimal(-1)},
        {"pric_uplmt_amt": Decimal(1)},
        {"item": "a\0"},
        {"item": "\ud800"},
        {"item": "x" * 101},
    ],
)
def test_an_impossible_line_is_refused(bad: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        FeeLine(**{"item": "x", "grade": Grade.B, "det_item_fee_sumamt": 1} | bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("visit", [Visit("9"), Visit("1", account_fen=-1)])
def test_an_impossible_visit_is_refused(visit: Visit) -> None:
    with pytest.raises(InvalidValue):
        split([], RESIDENT, visit=visit)
    with pytest.raises(InvalidValue):
        split([], RESIDENT, Accumulators(catastrophic_base_fen=-1))


def sample_text() -> str:
    return (resources.files("sbcard_core.medical") / "policies" / "resident-sample.toml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("sample = true", "sample = 1"),
        ('code = "resident-sample-2014"', 'code = ""'),
        ('insutype = "resident"', 'insutype = " resident"'),
        ('insutype = "resident"', 'insutype = ""'),
        ('name = "城乡居民', 'name = "\\u001b城乡居民'),
        ("2014-01-01", '"2014-01-01"'),
        ('"visit"', '"month"'),
        ("account_scope = []", 'account_scope = ["cash"]'),
        ("account_scope = []", 'account_scope = ["inscp_scp_amt", "inscp_scp_amt"]'),
        ("sample = true", "sample = true\nsimple = true"),
        ("effective_from = 2014-01-01", "effective_from = 2014-01-01\neffective_until = 2014-01-01"),
        ('year_span = "end"', 'year_span = "both"'),
        ("[benefit.inpatient]", "[benefit.dental]"),
        ('basis = "above"', 'basis = "below"'),
        ('basis = "above"', 'basis = "above"\npay_cap_fen = 100'),
        ("{ upto_fen = 8000000,", "{ upto = 8000000,"),
        ("pay_cap_fen = 40000", "pay_cap_fen = -1"),
        ('field = "maf_pay"', 'field = "hifp_pay"'),
        ("ratio_cut_bp = 1000", "ratio_cut_bp = 10001"),
        ('bucket = "outpatient"', 'bucket = "inpatient"'),
        ("upto_fen = 8000000", "upto_fen = 0"),
        ("1 = 8500", "1 = 10001"),
        ("1 = 8500, ", ""),
        ('field = "hifmi_pay"', 'field = "hifp_pay"'),
        ("ratio_bp = 5000", "ratio_bp = 0.5"),
        ("2 = [50000, 30000]", "2 = []"),
        ("[benefit.chronic.pool]", "[benefit.chronic.pool"),
        ("[benefit.chronic.pool]", "[benefit.chronic.swimming_pool]"),
    ],
)
def test_a_broken_table_is_refused(old: str, new: str) -> None:
    text = sample_text()
    assert old in text
    parse(text)
    with pytest.raises(PolicyRefused):
        parse(text.replace(old, new))


@pytest.mark.parametrize(
    "wrong", [{"ratio_bp": -1}, {"ratio_bp": 10_001}, {"floor_fen": -1}, {"cap_fen": -1}, {"field": "acct_pay"}]
)
def test_a_supplement_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    least = Supplement("g", "oth_pay", "610100", "补充", 10_000, 0, 0)
    PolicyBook([replace(EMPLOYEE, supplements=(least,))])
    with pytest.raises(PolicyRefused):
        PolicyBook([replace(EMPLOYEE, supplements=(replace(least, **wrong),))])


def test_the_table_of_the_day_is_taken() -> None:
    later = parse(sample_text().replace("2014-01-01", "2014-07-01").replace("resident-sample-2014", "later"))
    assert in_force([later, RESIDENT], "resident", date(2014, 6, 30)) is RESIDENT
    assert in_force([RESIDENT, later], "resident", date(2014, 7, 1)) is later
    with pytest.raises(NoPolicy):
        in_force([RESIDENT, later], "resident", date(2013, 12, 31))
    with pytest.raises(NoPolicy):
        in_force([RESIDENT], "employee", date(2014, 7, 1))


def table(code: str, begins: str, until: str = "", region: str = "") -> Policy:
    text = sample_text().replace("resident-sample-2014", code).replace("2014-01-01", begins)
    text = text.replace('region = ""', f'region = "{region}"')
    return parse(text + "" if not until else text.replace("year_span", f"effective_until = {until}\nyear_span"))


def test_tables_that_contradict_each_other_are_refused() -> None:
    first = table("first", "2014-01-01", "2014-07-01")
    PolicyBook([table("second", "2014-07-01"), first])
    PolicyBook([table("open", "2014-01-01"), table("second", "2014-07-01")])
    PolicyBook([first, table("elsewhere", "2014-01-01", region="430100")])
    for wrong in (table("first", "2015-01-01"), table("second", "2014-06-30"), table("second", "2014-01-01")):
        with pytest.raises(PolicyRefused):
            PolicyBook([first, wrong])


def test_a_day_without_a_table_is_refused_and_a_place_never_borrows_one() -> None:
    book = PolicyBook([table("first", "2014-01-01", "2014-07-01"), table("own", "2014-03-01", region="430100")])
    assert book.find("resident", date(2014, 6, 30)).code == "first"
    assert book.find("resident", date(2014, 6, 30), "430200").code == "first"
    assert book.find("resident", date(2014, 8, 1), "430100").code == "own"
    for day, region in ((date(2014, 7, 1), ""), (date(2014, 2, 1), "430100")):
        with pytest.raises(NoPolicy):
            book.find("resident", day, region)


def test_only_funds_that_exist_pay() -> None:
    assert {policy.sample for policy in samples()} == {True}
    assert set(FUND_FIELDS) < set(AMOUNT_FIELDS)


def test_a_cap_counts_what_its_field_paid_by_another_supplement_of_the_same_bill() -> None:
    open_, capped = (Supplement("g", "oth_pay", "610100", "补充", 5_000, 0, cap) for cap in (None, 30_000))
    policy = replace(EMPLOYEE, supplements=(open_, capped))
    visit = Visit("3", frozenset({"g"}))
    together = split([FeeLine("手术", Grade.A, 200_000)], policy, visit=visit)
    alone = split([FeeLine("手术", Grade.A, 200_000)], replace(policy, supplements=(open_,)), visit=visit)
    assert together.oth_pay == max(alone.oth_pay, 30_000)
