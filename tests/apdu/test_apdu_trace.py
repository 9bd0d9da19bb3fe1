"""Recorded sessions: what never reaches a sink, what comes back, and where a replay stops."""

import itertools
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apdu import (
    CardLost,
    CommandAPDU,
    Exchange,
    RecordingChannel,
    ReplayChannel,
    ReplayMismatch,
    TraceMalformed,
    maintenance,
    pki,
    psam,
    trace,
)
from apdu import instructions as iso
from apdu.catalogue import INSTRUCTIONS, find
from apdu.scrub import Scrubber
from apdu.words import describe

PIN = "246813"


class Card:
    def __init__(self, *answers: str, atr: bytes | None = None) -> None:
        self.answers = [bytes.fromhex(answer) for answer in answers]
        if atr is not None:
            self.atr = atr

    def transmit(self, _: bytes) -> bytes:
        if not self.answers:
            raise CardLost("pulled", step="test")
        return self.answers.pop(0)


def mac(_header: bytes, _body: bytes) -> bytes:
    return b"\x01\x02\x03\x04"


SECRETS = [
    iso.verify_pin(PIN),
    iso.change_pin("123456", PIN),
    maintenance.reload_pin(PIN, bytes(4)),
    maintenance.reload_pin_secure(bytes.fromhex(PIN) * 5 + b"x", mac),
    maintenance.unblock_pin(mac, bytes.fromhex(PIN)),
    pki.hash_pin(PIN),
    pki.change_pin(bytes.fromhex(PIN) * 5 + b"x", mac),
    pki.update_master_key(bytes.fromhex(PIN) * 10 + b"xx", mac),
    CommandAPDU(0x0C, 0x20, 0, 0, bytes.fromhex(PIN)),
    CommandAPDU(0x10, 0x24, 0, 0, bytes.fromhex(PIN) * 90),
    CommandAPDU(0xB0, 0xD4, 0, 0, bytes.fromhex(PIN), ne=3, extended=True),
    CommandAPDU(0x00, 0x28, 0, 0, bytes.fromhex(PIN)),  # ENABLE VERIFICATION; B028 is another command
    CommandAPDU(0x04, 0x26, 0, 0, bytes.fromhex(PIN) + b"MAC4"),  # DISABLE VERIFICATION, with a MAC
    CommandAPDU(0x00, 0xDB, 0x3F, 0xFF, bytes.fromhex(PIN)),  # PUT DATA of a reference value
    CommandAPDU(0x00, 0xD2, 1, 4, bytes.fromhex(PIN)),  # WRITE RECORD
    CommandAPDU(0xFF, 0x82, 0, 0, bytes.fromhex(PIN) * 2),  # a reader loads a key: not EXTERNAL AUTHENTICATE
    CommandAPDU(0x20, 0xD6, 0, 0, bytes.fromhex(PIN)),  # a reserved class says nothing of its data
    psam.descrypt(bytes.fromhex(PIN) * 8),  # a PSAM prepared for nobody knows what
]


@pytest.mark.parametrize("command", SECRETS, ids=repr)
def test_no_pin_and_no_key_reaches_the_sink(command: CommandAPDU) -> None:
    lines: list[str] = []
    channel = RecordingChannel(Card("9000", "9000"), lines.append, redact=None)
    channel.transmit(command.encode())
    assert PIN not in "".join(lines)
    recorded = next(trace.parse(lines)).command
    assert recorded is not None
    assert len(recorded) == len(command.encode())
    assert recorded[:4] == command.header


def holds(recorded: bytes, secret: bytes) -> bool:
    return any(secret[at : at + 4] in recorded for at in range(len(secret) - 3))


headers = st.binary(min_size=4, max_size=4)
secrets = st.binary(min_size=8, max_size=16).filter(lambda secret: b"\x00" not in secret)


