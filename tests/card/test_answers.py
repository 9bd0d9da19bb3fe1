"""What a session and a purse make of each answer of the card: no word but 9000 is success, no doubt is a certainty."""

from collections.abc import Callable
from functools import reduce
from operator import xor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apdu.errors import CardLost, UnexpectedStatus
from apdu.status import StatusWord
from readers.sim.card import VirtualCard
from sbcard_core.card.errors import OutcomeUnknown, PinLocked, PinWrong, RecordMalformed
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.card.purse import Purse
from sbcard_core.card.session import CardSession
from sbcard_core.errors import SBCardError
from tests.card import tearing
from tests.card.generations import NAME, make_card, make_holder, open_session


class Answers:
    """Answers one instruction as told, everything else as the card inside does; keeps what was sent."""

    def __init__(self, card: VirtualCard, ins: int, answer: bytes | Callable[[bytes], bytes | None]) -> None:
        self.card, self.ins, self.atr = card, ins, card.atr
        self.answer = answer if callable(answer) else lambda _: answer
        self.sent: list[bytes] = []

    def transmit(self, command: bytes) -> bytes:
        self.sent.append(command)
        given = self.answer(command) if command[1] == self.ins else None
        return self.card.transmit(command) if given is None else given


words = st.integers(0, 0xFFFF).filter(lambda word: word >> 8 not in (0x61, 0x6C))
LIKELY = [0x6982, 0x6983, 0x6984, 0x6985, 0x6F00, 0x6300, 0x63C0, 0x63CF, 0x6A88, 0x9000, 0x9001, 0x6E00]


@settings(max_examples=300, deadline=None)
@given(words | st.sampled_from(LIKELY), st.booleans())
def test_only_9000_means_that_a_pin_was_right(word: int, change: bool) -> None:
    raw = word.to_bytes(2, "big")
    channel = Answers(make_card(file_rules={"DF01/EF06": "PIN|2E"}), 0x5E if change else 0x20, raw)
    session = open_session(channel)
    error: object = None
    try:
        if change:
            session.change_pin("123456", "246810")
        else:
            session.verify_pin("123456")
    except SBCardError as raised:
        error = raised
    kind = PinWrong if word & 0xFFF0 == 0x63C0 else PinLocked if word == 0x6983 else UnexpectedStatus
    assert type(error) is (type(None) if word == 0x9000 else kind)
    assert getattr(error, "tries_left", word & 0xF) == word & 0xF
    assert getattr(error, "sw", StatusWord(word)).value == word
    assert session._pin_verified is (word == 0x9000 and not change)


@pytest.mark.parametrize(
    ("answer", "left"), [("63C3", 3), ("63C0", 0), ("6983", 0), ("9000", None), ("63CF", 15), ("6A86", "refused")]
)
def test_tries_are_told_without_using_one(answer: str, left: int | str | None) -> None:
    channel = Answers(make_card(), 0x20, bytes.fromhex(answer))
    session = open_session(channel)
    if left == "refused":
        with pytest.raises(UnexpectedStatus):
            session.pin_tries()
    else:
        assert session.pin_tries() == left
    assert [command[4:] for command in channel.sent] == [b""]


def test_a_verified_pin_is_no_error_when_its_tries_are_asked() -> None:
    """A card that answers 9000 to VERIFY without data once the PIN is verified, ISO/IEC 7816-4:2013 7.5.6."""
    verified: list[bool] = []

    def verify(command: bytes) -> bytes | None:
        if len(command) == 4:
            return b"\x90\x00" if verified else b"\x63\xc3"
        verified.append(True)
        return None

    session = open_session(Answers(make_card(), 0x20, verify))
    assert session.pin_tries() == 3
    session.verify_pin("123456")
    assert session.pin_tries() is None


def test_a_pin_message_begins_in_the_environment_wherever_the_session_stands() -> None:
    channel = Answers(make_card(), 0x00, b"")
    session = open_session(channel, holder=make_holder())
    session.identification_code()
    session.select("DF01")
    channel.sent.clear()
    session.unblock_pin()
    instructions = [command[1] for command in channel.sent]
    assert instructions.index(0xA4) < instructions.index(0x82) < instructions.index(0x24)
    assert channel.sent[0][5:12] == bytes.fromhex("7378312E73682E")


def test_the_purses_application_is_left_before_the_next_file_is_read() -> None:
    channel = Answers(tearing.make_card(), 0x00, b"")
    session = CardSession(channel, profile=SAMPLE)
    assert session.read_basic(("sex",)).sex == "1"
    assert Purse(channel, profile=SAMPLE, session=session).balance() == tearing.START
    channel.sent.clear()
    assert session.read_basic(("id_number",)).id_number == "111111198101011110"
    assert [command[1] for command in channel.sent] == [0xA4, 0xB2]


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        ("000003E89000", 1000), ("6982", None), ("9303", None), ("03E89000", None), ("000003E86982", "lost"),
        ("1234", "lost"), ("AABB", "lost"), ("9000", None),
    ],
)  # fmt: skip
def test_evidence_that_is_not_whole_is_none_at_all(answer: str, seen: int | str | None) -> None:
    purse = Purse(Answers(tearing.make_card(), 0x5C, bytes.fromhex(answer)), profile=SAMPLE)
    if seen == "lost":
        with pytest.raises(CardLost, match="not whole"):
            purse.seen_balance()
    else:
        assert purse.seen_balance() == seen


