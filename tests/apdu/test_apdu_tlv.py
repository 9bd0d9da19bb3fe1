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
