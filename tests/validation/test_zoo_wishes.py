"""What clerks' files hold besides records, and around numbers: each told once, nobody refused for it."""

from datetime import date
from pathlib import Path

import pytest

from sbcard_core.fields import citizen_id, name
from sbcard_core.validation import messages
from sbcard_core.validation.check import check_files
from sbcard_core.validation.records import Finding
from sbcard_core.validation.repair import ASK_ALWAYS
from sbcard_core.validation.spec import COLLECTION

HEADER = ",".join(field.header for field in COLLECTION.fields)
NUMBER = "43010219491231002" + citizen_id.check_digit("43010219491231002")


def record(*, number: str = NUMBER, person: str = "张三", end: str = "") -> str:
    return f"1,F1,{number},{person},2,01,19491231,13800138000,4,430102,103,20140701{end}"


def findings(folder: Path, *lines: str) -> tuple[list[Finding], tuple[int, int, int]]:
    path = folder / "430100.csv"
    path.write_bytes("\r\n".join([HEADER, *lines, ""]).encode("gb18030"))
    batches = list(check_files([path], on=date(2014, 7, 31)))
    summary = batches[-1].summary
    assert summary is not None
    found = [finding for batch in batches for finding in batch.findings]
    return found, (summary.accepted, summary.rejected, summary.quarantined)


@pytest.mark.parametrize("line", ["合计,1" + "," * 10, "填表人:,张三" + "," * 10, HEADER])
def test_a_line_that_is_no_person_gets_one_finding(line: str, tmp_path: Path) -> None:
    found, fate = findings(tmp_path, record(), line)
    assert fate == (1, 0, 1)
    assert [finding.code for finding in found] == ["record.header_again" if line == HEADER else "record.footer"]


def test_the_bytes_of_such_a_line_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "430100.csv"
    path.write_bytes("\r\n".join([HEADER, record(), "合计:,1人", ""]).encode("gb18030"))
    (batch,) = check_files([path], on=date(2014, 7, 31), quarantine_dir=tmp_path)
    assert [line.raw.decode("gb18030") for line in batch.quarantine] == ["合计:,1人\r\n"]
    assert (tmp_path / "430100.csv.quarantine").read_bytes() == batch.quarantine[0].raw


@pytest.mark.parametrize("changes", [{"seq": "合计"}, {"form": "填表人"}, {"name": "共计"}])
def test_a_person_is_never_taken_for_a_footer(changes: dict[str, str], tmp_path: Path) -> None:
    said = {"seq": "1", "form": "F1", "name": "张三"} | changes
    line = f"{said['seq']},{said['form']},{NUMBER},{said['name']}" + "," * 8  # most cells are empty
    found, fate = findings(tmp_path, line)
    assert fate == (0, 1, 0)
    assert "record.footer" not in {finding.code for finding in found}


def test_a_value_beyond_the_header_is_never_dropped(tmp_path: Path) -> None:
    found, fate = findings(tmp_path, record(end=",,x"))
    assert fate == (0, 0, 1)
    assert [finding.code for finding in found] == ["record.columns"]


def test_cells_beyond_the_header_hide_no_duplicate(tmp_path: Path) -> None:
    found, fate = findings(tmp_path, record(end=","), record(), record(end='," "'))
    assert fate == (1, 2, 0)
    assert [finding.code for finding in found] == ["duplicate.identical"] * 2


def test_empty_cells_beyond_the_header_do_no_harm(tmp_path: Path) -> None:
    assert findings(tmp_path, record(end=",,"))[1] == (1, 0, 0)


@pytest.mark.parametrize("number", ["'" + NUMBER, f'"=""{NUMBER}"""', f"\u202a{NUMBER}\u202c"])
def test_wrapping_around_a_number_is_taken_off(number: str, tmp_path: Path) -> None:
    found, fate = findings(tmp_path, record(number=number))
    assert fate == (1, 0, 0)
    assert [(finding.code, finding.repair) for finding in found] == [("id_number.wrapped", NUMBER)]


@pytest.mark.parametrize("number", ["'" + NUMBER, f"\u200f{NUMBER}"])
def test_wrapping_hides_no_duplicate(number: str, tmp_path: Path) -> None:
    found, fate = findings(tmp_path, record(), record(number=number))
    assert fate == (1, 1, 0)
    assert [finding.code for finding in found] == ["id_number.wrapped", "duplicate.identical"]


def test_wrapping_is_only_proposed_where_nothing_is_repaired(tmp_path: Path) -> None:
    path = tmp_path / "430100.csv"
    path.write_bytes("\r\n".join([HEADER, record(number="'" + NUMBER)]).encode("gb18030"))
    (batch,) = check_files([path], on=date(2014, 7, 31), repairs=ASK_ALWAYS)
    (finding,) = batch.findings
    assert (batch.rejected, finding.code, finding.proposals[0].value) == (1, "id_number.wrapped", NUMBER)


def test_scientific_notation_is_told_apart(tmp_path: Path) -> None:
    found, _ = findings(tmp_path, record(number="4.30102E+17"))
    assert [finding.code for finding in found] == ["id_number.scientific"]
    assert "文本格式" in messages.advice("id_number.scientific", "")


@pytest.mark.parametrize("person", ["张\u200b三", "\u202a张三\u202c", "张\u200d三", "\ufeff张三"])
def test_invisible_characters_in_a_name_are_taken_out(person: str, tmp_path: Path) -> None:
    found, fate = findings(tmp_path, record(person=person))
    assert fate == (1, 0, 0)
    assert [(finding.code, finding.repair) for finding in found] == [("name.invisible", "张三")]


def test_half_width_katakana_in_a_name_is_pointed_out(tmp_path: Path) -> None:
    found, fate = findings(tmp_path, record(person="張三ｱｲ"))
    assert fate == (1, 0, 0)
    assert [finding.code for finding in found] == ["name.half_width"]


def test_joiners_that_shape_letters_stay() -> None:
    joined = "\u0645\u06cc\u200c\u062e"
    assert name.visible(joined) == joined
