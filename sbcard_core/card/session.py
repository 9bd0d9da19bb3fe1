"""A session with one card: read the basics, prove card and terminal to each other, check and change the PIN.

The channel is anything with ``transmit``: a PC/SC reader, a virtual card, a
recorded session. Every error names the step; where a status word stands behind
it, the error carries it and the driver interface's number.
"""

import hmac
import os
from collections.abc import Callable

from apdu import instructions as iso
from apdu import psam as sam
from apdu.atr import historical_factor
from apdu.channel import CardChannel, GetResponseChannel, exchange
from apdu.command import CommandAPDU
from apdu.errors import UnexpectedStatus
from sbcard_core.card.basic import CardBasic
from sbcard_core.card.errors import (
    InitialPinRefused,
    InternalAuthFailed,
    PinLengthRefused,
    PinLocked,
    PinWrong,
    PsamMissing,
)
from sbcard_core.card.files import FileDecl, RecordDecl, decode_record, raw_value
from sbcard_core.card.identification import algorithm_of_fci, parse_code
from sbcard_core.card.profile import Profile
from sbcard_core.card.profiles.v2 import V2
from sbcard_core.card.text import join_name
from sbcard_core.crypto.diversify import city_factor
from sbcard_core.errors import InvalidValue

_NOT_FOUND = 0x6A83
_NOT_ALLOWED = 0x6982
_BLOCKED = 0x6983


