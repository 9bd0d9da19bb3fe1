"""A recorded session as a reader: ``replay:session.jsonl``.

The file is a trace of ``apdu.trace``; every slot named in it is a slot here, in the order of their first lines. Each
answer to reset begins a power-on: ``connect`` and ``reset`` go on to the next one. A replay answers the recorded
commands in their order; a program that sends anything else has changed since, and is told where.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from apdu.replay import ReplayChannel
from apdu.trace import Exchange, read
from readers.device import Capability, CardProtocol, Clock, DeviceConnection, DeviceSlot, Reader, ResetKind
from readers.errors import NoCard, ReaderNotFound
from sbcard_core.messages import message

CAPABILITIES = frozenset({Capability.APDU, Capability.RESET, Capability.TRANSACTION})


@dataclass(slots=True)
class PowerOn:
    """What was exchanged between one reset and the next."""

    atr: bytes = field(repr=False)
    exchanges: list[Exchange] = field(default_factory=list)


def power_ons(exchanges: Iterable[Exchange]) -> list[PowerOn]:
    """Split the trace of one slot at its resets; what comes before the first has an empty ATR.

    Example:
        >>> from apdu.trace import parse
        >>> steps = parse(['{"dir": "!", "hex": "3B00"}', '{"dir": ">", "hex": "0084000004"}'])
        >>> [(one.atr.hex(), len(one.exchanges)) for one in power_ons(steps)]
        [('3b00', 1)]
    """
    out: list[PowerOn] = []
    for exchange in exchanges:
        if exchange.command is None:
            out.append(PowerOn(exchange.answer or b""))
            continue
        if not out:
            out.append(PowerOn(b""))
        out[-1].exchanges.append(exchange)
    return out


class ReplaySlot(DeviceSlot):
    """The slot of a recorded session; a card is there as long as a power-on lies ahead, or is under way.

    Attributes:
        ahead: power-ons still to come.
    """

    def __init__(self, name: str, exchanges: Iterable[Exchange], clock: Clock = time.monotonic) -> None:
        super().__init__(name, CAPABILITIES, clock)
        self.ahead = power_ons(exchanges)

    def is_present(self) -> bool:
        """Whether the session goes on."""
        return bool(self.ahead) or (self._connection is not None and not self._connection.is_lost)

    def power_on(self) -> PowerOn:
        """Go on to the next power-on.

        Raises:
            NoCard: there is none.
        """
        if not self.ahead:
            raise NoCard(message("readers.replay.over"), step="connect", term="无卡")
        return self.ahead.pop(0)

    def _connect(self, protocol: CardProtocol, exclusive: bool) -> "ReplayConnection":  # noqa: ARG002 - as recorded
        return ReplayConnection(self)


class ReplayConnection(DeviceConnection):
    """One power-on of a recorded session; ``transmit`` also raises ``apdu.errors.ReplayMismatch``."""

    def __init__(self, slot: ReplaySlot) -> None:
        self._slot = slot
        super().__init__(self._go_on(), CardProtocol.ANY, CAPABILITIES)

    def finish(self) -> None:
        """Say that nothing more comes.

        Raises:
            ReplayMismatch: more commands were recorded for this power-on.
        """
        self._channel.finish()

    def _go_on(self) -> bytes:
        session = self._slot.power_on()
        self._channel = ReplayChannel(session.exchanges)
        return session.atr

    def _transmit(self, command: bytes) -> bytes:
        return self._channel.transmit(command)

    def _reset(self, kind: ResetKind) -> bytes:  # noqa: ARG002 - as recorded
        return self._go_on()

    def _disconnect(self) -> None:
        """Nothing to let go of."""


def open(path: str, *, clock: Clock = time.monotonic) -> Reader:
    """Open a recorded session.

    Raises:
        ReaderNotFound: no such file, or nothing is in it.
        TraceMalformed: it is no trace.
    """
    try:
        exchanges = read(Path(path))
    except OSError:
        raise ReaderNotFound(message("readers.replay.none"), step="replay.open", term="录制会话") from None
    slots: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        slots.setdefault(exchange.slot, []).append(exchange)
    if not slots:
        raise ReaderNotFound(message("readers.replay.empty"), step="replay.open", term="录制会话")
    name = Path(path).name
    return Reader(name, tuple(ReplaySlot(slot or name, steps, clock) for slot, steps in slots.items()), clock)
