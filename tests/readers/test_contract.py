"""One suite for every driver: what is a reader, a slot and a connection, and how each of them fails."""

import asyncio
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apdu.errors import CardLost, MalformedData, ReplayMismatch, TraceMalformed
from apdu.trace import Exchange, RecordingChannel, parse
from readers import aio, drivers, transcript
from readers.base import Connection, Slot
from readers.device import Capability, CardProtocol, DeviceConnection, Reader, ResetKind
from readers.errors import Busy, NoCard, NotSupported, ReaderError, ReaderNotFound
from readers.monitor import PlugKind, watch
from readers.sim.card import VirtualCard
from readers.sim.desk import Desk
from readers.sim.psam import VirtualPSAM
from readers.sim.reader import VirtualReader
from readers.sscard import WholeCard
from sbcard_core.card.basic import CardBasic
from sbcard_core.card.session import CardSession
from tests.readers.service import CARD_PORT, PSAM_PORT, SECONDS

CHALLENGE = bytes.fromhex("0084000008")
SSSE = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
CARD_ATR = bytes.fromhex("3B6D000000900000008660140700000001")

# What a recorded session needs to be the card of a test.
ON = Exchange(None, CARD_ATR)
ASKED = Exchange(CHALLENGE, bytes(8) + b"\x90\x00")
LOST = Exchange(CHALLENGE, None)


class Rig:
    """A reader with a card in it, and a hand that plugs it."""

    atr = CARD_ATR

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def will(self, *steps: Exchange) -> None:
        """What the test is about to do; only a recorded session needs to know."""

    def take_out(self) -> None: ...
    def put_in(self) -> None: ...

    def close(self) -> None:
        self.reader.close()


class SimRig(Rig):
    def __init__(self, card: VirtualCard) -> None:
        super().__init__(drivers.open("sim:"))
        self.card = card
        self.put_in()

    def take_out(self) -> None:
        self.reader.remove()  # type: ignore[attr-defined]

    def put_in(self) -> None:
        self.reader.insert(self.card)  # type: ignore[attr-defined]


class ReplayRig(Rig):
    def __init__(self, path: Path) -> None:
        self.path = path
        self.will(ON)

    def will(self, *steps: Exchange) -> None:
        self.path.write_text("".join(f"{line}\n" for step in steps for line in step.lines()), "utf-8")
        self.reader = drivers.open(f"replay:{self.path}")

    @property
    def ahead(self) -> list[transcript.PowerOn]:
        slot = self.reader.slots[0]
        assert isinstance(slot, transcript.ReplaySlot)
        return slot.ahead

    def take_out(self) -> None:
        self.ahead.clear()

    def put_in(self) -> None:
        self.ahead.append(transcript.PowerOn(CARD_ATR, [ASKED]))


class VendorRig(Rig):
    def __init__(self, library: Path, basic: CardBasic) -> None:
        self.folder = library.parent
        self.basic = basic
        self.put_in()
        super().__init__(drivers.open(f"sscard:{library}"))

    def take_out(self) -> None:
        (self.folder / "basic.txt").unlink()

    def put_in(self) -> None:
        write_vendor_card(self.folder, self.basic)


class PcscRig(Rig):
    def __init__(self, plug: Any, until: Callable[..., None], device: Any, port: int, name: str) -> None:
        self.plug, self.until, self.device, self.port = plug, until, device, port
        self.atr = device.atr
        plug.insert(device, port)
        super().__init__(drivers.open(f"pcsc:{name}"))
        until(self.reader.is_present, "card in the reader")

    def take_out(self) -> None:
        self.plug.remove(self.port)
        self.until(lambda: not self.reader.is_present(), "card out of the reader")

    def put_in(self) -> None:
        self.plug.insert(self.device, self.port)
        self.until(self.reader.is_present, "card in the reader")

    def close(self) -> None:
        """The next test must not find this one's card."""
        self.reader.close()
        self.plug.remove_all()
        self.until(lambda: not self.reader.is_present(), "card out of the reader")


def write_vendor_card(folder: Path, basic: CardBasic) -> None:
    """The simulated card's data as the test library keeps them."""
    (folder / "basic.txt").write_bytes(basic.driver_line(CARD_ATR, "430100000001", "测试").encode("gb18030"))
    rows = {
        "SSSEEF05|02": basic.card_class,
        "SSSEEF05|04": basic.issuer,
        "SSSEEF06|0A": basic.sex,
        "SSSEEF06|0B": basic.ethnicity,
        "SSSEEF06|0C": basic.birthplace,
        "SSSEEF06|0D": basic.birth_date,
    }
    (folder / "records.txt").write_bytes("".join(f"{k}|{v}\n" for k, v in rows.items()).encode("gb18030"))


