"""Rules over several fields of one record, as data: which fields, which test, what it weighs, since when."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from sbcard_core.errors import InvalidValue
from sbcard_core.validation.context import Context, years_before
from sbcard_core.values import Severity

UNLIMITED = "长期"
"""A certificate without an end."""

_WELL_FORMED = re.compile(r"[1-9][0-9]{16}[0-9X]")


@dataclass(frozen=True, slots=True)
class CrossRule:
    """One rule over several fields.

    Args:
        code: finding code.
        test: key of :data:`TESTS`.
        fields: what the test looks at, in its order; the first one is blamed.
        limit: what the test compares with, where it needs a figure or a code.
        severity: ERROR refuses the record.
        source: document the rule stands in, or "assumed".
        effective: first day the rule holds; before it the rule is not applied.
        blamed: the field a finding points at; "" = the first one.
    """

    code: str
    test: str
    fields: tuple[str, ...]
    limit: str = ""
    severity: Severity = Severity.ERROR
    source: str = "assumed"
    effective: date = date(2014, 1, 1)
    blamed: str = ""


Test = Callable[[Sequence[str], str, Context], bool]
"""(stored values of the rule's fields, limit, context) to whether the record breaks the rule."""


def _birth_in_number(values: Sequence[str], limit: str, context: Context) -> bool:  # noqa: ARG001
    number, birth = values
    return birth in context.days and _WELL_FORMED.fullmatch(number) is not None and birth != number[6:14]


def _sex_in_number(values: Sequence[str], limit: str, context: Context) -> bool:  # noqa: ARG001
    number, sex = values
    if sex not in ("1", "2") or _WELL_FORMED.fullmatch(number) is None:
        return False
    return int(sex) % 2 != int(number[16]) % 2


def _guardian_under(values: Sequence[str], limit: str, context: Context) -> bool:
    birth, *guardian = values
    return birth in context.days and birth > years_before(context.on, int(limit)) and not all(guardian)


def _equal(values: Sequence[str], limit: str, context: Context) -> bool:  # noqa: ARG001
    return bool(values[0]) and values[0] == values[1]


def _differ_when(values: Sequence[str], limit: str, context: Context) -> bool:  # noqa: ARG001
    first, second, kind = values
    return kind == limit and bool(first) and bool(second) and first != second


def _expired(values: Sequence[str], limit: str, context: Context) -> bool:  # noqa: ARG001
    (until,) = values
    return until in context.all_days and until < f"{context.on:%Y%m%d}"


def _unlimited_under(values: Sequence[str], limit: str, context: Context) -> bool:
    until, birth = values
    return until == UNLIMITED and birth in context.days and birth > years_before(context.on, int(limit))


def _ends_after(values: Sequence[str], limit: str, context: Context) -> bool:
    (until,) = values
    return until in context.all_days and until > years_before(context.on, -int(limit))


def _other_city(values: Sequence[str], limit: str, context: Context) -> bool:
    (county,) = values
    digits = int(limit) if context.submitter.endswith("00") else 6
    return bool(context.submitter) and len(county) == 6 and county[:digits] != context.submitter[:digits]


def _empty_when(values: Sequence[str], limit: str, context: Context) -> bool:  # noqa: ARG001
    needed, condition = values
    return condition == limit and not needed


def _empty_unless(values: Sequence[str], limit: str, context: Context) -> bool:  # noqa: ARG001
    needed, condition = values
    return condition not in {limit, ""} and not needed


def _filled_when(values: Sequence[str], limit: str, context: Context) -> bool:  # noqa: ARG001
    given, condition = values
    return condition != limit and bool(given)


TESTS: dict[str, Test] = {
    "birth_in_number": _birth_in_number,
    "sex_in_number": _sex_in_number,
    "guardian_under": _guardian_under,
    "equal": _equal,
    "differ_when": _differ_when,
    "expired": _expired,
    "unlimited_under": _unlimited_under,
    "ends_after": _ends_after,
    "other_city": _other_city,
    "empty_when": _empty_when,
    "empty_unless": _empty_unless,
    "filled_when": _filled_when,
}
"""Tests by the name a :class:`CrossRule` gives; an integrator may add one."""


class BoundRule:
    """A cross-field rule bound to the positions of its fields in a record."""

    __slots__ = ("blamed", "context", "places", "rule", "test")

    def __init__(self, rule: CrossRule, keys: Sequence[str], context: Context) -> None:
        if rule.test not in TESTS or not {*rule.fields, rule.blamed or rule.fields[0]} <= set(keys):
            what = f"cross-field rule {rule.code} names an unknown test or field"
            raise InvalidValue(what, step="validation.spec", term="记录格式", advice="see crosses.TESTS")
        self.rule = rule
        self.blamed = keys.index(rule.blamed or rule.fields[0])
        self.places = tuple(keys.index(field) for field in rule.fields)
        self.test, self.context = TESTS[rule.test], context

    def broken(self, values: Sequence[str]) -> bool:
        """Whether a record, its values as stored, breaks the rule."""
        return self.test([values[place] for place in self.places], self.rule.limit, self.context)
