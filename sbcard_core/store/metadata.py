"""The one set of tables, and how a table joins it."""

from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()


def table(name: str, *columns: sa.schema.SchemaItem, **options: Any) -> sa.Table:
    """A table of the library."""
    return sa.Table(name, metadata, *columns, **options)
