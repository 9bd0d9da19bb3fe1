"""The workbook as a clerk's program opens it."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from unittest.mock import ANY

import openpyxl
import pytest

from sbcard_core.validation import kickback, messages
from sbcard_core.validation.check import check_files
from sbcard_core.validation.records import Finding
from sbcard_core.validation.spec import COLLECTION
from sbcard_core.values import Disposition, Severity


def finding(value: str, *, code: str = "county.code", file: str = "430100.csv", line: int = 2) -> Finding:
    field = code.split(".", maxsplit=1)[0]
    return Finding(file, line, field, code, Severity.ERROR, Disposition.REJECTED, value, "原因", "reason")


def sheets(path: Path) -> list[list[tuple[object, ...]]]:
    return [list(sheet.iter_rows(values_only=True)) for sheet in openpyxl.load_workbook(path)]


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", "=HYPERLINK(\"http://x\")", "http://x", "007", "1e5", ""])  # fmt: skip  # noqa: E501
def test_every_cell_is_text(tmp_path: Path, value: str) -> None:
    kickback.write(tmp_path / "k.xlsx", [finding(value)], title="退回清单")
    sheet = openpyxl.load_workbook(tmp_path / "k.xlsx").active
    assert sheet is not None
    assert (sheet["D2"].value or "") == value
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s"}
    assert sheet["D2"].hyperlink is None
    assert sheet["A2"].value == "2"


def test_header_is_frozen_and_columns_are_wide_enough(tmp_path: Path) -> None:
    kickback.write(tmp_path / "k.xlsx", [finding("440101")], title="长沙市退回清单")
    book = openpyxl.load_workbook(tmp_path / "k.xlsx")
    sheet = book.active
    assert sheet is not None
    assert [cell.value for cell in sheet[1]] == ["行号", "处理", "字段", "值(遮盖)", "原因", "建议", "错误代码"]
    assert [cell.value for cell in sheet[2]][1:] == ["退回", "区县代码", "440101", "原因", ANY, "county.code"]
    assert sheet.freeze_panes == "A2"
    assert sheet.column_dimensions["E"].width > 40
    assert book.properties.title == "长沙市退回清单"


def test_one_sheet_per_file_and_another_when_it_is_full(tmp_path: Path) -> None:
    rows = [finding("x", file=file, line=line) for line in range(2, 5) for file in ("a[1].csv", "b/c.csv")]
    assert kickback.write(tmp_path / "k.xlsx", rows, title="t", max_rows=3) == 6
    read = sheets(tmp_path / "k.xlsx")
    assert [[row[0] for row in sheet[1:]] for sheet in read] == [["2", "3"], ["2", "3"], ["4"], ["4"]]


def test_control_characters_do_not_break_the_workbook(tmp_path: Path) -> None:
    kickback.write(tmp_path / "k.xlsx", [finding("a\x00\x07b\ud800\ufffe")], title="t\x01&\x02")
    assert sheets(tmp_path / "k.xlsx")[0][1][3] == "a\ufffd\ufffdb\ufffd\ufffd"


def test_no_findings_give_an_empty_list_and_the_same_list_the_same_bytes(tmp_path: Path) -> None:
    assert kickback.write(tmp_path / "none.xlsx", [], title="t") == 0
    assert len(sheets(tmp_path / "none.xlsx")[0]) == 1
    for name in ("a.xlsx", "b.xlsx"):
        kickback.write(tmp_path / name, [finding("1")], title="t")
    assert (tmp_path / "a.xlsx").read_bytes() == (tmp_path / "b.xlsx").read_bytes()


def test_a_checked_file_becomes_a_list_without_full_numbers(tmp_path: Path) -> None:
    header = ",".join(field.header for field in COLLECTION.fields)
    record = "1,F1,610104620927690,张三,1,01,19620927,138-0013-8000,4,430102,=1+1,20140701"
    (tmp_path / "430100.csv").write_text(f"{header}\n{record}\n", "gb18030")
    (batch,) = check_files([tmp_path / "430100.csv"], on=date(2014, 7, 31))
    kickback.write(tmp_path / "k.xlsx", batch.findings, title="t")
    rows = sheets(tmp_path / "k.xlsx")[0][1:]
    assert [row[6] for row in rows] == ["id_number.length15", "phone.format", "bank.code"]
    assert rows[0][5] == "改用18位号码:第6位后插入19,末位加校验码8"
    assert rows[1][5] == "向本人核实联系电话(改为:138****8000)"
    assert rows[2][3] == "=1+1"
    assert "610104196209276908" not in str(rows)


def test_every_code_has_words_for_clerk_and_log() -> None:
    for code in messages.codes():
        message = messages.words(code)
        assert not message.zh.isascii(), code
        assert message.advice_zh or code.partition(".")[0] in ("form_refused", "lengthen"), code
    codes = {field.code for field in COLLECTION.fields} | {field.missing for field in COLLECTION.fields} - {""}
    assert codes <= messages.codes()


@pytest.mark.parametrize(
    ("disposition", "repair", "shown"),
    [
        (Disposition.REJECTED, "", "退回"),
        (Disposition.REJECTED, "430102", "退回"),
        (Disposition.QUARANTINED, "", "隔离"),
        (Disposition.ACCEPTED, "430102", "已修正"),
        (Disposition.ACCEPTED, "", "提示"),
    ],
)
def test_only_what_was_changed_is_called_so(tmp_path: Path, disposition: Disposition, repair: str, shown: str) -> None:
    found = replace(finding("1"), disposition=disposition, repair=repair)
    kickback.write(tmp_path / "k.xlsx", [found], title="t")
    assert sheets(tmp_path / "k.xlsx")[0][1][1] == shown


def test_a_long_reason_goes_on_in_the_next_line_of_its_cell(tmp_path: Path) -> None:
    kickback.write(tmp_path / "k.xlsx", [finding("1")], title="t")
    sheet = openpyxl.load_workbook(tmp_path / "k.xlsx").active
    assert sheet is not None
    assert [bool(sheet[f"{column}2"].alignment.wrap_text) for column in "DEFG"] == [False, True, True, False]
