"""One transfer on PostgreSQL in one statement: insert, judge and move, durable when it returns.

Writers of single transfers run side by side; a batch writer's table lock keeps them out (``rows.PostgresRows.lock``).
The statement says only that the transfer was posted. Whatever else it is, the rules of ``posting`` are asked.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

from sbcard_core.ledger.accounts import Bounds
from sbcard_core.ledger.rows import COLUMNS
from sbcard_core.ledger.transfers import Outcome, Transfer, TransferStatus, is_id, is_plain, is_well_formed
from sbcard_core.store import Store
from sbcard_core.values import FEN_MAX

_STATEMENT: Final = """
WITH stored AS (
  INSERT INTO transfer ({columns})
  SELECT $1::text, $2::text, $3::text, $4::bigint, $5::text, $6::text, $7::text, 0, '', 0
  WHERE NOT EXISTS (SELECT 1 FROM period_close WHERE period IN ($8::text, $9::text, $10::text))
  ON CONFLICT (transfer_id) DO NOTHING RETURNING 1
), moved AS (
  UPDATE account a SET
    debits_fen = a.debits_fen + CASE WHEN a.account_id = $2::text THEN $4::bigint ELSE 0 END,
    credits_fen = a.credits_fen + CASE WHEN a.account_id = $3::text THEN $4::bigint ELSE 0 END
  FROM stored WHERE a.account_id IN ($2::text, $3::text) AND CASE WHEN a.account_id = $2::text
    THEN a.debits_fen + a.debits_pending_fen <= {most} - $4::bigint AND {floor}
    ELSE a.credits_fen + a.credits_pending_fen <= {most} - $4::bigint AND {ceiling} END
  RETURNING a.account_id, a.credits_fen - a.debits_fen AS net_fen
)
SELECT m.account_id, m.net_fen,
  1 / CASE WHEN (SELECT count(*) FROM stored) = 1 AND (SELECT count(*) FROM moved) <> 2 THEN 0 ELSE 1 END
FROM (VALUES (1)) AS always LEFT JOIN moved m ON true
"""
# The division undoes everything where a transfer is stored and not both accounts may move: the conditions are asked
# of the rows as they are once locked, without locking them first. Of two such statements that wait for each other
# the server undoes one, which then goes by the rules.


def statement(bounds: Mapping[str, Bounds]) -> bytes:
    """The statement for these bounds by kind of account, as the server takes it."""
    floors = {kind: bound.floor_fen for kind, bound in bounds.items() if bound.floor_fen is not None}
    ceilings = {kind: bound.ceiling_fen for kind, bound in bounds.items() if bound.ceiling_fen is not None}
    low = "a.credits_fen::numeric - a.debits_fen - a.debits_pending_fen - $4::bigint >= {}"
    high = "a.credits_fen::numeric + a.credits_pending_fen + $4::bigint - a.debits_fen <= {}"
    text = _STATEMENT.format(
        floor=_case(floors, low), ceiling=_case(ceilings, high), most=f"{FEN_MAX}::bigint", columns=", ".join(COLUMNS)
    )
    return text.encode()


def _case(values: Mapping[str, int], condition: str) -> str:
    """Kinds are those of ``AccountKind`` and values are integers: nothing of a caller's text gets in here."""
    if not values:
        return "true"
    whens = (f"WHEN '{kind}' THEN {condition.format(int(fen))}" for kind, fen in values.items())
    return f"CASE a.kind {' '.join(whens)} ELSE true END"


class Singles:
    """Posts plain transfers one by one, by a statement that the server keeps prepared.

    The server is spoken to by libpq's own call: what a general driver does around a statement takes as long as
    the statement itself.

    Args:
        store: an open PostgreSQL database.
        bounds: bounds by kind of account.
    """

    def __init__(self, store: Store, bounds: Mapping[str, Bounds]) -> None:
        self._store = store
        self._sql = statement(bounds)
        self._name = b"sbcard_post_" + sha256(self._sql).hexdigest()[:16].encode()

    def post(self, transfer: Transfer) -> Outcome | None:
        """Post a plain transfer in a transaction of its own; None where it was not posted: then ask the rules.

        Raises:
            StoreFailed: the server failed or is gone.
        """
        if not _may_pass(transfer):
            return None
        at = transfer.at
        values = (
            transfer.transfer_id, transfer.debit_account, transfer.credit_account, str(transfer.amount_fen),
            transfer.code, at, transfer.memo, at[:4], at[:7], at[:10],
        )  # fmt: skip
        with self._store.direct() as driver:
            found = self._execute(driver.pgconn, [value.encode() for value in values])
        if found is None or found.get_value(0, 0) is None:
            return None
        nets = {found.get_value(row, 0).decode(): int(found.get_value(row, 1)) for row in (0, 1)}
        return Outcome(TransferStatus.POSTED, nets[transfer.debit_account], nets[transfer.credit_account])

    def _execute(self, pgconn: Any, values: list[bytes]) -> Any:
        from psycopg import errors  # noqa: PLC0415 - there is a connection, so it is there

        found = pgconn.exec_prepared(self._name, values)
        if found.status != _ROWS and found.error_field(_SQLSTATE) == _NOT_PREPARED:
            found = pgconn.prepare(self._name, self._sql)
            if found.status == _DONE:
                found = pgconn.exec_prepared(self._name, values)
        if found.status == _ROWS:
            return found
        if found.error_field(_SQLSTATE) in _UNDONE:
            return None
        if pgconn.status != 0:  # the connection is lost
            raise errors.OperationalError(found.error_message.decode(errors="replace"))
        raise errors.error_from_result(found)


def _may_pass(transfer: Transfer) -> bool:
    return (
        is_id(transfer.transfer_id)
        and is_well_formed(transfer)
        and is_plain(transfer)
        and is_id(transfer.debit_account)
        and is_id(transfer.credit_account)
        and transfer.debit_account != transfer.credit_account
        and 0 < transfer.amount_fen <= FEN_MAX
    )


_DONE: Final = 1  # libpq's ExecStatusType
_ROWS: Final = 2
_SQLSTATE: Final = ord("C")  # PG_DIAG_SQLSTATE
_NOT_PREPARED: Final = b"26000"
_UNDONE: Final = frozenset({b"22012", b"23503", b"40P01"})
"""The statement undid itself: an account may not move, is not there, or two waited for each other."""
