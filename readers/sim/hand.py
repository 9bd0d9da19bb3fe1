"""A hand at a reader: it puts a card in and pulls it out, also in the middle of a command, as a seed has it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Protocol

from apdu.errors import CardLost
from readers.sim.reader import Device
from sbcard_core.messages import message


class Grip(Protocol):
    """A slot a hand reaches: ``VirtualReader``, or the reader and slot that ``drivers.open("sim:")`` gives."""

    def insert(self, device: Device) -> None:
        """Put a card in."""
        ...

    def remove(self) -> None:
        """Pull it out."""
        ...


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull in the middle of a command.

    Attributes:
        command: number of the command, the first being 1.
        executed: whether the card had run it.
    """

    command: int
    executed: bool


class Hand:
    """Holds one card at one slot (读写器前的手); the card itself keeps what was committed.

    Args:
        slot: where.
        card: the virtual card or PSAM.
        seed: chooses when.
        rate: of a thousand commands so many are interrupted by a pull, half of them after the card ran the command.

    Attributes:
        pulls: the pulls in mid-command so far.

    Example:
        >>> from readers.sim.desk import Desk
        >>> from readers.sim.reader import VirtualReader
        >>> slot = VirtualReader()
        >>> hand = Hand(slot, Desk(seed=1).card, seed=3, rate=200)
        >>> def commands_until_the_pull():
        ...     hand.insert()
        ...     channel = slot.connect()
        ...     try:
        ...         for count in range(1000):
        ...             channel.transmit(bytes.fromhex("0084000008"))
        ...     except CardLost:
        ...         return count
        >>> commands_until_the_pull(), commands_until_the_pull(), slot.is_present(), len(hand.pulls)
        (5, 8, False, 2)
    """

    def __init__(self, slot: Grip, card: Device, *, seed: int, rate: int = 0) -> None:
        self._slot, self._card, self._rate = slot, card, rate
        self._moves = Random(f"{seed} moves")  # noqa: S311 - reproducible on purpose
        self._chance = Random(f"{seed} pulls")  # noqa: S311 - as above
        self._count = 0
        self.pulls: list[Pull] = []

    def insert(self) -> None:
        """Put the card in."""
        self._slot.insert(self)

    def remove(self) -> None:
        """Pull it out between two commands."""
        self._slot.remove()

    def play(self, cycles: int, wait: Callable[[float], object] | None = None, longest: float = 0.002) -> None:
        """In and out, so many times, after pauses by chance.

        Args:
            cycles: insertions, each followed by a removal.
            wait: called with seconds; None = really waits.
            longest: the longest pause.
        """
        pause = wait or threading.Event().wait
        for _ in range(cycles):
            self.insert()
            pause(self._moves.random() * longest)
            self.remove()
            pause(self._moves.random() * longest)

    # The hand is what sits in the slot: the card as the slot sees it.

    @property
    def atr(self) -> bytes:
        """Answer to reset of the card."""
        return self._card.atr

    def reset(self) -> bytes:
        """Power on."""
        return self._card.reset()

    def transmit(self, command: bytes) -> bytes:
        """Run a command, unless the hand pulls the card out just now.

        Raises:
            CardLost: pulled out; whether the card ran the command, :attr:`pulls` knows.
        """
        self._count += 1
        if self._chance.randrange(1000) >= self._rate:
            return self._card.transmit(command)
        executed = self._chance.random() < 0.5
        if executed:
            self._card.transmit(command)
        self.pulls.append(Pull(self._count, executed))
        self._slot.remove()
        raise CardLost(message("readers.sim.pulled"), step="transmit", term="卡已移出")