@given(headers, secrets, st.sampled_from([0, 8, 256, 65536]), st.booleans())
def test_data_is_recorded_only_for_instructions_on_the_list(
    header: bytes, secret: bytes, ne: int, extended: bool
) -> None:
    listed = find(*header)
    allowed = listed is not None and listed.recorded and listed.ins != 0xFA
    wire = CommandAPDU(*header, secret, ne, extended or ne > 256).encode()
    scrubber = Scrubber()
    shown, answer = scrubber.command(wire), scrubber.answer(secret + b"\x90\x00")
    assert (len(shown), shown[:4]) == (len(wire), header)
    assert holds(shown, secret) is allowed
    assert holds(answer, secret) is (allowed and header[1] != 0xC0)
    assert (len(answer), answer[-2:]) == (len(secret) + 2, b"\x90\x00")


@given(st.sampled_from([one for one in INSTRUCTIONS if not one.recorded]), st.integers(0, 255), secrets)
def test_what_carries_pins_is_on_no_list_in_any_class(one: object, cla: int, secret: bytes) -> None:
    header = bytes((cla, one.ins, one.p1 or 0, one.p2 or 0))  # type: ignore[attr-defined]
    assert not holds(Scrubber().command(CommandAPDU(*header, secret).encode()), secret)


@given(headers, st.binary(min_size=3, max_size=12))
def test_commands_whose_lengths_do_not_add_up_keep_their_header(header: bytes, tail: bytes) -> None:
    wire = header + bytes((len(tail) + 3,)) + tail
    assert Scrubber().command(wire) == header + bytes(len(tail) + 1)
    listed = find(*header)
    alone = header + tail[:1]  # Le, or the first digits of a PIN that lost its Lc
    shown = alone if listed is not None and listed.recorded and listed.ins != 0xFA else header + b"\x00"
    assert Scrubber().command(alone) == shown
    assert Scrubber().command(bytes.fromhex("0020000012")) == bytes.fromhex("0020000000")


@given(st.integers(0, 255), st.sampled_from([0x20, 0x24, 0x5E]))
def test_digits_behind_a_short_length_are_hidden(cla: int, ins: int) -> None:
    wrong = bytes((cla, ins, 0, 0, 2)) + bytes.fromhex(PIN)  # Lc one too small: the last digits stand where Le is
    assert Scrubber().command(wrong)[5:] == bytes(3)


def test_the_hash_of_a_pin_is_no_answer_for_a_trace() -> None:
    lines: list[str] = []
    channel = RecordingChannel(Card("6120", "AB" * 32 + "9000", "1122334455667788" + "9000"), lines.append)
    channel.transmit(pki.hash_pin(PIN).encode())
    assert channel.transmit(iso.get_response(32).encode())[:32] == b"\xab" * 32
    channel.transmit(iso.get_challenge().encode())
    assert "ABAB" not in "".join(lines)
    assert "1122334455667788" in "".join(lines)


def test_pin_blocks_given_to_a_psam_are_hidden_until_it_is_prepared_again() -> None:
    lines: list[str] = []
    channel = RecordingChannel(Card(*["CCCCCCCCCCCCCCCC9000"] * 4), lines.append)
    for key_type in (psam.KeyType.PIN_RELOAD, psam.KeyType.MAC_ENCRYPT):
        channel.transmit(psam.init_for_descrypt(key_type, 0x10, [bytes(8)], bytes(8)).encode())
        channel.transmit(psam.descrypt(b"\xbb" * 8).encode())
    commands = [line for line in lines if '">"' in line]
    assert ["BBBB" in line for line in commands] == [False, False, False, True]
    assert ["CCCC" in line for line in lines if '"<"' in line] == [True, False, True, True]


