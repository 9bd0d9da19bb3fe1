"""The names a Hunan hospital spoke before the national platform of 2020, and the national ones, both ways.

As public vendor code of that lineage shows them. ``ake029`` is hifmi_pay and
hifob_pay together: which one it was follows from the insurance.
"""

from collections.abc import Mapping
from typing import Final

from sbcard_core.errors import InvalidValue
from sbcard_core.medical.amounts import fen_of, numeric
from sbcard_core.medical.bill import Bill
from sbcard_core.medical.catalogue import TotalsDisagree
from sbcard_core.medical.policy import CATASTROPHIC_FIELDS
from sbcard_core.medical.visit import VisitKind
from sbcard_core.messages import message

NAMES: Final = {
    "medfee_sumamt": "akc264",
    "fulamt_ownpay_amt": "bka825",
    "overlmt_selfpay": "bka826",
    "act_pay_dedc": "aka151",
    "hifp_pay": "ake039",
    "cvlserv_pay": "ake035",
    "hifes_pay": "ake026",
    "acct_pay": "akb066",
    "psn_cash_pay": "akb067",
    "fund_pay_sumamt": "bka832",
}
"""National amount and its older name, one to one."""
BOTH_CATASTROPHIC: Final = "ake029"
REST: Final = "bka831"
"""akc264 less bka832."""
VISIT: Final = {"mdtrt_id": "aaz217", "psn_no": "aac001", "card_no": "aaz500"}
"""Numbers, one to one; aaz217 is the visit."""
BUSINESS: Final = {"12": "住院", "42": "工伤住院", "44": "工伤家床", "45": "辅助器具"}
"""aka130, as far as public code shows it; for 门诊 and 药店 no code was found."""


def to_hunan(amounts: Mapping[str, int], *, mdtrt_id: str = "") -> dict[str, str]:
    """Write a settlement's amounts, in fen under national names, as the older interface has them.

    What it has no name for (先行自付, 救助, 共济, 医院负担 …) is not carried, as it was not then.

    Example:
        >>> old = to_hunan({"medfee_sumamt": 1500, "hifp_pay": 1000, "fund_pay_sumamt": 1000, "psn_cash_pay": 500})
        >>> old["akc264"], old["ake039"], old["bka831"]
        ('15.00', '10.00', '5.00')
    """
    out = {old: numeric(amounts.get(name, 0)) for name, old in NAMES.items()}
    out[BOTH_CATASTROPHIC] = numeric(amounts.get("hifmi_pay", 0) + amounts.get("hifob_pay", 0))
    out[REST] = numeric(amounts.get("medfee_sumamt", 0) - amounts.get("fund_pay_sumamt", 0))
    if mdtrt_id:
        out[VISIT["mdtrt_id"]] = mdtrt_id
    return out


def request_of(bill: Bill, *, ipt_no: str = "", medins_no: str = "") -> dict[str, str]:
    """The keys by which the older interface asked for an inpatient's settlement.

    Args:
        bill: an inpatient's.
        ipt_no: the hospital's own number of the stay (住院号).
        medins_no: the hospital's older code; default the one of the message.

    Raises:
        InvalidValue: another kind of visit: its code is not public.

    Example:
        >>> bill = Bill("H43010000001201407310900000001", "P1", "employee", "2014-07-31T09:00:00", (),
        ...     VisitKind.INPATIENT, mdtrt_id="V1")
        >>> request_of(bill, ipt_no="77")["akc190"], request_of(bill)["aka130"]
        ('77', '12')
    """
    if bill.kind is not VisitKind.INPATIENT:
        raise InvalidValue(message("medical.hunan.inpatient"), step="medical.hunan", term="业务类型")
    numbers = {old: getattr(bill, name) for name, old in VISIT.items()}
    return {"akb020": medins_no or bill.hospital, "aka130": "12", "akc190": ipt_no, **numbers}


def from_hunan(reply: Mapping[str, str], *, catastrophic: str) -> dict[str, int]:
    """Read the older interface's amounts as fen under national names.

    Args:
        reply: amounts in yuan; one that is missing or empty is 0, but the total (akc264) is never missing.
        catastrophic: what ake029 is: ``"hifob_pay"`` for employees, ``"hifmi_pay"`` for residents.

    Raises:
        TotalsDisagree: bka831 is given and is not akc264 less bka832.
        InvalidValue: an amount that is none, no total, or ``catastrophic`` is neither.

    Example:
        >>> from_hunan({"akc264": "15", "ake029": "3"}, catastrophic="hifmi_pay")["hifmi_pay"]
        300
    """
    if catastrophic not in CATASTROPHIC_FIELDS:
        what = message("medical.hunan.catastrophic", field=BOTH_CATASTROPHIC, allowed=", ".join(CATASTROPHIC_FIELDS))
        raise InvalidValue(what, step="medical.hunan", term="大额与大病")
    if not reply.get(NAMES["medfee_sumamt"]):
        what = message("medical.national.no_total", field=NAMES["medfee_sumamt"])
        raise InvalidValue(what, step="medical.hunan", term="结算结果")
    out = {name: fen_of(reply.get(old) or "0") for name, old in NAMES.items()}
    out["hifob_pay"] = out["hifmi_pay"] = 0
    out[catastrophic] = fen_of(reply.get(BOTH_CATASTROPHIC) or "0")
    rest = reply.get(REST)
    if rest and fen_of(rest) != out["medfee_sumamt"] - out["fund_pay_sumamt"]:
        raise TotalsDisagree(message("medical.national.sum", what=REST), step="medical.hunan", term="结算结果")
    return out
