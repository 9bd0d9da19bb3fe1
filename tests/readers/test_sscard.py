"""The vendor driver in its guarded process: texts, codes, and a library that does everything wrong."""

import os
import random
import shutil
import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.errors import CardLost, UnexpectedStatus
from readers import drivers, sscard_child
from readers.errors import (
    AnswerMalformed,
    Busy,
    DriverCrashed,
    DriverOverrun,
    NoCard,
    NotSupported,
    PinEntryFailed,
    ReaderNotFound,
    Timeout,
)
from readers.sscard import Interface, SSCardReader
from readers.sscard_abi import CODES, FUNCTIONS, failure
from readers.sscard_guard import Guard, Out
from readers.sscard_text import BASIC_ITEMS, STATUS_FIRST, decode, file_address, parse_basic, parse_files, parse_items
from sbcard_core.card.basic import CardBasic
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
from sbcard_core.errors import InvalidValue, SBCardError

LINE = (
    "639900|111111198101011110|X00000019|639900D15600000500BF7C7A48FB4966|李珅|00814E43238697159900BF7C7A|1.00|"
    "20101001|20201001|410100813475|终端设备号|"
)
LIMIT = 0.15
"""Seconds a call that hangs gets."""
LONG = 60
"""Seconds any other call gets: one that a busy machine holds up has not hung."""

# What iType makes the library do, and what must come of it: an error, or a code.
HOSTILE: dict[int, type[SBCardError] | int] = {
    100: -2,
    101: 0,
    102: DriverOverrun,
    103: DriverOverrun,
    104: DriverOverrun,
    105: Timeout,
    106: Timeout,
    107: Timeout,
    108: DriverCrashed,
    109: DriverCrashed,
    110: DriverCrashed,
    111: DriverCrashed,
    112: DriverCrashed,
    113: 0,
    114: DriverCrashed,
    115: 0,
    116: DriverCrashed,
    117: DriverCrashed,
    118: 0,
    119: DriverCrashed,
    120: DriverCrashed,
    121: Timeout,
    122: -2,
    123: 0,
    124: 0,
}
LEAK = 124
"""Takes every descriptor of its process: the answer counts, the process does not."""
DEADLY = [what for what, outcome in HOSTILE.items() if not isinstance(outcome, int)]


@pytest.fixture
def library(vendor_library: Path, tmp_path: Path) -> Path:
    target = tmp_path / "libsscard.so"
    shutil.copy(vendor_library, target)
    (tmp_path / "basic.txt").write_bytes(LINE.encode("gb18030"))
    records = "SSSEEF05|02|3\nSSSEEF05|04|639900FFFFFF\nSSSEEF06|08|珅|\nSSSEEF06|09|李珅\nSSSEEF06|0A|1\n"
    (tmp_path / "records.txt").write_bytes(records.encode("gb18030"))
    return target


@pytest.fixture
def guard(library: Path) -> Iterator[Guard]:
    with Guard(library) as guard:
        yield guard


@pytest.fixture
def reader(library: Path) -> Iterator[SSCardReader]:
    with drivers.open(f"sscard:{library}", limits={"iReadCardBas": LIMIT}) as reader:
        assert isinstance(reader, SSCardReader)
        yield reader


def hostile(guard: Guard, what: int) -> object:
    """The class of the error, or the code."""
    try:
        limit = LIMIT if HOSTILE[what] is Timeout else LONG
        return guard.call("iReadCardBas", [what, Out()], limit=limit)[0]
    except (Timeout, DriverCrashed) as error:
        assert error.step == "iReadCardBas"  # noqa: PT017 - the class is the result
        assert isinstance(error, CardLost)  # noqa: PT017
        return type(error)


def is_well(guard: Guard, limit: float = LONG) -> bool:
    code, (out,) = guard.call("iReadCardBas", [1, Out()], limit=limit)
    return code == 0 and decode(out, "").startswith("639900|")


# --- the hostile library


@pytest.mark.parametrize("what", HOSTILE)
def test_whatever_the_library_does_the_caller_lives(guard: Guard, what: int, capfd: pytest.CaptureFixture[str]) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGALRM, signal.SIGINT)}
    assert is_well(guard)
    assert hostile(guard, what) == HOSTILE[what]
    assert is_well(guard)
    spent = what == LEAK or not isinstance(HOSTILE[what], int)
    assert guard.starts == 1 + spent
    assert capfd.readouterr() == ("", "")
    assert {number: signal.getsignal(number) for number in before} == before


Rampage = tuple[Counter[str], list[float], list[float]]
"""What came of it; seconds of each recovery; seconds by which each limit was overstayed."""


