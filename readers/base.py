"""The ports of a terminal: card slot, PIN pad, display, host link. A terminal takes any object of these shapes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from apdu.channel import CardChannel
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message


@runtime_checkable
class Slot(Protocol):
    """A place for one card or PSAM (卡座)."""

    @property
    def name(self) -> str:
        """Name for people."""
        ...

    def is_present(self) -> bool:
        """Whether something is in the slot."""
        ...

    def connect(self) -> "Connection":
        """Power the card on and return its channel.

        Raises:
            CardLost: there is no card.
        """
        ...

    def close(self) -> None:
        """Power off; closing twice is allowed."""
        ...


@runtime_checkable
class Connection(CardChannel, Protocol):
    """A powered card: a channel that knows its answer to reset."""

    @property
    def atr(self) -> bytes:
        """Answer to reset of this power-on."""
        ...


class PinPurpose(StrEnum):
    """Why the holder is asked for digits; the value is the text a PIN pad shows."""

    VERIFY = "请输入密码"
    OLD = "请输入原密码"
    NEW = "请输入新密码"
    REPEAT = "请再次输入新密码"


class PinPad(Protocol):
    """密码键盘."""

    def read_pin(self, purpose: PinPurpose) -> str:
        """Return the digits typed.

        Raises:
            PinEntryFailed: cancelled or too slow.
        """
        ...


class Display(Protocol):
    """A line of text for clerk or holder."""

    def show(self, text: str) -> None:
        """Show one line."""
        ...


def whole_fen(field: str, value: object, step: str) -> int:
    """An amount in fen: an int, and no float, text or bool that only looks like one.

    Raises:
        InvalidValue: anything else.

    Example:
        >>> whole_fen("amount_fen", 1200, "purchase")
        1200
    """
    if type(value) is not int:
        raise InvalidValue(message("readers.amount", field=field, found=type(value).__name__), step=step, term="金额")
    return value


@dataclass(frozen=True, slots=True)
class BillLine:
    """One charge of a bill: national item code, and fen."""

    code: str
    name: str
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Bill:
    """A hospital or pharmacy bill (费用单).

    Raises:
        InvalidValue: an amount that is no int, none that is positive, or lines that do not add up to it.

    Example:
        >>> Bill("MZ0001", datetime(2014, 7, 31, 9, 30), 1500, (BillLine("A1", "挂号费", 1500),)).amount_fen
        1500
    """

    bill_no: str
    at: datetime
    amount_fen: int
    lines: tuple[BillLine, ...] = ()

    def __post_init__(self) -> None:
        for amount in (self.amount_fen, *(line.amount_fen for line in self.lines)):
            whole_fen("amount_fen", amount, "Bill")
        if self.amount_fen <= 0 or (self.lines and sum(line.amount_fen for line in self.lines) != self.amount_fen):
            raise InvalidValue(message("readers.bill.sum"), step="Bill", term="费用合计")


@dataclass(frozen=True, slots=True)
class SettleRequest:
    """What a medical terminal sends to the insurance centre. ``repr`` shows no citizen number and no name."""

    terminal_no: str
    card_no: str
    id_number: str = field(repr=False)
    name: str = field(repr=False)
    bill: Bill


@dataclass(frozen=True, slots=True)
class SettleReply:
    """The centre's answer (结算结果): three parts in fen that add up to the bill.

    Attributes:
        fund_fen: 统筹基金等支付.
        account_fen: 个人账户支付.
        cash_fen: 现金支付.
        reason: why not, when ``approved`` is false.
    """

    approved: bool
    settlement_no: str
    fund_fen: int = 0
    account_fen: int = 0
    cash_fen: int = 0
    reason: str = ""


class HostLink(Protocol):
    """The line to the insurance centre. Retrying is the link's own matter: requests carry the bill number."""

    def settle(self, request: SettleRequest) -> SettleReply:
        """Settle one bill."""
        ...


class FixedPinPad:
    """A PIN pad that answers from a table: for tests and demonstrations; ``repr`` shows no PIN.

    Example:
        >>> FixedPinPad({PinPurpose.VERIFY: "246810"}).read_pin(PinPurpose.VERIFY)
        '246810'
    """

    def __init__(self, pins: dict[PinPurpose, str], *, refuse: Callable[[PinPurpose], None] | None = None) -> None:
        self._pins = pins
        self._refuse = refuse

    def read_pin(self, purpose: PinPurpose) -> str:
        """Return the prepared digits."""
        if self._refuse is not None:
            self._refuse(purpose)
        return self._pins[purpose]
