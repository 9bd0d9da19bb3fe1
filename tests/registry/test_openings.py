"""Opening batches: every person in exactly one, results that conserve the lines, the 15-working-day clock."""

from collections import Counter
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sbcard_core.errors import InvalidValue
from sbcard_core.hosts import bankfile
from sbcard_core.registry import enrolment, status
from sbcard_core.registry.opening_results import OpeningResultRefused
from sbcard_core.registry.openings import Openings, OpeningState
from sbcard_core.registry.status import Stage
from sbcard_core.store import Store, schema

SENT, DUE, ANSWERED, LATE = date(2014, 7, 28), date(2014, 8, 18), date(2014, 8, 15), date(2014, 9, 1)


def sent(world: ModuleType, store: Store, folder: Path, people: int = 6, **kind: int) -> list[Path]:
    enrolment.enrol(store, [world.batch(folder, range(people))])
    return Openings(store).dispatch(
        "103", world.CITY, SENT, through=date(2014, 7, 31), out_dir=folder, max_lines=kind.get("max_lines", 5000)
    )


def states(store: Store) -> Counter:
    with store.begin() as connection:
        return Counter(connection.execute(sa.select(schema.opening_line.c.state)).scalars())


def found(store: Store) -> list[str]:
    with store.begin() as connection:
        return list(connection.execute(sa.select(schema.finding.c.code)).scalars())


def test_everyone_is_sent_once(world: ModuleType, store: Store, tmp_path: Path) -> None:
    paths = sent(world, store, tmp_path, 7, max_lines=3)
    files = [bankfile.read(path, bankfile.OPENING_REQUEST) for path in paths]
    assert [len(file.rows) for file in files] == [3, 3, 1]
    numbers = [row[2] for file in files for row in file.rows]
    assert sorted(numbers) == sorted(world.id_number(n) for n in range(7))
    assert Openings(store).dispatch_all(SENT, through=date(2014, 7, 31), out_dir=tmp_path) == []


def test_banks_and_cities_are_sent_in_the_order_of_their_codes(world: ModuleType, store: Store, tmp_path: Path) -> None:
    cities = [f"43{city:02d}" for city in (7, 1, 12, 4, 9, 2, 11, 5, 3, 10, 6, 8)]
    files = [
        world.batch(tmp_path, [n], f"c{n}.csv", bank=bank, county=f"{city}02")
        for n, (city, bank) in enumerate((city, bank) for city in cities for bank in ("105", "103"))
    ]
    enrolment.enrol(store, files)
    paths = Openings(store).dispatch_all(SENT, through=date(2014, 7, 31), out_dir=tmp_path)
    assert [path.stem[8:17] for path in paths] == [
        f"{bank}{city}00" for bank in ("103", "105") for city in sorted(cities)
    ]


def test_only_who_was_submitted_by_then_is_sent(world: ModuleType, store: Store, tmp_path: Path) -> None:
    enrolment.enrol(store, [world.batch(tmp_path, range(3)), world.batch(tmp_path, [3], "c2.csv", day="20140801")])
    openings = Openings(store)
    (path,) = openings.dispatch("103", world.CITY, SENT, through=date(2014, 7, 31), out_dir=tmp_path)
    assert len(bankfile.read(path, bankfile.OPENING_REQUEST).rows) == 3
    (later,) = openings.dispatch_all(date(2014, 8, 4), through=date(2014, 8, 4), out_dir=tmp_path)
    assert bankfile.read(later, bankfile.OPENING_REQUEST).rows[0][2] == world.id_number(3)


def test_a_result_and_its_second_delivery(world: ModuleType, store: Store, tmp_path: Path) -> None:
    (request,) = sent(world, store, tmp_path)
    result = world.bank_answer(request, day=ANSWERED, fail={2})
    openings = Openings(store)
    report = openings.read_result(result, read_on=ANSWERED)
    assert (report.opened, report.failed, report.unmatched, report.repeated) == (5, 1, 0, False)
    again = openings.read_result(result.rename(tmp_path / "other-name.txt"), read_on=date(2014, 9, 1))
    assert (again.opened, again.failed, again.repeated) == (0, 0, True)
    assert states(store) == {OpeningState.OPENED: 5, OpeningState.FAILED: 1}
    assert found(store) == []


def test_other_content_for_answered_lines_changes_nothing(world: ModuleType, store: Store, tmp_path: Path) -> None:
    (request,) = sent(world, store, tmp_path)
    openings = Openings(store)
    openings.read_result(world.bank_answer(request, day=ANSWERED, fail={2}), read_on=ANSWERED)
    other = world.bank_answer(request, day=ANSWERED, fail={3}, name="other.txt")
    report = openings.read_result(other, read_on=ANSWERED)
    assert (report.opened, report.failed, report.already) == (0, 0, 4)
    assert [f.code for f in report.findings] == ["opening.answered"] * 2
    assert states(store) == {OpeningState.OPENED: 5, OpeningState.FAILED: 1}