def rampage(library: Path, count: int, seed: int) -> Rampage:
    """Kill, hang and overrun at random."""
    rng = random.Random(seed)
    outcomes: Counter[str] = Counter()
    recoveries: list[float] = []
    overstays: list[float] = []
    # Hangs cost their limit each, so they are the rarer part.
    quick = [what for what in DEADLY if HOSTILE[what] is not Timeout]
    hangs = [what for what in DEADLY if HOSTILE[what] is Timeout]
    with Guard(library) as guard:
        assert is_well(guard)
        for _ in range(count):
            kind = rng.random()
            begun = time.monotonic()
            if kind < 0.25:
                assert guard.process_id is not None
                os.kill(guard.process_id, rng.choice([signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM]))
                outcome = hostile(guard, 100)
                assert outcome in (DriverCrashed, -2)  # the signal may come after the answer
            else:
                what = rng.choice(hangs if kind < 0.4 else quick)
                outcome = hostile(guard, what)
                assert outcome == HOSTILE[what]
            ended = time.monotonic()
            if outcome is Timeout:
                overstays.append(ended - begun - LIMIT)
            while True:
                try:
                    assert is_well(guard)
                    break
                except DriverCrashed:  # that late signal
                    assert outcome == -2
            recoveries.append(time.monotonic() - ended)
            outcomes[outcome.__name__ if isinstance(outcome, type) else str(outcome)] += 1
    return outcomes, recoveries, overstays


