"""The rules of posting, on plain values: no database here, so that they can be read and tested alone."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Final

from sbcard_core.ledger.accounts import Bounds
from sbcard_core.ledger.transfers import Transfer, TransferStatus, is_id, is_well_formed
from sbcard_core.values import FEN_MAX

NO_BOUNDS: Final = Bounds()


@dataclass(slots=True)
class AccountState:
    """The running balance of one account while a batch is judged."""

    bounds: Bounds
    debits_fen: int
    credits_fen: int
    touched: bool = False


def judge(
    transfer: Transfer, posted: Mapping[str, Transfer], accounts: MutableMapping[str, AccountState]
) -> TransferStatus:
    """Say what becomes of ``transfer``; if it is posted, move its amount between ``accounts``.

    Args:
        transfer: the transfer to judge.
        posted: transfers already in the books, by id; at least those with this id.
        accounts: open accounts by id; at least the two named, if they are open.
    """
    if not is_id(transfer.transfer_id):
        return TransferStatus.MALFORMED
    earlier = posted.get(transfer.transfer_id)
    if earlier is not None:
        return TransferStatus.EXISTS if earlier == transfer else TransferStatus.EXISTS_DIFFERENT
    if not is_well_formed(transfer):
        return TransferStatus.MALFORMED
    debit = accounts.get(transfer.debit_account)
    credit = accounts.get(transfer.credit_account)
    if debit is None or credit is None:
        return TransferStatus.UNKNOWN_ACCOUNT
    if debit is credit:
        return TransferStatus.SAME_ACCOUNT
    return _move(transfer.amount_fen, debit, credit)


def _move(amount_fen: int, debit: AccountState, credit: AccountState) -> TransferStatus:
    if amount_fen <= 0:
        return TransferStatus.AMOUNT_NOT_POSITIVE
    debits_fen = debit.debits_fen + amount_fen
    credits_fen = credit.credits_fen + amount_fen
    if debits_fen > FEN_MAX or credits_fen > FEN_MAX:
        return TransferStatus.OVERFLOW
    floor_fen = debit.bounds.floor_fen
    if floor_fen is not None and debit.credits_fen - debits_fen < floor_fen:
        return TransferStatus.INSUFFICIENT
    ceiling_fen = credit.bounds.ceiling_fen
    if ceiling_fen is not None and credits_fen - credit.debits_fen > ceiling_fen:
        return TransferStatus.ABOVE_CEILING
    debit.debits_fen = debits_fen
    credit.credits_fen = credits_fen
    debit.touched = credit.touched = True
    return TransferStatus.POSTED
