"""A published figure: value, unit, and above all where it comes from.

Figures are exact: ``int`` or ``Decimal``, never ``float``. Rates are recomputed
from numerator and denominator and rounded half up, as Chinese statistics do
(四舍五入); Python's own ``round`` rounds half to even and is not used.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType

from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message
from sbcard_core.values import Origin

Number = int | Decimal

UNKNOWN = "—"
"""Shown for a figure nobody has given; an unknown figure is never shown as 0."""

_PLAIN = (
    *("", "人", "张", "笔", "元", "分", "台", "个", "家", "月", "日", "号", "路", "个月", "工作日", "批", "份", "条"),
    *("次", "人次", "户", "种", "天", "%"),
)
_COUNTED = ("人", "张", "元", "人次", "户", "笔")
UNITS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {unit: (unit, 1) for unit in _PLAIN}
    | {f"万{unit}": (unit, 10**4) for unit in _COUNTED}
    | {f"亿{unit}": (unit, 10**8) for unit in _COUNTED}
)
"""Units a figure may have, each with its base unit and how many of them it is: 万人 is 10,000 人."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure with its origin.

    Args:
        key: ``"<subject>.<measure>"``, e.g. ``"402.open_rate"``.
        value: exact number in ``unit``; None = unknown.
        unit: one of :data:`UNITS`; ``%`` means per cent (85.3, not 0.853).
        origin: printed, derived, imposed or simulated.
        place: where it stands or how it was obtained, for the reader.
        label: what it is called where it is shown alone.

    Raises:
        InvalidValue: a key without subject, an unknown unit, or a float.

    Example:
        >>> rate = Figure("402.open_rate", Decimal("84.8"), "%", Origin.PRINTED, "一(二)")
        >>> rate.subject, rate.measure, rate.text
        ('402', 'open_rate', '84.8')
    """

    key: str
    value: Number | None
    unit: str
    origin: Origin
    place: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        subject, _, measure = self.key.partition(".")
        if not subject or not measure:
            raise InvalidValue(message("letter.figure.key"), step="bulletin.figures", term="数据项")
        if self.unit not in UNITS:
            what = message("letter.figure.unit", where=self.key, units=", ".join(UNITS))
            raise InvalidValue(what, step="bulletin.figures", term="计量单位")
        if self.value is not None and not is_number(self.value):
            what = message("letter.figure.number", where=self.key)
            raise InvalidValue(what, step="bulletin.figures", term="数值")

    @property
    def subject(self) -> str:
        """City, bank, ``province`` or ``letter``."""
        return self.key.partition(".")[0]

    @property
    def measure(self) -> str:
        """What is counted, e.g. ``submitted``."""
        return self.key.partition(".")[2]

    @property
    def base(self) -> str:
        """The unit without 万 or 亿: figures of one base can be compared and added."""
        return UNITS[self.unit][0]

    @property
    def exact(self) -> Fraction:
        """The value in the base unit; 0 when unknown.

        Example:
            >>> Figure("province.made", Decimal("35.6"), "万张", Origin.PRINTED).exact
            Fraction(356000, 1)
        """
        return Fraction(self.value or 0) * UNITS[self.unit][1]

    @property
    def exact_bounds(self) -> tuple[Fraction, Fraction]:
        """:attr:`bounds` in the base unit."""
        low, high = self.bounds
        return low * UNITS[self.unit][1], high * UNITS[self.unit][1]

    @property
    def text(self) -> str:
        """The value as shown, thousands grouped, without its unit; ``—`` when unknown.

        Example:
            >>> Figure("province.submitted", 18550, "人", Origin.SIMULATED).text
            '18,550'
        """
        return UNKNOWN if self.value is None else f"{self.value:,}"

    @property
    def bounds(self) -> tuple[Fraction, Fraction]:
        """The interval of true values that print like this: half a last digit to either side, never below zero.

        Raises:
            InvalidValue: the figure is unknown.

        Example:
            >>> [float(side) for side in Figure("a.b", Decimal("87.3"), "%", Origin.PRINTED).bounds]
            [87.25, 87.35]
        """
        if self.value is None:
            what = message("letter.figure.unknown", where=self.key)
            raise InvalidValue(what, step="bulletin.figures", term="未知数")
        half = Fraction(1, 2 * 10 ** decimals(self.value))
        return max(Fraction(0), Fraction(self.value) - half), Fraction(self.value) + half


def is_number(value: object) -> bool:
    """Whether a value is exact and finite: an int or a Decimal, no bool and no NaN.

    Example:
        >>> [is_number(value) for value in (1, Decimal("1.5"), True, Decimal("NaN"), 1.5, "1")]
        [True, True, False, False, False, False]
    """
    return (isinstance(value, int) and not isinstance(value, bool)) or (
        isinstance(value, Decimal) and value.is_finite()
    )


def in_unit(exact: Fraction, like: Figure) -> str:
    """An amount of the base unit as a figure would print it: in its unit, with its digits.

    Example:
        >>> in_unit(Fraction(15_450_000), Figure("province.submitted", 1855, "万人", Origin.PRINTED))
        '1,545'
    """
    return f"{half_up(exact / UNITS[like.unit][1], 0 if like.value is None else decimals(like.value)):,}"


def decimals(value: Number) -> int:
    """Digits after the point that were printed: 0 for an int.

    Example:
        >>> decimals(108), decimals(Decimal("87.30"))
        (0, 2)
    """
    exponent = value.as_tuple().exponent if isinstance(value, Decimal) else 0
    return max(0, -exponent) if isinstance(exponent, int) else 0


def half_up(value: Fraction | Number, places: int = 1) -> Decimal:
    """Round half up (四舍五入) to ``places`` digits, exactly.

    Example:
        >>> half_up(Fraction(8545, 100)), half_up(Decimal("0.25")), half_up(-1, 0)
        (Decimal('85.5'), Decimal('0.3'), Decimal('-1'))
    """
    scaled = abs(Fraction(value)) * 10**places
    digits = int(scaled + Fraction(1, 2))
    return Decimal(-digits if value < 0 else digits).scaleb(-places)


def percent(numerator: Number | None, denominator: Number | None, places: int = 1) -> Decimal | None:
    """A rate in per cent, rounded half up; None when a part is unknown or the denominator is 0.

    Example:
        >>> percent(697, 817), percent(1442, 1701), percent(0, 5), percent(1, 0)
        (Decimal('85.3'), Decimal('84.8'), Decimal('0.0'), None)
    """
    if numerator is None or denominator is None or denominator == 0:
        return None
    return half_up(Fraction(numerator) * 100 / Fraction(denominator), places)
