"""Tables as clerks make them: titles, footers, hidden sheets, other headers, written days, codes that look right."""

import io
import struct
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.fields import bank_card, card_number, citizen_id, region, social_credit
from sbcard_core.validation.check import check_files
from sbcard_core.validation.field_rules import plain_day
from sbcard_core.validation.layouts import BACK_FILE, OPENING_RESULT
from sbcard_core.validation.records import CheckedBatch, masked
from sbcard_core.validation.spec import COLLECTION, RecordSpec, Sensitivity
from sbcard_core.validation.titles import is_title
from sbcard_core.values import Severity

ON = date(2014, 7, 31)
HEADERS = [field.header for field in COLLECTION.fields]
KEYS = [field.field for field in COLLECTION.fields]


def number(serial: int = 2, birth: str = "19491231") -> str:
    body = f"430102{birth}{serial:03}"
    return body + citizen_id.check_digit(body)


def row(at: int = 1, **changes: str) -> list[str]:
    values = f"{at},F{at},{number(2 * at)},张三,2,01,19491231,13800138000,4,430102,103,20140701".split(",")
    return list((dict(zip(KEYS, values, strict=True)) | changes).values())


def csv_of(*rows: Sequence[str], headers: Sequence[str] = HEADERS) -> bytes:
    return "".join(",".join(cells) + "\r\n" for cells in [headers, *rows]).encode("gb18030")


def checked(tmp_path: Path, data: bytes, name: str = "a.csv", spec: RecordSpec = COLLECTION) -> list[CheckedBatch]:
    (tmp_path / name).write_bytes(data)
    return list(check_files([tmp_path / name], spec, on=ON))


def codes(batches: Sequence[CheckedBatch]) -> list[str]:
    return [finding.code for batch in batches for finding in batch.findings]


def accepted(batches: Sequence[CheckedBatch]) -> list[list[str]]:
    return [list(row[:-1]) for batch in batches for row in batch.accepted]


# ------------------------------------------------------------------------------------------- titles and footers


@pytest.mark.parametrize(
    "line",
    [
        "填报单位:第一中学 联系电话:13800138000",
        "批次号:43010020140818001",
        "批次号,43010020140818001",
        "导出时间 20140731120000",
        "联系电话:,13800138000",
    ],
)
def test_a_title_with_a_long_number_is_passed_over(tmp_path: Path, line: str) -> None:
    batches = checked(tmp_path, f"{line}\r\n".encode("gb18030") + csv_of(row(1), row(2)))
    assert (len(accepted(batches)), codes(batches)) == (2, [])


@pytest.mark.parametrize("line", [number(2), f"1,F1,{number(2)},张三", "1,13800138000", "6228480402564890018,张三"])
def test_a_short_record_above_the_header_is_no_title(tmp_path: Path, line: str) -> None:
    batches = checked(tmp_path, f"{line}\r\n".encode("gb18030") + csv_of(row(2)))
    assert codes(batches) == ["file.header"]


@given(st.lists(st.sampled_from(["", "a", "张三", "1", "13800138000", number(2), "6228480402564890018"]), max_size=12))
def test_no_title_holds_a_citizen_or_account_number_alone(cells: list[str]) -> None:
    if is_title(cells, 12):
        assert not {number(2), "6228480402564890018"} & set(cells)
        assert sum(map(bool, cells)) < 6


@pytest.mark.parametrize(
    "line", ["合　计：３人", "（合计）", "第１页", "共２条", "制表人：张三", "联系电话：13800138000"]
)
def test_footers_in_full_width_signs_are_no_records(tmp_path: Path, line: str) -> None:
    batches = checked(tmp_path, csv_of(row(1)) + f"{line}\r\n".encode("gb18030"))
    assert codes(batches) == ["record.footer"]


# ------------------------------------------------------------------------------------------------------ headers


