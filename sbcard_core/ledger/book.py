"""The ledger over a database: one writer at a time, a whole batch in one transaction."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Final

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.ledger import history, periods, proof, single
from sbcard_core.ledger.accounts import (
    DEFAULT_BOUNDS,
    ID_ADVICE,
    AccountKind,
    Balance,
    Bounds,
    Discrepancy,
    account_pairs,
    other_kind,
    wrong_account,
)
from sbcard_core.ledger.columns import Columns
from sbcard_core.ledger.group import GROUP_TRANSFERS, GroupCommitter
from sbcard_core.ledger.posting import NO_BOUNDS, outcomes
from sbcard_core.ledger.rows import Rows, chunks, lock_for_posting, rows_of
from sbcard_core.ledger.session import Nets, Session
from sbcard_core.ledger.transfers import (
    Outcome,
    Transfer,
    TransferRefused,
    TransferStatus,
    is_id,
    is_timestamp,
    malformed_fields,
    must_be_transfers,
)
from sbcard_core.store import Store, typed
from sbcard_core.values import mask_ids_in

CHUNK_TRANSFERS: Final = 5000
"""How many transfers of a batch are held in memory at once."""
CHUNK_COLUMNS: Final = 100_000
"""How many transfers given by column are proved to pass at once."""
_KEPT: Final = "sbcard_core.ledger.kept"


class UnknownAccount(SBCardError, LookupError):
    """No account of that id is open."""


class Ledger:
    """Double entry in integer fen: transfers are never changed or removed, only added.

    Every method takes an optional ``connection``: with it, the work joins the
    caller's transaction and is kept or lost together with the caller's own rows.

    Args:
        store: an open database; SQLite and PostgreSQL are supported.
        bounds: bounds per kind of account; the default is assumed.

    Example:
        >>> with Store.open("sqlite://") as store:
        ...     ledger = Ledger(store)
        ...     ledger.open_accounts([("out", AccountKind.EXTERNAL), ("me", AccountKind.PERSONAL_MEDICAL)])
        ...     load = Transfer("T1", "out", "me", 100, "load", "2014-07-31T00:00:00")
        ...     spend = Transfer("T2", "me", "out", 101, "spend", "2014-07-31T00:00:00")
        ...     [status.name for status in ledger.post_many([load, load, spend])], ledger.balance("me").net_fen
        (['POSTED', 'EXISTS', 'INSUFFICIENT'], 100)
    """

    def __init__(self, store: Store, *, bounds: Mapping[AccountKind, Bounds] = DEFAULT_BOUNDS) -> None:
        self.store = store
        self._bounds = {kind.value: bound for kind, bound in bounds.items()}
        in_one_statement = store.engine.dialect.name == "postgresql" and store.owns_transactions
        self._single = single.Singles(store, self._bounds) if in_one_statement else None

    def open_accounts(
        self, accounts: Iterable[tuple[str, AccountKind]], *, connection: sa.Connection | None = None
    ) -> None:
        """Open accounts; those already open with the same kind stay as they are.

        Raises:
            InvalidValue: no pair of id and kind, or an id that cannot be stored.
            Refused: an id is already open with another kind; nothing is opened.
        """
        wanted: dict[str, str] = {}
        for account_id, kind in account_pairs(accounts):
            if not is_id(account_id):
                raise wrong_account("account id is empty, too long or not storable", ID_ADVICE)
            if not isinstance(kind, AccountKind):
                raise wrong_account("no kind of account", "use AccountKind, e.g. AccountKind.CASH")
            if wanted.setdefault(account_id, kind.value) != kind.value:
                raise other_kind(account_id)
        if not wanted:
            return
        with self._rows(connection) as rows:
            rows.lock()
            for account_id, kind_there, *_ in rows.accounts(list(wanted)):
                if wanted.pop(account_id) != kind_there:
                    raise other_kind(account_id)
            if wanted:
                rows.open_accounts(list(wanted.items()))

    def post_many(self, transfers: Iterable[Transfer], connection: sa.Connection | None = None) -> list[TransferStatus]:
        """Post a batch in one transaction; one status per transfer, in order.

        Transfers are judged one after the other, each seeing those before it. A
        refused one does not stop the others, except those of its linked group. When
        the call returns (without ``connection``), every posted transfer is on the disk.

        Raises:
            InvalidValue: something is no transfer; nothing is posted.
        """
        return self._post(transfers, connection, None)

    def submit_many(self, transfers: Iterable[Transfer], connection: sa.Connection | None = None) -> list[Outcome]:
        """As ``post_many``, with what both accounts hold right after each transfer."""
        nets: Nets = []
        return outcomes(self._post(transfers, connection, nets), nets)

    def _post(
        self, transfers: Iterable[Transfer], connection: sa.Connection | None, nets: Nets | None
    ) -> list[TransferStatus]:
        statuses: list[TransferStatus] = []
        with self._session(connection) as session:
            for chunk in chunks(must_be_transfers(transfers, "ledger.post_many"), CHUNK_TRANSFERS):
                statuses += session.post(chunk, nets)
        return statuses

    def post_columns(
        self,
        transfer_ids: Any,
        debit_accounts: Any,
        credit_accounts: Any,
        amounts_fen: Any,
        *,
        code: Any,
        at: Any,
        memo: Any = "",
        connection: sa.Connection | None = None,
    ) -> list[TransferStatus]:
        """As ``post_many``, given by column: the quickest way in, for plain transfers by the million.

        Args:
            transfer_ids: n ids: a list, an Arrow array or a numpy array, as all columns.
            debit_accounts: n accounts.
            credit_accounts: n accounts.
            amounts_fen: n amounts.
            code: one code for all, or n.
            at: one moment for all, or n.
            memo: one memo for all, or n.
            connection: the caller's transaction.

        Raises:
            InvalidValue: columns of different lengths.

        Example:
            >>> with Store.open("sqlite://") as store:
            ...     ledger = Ledger(store)
            ...     ledger.open_accounts([("out", AccountKind.EXTERNAL), ("me", AccountKind.PERSONAL_MEDICAL)])
            ...     ids, at = ["T1", "T2"], "2014-07-31T00:00:00"
            ...     found = ledger.post_columns(ids, ["out"] * 2, ["me"] * 2, [100, 50], code="load", at=at)
            ...     [status.name for status in found], ledger.balance("me").net_fen
            (['POSTED', 'POSTED'], 150)
        """
        columns = Columns.given(transfer_ids, debit_accounts, credit_accounts, amounts_fen, code, at, memo)
        statuses: list[TransferStatus] = []
        with self._session(connection) as session:
            for part in columns.slices(CHUNK_COLUMNS):
                statuses += session.post_columns(part)
        return statuses

    def post_groups(self, batches: Sequence[Sequence[Transfer]]) -> list[list[Outcome]]:
        """Post several batches in one durable transaction, each judged as if posted alone, in order."""
        found = []
        with self._session(None) as session:
            session.load([transfer for batch in batches for transfer in batch])
            for batch in batches:
                nets: Nets = []
                found.append(outcomes(session.judge(batch, nets), nets))
        return found

    def expire(self, now: str, connection: sa.Connection | None = None) -> int:
        """Release every hold whose time had ended by ``now``; returns how many.

        Raises:
            InvalidValue: ``now`` is not a moment.
        """
        _must_be_moment(now, "ledger.expire")
        with self._rows(connection) as rows:
            session = Session(rows, self._bounds_of)
            count = session.expire(now)
            session.finish()
        return count

    def submit(self, transfer: Transfer, connection: sa.Connection | None = None) -> Outcome:
        """Post one transfer and say what became of it and of both accounts.

        On PostgreSQL, without ``connection``, this is one statement, beside those of other processes.

        Raises:
            InvalidValue: it is no transfer.
        """
        if not isinstance(transfer, Transfer):
            what = f"no Transfer but of type {type(transfer).__name__}"
            raise InvalidValue(what, step="ledger.post", term="记账", advice="ledger.Transfer(…); many: post_many")
        if connection is None and self._single is not None:
            with typed():
                found = self._single.post(transfer)
            if found is not None:
                return found
        (outcome,) = self.submit_many([transfer], connection)
        return outcome

    def batching(self, *, max_transfers: int = GROUP_TRANSFERS) -> GroupCommitter:
        """Group commit for many threads: their posts share transactions, each durable when its call returns.

        Example:
            >>> with Store.open("sqlite://") as store:
            ...     ledger = Ledger(store)
            ...     ledger.open_accounts([("out", AccountKind.EXTERNAL), ("me", AccountKind.PERSONAL_MEDICAL)])
            ...     committer = ledger.batching()
            ...     committer.post(Transfer("T1", "out", "me", 100, "load", "2014-07-31T00:00:00")).name
            'POSTED'
        """
        return GroupCommitter(self.post_groups, max_transfers=max_transfers)

    def post(self, transfer: Transfer, connection: sa.Connection | None = None) -> TransferStatus:
        """Post one transfer; returns ``POSTED``, or ``EXISTS`` if the same one was posted before.

        Raises:
            InvalidValue: it is no transfer.
            TransferRefused: any other status; where it is ``MALFORMED``, the error names the fields.
        """
        status = self.submit(transfer, connection).status
        if not status.is_settled:
            raise TransferRefused(status, transfer.transfer_id, malformed_fields(transfer))
        return status

    def balance(self, account_id: str, connection: sa.Connection | None = None) -> Balance:
        """Both sides of one account.

        Raises:
            UnknownAccount: it is not open.
        """
        found = self.balances([account_id], connection)
        if account_id in found:
            return found[account_id]
        raise UnknownAccount(f"no account {mask_ids_in(account_id)!r}", step="ledger.balance", advice="open it first")

    def balances(self, account_ids: Iterable[str], connection: sa.Connection | None = None) -> dict[str, Balance]:
        """Both sides of many accounts, by id; those not open are left out."""
        with self._rows(connection) as rows:
            return {row[0]: Balance(*row[2:6]) for row in rows.accounts([name for name in account_ids if is_id(name)])}

    def transfers(self, transfer_ids: Iterable[str], connection: sa.Connection | None = None) -> dict[str, Transfer]:
        """Posted transfers by id; those not posted are left out."""
        with self._rows(connection) as rows:
            ids = [name for name in transfer_ids if is_id(name)]
            return {row[0]: Transfer(*row) for row in rows.transfers(ids)}

    def totals(self, connection: sa.Connection | None = None) -> tuple[int, int]:
        """All debits and all credits of all accounts, in fen: always equal."""
        with self._joined(connection) as conn:
            return proof.totals(conn)[:2]

    def pending_totals(self, connection: sa.Connection | None = None) -> tuple[int, int]:
        """All pending debits and all pending credits of all accounts, in fen: always equal."""
        with self._joined(connection) as conn:
            return proof.totals(conn)[2:]

    def recompute(self, connection: sa.Connection | None = None) -> list[Discrepancy]:
        """Accounts whose stored balance, pending sides included, is not the sum of their transfers."""
        with self._joined(connection) as conn:
            return proof.discrepancies(conn)

    def history(
        self, account_id: str, *, since: str = "", until: str = "", connection: sa.Connection | None = None
    ) -> Iterator[history.Entry]:
        """Every movement of one account by business time, with what it holds after each, as of one moment of the books.

        Args:
            account_id: an open account.
            since: first moment asked for; empty is the beginning.
            until: first moment no longer asked for; empty is no end.
            connection: the caller's transaction.

        Raises:
            InvalidValue: ``since`` or ``until`` is not a moment.
            UnknownAccount: it is not open.
        """
        for moment in (since, until):
            _must_be_moment(moment or _EARLIEST, "ledger.history")
        self.balance(account_id, connection)
        history.catch_up(self.store, connection)
        return history.entries(self.store, connection, account_id, since, until)

    def balance_at(self, account_id: str, at: str, connection: sa.Connection | None = None) -> Balance:
        """Both sides of one account as all movements up to and including the moment ``at`` make them.

        Raises:
            InvalidValue: ``at`` is not a moment.
            UnknownAccount: it is not open.
        """
        _must_be_moment(at, "ledger.balance_at")
        self.balance(account_id, connection)
        history.catch_up(self.store, connection)
        with self._joined(connection) as conn:
            return history.balance_at(conn, account_id, at)

    def index_history(self, connection: sa.Connection | None = None) -> int:
        """Bring the index of movements by account up to date; returns how many entries were added.

        Posting does not keep it, as that halves the rate of bulk posting. ``history`` and ``balance_at`` read the index
        and then each transfer posted since; where those are many, they add some first. So nobody need call this;
        called after bulk work, the first readings are as quick as the later ones.
        """
        with self._joined(connection) as conn:
            lock_for_posting(conn)
            return history.index(conn)

    def close_period(self, period: str, *, at: str, connection: sa.Connection | None = None) -> periods.ClosedPeriod:
        """Close a year, month or day: nothing more is posted whose time lies in it. Final, idempotent.

        Args:
            period: ``YYYY``, ``YYYY-MM`` or ``YYYY-MM-DD``.
            at: business time of the closing.
            connection: the caller's transaction.

        Raises:
            InvalidValue: not a period, or ``at`` lies in it or before it.
        """
        with self._joined(connection) as conn:
            lock_for_posting(conn)
            return periods.close(conn, period, at)

    def closed_periods(self, connection: sa.Connection | None = None) -> list[periods.ClosedPeriod]:
        """Every closed period with the count and sum of its movements at the closing."""
        with self._joined(connection) as conn:
            return periods.closed(conn)

    def changed_periods(self, connection: sa.Connection | None = None) -> list[periods.ClosedPeriod]:
        """Closed periods whose movements no longer sum to what was written at the closing: none in a sound book."""
        with self._joined(connection) as conn:
            return periods.changed(conn)

    def import_history(
        self, transfers: Iterable[Transfer], connection: sa.Connection | None = None
    ) -> periods.ImportReport:
        """Take over another system's movements, all or none; the same import again changes nothing.

        Bounds are asked at the end, not at each line: another system's order within a day is not ours.

        Raises:
            InvalidValue: something is no transfer.
            Refused: a line is refused, or an account would end outside of its bounds; nothing is imported.
        """
        with self._rows(connection) as rows:
            session = Session(rows, self._bounds_of)
            given = chunks(must_be_transfers(transfers, "ledger.import_history"), CHUNK_TRANSFERS)
            report = periods.import_into(session, given)
            session.finish()
        return report

    def _bounds_of(self, kind: str) -> Bounds:
        return self._bounds.get(kind, NO_BOUNDS)

    @contextmanager
    def _rows(self, connection: sa.Connection | None) -> Iterator[Rows]:
        with self._joined(connection) as conn:
            yield rows_of(conn)

    @contextmanager
    def _session(self, connection: sa.Connection | None) -> Iterator[Session]:
        """For transfers alone: each names accounts that were read under the lock, so that none is looked up again."""
        with self.store.bulk() if connection is None else nullcontext(connection) as conn:
            keeps = connection is None and self.store.owns_transactions
            info = conn.info
            session = Session(rows_of(conn), self._bounds_of, info.pop(_KEPT, None) if keeps else None)
            yield session
            session.finish()
            kept = session.kept() if keeps else None
        if kept is not None:  # only now is it committed
            info[_KEPT] = kept

    @contextmanager
    def _joined(self, connection: sa.Connection | None) -> Iterator[sa.Connection]:
        if connection is not None:
            yield connection
            return
        with self.store.begin() as own:
            yield own


_EARLIEST: Final = "0001-01-01T00:00:00"


def _must_be_moment(text: str, step: str) -> None:
    if type(text) is not str or not is_timestamp(text):
        raise InvalidValue("not a moment YYYY-MM-DDTHH:MM:SS", step=step, advice="ledger.timestamp() writes one")