def test_opened_without_an_account_number_is_a_failure(world: ModuleType, store: Store, tmp_path: Path) -> None:
    (request,) = sent(world, store, tmp_path, 2)
    result = world.bank_answer(request, day=ANSWERED)
    account = bankfile.read(result, bankfile.OPENING_RESULT).rows[0][3]
    report = Openings(store).read_result(world.tamper(result, account, "", "t.txt"), read_on=ANSWERED)
    assert (report.opened, report.failed) == (1, 1)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("D|2|", "D|77|", "opening.seq"),
        ("D|2|", "D|3|", "opening.form_no"),
        ("D|2|F0000000", "D|2|F9000000", "opening.form_no"),
        ("|00|", "|0x|", "opening.status"),
        ("|20140815", "|20140230", "opening.answered_on"),
        ("|20140815", "|20140901", "opening.answered_on"),  # after the day it was read
        ("|20140815", "|20140701", "opening.answered_on"),  # before the bank had the batch
        ("|6228", "|62a8", "opening.account_no"),
        ("D|2|", "E|2|", "opening.kind"),
        ("D|2|", "D|2", "opening.columns"),
    ],
)
def test_one_wrong_line_is_one_finding(
    world: ModuleType, store: Store, tmp_path: Path, *, old: str, new: str, code: str
) -> None:
    (request,) = sent(world, store, tmp_path)
    result = world.tamper(world.bank_answer(request, day=ANSWERED), *_on_line_2(old, new), "t.txt")
    report = Openings(store).read_result(result, read_on=date(2014, 8, 20))
    assert [(f.line, f.code) for f in report.findings] == [(3, code)]
    assert found(store) == [code]
    assert (report.opened, report.unmatched) == (5, 1)
    assert states(store) == {OpeningState.OPENED: 5, OpeningState.IN_BATCH: 1}


def _on_line_2(old: str, new: str) -> tuple[str, str]:
    """The change made on the second data line."""
    line = "D|2|F00000001|00|6228480000000000001||20140815"
    assert old in line
    return line, line.replace(old, new, 1)


