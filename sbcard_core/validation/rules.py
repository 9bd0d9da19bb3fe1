"""Field rules: each takes one value and gives it back as it should be stored, with all that is wrong in it."""

import re
from collections.abc import Callable, Sequence
from datetime import date
from typing import NamedTuple

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import bank_card, card_number, citizen_id, gbt2260, name, phone, region
from sbcard_core.fields.gb18030 import Encoding
from sbcard_core.validation import messages
from sbcard_core.validation.context import Context
from sbcard_core.validation.crosses import UNLIMITED, BoundRule
from sbcard_core.validation.legacy import is_legacy, only_reading
from sbcard_core.validation.proposals import Proof, Proposal
from sbcard_core.validation.repair import (
    ASK_ALWAYS,
    Change,
    Kind,
    changes_between,
    is_protected,
    kind_of,
    repair_form,
    repair_number,
)
from sbcard_core.validation.slips import Slip
from sbcard_core.validation.spec import FieldSpec, RecordSpec
from sbcard_core.values import Severity

_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_WELL_FORMED = re.compile(r"[1-9][0-9]{16}[0-9X]")
_TEXT_MAX = 500
_LEGACY = 15
_BIT_CODES = (
    (citizen_id.CHARACTERS, "id_number.characters"),
    (citizen_id.REGION, "id_number.region"),
    (citizen_id.DATE, "id_number.date"),
    (citizen_id.CHECK, "id_number.check"),
)


class Problem(NamedTuple):
    """One thing wrong in one value; ``repaired`` = the stored value is already right.

    ``zh`` and ``en`` stand in for the code's words where the case itself has better ones.
    """

    code: str
    severity: Severity
    repair: str = ""
    repaired: bool = False
    zh: str = ""
    en: str = ""
    proposals: tuple[Proposal, ...] = ()


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


