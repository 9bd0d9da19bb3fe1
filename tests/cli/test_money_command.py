"""``sbcard pay`` and ``sbcard bill`` over the database of a small replayed month."""

import json
import os
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from sbcard_core.backend import Backend
from sbcard_core.cli.app import app
from sbcard_core.hosts import bankfile
from sbcard_core.ledger import AccountKind, Transfer
from sbcard_core.store import schema
from sbcard_core.values import CardState

ROOT = Path(__file__).parents[2]
ON = ("--on", "2014-09-01")


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture
def db(small_month: Path, tmp_path: Path) -> str:
    (source,) = (small_month / "out/hunan-2014-07").glob("*.sqlite")
    target = tmp_path / "books.sqlite"
    target.write_bytes(source.read_bytes())
    return f"sqlite:///{target}"


@pytest.fixture
def roll(db: str, tmp_path: Path) -> Path:
    """Four people with live cards, and a stranger."""
    with Backend.open(db, sample=True) as backend, backend.store.begin() as connection:
        person, card = schema.person, schema.card
        wanted = sa.select(person.c.id_number, person.c.name).join(card, card.c.person_id == person.c.person_id)
        rows = connection.execute(wanted.where(card.c.account_state == CardState.NORMAL).limit(4)).all()
    with Backend.open(db, sample=True) as backend:
        backend.ledger.open_accounts([("TREASURY", AccountKind.EXTERNAL), ("PENSION_FUND", AccountKind.PENSION_FUND)])
        backend.ledger.post(Transfer("grant", "TREASURY", "PENSION_FUND", 10**8, "grant", "2014-09-01T00:00:00"))
    lines = ["id_number,name,amount_fen", *(f"{row.id_number},{row.name},{123456 + at}" for at, row in enumerate(rows))]
    path = tmp_path / "roll.csv"
    path.write_text("\n".join([*lines, "11010519491231002X,无此人,100"]), "gb18030")
    return path


def totals(db: str) -> tuple[int, int]:
    with Backend.open(db, sample=True) as backend:
        return backend.ledger.totals()


def everything(db: str) -> dict[str, list[str]]:
    with Backend.open(db, sample=True) as backend, backend.store.begin() as connection:
        tables = schema.metadata.sorted_tables
        return {table.name: sorted(map(str, connection.execute(sa.select(table)))) for table in tables}


def rehearsed(db: str, *arguments: object, code: int = 0) -> tuple[int, str]:
    """Rehearse a step, row by row nothing; then do it."""
    before = everything(db)
    said = run(*arguments, "--db", db, "--dry-run", *ON)
    assert (said[0], "试运行" in said[1], everything(db)) == (code, True, before), said[1]
    as_json = run(*arguments, "--db", db, "--dry-run", "--json", *ON)
    assert (as_json[0], json.loads(as_json[1].splitlines()[-1])["dry_run"], everything(db)) == (code, True, before)
    return run(*arguments, "--db", db, *ON)


def approve(db: str, roll_no: str, digest: str) -> None:
    for officer in ("li", "wang"):
        proof = ("--officer", officer, "--key", key(officer))
        assert run("pay", "approve", roll_no, *proof, "--digest", digest, "--db", db, *ON)[0] == 0


def key(officer: str) -> Path:
    return Path(os.environ["SBCARD_OFFICERS"]).with_name(f"{officer}.pem")


def answer(request: Path, folder: Path, *, returned: tuple[str, ...] = ()) -> Path:
    """What a bank says to a request: paid, but for some numbers of lines."""
    asked = bankfile.read(request, bankfile.PAYOUT_REQUEST)
    rows = [(row[0], row[1], row[4], *(("12", "") if row[0] in returned else ("00", ""))) for row in asked.rows]
    head = {key: asked.header[key] for key in ("batch_no", "bank", "date")}
    sums: dict[str, int] = {}
    for name in ("paid", "returned"):
        fen = [int(row[2]) for row in rows if (row[3] == "00") is (name == "paid")]
        sums |= {name: len(fen), f"{name}_fen": sum(fen)}
    path = folder / f"answer-{request.name}"
    bankfile.write(path, bankfile.PAYOUT_RESULT, head, rows, sums)
    return path


