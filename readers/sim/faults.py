"""Faults on purpose: a card pulled out, an answer lost or damaged."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Protocol

from apdu.channel import CardChannel
from apdu.errors import CardLost
from readers.sim.card import VirtualCard
from sbcard_core.messages import message


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
    CUT = "cut"
    """The answer's data is cut in the middle; the status word stays."""
    SLOW = "slow"
    """The card takes its time."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One planned fault.

    Args:
        kind: what happens.
        sw: for STATUS.
        bit: for CORRUPT, counted from the first bit of the answer.
        seconds: for SLOW.
    """

    kind: FaultKind
    sw: int = 0x6F00
    bit: int = 0
    seconds: float = 1.0


STATUS_WORDS = (0x6300, 0x63C2, 0x6581, 0x6700, 0x6982, 0x6983, 0x6985, 0x6A80, 0x6A82, 0x6A83, 0x6A88, 0x6F00, 0x9302)
"""What a seeded plan answers where a card would do something."""


class Plan(Protocol):
    """Which fault the n-th command meets, None = none; a dictionary by command number is one."""

    def get(self, number: int, /) -> Fault | None:
        """The fault of a command; the first command is 1."""
        ...


class SeededPlan:
    """Faults by chance: the same seed gives the same faults (随机故障).

    Args:
        seed: chooses them.
        rate: how many of a thousand commands meet one.
        kinds: which kinds there are.

    Example:
        >>> first, again = SeededPlan(7, rate=200), SeededPlan(7, rate=200)
        >>> [first.get(number) for number in range(50)] == [again.get(number) for number in range(50)]
        True
    """

    def __init__(self, seed: int, *, rate: int = 20, kinds: Sequence[FaultKind] = tuple(FaultKind)) -> None:
        self._seed, self._rate, self._kinds = seed, rate, tuple(kinds)

    def get(self, number: int, /) -> Fault | None:
        """The fault of a command, from seed and number alone: asking twice gives the same."""
        chance = Random(f"{self._seed} {number}")  # noqa: S311 - reproducible on purpose
        if chance.randrange(1000) >= self._rate:
            return None
        return Fault(chance.choice(self._kinds), sw=chance.choice(STATUS_WORDS), bit=chance.randrange(256))


class FaultyChannel:
    """A channel with planned faults; implements ``CardChannel``.

    Args:
        inner: the sound channel.
        plan: fault by command number, the first command being 1. After a loss every command is lost, until
            :meth:`mend`.
        sleep: waits for SLOW, e.g. ``time.sleep``; a test's own clock may just move on.

    Example:
        >>> class Echo:
        ...     def transmit(self, command):
        ...         return bytes.fromhex("01029000")
        >>> channel = FaultyChannel(Echo(), {2: Fault(FaultKind.CORRUPT)})
        >>> channel.transmit(b"").hex(), channel.transmit(b"").hex()
        ('01029000', '81029000')
    """

    def __init__(
        self, inner: CardChannel, plan: Plan | Mapping[int, Fault], *, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._inner = inner
        self._plan = plan
        self._sleep = sleep
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
        if fault.kind is FaultKind.CUT:
            return answer[: (len(answer) - 2) // 2] + answer[-2:]
        if fault.kind is FaultKind.SLOW:
            self._sleep(fault.seconds)
            return answer
        damaged = bytearray(answer)
        damaged[fault.bit // 8 % len(damaged)] ^= 0x80 >> fault.bit % 8
        return bytes(damaged)

    def _lose(self) -> CardLost:
        self._lost = True
        return CardLost(message("readers.sim.pulled"), step="transmit", term="卡已移出")


@dataclass(frozen=True, slots=True)
class Tear:
    """Where a card is torn out (闪卡).

    Attributes:
        command: number of the command, the first being 1; GET RESPONSE counts.
        executed: whether the card has committed the command before its power goes.
        received: bytes of the answer that get out; the rest is lost.
        delivered: whether the reader hands those bytes over as an answer; a good reader reports the loss instead.
        log_lost: the power goes between the change of the balance and its record in the log.
    """

    command: int
    executed: bool
    received: int = 0
    delivered: bool = False
    log_lost: bool = False


class TornChannel:
    """A card that is torn out once, at any command and any byte of its answer; implements ``CardChannel``.

    Args:
        card: the virtual card.
        tear: where; None only counts.

    Attributes:
        answers: length of each answer so far: the bytes at which a card can be torn.

    Example:
        >>> import random
        >>> from readers.sim.desk import Desk
        >>> channel = TornChannel(Desk(seed=1).card, Tear(1, executed=True, received=2, delivered=True))
        >>> channel.transmit(bytes.fromhex("0084000008")).hex() != ""
        True
        >>> channel.transmit(bytes.fromhex("0084000008"))
        Traceback (most recent call last):
            ...
        apdu.errors.CardLost: the card is no longer in the slot (卡已移出) [transmit]; insert the card again
    """

    def __init__(self, card: VirtualCard, tear: Tear | None = None) -> None:
        self._card = card
        self._tear = tear
        self._gone = False
        self.atr = card.atr
        self.answers: list[int] = []

    def mend(self) -> None:
        """The card is put back: powered on anew, every right gone, what was committed kept."""
        self._gone, self._tear = False, None
        self._card.reset()

    def transmit(self, command: bytes) -> bytes:
        """Pass the command on until the tear.

        Raises:
            CardLost: at the tear and from then on, until :meth:`mend`.
        """
        if self._gone:
            raise _torn()
        tear = self._tear
        if tear is None or len(self.answers) + 1 != tear.command:
            answer = self._card.transmit(command)
            self.answers.append(len(answer))
            return answer
        self._gone = True
        if not tear.executed:
            raise _torn()
        if tear.log_lost:
            self._card.purse.lose_next_log()
        part = self._card.transmit(command)[: tear.received]
        if not tear.delivered:
            raise _torn()
        return part


def _torn() -> CardLost:
    return CardLost(message("readers.sim.pulled"), step="transmit", term="卡已移出")
