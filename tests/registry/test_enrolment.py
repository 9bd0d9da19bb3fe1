"""Enrolment: what the checks accepted is taken in once, whatever is delivered again."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sbcard_core.registry import enrolment
from sbcard_core.store import Store, schema
from sbcard_core.validation.check import check_files
from sbcard_core.validation.records import CheckedBatch
from sbcard_core.validation.spec import COLLECTION, CollectedPerson

HEADER = ",".join(field.header for field in COLLECTION.fields)


def collected(world: ModuleType, path: Path, numbers: list[int], *extra: str) -> Path:
    lines = [HEADER, *(",".join(map(str, world.record(n)[:-1])) for n in numbers), *extra]
    path.write_bytes("\r\n".join([*lines, ""]).encode("gb18030"))
    return path


def check(*paths: Path):
    return check_files(paths, on=date(2014, 7, 31), batch_size=3)


def rows(store: Store, table: sa.Table) -> int:
    with store.begin() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_checked_files_are_enrolled_and_counted(world: ModuleType, store: Store, tmp_path: Path) -> None:
    wrong = "9,F9,430102196001010019,甲一,1,01,19600101,13800000009,4,430102,103,20140701"
    path = collected(world, tmp_path / "a.csv", list(range(7)), wrong, "not,a,record")
    report = enrolment.enrol(store, check(path))
    total = report.total()
    assert (total.records, total.accepted, total.rejected, total.quarantined) == (9, 7, 1, 1)
    assert total.enrolled == rows(store, schema.person) == 7
    with store.begin() as connection:
        stored = connection.execute(sa.select(schema.collection_file)).one()
        birth = connection.execute(sa.select(schema.person.c.birth, schema.person.c.submitted_on)).first()
        details = list(connection.execute(sa.select(schema.finding.c.detail)).scalars())
    assert (stored.records, stored.accepted, stored.rejected, stored.quarantined) == (9, 7, 1, 1)
    assert stored.city == world.CITY
    assert birth == ("1960-01-01", "2014-07-01")
    assert details
    assert not any("430102196001010019" in detail for detail in details)


def test_the_same_content_again_has_no_effect(world: ModuleType, store: Store, tmp_path: Path) -> None:
    path = collected(world, tmp_path / "a.csv", list(range(7)), "not,a,record")
    enrolment.enrol(store, check(path))
    before = rows(store, schema.person), rows(store, schema.finding)
    path = path.rename(tmp_path / "b.csv")
    report = enrolment.enrol(store, check(path))
    assert report.repeated == ["b.csv"]
    assert report.files == {}
    assert (rows(store, schema.person), rows(store, schema.finding)) == before


def test_other_content_under_an_enrolled_name_is_refused_whole(world: ModuleType, store: Store, tmp_path: Path) -> None:
    path = collected(world, tmp_path / "a.csv", [1, 2])
    enrolment.enrol(store, check(path))
    report = enrolment.enrol(store, check(collected(world, path, [1, 2, 3])))
    assert report.changed == ["a.csv"]
    assert rows(store, schema.person) == 2
    assert rows(store, schema.finding) == 1


def test_files_of_one_name_in_one_call_are_told_apart(world: ModuleType, store: Store, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    first, second = world.batch(tmp_path / "a", [1, 2]), world.batch(tmp_path / "b", [3])
    report = enrolment.enrol(store, [first, second])
    assert (report.changed, report.repeated) == (["c1.csv"], [])
    assert (list(report.files), report.total().enrolled, rows(store, schema.person)) == (["c1.csv"], 2, 2)


def test_a_person_of_an_earlier_file_is_a_finding(world: ModuleType, store: Store, tmp_path: Path) -> None:
    enrolment.enrol(store, check(collected(world, tmp_path / "a.csv", [1, 2])))
    report = enrolment.enrol(store, check(collected(world, tmp_path / "b.csv", [2, 3])))
    assert (report.total().accepted, report.total().enrolled, report.total().known) == (2, 1, 1)
    with store.begin() as connection:
        found = connection.execute(sa.select(schema.finding.c.code, schema.finding.c.source, schema.finding.c.line))
        assert found.all() == [("person.known", "b.csv", 2)]


def test_a_run_that_was_cut_off_is_finished(world: ModuleType, store: Store, tmp_path: Path) -> None:
    path = collected(world, tmp_path / "a.csv", list(range(8)), "not,a,record")
    first, second, *_ = check(path)
    enrolment.enrol(store, [first, second])
    assert rows(store, schema.collection_file) == 0
    report = enrolment.enrol(store, check(path))
    assert report.total().enrolled == rows(store, schema.person) == 8
    assert rows(store, schema.finding) == 1


def details(store: Store) -> list[tuple[str, int, str]]:
    finding = schema.finding.c
    query = sa.select(finding.code, finding.line, finding.detail).where(finding.stage == enrolment.STAGE)
    with store.begin() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(finding.line))]


def spelled(world: ModuleType, folder: Path, records: list[CollectedPerson], name: str) -> CheckedBatch:
    batch = world.batch(folder, range(len(records)), name)
    batch.accepted[:] = [record._replace(line=n) for n, record in enumerate(records, 2)]
    batch.path.write_text(f"{name}: {len(records)}", encoding="utf-8")  # contents of its own
    return batch


def test_a_second_record_of_a_person_names_what_differs(world: ModuleType, store: Store, tmp_path: Path) -> None:
    """Two persons of an earlier file; each later record differs in one thing, or in nothing."""
    first = [world.record(n)._replace(name=name) for n, name in ((1, "买买提·阿不都"), (2, "李四"))]
    enrolment.enrol(store, [spelled(world, tmp_path, first, "a.csv")])
    later = [
        first[0],
        first[0]._replace(name="买买提阿不都"),
        first[1]._replace(name="王五"),
        first[1]._replace(bank="402"),
        first[0]._replace(county="430104", bank="402"),
        first[0]._replace(phone="13900000000"),
    ]
    report = enrolment.enrol(store, [spelled(world, tmp_path, later, "b.csv")])
    assert (report.total().enrolled, report.total().known) == (0, 6)
    assert [(code, line) for code, line, _ in details(store)] == [
        ("person.known", 2),
        ("person.name_folded", 3),
        *(("person.differs", line) for line in (4, 5, 6)),
        ("person.known", 7),
    ]
    words = [detail for _, _, detail in details(store)]
    assert ["姓名" in word for word in words] == [False, True, True, False, False, False]
    assert ["合作银行" in word for word in words] == [False, False, False, True, True, False]
    assert ["区县" in word for word in words] == [False, False, False, False, True, False]
    assert not any(first[0].id_number in word or "买买提" in word for word in words)


NUMBER = "610104196209276908"


@given(
    st.lists(st.sampled_from([str.lower, str, lambda n: n[:6] + n[8:17], lambda n: " " + n]), min_size=2, max_size=4)
)
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_person_whatever_the_spelling_of_the_number(
    world: ModuleType, tmp_path_factory: pytest.TempPathFactory, spellings: list[Callable[[str], str]]
) -> None:
    """Law: records of one person, in one file or several, make one person under the number's one form."""
    folder = tmp_path_factory.mktemp("spelled")
    with Store.open("sqlite://") as store:
        records = [world.record(0)._replace(id_number=spelling(NUMBER)) for spelling in spellings]
        enrolment.enrol(store, [spelled(world, folder, records[:2], "a.csv")])
        enrolment.enrol(store, [spelled(world, folder, records[2:], "b.csv")])
        with store.begin() as connection:
            numbers = list(connection.execute(sa.select(schema.person.c.id_number)).scalars())
        assert numbers == [NUMBER]
        assert [code for code, _, _ in details(store)] == ["person.known"] * (len(records) - 1)