def test_a_roll_from_draft_to_close(db: str, roll: Path, tmp_path: Path) -> None:
    code, text = rehearsed(db, "pay", "draft", "pension", "2014-09", roll, "--by", "zhang", code=1)
    assert (code, "4 人 4,938.30 元,未列入 1 人" in text) == (1, True), text  # the stranger waits for a clerk
    roll_no, digest = re.match(r"(\S+)", text)[1], re.search(r"名册摘要 (\S+)", text)[1]  # type: ignore[index]
    code, text = run("pay", "release", roll_no, "--db", db, "--out", tmp_path / "early", *ON)
    assert code == 2  # nobody has approved it
    code, _ = run(
        *("pay", "approve", roll_no, "--officer", "zhang", "--key", key("zhang"), "--digest", digest, "--db", db, *ON)
    )
    assert code == 2  # its drafter cannot
    for officer, of in (("li", "wang"), ("nobody", "li")):  # another's key, another's id
        code, _ = run(
            *("pay", "approve", roll_no, "--officer", officer, "--key", key(of), "--digest", digest, "--db", db, *ON)
        )
        assert code == 2
    approve(db, roll_no, digest)
    before = totals(db)
    code, text = run("pay", "release", roll_no, "--db", db, "--dry-run", *ON)
    assert (code, "试运行" in text, totals(db)) == (0, True, before), text
    out = tmp_path / "files"
    assert rehearsed(db, "pay", "release", roll_no, "--out", out)[0] == 0
    answers = [answer(path, tmp_path) for path in sorted(out.glob("*.txt"))]
    assert answers
    code, text = rehearsed(db, "pay", "result", *answers)
    assert (code, "已发放 " in text, "退票 0 笔" in text) == (0, True, True)
    after = everything(db)
    code, text = run("pay", "result", *answers, roll, "--db", db, *ON)
    assert (code, "未作改动" in text, "roll.csv" in text) == (2, True, True)  # the wrong file stops no other
    assert everything(db) == after  # the same answer again
    assert rehearsed(db, "pay", "repay", "pension", "2014-09")[1].startswith("没有可重发的退票")
    code, text = run("pay", "status", roll_no, "--db", db)
    assert (code, "已发放 4,938.30" in text) == (0, True)
    code, text = rehearsed(db, "pay", "close", roll_no)
    assert (code, "CLOSED" in text) == (0, True)


def shown(*arguments: object) -> dict[str, object]:
    return json.loads(run(*arguments, "--json")[1].splitlines()[-1])


def test_what_changed_is_shown_taken_out_and_approved_anew(db: str, roll: Path, tmp_path: Path) -> None:
    drafted = shown("pay", "draft", "pension", "2014-09", roll, "--by", "zhang", "--db", db, *ON)
    roll_no, out = drafted["roll_no"], tmp_path / "files"
    approve(db, str(roll_no), str(drafted["digest"]))
    assert run("pay", "stale", roll_no, "--db", db) == (0, "没有变动 (nothing changed)\n")
    with Backend.open(db, sample=True) as backend, backend.store.begin() as connection:
        line, head = schema.payout_roll_line.c, schema.payout_roll.c
        person = sa.select(line.person_id).join_from(
            schema.payout_roll, schema.payout_roll_line, head.roll_id == line.roll_id
        )
        person = person.where(head.roll_no == roll_no, line.line == 2)
        gone = sa.update(schema.card).where(schema.card.c.person_id == person.scalar_subquery())
        connection.execute(gone.values(account_state=CardState.CANCELLED))
    assert run("pay", "stale", roll_no, "--db", db) == (1, "第2行 卡账户已停用 (card)\n")
    assert shown("pay", "stale", roll_no, "--db", db)["lines"] == [{"line": 2, "reason": "card"}]
    assert run("pay", "release", roll_no, "--db", db, "--out", out, *ON)[0] == 2
    remove = ("pay", "remove", roll_no, "--reason", "账户已销户", "--db", db)
    before = everything(db)
    assert run(*remove, "2", "9")[0] == 2  # no line 9: none goes
    assert run(*remove, "2", "--dry-run")[0] == 0
    assert everything(db) == before
    left = shown(*remove, "2")
    assert (left["removed_fen"], left["digest"] != drafted["digest"]) == (123457, True)
    assert run("pay", "release", roll_no, "--db", db, "--out", out, *ON)[0] == 2  # another content
    approve(db, str(roll_no), str(left["digest"]))
    assert run("pay", "release", roll_no, "--db", db, "--out", out, *ON)[0] == 0
    assert run("pay", "stale", roll_no, "--db", db)[0] == 0


