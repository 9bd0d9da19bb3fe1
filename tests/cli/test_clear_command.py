"""``sbcard clear journal|held|release|return``, as a clerk of the clearing has them."""

import dataclasses
import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sbcard_core.backend import Backend
from sbcard_core.clearing import merchant_account, write_journal
from sbcard_core.cli.app import app
from sbcard_core.crypto import keyfile
from sbcard_core.crypto.keystore import MasterKeys
from tests.clearing.test_clearing_offline import TERMINALS, Record, purchase
from tests.cli.test_pay_recovering import asked, everything, signed

PASSPHRASE = "correct horse battery"
ON = ("--on", "2014-09-05")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two key stores, the right one and another, and a sample book."""
    monkeypatch.setenv("SBCARD_KEYS_SECRET", PASSPHRASE)
    for name, seed in (("right.keys", 2014), ("other.keys", 1999)):
        with MasterKeys.simulation(seed) as keys:
            keyfile.save(tmp_path / name, keys, PASSPHRASE, cost=keyfile.LEAST_COST)
    with Backend.open(f"sqlite:///{tmp_path}/books.sqlite", sample=True):
        return tmp_path


def run(desk: Path, *arguments: object, code: int = 0) -> str:
    db = f"sqlite:///{desk}/books.sqlite"
    done = CliRunner().invoke(app, ["clear", *(str(one) for one in arguments), "--db", db])
    assert done.exit_code == code, (done.output, done.exception)
    return done.output


def shown(desk: Path, *arguments: object, code: int = 0) -> dict[str, object]:
    return json.loads(run(desk, *arguments, "--json", code=code).splitlines()[-1])


def journal(desk: Path, records: list[Record], name: str = "T1.csv") -> Path:
    write_journal(desk / name, records)
    return desk / name


def owed(desk: Path) -> int:
    with Backend.open(f"sqlite:///{desk}/books.sqlite") as backend:
        names = [merchant_account(terminal) for terminal in TERMINALS]
        return sum(balance.net_fen for balance in backend.ledger.balances(names).values())


def test_a_journal_is_cleared_checked_again_and_its_rest_leaves_suspense(desk: Path, tmp_path: Path) -> None:
    db = f"sqlite:///{desk}/books.sqlite"
    with MasterKeys.simulation(2014) as keys:
        records = [purchase(n, keys) for n in range(5)]
    records[3] = dataclasses.replace(records[3], tac=bytes(4))
    records[4] = dataclasses.replace(records[4], tac=bytes(4))
    path, book = journal(desk, records), everything(db)
    wrong = ("journal", path, "--keys", desk / "other.keys", *ON)
    assert "挂账 5.10 元,5 笔" in run(desk, *wrong, "--dry-run", code=1)
    assert everything(db) == book
    first = shown(desk, *wrong, code=1)
    assert (first["cleared_fen"], first["suspended_fen"], first["statuses"]) == (0, 510, {"TAC_MISMATCH": 5})
    right = ("journal", path, "--keys", desk / "right.keys", *ON)
    assert "已读过" in run(desk, *right)
    again = run(desk, *right, "--again", "密钥有误", code=1)
    assert "付商户 3.03 元,3 笔;挂账 2.07 元,2 笔" in again
    source = str(first["source"])
    assert source in again
    listed = shown(desk, "held", code=1)["held"]
    assert [(one["line"], one["status"], len(one["verdicts"])) for one in listed] == [  # type: ignore[attr-defined,index]
        (5, "TAC_MISMATCH", 2),
        (6, "TAC_MISMATCH", 2),
    ]
    assert run(desk, "held", "--source", "other") == "没有挂账 (nothing lies in suspense)\n"
    release = ("release", source, 5, "--reason", "商户已核实", *ON)
    act = asked(run(desk, *release, code=2))
    assert act[0] == "clearing.release"
    run(desk, *release, *signed(tmp_path, act, "li"), code=2)
    run(desk, *release, *signed(tmp_path, act, "li", "wang"), "--dry-run")
    assert owed(desk) == 303
    assert "付商户 1.03 元,1 笔" in run(desk, *release, *signed(tmp_path, act, "li", "wang"))
    back = ("return", source, 6, "--reason", "无法核实", *ON)
    assert shown(desk, *back, *signed(tmp_path, asked(run(desk, *back, code=2)), "li", "wang"))["amount_fen"] == 104
    assert owed(desk) == 303 + 103
    assert "不在挂账中" in run(desk, *release, code=2) or "does not lie in suspense" in run(desk, *release, code=2)
    assert run(desk, "held") == "没有挂账 (nothing lies in suspense)\n"


def test_key_stores_by_version_and_day(desk: Path) -> None:
    with MasterKeys.simulation(2014) as keys, MasterKeys.simulation(1999) as others:
        path = journal(desk, [purchase(1, keys), purchase(2, others, key_version=2), purchase(3, keys, key_version=3)])
    options = [
        "--keys", f"1:2014-01-01:{desk}/right.keys",
        "--keys", f"2:2014-01-01:{desk}/other.keys",
        "--keys", f"3:2014-08-01:{desk}/right.keys",
    ]  # fmt: skip
    found = shown(desk, "journal", path, *options, *ON, code=1)
    assert found["statuses"] == {"CLEARED": 2, "UNKNOWN_KEY": 1}


@pytest.mark.parametrize(
    "options",
    [
        ["right.keys", "1:2014-01-01:other.keys"],
        ["1:2014-02-30:right.keys"],
        ["nothing.keys"],
        ["T1.csv"],
        ["1:2014-01-01:right.keys", "1:2014-01-01:other.keys"],
    ],
)
def test_key_stores_that_cannot_be_are_refused(desk: Path, options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(desk)
    with MasterKeys.simulation(2014) as keys:
        path = journal(desk, [purchase(1, keys)])
    before = everything(f"sqlite:///{desk}/books.sqlite")
    run(desk, "journal", path, *(part for one in options for part in ("--keys", one)), *ON, code=2)
    assert everything(f"sqlite:///{desk}/books.sqlite") == before


def test_one_bad_journal_does_not_stop_the_next_and_test_keys_open_no_real_book(desk: Path) -> None:
    with MasterKeys.simulation(2014) as keys:
        good = journal(desk, [purchase(1, keys)])
    (desk / "bad.csv").write_text("x\n")
    run(desk, "journal", desk / "bad.csv", good, "--keys", desk / "right.keys", *ON, code=2)
    assert owed(desk) == 101
    os.environ["SBCARD_KEYS_SECRET"] = "another passphrase"
    assert PASSPHRASE not in run(desk, "journal", good, "--keys", desk / "right.keys", *ON, code=2)
    os.environ["SBCARD_KEYS_SECRET"] = PASSPHRASE
    real = f"sqlite:///{desk}/real.sqlite"
    order = ["clear", "journal", str(good), "--keys", str(desk / "right.keys"), "--db", real]
    done = CliRunner().invoke(app, order)
    assert done.exit_code == 2
