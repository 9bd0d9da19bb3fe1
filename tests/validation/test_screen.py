"""The law of the screen: a check with it and a check by the judge alone give the same, to the last mark."""

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core.fields import bank_card, card_number, citizen_id, gbt2260, region
from sbcard_core.validation import crosses, program, sources
from sbcard_core.validation.ahead import ReadAhead
from sbcard_core.validation.blocks import Source
from sbcard_core.validation.check import check_sources
from sbcard_core.validation.columnar import ArrowTable
from sbcard_core.validation.context import Context
from sbcard_core.validation.crosses import CrossRule
from sbcard_core.validation.layouts import PAYOUT_LINE, SPECS
from sbcard_core.validation.records import CheckedBatch
from sbcard_core.validation.results import accepted_table, records_table
from sbcard_core.validation.rules import RULES, RecordRules
from sbcard_core.validation.screen import Lazy, Screen
from sbcard_core.validation.sources import Delimited
from sbcard_core.validation.spec import COLLECTION, RecordSpec, layout_of

ON = date(2014, 7, 31)
HAN = "张王李赵陈刘杨黄吴周徐孙马朱胡林郭何高罗郑梁谢宋唐许邓冯韩曹曾彭萧蔡潘田董袁于余龥一"
SERIAL = [0]


def _account(rng: random.Random) -> str:
    body = "622848" + f"{rng.randrange(10**12):012}"
    return body + bank_card.check_digit(body)


def _card(rng: random.Random) -> str:
    body = f"B{rng.randrange(10**7):07}"
    return body + card_number.check_character(body)


def _person(rng: random.Random) -> dict[str, str]:
    """One person's values, right in every column of every layout."""
    SERIAL[0] += 1
    day = date(1940, 1, 1) + timedelta(days=rng.randrange(26_000))
    place = rng.choice(["430102", "430112", "433101", "110105", "659004"])
    body = f"{place}{day:%Y%m%d}{SERIAL[0] % 1000:03}"
    number = body + citizen_id.check_digit(body)
    young = day > date(1998, 7, 31)
    return {
        "seq": str(SERIAL[0]), "form_no": f"F{SERIAL[0]:06}", "id_number": number, "certificate_no": number,
        "name": "".join(rng.choices(HAN, k=rng.choice((2, 3, 4)))) + rng.choice(["", "", "·" + rng.choice(HAN)]),
        "sex": "1" if int(number[16]) % 2 else "2", "ethnicity": f"{rng.randrange(1, 57):02}", "birth": f"{day:%Y%m%d}",
        "phone": f"138{rng.randrange(10**8):08}", "category": str(rng.randrange(1, 6)), "county": "430102",
        "bank": "103", "submitted_on": "20140701", "country": "CHN", "certificate_type": "01",
        "valid_until": "20200101", "household_county": "430102", "household_address": "芙蓉路1号",
        "address": "某路2号#3",
        "guardian_no": "430102197001010011" if young else "", "guardian_name": "张三" if young else "",
        "application_type": "1", "status": "00", "account_no": _account(rng), "reason": "", "answered_on": "20140702",
        "card_no": _card(rng), "issued_on": "20140630", "expires_on": "20240630", "card_code": "0123456789ABCDEF" * 2,
        "atr": "3B6D000080318065B0", "personal_account": "1234", "financial_account": "99", "box": "A-1#2",
        "failed_stage": "", "amount_fen": "12345", "purpose": "养老金",
    }  # fmt: skip


ODD = [
    *("", " ", "x", "0", "9", "00", "01", "张", "张三 ", "·", "a·b", "李珅", "㐂", "𠮷野", "长期", "银行", "制卡"),
    *("20140731", "20140801", "20990101", "19000101", "18991231", "20140229", "20140631", "20120229", "1" * 70),
    *("430122", "430100", "４３０１０２", "430102491231002", "11010519491231002x", "6228480000000000018", "B00000018"),
    *("8" * 33, "Ａ", "\ue81e", "﨎", "(1)", "（1）", "-", "/", "_", "\ufeff1", "é", "\x00", "\u2028", "龦", "3B6"),
    *('"', '""', "'", ",", "|", ";", "\t", "\x1a"),
]
ENDED = [code for code in map(str, gbt2260.codes()) if code.startswith("43")][::7]


