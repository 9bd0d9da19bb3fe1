"""统一社会信用代码: the 18 characters of an organisation (GB 32100-2015).

Registering authority (1), kind (1), region (6 digits), subject (9, the organisation code of GB 11714 for most),
check (1). Letters I, O, S, V, Z are not used. Numbers with another check character have been given out (reports of
enterprises registered in Fujian in 2015): refuse such a one only where the register does not show it either.
"""

from typing import Any

import numpy as np

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import _rows
from sbcard_core.messages import message
from sbcard_core.values import HYPHEN, plain

LENGTH = 18
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""Characters by their value (GB 32100-2015 table 1)."""

CHARACTERS, REGION, CHECK = 1, 2, 4
"""Status bits of :func:`check_many`; CHARACTERS stands alone, REGION = digits 3 to 8 are no digits."""

_WEIGHTS = tuple(pow(3, place, 31) for place in range(LENGTH - 1))
_VALUES = {character: value for value, character in enumerate(ALPHABET)}
_REASONS = {CHARACTERS: ("characters", "代码字符"), REGION: ("region", "行政区划码"), CHECK: ("check", "校验码")}


class InvalidSocialCreditCode(InvalidValue):
    """A code that breaks a rule; ``bits`` says which."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        broken = [reason for bit, reason in _REASONS.items() if bits & bit]
        reasons = tuple(message(f"fields.social_credit.{name}") for name, _ in broken)
        what, terms = message("fields.social_credit", reasons=reasons), "、".join(term for _, term in broken)
        super().__init__(what, step="social_credit.validate", term=terms)


def check_character(body: str) -> str:
    """The check character for the first 17.

    Raises:
        InvalidSocialCreditCode: not 17 characters of the alphabet.

    Source: GB 32100-2015, 31 − Σ Cᵢ·3^(i−1) mod 31. Its example:

    Example:
        >>> check_character("91350100M000100Y4")
        '3'
    """
    if len(body) != LENGTH - 1 or not all(character in _VALUES for character in body):
        raise InvalidSocialCreditCode(CHARACTERS)
    total = sum(weight * _VALUES[character] for weight, character in zip(_WEIGHTS, body, strict=True))
    return ALPHABET[-total % 31]


def compact(code: str) -> str:
    """The code as it is stored: blanks and hyphens gone, full-width made plain, upper-case.

    Example:
        >>> compact("91350100-m000100y43")
        '91350100M000100Y43'
    """
    return plain(HYPHEN.sub("", code)).upper()


def check_many(codes: Any) -> bytearray:
    """Check n codes at once.

    Args:
        codes: n × 18 contiguous bytes, or a column of text.

    Returns:
        n bytes, each the OR of CHARACTERS, REGION, CHECK; 0 = clean.

    Raises:
        InvalidValue: a buffer is not contiguous or not a whole number of rows.

    Example:
        >>> list(check_many(["91350100M000100Y43", "91350100M000100Y4Z", "91350A00M000100Y43", "0" * 18]))
        [0, 1, 6, 1]
    """
    values = _rows.digits(codes, LENGTH, ALPHABET)
    strange = (values == _rows.NO_VALUE).any(axis=1) | (values == 0).all(axis=1)
    region = ~strange & (values[:, 2:8] > 9).any(axis=1)
    total = values @ np.array((*_WEIGHTS, 1), dtype=np.int64)
    return _rows.mask((CHARACTERS, strange), (REGION, region), (CHECK, ~strange & (total % 31 != 0)))


def is_valid(code: str) -> bool:
    """Whether ``code``, exactly as written, breaks no rule.

    Example:
        >>> is_valid("91350100M000100Y43"), is_valid("91350100m000100y43")
        (True, False)
    """
    return check_many([code])[0] == 0


def validate(code: str) -> str:
    """Return the stored form, or raise with every rule it breaks.

    Raises:
        InvalidSocialCreditCode: with ``bits`` as in :func:`check_many`.

    Example:
        >>> validate("91350100 m000100y43")
        '91350100M000100Y43'
    """
    code = compact(code)
    if bits := check_many([code])[0]:
        raise InvalidSocialCreditCode(bits)
    return code


def format(code: str) -> str:
    """The code in its parts, for reading aloud.

    Example:
        >>> format("91350100M000100Y43")
        '91 350100 M000100Y4 3'
    """
    code = compact(code)
    return f"{code[:2]} {code[2:8]} {code[8:17]} {code[17:]}" if len(code) == LENGTH else code
