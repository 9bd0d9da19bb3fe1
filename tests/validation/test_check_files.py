"""Each rule, repair, duplicate and file fault, by the file that shows it."""

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from sbcard_core.fields import citizen_id
from sbcard_core.validation.check import check_files
from sbcard_core.validation.records import CheckedBatch, Finding
from sbcard_core.validation.spec import COLLECTION
from sbcard_core.values import Disposition, Severity

ON = date(2014, 7, 31)
HEADERS = [field.header for field in COLLECTION.fields]
KEYS = [field.field for field in COLLECTION.fields]


def number(serial: int = 2, birth: str = "19491231", region: str = "430102") -> str:
    """A synthetic citizen number; an even serial is a woman's."""
    body = f"{region}{birth}{serial:03}"
    return body + citizen_id.check_digit(body)


GOOD = dict(zip(KEYS, ["1", "F001", number(), "张三", "2", "01", "19491231", "13800138000", "4", "430102", "103", "20140701"]))  # fmt: skip  # noqa: B905, E501


def line(**changes: str) -> str:
    return ",".join({**GOOD, **changes}.values())


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., list[CheckedBatch]]:
    def run(*lines: str | bytes, header: str = ",".join(HEADERS), name: str = "430100.csv") -> list[CheckedBatch]:
        raw = [text.encode("gb18030") if isinstance(text, str) else text for text in (header, *lines)]
        (tmp_path / name).write_bytes(b"".join(text + b"\r\n" for text in raw))
        return list(check_files([tmp_path / name], on=ON, quarantine_dir=tmp_path))

    return run


def codes(batches: list[CheckedBatch]) -> list[str]:
    return [finding.code for batch in batches for finding in batch.findings]


def findings(batches: list[CheckedBatch]) -> list[Finding]:
    return [finding for batch in batches for finding in batch.findings]


def test_a_clean_record_is_accepted_as_it_stands(check: Callable[..., list[CheckedBatch]]) -> None:
    (batch,) = check(line())
    assert batch.findings == []
    assert batch.accepted == [(*GOOD.values(), 2)]
    assert batch.accepted[0].county == "430102"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"id_number": ""}, ["id_number.missing"]),
        ({"id_number": "43010219491231002"}, ["id_number.characters"]),
        ({"id_number": "43010219491231X020"}, ["id_number.characters"]),
        ({"id_number": "430102491231002"}, ["id_number.length15"]),
        ({"id_number": number(region="830000")}, []),
        ({"id_number": number(region="990000")}, ["id_number.region"]),
        ({"id_number": number(birth="19490230"), "birth": "19490228"}, ["id_number.date", "id_number.birth_mismatch"]),
        ({"id_number": number(birth="20140801")}, ["id_number.date", "id_number.birth_mismatch"]),
        ({"id_number": number()[:17] + ("1" if number()[17] != "1" else "2")}, ["id_number.check"]),
        ({"birth": "19491230"}, ["id_number.birth_mismatch"]),
        ({"sex": "1"}, ["id_number.sex_mismatch"]),
        ({"sex": "9"}, []),
        ({"sex": "男"}, ["sex.code"]),
        ({"name": ""}, ["name.missing"]),
        ({"name": "一" * 26}, ["name.too_long"]),
        ({"name": "张3"}, ["name.character"]),
        ({"ethnicity": "1"}, ["ethnicity.code"]),
        ({"birth": "1949-13-31"}, ["birth.format"]),
        ({"birth": "20140801"}, ["birth.format"]),
        ({"phone": "1380013800"}, ["phone.format"]),
        ({"phone": ""}, ["phone.format"]),
        ({"phone": "073184900001"}, []),
        ({"category": "6"}, ["category.code"]),
        ({"county": "430199"}, ["county.code"]),
        ({"county": "440103"}, ["county.code"]),
        ({"bank": "99"}, ["bank.code"]),
        ({"submitted_on": "20140801"}, ["submitted.format"]),
        ({"form_no": ""}, ["form_no.format"]),
    ],
)
def test_each_error_refuses_the_record(
    check: Callable[..., list[CheckedBatch]], changes: dict[str, str], expected: list[str]
) -> None:
    (batch,) = check(line(**changes))
    assert sorted(codes([batch])) == sorted(expected)
    assert (len(batch.accepted), batch.rejected, batch.quarantined) == ((0, 1, 0) if expected else (1, 0, 0))
    assert all(finding.disposition is Disposition.REJECTED for finding in batch.findings)


