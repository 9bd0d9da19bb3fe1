"""Numbers in their other forms, and numbers of other certificates, as repeats through the whole check."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import citizen_id
from sbcard_core.validation import check
from sbcard_core.validation.check import check_files
from sbcard_core.validation.records import CheckedBatch
from sbcard_core.validation.repair import ALL_LOSSLESS
from sbcard_core.validation.repeats import SpillFailed
from sbcard_core.validation.spec import COLLECTION, CollectedPerson, RecordSpec
from sbcard_core.values import Severity

ON = date(2014, 7, 31)
ANY_CERTIFICATE = RecordSpec(
    "any_certificate",
    tuple(
        replace(field, rule="pattern", clean="[0-9A-Z]{7,18}") if field.field == "id_number" else field
        for field in COLLECTION.fields
    ),
    CollectedPerson,
)
"""The collected record where permits and old residence cards stand in the number's column, too."""


def full(serial: int = 2, code: str = "430102", birth: str = "19491231") -> str:
    body = f"{code}{birth}{serial:03}"
    return body + citizen_id.check_digit(body)


def short(number: str) -> str:
    return number[:6] + number[8:17]


def run(folder: Path, rows: Sequence[tuple[str, str]], spec: RecordSpec = COLLECTION, **how: Any) -> list[CheckedBatch]:
    """Records of (number, name), one a file."""
    paths = []
    for at, (number, name) in enumerate(rows):
        paths.append(folder / f"{at}.csv")
        header = ",".join(field.header for field in spec.fields)
        record = f"{at},F{at},{number},{name},2,01,19491231,13800138000,4,430102,103,20140701"
        paths[-1].write_bytes(f"{header}\r\n{record}\r\n".encode("gb18030"))
    return list(check_files(paths, spec, on=ON, **how))


def codes(batches: list[CheckedBatch]) -> list[list[str]]:
    return [[finding.code for finding in batch.findings] for batch in batches]


PERMITS = ["H12345678", "CHN110101199001", "810000199408230021", "8300000012345678"]


@pytest.mark.parametrize("permit", PERMITS)
def test_two_equal_permits_of_one_person_are_one_record(tmp_path: Path, permit: str) -> None:
    batches = run(tmp_path, [(permit, "张三"), (full(), "李四"), (permit, "张三")], ANY_CERTIFICATE)
    assert codes(batches) == [[], [], ["duplicate.identical"]]
    assert [len(batch.accepted) for batch in batches] == [1, 1, 0]


@pytest.mark.parametrize("permit", PERMITS)
def test_two_persons_under_one_permit_are_both_refused(tmp_path: Path, permit: str) -> None:
    batches = run(tmp_path, [(permit, "张三"), (permit, "李四"), (full(), "王五")], ANY_CERTIFICATE)
    assert codes(batches) == [["duplicate.conflict"], ["duplicate.conflict"], []]


def test_a_permit_in_another_form_is_the_same_permit(tmp_path: Path) -> None:
    batches = run(tmp_path, [("H12345678", "张三"), (" Ｈ12345678", "张三")], ANY_CERTIFICATE)
    assert codes(batches)[1][-1] == "duplicate.identical"


def test_other_permits_repeat_nothing(tmp_path: Path) -> None:
    assert codes(run(tmp_path, [(permit, "张三") for permit in PERMITS], ANY_CERTIFICATE)) == [[]] * len(PERMITS)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_short_number_beside_its_full_form_is_pointed_out_on_both(tmp_path: Path, workers: int) -> None:
    batches = run(tmp_path, [(full(), "张三"), (full(4), "李四"), (short(full()), "张三")], workers=workers)
    assert codes(batches) == [["duplicate.short_form"], [], ["id_number.length15", "duplicate.short_form"]]
    assert [len(batch.accepted) for batch in batches] == [1, 1, 0]
    warnings = [one for batch in batches for one in batch.findings if one.code == "duplicate.short_form"]
    assert {one.severity for one in warnings} == {Severity.WARNING}


def test_a_short_number_put_right_is_a_duplicate(tmp_path: Path) -> None:
    batches = run(tmp_path, [(full(), "张三"), (short(full()), "张三")], repairs=ALL_LOSSLESS)
    assert codes(batches) == [[], ["id_number.length15", "duplicate.identical"]]


def test_two_short_numbers_alone_are_told_for_what_they_are(tmp_path: Path) -> None:
    batches = run(tmp_path, [(short(full()), "张三"), (short(full()), "张三"), (full(4), "李四")])
    assert codes(batches) == [["id_number.length15"], ["id_number.length15"], []]


def test_the_search_spills_and_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(full(serial % 40 * 2), "张三") for serial in range(60)]
    spilled = []
    find = check.Duplicates.find

    def watched(*given: Any, **how: Any) -> Any:
        spilled.append(how)
        return find(*given, **how)

    held = run(tmp_path, rows)
    monkeypatch.setattr(check.Duplicates, "find", watched)
    small = run(tmp_path, rows, memory_limit=200, spill_dir=tmp_path)
    assert codes(small) == codes(held)
    assert sum(map(len, codes(small))) == 20
    assert spilled == [{"memory_limit": 200, "spill_dir": tmp_path}]


def test_a_spill_that_cannot_be_kept_says_so(tmp_path: Path) -> None:
    with pytest.raises(SpillFailed, match="temporary file"):
        run(tmp_path, [(full(2 * at), "张三") for at in range(40)], memory_limit=100, spill_dir=tmp_path / "absent")
    with pytest.raises(InvalidValue, match="at least 1"):
        run(tmp_path, [], memory_limit=0)


def test_known_numbers_of_every_form_are_found(tmp_path: Path) -> None:
    rows = [
        (full(), "张三"),
        (f" {full(4)}", "李四"),
        (short(full(6)), "王五"),
        ("'" + full(8), "赵六"),
        (full(10), "钱七"),
    ]
    known = [full(at) for at in (2, 4, 6, 8)]
    batches = run(tmp_path, rows, known=known, repairs=ALL_LOSSLESS)
    assert ["duplicate.known" in found for found in codes(batches)] == [True, True, True, True, False]
