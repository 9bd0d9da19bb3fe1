"""The workbook in full: written for its submitter, corrected as clerks do, and read back without losing a record."""

import os
import re
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.fields import citizen_id
from sbcard_core.validation import kickback, xlsx
from sbcard_core.validation.check import check_files
from sbcard_core.validation.kickback import CorrectedRow, NoticeKind, NotOurWorkbook, ReadBack, WrongDigest
from sbcard_core.validation.spec import COLLECTION
from tests.validation import books

ON = date(2014, 7, 31)
HEADERS = [field.header for field in COLLECTION.fields]
AT = {field.field: at + 3 for at, field in enumerate(COLLECTION.fields)}
"""1-based column of each field in the workbook."""


def number(serial: int) -> str:
    body = f"43010219491231{serial:03}"
    return body + citizen_id.check_digit(body)


def record(serial: int, **values: str) -> str:
    right = dict(
        zip(
            (field.field for field in COLLECTION.fields),
            (
                f"{serial},F{serial},{number(serial)},张{chr(0x4E00 + serial)},{'21'[serial % 2]},01,19491231,"
                f"138{serial:08},4,430102,103,20140701"
            ).split(","),
            strict=True,
        )
    )
    return ",".join((right | values).values())


class Case:
    """One collected file, checked, with the workbook that goes back."""

    def __init__(self, folder: Path, lines: list[str], name: str = "430100.csv", **options: Any) -> None:
        self.file, self.book = folder / name, folder / f"{name}.xlsx"
        self.file.write_bytes("\r\n".join([",".join(HEADERS), *lines, ""]).encode("gb18030"))
        batches = [*check_files([self.file], on=ON)]
        summary = batches[-1].summary
        assert summary is not None
        self.digests = {name: summary.sha256}
        self.findings = [finding for batch in batches for finding in batch.findings]
        self.listed = kickback.write(
            self.book, self.findings, title="退回更正表", in_full=True, collected=[self.file], **options
        )

    def edit(self, change: Callable[[Any], object]) -> ReadBack:
        """Open the workbook as a clerk's program does, change its first table, save it, read it back."""
        book = openpyxl.load_workbook(self.book)
        change(book.worksheets[2])
        book.save(self.book)
        return kickback.read_back(self.book, self.digests)


@pytest.fixture
def case(tmp_path: Path) -> Case:
    faults = [record(serial, county="999999") for serial in range(10, 16)]
    return Case(tmp_path, [record(1), *faults, record(2)])


def kinds(back: ReadBack) -> list[str]:
    return [str(notice.kind) for notice in back.notices]


def test_the_submitter_sees_the_records_in_full_and_only_those_sent_back(tmp_path: Path) -> None:
    wrong = number(21)[:-1] + ("0" if number(21)[-1] != "0" else "1")
    case = Case(tmp_path, [record(1), record(21, id_number=wrong, bank="=1+1"), record(22, name="张 三")])
    assert case.listed == 1
    book = openpyxl.load_workbook(case.book)
    notes, seals, table = book.worksheets
    assert notes.title == "说明"
    assert seals.sheet_state == "veryHidden"
    assert [cell.value for cell in table[1]] == ["文件摘要", "记录号", *HEADERS, "退回原因", "原文(整行)"]
    assert [cell.value for cell in table[2]][:5] == [case.digests["430100.csv"], "3", "21", "F21", wrong]
    assert table.column_dimensions["A"].hidden
    assert table.column_dimensions["A"].max == 2
    assert not table.column_dimensions["C"].hidden
    cells = [cell for row in table.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells if cell.value is not None} <= {"s", "inlineStr"}
    assert {cell.number_format for cell in cells} == {"@"}
    noted = {cell.column: cell.comment.text for cell in cells if cell.comment}
    assert set(noted) == {AT["id_number"], AT["bank"]}
    assert "校验码" in noted[AT["id_number"]]
    assert table.cell(2, AT["bank"]).value == "=1+1"
    assert table.cell(2, AT["bank"]).fill.fgColor.rgb != table.cell(2, AT["name"]).fill.fgColor.rgb


def test_the_comment_proposes_the_numbers_it_may_be(tmp_path: Path) -> None:
    right = number(21)
    swapped = right[:12] + right[13] + right[12] + right[14:]
    case = Case(tmp_path, [record(21, id_number=swapped)], on=ON)
    table = openpyxl.load_workbook(case.book).worksheets[2]
    text = table.cell(2, AT["id_number"]).comment.text
    assert text.split("\n")[-1] == f"可能是:{right}(第13、14位可能颠倒;与号码校验、出生日期、性别、区县相符;唯一候选)"
    assert table.cell(2, AT["id_number"]).value == swapped


