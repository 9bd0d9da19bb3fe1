"""``sbcard premium`` as a user types it: files in, words or JSON out, exit codes, dry runs, kills."""

import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from sbcard_core.backend import Backend
from sbcard_core.cli.app import app
from sbcard_core.files.outputs import PART
from sbcard_core.hosts import bankfile
from sbcard_core.premiums import BILLS
from sbcard_core.store import Store, schema
from tests.cli.signing import with_officers
from tests.faults import known_to_server
from tests.people import number

ROOT = Path(__file__).parents[2]
ENV = {**os.environ, "PYTHONPATH": str(ROOT)}
PIPES = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
COMMAND = [sys.executable, "-m", "sbcard_core.cli", "premium"]
PEOPLE = """id_number,name,category,insurance
430102198001010011,张三,RURAL,resident-medical
43010219800101002X,李四,农村参保人员,resident-medical
430102198001010038,王五,STUDENT,resident-medical
"""
PAYMENTS = "payment_id,bill_no,amount_fen,channel,agent,at\n"


def run(*arguments: object) -> tuple[int, str]:
    sample = ["--sample"] if arguments[0] == "issue" else []

    def invoke(*more: object) -> Any:
        return CliRunner().invoke(app, ["premium", *map(str, (*arguments, *more)), *sample])

    result = with_officers(invoke, arguments[0])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def shell(folder: Path, *arguments: object, **env: str) -> subprocess.CompletedProcess[bytes]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=ENV | env, capture_output=True, check=False)


def everything(url: str) -> dict[str, list[str]]:
    with Store.open(url, sample=True) as store, store.begin() as connection:
        tables = schema.metadata.sorted_tables
        return {table.name: sorted(map(str, connection.execute(sa.select(table)))) for table in tables}


def files(folder: Path) -> dict[str, bytes]:
    found = sorted(path for path in folder.rglob("*") if path.is_file() and ".sqlite" not in path.name)
    return {str(path): path.read_bytes() for path in found}


@pytest.fixture
def url(store_url: str) -> Iterator[str]:
    yield store_url
    if not store_url.startswith("sqlite"):
        with Store.open(store_url, sample=True) as store:
            schema.metadata.drop_all(store.engine)


