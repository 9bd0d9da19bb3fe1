"""Deaths reported, corrected and withdrawn: every line of a person is brought to what the known death says of it.

An event never edits an earlier one. After each, one pass goes over all lines of the person: what is not due is taken
off rolls, stopped where it came back, and recovered where it was paid; what is due again goes back the same way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message
from sbcard_core.payout import approval, checks, deductions, people, recovery, returns, rolls
from sbcard_core.payout.acts import DEATH_ACT, WITHDRAW_DEATH_ACT, Approved, strictest
from sbcard_core.payout.checks import stored_period
from sbcard_core.payout.due import death_of, is_due, last_event, period_of
from sbcard_core.payout.lines import Books
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.states import DEATH_REASON, LineState, RecoveryMode, RollLineState, RollState
from sbcard_core.store import schema
from sbcard_core.values import LifeStatus, mask_id


@dataclass(frozen=True, slots=True)
class DeathReport:
    """What a death, its correction or its withdrawal did.

    Attributes:
        removed: lines taken off rolls not released.
        cancelled: returned lines stopped, their money back in the fund.
        recoveries: opened, by id.
        at_bank: lines still at a bank; ask again when they are answered.
        held: lines due again, as back pay of a later roll (``held``).
        payable: returned lines that may be paid again.
        withdrawn: recoveries that fell away, by id; what had come in for them is in ``held`` too.
        unknown: programmes with lines of the person that this engine does not know: it did nothing to them. Hand the
            programmes in, and report again.
    """

    removed: int = 0
    cancelled: int = 0
    recoveries: tuple[str, ...] = ()
    at_bank: int = 0
    held: int = 0
    payable: int = 0
    withdrawn: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


def report(
    books: Books, known: Mapping[str, Programme], id_number: str, died_on: date, decision: str, approved: Approved
) -> DeathReport:
    """A person died, or on another day than was reported; the same report again goes on where lines were at a bank.

    The person's reported account stays: what is still due, the month of death, goes there. Recoveries are claims:
    money moves only with the bank's reply, or when the heirs pay. They have the id ``death:<batch>:<seq>``, with
    ``:2`` and so on where one was withdrawn.

    Raises:
        InvalidValue: unknown person, a death after ``on``, or a correction without the number of its decision.
        ApprovalRefused: the act :data:`DEATH_ACT` is not approved by as many officers as the rolls there are need.
        FundsShort: a returned line is due again, and the fund does not hold it. Nothing changed.
    """
    on = approved.on
    if checks.day(died_on, "died_on") > on:
        raise InvalidValue(message("payout.death.later", died_on=died_on, on=on), step="payout.death", term="死亡日期")
    with books.writing() as connection:
        person_id = people.find(connection, id_number)
        before = last_event(connection, person_id)
        known_on = None if before is None else before.died_on
        is_new = known_on != died_on.isoformat()
        number = checks.decision(decision) if decision or (is_new and known_on is not None) else ""
        if is_new:
            content = (id_number, before and before.event_id, died_on, number)
            _approve(books, connection, known, DEATH_ACT, content, approved)
            _event(connection, person_id, died_on, number, on)
        _set_life(connection, person_id, LifeStatus.DEAD, died_on, on)
        return _settle(books, connection, known, person_id, number or DEATH_REASON, on)


def withdraw(
    books: Books, known: Mapping[str, Programme], id_number: str, decision: str, approved: Approved
) -> DeathReport:
    """The reported death was a mistake: the person lives, and everything it did goes back.

    Raises:
        InvalidValue: unknown person, nobody reported a death, or no number of a decision.
        ApprovalRefused: the act :data:`WITHDRAW_DEATH_ACT` is not approved by as many officers as the rolls need.
        FundsShort: a returned line is due again, and the fund does not hold it. Nothing changed.
    """
    number, on = checks.decision(decision), approved.on
    with books.writing() as connection:
        person_id = people.find(connection, id_number)
        (is_dead, _), before = death_of(connection, person_id), last_event(connection, person_id)
        if not is_dead and before is None:
            raise InvalidValue(message("payout.death.none"), step="payout.death", term="死亡")
        if is_dead:
            content = (id_number, before and before.event_id, number)
            _approve(books, connection, known, WITHDRAW_DEATH_ACT, content, approved)
            _event(connection, person_id, None, number, on)
        _set_life(connection, person_id, LifeStatus.NORMAL, None, on)
        return _settle(books, connection, known, person_id, number, on)


def _approve(
    books: Books,
    connection: sa.Connection,
    known: Mapping[str, Programme],
    kind: str,
    content: tuple[object, ...],
    approved: Approved,
) -> None:
    number = people.number_of(str(content[0]))
    approved.ask(books, connection, kind, mask_id(number), (number, *content[1:]), needed=strictest(known))


def _event(connection: sa.Connection, person_id: int, died_on: date | None, decision: str, on: date) -> None:
    values = {"person_id": person_id, "died_on": None if died_on is None else died_on.isoformat()}
    values |= {"decision": decision, "on_date": on.isoformat()}
    connection.execute(sa.insert(schema.payout_death).values(values))


def _set_life(connection: sa.Connection, person_id: int, life: LifeStatus, died_on: date | None, on: date) -> None:
    """Change what is known of a person's life; the account that was reported stays."""
    table = schema.payout_standing
    values = {"living": int(life), "died_on": None if died_on is None else died_on.isoformat()}
    values["told_on"] = on.isoformat()
    mine = sa.update(table).where(table.c.person_id == person_id).values(values)
    if not connection.execute(mine).rowcount:
        connection.execute(sa.insert(table).values(person_id=person_id, **values))


