"""Workbooks measured before a library reads them: no file makes it ask for more than the limits."""

import contextlib
import struct
import tracemalloc
import zipfile
import zlib
from datetime import date
from pathlib import Path
from time import process_time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sbcard_core.validation import biff
from sbcard_core.validation.blocks import SourceRefused
from sbcard_core.validation.check import check_files
from sbcard_core.validation.measuring import MAX_CELLS, measure
from sbcard_core.validation.sources import Delimited
from sbcard_core.validation.spec import COLLECTION
from tests.validation import books

calamine = pytest.importorskip("python_calamine")

ONE = "<v>1</v>"
INLINE, SHARED = ' t="inlineStr"', ' t="s"'


def cell(place: str, inside: str = ONE, more: str = "") -> str:
    return f'<c r="{place}"{more}>{inside}</c>'


def refusal(path: Path) -> str:
    (batch,) = check_files([path], on=date(2014, 7, 31))
    assert batch.summary is not None
    assert batch.summary.header_refused
    (finding,) = batch.findings
    return finding.code


FAR = {
    "the last cell of a sheet": f'<row r="1048576">{cell("XFD1048576")}</row>',
    "a far row and a far column": f'<row r="1">{cell("XFD1")}</row><row r="1048576">{cell("A1048576")}</row>',
    "single quotes": f"<row r='1048576'><c r='XFD1048576'>{ONE}</c></row>",
    "blanks in the tag": f'<row\n r = "1048576" ><c\t s="1"\n r\n=\n"XFD1048576" >{ONE}</c></row>',
    "a mark in an attribute": f'<row r="9"><c x=">" r="XFD1048576">{ONE}</c></row>',
    "a prefix": '<x:row r="1048576"><x:c r="XFD1048576"><x:v>1</x:v></x:c></x:row>',
    "a prefix that is no letter": '<_1:row r="1048576"><_1:c r="XFD1048576"><_1:v>1</_1:v></_1:c></_1:row>',
    "rows counted on": f'<row r="1048575"/><row><c r="XFD1048576">{ONE}</c></row>',
    "cells counted on": f'<row r="1048576">{cell("XFC1048576")}<c>{ONE}</c></row>',
    "small letters": f'<row r="1048576"><c r="xfd1048576">{ONE}</c></row>',
    "the row of the cell alone": cell("XFD1048576"),
    "an empty text": f'<row r="1048576">{cell("XFD1048576", "<is><t></t></is>", INLINE)}</row>',
}


@pytest.mark.parametrize("spelling", FAR)
def test_one_far_cell_asks_for_the_whole_rectangle_however_it_is_spelt(tmp_path: Path, spelling: str) -> None:
    book = books.sheet(FAR[spelling])
    if "<x:" in book or "<_1:" in book:
        book = book.replace("<worksheet", f'<worksheet xmlns:x="{books.MAIN}" xmlns:_1="{books.MAIN}"')
    assert refusal(books.xlsx(tmp_path / "a.xlsx", book)) == "file.too_large"


@pytest.mark.parametrize(
    "rows",
    [
        f'<row r="4294967295">{cell("A4294967295")}</row>',
        f'<row r="1048577">{cell("A1048577")}</row>',
        f'<row r="99999999999999999999"><c>{ONE}</c></row>',
        f'<row r="1048576"/><row><c>{ONE}</c></row><row><c>{ONE}</c></row>',
        f'<row r="1">{cell("XFE1")}</row>',
        f'<row r="1">{cell("ZZZZZZZ1")}</row>',
        f'<row r="1">{cell("XFD1")}<c>{ONE}</c></row>',
        f'<row r="0"><c r="A0" s=\'1\'>{ONE}</c></row><row r="-1"/>',
        f'<row r="1"><c r="$A$1">{ONE}</c></row>',
        f'<row r="1"><c r="">{ONE}</c></row>',
    ],
)
def test_a_cell_where_no_sheet_has_one_is_damage(tmp_path: Path, rows: str) -> None:
    assert refusal(books.xlsx(tmp_path / "a.xlsx", books.sheet(rows))) == "file.damaged"


