"""Through a real service: others at the same card, protocols, a card pulled in the middle of a command."""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apdu.atr import ATR
from apdu.channel import GetResponseChannel
from apdu.errors import CardLost
from readers import aio, drivers, pcsc, pcsc_service
from readers.device import CardProtocol, Reader, ResetKind
from readers.errors import Busy, CardRemoved, NotSupported, ReaderError, Timeout
from sbcard_core.card.errors import DriverCode
from sbcard_core.card.session import CardSession
from sbcard_core.errors import SBCardError
from tests.readers.service import SECONDS

CHALLENGE = bytes.fromhex("0084000008")
T0_ATR = bytes.fromhex("3B6D000000900000008660140700000001")


class Script:
    """A device that answers what the test says; a command may wait until the test lets it go on."""

    def __init__(self, atr: bytes = T0_ATR) -> None:
        self.atr = atr
        self.answer = bytes(8) + b"\x90\x00"
        self.resets = 0
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def reset(self) -> bytes:
        self.resets += 1
        return self.atr

    def transmit(self, command: bytes) -> bytes:
        self.reached.set()
        self.go_on.wait(SECONDS)
        return self.answer


@pytest.fixture(scope="module")
def service(start_service: Any) -> Iterator[None]:
    with start_service():
        yield


@pytest.fixture
def put(service: None, plug: Any, until: Callable[..., None]) -> Iterator[Callable[[Script], Reader]]:
    readers: list[Reader] = []

    def put(device: Script) -> Reader:
        plug.insert(device)
        reader = drivers.open("pcsc:00 00")
        until(reader.is_present, "card")
        readers.append(reader)
        return reader

    yield put
    for reader in readers:
        reader.close()
    plug.remove_all()
    for reader in readers:
        until(lambda reader=reader: not reader.is_present(), "card out")


def test_one_program_alone(put: Callable[[Script], Reader]) -> None:
    first = put(Script())
    second = drivers.open("pcsc:00 00")
    first.connect(exclusive=True)
    with pytest.raises(Busy) as busy:
        second.connect()
    assert (busy.value.service_code, busy.value.driver_code) == (0x8010000B, -11)
    assert not isinstance(busy.value, CardLost)
    first.close()
    with second.connect() as shared:
        with pytest.raises(Busy):
            first.connect(exclusive=True)
        assert len(shared.transmit(CHALLENGE)) == 10
    first.connect(exclusive=True)


def test_a_transaction_keeps_others_out(put: Callable[[Script], Reader]) -> None:
    reader, other = put(Script()), drivers.open("pcsc:00 00")
    ours, theirs = reader.connect(), other.connect()
    order: list[str] = []

    def wait_and_ask() -> None:
        with theirs.transaction():
            order.append("theirs")
            theirs.transmit(CHALLENGE)

    with ours.transaction():
        thread = threading.Thread(target=wait_and_ask)
        thread.start()
        for _ in range(3):
            time.sleep(0.03)
            ours.transmit(CHALLENGE)
        order.append("ours")
    thread.join(SECONDS)
    assert order == ["ours", "theirs"]
    other.close()


def test_a_reset_by_another_program_is_a_loss(put: Callable[[Script], Reader]) -> None:
    """What we had proved to the card is gone, so going on in silence would be wrong."""
    reader, other = put(Script()), drivers.open("pcsc:00 00")
    ours, theirs = reader.connect(), other.connect()
    theirs.reset(ResetKind.WARM)
    with pytest.raises(CardRemoved, match="another program reset the card") as reset:
        ours.transmit(CHALLENGE)
    assert (reset.value.service_code, reset.value.driver_code) == (0x80100068, -4)
    assert len(theirs.transmit(CHALLENGE)) == 10
    assert len(reader.connect().transmit(CHALLENGE)) == 10
    other.close()


@pytest.mark.parametrize(
    ("atr", "offered"),
    [("3B6D000000900000008660140700000001", (0,)), ("3B800181", (1,)), ("3B80800101", (0, 1))],
)
def test_protocols(put: Callable[[Script], Reader], atr: str, offered: tuple[int, ...]) -> None:
    """T=0 or T=1, as the card offers and the caller wishes."""
    raw = bytes.fromhex(atr)
    assert ATR.parse(raw).protocols == offered
    reader = put(Script(raw))
    assert reader.connect().atr == raw
    for number, wish in ((0, CardProtocol.T0), (1, CardProtocol.T1)):
        if number in offered:
            connection = reader.connect(wish)
            assert connection.protocol is wish
            assert len(connection.transmit(CHALLENGE)) == 10
            connection.reset(ResetKind.COLD)
            assert connection.protocol is wish
        else:
            with pytest.raises(NotSupported):
                reader.connect(wish)


