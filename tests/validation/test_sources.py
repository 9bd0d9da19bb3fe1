"""Laws over every kind of source: records are conserved, and one record is judged alike wherever it stands."""

import csv
import io
import struct
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest
import xlsxwriter
from dbfread import DBF
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core import arrow
from sbcard_core.fields import citizen_id, encodings
from sbcard_core.validation import sources
from sbcard_core.validation.blocks import Source
from sbcard_core.validation.check import check_files, check_sources
from sbcard_core.validation.columnar import ArrowTable
from sbcard_core.validation.fixed import Dbf, FixedWidth
from sbcard_core.validation.measuring import measure
from sbcard_core.validation.records import CheckedBatch
from sbcard_core.validation.sources import Delimited
from sbcard_core.validation.spec import COLLECTION, RecordSpec
from sbcard_core.validation.workbook import Workbook, cell_text

ON = date(2014, 7, 31)
HEADERS = [field.header for field in COLLECTION.fields]
SHORT = {field.header: field.header.encode("gb18030")[:10].decode("gb18030") for field in COLLECTION.fields}
WIDTHS = [6, 10, 36, 50, 4, 4, 12, 16, 4, 12, 4, 12]


def number(serial: int) -> str:
    body = f"43010219491231{serial:03}"
    return body + citizen_id.check_digit(body)


CELLS = (
    ["1", "一"],
    ["F001", "F 1", ""],
    [number(2), number(4), number(21), number(21).lower(), "430102491231002", "x", ""],
    ["张三", "李珅", "买买提．阿不都", "张3", "㐂", "=1+1", ""],
    ["2", "1", "9"],
    ["01", "77", "1"],
    ["19491231", "19491230", "1949"],
    ["13800138000", "0731-84900001", "1"],
    ["4", "６", "0"],
    ["430102", "430122"],
    ["103", "099"],
    ["20140701", "20140801"],
)


@st.composite
def _row(draw: st.DrawFn) -> tuple[str, ...]:
    faults = draw(st.sets(st.integers(0, len(CELLS) - 1), max_size=3))
    return tuple(draw(st.sampled_from(c if at in faults or at == 2 else c[:1])) for at, c in enumerate(CELLS))


ROWS = st.lists(st.one_of(_row(), _row(), _row(), st.just(("",) * 12)), max_size=12)
Rows = list[tuple[str, ...]]


FILL = b" "
"""What fills cells up."""


def _padded(rows: Rows) -> list[bytes]:
    return [b"".join(c.encode("gb18030").ljust(w, FILL) for c, w in zip(cells, WIDTHS, strict=True)) for cells in rows]


def as_delimited(rows: Rows, folder: Path, delimiter: str, encoding: str) -> Source:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows([HEADERS, *(cells if any(cells) else [] for cells in rows)])
    (folder / "file").write_bytes(out.getvalue().encode(encoding))
    return Delimited(folder / "file")


def as_fixed(rows: Rows, folder: Path) -> Source:
    (folder / "file").write_bytes(b"\n".join(_padded(rows)))
    return FixedWidth(folder / "file", tuple(zip(HEADERS, WIDTHS, strict=True)))


def as_dbf(rows: Rows, folder: Path) -> Source:
    fields = b"".join(
        struct.pack("<11sc4xBB14x", SHORT[header].encode("gb18030"), b"C", width, 0)
        for header, width in zip(HEADERS, WIDTHS, strict=True)
    )
    head = struct.pack("<B3sIHH20x", 3, b"\x72\x07\x1f", len(rows), 33 + len(fields), sum(WIDTHS) + 1)
    body = b"".join(b" " + raw for raw in _padded(rows))
    (folder / "file.dbf").write_bytes(head + fields + b"\r" + body + b"\x1a")
    return Dbf(folder / "file.dbf")


def as_workbook(rows: Rows, folder: Path) -> Source:
    with xlsxwriter.Workbook(folder / "file.xlsx") as made:
        sheet = made.add_worksheet()
        for at, cells in enumerate([tuple(HEADERS), *rows]):
            for column, cell in enumerate(cells):
                sheet.write_string(at, column, cell)
    return Workbook(folder / "file.xlsx")


def table_of(rows: Rows) -> arrow.Table:
    columns = [arrow.text(header, [cells[at] for cells in rows]) for at, header in enumerate(HEADERS)]
    return arrow.Table(
        arrow.record([arrow.text(header, []) for header in HEADERS]), lambda: iter([arrow.record(columns)])
    )


def as_arrow(rows: Rows, folder: Path) -> Source:
    return ArrowTable("table", table_of(rows))


