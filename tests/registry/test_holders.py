"""What happens to openings, orders and cards of people whose death is recorded; two of everything."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.eligibility import Eligibility, Purpose
from sbcard_core.hosts import bankfile
from sbcard_core.registry import enrolment
from sbcard_core.registry.holders import is_dead
from sbcard_core.registry.issuing import Issuing, ReplacementRefused
from sbcard_core.registry.lifecycle import Half, LifecyclePolicy, Operation, TransitionStatus
from sbcard_core.registry.openings import Openings
from sbcard_core.registry.production import Production
from sbcard_core.store import Store, schema
from sbcard_core.values import CardState, LifeStatus
from tests.people import enrol

DAY = date(2014, 9, 10)
OK, DEAD, ILLEGAL = TransitionStatus.OK, TransitionStatus.HOLDER_DEAD, TransitionStatus.ILLEGAL
DAYS = st.dates(DAY - timedelta(3), DAY + timedelta(3))


def dies(store: Store, number: str, died_on: date | None = DAY, living: int = 2) -> None:
    person, told = schema.person.c, schema.payout_standing
    with store.begin() as connection:
        person_id = connection.execute(sa.select(person.person_id).where(person.id_number == number)).scalar_one()
        connection.execute(sa.delete(told).where(told.c.person_id == person_id))
        values = {"person_id": person_id, "living": living, "told_on": DAY.isoformat()}
        values["died_on"] = None if died_on is None else died_on.isoformat()
        connection.execute(sa.insert(told).values(values))


class City:
    """Four people of one bank: everybody's registry, files and cards, step by step."""

    def __init__(self, world: ModuleType, store: Store, folder: Path) -> None:
        enrolment.enrol(store, [world.batch(folder, range(4))])
        self.world, self.store, self.folder = world, store, folder
        keys = MasterKeys.simulation(7)
        self.openings, self.issuing = Openings(store), Issuing(store)
        self.production = Production(store, keys, keys.get(KeyUsage.TRANSPORT))

    def dispatch(self, on: date) -> list[str]:
        """Form numbers that go to the bank."""
        paths = self.openings.dispatch_all(on, through=on, out_dir=self.folder)
        return [row[1] for path in paths for row in bankfile.read(path, bankfile.OPENING_REQUEST).rows]

    def open(self) -> None:
        (path,) = self.openings.dispatch_all(date(2014, 7, 28), through=DAY, out_dir=self.folder)
        answer = self.world.bank_answer(path, day=date(2014, 8, 15))
        self.openings.read_result(answer, read_on=date(2014, 8, 15))

    def holders(self) -> dict[str, str]:
        card, person = schema.card.c, schema.person.c
        query = sa.select(card.card_no, person.id_number).join_from(schema.card, schema.person).order_by(card.card_no)
        with self.store.begin() as connection:
            return dict(tuple(row) for row in connection.execute(query))

    def make(self, paths: list[Path], on: date, fail: tuple[int, ...] = ()) -> list[str]:
        """Card numbers of orders, back from the factory on the same day."""
        numbers: list[str] = []
        for path in paths:
            numbers += [json.loads(text)["card_no"] for text in path.read_text("utf-8").splitlines()]
            back = self.world.factory_answer(path, self.holders(), fail=fail, name=f"{path.stem}.csv")
            self.production.read_back_file(back, read_on=on)
        return numbers

    def order(self, on: date, fail: tuple[int, ...] = ()) -> list[str]:
        return self.make(self.production.order(self.world.CITY, ordered_on=on, out_dir=self.folder), on, fail)

    def order_replacements(self, on: date) -> list[str]:
        paths = self.production.order_replacements(self.world.CITY, ordered_on=on, out_dir=self.folder)
        return self.make(paths, on)


@pytest.fixture
def city(world: ModuleType, store: Store, tmp_path: Path) -> City:
    return City(world, store, tmp_path)


