"""Redacted sessions: no person in them, every value still right, and they replay."""

import random
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import ATR, CommandAPDU, Exchange, RecordingChannel, ReplayChannel, historical_factor, trace
from apdu.catalogue import find
from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from readers.sim.settings import SimSettings
from sbcard_core.card.personalize import CardRequest, order_lines
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.card.redact import TraceRedactor
from sbcard_core.card.redact_values import Blur
from sbcard_core.card.session import CardSession
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import bank_card, card_number, citizen_id

KEYS = MasterKeys.simulation(237)
TRANSPORT = KEYS.get(KeyUsage.TRANSPORT)
ID, NAME, CARD_NO = (
    "43010219800101001" + citizen_id.check_digit("43010219800101001"),
    "阿卜杜拉·买买提江·古丽巴哈尔",
    "X00000019",
)
FACTOR, SALT = bytes.fromhex("8660140731000001"), bytes(range(16))
PIN = "123456"


def record() -> list[str]:
    """A reading, an authentication and a PIN at both slots, redacted while they are recorded."""
    request = CardRequest(
        1, CARD_NO, "430100", FACTOR[4:], FACTOR, ID, NAME, "1", "05", "19800101", "20140804", "20240804"
    )
    line = next(order_lines([request], KEYS, TRANSPORT))
    card = VirtualCard.from_order(line, TRANSPORT.material(), rng=random.Random(1).randbytes)
    roots = {usage.value: KEYS.get(usage).material() for usage in (KeyUsage.IRK, KeyUsage.RK_SSSE, KeyUsage.UK_SSSE)}
    psam = VirtualPSAM(roots, bytes(6), rng=random.Random(2).randbytes, settings=SimSettings())
    lines: list[str] = []
    redact = TraceRedactor(SALT)
    slot_card = RecordingChannel(card, lines.append, slot="card", redact=redact, atr=card.atr)
    slot_card.note(f"holder {ID}")
    run(slot_card, RecordingChannel(psam, lines.append, slot="psam", redact=redact), card.atr)
    assert slot_card.failure is None
    return lines


def run(card: RecordingChannel | ReplayChannel, psam: RecordingChannel | ReplayChannel, atr: bytes) -> CardSession:
    session = CardSession(card, psam, profile=SAMPLE, atr=atr, rng=random.Random(3).randbytes)
    session.basic = session.read_basic()  # type: ignore[attr-defined]
    session.internal_authenticate()
    session.external_authenticate()
    session.verify_pin(PIN)
    return session


def test_no_person_is_left_and_the_session_replays() -> None:
    lines = record()
    text = "\n".join(lines).upper()
    for secret in (ID.encode(), NAME.encode("gb18030")[:8], CARD_NO.encode(), FACTOR, FACTOR[-4:], b"\x19\x80\x01\x01"):
        assert secret.hex().upper() not in text
    assert ID not in text
    assert "0020000003123456" not in text
    exchanges = list(trace.parse(lines))
    card, psam = ReplayChannel(exchanges, slot="card"), ReplayChannel(exchanges, slot="psam")
    assert card.atr is not None
    assert ATR.parse(card.atr).protocols == (0,)
    shown = run(card, psam, card.atr).basic  # type: ignore[attr-defined]
    card.finish()
    psam.finish()
    assert citizen_id.is_valid(shown.id_number)
    assert citizen_id.birth_date(shown.id_number).strftime("%Y%m%d") == shown.birth_date
    assert (shown.id_number[:2], shown.id_number[6:10], int(shown.id_number[16]) % 2) == ("43", "1980", 1)
    assert card_number.is_valid(shown.card_no)
    assert len(shown.name) == len(NAME)
    assert shown.name.count("·") == 2
    assert shown.name != NAME
    assert shown.identification_code.startswith("430100D156000005")
    assert shown.identification_code[16:24] == historical_factor(card.atr)[-4:].hex().upper()


def test_one_salt_one_answer_another_salt_another() -> None:
    read = Exchange(bytes.fromhex("00B2083000"), b"\x08\x12" + ID.encode() + b"\x90\x00")
    first, again, other = (TraceRedactor(salt)(read) for salt in (SALT, SALT, SALT[::-1]))
    assert first == again != other
    with pytest.raises(InvalidValue):
        TraceRedactor(bytes(15))


