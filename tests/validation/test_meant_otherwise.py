"""Values and files right in form that say something else: lost digits, ditto marks, pages named as workbooks."""

from datetime import date
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sbcard_core.fields import citizen_id
from sbcard_core.validation.check import check_files
from sbcard_core.validation.records import Finding
from sbcard_core.validation.spec import COLLECTION
from sbcard_core.values import Disposition, Severity

ON = date(2014, 7, 31)
HEADERS = [field.header for field in COLLECTION.fields]
KEYS = [field.field for field in COLLECTION.fields]


def number(serial: int = 2, birth: str = "19491231") -> str:
    body = f"430102{birth}{serial:03}"
    return body + citizen_id.check_digit(body)


def line(**changes: str) -> str:
    values = f"1,F1,{number()},张三,2,01,19491231,13800138000,4,430102,103,20140701".split(",")
    return ",".join((dict(zip(KEYS, values, strict=True)) | changes).values())


def findings(folder: Path, *lines: str, encoding: str = "gb18030") -> list[Finding]:
    path = folder / "a.csv"
    path.write_bytes("\r\n".join([",".join(HEADERS), *lines, ""]).encode(encoding))
    return [finding for batch in check_files([path], on=ON) for finding in batch.findings]


def codes(found: list[Finding]) -> list[str]:
    return [finding.code for finding in found]


# --------------------------------------------------------------------------------------- fifteen digits of eighteen

_RIGHT_000 = [
    found
    for day in range(1, 29)
    for hundreds in range(2, 10, 2)
    if (found := number(100 * hundreds, f"195001{day:02}")).endswith("000")
]


@given(st.integers(1, 999), st.dates(date(1940, 1, 1), date(2014, 7, 1)))
def test_a_number_that_lost_its_last_three_digits_is_never_taken_without_a_word(
    tmp_path_factory: pytest.TempPathFactory, serial: int, born: date
) -> None:
    rounded = number(serial, f"{born:%Y%m%d}")[:15] + "000"
    sex = "12"[int(rounded[16]) % 2 == 0]
    found = findings(tmp_path_factory.mktemp("a"), line(id_number=rounded, birth=f"{born:%Y%m%d}", sex=sex))
    assert [one.code for one in found if one.field == "id_number"] == ["id_number.rounded"]
    (finding,) = [one for one in found if one.field == "id_number"]
    if citizen_id.is_valid(rounded):
        assert (finding.severity, finding.disposition) == (Severity.WARNING, Disposition.ACCEPTED)
    else:
        assert finding.severity is Severity.ERROR
        assert finding.proposals == ()  # a digit beside the lost ones would name somebody else


def test_a_right_number_that_ends_so_stays_a_persons_and_is_pointed_out(tmp_path: Path) -> None:
    assert _RIGHT_000
    for right in _RIGHT_000[:3]:
        (finding,) = findings(tmp_path, line(id_number=right, birth=right[6:14]))
        assert (finding.code, finding.severity) == ("id_number.rounded", Severity.WARNING)
        assert "可能" in finding.message_zh  # it may be right
    twice = [line(id_number=_RIGHT_000[0], birth=_RIGHT_000[0][6:14], name=name) for name in ("张三", "李四")]
    assert "duplicate.conflict" in codes(findings(tmp_path, *twice))  # it does stand for somebody


@pytest.mark.parametrize("written", ["430102194912311000.0", "430102194912311000.00", "430102194912311000."])
def test_decimals_behind_a_number_say_how_it_lost_its_digits(tmp_path: Path, written: str) -> None:
    assert "id_number.rounded" in codes(findings(tmp_path, line(id_number=written)))


# -------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("word", ["同上", "同前", "待定", "待补", "不明", "空白", "略"])
def test_a_word_for_no_name_is_no_persons_name(tmp_path: Path, word: str) -> None:
    assert codes(findings(tmp_path, line(name=word))) == ["name.missing"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("⾼山", "高山"), ("⻩⼤⼒", "黄大力"), ("⻢⻰", "马龙"), ("阿里··买买提", "阿里·买买提"), ("阿里·", "阿里")],
)
def test_a_name_of_radicals_or_with_a_separator_too_many_is_refused_with_what_was_meant(
    tmp_path: Path, written: str, meant: str
) -> None:
    (finding,) = findings(tmp_path, line(name=written), encoding="utf-8")
    assert (finding.code, finding.severity) == ("name.character", Severity.ERROR)
    assert [proposal.value for proposal in finding.proposals] == [meant]


