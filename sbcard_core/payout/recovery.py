"""Getting back what was paid too much (追回), and giving up what came back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from sbcard_core.errors import Refused
from sbcard_core.ledger import Transfer, is_id, timestamp
from sbcard_core.payout import deductions
from sbcard_core.payout.lines import Books, clearing_account, payable_account, post
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.states import LineState, RecoveryMode
from sbcard_core.store import insert_many, schema
from sbcard_core.values import mask_id

_COLUMNS = (
    *("recovery_id", "person_id", "programme", "batch_no", "seq", "mode", "amount_fen", "monthly_fen", "reason"),
    "opened_on",
)


class RecoveryRefused(Refused):
    """A recovery is refused and nothing changed; ``code`` says which rule."""

    def __init__(self, code: str, what: str, advice: str) -> None:
        super().__init__(what, step="payout.recover", term="追回", advice=advice)
        self.code = code


@dataclass(frozen=True, slots=True)
class Recovery:
    """What is to come back of one paid line, and how; ``monthly_fen`` is the most one later line is cut by."""

    recovery_id: str
    batch_no: str
    seq: int
    amount_fen: int
    mode: RecoveryMode
    monthly_fen: int
    reason: str
    on: date


def recover(books: Books, order: Recovery) -> str:
    """Open a recovery and return its id; the same one again changes nothing.

    Raises:
        RecoveryRefused: ``id`` of another recovery, ``line`` not paid, ``amount`` more than was paid and is not
            being recovered already, ``plan``: a deduction without, or a return with, a monthly sum.
    """
    if not is_id(order.recovery_id):
        raise RecoveryRefused("id", "a recovery has an id of at most 128 characters", "give it one")
    if (order.monthly_fen > 0) is not (order.mode is RecoveryMode.DEDUCTION):
        raise RecoveryRefused("plan", "a deduction has a monthly sum, a return has none", "say how it comes back")
    table, line, batch = schema.payout_recovery, schema.payout_line.c, schema.payout_batch.c
    values = {name: getattr(order, name) for name in ("batch_no", "seq", "amount_fen", "monthly_fen", "reason")}
    values |= {"mode": int(order.mode), "opened_on": order.on.isoformat()}
    with books.writing() as connection:
        there = sa.select(*(table.c[name] for name in values)).where(table.c.recovery_id == order.recovery_id)
        before = connection.execute(there).one_or_none()
        if before is not None:
            if any(old != new for old, (name, new) in zip(before, values.items(), strict=True) if name != "opened_on"):
                raise RecoveryRefused("id", "the id belongs to another recovery", "use another id")
            return order.recovery_id
        query = (
            sa.select(line.person_id, line.amount_fen, line.state, batch.programme)
            .join_from(schema.payout_line, schema.payout_batch, batch.batch_no == line.batch_no)
            .where(line.batch_no == order.batch_no, line.seq == order.seq)
        )
        paid = connection.execute(query).one_or_none()
        if paid is None or paid[2] != LineState.PAID:
            raise RecoveryRefused("line", "only a paid line is recovered", "cancel or stop it instead")
        if not 0 < order.amount_fen <= claimable(connection, order.batch_no, order.seq, paid[1]):
            raise RecoveryRefused("amount", "more than was paid, or nothing", "recover at most what is still out")
        row = {**values, "recovery_id": order.recovery_id, "person_id": paid[0], "programme": paid[3]}
        insert_many(connection, table, _COLUMNS, [tuple(row[name] for name in _COLUMNS)])
    return order.recovery_id


def claimable(connection: sa.Connection, batch_no: str, seq: int, amount_fen: int) -> int:
    """How much of a sent line is not under recovery yet, in fen."""
    table = schema.payout_recovery.c
    query = sa.select(sa.func.coalesce(sa.func.sum(table.amount_fen), 0))
    return amount_fen - int(connection.execute(query.where(table.batch_no == batch_no, table.seq == seq)).scalar_one())


def outstanding(books: Books, recovery_id: str) -> int:
    """What has not come back yet, in fen.

    Raises:
        RecoveryRefused: ``id``: there is no such recovery.
    """
    with books.store.begin() as connection:
        return _open_fen(connection, recovery_id)


@dataclass(frozen=True, slots=True)
class RecoveryStatus:
    """A recovery as it stands: of which paid line, how it comes back, what was claimed, and what is still out."""

    recovery_id: str
    id_number: str
    batch_no: str
    seq: int
    mode: RecoveryMode
    amount_fen: int
    monthly_fen: int
    open_fen: int
    reason: str
    opened_on: str


def recoveries(books: Books, programme: Programme) -> list[RecoveryStatus]:
    """Every recovery of a programme, in the order opened; numbers of people are masked."""
    table, entry, person = schema.payout_recovery.c, schema.payout_recovery_entry.c, schema.person.c
    back = (
        sa.select(sa.func.coalesce(sa.func.sum(entry.amount_fen), 0))
        .where(entry.recovery_id == table.recovery_id)
        .scalar_subquery()
    )
    query = (
        sa.select(
            *(table.recovery_id, person.id_number, table.batch_no, table.seq, table.mode, table.amount_fen),
            *(table.monthly_fen, table.amount_fen - back, table.reason, table.opened_on),
        )
        .join_from(schema.payout_recovery, schema.person, person.person_id == table.person_id)
        .where(table.programme == programme.code)
        .order_by(table.opened_on, table.recovery_id)
    )
    with books.store.begin() as connection:
        rows = connection.execute(query).all()
    return [
        RecoveryStatus(name, mask_id(who), batch_no, seq, RecoveryMode(mode), fen, monthly, int(left), *why)
        for name, who, batch_no, seq, mode, fen, monthly, left, *why in rows
    ]


def _open_fen(connection: sa.Connection, recovery_id: str) -> int:
    table, entry = schema.payout_recovery.c, schema.payout_recovery_entry.c
    whole = connection.execute(sa.select(table.amount_fen).where(table.recovery_id == recovery_id)).scalar()
    if whole is None:
        raise RecoveryRefused("id", "there is no such recovery", "check its id")
    back = sa.select(sa.func.coalesce(sa.func.sum(entry.amount_fen), 0)).where(entry.recovery_id == recovery_id)
    return int(whole) - int(connection.execute(back).scalar_one())


def receive(books: Books, programme: Programme, recovery_id: str, amount_fen: int, reference: str, on: date) -> int:
    """Book money a bank gave back, under the bank's reference; returns what is still out.

    The same reference again changes nothing. The money moves from the bank's clearing account to the fund.

    Raises:
        RecoveryRefused: ``id`` unknown, ``mode`` is a deduction, ``amount`` more than is out, ``reference`` used for
            another sum.
    """
    table, batch, entry = schema.payout_recovery.c, schema.payout_batch.c, schema.payout_recovery_entry.c
    with books.writing() as connection:
        left = _open_fen(connection, recovery_id)
        query = (
            sa.select(batch.bank, table.mode, table.programme)
            .join_from(schema.payout_recovery, schema.payout_batch, batch.batch_no == table.batch_no)
            .where(table.recovery_id == recovery_id)
        )
        bank, mode, code = connection.execute(query).one()
        if mode != RecoveryMode.RETURN or code != programme.code:
            raise RecoveryRefused("mode", "this recovery is a deduction, or of another programme", "check its id")
        mine = sa.select(entry.amount_fen).where(entry.recovery_id == recovery_id, entry.reference == reference)
        before = connection.execute(mine).scalar()
        if before is not None:
            if before != amount_fen:
                raise RecoveryRefused("reference", "the reference was booked with another sum", "ask the bank")
            return left
        if not 0 < amount_fen <= left:
            raise RecoveryRefused("amount", "more than is still out, or nothing", "clear it with the bank")
        row = (recovery_id, reference, amount_fen, on.isoformat())
        insert_many(connection, schema.payout_recovery_entry, deductions.ENTRY_COLUMNS, [row])
        name = f"payout:recovery:{recovery_id}:{reference}"
        source = clearing_account(bank)
        move = Transfer(name, source, programme.fund_account, amount_fen, "payout.recovered", timestamp(on))
        post(books.ledger, connection, [move])
        return left - amount_fen


@dataclass(frozen=True, slots=True)
class ReturnedLine:
    """One returned line that waits: to be paid again, or given up by its batch and number."""

    batch_no: str
    seq: int
    id_number: str
    amount_fen: int
    reason: str


def returned(books: Books, programme: Programme, period: str) -> list[ReturnedLine]:
    """The returned lines (退票) of one programme and period; numbers of people are masked."""
    line, batch, person = schema.payout_line.c, schema.payout_batch.c, schema.person.c
    query = (
        sa.select(line.batch_no, line.seq, person.id_number, line.amount_fen, line.reason)
        .join_from(schema.payout_line, schema.payout_batch, batch.batch_no == line.batch_no)
        .join(schema.person, person.person_id == line.person_id)
        .where(batch.programme == programme.code, batch.period == period, line.state == int(LineState.RETURNED))
        .order_by(line.batch_no, line.seq)
    )
    with books.store.begin() as connection:
        rows = connection.execute(query).all()
    return [ReturnedLine(batch_no, seq, mask_id(who), fen, reason or "") for batch_no, seq, who, fen, reason in rows]


def cancel(books: Books, programme: Programme, returned: Iterable[tuple[str, int]], on: date) -> int:
    """Give up returned lines (batch, number): their money goes back to the fund; returns how many were.

    Raises:
        RecoveryRefused: ``line``: one is not in state RETURNED; ``programme``: one is of another. Nothing changed.
    """
    line, count = schema.payout_line, 0
    with books.writing() as connection:
        for batch_no, seq in returned:
            mine = sa.and_(line.c.batch_no == batch_no, line.c.seq == seq)
            query = sa.select(line.c.state, line.c.amount_fen, schema.payout_batch.c.programme)
            query = query.join_from(line, schema.payout_batch, schema.payout_batch.c.batch_no == line.c.batch_no)
            row = connection.execute(query.where(mine)).one_or_none()
            if row is not None and row[2] != programme.code:
                raise RecoveryRefused("programme", "the line is of another programme", "its money goes to its own fund")
            if row is not None and row[0] == LineState.CANCELLED:
                continue
            if row is None or row[0] != LineState.RETURNED:
                raise RecoveryRefused("line", "only a returned line is given up", "wait for the bank's answer")
            name, source = f"payout:{batch_no}:{seq}:cancel", payable_account(batch_no)
            move = Transfer(name, source, programme.fund_account, row[1], "payout.cancelled", timestamp(on))
            post(books.ledger, connection, [move])
            connection.execute(sa.update(line).where(mine).values(state=int(LineState.CANCELLED)))
            count += 1
    return count
