"""CSV files of a clerk: no line vanishes, no name is read in a wrong encoding, what is wrong is named by its line."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.cli.tables import rows
from sbcard_core.errors import InvalidValue

COLUMNS = ("id_number", "name", "amount_fen")
HEAD = ",".join(COLUMNS)


def read(path: Path, data: bytes) -> list[tuple[int, dict[str, str]]]:
    path.write_bytes(data)
    return list(rows(path, COLUMNS, "test"))


CELL = st.text(st.sampled_from('a1张, "\n\r\t'), max_size=6)


@given(st.lists(st.lists(st.text(st.sampled_from('a1张,"x '), max_size=12), max_size=1).map("".join), max_size=8))
def test_every_line_with_content_is_in_one_row_or_the_file_is_refused(lines: list[str]) -> None:
    with TemporaryDirectory() as folder:
        data = "\n".join([HEAD, *lines]).encode()
        try:
            found = read(Path(folder, "t.csv"), data)
        except InvalidValue:
            return
    starts = [line for line, _ in found]
    assert starts == sorted(set(starts))
    spans = {line: 1 + sum(cell.count("\n") for cell in row.values()) for line, row in found}
    covered = {line + more for line, count in spans.items() for more in range(count)}
    assert sum(spans.values()) == len(covered)
    for number, text in enumerate(lines, 2):
        assert number in covered or not text.replace(",", "").replace('"', "").strip()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk"])
@pytest.mark.parametrize("name", ["谢小平", "张三", "阿依古丽·买买提"])
def test_a_short_file_in_either_encoding_gives_its_names(tmp_path: Path, encoding: str, name: str) -> None:
    ((line, row),) = read(tmp_path / "t.csv", f"{HEAD}\r\n1,{name},5\r\n".encode(encoding))
    assert (line, row) == (2, {"id_number": "1", "name": name, "amount_fen": "5"})


def test_files_of_two_encodings_joined_are_refused_by_the_line(tmp_path: Path) -> None:
    many = "".join(f"{at},张三,5\n" for at in range(9))
    data = f"{HEAD}\n{many}".encode() + "9,谢小平,5\n".encode("gb18030")
    with pytest.raises(InvalidValue, match=r"line 11 is in another encoding|line 11 cannot be read"):
        read(tmp_path / "t.csv", data)
    data = f"{HEAD}\n{many}".encode("gb18030") + "9,张三,5\n".encode()
    with pytest.raises(InvalidValue, match=r"line 11 is in another encoding|line 11 cannot be read"):
        read(tmp_path / "t.csv", data)


@pytest.mark.parametrize("blank", [",,", "", "  ", " , ,\t", ",,,,"])
def test_lines_without_content_are_passed_over(tmp_path: Path, blank: str) -> None:
    found = read(tmp_path / "t.csv", f"{HEAD}\n1,张三,5\n{blank}\n2,李四,6\n{blank}\n".encode())
    assert [line for line, _ in found] == [2, 4]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (['1,张三,5,"', "2,李四,6,", '3,王五,7,"'], "line 2 has not the header's columns"),
        (['1,"张三,5', "2,李四,6", '3,王五",7'], "line 2 has not the header's columns"),
        (["1,张三,5,6,7"], "line 2 has not the header's columns"),
        (["1,张三"], "line 2 has not the header's columns"),
    ],
)
def test_a_stray_quote_swallows_no_line(tmp_path: Path, lines: list[str], said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        read(tmp_path / "t.csv", "\n".join([f"{HEAD},备注", *lines]).encode())


def test_a_quoted_cell_may_go_on_in_the_next_line(tmp_path: Path) -> None:
    found = read(tmp_path / "t.csv", f'{HEAD},备注\n1,张三,5,"两行\n备注"\n2,李四,6,"a,""b"""\n'.encode())
    assert [(line, row["id_number"], row["备注"]) for line, row in found] == [(2, "1", "两行\n备注"), (4, "2", 'a,"b"')]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "lacks id_number"),
        (b"id_number,name\n", "lacks amount_fen"),
        (b"id_number,name,amount_fen,name\n", "the column name stands twice"),
        (b"\xff\xfe1\x00", "is no text"),
        (b"PK\x03\x04\xff\xff\x00", "is no CSV text but: workbook"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        read(tmp_path / "t.csv", data)
