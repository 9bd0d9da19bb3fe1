"""What happened to one account, by business time, and what it held at any moment."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from sbcard_core.ledger.accounts import Balance
from sbcard_core.ledger.proof import MOVES, halves, whole
from sbcard_core.ledger.rows import COLUMNS
from sbcard_core.ledger.transfers import Transfer

_MARK: Final = sa.text("SELECT seq FROM account_entry WHERE account_id = ''")  # no account has an empty id
_OF_ACCOUNT: Final = (
    "(SELECT seq FROM account_entry WHERE account_id = :account AND at >= :since AND at <= :until UNION ALL "
    "SELECT seq FROM transfer WHERE seq > :mark AND (debit_account = :account OR credit_account = :account) "
    "AND at >= :since AND at <= :until)"
)
_ENTRIES: Final = sa.text(
    f"SELECT t.seq, {', '.join(f't.{name}' for name in COLUMNS)} FROM transfer t "  # noqa: S608 - names are ours
    f"WHERE t.seq IN {_OF_ACCOUNT} AND {MOVES} AND t.at < :before ORDER BY t.at, t.seq"
)
_HELD: Final = "h.transfer_id IS NOT NULL AND (h.state = 0 OR h.closed_at > :until)"
_BALANCE: Final = sa.text(
    "SELECT "  # noqa: S608
    + ", ".join(
        halves("t.amount_fen", f"t.{side}_account = :account AND {when}")
        for when in (MOVES, _HELD)
        for side in ("debit", "credit")
    )
    + f" FROM transfer t LEFT JOIN hold h ON h.transfer_id = t.transfer_id WHERE t.seq IN {_OF_ACCOUNT}"
)
_BEFORE: Final = sa.text(str(_BALANCE) + " AND t.at < :before")
_INDEX: Final = sa.text(
    "INSERT INTO account_entry (account_id, at, seq) SELECT debit_account, at, seq FROM transfer WHERE seq > :mark "
    "UNION ALL SELECT credit_account, at, seq FROM transfer WHERE seq > :mark ORDER BY 1, 2, 3"
)
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


def entries(connection: sa.Connection, account_id: str, since: str, until: str) -> Iterator[Entry]:
    """Movements with ``since <= at < until``, by ``at`` and then in order of posting."""
    mark = _mark(connection)
    asked: dict[str, Any] = {"account": account_id, "mark": mark, "since": "", "until": since, "before": since}
    row = connection.execute(_BEFORE, asked).one()
    debits_fen, credits_fen = whole(*row[0:2]), whole(*row[2:4])
    before = until or _END
    asked |= {"since": since, "until": before, "before": before}
    for seq, *values in connection.execute(_ENTRIES, asked):
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
    asked = {"account": account_id, "mark": _mark(connection), "since": "", "until": at}
    row = connection.execute(_BALANCE, asked).one()
    return Balance(*(whole(*row[place : place + 2]) for place in range(0, 8, 2)))


def index(connection: sa.Connection) -> int:
    """Add the transfers posted since the last time; the caller holds the posting lock."""
    mark = _mark(connection)
    last = int(connection.execute(sa.text("SELECT MAX(seq) FROM transfer")).scalar() or 0)
    if last == mark:
        return 0
    added = connection.execute(_INDEX, {"mark": mark}).rowcount
    connection.execute(sa.text("DELETE FROM account_entry WHERE account_id = ''"))
    connection.execute(
        sa.text("INSERT INTO account_entry (account_id, at, seq) VALUES ('', '', :last)"), {"last": last}
    )
    return added
