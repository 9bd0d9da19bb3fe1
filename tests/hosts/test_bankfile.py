"""Bank files: what is written is read back, wrong wholes are refused, wrong lines cost only themselves."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.errors import InvalidValue
from sbcard_core.hosts import bankfile
from sbcard_core.hosts.bankfile import OPENING_RESULT, SPECS, BankFileRefused, FileSpec, iso_date

HEAD = {"batch_no": "B1", "bank": "103", "date": "20140818"}
TEXT = st.text(st.characters(exclude_characters="|\r\n", exclude_categories=["Cs"]), max_size=12)


def rows(count: int) -> list[tuple[str, ...]]:
    return [(str(n), f"F{n}", "00", f"6228{n:015d}", "", "20140815") for n in range(1, count + 1)]


def write(path: Path, count: int = 3) -> Path:
    bankfile.write(path, OPENING_RESULT, HEAD, rows(count), {"opened": count, "failed": 0})
    return path


@given(kind=st.sampled_from(sorted(SPECS)), data=st.data())
def test_round_trip(kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    spec = SPECS[kind]
    lines = data.draw(st.lists(st.tuples(*[TEXT] * len(spec.line)), max_size=5))
    header = {name: data.draw(TEXT) for name in spec.header if name not in ("kind", "lines")}
    trailer = {name: data.draw(TEXT) for name in spec.trailer if name != "lines"}
    if "lines" in spec.header:
        header["lines"] = str(len(lines))
    path = tmp_path_factory.mktemp("bank") / "f.txt"
    assert bankfile.write(path, spec, header, lines, trailer) == len(lines)
    found = bankfile.read(path, spec)
    assert found.rows == lines
    assert found.header == {"kind": kind, **header}
    assert found.trailer == {"lines": str(len(lines)), **trailer}
    assert found.bad_lines == []
    assert found.line_numbers == list(range(2, len(lines) + 2))


def test_a_character_that_ends_in_the_separator_byte(tmp_path: Path) -> None:
    """GBK 827C is 倈: its second byte is the separator's."""
    assert "倈".encode("gb18030") == b"\x82|"
    row = ("1", "F1", "11", "", "姓名倈不符", "20140815")
    bankfile.write(tmp_path / "f", OPENING_RESULT, HEAD, [row], {"opened": 0, "failed": 1})
    assert bankfile.read(tmp_path / "f", OPENING_RESULT).rows == [row]


def test_lines_end_as_the_layout_says_and_crlf_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "f")
    assert b"\r" not in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert bankfile.read(path, OPENING_RESULT).rows == rows(3)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"D|2|F2", b"D|2|\xff\xff", "undecodable: no GB18030 text"),
        (b"D|2|", b"X|2|", "kind: no data line"),
        (b"D|2|", b"D|2|more|", "columns: 7 fields instead of 6"),
        (b"D|2|F2|", b"D|2F2|", "columns: 5 fields instead of 6"),
    ],
)
def test_a_bad_line_costs_only_itself(tmp_path: Path, old: bytes, new: bytes, told: str) -> None:
    path = write(tmp_path / "f")
    path.write_bytes(path.read_bytes().replace(old, new))
    found = bankfile.read(path, OPENING_RESULT)
    assert [(bad.line, f"{bad.code}: {bad.reason.en}") for bad in found.bad_lines] == [(3, told)]
    assert found.rows == [rows(3)[0], rows(3)[2]]
    assert found.line_numbers == [2, 4]
    assert found.delivered == 3


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b"OPENRES", b"PAYRES", "kind"),
        (b"H|", b"Q|", "header"),
        (b"|103|", b"|1|0|3|", "header"),
        (b"T|3|3|0\n", b"", "trailer"),
        (b"T|3|3|0\n", b"T|3|3\n", "trailer"),
        (b"T|3|", b"T|4|", "count"),
        (b"D|2|F2|00|6228000000000000002||20140815\n", b"", "count"),
    ],
)
def test_a_wrong_whole_is_refused(tmp_path: Path, old: bytes, new: bytes, code: str) -> None:
    path = write(tmp_path / "f")
    raw = path.read_bytes()
    assert old in raw
    path.write_bytes(raw.replace(old, new))
    with pytest.raises(BankFileRefused) as refused:
        bankfile.read(path, OPENING_RESULT)
    assert refused.value.code == code


