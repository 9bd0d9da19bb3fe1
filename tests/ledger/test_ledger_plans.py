"""Posting speaks to the driver itself: each of its statements finds its rows by an index, on both databases."""

from typing import Any

import pytest

from sbcard_core.ledger import DEFAULT_BOUNDS
from sbcard_core.ledger.rows import rows_of
from sbcard_core.ledger.single import statement
from sbcard_core.store import Store
from tests.plans import BIG, scanned_by_postgres, scanned_by_sqlite


class Recorder:
    """A driver's cursor that keeps what it is asked."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor
        self.asked: list[tuple[str, Any]] = []

    def execute(self, sql: str, parameters: Any = ()) -> Any:
        self.asked.append((sql, parameters))
        return self._cursor.execute(sql, parameters)

    def executemany(self, sql: str, rows: Any) -> Any:
        self.asked += [(sql, row) for row in list(rows)[:1]]
        return self._cursor.executemany(sql, rows)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


def test_no_statement_of_a_batch_reads_a_whole_table(store: Store) -> None:
    with store.begin() as connection:
        rows: Any = rows_of(connection)
        recorder = rows._cursor = Recorder(rows._cursor)
        scanned = scanned_by_sqlite if connection.dialect.name == "sqlite" else scanned_by_postgres
        rows.lock()
        rows.transfers(["t1", "t2"])
        rows.accounts(["a", "b"])
        rows.holds(["t1"])
        rows.expired("2014-07-31T00:00:00")
        rows.close_holds([(1, "2014-07-31T00:00:00", "t1")])
        rows.update_accounts([(0, 0, 0, 0, 0, "a")])
        asked = [one for one in recorder.asked if one[0].startswith(("SELECT", "UPDATE"))]
        assert len(asked) >= 6
        for sql, parameters in asked:
            assert scanned(rows._cursor, sql, parameters) == set(), sql


@pytest.mark.parametrize("bounds", [{}, DEFAULT_BOUNDS])
def test_a_single_posting_reads_no_whole_table(postgres_url: str, bounds: Any) -> None:
    values = "'t','a','b',1,'c','2014-07-31T00:00:00','','2014','2014-07','2014-07-31'"
    with Store.open(postgres_url) as store, store.begin() as connection:
        cursor = connection.connection.cursor()
        cursor.execute("PREPARE posting AS " + statement({str(k): v for k, v in bounds.items()}).decode())
        assert scanned_by_postgres(cursor, f"EXECUTE posting ({values})", None) & BIG == set()
        cursor.execute("DEALLOCATE posting")
