"""Clearing: offline purse journals into postings, suspense, and reconciliation with a partner (清算与对账)."""

from sbcard_core.clearing.journal import COLUMNS, JournalRefused, Purchase, Unreadable, read_journal, write_journal
from sbcard_core.clearing.keys import KeyVersion, KeyVersions
from sbcard_core.clearing.offline import ClearingRefused, JournalReport, clear_journal
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
from sbcard_core.clearing.suspense import (
    Exit,
    Held,
    LineVerdict,
    SuspenseRefused,
    SuspenseState,
    act_of,
    held,
    leave_suspense,
    merchant_account,
    verdicts,
    verdicts_many,
)
from sbcard_core.clearing.verdict import ClearingStatus

__all__ = [
    "COLUMNS",
    "ClearingRefused",
    "ClearingStatus",
    "Difference",
    "DifferenceKind",
    "Entry",
    "Exit",
    "Held",
    "JournalRefused",
    "JournalReport",
    "KeyVersion",
    "KeyVersions",
    "LineVerdict",
    "Purchase",
    "StatementRefused",
    "SuspenseRefused",
    "SuspenseState",
    "Unreadable",
    "act_of",
    "clear_journal",
    "held",
    "leave_suspense",
    "merchant_account",
    "read_journal",
    "read_statement",
    "reconcile",
    "record_differences",
    "verdicts",
    "verdicts_many",
    "write_journal",
    "write_statement",
]
