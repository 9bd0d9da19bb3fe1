"""TLV both ways, and what must be refused."""

from contextlib import suppress

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


@given(st.binary(max_size=80))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    for parse in (tlv.parse_ber, tlv.parse_simple):
        with suppress(MalformedData):
            parse(data)


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


@given(st.integers(1, 0xFFFFFFFF), st.binary(max_size=4))
def test_a_tag_that_is_written_is_the_tag_that_is_read(tag: int, value: bytes) -> None:
    try:
        wire = tlv.ber(tag, value)
    except InvalidValue:
        return
    with suppress(MalformedData):  # a constructed tag's value need not be objects
        (node,) = tlv.parse_ber(wire)
        assert (node.tag, node.value) == (tag, value)


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