def test_a_returned_line_is_paid_again_to_a_corrected_account(db: str, roll: Path, tmp_path: Path) -> None:
    drafted = shown("pay", "draft", "pension", "2014-09", roll, "--by", "zhang", "--db", db, *ON)
    roll_no, out, again = drafted["roll_no"], tmp_path / "files", tmp_path / "again"
    approve(db, str(roll_no), str(drafted["digest"]))
    assert run("pay", "release", roll_no, "--db", db, "--out", out, *ON)[0] == 0
    request = min(out.glob("*.txt"))
    number = bankfile.read(request, bankfile.PAYOUT_REQUEST).rows[0][3]
    code, text = run("pay", "result", answer(request, tmp_path, returned=("1",)), "--db", db, *ON)
    assert (code, "退票 1 笔" in text) == (1, True)

    table = tmp_path / "new.csv"
    repay = ("pay", "repay", "pension", "2014-09", "--out", again, "--corrections", table)
    table.write_text(f"id_number,account_no\n{number},6228480099999999999\n", "gb18030")
    act = re.search(r"must approve: (\S+) (\S+) (\S+)", run(*repay, "--db", db, *ON)[1]).groups()  # type: ignore[union-attr]

    def signed(*officers: str) -> list[object]:
        for officer in officers:
            text = run("pay", "sign", *act, "--officer", officer, "--key", key(officer), *ON)[1]
            (tmp_path / f"{officer}.json").write_text(text, "utf-8")
        return [part for officer in officers for part in ("--approval", tmp_path / f"{officer}.json")]

    two = signed("li", "wang")
    before = everything(db)
    for lines, officers in (
        ([f"{number},6228480099999999999"], ()),
        ([f"{number},6228480099999999999"], signed("li", "li")),
        ([f"{number},6228480099999999999"], signed("li", "zhang")),  # who drafted it
        ([f"{number},6228480099999999998"], two),  # another content than was signed
        ([f"{number},6228480099999999999", f"{number},6228480099999999998"], two),
        (["11010519491231002X,6228480099999999999"], two),  # who is on no roll
        ([f"{number},"], two),
        ([number], two),
    ):
        table.write_text("\n".join(["id_number,account_no", *lines]), "gb18030")
        assert run(*repay, *officers, "--db", db, *ON)[0] == 2
        assert (everything(db), list(again.glob("*"))) == (before, [])
    table.write_text(f"id_number,account_no\n{number},6228480099999999999\n", "gb18030")
    code, text = rehearsed(db, *repay, *two)
    (sent,) = again.glob("*.txt")
    assert (code, number in text, "99999999" in text) == (0, False, False)
    assert [row[1] for row in bankfile.read(sent, bankfile.PAYOUT_REQUEST).rows] == ["6228480099999999999"]
    assert run(*repay, *two, "--db", db, *ON)[1].startswith("没有可重发的退票")  # the same order again


