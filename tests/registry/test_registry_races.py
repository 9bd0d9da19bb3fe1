"""Two processes do the same at the same time: each thing is done once, and nobody sees an error of the database."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier, Event
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa

from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.hosts import bankfile
from sbcard_core.registry import enrolment
from sbcard_core.registry.issuing import Issuing
from sbcard_core.registry.lifecycle import Half, Operation, TransitionStatus
from sbcard_core.registry.openings import Openings
from sbcard_core.registry.production import Production
from sbcard_core.store import Store, schema
from sbcard_core.validation.records import CheckedBatch, Finding
from sbcard_core.values import CardState, Disposition, Severity

SENT, ANSWERED, DAY = date(2014, 7, 28), date(2014, 8, 15), date(2014, 9, 10)
OK, ALREADY = TransitionStatus.OK, TransitionStatus.ALREADY


@pytest.fixture
def two(store_url: str) -> Iterator[tuple[Store, Store]]:
    """Two stores on one database."""
    with Store.open(store_url) as one, Store.open(store_url) as other:
        yield one, other


def at_once(stores: tuple[Store, Store], act: Callable[[Store], Any]) -> list[Any]:
    """The same act on both stores, begun at the same moment."""
    start = Barrier(2)

    def begin(store: Store) -> Any:
        start.wait()
        return act(store)

    with ThreadPoolExecutor(2) as pool:
        return [call.result(60) for call in [pool.submit(begin, store) for store in stores]]


def count(store: Store, table: sa.Table) -> int:
    with store.begin() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def batches(world: ModuleType, folder: Path, name: str = "c1.csv") -> list[CheckedBatch]:
    """One file of six records in two batches, a finding in each."""
    whole = world.batch(folder, range(6), name)
    found = [
        Finding(name, line, "x", "phone", Severity.NOTE, Disposition.ACCEPTED, "提示", "note", "") for line in (2, 6)
    ]
    first = world.batch(folder, range(6), name, last=False)
    first.accepted[3:] = []
    first.findings.append(found[0])
    whole.accepted[:3] = []
    whole.findings.append(found[1])
    return [first, whole]


@pytest.mark.parametrize("split", [0, 1])
def test_one_file_enrolled_by_two_is_enrolled_once(
    world: ModuleType, two: tuple[Store, Store], tmp_path: Path, split: int
) -> None:
    """The second process does the whole file before the first one's batch number ``split``."""
    parts = batches(world, tmp_path)

    def interrupted() -> Iterator[CheckedBatch]:
        for n, part in enumerate(parts):
            if n == split:
                whole = enrolment.enrol(two[1], batches(world, tmp_path))
                assert whole.total().records > 0
            yield part

    report = enrolment.enrol(two[0], interrupted())
    assert report.repeated == ["c1.csv"]
    assert report.files == {}
    assert count(two[0], schema.person) == 6
    assert count(two[0], schema.collection_file) == 1
    with two[0].begin() as connection:
        found = connection.execute(sa.select(schema.finding.c.stage, schema.finding.c.line).order_by("line")).all()
    assert found == [("validation", 2), ("validation", 6)]


def test_findings_of_two_that_enrol_one_file_batch_by_batch_are_kept_once(
    world: ModuleType, two: tuple[Store, Store], tmp_path: Path
) -> None:
    """One begins, the other begins anew, the one goes on, the other ends; three batches with a finding each."""
    began, restarted, went_on, ended = Event(), Event(), Event(), Event()

    def thirds() -> list[CheckedBatch]:
        parts = [world.batch(tmp_path, range(6), last=n == 2) for n in range(3)]
        for n, part in enumerate(parts):
            part.accepted[:] = part.accepted[2 * n : 2 * n + 2]
            found = Finding("c1.csv", 2 * n + 2, "x", "phone", Severity.NOTE, Disposition.ACCEPTED, "提示", "note", "")
            part.findings.append(found)
        return parts

    one_has, other_has = thirds(), thirds()  # made before: each writes the file anew

    def first() -> Iterator[CheckedBatch]:
        for part, done, wait in zip(one_has, (began, went_on, ended), (restarted, ended, ended), strict=True):
            yield part
            done.set()
            assert wait.wait(60)

    def second() -> Iterator[CheckedBatch]:
        for part, wait in zip(other_has, (began, went_on, went_on), strict=True):
            assert wait.wait(60)
            yield part
            restarted.set()

    with ThreadPoolExecutor(1) as pool:
        one = pool.submit(enrolment.enrol, two[0], first())
        enrolment.enrol(two[1], second())
        ended.set()
        assert one.result(60).repeated == ["c1.csv"]
    with two[0].begin() as connection:
        found = connection.execute(sa.select(schema.finding.c.line).order_by("line")).scalars().all()
    assert found == [2, 4, 6]
    assert count(two[0], schema.person) == 6


