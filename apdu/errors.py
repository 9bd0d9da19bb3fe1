"""What can go wrong between two ends of a card slot."""

from apdu.status import StatusWord
from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.messages import Message, message


class APDUError(SBCardError):
    """Root of the errors of ``apdu``."""


class CardLost(APDUError):
    """The card or the reader went away, or its answer was not an answer (卡已离开读卡器).

    Whatever was under way on the card is in an unknown state: read it again before going on.
    """

    driver_code: int = -4
    """卡无应答; see :class:`sbcard_core.card.errors.DriverCode`."""


class MalformedData(APDUError, InvalidValue):
    """Bytes that cannot be what they should be: a cut TLV, a too short response, a wrong length."""


class ClassRefused(APDUError, InvalidValue):
    """A class byte has no room for what was asked: reserved, proprietary, or without such a form."""


class ChainingRefused(APDUError, InvalidValue):
    """A command can't be cut into parts, or the parts are not one chain."""


class LimitExceeded(APDUError):
    """A command or an answer is longer than the channel may carry; a command was not sent."""


class ChannelInUse(APDUError):
    """Another thread is using the channel: one thread owns it at a time."""


class SecureMessagingError(APDUError):
    """A protected command is malformed or its MAC is wrong (安全报文错误)."""


class TraceMalformed(MalformedData):
    """A recorded trace can't be read; the step names the line."""


class ReplayMismatch(APDUError):
    """What was sent is not what the trace holds.

    Attributes:
        index: the exchange, counted from 0.
        position: first differing byte of the command, None at the end of the trace.
    """

    def __init__(self, what: Message, *, index: int, position: int | None) -> None:
        self.index = index
        self.position = position
        super().__init__(what, step=f"replay, exchange {index}")


class UnexpectedStatus(APDUError):
    """The card answered with a status word the caller did not name as acceptable.

    Example:
        >>> error = UnexpectedStatus(StatusWord(0x6983), step="verify_pin")
        >>> print(error)
        card answered 6983: authentication method blocked (认证方法锁定) [verify_pin]
        >>> error.driver_code
        -27011
    """

    def __init__(self, sw: StatusWord, *, step: str, advice: str | Message = "") -> None:
        self.sw = sw
        what = message("cards.answered", sw=f"{sw.value:04X}", meaning=(sw,))
        super().__init__(what, step=step, term=sw.zh, advice=advice)

    @property
    def driver_code(self) -> int:
        """The value the terminal driver interface returns for this status word: minus the unsigned 16 bits."""
        return self.sw.driver_code