@pytest.fixture
def basic(card: VirtualCard) -> CardBasic:
    """The truth: read over APDUs from the virtual card itself."""
    return CardSession(VirtualReader("truth", card).connect()).read_basic()


@pytest.fixture(scope="module")
def service(start_service: Any) -> Iterator[None]:
    with start_service():
        yield


@pytest.fixture(params=["sim", "replay", "sscard", "pcsc-card", "pcsc-psam"])
def rig(
    request: pytest.FixtureRequest, tmp_path: Path, card: VirtualCard, psam: VirtualPSAM, basic: CardBasic
) -> Iterator[Rig]:
    made: Rig
    if request.param == "sim":
        made = SimRig(card)
    elif request.param == "replay":
        made = ReplayRig(tmp_path / "session.jsonl")
    elif request.param == "sscard":
        library = tmp_path / "libsscard.so"
        shutil.copy(request.getfixturevalue("vendor_library"), library)
        made = VendorRig(library, basic)
    else:
        request.getfixturevalue("service")
        plug, until = request.getfixturevalue("plug"), request.getfixturevalue("until")
        device, port, name = (card, CARD_PORT, "00 00") if request.param == "pcsc-card" else (psam, PSAM_PORT, "00 01")
        made = PcscRig(plug, until, device, port, name)
    yield made
    made.close()


def ask(connection: DeviceConnection) -> None:
    """One exchange, of whatever kind the driver has."""
    if isinstance(connection, WholeCard):
        assert connection.basic_items().card_no == "X00000019"
    else:
        assert len(connection.transmit(CHALLENGE)) == 10


def test_a_reader_has_slots_and_shapes(rig: Rig) -> None:
    rig.will(ON)
    reader = rig.reader
    assert isinstance(reader, Slot)
    assert reader.name
    assert len(reader.slots) >= 1
    assert reader.capabilities == reader.slots[0].capabilities
    assert reader.is_present()
    assert isinstance(reader.connect(), Connection)


def test_connect_ask_disconnect(rig: Rig) -> None:
    rig.will(ON, ASKED, ASKED, ON, ASKED)
    with rig.reader as reader:
        with reader.connect() as connection:
            assert connection.atr == rig.atr
            assert isinstance(connection.protocol, CardProtocol)
            assert connection.capabilities == reader.capabilities
            ask(connection)
            ask(connection)
        assert connection.is_lost
        with pytest.raises(CardLost):
            ask(connection)
        connection.disconnect()
        ask(reader.connect())
        reader.close()
        reader.close()


def test_a_second_connection_ends_the_first(rig: Rig) -> None:
    rig.will(ON, ON, ASKED)
    first = rig.reader.connect()
    second = rig.reader.connect()
    with pytest.raises(CardLost):
        ask(first)
    ask(second)


def test_an_empty_slot(rig: Rig) -> None:
    rig.will(ON)
    rig.take_out()
    assert not rig.reader.is_present()
    assert not rig.reader.wait_for_card(0.05)
    assert rig.reader.wait_for_removal(0.05)
    with pytest.raises(NoCard) as caught:
        rig.reader.connect()
    assert caught.value.step
    assert isinstance(caught.value, CardLost)
    with pytest.raises(NoCard):
        rig.reader.connect(timeout=0.05)


def test_a_card_pulled_out_is_lost_until_connected_anew(rig: Rig) -> None:
    rig.will(ON, ASKED, LOST)
    connection = rig.reader.connect()
    ask(connection)
    rig.take_out()
    for _ in range(3):
        with pytest.raises(CardLost) as caught:
            ask(connection)
        assert caught.value.step
    assert connection.is_lost
    rig.put_in()
    with pytest.raises(CardLost):
        ask(connection)
    ask(rig.reader.connect())


def test_waiting_for_a_card(rig: Rig) -> None:
    rig.will(ON)
    rig.take_out()
    hand = threading.Timer(0.1, rig.put_in)
    hand.start()
    try:
        ask(rig.reader.connect(timeout=SECONDS))
    finally:
        hand.join()


def test_what_cannot_be_a_command(rig: Rig) -> None:
    rig.will(ON, ASKED)
    connection = rig.reader.connect()
    for malformed in (b"", b"\x00\xa4\x00"):
        with pytest.raises(MalformedData):
            connection.transmit(malformed)
    ask(connection)


