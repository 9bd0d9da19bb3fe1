"""Refunds of one bill in any partition and order give the same fen: what is left is priced from the line as billed."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
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


@settings(max_examples=60)
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
