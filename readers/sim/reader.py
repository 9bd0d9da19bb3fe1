"""A virtual reader: a slot whose card can be put in and pulled out."""

import json
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Protocol

from apdu.errors import CardLost
from readers.errors import ReaderNotFound
from readers.sim.card import VirtualCard
from readers.sim.settings import DEFAULT, SimSettings


class Device(Protocol):
    """A virtual card or PSAM."""

    @property
    def atr(self) -> bytes:
        """Answer to reset."""
        ...

    def reset(self) -> bytes:
        """Power on; returns the ATR."""
        ...

    def transmit(self, command: bytes) -> bytes:
        """Run one command."""
        ...


class SimConnection:
    """The channel of one power-on; it dies when the card is pulled out or the slot powers on again."""

    def __init__(self, slot: "SimReader", device: Device, atr: bytes) -> None:
        self._slot = slot
        self._device = device
        self.atr = atr

    def transmit(self, command: bytes) -> bytes:
        """Send a command.

        Raises:
            CardLost: this card is no longer in the slot, or was powered on anew.
        """
        if self._slot.connection is not self:
            raise CardLost("card is no longer in the slot", step="transmit", term="卡已移出", advice="insert it again")
        return self._device.transmit(command)


class SimReader:
    """A slot for virtual devices; implements ``readers.base.Slot``.

    Example:
        >>> slot = SimReader("front")
        >>> slot.is_present()
        False
    """

    def __init__(self, name: str = "sim", device: Device | None = None) -> None:
        self.name = name
        self.connection: SimConnection | None = None
        self._device = device

    def insert(self, device: Device) -> None:
        """Put a card in; one already there is pulled out first."""
        self.remove()
        self._device = device

    def remove(self) -> None:
        """Pull the card out."""
        self._device = None
        self.connection = None

    def is_present(self) -> bool:
        """Whether a card is in the slot."""
        return self._device is not None

    def connect(self) -> SimConnection:
        """Power the card on.

        Raises:
            CardLost: the slot is empty.
        """
        if self._device is None:
            raise CardLost("no card in the slot", step="connect", term="无卡", advice="insert a card")
        self.connection = SimConnection(self, self._device, self._device.reset())
        return self.connection

    def close(self) -> None:
        """Power off; the card stays in the slot."""
        self.connection = None


def open(
    rest: str,
    *,
    transport_key: bytes = b"",
    rng: Callable[[int], bytes] | None = None,
    settings: SimSettings = DEFAULT,
) -> SimReader:
    """Open ``sim:`` (an empty slot) or ``sim:ORDER_FILE#LINE`` (a card of a personalisation order file).

    Args:
        rest: the URL behind ``sim:``; LINE counts from 1, the first line when absent.
        transport_key: 16 bytes that the order's keys are encrypted under.
        rng: random bytes for the card; required with an order file.

    Raises:
        ReaderNotFound: no such line, or ``rng`` missing.
        InvalidValue: a key does not match its check value.
    """
    if not rest:
        return SimReader()
    path, _, line = rest.partition("#")
    if rng is None:
        raise ReaderNotFound("a virtual card needs rng", step="sim.open", advice="pass rng=os.urandom")
    number = int(line or "1")
    with Path(path).open(encoding="utf-8") as lines:
        text = next(islice(lines, number - 1, None), None)
    if text is None:
        raise ReaderNotFound(f"the order file has no line {number}", step="sim.open", term="制卡订单")
    return SimReader("sim", VirtualCard.from_order(json.loads(text), transport_key, rng=rng, settings=settings))
