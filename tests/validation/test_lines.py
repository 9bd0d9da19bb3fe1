"""Laws over the lines of a text file: each one is accounted for, and none vanishes into a neighbour's cell."""

import csv
import io
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sbcard_core.fields import citizen_id
from sbcard_core.validation import sources, utf16
from sbcard_core.validation.check import check_files, check_sources
from sbcard_core.validation.layouts import PAYOUT_LINE, bank_columns
from sbcard_core.validation.quotes import cells, is_open
from sbcard_core.validation.records import CheckedBatch
from sbcard_core.validation.spec import COLLECTION, RecordSpec
from sbcard_core.values import Disposition

ON = date(2014, 7, 31)
HEADER = ",".join([*(field.header for field in COLLECTION.fields), "备注"])
NAMES = ("张三", "李四", "王五", "赵六", "孙七", "周八")


def number(serial: int) -> str:
    body = f"43010219491231{serial:03}"
    return body + citizen_id.check_digit(body)


def record(at: int, note: str = "", name: str = "") -> str:
    values = f"{at},F{at},{number(2 * at)},{name or NAMES[at % 6]},2,01,19491231,13800138000,4,430102,103,20140701"
    return f"{values},{note}"


def checked(data: bytes, spec: RecordSpec = COLLECTION) -> list[CheckedBatch]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.csv")
        path.write_bytes(data)
        return list(check_files([path], spec, on=ON, batch_size=3))


def text(lines: Sequence[str], end: str = "\r\n", encoding: str = "gb18030") -> bytes:
    return "".join(line + end for line in lines).encode(encoding)


def accepted(batches: Sequence[CheckedBatch]) -> list[int]:
    return [row.line for batch in batches for row in batch.accepted]


def codes(batches: Sequence[CheckedBatch]) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for batch in batches:
        for finding in batch.findings:
            found.setdefault(finding.line, []).append(finding.code)
    return found


# ---------------------------------------------------------------------------------------------------- the law

PIECES = ('"', '""', ",", "\n", "张", "a", "1", " ", '",', ',"', "合计", number(4), record(1), record(2, '"'), HEADER)
LINES = st.lists(st.lists(st.sampled_from(PIECES), max_size=6).map("".join), max_size=8).map("\n".join)


def law_of_lines(body: str, data: bytes) -> None:
    """Every physical line has exactly one place; counted here without the reader."""
    batches = checked(data)
    summary = batches[-1].summary
    assert summary is not None
    physical = (f"{HEADER}\n{body}").split("\n")
    if physical[-1] == "":
        physical.pop()
    assert summary.lines == len(physical)
    assert 1 + summary.records + summary.blank + summary.continued == len(physical)
    assert summary.accepted + summary.rejected + summary.quarantined == summary.records
    marks = {mark.line for batch in batches for mark in batch.marks if mark.disposition is not Disposition.ACCEPTED}
    starts = {*accepted(batches), *marks}
    assert len(starts) == summary.records
    blank = {at for at, line in enumerate(physical, 1) if not line.strip()}
    inside = [at for at in range(2, len(physical) + 1) if at not in starts and at not in blank]
    assert len(inside) <= summary.continued
    for at in inside:  # nothing that stands inside another record's cell looks like a record
        assert physical[at - 1].count(",") < 12
        assert number(2) not in physical[at - 1]


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-16"])
def test_every_physical_line_is_accounted_for(encoding: str) -> None:
    @given(LINES, st.integers(1, 90))
    @example(f"{record(1)}\n{record(2, chr(34))}\n{record(3, chr(34))}\n{record(4)}", 1 << 20)
    @example('1,F1,"a\nb",c', 7)
    def law(body: str, block: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sources, "BLOCK", block)
            patch.setattr(utf16, "_ROWS", 2 + block % 5)
            law_of_lines(body, f"{HEADER}\n{body}".encode(encoding))

    law()


