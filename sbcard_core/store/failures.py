"""What a database driver raises, as errors of this library. Nothing of the driver's own text about rows is kept.

PostgreSQL names the offending row in its DETAIL, citizen numbers among it: the driver's error is neither the cause nor
the context of the error raised here.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from sbcard_core.errors import SBCardError
from sbcard_core.messages import message


class StoreFailed(SBCardError):
    """The database failed beneath a transaction: disk full, I/O error, locked for too long, connection lost.

    Attributes:
        driver_code: the driver's own code, e.g. ``SQLITE_NOTADB`` or SQLSTATE ``53100``; may be empty.
    """

    driver_code = ""


class StoreConflict(SBCardError):
    """The same row was written meanwhile by somebody else; nothing of this transaction is kept."""


class StoreRejected(SBCardError):
    """The database's own rules refuse a row: a missing value, an unknown reference, a change of what is immutable."""


@contextmanager
def typed() -> Iterator[None]:
    """Turn what a driver raises, whichever the driver, into an error of this module; other errors pass."""
    try:
        yield
    except Exception as error:
        found = _translated(error)
        if found is None:
            raise
        try:
            raise found
        except SBCardError:
            found.__context__ = None
            raise


def _translated(error: Exception) -> SBCardError | None:
    origin = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error
    if isinstance(origin, sqlite3.Error):
        return _of_sqlite(origin)
    # psycopg may not be installed: its errors are known by their module and the names of their bases.
    bases = {f"{base.__module__}.{base.__name__}" for base in type(origin).__mro__}
    return _of_postgres(origin, bases) if "psycopg.Error" in bases else None


def _of_sqlite(error: sqlite3.Error) -> SBCardError | None:
    code = getattr(error, "sqlite_errorname", "")
    if isinstance(error, sqlite3.IntegrityError):  # its text names tables and columns, or is a trigger's own
        if code in {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_ROWID"}:
            return StoreConflict(message("store.conflict", what=str(error)), step="store")
        return StoreRejected(message("store.rejected", what=str(error)), step="store")
    if code == "SQLITE_ERROR":  # a wrong statement: a bug
        return None
    if isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError:
        return _failed(str(error), code)
    if isinstance(error, sqlite3.DataError):
        return StoreRejected(message("store.rejected", what="DataError"), step="store")
    return None


def _of_postgres(error: BaseException, bases: set[str]) -> SBCardError | None:
    state = getattr(error, "sqlstate", None) or ""
    if "psycopg.OperationalError" in bases:
        return _failed(str(error).partition("\n")[0], state)
    if state == "P0001":  # the library's own triggers
        what = getattr(error.diag, "message_primary", None) or ""  # type: ignore[attr-defined]
        return StoreRejected(message("store.rejected", what=what), step="store")
    if "psycopg.IntegrityError" in bases or "psycopg.DataError" in bases:
        diag = getattr(error, "diag", None)
        names = (getattr(diag, name, None) for name in ("table_name", "column_name", "constraint_name"))
        what = " ".join([type(error).__name__, *filter(None, names)])
        if state == "23505":
            return StoreConflict(message("store.conflict", what=what), step="store")
        return StoreRejected(message("store.rejected", what=what), step="store")
    return None


def _failed(reason: str, code: str) -> StoreFailed:
    found = StoreFailed(message("store.failed", reason=reason), step="store", term="数据库故障")
    found.driver_code = code
    return found