def _mutate(rng: random.Random, row: list[str], keys: Sequence[str]) -> None:
    at = rng.randrange(len(row))
    cell = row[at]
    match rng.randrange(8):
        case 0:
            row[at] = rng.choice(ODD)
        case 1:
            row[at] = cell + rng.choice(ODD)
        case 2 if cell:
            place = rng.randrange(len(cell))
            row[at] = cell[:place] + rng.choice('0123456789Xx张·a "') + cell[place + 1 :]
        case 3:
            row[at] = f'"{cell}"'
        case 4 if cell:
            row[at] = cell[: rng.randrange(len(cell))]
        case 5 if "id_number" in keys:
            place, old = keys.index("id_number"), row[keys.index("id_number")]
            body = rng.choice(ENDED) + old[6:10] + old[10:17]
            row[place] = (
                body + citizen_id.check_digit(body) if body.isascii() and body.isdigit() and len(body) == 17 else "x"
            )
        case 6:
            other = rng.randrange(len(row))
            row[at], row[other] = row[other], row[at]
        case _:
            row.insert(at, "")


def rows_of(spec: RecordSpec, count: int, rng: random.Random, faults: float = 0.5) -> Iterator[list[str]]:
    """Records, about half of them changed in one or two places, some of them twice or from another person."""
    keys = [field.field for field in spec.fields]
    last: list[str] = []
    for _ in range(count):
        person = _person(rng)
        row = [person[key] for key in keys]
        if last and rng.random() < 0.05:
            row = [*last]
        last = [*row]
        while rng.random() < faults:
            _mutate(rng, row, keys)
        yield row


def text_of(
    spec: RecordSpec, rows: Iterator[list[str]], encoding: str, delimiter: str, rng: random.Random, noise: float = 0.03
) -> bytes:
    out = [delimiter.join(field.header for field in spec.fields).encode(encoding) + b"\n"]
    for row in rows:
        line = delimiter.join(row).encode(encoding, "replace")
        if rng.random() < noise and line:
            at = rng.randrange(len(line))
            line = line[:at] + bytes((rng.randrange(256),)) + line[at + rng.randrange(2) :]
        out.append(line + rng.choice([b"\n", b"\r\n", b"\r\n", b"\r", b"\n\n"]))
    return b"".join(out)


def table_of(pa: Any, spec: RecordSpec, rows: Iterator[list[str]], kind: str, rng: random.Random) -> Any:
    width = len(spec.fields)
    filled = [(row + [""] * width)[:width] for row in rows]
    columns = [
        [cell if cell or rng.random() < 0.5 else None for cell in column] for column in zip(*filled, strict=True)
    ]
    type_ = pa.dictionary(pa.int16(), pa.string()) if kind == "dictionary" else getattr(pa, kind)()
    table = pa.table([pa.array(column, type_) for column in columns], [field.header for field in spec.fields])
    return pa.concat_tables([table.slice(0, 11), table.slice(11)]).slice(3)


def outcome(source: Callable[[], Source], spec: RecordSpec, **more: Any) -> list[CheckedBatch]:
    return list(check_sources([source()], spec, on=ON, **more))


def assert_lawful(source: Callable[[], Source], spec: RecordSpec, **more: Any) -> int:
    """Check both ways; give the number of records the judge did not see."""
    passed, look = [0], Screen.look

    def counted(self: Screen, *given: Any) -> Any:
        found = look(self, *given)
        passed[0] += len(found.clean)
        return found

    with mock.patch.object(Screen, "look", counted):
        looked = outcome(source, spec, **more)
    with mock.patch.object(Screen, "look", Screen.pass_none):
        alone = outcome(source, spec, **more)
    for with_screen, without in zip(looked, alone, strict=True):
        assert list(with_screen.accepted) == list(without.accepted)
        assert with_screen == without
    return passed[0]


TEXTS = [("utf-8", ","), ("gb18030", ","), ("gb18030", "|"), ("utf-8", "\t"), ("gb18030", ";")]


@pytest.mark.parametrize(("encoding", "delimiter"), TEXTS)
@pytest.mark.parametrize("name", SPECS)
def test_text_gives_the_same_with_and_without(tmp_path: Path, name: str, encoding: str, delimiter: str) -> None:
    rng, spec = random.Random(f"{name}{encoding}{delimiter}"), SPECS[name]
    path = tmp_path / "f.csv"
    path.write_bytes(text_of(spec, rows_of(spec, 1_200, rng), encoding, delimiter, rng))
    submitters = {"f.csv": "430100"} if rng.random() < 0.5 else {}
    passed = assert_lawful(lambda: Delimited(path, encoding=encoding), spec, submitters=submitters)
    assert passed > 200  # else the law says nothing


