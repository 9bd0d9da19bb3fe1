"""One person's bills and years under one number: schema version 10, the tables are those of 9.

A citizen number in another spelling (15 digits, x, full width, blanks) takes its one form; years that turn out to be
one person's are added up. Settlements keep what they were made of.

Revision ID: 0010
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

from sbcard_core.fields import CitizenNumber

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_KEY = ("psn_no", "insutype", "year", "bucket")
_SUMS = (
    *("visits", "deductible_fen", "pool_base_fen", "pool_paid_fen", "catastrophic_base_fen", "cvlserv_fen"),
    *("hifes_fen", "maf_fen", "oth_fen"),
)


def upgrade() -> None:
    for table, key in (("settlement", "setl_id"), ("medical_reversal", "omsgid")):
        columns = sa.table(table, sa.column(key), sa.column("psn_no"))
        found = op.get_bind().execute(sa.select(columns.c[key], columns.c.psn_no)).all()
        _run(
            sa.update(columns).where(columns.c[key] == sa.bindparam("row")).values(psn_no=sa.bindparam("form")),
            [{"row": row, "form": form} for row, old in found if (form := _form(old)) != old],
        )
    _years()


def _years() -> None:
    year = sa.table("medical_year", *map(sa.column, (*_KEY, *_SUMS)))
    rows = [tuple(row) for row in op.get_bind().execute(sa.select(*year.c)).all()]
    changed = {_form(row[0]) for row in rows if _form(row[0]) != row[0]}
    sums: dict[tuple[Any, ...], list[int]] = {}
    gone = [row for row in rows if _form(row[0]) in changed]
    for row in gone:
        there = sums.setdefault((_form(row[0]), *row[1:4]), [0] * len(_SUMS))
        for place, value in enumerate(row[4:]):
            there[place] += value
    same = sa.and_(*(year.c[name] == sa.bindparam(f"old_{name}") for name in _KEY))
    _run(sa.delete(year).where(same), [{f"old_{name}": row[at] for at, name in enumerate(_KEY)} for row in gone])
    _run(sa.insert(year), [dict(zip((*_KEY, *_SUMS), (*key, *added), strict=True)) for key, added in sums.items()])


def _run(statement: Any, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        op.get_bind().execute(statement, rows)


def _form(number: str) -> str:
    return str(CitizenNumber.parse(number)) if CitizenNumber.is_valid(number) else number