def test_a_year_of_premiums_every_step_rehearsed_first(url: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Store.open(url, sample=True):
        pass

    def step(*arguments: object, code: int = 0) -> str:
        before, there = everything(url), files(tmp_path)
        rehearsed, said = run(*arguments, "--db", url, "--dry-run")
        assert (rehearsed, everything(url), files(tmp_path)) == (code, before, there), said
        assert "试运行" in said
        done, text = run(*arguments, "--db", url, "--json")
        assert done == code, text
        assert everything(url) != before
        return text

    Path("people.csv").write_text(PEOPLE, "gb18030")
    issued = json.loads(step("issue", "2015", "people.csv", "--begins", "2015-01-01"))
    assert (issued["amount_fen"], issued["statuses"]) == (30000, {"ISSUED": 3})
    line = "P1,2015.000000001,12000,pos,T1,2015-03-02T09:00:00\nP2,2015.000000001,12000,atm,A,2015-03-02\n"
    Path("pay.csv").write_text(PAYMENTS + line, "utf-8")
    paid = json.loads(step("pay", "pay.csv", "--statuses", "done.csv", code=1))
    assert paid["refused"] == [{"payment_id": "P2", "status": "ALREADY_PAID"}]
    assert Path("done.csv").read_text("utf-8") == "id,status\nP1,PAID\nP2,ALREADY_PAID\n"
    Path("refund.csv").write_text("refund_id,payment_id,amount_fen,at\nR1,P1,12000,2015-04-01\n", "utf-8")
    assert json.loads(step("refund", "refund.csv"))["refunded_fen"] == 12000
    changed = json.loads(step("change", "2015.000000001", "STUDENT", "--on", "2015-09-01"))
    assert changed == {"status": "REPLACED", "bill_no": "2015.000000004"}
    step("cancel", "2015.000000003", "--reason", "死亡")
    (sent,) = json.loads(step("dispatch", "402", "2015", "--on", "2015-04-30", "--out", "out"))["files"]
    rows = [(row[0], row[1], "13000", "00", "20150501120000", "T", "") for row in bankfile.read(Path(sent), BILLS).rows]
    assert len(rows) == 2
    text = [
        "H|PREMRES|PREM-2015-402-0001|402|20150502|2|26000",
        *("D|" + "|".join(row) for row in rows),
        "T|2|2|26000|0",
    ]
    Path("answer.txt").write_text("\n".join(text), "gb18030")
    taken = json.loads(step("result", "answer.txt", code=1))
    assert (taken["paid_fen"], taken["suspended_fen"], taken["accepted"]) == (18000, 8000, 2)
    held = json.loads(run("suspense", "--db", url, "--json")[1])["suspense"]
    assert [one["left_fen"] for one in held] == [1000, 7000]
    assert json.loads(step("give-back", held[0]["payment_id"]))["given_back_fen"] == 1000
    code, said = run("result", "answer.txt", "people.csv", "--db", url)
    assert (code, "未作改动" in said, "no header" in said) == (2, True, True)
    code, said = run("assign", held[1]["payment_id"], "2015.000000001", "--db", url)
    assert (code, "ALREADY_PAID" in said) == (2, True)
    assert "张三" in run("receipt", "P1", "--db", url)[1]
    assert "已退" in run("bills", "--id", "430102198001010011", "--db", url)[1]
    assert run("unpaid", "PREM-2015-402-0001", "1", "--db", url)[0] == 1
    assert run("arrears", "--on", "2015-06-01", "--db", url) == (0, "")
    with Backend.open(url, sample=True) as backend:
        assert backend.ledger.recompute() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("totals", "2015", "--db", "sqlite:///typo.sqlite"), "no such database file"),
        (("totals", "2015", "--db", "nonsense"), "地址"),
        (("totals", "2015", "--db", "foo://x"), "not supported"),
        (("totals", "2015", "--db", "sqlite:///people.csv"), "no SQLite database"),
        (("totals", "2015", "--db", "postgresql+psycopg://u:secret@/x?host=/nowhere"), "数据库故障"),
        (("issue", "2015", "missing.csv", "--begins", "2015-01-01"), "does not exist"),
        (("issue", "2015", "binary.csv", "--begins", "2015-01-01"), "is no text"),
        (("issue", "2015", "pay.csv", "--begins", "2015-01-01"), "lacks id_number"),
        (("issue", "20/15", "people.csv", "--begins", "2015-01-01"), "is no period"),
        (("issue", "2015", "people.csv", "--begins", "2015-01-01", "--tariff", "people.csv"), "tariff cannot be read"),
        (("pay", "pay.csv", "--db", "sqlite:///b.sqlite"), "line 2, column channel: 'cheque' is no channel"),
        (("bills", "--db", "sqlite:///b.sqlite"), "whose bills"),
        (("receipt", "P9", "--db", "sqlite:///b.sqlite"), "no such payment"),
        (("totals", "2015"), "--db"),
    ],
)
def test_what_is_refused_is_said_in_a_sentence(tmp_path: Path, monkeypatch, arguments: tuple, said: str) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text(PEOPLE, "utf-8")
    Path("pay.csv").write_text(PAYMENTS + "P1,B,1,cheque,T1,2015-03-02\n", "utf-8")
    Path("binary.csv").write_bytes(bytes(range(256)))
    with Store.open("sqlite:///b.sqlite", sample=True):
        pass
    if arguments[0] == "issue":
        arguments = (*arguments, "--db", "sqlite:///b.sqlite")
    code, text = run(*arguments)
    assert (code, said in text.replace("\n", " ")) == (2, True), text
    assert "Traceback" not in text
    assert "secret" not in text
    assert not Path("typo.sqlite").exists()