@given(died_on=st.none() | DAYS, told_on=DAYS, on=DAYS, life=st.sampled_from(LifeStatus))
def test_the_day_of_death_still_counts_and_an_undated_death_counts_from_its_report(
    *, died_on: date | None, told_on: date, on: date, life: LifeStatus
) -> None:
    with Store.open("sqlite://") as store:
        enrol(store, "A00000014", "00" * 8, 1)
        enrol(store, "A00000022", "11" * 8, 2)
        day = None if died_on is None else died_on.isoformat()
        values = {"person_id": 1, "living": int(life), "died_on": day, "told_on": told_on.isoformat()}
        with store.begin() as connection:
            connection.execute(sa.insert(schema.payout_standing).values(values))
            person_id = schema.person.c.person_id
            found = connection.execute(sa.select(person_id).where(is_dead(person_id, on.isoformat()))).scalars().all()
    gone = on >= told_on if died_on is None else on > died_on
    assert found == ([1] if life is LifeStatus.DEAD and gone else [])


def test_no_account_is_opened_and_no_card_ordered_for_the_dead(city: City) -> None:
    people = [city.world.id_number(n) for n in range(4)]
    dies(city.store, people[1], DAY - timedelta(1))
    dies(city.store, people[2], DAY)
    dies(city.store, people[3], DAY - timedelta(1), living=3)  # in prison
    assert city.dispatch(DAY) == ["F00000000", "F00000002", "F00000003"]
    dies(city.store, people[1], None, living=1)  # the report was wrong
    assert city.dispatch(DAY) == ["F00000001"]


def test_orders_wait_for_nobody_who_died_meanwhile(city: City) -> None:
    """First cards, cards to be made again, and replacements: of two each, the one of the dead holder is left out."""
    city.open()
    people = [city.world.id_number(n) for n in range(4)]
    dies(city.store, people[0], DAY - timedelta(1))
    assert len(city.order(DAY, fail=(2, 3))) == 3
    by_person = {holder: number for number, holder in city.holders().items()}
    assert people[0] not in by_person
    dies(city.store, people[2], DAY)
    later = DAY + timedelta(1)
    again = city.production.reorder_unmade(city.world.CITY, ordered_on=later, out_dir=city.folder)
    assert city.make(again, later) == [by_person[people[3]]]
    kept = [by_person[people[1]], by_person[people[3]]]
    assert city.issuing.issue(kept, later) == [OK, OK]
    assert city.issuing.apply(kept, Operation.FORMAL_LOSS, Half.APP, later) == [OK, OK]
    assert city.issuing.request_replacements(kept, later) == [OK, OK]
    dies(city.store, people[3], later)
    assert len(city.order_replacements(later + timedelta(1))) == 1
    assert [holder for number, holder in city.holders().items() if number not in by_person.values()] == [people[1]]


def test_only_a_living_holder_gets_activates_or_replaces_a_card(city: City) -> None:
    city.open()
    one, two, new, away = city.order(DAY)
    assert city.issuing.issue([one, two], DAY) == [OK, OK]
    assert city.issuing.activate([one], Half.APP, DAY) == [OK]
    for number in (one, new):
        dies(city.store, city.holders()[number])
    later = DAY + timedelta(1)
    assert city.issuing.issue([new, away], DAY) == [OK, OK]  # on the day of death, booked later
    assert city.issuing.activate([one, new, two], Half.ACCOUNT, later) == [DEAD, DEAD, OK]
    assert city.issuing.apply([one, two], Operation.TEMPORARY_LOSS, Half.APP, later) == [OK, OK]
    assert city.issuing.apply([one, two], Operation.RELEASE, Half.APP, later) == [DEAD, OK]
    assert city.issuing.apply([one, two], Operation.FORMAL_LOSS, Half.APP, later) == [OK, OK]
    assert city.issuing.request_replacements([one, two], later) == [DEAD, OK]
    with pytest.raises(ReplacementRefused, match="death is recorded"):
        city.issuing.replace(one, later)
    assert city.issuing.cancel(one, later) is OK
    dies(city.store, city.holders()[one], living=1)
    assert city.issuing.replace(one, later).requested_on == later


