"""Online transactions of a terminal: what it asks its bank, what the answers mean, and how a transaction is taken back.

A line to a bank loses answers. So every transaction has a trace number, stands in a journal (:mod:`readers.journal`)
before it is sent, and stays open there until its end is known. Message layouts of ATMs and transfer telephones are not
public: the link is a port, and the integrator's own messages stand behind it.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from readers.errors import HostRefused, ReaderError
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

MAX_TRACE = 999_999
"""受卡方系统跟踪号 has six digits (ISO 8583 field 11)."""


DONE_CODES = frozenset({"00", "10", "11", "16", "A2", "A4", "A5", "A6"})
"""Field 39 of class A, after which the account is booked (two public code tables)."""
PART_CODE = "10"
"""Booked for a part of what was asked (部分承兑); how much stands in the reply's amount (field 4)."""
UNKNOWN_CODES = frozenset({"09", "68", "98"})
"""In progress, answered too late, no answer of the card's bank: money may have moved, so it is taken back or asked for,
and never called refused."""
UNASKED_CODES = frozenset({"06", "30", "40", "96", "97", "A0"})
"""A question after a transaction failed itself (error, format, not offered, system, terminal, MAC; assumed): the answer
says nothing of the transaction."""
_CODE = re.compile("[0-9A-Z]{2}")
TAKEN_BACK_CODES = frozenset({"00", "12", "25"})
"""Answers that end a reversal: done; nothing to reverse; never seen."""


class HostLost(ReaderError):
    """No answer from the host: it may or may not have done what it was asked (无应答)."""


class Kind(StrEnum):
    """What a terminal asks for."""

    BALANCE = "余额查询"
    WITHDRAWAL = "取款"
    TRANSFER = "转账"
    PAYMENT = "缴费"
    CHANGE_PIN = "修改密码"


@dataclass(frozen=True, slots=True)
class BankRequest:
    """One question to the bank. ``repr`` shows no account and no PIN block.

    Args:
        kind: what is asked.
        terminal_no: 终端机编号.
        trace_no: 1 to 999999, new for every transaction of the terminal.
        at: local time.
        account_no: the card's account (主账号).
        amount_fen: fen; 0 where no money moves.
        pin_block: made by the PIN pad; a terminal never sees the digits.
        new_pin_block: for a change of PIN.
        to_account: for a transfer.
        bill_no: for a payment.
    """

    kind: Kind
    terminal_no: str
    trace_no: int
    at: datetime
    account_no: str = field(repr=False)
    amount_fen: int = 0
    pin_block: bytes = field(default=b"", repr=False)
    new_pin_block: bytes = field(default=b"", repr=False)
    to_account: str = field(default="", repr=False)
    bill_no: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.trace_no <= MAX_TRACE or self.amount_fen < 0:
            raise InvalidValue(message("readers.request"), step="online", term="跟踪号")


@dataclass(frozen=True, slots=True)
class BankReply:
    """The bank's answer.

    Args:
        code: its own word for why (ISO 8583 field 39), see :data:`DONE_CODES`.
        balance_fen: of the account.
        reference: the bank's number of the transaction.
        amount_fen: the amount in the reply (field 4); needed where the code is :data:`PART_CODE`.
    """

    code: str
    balance_fen: int | None = None
    reference: str = ""
    amount_fen: int | None = None

    @property
    def approved(self) -> bool:
        """Whether it was done, in whole or in part."""
        return self.code in DONE_CODES

    @property
    def is_unknown(self) -> bool:
        """Whether the bank itself does not know what was done, or the reply has no code."""
        return self.code in UNKNOWN_CODES or _CODE.fullmatch(self.code) is None

    def booked_fen(self, asked_fen: int) -> int | None:
        """How much of what was asked the bank has booked: nothing where it refused.

        Returns:
            None where nobody can tell: the bank does not know, approved a part and not how much, or names another
            amount.

        Example:
            >>> [BankReply(code, amount_fen=300).booked_fen(500) for code in ("10", "00", "51")]
            [300, None, 0]
            >>> [BankReply(code).booked_fen(500) for code in ("10", "00", "", "98")]
            [None, 500, None, None]
        """
        if self.is_unknown:
            return None
        if not self.approved:
            return 0
        if self.amount_fen is None and self.code != PART_CODE:
            return asked_fen
        part = self.amount_fen
        fits = type(part) is int and 0 <= part <= asked_fen and (part == asked_fen or self.code == PART_CODE)
        return part if fits else None


