"""Databases of older and newer releases, and of broken disks."""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import sqlalchemy as sa

from sbcard_core.ledger import Ledger
from sbcard_core.store import SchemaMismatch, Store, StoreFailed, StoreRejected, migrate, schema


@pytest.fixture
def engine(empty_url: str) -> Iterator[sa.Engine]:
    found = sa.create_engine(empty_url)
    yield found
    if found.dialect.name == "postgresql":
        with found.begin() as connection:
            connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
    found.dispose()


def described(engine: sa.Engine) -> dict[str, object]:
    """Everything a database says of its tables, without order and given names."""
    seen = sa.inspect(engine)
    found: dict[str, object] = {}
    for table in seen.get_table_names():
        columns = [
            (c["name"], str(c["type"]), c["nullable"], str(c["default"] or "").split("::")[0].strip("'()"))
            for c in seen.get_columns(table)
            if not str(c["default"]).startswith("nextval")
        ]
        indexes = [
            (
                i["name"],
                i["column_names"],
                bool(i["unique"]),
                sorted((k, str(v)) for k, v in i.get("dialect_options", {}).items()),
            )
            for i in seen.get_indexes(table)
            if not i.get("duplicates_constraint")
        ]
        keys = [
            (f["constrained_columns"], f["referred_table"], f["referred_columns"]) for f in seen.get_foreign_keys(table)
        ]
        unique = [u["column_names"] for u in seen.get_unique_constraints(table)]
        primary = seen.get_pk_constraint(table)["constrained_columns"]
        found[table] = [sorted(map(str, some)) for some in (columns, indexes, keys, unique)] + [primary]
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            query = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"
        else:
            query = "SELECT tgname, tgrelid::regclass::text, tgtype FROM pg_trigger WHERE NOT tgisinternal"
        found["triggers"] = sorted(map(str, connection.execute(sa.text(query))))
    return found


def make_old(engine: sa.Engine, version: int = 1) -> None:
    with engine.begin() as connection:
        migrate.upgrade(connection, 0, version)
        connection.execute(sa.text("INSERT INTO schema_version (version) VALUES (:v)"), {"v": version})


DIGESTS = {
    1: "3f36e9d0bfe269d4956db4f4c20ca89a490393b3a51f788566a3d7fcb7d6d140",
    2: "d7cff166f91954e2eba01f3e4df993da7d16816b82071f5ea352562a696e2bbd",
    3: "7d7a722716876189bb2a3ae4e7b0e17a51880f72c51b6eb7bcf638432757c052",
    4: "b0cb4293ff44d990b8bb52bcd8c6283bf0438400689a69870839333b98e7d41b",
    5: "b0cb4293ff44d990b8bb52bcd8c6283bf0438400689a69870839333b98e7d41b",  # other values in the same tables
    6: "8d2f339ec87addab3c157d86330ddfddbca419b1f5dcf17c354e763c94e0678a",
    7: "c2374dc8cb8b06ae006d9ac2b373bcbe65353b063495a0e350a5aeddf622de0f",
    8: "df7d4ad6c7bc110dba2a0b8931c9ef6cf7d016178dca597d2ae938f6f7ab1671",
    9: "6637603168efd281fb9c5dd10a213ed1ba04c32861d6e05620d79ef452445787",
    10: "6637603168efd281fb9c5dd10a213ed1ba04c32861d6e05620d79ef452445787",  # other values in the same tables
    11: "9207db96df7a4b77b5b681e068a82ac1d07586c0b9ed161f2f2c64a32c539ea9",
    12: "2491f13d3b494add8946e66599e2e765b5ee9c6e1c680c608359efe1f6e2b3a1",
    13: "237771980bb1ddd2b77c1e55558a07c38fc73517aaed1f3ebdbb1f1b91398b74",
}
"""SHA-256 of what a SQLite database of each schema version is (see ``digest``): a change needs a number of its own."""


def digest(engine: sa.Engine) -> str:
    return sha256(json.dumps(described(engine), sort_keys=True).encode()).hexdigest()


