"""Answers no card would give: every session call ends in a value or in an error of this library, and in time."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from apdu.errors import CardLost
from readers.sim.card import VirtualCard
from readers.sim.desk import Desk
from sbcard_core.card.loadhost import LoadAuthorisation, LoadRequest
from sbcard_core.card.money import MoneyRecord, Movement
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.card.session import CardSession
from sbcard_core.card.torn import gather
from sbcard_core.errors import SBCardError

AT = datetime(2014, 7, 31, 10, 20, 30)  # noqa: DTZ001 - terminals keep local time
TERMINAL = bytes.fromhex("430100000001")
LIMIT = 40_000
WORDS = ("9000", "6982", "6A83", "6A82", "6100", "6C00", "61FF", "6CFF", "63C0", "6983", "9302", "6700", "6F00", "FFFF")


class Mangler:
    """Passes a virtual device's answers on, every so often changed, cut, grown, replaced or lost."""

    def __init__(self, inner: VirtualCard | Any, rng: random.Random, rate: float) -> None:
        self.inner, self.rng, self.rate, self.atr, self.count = inner, rng, rate, inner.atr, 0

    def transmit(self, command: bytes) -> bytes:
        self.count += 1
        assert self.count < LIMIT, "no end"
        answer = self.inner.transmit(command)
        if self.rng.random() > self.rate:
            return answer
        return self.mangle(bytearray(answer))

    def mangle(self, answer: bytearray) -> bytes:
        how = self.rng.randrange(6)
        if how == 0:
            answer[self.rng.randrange(len(answer))] ^= 1 << self.rng.randrange(8)
        elif how == 1:
            del answer[self.rng.randrange(len(answer)) :]
        elif how == 2:
            answer[self.rng.randrange(len(answer)) : 0] = self.rng.randbytes(self.rng.randrange(300))
        elif how == 3:
            return self.rng.randbytes(self.rng.randrange(260))
        elif how == 4:
            return bytes(answer[:-2]) + bytes.fromhex(self.rng.choice(WORDS))
        else:
            raise CardLost("pulled out")
        return bytes(answer)


class Host:
    def authorise_load(self, request: LoadRequest) -> LoadAuthorisation:
        return LoadAuthorisation(bytes(4), request.at)


def calls(session: CardSession, psam: Any) -> list[Callable[[], object]]:
    purse = session.purse()
    record = MoneyRecord(Movement.PURCHASE, session.factor, "430100", 1, 0, 0, TERMINAL, 1, 6, 1, 0, AT)
    return [
        session.detect,
        lambda: session.read_authenticated(None),
        session.read_basic,
        lambda: session.read_file("DF01/EF06"),
        lambda: session.read_file("SSSE/EF08"),
        lambda: session.read_address("SSSEEF05|07|$SSSEEF06|08|$"),
        lambda: session.write_file("SSSE/EF06", {"sex": "1", "name": "李珅"}, check=True),
        session.pin_tries,
        lambda: session.verify_pin("123456"),
        lambda: session.change_pin("123456", "246810"),
        session.begin_basic,
        lambda: session.begin_key("UK_SSSE"),
        purse.balance,
        lambda: purse.load(100, TERMINAL, AT, Host()),
        lambda: purse.purchase(1, TERMINAL, psam, AT),
        purse.log,
        lambda: gather(purse, record),
        session.account().balance,
    ]


@pytest.mark.parametrize("rate", [0.05, 0.3, 1.0])
def test_mangled_answers_end_in_typed_errors(rate: float) -> None:
    fuzz(rate, range(60))


@pytest.mark.soak
@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3, 1.0])
def test_many_mangled_answers_end_in_typed_errors(rate: float) -> None:
    fuzz(rate, range(5000))


def fuzz(rate: float, seeds: range) -> None:
    ends: Counter[str] = Counter()
    for seed in seeds:
        rng, desk = random.Random(seed), Desk(seed=1)
        card, psam = Mangler(desk.card, rng, rate), Mangler(desk.psam, rng, rate)
        session = CardSession(card, psam, profile=SAMPLE, rng=rng.randbytes)
        for call in calls(session, psam):
            try:
                call()
                ends["value"] += 1
            except SBCardError as error:
                ends[type(error).__name__] += 1
    print(rate, dict(ends))
    assert len(ends) > 3
