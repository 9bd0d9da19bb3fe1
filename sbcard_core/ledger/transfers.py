"""A transfer, what may become of it, and whether it can be stored at all."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from enum import IntEnum, IntFlag
from functools import lru_cache
from typing import Any, Final, NamedTuple

from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.ledger.accounts import ID_MAX_LENGTH
from sbcard_core.values import mask_ids_in


class TransferFlag(IntFlag):
    """What is special about a transfer; 0 is a plain movement."""

    LINKED = 1
    """This one and the next stand or fall together; a group ends with the first that has no such flag."""
    PENDING = 2
    """Holds the amount on both accounts (冻结) until it is posted, voided or expires."""
    POST_PENDING = 4
    """Posts the whole or a part of what ``pending_id`` holds and releases the rest."""
    VOID_PENDING = 8
    """Releases what ``pending_id`` holds; nothing moves."""
    IMPORTED = 16
    """Came from another system's books by ``Ledger.import_history``, which alone sets it."""


TIMEOUT_MAX_S: Final = 100 * 366 * 86400
"""Longest hold with a timeout, in seconds: a hundred years."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """``amount_fen`` moved out of ``debit_account`` into ``credit_account``.

    Attributes:
        transfer_id: the caller's own id, at most 128 characters: the same id is never posted twice.
        debit_account: gives the money.
        credit_account: gets the money.
        amount_fen: 1 to 2**63 - 1 fen.
        code: what kind of movement, e.g. ``"purse.purchase"``.
        at: business time ``YYYY-MM-DDTHH:MM:SS``; ``timestamp()`` makes one.
        memo: free text.
        flags: ``TransferFlag`` values, joined by ``|``.
        pending_id: for ``POST_PENDING`` and ``VOID_PENDING``: the id of the transfer that holds the money.
            Its accounts may be left empty, and an amount of 0 is the whole that is held.
        timeout_s: for ``PENDING``: seconds after ``at`` from which it can no longer be posted; 0 is never.

    Example:
        >>> Transfer("L-1", "fund:pooled", "hospital:H1", 5000, "medical.settle", "2014-07-31T09:00:00").amount_fen
        5000
    """

    transfer_id: str
    debit_account: str
    credit_account: str
    amount_fen: int
    code: str
    at: str
    memo: str = ""
    flags: int = 0
    pending_id: str = ""
    timeout_s: int = 0

    def __repr__(self) -> str:
        shown = (getattr(self, field.name) for field in fields(self))
        values = (mask_ids_in(value) if isinstance(value, str) else value for value in shown)
        return f"Transfer({', '.join(map(repr, values))})"

    def post(self, transfer_id: str, *, at: str, amount_fen: int = 0, code: str = "", memo: str = "") -> "Transfer":
        """The transfer that posts this pending one; an amount of 0 is the whole.

        Example:
            >>> hold = Transfer("H", "a", "b", 100, "hold", "2014-07-31T09:00:00", flags=TransferFlag.PENDING)
            >>> hold.post("P", at="2014-07-31T10:00:00", amount_fen=60).pending_id
            'H'
        """
        flags = TransferFlag.POST_PENDING
        return Transfer(
            transfer_id, self.debit_account, self.credit_account, amount_fen, code or self.code, at, memo, flags,
            self.transfer_id,
        )  # fmt: skip

    def void(self, transfer_id: str, *, at: str, code: str = "", memo: str = "") -> "Transfer":
        """The transfer that releases this pending one."""
        flags = TransferFlag.VOID_PENDING
        return Transfer(
            transfer_id, self.debit_account, self.credit_account, 0, code or self.code, at, memo, flags,
            self.transfer_id,
        )  # fmt: skip


class TransferStatus(IntEnum):
    """What became of one transfer of a batch: the first that applies, in this order.

    Only ``POSTED`` and ``EXISTS`` mean that the money has moved, is held or released (once). A refused
    transfer leaves no trace and its id stays free.
    """

    POSTED = 0
    EXISTS = 1
    """The same transfer was posted before: nothing done, nothing wrong."""
    LINKED_FAILED = 2
    """Another of its linked group was refused (and says why), or only a part of the group was posted before."""
    LINKED_OPEN = 3
    """The batch ends within a linked group."""
    EXISTS_DIFFERENT = 4
    """The id belongs to a transfer with other contents."""
    MALFORMED = 5
    """A field that cannot be stored, or flags that contradict each other or the other fields."""
    PENDING_UNKNOWN = 6
    """No pending transfer has the id ``pending_id``. Transient: it may still come."""
    PENDING_DIFFERENT = 7
    """Other accounts are named than those that hold the money, or a time before the hold's."""
    PENDING_POSTED = 8
    PENDING_VOIDED = 9
    PENDING_EXPIRED = 10
    PENDING_AMOUNT = 11
    """More than is held; or a release of something else than the whole."""
    UNKNOWN_ACCOUNT = 12
    """Transient: it may be opened later."""
    SAME_ACCOUNT = 13
    AMOUNT_NOT_POSITIVE = 14
    PERIOD_CLOSED = 15
    """``at`` lies in a closed period."""
    OVERFLOW = 16
    """A side of an account, with what it holds, would pass 2**63 - 1 fen. Transient: a hold may be released."""
    INSUFFICIENT = 17
    """The debited account would fall below its floor. Transient: it may pass later."""
    ABOVE_CEILING = 18
    """The credited account would rise above its ceiling. Transient: it may pass later."""

    @property
    def is_settled(self) -> bool:
        """The money has moved (or is held, or released), now or before."""
        return self <= TransferStatus.EXISTS

    @property
    def is_transient(self) -> bool:
        """The same transfer may be accepted later, when balances or accounts have changed."""
        return self >= TransferStatus.OVERFLOW or self in _MAY_COME


