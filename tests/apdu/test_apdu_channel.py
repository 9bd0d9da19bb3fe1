"""Wrappers of a channel: T=0 endings and traces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import (
    APDUError,
    CommandAPDU,
    ExactLengthChannel,
    GetResponseChannel,
    LimitExceeded,
    ResponseAPDU,
    StatusWord,
    TraceChannel,
)
from apdu.chaining import ChainingChannel
from apdu.instructions import verify_pin


class Script:
    """Answers in order, and keeps what was sent."""

    def __init__(self, *answers: str) -> None:
        self.answers = [bytes.fromhex(answer) for answer in answers]
        self.sent: list[str] = []

    def transmit(self, command: bytes) -> bytes:
        self.sent.append(command.hex().upper())
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def test_61xx_is_fetched_in_pieces() -> None:
    script = Script("6104", "AABB6102", "CCDD9000")
    whole = GetResponseChannel(script).transmit(bytes.fromhex("00A4040005D156000005"))
    assert whole.hex().upper() == "AABBCCDD9000"
    assert script.sent[1:] == ["00C0000004", "00C0000002"]


def test_6cxx_repeats_the_command_with_the_exact_le() -> None:
    script = Script("6C06", "0304322E30309000")
    assert GetResponseChannel(script).transmit(bytes.fromhex("00B2032800"))[-2:] == b"\x90\x00"
    assert script.sent == ["00B2032800", "00B2032806"]


def test_get_response_of_a_proprietary_class_is_sent_in_class_00() -> None:
    script = Script("6108", "0102030405060708" + "9000")
    GetResponseChannel(script).transmit(bytes.fromhex("80FA000008") + bytes(8))
    assert script.sent[1] == "00C0000008"


def test_the_last_round_that_is_allowed_may_end_the_answer() -> None:
    pieces = ["6101", *["AA6101"] * 3, "AA9000"]
    assert GetResponseChannel(Script(*pieces), rounds=4).transmit(bytes(5)) == b"\xaa" * 4 + b"\x90\x00"
    with pytest.raises(APDUError, match="never finishes"):
        GetResponseChannel(Script(*pieces), rounds=3).transmit(bytes(5))


def test_as_much_as_is_allowed_is_collected_and_a_byte_more_is_refused() -> None:
    pieces = ("6103", "AABBCC6102", "DDEE6101", "FF9000")
    assert GetResponseChannel(Script(*pieces), most=5).transmit(bytes(5))[-3:] == b"\xff\x90\x00"
    with pytest.raises(LimitExceeded):
        GetResponseChannel(Script(*pieces), most=4).transmit(bytes(5))


def test_le_00_of_6c00_is_256() -> None:
    script = Script("6C00", "AA9000")
    assert GetResponseChannel(script).transmit(bytes.fromhex("00B2032804")) == b"\xaa\x90\x00"
    assert script.sent == ["00B2032804", "00B2032800"]


@pytest.mark.parametrize("endless", ["6110", "6C10"])
def test_a_card_that_never_ends_is_stopped(endless: str) -> None:
    script = Script(endless)
    with pytest.raises(APDUError, match="never finishes"):
        GetResponseChannel(script, rounds=4).transmit(bytes.fromhex("0084000008"))
    assert len(script.sent) == 5


def test_error_after_61xx_is_not_hidden() -> None:
    script = Script("6104", "6F00")
    assert GetResponseChannel(script).transmit(bytes.fromhex("0088000000")) == b"\x6f\x00"


def test_trace_shows_no_pin_and_no_record() -> None:
    lines: list[str] = []
    channel = TraceChannel(Script("0812313131313131" + "9000"), lines.append)
    channel.transmit(verify_pin("246813").encode())
    assert lines == ["> 00200000 nc=3 ne=0", "< nr=8 sw=9000"]


def test_trace_of_a_malformed_command_shows_its_length_only() -> None:
    lines: list[str] = []
    TraceChannel(Script("6700"), lines.append).transmit(bytes.fromhex("002000"))
    assert lines[0] == "> malformed command of 3 bytes"


def test_case_four_is_repeated_with_its_data() -> None:
    script = Script("6C08", "00112233445566779000")
    GetResponseChannel(script).transmit(CommandAPDU(0, 0x88, 0, 0, bytes(16), ne=256).encode())
    assert script.sent[1] == "0088000010" + "00" * 16 + "08"


def test_an_answer_that_ends_with_the_last_round_allowed_is_whole() -> None:
    script = Script("6102", "AA6101", "BB6101", "CC9000")
    assert GetResponseChannel(script, rounds=3).transmit(bytes.fromhex("0084000000")) == bytes.fromhex("AABBCC9000")
    with pytest.raises(APDUError, match="never finishes"):
        GetResponseChannel(Script("6102", "AA6101", "BB6101", "CC9000"), rounds=2).transmit(b"\0\x84\0\0\0")


def test_the_longest_answer_comes_in_pieces_of_a_byte_short_of_it() -> None:
    """65,536 bytes in pieces of 256, each first asked for with another Le: within the ceiling of rounds."""

    class Long:
        def __init__(self) -> None:
            self.left, self.told = 65536, False

        def transmit(self, command: bytes) -> bytes:
            if command[1] != 0xC0:
                return b"\x61\x00"
            if not self.told:
                self.told = True
                return b"\x6c\x00"
            self.left, self.told = self.left - 256, False
            return bytes(256) + (b"\x61\x00" if self.left else b"\x90\x00")

    assert GetResponseChannel(Long()).transmit(bytes.fromhex("00CA000000")) == bytes(65536) + b"\x90\x00"


@pytest.mark.parametrize(("sw", "ne"), [("6C08", 8), ("6C00", 256), ("6CFF", 255)])
def test_a_repeat_asks_for_exactly_what_the_card_named_in_short_form(sw: str, ne: int) -> None:
    for wrap in (GetResponseChannel, ExactLengthChannel):
        script = Script(sw, "9000")
        wrap(script).transmit(CommandAPDU(0, 0xB0, 0, 0, ne=4096).encode())
        repeated = CommandAPDU.decode(bytes.fromhex(script.sent[1]))
        assert (repeated.ne, repeated.extended, len(script.sent)) == (ne, False, 2)


def test_a_part_that_is_answered_with_data_and_9000_is_no_refusal() -> None:
    script = Script("AA9000", "BB9000", "CC9000")
    answer = ChainingChannel(script, size=2).transmit(CommandAPDU(0x80, 0xD4, 1, 0, b"12345").encode())
    assert (answer.hex().upper(), [sent[:2] for sent in script.sent]) == ("CC9000", ["90", "90", "80"])
    refused = Script("AA9000", "BB6985", "CC9000")
    answer = ChainingChannel(refused, size=2).transmit(CommandAPDU(0x80, 0xD4, 1, 0, b"12345").encode())
    assert (answer.hex().upper(), len(refused.sent)) == ("BB6985", 2)


@given(st.binary(max_size=300), st.integers(0, 0xFFFF))
def test_an_answer_is_its_data_and_its_status_word(data: bytes, word: int) -> None:
    made = ResponseAPDU(data, StatusWord(word)).encode()
    assert made == data + word.to_bytes(2, "big")
    assert ResponseAPDU.decode(made) == ResponseAPDU(data, StatusWord(word))
