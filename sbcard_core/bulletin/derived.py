"""What follows from the printed figures alone: implied targets, sums, the two shortfalls.

Every result is a :class:`Figure` of origin DERIVED whose ``place`` says how it
was computed. Sums keep to printed figures; a part that is not printed makes the
result absent (None), never smaller.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from sbcard_core.bulletin.figures import UNITS, Figure, half_up
from sbcard_core.bulletin.letter import Letter
from sbcard_core.values import Origin


@dataclass(frozen=True, slots=True)
class Shortfall:
    """The gap to the annual target, net and gross, in the unit of ``net`` with its interval of rounding.

    ``net`` is what the letter states; ``surplus`` lies with members over 100 %;
    ``gross`` = net + surplus is what the others really lack.
    """

    net: Figure
    surplus: Fraction
    surplus_bounds: tuple[Fraction, Fraction]
    finished: tuple[str, ...]

    @property
    def gross(self) -> Fraction:
        """What the members under 100 % lack together."""
        return Fraction(self.net.value or 0) + self.surplus

    @property
    def gross_bounds(self) -> tuple[Fraction, Fraction]:
        """The gross gap, given how far each printed figure is rounded."""
        low, high = self.net.bounds
        return low + self.surplus_bounds[0], high + self.surplus_bounds[1]


def sum_of(letter: Letter, measure: str, subjects: Iterable[str], key: str, label: str) -> Figure | None:
    """The sum of one printed measure over subjects; None when a subject's figure is not printed.

    Example:
        >>> from sbcard_core.bulletin.letter import load
        >>> sum_of(load(), "opened", ("103", "403", "402"), "three_banks.opened", "三家银行开户").text
        '1,442'
    """
    subjects = tuple(subjects)
    parts = letter.of_measure(measure, subjects)
    if not parts or len(parts) != len(subjects) or len({part.unit for part in parts}) > 1:
        return None
    total = sum(part.value or 0 for part in parts)
    return Figure(key, total, parts[0].unit, Origin.DERIVED, " + ".join(part.text for part in parts), label)


def implied_target(letter: Letter, subject: str, rate: str = "annual_rate") -> Figure | None:
    """A target from the printed count and rate: target = submitted / rate, to 0.1 万人.

    Example:
        >>> from sbcard_core.bulletin.letter import load
        >>> [implied_target(load(), city).text for city in ("431100", "430800", "431000")]
        ['200.6', '45.3', '149.5']
        >>> implied_target(load(), "430400", "monthly_rate") is None  # 衡阳: 0 % of an unknown target
        True
    """
    submitted, share = letter.get(f"{subject}.submitted"), letter.get(f"{subject}.{rate}")
    if submitted is None or share is None or not submitted.value or not share.value:
        return None
    if submitted.origin is not Origin.PRINTED or share.origin is not Origin.PRINTED:
        return None
    target = Fraction(submitted.value) * 100 / Fraction(share.value)
    measure = rate.replace("_rate", "_target")
    place = f"{submitted.text}{submitted.unit} ÷ {share.text}%"
    return Figure(f"{subject}.{measure}", half_up(target), submitted.unit, Origin.DERIVED, place)


def annual_target(letter: Letter, subject: str) -> Figure | None:
    """A subject's annual target: implied by printed figures, else imposed, else unknown.

    For the province it is submitted + still to submit, where the letter gives both.
    """
    submitted, remaining = letter.get("province.submitted"), letter.get("province.remaining")
    if subject == "province" and submitted is not None and remaining is not None and submitted.unit == remaining.unit:
        total = (submitted.value or 0) + (remaining.value or 0)
        place = f"{submitted.text} + {remaining.text}"
        return Figure("province.annual_target", total, submitted.unit, Origin.DERIVED, place, "全省年度目标")
    return implied_target(letter, subject) or letter.get(f"{subject}.annual_target")


def submitted(letter: Letter, subject: str) -> Figure | None:
    """A subject's submitted records: printed, else imposed, else 0 where the letter says 0 % of the month's target."""
    if found := letter.get(f"{subject}.submitted"):
        return found
    rate = letter.get(f"{subject}.monthly_rate")
    if rate is not None and rate.value == 0:
        return Figure(f"{subject}.submitted", 0, "万人", Origin.DERIVED, f"月任务完成{rate.text}%")
    return None


def shortfall(letter: Letter, group: str = "cities") -> Shortfall | None:
    """Split the stated gap to the annual target into surplus and real gap; None when nothing is over 100 %.

    The implied target of a finished city lies in [submitted - ½, submitted + ½] / [rate - ½, rate + ½].

    Example:
        >>> from sbcard_core.bulletin.letter import load
        >>> gap = shortfall(load())
        >>> gap.net.text, str(half_up(gap.surplus, 0)), str(half_up(gap.gross, 0)), len(gap.finished)
        ('269', '221', '490', 10)
    """
    net = letter.get("province.remaining")
    surplus = low = high = Fraction(0)
    finished = []
    if net is None:
        return None
    factor = UNITS[net.unit][1]
    for subject in letter.members(group):
        count, rate = letter.get(f"{subject}.submitted"), letter.get(f"{subject}.annual_rate")
        if count is None or rate is None or not rate.value or rate.value < 100 or count.base != net.base:
            continue
        finished.append(subject)
        surplus += count.exact / factor * (1 - 100 / Fraction(rate.value))
        corners = [c / factor * (1 - 100 / r) for c in count.exact_bounds for r in rate.bounds]
        low, high = low + min(corners), high + max(corners)
    return Shortfall(net, surplus, (low, high), tuple(finished)) if surplus > 0 else None