SHAPES: dict[str, Callable[[Rows, Path], Source]] = {
    "gb18030": lambda rows, folder: as_delimited(rows, folder, ",", "gb18030"),
    "utf-8": lambda rows, folder: as_delimited(rows, folder, ",", "utf-8"),
    "marked": lambda rows, folder: as_delimited(rows, folder, ";", "utf-8-sig"),
    "tabs": lambda rows, folder: as_delimited(rows, folder, "\t", "gb18030"),
    "fixed": as_fixed,
    "dbf": as_dbf,
    "arrow": as_arrow,
    "workbook": as_workbook,
}


def _with_short_names(spec: RecordSpec) -> RecordSpec:
    fields = tuple(
        type(field)(
            **{name: getattr(field, name) for name in type(field).__slots__} | {"aliases": (SHORT[field.header],)}
        )
        for field in spec.fields
    )
    return RecordSpec(spec.name, fields, spec.row, spec.crosses)


SPEC = _with_short_names(COLLECTION)


def judged(rows: Rows, shape: str) -> list[CheckedBatch]:
    with tempfile.TemporaryDirectory() as folder:
        return list(check_sources([SHAPES[shape](rows, Path(folder))], SPEC, on=ON, batch_size=5))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_record_is_conserved_and_judged_alike(shape: str) -> None:
    @settings(max_examples=10 if shape == "workbook" else 30, deadline=None)
    @given(ROWS)
    def law(rows: Rows) -> None:
        batches = judged(rows, shape)
        summary = batches[-1].summary
        assert summary is not None
        assert summary.records == summary.accepted + summary.rejected + summary.quarantined
        assert summary.records == sum(any(cells) for cells in rows)
        assert summary.quarantined == 0
        alike = judged(rows, "gb18030")
        assert [row[:-1] for b in batches for row in b.accepted] == [row[:-1] for b in alike for row in b.accepted]
        assert [f.code for b in batches for f in b.findings] == [f.code for b in alike for f in b.findings]

    law()


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=60).filter(lambda raw: b"\n" not in raw and b"\r" not in raw), max_size=6))
def test_fixed_lines_of_any_bytes_are_conserved(lines: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file")
        path.write_bytes(b"\n".join(lines))
        widths = tuple((header, 4) for header in HEADERS)
        batches = list(check_sources([FixedWidth(path, widths)], on=ON))
    summary = batches[-1].summary
    assert summary is not None
    assert summary.records == sum(bool(line.strip(b" \x1a\t")) for line in lines if _holds(line))


def _holds(line: bytes) -> bool:
    """A full line of blanks of any width is no record either."""
    if len(line) != 48:
        return True
    try:
        return any(line[at : at + 4].decode("gb18030").strip(" \u3000") for at in range(0, 48, 4))
    except UnicodeDecodeError:
        return True


@settings(max_examples=50)
@given(st.lists(_row(), min_size=1, max_size=6))
def test_dbf_cells_are_those_of_dbfread(rows: Rows) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = as_dbf(rows, Path(folder))
        theirs = [list(record.values()) for record in DBF(Path(folder, "file.dbf"), encoding="gb18030")]
        ours = [block.cells(at) for block in list(source.blocks(SPEC))[1:] for at in range(len(block))]
    assert ours == theirs


@pytest.mark.parametrize("kind", [as_dbf, as_fixed])
@settings(max_examples=25)
@given(rows=st.lists(_row(), min_size=1, max_size=6))
def test_cells_filled_up_with_nul_are_those_filled_up_with_blanks(kind: Callable[..., Source], rows: Rows) -> None:
    """A NUL inside a cell, or a row of nothing else, is damage."""
    found = []
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        for fill in (b" ", b"\0"):
            patch.setattr("tests.validation.test_sources.FILL", fill)
            source = kind(rows, Path(folder))
            found.append([block.cells(at) for block in list(source.blocks(SPEC))[1:] for at in range(len(block))])
        assert found[0] == found[1] != []
        for damaged in (bytes(sum(WIDTHS)), b"1" + bytes(sum(WIDTHS) - 2) + b"2"):
            patch.setattr("tests.validation.test_sources._padded", lambda _, damaged=damaged: [damaged])
            source = kind(rows[:1], Path(folder))
            assert [block.cells(0) for block in list(source.blocks(SPEC))[1:]] == [None]


@pytest.mark.parametrize(("mark", "taken"), [(0x00, True), (0x03, True), (0x7A, True), (0x4D, True), (0x57, True)] + [
    (mark, False) for mark in (0x4F, 0x78, 0x13, 0x7B, 0x4E, 0x79)
])  # fmt: skip
def test_a_dbf_marked_with_another_encoding_of_han_is_not_read(tmp_path: Path, mark: int, taken: bool) -> None:
    """Its names would become other people's."""
    source = as_dbf([tuple(cells[0] for cells in CELLS)], tmp_path)
    whole = (tmp_path / "file.dbf").read_bytes()
    (tmp_path / "file.dbf").write_bytes(whole[:29] + bytes([mark]) + whole[30:])
    batches = list(check_sources([source], SPEC, on=ON))
    assert sum(len(batch.accepted) for batch in batches) == taken
    assert [one.code for batch in batches for one in batch.findings] == ([] if taken else ["file.encoding"])


@given(ROWS, st.integers(-3, 3), st.sampled_from([b"\x1a", b"", b"\x1a\0\0", b"\0", b"\x1aold"]))
def test_a_dbf_with_other_rows_than_it_counts_says_so(rows: Rows, off: int, end: bytes) -> None:
    """The number of rows is written last, so a program that ended early leaves an old one."""
    with tempfile.TemporaryDirectory() as folder:
        source = as_dbf(rows, Path(folder))
        path = Path(folder, "file.dbf")
        whole, counted = path.read_bytes(), max(0, len(rows) + off)
        path.write_bytes(whole[:4] + struct.pack("<I", counted) + whole[8:-1] + end)
        batches = list(check_sources([source], SPEC, on=ON))
    codes = [one.code for batch in batches for one in batch.findings if not one.line]
    filled = sum(any(cells) for cells in rows[:counted])
    assert codes == ([] if counted == len(rows) else ["file.damaged"])
    if end != b"\x1aold" or counted <= len(rows):
        assert sum(batch.records for batch in batches) == filled


@settings(max_examples=50)
@given(ROWS, st.integers(1, 80))
def test_block_size_does_not_matter_inside_quotes(rows: Rows, block: int) -> None:
    broken = [tuple(cell.replace("F", "F\n") for cell in cells) for cells in rows]
    whole = judged(broken, "gb18030")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "BLOCK", block)
        pieces = judged(broken, "gb18030")
    assert [f for b in pieces for f in b.findings] == [f for b in whole for f in b.findings]
    assert pieces[-1].summary == whole[-1].summary
    assert whole[-1].summary is not None
    assert whole[-1].summary.records == sum(any(cells) for cells in rows)


