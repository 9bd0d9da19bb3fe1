"""Where the money of a roll is, and the proof that lines and ledger say the same; closing."""

from collections import Counter
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from sbcard_core.messages import message
from sbcard_core.payout import rolls
from sbcard_core.payout.approval import officers
from sbcard_core.payout.checks import yuan
from sbcard_core.payout.deductions import undone_fen
from sbcard_core.payout.lines import Books, payable_account
from sbcard_core.payout.rolls import Roll, RollRefused
from sbcard_core.payout.states import LineState, RecoverySource, RollLineState, RollState
from sbcard_core.store import schema


@dataclass(frozen=True, slots=True)
class RollStatus:
    """A roll's sum, in fen, by where it is. Refused lines never were part of it.

    Attributes:
        roll: the roll.
        lines: lines taken on, whatever became of them.
        total_fen: what they sum to.
        unsent_fen: not at a bank yet.
        sent_fen: at a bank, not answered.
        returned_fen: came back, to be paid again.
        unknown_fen: in suspense until the bank confirms.
        paid_fen: paid, less what came in for recoveries since.
        recovered_fen: kept back for recoveries, and given back by banks, people and heirs.
        removed_fen: taken out, given up or stopped after they came back, and what was kept back by mistake.
        held_fen: suspended; owed later as a back payment of another roll.
        refused: lines that did not match.
        officers: who approved the roll as it stands now.
    """

    roll: Roll
    lines: int
    total_fen: int
    unsent_fen: int
    sent_fen: int
    returned_fen: int
    unknown_fen: int
    paid_fen: int
    recovered_fen: int
    removed_fen: int
    held_fen: int
    refused: int
    officers: tuple[str, ...] = ()

    @property
    def outstanding_fen(self) -> int:
        """Due and not known to be paid."""
        return self.unsent_fen + self.sent_fen + self.returned_fen + self.unknown_fen

    @property
    def is_conserved(self) -> bool:
        """Total = paid + outstanding + recovered + removed (held ones are removed from this roll)."""
        settled = self.paid_fen + self.recovered_fen + self.removed_fen + self.held_fen
        return self.total_fen == settled + self.outstanding_fen


_OF_ROLL = (
    "FROM payout_line l JOIN payout_batch b ON b.batch_no = l.batch_no "
    "WHERE b.programme = :programme AND b.period = :period AND l.roll_id = :roll"
)


def status(books: Books, roll_no: str) -> RollStatus:
    """Where the money of a roll is."""
    with books.store.begin() as connection:
        return read(connection, rolls.load(connection, roll_no))


def read(connection: sa.Connection, roll: Roll) -> RollStatus:
    """The same inside the caller's transaction."""
    place = {"programme": roll.programme, "period": roll.period, "roll": roll.roll_id}
    line = schema.payout_roll_line.c
    query = (
        sa.select(line.state, sa.func.count(), sa.func.sum(line.gross_fen), sa.func.sum(line.deducted_fen))
        .where(line.roll_id == roll.roll_id)
        .group_by(line.state)
    )
    rows = connection.execute(query).all()
    counts = Counter({RollLineState(state): count for state, count, _, _ in rows})
    gross = Counter({RollLineState(state): int(fen) for state, _, fen, _ in rows})
    deducted = sum(int(fen) for *_, fen in rows)
    states = f"SELECT l.state, SUM(l.amount_fen), SUM(CASE WHEN l.repays_batch IS NULL THEN l.amount_fen ELSE 0 END) {_OF_ROLL} GROUP BY l.state"  # noqa: E501
    sent = connection.execute(sa.text(states), place).all()
    fen = Counter({LineState(state): int(all_fen) for state, all_fen, _ in sent})
    first = sum(int(first_fen) for *_, first_fen in sent)
    back = connection.execute(
        sa.text(
            "SELECT COALESCE(SUM(e.amount_fen), 0) FROM payout_recovery r "  # noqa: S608
            "JOIN payout_recovery_entry e ON e.recovery_id = r.recovery_id "
            f"JOIN (SELECT l.batch_no, l.seq {_OF_ROLL}) x ON x.batch_no = r.batch_no AND x.seq = r.seq "
            f"WHERE e.source <> {int(RecoverySource.DEDUCTION)}"
        ),
        place,
    ).scalar_one()
    undone = undone_fen(connection, roll)
    taken = [state for state in RollLineState if state is not RollLineState.REFUSED]
    gone = (RollLineState.REMOVED, RollLineState.DIED)
    return RollStatus(
        roll=roll,
        lines=sum(counts[state] for state in taken),
        total_fen=sum(gross[state] for state in taken),
        unsent_fen=gross[RollLineState.READY] + gross[RollLineState.DEDUCTED] - deducted - first,
        sent_fen=fen[LineState.SENT],
        returned_fen=fen[LineState.RETURNED],
        unknown_fen=fen[LineState.UNKNOWN],
        paid_fen=fen[LineState.PAID] - int(back),
        recovered_fen=deducted - undone + int(back),
        removed_fen=sum(gross[state] for state in gone) + fen[LineState.CANCELLED] + fen[LineState.STOPPED] + undone,
        held_fen=gross[RollLineState.HELD],
        refused=counts[RollLineState.REFUSED],
        officers=officers(connection, roll),
    )


