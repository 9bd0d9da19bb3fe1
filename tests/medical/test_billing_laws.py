"""The laws of the split over generated visits by the hundred thousand, and an oracle that shares no code with it."""

from collections import Counter
from dataclasses import replace

import pytest

from sbcard_core.medical import Accumulators, FeeLine, Policy, Split, Visit, split
from sbcard_core.medical.split import AMOUNT_FIELDS
from tests.faults import sampled
from tests.medical.generated import line, policy, visit, year
from tests.medical.oracle import oracle

POLICIES = 200
LARGE = 10_000_000
SMALL = 400


def hold(lines: list[FeeLine], table: Policy, before: Accumulators, who: Visit, s: Split) -> None:
    """Every invariant of the national fields, the trace, and the year."""
    assert s.medfee_sumamt == sum(x.det_item_fee_sumamt for x in lines)
    assert s.medfee_sumamt == s.fulamt_ownpay_amt + s.overlmt_selfpay + s.preselfpay_amt + s.inscp_scp_amt
    counted = s.acct_pay if table.fund_sum_includes_account else 0
    assert s.medfee_sumamt == s.fund_pay_sumamt - counted + s.psn_part_amt + s.hosp_part_amt
    assert s.psn_part_amt == s.acct_pay + s.acct_mulaid_pay + s.psn_cash_pay
    assert s.act_pay_dedc <= s.inscp_scp_amt
    assert s.fund_pay_sumamt == s.funds_fen + counted == sum(pay.fund_payamt for pay in s.setldetail)
    assert s.funds_fen <= s.inscp_scp_amt
    amounts = [getattr(s, name) for name in AMOUNT_FIELDS]
    assert min(amounts) >= 0
    assert s.acct_pay <= who.account_fen
    assert s.acct_mulaid_pay <= who.family_fen
    assert min(s.added) >= 0
    assert before.plus(s.added).plus(s.negated().added) == before
    traced = Counter[str]()
    for field, basis, ratio, fen, _, _ in s.steps:
        traced[field] += fen
        assert ratio is None or -10_000 < 2 * (10_000 * fen - basis * ratio) <= 10_000  # half-up, once
    for name in traced:
        assert traced[name] == getattr(s, name)
    kept = sum(traced[name] for name in ("acct_pay", "acct_mulaid_pay", "psn_cash_pay", "hosp_part_amt"))
    assert kept + s.funds_fen == s.medfee_sumamt


def walk(count: int, seed: int) -> None:
    rng = sampled(seed)
    tables = [policy(rng, f"t{number}", LARGE) for number in range(POLICIES)]
    for _ in range(count):
        table, who, before = rng.choice(tables), visit(rng, LARGE), year(rng, LARGE)
        lines = [line(rng, LARGE) for _ in range(rng.randrange(5))]
        s = split(lines, table, before, who)
        hold(lines, table, before, who, s)
        if len(lines) > 1:
            rng.shuffle(lines)
            assert replace(split(lines, table, before, who), steps=()) == replace(s, steps=())


def compare(count: int, seed: int) -> None:
    """Small amounts: each fen walks alone."""
    rng = sampled(seed)
    for number in range(count):
        if number % 20 == 0:
            table = policy(rng, "t", SMALL)
        lines = [line(rng, SMALL) for _ in range(rng.randrange(1, 4))]
        who, before = visit(rng, SMALL), year(rng, SMALL)
        s = split(lines, table, before, who)
        assert {name: fen for name in AMOUNT_FIELDS if (fen := getattr(s, name))} == oracle(lines, table, before, who)


def test_every_law_holds_over_many_visits() -> None:
    walk(8_000, 20140731)


def test_an_oracle_that_walks_every_fen_agrees() -> None:
    compare(4_000, 7)


@pytest.mark.soak
def test_every_law_holds_over_a_million_visits() -> None:
    walk(1_000_000, 20140801)


@pytest.mark.soak
def test_the_oracle_agrees_on_many_more() -> None:
    compare(100_000, 8)
