"""What can go wrong at a reader or a terminal besides the card's own answers.

Whatever leaves the card in an unknown state is also an ``apdu.errors.CardLost``,
so a caller who cares only about that catches one class.
"""

from apdu.errors import CardLost
from sbcard_core.card.errors import DeviceError, DriverCode
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import Message


class ReaderError(DeviceError):
    """Root of the errors of ``readers``."""


class ReaderNotFound(ReaderError):
    """No reader of that name, or no driver for that URL (找不到读卡器)."""

    driver_code: int = DriverCode.READER


class NotSupported(ReaderError):
    """The driver cannot do this; ``slot.capabilities`` says what it can (驱动不支持)."""

    driver_code: int = DriverCode.UNSUPPORTED


class Busy(ReaderError):
    """Somebody else has the card: another program, or another thread in the middle of a command (读卡器被占用).

    Nothing was sent: try again later.
    """

    driver_code: int = DriverCode.READER


class LostConnection(ReaderError, CardLost):
    """Root of the losses: the connection is over and what was under way on the card is unknown."""

    driver_code: int = DriverCode.NO_ANSWER


class NoCard(LostConnection):
    """The slot is empty, or what is in it does not answer (无卡)."""

    driver_code: int = DriverCode.NO_CARD


class CardRemoved(LostConnection):
    """The card was pulled out, or powered on anew by somebody else (卡已移出)."""


class ReaderLost(LostConnection):
    """The reader was unplugged or does not answer (读卡器断开)."""

    driver_code: int = DriverCode.READER


class ServiceLost(LostConnection):
    """The PC/SC service went away or does not run (PC/SC服务中断)."""

    driver_code: int = DriverCode.NOT_CONNECTED


class Timeout(LostConnection):
    """No answer within the limit of the call (超时). The card may still be at work on it."""


class DriverCrashed(LostConnection):
    """The vendor's library took its process down (驱动崩溃); the caller lives and the next call finds a new process.

    Attributes:
        signal: the signal that ended the process, or None.
        exit_code: its exit code when it ended by itself, or None.
    """

    def __init__(
        self,
        what: str | Message,
        *,
        step: str = "",
        signal: int | None = None,
        exit_code: int | None = None,
    ) -> None:
        self.signal = signal
        self.exit_code = exit_code
        super().__init__(what, step=step, term="驱动崩溃")


class DriverOverrun(DriverCrashed):
    """The vendor's library wrote outside its buffer (驱动越界写); nothing it returned is used."""


class AnswerMalformed(ReaderError, InvalidValue):
    """The driver's answer is not what the interface says: no end, no text, an item's shape (驱动返回格式错误)."""

    driver_code: int = DriverCode.DATA_LENGTH


class DriverRefused(ReaderError):
    """The driver interface returned a code other than 0. The text beside it is not kept: it may name a person."""


class PinEntryFailed(ReaderError):
    """The holder cancelled, was too slow, or typed two different new PINs.

    Attributes:
        driver_code: the terminal driver interface's value: -31 cancelled, -32 too slow, -33 length, -34 different.
    """

    def __init__(self, what: str | Message, *, driver_code: int) -> None:
        super().__init__(what, step="pin_pad", term="密码输入", driver_code=driver_code)


class HostRefused(ReaderError):
    """The centre said no, or its answer does not add up; nothing was settled at the terminal."""


class TerminalState(ReaderError):
    """A terminal step out of order, e.g. settling before a card was read."""
