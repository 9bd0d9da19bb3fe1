"""Synthetic people for tests: numbers with a right check character, names without a fault."""

from datetime import date, timedelta

from sbcard_core.fields import citizen_id


def number(at: int) -> str:
    """The citizen number of the person with this serial; each serial is another person."""
    born = date(1960, 1, 1) + timedelta(days=at // 990)
    body = f"430102{born:%Y%m%d}{at % 990 + 1:03d}"
    return body + citizen_id.check_digit(body)


def name(at: int) -> str:
    """A name of two characters."""
    return "张" + chr(0x4E00 + at)
