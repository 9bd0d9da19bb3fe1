"""A citizen number in any accepted spelling is one person: one year, one bill, one settlement to cancel."""

from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.ledger import Ledger
from sbcard_core.medical import Bill, FeeLine, Grade, MedicalBilling, SettlementRefused, VisitKind, samples
from sbcard_core.store import Store, migrate, schema

AT, LATER = "2014-07-31T10:00:00", "2014-07-31T11:00:00"
NUMBER = "11010519491231002X"
SPELLINGS = (
    NUMBER,
    NUMBER.lower(),
    "110105491231002",
    "１１０１０５１９４９１２３１００２Ｘ",
    f" {NUMBER} ",
    "110105 19491231 002X",
)
OTHER = "110105194912310038"


def number(serial: int) -> str:
    return f"H4301000000120140731100000{serial:04d}"


def bill(serial: int, psn_no: str) -> Bill:
    line = FeeLine("住院费", Grade.A, 300_000, cnt=Decimal(10))
    return Bill(number(serial), psn_no, "employee", AT, (line,), VisitKind.INPATIENT)


@given(st.lists(st.sampled_from(SPELLINGS), min_size=1, max_size=5))
def test_any_spelling_counts_in_one_year(spellings: list[str]) -> None:
    with Store.open("sqlite://", sample=True) as store:
        billing = MedicalBilling(store, Ledger(store), samples())
        billing.settle_many([bill(90, OTHER), *(bill(n, text) for n, text in enumerate(spellings, start=1))])
        for text in SPELLINGS:
            assert billing.accumulators(text, 2014, insutype="employee")["inpatient"].visits == len(spellings)
        with store.begin() as connection:
            kept = connection.execute(sa.select(schema.settlement.c.psn_no).distinct()).scalars()
            assert set(kept) == {NUMBER, OTHER}


@pytest.mark.parametrize("text", SPELLINGS)
def test_any_spelling_names_the_persons_settlement(store: Store, text: str) -> None:
    billing = MedicalBilling(store, Ledger(store), samples())
    assert billing.settle(bill(1, NUMBER)).status.name == "SETTLED"
    assert billing.settle(bill(1, text)).status.name == "EXISTS"
    with pytest.raises(SettlementRefused, match="UNKNOWN_SETTLEMENT"):
        billing.cancel(number(1), msgid=number(2), at=LATER, psn_no=OTHER)
    billing.refund(number(1), {1: Decimal(1)}, msgid=number(3), at=LATER, psn_no=text)
    billing.cancel(number(1), msgid=number(4), at=LATER, psn_no=text)
    for serial, spelling in enumerate((NUMBER, text)):
        again = billing.reverse(number(4), oinfno="2305", psn_no=spelling, msgid=number(5), at=LATER)
        assert again.status == serial


def test_years_kept_under_several_spellings_become_one(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/old.sqlite"
    engine = sa.create_engine(url)
    names = "psn_no, insutype, year, bucket, visits, deductible_fen, pool_base_fen, pool_paid_fen"
    with engine.begin() as connection:
        migrate.upgrade(connection, 0, 9)
        connection.exec_driver_sql("INSERT INTO schema_version (version) VALUES (9)")
        for psn_no, insutype, year, visits in (
            (NUMBER, "employee", 2014, 1),
            ("110105491231002", "employee", 2014, 2),
            (NUMBER.lower(), "employee", 2015, 4),
            ("110105491231002", "resident", 2014, 8),
            (OTHER, "employee", 2014, 16),
            ("P1", "employee", 2014, 32),
        ):
            zeros = ", ".join(["0"] * 5)
            connection.exec_driver_sql(
                f"INSERT INTO medical_year ({names}, catastrophic_base_fen, cvlserv_fen, hifes_fen, maf_fen, oth_fen) "
                f"VALUES ('{psn_no}', '{insutype}', {year}, 'inpatient', {visits}, {100 * visits}, 0, 0, {zeros})"
            )
        connection.exec_driver_sql(
            "INSERT INTO medical_reversal VALUES ('M1', '2304', 'M2', '110105491231002', '2014-07-31T00:00:00', 0)"
        )
    engine.dispose()
    with Store.open(url) as store, store.begin() as connection:
        year = schema.medical_year.c
        rows = connection.execute(sa.select(year.psn_no, year.insutype, year.year, year.visits, year.deductible_fen))
        assert sorted(tuple(row) for row in rows) == [
            (NUMBER, "employee", 2014, 3, 300),
            (NUMBER, "employee", 2015, 4, 400),
            (NUMBER, "resident", 2014, 8, 800),
            (OTHER, "employee", 2014, 16, 1600),
            ("P1", "employee", 2014, 32, 3200),
        ]
        assert connection.execute(sa.select(schema.medical_reversal.c.psn_no)).scalar_one() == NUMBER
