"""Arrow columns of one width, looked at as strips: every level gives the flags and keys of the readable twin."""

import importlib.util
import struct
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core import _kernels
from sbcard_core.fields import citizen_id
from sbcard_core.validation.blocks import Code
from sbcard_core.validation.column_block import ColumnBlock
from sbcard_core.validation.columnar import ArrowTable
from sbcard_core.validation.context import Context
from sbcard_core.validation.program import compile_program
from sbcard_core.validation.rules import RecordRules
from sbcard_core.validation.spec import COLLECTION, layout_of

pa: Any = importlib.import_module("pyarrow") if importlib.util.find_spec("pyarrow") else None
LEVELS = _kernels.kernel_levels("screen")
ON = date(2014, 7, 31)
HEADERS = [field.header for field in COLLECTION.fields]
FIELDS = [field.field for field in COLLECTION.fields]
KINDS = ["string", "large_string", "string_view"]
CHECK, CLAUSE = struct.Struct("=HHHHIIIIQ"), struct.Struct("=HHHHII16s")
SIZES = [0, 1, 2, 31, 32, 33, 127, 129, 255, 256, 257, 290]
"""Rows: strips are of 256, tiles of 128."""


@pytest.fixture(scope="module", autouse=True)
def needs_arrow(request: pytest.FixtureRequest) -> None:
    """Every test here looks at Arrow columns."""
    request.getfixturevalue("pa")


def collection() -> Code:
    layout = layout_of(HEADERS, COLLECTION, ",")
    assert layout is not None
    rules = RecordRules(COLLECTION, Context.of(ON).sent_by("430100"))
    made = compile_program(COLLECTION, rules, layout, "utf-8", lines=False)
    assert made is not None
    return made.code


CODE = collection()


def number(region: str, day: str, serial: int) -> str:
    body = f"{region}{day}{serial:03}"
    return body + citizen_id.check_digit(body)


def looked(code: Code, columns: Sequence[Any], *, keyed: bool = True) -> tuple[list[int], list[int]]:
    """Flags and keys, equal at every level."""
    table = pa.table(list(columns), [str(at) for at in range(len(columns))])
    found = []
    for each in LEVELS:
        kernel, level = _kernels.choose("screen", each)
        flags, keys = np.full(len(table), 7, np.uint8), np.zeros(len(table), np.uint64)
        done = 0
        for block in ArrowTable("t", table).blocks(COLLECTION):
            if isinstance(block, ColumnBlock):
                part = slice(done, done + len(block))
                kernel.columns(code, block.table.described, flags[part], keys[part] if keyed else None, level)
                done += len(block)
        assert done == len(table)
        found.append((flags.tolist(), keys.tolist()))
    assert all(each == found[-1] for each in found)
    return found[-1]


def people(count: int) -> list[list[str]]:
    rows = []
    for at in range(count):
        day = f"19{at % 90 + 10}1231"
        own = {
            "id_number": number("430102", day, at % 1000), "name": ["张三", "买买提·阿不都", "李"][at * 7 % 3],
            "sex": "12"[at % 1000 % 2 == 0], "ethnicity": "01", "birth": day, "phone": f"138{at:08}",
            "category": "4", "county": ["430102", "430104"][at % 2], "bank": "103",
        }  # fmt: skip
        rows.append([own.get(field, ["20140701", f"{at:05}"][field in ("seq", "form_no")]) for field in FIELDS])
    return rows


ROWS = people(300)
ODD = ["", "1", "9", "00", "X", "张", "·", "张·", "·张", "张·三·李", "A1", "龦", "龥", "龴", "𠮷", "é", "\0", "1" * 33]
ODD += ["19000229", "20140801", "20140731", "430199", "099", "430102194912310025", "43010219491231002x"]
ODD += [number("430122", "20130101", 21), number("999999", "19900101", 21), "张" * 10, "张" * 11, "张" * 13, "ÿ" * 9]


def arrays(rows: Sequence[Sequence[str | None]], kind: str, *, cut: int, more: int) -> list[Any]:
    """Columns of the rows; with ``cut`` and ``more`` rows before and behind them that are sliced off."""
    around = [*ROWS[:cut], *rows, *ROWS[:more]]
    return [
        pa.array([row[at] for row in around], pa.string()).cast(getattr(pa, kind)()).slice(cut, len(rows))
        for at in range(len(FIELDS))
    ]