@pytest.mark.parametrize(
    "header", ["身份证号码", "社会保障号", "公民身份号码", "身份证号", "社会保障号码（必填）", "*身份证号码(必填项)"]
)
def test_other_words_for_the_citizen_number_are_taken(tmp_path: Path, header: str) -> None:
    headers = [header if one == "社会保障号码" else one for one in HEADERS]
    assert len(accepted(checked(tmp_path, csv_of(row(1), headers=headers)))) == 1


def test_its_own_header_comes_before_an_alias(tmp_path: Path) -> None:
    batches = checked(tmp_path, csv_of([*row(1), "x"], headers=[*HEADERS, "身份证号码"]))
    assert (len(accepted(batches)), codes(batches)) == (1, [])


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-16"])
def test_the_missing_column_is_named(tmp_path: Path, encoding: str) -> None:
    headers = [one for one in HEADERS if one not in ("民族", "社会保障号码")]
    data = f"采集表\r\n{','.join(headers)}\r\n1,F1\r\n".encode(encoding)
    (finding,) = [one for batch in checked(tmp_path, data) for one in batch.findings]
    assert finding.code == "file.header"
    assert finding.message_zh.endswith(";缺少列:社会保障号码、民族")
    assert finding.message_en.endswith("; without 社会保障号码、民族")


@pytest.mark.parametrize("end", ["\n", "\r\n", " \n "])
def test_a_line_end_around_a_cell_is_no_part_of_it(tmp_path: Path, end: str) -> None:
    rows = [row(1), row(2), row(3)]
    written = [
        [f'"{cell}{end}"' if at % 3 == one else cell for at, cell in enumerate(cells)] for one, cells in enumerate(rows)
    ]
    assert accepted(checked(tmp_path, csv_of(*written))) == rows


def test_the_doubled_column_is_named_and_a_file_of_nothing_names_none(tmp_path: Path) -> None:
    (finding,) = [one for batch in checked(tmp_path, csv_of(headers=[*HEADERS, "姓名"])) for one in batch.findings]
    assert finding.message_zh.endswith(";重复列:姓名")
    (finding,) = [one for batch in checked(tmp_path, b"a,b\r\n1,2\r\n") for one in batch.findings]
    assert "列" not in finding.message_zh.removeprefix("文件没有可识别的表头")


def test_a_dbf_with_names_cut_to_ten_bytes_is_read(tmp_path: Path) -> None:
    widths = [10, 10, 18, 50, 1, 2, 8, 12, 1, 6, 3, 8]
    fields = b"".join(
        struct.pack("<11sc4xBB14x", header.encode("gb18030")[:10], b"C", width, 0)
        for header, width in zip(HEADERS, widths, strict=True)
    )
    head = struct.pack("<B3sIHH20x", 3, b"\x72\x07\x1f", 1, 33 + len(fields), sum(widths) + 1)
    cells = b"".join(cell.encode("gb18030").ljust(width) for cell, width in zip(row(1), widths, strict=True))
    batches = checked(tmp_path, head + fields + b"\r " + cells + b"\x1a", "a.dbf")
    assert (accepted(batches), codes(batches)) == ([row(1)], [])


# ------------------------------------------------------------------------------------------------------- sheets


