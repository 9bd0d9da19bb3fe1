"""Plug events: cards put in and pulled out, readers added and lost, the service gone and back. None is missed.

Not the events but the counters of the slots are watched: a card that was in and out again between two looks has
moved the counter by two, so both events are reported. A slow listener loses nothing either; it only hears late.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Protocol, Self

from readers.device import POLL_SECONDS, Clock, Reader
from readers.plain import PlainSlot


class PlugKind(StrEnum):
    """What happened."""

    INSERTED = "inserted"
    REMOVED = "removed"
    READER_ADDED = "reader-added"
    READER_LOST = "reader-lost"
    SERVICE_LOST = "service-lost"
    SERVICE_BACK = "service-back"


@dataclass(frozen=True, slots=True)
class PlugEvent:
    """One event.

    Attributes:
        slot: name of the slot; empty for events of the service.
        number: 1, 2, 3 … of this monitor.
        at: when it was noticed, by the monitor's clock.
        atr: answer to reset of a card that is in now, where the driver tells; it carries the card's serial.
    """

    kind: PlugKind
    slot: str
    number: int
    at: float
    atr: bytes = field(default=b"", repr=False)


Change = tuple[PlugKind, str, bytes]
"""An event before it is numbered."""


class PlugSource(Protocol):
    """Where a monitor hears of changes: one per driver."""

    def wait(self, seconds: float) -> list[Change]:
        """Changes since the last call, in order for each slot; waits for one, but no longer than ``seconds``."""
        ...

    def wake(self) -> None:
        """End a :meth:`wait` of another thread early."""
        ...

    def close(self) -> None:
        """Let go of the service."""
        ...


def alternate(present: bool, moves: int, now: bool) -> list[PlugKind]:
    """The events between two looks at a slot.

    Args:
        present: whether a card was in at the first look.
        moves: how far the slot's counter moved; one each for an insertion and a removal.
        now: whether a card is in at the second look.

    Returns:
        Insertions and removals in turn. Where the counter does not fit what is seen (a driver that does not count),
        one more than counted.

    Example:
        >>> [kind.value for kind in alternate(False, 2, False)]
        ['inserted', 'removed']
        >>> [kind.value for kind in alternate(True, 0, False)]
        ['removed']
    """
    moves += (moves + present) % 2 != now
    turn = (PlugKind.REMOVED, PlugKind.INSERTED) if present else (PlugKind.INSERTED, PlugKind.REMOVED)
    return [turn[step % 2] for step in range(moves)]


class Monitor:
    """Plug events as an iterator.

    The first events say what is there already. ``for event in monitor`` waits for ever, until :meth:`close` is called
    from another thread; :meth:`next` waits for a time.

    Args:
        source: of the driver; ``watch`` makes the right one.
        clock: monotonic seconds.

    Example:
        >>> from readers import drivers
        >>> from readers.sim.desk import Desk
        >>> reader = drivers.open("sim:")
        >>> with watch(reader) as events:
        ...     first = events.next(0)
        ...     reader.insert(Desk(seed=1).card)
        ...     reader.remove()
        ...     first.kind.value, events.next(0).kind.value, events.next(0).kind.value, events.next(0)
        ('reader-added', 'inserted', 'removed', None)
    """

    SLICE = 0.5
    """Seconds between two looks at what nobody announces."""

    def __init__(self, source: PlugSource, clock: Clock = time.monotonic) -> None:
        self._source = source
        self._clock = clock
        self._waiting: deque[PlugEvent] = deque()
        self._number = 0
        self._closed = False
        self._take(0)

    def next(self, timeout: float) -> PlugEvent | None:
        """The next event, or None when none came within ``timeout`` seconds or the monitor was closed."""
        end = self._clock() + timeout
        while not self._waiting:
            if self._closed:
                return None
            left = end - self._clock()
            self._take(min(max(left, 0), self.SLICE))
            if left <= 0 and not self._waiting:
                return None
        return self._waiting.popleft()

    def __iter__(self) -> Iterator[PlugEvent]:
        while not self._closed:
            event = self.next(self.SLICE)
            if event is not None:
                yield event

    def close(self) -> None:
        """End the iteration; may be called from another thread."""
        self._closed = True
        self._source.wake()

    def release(self) -> None:
        """Let go of the service; by the thread that iterates, after its last event."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        self.release()

    def _take(self, seconds: float) -> None:
        for kind, slot, atr in self._source.wait(seconds):
            self._number += 1
            self._waiting.append(PlugEvent(kind, slot, self._number, self._clock(), atr))


class PlainSource:
    """Changes of slots in this process, by the counters of ``readers.plain``."""

    def __init__(self, slots: Sequence[PlainSlot]) -> None:
        self._slots = slots
        self._seen: dict[str, tuple[int, bool]] = {}
        self._woken = False

    def wait(self, seconds: float) -> list[Change]:
        """Changes since the last call."""
        changes = self._changes()
        if changes or not seconds:
            return changes
        if len(self._slots) == 1:
            slot = self._slots[0]
            with slot.changed:
                slot.changed.wait_for(lambda: self._woken or slot.plugged != self._seen[slot.name][0], seconds)
        else:
            threading.Event().wait(min(seconds, POLL_SECONDS))
        return self._changes()

    def wake(self) -> None:
        """End a wait early."""
        self._woken = True
        for slot in self._slots:
            with slot.changed:
                slot.changed.notify_all()

    def close(self) -> None:
        """Nothing to let go of."""

    def _changes(self) -> list[Change]:
        changes: list[Change] = []
        for slot in self._slots:
            with slot.changed:
                count, now = slot.plugged, slot.is_present()
            if slot.name not in self._seen:
                changes.append((PlugKind.READER_ADDED, slot.name, b""))
                self._seen[slot.name] = count, False
                kinds = [PlugKind.INSERTED] if now else []
            else:
                before, present = self._seen[slot.name]
                kinds = alternate(present, count - before, now)
            self._seen[slot.name] = count, now
            changes += ((kind, slot.name, b"") for kind in kinds)
        return changes


def watch(reader: Reader | None = None, *, clock: Clock = time.monotonic) -> Monitor:
    """Watch the slots of a reader, or every PC/SC reader there is and will be.

    Args:
        reader: a reader of ``drivers.open``; None for all of PC/SC.
        clock: monotonic seconds.

    Raises:
        MissingPart: PC/SC is asked for and pyscard is not installed.
        NotSupported: the reader's driver has no events.
    """
    from readers.monitor_pcsc import source_of  # noqa: PLC0415 - PC/SC is loaded when it is watched

    return Monitor(source_of(reader), clock)