def test_a_line_of_utf8_among_others_is_a_wrong_line(tmp_path: Path) -> None:
    path, reasons = tmp_path / "f", ["户名不符", "谢小平本人申请", "户名不符", "姓名含系统不支持的字"]
    lines = [f"D|{at}|F{at}|11||{reason}|20140815" for at, reason in enumerate(reasons, 1)]
    coded = [line.encode("utf-8" if at == 2 else "gb18030") for at, line in enumerate(lines)]
    path.write_bytes(b"\n".join([b"H|OPENRES|B1|103|20140818", *coded, b"T|4|0|4"]))
    found = bankfile.read(path, OPENING_RESULT)
    assert [(bad.line, bad.code) for bad in found.bad_lines] == [(4, "undecodable")]
    assert [row[4] for row in found.rows] == [reasons[0], reasons[1], reasons[3]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_saved_anew_by_an_editor_is_named_so(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "f"
    path.write_bytes("H|OPENRES|B1|103|20140818\nD|1|F1|11||户名不符|20140815\nT|1|0|1\n".encode(encoding))
    with pytest.raises(BankFileRefused, match="saved it anew") as refused:
        bankfile.read(path, OPENING_RESULT)
    assert refused.value.code == "encoding"


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("\uff28|OPENRES|B1|103|20140818\n".encode("gb18030"), "full-width .* half-width"),
        ("\uff5e|OPENRES|B1|103|20140818\n".encode("gb18030"), "full-width .* half-width"),
        ("\uff01|OPENRES|B1|103|20140818\n".encode("gb18030"), "full-width .* half-width"),
        (b"PK\x03\x04\x00\x00\x08\x00", "no GB18030 text .* workbook"),
        (b"\xff\xd8\xff\xe0\n", "no GB18030 text"),
        (b"", "no header line .* cut or no bank file"),
        ("H|OPENRES|B1|103|20140818\nT|\uff10|0|0\n".encode("gb18030"), "trailer counts .* half-width"),
        (b"H|OPENRES|B1|103|20140818\nT|0|0|0\n" + b"9" * 94 + b"\n", "trailer is line 2, 1 lines stand behind it"),
        (b"H|OPENRES|B1|103|20140818\nT|0|0|0\n" * 2, "trailer is line 2, 2 lines stand behind it"),
        (b"H|OPENRES|B1|103|20140818\nT|0|0|0\n########", "trailer is line 2, 1 lines stand behind it"),
    ],
)
def test_what_is_really_wrong_with_a_file_is_said(tmp_path: Path, raw: bytes, told: str) -> None:
    (tmp_path / "f").write_bytes(raw)
    with pytest.raises(BankFileRefused, match=told):
        bankfile.read(tmp_path / "f", OPENING_RESULT)


@pytest.mark.parametrize("filler", [b"\x1a", b"\n\n", b"\r\n\x1a", b"   \n", b"\0" * 512, b"\n\x1a\n"])
def test_filler_behind_the_trailer_is_no_part_of_the_file(tmp_path: Path, filler: bytes) -> None:
    path = write(tmp_path / "f")
    whole = bankfile.read(path, OPENING_RESULT)
    for end in (b"", b"\n"):
        path.write_bytes(path.read_bytes().rstrip() + end + filler)
        found = bankfile.read(path, OPENING_RESULT)
        assert (found.rows, found.trailer, found.bad_lines) == (whole.rows, whole.trailer, [])


@pytest.mark.parametrize(("value", "told"), [(1, "row 2 has a field that is no text"), ("\ud800", "row 2 has a lone")])
def test_what_cannot_be_written_is_told_with_its_row(tmp_path: Path, value: Any, told: str) -> None:
    head = {"batch_no": "B1", "bank": "103", "date": "20140818"}
    rows = [("1", "F1", "00", "62", "", "20140815"), (value, "F2", "00", "62", "", "20140815")]
    with pytest.raises(InvalidValue, match=told) as refused:
        bankfile.write(tmp_path / "f", OPENING_RESULT, head, rows, {"opened": 2, "failed": 0})
    assert refused.value.advice
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("raw", [b"", b"\n", b"H", b"\xff\xff", b"T|0|0|0\n"])
def test_what_is_no_file_is_refused(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "f").write_bytes(raw)
    with pytest.raises(BankFileRefused):
        bankfile.read(tmp_path / "f", OPENING_RESULT)


