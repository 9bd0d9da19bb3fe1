"""What goes between the bureau and an agent bank (代收文件): two layouts, and what a line of the second came to.

Assumed: own design, no public layout of a bank's premium files exists. An integrator replaces these by the bank's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType

from sbcard_core.errors import Refused
from sbcard_core.hosts.bankfile import BankFile, FileSpec
from sbcard_core.hosts.layouts import ACCOUNT_CODES, PAID_CODE
from sbcard_core.ledger.transfers import is_id
from sbcard_core.messages import message
from sbcard_core.values import Disposition

BILLS = FileSpec(
    "PREMREQ",
    "代收清单文件",
    ("kind", "batch_no", "bank", "period", "date", "lines", "total_fen"),
    ("seq", "bill_no", "name", "id_number", "account_no", "amount_fen", "due_on", "insurance"),
    ("lines", "total_fen"),
)
"""Bills an agent bank is to collect; ``account_no`` is that of the person's card at this bank, or empty."""
PAYMENTS = FileSpec(
    "PREMRES",
    "代收结果文件",
    ("kind", "batch_no", "bank", "date", "lines", "paid_fen"),
    ("seq", "bill_no", "amount_fen", "status", "paid_at", "trace_no", "reason"),
    ("lines", "paid", "paid_fen", "unpaid"),
)
"""Its answer, one file for one batch: ``status`` 00 = collected at ``paid_at`` (YYYYMMDDHHMMSS).

Of any other code see :data:`UNPAID_CODES`.
"""
UNPAID_CODES: Mapping[str, str] = MappingProxyType({**ACCOUNT_CODES, "51": "余额不足"})
"""Codes by which a bank says that it did not collect. Own codes (no public table exists); put the bank's own here. Any
other code says nothing for certain, as while the bank still works on it: the bill is not sent to a bank again."""


class AskState(IntEnum):
    """Where a line of a batch stands. Below 20 the bill is not sent to a bank again."""

    SENT = 10
    UNKNOWN = 12
    """The bank did not say: clear it with the bank, then ``Agency.confirm_unpaid`` or ``Agency.assign``."""
    HELD = 13
    """It brought money that does not fit: it lies in suspense."""
    PAID = 20
    NOT_PAID = 21


class LineStatus(IntEnum):
    """What one line of a payment file came to: the first that applies. Money of 2 and of 10 on lies in suspense."""

    PAID = 0
    NOT_PAID = 1
    OVERPAID = 2
    """The bill is paid; what was too much lies in suspense."""
    CONTRADICTED = 10
    """The file says of one bill both that it was paid and that it was not."""
    REPEATED = 11
    """The bill stands in the file before."""
    UNKNOWN_BILL = 12
    NOT_ASKED = 13
    """A bill, but not under this number of this batch."""
    UNDERPAID = 14
    CANCELLED = 15
    ALREADY_PAID = 16
    """Through another channel."""
    NO_RATE = 17
    LEDGER_REFUSED = 18
    UNCERTAIN = 19
    """No money, by a code that nobody agreed on: clear it with the bank, then ``Agency.confirm_unpaid``."""
    MISDATED = 20
    """Collected before the bill was sent, or after the day on which the file is read."""
    UNREADABLE = 30
    """Its money, if it brought any, is what the trailer's sum has more than the readable lines."""

    @property
    def disposition(self) -> Disposition:
        """Accepted, rejected or quarantined."""
        if self is LineStatus.UNREADABLE:
            return Disposition.QUARANTINED
        return Disposition.ACCEPTED if self <= LineStatus.OVERPAID else Disposition.REJECTED

    @property
    def zh(self) -> str:
        """For a clerk."""
        return _ZH[self]


_ZH = {
    LineStatus.PAID: "已缴费",
    LineStatus.NOT_PAID: "未扣款",
    LineStatus.OVERPAID: "多缴,差额挂账",
    LineStatus.CONTRADICTED: "同一缴费单既称已缴又称未缴",
    LineStatus.REPEATED: "缴费单在文件中重复",
    LineStatus.UNKNOWN_BILL: "无此缴费单",
    LineStatus.NOT_ASKED: "不是本批次该序号的缴费单",
    LineStatus.UNDERPAID: "少缴",
    LineStatus.CANCELLED: "缴费单已作废",
    LineStatus.ALREADY_PAID: "已由其他渠道缴费",
    LineStatus.NO_RATE: "缴费标准中无此标准",
    LineStatus.LEDGER_REFUSED: "账务拒绝入账",
    LineStatus.UNCERTAIN: "返回码不明,待银行确认",
    LineStatus.MISDATED: "收款时间早于送盘或晚于回盘日",
    LineStatus.UNREADABLE: "无法识别",
}


