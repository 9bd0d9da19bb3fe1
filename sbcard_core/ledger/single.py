"""One transfer on PostgreSQL in one statement: lock both accounts, judge, insert and move, durable when it returns.

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
WITH side AS MATERIALIZED (
  SELECT account_id, debits_fen + debits_pending_fen AS gone, credits_fen + credits_pending_fen AS come,
    debits_fen, credits_fen, {floor} AS floor_fen, {ceiling} AS ceiling_fen
  FROM account WHERE account_id IN (%(debit)s, %(credit)s) ORDER BY account_id FOR UPDATE
), passed AS (
  SELECT 1 FROM side d, side c WHERE d.account_id = %(debit)s AND c.account_id = %(credit)s
    AND d.gone <= {most} - %(amount)s::bigint AND c.come <= {most} - %(amount)s::bigint
    AND (d.floor_fen IS NULL OR d.credits_fen::numeric - d.gone - %(amount)s::bigint >= d.floor_fen)
    AND (c.ceiling_fen IS NULL OR c.come::numeric + %(amount)s::bigint - c.debits_fen <= c.ceiling_fen)
    AND NOT EXISTS (SELECT 1 FROM period_close WHERE period IN (%(year)s, %(month)s, %(day)s))
), stored AS (
  INSERT INTO transfer ({columns})
  SELECT %(id)s, %(debit)s, %(credit)s, %(amount)s::bigint, %(code)s, %(at)s, %(memo)s, 0, '', 0 FROM passed
  ON CONFLICT (transfer_id) DO NOTHING RETURNING 1
)
UPDATE account a SET
  debits_fen = a.debits_fen + CASE WHEN a.account_id = %(debit)s THEN %(amount)s::bigint ELSE 0 END,
  credits_fen = a.credits_fen + CASE WHEN a.account_id = %(credit)s THEN %(amount)s::bigint ELSE 0 END
FROM stored WHERE a.account_id IN (%(debit)s, %(credit)s)
RETURNING a.account_id, a.credits_fen - a.debits_fen
"""


def statement(bounds: Mapping[str, Bounds]) -> str:
    """The statement for these bounds by kind of account."""
    floors = {kind: bound.floor_fen for kind, bound in bounds.items() if bound.floor_fen is not None}
    ceilings = {kind: bound.ceiling_fen for kind, bound in bounds.items() if bound.ceiling_fen is not None}
    return _STATEMENT.format(
        floor=_case(floors), ceiling=_case(ceilings), most=f"{FEN_MAX}::bigint", columns=", ".join(COLUMNS)
    )


def _case(values: Mapping[str, int]) -> str:
    """Kinds are those of ``AccountKind`` and values are integers: nothing of a caller's text gets in here."""
    if not values:
        return "NULL::numeric"
    return "CASE kind " + " ".join(f"WHEN '{kind}' THEN {int(fen)}::numeric" for kind, fen in values.items()) + " END"


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
            nets = dict(driver.execute(sql, values, prepare=True).fetchall())
        finally:
            if not driver.closed:
                driver.autocommit = False
    finally:
        pooled.close()
    if not nets:
        return None
    return Outcome(TransferStatus.POSTED, nets[transfer.debit_account], nets[transfer.credit_account])
