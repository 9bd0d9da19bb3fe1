"""Texts of the terminal driver interface: split, decoded, and the shape of every item checked.

The byte 7C of "|" is also the second byte of some GBK characters (珅 is AB 7C), and a name cut in half makes the "|"
behind it look like one. The text is therefore read as characters first; only where its items do not have their shapes
is such a 7C taken for an end, and only if exactly one reading fits. An item of another shape costs itself, unless it
and its neighbours show that items have moved. Tolerated because the field does it: padding around items (blanks, FF,
line ends), a missing last "|", further items, a name that ends in half a character.
"""

import codecs
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from readers.errors import AnswerMalformed
from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.fields.encodings import GB18030, contradicts, is_ordinary
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
_MAY_BE_ODD = frozenset(BASIC_ITEMS) - {"identification_code"}
"""Items whose loss is only theirs; what names the card must be whole."""
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
        unread: items of another shape than theirs, which are empty, with the error of each.
        card_info: the two items that name the card to the driver, as it wrote them.
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
    unread: Mapping[str, AnswerMalformed] = field(default_factory=dict, compare=False)
    card_info: str = field(default="", repr=False)

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


@dataclass(frozen=True, slots=True)
class Items:
    """The items of one answer.

    Attributes:
        named: items by the names of the layout.
        behind: those behind the layout.
        odd: names of items of another shape, with the error of each.
    """

    named: dict[str, str] = field(repr=False)
    behind: list[str] = field(repr=False)
    odd: dict[str, AnswerMalformed] = field(default_factory=dict)


def parse_items(
    raw: bytes,
    layout: Sequence[str],
    *,
    least: int,
    step: str,
    encoding: str | None = None,
    may_be_odd: Collection[str] = (),
) -> Items:
    """Items by name, each of the shape of its name, and those behind the layout.

    Args:
        raw: the driver's buffer.
        layout: names of the items in the order of this driver.
        least: fewer are no answer.
        encoding: of the text; None as in :func:`text_encoding`.
        may_be_odd: names of items that cost only themselves where their shape is another.

    Raises:
        AnswerMalformed: no end, no text, fewer items, items that have moved, or one of another shape that is not in
            ``may_be_odd``. Names the item.
    """
    body = _checked(raw, step, encoding)
    refused: list[AnswerMalformed] = []
    fitting: list[tuple[tuple[int, int], Items]] = []  # by how many items are odd, and how many characters cut
    for cuts, pieces in _readings(body, encoding):
        if any(not odd and cuts > fewer for (odd, fewer), _ in fitting):
            break
        try:
            items = _items(pieces, layout, least, step, encoding, may_be_odd)
        except AnswerMalformed as error:
            refused.append(error)
            continue
        fitting.append(((len(items.odd), cuts), items))
    if not fitting:
        raise refused[0]  # of the plain reading
    fewest = min(rank for rank, _ in fitting)
    best = [items for rank, items in fitting if rank == fewest]
    if len(best) > 1:
        raise AnswerMalformed(message("readers.answer.two_readings"), step=step)
    return best[0]


def _items(
    pieces: list[bytes],
    layout: Sequence[str],
    least: int,
    step: str,
    encoding: str | None,
    may_be_odd: Collection[str],
) -> Items:
    """The items of one reading.

    Raises:
        AnswerMalformed: this reading is none.
    """
    items: list[str] = []
    odd: dict[int, AnswerMalformed] = {}
    for place, piece in enumerate(pieces):
        name = layout[place] if place < len(layout) else ""
        try:
            items.append(_text(piece, encoding, step, cut=name == "name"))
        except AnswerMalformed as error:
            items.append("")
            odd[place] = error
    if items[-1] == "":
        items.pop()
    if len(items) < least:
        if odd:
            raise odd[min(odd)]
        raise AnswerMalformed(message("readers.answer.few_items", count=len(items), least=least), step=step)
    for place, (name, item) in enumerate(zip(layout, items, strict=False)):
        if place not in odd and not _fits(name, item):
            odd[place] = AnswerMalformed(message("readers.item.shape", item=name, place=place + 1), step=step)
    _refuse_moved(items, odd, layout, may_be_odd, step)
    named = dict(zip(layout, items, strict=False))
    return Items(named, items[len(layout) :], {layout[place]: error for place, error in odd.items()})


