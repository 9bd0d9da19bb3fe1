"""A made-up card, its PSAM and a terminal number, from one seed of test keys."""

import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from apdu.errors import CardLost
from readers.base import FixedPinPad, PinPurpose
from readers.sim import vpcd
from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from readers.sim.reader import Device, SimReader
from readers.sim.settings import DEFAULT, SimSettings
from sbcard_core.card.personalize import CardRequest, order_lines
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys

TERMINAL_NO = bytes.fromhex("430100000001")
AT = datetime.fromisoformat("2014-07-31T09:30:15")
NEW_PIN = "246813"


@pytest.fixture(scope="session")
def master_keys() -> MasterKeys:
    return MasterKeys.simulation(2014)


@pytest.fixture(scope="session")
def order_line(master_keys: MasterKeys) -> dict[str, Any]:
    request = CardRequest(
        order_line=1,
        card_no="X00000019",
        city="430100",
        serial=bytes.fromhex("00000001"),
        factor=bytes.fromhex("8660140700000001"),
        id_number="111111198101011110",
        name="李珅",
        sex="1",
        ethnicity="01",
        birth_date="19810101",
        issued_on="20140801",
        expires_on="20240801",
    )
    return next(iter(order_lines([request], master_keys, master_keys.get(KeyUsage.TRANSPORT))))


@pytest.fixture
def make_card(order_line: dict[str, Any], master_keys: MasterKeys) -> Callable[..., VirtualCard]:
    def make(settings: SimSettings = DEFAULT, **changes: Any) -> VirtualCard:
        transport = master_keys.get(KeyUsage.TRANSPORT).material()
        rng = random.Random(7).randbytes
        return VirtualCard.from_order({**order_line, **changes}, transport, rng=rng, settings=settings)

    return make


@pytest.fixture
def card(make_card: Callable[..., VirtualCard]) -> VirtualCard:
    return make_card()


@pytest.fixture
def make_psam(master_keys: MasterKeys) -> Callable[..., VirtualPSAM]:
    def make(settings: SimSettings = DEFAULT) -> VirtualPSAM:
        usages = (KeyUsage.IRK, KeyUsage.RK_SSSE, KeyUsage.UK_SSSE, KeyUsage.DPK)
        keys = {usage.value: master_keys.get(usage).material() for usage in usages}
        return VirtualPSAM(keys, TERMINAL_NO, rng=random.Random(8).randbytes, settings=settings)

    return make


@pytest.fixture
def psam(make_psam: Callable[..., VirtualPSAM]) -> VirtualPSAM:
    return make_psam()


@pytest.fixture
def slot(card: VirtualCard) -> SimReader:
    return SimReader("front", card)


@pytest.fixture
def pin_pad() -> FixedPinPad:
    pins = {
        PinPurpose.VERIFY: NEW_PIN,
        PinPurpose.OLD: "123456",
        PinPurpose.NEW: NEW_PIN,
        PinPurpose.REPEAT: NEW_PIN,
    }
    return FixedPinPad(pins)


# --- a real PC/SC service, without systemd

PCSCD_SOCKET = Path("/run/pcscd/pcscd.comm")
RealPart = Callable[[str, bool, str], None]
StartService = Callable[..., AbstractContextManager[subprocess.Popen[bytes]]]


def wait_until(done: Callable[[], bool], what: str, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"{what} took longer than {seconds} s"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    return wait_until


@contextmanager
def _run_pcscd(*options: str) -> Iterator[subprocess.Popen[bytes]]:
    PCSCD_SOCKET.parent.mkdir(parents=True, exist_ok=True)
    command = ["pcscd", "--foreground", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_until(lambda: PCSCD_SOCKET.exists() and process.poll() is None, "pcscd start")
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)  # a pcscd started too early would see the dying one
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for left in PCSCD_SOCKET.parent.glob("pcscd.*"):
            left.unlink()


@pytest.fixture(scope="module")
def start_service(real_part: RealPart) -> Iterator[StartService]:
    """Starts the machine's one service; where tests run in several processes, a file of them after the other."""
    found = shutil.which("pcscd") is not None and Path("/etc/reader.conf.d/vpcd").exists() and sys.platform == "linux"
    pyscard = importlib.util.find_spec("smartcard") is not None
    real_part("pcscd", found, "apt-get install pcscd vsmartcard-vpcd")
    real_part("pcscd", os.access("/run", os.W_OK), "write access to /run")
    real_part("pyscard", pyscard, "apt-get install libpcsclite-dev, pip install 'sbcard-core[pcsc]'")
    import fcntl  # of Linux, where we are now

    with (Path(tempfile.gettempdir()) / "sbcard-test-pcscd.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        real_part("pcscd", not PCSCD_SOCKET.exists(), "no pcscd of somebody else's running")
        yield _run_pcscd


class Plug:
    """Puts virtual devices into the readers of vpcd, by port, and pulls them out."""

    def __init__(self) -> None:
        self._lines: dict[int, tuple[list[socket.socket], threading.Event, threading.Thread]] = {}

    def insert(self, device: Device, port: int = vpcd.CARD_PORT) -> None:
        lines: list[socket.socket] = []
        out = threading.Event()
        thread = threading.Thread(target=self._serve, args=(device, port, lines, out), daemon=True)
        self._lines[port] = lines, out, thread
        thread.start()
        wait_until(lambda: bool(lines), f"vpcd on port {port}")

    def remove(self, port: int = vpcd.CARD_PORT) -> None:
        self.cut(port)
        self._lines.pop(port)[2].join(10)

    def cut(self, port: int = vpcd.CARD_PORT) -> None:
        """Pull out without waiting for the device."""
        lines, out, _ = self._lines[port]
        out.set()
        for line in lines:
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:  # the service closed it first
                continue

    def remove_all(self) -> None:
        for port in list(self._lines):
            self.remove(port)

    @staticmethod
    def _serve(device: Device, port: int, lines: list[socket.socket], out: threading.Event) -> None:
        """A card stays in until it is pulled out, also where the service drops the line."""
        while not out.wait(0.01 if lines else 0):
            try:
                vpcd.serve(device, port=port, connected=lines.append)
            except CardLost:
                out.wait(0.01)


@pytest.fixture
def plug() -> Iterator[Plug]:
    plug = Plug()
    yield plug
    plug.remove_all()


# --- a vendor's driver


@pytest.fixture(scope="session")
def vendor_library(real_part: RealPart, tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    real_part("C compiler", compiler is not None and sys.platform != "win32", "apt-get install gcc")
    source = Path(__file__).parent / "c" / "sscard_test.c"
    target = tmp_path_factory.mktemp("vendor") / "libsscard.so"
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC"]
    subprocess.run(["cc", *flags, "-o", target, source], check=True)
    return target
