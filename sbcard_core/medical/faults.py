"""The rules of a bill and of the messages about it: what is wrong, by field and line, in the catalogue's sentences."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter, le
from typing import Final

from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import is_id, is_timestamp
from sbcard_core.ledger.transfers import is_storable
from sbcard_core.medical.bill import Bill, PursePayment, is_msgid, person_number
from sbcard_core.medical.catalogue import Charge
from sbcard_core.medical.lines import FeeLine, number_fault
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
_LIMITED: Final = attrgetter(*_LONGEST)
_MOST: Final = tuple(_LONGEST.values())
_NUMBER: Final = re.compile(r"\d{15}")


def check(bill: object) -> Bill:
    """A bill whose shape is right: all that depends on no table.

    Raises:
        InvalidValue: the first rule it breaks, by field and line.
    """
    if not isinstance(bill, Bill):
        raise InvalidValue(message("medical.bill.type", found=shown(bill)), step="Bill", term="结算请求")
    for rule in BILL_RULES:
        fault = rule(bill)
        if fault is not None:
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


def _texts(bill: Bill) -> Message | None:
    values = _ALL_TEXTS(bill)
    try:
        is_good = is_storable("".join(values)) and all(map(le, map(len, _LIMITED(bill)), _MOST))
    except TypeError:  # a value that is no text
        is_good = False
    if is_good:  # as nearly always; else each by itself
        return None
    for field, value in zip(_TEXTS, values, strict=True):
        if not isinstance(value, str):
            found = type(value).__name__ if field == "psn_no" else shown(value)
            return at_field("medical.bill.text", field, found=found)
        if not is_storable(value):
            return at_field("medical.bill.characters", field)
        if len(value) > _LONGEST.get(field, len(value)):
            return at_field("medical.bill.length", field, most=_LONGEST[field])
    return None


def _types(bill: Bill) -> Message | None:
    groups: object = bill.groups
    if not isinstance(bill.kind, str):  # one that no table has is not covered
        return at_field("medical.bill.kind", "kind", allowed=", ".join(VisitKind))
    if not isinstance(groups, frozenset) or (groups and not all(isinstance(group, str) for group in groups)):
        return at_field("medical.bill.groups", "groups")
    if groups and not is_storable("".join(groups)):
        return at_field("medical.bill.characters", "groups")
    if type(bill.use_account) is not bool:
        return at_field("medical.bill.flag", "use_account")
    if bill.medfee_sumamt is not None and type(bill.medfee_sumamt) is not int:
        return at_field("medical.bill.fen", "medfee_sumamt", found=shown(bill.medfee_sumamt))
    return None


def _numbers(bill: Bill) -> Message | None:
    if not is_msgid(bill.msgid):
        return at_field("medical.bill.msgid", "msgid")
    person = bill.psn_no
    if not is_id(person) or not (person.isalnum() or _is_one_word(person_number(person))):
        return at_field("medical.bill.id", "psn_no")
    return _moment(bill.at)


def _is_one_word(number: str) -> bool:
    """Whether no blank around it and no character that shows nothing makes two persons of one."""
    return number.isprintable() and number == number.strip()


def _places(bill: Bill) -> Message | None:
    """A category of remote treatment is given exactly where the place of treatment is another."""
    elsewhere = bill.mdtrtarea_admvs not in ("", bill.insuplc_admdvs)
    if elsewhere == bool(bill.remote):
        return None
    return at_field("medical.bill.remote_missing" if elsewhere else "medical.bill.remote_at_home", "remote")


def _days(bill: Bill) -> Message | None:
    """A visit ends after it begins, and not after its settlement; days that are not given are that of ``at``."""
    if not (bill.begins or bill.ends):
        return None
    for field, day in (("begins", bill.begins), ("ends", bill.ends)):
        if day and not is_timestamp(f"{day}T00:00:00"):
            return at_field("medical.bill.day", field, found=shown(day))
    if bill.last_day < bill.first_day:
        return message("medical.bill.ends_first", found=shown(bill.last_day), other=shown(bill.first_day))
    if bill.last_day > bill.at[:10]:
        return message("medical.bill.ends_late", found=shown(bill.last_day), other=shown(bill.at))
    return None


def _purse(bill: Bill) -> Message | None:
    purse: object = bill.purse
    if purse is None:
        return None
    if not isinstance(purse, PursePayment):
        return at_field("medical.bill.purse", "purse", found=shown(purse))
    balance, paid = purse.balance_fen, purse.paid_fen
    if type(purse.terminal_no) is not str or type(purse.terminal_txn_no) is not int or not is_id(purse.transfer_id):
        return at_field("medical.bill.purse_number", "purse")
    if type(balance) is not int or balance < 0:
        return at_field("medical.bill.purse_balance", "purse", found=shown(balance))
    if paid is not None and (type(paid) is not int or not 0 <= paid <= balance):
        return at_field("medical.bill.purse_paid", "purse", found=shown(paid))
    return None


def _lines(bill: Bill) -> Message | None:
    lines: object = bill.lines
    if not isinstance(lines, tuple):
        return at_field("medical.bill.lines", "lines", found=shown(lines))
    if not 0 < len(lines) <= LINES_MAX:
        return at_field("medical.bill.lines_count", "lines", found=len(lines), most=LINES_MAX)
    if set(map(type, lines)) == {FeeLine}:  # which check themselves when they are made
        return None
    for place, line in enumerate(lines, start=1):
        if isinstance(line, Charge):
            if fault := _charge(place, line, bill):
                return fault
        elif not isinstance(line, FeeLine):
            return message("medical.line.type", line=place, found=shown(line))
    return None


def _charge(place: int, line: Charge, bill: Bill) -> Message | None:
    code: object = line.code
    if not isinstance(code, str):
        return message("medical.line.code", line=place, found=shown(code))
    if fault := number_fault(line.det_item_fee_sumamt, {"pric": line.pric, "cnt": line.cnt}):
        return message("medical.line.number", line=place, fault=fault)
    on: object = line.on
    if on is None:
        return None
    first, last = bill.first_day, bill.last_day
    if not isinstance(on, date) or isinstance(on, datetime):
        return message("medical.line.day", line=place, found=shown(on))
    if not first <= on.isoformat() <= last:
        return message("medical.line.day_outside", line=place, found=on.isoformat(), first=first, last=last)
    return None


BILL_RULES: Final[tuple[Callable[[Bill], Message | None], ...]] = (
    *(_texts, _types, _numbers, _places, _days, _purse, _lines),
)
"""Every rule of a bill's shape, types first: a later rule reads only what the earlier ones have checked."""


def _moment(at: object) -> Message | None:
    """What is wrong with a business time."""
    return None if isinstance(at, str) and is_timestamp(at) else at_field("medical.bill.moment", "at", found=shown(at))


def message_fault(numbers: Mapping[str, object], at: object, earliest: str = "") -> Message | None:
    """The first thing wrong with the numbers and the time of a cancellation, refund or reversal."""
    for field, number in numbers.items():
        if not is_msgid(number):
            return at_field("medical.bill.msgid", field)
    if fault := _moment(at):
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
