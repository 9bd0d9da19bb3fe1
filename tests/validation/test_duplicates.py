"""Duplicates against a plain dictionary over whole files."""

import pickle
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.fields import citizen_id
from sbcard_core.validation.blocks import Digest, Records, RowBlock
from sbcard_core.validation.check import check_files
from sbcard_core.validation.context import Context
from sbcard_core.validation.duplicates import Duplicates, Verdict, pack, place_of
from sbcard_core.validation.repair import ALL_LOSSLESS, FORM_AT_ONCE, RepairPolicy
from sbcard_core.validation.rules import RecordRules
from sbcard_core.validation.spec import COLLECTION, RecordSpec, layout_of

HEADER = ",".join(field.header for field in COLLECTION.fields)


def _number(serial: int) -> str:
    body = f"43010219491231{2 * serial:03}"
    return body + citizen_id.check_digit(body)


RECORD = st.tuples(st.integers(0, 4), st.sampled_from(["张三", "李四"]), st.sampled_from(["103", "099"]))
FILES = st.lists(st.lists(RECORD, max_size=8), min_size=1, max_size=3)


def _text(records: list[tuple[int, str, str]]) -> str:
    rows = (
        f"{at},F{at},{_number(serial)},{name},2,01,19491231,13800138000,4,430102,{bank},20140701"
        for at, (serial, name, bank) in enumerate(records)
    )
    return "\n".join([HEADER, *rows])


@given(FILES)
def test_verdicts_equal_those_of_a_dictionary(files: list[list[tuple[int, str, str]]]) -> None:
    names: dict[int, set[str]] = defaultdict(set)
    for records in files:
        for serial, name, _ in records:
            names[serial].add(name)
    taken: set[int] = set()
    expected = []
    for file, records in enumerate(files):
        for line, (serial, name, bank) in enumerate(records, 2):
            if bank != "099" and len(names[serial]) == 1 and serial not in taken:
                taken.add(serial)
                expected.append((f"{file}.csv", line, name))
    with TemporaryDirectory() as folder:
        paths = [Path(folder, f"{at}.csv") for at in range(len(files))]
        for path, records in zip(paths, files, strict=True):
            path.write_text(_text(records), "gb18030")
        got = [
            (batch.file, row.line, row.name)
            for batch in check_files(paths, on=date(2014, 7, 31), batch_size=3)
            for row in batch.accepted
        ]
    assert got == expected


ON = date(2014, 7, 31)
TAIL = ["2", "01", "19491231", "13800138000", "4", "430102", "103", "20140701"]
PERMITS = replace(
    COLLECTION,
    fields=tuple(
        replace(field, rule="pattern", clean="[0-9A-Z]{8,18}") if field.field == "id_number" else field
        for field in COLLECTION.fields
    ),
    crosses=(),
)
"""A layout whose numbers are of any certificate."""


class Rows:
    """A source of rows: (number, name, bank)."""

    def __init__(self, rows: list[tuple[str, str, str]], brings_keys: bool = False) -> None:
        self.name, self._rows, self._brings_keys = "rows", rows, brings_keys

    def blocks(self, spec: RecordSpec, *, digest: Digest | None = None) -> Iterator[Records]:
        layout = layout_of(HEADER.split(","), spec)
        yield RowBlock(0, [HEADER.split(",")], layout)
        cells = [["1", "F1", number, name, *TAIL[:6], bank, TAIL[7]] for number, name, bank in self._rows]
        for start in range(0, len(cells), 3):
            block = RowBlock(1 + start, cells[start : start + 3], layout)
            yield WithKeys(block) if self._brings_keys else block


class WithKeys:
    """A block that knows the keys of its plain numbers already."""

    def __init__(self, block: RowBlock) -> None:
        self._block = block

    def __getattr__(self, name: str) -> object:
        return getattr(self._block, name)

    def number_keys(self, column: int) -> "np.typing.NDArray[np.uint64]":
        cells = [(row or [])[column] for row in self._block.rows]
        keys = [int(cell[:17]) if len(cell) == 18 and cell[:17].isdecimal() and cell.isascii() else 0 for cell in cells]
        return np.array(keys, np.uint64)


def find(
    *files: list[tuple[str, str, str]],
    spec: RecordSpec = COLLECTION,
    brings_keys: bool = False,
    limit: int = 1 << 28,
    repairs: RepairPolicy = FORM_AT_ONCE,
) -> Duplicates:
    rules = [RecordRules(spec, Context.of(ON, repairs)) for _ in files]
    return Duplicates.find([Rows(rows, brings_keys) for rows in files], spec, rules, memory_limit=limit)


FORMS = st.sampled_from(["{}", " {}", "{}　", "４{[1:]}", "{[:6]}-{[6:]}"])
WRITTEN = st.builds(
    lambda serial, form: (
        form.replace("{[1:]}", _number(serial)[1:])
        .replace("{[:6]}-{[6:]}", f"{_number(serial)[:6]}-{_number(serial)[6:]}")
        .replace("{}", _number(serial))
    ),
    st.integers(0, 5),
    FORMS,
)
NUMBERS = st.one_of(
    WRITTEN, st.sampled_from(["", "430102491231001", "KAZ110090123105", "H12345678", _number(1)[:17] + "?"])
)
ROWS = st.lists(st.tuples(NUMBERS, st.sampled_from(["张三", "李四", ""]), st.sampled_from(["103", "099"])), max_size=9)


