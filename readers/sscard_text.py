"""Texts of the terminal driver interface: split, decoded, and the shape of every item checked.

The byte 7C of "|" is also the second byte of some GBK characters (珅 is AB 7C), and a name cut in half makes the "|"
behind it look like one. The text is therefore read as characters first; only where its items do not have their shapes
is such a 7C taken for an end, and only if exactly one reading fits. Tolerated because the field does it: padding
around items (blanks, FF, line ends), a missing last "|", further items, a name that ends in half a character.
"""

import codecs
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from readers.errors import AnswerMalformed
from sbcard_core.errors import InvalidValue
from sbcard_core.fields.encodings import GB18030, contradicts
from sbcard_core.messages import message

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
_PADDING = b" \x00\xff\r\n\t"
_BAR = 0x7C
_MOST_CUTS = 2
"""Names that may be cut within one answer."""

_HEX8 = r"(?:[0-9A-Fa-f]{16})?"
SHAPES = {
    "region": r"(?:[0-9]{6})?",
    "id_number": r"[0-9A-Za-z()]{0,20}",
    "card_no": r"(?:[0-9A-Za-z]{9,20})?",
    "identification_code": r"[0-9A-Fa-f]{32}",
    "name": r"(?:[^\x00-\x1f\x7f](?<![0-9]{6})){0,25}",
    "reset_info": r"(?:[0-9A-Fa-f]{2}){0,32}",
    "version": r"(?:[0-9]{1,2}\.[0-9]{1,2})?",
    "issued_on": r"(?:[0-9F]{8})?",
    "expires_on": r"(?:[0-9F]{8})?",
    "terminal_no": r"[0-9A-Za-z]{0,64}",
    "algorithm": r"[0-9]{1,2}",
    "internal_process": _HEX8,
    "internal_original": _HEX8,
    "external_process": _HEX8,
    "external_original": _HEX8,
}
"""What an item may look like; what is not here may be any text. A driver without PSAM leaves a person's items empty."""
_SHAPES = {name: re.compile(shape) for name, shape in SHAPES.items()}


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


def text_encoding(name: str | None) -> str | None:
    """The encoding a driver is opened with: None is GB18030, refusing what can only be UTF-8.

    Raises:
        InvalidValue: Python knows no such encoding, or not one in which "|" is the byte 7C.
    """
    if name is None:
        return None
    try:
        if "|".encode(name) == b"|":
            return codecs.lookup(name).name
    except (LookupError, UnicodeError):
        pass
    raise InvalidValue(message("readers.encoding", found=name), step="sscard.open")


def decode(raw: bytes, step: str, encoding: str | None = None) -> str:
    """The text in a driver's buffer, up to its NUL.

    Raises:
        AnswerMalformed: no NUL in the whole buffer, or not text of this encoding. The message repeats nothing of it.

    Example:
        >>> decode(bytes.fromhex("C0EEAB7C7C3100FF"), "iReadCardBas")
        '李珅|1'
    """
    body = _body(raw, step)
    try:
        text = body.decode(encoding or "gb18030")
    except UnicodeDecodeError:
        raise _not_text(encoding, step) from None
    if encoding is None and _is_utf8(body):
        raise AnswerMalformed(message("readers.answer.utf8"), step=step)
    return text


