"""Real readers through PC/SC and pyscard, imported only when a reader is opened."""

import re
import time
from collections.abc import Collection
from typing import Any

from readers.device import Capability, CardProtocol, Clock, DeviceConnection, DeviceSlot, Reader, ResetKind
from readers.errors import CardRemoved, NoCard, ReaderError, ReaderLost, ReaderNotFound, ServiceLost
from readers.pcsc_service import TIMED_OUT, Context, check, error, transmit_error
from sbcard_core.messages import message

__all__ = ["PcscConnection", "PcscReader", "PcscSlot", "names", "open"]

CAPABILITIES = frozenset({Capability.APDU, Capability.RESET, Capability.TRANSACTION, Capability.EVENTS})

_WISHES = {CardProtocol.T0: 1, CardProtocol.T1: 2, CardProtocol.ANY: 3}
"""Bit masks of the API; RAW has one of its own on each system."""
_ANSWERS = {1: CardProtocol.T0, 2: CardProtocol.T1, 4: CardProtocol.RAW, 0x10000: CardProtocol.RAW}
_SHARED, _EXCLUSIVE = 2, 1
_LEAVE, _RESET, _UNPOWER = 0, 1, 2
_PRESENT, _MUTE, _GONE = 0x20, 0x200, 0x4 | 0x8  # SCARD_STATE_PRESENT; MUTE; UNKNOWN | UNAVAILABLE


class PcscConnection(DeviceConnection):
    """A powered card in a PC/SC reader; it has a context of its own, so that connections don't wait for each other."""

    def __init__(self, context: Context, name: str, wish: CardProtocol, exclusive: bool) -> None:
        self._context = context
        self._scard: Any = context.scard
        self._wish = _wish(wish, self._scard)
        self._share = _EXCLUSIVE if exclusive else _SHARED
        try:
            code, self._card, protocol = self._scard.SCardConnect(context.handle(), name, self._share, self._wish)
            check(code, "connect")
        except ReaderError:
            context.drop()  # the service has few, and a card that does not answer is tried many times a second
            raise
        self._open = True
        self._set_protocol(protocol)
        super().__init__(self._read_atr(), _ANSWERS.get(protocol, CardProtocol.ANY), CAPABILITIES)

    def _set_protocol(self, protocol: int) -> None:
        self._protocol = protocol
        self._transmit_raw = self._scard.SCardTransmit

    def _read_atr(self) -> bytes:
        code, _, _, _, atr = self._scard.SCardStatus(self._card)
        if code != 0:
            self._disconnect()
            raise error(code, "connect")
        return bytes(atr)

    def _transmit(self, command: bytes) -> bytes:
        code, answer = self._transmit_raw(self._card, self._protocol, list(command))
        if code != 0:
            raise transmit_error(code)
        return bytes(answer)

    def _reset(self, kind: ResetKind) -> bytes:
        how = _RESET if kind is ResetKind.WARM else _UNPOWER
        code, protocol = self._scard.SCardReconnect(self._card, self._share, self._wish, how)
        check(code, "reset")
        self._set_protocol(protocol)
        self.protocol = _ANSWERS.get(protocol, CardProtocol.ANY)
        code, _, _, _, atr = self._scard.SCardStatus(self._card)
        check(code, "reset")
        return bytes(atr)

    def _begin(self) -> None:
        check(self._scard.SCardBeginTransaction(self._card), "begin transaction")

    def _end(self) -> None:
        check(self._scard.SCardEndTransaction(self._card, _LEAVE), "end transaction")

    def _disconnect(self) -> None:
        if self._open:
            self._open = False
            self._scard.SCardDisconnect(self._card, _UNPOWER)
            self._context.drop()


