"""Finding who a roll's lines are for, in the registry's own order (SQLite).

A roll stands in its own order; looked up line by line it touches the registry's pages at random, and a registry that
is larger than the cache is read many times over. So its lines are put in the order of the numbers of persons, looked
up as the registry lies, and put back. PostgreSQL plans such a join itself.
"""

from collections.abc import Callable, Collection, Sequence

import sqlalchemy as sa

from sbcard_core.store import schema
from sbcard_core.values import CardState

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
      LEFT JOIN card k ON k.person_id = p.person_id AND k.account_state IN ({payable})
          AND NOT EXISTS (SELECT 1 FROM card n WHERE n.person_id = p.person_id AND n.account_state IN ({payable})
                          AND (COALESCE(n.issued_on, ''), n.card_no) > (COALESCE(k.issued_on, ''), k.card_no))
      {told}
"""
"""A person's latest payable card, issued before not issued, and what was told of them."""
_OPENED = (
    "(SELECT {column} FROM opening_line o JOIN opening_batch b ON b.batch_no = o.batch_no "
    "WHERE o.person_id = p.person_id AND o.state = 20 AND NOT EXISTS "
    "(SELECT 1 FROM card c WHERE c.person_id = p.person_id AND c.account_no = o.account_no) "
    "ORDER BY o.answered_on DESC, o.batch_no DESC LIMIT 1)"
)
_TOLD = "LEFT JOIN payout_standing t ON t.person_id = p.person_id AND t.account_no IS NOT NULL"


def names(connection: sa.Connection, payable: Collection[CardState]) -> dict[str, str]:
    """The SQL of bank and account of person ``p``, for a query with :data:`REGISTRY`.

    An account that was reported goes before the registry's; of these a card's before one opened in bulk that is on no
    card yet.
    """
    states = ", ".join(str(int(state)) for state in sorted(payable)) or "-1"
    standing = schema.payout_standing.c
    told = connection.execute(sa.select(standing.person_id).where(standing.account_no.is_not(None)).limit(1)).first()
    account, bank = "k.account_no", "k.bank"
    if CardState.SEALED in payable:
        account = f"COALESCE(k.account_no, {_OPENED.format(column='o.account_no')})"
        bank = f"COALESCE(k.bank, {_OPENED.format(column='b.bank')})"
    if told is not None:
        live = f"CASE WHEN t.account_state IN ({states}) THEN t."
        account = f"CASE WHEN t.person_id IS NULL THEN {account} ELSE {live}account_no END END"
        bank = f"CASE WHEN t.person_id IS NULL THEN {bank} ELSE {live}bank END END"
    return {"account": account, "bank": bank, "payable": states, "told": _TOLD if told is not None else ""}


def accounts(
    connection: sa.Connection, payable: Collection[CardState], people: Sequence[int]
) -> dict[int, tuple[str, str]]:
    """Bank and account each of some people is paid to today; who has none is left out."""
    sql = names(connection, payable)
    text = "SELECT p.person_id, {bank}, {account} FROM person p " + REGISTRY + " WHERE p.person_id IN :people"  # noqa: S608
    query = sa.text(text.format(**sql)).bindparams(sa.bindparam("people", expanding=True))
    found = {}
    for first in range(0, len(people), 500):
        for person_id, bank, account in connection.execute(query, {"people": list(people[first : first + 500])}):
            if account is not None:
                found[person_id] = bank, account
    return found


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


def find(connection: sa.Connection, sql: dict[str, str], count: int, chunk: int, told: Callable[[int], None]) -> None:
    """Fill ``payout_found`` with the person, name and account behind each line of ``payout_input``.

    Args:
        connection: of SQLite.
        sql: what :func:`names` gave.
        count: lines there are.
        chunk: lines looked up by one statement.
        told: told how many were looked up.
    """
    _TABLES.create_all(connection, checkfirst=False)
    connection.execute(_ORDERED)
    query = sa.text(_LOOKED_UP.format(**sql))
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
