"""Offline purse purchases (脱机消费清算): each line of a journal is paid to the merchant or held in suspense."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from sbcard_core.clearing.journal import Purchase, Unreadable, digest, read_journal, write_journal
from sbcard_core.clearing.verdict import ClearingStatus, Judge, Slot
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.tac import TacStatus
from sbcard_core.errors import Refused
from sbcard_core.ledger import AccountKind, Ledger, Transfer, lock_for_posting, timestamp
from sbcard_core.store import Store, insert_many, schema, update_many
from sbcard_core.values import Severity, yuan

__all__ = ["CLEARED_CODE", "SUSPENDED_CODE", "JournalReport", "clear_journal", "merchant_account", "write_journal"]

STAGE: Final = "clearing"
CHUNK_LINES: Final = 5000
"""How many lines are held in memory at once."""
PURSE_FLOAT: Final = "PURSE_FLOAT"
"""Account that stands for all money on purses (电子钱包备付金)."""
SUSPENSE: Final = "SUSPENSE"
CLEARED_CODE: Final = "purse.purchase"
SUSPENDED_CODE: Final = "purse.suspended"

_PURCHASE_COLUMNS: Final = (
    "source",
    "line",
    "card_no",
    "offline_no",
    "amount_fen",
    "at",
    "status",
    "terminal_no",
    "terminal_txn_no",
)
_SLOT_COLUMNS: Final = _PURCHASE_COLUMNS[-2:]
_FINDING_COLUMNS: Final = ("stage", "code", "source", "line", "field", "severity", "amount_fen", "detail")


class ClearingRefused(Refused):
    """The ledger refused a posting of a journal; nothing of that journal was cleared."""


@dataclass(slots=True)
class JournalReport:
    """What became of one journal. ``cleared_fen + suspended_fen`` is everything it claims that can be read.

    Attributes:
        source: name under which its rows and findings are stored: the first 16 digits of its SHA-256, ``:``, file name.
        repeated: the same contents were cleared before; nothing was done now, and all counts are 0.
        statuses: lines by what became of them.
    """

    source: str
    repeated: bool = False
    cleared_fen: int = 0
    suspended_fen: int = 0
    statuses: Counter[ClearingStatus] = field(default_factory=Counter)

    @property
    def lines(self) -> int:
        """Lines read, the header not counted."""
        return self.statuses.total()

    @property
    def cleared(self) -> int:
        """Lines paid to a merchant."""
        return self.statuses[ClearingStatus.CLEARED]

    @property
    def suspended(self) -> int:
        """Lines with a finding, their amounts in suspense."""
        return self.lines - self.cleared


def merchant_account(terminal_no: str) -> str:
    """Account id of what is owed to the merchant at one terminal.

    Example:
        >>> merchant_account("001122334455")
        'MERCHANT_PAYABLE:001122334455'
    """
    return f"MERCHANT_PAYABLE:{terminal_no}"


def clear_journal(store: Store, ledger: Ledger, path: Path, keys: MasterKeys, *, on: date) -> JournalReport:
    """Clear one journal in one transaction: all of it or nothing.

    A line with a good TAC moves its amount from ``PURSE_FLOAT`` to the
    terminal's merchant account. Any other line moves it to ``SUSPENSE`` and
    leaves a finding; a clerk releases it. A serial number is taken only by a
    record with a good TAC: a forged or damaged line never shuts out the real
    one that arrives later.

    Args:
        store: the database.
        ledger: the books over the same database.
        path: journal file, see ``clearing.journal``.
        keys: holder of the DTK master key.
        on: day of clearing; the business time of what goes to suspense.

    Returns:
        The report. Reading the same contents again, under any name, does nothing and says ``repeated``.

    Raises:
        JournalRefused: not a journal.
        ClearingRefused: the ledger refused a posting (an account at its bound).
    """
    sha256 = digest(path)
    report = JournalReport(f"{sha256[:16]}:{path.name}")
    with store.begin() as connection:
        lock_for_posting(connection)
        if _was_read(connection, sha256[:16]):
            report.repeated = True
            return report
        ledger.open_accounts(
            [(PURSE_FLOAT, AccountKind.PURSE_FLOAT), (SUSPENSE, AccountKind.SUSPENSE)], connection=connection
        )
        run = _Run(connection, ledger, Judge(connection, keys), report, timestamp(on))
        lines = read_journal(path)
        while chunk := list(islice(lines, CHUNK_LINES)):
            run.clear(chunk)
    return report


def _was_read(connection: sa.Connection, prefix: str) -> bool:
    """Whether rows or findings of a file with these contents are there, under any file name."""
    first, last = f"{prefix}:", f"{prefix};"  # ';' follows ':', so this is a range of the index
    purchase, finding = schema.offline_purchase.c, schema.finding.c
    there = sa.select(sa.literal(1))
    queries = (
        there.where(purchase.source >= first, purchase.source < last),
        there.where(finding.stage == STAGE, finding.source >= first, finding.source < last),
    )
    return any(connection.execute(query.limit(1)).first() is not None for query in queries)


Line = Purchase | Unreadable


@dataclass(frozen=True, slots=True)
class _Run:
    """One journal being cleared inside one transaction."""

    connection: sa.Connection
    ledger: Ledger
    judge: Judge
    report: JournalReport
    at: str

    def clear(self, lines: Sequence[Line]) -> None:
        taken = self.judge.taken(lines)
        statuses = self.judge.statuses(lines, taken)
        self.report.statuses.update(statuses)
        judged = list(zip(lines, statuses, strict=True))
        self._post(judged)
        self._store_purchases(judged, taken)
        self._store_findings(judged)

    def _post(self, judged: Sequence[tuple[Line, ClearingStatus]]) -> None:
        transfers = []
        merchants = set()
        for line, status in judged:
            if isinstance(line, Purchase) and status is ClearingStatus.CLEARED:
                merchants.add(merchant_account(line.terminal_no))
                transfers.append(_pay(line))
                self.report.cleared_fen += line.amount_fen
            elif line.amount_fen:
                transfers.append(self._suspend(line))
                self.report.suspended_fen += line.amount_fen
        accounts = [(name, AccountKind.MERCHANT_PAYABLE) for name in sorted(merchants)]
        self.ledger.open_accounts(accounts, connection=self.connection)
        refused = [status for status in self.ledger.post_many(transfers, self.connection) if not status.is_settled]
        if refused:
            raise ClearingRefused(
                f"{len(refused)} postings refused, the first as {refused[0].name}",
                step="clearing.clear_journal",
                term="脱机消费清算",
                advice="check the bounds of PURSE_FLOAT and of the merchant accounts, then read the journal again",
            )

    def _suspend(self, line: Line) -> Transfer:
        source = self.report.source
        transfer_id = f"suspense:{source[:16]}:{line.line}"
        return Transfer(transfer_id, PURSE_FLOAT, SUSPENSE, line.amount_fen, SUSPENDED_CODE, self.at, source)

    def _store_purchases(self, judged: Sequence[tuple[Line, ClearingStatus]], taken: Mapping[Slot, int]) -> None:
        """Keep one record per serial number: the cleared one, else the first that came."""
        new: dict[Slot, tuple[object, ...]] = {}
        better: list[tuple[object, ...]] = []
        for p, status in judged:
            if not isinstance(p, Purchase):
                continue
            slot = (p.terminal_no, p.terminal_txn_no)
            good = status is ClearingStatus.CLEARED
            mark = TacStatus.VERIFIED if good else TacStatus.MISMATCH
            row = (self.report.source, p.line, p.card_no, p.offline_no, p.amount_fen, _iso(p.at), int(mark), *slot)
            if good and slot in taken:
                better.append(row)
            elif good or (slot not in taken and slot not in new):
                new[slot] = row
        insert_many(self.connection, schema.offline_purchase, _PURCHASE_COLUMNS, new.values())
        update_many(self.connection, schema.offline_purchase, _PURCHASE_COLUMNS[:-2], _SLOT_COLUMNS, better)

    def _store_findings(self, judged: Sequence[tuple[Line, ClearingStatus]]) -> None:
        source = self.report.source
        rows = [
            (STAGE, status.code, source, line.line, "", int(Severity.ERROR), line.amount_fen, _detail(line, status))
            for line, status in judged
            if status is not ClearingStatus.CLEARED
        ]
        insert_many(self.connection, schema.finding, _FINDING_COLUMNS, rows)


def _pay(p: Purchase) -> Transfer:
    transfer_id = f"purchase:{p.terminal_no}:{p.terminal_txn_no}"
    merchant = merchant_account(p.terminal_no)
    return Transfer(transfer_id, PURSE_FLOAT, merchant, p.amount_fen, CLEARED_CODE, _iso(p.at), p.card_no)


def _iso(at: str) -> str:
    return f"{at[:4]}-{at[4:6]}-{at[6:8]}T{at[8:10]}:{at[10:12]}:{at[12:]}"


def _detail(line: Line, status: ClearingStatus) -> str:
    held = f",{yuan(line.amount_fen)}元转入挂账" if line.amount_fen else ",金额不可读"
    where = f",终端{line.terminal_no}第{line.terminal_txn_no}笔" if isinstance(line, Purchase) else ""
    return f"第{line.line}行{status.zh}{where}{held}"