def test_a_new_card_is_not_handed_over_after_the_holders_death(city: City) -> None:
    city.open()
    old, other, *_ = city.order(DAY)
    assert city.issuing.issue([old, other], DAY) == [OK, OK]
    city.issuing.apply([old, other], Operation.FORMAL_LOSS, Half.APP, DAY)
    city.issuing.request_replacements([old, other], DAY)
    new, beside = city.order_replacements(DAY)
    dies(city.store, city.holders()[old])
    later = DAY + timedelta(1)
    assert city.issuing.issue([new, beside], later) == [DEAD, OK]
    assert [city.issuing.cancel(number, later) for number in (new, old)] == [OK, OK]  # the way out


def test_whoever_lost_a_first_card_before_its_handover_gets_another(city: City) -> None:
    """Destroyed when made, cancelled when only ordered, lost on its way; by any policy, and each once."""
    city.open()
    made, unmade, lost, beside = city.order(DAY, fail=(2,))
    issuing = Issuing(city.store, LifecyclePolicy(replaceable=frozenset({CardState.LOST})))
    assert [issuing.cancel(number, DAY) for number in (made, unmade)] == [OK, OK]
    assert issuing.report_loss(lost, DAY, formal=True) is OK
    assert city.order(DAY) == []  # nothing of its own accord
    gone = [made, unmade, lost]
    asked = [*gone, beside, made]
    assert issuing.request_replacements(asked, DAY) == [OK, OK, OK, ILLEGAL, TransitionStatus.ALREADY]
    new = city.order_replacements(DAY)
    holders = city.holders()
    assert [holders[number] for number in new] == [holders[number] for number in gone]
    assert issuing.issue(new, DAY) == [OK, OK, OK]
    assert city.order_replacements(DAY) == []


def test_a_new_card_lost_on_its_way_is_cancelled_and_asked_for_again_with_the_old_one(city: City) -> None:
    city.open()
    old, *_ = city.order(DAY)
    city.issuing.issue([old], DAY)
    city.issuing.report_loss(old, DAY, formal=True)
    city.issuing.replace(old, DAY)
    (new,) = city.order_replacements(DAY)
    assert city.issuing.report_loss(new, DAY, formal=True) is OK
    for _ in range(2):
        with pytest.raises(ReplacementRefused, match="ask again with the old one"):
            city.issuing.replace(new, DAY)
        assert city.issuing.cancel(new, DAY).is_success
    assert city.issuing.replace(old, DAY).card_no == old
    (second,) = city.order_replacements(DAY)
    assert city.issuing.issue([second], DAY) == [OK]
    assert city.issuing.cancel(second, DAY) is OK
    assert city.issuing.request_replacements([old, new, second], DAY) == [TransitionStatus.ALREADY, ILLEGAL, OK]
    assert len(city.order_replacements(DAY)) == 1


@pytest.mark.parametrize("now", [date(2014, 9, 10), datetime(2014, 9, 10, 15, 30)])  # noqa: DTZ001
def test_a_moment_counts_as_its_day_wherever_a_day_is_asked(city: City, now: date) -> None:
    """``datetime`` is a ``date`` to Python: what is stored is a day, and the next act of that day is in order."""
    city.openings.dispatch_all(now, through=now, out_dir=city.folder)
    (row,) = city.openings.clock(now)
    assert row.received_on == DAY
    path = next(city.folder.glob("OPENREQ_*"))
    answer = city.world.bank_answer(path, day=DAY, only={1, 2, 3})
    assert city.openings.read_result(answer, read_on=now).opened == 3
    assert city.openings.withdraw(row.batch_no, on=now, reason="逾期") == 1
    one, two, _ = city.order(now)
    assert city.issuing.issue([one, two], now) == [OK, OK]
    assert city.issuing.activate([one], Half.APP, DAY) == [OK]
    assert city.issuing.report_loss(one, now) is OK
    assert city.issuing.release(one, DAY) is OK
    with city.store.begin() as connection:
        tables = (schema.card_event.c.on_date, schema.card.c.made_on, schema.card.c.issued_on)
        tables += (schema.opening_batch.c.received_on, schema.production_order.c.ordered_on)
        tables += (schema.opening_line.c.answered_on, schema.production_order.c.returned_on)
        stored = {day for column in tables for day in connection.execute(sa.select(column)).scalars() if day}
        assert Eligibility().may(connection, Purpose.MEDICAL, on=now, card_no=one).is_allowed
    assert stored == {"2014-09-10"}
