"""Settle splits in the ledger and keep them; cancel one exactly (结算、撤销).

Money moves to the hospital's account from each fund that pays, from the
personal account, and from cash. A cancellation moves the same amounts back and
keeps a second row with every amount negative; nothing is ever removed.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import sqlalchemy as sa

from sbcard_core.errors import Refused
from sbcard_core.ledger import AccountKind, Ledger, Transfer, TransferStatus, is_id, is_timestamp, lock_for_posting
from sbcard_core.medical.policy import FUND_FIELDS
from sbcard_core.medical.records import (
    COLUMNS,
    Row,
    Settlement,
    SettlementRefused,
    SettleStatus,
    cancelling_row,
    cancels,
    find,
    hospital_account,
    is_well_formed,
    make_row,
)
from sbcard_core.store import Store, insert_many, schema

SETTLED_CODE: Final = "medical.settle"
CANCELLED_CODE: Final = "medical.cancel"
PAYERS: Final[dict[str, tuple[str, AccountKind]]] = {
    "hifp_pay": ("POOLED_FUND", AccountKind.POOLED_FUND),
    "hifob_pay": ("CATASTROPHIC_FUND:hifob", AccountKind.CATASTROPHIC_FUND),
    "hifmi_pay": ("CATASTROPHIC_FUND:hifmi", AccountKind.CATASTROPHIC_FUND),
    "cvlserv_pay": ("FISCAL_PROGRAMME:cvlserv", AccountKind.FISCAL_PROGRAMME),
    "hifes_pay": ("FISCAL_PROGRAMME:hifes", AccountKind.FISCAL_PROGRAMME),
    "maf_pay": ("FISCAL_PROGRAMME:maf", AccountKind.FISCAL_PROGRAMME),
    "oth_pay": ("FISCAL_PROGRAMME:other", AccountKind.FISCAL_PROGRAMME),
    "psn_cash_pay": ("CASH", AccountKind.CASH),
}
"""The account each field is paid from; own names, assumed. ``acct_pay`` is paid from the person's own account."""
_PARTS: Final = ("acct_pay", *FUND_FIELDS, "psn_cash_pay")


def settle(store: Store, ledger: Ledger, settlement: Settlement) -> SettleStatus:
    """Settle one split; returns ``SETTLED``, or ``EXISTS`` if the same one was settled before.

    Raises:
        SettlementRefused: any other status; nothing has moved.
    """
    (status,) = settle_many(store, ledger, [settlement])
    if status > SettleStatus.EXISTS:
        raise SettlementRefused(status, settlement.setl_id)
    return status


def settle_many(store: Store, ledger: Ledger, settlements: Iterable[Settlement]) -> list[SettleStatus]:
    """Settle a batch in one transaction; one status per settlement, in order. The batch is held in memory.

    Each settlement is whole or not at all: its postings and its row. Where a number comes twice in a
    batch and the first is refused, the second is refused with it.

    Raises:
        Refused: the ledger refuses a fund, cash or a hospital account (a bound set by the integrator);
            nothing of the batch has been done.
    """
    batch = list(settlements)
    with store.begin() as connection:
        lock_for_posting(connection)
        rows = [make_row(s) if is_well_formed(s) else None for s in batch]
        statuses = _known(connection, batch, rows)
        _open_accounts(ledger, connection, [s for s, status in zip(batch, statuses, strict=True) if not status])
        # Only a personal account can refuse: it is asked first, so that no settlement is posted by half.
        _post_personal(ledger, connection, batch, statuses)
        _share_fate(batch, statuses)
        accepted = [(s, row) for s, row, status in zip(batch, rows, statuses, strict=True) if not status and row]
        _post_all(ledger, connection, [t for s, _ in accepted for t in _transfers(s, _PARTS[1:])])
        insert_many(connection, schema.settlement, COLUMNS, [row for _, row in accepted])
    return statuses


