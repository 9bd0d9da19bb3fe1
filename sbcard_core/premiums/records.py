"""What goes into the premium book and what comes out: people, bills, payments, refunds, receipts."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import IntEnum, StrEnum

from sbcard_core.errors import Refused
from sbcard_core.messages import message
from sbcard_core.values import PersonCategory, mask_id, yuan


class Channel(StrEnum):
    """Where a premium is paid."""

    COUNTER = "counter"
    """经办窗口: cash."""
    POS = "pos"
    ATM = "atm"
    PHONE = "phone"
    """转账电话."""
    AGENT_BANK = "agent_bank"
    """代收银行."""

    @property
    def zh(self) -> str:
        """The word on a receipt."""
        names = {"counter": "经办窗口", "pos": "POS终端", "atm": "自动柜员机", "phone": "转账电话"}
        return names.get(self.value, "代收银行")


class BillState(IntEnum):
    """Where a bill stands."""

    OPEN = 10
    PAID = 20
    REFUNDED = 30
    """Paid and given back in full; the person owes nothing for the period."""
    CANCELLED = 40


class IssueStatus(IntEnum):
    """What became of one person when bills were issued: the first that applies."""

    ISSUED = 0
    EXISTS = 1
    """The same bill was issued before: nothing done, nothing wrong."""
    MALFORMED = 2
    NO_RATE = 3
    """The tariff has no rate for this insurance, category and day."""
    DEAD = 4
    """The person died before the period, or on an unknown day."""
    INELIGIBLE = 5
    """Eligibility refuses the person, or leaves it to a clerk, for another reason than a death."""
    OVERLAPS = 6
    """A bill of the insurance for another period that shares a day is open or paid."""


class PaymentStatus(IntEnum):
    """What became of one payment: the first that applies. Only PAID and EXISTS mean that the money has moved."""

    PAID = 0
    EXISTS = 1
    """The same payment was taken before."""
    EXISTS_DIFFERENT = 2
    """The id belongs to a payment with other contents."""
    MALFORMED = 3
    UNKNOWN_BILL = 4
    CANCELLED = 5
    ALREADY_PAID = 6
    """By another payment: give the money back to whoever brought it twice."""
    AMOUNT_DIFFERS = 7
    """A bill is paid whole: part of it, or more, is not taken."""
    CARD_REFUSED = 8
    """No such card, or it may not be used for premiums on the day of the payment."""
    NO_RATE = 9
    """The tariff in use lacks the rate that the bill was made by, or has another amount there."""
    LEDGER_REFUSED = 10
    """An account's bound stands against it."""

    @property
    def is_settled(self) -> bool:
        """The money has moved, now or before."""
        return self <= PaymentStatus.EXISTS


class RefundStatus(IntEnum):
    """What became of one refund: the first that applies."""

    REFUNDED = 0
    EXISTS = 1
    EXISTS_DIFFERENT = 2
    MALFORMED = 3
    """Not a refund, or dated before its payment."""
    UNKNOWN_PAYMENT = 4
    MORE_THAN_PAID = 5
    """Together with earlier refunds it would be more than was paid."""
    NO_RATE = 6
    """The books do not hold the payment's movements."""
    LEDGER_REFUSED = 7


@dataclass(frozen=True, slots=True)
class Insured:
    """One person to be billed. ``repr`` shows no full number and no name."""

    id_number: str = field(repr=False)
    name: str = field(repr=False)
    category: PersonCategory
    insurance: str

    @property
    def masked_id(self) -> str:
        """The number as it may be shown."""
        return mask_id(self.id_number)


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment for one bill.

    Args:
        payment_id: the caller's own id, e.g. terminal and trace number: the same id is never booked twice.
        bill_no: which bill.
        amount_fen: what was paid; it must be the whole bill.
        channel: where.
        agent: who took it: counter, terminal, or the three-digit code of the agent bank; part of the account debited.
        at: local time, without a time zone.
    """

    payment_id: str
    bill_no: str
    amount_fen: int
    channel: Channel
    agent: str
    at: datetime
    card_no: str = ""
    """The card it was paid with, the person's own or another's; it must be usable on the day. Empty: none was shown."""


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund of a payment, whole or in part (退费)."""

    refund_id: str
    payment_id: str
    amount_fen: int
    at: datetime
    reason: str = ""