@pytest.mark.parametrize("written", ["José", "Zoë Müller", "Jürgen", "René François"])
def test_an_accent_beside_latin_letters_is_no_other_encoding(tmp_path: Path, written: str) -> None:
    assert findings(tmp_path, line(name=written), encoding="utf-8") == []


@pytest.mark.parametrize("written", ["김철수", "이영희", "박지성", "조수미", "강감찬"])
def test_a_korean_name_read_as_gb_is_pointed_out(tmp_path: Path, written: str) -> None:
    (finding,) = findings(tmp_path, line(name=written.encode("euc_kr").decode("gb18030")))
    assert (finding.code, finding.severity) == ("name.doubtful", Severity.WARNING)


def test_several_blanks_between_latin_words_become_one(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, line(name="JOHN  SMITH"))
    assert (finding.code, finding.repair) == ("name.blank", "JOHN SMITH")


@given(st.sampled_from(KEYS), st.text(st.sampled_from("\u202e\u200b\u2066\u3164"), min_size=1, max_size=3))
def test_no_shown_value_begins_with_a_character_that_steers_the_text_around_it(
    tmp_path_factory: pytest.TempPathFactory, key: str, marks: str
) -> None:
    value = line().split(",")[KEYS.index(key)]
    found = findings(tmp_path_factory.mktemp("a"), line(**{key: marks + value + "?"}), encoding="utf-8")
    assume(found)
    assert all(set(one.value_masked).isdisjoint(marks) for one in found)


# ------------------------------------------------------------------------------------------------ files by bytes

_TABLE = "<table><tr><td>" + "</td><td>".join(HEADERS) + "</td></tr></table>"
_PAGES = {
    "html": _TABLE,
    "comment first": f"<!-- 报表 -->\r\n<html><body>{_TABLE}",
    "a part of a page": f"<div class=x>{_TABLE}</div>",
    "mht": f"MIME-Version: 1.0\r\nX-Document-Type: Workbook\r\n\r\n{_TABLE}",
    "mht of a browser": f"From: <由 Excel 保存>\r\nSubject:\r\nDate: x\r\n y\r\nMIME-Version: 1.0\r\n\r\n{_TABLE}",
    "xml": '<?xml version="1.0"?>\r\n<?mso-application progid="Excel.Sheet"?><Workbook/>',
}


@pytest.mark.parametrize("kind", _PAGES)
@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["a.xls", "a.xlsx", "a.csv"])
def test_a_page_named_as_a_table_is_known_by_its_bytes(tmp_path: Path, kind: str, encoding: str, name: str) -> None:
    if kind.startswith("mht") and encoding.startswith("utf-16"):
        return  # a mail is 7-bit
    (tmp_path / name).write_bytes(_PAGES[kind].encode(encoding))
    (batch,) = check_files([tmp_path / name], on=ON)
    (finding,) = batch.findings
    assert (finding.code, batch.records) == ("file.kind", 0)
    assert "网页" in finding.message_zh
    assert finding.message_en.startswith("a web page")


@pytest.mark.parametrize("head", ["ID;PWXL;N;E\r\nC;Y1;X1;K1\r\n", 'TABLE\r\n0,1\r\n"EXCEL"\r\n'])
def test_other_forms_of_spreadsheets_are_no_text(tmp_path: Path, head: str) -> None:
    (tmp_path / "a.csv").write_text(head)
    (batch,) = check_files([tmp_path / "a.csv"], on=ON)
    assert codes(batch.findings) == ["file.kind"]


@pytest.mark.parametrize(("key", "header"), [("county", "区县代码"), ("sex", "性别"), ("phone", "联系手机")])
def test_an_empty_cell_is_called_empty(tmp_path: Path, key: str, header: str) -> None:
    (finding,) = findings(tmp_path, line(**{key: " "}))
    assert finding.message_zh == f"{header}为空"