def _settle(
    books: Books, connection: sa.Connection, known: Mapping[str, Programme], person_id: int, decision: str, on: date
) -> DeathReport:
    is_dead, died_on = death_of(connection, person_id)
    assert died_on is not None or not is_dead
    done, unknown = _Settling(books, connection, decision, on), set[str]()
    for claim in connection.execute(_claims(person_id)).all():
        programme = known.get(claim.programme)
        if programme is None:
            unknown.add(claim.programme)
        else:
            due = is_due(programme, period_of(claim.item, claim.period), died_on)
            # Arrears that came back wait for a roll's period to be due again: nobody pays them to the dead.
            done.claim(programme, claim, due=due, payable=is_due(programme, stored_period(claim.period), died_on))
    return DeathReport(
        *(done.removed, done.stopped, tuple(done.opened), done.at_bank),
        *(done.held, done.payable, tuple(done.withdrawn), tuple(sorted(unknown))),
    )


def _claims(person_id: int) -> "sa.Select[Any]":
    """Every line of a person on a roll, by the indexes of claims and of lines taken out."""
    line, roll = schema.payout_roll_line.c, schema.payout_roll.c
    every = sa.select(
        *(roll.roll_no, roll.programme, roll.period, line.roll_id, line.run_id, line.line, line.item),
        *(line.household, line.deducted_fen, line.person_id),
        roll.state.label("roll_state"),
        line.state.label("line_state"),
    )
    claims = (
        every.join_from(schema.payout_roll_line, schema.payout_roll, line.roll_id == roll.roll_id)
        .where(line.run_id.in_(rolls.every_run()), line.person_id == person_id)
        .where(sa.text("payout_roll_line.state < 50"))
    )
    died = every.join_from(schema.payout_roll_line, schema.payout_roll, line.roll_id == roll.roll_id).where(
        line.person_id == person_id, sa.text("payout_roll_line.state = 52")
    )
    both = sa.union_all(claims, died).subquery()
    return sa.select(both).order_by(both.c.roll_id, both.c.line)


