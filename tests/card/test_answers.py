"""What a session and a purse make of each answer of the card: no word but 9000 is success, no doubt is a certainty."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from functools import reduce
from operator import xor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.errors import CardLost, MalformedData, UnexpectedStatus
from apdu.status import StatusWord
from readers.sim.card import VirtualCard
from sbcard_core.card.account import Account
from sbcard_core.card.errors import OutcomeUnknown, PinLocked, PinWrong, PsamMissing, RecordMalformed
from sbcard_core.card.files import Structure
from sbcard_core.card.loadhost import LoadAuthorisation, LoadRequest
from sbcard_core.card.money import LoadReceipt, MoneyRecord, Movement, PurchaseReceipt
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.card.purse import Proof, Purse
from sbcard_core.card.session import CardSession
from sbcard_core.card.torn import Action, Evidence, Settlement, Verdict
from sbcard_core.crypto.errors import MalformedHsmText
from sbcard_core.crypto.rules import Df04Command
from sbcard_core.errors import Refused, SBCardError
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


AT = dt.datetime.fromisoformat("2014-07-31T09:30:15")
words = st.integers(0, 0xFFFF).filter(lambda word: word >> 8 not in (0x61, 0x6C))
LIKELY = [0x6982, 0x6983, 0x6984, 0x6985, 0x6F00, 0x6300, 0x63C0, 0x63CF, 0x6A88, 0x9000, 0x9001, 0x6E00]


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


def test_asking_for_tries_is_a_verify_of_the_pin_without_data() -> None:
    channel = Answers(make_card(), 0x20, b"\x63\xc3")
    assert open_session(channel).pin_tries() == 3
    assert channel.sent[-1] == bytes.fromhex("00200000")


@pytest.mark.parametrize("declared", [0, 1, 10])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 254])
def test_the_whole_log_is_read_and_nothing_behind_it(count: int, declared: int) -> None:
    """Record 1 to the declared count, or 30 where none is declared; the first that is missing ends it."""
    file = replace(SAMPLE.file(SAMPLE.assumed.purse_log.path), count=declared)  # type: ignore[union-attr]
    most, size = declared or 30, sum(field.length for field in file.records)

    def row(command: bytes) -> bytes:
        return bytes(size) + b"\x90\x00" if command[2] <= count else b"\x6a\x83"

    channel = Answers(tearing.make_card(), 0xB2, row)
    purse = Purse(channel, profile=replace(SAMPLE, more_files=(file,)))
    purse.select()
    channel.sent.clear()
    assert purse.log() is not None
    asked = [command[2] for command in channel.sent if command[1] == 0xB2]
    assert asked == list(range(1, min(count + 1, most) + 1))


@given(st.sampled_from(Verdict), st.sampled_from(Action), st.sampled_from(Movement), st.sampled_from([b"", b"1234"]))
def test_only_a_purchase_to_be_posted_with_its_tac_has_a_receipt(
    verdict: Verdict, action: Action, movement: Movement, tac: bytes
) -> None:
    at = AT
    record = MoneyRecord(movement, bytes(8), "430100", 1200, 5000, 7, bytes(6), 1, 6, 1, 0, at, "X00000019")
    found = Settlement(record, verdict, action, (), tac)
    if (action, movement, bool(tac)) == (Action.POST, Movement.PURCHASE, True):
        receipt = found.receipt()
        assert (receipt.tac, receipt.card_no, receipt.balance_fen) == (tac, "X00000019", 3800)
        assert (receipt.offline_no, receipt.terminal_txn_no, receipt.key_version, receipt.algorithm) == (7, 1, 1, 0)
        assert found.receipt("X00000027").card_no == "X00000027"
    else:
        with pytest.raises(Refused):
            found.receipt("X00000027")


def test_no_receipt_and_no_evidence_shows_a_tac_or_a_key_part() -> None:
    tac, at = bytes.fromhex("A1B2C3D4"), AT
    record = MoneyRecord(Movement.PURCHASE, bytes(8), "430100", 1200, 5000, 7, bytes(6), 1, 6, 1, 0, at)
    load = LoadReceipt(100, 900, 3, 2, at, tac)
    assert load.balance_fen == 1000
    request = LoadRequest(bytes(8), "430100", 900, 100, 2, bytes(6), 3, 1, 0, tac, tac, at)
    shown = [load, PurchaseReceipt.of(record, tac), request, LoadAuthorisation(tac, at),
             Evidence(7, proof=Proof(tac, tac)),
             Settlement(record, Verdict.DEBITED, Action.POST, (), tac)]  # fmt: skip
    for one in shown:
        assert repr(tac) not in repr(one)
    assert repr(tac) not in repr(tearing.KeyedLoadHost(tearing.KEYS))
    assert [verdict.zh for verdict in Verdict] == ["卡内已入账", "卡内未入账", "无法判定"]


class Counting:
    """A load host that counts what it is asked, and answers a MAC2 of its own."""

    def __init__(self) -> None:
        self.asked: list[LoadRequest] = []

    def authorise_load(self, request: LoadRequest) -> LoadAuthorisation:
        self.asked.append(request)
        return LoadAuthorisation(b"MAC2", request.at + dt.timedelta(seconds=2))


def account_session(answers: dict[int, bytes]) -> tuple[CardSession, list[bytes]]:
    """A session whose card has DF04's unknown instructions, and answers them as told."""
    card = make_card()
    sent: list[bytes] = []

    class Channel:
        atr = card.atr

        def transmit(self, command: bytes) -> bytes:
            sent.append(command)
            if command[0] == 0xB0:
                return answers[command[1]]
            return card.transmit(command)

    instructions = {
        Df04Command.CREDIT_FOR_LOAD: 0x52, Df04Command.INITIALIZE_FOR_DEBIT: 0x2A, Df04Command.DEBIT: 0x54,
        Df04Command.GET_PROOF: 0x5A,
    }  # fmt: skip
    rules = replace(SAMPLE.assumed.purse, df04_instructions=instructions)
    profile = replace(SAMPLE, assumed=replace(SAMPLE.assumed, purse=rules))
    return CardSession(Channel(), profile=profile), sent


