"""A line of a bill, cut into what nobody pays, what the patient pays first, and what is within the policy.

Field names are those of the national interface (as public vendor code shows
them); the order of the cuts is general practice, assumed.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple

from sbcard_core.errors import InvalidValue
from sbcard_core.medical.amounts import ALL_BP, share
from sbcard_core.messages import Message, message
from sbcard_core.values import FEN_MAX

ITEM_MAX: Final = 100
"""Longest item name, in characters: it stands in every trace."""


DECIMALS_MAX: Final = 6
"""Most decimals of a price in fen or of a quantity; assumed."""


_TERMS: Final = {"pric": "单价", "cnt": "数量", "pric_uplmt_amt": "限价"}
_ZERO: Final = Decimal(0)
_EXACT: Final = Context(prec=100)
"""No product of two numbers of a line has as many digits, so none is rounded, whatever context the caller works in."""


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
            a limit without a price, a grade that is no ``Grade``, a number that is no ``Decimal``.

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
        numbers = (self.pric, self.cnt, _ZERO if self.pric_uplmt_amt is None else self.pric_uplmt_amt)
        good = (
            type(self.item) is str
            and self.item.isprintable()
            and len(self.item) <= ITEM_MAX
            and type(self.grade) is Grade
            and type(self.det_item_fee_sumamt) is int
            and 0 <= self.det_item_fee_sumamt <= FEN_MAX
            and type(self.selfpay_prop_bp) is int
            and 0 <= self.selfpay_prop_bp <= ALL_BP
            and type(self.pric) is type(self.cnt) is type(numbers[2]) is Decimal
            and all(number.is_finite() and 0 <= number <= FEN_MAX for number in numbers)
            and all(int(number.as_tuple().exponent) >= -DECIMALS_MAX for number in numbers)
            and (self.pric_uplmt_amt is None or self.pric > 0)
        )
        if not good:
            raise InvalidValue(message("medical.line.wrong", fault=self._fault()), step="FeeLine", term="费用明细")

    def _fault(self) -> Message:
        item: object = self.item
        if not (type(item) is str and item.isprintable() and len(item) <= ITEM_MAX):
            return message("medical.line.item", most=ITEM_MAX)
        if type(self.grade) is not Grade:
            return message("medical.line.grade")
        numbers = {"pric": self.pric, "cnt": self.cnt}
        if self.pric_uplmt_amt is not None:
            numbers["pric_uplmt_amt"] = self.pric_uplmt_amt
        if fault := number_fault(self.det_item_fee_sumamt, numbers):
            return fault
        if type(self.selfpay_prop_bp) is not int or not 0 <= self.selfpay_prop_bp <= ALL_BP:
            return message("medical.line.share", most=ALL_BP)
        return message("medical.line.no_price")

    def cut(self) -> "LineParts":
        """Cut the charge into its four parts, which add up to it."""
        return LineParts(*self.parts())

    def parts(self) -> tuple[int, int, int, int]:
        """The same as a plain tuple, for the split."""
        total = self.det_item_fee_sumamt
        if self.grade is Grade.C:
            return total, 0, 0, 0
        over = 0 if self.pric_uplmt_amt is None else self._over_limit()
        first = share(total - over, self.selfpay_prop_bp) if self.grade is Grade.B else 0
        return 0, over, first, total - over - first

    def agrees(self) -> bool:
        """Whether the charge is price times quantity, rounded half-up; a line without a price is not asked.

        Example:
            >>> [FeeLine("片", Grade.A, fen, Decimal("333.3"), Decimal(3)).agrees() for fen in (999, 1000)]
            [False, True]
        """
        fen, pric, cnt = self.det_item_fee_sumamt, self.pric, self.cnt
        if not pric or (pric == fen and cnt == 1):
            return True
        return int(_EXACT.multiply(pric, cnt).to_integral_value(ROUND_HALF_UP)) == fen

    def _over_limit(self) -> int:
        if self.pric_uplmt_amt is None or self.pric <= self.pric_uplmt_amt:
            return 0
        over = _EXACT.multiply(_EXACT.subtract(self.pric, self.pric_uplmt_amt), self.cnt)
        return min(self.det_item_fee_sumamt, int(over.to_integral_value(ROUND_HALF_UP)))

    def without(self, cnt: Decimal | None, *, of: "FeeLine | None" = None) -> "FeeLine":
        """The line after ``cnt`` of it came back (退费); ``None`` is all of it. Price and share stay.

        What is left is priced from the line as it was billed, and what lies above a price limit from that charge:
        each part only ever shrinks, and the order in which quantities come back makes no difference.

        Args:
            cnt: the quantity.
            of: the line as it was billed, where this one is what earlier refunds left of it.

        Raises:
            InvalidValue: not more than nothing, or more than there is.

        Example:
            >>> billed = FeeLine("片", Grade.A, 1000, cnt=Decimal(3))
            >>> left = billed.without(Decimal(1))
            >>> left.det_item_fee_sumamt, left.without(Decimal(1), of=billed).det_item_fee_sumamt
            (667, 333)
        """
        if cnt is None:
            return self._rest(0, Decimal(0), 0)
        whole = type(cnt) is Decimal and cnt.is_finite() and int(cnt.as_tuple().exponent) >= -DECIMALS_MAX
        if not (whole and 0 < cnt <= self.cnt):
            raise InvalidValue(message("medical.refund.too_much"), step="FeeLine", term="退费")
        billed = self if of is None else of
        left = Fraction(self.cnt) - Fraction(cnt)
        fen = half_up(billed.det_item_fee_sumamt * left / Fraction(billed.cnt))
        over = half_up(Fraction(fen * billed._over_limit(), billed.det_item_fee_sumamt or 1))
        return self._rest(fen, exact(left), over)

    def _rest(self, fen: int, cnt: Decimal, over: int) -> "FeeLine":
        return _Rest(self.item, self.grade, fen, self.pric, cnt, self.pric_uplmt_amt, self.selfpay_prop_bp, over)


@dataclass(frozen=True, slots=True)
class _Rest(FeeLine):
    """What refunds leave of a line, with what of it lies above the price limit."""

    overlmt_fen: int = 0

    def _over_limit(self) -> int:
        return self.overlmt_fen


def half_up(number: Fraction) -> int:
    """Round to a whole number, halves away from zero upwards; the ambient decimal context plays no part.

    Example:
        >>> half_up(Fraction(5, 2)), half_up(Fraction(249, 100))
        (3, 2)
    """
    return (2 * number.numerator + number.denominator) // (2 * number.denominator)


def exact(number: Fraction) -> Decimal:
    """A fraction with a power of ten below, as a decimal: no digit is lost, whatever the context.

    Example:
        >>> exact(Fraction(5, 2)), exact(Fraction(7))
        (Decimal('2.5'), Decimal('7'))
    """
    places = 0
    while 10**places % number.denominator:
        places += 1
    whole = number.numerator * (10**places // number.denominator)
    return Decimal(f"{whole}E-{places}")


def number_fault(fen: object, numbers: Mapping[str, object]) -> Message | None:
    """The first thing wrong with a line's charge and its numbers, by field.

    Example:
        >>> str(number_fault(1, {"pric": 5, "cnt": Decimal(1)}))
        "pric (单价) must be a Decimal, such as Decimal('1.5'), not int"
    """
    charge = {"field": "det_item_fee_sumamt", "term": "金额"}
    if type(fen) is not int:
        return message("medical.bill.fen", **charge, found=type(fen).__name__)
    if not 0 <= fen <= FEN_MAX:
        return message("medical.line.negative" if fen < 0 else "medical.line.too_large", **charge, found=fen)
    return next(filter(None, itertools.starmap(_decimal_fault, numbers.items())), None)


def _decimal_fault(name: str, number: object) -> Message | None:
    field = {"field": name, "term": _TERMS[name]}
    if type(number) is not Decimal:
        return message("medical.line.decimal", **field, found=type(number).__name__)
    if not number.is_finite() or number > FEN_MAX:
        return message("medical.line.too_large", **field, found=number)
    if number < 0:
        return message("medical.line.negative", **field, found=number)
    if int(number.as_tuple().exponent) < -DECIMALS_MAX:
        return message("medical.line.decimals", **field, most=DECIMALS_MAX)
    return None


class LineParts(NamedTuple):
    """全自费, 超限价, 先行自付 and 政策范围内 of one line, in fen."""

    fulamt_ownpay_amt: int
    overlmt_selfpay: int
    preselfpay_amt: int
    inscp_scp_amt: int
