"""From a drafted roll to one that may be paid: approvals of two officers, the public notice, lines taken out."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from sbcard_core.calendar import UnknownYear, add_working_days
from sbcard_core.ledger import Transfer, timestamp
from sbcard_core.messages import message
from sbcard_core.officers import Act, Given, Signer, given, obtain, proved, record
from sbcard_core.payout import deductions, rolls, rules
from sbcard_core.payout.lines import Books, payable_account, post
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.rolls import Roll, RollRefused
from sbcard_core.payout.states import RollLineState, RollState
from sbcard_core.store import schema
from sbcard_core.values import mask_id

ROLL_ACT = "payout.roll"
"""Kind of act: a roll is paid. Its subject is the number of the roll."""

_CLAIMS = (int(RollLineState.READY), int(RollLineState.DEDUCTED), int(RollLineState.HELD))


def officers(connection: sa.Connection, roll: Roll) -> tuple[str, ...]:
    """Ids of those who approved the roll as it stands now; of a roll of an earlier version, the names typed then."""
    there = given(connection, ROLL_ACT, roll.roll_no, roll.digest)
    return tuple(one.officer for one in there if roll.state >= RollState.RELEASING or one.method != "typed")


def counted(books: Books, connection: sa.Connection, roll: Roll) -> list[Given]:
    """The approvals of the roll as it stands now that prove something, by day."""
    return proved(connection, books.officers, ROLL_ACT, roll.roll_no, roll.digest)


def approve(books: Books, programme: Programme, roll_no: str, signer: Signer, digest: str, on: date) -> Roll:
    """Record one officer's approval of exactly this content; the same one again changes nothing.

    Raises:
        RollRefused: ``state`` past approval, ``digest`` of another content, ``officer`` drafted it, or its drafter is
            not registered, ``order``: before the roll was drafted.
        ApprovalRefused: the officer is not registered, or the approval is not proved.
    """
    with books.writing() as connection:
        roll = rolls.load(connection, roll_no)
        if digest != roll.digest:
            raise RollRefused("digest", message("payout.roll.other_digest", roll=roll_no))
        if signer.officer == roll.drafted_by:
            raise RollRefused("officer", message("payout.roll.own_draft", roll=roll_no, officer=signer.officer))
        if programme.approvals and not books.officers.knows(roll.drafted_by):  # by a name typed in an earlier version
            raise RollRefused("officer", message("payout.roll.drafter", roll=roll_no, officer=roll.drafted_by))
        if any(one.officer == signer.officer for one in counted(books, connection, roll)):
            return roll
        if roll.state >= RollState.RELEASING:
            raise RollRefused("state", message("payout.roll.past_approval", roll=roll_no))
        approval = obtain(books.officers, Act(ROLL_ACT, roll_no, digest, on), signer)
        if approval.act.on.isoformat() < roll.drafted_on:
            what = message("payout.roll.before_draft", roll=roll_no, on=approval.act.on, drafted_on=roll.drafted_on)
            raise RollRefused("order", what)
        record(connection, approval)
        return _settle(books, connection, programme, roll)


def _settle(books: Books, connection: sa.Connection, programme: Programme, roll: Roll) -> Roll:
    """The state a roll before release is in, by its approvals and its notice."""
    state = RollState.DRAFTED
    if len(counted(books, connection, roll)) >= programme.approvals:
        state = RollState.APPROVED if roll.notice_from is None else RollState.NOTICED
    return rolls.save(connection, roll, state=int(state))


def last_act(books: Books, connection: sa.Connection, roll: Roll) -> str:
    """The day of the latest act on a roll before its release: drafted, approved, or shown to the public."""
    days = [one.on.isoformat() for one in counted(books, connection, roll)]
    return max([roll.drafted_on, roll.notice_from or "", *days])


def notice(books: Books, programme: Programme, roll_no: str, on: date, until: date | None = None) -> Roll:
    """Begin the public notice (公示) on a day; it ends after the programme's working days, that day excluded.

    Args:
        books: database and ledger.
        programme: of the roll.
        roll_no: the roll.
        on: first day.
        until: last day; needed where the working days are not known yet, otherwise not before the computed one.

    Raises:
        RollRefused: ``state``: not approved, or past it; ``notice``: before the roll was drafted or approved, too
            short, or the programme needs none.
        UnknownYear: the working days are not known, and ``until`` is not given.
    """
    if not programme.notice_days:
        raise RollRefused("notice", message("payout.notice.none", programme=programme.code))
    with books.writing() as connection:
        roll = rolls.load(connection, roll_no)
        if roll.notice_from is not None:
            return roll
        if roll.state is not RollState.APPROVED:
            raise RollRefused("state", message("payout.notice.not_approved", roll=roll_no))
        if on.isoformat() < (last := last_act(books, connection, roll)):
            raise RollRefused("notice", message("payout.notice.too_early", roll=roll_no, on=on, last=last))
        end = _notice_end(programme, on, until)
        dates = {"notice_from": on.isoformat(), "notice_until": end.isoformat()}
        return rolls.save(connection, roll, state=int(RollState.NOTICED), **dates)


def _notice_end(programme: Programme, on: date, until: date | None) -> date:
    try:
        least = add_working_days(on, programme.notice_days)
    except UnknownYear:
        if until is None:
            raise
        least = on
    if until is not None and until < least:
        raise RollRefused("notice", message("payout.notice.too_short", until=until, least=least))
    return until or least


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
            raise RollRefused("notice", message("payout.notice.not_running", roll=roll_no, on=on))
        roll = take_out(books, connection, programme, roll, [line], "objection")
        values = {"roll_id": roll.roll_id, "line": line, "raised_by": by, "reason": reason, "on_date": on.isoformat()}
        connection.execute(sa.insert(schema.payout_objection).values(values))
        return roll


def remove(books: Books, programme: Programme, roll_no: str, lines: Collection[int], reason: str) -> Roll:
    """Take lines out before release; the roll needs approval anew.

    Raises:
        RollRefused: ``state`` past it, ``line`` not in the roll.
    """
    with books.writing() as connection:
        return take_out(books, connection, programme, rolls.load(connection, roll_no), sorted(set(lines)), reason)


def take_out(
    books: Books,
    connection: sa.Connection,
    programme: Programme,
    roll: Roll,
    lines: list[int],
    reason: str,
    state: RollLineState = RollLineState.REMOVED,
) -> Roll:
    """Take lines out of a roll before its release: for good, or (HELD, DIED) for a later back payment."""
    if roll.state >= RollState.RELEASING:
        raise RollRefused("state", message("payout.roll.blocked", roll=roll.roll_no))
    table = schema.payout_roll_line
    update = (
        sa.update(table)
        .where(table.c.roll_id == roll.roll_id, table.c.line == sa.bindparam("n"), table.c.state.in_(_CLAIMS))
        .values(state=int(state), reason=reason, deducted_fen=0)
    )
    for line in lines:
        if connection.execute(update, {"n": line}).rowcount != 1:
            raise RollRefused("line", message("payout.roll.no_line", roll=roll.roll_no, line=line))
    deductions.give_back(connection, roll, lines)
    return changed(books, connection, programme, roll)


def changed(books: Books, connection: sa.Connection, programme: Programme, roll: Roll) -> Roll:
    """A roll whose lines were changed before its release: another digest, which needs approval anew."""
    roll = rolls.save(connection, roll, digest=rolls.digest(connection, roll))
    return _settle(books, connection, programme, roll)


def stale(books: Books, programme: Programme, roll_no: str) -> list[tuple[int, str]]:
    """Lines that could be paid when the roll was drafted and can't be now; see :func:`.rules.stale`."""
    with books.store.begin() as connection:
        roll = rolls.load(connection, roll_no)
        if roll.state >= RollState.RELEASING:
            return []
        return rules.stale(connection, programme, books.payable(programme), roll)