KINDS = ["string", "large_string", "string_view", "dictionary"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SPECS)
def test_arrow_gives_the_same_with_and_without(pa: Any, name: str, kind: str) -> None:
    rng, spec = random.Random(f"{name}{kind}"), SPECS[name]
    table = table_of(pa, spec, rows_of(spec, 600, rng), kind, rng)
    assert assert_lawful(lambda: ArrowTable("t", table), spec) > 150


@settings(max_examples=40)
@given(
    st.integers(0, 10**9), st.sampled_from(sorted(SPECS)), st.sampled_from(TEXTS), st.integers(1, 40), st.integers(1, 9)
)
def test_any_seed_and_any_batch(
    tmp_path_factory: pytest.TempPathFactory, seed: int, name: str, form: tuple[str, str], count: int, size: int
) -> None:
    rng, spec = random.Random(seed), SPECS[name]
    path = tmp_path_factory.mktemp("law") / "f.csv"
    path.write_bytes(text_of(spec, rows_of(spec, count, rng, 0.7), *form, rng))
    assert_lawful(lambda: Delimited(path, encoding=form[0]), spec, batch_size=size)


@pytest.mark.soak
@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize(("encoding", "delimiter"), TEXTS[:3])
def test_ten_million_mutated_records(tmp_path: Path, name: str, encoding: str, delimiter: str) -> None:
    spec, path = SPECS[name], tmp_path / "f.csv"
    for seed in range(6):
        rng = random.Random(f"{name}{encoding}{delimiter}{seed}")
        path.write_bytes(text_of(spec, rows_of(spec, 93_000, rng), encoding, delimiter, rng))
        assert_lawful(lambda: Delimited(path, encoding=encoding), spec)


def _compiled(spec: RecordSpec) -> program.Program:
    layout = layout_of([field.header for field in spec.fields], spec)
    assert layout is not None
    made = program.compile_program(spec, RecordRules(spec, Context.of(ON)), layout, "gb18030", lines=True)
    assert made is not None
    return made


@pytest.mark.parametrize("name", SPECS)
def test_every_rule_of_our_layouts_runs_in_the_kernel(name: str) -> None:
    made = _compiled(SPECS[name])
    assert (made.closer, made.crosses) == ([], [])


def test_an_unknown_rule_is_asked_in_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule the kernel does not know is never skipped: neither a field's nor one over several fields."""
    monkeypatch.setitem(RULES, "even", RULES["pattern"])
    monkeypatch.setitem(crosses.TESTS, "never_77", lambda values, limit, context: values[0].endswith("77"))
    fields = tuple(
        field if field.field != "purpose" else type(field)(field.header, "purpose", "even", field.code, field.clean)
        for field in PAYOUT_LINE.fields
    )
    rule = CrossRule("amount.format", "never_77", ("amount_fen",))
    spec = RecordSpec("odd", fields, PAYOUT_LINE.row, (rule,), same=())
    made = _compiled(spec)
    assert [at for at, _ in made.closer] == [len(fields) - 1]
    assert [bound.rule for bound in made.crosses] == [rule]
    rng = random.Random(1)
    rows = [[*row[:4], f"{at}77" if at % 3 else "5", "x"] for at, row in enumerate(rows_of(spec, 300, rng, 0), 1)]
    path = tmp_path / "f.csv"
    path.write_bytes(text_of(spec, iter(rows), "gb18030", ",", rng, 0))
    clean = sum(row[4] == "5" and not row[3].endswith("000") for row in rows)
    assert assert_lawful(lambda: Delimited(path), spec) == clean > 90


def test_a_test_with_another_meaning_is_asked_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(crosses.TESTS, "sex_in_number", lambda values, limit, context: True)
    assert [bound.rule.test for bound in _compiled(COLLECTION).crosses] == ["sex_in_number"]


def test_the_last_birth_year_of_a_code_is_that_of_its_history() -> None:
    limits = program.last_birth_years(ON)
    for code in map(str, sorted(gbt2260.codes())[::97]):
        known = [
            year for year in range(1900, 2015)
            if region.status(code, date(year, 1, 1), on=ON).outcome is region.RegionOutcome.KNOWN
        ]  # fmt: skip
        assert limits[int(code)] == (max(known) - 1899 if known else 0), code