def check(books: Books, roll_no: str) -> list[str]:
    """Everything in which lines, batches and ledger disagree about a roll: nothing, in sound books."""
    with books.store.begin() as connection:
        return _check(books, connection, read(connection, rolls.load(connection, roll_no)))


def _check(books: Books, connection: sa.Connection, there: RollStatus) -> list[str]:
    roll = there.roll
    found = [] if there.is_conserved else [message("payout.check.parts", roll=roll.roll_no)]
    blocked = (int(LineState.SENT), int(LineState.RETURNED))
    query = sa.text(
        "SELECT b.batch_no, b.lines, b.total_fen, COUNT(*), SUM(l.amount_fen), "  # noqa: S608 - numbers of ours
        f"SUM(CASE WHEN l.state IN {blocked} THEN l.amount_fen ELSE 0 END) "
        "FROM payout_batch b JOIN payout_line l ON l.batch_no = b.batch_no "
        "WHERE b.programme = :programme AND b.period = :period GROUP BY b.batch_no, b.lines, b.total_fen"
    )
    rows = connection.execute(query, {"programme": roll.programme, "period": roll.period}).all()
    held = books.ledger.balances([payable_account(row[0]) for row in rows], connection)
    for batch_no, lines, total, count, fen, open_fen in rows:
        if (lines, total) != (count, int(fen)):
            sums = {"lines": lines, "total": yuan(total), "count": count, "sum": yuan(int(fen))}
            found.append(message("payout.check.batch", batch=batch_no, **sums))
        booked = held.get(payable_account(batch_no))
        if booked is None or booked.net_fen != int(open_fen):
            in_books = yuan(0 if booked is None else booked.net_fen)
            found.append(message("payout.check.ledger", what=batch_no, books=in_books, lines=yuan(int(open_fen))))
    left = books.ledger.balances([payable_account(roll.roll_no)], connection)
    unsent = there.unsent_fen if roll.state is RollState.RELEASING else 0
    if sum(balance.net_fen for balance in left.values()) != unsent:
        in_books = yuan(sum(balance.net_fen for balance in left.values()))
        found.append(message("payout.check.ledger", what=roll.roll_no, books=in_books, lines=yuan(unsent)))
    return [str(one) for one in found]


def close(books: Books, roll_no: str, on: date) -> Roll:
    """Close a roll of which nothing is outstanding; a closed one stays as it is.

    Raises:
        RollRefused: ``state`` not released, ``open`` while money is outstanding, ``books`` where they disagree.
    """
    with books.writing() as connection:
        roll = rolls.load(connection, roll_no)
        if roll.state is RollState.CLOSED:
            return roll
        if roll.state is not RollState.RELEASED:
            raise RollRefused("state", message("payout.close.not_released", roll=roll_no))
        there = read(connection, roll)
        if there.outstanding_fen:
            what = message("payout.close.open", roll=roll_no, amount=yuan(there.outstanding_fen))
            raise RollRefused("open", what)
        if _check(books, connection, there):
            raise RollRefused("books", message("payout.close.books", roll=roll_no))
        return rolls.save(connection, roll, state=int(RollState.CLOSED), closed_on=on.isoformat())