def _refuse_moved(
    items: list[str], odd: Mapping[int, AnswerMalformed], layout: Sequence[str], may_be_odd: Collection[str], step: str
) -> None:
    """Raise where an odd item may not be one, or shows that items stand in other places than theirs."""
    for place in sorted(odd):
        if place >= len(layout) or layout[place] not in may_be_odd:
            raise odd[place]
        if place + 1 in odd or _have_moved(items, place, layout):
            raise AnswerMalformed(message("readers.answer.shape", item=layout[place], place=place + 1), step=step)


def _fits(name: str, item: str) -> bool:
    """Whether an item has the shape of a name; any text has one no shape is known for."""
    shape = _SHAPES.get(name)
    return shape is None or shape.fullmatch(item) is not None


def _have_moved(items: list[str], place: int, layout: Sequence[str]) -> bool:
    """Whether the items from an odd one on belong one place on, as one is missing before, or behind it one back."""
    named = items[: len(layout)]
    if len(items) < len(layout):
        return all(_fits(layout[at + 1], named[at]) for at in range(place, len(named)))
    behind = [at for at in range(place + 1, len(named)) if named[at]]
    return len(items) > len(layout) and len(behind) > 1 and all(_fits(layout[at - 1], named[at]) for at in behind)


def _checked(raw: bytes, step: str, encoding: str | None) -> bytes:
    """The text in a buffer, which is not UTF-8 unless the driver was opened so."""
    body = _body(raw, step)
    if encoding is None and _is_utf8(body):
        raise AnswerMalformed(message("readers.answer.utf8"), step=step)
    return body


def _body(raw: bytes, step: str) -> bytes:
    end = raw.find(b"\x00")
    if end < 0:
        raise AnswerMalformed(message("readers.answer.no_end", size=len(raw)), step=step)
    return raw[:end].removeprefix(codecs.BOM_UTF8)


def _not_text(encoding: str | None, step: str) -> AnswerMalformed:
    return AnswerMalformed(message("readers.answer.not_text", encoding=(encoding or "gb18030").upper()), step=step)


_BESIDE_LATIN = re.compile("[A-Za-z][\u3400-\u9fff]|[\u3400-\u9fff][A-Za-z]")


def _is_utf8(body: bytes) -> bool:
    """Whether the text beyond ASCII is UTF-8 through and through.

    Ideographs and dots only, or Chinese text as written: a name in GBK has that form only if all its characters are
    among the rarest. Letters of another script (José, Ольга): as GBK the same bytes are Han beside Latin letters, or
    characters outside GB 2312.
    """
    if contradicts(body, GB18030):
        return True
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    beyond = [character for character in text if character > "\x7f"]
    if not beyond or not all(one.isalpha() or one in "·•\ufeff" for one in beyond):
        return False
    if all("\u3400" <= one <= "\u9fff" or one >= "\U00020000" or one in "·•\ufeff" for one in beyond):
        return True
    other = body.decode("gb18030", "replace")
    return _BESIDE_LATIN.search(other) is not None or not is_ordinary(other)


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


def parse_basic(
    raw: bytes, *, layout: Sequence[str] = BASIC_ITEMS, step: str = "iReadCardBas", encoding: str | None = None
) -> DriverBasic:
    """Take the answer of ``iReadCardBas`` apart.

    Args:
        raw: the driver's buffer.
        layout: names of the items in the order of this driver; unknown names go to ``extra`` too.
        encoding: of the text; None as in :func:`text_encoding`.

    Raises:
        AnswerMalformed: see :func:`parse_items`; fewer items than the nine every driver gives, or no identification
            code. Any other item of another shape is empty and stands in ``unread``.

    Example:
        >>> line = "639900|111111198101011110|X00000019|639900D15600000500BF7C7A48FB4966|张三|" \\
        ...        "00814E43238697159900BF7C7A|1.00|20101001|20201001|410100813475|终端设备号|"
        >>> basic = parse_basic(line.encode("gb18030") + bytes(9))
        >>> basic.name, basic.atr.hex().upper(), basic.device_no, "张三" in repr(basic)
        ('张三', '3B6D000000814E43238697159900BF7C7A', '终端设备号', False)
    """
    least = len(layout) - (len(BASIC_ITEMS) - LEAST_ITEMS)
    items = parse_items(raw, layout, least=least, step=step, encoding=encoding, may_be_odd=_MAY_BE_ODD)
    known = {name: "" if name in items.odd else items.named.get(name, "") for name in BASIC_ITEMS}
    unknown = [value for name, value in items.named.items() if name not in BASIC_ITEMS]
    return DriverBasic(
        **known,
        extra=(*unknown, *items.behind),
        raw=raw[: raw.find(b"\x00")],
        unread=items.odd,
        card_info="".join(f"{items.named.get(name, '')}|" for name in ("identification_code", "card_no")),
    )


