"""Many PSAMs for many counters: leased in turn, and none is ever locked by wrong MACs.

A PSAM counts wrong MAC2 values and locks its purchase key for good when the count reaches its limit.
A forged card or a noisy line can do that to a whole counter within minutes. The farm counts along,
and takes a PSAM out of service while it still has tries left: it rests until somebody restores it.
Every answer to a MAC2 but 9000 counts as a wrong one, and no answer too: the farm may count too much, never too little.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from apdu.channel import CardChannel
from apdu.errors import CardLost
from readers.errors import ReaderError
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

_CHECK_MAC2 = b"\x80\x72"
_PREPARE = b"\x80\x70"
_OK = b"\x90\x00"
_LOCKED = (b"\x93\x03", b"\x69\x83")


class FarmBusy(ReaderError):
    """Every PSAM in service is leased, and none came back in time (PSAM均在使用)."""


class FarmExhausted(ReaderError):
    """No PSAM is in service: all rest, are locked or are gone (无可用PSAM)."""


class PsamResting(ReaderError):
    """This PSAM may not see another MAC2: a wrong one could lock it. The MAC2 was not sent."""


@dataclass(frozen=True, slots=True)
class FarmRules:
    """How the PSAMs of a farm count wrong MACs. All of it is assumed: set what their issuer says.

    Args:
        limit: wrong MAC2 values that lock a PSAM.
        reserve: tries that are never used; at least 1.
        good_restores: whether a right MAC2 sets the count back to 0.

    Raises:
        InvalidValue: no try would be left to use.

    Example:
        >>> FarmRules(limit=3, reserve=1).usable
        2
    """

    limit: int = 3
    reserve: int = 1
    good_restores: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.reserve < self.limit:
            raise InvalidValue(message("readers.farm.rules"), step="psam_farm")

    @property
    def usable(self) -> int:
        """Wrong MACs after which a PSAM rests."""
        return self.limit - self.reserve


class PsamState(StrEnum):
    """Whether a PSAM can be leased."""

    IN_SERVICE = "in service"
    RESTING = "resting"
    """Its count reached the reserve."""
    LOST = "lost"
    """It did not answer; it is powered on again at its next turn where the farm knows how."""
    LOCKED = "locked"
    """It said so itself; only its issuer can help."""


class _Unit:
    """One PSAM of the farm and its count."""

    def __init__(self, name: str, channel: CardChannel, failures: int) -> None:
        self.name, self.channel, self.failures = name, channel, failures
        self.locked = self.lost = False
        self.dead = False  # lost, and could not be powered on since the last lease ended


class Lease:
    """A PSAM for the time of one visit; implements ``CardChannel``. Made by :meth:`PsamFarm.lease`."""

    def __init__(self, farm: "PsamFarm", unit: _Unit) -> None:
        self._farm, self._unit = farm, unit
        self._open = True

    @property
    def name(self) -> str:
        """Which PSAM this is."""
        return self._unit.name

    def transmit(self, command: bytes) -> bytes:
        """Send a command to the leased PSAM.

        Raises:
            PsamResting: another MAC2 could lock the PSAM; lease another one.
            CardLost: the PSAM is gone. A MAC2 it was given then counts as a wrong one.
            ReaderError: the lease has ended.
        """
        if not self._open:
            raise ReaderError(message("readers.farm.lease"), step="psam_farm")
        return self._farm.pass_on(self._unit, command)

    def end(self) -> None:
        """No command passes any more."""
        self._open = False


class PsamFarm:
    """N PSAMs, leased first come, first served; the one that has rested longest goes first.

    Threads may share a farm; a lease belongs to one of them.

    Args:
        psams: the powered PSAMs by name.
        rules: how they count.
        failures: counts known from before, by name: a PSAM keeps its count without power, and so must the farm.
        power_on: gives a new channel for a PSAM that was lost; None = a lost one stays out.
        changed: told (name, wrong MACs) at every change, so that the counts can be kept on disk. Called before a
            risky MAC2 is sent, not after: a crash between the two must not forget a wrong MAC.

    Raises:
        InvalidValue: no PSAM.

    Example:
        >>> class Wrong:
        ...     def transmit(self, command):
        ...         return bytes.fromhex("9302")
        >>> farm = PsamFarm({"A": Wrong()})
        >>> for _ in range(2):
        ...     with farm.lease() as psam:
        ...         _ = psam.transmit(bytes.fromhex("8072000004") + bytes(4))
        >>> farm.states()
        {'A': <PsamState.RESTING: 'resting'>}
    """

    def __init__(
        self,
        psams: Mapping[str, CardChannel],
        *,
        rules: FarmRules = FarmRules(),
        failures: Mapping[str, int] | None = None,
        power_on: Callable[[str], CardChannel] | None = None,
        changed: Callable[[str, int], None] | None = None,
    ) -> None:
        if not psams:
            raise InvalidValue(message("readers.farm.empty"), step="psam_farm", term="PSAM卡")
        known = failures or {}
        self._rules, self._power_on, self._changed = rules, power_on, changed
        self._units = {name: _Unit(name, channel, known.get(name, 0)) for name, channel in psams.items()}
        self._idle = deque(self._units.values())
        self._waiting: deque[object] = deque()
        self._turn = threading.Condition()

    @contextmanager
    def lease(self, *, timeout: float | None = None) -> Iterator[Lease]:
        """Lease a PSAM: wait in line, use it, give it back.

        Args:
            timeout: seconds to wait at most; None = as long as it takes.

        Raises:
            FarmBusy: the time is over.
            FarmExhausted: none is in service, so waiting would not help.
        """
        unit = self._take(timeout)
        held = Lease(self, unit)
        try:
            yield held
        finally:
            held.end()
            self._give_back(unit)

    def states(self) -> dict[str, PsamState]:
        """The state of every PSAM."""
        return {unit.name: self._state(unit) for unit in self._units.values()}

    def failures(self) -> dict[str, int]:
        """Wrong MACs counted, by PSAM."""
        return {unit.name: unit.failures for unit in self._units.values()}

    def restore(self, name: str, channel: CardChannel | None = None) -> None:
        """Put a PSAM back in service after its issuer has set its count back, or after it was exchanged.

        Args:
            name: which one.
            channel: the new one, where it was exchanged or powered on anew.

        Raises:
            InvalidValue: no PSAM of that name.
        """
        if name not in self._units:
            raise InvalidValue(message("readers.farm.unknown", name=name), step="psam_farm.restore", term="PSAM卡")
        with self._turn:
            unit = self._units[name]
            unit.channel = channel or unit.channel
            unit.locked = unit.lost = unit.dead = False
            self._count(unit, 0)
            self._turn.notify_all()

    def pass_on(self, unit: _Unit, command: bytes) -> bytes:
        """Send a command of a lease and watch what it does to the count."""
        risky = command[:2] == _CHECK_MAC2
        before = unit.failures
        if risky:
            if before >= self._rules.usable:
                raise PsamResting(
                    message("readers.farm.resting", name=unit.name),
                    step="psam_farm",
                    term="PSAM已停用",
                )
            self._count(unit, before + 1)  # what the PSAM does when it is wrong; taken back when it is right
        try:
            answer = unit.channel.transmit(command)
        except CardLost:
            unit.lost = True
            raise
        if risky and answer[-2:] == _OK:
            self._count(unit, 0 if self._rules.good_restores else before)
        if answer[-2:] in _LOCKED and command[:2] in (_CHECK_MAC2, _PREPARE):
            unit.locked = True
        return answer

    def _count(self, unit: _Unit, failures: int) -> None:
        if failures != unit.failures:
            unit.failures = failures
            if self._changed is not None:
                self._changed(unit.name, failures)

    def _state(self, unit: _Unit) -> PsamState:
        if unit.locked:
            return PsamState.LOCKED
        if unit.failures >= self._rules.usable:
            return PsamState.RESTING
        return PsamState.LOST if unit.lost else PsamState.IN_SERVICE

    def _can_serve(self, unit: _Unit) -> bool:
        state = self._state(unit)
        return state is PsamState.IN_SERVICE or (
            state is PsamState.LOST and self._power_on is not None and not unit.dead
        )

    def _take(self, timeout: float | None) -> _Unit:
        ticket, until = object(), None if timeout is None else time.monotonic() + timeout
        with self._turn:
            self._waiting.append(ticket)
            try:
                while True:
                    left = None if until is None else until - time.monotonic()
                    if not self._turn.wait_for(lambda: self._waiting[0] is ticket and self._is_decided(), left):
                        raise FarmBusy(message("readers.farm.busy"), step="psam_farm.lease")
                    unit = self._longest_idle()
                    if unit is not None:
                        return unit
                    if not any(map(self._can_serve, self._units.values())):
                        raise FarmExhausted(
                            message("readers.farm.none"),
                            step="psam_farm.lease",
                            term="无可用PSAM",
                        )
            finally:
                self._waiting.remove(ticket)
                self._turn.notify_all()

    def _is_decided(self) -> bool:
        """Whether the first in line need not wait: a PSAM is idle, or none will ever come."""
        return any(map(self._can_serve, self._idle)) or not any(map(self._can_serve, self._units.values()))

    def _longest_idle(self) -> _Unit | None:
        """Take the PSAM that has been idle longest; one that was lost is powered on first."""
        for unit in [one for one in self._idle if self._can_serve(one)]:
            if not unit.lost or self._revive(unit):
                self._idle.remove(unit)
                return unit
        return None

    def _revive(self, unit: _Unit) -> bool:
        if self._power_on is None:
            return False
        try:
            unit.channel = self._power_on(unit.name)
        except CardLost:
            unit.dead = True
            return False
        unit.lost = False
        return True

    def _give_back(self, unit: _Unit) -> None:
        with self._turn:
            self._idle.append(unit)
            for one in self._units.values():
                one.dead = False
            self._turn.notify_all()


def numbered(channels: Sequence[CardChannel]) -> dict[str, CardChannel]:
    """Names for PSAMs that have none: ``PSAM 1``, ``PSAM 2``, ….

    Example:
        >>> list(numbered([None, None]))
        ['PSAM 1', 'PSAM 2']
    """
    return {f"PSAM {at}": channel for at, channel in enumerate(channels, 1)}