class BankLink(Protocol):
    """The line to the bank. The bank knows a transaction by terminal and trace number: asked twice, done once."""

    def send(self, request: BankRequest) -> BankReply:
        """Ask for something.

        Raises:
            HostLost: no answer.
        """
        ...

    def reverse(self, request: BankRequest, amount_fen: int) -> BankReply:
        """Take back all or part of a transaction (冲正); one that the bank never saw is answered "25".

        Raises:
            HostLost: no answer.
        """
        ...

    def ask(self, request: BankRequest) -> BankReply:
        """Ask what became of a transaction, without doing it; the code is the transaction's own, "25" = never seen.

        Raises:
            HostLost: no answer.
        """
        ...


class State(StrEnum):
    """Where a transaction stands."""

    STARTED = "已发起"
    """It is about to be sent, or was sent and not answered."""
    DISPENSING = "出钞中"
    """The bank has paid; notes are being counted out."""
    REVERSING = "冲正中"
    """Something has to be taken back, and the bank has not confirmed it."""
    COUNT_NEEDED = "待清点"
    """Nobody knows what the dispenser gave: count the cassettes, then call ``counted``."""
    DONE = "完成"
    REFUSED = "拒绝"
    REVERSED = "已冲正"
    BY_HAND = "人工处理"
    """Ended by an officer, see :mod:`readers.by_hand`."""


OPEN_STATES = frozenset({State.STARTED, State.DISPENSING, State.REVERSING, State.COUNT_NEEDED})
"""States that somebody still has to bring to an end."""
MOVES_NO_MONEY = frozenset({Kind.BALANCE, Kind.CHANGE_PIN})
"""Kinds of request of which nothing is left to be settled, answered or not."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One transaction in the journal, as of its last change. It holds the account, but no PIN block.

    Args:
        request: what was asked, without PIN blocks.
        state: where it stands.
        done_fen: fen that stayed moved: notes given out, or the amount transferred or paid.
        reverse_fen: fen to be taken back, while reversing.
        code: the bank's last word.
        reason: why it was ended by hand.
        approval: of that end, as JSON.
    """

    request: BankRequest
    state: State
    done_fen: int = 0
    reverse_fen: int = 0
    code: str = ""
    reason: str = ""
    approval: str = field(default="", repr=False)

    @property
    def is_open(self) -> bool:
        """Whether its end is still unknown."""
        return self.state in OPEN_STATES and self.request.kind not in MOVES_NO_MONEY


class Journal(Protocol):
    """Where a terminal writes before it acts. ``write`` returns when the entry cannot be lost any more."""

    def write(self, entry: Entry) -> None:
        """Keep the newest state of a transaction."""
        ...

    def entries(self) -> Iterable[Entry]:
        """The newest state of every transaction, in the order in which they began; the last one's trace number is the
        last that was used. A number that is used again after 999999 stands for its newer transaction."""
        ...


def refused(reply: BankReply, step: str) -> HostRefused:
    """The error of a bank's no; raise it."""
    return HostRefused(message("readers.bank.refused", code=reply.code), step=step, term="银行拒绝")


def take_back(link: BankLink, journal: Journal, entry: Entry) -> Entry:
    """Reverse ``entry.reverse_fen`` and write down how it ended; still REVERSING without the bank's word that it has.

    A bank that refuses for good leaves it to :func:`readers.by_hand.settle`.
    """
    journal.write(entry)
    try:
        reply = link.reverse(entry.request, entry.reverse_fen)
    except HostLost:
        return entry
    ended = replace(entry, code=reply.code)
    if reply.code in TAKEN_BACK_CODES:
        ended = replace(ended, state=State.REVERSED if entry.done_fen == 0 else State.DONE, reverse_fen=0)
    journal.write(ended)
    return ended
