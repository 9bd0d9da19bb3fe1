"""Bulk writes: rows as tuples, one statement, no per-row dictionaries where the driver allows it."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

Row = Sequence[Any]


def insert_many(connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Insert ``rows`` (values in the order of ``columns``) and return how many there were."""
    batch = [tuple(row) for row in rows]
    if not batch:
        return 0
    if connection.dialect.name == "sqlite":
        names = ", ".join(f'"{name}"' for name in columns)
        marks = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})', batch)  # noqa: S608 - names are ours
    else:
        connection.execute(sa.insert(table), [dict(zip(columns, row, strict=True)) for row in batch])
    return len(batch)


def update_many(
    connection: sa.Connection, table: sa.Table, columns: Sequence[str], keys: Sequence[str], rows: Iterable[Row]
) -> int:
    """Update one row of ``table`` per input row; each row is the new ``columns`` values, then the ``keys`` values."""
    batch = [tuple(row) for row in rows]
    if not batch:
        return 0
    if connection.dialect.name == "sqlite":
        sets = ", ".join(f'"{name}"=?' for name in columns)
        where = " AND ".join(f'"{name}"=?' for name in keys)
        connection.exec_driver_sql(f'UPDATE "{table.name}" SET {sets} WHERE {where}', batch)  # noqa: S608
    else:
        statement = sa.update(table).values({name: sa.bindparam(f"new_{name}") for name in columns})
        for name in keys:
            statement = statement.where(table.c[name] == sa.bindparam(f"key_{name}"))
        names = [f"new_{name}" for name in columns] + [f"key_{name}" for name in keys]
        connection.execute(statement, [dict(zip(names, row, strict=True)) for row in batch])
    return len(batch)


def rows_as_table(connection: sa.Connection, columns: Sequence["sa.Column[Any]"], rows: Iterable[Row]) -> sa.FromClause:
    """Values as a table to be joined, one parameter whatever their number: its columns are named as ``columns``.

    A join reads the other table by its index on both databases; SQLite reads the whole table for ``(a, b) IN (...)``.

    Args:
        connection: whose database it is for.
        columns: the columns the values are compared with; text or whole numbers.
        rows: values in the order of ``columns``.
    """
    batch = [tuple(row) for row in rows]
    if connection.dialect.name == "sqlite":
        listed = sa.func.json_each(json.dumps(batch)).table_valued("value", name="listed")
        values = (sa.func.json_extract(listed.c.value, f"$[{place}]") for place in range(len(columns)))
        parts = [value.label(column.name) for value, column in zip(values, columns, strict=True)]
        return sa.select(*parts).select_from(listed).subquery("wanted")
    arrays = [
        sa.bindparam(None, [row[place] for row in batch], type_=postgresql.ARRAY(column.type))
        for place, column in enumerate(columns)
    ]
    return sa.func.unnest(*arrays).table_valued(*(column.name for column in columns), name="wanted").render_derived()