@pytest.mark.parametrize("place", ["worksheets/sheet1.xml", "other/deep/x.xml", "media/image1.png", "WORKSHEETS/A.XML"])
def test_a_sheet_is_known_by_what_it_holds_wherever_it_lies(tmp_path: Path, place: str) -> None:
    junk = "\x89PNG junk" if place.endswith("png") else ""
    book = junk + books.sheet(FAR["the last cell of a sheet"])
    assert refusal(books.xlsx(tmp_path / "a.xlsx", book, place=place)) == "file.too_large"


def test_what_the_dimension_claims_is_not_believed(tmp_path: Path) -> None:
    rows = f'<row r="2">{cell("B2")}</row>'
    for claimed in ("A1", "A1:XFD1048576", "A1:ZZZZ99999999999", "nonsense"):
        book = books.sheet(rows, f'<dimension ref="{claimed}"/>')
        assert measure(books.xlsx(tmp_path / "a.xlsx", book)).cells == 4


@pytest.mark.parametrize("empty", ['<c r="XFD1048576" s="1"/>', '<c r="XFD1048576" s="1"></c>', "<c r='XFD1048576' />"])
def test_a_cell_that_only_has_a_format_asks_for_nothing(tmp_path: Path, empty: str) -> None:
    path = books.xlsx(tmp_path / "a.xlsx", books.sheet(f'<row r="2">{cell("B2")}</row><row r="1048576">{empty}</row>'))
    assert measure(path).cells == 4
    assert refusal(path) == "file.header"


def test_a_shared_text_counts_for_each_cell_that_has_it(tmp_path: Path) -> None:
    """Four kilobytes that ask for 600 MB."""
    rows = "".join(f'<row r="{at}">{cell(f"A{at}", ONE, SHARED)}</row>' for at in range(1, 601))
    path = books.xlsx(tmp_path / "a.xlsx", books.sheet(rows), books.texts("a", "x" * 10**6))
    assert path.stat().st_size < 20_000
    assert refusal(path) == "file.too_large"
    other = books.xlsx(tmp_path / "b.xlsx", books.sheet(rows.replace(ONE, "<v>0</v>")), books.texts("a", "x" * 10**6))
    assert measure(other).longest_text > 10**6  # one long text that few cells use is no bomb
    assert refusal(other) == "file.header"


REPEATED = ' table:number-{}-repeated="{}"'
TEXT = '<table:table-cell office:value-type="string"{}><text:p>a</text:p></table:table-cell>'


@pytest.mark.parametrize(
    ("rows", "cells"),
    [
        (f"<table:table-row>{TEXT.format('')}</table:table-row>", 1),
        (f"<table:table-row>{TEXT.format(REPEATED.format('columns', 16384))}</table:table-row>", 16384),
        (f"<table:table-row{REPEATED.format('rows', 4000)}>{TEXT.format('')}</table:table-row>", 4000),
        (
            f"<table:table-row>{TEXT.format('')}<table:table-cell{REPEATED.format('columns', 16383)}/>"
            "</table:table-row>"
            f"<table:table-row{REPEATED.format('rows', 1048575)}>"
            f"<table:table-cell{REPEATED.format('columns', 16384)}/></table:table-row>",
            1,
        ),
        (
            f"<table:table-row{REPEATED.format('rows', 1048575)}><table:table-cell/></table:table-row><table:table-row>"
            f"<table:table-cell{REPEATED.format('columns', 16383)}/>{TEXT.format('')}</table:table-row>",
            None,
        ),
        (
            f"<table:table-row{REPEATED.format('rows', 1048576)}>{TEXT.format(REPEATED.format('columns', 16384))}"
            "</table:table-row>",
            None,
        ),
    ],
)
def test_repeated_cells_of_an_open_document_count_each(tmp_path: Path, rows: str, cells: int | None) -> None:
    path = books.ods(tmp_path / "a.ods", rows)
    if cells is None:
        assert refusal(path) == "file.too_large"
    else:
        assert measure(path).cells == cells
        assert refusal(path) == "file.header"


