"""Proofs over the whole book: what every account must sum to."""

from typing import Final

import sqlalchemy as sa

from sbcard_core.ledger.accounts import Balance, Discrepancy

# SQLite's SUM fails beyond 2**63 - 1 and PostgreSQL's turns into a decimal: sum two 32-bit halves instead.
HALF: Final = 1 << 32
MOVES: Final = "(t.flags & 10) = 0"
"""A transfer that moves money: neither pending nor a release."""


def halves(amount: str, when: str = "") -> str:
    """SQL of the two half sums of ``amount``, of the rows ``when`` alone."""
    value = f"CASE WHEN {when} THEN {amount} ELSE 0 END" if when else amount
    return f"COALESCE(SUM(({value}) / {HALF}), 0), COALESCE(SUM(({value}) % {HALF}), 0)"


def whole(high: object, low: object) -> int:
    """The sum of two halves."""
    return int(high) * HALF + int(low)  # type: ignore[call-overload, no-any-return]


_SIDES: Final = ("debits_fen", "credits_fen", "debits_pending_fen", "credits_pending_fen")
_TOTALS: Final = sa.text(f"SELECT {', '.join(map(halves, _SIDES))} FROM account")  # noqa: S608 - columns are ours

_MOVED: Final = (
    f"SELECT t.{{0}}_account AS account_id, SUM(t.amount_fen / {HALF}) AS high, SUM(t.amount_fen % {HALF}) AS low "  # noqa: S608
    f"FROM transfer t WHERE {MOVES} GROUP BY t.{{0}}_account"
)
_HELD: Final = (
    f"SELECT t.{{0}}_account AS account_id, SUM(t.amount_fen / {HALF}) AS high, SUM(t.amount_fen % {HALF}) AS low "  # noqa: S608
    "FROM hold h JOIN transfer t ON t.transfer_id = h.transfer_id WHERE h.state = 0 GROUP BY t.{0}_account"
)
_PARTS: Final = ("d", "c", "dp", "cp")
_DIFFERENT: Final = sa.text(
    f"WITH d AS ({_MOVED.format('debit')}), c AS ({_MOVED.format('credit')}), "  # noqa: S608
    f"dp AS ({_HELD.format('debit')}), cp AS ({_HELD.format('credit')}) "
    f"SELECT a.account_id, {', '.join(f'a.{side}' for side in _SIDES)}, "
    + ", ".join(f"COALESCE({part}.high, 0), COALESCE({part}.low, 0)" for part in _PARTS)
    + " FROM account a "
    + " ".join(f"LEFT JOIN {part} ON {part}.account_id = a.account_id" for part in _PARTS)
    + " WHERE "
    + " OR ".join(
        f"a.{side} <> COALESCE({part}.high * {HALF} + {part}.low, 0)" for side, part in zip(_SIDES, _PARTS, strict=True)
    )
    + " ORDER BY a.account_id"
)


def totals(connection: sa.Connection) -> tuple[int, int, int, int]:
    """Sum debits, credits, pending debits and pending credits of all accounts, in fen."""
    row = connection.execute(_TOTALS).one()
    return whole(*row[0:2]), whole(*row[2:4]), whole(*row[4:6]), whole(*row[6:8])


def discrepancies(connection: sa.Connection) -> list[Discrepancy]:
    """Sum every transfer again and list the accounts whose stored balance says something else."""
    found = []
    for account_id, *rest in connection.execute(_DIFFERENT):
        stored, sums = rest[:4], rest[4:]
        summed = Balance(*(whole(*sums[at : at + 2]) for at in range(0, 8, 2)))
        found.append(Discrepancy(account_id, Balance(*stored), summed))
    return found