def file_address(files: Mapping[str, Sequence[int]]) -> str:
    """Write ``pFileAddr``.

    Args:
        files: path → record identifiers, e.g. ``{"SSSE/EF05": [6, 7]}``; none for a file that is one value.

    Example:
        >>> file_address({"SSSE/EF05": [6, 7], "SSSE/EF06": [8, 0x4E], "SSSE/EF08": []})
        'SSSEEF05|06|07|$SSSEEF06|08|4E|$SSSEEF08|$'
    """
    return "".join(
        path.replace("/", "") + "|" + "".join(f"{tag:02X}|" for tag in tags) + "$" for path, tags in files.items()
    )


WHOLE_FILE = 0
"""Stands for the tag where a file is one value."""


@dataclass(frozen=True, slots=True)
class DriverFiles:
    """What ``iReadCard`` returned.

    Attributes:
        values: path → tag → value; a file that is one value has it under :data:`WHOLE_FILE`.
        unread: what is not there, by path and tag, with the error of each.
    """

    values: dict[str, dict[int, str]] = field(repr=False)
    unread: dict[tuple[str, int], SBCardError] = field(default_factory=dict)


def parse_files(
    raw: bytes, files: Mapping[str, Sequence[int]], *, step: str = "iReadCard", encoding: str | None = None
) -> DriverFiles:
    """Take the answer of ``iReadCard`` apart: it mirrors the address with values in place of tags (two sources).

    A file begins at its name, not behind any "$": values hold that sign too. A value that is no text costs itself, a
    file with another number of values its own.

    Raises:
        AnswerMalformed: none of the files asked for, or no text at all.

    Example:
        >>> parse_files(b"SSSEEF05|20201001|X00000019|$\\0", {"SSSE/EF05": [6, 7]}).values
        {'SSSE/EF05': {6: '20201001', 7: 'X00000019'}}
    """
    parts = _parts(_checked(raw, step, encoding), files)
    if not parts:
        raise AnswerMalformed(message("readers.answer.mirror"), step=step)
    found = DriverFiles({})
    for path, tags in files.items():
        wanted = list(tags) or [WHOLE_FILE]
        try:
            if path not in parts:
                raise AnswerMalformed(message("readers.answer.mirror"), step=step)
            found.values[path], unread = _values(parts[path], wanted, step, encoding)
            found.unread.update({(path, tag): error for tag, error in unread.items()})
        except AnswerMalformed as error:
            found.unread.update(dict.fromkeys([(path, tag) for tag in wanted], error))
    return found


def _parts(body: bytes, paths: Collection[str]) -> dict[str, bytes]:
    """The values of each file that is there: from behind its name to the "$" before the next one's."""
    names = {path.replace("/", "").encode(): path for path in paths}
    if not names:
        return {}
    heads = list(re.finditer(rb"(?:^|\$)[ \xff\r\n\t]*(" + b"|".join(map(re.escape, names)) + rb")\|", body))
    parts: dict[str, bytes] = {}
    end = len(body)
    for head in reversed(heads):  # the first of a name counts
        parts[names[head[1]]] = body[head.end() : end].rstrip(_PADDING).removesuffix(b"$")
        end = head.start()
    return parts


def _values(
    part: bytes, tags: Sequence[int], step: str, encoding: str | None
) -> tuple[dict[int, str], dict[int, AnswerMalformed]]:
    """The values of one file. Each ends with "|"; where the last has none, it may have been lost to a cut character."""
    unended: list[bytes] | None = None
    chosen: list[bytes] | None = None
    for cuts, pieces in _readings(part, encoding):
        ended = len(pieces) > 1 and not pieces[-1].strip(_PADDING)
        values = pieces[:-1] if ended else pieces
        if len(values) != len(tags):
            continue
        if ended:
            chosen = values
            break
        if not cuts:
            unended = values
    if chosen is not None and unended is not None:
        raise AnswerMalformed(message("readers.answer.two_readings"), step=step)
    pieces = chosen or unended or []
    if not pieces:
        raise AnswerMalformed(message("readers.answer.mirror"), step=step)
    found: dict[int, str] = {}
    unread: dict[int, AnswerMalformed] = {}
    for tag, piece in zip(tags, pieces, strict=True):
        try:
            found[tag] = _text(piece, encoding, step, cut=True)
        except AnswerMalformed as error:
            unread[tag] = error
    return found, unread


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
