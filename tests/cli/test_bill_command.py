"""``sbcard bill``: the sample on the page, what a file may have wrong, and an answer that cannot be written."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sbcard_core.backend import Backend
from sbcard_core.cli.app import app
from sbcard_core.medical import Bill, FeeLine

PAGE = (Path(__file__).parents[2] / "docs" / "billing.md").read_text("utf-8")
(SAMPLE,) = re.findall(r"^```json\n(.*?)^```", PAGE, re.M | re.S)
SMALL = {
    "msgid": "H43010000001201409010900000001",
    "psn_no": "P1",
    "insutype": "employee",
    "at": "2014-09-01T09:00:00",
    "level": "1",
    "lines": [{"item": "诊查费", "grade": "01", "det_item_fee_sumamt": 50000}],
}
LINE = {"item": "药", "grade": "01", "det_item_fee_sumamt": 1}


@pytest.fixture
def db(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'books.sqlite'}"


def run(db: str, tmp_path: Path, step: str, text: str, *more: str) -> tuple[int, str]:
    path = tmp_path / "bill.json"
    path.write_text(text, "utf-8")
    result = CliRunner().invoke(app, ["bill", step, str(path), "--db", db, "--sample", *more])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_the_sample_on_the_page_has_every_field_and_is_settled(db: str, tmp_path: Path) -> None:
    sample = json.loads(SAMPLE)
    assert list(sample) != []
    assert set(sample) == set(Bill.__dataclass_fields__)
    assert set(sample["lines"][1]) == set(FeeLine.__dataclass_fields__)
    code, text = run(db, tmp_path, "settle", SAMPLE, "--json")
    found = json.loads(text)
    assert (code, found["status"], found["kind"], found["balc"]) == (0, "SETTLED", "inpatient", 0)
    assert found["setl_id"] == found["msgid"] == sample["msgid"]
    assert found["medfee_sumamt"] == sample["medfee_sumamt"]
    cash = sum(step["amount_fen"] for step in found["trace"] if step["field"] == "psn_cash_pay")
    assert cash == found["psn_cash_pay"] > 0
    assert sum(pay["fund_payamt"] for pay in found["setldetail"]) == found["fund_pay_sumamt"] > 0


def test_a_presettlement_says_that_it_is_one(db: str, tmp_path: Path) -> None:
    text = json.dumps(SMALL)
    found = json.loads(run(db, tmp_path, "presettle", text, "--json")[1])
    assert (found["status"], found["presettlement"], "setl_id" in found) == ("PRESETTLED", True, False)
    assert found["trace"]
    assert "预结算" in run(db, tmp_path, "presettle", text)[1]
    kept = json.loads(run(db, tmp_path, "settle", text, "--json")[1])
    assert (kept["status"], "presettlement" in kept, kept["trace"]) == ("SETTLED", False, found["trace"])
    again = json.loads(run(db, tmp_path, "presettle", text, "--json")[1])
    assert (again["status"], again["setl_id"]) == ("EXISTS", SMALL["msgid"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"lines": [LINE, {"item": "药", "det_item_fee_sumamt": 1}]},
            "line 2 (第2行): grade (收费项目等级) is missing",
        ),
        ({"lines": [LINE, [1]]}, "line 2 (第2行) must be an object"),
        ({"lines": [LINE | {"grade": "09"}]}, "line 1 (第1行): grade (收费项目等级) must be one of 01 甲类"),
        (
            {"lines": [LINE | {"det_item_fee_sumamt": 1.5}]},
            "line 1 (第1行): det_item_fee_sumamt (金额) must be a whole",
        ),
        (
            {"lines": [LINE, LINE | {"det_item_fee_sumamt": -1}]},
            "line 2 (第2行): det_item_fee_sumamt (金额) is negative",
        ),
        ({"lines": [LINE | {"pric": "one"}]}, "line 1 (第1行): pric (单价) is no number"),
        ({"lines": [LINE | {"pric": "-5"}]}, "line 1 (第1行): pric (单价) is negative"),
        (
            {"lines": [{"code": "S-CT", "det_item_fee_sumamt": 1, "pric": "-5"}]},
            "line 1 (费用明细): pric (单价) is neg",
        ),
        ({"lines": [{"code": "S-CT", "det_item_fee_sumamt": 1, "pric": "1", "on": "2014-02-30"}]}, "on is no day"),
        ({"lines": [{"code": "S-CT", "det_item_fee_sumamt": 1, "pric": "2"}]}, "price times quantity"),
        ({"lines": []}, "lines (费用明细) has 0 lines"),
        ({"lines": 5}, "lines (费用明细) must be a list […], not a number"),
        ({"psnno": "P1"}, "unknown field 'psnno'; psn_no is meant?"),
        ({"level": 3}, "level (医院等级) must be text"),
        ({"kind": "bed"}, "kind (就诊类别) must be one of outpatient"),
        ({"groups": "civil_servant"}, "groups (人员身份) must be a list"),
        ({"purse": {"terminal_no": "T1"}}, "purse (电子钱包): terminal_txn_no is missing"),
        ({"at": "2014-02-30T09:00:00"}, "at (结算时间) is no moment"),
        ({"psn_no": None}, "psn_no (人员编号) must be text"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_field(db: str, tmp_path: Path, change: dict[str, Any], said: str) -> None:
    code, text = run(db, tmp_path, "settle", json.dumps(SMALL | change))
    assert (code, said in text) == (2, True), text
    assert not re.search(r"Error|__|got an unexpected", text)


@pytest.mark.parametrize(
    ("text", "said"),
    [("[1]", "the bill must be an object"), ("{", "row 1 column 2"), ("{}", "msgid (报文号) is missing"),
     ('{"at": "1", "at": "2"}', "at stands twice")],
)  # fmt: skip
def test_a_file_that_is_no_bill(db: str, tmp_path: Path, text: str, said: str) -> None:
    code, shown = run(db, tmp_path, "settle", text)
    assert (code, said in shown) == (2, True), shown
    assert list(tmp_path.glob("*.sqlite")) == []  # nor is a database made for it


def test_an_answer_that_cannot_be_written_is_no_refusal(db: str, tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("/dev/full is absent")
    bill, other = tmp_path / "bill.json", "H43010000001201409010900000002"
    bill.write_text(json.dumps(SMALL), "utf-8")
    cancel = ("cancel", str(SMALL["msgid"]), "--msgid", other, "--at", "2014-09-01T10:00:00")
    for command, word in ((("settle", str(bill), "--sample"), "settled as"), (cancel, "is cancelled")):
        with full.open("w") as out:
            done = subprocess.run(
                [sys.executable, "-X", "utf8", "-m", "sbcard_core.cli", "bill", *command, "--db", db],
                stdout=out,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                check=False,
            )
        assert (done.returncode, word in done.stderr, "已入账" in done.stderr) == (1, True, True), done.stderr
    with Backend.open(db, sample=True) as backend:
        assert backend.medical.settlement(str(SMALL["msgid"])) is not None
        assert backend.medical.settlement(other) is not None