class CollectionRefused(Refused):
    """The payment file as a whole is refused and nothing moved; ``code``: batch, bank, order, answered, totals,
    books."""

    def __init__(self, path: Path, code: str, sentence: str = "", **parameters: object) -> None:
        what = message(f"premiums.answer.{sentence or code}", file=path.name, **parameters)
        super().__init__(what, step="premiums.read_payments", term="代收结果文件")
        self.code = code


@dataclass(frozen=True, slots=True)
class CollectionReport:
    """What one payment file did; ``paid_fen + suspended_fen`` is every fen the bank says it brought.

    Args:
        batch_no: the batch it answers.
        statuses: one per data line, in the file's order.
        paid_fen: put to bills.
        suspended_fen: brought, and explained by no open bill.
        missing: numbers of the batch's lines that the file does not speak of.
        repeated: the same file was taken before; nothing was done.
    """

    batch_no: str
    statuses: list[LineStatus] = field(default_factory=list)
    paid_fen: int = 0
    suspended_fen: int = 0
    missing: list[int] = field(default_factory=list)
    repeated: bool = False

    def count(self, disposition: Disposition) -> int:
        """How many lines were accepted, rejected or quarantined; together they are the file's lines."""
        return sum(status.disposition is disposition for status in self.statuses)


@dataclass(frozen=True, slots=True)
class Suspended:
    """Money an agent bank brought that no open bill explains (挂账)."""

    payment_id: str
    batch_no: str
    line: int
    """1-based line of the payment file; 0 = the lines nobody can read, together."""
    status: LineStatus
    amount_fen: int
    left_fen: int
    bill_no: str = field(default="", repr=False)
    """As the bank wrote it."""


@dataclass(frozen=True, slots=True)
class Said:
    """One readable data line: what the bank says of one bill."""

    line: int
    seq: int
    bill_no: str
    amount_fen: int
    at: datetime | None
    """None: not collected."""
    trace_no: str
    reason: str
    is_certain: bool = True
    """Collected, or not by a code that says so."""

    @property
    def fen(self) -> int:
        """What it brought."""
        return self.amount_fen if self.at else 0


def said(file: BankFile, codes: Mapping[str, str]) -> dict[int, Said]:
    """The readable data lines of a payment file, by line number; ``codes`` say that nothing was collected."""
    read = ((line, _said(line, row, codes)) for line, row in zip(file.line_numbers, file.rows, strict=True))
    return {line: found for line, found in read if found is not None}


def _said(line: int, row: tuple[str, ...], codes: Mapping[str, str]) -> Said | None:
    seq, bill_no, amount, status, paid_at, trace_no, reason = row
    texts = is_id(bill_no) and len(bill_no) <= 100 and "\0" not in trace_no + reason
    if not (
        texts
        and number(seq) is not None
        and number(amount) is not None
        and len(status) == 2
        and number(status) is not None
    ):
        return None
    at = _moment(paid_at) if status == PAID_CODE else None
    if status == PAID_CODE and (at is None or not int(amount)):
        return None
    why = reason[:200] or ("" if at else codes.get(status, f"返回码 {status}"))
    is_certain = at is not None or status in codes
    return Said(line, int(seq), bill_no, int(amount), at, trace_no[:64], why, is_certain)


def number(text: str) -> int | None:
    """A whole number of at most 18 digits, or None.

    Example:
        >>> number("12000"), number("-1"), number("１２")
        (12000, None, None)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def _moment(text: str) -> datetime | None:
    if len(text) != 14 or number(text) is None:
        return None
    try:
        return datetime.fromisoformat(f"{text[:8]}T{text[8:]}")
    except ValueError:
        return None


def check_totals(path: Path, file: BankFile, lines: Mapping[int, Said]) -> int:
    """Compare header, trailer and lines; returns the fen of lines nobody can read.

    Raises:
        CollectionRefused: ``totals``: header and trailer disagree, or the sums are not those of the lines, or leave
            no room for the lines that cannot be read.
    """
    told = [number(file.trailer[name]) for name in ("lines", "paid", "paid_fen", "unpaid")]
    edge = [number(file.header["lines"]), number(file.header["paid_fen"])]
    paid = [one.fen for one in lines.values() if one.at]
    unread = file.delivered - len(lines)
    if None in told or edge != [told[0], told[2]]:
        raise CollectionRefused(path, "totals", "edges")
    all_lines, count, fen, unpaid = (one or 0 for one in told)
    more_paid, more_unpaid, more_fen = count - len(paid), unpaid - (len(lines) - len(paid)), fen - sum(paid)
    if count + unpaid != all_lines:
        raise CollectionRefused(path, "totals", "counts")
    if more_paid < 0 or more_unpaid < 0 or more_paid + more_unpaid != unread or (more_fen > 0) != (more_paid > 0):
        counted = {"count": count, "fen": fen, "paid": len(paid), "paid_fen": sum(paid)}
        raise CollectionRefused(path, "totals", "paid", **counted)
    if more_fen < 0:
        raise CollectionRefused(path, "totals", "less")
    return more_fen
