"""The ledger's rows on the two databases: driver calls, no rules.

The driver is called directly: a posting has no time for a general statement builder. All values are bound.
"""

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue
from sbcard_core.ledger.posting import Hold, HoldState
from sbcard_core.ledger.transfers import Transfer

COLUMNS: Final = (
    "transfer_id", "debit_account", "credit_account", "amount_fen", "code", "at", "memo", "flags", "pending_id",
    "timeout_s",
)  # fmt: skip
"""A transfer's columns, in the order of its fields."""
_NAMES: Final = ", ".join(COLUMNS)
_T: Final = ", ".join(f"t.{name}" for name in COLUMNS)
_SIDES: Final = "debits_fen, credits_fen, debits_pending_fen, credits_pending_fen"

AccountRow = tuple[str, str, int, int, int, int, int]
"""Id, kind, debits, credits, pending debits, pending credits, place of the row (0: not known)."""
SidesRow = tuple[int, int, int, int, int, str]
"""Debits, credits, pending debits, pending credits, place of the row, id."""


class Rows(Protocol):
    """What posting reads and writes, within one transaction."""

    def lock(self, *, wait: bool = True) -> None:
        """Become the one writer until the transaction ends; the driver's error where it may not wait and must."""

    def mark(self) -> tuple[int, int] | None:
        """Asked under the lock: equal to an earlier answer of this connection where nobody wrote since; else None."""

    def transfers(self, ids: Sequence[str]) -> list[Any]: ...
    def accounts(self, names: Sequence[str]) -> list[AccountRow]: ...
    def holds(self, ids: Sequence[str]) -> list[Any]: ...
    def expired(self, now: str) -> list[Any]: ...
    def closed_periods(self) -> frozenset[str]: ...
    def open_accounts(self, pairs: Sequence[tuple[str, str]]) -> None: ...
    def insert_transfers(self, rows: Iterable[Sequence[Any]]) -> None: ...

    def insert_new(self, rows: Iterable[Sequence[Any]]) -> bool:
        """Insert all, or none and say False where an id is there already."""

    def insert_holds(self, rows: Sequence[tuple[str, int, str, str]]) -> None: ...
    def close_holds(self, rows: Sequence[tuple[int, str, str]]) -> None: ...
    def update_accounts(self, rows: Sequence[SidesRow]) -> None: ...


def transfer_row(t: Transfer) -> tuple[Any, ...]:
    """A transfer's values in the order of ``COLUMNS``."""
    return (
        t.transfer_id, t.debit_account, t.credit_account, t.amount_fen, t.code, t.at, t.memo, int(t.flags),
        t.pending_id, t.timeout_s,
    )  # fmt: skip


def hold_of(row: Sequence[Any]) -> Hold:
    """A row of ``Rows.holds``."""
    return Hold(Transfer(*row[:10]), row[10], HoldState(row[11]), row[12])


def rows_of(connection: sa.Connection) -> Rows:
    """The rows over the driver's connection of ``connection``.

    Raises:
        InvalidValue: a database whose locking is not known here.
    """
    make: Callable[[sa.Connection], Rows] | None = _DIALECTS.get(connection.dialect.name)
    if make is None:
        name = connection.dialect.name
        raise InvalidValue(f"posting on {name} is not supported", step="ledger", advice="use SQLite or PostgreSQL")
    return make(connection)


def _as_json(ids: Sequence[str]) -> str:
    """A JSON array; plain ids need no encoder, which would take as long as the look-up."""
    text = "".join(ids)
    if text.isprintable() and '"' not in text and "\\" not in text:
        return '["' + '","'.join(ids) + '"]'
    return json.dumps(ids)