def test_rows_are_made_when_they_are_touched(tmp_path: Path) -> None:
    rng = random.Random(5)
    path = tmp_path / "f.csv"
    path.write_bytes(text_of(COLLECTION, rows_of(COLLECTION, 50, rng, 0), "gb18030", ",", rng, 0))
    with mock.patch.object(COLLECTION.row, "_make", side_effect=AssertionError("made")):
        (batch,) = outcome(lambda: Delimited(path), COLLECTION)
        assert len(batch.accepted) > 40
        with pytest.raises(AssertionError, match="made"):
            _ = batch.accepted[0]


@pytest.mark.parametrize(("encoding", "delimiter"), TEXTS[1:3])
@pytest.mark.parametrize("name", SPECS)
def test_tables_need_no_row(pa: Any, tmp_path: Path, name: str, encoding: str, delimiter: str) -> None:
    """The tables of a check are those of its rows, though no row is made for them."""
    rng, spec = random.Random(f"{name}{encoding}"), SPECS[name]
    path = tmp_path / "f.csv"
    path.write_bytes(text_of(spec, rows_of(spec, 300, rng), encoding, delimiter, rng))
    table = table_of(pa, spec, rows_of(spec, 200, rng), "string_view", rng)
    for source in (lambda: Delimited(path, encoding=encoding), lambda: ArrowTable("t", table)):
        batches, made = outcome(source, spec, batch_size=64), outcome(source, spec, batch_size=64)
        rows = [row for batch in made for row in batch.accepted]
        with mock.patch.object(Lazy, "rows", side_effect=AssertionError("made")):
            found = pa.table(accepted_table(batches, spec))
            records = pa.table(records_table(batches))
        assert list(zip(*(column.to_pylist() for column in found.columns), strict=True)) == [tuple(row) for row in rows]
        assert found.column_names == [*(field.header for field in spec.fields), "line"]
        assert records.equals(pa.table(records_table(made)))
        assert sum(batch.records for batch in batches) == records.num_rows


def test_threads_read_ahead_and_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BLOCK", 4_000)
    rng, path = random.Random(7), tmp_path / "f.csv"
    path.write_bytes(text_of(COLLECTION, rows_of(COLLECTION, 500, rng), "gb18030", ",", rng))
    alone = outcome(lambda: Delimited(path), COLLECTION)
    assert outcome(lambda: Delimited(path), COLLECTION, workers=3) == alone
    assert sum(len(batch.accepted) for batch in alone) > 100


def test_a_source_read_ahead_breaks_off_where_it_would(pa: Any, tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    with pytest.raises(FileNotFoundError):
        outcome(lambda: Delimited(path), COLLECTION, workers=2)
    blocks = ReadAhead(ArrowTable("t", pa.table({"a": ["1"] * 10**5}))).blocks(COLLECTION)
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name == "sbcard-read-ahead"]


def test_the_digest_of_a_table_is_that_of_its_rows(pa: Any) -> None:
    """However the rows are cut into batches, and whatever library's strings they are."""
    rng, digests = random.Random(3), set()
    table = table_of(pa, COLLECTION, rows_of(COLLECTION, 200, rng, 0), "string", rng)
    views = table.cast(pa.schema([(name, pa.string_view()) for name in table.column_names]))
    for rows in (table, table.combine_chunks(), views):
        summary = outcome(partial(ArrowTable, "t", rows), COLLECTION)[-1].summary
        assert summary is not None
        digests.add(summary.sha256)
    assert len(digests) == 1
    other = outcome(lambda: ArrowTable("t", table.slice(1)), COLLECTION)[-1].summary
    assert other is not None
    assert other.sha256 not in digests


def test_a_wrapped_cell_that_holds_delimiters_is_one_cell(tmp_path: Path) -> None:
    """Where a record of several lines stands beside it, its block is screened as text."""
    row = next(rows_of(COLLECTION, 1, random.Random(1), 0))
    wrapped = ",".join(row).replace(row[0] + ",", '"' + row[0] + ",", 1).replace(row[3] + ",", row[3] + '",', 1)
    path = tmp_path / "f.csv"
    head = ",".join(field.header for field in COLLECTION.fields)
    path.write_text(f'{head}\n{wrapped}\n"1\n",{",".join(row[1:])}\n', "utf-8", newline="")
    assert assert_lawful(lambda: Delimited(path, encoding="utf-8"), COLLECTION) == 0
