"""Closing of periods (关账) and taking over of another system's history."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.ledger.posting import IMPORTED
from sbcard_core.ledger.proof import MOVES, halves, whole
from sbcard_core.ledger.session import Session
from sbcard_core.ledger.transfers import Transfer, TransferStatus, is_timestamp
from sbcard_core.values import mask_ids_in

_PERIOD: Final = re.compile(r"\d{4}(-\d\d(-\d\d)?)?", re.ASCII)
_SUM: Final = sa.text(
    f"SELECT COUNT(*), {halves('t.amount_fen', MOVES)} FROM transfer t "  # noqa: S608 - names are ours
    "WHERE t.at >= :first AND t.at < :after"
)
_CLOSED: Final = sa.text("SELECT period, closed_at, transfers, amount_fen FROM period_close ORDER BY period")
_CLOSE: Final = sa.text(
    "INSERT INTO period_close (period, closed_at, transfers, amount_fen) VALUES (:period, :at, :transfers, :amount)"
)


@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """A closed period: how many transfers lie in it (holds and releases too), and the sum of what moved."""

    period: str
    closed_at: str
    transfers: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import of history did."""

    imported: int
    existed: int


def is_period(period: str) -> bool:
    """Whether ``period`` is a year, a month or a day.

    Example:
        >>> is_period("2014-07"), is_period("2014-13"), is_period("2014-02-30")
        (True, False, False)
    """
    return (
        isinstance(period, str)
        and _PERIOD.fullmatch(period) is not None
        and is_timestamp(f"{period}{'-01' * ((10 - len(period)) // 3)}T00:00:00")
    )


def close(connection: sa.Connection, period: str, at: str) -> ClosedPeriod:
    """Close a period; the caller holds the posting lock."""
    if not is_period(period):
        advice = 'a year, month or day as text: "2014", "2014-07" or "2014-07-31"'
        raise InvalidValue("no period", step="ledger.close_period", term="会计期间", advice=advice)
    if not (isinstance(at, str) and is_timestamp(at)):
        advice = "YYYY-MM-DDTHH:MM:SS: ledger.timestamp() writes it"
        raise InvalidValue("`at` is no moment", step="ledger.close_period", term="关账时间", advice=advice)
    if at[: len(period)] <= period:
        what, advice = f"{period} has not ended at {at}", "close it at a moment after its end"
        raise InvalidValue(what, step="ledger.close_period", term="关账", advice=advice)
    for known in closed(connection):
        if known.period == period:
            return known
    count, high, low = connection.execute(_SUM, _range(period)).one()
    found = ClosedPeriod(period, at, count, whole(high, low))
    connection.execute(_CLOSE, {"period": period, "at": at, "transfers": count, "amount": str(found.amount_fen)})
    return found


def closed(connection: sa.Connection) -> list[ClosedPeriod]:
    """Every closed period, in order."""
    return [ClosedPeriod(p, at, count, int(amount)) for p, at, count, amount in connection.execute(_CLOSED)]


def changed(connection: sa.Connection) -> list[ClosedPeriod]:
    """Closed periods whose transfers no longer sum to what was written at the closing; none in a sound book."""
    wrong = []
    for known in closed(connection):
        count, high, low = connection.execute(_SUM, _range(known.period)).one()
        if (count, whole(high, low)) != (known.transfers, known.amount_fen):
            wrong.append(known)
    return wrong


def _range(period: str) -> dict[str, str]:
    return {"first": period, "after": f"{period}~"}  # "~" is after "-" and "T"


def import_into(session: Session, chunks: Iterable[Sequence[Transfer]]) -> ImportReport:
    """Judge history without bounds, then ask the bounds of every account touched."""
    session.page.ignores_bounds = True
    imported = existed = line = 0
    for given in chunks:
        chunk = [replace(t, flags=t.flags | IMPORTED) if isinstance(t.flags, int) else t for t in given]
        session.load(chunk)
        statuses = session.judge(chunk)
        for transfer, status in zip(chunk, statuses, strict=True):
            line += 1
            if not status.is_settled and status is not TransferStatus.LINKED_FAILED:
                raise _refused(f"transfer {line} ({mask_ids_in(transfer.transfer_id)!r}) refused: {status.name}")
        imported += statuses.count(TransferStatus.POSTED)
        existed += statuses.count(TransferStatus.EXISTS)
        session.flush()
    for name, account in session.page.accounts.items():
        floor_fen, ceiling_fen = account.bounds.floor_fen, account.bounds.ceiling_fen
        low = account.credits_fen - account.debits_fen - account.debits_pending_fen
        high = account.credits_fen + account.credits_pending_fen - account.debits_fen
        if account.touched and (
            (floor_fen is not None and low < floor_fen) or (ceiling_fen is not None and high > ceiling_fen)
        ):
            raise _refused(f"account {mask_ids_in(name)!r} would end outside of its bounds")
    return ImportReport(imported, existed)


def _refused(what: str) -> Refused:
    return Refused(what, step="ledger.import_history", term="历史导入", advice="correct the file and import it again")
