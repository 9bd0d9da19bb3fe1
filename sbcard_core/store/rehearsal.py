"""A rehearsal: everything is done for real in one transaction, and then none of it has happened (试运行)."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from sbcard_core.store.engine import Store
from sbcard_core.store.failures import typed


class _Rehearsal(Store):
    """A store whose transactions are all parts of one that will be rolled back."""

    def __init__(self, engine: sa.Engine, connection: sa.Connection) -> None:
        super().__init__(engine)
        self._connection = connection
        self.owns_transactions = False

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A part of the rehearsal: kept for its later parts when the block ends, undone when it raises."""
        with typed(), self._connection.begin_nested():
            yield self._connection

    @contextmanager
    def bulk(self) -> Iterator[sa.Connection]:
        """As ``begin``."""
        with self.begin() as connection:
            yield connection


@contextmanager
def rehearse(store: Store) -> Iterator[Store]:
    """Give a store that forgets: what is written through it can be read through it, and is gone afterwards.

    Nobody else can write to the database meanwhile. Files that a step writes are not undone: give it another folder.
    A rehearsal of a rehearsal forgets its own part.

    Raises:
        StoreFailed: as of ``Store.begin``.

    Example:
        >>> from sbcard_core.ledger import AccountKind, Ledger
        >>> with Store.open("sqlite://") as store:
        ...     with rehearse(store) as trial:
        ...         Ledger(trial).open_accounts([("me", AccountKind.CASH)])
        ...         inside = len(Ledger(trial).balances(["me"]))
        ...     inside, len(Ledger(store).balances(["me"]))
        (1, 0)
    """
    store._must_be_open()
    if isinstance(store, _Rehearsal):
        part = store._connection.begin_nested()
        try:
            yield _Rehearsal(store.engine, store._connection)
        finally:
            part.rollback()
        return
    with store._turn, typed(), store.engine.connect() as connection:
        outer = connection.begin()
        if connection.dialect.name == "sqlite":
            # the driver begins a transaction at the first write only, and a savepoint is none
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield _Rehearsal(store.engine, connection)
        finally:
            outer.rollback()
