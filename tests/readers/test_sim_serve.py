"""Virtual card and PSAM in a real PC/SC service by one command, seen by programs that know nothing of them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from apdu.errors import CardLost
from readers import pcsc
from readers.device import Reader
from readers.errors import NoCard
from readers.sim import vpcd
from readers.sim.desk import Desk
from readers.sim.serve import Showing
from sbcard_core.card.basic import CardBasic
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.card.session import CardSession
from tests.readers.service import CARD_PORT, DRIVER, PSAM_PORT, SECONDS, driver_library, entry

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def reader(start_service: Any) -> Iterator[Reader]:
    with start_service(), pcsc.open("Virtual PCD") as reader:
        yield reader


def all_in(reader: Reader) -> bool:
    return all(slot.is_present() for slot in reader.slots)


def all_out(reader: Reader) -> bool:
    return not any(slot.is_present() for slot in reader.slots)


def authenticated(reader: Reader) -> CardBasic:
    """Read; the service says "present" a moment before it has powered a card on."""
    for left in range(100, -1, -1):
        try:
            with reader.slots[0].connect() as card, reader.slots[1].connect() as psam:
                return CardSession(card, psam, profile=SAMPLE).read_authenticated(None)
        except NoCard:
            if not left:
                raise
            time.sleep(0.2)
    raise AssertionError


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """A shell's background job, and all that it starts, is born deaf to Ctrl-C: what is started here hears it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("arguments", "version"),
    [([], "2.00"), (["--reader", "sim:stock?seed=7&version=3.00#12", "--psam", "sim:psam?stock=7"], "3.00")],
)
@pytest.mark.usefixtures("ctrl_c")
def test_the_command(reader: Reader, until: Callable[..., None], arguments: list[str], version: str) -> None:
    command = [sys.executable, "-m", "sbcard_core.cli", "card", "serve", "--port", str(CARD_PORT), *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True)
    try:
        until(lambda: all_in(reader), "card and PSAM in the service")
        basic = authenticated(reader)
        assert basic.version == version
        assert len(basic.name) >= 2
    finally:
        process.send_signal(signal.SIGINT)
        try:
            out, error = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
    assert process.returncode == 0, error
    assert "commands answered" in out
    assert int(out.split()[-3]) >= 16
    until(lambda: all_out(reader), "slots empty again")


def test_devices_in_and_out(reader: Reader, until: Callable[..., None]) -> None:
    desk = Desk(seed=5)
    news: list[tuple[int, str]] = []
    devices = {CARD_PORT: desk.card, PSAM_PORT: desk.psam}
    with Showing(devices, told=lambda port, what: news.append((port, what))):
        until(lambda: all_in(reader), "devices in the service")
        assert authenticated(reader).name == "张珅"
    until(lambda: all_out(reader), "slots empty again")
    assert {what for _, what in news} == {"in", "out"}


def test_the_usual_port_is_the_drivers_own(start_service: Any) -> None:
    """Where a user installs pcscd and vpcd and changes nothing, the command without ``--port`` finds them."""
    assert entry("Virtual PCD", vpcd.CARD_PORT, driver_library()).split() == DRIVER.read_text("utf-8").split()


def test_no_service_is_a_sentence() -> None:
    with pytest.raises(CardLost, match="vpcd does not answer"), Showing({1: Desk(seed=1).card}):
        pass
    command = [sys.executable, "-m", "sbcard_core.cli", "card", "serve", "--port", "1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    done = subprocess.run(command, capture_output=True, env=environment, text=True, check=False, timeout=SECONDS)
    assert (done.returncode, "Traceback" in done.stderr, "vpcd" in done.stderr) == (2, False, True)
