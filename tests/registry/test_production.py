"""Production: unique valid card numbers, one card per person, back-files by header, nothing made twice."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.fields import card_number
from sbcard_core.registry import back_file, enrolment
from sbcard_core.registry.back_file import BackFileRefused
from sbcard_core.registry.card_numbers import NumbersExhausted
from sbcard_core.registry.issuing import Issuing
from sbcard_core.registry.lifecycle import Half, Operation, TransitionStatus
from sbcard_core.registry.openings import Openings
from sbcard_core.registry.production import Production
from sbcard_core.registry.production_results import OrderRefused
from sbcard_core.store import Store, schema
from tests import people

ORDERED, BACK = date(2014, 8, 20), date(2014, 9, 1)


def opened(world: ModuleType, store: Store, folder: Path, people: int = 6, fail: tuple[int, ...] = (2,)) -> None:
    enrolment.enrol(store, [world.batch(folder, range(people))])
    openings = Openings(store)
    (request,) = openings.dispatch_all(date(2014, 7, 28), through=date(2014, 7, 31), out_dir=folder)
    openings.read_result(world.bank_answer(request, day=date(2014, 8, 15), fail=fail), read_on=date(2014, 8, 15))


@pytest.fixture
def production(store: Store) -> Production:
    keys = MasterKeys.simulation(7)
    return Production(store, keys, keys.get(KeyUsage.TRANSPORT))


def holders(store: Store) -> dict[str, str]:
    card, person = schema.card.c, schema.person.c
    query = sa.select(card.card_no, person.id_number).join_from(schema.card, schema.person)
    with store.begin() as connection:
        return dict(tuple(row) for row in connection.execute(query))


def made(store: Store) -> int:
    with store.begin() as connection:
        return connection.execute(sa.select(sa.func.count(schema.card.c.made_on))).scalar_one()


def test_an_order_is_complete_and_ordered_once(
    world: ModuleType, store: Store, production: Production, tmp_path: Path
) -> None:
    opened(world, store, tmp_path)
    paths = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path, max_cards=2)
    lines = [json.loads(text) for path in paths for text in path.read_text("utf-8").splitlines()]
    assert [line["order_line"] for line in lines] == [1, 2, 1, 2, 1]
    numbers = [line["card_no"] for line in lines]
    assert all(card_number.is_valid(number) and number.startswith("A") for number in numbers)
    assert numbers == sorted(set(numbers))
    assert len({line["atr"] for line in lines}) == 5
    with store.begin() as connection:
        rows = connection.execute(
            sa.select(schema.card.c.card_no, schema.card.c.identification_code, schema.card.c.factor)
        )
        stored = {number: (code, factor) for number, code, factor in rows}
    assert {line["card_no"]: (world.code_of(line), line["atr"][-16:]) for line in lines} == stored
    serials = [int(number[1:8]) for number in numbers]
    assert serials == [1, 2, 3, 4, 5]
    assert [stored[number] for number in numbers] == [  # region, registered identifier, serial; maker, region, counter
        (f"430100D156000005{serial:08X}FFFFFFFF", f"8660430100{serial:06X}") for serial in serials
    ]
    assert world.id_number(1) not in holders(store).values()
    assert production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path) == []


def test_a_quota_leaves_the_rest_for_later(
    world: ModuleType, store: Store, production: Production, tmp_path: Path
) -> None:
    opened(world, store, tmp_path)
    production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path, max_cards=2, quotas={"103": 3, "402": 9})
    assert len(holders(store)) == 3
    assert production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path, quotas={"402": 9}) == []
    production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    assert len(holders(store)) == 5


def test_a_city_without_a_letter_is_refused(world: ModuleType, store: Store, tmp_path: Path) -> None:
    opened(world, store, tmp_path)
    keys = MasterKeys.simulation(7)
    nowhere = Production(store, keys, keys.get(KeyUsage.TRANSPORT), letters={})
    with pytest.raises(NumbersExhausted):
        nowhere.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    assert holders(store) == {}


@pytest.mark.parametrize("said", [{"失败环节": "制卡"}, {"失败原因": "芯片损坏"}])
def test_a_step_or_a_reason_alone_fails_a_card(
    world: ModuleType, store: Store, production: Production, tmp_path: Path, said: dict[str, str]
) -> None:
    """Of a card that is not made yet, and of one an earlier file brought."""
    opened(world, store, tmp_path)
    (order,) = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    whole = world.factory_answer(order, holders(store))
    production.read_back_file(only(whole, {1}, "p1.csv"), read_on=BACK)
    lines = [json.loads(text) for text in order.read_text("utf-8").splitlines()][:2]
    known = holders(store)
    rows = [
        {"社保卡号": n["card_no"], "社会保障号码": known[n["card_no"]], "卡识别码": world.code_of(n)} | said
        for n in lines
    ]
    back_file.write(tmp_path / "p2.csv", order.stem, rows)
    report = production.read_back_file(tmp_path / "p2.csv", read_on=BACK)
    assert (report.made, report.already, report.failed, report.missing, report.unmatched) == (0, 1, 1, 3, 1)
    found = ["production.made_before", "production.failed", *["production.missing"] * 3]
    assert [f.code for f in report.findings] == found


@pytest.mark.parametrize("columns", [back_file.COLUMNS, back_file.COLUMNS_OTHER_CITY, back_file.COLUMNS[::-1]])
def test_a_back_file_is_read_by_its_header(
    world: ModuleType, store: Store, production: Production, tmp_path: Path, columns: tuple[str, ...]
) -> None:
    opened(world, store, tmp_path)
    (order,) = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    path = world.factory_answer(order, holders(store), fail={2}, columns=columns)
    report = production.read_back_file(path, read_on=BACK)
    assert (report.made, report.failed, report.missing, report.unmatched) == (4, 1, 0, 0)
    assert [f.code for f in report.findings] == ["production.failed"]
    assert "芯片损坏" in report.findings[0].detail
    again = production.read_back_file(path, read_on=date(2014, 10, 1))
    assert (again.made, again.repeated) == (0, True)
    assert made(store) == 4


def test_a_failed_card_is_made_again_under_its_number(
    world: ModuleType, store: Store, production: Production, tmp_path: Path
) -> None:
    opened(world, store, tmp_path)
    (order,) = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    assert production.reorder_unmade(world.CITY, ordered_on=BACK, out_dir=tmp_path) == []
    production.read_back_file(world.factory_answer(order, holders(store), fail={2}), read_on=BACK)
    (second,) = production.reorder_unmade(world.CITY, ordered_on=BACK, out_dir=tmp_path)
    first_lines = [json.loads(text) for text in order.read_text("utf-8").splitlines()]
    (line,) = [json.loads(text) for text in second.read_text("utf-8").splitlines()]
    assert line["kcv"] == first_lines[1]["kcv"]
    assert line["card_no"] == first_lines[1]["card_no"]
    report = production.read_back_file(world.factory_answer(second, holders(store), name="b2.csv"), read_on=BACK)
    assert report.made == 1
    assert made(store) == len(holders(store)) == 5


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("A00000022", "A00000099", "production.card_no"),
        ("430102196001010", "430102196002020", "production.holder"),
        ("D156000005", "D156000006", "production.code"),
        ("1,A", "1,,A", "production.columns"),
    ],
)
def test_one_wrong_row_is_one_finding(
    world: ModuleType, store: Store, production: Production, tmp_path: Path, *, old: str, new: str, code: str
) -> None:
    opened(world, store, tmp_path)
    (order,) = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    good = world.factory_answer(order, holders(store))
    number = sorted(holders(store))[1]
    old = number if code == "production.card_no" else old
    path = world.tamper(good, old, new, "t.csv")
    report = production.read_back_file(path, read_on=BACK)
    assert [f.code for f in report.findings] == [code]
    assert (report.made, report.failed, report.missing) == (4, 0, 1)


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("<人数>5", "<人数>6", "count"),
        ("<批次号>4301", "<批次号>4302", "order"),
        ("<批次号>", "批次号", "prefix"),
        ("<人数>5", f"<人数>{'9' * 5000}", "prefix"),
        ("卡识别码", "卡号", "header"),
        ("姓名", "社保卡号", "header"),
    ],
)
def test_a_wrong_back_file_is_refused_whole(
    world: ModuleType, store: Store, production: Production, tmp_path: Path, *, old: str, new: str, code: str
) -> None:
    opened(world, store, tmp_path)
    (order,) = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    path = world.tamper(world.factory_answer(order, holders(store)), old, new, "t.csv")
    with pytest.raises(BackFileRefused) as refused:
        production.read_back_file(path, read_on=BACK)
    assert refused.value.code == code
    assert made(store) == 0


def only(path: Path, lines: set[int], name: str) -> Path:
    """A back-file with some of the rows of another."""
    prefix, header, *rows = path.read_bytes().decode("gb18030").splitlines()
    kept = [row for n, row in enumerate(rows, 1) if n in lines]
    prefix = prefix.replace(f"<人数>{len(rows)}<", f"<人数>{len(kept)}<")
    other = path.with_name(name)
    other.write_bytes("\r\n".join([prefix, header, *kept, ""]).encode("gb18030"))
    return other


def test_an_order_may_be_answered_in_parts(
    world: ModuleType, store: Store, production: Production, tmp_path: Path
) -> None:
    opened(world, store, tmp_path)
    (order,) = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    whole = world.factory_answer(order, holders(store), fail={2})
    later = BACK + timedelta(7)
    parts = [only(whole, {1, 2}, "p1.csv"), only(whole, {1, 3, 4}, "p2.csv")]
    reports = [production.read_back_file(path, read_on=day) for path, day in zip(parts, (BACK, later), strict=True)]
    assert [(r.made, r.already, r.failed, r.missing, r.unmatched) for r in reports] == [
        (1, 0, 1, 3, 0),
        (2, 1, 0, 2, 0),
    ]
    for path in parts:
        assert production.read_back_file(path, read_on=later).repeated
    rest = world.factory_answer(order, holders(store), fail={4}, name="rest.csv")
    failed_now = production.read_back_file(rest, read_on=later)
    assert (failed_now.made, failed_now.already, failed_now.failed, failed_now.missing) == (2, 3, 0, 0)
    assert [f.code for f in failed_now.findings] == ["production.made_before"]
    assert made(store) == 5
    with store.begin() as connection:
        card, row = schema.card.c, connection.execute(sa.select(schema.production_order)).one()
        days = connection.execute(sa.select(card.made_on).order_by(card.card_no)).scalars().all()
    assert (row.returned_on, row.made) == (BACK.isoformat(), 5)
    assert days == [day.isoformat() for day in (BACK, later, later, later, later)]


def test_an_order_the_factory_never_answers_is_withdrawn_and_its_cards_ordered_again(
    world: ModuleType, store: Store, production: Production, tmp_path: Path
) -> None:
    """Two orders: of one nothing comes, of the other one card of two; one card is cancelled meanwhile."""
    opened(world, store, tmp_path, 5, fail=())
    first, second, _ = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path, max_cards=2)
    late = world.factory_answer(first, holders(store), name="late.csv")
    production.read_back_file(only(world.factory_answer(second, holders(store)), {1}, "p.csv"), read_on=BACK)
    numbers = [json.loads(text)["card_no"] for text in first.read_text("utf-8").splitlines()]
    Issuing(store).cancel(numbers[1], BACK)
    for order_no, on in (("none", BACK), (first.stem, ORDERED - timedelta(1))):
        with pytest.raises(OrderRefused):
            production.withdraw(order_no, on=on)
    later = BACK + timedelta(30)
    assert [production.withdraw(path.stem, on=later) for path in (first, second)] == [1, 1]
    table = schema.production_order.c
    with store.begin() as connection:
        rows = connection.execute(sa.select(table.returned_on).order_by(table.order_no)).scalars().all()
    assert rows == [later.isoformat(), BACK.isoformat(), None]
    (again,) = production.reorder_unmade(world.CITY, ordered_on=later, out_dir=tmp_path)
    assert len(again.read_text("utf-8").splitlines()) == 2
    report = production.read_back_file(late, read_on=later)
    assert (report.made, [f.code for f in report.findings]) == (1, ["production.card_no"])  # the cancelled one came
    assert production.withdraw(again.stem, on=later) == 2
    assert production.read_back_file(world.factory_answer(again, holders(store), name="n.csv"), read_on=later).made == 2


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(files=st.lists(st.tuples(st.sets(st.integers(1, 5), min_size=1), st.sets(st.integers(1, 5))), max_size=4))
def test_cards_of_any_back_files_are_counted_once(
    world: ModuleType, tmp_path_factory: pytest.TempPathFactory, files: list[tuple[set[int], set[int]]]
) -> None:
    """Law: whatever parts come, each card is made once and by the first that brings it; every count adds up."""
    folder = tmp_path_factory.mktemp("parts")
    brought: set[int] = set()
    seen: set[bytes] = set()
    with Store.open("sqlite://") as store:
        opened(world, store, folder)
        keys = MasterKeys.simulation(7)
        factory = Production(store, keys, keys.get(KeyUsage.TRANSPORT))
        (order,) = factory.order(world.CITY, ordered_on=ORDERED, out_dir=folder)
        for n, (lines, fail) in enumerate(files):
            path = only(world.factory_answer(order, holders(store), fail=fail), lines, f"{n}.csv")
            (folder / "back.csv").unlink()
            report = factory.read_back_file(path, read_on=BACK + timedelta(n))
            assert report.repeated == (path.read_bytes() in seen)
            seen.add(path.read_bytes())
            if report.repeated:
                continue
            assert (report.already, report.made) == (len(brought), len(lines - fail - brought))
            assert report.made + report.already + report.failed + report.missing == 5
            brought |= lines - fail
            assert made(store) == len(brought)


def test_both_forms_of_the_prefix(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    back_file.write(path, "B1", [{"社保卡号": "A"}])
    assert path.read_bytes().count(b"\r\n") == 3
    text = path.read_bytes().decode("gb18030")
    path.write_bytes(text.replace("<批次号>B1</批次号><人数>1</人数>", "<B1><1>").encode("gb18030"))
    assert back_file.read(path).order_no == "B1"


@pytest.mark.parametrize("envelope", ["", "<操作*>即制卡回盘</操作*><用户名*>u</用户名*>", "<ERR>00</ERR>"])
@pytest.mark.parametrize(
    ("star", "notes"), [("", ("", "")), ("*", ("(银行/制卡)", "(50字节内)")), ("*", ("（银行）", " (50)"))]
)
def test_a_back_file_in_its_envelope_with_starred_names_and_notes(
    tmp_path: Path, envelope: str, star: str, notes: tuple[str, str]
) -> None:
    path = tmp_path / "b.csv"
    back_file.write(path, "B1", [{"社保卡号": "A", "失败环节": "制卡", "失败原因": "损"}])
    prefix, header, rest = path.read_bytes().decode("gb18030").split("\r\n", 2)
    prefix = envelope + prefix.replace("批次号>", f"批次号{star}>").replace("人数>", f"人数{star}>")
    header = header.replace("失败环节", f"失败环节{notes[0]}").replace("失败原因", f"失败原因{notes[1]}")
    path.write_bytes("\r\n".join([prefix, header, rest]).encode("gb18030"))
    file = back_file.read(path)
    assert (file.order_no, file.rows) == ("B1", [("A", "", "", "制卡", "损")])
    path.write_bytes(("x" + prefix + "\r\n" + header + "\r\n" + rest).encode("gb18030"))
    with pytest.raises(BackFileRefused):
        back_file.read(path)


def test_a_long_reason_is_cut_between_characters(tmp_path: Path) -> None:
    back_file.write(tmp_path / "b", "B1", [{"失败原因": "a" + "损" * 40}])
    assert back_file.read(tmp_path / "b").rows[0][-1] == "a" + "损" * 24


def test_unmade_cards_are_ordered_again_bank_by_bank_and_page_by_page(
    world: ModuleType, store: Store, production: Production, tmp_path: Path
) -> None:
    """Two banks with three failed cards each, one card a file: every card once, in its own bank's order."""
    enrolment.enrol(store, [world.batch(tmp_path, range(4)), world.batch(tmp_path, range(4, 8), "b.csv", bank="402")])
    openings = Openings(store)
    for n, request in enumerate(openings.dispatch_all(date(2014, 7, 28), through=date(2014, 7, 31), out_dir=tmp_path)):
        answer = world.bank_answer(request, day=date(2014, 8, 15), name=f"r{n}.txt")
        openings.read_result(answer, read_on=date(2014, 8, 15))
    orders = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    failed = {}
    for order in orders:
        lines = [json.loads(text) for text in order.read_text("utf-8").splitlines()]
        failed |= {line["card_no"]: order.stem[6:9] for line in lines if line["order_line"] != 2}
        answer = world.factory_answer(order, holders(store), fail={1, 3, 4}, name=f"{order.stem}.csv")
        production.read_back_file(answer, read_on=BACK)
    again = production.reorder_unmade(world.CITY, ordered_on=BACK, out_dir=tmp_path, max_cards=1)
    found = {json.loads(path.read_text("utf-8"))["card_no"]: path.stem[6:9] for path in again}
    assert found == failed
    assert sorted(failed.values()) == ["103"] * 3 + ["402"] * 3
    assert len(again) == 6
    assert production.reorder_unmade(world.CITY, ordered_on=BACK, out_dir=tmp_path) == []