def test_nothing_is_left_open(put: Callable[[Script], Reader]) -> None:
    """A hundred visits later the process holds no more lines to the service than before."""
    reader = put(Script())
    reader.close()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(100):
        with drivers.open("pcsc:00 00") as again, again.connect(timeout=SECONDS) as connection:
            assert again.is_present()
            connection.transmit(CHALLENGE)
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_command_too_slow_for_asyncio(put: Callable[[Script], Reader]) -> None:
    """The limit is kept, the connection is over, the loop never stood still, a new connection works."""
    device = Script()
    reader = put(device)

    async def visit() -> int:
        ticks = 0
        twin = aio.AsyncReader(reader)
        connection = await twin.connect()
        device.go_on.clear()
        waiting = asyncio.create_task(connection.transmit(CHALLENGE, timeout=1))
        while not waiting.done():
            await asyncio.sleep(0.01)
            ticks += 1
        with pytest.raises(Timeout):
            await waiting
        device.go_on.set()
        with pytest.raises(CardLost):
            await connection.transmit(CHALLENGE)
        assert len(await (await twin.connect()).transmit(CHALLENGE)) == 10
        await twin.close()
        return ticks

    assert asyncio.run(visit()) >= 5


@pytest.mark.usefixtures("service")
def test_any_answer_through_the_service(put: Callable[[Script], Reader]) -> None:
    """Random answers of a card, over the real driver, the wrappers and a session: typed errors only."""
    device = Script()
    reader = put(device)
    connection = reader.connect()
    outcomes: set[str] = set()

    @settings(suppress_health_check=list(HealthCheck), database=None)
    @given(st.binary(max_size=40) | st.binary(max_size=20).map(lambda data: data + b"\x90\x00") | st.just(b"\x61\x00"))
    def fuzz(answer: bytes) -> None:
        nonlocal connection
        device.answer = answer or b"\x00"
        if connection.is_lost:
            connection = reader.connect(timeout=SECONDS)
        try:
            connection.transmit(CHALLENGE)
            GetResponseChannel(connection).transmit(CHALLENGE)
            CardSession(connection, atr=T0_ATR).read_basic()
        except SBCardError as error:
            outcomes.add(type(error).__name__)

    fuzz()
    assert len(outcomes) >= 2


@given(st.integers(0, 0xFFFFFFFF) | st.integers(-(2**31), -1))
def test_every_return_code_is_a_typed_error(code: int) -> None:
    error = pcsc_service.error(code, "transmit")
    assert isinstance(error, ReaderError)
    assert error.service_code == code & 0xFFFFFFFF
    assert error.driver_code in {int(known) for known in DriverCode}
    assert error.step == "transmit"


@given(st.integers(1, 0xFFFFFFFF) | st.integers(-(2**31), -1) | st.sampled_from([0x1F, 0x16, 0x80100008, 0x8010000F]))
def test_a_command_that_failed_may_have_been_done_unless_the_reader_was_busy(code: int) -> None:
    error = pcsc_service.transmit_error(code)
    assert isinstance(error, CardLost) or (type(error), code & 0xFFFFFFFF) == (Busy, 0x8010000B)
    assert (error.step, error.service_code) == ("transmit", code & 0xFFFFFFFF)


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (["ACS ACR38U 01 00", "Feitian bR301 00 00"], "ACS ACR38U 01 00"),
        (["ACS ACR38U 00 00", "ACS ACR38U 01 00"], None),  # it is there under its name: another one came
        (["ACS ACR38U 01 00", "ACS ACR38U 02 00"], None),  # two of its kind: nobody knows which
        (["ACS ACR38U 01 01"], None),
        ([], None),
    ],
)
def test_a_reader_plugged_in_again_is_known_by_all_but_its_number(there: list[str], found: str | None) -> None:
    assert pcsc.same_reader("ACS ACR38U 00 00", there) == found


def test_every_documented_code_has_its_class() -> None:
    """No code of the API that a card or reader can cause is a bare error."""
    for code, documented in ((0x8010000C, -2), (0x80100066, -2), (0x80100069, -4), (0x80100017, -11), (0x8010001D, -12),
                             (0x8010000A, -4), (0x8010000B, -11), (0x8010000F, -13)):  # fmt: skip
        assert pcsc_service.error(code, "").driver_code == documented
    for code in (*range(0x80100065, 0x8010006A), 0x80100009, 0x8010000B, 0x8010000C, 0x8010001D, 0x8010001E):
        assert type(pcsc_service.error(code, "")) is not ReaderError
