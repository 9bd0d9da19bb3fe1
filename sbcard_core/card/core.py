"""The part of a session that everything else stands on: the wire, the place on the card, what has been proved."""

import hmac
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

from apdu import instructions as iso
from apdu.atr import historical_factor
from apdu.channel import CardChannel
from apdu.command import CommandAPDU
from sbcard_core.card.access import Access, KeyRef
from sbcard_core.card.cryptograms import Cryptograms, HolderCryptograms, PsamCryptograms
from sbcard_core.card.errors import (
    AccessDenied,
    AlgorithmNeedsVendor,
    GenerationUnknown,
    InternalAuthFailed,
    PsamMissing,
)
from sbcard_core.card.files import FileDecl
from sbcard_core.card.identification import AlgorithmId, algorithm_of_fci, parse_code
from sbcard_core.card.link import Link
from sbcard_core.card.profile import Profile
from sbcard_core.card.profiles import for_version
from sbcard_core.card.profiles.v2 import V2
from sbcard_core.crypto.errors import unset
from sbcard_core.crypto.holder import KeyHolder
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import Message, message

_COMPUTED = frozenset({AlgorithmId.TDES, AlgorithmId.SM4})
WRONG_LENGTH = 0x6700
"""Also where Le is: such a command is sent once more without it."""


@dataclass(frozen=True, slots=True)
class Detected:
    """What a card says of itself.

    Attributes:
        version: 规范版本 as on the card.
        generation: its first character.
        algorithm: 1 3DES, 2 SSF33, 3 SM4; an unknown number as it is.
        region: 发卡地区行政区划代码.
    """

    version: str
    generation: str
    algorithm: int
    region: str


