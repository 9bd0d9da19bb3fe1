"""The rules of a bill and of the messages about it: what is wrong, by field and line, in the catalogue's sentences."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter, le
from sys import maxsize
from typing import Final

from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import is_id, is_timestamp
from sbcard_core.ledger.transfers import is_storable
from sbcard_core.medical.bill import Bill, PursePayment, is_msgid
from sbcard_core.medical.catalogue import Charge
from sbcard_core.medical.lines import FeeLine, number_faults
from sbcard_core.medical.visit import VisitKind
from sbcard_core.messages import Message, message

LINES_MAX: Final = 10_000
"""Most lines of a bill; assumed."""
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
_LONGEST: Final = {
    **dict.fromkeys(("mdtrt_id", "insutype", "setl_optins", "insuplc_admdvs", "mdtrtarea_admvs"), 64),
    "card_no": 9,
}
"""Most characters of a text; assumed but for the card number."""
_TEXTS: Final = (
    *("psn_no", "insutype", "at", "level", "begins", "ends", "card_no", "mdtrt_id", "insuplc_admdvs"),
    *("mdtrtarea_admvs", "remote", "setl_optins", "personal_account", "family_account"),
)
_ALL_TEXTS: Final = attrgetter(*_TEXTS)
_MOST: Final = tuple(_LONGEST.get(field, maxsize) for field in _TEXTS)
_NUMBER: Final = re.compile(r"\d{15}")


def check(bill: object) -> Bill:
    """A bill whose shape is right: all that depends on no table.

    Raises:
        InvalidValue: the first rule it breaks, by field and line.
    """
    if not isinstance(bill, Bill):
        raise InvalidValue(message("medical.bill.type", found=shown(bill)), step="Bill", term="结算请求")
    for rule in BILL_RULES:
        for fault in rule(bill):
            raise InvalidValue(fault, step="Bill", term="结算请求")
    return bill


def shown(value: object) -> str | Message:
    """A value as a message may show it: short, and nothing that might be a citizen number.

    Example:
        >>> shown("2014-02-30T10:00:00"), shown(3), str(shown("11010519491231002X")), str(shown([1]))
        ("'2014-02-30T10:00:00'", '3', 'a long number', 'a list')
    """
    if value is None or type(value) in (bool, int, float, str):
        text = repr(value)
        if _NUMBER.search(text):
            return message("medical.shown.number")
        return text if len(text) <= 40 else f"{text[:36]}…"
    return message("medical.shown.kind", kind=type(value).__name__)


def at_field(code: str, field: str, **parameters: object) -> Message:
    """A sentence about a field."""
    return message(code, field=field, term=TERMS[field], **parameters)


def _texts(bill: Bill) -> Iterator[Message]:
    values = _ALL_TEXTS(bill)
    if set(map(type, values)) == {str} and is_storable("".join(values)) and all(map(le, map(len, values), _MOST)):
        return  # as nearly always; else each by itself
    for field, value, most in zip(_TEXTS, values, _MOST, strict=True):
        if not isinstance(value, str):
            found = type(value).__name__ if field == "psn_no" else shown(value)
            yield at_field("medical.bill.text", field, found=found)
        elif not is_storable(value):
            yield at_field("medical.bill.characters", field)
        elif len(value) > most:
            yield at_field("medical.bill.length", field, most=most)


def _types(bill: Bill) -> Iterator[Message]:
    groups: object = bill.groups
    if not isinstance(bill.kind, str):  # one that no table has is not covered
        yield at_field("medical.bill.kind", "kind", allowed=", ".join(VisitKind))
    if not (isinstance(groups, frozenset) and all(isinstance(group, str) for group in groups)):
        yield at_field("medical.bill.groups", "groups")
    elif not is_storable("".join(groups)):
        yield at_field("medical.bill.characters", "groups")
    if type(bill.use_account) is not bool:
        yield at_field("medical.bill.flag", "use_account")
    if bill.medfee_sumamt is not None and type(bill.medfee_sumamt) is not int:
        yield at_field("medical.bill.fen", "medfee_sumamt", found=shown(bill.medfee_sumamt))


def _numbers(bill: Bill) -> Iterator[Message]:
    if not is_msgid(bill.msgid):
        yield at_field("medical.bill.msgid", "msgid")
    if not is_id(bill.psn_no):
        yield at_field("medical.bill.id", "psn_no")
    yield from moment_faults(bill.at)


def _places(bill: Bill) -> Iterator[Message]:
    """A category of remote treatment is given exactly where the place of treatment is another."""
    elsewhere = bill.mdtrtarea_admvs not in ("", bill.insuplc_admdvs)
    if bill.remote and not elsewhere:
        yield at_field("medical.bill.remote_at_home", "remote")
    if elsewhere and not bill.remote:
        yield at_field("medical.bill.remote_missing", "remote")


def _days(bill: Bill) -> Iterator[Message]:
    """A visit ends after it begins, and not after its settlement; days that are not given are that of ``at``."""
    if not (bill.begins or bill.ends):
        return
    for field, day in (("begins", bill.begins), ("ends", bill.ends)):
        if day and not is_timestamp(f"{day}T00:00:00"):
            yield at_field("medical.bill.day", field, found=shown(day))
    if bill.last_day < bill.first_day:
        yield message("medical.bill.ends_first", found=shown(bill.last_day), other=shown(bill.first_day))
    if bill.last_day > bill.at[:10]:
        yield message("medical.bill.ends_late", found=shown(bill.last_day), other=shown(bill.at))


def _purse(bill: Bill) -> Iterator[Message]:
    purse: object = bill.purse
    if purse is None:
        return
    if not isinstance(purse, PursePayment):
        yield at_field("medical.bill.purse", "purse", found=shown(purse))
        return
    balance, paid = purse.balance_fen, purse.paid_fen
    if type(purse.terminal_no) is not str or type(purse.terminal_txn_no) is not int or not is_id(purse.transfer_id):
        yield at_field("medical.bill.purse_number", "purse")
    if type(balance) is not int or balance < 0:
        yield at_field("medical.bill.purse_balance", "purse", found=shown(balance))
    elif paid is not None and (type(paid) is not int or not 0 <= paid <= balance):
        yield at_field("medical.bill.purse_paid", "purse", found=shown(paid))


def _lines(bill: Bill) -> Iterator[Message]:
    lines: object = bill.lines
    if not isinstance(lines, tuple):
        yield at_field("medical.bill.lines", "lines", found=shown(lines))
        return
    if not 0 < len(lines) <= LINES_MAX:
        yield at_field("medical.bill.lines_count", "lines", found=len(lines), most=LINES_MAX)
    for place, line in enumerate(lines, start=1):
        if isinstance(line, Charge):
            yield from _charge(place, line, bill)
        elif not isinstance(line, FeeLine):  # which checks itself when it is made
            yield message("medical.line.type", line=place, found=shown(line))


def _charge(place: int, line: Charge, bill: Bill) -> Iterator[Message]:
    code: object = line.code
    if not isinstance(code, str):
        yield message("medical.line.code", line=place, found=shown(code))
    for fault in number_faults(line.det_item_fee_sumamt, {"pric": line.pric, "cnt": line.cnt}):
        yield message("medical.line.number", line=place, fault=fault)
    on: object = line.on
    if on is None:
        return
    first, last = bill.first_day, bill.last_day
    if not isinstance(on, date) or isinstance(on, datetime):
        yield message("medical.line.day", line=place, found=shown(on))
    elif not first <= on.isoformat() <= last:
        yield message("medical.line.day_outside", line=place, found=on.isoformat(), first=first, last=last)


BILL_RULES: Final[tuple[Callable[[Bill], Iterator[Message]], ...]] = (
    *(_texts, _types, _numbers, _places, _days, _purse, _lines),
)
"""Every rule of a bill's shape, types first: a later rule reads only what the earlier ones have checked."""


def moment_faults(at: object, field: str = "at") -> Iterator[Message]:
    """What is wrong with a business time."""
    if not (isinstance(at, str) and is_timestamp(at)):
        yield at_field("medical.bill.moment", field, found=shown(at))


def message_fault(numbers: Mapping[str, object], at: object, earliest: str = "") -> Message | None:
    """The first thing wrong with the numbers and the time of a cancellation, refund or reversal."""
    for field, number in numbers.items():
        if not is_msgid(number):
            return at_field("medical.bill.msgid", field)
    for fault in moment_faults(at):
        return fault
    if earliest and str(at) < earliest:
        return at_field("medical.message.earlier", "at", found=str(at), other=earliest)
    return None


def returned_fault(returned: object) -> Message | None:
    """What is wrong with the lines of a refund."""
    if not isinstance(returned, Mapping):
        return message("medical.refund.lines", found=shown(returned))
    for line, cnt in returned.items():
        if type(line) is not int:
            return message("medical.refund.line", found=shown(line))
        if cnt is not None and type(cnt) is not Decimal:
            return message("medical.refund.quantity", line=line, found=shown(cnt))
    return None
