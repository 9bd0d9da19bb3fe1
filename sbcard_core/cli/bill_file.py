"""A bill as a JSON file: every fault is told by its line and field."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Final

from sbcard_core.errors import InvalidValue
from sbcard_core.files import read_text

_Readers = dict[str, Callable[[str, Any], Any]]
_REQUIRED: Final = ("msgid", "psn_no", "insutype", "at", "lines")
_CHARGE: Final = ("code", "det_item_fee_sumamt", "pric")
_GRADED: Final = ("item", "grade", "det_item_fee_sumamt")
_PURSE: Final = ("terminal_no", "terminal_txn_no", "balance_fen")


def read_bill(path: Path) -> Any:
    """A bill from JSON: the fields of ``medical.Bill``; a line has a catalogue's ``code``, or ``item`` and ``grade``.

    Amounts are fen, prices and quantities numbers in text, days ``YYYY-MM-DD``.

    Raises:
        InvalidValue: a field that is missing, unknown or of another kind; the message names it, and the line.
    """
    from sbcard_core.medical import Bill, Charge, FeeLine, PursePayment  # noqa: PLC0415

    document = _object(_load(path), "the bill")
    readers: _Readers = dict.fromkeys(Bill.__dataclass_fields__, _text)
    readers |= {"lines": _list, "groups": _groups, "kind": _kind, "use_account": _flag, "medfee_sumamt": _fen}
    purse: _Readers = {"terminal_no": _text, "terminal_txn_no": _fen, "balance_fen": _fen, "paid_fen": _fen}
    readers["purse"] = lambda where, value: PursePayment(**_fields(_object(value, where), where, purse, _PURSE))
    fields = _fields(document, "the bill", readers, _REQUIRED)
    shared: _Readers = {"det_item_fee_sumamt": _fen, "pric": _number, "cnt": _number}
    charge: _Readers = {"code": _text, **shared, "on": _day}
    graded: _Readers = {"item": _text, "grade": _grade, **shared, "pric_uplmt_amt": _number, "selfpay_prop_bp": _fen}

    def line(at: int, value: Any) -> Any:
        where = f"line {at} (第{at}行)"
        row = _object(value, where)
        if "code" in row:
            return Charge(**_fields(row, where, charge, _CHARGE))
        found = _fields(row, where, graded, _GRADED)
        try:
            return FeeLine(**found)
        except InvalidValue as error:
            raise _refused(f"{where}: {error.what}") from error

    return Bill(**{**fields, "lines": tuple(line(at, row) for at, row in enumerate(fields["lines"], start=1))})


def _refused(what: str) -> InvalidValue:
    advice = "correct that, by the sample in docs/billing.md; nothing was booked"
    return InvalidValue(what, step="bill", term="费用单", advice=advice)


def _load(path: Path) -> Any:
    try:
        return json.loads(read_text(path, encoding="utf-8-sig"), parse_float=Decimal, object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise _refused(f"{path.name} is not UTF-8 text") from error
    except json.JSONDecodeError as error:
        raise _refused(f"{path.name} is no JSON: {error.msg}, row {error.lineno} column {error.colno}") from error
    except InvalidValue:
        raise
    except (RecursionError, ValueError) as error:
        raise _refused(f"{path.name} is no JSON of a bill: too deep, or a number too long") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _refused(f"{next(name for name in names if names.count(name) > 1)} stands twice in one object")
    return found


def _fields(row: Mapping[str, Any], where: str, readers: _Readers, required: tuple[str, ...]) -> dict[str, Any]:
    for name in row:
        if name not in readers:
            near = get_close_matches(name, readers, 1)
            hint = f"; {near[0]} is meant?" if near else f"; there are {', '.join(readers)}"
            raise _refused(f"{where}: unknown field {name!r}{hint}")
    for name in required:
        if name not in row:
            raise _refused(f"{where}: {_named(name)} is missing")
    return {name: readers[name](f"{where}: {_named(name)}", value) for name, value in row.items()}


def _named(name: str) -> str:
    from sbcard_core.medical.faults import TERMS  # noqa: PLC0415

    more = {"item": "项目名称", "code": "项目编码", "grade": "收费项目等级", "det_item_fee_sumamt": "金额"}
    more |= {"pric": "单价", "cnt": "数量"}
    term = TERMS.get(name) or more.get(name)
    return f"{name} ({term})" if term else name


def _seen(value: Any) -> str:
    kinds = {str: "text", int: "a number", Decimal: "a number with a point", bool: "true or false", list: "a list"}
    return kinds.get(type(value), "an object" if isinstance(value, dict) else "null")


def _wanted(where: str, value: Any, wanted: str) -> InvalidValue:
    return _refused(f"{where} must be {wanted}, not {_seen(value)}")


def _typed(kind: type, wanted: str, where: str, value: Any) -> Any:
    if type(value) is not kind:
        raise _wanted(where, value, wanted)
    return value


def _object(value: Any, where: str) -> dict[str, Any]:
    return _typed(dict, 'an object {"field": value, …}', where, value)  # type: ignore[no-any-return]


_text = partial(_typed, str, 'text in quotes, such as "3"')
_fen = partial(_typed, int, "a whole number without a point; money is fen, 12.50 yuan is 1250")
_flag = partial(_typed, bool, "true or false")
_list = partial(_typed, list, "a list […]")


def _number(where: str, value: Any) -> Decimal:
    if type(value) not in (str, int):
        raise _wanted(where, value, 'a number in text, such as "1250.5"')
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise _refused(f'{where} is no number; write it such as "1250.5"') from error


def _groups(where: str, value: Any) -> frozenset[str]:
    return frozenset(_text(where, one) for one in _list(where, value))


def _kind(where: str, value: Any) -> Any:
    from sbcard_core.medical import VisitKind  # noqa: PLC0415

    if value not in list(VisitKind):
        raise _refused(f"{where} must be one of {', '.join(VisitKind)}")
    return VisitKind(value)


def _grade(where: str, value: Any) -> Any:
    from sbcard_core.medical import Grade  # noqa: PLC0415

    if value not in list(Grade):
        codes = ", ".join(f"{one.value} {one.zh}" for one in Grade)
        raise _refused(f"{where} must be one of {codes}, in quotes")
    return Grade(value)


def _day(where: str, value: Any) -> date:
    try:
        return date.fromisoformat(_text(where, value))
    except ValueError as error:
        if isinstance(error, InvalidValue):
            raise
        raise _refused(f"{where} is no day YYYY-MM-DD that exists") from error
