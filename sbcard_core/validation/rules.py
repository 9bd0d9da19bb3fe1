"""Field rules: each takes one value and gives it back as it should be stored, with all that is wrong in it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from sbcard_core.fields import citizen_id, name, phone
from sbcard_core.validation.spec import FieldSpec, RecordSpec
from sbcard_core.values import Severity

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_WELL_FORMED = re.compile(r"[1-9][0-9]{16}[0-9X]")
_BIT_CODES = (
    (citizen_id.CHARACTERS, "id_number.characters"),
    (citizen_id.REGION, "id_number.region"),
    (citizen_id.DATE, "id_number.date"),
    (citizen_id.CHECK, "id_number.check"),
)


class Problem(NamedTuple):
    """One thing wrong in one value; ``repaired`` = the stored value is already right."""

    code: str
    severity: Severity
    repair: str = ""
    repaired: bool = False


@lru_cache(maxsize=4)
def _days(first: date, on: date) -> frozenset[str]:
    return frozenset(f"{first + timedelta(days=n):%Y%m%d}" for n in range((on - first).days + 1))


@dataclass(frozen=True, slots=True)
class Context:
    """What the rules know besides the value: the day of the check and every day before it as YYYYMMDD."""

    on: date
    days: frozenset[str] = field(default=frozenset(), repr=False)

    @classmethod
    def of(cls, on: date) -> "Context":
        """The context of a check on one day; days before 1900 are impossible."""
        return cls(on, _days(date(1900, 1, 1), on))


Rule = Callable[[FieldSpec, str, Context], tuple[str, list[Problem]]]


def tidy(value: str) -> str:
    """The value in plain characters without blanks around it.

    Example:
        >>> tidy(" ４３０１０２　")
        '430102'
    """
    return value.translate(_FULL_WIDTH).strip()


def _judge(spec: FieldSpec, value: str, plain: str, good: bool) -> tuple[str, list[Problem]]:
    if not good:
        return value, [Problem(spec.code, spec.severity)]
    return plain, [] if plain == value else [Problem(spec.code, Severity.WARNING, plain, True)]


def _pattern(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:  # noqa: ARG001
    plain = tidy(value)
    return _judge(spec, value, plain, re.fullmatch(spec.clean, plain) is not None)


def _code(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:  # noqa: ARG001
    plain = tidy(value)
    return _judge(spec, value, plain, spec.allowed is not None and plain in spec.allowed)


def _ethnicity(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:
    plain, problems = _pattern(spec, value, context)
    if spec.allowed is not None and plain not in spec.allowed and re.fullmatch(spec.clean, plain):
        problems.append(Problem("ethnicity.unknown", Severity.WARNING))  # the code table is assumed: no refusal
    return plain, problems


def _day(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:
    plain = tidy(value)
    return _judge(spec, value, plain, plain in context.days)


def _phone(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:  # noqa: ARG001
    plain = phone.compact(tidy(value))
    return _judge(spec, value, plain, phone.is_valid(plain))


def _name(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:  # noqa: ARG001
    repaired = name.repair(value)
    mild = (name.Problem.DOT, name.Problem.BLANK, name.Problem.PRIVATE_USE)
    found = []
    for problem in name.problems(value):
        put_right = problem in mild and problem is not name.Problem.PRIVATE_USE
        severity = Severity.WARNING if problem in mild else spec.severity
        found.append(Problem(f"name.{problem}", severity, repaired if put_right else "", put_right))
    return repaired, found


def _id_number(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:
    plain, problems = citizen_id.compact(value), []
    if any("\uff01" <= character <= "\uff5e" or character.isspace() for character in value):
        problems.append(Problem("id_number.fullwidth", Severity.WARNING, plain, True))
    if "x" in value:
        problems.append(Problem("id_number.lowercase_x", Severity.WARNING, plain, True))
    if len(plain) == 15 and plain.isascii() and plain.isdigit():
        return plain, [*problems, Problem("id_number.length15", spec.severity, citizen_id.upgrade(plain))]
    if _WELL_FORMED.fullmatch(plain) is None:
        return value, [Problem("id_number.characters", spec.severity)]
    bits = citizen_id.check_many(plain.encode("ascii"), on=context.on)[0]
    return plain, problems + [Problem(code, spec.severity) for bit, code in _BIT_CODES if bits & bit]


RULES: dict[str, Rule] = {
    "pattern": _pattern,
    "code": _code,
    "ethnicity": _ethnicity,
    "day": _day,
    "phone": _phone,
    "name": _name,
    "id_number": _id_number,
}
"""Rules by the name a :class:`~sbcard_core.validation.spec.FieldSpec` gives."""


_NUMBER_IS_WRONG = frozenset(code for _, code in _BIT_CODES)


class Checked(NamedTuple):
    """One record after all rules."""

    values: list[str]
    """As stored, in spec order."""
    problems: list[tuple[int, Problem]]
    """(position of the field, problem) pairs."""
    number_is_right: bool
    """The number is well-formed and right in every part, so it stands for a person."""


def number_is_right(number: str, context: Context) -> bool:
    """Whether a stored number may stand for a person: well-formed and right in every part."""
    good = _WELL_FORMED.fullmatch(number) is not None
    return good and citizen_id.check_many(number.encode("ascii"), on=context.on)[0] == 0


class RecordRules:
    """All rules of one layout, ready to judge record after record.

    Args:
        spec: the layout.
        context: what the rules know besides the values.

    Raises:
        KeyError: a field names a rule that is not in :data:`RULES`.
    """

    def __init__(self, spec: RecordSpec, context: Context) -> None:
        self.context = context
        self._fields = [(field, RULES[field.rule], _shortcut(field, context)) for field in spec.fields]
        self._number, self._birth, self._sex = (spec.index(key) for key in ("id_number", "birth", "sex"))
        self._weight = spec.fields[self._number].severity

    def check(self, values: list[str]) -> Checked:
        """Apply every rule to one record, and compare birth and sex with the number.

        Args:
            values: one string per field, in spec order, as written.
        """
        stored: list[str] = []
        problems: list[tuple[int, Problem]] = []
        for position, (value, (spec, rule, is_clean)) in enumerate(zip(values, self._fields, strict=True)):
            if is_clean(value):
                stored.append(value)
            elif not value.strip():
                stored.append("")
                if spec.required:
                    problems.append((position, Problem(spec.missing or spec.code, spec.severity)))
            else:
                kept, found = rule(spec, value, self.context)
                stored.append(kept)
                problems += [(position, problem) for problem in found]
        number = stored[self._number]
        right = False
        if _WELL_FORMED.fullmatch(number):
            right = not any(problem.code in _NUMBER_IS_WRONG for _, problem in problems)
            problems += [(self._number, Problem(code, self._weight)) for code in self._mismatches(stored)]
        return Checked(stored, problems, right)

    def _mismatches(self, stored: list[str]) -> Iterator[str]:
        number, birth, sex = stored[self._number], stored[self._birth], stored[self._sex]
        if birth in self.context.days and birth != number[6:14]:
            yield "id_number.birth_mismatch"
        if sex in ("1", "2") and int(sex) % 2 != int(number[16]) % 2:
            yield "id_number.sex_mismatch"


def _shortcut(spec: FieldSpec, context: Context) -> Callable[[str], object]:
    """A cheap test that is true only for values the field's rule would give back unchanged and unblamed."""
    if spec.rule == "id_number":
        return lambda _: False  # its check character needs the kernel
    if spec.rule == "day":
        return context.days.__contains__
    return spec.allowed.__contains__ if spec.allowed is not None else re.compile(spec.clean).fullmatch
