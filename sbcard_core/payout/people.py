"""What is known of a payee beside the registry: life, account, suspension (暂停发放); and what was sent for one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa

from sbcard_core.calendar import Period
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import BankAccount, BankCode, CitizenNumber
from sbcard_core.messages import message
from sbcard_core.payout import approval, checks, recovery, rolls
from sbcard_core.payout.acts import RESUME_ACT, SUSPEND_ACT, TELL_ACT, Approved, strictest
from sbcard_core.payout.due import is_suspended, last_event
from sbcard_core.payout.lines import Books
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.states import LineState, RollLineState, RollState
from sbcard_core.store import schema
from sbcard_core.values import CardState, LifeStatus, mask_id


@dataclass(frozen=True, slots=True)
class Standing:
    """What the caller hands in about one person; it holds until told otherwise.

    Attributes:
        id_number: social security number.
        living: AAC060.
        died_on: day of death, where it is known.
        bank, account_no, account_state: an account to be paid instead of the registry's cards; all or none.
    """

    id_number: str = field(repr=False)
    living: LifeStatus = LifeStatus.NORMAL
    died_on: date | None = None
    bank: str | None = None
    account_no: str | None = field(default=None, repr=False)
    account_state: CardState | None = None


def number_of(text: str) -> str:
    """A social security number in its one written form; a text that is none stays as it is, and is nobody's."""
    return CitizenNumber(text) if CitizenNumber.is_valid(text) else text


def find(connection: sa.Connection, id_number: str) -> int:
    """The registry's number of a person.

    Raises:
        InvalidValue: nobody has this social security number.
    """
    person = schema.person.c
    query = sa.select(person.person_id).where(person.id_number == number_of(id_number))
    found = connection.execute(query).scalar()
    if found is None:
        raise InvalidValue(message("payout.nobody"), step="payout", term="查无此人")
    return int(found)


def tell(books: Books, known: Mapping[str, Programme], standings: Iterable[Standing], approved: Approved) -> int:
    """Store what is told and return how many; all or none. A death ends by :mod:`.deaths` only, never by this.

    Raises:
        InvalidValue: unknown person, half an account, an account or bank that is none, a day of death of somebody who
            lives, a death after that day, another day than was reported by :mod:`.deaths`, or life of somebody whose
            death was reported.
        ApprovalRefused: it stops or starts people's pay by their life status, and the act :data:`TELL_ACT` is not
            approved by as many officers as the rolls there are need. Nothing changed.
    """
    table, count, on = schema.payout_standing, 0, approved.on
    changed: list[str] = []
    with books.writing() as connection:
        for one in standings:
            bank, account_no = _account(one)
            if (one.died_on is not None) and one.living is not LifeStatus.DEAD:
                raise InvalidValue(message("payout.tell.lives"), step="payout.tell", term="死亡日期")
            if one.died_on is not None and checks.day(one.died_on, "died_on") > on:
                what = message("payout.death.later", died_on=one.died_on, on=on)
                raise InvalidValue(what, step="payout.tell", term="死亡日期")
            person_id = find(connection, one.id_number)
            before = connection.execute(sa.select(table).where(table.c.person_id == person_id)).one_or_none()
            if one.living is not LifeStatus.DEAD and before is not None and before.living == LifeStatus.DEAD:
                raise InvalidValue(message("payout.tell.dead"), step="payout.tell", term="死亡")
            died_on = _day_of_death(connection, person_id, one)
            since = on.isoformat()
            life = (LifeStatus.NORMAL, None) if before is None else (before.living, before.died_on)
            if life != (one.living, died_on):
                known_on = "" if before is None else before.told_on
                changed.append(f"{number_of(one.id_number)}:{known_on}:{int(one.living)}:{died_on or ''}")
            elif before is not None:  # known from its first report on, whatever is told of the account later
                since = min(str(before.told_on), since)
            connection.execute(sa.delete(table).where(table.c.person_id == person_id))
            values = {
                "person_id": person_id,
                "living": int(one.living),
                "died_on": died_on,
                "bank": bank,
                "account_no": account_no,
                "account_state": None if one.account_state is None else int(one.account_state),
                "told_on": since,
            }
            connection.execute(sa.insert(table).values(values))
            count += 1
        if changed:
            subject, needed = str(len(changed)), strictest(known)
            approved.ask(books, connection, TELL_ACT, subject, sorted(changed), needed=needed)
    return count


def _day_of_death(connection: sa.Connection, person_id: int, one: Standing) -> str | None:
    """The day a standing names; a day that was reported by :mod:`.deaths` stays, and only a decision changes it."""
    named = None if one.died_on is None else one.died_on.isoformat()
    event = last_event(connection, person_id) if one.living is LifeStatus.DEAD else None
    if event is None or event.died_on is None:
        return named
    if named not in (None, event.died_on):
        what = message("payout.tell.other_day", reported=event.died_on)
        raise InvalidValue(what, step="payout.tell", term="死亡日期")
    return str(event.died_on)


def _account(one: Standing) -> tuple[BankCode | None, BankAccount | None]:
    """The account a standing names, valid: what a bank file cannot carry is refused before any money is blocked."""
    account = (one.bank, one.account_no, one.account_state)
    if all(part is None for part in account):
        return None, None
    if one.bank is None or one.account_no is None or one.account_state is None:
        raise InvalidValue(message("payout.tell.half_account"), step="payout.tell", term="账户状态")
    if not BankCode.is_valid(one.bank):
        raise InvalidValue(message("payout.bank", found=one.bank[:16]), step="payout.tell", term="银行代码")
    if not BankAccount.is_valid(one.account_no):
        raise InvalidValue(message("payout.account"), step="payout.tell", term="账号")
    return BankCode(one.bank), BankAccount(one.account_no)


