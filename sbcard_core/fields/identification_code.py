"""卡识别码 (AAZ501): 16 bytes that name one chip, written as 32 hex digits.

Region (3 bytes BCD, GB/T 2260), the registered identifier D156000005, serial (4 bytes), check (4 bytes). How the
check is computed is not public (blank cards carry FFFFFFFF), so it is not judged. Some systems call the *card
number* AAZ501 and this one AAZ500: go by the form, not by the name of the column.

Source: public vendor code and codes read from cards.
"""

from typing import Any

import numpy as np

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import _rows
from sbcard_core.messages import message

LENGTH = 32
RID = "D156000005"

CHARACTERS, REGION, IDENTIFIER = 1, 2, 4
"""Status bits of :func:`check_many`; CHARACTERS stands alone, REGION = the first six are no digits."""

_HEX = "0123456789ABCDEF"
_RID = np.array([int(digit, 16) for digit in RID], dtype=np.uint8)
_REASONS = {CHARACTERS: "characters", REGION: "region", IDENTIFIER: "identifier"}


class InvalidIdentificationCode(InvalidValue):
    """A code that breaks a rule; ``bits`` says which."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        reasons = tuple(message(f"fields.identification_code.{name}") for bit, name in _REASONS.items() if bits & bit)
        what = message("fields.identification_code", reasons=reasons)
        super().__init__(what, step="identification_code.validate", term="卡识别码")


def compact(code: str) -> str:
    """The code as it is stored: blanks and hyphens gone, upper-case.

    Example:
        >>> compact("639900 d156000005 00bf7c7a 48fb4966")
        '639900D15600000500BF7C7A48FB4966'
    """
    return code.translate({ord(blank): None for blank in " \u3000\t-:"}).upper()


def check_many(codes: Any) -> bytearray:
    """Check n codes at once.

    Args:
        codes: n × 32 contiguous bytes of hex digits, or a column of text.

    Returns:
        n bytes, each the OR of CHARACTERS, REGION, IDENTIFIER; 0 = clean. The check value is not judged.

    Raises:
        InvalidValue: a buffer is not contiguous or not a whole number of rows.

    Example:
        >>> list(check_many(["639900D15600000500BF7C7A48FB4966", "63990AD15600000600BF7C7A48FB4966", ""]))
        [0, 6, 1]
    """
    values = _rows.digits(codes, LENGTH, _HEX)
    strange = (values == _rows.NO_VALUE).any(axis=1)
    region = ~strange & (values[:, :6] > 9).any(axis=1)
    other = ~strange & (values[:, 6:16] != _RID).any(axis=1)
    return _rows.mask((CHARACTERS, strange), (REGION, region), (IDENTIFIER, other))


def is_valid(code: str) -> bool:
    """Whether ``code``, exactly as written, breaks no rule.

    Example:
        >>> is_valid("639900D15600000500BF7C7A48FB4966"), is_valid("639900d15600000500BF7C7A48FB4966")
        (True, False)
    """
    return check_many([code])[0] == 0


def validate(code: str) -> str:
    """Return the stored form, or raise with every rule it breaks.

    Raises:
        InvalidIdentificationCode: with ``bits`` as in :func:`check_many`.

    Example:
        >>> validate("639900 D156000005 00BF7C7A 48FB4966")
        '639900D15600000500BF7C7A48FB4966'
    """
    code = compact(code)
    if bits := check_many([code])[0]:
        raise InvalidIdentificationCode(bits)
    return code


def format(code: str) -> str:
    """The code in its four parts, for reading aloud.

    Example:
        >>> format("639900D15600000500BF7C7A48FB4966")
        '639900 D156000005 00BF7C7A 48FB4966'
    """
    code = compact(code)
    return f"{code[:6]} {code[6:16]} {code[16:24]} {code[24:]}" if len(code) == LENGTH else code
