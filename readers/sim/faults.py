"""Faults on purpose: a card pulled out, an answer lost or damaged."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from apdu.channel import CardChannel
from apdu.errors import CardLost


class FaultKind(StrEnum):
    """What happens to one command."""

    LOST_BEFORE = "lost-before"
    """The card goes before it hears the command: nothing has changed on it."""
    LOST_AFTER = "lost-after"
    """The card runs the command and goes before its answer arrives: the torn case (断点)."""
    CORRUPT = "corrupt"
    """One bit of the answer data flips (of the status word where there is no data)."""
    STATUS = "status"
    """The card does not run the command and answers a status word."""
    SHORT = "short"
    """The answer is one byte: less than a status word."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One planned fault; ``sw`` is used by STATUS, ``bit`` by CORRUPT (counted from the first bit of the answer)."""

    kind: FaultKind
    sw: int = 0x6F00
    bit: int = 0


class FaultyChannel:
    """A channel with planned faults; implements ``CardChannel``.

    Args:
        inner: the sound channel.
        plan: fault by command number, the first command being 1. After a loss every command is lost, until
            :meth:`mend`.

    Example:
        >>> class Echo:
        ...     def transmit(self, command):
        ...         return bytes.fromhex("01029000")
        >>> channel = FaultyChannel(Echo(), {2: Fault(FaultKind.CORRUPT)})
        >>> channel.transmit(b"").hex(), channel.transmit(b"").hex()
        ('01029000', '81029000')
    """

    def __init__(self, inner: CardChannel, plan: Mapping[int, Fault]) -> None:
        self._inner = inner
        self._plan = plan
        self._lost = False
        self.count = 0

    def mend(self) -> None:
        """The card is back in the slot."""
        self._lost = False

    def transmit(self, command: bytes) -> bytes:
        """Pass the command on, or do what the plan says for its number.

        Raises:
            CardLost: the plan says so, or an earlier loss was not mended.
        """
        self.count += 1
        fault = self._plan.get(self.count)
        if self._lost or (fault is not None and fault.kind is FaultKind.LOST_BEFORE):
            raise self._lose()
        if fault is None:
            return self._inner.transmit(command)
        if fault.kind is FaultKind.STATUS:
            return fault.sw.to_bytes(2, "big")
        answer = self._inner.transmit(command)
        if fault.kind is FaultKind.LOST_AFTER:
            raise self._lose()
        if fault.kind is FaultKind.SHORT:
            return answer[:1]
        damaged = bytearray(answer)
        damaged[fault.bit // 8 % len(damaged)] ^= 0x80 >> fault.bit % 8
        return bytes(damaged)

    def _lose(self) -> CardLost:
        self._lost = True
        return CardLost("card left the slot", step="transmit", term="卡已移出", advice="insert the card again")