def suspend(books: Books, programme: Programme, id_number: str, since: Period, reason: str, approved: Approved) -> int:
    """Hold the due of periods from ``since`` on; returns how many lines of rolls not yet released are held for it.

    Such a roll needs approval anew. A suspension that runs already begins earlier then, never later.

    Raises:
        InvalidValue: nobody has this social security number.
        ApprovalRefused: the act :data:`SUSPEND_ACT` is not approved by as many officers as a roll. Nothing changed.
    """
    hold = schema.payout_hold
    with books.writing() as connection:
        person_id = find(connection, id_number)
        mine = sa.and_(hold.c.person_id == person_id, hold.c.programme == programme.code, hold.c.until.is_(None))
        begin = since.begin.isoformat()
        running = connection.execute(sa.select(hold.c.since).where(mine)).scalar()
        if running is not None and running <= begin:
            return 0
        _approve(books, connection, programme, SUSPEND_ACT, person_id, (id_number, since, reason), approved)
        told = {"since": begin, "reason": reason, "on_date": approved.on.isoformat()}
        if running is not None:
            connection.execute(sa.update(hold).where(mine).values(told))
        else:
            connection.execute(sa.insert(hold).values(person_id=person_id, programme=programme.code, **told))
        held = 0
        for roll_no, period, number, item in connection.execute(_waiting(programme, person_id)).all():
            if is_suspended(connection, programme, person_id, checks.stored_period(period), item):
                roll = rolls.load(connection, roll_no)
                state = RollLineState.HELD
                approval.take_out(books, connection, programme, roll, [number], "suspended", state)
                held += 1
        return held


def _approve(
    books: Books,
    connection: sa.Connection,
    programme: Programme,
    kind: str,
    person_id: int,
    content: tuple[str, ...],
    approved: Approved,
) -> None:
    hold, number = schema.payout_hold.c, number_of(content[0])
    mine = sa.and_(hold.person_id == person_id, hold.programme == programme.code)
    last = connection.execute(sa.select(sa.func.max(hold.hold_id)).where(mine)).scalar()
    subject, parts = f"{programme.code}:{mask_id(number)}", (programme.code, number, last, *content[1:])
    approved.ask(books, connection, kind, subject, parts, needed=programme.approvals)


def _waiting(programme: Programme, person_id: int) -> "sa.Select[Any]":
    line, roll = schema.payout_roll_line.c, schema.payout_roll.c
    ready = (int(RollLineState.READY), int(RollLineState.DEDUCTED))
    return (
        sa.select(roll.roll_no, roll.period, line.line, line.item)
        .join_from(schema.payout_roll, schema.payout_roll_line, line.roll_id == roll.roll_id)
        .where(line.run_id == roll.run_id, line.person_id == person_id)
        .where(sa.text("payout_roll_line.state < 50"), line.state.in_(ready))
        .where(roll.programme == programme.code, roll.state < int(RollState.RELEASING))
    )


def resume(books: Books, programme: Programme, id_number: str, since: Period, approved: Approved) -> int:
    """Pay again from period ``since`` on; returns how many suspensions ended. Returned lines may then be paid again.

    Raises:
        InvalidValue: nobody has this social security number.
        ApprovalRefused: the act :data:`RESUME_ACT` is not approved by as many officers as a roll. Nothing changed.
    """
    hold = schema.payout_hold
    with books.writing() as connection:
        person_id = find(connection, id_number)
        mine = sa.and_(hold.c.person_id == person_id, hold.c.programme == programme.code, hold.c.until.is_(None))
        ended = connection.execute(sa.update(hold).where(mine).values(until=since.begin.isoformat())).rowcount
        if ended:
            _approve(books, connection, programme, RESUME_ACT, person_id, (id_number, since), approved)
        return int(ended)


@dataclass(frozen=True, slots=True)
class Payment:
    """One line sent to a bank for a person; ``claimable_fen`` of a paid one is not under recovery yet."""

    programme: str
    period: str
    batch_no: str
    seq: int
    state: LineState
    amount_fen: int
    claimable_fen: int


def payments(books: Books, id_number: str) -> list[Payment]:
    """Every line sent for a person, in the order of programme and period.

    Raises:
        InvalidValue: nobody has this social security number.
    """
    found = []
    with books.store.begin() as connection:
        for claim in connection.execute(_claims(find(connection, id_number))).all():
            for code, period, batch_no, seq, state, fen in connection.execute(_sent(*claim)).all():
                left = recovery.claimable(connection, batch_no, seq, fen) if state == LineState.PAID else 0
                found.append(Payment(code, checks.stored_period(period), batch_no, seq, LineState(state), fen, left))
    return sorted(found, key=lambda one: (one.programme, one.period, one.batch_no, one.seq))


def _claims(person_id: int) -> "sa.Select[Any]":
    claim = schema.payout_roll_line.c
    of_person = sa.and_(claim.run_id.in_(rolls.every_run()), claim.person_id == person_id)
    return sa.select(claim.roll_id, claim.line).where(of_person, sa.text("payout_roll_line.state < 50"))


def _sent(roll_id: int, number: int) -> "sa.Select[Any]":
    """What was sent for one line of a roll."""
    line, batch = schema.payout_line.c, schema.payout_batch.c
    return (
        sa.select(batch.programme, batch.period, line.batch_no, line.seq, line.state, line.amount_fen)
        .join_from(schema.payout_line, schema.payout_batch, batch.batch_no == line.batch_no)
        .where(line.roll_id == roll_id, line.roll_line == number)
    )