def test_the_medical_account_sends_what_its_page_and_the_purse_say() -> None:
    """Each command byte for byte, and each answer taken apart."""
    opened = bytes.fromhex("000003E8 0007 01 00 11223344 AABBCCDD")
    session, sent = account_session(
        {
            0x26: bytes.fromhex("0000C3509000"), 0x28: opened + b"\x90\x00", 0x52: bytes.fromhex("A1B2C3D49000"),
            0x2A: bytes.fromhex("000003E8 0009 000000 01 00 11223344 9000"),
            0x54: bytes.fromhex("A1B2C3D4 E5F60718 9000"),
            0x5A: bytes.fromhex("01020304 05060708 9000"),
        }
    )  # fmt: skip
    account, host, at = Account(session), Counting(), AT
    terminal = bytes.fromhex("430100000001")
    assert account.balance().amount_fen == 50_000
    session.select("DF01")
    receipt = account.load(1200, terminal, at, host)
    assert (receipt.amount_fen, receipt.balance_before_fen, receipt.balance_fen, receipt.online_no) == (
        1200,
        1000,
        2200,
        7,
    )
    assert (receipt.type, receipt.at, receipt.tac.hex()) == (0x31, at + dt.timedelta(seconds=2), "a1b2c3d4")
    (asked,) = host.asked
    assert (asked.balance_fen, asked.amount_fen, asked.type, asked.online_no, asked.at) == (1000, 1200, 0x31, 7, at)
    assert (asked.random.hex(), asked.mac1.hex(), asked.terminal_no) == ("11223344", "aabbccdd", terminal)
    session.select("DF01")
    debit = account.initialize_debit(300, terminal)
    assert (debit.balance_fen, debit.offline_no) == (1000, 9)
    paid = account.debit(bytes.fromhex("00000005"), at, b"MAC1")
    assert (paid.tac.hex(), paid.mac2.hex()) == ("a1b2c3d4", "e5f60718")
    session.select("DF01")
    proof = account.proof(1, 9)
    assert (proof.mac.hex(), proof.tac.hex()) == ("01020304", "05060708")
    index = f"{SAMPLE.purse_key_index():02X}"
    opens = [at for at, command in enumerate(sent) if command[0] == 0xB0 and command[1] in (0x26, 0x28, 0x2A, 0x5A)]
    session.select("DF01")
    session.select("DF04")
    assert {sent[at - 1] for at in opens} == {sent[-1]}  # each of the four selects the account's directory first
    assert [command.hex().upper() for command in sent if command[0] == 0xB0] == [
        "B026000104",
        f"B02800010B{index}000004B043010000000110",
        "B05200000B20140731093017" + b"MAC2".hex().upper() + "04",
        f"B02A01010B{index}0000012C4301000000010F",
        "B05401000F0000000520140731093015" + b"MAC1".hex().upper() + "08",
        "B05A000102000908",
    ]


@pytest.mark.parametrize("tac", ["A1B2C3", "A1B2C3D4E5", ""])
def test_a_tac_of_the_account_has_four_bytes(tac: str) -> None:
    opened = bytes.fromhex("000003E8 0007 01 00 11223344 AABBCCDD 9000")
    session, _ = account_session({0x28: opened, 0x52: bytes.fromhex(tac + "9000")})
    with pytest.raises(MalformedData, match="TAC"):
        Account(session).load(1200, bytes(6), AT, Counting())


