"""Bring an older database to the schema of this library, in one transaction, by Alembic's revisions.

A database of this library's version is opened without Alembic. Back up first: SQLite by ``VACUUM INTO 'copy.sqlite'``
or by copying the closed file with its ``-wal``; PostgreSQL by ``pg_dump``. An upgrade that fails leaves the database
as it was.
"""

from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

REVISION_OF: Final = {
    1: "0001",
    2: "0002",
    3: "0003",
    4: "0004",
    5: "0005",
    6: "0006",
    7: "0007",
    8: "0008",
    9: "0009",
    10: "0010",
    11: "0011",
    12: "0012",
    13: "0013",
}
"""Alembic's revision of each schema version."""
VERSION: Final = max(REVISION_OF)
_FOLDER: Final = Path(__file__).with_name("migrations")


def upgrade(connection: sa.Connection, found: int, to: int = VERSION) -> None:
    """Apply every revision after version ``found`` up to ``to``; 0 is an empty database.

    The caller holds a lock on the database and has switched off SQLite's foreign keys.
    """
    from alembic.migration import MigrationContext  # noqa: PLC0415 - only an older database needs it
    from alembic.operations import Operations  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    script = ScriptDirectory(str(_FOLDER))

    def steps(revision: Any, _context: Any) -> Any:
        return script._upgrade_revs(REVISION_OF[to], revision)

    def at(revision: Any, _context: Any) -> Any:
        return script._stamp_revs(REVISION_OF[found], revision)

    if found and not _revision(connection):
        context = MigrationContext.configure(connection, opts={"fn": at})
        context.run_migrations()
    context = MigrationContext.configure(connection, opts={"fn": steps})
    with Operations.context(context):
        context.run_migrations()


def _revision(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return found