@pytest.mark.parametrize("version", migrate.REVISION_OF)
def test_a_schema_version_never_changes(version: int, tmp_path: Path) -> None:
    """A changed table without a new version, or an edited old revision, is found here."""
    old = sa.create_engine(f"sqlite:///{tmp_path}/old")
    make_old(old, version)
    found = digest(old)
    old.dispose()
    advice = "a released schema changed: undo that, or add a version to REVISION_OF, a revision, and here its digest"
    assert DIGESTS.get(version) == found, advice
    if version == migrate.VERSION:
        new = sa.create_engine(f"sqlite:///{tmp_path}/new")
        schema.metadata.create_all(new)
        assert digest(new) == found, "the tables and the newest revision differ"
        new.dispose()


ROWS = (
    "INSERT INTO account (account_id, kind, debits_fen, credits_fen) VALUES ('out', 'external', 5, 0)",
    "INSERT INTO account (account_id, kind, debits_fen, credits_fen) VALUES ('me', 'personal_medical', 0, 5)",
    "INSERT INTO transfer (transfer_id, debit_account, credit_account, amount_fen, code, at, memo) "
    "VALUES ('T', 'out', 'me', 5, 'load', '2014-07-31T00:00:00', '')",
    "INSERT INTO settlement (setl_id, card_no, hospital, at, medfee_sumamt, fund_pay_sumamt, acct_pay, psn_cash_pay, "
    "trace) VALUES ('S', '431234567', 'H', '2014-07-31T00:00:00', 5, 0, 5, 0, '[]')",
)


def test_an_upgraded_database_is_a_new_one(engine: sa.Engine, empty_url: str) -> None:
    make_old(engine)
    with engine.begin() as connection:
        for row in ROWS:
            connection.execute(sa.text(row))
        connection.execute(sa.text("DROP TABLE alembic_version"))  # the first release wrote none
    with Store.open(empty_url) as store:
        assert Ledger(store).recompute() == []
        assert Ledger(store).balance("me").net_fen == 5
        assert Ledger(store).transfers(["T"])["T"].flags == 0
        with store.begin() as connection:
            year = connection.execute(sa.select(schema.settlement.c.year)).scalar_one()
            assert year == 2014
            assert connection.execute(sa.select(schema.schema_version.c.version)).scalar_one() == migrate.VERSION
        with pytest.raises(StoreRejected, match="immutable"), store.begin() as connection:
            connection.execute(sa.text("DELETE FROM transfer"))
    upgraded = described(engine)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text("DROP SCHEMA public CASCADE"))
            connection.execute(sa.text("CREATE SCHEMA public"))
        else:
            schema.metadata.drop_all(connection)
    with Store.open(empty_url):
        pass
    assert upgraded == described(engine)
    assert upgraded.keys() - {"triggers"} == schema.metadata.tables.keys()


def test_a_failed_upgrade_leaves_the_old_database(
    engine: sa.Engine, empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_old(engine)
    before = described(engine)
    real = migrate.upgrade

    def fails(connection: sa.Connection, found: int) -> None:
        real(connection, found)
        raise RuntimeError("power")

    monkeypatch.setattr(migrate, "upgrade", fails)
    with pytest.raises(RuntimeError):
        Store.open(empty_url)
    assert described(engine) == before
    monkeypatch.undo()
    with Store.open(empty_url) as store:
        assert Ledger(store).totals() == (0, 0)


def test_a_newer_database_is_refused(engine: sa.Engine, empty_url: str) -> None:
    with Store.open(empty_url) as store, store.begin() as connection:
        connection.execute(sa.update(schema.schema_version).values(version=migrate.VERSION + 1))
    with pytest.raises(SchemaMismatch, match="knows up to"):
        Store.open(empty_url)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed):
        Store.open(f"sqlite:///{tmp_path}")


def _row(table: str, **values: object) -> tuple[str, dict[str, object]]:
    names = ", ".join(values)
    marks = ", ".join(f":{name}" for name in values)
    return f"INSERT INTO {table} ({names}) VALUES ({marks})", values


def _person(at: int, id_number: str, name: str = "张三", **other: object) -> tuple[str, dict[str, object]]:
    known = {"sex": "1", "ethnicity": "01", "birth": "1962-09-27", "phone": "", "category": 4, "city": "430100"}
    known |= {"county": "430102", "bank": "402", "form_no": "F", "submitted_on": "2014-01-01", "source_file": "f"}
    return _row("person", person_id=at, id_number=id_number, name=name, source_line=at, **{**known, **other})


