"""Made-up tables serve sample books only; what a book is, is said when it is made and never changes."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from sbcard_core.backend import Backend, Rules
from sbcard_core.cli.app import app
from sbcard_core.errors import SBCardError
from sbcard_core.ledger import Ledger
from sbcard_core.medical import Bill, FeeLine, Grade, MedicalBilling, SettleStatus, sample_catalogue, samples
from sbcard_core.premiums import SAMPLE, Insured, Premiums
from sbcard_core.store import SampleRefused, Store, migrate, schema
from sbcard_core.store.rehearsal import rehearse
from sbcard_core.values import PersonCategory

BILL = Bill(
    "H43010000001201407310900000001",
    "P1",
    "employee",
    "2014-07-31T09:00:00",
    (FeeLine("诊", Grade.A, 50_000),),
    level="1",
)
PUPIL = Insured("11010519491231002X", "张三", PersonCategory.STUDENT, "resident-medical")
USES: dict[str, Callable[[Store], object]] = {
    "policy": lambda store: MedicalBilling(store, Ledger(store), samples()),
    "catalogue": lambda store: MedicalBilling(store, Ledger(store), (), catalogues=[sample_catalogue()]),
    "tariff": lambda store: Premiums(store, Ledger(store), SAMPLE),
    "rules": lambda store: Backend(store, rules=Rules(policies=samples())).medical,
    "rates": lambda store: Backend(store, rules=Rules(tariff=SAMPLE)).premiums,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES.keys())
def test_a_real_book_takes_no_made_up_table(empty_url: str, use: Callable[[Store], object], tmp_path: Path) -> None:
    with Store.open(empty_url) as store:
        assert not store.is_sample
        with pytest.raises(SampleRefused, match="this database is a real one"):
            use(store)
        with rehearse(store) as trial, pytest.raises(SampleRefused):
            use(trial)
    with Store.open(f"sqlite:///{tmp_path}/sample.sqlite", sample=True) as store:
        assert use(store)


def test_a_real_book_has_only_what_its_place_loads(tmp_path: Path) -> None:
    with Backend.open(f"sqlite:///{tmp_path}/real.sqlite") as backend:
        assert backend.medical.settle_many([BILL])[0].status is SettleStatus.NO_POLICY
        assert backend.premiums.issue("2014", date(2014, 9, 1), [PUPIL]).statuses[0].name == "NO_RATE"
    own = [replace(one, sample=False) for one in samples()]
    rules = Rules(policies=own, tariff=replace(SAMPLE, sample=False))
    with Backend.open(f"sqlite:///{tmp_path}/real.sqlite", rules=rules) as backend:
        assert backend.medical.settle(BILL).status is SettleStatus.SETTLED
        assert backend.premiums.issue("2014", date(2014, 9, 1), [PUPIL]).bills


def test_a_sample_book_has_the_samples_and_stays_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/sample.sqlite"
    with Backend.open(url, sample=True) as backend:
        assert backend.medical.settle(BILL).status is SettleStatus.SETTLED
    with Backend.open(url) as backend:  # said when it was made, not when it is opened
        assert backend.store.is_sample
        assert backend.medical.settle(BILL).status is SettleStatus.EXISTS
        assert backend.premiums.tariff is SAMPLE


def test_a_real_book_never_becomes_a_sample(empty_url: str) -> None:
    Store.open(empty_url).close()
    with pytest.raises(SampleRefused, match="begun as a real book"):
        Store.open(empty_url, sample=True)
    with Store.open(empty_url) as store:
        assert not store.is_sample


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE book SET sample = NOT sample",
        "DELETE FROM book",
        "INSERT INTO book (book_id, sample) VALUES (2, true)",
        "INSERT INTO book (book_id, sample) VALUES (1, true)",
    ],
)
@pytest.mark.parametrize("sample", [False, True])
def test_the_mark_cannot_be_changed(empty_url: str, change: str, sample: bool) -> None:
    with Store.open(empty_url, sample=sample) as store:
        with pytest.raises(SBCardError), store.begin() as connection:
            connection.execute(sa.text(change))
        with store.begin() as connection:
            assert connection.execute(sa.select(schema.book.c.book_id, schema.book.c.sample)).all() == [(1, sample)]


def test_a_book_of_an_older_release_is_a_real_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.sqlite"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        migrate.upgrade(connection, 0, 8)
        connection.exec_driver_sql("INSERT INTO schema_version (version) VALUES (8)")
    engine.dispose()
    with pytest.raises(SampleRefused):
        Store.open(url, sample=True)
    with Store.open(url) as store:
        assert not store.is_sample


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_the_command_line_begins_a_real_book_unless_a_sample_is_wanted(tmp_path: Path) -> None:
    from importlib import resources

    bill, table, other = tmp_path / "bill.json", tmp_path / "own.toml", tmp_path / "gbk.toml"
    bill.write_text(
        '{"msgid": "H43010000001201407310900000001", "psn_no": "P1", "insutype": "employee", '
        '"at": "2014-07-31T09:00:00", "level": "1", '
        '"lines": [{"item": "诊", "grade": "01", "det_item_fee_sumamt": 50000}]}',
        "utf-8",
    )
    made_up = resources.files("sbcard_core.medical") / "policies" / "employee-sample.toml"
    text = made_up.read_text("utf-8")
    table.write_text(text, "utf-8")
    other.write_bytes(text.encode("gb18030"))
    db: Any = ("--db", f"sqlite:///{tmp_path}/real.sqlite")
    code, said = run("bill", "settle", bill, *db)
    assert (code, "NO_POLICY" in said) == (2, True), said
    for path, words in ((table, "sample books only"), (other, "gbk.toml is not UTF-8")):
        code, said = run("bill", "settle", bill, *db, "--policy", path)
        assert (code, words in said) == (2, True), said
    table.write_text(text.replace("sample = true", "sample = false"), "utf-8")
    assert run("bill", "presettle", bill, *db, "--policy", table)[0] == 0
    assert run("bill", "settle", bill, *db, "--policy", table)[0] == 0
    code, said = run("bill", "settle", bill, *db, "--sample")
    assert (code, "cannot become a sample" in said) == (2, True), said
    assert run("bill", "settle", bill, "--db", f"sqlite:///{tmp_path}/sample.sqlite", "--sample")[0] == 0
