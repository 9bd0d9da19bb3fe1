"""All rules of a record: what each value may be, what is stored of it, and every finding code there is."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import citizen_id, name
from sbcard_core.fields.gb18030 import Encoding
from sbcard_core.validation import messages
from sbcard_core.validation.context import Context
from sbcard_core.validation.crosses import UNLIMITED, BoundRule
from sbcard_core.validation.field_rules import BIT_CODES, ROUNDED, RULES, WELL_FORMED, Problem, Rule, tidy
from sbcard_core.validation.proposals import Proof, Proposal
from sbcard_core.validation.repair import Change, changes_between, is_protected, kind_of, repair_number
from sbcard_core.validation.slips import Slip
from sbcard_core.validation.spec import FieldSpec, RecordSpec
from sbcard_core.values import Severity

__all__ = [
    "RULES", "RULE_CODES", "WRONG_NUMBER", "Checked", "Problem", "RecordRules", "Rule", "codes_of", "number_is_right",
    "tidy",
]  # fmt: skip

_LEGACY = 15

RULE_CODES: dict[str, tuple[str, ...]] = {
    "account": ("account_no.luhn",),
    "card_number": ("card_no.legacy",),
    "county": ("county.abolished",),
    "ethnicity": ("ethnicity.unknown",),
    "name": (*(f"name.{problem}" for problem in name.Problem), "name.width", "name.moved", "name.invisible"),
    "id_number": (
        *(code for _, code in BIT_CODES),
        *(f"id_number.{code}" for code in ("fullwidth", "lowercase_x", "length15")),
        "birth.century",
        *(f"id_number.{code}" for code in ("separator", "county", "region_time", "wrapped", "scientific")),
        ROUNDED,
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
    if spec.same or any(field.field == "id_number" for field in spec.fields):
        codes["duplicate.known"] = None
    for field in spec.fields:
        codes |= dict.fromkeys(code for code in (field.code, field.missing) if code)
        codes |= dict.fromkeys(RULE_CODES.get(field.rule, ()))
    codes |= dict.fromkeys(rule.code for rule in spec.crosses)
    codes |= dict.fromkeys(("duplicate.short_form",) if spec.same else ())
    codes |= dict.fromkeys(("record.footer", "record.header_again", "record.quote", "record.encoding"))
    if len(codes) > 64:
        raise InvalidValue("a layout finds at most 64 codes", step="validation.codes_of", term="记录格式")
    return tuple(codes)


_NUMBER_IS_WRONG = frozenset(code for _, code in BIT_CODES)
WRONG_NUMBER = _NUMBER_IS_WRONG | {"id_number.length15"}
"""Codes of a number that stands for nobody as it is: the numbers it may be are proposed."""


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
    good = WELL_FORMED.fullmatch(number) is not None
    return good and citizen_id.check_many(number.encode("ascii"), on=context.on)[0] == 0


class RecordRules:
    """All rules of one layout, ready to judge record after record.

    Args:
        spec: the layout.
        context: what the rules know besides the values.

    ``birth``, ``sex`` and ``county`` are the positions of these fields, -1 where the layout has none.

    Raises:
        KeyError: a field names a rule that is not in :data:`RULES`.
    """

    def __init__(self, spec: RecordSpec, context: Context) -> None:
        self.context = context
        self._automatic = context.repairs.automatic
        self._fields = [
            (field, RULES[field.rule if field.effective <= context.on else "any"], _shortcut(field, context))
            for field in spec.fields
        ]
        keys = [field.field for field in spec.fields]
        self._kinds = [kind_of(field.field, field.rule) for field in spec.fields]
        self._number, self.birth, self.sex, self.county = (
            keys.index(key) if key in keys else -1 for key in ("id_number", "birth", "sex", "county")
        )
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
        stored = list(values)
        problems: list[tuple[int, Problem]] = []
        for position, (value, (spec, rule, is_clean)) in enumerate(zip(values, self._fields, strict=True)):
            if is_clean(value):
                continue
            if not value.strip():
                stored[position] = ""
                if spec.required:
                    words = None if spec.missing else messages.words("empty", header=spec.header)
                    problems.append((position, Problem(spec.missing or spec.code, spec.severity, sentence=words)))
            else:
                kept, found = rule(spec, value, self.context)
                if kept != value:
                    kept, found = self._allow(position, spec, value, kept, found)
                stored[position] = kept
                problems += [] if not found else [(position, problem) for problem in found]
        if self._number >= 0 and len(stored[self._number]) == _LEGACY and Change.LENGTH15 in self._automatic:
            self._lengthen(stored, problems)
        right = self._number >= 0 and WELL_FORMED.fullmatch(stored[self._number]) is not None
        codes = {problem.code for _, problem in problems}
        right = right and codes.isdisjoint(_NUMBER_IS_WRONG)
        if right and ROUNDED in codes:
            right = number_is_right(stored[self._number], self.context)
        for bound in self.crosses:
            if bound.broken(stored):
                problems.append((bound.blamed, Problem(bound.rule.code, bound.rule.severity)))
        return Checked(stored, problems, right)

    def _allow(
        self, position: int, spec: FieldSpec, written: str, kept: str, found: list[Problem]
    ) -> tuple[str, list[Problem]]:
        """Keep a change of form only where the policy makes it at once; else the value stays and is proposed."""
        kind = self._kinds[position]
        if is_protected(kind):
            told = [problem for problem in found if not problem.repaired]
            return written, told or [Problem(spec.code, spec.severity)]
        if self._automatic.issuperset(changes_between(written, kept, kind)):
            return kept, found
        form = (Proposal(kept, Slip.FORM, 0, Proof(0), 0, 0),)
        told = []
        for problem in found:
            if problem.repaired:
                words = messages.form_refused(problem.code)
                told.append(Problem(problem.code, spec.severity, sentence=words, proposals=form))
            else:
                told.append(problem)
        return written, told

    def _lengthen(self, stored: list[str], problems: list[tuple[int, Problem]]) -> None:
        """Put 18 digits in the place of 15 where the policy says so and the record's own columns agree."""
        birth, sex, county = (stored[at] if at >= 0 else "" for at in (self.birth, self.sex, self.county))
        policy = self.context.repairs
        done = repair_number(
            stored[self._number], on=self.context.on, birth=birth, sex=sex, county=county, policy=policy
        )
        if not done.automatic:
            return
        stored[self._number] = done.value
        words = messages.words("lengthened")
        for at, (position, problem) in enumerate(problems):
            if problem.code == "id_number.length15":
                repaired = Problem(problem.code, Severity.WARNING, done.value, True, words)
                problems[at] = position, repaired

    def allowed(self, position: int) -> frozenset[str] | None:
        """The only values of a field that may pass without a closer look, or None where no list says it."""
        field = self._fields[position][0]
        match field.rule:
            case "day":
                allowed: frozenset[str] | None = self.context.days
            case "validity":
                allowed = self.context.all_days | {UNLIMITED}
            case "county":
                allowed = self.context.counties(field.allowed)
            case _:
                allowed = field.allowed
        return allowed if allowed is None or field.required else allowed | {""}

    def is_subtle(self, position: int) -> bool:
        """Whether a value that matches its field's clean pattern may still be wrong (:meth:`is_clean` tells)."""
        field = self._fields[position][0]
        if field.rule == "name":
            return _is_narrow(field)
        return field.rule in {"card_number", "account", "id_number"}


def _is_narrow(field: FieldSpec) -> bool:
    """Whether a name of 25 plain characters may be too long: elsewhere each takes two bytes and is in the encoding."""
    return 0 < field.max_bytes < name.MAX_BYTES or field.bytes_in is Encoding.UTF_8


def _shortcut(spec: FieldSpec, context: Context) -> Callable[[str], object]:
    """A cheap test that is true only for values the field's rule would give back unchanged and unblamed."""
    if spec.rule in {"id_number", "card_number", "account"}:
        return lambda _: False  # a check character needs more than a pattern
    if spec.rule == "name" and _is_narrow(spec):
        return lambda _: False
    if spec.rule == "county":
        return context.counties(spec.allowed).__contains__
    if spec.rule in {"day", "validity"}:
        return (context.days if spec.rule == "day" else context.all_days).__contains__
    return spec.allowed.__contains__ if spec.allowed is not None else re.compile(spec.clean).fullmatch
