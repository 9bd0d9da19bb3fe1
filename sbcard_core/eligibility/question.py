"""What is asked about a card, an account or a person, and the answer."""

from dataclasses import dataclass, field
from datetime import date
from enum import IntEnum, StrEnum

from sbcard_core.calendar import as_day
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import Message, message


class Purpose(StrEnum):
    """What a card, an account or a person is to be used for. Own codes."""

    MEDICAL = "medical"
    """医疗结算: a medical bill, with the card or for the person alone."""
    PREMIUM_BILL = "premium_bill"
    """保费核定: a premium becomes due for the person; asked on the first day of its period."""
    PREMIUM = "premium"
    """保费缴纳: a premium is paid with the card."""
    PURSE = "purse"
    """脱机消费清算: a purchase from the card's electronic purse is cleared."""
    CREDIT = "credit"
    """入账: money is paid into the account (pension, subsidy, refund)."""
    DEBIT = "debit"
    """出账: money is taken from the account (direct debit, recovery)."""


class Answer(IntEnum):
    """Answers, from the best to the worst; where several rules apply the worst holds."""

    ALLOW = 0
    REFER = 1
    """A clerk decides: the facts do not settle it."""
    REFUSE = 2


class Reason(StrEnum):
    """Why a use is not simply allowed. Own codes."""

    NONE = ""
    PERSON_UNKNOWN = "person.unknown"
    PERSON_DEAD = "person.dead"
    PERSON_DEATH_UNDATED = "person.death_undated"
    """Known to be dead, the day is not; the use is before the day on which that was reported."""
    PERSON_IMPRISONED = "person.imprisoned"
    PERSON_MISSING = "person.missing"
    PERSON_UNVERIFIED = "person.unverified"
    """生存状态未知."""
    HOLDER_DIFFERS = "holder.differs"
    """The card belongs to somebody else."""
    CARD_UNKNOWN = "card.unknown"
    CARD_NOT_ISSUED = "card.not_issued"
    """Not yet handed over on that day."""
    CARD_SEALED = "card.sealed"
    CARD_LOST = "card.lost"
    CARD_LOCKED = "card.locked"
    CARD_CANCELLED = "card.cancelled"
    ACCOUNT_UNKNOWN = "account.unknown"
    """The person has no such account here."""
    ACCOUNT_SEALED = "account.sealed"
    """Opened in bulk and not activated in person: takes credits, pays nothing out (只收不付)."""
    ACCOUNT_LOST = "account.lost"
    ACCOUNT_LOCKED = "account.locked"
    ACCOUNT_CANCELLED = "account.cancelled"
    RULE = "rule"
    """The place's rule does not allow it even in the normal state."""


ACCOUNT_PURPOSES = frozenset({Purpose.CREDIT, Purpose.DEBIT})
"""Purposes that ask for the financial half of a card (金融功能); the others ask for the social-security half."""


@dataclass(frozen=True, slots=True)
class Use:
    """One use to be decided. What is named is looked at, and nothing else: without ``card_no`` no card stops a person.

    Args:
        purpose: what for.
        on: day of the act itself (visit, purchase, payment), not of its processing.
        id_number: the person; with ``card_no`` it must be the card's holder.
        card_no: the card that was shown.
        account_no: a bank account of the person ``id_number``, for ``CREDIT`` and ``DEBIT``.

    Raises:
        InvalidValue: nothing is named, or an account without its person or for another purpose.
    """

    purpose: Purpose
    on: date
    id_number: str = field(default="", repr=False)
    card_no: str = ""
    account_no: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "on", as_day(self.on))
        if not (self.id_number or self.card_no):
            raise InvalidValue(message("eligibility.nobody"), step="eligibility", term="使用资格")
        if self.account_no and (self.purpose not in ACCOUNT_PURPOSES or self.card_no):
            raise InvalidValue(message("eligibility.account"), step="eligibility", term="使用资格")


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one :class:`Use`, with the reason where it is not ALLOW."""

    answer: Answer
    reason: Reason = Reason.NONE

    @property
    def is_allowed(self) -> bool:
        """The use may go on without anybody's decision."""
        return self.answer is Answer.ALLOW

    @property
    def message(self) -> Message:
        """The reason as a clerk reads it.

        Example:
            >>> Decision(Answer.REFUSE, Reason.CARD_LOST).message.en
            'the card was reported lost'
        """
        return message(f"eligibility.{self.reason.value or 'allowed'}")