class SQLiteRows:
    """SQLite: one writer by ``BEGIN IMMEDIATE``; ids of a query go in as one JSON array."""

    def __init__(self, connection: sa.Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        self._driver = driver
        self._cursor = driver.cursor()

    def lock(self, *, wait: bool = True) -> None:
        # The driver begins a (deferred) transaction only at the first write; two deferred readers that
        # both want to write would fail with "database is locked". IMMEDIATE waits its turn instead.
        if self._driver.in_transaction:
            return
        if wait:
            self._cursor.execute("BEGIN IMMEDIATE")
            return
        (usual,) = self._cursor.execute("PRAGMA busy_timeout").fetchone()
        self._cursor.execute("PRAGMA busy_timeout = 0")
        try:
            self._cursor.execute("BEGIN IMMEDIATE")
        finally:
            self._cursor.execute(f"PRAGMA busy_timeout = {usual}")

    def mark(self) -> tuple[int, int] | None:
        # The first changes with every commit of another connection, of whatever process; the second with every
        # row that this connection writes, also where that is rolled back.
        (version,) = self._cursor.execute("PRAGMA data_version").fetchone()
        return version, self._driver.total_changes

    def _among(self, sql: str, ids: Sequence[str]) -> list[Any]:
        if not ids:
            return []
        found: list[Any] = self._cursor.execute(sql, (_as_json(ids),)).fetchall()
        return found

    def transfers(self, ids: Sequence[str]) -> list[Any]:
        return self._among(
            f"SELECT {_NAMES} FROM transfer WHERE transfer_id IN (SELECT value FROM json_each(?))",  # noqa: S608
            ids,
        )

    def accounts(self, names: Sequence[str]) -> list[AccountRow]:
        return self._among(
            f"SELECT account_id, kind, {_SIDES}, account.rowid "  # noqa: S608
            "FROM json_each(?) CROSS JOIN account ON account_id = value",
            names,
        )

    def holds(self, ids: Sequence[str]) -> list[Any]:
        return self._among(
            f"SELECT {_T}, h.expires_at, h.state, h.closed_at FROM hold h JOIN transfer t USING (transfer_id) "  # noqa: S608
            "WHERE h.transfer_id IN (SELECT value FROM json_each(?))",
            ids,
        )

    def expired(self, now: str) -> list[Any]:
        found: list[Any] = self._cursor.execute(_EXPIRED.replace("%s", "?"), (now,)).fetchall()
        return found

    def closed_periods(self) -> frozenset[str]:
        return frozenset(row[0] for row in self._cursor.execute("SELECT period FROM period_close"))

    def open_accounts(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._cursor.executemany(
            "INSERT INTO account (account_id, kind, debits_fen, credits_fen) VALUES (?, ?, 0, 0)", pairs
        )

    def insert_transfers(self, rows: Iterable[Sequence[Any]]) -> None:
        marks = ", ".join("?" * len(COLUMNS))
        self._cursor.executemany(f"INSERT INTO transfer ({_NAMES}) VALUES ({marks})", rows)  # noqa: S608

    def insert_new(self, rows: Iterable[Sequence[Any]]) -> bool:
        self._cursor.execute("SAVEPOINT bulk")
        try:
            self.insert_transfers(rows)
        except sqlite3.IntegrityError:
            self._cursor.execute("ROLLBACK TO bulk")
            self._cursor.execute("RELEASE bulk")
            return False
        self._cursor.execute("RELEASE bulk")
        return True

    def insert_holds(self, rows: Sequence[tuple[str, int, str, str]]) -> None:
        if rows:
            self._cursor.executemany(
                "INSERT INTO hold (transfer_id, state, expires_at, closed_at) VALUES (?, ?, ?, ?)", rows
            )

    def close_holds(self, rows: Sequence[tuple[int, str, str]]) -> None:
        if rows:
            self._cursor.executemany("UPDATE hold SET state = ?, closed_at = ? WHERE transfer_id = ?", rows)

    def update_accounts(self, rows: Sequence[SidesRow]) -> None:
        if not rows:
            return
        change = "UPDATE account SET debits_fen = ?, credits_fen = ?, debits_pending_fen = ?, credits_pending_fen = ? "
        self._cursor.executemany(f"{change} WHERE rowid = ? AND +account_id = ?", rows)
        if self._cursor.rowcount != len(rows):  # rows have moved (VACUUM): find them by name
            self._cursor.executemany(f"{change} WHERE account_id = ?", [(*row[:4], row[5]) for row in rows])


_EXPIRED: Final = (
    f"SELECT {_T}, h.expires_at, h.state, h.closed_at FROM hold h JOIN transfer t USING (transfer_id) "  # noqa: S608
    "WHERE h.state = 0 AND h.expires_at <> '' AND h.expires_at <= %s ORDER BY h.expires_at, t.seq LIMIT 5000"
)


class PostgresRows:
    """PostgreSQL: one batch writer by a table lock that also waits for the writers of single transfers."""

    COPY_FROM: Final = 20
    """From so many rows on they are copied in."""

    def __init__(self, connection: sa.Connection) -> None:
        self._cursor: Any = connection.connection.cursor()
        driver: Any = connection.dialect.dbapi
        self._unique_violation: type[Exception] = driver.errors.UniqueViolation

    def lock(self, *, wait: bool = True) -> None:
        # A table lock, not an advisory one: a statement takes its snapshot after it has got its table locks, so
        # that nothing that waited for us can act on what it saw before.
        self._cursor.execute(f"LOCK TABLE account IN SHARE ROW EXCLUSIVE MODE{'' if wait else ' NOWAIT'}")

    def mark(self) -> tuple[int, int] | None:
        return None

    def _among(self, sql: str, ids: Sequence[str]) -> list[Any]:
        if not ids:
            return []
        found: list[Any] = self._cursor.execute(sql, (list(ids),)).fetchall()
        return found

    def transfers(self, ids: Sequence[str]) -> list[Any]:
        return self._among(f"SELECT {_NAMES} FROM transfer WHERE transfer_id = ANY(%s)", ids)  # noqa: S608

    def accounts(self, names: Sequence[str]) -> list[AccountRow]:
        return self._among(f"SELECT account_id, kind, {_SIDES}, 0 FROM account WHERE account_id = ANY(%s)", names)  # noqa: S608

    def holds(self, ids: Sequence[str]) -> list[Any]:
        return self._among(
            f"SELECT {_T}, h.expires_at, h.state, h.closed_at FROM hold h JOIN transfer t USING (transfer_id) "  # noqa: S608
            "WHERE h.transfer_id = ANY(%s)",
            ids,
        )

    def expired(self, now: str) -> list[Any]:
        found: list[Any] = self._cursor.execute(_EXPIRED, (now,)).fetchall()
        return found

    def closed_periods(self) -> frozenset[str]:
        return frozenset(row[0] for row in self._cursor.execute("SELECT period FROM period_close"))

    def open_accounts(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._copy("account (account_id, kind, debits_fen, credits_fen)", ((*pair, 0, 0) for pair in pairs))

    def insert_transfers(self, rows: Iterable[Sequence[Any]]) -> None:
        if isinstance(rows, list) and len(rows) < self.COPY_FROM:
            marks = ", ".join(["%s"] * len(COLUMNS))
            self._cursor.executemany(f"INSERT INTO transfer ({_NAMES}) VALUES ({marks})", rows)  # noqa: S608
        else:
            self._copy(f"transfer ({_NAMES})", rows)

    def _copy(self, into: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._cursor.copy(f"COPY {into} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def insert_new(self, rows: Iterable[Sequence[Any]]) -> bool:
        self._cursor.execute("SAVEPOINT bulk")
        try:
            self.insert_transfers(rows)
        except self._unique_violation:
            self._cursor.execute("ROLLBACK TO SAVEPOINT bulk")
            return False
        self._cursor.execute("RELEASE SAVEPOINT bulk")
        return True

    def insert_holds(self, rows: Sequence[tuple[str, int, str, str]]) -> None:
        if rows:
            self._copy("hold (transfer_id, state, expires_at, closed_at)", rows)

    def close_holds(self, rows: Sequence[tuple[int, str, str]]) -> None:
        if rows:
            self._cursor.execute(
                "UPDATE hold h SET state = v.state, closed_at = v.closed_at FROM "
                "unnest(%s::int[], %s::text[], %s::text[]) AS v(state, closed_at, id) WHERE h.transfer_id = v.id",
                [list(column) for column in zip(*dict.fromkeys(rows), strict=True)],
            )

    def update_accounts(self, rows: Sequence[SidesRow]) -> None:
        if rows:
            self._cursor.execute(
                "UPDATE account a SET debits_fen = v.d, credits_fen = v.c, debits_pending_fen = v.dp, "
                "credits_pending_fen = v.cp FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[], "
                "%s::text[]) AS v(d, c, dp, cp, id) WHERE a.account_id = v.id",
                [list(column) for column in zip(*((*row[:4], row[5]) for row in rows), strict=True)],
            )


_DIALECTS: Final[dict[str, Callable[[sa.Connection], Rows]]] = {"sqlite": SQLiteRows, "postgresql": PostgresRows}


def lock_for_posting(connection: sa.Connection) -> None:
    """Become the one writer until the transaction ends; balances read after this cannot change under us.

    Raises:
        InvalidValue: a database whose locking is not known here.
    """
    rows_of(connection).lock()


def chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of ``size`` items, longer where a linked group would be cut."""
    chunk: list[Any] = []
    if isinstance(items, list) and len(items) <= size:
        if items:
            yield items
        return
    for item in items:
        chunk.append(item)
        if len(chunk) >= size and not (isinstance(item.flags, int) and item.flags & 1):
            yield chunk
            chunk = []
    if chunk:
        yield chunk
