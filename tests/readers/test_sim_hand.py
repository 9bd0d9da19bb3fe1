"""A hand that pulls cards out by chance: every loss is a CardLost, every event is heard, money is conserved."""

import threading
from datetime import datetime

import pytest

from apdu.errors import CardLost
from readers import drivers
from readers.base import FixedPinPad, PinPurpose
from readers.medical import MedicalTerminal
from readers.monitor import PlugKind, watch
from readers.plain import PlainReader
from readers.pos import POSTerminal
from readers.sim import VirtualReader
from readers.sim.desk import Desk
from readers.sim.hand import Hand
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.errors import SBCardError

AT = datetime.fromisoformat("2014-07-31T09:30:15")
PAD = FixedPinPad({**dict.fromkeys(PinPurpose, "246810"), PinPurpose.OLD: "123456"})
CHALLENGE = bytes.fromhex("0084000008")


def test_a_pull_in_mid_command_ends_the_connection() -> None:
    slot = VirtualReader()
    hand = Hand(slot, Desk(seed=1).card, seed=1, rate=1000)
    hand.insert()
    channel = slot.connect()
    assert channel.atr == hand.atr
    with pytest.raises(CardLost):
        channel.transmit(CHALLENGE)
    assert not slot.is_present()
    hand.insert()
    with pytest.raises(CardLost, match="no longer"):
        channel.transmit(CHALLENGE)
    hand.remove()
    with pytest.raises(CardLost):
        slot.connect()
    assert [pull.command for pull in hand.pulls] == [1]


def test_the_same_seed_is_the_same_hand() -> None:
    def pulls(seed: int) -> list[object]:
        slot = VirtualReader()
        hand = Hand(slot, Desk(seed=1).card, seed=seed, rate=100)
        for _ in range(20):
            hand.insert()
            channel = slot.connect()
            while slot.is_present():
                try:
                    channel.transmit(CHALLENGE)
                except CardLost:
                    break
        return list(hand.pulls)

    assert pulls(4) == pulls(4) != pulls(5)
    assert {pull.executed for pull in pulls(4)} == {True, False}  # type: ignore[attr-defined]


def test_purchases_under_a_restless_hand() -> None:
    """Each sale is all or nothing on the card, whatever the till has heard of it."""
    desk = Desk(seed=2, balance_fen=50_000)
    MedicalTerminal(desk.card, desk.psam, PAD, desk.centre, profile=SAMPLE).change_initial_pin()
    slot = VirtualReader()
    hand = Hand(slot, desk.card, seed=7, rate=60)
    heard = lost = 0
    for _ in range(80):
        before = desk.card.purse.balance()
        hand.insert()
        try:
            POSTerminal(slot.connect(), desk.psam, PAD, profile=SAMPLE).purchase(100, AT)
            heard += 1
            assert desk.card.purse.balance() == before - 100
        except SBCardError:
            lost += 1
            assert desk.card.purse.balance() in (before, before - 100)
        hand.remove()
    assert heard > 10
    assert lost == len(hand.pulls) > 10
    sold = (50_000 - desk.card.purse.balance()) // 100
    assert heard <= sold <= heard + sum(pull.executed for pull in hand.pulls)


def test_every_move_is_heard() -> None:
    reader = drivers.open("sim:")
    assert isinstance(reader, PlainReader)
    hand = Hand(reader, Desk(seed=1).card, seed=9)
    with watch(reader) as events:
        thread = threading.Thread(target=hand.play, args=(300,), kwargs={"longest": 0.0005})
        thread.start()
        kinds = []
        while len(kinds) < 601:
            event = events.next(5)
            assert event is not None
            kinds.append(event.kind)
        thread.join()
    assert kinds == [PlugKind.READER_ADDED, *[PlugKind.INSERTED, PlugKind.REMOVED] * 300]


def test_a_pull_in_mid_command_is_heard_too() -> None:
    reader = drivers.open("sim:")
    assert isinstance(reader, PlainReader)
    hand = Hand(reader, Desk(seed=1).card, seed=1, rate=1000)
    with watch(reader) as events:
        hand.insert()
        with pytest.raises(CardLost):
            reader.connect().transmit(CHALLENGE)
        kinds = [event.kind for event in iter(lambda: events.next(0.1), None) if event is not None]
    assert kinds == [PlugKind.READER_ADDED, PlugKind.INSERTED, PlugKind.REMOVED]