def _bill(bill_no: str, period: str, id_number: str, state: int = 10, **other: object) -> tuple[str, dict[str, object]]:
    known = {"insurance": "resident-medical", "name": "张三", "category": 4, "amount_fen": 12000}
    known |= {"rate_since": "2015-01-01", "due_on": "2015-05-01", "issued_on": "2015-01-01"}
    return _row("premium_bill", bill_no=bill_no, period=period, id_number=id_number, state=state, **{**known, **other})


LEGACY, NOW, OTHER = "610104620927690", "610104196209276908", "430102198001010011"


def test_stored_identifiers_get_their_one_form_and_nobody_is_merged(engine: sa.Engine, empty_url: str) -> None:
    make_old(engine, 4)
    old = [
        _person(1, NOW),
        _person(2, LEGACY, "买买提•阿不都"),  # the same person, registered twice
        _person(3, OTHER.replace("0011", "002x"), "王\u3000五"),
        _person(4, "not a number", county="430100"),
        _bill("2015-2.000000001", "2015-2", LEGACY),
        _bill("2015-02.000000001", "2015-02", NOW),
        _bill("2015-2.000000002", "2015-2", OTHER, 40),  # cancelled: no second bill of its person
        _bill("2015-02.000000002", "2015-02", OTHER, 20, name="买买提•阿不都"),
        _bill("abc.000000001", "abc", OTHER),
        _row("premium_batch", batch_no="B", bank="402", period="201502", sent_on="2015-02-02", lines=1, total_fen=1),
        _row("payout_standing", person_id=1, living=1, bank="402", account_no="6228 4800 0000 0000 017",
             account_state=1, told_on="2015-01-01"),
        _row("payout_standing", person_id=3, living=1, bank="402", account_no="6.22848E+18", account_state=1,
             told_on="2015-01-01"),
        _row("payout_hold", person_id=1, programme="pension", since="2014-q3", until=None, reason="r",
             on_date="2015-01-01"),
    ]  # fmt: skip
    with engine.begin() as connection:
        for statement, values in old:
            connection.execute(sa.text(statement), values)
    with Store.open(empty_url) as store, store.begin() as connection:
        read = connection.execute
        person, bill, told = schema.person.c, schema.premium_bill.c, schema.payout_standing.c
        assert [tuple(row) for row in read(sa.select(person.id_number, person.name).order_by(person.person_id))] == [
            (NOW, "张三"), (LEGACY, "买买提·阿不都"), ("43010219800101002X", "王五"), ("not a number", "张三"),
        ]  # fmt: skip
        assert {row[0]: tuple(row[1:]) for row in read(sa.select(bill.bill_no, bill.period, bill.id_number))} == {
            "2015-2.000000001": ("2015-2", LEGACY),
            "2015-02.000000001": ("2015-02", NOW),
            "2015-2.000000002": ("2015-02", OTHER),
            "2015-02.000000002": ("2015-02", OTHER),
            "abc.000000001": ("abc", OTHER),
        }
        assert set(read(sa.select(bill.name)).scalars()) == {"张三", "买买提·阿不都"}
        assert read(sa.select(schema.premium_batch.c.period)).scalar_one() == "2015-02"
        assert list(read(sa.select(told.account_no).order_by(told.person_id)).scalars()) == [
            "6228480000000000017", "6.22848E+18",
        ]  # fmt: skip
        assert read(sa.select(schema.payout_hold.c.since)).scalar_one() == "2014-07-01"  # its first day
        found = schema.finding.c
        assert set(map(tuple, read(sa.select(found.code, found.source, found.field)))) == {
            ("identifier.same", "person:2", "id_number"),
            ("identifier.unreadable", "person:4", "id_number"),
            ("identifier.unreadable", "person:4", "county"),
            ("identifier.same", "premium_bill:2015-2.000000001", "id_number"),
            ("identifier.unreadable", "premium_bill:abc.000000001", "period"),
            ("identifier.unreadable", "payout_standing:3", "account_no"),
        }
        assert LEGACY not in str(read(sa.select(schema.finding)).all())