def _county(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:
    """A county of today; one that is gone is a warning that names its successor."""
    plain = tidy(value)
    current = context.counties(spec.allowed)
    gone = plain not in current and region.is_valid(plain) and 0 < gbt2260.last_year(plain) < context.on.year
    if not gone or (spec.allowed is not None and plain[:2] not in {code[:2] for code in spec.allowed}):
        return _judge(spec, value, plain, plain in current)
    _, problems = _judge(spec, value, plain, True)
    status = region.status(plain, context.on, on=context.on)
    zh, en = f"区县代码已撤销:{status.story_zh}", f"the county is gone: {status.story_en}"
    return plain, [*problems, Problem("county.abolished", Severity.WARNING, zh=zh, en=en)]


_NAME_CODES = {
    name.Change.BLANK: "name.blank",
    name.Change.DOT: "name.dot",
    name.Change.WIDTH: "name.width",
    name.Change.MOVED: "name.moved",
}


def _name(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:  # noqa: ARG001
    stored, changes = name.normalise(value)
    found = [Problem(_NAME_CODES[change], Severity.WARNING, stored, True) for change in changes]
    limit = spec.max_bytes or name.MAX_BYTES
    for problem in name.problems(stored, encoding=spec.bytes_in, max_bytes=limit):
        mild = problem is name.Problem.PRIVATE_USE
        zh = en = ""
        if problem is name.Problem.TOO_LONG and (limit, spec.bytes_in) != (name.MAX_BYTES, Encoding.GB18030):
            zh, en = f"姓名超过{limit}字节({spec.bytes_in})", f"more than {limit} bytes of {spec.bytes_in}"
        severity = Severity.WARNING if mild else spec.severity
        found.append(Problem(f"name.{problem}", severity, zh=zh, en=en))
    return stored, found


_FORM_CODES = {
    Change.WIDTH: "id_number.fullwidth",
    Change.BLANKS: "id_number.fullwidth",
    Change.SEPARATOR: "id_number.separator",
    Change.CASE: "id_number.lowercase_x",
}


def _id_number(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:
    plain, problems = value, []
    if _WELL_FORMED.fullmatch(value) is None:
        form = repair_form(value.strip(), Kind.NUMBER, ASK_ALWAYS)
        plain = form.proposed or form.value
        changes = {*form.changes, *([Change.BLANKS] if value != value.strip() else [])}
        codes = dict.fromkeys(code for change, code in _FORM_CODES.items() if change in changes)
        problems = [Problem(code, Severity.WARNING, plain, True) for code in codes]
        if is_legacy(plain):
            return plain, [*problems, Problem("id_number.length15", spec.severity, only_reading(plain, on=context.on))]
        if _WELL_FORMED.fullmatch(plain) is None:
            return value, [Problem("id_number.characters", spec.severity)]
    bits = citizen_id.check_many(plain.encode("ascii"), on=context.on)[0]
    problems += [Problem(code, spec.severity) for bit, code in _BIT_CODES if bits & bit]
    if not bits & citizen_id.REGION and (place := _place(plain, bits, context)):
        problems.append(place)
    return plain, problems


def _place(number: str, bits: int, context: Context) -> Problem | None:
    """The warning about a county that cannot have given the number; it tells nothing of the birth date."""
    code = int(number[:6])
    if context.settled_regions[code >> 3] >> (code & 7) & 1:
        return None
    birth = None if bits & citizen_id.DATE else date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    status = region.status(number[:6], birth, on=context.on)
    if status.outcome is region.RegionOutcome.KNOWN:
        return None
    zh, en = f"号码的地区码{status.story_zh}", f"the number's region: {status.story_en}"
    if status.outcome is region.RegionOutcome.UNKNOWN_COUNTY:
        return Problem("id_number.county", Severity.WARNING, zh=zh, en=en)
    if not status.message_zh.endswith(status.story_zh):  # it had ended
        zh, en = f"{zh};出生日期在此之后,号码不应有此地区码", f"{en}; the birth is later"
    return Problem("id_number.region_time", Severity.WARNING, zh=zh, en=en)


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
    "county": _county,
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
    "county": ("county.abolished",),
    "ethnicity": ("ethnicity.unknown",),
    "name": (*(f"name.{problem}" for problem in name.Problem), "name.width", "name.moved"),
    "id_number": (
        *(code for _, code in _BIT_CODES),
        *(f"id_number.{code}" for code in ("fullwidth", "lowercase_x", "length15")),
        *(f"id_number.{code}" for code in ("separator", "county", "region_time")),
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
        self._automatic = context.repairs.automatic
        self._fields = [
            (field, RULES[field.rule if field.effective <= context.on else "any"], _shortcut(field, context))
            for field in spec.fields
        ]
        keys = [field.field for field in spec.fields]
        self._kinds = [kind_of(field.field, field.rule) for field in spec.fields]
        self._number, self._birth, self._sex, self._county = (
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
                if kept != value:
                    kept, found = self._allow(position, spec, value, kept, found)
                stored.append(kept)
                problems += [(position, problem) for problem in found]
        if self._number >= 0 and len(stored[self._number]) == _LEGACY and Change.LENGTH15 in self._automatic:
            self._lengthen(stored, problems)
        right = self._number >= 0 and _WELL_FORMED.fullmatch(stored[self._number]) is not None
        right = right and not any(problem.code in _NUMBER_IS_WRONG for _, problem in problems)
        problems += [
            (bound.blamed, Problem(bound.rule.code, bound.rule.severity))
            for bound in self.crosses
            if bound.broken(stored)
        ]
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
                told.append(Problem(problem.code, spec.severity, zh=words.zh, en=words.en, proposals=form))
            else:
                told.append(problem)
        return written, told

    def _lengthen(self, stored: list[str], problems: list[tuple[int, Problem]]) -> None:
        """Put 18 digits in the place of 15 where the policy says so and the record's own columns agree."""
        birth, sex, county = (stored[at] if at >= 0 else "" for at in (self._birth, self._sex, self._county))
        policy = self.context.repairs
        done = repair_number(
            stored[self._number], on=self.context.on, birth=birth, sex=sex, county=county, policy=policy
        )
        if not done.automatic:
            return
        stored[self._number] = done.value
        words = messages.LENGTHENED
        for at, (position, problem) in enumerate(problems):
            if problem.code == "id_number.length15":
                repaired = Problem(problem.code, Severity.WARNING, done.value, True, words.zh, words.en)
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
            return bool(field.max_bytes) or field.bytes_in is not Encoding.GB18030
        return field.rule in {"card_number", "account", "id_number"}


def _shortcut(spec: FieldSpec, context: Context) -> Callable[[str], object]:
    """A cheap test that is true only for values the field's rule would give back unchanged and unblamed."""
    if spec.rule in {"id_number", "card_number", "account"}:
        return lambda _: False  # a check character needs more than a pattern
    if spec.rule == "name" and (spec.max_bytes or spec.bytes_in is not Encoding.GB18030):
        return lambda _: False
    if spec.rule == "county":
        return context.counties(spec.allowed).__contains__
    if spec.rule in {"day", "validity"}:
        return (context.days if spec.rule == "day" else context.all_days).__contains__
    return spec.allowed.__contains__ if spec.allowed is not None else re.compile(spec.clean).fullmatch
