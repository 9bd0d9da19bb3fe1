"""Virtual cards: how fast the data of many is built, how fast one answers, and what a whole visit costs.

.venv/bin/python -m pytest benchmarks/test_card_stock.py -s
"""

from datetime import datetime
from typing import Any

import pytest

from readers.base import PinPurpose
from readers.medical import MedicalTerminal
from readers.pos import POSTerminal
from readers.sim.bank import SimPinPad
from readers.sim.desk import CashCentre
from readers.sim.stock import CardStock
from sbcard_core.card.profiles.v2 import SAMPLE

COUNT = 50_000
SSSE = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
READ = bytes.fromhex("00B2083014")
CHALLENGE = bytes.fromhex("0084000008")
AUTHENTICATE = bytes.fromhex("0088000010") + bytes(16)
AT = datetime.fromisoformat("2014-07-31T09:30:15")


def test_data_of_many_cards(benchmark: Any) -> None:
    """EF05, EF06 and factors of 50,000 cards as arrays; asked for: 50,000 a second."""
    benchmark.group = "virtual cards: data as arrays"
    stock = benchmark(lambda: CardStock.made_up(COUNT, seed=1))
    rate = COUNT / benchmark.stats.stats.median
    benchmark.extra_info["cards_per_second"] = round(rate)
    print(f"\n{rate:,.0f} cards' data/s")
    assert len(stock) == COUNT
    assert rate >= 50_000


def test_cards_taken_from_the_stock(benchmark: Any) -> None:
    """A card with its six keys derived and its file tree."""
    stock = CardStock.made_up(1000, seed=1)
    benchmark.group = "virtual cards: one taken"
    benchmark(lambda: stock.card(7))
    print(f"\n{1 / benchmark.stats.stats.median:,.0f} cards/s")


@pytest.mark.parametrize(("what", "command"), [("read", READ), ("challenge", CHALLENGE), ("cryptogram", AUTHENTICATE)])
def test_commands(benchmark: Any, what: str, command: bytes) -> None:
    card = CardStock.made_up(1, seed=1).card(0)
    card.transmit(SSSE)
    benchmark.group = "virtual card: one command"
    answer = benchmark(lambda: card.transmit(command))
    print(f"\n{what}: {1 / benchmark.stats.stats.median:,.0f} commands/s")
    assert answer[-2:] == b"\x90\x00"


def test_a_visit(benchmark: Any) -> None:
    """Authenticated read at the hospital, PIN changed; a purchase at the shop: a new card each time."""
    stock = CardStock.made_up(1000, seed=1)
    psam = stock.psam()
    pins = {**dict.fromkeys(PinPurpose, "246810"), PinPurpose.OLD: "123456"}
    pad, turn = SimPinPad(pins, bytes(16)), iter(range(10**9))

    def visit() -> int:
        card = stock.card(next(turn) % 1000, balance_fen=5000)
        hospital = MedicalTerminal(card, psam, pad, CashCentre(), profile=SAMPLE)
        hospital.read_holder()
        hospital.change_initial_pin()
        return POSTerminal(card, psam, pad, profile=SAMPLE).purchase(1200, AT).amount_fen

    benchmark.group = "virtual visit: read, PIN, purchase"
    assert benchmark(visit) == 1200
    print(f"\n{1 / benchmark.stats.stats.median:,.0f} visits/s")
