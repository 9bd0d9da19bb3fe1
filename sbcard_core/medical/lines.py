"""A line of a bill, cut into what nobody pays, what the patient pays first, and what is within the policy.

Field names are those of the national interface (as public vendor code shows
them); the order of the cuts is general practice, assumed.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import Final

from sbcard_core.errors import InvalidValue
from sbcard_core.medical.amounts import ALL_BP, share
from sbcard_core.values import FEN_MAX

ITEM_MAX: Final = 100
"""Longest item name, in characters: it stands in every trace."""


class Grade(StrEnum):
    """收费项目等级 chrgitm_lv; the codes are assumed."""

    A = "01"
    """甲类: wholly within the policy."""
    B = "02"
    """乙类: the patient pays a share first (先行自付)."""
    C = "03"
    """丙类/自费: wholly the patient's."""

    @property
    def zh(self) -> str:
        """The word a clerk knows."""
        return {"01": "甲类", "02": "乙类", "03": "自费"}[self.value]


@dataclass(frozen=True, slots=True)
class FeeLine:
    """One charge.

    Attributes:
        item: hospital's item name or code, printable, at most 100 characters.
        grade: 甲/乙/丙.
        det_item_fee_sumamt: charge in fen, not negative.
        pric: unit price in fen, may have a fraction; needed only with a price limit.
        cnt: quantity, may have a fraction.
        pric_uplmt_amt: highest unit price within the policy, in fen; ``None`` is no limit.
        selfpay_prop_bp: share paid first of a 乙类 item, in basis points.

    Raises:
        InvalidValue: an item that cannot be printed, a negative or oversized amount, a ratio outside 0..10 000,
            a limit without a price.

    Example:
        >>> FeeLine("CT", Grade.B, 30_000, selfpay_prop_bp=1000).cut()
        LineParts(fulamt_ownpay_amt=0, overlmt_selfpay=0, preselfpay_amt=3000, inscp_scp_amt=27000)
    """

    item: str
    grade: Grade
    det_item_fee_sumamt: int
    pric: Decimal = Decimal(0)
    cnt: Decimal = Decimal(1)
    pric_uplmt_amt: Decimal | None = None
    selfpay_prop_bp: int = 0

    def __post_init__(self) -> None:
        numbers = (self.pric, self.cnt, self.pric_uplmt_amt or Decimal(0))
        good = (
            self.item.isprintable()
            and len(self.item) <= ITEM_MAX
            and 0 <= self.det_item_fee_sumamt <= FEN_MAX
            and 0 <= self.selfpay_prop_bp <= ALL_BP
            and all(number.is_finite() and 0 <= number <= FEN_MAX for number in numbers)
            and (self.pric_uplmt_amt is None or self.pric > 0)
        )
        if not good:
            raise InvalidValue(
                "fee line out of range", step="FeeLine", term="费用明细", advice="check amount and ratio"
            )

    def cut(self) -> "LineParts":
        """Cut the charge into its four parts, which add up to it."""
        total = self.det_item_fee_sumamt
        if self.grade is Grade.C:
            return LineParts(total, 0, 0, 0)
        over = self._over_limit()
        first = share(total - over, self.selfpay_prop_bp) if self.grade is Grade.B else 0
        return LineParts(0, over, first, total - over - first)

    def _over_limit(self) -> int:
        if self.pric_uplmt_amt is None or self.pric <= self.pric_uplmt_amt:
            return 0
        over = (self.pric - self.pric_uplmt_amt) * self.cnt
        return min(self.det_item_fee_sumamt, int(over.to_integral_value(ROUND_HALF_UP)))


@dataclass(frozen=True, slots=True)
class LineParts:
    """全自费, 超限价, 先行自付 and 政策范围内 of one line, in fen."""

    fulamt_ownpay_amt: int
    overlmt_selfpay: int
    preselfpay_amt: int
    inscp_scp_amt: int