_MAY_COME: Final = frozenset({TransferStatus.PENDING_UNKNOWN, TransferStatus.UNKNOWN_ACCOUNT})


class Outcome(NamedTuple):
    """What became of one transfer, and what both accounts hold right after it; None where no such account is open."""

    status: TransferStatus
    debit_net_fen: int | None
    credit_net_fen: int | None


_ADVICE: Final = {
    TransferStatus.LINKED_OPEN: "post it with the others of its linked group, by post_many",
    TransferStatus.EXISTS_DIFFERENT: "give another movement an id of its own; the same movement has the same fields",
    TransferStatus.MALFORMED: "correct what is named",
    TransferStatus.PENDING_UNKNOWN: "post the hold first",
    TransferStatus.PENDING_DIFFERENT: "leave its accounts empty, and give it no time before the hold's",
    TransferStatus.PENDING_POSTED: "the hold has been posted: for more, post a transfer of its own",
    TransferStatus.PENDING_VOIDED: "the hold was released: hold it anew, or post a transfer of its own",
    TransferStatus.PENDING_EXPIRED: "the hold has ended: hold it anew, or post a transfer of its own",
    TransferStatus.PENDING_AMOUNT: "post no more than is held",
    TransferStatus.UNKNOWN_ACCOUNT: "open both accounts first (open_accounts)",
    TransferStatus.SAME_ACCOUNT: "name two accounts",
    TransferStatus.AMOUNT_NOT_POSITIVE: "turn debit and credit round instead of a negative amount",
    TransferStatus.PERIOD_CLOSED: "post it at a time of an open period",
    TransferStatus.OVERFLOW: "a side of an account is full: use another account",
    TransferStatus.INSUFFICIENT: "the debited account does not hold it; post it again when it does",
    TransferStatus.ABOVE_CEILING: "the credited account may not hold it; post it again when it may",
}


class TransferRefused(Refused):
    """One transfer was refused; ``status`` says why, ``fields`` which fields cannot be stored."""

    def __init__(self, status: TransferStatus, transfer_id: str, fields: "dict[str, str] | None" = None) -> None:
        self.status, self.fields = status, fields or {}
        named = "; ".join(f"{name} must be {wanted}" for name, wanted in self.fields.items())
        super().__init__(
            f"transfer {mask_ids_in(str(transfer_id))!r} refused: {status.name}" + (f", {named}" if named else ""),
            step="ledger.post",
            term="记账",
            advice=_ADVICE.get(status, "correct the transfer, or post it later if the status is transient"),
        )


def timestamp(moment: date | datetime) -> str:
    """Write a day (at 00:00:00) or a moment as the ledger stores it: local time, to the second.

    Raises:
        InvalidValue: no day or moment, or a moment of a time zone; which local time is meant is the caller's to say.

    Example:
        >>> timestamp(date(2014, 7, 31)), timestamp(datetime(2014, 7, 31, 9, 5))
        ('2014-07-31T00:00:00', '2014-07-31T09:05:00')
    """
    if not isinstance(moment, date):
        advice = "give a date or a datetime; text is made one by datetime.fromisoformat"
        raise InvalidValue("no day and no moment", step="ledger.timestamp", term="记账时间", advice=advice)
    if not isinstance(moment, datetime):
        return f"{moment.isoformat()}T00:00:00"
    if moment.tzinfo is not None:
        raise InvalidValue(
            "the ledger's times are local, without a time zone",
            step="ledger.timestamp",
            term="记账时间",
            advice="moment.astimezone(ZoneInfo('Asia/Shanghai')).replace(tzinfo=None)",
        )
    return moment.isoformat(timespec="seconds")


_AT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", re.ASCII)


@lru_cache(maxsize=4096)
def is_timestamp(text: str) -> bool:
    """Whether ``text`` is a moment ``YYYY-MM-DDTHH:MM:SS`` that exists."""
    if _AT.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_storable(text: str) -> bool:
    """Whether every database takes ``text``: no NUL (PostgreSQL refuses it), no lone surrogate."""
    if text.isascii():
        return "\0" not in text
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def is_id(text: str) -> bool:
    """Whether ``text`` can be an account or transfer id."""
    return type(text) is str and 0 < len(text) <= ID_MAX_LENGTH and is_storable(text)


