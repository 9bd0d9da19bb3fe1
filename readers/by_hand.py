"""人工处理: an officer ends what terminal and bank cannot end between them.

A bank may refuse a reversal for good (another account, another amount, already void), or never say what became of a
transfer. Its ledger is then looked at and corrected by people; what they found is written into the journal, with the
reason and the approval of a registered officer.
"""

import json
from dataclasses import replace
from datetime import date
from hashlib import sha256

from readers.base import whole_fen
from readers.journal import as_json
from readers.online import Entry, Journal, Kind, State
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message
from sbcard_core.officers import Act, Officers, Signer, obtain

_STEP = "by_hand"
_KIND = "terminal.by-hand"
_LONGEST_REASON = 200


def act_of(entry: Entry, moved_fen: int, reason: str, on: date) -> Act:
    """What the officer approves: this entry as it stands, what stays debited, and why."""
    content = json.dumps([as_json(entry), moved_fen, reason], ensure_ascii=False, sort_keys=True).encode()
    subject = f"{entry.request.terminal_no}/{entry.request.trace_no:06}"
    return Act(_KIND, subject, sha256(content).hexdigest(), on)


def settle(
    journal: Journal,
    officers: Officers,
    trace_no: int,
    *,
    moved_fen: int,
    reason: str,
    on: date,
    by: Signer,
) -> Entry:
    """End a reversal that the bank refuses, or a transfer of which it says nothing.

    Args:
        journal: of the terminal.
        officers: the registered ones.
        trace_no: of the transaction.
        moved_fen: what the bank's ledger shows as debited now, after its corrections.
        reason: why, and the bank's voucher.
        on: day of the act.
        by: the officer, or an approval of :func:`act_of` made elsewhere.

    Returns:
        The entry as it stands in the journal now, BY_HAND.

    Raises:
        InvalidValue: no such open transaction, no reason, or an amount with which somebody would lose money: a
            withdrawal ends with the notes the holder got, anything else with no more than was asked for.
        ApprovalRefused: see :func:`sbcard_core.officers.obtain`.
    """
    whole_fen("moved_fen", moved_fen, _STEP)
    reason = reason.strip()
    if not reason or len(reason) > _LONGEST_REASON or not reason.isprintable():
        raise InvalidValue(message("readers.by_hand.reason"), step=_STEP, term="处理原因")
    open_ones = [one for one in journal.entries() if one.is_open and one.state in (State.REVERSING, State.STARTED)]
    entry = next((one for one in open_ones if one.request.trace_no == trace_no), None)
    if entry is None:
        raise InvalidValue(message("readers.by_hand.none", trace_no=trace_no), step=_STEP, term="跟踪号")
    is_cash = entry.request.kind is Kind.WITHDRAWAL
    most = entry.done_fen if is_cash else entry.request.amount_fen
    least = most if is_cash else 0
    if not least <= moved_fen <= most:
        what = message("readers.by_hand.amount", moved_fen=moved_fen, done_fen=most)
        raise InvalidValue(what, step=_STEP, term="处理金额")
    approval = obtain(officers, act_of(entry, moved_fen, reason, on), by)
    proof = approval.for_storage().to_json()
    ended = replace(entry, state=State.BY_HAND, done_fen=moved_fen, reverse_fen=0, reason=reason, approval=proof)
    journal.write(ended)
    return ended