@pytest.mark.parametrize("spelling", [str.lower, lambda n: f" {n}", lambda n: n[:6] + n[8:17]])
def test_a_back_file_may_spell_numbers_otherwise(
    world: ModuleType, store: Store, production: Production, tmp_path: Path, spelling: Callable[[str], str]
) -> None:
    opened(world, store, tmp_path)
    (order,) = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    spelled = {number: spelling(holder) for number, holder in holders(store).items()}
    report = production.read_back_file(world.factory_answer(order, spelled), read_on=BACK)
    assert (report.made, report.findings) == (5, [])


def test_a_back_file_read_before_its_order_is_refused(
    world: ModuleType, store: Store, production: Production, tmp_path: Path
) -> None:
    opened(world, store, tmp_path)
    (order,) = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    back = world.factory_answer(order, holders(store))
    with pytest.raises(BackFileRefused) as refused:
        production.read_back_file(back, read_on=date(2014, 8, 19))
    assert refused.value.code == "early"
    assert production.read_back_file(back, read_on=ORDERED).made == 5


@pytest.mark.parametrize("reason", ['"芯片损坏', '12"片', '"', '"a""b', 'a"'])
def test_a_stray_quote_swallows_no_card(
    world: ModuleType, store: Store, production: Production, tmp_path: Path, reason: str
) -> None:
    """Two failed cards with the same stray quote; the one between them is made."""
    opened(world, store, tmp_path, 8, fail=())
    (order,) = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    good = world.factory_answer(order, holders(store), fail={2, 4})
    text = good.read_bytes().decode("gb18030")
    path = tmp_path / "q.csv"
    path.write_bytes(text.replace("芯片损坏", reason).encode("gb18030"))
    report = production.read_back_file(path, read_on=BACK)
    assert report.made == 6
    assert report.failed + len([f for f in report.findings if f.code == "production.columns"]) == 2
    assert report.made + report.failed + report.missing == 8


