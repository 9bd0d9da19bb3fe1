"""Commands, answers, status words and answers to reset, byte for byte."""

from functools import reduce
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import (
    ATR,
    CardLost,
    CommandAPDU,
    LimitExceeded,
    MalformedData,
    ResponseAPDU,
    StatusWord,
    UnexpectedStatus,
    historical_factor,
    t0_command,
)
from apdu.status import StatusCategory
from sbcard_core.errors import InvalidValue

byte = st.integers(0, 255)
lengths = st.sampled_from([0, 1, 2, 255, 256, 257, 65535])
answers = st.sampled_from([0, 1, 255, 256, 257, 65535, 65536])


commands = st.builds(CommandAPDU, byte, byte, byte, byte, lengths.map(bytes), answers, st.booleans())


@given(commands)
def test_command_survives_encode_and_decode(command: CommandAPDU) -> None:
    assert CommandAPDU.decode(command.encode()) == command


@given(st.binary(min_size=0, max_size=300))
def test_every_wire_is_refused_or_comes_back_unchanged(wire: bytes) -> None:
    try:
        command = CommandAPDU.decode(wire)
    except InvalidValue:
        return
    assert command.encode() == wire


@pytest.mark.parametrize(
    ("wire", "nc", "ne", "extended"),
    [
        ("00840000", 0, 0, False),
        ("0084000008", 0, 8, False),
        ("00B2010400", 0, 256, False),
        ("00A40000023F00", 2, 0, False),
        ("00A40000023F0000", 2, 256, False),
        ("00B20104000000", 0, 65536, True),
        ("00B20104000101", 0, 257, True),
        ("00DC0104000002AABB", 2, 0, True),
        ("00DC0104000002AABB0100", 2, 256, True),
    ],
)
def test_the_four_cases_short_and_extended(wire: str, nc: int, ne: int, extended: bool) -> None:
    command = CommandAPDU.decode(bytes.fromhex(wire))
    assert (command.nc, command.ne, command.extended) == (nc, ne, extended)
    assert command.encode() == bytes.fromhex(wire)


@pytest.mark.parametrize(
    "wire", ["", "00A400", "00A4000003AABB", "00A4000001AABBCC", "00DC01040000000000", "00A400000000AA01"]
)
def test_lengths_that_do_not_add_up_are_refused(wire: str) -> None:
    with pytest.raises(InvalidValue):
        CommandAPDU.decode(bytes.fromhex(wire))


def test_repr_shows_neither_pin_nor_record() -> None:
    assert "123456" not in repr(CommandAPDU(0, 0x20, 0, 0, bytes.fromhex("123456")))
    answer = ResponseAPDU.decode(bytes.fromhex("0812313131313131313938313031303131313130") + b"\x90\x00")
    assert "3131" not in repr(answer)
    assert b"1981".hex() not in repr(answer)


def test_answer_shorter_than_a_status_word_is_a_lost_card() -> None:
    for wire in (b"", b"\x90"):
        with pytest.raises(CardLost):
            ResponseAPDU.decode(wire)


@pytest.mark.parametrize(
    ("word", "category", "tries", "driver_code"),
    [
        (0x9000, StatusCategory.OK, None, 0),
        (0x63C2, StatusCategory.TRIES, 2, -25538),
        (0x63C0, StatusCategory.TRIES, 0, -25536),
        (0x6983, StatusCategory.BLOCKED, 0, -27011),
        (0x6700, StatusCategory.WRONG_COMMAND, None, -26368),
        (0x6A83, StatusCategory.NOT_FOUND, None, -27267),
        (0x6A88, StatusCategory.NOT_FOUND, None, -27272),
        (0x9302, StatusCategory.SECURITY, None, -37634),
        (0x9403, StatusCategory.NOT_FOUND, None, -37891),
        (0x611E, StatusCategory.MORE_DATA, None, -24862),
        (0x6C10, StatusCategory.WRONG_LE, None, -27664),
        (0x1234, StatusCategory.OTHER, None, -4660),
    ],
)
def test_status_words_and_driver_codes(
    word: int, category: StatusCategory, tries: int | None, driver_code: int
) -> None:
    sw = StatusWord(word)
    assert (sw.category, sw.tries_left, sw.driver_code) == (category, tries, driver_code)
    assert sw.zh
    assert sw.en


@given(st.integers(0, 0xFFFF))
def test_no_status_word_is_a_lookup_failure(word: int) -> None:
    sw = StatusWord(word)
    assert sw.zh
    assert sw.is_ok == (word == 0x9000)


