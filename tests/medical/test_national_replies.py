"""Replies as real centres send them: numbers of any scale, nulls, account and hospital parts in setldetail."""

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.errors import InvalidValue
from sbcard_core.medical import TotalsDisagree, as_national, from_hunan, from_national, split
from sbcard_core.medical.split import AMOUNT_FIELDS
from tests.medical.generated import line, policy, visit, year


def pay(code: str, amount: Any) -> dict[str, Any]:
    return {"fund_pay_type": code, "fund_payamt": amount, "crt_payb_lmt_amt": 999999}


SETTLED_2304 = {
    "medfee_sumamt": 23442.46,
    "fulamt_ownpay_amt": 2533.97,
    "overlmt_selfpay": 1396.89,
    "preselfpay_amt": 703.44,
    "inscp_scp_amt": 18808.16,
    "fund_pay_sumamt": 18785.39,
    "hifp_pay": 18785.39,
    "psn_part_amt": 4152.06,
    "hosp_part_amt": 505.01,
    "acct_pay": 170.04,
    "psn_cash_pay": 3982.02,
    "acct_mulaid_pay": 0,
    "pool_prop_selfpay": 0.0,
    "setldetail": [pay("330101", 18785.39), pay("999996", 505.01), pay("310201", 170.04)],
}
CANCELLED_2305 = {
    "medfee_sumamt": -3379.26,
    "fulamt_ownpay_amt": -956.34,
    "overlmt_selfpay": -186.31,
    "preselfpay_amt": -197.22,
    "inscp_scp_amt": -2039.39,
    "fund_pay_sumamt": -2039.39,
    "psn_part_amt": None,
    "hosp_part_amt": None,
    "acct_mulaid_pay": None,
    "psn_pay": -1307.01,
    "ownpay_hosp_part": -32.86,
    "setldetail": [pay("330100", -2039.39), pay("999997", -32.86)],
}
SETTLED_2207 = {
    "medfee_sumamt": 4.52,
    "preselfpay_amt": 0.23,
    "inscp_scp_amt": 4.29,
    "act_pay_dedc": 4.29,
    "fund_pay_sumamt": 0,
    "psn_part_amt": "4.5200",
    "acct_pay": 4.52,
    "psn_cash_pay": 0,
    "hosp_part_amt": 0.00,
    "hifp_pay": None,
    "setldetail": [pay("310200", 4.52)],
}
CANCELLED_2208 = {
    "medfee_sumamt": -25.1,
    "preselfpay_amt": -0.23,
    "inscp_scp_amt": -24.87,
    "acct_pay": -25.1,
    "fund_pay_sumamt": 0.0,
    "psn_part_amt": None,
    "hosp_part_amt": None,
    "acct_mulaid_pay": None,
    "setldetail": [pay("310200", -25.1)],
}
REPLIES: dict[str, tuple[dict[str, Any], tuple[int, int, int, int]]] = {
    "2304": (SETTLED_2304, (415206, 17004, 398202, 50501)),
    "2305": (CANCELLED_2305, (-130701, 0, -130701, -3286)),
    "2207": (SETTLED_2207, (452, 452, 0, 0)),
    "2208": (CANCELLED_2208, (-2510, -2510, 0, 0)),
}
PARTS = ("psn_part_amt", "acct_pay", "psn_cash_pay", "hosp_part_amt")


@pytest.mark.parametrize(("reply", "parts"), REPLIES.values(), ids=REPLIES.keys())
@pytest.mark.parametrize("as_text", [False, True])
def test_a_real_reply_is_read(reply: dict[str, Any], parts: tuple[int, ...], as_text: bool) -> None:
    sent = json.loads(json.dumps(reply), parse_float=str if as_text else float)
    found = from_national(sent, fund_sum_includes_account=False)
    assert tuple(found[name] for name in PARTS) == parts
    assert found["psn_part_amt"] == found["acct_pay"] + found["acct_mulaid_pay"] + found["psn_cash_pay"]