def parse_items(
    raw: bytes, layout: Sequence[str], *, least: int, step: str, encoding: str | None = None
) -> tuple[dict[str, str], list[str]]:
    """Items by name, each of the shape of its name, and those behind the layout.

    Args:
        raw: the driver's buffer.
        layout: names of the items in the order of this driver.
        least: fewer are no answer.
        encoding: of the text; None as in :func:`text_encoding`.

    Raises:
        AnswerMalformed: no end, no text, fewer items, or items that do not have their shapes. Names the item.
    """
    body = _body(raw, step)
    if encoding is None and _is_utf8(body):
        raise AnswerMalformed(message("readers.answer.utf8"), step=step)
    refused: list[AnswerMalformed] = []
    fitting: list[list[str]] = []
    cuts_of_fitting = 0
    for cuts, pieces in _readings(body, encoding):
        if fitting and cuts > cuts_of_fitting:
            break
        try:
            names = [*layout, *[""] * len(pieces)]
            named = zip(names, pieces, strict=False)
            items = [_text(piece, encoding, step, cut=name == "name") for name, piece in named]
            _check(items, layout, least, step)
            fitting.append(items)
            cuts_of_fitting = cuts
        except AnswerMalformed as error:
            refused.append(error)
    if not fitting:
        raise refused[0]  # of the plain reading
    if len(fitting) > 1:
        raise AnswerMalformed(message("readers.answer.two_readings"), step=step)
    return dict(zip(layout, fitting[0], strict=False)), fitting[0][len(layout) :]


def _body(raw: bytes, step: str) -> bytes:
    end = raw.find(b"\x00")
    if end < 0:
        raise AnswerMalformed(message("readers.answer.no_end", size=len(raw)), step=step)
    return raw[:end].removeprefix(codecs.BOM_UTF8)


def _not_text(encoding: str | None, step: str) -> AnswerMalformed:
    return AnswerMalformed(message("readers.answer.not_text", encoding=(encoding or "gb18030").upper()), step=step)


def _is_utf8(body: bytes) -> bool:
    """Whether the text beyond ASCII is UTF-8 through and through: ideographs and dots only, or Chinese text as written.

    A name in GBK has that form only if all its characters are among the rarest.
    """
    if contradicts(body, GB18030):
        return True
    try:
        beyond = [character for character in body.decode("utf-8") if character > "\x7f"]
    except UnicodeDecodeError:
        return False
    return bool(beyond) and all(
        "\u3400" <= one <= "\u9fff" or one >= "\U00020000" or one in "·•\ufeff" for one in beyond
    )


def _readings(body: bytes, encoding: str | None) -> Iterator[tuple[int, list[bytes]]]:
    """Ways to split, with how many characters each takes for cut in half; the plain way first."""
    ends, halves = [], []
    at = 0
    wide = encoding in (None, "gb18030", "gbk", "gb2312", "big5", "cp950", "cp936")
    while at < len(body):
        if body[at] == _BAR:
            ends.append(at)
        elif wide and 0x81 <= body[at] <= 0xFE and at + 1 < len(body):
            at += 1
            if body[at] == _BAR:
                halves.append(at)
            elif not 0x30 <= body[at] <= 0x39 and (body[at] < 0x40 or body[at] == 0xFF):
                at -= 1  # no second byte: half a character, or padding behind it
        at += 1
    for cuts in range(min(_MOST_CUTS, len(halves)) + 1):
        for chosen in combinations(halves, cuts):
            places = [-1, *sorted([*ends, *chosen]), len(body)]
            yield cuts, [body[low + 1 : high] for low, high in pairwise(places)]


def _text(piece: bytes, encoding: str | None, step: str, *, cut: bool = False) -> str:
    """One item without its padding; the half character at the end of a cut one is dropped."""
    piece = piece.strip(_PADDING)
    decoder = codecs.getincrementaldecoder(encoding or "gb18030")()
    try:
        return decoder.decode(piece, final=not cut).strip(" \ufeff\uffff")
    except UnicodeDecodeError:
        raise _not_text(encoding, step) from None


def _check(items: list[str], layout: Sequence[str], least: int, step: str) -> None:
    if items[-1] == "":
        items.pop()
    if len(items) < least:
        raise AnswerMalformed(message("readers.answer.few_items", count=len(items), least=least), step=step)
    for place, (name, item) in enumerate(zip(layout, items, strict=False), 1):
        shape = _SHAPES.get(name)
        if shape is not None and not shape.fullmatch(item):
            raise AnswerMalformed(message("readers.answer.shape", item=name, place=place), step=step)