def test_only_named_status_words_are_accepted() -> None:
    answer = ResponseAPDU.decode(bytes.fromhex("6A83"))
    assert answer.require("read", 0x6A83) == b""
    with pytest.raises(UnexpectedStatus) as caught:
        answer.require("read extension")
    assert caught.value.sw == StatusWord(0x6A83)
    assert caught.value.step == "read extension"


def test_atr_of_the_card() -> None:
    atr = ATR.parse(bytes.fromhex("3B6D000000814E43238697159900BF7C7A"))
    assert atr.historical.hex().upper() == "00814E43238697159900BF7C7A"
    assert historical_factor(atr.raw).hex().upper() == "8697159900BF7C7A"
    assert atr.protocols == (0,)


def test_published_3_00_card_gives_its_factor() -> None:
    # Historical bytes 0096DF21018649542600028141 stand in a public interface document.
    raw = bytes.fromhex("3B6D0000" + "0096DF21018649542600028141")
    assert historical_factor(raw).hex().upper() == "8649542600028141"


def test_atr_with_check_byte() -> None:
    body = bytes.fromhex("3B8180018080")
    tail = bytes.fromhex("3B80800101")
    assert ATR.parse(tail).protocols == (0, 1)
    assert ATR.parse(body).protocols == (0, 1)
    with pytest.raises(MalformedData):
        ATR.parse(bytes.fromhex("3B80800102"))


@pytest.mark.parametrize("raw", ["", "3B", "3C00", "3B6D0000", "3B6D0000" + "00" * 14, "3B80", "3B" + "00" * 40])
def test_malformed_atr(raw: str) -> None:
    with pytest.raises(MalformedData):
        ATR.parse(bytes.fromhex(raw))


@given(st.binary(max_size=15), st.binary(max_size=1))
def test_an_atr_without_interface_bytes_is_its_historical_bytes(historical: bytes, more: bytes) -> None:
    raw = bytes((0x3B, len(historical))) + historical
    assert (ATR.parse(raw).historical, ATR.parse(raw).raw) == (historical, raw)
    if more:
        with pytest.raises(MalformedData):
            ATR.parse(raw + more)
    if historical:
        with pytest.raises(MalformedData):
            ATR.parse(raw[:-1])


@given(st.binary(min_size=8, max_size=13), st.sampled_from([1, 14, 15]))
def test_an_atr_of_another_protocol_than_t0_has_its_check_byte(historical: bytes, protocol: int) -> None:
    """ISO/IEC 7816-3:2006 8.2.5. A byte of the serial lost on the way looks the same, so neither gives a factor."""
    whole = bytes((0x3B, 0x80 | len(historical), protocol)) + historical
    whole += bytes((reduce(xor, whole[1:]),))
    assert (ATR.parse(whole).has_check, historical_factor(whole)) == (True, historical[-8:])
    for cut in (whole[:-1], whole[:-2] + whole[-1:]):
        with pytest.raises(MalformedData, match="no check byte TCK"):
            historical_factor(cut)
    with pytest.raises(MalformedData, match="check byte TCK is wrong"):
        ATR.parse(whole[:-1] + bytes((whole[-1] ^ 1,)))


def test_too_few_historical_bytes_give_no_factor() -> None:
    with pytest.raises(MalformedData):
        historical_factor(bytes.fromhex("3B67000001020304050607"))


@given(st.sampled_from([0, 1, 254, 255, 256, 300]), st.sampled_from([0, 1, 8, 255, 256, 257, 65536]), st.booleans())
def test_a_tpdu_is_header_and_p3_and_data(nc: int, ne: int, extended: bool) -> None:
    """P3 is Lc where there are data, else Le, and 00 for 256 and more; more than 255 data bytes have no form."""
    header = bytes.fromhex("00D68100")
    command = CommandAPDU(*header, bytes(nc), ne)
    command = command.replace(extended=extended or command.extended)
    if nc > 255:
        with pytest.raises(LimitExceeded, match=str(nc)):
            t0_command(command.encode())
        return
    made = t0_command(command.encode())
    assert made == header + (bytes((nc,)) + bytes(nc) if nc else bytes((ne if ne < 256 else 0,)))
    assert t0_command(made) == made


@given(st.binary(max_size=3) | st.builds(bytes.__add__, st.just(bytes.fromhex("00D6810005")), st.binary(max_size=4)))
def test_what_is_no_command_comes_back_as_it_is(wire: bytes) -> None:
    for given_wire in (wire, bytearray(wire)):
        if len(wire) != 5:
            assert t0_command(given_wire) == wire