@pytest.mark.parametrize("end", ["\r\n\r\n", "\x1a", "\r\n\x1a\0\0", ""])
def test_what_stands_behind_the_last_line_is_no_row(
    world: ModuleType, store: Store, production: Production, tmp_path: Path, end: str
) -> None:
    opened(world, store, tmp_path)
    (order,) = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    path = world.factory_answer(order, holders(store))
    path.write_bytes(path.read_bytes().rstrip() + end.encode())
    assert production.read_back_file(path, read_on=BACK).made == 5


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 900), byte=st.one_of(st.sampled_from(b'",\r\n\x00'), st.integers(0, 255)))
def test_cards_are_conserved_whatever_byte_is_wrong(
    world: ModuleType, tmp_path_factory: pytest.TempPathFactory, *, place: int, byte: int
) -> None:
    """Law: a back-file is refused, or every card of its order is made, failed or missing, and no line is lost."""
    folder = tmp_path_factory.mktemp("back")
    with Store.open("sqlite://") as store:
        opened(world, store, folder)
        keys = MasterKeys.simulation(7)
        factory = Production(store, keys, keys.get(KeyUsage.TRANSPORT))
        (order,) = factory.order(world.CITY, ordered_on=ORDERED, out_dir=folder)
        path = world.factory_answer(order, holders(store), fail={2})
        raw = bytearray(path.read_bytes())
        raw[place % len(raw)] = byte
        path.write_bytes(raw)
        try:
            report = factory.read_back_file(path, read_on=BACK)
        except BackFileRefused:
            assert made(store) == 0
            return
        assert report.made + report.failed + report.missing == 5
        assert made(store) == report.made >= 3
        assert report.made + report.failed + report.unmatched == 5