def test_another_file_of_the_same_name_closed_meanwhile(
    world: ModuleType, two: tuple[Store, Store], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()

    def interrupted() -> Iterator[CheckedBatch]:
        first, last = batches(world, tmp_path)
        yield first
        enrolment.enrol(two[1], [world.batch(tmp_path / "other", range(50, 52))])
        yield last

    report = enrolment.enrol(two[0], interrupted())
    assert (report.changed, report.repeated) == (["c1.csv"], [])
    with two[0].begin() as connection:
        codes = Counter(connection.execute(sa.select(schema.finding.c.code)).scalars())
    assert codes["file.changed"] == 1


def test_the_whole_way_of_a_card_walked_by_two(world: ModuleType, two: tuple[Store, Store], tmp_path: Path) -> None:
    """Every step is called twice at the same moment; batches, orders, cards and events stand once."""
    reports = at_once(two, lambda store: enrolment.enrol(store, batches(world, tmp_path)))
    assert count(two[0], schema.person) == 6
    assert sum(report.total().enrolled for report in reports) >= 6
    when = {"through": SENT, "out_dir": tmp_path}
    sent = at_once(two, lambda store: Openings(store).dispatch("103", world.CITY, SENT, **when, max_lines=4))
    requests = sorted({path for paths in sent for path in paths})
    assert sum(len(bankfile.read(path, bankfile.OPENING_REQUEST).rows) for path in requests) == 6
    assert count(two[0], schema.opening_line) == 6
    for request in requests:
        result = world.bank_answer(request, day=ANSWERED, name=f"{request.stem}.res")
        read = at_once(two, lambda store, path=result: Openings(store).read_result(path, read_on=ANSWERED))
        assert sorted(report.repeated for report in read) == [False, True]
    keys = MasterKeys.simulation(7)
    transport = keys.get(KeyUsage.TRANSPORT)
    orders = at_once(
        two, lambda store: Production(store, keys, transport).order(world.CITY, ordered_on=DAY, out_dir=tmp_path)
    )
    assert sum(map(len, orders)) == 1
    with two[0].begin() as connection:
        query = sa.select(schema.card.c.card_no, schema.person.c.id_number).join_from(schema.card, schema.person)
        holders = dict(tuple(row) for row in connection.execute(query))
    assert len(holders) == 6
    back = world.factory_answer(max(orders)[0], holders)
    made = at_once(two, lambda store: Production(store, keys, transport).read_back_file(back, read_on=DAY))
    assert sorted(report.repeated for report in made) == [False, True]
    cards = sorted(holders)
    steps = [
        lambda issuing: issuing.issue(cards, DAY),
        lambda issuing: issuing.activate(cards, Half.APP, DAY),
        lambda issuing: issuing.apply(cards, Operation.FORMAL_LOSS, Half.APP, DAY),
        lambda issuing: issuing.request_replacements(cards, DAY),
    ]
    for step in steps:
        done = at_once(two, lambda store, step=step: step(Issuing(store)))
        assert [sorted(pair) for pair in zip(*done, strict=True)] == [[OK, ALREADY]] * 6
    assert count(two[0], schema.card_event) == 4 * 6
    with two[0].begin() as connection:
        assert set(connection.execute(sa.select(schema.card.c.app_state)).scalars()) == {CardState.LOST}


def test_losses_end_once(world: ModuleType, two: tuple[Store, Store], tmp_path: Path) -> None:
    test_the_whole_way_of_a_card_walked_by_two(world, two, tmp_path)
    with two[0].begin() as connection:
        numbers = list(connection.execute(sa.select(schema.card.c.card_no)).scalars())
    assert Issuing(two[0]).apply(numbers, Operation.TEMPORARY_LOSS, Half.ACCOUNT, DAY) == [OK] * 6
    ended = at_once(two, lambda store: Issuing(store).end_temporary_losses(date(2014, 9, 20)))
    assert sum(ended) == 6
    assert count(two[0], schema.card_event) == 6 * 6
