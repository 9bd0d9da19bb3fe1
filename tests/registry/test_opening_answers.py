"""Answers of banks that cannot all be true: none is taken, each line is a finding, nobody gets another's account."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sbcard_core.hosts import bankfile
from sbcard_core.registry import enrolment
from sbcard_core.registry.opening_results import OpeningResultRefused, ResultReport
from sbcard_core.registry.openings import Openings, OpeningState
from sbcard_core.store import Store, schema

SENT, ANSWERED = date(2014, 7, 28), date(2014, 8, 15)
ACCOUNTS = ("6228480000000000011", "6228480000000000022", "6228480000000000033")
FREE = "6228480000000000044"
Line = tuple[int, bool, str]  # number, opened, account


def send(world: ModuleType, store: Store, folder: Path, people: range, bank: str = "103") -> Path:
    enrolment.enrol(store, [world.batch(folder, people, f"c{people.start}.csv", bank=bank)])
    (path,) = Openings(store).dispatch(bank, world.CITY, SENT, through=SENT, out_dir=folder)
    return path


def answer(request: Path, lines: Sequence[Line], name: str = "res.txt", *, day: date = ANSWERED) -> Path:
    """A result file with just these lines, in this order."""
    asked = bankfile.read(request, bankfile.OPENING_REQUEST)
    forms = {int(row[0]): row[1] for row in asked.rows}
    rows = [
        (str(seq), forms[seq], "00" if opened else "11", account, "" if opened else "x", bankfile.compact_date(day))
        for seq, opened, account in lines
    ]
    header = {"batch_no": asked.header["batch_no"], "bank": asked.header["bank"], "date": bankfile.compact_date(day)}
    good = sum(opened for _, opened, _ in lines)
    path = request.with_name(name)
    bankfile.write(path, bankfile.OPENING_RESULT, header, rows, {"opened": good, "failed": len(rows) - good})
    return path


def read(store: Store, path: Path) -> ResultReport:
    return Openings(store).read_result(path, read_on=ANSWERED)


def lines_of(store: Store) -> dict[tuple[str, int], tuple[int, str | None]]:
    line = schema.opening_line.c
    with store.begin() as connection:
        rows = connection.execute(sa.select(line.batch_no, line.seq, line.state, line.account_no))
        return {(row[0][:3], row[1]): (row[2], row[3]) for row in rows}


@pytest.mark.parametrize("first", [True, False])
def test_a_line_answered_in_two_ways_is_not_taken(
    world: ModuleType, store: Store, tmp_path: Path, *, first: bool
) -> None:
    request = send(world, store, tmp_path, range(3))
    path = answer(request, [(1, True, ACCOUNTS[0]), (2, first, ACCOUNTS[1]), (2, not first, ACCOUNTS[1])])
    report = read(store, path)
    assert [(f.line, f.code) for f in report.findings] == [(3, "opening.contradicted"), (4, "opening.contradicted")]
    assert (report.opened, report.failed, report.already, report.unmatched) == (1, 0, 0, 2)
    assert {seq: state for (_, seq), (state, _) in lines_of(store).items()} == {1: 20, 2: 10, 3: 10}


def test_a_line_with_a_readable_and_an_unreadable_answer_is_not_taken(
    world: ModuleType, store: Store, tmp_path: Path
) -> None:
    request = send(world, store, tmp_path, range(2))
    good = answer(request, [(1, True, ACCOUNTS[0]), (1, True, ACCOUNTS[0]), (2, True, ACCOUNTS[1])])
    line = f"D|1|F00000000|00|{ACCOUNTS[0]}||20140815"
    path = world.tamper(good, line, line.replace("|00|", "|0?|"), "t.txt")
    report = read(store, path)
    assert [(f.line, f.code) for f in report.findings] == [(2, "opening.status"), (3, "opening.contradicted")]
    assert lines_of(store)["103", 1][0] == OpeningState.IN_BATCH


def test_the_same_answer_twice_in_a_file_is_one(world: ModuleType, store: Store, tmp_path: Path) -> None:
    request = send(world, store, tmp_path, range(2))
    report = read(store, answer(request, [(1, True, ACCOUNTS[0]), (1, True, ACCOUNTS[0])]))
    assert (report.opened, report.already, report.findings) == (1, 1, [])


def test_one_account_for_two_persons_is_neithers(world: ModuleType, store: Store, tmp_path: Path) -> None:
    """In one file, and against what is on file: at this bank, by a line or a card; not at another bank."""
    request = send(world, store, tmp_path, range(3))
    report = read(store, answer(request, [(n, True, ACCOUNTS[n == 3]) for n in (1, 2, 3)]))
    assert [(f.line, f.code) for f in report.findings] == [(n, "opening.account_shared") for n in (2, 3)]
    assert report.opened == 1
    later = send(world, store, tmp_path, range(10, 12))
    report = read(store, answer(later, [(1, True, ACCOUNTS[1]), (2, True, ACCOUNTS[0])], "later.txt"))
    assert [(f.line, f.code) for f in report.findings] == [(2, "opening.account_shared")]
    other = send(world, store, tmp_path, range(20, 22), bank="402")
    report = read(store, answer(other, [(1, True, ACCOUNTS[1]), (2, True, ACCOUNTS[2])], "other.txt"))
    assert (report.opened, report.findings) == (2, [])
    with store.begin() as connection:
        person = connection.execute(sa.select(schema.person.c.person_id).where(schema.person.c.form_no == "F00000010"))
        order = {"order_no": "O", "city": world.CITY, "ordered_on": "2014-08-30", "cards": 1, "made": 0}
        connection.execute(sa.insert(schema.production_order).values(order))
        card = {"card_no": "A00000014", "identification_code": "x", "person_id": person.scalar_one(), "order_no": "O"}
        card |= {"order_line": 1, "factor": "0", "bank": "103", "account_no": ACCOUNTS[2], "app_state": 0}
        connection.execute(sa.insert(schema.card).values(**card, account_state=0))
        elsewhere = {"card_no": "A00000022", "identification_code": "y", "bank": "402", "account_no": FREE}
        connection.execute(sa.insert(schema.card).values(**{**card, **elsewhere}, account_state=0))
    report = read(store, answer(request, [(1, True, ACCOUNTS[2])], "again.txt"))
    assert [f.code for f in report.findings] == ["opening.account_shared"]
    assert read(store, answer(request, [(1, True, FREE)], "free.txt")).opened == 1  # another bank's has that number


@pytest.mark.parametrize(
    "account", ["6", "62284800000000000000000", "0000000000000000", "6.22848E+18", "62284800000000O0011"]
)
def test_an_account_that_cannot_be(world: ModuleType, store: Store, tmp_path: Path, account: str) -> None:
    request = send(world, store, tmp_path, range(2))
    report = read(store, answer(request, [(1, True, account), (2, True, ACCOUNTS[1])]))
    assert [(f.line, f.code) for f in report.findings] == [(2, "opening.account_no")]
    assert lines_of(store)["103", 1] == (OpeningState.IN_BATCH, None)


def test_an_account_is_stored_in_its_one_form(world: ModuleType, store: Store, tmp_path: Path) -> None:
    request = send(world, store, tmp_path, range(2))
    spaced = " ".join((ACCOUNTS[0][:4], ACCOUNTS[0][4:]))
    assert read(store, answer(request, [(1, True, spaced)])).opened == 1
    assert lines_of(store)["103", 1][1] == ACCOUNTS[0]
    assert [f.code for f in read(store, answer(request, [(2, True, ACCOUNTS[0])], "b.txt")).findings] == [
        "opening.account_shared"
    ]


def test_a_result_read_before_the_batch_was_received_is_refused(
    world: ModuleType, store: Store, tmp_path: Path
) -> None:
    request = send(world, store, tmp_path, range(2))
    path = answer(request, [(1, True, ACCOUNTS[0])])
    with pytest.raises(OpeningResultRefused, match="before the bank had the batch"):
        Openings(store).read_result(path, read_on=date(2014, 7, 27))
    assert Openings(store).read_result(path, read_on=ANSWERED).opened == 1


WRONG_TOTALS = ["4|0", "1|3", "3|2", "2|1", "3|0", "x|2", "|4"]


@pytest.mark.parametrize(
    ("totals", "is_taken"), [("3|1", True), ("2|2", True), *((totals, False) for totals in WRONG_TOTALS)]
)
def test_totals_leave_room_for_unreadable_lines_only(
    world: ModuleType, store: Store, tmp_path: Path, totals: str, *, is_taken: bool
) -> None:
    """2 opened, 1 failed, 1 unreadable: it may be either."""
    request = send(world, store, tmp_path, range(4))
    good = answer(request, [(1, True, ACCOUNTS[0]), (2, True, ACCOUNTS[1]), (3, False, ""), (4, True, ACCOUNTS[2])])
    path = world.tamper(good, f"F00000003|00|{ACCOUNTS[2]}", f"F00000003|x|{ACCOUNTS[2]}", "t.txt")
    path = world.tamper(path, "T|4|3|1", f"T|4|{totals}", "u.txt")
    if is_taken:
        report = read(store, path)
        assert (report.opened, report.failed, report.unmatched) == (2, 1, 1)
    else:
        with pytest.raises(OpeningResultRefused, match="the trailer states"):
            read(store, path)
        assert {state for state, _ in lines_of(store).values()} == {OpeningState.IN_BATCH}


def test_the_clock_counts_each_batch_and_only_answers_dated_by_then(
    world: ModuleType, store: Store, tmp_path: Path
) -> None:
    """Two batches; opened, failed and open lines in each; answers after the day of asking."""
    one, two = send(world, store, tmp_path, range(4)), send(world, store, tmp_path, range(10, 13), bank="402")
    early, late = date(2014, 8, 15), date(2014, 8, 20)
    openings = Openings(store)
    for request, lines, day, name in (
        (one, [(1, True, ACCOUNTS[0]), (2, False, "")], early, "a"),
        (one, [(3, False, "")], late, "b"),
        (two, [(1, False, "")], early, "c"),
        (two, [(2, True, ACCOUNTS[1])], late, "d"),
    ):
        openings.read_result(answer(request, lines, f"{name}.txt", day=day), read_on=late)
    rows = {
        day: [(r.bank, r.lines, r.opened, r.failed, r.open, r.overdue, r.late) for r in openings.clock(day)]
        for day in (early, date(2014, 8, 19), late)
    }
    assert rows[early] == [("103", 4, 1, 1, 2, 0, 0), ("402", 3, 0, 1, 2, 0, 0)]
    assert rows[date(2014, 8, 19)] == [("103", 4, 1, 1, 2, 2, 0), ("402", 3, 0, 1, 2, 2, 0)]
    assert rows[late] == [("103", 4, 1, 2, 1, 1, 1), ("402", 3, 1, 1, 1, 1, 1)]


ANSWERS = st.lists(
    st.tuples(st.integers(1, 4), st.booleans(), st.sampled_from(ACCOUNTS)).map(
        lambda line: (line[0], line[1], line[2] if line[1] else "")
    ),
    min_size=1,
    max_size=7,
)


@given(st.lists(ANSWERS, min_size=1, max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_account_has_two_persons_and_no_line_two_answers(
    world: ModuleType, tmp_path_factory: pytest.TempPathFactory, deliveries: list[list[Line]]
) -> None:
    """Law: of each file exactly those lines are taken that nothing else contradicts, and every other is a finding."""
    folder = tmp_path_factory.mktemp("law")
    taken: dict[int, tuple[bool, str]] = {}
    with Store.open("sqlite://") as store:
        request = send(world, store, folder, range(4))
        for n, lines in enumerate(deliveries):
            given_answers = defaultdict(set)
            for seq, opened, account in lines:
                given_answers[seq].add((opened, account))
            holders = defaultdict(set)
            for seq, opened, account in [*lines, *((seq, *found) for seq, found in taken.items())]:
                if opened:
                    holders[account].add(seq)
            report = read(store, answer(request, lines, f"{n}.txt"))
            if report.repeated:
                continue
            new = {
                seq: next(iter(found))
                for seq, found in given_answers.items()
                if seq not in taken and len(found) == 1 and len(holders[next(iter(found))[1]]) <= 1
            }
            same = Counter(seq for seq, opened, account in lines if {**new, **taken}.get(seq) == (opened, account))
            unclear = {seq for seq, found in given_answers.items() if len(found) > 1}
            expected = sum(count for seq, count in same.items() if seq not in unclear)
            assert report.opened + report.failed == len(new)
            assert report.already == expected - len(new)
            taken |= new
            found = {seq: (state == 20, account or "") for (_, seq), (state, account) in lines_of(store).items()}
            assert {seq: found[seq] for seq in taken} == taken
            assert {seq for (_, seq), (state, _) in lines_of(store).items() if state != 10} == set(taken)
        accounts = [account for opened, account in taken.values() if opened]
        assert len(accounts) == len(set(accounts))
