"""What the zoo still meets clumsily: nothing is lost, but the clerk is told too much or too little."""

from datetime import date
from pathlib import Path

import pytest

from sbcard_core.fields import citizen_id
from sbcard_core.validation.check import check_files
from sbcard_core.validation.records import Finding
from sbcard_core.validation.spec import COLLECTION

HEADER = ",".join(field.header for field in COLLECTION.fields)
NUMBER = "43010219491231002" + citizen_id.check_digit("43010219491231002")


def record(*, number: str = NUMBER, name: str = "张三", end: str = "") -> str:
    return f"1,F1,{number},{name},2,01,19491231,13800138000,4,430102,103,20140701{end}"


def findings(folder: Path, *lines: str) -> tuple[list[Finding], tuple[int, int, int]]:
    path = folder / "430100.csv"
    path.write_bytes("\r\n".join([HEADER, *lines, ""]).encode("gb18030"))
    batches = list(check_files([path], on=date(2014, 7, 31)))
    summary = batches[-1].summary
    assert summary is not None
    found = [finding for batch in batches for finding in batch.findings]
    return found, (summary.accepted, summary.rejected, summary.quarantined)


@pytest.mark.xfail(strict=True, reason="a total line is judged as a person: eleven findings, not one")
@pytest.mark.parametrize("line", ["合计,1" + "," * 10, "填表人:,张三" + "," * 10, HEADER])
def test_a_line_that_is_no_person_gets_one_finding(line: str, tmp_path: Path) -> None:
    found, fate = findings(tmp_path, record(), line)
    assert fate[0] == 1
    assert len(found) == 1


@pytest.mark.xfail(strict=True, reason="empty cells beyond the header's columns put the record aside")
def test_empty_cells_beyond_the_header_do_no_harm(tmp_path: Path) -> None:
    assert findings(tmp_path, record(end=",,"))[1] == (1, 0, 0)


@pytest.mark.xfail(strict=True, reason="the wrapping that spreadsheet users put around numbers is not taken off")
@pytest.mark.parametrize("number", ["'" + NUMBER, f'"=""{NUMBER}"""', f"\u202a{NUMBER}\u202c"])
def test_wrapping_around_a_number_is_taken_off(number: str, tmp_path: Path) -> None:
    assert findings(tmp_path, record(number=number))[1] == (1, 0, 0)


@pytest.mark.xfail(strict=True, reason="a number in scientific notation is called malformed, not lost")
def test_scientific_notation_is_told_apart(tmp_path: Path) -> None:
    found, _ = findings(tmp_path, record(number="4.30102E+17"))
    assert [finding.code for finding in found] != ["id_number.characters"]


@pytest.mark.xfail(strict=True, reason="invisible characters in a name refuse the person")
def test_invisible_characters_in_a_name_are_taken_out(tmp_path: Path) -> None:
    assert findings(tmp_path, record(name="张\u200b三"))[1] == (1, 0, 0)
