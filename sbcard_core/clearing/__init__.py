"""The clearing room: offline purse journals into postings, and reconciliation with a partner (清算与对账)."""

from sbcard_core.clearing.journal import COLUMNS, JournalRefused, Purchase, Unreadable, read_journal, write_journal
from sbcard_core.clearing.offline import ClearingRefused, JournalReport, clear_journal, merchant_account
from sbcard_core.clearing.reconcile import (
    Difference,
    DifferenceKind,
    Entry,
    StatementRefused,
    read_statement,
    reconcile,
    record_differences,
    write_statement,
)
from sbcard_core.clearing.verdict import ClearingStatus

__all__ = [
    "COLUMNS",
    "ClearingRefused",
    "ClearingStatus",
    "Difference",
    "DifferenceKind",
    "Entry",
    "JournalRefused",
    "JournalReport",
    "Purchase",
    "StatementRefused",
    "Unreadable",
    "clear_journal",
    "merchant_account",
    "read_journal",
    "read_statement",
    "reconcile",
    "record_differences",
    "write_journal",
    "write_statement",
]