def test_a_cancelled_card_is_not_ordered_again(
    world: ModuleType, store: Store, production: Production, tmp_path: Path
) -> None:
    """Two cards the factory failed, one of them cancelled meanwhile."""
    opened(world, store, tmp_path)
    (order,) = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    production.read_back_file(world.factory_answer(order, holders(store), fail={2, 3}), read_on=BACK)
    lines = [json.loads(text) for text in order.read_text("utf-8").splitlines()]
    assert Issuing(store).cancel(lines[1]["card_no"], BACK).is_success
    (again,) = production.reorder_unmade(world.CITY, ordered_on=BACK, out_dir=tmp_path)
    assert [json.loads(text)["card_no"] for text in again.read_text("utf-8").splitlines()] == [lines[2]["card_no"]]


def replacing(world: ModuleType, store: Store, production: Production, folder: Path) -> tuple[Issuing, str]:
    """A card that was handed over, reported lost, and is to be replaced."""
    opened(world, store, folder)
    (order,) = production.order(world.CITY, ordered_on=ORDERED, out_dir=folder)
    production.read_back_file(world.factory_answer(order, holders(store)), read_on=BACK)
    old = json.loads(order.read_text("utf-8").splitlines()[0])["card_no"]
    issuing = Issuing(store)
    issuing.issue([old], BACK)
    issuing.report_loss(old, BACK, formal=True)
    issuing.replace(old, BACK)
    return issuing, old


