"""What every terminal does: find its number in the PSAM, open a session with the card, ask for a PIN."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypedDict

from apdu.channel import CardChannel, GetResponseChannel, exchange
from apdu.instructions import KID_READ_EF06
from apdu.psam import read_terminal_number
from readers.base import Display, PinPad, PinPurpose
from readers.errors import PinEntryFailed
from readers.visit import Visit
from sbcard_core.card.basic import CardBasic
from sbcard_core.card.profile import Profile
from sbcard_core.card.profiles.v2 import V2
from sbcard_core.card.session import CardSession
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message


class TerminalOptions(TypedDict, total=False):
    """What may be named when any terminal is made; see :class:`Terminal` for each."""

    profile: Profile
    terminal_no: bytes | None
    rng: Callable[[int], bytes]
    display: Display | None
    visit: Visit | None


class Terminal:
    """One visit of one card at a terminal with a PSAM and a PIN pad.

    Args:
        card: the powered card; its ATR is taken from ``card.atr``.
        psam: the powered PSAM.
        pin_pad: where the holder types.
        profile: the card's generation and what its issuer assumes.
        terminal_no: 6 bytes; read from the PSAM when absent (assumed: EF 16, PBOC practice).
        rng: random bytes for process factors and challenges of the terminal.
        display: shows what happens, one line at a time; None = nobody looks.
        visit: may be cancelled and ends in time; None = as long as it takes.

    Raises:
        UnexpectedStatus: the PSAM does not give its number.
        CardLost: the PSAM is not there.
    """

    def __init__(
        self,
        card: CardChannel,
        psam: CardChannel,
        pin_pad: PinPad,
        *,
        profile: Profile = V2,
        terminal_no: bytes | None = None,
        rng: Callable[[int], bytes] = os.urandom,
        display: Display | None = None,
        visit: Visit | None = None,
    ) -> None:
        card, psam = (card, psam) if visit is None else (visit.guard(card), visit.guard(psam))
        self.card = card
        self.psam = psam
        self._display, self._visit = display, visit
        self.profile = profile
        self._pin_pad = pin_pad
        self._terminal_no = terminal_no if terminal_no is not None else read_number(psam)
        if len(self._terminal_no) != 6:
            raise InvalidValue(message("readers.terminal_no"), step="terminal", term="终端机编号")
        self.session = CardSession(card, psam, profile=profile, rng=rng)

    @property
    def terminal_no(self) -> str:
        """终端机编号, 12 digits."""
        return self._terminal_no.hex().upper()

    def show(self, text: str) -> None:
        """Show one line, where somebody looks."""
        if self._display is not None:
            self._display.show(text)

    def change_initial_pin(self) -> None:
        """Have the holder replace the PIN (修改密码): old one, new one, new one again.

        Raises:
            PinEntryFailed: the two new PINs differ (-34).
            InitialPinRefused: an initial PIN was chosen again (-36).
            PinWrong, PinLocked: the old PIN is wrong; carries the tries left.
        """
        old = self._ask_pin(PinPurpose.OLD)
        new = self._ask_pin(PinPurpose.NEW)
        if new != self._ask_pin(PinPurpose.REPEAT):
            raise PinEntryFailed(message("readers.pin.differ"), driver_code=-34)
        self.session.change_pin(old, new)
        self.show("密码修改成功")

    def _read_authenticated(self) -> CardBasic:
        """Card and PSAM prove themselves to each other, then issuer and holder data are read."""
        self.session.internal_authenticate()
        self.session.external_authenticate(KID_READ_EF06)
        return self.session.read_basic().require("card_no", "id_number", "name")

    def _ask_pin(self, purpose: PinPurpose) -> str:
        self._check("pin_pad")
        self.show(purpose.value)
        return self._pin_pad.read_pin(purpose)

    def _check(self, step: str) -> None:
        if self._visit is not None:
            self._visit.check(step)

    @contextmanager
    def _moving_money(self) -> Iterator[None]:
        """What happens inside is not cancelled."""
        try:
            if self._visit is not None:
                self._visit.begin_money()
            yield
        finally:
            self._money_moved()

    def _money_moved(self) -> None:
        """After a command that the visit itself saw moving money (debit, credit): it may be cancelled again."""
        if self._visit is not None:
            self._visit.end_money()

    def _verify_pin(self, *, initial_allowed: bool) -> None:
        """Ask for the PIN and have the card check it; an initial PIN cannot pay (初始密码不能交易)."""
        pin = self._ask_pin(PinPurpose.VERIFY)
        if not initial_allowed and pin in self.profile.initial_pins:
            raise PinEntryFailed(message("readers.pin.initial"), driver_code=-35)
        self.session.verify_pin(pin)


def read_number(psam: CardChannel) -> bytes:
    """Read the terminal number out of a PSAM.

    Raises:
        UnexpectedStatus: the PSAM does not keep it where assumed; pass ``terminal_no`` to the terminal instead.

    Example:
        >>> from readers.sim.desk import Desk
        >>> read_number(Desk(seed=1).psam).hex()
        '430100000001'
    """
    answer = exchange(GetResponseChannel(psam), read_terminal_number())
    return answer.require("read terminal number", advice=message("cards.advice.terminal_no"))