def test_every_error_of_a_record_is_told(check: Callable[..., list[CheckedBatch]]) -> None:
    batches = check(line(name="", phone="x", county="1", bank="2", sex="1"))
    assert sorted(codes(batches)) == [
        "bank.code", "county.code", "id_number.sex_mismatch", "name.missing", "phone.format",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "written", "stored", "code"),
    [
        ("id_number", number(21)[:17] + "x", number(21), "id_number.lowercase_x"),
        ("id_number", "".join(chr(ord(digit) + 0xFEE0) for digit in number()), number(), "id_number.fullwidth"),
        ("id_number", f" {number()}　", number(), "id_number.fullwidth"),
        ("name", "买买提．阿不都", "买买提·阿不都", "name.dot"),
        ("name", "张　三", "张三", "name.blank"),
        ("county", "４３０１０２", "430102", "county.code"),
        ("phone", "138 0013 8000", "13800138000", "phone.format"),
        ("birth", " 19491231", "19491231", "birth.format"),
    ],
)
def test_repairs_are_made_and_told(
    check: Callable[..., list[CheckedBatch]], field: str, written: str, stored: str, code: str
) -> None:
    sex = "1" if stored == number(21) else "2"
    (batch,) = check(line(**{field: written, "sex": sex}))
    (finding,) = batch.findings
    assert (finding.code, finding.severity, finding.disposition) == (code, Severity.WARNING, Disposition.ACCEPTED)
    assert getattr(batch.accepted[0], field) == finding.repair == stored


def test_the_x_of_the_repair_vector_is_an_x() -> None:
    assert number(21).endswith("X")


@pytest.mark.parametrize(
    ("field", "value"), [("seq", "甲"), ("ethnicity", "77"), ("name", "张\ue000"), ("county", "430122")]
)
def test_a_warning_alone_refuses_nobody(check: Callable[..., list[CheckedBatch]], field: str, value: str) -> None:
    (batch,) = check(line(**{field: value}))
    assert [finding.severity for finding in batch.findings] == [Severity.WARNING]
    assert getattr(batch.accepted[0], field) == value


def test_a_legacy_number_is_refused_with_its_upgrade_proposed(check: Callable[..., list[CheckedBatch]]) -> None:
    (finding,) = findings(check(line(id_number="610104620927690", birth="19620927")))
    assert (finding.code, finding.repair) == ("id_number.length15", "610104196209276908")


def test_one_person_sent_twice_is_accepted_once(check: Callable[..., list[CheckedBatch]]) -> None:
    (batch,) = check(line(), line(form_no="F002", bank="402"), line(form_no="F003"))
    assert [row.form_no for row in batch.accepted] == ["F001"]
    assert [(finding.code, finding.line) for finding in batch.findings] == [
        ("duplicate.identical", 3), ("duplicate.identical", 4),
    ]  # fmt: skip


@pytest.mark.parametrize("changes", [{"name": "李四"}, {"sex": "9"}])
def test_two_persons_under_one_number_are_all_refused(
    check: Callable[..., list[CheckedBatch]], changes: dict[str, str]
) -> None:
    (batch,) = check(line(), line(), line(**changes))
    assert codes([batch]) == ["duplicate.conflict"] * 3
    assert batch.rejected == 3


def test_a_faulty_twin_never_takes_the_number(check: Callable[..., list[CheckedBatch]]) -> None:
    (batch,) = check(line(bank="1O3"), line(form_no="F002"))
    assert [row.form_no for row in batch.accepted] == ["F002"]
    assert codes([batch]) == ["bank.code"]


