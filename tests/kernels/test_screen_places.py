"""Arrow places that lead outside of their buffers: every level flags the row, none reads there, none joins it."""

import ctypes as ct
import struct
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core import _kernels
from sbcard_core.fields import citizen_id
from sbcard_core.validation.arrow_cells import describe
from sbcard_core.validation.check import check_sources
from sbcard_core.validation.columnar import ArrowTable
from sbcard_core.validation.results import accepted_table
from sbcard_core.validation.screen import Screen
from sbcard_core.validation.sources import Delimited
from sbcard_core.validation.spec import COLLECTION

LEVELS = _kernels.kernel_levels("screen")
DATA = b"abcdefghijklmnopqrstuvwxyz0123456789" * 4
_RANGES = bytes(32) + b"\xff" * 32
SHORT = struct.pack("=HHHHIIIIQ", 1, 0, 1, 1, 0, 32, 0, 1, 0), b"", _RANGES, False, 1
"""Any cell of up to 32 bytes."""


def looked(described: bytes, rows: int) -> list[int]:
    """The flags, equal at every level."""
    found = []
    for each in LEVELS:
        kernel, level = _kernels.choose("screen", each)
        flags = np.full(rows, 7, np.uint8)
        kernel.columns(SHORT, described, flags, None, level)
        found.append([int(flag != 0) for flag in flags])
    assert all(flags == found[0] for flags in found)
    return found[0]


def joined(described: bytes, rows: int) -> list[bytes]:
    """The cells, equal at every level, as are the ends of the rows."""
    found = []
    for each in LEVELS:
        kernel, level = _kernels.choose("screen", each)
        chosen, ends = np.arange(rows - 1, -1, -1), np.zeros(rows + 1, np.int64)
        backwards = kernel.join(described, rows, chosen, -1, -1, ends, level)
        found.append((bytes(kernel.join(described, rows, None, 0x1F, 0x1E, None, level)), backwards, ends.tolist()))
    assert all(each == found[0] for each in found)
    return found[0][0].split(b"\x1e")


@given(
    st.lists(st.text('a,|"一\x85張', max_size=9), min_size=1, max_size=9).map("\n".join),
    st.sampled_from([b",", b"|"]),
    st.sampled_from(["utf-8", "gb18030"]),
    st.integers(1, 4),
)
def test_cells_of_lines_are_cut_alike(text: str, delimiter: bytes, encoding: str, columns: int) -> None:
    raw, found = text.encode(encoding), []
    starts = np.cumsum([0, *map(len, raw.splitlines(keepends=True))], dtype=np.uint32)
    chosen = np.arange(len(starts) - 1)[::-1].astype(np.int64).copy()
    for each in LEVELS:
        kernel, level = _kernels.choose("screen", each)
        pairs = np.zeros((len(chosen), columns, 2), np.uint32)
        kernel.cut(raw, delimiter, encoding == "gb18030", columns, starts, chosen, pairs, level)
        data = np.frombuffer(raw or b"\0", np.uint8)
        described = describe(2, columns - 1, pairs.ctypes.data, data.ctypes.data, len(raw), parts=columns)
        found.append((pairs.tolist(), kernel.join(described, len(chosen), None, -1, 10, None, level)))
    assert all(each == found[0] for each in found)


