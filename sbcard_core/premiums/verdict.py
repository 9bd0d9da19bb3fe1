"""Judging the lines of an agent bank's payment file: what each paid, what is left over, where its bill stands."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from sbcard_core.premiums.layout import AskState, LineStatus, Said


@dataclass(frozen=True, slots=True)
class Asked:
    """A line that was sent."""

    seq: int
    amount_fen: int


@dataclass(slots=True)
class Verdict:
    """What the lines of one file came to, before anything but bills is posted."""

    statuses: dict[int, LineStatus] = field(default_factory=dict)
    suspended: list[tuple[str, int, str | None, LineStatus, int]] = field(default_factory=list)
    states: dict[int, tuple[AskState, str, str]] = field(default_factory=dict)
    paid_fen: int = 0


def before_books(
    lines: Sequence[Said], asked: Mapping[str, Asked], known: set[str], days: tuple[date, date]
) -> dict[int, LineStatus]:
    """What can be said of each line without the books; PAID and OVERPAID are still to be posted.

    Args:
        lines: in the file's order.
        asked: what was sent, by bill.
        known: other bills of the file that there are.
        days: on which the bills were sent, and on which the file is read.
    """
    paid = {one.bill_no for one in lines if one.at}
    contradicted = paid & {one.bill_no for one in lines if not one.at}
    statuses: dict[int, LineStatus] = {}
    seen: set[str] = set()
    for one in lines:
        wanted = asked.get(one.bill_no)
        if one.bill_no in contradicted:
            status = LineStatus.CONTRADICTED
        elif one.bill_no in seen:
            status = LineStatus.REPEATED
        elif wanted is None and one.bill_no not in known:
            status = LineStatus.UNKNOWN_BILL
        elif wanted is None or wanted.seq != one.seq:
            status = LineStatus.NOT_ASKED
        elif one.at is None:
            status = LineStatus.NOT_PAID if one.is_certain else LineStatus.UNCERTAIN
        elif not days[0] <= one.at.date() <= days[1]:
            status = LineStatus.MISDATED
        elif one.amount_fen < wanted.amount_fen:
            status = LineStatus.UNDERPAID
        else:
            status = LineStatus.OVERPAID if one.amount_fen > wanted.amount_fen else LineStatus.PAID
        seen.add(one.bill_no)
        statuses[one.line] = status
    return statuses


_ELSEWHERE = (LineStatus.NOT_PAID, LineStatus.CANCELLED, LineStatus.ALREADY_PAID)


def settle(verdict: Verdict, name: str, one: Said, wanted: Asked | None) -> None:
    """Book one line: what it paid, what is left over, and where the bill it was sent for stands."""
    status = verdict.statuses[one.line]
    paid = wanted.amount_fen if wanted and status in (LineStatus.PAID, LineStatus.OVERPAID) else 0
    verdict.paid_fen += paid
    if one.fen > paid:
        verdict.suspended.append((name, one.line, one.bill_no, status, one.fen - paid))
    if wanted is None or wanted.seq in verdict.states:
        return
    state = AskState.PAID if paid else AskState.NOT_PAID if status in _ELSEWHERE else AskState.HELD
    if state is AskState.HELD and not one.fen and status is not LineStatus.CONTRADICTED:
        state = AskState.UNKNOWN  # no money came, but the answer does not fit the question
    verdict.states[wanted.seq] = (state, one.trace_no, "" if paid else one.reason or status.zh)
