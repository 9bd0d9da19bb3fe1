"""What lies in suspense (挂账): listed, and released to the merchant or returned by two officers with a reason."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum, StrEnum
from hashlib import sha256
from typing import Any, Final

import sqlalchemy as sa

from sbcard_core.clearing.verdict import ClearingStatus
from sbcard_core.crypto.tac import TacStatus
from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.ledger import AccountKind, Ledger, Transfer, TransferStatus, lock_for_posting, timestamp
from sbcard_core.messages import message
from sbcard_core.officers import Act, Officers, Signer, require
from sbcard_core.store import Store, insert_many, rows_as_table, schema, update_many

PURSE_FLOAT: Final = "PURSE_FLOAT"
"""Account that stands for all money on purses (电子钱包备付金)."""
SUSPENSE: Final = "SUSPENSE"
OFFICERS: Final = 2
"""Different officers who approve that money leaves suspense."""
REASON_MAX: Final = 200
"""Longest reason in characters."""
_GENUINE: Final = frozenset({ClearingStatus.DUPLICATE, ClearingStatus.NOT_ELIGIBLE, ClearingStatus.DATED_LATER})
"""Of records that their card made."""
_HELD: Final = schema.clearing_suspense.c
_VERDICT: Final = schema.clearing_verdict.c
_SAID: Final = (_VERDICT.status, _VERDICT.decided_on, _VERDICT.reason)
_RECORD: Final = ("source", "line", "card_no", "offline_no", "amount_fen", "at")
_SLOT: Final = ("terminal_no", "terminal_txn_no")


class SuspenseState(IntEnum):
    """Where the money of a line in suspense is."""

    HELD = 0
    CLEARED = 10
    """Checked again and paid to the merchant."""
    RELEASED = 20
    """Paid to the merchant by decision of two officers."""
    RETURNED = 30
    """Given back to the float of the purses by decision of two officers."""


class Exit(StrEnum):
    """How money leaves suspense by decision. Own codes; kinds of act are ``clearing.release``, ``clearing.return``."""

    RELEASE = "release"
    """To the merchant: the purchase is believed."""
    RETURN = "return"
    """Back to the float of the purses: the claim is not."""


class SuspenseRefused(Refused):
    """Money in suspense cannot leave it in this way; nothing has moved."""


@dataclass(frozen=True, slots=True)
class Held:
    """One line in suspense.

    Attributes:
        source: the journal, see ``JournalReport.source``.
        line: 1-based line.
        status: the newest verdict.
        terminal_no: empty where the line cannot be read.
        at: the terminal's time, ``YYYY-MM-DDTHH:MM:SS``.
    """

    source: str
    line: int
    amount_fen: int
    status: ClearingStatus
    terminal_no: str
    terminal_txn_no: int
    card_no: str
    at: str


@dataclass(frozen=True, slots=True)
class LineVerdict:
    """One verdict on a line in suspense.

    Attributes:
        on: day; None: kept by a release that did not write it down.
        reason: why it was made again, or why the money left suspense; empty: the first.
    """

    status: ClearingStatus
    on: date | None
    reason: str


def merchant_account(terminal_no: str) -> str:
    """Account id of what is owed to the merchant at one terminal.

    Example:
        >>> merchant_account("001122334455")
        'MERCHANT_PAYABLE:001122334455'
    """
    return f"MERCHANT_PAYABLE:{terminal_no}"


def purchase_id(terminal_no: str, terminal_txn_no: int) -> str:
    """Transfer id of a purchase: whoever pays it, it is paid once."""
    return f"purchase:{terminal_no}:{terminal_txn_no}"


def reason_of(text: str) -> str:
    """A reason as it is kept.

    Raises:
        InvalidValue: empty, too long or not printable.
    """
    if not (text.strip() and text.isprintable() and len(text) <= REASON_MAX):
        raise InvalidValue(message("clearing.reason"), step="clearing.suspense", term="理由")
    return text.strip()


def held(store: Store, source: str | None = None) -> list[Held]:
    """What lies in suspense, of one journal or of all, in the order of the journals."""
    query = sa.select(schema.clearing_suspense).where(_HELD.state == sa.text("0")).order_by(_HELD.source, _HELD.line)
    with store.begin() as connection:
        rows = connection.execute(query if source is None else query.where(_HELD.source == source)).all()
    return [_of(row) for row in rows]


def verdicts(store: Store, source: str, line: int) -> list[LineVerdict]:
    """Every verdict on a line that was not cleared at once."""
    return verdicts_many(store, [(source, line)])[source, line]


def verdicts_many(store: Store, lines: Iterable[tuple[str, int]]) -> dict[tuple[str, int], list[LineVerdict]]:
    """:func:`verdicts` of many lines, by source and line; none where there is no such line."""
    found: dict[tuple[str, int], list[LineVerdict]] = {line: [] for line in lines}
    with store.begin() as connection:
        query = _verdicts_of(connection, found, _VERDICT.source, _VERDICT.line, *_SAID).order_by(_VERDICT.number)
        for source, line, status, on, reason in connection.execute(query):
            day = date.fromisoformat(on) if on else None
            found[source, line].append(LineVerdict(ClearingStatus(status), day, reason))
    return found


def _verdicts_of(connection: sa.Connection, lines: Iterable[tuple[str, int]], *columns: Any) -> "sa.Select[Any]":
    wanted = rows_as_table(connection, (_VERDICT.source, _VERDICT.line), lines)
    same = sa.and_(_VERDICT.source == wanted.c.source, _VERDICT.line == wanted.c.line)
    return sa.select(*columns).join_from(wanted, schema.clearing_verdict, same)


def act_of(way: Exit, lines: Sequence[Held], reason: str, *, on: date) -> Act:
    """What two officers approve: these lines, their amounts, the way and the reason.

    Raises:
        InvalidValue: no line, or a reason that is none.
    """
    if not lines:
        raise InvalidValue(message("clearing.nothing"), step="clearing.suspense", term="挂账处理")
    named = sorted([one.source, one.line, one.amount_fen] for one in lines)
    text = json.dumps([way, reason_of(reason), named], ensure_ascii=False)
    digest = sha256(text.encode()).hexdigest()
    return Act(f"clearing.{way}", digest[:16], digest, on)


def leave_suspense(
    store: Store,
    ledger: Ledger,
    officers: Officers,
    way: Exit,
    lines: Sequence[Held],
    *,
    reason: str,
    on: date,
    signers: Iterable[Signer],
) -> int:
    """Release lines to their merchants or return them, in one transaction: all of them or none.

    A purchase is paid once. A terminal whose counter has begun anew gives a serial number again: a genuine purchase
    under a number that paid another one lies there until it is released, and is paid under its card and time too.

    Args:
        store: the database.
        ledger: the books over the same database.
        officers: the registered ones.
        way: to whom.
        lines: as ``held`` has them.
        reason: why, kept with the lines.
        on: day of the decision, the business time of the postings.
        signers: two officers at least, or their approvals of ``act_of`` these arguments.

    Returns:
        Fen that left suspense.

    Raises:
        InvalidValue: no line, or a reason that is none.
        ApprovalRefused: not two officers, or a proof that is none.
        SuspenseRefused: a line is not in suspense, has no terminal to be paid to, was paid before, or the ledger
            refuses.
    """
    act = act_of(way, lines, reason, on=on)
    lines = sorted(set(lines), key=lambda one: (one.source, one.line))
    with store.begin() as connection:
        lock_for_posting(connection)
        rows = _check(connection, lines, way)
        require(connection, officers, act, signers, needed=OFFICERS)
        accounts = {merchant_account(one.terminal_no) for one in lines if one.terminal_no}
        ledger.open_accounts([(name, AccountKind.MERCHANT_PAYABLE) for name in sorted(accounts)], connection=connection)
        renumbered = _renumbered(connection, lines) if way is Exit.RELEASE else set()
        moved = [one for one in lines if one.amount_fen]
        transfers = [_transfer(way, one, on, is_renumbered=one in renumbered) for one in moved]
        statuses = ledger.post_many(transfers, connection)
        for one, status in zip(moved, statuses, strict=True):
            if status is not TransferStatus.POSTED:
                raise _refused(one, status)
        _keep(connection, lines, way, reason_of(reason), on)
        if way is Exit.RELEASE:  # the same record in another journal is a duplicate now
            _store_paid(connection, [rows[one] for one in lines if one not in renumbered])
    return sum(one.amount_fen for one in lines)


def _check(connection: sa.Connection, lines: Sequence[Held], way: Exit) -> dict[Held, Any]:
    """The rows of lines that may leave."""
    wanted = rows_as_table(connection, (_HELD.source, _HELD.line), [(one.source, one.line) for one in lines])
    same = sa.and_(_HELD.source == wanted.c.source, _HELD.line == wanted.c.line)
    query = sa.select(schema.clearing_suspense).join_from(wanted, schema.clearing_suspense, same)
    rows = connection.execute(query.where(_HELD.state == int(SuspenseState.HELD)))
    there = {_of(row): row._mapping for row in rows}
    for one in lines:
        if one not in there:
            raise _no("clearing.not_held", one)
        if way is Exit.RELEASE and not one.terminal_no:
            raise _no("clearing.no_terminal", one)
    return there


def _renumbered(connection: sa.Connection, lines: Sequence[Held]) -> set[Held]:
    """Genuine purchases whose terminal used their serial number for another one too, paid before or now."""
    paid = schema.offline_purchase.c
    slots = {(one.terminal_no, one.terminal_txn_no) for one in lines}
    wanted = rows_as_table(connection, (paid.terminal_no, paid.terminal_txn_no), slots)
    same = sa.and_(paid.terminal_no == wanted.c.terminal_no, paid.terminal_txn_no == wanted.c.terminal_txn_no)
    query = sa.select(*wanted.c, paid.card_no, paid.at, paid.amount_fen).join_from(
        wanted, schema.offline_purchase, same
    )
    rows = connection.execute(query.where(paid.status == int(TacStatus.VERIFIED)))
    holders = {(row[0], row[1]): tuple(row[2:]) for row in rows}
    found = set()
    for one in lines:
        mine = (one.card_no, one.at, one.amount_fen)
        if holders.setdefault((one.terminal_no, one.terminal_txn_no), mine) != mine and one.status in _GENUINE:
            found.add(one)
    return found


def _transfer(way: Exit, one: Held, on: date, *, is_renumbered: bool) -> Transfer:
    at = timestamp(on)
    if way is Exit.RELEASE:
        merchant = merchant_account(one.terminal_no)
        number = purchase_id(one.terminal_no, one.terminal_txn_no)
        if is_renumbered:
            number = f"{number}:{one.card_no}:{one.at}"
        return Transfer(number, SUSPENSE, merchant, one.amount_fen, "purse.released", at, one.card_no)
    number = f"return:{one.source[:16]}:{one.line}"
    return Transfer(number, SUSPENSE, PURSE_FLOAT, one.amount_fen, "purse.returned", at, one.source)


def _keep(connection: sa.Connection, lines: Sequence[Held], way: Exit, reason: str, on: date) -> None:
    state = SuspenseState.RELEASED if way is Exit.RELEASE else SuspenseState.RETURNED
    states = [(int(state), one.source, one.line) for one in lines]
    update_many(connection, schema.clearing_suspense, ("state",), ("source", "line"), states)
    key = (_VERDICT.source, _VERDICT.line)
    query = _verdicts_of(connection, {(one.source, one.line) for one in lines}, *key, sa.func.max(_VERDICT.number))
    last = {(row[0], row[1]): row[2] for row in connection.execute(query.group_by(*key))}
    said = (on.isoformat(), f"{way}: {reason}")
    rows = [(one.source, one.line, last[one.source, one.line] + 1, int(one.status), *said) for one in lines]
    insert_many(connection, schema.clearing_verdict, tuple(c.name for c in _VERDICT), rows)


def _store_paid(connection: sa.Connection, lines: Iterable[Any]) -> None:
    """Keep the released records as those that hold their serial numbers."""
    verified = int(TacStatus.VERIFIED)
    rows = [(verified, *(one[name] for name in (*_RECORD, *_SLOT))) for one in lines]
    update_many(connection, schema.offline_purchase, ("status", *_RECORD), _SLOT, rows)


def _of(row: Any) -> Held:
    status = ClearingStatus(row.status)
    slot = (row.terminal_no, row.terminal_txn_no)
    return Held(row.source, row.line, row.amount_fen, status, *slot, row.card_no, row.at)


def _no(code: str, one: Held) -> SuspenseRefused:
    return SuspenseRefused(message(code, source=one.source, line=one.line), step="clearing.suspense", term="挂账处理")


def _refused(one: Held, status: TransferStatus) -> SuspenseRefused:
    if status in (TransferStatus.EXISTS, TransferStatus.EXISTS_DIFFERENT):
        return _no("clearing.paid_already", one)
    what = message("clearing.postings", count=1, status=status.name)
    return SuspenseRefused(what, step="clearing.suspense", term="挂账处理")
