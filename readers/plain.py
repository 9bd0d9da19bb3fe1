"""Drivers that only have ``is_present``, ``connect`` and ``close``, given the whole contract."""

import threading
import time
from typing import Any

from readers.base import Connection, Slot
from readers.device import Capability, CardProtocol, Clock, DeviceConnection, DeviceSlot, Reader, ResetKind
from readers.errors import NoCard, NotSupported
from sbcard_core.messages import message

CAPABILITIES = frozenset({Capability.APDU, Capability.RESET, Capability.TRANSACTION, Capability.EVENTS})


class PlainConnection(DeviceConnection):
    """A power-on of such a slot; ``protocol`` is that of ``inner`` where it names one.

    The process has the slot to itself, so every block is a transaction.
    """

    def __init__(self, slot: Slot, inner: Connection, capabilities: frozenset[Capability] = CAPABILITIES) -> None:
        super().__init__(bytes(inner.atr), getattr(inner, "protocol", CardProtocol.ANY), capabilities)
        self._slot = slot
        self._inner = inner

    def _transmit(self, command: bytes) -> bytes:
        return self._inner.transmit(command)

    def _reset(self, kind: ResetKind) -> bytes:  # noqa: ARG002 - powering on is the one reset there is
        self._inner = self._slot.connect()
        return bytes(self._inner.atr)

    def _disconnect(self) -> None:
        self._slot.close()


class PlainSlot(DeviceSlot):
    """The adapter of one slot; ``inner`` is the driver's own object.

    Attributes:
        plugged: insertions and removals so far, by which a monitor misses none of them.
    """

    def __init__(self, inner: Slot, clock: Clock = time.monotonic) -> None:
        super().__init__(inner.name, CAPABILITIES, clock)
        self.inner: Any = inner
        self.changed = threading.Condition()
        self.plugged = 0

    def is_present(self) -> bool:
        """Whether something is in the slot."""
        return bool(self.inner.is_present())

    def insert(self, device: Any) -> None:
        """Put a virtual card in, where the driver is a simulator; a card already there is pulled out first.

        Raises:
            NotSupported: no simulator.
        """
        insert = self._simulated("insert")
        with self.changed:
            was = self.is_present()
            insert(device)
            self.plugged += 2 if was else 1
            self.changed.notify_all()

    def remove(self) -> None:
        """Pull a virtual card out.

        Raises:
            NotSupported: no simulator.
        """
        remove = self._simulated("remove")
        with self.changed:
            was = self.is_present()
            remove()
            self.plugged += was
            self.changed.notify_all()

    def _simulated(self, name: str) -> Any:
        method = getattr(self.inner, name, None)
        if method is None:
            raise NotSupported(message("readers.slot.by_hand"), step=name)
        return method

    def _connect(self, protocol: CardProtocol, exclusive: bool) -> PlainConnection:  # noqa: ARG002 - no choice here
        if not self.inner.is_present():
            raise NoCard(message("readers.no_card.slot"), step="connect", term="无卡")
        return PlainConnection(self.inner, self.inner.connect())


class PlainReader(Reader):
    """A reader of one such slot; ``insert`` and ``remove`` reach the simulator behind it."""

    def __init__(self, inner: Slot, clock: Clock = time.monotonic) -> None:
        self.slot = PlainSlot(inner, clock)
        super().__init__(inner.name, (self.slot,), clock)

    def insert(self, device: Any) -> None:
        """Put a virtual card in."""
        self.slot.insert(device)

    def remove(self) -> None:
        """Pull a virtual card out."""
        self.slot.remove()
