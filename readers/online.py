"""Online transactions of a terminal: what it asks its bank, and what it writes down before it asks.

A line to a bank loses answers. So every transaction has a trace number, stands in a journal before it is
sent, and stays open there until its end is known. Message layouts of ATMs and transfer telephones are not
public: the link is a port, and the integrator's own messages stand behind it.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from readers.errors import HostRefused, ReaderError
from sbcard_core.errors import InvalidValue
from sbcard_core.files import reserve
from sbcard_core.messages import message

MAX_TRACE = 999_999
"""受卡方系统跟踪号 has six digits (ISO 8583 field 11)."""


DONE_CODES = frozenset({"00", "11", "16", "A2", "A4", "A5", "A6"})
"""Field 39 of class A, after which the account is booked (two public code tables)."""
UNKNOWN_CODES = frozenset({"09", "10", "68", "98"})
"""In progress, approved in part (how much is not said), answered too late, no answer of the card's bank: money may have
moved, so it is taken back or asked for, and never called refused."""
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
            raise InvalidValue(
                "a trace number has 1 to 6 digits and no amount is negative", step="online", term="跟踪号"
            )


@dataclass(frozen=True, slots=True)
class BankReply:
    """The bank's answer; ``code`` is its own word for why (ISO 8583 field 39), see :data:`DONE_CODES`."""

    code: str
    balance_fen: int | None = None
    reference: str = ""

    @property
    def approved(self) -> bool:
        """Whether it was done."""
        return self.code in DONE_CODES

    @property
    def is_unknown(self) -> bool:
        """Whether the bank itself does not know what was done."""
        return self.code in UNKNOWN_CODES


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
        """Ask what became of a transaction, without doing it; "25" = never seen.

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
    """

    request: BankRequest
    state: State
    done_fen: int = 0
    reverse_fen: int = 0
    code: str = ""

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


class MemoryJournal:
    """A journal for tests and demonstrations: gone with the process."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}

    def write(self, entry: Entry) -> None:
        """Keep the newest state."""
        _keep(self._entries, entry)

    def entries(self) -> list[Entry]:
        """The newest states, in the order in which the transactions began."""
        return list(self._entries.values())


class FileJournal:
    """A journal in a file of JSON lines; every entry is on the disk when ``write`` returns.

    The file holds account numbers, so it is made with mode 600: keep it where the terminal keeps its other secrets. A
    last line that was cut off by a power failure is dropped: what it announced had not been done yet.

    Raises:
        ReaderError: a line before the last is no entry; the message names it and repeats nothing of it.

    Example:
        >>> import tempfile
        >>> request = BankRequest(Kind.BALANCE, "430100000001", 1, datetime.fromisoformat("2014-07-31"), "622200000000")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     FileJournal(Path(folder, "atm.jsonl")).write(Entry(request, State.STARTED))
        ...     [entry.state.name for entry in FileJournal(Path(folder, "atm.jsonl")).entries()]
        ['STARTED']
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[int, Entry] = {}
        for entry in self._read():
            _keep(self._entries, entry)

    def write(self, entry: Entry) -> None:
        """Append and flush to the disk."""
        entry = replace(entry, request=_without_pins(entry.request))
        reserve(self._path)
        with self._path.open("ab") as file:
            file.write(json.dumps(_as_json(entry), ensure_ascii=False).encode("utf-8") + b"\n")
            file.flush()
            os.fsync(file.fileno())
        _keep(self._entries, entry)

    def entries(self) -> list[Entry]:
        """The newest states, in the order in which the transactions began."""
        return list(self._entries.values())

    def _read(self) -> list[Entry]:
        if not self._path.exists():
            return []
        whole, _, cut = self._path.read_bytes().rpartition(b"\n")
        if cut:
            with self._path.open("r+b") as file:
                file.truncate(len(whole) + 1 if whole else 0)
        return [self._entry(line, number) for number, line in enumerate(whole.split(b"\n"), 1) if line]

    def _entry(self, line: bytes, number: int) -> Entry:
        """What a line says. One that cannot be read may be money on its way, so it is never passed over."""
        try:
            return _from_json(json.loads(line))
        except (ValueError, TypeError, KeyError, InvalidValue):
            what = message("readers.journal.line", file=self._path.name, line=number)
            raise ReaderError(what, step="online", term="流水文件") from None


def _keep(entries: dict[int, Entry], entry: Entry) -> None:
    """Take the newest state of a transaction in its place; another one under a number used before goes to the end."""
    number = entry.request.trace_no
    if number in entries and entries[number].request != entry.request:
        del entries[number]
    entries[number] = entry


def _without_pins(request: BankRequest) -> BankRequest:
    return replace(request, pin_block=b"", new_pin_block=b"")


def _as_json(entry: Entry) -> dict[str, Any]:
    request = asdict(entry.request) | {"at": entry.request.at.isoformat()}
    del request["pin_block"], request["new_pin_block"]
    return {**asdict(entry), "request": request}


def _from_json(data: dict[str, Any]) -> Entry:
    asked = data["request"]
    request = BankRequest(**{**asked, "kind": Kind(asked["kind"]), "at": datetime.fromisoformat(asked["at"])})
    return Entry(**{**data, "request": request, "state": State(data["state"])})


class Traces:
    """Hands out trace numbers, going on behind the journal's last transaction and around after 999999.

    Every request stands in the journal before it is sent, so no number that a host has seen is used for another one
    until all others were; one of a transaction that is still open is passed over.

    Example:
        >>> [next(Traces(MemoryJournal())) for _ in range(2)]
        [1, 1]
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._last = 0
        for entry in journal.entries():
            self._last = entry.request.trace_no

    def __next__(self) -> int:
        taken = {entry.request.trace_no for entry in self._journal.entries() if entry.is_open}
        for _ in range(MAX_TRACE):
            self._last = self._last % MAX_TRACE + 1
            if self._last not in taken:
                return self._last
        raise ReaderError("every trace number belongs to an open transaction", step="online", term="跟踪号")


def refused(reply: BankReply, step: str) -> HostRefused:
    """The error of a bank's no; raise it."""
    return HostRefused(f"the bank refused: {reply.code}", step=step, term="银行拒绝", advice="see the bank's code")


def take_back(link: BankLink, journal: Journal, entry: Entry) -> Entry:
    """Reverse ``entry.reverse_fen`` and write down how it ended; still REVERSING where the bank did not answer."""
    journal.write(entry)
    try:
        reply = link.reverse(entry.request, entry.reverse_fen)
    except HostLost:
        return entry
    if reply.code not in TAKEN_BACK_CODES:
        return entry
    state = State.REVERSED if entry.done_fen == 0 else State.DONE
    ended = replace(entry, state=state, reverse_fen=0, code=reply.code)
    journal.write(ended)
    return ended