def test_a_binary_workbook_is_refused_unread(tmp_path: Path) -> None:
    path = books.xlsx(tmp_path / "a.xlsx", books.sheet(""), **{"xl/workbook.bin": "x"})
    assert refusal(path) == "file.too_large"


def test_an_old_workbook_is_measured_by_its_records(tmp_path: Path) -> None:
    path = books.xls(tmp_path / "a.xls", books.biff([books.dimensions(3, 2), books.number(0, 0), books.number(2, 1)]))
    assert measure(path).cells == 6
    assert calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_name("s").to_python() == [
        [1.0, ""],
        ["", ""],
        ["", 1.0],
    ]
    assert refusal(path) == "file.header"


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ([books.number(65535, 255)], "file.too_large"),
        ([books.number(0, 255), books.number(65535, 0)], "file.too_large"),
        ([books.number(0, 256)], "file.damaged"),
        ([books.number(65535, 65535)], "file.damaged"),
        ([books.dimensions(2**32 - 1, 65535), books.number(0, 0)], "file.damaged"),
        ([books.record(0x00BD, bytes(4) + bytes(12) + b"\xff\xff")], "file.damaged"),
        ([books.record(0x0203, b"\0")], "file.damaged"),
    ],
)
def test_an_old_workbook_asks_for_no_more_than_the_limit(tmp_path: Path, cells: list[bytes], code: str) -> None:
    assert refusal(books.xls(tmp_path / "a.xls", books.biff(cells))) == code


def test_sectors_that_run_in_a_circle_end(tmp_path: Path) -> None:
    assert refusal(books.xls(tmp_path / "a.xls", books.biff([books.number(0, 0)]), loop=True)) == "file.damaged"


