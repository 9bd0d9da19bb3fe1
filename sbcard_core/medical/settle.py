"""Settle splits in the ledger and keep them; cancel one exactly (结算、撤销).

Money moves to the hospital's account from each fund that pays, from the
personal and the family account (or what the card's own purse has paid at the
terminal), and from cash. A cancellation moves the same amounts back and keeps
a second row with every amount negative; nothing is ever removed.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import sqlalchemy as sa

from sbcard_core.errors import Refused
from sbcard_core.ledger import AccountKind, Ledger, Transfer, TransferStatus, is_id, is_timestamp, lock_for_posting
from sbcard_core.medical.records import (
    COLUMNS,
    PAID_PARTS,
    Payers,
    Row,
    Settlement,
    adds_up,
    find,
    hospital_account,
    is_well_formed,
    make_row,
    taken_from,
    taking_row,
)
from sbcard_core.medical.split import AMOUNT_FIELDS, FundPay, Split
from sbcard_core.medical.status import SettlementRefused, SettleStatus
from sbcard_core.medical.visit import Accumulators
from sbcard_core.medical.years import Years, person_of_card
from sbcard_core.store import Store, insert_many, schema

SETTLED_CODE: Final = "medical.settle"
CANCELLED_CODE: Final = "medical.cancel"
REFUNDED_CODE: Final = "medical.refund"
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


def write(
    ledger: Ledger, connection: sa.Connection, batch: Sequence[Settlement], years: Years | None = None
) -> list[SettleStatus]:
    """What ``settle_many`` does, in the caller's transaction, after ``lock_for_posting``.

    Args:
        ledger: the books.
        connection: the transaction.
        batch: splits to settle.
        years: accumulators of everyone in the batch, with the batch already in them; default read and added to here.
    """
    rows = [_row(connection, s) for s in batch]
    statuses = _known(connection, batch, rows)
    _open_accounts(ledger, connection, [s for s, status in zip(batch, statuses, strict=True) if not status])
    # Only a person's own account can refuse in the ordinary run: it is asked first, so that none is posted by half.
    _post_personal(ledger, connection, batch, statuses)
    _share_fate(batch, statuses)
    accepted = [(s, row) for s, row, status in zip(batch, rows, statuses, strict=True) if not status and row]
    post_all(ledger, connection, [t for s, _ in accepted for t in _transfers(s, PAID_PARTS[2:])])
    insert_many(connection, schema.settlement, COLUMNS, [row for _, row in accepted])
    if years is None:
        years = Years().load(connection, [row.psn_no for _, row in accepted])
        for s, row in accepted:
            years.add(year_key(row), s.split.added)
    years.save(connection)
    return statuses


def cancel(
    store: Store, ledger: Ledger, setl_id: str, *, at: str, cancel_id: str | None = None, psn_no: str | None = None
) -> SettleStatus:
    """Cancel a settlement: the exact negative of what is left of it, in the ledger and as a row (结算撤销).

    Args:
        store: the database.
        ledger: the books over the same database.
        setl_id: the settlement to cancel.
        at: business time of the cancellation.
        cancel_id: number of the cancelling row; default ``<setl_id>/cancel``. A settlement is cancelled once,
            whatever number is given.
        psn_no: whose settlement it must be; default anyone's.

    Returns:
        ``SETTLED``, or ``EXISTS`` if it was cancelled before.

    Raises:
        SettlementRefused: no such settlement, or it is a cancellation.
    """
    with store.begin() as connection:
        lock_for_posting(connection)
        return cancel_in(ledger, connection, setl_id, at=at, cancel_id=cancel_id, psn_no=psn_no)


def cancel_in(
    ledger: Ledger,
    connection: sa.Connection,
    setl_id: str,
    *,
    at: str,
    cancel_id: str | None = None,
    psn_no: str | None = None,
) -> SettleStatus:
    """What ``cancel`` does, in the caller's transaction, after ``lock_for_posting``."""
    cancel_id = cancel_id or f"{setl_id}/cancel"
    if not (is_id(cancel_id) and is_timestamp(at)):
        raise SettlementRefused(SettleStatus.MALFORMED, setl_id)
    found = find(connection, [setl_id, cancel_id])
    original = found.get(setl_id)
    if original is None or psn_no not in (None, original.psn_no):
        raise SettlementRefused(SettleStatus.UNKNOWN_SETTLEMENT, setl_id)
    if original.reverses is not None:
        raise SettlementRefused(SettleStatus.NOT_CANCELLABLE, setl_id)
    after = taken_from(connection, setl_id)
    if any(is_cancellation(row) for row in after):
        return SettleStatus.EXISTS
    if cancel_id in found:
        raise SettlementRefused(SettleStatus.EXISTS_DIFFERENT, cancel_id)
    taken = standing(original, after).negated()
    take(ledger, connection, original, taking_row(original, cancel_id, at, taken), f"cancel:{setl_id}", CANCELLED_CODE)
    return SettleStatus.SETTLED


def is_cancellation(row: Row) -> bool:
    """Whether a row that takes from a settlement takes all that is left of it: a refund keeps its bill."""
    return row.bill == ""


def standing(original: Row, after: Sequence[Row]) -> Split:
    """What is left of a settlement after what was taken from it."""
    left = original.split
    for row in after:
        left = combined(left, row.split, 1)
    return left


