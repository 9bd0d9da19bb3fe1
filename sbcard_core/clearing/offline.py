"""Offline purse purchases (脱机消费清算): each line of a journal is paid to the merchant or held in suspense."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from sbcard_core.calendar import as_day
from sbcard_core.clearing.journal import Purchase, Unreadable, digest, read_journal
from sbcard_core.clearing.keys import AnyVersion, KeyVersions
from sbcard_core.clearing.suspense import PURSE_FLOAT, SUSPENSE, SuspenseState, merchant_account, purchase_id, reason_of
from sbcard_core.clearing.verdict import ClearingStatus, PurchaseCheck, Slot
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.tac import TacStatus
from sbcard_core.eligibility import Eligibility
from sbcard_core.errors import Refused
from sbcard_core.ledger import AccountKind, Ledger, Transfer, TransferStatus, lock_for_posting, timestamp
from sbcard_core.messages import message
from sbcard_core.store import Store, insert_many, schema, update_many
from sbcard_core.values import Severity, yuan

STAGE: Final = "clearing"
CHUNK_LINES: Final = 5000
"""How many lines are held in memory at once."""
CLEARED_CODE: Final = "purse.purchase"
SUSPENDED_CODE: Final = "purse.suspended"

_PURCHASE_COLUMNS: Final = (
    *("source", "line", "card_no", "offline_no", "amount_fen", "at", "status", "terminal_no"),
    "terminal_txn_no",
)
_SLOT_COLUMNS: Final = _PURCHASE_COLUMNS[-2:]
_FINDING_COLUMNS: Final = ("stage", "code", "source", "line", "field", "severity", "amount_fen", "detail")
_SUSPENSE_COLUMNS: Final = ("terminal_no", "terminal_txn_no", "card_no", "offline_no", "at", "status", "state")
_LINE_COLUMNS: Final = ("amount_fen", "source", "line")
_VERDICT_COLUMNS: Final = ("source", "line", "number", "status", "decided_on", "reason")
_TAKEN: Final = frozenset({TransferStatus.EXISTS, TransferStatus.EXISTS_DIFFERENT})
"""The purchase was posted before under its number: by another journal, or with the bill it paid."""


class ClearingRefused(Refused):
    """The ledger refused a posting of a journal; nothing of that journal was cleared."""


@dataclass(slots=True)
class JournalReport:
    """What became of one journal. ``cleared_fen + suspended_fen`` is everything it claims that can be read.

    Attributes:
        source: name under which its rows and findings are stored: the first 16 digits of its SHA-256, ``:``, file name.
        repeated: the same contents were read before. Nothing was done now and all counts are 0; or, with a reason to
            check again, they are of the lines that still lay in suspense.
        statuses: lines by what became of them.
    """

    source: str
    repeated: bool = False
    cleared_fen: int = 0
    suspended_fen: int = 0
    statuses: Counter[ClearingStatus] = field(default_factory=Counter)

    @property
    def lines(self) -> int:
        """Lines checked, the header not counted."""
        return self.statuses.total()

    @property
    def cleared(self) -> int:
        """Lines paid to a merchant."""
        return self.statuses[ClearingStatus.CLEARED]

    @property
    def suspended(self) -> int:
        """Lines with a finding, their amounts in suspense."""
        return self.lines - self.cleared


def clear_journal(
    store: Store,
    ledger: Ledger,
    path: Path,
    keys: MasterKeys | KeyVersions,
    *,
    on: date,
    eligibility: Eligibility | None = None,
    again: str = "",
) -> JournalReport:
    """Clear one journal in one transaction: all of it or nothing.

    A line with a good TAC moves its amount from ``PURSE_FLOAT`` to the terminal's merchant account. Any other line
    moves it to ``SUSPENSE`` and leaves a finding; :mod:`.suspense` lists it, and two officers release or return it. A
    serial number is taken only by a record with a good TAC: a forged or damaged line never shuts out the real one
    that arrives later.

    Args:
        store: the database.
        ledger: the books over the same database.
        path: journal file, see ``clearing.journal``.
        keys: holder of the DTK master key, or its versions by day.
        on: day of clearing; the business time of what goes to suspense or comes from it, and of purchases whose own
            period is closed.
        eligibility: whether a card could be used on the day of the purchase; default by the registry.
        again: why lines of this journal that lie in suspense are checked once more, e.g. that the key was wrong. Every
            verdict is kept. A journal that was not read before is cleared as always.

    Returns:
        The report. Reading the same contents again, under any name, says ``repeated``, and does nothing without
        ``again``.

    Raises:
        JournalRefused: not a journal.
        InvalidValue: ``again`` cannot be printed.
        ClearingRefused: the ledger refused a posting (an account at its bound).
    """
    on = as_day(on)
    sha256 = digest(path)
    report = JournalReport(f"{sha256[:16]}:{path.name}")
    versions = keys if isinstance(keys, KeyVersions) else AnyVersion(keys)
    reason = reason_of(again) if again else ""
    with store.begin() as connection:
        lock_for_posting(connection)
        earlier = _earlier(connection, sha256[:16])
        if earlier is not None:
            report.source, report.repeated = earlier, True
            if not reason:
                return report
        ledger.open_accounts(
            [(PURSE_FLOAT, AccountKind.PURSE_FLOAT), (SUSPENSE, AccountKind.SUSPENSE)], connection=connection
        )
        check = PurchaseCheck(connection, versions, Eligibility() if eligibility is None else eligibility, on)
        run = (_First if earlier is None else _Again)(connection, ledger, check, report, on, reason)
        lines = read_journal(path)
        while chunk := list(islice(lines, CHUNK_LINES)):
            run.clear(chunk)
    return report


def _earlier(connection: sa.Connection, prefix: str) -> str | None:
    """The name under which lines of a file with these contents are there."""
    first, last = f"{prefix}:", f"{prefix};"  # ';' follows ':', so this is a range of the index
    for source in (schema.offline_purchase.c.source, schema.clearing_suspense.c.source):
        found = connection.execute(sa.select(source).where(source >= first, source < last).limit(1)).scalar()
        if found is not None:
            return str(found)
    return None


Line = Purchase | Unreadable


@dataclass(frozen=True, slots=True)
class _Run:
    """One journal inside one transaction."""

    connection: sa.Connection
    ledger: Ledger
    check: PurchaseCheck
    report: JournalReport
    on: date
    reason: str

    def post(self, transfers: Sequence[Transfer]) -> list[TransferStatus]:
        """Post; the merchants' accounts are opened.

        Raises:
            ClearingRefused: a status that is neither settled, nor taken, nor of a closed period.
        """
        merchants = {t.credit_account for t in transfers} - {SUSPENSE}
        accounts = [(name, AccountKind.MERCHANT_PAYABLE) for name in sorted(merchants)]
        self.ledger.open_accounts(accounts, connection=self.connection)
        statuses = [TransferStatus(status) for status in self.ledger.post_many(transfers, self.connection)]
        may_be = _TAKEN | {TransferStatus.POSTED, TransferStatus.PERIOD_CLOSED}
        self.refuse([status for status in statuses if status not in may_be])
        return statuses

    def refuse(self, refused: Sequence[TransferStatus]) -> None:
        """Raise if there is a refusal; the transaction is given up."""
        if refused:
            found = message("clearing.postings", count=len(refused), status=refused[0].name)
            raise ClearingRefused(found, step="clearing.clear_journal", term="脱机消费清算")

    def pay(self, p: Purchase, payer: str, at: str) -> Transfer:
        """What a line with a good TAC moves."""
        merchant = merchant_account(p.terminal_no)
        number = purchase_id(p.terminal_no, p.terminal_txn_no)
        return Transfer(number, payer, merchant, p.amount_fen, CLEARED_CODE, at, p.card_no)

    def count(self, checked: Sequence[tuple[Line, ClearingStatus]]) -> None:
        """Put what became of lines into the report."""
        for line, status in checked:
            self.report.statuses[status] += 1
            if status is ClearingStatus.CLEARED:
                self.report.cleared_fen += line.amount_fen
            else:
                self.report.suspended_fen += line.amount_fen

    def store_purchases(self, checked: Sequence[tuple[Line, ClearingStatus]], taken: Mapping[Slot, int]) -> None:
        """Keep one record per serial number: the cleared one, else the first that came."""
        new: dict[Slot, tuple[object, ...]] = {}
        better: list[tuple[object, ...]] = []
        for p, status in checked:
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

    def store_verdicts(self, rows: Sequence[tuple[int, int, ClearingStatus]]) -> None:
        """Keep verdicts: line, number, status."""
        day, source = self.on.isoformat(), self.report.source
        insert_many(
            self.connection,
            schema.clearing_verdict,
            _VERDICT_COLUMNS,
            [(source, line, number, int(status), day, self.reason) for line, number, status in rows],
        )


class _First(_Run):
    """A journal that was not read before."""

    __slots__ = ()

    def clear(self, lines: Sequence[Line]) -> None:
        taken = self.check.taken(lines)
        statuses = self._post(lines, self.check.statuses(lines, taken))
        checked = list(zip(lines, statuses, strict=True))
        self.count(checked)
        self.store_purchases(checked, taken)
        self._store_suspended([(line, status) for line, status in checked if status is not ClearingStatus.CLEARED])

    def _post(self, lines: Sequence[Line], statuses: list[ClearingStatus]) -> list[ClearingStatus]:
        """Move each line's amount; a purchase that was posted before turns out to be a duplicate."""
        transfers = {
            place: self.pay(line, PURSE_FLOAT, _iso(line.at))
            if isinstance(line, Purchase) and statuses[place] is ClearingStatus.CLEARED
            else self._suspend(line)
            for place, line in enumerate(lines)
            if line.amount_fen
        }
        late = {}
        for place, became in zip(transfers, self.post(list(transfers.values())), strict=True):
            if became in _TAKEN:
                statuses[place] = ClearingStatus.DUPLICATE
                late[place] = self._suspend(lines[place])
            elif became is TransferStatus.PERIOD_CLOSED:
                late[place] = replace(transfers[place], at=timestamp(self.on))
        again = self.post(list(late.values()))
        self.refuse([status for status in again if status is not TransferStatus.POSTED])
        return statuses

    def _suspend(self, line: Line) -> Transfer:
        source = self.report.source
        transfer_id = f"suspense:{source[:16]}:{line.line}"
        at = timestamp(self.on)
        return Transfer(transfer_id, PURSE_FLOAT, SUSPENSE, line.amount_fen, SUSPENDED_CODE, at, source)

    def _store_suspended(self, checked: Sequence[tuple[Line, ClearingStatus]]) -> None:
        source, held = self.report.source, int(SuspenseState.HELD)
        rows = [(*_read_of(line), int(status), held, line.amount_fen, source, line.line) for line, status in checked]
        insert_many(self.connection, schema.clearing_suspense, (*_SUSPENSE_COLUMNS, *_LINE_COLUMNS), rows)
        self.store_verdicts([(line.line, 1, status) for line, status in checked])
        findings = [
            (
                STAGE,
                status.code,
                source,
                line.line,
                "",
                int(Severity.ERROR),
                line.amount_fen,
                self._detail(line, status),
            )
            for line, status in checked
        ]
        insert_many(self.connection, schema.finding, _FINDING_COLUMNS, findings)

    def _detail(self, line: Line, status: ClearingStatus) -> str:
        why = f"({self.check.reasons[line.line].zh})" if status is ClearingStatus.NOT_ELIGIBLE else ""
        read = {"line": line.line, "what": f"{status.message.zh}{why}", "amount": yuan(line.amount_fen)}
        if isinstance(line, Purchase):
            return message("clearing.held", **read, terminal=line.terminal_no, number=line.terminal_txn_no).zh
        return message("clearing.held_unread" if line.amount_fen else "clearing.held_nothing", **read).zh


