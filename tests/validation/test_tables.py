"""Tables a command takes whole, lists of numbers, bank files: no line vanishes, no name changes."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sbcard_core.cli.tables import rows
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import citizen_id
from sbcard_core.hosts import bankfile
from sbcard_core.validation import known_list
from sbcard_core.validation.check import check_files
from sbcard_core.validation.spec import COLLECTION

HEADER = "id_number,name,amount_fen"
PIECES = st.lists(st.sampled_from(['"', '""', ",", "\n", "张三", "1", "谢小平", '",', ',"', "1,李四,200"]), max_size=6)
BODIES = st.lists(PIECES.map("".join), max_size=5).map("\n".join)


def number(serial: int = 2) -> str:
    body = f"43010219491231{serial:03}"
    return body + citizen_id.check_digit(body)


def table(tmp_path: Path, data: bytes) -> list[tuple[int, dict[str, str]]]:
    (tmp_path / "a.csv").write_bytes(data)
    return list(rows(tmp_path / "a.csv", HEADER.split(","), "test"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(BODIES, st.sampled_from(["gb18030", "utf-8", "utf-8-sig", "utf-16"]))
@example('1,"张三,100\n2,李四",200', "utf-8")
def test_a_table_is_read_line_by_line_or_refused(tmp_path: Path, body: str, encoding: str) -> None:
    lines = [(at, line) for at, line in enumerate(body.split("\n"), 2) if line.strip()]
    try:
        found = table(tmp_path, f"{HEADER}\n{body}".encode(encoding))
    except InvalidValue:
        return
    starts = [at for at, _ in found]
    assert all(text.count(",") < 2 for at, text in lines if at not in starts)  # inside a quoted cell, and no record
    assert len(found) == len(starts) == len(set(starts))


def test_a_stray_quote_refuses_the_table_and_names_its_line(tmp_path: Path) -> None:
    for end in ("\n", "\r\n", "\r"):
        lines = [HEADER, '1,"张三,100', '2,李四",200', "3,王五,300"]
        with pytest.raises(InvalidValue, match="line 2") as refused:
            table(tmp_path, end.join(lines).encode("gb18030"))
        assert "张三" not in str(refused.value)


def test_short_names_of_gb_are_read_as_gb_and_mixed_lines_are_refused(tmp_path: Path) -> None:
    gb = f"{HEADER}\n1,谢小平,100\n".encode("gb18030")
    assert table(tmp_path, gb) == [(2, {"id_number": "1", "name": "谢小平", "amount_fen": "100"})]
    with pytest.raises(InvalidValue, match="line 3"):
        table(tmp_path, gb + "2,张三,200\n".encode() + "3,李四,300\n4,王五,400\n".encode("gb18030"))
    with pytest.raises(InvalidValue, match="line 3"):
        table(tmp_path, f"{HEADER}\n1,张三,1\n".encode() + "2,谢小平,200\n".encode("gb18030") + "3,李四,3\n".encode())


# ------------------------------------------------------------------------------------------------- known numbers


def known(tmp_path: Path, data: bytes) -> list[str]:
    (tmp_path / "known.csv").write_bytes(data)
    return list(known_list.read(tmp_path / "known.csv"))


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("form", ['"{}"', '="{}"', "'{}", "{}", " {} ", '"=""{}"""'])
def test_a_list_is_read_in_every_form_programs_write(tmp_path: Path, encoding: str, form: str) -> None:
    cell = form.format(number(4))
    assert known(tmp_path, f"{cell}\r\n".encode(encoding)) == [number(4)]
    assert known(tmp_path, f"序号,社会保障号码,姓名\r\n1,{cell},张三\r\n".encode(encoding)) == [number(4)]
    assert known(tmp_path, f"1,张三,{cell}\r\n".encode(encoding)) == [number(4)]


def test_a_quote_that_nothing_closes_costs_no_number_of_a_list(tmp_path: Path) -> None:
    text = f'{number(4)},"张三\r\n{number(6)},李四\r\n'
    assert known(tmp_path, text.encode()) == [number(4), number(6)]


@pytest.mark.parametrize("text", ["序号,姓名\r\n1,张三\r\n2,李四\r\n", "张三\r\n李四\r\n", "", "\r\n\r\n"])
def test_a_list_without_any_number_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidValue, match="no number"):
        known(tmp_path, text.encode())


@pytest.mark.parametrize("titles", [["已发卡人员名单"], ["长沙市,,,", "制表日期：2014年7月31日", ""]])
def test_titles_above_the_header_of_a_list_hide_no_column(tmp_path: Path, titles: list[str]) -> None:
    header = "序号,申领表编码,社会保障号码,姓名"
    rows = [*titles, header, f"1,F00000001,{number(1)},张三", f"2,F00000002,{number(2)},李四"]
    (tmp_path / "list.csv").write_bytes("\r\n".join(rows).encode("gb18030"))
    found = list(known_list.read(tmp_path / "list.csv"))
    assert found[-2:] == [number(1), number(2)]
    assert not {"F00000001", "F00000002"} & set(found)


def test_accepted_records_of_one_check_are_known_to_the_next(tmp_path: Path) -> None:
    headers = ",".join(field.header for field in COLLECTION.fields)
    record = f"1,F1,{number(2)},张三,2,01,19491231,13800138000,4,430102,103,20140701"
    path = tmp_path / "a.csv"
    path.write_bytes(f"{headers}\r\n{record}\r\n".encode("utf-8-sig"))
    (batch,) = check_files([path], on=date(2014, 7, 31), known=known_list.read(path))
    assert [finding.code for finding in batch.findings] == ["duplicate.known"]


# ----------------------------------------------------------------------------------------- partners' files


def test_a_bank_file_in_utf8_is_refused_and_one_line_of_it_is_bad(tmp_path: Path) -> None:
    path = tmp_path / "payout.txt"
    detail = "D|{}|6228480402564890018|{}|" + number(2) + "|100"
    lines = [detail.format(at, one) for at, one in enumerate(("张三", "李四", "王伟", "谢小平"), 1)]
    whole = ["H|PAYCONF|B1|103|20140818", *lines, "T|4|400"]
    spec = bankfile.PAYOUT_CONFIRMATION

    def written(encodings: Sequence[str]) -> bytes:
        return b"".join(f"{line}\n".encode(one) for line, one in zip(whole, encodings, strict=True))

    head = "|".join(["H", spec.kind, *["1"] * (len(spec.header) - 1)])
    whole[0], whole[-1] = head, "|".join(["T", "4", *["1"] * (len(spec.trailer) - 1)])
    whole[1:-1] = ["|".join(["D", str(at), *["张三"] * (len(spec.line) - 1)]) for at in range(1, 5)]
    path.write_bytes(written(["utf-8"] * 6))
    with pytest.raises(bankfile.BankFileRefused, match="UTF-8"):
        bankfile.read(path, spec)
    path.write_bytes(written(["gb18030"] * 3 + ["utf-8"] + ["gb18030"] * 2))
    read = bankfile.read(path, spec)
    assert [(bad.line, bad.code) for bad in read.bad_lines] == [(4, "undecodable")]
    assert read.delivered == 4