@pytest.mark.parametrize(
    ("row", "trailer"),
    [
        (("1", "F|1", "00", "", "", ""), {"opened": 1, "failed": 0}),
        (("1", "F\n1", "00", "", "", ""), {"opened": 1, "failed": 0}),
        (("1", "F\r1", "00", "", "", ""), {"opened": 1, "failed": 0}),
        (("1", "F1", "00", "", ""), {"opened": 1, "failed": 0}),
        (("1", "F1", "00", "", "", ""), {"opened": 1}),
        (("1", "F1", "00", "", "", ""), {"lines": 2, "opened": 1, "failed": 0}),
    ],
)
def test_what_cannot_be_read_back_is_not_written(tmp_path: Path, row: tuple[str, ...], trailer: dict) -> None:
    with pytest.raises(InvalidValue):
        bankfile.write(tmp_path / "f", OPENING_RESULT, HEAD, [row], trailer)
    assert list(tmp_path.iterdir()) == []


def test_no_repr_shows_a_person(tmp_path: Path) -> None:
    spec = bankfile.OPENING_REQUEST
    head = {"batch_no": "B1", "bank": "103", "city": "430100", "date": "20140728", "lines": 1}
    row = ("1", "F1", "11010519491231002X", "张三", "13800138000", "430102")
    bankfile.write(tmp_path / "f", spec, head, [row], {})
    text = repr(bankfile.read(tmp_path / "f", spec))
    assert "1949" not in text
    assert "张三" not in text
    bankfile.write(tmp_path / "g", OPENING_RESULT, HEAD | {"bank": "张三"}, [], {"opened": "张三", "failed": 0})
    assert "张三" not in repr(bankfile.read(tmp_path / "g", OPENING_RESULT))


def test_layouts_are_told_apart_by_kind() -> None:
    assert all(isinstance(spec, FileSpec) and spec.kind == kind for kind, spec in SPECS.items())
    assert len(SPECS) == 6


@pytest.mark.parametrize("count", ["3", "03", "000003"])
def test_a_count_filled_up_with_zeros_is_the_same_count(tmp_path: Path, count: str) -> None:
    path = write(tmp_path / "result.txt")
    path.write_bytes(path.read_bytes().replace(b"T|3|", f"T|{count}|".encode()))
    assert bankfile.read(path, OPENING_RESULT).delivered == 3


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (b"T|3|", b"T|4|", "hosts.count"),
        (b"T|3|", b"T|2|", "hosts.count"),
        (b"T|3|", b"\nT|3|", "hosts.count_blank"),
        (b"T|3|", b"T|-3|", "hosts.count"),
    ],
)
def test_a_wrong_count_says_what_does_not_fit(tmp_path: Path, before: bytes, after: bytes, sentence: str) -> None:
    path = write(tmp_path / "result.txt")
    path.write_bytes(path.read_bytes().replace(before, after))
    with pytest.raises(BankFileRefused) as refusal:
        bankfile.read(path, OPENING_RESULT)
    assert refusal.value.code == "count"
    assert refusal.value.message is not None
    assert refusal.value.message.code == sentence


@pytest.mark.parametrize("pair", ["㐀㐁", "郸龥", "㐀龥", "龥㐀"])
def test_utf8_is_looked_for_in_all_blocks_of_han(tmp_path: Path, pair: str) -> None:
    """Its first bytes are E3 to E9; the pair stands between ASCII, so that nothing else speaks for it."""
    lines = ["D|1|F1|11||户名不符|20140815".encode("gb18030"), f"D|2|F2|11||{pair}{pair}|20140815".encode()]
    (tmp_path / "f").write_bytes(b"\n".join([b"H|OPENRES|B1|103|20140818", *lines, b"T|2|0|2"]))
    found = bankfile.read(tmp_path / "f", OPENING_RESULT)
    assert [bad.line for bad in found.bad_lines] == [3]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_block_and_rows_of_any_number_make_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(bankfile, "WRITE_CHUNK", 2)
    whole = write(tmp_path / "rows", count).read_bytes()
    assert bankfile.read(tmp_path / "rows", OPENING_RESULT).rows == rows(count)
    block = "\n".join("D|" + "|".join(row) for row in rows(count))
    bankfile.write_block(tmp_path / "block", OPENING_RESULT, HEAD, block, count, {"opened": count, "failed": 0})
    assert (tmp_path / "block").read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "header", "trailer"),
    [
        (lambda block: block.replace("D|2|", "X|2|"), {}, {}),
        (lambda block: "X" + block[1:], {}, {}),
        (lambda block: block + "|", {}, {}),
        (lambda block: block + "\n", {}, {}),
        (lambda block: block.replace("F1", "F\r1"), {}, {}),
        (lambda block: block, {"lines": 3}, {}),
        (lambda block: block, {}, {"lines": 3}),
    ],
)
def test_a_block_that_does_not_hold_its_lines_is_not_written(
    tmp_path: Path, change: Any, header: dict[str, int], trailer: dict[str, int]
) -> None:
    block = "\n".join("D|" + "|".join(row) for row in rows(2))
    with pytest.raises(InvalidValue):
        bankfile.write_block(
            tmp_path / "f", OPENING_RESULT, HEAD | header, change(block), 2, {"opened": 2, "failed": 0} | trailer
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (b"H|PAYRES|B1|", "PAYRES"), (b"X|PAYRES|B1|", ""), (b"H|PAYRES", ""), (b"", ""),
        (b"H|" + b"A" * 60 + b"|B", "A" * 60), (b"H|\xff|B", "\ufffd"),
    ],
)  # fmt: skip
def test_a_kind_is_read_from_a_header_only(tmp_path: Path, raw: bytes, kind: str) -> None:
    (tmp_path / "f").write_bytes(raw)
    assert bankfile.kind_of(tmp_path / "f") == kind


