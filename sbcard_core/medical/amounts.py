"""Rounding, the one scale of every ratio (basis points, 10 000 = all), and amounts as numeric(16,2)."""

from typing import Final

from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message
from sbcard_core.values import parse_yuan, yuan

ALL_BP: Final = 10_000
AMOUNT_MAX: Final = 10**16 - 1
"""Largest amount the national interface can carry, in fen: numeric(16,2), 14 digits before the point."""


def share(amount_fen: int, ratio_bp: int) -> int:
    """``amount_fen`` times ``ratio_bp``, rounded half-up to the fen (四舍五入).

    Args:
        amount_fen: fen, not negative.
        ratio_bp: 0 to 10 000.

    Example:
        >>> share(1001, 5000), share(1, 4999), share(100, 10_000)
        (501, 0, 100)
    """
    return (2 * amount_fen * ratio_bp + ALL_BP) // (2 * ALL_BP)


def basis_of(share_fen: int, ratio_bp: int) -> int:
    """The least amount whose share is at least ``share_fen``: where a tier ends when its fund's cap is reached.

    Args:
        share_fen: fen, not negative.
        ratio_bp: 1 to 10 000.

    Example:
        >>> basis_of(501, 5000), share(1001, 5000), share(1000, 5000)
        (1001, 501, 500)
    """
    return max(0, -((1 - 2 * share_fen) * ALL_BP // (2 * ratio_bp)))


def numeric(amount_fen: int) -> str:
    """Write fen as numeric(16,2), yuan with two decimals.

    Raises:
        InvalidValue: more than 14 digits before the point.

    Example:
        >>> numeric(123456), numeric(-5)
        ('1234.56', '-0.05')
    """
    if abs(amount_fen) > AMOUNT_MAX:
        raise InvalidValue(message("medical.amount"), step="medical.numeric", term="金额")
    return yuan(amount_fen)


def fen_of(text: str) -> int:
    """Read a numeric(16,2) as fen.

    Raises:
        InvalidValue: not a number with at most two decimals, or too large.

    Example:
        >>> fen_of("1234.5")
        123450
    """
    fen = parse_yuan(text)
    numeric(fen)
    return fen
