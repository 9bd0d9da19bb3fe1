"""A card with money that is torn out, its PSAM and host, and every place where it can be torn."""

import random
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import product

from readers.sim.card import VirtualCard
from readers.sim.faults import Tear, TornChannel
from readers.sim.psam import VirtualPSAM
from readers.sim.settings import SimSettings
from sbcard_core.card.loadhost import KeyedLoadHost
from sbcard_core.card.money import Movement
from sbcard_core.card.personalize import CardRequest, order_lines
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.card.purse import Purse
from sbcard_core.card.session import CardSession
from sbcard_core.card.torn import Settlement
from sbcard_core.crypto import tac
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.tac import TacStatus

KEYS = MasterKeys.simulation(1207)
TRANSPORT = KEYS.get(KeyUsage.TRANSPORT)
HERE, THERE = bytes.fromhex("430100000001"), bytes.fromhex("430200000009")
AT = datetime(2014, 7, 31, 10, 20, 30)  # noqa: DTZ001 - terminals keep local time
FACTOR = bytes.fromhex("8660140731000001")
OLD, NEW = "123456", "246810"
LINE = next(
    order_lines(
        [CardRequest(1, "X00000019", "430100", bytes(4), FACTOR, "111111198101011110", "李珅", "1", "01", "19810101",
                     "20140804", "20240804")],
        KEYS, TRANSPORT,
    )
)  # fmt: skip
START = 5000
AMOUNT = 1200


def make_card(**settings: object) -> VirtualCard:
    line = {**LINE, "purse": {"balance": START}}
    made = SimSettings(**settings)  # type: ignore[arg-type]
    card = VirtualCard.from_order(line, TRANSPORT.material(), rng=random.Random(5).randbytes, settings=made)
    CardSession(card, profile=SAMPLE).change_pin(OLD, NEW)
    card.reset()
    return card


def make_psam(terminal: bytes = HERE, **settings: object) -> VirtualPSAM:
    roots = {"DPK": KEYS.get(KeyUsage.DPK).material()}
    made = SimSettings(**settings)  # type: ignore[arg-type]
    return VirtualPSAM(roots, terminal, rng=random.Random(6).randbytes, settings=made)


def open_purse(channel: object, *, pin: bool = True) -> Purse:
    session = CardSession(channel, profile=SAMPLE)  # type: ignore[arg-type]
    if pin:
        session.verify_pin(NEW)
    return Purse(channel, profile=SAMPLE, session=session)  # type: ignore[arg-type]


def buy(
    channel: object, psam: VirtualPSAM, *, terminal: bytes = HERE, at: datetime = AT, amount: int = AMOUNT
) -> object:
    return open_purse(channel).purchase(amount, terminal, psam, at)


def load(
    channel: object, host: KeyedLoadHost, *, terminal: bytes = HERE, at: datetime = AT, amount: int = AMOUNT
) -> object:
    return open_purse(channel).load(amount, terminal, at, host)


MOVES: dict[Movement, Callable[[object], object]] = {
    Movement.PURCHASE: lambda channel: buy(channel, make_psam()),
    Movement.LOAD: lambda channel: load(channel, KeyedLoadHost(KEYS)),
}


def tears(movement: Movement, **settings: object) -> Iterator[Tear]:
    """Every command: not run; run and torn at every byte of the answer, lost or delivered cut, log kept or lost."""
    whole = TornChannel(make_card(**settings))
    MOVES[movement](whole)
    for command, length in enumerate(whole.answers, 1):
        yield Tear(command, executed=False)
        for received, delivered, log_lost in product(range(length), (False, True), (False, True)):
            yield Tear(command, executed=True, received=received, delivered=delivered, log_lost=log_lost)


def moved(card: VirtualCard) -> bool:
    return card.purse.balance() != START


def expected_tac(found: Settlement) -> bytes:
    record = found.record
    if record.movement is Movement.LOAD:
        return found.tac
    message = tac.purchase_message(
        record.amount_fen, record.type, record.terminal_no, record.terminal_txn_no, record.at
    )
    city = KEYS.city(KeyUsage.DTK, record.city)
    assert tac.verify_many(city, record.factor, [message], [found.tac]) == [TacStatus.VERIFIED]
    return found.tac
