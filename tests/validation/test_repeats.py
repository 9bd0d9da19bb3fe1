"""Repeated numbers in columns, sets and searches: what a dictionary says, whatever the shape and the memory limit."""

import importlib
import importlib.util
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core import arrow
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import citizen_id
from sbcard_core.validation import known, number_column, repeats
from sbcard_core.validation.duplicates import is_first, repeated
from sbcard_core.validation.number_column import NONE
from sbcard_core.validation.repeats import KeySet, RepeatSearch, SpillFailed

ROOT = Path(__file__).resolve().parents[2]
KEYS = st.lists(st.one_of(st.integers(0, 30), st.integers(0, 2**64 - 1)), max_size=400)


def number(serial: int) -> str:
    body = f"43010219491231{serial:03}"
    return body + citizen_id.check_digit(body)


VALUES = st.one_of(
    st.integers(0, 12).map(number),
    st.integers(0, 12).map(lambda serial: number(serial)[:17] + "X"),
    st.sampled_from(
        ["", "H12345678", "430102491231001", "KAZ110090123105", "43010219491231002x", "４３０１０２１９４９"]
    ),
    st.text(max_size=20).filter(lambda text: text.isprintable()),
)


class Column:
    """An Arrow array of text by our own hand."""

    def __init__(self, values: list[str]) -> None:
        self.column = arrow.text("", values)

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[Any, Any]:
        return arrow.schema_capsule(self.column), arrow.array_capsule(self.column)


def first_of(values: list[Any]) -> list[int]:
    seen: set[Any] = set()
    return [int(value not in seen and not seen.add(value)) for value in values]  # type: ignore[func-returns-value]


def repeated_of(values: list[Any]) -> list[int]:
    counts = Counter(values)
    return [int(counts[value] > 1) for value in values]


@given(st.lists(VALUES, max_size=60), st.integers(1, 7))
def test_any_values_in_any_shape(values: list[str], piece: int) -> None:
    with mock.patch.object(number_column, "PIECE", piece):
        for shape in (values, Column(values), iter(values)):
            assert is_first(shape).tolist() == first_of(values)
        assert repeated(Column(values)).tolist() == repeated_of(values)
        rows = [value.encode() for value in values if len(value.encode()) == 18]
        for buffer in (b"".join(rows), np.array(rows, "S18"), bytearray(b"".join(rows))):
            assert is_first(buffer).tolist() == first_of(rows)
            assert repeated(buffer).tolist() == repeated_of(rows)


def test_texts_with_one_digest_are_told_apart() -> None:
    """The filter may err; the bytes decide."""
    values = ["H1", "H2", "H1", "H3"]
    with mock.patch.object(repeats, "hash", create=True, return_value=7):
        assert is_first(values).tolist() == [1, 1, 0, 1]
        assert repeated(values).tolist() == [1, 0, 1, 0]


def in_form(pa: Any, kind: str, values: list[str | None]) -> Any:
    if kind == "fixed":
        return pa.array([value.encode() for value in values if value], pa.binary(18))
    flat = pa.array(values, pa.string())
    if kind == "chunked":
        return pa.chunked_array([flat[:100], flat[100:103], flat[103:]])
    return flat.dictionary_encode() if kind == "dictionary" else flat.cast(getattr(pa, kind)())


@pytest.mark.parametrize("kind", ["string", "large_string", "string_view", "binary", "dictionary", "fixed", "chunked"])
def test_columns_of_pyarrow(kind: str, real_part: Callable[[str, bool, str], None]) -> None:
    real_part("pyarrow", importlib.util.find_spec("pyarrow") is not None, "pip install pyarrow")
    pa: Any = importlib.import_module("pyarrow")
    numbers = [number(serial % 50) for serial in range(300)]
    mixed = [None if at % 17 == 3 else "H1234567890123" if at % 11 == 5 else one for at, one in enumerate(numbers)]
    for values in (numbers, mixed):
        if kind == "fixed" and values is mixed:
            continue
        column = in_form(pa, kind, values)
        plain = [value or "" for value in values]
        assert is_first(column).tolist() == first_of(plain)
        assert repeated(column[7:]).tolist() == repeated_of(plain[7:])
        assert list(known.mark(column, [number(3), "H1234567890123"])) == [
            int(value in (number(3), "H1234567890123")) for value in plain
        ]
        assert list(known.mark([number(3), number(60), ""], column)) == [1, 0, 0]
        if kind == "string":
            assert is_first(pa.table({"n": column[5:]})).tolist() == first_of(plain[5:])


def test_columns_of_polars(real_part: Callable[[str, bool, str], None]) -> None:
    real_part("polars", importlib.util.find_spec("polars") is not None, "pip install polars")
    pl: Any = importlib.import_module("polars")
    values = [number(serial % 50) for serial in range(300)]
    for column in (pl.Series(values), pl.Series([*values, "H1", None, "H1", None])):
        assert is_first(column).tolist() == column.is_first_distinct().cast(pl.Int8).to_list()
        assert repeated(column[9:]).tolist() == column[9:].is_duplicated().cast(pl.Int8).to_list()


