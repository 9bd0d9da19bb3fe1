"""A recorded session as a reader: ``replay:session.jsonl``.

A transcript is text, one JSON object a line: ``{"atr": hex}`` where the card was powered on, then
``{"c": hex, "r": hex}`` for each command and its answer, and ``{"lost": true}`` where the card went away. A replay
answers the recorded commands in their order; a program that asks anything else has changed since.
"""

import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from apdu.channel import CardChannel
from apdu.errors import CardLost
from readers.device import Capability, CardProtocol, Clock, DeviceConnection, DeviceSlot, Reader, ResetKind
from readers.errors import AnswerMalformed, CardRemoved, NoCard, ReaderNotFound, TranscriptDiffers

CAPABILITIES = frozenset({Capability.APDU, Capability.RESET, Capability.TRANSACTION})


@dataclass(frozen=True, slots=True)
class PowerOn:
    """The card was powered on, or reset."""

    atr: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A command and its answer."""

    command: bytes = field(repr=False)
    answer: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Loss:
    """The card went away at this command."""


Step = PowerOn | Exchange | Loss


def read(lines: Iterable[str]) -> Iterator[Step]:
    """Steps of a transcript; empty lines and unknown objects (notes, times) are passed over.

    Raises:
        AnswerMalformed: a line that is not JSON, or no hex; names the line, not its content.

    Example:
        >>> [type(step).__name__ for step in read(['{"atr": "3B6D"}', '{"c": "0084000004", "r": "01020304 9000"}'])]
        ['PowerOn', 'Exchange']
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
            if "atr" in one:
                yield PowerOn(bytes.fromhex(one["atr"]))
            elif "c" in one:
                yield Exchange(bytes.fromhex(one["c"]), bytes.fromhex(one["r"]))
            elif one.get("lost"):
                yield Loss()
        except (ValueError, KeyError, TypeError, AttributeError):
            what = f"line {number} is no step of a session"
            raise AnswerMalformed(what, step="replay", term="录制会话") from None


def write(step: Step) -> str:
    """One line of a transcript, without its end.

    Example:
        >>> write(Exchange(bytes.fromhex("0084000004"), bytes.fromhex("9000")))
        '{"c": "0084000004", "r": "9000"}'
    """
    if isinstance(step, PowerOn):
        return json.dumps({"atr": step.atr.hex().upper()})
    if isinstance(step, Exchange):
        return json.dumps({"c": step.command.hex().upper(), "r": step.answer.hex().upper()})
    return json.dumps({"lost": True})


class RecordingChannel:
    """A channel whose steps are kept as they are, PINs included: for made-up cards only.

    Attributes:
        steps: so far.
    """

    def __init__(self, inner: CardChannel, atr: bytes) -> None:
        self._inner = inner
        self.atr = atr
        self.steps: list[Step] = [PowerOn(atr)]

    def transmit(self, command: bytes) -> bytes:
        """Pass a command on and keep it with its answer."""
        try:
            answer = self._inner.transmit(command)
        except CardLost:
            self.steps.append(Loss())
            raise
        self.steps.append(Exchange(bytes(command), answer))
        return answer


class ReplaySlot(DeviceSlot):
    """The slot of a recorded session; a card is there as long as a power-on lies ahead."""

    def __init__(self, name: str, steps: Iterable[Step], clock: Clock = time.monotonic) -> None:
        super().__init__(name, CAPABILITIES, clock)
        self.steps = list(steps)
        self.at = 0

    def is_present(self) -> bool:
        """Whether the session goes on with a power-on, or is in one."""
        in_one = self._connection is not None and not self._connection.is_lost
        return in_one or self._next_power_on() is not None

    def power_on(self) -> bytes:
        """Go on to the next power-on of the session; its ATR.

        Raises:
            NoCard: there is none.
        """
        at = self._next_power_on()
        if at is None:
            raise NoCard("the recorded session is over", step="connect", term="无卡")
        step = self.steps[at]
        assert isinstance(step, PowerOn)
        self.at = at + 1
        return step.atr

    def answer(self, command: bytes) -> bytes:
        """What the card answered when it was asked this.

        Raises:
            TranscriptDiffers: it was asked something else, or nothing more.
            CardRemoved: it went away at this point.
        """
        step = self.steps[self.at] if self.at < len(self.steps) else None
        if isinstance(step, Loss):
            self.at += 1
            raise CardRemoved("the card went away here in the recorded session", step="transmit", term="卡已移出")
        if not isinstance(step, Exchange) or step.command != command:
            there = f"command {step.command[:4].hex().upper()}" if isinstance(step, Exchange) else "no command"
            what = f"step {self.at + 1} has {there}, not {command[:4].hex().upper()} or not with this data"
            raise TranscriptDiffers(what, step="replay", advice="record the session anew")
        self.at += 1
        return step.answer

    def _next_power_on(self) -> int | None:
        return next((at for at in range(self.at, len(self.steps)) if isinstance(self.steps[at], PowerOn)), None)

    def _connect(self, protocol: CardProtocol, exclusive: bool) -> "ReplayConnection":  # noqa: ARG002 - as recorded
        return ReplayConnection(self)


class ReplayConnection(DeviceConnection):
    """One power-on of a recorded session."""

    def __init__(self, slot: ReplaySlot) -> None:
        self._slot = slot
        super().__init__(slot.power_on(), CardProtocol.ANY, CAPABILITIES)

    def _transmit(self, command: bytes) -> bytes:
        return self._slot.answer(command)

    def _reset(self, kind: ResetKind) -> bytes:  # noqa: ARG002 - as recorded
        return self._slot.power_on()

    def _disconnect(self) -> None:
        """Nothing to let go of."""


def open(path: str, *, clock: Clock = time.monotonic) -> Reader:
    """Open a recorded session.

    Raises:
        ReaderNotFound: no such file.
        AnswerMalformed: it is no transcript.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ReaderNotFound("no transcript of that name", step="replay.open", term="录制会话") from None
    return Reader(Path(path).name, (ReplaySlot(Path(path).name, read(text.splitlines()), clock),), clock)
