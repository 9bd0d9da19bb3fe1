"""The items of ``iReadCardBas`` and its like: named, and the shape of every item checked.

Only where the items of the plain reading do not have their shapes is a 7C inside a character taken for an end, and only
if exactly one reading fits. An item of another shape costs itself, unless it and its neighbours show that items have
moved. Tolerated because the field does it: a missing last "|", further items, a name that ends in half a character.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from readers.errors import AnswerMalformed
from readers.sscard_text import checked, item_text, readings
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
    body = checked(raw, step, encoding)
    refused: list[AnswerMalformed] = []
    fitting: list[tuple[tuple[int, int], Items]] = []  # by how many items are odd, and how many characters cut
    for cuts, pieces in readings(body, encoding):
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
            items.append(item_text(piece, encoding, step, cut=name == "name"))
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