def test_a_wrong_line_far_down_is_named_and_nobody_is_billed(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    db = ("--db", "sqlite:///b.sqlite")
    lines = [f"{number(at)},张三,RURAL,resident-medical" for at in range(2500)]
    lines[2400] = lines[2400].replace("RURAL", "FARMER")
    Path("people.csv").write_text("\n".join([PEOPLE.split("\n", 1)[0], *lines]), "utf-8")
    code, said = run("issue", "2015", "people.csv", "--begins", "2015-01-01", *db)
    assert (
        code,
        "line 2402, column category: 'FARMER' is no category" in said.replace("\n", " "),
        "RURAL" in said,
    ) == (2, True, True), said
    assert "没有缴费单" in run("totals", "2015", *db)[1]
    Path("pay.csv").write_text(PAYMENTS + "P1,B,1,pos,T1,2015-03-02T09:00:00+08:00\n", "utf-8")
    code, said = run("pay", "pay.csv", *db)
    assert (code, "is a time with a time zone" in said.replace("\n", " ")) == (2, True), said


def test_a_bank_without_bills_is_told_why(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    db = ("--db", "sqlite:///b.sqlite")
    Path("people.csv").write_text(PEOPLE, "utf-8")
    assert run("issue", "2015", "people.csv", "--begins", "2015-01-01", *db)[0] == 0
    code, said = run("dispatch", "402", "2051", *db)
    assert (code, "2051 没有缴费单" in said, "no bills" in said) == (1, True, True), said
    assert json.loads(run("dispatch", "402", "2051", *db, "--json")[1]) == {"files": [], "bills_of_period": 0}
    assert run("dispatch", "402", "2015", *db)[0] == 0
    code, said = run("dispatch", "103", "2015", *db)
    assert (code, "nothing to send" in said) == (0, True), said


def test_premiums_end_with_a_death(url: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text(PEOPLE, "utf-8")
    for year in ("2015", "2016"):
        assert run("issue", year, "people.csv", "--begins", f"{year}-01-01", "--db", url)[0] == 0
    death = ("stop", "430102198001010011", "--after", "2015-08-20", "--reason", "死亡", "--db", url)
    code, said = run(*death, "--dry-run")
    assert (code, "作废 1 张" in said, "430102198001010011" in said) == (1, True, False), said
    done = json.loads(run(*death, "--json")[1])
    assert (done["cancelled"], done["owed"], done["paid"]) == (["2016.000000001"], ["2015.000000001"], [])
    assert run("cancel", "2015.000000001", "--reason", "死亡", "--db", url)[0] == 0
    assert run(*death)[0] == 0


def test_a_narrow_console_and_a_reader_that_goes_away(tmp_path: Path) -> None:
    people = [f"{number(at)},{'𠮷' if at == 1 else '张三'},RURAL,resident-medical" for at in range(3000)]
    (tmp_path / "people.csv").write_text(PEOPLE.split("\n", 1)[0] + "\n" + "\n".join(people), "utf-8")
    db = "sqlite:///b.sqlite"
    done = shell(tmp_path, "issue", "2015", "people.csv", "--begins", "2015-01-01", "--sample", "--db", db)
    assert (done.returncode, done.stderr) == (0, b"")
    gbk = shell(tmp_path, "arrears", "--on", "2015-06-01", "--db", db, PYTHONIOENCODING="gbk:strict")
    assert (gbk.returncode, gbk.stderr, len(gbk.stdout.decode("gbk").splitlines())) == (0, b"", 3000)
    command = f"set -o pipefail; {' '.join(COMMAND)} arrears --on 2015-06-01 --db {db} | head -1"
    piped = subprocess.run(["bash", "-c", command], cwd=tmp_path, env=ENV, capture_output=True, check=False)
    assert (piped.returncode, piped.stderr, piped.stdout.count(b"\n")) == (0, b"", 1)


def _prove(url: str, acknowledged: Path) -> int:
    """What was acknowledged is there, nothing is half there; returns how many payments are."""
    said: set[str] = set()
    if acknowledged.exists():
        with acknowledged.open(encoding="utf-8", newline="") as file:
            said = {row[0] for row in csv.reader(file) if row[1:] in (["PAID"], ["EXISTS"])}
    with Backend.open(url, sample=True) as backend:
        with backend.store.begin() as connection:
            there = set(connection.execute(sa.select(schema.premium_payment.c.payment_id)).scalars())
            states = Counter(connection.execute(sa.select(schema.premium_bill.c.state)).scalars())
            moved = Counter(connection.execute(sa.select(schema.transfer.c.transfer_id)).scalars())
        assert said <= there
        assert states[20] == len(there)
        assert set(moved) == {f"premium:{name}:{part}" for name in there for part in (0, 1)}
        assert backend.ledger.recompute() == []
        assert backend.ledger.totals()[0] == 12000 * len(there)
    return len(there)


def test_payments_killed_anywhere_go_on(url: str, tmp_path: Path) -> None:
    broken_off(url, tmp_path, signal.SIGKILL)


def test_payments_interrupted_go_on(tmp_path: Path) -> None:
    broken_off(f"sqlite:///{tmp_path}/books.sqlite", tmp_path, signal.SIGINT)


def _has_begun(folder: Path, since_ns: int) -> bool:
    """Whether statuses are written by a run of now; a run that was broken off may have left its part behind."""
    with suppress(FileNotFoundError):
        return any(part.stat().st_mtime_ns > since_ns for part in folder.glob(f".done.csv.*{PART}"))
    return False


def broken_off(url: str, tmp_path: Path, blow: signal.Signals) -> None:
    """Break off a long payment again and again; what is there stays, and in the end all is there once."""
    count, rng = 6000, random.Random(7)
    head = PEOPLE.split("\n", 1)[0]
    people = [f"{number(at)},张三,RURAL,resident-medical" for at in range(count)]
    (tmp_path / "people.csv").write_text("\n".join([head, *people]), "utf-8")
    lines = [f"P{at},2015.{at:09d},12000,atm,A,2015-03-02T09:00:00" for at in range(1, count + 1)]
    (tmp_path / "pay.csv").write_text(PAYMENTS + "\n".join(lines), "utf-8")
    assert run("issue", "2015", tmp_path / "people.csv", "--begins", "2015-01-01", "--db", url)[0] == 0
    statuses, hits, there = tmp_path / "done.csv", 0, 0
    for _ in range(12):
        statuses.unlink(missing_ok=True)
        with known_to_server(url) as own:
            command, begun = [*COMMAND, "pay", "pay.csv", "--statuses", "done.csv", "--db", own], time.time_ns()
            with subprocess.Popen(command, cwd=tmp_path, env=ENV, **PIPES) as child:
                while child.poll() is None and not _has_begun(tmp_path, begun):
                    time.sleep(0.001)
                if hits < 2:
                    time.sleep(hits * rng.random() * 0.1)  # the first at once, so that one falls into the work
                    child.send_signal(blow)
                _, said = child.communicate()
        hits += child.returncode in (-signal.SIGKILL, 130)
        assert child.returncode in (0, -signal.SIGKILL, 130), said
        assert b"Traceback" not in said
        assert statuses.exists() == (child.returncode == 0)  # a run that was broken off never looks finished
        now = _prove(url, next(tmp_path.glob(f".done.csv.*{PART}"), statuses))
        assert there <= now
        there = now
        if child.returncode == 0 and hits:  # else it was done before the blow: once more
            break
    assert (there, hits > 0) == (count, True)


def test_who_got_no_bill_is_listed_by_line_column_and_reason(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    db = ("--db", "sqlite:///b.sqlite")
    odd = [
        "43010219800101001X,张三,RURAL",
        "610104620927690,赵六,RURAL",
        f"{number(1)},张3,RURAL",
        f"{number(2)},钱七,FLEXIBLE",
    ]
    lines = [
        *PEOPLE.splitlines(),
        *(f"{one},resident-medical" for one in odd),
        "６１０１０４620927690,赵六,RURAL,resident-medical",
    ]
    Path("people.csv").write_text("\n".join(lines), "utf-8")
    code, said = run("issue", "2015年", "people.csv", *db, "--dry-run")
    assert (code, "2015: 缴费单 4 张" in said) == (1, True), said
    assert "people.csv line 5 id_number 430102********001X: MALFORMED 内容有误" in said
    assert "people.csv line 7 name **: MALFORMED 内容有误" in said
    assert "people.csv line 8 id_number" in said
    assert "NO_RATE" in said
    made = json.loads(run("issue", "2015", "people.csv", *db, "--json")[1])
    assert made["period"] == "2015"
    assert made["statuses"] == {"ISSUED": 4, "MALFORMED": 2, "NO_RATE": 1, "EXISTS": 1}
    assert [(one["line"], one["status"], one["column"]) for one in made["refused"]] == [
        (5, "MALFORMED", "id_number"), (7, "MALFORMED", "name"), (8, "NO_RATE", "id_number"),
    ]  # fmt: skip
    assert "610104196209276908" not in said
    for period in ("2015-13", "abc", "2015.1"):
        code, said = run("issue", period, "people.csv", *db)
        assert (code, "is no period" in said.replace("\n", " ")) == (2, True), said
    code, said = run("issue", "2015-02", "people.csv", "--begins", "2015-03-01", *db)
    assert (code, "is not a day of the period 2015-02" in said.replace("\n", " ")) == (2, True), said
    assert "未缴" in run("bills", "--id", "610104620927690", *db)[1]
