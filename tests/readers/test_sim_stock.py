"""Cards from arrays: every one is a card that a terminal accepts, and its numbers are right."""

import numpy as np
import pytest

from readers.base import PinPurpose
from readers.medical import MedicalTerminal
from readers.pos import POSTerminal
from readers.sim.bank import SimPinPad
from readers.sim.desk import CashCentre
from readers.sim.stock import CardStock
from sbcard_core.card.errors import InternalAuthFailed
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import card_number, citizen_id


def test_every_number_is_right() -> None:
    stock = CardStock.made_up(20_000, seed=3)
    numbers = [stock.ef06[at, 2:20].tobytes().decode("ascii") for at in range(len(stock))]
    cards = [stock.ef05[at, -9:].tobytes().decode("ascii") for at in range(len(stock))]
    assert all(map(citizen_id.is_valid, numbers))
    assert all(map(card_number.is_valid, cards))
    assert len(set(cards)) == len(cards)
    assert len(np.unique(stock.factors, axis=0)) == len(stock)


@pytest.mark.parametrize("version", ["2.00", "3.00"])
def test_a_terminal_reads_any_of_them(version: str) -> None:
    stock = CardStock.made_up(50, seed=4, city="431200", version=version)
    pad = SimPinPad(dict.fromkeys(PinPurpose, "123456"), bytes(16))
    for at in (0, 17, 49):
        terminal = MedicalTerminal(stock.card(at), stock.psam(), pad, CashCentre(), profile=SAMPLE)
        holder = terminal.read_holder()
        assert holder.id_number == stock.ef06[at, 2:20].tobytes().decode("ascii")
        assert holder.id_number[6:14] == holder.birth_date
        assert holder.sex == ("1" if int(holder.id_number[16]) % 2 else "2")
        assert holder.region == "431200"
        assert 2 <= len(holder.name) <= 3


def test_one_card_is_not_another() -> None:
    """A PSAM of another stock, and the purse of each card."""
    stock, other = CardStock.made_up(2, seed=5), CardStock.made_up(2, seed=6)
    pad = SimPinPad(dict.fromkeys(PinPurpose, "123456"), bytes(16))
    with pytest.raises(InternalAuthFailed):
        MedicalTerminal(stock.card(0), other.psam(), pad, CashCentre(), profile=SAMPLE).read_holder()
    assert POSTerminal(stock.card(1, balance_fen=700), stock.psam(), pad, profile=SAMPLE).balance() == 700


def test_the_same_seed_gives_the_same_stock() -> None:
    first, again, other = (CardStock.made_up(100, seed=seed) for seed in (1, 1, 2))
    assert (first.ef06 == again.ef06).all()
    assert not (first.ef06 == other.ef06).all()


@pytest.mark.parametrize(("count", "city"), [(-1, "430100"), (10**7 + 1, "430100"), (1, "4301"), (1, "４３０１００")])
def test_bad_calls(count: int, city: str) -> None:
    with pytest.raises(InvalidValue):
        CardStock.made_up(count, seed=1, city=city)
