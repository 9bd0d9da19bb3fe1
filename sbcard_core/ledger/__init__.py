"""The ledger room: double entry in integer fen, immutable, idempotent by the caller's id (总账)."""

from sbcard_core.ledger.accounts import DEFAULT_BOUNDS, AccountKind, Balance, Bounds, Discrepancy
from sbcard_core.ledger.book import Ledger, UnknownAccount
from sbcard_core.ledger.group import GroupCommitter
from sbcard_core.ledger.history import Entry
from sbcard_core.ledger.periods import ClosedPeriod, ImportReport
from sbcard_core.ledger.posting import HoldState
from sbcard_core.ledger.rows import lock_for_posting
from sbcard_core.ledger.transfers import (
    Outcome,
    Transfer,
    TransferFlag,
    TransferRefused,
    TransferStatus,
    is_id,
    is_timestamp,
    malformed_fields,
    timestamp,
)

__all__ = [
    "DEFAULT_BOUNDS",
    "AccountKind",
    "Balance",
    "Bounds",
    "ClosedPeriod",
    "Discrepancy",
    "Entry",
    "GroupCommitter",
    "HoldState",
    "ImportReport",
    "Ledger",
    "Outcome",
    "Transfer",
    "TransferFlag",
    "TransferRefused",
    "TransferStatus",
    "UnknownAccount",
    "is_id",
    "is_timestamp",
    "lock_for_posting",
    "malformed_fields",
    "timestamp",
]