class CardSession:
    """One card between insertion and removal.

    Args:
        channel: the card. 61xx and 6Cxx are finished here, so a bare reader will do.
        psam: the terminal's PSAM, for authentication only.
        profile: the card's generation; its unset assumptions are refused when a step needs them.
        atr: the card's answer to reset; taken from ``channel.atr`` when not given.
        rng: random bytes for process factors and original data.

    Attributes:
        algorithm_id: 1 3DES, 2 SSF33, 3 SM4, as the environment named it; None before it was selected.

    Example:
        >>> class Mute:
        ...     def transmit(self, command: bytes) -> bytes:
        ...         return bytes.fromhex("6A82")
        >>> CardSession(Mute()).read_basic()
        Traceback (most recent call last):
            ...
        apdu.errors.UnexpectedStatus: card answered 6A82: file not found (文件未找到) [select SSSE]; \
check that it is a social security card
    """

    def __init__(
        self,
        channel: CardChannel,
        psam: CardChannel | None = None,
        *,
        profile: Profile = V2,
        atr: bytes | None = None,
        rng: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.profile = profile
        self._channel = GetResponseChannel(channel)
        self._psam = None if psam is None else GetResponseChannel(psam)
        self._psam_selected = False
        self._atr = getattr(channel, "atr", None) if atr is None else atr
        self._rng = rng
        self.algorithm_id: int | None = None
        self._in_environment = False
        self._code: str | None = None
        self._factor: bytes | None = None

    # --- reading

    def select_environment(self) -> None:
        """Select the social-security environment SSSE.

        Raises:
            UnexpectedStatus: the card has none.
        """
        fci = self._send(iso.select_aid(iso.SSSE_AID), "select SSSE", advice="check that it is a social security card")
        self.algorithm_id = algorithm_of_fci(fci)
        self._in_environment = True

    def leave_environment(self) -> None:
        """Note that another application has been selected on the same card; the next step comes back by itself."""
        self._in_environment = False

    def _enter_environment(self) -> None:
        """Select SSSE unless it is selected: on many cards a new SELECT would drop what has been authenticated."""
        if not self._in_environment:
            self.select_environment()

    def identification_code(self) -> str:
        """Read the identification code (卡识别码), once per session: 32 hex digits.

        Raises:
            UnexpectedStatus: the card refuses.
            IdentificationMalformed: it is not an identification code.
        """
        if self._code is None:
            self._enter_environment()
            file = self.profile.file("SSSE/EF05")
            self._select_file(file)
            code = decode_record(file.record("identification_code"), self._read(file.record("identification_code")))
            parse_code(code)
            self._code = code
        return self._code

    @property
    def region(self) -> str:
        """Issuing region, the first six digits of the identification code; it derives the card's keys."""
        return parse_code(self.identification_code()).region

    @property
    def factor(self) -> bytes:
        """The card's diversification factor: the last 8 historical bytes of the ATR.

        Raises:
            InvalidValue: the channel gave no ATR.
        """
        if self._factor is None:
            if self._atr is None:
                raise InvalidValue("the ATR is not known", step="card.session", advice="pass atr=", term="卡复位信息")
            self._factor = historical_factor(self._atr)
        return self._factor

    def read_basic(self) -> CardBasic:
        """Read every record of EF05 and EF06, addressed by tag (the numbers differ by generation).

        The extension of the name may be missing on a 2.x card. On a 3.00 card EF06 needs
        :meth:`external_authenticate` first.

        Raises:
            UnexpectedStatus: the card refuses; carries step and status word.
            RecordMalformed: a record is not what its tag says.
            CardLost: the card went away.
        """
        self._enter_environment()
        values: dict[str, str] = {}
        name: dict[str, bytes] = {}
        for file in self.profile.files:
            self._select_file(file)
            for record in file.records:
                data = self._read(record)
                if record.name in ("name", "name_extension"):
                    name[record.name] = raw_value(record, data) if data else b""
                else:
                    values[record.name] = decode_record(record, data) if data else ""
        self._code = values["identification_code"]
        parse_code(self._code)
        return CardBasic(name=join_name(name["name"], name["name_extension"]), **values)

    def _select_file(self, file: FileDecl) -> None:
        self._send(iso.select_fid(file.fid), f"select {file.path}")

    def _read(self, record: RecordDecl) -> bytes:
        """Return the whole record, or nothing when an optional one is missing."""
        answer = exchange(self._channel, iso.read_record_by_id(record.tag))
        if record.optional and answer.sw.value == _NOT_FOUND:
            return b""
        advice = "authenticate with key 0A first" if answer.sw.value == _NOT_ALLOWED else ""
        return answer.require(f"read record {record.tag:02X}", advice=advice)

    # --- authentication

    def internal_authenticate(self) -> None:
        """Prove the card (内部认证): its answer must equal the PSAM's over the same two random numbers.

        Raises:
            PsamMissing: the session has no PSAM.
            AssumptionNotSet: the profile does not name the PSAM's key.
            InternalAuthFailed: the answers differ: not a genuine card of that city.
            UnexpectedStatus: card or PSAM refuses.
        """
        key_id = self.profile.irk_psam_key_id()
        step = "internal authenticate"
        process, original = self._rng(8), self._rng(8)
        expected = self._psam_cipher(key_id, process, original, step)
        self._enter_environment()
        answer = self._send(iso.internal_authenticate(process, original), step)
        if not hmac.compare_digest(expected, answer):
            raise InternalAuthFailed(
                "the card's answer is not a genuine card's",
                step=step,
                term="内部认证失败",
                advice="keep the card aside",
            )

    def external_authenticate(self, kid: int = iso.KID_READ_EF06) -> None:
        """Prove the terminal to the card (外部认证) with one of the keys in its PSAM.

        Args:
            kid: the card's key: 0A reads EF06 to EF08, 04 writes EF05 and EF06.

        Raises:
            PsamMissing: the session has no PSAM.
            InvalidValue: no PSAM key is known for ``kid``.
            UnexpectedStatus: card or PSAM refuses; 63Cx counts the tries left.
        """
        key_id = self.profile.psam_key_of_kid.get(kid)
        if key_id is None:
            raise InvalidValue(
                f"no PSAM key is known for key {kid:02X}", step="external authenticate", advice="set it in the profile"
            )
        step = f"external authenticate {kid:02X}"
        region = self.region
        self._enter_environment()
        original = self._rng(8)
        process = self._send(iso.get_challenge(8), "get challenge")
        cipher = self._psam_cipher(key_id, process, original, step, region=region)
        self._send(iso.external_authenticate(kid, cipher, original), step)

    def _psam_cipher(
        self, key_id: int, process: bytes, original: bytes, step: str, *, region: str | None = None
    ) -> bytes:
        """Have the PSAM encrypt ``original`` under the card's key, changed by ``process``."""
        if self._psam is None:
            raise PsamMissing("this step needs a PSAM", step=step, term="无PSAM卡", advice="insert one or use an HSM")
        factors = [self.factor, city_factor(region or self.region)]
        if not self._psam_selected:
            self._to_psam(iso.select_aid(sam.PSAM_AID), "select PSAM application")
            self._psam_selected = True
        self._to_psam(
            sam.init_for_descrypt(sam.KeyType.MAC_ENCRYPT, key_id, factors, process), f"{step}: prepare the PSAM key"
        )
        return self._to_psam(sam.descrypt(original), f"{step}: PSAM cipher")

    def _to_psam(self, command: CommandAPDU, step: str) -> bytes:
        assert self._psam is not None
        return exchange(self._psam, command).require(step)

    # --- PIN

    def verify_pin(self, pin: str) -> None:
        """Check the holder's PIN (校验密码).

        Raises:
            PinWrong: wrong, with the tries left.
            PinLocked: no try is left.
            PinLengthRefused: not 4 to 16 digits; nothing was sent.
            UnexpectedStatus: the card refuses for another reason.
        """
        self._pin(lambda: iso.verify_pin(pin), "verify PIN")

    def change_pin(self, old: str, new: str) -> None:
        """Change the PIN (修改密码); an initial PIN may not be chosen again.

        Raises:
            InitialPinRefused: ``new`` is an initial PIN of the profile; nothing was sent.
            PinWrong: ``old`` is wrong, with the tries left.
            PinLocked: no try is left.
            PinLengthRefused: not 4 to 16 digits; nothing was sent.
            UnexpectedStatus: the card refuses for another reason.
        """
        if new in self.profile.initial_pins:
            raise InitialPinRefused("an initial PIN can't be chosen", step="change PIN", term="不能设置初始密码")
        self._pin(lambda: iso.change_pin(old, new), "change PIN")

    def _pin(self, build: Callable[[], CommandAPDU], step: str) -> None:
        try:
            command = build()
        except InvalidValue:
            raise PinLengthRefused("a PIN has 4 to 16 digits", step=step, term="密码长度") from None
        sw = exchange(self._channel, command).sw
        if sw.value == _BLOCKED:
            raise PinLocked("the PIN is locked", step=step, term="密码锁定", advice="have the issuer reload it", sw=sw)
        tries = sw.tries_left
        if tries is not None:
            raise PinWrong(tries, step=step, sw=sw)
        if not sw.is_ok:
            raise UnexpectedStatus(sw, step=step)

    def _send(self, command: CommandAPDU, step: str, *, advice: str = "") -> bytes:
        return exchange(self._channel, command).require(step, advice=advice)