def test_what_a_driver_lacks_it_says(rig: Rig) -> None:
    rig.will(ON, ASKED, ON, ON)
    connection = rig.reader.connect()
    if Capability.APDU in rig.reader.capabilities:
        assert len(connection.transmit(CHALLENGE)) == 10
    else:
        with pytest.raises(NotSupported, match="apdu"):
            connection.transmit(CHALLENGE)
    if Capability.RESET in rig.reader.capabilities:
        assert connection.reset() == rig.atr
        assert connection.reset(ResetKind.COLD) == connection.atr == rig.atr
    else:
        with pytest.raises(NotSupported, match="reset"):
            connection.reset()
    if Capability.TRANSACTION in rig.reader.capabilities:
        with connection.transaction() as inside:
            assert inside is connection
    else:
        with pytest.raises(NotSupported, match="transaction"), connection.transaction():
            pass
    if Capability.EVENTS not in rig.reader.capabilities:
        with pytest.raises(NotSupported, match="events"):
            watch(rig.reader)


@pytest.mark.parametrize("kind", list(ResetKind))
def test_a_reset_takes_rights_away(rig: Rig, kind: ResetKind) -> None:
    if Capability.RESET not in rig.reader.capabilities or rig.atr != CARD_ATR:
        return  # needs a card that is reset
    read = bytes.fromhex("00B2012C00")
    rig.will(ON, Exchange(SSSE, b"\x90\x00"), ON, Exchange(read, b"\x6a\x82"))
    connection = rig.reader.connect()
    assert connection.transmit(SSSE)[-2:] == b"\x90\x00"
    connection.reset(kind)
    assert connection.transmit(read).hex() == "6a82"


def test_a_transaction_survives_an_error_and_a_loss(rig: Rig) -> None:
    if Capability.TRANSACTION not in rig.reader.capabilities:
        return  # needs transactions
    rig.will(ON, ASKED, ASKED, LOST)
    connection = rig.reader.connect()
    with pytest.raises(KeyError), connection.transaction():  # noqa: PT012 - it is the block that is tested
        ask(connection)
        raise KeyError
    with pytest.raises(CardLost), connection.transaction():  # noqa: PT012
        ask(connection)
        rig.take_out()
        ask(connection)
    with pytest.raises(CardLost), connection.transaction():
        pass


def test_events(rig: Rig) -> None:
    if Capability.EVENTS not in rig.reader.capabilities:
        return  # needs events
    with watch(rig.reader) as events:
        seen = []
        for act in (lambda: None, rig.take_out, rig.put_in):
            act()
            while (event := events.next(1.0 if not seen else 0.3)) is not None:
                seen.append(event)
    kinds = [event.kind for event in seen]
    assert kinds == [PlugKind.READER_ADDED, PlugKind.INSERTED, PlugKind.REMOVED, PlugKind.INSERTED]
    assert [event.number for event in seen] == [1, 2, 3, 4]


def test_one_thread_at_a_time(rig: Rig) -> None:
    rig.will(ON, ASKED)
    connection = rig.reader.connect()
    results: list[object] = []

    def other() -> None:
        try:
            ask(connection)
        except ReaderError as error:
            results.append(error)

    with connection._inside:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(SECONDS)
    assert isinstance(results[0], Busy)
    ask(connection)


def test_the_asyncio_twin(rig: Rig) -> None:
    rig.will(ON, ASKED, ASKED)

    async def visit() -> None:
        async with aio.AsyncReader(rig.reader) as reader:
            assert await reader.is_present()
            async with await reader.connect() as connection:
                assert connection.atr == rig.atr
                if Capability.APDU in connection.capabilities:
                    answers = await asyncio.gather(*(connection.transmit(CHALLENGE) for _ in range(2)))
                    assert [len(answer) for answer in answers] == [10, 10]
                else:
                    with pytest.raises(NotSupported):
                        await connection.transmit(CHALLENGE)
                    await connection.call(ask)
            with pytest.raises((CardLost, NotSupported)):
                await connection.transmit(CHALLENGE)

    asyncio.run(visit())


def record(card: VirtualCard) -> list[str]:
    """A read of the card as ``CardSession`` does it today."""
    connection = VirtualReader("front", card).connect()
    lines: list[str] = []
    CardSession(RecordingChannel(connection, lines.append, atr=connection.atr)).read_basic()
    return lines


def test_identical_results(rig: Rig, card: VirtualCard, basic: CardBasic) -> None:
    """The same card read through any driver is the same object."""
    if rig.atr != CARD_ATR:
        return  # a PSAM has no holder
    rig.will(*parse(record(card)))
    connection = rig.reader.connect()
    read = connection.read_basic() if isinstance(connection, WholeCard) else CardSession(connection).read_basic()
    assert read == basic
    assert read.name == "李珅"


