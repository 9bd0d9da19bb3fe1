"""Refunds of one bill in any partition and order give the same fen: what is left is priced from the line as billed."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sbcard_core.ledger import AccountKind, Ledger, Transfer
from sbcard_core.medical import (
    Bill,
    FeeLine,
    Grade,
    MedicalBilling,
    PursePayment,
    SettlementRefused,
    VisitKind,
    samples,
)
from sbcard_core.medical.lines import half_up
from sbcard_core.medical.split import AMOUNT_FIELDS, Split
from sbcard_core.store import Store
from tests.medical.generated import policy

AT = "2014-07-31T10:00:00"
LATER = "2014-07-31T11:00:00"
ME, FAMILY = "PERSONAL_MEDICAL:1", "PERSONAL_MEDICAL:2"


def number(serial: int) -> str:
    return f"H4301000000120140731100000{serial:04d}"


def amounts(split: Split) -> dict[str, int]:
    return {name: fen for name in AMOUNT_FIELDS if (fen := getattr(split, name))}


def test_single_refunds_give_what_one_refund_gives() -> None:
    """59 tablets of 1.24 fen, 32 come back: 27 are left, 33 fen, whether they came one by one or at once."""
    line = FeeLine("片", Grade.A, 73, Decimal("1.24"), Decimal(59))
    paid = []
    for pieces in ([Decimal(1)] * 32, [Decimal(32)], [Decimal(5), Decimal(27)]):
        with Store.open("sqlite://", sample=True) as store:
            billing = MedicalBilling(store, Ledger(store), samples())
            billing.settle(Bill(number(1), "P1", "employee", AT, (line,), VisitKind.PHARMACY, "0"))
            for serial, cnt in enumerate(pieces, start=2):
                last = billing.refund(number(1), {1: cnt}, msgid=number(serial), at=LATER)
            paid.append((last.remaining.medfee_sumamt, last.remaining.psn_cash_pay))
    assert paid == [(33, 33)] * 3


def test_a_rest_that_rounds_to_nothing_can_still_come_back() -> None:
    line = FeeLine("片", Grade.A, 1, Decimal("0.01"), Decimal(100))
    with Store.open("sqlite://", sample=True) as store:
        billing = MedicalBilling(store, Ledger(store), samples())
        billing.settle(Bill(number(1), "P1", "employee", AT, (line,), VisitKind.PHARMACY, "0"))
        first = billing.refund(number(1), {1: Decimal(60)}, msgid=number(2), at=LATER)
        rest = billing.refund(number(1), {1: Decimal(40)}, msgid=number(3), at=LATER)
        assert (first.remaining.medfee_sumamt, first.difference.medfee_sumamt) == (0, -1)
        assert (rest.remaining.medfee_sumamt, rest.difference.medfee_sumamt) == (0, 0)
        with pytest.raises(SettlementRefused, match="nothing is left of line 1"):
            billing.refund(number(1), {1: None}, msgid=number(4), at=LATER)


def decimals(top: int, places: int) -> st.SearchStrategy[Decimal]:
    return st.integers(1, top).map(lambda whole: Decimal(whole).scaleb(-places))


@st.composite
def charged(draw: st.DrawFn) -> FeeLine:
    """A line as a hospital charges it: price times quantity, with fractions of a fen and price limits."""
    pric, cnt = draw(decimals(9_999, 2)), draw(decimals(60, draw(st.sampled_from((0, 1)))))
    limit = draw(st.none() | decimals(9_999, 2))
    grade = draw(st.sampled_from(Grade))
    share = draw(st.integers(0, 10_000)) if grade is Grade.B else 0
    return FeeLine("项目", grade, half_up(Fraction(pric) * Fraction(cnt)), pric, cnt, limit, share)


@st.composite
def returns(draw: st.DrawFn, lines: list[FeeLine]) -> dict[int, list[Decimal]]:
    """For each line the quantities that come back, one after the other."""
    pieces: dict[int, list[Decimal]] = {}
    for place, line in enumerate(lines, start=1):
        if line.det_item_fee_sumamt:
            unit = Decimal(1).scaleb(int(line.cnt.as_tuple().exponent))
            cuts = sorted(draw(st.sets(st.integers(1, int(line.cnt / unit)), max_size=4)))
            pieces[place] = [(b - a) * unit for a, b in zip([0, *cuts], cuts, strict=False)]
    return {place: counts for place, counts in pieces.items() if counts}


@given(st.data(), st.integers(0, 10**6), st.booleans())
def test_any_partition_and_order_of_refunds_gives_the_same_fen(data: st.DataObject, seed: int, by_purse: bool) -> None:
    """Each amount and each account alike; and no refund charges a personal account a fen more."""
    rng = Random(seed)
    table, kind, held = policy(rng, "t", 20_000), rng.choice(list(VisitKind)), rng.randrange(20_000)
    lines = data.draw(st.lists(charged(), min_size=1, max_size=3))
    pieces = data.draw(returns(lines))
    assume(pieces)
    order = data.draw(st.permutations([(place, cnt) for place, counts in pieces.items() for cnt in counts]))
    at_once = {place: sum(counts, Decimal(0)) for place, counts in pieces.items()}
    purse = PursePayment("001122334455", 1, held) if by_purse else None
    bill = Bill(number(1), "P1", "t", AT, tuple(lines), kind, "1", personal_account="" if purse else ME)
    bill = replace(bill, family_account=FAMILY, purse=purse)
    became = []
    for returned in ([{place: cnt} for place, cnt in order], [at_once]):
        with Store.open("sqlite://", sample=True) as store:
            books = Ledger(store)
            own = [(ME, AccountKind.PERSONAL_MEDICAL), (FAMILY, AccountKind.PERSONAL_MEDICAL)]
            books.open_accounts([("EXTERNAL", AccountKind.EXTERNAL), *own])
            books.post(Transfer("load", "EXTERNAL", ME, 1 + held, "load", AT))
            books.post(Transfer("load2", "EXTERNAL", FAMILY, 1 + held // 2, "load", AT))
            billing = MedicalBilling(store, books, [table])
            due = billing.presettle(bill).split
            assert due is not None
            billing.settle(replace(bill, purse=purse and replace(purse, paid_fen=due.acct_pay)))
            for serial, part in enumerate(returned, start=2):
                refund = billing.refund(number(1), part, msgid=number(serial), at=LATER)
                assert max(refund.difference.acct_pay, refund.difference.acct_mulaid_pay) <= 0
            nets = {name: one.net_fen for name, one in books.balances([ME, FAMILY, "PURSE_FLOAT", "CASH"]).items()}
            became.append((amounts(refund.remaining), nets))
    assert became[0] == became[1]


@pytest.mark.parametrize(
    ("charge", "pric", "cnt", "pieces"),
    [
        (100, "16.6667", 6, [2, 4]),  # a total that the pieces do not divide
        (100, "16.6667", 6, [1] * 6),
        (12_561, "1395.63", 9, [9]),  # a price of many decimals, all of it back
        (12_561, "1395.63", 9, [4, 5]),
        (7, "0.7", 10, [3, 3, 3, 1]),
    ],
)
def test_all_pieces_back_are_all_that_was_charged(charge: int, pric: str, cnt: int, pieces: list[int]) -> None:
    line = FeeLine("片", Grade.A, charge, Decimal(pric), Decimal(cnt))
    with Store.open("sqlite://", sample=True) as store:
        books = Ledger(store)
        billing = MedicalBilling(store, books, samples())
        billing.settle(Bill(number(1), "P1", "employee", AT, (line,), VisitKind.PHARMACY, "0"))
        back = 0
        for serial, piece in enumerate(pieces, start=2):
            refund = billing.refund(number(1), {1: Decimal(piece)}, msgid=number(serial), at=LATER)
            back -= refund.difference.medfee_sumamt
        assert (back, refund.remaining.medfee_sumamt) == (charge, 0)
        assert books.balance("CASH").net_fen == 0
        for again in (None, Decimal(1)):  # what came back cannot come back once more
            with pytest.raises(SettlementRefused, match="nothing is left of line 1"):
                billing.refund(number(1), {1: again}, msgid=number(90), at=LATER)


def test_each_payer_gets_back_what_it_paid(tmp_path: Path) -> None:
    """A bill paid by fund, personal account, family account and cash, refunded in two parts and then whole."""
    lines = tuple(FeeLine(f"项目{n}", Grade.B, 77_777 + n, selfpay_prop_bp=1_000) for n in range(3))
    with Store.open(f"sqlite:///{tmp_path}/b.sqlite", sample=True) as store:
        books = Ledger(store)
        own = [(ME, AccountKind.PERSONAL_MEDICAL), (FAMILY, AccountKind.PERSONAL_MEDICAL)]
        books.open_accounts([("EXTERNAL", AccountKind.EXTERNAL), *own])
        books.post(Transfer("load", "EXTERNAL", ME, 5_001, "load", AT))
        books.post(Transfer("load2", "EXTERNAL", FAMILY, 3_003, "load", AT))
        billing = MedicalBilling(store, books, samples())
        asked = Bill(number(1), "P1", "employee", AT, lines, VisitKind.INPATIENT, personal_account=ME)
        done = billing.settle(replace(asked, family_account=FAMILY)).split
        assert done is not None
        assert min(done.hifp_pay, done.acct_pay, done.acct_mulaid_pay, done.psn_cash_pay) > 0
        for serial, part in enumerate(({1: None}, {3: None}, {2: None}), start=2):
            billing.refund(number(1), part, msgid=number(serial), at=LATER)
        nets = {name: one.net_fen for name, one in books.balances([ME, FAMILY, "CASH", "POOLED_FUND"]).items()}
        assert nets == {ME: 5_001, FAMILY: 3_003, "CASH": 0, "POOLED_FUND": 0}


@given(st.integers(1, 59), st.integers(0, 6))
@settings(max_examples=20)
def test_the_same_quantity_with_other_decimals_is_the_same_refund(pieces: int, zeros: int) -> None:
    """A message sent again is answered again, whether it writes 3 or 3.00; another quantity or time is refused."""
    line = FeeLine("片", Grade.A, 73, Decimal("1.24"), Decimal(59))
    written = Decimal(f"{pieces}.{'0' * zeros}" if zeros else pieces)
    with Store.open("sqlite://", sample=True) as store:
        billing = MedicalBilling(store, Ledger(store), samples())
        billing.settle(Bill(number(1), "P1", "employee", AT, (line,), VisitKind.PHARMACY, "0"))
        first = billing.refund(number(1), {1: Decimal(pieces)}, msgid=number(2), at=LATER)
        again = billing.refund(number(1), {1: written}, msgid=number(2), at=LATER)
        assert (again.status.name, again.difference) == ("EXISTS", first.difference)
        assert amounts(again.remaining) == amounts(first.remaining)
        for other in ({"returned": {1: None}}, {"at": "2014-07-31T12:00:00"}, {"returned": {1: written, 2: None}}):
            asked = {"returned": {1: written}, "at": LATER} | other
            with pytest.raises(SettlementRefused, match="EXISTS_DIFFERENT"):
                billing.refund(number(1), asked["returned"], msgid=number(2), at=asked["at"])
