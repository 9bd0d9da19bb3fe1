"""Where everyone and every card stands, counted in the database: each in exactly one state."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import sqlalchemy as sa

from sbcard_core.messages import message
from sbcard_core.registry.opening_results import OpeningState
from sbcard_core.store import schema
from sbcard_core.values import CardState


class Stage(IntEnum):
    """How far one person has come; the furthest reached counts (own list, after public vendor code)."""

    COLLECTED = 10
    """已入库,未送银行, or withdrawn from the bank."""
    AT_BANK = 20
    """在开户批次中,未应答."""
    OPENING_FAILED = 21
    """开户失败."""
    ACCOUNT_OPENED = 30
    """已开户,未制卡."""
    IN_PRODUCTION = 40
    """制卡中."""
    PRODUCTION_FAILED = 41
    """制卡未成: the order was answered without this card."""
    CARD_MADE = 50
    """待领卡."""
    CARD_ISSUED = 60
    """已发卡."""
    CARD_CANCELLED = 90
    """卡已注销, no other card."""

    @property
    def zh(self) -> str:
        """What a clerk reads."""
        return message(f"registry.stage.{self.name.lower()}").zh


@dataclass(frozen=True, slots=True)
class Counts:
    """Everything counted once.

    Attributes:
        persons: persons by stage; sums to all persons.
        cards: cards by the states of (application half, account half); sums to all cards.
        cards_made: cards back from the factory, whatever became of them.
        cards_issued: cards handed over, whatever became of them.
    """

    persons: dict[Stage, int]
    cards: dict[tuple[CardState, CardState], int]
    cards_made: int
    cards_issued: int


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """One city or bank: persons taken in, sent, with an opened and with only failed openings, first cards made, issued.

    A person sent again after a failure is counted once.
    """

    key: str
    collected: int
    dispatched: int
    opened: int
    failed: int
    made: int
    issued: int


def counts(connection: sa.Connection, *, city: str | None = None) -> Counts:
    """Count every person and every card, of one city or of all."""
    person, card = schema.person.c, schema.card.c
    query = _person_stages()
    tally = sa.select(query.c.stage, sa.func.count()).group_by(query.c.stage)
    cards = sa.select(
        *(card.app_state, card.account_state, sa.func.count()),
        *(sa.func.count(card.made_on), sa.func.count(card.issued_on)),
    ).group_by(card.app_state, card.account_state)
    if city is not None:
        tally = tally.where(query.c.city == city)
        cards = cards.join_from(schema.card, schema.person, card.person_id == person.person_id).where(
            person.city == city
        )
    persons = {Stage(stage): int(number) for stage, number in connection.execute(tally)}
    by_state: dict[tuple[CardState, CardState], int] = {}
    made = issued = 0
    for app, account, number, made_here, issued_here in connection.execute(cards):
        by_state[CardState(app), CardState(account)] = number
        made += made_here
        issued += issued_here
    return Counts(persons, by_state, made, issued)


def by_city(connection: sa.Connection) -> list[PlaceCount]:
    """Counts of each city, by code."""
    return _by(connection, "city")


def by_bank(connection: sa.Connection) -> list[PlaceCount]:
    """Counts of each bank, by code."""
    return _by(connection, "bank")


def _person_stages() -> sa.Subquery:
    """One row per person: city, bank, stage."""
    person, card, order = schema.person.c, schema.card.c, schema.production_order.c
    opened = _openings()
    # A card that lives counts before a cancelled one, and a later step before an earlier one.
    step = sa.case(
        (card.app_state == int(CardState.CANCELLED), 1),
        (card.issued_on.is_not(None), 5),
        (card.made_on.is_not(None), 4),
        (order.returned_on.is_not(None), 2),
        else_=3,
    )
    carded = (
        sa.select(card.person_id, sa.func.max(step).label("rank"))
        .join_from(schema.card, schema.production_order, card.order_no == order.order_no)
        .group_by(card.person_id)
        .subquery()
    )
    stages = {5: Stage.CARD_ISSUED, 4: Stage.CARD_MADE, 3: Stage.IN_PRODUCTION, 2: Stage.PRODUCTION_FAILED}
    whens: list[Any] = [(carded.c.rank == rank, int(stage)) for rank, stage in stages.items()]
    whens.append((carded.c.rank == 1, int(Stage.CARD_CANCELLED)))
    before = {_OPENED: Stage.ACCOUNT_OPENED, _ASKED: Stage.AT_BANK, _FAILED: Stage.OPENING_FAILED}
    whens += [(opened.c.rank == rank, int(stage)) for rank, stage in before.items()]
    return (
        sa.select(person.city, person.bank, sa.case(*whens, else_=int(Stage.COLLECTED)).label("stage"))
        .join_from(schema.person, opened, opened.c.person_id == person.person_id, isouter=True)
        .join(carded, carded.c.person_id == person.person_id, isouter=True)
        .subquery()
    )


_FAILED, _ASKED, _OPENED = 1, 2, 3


def _openings() -> sa.Subquery:
    """How far each person's openings have come: one row per person, however often they were sent; not if withdrawn."""
    line = schema.opening_line.c
    states = {OpeningState.OPENED: _OPENED, OpeningState.IN_BATCH: _ASKED}
    rank = sa.case(*[(line.state == int(state), value) for state, value in states.items()], else_=_FAILED)
    sent = sa.select(line.person_id, sa.func.max(rank).label("rank")).where(line.state != int(OpeningState.WITHDRAWN))
    return sent.group_by(line.person_id).subquery()


def _by(connection: sa.Connection, name: str) -> list[PlaceCount]:
    person, card = schema.person, schema.card.c
    key = person.c[name]
    found: dict[str, list[int]] = {}
    collected = sa.select(key, sa.func.count()).group_by(key)
    for place, number in connection.execute(collected):
        found[place] = [number, 0, 0, 0, 0, 0]
    opened = _openings()
    lines = (
        sa.select(
            *(key, sa.func.count()),
            *(sa.func.sum(sa.case((opened.c.rank == rank, 1), else_=0)) for rank in (_OPENED, _FAILED)),
        )
        .join_from(opened, person, opened.c.person_id == person.c.person_id)
        .group_by(key)
    )
    for place, number, opened, failed in connection.execute(lines):
        found[place][1:4] = number, int(opened), int(failed)
    cards = (
        sa.select(key, sa.func.count(card.made_on), sa.func.count(card.issued_on))
        .join_from(schema.card, person, card.person_id == person.c.person_id)
        .where(card.replaces.is_(None))
        .group_by(key)
    )
    for place, made, issued in connection.execute(cards):
        found[place][4:6] = made, issued
    return [PlaceCount(place, *numbers) for place, numbers in sorted(found.items())]