def combined(one: Split, other: Split, sign: int) -> Split:
    """``one + sign * other``, amount by amount and fund by fund, exact; the trace is of both."""
    amounts = {name: getattr(one, name) + sign * getattr(other, name) for name in AMOUNT_FIELDS}
    detail: dict[tuple[str, str, str], FundPay] = {}
    for pay, factor in [*((pay, 1) for pay in one.setldetail), *((pay, sign) for pay in other.setldetail)]:
        key = (pay.field, pay.fund_pay_type, pay.fund_pay_type_name)
        there = detail.get(key, pay._replace(inscp_scp_amt=0, fund_payamt=0))
        detail[key] = there._replace(
            inscp_scp_amt=there.inscp_scp_amt + factor * pay.inscp_scp_amt,
            fund_payamt=there.fund_payamt + factor * pay.fund_payamt,
        )
    steps = tuple(
        (field, sign * basis, ratio, sign * fen, rule, args) for field, basis, ratio, fen, rule, args in other.steps
    )
    return Split(
        **amounts,
        setldetail=tuple(pay for pay in detail.values() if pay.fund_payamt or pay.inscp_scp_amt),
        added=Accumulators(*(a + sign * b for a, b in zip(one.added, other.added, strict=True))),
        policy=one.policy,
        bucket=one.bucket,
        steps=one.steps + steps,
    )


def take(ledger: Ledger, connection: sa.Connection, original: Row, row: Row, transfer_id: str, code: str) -> None:
    """Post what a cancellation or refund moves, keep its row, and change the person's year.

    Raises:
        Refused: the ledger refuses; the caller's transaction must be given up.
    """
    taken, payers = row.split, original.payers
    hospital = hospital_account(original.hospital)
    transfers = []
    for part in PAID_PARTS:
        fen = getattr(taken, part)
        if fen:
            payer = _payer(part, payers)
            gives, gets = (hospital, payer) if fen < 0 else (payer, hospital)
            transfers.append(Transfer(f"{transfer_id}:{part}", gives, gets, abs(fen), code, row.at, original.card_no))
    post_all(ledger, connection, transfers)
    insert_many(connection, schema.settlement, COLUMNS, [row])
    years = Years().load(connection, [original.psn_no])
    years.add(year_key(original), taken.added)
    years.save(connection)


def year_key(row: Row) -> tuple[str, str, int, str]:
    """Which year and bucket a row counts in."""
    return row.psn_no, row.insutype, row.year, row.bucket or "-"


def post_all(ledger: Ledger, connection: sa.Connection, transfers: Sequence[Transfer]) -> None:
    """Post all, or raise ``Refused``; the caller's transaction must then be given up."""
    refused = [status for status in ledger.post_many(transfers, connection) if not status.is_settled]
    if refused:
        raise LedgerRefused(refused)


def _row(connection: sa.Connection, s: Settlement) -> Row | None:
    if not is_well_formed(s):
        return None
    return make_row(s, s.psn_no or person_of_card(connection, s.card_no))


def _known(connection: sa.Connection, batch: Sequence[Settlement], rows: Sequence[Row | None]) -> list[SettleStatus]:
    there = find(connection, [s.setl_id for s in batch])
    out = []
    for s, row in zip(batch, rows, strict=True):
        if s.setl_id in there:
            out.append(SettleStatus.EXISTS if there[s.setl_id] == row else SettleStatus.EXISTS_DIFFERENT)
        elif row is None:
            out.append(SettleStatus.MALFORMED)
        elif not adds_up(s.split):
            out.append(SettleStatus.TOTALS_DISAGREE)
        else:
            there[s.setl_id] = row
            out.append(SettleStatus.SETTLED)
    return out


def _open_accounts(ledger: Ledger, connection: sa.Connection, settlements: Sequence[Settlement]) -> None:
    if settlements:
        hospitals = sorted({hospital_account(s.hospital) for s in settlements})
        accounts = [*PAYERS.values(), *((name, AccountKind.HOSPITAL_PAYABLE) for name in hospitals)]
        if any(s.card_transfer for s in settlements):
            accounts.append((PURSE_FLOAT, AccountKind.PURSE_FLOAT))
        ledger.open_accounts(accounts, connection=connection)


def _payer(part: str, payers: Payers) -> str:
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
            yield Transfer(transfer_id, _payer(part, s.payers), hospital, fen, SETTLED_CODE, s.at, memo)


def _post_personal(
    ledger: Ledger, connection: sa.Connection, batch: Sequence[Settlement], statuses: list[SettleStatus]
) -> None:
    """One posting for each account that pays; what one bill's first account paid goes back if its second refuses."""
    transfers = [(i, t) for i, s in enumerate(batch) if not statuses[i] for t in _transfers(s, _OWN_PARTS)]
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

    def __init__(self, statuses: Sequence[TransferStatus], status: SettleStatus = SettleStatus.LEDGER_REFUSED) -> None:
        self.status = status
        super().__init__(
            f"the ledger refused {len(statuses)} postings, the first as {statuses[0].name}",
            step="medical.settle",
            term="医保结算",
            advice="check the bounds of the accounts, and whether the period is closed",
        )
