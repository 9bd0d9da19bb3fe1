"""Accounts of the books: their kinds, the bounds each kind keeps, and a balance.

Value flows from the debited to the credited account, so what an account holds
is its credits less its debits. Which kinds may fall below zero is assumed (no
public rule book names these accounts) and is therefore data.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.values import mask_ids_in

ID_MAX_LENGTH: Final = 128
"""Longest account or transfer id, in characters: keeps every index entry storable on every database."""

ID_ADVICE: Final = f"text of 1 to {ID_MAX_LENGTH} characters, without NUL or lone surrogates"


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


_PAIR: Final = 'open_accounts([("bank", AccountKind.EXTERNAL)])'


def account_pairs(accounts: Iterable[Any]) -> Iterator[tuple[str, AccountKind]]:
    """What a caller wants opened, two by two.

    Raises:
        InvalidValue: something is no pair.
    """
    if not isinstance(accounts, Iterable):
        raise wrong_account("a list of accounts is wanted", _PAIR)
    for place, pair in enumerate(accounts, 1):
        if not (isinstance(pair, Sequence) and len(pair) == 2) or isinstance(pair, str):
            raise wrong_account(f"item {place} is no pair of account id and kind", _PAIR)
        yield pair[0], pair[1]


def wrong_account(what: str, advice: str) -> InvalidValue:
    """The error of what cannot be an account."""
    return InvalidValue(what, step="ledger.open_accounts", term="账户", advice=advice)


def other_kind(account_id: str) -> Refused:
    """The error of an account that is there with another kind."""
    return Refused(
        f"account {mask_ids_in(account_id)!r} is open with another kind",
        step="ledger.open_accounts",
        term="账户类别",
        advice="use another account id",
    )
