"""A card through a vendor's driver: items, files, codes, and what one bad item costs."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from apdu.errors import CardLost, UnexpectedStatus
from readers import drivers
from readers.errors import (
    AnswerMalformed,
    NoCard,
    NotSupported,
    PinEntryFailed,
)
from readers.sscard import Interface, ReadRight, SSCardReader
from readers.sscard_abi import CODES, FUNCTIONS, HOLDER_SECONDS, READ_SECONDS, failure
from readers.sscard_driver import Driver
from readers.sscard_guard import Guard, Out
from readers.sscard_items import parse_basic
from sbcard_core.card.errors import (
    AlgorithmNeedsVendor,
    CardDiffers,
    IdentificationMalformed,
    InitialPinRefused,
    PinLocked,
    PinWrong,
    PsamMissing,
    driver_code,
)
from sbcard_core.cli.app import app
from sbcard_core.errors import InvalidValue, SBCardError
from tests.readers.driver_line import LINE, RECORDS

LIMIT = 0.15
"""Seconds a call that hangs gets."""
LONG = 60
"""Seconds any other call gets: one that a busy machine holds up has not hung."""


@pytest.fixture
def reader(library: Path) -> Iterator[SSCardReader]:
    with drivers.open(f"sscard:{library}", limits={"iReadCardBas": LIMIT}) as reader:
        assert isinstance(reader, SSCardReader)
        yield reader


def test_items_by_name(reader: SSCardReader) -> None:
    card = reader.connect_card()
    basic = card.basic_items()
    assert (basic.name, basic.card_no, basic.device_no) == ("李珅", "X00000019", "终端设备号")
    assert card.atr.hex().upper() == "3B6D000000814E43238697159900BF7C7A"
    assert "李" not in repr(basic)
    assert "1981" not in repr(basic)
    found = card.read({"SSSE/EF06": [0x09, 0x4E, 0x0A], "SSSE/EF05": [2]})
    assert found.values == {"SSSE/EF06": {0x09: "李珅", 0x0A: "1"}, "SSSE/EF05": {2: "3"}}
    assert {place: driver_code(error) for place, error in found.unread.items()} == {("SSSE/EF06", 0x4E): -27267}
    with pytest.raises(UnexpectedStatus) as missing:
        card.read({"SSSE/EF06": [0x4E]})
    assert (missing.value.sw.value, missing.value.driver_code) == (0x6A83, -27267)


def test_another_card_in_the_reader(reader: SSCardReader, library: Path) -> None:
    card = reader.connect_card()
    (library.parent / "basic.txt").write_bytes(LINE.replace("639900", "430100").encode("gb18030"))
    with pytest.raises(CardDiffers) as differs:
        card.read({"SSSE/EF05": [2]})
    assert differs.value.driver_code == -22


def test_pins_are_typed_at_the_drivers_pad(reader: SSCardReader) -> None:
    card = reader.connect_card()
    card.call("iVerifyPIN", 1)
    outcomes = []
    for interface in (2, 3, 4):
        with pytest.raises(SBCardError) as refused:
            card.call("iVerifyPIN", interface)
        outcomes.append((type(refused.value), getattr(refused.value, "driver_code", None)))
    assert outcomes == [(PinWrong, -51), (PinEntryFailed, -31), (PinLocked, -52)]


def test_money_is_written_exactly(reader: SSCardReader) -> None:
    card = reader.connect_card()
    at = datetime.fromisoformat("2014-07-31T09:30:15")
    assert card.debit(123456, 5, at).startswith("1234.56|0.05|20140731093015|")
    for total, insured in ((-1, 0), (1, 2), (1 << 32, 0)):
        with pytest.raises(InvalidValue):
            card.debit(total, insured, at)


def test_without_a_psam_the_hsm_answers(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """-2201 and its like lead to Step1, the host, Step2; without a host they are errors."""
    from readers import sscard

    (library.parent / "hsm.txt").write_bytes(LINE.encode("gb18030"))
    asked: list[dict[str, str]] = []

    def host(items: dict[str, str]) -> str:
        asked.append(dict(items))
        first = items["internal_process"] + items["internal_original"]
        return f"{first}|{items['external_process']}{items['external_original']}|"

    true_call = sscard.Driver.call

    def call(self: sscard.Driver, name: str, *arguments: int | str) -> bytes:
        if name == "iReadCardBas":
            raise failure(-2201, name)
        return true_call(self, name, *arguments)

    monkeypatch.setattr(sscard.Driver, "call", call)
    with drivers.open(f"sscard:{library}") as reader, pytest.raises(PsamMissing):
        reader.connect()
    with drivers.open(f"sscard:{library}", hsm=host) as reader:
        assert isinstance(reader, SSCardReader)
        assert reader.connect_card().basic_items().name == "李珅"
    assert asked[0]["algorithm"] == "03"
    assert asked[0]["terminal_no"] == "410100813475"


def test_bad_texts_are_typed_errors(reader: SSCardReader) -> None:
    assert reader.is_present()
    for what, words in ((101, "without an end"), (123, "not GB18030")):
        raw = reader.driver.guard.call("iReadCardBas", [what, Out()], limit=1)[1][0]
        with pytest.raises(AnswerMalformed, match=words):
            parse_basic(raw)
    with pytest.raises(InvalidValue):
        reader.driver.call("iReadCardBas", "text")
    with pytest.raises(InvalidValue):
        reader.driver.call("iNoSuchFunction", 1)


@pytest.mark.parametrize("interface", list(Interface))
def test_presence(reader: SSCardReader, library: Path, interface: Interface) -> None:
    assert reader.is_present()
    (library.parent / "basic.txt").unlink()
    assert not reader.is_present()
    with pytest.raises(NoCard) as none:
        reader.connect()
    assert none.value.driver_code == -2


def test_a_blank_third_generation_card_has_an_identity_and_no_person(library: Path) -> None:
    text = "411600|||411600D156000005C38275EEFC9B9648||008C544CB386844116018593CA|3.00|20211203|20311202|"
    (library.parent / "basic.txt").write_bytes(text.encode("gb18030"))
    with drivers.open(f"sscard:{library}") as reader:
        assert isinstance(reader, SSCardReader)
        basic = reader.connect_card().read_basic()
    assert (basic.region, basic.version, basic.card_no, basic.name) == ("411600", "3.00", "", "")
    assert {"card_no", "id_number", "name"} <= set(basic.unread)


def with_driver(monkeypatch: pytest.MonkeyPatch, change: dict[str, int | bytes]) -> None:
    """Let functions of the driver return a code or other bytes."""
    from readers import sscard

    true_call = sscard.Driver.call

    def call(self: sscard.Driver, name: str, *arguments: int | str) -> bytes:
        got = change.get(name)
        if isinstance(got, int):
            raise failure(got, name)
        return true_call(self, name, *arguments) if got is None else got

    monkeypatch.setattr(sscard.Driver, "call", call)


def test_a_missing_item_costs_one_item(reader: SSCardReader) -> None:
    basic = reader.connect_card().read_basic()
    assert (basic.name, basic.card_class, basic.issuer, basic.sex) == ("李珅", "3", "639900", "1")
    assert {name: driver_code(error) for name, error in basic.unread.items()} == dict.fromkeys(
        ("ethnicity", "birthplace", "birth_date"), -27267
    )
    with pytest.raises(UnexpectedStatus, match="6A83"):
        basic.require("name", "birth_date")


def test_an_odd_item_costs_itself_and_the_card_is_still_named_to_the_driver(library: Path) -> None:
    (library.parent / "basic.txt").write_bytes(LINE.replace("X00000019", "X0000001").encode("gb18030"))
    with drivers.open(f"sscard:{library}") as reader:
        assert isinstance(reader, SSCardReader)
        card = reader.connect_card()
        assert card.first.card_info == "639900D15600000500BF7C7A48FB4966|X0000001|"
        basic = card.read_basic()
    assert (basic.card_no, basic.name, basic.card_class) == ("", "李珅", "3")
    assert isinstance(basic.unread["card_no"], AnswerMalformed)


@pytest.mark.parametrize("code", [-13, -14, -27266])
def test_what_only_ireadcard_has_may_be_refused(
    reader: SSCardReader, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    card = reader.connect_card()
    with_driver(monkeypatch, {"iReadCard": code})
    basic = card.read_basic()
    assert (basic.name, basic.sex, len(basic.unread)) == ("李珅", "", 6)
    assert {driver_code(error) for error in basic.unread.values()} == {code}
    with_driver(monkeypatch, {"iReadCard": -4})
    with pytest.raises(CardLost):
        card.read_basic()


def test_items_a_driver_leaves_empty_without_a_psam_are_named(library: Path) -> None:
    text = LINE.replace("111111198101011110", "").replace("李珅", "").replace("1.00", "3.00")
    (library.parent / "basic.txt").write_bytes(text.encode("gb18030"))
    with drivers.open(f"sscard:{library}") as reader:
        assert isinstance(reader, SSCardReader)
        basic = reader.connect_card().read_basic()
    assert (basic.card_no, basic.id_number) == ("X00000019", "")
    with pytest.raises(PsamMissing):
        basic.require("id_number")


def test_the_hosts_answer_is_text(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_driver(monkeypatch, {"iReadCardBas": -2201})
    with drivers.open(f"sscard:{library}", hsm=lambda items: b"AA") as reader, pytest.raises(InvalidValue) as refused:
        reader.connect()
    assert "bytes" in str(refused.value)


@pytest.mark.parametrize("encoding", ["no-such", "utf-16", "cp037"])
def test_an_encoding_a_driver_cannot_have(library: Path, encoding: str) -> None:
    with pytest.raises(InvalidValue, match=encoding):
        drivers.open(f"sscard:{library}", encoding=encoding)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (-52, PinLocked), (-51, PinWrong), (-27011, PinLocked), (-25538, PinWrong), (-22, CardDiffers),
        (-13, NotSupported), (-2202, AlgorithmNeedsVendor), (-20, IdentificationMalformed), (-36, InitialPinRefused),
        (-27010, UnexpectedStatus),
    ],
)  # fmt: skip
def test_a_code_is_the_error_a_session_raises(code: int, kind: type[SBCardError]) -> None:
    assert type(failure(code, "iVerifyPIN")) is kind


def test_the_tries_are_read_where_the_driver_writes_them() -> None:
    left = [failure(-51, "iVerifyPIN", text) for text in ("密码错误，剩余2次", "PIN错", "")]
    assert [error.tries_left for error in left if isinstance(error, PinWrong)] == [2, None, None]


@given(st.integers(-(2**31), 2**31 - 1).filter(bool) | st.sampled_from(sorted(CODES)) | st.integers(-0xFFFF, -1))
def test_every_code_is_an_error_that_keeps_it(code: int) -> None:
    error = failure(code, "iReadCard")
    assert isinstance(error, SBCardError)
    assert getattr(error, "driver_code", None) == code
    assert error.step


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("密码错误，剩余2次", 2), ("PIN校验失败，剩余次数2次（根据卡返回信息）", 2), ("密码错误,剩余次数:2", 2),
        ("剩余次数：10", 10), ("还可重试 0 次", 0), ("剩余可尝试次数2、1、0次", None), ("剩余次数N次", None),
        ("PIN校验失败，剩余次数A次", None), ("密码错误", None), ("", None), ("共3,2次", None), ("剩余次数", None),
    ],
)  # fmt: skip
def test_the_tries_left_are_taken_where_the_text_names_one_number(text: str, left: int | None) -> None:
    error = failure(-51, "iVerifyPIN", text)
    assert isinstance(error, PinWrong)
    assert error.tries_left == left


@pytest.mark.parametrize(
    ("right", "limits", "seconds"),
    [
        (ReadRight.KEY, None, READ_SECONDS), (ReadRight.PIN, None, HOLDER_SECONDS),
        (ReadRight.PIN, {"iReadCard": 3.0}, 3.0), (ReadRight.PIN, {"iReadCardBas": 3.0}, HOLDER_SECONDS),
        (ReadRight.KEY, {"iReadCard": 3.0}, 3.0),
    ],
)  # fmt: skip
def test_a_read_that_waits_for_the_holders_pin_has_the_holders_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: ReadRight, limits: dict[str, float] | None, seconds: float
) -> None:
    asked: dict[str, float] = {}

    def call(_: Guard, name: str, arguments: object, *, limit: float, step: str) -> tuple[int, list[bytes]]:
        asked[name] = limit
        return (0 if name == step == "iReadCardBas" else -13), [LINE.encode("gb18030") + bytes(9)]

    monkeypatch.setattr(Guard, "call", call)
    (tmp_path / "driver.so").touch()
    with drivers.open(f"sscard:{tmp_path / 'driver.so'}", right=right, limits=limits) as reader:
        assert isinstance(reader, SSCardReader)
        assert reader.connect_card().read_basic().name == "李珅"
    assert asked["iReadCard"] == seconds


def test_functions_end_in_their_answer() -> None:
    assert all(kinds.endswith("o") and set(kinds) <= {"i", "s", "o"} for kinds, _ in FUNCTIONS.values())
    assert len(FUNCTIONS) == 25


NUMBER = "111111198101011110"


def shown_by(*arguments: str) -> tuple[int, str]:
    """What a command shows."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_a_driver_reads_the_files_that_are_named(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By any name of theirs; what the driver does not give is named, and what the card has not is left out."""
    (library.parent / "records.txt").write_bytes(RECORDS.replace("珅|", NUMBER, 1).encode("gb18030"))
    where = ("card", "read", "--reader", f"sscard:{library}")
    code, text = shown_by(*where, "SSSEEF06", "SSSE/EF05", "--json")
    shown = json.loads(text)
    assert (code, shown["proved"], shown["unread"]) == (0, None, {})
    assert shown["files"] == {
        "SSSE/EF06": {"id_number": NUMBER, "name": "李珅", "sex": "1"},
        "SSSE/EF05": {"card_class": "3", "issuer": "639900"},
    }
    code, text = shown_by(*where, "SSSE/EF06")
    assert (code, "姓名" in text, NUMBER in text, "李珅" in text) == (0, True, False, False)
    code, text = shown_by(*where, "DF01/EF05", "--json")
    assert (code, json.loads(text)["files"]) == (0, {"DF01/EF05": {}})
    with_driver(monkeypatch, {"iReadCard": -27010})
    code, text = shown_by(*where, "SSSE/EF06", "--json")
    assert (code, json.loads(text)["unread"]["SSSE/EF06/name"]) == (0, -27010)
    assert "6982" in shown_by(*where, "SSSE/EF06")[1]
    code, text = shown_by(*where, "SSSE/EF08", "--json")
    assert (code, json.loads(text)["unread"]) == (0, {"SSSE/EF08": -27010})