def test_evidence_asks_for_nothing_that_moves_money() -> None:
    """The counters come from initialises of no amount, whichever way the money went."""
    channel = Answers(tearing.make_card(), 0x00, b"")
    purse = tearing.open_purse(channel)
    purse.select()
    channel.sent.clear()
    assert [purse.number(movement) for movement in Movement] == [0, 0]
    assert [(command[:4].hex(), command[6:10]) for command in channel.sent if command[1] == 0x50] == [
        ("80500102", bytes(4)), ("80500002", bytes(4)),
    ]  # fmt: skip


def test_a_load_has_no_number_of_a_terminals_psam() -> None:
    kept: list[MoneyRecord] = []
    tearing.open_purse(tearing.make_card()).load(
        100, bytes(6), AT, tearing.KeyedLoadHost(tearing.KEYS), journal=kept.append
    )
    assert [(record.movement, record.terminal_txn_no, record.balance_after_fen) for record in kept] == [
        (Movement.LOAD, 0, tearing.START + 100)
    ]


@pytest.mark.parametrize("ending", ["wrong", "unblocked"])
def test_a_pin_counts_as_verified_until_it_is_wrong_or_changed_by_the_issuer(ending: str) -> None:
    session = open_session(make_card(), holder=make_holder())
    session.verify_pin("123456")
    assert session._pin_verified
    if ending == "wrong":
        with pytest.raises(PinWrong):
            session.verify_pin("654321")
    else:
        session.unblock_pin()
    assert not session._pin_verified


def test_a_purse_uses_the_session_it_is_given_and_else_one_of_its_own() -> None:
    channel = Answers(tearing.make_card(), 0x00, b"")
    session = CardSession(channel, profile=SAMPLE)
    assert Purse(channel, profile=SAMPLE, session=session)._session is session
    alone = Purse(channel, profile=SAMPLE)
    assert (alone._session is session, alone.balance(), alone.factor) == (False, tearing.START, session.factor)


def test_a_pin_is_not_reloaded_without_keys() -> None:
    session = open_session(make_card())
    with pytest.raises(PsamMissing) as missing:
        session.reload_pin("135792")
    assert (session.apdu_count, missing.value.step) == (0, "reload PIN")


def test_a_log_is_rows_and_a_file_of_another_kind_none() -> None:
    """A profile may name a file whose content is one value: nothing of it is evidence."""
    declared = SAMPLE.assumed.purse_log
    assert declared is not None
    rows = SAMPLE.file(declared.path)
    whole = replace(rows, structure=Structure.TRANSPARENT, records=rows.records[:1], count=1)
    channel = Answers(tearing.make_card(), 0xB2, bytes(rows.records[0].length) + b"\x90\x00")
    purse = Purse(channel, profile=replace(SAMPLE, more_files=(whole,)))
    purse.select()
    assert purse.log() is None


def test_an_item_with_a_bar_moves_no_other() -> None:
    """What callers of the driver interface split at "|": a name, an address, a terminal's number."""
    full = open_session(make_card(), holder=make_holder()).read_basic()
    for place, changed in ((5, replace(full, name="张|三")), (2, replace(full, id_number="1|2"))):
        with pytest.raises(RecordMalformed, match=f"item {place} "):
            changed.driver_line(make_card().atr)
    for terminal, device in (("43|01", ""), ("", "设备|1")):
        with pytest.raises(RecordMalformed, match="would move"):
            full.driver_line(make_card().atr, terminal, device)
    session = open_session(make_card(), holder=make_holder())
    with pytest.raises(MalformedHsmText, match="terminal number"):
        session.begin_basic("4301|")
    assert session.begin_basic("430100000001").format().count("|") == 9


def test_what_a_card_refuses_and_what_to_do_is_told_in_the_language_of_the_whole() -> None:
    """Also where one status word wants another advice at one step than at others."""
    with pytest.raises(UnexpectedStatus) as refused:
        open_session(Answers(make_card(), 0xA4, b"\x6a\x82")).select_environment()
    assert refused.value.in_language("zh") == "卡应答 6A82：文件未找到 [select SSSE]；请确认这是社保卡"
    assert refused.value.in_language("en") == (
        "card answered 6A82: file not found (文件未找到) [select SSSE]; check that it is a social security card"
    )
    assert refused.value.advice == "check that it is a social security card"
    assert not UnexpectedStatus(StatusWord(0x6A82), step="x").advice
