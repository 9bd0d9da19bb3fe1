"""Card and PSAM in a real PC/SC service: pcscd with the vpcd driver, pyscard in between."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from apdu.errors import CardLost
from readers import drivers, pcsc
from readers.base import Bill, FixedPinPad, SettleReply, SettleRequest
from readers.device import DeviceSlot
from readers.errors import ReaderNotFound
from readers.medical import MedicalTerminal
from readers.pos import POSTerminal
from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from sbcard_core.card.loadhost import KeyedLoadHost
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.errors import MissingPart
from tests.readers.service import CARD_PORT, PSAM_PORT

AT = datetime.fromisoformat("2014-07-31T09:30:15")
RealPart = Callable[[str, bool, str], None]


@pytest.fixture(scope="module")
def service(start_service: Any) -> Iterator[None]:
    with start_service():
        yield


@pytest.fixture
def in_service(
    service: None, card: VirtualCard, psam: VirtualPSAM, plug: Any, until: Callable[..., None]
) -> Iterator[tuple[DeviceSlot, DeviceSlot]]:
    """Card and PSAM as two slots of one reader."""
    plug.insert(card, CARD_PORT)
    plug.insert(psam, PSAM_PORT)
    reader = pcsc.open("Virtual PCD")
    for slot in reader.slots:
        until(slot.is_present, f"card in {slot.name}")
    yield reader.slots[0], reader.slots[1]
    reader.close()
    plug.remove_all()
    for slot in reader.slots:
        until(lambda slot=slot: not slot.is_present(), "card out of the reader")


class Centre:
    def settle(self, request: SettleRequest) -> SettleReply:
        return SettleReply(True, "S1", fund_fen=request.bill.amount_fen)


def test_a_whole_visit_through_pcsc(
    in_service: tuple[DeviceSlot, DeviceSlot], pin_pad: FixedPinPad, master_keys: MasterKeys
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


SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"


def run(command: list[str], text: str = "") -> str:
    """A client no one here wrote; opensc-tool has been seen to hang for ever in another configuration."""
    done = subprocess.run(["timeout", "10", *command], input=text, capture_output=True, text=True, check=False)
    assert done.returncode != 124, f"{command[0]} did not end in 10 s"
    return done.stdout


def test_opensc_sees_card_and_psam(in_service: tuple[DeviceSlot, DeviceSlot], real_part: RealPart) -> None:
    real_part("opensc", shutil.which("opensc-tool") is not None, "apt-get install opensc")
    assert "3b:6d:00:00:00:90:00:00:00:86:60:14:07:00:00:00:01" in run(["opensc-tool", "-r", "0", "-a"])
    assert in_service[1].connect().atr.hex(":") in run(["opensc-tool", "-r", "1", "-a"])
    in_service[1].close()
    shown = run(["opensc-tool", "-r", "0", "-s", SELECT, "-s", "00B2032C06"])
    assert shown.count("SW1=0x90, SW2=0x00") == 2
    assert "2.00" in shown
    run(["opensc-tool", "-r", "0", "--reset"])
    assert "SW1=0x6A, SW2=0x82" in run(["opensc-tool", "-r", "0", "-s", "00B2032C06"]), "a reset leaves the SSSE"
    assert "SW1=0x90, SW2=0x00" in run(["opensc-tool", "-r", "1", "-s", "00A4040006D15600000590"])


def test_scriptor_talks_to_card_and_psam(in_service: tuple[DeviceSlot, DeviceSlot], real_part: RealPart) -> None:
    real_part("scriptor", shutil.which("scriptor") is not None, "apt-get install pcsc-tools")
    spaced = " ".join(SELECT[at : at + 2] for at in range(0, len(SELECT), 2))
    shown = run(["scriptor", "-r", in_service[0].name], f"reset\n{spaced}\n00 B2 03 2C 06\n00 84 00 00 08\n")
    assert shown.count("90 00 : Normal processing") == 3
    assert "03 04 32 2E 30 30 90 00" in shown
    shown = run(["scriptor", "-r", in_service[1].name], "reset\n00 A4 04 00 06 D1 56 00 00 05 90\n")
    assert "90 00 : Normal processing" in shown or "61 " in shown


def test_a_pulled_card_is_a_lost_card(in_service: tuple[DeviceSlot, DeviceSlot]) -> None:
    slot = in_service[0]
    connection = slot.connect()
    assert slot.is_present()
    assert len(connection.transmit(bytes.fromhex("0084000008"))) == 10
    slot.close()
    with pytest.raises(CardLost):
        connection.transmit(bytes.fromhex("0084000008"))


def test_no_such_reader_lists_those_there_are(in_service: tuple[DeviceSlot, DeviceSlot]) -> None:
    with pytest.raises(ReaderNotFound, match="Virtual PCD"):
        drivers.open("pcsc:no such reader")


def test_missing_pyscard_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard.scard", None)
    with pytest.raises(MissingPart, match=r"pip install 'sbcard-core\[pcsc\]'"):
        drivers.open("pcsc:")