PAYOUT_ROWS = (
    "INSERT INTO person (person_id, id_number, name, sex, ethnicity, birth, phone, category, city, county, bank, "
    "form_no, submitted_on, source_file, source_line) VALUES (1, '11010519491231002X', '张三', '2', '01', "
    "'1949-12-31', '', 4, '430100', '430102', '103', 'F1', '2014-07-01', 'c.csv', 1)",
    *(
        "INSERT INTO payout_roll (roll_id, roll_no, run_id, programme, period, state, source_sha256, digest, "
        f"drafted_by, drafted_on, pay_on) VALUES ({n}, 'R{n}', {n}, 'pension', '2014-0{n}', {state}, 's', "
        f"'{n * 64}', '张经办', '2014-07-01', '2014-07-15')"
        for n, state in (("1", 20), ("2", 50), ("3", 20))
    ),
    *(
        "INSERT INTO payout_approval (roll_id, digest, officer, on_date) "
        f"VALUES ({n}, '{n * 64}', '{who}', '2014-07-02')"
        for n in "12"
        for who in ("李审核", "王复核")
    ),
    "INSERT INTO payout_batch (batch_no, programme, period, bank, round, lines, total_fen, sent_on) "
    "VALUES ('B', 'pension', '2014-02', '103', 1, 1, 5, '2014-07-15')",
    "INSERT INTO payout_line (batch_no, seq, person_id, account_no, amount_fen, state) VALUES ('B', 1, 1, '6', 5, 20)",
    *(
        "INSERT INTO payout_recovery (recovery_id, person_id, programme, batch_no, seq, mode, amount_fen, monthly_fen, "
        f"reason, opened_on) VALUES ('D{mode}', 1, 'pension', 'B', 1, {mode}, 2, {2 - mode}, 'x', '2014-08-01')"
        for mode in (1, 2)
    ),
    *(
        f"INSERT INTO payout_recovery_entry (recovery_id, reference, amount_fen, on_date) VALUES ('D{mode}', 'r', 1, "
        "'2014-08-01')"
        for mode in (1, 2)
    ),
    *(
        "INSERT INTO payout_hold (hold_id, person_id, programme, since, until, reason, on_date) "
        f"VALUES ({n}, 1, 'pension', '{since}', {until}, 'x', '2014-08-01')"
        for n, (since, until) in enumerate(
            (("2014-Q3", "'2015'"), ("2014-H2", "NULL"), ("2014-spring", "'2014-11'")), 1
        )
    ),
    "INSERT INTO payout_standing (person_id, living, died_on, told_on) VALUES (1, 2, '2014-05-20', '2014-06-01')",
)
DEATH_ROWS = (
    PAYOUT_ROWS[0],
    "INSERT INTO payout_roll (roll_id, roll_no, run_id, programme, period, state, source_sha256, digest, "
    "drafted_by, drafted_on, pay_on) VALUES (1, 'R1', 1, 'pension', '2014-01', 20, 's', 'd', 'z', '2014-07-01', "
    "'2014-07-15')",
    *(
        "INSERT INTO payout_roll_line (roll_id, line, run_id, person_id, household, item, area, gross_fen, "
        f"deducted_fen, bank, account_no, state, reason) VALUES (1, {n}, 1, 1, '', 'i{n}', '', 5, 0, '103', '6', "
        f"{state}, '{reason}')"
        for n, (state, reason) in enumerate(((51, "death"), (51, "objection"), (12, "death"), (50, "name")), 1)
    ),
    *PAYOUT_ROWS[8:10],
    *(
        "INSERT INTO payout_recovery (recovery_id, person_id, programme, batch_no, seq, mode, amount_fen, monthly_fen, "
        f"reason, opened_on) VALUES ('{name}', 1, 'pension', 'B', 1, 2, 2, 0, '{reason}', '2014-08-01')"
        for name, reason in (("death:B:1", "death"), ("R1", "death"), ("death:B:2", "x"))
    ),
    *(
        "INSERT INTO premium_bill (bill_no, period, insurance, id_number, name, category, amount_fen, rate_since, "
        f"due_on, state, issued_on, reason) VALUES ('{n}', '2015', 'i{n}', '11010519491231002X', '张三', 1, 5, "
        f"'2015-01-01', '2015-01-31', {state}, '2015-01-01', '{reason}')"
        for n, (state, reason) in enumerate(((40, "2014-05-20 死亡"), (40, "死亡"), (10, "2014-05-20 死亡")), 1)
    ),
)
"""Of a database of version 11: what a death did, and what officers did with the same words."""