def test_a_nameless_record_is_no_witness_against_another(check: Callable[..., list[CheckedBatch]]) -> None:
    (batch,) = check(line(name=" "), line())
    assert codes([batch]) == ["name.missing"]
    assert [row.line for row in batch.accepted] == [3]


def test_duplicates_are_seen_through_repairs_and_across_files(tmp_path: Path) -> None:
    header = ",".join(HEADERS)
    written = number(21)[:17] + "x"
    (tmp_path / "a.csv").write_text(f"{header}\n{line(id_number=number(21), sex='1')}\n", "gb18030")
    (tmp_path / "b.csv").write_text(f"{header}\n{line(id_number=written, sex='１')}", "gb18030")
    first, second = check_files([tmp_path / "a.csv", tmp_path / "b.csv"], on=ON)
    assert (len(first.accepted), len(second.accepted)) == (1, 0)
    assert codes([second]) == ["id_number.lowercase_x", "sex.code", "duplicate.identical"]


def test_an_impossible_number_is_no_duplicate(check: Callable[..., list[CheckedBatch]]) -> None:
    wrong = number()[:17] + ("1" if number()[17] != "1" else "2")  # same body, so the same key
    (batch,) = check(line(), line(id_number=wrong, name="李四"))
    assert codes([batch]) == ["id_number.check"]
    assert len(batch.accepted) == 1


def test_unreadable_lines_are_put_aside_byte_for_byte(check: Callable[..., list[CheckedBatch]], tmp_path: Path) -> None:
    bad = [b"\xff\xfe\x81", b"1,2,3", line().encode("gb18030") + b",x", b'1,"2', b"1,\0,3"]
    (batch,) = check(line(), *bad)
    assert (batch.records, len(batch.accepted), batch.quarantined) == (6, 1, 5)
    assert codes([batch]) == ["record.undecodable", *["record.columns"] * 2, "record.quote", "record.undecodable"]
    assert [kept.line for kept in batch.quarantine] == [3, 4, 5, 6, 7]
    assert (tmp_path / "430100.csv.quarantine").read_bytes() == b"".join(raw + b"\r\n" for raw in bad)


def test_nothing_put_aside_makes_no_file(check: Callable[..., list[CheckedBatch]], tmp_path: Path) -> None:
    check(line())
    assert [path.name for path in tmp_path.iterdir()] == ["430100.csv"]


def test_a_trail_byte_that_looks_like_a_separator_stays_in_its_character(
    check: Callable[..., list[CheckedBatch]],
) -> None:
    assert "李珅".encode("gb18030") == b"\xc0\xee\xab\x7c"
    (batch,) = check(line(name="李珅"), line(id_number=number(4), name="买买提·阿不都"))
    assert [row.name for row in batch.accepted] == ["李珅", "买买提·阿不都"]


def test_the_header_maps_the_columns(check: Callable[..., list[CheckedBatch]]) -> None:
    header = ",".join(["备注", *reversed(HEADERS)])
    (batch,) = check(",".join(["任意", *reversed(GOOD.values())]), header=header)
    assert batch.accepted == [(*GOOD.values(), 2)]


@pytest.mark.parametrize("header", ["", ",".join(HEADERS[:-1]), ",".join([*HEADERS, HEADERS[0]]), line()])
def test_without_a_header_everything_is_put_aside(
    check: Callable[..., list[CheckedBatch]], header: str, tmp_path: Path
) -> None:
    lines = [line(), line(form_no="F002")]
    batches = check(*lines, header=header)
    lost = 1 if header == "" else 2  # after a blank line the first record stands where the header should
    assert codes(batches) == ["file.header"]
    assert sum(batch.quarantined for batch in batches) == lost
    assert batches[-1].summary is not None
    assert batches[-1].summary.header_refused
    kept = (tmp_path / "430100.csv.quarantine").read_bytes()
    assert all(record.encode("gb18030") in kept for record in lines)


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\x84\x31\x95\x33"])
def test_byte_order_marks(tmp_path: Path, mark: bytes) -> None:
    encoding = "utf-8" if mark[0] == 0xEF else "gb18030"
    path = tmp_path / "marked.csv"
    path.write_bytes(mark + f"{','.join(HEADERS)}\n{line(name='李珅')}".encode(encoding))
    (batch,) = check_files([path], on=ON)
    assert batch.accepted[0].name == "李珅"


