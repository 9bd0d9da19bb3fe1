"""加密机两步字符串: what a reader driver and a province's security module say to each other through a web page.

Step 1 is what the driver asks (``iReadCardBas_HSM_Step1`` and its kin), step 2
what comes back. Items end in "|"; a missing last one is tolerated, as is the
terminal number that many drivers append, and a line end behind the text. Lengths are checked, text is ASCII.

Source: public vendor code and one published interface document; the published
exchange is among the tests' vectors. How the answers are computed is not public.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from sbcard_core.crypto.diversify import city_factor
from sbcard_core.crypto.errors import HolderFailed, MalformedHsmText
from sbcard_core.crypto.holder import HolderBase, KeyHolder, count_of, rows_of
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.messages import message

_STEP = "crypto.hsm_strings"
_AROUND = " \t\r\n"
_TERMINAL_NO = re.compile(r"[0-9A-Za-z]{0,64}")

ALGORITHMS = {"01": "3DES", "02": "SSF33", "03": "SM4"}
"""算法标识 as tag 9F0C has it."""


class KeyAddress(str):
    """密钥地址: where a key lies in a province's security module, 4 upper-case hex digits; valid by construction.

    Example:
        >>> KeyAddress.parse("004c")
        KeyAddress('004C')
    """

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read an address.

        Raises:
            MalformedHsmText: not 4 hex digits.
        """
        return cls(_hex(text, 2, "a key address").hex().upper())

    def __repr__(self) -> str:
        return f"KeyAddress({str(self)!r})"


def _items(text: str, *counts: int) -> list[str]:
    items = text.strip(_AROUND).split("|")
    if items and items[-1] == "":
        items.pop()
    if len(items) not in counts:
        what = message("cards.hsm.items", count=len(items), wanted="/".join(map(str, counts)))
        raise MalformedHsmText(what, step=_STEP, term="加密机字符串")
    return items


def _hex(text: str, size: int, what: str, *, optional: bool = False) -> bytes:
    if optional and not text:
        return b""
    try:
        made = bytes.fromhex(text) if text.isascii() and text.isalnum() else b""
    except ValueError:
        made = b""
    if len(made) != size:
        raise MalformedHsmText(message("cards.hsm.hex", item=what, size=2 * size), step=_STEP, term="加密机字符串")
    return made


def _text(*items: bytes | str) -> str:
    return "".join((item if isinstance(item, str) else item.hex().upper()) + "|" for item in items)


@dataclass(frozen=True, slots=True)
class BasicStep1:
    """``区划|复位信息|算法标识|卡识别码|内部认证过程因子|原始信息|外部认证过程因子|原始信息|``.

    Cards below 3.0 leave the external pair empty.

    Raises:
        MalformedHsmText: the terminal number is not of letters and digits.

    Example:
        >>> text = ("542600|0096DF21018649542600028141|03|542600D1560000050002814109FCC0B2|ACD2B737EB592356|"
        ...     "CEEC03C01AFD4974|A93C621824F093B2|8E18CF183BED0E13|")
        >>> step = BasicStep1.parse(text)
        >>> step.factor.hex(), step.format() == text
        ('8649542600028141', True)
    """

    region: str
    reset_info: bytes
    algorithm: str
    identification: bytes
    internal_process: bytes
    internal_original: bytes
    external_process: bytes = b""
    external_original: bytes = b""
    terminal_no: str = ""

    def __post_init__(self) -> None:
        if not _TERMINAL_NO.fullmatch(self.terminal_no):
            raise MalformedHsmText(message("cards.hsm.terminal"), step=_STEP, term="终端机编号")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of ``iReadCardBas_HSM_Step1``.

        Raises:
            MalformedHsmText: another number of items, or an item of another form.
        """
        items = _items(text, 8, 9)
        city_factor(items[0])
        external = _hex(items[6], 8, "external process factor", optional=True)
        original = _hex(items[7], 8, "external original data", optional=True)
        if bool(external) != bool(original):
            raise MalformedHsmText(message("cards.hsm.half"), step=_STEP, term="加密机字符串")
        if items[2] not in ALGORITHMS:
            raise MalformedHsmText(message("cards.hsm.algorithm"), step=_STEP, term="算法标识")
        return cls(
            items[0],
            _hex(items[1], 13, "reset information"),
            items[2],
            _hex(items[3], 16, "identification code"),
            _hex(items[4], 8, "internal process factor"),
            _hex(items[5], 8, "internal original data"),
            external,
            original,
            *items[8:],
        )

    def format(self) -> str:
        """The text, each item ended by "|"."""
        extra = (self.terminal_no,) if self.terminal_no else ()
        return _text(
            self.region, self.reset_info, self.algorithm, self.identification, self.internal_process,
            self.internal_original, self.external_process, self.external_original, *extra,
        )  # fmt: skip

    @property
    def factor(self) -> bytes:
        """The card's diversification factor: the last 8 bytes of the reset information."""
        return self.reset_info[-8:]

    @property
    def path(self) -> bytes:
        """City and card factor, the highest level first."""
        return city_factor(self.region) + self.factor


