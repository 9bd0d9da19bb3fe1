"""Readers by URL, and the rules every driver keeps."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from apdu.errors import CardLost
from readers import drivers
from readers.base import Slot
from readers.errors import NoCard, ReaderNotFound
from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from readers.sim.reader import VirtualReader
from sbcard_core.card.errors import driver_code
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys


@pytest.fixture
def order_file(tmp_path: Path, order_line: dict[str, Any]) -> Path:
    path = tmp_path / "order.jsonl"
    second = {**order_line, "order_line": 2, "version": "2.01"}
    path.write_text("".join(json.dumps(line) + "\n" for line in (order_line, second)), encoding="utf-8")
    return path


def test_a_card_of_an_order_file(order_file: Path, master_keys: MasterKeys) -> None:
    transport = master_keys.get(KeyUsage.TRANSPORT).material()
    slot = drivers.open(f"sim:{order_file}#2", transport_key=transport, rng=os.urandom)
    assert isinstance(slot, Slot)
    assert slot.connect().atr.hex().upper() == "3B6D000000900000008660140700000001"
    with pytest.raises(ReaderNotFound, match="no line 3"):
        drivers.open(f"sim:{order_file}#3", transport_key=transport, rng=os.urandom)
    with pytest.raises(ReaderNotFound, match="transport key"):
        drivers.open(f"sim:{order_file}")


@pytest.mark.parametrize("url", ["nosuch:reader", "sim"])
def test_no_such_driver(url: str) -> None:
    with pytest.raises(ReaderNotFound):
        drivers.open(url)


def test_an_empty_slot_says_so(slot: VirtualReader) -> None:
    slot.remove()
    assert not slot.is_present()
    with pytest.raises(CardLost):
        slot.connect()


def test_a_pulled_card_is_lost_and_a_new_power_on_needed(
    slot: VirtualReader, card: VirtualCard, psam: VirtualPSAM
) -> None:
    connection = slot.connect()
    assert connection.transmit(bytes.fromhex("0084000008"))[-2:] == b"\x90\x00"
    slot.insert(psam)
    with pytest.raises(CardLost):
        connection.transmit(bytes.fromhex("0084000008"))
    assert slot.connect().atr == psam.atr
    slot.insert(card)
    first, second = slot.connect(), slot.connect()
    with pytest.raises(CardLost):
        first.transmit(bytes.fromhex("0084000008"))
    assert second.transmit(bytes.fromhex("0084000008"))[-2:] == b"\x90\x00"


def test_power_on_takes_rights_away(slot: VirtualReader) -> None:
    connection = slot.connect()
    connection.transmit(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
    slot.close()
    slot.close()
    assert slot.connect().transmit(bytes.fromhex("00B2012C00")).hex() == "6a82"


@pytest.mark.parametrize("url", ["sim:", "replay:{trace}"])
def test_no_card_is_minus_2_whatever_is_behind_the_reader(url: str, tmp_path: Path) -> None:
    trace = tmp_path / "session.jsonl"
    trace.write_text('{"dir": "!", "hex": "3B00", "slot": "card"}\n', "utf-8")
    with drivers.open(url.format(trace=trace)) as reader:
        if url.startswith("replay"):
            reader.connect()
        with pytest.raises(NoCard) as none:
            reader.connect()
    assert (driver_code(none.value), none.value.service_code) == (-2, None)
    assert driver_code(CardLost("gone")) == -4


@pytest.mark.parametrize(
    ("url", "zh", "en"),
    [
        ("nosuch", "例如 pcsc:", "e.g. pcsc:"),
        ("nosuch:", "现有：", "known: pcsc"),
        ("replay:nosuch.jsonl", "请核对文件路径", "check the path"),
    ],
)
def test_what_to_do_where_no_reader_opens_stands_in_both_languages(url: str, zh: str, en: str) -> None:
    with pytest.raises(ReaderNotFound) as refused:
        drivers.open(url)
    chinese, english = refused.value.in_language("zh"), refused.value.in_language("en")
    assert (zh in chinese, en in chinese, zh in english, en in english) == (True, False, False, True)