def test_times_slots_notes_and_lost_cards() -> None:
    ticks = itertools.count(10.0, 0.25)
    lines: list[str] = []
    card = Card("6A83", atr=bytes.fromhex("3B00"))
    channel = RecordingChannel(card, lines.append, clock=lambda: next(ticks), slot="card", atr=card.atr)
    assert channel.atr == b"\x3b\x00"
    channel.note("读姓名扩展")
    channel.transmit(bytes.fromhex("00B24E3000"))
    with pytest.raises(CardLost):
        channel.transmit(bytes.fromhex("0084000008"))
    assert lines[:3] == [
        '{"dir": "!", "hex": "3B00", "slot": "card"}',
        '{"dir": ">", "hex": "00B24E3000", "slot": "card", "note": "读姓名扩展"}',
        '{"dir": "<", "hex": "6A83", "elapsed": 0.25, "slot": "card"}',
    ]
    exchanges = list(trace.parse(lines))
    assert [one.answer for one in exchanges] == [b"\x3b\x00", b"\x6a\x83", None]
    replay = ReplayChannel(exchanges)
    assert replay.atr == b"\x3b\x00"
    replay.transmit(bytes.fromhex("00B24E3000"))
    with pytest.raises(CardLost):
        replay.transmit(bytes.fromhex("0084000008"))
    replay.finish()


def test_a_sink_that_fails_costs_no_answer() -> None:
    def full(_: str) -> None:
        raise OSError("disk full")

    channel = RecordingChannel(Card("9000", "6A83"), full)
    assert channel.transmit(bytes.fromhex("8054010000")) == b"\x90\x00"
    assert isinstance(channel.failure, OSError)
    assert channel.transmit(bytes.fromhex("00B2010400")) == b"\x6a\x83"


def test_a_redactor_sees_no_pin_and_decides_the_rest() -> None:
    seen: list[bytes | None] = []

    def redact(exchange: Exchange) -> Exchange:
        seen.append(exchange.command)
        return Exchange(exchange.command, b"\x00" * (len(exchange.answer or b"") - 2) + b"\x90\x00", slot="x")

    lines: list[str] = []
    channel = RecordingChannel(Card("AABB9000", "9000"), lines.append, redact=redact)
    assert channel.transmit(bytes.fromhex("00B2010400"))[:2] == b"\xaa\xbb"
    channel.transmit(iso.verify_pin(PIN).encode())
    assert seen[1] == bytes.fromhex("0020000003000000")
    assert "AABB" not in "".join(lines)
    old = [Exchange(iso.verify_pin(PIN).encode(), b"\x90\x00")]
    assert [one.command for one in trace.redacted(old, lambda one: one)] == [bytes.fromhex("0020000003000000")]


wires = st.binary(min_size=4, max_size=12)
slots = st.sampled_from(["", "card", "psam"])


@given(st.lists(st.builds(Exchange, wires, st.binary(min_size=2, max_size=12), st.sampled_from([None, 0.5]), slots)))
def test_lines_read_back_are_the_exchanges(exchanges: list[Exchange]) -> None:
    lines = [line for exchange in exchanges for line in exchange.lines()]
    assert list(trace.parse(lines)) == exchanges
    for slot in ("", "card", "psam"):
        replay = ReplayChannel(exchanges, slot=slot)
        for one in exchanges:
            if one.slot == slot and one.command is not None:
                assert replay.transmit(one.command) == one.answer
        replay.finish()


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "{",
        "[" * 5000,
        '{"dir": "?", "hex": ""}',
        '{"dir": ">", "hex": "0G"}',
        '{"dir": ">", "hex": 5}',
        '{"dir": ">"}',
        '{"dir": "<", "hex": "9000"}',
        '{"dir": ">", "hex": "", "elapsed": "x"}',
        '{"dir": ">", "hex": "", "slot": 1}',
        '{"dir": ">", "hex": "' + "00" * 200_000 + '"}',
    ],
)
def test_lines_that_are_no_trace(line: str) -> None:
    with pytest.raises(TraceMalformed, match="line 1"):
        list(trace.parse([line]))


@given(
    st.lists(st.builds(Exchange, wires, st.binary(min_size=2, max_size=12), st.none(), slots), min_size=1, max_size=4),
    st.one_of(st.text(max_size=60), st.sampled_from(['{"dir": ">"}', '{"hex": "00"}', '{"dir": ">", "hex": "0"}'])),
    st.data(),
)
def test_a_line_that_is_none_is_named_wherever_it_stands(
    exchanges: list[Exchange], wrong: str, data: st.DataObject
) -> None:
    lines = [line for exchange in exchanges for line in exchange.lines()]
    place = data.draw(st.integers(0, len(lines)))
    assume(wrong.strip())
    with pytest.raises(TraceMalformed, match=f"line {place + 1}\\b"):
        list(trace.parse([*lines[:place], wrong, *lines[place:]]))