def test_no_new_card_is_made_for_one_cancelled_after_its_request(
    world: ModuleType, store: Store, production: Production, tmp_path: Path
) -> None:
    """The holder died or moved away while the request waited."""
    issuing, old = replacing(world, store, production, tmp_path)
    assert issuing.cancel(old, BACK).is_success
    assert production.order_replacements(world.CITY, ordered_on=BACK, out_dir=tmp_path) == []
    assert len(holders(store)) == 5


def test_a_new_card_the_factory_failed_is_not_made_again_once_the_old_one_is_cancelled(
    world: ModuleType, store: Store, production: Production, tmp_path: Path
) -> None:
    issuing, old = replacing(world, store, production, tmp_path)
    (order,) = production.order_replacements(world.CITY, ordered_on=BACK, out_dir=tmp_path)
    production.read_back_file(world.factory_answer(order, holders(store), fail={1}, name="new.csv"), read_on=BACK)
    (again,) = production.reorder_unmade(world.CITY, ordered_on=BACK, out_dir=tmp_path)
    production.read_back_file(world.factory_answer(again, holders(store), fail={1}, name="new2.csv"), read_on=BACK)
    assert issuing.cancel(old, BACK).is_success
    assert production.reorder_unmade(world.CITY, ordered_on=BACK, out_dir=tmp_path) == []