def withdraw(books: Books, programme: Programme, roll_no: str, on: date | None = None) -> Roll:
    """Give up what of a roll is not at a bank yet; its people may stand on another one.

    Before the release this is the whole roll. Of one whose release stopped on the way, the lines of batches already
    written stay, and the money blocked for the others goes back to the fund (``on`` is the day of that).

    Raises:
        RollRefused: ``state``: every line is at its bank; ``day``: money is blocked, and ``on`` is missing.
    """
    with books.writing() as connection:
        roll = rolls.load(connection, roll_no)
        if roll.state is RollState.WITHDRAWN:
            return roll
        if roll.state > RollState.RELEASING:
            raise RollRefused("state", message("payout.roll.released", roll=roll_no))
        line, sent = schema.payout_roll_line, schema.payout_line.c
        unsent = sa.and_(line.c.roll_id == roll.roll_id, line.c.state.in_(_CLAIMS))
        out = rolls.batches(connection, roll.roll_id)
        if out:  # what is at a bank stays, and so does what is settled without one
            at_bank = sa.select(sent.roll_line).where(sent.roll_id == roll.roll_id)
            unsent = sa.and_(unsent, line.c.state == int(RollLineState.READY), line.c.line.not_in(at_bank))
        if roll.state is RollState.RELEASING:
            if on is None:
                raise RollRefused("day", message("payout.roll.withdraw_day", roll=roll_no))
            _unblock(books, connection, programme, roll, on)
        kept = sa.select(line.c.line).where(unsent, line.c.deducted_fen > 0)
        deductions.give_back(connection, roll, list(connection.execute(kept).scalars()))
        gone = {"state": int(RollLineState.REMOVED), "reason": "withdrawn", "deducted_fen": 0}
        connection.execute(sa.update(line).where(unsent).values(gone))
        return rolls.save(connection, roll, state=int(RollState.RELEASED if out else RollState.WITHDRAWN))


def _unblock(books: Books, connection: sa.Connection, programme: Programme, roll: Roll, on: date) -> None:
    payable = payable_account(roll.roll_no)
    left = books.ledger.balance(payable, connection).net_fen
    if left:
        name, fund = f"payout:{roll.roll_no}:unblock", programme.fund_account
        post(books.ledger, connection, [Transfer(name, payable, fund, left, "payout.unblock", timestamp(on))])
