"""Card and PSAM in a real PC/SC service: pcscd with the vpcd driver, pyscard in between."""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest

from apdu.errors import CardLost
from readers import drivers, pcsc
from readers.base import Bill, FixedPinPad, SettleReply, SettleRequest
from readers.errors import ReaderNotFound
from readers.medical import MedicalTerminal
from readers.pos import POSTerminal
from readers.sim import vpcd
from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from sbcard_core.card.loadhost import KeyedLoadHost
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.errors import MissingPart

AT = datetime.fromisoformat("2014-07-31T09:30:15")
PCSCD_SOCKET = Path("/run/pcscd/pcscd.comm")
RealPart = Callable[[str, bool, str], None]


def _vpcd_there() -> bool:
    return Path("/etc/reader.conf.d/vpcd").exists()


def _wait(done: Callable[[], bool], what: str, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, f"{what} took longer than {seconds} s"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def service(real_part: RealPart, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    found = shutil.which("pcscd") is not None and _vpcd_there() and sys.platform == "linux"
    free = not PCSCD_SOCKET.exists() and os.access("/run", os.W_OK)
    pyscard = importlib.util.find_spec("smartcard") is not None
    real_part("pcscd", found, "apt-get install pcscd vsmartcard-vpcd")
    real_part("pcscd", free, "no pcscd of somebody else's running, and write access to /run")
    real_part("pyscard", pyscard, "apt-get install libpcsclite-dev, pip install 'sbcard-core[pcsc]'")
    PCSCD_SOCKET.parent.mkdir(parents=True, exist_ok=True)
    log = (tmp_path_factory.mktemp("pcscd") / "log").open("wb")
    process = subprocess.Popen(["pcscd", "--foreground"], stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(lambda: PCSCD_SOCKET.exists() and process.poll() is None, "pcscd start")
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)  # a pcscd started too early would see the dying one
        log.close()
        for left in PCSCD_SOCKET.parent.glob("pcscd.*"):
            left.unlink()


@pytest.fixture
def in_service(
    service: None, card: VirtualCard, psam: VirtualPSAM
) -> Iterator[tuple[pcsc.PcscReader, pcsc.PcscReader]]:
    lines: list[socket.socket] = []
    threads = []
    for device, port in ((card, vpcd.CARD_PORT), (psam, vpcd.PSAM_PORT)):
        thread = threading.Thread(target=_serve, args=(device, port, lines), daemon=True)
        thread.start()
        threads.append(thread)
    slots = []
    for name in ("00 00", "00 01"):
        _wait(lambda name=name: any(name in reader for reader in pcsc.names()), f"reader {name}")
        slot = pcsc.open(name)
        _wait(slot.is_present, f"card in {name}")
        slots.append(slot)
    yield slots[0], slots[1]
    for slot in slots:
        slot.close()
    for line in lines:
        line.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join(10)
    for slot in slots:
        _wait(lambda slot=slot: not slot.is_present(), "card out of the reader")


def _serve(device: VirtualCard | VirtualPSAM, port: int, lines: list[socket.socket]) -> None:
    end = time.monotonic() + 10
    while True:
        try:
            vpcd.serve(device, port=port, connected=lines.append)
            return
        except CardLost:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


class Centre:
    def settle(self, request: SettleRequest) -> SettleReply:
        return SettleReply(True, "S1", fund_fen=request.bill.amount_fen)


def test_a_whole_visit_through_pcsc(
    in_service: tuple[pcsc.PcscReader, pcsc.PcscReader], pin_pad: FixedPinPad, master_keys: MasterKeys
) -> None:
    card, psam = in_service[0].connect(), in_service[1].connect()
    assert card.atr.hex().upper() == "3B6D000000900000008660140700000001"
    medical = MedicalTerminal(card, psam, pin_pad, Centre(), profile=SAMPLE)
    assert medical.read_holder().name == "李珅"
    medical.change_initial_pin()
    assert medical.settle(Bill("MZ0001", AT, 5000)).fund_fen == 5000
    pos = POSTerminal(card, psam, pin_pad, profile=SAMPLE)
    pos.load(3000, KeyedLoadHost(master_keys), at=AT)
    assert pos.purchase(1000, AT).offline_no == 0
    assert pos.balance() == 2000


def test_opensc_sees_the_card(in_service: tuple[pcsc.PcscReader, pcsc.PcscReader], real_part: RealPart) -> None:
    real_part("opensc", shutil.which("opensc-tool") is not None, "apt-get install opensc")
    in_service[0].close()
    command = ["opensc-tool", "-r", "0", "-s", "00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "-s", "00B2032C06"]
    # opensc-tool has been seen to hang for ever in another configuration.
    shown = subprocess.run(["timeout", "10", *command], capture_output=True, text=True, check=False).stdout
    assert shown.count("SW1=0x90, SW2=0x00") == 2
    assert "2.00" in shown


def test_a_pulled_card_is_a_lost_card(in_service: tuple[pcsc.PcscReader, pcsc.PcscReader]) -> None:
    slot = in_service[0]
    connection = slot.connect()
    assert slot.is_present()
    assert len(connection.transmit(bytes.fromhex("0084000008"))) == 10
    slot.close()
    with pytest.raises(CardLost):
        connection.transmit(bytes.fromhex("0084000008"))


def test_no_such_reader_lists_those_there_are(in_service: tuple[pcsc.PcscReader, pcsc.PcscReader]) -> None:
    with pytest.raises(ReaderNotFound, match="Virtual PCD"):
        drivers.open("pcsc:no such reader")


def test_missing_pyscard_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard.scard", None)
    with pytest.raises(MissingPart, match=r"pip install 'sbcard-core\[pcsc\]'"):
        drivers.open("pcsc:")
