"""Rules over several fields as conjunctions the screen's kernel can test; the others stay with Python."""

import struct
from collections.abc import Callable, Sequence

from sbcard_core.validation.context import Context, years_before
from sbcard_core.validation.crosses import TESTS, UNLIMITED, BoundRule
from sbcard_core.validation.rules import RecordRules
from sbcard_core.validation.spec import RecordSpec

EMPTY, FILLED, IS, IS_NOT, AFTER, BEFORE, HEAD_NOT, SAME, OTHER, PART_OTHER, PARITY = range(1, 12)

_CLAUSE = struct.Struct("=HHHHII16s")
_WORD = 16

Term = tuple[int, int, int, int, int, bytes]
"""(kind, field, other field, from, size, word)."""


def _term(kind: int, a: int, word: str = "", *, b: int = 0, start: int = 0, encoding: str = "ascii") -> Term:
    raw = word.encode(encoding)
    return kind, a, b, start, len(raw), raw


Expressed = list[list[Term]]
"""The rule is broken where all terms of one of these lists hold."""


def _birth(fields: Sequence[int], limit: str, context: Context, encoding: str) -> Expressed:  # noqa: ARG001
    number, birth = fields
    return [[(PART_OTHER, number, birth, 6, 8, b"")]]  # stricter than the test: an empty cell is looked at closer


def _sex(fields: Sequence[int], limit: str, context: Context, encoding: str) -> Expressed:  # noqa: ARG001
    number, sex = fields
    return [[(PARITY, number, sex, 16, 0, b"")]]


def _guardian(fields: Sequence[int], limit: str, context: Context, encoding: str) -> Expressed:  # noqa: ARG001
    birth, *guardian = fields
    young = _term(AFTER, birth, years_before(context.on, int(limit)))
    return [[young, _term(EMPTY, missing)] for missing in guardian]


def _equal(fields: Sequence[int], limit: str, context: Context, encoding: str) -> Expressed:  # noqa: ARG001
    return [[_term(FILLED, fields[0]), _term(SAME, fields[0], b=fields[1])]]


def _differ(fields: Sequence[int], limit: str, context: Context, encoding: str) -> Expressed:  # noqa: ARG001
    first, second, kind = fields
    when = _term(IS, kind, limit, encoding=encoding)
    return [[when, _term(FILLED, first), _term(FILLED, second), _term(OTHER, first, b=second)]]


def _expired(fields: Sequence[int], limit: str, context: Context, encoding: str) -> Expressed:  # noqa: ARG001
    return [[_term(BEFORE, fields[0], f"{context.on:%Y%m%d}")]]


def _unlimited(fields: Sequence[int], limit: str, context: Context, encoding: str) -> Expressed:
    until, birth = fields
    young = _term(AFTER, birth, years_before(context.on, int(limit)))
    return [[_term(IS, until, UNLIMITED, encoding=encoding), young]]


def _ends(fields: Sequence[int], limit: str, context: Context, encoding: str) -> Expressed:  # noqa: ARG001
    return [[_term(AFTER, fields[0], years_before(context.on, -int(limit)))]]


def _city(fields: Sequence[int], limit: str, context: Context, encoding: str) -> Expressed:  # noqa: ARG001
    if not context.submitter:
        return []
    digits = int(limit) if context.submitter.endswith("00") else 6
    return [[_term(HEAD_NOT, fields[0], context.submitter[:digits], start=6)]]


def _empty_when(fields: Sequence[int], limit: str, context: Context, encoding: str) -> Expressed:  # noqa: ARG001
    needed, condition = fields
    return [[_term(IS, condition, limit, encoding=encoding), _term(EMPTY, needed)]]


def _empty_unless(fields: Sequence[int], limit: str, context: Context, encoding: str) -> Expressed:  # noqa: ARG001
    needed, condition = fields
    other = _term(IS_NOT, condition, limit, encoding=encoding)
    return [[other, _term(FILLED, condition), _term(EMPTY, needed)]]


def _filled_when(fields: Sequence[int], limit: str, context: Context, encoding: str) -> Expressed:  # noqa: ARG001
    given, condition = fields
    return [[_term(IS_NOT, condition, limit, encoding=encoding), _term(FILLED, given)]]


_KNOWN: dict[str, Callable[[Sequence[int], str, Context, str], Expressed]] = {
    "birth_in_number": _birth,
    "sex_in_number": _sex,
    "guardian_under": _guardian,
    "equal": _equal,
    "differ_when": _differ,
    "expired": _expired,
    "unlimited_under": _unlimited,
    "ends_after": _ends,
    "other_city": _city,
    "empty_when": _empty_when,
    "empty_unless": _empty_unless,
    "filled_when": _filled_when,
}
_MEANT = {name: TESTS[name] for name in _KNOWN}
"""The tests these stand for: one that an integrator has put another function behind is not expressed."""


def _express(bound: BoundRule, encoding: str) -> Expressed | None:
    known = _KNOWN.get(bound.rule.test)
    if known is None or bound.test is not _MEANT[bound.rule.test]:
        return None
    terms = known(bound.places, bound.rule.limit, bound.context, encoding)
    return None if any(len(word) > _WORD for part in terms for *_, word in part) else terms


def pack(crosses: Sequence[BoundRule], columns: Sequence[int], encoding: str) -> tuple[bytes, list[BoundRule]]:
    """(clauses for the kernel, rules it cannot test); ``columns`` holds the file's column of each field."""
    packed, others = b"", []
    for bound in crosses:
        terms = _express(bound, encoding)
        if terms is None:
            others.append(bound)
            continue
        for part in terms:
            for at, (kind, a, b, start, size, word) in enumerate(part, 1):
                packed += _CLAUSE.pack(kind, at == len(part), columns[a], columns[b], start, size, word)
    return packed, others


def settled(spec: RecordSpec, rules: RecordRules) -> set[int]:
    """Fields that a clean number settles: a birth date that must equal its digits needs no look of its own."""
    required = {field.field for field in spec.fields if field.required}
    for bound in rules.crosses:
        if bound.rule.test == "birth_in_number" and _express(bound, "utf-8") and set(bound.rule.fields) <= required:
            number, birth = bound.places
            if spec.fields[number].rule == "id_number" and spec.fields[birth].rule == "day":
                return {birth}
    return set()
