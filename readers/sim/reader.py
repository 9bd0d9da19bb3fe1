"""A virtual reader: a slot whose card can be put in and pulled out."""

import os
from collections.abc import Callable, Mapping
from typing import Protocol

from apdu.command import CommandAPDU
from apdu.errors import CardLost
from readers.device import CardProtocol
from readers.sim.settings import DEFAULT, SimSettings
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

_NO_CLASS = b"\x6e\x00"


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
        self.protocol = slot.protocol

    def transmit(self, command: bytes) -> bytes:
        """Send a command.

        Raises:
            CardLost: this card is no longer in the slot, or was powered on anew.
        """
        if self._slot.connection is not self:
            raise CardLost(message("readers.sim.pulled"), step="transmit", term="卡已移出")
        if self.protocol is CardProtocol.T0 and not is_tpdu(command):
            return _NO_CLASS
        answer = self._device.transmit(command)
        if self.protocol is CardProtocol.T1 and not asks_for_data(command):
            return answer[-2:]
        return answer


def is_tpdu(command: bytes) -> bool:
    """Whether bytes are one command TPDU of T=0: a header of five bytes, and P3 bytes of data or none.

    Example:
        >>> is_tpdu(bytes.fromhex("0084000008")), is_tpdu(bytes.fromhex("00A40000023F0000"))
        (True, False)
    """
    return len(command) == 5 or (len(command) > 5 and len(command) == 5 + command[4])


def asks_for_data(command: bytes) -> bool:
    """Whether a command APDU has Le; a card sends no data over T=1 without it."""
    try:
        return CommandAPDU.decode(command).ne > 0
    except InvalidValue:
        return True


class VirtualReader:
    """A slot for virtual devices; implements ``readers.base.Slot``.

    Args:
        name: for people and events.
        device: what is in the slot.
        protocol: ``T0``: takes TPDUs only, as a card on T=0 does (the device answers with 61xx,
            ``SimSettings.get_response``), and 6E00 where Le stands behind data. ``T1``: takes APDUs, and no data come
            back without Le. ``ANY``: lenient, whatever the device takes.

    Example:
        >>> slot = VirtualReader("front")
        >>> slot.is_present()
        False
    """

    def __init__(
        self, name: str = "sim", device: Device | None = None, protocol: CardProtocol = CardProtocol.ANY
    ) -> None:
        self.name = name
        self.protocol = protocol
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
            raise CardLost(message("readers.no_card.slot"), step="connect", term="无卡")
        self.connection = SimConnection(self, self._device, self._device.reset())
        return self.connection

    def close(self) -> None:
        """Power off; the card stays in the slot."""
        self.connection = None


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
