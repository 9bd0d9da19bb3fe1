"""Getting back what was paid too much (追回): opened, received from banks and heirs, withdrawn by a decision."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from sbcard_core.errors import Refused
from sbcard_core.ledger import AccountKind, Transfer, is_id, timestamp
from sbcard_core.messages import Message, message
from sbcard_core.officers import Signer
from sbcard_core.payout import approval, checks, deductions, rolls
from sbcard_core.payout.acts import RECOVER_ACT, WITHDRAW_ACT, Approved
from sbcard_core.payout.checks import yuan
from sbcard_core.payout.lines import Books, clearing_account, post
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.states import LineState, RecoveryMode, RecoverySource
from sbcard_core.store import insert_many, schema
from sbcard_core.values import mask_id, mask_ids_in

PAYERS = "EXTERNAL:payout-recovery"
"""Account through which people and heirs pay in."""
_COLUMNS = (
    *("recovery_id", "person_id", "programme", "batch_no", "seq", "mode", "amount_fen", "monthly_fen", "reason"),
    *("opened_on", "by_death"),
)


class RecoveryRefused(Refused):
    """A recovery is refused and nothing changed; ``code`` says which rule."""

    def __init__(self, code: str, what: Message) -> None:
        super().__init__(what, step="payout.recover", term="追回")
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
    by_death: bool = False


def recover(books: Books, programmes: Callable[[str], Programme], order: Recovery, by: Iterable[Signer]) -> str:
    """Open a recovery and return its id; the same one again changes nothing.

    Raises:
        RecoveryRefused: ``id`` of another recovery, ``line`` not paid, ``amount`` more than was paid and is not
            being recovered already, ``plan``: a deduction without, or a return with, a monthly sum.
        ApprovalRefused: the act :data:`RECOVER_ACT` is not approved by as many officers as a roll. Nothing changed.
    """
    with books.writing() as connection:
        new = open_one(connection, order)
        if new is not None:
            parts = (order.batch_no, order.seq, order.amount_fen, int(order.mode), order.monthly_fen, order.reason)
            needed = programmes(new).approvals
            approved = Approved(order.on, by)
            approved.ask(books, connection, RECOVER_ACT, order.recovery_id, (order.recovery_id, *parts), needed=needed)
        return order.recovery_id


def open_one(connection: sa.Connection, order: Recovery) -> str | None:
    """Open a recovery inside the caller's transaction, see :func:`recover`; its programme, None if it was open."""
    name = mask_ids_in(order.recovery_id[:64]) if isinstance(order.recovery_id, str) else ""
    if not (is_id(order.recovery_id) and order.recovery_id.isprintable()):  # officers approve it by its id
        raise RecoveryRefused("id", message("payout.recovery.id"))
    if (order.monthly_fen > 0) is not (order.mode is RecoveryMode.DEDUCTION):
        raise RecoveryRefused("plan", message("payout.recovery.plan"))
    table, line, batch = schema.payout_recovery, schema.payout_line.c, schema.payout_batch.c
    plain = ("batch_no", "seq", "amount_fen", "monthly_fen", "reason", "by_death")
    values = {name: getattr(order, name) for name in plain}
    values |= {"mode": int(order.mode), "opened_on": order.on.isoformat()}
    there = sa.select(*(table.c[name] for name in values)).where(table.c.recovery_id == order.recovery_id)
    before = connection.execute(there).one_or_none()
    if before is not None:
        if any(old != new for old, (key, new) in zip(before, values.items(), strict=True) if key != "opened_on"):
            raise RecoveryRefused("id", message("payout.recovery.other_id", recovery=name))
        return None
    query = (
        sa.select(line.person_id, line.amount_fen, line.state, batch.programme)
        .join_from(schema.payout_line, schema.payout_batch, batch.batch_no == line.batch_no)
        .where(line.batch_no == order.batch_no, line.seq == order.seq)
    )
    paid = connection.execute(query).one_or_none()
    if paid is None or paid[2] != LineState.PAID:
        raise RecoveryRefused("line", message("payout.recovery.line", batch=order.batch_no[:64], line=order.seq))
    left = claimable(connection, order.batch_no, order.seq, paid[1])
    if not 0 < order.amount_fen <= left:
        raise RecoveryRefused("amount", message("payout.recovery.amount", left=yuan(left)))
    row = {**values, "recovery_id": order.recovery_id, "person_id": paid[0], "programme": paid[3]}
    insert_many(connection, table, _COLUMNS, [tuple(row[name] for name in _COLUMNS)])
    return str(paid[3])