def _answer(text: str) -> tuple[bytes, bytes]:
    both = _hex(text, 16, "an answer")
    return both[:8], both[8:]


@dataclass(frozen=True, slots=True)
class BasicStep2:
    """``内部(32)|外部(32)|``: each the 8-byte cryptogram and the original data again; external may be missing.

    Example:
        >>> text = "7BD79AFBF9AAABD7CEEC03C01AFD4974|0FA0893931E4BEB68E18CF183BED0E13|"
        >>> answer = BasicStep2.parse(text)
        >>> answer.external_authenticate_data().hex().upper(), answer.format() == text
        ('0FA0893931E4BEB68E18CF183BED0E13', True)
    """

    internal: bytes = field(repr=False)
    internal_original: bytes
    external: bytes = field(default=b"", repr=False)
    external_original: bytes = b""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the answer; one front end sends a single value for 3DES cards.

        Raises:
            MalformedHsmText: another form.
        """
        items = _items(text, 1, 2)
        if len(items) == 2 and items[1]:
            return cls(*_answer(items[0]), *_answer(items[1]))
        return cls(*_answer(items[0]))

    def format(self) -> str:
        """The text."""
        return _text(self.internal + self.internal_original, self.external + self.external_original)

    def check(self, asked: BasicStep1) -> None:
        """See that the answer belongs to the question.

        Raises:
            HolderFailed: it echoes other original data, or the external answer that was asked for is missing.
        """
        same = self.internal_original == asked.internal_original
        if not same or self.external_original != asked.external_original:
            raise HolderFailed(message("cards.hsm.other"), step=_STEP, term="加密机应答")

    def external_authenticate_data(self) -> bytes:
        """The 16 bytes of EXTERNAL AUTHENTICATE (``00 82 00 0A 10``)."""
        return self.external + self.external_original


@dataclass(frozen=True, slots=True)
class KeyStep1:
    """``算法|密钥地址|过程因子|原始信息|``: one read, write, PIN reload or PIN unblock.

    Example:
        >>> KeyStep1.parse("03|0094|0011223344556677|8899AABBCCDDEEFF|").address
        KeyAddress('0094')
    """

    algorithm: str
    address: KeyAddress
    process: bytes
    original: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of ``iReadCard_HSM_Step1``, ``iWriteCard_…``, ``iReloadPIN_…`` or ``iUnblockPIN_…``.

        Raises:
            MalformedHsmText: another form.
        """
        items = _items(text, 4)
        if items[0] not in ALGORITHMS:
            raise MalformedHsmText(message("cards.hsm.algorithm"), step=_STEP, term="算法标识")
        address = KeyAddress.parse(items[1])
        return cls(items[0], address, _hex(items[2], 8, "process factor"), _hex(items[3], 8, "original data"))

    def format(self) -> str:
        """The text."""
        return _text(self.algorithm, self.address, self.process, self.original)


@dataclass(frozen=True, slots=True)
class KeyStep2:
    """32 hex digits: the cryptogram and the original data again.

    Example:
        >>> KeyStep2.parse("0FA0893931E4BEB68E18CF183BED0E13").original.hex()
        '8e18cf183bed0e13'
    """

    cryptogram: bytes = field(repr=False)
    original: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the answer, with or without "|".

        Raises:
            MalformedHsmText: another form.
        """
        return cls(*_answer(_items(text, 1)[0]))

    def format(self) -> str:
        """The text: no "|" in this one."""
        return (self.cryptogram + self.original).hex().upper()


@dataclass(frozen=True, slots=True)
class PinStep2:
    """``算法|0173|过程因子|8424000114|新PIN|``: what to protect; an unblock has header 8424 and no PIN. One source.

    Example:
        >>> PinStep2.parse("03|0173|0011223344556677|8424000114|123456|")
        PinStep2(algorithm='03', address=KeyAddress('0173'), process=b'\\x00\\x11"3DUfw', header='8424000114')
    """

    algorithm: str
    address: KeyAddress
    process: bytes
    header: str
    new_pin: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of ``iReloadPIN_HSM_Step2`` or ``iUnblockPIN_HSM_Step2``.

        Raises:
            MalformedHsmText: another form.
        """
        items = _items(text, 4, 5)
        pin = items[4] if len(items) == 5 else ""
        if pin and not (pin.isascii() and pin.isdigit() and 4 <= len(pin) <= 16):
            raise MalformedHsmText(message("cards.pin.length"), step=_STEP, term="个人密码")
        if not items[3].startswith("8424"):
            raise MalformedHsmText(message("cards.hsm.header"), step=_STEP, term="加密机字符串")
        address = KeyAddress.parse(items[1])
        return cls(items[0], address, _hex(items[2], 8, "process factor"), items[3], pin)

    def format(self) -> str:
        """The text."""
        return _text(self.algorithm, self.address, self.process, self.header, self.new_pin)