RECORDED = [
    Exchange(bytes.fromhex("00B2010412"), bytes.fromhex("6A83")),
    Exchange(bytes.fromhex("00DC010402AABB"), b"\x90\x00"),
]


@pytest.mark.parametrize(
    ("commands", "index", "position", "words"),
    [
        (["00B0010412"], 0, 1, "INS"),
        (["00B2010413"], 0, 4, "length"),
        (["00B20104"], 0, 4, "4 bytes, recorded 5"),
        (["00B2010412", "00DC010402BCBB"], 1, 5, "after the header"),
        (["00B2010412", "00DC010402AABC"], 1, 6, "after the header"),
        (["00B2010412", "00DC010402AABB", "0084000008"], 2, None, "at its end"),
    ],
)
def test_the_first_difference_is_told(commands: list[str], index: int, position: int | None, words: str) -> None:
    replay = ReplayChannel(RECORDED)
    for command in commands[:-1]:
        replay.transmit(bytes.fromhex(command))
    with pytest.raises(ReplayMismatch, match=words) as caught:
        replay.transmit(bytes.fromhex(commands[-1]))
    assert (caught.value.index, caught.value.position) == (index, position)
    assert "BC" not in str(caught.value)


def test_what_may_differ_is_left_out_and_an_early_end_is_told() -> None:
    replay = ReplayChannel(RECORDED, normalise=lambda wire: wire[:5])
    replay.transmit(bytes.fromhex("00B2010412"))
    with pytest.raises(ReplayMismatch, match="1 recorded"):
        replay.finish()
    assert replay.transmit(bytes.fromhex("00DC010402FFFF")) == b"\x90\x00"


@pytest.mark.parametrize(
    ("command", "answer", "zh"),
    [
        ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "9000", "按名称选择 SSSE → 9000 成功"),
        ("00A4000002EF05", "9000", "按标识选择 EF05 → 9000 成功"),
        ("00B2083014", "0812" + "00" * 18 + "9000", "读记录 EF06 标识08 → 9000 成功，20字节"),
        ("0082000A10" + "00" * 16, "63C2", "外部认证 密钥0A → 63C2 校验失败，剩余2次"),
        ("8424000114" + "00" * 20, "9000", "重装密码（安全报文） → 9000 成功"),
        ("11D6000001AA", "9000", "修改二进制 +0（信道1）（续） → 9000 成功"),
        ("00B0850200", "6B00", "读二进制 SFI 05 +2 → 6B00 偏移量错误"),
        ("B02A00010B", "6D00", "未知命令 B02A0001 → 6D00 命令不支持"),
        ("00A4", "", "错误命令（2字节） → 卡无应答"),
    ],
)
def test_words(command: str, answer: str, zh: str) -> None:
    names = {bytes.fromhex("EF05"): "EF05", b"\x06": "EF06", iso.SSSE_AID: "SSSE"}
    said = describe(Exchange(bytes.fromhex(command), bytes.fromhex(answer)), names.get)
    assert said.zh == zh
    assert said.en.isprintable()


