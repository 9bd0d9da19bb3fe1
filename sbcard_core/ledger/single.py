"""One transfer on PostgreSQL in one statement: insert, judge and move, durable when it returns.

Writers of single transfers run side by side; a batch writer's table lock keeps them out (``rows.PostgresRows.lock``).
The statement says only that the transfer was posted. Whatever else it is, the rules of ``posting`` are asked.
"""

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from sbcard_core.ledger.accounts import Bounds
from sbcard_core.ledger.rows import COLUMNS
from sbcard_core.ledger.transfers import Outcome, Transfer, TransferStatus, is_id, is_plain, is_well_formed
from sbcard_core.values import FEN_MAX

_STATEMENT: Final = """
WITH stored AS (
  INSERT INTO transfer ({columns})
  SELECT %(id)s, %(debit)s, %(credit)s, %(amount)s::bigint, %(code)s, %(at)s, %(memo)s, 0, '', 0
  WHERE NOT EXISTS (SELECT 1 FROM period_close WHERE period IN (%(year)s, %(month)s, %(day)s))
  ON CONFLICT (transfer_id) DO NOTHING RETURNING 1
), moved AS (
  UPDATE account a SET
    debits_fen = a.debits_fen + CASE WHEN a.account_id = %(debit)s THEN %(amount)s::bigint ELSE 0 END,
    credits_fen = a.credits_fen + CASE WHEN a.account_id = %(credit)s THEN %(amount)s::bigint ELSE 0 END
  FROM stored WHERE a.account_id IN (%(debit)s, %(credit)s) AND CASE WHEN a.account_id = %(debit)s
    THEN a.debits_fen + a.debits_pending_fen <= {most} - %(amount)s::bigint AND {floor}
    ELSE a.credits_fen + a.credits_pending_fen <= {most} - %(amount)s::bigint AND {ceiling} END
  RETURNING a.account_id, a.credits_fen - a.debits_fen AS net_fen
)
SELECT m.account_id, m.net_fen,
  1 / CASE WHEN (SELECT count(*) FROM stored) = 1 AND (SELECT count(*) FROM moved) <> 2 THEN 0 ELSE 1 END
FROM (VALUES (1)) AS always LEFT JOIN moved m ON true
"""
# The division undoes everything where a transfer is stored and not both accounts may move: the conditions are asked
# of the rows as they are once locked, without locking them first. Of two such statements that wait for each other
# the server undoes one, which then goes by the rules.


def statement(bounds: Mapping[str, Bounds]) -> str:
    """The statement for these bounds by kind of account."""
    floors = {kind: bound.floor_fen for kind, bound in bounds.items() if bound.floor_fen is not None}
    ceilings = {kind: bound.ceiling_fen for kind, bound in bounds.items() if bound.ceiling_fen is not None}
    low = "a.credits_fen::numeric - a.debits_fen - a.debits_pending_fen - %(amount)s::bigint >= {}"
    high = "a.credits_fen::numeric + a.credits_pending_fen + %(amount)s::bigint - a.debits_fen <= {}"
    return _STATEMENT.format(
        floor=_case(floors, low), ceiling=_case(ceilings, high), most=f"{FEN_MAX}::bigint", columns=", ".join(COLUMNS)
    )


def _case(values: Mapping[str, int], condition: str) -> str:
    """Kinds are those of ``AccountKind`` and values are integers: nothing of a caller's text gets in here."""
    if not values:
        return "true"
    whens = (f"WHEN '{kind}' THEN {condition.format(int(fen))}" for kind, fen in values.items())
    return f"CASE a.kind {' '.join(whens)} ELSE true END"


def post(engine: sa.Engine, sql: str, transfer: Transfer) -> Outcome | None:
    """Post a plain transfer in a transaction of its own; None where it was not posted: then ask the rules."""
    if not (
        is_id(transfer.transfer_id)
        and is_well_formed(transfer)
        and is_plain(transfer)
        and is_id(transfer.debit_account)
        and is_id(transfer.credit_account)
        and transfer.debit_account != transfer.credit_account
        and 0 < transfer.amount_fen <= FEN_MAX
    ):
        return None
    at = transfer.at
    values: dict[str, Any] = {
        "id": transfer.transfer_id, "debit": transfer.debit_account, "credit": transfer.credit_account,
        "amount": transfer.amount_fen, "code": transfer.code, "at": at, "memo": transfer.memo,
        "year": at[:4], "month": at[:7], "day": at[:10],
    }  # fmt: skip
    pooled = engine.raw_connection()
    try:
        driver: Any = pooled.driver_connection
        driver.autocommit = True
        try:
            found = driver.execute(sql, values, prepare=True).fetchall()
        except _undone(engine):
            return None
        finally:
            if not driver.closed:
                driver.autocommit = False
    finally:
        pooled.close()
    nets = {row[0]: row[1] for row in found}
    if len(nets) != 2:
        return None
    return Outcome(TransferStatus.POSTED, nets[transfer.debit_account], nets[transfer.credit_account])


def _undone(engine: sa.Engine) -> tuple[type[Exception], ...]:
    """The statement undid itself: an account may not move, is not there, or two waited for each other."""
    errors: Any = engine.dialect.dbapi.errors  # type: ignore[union-attr]
    return errors.DivisionByZero, errors.ForeignKeyViolation, errors.DeadlockDetected