def answer(asked: BasicStep1, holder: KeyHolder) -> BasicStep2:
    """Answer step 1 as a province's service does, with a key holder: internal by IRK, external by RK_SSSE.

    Which keys a service uses for the two is inferred from the cards' access rules; the arithmetic is the holder's.

    Raises:
        AssumptionNotSet: the holder's process key rule is not set.
    """
    internal = holder.cryptogram_many(KeyUsage.IRK, asked.path, asked.internal_process, asked.internal_original)
    if not asked.external_process:
        return BasicStep2(internal, asked.internal_original)
    external = holder.cryptogram_many(KeyUsage.RK_SSSE, asked.path, asked.external_process, asked.external_original)
    return BasicStep2(internal, asked.internal_original, external, asked.external_original)


class RemoteHsmKeyHolder(HolderBase):
    """A security module behind two-step strings.

    The strings name a card by region, reset information and identification code; a factor alone does not, so the
    bulk call of cryptograms needs ``describe``.

    Args:
        ask: sends step 1 and returns step 2; the transport is the caller's.
        describe: reset information (13 bytes) and identification code (16) of the card with a path; None if unknown.
        algorithm: 算法标识 of those cards.
    """

    name = "remote security module"

    def __init__(
        self,
        ask: Callable[[str], str],
        *,
        describe: Callable[[bytes], tuple[bytes, bytes]] | None = None,
        algorithm: str = "01",
    ) -> None:
        self._ask, self._describe, self._algorithm = ask, describe, algorithm

    def authenticate_many(self, asked: Sequence[BasicStep1]) -> list[BasicStep2]:
        """Ask for each card in turn and check that each answer belongs to its question.

        Raises:
            MalformedHsmText: an answer of another form.
            HolderFailed: an answer for another question.
        """
        out = []
        for one in asked:
            got = BasicStep2.parse(self._ask(one.format()))
            got.check(one)
            out.append(got)
        return out

    def key_many(self, asked: Sequence[KeyStep1]) -> list[KeyStep2]:
        """The same for single keys by address (read, write, PIN reload and unblock).

        Raises:
            MalformedHsmText: an answer of another form.
            HolderFailed: an answer for another question.
        """
        out = [KeyStep2.parse(self._ask(one.format())) for one in asked]
        if any(got.original != one.original for got, one in zip(out, asked, strict=True)):
            raise HolderFailed(message("cards.hsm.other"), step=_STEP, term="加密机应答")
        return out

    def cryptogram_many(
        self, usage: KeyUsage, factors: bytes, process: bytes, originals: bytes, *, levels: int = 2
    ) -> bytes:
        """See ``KeyHolder``; IRK and RK_SSSE of cards that ``describe`` knows, city and card level.

        Raises:
            HolderUnable: another usage or depth, or no ``describe``.
        """
        if usage not in {KeyUsage.IRK, KeyUsage.RK_SSSE} or levels != 2 or self._describe is None:
            raise self._unable(f"compute {usage.value} cryptograms from factors alone")
        count, asked = count_of(originals, process), []
        for i, (city, card) in enumerate(rows_of(factors, levels, count)):
            reset_info, identification = self._describe(city + card)
            pair = process[8 * i : 8 * i + 8], originals[8 * i : 8 * i + 8]
            both = pair + pair if usage is KeyUsage.RK_SSSE else pair
            asked.append(BasicStep1(city[:6].decode("ascii"), reset_info, self._algorithm, identification, *both))
        answers = self.authenticate_many(asked)
        return b"".join(got.external if usage is KeyUsage.RK_SSSE else got.internal for got in answers)
