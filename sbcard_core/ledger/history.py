"""What happened to one account, by business time, and what it held at any moment."""

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from sbcard_core.ledger.accounts import Balance
from sbcard_core.ledger.proof import MOVES, halves, whole
from sbcard_core.ledger.rows import COLUMNS, rows_of
from sbcard_core.ledger.transfers import Transfer
from sbcard_core.store import Store

_MARK: Final = sa.text("SELECT seq FROM account_entry WHERE account_id = ''")  # no account has an empty id


def _within(when: str) -> str:
    """The account's transfers by the index and, of those posted since, by looking at each.

    A mark read a little earlier does no harm: what was indexed meanwhile is found twice and counts once.
    """
    return (
        f"t.seq IN (SELECT seq FROM account_entry WHERE account_id = :account AND {when} UNION ALL "  # noqa: S608
        "SELECT seq FROM transfer WHERE seq > :mark AND (debit_account = :account OR credit_account = :account) "
        f"AND {when})"
    )


def _sums(*whens: str) -> str:
    sides = ((side, when) for when in whens for side in ("debit", "credit"))
    return ", ".join(halves("t.amount_fen", f"t.{side}_account = :account AND {when}") for side, when in sides)


# What was held before and every movement, in one statement: it sees the books at one moment, on both databases and
# also within a caller's transaction. There is always a first row, with no movement in it where there is none.
_ENTRIES: Final = sa.text(
    f"SELECT o.*, e.* FROM (SELECT {_sums(MOVES)} FROM transfer t WHERE {_within('at < :since')}) o "  # noqa: S608
    f"LEFT JOIN (SELECT t.seq, {', '.join(f't.{name}' for name in COLUMNS)} FROM transfer t "
    f"WHERE {_within('at >= :since AND at < :before')} AND {MOVES}) e ON 1 = 1 ORDER BY e.at, e.seq"
)
_HELD: Final = "h.transfer_id IS NOT NULL AND (h.state = 0 OR h.closed_at > :until)"
_BALANCE: Final = sa.text(
    f"SELECT {_sums(MOVES, _HELD)} FROM transfer t "  # noqa: S608
    f"LEFT JOIN hold h ON h.transfer_id = t.transfer_id WHERE {_within('at <= :until')}"
)
_INDEX: Final = sa.text(
    "INSERT INTO account_entry (account_id, at, seq) "
    "SELECT debit_account, at, seq FROM transfer WHERE seq > :mark AND seq <= :last UNION ALL "
    "SELECT credit_account, at, seq FROM transfer WHERE seq > :mark AND seq <= :last ORDER BY 1, 2, 3"
)
_LAST: Final = sa.text("SELECT MAX(seq) FROM transfer")
TAIL: Final = 100_000
"""From so many transfers on that wait for the index a reading adds some; fewer are looked at within about 10 ms."""
LEAST: Final = 20_000
"""How many it adds, or the 40th part of those that wait: about as long as looking at them all takes. So, whatever the
share of readings among postings, what waits stops growing."""
_END: Final = "9999-12-31T23:59:59~"
"""After every moment."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of an account, and both sides of the account after it (holds left out)."""

    seq: int
    """Order of posting."""
    transfer: Transfer
    amount_fen: int
    """Into the account; negative is out of it."""
    balance: Balance

    @property
    def net_fen(self) -> int:
        """What the account holds after it."""
        return self.balance.net_fen


def _mark(connection: sa.Connection) -> int:
    return int(connection.execute(_MARK).scalar() or 0)


def entries(store: Store, connection: sa.Connection | None, account_id: str, since: str, until: str) -> Iterator[Entry]:
    """Movements, in the caller's transaction or one of their own; as of the first that is asked for."""
    with store.begin() if connection is None else nullcontext(connection) as conn:
        yield from _entries(conn, account_id, since, until)


def _entries(connection: sa.Connection, account_id: str, since: str, until: str) -> Iterator[Entry]:
    """Movements with ``since <= at < until``, by ``at`` and then in order of posting."""
    asked: dict[str, Any] = {"account": account_id, "mark": _mark(connection), "since": since, "before": until or _END}
    debits_fen = credits_fen = 0
    for place, (debits_high, debits_low, credits_high, credits_low, seq, *values) in enumerate(
        connection.execute(_ENTRIES, asked)
    ):
        if place == 0:
            debits_fen, credits_fen = whole(debits_high, debits_low), whole(credits_high, credits_low)
        if seq is None:
            return
        transfer = Transfer(*values)
        amount_fen = transfer.amount_fen
        if transfer.debit_account == account_id:
            debits_fen += amount_fen
            amount_fen = -amount_fen
        else:
            credits_fen += amount_fen
        yield Entry(seq, transfer, amount_fen, Balance(debits_fen, credits_fen))


def balance_at(connection: sa.Connection, account_id: str, at: str) -> Balance:
    """Both sides and what was held, all movements up to and including ``at``."""
    asked = {"account": account_id, "mark": _mark(connection), "until": at}
    row = connection.execute(_BALANCE, asked).one()
    return Balance(*(whole(*row[place : place + 2]) for place in range(0, 8, 2)))


def index(connection: sa.Connection, most: int | None = None) -> int:
    """Add the transfers posted since the last time, or the first of them; the caller holds the posting lock."""
    mark = _mark(connection)
    last = int(connection.execute(_LAST).scalar() or 0)
    if last == mark:
        return 0
    last = last if most is None else min(last, mark + most)
    added = connection.execute(_INDEX, {"mark": mark, "last": last}).rowcount
    connection.execute(sa.text("DELETE FROM account_entry WHERE account_id = ''"))
    connection.execute(
        sa.text("INSERT INTO account_entry (account_id, at, seq) VALUES ('', '', :last)"), {"last": last}
    )
    return added


def catch_up(store: Store, joined: sa.Connection | None) -> None:
    """Where many transfers wait for the index, add some, unless somebody is posting or the caller has begun."""
    if joined is not None or not store.owns_transactions:
        return
    # Busy, read-only, full: the reading itself needs none of this, and says what fails it.
    with suppress(Exception), store.begin() as connection:
        waiting = int(connection.execute(_LAST).scalar() or 0) - _mark(connection)
        if waiting >= TAIL:
            rows_of(connection).lock(wait=False)
            index(connection, max(LEAST, waiting // 40))
