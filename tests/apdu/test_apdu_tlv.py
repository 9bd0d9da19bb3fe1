"""TLV both ways, and what must be refused."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import tlv
from apdu.errors import MalformedData
from sbcard_core.errors import InvalidValue

simple_items = st.lists(st.tuples(st.integers(1, 0xFE), st.binary(max_size=300)), max_size=6)
primitive = st.builds(tlv.TLV, st.sampled_from([0x5A, 0x84, 0x9F0C, 0x9F38, 0xDF8101]), st.binary(max_size=300))


@given(simple_items)
def test_simple_tlv_round_trip(items: list[tuple[int, bytes]]) -> None:
    assert tlv.parse_simple(b"".join(tlv.simple(tag, value) for tag, value in items)) == items


@given(st.lists(primitive, max_size=5))
def test_ber_round_trip_inside_a_template(children: list[tlv.TLV]) -> None:
    (tree,) = tlv.parse_ber(tlv.ber(0x6F, children))
    assert list(tree.children) == children


@given(simple_items, st.data())
def test_simple_objects_cut_anywhere_are_refused_but_between_two(items: list[tuple[int, bytes]], data: Any) -> None:
    wires = [tlv.simple(tag, value) for tag, value in items]
    ends = list(itertools.accumulate(map(len, wires), initial=0))
    for cut in {*ends, data.draw(st.integers(0, ends[-1]))}:
        if cut in ends:
            assert tlv.parse_simple(b"".join(wires)[:cut]) == items[: ends.index(cut)]
        else:
            with pytest.raises(MalformedData):
                tlv.parse_simple(b"".join(wires)[:cut])


@given(st.lists(primitive, max_size=5), st.data())
def test_objects_cut_anywhere_are_refused_but_between_two(items: list[tlv.TLV], data: Any) -> None:
    wires = [item.encode() for item in items]
    ends = list(itertools.accumulate(map(len, wires), initial=0))
    for cut in {*ends, data.draw(st.integers(0, ends[-1]))}:
        if cut in ends:
            assert tlv.parse_ber(b"".join(wires)[:cut]) == items[: ends.index(cut)]
        else:
            with pytest.raises(MalformedData):
                tlv.parse_ber(b"".join(wires)[:cut])


@pytest.mark.parametrize(("size", "head"), [(0xFE, 2), (0xFF, 4), (0x100, 4), (0xFFFF, 4)])
def test_the_long_form_of_a_simple_length_and_what_follows_it(size: int, head: int) -> None:
    wire = tlv.simple(3, bytes(size)) + tlv.simple(4, b"next")
    assert len(wire) == head + size + 6
    assert tlv.parse_simple(wire) == [(3, bytes(size)), (4, b"next")]
    assert tlv.parse_simple(tlv.simple(3, bytes(size)), max_value=size) == [(3, bytes(size))]
    with pytest.raises(MalformedData):
        tlv.parse_simple(tlv.simple(3, bytes(size)), max_value=size - 1)
    with pytest.raises(InvalidValue):
        tlv.simple(3, bytes(0x10000))


@pytest.mark.parametrize("data", ["01", "0103AABB", "0001AA", "FF01AA", "01FF0002AA"])
def test_cut_simple_tlv(data: str) -> None:
    with pytest.raises(MalformedData):
        tlv.parse_simple(bytes.fromhex(data))


@pytest.mark.parametrize(
    "data",
    ["5A", "5A05AA", "5A80AA0000", "5A8500000000AA", "5A84FFFFFFFF", "5A830000", "9F", "1F8080808001AA", "6F025A05"],
)
def test_cut_or_unallowed_ber(data: str) -> None:
    with pytest.raises(MalformedData):
        tlv.parse_ber(bytes.fromhex(data))


def test_depth_has_a_ceiling() -> None:
    data = b""
    for _ in range(tlv.MAX_DEPTH + 2):
        data = tlv.ber(0x6F, data)
    with pytest.raises(MalformedData, match="deep"):
        tlv.parse_ber(data)


def test_number_of_objects_has_a_ceiling() -> None:
    with pytest.raises(MalformedData, match="many"):
        tlv.parse_ber(bytes.fromhex("5A00") * (tlv.MAX_NODES + 1))


@pytest.mark.parametrize("tag", [0, 0xFF, 256])
def test_simple_tags_out_of_range(tag: int) -> None:
    with pytest.raises(InvalidValue):
        tlv.simple(tag, b"")


def test_find_gives_none_for_an_absent_tag() -> None:
    assert tlv.find(tlv.parse_ber(bytes.fromhex("6F069F0C03860103")), 0x84) is None


@pytest.mark.parametrize("size", [0, 127, 128, 255, 256, 65535, 65536, 1 << 20])
def test_every_length_form_is_written_shortest_and_read_back(size: int) -> None:
    wire = tlv.ber(0x5A, bytes(size), max_value=1 << 24)
    head = len(wire) - size
    assert head == 2 + (size > 127) + (size > 255) + (size > 65535)
    (node,) = tlv.parse_ber(wire, max_value=1 << 24)
    assert len(node.value) == size
    if size > tlv.MAX_VALUE:
        with pytest.raises(MalformedData, match="long"):
            tlv.parse_ber(wire)
        with pytest.raises(InvalidValue):
            tlv.ber(0x5A, bytes(size))


def test_longer_length_forms_than_needed_are_read() -> None:
    for head in ("8101", "820001", "83000001", "8400000001"):
        (node,) = tlv.parse_ber(bytes.fromhex("5A" + head + "AA"))
        assert node.value == b"\xaa"


@pytest.mark.parametrize("tag", [0, -1, 0xFF, 0x1F, 0x5A5A, 0x9F, 0x9F8C, 0x1F808080, 0x1F80808001, 0xFF33])
def test_numbers_that_are_no_tag(tag: int) -> None:
    with pytest.raises(InvalidValue):
        tlv.ber(tag, b"")


LONG_TAGS = st.builds(
    lambda first, middle, last: int.from_bytes(bytes((first & 0xDF | 0x1F, *(m | 0x80 for m in middle), last)), "big"),
    st.integers(0, 0xDF),
    st.lists(st.integers(1, 0x7F), max_size=2),
    st.integers(31, 127),
)  # fmt: skip
SHORT_TAGS = st.integers(1, 0xFE).filter(lambda tag: tag & 0x1F != 0x1F and not tag & 0x20)


@given(st.one_of(SHORT_TAGS, LONG_TAGS), st.binary(max_size=4))
def test_a_tag_that_is_written_is_the_tag_that_is_read(tag: int, value: bytes) -> None:
    (node,) = tlv.parse_ber(tlv.ber(tag, value))
    assert (node.tag, node.value, node.children) == (tag, value, ())


def test_limits_are_the_callers() -> None:
    nested = tlv.ber(0x6F, tlv.ber(0xA5, tlv.ber(0x5A, b"x")))
    assert len(tlv.parse_ber(nested, max_depth=2, max_nodes=3)) == 1
    with pytest.raises(MalformedData):
        tlv.parse_ber(nested, max_depth=1)
    with pytest.raises(MalformedData):
        tlv.parse_ber(nested, max_nodes=2)
    with pytest.raises(MalformedData):
        tlv.parse_simple(bytes.fromhex("0101AA0201BB"), max_nodes=1)
    with pytest.raises(MalformedData):
        tlv.parse_simple(bytes.fromhex("0102AABB"), max_value=1)


@pytest.mark.parametrize(
    ("wire", "as_padding", "as_tag"),
    [
        ("FF0E035A0101", [(0x0E, "5a0101")], [(0xFF0E, "5a0101"), (0x5A, "01")]),
        ("FF8106035A0101", [(0x8106, None)], [(0xFF8106, "5a0101"), (0x5A, "01")]),
        ("700C5F340101FFFFFF9F57020840", [(0x70, None), (0x5F34, "01"), (0x9F57, "0840")], None),
    ],
)
def test_ff_is_padding_or_a_private_tag_as_the_caller_says(
    wire: str, as_padding: list[tuple[int, str | None]], as_tag: list[tuple[int, str]] | None
) -> None:
    """Both are published: padding on test cards, private tags of kernels. The same bytes can be either."""
    raw = bytes.fromhex(wire)

    def shown(padding: bytes) -> list[tuple[int, str]]:
        return [(node.tag, node.value.hex()) for node in tlv.walk(tlv.parse_ber(raw, padding=padding))]

    if as_tag is None:
        assert [tag for tag, _ in shown(tlv.PADDING)] == [tag for tag, _ in as_padding]
        with pytest.raises(MalformedData):
            shown(b"\x00")
    else:
        assert shown(b"\x00") == as_tag
        if as_padding[0][1] is None:
            with pytest.raises(MalformedData):
                shown(tlv.PADDING)
        else:
            assert shown(tlv.PADDING) == as_padding


@given(st.sampled_from([0x80, 0x85, 0xFF]), st.binary(min_size=130, max_size=140))
def test_a_length_without_end_or_of_five_bytes_and_more_is_refused(first: int, body: bytes) -> None:
    """Indefinite, reserved; also where as many bytes follow as the number by itself would ask for."""
    with pytest.raises(MalformedData, match="length form"):
        tlv.parse_ber(b"\x04" + bytes((first,)) + body)
    for size in (0, 127, 128):
        (node,) = tlv.parse_ber(tlv.ber(0x04, body[:size]))
        assert (len(node.value), tlv.ber(0x04, body[:size])[1]) == (size, size if size < 128 else 0x81)


def test_a_tag_has_up_to_four_bytes() -> None:
    for tag in (0x5A, 0x9F0C, 0xDF8101, 0xDF818101):
        (node,) = tlv.parse_ber(tlv.ber(tag, b"x"))
        assert (node.tag, node.value) == (tag, b"x")
    with pytest.raises(InvalidValue):
        tlv.ber(0xDF81818101, b"x")
    for wire in ("DF81818101", "DF818181", "DF8181", "DF"):
        with pytest.raises(MalformedData, match="four bytes"):
            tlv.parse_ber(bytes.fromhex(wire) + b"\x00" * (wire == "DF81818101"))