class SessionCore(ABC):
    """See :class:`sbcard_core.card.session.CardSession`."""

    def __init__(
        self,
        channel: CardChannel,
        psam: CardChannel | None = None,
        *,
        profile: Profile = V2,
        atr: bytes | None = None,
        rng: Callable[[int], bytes] = os.urandom,
        holder: KeyHolder | None = None,
    ) -> None:
        self.profile = profile
        self.link = Link(channel)
        self.holder = holder
        self.algorithm_id: int | None = None
        self._psam = None if psam is None else PsamCryptograms(psam)
        self._atr = self.link.channel.atr if atr is None else atr
        self._rng = rng
        self._reading = profile.reading
        self._follows = bool(profile.declarations)
        self._where = ""
        self._current: str = ""
        self._opened: set[str] = set()
        self._pin_verified = False
        self._kept: dict[tuple[str, int], bytes] = {}
        self._code: str | None = None
        self._factor: bytes | None = None

    # --- counts

    @property
    def apdu_count(self) -> int:
        """Commands sent to the card so far, GET RESPONSE included."""
        return self.link.count

    @property
    def psam_count(self) -> int:
        """Commands sent to the PSAM so far for authentication."""
        return self._psam.link.count if self._psam else 0

    # --- places

    def select_environment(self) -> None:
        """Select the social-security environment SSSE, or the profile's own.

        Raises:
            UnexpectedStatus: the card has none.
        """
        name = self.profile.environment
        fci = self._selected(name, advice=message("cards.advice.environment"))
        self.algorithm_id = algorithm_of_fci(fci)
        self._arrived(name)

    def leave_environment(self) -> None:
        """Note that another application has been selected on the same card; the next step comes back by itself."""
        self._arrived("")

    def select(self, directory: str) -> None:
        """Select MF, SSSE or an application, unless it is selected: a new SELECT drops what has been authenticated.

        Raises:
            ProfileRefused: the profile has no such directory.
            AssumptionNotSet: its application identifier is not public and not set.
            UnexpectedStatus: the card has none.
        """
        if directory == self._where:
            return
        if directory == self.profile.environment:
            self.select_environment()
            return
        self._selected(directory)
        self._arrived(directory)

    def _selected(self, name: str, *, advice: str | Message = "") -> bytes:
        """What SELECT brings; some cards want it without Le."""
        command = self._selecting(name)
        answer = self.link.exchange(command)
        if answer.sw.value == WRONG_LENGTH:
            answer = self.link.exchange(command.replace(ne=0))
        return answer.require(f"select {name}", advice=advice)

    def _selecting(self, name: str) -> CommandAPDU:
        """SELECT with Le = 00: over T=1 the file control information, which names the algorithm, must be asked for."""
        if name == "SSSE" and not self.profile.directories:
            return iso.select_aid(iso.SSSE_AID, ne=256)
        declared = self.profile.directory(name)
        if declared.aid is not None:
            return iso.select_aid(declared.aid, ne=256)
        if declared.fid is not None:
            return iso.select_fid(declared.fid).replace(ne=256)
        raise unset("aid", "应用标识符", f"select {name}", directory=name)

    def _arrived(self, name: str) -> None:
        self._where, self._current = name, ""
        self._opened.clear()

    def _enter_environment(self) -> None:
        self.select(self.profile.environment)

    # --- who the card is

    @property
    def factor(self) -> bytes:
        """The card's diversification factor: the last 8 historical bytes of the ATR.

        Raises:
            InvalidValue: the channel gave no ATR.
        """
        if self._factor is None:
            if self._atr is None:
                raise InvalidValue(message("cards.no_atr"), step="card.session", term="卡复位信息")
            self._factor = historical_factor(self._atr)
        return self._factor

    @property
    def region(self) -> str:
        """Issuing region, the first six digits of the identification code; it derives the card's keys."""
        return parse_code(self.identification_code()).region

    @abstractmethod
    def identification_code(self) -> str:
        """The identification code (卡识别码), read once per session: 32 hex digits."""

    def _follow(self, version: str) -> None:
        """Go over to the files of the card's own generation; an odd version keeps the profile."""
        if not self._follows:
            return
        try:
            self.profile = for_version(version, self.profile)
        except GenerationUnknown:
            return

    # --- proving

    def internal_authenticate(self) -> None:
        """Prove the card (内部认证): its answer must equal what PSAM or key holder computes over the same numbers.

        Raises:
            PsamMissing: the session has neither PSAM nor key holder.
            AssumptionNotSet: the profile does not name the PSAM's key, or the holder's rule is not set.
            AlgorithmNeedsVendor: a card of SSF33.
            InternalAuthFailed: the answers differ: not a genuine card of that city.
            UnexpectedStatus: card or PSAM refuses.
        """
        step = "internal authenticate"
        key = self.profile.keys["IRK"] if self.holder is not None else self.profile.key("IRK")
        process, original = self._rng(8), self._rng(8)
        expected = self._cryptogram(key, process, original, step)
        self._enter_environment()
        answer = self._send(iso.internal_authenticate(process, original), step)
        if not hmac.compare_digest(expected, answer):
            raise InternalAuthFailed(
                message("cards.not_genuine"),
                step=step,
                term="内部认证失败",
            )

    def external_authenticate(self, kid: int = iso.KID_READ_EF06) -> None:
        """Prove the terminal to the card (外部认证) with a key of the environment.

        Args:
            kid: the card's key: 0A reads EF06 to EF08, 04 writes EF05 and EF06.

        Raises:
            PsamMissing: the session has neither PSAM nor key holder.
            InvalidValue: no PSAM key is known for ``kid``.
            UnexpectedStatus: card or PSAM refuses; 63Cx counts the tries left.
        """
        key = self._key_of_kid(kid)
        self.identification_code()
        self._enter_environment()
        self._prove(key)

    def _key_of_kid(self, kid: int) -> KeyRef:
        psam_key_id = self.profile.psam_key_of_kid.get(kid)
        for key in self.profile.keys.values():
            if key.kid == kid:
                return key if psam_key_id is None else replace(key, psam_key_id=psam_key_id)
        if psam_key_id is None:
            raise InvalidValue(message("cards.profile.psam_key", kid=f"{kid:02X}"), step="external authenticate")
        return KeyRef(f"kid {kid:02X}", KeyUsage.RK, None, psam_key_id, kid)

    def _prove(self, key: KeyRef) -> None:
        """External authentication where the session stands; the challenge is the card's most recent one."""
        kid = key.need_kid()
        step = f"external authenticate {kid:02X}"
        region, factor = self.region, self.factor
        original = self._rng(8)
        process = self._send(iso.get_challenge(8), "get challenge")
        cipher = self._cryptogram(key, process, original, step, region=region, factor=factor)
        self._send(iso.external_authenticate(kid, cipher, original), step)
        self._opened.add(key.name)

    def _cryptogram(
        self, key: KeyRef, process: bytes, original: bytes, step: str, *, region: str = "", factor: bytes = b""
    ) -> bytes:
        who = self._cryptograms(step)
        region, factor = region or self.region, factor or self.factor
        self._need_algorithm(step)
        return who.cryptogram(key, region, factor, process, original, step=step)

    def _cryptograms(self, step: str) -> Cryptograms:
        if self.holder is not None:
            return HolderCryptograms(self.holder)
        if self._psam is None:
            raise PsamMissing(message("cards.no_psam"), step=step, term="无PSAM卡")
        return self._psam

    @property
    def _can_prove(self) -> bool:
        return self.holder is not None or self._psam is not None

    def _need_algorithm(self, step: str) -> None:
        """Refuse what nobody outside its vendor can compute."""
        if self.algorithm_id is not None and self.algorithm_id not in _COMPUTED:
            algorithm = "SSF33" if self.algorithm_id == AlgorithmId.SSF33 else f"{self.algorithm_id:02X}"
            raise AlgorithmNeedsVendor(message("cards.vendor_cipher", algorithm=algorithm), step=step, term="算法标识")

    # --- access conditions

    def _prepare(self, file: FileDecl, access: Access, key_name: str, *, authenticate: bool) -> None:
        """Fulfil what can be fulfilled of a declared condition; the card decides."""
        if access is Access.NEVER:
            raise AccessDenied(message("cards.file.closed"), step=file.path, term=file.zh)
        if not authenticate or not key_name or key_name in self._opened or not self._can_prove:
            return
        key = self.profile.key(key_name)
        either = access is Access.PIN_OR_KEY and not self._pin_verified and key.kid is not None
        if access.wants_key or either:
            key.need_kid()
            self.identification_code()
            self.select(file.directory)
            self._prove(key)

    def _send(self, command: CommandAPDU, step: str, *, advice: str | Message = "") -> bytes:
        return self.link.send(command, step, advice=advice)
