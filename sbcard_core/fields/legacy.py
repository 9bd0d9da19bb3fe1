"""The 15-digit numbers of before 1999, and the 18-digit ones they stand for."""

from datetime import date

from sbcard_core.fields import citizen_id

CENTENARIANS = frozenset({"996", "997", "998", "999"})
"""Sequences of 15-digit numbers that were kept for people born before 1900: their century is open."""


def is_legacy(number: str) -> bool:
    """Whether a plain number has the 15 digits of the old form.

    Example:
        >>> is_legacy("610104620927690"), is_legacy("610104196209276908")
        (True, False)
    """
    return len(number) == 15 and number.isascii() and number.isdigit()


def lengthen(number: str, *, on: date) -> tuple[str, ...]:
    """The 18-digit numbers a 15-digit one can stand for, likeliest first; most have one, a centenarian's two.

    Sequences 996 to 999 were kept for people born before 1900, so both centuries are given for them. A
    number whose date or province is impossible, or that is a permit's, stands for nobody.

    Args:
        number: 15 digits.
        on: the day the number must exist by.

    Source: GB 11643-1989 and -1999.

    Example:
        >>> lengthen("610104620927690", on=date(2014, 7, 31))
        ('610104196209276908',)
        >>> [number[6:10] for number in lengthen("610104620927996", on=date(2014, 7, 31))]
        ['1862', '1962']
    """
    if not is_legacy(number) or citizen_id.is_permit(number):
        return ()
    right = []
    for century in ("18", "19") if number[12:] in CENTENARIANS else ("19",):
        body = number[:6] + century + number[6:]
        full = body + citizen_id.check_digit(body)
        if is_right(full, on=on):
            right.append(full)
    return tuple(right)


def only_reading(number: str, *, on: date) -> str:
    """The one 18-digit number a 15-digit one stands for; "" where there are two, or none.

    Example:
        >>> only_reading("610104620927690", on=date(2014, 7, 31)), only_reading("610104620927996", on=date(2014, 7, 31))
        ('610104196209276908', '')
    """
    readings = lengthen(number, on=on)
    return readings[0] if len(readings) == 1 else ""


def is_right(number: str, *, on: date) -> bool:
    """Whether 18 characters are right in every part; births of the 19th century are taken, too.

    Example:
        >>> is_right("610104186209279966", on=date(2014, 7, 31)), is_right("610104186209279960", on=date(2014, 7, 31))
        (True, False)
    """
    if len(number) != citizen_id.LENGTH or not number.isascii():
        return False
    if number[6:8] == "18" and citizen_id.is_day(number[6:14]):
        # the kernel knows no day before 1900: the same day of a year it knows stands in
        body = f"{number[:6]}{'1996' if number[10:14] == '0229' else '1997'}{number[10:17]}"
        if not number[:17].isdigit() or citizen_id.check_digit(number[:17]) != number[17]:
            return False
        number = body + citizen_id.check_digit(body)
    return citizen_id.check_many(number.encode("ascii"), on=on)[0] == 0
