"""From a drafted roll to one that may be paid: four eyes, the public notice, lines taken out."""

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from sbcard_core.calendar import add_working_days
from sbcard_core.errors import InvalidValue
from sbcard_core.payout import deductions, rolls
from sbcard_core.payout.lines import Books
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.rolls import Roll, RollRefused
from sbcard_core.payout.states import RollLineState, RollState
from sbcard_core.store import schema
from sbcard_core.values import mask_id

_CLAIMS = (int(RollLineState.READY), int(RollLineState.DEDUCTED), int(RollLineState.HELD))


def officer_name(text: str) -> str:
    """One spelling per officer, so that nobody is two people.

    Raises:
        InvalidValue: empty.

    Example:
        >>> officer_name(" Wang  Li ") == officer_name("ＷＡＮＧ li")
        True
    """
    name = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if not name:
        raise InvalidValue("an officer has a name", step="payout.approve", term="审批人")
    return name


def officers(connection: sa.Connection, roll: Roll) -> tuple[str, ...]:
    """Who approved the roll as it stands now, each by the one spelling of :func:`officer_name`."""
    approval = schema.payout_approval.c
    query = sa.select(approval.officer).where(approval.roll_id == roll.roll_id, approval.digest == roll.digest)
    return tuple(connection.execute(query.order_by(approval.on_date, approval.officer)).scalars())


def approve(books: Books, programme: Programme, roll_no: str, officer: str, digest: str, on: date) -> Roll:
    """Record one officer's approval of exactly this content; the same one again changes nothing.

    Raises:
        RollRefused: ``state`` past approval, ``digest`` of another content, ``officer`` drafted it.
    """
    name = officer_name(officer)
    with books.writing() as connection:
        roll = rolls.load(connection, roll_no)
        approval = schema.payout_approval.c
        mine = sa.select(approval.on_date).where(approval.roll_id == roll.roll_id, approval.officer == name)
        if digest != roll.digest:
            what = "the roll is not the one that was approved"
            raise RollRefused("digest", what, "read the roll again and approve its present digest")
        if connection.execute(mine.where(approval.digest == digest)).first() is not None:
            return roll
        if roll.state >= RollState.RELEASING:
            raise RollRefused("state", "the roll is past approval", "nothing is left to approve")
        if name == officer_name(roll.drafted_by):
            raise RollRefused("officer", "who drafted a roll may not approve it", "ask another officer")
        values = {"roll_id": roll.roll_id, "digest": digest, "officer": name, "on_date": on.isoformat()}
        connection.execute(sa.insert(schema.payout_approval).values(values))
        return _settle(connection, programme, roll)


def _settle(connection: sa.Connection, programme: Programme, roll: Roll) -> Roll:
    """The state a roll before release is in, by its approvals and its notice."""
    state = RollState.DRAFTED
    if len(officers(connection, roll)) >= programme.approvals:
        state = RollState.APPROVED if roll.notice_from is None else RollState.NOTICED
    return rolls.save(connection, roll, state=int(state))


def notice(books: Books, programme: Programme, roll_no: str, on: date) -> Roll:
    """Begin the public notice (公示) on a day; it ends after the programme's working days, that day excluded.

    Raises:
        RollRefused: ``state``: not approved, or past it; ``notice``: before the roll was drafted, or the programme
            needs none.
    """
    if not programme.notice_days:
        what = f"programme {programme.code} needs no public notice"
        raise RollRefused("notice", what, "release it when it is approved")
    with books.writing() as connection:
        roll = rolls.load(connection, roll_no)
        if roll.notice_from is not None:
            return roll
        if roll.state is not RollState.APPROVED:
            raise RollRefused("state", "only an approved roll is shown to the public", "have it approved first")
        if on.isoformat() < roll.drafted_on:
            raise RollRefused("notice", "a notice can't begin before the roll was drafted", "give the day it is posted")
        until = add_working_days(on, programme.notice_days)
        state = int(RollState.NOTICED)
        dates = {"notice_from": on.isoformat(), "notice_until": until.isoformat()}
        return rolls.save(connection, roll, state=state, **dates)


@dataclass(frozen=True, slots=True)
class NoticeLine:
    """One line as the public sees it: the number without the birth date, no account."""

    line: int
    area: str
    name: str = field(repr=False)
    id_number: str
    amount_fen: int