def test_a_new_card_destroyed_before_its_handover_may_be_requested_again(
    world: ModuleType, store: Store, production: Production, tmp_path: Path
) -> None:
    issuing, old = replacing(world, store, production, tmp_path)
    for _ in range(2):
        (order,) = production.order_replacements(world.CITY, ordered_on=BACK, out_dir=tmp_path)
        assert issuing.request_replacements([old], BACK) == [TransitionStatus.ALREADY]
        (line,) = [json.loads(text) for text in order.read_text("utf-8").splitlines()]
        assert issuing.cancel(line["card_no"], BACK).is_success
        assert production.order_replacements(world.CITY, ordered_on=BACK, out_dir=tmp_path) == []
        assert issuing.request_replacements([old], BACK) == [TransitionStatus.OK]
    (order,) = production.order_replacements(world.CITY, ordered_on=BACK, out_dir=tmp_path)
    production.read_back_file(world.factory_answer(order, holders(store), name="new.csv"), read_on=BACK)
    new = json.loads(order.read_text("utf-8"))["card_no"]
    assert issuing.issue([new], BACK) == [TransitionStatus.OK]
    assert issuing.cancel(new, BACK).is_success  # used to its end: nothing is made of its own accord
    assert issuing.request_replacements([old], BACK) == [TransitionStatus.ALREADY]
    assert production.order_replacements(world.CITY, ordered_on=BACK, out_dir=tmp_path) == []


def test_whoever_fits_no_card_takes_nothing_of_a_quota(
    world: ModuleType, store: Store, production: Production, tmp_path: Path
) -> None:
    opened(world, store, tmp_path)
    with store.begin() as connection:
        person = schema.person
        first = connection.execute(sa.select(sa.func.min(person.c.person_id))).scalar_one()
        connection.execute(sa.update(person).where(person.c.person_id == first).values(name="名" * 60))
    production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path, quotas={"103": 1})
    assert list(holders(store).values()) == [world.id_number(2)]