@pytest.mark.parametrize("bad", [b"1" * 19, "1" * 18, np.zeros((4, 18), np.uint8)[::2], 7, np.zeros(4, "S18")[::2]])
def test_wrong_columns_are_refused(bad: object) -> None:
    with pytest.raises(InvalidValue):
        is_first(bad)


def test_a_table_of_two_columns_is_refused(real_part: Callable[[str, bool, str], None]) -> None:
    table = arrow.Table(
        arrow.record([arrow.text("a", []), arrow.text("b", [])]),
        lambda: iter([arrow.record([arrow.text("a", ["1"]), arrow.text("b", ["1"])])]),
    )
    with pytest.raises(InvalidValue, match="several columns"):
        is_first(table)


@given(st.lists(KEYS, max_size=4), KEYS)
def test_a_set_of_keys(adds: list[list[int]], wanted: list[int]) -> None:
    table, seen = KeySet(), {int(NONE)}
    for keys in adds:
        marks = table.add(np.array(keys, np.uint64)).tolist()
        for key, mark in zip(keys, marks, strict=True):
            assert mark == (key not in seen)
            seen.add(key)
    assert len(table) == len(seen) - 1
    found = table.find(np.array(wanted, np.uint64)) >= 0
    assert found.tolist() == [key in seen and key != int(NONE) for key in wanted]


@given(st.lists(KEYS, max_size=6), st.sampled_from([1, 20, 60, 500, 5_000, 1 << 20]))
def test_the_limit_changes_nothing_but_the_disk(adds: list[list[int]], limit: int) -> None:
    everything = Counter(key for keys in adds for key in keys if key != int(NONE))
    with RepeatSearch(memory_limit=limit) as search:
        for keys in adds:
            search.add(np.array(keys, np.uint64))
        room = max(1, limit // 20)
        assert (search.spilled > 0) == (everything.total() > room)
        found = search.repeated().tolist()
        assert sorted(found) == sorted(key for key, count in everything.items() if count > 1)
        assert search.repeated().tolist() == []


def test_one_key_a_hundred_thousand_times_fills_one_part() -> None:
    with RepeatSearch(memory_limit=20_000) as search:
        for _ in range(100):
            search.add(np.full(1000, 7, np.uint64))
        assert search.repeated().tolist() == [7]


FULL = """
import os, resource, sys
from pathlib import Path
import numpy as np
from sbcard_core.validation.repeats import RepeatSearch, SpillFailed
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # the system refuses to write more than this
with RepeatSearch(memory_limit=1_000, spill_dir=Path(sys.argv[1])) as search:
    try:
        search.add(np.arange(1, 10_000, dtype=np.uint64))
    except SpillFailed as error:
        assert isinstance(error.__cause__, OSError)
        print(error)
print(os.listdir(sys.argv[1]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes to fail on")
def test_a_full_disk_is_told_and_left_clean(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, env=env, check=False
    )
    assert done.returncode == 0, done.stderr
    told, left = done.stdout.splitlines()
    assert "查重临时文件" in told
    assert str(tmp_path) in told
    assert left == "[]"


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    search = RepeatSearch(memory_limit=1, spill_dir=tmp_path / "absent")
    with pytest.raises(SpillFailed, match="spill_dir"):
        search.add(np.arange(5, dtype=np.uint64))


def test_a_file_that_was_cut_is_told(tmp_path: Path) -> None:
    with RepeatSearch(memory_limit=1_000, spill_dir=tmp_path) as search:
        search.add(np.arange(1, 1_000, dtype=np.uint64))
        search._spill()
        search._file.truncate(8)
        with pytest.raises(SpillFailed):
            search.repeated()
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with RepeatSearch(memory_limit=1_000, spill_dir=tmp_path) as search:
        search.add(np.arange(1, 1_000, dtype=np.uint64))
        assert search.spilled > 0
        if sys.platform != "win32":
            assert list(tmp_path.iterdir()) == []  # it has no name even now
    assert list(tmp_path.iterdir()) == []


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(InvalidValue):
        RepeatSearch(memory_limit=0)


MEMORY = """
import re, sys
from pathlib import Path
import numpy as np
from sbcard_core.validation.repeats import RepeatSearch
count, limit = int(sys.argv[1]), int(sys.argv[2])
with RepeatSearch(memory_limit=limit << 20) as search:
    for start in range(0, count, 50_000):
        serials = np.arange(start, start + 50_000, dtype=np.uint64)
        serials[:500] = serials[:500] // 3  # numbers of before
        search.add(serials * np.uint64(7_000_003) + np.uint64(1))
    found = len(search.repeated()) > 0
    peak = re.search(r"VmHWM:\\s*([0-9]+) kB", Path("/proc/self/status").read_text())
    print(found, search.spilled, int(peak[1]) >> 10)
"""


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak as Linux counts it")
def test_twenty_million_fit_into_half_a_gigabyte() -> None:
    for limit in (64, 256):
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, "20000000", str(limit)], capture_output=True, text=True, check=True, cwd=ROOT
        )
        any_found, spilled, peak = done.stdout.split()
        assert any_found == "True"
        assert int(spilled) > 0
        assert int(peak) < 140 + limit