def test_values_go_wherever_they_are_repeated() -> None:
    redact = TraceRedactor(SALT)
    atr = redact(Exchange(None, bytes.fromhex("3B6D0000009000000" + "08660140731000001"))).answer
    assert atr is not None
    prepared = redact(Exchange(bytes.fromhex("BFDE280A10") + FACTOR + bytes(8), bytes.fromhex("9000"))).command
    assert prepared is not None
    assert prepared[5:13] == historical_factor(atr) != FACTOR


def test_notes_go_or_lose_their_numbers() -> None:
    told = Exchange(bytes.fromhex("0084000008"), None, note=f"holder {ID}, card {CARD_NO}, step 12")
    assert TraceRedactor(SALT)(told).note == ""
    kept = TraceRedactor(SALT, keep_notes=True)(told).note
    assert ID not in kept
    assert CARD_NO not in kept
    assert kept.endswith("step 12")
    assert citizen_id.is_valid(kept.split()[1].rstrip(","))


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("0304322E30309000", True),  # the version names nobody
        ("0A01319000", True),
        ("6A83", True),
        ("230831323334353637389000", False),  # an address
        ("EA0C4142434445464748494A4B4C9000", False),  # a regional record
        ("0001" + "06" + "430100000001" + "20140731102030" + "000003E8" * 3 + "9000", True),  # the account's log
    ],
)
def test_what_stays_and_what_goes(answer: str, kept: bool) -> None:
    wire = bytes.fromhex(answer)
    shown = TraceRedactor(SALT)(Exchange(bytes.fromhex("00B2010400"), wire)).answer
    assert shown is not None
    assert len(shown) == len(wire)
    assert (shown == wire) is kept


def test_bank_record_keeps_issuer_and_luhn() -> None:
    number = "621030000000001"
    number += bank_card.check_digit(number)
    track = number + "D2412201" + "12345F"
    record = bytes.fromhex(
        "70" + "1E" + "5A08" + number + "57" + f"{len(track) // 2:02X}" + track + "5F24" + "03" + "241231"
    )
    record = record[:1] + bytes((len(record) - 2,)) + record[2:]
    shown = TraceRedactor(SALT)(Exchange(bytes.fromhex("00B2010C00"), record + b"\x90\x00")).answer
    assert shown is not None
    assert len(shown) == len(record) + 2
    new = shown[4:12].hex()
    assert new != number
    assert new[:6] == number[:6]
    assert bank_card.luhn_is_right(new)
    assert new in shown[12:].hex()
    assert shown.hex().endswith("5f2403241231" + "9000")


@pytest.mark.parametrize("size", [3, 20, 23, 28, 32])
@pytest.mark.parametrize("form", ["untagged", "kept tag", "unknown tag", "wrong length"])
def test_a_citizen_number_in_any_record_is_replaced(size: int, form: str) -> None:
    for at in range(max(1, size - 18)):
        body = (b"\x01" * at + ID.encode()).ljust(size, b"\x00")
        head = {"untagged": b"", "kept tag": bytes((4, len(body))), "unknown tag": bytes((0xEA, len(body)))}
        record = head.get(form, b"\x08\x05") + body
        shown = TraceRedactor(SALT)(Exchange(bytes.fromhex("00B2010400"), record + b"\x90\x00")).answer
        assert shown is not None
        assert len(shown) == len(record) + 2
        assert ID.encode()[:-4] not in shown


@given(
    st.binary(min_size=4, max_size=4),
    st.binary(max_size=30),
    st.binary(max_size=30),
    st.sampled_from([ID.encode(), NAME.encode("gb18030"), FACTOR, bytes.fromhex("6210300000000019")]),
    st.booleans(),
)
def test_no_record_and_no_command_outside_the_list_keeps_a_person(
    header: bytes, front: bytes, back: bytes, person: bytes, with_tag: bool
) -> None:
    known = find(*header)
    data = front + person + back
    if with_tag:
        data = bytes((front[0] if front else 9, len(data))) + data
    redact = TraceRedactor(SALT)
    sent = redact(Exchange(CommandAPDU(*header, data).encode(), data + b"\x90\x00"))
    if known is None or not known.recorded or header[1] in (0xDC, 0xE2, 0xD6):
        assert sent.command is not None
        assert person not in sent.command
    for reading in ("00B2010400", "00B0000000", "00CA9F7F00", "00A4040000"):
        answer = redact(Exchange(bytes.fromhex(reading), data + b"\x90\x00")).answer
        assert answer is not None
        assert len(answer) == len(data) + 2
        assert person not in answer


