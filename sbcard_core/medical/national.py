"""A split as the reply of the national settlement trades (2206, 2207, 2303, 2304), and read back from one.

Field names as public vendor code shows them; amounts are numeric(16,2) text.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from sbcard_core.medical.amounts import fen_of, numeric
from sbcard_core.medical.catalogue import TotalsDisagree
from sbcard_core.medical.lines import FeeLine
from sbcard_core.medical.policy import FUND_FIELDS
from sbcard_core.medical.split import AMOUNT_FIELDS, Split
from sbcard_core.medical.visit import VisitKind

SETTLE_FIELDS: Final = AMOUNT_FIELDS
"""Names of the amounts of the reply."""


def as_national(
    split: Split, *, medins_setl_id: str = "", kind: VisitKind | None = None, balc_fen: int | None = None
) -> dict[str, Any]:
    """Write a split as the reply, ready for ``json.dumps``.

    Args:
        split: who pays what; a cancellation's is negative.
        medins_setl_id: the message number the bill came with.
        kind: gives clr_type.
        balc_fen: what the personal account holds afterwards.

    Raises:
        InvalidValue: an amount that does not fit numeric(16,2).

    Example:
        >>> reply = as_national(Split(medfee_sumamt=1500, psn_part_amt=1500, psn_cash_pay=1500), balc_fen=0)
        >>> reply["medfee_sumamt"], reply["hifp_pay"], reply["balc"], reply["setldetail"]
        ('15.00', '0.00', '0.00', [])
    """
    reply: dict[str, Any] = {name: numeric(getattr(split, name)) for name in AMOUNT_FIELDS}
    reply["setldetail"] = [
        {
            "fund_pay_type": pay.fund_pay_type,
            "fund_pay_type_name": pay.fund_pay_type_name,
            "inscp_scp_amt": numeric(pay.inscp_scp_amt),
            "crt_payb_lmt_amt": "" if pay.crt_payb_lmt_amt is None else numeric(pay.crt_payb_lmt_amt),
            "fund_payamt": numeric(pay.fund_payamt),
            "setl_proc_info": ";".join(step.zh() for step in split.trace if step.field == pay.field),
        }
        for pay in split.setldetail
    ]
    if medins_setl_id:
        reply["medins_setl_id"] = medins_setl_id
    if kind is not None:
        reply["clr_type"] = kind.clr_type
    if balc_fen is not None:
        reply["balc"] = numeric(balc_fen)
    return reply


def line_as_national(line: FeeLine) -> dict[str, str]:
    """A graded line as the answer to a charge's upload (2204, 2301); selfpay_prop is a share of 1.

    Example:
        >>> from sbcard_core.medical.lines import Grade
        >>> line = FeeLine("CT", Grade.B, 30_000, Decimal(30_000), pric_uplmt_amt=Decimal(22_000), selfpay_prop_bp=500)
        >>> reply = line_as_national(line)
        >>> reply["overlmt_amt"], reply["preselfpay_amt"], reply["selfpay_prop"], reply["pric_uplmt_amt"]
        ('80.00', '11.00', '0.0500', '220.00')
    """
    parts = line.cut()
    limit = line.pric_uplmt_amt
    return {
        "det_item_fee_sumamt": numeric(line.det_item_fee_sumamt),
        "cnt": f"{line.cnt:f}",
        "pric": _price(line.pric),
        "pric_uplmt_amt": "" if limit is None else _price(limit),
        "selfpay_prop": f"{Decimal(line.selfpay_prop_bp).scaleb(-4):.4f}",
        "fulamt_ownpay_amt": numeric(parts.fulamt_ownpay_amt),
        "overlmt_amt": numeric(parts.overlmt_selfpay),
        "preselfpay_amt": numeric(parts.preselfpay_amt),
        "inscp_scp_amt": numeric(parts.inscp_scp_amt),
        "chrgitm_lv": line.grade.value,
    }


def _price(fen: Decimal) -> str:
    """Yuan with two decimals, or as many as it takes."""
    sign, digits, exponent = fen.as_tuple()
    yuan = Decimal((sign, digits, int(exponent) - 2))
    return f"{yuan:f}" if int(exponent) <= 0 else numeric(int(fen))


def from_national(reply: Mapping[str, Any], *, fund_sum_includes_account: bool) -> dict[str, int]:
    """Read the amounts of a centre's reply as fen and check what must add up.

    Args:
        reply: the reply; an amount that is missing or empty is 0.
        fund_sum_includes_account: whether that region's fund_pay_sumamt counts the personal account.

    Raises:
        TotalsDisagree: the parts are not the bill, the patient's part, or the funds' sum.
        InvalidValue: an amount that is none.

    Example:
        >>> amounts = from_national({"medfee_sumamt": "15.00", "psn_part_amt": "15", "psn_cash_pay": "15.0"},
        ...     fund_sum_includes_account=False)
        >>> amounts["psn_cash_pay"]
        1500
    """
    fen = {name: fen_of(str(reply.get(name) or "0")) for name in AMOUNT_FIELDS}
    counted = fen["acct_pay"] if fund_sum_includes_account else 0
    funds = reply.get("setldetail") or ()
    if not all(isinstance(pay, Mapping) for pay in funds):
        raise _disagree("setldetail is no list of funds")
    detail = [fen_of(str(pay.get("fund_payamt") or "0")) for pay in funds]
    lines = ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")
    wrong = {
        "medfee_sumamt": fen["fund_pay_sumamt"] - counted + fen["psn_part_amt"] + fen["hosp_part_amt"],
        "psn_part_amt": fen["acct_pay"] + fen["acct_mulaid_pay"] + fen["psn_cash_pay"],
        "fund_pay_sumamt": sum(fen[name] for name in FUND_FIELDS) + counted,
    }
    if any(fen[name] for name in lines) and fen["medfee_sumamt"] != sum(fen[name] for name in lines):
        raise _disagree("medfee_sumamt and its lines")
    if any(fen[name] for name in lines) and abs(fen["act_pay_dedc"]) > abs(fen["inscp_scp_amt"]):
        raise _disagree("act_pay_dedc is more than inscp_scp_amt")
    for name, total in wrong.items():
        if fen[name] != total:
            raise _disagree(name)
    if detail and sum(detail) != fen["fund_pay_sumamt"]:
        raise _disagree("setldetail")
    return fen


def _disagree(what: str) -> TotalsDisagree:
    return TotalsDisagree(
        f"the reply does not add up: {what}", step="medical.national", term="结算结果", advice="ask the centre"
    )
