"""Field rules: each takes one value and gives it back as it should be stored, with all that is wrong in it."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import bank_card, card_number, citizen_id, name, phone
from sbcard_core.validation.context import Context
from sbcard_core.validation.crosses import UNLIMITED, BoundRule
from sbcard_core.validation.legacy import only_reading
from sbcard_core.validation.spec import FieldSpec, RecordSpec
from sbcard_core.values import Severity

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_WELL_FORMED = re.compile(r"[1-9][0-9]{16}[0-9X]")
_TEXT_MAX = 500
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
        return plain, [*problems, Problem("id_number.length15", spec.severity, only_reading(plain, on=context.on))]
    if _WELL_FORMED.fullmatch(plain) is None:
        return value, [Problem("id_number.characters", spec.severity)]
    bits = citizen_id.check_many(plain.encode("ascii"), on=context.on)[0]
    return plain, problems + [Problem(code, spec.severity) for bit, code in _BIT_CODES if bits & bit]


def _any(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:  # noqa: ARG001
    return value, []


def _text(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:  # noqa: ARG001
    plain = value.strip()
    if len(plain) > _TEXT_MAX or any(character < " " for character in plain):
        return value, [Problem(spec.code, spec.severity)]
    return plain, []


def _exact(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:  # noqa: ARG001
    """Money and accounts: never put right, not even in width."""
    return value, [] if re.fullmatch(spec.clean, value) else [Problem(spec.code, spec.severity)]


def _account(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:  # noqa: ARG001
    if not bank_card.is_valid(value):
        return value, [Problem(spec.code, spec.severity)]
    return value, [] if bank_card.luhn_is_right(value) else [Problem("account_no.luhn", Severity.WARNING)]


def _card_number(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:  # noqa: ARG001
    plain = card_number.compact(tidy(value))
    if card_number.is_valid(plain):
        return _judge(spec, value, plain, True)
    if card_number.is_legacy(plain):
        return plain, [Problem("card_no.legacy", Severity.WARNING)]
    return value, [Problem(spec.code, spec.severity)]


def _validity(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:
    plain = tidy(value)
    return _judge(spec, value, plain, plain == UNLIMITED or plain in context.all_days)


RULES: dict[str, Rule] = {
    "any": _any,
    "text": _text,
    "exact": _exact,
    "account": _account,
    "card_number": _card_number,
    "validity": _validity,
    "pattern": _pattern,
    "code": _code,
    "ethnicity": _ethnicity,
    "day": _day,
    "phone": _phone,
    "name": _name,
    "id_number": _id_number,
}
"""Rules by the name a :class:`~sbcard_core.validation.spec.FieldSpec` gives."""

RULE_CODES: dict[str, tuple[str, ...]] = {
    "account": ("account_no.luhn",),
    "card_number": ("card_no.legacy",),
    "ethnicity": ("ethnicity.unknown",),
    "name": tuple(f"name.{problem}" for problem in name.Problem),
    "id_number": (
        *(code for _, code in _BIT_CODES),
        *(f"id_number.{code}" for code in ("fullwidth", "lowercase_x", "length15")),
    ),
}
"""The codes a rule finds besides its field's own."""


def codes_of(spec: RecordSpec) -> tuple[str, ...]:
    """Every finding code a record of a layout can get; the place of a code is its bit in a record's mask.

    Raises:
        InvalidValue: more codes than a mask of 64 bits holds.

    Example:
        >>> from sbcard_core.validation.spec import COLLECTION
        >>> codes_of(COLLECTION)[:4]
        ('record.undecodable', 'record.columns', 'duplicate.identical', 'duplicate.conflict')
    """
    codes = dict.fromkeys(("record.undecodable", "record.columns", "duplicate.identical", "duplicate.conflict"))
    for field in spec.fields:
        codes |= dict.fromkeys(code for code in (field.code, field.missing) if code)
        codes |= dict.fromkeys(RULE_CODES.get(field.rule, ()))
    codes |= dict.fromkeys(rule.code for rule in spec.crosses)
    if len(codes) > 64:
        raise InvalidValue("a layout finds at most 64 codes", step="validation.codes_of", term="记录格式")
    return tuple(codes)


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
        self._fields = [
            (field, RULES[field.rule if field.effective <= context.on else "any"], _shortcut(field, context))
            for field in spec.fields
        ]
        keys = [field.field for field in spec.fields]
        self._number = keys.index("id_number") if "id_number" in keys else -1
        self.crosses = [BoundRule(rule, keys, context) for rule in spec.crosses if rule.effective <= context.on]

    def is_clean(self, position: int) -> Callable[[str], bool]:
        """A test of one field: its rule gives a stored value back unblamed (warnings are blame too)."""
        field, rule, _ = self._fields[position]
        return lambda value: (not value and not field.required) or not rule(field, value, self.context)[1]

    def check(self, values: Sequence[str]) -> Checked:
        """Apply every rule to one record, the cross-field rules to its values as stored.

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
        right = self._number >= 0 and _WELL_FORMED.fullmatch(stored[self._number]) is not None
        right = right and not any(problem.code in _NUMBER_IS_WRONG for _, problem in problems)
        problems += [
            (bound.blamed, Problem(bound.rule.code, bound.rule.severity))
            for bound in self.crosses
            if bound.broken(stored)
        ]
        return Checked(stored, problems, right)


def _shortcut(spec: FieldSpec, context: Context) -> Callable[[str], object]:
    """A cheap test that is true only for values the field's rule would give back unchanged and unblamed."""
    if spec.rule in {"id_number", "card_number", "account"}:
        return lambda _: False  # a check character needs more than a pattern
    if spec.rule in {"day", "validity"}:
        return (context.days if spec.rule == "day" else context.all_days).__contains__
    return spec.allowed.__contains__ if spec.allowed is not None else re.compile(spec.clean).fullmatch
