"""加密机两步: the session hands out what a security module has to compute, and goes on with the answer.

Between the steps nothing else may touch the card: the challenge would no longer
be its latest. A step that finds the card touched is refused before it sends
anything.
"""

import hmac
from dataclasses import dataclass

from apdu import instructions as iso
from apdu.atr import ATR
from apdu.command import CommandAPDU
from sbcard_core.card.access import KeyRef
from sbcard_core.card.basic import CardBasic
from sbcard_core.card.errors import HsmDiffers, StepOutOfOrder
from sbcard_core.card.pins import RELOAD, UNBLOCK, Pins
from sbcard_core.crypto.errors import HolderFailed
from sbcard_core.crypto.hsm_strings import BasicStep1, BasicStep2, KeyStep1, KeyStep2, PinStep2
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

_PIN_BLOCK, _MAC = 16, 4


@dataclass(frozen=True, slots=True)
class _Waiting:
    """What was asked, and how many commands the card had seen by then."""

    asked: object
    count: int
    key: KeyRef | None = None
    answered: bytes = b""
    pin: str = ""


class TwoStep(Pins):
    """The two-step part of a session."""

    _waiting: _Waiting | None = None

    def begin_basic(self, terminal_no: str = "") -> BasicStep1:
        """Step 1 of ``iReadCardBas_HSM``: what the security module must answer for this card.

        The card answers INTERNAL AUTHENTICATE already here, so that its challenge is the last thing asked of it.
        Cards of SSF33 are served too: the module computes, not this library.

        Returns:
            The strings' values; ``.format()`` is the text for the province's service.

        Raises:
            UnexpectedStatus: the card refuses.
        """
        self._enter_environment()
        self._follow(self._version())
        code, region = self.identification_code(), self.region
        process, original = self._rng(8), self._rng(8)
        answered = self._send(iso.internal_authenticate(process, original), "internal authenticate")
        challenge = self._send(iso.get_challenge(8), "get challenge") if self._holder_key() else b""
        asked = BasicStep1(
            region,
            self._historical(),
            f"{self.algorithm_id or 1:02d}",
            bytes.fromhex(code),
            process,
            original,
            challenge,
            self._rng(8) if challenge else b"",
            terminal_no,
        )
        self._waiting = _Waiting(asked, self.apdu_count, answered=answered)
        return asked

    def finish_basic(self, answer: BasicStep2 | str) -> CardBasic:
        """Step 2: compare, open EF06 where the generation wants it, read everything.

        Raises:
            StepOutOfOrder: no step 1, or the card was touched since.
            MalformedHsmText, HolderFailed: the text is no answer, or the answer to another question.
            HsmDiffers: the card's answer is not the module's (-25): not a genuine card.
            UnexpectedStatus: the card refuses.
        """
        waiting = self._take_waiting(BasicStep1)
        asked = waiting.asked
        assert isinstance(asked, BasicStep1)
        got = BasicStep2.parse(answer) if isinstance(answer, str) else answer
        got.check(asked)
        if not hmac.compare_digest(got.internal, waiting.answered):
            raise HsmDiffers(
                message("cards.hsm.differs"),
                step="internal authenticate",
                term="内部认证失败",
            )
        key = self._holder_key()
        if key is not None:
            self._external(key, got.external, got.external_original)
        return self.read_basic()

    def begin_key(self, key_name: str) -> KeyStep1:
        """Step 1 of reading or writing a file with one of the profile's keys: what the module must encrypt.

        Select the file's directory first; after :meth:`finish_key` read or write with ``authenticate=False``.

        Raises:
            ProfileRefused: no such key.
            AssumptionNotSet: its address or its number in the card is not public and not set.
        """
        key = self.profile.key(key_name)
        return self._begin_key(key)

    def finish_key(self, answer: KeyStep2 | str) -> None:
        """Step 2: external authentication with the module's answer.

        Raises:
            StepOutOfOrder, MalformedHsmText, HolderFailed: as :meth:`finish_basic`.
            UnexpectedStatus: the card refuses; 63Cx counts the tries left.
        """
        waiting = self._take_waiting(KeyStep1)
        self._finish_key(waiting, answer)

    def begin_pin_message(self, new_pin: str = "") -> KeyStep1:
        """Step 1 of ``iReloadPIN_HSM`` (with a PIN) or ``iUnblockPIN_HSM`` (without).

        Raises:
            InitialPinRefused, PinLengthRefused: nothing was sent.
        """
        if new_pin:
            self._refuse_initial(new_pin, "reload PIN")
            self._packed(new_pin, "reload PIN")
        self._enter_environment()
        return self._begin_key(self.profile.key("PIN_AUTH"), new_pin)

    def continue_pin_message(self, answer: KeyStep2 | str) -> PinStep2:
        """Step 2: authenticate, and say what the module must protect.

        Raises:
            StepOutOfOrder, MalformedHsmText, HolderFailed: as :meth:`finish_basic`.
            UnexpectedStatus: the card refuses.
        """
        waiting = self._take_waiting(KeyStep1)
        asked = waiting.asked
        assert isinstance(asked, KeyStep1)
        self._finish_key(waiting, answer)
        challenge = self._send(iso.get_challenge(8), "get challenge")
        command = RELOAD if waiting.pin else UNBLOCK
        length = _PIN_BLOCK + _MAC if waiting.pin else _MAC
        header = bytes((command.cla, command.ins, command.p1, command.p2, length)).hex().upper()
        address = self.profile.key("PIN_MESSAGE").need_hsm_address()
        step = PinStep2(asked.algorithm, address, challenge, header, waiting.pin)
        self._waiting = _Waiting(step, self.apdu_count)
        return step

    def finish_pin_message(self, body: bytes | str) -> None:
        """Step 3: send the protected message.

        Args:
            body: what stands behind the header, bytes or hex.

        Raises:
            StepOutOfOrder: no step 2, or the card was touched since.
            HolderFailed: not the length that was asked for.
            UnexpectedStatus: the card refuses; 6988: the MAC is wrong.
        """
        waiting = self._take_waiting(PinStep2)
        asked = waiting.asked
        assert isinstance(asked, PinStep2)
        try:
            raw = bytes.fromhex(body) if isinstance(body, str) else body
        except ValueError:
            raw = b""
        cla, ins, p1, p2, length = bytes.fromhex(asked.header)
        if len(raw) != length:
            raise HolderFailed(
                f"a message of {len(raw)} bytes instead of {length}", step="PIN message", term="加密机应答"
            )
        self._send(CommandAPDU(cla, ins, p1, p2, raw), "reload PIN" if p2 else "unblock PIN")
        self._pin_verified = False

    # --- inside

    def _begin_key(self, key: KeyRef, pin: str = "") -> KeyStep1:
        key.need_kid()
        address = key.need_hsm_address()
        place = self._where or self.profile.environment
        self.identification_code()
        self.select(place)
        challenge = self._send(iso.get_challenge(8), "get challenge")
        asked = KeyStep1(f"{self.algorithm_id or 1:02d}", address, challenge, self._rng(8))
        self._waiting = _Waiting(asked, self.apdu_count, key=key, pin=pin)
        return asked

    def _finish_key(self, waiting: _Waiting, answer: KeyStep2 | str) -> None:
        assert isinstance(waiting.asked, KeyStep1)
        assert waiting.key is not None
        got = KeyStep2.parse(answer) if isinstance(answer, str) else answer
        if got.original != waiting.asked.original:
            raise HolderFailed(message("cards.hsm.other"), step="two steps", term="加密机应答")
        self._external(waiting.key, got.cryptogram, got.original)

    def _external(self, key: KeyRef, cipher: bytes, original: bytes) -> None:
        kid = key.need_kid()
        self._send(iso.external_authenticate(kid, cipher, original), f"external authenticate {kid:02X}")
        self._opened.add(key.name)

    def _holder_key(self) -> KeyRef | None:
        """The key that opens the holder's file of this generation; None where it is free."""
        for file in self.profile.files:
            if file.read.wants_key:
                return self.profile.key(file.read_key)
        return None

    def _historical(self) -> bytes:
        if self._atr is None:
            raise InvalidValue(message("cards.no_atr"), step="card.session", term="卡复位信息")
        return ATR.parse(self._atr).historical

    def _take_waiting(self, kind: type) -> _Waiting:
        waiting, self._waiting = self._waiting, None
        if waiting is None or not isinstance(waiting.asked, kind):
            raise StepOutOfOrder(message("cards.step.not_begun"), step="two steps")
        if waiting.count != self.apdu_count:
            raise StepOutOfOrder(message("cards.step.touched"), step="two steps")
        return waiting
