"""The contract of every driver: ``open(rest, *, clock, ...)`` gives a reader, a reader has slots, a slot gives a
connection.

A driver author subclasses :class:`DeviceSlot` and :class:`DeviceConnection` and fills in the methods that begin with
an underscore; a driver that only has ``is_present``, ``connect`` and ``close`` (``readers.base.Slot``) is wrapped by
``readers.plain``. The rules, kept by one test suite over all drivers:

* a slot has one connection at a time: connecting again, or closing the slot, ends the former one;
* a connection that has lost its card stays lost: every later call raises :class:`~apdu.errors.CardLost`;
* an answer has at least two bytes;
* one thread at a time is inside a connection; a second one gets :class:`~readers.errors.Busy` at once;
* closing and disconnecting twice is allowed and never raises for a card that is gone.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from types import TracebackType
from typing import Self

from apdu.errors import CardLost, MalformedData
from apdu.tpdu import t0_command
from readers.errors import Busy, CardRemoved, LostConnection, NoCard, NotSupported
from sbcard_core.messages import message

POLL_SECONDS = 0.02
"""How often a driver without events is asked whether a card has come."""

Clock = Callable[[], float]
"""Seconds that only grow, for limits."""


class Capability(StrEnum):
    """What a slot can do beyond being asked for a card."""

    APDU = "apdu"
    """``transmit`` carries command APDUs."""
    RESET = "reset"
    """``reset`` powers the card on anew."""
    TRANSACTION = "transaction"
    """``transaction`` keeps other users of the card away."""
    EVENTS = "events"
    """Plug events reach a monitor without polling."""
    WHOLE_CARD = "whole-card"
    """The driver reads and writes the card itself and returns values, not bytes."""


class CardProtocol(StrEnum):
    """Transmission protocol between reader and card, ISO/IEC 7816-3."""

    T0 = "T=0"
    T1 = "T=1"
    RAW = "raw"
    ANY = "any"
    """As a wish: what the card offers first. As an answer: the driver does not say."""


class ResetKind(StrEnum):
    """How a card is reset."""

    WARM = "warm"
    """The power stays on."""
    COLD = "cold"
    """Power off and on."""


class DeviceConnection(ABC):
    """A powered card: implements ``readers.base.Connection`` and ``apdu.CardChannel``.

    Attributes:
        atr: answer to reset of the last power-on.
        protocol: how reader and card talk.
        capabilities: what works here.
    """

    def __init__(self, atr: bytes, protocol: CardProtocol, capabilities: frozenset[Capability]) -> None:
        self.atr = atr
        self.protocol = protocol
        self.capabilities = capabilities
        self._inside = threading.RLock()
        self._lost: CardLost | None = None

    # --- for callers

    def transmit(self, command: bytes) -> bytes:
        """Send one command APDU; over T=0 its TPDU, whose data may come as 61xx (see ``GetResponseChannel``).

        Raises:
            LimitExceeded: more than 255 data bytes over T=0; nothing was sent.
            MalformedData: shorter than a header; nothing was sent.
            CardLost: card, reader or service went away (the subclass says which), or the answer is no answer.
            Busy: another thread is inside this connection, or another program holds the card.
            NotSupported: the driver carries no APDUs.
        """
        if len(command) < 4:
            raise MalformedData(message("cards.command.short"), step="transmit", term="命令头")
        if not self._inside.acquire(blocking=False):
            raise _in_use("transmit")
        try:
            if self._lost is not None:
                raise self._lost_again("transmit")
            answer = self._transmit(t0_command(command) if self.protocol is CardProtocol.T0 else command)
            if len(answer) < 2:
                raise CardRemoved(message("readers.no_status"), step="transmit", term="卡无应答")
            return answer
        except CardLost as error:
            self._lost = error
            raise
        finally:
            self._inside.release()

    def reset(self, kind: ResetKind = ResetKind.WARM) -> bytes:
        """Reset the card and return its ATR; rights, challenges and the selected file are gone.

        Raises:
            NotSupported: the driver cannot.
            CardLost: the card went away.
            Busy: another program or thread has the card.
        """
        self._need(Capability.RESET, "reset")
        with self._alone("reset"):
            self.atr = self._reset(kind)
            return self.atr

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """Keep every other program away from the card until the block ends.

        Raises:
            NotSupported: the driver cannot.
            CardLost: the card went away. Leaving the block with a lost card raises nothing further.
        """
        self._need(Capability.TRANSACTION, "transaction")
        with self._alone("transaction"):
            self._begin()
        try:
            yield self
        finally:
            if self._lost is None:
                with self._alone("transaction"):
                    self._end()

    @property
    def is_lost(self) -> bool:
        """Whether this connection is over."""
        return self._lost is not None

    def give_up(self, why: CardLost) -> None:
        """Declare the connection over, e.g. by somebody who no longer waits for its thread."""
        self._lost = why

    def disconnect(self) -> None:
        """End the connection; the card is powered off where the driver can. Twice is allowed."""
        if self._lost is None:
            self._lost = CardRemoved(message("readers.closed"), step="disconnect")
        self._disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disconnect()

    # --- for drivers

    @abstractmethod
    def _transmit(self, command: bytes) -> bytes: ...

    @abstractmethod
    def _disconnect(self) -> None:
        """Let the card go; called more than once, never raises a reader error."""

    def _reset(self, kind: ResetKind) -> bytes:
        raise NotSupported(message("readers.reset", kind=kind), step="reset")

    def _begin(self) -> None:  # noqa: B027 - nothing to do where nobody else can reach the card
        """Start a transaction."""

    def _end(self) -> None:  # noqa: B027
        """End it."""

    def _need(self, capability: Capability, step: str) -> None:
        if capability not in self.capabilities:
            there = ", ".join(sorted(self.capabilities)) or "-"
            raise NotSupported(message("readers.capability", capability=capability, there=there), step=step)

    def _lost_again(self, step: str) -> CardLost:
        """The error of a later call: of the same class where that tells the caller more."""
        first = self._lost
        what = message("readers.closed")
        if isinstance(first, LostConnection) and type(first).__init__ is LostConnection.__init__:
            return type(first)(
                what, step=step, term=first.term, driver_code=first.driver_code, service_code=first.service_code
            )
        return CardRemoved(what, step=step, term="卡已移出")

    @contextmanager
    def _alone(self, step: str) -> Iterator[None]:
        """Be the only thread inside, and note a loss."""
        if not self._inside.acquire(blocking=False):
            raise _in_use(step)
        try:
            if self._lost is not None:
                raise self._lost_again(step)
            yield
        except CardLost as error:
            self._lost = error
            raise
        finally:
            self._inside.release()


def _in_use(step: str) -> Busy:
    return Busy(message("readers.busy.thread"), step=step, term="读卡器被占用")


class DeviceSlot(ABC):
    """A place for one card or PSAM; implements ``readers.base.Slot``.

    Attributes:
        name: for people and for events.
        capabilities: what works here.
    """

    def __init__(self, name: str, capabilities: frozenset[Capability], clock: Clock = time.monotonic) -> None:
        self.name = name
        self.capabilities = capabilities
        self._clock = clock
        self._connection: DeviceConnection | None = None

    @abstractmethod
    def is_present(self) -> bool:
        """Whether something is in the slot; a card in use is not disturbed.

        Raises:
            ReaderLost: the reader is gone.
            ServiceLost: the service is gone.
        """

    def connect(
        self, protocol: CardProtocol = CardProtocol.ANY, *, exclusive: bool = False, timeout: float | None = None
    ) -> DeviceConnection:
        """Power the card on; an earlier connection of this slot ends.

        Args:
            protocol: T=0 or T=1 where the card offers both.
            exclusive: no other program may use the card meanwhile.
            timeout: seconds to wait for a card to be put in; at once when None.

        Raises:
            NoCard: there is none.
            Busy: another program has it.
            NotSupported: the card does not offer that protocol.
            ReaderLost: the reader is gone.
            ServiceLost: the service is gone.
        """
        self.close()
        end = self._clock() + (timeout or 0)
        while True:
            left = end - self._clock()
            if left > 0:
                self.wait_for_card(left)
            try:
                self._connection = self._connect(protocol, exclusive)
                return self._connection
            except NoCard:  # also a card that was still being put in
                if self._clock() >= end:
                    raise
            threading.Event().wait(POLL_SECONDS)

    def wait_for_card(self, timeout: float) -> bool:
        """Wait until a card is in the slot; whether one is."""
        return self._wait(True, timeout)

    def wait_for_removal(self, timeout: float) -> bool:
        """Wait until the slot is empty; whether it is."""
        return self._wait(False, timeout)

    def close(self) -> None:
        """End the connection, if any; closing twice is allowed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _connect(self, protocol: CardProtocol, exclusive: bool) -> DeviceConnection: ...

    def _wait(self, present: bool, timeout: float) -> bool:
        end = self._clock() + timeout
        pause = threading.Event()
        while self.is_present() is not present:
            left = end - self._clock()
            if left <= 0:
                return False
            pause.wait(min(left, POLL_SECONDS))
        return True


