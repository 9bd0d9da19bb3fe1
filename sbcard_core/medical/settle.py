"""Settle splits in the ledger and keep them (结算).

Money moves to the hospital's account from each fund that pays, from the
personal and the family account (or what the card's own purse has paid at the
terminal), and from cash. ``cancel`` takes back; nothing is ever removed.
"""

from collections.abc import Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, Final

import sqlalchemy as sa

from sbcard_core.errors import Refused
from sbcard_core.ledger import AccountKind, Ledger, Transfer, TransferStatus, lock_for_posting
from sbcard_core.medical.records import (
    COLUMNS,
    PAID_PARTS,
    Payers,
    Row,
    Settlement,
    adds_up,
    cancelled_among,
    find,
    hospital_account,
    is_well_formed,
    make_row,
)
from sbcard_core.medical.status import STEPS, SettlementRefused, SettleStatus
from sbcard_core.medical.years import Years, person_of_card
from sbcard_core.messages import message
from sbcard_core.store import Store, insert_many, schema

SETTLED_CODE: Final = "medical.settle"
PURSE_FLOAT: Final = "PURSE_FLOAT"
"""Where the money of purses lies until what a card has paid is posted."""
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
"""The account each field is paid from; own names, assumed. ``acct_pay`` and ``acct_mulaid_pay`` have the person's."""
_OWN_PARTS: Final = PAID_PARTS[:2]
_REST_PARTS: Final = PAID_PARTS[2:]
_REST_ACCOUNTS: Final = tuple(PAYERS[part][0] for part in _REST_PARTS)
_rest_of: Final = attrgetter(*_REST_PARTS)
_STATUS: Final = {
    TransferStatus.INSUFFICIENT: SettleStatus.INSUFFICIENT,
    TransferStatus.UNKNOWN_ACCOUNT: SettleStatus.UNKNOWN_ACCOUNT,
    TransferStatus.EXISTS_DIFFERENT: SettleStatus.CARD_PAYMENT_DIFFERS,
}


def settle(store: Store, ledger: Ledger, settlement: Settlement) -> SettleStatus:
    """Settle one split; returns ``SETTLED``, or ``EXISTS`` if the same one was settled before.

    Raises:
        SettlementRefused: any other status; nothing has moved.
    """
    (status,) = settle_many(store, ledger, [settlement])
    if not status.is_settled:
        raise SettlementRefused(status, settlement.setl_id)
    return status


def settle_many(store: Store, ledger: Ledger, settlements: Iterable[Settlement]) -> list[SettleStatus]:
    """Settle a batch in one transaction; one status per settlement, in order. The batch is held in memory.

    Each settlement is whole or not at all: its postings, its row and the person's
    year. Where a number comes twice in a batch and the first is refused, the
    second is refused with it.

    Raises:
        Refused: the ledger refuses a fund, cash or a hospital account (a bound set by the integrator);
            nothing of the batch has been done.
    """
    batch = list(settlements)
    with store.begin() as connection:
        lock_for_posting(connection)
        return write(ledger, connection, batch)


def write(ledger: Ledger, connection: sa.Connection, batch: Sequence[Settlement]) -> list[SettleStatus]:
    """What ``settle_many`` does, in the caller's transaction, after ``lock_for_posting``."""
    rows = [_row(connection, s) for s in batch]
    statuses = _known(connection, batch, rows)
    accepted = _post(ledger, connection, batch, rows, statuses)
    years = Years().load(connection, [row.psn_no for _, row in accepted])
    for s, row in accepted:
        years.add(year_key(row), s.split.added)
    years.save(connection)
    return statuses


def write_new(
    ledger: Ledger, connection: sa.Connection, batch: Sequence[Settlement], years: Years
) -> list[SettleStatus]:
    """As ``write``, for a caller who has read under the same lock what ``write`` would read again.

    Args:
        ledger: the books.
        connection: the transaction; to be given up if any status is not ``SETTLED``.
        batch: splits to settle: no number stands twice, and none is taken.
        years: of everyone in the batch, with the batch already counted.
    """
    rows = [_row(connection, s) for s in batch]
    statuses = [_shape(s, row) for s, row in zip(batch, rows, strict=True)]
    _post(ledger, connection, batch, rows, statuses)
    years.save(connection)
    return statuses


def _post(
    ledger: Ledger,
    connection: sa.Connection,
    batch: Sequence[Settlement],
    rows: Sequence[Row | None],
    statuses: list[SettleStatus],
) -> list[tuple[Settlement, Row]]:
    """Post and keep those not refused yet; what the ledger refuses gets its status. Gives back what was kept."""
    _open_accounts(ledger, connection, [s for s, status in zip(batch, statuses, strict=True) if not status])
    # Only a person's own account can refuse in the ordinary run: it is asked first, so that none is posted by half.
    _post_personal(ledger, connection, batch, statuses)
    _share_fate(batch, statuses)
    accepted = [(s, row) for s, row, status in zip(batch, rows, statuses, strict=True) if not status and row]
    _post_rest(ledger, connection, [s for s, _ in accepted])
    insert_many(connection, schema.settlement, COLUMNS, [row for _, row in accepted])
    return accepted


def year_key(row: Row) -> tuple[str, str, int, str]:
    """Which year and bucket a row counts in."""
    return row.psn_no, row.insutype, row.year, row.bucket or "-"


def post_all(
    ledger: Ledger, connection: sa.Connection, transfers: Sequence[Transfer], step: str = SETTLED_CODE
) -> None:
    """Post all, or raise ``Refused``; the caller's transaction must then be given up."""
    raise_refused(ledger.post_many(transfers, connection), step)


