"""A roll as the database keeps it, and the digest officers approve."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sbcard_core.errors import Refused
from sbcard_core.messages import Message, message
from sbcard_core.payout.states import RollLineState, RollState
from sbcard_core.store import schema

DIGEST_CHUNK = 20_000
_COLUMNS = (
    *("roll_id", "roll_no", "run_id", "programme", "period", "state", "source_sha256", "digest", "drafted_by"),
    *("drafted_on", "pay_on", "notice_from", "notice_until", "released_on", "closed_on"),
)


class RollRefused(Refused):
    """A step of a roll is refused and nothing changed; ``code`` says which rule, e.g. ``"digest"``."""

    def __init__(self, code: str, what: Message) -> None:
        super().__init__(what, step="payout.roll", term="发放名册")
        self.code = code


@dataclass(frozen=True, slots=True)
class Roll:
    """One roll. Days are ``YYYY-MM-DD``; ``run_id`` is shared by all rolls of one programme and period."""

    roll_id: int
    roll_no: str
    run_id: int
    programme: str
    period: str
    state: RollState
    source_sha256: str
    digest: str
    drafted_by: str
    drafted_on: str
    pay_on: str
    notice_from: str | None = None
    notice_until: str | None = None
    released_on: str | None = None
    closed_on: str | None = None


def _select() -> sa.Select[Any]:
    return sa.select(*(schema.payout_roll.c[name] for name in _COLUMNS))


def _roll(row: Any) -> Roll:
    fields = dict(zip(_COLUMNS, row, strict=True))
    return Roll(**{**fields, "state": RollState(row[5])})


def load(connection: sa.Connection, roll_no: str) -> Roll:
    """The roll of that number.

    Raises:
        RollRefused: there is none; code ``roll``.
    """
    row = connection.execute(_select().where(schema.payout_roll.c.roll_no == roll_no)).one_or_none()
    if row is None:
        raise RollRefused("roll", message("payout.roll.unknown", roll=roll_no[:64]))
    return _roll(row)


def of_run(connection: sa.Connection, programme: str, period: str) -> list[Roll]:
    """Every roll of one programme and period, in the order drafted."""
    roll = schema.payout_roll.c
    query = _select().where(roll.programme == programme, roll.period == period).order_by(roll.roll_id)
    return [_roll(row) for row in connection.execute(query)]


def every_run() -> "sa.Select[Any]":
    """The ids of all runs: with them a person's claims are found by the index, a few look-ups per run."""
    runs = schema.payout_roll.alias("runs")
    return sa.select(runs.c.run_id)


def save(connection: sa.Connection, roll: Roll, **changes: object) -> Roll:
    """Change fields of a roll and return it as it is now."""
    table = schema.payout_roll
    connection.execute(sa.update(table).where(table.c.roll_id == roll.roll_id).values(changes))
    return load(connection, roll.roll_no)


def joined(connection: sa.Connection, expression: str, order: str) -> str:
    """SQL that joins a text column of a subquery already in order, by the bound ``:sep``."""
    if connection.dialect.name == "sqlite":
        return f"group_concat({expression}, :sep)"
    return f"string_agg({expression}, CAST(:sep AS TEXT) ORDER BY {order})"


def digest_rows(
    connection: sa.Connection,
    table: str,
    columns: tuple[str, ...],
    where: str,
    values: Mapping[str, object],
    *,
    head: str = "",
) -> str:
    """SHA-256 over ``head`` and the rows of a table by ``line``, read in large pieces, never row by row."""
    text = "||'|'||".join(f"CAST({name} AS TEXT)" for name in ("line", *columns))
    part = (
        f"SELECT line, {text} AS x FROM {table} WHERE {where} AND line > :after "  # noqa: S608 - names of ours
        f"ORDER BY line LIMIT {DIGEST_CHUNK}"
    )
    query = sa.text(f"SELECT {joined(connection, 'x', 'line')}, MAX(line) FROM ({part}) part")  # noqa: S608 - ours
    sha, after = hashlib.sha256(head.encode()), 0
    while True:
        piece, last = connection.execute(query, {**values, "after": after, "sep": "\n"}).one()
        if last is None:
            return sha.hexdigest()
        sha.update(piece.encode())
        sha.update(b"\n")
        after = last


_PAID_COLUMNS = ("person_id", "bank", "account_no", "gross_fen", "deducted_fen", "household", "item", "state")


def digest(connection: sa.Connection, roll: Roll) -> str:
    """The digest of a roll: which one, of which programme, period and pay day; who, what account, how much, for what.

    So an approval is of this roll alone, and not of another one with the same lines.
    """
    head = f"{roll.roll_no}|{roll.programme}|{roll.period}|{roll.pay_on}\n"
    states = f"{int(RollLineState.READY)}, {int(RollLineState.DEDUCTED)}"
    where = f"roll_id = :roll AND state IN ({states})"
    return digest_rows(connection, "payout_roll_line", _PAID_COLUMNS, where, {"roll": roll.roll_id}, head=head)


def batches(connection: sa.Connection, roll_id: int) -> list[str]:
    """The batches a roll was first sent in."""
    batch = schema.payout_batch.c
    query = sa.select(batch.batch_no).where(batch.roll_id == roll_id).order_by(batch.batch_no)
    return list(connection.execute(query).scalars())
