"""The life of cards: the table of transitions, two halves apart, replacement, and every card in one state."""

from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.registry import enrolment, status
from sbcard_core.registry.issuing import Issuing, ReplacementRefused
from sbcard_core.registry.lifecycle import (
    Half,
    LifecyclePolicy,
    LossEnd,
    Operation,
    TransitionStatus,
    transition,
)
from sbcard_core.registry.openings import Openings
from sbcard_core.registry.production import Production
from sbcard_core.registry.status import Stage
from sbcard_core.store import Store, schema
from sbcard_core.values import CardState

DAY = date(2014, 9, 10)
OK, ALREADY, ILLEGAL = TransitionStatus.OK, TransitionStatus.ALREADY, TransitionStatus.ILLEGAL


class City:
    """Six people: one failed opening, one failed card, four cards at the outlet."""

    def __init__(self, world: ModuleType, store: Store, folder: Path) -> None:
        enrolment.enrol(store, [world.batch(folder, range(6))])
        openings = Openings(store)
        (request,) = openings.dispatch_all(date(2014, 7, 28), through=date(2014, 7, 31), out_dir=folder)
        openings.read_result(world.bank_answer(request, day=date(2014, 8, 15), fail={2}), read_on=date(2014, 8, 15))
        keys = MasterKeys.simulation(7)
        self.world, self.store, self.folder = world, store, folder
        self.production = Production(store, keys, keys.get(KeyUsage.TRANSPORT))
        self.make(self.production.order(world.CITY, ordered_on=DAY, out_dir=folder), fail={5})
        self.cards = sorted(self.holders())

    def holders(self) -> dict[str, str]:
        card, person = schema.card.c, schema.person.c
        query = sa.select(card.card_no, person.id_number).join_from(schema.card, schema.person)
        with self.store.begin() as connection:
            return dict(tuple(row) for row in connection.execute(query))

    def make(self, orders: list[Path], fail: set[int] = frozenset()) -> None:
        for order in orders:
            path = self.world.factory_answer(order, self.holders(), fail=fail, name=order.stem + ".csv")
            self.production.read_back_file(path, read_on=DAY)

    def states(self, card_no: str) -> tuple[CardState, CardState]:
        card = schema.card.c
        with self.store.begin() as connection:
            row = connection.execute(sa.select(card.app_state, card.account_state).where(card.card_no == card_no)).one()
        return CardState(row[0]), CardState(row[1])

    def events(self, card_no: str) -> list[str]:
        event = schema.card_event.c
        query = sa.select(event.operation).where(event.card_no == card_no).order_by(event.event_id)
        with self.store.begin() as connection:
            return list(connection.execute(query).scalars())


@pytest.fixture
def city(world: ModuleType, store: Store, tmp_path: Path) -> City:
    return City(world, store, tmp_path)


def test_issue_and_activate(city: City, store: Store) -> None:
    issuing = Issuing(store)
    good, unmade = city.cards[0], city.cards[4]
    assert issuing.activate([good], Half.APP, DAY) == [TransitionStatus.NOT_ISSUED]
    assert issuing.issue([good, unmade, "Z00000000", good], DAY) == [
        *(OK, TransitionStatus.NOT_MADE, TransitionStatus.UNKNOWN_CARD, ALREADY)
    ]
    assert issuing.activate([good, unmade], "app", DAY) == [OK, TransitionStatus.NOT_MADE]
    assert issuing.activate([good], "app", DAY) == [ALREADY]
    assert city.states(good) == (CardState.NORMAL, CardState.SEALED)
    assert city.events(good) == [Operation.ISSUE, Operation.ACTIVATE]


def test_the_halves_are_apart(city: City, store: Store) -> None:
    issuing, card = Issuing(store), city.cards[0]
    issuing.issue([card], DAY)
    for half in Half:
        issuing.activate([card], half, DAY)
    assert issuing.report_loss(card, DAY, half=Half.ACCOUNT) is OK
    assert city.states(card) == (CardState.NORMAL, CardState.TEMPORARILY_LOST)
    assert issuing.apply([card], Operation.LOCK, Half.APP, DAY) == [OK]
    assert issuing.release(card, DAY, half=Half.ACCOUNT) is OK
    assert city.states(card) == (CardState.LOCKED, CardState.NORMAL)


def test_release_after_a_formal_loss_is_a_local_rule(city: City, store: Store) -> None:
    issuing, card = Issuing(store), city.cards[0]
    issuing.issue([card], DAY)
    assert issuing.report_loss(card, DAY, formal=True) is OK
    assert issuing.release(card, DAY) is ILLEGAL
    assert Issuing(store, LifecyclePolicy(release_formal_loss=True)).release(card, DAY) is OK


def test_replacement(city: City, store: Store, tmp_path: Path) -> None:
    """补卡: formal loss, request, new card under a new number; the old one ends when the new one is issued."""
    issuing, old = Issuing(store), city.cards[0]
    issuing.issue([old], DAY)
    issuing.activate([old], "app", DAY)
    issuing.report_loss(old, DAY)
    with pytest.raises(ReplacementRefused):
        issuing.replace(old, DAY)
    issuing.report_loss(old, DAY, formal=True)
    request = issuing.replace(old, DAY)
    assert issuing.replace(old, date(2014, 10, 1)) == request
    orders = city.production.order_replacements(city.world.CITY, ordered_on=DAY, out_dir=tmp_path)
    assert city.production.order_replacements(city.world.CITY, ordered_on=DAY, out_dir=tmp_path) == []
    city.make(orders)
    (new,) = set(city.holders()) - set(city.cards)
    assert city.holders()[new] == city.holders()[old]
    assert city.states(old)[0] is CardState.LOST
    assert issuing.issue([new], DAY) == [OK]
    assert city.states(old) == (CardState.CANCELLED, CardState.CANCELLED)
    assert issuing.activate([old], "app", DAY) == [ILLEGAL]
    with store.begin() as connection:
        assert status.counts(connection).persons[Stage.CARD_ISSUED] == 1