@given(st.lists(ROWS, min_size=1, max_size=3), st.sampled_from([1, 40, 100]), st.sampled_from([COLLECTION, PERMITS]))
def test_spilling_and_ready_keys_change_no_verdict(
    files: list[list[tuple[str, str, str]]], limit: int, spec: RecordSpec
) -> None:
    plain = find(*files, spec=spec)
    numbers = [*map(_number, range(6)), "H12345678", "KAZ110090123105", "430102491231001"]
    for other in (
        find(*files, spec=spec, limit=limit),
        find(*files, spec=spec, brings_keys=True),
        find(*files, spec=spec, brings_keys=True, limit=limit),
        pickle.loads(pickle.dumps(plain)),
    ):
        assert len(other) == len(plain)
        for number in numbers:
            places = plain.place(number), other.place(number)
            assert plain.verdict(places[0]) is other.verdict(places[1])
            assert plain.stands_in_short(places[0]) == other.stands_in_short(places[1])
            if min(places) >= 0:
                for file in range(len(files)):
                    for line in range(1, 10):
                        record = place_of(file, line)
                        assert plain.is_first(places[0], record) == other.is_first(places[1], record)


@given(st.lists(st.tuples(st.sampled_from(["H12345678", "H12345679", "KAZ110090123105", _number(1)]),
                          st.sampled_from(["张三", "李四"]), st.just("103")), max_size=8))  # fmt: skip
def test_numbers_of_other_certificates_go_by_their_text(rows: list[tuple[str, str, str]]) -> None:
    found = find(rows, spec=PERMITS)
    for number in {number for number, _, _ in rows}:
        names = [name for one, name, _ in rows if one == number]
        expected = Verdict.CONFLICT if len(set(names)) > 1 else Verdict.IDENTICAL if len(names) > 1 else Verdict.SINGLE
        assert found.verdict(found.place(number)) is expected
        checked = RecordRules(PERMITS, Context.of(ON)).check(["1", "F1", number, "张三", *TAIL])
        assert found.of_record(checked, PERMITS.index("id_number")) == found.place(number)
        if expected is Verdict.IDENTICAL:
            first = next(line for line, row in enumerate(rows, 1) if row[0] == number)
            assert [line for line in range(1, 9) if found.is_first(found.place(number), line)] == [first]


def test_a_number_that_is_wrong_has_no_place_of_its_record() -> None:
    wrong = _number(1)[:17] + ("0" if _number(1)[17] != "0" else "1")
    found = find([(_number(1), "张三", "103")] * 2)
    place = found.place(_number(1))
    for number, expected in ((_number(1), place), (wrong, -1), (SHORT, -1), ("", -1)):
        checked = RecordRules(COLLECTION, Context.of(ON)).check(["1", "F1", number, "张三", *TAIL])
        assert found.of_record(checked, COLLECTION.index("id_number")) == expected


def test_other_certificates_are_no_duplicates_where_only_citizen_numbers_count() -> None:
    assert len(find([("H12345678", "张三", "103")] * 3)) == 0


SHORT = "430102491231002"
FULL = citizen_id.upgrade(SHORT)


@pytest.mark.parametrize("name", ["张三", "李四"])
def test_fifteen_digits_beside_eighteen(name: str) -> None:
    rows = [(FULL, "张三", "103"), (SHORT, name, "103")]
    found = find(rows)  # the short one is rejected as such: it is no witness, but the search knows of it
    place = found.place(FULL)
    assert found.verdict(place) is Verdict.SINGLE
    assert found.stands_in_short(place)
    assert not found.stands_in_short(-1)
    assert found.stands_in_full(SHORT, on=ON)
    assert not found.stands_in_full("430102491231003", on=ON)
    found = find(rows, repairs=ALL_LOSSLESS)  # where 15 digits are lengthened at once they count in full
    place = found.place(FULL)
    assert found.verdict(place) is (Verdict.IDENTICAL if name == "张三" else Verdict.CONFLICT)
    assert not found.stands_in_short(place)


def test_a_lone_short_number_has_no_place() -> None:
    assert len(find([(SHORT, "张三", "103"), (SHORT, "张三", "103")])) == 0
    assert len(find([(FULL, "张三", "103")])) == 0


def test_known_numbers_have_places_too() -> None:
    rows = [(_number(1), "张三", "103"), (_number(1), "李四", "103"), ("H1234567", "张三", "103")] * 2
    found = find(rows, spec=PERMITS).with_known(pack("".join(map(_number, (1, 2))).encode()))
    assert [found.is_known(found.place(_number(serial))) for serial in (1, 2, 3)] == [True, True, False]
    verdicts = [found.verdict(found.place(number)) for number in (_number(1), _number(2), "H1234567")]
    assert verdicts == [Verdict.CONFLICT, Verdict.SINGLE, Verdict.IDENTICAL]
    assert found.is_first(found.place("H1234567"), 3)
    assert found.repeated(pack("".join(map(_number, (1, 2, 3))).encode())).tolist() == [True, True, False]
    assert found.repeated(np.zeros(1, np.uint64)).all()  # a text that may repeat: the judge asks by its text
    assert not find(rows[:1]).repeated(np.zeros(1, np.uint64)).any()


def test_a_citizen_number_counts_among_other_certificates_whatever_else_repeats() -> None:
    """Its verdict must not hang on whether the text of some permit repeats in the same check."""
    rules = RecordRules(PERMITS, Context.of(ON))
    checked = rules.check(["1", "F1", _number(1), "张三", *TAIL])
    twice = [(_number(1), "张三", "103"), (_number(1), "李四", "103")]
    for rows in (twice, [*twice, ("H12345678", "张三", "103"), ("H12345678", "李四", "103")]):
        found = find(rows, spec=PERMITS)
        place = found.of_record(checked, PERMITS.index("id_number"))
        assert found.verdict(place) is Verdict.CONFLICT