def parse_basic(
    raw: bytes, *, layout: Sequence[str] = BASIC_ITEMS, step: str = "iReadCardBas", encoding: str | None = None
) -> DriverBasic:
    """Take the answer of ``iReadCardBas`` apart.

    Args:
        raw: the driver's buffer.
        layout: names of the items in the order of this driver; unknown names go to ``extra`` too.
        encoding: of the text; None as in :func:`text_encoding`.

    Raises:
        AnswerMalformed: see :func:`parse_items`; fewer items than the nine every driver gives.

    Example:
        >>> line = "639900|111111198101011110|X00000019|639900D15600000500BF7C7A48FB4966|张三|" \\
        ...        "00814E43238697159900BF7C7A|1.00|20101001|20201001|410100813475|终端设备号|"
        >>> basic = parse_basic(line.encode("gb18030") + bytes(9))
        >>> basic.name, basic.atr.hex().upper(), basic.device_no, "张三" in repr(basic)
        ('张三', '3B6D000000814E43238697159900BF7C7A', '终端设备号', False)
    """
    least = len(layout) - (len(BASIC_ITEMS) - LEAST_ITEMS)
    named, behind = parse_items(raw, layout, least=least, step=step, encoding=encoding)
    known = {name: named.get(name, "") for name in BASIC_ITEMS}
    unknown = [value for name, value in named.items() if name not in BASIC_ITEMS]
    return DriverBasic(**known, extra=(*unknown, *behind), raw=raw[: raw.find(b"\x00")])


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
    raw: bytes, files: Mapping[str, Sequence[int]], *, step: str = "iReadCard", encoding: str | None = None
) -> dict[str, dict[int, str]]:
    """Take the answer of ``iReadCard`` apart: it mirrors the address with values in place of tags (two sources).

    Returns:
        Path → tag → value.

    Raises:
        AnswerMalformed: other files than asked for, another number of values, or no text.

    Example:
        >>> parse_files(b"SSSEEF05|20201001|X00000019|$\\0", {"SSSE/EF05": [6, 7]})
        {'SSSE/EF05': {6: '20201001', 7: 'X00000019'}}
    """
    body = _body(raw, step)
    if encoding is None and _is_utf8(body):
        raise AnswerMalformed(message("readers.answer.utf8"), step=step)
    parts = [part.strip(b"\r\n") for part in body.split(b"$") if part.strip(_PADDING)]
    if len(parts) != len(files):
        raise AnswerMalformed(message("readers.answer.mirror"), step=step)
    return {
        path: _values(part, path, tags, step, encoding) for part, (path, tags) in zip(parts, files.items(), strict=True)
    }


def _values(part: bytes, path: str, tags: Sequence[int], step: str, encoding: str | None) -> dict[int, str]:
    """The values of one file. Each ends with "|"; where the last has none, it may have been lost to a cut character."""
    unended: dict[int, str] | None = None
    for cuts, pieces in _readings(part, encoding):
        head, *values = [_text(piece, encoding, step, cut=True) for piece in pieces]
        ended = bool(values) and not values[-1]
        values = values[:-1] if ended else values
        if head != path.replace("/", "") or len(values) != len(tags):
            continue
        found = dict(zip(tags, values, strict=True))
        if ended and unended is not None:
            raise AnswerMalformed(message("readers.answer.two_readings"), step=step)
        if ended:
            return found
        if not cuts:
            unended = found
    if unended is None:
        raise AnswerMalformed(message("readers.answer.mirror"), step=step)
    return unended


def encode(text: str, step: str, encoding: str | None = None) -> bytes:
    """Text for the driver.

    Raises:
        AnswerMalformed: it holds a NUL, half a character, or one the encoding has not.
    """
    try:
        raw = text.encode(encoding or "gb18030")
    except UnicodeEncodeError:
        raise AnswerMalformed("the text cannot be written in this encoding", step=step, term="非法字符") from None
    if b"\x00" in raw:
        raise AnswerMalformed("the text holds a NUL", step=step, term="非法字符")
    return raw
