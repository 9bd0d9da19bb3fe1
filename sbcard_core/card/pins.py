"""The holder's PIN: verify, change, tries left; and the issuer's reload and unblock. No PIN is in any text."""

from collections.abc import Callable

from apdu import instructions as iso
from apdu.command import CommandAPDU
from apdu.errors import UnexpectedStatus
from apdu.status import StatusWord
from sbcard_core.card.errors import InitialPinRefused, PinLengthRefused, PinLocked, PinWrong, PsamMissing
from sbcard_core.card.writing import Writing
from sbcard_core.crypto.diversify import city_factor
from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.messages import message

_BLOCKED = 0x6983
RELOAD = CommandAPDU(0x84, 0x24, 0x00, 0x01)
UNBLOCK = CommandAPDU(0x84, 0x24, 0x00, 0x00)
"""``84 24``: P2 01 sets a new PIN, P2 00 resets the counter only (one vendor code)."""


class Pins(Writing):
    """The PIN part of a session."""

    def verify_pin(self, pin: str) -> None:
        """Check the holder's PIN (校验密码).

        Raises:
            PinWrong: wrong, with the tries left.
            PinLocked: no try is left.
            PinLengthRefused: not 4 to 16 digits; nothing was sent.
            UnexpectedStatus: the card refuses for another reason.
        """
        self._pin_verified = False
        self._pin(lambda: iso.verify_pin(pin), "verify PIN")
        self._pin_verified = True

    def change_pin(self, old: str, new: str) -> None:
        """Change the PIN (修改密码); an initial PIN may not be chosen again.

        Raises:
            InitialPinRefused: ``new`` is an initial PIN of the profile; nothing was sent.
            PinWrong: ``old`` is wrong, with the tries left.
            PinLocked: no try is left.
            PinLengthRefused: not 4 to 16 digits; nothing was sent.
            UnexpectedStatus: the card refuses for another reason.
        """
        self._refuse_initial(new, "change PIN")
        self._pin(lambda: iso.change_pin(old, new), "change PIN")

    def pin_tries(self) -> int | None:
        """Tries left, without using one: VERIFY without data, ISO/IEC 7816-4:2013 7.5.6 (not seen in public readers).

        Returns:
            63Cx as a number, 0 for a locked PIN; None where the card answers 9000: the PIN is verified already.

        Raises:
            UnexpectedStatus: the card does not report it.
        """
        sw = self.link.exchange(CommandAPDU(0x00, 0x20, 0x00, 0x00)).sw
        if sw.is_ok:
            return None
        if sw.tries_left is None:
            raise UnexpectedStatus(sw, step="PIN tries")
        return sw.tries_left

    def reload_pin(self, new: str) -> None:
        """Set a new PIN with the issuer's key (密码重装): authentication with key 06, then ``84 24 00 01``.

        Keys in software only, and the form of the message is assumed: ``Assumed.pin_message``. With a security module
        use :meth:`begin_pin_message`.

        Raises:
            InitialPinRefused, PinLengthRefused: nothing was sent.
            AssumptionNotSet: the profile does not say how the message is protected.
            PsamMissing: no key holder.
            UnexpectedStatus: the card refuses a step; 6988: the MAC is wrong.
        """
        self._refuse_initial(new, "reload PIN")
        packed = self._packed(new, "reload PIN")
        rule = self.profile.pin_message()
        if self.holder is None:
            raise PsamMissing(message("cards.pin.no_holder"), step="reload PIN")
        plain = (bytes((len(packed),)) + packed + b"\x80").ljust(rule.block, b"\x00")
        path = city_factor(self.region) + self.factor
        body = self.holder.encrypt_many(rule.encrypt, path, [plain])[0]
        self._pin_message(CommandAPDU(RELOAD.cla, RELOAD.ins, RELOAD.p1, RELOAD.p2, body), "reload PIN")

    def unblock_pin(self) -> None:
        """Reset the PIN's counter with the issuer's key (密码解锁); the PIN stays.

        Raises:
            AssumptionNotSet: the profile does not say how the message is protected.
            PsamMissing: no key holder.
            UnexpectedStatus: the card refuses a step.
        """
        self._pin_message(UNBLOCK, "unblock PIN")

    def _pin_message(self, command: CommandAPDU, step: str) -> None:
        rule = self.profile.pin_message()
        self._enter_environment()
        self._prove(self.profile.key("PIN_AUTH"))
        self._send(self.protect(command, rule.mac), step)
        self._pin_verified = False

    def _refuse_initial(self, pin: str, step: str) -> None:
        if pin in self.profile.initial_pins:
            raise InitialPinRefused(message("cards.pin.initial"), step=step, term="不能设置初始密码")

    @staticmethod
    def _packed(pin: str, step: str) -> bytes:
        try:
            return iso.pack_pin(pin)
        except InvalidValue:
            raise PinLengthRefused(message("cards.pin.length"), step=step, term="密码长度") from None

    def _pin(self, build: Callable[[], CommandAPDU], step: str) -> None:
        try:
            command = build()
        except InvalidValue:
            raise PinLengthRefused(message("cards.pin.length"), step=step, term="密码长度") from None
        error = pin_error(self.link.exchange(command).sw, step)
        if error is not None:
            raise error


def pin_error(sw: StatusWord, step: str) -> SBCardError | None:
    """The error of the answer to a PIN command; None on 9000, which alone means that the PIN was right."""
    if sw.value == _BLOCKED:
        return PinLocked(message("cards.pin.locked"), step=step, term="密码锁定", sw=sw)
    tries = sw.tries_left
    if tries is not None:
        return PinWrong(tries, step=step, sw=sw)
    return None if sw.is_ok else UnexpectedStatus(sw, step=step)