def test_a_refusal_that_costs_a_try_is_provoked_once(reader: SSCardReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong PIN, or a wrong answer to the card's key: another question would count as another try."""
    card = reader.connect_card()
    asked: list[str] = []
    codes = [0, 0]

    def call(_: Driver, name: str, *arguments: int | str) -> bytes:
        asked.append(str(arguments[-1]))
        raise failure(codes[min(len(asked), 2) - 1], name)

    monkeypatch.setattr(Driver, "call", call)
    files = {"SSSE/EF06": [8, 9, 10], "SSSE/EF05": [2]}
    for code, kind in (
        (-51, PinWrong), (-52, PinLocked), (-31, PinEntryFailed), (-32, PinEntryFailed), (-33, PinEntryFailed),
        (-25538, UnexpectedStatus), (-25536, UnexpectedStatus), (-27011, UnexpectedStatus),
    ):  # fmt: skip
        for codes[:], times in (([code, code], 1), ([-25, code], 2), ([-25, -25], 5)):
            asked.clear()
            with pytest.raises(SBCardError) as refused:
                card.read(files)
            assert len(asked) == times
            assert times != 1 or type(refused.value) is kind


def test_a_value_with_the_end_of_an_item_is_not_written(reader: SSCardReader, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would stand in the next record."""
    card = reader.connect_card()
    sent: list[str] = []
    monkeypatch.setattr(Driver, "call", lambda _, name, *arguments: sent.append(arguments[-1]) or b"\0")
    for home in ("长沙市|1号", "长沙市$1号", "|"):
        with pytest.raises(InvalidValue, match="end items and files"):
            card.write("DF01/EF06", {0x23: home, 0x28: "13800000000"})
    assert sent == []
    card.write("DF01/EF06", {0x23: "长沙市1号", 0x28: "13800000000"})
    assert sent == ["DF01EF06|长沙市1号|13800000000|$"]


def test_waiting_for_a_card_to_go_provokes_no_further_try_of_its_key(
    reader: SSCardReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Presence is asked for many times a second, and reading is the only way to see it."""
    asked: list[int] = []

    def call(_: Driver, name: str, *__: int | str) -> bytes:
        asked.append(code)
        raise failure(code, name)

    monkeypatch.setattr(Driver, "call", call)
    slot = reader.slots[0]
    for code in (-25538, -25537, -51, -27011):
        asked.clear()
        with pytest.raises((PinWrong, UnexpectedStatus)):
            slot.wait_for_removal(timeout=1)
        assert asked == [code]


def test_the_hsm_is_asked_after_the_codes_public_callers_know(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No PSAM, one that lacks algorithm, key or level, and two that callers treat alike."""
    needed = {-2201, -2202, -2203, -24, -27, -27272}
    (tmp_path / "driver.so").touch()
    asked: list[str] = []

    def call(_: Driver, name: str, *__: int | str) -> bytes:
        asked.append(name)
        raise failure(code if name == "iReadCardBas" else -14, name)

    monkeypatch.setattr(Driver, "call", call)
    with drivers.open(f"sscard:{tmp_path / 'driver.so'}", hsm=lambda _: "") as reader:
        for code in {*needed, -25, -23, -21, -22, -2204, -27266, -28, -26}:
            asked.clear()
            with pytest.raises(SBCardError):
                reader.connect()
            assert (len(asked) == 2) is (code in needed)


@pytest.mark.parametrize(
    ("total", "insured", "fits"),
    [(0xFFFF_FFFF, 0xFFFF_FFFF, True), (1, 0, True), (0x1_0000_0000, 0, False), (1, 2, False), (1, True, False)],
)
def test_a_debit_is_whole_fen_up_to_what_the_account_holds(
    reader: SSCardReader, monkeypatch: pytest.MonkeyPatch, total: int, insured: int, fits: bool
) -> None:
    card = reader.connect_card()
    monkeypatch.setattr(Driver, "call", lambda *_: b"done\0")
    if fits:
        assert card.debit(total, insured, datetime.fromisoformat("2014-07-31")) == "done"
    else:
        with pytest.raises(InvalidValue):
            card.debit(total, insured, datetime.fromisoformat("2014-07-31"))