@given(st.binary(max_size=300), st.integers(1, 60))
def test_lines_of_any_bytes_are_accounted_for(body: bytes, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "BLOCK", block)
        summary = checked(f"{HEADER}\n".encode() + body)[-1].summary
    assert summary is not None
    lines = len(body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")) - (body[-1:] in (b"\n", b"\r", b""))
    assert summary.lines == 1 + lines
    assert summary.lines == 1 + summary.records + summary.blank + summary.continued


# ------------------------------------------------------------------------------------------------- its cases


def test_ditto_marks_in_neighbouring_lines_swallow_nobody() -> None:
    batches = checked(text([HEADER, record(1), record(2, '"'), record(3, '"'), record(4)]))
    assert accepted(batches) == [2, 5]
    assert codes(batches) == {3: ["record.quote"], 4: ["record.quote"]}


def test_ditto_marks_in_payout_lines_swallow_no_money() -> None:
    header = ",".join([*(field.header for field in PAYOUT_LINE.fields), "备注"])
    lines = [
        f"{at},6228480402564890018,{NAMES[at]},{number(2 * at)},{fen},养老金,{note}"
        for at, fen, note in ((1, 100, '"'), (2, 99999, '"'), (3, 300, ""))
    ]
    batches = checked(text([header, *lines]), PAYOUT_LINE)
    assert accepted(batches) == [4]
    assert codes(batches)[2] == codes(batches)[3] == ["record.quote"]


def test_a_quote_before_one_name_and_one_behind_another_swallow_nobody_between() -> None:
    lines = [HEADER, record(1, name='"张三'), record(2), record(3, name='王五"'), record(4)]
    batches = checked(text(lines))
    assert accepted(batches) == [3, 5]
    assert codes(batches) == {2: ["record.quote"], 4: ["name.character"]}


def test_a_short_line_with_a_citizen_number_is_not_swallowed() -> None:
    lines = [HEADER, record(1, '"'), f"2,F2,{number(4)}", record(3, '"')]
    batches = checked(text(lines))
    assert codes(batches) == {2: ["record.quote"], 3: ["record.columns"], 4: ["record.quote"]}


def test_a_real_quoted_cell_keeps_its_line_ends() -> None:
    for encoding in ("gb18030", "utf-8", "utf-16"):
        batches = checked(text([HEADER, record(1, '"补交,\r\n见附件"'), record(2)], encoding=encoding))
        assert accepted(batches) == [2, 4]
        assert codes(batches) == {}
        summary = batches[-1].summary
        assert summary is not None
        assert (summary.lines, summary.records, summary.continued) == (4, 2, 1)


def test_a_cell_that_quotes_a_whole_record_is_put_aside_with_it() -> None:
    batches = checked(text([HEADER, record(1, f'"重复:\r\n{record(2)}"'), record(3)]))
    assert accepted(batches) == [4]
    assert codes(batches) == {2: ["record.quote"], 3: ["record.quote"]}


def test_inch_marks_inside_cells_are_no_quotes() -> None:
    batches = checked(text([HEADER, record(1, '12"屏'), record(2, '14"屏'), record(3)]))
    assert accepted(batches) == [2, 3, 4]


@given(st.lists(st.text('a",;|\n ', max_size=6), min_size=1, max_size=5), st.sampled_from(",;|"))
def test_cells_written_by_another_program_are_read_as_they_were(row: list[str], delimiter: str) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator="").writerow(row)
    assert cells(out.getvalue(), delimiter) == row
    assert not is_open(out.getvalue(), delimiter)


# ------------------------------------------------------------------------------------------------- encodings


def test_records_of_another_encoding_than_the_header_name_nobody_else() -> None:
    """400 lines of UTF-8 behind a header of GB 18030: every line is put aside or has a finding on its name."""
    people = [
        first + second for first in "张王李赵刘陈杨黄周吴" for second in "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超兰霞平"
    ]
    lines = [record(at, name=people[at % len(people)]) for at in range(400)]
    batches = checked(text([HEADER]) + text(lines, encoding="utf-8"))
    summary = batches[-1].summary
    assert summary is not None
    assert summary.records == 400
    found = codes(batches)
    for batch in batches:
        for row in batch.accepted:
            assert row.name not in people
            assert "name.doubtful" in found[row.line]
    assert sum("record.encoding" in one for one in found.values()) > 80


@pytest.mark.parametrize(("ours", "other"), [("gb18030", "utf-8"), ("utf-8", "gb18030")])
def test_one_line_of_another_encoding_is_put_aside(ours: str, other: str) -> None:
    lines = [record(1), record(2, name="谢小平" if other == "gb18030" else "张三"), record(3)]
    data = text([HEADER, lines[0]], encoding=ours) + text([lines[1]], encoding=other) + text([lines[2]], encoding=ours)
    batches = checked(data)
    assert accepted(batches) == [2, 4]
    assert codes(batches) == {3: ["record.encoding"]}


