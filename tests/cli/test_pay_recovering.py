"""``sbcard pay tell|held|payments|recover|receive|recoveries|check|refused|rolls|write-again``, as a clerk has them."""

import csv
import json
import os
import subprocess
import sys
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
from sbcard_core.officers import load
from sbcard_core.payout import LineState
from sbcard_core.registry.enrolment import enrol
from sbcard_core.store import schema
from sbcard_core.validation.check import check_files
from tests.cli.signing import asked, signed, with_officers

ON = ("--on", "2014-09-01")
STRANGER = "11010519491231002X"
FIRST, SECOND = "430102195001010018", "430102195002020023"
STANDINGS = "id_number,living,died_on,bank,account_no,account_state"


@pytest.fixture(scope="module")
def bureau(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people nobody knows an account of, and a fund."""
    folder = tmp_path_factory.mktemp("recovering")
    table = folder / "people.csv"
    head = "序号,申领表编码,社会保障号码,姓名,性别,民族,出生日期,联系手机,人员类别,区县代码,服务银行,上报日期"
    rows = [
        f"{n},F{n},{who},{name},{n},01,{who[6:14]},13800000001,4,430102,103,20140701"
        for n, (who, name) in enumerate(((FIRST, "甲一"), (SECOND, "乙二")), 1)
    ]
    table.write_text("\n".join([head, *rows]), "utf-8")
    with Backend.open(f"sqlite:///{folder}/books.sqlite") as backend:
        assert enrol(backend.store, check_files([table], on=date(2014, 8, 1))).total().enrolled == 2
        kinds = [("TREASURY", AccountKind.EXTERNAL), ("PENSION_FUND", AccountKind.PENSION_FUND)]
        backend.ledger.open_accounts(kinds)
        backend.ledger.post(Transfer("grant", "TREASURY", "PENSION_FUND", 10**8, "grant", "2014-08-01T00:00:00"))
    return folder / "books.sqlite"


@pytest.fixture
def db(bureau: Path, tmp_path: Path) -> str:
    (tmp_path / "books.sqlite").write_bytes(bureau.read_bytes())
    return f"sqlite:///{tmp_path}/books.sqlite"


def run(db: str, *arguments: object, code: int = 0) -> str:
    def invoke(*more: object) -> Any:
        return CliRunner().invoke(app, ["pay", *(str(one) for one in (*arguments, *more)), "--db", db])

    done = with_officers(invoke, arguments[0])
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def shown(db: str, *arguments: object, code: int = 0) -> dict[str, object]:
    return json.loads(run(db, *arguments, "--json", code=code).splitlines()[-1])


def everything(db: str) -> dict[str, list[str]]:
    with Backend.open(db) as backend, backend.store.begin() as connection:
        tables = schema.metadata.sorted_tables
        return {table.name: sorted(map(str, connection.execute(sa.select(table)))) for table in tables}


def tried(db: str, *arguments: object) -> str:
    """Rehearse a step, which changes nothing; then do it, which does."""
    before = everything(db)
    assert "试运行" in run(db, *arguments, "--dry-run")
    assert shown(db, *arguments, "--dry-run")["dry_run"]
    assert everything(db) == before
    said = run(db, *arguments)
    assert everything(db) != before
    return said


def told(db: str, tmp_path: Path, encoding: str = "utf-8") -> None:
    path = tmp_path / "standings.csv"
    accounts = [f"{who},1,,103,622848000000000000{n},NORMAL,甲" for n, who in enumerate((FIRST, SECOND))]
    path.write_text("\n".join([f"{STANDINGS},备注", *accounts]), encoding)
    assert run(db, "tell", path, *ON) == "已登记 2 人\n"


def paid(db: str, tmp_path: Path, period: str, *lines: str, code: str = "00") -> str:
    """A roll through to its answer; returns its batch."""
    roll = tmp_path / "roll.csv"
    people = [f"{FIRST},甲一,100000,,", f"{SECOND},乙二,200000,,", *lines]
    roll.write_text("\n".join(["id_number,name,amount_fen,item,area", *people]), "utf-8")
    made = json.loads(
        CliRunner()
        .invoke(app, ["pay", "draft", "pension", period, str(roll), "--by", "zhang", "--db", db, "--json", *ON])
        .output
    )
    for officer in ("li", "wang"):
        key = Path(os.environ["SBCARD_OFFICERS"]).with_name(f"{officer}.pem")
        run(db, "approve", made["roll_no"], "--officer", officer, "--key", key, "--digest", made["digest"], *ON)
    out = tmp_path / "out"
    (batch,) = shown(db, "release", made["roll_no"], "--out", out, "--on", "2014-09-15")["batches"]
    asked = bankfile.read(out / f"PAYREQ_{batch}.txt", bankfile.PAYOUT_REQUEST)
    rows = [(row[0], row[1], row[4], code, "") for row in asked.rows]
    good, fen = code == "00", sum(int(row[2]) for row in rows)
    sums = {"paid": len(rows) * good, "paid_fen": fen * good, "returned": len(rows) * (not good)}
    sums["returned_fen"] = fen * (not good)
    path = out / f"PAYRES_{batch}.txt"
    header = {name: asked.header[name] for name in ("batch_no", "bank", "date")}
    bankfile.write(path, bankfile.PAYOUT_RESULT, header, rows, sums)
    run(db, "result", path, "--on", "2014-09-16", code=int(code != "00"))
    return str(batch)


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_accounts_are_told_from_a_file_of_either_encoding(db: str, tmp_path: Path, encoding: str) -> None:
    told(db, tmp_path, encoding)
    path = tmp_path / "standings.csv"
    path.write_text(f"{STANDINGS}\n{FIRST},1,,,,", "utf-8")
    tried(db, "tell", path, "--on", "2014-09-02")
    told(db, tmp_path, encoding)
    with Backend.open(db) as backend, backend.store.begin() as connection:
        rows = connection.execute(sa.select(schema.payout_standing.c.account_no)).scalars().all()
    assert sorted(rows) == ["6228480000000000000", "6228480000000000001"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{STRANGER},1,,,,", "line 3: nobody has this social security number"),
        (f"{SECOND},7,,,,", "line 3: no such living"),
        (f"{SECOND},DEAD,2014-13-01,,,", "line 3: 2014-13-01 is no day"),
        (f"{SECOND},2,2099-01-01,,,", "line 3: the death on 2099-01-01 is after"),
        (f"{SECOND},1,,103,,", "line 3: an account has bank, number and state"),
        (f"{SECOND},1,,103,62284800,5", "line 3: no such account_state"),
        (f"{SECOND},1", "line 3 has not the header's columns"),
    ],
)
def test_a_file_of_standings_that_is_wrong_changes_nothing(db: str, tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "standings.csv"
    path.write_text(f"{STANDINGS}\n{FIRST},1,,,,\n{line}", "utf-8")
    before = everything(db)
    text = run(db, "tell", path, *ON, code=2)
    assert said in text
    assert line[:18] not in text
    assert everything(db) == before


def test_a_wrong_credit_comes_back_through_the_bank(db: str, tmp_path: Path) -> None:
    told(db, tmp_path)
    batch = paid(db, tmp_path, "2014-09")
    assert run(db, "payments", FIRST).split() == ["pension", "2014-09", batch, "1", "已发放", "1,000.00", "元"]
    assert run(db, "recoveries", "pension") == "没有追回 (no recoveries)\n"
    assert "未收回 300.00 元" in tried(db, "recover", "R1", batch, 1, 30000, "--reason", "多发", *ON)
    (seen,) = shown(db, "payments", FIRST)["payments"]  # type: ignore[misc]
    assert (seen["state"], seen["claimable_fen"]) == ("PAID", 70000)
    run(db, "recover", "R2", batch, 1, 70001, "--reason", "多发", *ON, code=2)  # more than is left
    run(db, "recover", "R2", batch, 9, 1, "--reason", "多发", *ON, code=2)  # no such line
    run(db, "recover", "R2", batch, 1, 0, "--reason", "多发", *ON, code=2)
    assert "未收回 200.00 元" in tried(db, "receive", "pension", "R1", 10000, "--reference", "凭证1", *ON)
    before = everything(db)
    run(db, "receive", "pension", "R1", 10000, "--reference", "凭证1", *ON)
    run(db, "receive", "pension", "R1", 20001, "--reference", "凭证2", *ON, code=2)
    run(db, "receive", "farm-subsidy", "R1", 1, "--reference", "凭证2", *ON, code=2)
    assert everything(db) == before
    said = run(db, "recoveries", "pension", code=1).split()
    assert said == [
        "R1",
        "430102********0018",
        batch,
        *["1", "300.00", "元", "未收回", "200.00", "元", "银行退回", "多发"],
    ]
    assert shown(db, "receive", "pension", "R1", 20000, "--reference", "凭证2", *ON)["open_fen"] == 0
    assert shown(db, "recoveries", "pension")["recoveries"][0]["mode"] == "RETURN"  # type: ignore[index]
    assert run(db, "check", batch.replace("103-001", "R001")) == "账实相符 (the books agree)\n"


def test_a_wrong_credit_is_kept_back_in_parts_and_suspended_months_are_paid(db: str, tmp_path: Path) -> None:
    told(db, tmp_path)
    batch = paid(db, tmp_path, "2014-09")
    text = tried(db, "recover", "R1", batch, 1, 50000, "--monthly-fen", 40000, "--reason", "多发", *ON)
    assert "每期至多 400.00 元" in text
    run(db, "suspend", "pension", SECOND, "--since", "2014-10", "--reason", "未认证", *ON)
    assert run(db, "held", "pension") == "没有应补发 (nothing is due)\n"
    paid(db, tmp_path, "2014-10")
    assert "未收回 100.00 元 抵扣 多发" in " ".join(run(db, "recoveries", "pension", code=1).split())
    run(db, "resume", "pension", SECOND, "--since", "2014-11")
    out = tmp_path / "held.csv"
    said = run(db, "held", "pension", "--out", out, code=1).split()
    assert said == ["430102********0023", "乙二", "held:2014-10", "2,000.00", "元"]
    assert run(db, "held", "pension", "--id", FIRST) == "没有应补发 (nothing is due)\n"
    (back,) = csv.DictReader(out.read_text("utf-8").splitlines())
    assert (back["id_number"], back["amount_fen"]) == (SECOND, "200000")
    paid(db, tmp_path, "2014-11", f"{SECOND},乙二,{back['amount_fen']},{back['item']},")
    assert run(db, "held", "pension") == "没有应补发 (nothing is due)\n"
    assert shown(db, "recoveries", "pension")["recoveries"][0]["open_fen"] == 0  # type: ignore[index]


def test_rolls_are_listed_checked_and_their_files_written_again(db: str, tmp_path: Path) -> None:
    told(db, tmp_path)
    batch = paid(db, tmp_path, "2014-09", f"{STRANGER},路人,5,,")
    roll_no = "pension-2014-09-R001"
    assert run(db, "rolls", "pension", "2014-09") == f"{roll_no}  RELEASED  发放日 2014-09-15  制表 zhang\n"
    assert run(db, "rolls", "pension", "2014-10") == "没有名册 (no rolls)\n"
    why = "payout.person nobody has this social security number"
    assert f"第3行 110105********002X {why}" in run(db, "refused", roll_no, code=1)
    assert shown(db, "refused", roll_no, code=1)["lines"][0]["line"] == 3  # type: ignore[index]
    again = tmp_path / "again"
    assert f"PAYREQ_{batch}.txt" in run(db, "write-again", batch, "--out", again, "--dry-run")
    assert not again.exists()
    run(db, "write-again", batch, "--out", again)
    name = f"PAYREQ_{batch}.txt"
    assert (again / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    run(db, "write-again", "B9", "--out", again, code=2)
    with Backend.open(db) as backend, backend.store.begin() as connection:  # behind the engine's back
        line = schema.payout_line
        connection.execute(sa.update(line).where(line.c.seq == 2).values(state=int(LineState.SENT), amount_fen=123456))
    text = run(db, "check", roll_no, code=1)
    assert f"{batch}: the batch says 2 lines, 3,000.00 元; it has 2, 2,234.56 元" in text
    assert f"{batch}: the ledger blocks 0.00 元, the lines 1,234.56 元" in text
    assert "fen" not in text


def test_on_a_gbk_console(db: str, tmp_path: Path) -> None:
    told(db, tmp_path)
    environment = {**os.environ, "PYTHONIOENCODING": "gbk:strict", "PYTHONUTF8": "0"}
    run(db, "suspend", "pension", SECOND, "--since", "2014-10", "--reason", "未认证", *ON)
    paid(db, tmp_path, "2014-10")
    run(db, "resume", "pension", SECOND, "--since", "2014-11")
    command = [sys.executable, "-m", "sbcard_core.cli", "pay", "held", "pension", "--db", db]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (1, b"")
    assert "乙二 held:2014-10 2,000.00 元" in " ".join(done.stdout.decode("gbk").split())


def test_broken_off(db: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told(db, tmp_path)
    before = everything(db)

    def stop(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("sbcard_core.payout.people.find", stop)
    assert "已中断" in run(db, "tell", tmp_path / "standings.csv", *ON, code=130)
    assert everything(db) == before


def test_a_death_is_corrected_and_taken_back(db: str, tmp_path: Path) -> None:
    told(db, tmp_path)
    for period in ("2014-07", "2014-08"):
        paid(db, tmp_path, period)
    first = shown(db, "death", FIRST, "2014-06-20", "--on", "2014-09-20")
    assert len(first["recoveries"]) == 2  # type: ignore[arg-type]
    assert "decision" in run(db, "death", FIRST, "2014-07-20", "--on", "2014-09-21", code=2)  # another day
    (later,) = shown(db, "death", FIRST, "2014-07-20", "--on", "2014-09-21", "--decision", "更1")["withdrawn"]  # type: ignore[misc]
    assert "2014-07" in later
    text = run(db, "recoveries", "pension", code=1)
    assert ("撤销 更1" in text, text.count("未收回 0.00 元"), text.count("未收回 1,000.00 元")) == (True, 1, 1)
    (still,) = [name for name in first["recoveries"] if name != later]  # type: ignore[union-attr]
    run(db, "receive", "pension", still, 40000, "--reference", "收1", "--heirs", "", *ON)  # the bank
    assert "收到 100.00 元" in tried(
        db, "receive", "pension", still, 10000, "--reference", "收2", "--heirs", "追3号", *ON
    )
    assert f"撤销追回 {still}" in tried(db, "withdraw-death", FIRST, "--decision", "撤2", "--on", "2014-09-22")
    run(db, "withdraw-death", SECOND, "--decision", "撤2", "--on", "2014-09-22", code=2)
    due = shown(db, "held", "pension", code=1)["held"]
    assert sorted(line["amount_fen"] for line in due) == [10000, 40000]  # type: ignore[union-attr, index]
    assert "1950" not in text


def test_a_recovery_is_withdrawn_with_what_two_officers_signed(db: str, tmp_path: Path) -> None:
    told(db, tmp_path)
    batch = paid(db, tmp_path, "2014-09")
    run(db, "recover", "R1", batch, 1, 30000, "--reason", "多发", *ON)
    order = ("withdraw-recovery", "pension", "R1", "--decision", "免1", *ON)
    act = asked(run(db, *order, code=2))
    run(db, *order, *signed(tmp_path, act, "li"), code=2)
    run(db, *order, *signed(tmp_path, (act[0], "R2", act[2]), "li", "wang"), code=2)  # of another one
    assert "撤销 (免1)" in tried(db, *order, *signed(tmp_path, act, "li", "wang"))
    assert "未收回 0.00 元" in run(db, "recoveries", "pension")
    (tmp_path / "li.json").write_text("{}")
    run(db, *order, "--approval", tmp_path / "li.json", code=2)


def test_a_corrected_account_may_be_at_another_bank_and_a_given_up_line_comes_back(db: str, tmp_path: Path) -> None:
    told(db, tmp_path)
    batch = paid(db, tmp_path, "2014-09", code="14")
    assert "放弃 1 笔" in run(db, "give-up", "pension", batch, 1, *ON)
    assert "恢复退票 1 笔" in tried(db, "reinstate", "pension", batch, 1, *ON)
    table, out = tmp_path / "new.csv", tmp_path / "again"
    table.write_text(f"id_number,account_no,bank\n{FIRST},6217 0000 0000 0000 009,105\n", "utf-8")
    order = ("repay", "pension", "2014-09", "--corrections", table, "--out", out, *ON)
    tried(db, *order, *signed(tmp_path, asked(run(db, *order, code=2)), "li", "wang"))
    sent = {path.name.split("-")[3]: path for path in out.glob("PAYREQ*")}
    rows = {bank: bankfile.read(path, bankfile.PAYOUT_REQUEST).rows for bank, path in sent.items()}
    assert [row[1] for row in rows["105"]] == ["6217000000000000009"]
    assert [row[3] for row in rows["103"]] == [SECOND]
    for wrong in ("6.217E+18,105", "6217000000000000008,1|5", ",105"):
        table.write_text(f"id_number,account_no,bank\n{FIRST},{wrong}\n", "utf-8")
        run(db, *order, code=2)


def test_the_day_of_payment_may_be_named(db: str, tmp_path: Path) -> None:
    """Where that year's working days are not published yet it has to be."""
    told(db, tmp_path)
    roll = tmp_path / "roll.csv"
    roll.write_text(f"id_number,name,amount_fen\n{FIRST},甲一,100\n", "utf-8")
    order = ("draft", "pension", "2044-01", roll, "--by", "zhang", "--on", "2044-01-04")
    run(db, *order, code=2)
    assert shown(db, *order, "--pay-on", "2044-01-15")["pay_on"] == "2044-01-15"


def test_a_standing_names_days_as_days_and_the_living_have_none_of_death(db: str, tmp_path: Path) -> None:
    path = tmp_path / "standings.csv"
    before = everything(db)
    for line, said in (
        (f"{FIRST},2,2014-W31-5,,,", "2014-W31-5 is no day"),
        (f"{FIRST},2,20140801,,,", "20140801 is no day"),
        (f"{FIRST},1,2014-08-01,,,", "not reported dead"),
        (f"{FIRST},1,,103,6.22848E+18,1", "12 to 19 digits"),
        (f"{FIRST},1,,a/b,6228480000000000000,1", "a/b is no bank"),
    ):
        path.write_text(f"{STANDINGS}\n{line}", "utf-8")
        text = run(db, "tell", path, *ON, code=2)
        assert ("standings.csv line 2" in text, said in text, FIRST in text) == (True, True, False), text
    assert everything(db) == before


def test_a_key_is_made_once_and_tells_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new.pem"
    make = ["pay", "officer-key", "017", "--name", '李"审核', "--key", str(path)]
    done = CliRunner().invoke(app, make)
    assert done.exit_code == 0, done.output
    before = path.read_bytes()
    assert (b"ENCRYPTED" in before, path.stat().st_mode & 0o077) == (True, 0)
    (tmp_path / "officers.toml").write_text(done.output, "utf-8")
    (officer,) = load(tmp_path / "officers.toml")
    assert (officer.id, officer.name) == ("017", '李"审核')
    assert CliRunner().invoke(app, make).exit_code == 2  # never over a key
    for wrong in (["李审核", "--name", "x"], ["018", "--name", " "]):
        assert (
            CliRunner().invoke(app, ["pay", "officer-key", *wrong, "--key", str(tmp_path / "other.pem")]).exit_code == 2
        )
    assert (path.read_bytes(), sorted(one.name for one in tmp_path.iterdir())) == (before, ["new.pem", "officers.toml"])
