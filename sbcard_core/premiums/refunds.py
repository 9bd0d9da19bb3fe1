"""Refunds against the books: priced by what was paid to each fund, posted together with the bill's new state."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import sqlalchemy as sa

from sbcard_core.ledger import Ledger, Transfer, timestamp
from sbcard_core.ledger.transfers import is_id, is_storable
from sbcard_core.premiums.posting import figures, find, is_local, post_all, set_states, source_of
from sbcard_core.premiums.records import BillState, Channel, Refund, RefundStatus
from sbcard_core.store import insert_many, schema

_PARTS = 8
_PAYMENT, _REFUND = schema.premium_payment, schema.premium_refund


def give_back(connection: sa.Connection, ledger: Ledger, refunds: Sequence[Refund]) -> list[RefundStatus]:
    """Give money back in the caller's transaction, which holds the posting lock."""
    known = {row.refund_id: row for row in find(connection, _REFUND, "refund_id", [r.refund_id for r in refunds])}
    paid = {row.payment_id: row for row in find(connection, _PAYMENT, "payment_id", [r.payment_id for r in refunds])}
    given = {name: figures(row.refunded) for name, row in paid.items()}
    made: dict[str, Refund] = {}
    statuses = []
    for one in refunds:
        status = _judge_refund(one, known.get(one.refund_id), made.get(one.refund_id), paid, given)
        if status is RefundStatus.REFUNDED:
            status = _post_refund(connection, ledger, paid[one.payment_id], one, given)
        if status is RefundStatus.REFUNDED:
            made[one.refund_id] = one
        statuses.append(status)
    columns = ("refund_id", "payment_id", "amount_fen", "at", "reason")
    insert_many(connection, _REFUND, columns, [_kept_refund(one) for one in made.values()])
    _note_refunds(connection, {one.payment_id for one in made.values()}, paid, given)
    return statuses


def _kept_refund(one: Refund) -> tuple[str, str, int, str, str]:
    return one.refund_id, one.payment_id, one.amount_fen, timestamp(one.at), one.reason


def _judge_refund(
    one: Refund, stored: Any, made: Refund | None, paid: Mapping[str, Any], given: Mapping[str, list[int]]
) -> RefundStatus:
    if not _is_refund(one):
        return RefundStatus.MALFORMED
    before = _kept_refund(made) if made else tuple(stored) if stored is not None else None
    if before is not None:
        return RefundStatus.EXISTS if before == _kept_refund(one) else RefundStatus.EXISTS_DIFFERENT
    if one.payment_id not in paid:
        return RefundStatus.UNKNOWN_PAYMENT
    if timestamp(one.at) < paid[one.payment_id].at:
        return RefundStatus.MALFORMED
    left = int(paid[one.payment_id].amount_fen) - sum(given[one.payment_id])
    return RefundStatus.REFUNDED if one.amount_fen <= left else RefundStatus.MORE_THAN_PAID


def _is_refund(one: Refund) -> bool:
    if not (is_id(one.refund_id) and len(one.refund_id) <= 100 and is_id(one.payment_id)):
        return False
    if type(one.amount_fen) is not int or one.amount_fen <= 0 or not is_local(one.at):
        return False
    return isinstance(one.reason, str) and is_storable(one.reason)


def apportion(shares: Sequence[int], given: Sequence[int], amount_fen: int) -> list[int]:
    """The part of each fund in a refund, so that all refunds together are in proportion to what was paid.

    A divisor method (Webster): the sum given back alone decides, whatever refunds it came together by.

    Args:
        shares: fen paid to each fund.
        given: fen each has given back.
        amount_fen: of this refund; with ``given`` at most the sum of ``shares``.

    Example:
        >>> apportion([11000, 1000], [0, 0], 6001), apportion([1, 1, 1], [1, 0, 0], 1)
        ([5501, 500], [0, 1, 0])
    """
    whole, total = sum(shares), sum(given) + amount_fen
    now = [max(back, (2 * one * total + whole) // (2 * whole)) for one, back in zip(shares, given, strict=True)]
    while sum(now) > total:
        more = (at for at in range(len(now)) if now[at] > given[at])
        now[min(more, key=lambda at: (Fraction(shares[at], 2 * now[at] - 1), -at))] -= 1
    while sum(now) < total:
        less = (at for at in range(len(now)) if now[at] < shares[at])
        now[max(less, key=lambda at: (Fraction(shares[at], 2 * now[at] + 1), -at))] += 1
    return [after - back for after, back in zip(now, given, strict=True)]


def _shares_paid(connection: sa.Connection, ledger: Ledger, payment_id: str) -> list[Transfer]:
    """What a payment brought to each fund: as the books say, whatever the tariff says today."""
    found: list[Transfer] = []
    while len(found) % _PARTS == 0:
        names = [f"premium:{payment_id}:{part}" for part in range(len(found), len(found) + _PARTS)]
        there = ledger.transfers(names, connection)
        found += [there[name] for name in names if name in there]
        if not there:
            break
    return found


def _post_refund(
    connection: sa.Connection, ledger: Ledger, payment: Any, one: Refund, given: dict[str, list[int]]
) -> RefundStatus:
    shares = _shares_paid(connection, ledger, one.payment_id)
    if sum(share.amount_fen for share in shares) != payment.amount_fen:
        return RefundStatus.NO_RATE
    before = given[one.payment_id]
    before = before if len(before) == len(shares) else [0] * len(shares)
    parts = apportion([share.amount_fen for share in shares], before, one.amount_fen)
    target, _ = source_of(Channel(payment.channel), payment.agent)
    moves = [
        Transfer(
            f"premium-refund:{one.refund_id}:{at}",
            share.credit_account,
            target,
            fen,
            "premium.refund",
            timestamp(one.at),
        )
        for at, (share, fen) in enumerate(zip(shares, parts, strict=True))
        if fen
    ]
    if not post_all(connection, ledger, moves):
        return RefundStatus.LEDGER_REFUSED
    given[one.payment_id] = [back + fen for back, fen in zip(before, parts, strict=True)]
    return RefundStatus.REFUNDED


def _note_refunds(
    connection: sa.Connection, payments: Iterable[str], paid: Mapping[str, Any], given: Mapping[str, list[int]]
) -> None:
    whole = []
    for name in payments:
        text = " ".join(map(str, given[name]))
        connection.execute(sa.update(_PAYMENT).where(_PAYMENT.c.payment_id == name).values(refunded=text))
        if sum(given[name]) == paid[name].amount_fen:
            whole.append((paid[name].bill_no, BillState.REFUNDED))
    set_states(connection, whole)
