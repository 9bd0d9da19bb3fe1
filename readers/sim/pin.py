"""The holder's PIN inside the virtual card: tries, initial PIN, change."""

import hmac

from apdu.command import CommandAPDU
from readers.sim.refusal import Refusal
from readers.sim.settings import SimSettings
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message


class PinObject:
    """One PIN with its retry counter; the right of a verified PIN ends with :meth:`forget`.

    Args:
        initial: 初始密码, 4 to 16 digits.
        settings: retry limit and refusals.

    Raises:
        InvalidValue: not such digits; the message does not repeat them.
    """

    def __init__(self, initial: str, settings: SimSettings) -> None:
        self._value = self._initial = _pack(initial)
        self._tries = settings.pin_tries
        self._settings = settings
        self._verified = False

    def forget(self) -> None:
        """Reset of the card: the holder must verify again; the counter stays."""
        self._verified = False

    def verify(self, command: CommandAPDU) -> bytes:
        """00 20: compare; without data tell the tries left."""
        if self._tries == 0:
            raise Refusal(0x6983)
        if command.nc == 0:
            raise Refusal(0x63C0 | self._tries)
        self._match(command.data)
        self._verified = True
        return b""

    def change(self, command: CommandAPDU) -> bytes:
        """80 5E 01 00: old FF new; the initial PIN may not come back."""
        if (command.p1, command.p2) != (0x01, 0x00):
            raise Refusal(0x6A86)
        if self._tries == 0:
            raise Refusal(0x6983)
        old, separator, new = command.data.partition(b"\xff")
        if not separator or not 2 <= len(new) <= 8:
            raise Refusal(0x6A80)
        self._match(old)
        if new == self._initial:
            raise Refusal(self._settings.same_pin_refusal)
        self._value = new
        return b""

    def require(self) -> None:
        """Refuse unless the PIN has been verified."""
        if not self._verified:
            raise Refusal(0x6982)

    def refuse_initial(self) -> None:
        """Refuse while the initial PIN is still in place (初始密码不能交易)."""
        if hmac.compare_digest(self._value, self._initial):
            raise Refusal(self._settings.initial_pin_refusal)

    def replace(self, pin: bytes) -> None:
        """The issuer sets a new PIN (重装): the counter is full again."""
        if not 2 <= len(pin) <= 8 or hmac.compare_digest(pin, self._initial):
            raise Refusal(self._settings.same_pin_refusal)
        self._value = pin
        self.unblock()

    def unblock(self) -> None:
        """The issuer resets the counter (解锁)."""
        self._tries, self._verified = self._settings.pin_tries, False

    @property
    def verified(self) -> bool:
        """Whether the PIN has been verified since power-on."""
        return self._verified

    def _match(self, pin: bytes) -> None:
        if not 2 <= len(pin) <= 8:
            raise Refusal(0x6700)
        if not hmac.compare_digest(pin, self._value):
            self._verified = False
            self._tries -= 1
            raise Refusal(0x63C0 | self._tries)
        self._tries = self._settings.pin_tries


def _pack(pin: str) -> bytes:
    if not (4 <= len(pin) <= 16 and pin.isascii() and pin.isdigit()):
        raise InvalidValue(message("readers.sim.pin"), step="sim.card", term="初始密码")
    return bytes.fromhex(pin if len(pin) % 2 == 0 else pin + "F")
