"""The other layouts and the rules over several fields, each by a record that breaks it."""

from datetime import date
from pathlib import Path

import pytest

from sbcard_core.fields import citizen_id
from sbcard_core.validation import messages
from sbcard_core.validation.check import check_files
from sbcard_core.validation.crosses import TESTS
from sbcard_core.validation.layouts import APPLICATION, OPENING_REQUEST, OPENING_RESULT, SPECS
from sbcard_core.validation.records import CheckedBatch
from sbcard_core.validation.rules import RULES, codes_of
from sbcard_core.validation.spec import RecordSpec
from sbcard_core.values import Severity

ON = date(2014, 7, 31)


def number(birth: str = "19491231", serial: int = 2) -> str:
    body = f"430102{birth}{serial:03}"
    return body + citizen_id.check_digit(body)


GOOD = {
    "form_no": "F1", "id_number": number(), "name": "张三", "country": "CHN", "certificate_type": "01",
    "certificate_no": number(), "valid_until": "长期", "sex": "2", "ethnicity": "01", "birth": "19491231",
    "household_county": "430102", "household_address": "芙蓉区1号", "phone": "13800138000", "address": "",
    "category": "4", "guardian_no": "", "guardian_name": "", "bank": "103", "application_type": "1",
}  # fmt: skip
CHILD = {
    "id_number": number("19980801"),
    "certificate_no": number("19980801"),
    "birth": "19980801",
    "valid_until": "20190801",
}


def check(tmp_path: Path, spec: RecordSpec, values: dict[str, str], **more: object) -> CheckedBatch:
    fields = [field for field in spec.fields if field.field in values]
    raw = "\n".join(",".join(cells) for cells in ([f.header for f in fields], [values[f.field] for f in fields]))
    (tmp_path / "file.csv").write_text(raw, "gb18030")
    (batch,) = check_files([tmp_path / "file.csv"], spec, on=ON, **more)  # type: ignore[arg-type]
    return batch


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"valid_until": "20140730"}, ["certificate.expired"]),
        ({"valid_until": "20140731"}, []),
        ({"valid_until": "20140732"}, ["certificate.format"]),
        ({"valid_until": "20340801"}, ["certificate.too_long"]),
        ({"certificate_no": "110105194912310021"}, ["certificate.number"]),
        ({"certificate_type": "07", "certificate_no": "KAZ110090123105"}, []),
        ({"sex": "1"}, ["id_number.sex_mismatch"]),
        ({"birth": "19491230"}, ["id_number.birth_mismatch"]),
        (CHILD, ["guardian.missing"]),
        ({**CHILD, "guardian_no": number(), "guardian_name": "张母"}, []),
        ({**CHILD, "guardian_no": number()}, ["guardian.missing"]),
        ({**CHILD, "guardian_no": number("19980801"), "guardian_name": "张母"}, ["guardian.self"]),
        ({**CHILD, "guardian_no": number(), "guardian_name": "张母", "valid_until": "长期"}, ["certificate.unlimited"]),
        ({"id_number": number("19980731"), "certificate_no": number("19980731"), "birth": "19980731",
          "valid_until": "20190801"}, []),
        ({"household_county": "430203"}, ["address.other_city"]),
    ],
)  # fmt: skip
def test_rules_over_several_fields(tmp_path: Path, changes: dict[str, str], expected: list[str]) -> None:
    batch = check(tmp_path, APPLICATION, {**GOOD, **changes}, submitters={"file.csv": "430100"})
    assert [finding.code for finding in batch.findings] == expected
    errors = [finding for finding in batch.findings if finding.severity is Severity.ERROR]
    assert len(batch.accepted) == (not errors)


def test_a_rule_holds_from_its_day_on(tmp_path: Path) -> None:
    old = [rule for rule in APPLICATION.crosses if rule.effective > date(2003, 12, 31)]
    assert old
    later = RecordSpec("later", APPLICATION.fields, APPLICATION.row, tuple(
        type(rule)(rule.code, rule.test, rule.fields, rule.limit, rule.severity, rule.source, date(2014, 8, 1))
        for rule in APPLICATION.crosses
    ))  # fmt: skip
    assert check(tmp_path, later, {**GOOD, "sex": "1"}).findings == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"status": "00", "account_no": "6228480010000000018"}, ["account_no.luhn"]),
        ({"status": "00", "account_no": ""}, ["account_no.missing"]),
        ({"status": "03", "account_no": "", "reason": "姓名与证件不符"}, []),
        ({"status": "03", "account_no": ""}, ["reason.missing"]),
        (
            {"status": "03", "account_no": "６228480010000000018", "reason": "x"},
            ["account_no.format", "account_no.unexpected"],
        ),
    ],
)
def test_opening_results(tmp_path: Path, values: dict[str, str], expected: list[str]) -> None:
    whole = {"seq": "1", "form_no": "F1", "reason": "", "answered_on": "20140728", **values}
    batch = check(tmp_path, OPENING_RESULT, whole)
    assert [finding.code for finding in batch.findings] == expected
    assert all(not finding.repair for finding in batch.findings)  # never for accounts


def test_opening_requests_know_persons_by_name_alone(tmp_path: Path) -> None:
    values = {
        "seq": "1",
        "form_no": "F1",
        "id_number": number(),
        "name": "张三",
        "phone": "13800138000",
        "county": "430102",
    }
    assert check(tmp_path, OPENING_REQUEST, values).findings == []


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_layout_is_whole(spec: RecordSpec) -> None:
    assert [code for code in codes_of(spec) if code not in messages.codes()] == []
    assert {field.rule for field in spec.fields} <= set(RULES)
    assert {rule.test for rule in spec.crosses} <= set(TESTS)
    assert all(field.source for field in spec.fields)
    assert all(rule.source for rule in spec.crosses)
    assert spec.row._fields == (*(field.field for field in spec.fields), "line")


def test_rows_hide_numbers() -> None:
    row = APPLICATION.row(*["x"] * len(APPLICATION.fields), 7)._replace(id_number=number())
    assert "19491231" not in repr(row)