def book(*sheets: tuple[Sequence[Sequence[str]], bool]) -> bytes:
    """A workbook of sheets: rows, and whether they are seen."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as made:
        for rows, is_seen in sheets:
            sheet = made.add_worksheet()
            for at, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    sheet.write_string(at, column, cell)
            if not is_seen:
                sheet.hide()
            else:
                sheet.activate()
    return out.getvalue()


def test_hidden_and_empty_sheets_do_not_refuse_a_workbook_and_people_on_them_are_told_of(tmp_path: Path) -> None:
    pytest.importorskip("python_calamine")
    full, other, empty = [HEADERS, row(1)], [HEADERS, row(2)], [HEADERS]
    passed_over = ["file.passed_over"]
    for sheets, expected, told in (
        ([(full, True), (other, False)], [row(1)], passed_over),
        ([(full, True), ([HEADERS[1:], row(2)[1:]], True)], [row(1)], passed_over),
        ([(full, True), ([["代码表"], ["430102", "芙蓉区"]], True)], [row(1)], []),
        ([(empty, True), (full, True)], [row(1)], []),
        ([(empty, True), (other, False)], [row(2)], []),
        ([([["目录"]], True), (full, True), (empty, False)], [row(1)], []),
    ):
        batches = checked(tmp_path, book(*sheets), "a.xlsx")
        assert (accepted(batches), codes(batches)) == (expected, told)
    batches = checked(tmp_path, book((full, True), (other, False)), "a.xlsx")
    (finding,) = [one for batch in batches for one in batch.findings]
    assert finding.severity is Severity.WARNING
    assert finding.message_zh.endswith("未读取:Sheet2")
    assert codes(checked(tmp_path, book((full, True), (other, True)), "a.xlsx")) == ["file.sheets"]


# ------------------------------------------------------------------------------------------------ days and codes


@given(st.dates(date(1900, 1, 1), date(2014, 7, 31)), st.sampled_from(["-", "/", "."]), st.booleans())
def test_a_day_written_year_first_is_the_same_day(day: date, mark: str, padded: bool) -> None:
    text = f"{day.year}{mark}{day.month:{'02' if padded else ''}}{mark}{day.day:{'02' if padded else ''}}"
    assert plain_day(text) == plain_day(f"{text} 00:00:00") == f"{day:%Y%m%d}"
    assert plain_day(f"{day.year}年{day.month}月{day.day}日") == f"{day:%Y%m%d}"
    assert plain_day(f"{day:%d/%m/%Y}") == f"{day:%d/%m/%Y}"  # never guessed


def test_written_days_are_put_right_and_told(tmp_path: Path) -> None:
    batches = checked(
        tmp_path, csv_of(row(1, birth="1949-12-31", submitted_on="2014年7月1日"), row(2, birth="1949-12"))
    )
    assert accepted(batches) == [row(1)]
    assert codes(batches)[:2] == ["birth.format", "submitted.format"]


def test_one_person_with_a_day_in_two_spellings_is_one_person(tmp_path: Path) -> None:
    batches = checked(tmp_path, csv_of(row(1), row(1, birth="1949-12-31")))
    assert "duplicate.identical" in codes(batches)
    assert "duplicate.conflict" not in codes(batches)


@pytest.mark.parametrize("county", ["430100", "430600", "433100", "430200", "430000"])
def test_a_citys_own_code_is_no_county(tmp_path: Path, county: str) -> None:
    assert codes(checked(tmp_path, csv_of(row(1, county=county)))) == ["county.code"]


def test_only_a_city_that_has_no_districts_stands_for_its_county() -> None:
    assert not [code for code in region.counties_in(2014, frozenset({"43"})) if code.endswith("00")]
    assert "441900" in region.counties_in(2014)  # 东莞


def test_births_before_1900_are_warned_of(tmp_path: Path) -> None:
    old = row(1, id_number=number(4, "18991231"), birth="18991231")
    batches = checked(tmp_path, csv_of(old, row(2, id_number=number(6, "18991331"), birth="18991331")))
    assert accepted(batches) == [old]
    assert codes(batches) == ["birth.century", "birth.century", "id_number.date", "birth.format"]


@pytest.mark.parametrize("length", range(1, 20))
def test_zeros_alone_are_no_number(length: int) -> None:
    zeros = "0" * length
    assert not bank_card.is_valid(zeros)
    assert not card_number.is_valid(zeros)
    assert not card_number.is_legacy(zeros)
    assert not social_credit.is_valid(zeros)
    assert card_number.check_many([zeros])[0] != 0
    assert bank_card.check_many([zeros])[0] != 0


def test_zeros_as_account_and_card_number_are_refused(tmp_path: Path) -> None:
    headers = [field.header for field in OPENING_RESULT.fields]
    data = csv_of(["1", "F1", "00", "0" * 16, "", "20140701"], headers=headers)
    assert codes(checked(tmp_path, data, spec=OPENING_RESULT)) == ["account_no.format"]
    headers = ["社保卡号", "社会保障号码", "卡识别码", "失败环节", "失败原因"]
    data = csv_of(["0" * 9, number(2), "430100D156000005" + "0" * 16, "", ""], headers=headers)
    assert codes(checked(tmp_path, data, spec=BACK_FILE)) == ["card_no.format"]
    headers = ["社保卡号", "社会保障号码", "卡识别码", "失败环节", "失败原因", "个人帐户", "金融账户"]
    made = ["B00000019", number(2), "430100D156000005" + "1" * 16, "", ""]
    for accounts, expected in (
        (["0" * 16, "0"], 2),
        (["0012", ""], 0),
        (["1" + "0" * 31, "01"], 0),
        (["1" * 33, "-1"], 2),
    ):
        data = csv_of([*made, *accounts], headers=headers)
        assert codes(checked(tmp_path, data, spec=BACK_FILE)) == ["account_no.format"] * expected


# ------------------------------------------------------------------------------------------------------- masking


@given(st.sampled_from(list(Sensitivity)), st.sampled_from(["13800138000", "110105194912310021", "张三丰", "欧阳娜娜"]))
def test_no_column_shows_a_value_of_another_kind_whole(sensitivity: Sensitivity, value: str) -> None:
    shown = masked(value, sensitivity)
    assert value not in shown
    assert shown.count("*") >= min(4, len(value) - 1)


def test_a_mobile_number_in_another_column_is_hidden_as_one(tmp_path: Path) -> None:
    batches = checked(tmp_path, csv_of(row(1, seq="13800138000"), row(2, bank="张三丰")))
    assert [one.value_masked for batch in batches for one in batch.findings] == ["138****8000", "张**"]


def test_texts_of_formulas_and_days_in_chinese_formats_are_read_as_shown(tmp_path: Path) -> None:
    """Older readers made numbers of such texts, and gave built-in formats 27 to 36 and 50 to 58 as numbers."""
    pytest.importorskip("python_calamine")
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as made:
        sheet = made.add_worksheet()
        for column, header in enumerate(HEADERS):
            sheet.write_string(0, column, header)
        for at, (form, shown) in enumerate([("0012345", 27), ("00123", 31), ("1E5", 36), ("12e3", 50), ("7", 58)], 1):
            for column, cell in enumerate(row(at)):
                sheet.write_string(at, column, cell)
            sheet.write_formula(at, 1, f'="{form}"', None, form)
            sheet.write_number(at, 11, 41821, made.add_format({"num_format": shown}))
    batches = checked(tmp_path, out.getvalue(), "a.xlsx")
    assert [cells[1] for cells in accepted(batches)] == ["0012345", "00123", "1E5", "12e3", "7"]
    assert {cells[11] for cells in accepted(batches)} == {"20140701"}


@pytest.mark.parametrize(
    "written", ["~{UEH}~}", "&#24352;&#19977;", "\\u5f20\\u4e09", "%E5%BC%A0", "〃", '""', "⾼⼭", "Ã¥Â¼Â"]
)
def test_names_in_other_notations_are_refused(tmp_path: Path, written: str) -> None:
    (tmp_path / "a.csv").write_bytes(
        "".join(f"{','.join(one)}\r\n" for one in (HEADERS, row(1, name=written))).encode()
    )
    (batch,) = check_files([tmp_path / "a.csv"], on=ON)
    assert (len(batch.accepted), batch.rejected) == (0, 1)


def test_dashes_between_han_are_the_dot_and_selectors_are_nothing(tmp_path: Path) -> None:
    rows = [row(1, name="阿不都—热依木"), row(2, name="葛\U000e0100城")]
    (tmp_path / "a.csv").write_bytes("".join(f"{','.join(one)}\r\n" for one in (HEADERS, *rows)).encode())
    batches = list(check_files([tmp_path / "a.csv"], on=ON))
    assert [cells[3] for cells in accepted(batches)] == ["阿不都·热依木", "葛城"]
    assert codes(batches) == ["name.dot", "name.invisible"]
