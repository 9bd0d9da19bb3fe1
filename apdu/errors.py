"""What can go wrong between two ends of a card slot."""

from apdu.status import StatusWord
from sbcard_core.errors import InvalidValue, SBCardError


class APDUError(SBCardError):
    """Root of the errors of ``apdu``."""


class CardLost(APDUError):
    """The card or the reader went away, or its answer was not an answer (卡已离开读卡器).

    Whatever was under way on the card is in an unknown state: read it again before going on.
    """


class MalformedData(APDUError, InvalidValue):
    """Bytes that cannot be what they should be: a cut TLV, a too short response, a wrong length."""


class UnexpectedStatus(APDUError):
    """The card answered with a status word the caller did not name as acceptable.

    Example:
        >>> error = UnexpectedStatus(StatusWord(0x6983), step="verify_pin")
        >>> print(error)
        card answered 6983: authentication method blocked (认证方法锁定) [verify_pin]
        >>> error.driver_code
        -27011
    """

    def __init__(self, sw: StatusWord, *, step: str, advice: str = "") -> None:
        self.sw = sw
        super().__init__(f"card answered {sw.value:04X}: {sw.en}", step=step, term=sw.zh, advice=advice)

    @property
    def driver_code(self) -> int:
        """The value the terminal driver interface returns for this status word: minus the unsigned 16 bits."""
        return self.sw.driver_code
