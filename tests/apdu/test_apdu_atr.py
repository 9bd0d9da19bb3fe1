"""Answers to reset in full, and what the cards' historical bytes hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import ATR, MalformedData
from apdu.atr import CardHistorical, CompactTLV


def test_every_interface_byte_has_its_name() -> None:
    # T=0 and T=1 offered, TA1 = 96, TC1 = 05, TA2 = 10 (specific, T=0), TA3 = FE for T=1.
    body = bytes.fromhex("3BD2" + "96" + "05" + "91" + "10" + "11" + "FE" + "8031")
    check = 0
    for byte in body[1:]:
        check ^= byte
    atr = ATR.parse(body + bytes((check,)))
    assert atr.interface == (("TA1", 0x96), ("TC1", 0x05), ("TD1", 0x91), ("TA2", 0x10), ("TD2", 0x11), ("TA3", 0xFE))
    assert (atr.protocols, atr.has_check, atr.inverse) == ((1,), True, False)
    assert (atr.clock_rate, atr.baud_rate, atr.guard_time, atr.specific_protocol) == (512, 32, 5, 0)
    assert (atr.byte("TA3"), atr.byte("TB1")) == (0xFE, None)
    for place in range(1, len(body)):
        wrong = bytearray(body + bytes((check,)))
        wrong[place] ^= 0x01
        with pytest.raises(MalformedData):
            ATR.parse(bytes(wrong))


def test_defaults_without_interface_bytes() -> None:
    atr = ATR.parse(bytes.fromhex("3F00"))
    assert (atr.inverse, atr.clock_rate, atr.baud_rate, atr.guard_time, atr.specific_protocol) == (
        True,
        372,
        1,
        0,
        None,
    )
    assert ATR.parse(bytes.fromhex("3B10F0")).baud_rate is None
    assert ATR.parse(bytes.fromhex("3B1000")).clock_rate == 372


def test_t15_is_no_protocol_but_asks_for_a_check_byte() -> None:
    body = bytes.fromhex("3B80" + "80" + "1F" + "C7")
    check = 0x80 ^ 0x80 ^ 0x1F ^ 0xC7
    assert ATR.parse(body + bytes((check,))).protocols == (0,)
    with pytest.raises(MalformedData):
        ATR.parse(body)


@given(st.binary(min_size=1, max_size=6))
def test_bytes_behind_a_right_check_byte_are_no_part_of_the_answer(rest: bytes) -> None:
    raw = bytes.fromhex("3BFD1300008131FE158073C021C057597562694B657940")
    whole = ATR.parse(raw + rest)
    assert (whole.historical, whole.trailing, whole.protocols) == (ATR.parse(raw).historical, rest, (1,))
    with pytest.raises(MalformedData):
        ATR.parse(raw[:-1] + b"\x41" + rest)


@pytest.mark.parametrize(
    ("historical", "objects", "status"),
    [
        ("8031C0730011228105", ((3, b"\xc0"), (7, b"\x00\x11\x22"), (8, b"\x05")), "05"),
        ("0031C0059000", ((3, b"\xc0"),), "059000"),
        ("80", (), ""),
    ],
)
def test_compact_tlv(historical: str, objects: tuple[tuple[int, bytes], ...], status: str) -> None:
    found = CompactTLV.parse(bytes.fromhex(historical))
    assert (found.objects, found.status.hex()) == (objects, status)


@pytest.mark.parametrize("historical", ["", "10", "FF00", "8032C0", "8001AA", "000590", "0032C0059000"])
def test_what_is_not_compact_tlv(historical: str) -> None:
    with pytest.raises(MalformedData):
        CompactTLV.parse(bytes.fromhex(historical))


def test_historical_bytes_of_the_cards() -> None:
    found = CardHistorical.parse(bytes.fromhex("0096DF21018649542600028141"))
    assert (found.chip, found.chip_vendor, found.cos.hex(), found.manufacturer) == (0x0096, "", "df2101", 0x8649)
    assert found.serial.hex() == "542600028141"
    assert "542600" not in repr(found)
    with pytest.raises(MalformedData):
        CardHistorical.parse(bytes(12))


@given(st.lists(st.tuples(st.integers(1, 15), st.binary(max_size=5)), max_size=3), st.booleans())
def test_compact_objects_are_read_as_written(objects: list[tuple[int, bytes]], has_status: bool) -> None:
    body = b"".join(bytes((tag << 4 | len(value),)) + value for tag, value in objects)
    found = CompactTLV.parse(b"\x00" + body + b"\x05\x90\x00" if has_status else b"\x80" + body)
    inside = [value for tag, value in objects if tag == 8]
    assert found.objects == tuple(objects)
    assert found.status == (inside[-1] if inside else b"\x05\x90\x00" if has_status else b"")


@given(st.binary(max_size=15), st.binary(max_size=3), st.sampled_from([b"\x3b", b"\x3f"]), st.integers(1, 255))
def test_an_answer_with_a_check_byte_is_itself_in_parts(hist: bytes, rest: bytes, first: bytes, flip: int) -> None:
    body = bytes((0x80 | len(hist), 0x01)) + hist  # TD1 names T=1, so that TCK follows
    check = 0
    for byte in body:
        check ^= byte
    atr = ATR.parse(first + body + bytes((check,)) + rest)
    assert (atr.historical, atr.protocols, atr.has_check, atr.trailing) == (hist, (1,), True, rest)
    assert atr.inverse is (first == b"\x3f")
    with pytest.raises(MalformedData):
        ATR.parse(first + body + bytes((check ^ flip,)) + rest)


@given(st.binary(max_size=40))
def test_any_bytes_are_an_answer_of_parts_or_refused(raw: bytes) -> None:
    try:
        atr = ATR.parse(b"\x3b" + raw)
    except MalformedData:
        return
    size = 2 + len(atr.interface) + len(atr.historical) + atr.has_check + len(atr.trailing)
    assert size == 1 + len(raw)
    assert (atr.clock_rate or 372) >= 372