def raise_refused(statuses: Iterable[TransferStatus], step: str = SETTLED_CODE) -> None:
    """``LedgerRefused`` if there is a refusal among them."""
    refused = [status for status in statuses if not status.is_settled]
    if refused:
        raise LedgerRefused(refused, step=step)


def _row(connection: sa.Connection, s: Settlement) -> Row | None:
    if not is_well_formed(s):
        return None
    return make_row(s, s.psn_no or person_of_card(connection, s.card_no))


def _known(connection: sa.Connection, batch: Sequence[Settlement], rows: Sequence[Row | None]) -> list[SettleStatus]:
    there = find(connection, [s.setl_id for s in batch])
    gone = cancelled_among(connection, list(there))
    out = []
    for s, row in zip(batch, rows, strict=True):
        if s.setl_id in there:
            same = SettleStatus.CANCELLED if s.setl_id in gone else SettleStatus.EXISTS
            out.append(same if there[s.setl_id] == row else SettleStatus.EXISTS_DIFFERENT)
        else:
            if (status := _shape(s, row)) is SettleStatus.SETTLED and row is not None:
                there[s.setl_id] = row
            out.append(status)
    return out


def _shape(s: Settlement, row: Row | None) -> SettleStatus:
    """What a settlement whose number is free is by itself."""
    if row is None:
        return SettleStatus.MALFORMED
    return SettleStatus.SETTLED if adds_up(s.split) else SettleStatus.TOTALS_DISAGREE


def _open_accounts(ledger: Ledger, connection: sa.Connection, settlements: Sequence[Settlement]) -> None:
    if settlements:
        hospitals = sorted({hospital_account(s.hospital) for s in settlements})
        accounts = [*PAYERS.values(), *((name, AccountKind.HOSPITAL_PAYABLE) for name in hospitals)]
        if any(s.card_transfer for s in settlements):
            accounts.append((PURSE_FLOAT, AccountKind.PURSE_FLOAT))
        ledger.open_accounts(accounts, connection=connection)


def payer_of(part: str, payers: Payers) -> str:
    """The account that pays a part."""
    if part == "acct_pay":
        return PURSE_FLOAT if payers.card_transfer else payers.personal
    return payers.family if part == "acct_mulaid_pay" else PAYERS[part][0]


def _transfers(s: Settlement, parts: Sequence[str]) -> Iterator[Transfer]:
    hospital = hospital_account(s.hospital)
    for part in parts:
        fen = getattr(s.split, part)
        if fen:
            transfer_id = f"setl:{s.setl_id}:{part}"
            memo = s.card_no
            if part == "acct_pay" and s.card_transfer:  # the id under which the terminal's journal would be posted
                transfer_id, memo = s.card_transfer, s.setl_id
            yield Transfer(transfer_id, payer_of(part, s.payers), hospital, fen, SETTLED_CODE, s.at, memo)


def _post_rest(ledger: Ledger, connection: sa.Connection, settlements: Sequence[Settlement]) -> None:
    """What the funds and cash pay, by column: the bulk of a batch's postings; all, or ``Refused``."""
    ids: list[str] = []
    debits, credits_, moments, memos, amounts = [], [], [], [], []
    for s in settlements:
        number, hospital, at, memo = s.setl_id, hospital_account(s.hospital), s.at, s.card_no
        for part, account, fen in zip(_REST_PARTS, _REST_ACCOUNTS, _rest_of(s.split), strict=True):
            if fen:
                ids.append(f"setl:{number}:{part}")
                debits.append(account)
                credits_.append(hospital)
                amounts.append(fen)
                moments.append(at)
                memos.append(memo)
    if ids:
        columns: dict[str, Any] = {"code": SETTLED_CODE, "at": moments, "memo": memos, "connection": connection}
        raise_refused(ledger.post_columns(ids, debits, credits_, amounts, **columns))


def _post_personal(
    ledger: Ledger, connection: sa.Connection, batch: Sequence[Settlement], statuses: list[SettleStatus]
) -> None:
    """One posting for each account that pays; what one bill's first account paid goes back if its second refuses."""
    paying = [i for i, s in enumerate(batch) if not statuses[i] and (s.split.acct_pay or s.split.acct_mulaid_pay)]
    transfers = [(i, t) for i in paying for t in _transfers(batch[i], _OWN_PARTS)]
    both = {i for i, s in enumerate(batch) if s.split.acct_pay and s.split.acct_mulaid_pay}
    for i, status in zip(
        [i for i, _ in transfers], ledger.post_many([t for _, t in transfers], connection), strict=True
    ):
        if status.is_settled:
            continue
        if status not in _STATUS or i in both:
            raise LedgerRefused([status], _STATUS.get(status, SettleStatus.LEDGER_REFUSED))
        statuses[i] = _STATUS[status]


def _share_fate(batch: Sequence[Settlement], statuses: list[SettleStatus]) -> None:
    refused: dict[str, SettleStatus] = {}
    for i, (s, status) in enumerate(zip(batch, statuses, strict=True)):
        if status in _STATUS.values():
            refused[s.setl_id] = status
        elif s.setl_id in refused:
            statuses[i] = refused[s.setl_id]


class LedgerRefused(Refused):
    """The ledger refused a posting of a settlement; ``status`` is what that makes of the settlement."""

    def __init__(
        self,
        statuses: Sequence[TransferStatus],
        status: SettleStatus = SettleStatus.LEDGER_REFUSED,
        *,
        step: str = SETTLED_CODE,
    ) -> None:
        self.status = status
        what = message("medical.postings", count=len(statuses), status=statuses[0].name)
        super().__init__(what, step=step, term=STEPS[step])