class Reader(DeviceSlot):
    """What ``drivers.open`` returns: one or more slots, and the first of them by itself.

    ``reader.connect()`` is ``reader.slots[0].connect()``: a program with one card needs nothing else. Where card and
    PSAM are two slots of one reader (``pcsc:Virtual PCD``), ``reader.slots[1]`` is the other.

    Attributes:
        slots: at least one.
    """

    def __init__(self, name: str, slots: tuple[DeviceSlot, ...], clock: Clock = time.monotonic) -> None:
        super().__init__(name, slots[0].capabilities, clock)
        self.slots = slots

    def is_present(self) -> bool:
        """Whether something is in the first slot."""
        return self.slots[0].is_present()

    def connect(
        self, protocol: CardProtocol = CardProtocol.ANY, *, exclusive: bool = False, timeout: float | None = None
    ) -> DeviceConnection:
        """Power the card in the first slot on, see :meth:`DeviceSlot.connect`."""
        return self.slots[0].connect(protocol, exclusive=exclusive, timeout=timeout)

    def close(self) -> None:
        """End the connections of all slots."""
        for slot in self.slots:
            slot.close()

    def _connect(self, protocol: CardProtocol, exclusive: bool) -> DeviceConnection:
        return self.slots[0].connect(protocol, exclusive=exclusive)

    def _wait(self, present: bool, timeout: float) -> bool:
        return self.slots[0]._wait(present, timeout)
