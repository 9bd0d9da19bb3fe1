"""A database's address: what is refused before anything is opened. No message repeats it: it may hold a password."""

import importlib.util
import sqlite3
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue, MissingPart

_DRIVERS: Final = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_ADVICE: Final = "use sqlite:///path/to/file.sqlite or postgresql+psycopg://user@host/database"


def parse(url: str) -> sa.URL:
    """The address of a database that the library works with.

    Raises:
        InvalidValue: no address, or that of another kind of database.
        MissingPart: the driver of PostgreSQL is not installed.

    Example:
        >>> parse("sqlite:///books.sqlite").database, parse("sqlite:///books.sqlite").drivername
        ('books.sqlite', 'sqlite')
        >>> parse("mongodb://host/db")
        Traceback (most recent call last):
        sbcard_core.errors.InvalidValue: databases of kind 'mongodb' are not supported (数据库地址) [store.open]; ...
    """
    try:
        found = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError, TypeError):
        raise _refused("the database's address cannot be read") from None  # the cause would show it
    if found.drivername not in _DRIVERS:
        raise _refused(f"databases of kind {found.drivername!r} are not supported")
    if _DRIVERS[found.drivername] == "sqlite" and (found.host or found.username is not None or found.port):
        shown = "/".join(filter(None, (found.host, found.database))) if found.username is None else ""
        meant = f": write sqlite:///{shown}" if shown else ""
        raise _refused(
            "an SQLite address has three slashes before the file's name, four before an absolute path" + meant
        )
    if "\0" in (found.database or ""):
        raise _refused("the database's name has a NUL in it")
    if found.get_backend_name() == "postgresql" and importlib.util.find_spec("psycopg") is None:
        raise MissingPart(
            "the driver of PostgreSQL is not installed",
            step="store.open",
            term="数据库驱动",
            advice="pip install 'sbcard-core[postgres]'",
        )
    return found.set(drivername=_DRIVERS[found.drivername])


def why_not_opened(where: sa.URL, error: BaseException | None) -> tuple[str, str] | None:
    """Which SQLite file could not be opened, and what to do; None where the reason is another one."""
    if where.get_backend_name() != "sqlite" or not where.database or where.database.startswith("file:"):
        return None
    path = Path(where.database).absolute()
    code = getattr(getattr(error, "orig", error), "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_NOTADB:
        return f"{path} is no SQLite database", "check the path, or bring back the file from its backup"
    if path.is_dir():
        return f"{path} is a folder", "name a file in it"
    if not path.parent.is_dir():
        return f"there is no folder {path.parent} for the database", "check the path, or make the folder"
    if code == sqlite3.SQLITE_CANTOPEN:
        return f"{path} cannot be opened", "check who may read and write it and its folder"
    return None


def _refused(what: str) -> InvalidValue:
    return InvalidValue(what, step="store.open", term="数据库地址", advice=_ADVICE)
