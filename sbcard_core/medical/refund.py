"""Partial refunds (退费): lines come back, the rest is split anew, the difference moves and is kept."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import Ledger
from sbcard_core.medical.bill import person_number
from sbcard_core.medical.cancel import REFUNDED_CODE, Taking, combined, standing, take
from sbcard_core.medical.faults import message_fault
from sbcard_core.medical.lines import FeeLine, Grade
from sbcard_core.medical.policy_book import PolicyBook
from sbcard_core.medical.records import Row, cancellation_of, encode, find, reinstated, taken_from, taking_row
from sbcard_core.medical.split import RawStep, Split, split
from sbcard_core.medical.status import SettlementRefused, SettleStatus
from sbcard_core.medical.visit import Accumulators, Visit, VisitKind
from sbcard_core.messages import Message, message


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as it was made.

    Attributes:
        status: ``SETTLED``, or ``EXISTS`` if the same message was answered before.
        setl_id: number of the refund.
        difference: what it changed, amount by amount: what is left less what there was.
        remaining: what is left of the settlement.
    """

    status: SettleStatus
    setl_id: str
    difference: Split
    remaining: Split


def refund_in(
    ledger: Ledger,
    connection: sa.Connection,
    book: PolicyBook,
    setl_id: str,
    returned: Mapping[int, Decimal | None],
    *,
    refund_id: str,
    at: str,
    psn_no: str | None = None,
) -> Refund:
    """Refund in the caller's transaction, after ``lock_for_posting``; see ``MedicalBilling.refund``.

    What later visits of the year were settled by stays as it was; whoever wants them by the smaller year cancels
    and settles them again.
    """
    found = find(connection, [setl_id, refund_id])
    original = found.get(setl_id)
    if original is None or (psn_no is not None and person_number(psn_no) != original.psn_no):
        raise _refused(SettleStatus.UNKNOWN_SETTLEMENT, setl_id, message("medical.message.no_settlement"))
    after = taken_from(connection, [setl_id]).get(setl_id, [])
    if refund_id in found:
        return _again(found[refund_id], original, after, returned, at)
    if original.reverses is not None or not original.bill or cancellation_of(after) is not None:
        raise _refused(SettleStatus.NOT_CANCELLABLE, setl_id, message("medical.refund.no_original"))
    if fault := message_fault({}, at, original.at):
        raise _refused(SettleStatus.MALFORMED, setl_id, fault)
    made_of = json.loads(original.bill)
    lines = _lines(
        made_of["lines"], [*(_returned(row) for row in after if row.bill and not reinstated(row)), returned], setl_id
    )
    policy = book.by_code(original.split.policy)
    if policy is None or policy.digest != made_of["policy_digest"]:
        raise _refused(SettleStatus.POLICY_CHANGED, setl_id)
    there = standing(original, after)
    # No account pays more because something came back: rounding might ask for a fen that is no longer held.
    visit = _visit(made_of)
    visit = replace(visit, account_fen=there.acct_pay, family_fen=there.acct_mulaid_pay)
    now = split(lines, policy, Accumulators(*made_of["before"]), visit)
    difference = combined(now, there, -1)
    difference = replace(difference, steps=net(difference.steps))
    bill = encode({"returned": _plain(returned)})
    row = taking_row(original, refund_id, at, difference, bill)
    take(ledger, connection, [Taking(original, row, f"refund:{refund_id}")], REFUNDED_CODE)
    return Refund(SettleStatus.SETTLED, refund_id, difference, now)


def net(steps: Sequence[RawStep]) -> tuple[RawStep, ...]:
    """Strike out pairs of steps that undo each other: a line that did not change explains no difference."""
    left = Counter(steps)
    for step in list(left):
        opposite = (step[0], -step[1], step[2], -step[3], *step[4:])
        both = min(left[step], left[opposite])
        if both and step != opposite:
            left[step] -= both
            left[opposite] -= both
    return tuple(left.elements())


def _refused(status: SettleStatus, setl_id: str, detail: Message | None = None) -> SettlementRefused:
    return SettlementRefused(status, setl_id, detail, step=REFUNDED_CODE)


def _again(row: Row, original: Row, after: Sequence[Row], returned: Mapping[int, Decimal | None], at: str) -> Refund:
    is_refund = row.reverses == original.setl_id and row.bill and not reinstated(row)
    if not is_refund or (row.at, _returned(row)) != (at, dict(returned)):
        raise _refused(SettleStatus.EXISTS_DIFFERENT, row.setl_id)
    return Refund(SettleStatus.EXISTS, row.setl_id, row.split, standing(original, after))


def _plain(returned: Mapping[int, Decimal | None]) -> list[list[Any]]:
    return [[line, None if cnt is None else str(cnt)] for line, cnt in sorted(returned.items())]


def _returned(row: Row) -> dict[int, Decimal | None]:
    return {line: None if cnt is None else Decimal(cnt) for line, cnt in json.loads(row.bill)["returned"]}


def _lines(
    values: Sequence[Sequence[Any]], returns: Sequence[Mapping[int, Decimal | None]], setl_id: str
) -> list[FeeLine]:
    billed = dict(enumerate(map(line_of, values), start=1))
    lines = dict(billed)
    for returned in returns:
        for number, cnt in returned.items():
            line, left = billed.get(number), lines.get(number)
            if line is None or left is None or not line.det_item_fee_sumamt or _is_gone(left):
                raise _refused(SettleStatus.MALFORMED, setl_id, message("medical.refund.gone", line=number))
            try:
                lines[number] = left.without(cnt, of=line)
            except InvalidValue as error:
                what = message("medical.refund.wrong", line=number, fault=error.message)
                raise _refused(SettleStatus.MALFORMED, setl_id, what) from None
    if not returns[-1]:
        raise _refused(SettleStatus.MALFORMED, setl_id, message("medical.refund.nothing"))
    return list(lines.values())


def _is_gone(line: FeeLine) -> bool:
    """Whether all of a line came back; a rest whose charge rounds to nothing has not."""
    return not (line.det_item_fee_sumamt or line.cnt)


def line_of(values: Sequence[Any]) -> FeeLine:
    """A graded line from its plain values."""
    item, grade, fen, pric, cnt, limit, bp = values
    return FeeLine(item, Grade(grade), fen, Decimal(pric), Decimal(cnt), None if limit is None else Decimal(limit), bp)


def _visit(made_of: Mapping[str, Any]) -> Visit:
    level, groups, account_fen, use_account, kind = made_of["visit"]
    remote, family_fen = made_of["elsewhere"]
    return Visit(level, frozenset(groups), account_fen, use_account, VisitKind(kind), remote, family_fen)
