"""One database, opened by URL, with the durability the ledger promises."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache, cached_property
from threading import Lock, get_ident
from types import TracebackType
from typing import Any, Self

import sqlalchemy as sa

from sbcard_core.errors import Refused, SBCardError
from sbcard_core.files import reserve
from sbcard_core.messages import message
from sbcard_core.store import address, migrate, schema
from sbcard_core.store.failures import StoreFailed, typed

SCHEMA_VERSION = migrate.VERSION
_MAKING = 0x5B_CA_4D
"""Of the lock on PostgreSQL under which one process makes or upgrades the tables."""
BUSY_MS = 30_000
"""How long SQLite waits for another writer, in milliseconds."""


class SchemaMismatch(SBCardError):
    """The database was made by another version of the library."""


class SampleRefused(Refused):
    """Made-up tables for a real book, or a real book for a sample; nothing was done."""


class StoreClosed(SBCardError):
    """The store was closed before this call: nothing was done."""


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.dbapi_connection


def _lock_schema(connection: sa.Connection) -> None:
    """One process makes or upgrades the tables, and in one transaction."""
    if connection.dialect.name == "sqlite":
        if not _driver(connection).in_transaction:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MAKING})")


@cache
def _making(driver: str) -> tuple[str, ...]:
    """The statements that make the tables of an empty database, triggers and indexes among them."""
    made: list[str] = []
    engine: Any = sa.create_mock_engine(
        f"{driver}://", lambda ddl, *_: made.append(str(ddl.compile(dialect=engine.dialect)))
    )
    schema.metadata.create_all(engine, checkfirst=False)
    return tuple(made)


def _on_connect(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    # FULL: a commit that returned is on the disk, also after a power failure.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_savepoint(connection: sa.Connection, _name: object) -> None:
    """Outside of a transaction a savepoint of SQLite is one, and its release a commit that no rollback undoes."""
    driver = _driver(connection)
    if not driver.in_transaction:
        driver.execute("BEGIN IMMEDIATE")


class _OneThread:
    """A database in memory is one connection: threads take turns; may be left in another thread (a generator's)."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._owner = self._depth = 0

    def __enter__(self) -> None:
        if self._owner != get_ident():
            self._lock.acquire()
            self._owner = get_ident()
        self._depth += 1

    def __exit__(self, *_error: object) -> None:
        self._depth -= 1
        if not self._depth:
            self._owner = 0
            self._lock.release()


class Store:
    """A database with the library's tables in it.

    Example:
        >>> with Store.open("sqlite://") as store, store.begin() as connection:
        ...     connection.execute(sa.select(sa.func.count()).select_from(schema.person)).scalar_one()
        0
    """

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.owns_transactions = True
        """Whether a connection of ``engine`` may commit by itself; not so in a rehearsal."""
        is_in_memory = isinstance(engine.pool, sa.StaticPool)
        self._turn: AbstractContextManager[None] = _OneThread() if is_in_memory else nullcontext()
        self._direct: list[Any] = []
        self._is_closed = False

    @classmethod
    def open(cls, url: str, *, sample: bool = False) -> Self:
        """Open the database at ``url``; make the tables where there are none, upgrade those of an older release.

        Back up before the first opening with a new release (``store.migrate`` says how); an upgrade cannot be undone.

        Args:
            url: ``sqlite:///path/to/file.sqlite``, ``sqlite://`` (in memory, one thread at a time) or
                ``postgresql+psycopg://…``.
            sample: begin a sample book, which takes made-up policies, catalogues and tariffs too. Whether a database
                is one is written down with its tables and never changes; one of an older release is a real book.

        Raises:
            SampleRefused: a sample book is asked for, and the database there is a real one.
            InvalidValue: no such address, or that of another kind of database.
            MissingPart: the driver of PostgreSQL is not installed.
            SchemaMismatch: the tables there are of a newer version.
            StoreFailed: the database cannot be opened or written, is locked for too long or no database.
        """
        where = address.parse(url)
        kwargs: dict[str, Any] = {}
        if url in ("sqlite://", "sqlite:///:memory:"):
            kwargs = {"poolclass": sa.StaticPool, "connect_args": {"check_same_thread": False}}
        if (file := address.file_of(where)) is not None:
            with suppress(OSError):  # the driver tells why, when it opens it
                reserve(file)
        # A driver's error would show its statement's values, citizen numbers among them.
        engine = sa.create_engine(where, hide_parameters=True, **kwargs)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", _on_connect)
            sa.event.listen(engine, "savepoint", _on_savepoint)
        store = cls(engine)
        try:
            store._bring_up(sample=sample)
            if sample and not store.is_sample:
                raise SampleRefused(message("store.real_book"), step="store.open", term="账套")
        except BaseException as error:
            engine.dispose()
            reason = address.why_not_opened(where, error.driver_code) if isinstance(error, StoreFailed) else None
            if reason is not None:
                raise StoreFailed(reason, step="store.open", term="数据库文件") from None
            raise
        return store

    def _bring_up(self, *, sample: bool) -> None:
        """Make the tables where there are none; upgrade older ones; refuse newer ones."""
        with typed():
            found = self._version()
            if found == SCHEMA_VERSION:
                return
        with self.bulk() as connection:
            _lock_schema(connection)
            found = self._version(connection)
            if found is None:
                driver = _driver(connection)
                for statement in _making(self.engine.url.drivername):
                    driver.execute(statement)
                revision = migrate.REVISION_OF[SCHEMA_VERSION]
                connection.execute(sa.insert(schema.schema_version).values(version=SCHEMA_VERSION))
                connection.execute(sa.insert(schema.alembic_version).values(version_num=revision))
                connection.execute(sa.insert(schema.book).values(book_id=1, sample=sample))
            elif found > SCHEMA_VERSION or found not in migrate.REVISION_OF:
                what = message("store.newer", found=found, known=SCHEMA_VERSION)
                raise SchemaMismatch(what, step="store.open", term="数据库版本")
            elif found < SCHEMA_VERSION:
                migrate.upgrade(connection, found)
                connection.execute(sa.update(schema.schema_version).values(version=SCHEMA_VERSION))

    def _version(self, connection: sa.Connection | None = None) -> int | None:
        if connection is None:
            with self.engine.connect() as own:
                return self._version(own)
        if not sa.inspect(connection).has_table(schema.schema_version.name):
            return None
        found: int | None = connection.execute(sa.select(schema.schema_version.c.version)).scalar()
        return found

    @cached_property
    def is_sample(self) -> bool:
        """Whether this is a sample book: no real money is settled in it."""
        with self.begin() as connection:
            return bool(connection.execute(sa.select(schema.book.c.sample)).scalar_one())

    def check_samples(self, names: Iterable[str]) -> None:
        """Refuse made-up tables in a real book.

        Args:
            names: of the tables that are made up.

        Raises:
            SampleRefused: there is one, and this is no sample book.
        """
        found = ", ".join(names)
        if found and not self.is_sample:
            raise SampleRefused(message("store.sample_refused", names=found), step="store.sample", term="样例")

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Raises:
            StoreClosed: ``close`` was called before.
            StoreFailed: the database cannot be written or read: disk full, I/O error, locked, connection lost.
                Nothing was acknowledged; after a failed commit ask the books what is there.
        """
        self._must_be_open()
        with self._turn, typed(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self, table: sa.Table) -> Iterator[sa.Connection]:
        """One transaction of the one writer of ``table``: what it reads there cannot change before it ends.

        Raises:
            StoreClosed, StoreFailed: as of ``begin``.
        """
        with self.begin() as connection:
            if connection.dialect.name != "sqlite":
                connection.exec_driver_sql(f'LOCK TABLE "{table.name}" IN SHARE ROW EXCLUSIVE MODE')
            elif not _driver(connection).in_transaction:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def bulk(self) -> Iterator[sa.Connection]:
        """As ``begin``, for rows whose references the caller has checked itself: SQLite does not check them again."""
        self._must_be_open()
        with self._turn, typed(), self.engine.connect() as connection:
            driver = _driver(connection)
            is_sqlite = connection.dialect.name == "sqlite"
            if is_sqlite:
                driver.execute("PRAGMA foreign_keys=OFF")
            try:
                with connection.begin():
                    yield connection
            finally:
                if is_sqlite:
                    driver.execute("PRAGMA foreign_keys=ON")

    @contextmanager
    def direct(self) -> Iterator[Any]:
        """A connection of PostgreSQL's driver itself, each statement of which is a transaction; kept between uses."""
        self._must_be_open()
        try:
            driver = self._direct.pop()
        except IndexError:
            driver = self._detached()
        try:
            yield driver
        except BaseException:
            self._close_direct()  # lost together with the server
            driver.close()
            raise
        self._direct.append(driver)
        if self._is_closed:  # by another thread meanwhile
            self._close_direct()

    def _detached(self) -> Any:
        pooled = self.engine.raw_connection()
        driver: Any = pooled.driver_connection
        pooled.detach()
        driver.autocommit = True
        return driver

    def _close_direct(self) -> None:
        with suppress(IndexError):  # another thread may take the last one
            while True:
                self._direct.pop().close()

    def _must_be_open(self) -> None:
        if self._is_closed:
            raise StoreClosed(message("store.closed"), step="store", term="数据库已关闭")

    def close(self) -> None:
        """Give back every connection; what is asked of the store afterwards is refused."""
        self._is_closed = True
        self._close_direct()
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
