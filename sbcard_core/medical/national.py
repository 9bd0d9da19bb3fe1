"""A split as the reply of the national settlement trades (2206, 2207, 2303, 2304), and read back from one.

Field names as public vendor code shows them; amounts are numeric(16,2) text.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from sbcard_core.errors import InvalidValue
from sbcard_core.medical.amounts import fen_of, numeric
from sbcard_core.medical.catalogue import TotalsDisagree
from sbcard_core.medical.lines import FeeLine
from sbcard_core.medical.policy import FUND_FIELDS
from sbcard_core.medical.split import ACCOUNT_CODE, AMOUNT_FIELDS, Split
from sbcard_core.medical.visit import VisitKind
from sbcard_core.messages import message

SETTLE_FIELDS: Final = AMOUNT_FIELDS
"""Names of the amounts of the reply."""
HOSPITAL_CODES: Final = frozenset({"999996", "999997"})
"""fund_pay_type of what the hospital bears; from real replies."""
_OTHER_FUNDS: Final = ("hifdm_pay", "othfund_pay")
"""Funds a reply may name that no split here has: 伤残, 其他."""
_AMOUNT: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_ZEROS: Final = re.compile(r"(\.[0-9]{2})0+$")


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

    Amounts are JSON numbers of any scale or text. ``setldetail`` lists what funds, the personal account and the
    hospital bear; each is held against its own amount. What is null, as in cancellations, follows from the rest.

    Args:
        reply: the reply (setlinfo with its setldetail); an amount that is missing, null or empty and follows from
            nothing is 0, but the total is never missing.
        fund_sum_includes_account: whether that region's fund_pay_sumamt counts the personal account.

    Returns:
        Fen by national name; ``hifdm_pay`` and ``othfund_pay`` too where the reply has them.

    Raises:
        TotalsDisagree: the parts are not the bill, the patient's part, the funds' sum, or setldetail's.
        InvalidValue: an amount that is none, or no total.

    Example:
        >>> reply = {"medfee_sumamt": -25.1, "acct_pay": -25.1, "psn_part_amt": None,
        ...     "setldetail": [{"fund_pay_type": "310200", "fund_payamt": -25.1}]}
        >>> amounts = from_national(reply, fund_sum_includes_account=False)
        >>> amounts["psn_part_amt"], amounts["psn_cash_pay"]
        (-2510, 0)
    """
    given = {name: _fen(name, reply.get(name)) for name in (*AMOUNT_FIELDS, *_OTHER_FUNDS)}
    if given["medfee_sumamt"] is None:
        raise InvalidValue(
            message("medical.national.no_total", field="medfee_sumamt"), step="medical.national", term="结算结果"
        )
    funds, account, hospital = _detail(reply.get("setldetail") or ())
    known = {name: fen for name, fen in given.items() if fen is not None}
    for name, elsewhere in (
        ("hosp_part_amt", (_fen("ownpay_hosp_part", reply.get("ownpay_hosp_part")), hospital)),
        ("psn_part_amt", (_fen("psn_pay", reply.get("psn_pay")),)),
        ("acct_pay", (account,)),
    ):
        stated = [one for one in elsewhere if one is not None]
        if name not in known and stated:
            known[name] = stated[0]
    fen = {name: known.get(name, 0) for name in AMOUNT_FIELDS}
    counted = fen["acct_pay"] if fund_sum_includes_account else 0
    if "psn_part_amt" not in known:
        fen["psn_part_amt"] = fen["medfee_sumamt"] - fen["fund_pay_sumamt"] + counted - fen["hosp_part_amt"]
    if "psn_cash_pay" not in known:
        fen["psn_cash_pay"] = fen["psn_part_amt"] - fen["acct_pay"] - fen["acct_mulaid_pay"]
    fen |= {name: known[name] for name in _OTHER_FUNDS if name in known}
    _check(fen, counted, has_funds=any(name in known for name in (*FUND_FIELDS, *_OTHER_FUNDS)))
    for name, listed, whole in (
        ("setldetail", funds, {fen["fund_pay_sumamt"] - counted}),
        ("setldetail of the personal account", account, {fen["acct_pay"], fen["acct_pay"] + fen["acct_mulaid_pay"]}),
        ("setldetail of the hospital", hospital, {fen["hosp_part_amt"]}),
    ):
        if listed is not None and listed not in whole:
            raise _disagree(name)
    return fen


def _check(fen: Mapping[str, int], counted: int, *, has_funds: bool) -> None:
    lines = [fen[name] for name in ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")]
    wrong = {
        "medfee_sumamt": fen["fund_pay_sumamt"] - counted + fen["psn_part_amt"] + fen["hosp_part_amt"],
        "psn_part_amt": fen["acct_pay"] + fen["acct_mulaid_pay"] + fen["psn_cash_pay"],
    }
    if has_funds:
        wrong["fund_pay_sumamt"] = sum(fen.get(name, 0) for name in (*FUND_FIELDS, *_OTHER_FUNDS)) + counted
    if any(lines) and fen["medfee_sumamt"] != sum(lines):
        raise _disagree("medfee_sumamt and its lines")
    if any(lines) and abs(fen["act_pay_dedc"]) > abs(fen["inscp_scp_amt"]):
        raise _disagree("act_pay_dedc is more than inscp_scp_amt")
    for name, total in wrong.items():
        if fen[name] != total:
            raise _disagree(name)


def _detail(entries: Any) -> tuple[int | None, int | None, int | None]:
    """What setldetail lists of the funds, the personal account and the hospital; ``None``: no such entry."""
    sums: list[int | None] = [None, None, None]
    if not isinstance(entries, list | tuple) or not all(isinstance(one, Mapping) for one in entries):
        raise _disagree("setldetail is no list of funds")
    for one in entries:
        code = str(one.get("fund_pay_type") or "")
        place = 1 if code.startswith(ACCOUNT_CODE) else 2 if code in HOSPITAL_CODES else 0
        sums[place] = (sums[place] or 0) + (_fen("fund_payamt", one.get("fund_payamt")) or 0)
    return sums[0], sums[1], sums[2]


def _fen(name: str, value: object) -> int | None:
    """An amount; ``None`` where there is none. Zeros behind the second decimal say nothing."""
    if value is None or value == "":
        return None
    text = str(value)
    try:
        if isinstance(value, bool) or not _AMOUNT.fullmatch(text):
            raise ValueError
        return fen_of(_ZEROS.sub(r"\1", text))
    except ValueError:
        what = message("medical.national.amount", field=name)
        raise InvalidValue(what, step="medical.national", term="结算结果") from None


def _disagree(what: str) -> TotalsDisagree:
    return TotalsDisagree(message("medical.national.sum", what=what), step="medical.national", term="结算结果")