def test_short_names_of_gb_without_a_header_are_not_read_as_utf8(tmp_path: Path) -> None:
    path = tmp_path / "pay.txt"
    path.write_bytes(f"D|1|6228480402564890018|谢小平|{number(2)}|100|补贴\n".encode("gb18030"))
    source = sources.Delimited(path, "|", columns=bank_columns(PAYOUT_LINE), edges="HT")
    (batch,) = check_sources([source], PAYOUT_LINE, on=ON)
    assert [row.name for row in batch.accepted] == ["谢小平"]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("寮犱笁", "name.garbled"),
        ("ÕÅÈý", "name.garbled"),
        ("谢锟斤拷", "name.garbled"),
        ("\u3164", "name.missing"),
        ("张\u3164三", "name.invisible"),
        ("张\u0301三", "name.character"),
        ("阿卜杜拉-买买提", "name.dot"),
        ("阿卜杜拉ᐧ买买提", "name.dot"),
        ("阿卜杜拉ㆍ买买提", "name.dot"),
        ("张三\u00a0", "name.blank"),
        ("张\u2003三", "name.blank"),
        ("NULL", "name.missing"),
        ("无", "name.missing"),
        ("不详", "name.missing"),
        ("\uf90a三", "name.compatibility"),
    ],
)
def test_a_name_that_is_none_or_not_written_plainly_has_a_finding(written: str, code: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        assert codes(checked(text([HEADER, record(1, name=written)], encoding=encoding))) == {2: [code]}


def test_one_person_written_with_and_without_a_filler_is_one_person() -> None:
    again = record(1, name="张\u3164三").replace("1,F1", "2,F2", 1)
    found = codes(checked(text([HEADER, record(1, name="张三"), again], encoding="utf-8")))
    assert found == {3: ["name.invisible", "duplicate.identical"]}


# -------------------------------------------------------------------- as other programs were reported to lose them


@pytest.mark.parametrize(
    ("bodies", "lost"),
    [
        ([record(1, '"Boston'), record(2), record(3)], {2}),  # an opening quote in the last cell
        ([record(1, '"foo""'), record(2, "bar"), record(3)], {2}),  # a doubled quote that closes nothing
        ([record(1, '"foo'), record(2, 'bar"'), record(3)], {2}),  # closed in the next record
        ([record(1, '20"'), record(2), record(3, '12"')], set()),  # inches in two records
        ([record(1, '"Toys "R Us"'), record(2), record(3)], {2}),  # quotes inside a quoted cell
        ([record(1, '"'), record(2, '"'), record(3, '"')], {2, 3, 4}),  # the same above, and above
        ([record(1, '"a'), "", record(2, '"')], {2, 4}),  # a blank line between
    ],
)
def test_lone_quotes_lose_their_own_record_only(bodies: list[str], lost: set[int]) -> None:
    for encoding in ("gb18030", "utf-8", "utf-16"):
        batches = checked(text([HEADER, *bodies], encoding=encoding))
        found = codes(batches)
        assert {line for line, one in found.items() if one == ["record.quote"]} == lost
        assert {*accepted(batches), *lost} == {at for at, body in enumerate(bodies, 2) if body}


@pytest.mark.parametrize("name", ["浜?涓?", "寮犱笁", "æ\x9d\x8eå\x9b\x9b", "ÀîËÄ", "锟斤拷锟斤拷", "\ufffd\ufffd"])
def test_wreckage_that_people_post_is_refused(name: str) -> None:
    batches = checked(text([HEADER, record(1, name=name)], encoding="utf-8"))
    assert accepted(batches) == []


@pytest.mark.parametrize("wrong", ["寮犱笁", "NULL", "谢锟斤拷", "无"])
def test_a_name_that_is_none_is_no_witness_against_another_record(wrong: str) -> None:
    again = record(1, name=wrong).replace("1,F1", "2,F2", 1)
    batches = checked(text([HEADER, record(1, name="张三"), again], encoding="utf-8"))
    assert accepted(batches) == [2]
    assert "duplicate.conflict" not in str(codes(batches))


def test_a_line_of_another_encoding_is_no_witness_against_another_record() -> None:
    batches = checked(text([HEADER, record(1, name="张三")]) + text([record(1, name="张三")], encoding="utf-8"))
    assert (accepted(batches), codes(batches)) == ([2], {3: ["record.encoding"]})