@pytest.mark.parametrize("form", ["lines", "table"])
def test_the_twin_serves_a_whole_check(pa: Any, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = [
        "1",
        "F1",
        "430102194912310025",
        "张三",
        "2",
        "01",
        "19491231",
        "13800138000",
        "4",
        "430102",
        "103",
        "20140701",
    ]
    names = [field.header for field in COLLECTION.fields]
    path = tmp_path / "t"
    path.write_text("\n".join([",".join(names), ",".join(row)]), "gb18030")
    found = []
    for level in LEVELS:
        monkeypatch.setenv("SBCARD_CPU", level)
        table = ArrowTable("t", pa.table({name: [cell] for name, cell in zip(names, row, strict=True)}))
        batches = list(check_sources([Delimited(path) if form == "lines" else table], on=date(2014, 7, 31)))
        found.append((pa.table(accepted_table(batches, COLLECTION)).to_pydict(), batches[-1].summary))
    assert all(each == found[0] for each in found)
    assert found[0][0]["姓名"] == ["张三"]


def offsets(places: list[int], width: int) -> tuple[bytes, object]:
    kept = np.array(places, np.int32 if width == 4 else np.int64), ct.create_string_buffer(DATA)
    return describe(width, 0, kept[0].ctypes.data, ct.addressof(kept[1]), len(DATA)), kept


def views(cells: list[tuple[int, int, int]], parts: int = 2) -> tuple[bytes, object]:
    """(length, part, place) of each cell; the parts hold the same bytes."""
    raw = b"".join(struct.pack("=i4sii", length, DATA[:4], part, place) for length, part, place in cells)
    data = ct.create_string_buffer(DATA)
    table = np.array([ct.addressof(data)] * parts, np.uint64)
    sizes = np.array([len(DATA)] * parts, np.int64)
    kept = ct.create_string_buffer(raw), data, table, sizes
    place = ct.addressof(kept[0])
    described = describe(16, 0, place, parts, len(raw), parts=table.ctypes.data, sizes=sizes.ctypes.data)
    return described, kept


@pytest.mark.parametrize("width", [4, 8])
@pytest.mark.parametrize(
    ("places", "flags"),
    [
        ([0, 3, 9, 20], [0, 0, 0]),
        ([0, 9, 3, 20], [0, 1, 0]),
        ([0, 3, 10**6, 20], [0, 1, 1]),
        ([-5, 3, 9, 20], [1, 0, 0]),
        ([0, 3, -9, 20], [0, 1, 1]),
        ([0, 3, 9, len(DATA) - 1], [0, 0, 1]),  # longer than any value, but within
        ([0, 3, 120, len(DATA)], [0, 1, 0]),
        ([0, 3, 9, len(DATA) + 1], [0, 0, 1]),
    ],
)
def test_offsets_outside_of_the_data(width: int, places: list[int], flags: list[int]) -> None:
    described, kept = offsets(places, width)
    assert looked(described, 3) == flags
    inside = [DATA[low:high] if 0 <= low <= high <= len(DATA) else b"" for low, high in pairwise(places)]
    assert joined(described, 3) == inside
    assert kept


@pytest.mark.parametrize(
    ("view", "flag"),
    [
        ((20, 1, 5), 0),
        ((20, 0, len(DATA) - 20), 0),
        ((20, 2, 5), 1),
        ((20, 10**6, 5), 1),
        ((20, -1, 5), 1),
        ((20, 0, -5), 1),
        ((20, 0, len(DATA) - 19), 1),
        ((2**31 - 1, 0, 2**31 - 1), 1),
        ((-1, 0, 0), 1),
    ],
)
def test_views_outside_of_their_parts(view: tuple[int, int, int], flag: int) -> None:
    described, kept = views([(13, 0, 0), view, (30, 1, 1)])
    assert looked(described, 3) == [0, flag, 0]
    length, _, place = view
    assert joined(described, 3) == [DATA[:13], b"" if flag else DATA[place : place + length], DATA[1:31]]
    assert kept


INT = st.sampled_from([-(2**31), -1, 0, 1, 5, 12, 13, 20, 100, 2**31 - 1]) | st.integers(-(2**31), 2**31 - 1)


@given(st.lists(st.tuples(INT, INT, INT), min_size=1, max_size=200))
def test_any_views_at_all(cells: list[tuple[int, int, int]]) -> None:
    described, kept = views(cells)
    assert len(looked(described, len(cells))) == len(cells)
    assert kept


@given(st.lists(INT, min_size=2, max_size=300), st.sampled_from([4, 8]))
def test_any_offsets_at_all(places: list[int], width: int) -> None:
    described, kept = offsets(places, width)
    assert len(looked(described, len(places) - 1)) == len(places) - 1
    assert kept


@pytest.mark.parametrize("level", LEVELS)
def test_a_range_upside_down_is_refused(level: str) -> None:
    kernel, found = _kernels.choose("screen", level)
    check = struct.pack("=HHHHIIIIQ", 1, 0, 0, 1, 1, 1, 0, 1, 0)
    flags = np.zeros(1, np.uint8)
    described, kept = offsets([0, 1], 4)
    for low, high in ((b"b", b"a"), (b"a", b"a")):
        program = check, b"", low.ljust(32, b"\0") + high.ljust(32, b"\0"), False, 1
        if low > high:
            with pytest.raises(ValueError, match="outside"):
                kernel.columns(program, described, flags, None, found)
        else:
            kernel.columns(program, described, flags, None, found)
    assert flags.tolist() == [0]
    assert kept


@pytest.mark.parametrize("name", ["string", "string_view"])
def test_the_check_refuses_such_a_record(pa: Any, name: str) -> None:
    """No exception, no other record touched, and the judge alone says the same."""
    number = "43010219491231002" + citizen_id.check_digit("43010219491231002")
    row = ["1", "F1", number, "张三", "2", "01", "19491231", "13800138000", "4", "430102", "103", "20140701"]
    names = [field.header for field in COLLECTION.fields]
    kind = getattr(pa, name)()
    columns = {name: pa.array([cell] * 3, pa.string()) for name, cell in zip(names, row, strict=True)}
    if name == "string":
        buffers = [None, pa.py_buffer(np.array([0, 18, 9, 18], np.int32)), pa.py_buffer(number.encode())]
    else:
        view = [struct.pack("=i4sii", 18, number[:4].encode(), 0, place) for place in (0, 1, 0)]
        buffers = [None, pa.py_buffer(b"".join(view)), pa.py_buffer(number.encode())]
    columns["社会保障号码"] = pa.Array.from_buffers(kind, 3, buffers)
    table = pa.table(columns)

    def outcome() -> list[object]:
        (batch,) = check_sources([ArrowTable("t", table)], on=date(2014, 7, 31))
        return [batch.records, batch.rejected, [(one.line, one.code) for one in batch.findings]]

    looked_through = outcome()
    with mock.patch.object(Screen, "look", Screen.pass_none):
        assert outcome() == looked_through
    assert looked_through[0] == 3
    assert (2, "id_number.characters") in looked_through[2]  # type: ignore[operator]


@given(
    st.integers(500, 1_300),
    st.integers(0, 4),
    st.lists(st.tuples(st.integers(0, 1_300), INT | st.integers(-9, 9)), max_size=3),
    st.sampled_from([4, 8]),
)
def test_long_columns_of_one_width_with_a_few_odd_places(
    rows: int, width: int, odd: list[tuple[int, int]], size: int
) -> None:
    places = [at * width for at in range(rows + 1)]
    for at, place in odd:
        places[at % len(places)] = place if abs(place) > 9 else places[at % len(places)] + place
    data = ct.create_string_buffer((DATA * (rows * width // len(DATA) + 1))[: rows * width], rows * width + 1)
    kept = np.array(places, np.int32 if size == 4 else np.int64)
    described = describe(size, 0, kept.ctypes.data, ct.addressof(data), rows * width)
    flags = looked(described, rows)
    for flag, (low, high) in zip(flags, pairwise(places), strict=True):
        assert flag == (not 0 <= low <= high <= rows * width or high - low > 32)
