"""SIMPLE-TLV (one-byte tag and length) and BER-TLV, with ceilings on depth, size and count."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from apdu.errors import MalformedData
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

MAX_DEPTH = 8
MAX_NODES = 1024
MAX_VALUE = 65535
"""Most bytes of one value unless the caller asks for more; lengths of up to four bytes are read."""


@dataclass(frozen=True, slots=True)
class TLV:
    """One BER-TLV node: ``children`` is filled for constructed tags. ``repr`` shows tag and length only."""

    tag: int
    value: bytes
    children: "tuple[TLV, ...]" = ()

    def __repr__(self) -> str:
        return f"TLV({self.tag:02X}, length={len(self.value)}, children={len(self.children)})"

    def encode(self) -> bytes:
        """Tag, shortest definite length, value."""
        return ber(self.tag, self.value)


def simple(tag: int, value: bytes) -> bytes:
    """Encode one SIMPLE-TLV, ISO/IEC 7816-4:2013 5.2.1; the card's records are of this kind.

    Raises:
        InvalidValue: tag not 1..254, or more than 65535 bytes.

    Example:
        >>> simple(0x03, b"2.00").hex().upper()
        '0304322E3030'
    """
    if not 1 <= tag <= 0xFE or len(value) > MAX_VALUE:
        raise InvalidValue(message("cards.tlv.simple"), step="tlv.simple")
    if len(value) < 0xFF:
        return bytes((tag, len(value))) + value
    return bytes((tag, 0xFF)) + len(value).to_bytes(2, "big") + value


def parse_simple(data: bytes, *, max_nodes: int = MAX_NODES, max_value: int = MAX_VALUE) -> list[tuple[int, bytes]]:
    """Read SIMPLE-TLVs one after the other.

    Raises:
        MalformedData: cut short, a tag of 00 or FF, more objects or a longer value than allowed.

    Example:
        >>> parse_simple(bytes.fromhex("0304322E3030"))
        [(3, b'2.00')]
    """
    out: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        if len(out) >= max_nodes:
            raise MalformedData(message("cards.tlv.many"), step="tlv.parse_simple")
        tag = data[at]
        if tag in (0x00, 0xFF) or at + 2 > len(data):
            raise MalformedData(message("cards.tlv.not_simple"), step="tlv.parse_simple")
        size = data[at + 1]
        at += 2
        if size == 0xFF:
            size = int.from_bytes(data[at : at + 2], "big")
            at += 2
        if at + size > len(data) or size > max_value:
            raise MalformedData(message("cards.tlv.value"), step="tlv.parse_simple")
        out.append((tag, bytes(data[at : at + size])))
        at += size
    return out


def ber(tag: int, value: bytes | Iterable[TLV], *, max_value: int = MAX_VALUE) -> bytes:
    """Encode one BER-TLV with the shortest definite length, ISO/IEC 8825-1.

    Raises:
        InvalidValue: more than ``max_value`` bytes of value, or not a tag.

    Example:
        >>> ber(0x6F, ber(0x9F0C, bytes.fromhex("860103"))).hex().upper()
        '6F069F0C03860103'
    """
    body = value if isinstance(value, (bytes, bytearray)) else b"".join(child.encode() for child in value)
    head = tag.to_bytes((max(tag, 0).bit_length() + 7) // 8, "big") if tag > 0 else b""
    size = len(body)
    if not _is_tag(head) or size > min(max_value, 0xFFFFFFFF):
        raise InvalidValue(message("cards.tlv.ber", most=max_value), step="tlv.ber")
    if size < 0x80:
        return head + bytes((size,)) + bytes(body)
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return head + bytes((0x80 | len(length),)) + length + bytes(body)


PADDING = b"\x00\xff"
"""Bytes between objects that mean nothing, ISO/IEC 7816-4:2013 5.2.2."""


def parse_ber(
    data: bytes,
    *,
    max_depth: int = MAX_DEPTH,
    max_nodes: int = MAX_NODES,
    max_value: int = MAX_VALUE,
    padding: bytes = PADDING,
) -> list[TLV]:
    """Read BER-TLVs, constructed ones recursively; padding between objects is skipped.

    Tags have up to four bytes, lengths up to four after the first.

    Args:
        data: the objects one after the other.
        max_depth: templates inside templates.
        max_nodes: objects altogether.
        max_value: bytes of one value.
        padding: bytes skipped where a tag belongs. FF is also the first byte of private tags (FF49, FF8106): for data
            that hold some, pass ``b"\\x00"``, which is all that EMV allows. Nothing in the bytes tells the two apart.

    Raises:
        MalformedData: cut short, indefinite length, too deep, too many or too large.

    Example:
        >>> tree = parse_ber(bytes.fromhex("6F069F0C03860103"))
        >>> find(tree, 0x9F0C).value.hex()
        '860103'
    """
    return _Parser(max_depth, max_nodes, max_value, padding).parse(bytes(data), 0)


def find(nodes: Iterable[TLV], tag: int) -> TLV | None:
    """First node with ``tag``, depth first; None if there is none."""
    for node in walk(nodes):
        if node.tag == tag:
            return node
    return None


def walk(nodes: Iterable[TLV]) -> Iterator[TLV]:
    """All nodes, each before its children."""
    for node in nodes:
        yield node
        yield from walk(node.children)


class _Parser:
    """The limits of one call."""

    def __init__(self, depth: int, nodes: int, value: int, padding: bytes) -> None:
        self._padding = padding
        self._depth = depth
        self._left = nodes
        self._value = value

    def parse(self, data: bytes, depth: int) -> list[TLV]:
        """Read one level."""
        if depth > self._depth:
            raise MalformedData(message("cards.tlv.deep"), step="tlv.parse_ber")
        out: list[TLV] = []
        at = 0
        while at < len(data):
            if data[at] in self._padding:
                at += 1
                continue
            self._left -= 1
            if self._left < 0:
                raise MalformedData(message("cards.tlv.many"), step="tlv.parse_ber")
            constructed = bool(data[at] & 0x20)
            tag, at = _tag(data, at)
            size, at = _length(data, at)
            if size > self._value:
                raise MalformedData(message("cards.tlv.long"), step="tlv.parse_ber")
            if at + size > len(data):
                raise MalformedData(message("cards.tlv.cut"), step="tlv.parse_ber")
            value = data[at : at + size]
            out.append(TLV(tag, value, tuple(self.parse(value, depth + 1)) if constructed else ()))
            at += size
        return out


def _is_tag(head: bytes) -> bool:
    """True for the bytes of one tag that :func:`parse_ber` finds again."""
    if not 1 <= len(head) <= 4 or head[0] in (0x00, 0xFF):
        return False
    try:
        return _tag(head, 0)[1] == len(head)
    except MalformedData:
        return False


def _tag(data: bytes, at: int) -> tuple[int, int]:
    tag = data[at]
    at += 1
    if tag & 0x1F != 0x1F:
        return tag, at
    for _ in range(3):
        if at >= len(data):
            break
        tag = (tag << 8) | data[at]
        at += 1
        if not tag & 0x80:
            return tag, at
    raise MalformedData(message("cards.tlv.tag"), step="tlv.parse_ber")


def _length(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise MalformedData(message("cards.tlv.no_length"), step="tlv.parse_ber")
    first = data[at]
    at += 1
    if first < 0x80:
        return first, at
    count = first & 0x7F
    if not 1 <= count <= 4 or at + count > len(data):
        raise MalformedData(message("cards.tlv.length"), step="tlv.parse_ber")
    return int.from_bytes(data[at : at + count], "big"), at + count