def claimable(connection: sa.Connection, batch_no: str, seq: int, amount_fen: int) -> int:
    """How much of a paid line may still be recovered, in fen.

    Not what a running recovery claims, nor what came in for one that was withdrawn: that is paid back by a line of its
    own, which has its own claim.
    """
    table, entry = schema.payout_recovery.c, schema.payout_recovery_entry.c
    of_line = sa.and_(table.batch_no == batch_no, table.seq == seq)
    claimed = sa.select(sa.func.coalesce(sa.func.sum(table.amount_fen), 0)).where(of_line, table.withdrawn_on.is_(None))
    came_in = (
        sa.select(sa.func.coalesce(sa.func.sum(entry.amount_fen), 0))
        .join_from(schema.payout_recovery_entry, schema.payout_recovery, entry.recovery_id == table.recovery_id)
        .where(of_line, table.withdrawn_on.is_not(None), entry.source != int(RecoverySource.DEDUCTION))
    )
    return amount_fen - int(connection.execute(claimed).scalar_one()) - int(connection.execute(came_in).scalar_one())


def outstanding(books: Books, recovery_id: str) -> int:
    """What has not come back yet, in fen; 0 once withdrawn.

    Raises:
        RecoveryRefused: ``id``: there is no such recovery.
    """
    with books.store.begin() as connection:
        row = _load(connection, recovery_id)
        return 0 if row.withdrawn_on is not None else int(row.open_fen)


