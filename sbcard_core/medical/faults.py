"""What is wrong with a bill or a message, in words: asked only of what was refused, so that good ones stay quick."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sbcard_core.ledger import is_id, is_timestamp
from sbcard_core.ledger.transfers import is_storable
from sbcard_core.medical.catalogue import Charge
from sbcard_core.medical.lines import FeeLine, number_faults
from sbcard_core.medical.visit import VisitKind

TERMS: Final = {
    "msgid": "报文号",
    "omsgid": "原报文号",
    "oinfno": "原交易编号",
    "setl_id": "结算编号",
    "psn_no": "人员编号",
    "insutype": "险种",
    "at": "结算时间",
    "lines": "费用明细",
    "kind": "就诊类别",
    "level": "医院等级",
    "begins": "就诊开始日",
    "ends": "就诊结束日",
    "card_no": "卡号",
    "mdtrt_id": "就诊编号",
    "insuplc_admdvs": "参保地",
    "mdtrtarea_admvs": "就医地",
    "remote": "异地就医类别",
    "setl_optins": "结算经办机构",
    "groups": "人员身份",
    "personal_account": "个人账户",
    "family_account": "共济账户",
    "use_account": "是否使用个人账户",
    "purse": "电子钱包",
    "medfee_sumamt": "费用合计",
}
"""The word a clerk knows for a field."""
MOMENT: Final = "is no moment YYYY-MM-DDTHH:MM:SS that exists"
MSGID: Final = "is not institution (12 of 0-9 A-Z), yyyyMMddHHmmss and serial (4): 30 characters"
_TEXTS: Final = (
    *("psn_no", "insutype", "at", "level", "begins", "ends", "card_no", "mdtrt_id", "insuplc_admdvs"),
    *("mdtrtarea_admvs", "remote", "setl_optins", "personal_account", "family_account"),
)
_NUMBER: Final = re.compile(r"\d{15}")


def shown(value: object) -> str:
    """A value as a message may show it: short, and nothing that might be a citizen number.

    Example:
        >>> shown("2014-02-30T10:00:00"), shown(3), shown("11010519491231002X"), shown([1])
        ("'2014-02-30T10:00:00'", '3', 'a long number', 'a list')
    """
    if value is None or type(value) in (bool, int, float, str):
        text = repr(value)
        return "a long number" if _NUMBER.search(text) else text if len(text) <= 40 else f"{text[:36]}…"
    return f"a {type(value).__name__}"


def named(field: str) -> str:
    """A field with its Chinese term.

    Example:
        >>> named("at")
        'at (结算时间)'
    """
    return f"{field} ({TERMS[field]})"


def moment_fault(at: object, field: str = "at") -> str:
    """What is wrong with a business time; empty if nothing."""
    good = type(at) is str and is_timestamp(at)
    return "" if good else f"{named(field)} {MOMENT}: {shown(at)}"


def bill_fault(bill: Any, lines_max: int) -> str:
    """The first thing wrong with a bill that was refused, by field and line; empty if none is found."""
    return next(_faults(bill, lines_max), "")


def _faults(bill: Any, lines_max: int) -> Iterator[str]:
    from sbcard_core.medical.bill import Bill, is_msgid  # noqa: PLC0415 - which asks here what is wrong

    if not isinstance(bill, Bill):
        yield f"a Bill is wanted, not {shown(bill)}"
        return
    if not is_msgid(bill.msgid):
        yield f"{named('msgid')} {MSGID}"
    for field in _TEXTS:
        value: object = getattr(bill, field)
        if type(value) is not str:
            yield f"{named(field)} must be text (str)" + ("" if field == "psn_no" else f", not {shown(value)}")
        elif not is_storable(value):
            yield f"{named(field)} has a character no database keeps"
    if not is_id(bill.psn_no):
        yield f"{named('psn_no')} is empty, too long or cannot be printed"
    yield from filter(None, [moment_fault(bill.at)])
    if len(bill.card_no) > 9:
        yield f"{named('card_no')} has more than 9 characters"
    yield from _kinds(bill)
    yield from _places(bill)
    yield from _days(bill)
    yield from _purse(bill.purse)
    yield from _lines(bill, lines_max)


def _kinds(bill: Any) -> Iterator[str]:
    if not isinstance(bill.kind, VisitKind):
        yield f"{named('kind')} must be a VisitKind: {', '.join(VisitKind)}"
    if type(bill.groups) is not frozenset or set(map(type, bill.groups)) - {str}:
        yield f"{named('groups')} must be a frozenset of str"
    if type(bill.use_account) is not bool:
        yield f"{named('use_account')} must be True or False"
    if bill.medfee_sumamt is not None and type(bill.medfee_sumamt) is not int:
        yield f"{named('medfee_sumamt')} must be whole fen (int), not {shown(bill.medfee_sumamt)}"


def _places(bill: Any) -> Iterator[str]:
    elsewhere = bill.mdtrtarea_admvs not in ("", bill.insuplc_admdvs)
    if bill.remote and not elsewhere:
        yield f"{named('remote')} is given, but {named('mdtrtarea_admvs')} is no other place than insuplc_admdvs"
    if elsewhere and not bill.remote:
        yield f"{named('mdtrtarea_admvs')} is another place: {named('remote')} is missing"
    if any(len(getattr(bill, field)) > 64 for field in ("mdtrt_id", "insutype", "setl_optins")):
        yield "mdtrt_id, insutype or setl_optins is too long"


def _days(bill: Any) -> Iterator[str]:
    for field, day in (("begins", bill.begins), ("ends", bill.ends)):
        if day and not is_timestamp(f"{day}T00:00:00"):
            yield f"{named(field)} is no day YYYY-MM-DD that exists: {shown(day)}"
    if bill.last_day < bill.first_day:
        yield f"{named('ends')} {shown(bill.last_day)} comes before {named('begins')} {shown(bill.first_day)}"
    if bill.last_day > bill.at[:10]:
        yield f"{named('ends')} {shown(bill.last_day)} comes after {named('at')} {shown(bill.at)}"


def _purse(purse: Any) -> Iterator[str]:
    from sbcard_core.medical.bill import PursePayment  # noqa: PLC0415

    if purse is None:
        return
    if not isinstance(purse, PursePayment):
        yield f"{named('purse')} must be a PursePayment, not {shown(purse)}"
        return
    paid = purse.paid_fen
    if type(purse.terminal_no) is not str or type(purse.terminal_txn_no) is not int or not is_id(purse.transfer_id):
        yield f"{named('purse')} terminal_no must be text and terminal_txn_no a whole number"
    if type(purse.balance_fen) is not int or purse.balance_fen < 0:
        yield f"{named('purse')} balance_fen must be whole fen from 0, not {shown(purse.balance_fen)}"
    elif paid is not None and (type(paid) is not int or not 0 <= paid <= purse.balance_fen):
        yield f"{named('purse')} paid_fen must be whole fen from 0 to balance_fen, not {shown(paid)}"


def _lines(bill: Any, lines_max: int) -> Iterator[str]:
    if type(bill.lines) is not tuple:
        yield f"{named('lines')} must be a tuple of FeeLine or Charge, not {shown(bill.lines)}"
        return
    if not 0 < len(bill.lines) <= lines_max:
        yield f"{named('lines')} has {len(bill.lines)} lines; 1 to {lines_max} are taken"
    for at, line in enumerate(bill.lines, start=1):
        if isinstance(line, FeeLine):
            continue
        if not isinstance(line, Charge):
            yield f"line {at} (费用明细) must be a FeeLine or Charge, not {shown(line)}"
            continue
        yield from (f"line {at} (费用明细): {fault}" for fault in _charge(line, bill))


def _charge(line: Charge, bill: Any) -> Iterator[str]:
    code: object = line.code
    if type(code) is not str:
        yield f"code (项目编码) must be text, not {shown(code)}"
    yield from number_faults(line.det_item_fee_sumamt, {"pric": line.pric, "cnt": line.cnt})
    on: object = line.on
    if on is not None and type(on) is not date:
        yield f"on (费用日期) must be a datetime.date, not {shown(on)}"
    elif on is not None and not bill.first_day <= line.on.isoformat() <= bill.last_day:  # type: ignore[union-attr]
        yield f"on (费用日期) {on} is outside of the visit {bill.first_day} to {bill.last_day}"


def message_fault(numbers: Mapping[str, object], at: object, earliest: str = "") -> str:
    """The first thing wrong with the numbers and the time of a cancellation, refund or reversal; empty if none."""
    from sbcard_core.medical.bill import is_msgid  # noqa: PLC0415

    for field, number in numbers.items():
        if not is_msgid(number):  # type: ignore[arg-type]
            return f"{named(field)} {MSGID}"
    fault = moment_fault(at)
    if not fault and earliest and str(at) < earliest:
        return f"{named('at')} {at} comes before the settlement's, {earliest}"
    return fault


def returned_fault(returned: object) -> str:
    """What is wrong with the lines of a refund; empty if nothing."""
    if not isinstance(returned, Mapping):
        return f"returned (退费明细) must map line numbers to quantities, not {shown(returned)}"
    for line, cnt in returned.items():
        if type(line) is not int:
            return f"returned (退费明细): {shown(line)} is no line number (int, from 1)"
        if cnt is not None and type(cnt) is not Decimal:
            return f"returned (退费明细), line {line}: the quantity must be a Decimal or None, not {shown(cnt)}"
    return ""
