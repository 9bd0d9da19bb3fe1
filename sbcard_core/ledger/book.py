"""The ledger over a database: one writer at a time, a whole batch in one transaction."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, Final

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue, Refused, SBCardError
from sbcard_core.ledger import history
from sbcard_core.ledger.accounts import DEFAULT_BOUNDS, AccountKind, Balance, Bounds, Discrepancy
from sbcard_core.ledger.posting import NO_BOUNDS, AccountState, judge
from sbcard_core.ledger.transfers import Transfer, TransferRefused, TransferStatus, is_id
from sbcard_core.store import Store, insert_many, schema, update_many

CHUNK_TRANSFERS: Final = 5000
"""How many transfers of a batch are held in memory at once."""
LOOKUP_IDS: Final = 900
"""How many ids one query names: below the smallest parameter limit of the databases used."""
_POSTING_LOCK: Final = 0x5BCA2D
"""PostgreSQL advisory lock number of the posting writer: any constant, the same in every process."""

_COLUMNS: Final = ("transfer_id", "debit_account", "credit_account", "amount_fen", "code", "at", "memo")
_FIND_TRANSFERS: Final = sa.select(*(schema.transfer.c[name] for name in _COLUMNS)).where(
    schema.transfer.c.transfer_id.in_(sa.bindparam("ids", expanding=True))
)
_FIND_ACCOUNTS: Final = sa.select(
    schema.account.c.account_id, schema.account.c.kind, schema.account.c.debits_fen, schema.account.c.credits_fen
).where(schema.account.c.account_id.in_(sa.bindparam("ids", expanding=True)))
_OPEN: Final = sa.text(
    "INSERT INTO account (account_id, kind, debits_fen, credits_fen) VALUES (:account_id, :kind, 0, 0) "
    "ON CONFLICT (account_id) DO NOTHING"
)


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

    def open_accounts(
        self, accounts: Iterable[tuple[str, AccountKind]], *, connection: sa.Connection | None = None
    ) -> None:
        """Open accounts; those already open with the same kind stay as they are.

        Raises:
            InvalidValue: an id that cannot be stored.
            Refused: an id is already open with another kind; nothing is opened.
        """
        wanted: dict[str, str] = {}
        for account_id, kind in accounts:
            if not is_id(account_id):
                raise InvalidValue("account id is empty, too long or not storable", step="ledger.open_accounts")
            if wanted.setdefault(account_id, kind.value) != kind.value:
                raise _other_kind(account_id)
        if not wanted:
            return
        with self._joined(connection) as conn:
            lock_for_posting(conn)
            for account_id, kind_there, *_ in _look_up(conn, _FIND_ACCOUNTS, list(wanted)):
                if wanted.pop(account_id) != kind_there:
                    raise _other_kind(account_id)
            if wanted:
                conn.execute(_OPEN, [{"account_id": name, "kind": kind} for name, kind in wanted.items()])

    def post_many(self, transfers: Iterable[Transfer], connection: sa.Connection | None = None) -> list[TransferStatus]:
        """Post a batch in one transaction; one status per transfer, in order.

        Transfers are judged one after the other, each seeing those before it. A
        refused one does not stop the others. When the call returns (without
        ``connection``), every posted transfer is on the disk.
        """
        statuses: list[TransferStatus] = []
        accounts: dict[str, AccountState] = {}
        source = iter(transfers)
        with self._joined(connection) as conn:
            lock_for_posting(conn)
            while chunk := list(islice(source, CHUNK_TRANSFERS)):
                statuses += self._post_chunk(conn, chunk, accounts)
            rows = [(a.debits_fen, a.credits_fen, name) for name, a in accounts.items() if a.touched]
            update_many(conn, schema.account, ("debits_fen", "credits_fen"), ("account_id",), rows)
        return statuses

    def _post_chunk(
        self, conn: sa.Connection, chunk: list[Transfer], accounts: dict[str, AccountState]
    ) -> list[TransferStatus]:
        ids = [transfer.transfer_id for transfer in chunk if is_id(transfer.transfer_id)]
        posted = {row[0]: Transfer(*row) for row in _look_up(conn, _FIND_TRANSFERS, ids)}
        names = {name for t in chunk for name in (t.debit_account, t.credit_account) if is_id(name)}
        for name, kind, debits, credits_ in _look_up(conn, _FIND_ACCOUNTS, list(names - accounts.keys())):
            accounts[name] = AccountState(self._bounds.get(kind, NO_BOUNDS), debits, credits_)
        statuses, rows = [], []
        for transfer in chunk:
            status = judge(transfer, posted, accounts)
            statuses.append(status)
            if status is TransferStatus.POSTED:
                posted[transfer.transfer_id] = transfer
                rows.append(_row(transfer))
        insert_many(conn, schema.transfer, _COLUMNS, rows)
        return statuses

    def post(self, transfer: Transfer, connection: sa.Connection | None = None) -> TransferStatus:
        """Post one transfer; returns ``POSTED``, or ``EXISTS`` if the same one was posted before.

        Raises:
            TransferRefused: any other status.
        """
        (status,) = self.post_many([transfer], connection)
        if not status.is_settled:
            raise TransferRefused(status, transfer.transfer_id)
        return status

    def balance(self, account_id: str, connection: sa.Connection | None = None) -> Balance:
        """Both sides of one account.

        Raises:
            UnknownAccount: it is not open.
        """
        found = self.balances([account_id], connection)
        if account_id not in found:
            raise UnknownAccount(f"no account {account_id!r}", step="ledger.balance", advice="open it first")
        return found[account_id]

    def balances(self, account_ids: Iterable[str], connection: sa.Connection | None = None) -> dict[str, Balance]:
        """Both sides of many accounts, by id; those not open are left out."""
        with self._joined(connection) as conn:
            names = [name for name in account_ids if is_id(name)]
            return {row[0]: Balance(row[2], row[3]) for row in _look_up(conn, _FIND_ACCOUNTS, names)}

    def transfers(self, transfer_ids: Iterable[str], connection: sa.Connection | None = None) -> dict[str, Transfer]:
        """Posted transfers by id; those not posted are left out."""
        with self._joined(connection) as conn:
            ids = [name for name in transfer_ids if is_id(name)]
            return {row[0]: Transfer(*row) for row in _look_up(conn, _FIND_TRANSFERS, ids)}

    def totals(self, connection: sa.Connection | None = None) -> tuple[int, int]:
        """All debits and all credits of all accounts, in fen: always equal."""
        with self._joined(connection) as conn:
            return history.totals(conn)

    def recompute(self, connection: sa.Connection | None = None) -> list[Discrepancy]:
        """Accounts whose stored balance is not the sum of their transfers: none in a sound book."""
        with self._joined(connection) as conn:
            return history.discrepancies(conn)

    @contextmanager
    def _joined(self, connection: sa.Connection | None) -> Iterator[sa.Connection]:
        if connection is not None:
            yield connection
            return
        with self.store.begin() as own:
            yield own


def lock_for_posting(connection: sa.Connection) -> None:
    """Become the one writer until the transaction ends; balances read after this cannot change under us.

    Raises:
        InvalidValue: a database whose locking is not known here.
    """
    name = connection.dialect.name
    if name == "sqlite":
        # The driver begins a (deferred) transaction only at the first write; two deferred readers that
        # both want to write would fail with "database is locked". IMMEDIATE waits its turn instead.
        if not connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_POSTING_LOCK)))
    else:
        raise InvalidValue(f"posting on {name} is not supported", step="ledger", advice="use SQLite or PostgreSQL")


def _look_up(
    connection: sa.Connection, statement: sa.Select[*tuple[Any, ...]], ids: list[str]
) -> Iterator[sa.Row[*tuple[Any, ...]]]:
    for start in range(0, len(ids), LOOKUP_IDS):
        yield from connection.execute(statement, {"ids": ids[start : start + LOOKUP_IDS]})


def _row(t: Transfer) -> tuple[str, str, str, int, str, str, str]:
    return (t.transfer_id, t.debit_account, t.credit_account, t.amount_fen, t.code, t.at, t.memo)


def _other_kind(account_id: str) -> Refused:
    return Refused(
        f"account {account_id!r} is open with another kind",
        step="ledger.open_accounts",
        term="账户类别",
        advice="use another account id",
    )
