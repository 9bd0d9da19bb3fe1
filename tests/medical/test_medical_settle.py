"""Settlements in the books: whole or not at all, once, and cancelled to the fen."""

import json

import pytest
import sqlalchemy as sa

from sbcard_core.errors import Refused
from sbcard_core.ledger import AccountKind, Bounds, Ledger, Transfer
from sbcard_core.medical import (
    Accumulators,
    FeeLine,
    Grade,
    Settlement,
    SettlementRefused,
    SettleStatus,
    Split,
    Visit,
    accumulators_of,
    cancel,
    hospital_account,
    samples,
    settle,
    settle_many,
    split,
)
from sbcard_core.medical.records import COLUMNS
from sbcard_core.store import Store, schema

AT = "2014-07-31T10:00:00"
EMPLOYEE, RESIDENT = samples()
ME = "PERSONAL_MEDICAL:1"


@pytest.fixture(autouse=True)
def money(ledger: Ledger) -> None:
    ledger.open_accounts([("EXTERNAL", AccountKind.EXTERNAL), (ME, AccountKind.PERSONAL_MEDICAL)])
    ledger.post(Transfer("load", "EXTERNAL", ME, 10_000, "load", AT))


def bill(fen: int = 200_000, account_fen: int = 6_000) -> Split:
    lines = [FeeLine("CT", Grade.B, fen, selfpay_prop_bp=1000), FeeLine("镶牙", Grade.C, 5_000)]
    return split(lines, EMPLOYEE, visit=Visit(account_fen=account_fen, groups=frozenset({"civil_servant"})))


def settlement(setl_id: str = "S1", **changes: object) -> Settlement:
    values = {"card_no": "B00000019", "hospital": "H1", "at": AT, "split": bill(), "personal_account": ME} | changes
    return Settlement(setl_id, **values)  # type: ignore[arg-type]


def balances(ledger: Ledger) -> dict[str, int]:
    names = ["POOLED_FUND", "FISCAL_PROGRAMME:cvlserv", ME, "CASH", hospital_account("H1")]
    return {name: balance.net_fen for name, balance in ledger.balances(names).items() if balance.net_fen}


def rows(store: Store) -> list[tuple[object, ...]]:
    with store.begin() as connection:
        columns = [schema.settlement.c[name] for name in COLUMNS[:9]]
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by("setl_id"))]


def test_each_payer_pays_its_field(store: Store, ledger: Ledger) -> None:
    s = bill()
    assert settle(store, ledger, settlement()) is SettleStatus.SETTLED
    assert balances(ledger) == {
        "POOLED_FUND": -s.hifp_pay,
        "FISCAL_PROGRAMME:cvlserv": -s.cvlserv_pay,
        ME: 10_000 - s.acct_pay,
        "CASH": -s.psn_cash_pay,
        hospital_account("H1"): s.medfee_sumamt,
    }
    ((*_, medfee, fund, account, cash, trace),) = rows(store)
    assert (medfee, fund, account, cash) == (s.medfee_sumamt, s.fund_pay_sumamt, 6_000, s.psn_cash_pay)
    assert [tuple(step[:5]) for step in json.loads(str(trace))["steps"]] == [step[:5] for step in s.steps]


def test_the_same_number_is_settled_once(store: Store, ledger: Ledger) -> None:
    settle(store, ledger, settlement())
    before = balances(ledger)
    assert settle(store, ledger, settlement()) is SettleStatus.EXISTS
    with pytest.raises(SettlementRefused) as refused:
        settle(store, ledger, settlement(hospital="H2"))
    assert refused.value.status is SettleStatus.EXISTS_DIFFERENT
    assert balances(ledger) == before