def test_a_centenarians_short_number_is_proposed_in_both_centuries(tmp_path: Path) -> None:
    lines = [record(21, id_number="430102491231996", sex="2", birth="x"), record(22, id_number="430102491231022")]
    case = Case(tmp_path, lines, on=ON)
    repairs = [finding.repair for finding in case.findings if finding.code == "id_number.length15"]
    assert repairs == ["", number(22)]
    table = openpyxl.load_workbook(case.book).worksheets[2]
    both, one = (table.cell(row, AT["id_number"]).comment.text for row in (2, 3))
    assert [line[10:14] for line in both.split("\n")[-2:]] == ["1849", "1949"]
    assert number(22) in one


def test_masked_is_the_default(tmp_path: Path, case: Case) -> None:
    kickback.write(tmp_path / "masked.xlsx", case.findings, title="t")
    with zipfile.ZipFile(tmp_path / "masked.xlsx") as archive:
        assert not any(number(10).encode() in archive.read(name) for name in archive.namelist())


def test_full_needs_the_collected_files(tmp_path: Path, case: Case) -> None:
    with pytest.raises(InvalidValue, match="1 collected files are needed"):
        kickback.write(tmp_path / "x.xlsx", case.findings, title="t", in_full=True)


def test_only_corrected_rows_are_taken_and_pass_the_check(case: Case, tmp_path: Path) -> None:
    def correct(sheet: Any) -> None:
        sheet.cell(3, AT["county"]).value = "430103"
        sheet.cell(5, AT["county"]).value = 430104  # typed as a number

    back = case.edit(correct)
    assert (back.listed, back.unchanged, back.notices) == (6, 4, [])
    assert [(row.file, row.line, row.changed) for row in back.rows] == [
        ("430100.csv", 4, ("county",)),
        ("430100.csv", 6, ("county",)),
    ]
    assert number(11) not in repr(back)
    assert back.save(tmp_path / "corrected.csv") == 2
    (batch,) = check_files([tmp_path / "corrected.csv"], on=ON)
    assert [(row.id_number, row.county) for row in batch.accepted] == [(number(11), "430103"), (number(13), "430104")]
    assert [row.line - 2 for row in batch.accepted] == [0, 1]


def test_moved_and_deleted_rows_are_noticed(case: Case) -> None:
    def move(sheet: Any) -> None:
        rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
        rows[0][AT["county"] - 1] = "430105"
        for at, row in enumerate([rows[1], rows[2], rows[4], rows[5], rows[0]], 2):  # the first is now last, one gone
            for column, value in enumerate(row, 1):
                sheet.cell(at, column).value = value
        sheet.delete_rows(7)

    back = case.edit(move)
    assert kinds(back) == ["moved", "deleted"]
    assert [(notice.line, notice.row) for notice in back.notices] == [(3, 6), (6, 0)]
    assert [(row.line, row.changed) for row in back.rows] == [(3, ("county",))]
    assert back.unchanged == 4


def test_a_table_sorted_without_its_hidden_columns_corrects_nobody(case: Case) -> None:
    def sort(sheet: Any) -> None:
        rows = [[cell.value for cell in row][2:] for row in sheet.iter_rows(min_row=2)]
        for at, row in enumerate(reversed(rows), 2):
            row[AT["county"] - 3] = "430102"
            for column, value in enumerate(row, 3):
                sheet.cell(at, column).value = value

    back = case.edit(sort)
    assert (back.rows, back.unchanged) == ([], 0)
    assert kinds(back) == ["shifted"] * 6


def test_copied_and_foreign_rows_are_not_taken(case: Case) -> None:
    def add(sheet: Any) -> None:
        sheet.cell(2, AT["county"]).value = "430102"
        for column in range(1, len(HEADERS) + 3):
            sheet.cell(9, column).value = sheet.cell(2, column).value
            sheet.cell(10, column).value = sheet.cell(3, column).value
        sheet.cell(10, 2).value = "77"
        sheet.cell(11, AT["name"]).value = "李四"

    back = case.edit(add)
    assert back.rows == []
    assert kinds(back) == ["foreign", "foreign", "repeated", "repeated"]
    assert back.unchanged == 5


