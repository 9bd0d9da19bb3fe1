"""``sbcard pay`` beside the straight way: what was refused and why, progress, files, and the verbs for people."""

import json
import os
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from sbcard_core.backend import Backend
from sbcard_core.cli.app import app
from sbcard_core.hosts import bankfile
from sbcard_core.ledger import AccountKind, Transfer
from sbcard_core.payout import FARM_SUBSIDY, Standing
from sbcard_core.premiums import Insured
from sbcard_core.registry.enrolment import enrol
from sbcard_core.store import schema
from sbcard_core.validation.check import check_files
from sbcard_core.values import CardState, PersonCategory
from tests.cli.signing import with_officers

ON = ("--on", "2014-09-01")
STRANGER = "11010519491231002X"
PEOPLE = {"430102195001010018": "甲一", "430102195002020023": "乙二", "430102195003030039": "丙三"}


@pytest.fixture(scope="module")
def bureau(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people with accounts, and their funds."""
    folder = tmp_path_factory.mktemp("bureau")
    url, table = f"sqlite:///{folder}/books.sqlite", folder / "people.csv"
    head = "序号,申领表编码,社会保障号码,姓名,性别,民族,出生日期,联系手机,人员类别,区县代码,服务银行,上报日期"
    rows = [
        f"{n},F{n},{who},{name},{2 - int(who[16]) % 2},01,{who[6:14]},13800000001,4,430102,103,20140701"
        for n, (who, name) in enumerate(PEOPLE.items(), 1)
    ]
    table.write_text("\n".join([head, *rows]), "utf-8")
    with Backend.open(url, sample=True) as backend:
        assert enrol(backend.store, check_files([table], on=date(2014, 8, 1))).total().enrolled == len(PEOPLE)
        told = [
            Standing(who, bank="103", account_no=f"622848000000000000{n}", account_state=CardState.NORMAL)
            for n, who in enumerate(PEOPLE)
        ]
        backend.payout.tell(told, on=date(2014, 8, 1))
        funds = {"PENSION_FUND": AccountKind.PENSION_FUND, FARM_SUBSIDY.fund_account: AccountKind.FISCAL_PROGRAMME}
        backend.ledger.open_accounts([("TREASURY", AccountKind.EXTERNAL), *funds.items()])
        for fund in funds:
            backend.ledger.post(Transfer(f"grant:{fund}", "TREASURY", fund, 10**8, "grant", "2014-08-01T00:00:00"))
    return folder / "books.sqlite"


@pytest.fixture
def db(bureau: Path, tmp_path: Path) -> str:
    (tmp_path / "books.sqlite").write_bytes(bureau.read_bytes())
    return f"sqlite:///{tmp_path}/books.sqlite"


def run(db: str, *arguments: object) -> tuple[int, str]:
    def invoke(*more: object) -> Any:
        return CliRunner().invoke(app, ["pay", *(str(one) for one in (*arguments, *more)), "--db", db])

    result = with_officers(invoke, arguments[0])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def shown(db: str, *arguments: object) -> dict[str, object]:
    return json.loads(run(db, *arguments, "--json")[1].splitlines()[-1])


def roll_file(tmp_path: Path, *more: str) -> Path:
    path = tmp_path / "roll.csv"
    people = [f"{who},{name},100000" for who, name in PEOPLE.items()]
    path.write_text("\n".join(["id_number,name,amount_fen", *people, *more]), "utf-8")
    return path


def drafted(db: str, tmp_path: Path, period: str = "2014-09", *, programme: str = "pension") -> dict[str, object]:
    return shown(db, "draft", programme, period, roll_file(tmp_path), "--by", "zhang", *ON)


def approved(db: str, tmp_path: Path, **which: str) -> str:
    made = drafted(db, tmp_path, **which)
    for officer in ("li", "wang"):
        order = ("--officer", officer, "--key", key(officer), "--digest", made["digest"], *ON)
        assert run(db, "approve", made["roll_no"], *order)[0] == 0
    return str(made["roll_no"])


def key(officer: str) -> Path:
    return Path(os.environ["SBCARD_OFFICERS"]).with_name(f"{officer}.pem")


def released(db: str, tmp_path: Path) -> tuple[str, Path]:
    roll_no, out = approved(db, tmp_path), tmp_path / "out"
    assert run(db, "release", roll_no, "--out", out, *ON)[0] == 0
    (request,) = out.glob("PAYREQ*")
    return roll_no, request


def answer(request: Path, codes: dict[str, str]) -> Path:
    asked = bankfile.read(request, bankfile.PAYOUT_REQUEST)
    rows = [(row[0], row[1], row[4], codes[row[0]], "") for row in asked.rows if row[0] in codes]
    paid, back = ([int(row[2]) for row in rows if (row[3] == "00") is good] for good in (True, False))
    sums = {"paid": len(paid), "paid_fen": sum(paid), "returned": len(back), "returned_fen": sum(back)}
    path = request.with_name("answer.txt")
    bankfile.write(path, bankfile.PAYOUT_RESULT, {k: asked.header[k] for k in ("batch_no", "bank", "date")}, rows, sums)
    return path


def everything(db: str) -> dict[str, list[str]]:
    with Backend.open(db) as backend, backend.store.begin() as connection:
        return {
            table.name: sorted(map(str, connection.execute(sa.select(table))))
            for table in schema.metadata.sorted_tables
        }


def tried(db: str, *arguments: object, code: int = 0) -> str:
    """Rehearse a step, which changes nothing; then do it, which does."""
    before = everything(db)
    said = run(db, *arguments, "--dry-run")
    assert (said[0], "试运行" in said[1]) == (code, True), said[1]
    assert shown(db, *arguments, "--dry-run")["dry_run"]
    assert everything(db) == before
    said = run(db, *arguments)
    assert said[0] == code, said[1]
    assert everything(db) != before
    return said[1]


@pytest.mark.parametrize(("language", "why"), [("zh", "查无此人"), ("en", "nobody has this social security number")])
def test_a_draft_says_which_lines_it_refused_and_why(
    db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, why: str
) -> None:
    monkeypatch.setenv("SBCARD_LANG", language)
    many = [f"{STRANGER},路人{n},100" for n in range(25)]
    path = roll_file(tmp_path, *many)
    order = ("draft", "pension", "2014-09", path, "--by", "zhang", *ON)
    code, text = run(db, *order, "--dry-run")
    told = re.findall(rf"第(\d+)行 110105\*+002X payout.person {why}", text)
    assert (code, told, "另有 5 行" in text, STRANGER in text) == (1, [str(n) for n in range(4, 24)], True, False)
    lines = shown(db, *order)["refused_lines"]
    assert [one["line"] for one in lines] == list(range(4, 29))  # type: ignore[attr-defined]
    assert lines[0] == {"line": 4, "id_number": "110105********002X", "code": "payout.person", "reason": why}  # type: ignore[index]


def test_every_bad_amount_is_named(db: str, tmp_path: Path) -> None:
    before = everything(db)
    order = ("draft", "pension", "2014-09")
    path = roll_file(tmp_path, "1,甲,12.50", "2,乙,100", "3,丙,１００", "4,丁,-5")
    code, text = run(db, *order, path, "--by", "zhang", *ON)
    assert (code, "3 lines" in text, "5, 7, 8" in text, "全角" in text) == (2, True, True, True), text
    path = roll_file(tmp_path, "3,丙,１００")
    code, text = run(db, *order, path, "--by", "zhang", *ON)
    assert (code, "line 5" in text, "全角" in text, "半角" in text) == (2, True, True, True), text
    assert run(db, "draft", "pension", "2014-13", roll_file(tmp_path), "--by", "zhang", *ON)[0] == 2
    assert everything(db) == before


def test_approvals_are_counted_aloud(db: str, tmp_path: Path) -> None:
    made = drafted(db, tmp_path)
    order = ("approve", made["roll_no"], "--digest", made["digest"], *ON)
    li, wang = (("--officer", officer, "--key", key(officer)) for officer in ("li", "wang"))
    code, text = run(db, *order, *li)
    assert (code, "审批 1/2 li" in text, "已审批过" in text) == (0, True, False), text
    code, text = run(db, *order, *li)
    assert (code, "审批 1/2 li" in text, "已审批过" in text) == (0, True, True), text
    assert shown(db, *order, *li)["counted_already"] is True
    last = shown(db, *order, *wang)
    assert (last["officers"], last["approvals"], last["counted_already"]) == (["li", "wang"], 2, False)
    other = drafted(db, tmp_path, "2014-10")
    assert other["digest"] != made["digest"]
    assert run(db, "approve", other["roll_no"], "--digest", made["digest"], *li, *ON)[0] == 2


def test_the_notice_has_a_title_and_days_and_is_only_of_programmes_that_need_one(db: str, tmp_path: Path) -> None:
    assert run(db, "notice", approved(db, tmp_path), *ON)[0] == 2
    roll_no = approved(db, tmp_path, programme="farm-subsidy")
    text = tried(db, "notice", roll_no, *ON)
    assert text.startswith("惠农补贴 2014-09 发放名册公示\n")
    assert "公示期 2014-09-01 至 2014-09-11(7 个工作日)" in text
    assert "共 3 人 3,000.00 元" in text
    assert next(iter(PEOPLE)) not in text
    text = tried(db, "object", roll_no, "2", "--by", "邻居", "--reason", "已迁出", *ON)
    assert "移出 1,000.00 元" in text
    assert "WITHDRAWN" in tried(db, "withdraw", roll_no)


def test_a_second_release_names_the_files_again(db: str, tmp_path: Path) -> None:
    roll_no, request = released(db, tmp_path)
    code, text = run(db, "release", roll_no, "--out", request.parent, *ON)
    assert (code, f"银行文件 {request.name} (此前已写出" in text, "已发送 3,000.00 元" in text) == (0, True, True), text
    again = shown(db, "release", roll_no, "--out", request.parent, *ON)
    assert (again["batches"], again["made"]) == ([request.stem.removeprefix("PAYREQ_")], [])


def test_a_missing_file_stops_no_other(db: str, tmp_path: Path) -> None:
    _, request = released(db, tmp_path)
    good, wrong, gone = answer(request, dict.fromkeys("123", "00")), roll_file(tmp_path), tmp_path / "nofile.txt"
    code, text = run(db, "result", gone, wrong, good, *ON)
    assert (code, "nofile.txt" in text, "roll.csv" in text, "已发放 3 笔" in text) == (2, True, True, True), text
    said = run(db, "result", gone, good, "--json", *ON)[1].splitlines()
    assert [json.loads(line).get("file") for line in said if line.startswith("{")] == ["nofile.txt", "answer.txt"]
    result = CliRunner().invoke(app, ["premium", "result", str(gone), str(wrong), "--db", db])
    assert (result.exit_code, "nofile.txt" in result.output, "roll.csv" in result.output) == (2, True, True)


def test_a_returned_line_is_listed_and_given_up(db: str, tmp_path: Path) -> None:
    roll_no, request = released(db, tmp_path)
    assert run(db, "returned", "pension", "2014-09") == (0, "没有退票 (nothing was returned)\n")
    assert run(db, "result", answer(request, {"1": "00", "2": "12"}), *ON)[0] == 1  # the third is forgotten
    out = tmp_path / "ask"
    code, text = run(db, "inquire", "pension", "2014-09", "--out", out, *ON, "--dry-run")
    assert (code, "PAYINQ_" in text, out.exists()) == (0, True, False)
    assert shown(db, "inquire", "pension", "2014-09", "--out", out, *ON)["files"] == [one.name for one in out.iterdir()]
    code, text = run(db, "returned", "pension", "2014-09")
    batch = request.stem.removeprefix("PAYREQ_")
    assert (code, text.split()) == (1, [batch, "2", "430102********0023", "1,000.00", "元", "账户已销户"])
    assert run(db, "give-up", "pension", batch, "2", "3", *ON)[0] == 2  # the third is not returned: none
    assert "放弃 1 笔" in tried(db, "give-up", "pension", batch, "2", *ON)
    assert run(db, "returned", "pension", "2014-09")[0] == 0
    code, text = run(db, "close", roll_no, *ON)
    assert (code, f"1,000.00 元 of roll {roll_no} are outstanding" in text) == (2, True)


def test_a_person_is_suspended_resumed_and_dies(db: str, tmp_path: Path) -> None:
    who = next(iter(PEOPLE))
    text = tried(db, "suspend", "pension", who, "--since", "2014-09", "--reason", "未认证", *ON)
    assert text == "430102********0018 pension 自 2014-09 起暂停发放\n"
    assert run(db, "suspend", "pension", who, "--since", "2014-13", "--reason", "x", *ON)[0] == 2
    made = drafted(db, tmp_path)
    assert made["held_fen"] == 100000
    text = tried(db, "resume", "pension", who, "--since", "2014-10")
    assert "应补发 1 期 1,000.00 元" in text
    assert run(db, "resume", "pension", who, "--since", "2014-10")[0] == 1  # none was running
    drafted(db, tmp_path, "2014-10")
    with Backend.open(db) as backend:
        insured = Insured(who, "甲一", PersonCategory.RURAL, "resident-medical")
        assert backend.premiums.issue("2015", date(2015, 1, 1), [insured]).bills
    assert run(db, "death", who, "2099-01-01", *ON)[0] == 2
    text = tried(db, "death", who, "2014-08-20", *ON)
    assert "移出名册 2 笔" in text
    assert "作废缴费单 1 张" in text
    assert who not in text
    assert shown(db, "death", who, "2014-08-20", *ON)["premiums"] == {
        "cancelled": [],
        "owed": [],
        "paid": [],
        "reopened": [],
    }
    assert run(db, "death", STRANGER, "2014-08-20", *ON)[0] == 2
