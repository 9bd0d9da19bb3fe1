"""Accounts of the books: their kinds, the bounds each kind keeps, and a balance.

Value flows from the debited to the credited account, so what an account holds
is its credits less its debits. Which kinds may fall below zero is assumed (no
public rule book names these accounts) and is therefore data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from sbcard_core.values import mask_ids_in

ID_MAX_LENGTH: Final = 128
"""Longest account or transfer id, in characters: keeps every index entry storable on every database."""


class AccountKind(StrEnum):
    """What an account stands for. Own list: assumed, no public chart of accounts was found."""

    PERSONAL_MEDICAL = "personal_medical"
    """医保个人账户: one insured person's money; never below zero."""
    POOLED_FUND = "pooled_fund"
    """统筹基金."""
    CATASTROPHIC_FUND = "catastrophic_fund"
    """大额/大病基金."""
    FISCAL_PROGRAMME = "fiscal_programme"
    """财政补贴项目."""
    PENSION_FUND = "pension_fund"
    """养老保险基金."""
    BANK_CLEARING = "bank_clearing"
    """银行清算: money moved through one bank."""
    HOSPITAL_PAYABLE = "hospital_payable"
    """应付医疗机构; below zero after a cancellation means the hospital owes."""
    MERCHANT_PAYABLE = "merchant_payable"
    """应付商户."""
    PURSE_FLOAT = "purse_float"
    """电子钱包备付金: may fall below zero, because an offline purchase has already happened."""
    PAYOUT_PAYABLE = "payout_payable"
    """应付待遇: blocked for one payout batch; never below zero, so no line is paid twice."""
    SUSPENSE = "suspense"
    """挂账: amounts whose fate is not known yet."""
    CASH = "cash"
    """现金."""
    EXTERNAL = "external"
    """外部: where money comes from and goes to."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far credits less debits of one account may go, in fen, both ends included; ``None`` is no bound.

    Pending amounts count at their worst: what is held for going out is gone for the floor, what is held for
    coming in is there for the ceiling.
    """

    floor_fen: int | None = None
    ceiling_fen: int | None = None


DEFAULT_BOUNDS: Final[Mapping[AccountKind, Bounds]] = MappingProxyType(
    {AccountKind.PERSONAL_MEDICAL: Bounds(floor_fen=0), AccountKind.PAYOUT_PAYABLE: Bounds(floor_fen=0)}
)
"""Assumed bounds; kinds not named have none. Pass another mapping to ``Ledger`` to change them."""


@dataclass(frozen=True, slots=True)
class Balance:
    """Both sides of an account, in fen.

    Example:
        >>> balance = Balance(debits_fen=300, credits_fen=1000, debits_pending_fen=50)
        >>> balance.net_fen, balance.available_fen
        (700, 650)
    """

    debits_fen: int
    credits_fen: int
    debits_pending_fen: int = 0
    """Held for going out."""
    credits_pending_fen: int = 0
    """Held for coming in."""

    @property
    def net_fen(self) -> int:
        """What the account holds: credits less debits."""
        return self.credits_fen - self.debits_fen

    @property
    def available_fen(self) -> int:
        """What may still go out: what it holds less what is held back (可用余额)."""
        return self.credits_fen - self.debits_fen - self.debits_pending_fen


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """An account whose stored balance is not the sum of its transfers."""

    account_id: str
    stored: Balance
    summed: Balance

    def __repr__(self) -> str:
        return f"Discrepancy({mask_ids_in(self.account_id)!r}, {self.stored!r}, {self.summed!r})"
