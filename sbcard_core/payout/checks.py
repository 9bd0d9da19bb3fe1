"""Checks of arguments: days, periods, numbers of decisions; and an amount in words."""

from datetime import date, datetime

from sbcard_core.calendar import Period
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message
from sbcard_core.values import mask_ids_in


def day(value: date, name: str = "on") -> date:
    """A day that was handed in, for the argument ``name``.

    Raises:
        InvalidValue: it is text, or has a time of day.

    Example:
        >>> day(date(2014, 9, 1))
        datetime.date(2014, 9, 1)
    """
    if not isinstance(value, date) or isinstance(value, datetime):
        raise InvalidValue(message("payout.day", field=name), step="payout", term="日期")
    return value


def period(text: str, name: str = "period") -> Period:
    """A period (发放期) in its one written form.

    Raises:
        InvalidValue: no month, quarter, half-year or year.

    Example:
        >>> period("2014年12月"), period("2014Q3")
        (Period('2014-12'), Period('2014-Q3'))
    """
    if not Period.is_valid(text):
        what = message("payout.period", field=name, found=mask_ids_in(str(text))[:16])
        raise InvalidValue(what, step="payout", term="发放期")
    return Period(text)


def month(text: str, name: str) -> str:
    """A month in its one written form, ``2014-07``: as text such months are in order of time.

    Raises:
        InvalidValue: it is none.

    Example:
        >>> month("2014-7", "since")
        '2014-07'
    """
    if not Period.is_valid(text) or Period(text).months != 1:
        what = message("payout.month", field=name, found=mask_ids_in(str(text))[:16])
        raise InvalidValue(what, step="payout.pension", term="发放期")
    return str(Period(text))


def stored_period(text: str) -> Period:
    """The period of a stored row; a part of a year with a name of an earlier version counts as its year.

    Example:
        >>> stored_period("2014-spring")
        Period('2014')
    """
    return Period(text if Period.is_valid(text) else text[:4])


def decision(text: str) -> str:
    """The number of a decision (决定书文号), without which nothing is taken back.

    Raises:
        InvalidValue: it is empty, longer than 64 characters, or not printable.

    Example:
        >>> decision(" 人社追〔2014〕3号 ")
        '人社追〔2014〕3号'
    """
    number = text.strip() if isinstance(text, str) else ""
    if not number or len(number) > 64 or not number.isprintable():
        raise InvalidValue(message("payout.decision"), step="payout", term="决定书文号")
    return number


def yuan(fen: int) -> str:
    """An amount as messages show it.

    Example:
        >>> yuan(81000050), yuan(-5)
        ('810,000.50 元', '-0.05 元')
    """
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02} 元"
