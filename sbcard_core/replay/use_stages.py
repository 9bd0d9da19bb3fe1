"""Stages in which cards are used: at a hospital's terminal and at a merchant's, each with a PSAM."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from readers.base import Bill, BillLine, FixedPinPad, PinPurpose
from readers.medical import MedicalTerminal
from readers.pos import POSTerminal, PurchaseRecord
from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from sbcard_core.card.loadhost import KeyedLoadHost
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.clearing import write_journal
from sbcard_core.files import open_input
from sbcard_core.ledger import AccountKind, Ledger, Transfer, timestamp
from sbcard_core.replay import chance
from sbcard_core.replay.campaign import AS_OF
from sbcard_core.replay.centre import MedicalCentre
from sbcard_core.replay.context import Context
from sbcard_core.store import schema
from sbcard_core.values import CardState

ONE_CARD_IN = 40
"""One of so many active cards is used in the replay: each visit runs every command of both terminals."""

LOAD_FEN = 10_000

_card, _person = schema.card.c, schema.person.c
_ITEMS = (
    ("A110101", "门诊诊查费", 1_500),
    ("B210300", "CT平扫", 32_000),
    ("A250101", "检验", 18_600),
    ("B01AB", "静脉用药", 46_350),
    ("X02XX", "自费滴眼液", 4_200),
)
"""Charges of the sample visit; codes (A, B, X = 甲, 乙, 自费) and prices are made up."""


@dataclass(frozen=True, slots=True)
class _Visitor:
    card_no: str
    order_no: str
    order_line: int
    replacement: bool
    city: str
    index: int


@dataclass
class _City:
    """The two terminals of one city, and what they have taken today."""

    context: Context
    code: str
    centre: MedicalCentre
    purchases: list[PurchaseRecord] = field(default_factory=list)
    loads: list[Transfer] = field(default_factory=list)

    def __post_init__(self) -> None:
        roots = {usage.value: self.context.keys.get(usage).material() for usage in self.context.keys}
        keys = {name: key for name, key in roots.items() if name in ("IRK", "RK_SSSE", "UK_SSSE", "DPK")}
        seed, number = self.context.campaign.seed, int(self.code)
        self.psams = [
            VirtualPSAM(
                keys, bytes.fromhex(f"{self.code}{kind:06d}"), rng=chance.ByteStream(seed, f"psam{kind}", number)
            )
            for kind in (1, 2)
        ]

    def visit(self, visitor: _Visitor, order: dict[str, Any], at: datetime) -> None:
        """One person at the hospital, then at the pharmacy's POS."""
        seed = self.context.campaign.seed
        rng = chance.ByteStream(seed, "visit", visitor.index)
        card = VirtualCard.from_order(order, self.context.transport.material(), rng=rng)
        bits = chance.draw_one(seed, "visit", visitor.index)
        pin = f"{bits % 900_000 + 100_000:06d}"
        if pin in SAMPLE.initial_pins:
            pin = "246810"
        pins = {
            PinPurpose.OLD: order["initial_pin"],
            **dict.fromkeys((PinPurpose.NEW, PinPurpose.REPEAT, PinPurpose.VERIFY), pin),
        }
        pad = FixedPinPad(pins)
        hospital = MedicalTerminal(card, self.psams[0], pad, self.centre, profile=SAMPLE, rng=rng)
        hospital.read_holder()
        hospital.change_initial_pin()
        hospital.settle(_bill(visitor, at, bits))
        self._shop(POSTerminal(card, self.psams[1], pad, profile=SAMPLE, rng=rng), visitor, at, bits)

    def _shop(self, pos: POSTerminal, visitor: _Visitor, at: datetime, bits: int) -> None:
        pos.load(LOAD_FEN, KeyedLoadHost(self.context.keys), at=at)
        move = f"load:{visitor.card_no}:1"
        self.loads.append(Transfer(move, "CASH", "PURSE_FLOAT", LOAD_FEN, "purse.load", timestamp(at), visitor.card_no))
        for purchase in range(1 + bits % 3):
            amount = 150 + (bits >> (8 * purchase + 8)) % 3_000
            self.purchases.append(pos.purchase(amount, at + timedelta(minutes=5 * purchase + 5)))


def _bill(visitor: _Visitor, at: datetime, bits: int) -> Bill:
    lines = tuple(BillLine(code, name, price) for code, name, price in _ITEMS[: 2 + bits % 4])
    return Bill(f"MZ{visitor.card_no}", at, sum(line.amount_fen for line in lines), lines)


def _visitors(context: Context) -> list[_Visitor]:
    query = (
        sa.select(
            *(_card.card_no, _card.order_no, _card.order_line, _card.replaces),
            *(_person.city, _person.form_no),
        )
        .join_from(schema.card, schema.person, _card.person_id == _person.person_id)
        .where(_card.app_state == int(CardState.NORMAL), _card.account_state == int(CardState.NORMAL))
        .order_by(_person.city, _card.order_no, _card.order_line)
    )
    seed = context.campaign.seed
    with context.store.begin() as connection:
        rows = (_Visitor(r[0], r[1], r[2], r[3] is not None, r[4], int(r[5][-8:])) for r in connection.execute(query))
        return [visitor for visitor in rows if chance.draw_one(seed, "goes out", visitor.index) % ONE_CARD_IN == 0]


def _orders(context: Context, visitors: list[_Visitor]) -> Iterator[tuple[_Visitor, dict[str, Any]]]:
    """Each visitor's card as the factory was ordered to make it, reading every order file once."""
    for (order_no, replacement), group in groupby(visitors, key=lambda v: (v.order_no, v.replacement)):
        wanted = {visitor.order_line: visitor for visitor in group}
        folder = "replacement-orders" if replacement else "orders"
        path: Path = context.campaign.root / "factory" / folder / f"{order_no}.jsonl"
        with open_input(path) as stream:
            for number, text in enumerate(stream, 1):
                if number in wanted:
                    yield wanted[number], json.loads(text)


def visit_terminals(context: Context) -> Iterator[int]:
    """Some people see a doctor and buy something; the terminals keep their journals."""
    ledger = Ledger(context.store)
    ledger.open_accounts([("CASH", AccountKind.CASH), ("PURSE_FLOAT", AccountKind.PURSE_FLOAT)])
    journals = context.campaign.dir("terminals")
    with_orders = _orders(context, _visitors(context))
    for code, group in groupby(with_orders, key=lambda pair: pair[0].city):
        city = _City(context, code, MedicalCentre(context, ledger))
        for number, (visitor, order) in enumerate(group):
            at = datetime.combine(AS_OF, time(8, 0)) + timedelta(seconds=number % 28_000)
            city.visit(visitor, order, at)
            yield 1
        write_journal(journals / f"journal-{code}.csv", city.purchases)
        ledger.post_many(city.loads)
