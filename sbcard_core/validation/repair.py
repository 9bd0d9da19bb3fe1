"""Repairs: what may be put right by itself, and what may only be proposed.

A change of form loses nothing (case, width, blanks, separator, 15 to 18 digits) and may be made
without asking where a :class:`RepairPolicy` allows it. A changed digit names another person, so it
is always a proposal (:mod:`sbcard_core.validation.proposals`): no policy can make it automatic.
Money and bank accounts are never touched; asking is refused.
"""

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from sbcard_core.errors import Refused
from sbcard_core.fields import name
from sbcard_core.fields.legacy import is_legacy, is_right, lengthen
from sbcard_core.values import HYPHEN, WIDE, unwrapped


class Kind(StrEnum):
    """What a value is, as far as repairs care."""

    NUMBER = "number"
    """公民身份号码."""
    NAME = "name"
    """姓名."""
    PLAIN = "plain"
    """A code, a date, a serial: plain characters, nothing else to repair."""
    MONEY = "money"
    """金额: protected."""
    ACCOUNT = "account"
    """银行账号, 银行卡号: protected."""


class Change(StrEnum):
    """A change of form that loses nothing."""

    CASE = "case"
    """A final x made X."""
    WIDTH = "width"
    """Full-width characters made plain."""
    BLANKS = "blanks"
    """Blanks taken out."""
    SEPARATOR = "separator"
    """Look-alikes of the dot in a name made U+00B7; hyphens, brackets, a country's prefix taken out of a number."""
    REMAP = "remap"
    """A private-use code point made the character that GB 18030-2022 gives its code."""
    WRAPPING = "wrapping"
    """The apostrophe or ="…" by which spreadsheet users keep a number text taken off."""
    INVISIBLE = "invisible"
    """Direction marks, zero-width characters and byte order marks taken out."""
    LENGTH15 = "length15"
    """19 and the check character put into a 15-digit number."""


class RepairRefused(Refused):
    """Somebody asked to repair money or a bank account."""


@dataclass(frozen=True, slots=True)
class RepairPolicy:
    """Which changes of form are made without asking; a digit is in no policy.

    Args:
        automatic: changes made at once; any other is proposed.
        length15_by_columns: a 15-digit number is lengthened at once only where the record's own birth
            date and county are those of the number. Without this, an 18-digit number that lost three
            digits can pass for a legacy one (430102201005… reads as 1920-10-05). Even with it: 15 digits
            hold no check character, so a wrong one among them stays unseen; that is why no ready policy
            but :data:`ALL_LOSSLESS` lengthens at once.

    Example:
        >>> RepairPolicy().automatic == {*Change} - {Change.LENGTH15}
        True
    """

    automatic: frozenset[Change] = frozenset(Change) - {Change.LENGTH15}
    length15_by_columns: bool = True


ASK_ALWAYS = RepairPolicy(frozenset())
"""Nothing is changed without asking."""

FORM_AT_ONCE = RepairPolicy()
"""Changes of form at once, 15 digits proposed."""

