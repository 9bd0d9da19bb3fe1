"""What a roll line and a sent line are, and how both are written down."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import sqlalchemy as sa

from sbcard_core.errors import Refused
from sbcard_core.ledger import AccountKind, Ledger, Transfer, TransferStatus
from sbcard_core.store import Store, insert_many, schema
from sbcard_core.values import Severity

STAGE = "payout"
SUSPENSE = "SUSPENSE"
"""Account that holds the amounts whose fate is unknown."""


class LineState(IntEnum):
    """What became of one sent line. Own codes."""

    SENT = 10
    """At the bank, not answered."""
    PAID = 20
    RETURNED = 21
    """支付退票: confirmed as not paid; its money stays payable until it is paid again."""
    REPAID = 22
    """Returned, and sent again as another line, which names this one."""
    UNKNOWN = 30
    """The answer is missing, unreadable or contradictory: in suspense, never paid again without a decision."""


class FundsShort(Refused):
    """The fund does not hold what a batch needs; batches written before stay valid, this one was not made."""


@dataclass(frozen=True, slots=True)
class Books:
    """The database and its ledger: every step writes to both in one transaction."""

    store: Store
    ledger: Ledger


@dataclass(frozen=True, slots=True)
class RollLine:
    """One person on the roll (发放名册)."""

    id_number: str = field(repr=False)
    name: str = field(repr=False)
    amount_fen: int


@dataclass(frozen=True, slots=True)
class PayoutFinding:
    """One thing found: ``line`` of the roll or file (0 = none), ``amount_fen`` it put in suspense."""

    line: int
    code: str
    detail: str
    amount_fen: int = 0


_COLUMNS = ("stage", "code", "source", "line", "field", "severity", "disposition", "amount_fen", "detail")


def record(connection: sa.Connection, source: str, findings: Iterable[PayoutFinding]) -> int:
    """Store findings of one source and return how many."""
    error = int(Severity.ERROR)
    rows = ((STAGE, f.code, source, f.line, "", error, None, f.amount_fen, f.detail) for f in findings)
    return insert_many(connection, schema.finding, _COLUMNS, rows)


def payable_account(batch_no: str) -> str:
    """The account in which the money of one batch is blocked."""
    return f"PAYOUT_PAYABLE:{batch_no}"


def clearing_account(bank: str) -> str:
    """The account through which one bank is paid."""
    return f"BANK_CLEARING:{bank}"


def post(ledger: Ledger, connection: sa.Connection, transfers: Sequence[Transfer]) -> None:
    """Post transfers that must all settle; ids are made of batch and line, so a repeated step moves nothing.

    Raises:
        FundsShort: the debited account may not fall that low.
        Refused: any other status: the books contradict the batch.
    """
    for transfer, status in zip(transfers, ledger.post_many(transfers, connection), strict=True):
        if status is TransferStatus.INSUFFICIENT:
            what = f"account {transfer.debit_account} does not hold {transfer.amount_fen} fen"
            raise FundsShort(what, step="payout", term="资金不足", advice="fund the account and run it again")
        if not status.is_settled:
            what = f"transfer {transfer.transfer_id} was refused: {status.name}"
            raise Refused(what, step="payout", term="记账", advice="check the ledger before anything is sent")


def open_for_batch(ledger: Ledger, connection: sa.Connection, batch_no: str, bank: str) -> None:
    """Open the accounts one batch needs."""
    ledger.open_accounts(
        [
            (payable_account(batch_no), AccountKind.PAYOUT_PAYABLE),
            (clearing_account(bank), AccountKind.BANK_CLEARING),
            (SUSPENSE, AccountKind.SUSPENSE),
        ],
        connection=connection,
    )