@given(
    fail=st.sets(st.integers(1, 6)),
    only=st.sets(st.integers(1, 6), min_size=1),
    place=st.integers(0, 400),
    byte=st.integers(0, 255),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_lines_are_conserved_whatever_byte_is_wrong(
    world: ModuleType, tmp_path_factory: pytest.TempPathFactory, *, fail: set, only: set, place: int, byte: int
) -> None:
    folder = tmp_path_factory.mktemp("conserve")
    with Store.open("sqlite://") as store:
        (request,) = sent(world, store, folder)
        result = world.bank_answer(request, day=ANSWERED, fail=fail, only=only)
        raw = bytearray(result.read_bytes())
        raw[place % len(raw)] = byte
        result.write_bytes(raw)
        openings = Openings(store)
        try:
            report = openings.read_result(result, read_on=date(2014, 8, 20))
        except (bankfile.BankFileRefused, OpeningResultRefused):
            assert states(store) == {OpeningState.IN_BATCH: 6}
            return
        assert report.opened + report.failed + report.unmatched <= len(only) + 1
        assert len(report.findings) == report.unmatched
        (row,) = openings.clock(date(2014, 8, 20))
        assert row.opened + row.failed + row.open == row.lines == 6


@pytest.mark.parametrize(("old", "new"), [("|103|", "|402|"), ("|10343", "|99943"), ("T|6|6|0", "T|6|5|1")])
def test_a_file_of_another_batch_or_with_wrong_totals_is_refused(
    world: ModuleType, store: Store, tmp_path: Path, *, old: str, new: str
) -> None:
    (request,) = sent(world, store, tmp_path)
    result = world.tamper(world.bank_answer(request, day=ANSWERED), old, new, "t.txt")
    with pytest.raises(OpeningResultRefused):
        Openings(store).read_result(result, read_on=ANSWERED)
    assert states(store) == {OpeningState.IN_BATCH: 6}


def test_the_clock(world: ModuleType, store: Store, tmp_path: Path) -> None:
    """Received on 2014-07-28, due on 2014-08-18: the day of receipt is not counted."""
    (request,) = sent(world, store, tmp_path)
    openings = Openings(store)
    openings.read_result(world.bank_answer(request, day=DUE, only={1, 2}), read_on=DUE)
    late = world.bank_answer(request, day=date(2014, 8, 19), only={3}, name="late.txt")
    assert openings.read_result(late, read_on=date(2014, 8, 20)).late == 1

    def at(day: date) -> tuple[int, ...]:
        (row,) = openings.clock(day)
        assert row.due_on == DUE
        return row.opened, row.open, row.overdue, row.late

    assert at(date(2014, 8, 17)) == (0, 6, 0, 0)
    assert at(DUE) == (2, 4, 0, 0)
    assert at(date(2014, 8, 19)) == (3, 3, 3, 1)
    assert list(openings.clock(date(2014, 7, 27))) == []


def test_failed_openings_can_be_sent_again(world: ModuleType, store: Store, tmp_path: Path) -> None:
    (request,) = sent(world, store, tmp_path)
    openings = Openings(store)
    openings.read_result(world.bank_answer(request, day=ANSWERED, fail={1, 4}), read_on=ANSWERED)
    when = {"through": date(2014, 7, 31), "out_dir": tmp_path}
    assert openings.dispatch("103", world.CITY, date(2014, 9, 1), **when) == []
    (again,) = openings.dispatch("103", world.CITY, date(2014, 9, 1), **when, retry_failed=True)
    assert [row[1] for row in bankfile.read(again, bankfile.OPENING_REQUEST).rows] == ["F00000000", "F00000003"]
    assert openings.dispatch("103", world.CITY, date(2014, 9, 1), **when, retry_failed=True) == []


def test_a_person_sent_again_is_counted_once(world: ModuleType, store: Store, tmp_path: Path) -> None:
    """Six people, two sent again after a failure: one of them opened then, one failed again."""
    (request,) = sent(world, store, tmp_path)
    openings = Openings(store)
    openings.read_result(world.bank_answer(request, day=ANSWERED, fail={1, 4}), read_on=ANSWERED)
    when = {"through": date(2014, 7, 31), "out_dir": tmp_path, "retry_failed": True}
    (again,) = openings.dispatch("103", world.CITY, date(2014, 9, 1), **when)
    with store.begin() as connection:
        (bank,) = status.by_bank(connection)
    assert (bank.collected, bank.dispatched, bank.opened, bank.failed) == (6, 6, 4, 0)
    result = world.bank_answer(again, day=date(2014, 9, 5), fail={2}, name="again.txt")
    openings.read_result(result, read_on=date(2014, 9, 5))
    with store.begin() as connection:
        for (place,) in (status.by_bank(connection), status.by_city(connection)):
            assert (place.collected, place.dispatched, place.opened, place.failed) == (6, 6, 5, 1)


def test_the_clock_shows_the_batches_received_between_two_days(world: ModuleType, store: Store, tmp_path: Path) -> None:
    """Two batches of different days; each answered line counts in its own."""
    enrolment.enrol(store, [world.batch(tmp_path, range(4))])
    openings = Openings(store)
    days = [SENT, date(2014, 7, 29)]
    for day in days:
        enrolment.enrol(store, [world.batch(tmp_path, range(10 * day.day, 10 * day.day + 2), f"{day}.csv")])
        (path,) = openings.dispatch("103", world.CITY, day, through=LATE, out_dir=tmp_path)
        answer = world.bank_answer(path, day=ANSWERED, only={2}, name=f"{day}.txt")
        openings.read_result(answer, read_on=ANSWERED)
    both = list(openings.clock(LATE))
    assert [(row.received_on, row.lines, row.opened) for row in both] == [(days[0], 6, 1), (days[1], 2, 1)]
    assert list(openings.clock(LATE, since=days[1])) == both[1:]
    assert [row.open for row in openings.clock(days[0], since=days[0])] == [6]
    assert list(openings.clock(LATE, since=LATE)) == []


def test_a_batch_the_bank_never_answers_is_withdrawn_and_its_people_wait_again(
    world: ModuleType, store: Store, tmp_path: Path
) -> None:
    """Two batches of three; of the first one line is opened, one failed, and one waits."""
    first, second = sent(world, store, tmp_path, max_lines=3)
    openings, batch_no = Openings(store), first.stem.removeprefix("OPENREQ_")
    openings.read_result(world.bank_answer(first, day=ANSWERED, fail={2}, only={1, 2}), read_on=ANSWERED)
    for number, on, reason in (
        ("none", ANSWERED, "x"),
        (batch_no, date(2014, 7, 27), "x"),
        (batch_no, ANSWERED, " "),
        (batch_no, ANSWERED, "a\nb"),
    ):
        with pytest.raises((OpeningResultRefused, InvalidValue)):
            openings.withdraw(number, on=on, reason=reason)
    assert openings.withdraw(batch_no, on=LATE, reason=" 银行逾期未应答 ") == 1
    assert openings.withdraw(batch_no, on=LATE, reason="再撤") == 0
    expected = {OpeningState.OPENED: 1, OpeningState.FAILED: 1, OpeningState.WITHDRAWN: 1, OpeningState.IN_BATCH: 3}
    assert states(store) == expected
    with store.begin() as connection:
        persons = status.counts(connection).persons
        line = schema.opening_line.c
        reasons = connection.execute(sa.select(line.reason).where(line.state == 22)).scalars().all()
        (bank,) = status.by_bank(connection)
    assert (persons[Stage.COLLECTED], persons[Stage.AT_BANK], bank.dispatched, reasons) == (1, 3, 5, ["银行逾期未应答"])
    rows = {row.batch_no: row for row in openings.clock(LATE)}
    row = rows[batch_no]
    assert (row.opened, row.failed, row.withdrawn, row.open, row.overdue, row.late) == (1, 1, 1, 0, 0, 0)
    assert [row.open for row in openings.clock(ANSWERED)] == [1, 3]  # as it was then
    (again,) = openings.dispatch_all(LATE, through=LATE, out_dir=tmp_path)
    assert [row[1] for row in bankfile.read(again, bankfile.OPENING_REQUEST).rows] == ["F00000002"]
    assert openings.dispatch_all(LATE, through=LATE, out_dir=tmp_path) == []
    assert openings.withdraw(second.stem.removeprefix("OPENREQ_"), on=LATE, reason="重复") == 3


@pytest.mark.parametrize("sent_again", ["no", "waiting", "refused", "opened"])
def test_a_late_answer_to_a_withdrawn_line_counts_unless_its_person_was_sent_again(
    world: ModuleType, store: Store, tmp_path: Path, sent_again: str
) -> None:
    """Nobody gets a second account, and no account the bank has opened is lost while the person has no other."""
    (request,) = sent(world, store, tmp_path, 2)
    openings = Openings(store)
    openings.withdraw(request.stem.removeprefix("OPENREQ_"), on=LATE, reason="逾期")
    if sent_again != "no":
        (again,) = openings.dispatch_all(LATE, through=LATE, out_dir=tmp_path)
        if sent_again != "waiting":
            fail = {1, 2} if sent_again == "refused" else ()
            answer = world.bank_answer(again, day=LATE, fail=fail, name="again.txt")
            assert openings.read_result(answer, read_on=LATE).unmatched == 0
    late = openings.read_result(world.bank_answer(request, day=ANSWERED), read_on=LATE)
    if sent_again in ("no", "refused"):
        assert (late.opened, late.findings) == (2, [])
    else:
        assert (late.opened, [f.code for f in late.findings]) == (0, ["opening.sent_again"] * 2)
    with store.begin() as connection:
        line = schema.opening_line.c
        opened = connection.execute(sa.select(line.person_id).where(line.account_no.is_not(None))).scalars().all()
    assert len(opened) == len(set(opened))


def test_an_old_refusal_repeated_after_its_person_was_sent_again_is_no_news(
    world: ModuleType, store: Store, tmp_path: Path
) -> None:
    (request,) = sent(world, store, tmp_path, 2)
    openings = Openings(store)
    refusal = world.bank_answer(request, day=ANSWERED, fail={1, 2})
    openings.read_result(refusal, read_on=ANSWERED)
    openings.dispatch("103", world.CITY, LATE, through=LATE, out_dir=tmp_path, retry_failed=True)
    other = tmp_path / "other.txt"
    other.write_bytes(refusal.read_bytes() + b"\r\n")
    report = openings.read_result(other, read_on=LATE)
    assert (report.already, report.findings) == (2, [])


def test_a_batch_may_be_withdrawn_on_the_day_the_bank_had_it(world: ModuleType, store: Store, tmp_path: Path) -> None:
    (request,) = sent(world, store, tmp_path, 2)
    assert Openings(store).withdraw(request.stem.removeprefix("OPENREQ_"), on=SENT, reason="误送") == 2


def test_a_batch_of_no_lines_is_refused(world: ModuleType, store: Store, tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="at least one line"):
        Openings(store).dispatch("103", world.CITY, SENT, through=SENT, out_dir=tmp_path, max_lines=0)


def test_a_status_in_full_width_digits_is_none(world: ModuleType, store: Store, tmp_path: Path) -> None:
    (request,) = sent(world, store, tmp_path, 2)
    answer = world.bank_answer(request, day=ANSWERED, fail={2})
    text = answer.read_bytes().decode("gb18030")
    first = next(line for line in text.splitlines() if "|00|" in line)
    answer.write_bytes(text.replace(first, first.replace("|00|", "|００|"), 1).encode("gb18030"))
    report = Openings(store).read_result(answer, read_on=ANSWERED)
    assert (report.opened, report.failed, [f.code for f in report.findings]) == (0, 1, ["opening.status"])


def test_stages_keep_their_numbers() -> None:
    assert [int(stage) for stage in Stage] == [10, 20, 21, 30, 40, 41, 50, 60, 90]
