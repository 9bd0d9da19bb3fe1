"""The rules of posting, on plain values: no database here, so that they can be read and tested alone."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Final

from sbcard_core.ledger.accounts import Bounds
from sbcard_core.ledger.transfers import (
    CLOSES_HOLD,
    Outcome,
    Transfer,
    TransferFlag,
    TransferStatus,
    expiry,
    is_id,
    is_plain,
    is_well_formed,
)
from sbcard_core.values import FEN_MAX

NO_BOUNDS: Final = Bounds()
LINKED: Final = int(TransferFlag.LINKED)
PENDING: Final = int(TransferFlag.PENDING)
POST_PENDING: Final = int(TransferFlag.POST_PENDING)
IMPORTED: Final = int(TransferFlag.IMPORTED)


class HoldState(IntEnum):
    """What became of a pending transfer."""

    OPEN = 0
    POSTED = 1
    VOIDED = 2
    EXPIRED = 3


_CLOSED_BY: Final = {
    HoldState.POSTED: TransferStatus.PENDING_POSTED,
    HoldState.VOIDED: TransferStatus.PENDING_VOIDED,
    HoldState.EXPIRED: TransferStatus.PENDING_EXPIRED,
}


@dataclass(slots=True)
class AccountState:
    """The running balance of one account while a batch is judged."""

    bounds: Bounds
    debits_fen: int
    credits_fen: int
    debits_pending_fen: int = 0
    credits_pending_fen: int = 0
    touched: bool = False
    place: int = 0
    """Where the database keeps its row, if it says so."""


@dataclass(slots=True)
class Hold:
    """A pending transfer while a batch is judged."""

    transfer: Transfer
    expires_at: str
    state: HoldState = HoldState.OPEN
    closed_at: str = ""


@dataclass(slots=True)
class Page:
    """The part of the books that a batch needs, and what the batch adds to it.

    ``posted`` has at least the transfers with the batch's ids, ``accounts`` the open accounts it names,
    ``holds`` the pending transfers it closes (and the accounts of those), as far as they exist.
    """

    accounts: dict[str, AccountState] = field(default_factory=dict)
    posted: dict[str, Transfer] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    closed_periods: frozenset[str] = frozenset()
    ignores_bounds: bool = False
    """True while history is imported: its bounds are asked at the end."""
    new: list[Transfer] = field(default_factory=list)
    """Transfers to store, in order."""
    closed: list[Hold] = field(default_factory=list)
    """Holds of earlier batches whose state is to be stored; may name one twice."""


def judge_all(
    transfers: Sequence[Transfer], page: Page, nets: list[tuple[int | None, int | None]] | None = None
) -> list[TransferStatus]:
    """Judge a batch in order, linked groups as one; what is posted is added to ``page``.

    Args:
        transfers: the batch.
        page: the part of the books it needs; changed.
        nets: takes what both accounts of each transfer hold right after it.
    """
    statuses: list[TransferStatus] = []
    start, count = 0, len(transfers)
    while start < count:
        end = start + 1
        if _is_linked(transfers[start]):
            while end < count and _is_linked(transfers[end - 1]):
                end += 1
            statuses += _judge_group(transfers[start:end], page, nets)
        else:
            statuses.append(judge(transfers[start], page))
            if nets is not None:
                nets.append(_nets(transfers[start], page))
        start = end
    return statuses


def outcomes(statuses: Iterable[TransferStatus], nets: Iterable[tuple[int | None, int | None]]) -> list[Outcome]:
    """Statuses and resulting balances side by side."""
    return [Outcome(status, *pair) for status, pair in zip(statuses, nets, strict=True)]


def _is_linked(transfer: Transfer) -> bool:
    return isinstance(transfer.flags, int) and bool(transfer.flags & LINKED)


def _judge_group(
    group: Sequence[Transfer], page: Page, nets: list[tuple[int | None, int | None]] | None
) -> list[TransferStatus]:
    """All of a linked group or none: judged one after the other, taken back in reverse where one is refused."""
    before, pairs, statuses = len(page.new), [], []
    for transfer in group:
        statuses.append(judge(transfer, page))
        pairs.append(_nets(transfer, page))
        if not statuses[-1].is_settled:
            break
    if _is_linked(group[-1]) and statuses[-1].is_settled:
        statuses[-1] = TransferStatus.LINKED_OPEN
    refused = not statuses[-1].is_settled
    mixed = len(set(statuses)) > 1
    if refused or mixed:
        for transfer in reversed(page.new[before:]):
            _take_back(transfer, page)
        del page.new[before:]
        last = len(statuses) - 1
        keeps = {last} if refused else {i for i, s in enumerate(statuses) if s is TransferStatus.EXISTS}
        statuses = [statuses[i] if i in keeps else TransferStatus.LINKED_FAILED for i in range(len(group))]
        pairs = [_nets(transfer, page) for transfer in group]
    if nets is not None:
        nets += pairs
    return statuses


def judge(transfer: Transfer, page: Page) -> TransferStatus:
    """Say what becomes of ``transfer`` alone; if it is posted, move or hold its amount on ``page``."""
    if not is_id(transfer.transfer_id):
        return TransferStatus.MALFORMED
    hold = None
    if not is_plain(transfer):
        transfer, hold = _whole(transfer, page)
    earlier = page.posted.get(transfer.transfer_id)
    if earlier is not None:
        return TransferStatus.EXISTS if earlier == transfer else TransferStatus.EXISTS_DIFFERENT
    if not is_well_formed(transfer):
        return TransferStatus.MALFORMED
    status = _judge_new(transfer, hold, page)
    if status is TransferStatus.POSTED:
        _move(transfer, page)
        page.posted[transfer.transfer_id] = transfer
        page.new.append(transfer)
    return status


def _judge_new(transfer: Transfer, hold: Hold | None, page: Page) -> TransferStatus:
    if transfer.pending_id:
        status = _judge_closing(transfer, hold)
        if status:
            return status
    debit = page.accounts.get(transfer.debit_account)
    credit = page.accounts.get(transfer.credit_account)
    if debit is None or credit is None or debit is credit:
        missing = debit is None or credit is None
        return TransferStatus.UNKNOWN_ACCOUNT if missing else TransferStatus.SAME_ACCOUNT
    if transfer.amount_fen <= 0:
        return TransferStatus.AMOUNT_NOT_POSITIVE
    if page.closed_periods and is_closed(transfer.at, page.closed_periods):
        return TransferStatus.PERIOD_CLOSED
    if hold is not None:  # what is posted from a hold was counted when it was held
        return TransferStatus.POSTED
    return _judge_bounds(transfer.amount_fen, debit, credit, page.ignores_bounds)


def is_closed(at: str, closed_periods: frozenset[str]) -> bool:
    """Whether the year, month or day of ``at`` is closed.

    Example:
        >>> is_closed("2014-07-31T09:00:00", frozenset({"2014-07"})), is_closed("2014-08-01T09:00:00", frozenset())
        (True, False)
    """
    return at[:7] in closed_periods or at[:10] in closed_periods or at[:4] in closed_periods


def _whole(transfer: Transfer, page: Page) -> tuple[Transfer, Hold | None]:
    """``transfer`` with what it leaves to the pending one filled in, as it is stored."""
    if not (isinstance(transfer.flags, int) and transfer.flags & CLOSES_HOLD and is_id(transfer.pending_id)):
        return transfer, None
    hold = page.holds.get(transfer.pending_id)
    if hold is None:
        return transfer, None
    held = hold.transfer
    return replace(
        transfer,
        debit_account=transfer.debit_account or held.debit_account,
        credit_account=transfer.credit_account or held.credit_account,
        amount_fen=transfer.amount_fen or held.amount_fen,
    ), hold


def _judge_closing(transfer: Transfer, hold: Hold | None) -> TransferStatus:
    if hold is None:
        return TransferStatus.PENDING_UNKNOWN
    held = hold.transfer
    sides = (transfer.debit_account, transfer.credit_account)
    if sides != (held.debit_account, held.credit_account) or transfer.at < held.at:
        return TransferStatus.PENDING_DIFFERENT
    if hold.state is not HoldState.OPEN:
        return _CLOSED_BY[hold.state]
    if hold.expires_at and transfer.at >= hold.expires_at:
        return TransferStatus.PENDING_EXPIRED
    whole_only = not transfer.flags & POST_PENDING
    if transfer.amount_fen > held.amount_fen or (whole_only and transfer.amount_fen != held.amount_fen):
        return TransferStatus.PENDING_AMOUNT
    return TransferStatus.POSTED


def _judge_bounds(amount_fen: int, debit: AccountState, credit: AccountState, ignored: bool) -> TransferStatus:
    debits_fen = debit.debits_fen + debit.debits_pending_fen + amount_fen
    credits_fen = credit.credits_fen + credit.credits_pending_fen + amount_fen
    if debits_fen > FEN_MAX or credits_fen > FEN_MAX:
        return TransferStatus.OVERFLOW
    if ignored:
        return TransferStatus.POSTED
    floor_fen = debit.bounds.floor_fen
    if floor_fen is not None and debit.credits_fen - debits_fen < floor_fen:
        return TransferStatus.INSUFFICIENT
    ceiling_fen = credit.bounds.ceiling_fen
    if ceiling_fen is not None and credits_fen - credit.debits_fen > ceiling_fen:
        return TransferStatus.ABOVE_CEILING
    return TransferStatus.POSTED


def _move(transfer: Transfer, page: Page, sign: int = 1) -> None:
    """Move, hold or release; ``sign`` -1 takes it back."""
    debit, credit = page.accounts[transfer.debit_account], page.accounts[transfer.credit_account]
    amount_fen, flags = sign * transfer.amount_fen, transfer.flags
    debit.touched = credit.touched = True
    if flags & PENDING:
        debit.debits_pending_fen += amount_fen
        credit.credits_pending_fen += amount_fen
        if sign > 0:
            page.holds[transfer.transfer_id] = Hold(transfer, expiry(transfer))
        else:
            del page.holds[transfer.transfer_id]
        return
    if flags & CLOSES_HOLD:
        hold = page.holds[transfer.pending_id]
        debit.debits_pending_fen -= sign * hold.transfer.amount_fen
        credit.credits_pending_fen -= sign * hold.transfer.amount_fen
        closed = HoldState.POSTED if flags & POST_PENDING else HoldState.VOIDED
        hold.state, hold.closed_at = (closed, transfer.at) if sign > 0 else (HoldState.OPEN, "")
        page.closed.append(hold)
        if not flags & POST_PENDING:
            return
    debit.debits_fen += amount_fen
    credit.credits_fen += amount_fen


def _take_back(transfer: Transfer, page: Page) -> None:
    _move(transfer, page, -1)
    del page.posted[transfer.transfer_id]


def _nets(transfer: Transfer, page: Page) -> tuple[int | None, int | None]:
    transfer = _whole(transfer, page)[0]
    return _net(transfer.debit_account, page), _net(transfer.credit_account, page)


def _net(name: str, page: Page) -> int | None:
    account = page.accounts.get(name) if isinstance(name, str) else None
    return None if account is None else account.credits_fen - account.debits_fen