class PcscSlot(DeviceSlot):
    """One reader name of the service."""

    def __init__(self, name: str, clock: Clock = time.monotonic, others: Collection[str] = ()) -> None:
        super().__init__(name, CAPABILITIES, clock)
        self._context = Context()
        self._others = frozenset(others) - {name}
        """Readers that were there beside it: none of them is this one, plugged in again."""

    def is_present(self) -> bool:
        """Whether a card is in the reader; a card in use is not disturbed.

        Raises:
            ReaderLost: the reader is gone.
            ServiceLost: the service does not run.
        """
        return bool(self._state() & _PRESENT)

    def release(self) -> None:
        """Let go of the service; what asks next makes a new line to it."""
        self._context.drop()

    def _state(self) -> int:
        code, states = self._context.states([(self.name, 0)])
        if code == TIMED_OUT:
            return 0
        check(code, "is_present")
        state = int(states[0][1])
        if state & _GONE:
            raise ReaderLost(message("readers.pcsc.gone"), step="is_present", term="读卡器断开")
        return state

    def _wait(self, present: bool, timeout: float) -> bool:
        """Wait in the service, which wakes us at the change itself."""
        end = self._clock() + timeout
        state = self._state()
        while bool(state & _PRESENT) is not present:
            left = end - self._clock()
            if left <= 0:
                return False
            # In slices, since a service that dies does not wake everybody who waits.
            code, states = self._context.states([(self.name, state)], max(1, int(1000 * min(left, 0.5))))
            if code not in (0, TIMED_OUT):
                raise error(code, "wait")
            state = int(states[0][1])
            if state & _GONE:
                raise ReaderLost(message("readers.pcsc.gone"), step="wait", term="读卡器断开")
        return True

    def _connect(self, protocol: CardProtocol, exclusive: bool) -> PcscConnection:
        """Connect; a context that died with its service is replaced by asking for it anew."""
        try:
            return PcscConnection(Context(), self.name, protocol, exclusive)
        except CardRemoved as lost:
            raise NoCard(message("readers.pcsc.no_card"), step="connect", term="无卡") from lost
        except ReaderLost:
            renamed = same_reader(self.name, [one for one in names() if one not in self._others])
            if renamed is None:
                raise
            self.name = renamed
            return PcscConnection(Context(), self.name, protocol, exclusive)


class PcscReader(Reader):
    """The readers of one name, each of them a slot; the service gives every slot of a reader a name of its own."""

    def close(self) -> None:
        """End the connections of all slots and the lines to the service."""
        super().close()
        for slot in self.slots:
            if isinstance(slot, PcscSlot):
                slot.release()

    def reconnect(
        self, timeout: float, protocol: CardProtocol = CardProtocol.ANY, *, exclusive: bool = False
    ) -> DeviceConnection:
        """Connect to the first slot again after a loss: waits for service, reader and card to come back.

        Args:
            timeout: seconds for all three together.
            protocol, exclusive: as for ``connect``.

        Raises:
            NoCard, ReaderLost, ServiceLost: what was still missing when the time was over.
            Busy: another program has the card.
        """
        end = self._clock() + timeout
        while True:
            try:
                return self.connect(protocol, exclusive=exclusive)
            except (NoCard, ReaderLost, ServiceLost):
                if self._clock() >= end:
                    raise
            time.sleep(0.02)


def same_reader(name: str, there: list[str]) -> str | None:
    """The name a reader has after it was plugged in again: the service counts readers anew, only the number differs.

    None where nothing fits, or more than one reader does.

    Example:
        >>> same_reader("ACS ACR38U 00 00", ["ACS ACR38U 01 00", "Feitian 00 00"])
        'ACS ACR38U 01 00'
    """
    number = re.compile(r" [0-9A-F]{2}(?= [0-9A-F]{2}$)")
    found = [one for one in there if one != name and number.sub("", one) == number.sub("", name)]
    return found[0] if len(found) == 1 and name not in there else None


def names() -> list[str]:
    """Names of the readers the PC/SC service knows.

    Raises:
        MissingPart: pyscard is not installed; the advice says how.
        ServiceLost: the PC/SC service does not run.
    """
    context = Context()
    try:
        return context.names()
    finally:
        context.drop()


def open(name: str = "", *, clock: Clock = time.monotonic) -> PcscReader:
    """Open the readers whose name contains ``name`` (all of them when empty), in the order of the service.

    Raises:
        MissingPart: pyscard is not installed.
        ServiceLost: the PC/SC service does not run.
        ReaderNotFound: no such reader; the message lists those there are.
    """
    there = names()
    slots = tuple(PcscSlot(one, clock, there) for one in there if name in one)
    if not slots:
        what = message("readers.none_named", name=name, there=", ".join(there) or "-")
        raise ReaderNotFound(what, step="pcsc.open", term="找不到读卡器")
    return PcscReader(slots[0].name, slots, clock)


def _wish(protocol: CardProtocol, scard: Any) -> int:
    if protocol is CardProtocol.RAW:
        return int(scard.SCARD_PROTOCOL_RAW)
    return _WISHES[protocol]