def rampages(library: Path, count: int, seed: int) -> Rampage:
    """Three callers at once, each with a process of its own: much of a rampage is waiting for a hang's limit."""
    descriptors = Path("/proc/self/fd")
    open_before = len(os.listdir(descriptors)) if descriptors.exists() else 0
    with ThreadPoolExecutor(3) as pool:
        shares = [count // 3, count // 3, count - count // 3 * 2]
        each = list(pool.map(lambda own, share: rampage(library, share, own), range(seed, seed + 3), shares))
    if open_before:
        assert len(os.listdir(descriptors)) <= open_before + 4
    outcomes, recoveries, overstays = zip(*each, strict=True)
    return sum(outcomes, Counter()), sorted(chain(*recoveries)), sorted(chain(*overstays))


def test_three_hundred_kills_hangs_and_overruns(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes, recoveries, overstays = rampages(library, 300, seed=2026)
    with capsys.disabled():
        print(f"\n300 kills, hangs and overruns: {dict(outcomes)}; recovered within {recoveries[-1]:.3f} s", end=" ")
    assert sum(outcomes.values()) == len(recoveries) == 300
    assert min(outcomes["Timeout"], outcomes["DriverCrashed"], outcomes["DriverOverrun"]) >= 20
    # The other tests run beside: a machine that stands still for a moment is no fault of the guard.
    assert max(recoveries[len(recoveries) // 2], overstays[len(overstays) // 2]) <= 1


@pytest.mark.soak
def test_ten_thousand_kills_hangs_and_overruns(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcomes, recoveries, overstays = rampages(library, 10_000, seed=1)
    with capsys.disabled():
        print(f"\n10,000 kills, hangs and overruns: {dict(outcomes)}; recovered within {recoveries[-1]:.3f} s", end=" ")
    assert sum(outcomes.values()) == len(recoveries) == 10_000
    assert max(recoveries[-1], overstays[-1]) <= 1


def test_nothing_of_a_person_stays_in_the_shared_buffers(guard: Guard) -> None:
    assert is_well(guard)
    process = guard._process
    assert process is not None
    held = process._area[:]
    for text in ("李珅".encode("gb18030"), b"111111198101011110"):
        assert text not in held


def test_a_caller_that_dies_takes_the_library_with_it(library: Path) -> None:
    import subprocess
    import sys

    code = (
        "import os, sys; from readers.sscard_guard import Guard, Out\n"
        f"guard = Guard({str(library)!r}); guard.call('iReadCardBas', [1, Out()], limit=9)\n"
        "import threading; threading.Timer(0.3, lambda: os._exit(9)).start()\n"
        "print(guard.process_id, flush=True); guard.call('iReadCardBas', [106, Out()], limit=60)\n"
    )
    root = Path(sscard_child.__file__).parent.parent
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert run.returncode == 9, run.stderr
    end = time.monotonic() + LONG
    while Path(f"/proc/{int(run.stdout)}").exists() and time.monotonic() < end:
        if Path(f"/proc/{int(run.stdout)}/stat").read_text().split()[2] == "Z":
            break  # dead; whoever inherited it has not looked yet
        time.sleep(0.02)
    else:
        assert not Path(f"/proc/{int(run.stdout)}").exists()


def test_a_second_thread_is_told_at_once(guard: Guard) -> None:
    import threading

    assert is_well(guard)
    refused: list[Busy] = []

    def ask() -> None:
        with pytest.raises(Busy) as busy:
            guard.call("iReadCardBas", [1, Out()], limit=LONG)
        refused.append(busy.value)

    with guard._lock:  # as a call holds it
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join(LONG)
    assert len(refused) == 1
    assert is_well(guard)


def test_no_library_no_function_no_room(library: Path, tmp_path: Path) -> None:
    with pytest.raises(ReaderNotFound, match="nosuch"):
        Guard(tmp_path / "nosuch.so")
    (tmp_path / "text.so").write_text("no library")
    with Guard(tmp_path / "text.so") as guard, pytest.raises(ReaderNotFound, match="cannot be loaded"):
        guard.call("iReadCardBas", [1, Out()], limit=1)
    with Guard(library) as guard:
        with pytest.raises(NotSupported, match="iWriteCard"):
            guard.call("iWriteCard", [1, b"", b"", b"", Out()], limit=1)
        with pytest.raises(InvalidValue):
            guard.call("iReadCardBas", [1, Out(1 << 20)], limit=1)
        assert is_well(guard)
        assert guard.starts == 1
        guard.close()
        guard.close()
        assert is_well(guard)


# --- the façade


def test_items_by_name(reader: SSCardReader) -> None:
    card = reader.connect_card()
    basic = card.basic_items()
    assert (basic.name, basic.card_no, basic.device_no) == ("李珅", "X00000019", "终端设备号")
    assert card.atr.hex().upper() == "3B6D000000814E43238697159900BF7C7A"
    assert "李" not in repr(basic)
    assert "1981" not in repr(basic)
    assert card.read({"SSSE/EF06": [0x09, 0x0A], "SSSE/EF05": [2]}) == {
        "SSSE/EF06": {0x09: "李珅", 0x0A: "1"},
        "SSSE/EF05": {2: "3"},
    }
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


# --- texts


def test_decoded_before_split() -> None:
    """珅 is AB 7C: split as bytes, the name would end in its middle and everything behind it move."""
    raw = LINE.encode("gb18030") + b"\x00"
    assert raw.count(b"|") == LINE.count("|") + 1
    assert parse_basic(raw).name == "李珅"


def test_what_the_field_does_is_tolerated() -> None:
    items = LINE[:-1].split("|")
    padded = "|".join(item + "  " for item in items)  # no last bar either
    assert parse_basic(padded.encode("gb18030") + b"\x00").card_no == "X00000019"
    assert parse_basic("|".join(items[:9]).encode("gb18030") + b"\x00").terminal_no == ""
    more = "|".join([*items, "PSAM1", "医1", "F", "2.0"])
    assert parse_basic(more.encode("gb18030") + b"\x00").extra == ("PSAM1", "医1", "F", "2.0")
    with_status = parse_basic(f"0|{LINE}许可号|".encode("gb18030") + b"\x00", layout=STATUS_FIRST)
    assert (with_status.region, with_status.extra) == ("639900", ("0", "许可号"))
    with pytest.raises(AnswerMalformed, match="8 items"):
        parse_basic("|".join(items[:8]).encode("gb18030") + b"\x00")


@given(st.binary(max_size=1100))
def test_any_answer_is_parsed_or_a_typed_error(raw: bytes) -> None:
    for parse in (parse_basic, lambda data: parse_files(data, {"SSSE/EF05": [1, 2]})):
        try:
            parse(raw)
        except AnswerMalformed as error:
            assert error.step  # noqa: PT017 - most inputs are errors, not all


ITEM = st.text(st.characters(codec="gb18030", exclude_characters="|$\x00\r\n\t \ufeff\uffff"), min_size=1, max_size=12)


@given(st.lists(ITEM, min_size=1, max_size=15))
def test_items_come_back(items: list[str]) -> None:
    raw = "".join(f"{item}|" for item in items).encode("gb18030") + b"\x00\xff"
    assert parse_items(raw, [], least=1, step="", encoding="gb18030") == ({}, items)


@given(st.dictionaries(st.integers(1, 255), ITEM | st.just(""), min_size=1, max_size=6))
def test_files_come_back(values: dict[int, str]) -> None:
    files = {"SSSE/EF05": list(values)}
    answer = "SSSEEF05|" + "".join(f"{value}|" for value in values.values()) + "$"
    assert parse_files(answer.encode("gb18030") + b"\x00", files) == {"SSSE/EF05": values}
    assert file_address(files).count("|") == 1 + len(values)


def answer(name: bytes, **changed: str) -> bytes:
    """The whole answer of ``iReadCardBas`` with the bytes of a name as a driver copies them off the card."""
    items = [item.encode("gb18030") for item in LINE[:-1].split("|")]
    items[4] = name
    for key, value in changed.items():
        items[BASIC_ITEMS.index(key)] = value.encode("gb18030")
    return b"|".join(items) + b"|\x00"


ZHANG_HALF = bytes.fromhex("D5C5C8")


def test_a_name_cut_in_half_moves_no_item_behind_it() -> None:
    basic = parse_basic(answer(ZHANG_HALF, version="3.00"))
    assert (basic.name, basic.version, basic.expires_on) == ("张", "3.00", "20201001")
    assert basic.atr.hex().upper() == "3B6D000000814E43238697159900BF7C7A"
    whole = parse_basic(answer("李珅".encode("gb18030")))  # here the 7C is the second byte of 珅
    assert (whole.name, whole.version) == ("李珅", "1.00")
    cut = b"SSSEEF06|" + ZHANG_HALF + b"|111111198101011110|$\x00"
    assert parse_files(cut, {"SSSE/EF06": [9, 8]})["SSSE/EF06"] == {9: "张", 8: "111111198101011110"}
    with pytest.raises(AnswerMalformed, match="two ways"):  # 张 cut in half, or 张葇 without the last bar
        parse_files(b"SSSEEF06|" + ZHANG_HALF + b"|$\x00", {"SSSE/EF06": [9]})


NAMES = st.text(st.characters(codec="gb18030", min_codepoint=0x3400, max_codepoint=0x2FFFF), min_size=1, max_size=14)


@given(NAMES | st.text(st.sampled_from("珅璗鍇張李|·".replace("|", "")), min_size=1, max_size=15), st.integers(0, 30))
def test_wherever_a_name_is_cut_the_answer_is_right_or_refused(name: str, size: int) -> None:
    raw = name.encode("gb18030")
    try:
        basic = parse_basic(answer(raw[:size]), encoding="gb18030")
    except AnswerMalformed:
        assert size < len(raw)  # what is whole is never refused
        return
    assert name.startswith(basic.name)
    assert (basic.version, basic.issued_on, basic.device_no) == ("1.00", "20101001", "终端设备号")
    assert len(basic.name.encode("gb18030")) > min(size, len(raw)) - 4


def test_whole_text_with_a_bar_inside_a_character_is_read_plainly() -> None:
    """Where the plain reading fits, no other one is looked for, also if it fits too."""
    text = LINE.replace("终端设备号", "终端珅") + "附加项|"
    basic = parse_basic(text.encode("gb18030") + b"\x00")
    assert (basic.name, basic.device_no, basic.extra) == ("李珅", "终端珅", ("附加项",))
    loose = parse_items("李珅|甲|乙|".encode("gb18030") + b"\x00", ("name", "one"), least=2, step="")
    assert loose == ({"name": "李珅", "one": "甲"}, ["乙"])


MINISTRY = "111111198101011110|X00000019|{region}D15600000500BF7C7A48FB4966|张三|00814E43238697159900BF7C7A|{version}|"


@pytest.mark.parametrize(
    ("rest", "device_no", "extra"),
    [
        (
            "20101001|20201001|410100813475|MT170701000006|3B7D940000008150220886431E10C9022736|"
            "%GALJGMJKASUKZIUNIHKD?;07890592745347567832?| 5f2ab04d6d289495b7b14ec9a9602a23|V0.1|    ",
            "MT170701000006",
            4,
        ),
        (
            "20221116|20321116|320200909173|00010100202111010884|JSB045526778|6210000000000000018|",
            "00010100202111010884",
            2,
        ),
        ("20160919|20260919|440300907950|00041186201603000534440300907950", "00041186201603000534440300907950", 0),
        ("20160919|20260919|HDOS1001120170609320000000000000|1|", "1", 0),
    ],
)
def test_regional_answers_as_public_programs_show_them(rest: str, device_no: str, extra: int) -> None:
    """Their forms, with the ministry's sample person in them."""
    whole = "320200|" + MINISTRY.format(region="320200", version="3.00") + rest
    basic = parse_basic(whole.encode("gb18030") + b"\x00")
    assert (basic.name, basic.device_no, len(basic.extra)) == ("张三", device_no, extra)


def test_a_blank_third_generation_card_has_an_identity_and_no_person(library: Path) -> None:
    text = "411600|||411600D156000005C38275EEFC9B9648||008C544CB386844116018593CA|3.00|20211203|20311202|"
    (library.parent / "basic.txt").write_bytes(text.encode("gb18030"))
    with drivers.open(f"sscard:{library}") as reader:
        assert isinstance(reader, SSCardReader)
        basic = reader.connect_card().read_basic()
    assert (basic.region, basic.version, basic.card_no, basic.name) == ("411600", "3.00", "", "")
    assert {"card_no", "id_number", "name"} <= set(basic.unread)


@pytest.mark.parametrize("padding", [b"\xff" * 10, b"  ", b"\xff" * 6 + b" "])
def test_padding_inside_an_item_is_removed(padding: bytes) -> None:
    basic = parse_basic(answer("张三".encode("gb18030") + padding, terminal_no="410100813475  ") + b"rest")
    assert (basic.name, basic.terminal_no, basic.version) == ("张三", "410100813475", "1.00")
    with_end = answer("张三".encode("gb18030"))[:-1] + b"\r\n\x00"
    assert parse_basic(with_end).extra == ()


def test_utf8_is_refused_by_name_or_read_as_asked_for() -> None:
    raw = LINE.replace("李珅", "张三").encode("utf-8") + b"\x00"
    with pytest.raises(AnswerMalformed, match="UTF-8") as refused:
        parse_basic(raw)
    assert "encoding" in refused.value.advice
    assert parse_basic(raw, encoding="utf-8").name == "张三"
    assert parse_basic(LINE.encode("gb18030") + b"\x00", encoding="gbk").name == "李珅"


@pytest.mark.parametrize(
    ("item", "value"),
    [
        ("version", "20101001"), ("issued_on", "1.00"), ("expires_on", "2020"), ("identification_code", "X00000019"),
        ("identification_code", ""), ("card_no", "卡号"), ("region", "长沙"), ("reset_info", "0081Z"),
        ("id_number", "李珅"), ("name", "00814E43238697159900BF7C7A"),
    ],
)  # fmt: skip
def test_an_item_of_another_shape_refuses_the_answer_and_is_named(item: str, value: str) -> None:
    items = LINE[:-1].split("|")
    items[BASIC_ITEMS.index(item)] = value
    with pytest.raises(AnswerMalformed) as refused:
        parse_basic("|".join(items).encode("gb18030") + b"\x00")
    assert item in str(refused.value)
    assert value not in str(refused.value) or len(value) < 6


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


@given(NAMES.filter(lambda name: len(name.encode("gb18030")) <= 50), st.sampled_from(["1.00", "2.00", "3.00"]))
def test_the_drivers_text_and_the_cards_records_are_one_reading(name: str, version: str) -> None:
    """What a session reads off a card, written as a driver writes it, comes back as the same basic data."""
    card = CardBasic.from_fields(
        {"identification_code": "639900D15600000500BF7C7A48FB4966", "version": version, "issued_on": "20101001",
         "expires_on": "20201001", "card_no": "X00000019", "id_number": "111111198101011110", "name": name}
    )  # fmt: skip
    line = card.driver_line(bytes.fromhex("3B6D000000814E43238697159900BF7C7A"), "410100813475", "设备1")
    text = parse_basic(line.encode("gb18030") + b"\x00", encoding="gb18030")
    fields = {item: getattr(text, item) for item in BASIC_ITEMS}
    assert CardBasic.from_fields(fields) == card == card.driver_part()


def test_a_missing_item_costs_one_item(reader: SSCardReader) -> None:
    basic = reader.connect_card().read_basic()
    assert (basic.name, basic.card_class, basic.issuer, basic.sex) == ("李珅", "3", "639900", "1")
    assert {name: driver_code(error) for name, error in basic.unread.items()} == dict.fromkeys(
        ("ethnicity", "birthplace", "birth_date"), -27267
    )
    with pytest.raises(UnexpectedStatus, match="6A83"):
        basic.require("name", "birth_date")


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


def test_functions_end_in_their_answer() -> None:
    assert all(kinds.endswith("o") and set(kinds) <= {"i", "s", "o"} for kinds, _ in FUNCTIONS.values())
    assert len(FUNCTIONS) == 25


@pytest.mark.parametrize("name", ["张三（小）", "张三 Ｊｒ", "古丽·热合曼　"])
def test_utf8_with_signs_of_chinese_text_is_refused_too(name: str) -> None:
    raw = LINE.replace("李珅", name).encode("utf-8") + b"\x00"
    with pytest.raises(AnswerMalformed, match="UTF-8"):
        parse_basic(raw)
    assert parse_basic(LINE.replace("李珅", name).encode("gb18030") + b"\x00").name == name.strip(" ")