def test_clean_rows_pass_and_give_their_keys() -> None:
    flags, keys = looked(CODE, arrays(ROWS, "string", cut=3, more=40))
    assert flags == [0] * len(ROWS)
    assert keys == [int(row[FIELDS.index("id_number")][:17]) for row in ROWS]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("odd", ["", "张3", "1" * 33, "@"])
def test_one_odd_cell_among_equal_ones(field: str, odd: str) -> None:
    rows = [[*row] for row in ROWS]
    for at in (0, 31, 255, 256):
        rows[at][FIELDS.index(field)] = odd
    flags, _ = looked(CODE, arrays(rows, "string", cut=0, more=40))
    assert [at for at, flag in enumerate(flags) if flag] == [0, 31, 255, 256]


@given(
    st.sampled_from(SIZES),
    st.lists(st.tuples(st.integers(0, 299), st.integers(0, len(FIELDS) - 1), st.sampled_from([*ODD, None]))),
    st.sampled_from(KINDS),
    st.integers(0, 9),
    st.sampled_from([0, 1, 2, 40]),
    st.booleans(),
)
def test_levels_agree_on_changed_columns(
    count: int, changes: list[tuple[int, int, str | None]], kind: str, cut: int, more: int, keyed: bool
) -> None:
    rows: list[list[str | None]] = [[*row] for row in ROWS[:count]]
    for at, field, value in changes:
        if count:
            rows[at % count][field] = value
    looked(CODE, arrays(rows, kind, cut=cut, more=more), keyed=keyed)


def beginning(units: Any, mark: int, never: Sequence[int]) -> tuple[int, bytes]:
    """The sign between parts with the place of the first units, and the tables: the first unit is not in ``never``."""
    if not never:
        return mark, np.packbits(units, bitorder="little").tobytes()
    first = units.copy()
    first[list(never)] = False
    both = np.packbits(np.concatenate([units, first]), bitorder="little")
    return mark | 8_192 + 1 << 32, both.tobytes()


@given(
    st.integers(1, 4),
    st.lists(st.sampled_from(["张", "三", "·", "A", "é", "龥", "\u4dff", "豈", "𠮷"]), max_size=12),
       st.integers(0, 3), st.integers(1, 9), st.sampled_from([0, 0xB7, 0x41, 0x5F20]), st.integers(0, 3),
       st.integers(1, 2), st.data())  # fmt: skip
def test_levels_agree_on_texts(
    blocks: int, characters: list[str], low: int, more: int, mark: int, parts: int, step: int, data: st.DataObject
) -> None:
    """Classes of whole blocks of characters and of single ones; texts from the edges of the class."""
    units = np.zeros(65_536, np.bool_)
    for _ in range(blocks):
        start = data.draw(st.sampled_from([1, 64, 128, 0x800, 0x4DC0, 0x4E00, 0x4DC1, 0x9F80, 0xF000]))
        units[start : start + data.draw(st.sampled_from([1, 63, 64, 200, 20_992, 20_992]))] = True
    units[[ord(each) for each in characters if ord(each) < 65_536]] = True
    alt, bits = beginning(units, mark, data.draw(st.lists(st.sampled_from([0xB7, 0x41, 0x5F20, 0x4E09, 0x9FA5]))))
    code = CHECK.pack(4, 0, 1, step, low, low + more, 0, parts, alt), b"", bits, False, 1
    edges = [chr(at) for at in (1, 65, 127, 128, 0xB7, 0x7FF, 0x800, 0x4DFF, 0x4E00, 0x5F20, 0x9FA5, 0x9FC0, 0xFFFD)]
    pieces = data.draw(st.sampled_from([["张", "三", "A"], [*edges, *characters]]))
    cells = data.draw(st.lists(st.lists(st.sampled_from(pieces), max_size=12).map("".join), max_size=40))
    looked(code, [pa.array([*cells, *["张"] * 300], pa.string()).slice(0, len(cells) + 40)])