@pytest.mark.parametrize(
    ("debit", "balance", "known"),
    [
        ("9401", None, True),  # a refusal, and the balance is what it was
        ("9302", None, True),
        ("9401", "00000000", False),  # a refusal, and the money is gone
        ("9401", "6982", False),  # a refusal that nothing bears out
        ("AABB9401", None, False),  # a refusal with data behind it: cut from something else
        ("9F77", None, False),  # a word that means nothing
        ("9000", None, False),  # success without TAC and MAC2
        ("010203049000", None, False),
    ],
)
def test_money_has_not_moved_only_where_word_and_balance_say_so(debit: str, balance: str | None, known: bool) -> None:
    card = tearing.make_card()
    told: list[bytes] = []

    def answer(command: bytes) -> bytes | None:
        if command[1] == 0x54:
            told.append(command)
            return bytes.fromhex(debit)
        if command[1] == 0x5C and told and balance is not None:
            return bytes.fromhex(balance + ("9000" if len(balance) == 8 else ""))
        return None

    class Both(Answers):
        def transmit(self, command: bytes) -> bytes:
            given = answer(command)
            return self.card.transmit(command) if given is None else given

    channel = Both(card, 0x54, b"")
    purse = tearing.open_purse(channel)
    psam = tearing.make_psam()
    with pytest.raises(UnexpectedStatus if known else OutcomeUnknown) as outcome:
        purse.purchase(tearing.AMOUNT, tearing.HERE, psam, tearing.AT)
    assert len(told) == 1
    if known:
        assert isinstance(outcome.value, UnexpectedStatus)
        assert outcome.value.sw == StatusWord(int(debit, 16))
    assert card.purse.balance() == tearing.START


# --- reading on past what is wrong with one record


def damaged(card: VirtualCard, record: int, data: bytes) -> VirtualCard:
    card._files["SSSE", 0xEF06].records[record] = data
    return card


@pytest.mark.parametrize(
    ("record", "data", "item"),
    [
        (3, b"\x0a", "sex"),  # cut
        (1, b"\x09\x1e" + b"\xff\x81\x20" * 10, "name"),  # no text
        (2, b"\x4e\x14" + b"\x81\x20" * 10, "name"),  # the second half of the name is no text
        (2, b"\x4e", "name"),
        (0, b"\x08\x12" + b"1" * 17, "id_number"),
    ],
)
def test_one_bad_record_costs_one_item(record: int, data: bytes, item: str) -> None:
    whole = open_session(make_card()).read_basic()
    basic = open_session(damaged(make_card(), record, data)).read_basic()
    assert set(basic.unread) == {item}
    assert basic.to_fields() == {**whole.to_fields(), item: ""}
    with pytest.raises((RecordMalformed, UnexpectedStatus)):
        basic.require("card_no", item)
    assert basic.require("card_no") is basic


@settings(max_examples=60, deadline=None)
@given(st.sets(st.integers(0, 6), min_size=1), st.sampled_from([0x6A83, 0x6581, 0x6F00, 0x6400]))
def test_any_set_of_refused_records_costs_just_these(records: set[int], word: int) -> None:
    tags = [0x08, 0x09, 0x4E, 0x0A, 0x0B, 0x0C, 0x0D]
    refused = {tags[record] for record in records} - ({0x4E} if word == 0x6A83 else set())
    items = {0x08: "id_number", 0x09: "name", 0x4E: "name", 0x0A: "sex", 0x0B: "ethnicity", 0x0C: "birthplace"}
    expected = {items.get(tag, "birth_date") for tag in refused}

    def answer(command: bytes) -> bytes | None:
        return word.to_bytes(2, "big") if command[2] in refused and command[3] >> 3 == 6 else None

    basic = open_session(Answers(make_card(), 0xB2, answer)).read_basic()
    assert set(basic.unread) == expected
    assert all(getattr(basic, item) == "" for item in expected)
    assert basic.card_no == "X00000019"


def test_a_card_that_goes_away_is_no_bad_item() -> None:
    class Gone(Answers):
        def transmit(self, command: bytes) -> bytes:
            if command[1] == 0xB2 and command[2] == 0x0A:
                raise CardLost("pulled", step="test")
            return super().transmit(command)

    with pytest.raises(CardLost):
        open_session(Gone(make_card(), 0, b"")).read_basic()


def test_a_warning_that_the_record_ended_brings_its_data() -> None:
    """6282: end of file reached before Le; the data that came are whole."""

    def with_warning(command: bytes, card: Any = None) -> bytes:
        answer: bytes = card.transmit(command)
        return answer[:-2] + b"\x62\x82" if answer.endswith(b"\x90\x00") else answer

    for ins, read in ((0xB2, lambda one: one.read_basic().name), (0xB0, lambda one: one.read_file("SSSE/EF08"))):
        card = make_card()
        whole = read(open_session(make_card()))
        session = open_session(Answers(card, ins, lambda command, card=card: with_warning(command, card)))
        if ins == 0xB2:
            assert read(session) == whole == NAME
        else:
            assert read(session)["photo"] == whole["photo"][:512]  # the file ended with the first piece
    corrupt = Answers(make_card(), 0xB2, lambda _: bytes.fromhex("0A01316281"))
    with pytest.raises(UnexpectedStatus, match="6281"):
        open_session(corrupt).read_basic(("sex",))


def test_reset_information_is_the_atrs_historical_bytes_wherever_they_begin() -> None:
    basic = open_session(make_card()).read_basic()
    wanted = "00814E43238697159900BF7C7A"
    for head in ("3B7D960000", "3B6D0000", "3B3D0000", "3B0D", "3B8D8001"):
        raw = bytes.fromhex(head + wanted)
        if head == "3B8D8001":  # T=1 is named: a check byte ends it
            raw += bytes((reduce(xor, raw[1:]),))
        assert basic.driver_line(raw).split("|")[5] == wanted
        assert CardSession(make_card(), profile=SAMPLE, atr=raw).begin_basic().reset_info.hex().upper() == wanted
