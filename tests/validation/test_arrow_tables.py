"""Arrow in and out: by our own reader, and by the libraries people use where they are installed."""

import gc
import importlib
import importlib.util
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core import arrow
from sbcard_core.arrow_text import TextTable
from sbcard_core.fields import citizen_id
from sbcard_core.validation.blocks import SourceRefused
from sbcard_core.validation.check import check_files, check_sources
from sbcard_core.validation.columnar import ArrowTable, Parquet
from sbcard_core.validation.results import accepted_table, findings_table, records_table
from sbcard_core.validation.rules import codes_of
from sbcard_core.validation.spec import COLLECTION

ON = date(2014, 7, 31)
HEADERS = [field.header for field in COLLECTION.fields]


def number(serial: int) -> str:
    body = f"43010219491231{serial:03}"
    return body + citizen_id.check_digit(body)


TAIL = ["张三", "2", "01", "19491231", "13800138000", "4", "430102", "103", "20140701"]
ROWS = [[str(n), f"F{n}", "x" if n == 5 else number(2 * n), *TAIL] for n in range(1, 41)]
DATA = {header: [row[at] for row in ROWS] for at, header in enumerate(HEADERS)}


def ours() -> arrow.Table:
    columns = arrow.record([arrow.text(header, cells) for header, cells in DATA.items()])
    return arrow.Table(arrow.record([arrow.text(header, []) for header in HEADERS]), lambda: iter([columns, columns]))


def read(table: Any) -> list[tuple[str, ...]]:
    found = TextTable(table)
    rows = [row for batch in found.batches(range(len(found.names)), 7) for row in zip(*batch, strict=True)]
    found.close()
    return rows


@given(st.lists(st.tuples(st.text(max_size=20), st.integers(-(2**63), 2**63 - 1)), max_size=30))
def test_what_goes_out_comes_back(rows: list[tuple[str, int]]) -> None:
    column = arrow.record([arrow.text("a", [a for a, _ in rows]), arrow.numbers("b", [b for _, b in rows])])
    assert read(arrow.Table(column, lambda: iter([column]))) == [(a, str(b)) for a, b in rows]


def test_nothing_is_kept_after_a_reader_is_gone() -> None:
    gc.collect()
    before = len(arrow._alive), len(arrow._structs)
    for _ in range(3):
        assert len(read(ours())) == 80
    gc.collect()
    assert (len(arrow._alive), len(arrow._structs)) == before


def test_a_failing_producer_is_a_refused_source() -> None:
    def fail() -> Any:
        raise ValueError("no more")
        yield

    table = arrow.Table(arrow.record([arrow.text(header, []) for header in HEADERS]), fail)
    (batch,) = check_sources([ArrowTable("t", table)], on=ON)
    assert [finding.code for finding in batch.findings] == ["file.damaged"]


def test_floats_are_refused_with_advice() -> None:
    columns = [arrow.text(header, []) for header in HEADERS[1:]]
    like = arrow.record([*columns, arrow.Column(HEADERS[0], "g", 0, (None, b""))])
    table = arrow.Table(like, lambda: iter([arrow.record([*like.children])]))
    full = arrow.record(
        [*(arrow.text(h, ["x"]) for h in HEADERS[1:]), arrow.Column(HEADERS[0], "g", 1, (None, bytes(8)))]
    )
    table = arrow.Table(like, lambda: iter([full]))
    (batch,) = check_sources([ArrowTable("t", table)], on=ON)
    assert [finding.code for finding in batch.findings] == ["file.types"]


def test_findings_and_records_as_arrow() -> None:
    batches = list(check_sources([ArrowTable("t", ours())], on=ON))
    names = findings_table(batches).names
    rows = read_findings(batches)
    assert names[:6] == ["file", "line", "column", "field", "code", "severity"]
    assert [row[4] for row in rows].count("duplicate.identical") == 39
    assert {row[2] for row in rows} == {"3"}
    records = read(records_table(batches))
    assert len(records) == 80
    bit = 1 << codes_of(COLLECTION).index("duplicate.identical")
    assert sum(int(row[3]) == bit for row in records) == 39
    assert sum(row[2] == "0" for row in records) == len(read(accepted_table(batches, COLLECTION))) == 39


def read_findings(batches: list[Any]) -> list[tuple[str, ...]]:
    found = TextTable(findings_table(batches))
    rows = [row for batch in found.batches(range(11), 7) for row in zip(*batch, strict=True)]
    found.close()
    return rows


Real = Callable[[str, bool, str], None]


def part(name: str, real_part: Real) -> Any:
    real_part(name, importlib.util.find_spec(name) is not None, f"pip install {name}")
    return importlib.import_module(name)


def frames(name: str, module: Any, real_part: Real) -> list[Any]:
    if name == "pyarrow":
        table = module.table(DATA)
        coded = module.table({header: module.array(cells).dictionary_encode() for header, cells in DATA.items()})
        large = table.cast(module.schema([(header, module.large_string()) for header in HEADERS]))
        return [table, coded, large, table.to_batches()[0], module.concat_tables([table.slice(0, 7), table.slice(7)])]
    if name == "duckdb":
        frame = part("polars", real_part).DataFrame(DATA)
        return [module.sql("select * from frame")] if frame is not None else []
    return [module.DataFrame(DATA)]


@pytest.mark.parametrize("name", ["pyarrow", "polars", "pandas", "duckdb"])
def test_tables_of_other_libraries(name: str, real_part: Real) -> None:
    module = part(name, real_part)
    for frame in frames(name, module, real_part):
        batches = list(check_sources([ArrowTable("t", frame)], on=ON))
        assert sum(len(batch.accepted) for batch in batches) == 39
        assert [finding.line for batch in batches for finding in batch.findings] == [5]


def test_pyarrow_takes_the_results(real_part: Real) -> None:
    pa = part("pyarrow", real_part)
    batches = list(check_sources([ArrowTable("t", ours())], on=ON))
    for table in (findings_table(batches), records_table(batches), accepted_table(batches, COLLECTION)):
        taken = pa.table(table)
        taken.validate(full=True)
        assert taken.num_rows > 0


def test_parquet(tmp_path: Path, real_part: Real) -> None:
    pa = part("pyarrow", real_part)
    from pyarrow import parquet

    parquet.write_table(pa.table(DATA), tmp_path / "t.parquet", row_group_size=7)
    batches = list(check_files([tmp_path / "t.parquet"], on=ON))
    assert sum(len(batch.accepted) for batch in batches) == 39
    whole = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(whole[: len(whole) // 2])
    (batch,) = check_files([tmp_path / "t.parquet"], on=ON)
    assert [finding.code for finding in batch.findings] == ["file.damaged"]


def test_a_page_that_claims_a_gigabyte_is_not_given_it(pa: Any) -> None:
    damaged = Path(__file__).parents[1] / "fuzz/corpus/parquet/page-claims-a-gigabyte"
    with pytest.raises(SourceRefused, match="Unexpected end of stream") as refusal:
        list(Parquet(damaged).blocks(COLLECTION))
    assert refusal.value.code == "file.damaged"
    assert "Traceback" not in str(refusal.value)
    assert pa.default_memory_pool().max_memory() < 1 << 30