def test_a_batch_gives_each_its_status_and_posts_nothing_by_half(store: Store, ledger: Ledger) -> None:
    batch = [
        settlement("S1"),
        settlement("S2"),  # the account holds 4 000 more, 6 000 are asked for
        settlement("S2"),
        settlement("S1"),
        settlement("S1", hospital="H2"),
        settlement("S3", personal_account="nobody"),
        settlement("S4", split=bill(account_fen=4_000)),
        settlement("S5", split=bill(account_fen=0), personal_account=""),
        settlement("x" * 101),
        settlement("S6", card_no="B000000199"),
        settlement("S7", at="2014-07-31"),
        settlement("S8", split=Split(medfee_sumamt=5, psn_cash_pay=4)),
        settlement("S9", split=Split()),
        settlement("SA", split=Split(medfee_sumamt=5, psn_cash_pay=6, acct_pay=-1)),
    ]
    names = [status.name for status in settle_many(store, ledger, batch)]
    assert names[:8] == [
        "SETTLED",
        "INSUFFICIENT",
        "INSUFFICIENT",
        "EXISTS",
        "EXISTS_DIFFERENT",
        "UNKNOWN_ACCOUNT",
        "SETTLED",
        "SETTLED",
    ]
    assert names[8:] == ["MALFORMED"] * 3 + ["TOTALS_DISAGREE"] * 3
    assert [row[0] for row in rows(store)] == ["S1", "S4", "S5"]
    assert balances(ledger)[hospital_account("H1")] == 3 * 205_000
    assert ledger.balance(ME).net_fen == 0
    assert ledger.recompute() == []


def test_a_fund_that_refuses_leaves_nothing_behind(store: Store, ledger: Ledger) -> None:
    strict = Ledger(store, bounds={AccountKind.POOLED_FUND: Bounds(floor_fen=0)})
    before = ledger.totals()
    with pytest.raises(Refused, match="INSUFFICIENT"):
        settle(store, strict, settlement())
    assert ledger.totals() == before
    assert rows(store) == []


def test_a_cancellation_moves_every_fen_back_once(store: Store, ledger: Ledger) -> None:
    before = balances(ledger)
    settle(store, ledger, settlement())
    assert cancel(store, ledger, "S1", at="2015-01-02T08:00:00") is SettleStatus.SETTLED
    assert balances(ledger) == before
    original, negative = rows(store)
    assert original[4:8] == tuple(-int(str(fen)) for fen in negative[4:8])
    assert json.loads(str(negative[8]))["amounts"]["hifp_pay"] == -bill().hifp_pay
    assert cancel(store, ledger, "S1", at="2015-01-02T08:00:00", cancel_id="again") is SettleStatus.EXISTS
    assert len(rows(store)) == 2
    assert ledger.recompute() == []
    for wrong, status in (("S1/cancel", SettleStatus.NOT_CANCELLABLE), ("S9", SettleStatus.UNKNOWN_SETTLEMENT)):
        with pytest.raises(SettlementRefused) as refused:
            cancel(store, ledger, wrong, at=AT)
        assert refused.value.status is status


def test_the_year_follows_settlements_and_cancellations_over_all_cards(store: Store, ledger: Ledger) -> None:
    with store.engine.connect() as connection:
        sqlite = store.engine.dialect.name == "sqlite"  # the cards alone are enough here
        connection.exec_driver_sql(
            "PRAGMA foreign_keys=OFF" if sqlite else "SET LOCAL session_replication_role = replica"
        )
        for number, card_no in enumerate(("B00000019", "B00000027")):
            connection.execute(
                sa.insert(schema.card).values(
                    card_no=card_no, identification_code=f"{number:032d}", person_id=1, order_no="o", order_line=1,
                    factor="0" * 16, bank="103", account_no="6", app_state=1, account_state=1,
                )
            )  # fmt: skip
        connection.commit()
    first = bill()
    settle(store, ledger, settlement("S1", split=first))
    settle(store, ledger, settlement("S2", card_no="B00000027", split=bill(300_000, 0)))
    settle(store, ledger, settlement("S3", at="2015-01-01T00:00:00", split=bill(400_000, 0)))
    settle(store, ledger, settlement("S4", card_no="X00000019", split=bill(500_000, 0)))
    second = bill(300_000, 0)
    with store.begin() as connection:
        for card_no in ("B00000019", "B00000027"):
            assert accumulators_of(connection, card_no, 2014) == first.added.plus(second.added)
    cancel(store, ledger, "S2", at="2015-03-01T00:00:00")  # counts in the year of the settlement
    cancel(store, ledger, "S1", at=AT)
    with store.begin() as connection:
        assert accumulators_of(connection, "B00000019", 2014) == Accumulators()
        assert accumulators_of(connection, "B00000019", 2015).visits == 1