@pytest.mark.parametrize("name", ["张珅", "古丽" * 7, "欧阳·琭琭", "\U00020087三", "A", "镕镕镕"])
def test_the_driver_and_the_apdus_agree_on_names(name: str, vendor_library: Path, tmp_path: Path) -> None:
    """Names with 7C inside their bytes, of four-byte characters, and long ones: decoded before they are split."""
    desk = Desk(seed=1, name=name)
    truth = CardSession(VirtualReader("desk", desk.card).connect()).read_basic()
    assert truth.name == name
    library = tmp_path / "libsscard.so"
    shutil.copy(vendor_library, library)
    write_vendor_card(tmp_path, truth)
    with drivers.open(f"sscard:{library}") as reader, reader.connect() as card:
        assert isinstance(card, WholeCard)
        assert card.read_basic() == truth


def test_a_changed_session_is_noticed(card: VirtualCard, basic: CardBasic, tmp_path: Path) -> None:
    lines = record(card)
    (tmp_path / "cut.jsonl").write_text("\n".join(lines[:3] + lines[5:]), "utf-8")
    with drivers.open(f"replay:{tmp_path}/cut.jsonl") as reader:
        session = CardSession(reader.connect())
        with pytest.raises(ReplayMismatch, match="exchange 1"):
            session.read_basic()
    text = "\n".join(lines)
    assert text.count("0D0419810101") == 1
    (tmp_path / "changed.jsonl").write_text(text.replace("0D0419810101", "0D0419820101"), "utf-8")
    with drivers.open(f"replay:{tmp_path}/changed.jsonl") as reader:
        connection = reader.connect()
        assert CardSession(connection).read_basic() == replace(basic, birth_date="19820101")
        assert isinstance(connection, transcript.ReplayConnection)
        connection.finish()


def test_a_session_file_is_a_reader() -> None:
    """A session kept as a file: card and PSAM, the card pulled out before its number came, put in again."""
    path = Path(__file__).parent / "sessions" / "pulled.jsonl"
    number = bytes.fromhex("00B2072C0B")
    with drivers.open(f"replay:{path}") as reader:
        assert [slot.name for slot in reader.slots] == ["card", "psam"]
        card, psam = (slot.connect() for slot in reader.slots)
        assert card.transmit(SSSE)[-2:] == b"\x90\x00"
        assert psam.transmit(bytes.fromhex("00A4040006D15600000590")).hex() == "9000"
        assert card.transmit(bytes.fromhex("00B2032C06")).hex() == "0304322e30309000"
        with pytest.raises(CardLost):
            card.transmit(number)
        assert psam.transmit(CHALLENGE)[-2:] == b"\x90\x00"
        card = reader.connect()
        assert card.transmit(number).hex() == "6a82"
        with pytest.raises(ReplayMismatch, match="at its end"):
            card.transmit(CHALLENGE)
        with pytest.raises(NoCard):
            reader.connect()


@pytest.mark.parametrize("bad", ['{"dir": "<", "hex": "9000"}', "no json", '{"dir": "!", "hex": "3"}', "[1]"])
def test_no_transcript(bad: str, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text(f'{{"dir": "!", "hex": "3B00"}}\n{bad}\n', "utf-8")
    with pytest.raises(TraceMalformed, match="line 2"):
        drivers.open(f"replay:{tmp_path}/bad.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    for name in ("none", "empty"):
        with pytest.raises(ReaderNotFound):
            drivers.open(f"replay:{tmp_path}/{name}.jsonl")


def test_an_installed_driver_gets_the_whole_contract(monkeypatch: pytest.MonkeyPatch, card: VirtualCard) -> None:
    """An entry point that only returns a plain slot, and knows no clock."""

    class Point:
        name = "lab"

        @staticmethod
        def load() -> Callable[..., VirtualReader]:
            return lambda rest: VirtualReader(rest, card)

    def entry_points(*, group: str, name: str = "lab") -> Sequence[Point]:
        return [Point()] if (group, name) == ("sbcard.readers", "lab") else []

    monkeypatch.setattr(drivers, "entry_points", entry_points)
    assert "lab" in drivers.schemes()
    with drivers.open("lab:bench 3") as reader, reader.connect() as connection, connection.transaction():
        assert reader.name == "bench 3"
        assert connection.reset() == CARD_ATR
        ask(connection)
