"""A virtual reader: a slot whose card can be put in and pulled out."""

import os
from collections.abc import Callable, Mapping
from typing import Protocol

from apdu.errors import CardLost
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

    def __init__(self, slot: "VirtualReader", device: Device, atr: bytes) -> None:
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


class VirtualReader:
    """A slot for virtual devices; implements ``readers.base.Slot``.

    Example:
        >>> slot = VirtualReader("front")
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


SimReader = VirtualReader
"""Its earlier name."""


def open(
    rest: str,
    *,
    transport_key: bytes = b"",
    psam_keys: Mapping[str, bytes] | None = None,
    rng: Callable[[int], bytes] = os.urandom,
    settings: SimSettings = DEFAULT,
) -> VirtualReader:
    """Open ``sim:`` (an empty slot) or any device of :mod:`readers.sim.sources`, where the options are described.

    Raises:
        ReaderNotFound: no such file, line, card number or option.
        InvalidValue: a key does not match its check value.
    """
    if not rest:
        return VirtualReader()
    from readers.sim.sources import device  # noqa: PLC0415 - an empty slot needs none of it

    found = device(rest, transport_key=transport_key, psam_keys=psam_keys, rng=rng, settings=settings)
    return VirtualReader("sim", found)
