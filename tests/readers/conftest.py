"""A made-up card, its PSAM and a terminal number, from one seed of test keys."""

import importlib.util
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from readers.base import FixedPinPad, PinPurpose
from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from readers.sim.reader import VirtualReader
from readers.sim.settings import DEFAULT, SimSettings
from sbcard_core.card.personalize import CardRequest, order_lines
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from tests.readers.driver_line import LINE, RECORDS
from tests.readers.service import DRIVER, PCSCD_SOCKET, Plug, StartService, run_pcscd, wait_until
from tests.readers.shop import PAN_RECORD, Shop

TERMINAL_NO = bytes.fromhex("430100000001")
AT = datetime.fromisoformat("2014-07-31T09:30:15")
NEW_PIN = "246813"
RealPart = Callable[[str, bool, str], None]


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
def slot(card: VirtualCard) -> VirtualReader:
    return VirtualReader("front", card)


@pytest.fixture
def pin_pad() -> FixedPinPad:
    pins = {
        PinPurpose.VERIFY: NEW_PIN,
        PinPurpose.OLD: "123456",
        PinPurpose.NEW: NEW_PIN,
        PinPurpose.REPEAT: NEW_PIN,
    }
    return FixedPinPad(pins)


# --- a real PC/SC service


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    return wait_until


@pytest.fixture(scope="module")
def start_service(real_part: RealPart, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartService]:
    """Starts the machine's one service; where tests run in several processes, a file of them after the other."""
    found = shutil.which("pcscd") is not None and DRIVER.exists() and sys.platform == "linux"
    pyscard = importlib.util.find_spec("smartcard") is not None
    real_part("pcscd", found, "apt-get install pcscd vsmartcard-vpcd")
    real_part("pcscd", os.access("/run", os.W_OK), "write access to /run")
    real_part("pyscard", pyscard, "apt-get install libpcsclite-dev, pip install 'sbcard-core[pcsc]'")
    import fcntl  # of Linux, where we are now

    with (Path(tempfile.gettempdir()) / "sbcard-test-pcscd.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        real_part("pcscd", not PCSCD_SOCKET.exists(), "no pcscd of somebody else's running")
        folder = tmp_path_factory.mktemp("service")
        yield partial(run_pcscd, folder)


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


@pytest.fixture
def library(vendor_library: Path, tmp_path: Path) -> Path:
    """The driver in a folder of its own, with a card."""
    target = tmp_path / "libsscard.so"
    shutil.copy(vendor_library, target)
    (tmp_path / "basic.txt").write_bytes(LINE.encode("gb18030"))
    (tmp_path / "records.txt").write_bytes(RECORDS.encode("gb18030"))
    return target


# --- terminals on a bank's line


@pytest.fixture
def bank_card(make_card: Callable[..., VirtualCard], order_line: dict[str, Any]) -> VirtualCard:
    return make_card(files={**order_line["files"], "BANK/EF02": [PAN_RECORD.hex()]})


@pytest.fixture
def shop(bank_card: VirtualCard, make_psam: Callable[..., VirtualPSAM]) -> Shop:
    return Shop(bank_card, make_psam())
