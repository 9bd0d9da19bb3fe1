"""What every call of the room asks of its arguments: a day, a period, an amount in words."""

import re
from datetime import date, datetime

from sbcard_core.errors import InvalidValue

_FORM = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2]))?")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
_NAMED = re.compile(r"[0-9]{4}-(?=[0-9-]*[A-Za-z])[A-Za-z0-9-]{1,11}")


def day(value: date, name: str = "on") -> date:
    """A day that was handed in, for the argument ``name``.

    Raises:
        InvalidValue: it is text, or has a time of day.

    Example:
        >>> day(date(2014, 9, 1))
        datetime.date(2014, 9, 1)
    """
    if not isinstance(value, date) or isinstance(value, datetime):
        raise InvalidValue(f"{name} is no day", step="payout", term="日期", advice="hand in a datetime.date")
    return value


def period(text: str, name: str = "the period") -> str:
    """A period (发放期): a year ``2014``, a month ``2014-07``, or a part of a year with a name, ``2014-Q3``.

    Raises:
        InvalidValue: another form, or a month that is none, such as ``2014-13``.

    Example:
        >>> period("2014-12"), period("2014"), period("2014-Q3")
        ('2014-12', '2014', '2014-Q3')
    """
    if not isinstance(text, str) or not (_FORM.fullmatch(text) or _NAMED.fullmatch(text)):
        advice = "write a year as 2014, a month as 2014-07 (01 to 12), a part of a year as 2014-Q3"
        raise InvalidValue(f"{name} {str(text)[:16]!r} is none", step="payout", term="发放期", advice=advice)
    return text


def month(text: str, name: str) -> str:
    """A month ``2014-07``.

    Raises:
        InvalidValue: it is none.

    Example:
        >>> month("2014-07", "since")
        '2014-07'
    """
    if not isinstance(text, str) or _MONTH.fullmatch(text) is None:
        advice = "write it as 2014-07 (01 to 12)"
        raise InvalidValue(f"{name} is no month", step="payout.pension", term="发放期", advice=advice)
    return text


def yuan(fen: int) -> str:
    """An amount as a message says it.

    Example:
        >>> yuan(81000050), yuan(-5)
        ('810,000.50 元', '-0.05 元')
    """
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02} 元"
