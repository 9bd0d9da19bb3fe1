"""One posting transaction: what it has read of the books, and what it writes back."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from sbcard_core.ledger.accounts import Bounds
from sbcard_core.ledger.columns import Columns, add, fields_pass, move_while_passing, sums_if_all_pass, take_back
from sbcard_core.ledger.posting import PENDING, AccountState, Hold, HoldState, Page, judge_all
from sbcard_core.ledger.rows import Rows, chunks, hold_of, transfer_row
from sbcard_core.ledger.transfers import Transfer, TransferStatus, is_id, is_storable

BULK_FROM: Final = 32
"""Chunks smaller than this are judged one by one at once."""
NUMPY_FROM: Final = 2000
"""Smaller column chunks are followed one by one."""
FALLBACK_TRANSFERS: Final = 5000
"""How many transfers of a column chunk are judged at once."""

Nets = list[tuple[int | None, int | None]]
KEPT_ACCOUNTS: Final = 100_000
"""Most accounts that a connection keeps between its transactions."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a connection has read of the books and may use again, where nobody has written since."""

    mark: tuple[int, int]
    bounds_of: Callable[[str], Bounds]
    accounts: dict[str, AccountState]
    closed_periods: frozenset[str]


class Session:
    """Judges batches one after the other within one locked transaction; ``finish`` writes the balances.

    Args:
        rows: the rows of the transaction.
        bounds_of: the bounds of a kind of account.
        kept: what the last session of this connection left; it must not be used by another.
    """

    def __init__(self, rows: Rows, bounds_of: Callable[[str], Bounds], kept: Kept | None = None) -> None:
        self.rows = rows
        self.page = Page()
        self._bounds_of = bounds_of
        self._used: set[str] = set()
        rows.lock()
        if kept is not None and kept.bounds_of == bounds_of and kept.mark == rows.mark():
            self.page.accounts, self.page.closed_periods = kept.accounts, kept.closed_periods
        else:
            self.page.closed_periods = rows.closed_periods()

    def kept(self) -> Kept | None:
        """What the next session of this connection may use, if this one is committed; this one is over."""
        mark = self.rows.mark()
        if mark is None or len(self.page.accounts) > KEPT_ACCOUNTS:
            return None
        return Kept(mark, self._bounds_of, self.page.accounts, self.page.closed_periods)

    def load(self, transfers: Sequence[Transfer]) -> None:
        """Read what ``transfers`` need and the page does not have."""
        page = self.page
        ids = [t.transfer_id for t in transfers if is_id(t.transfer_id) and t.transfer_id not in page.posted]
        for row in self.rows.transfers(ids):
            page.posted[row[0]] = Transfer(*row)
        pending = {t.pending_id for t in transfers if t.pending_id and is_id(t.pending_id)} - page.holds.keys()
        for row in self.rows.holds(list(pending)):
            page.holds[row[0]] = hold_of(row)
        sides = chain.from_iterable((t.debit_account, t.credit_account) for t in transfers)
        self.load_accounts({name for name in sides if is_id(name)})
        held = (page.holds[name].transfer for name in pending if name in page.holds)
        self.load_accounts({name for t in held for name in (t.debit_account, t.credit_account)})

    def load_accounts(self, names: set[str]) -> None:
        """Read the accounts not read yet."""
        accounts, bounds_of = self.page.accounts, self._bounds_of
        self._used |= names
        known: dict[str, Bounds] = {}
        for name, kind, d, c, dp, cp, place in self.rows.accounts([name for name in names if name not in accounts]):
            if kind not in known:
                known[kind] = bounds_of(kind)
            accounts[name] = AccountState(known[kind], d, c, dp, cp, False, place)

    def judge(self, transfers: Sequence[Transfer], nets: Nets | None = None) -> list[TransferStatus]:
        """Judge a batch whose needs are loaded."""
        return judge_all(transfers, self.page, nets)

    def post(self, chunk: Sequence[Transfer], nets: Nets | None = None) -> list[TransferStatus]:
        """Judge and write a chunk; plain ones that all pass go the short way."""
        if nets is None and len(chunk) >= BULK_FROM:
            columns = Columns.of(chunk)
            if columns is not None and self._post_columns(columns):
                return [TransferStatus.POSTED] * len(chunk)
        self.load(chunk)
        statuses = self.judge(chunk, nets)
        self.flush()
        return statuses

    def post_columns(self, columns: Columns) -> list[TransferStatus]:
        """Judge and write a chunk given by column."""
        if self._post_columns(columns):
            return [TransferStatus.POSTED] * len(columns.ids)
        statuses = []
        for chunk in chunks(columns.transfers(), FALLBACK_TRANSFERS):
            self.load(chunk)
            statuses += self.judge(chunk)
            self.flush()
        return statuses

    def _post_columns(self, columns: Columns) -> bool:
        """Write the chunk if it is certain that all of it passes."""
        ids = columns.ids
        if not fields_pass(columns, self.page) or self.rows.transfers([ids[0], ids[len(ids) // 2], ids[-1]]):
            return False
        try:
            names = {*columns.debits, *columns.credits}
        except TypeError:  # one cannot be looked up at all: the rules say which
            return False
        if set(map(type, names)) != {str} or not is_storable("".join(names)):
            return False
        self.load_accounts(names)
        if len(ids) < NUMPY_FROM:
            return self._post_few(columns)
        sums = sums_if_all_pass(columns, self.page)
        if sums is None or not self.rows.insert_new(columns.rows()):
            return False
        add(sums)
        return True

    def _post_few(self, columns: Columns) -> bool:
        passed = move_while_passing(columns, self.page)
        if passed == len(columns.ids) and self.rows.insert_new(columns.rows()):
            return True
        take_back(columns, self.page, passed)
        return False

    def flush(self) -> None:
        """Write the new transfers and the holds; forget the transfers."""
        page = self.page
        if page.new:
            self.rows.insert_transfers([transfer_row(t) for t in page.new])
            fresh = [page.holds[t.transfer_id] for t in page.new if t.flags & PENDING]
            self.rows.insert_holds([_hold_row(hold) for hold in fresh])
            self.rows.close_holds([(int(h.state), h.closed_at, h.transfer.transfer_id) for h in page.closed])
        page.new, page.closed, page.posted = [], [], {}

    def expire(self, now: str) -> int:
        """Release every hold that ended by ``now``; say how many."""
        count = 0
        while found := [hold_of(row) for row in self.rows.expired(now)]:
            sides = {name for h in found for name in (h.transfer.debit_account, h.transfer.credit_account)}
            self.load_accounts(sides)
            for hold in found:
                debit = self.page.accounts[hold.transfer.debit_account]
                credit = self.page.accounts[hold.transfer.credit_account]
                debit.debits_pending_fen -= hold.transfer.amount_fen
                credit.credits_pending_fen -= hold.transfer.amount_fen
                debit.touched = credit.touched = True
            self.rows.close_holds([(int(HoldState.EXPIRED), now, h.transfer.transfer_id) for h in found])
            count += len(found)
        return count

    def finish(self) -> None:
        """Write every balance that changed."""
        self.flush()
        accounts, changed = self.page.accounts, []
        for name in self._used:
            a = accounts.get(name)
            if a is not None and a.touched:
                a.touched = False
                changed.append(
                    (a.debits_fen, a.credits_fen, a.debits_pending_fen, a.credits_pending_fen, a.place, name)
                )
        self.rows.update_accounts(changed)


def _hold_row(hold: Hold) -> tuple[str, int, str, str]:
    return hold.transfer.transfer_id, int(hold.state), hold.expires_at, hold.closed_at