@given(st.binary(max_size=30), st.one_of(st.none(), st.binary(max_size=10)))
def test_any_exchange_has_words(command: bytes, answer: bytes | None) -> None:
    assert describe(Exchange(command, answer)).zh
    assert describe(Exchange(None, answer)).en


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_trace_is_read_as_shells_and_editors_write_it(tmp_path: Path, encoding: str, end: str) -> None:
    """What ends a line is a line feed; other marks that end lines of text may stand in a note."""
    exchange = Exchange(bytes.fromhex("0084000008"), b"\x90\x00", 0.5, "card", "一\u2028二\x85三")
    text = end.join(exchange.lines()) + end
    raw = b"\xff\xfe" + text.encode("utf-16-le") if encoding == "utf-16-le-sig" else text.encode(encoding)
    (tmp_path / "trace.jsonl").write_bytes(raw)
    assert trace.read(tmp_path / "trace.jsonl") == [exchange]


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", b"\x81\x00", b"\xd5\xc5\xc8\xfd"])
def test_a_trace_that_is_no_text_is_refused_as_that(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "trace.jsonl").write_bytes(raw)
    with pytest.raises(TraceMalformed, match="UTF-8") as refused:
        trace.read(tmp_path / "trace.jsonl")
    assert refused.value.__cause__ is None


@given(st.sampled_from([0x20, 0xC4]), st.sampled_from([1, 3, 255, 256, 300]), st.integers(0, 65536), st.booleans())
def test_of_a_hidden_command_only_header_and_lengths_stay(ins: int, nc: int, ne: int, extended: bool) -> None:
    """Le is as good as gone: the byte may be the last of a PIN whose length was one too small."""
    command = CommandAPDU(0x00, ins, 0, 0, b"\x77" * nc, ne)
    wire = command.replace(extended=extended or command.extended).encode()
    hidden = Scrubber().command(wire)
    before = 7 if CommandAPDU.decode(wire).extended else 5
    assert hidden == wire[:before] + bytes(len(wire) - before)


def test_a_line_of_the_most_characters_is_read_and_a_longer_one_refused() -> None:
    line = '{"dir": ">", "hex": "00840000"}'
    (longest,) = trace.parse([line.ljust(trace.MAX_LINE)])
    assert longest.command == bytes.fromhex("00840000")
    with pytest.raises(TraceMalformed, match="too long"):
        list(trace.parse([line.ljust(trace.MAX_LINE + 1)]))


@pytest.mark.parametrize("key", ["hex", "slot", "note"])
@pytest.mark.parametrize("value", ["5", "null", "[]", "{}", "true", "1.5"])
def test_each_text_of_a_line_is_a_text(key: str, value: str) -> None:
    row = {"dir": '">"', "hex": '"00840000"', "slot": '"card"', "note": '"x"', key: value}
    with pytest.raises(TraceMalformed, match="are text"):
        list(trace.parse(["{" + ", ".join(f'"{name}": {text}' for name, text in row.items()) + "}"]))


def test_words_name_files_by_number_where_nobody_names_them() -> None:
    selected = describe(Exchange(bytes.fromhex("00A4000002EF05"), bytes.fromhex("9000")))
    assert "EF05" in selected.en
    assert "SFI 05" in describe(Exchange(bytes.fromhex("00B2012C00"), bytes.fromhex("9000"))).en
    named = describe(Exchange(bytes.fromhex("00A4000002EF05"), bytes.fromhex("9000")), lambda _: "the card's file")
    assert "the card's file" in named.zh


def test_exchanges_of_two_slots_resets_and_lost_cards_come_in_the_order_of_their_ends() -> None:
    """A reset between, an answer on the other slot, and a command that was never answered."""
    rows = [
        (">", "0001", "card"), (">", "0002", "psam"), ("!", "3B00", "reader"), ("<", "9000", "psam"),
        (">", "0003", "psam"), ("<", "6A82", "card"), ("!", "3B01", "psam"), (">", "0004", "card"),
    ]  # fmt: skip
    lines = [f'{{"dir": "{way}", "hex": "{text}", "slot": "{slot}"}}' for way, text, slot in rows]
    found = [(one.command, one.answer, one.slot) for one in trace.parse(["", *lines, "  "])]
    assert found == [
        (None, b"\x3b\x00", "reader"), (b"\x00\x02", b"\x90\x00", "psam"), (b"\x00\x01", b"\x6a\x82", "card"),
        (b"\x00\x03", None, "psam"), (None, b"\x3b\x01", "psam"), (b"\x00\x04", None, "card"),
    ]  # fmt: skip