def is_well_formed(transfer: Transfer) -> bool:
    """Whether the fields of ``transfer`` can be stored; says nothing about accounts or amounts."""
    try:
        text = "".join((transfer.debit_account, transfer.credit_account, transfer.code, transfer.memo))
        return (
            type(transfer.amount_fen) is int
            and is_storable(text)
            and is_timestamp(transfer.at)
            and transfer.code != ""
            and (is_plain(transfer) or _flags_agree(transfer))
        )
    except TypeError:  # a field that is not text, or not hashable
        return False


def malformed_fields(transfer: Transfer) -> dict[str, str]:
    """Why a transfer is ``MALFORMED``: its fields that cannot be stored, each with what it must be.

    Example:
        >>> malformed_fields(Transfer("T1", "bank", "me", "100", "load", "2014-07-31"))
        {'amount_fen': 'a whole number of fen (金额, int)', 'at': 'YYYY-MM-DDTHH:MM:SS (记账时间), see timestamp()'}
    """
    if is_id(transfer.transfer_id) and is_well_formed(transfer):
        return {}
    found = {name: wanted for name, (passes, wanted) in _FIELDS.items() if not passes(getattr(transfer, name))}
    return found or {"flags": "flags that agree with each other, with pending_id and with timeout_s (标志)"}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and is_storable(value)


def _is_moment(value: Any) -> bool:
    return isinstance(value, str) and is_timestamp(value)


_TEXT: Final = (_is_text, "text without NUL or lone surrogates (文字)")
_FIELDS: Final = {
    "transfer_id": (is_id, f"text of 1 to {ID_MAX_LENGTH} characters (编号)"),
    "debit_account": _TEXT,
    "credit_account": _TEXT,
    "amount_fen": (lambda value: type(value) is int, "a whole number of fen (金额, int)"),
    "code": (lambda value: value != "" and _is_text(value), "text, not empty (业务代码)"),
    "at": (_is_moment, "YYYY-MM-DDTHH:MM:SS (记账时间), see timestamp()"),
    "memo": _TEXT,
}


def must_be_transfers(transfers: Iterable[Transfer], step: str) -> Iterable[Transfer]:
    """The same transfers; a list is looked through at once, what is streamed as it comes.

    Raises:
        InvalidValue: something else is among them, or there is one transfer and no list.
    """
    if isinstance(transfers, list | tuple):
        if set(map(type, transfers)) - {Transfer}:
            list(_each(transfers, step))
        return transfers
    if isinstance(transfers, Transfer) or not isinstance(transfers, Iterable):
        raise InvalidValue("a list of transfers is wanted", step=step, term="记账", advice="one transfer: [transfer]")
    return _each(transfers, step)


def _each(transfers: Iterable[Transfer], step: str) -> Iterator[Transfer]:
    for place, transfer in enumerate(transfers, 1):
        if not isinstance(transfer, Transfer):
            what = f"item {place} is no Transfer but of type {type(transfer).__name__}"
            raise InvalidValue(what, step=step, term="记账", advice="make one: ledger.Transfer(…)")
        yield transfer


def is_plain(transfer: Transfer) -> bool:
    """No flag, no hold, no timeout."""
    return transfer.flags == 0 and transfer.pending_id == "" and transfer.timeout_s == 0


_PHASES: Final = (0, TransferFlag.PENDING, TransferFlag.POST_PENDING, TransferFlag.VOID_PENDING)
PHASE: Final = TransferFlag.PENDING | TransferFlag.POST_PENDING | TransferFlag.VOID_PENDING
CLOSES_HOLD: Final = int(TransferFlag.POST_PENDING | TransferFlag.VOID_PENDING)


def _flags_agree(transfer: Transfer) -> bool:
    flags, pending_id, timeout_s = transfer.flags, transfer.pending_id, transfer.timeout_s
    if not (isinstance(flags, int) and type(timeout_s) is int and 0 <= timeout_s <= TIMEOUT_MAX_S):
        return False
    phase = flags & PHASE
    if flags & ~int(PHASE | TransferFlag.LINKED | TransferFlag.IMPORTED) or phase not in _PHASES:
        return False
    closes = bool(flags & CLOSES_HOLD)
    return (is_id(pending_id) if closes else pending_id == "") and (not timeout_s or phase == TransferFlag.PENDING)


def expiry(transfer: Transfer) -> str:
    """The moment from which a pending transfer can no longer be posted; empty is never.

    Example:
        >>> expiry(Transfer("H", "a", "b", 1, "hold", "2014-07-31T23:59:30", flags=2, timeout_s=60))
        '2014-08-01T00:00:30'
    """
    if not transfer.timeout_s:
        return ""
    try:
        return timestamp(datetime.fromisoformat(transfer.at) + timedelta(seconds=transfer.timeout_s))
    except OverflowError:  # beyond the year 9999
        return ""
