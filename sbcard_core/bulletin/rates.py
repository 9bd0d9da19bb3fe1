"""Each printed rate against its own row, and whose rate it really is.

Printed counts are rounded themselves (to 万人), so a rate may differ in its last
digit and still be true: the interval of every true value decides between an
error and a note.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from sbcard_core.bulletin.figures import Figure, decimals, half_up
from sbcard_core.bulletin.findings import AuditFinding
from sbcard_core.bulletin.letter import Letter, Relation
from sbcard_core.values import Origin, Severity


@dataclass(frozen=True, slots=True)
class _Rate:
    """A recomputed rate: exact, with its interval and the text of the division."""

    exact: Fraction
    bounds: tuple[Fraction, Fraction]
    division: str


def recompute(letter: Letter, relation: Relation) -> _Rate | None:
    """A printed rate from its own numerator and denominators; None when that is 0, or counts something else."""
    numerator = letter[relation.numerator]
    parts = [letter[key] for key in relation.denominators]
    return _divide(numerator, parts)


def _divide(numerator: Figure, parts: list[Figure]) -> _Rate | None:
    denominator = sum((part.exact for part in parts), Fraction(0))
    low, high = (sum((part.exact_bounds[side] for part in parts), Fraction(0)) for side in (0, 1))
    if denominator == 0 or low == 0 or len({part.base for part in (numerator, *parts)}) > 1:
        return None
    bounds = numerator.exact_bounds[0] * 100 / high, numerator.exact_bounds[1] * 100 / low
    below = " + ".join(part.text for part in parts)
    division = f"{numerator.text} ÷ {f'({below})' if len(parts) > 1 else below}"
    return _Rate(numerator.exact * 100 / denominator, bounds, division)


def _other_rates(letter: Letter, relation: Relation) -> Iterator[tuple[str, str, _Rate]]:
    """The rates of the other rows of the same measure, then of the rows' total, each with its name."""
    measure = letter[relation.rate].measure
    rows = [other for other in letter.relations if letter[other.rate].measure == measure]
    units = {letter[key].unit for row in rows for key in (row.numerator, *row.denominators)}
    if len(rows) < 2:
        return
    for other in rows:
        if other.rate != relation.rate and (rate := recompute(letter, other)):
            yield letter.name(letter[other.rate].subject), other.rate, rate
    if len(units) > 1:
        return
    top = [letter[row.numerator] for row in rows]
    below = [letter[key] for row in rows for key in row.denominators]
    total = Figure("rows.total", sum(f.value or 0 for f in top), top[0].unit, Origin.DERIVED)
    base = Figure("rows.base", sum(f.value or 0 for f in below), below[0].unit, Origin.DERIVED)
    if rate := _divide(total, [base]):
        yield f"{len(rows)}家合计", f"all {len(rows)} rows together", rate


def rates(letter: Letter) -> Iterator[AuditFinding]:
    """``rate.of_another_row``, ``rate.wrong``, ``rate.rounding``: each printed rate against its own division."""
    for relation in letter.relations:
        printed, rate = letter[relation.rate], recompute(letter, relation)
        if rate is None or printed.value is None:
            continue
        right = half_up(rate.exact, decimals(printed.value))
        if right != printed.value:
            yield _rate_finding(letter, relation, rate, f"{right}%")


def _rate_finding(letter: Letter, relation: Relation, rate: _Rate, better: str) -> AuditFinding:
    printed = letter[relation.rate]
    name, shown = letter.name(printed.subject), f"{printed.text}%"
    keys = (relation.rate, relation.numerator, *relation.denominators)
    zh = f"{name}完成率印作{shown}，按本行人数应为{better}"
    en = f"{relation.rate}: {shown} is printed, its own row gives {better}"
    code, severity = "rate.wrong", Severity.ERROR
    if printed.bounds[0] <= rate.bounds[1] and printed.bounds[1] >= rate.bounds[0]:
        code, severity = "rate.rounding", Severity.NOTE
        zh += "；人数本身取整，两者可以并存"
        en += "; the counts themselves are rounded, so both can stand"
    else:
        for other_zh, other_en, other in _other_rates(letter, relation):
            if half_up(other.exact, decimals(printed.value or 0)) == printed.value:
                code = "rate.of_another_row"
                zh += f"；{shown}是{other_zh}的完成率({other.division})，错行"
                en += f"; {shown} is the rate of {other_en} ({other.division})"
                break
    return AuditFinding(code, severity, keys, shown, better, rate.division, zh, en)
