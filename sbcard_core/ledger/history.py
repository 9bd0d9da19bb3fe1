"""Proofs over the whole book: what every account must sum to."""

from typing import Final

import sqlalchemy as sa

from sbcard_core.ledger.accounts import Balance, Discrepancy

# SQLite's SUM fails beyond 2**63 - 1 and PostgreSQL's turns into a decimal: sum two 32-bit halves instead.
_HALF: Final = 1 << 32

_TOTALS: Final = sa.text(
    "SELECT SUM(debits_fen / 4294967296), SUM(debits_fen % 4294967296), "
    "SUM(credits_fen / 4294967296), SUM(credits_fen % 4294967296) FROM account"
)

_DIFFERENT: Final = sa.text(
    "WITH d AS (SELECT debit_account AS account_id, SUM(amount_fen / 4294967296) AS high, "
    "SUM(amount_fen % 4294967296) AS low FROM transfer GROUP BY debit_account), "
    "c AS (SELECT credit_account AS account_id, SUM(amount_fen / 4294967296) AS high, "
    "SUM(amount_fen % 4294967296) AS low FROM transfer GROUP BY credit_account) "
    "SELECT a.account_id, a.debits_fen, a.credits_fen, COALESCE(d.high, 0), COALESCE(d.low, 0), "
    "COALESCE(c.high, 0), COALESCE(c.low, 0) FROM account a "
    "LEFT JOIN d ON d.account_id = a.account_id LEFT JOIN c ON c.account_id = a.account_id "
    "WHERE a.debits_fen <> COALESCE(d.high * 4294967296 + d.low, 0) "
    "OR a.credits_fen <> COALESCE(c.high * 4294967296 + c.low, 0) ORDER BY a.account_id"
)


def totals(connection: sa.Connection) -> tuple[int, int]:
    """Sum all debits and all credits of all accounts, in fen."""
    row = [int(value or 0) for value in connection.execute(_TOTALS).one()]
    return row[0] * _HALF + row[1], row[2] * _HALF + row[3]


def discrepancies(connection: sa.Connection) -> list[Discrepancy]:
    """Sum every transfer again and list the accounts whose stored balance says something else."""
    found = []
    for account_id, debits, credits_, *halves in connection.execute(_DIFFERENT):
        high_debit, low_debit, high_credit, low_credit = map(int, halves)
        summed = Balance(high_debit * _HALF + low_debit, high_credit * _HALF + low_credit)
        found.append(Discrepancy(account_id, Balance(debits, credits_), summed))
    return found
