"""Codes of payouts: what a roll, a line of it, a sent line and a person may be."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from sbcard_core.hosts.layouts import ACCOUNT_CODES

HELD_ITEM = "held:"
"""Item of a back payment for a suspended period: ``held:<period>``."""
BACK_ITEM = "back:"
"""Item of a back payment for what a recovery should not have taken: ``back:<digest>:<period>``."""
DEATH_REASON = "death"
"""What stands as the reason on roll lines taken out, and on recoveries opened, because of a death."""
RETURN_CODES: Mapping[str, str] = MappingProxyType({**ACCOUNT_CODES, "19": "超过累计限额", "21": "其他原因"})
"""Codes by which a bank says that a line is not paid. Own codes (no public table exists) for the classes of failure of
public vendor code; put the bank's own here. Any other code says nothing for certain: the line is UNKNOWN."""


class LineState(IntEnum):
    """What became of one sent line. Own codes."""

    SENT = 10
    """At the bank, not answered."""
    PAID = 20
    RETURNED = 21
    """支付退票: confirmed as not paid; its money stays payable until it is paid again."""
    REPAID = 22
    """Returned, and sent again as another line, which names this one."""
    CANCELLED = 23
    """Returned, and given up: its money is back in the fund."""
    STOPPED = 24
    """Returned, and not due because of a death: its money is back in the fund until the death is withdrawn."""
    UNKNOWN = 30
    """The answer is missing, unreadable or contradictory: in suspense, never paid again until the bank confirms."""


class RollState(IntEnum):
    """How far a roll has come. Own codes."""

    DRAFTED = 10
    """Waits for officers; also again after a line was taken out."""
    APPROVED = 20
    NOTICED = 30
    """公示: shown to the public, or has been."""
    RELEASING = 40
    """Its money is blocked; batches are being written."""
    RELEASED = 50
    """Every line is at its bank."""
    CLOSED = 60
    """Nothing is outstanding."""
    WITHDRAWN = 70
    """Given up before its money was blocked."""


class RollLineState(IntEnum):
    """What is done with one line of a roll. Below 50 it is a claim: no second one for the same person and item."""

    READY = 10
    """To be sent, or sent."""
    DEDUCTED = 11
    """Kept back whole for a recovery: nothing to send."""
    HELD = 12
    """Suspended, or taken out for a death that was withdrawn: kept for a later back payment (补发)."""
    REFUSED = 50
    """Did not match; one finding says why."""
    REMOVED = 51
    """Taken out by an objection or an officer."""
    DIED = 52
    """Taken out because of a death; due again where that is withdrawn, or was later."""


class RecoveryMode(IntEnum):
    """How an overpayment comes back (追回). Own codes."""

    DEDUCTION = 1
    """Kept back from later rolls of the programme, a part each time."""
    RETURN = 2
    """Returned through the bank."""


class RecoverySource(IntEnum):
    """Where one part of a recovery came from. Own codes."""

    DEDUCTION = 1
    """Kept back from a roll line."""
    BANK = 2
    """Returned by the bank, under its reference."""
    HEIRS = 3
    """Paid in by the person or the heirs, under a decision."""
