"""Codes and small values that every floor shares. No I/O, no third-party import."""

import re
from enum import IntEnum, StrEnum

from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message


class Origin(StrEnum):
    """Where a published figure comes from; every figure shown carries one."""

    PRINTED = "printed"
    """Stands in the source document as printed (原文)."""
    DERIVED = "derived"
    """Computed from printed figures only (推算)."""
    IMPOSED = "imposed"
    """Unknown in the source, fixed by us so that the replay can run (设定)."""
    SIMULATED = "simulated"
    """Counted in the synthetic campaign (模拟)."""
    COUNTED = "counted"
    """Counted in the registry of real people (统计)."""

    @property
    def zh(self) -> str:
        """The Chinese word shown beside the figure."""
        return {"printed": "原文", "derived": "推算", "imposed": "设定", "simulated": "模拟", "counted": "统计"}[
            self.value
        ]


class Disposition(IntEnum):
    """What became of one input record; accepted + rejected + quarantined = input."""

    ACCEPTED = 0
    REJECTED = 1
    QUARANTINED = 2


class Severity(IntEnum):
    """How much a finding weighs: only ERROR refuses a record."""

    NOTE = 0
    WARNING = 1
    ERROR = 2


class Sex(StrEnum):
    """性别, GB/T 2261.1 codes."""

    UNKNOWN = "0"
    MALE = "1"
    FEMALE = "2"
    UNSPECIFIED = "9"


class PersonCategory(IntEnum):
    """人员类别: the five groups the 2014 letter names. Own codes: no official list is public."""

    URBAN_EMPLOYEE = 1
    URBAN_RESIDENT = 2
    STUDENT = 3
    RURAL = 4
    FLEXIBLE = 5

    @property
    def zh(self) -> str:
        """The letter's own word."""
        return ("城镇职工", "城镇居民", "参保学生", "农村参保人员", "灵活就业人员")[self.value - 1]


class CardState(IntEnum):
    """卡应用状态, AAZ502 codes as one card-management vendor uses them; other vendors differ, so map."""

    SEALED = 0
    """封存: made, not yet in use."""
    NORMAL = 1
    """正常."""
    LOST = 2
    """正式挂失: written loss report."""
    LOCKED = 3
    """应用锁定."""
    TEMPORARILY_LOST = 4
    """临时挂失: telephone loss report, ends by itself."""
    CANCELLED = 9
    """注销: final."""


class LifeStatus(IntEnum):
    """生存状态, AAC060 codes as one card-management vendor uses them."""

    NORMAL = 1
    DEAD = 2
    IMPRISONED = 3
    MISSING = 4
    UNKNOWN = 5


FEN_MAX = (1 << 63) - 1


def yuan(fen: int) -> str:
    """Format fen as yuan with two decimals, without ever passing through float.

    Example:
        >>> yuan(123456), yuan(-5)
        ('1234.56', '-0.05')
    """
    sign = "-" if fen < 0 else ""
    whole, part = divmod(abs(fen), 100)
    return f"{sign}{whole}.{part:02d}"


def parse_yuan(text: str) -> int:
    """Read yuan with at most two decimals as fen.

    Raises:
        InvalidValue: not a plain ASCII decimal number with at most two decimals.

    Example:
        >>> parse_yuan("1234.5")
        123450
    """
    whole, _, part = text.removeprefix("-").partition(".")
    if not (text.isascii() and whole.isdigit() and (part == "" or part.isdigit()) and len(part) <= 2):
        raise InvalidValue(message("values.amount"), step="values.parse_yuan", term="金额")
    fen = int(whole) * 100 + int(part.ljust(2, "0") or 0)
    return -fen if text.startswith("-") else fen


def mask_id(number: str) -> str:
    """Hide the birth date of a citizen number, for logs and messages.

    Example:
        >>> mask_id("11010519491231002X")
        '110105********002X'
    """
    return f"{number[:6]}{'*' * max(0, len(number) - 10)}{number[-4:]}" if len(number) > 10 else "*" * len(number)


WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""Full-width forms of ASCII, for ``str.translate``."""
_WRAPPED = re.compile(r"""\s*(?:=?\s*"([^"]*)"|['`\u2018\u2019\uff07]([^'\u2019\uff07]*)['\u2019\uff07]?)\s*""")
UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0"
    "\ufff0-\ufffb\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""Characters that show nothing wherever they stand, for a class of a regular expression.

Source: Unicode's property Default_Ignorable_Code_Point, without what shapes letters of some scripts.
"""

_NOTHING = re.compile(rf"[\s\x00\u180b-\u180f\u200c\u200d{UNSEEN}]+")


HYPHEN = re.compile(r"[-\u00ad\u2010-\u2015\u2212\uff0d]")
"""A hyphen, a dash or a minus sign."""


def unwrapped(text: str) -> str:
    """A cell's text without the apostrophe, quotes or ="…" by which spreadsheet users keep a number text.

    Example:
        >>> unwrapped('="0123"'), unwrapped("'0123"), unwrapped("0123")
        ('0123', '0123', '0123')
    """
    found = _WRAPPED.fullmatch(text)
    return text if found is None else next(inner for inner in found.groups() if inner is not None)


def plain(text: str) -> str:
    """A code or number half-width, without blanks, line ends, unseen characters and a spreadsheet's wrapping.

    Example:
        >>> plain(" ６２２８ 4800\u200b\u00a0００１２　"), plain("2014－Ｑ3"), plain('="0123"')
        ('622848000012', '2014-Q3', '0123')
    """
    if text.isascii() and text.isalnum():
        return text
    found, before = _NOTHING.sub("", text.translate(WIDE)), ""
    while found != before:  # unseen characters may stand before a wrapping, and one in another
        found, before = unwrapped(found), found
    return found


_CITIZEN = re.compile(r"(?<![0-9])(?:[0-9]{17}[0-9Xx]|[0-9]{15})(?![0-9])")


def mask_ids_in(text: str) -> str:
    """A caller's own id or another text as messages show it: citizen numbers within it are hidden.

    Example:
        >>> mask_ids_in("person:11010519491231002X:2014"), mask_ids_in("POOLED_FUND:430100")
        ('person:110105********002X:2014', 'POOLED_FUND:430100')
    """
    return _CITIZEN.sub(lambda found: mask_id(found[0]), text)