def test_what_a_death_did_is_a_code_after_the_upgrade(engine: sa.Engine, empty_url: str) -> None:
    make_old(engine, 11)
    with engine.begin() as connection:
        for row in DEATH_ROWS:
            connection.execute(sa.text(row))
    with Store.open(empty_url) as store, store.begin() as connection:
        line, recovery, bill = schema.payout_roll_line.c, schema.payout_recovery.c, schema.premium_bill.c
        assert list(connection.execute(sa.select(line.state).order_by(line.line)).scalars()) == [52, 51, 12, 50]
        opened = dict(connection.execute(sa.select(recovery.recovery_id, recovery.by_death)).all())
        assert opened == {"death:B:1": True, "R1": False, "death:B:2": False}
        cancelled = connection.execute(sa.select(bill.death_on).order_by(bill.bill_no)).scalars()
        assert list(cancelled) == ["2014-05-20", None, None]


def test_payouts_of_an_earlier_version(engine: sa.Engine, empty_url: str) -> None:
    """Typed names approve nothing; recoveries, suspensions and deaths mean what they meant."""
    make_old(engine, 3)
    with engine.begin() as connection:
        for row in PAYOUT_ROWS:
            connection.execute(sa.text(row))
    with Store.open(empty_url) as store, store.begin() as connection:
        roll, hold, entry = schema.payout_roll.c, schema.payout_hold.c, schema.payout_recovery_entry.c
        states = dict(connection.execute(sa.select(roll.roll_no, roll.state)).all())
        assert states == {"R1": 10, "R2": 50, "R3": 20}  # the last needs no officers
        approval = schema.approval.c
        kept = connection.execute(sa.select(approval.subject, approval.officer, approval.method, approval.proof))
        assert sorted(map(tuple, kept)) == [(f"R{n}", who, "typed", "") for n in "12" for who in ("李审核", "王复核")]
        days = connection.execute(sa.select(hold.since, hold.until).order_by(hold.hold_id))
        assert list(map(tuple, days)) == [
            ("2014-07-01", "2015-01-01"), ("2014-07-01", None), ("2014-01-01", "2014-11-01"),
        ]  # fmt: skip
        sources = connection.execute(sa.select(entry.recovery_id, entry.source, entry.undone_on).order_by(entry.source))
        assert list(map(tuple, sources)) == [("D1", 1, None), ("D2", 2, None)]
        death = schema.payout_death.c
        assert connection.execute(sa.select(death.person_id, death.died_on)).all() == [(1, "2014-05-20")]


def test_back_files_of_an_earlier_version_are_known_again(engine: sa.Engine, empty_url: str) -> None:
    """Three orders: two answered, one not."""
    make_old(engine, 10)
    known = {"city": "430100", "ordered_on": "2014-08-01", "cards": 2, "made": 1}
    old = [
        _row("production_order", order_no="O1", returned_on="2014-08-18", back_sha256="a" * 64, **known),
        _row("production_order", order_no="O2", returned_on="2014-08-19", back_sha256="b" * 64, **known),
        _row("production_order", order_no="O3", returned_on=None, back_sha256=None, **known),
    ]
    with engine.begin() as connection:
        for statement, values in old:
            connection.execute(sa.text(statement), values)
    with Store.open(empty_url) as store, store.begin() as connection:
        rows = connection.execute(sa.select(schema.production_result).order_by(schema.production_result.c.order_no))
        assert [tuple(row) for row in rows] == [("a" * 64, "O1", "", "2014-08-18"), ("b" * 64, "O2", "", "2014-08-19")]
        assert connection.execute(sa.select(sa.func.count()).select_from(schema.production_order)).scalar_one() == 3