@given(st.data())
def test_levels_agree_on_rules_over_strips(data: st.DataObject) -> None:
    """Any conjunctions over columns of one width, one of them with an odd row."""
    words = ["1", "2", "19491231", "19900101", "4301", "430102", number("430102", "19491231", 21), ""]
    columns = []
    for _ in range(3):
        cells = data.draw(st.lists(st.sampled_from([word for word in words if word]), min_size=1, max_size=3))
        same = [each for each in cells if len(each) == len(cells[0])] * 20
        cells = [*same, data.draw(st.sampled_from(words))] if data.draw(st.booleans()) else [*same, same[0]]
        columns.append((cells * 100)[:100])
    rows = min(map(len, columns))
    packed = b""
    for at in range(count := data.draw(st.integers(1, 3))):
        word = data.draw(st.sampled_from(words))[:8].encode()
        start = data.draw(st.sampled_from([0, 6, 8, 16]))
        size = data.draw(st.sampled_from([len(word), 8])) if start != 6 else len(word)
        kind = data.draw(st.integers(1, 11))
        size, start = (min(size, len(word)), max(start, len(word))) if kind == 7 else (size, start)
        last = at == count - 1 or data.draw(st.booleans())
        packed += CLAUSE.pack(kind, last, *(data.draw(st.integers(0, 3)) for _ in range(2)), start, size, word)
    looked((b"", packed, b"", False, 3), [pa.array(column[:rows], pa.string()).slice(0, 60) for column in columns])
    number_too = CHECK.pack(5, 0, 2, 1, 0, citizen_id.day_key(ON), 0, 1_000_000, 0)
    tables = b"\x96" * 1_000_000 + b"\xff" * 125_000
    looked((number_too, packed, tables, False, 3), [pa.array(column, pa.string()).slice(0, 60) for column in columns])


@pytest.mark.parametrize(("cell", "start", "flag"), [("1", 0, 0), ("1", 1, 0), ("1", 2, 1), ("", 0, 0), ("", 1, 1)])
def test_a_part_that_a_cell_does_not_have_is_not_another_cell(cell: str, start: int, flag: int) -> None:
    """Even a part without length."""
    clause = CLAUSE.pack(10, 1, 0, 1, start, 0, b"")
    flags, _ = looked((b"", clause, b"", False, 2), [pa.array([cell] * 60), pa.array([""] * 60)])
    assert flags == [flag] * 60


def test_a_long_program_goes_by_rows() -> None:
    checks = CODE[0] * 7
    assert len(checks) // CHECK.size > 64
    assert looked((checks, *CODE[1:]), arrays(ROWS, "string", cut=0, more=40))[0] == [0] * len(ROWS)


GB_PIECES = [b"\xb0\xa1", b"\xd6\xfe", b"\xd7\xfa", b"\xd8\xa1", b"\xf7\xfe", b"\xb0\x40", b"\xb0\xff", b"\xa1\xa4"]
GB_PIECES += [b"\xa1", b"\xb0", b"A", b"\x80", b"\xff\xa1", b"\x81\x30\x81\x30"]


@given(
    st.lists(
        st.sampled_from([GB_PIECES, GB_PIECES[:2]]).flatmap(lambda of: st.lists(st.sampled_from(of), max_size=18)),
        min_size=1, max_size=40,
    ).map(lambda cells: list(map(b"".join, cells))),
    st.lists(st.tuples(st.integers(0xA0, 0xB1), st.integers(0, 70), st.sampled_from([0x40, 0xA1])), max_size=3),
    st.tuples(st.integers(0, 3), st.integers(1, 9), st.sampled_from([0, 0xA1A4, 0x41, 0xB0A1]), st.integers(0, 3)),
    st.integers(1, 2),
    st.lists(st.sampled_from([0xB0A1, 0xD6FE, 0xA1A4, 0x41])),
)  # fmt: skip
def test_levels_agree_on_texts_of_two_bytes(
    cells: list[bytes], leads: list[tuple[int, int, int]], limits: tuple[int, int, int, int], step: int,
    never: list[int],
) -> None:  # fmt: skip
    """Lines of GB 18030 against classes of whole and of half lead bytes."""
    low, more, mark, parts = limits
    units = np.zeros((256, 256), np.bool_)
    for first, count, trail in leads:
        units[first : min(first + count, 0xFF), trail:0xFF] = True
    units[0xD7, 0xFA:0xFF] = False
    alt, bits = beginning(units.reshape(-1), mark, never)
    code = CHECK.pack(4, 0, 1, step, low, low + more, 0, parts, alt), b"", bits, True, 1
    raw, found = b"\n".join([*cells, b"\xb0\xa1" * 20]), []
    for each in LEVELS:
        kernel, level = _kernels.choose("screen", each)
        count = kernel.count(raw, level)
        starts, flags = np.empty(count + 1, np.uint32), np.zeros(count, np.uint8)
        kernel.lines(code, raw, b",", b"", starts, flags, None, level)
        found.append(flags.tolist())
    assert all(each == found[-1] for each in found)
