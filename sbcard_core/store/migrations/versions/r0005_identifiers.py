"""One written form of each stored identifier: schema version 5, the tables are those of 4.

Numbers, names, accounts, banks, counties and periods of people, cards, premiums and payouts are put in the forms of
:mod:`sbcard_core.fields` and :class:`sbcard_core.calendar.Period`. What has no such form stays as it is, and so does a
row that would become a second one of the same person: both are listed as findings of stage ``migration`` (codes
``identifier.unreadable``, ``identifier.same``), for a clerk. Lines that were sent to banks stay as they were sent; a
roll that is not released and whose period is written anew is to be drafted anew, as its digest is over the period.

Revision ID: 0005
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from alembic import op

from sbcard_core.calendar import Period
from sbcard_core.fields import BankAccount, BankCode, CitizenNumber, CountyCode, PersonName

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_CHUNK: Final = 10_000
_SEVERITY, _STAGE = 1, "migration"  # a warning


class _Period:
    """A column of periods, as the types of identifiers have it."""

    @staticmethod
    def column(values: Sequence[str]) -> list[str]:
        return [str(Period(text)) if Period.is_valid(text) else "" for text in values]


@dataclass(frozen=True, slots=True)
class _Stored:
    """Columns of a table with their kinds, and what no two rows may share.

    Attributes:
        unique: columns in which two rows that differ in ``apart`` (default: the key) and are both ``live`` differ.
    """

    table: str
    key: tuple[str, ...]
    kinds: dict[str, Any]
    unique: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    live: str = "1 = 1"


_STORED: Final = (
    _Stored("person", ("person_id",), {"id_number": CitizenNumber}, ("id_number",)),
    _Stored("person", ("person_id",), {"name": PersonName, "bank": BankCode, "county": CountyCode}),
    _Stored("card", ("card_no",), {"bank": BankCode, "account_no": BankAccount}),
    _Stored("opening_line", ("batch_no", "seq"), {"account_no": BankAccount}),
    _Stored("payout_standing", ("person_id",), {"bank": BankCode, "account_no": BankAccount}),
    _Stored("payout_roll", ("roll_id",), {"period": _Period}, ("programme", "period"), ("run_id",)),
    _Stored("payout_batch", ("batch_no",), {"period": _Period}),
    _Stored("payout_hold", ("hold_id",), {"since": _Period, "until": _Period}),
    _Stored(
        "premium_bill",
        ("bill_no",),
        {"period": _Period, "id_number": CitizenNumber},
        ("period", "insurance", "id_number"),
        live="state < 30",  # not given back, not cancelled
    ),
    _Stored("premium_bill", ("bill_no",), {"name": PersonName}),
    _Stored("premium_batch", ("batch_no",), {"period": _Period}),
)


def upgrade() -> None:
    connection = op.get_bind()
    findings: list[dict[str, object]] = []
    for stored in _STORED:
        _put_right(connection, stored, findings)
    if findings:
        columns = ("stage", "code", "source", "line", "field", "severity", "amount_fen", "detail")
        finding = sa.table("finding", *map(sa.column, columns))
        connection.execute(sa.insert(finding), findings)


def _put_right(connection: sa.Connection, stored: _Stored, findings: list[dict[str, object]]) -> None:
    names = dict.fromkeys((*stored.key, *stored.kinds, *stored.unique, *stored.apart))
    table = sa.table(stored.table, *map(sa.column, names))
    for row, changed in list(_changed(connection, table, stored)):
        findings += [_finding("unreadable", stored, row, name) for name, form in changed.items() if not form]
        forms = {name: form for name, form in changed.items() if form}
        if not forms:
            continue
        if stored.unique and row.is_live and _is_taken(connection, table, stored, row, {**row._mapping, **forms}):
            findings.append(_finding("same", stored, row, stored.unique[-1]))
            continue
        mine = [table.c[name] == row._mapping[name] for name in stored.key]
        connection.execute(sa.update(table).where(*mine).values(forms))


def _changed(
    connection: sa.Connection, table: sa.TableClause, stored: _Stored
) -> Iterator[tuple[sa.Row[Any], dict[str, str]]]:
    """Rows with a value that is not in its written form, and the forms of those values ("" = it has none)."""
    wanted = sa.select(table, sa.literal_column(f"CASE WHEN {stored.live} THEN 1 ELSE 0 END").label("is_live"))
    wanted = wanted.order_by(*(table.c[name] for name in stored.key)).execution_options(yield_per=_CHUNK)
    rows = connection.execute(wanted)
    for chunk in rows.partitions(_CHUNK):
        columns = {
            name: kind.column([row._mapping[name] or "" for row in chunk]) for name, kind in stored.kinds.items()
        }
        for at, row in enumerate(chunk):
            forms = {name: forms[at] for name, forms in columns.items() if forms[at] != (row._mapping[name] or "")}
            if forms:
                yield row, forms


def _is_taken(
    connection: sa.Connection, table: sa.TableClause, stored: _Stored, row: sa.Row[Any], after: dict[str, Any]
) -> bool:
    """Whether another row already is what this one would become."""
    same = [table.c[name] == after[name] for name in stored.unique]
    others = sa.or_(*(table.c[name] != row._mapping[name] for name in stored.apart or stored.key))
    wanted = sa.select(sa.literal(1)).select_from(table).where(*same, others, sa.text(stored.live))
    return connection.execute(wanted.limit(1)).first() is not None


_DETAIL = {
    "unreadable": "{field} 的写法无法识别,未改动,请核对",
    "same": "改为规范写法后与另一行相同({field}),未改动也未合并,请核对",
}


def _finding(code: str, stored: _Stored, row: sa.Row[Any], field: str) -> dict[str, object]:
    key = "/".join(str(row._mapping[name]) for name in stored.key)
    return {
        "stage": _STAGE,
        "code": f"identifier.{code}",
        "source": f"{stored.table}:{key}",
        "line": 0,
        "field": field,
        "severity": _SEVERITY,
        "amount_fen": 0,
        "detail": _DETAIL[code].format(field=field),
    }
