"""Changes as the PC/SC service tells them: ``SCardGetStatusChange`` with the event counters of its readers."""

import threading
from collections.abc import Collection

from readers.device import Reader
from readers.errors import NotSupported, ServiceLost
from readers.monitor import Change, PlainSource, PlugKind, PlugSource, alternate
from readers.pcsc import PcscReader
from readers.pcsc_service import CANCELLED, TIMED_OUT, UNKNOWN_READER, Context, error
from readers.plain import PlainSlot
from sbcard_core.messages import message

PNP = "\\\\?PnP?\\Notification"
"""The reader name that stands for "a reader was added or removed"."""
MOST_MOVES = 0x8000
"""A counter that seems to have moved further has begun anew: the reader went and came back between two looks."""
SERVICE_PAUSE = 0.02
"""Seconds between two attempts to reach a service that is gone."""

_PRESENT, _GONE, _CHANGED = 0x20, 0x4 | 0x8, 0x2


class PcscSource:
    """Changes of all PC/SC readers, or of those named.

    Args:
        names: None for every reader.
    """

    def __init__(self, names: Collection[str] | None = None) -> None:
        self._context = Context()
        self._names = names
        self._states: dict[str, int] = {}
        self._atrs: dict[str, bytes] = {}
        self._pnp = 0
        self._there: bool | None = None
        self._first = True
        self._woken = threading.Event()

    def wait(self, seconds: float) -> list[Change]:
        """Changes since the last call; the loss of the service is one."""
        try:
            return self._back() + self._wait(seconds)
        except ServiceLost:
            return self._gone(seconds)

    def wake(self) -> None:
        """End a wait early."""
        self._woken.set()
        self._context.cancel()

    def close(self) -> None:
        """Release the context."""
        self._context.drop()

    def _back(self) -> list[Change]:
        """Note that the service answers; a change if it did not before."""
        if self._there:
            return []
        self._context.names()
        was, self._there = self._there, True
        return [(PlugKind.SERVICE_BACK, "", b"")] if was is False else []

    def _gone(self, seconds: float) -> list[Change]:
        self._context.drop()
        self._first = False
        if self._there is not False:
            self._there = False
            return [change for name in list(self._states) for change in self._lose(name)] + [
                (PlugKind.SERVICE_LOST, "", b"")
            ]
        self._woken.wait(min(seconds, SERVICE_PAUSE))
        return []

    def _wait(self, seconds: float) -> list[Change]:
        changes = self._readers()
        asked = [*self._states.items(), (PNP, self._pnp)]
        code, states = self._context.states(asked, 0 if changes else int(1000 * seconds))
        if code == UNKNOWN_READER:  # one went between the list and the question
            return changes + self._readers()
        if code not in (0, TIMED_OUT, CANCELLED):
            raise error(code, "monitor")
        for name, state, atr in states:
            if name == PNP:
                self._pnp = int(state) & ~_CHANGED
            else:
                changes += self._slot(name, int(state), bytes(atr))
        self._first = False
        return changes + self._readers()

    def _readers(self) -> list[Change]:
        """Compare the readers of the service with those known."""
        names = [name for name in self._context.names() if self._names is None or name in self._names]
        changes = [change for name in list(self._states) if name not in names for change in self._lose(name)]
        for name in names:
            if name not in self._states:
                changes += self._add(name)
        return changes

    def _add(self, name: str) -> list[Change]:
        code, states = self._context.states([(name, 0)])
        if code not in (0, TIMED_OUT):
            if isinstance(raised := error(code, "monitor"), ServiceLost):
                raise raised
            return []
        state = int(states[0][1])
        if state & _GONE:
            return []
        now, count = bool(state & _PRESENT), state >> 16 & 0xFFFF
        self._states[name] = state & ~_CHANGED
        # What happened before the monitor began is no event; for a reader that came since, all of its count is.
        before = now if self._first else (count + now) % 2 == 1
        kinds = [PlugKind.INSERTED] if before else []
        kinds += [] if self._first else alternate(before, count, now)
        return [(PlugKind.READER_ADDED, name, b""), *self._named(kinds, name, bytes(states[0][2]))]

    def _slot(self, name: str, state: int, atr: bytes) -> list[Change]:
        old = self._states[name]
        if state & _GONE:
            return self._lose(name)
        moves = (state >> 16) - (old >> 16) & 0xFFFF
        if moves >= MOST_MOVES:
            return self._lose(name) + self._add(name)
        self._states[name] = state & ~_CHANGED
        return self._named(alternate(bool(old & _PRESENT), moves, bool(state & _PRESENT)), name, atr)

    def _lose(self, name: str) -> list[Change]:
        present = bool(self._states.pop(name) & _PRESENT)
        removed: list[Change] = [(PlugKind.REMOVED, name, b"")] if present else []
        return [*removed, (PlugKind.READER_LOST, name, b"")]

    @staticmethod
    def _named(kinds: list[PlugKind], name: str, atr: bytes) -> list[Change]:
        """Only the last insertion's card is still in, so only that event has an ATR."""
        last = len(kinds) - 1
        return [(kind, name, atr if at == last and kind is PlugKind.INSERTED else b"") for at, kind in enumerate(kinds)]


def source_of(reader: Reader | None) -> PlugSource:
    """The source of a reader's driver; a driver of an entry point brings its own as ``reader.plug_source()``.

    Raises:
        NotSupported: the driver has no events.
    """
    if reader is None:
        return PcscSource()
    if isinstance(reader, PcscReader):
        return PcscSource([slot.name for slot in reader.slots])
    own = getattr(reader, "plug_source", None)
    if own is not None:
        source: PlugSource = own()
        return source
    slots = [slot for slot in reader.slots if isinstance(slot, PlainSlot)]
    if len(slots) == len(reader.slots):
        return PlainSource(slots)
    raise NotSupported(message("readers.no_events"), step="watch")
