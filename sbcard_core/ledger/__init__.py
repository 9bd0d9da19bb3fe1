"""The ledger room: double entry in integer fen, immutable, idempotent by the caller's id (总账)."""

from sbcard_core.ledger.accounts import DEFAULT_BOUNDS, AccountKind, Balance, Bounds, Discrepancy
from sbcard_core.ledger.book import Ledger, UnknownAccount, lock_for_posting
from sbcard_core.ledger.transfers import Transfer, TransferRefused, TransferStatus, is_id, is_timestamp, timestamp

__all__ = [
    "DEFAULT_BOUNDS",
    "AccountKind",
    "Balance",
    "Bounds",
    "Discrepancy",
    "Ledger",
    "Transfer",
    "TransferRefused",
    "TransferStatus",
    "UnknownAccount",
    "is_id",
    "is_timestamp",
    "lock_for_posting",
    "timestamp",
]