@pytest.mark.parametrize("less", [0, 1])
def test_a_file_over_the_limit_is_refused_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, less: int) -> None:
    path = write(tmp_path / "f")
    monkeypatch.setattr(bankfile, "MAX_FILE_BYTES", path.stat().st_size - less)
    if not less:
        assert bankfile.read(path, OPENING_RESULT).delivered == 3
        return
    with pytest.raises(BankFileRefused) as refused:
        bankfile.read(path, OPENING_RESULT)
    assert refused.value.code == "size"


@pytest.mark.parametrize(
    ("raw", "parameters"),
    [
        (b"H|OPENRES|B1|103|20140818\n\xff\xff\n\n\nT|1|1|0\n", {"found": "1", "lines": 3, "line": 3}),
        (b"H|OPENRES|B1|103|20140818\n\xff\xff\nT|abc|1|0\n", {"found": "?", "lines": 1, "line": 0}),
        (b"H|OPENRES|B1|103|20140818\nT|123456789|1|0\n", {"found": "123456789", "lines": 0, "line": 0}),
        (b"H|OPENRES|B1|103|20140818\nT|1234567890|1|0\n", {"found": "?", "lines": 0, "line": 0}),
        (b"H|OPENRES|B1|103|20140818\nT|0|1\n", {"line": 2, "part": "trailer", "found": 2, "wanted": 3}),
        (b"H|OPENRES|B1|103\nT|0|1|1\n", {"line": 1, "part": "header", "found": 3, "wanted": 4}),
        (b"H|OPENRES|B1|103|20140818", {}),
        (b"H|OPENRES|B1|103|20140818\n\xff\xff\xff\n", {"line": 2, "part": "trailer"}),
        (b"H|OPENRES|B1|103|20140818\nP\0K\n", {"line": 2, "part": "trailer"}),
        (b"H|PAYRES|B1|103|20140818\n", {"found": "PAYRES", "wanted": "OPENRES"}),
    ],
)
def test_a_refusal_says_where_and_how_many(tmp_path: Path, raw: bytes, parameters: dict[str, Any]) -> None:
    (tmp_path / "f").write_bytes(raw)
    with pytest.raises(BankFileRefused) as refused:
        bankfile.read(tmp_path / "f", OPENING_RESULT)
    message = refused.value.message
    assert message is not None
    assert {"file": "f"} | parameters == {name: message.parameters[name] for name in ("file", *parameters)}
    assert parameters or message.code == "hosts.no_trailer"


def test_what_was_read_cannot_be_changed(tmp_path: Path) -> None:
    found = bankfile.read(write(tmp_path / "f"), OPENING_RESULT)
    with pytest.raises(AttributeError):
        found.sha256 = ""  # type: ignore[misc]
    assert "6228" not in repr(bankfile.load(tmp_path / "f", OPENING_RESULT))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("20140818", "2014-08-18"), ("2014081", None), ("201408180", None), ("2014-8-18", None), ("2014081x", None),
        ("２０１４０８１８", None), ("²0140818", None), ("20140231", None), ("", None),
    ],
)  # fmt: skip
def test_a_day_is_eight_digits_that_are_one(text: str, day: str | None) -> None:
    assert iso_date(text) == day


def test_a_line_like_a_trailer_among_others_is_a_wrong_line(tmp_path: Path) -> None:
    path = write(tmp_path / "f")
    path.write_bytes(path.read_bytes().replace(b"D|2|", b"T|2|"))
    found = bankfile.read(path, OPENING_RESULT)
    assert [(bad.line, bad.code) for bad in found.bad_lines] == [(3, "kind")]
    assert found.trailer == {"lines": "3", "opened": "3", "failed": "0"}