class _Settling:
    """One pass over the lines of a person."""

    def __init__(self, books: Books, connection: sa.Connection, decision: str, on: date) -> None:
        self.books, self.connection, self.decision, self.on = books, connection, decision, on
        self.removed = self.stopped = self.at_bank = self.held = self.payable = 0
        self.opened: list[str] = []
        self.withdrawn: list[str] = []

    def claim(self, programme: Programme, claim: Any, *, due: bool, payable: bool) -> None:
        """One line of a roll, and what was sent for it."""
        if claim.roll_state < RollState.RELEASING and claim.line_state != RollLineState.DIED:
            if not (due if claim.line_state == RollLineState.HELD else payable):
                roll, state = rolls.load(self.connection, claim.roll_no), RollLineState.DIED
                approval.take_out(self.books, self.connection, programme, roll, [claim.line], DEATH_REASON, state)
                self.removed += 1
            return
        if claim.line_state == RollLineState.DIED:
            if due and payable and claim.roll_state != RollState.WITHDRAWN and self._is_free(claim):
                self._hold(claim)
            return
        if not due and claim.deducted_fen:
            deductions.undo(self.connection, claim.roll_no, claim.line, self.on)
        line = schema.payout_line.c
        query = sa.select(line.batch_no, line.seq, line.state, line.amount_fen)
        mine = sa.and_(line.roll_id == claim.roll_id, line.roll_line == claim.line)
        rows = self.connection.execute(query.where(mine).order_by(line.batch_no)).all()
        if not rows and claim.line_state == RollLineState.READY and not due:
            self.at_bank += 1  # its money is blocked, and its release stopped on the way
        for sent in rows:
            self._sent(programme, sent, due=due, payable=payable)

    def _sent(self, programme: Programme, sent: Any, *, due: bool, payable: bool) -> None:
        which, state = (sent.batch_no, sent.seq), LineState(sent.state)
        if state is LineState.RETURNED and not payable:
            returns.to_fund(self.books, self.connection, programme, which, self.on, LineState.STOPPED)
            self.stopped += 1
        elif state is LineState.STOPPED and payable:
            returns.from_fund(self.books, self.connection, programme, which, self.on)
            self.payable += 1
        elif state in (LineState.SENT, LineState.UNKNOWN) and not due:
            self.at_bank += 1
        elif state is LineState.PAID and not due:
            self._recover(sent)
        elif state is LineState.PAID:
            self._let_go(programme, which)

    def _recover(self, sent: Any) -> None:
        fen = recovery.claimable(self.connection, sent.batch_no, sent.seq, sent.amount_fen)
        if fen:
            name = self._free_id(f"{DEATH_REASON}:{sent.batch_no}:{sent.seq}")
            claim = (fen, RecoveryMode.RETURN, 0, DEATH_REASON, self.on)
            order = recovery.Recovery(name, sent.batch_no, sent.seq, *claim, by_death=True)
            recovery.open_one(self.connection, order)
            self.opened.append(name)

    def _free_id(self, stem: str) -> str:
        table, n, name = schema.payout_recovery.c, 1, stem
        while self.connection.execute(sa.select(table.mode).where(table.recovery_id == name)).first():
            n += 1
            name = f"{stem}:{n}"
        return name

    def _let_go(self, programme: Programme, which: tuple[str, int]) -> None:
        """The line was due: recoveries that a death opened fall away."""
        table = schema.payout_recovery.c
        mine = sa.and_(table.batch_no == which[0], table.seq == which[1], table.by_death)
        query = sa.select(table.recovery_id).where(mine, table.withdrawn_on.is_(None)).order_by(table.recovery_id)
        for name in self.connection.execute(query).scalars().all():
            recovery.withdraw_one(self.books, self.connection, programme, name, self.decision, self.on)
            self.withdrawn.append(name)

    def _is_free(self, claim: Any) -> bool:
        """Nobody put the person, or the household, on another roll of the period meanwhile."""
        line = schema.payout_roll_line.c
        same = sa.and_(line.run_id == claim.run_id, line.item == claim.item, line.state < 50)
        who = line.person_id == claim.person_id
        if claim.household:
            who = sa.or_(who, line.household == claim.household)
        return self.connection.execute(sa.select(line.line).where(same, who)).first() is None

    def _hold(self, claim: Any) -> None:
        table = schema.payout_roll_line
        mine = sa.and_(table.c.roll_id == claim.roll_id, table.c.line == claim.line)
        self.connection.execute(sa.update(table).where(mine).values(state=int(RollLineState.HELD)))
        self.held += 1
