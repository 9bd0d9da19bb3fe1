"""Field rules: each takes one value and gives it back as it should be stored, with all that is wrong in it."""

import re
from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from sbcard_core import _kernels
from sbcard_core.fields import bank_card, card_number, citizen_id, gbt2260, name, phone, region
from sbcard_core.fields.gb18030 import Encoding
from sbcard_core.fields.legacy import is_legacy, only_reading
from sbcard_core.fields.meant import likely
from sbcard_core.messages import Message
from sbcard_core.validation import messages
from sbcard_core.validation.context import Context
from sbcard_core.validation.crosses import UNLIMITED
from sbcard_core.validation.proposals import Proof, Proposal
from sbcard_core.validation.repair import ASK_ALWAYS, Change, Kind, repair_form
from sbcard_core.validation.slips import Slip
from sbcard_core.validation.spec import FieldSpec
from sbcard_core.values import WIDE, Severity

WELL_FORMED = re.compile(r"[1-9][0-9]{16}[0-9X]")
"""A number of 18 characters, right or wrong."""
_TEXT_MAX = 500
BIT_CODES = (
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
    sentence: Message | None = None
    proposals: tuple[Proposal, ...] = ()


Rule = Callable[[FieldSpec, str, Context], tuple[str, list[Problem]]]


def tidy(value: str) -> str:
    """The value in plain characters without blanks around it and without characters nobody sees.

    Example:
        >>> tidy(" ４３０１０２　")
        '430102'
    """
    return value.strip() if value.isascii() else name.visible(value).translate(WIDE).strip()


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


_WRITTEN_DAY = re.compile(r"([0-9]{4})([-/.年])([0-9]{1,2})(?:\2|月)([0-9]{1,2})日?(?:[ T]0?0:00(?::00(?:\.0+)?)?)?")


def plain_day(value: str) -> str:
    """A day as YYYYMMDD that is written with separators, year first; anything else as it is, in plain characters.

    Example:
        >>> plain_day("2014-7-1"), plain_day("2014年07月01日"), plain_day("2014/07/01 0:00:00"), plain_day("1/7/2014")
        ('20140701', '20140701', '20140701', '1/7/2014')
    """
    plain = tidy(value)
    found = _WRITTEN_DAY.fullmatch(plain)
    return plain if found is None else f"{found[1]}{int(found[3]):02}{int(found[4]):02}"


CENTURY = Problem("birth.century", Severity.WARNING)
"""Of somebody born before 1900: more often a slip than a person of that age."""


def _day(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:
    plain = plain_day(value)
    is_old = spec.field == "birth" and plain[:2] == "18" and citizen_id.is_day(plain)
    kept, problems = _judge(spec, value, plain, is_old or plain in context.days)
    return kept, [*problems, CENTURY] if is_old else problems


def canonical(spec: FieldSpec, value: str) -> str:
    """The form by which two values of a field are the same, whatever the policy stores of them."""
    if spec.rule == "name":
        return name.fold(value)
    return plain_day(value) if spec.rule in ("day", "validity") else tidy(value)


def _phone(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:  # noqa: ARG001
    plain = phone.compact(tidy(value))
    return _judge(spec, value, plain, phone.is_valid(plain))


def _county(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:
    """A county of today; one that is gone is a warning that names its successor."""
    plain = tidy(value)
    current = context.counties(spec.allowed)
    gone = (
        plain not in current
        and plain[4:] != "00"
        and region.is_valid(plain)
        and 0 < gbt2260.last_year(plain) < context.on.year
    )
    if not gone or (spec.allowed is not None and plain[:2] not in {code[:2] for code in spec.allowed}):
        return _judge(spec, value, plain, plain in current)
    _, problems = _judge(spec, value, plain, True)
    status = region.status(plain, context.on, on=context.on)
    what = messages.words("county.abolished.story", story=status.story)
    return plain, [*problems, Problem("county.abolished", Severity.WARNING, sentence=what)]


_NAME_CODES = {
    name.Change.BLANK: "name.blank",
    name.Change.DOT: "name.dot",
    name.Change.WIDTH: "name.width",
    name.Change.MOVED: "name.moved",
    name.Change.INVISIBLE: "name.invisible",
}


def _name(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:  # noqa: ARG001
    stored, changes = name.normalise(value)
    found = [Problem(_NAME_CODES[change], Severity.WARNING, stored, True) for change in changes if stored]
    limit = spec.max_bytes or name.MAX_BYTES
    for problem in name.problems(stored, encoding=spec.bytes_in, max_bytes=limit):
        words = None
        if problem is name.Problem.TOO_LONG and (limit, spec.bytes_in) != (name.MAX_BYTES, Encoding.GB18030):
            words = messages.words("name.too_long.limit", limit=limit, encoding=spec.bytes_in)
        severity = Severity.WARNING if problem in name.MILD else spec.severity
        meant = likely(stored) if problem is name.Problem.CHARACTER else ""
        proposals = (Proposal(meant, Slip.FORM, 0, Proof(0), 0, 0),) if meant else ()
        found.append(Problem(f"name.{problem}", severity, sentence=words, proposals=proposals))
    return stored, found


_FORM_CODES = {
    Change.WIDTH: "id_number.fullwidth",
    Change.BLANKS: "id_number.fullwidth",
    Change.SEPARATOR: "id_number.separator",
    Change.CASE: "id_number.lowercase_x",
    Change.WRAPPING: "id_number.wrapped",
    Change.INVISIBLE: "id_number.wrapped",
}
_SCIENTIFIC = re.compile(r"[0-9](?:\.[0-9]*)?[Ee]\+?1[0-9]")
ROUNDED = "id_number.rounded"
"""A spreadsheet program keeps 15 digits of a number and writes 0 for the others."""
_ROUNDED = re.compile(r"[1-9][0-9]{14}000(?:\.0*)?")


def _id_number(spec: FieldSpec, value: str, context: Context) -> tuple[str, list[Problem]]:
    plain, problems = value, []
    if WELL_FORMED.fullmatch(value) is None:
        form = repair_form(value.strip(), Kind.NUMBER, ASK_ALWAYS)
        plain = form.proposed or form.value
        changes = {*form.changes, *([Change.BLANKS] if value != value.strip() else [])}
        codes = dict.fromkeys(code for change, code in _FORM_CODES.items() if change in changes)
        problems = [Problem(code, Severity.WARNING, plain, True) for code in codes]
        if is_legacy(plain):
            return plain, [*problems, Problem("id_number.length15", spec.severity, only_reading(plain, on=context.on))]
        if WELL_FORMED.fullmatch(plain) is None:
            lost = {"id_number.scientific": _SCIENTIFIC, ROUNDED: _ROUNDED}
            code = next((code for code, form in lost.items() if form.fullmatch(plain)), "id_number.characters")
            return value, [Problem(code, spec.severity)]
    bits = _bits(plain, context.on)
    if bits & citizen_id.DATE and plain[6:8] == "18" and citizen_id.is_day(plain[6:14]):  # the kernel begins with 1900
        bits &= ~citizen_id.DATE
        problems.append(CENTURY)
    if _ROUNDED.fullmatch(plain):  # of eleven numbers that lost their digits, one is by chance a right one
        problems.append(Problem(ROUNDED, spec.severity if bits & citizen_id.CHECK else Severity.WARNING))
        bits &= ~citizen_id.CHECK
    problems += _by_bits(bits, spec.severity)
    if not bits & citizen_id.REGION and (place := _place(plain, bits, context)):
        problems.append(place)
    return plain, problems


@lru_cache(maxsize=256)
def _by_bits(bits: int, severity: Severity) -> tuple[Problem, ...]:
    return tuple(Problem(code, severity) for bit, code in BIT_CODES if bits & bit)


@lru_cache(maxsize=4)
def _kernel(on: date) -> Callable[[bytes, bytearray], object]:
    """``citizen_id.check_many`` for one number after the other, with its kernel chosen once."""
    kernel, level = _kernels.choose("idcheck")
    provinces, day = citizen_id.known_regions(), citizen_id.day_key(on)
    return lambda row, out: kernel.check(row, None, provinces, day, out, level)


def _bits(number: str, on: date) -> int:
    out = bytearray(1)
    _kernel(on)(number.encode("ascii"), out)
    return out[0]


def _place(number: str, bits: int, context: Context) -> Problem | None:
    """The warning about a county that cannot have given the number; it tells nothing of the birth date."""
    code = int(number[:6])
    if context.settled_regions[code >> 3] >> (code & 7) & 1:
        return None
    birth = None if bits & citizen_id.DATE else date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    status = region.status(number[:6], birth, on=context.on)
    if status.outcome is region.RegionOutcome.KNOWN:
        return None
    of = "county" if status.outcome is region.RegionOutcome.UNKNOWN_COUNTY else "region_time"
    finer = "story" if status.reason == status.story else "ended"
    what = messages.words(f"id_number.{of}.{finer}", story=status.story)
    return Problem(f"id_number.{of}", Severity.WARNING, sentence=what)


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
    plain = plain_day(value)
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