def _load(connection: sa.Connection, recovery_id: str) -> Any:
    table, batch = schema.payout_recovery.c, schema.payout_batch.c
    query = (
        sa.select(
            *(table.programme, table.mode, table.amount_fen, table.withdrawn_on, table.decision, batch.bank),
            (table.amount_fen - deductions.counted_fen()).label("open_fen"),
        )
        .join_from(schema.payout_recovery, schema.payout_batch, batch.batch_no == table.batch_no)
        .where(table.recovery_id == recovery_id)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise RecoveryRefused("id", message("payout.recovery.unknown", recovery=mask_ids_in(str(recovery_id)[:64])))
    return row


@dataclass(frozen=True, slots=True)
class RecoveryStatus:
    """A recovery as it stands: of which paid line, how it comes back, what was claimed, and what is still out.

    ``withdrawn_on`` and ``decision`` are of its withdrawal; what had come in by then is owed to the person again.
    """

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
    withdrawn_on: str | None = None
    decision: str | None = None


def recoveries(books: Books, programme: Programme) -> list[RecoveryStatus]:
    """Every recovery of a programme, in the order opened; numbers of people are masked."""
    table, person = schema.payout_recovery.c, schema.person.c
    open_fen = sa.case((table.withdrawn_on.is_not(None), 0), else_=table.amount_fen - deductions.counted_fen())
    query = (
        sa.select(
            *(table.recovery_id, person.id_number, table.batch_no, table.seq, table.mode, table.amount_fen),
            *(table.monthly_fen, open_fen, table.reason, table.opened_on, table.withdrawn_on, table.decision),
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


@dataclass(frozen=True, slots=True)
class Receipt:
    """Money that came in for a recovery; the decision is needed where the person or the heirs paid."""

    recovery_id: str
    amount_fen: int
    reference: str
    on: date
    source: RecoverySource = RecoverySource.BANK
    decision: str = ""


def receive(books: Books, programme: Programme, receipt: Receipt) -> int:
    """Book money that a bank gave back, or that heirs paid in, under its reference; returns what is still out.

    The same reference again changes nothing. The money moves from the bank's clearing account, or from outside, to the
    fund. What comes in for a recovery that was withdrawn meanwhile is booked too, and owed to the person again.

    Raises:
        InvalidValue: heirs paid, and the number of the decision is missing.
        RecoveryRefused: ``id`` unknown, ``programme`` another one, ``amount`` more than is out, ``reference`` empty, or
            used for another sum.
    """
    entry = schema.payout_recovery_entry.c
    recovery_id, amount_fen = receipt.recovery_id, receipt.amount_fen
    decision = checks.decision(receipt.decision) if receipt.source is RecoverySource.HEIRS else None
    name = f"payout:recovery:{len(recovery_id)}:{recovery_id}:{receipt.reference}"
    if not receipt.reference.strip() or not is_id(name):
        raise RecoveryRefused("reference", message("payout.recovery.no_reference"))
    with books.writing() as connection:
        row = _load(connection, recovery_id)
        withdrawn = row.withdrawn_on is not None
        if row.programme != programme.code:
            raise RecoveryRefused("programme", message("payout.recovery.programme", programme=programme.code))
        mine = sa.and_(entry.recovery_id == recovery_id, entry.reference == receipt.reference)
        before = connection.execute(sa.select(entry.amount_fen, entry.source).where(mine)).one_or_none()
        if before is not None:
            if tuple(before) != (amount_fen, int(receipt.source)):
                raise RecoveryRefused("reference", message("payout.recovery.reference", reference=receipt.reference))
            return 0 if withdrawn else int(row.open_fen)
        left = row.amount_fen - _came_in(connection, recovery_id) if withdrawn else int(row.open_fen)
        if not 0 < amount_fen <= left:
            raise RecoveryRefused("amount", message("payout.recovery.too_much", left=yuan(left)))
        values = (recovery_id, receipt.reference, amount_fen, receipt.on.isoformat(), int(receipt.source), decision)
        columns = (*deductions.ENTRY_COLUMNS, "decision", "undone_on")
        undone = receipt.on.isoformat() if withdrawn else None
        insert_many(connection, schema.payout_recovery_entry, columns, [(*values, undone)])
        source = clearing_account(row.bank) if receipt.source is RecoverySource.BANK else PAYERS
        if source == PAYERS:
            books.ledger.open_accounts([(PAYERS, AccountKind.EXTERNAL)], connection=connection)
        at = timestamp(receipt.on)
        move = Transfer(name, source, programme.fund_account, amount_fen, "payout.recovered", at)
        post(books.ledger, connection, [move])
        return 0 if withdrawn else left - amount_fen


def _came_in(connection: sa.Connection, recovery_id: str) -> int:
    entry = schema.payout_recovery_entry.c
    mine = sa.and_(entry.recovery_id == recovery_id, entry.source != int(RecoverySource.DEDUCTION))
    return int(
        connection.execute(sa.select(sa.func.coalesce(sa.func.sum(entry.amount_fen), 0)).where(mine)).scalar_one()
    )


def withdraw(books: Books, programme: Programme, recovery_id: str, decision: str, approved: Approved) -> None:
    """Withdraw a recovery by a decision: what is open falls away, what came in is owed to the person again.

    It takes as many officers as a roll of the programme. Rolls not yet released keep nothing back for it any more and
    need approval anew. The same decision again changes nothing.

    Raises:
        InvalidValue: no number of a decision.
        ApprovalRefused: the act :data:`WITHDRAW_ACT` is not approved by enough officers.
        RecoveryRefused: ``id`` unknown, ``programme`` another one, ``withdrawn`` by another decision.
    """
    number = checks.decision(decision)
    with books.writing() as connection:
        row = _load(connection, recovery_id)
        if row.programme != programme.code:
            raise RecoveryRefused("programme", message("payout.recovery.programme", programme=programme.code))
        if row.withdrawn_on is not None:
            if row.decision != number:
                raise RecoveryRefused("withdrawn", message("payout.recovery.withdrawn", decision=row.decision))
            return
        content = (recovery_id, row.amount_fen, row.open_fen, number)
        approved.ask(books, connection, WITHDRAW_ACT, recovery_id, content, needed=programme.approvals)
        withdraw_one(books, connection, programme, recovery_id, number, approved.on)


def withdraw_one(
    books: Books, connection: sa.Connection, programme: Programme, recovery_id: str, decision: str, on: date
) -> None:
    """Withdraw a recovery inside the caller's transaction; see :func:`withdraw`."""
    table, entry = schema.payout_recovery, schema.payout_recovery_entry
    gone = {"withdrawn_on": on.isoformat(), "decision": decision}
    connection.execute(sa.update(table).where(table.c.recovery_id == recovery_id).values(gone))
    for roll_no in sorted(deductions.lift(connection, recovery_id)):
        approval.changed(books, connection, programme, rolls.load(connection, roll_no))
    open_ = sa.and_(entry.c.recovery_id == recovery_id, entry.c.undone_on.is_(None))
    connection.execute(sa.update(entry).where(open_).values(undone_on=on.isoformat()))
