"""What can go wrong at a terminal besides the card's own answers."""

from sbcard_core.errors import SBCardError


class ReaderError(SBCardError):
    """Root of the errors of ``readers``."""


class ReaderNotFound(ReaderError):
    """No reader of that name, or no driver for that URL (找不到读卡器)."""


class PinEntryFailed(ReaderError):
    """The holder cancelled, was too slow, or typed two different new PINs.

    Attributes:
        driver_code: the terminal driver interface's value: -31 cancelled, -32 too slow, -33 length, -34 different.
    """

    def __init__(self, what: str, *, driver_code: int, advice: str = "") -> None:
        self.driver_code = driver_code
        super().__init__(what, step="pin_pad", term="密码输入", advice=advice)


class HostRefused(ReaderError):
    """The centre said no, or its answer does not add up; nothing was settled at the terminal."""


class TerminalState(ReaderError):
    """A terminal step out of order, e.g. settling before a card was read."""
