"""Finding who a roll's lines are for, in the registry's own order (SQLite).

A roll stands in its own order; looked up line by line it touches the registry's pages at random, and a registry that
is larger than the cache is read many times over. So its lines are put in the order of the numbers of persons, looked
up as the registry lies, and put back. PostgreSQL plans such a join itself.
"""

from collections.abc import Callable

import sqlalchemy as sa

_TABLES = sa.MetaData()
_WHO = sa.Table(
    "payout_who",  # lines of known people, in the registry's order
    _TABLES,
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("person_id", sa.Integer, nullable=False),
    prefixes=["TEMPORARY"],
)
_THERE = sa.Table(
    "payout_there",  # what the registry has of them, in the same order
    _TABLES,
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("person_id", sa.Integer, nullable=False),
    *(sa.Column(name, sa.String) for name in ("known_name", "found_bank", "found_account")),
    prefixes=["TEMPORARY"],
)
_FOUND = sa.Table(
    "payout_found",  # the same in the roll's order
    _TABLES,
    sa.Column("line", sa.Integer, primary_key=True),
    *(sa.Column(column.name, column.type) for column in list(_THERE.columns)[1:]),
    prefixes=["TEMPORARY"],
)

REGISTRY = """
      LEFT JOIN card k ON k.person_id = p.person_id AND k.account_state IN ({payable}) AND k.issued_on IS NOT NULL
          AND NOT EXISTS (SELECT 1 FROM card n WHERE n.person_id = p.person_id AND n.account_state IN ({payable})
                          AND (n.issued_on > k.issued_on OR (n.issued_on = k.issued_on AND n.card_no > k.card_no)))
      {told}
"""
"""A person's latest payable card, and what was told of them."""
_ORDERED = sa.text(
    "INSERT INTO payout_who (line, person_id) SELECT s.line, p.person_id FROM payout_input s "
    "CROSS JOIN person p ON p.id_number = s.id_number ORDER BY p.person_id"
)
_LOOKED_UP = (
    "INSERT INTO payout_there SELECT w.line, p.person_id, p.name, {bank}, {account} "  # noqa: S608 - ours
    "FROM payout_who w CROSS JOIN person p ON p.person_id = w.person_id "
    f"{REGISTRY} WHERE w.seq > :after AND w.seq <= :upto"
)
_BACK = sa.text("INSERT INTO payout_found SELECT * FROM payout_there ORDER BY line")
FOUND = (
    "f.person_id, f.known_name, f.found_bank, f.found_account "
    "FROM payout_input s LEFT JOIN payout_found f ON f.line = s.line"
)
"""Lines with what :func:`find` found."""


def find(connection: sa.Connection, names: dict[str, str], count: int, chunk: int, told: Callable[[int], None]) -> None:
    """Fill ``payout_found`` with the person, name and account behind each line of ``payout_input``.

    Args:
        connection: of SQLite.
        names: the SQL of ``bank``, ``account``, ``payable`` and ``told``.
        count: lines there are.
        chunk: lines looked up by one statement.
        told: told how many were looked up.
    """
    _TABLES.create_all(connection, checkfirst=False)
    connection.execute(_ORDERED)
    query = sa.text(_LOOKED_UP.format(**names))
    for after in range(0, count, chunk):
        upto = min(after + chunk, count)
        connection.execute(query, {"after": after, "upto": upto})
        told(upto)
    _WHO.drop(connection)
    connection.execute(_BACK)
    _THERE.drop(connection)


def forget(connection: sa.Connection) -> None:
    """Drop what :func:`find` filled."""
    _FOUND.drop(connection)