def notice_lines(books: Books, roll_no: str) -> Iterator[NoticeLine]:
    """What is posted at the village or street, by area and line."""
    line, person = schema.payout_roll_line.c, schema.person.c
    with books.store.begin() as connection:
        roll = rolls.load(connection, roll_no)
        query = (
            sa.select(line.line, line.area, person.name, person.id_number, line.gross_fen)
            .join_from(schema.payout_roll_line, schema.person, person.person_id == line.person_id)
            .where(line.roll_id == roll.roll_id, line.state.in_(_CLAIMS))
            .order_by(line.area, line.line)
        )
        for number, area, name, id_number, amount in connection.execute(query):
            yield NoticeLine(number, area, name, mask_id(id_number), amount)


def objection(books: Books, programme: Programme, roll_no: str, line: int, by: str, reason: str, on: date) -> Roll:
    """Uphold an objection (异议成立): the line leaves the roll, which needs approval anew; the notice runs on.

    Raises:
        RollRefused: ``state`` past it, ``notice`` not running on that day, ``line`` not in the roll.
    """
    with books.writing() as connection:
        roll = rolls.load(connection, roll_no)
        noted = schema.payout_objection.c
        there = sa.select(noted.line).where(noted.roll_id == roll.roll_id, noted.line == line)
        if connection.execute(there).first() is not None:
            return roll
        if not (roll.notice_from and roll.notice_until and roll.notice_from <= on.isoformat() <= roll.notice_until):
            raise RollRefused("notice", "no public notice runs on that day", "objections are raised during the notice")
        roll = take_out(connection, programme, roll, [line], "objection")
        values = {"roll_id": roll.roll_id, "line": line, "raised_by": by, "reason": reason, "on_date": on.isoformat()}
        connection.execute(sa.insert(schema.payout_objection).values(values))
        return roll


def remove(books: Books, programme: Programme, roll_no: str, lines: Collection[int], reason: str) -> Roll:
    """Take lines out before release; the roll needs approval anew.

    Raises:
        RollRefused: ``state`` past it, ``line`` not in the roll.
    """
    with books.writing() as connection:
        return take_out(connection, programme, rolls.load(connection, roll_no), sorted(set(lines)), reason)


def take_out(connection: sa.Connection, programme: Programme, roll: Roll, lines: list[int], reason: str) -> Roll:
    if roll.state >= RollState.RELEASING:
        raise RollRefused("state", "the roll's money is blocked already", "recover or cancel the line instead")
    table = schema.payout_roll_line
    update = (
        sa.update(table)
        .where(table.c.roll_id == roll.roll_id, table.c.line == sa.bindparam("n"), table.c.state.in_(_CLAIMS))
        .values(state=int(RollLineState.REMOVED), reason=reason, deducted_fen=0)
    )
    for line in lines:
        if connection.execute(update, {"n": line}).rowcount != 1:
            raise RollRefused("line", f"line {line} is not in the roll", "check the number of the line")
    deductions.give_back(connection, roll, lines)
    roll = rolls.save(connection, roll, digest=rolls.digest(connection, roll))
    return _settle(connection, programme, roll)


def withdraw(books: Books, roll_no: str) -> Roll:
    """Give a roll up before its money is blocked; its people may stand on another one.

    Raises:
        RollRefused: ``state``: past it.
    """
    with books.writing() as connection:
        roll = rolls.load(connection, roll_no)
        if roll.state is RollState.WITHDRAWN:
            return roll
        if roll.state >= RollState.RELEASING:
            raise RollRefused("state", "the roll's money is blocked already", "let the banks answer, then close it")
        line = schema.payout_roll_line
        of_roll = sa.select(line.c.line).where(line.c.roll_id == roll.roll_id, line.c.deducted_fen > 0)
        deductions.give_back(connection, roll, list(connection.execute(of_roll).scalars()))
        gone = {"state": int(RollLineState.REMOVED), "reason": "withdrawn", "deducted_fen": 0}
        connection.execute(
            sa.update(line).where(line.c.roll_id == roll.roll_id, line.c.state.in_(_CLAIMS)).values(gone)
        )
        return rolls.save(connection, roll, state=int(RollState.WITHDRAWN))