def test_many_requests_at_once(city: City, store: Store) -> None:
    issuing, cards = Issuing(store), city.cards[:3]
    issuing.issue(cards, DAY)
    issuing.apply(cards[:2], Operation.FORMAL_LOSS, Half.APP, DAY)
    asked = [*cards, "Z00000000", cards[0]]
    assert issuing.request_replacements(asked, DAY) == [OK, OK, ILLEGAL, TransitionStatus.UNKNOWN_CARD, ALREADY]
    assert issuing.request_replacements(cards, DAY) == [ALREADY, ALREADY, ILLEGAL]


def test_a_cancelled_card_stays_cancelled(city: City, store: Store) -> None:
    issuing, card = Issuing(store), city.cards[0]
    assert issuing.cancel(card, DAY) is OK
    assert issuing.cancel(card, DAY) is ALREADY
    assert issuing.cancel("Z00000000", DAY) is TransitionStatus.UNKNOWN_CARD
    assert issuing.issue([card], DAY) == [ILLEGAL]


@pytest.mark.parametrize(("end", "after"), [(LossEnd.RESTORE, CardState.NORMAL), (LossEnd.CANCEL, CardState.CANCELLED)])
def test_temporary_losses_end_by_themselves(city: City, store: Store, end: LossEnd, after: CardState) -> None:
    issuing, card = Issuing(store, LifecyclePolicy(temporary_loss_days=10, temporary_loss_end=end)), city.cards[0]
    issuing.issue([card], DAY)
    issuing.activate([card], "app", DAY)
    issuing.report_loss(card, date(2014, 9, 15))
    assert issuing.end_temporary_losses(date(2014, 9, 24)) == 0
    assert issuing.end_temporary_losses(date(2014, 9, 25)) == 1
    assert city.states(card)[0] is after


OPERATIONS = sorted(set(Operation) - {Operation.ISSUE, Operation.REPLACE})


@given(operations=st.lists(st.sampled_from(OPERATIONS), max_size=12), release=st.booleans())
def test_cancelled_is_final_and_a_repeated_operation_changes_nothing(
    operations: list[Operation], release: bool
) -> None:
    policy = LifecyclePolicy(release_formal_loss=release)
    state = CardState.SEALED
    for operation in operations:
        result, after = transition(operation, state, policy)
        assert result in (OK, ALREADY, ILLEGAL)
        assert (after != state) == (result is OK)
        if state is CardState.CANCELLED:
            assert after is CardState.CANCELLED
        assert transition(operation, after, policy)[1] == after or result is ILLEGAL
        state = after


def test_everyone_is_counted_once(city: City, store: Store, world: ModuleType, tmp_path: Path) -> None:
    enrolment.enrol(store, [world.batch(tmp_path, [90, 91], "c9.csv", bank="402")])
    issuing = Issuing(store)
    issuing.issue(city.cards[:2], DAY)
    issuing.cancel(city.cards[1], DAY)
    with store.begin() as connection:
        counts = status.counts(connection)
        banks = status.by_bank(connection)
        (place,) = status.by_city(connection)
        assert status.counts(connection, city="430200").persons == {}
    assert counts.persons == {
        Stage.COLLECTED: 2,
        Stage.OPENING_FAILED: 1,
        Stage.PRODUCTION_FAILED: 1,
        Stage.CARD_MADE: 2,
        Stage.CARD_ISSUED: 1,
        Stage.CARD_CANCELLED: 1,
    }
    assert sum(counts.cards.values()) == len(city.cards)
    assert (counts.cards_made, counts.cards_issued) == (4, 2)
    assert [(b.key, b.collected, b.dispatched, b.opened, b.failed) for b in banks] == [
        ("103", 6, 6, 5, 1),
        ("402", 2, 0, 0, 0),
    ]
    assert (place.collected, place.made, place.issued) == (8, 4, 2)


def test_what_comes_back_is_the_last_state_before_the_loss_wherever_its_row_lies(city: City, store: Store) -> None:
    issuing, card, event = Issuing(store), city.cards[0], schema.card_event
    issuing.issue([card], DAY)
    assert issuing.activate([card], Half.APP, DAY) == [OK]
    assert issuing.report_loss(card, DAY, half=Half.APP) is OK
    activated = sa.and_(event.c.card_no == card, event.c.operation == str(Operation.ACTIVATE))
    with store.begin() as connection:  # the same row anew: PostgreSQL puts it behind the later ones
        row = connection.execute(sa.select(event).where(activated)).mappings().one()
        connection.execute(sa.delete(event).where(activated))
        connection.execute(sa.insert(event).values(**row))
    assert issuing.release(card, DAY, half=Half.APP) is OK
    assert city.states(card) == (CardState.NORMAL, CardState.SEALED)
