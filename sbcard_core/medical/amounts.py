"""Rounding, and the one scale of every ratio in this room: basis points (10 000 = all)."""

from typing import Final

ALL_BP: Final = 10_000


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