def test_new_cards_for_lost_ones_are_ordered_bank_by_bank(
    world: ModuleType, store: Store, production: Production, tmp_path: Path
) -> None:
    """Two banks with two lost cards each, one card a file; and two more nobody asked to replace."""
    enrolment.enrol(store, [world.batch(tmp_path, range(3)), world.batch(tmp_path, range(4, 7), "b.csv", bank="402")])
    openings = Openings(store)
    for n, request in enumerate(openings.dispatch_all(date(2014, 7, 28), through=date(2014, 7, 31), out_dir=tmp_path)):
        answer = world.bank_answer(request, day=date(2014, 8, 15), name=f"r{n}.txt")
        openings.read_result(answer, read_on=date(2014, 8, 15))
    lost = {}
    for order in production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path):
        production.read_back_file(world.factory_answer(order, holders(store), name=f"{order.stem}.csv"), read_on=BACK)
        lines = [json.loads(text) for text in order.read_text("utf-8").splitlines()]
        lost |= {line["card_no"]: order.stem[6:9] for line in lines[:2]}
    issuing = Issuing(store)
    issuing.apply(lost, Operation.FORMAL_LOSS, Half.APP, BACK)
    issuing.request_replacements(lost, BACK)
    paths = production.order_replacements(world.CITY, ordered_on=BACK, out_dir=tmp_path, max_cards=1)
    assert sorted(path.stem[6:9] for path in paths) == sorted(lost.values())
    with store.begin() as connection:
        new = connection.execute(
            sa.select(schema.card.c.replaces, schema.card.c.bank).where(schema.card.c.replaces.is_not(None))
        )
        assert dict(tuple(row) for row in new) == lost
    assert production.order_replacements("430200", ordered_on=BACK, out_dir=tmp_path) == []


@pytest.mark.parametrize("size", [1, 2, 3])
def test_orders_of_any_size_reach_everyone_whatever_the_order_of_submission(
    world: ModuleType, store: Store, production: Production, tmp_path: Path, size: int
) -> None:
    """Whoever came into the registry last was submitted first."""
    files = [world.batch(tmp_path, [n], f"{n}.csv", day=f"201407{9 - n:02d}") for n in range(4)]
    enrolment.enrol(store, files)
    (request,) = Openings(store).dispatch_all(date(2014, 7, 28), through=date(2014, 7, 31), out_dir=tmp_path)
    Openings(store).read_result(world.bank_answer(request, day=date(2014, 8, 15)), read_on=date(2014, 8, 15))
    production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path, max_cards=size)
    assert sorted(holders(store).values()) == sorted(world.id_number(n) for n in range(4))


def test_a_back_file_without_a_row_is_read(tmp_path: Path) -> None:
    back_file.write(tmp_path / "b", "B1", [])
    assert back_file.read(tmp_path / "b").rows == []


def test_a_card_that_came_before_stands_once_in_a_later_back_file(
    world: ModuleType, store: Store, production: Production, tmp_path: Path
) -> None:
    opened(world, store, tmp_path)
    (order,) = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    whole = world.factory_answer(order, holders(store))
    production.read_back_file(whole, read_on=BACK)
    prefix, header, row, *_ = whole.read_bytes().decode("gb18030").splitlines()
    again = tmp_path / "again.csv"
    text = "\r\n".join([prefix.replace("<人数>5<", "<人数>2<"), header, row, row, ""])
    again.write_bytes(text.encode("gb18030"))
    assert [f.code for f in production.read_back_file(again, read_on=BACK).findings] == ["production.twice"]


def test_a_serial_of_seven_digits_stands_whole_in_the_identification_code(
    world: ModuleType, store: Store, production: Production, tmp_path: Path
) -> None:
    opened(world, store, tmp_path, 1, fail=())
    people.enrol(store, card_number.make(1_234_567, "A"), "00" * 8, 99)
    (order,) = production.order(world.CITY, ordered_on=ORDERED, out_dir=tmp_path)
    line = json.loads(order.read_text("utf-8"))
    assert line["card_no"][1:8] == "1234568"
    assert world.code_of(line) == f"430100D156000005{1_234_568:08X}FFFFFFFF"