@pytest.mark.parametrize("value", ["=A1", 430102199999999999, True, 4.5, "#REF!"])
def test_what_is_no_text_is_not_taken(case: Case, value: object) -> None:
    def change(sheet: Any) -> None:
        sheet.cell(2, AT["id_number"]).value = value
        if value == "#REF!":
            sheet.cell(2, AT["id_number"]).data_type = "e"

    back = case.edit(change)
    assert (back.rows, kinds(back)) == ([], ["cell"])


def test_the_workbook_of_another_file_is_refused(case: Case, tmp_path: Path) -> None:
    with pytest.raises(WrongDigest):
        kickback.read_back(case.book, {"430100.csv": "0" * 64})
    with pytest.raises(WrongDigest):
        kickback.read_back(case.book, {"430200.csv": case.digests["430100.csv"]})
    other = tmp_path / "other"
    other.mkdir()
    theirs = Case(other, [record(10, county="999998")])
    with pytest.raises(WrongDigest):
        kickback.read_back(theirs.book, case.digests)


def test_other_and_damaged_workbooks_are_refused(case: Case, tmp_path: Path) -> None:
    openpyxl.Workbook().save(tmp_path / "own.xlsx")
    with pytest.raises(NotOurWorkbook):
        kickback.read_back(tmp_path / "own.xlsx", {})
    kickback.write(tmp_path / "masked.xlsx", case.findings, title="t")
    with pytest.raises(NotOurWorkbook):
        kickback.read_back(tmp_path / "masked.xlsx", case.digests)
    raw = case.book.read_bytes()
    for at, bad in enumerate([b"", b"PK\x03\x04", raw[: len(raw) // 2], b"\xd0\xcf\x11\xe0" + bytes(600)]):
        (tmp_path / f"bad{at}.xlsx").write_bytes(bad)
        with pytest.raises(Refused):
            kickback.read_back(tmp_path / f"bad{at}.xlsx", case.digests)


def test_a_damaged_workbook_is_left_closed(case: Case, tmp_path: Path) -> None:
    bad = tmp_path / "bad.xlsx"
    with zipfile.ZipFile(case.book) as whole, zipfile.ZipFile(bad, "w") as part:
        for name in whole.namelist():
            part.writestr(name, b"<" if name == "xl/workbook.xml" else whole.read(name))
    with pytest.raises(Refused) as refusal:
        kickback.read_back(bad, case.digests)
    assert refusal.value.__traceback__ is not None  # holds whatever the reader held
    assert not [number for number in range(3, 512) if _is_open_on(number, bad)]


def _is_open_on(number: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(number), path.stat())
    except OSError:
        return False


@pytest.mark.parametrize("digits", [13800138000, 19491231, 430102194912310])
def test_digits_in_a_cell_for_dates_cost_neither_the_row_nor_the_workbook(case: Case, digits: int) -> None:
    """A program shows such a cell as ##### and keeps the number."""

    def change(sheet: Any) -> None:
        cell = sheet.cell(sheet.max_row, AT["phone"])
        cell.value, cell.number_format = digits, "yyyy-mm-dd"

    back = case.edit(change)
    assert [row.values[AT["phone"] - 3] for row in back.rows] == [str(digits)]
    assert (back.unchanged, kinds(back)) == (5, [])


def test_two_lines_in_a_cell_are_not_made_one_name(case: Case, tmp_path: Path) -> None:
    def change(sheet: Any) -> None:
        for row, name in ((sheet.max_row, "张三\n李四"), (sheet.max_row - 1, "王五\n")):
            sheet.cell(row, AT["name"]).value, sheet.cell(row, AT["county"]).value = name, "430102"

    case.edit(change).save(tmp_path / "again.csv")
    (batch,) = check_files([tmp_path / "again.csv"], on=ON)
    assert [row.name for row in batch.accepted] == ["王五"]
    assert [one.code for one in batch.findings] == ["name.character"]


def test_a_sheet_with_other_columns_is_not_read(case: Case) -> None:
    back = case.edit(lambda sheet: sheet.delete_cols(AT["phone"]))
    assert kinds(back) == ["sheet"] + ["unread"] * 6
    assert back.rows == []


def test_corrections_are_read_as_they_stand(case: Case) -> None:
    def correct(sheet: Any) -> None:
        sheet.cell(2, AT["county"]).value = "430105"
        sheet.cell(3, AT["county"]).value = 430105
        sheet.cell(4, AT["birth"]).value = date(1950, 1, 2)
        sheet.delete_rows(6)

    back = case.edit(correct)
    assert [row.values[6] for row in back.rows] == ["19491231", "19491231", "19500102"]
    assert kinds(back) == ["deleted"]


def rewritten(book: Path, change: Callable[[str, str], str]) -> None:
    """Change the parts of a workbook as text: (name, text) to text."""
    with zipfile.ZipFile(book) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(book, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, change(name, data.decode()) if name.endswith(".xml") else data)


def test_what_a_sheet_claims_of_its_extent_is_not_believed(case: Case) -> None:
    case.edit(lambda sheet: [setattr(sheet.cell(at, AT["county"]), "value", "430102") for at in range(2, 8)])
    rewritten(case.book, lambda _, text: re.sub('<dimension ref="[^"]*"', '<dimension ref="A1"', text))
    back = kickback.read_back(case.book, case.digests)
    assert (len(back.rows), back.listed, back.notices) == (6, 6, [])


def test_prefixed_tags_and_places_left_out_are_read(case: Case) -> None:
    case.edit(lambda sheet: setattr(sheet.cell(3, AT["county"]), "value", "430102"))

    def prefixed(name: str, text: str) -> str:
        if not name.startswith("xl/worksheets/sheet"):
            return text
        text = re.sub(r"<(/?)(worksheet|sheetData|row|c|v|is|t)(?=[ />])", r"<\1x:\2", text)
        return text.replace("<x:worksheet xmlns=", "<x:worksheet xmlns:x=")

    rewritten(case.book, prefixed)
    back = kickback.read_back(case.book, case.digests)
    assert [row.line for row in back.rows] == [4]
    assert (back.unchanged, back.notices) == (5, [])


def test_a_title_row_above_the_header_loses_nothing(case: Case) -> None:
    def title(sheet: Any) -> None:
        sheet.cell(2, AT["county"]).value = "430102"
        sheet.insert_rows(1, 2)
        sheet.cell(1, 3).value = "退回更正表(已更正)"

    back = case.edit(title)
    assert [row.line for row in back.rows] == [3]
    assert (back.unchanged, back.notices) == (5, [])


def test_a_sheet_whose_header_is_gone_is_told_and_its_records_are_not_told_as_deleted(case: Case) -> None:
    back = case.edit(lambda sheet: sheet.delete_rows(1))
    assert kinds(back) == ["sheet"] + ["unread"] * 6
    assert back.rows == []


def test_a_sheet_of_the_clerks_own_is_passed_over(case: Case) -> None:
    def add(sheet: Any) -> None:
        own = sheet.parent.create_sheet("计算")
        own.append(["合计", 6])
        sheet.delete_rows(7)

    assert kinds(case.edit(add)) == ["deleted"]


def test_a_hidden_sheet_that_lost_rows_is_refused(case: Case) -> None:
    for row in (3, 8):  # one of the records, the end mark
        book = openpyxl.load_workbook(case.book)
        book["_sbcard"].delete_rows(row)
        short = case.book.with_name(f"short{row}.xlsx")
        book.save(short)
        with pytest.raises(NotOurWorkbook):
            kickback.read_back(short, case.digests)


@pytest.mark.parametrize("column", [1, 2])
def test_a_hidden_sheet_whose_end_mark_lost_a_cell_is_refused(case: Case, column: int) -> None:
    book = openpyxl.load_workbook(case.book)
    book["_sbcard"].cell(book["_sbcard"].max_row, column).value = None
    book.save(case.book)
    with pytest.raises(NotOurWorkbook, match="lost rows"):
        kickback.read_back(case.book, case.digests)


def test_a_row_overwritten_with_another_person_is_not_taken(case: Case) -> None:
    def overwrite(sheet: Any) -> None:
        for key, value in {"id_number": number(77), "name": "赵六", "phone": "13700000077", "county": "430102"}.items():
            sheet.cell(2, AT[key]).value = value
        sheet.cell(3, AT["id_number"]).value = number(79)  # a wrong number and its name put right are one person's
        sheet.cell(3, AT["name"]).value = "赵七"

    back = case.edit(overwrite)
    assert kinds(back) == ["replaced"]
    assert [row.line for row in back.rows] == [4]


def test_what_was_no_record_is_given_whole_and_may_be_filled_in(tmp_path: Path) -> None:
    case = Case(tmp_path, [record(1), "1,只有,三列", record(30, county="0")])
    assert case.listed == 2

    def fill(sheet: Any) -> None:
        assert sheet.cell(2, 16).value == "1,只有,三列"
        assert not any(sheet.cell(2, column).value for column in AT.values())
        for column, value in zip(AT.values(), record(40).split(","), strict=True):
            sheet.cell(2, column).value = value

    back = case.edit(fill)
    assert [(row.line, row.values[2]) for row in back.rows] == [(3, number(40))]


def test_two_files_and_full_sheets(tmp_path: Path) -> None:
    files, findings, digests = [], [], {}
    for name in ("a[1].csv", "b.csv"):
        one = Case(tmp_path, [record(serial, county="0", name=f"张{name[0]}") for serial in range(50, 53)], name)
        files.append(one.file)
        findings += one.findings
        digests |= one.digests
    book = tmp_path / "both.xlsx"
    assert kickback.write(book, findings, title="t", in_full=True, collected=files, max_rows=3) == 6
    assert len(openpyxl.load_workbook(book).worksheets) == 6
    back = kickback.read_back(book, digests)
    assert (back.listed, back.unchanged, back.notices) == (6, 6, [])


def test_the_faulty_blanks_and_rare_characters_survive_the_trip(tmp_path: Path) -> None:
    strange = "张\u3000\t㐂\ue81e\U00020bb7_x0041_ "
    case = Case(tmp_path, [record(60, name=strange, county="0")])
    back = case.edit(lambda sheet: setattr(sheet.cell(2, AT["county"]), "value", "430102"))
    assert [row.changed for row in back.rows] == [("county",)]
    assert back.rows[0].values[3] == strange
    assert back.rows[0].values[2] == number(60)


def test_the_same_findings_give_the_same_bytes(case: Case, tmp_path: Path) -> None:
    kickback.write(tmp_path / "again.xlsx", case.findings, title="退回更正表", in_full=True, collected=[case.file])
    assert (tmp_path / "again.xlsx").read_bytes() == case.book.read_bytes()


@settings(max_examples=12)
@given(st.integers(0, 1 << 32))
def test_every_listed_record_has_one_fate(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    rng = Random(seed)
    case = Case(tmp_path_factory.mktemp("law"), [record(serial, county="0") for serial in range(70, 80)])
    expected: dict[int, tuple[str, ...]] = {}

    def play(sheet: Any) -> None:
        rows = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
        kept = [row for row in rows if rng.random() < 0.8]
        for row in kept:
            if rng.random() < 0.5:
                fields = rng.sample(["county", "phone", "name"], rng.randint(1, 2))
                for field in fields:
                    row[AT[field] - 1] = {"county": "430102", "phone": "13900000000", "name": "王五"}[field]
                expected[int(row[1])] = tuple(field for field in AT if field in fields)
        rng.shuffle(kept)
        sheet.delete_rows(2, len(rows))
        for at, row in enumerate(kept, 2):
            for column, value in enumerate(row, 1):
                sheet.cell(at, column).value = value
        expected[-1] = (str(len(rows) - len(kept)),)

    back = case.edit(play)
    (deleted,) = expected.pop(-1)
    assert {row.line: row.changed for row in back.rows} == expected
    assert kinds(back).count("deleted") == int(deleted)
    assert back.listed == len(back.rows) + back.unchanged + int(deleted)
    assert all(isinstance(row, CorrectedRow) for row in back.rows)
    assert {notice.kind for notice in back.notices} <= {NoticeKind.MOVED, NoticeKind.DELETED}


def test_readings_and_runs_of_a_cell_are_told_apart(tmp_path: Path) -> None:
    """Text in formats is joined, the reading that Excel puts beside it is not (seen in workbooks of Asian offices)."""
    cells = (
        '<c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c>'
        '<c r="C1" t="inlineStr"><is><t>长沙</t><rPh sb="0" eb="2"><t>chang sha</t></rPh></is></c>'
        '<c r="D1" t="inlineStr"><t>张三</t></c><c t="str"><v>_x0041_B</v></c><c r="G1" t="e"><v>#N/A</v></c>'
    )
    shared = (
        f'<sst xmlns="{books.MAIN}"><si><t>宁东大道</t><rPh sb="0" eb="1"><t>dao</t></rPh></si>'
        "<si><r><t>日本</t></r><r><rPr><b/></rPr><t>語</t></r></si></sst>"
    )
    path = books.xlsx(tmp_path / "a.xlsx", books.sheet(f'<row r="3">{cells}</row>'), shared)
    assert xlsx.read(path) == {"s": [(3, ["宁东大道", "日本語", "长沙", "张三", "AB", "", xlsx.BAD])]}