ALL_LOSSLESS = RepairPolicy(frozenset(Change))
"""Every lossless change at once, 15 to 18 digits included."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """One value after the changes of form.

    Args:
        value: what to store: the repaired value where it may be changed at once, else as written.
        changes: every change of form the value needs, in the order of :class:`Change`.
        automatic: whether ``value`` carries them.
        proposed: the repaired value where it may not be changed at once, else "".
    """

    value: str = field(repr=False)
    changes: tuple[Change, ...] = ()
    automatic: bool = False
    proposed: str = field(default="", repr=False)


_PROTECTED = frozenset({Kind.MONEY, Kind.ACCOUNT})
_NAME_CHANGES = {
    name.Change.BLANK: Change.BLANKS,
    name.Change.DOT: Change.SEPARATOR,
    name.Change.WIDTH: Change.WIDTH,
    name.Change.MOVED: Change.REMAP,
    name.Change.INVISIBLE: Change.INVISIBLE,
}
_KINDS = {"id_number": Kind.NUMBER, "name": Kind.NAME}
_KINDS_BY_WORD = (
    (re.compile(r"amount|fen\b|money|yuan|balance|fee|salary|pension"), Kind.MONEY),
    (re.compile(r"account|bank_card|iban|passbook"), Kind.ACCOUNT),
)
_BLANK = re.compile(r"[ \t\u00a0\u2000-\u200a\u3000]")


def kind_of(field: str, rule: str = "") -> Kind:
    """What a field of a record is, by its key and its rule; what looks like money or an account is protected.

    Example:
        >>> kind_of("id_number"), kind_of("amount_fen"), kind_of("account_no"), kind_of("county")
        (<Kind.NUMBER: 'number'>, <Kind.MONEY: 'money'>, <Kind.ACCOUNT: 'account'>, <Kind.PLAIN: 'plain'>)
    """
    for pattern, kind in _KINDS_BY_WORD:
        if pattern.search(field) or pattern.search(rule):
            return kind
    return _KINDS.get(rule) or _KINDS.get(field, Kind.PLAIN)


def is_protected(kind: Kind) -> bool:
    """Whether a kind is never repaired: money and bank accounts.

    Example:
        >>> is_protected(kind_of("amount_fen")), is_protected(kind_of("name"))
        (True, False)
    """
    return kind in _PROTECTED


def refuse_protected(kind: Kind) -> None:
    """Raise where a kind is never repaired.

    Raises:
        RepairRefused: money or a bank account.
    """
    if kind in _PROTECTED:
        term = "金额" if kind is Kind.MONEY else "银行账号"
        raise RepairRefused(
            f"a value of kind {kind} is never repaired", step="repair", term=term, advice="return it to its source"
        )


def changes_between(written: str, stored: str, kind: Kind = Kind.PLAIN) -> frozenset[Change]:
    """Which changes of form lead from a value as written to the value a rule would store.

    Example:
        >>> sorted(map(str, changes_between("４３０１０２ ", "430102")))
        ['blanks', 'width']
        >>> sorted(map(str, changes_between("+86 138-0013-8000", "13800138000")))
        ['blanks', 'separator']
    """
    if kind is Kind.NAME:
        return frozenset(_NAME_CHANGES[change] for change in name.normalise(written).changes)
    seen = name.visible(written)
    inner = unwrapped(seen) if kind is Kind.NUMBER else seen
    plain = inner.translate(WIDE)
    pairs = ((Change.INVISIBLE, written, seen), (Change.WRAPPING, seen, inner), (Change.WIDTH, inner, plain))
    found = {change for change, before, after in pairs if before != after}
    bare = _BLANK.sub("", plain)
    if plain not in {bare, stored}:
        found.add(Change.BLANKS)
    left = _BLANK.sub("", stored)
    if bare != left:
        found.add(Change.CASE if bare.upper() == left.upper() else Change.SEPARATOR)
        if found >= {Change.SEPARATOR} and bare.upper() != bare and left.upper() == left:
            found.add(Change.CASE)
    return frozenset(found)


def _number_form(value: str) -> tuple[str, list[Change]]:
    changes = []
    seen = name.visible(value)
    if seen != value:
        changes.append(Change.INVISIBLE)
    inner = unwrapped(seen)
    if inner != seen:
        changes.append(Change.WRAPPING)
    plain = inner.translate(WIDE)
    if plain != inner:
        changes.append(Change.WIDTH)
    if _BLANK.search(plain):
        plain = _BLANK.sub("", plain)
        changes.append(Change.BLANKS)
    if HYPHEN.search(plain):
        plain = HYPHEN.sub("", plain)
        changes.append(Change.SEPARATOR)
    if plain.endswith("x"):
        plain = plain[:-1] + "X"
        changes.append(Change.CASE)
    return plain, changes


def _name_form(value: str) -> tuple[str, list[Change]]:
    normal = name.normalise(value)
    return normal.name, [_NAME_CHANGES[change] for change in normal.changes]


def _plain_form(value: str) -> tuple[str, list[Change]]:
    seen = name.visible(value)
    plain = seen.translate(WIDE)
    bare = plain.strip(" \t\u00a0\u3000")
    pairs = ((Change.INVISIBLE, value, seen), (Change.WIDTH, seen, plain), (Change.BLANKS, plain, bare))
    return bare, [change for change, before, after in pairs if before != after]


_FORMS = {Kind.NUMBER: _number_form, Kind.NAME: _name_form, Kind.PLAIN: _plain_form}


def repair_form(value: str, kind: Kind, policy: RepairPolicy = FORM_AT_ONCE) -> Repaired:
    """Put the form of one value right, at once where the policy allows every change it needs.

    A number keeps its digits; 15 digits stay 15 (see :func:`repair_number`). The repaired value is not
    checked here: a wrong number stays wrong.

    Raises:
        RepairRefused: money or a bank account.

    Example:
        >>> repaired = repair_form("１１０１０５ 19491231-002x", Kind.NUMBER)
        >>> repaired.value, [str(change) for change in repaired.changes]
        ('11010519491231002X', ['case', 'width', 'blanks', 'separator'])
        >>> repair_form("买买提．阿不都", Kind.NAME, ASK_ALWAYS).proposed
        '买买提·阿不都'
        >>> repair_form("１２.００", Kind.MONEY)
        Traceback (most recent call last):
        ...
        sbcard_core.validation.repair.RepairRefused: a value of kind money is never repaired (金额) [repair]; ...
    """
    refuse_protected(kind)
    repaired, found = _FORMS[kind](value)
    changes = tuple(change for change in Change if change in found)
    if not changes:
        return Repaired(value)
    if policy.automatic.issuperset(changes):
        return Repaired(repaired, changes, True)
    return Repaired(value, changes, False, repaired)


def repair_number(
    value: str, *, on: date, birth: str = "", sex: str = "", county: str = "", policy: RepairPolicy = FORM_AT_ONCE
) -> Repaired:
    """Put the form of a citizen number right, 15 digits made 18 where that is allowed and certain.

    The repair is automatic only where its result is a right number that agrees with the birth date and
    the sex the record itself states. No digit is ever changed.

    Args:
        value: as written.
        on: the day the number must exist by.
        birth: the record's birth date YYYYMMDD, "" if it has none.
        sex: the record's sex (GB/T 2261.1); only '1' and '2' are compared.
        county: the record's county code; only ever asked before 15 digits are lengthened at once.
        policy: what may be done at once.

    Example:
        >>> on = date(2014, 7, 31)
        >>> repair_number("11010519491231002x", on=on, birth="19491231").value
        '11010519491231002X'
        >>> repair_number("610104620927690", on=on, birth="19620927", county="610104", policy=ALL_LOSSLESS).value
        '610104196209276908'
        >>> repair_number("610104620927690", on=on, policy=ALL_LOSSLESS).automatic
        False
    """
    form = repair_form(value, Kind.NUMBER, policy)
    plain, changes = form.proposed or form.value, form.changes
    certain = True
    if is_legacy(plain):
        stands_for = lengthen(plain, on=on)
        if not stands_for:
            return Repaired(value, changes)
        witnessed = birth == stands_for[-1][6:14] and county == plain[:6]
        certain = len(stands_for) == 1 and (witnessed or not policy.length15_by_columns)
        agreeing = [number for number in stands_for if number[6:14] == birth]
        plain, changes = (agreeing or list(stands_for))[0], (*changes, Change.LENGTH15)
    if not changes:
        return Repaired(value)
    if not _stands(plain, on, birth, sex):
        return Repaired(value, changes)
    if certain and policy.automatic.issuperset(changes):
        return Repaired(plain, changes, True)
    return Repaired(value, changes, False, plain)


def _stands(number: str, on: date, birth: str, sex: str) -> bool:
    """Whether a number is right and says what the record says."""
    if not is_right(number, on=on):
        return False
    return (not birth or birth == number[6:14]) and (sex not in ("1", "2") or int(sex) % 2 == int(number[16]) % 2)
