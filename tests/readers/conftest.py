"""A made-up card, its PSAM and a terminal number, from one seed of test keys."""

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from readers.base import FixedPinPad, PinPurpose
from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from readers.sim.reader import SimReader
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
