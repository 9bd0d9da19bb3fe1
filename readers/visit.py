"""One visit at a terminal: it may be cancelled, and it ends in time, but never while money is moving."""

import threading
from collections.abc import Callable

from apdu.channel import CardChannel
from readers.errors import ReaderError
from sbcard_core.messages import Message, message

_MOVES_MONEY = (b"\x80\x52", b"\x80\x54")  # credit for load, debit for purchase


class VisitEnded(ReaderError):
    """Somebody cancelled, or the time is over; the card got no further command.

    Attributes:
        driver_code: what the terminal driver interface returns: -31 cancelled, -32 too slow.
    """

    def __init__(self, what: Message, *, driver_code: int, step: str, term: str) -> None:
        self.driver_code = driver_code
        super().__init__(what, step=step, term=term)


class Visit:
    """Says before every command whether the visit may go on.

    From the moment a command that moves money is sent, the visit goes on to its end whatever happens: stopping
    between the debit and the check of its MAC would leave holder and merchant in doubt.

    Args:
        clock: seconds that only grow, e.g. ``time.monotonic``.
        limit: seconds the visit may take; None = any.

    Example:
        >>> now = iter([0.0, 10.0, 61.0])
        >>> visit = Visit(clock=lambda: next(now), limit=60)
        >>> visit.check("read")
        >>> visit.check("read")
        Traceback (most recent call last):
            ...
        readers.visit.VisitEnded: the visit took longer than 60 s (操作超时) [read]; begin a new visit
    """

    def __init__(self, *, clock: Callable[[], float], limit: float | None = None) -> None:
        self._clock, self._limit = clock, limit
        self._until = None if limit is None else clock() + limit
        self._cancelled = threading.Event()
        self._moving = False

    def cancel(self) -> None:
        """Stop before the next command; any thread may call this."""
        self._cancelled.set()

    @property
    def remaining(self) -> float | None:
        """Seconds left, None without a limit; a PIN pad takes this as its own limit."""
        return None if self._until is None else max(0.0, self._until - self._clock())

    def check(self, step: str) -> None:
        """Go on, or end.

        Raises:
            VisitEnded: cancelled or too slow, and no money is moving.
        """
        if self._moving:
            return
        if self._cancelled.is_set():
            raise VisitEnded(message("readers.visit.cancelled"), driver_code=-31, step=step, term="用户取消")
        if self._until is not None and self._clock() >= self._until:
            what = message("readers.visit.slow", seconds=f"{self._limit:g}")
            raise VisitEnded(what, driver_code=-32, step=step, term="操作超时")

    def begin_money(self) -> None:
        """Money moves from here on: no end before :meth:`end_money`."""
        self._moving = True

    def end_money(self) -> None:
        """The money is where it belongs, or known to be nowhere else."""
        self._moving = False

    def guard(self, channel: CardChannel) -> "GuardedChannel":
        """The channel, asking this visit before every command."""
        return GuardedChannel(channel, self)


class GuardedChannel:
    """A channel that lives as long as its visit; implements ``CardChannel``. Made by :meth:`Visit.guard`."""

    def __init__(self, inner: CardChannel, visit: Visit) -> None:
        self._inner, self._visit = inner, visit

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)  # ``atr`` and whatever else the driver's channel offers

    def transmit(self, command: bytes) -> bytes:
        """Send a command.

        Raises:
            VisitEnded: nothing was sent.
            CardLost: from the channel.
        """
        self._visit.check("transmit")
        if command[:2] in _MOVES_MONEY:
            self._visit.begin_money()
        return self._inner.transmit(command)