@pytest.fixture
def dirty(tmp_path: Path) -> list[Path]:
    paths = []
    for file in range(3):
        rows = [tuple(cells[(n * 7 + at * file) % len(cells)] for at, cells in enumerate(CELLS)) for n in range(40)]
        rows += [(str(n), f"F{n}", number(2 * n % 400), *(cells[0] for cells in CELLS[3:])) for n in range(60)]
        out = io.StringIO(newline="")
        csv.writer(out).writerows([HEADERS, *rows])
        paths.append(tmp_path / f"{file}.csv")
        paths[-1].write_bytes(out.getvalue().encode("gb18030") + b"\xff\r\n")
    return paths


def test_workers_give_the_same_results(dirty: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BLOCK", 700)
    alone = list(check_files(dirty, on=ON, cap=3))
    with ThreadPoolExecutor(3) as threads:
        assert list(check_files(dirty, on=ON, cap=3, workers=threads)) == alone
    assert list(check_files(dirty, on=ON, cap=3, workers=2)) == alone


def test_findings_are_capped_per_code_and_counted_in_full(dirty: list[Path]) -> None:
    free, capped = list(check_files(dirty, on=ON)), list(check_files(dirty, on=ON, cap=2))
    for name in ("0.csv", "1.csv", "2.csv"):
        codes = [f.code for b in capped if b.file == name for f in b.findings]
        assert max(map(codes.count, codes)) == 2
    assert [b.summary for b in free] == [b.summary for b in capped]
    assert [b.marks for b in free] == [b.marks for b in capped]


def test_a_workbook_is_measured(tmp_path: Path) -> None:
    as_workbook([tuple(cells[0] for cells in CELLS)], tmp_path)
    extent = measure(tmp_path / "file.xlsx")
    assert extent.cells == 24
    assert extent.unpacked > 1000


@pytest.mark.parametrize(("value", "shown"), [(1.0, "1"), (0.5, "0.5"), (True, "TRUE"), (None, ""), (1e15, "1E+15")])
def test_cells_as_text(value: object, shown: str) -> None:
    assert cell_text(value) == shown


@pytest.mark.parametrize(("name", "codec"), [("GBK", "gb18030"), ("UTF-8-sig", "utf-8")])
def test_codec_names(name: str, codec: str) -> None:
    assert encodings.codec(name) == codec


def test_other_encodings_are_refused() -> None:
    with pytest.raises(ValueError, match="GB18030"):
        encodings.codec("latin-1")
