"""Rules that show only with two of everything: insurances, payers, steps, numbers of which one is none."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from importlib import import_module
from importlib.resources import files
from typing import Any

import pytest
import sqlalchemy as sa

from sbcard_core.ledger import AccountKind, Ledger, Transfer
from sbcard_core.medical import (
    Accumulators,
    Bill,
    Cancellation,
    FeeLine,
    Grade,
    MedicalBilling,
    PursePayment,
    SettlementRefused,
    TotalsDisagree,
    VisitKind,
    accumulators_of,
    from_national,
    samples,
)
from sbcard_core.medical.amounts import AMOUNT_MAX
from sbcard_core.medical.catalogue import CatalogueRefused, parse_catalogue
from sbcard_core.medical.policy import PolicyRefused
from sbcard_core.medical.policy_file import parse
from sbcard_core.medical.refund import net
from sbcard_core.medical.split import AMOUNT_FIELDS, Split
from sbcard_core.medical.years import Years
from sbcard_core.store import Store, schema
from tests.medical.generated import policy
from tests.people import enrol

AT, LATER = "2014-07-31T10:00:00", "2014-07-31T11:00:00"


def number(serial: int) -> str:
    return f"H4301000000120140731100000{serial:04d}"


def bill(serial: int = 1, **changes: Any) -> Bill:
    line = FeeLine("药", Grade.A, 300_000, cnt=Decimal(10))
    return replace(Bill(number(serial), "P1", "employee", AT, (line,), VisitKind.INPATIENT), **changes)


STEP = ("hifp_pay", 1000, 8500, 850, "tier", (1,))
OTHER = ("psn_cash_pay", 1000, None, 150, "part", ("inscp_scp_amt",))
NOTHING = ("hifp_pay", 0, 8500, 0, "tier", (2,))


def undone(step: Any) -> Any:
    return (step[0], -step[1], step[2], -step[3], *step[4:])


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ([STEP, undone(STEP)], []),
        ([STEP, STEP, undone(STEP)], [STEP]),
        ([undone(STEP), undone(STEP), STEP], [undone(STEP)]),
        ([STEP, OTHER, undone(STEP)], [OTHER]),
        ([NOTHING], [NOTHING]),
        ([NOTHING, NOTHING, STEP], [NOTHING, NOTHING, STEP]),
        ([STEP, (*STEP[:3], -STEP[3], *STEP[4:])], [STEP, (*STEP[:3], -STEP[3], *STEP[4:])]),  # of another amount
    ],
)
def test_only_steps_that_undo_each_other_are_struck_out(steps: list[Any], left: list[Any]) -> None:
    assert sorted(net(steps), key=str) == sorted(left, key=str)


def test_what_the_card_paid_is_posted_under_the_terminals_number_and_the_rest_under_the_bills(store: Store) -> None:
    books = Ledger(store)
    family = "PERSONAL_MEDICAL:2"
    kinds = [("EXTERNAL", AccountKind.EXTERNAL), (family, AccountKind.PERSONAL_MEDICAL)]
    books.open_accounts(kinds)
    books.post(Transfer("load", "EXTERNAL", family, 5_000, "load", AT))
    billing = MedicalBilling(store, books, samples())
    asked = bill(card_no="A00000014", family_account=family, purse=PursePayment("001122334455", 7, 2_000))
    due = billing.presettle(asked).split
    assert due is not None
    assert (due.acct_pay, due.acct_mulaid_pay) == (2_000, 5_000)
    billing.settle(replace(asked, purse=PursePayment("001122334455", 7, 2_000, 2_000)))
    table = schema.transfer.c
    query = sa.select(table.transfer_id, table.debit_account, table.amount_fen, table.memo)
    with store.begin() as connection:
        rows = {row[0]: tuple(row[1:]) for row in connection.execute(query.where(table.code == "medical.settle"))}
    assert rows["purchase:001122334455:7"] == ("PURSE_FLOAT", 2_000, number(1))
    assert rows[f"setl:{number(1)}:acct_mulaid_pay"] == (family, 5_000, "A00000014")
    assert f"setl:{number(1)}:acct_pay" not in rows


@pytest.mark.parametrize("wrong", [None, "", 7, "x" * 129, "a\0"])
def test_a_cancellation_of_no_number_is_malformed_and_stops_no_other(store: Store, wrong: Any) -> None:
    billing = MedicalBilling(store, Ledger(store), samples())
    billing.settle_many([bill(1), bill(2)])
    asked = [
        Cancellation(wrong, number(3), LATER),
        Cancellation(number(1), wrong, LATER),
        Cancellation(number(1), number(4), wrong),
        Cancellation(number(2), number(5), LATER),
    ]
    assert [status.name for status in billing.cancel_many(asked)] == ["MALFORMED"] * 3 + ["SETTLED"]


def test_the_year_of_a_card_is_told_apart_by_insurance_year_and_bucket(store: Store) -> None:
    """Two insurances, two years, two kinds of visit, and another person with all of them."""
    from random import Random

    enrol(store, "A00000014", "00" * 8, 1)
    enrol(store, "A00000022", "11" * 8, 2)
    tables = [replace(policy(Random(7), code, 10_000), code=code, insutype=code) for code in ("one", "two")]
    billing = MedicalBilling(store, Ledger(store), tables)
    serial, expected = 0, {}
    for card, person in (("A00000014", "person:1"), ("A00000022", "person:2")):
        for insutype in ("one", "two"):
            for year in (2014, 2015):
                for kind in (VisitKind.INPATIENT, VisitKind.PHARMACY):
                    serial += 1
                    line = FeeLine("药", Grade.A, 1_000 * serial)
                    at = f"{year}-07-31T10:00:00"
                    asked = Bill(number(serial), person, insutype, at, (line,), kind, "1", card_no=card)
                    done = billing.settle(asked).split
                    assert done is not None
                    expected[card, insutype, year, kind.value] = done.added.deductible_fen
    with store.begin() as connection:
        for (card, insutype, year, bucket), fen in expected.items():
            found = accumulators_of(connection, card, year, insutype=insutype, bucket=bucket)
            assert (found.visits, found.deductible_fen) == (1, fen)
        assert accumulators_of(connection, "A00000014", 2014, insutype="one").visits == 2
        assert accumulators_of(connection, "A00000014", 2014).visits == 4
        assert accumulators_of(connection, "A00000014", 2013).visits == 0


def test_a_reversal_sent_again_for_another_person_is_refused(store: Store) -> None:
    billing = MedicalBilling(store, Ledger(store), samples())
    asked = {"oinfno": "2304", "msgid": number(9), "at": LATER}
    billing.reverse(number(1), psn_no="P1", **asked)  # type: ignore[arg-type]
    with pytest.raises(SettlementRefused, match="another person"):
        billing.reverse(number(1), psn_no="P2", **asked)  # type: ignore[arg-type]


def test_a_reply_may_deduct_all_within_the_policy_and_no_more() -> None:
    reply = {
        "medfee_sumamt": "5",
        "inscp_scp_amt": "4",
        "preselfpay_amt": "1",
        "psn_part_amt": "5",
        "act_pay_dedc": "4",
    }
    assert from_national(reply, fund_sum_includes_account=False)["act_pay_dedc"] == 400
    for wrong in ({"act_pay_dedc": "4.01"}, {"preselfpay_amt": "1.01"}):
        with pytest.raises(TotalsDisagree):
            from_national(reply | wrong, fund_sum_includes_account=False)


def test_each_change_takes_the_posting_lock_before_it_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    for module in map(import_module, ("sbcard_core.medical.billing", "sbcard_core.medical.cancel")):
        real = module.lock_for_posting
        monkeypatch.setattr(
            module, "lock_for_posting", lambda connection, real=real: (seen.append("lock"), real(connection))
        )
    with Store.open("sqlite://", sample=True) as store:
        sa.event.listen(store.engine, "before_cursor_execute", lambda *_: seen.append("statement"))
        desk = MedicalBilling(store, Ledger(store), samples())

        def first_of(call: Callable[[], object]) -> str:
            seen.clear()
            call()
            return seen[0]

        assert first_of(lambda: desk.settle_many([bill(1), bill(2)])) == "lock"
        assert first_of(lambda: desk.settle(bill(3))) == "lock"
        assert first_of(lambda: list(desk.settle_each([bill(4)]))) == "lock"
        assert first_of(lambda: desk.refund(number(1), {1: Decimal(1)}, msgid=number(5), at=LATER)) == "lock"
        assert first_of(lambda: desk.cancel_many([Cancellation(number(2), number(6), LATER)])) == "lock"
        assert first_of(lambda: desk.cancel(number(3), msgid=number(7), at=LATER)) == "lock"
        taken = {"oinfno": "2304", "psn_no": "P1", "msgid": number(8), "at": LATER}
        assert first_of(lambda: desk.reverse(number(4), **taken)) == "lock"


def test_years_saved_again_hold_the_sum() -> None:
    """New and known keys, each touched before the first saving, between, and both."""
    keys = [("P1", "employee", 2014, bucket) for bucket in "abc"]
    once = Accumulators(1, 10)
    with Store.open("sqlite://") as store, store.begin() as connection:
        years = Years()
        for touched in (keys[:2], keys[1:], keys[2:]):
            for key in touched:
                years.add(key, once)
            years.save(connection)
        again = Years().load(connection, ["P1", "P2"])
        assert [again.of(key).visits for key in keys] == [1, 2, 2]
        assert [again.of(key)[1] for key in keys] == [10, 20, 20]


@pytest.mark.parametrize("wrong", ["true", "1000.0", '"1000"'])
def test_a_share_of_a_catalogue_is_whole_basis_points(wrong: str) -> None:
    text = files("sbcard_core.medical").joinpath("catalogues/sample.toml").read_text("utf-8")
    assert text.count("selfpay_prop_bp = 1000,") == 1
    with pytest.raises(CatalogueRefused, match="entry"):
        parse_catalogue(text.replace("selfpay_prop_bp = 1000,", f"selfpay_prop_bp = {wrong},"))


@pytest.mark.parametrize("wrong", ["code = 101", 'code = "S-CT"\nname = 5'])
def test_an_item_of_a_catalogue_has_code_and_name_as_text(wrong: str) -> None:
    """A number would be an item that no charge ever names."""
    text = '[[item]]\ncode = "S-CT"\nname = "CT"\nentries = []\n'
    head = 'region = ""\nsample = true\nsource = "x"\nunlisted = "refuse"\n'
    assert parse_catalogue(head + text)
    changed = text.replace('code = "S-CT"\nname = "CT"' if "name" in wrong else 'code = "S-CT"', wrong)
    with pytest.raises(CatalogueRefused, match="item"):
        parse_catalogue(head + changed)


@pytest.mark.parametrize(("end", "good"), [(AMOUNT_MAX - 1, True), (AMOUNT_MAX, True), (AMOUNT_MAX + 1, False)])
def test_the_last_tier_ends_at_the_largest_amount_at_most(end: int, good: bool) -> None:
    text = files("sbcard_core.medical").joinpath("policies/resident-sample.toml").read_text("utf-8")
    changed = text.replace("upto_fen = 8000000", f"upto_fen = {end}")
    if good:
        assert parse(changed)
    else:
        with pytest.raises(PolicyRefused, match="tiers must rise"):
            parse(changed)


def test_a_price_times_a_quantity_is_the_charge_whatever_the_price_alone_is() -> None:
    assert FeeLine("x", Grade.A, 100, Decimal(100)).agrees()
    assert not FeeLine("x", Grade.A, 100, Decimal(100), Decimal(2)).agrees()
    assert FeeLine("x", Grade.A, 1, Decimal("0.000001"), Decimal(1_000_000)).agrees()


def test_a_split_of_nothing_is_nothing_in_each_amount() -> None:
    assert {getattr(Split(), name) for name in AMOUNT_FIELDS} == {0}


def test_two_readings_of_a_table_are_equal_also_once_one_was_used() -> None:
    one, other = samples()[0], samples()[0]
    one.plan(next(iter(one.benefits)), one.levels[0])
    assert one == other
    assert repr(one) == repr(other)


@pytest.mark.parametrize(
    ("old", "new", "good"),
    [
        ("upto_fen = 8000000", "upto_fen = 1", True),
        ("1 = 8500", "1 = 0", True),
        ("1 = 8500", "1 = -1", False),
        ("[remote.", '[remote.""]\ndeductible_bp = 0\nratio_cut_bp = 0\n[remote.', False),
    ],
)
def test_the_least_entry_of_a_table(old: str, new: str, good: bool) -> None:
    text = files("sbcard_core.medical").joinpath("policies/resident-sample.toml").read_text("utf-8")
    assert old in text
    if good:
        assert parse(text.replace(old, new, 1))
    else:
        with pytest.raises(PolicyRefused):
            parse(text.replace(old, new, 1))


def test_an_entry_of_a_catalogue_begins_on_a_day() -> None:
    text = files("sbcard_core.medical").joinpath("catalogues/sample.toml").read_text("utf-8")
    assert "from = 2014-01-01" in text
    for wrong in ('"2014-01-01"', "2014-01-01T00:00:00"):
        with pytest.raises(CatalogueRefused):
            parse_catalogue(text.replace("from = 2014-01-01", f"from = {wrong}", 1))