@pytest.mark.parametrize("reply", [reply for reply, _ in REPLIES.values()], ids=REPLIES.keys())
def test_one_fen_more_anywhere_is_found(reply: dict[str, Any]) -> None:
    for name, amount in reply.items():
        if isinstance(amount, float) and amount and name != "act_pay_dedc":
            with pytest.raises(TotalsDisagree):
                from_national(reply | {name: round(amount + 0.01, 2)}, fund_sum_includes_account=False)
    for place, one in enumerate(reply["setldetail"]):
        detail = list(reply["setldetail"])
        detail[place] = one | {"fund_payamt": round(one["fund_payamt"] + 0.01, 2)}
        with pytest.raises(TotalsDisagree):
            from_national(reply | {"setldetail": detail}, fund_sum_includes_account=False)


def test_funds_that_no_split_here_has_count_in_the_sum() -> None:
    reply = {
        "medfee_sumamt": 10,
        "fund_pay_sumamt": 7,
        "hifp_pay": 4,
        "hifdm_pay": 2,
        "othfund_pay": 1,
        "psn_part_amt": 3,
    }
    found = from_national(reply, fund_sum_includes_account=False)
    assert (found["hifdm_pay"], found["othfund_pay"], found["psn_cash_pay"]) == (200, 100, 300)
    with pytest.raises(TotalsDisagree):
        from_national(reply | {"othfund_pay": 2}, fund_sum_includes_account=False)


@pytest.mark.parametrize(
    "reply",
    [{}, {"medfee_sumamt": ""}, {"med_fee_sumamt": 3300.0, "psn_part_amt": 0}, {"setlinfo": {"medfee_sumamt": 1}}],
)
def test_a_reply_without_a_total_is_no_settlement_of_nothing(reply: dict[str, Any]) -> None:
    """Under another name, or a node above the one that has the amounts."""
    with pytest.raises(InvalidValue, match="no medfee_sumamt"):
        from_national(reply, fund_sum_includes_account=False)
    with pytest.raises(InvalidValue, match="no akc264"):
        from_hunan({"ake039": "1"}, catastrophic="hifob_pay")


@pytest.mark.parametrize("name", ["acct_pay", "psn_pay", "ownpay_hosp_part", "othfund_pay"])
def test_an_amount_that_is_none_is_named(name: str) -> None:
    with pytest.raises(InvalidValue, match=f"{name} of the reply"):
        from_national({"medfee_sumamt": 1, name: "1,000.00"}, fund_sum_includes_account=False)
    with pytest.raises(InvalidValue, match="fund_payamt of the reply"):
        from_national({"medfee_sumamt": 1, "setldetail": [{"fund_payamt": "x"}]}, fund_sum_includes_account=False)


@pytest.mark.parametrize(
    "amount", [True, "1e2", "NaN", "１", " 1", "1.", "0.005", 0.005, 1e22, "--1", [1], float("inf")]
)
def test_an_amount_that_is_none_is_refused(amount: Any) -> None:
    with pytest.raises(InvalidValue):
        from_national({"medfee_sumamt": amount}, fund_sum_includes_account=False)


@given(st.integers(0, 10**6), st.booleans(), st.booleans())
def test_every_split_written_as_a_reply_reads_back(seed: int, cancelled: bool, nulls: bool) -> None:
    rng = Random(seed)
    table = policy(rng, "t", 20_000)
    made = split([line(rng, 20_000) for _ in range(3)], table, year(rng, 20_000), visit(rng, 20_000))
    made = made.negated() if cancelled else made
    reply = json.loads(json.dumps(as_national(made)))
    if nulls:  # as cancellations have them; what is left says how much they were
        reply |= {"psn_part_amt": None, "psn_cash_pay": None}
    found = from_national(reply, fund_sum_includes_account=table.fund_sum_includes_account)
    assert found == {name: getattr(made, name) for name in AMOUNT_FIELDS}