@pytest.mark.parametrize(
    ("text", "said"),
    [("name,amount_fen\n", "lacks id_number"), ("id_number,name,amount_fen\n1,2,1.5\n", "line 2"), ("", "lacks")],
)
def test_a_roll_that_is_none(db: str, tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text, "utf-8")
    code, shown = run("pay", "draft", "pension", "2014-09", path, "--by", "zhang", "--db", db, *ON)
    assert (code, said in shown) == (2, True)


BILL: dict[str, object] = {
    "msgid": "H43010000001201409010900000001",
    "insutype": "employee",
    "at": "2014-09-01T09:00:00",
    "level": "1",
    "lines": [{"item": "诊查费", "grade": "01", "det_item_fee_sumamt": 50000}],
}


@pytest.fixture
def bill(db: str, tmp_path: Path) -> Path:
    """A bill of somebody who is registered."""
    with Backend.open(db) as backend, backend.store.begin() as connection:
        BILL["psn_no"] = connection.execute(sa.select(schema.person.c.id_number).limit(1)).scalar_one()
    path = tmp_path / "bill.json"
    path.write_text(json.dumps(BILL, ensure_ascii=False), "utf-8")
    return path


def test_a_bill_is_shown_settled_and_cancelled(db: str, bill: Path) -> None:
    before = totals(db)
    code, text = run("bill", "presettle", bill, "--db", db)
    assert code == 0
    assert "起付" in text
    code, text = run("bill", "settle", bill, "--db", db, "--json", "--dry-run")
    assert (code, totals(db)) == (0, before)
    code, text = run("bill", "settle", bill, "--db", db, "--json")
    found = json.loads(text)
    assert (code, found["status"], found["medfee_sumamt"]) == (0, "SETTLED", 50000)
    assert found["fund_pay_sumamt"] + found["psn_part_amt"] + found["hosp_part_amt"] == 50000
    assert json.loads(run("bill", "settle", bill, "--db", db, "--json")[1])["status"] == "EXISTS"
    number = "H43010000001201409011000000002"
    at = "2014-09-01T10:00:00"
    gone = ("bill", "cancel", BILL["msgid"], "--msgid", number, "--at", at, "--db", db)
    held = everything(db)
    assert (run(*gone, "--dry-run")[0], everything(db)) == (0, held)
    code, text = run(*gone)
    assert (code, "已撤销" in text) == (0, True), text
    assert json.loads(run(*gone, "--json")[1])["status"] == "EXISTS"
    assert run("bill", "cancel", "none", *gone[3:])[0] == 2


@pytest.mark.parametrize(
    "change",
    [
        {"lines": [{"item": "诊查费", "grade": "09", "det_item_fee_sumamt": 50000}]},
        {"lines": [{"item": "诊查费", "grade": "01", "det_item_fee_sumamt": 500.00}]},
        {"lines": [{"item": "诊查费", "grade": "01", "det_item_fee_sumamt": -1}]},
        {"unknown": 1},
        {"at": "1990-01-01T09:00:00"},
        {"medfee_sumamt": 49999},
    ],
)
def test_a_bill_that_is_refused_moves_nothing(db: str, bill: Path, change: dict[str, object]) -> None:
    before = totals(db)
    bill.write_text(json.dumps({**BILL, **change}, ensure_ascii=False), "utf-8")
    code, text = run("bill", "settle", bill, "--db", db)
    assert (code, totals(db)) == (2, before)
    assert text.startswith("sbcard: ")


def test_a_rehearsal_forgets_everything(db: str) -> None:
    with Backend.open(db, sample=True) as backend:
        before = backend.ledger.totals()
        with backend.rehearsal() as trial:
            trial.ledger.open_accounts([("A", AccountKind.EXTERNAL), ("B", AccountKind.CASH)])
            trial.ledger.post(Transfer("rehearsed", "A", "B", 5, "test", "2014-09-01T00:00:00"))
            assert trial.ledger.balance("B").net_fen == 5
        assert backend.ledger.totals() == before
        assert backend.ledger.balances(["A", "B"]) == {}