@given(st.binary(max_size=2000), st.integers(0, 4000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_old_workbook_is_measured_or_refused(tmp_path: Path, noise: bytes, at: int) -> None:
    path = books.xls(tmp_path / "a.xls", books.biff([books.number(1, 1)]))
    raw = path.read_bytes()
    path.write_bytes(raw[:at] + noise + raw[at + len(noise) :])
    with path.open("rb") as file, contextlib.suppress(SourceRefused):
        assert biff.extent(file) >= (0, 0)


@pytest.mark.parametrize("suffix", [".xlsx", ".xls", ".csv", ".txt", ".dbf", ""])
def test_a_workbook_is_known_by_its_bytes_whatever_its_name(tmp_path: Path, suffix: str) -> None:
    headers = "".join(
        cell(f"{chr(65 + at)}1", f"<is><t>{one.header}</t></is>", INLINE) for at, one in enumerate(COLLECTION.fields)
    )
    path = books.xlsx(tmp_path / f"a{suffix}", books.sheet(f'<row r="1">{headers}</row>'))
    (batch,) = check_files([path], on=date(2014, 7, 31))
    assert (batch.summary and batch.summary.header_refused, batch.findings) == (False, [])


QUOTES = st.sampled_from(['"', "'"])
PREFIXES = st.sampled_from(["", "", "x:"])
BLANKS = st.sampled_from([" ", "\n", "  \t"])


@st.composite
def spelt_rows(draw: st.DrawFn) -> str:
    """Rows of up to 40 by 40 cells, spelt in any way."""
    out = []
    for _ in range(draw(st.integers(1, 4))):
        prefix, quote, blank = draw(PREFIXES), draw(QUOTES), draw(BLANKS)
        row = draw(st.none() | st.integers(1, 40))
        inside = ""
        for _ in range(draw(st.integers(0, 4))):
            place = draw(st.none() | st.tuples(st.sampled_from(["A", "C", "Z", "AB", "b"]), st.integers(1, 40)))
            where = "" if place is None else f"{blank}r={quote}{place[0]}{place[1]}{quote}"
            content = draw(st.sampled_from(["<{}v>1</{}v>", "<{}is><{}t></{}t></{}is>", "", None]))
            kind = f"{blank}t={quote}inlineStr{quote}" if content and "is" in content else ""
            body = "/>" if content is None else f">{content.replace('{}', prefix)}</{prefix}c>"
            inside += f"<{prefix}c{kind}{where}{body}"
        where = "" if row is None else f"{blank}r={quote}{row}{quote}"
        out.append(f"<{prefix}row{where}>{inside}</{prefix}row>")
    return "".join(out)


@given(spelt_rows())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_reader_never_makes_more_cells_than_were_measured(tmp_path: Path, rows: str) -> None:
    book = books.sheet(rows).replace("<worksheet", f'<worksheet xmlns:x="{books.MAIN}"')
    path = books.xlsx(tmp_path / "a.xlsx", book)
    table = calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_name("s").to_python(skip_empty_area=False)
    assert sum(map(len, table)) <= measure(path).cells


def numbered(rows: list[int], cells: bool) -> str:
    """A header and three records in rows of these numbers, which their cells repeat or leave out."""
    out = ""
    for at, values in zip(rows, [[one.header for one in COLLECTION.fields], ["1"], ["2"], ["3"]], strict=True):
        places = [f' r="{chr(65 + n)}{at}"' if cells else "" for n in range(len(values))]
        row = [f'<c{place} t="str"><v>{value}</v></c>' for place, value in zip(places, values, strict=True)]
        out += f'<row r="{at}">{"".join(row)}</row>'
    return out


@given(st.lists(st.integers(1, 6), min_size=4, max_size=4) | st.just([1, 2, 4, 6]), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_of_two_rows_in_one_place_none_is_lost_in_silence(tmp_path: Path, rows: list[int], cells: bool) -> None:
    path = books.xlsx(tmp_path / "a.xlsx", books.sheet(numbered(rows, cells)))
    batches = list(check_files([path], on=date(2014, 7, 31)))
    assert batches[-1].summary is not None
    if rows == sorted(set(rows)):
        assert batches[-1].summary.records == 3
    else:
        assert batches[-1].summary.header_refused
        assert [one.code for batch in batches for one in batch.findings] == ["file.damaged"]


def test_a_line_of_a_million_columns_costs_little(tmp_path: Path) -> None:
    header = ",".join(one.header for one in COLLECTION.fields)
    wide = "," * 1_000_000
    tracemalloc.start()
    began = process_time()
    for lines, refused in (([wide, "1,2"], True), ([header + wide, "1,2"], True), ([header, "1" + wide, "2"], False)):
        path = tmp_path / "a.csv"
        path.write_bytes("\n".join(lines).encode("gb18030"))
        (batch,) = check_files([path], on=date(2014, 7, 31))
        assert batch.summary is not None
        assert batch.summary.header_refused == refused
        assert (batch.records, batch.accepted) == (1 if refused else 2, [])
    assert tracemalloc.get_traced_memory()[1] < 60 << 20
    assert process_time() - began < 5
    tracemalloc.stop()


def test_as_many_columns_as_a_sheet_has_are_read(tmp_path: Path) -> None:
    header = ",".join([*(one.header for one in COLLECTION.fields), *map(str, range(16_384 - len(COLLECTION.fields)))])
    (tmp_path / "a.csv").write_bytes(f"{header}\n{'1,' * 16_383}1\n".encode("gb18030"))
    first, _ = Delimited(tmp_path / "a.csv").blocks(COLLECTION)
    assert first.layout is not None
    assert MAX_CELLS > 10**6


def shared_texts(*values: str, cut: int = 0) -> list[bytes]:
    """The record of shared texts; with ``cut`` it goes on in records of so many bytes, as [MS-XLS] wants."""
    head = struct.pack("<II", len(values), len(values))
    body = b"".join(struct.pack("<HB", len(value), 1) + value.encode("utf-16-le") for value in values)
    if not cut:
        return [books.record(0x00FC, head + body)]
    (value,) = values
    wide = value.encode("utf-16-le")
    parts = [wide[at : at + cut] for at in range(0, len(wide), cut)]
    first = books.record(0x00FC, head + struct.pack("<HB", len(value), 1) + parts[0])
    return [first, *(books.record(0x003C, b"\1" + part) for part in parts[1:])]


def text_cell(row: int, number: int) -> bytes:
    return books.record(0x00FD, struct.pack("<HHHI", row, 0, 0, number))


@pytest.mark.parametrize("cut", [0, 4000])
def test_a_shared_text_of_an_old_workbook_counts_for_each_cell_that_has_it(tmp_path: Path, cut: int) -> None:
    """Half a megabyte that asks for gigabytes."""
    texts = shared_texts("长" * (30_000 if cut else 4_000), cut=cut)
    path = books.xls(tmp_path / "a.xls", books.biff([text_cell(row, 0) for row in range(3)], before=texts))
    (table,) = [calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_name("s").to_python()]
    assert [len(row[0]) for row in table] == [30_000 if cut else 4_000] * 3
    with path.open("rb") as file:
        assert biff.extent(file) == (3, 3 * len(table[0][0]))
    bomb = books.xls(tmp_path / "b.xls", books.biff([text_cell(row, 0) for row in range(40_000)], before=texts))
    assert refusal(bomb) == "file.too_large"


@given(st.lists(st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"])), max_size=6))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_shared_texts_of_an_old_workbook_are_measured_one_by_one(tmp_path: Path, values: list[str]) -> None:
    cells = [text_cell(row, row) for row in range(len(values))]
    path = books.xls(tmp_path / "a.xls", books.biff(cells, before=shared_texts(*values)))
    with path.open("rb") as file:
        assert biff.extent(file) == (len(values), sum(map(len, values)))


@pytest.mark.parametrize("dimensions", [(9, 2, 0, 3), (0, 2, 200, 3)])
def test_an_old_workbook_that_begins_behind_its_end_is_damage(tmp_path: Path, dimensions: tuple[int, ...]) -> None:
    """tafia/calamine#174: the difference wraps, and the reader asks for 137 GB."""
    record = books.record(0x0200, struct.pack("<IIHHH", *dimensions, 0))
    assert refusal(books.xls(tmp_path / "a.xls", books.biff([record, books.number(0, 0)]))) == "file.damaged"


def test_a_length_that_the_archive_understates_hides_nothing(tmp_path: Path) -> None:
    """A reader may go on behind the length that both headers of a member name."""
    path = books.xlsx(tmp_path / "a.xlsx", books.sheet(FAR["the last cell of a sheet"]))
    with zipfile.ZipFile(path) as archive:
        member = archive.getinfo("xl/worksheets/sheet1.xml")
        told = archive.read(member)[: -len("<row") - 60]
    raw = bytearray(path.read_bytes())
    central = raw.rindex(b"PK\x01\x02", 0, raw.rindex(b"xl/worksheets/sheet1.xml"))
    for place in (member.header_offset + 14, central + 16):
        struct.pack_into("<I", raw, place, zlib.crc32(told))
        struct.pack_into("<I", raw, place + 8, len(told))
    path.write_bytes(raw)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("xl/worksheets/sheet1.xml") == told  # it reads no further
    assert refusal(path) in ("file.too_large", "file.damaged")


def test_empty_cells_of_an_open_document_ask_for_nothing_in_either_spelling(tmp_path: Path) -> None:
    for empty in ("/>", "></table:table-cell>", "> </table:table-cell>"):
        rest = f"<table:table-cell{REPEATED.format('columns', 16379)}{empty}"
        row = f"<table:table-row>{TEXT.format('')}{rest}</table:table-row>"
        assert measure(books.ods(tmp_path / "a.ods", row * 200)).cells == 200