class ChangeStatus(IntEnum):
    """What became of one change of category: the first that applies."""

    REPLACED = 0
    EXISTS = 1
    """It was made before."""
    UNKNOWN_BILL = 2
    CANCELLED = 3
    """Or replaced by a bill of a third category."""
    PAID = 4
    """Give the payment back first; then it can be replaced."""
    NO_RATE = 5
    OVERLAPS = 6
    """Another bill of the insurance that shares a day is open or paid."""


@dataclass(frozen=True, slots=True)
class CategoryChange:
    """A person is of another category (人员类别变更): the bill is cancelled, another takes its place.

    Args:
        bill_no: one that is open, or was paid and given back in full.
        category: the new one.
        since: the days to payment count from here. The rate is that of the period's first day.
    """

    bill_no: str
    category: PersonCategory
    since: date


@dataclass(frozen=True, slots=True)
class Change:
    """What one change came to."""

    status: ChangeStatus
    bill_no: str = ""
    """The bill that is owed now, where there is one."""


@dataclass(frozen=True, slots=True)
class Bill:
    """One bill as it stands (缴费单)."""

    bill_no: str
    id_number: str = field(repr=False)
    name: str = field(repr=False)
    period: str
    insurance: str
    category: PersonCategory
    amount_fen: int
    due_on: date
    state: BillState
    replaces: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Arrear:
    """One bill that is not paid (欠费)."""

    bill_no: str
    id_number: str = field(repr=False)
    name: str = field(repr=False)
    period: str
    insurance: str
    amount_fen: int
    due_on: date
    days_late: int
    """0 = not late yet."""
    dead: bool = False
    """Payouts were told that the person died: see ``Premiums.death``."""
    died_on: date | None = None
    """Where it is known."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """What the end of a person's insurance, or its correction, did to the bills."""

    cancelled: list[str] = field(default_factory=list)
    """Bills of later periods that were open."""
    owed: list[str] = field(default_factory=list)
    """Open bills of periods begun before: they stay, ``Premiums.cancel`` forgives them."""
    paid: list[str] = field(default_factory=list)
    """Payments of later periods: ``Premiums.refund`` gives them back."""
    reopened: list[str] = field(default_factory=list)
    """Bills that a death had cancelled, owed again: it was a mistake, or on a later day."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """缴费凭证. ``repr`` shows no name; ``text`` is for the person who paid."""

    payment_id: str
    bill_no: str
    name: str = field(repr=False)
    masked_id: str
    insurance_zh: str
    period: str
    amount_fen: int
    refunded_fen: int
    channel: Channel
    agent: str
    at: datetime
    card_no: str = ""

    @property
    def text(self) -> str:
        """The receipt in words."""
        lines = [
            f"社会保险费缴费凭证 {self.payment_id}",
            f"姓名 {self.name}  社会保障号码 {self.masked_id}",
            f"险种 {self.insurance_zh}  所属期 {self.period}",
            f"金额 {yuan(self.amount_fen)}元  缴费方式 {self.channel.zh}({self.agent})",
            f"时间 {self.at:%Y-%m-%d %H:%M:%S}",
        ]
        if self.card_no:
            lines.append(f"社会保障卡号 {self.card_no}")
        if self.refunded_fen:
            lines.append(f"已退 {yuan(self.refunded_fen)}元")
        return "\n".join(lines)


class PremiumRefused(Refused):
    """One payment or refund was refused and nothing was booked; ``status`` says why."""

    def __init__(self, status: PaymentStatus | RefundStatus) -> None:
        self.status = status
        super().__init__(message("premiums.refused", status=status.name), step="premiums", term="缴费")
