"""A recorded session as a card: answers what was recorded, and says where a program departs from it."""

from collections.abc import Callable, Iterable

from apdu.errors import CardLost, ReplayMismatch
from apdu.scrub import Scrubber
from apdu.trace import Exchange
from sbcard_core.messages import message

_FIELDS = ("CLA", "INS", "P1", "P2", "length")


class ReplayChannel:
    """Answer as recorded, and fail where the program says something else than when it was recorded.

    Secrets are compared as they were recorded: replaced. Any PIN of the recorded length therefore replays.

    Args:
        trace: exchanges, e.g. of :func:`parse`.
        slot: only those of this slot; None takes all.
        normalise: applied to both commands before they are compared, to leave out what may differ.

    Attributes:
        atr: the first recorded answer to reset of the slot, None without one.

    Example:
        >>> channel = ReplayChannel([Exchange(bytes.fromhex("0084000008"), bytes.fromhex("6D00"))])
        >>> channel.transmit(bytes.fromhex("0084000004"))
        Traceback (most recent call last):
            ...
        apdu.errors.ReplayMismatch: byte 4 (length) is 04, recorded 08 [replay, exchange 0]; record the trace again, \
or mend the program
    """

    def __init__(
        self,
        trace: Iterable[Exchange],
        *,
        slot: str | None = None,
        normalise: Callable[[bytes], bytes] | None = None,
    ) -> None:
        chosen = [exchange for exchange in trace if slot is None or exchange.slot == slot]
        self._exchanges = [exchange for exchange in chosen if exchange.command is not None]
        self.atr = next((exchange.answer for exchange in chosen if exchange.command is None), None)
        self._normalise = normalise or bytes
        self._recorded = Scrubber()
        self._spoken = Scrubber()
        self._at = 0

    @property
    def remaining(self) -> int:
        """Exchanges not yet replayed."""
        return len(self._exchanges) - self._at

    def transmit(self, command: bytes) -> bytes:
        """The recorded answer to the next recorded command.

        Raises:
            ReplayMismatch: another command than recorded, or the trace is at its end.
            CardLost: the card was lost here when the trace was recorded.
        """
        index = self._at
        if index >= len(self._exchanges):
            raise ReplayMismatch(message("cards.replay.end"), index=index, position=None)
        recorded = self._exchanges[index]
        assert recorded.command is not None
        expected = self._normalise(self._recorded.command(recorded.command))
        said = self._normalise(self._spoken.command(command))
        if said != expected:
            raise _mismatch(index, said, expected)
        self._at += 1
        if recorded.answer is None or len(recorded.answer) < 2:
            raise CardLost(message("cards.replay.lost"), step="replay", term="卡无应答")
        return recorded.answer

    def finish(self) -> None:
        """Say that nothing more comes.

        Raises:
            ReplayMismatch: the trace goes on.
        """
        if self.remaining:
            raise ReplayMismatch(message("cards.replay.left", count=self.remaining), index=self._at, position=None)


def _mismatch(index: int, said: bytes, recorded: bytes) -> ReplayMismatch:
    """The first difference; of data only the place is told, they may be a person's."""
    same = min(len(said), len(recorded))
    position = next((at for at in range(same) if said[at] != recorded[at]), same)
    if position == same:
        what = message("cards.replay.length", count=len(said), recorded=len(recorded))
    elif position < len(_FIELDS):
        sent, held = f"{said[position]:02X}", f"{recorded[position]:02X}"
        what = message("cards.replay.byte", place=position, field=_FIELDS[position], sent=sent, recorded=held)
    else:
        what = message("cards.replay.data", place=position)
    return ReplayMismatch(what, index=index, position=position)