def test_a_number_that_has_no_written_form_is_kept_as_it_is(world: ModuleType, store: Store, tmp_path: Path) -> None:
    """A passport beside a citizen number in another spelling."""
    batch = world.batch(tmp_path, range(2))
    first, second = batch.accepted
    spelled = f" {second.id_number[:6]} {second.id_number[6:].lower()}"
    batch.accepted[:] = [first._replace(id_number="H12345678"), second._replace(id_number=spelled)]
    enrolment.enrol(store, [batch])
    with store.begin() as connection:
        numbers = connection.execute(sa.select(schema.person.c.id_number).order_by("person_id")).scalars().all()
    assert numbers == ["H12345678", second.id_number]


def test_a_folded_name_beside_another_bank_is_a_difference(world: ModuleType, store: Store, tmp_path: Path) -> None:
    """Two people come again with a folded name, one of them with another bank too."""
    first, again = world.batch(tmp_path, range(2)), world.batch(tmp_path, range(2), "b.csv", bank="402")
    first.accepted[:] = [one._replace(name="\uf9b8书") for one in first.accepted]
    again.accepted[:] = [one._replace(name="\u96b8书") for one in again.accepted]
    again.accepted[0] = again.accepted[0]._replace(bank="103")
    enrolment.enrol(store, [first, again])
    with store.begin() as connection:
        found = connection.execute(sa.select(schema.finding.c.code).order_by(schema.finding.c.line)).scalars().all()
    assert found == ["person.name_folded", "person.differs"]


def test_a_name_is_kept_in_its_written_form_and_as_it_is_where_it_has_none(
    world: ModuleType, store: Store, tmp_path: Path
) -> None:
    batch = world.batch(tmp_path, range(2))
    names = ["买买提•阿不都", "锟斤拷\ufffd"]
    batch.accepted[:] = [one._replace(name=name) for one, name in zip(batch.accepted, names, strict=True)]
    enrolment.enrol(store, [batch])
    with store.begin() as connection:
        kept = connection.execute(sa.select(schema.person.c.name).order_by("person_id")).scalars().all()
    assert kept == ["买买提·阿不都", names[1]]
