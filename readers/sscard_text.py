"""Texts of the terminal driver interface: decoded first, then split.

The whole answer is GBK-family text. The byte 7C of "|" is also the second byte of some characters (珅 is AB 7C), so
bytes are never split. Tolerated because the field does it: padding around items, a missing last "|", further items.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from readers.errors import AnswerMalformed

BASIC_ITEMS = (
    "region",
    "id_number",
    "card_no",
    "identification_code",
    "name",
    "reset_info",
    "version",
    "issued_on",
    "expires_on",
    "terminal_no",
    "device_no",
)
"""Items of ``iReadCardBas`` in their order (three sources agree)."""
STATUS_FIRST = ("status", *BASIC_ITEMS)
"""A regional variant with a status item before them."""
LEAST_ITEMS = 9
"""Without terminal and device number; fewer are no answer."""
HSM_ITEMS = (
    "region",
    "reset_info",
    "algorithm",
    "identification_code",
    "internal_process",
    "internal_original",
    "external_process",
    "external_original",
)
"""Items of ``iReadCardBas_HSM_Step1``; many drivers append the terminal number."""
_PADDING = " \x00\ufeff\uffff"


@dataclass(frozen=True, slots=True)
class DriverBasic:
    """What ``iReadCardBas`` returned, by name. ``repr`` shows neither person nor serial.

    Attributes:
        reset_info: the historical bytes of the ATR, 26 hex digits.
        extra: items no name is known for, as they came.
        raw: the whole answer.
    """

    region: str
    card_no: str
    identification_code: str
    version: str
    issued_on: str
    expires_on: str
    id_number: str = field(repr=False)
    name: str = field(repr=False)
    reset_info: str = field(repr=False)
    terminal_no: str = ""
    device_no: str = ""
    extra: tuple[str, ...] = field(default=(), repr=False)
    raw: bytes = field(default=b"", repr=False)

    @property
    def atr(self) -> bytes:
        """The contact card's answer to reset; empty where the historical bytes are not 13 bytes of hex.

        A card of the specification begins with 3B6D0000 (three sources).
        """
        try:
            historical = bytes.fromhex(self.reset_info)
        except ValueError:
            return b""
        return b"\x3b\x6d\x00\x00" + historical if len(historical) == 13 else b""


def decode(raw: bytes, step: str) -> str:
    """The text in a driver's buffer, up to its NUL.

    Raises:
        AnswerMalformed: no NUL in the whole buffer, or not GB18030. The message repeats nothing of it.

    Example:
        >>> decode(bytes.fromhex("C0EEAB7C7C3100FF"), "iReadCardBas")
        '李珅|1'
    """
    end = raw.find(b"\x00")
    if end < 0:
        what = f"the driver filled its {len(raw)} bytes without an end"
        raise AnswerMalformed(what, step=step, term="驱动返回格式错误", advice="tell its vendor")
    try:
        return raw[:end].decode("gb18030")
    except UnicodeDecodeError:
        raise AnswerMalformed("the driver's answer is not GB18030", step=step, term="驱动返回格式错误") from None


def split(text: str) -> list[str]:
    """Items, padding removed; an empty last one is only the end of the item before.

    Example:
        >>> split("a| b |") == split("a|b") == ["a", "b"]
        True
    """
    items = [item.strip(_PADDING) for item in text.split("|")]
    return items[:-1] if items[-1] == "" else items


def parse_basic(raw: bytes, *, layout: Sequence[str] = BASIC_ITEMS, step: str = "iReadCardBas") -> DriverBasic:
    """Take the answer of ``iReadCardBas`` apart.

    Args:
        raw: the driver's buffer.
        layout: names of the items in the order of this driver; unknown names go to ``extra`` too.

    Raises:
        AnswerMalformed: no text, or fewer items than the nine every driver gives.

    Example:
        >>> line = "639900|111111198101011110|X00000019|639900D15600000500BF7C7A48FB4966|张三|" \\
        ...        "00814E43238697159900BF7C7A|1.00|20101001|20201001|410100813475|终端设备号|"
        >>> basic = parse_basic(line.encode("gb18030") + bytes(9))
        >>> basic.name, basic.atr.hex().upper(), basic.device_no, "张三" in repr(basic)
        ('张三', '3B6D000000814E43238697159900BF7C7A', '终端设备号', False)
    """
    items = split(decode(raw, step))
    short = len(layout) - (len(BASIC_ITEMS) - LEAST_ITEMS)
    if len(items) < short:
        what = f"the driver gave {len(items)} items where at least {short} belong"
        raise AnswerMalformed(what, step=step, term="驱动返回格式错误")
    named = dict(zip(layout, items, strict=False))
    known = {name: named.get(name, "") for name in BASIC_ITEMS}
    unknown = [value for name, value in named.items() if name not in BASIC_ITEMS]
    return DriverBasic(**known, extra=(*unknown, *items[len(layout) :]), raw=raw[: raw.find(b"\x00")])


def file_address(files: Mapping[str, Sequence[int]]) -> str:
    """Write ``pFileAddr``.

    Args:
        files: path → record identifiers, e.g. ``{"SSSE/EF05": [6, 7]}``.

    Example:
        >>> file_address({"SSSE/EF05": [6, 7], "SSSE/EF06": [8, 0x4E]})
        'SSSEEF05|06|07|$SSSEEF06|08|4E|$'
    """
    return "".join(
        path.replace("/", "") + "|" + "".join(f"{tag:02X}|" for tag in tags) + "$" for path, tags in files.items()
    )


def parse_files(
    raw: bytes, files: Mapping[str, Sequence[int]], *, step: str = "iReadCard"
) -> dict[str, dict[int, str]]:
    """Take the answer of ``iReadCard`` apart: it mirrors the address with values in place of tags (two sources).

    Returns:
        Path → tag → value.

    Raises:
        AnswerMalformed: other files than asked for, or another number of values.

    Example:
        >>> parse_files(b"SSSEEF05|20201001|X00000019|$\\0", {"SSSE/EF05": [6, 7]})
        {'SSSE/EF05': {6: '20201001', 7: 'X00000019'}}
    """
    parts = [part for part in decode(raw, step).split("$") if part.strip(_PADDING)]
    out: dict[str, dict[int, str]] = {}
    if len(parts) == len(files):
        for part, (path, tags) in zip(parts, files.items(), strict=True):
            # Not split(): an empty last value is a value here.
            head, *values = [item.strip(_PADDING) for item in part.removesuffix("|").split("|")]
            if head == path.replace("/", "") and len(values) == len(tags):
                out[path] = dict(zip(tags, values, strict=True))
    if len(out) != len(files):
        raise AnswerMalformed("the driver's answer does not mirror the address", step=step, term="驱动返回格式错误")
    return out


def encode(text: str, step: str) -> bytes:
    """Text for the driver.

    Raises:
        AnswerMalformed: it holds a NUL or half a character.
    """
    try:
        raw = text.encode("gb18030")
    except UnicodeEncodeError:
        raise AnswerMalformed("the text cannot be written in GB18030", step=step, term="非法字符") from None
    if b"\x00" in raw:
        raise AnswerMalformed("the text holds a NUL", step=step, term="非法字符")
    return raw
