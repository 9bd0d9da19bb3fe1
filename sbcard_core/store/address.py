"""A database's address: what is refused before anything is opened. No message repeats it: it may hold a password."""

import importlib.util
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue, MissingPart
from sbcard_core.messages import Message, message

_DRIVERS: Final = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}


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
        sbcard_core.errors.InvalidValue: databases of kind mongodb are not supported (数据库地址) [store.open]; ...
    """
    try:
        found = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError, TypeError):
        raise _refused("unread") from None  # the cause would show it
    if found.drivername not in _DRIVERS:
        raise _refused("kind", kind=found.drivername)
    if _DRIVERS[found.drivername] == "sqlite" and (found.host or found.username is not None or found.port):
        shown = "/".join(filter(None, (found.host, found.database))) if found.username is None else ""
        raise _refused("slashes", meant=f"sqlite:///{shown or '…'}")
    if "\0" in (found.database or ""):
        raise _refused("nul")
    if found.get_backend_name() == "postgresql" and importlib.util.find_spec("psycopg") is None:
        raise MissingPart(message("parts.psycopg"), step="store.open", term="数据库驱动")
    return found.set(drivername=_DRIVERS[found.drivername])


def file_of(where: sa.URL) -> Path | None:
    """The file of a SQLite database; None for one in memory, on a server, or given as a URI of SQLite's own."""
    name = where.database or ""
    is_file = where.get_backend_name() == "sqlite" and name not in ("", ":memory:") and not name.startswith("file:")
    return Path(name).absolute() if is_file else None


def why_not_opened(where: sa.URL, driver_code: str) -> Message | None:
    """Which SQLite file could not be opened, and what to do; None where the reason is another one."""
    path = file_of(where)
    if path is None:
        return None
    if driver_code == "SQLITE_NOTADB":
        return message("store.no_database", path=str(path))
    if path.is_dir():
        return message("store.folder", path=str(path))
    if not path.parent.is_dir():
        return message("store.no_folder", path=str(path.parent))
    if driver_code == "SQLITE_CANTOPEN":
        return message("store.cannot_open", path=str(path))
    return None


def _refused(fault: str, /, **parameters: str) -> InvalidValue:
    return InvalidValue(message(f"store.address.{fault}", **parameters), step="store.open", term="数据库地址")
