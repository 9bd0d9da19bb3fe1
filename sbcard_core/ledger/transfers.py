"""A transfer, what may become of it, and whether it can be stored at all."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from functools import lru_cache
from typing import Final

from sbcard_core.errors import Refused
from sbcard_core.ledger.accounts import ID_MAX_LENGTH


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


class TransferStatus(IntEnum):
    """What became of one transfer of a batch: the first that applies, in this order.

    Only ``POSTED`` and ``EXISTS`` mean that the money has moved (once). A refused
    transfer leaves no trace and its id stays free.
    """

    POSTED = 0
    EXISTS = 1
    """The same transfer was posted before: nothing done, nothing wrong."""
    EXISTS_DIFFERENT = 2
    """The id belongs to a transfer with other contents."""
    MALFORMED = 3
    """A field that cannot be stored: empty or overlong id, not text, not an integer, not a time."""
    UNKNOWN_ACCOUNT = 4
    SAME_ACCOUNT = 5
    AMOUNT_NOT_POSITIVE = 6
    OVERFLOW = 7
    """A side of an account would pass 2**63 - 1 fen."""
    INSUFFICIENT = 8
    """The debited account would fall below its floor. Transient: it may pass later."""
    ABOVE_CEILING = 9
    """The credited account would rise above its ceiling. Transient: it may pass later."""

    @property
    def is_settled(self) -> bool:
        """The money has moved, now or before."""
        return self <= TransferStatus.EXISTS

    @property
    def is_transient(self) -> bool:
        """The same transfer may be accepted later, when balances have changed."""
        return self >= TransferStatus.OVERFLOW


class TransferRefused(Refused):
    """One transfer was refused; ``status`` says why."""

    def __init__(self, status: TransferStatus, transfer_id: str) -> None:
        self.status = status
        super().__init__(
            f"transfer {transfer_id!r} refused: {status.name}",
            step="ledger.post",
            term="记账",
            advice="correct the transfer, or post it later if the status is transient",
        )


def timestamp(moment: date | datetime) -> str:
    """Write a day (at 00:00:00) or a moment as the ledger stores it.

    Example:
        >>> timestamp(date(2014, 7, 31)), timestamp(datetime(2014, 7, 31, 9, 5))
        ('2014-07-31T00:00:00', '2014-07-31T09:05:00')
    """
    if not isinstance(moment, datetime):
        return f"{moment.isoformat()}T00:00:00"
    return moment.replace(tzinfo=None).isoformat(timespec="seconds")


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
            type(transfer.amount_fen) is int and is_storable(text) and is_timestamp(transfer.at) and transfer.code != ""
        )
    except TypeError:  # a field that is not text, or not hashable
        return False