def test_an_empty_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    (batch,) = check_files([tmp_path / "empty.csv"], on=ON)
    assert codes([batch]) == ["file.header"]
    assert batch.summary is not None
    assert (batch.summary.records, batch.summary.sha256) == (0, hashlib.sha256().hexdigest())


def test_quoted_cells(check: Callable[..., list[CheckedBatch]]) -> None:
    quoted = ",".join(f'"{value}"' for value in GOOD.values())
    (batch,) = check(quoted, line(id_number=number(4), form_no='"F,1"'))
    assert batch.accepted == [(*GOOD.values(), 2)]
    assert codes([batch]) == ["form_no.format"]


def test_summary_progress_and_batches(tmp_path: Path) -> None:
    rows = [line(id_number=number(2 * n), form_no=f"F{n}") for n in range(25)]
    path = tmp_path / "430100.csv"
    path.write_text("\n".join([",".join(HEADERS), *rows, "", line(name=""), ""]), "gb18030")
    told: list[tuple[str, int]] = []
    batches = list(check_files([path], on=ON, batch_size=10, progress=lambda *counts: told.append(counts)))
    assert [batch.records for batch in batches] == [10, 10, 6]
    assert told == [("430100.csv", 10), ("430100.csv", 20), ("430100.csv", 26)]
    assert [batch.summary is None for batch in batches] == [True, True, False]
    summary = batches[-1].summary
    assert summary is not None
    assert (summary.records, summary.accepted, summary.rejected, summary.quarantined) == (26, 25, 1, 0)
    assert summary.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert findings(batches)[0].line == 28  # lines count as an editor counts them, the blank one included


def test_an_over_long_line_is_put_aside_and_the_next_one_read(
    check: Callable[..., list[CheckedBatch]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sbcard_core.validation.sources.BLOCK", 256)
    monkeypatch.setattr("sbcard_core.validation.sources.MAX_LINE", 512)
    batches = check("x" * 700, line())
    assert [row.line for batch in batches for row in batch.accepted] == [4]  # the long line came in two pieces
    assert sum(batch.quarantined for batch in batches) == 2
    assert b"".join(kept.raw for batch in batches for kept in batch.quarantine) == b"x" * 700 + b"\r\n"


def test_nothing_shown_holds_a_full_number_or_name(check: Callable[..., list[CheckedBatch]]) -> None:
    secret = number()
    shifted = line(county=secret, form_no=secret, name=secret, phone=secret, sex="欧阳娜娜", bank=secret)
    for batch in check(shifted, line(id_number=secret[:17] + "x"), line(sex="1"), line(id_number="430102491231002")):
        for shown in (repr(batch), *map(repr, batch.findings), *map(repr, batch.accepted)):
            assert secret not in shown
            assert "19491231" not in shown
            assert "13800138000" not in shown
        for finding in batch.findings:
            assert secret[6:14] not in finding.value_masked + finding.message_zh + finding.message_en


@pytest.mark.parametrize("arguments", [{"batch_size": 0}, {"twice": True}])
def test_wrong_calls_fail_before_any_file_is_read(tmp_path: Path, arguments: dict[str, int]) -> None:
    paths = [tmp_path / "a.csv", tmp_path / "b" / "a.csv"] if arguments.pop("twice", None) else [tmp_path / "a.csv"]
    with pytest.raises(ValueError, match="differ"):
        check_files(paths, on=ON, **arguments)