class _Again(_Run):
    """A journal that was read before: what still lies in suspense is checked once more."""

    __slots__ = ()

    def clear(self, lines: Sequence[Line]) -> None:
        verdicts = self._verdicts(lines)
        held = [line for line in lines if line.line in verdicts]
        if not held:
            return
        taken = self.check.taken(held)
        statuses = self.check.statuses(held, taken)
        good = {
            place: self.pay(line, SUSPENSE, timestamp(self.on))
            for place, line in enumerate(held)
            if isinstance(line, Purchase) and statuses[place] is ClearingStatus.CLEARED
        }
        for place, became in zip(good, self.post(list(good.values())), strict=True):
            self.refuse([became] if became is TransferStatus.PERIOD_CLOSED else [])
            if became in _TAKEN:
                statuses[place] = ClearingStatus.DUPLICATE
        checked = list(zip(held, statuses, strict=True))
        self.count(checked)
        self.store_purchases(checked, taken)
        self.store_verdicts([(line.line, verdicts[line.line] + 1, status) for line, status in checked])
        states = {True: int(SuspenseState.CLEARED), False: int(SuspenseState.HELD)}
        rows = [
            (*_read_of(line), int(status), states[status is ClearingStatus.CLEARED], self.report.source, line.line)
            for line, status in checked
        ]
        update_many(self.connection, schema.clearing_suspense, _SUSPENSE_COLUMNS, ("source", "line"), rows)

    def _verdicts(self, lines: Sequence[Line]) -> dict[int, int]:
        """How many verdicts each line in suspense has, by line."""
        held, verdict = schema.clearing_suspense.c, schema.clearing_verdict.c
        query = (
            sa.select(held.line, sa.func.count())
            .join_from(
                schema.clearing_suspense,
                schema.clearing_verdict,
                sa.and_(verdict.source == held.source, verdict.line == held.line),
            )
            .where(held.source == self.report.source, held.line.between(lines[0].line, lines[-1].line))
            .where(held.state == int(SuspenseState.HELD))
            .group_by(held.line)
        )
        return {row[0]: row[1] for row in self.connection.execute(query)}


def _read_of(line: Line) -> tuple[str, int, str, int, str]:
    """What a line names, for the columns from ``terminal_no`` to ``at``; nothing where it cannot be read."""
    if isinstance(line, Unreadable):
        return "", 0, "", 0, ""
    return line.terminal_no, line.terminal_txn_no, line.card_no, line.offline_no, _iso(line.at)


def _iso(at: str) -> str:
    return f"{at[:4]}-{at[4:6]}-{at[6:8]}T{at[8:10]}:{at[10:12]}:{at[12:]}"