def test_an_atr_of_any_length_and_a_card_factor_alone_show_no_serial() -> None:
    redact = TraceRedactor(SALT)
    for historical in (FACTOR[-6:], b"\x80" + FACTOR, b"ABCDE" + FACTOR):
        raw = bytes((0x3B, len(historical))) + historical
        shown = redact(Exchange(None, raw)).answer
        assert shown is not None
        assert len(shown) == len(raw)
        assert FACTOR[-6:] not in shown
    for wire in ("BFDE280A10", "801A280A10"):
        prepared = TraceRedactor(SALT)(Exchange(bytes.fromhex(wire) + FACTOR + bytes(8), b"\x90\x00")).command
        assert prepared is not None
        assert FACTOR[-6:] not in prepared


def test_a_terminal_number_stays_and_a_holders_file_of_the_same_number_goes() -> None:
    """A purse card's file 16: type, staff, name; published layout of city cards."""
    asked = bytes.fromhex("00B0960006")
    for content, kept in ((bytes.fromhex("430100000001"), True), (b"\x00\x01" + "张三".encode("gb18030"), False)):
        shown = TraceRedactor(SALT)(Exchange(asked, content + b"\x90\x00")).answer
        assert shown is not None
        assert (shown[:-2] == content) is kept
    holder = b"\x00\x01" + "张三".encode("gb18030").ljust(20, b"\x00") + ID.encode().ljust(32, b"\x00") + b"\x01"
    shown = TraceRedactor(SALT)(Exchange(bytes.fromhex("00B0960037"), holder + b"\x90\x00")).answer
    assert shown is not None
    assert ID.encode() not in shown
    assert "张三".encode("gb18030") not in shown


def test_photos_and_unknown_files_go_whole() -> None:
    for command in ("00B0000000", "00CA9F3600", "00C0000010"):
        shown = TraceRedactor(SALT)(Exchange(bytes.fromhex(command), ID.encode() + b"\x90\x00")).answer
        assert shown is not None
        assert ID.encode() not in shown
        assert shown[-2:] == b"\x90\x00"


def test_records_are_redacted_on_their_way_to_the_card_too() -> None:
    redact, record = TraceRedactor(SALT), b"\x08\x12" + ID.encode()
    written = redact(Exchange(bytes.fromhex("00DC083014") + record, b"\x90\x00")).command
    read = redact(Exchange(bytes.fromhex("00B2083014"), record + b"\x90\x00")).answer
    assert written is not None
    assert read is not None
    assert written[5:] == read[:-2] != record
    protected = redact(Exchange(bytes.fromhex("04DC083018") + record + b"MAC4", b"\x90\x00")).command
    assert protected is not None
    assert protected[5:] == written[5:] + b"MAC4"


@given(
    st.dates(date(1900, 1, 1), date(2014, 1, 1)),
    st.integers(0, 999),
    st.booleans(),
    st.binary(min_size=16, max_size=16),
)
def test_citizen_numbers_stay_as_right_as_they_were(born: date, number: int, right: bool, salt: bytes) -> None:
    body = f"430102{born:%Y}{born:%m%d}{number:03d}"
    check = citizen_id.check_digit(body)
    text = body + (check if right else "1" if check != "1" else "2")
    shown = Blur(salt).citizen_number(text.encode()).decode()
    assert (shown[17] == citizen_id.check_digit(shown[:17])) is right
    assert citizen_id.is_valid(shown) or not right
    assert int(shown[16]) % 2 == int(text[16]) % 2
    assert Blur(salt).packed_birth(bytes.fromhex(text[6:14])).hex() == shown[6:14]


@given(st.text(min_size=0, max_size=12), st.integers(0, 5))
def test_text_keeps_its_width_and_its_padding(text: str, padding: int) -> None:
    try:
        raw = text.encode("gb18030")
    except UnicodeEncodeError:
        return
    shown = Blur(SALT).text("name", raw + bytes(padding))
    assert len(shown) == len(raw) + padding
    assert shown.endswith(bytes(padding))
    shown.decode("gb18030")


maybe = st.one_of(st.none(), st.binary(max_size=60))


@given(st.lists(st.tuples(maybe, maybe), max_size=4))
def test_any_exchange_is_redacted_to_the_same_length(rows: list[tuple[bytes | None, bytes | None]]) -> None:
    redact = TraceRedactor(SALT)
    for command, answer in rows:
        shown = redact(Exchange(command, answer))
        assert (None if shown.command is None else len(shown.command)) == (None if command is None else len(command))
        assert len(shown.answer or b"") == len(answer or b"")