def cancel(store: Store, ledger: Ledger, setl_id: str, *, at: str, cancel_id: str | None = None) -> SettleStatus:
    """Cancel a settlement: the exact negative, in the ledger and as a row (结算撤销).

    Args:
        store: the database.
        ledger: the books over the same database.
        setl_id: the settlement to cancel.
        at: business time of the cancellation.
        cancel_id: number of the cancelling row; default ``<setl_id>/cancel``. A settlement is cancelled once,
            whatever number is given.

    Returns:
        ``SETTLED``, or ``EXISTS`` if it was cancelled before.

    Raises:
        SettlementRefused: no such settlement, or it is a cancellation.
    """
    cancel_id = cancel_id or f"{setl_id}/cancel"
    if not (is_id(cancel_id) and is_timestamp(at)):
        raise SettlementRefused(SettleStatus.MALFORMED, setl_id)
    with store.begin() as connection:
        lock_for_posting(connection)
        found = find(connection, [setl_id, cancel_id])
        original = found.get(setl_id)
        if original is None:
            raise SettlementRefused(SettleStatus.UNKNOWN_SETTLEMENT, setl_id)
        if cancels(original) is not None:
            raise SettlementRefused(SettleStatus.NOT_CANCELLABLE, setl_id)
        ids = [f"cancel:{setl_id}:{part}" for part in _PARTS]
        if ledger.transfers(ids, connection):
            return SettleStatus.EXISTS
        if cancel_id in found:
            raise SettlementRefused(SettleStatus.EXISTS_DIFFERENT, cancel_id)
        posted = ledger.transfers([f"setl:{setl_id}:{part}" for part in _PARTS], connection)
        _post_all(ledger, connection, [_reversed(t, at) for t in posted.values()])
        insert_many(connection, schema.settlement, COLUMNS, [cancelling_row(original, cancel_id, at)])
    return SettleStatus.SETTLED


def _known(connection: sa.Connection, batch: Sequence[Settlement], rows: Sequence[Row | None]) -> list[SettleStatus]:
    there = find(connection, [s.setl_id for s in batch])
    out = []
    for s, row in zip(batch, rows, strict=True):
        if s.setl_id in there:
            out.append(SettleStatus.EXISTS if there[s.setl_id] == row else SettleStatus.EXISTS_DIFFERENT)
        elif row is None:
            out.append(SettleStatus.MALFORMED)
        else:
            there[s.setl_id] = row
            out.append(SettleStatus.SETTLED)
    return out


def _open_accounts(ledger: Ledger, connection: sa.Connection, settlements: Sequence[Settlement]) -> None:
    if settlements:
        hospitals = sorted({hospital_account(s.hospital) for s in settlements})
        accounts = [*PAYERS.values(), *((name, AccountKind.HOSPITAL_PAYABLE) for name in hospitals)]
        ledger.open_accounts(accounts, connection=connection)


def _transfers(s: Settlement, parts: Sequence[str]) -> Iterator[Transfer]:
    for part in parts:
        fen = getattr(s.split, part)
        if fen:
            payer = s.personal_account if part == "acct_pay" else PAYERS[part][0]
            transfer_id = f"setl:{s.setl_id}:{part}"
            yield Transfer(transfer_id, payer, hospital_account(s.hospital), fen, SETTLED_CODE, s.at, s.card_no)


def _post_personal(
    ledger: Ledger, connection: sa.Connection, batch: Sequence[Settlement], statuses: list[SettleStatus]
) -> None:
    paying = [i for i, s in enumerate(batch) if not statuses[i] and s.split.acct_pay]
    transfers = [t for i in paying for t in _transfers(batch[i], ("acct_pay",))]
    for i, status in zip(paying, ledger.post_many(transfers, connection), strict=True):
        if status is TransferStatus.INSUFFICIENT:
            statuses[i] = SettleStatus.INSUFFICIENT
        elif status is TransferStatus.UNKNOWN_ACCOUNT:
            statuses[i] = SettleStatus.UNKNOWN_ACCOUNT
        elif not status.is_settled:
            raise _refused([status])


def _share_fate(batch: Sequence[Settlement], statuses: list[SettleStatus]) -> None:
    refused: dict[str, SettleStatus] = {}
    for i, (s, status) in enumerate(zip(batch, statuses, strict=True)):
        if status in (SettleStatus.UNKNOWN_ACCOUNT, SettleStatus.INSUFFICIENT):
            refused[s.setl_id] = status
        elif s.setl_id in refused:
            statuses[i] = refused[s.setl_id]


def _post_all(ledger: Ledger, connection: sa.Connection, transfers: Sequence[Transfer]) -> None:
    refused = [status for status in ledger.post_many(transfers, connection) if not status.is_settled]
    if refused:
        raise _refused(refused)


def _refused(statuses: Sequence[TransferStatus]) -> Refused:
    return Refused(
        f"the ledger refused {len(statuses)} postings, the first as {statuses[0].name}",
        step="medical.settle",
        term="医保结算",
        advice="check the bounds of the fund, cash and hospital accounts",
    )


def _reversed(t: Transfer, at: str) -> Transfer:
    transfer_id = f"cancel:{t.transfer_id.removeprefix('setl:')}"
    return Transfer(transfer_id, t.credit_account, t.debit_account, t.amount_fen, CANCELLED_CODE, at, t.memo)
