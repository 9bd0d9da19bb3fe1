"""Payouts at their edges, on SQLite alone: sums at a bound, codes that are stored, what is shown, whom a list names."""

from datetime import date

import pytest

from sbcard_core.errors import InvalidValue
from sbcard_core.hosts import bankfile
from sbcard_core.ledger import AccountKind
from sbcard_core.messages import use
from sbcard_core.payout import (
    Account,
    Adjustment,
    Claim,
    Entitlement,
    FundsShort,
    Head,
    LineState,
    PayoutResultRefused,
    Programme,
    RecoveryMode,
    RecoveryRefused,
    RecoverySource,
    RollLine,
    RollLineState,
    RollState,
    Standing,
    lookup,
)
from sbcard_core.payout.pension import _is_of, month_after, month_lines
from sbcard_core.payout.repay import Repayment
from sbcard_core.payout.subsidy import household_lines, personal_lines
from sbcard_core.store import Store
from sbcard_core.values import CardState

DAY, LATER = date(2014, 8, 1), date(2014, 11, 1)
FUND = ("补贴", "FISCAL_PROGRAMME:edge", AccountKind.FISCAL_PROGRAMME)
FREE = Programme("free", *FUND)


def codes(town, roll) -> dict[int, str]:
    return {one.line: one.code.removeprefix("payout.") for one in town.engine.refused(roll.roll_no)}


def test_codes_that_are_stored_stay_what_they_are() -> None:
    kinds = (LineState, RollState, RollLineState, RecoveryMode, RecoverySource)
    assert [[int(one) for one in kind] for kind in kinds] == [
        [10, 20, 21, 22, 23, 24, 30], [10, 20, 30, 40, 50, 60, 70], [10, 11, 12, 50, 51, 52], [1, 2], [1, 2, 3],
    ]  # fmt: skip


def test_nobody_is_shown_by_what_holds_them(quick_town) -> None:
    number, name, account = quick_town.number(1), "甲一", quick_town.account(1)
    plain = Programme("plain", *FUND)
    values = [
        RollLine(number, name, 100, account),
        Claim(number, name, 1000),
        Head(number, name),
        Entitlement(number, name, 100, "2014-01"),
        Adjustment("a", "2014-01", "2014-02", only=frozenset({number})),
        Standing(number, bank="103", account_no=account, account_state=CardState.NORMAL),
        Account(account, "103"),
        Repayment(plain, "2014-07", DAY, quick_town.folder, {number: account}, [number]),
    ]
    shown = repr(values)
    assert [text for text in (number, name, account) if text in shown] == []


@pytest.mark.parametrize("fen", [0, -1, 2**63, -(2**63), -(2**63) - 1, 100_000_01])
def test_an_amount_outside_the_bounds_is_a_finding(quick_town, fen: int) -> None:
    lines = [quick_town.roll([1])[0]._replace(amount_fen=fen), quick_town.roll([2])[0]._replace(amount_fen=100_000_00)]
    roll = quick_town.engine.draft("pension", "2014-07", lines, on=DAY, by="d")
    assert codes(quick_town, roll) == {1: "amount"}
    assert quick_town.engine.status(roll.roll_no).total_fen == 100_000_00


@pytest.mark.parametrize(("language", "reason"), [("zh", "查无此人"), ("en", "nobody has this social security number")])
def test_a_refused_line_says_why_in_the_language_in_use(quick_town, language: str, reason: str) -> None:
    lines = [quick_town.roll([1])[0]._replace(id_number="11010519491231002X"), *quick_town.roll([2])]
    roll = quick_town.engine.draft("pension", "2014-07", lines, on=DAY, by="d")
    use(language)
    try:
        (found,) = quick_town.engine.refused(roll.roll_no)
    finally:
        use(None)
    assert (found.line, found.id_number, found.reason) == (1, "110105********002X", reason)


def test_a_line_kept_back_whole_is_at_no_bank(quick_town) -> None:
    """Its period was not due: nothing is asked of a bank, and nothing was kept back."""
    quick_town.fund(100_000)
    (may,) = quick_town.paid([1, 2], "2014-05")
    quick_town.engine.recover("R1", (may, 1), 1001, mode=RecoveryMode.DEDUCTION, monthly_fen=1001, reason="x", on=DAY)
    quick_town.paid([1, 2], "2014-09")
    assert quick_town.engine.still_out("R1") == 0
    report = quick_town.engine.death(quick_town.number(1), date(2014, 8, 20), on=LATER)
    assert (report.at_bank, report.removed, report.cancelled, report.recoveries) == (0, 0, 0, ())
    assert quick_town.engine.still_out("R1") == 1001
    again = quick_town.engine.death(quick_town.number(1), date(2014, 8, 20), on=LATER)
    assert (again.at_bank, quick_town.engine.still_out("R1")) == (0, 1001)


def test_a_line_out_for_a_death_comes_back_only_where_it_is_due(quick_town) -> None:
    for period in ("2014-09", "2014-10", "2014-11"):
        quick_town.ready([1, 2], period=period)
    who = quick_town.number(1)
    assert quick_town.engine.death(who, date(2014, 8, 20), on=LATER).removed == 3
    assert quick_town.engine.death(who, date(2014, 9, 10), on=LATER, decision="更1").held == 1
    assert [line.item for line in quick_town.engine.held("pension")] == ["held:2014-09"]
    quick_town.engine.withdraw("pension-2014-11-R001")
    assert quick_town.engine.withdraw_death(who, decision="撤1", on=LATER).held == 1
    assert [line.item for line in quick_town.engine.held("pension")] == ["held:2014-09", "held:2014-10"]


NORMAL, GONE, OTHER = CardState.NORMAL, CardState.CANCELLED, "6217000000000000009"


@pytest.mark.parametrize(
    ("who", "bank", "account", "state", "found"),
    [
        (1, "103", "", NORMAL, {}),
        (1, "103", OTHER, NORMAL, {1: "account"}),
        (1, "402", "", NORMAL, {1: "account"}),
        (1, "103", "", GONE, {1: "account"}),
        (4, "402", OTHER, NORMAL, {}),
        (1, None, None, None, {}),
    ],
)
def test_an_account_told_after_the_draft_stops_the_line_that_goes_elsewhere(
    quick_town, who: int, bank: str | None, account: str | None, state: CardState | None, found: dict[int, str]
) -> None:
    """``account`` empty: the one of the card."""
    rolls = [quick_town.ready([1, 2], period=period) for period in ("2014-07", "2014-08")]
    account = quick_town.account(who) if account == "" else account
    quick_town.engine.tell(
        [Standing(quick_town.number(who), bank=bank, account_no=account, account_state=state)], on=DAY
    )
    assert [dict(quick_town.engine.stale(roll)) for roll in rolls] == [found, found]


def test_a_card_out_of_use_stops_its_line_unless_another_account_serves(quick_town) -> None:
    roll_no = quick_town.ready([1, 2, 4])
    with quick_town.store.begin() as connection:
        quick_town.give_card(connection, 2, "B00000002")  # the same account on a new card
    quick_town.set_card(1, account_state=int(CardState.CANCELLED))
    quick_town.set_card(4, account_state=int(CardState.CANCELLED))
    told = Standing(quick_town.number(4), bank="103", account_no=quick_town.account(4), account_state=CardState.NORMAL)
    quick_town.engine.tell([told], on=DAY)
    assert quick_town.engine.stale(roll_no) == [(1, "card")]


def test_a_roll_without_approvals_may_be_drafted_by_anybody_and_approved_all_the_same(quick_town) -> None:
    roll = quick_town.engine.draft(FREE, "2014-07", quick_town.roll([1]), on=DAY, by="nobody-registered")
    assert roll.state is RollState.APPROVED
    quick_town.engine.approve(roll.roll_no, quick_town.by("li"), roll.digest, on=DAY)
    assert quick_town.engine.status(roll.roll_no).officers == ("li",)
    assert quick_town.engine.draft(FREE, "2014-08", quick_town.roll([1]), on=DAY).drafted_by == "draft"


def test_one_batch_for_each_bank_whatever_account_a_line_goes_to_now(quick_town) -> None:
    quick_town.fund(100_000)
    (batch,) = quick_town.sent([1, 2, 4, 5])
    quick_town.engine.read_result(quick_town.answer(batch, fail={1, 2, 3, 4}), on=DAY)
    new = {quick_town.number(n): Account(f"621700000000000000{n}", "402") for n in (1, 4)}
    officers = quick_town.officers["approved_by"]
    made = quick_town.engine.repay_returned(
        "pension", "2014-07", on=DAY, out_dir=quick_town.folder, corrections=new, approved_by=officers
    )
    assert [one.split("-")[3] for one in made] == ["103", "402"]
    assert [[row[2] for row in quick_town.request(one).rows] for one in made] == [["甲2", "甲5"], ["甲1", "甲4"]]


def test_an_answer_whose_lines_are_mostly_of_another_batch_is_refused(quick_town) -> None:
    quick_town.fund(100_000)
    (batch,) = quick_town.sent([1, 2, 4])
    path = quick_town.answer(batch)
    text = path.read_bytes()
    for n in (1, 2):
        text = text.replace(quick_town.account(n).encode(), b"6217000000000000009")
    path.write_bytes(text)
    before = quick_town.everything()
    with pytest.raises(PayoutResultRefused) as refused:
        quick_town.engine.read_result(path, on=DAY)
    assert refused.value.code == "lines"
    assert quick_town.everything() == before


def test_returned_lines_are_listed_by_programme_and_period(quick_town) -> None:
    quick_town.fund(100_000)
    quick_town.fund(100_000, FREE.fund_account)
    july = quick_town.paid([1, 3, 2, 6, 4], fail={1, 2})
    quick_town.paid([1, 2], "2014-06", fail={2})
    batches = quick_town.engine.pay(FREE, "2014-07", quick_town.roll([5]), on=DAY, out_dir=quick_town.folder)
    quick_town.engine.read_result(quick_town.answer(batches[0], fail={1}), on=DAY)
    listed = quick_town.engine.returned("pension", "2014-07")
    assert [(one.batch_no, one.seq, one.amount_fen) for one in listed] == [
        (july[0], 1, 1001), (july[0], 2, 1002), (july[1], 1, 1003), (july[1], 2, 1006),
    ]  # fmt: skip
    assert {one.reason for one in listed} == {"户名不符"}
    assert [one.amount_fen for one in quick_town.engine.returned("pension", "2014-06")] == [1002]
    assert [one.amount_fen for one in quick_town.engine.returned(FREE, "2014-07")] == [1005]


def test_a_line_is_payable_again_with_the_last_of_the_fund(quick_town) -> None:
    quick_town.fund(1001)
    (batch,) = quick_town.paid([1], fail={1})
    assert quick_town.engine.cancel_returned("pension", [(batch, 1)], on=DAY) == 1
    assert quick_town.net("PENSION_FUND") == 1001
    assert quick_town.engine.reinstate_returned("pension", [(batch, 1)], on=DAY) == 1
    assert quick_town.net("PENSION_FUND") == 0
    quick_town.engine.cancel_returned("pension", [(batch, 1)], on=DAY)
    with pytest.raises(FundsShort):
        quick_town.sent([2], "2014-06")  # 1,002


def test_what_comes_in_for_a_recovery_is_more_than_nothing_and_at_most_what_is_out(quick_town) -> None:
    quick_town.fund(100_000)
    (batch,) = quick_town.paid([1, 2])
    quick_town.engine.recover("R1", (batch, 1), 500, mode=RecoveryMode.RETURN, reason="x", on=DAY)
    for fen in (0, -1, 501):
        with pytest.raises(RecoveryRefused) as refused:
            quick_town.engine.receive("pension", "R1", fen, reference="B1", on=DAY)
        assert refused.value.code == "amount"
    assert quick_town.engine.receive("pension", "R1", 499, reference="B1", on=DAY) == 1
    assert quick_town.engine.receive("pension", "R1", 499, reference="B1", on=DAY) == 1  # the same again
    assert quick_town.engine.receive("pension", "R1", 1, reference="B2", on=DAY) == 0
    for fen in (0, 502, 1002):
        with pytest.raises(RecoveryRefused):
            quick_town.engine.recover("R2", (batch, 1), fen, mode=RecoveryMode.RETURN, reason="x", on=DAY)
    assert quick_town.engine.recover("R2", (batch, 1), 501, mode=RecoveryMode.RETURN, reason="x", on=DAY) == "R2"


def test_arrears_are_listed_by_programme_and_person(quick_town) -> None:
    quick_town.fund(100_000)
    engine = quick_town.engine
    for programme in ("pension", FREE):
        for n in (1, 2):
            engine.suspend(programme, quick_town.number(n), since="2014-06", reason="未认证", on=DAY)
        engine.draft(programme, "2014-06", quick_town.roll([1, 2, 4]), on=DAY, by="d")
    assert [list(engine.held(one)) for one in ("pension", FREE)] == [[], []]
    engine.resume("pension", quick_town.number(1), since="2014-07")
    engine.resume(FREE, quick_town.number(2), since="2014-07")
    assert [(one.id_number, one.item) for one in engine.held("pension")] == [(quick_town.number(1), "held:2014-06")]
    assert [(one.id_number, one.item) for one in engine.held(FREE)] == [(quick_town.number(2), "held:2014-06")]
    engine.resume("pension", quick_town.number(2), since="2014-07")
    assert [one.amount_fen for one in engine.held("pension")] == [1001, 1002]
    assert [one.amount_fen for one in engine.held("pension", quick_town.number(2))] == [1002]
    assert list(engine.held("pension", quick_town.number(4))) == []


def test_claims_are_priced_by_the_thousandth_of_a_unit() -> None:
    claims = [Claim("11010519491231002X", "甲", 1500, "H1"), Claim("11010519491231002X", "甲", 1, "H1")]
    assert [line.amount_fen for line in personal_lines(claims, 333)] == [500, 0]
    assert [line.amount_fen for line in personal_lines(claims, 500)] == [750, 1]
    (home,) = household_lines(claims, {"H1": Head("11010519491231002X", "甲")}, 500)
    assert home.amount_fen == 751
    assert [month_after(one) for one in ("2014-01", "2014-11", "2014-12")] == ["2014-02", "2014-12", "2015-01"]


@pytest.mark.parametrize(
    ("item", "is_of"),
    [("held:2014-07", True), ("held:2014-06", False), ("plus:2014-05", True), ("old:2014-05", False), ("", False)],
)
def test_what_waited_for_this_very_month_is_brought_by_the_month(item: str, is_of: bool) -> None:
    adjustments = [Adjustment("plus", "2014-05", "2014-07"), Adjustment("old", "2014-04", "2014-06")]
    assert _is_of(RollLine("1", "甲", 1, item=item), "2014-07", adjustments) is is_of


def test_a_death_names_the_programmes_it_could_not_settle(quick_town) -> None:
    """Another process paid a programme of the place's own: silence would leave its line with the dead."""
    quick_town.fund(100_000, FREE.fund_account)
    (batch,) = quick_town.engine.pay(FREE, "2014-09", quick_town.roll([1, 2]), on=DAY, out_dir=quick_town.folder)
    quick_town.engine.read_result(quick_town.answer(batch), on=DAY)
    other = type(quick_town.engine)(quick_town.store, quick_town.ledger, officers=quick_town.registered)
    first = other.death(quick_town.number(1), date(2014, 8, 20), on=LATER)
    assert (first.unknown, first.recoveries) == (("free",), ())
    assert other.death(quick_town.number(4), date(2014, 8, 20), on=LATER).unknown == ()
    other.programme(FREE)
    again = other.death(quick_town.number(1), date(2014, 8, 20), on=LATER)
    assert (again.unknown, again.recoveries) == ((), (f"death:{batch}:1",))


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("plus:2014-5", "plus:2014-05", True),
        ("plus:2014年5月", "plus:2014-05", True),
        (" aid", "aid", True),
        ("2014-5", "2014-05", False),
        ("aid:x", "aid:y", False),
        ("plus:2014-05", "aid:2014-05", False),
    ],
)
def test_an_item_is_paid_once_in_whatever_spelling_of_its_period(
    quick_town, one: str, other: str, is_same: bool
) -> None:
    for item, period in ((one, "2014-07"), (other, "2014-08")):
        line = quick_town.roll([1])[0]._replace(item=item)
        roll = quick_town.engine.draft("pension", period, [line, *quick_town.roll([2])], on=DAY, by="d")
    assert codes(quick_town, roll) == ({1: "item"} if is_same else {})


def test_a_household_that_is_on_another_roll_meanwhile_is_not_held_twice(quick_town) -> None:
    """Its head's death was a mistake, but another member was drafted for the year."""
    house = Programme("house", *FUND, household=True)
    for n, home in ((1, "H1"), (2, "H2")):
        line = quick_town.roll([n])[0]._replace(household=home)
        quick_town.engine.draft(house, "2014", [line], on=DAY)
        quick_town.engine.death(quick_town.number(n), date(2013, 12, 1), on=LATER)
    line = quick_town.roll([4])[0]._replace(household="H1")
    quick_town.engine.draft(house, "2014", [line], on=DAY)
    held = [quick_town.engine.withdraw_death(quick_town.number(n), decision="撤", on=LATER).held for n in (1, 2)]
    assert held == [0, 1]
    assert [one.household for one in quick_town.engine.held(house)] == ["H2"]


def test_recoveries_of_one_line_after_deaths_withdrawn_have_names_of_their_own(quick_town) -> None:
    quick_town.fund(100_000)
    (batch,) = quick_town.paid([1, 2])
    who, names = quick_town.number(1), []
    for n in range(3):
        decision = {"decision": f"更{n}"} if n else {}
        names += quick_town.engine.death(who, date(2014, 6, 1), on=LATER, **decision).recoveries
        assert quick_town.engine.withdraw_death(who, decision=f"撤{n}", on=LATER).withdrawn == (names[-1],)
    assert names == [f"death:{batch}:1", f"death:{batch}:1:2", f"death:{batch}:1:3"]
    assert {one.open_fen for one in quick_town.engine.recoveries("pension")} == {0}


def test_a_recovery_is_of_a_paid_line_and_has_one_plan(quick_town) -> None:
    quick_town.fund(100_000)
    (batch,) = quick_town.paid([1, 2], fail={2})
    plan = {"mode": RecoveryMode.DEDUCTION, "monthly_fen": 100, "reason": "x", "on": DAY}
    wrong = {
        "id": [("", (batch, 1), plan), ("R\n", (batch, 1), plan)],
        "line": [("R1", (batch, 2), plan), ("R1", (batch, 3), plan), ("R1", ("none", 1), plan)],
        "plan": [
            ("R1", (batch, 1), plan | {"monthly_fen": 0}),
            ("R1", (batch, 1), plan | {"mode": RecoveryMode.RETURN}),
            ("R1", (batch, 1), plan | {"monthly_fen": -1}),
        ],
    }
    for code, orders in wrong.items():
        for name, line, how in orders:
            with pytest.raises(RecoveryRefused) as refused:
                quick_town.engine.recover(name, line, 200, **how)
            assert refused.value.code == code, (name, line, how)
    assert quick_town.engine.recover("R1", (batch, 1), 200, **plan) == "R1"
    for changed in ({"monthly_fen": 101}, {"reason": "y"}):
        with pytest.raises(RecoveryRefused):
            quick_town.engine.recover("R1", (batch, 1), 200, **(plan | changed))
    assert quick_town.engine.recover("R1", (batch, 1), 200, **(plan | {"on": LATER})) == "R1"
    (only,) = quick_town.engine.recoveries("pension")
    assert (only.open_fen, only.monthly_fen, only.opened_on) == (200, 100, DAY.isoformat())


def test_arrears_of_one_fen_are_paid_too() -> None:
    one = Entitlement("11010519491231002X", "甲", 1000, "2014-01")
    lines = list(month_lines([one], [Adjustment("plus", "2014-06", "2014-07", plus_fen=1)], "2014-07"))
    assert [(line.item, line.amount_fen) for line in lines] == [("", 1001), ("plus:2014-06", 1)]
    down = Adjustment("down", "2014-06", "2014-07", plus_fen=-1)  # what falls is no back pay
    assert [line.amount_fen for line in month_lines([one], [down], "2014-07")] == [999]


def test_accounts_of_a_thousand_payees_are_found_whole(new_town, tmp_path) -> None:
    with Store.open("sqlite://") as store:
        town = new_town(store, tmp_path, 1003)
        with store.begin() as connection:
            there = lookup.accounts(connection, [CardState.NORMAL], range(1, 1004))
        assert there == {n: (town.bank(n), town.account(n)) for n in range(1, 1004)}


def test_lines_paid_again_are_counted_as_they_go_out(new_town, tmp_path) -> None:
    """By bank, batch by batch."""
    told: list[tuple[str, int, int]] = []
    with Store.open(f"sqlite:///{tmp_path}/told.sqlite") as store:
        options = {"max_lines": 2, "progress": lambda one: told.append((one.stage, one.done, one.total))}
        town = new_town(store, tmp_path, 8, **options)
        town.fund(100_000)
        town.paid([1, 2, 4, 3], fail={1, 2})
        told.clear()
        assert len(town.engine.repay_returned("pension", "2014-07", on=DAY, out_dir=tmp_path)) == 3
    assert told == [("repay", 2, 3), ("repay", 3, 3), ("repay", 1, 1)]


def test_an_account_is_told_whole_or_not_at_all(quick_town) -> None:
    whole = {"bank": "103", "account_no": OTHER, "account_state": NORMAL}
    before = quick_town.everything()
    for missing in whole:
        with pytest.raises(InvalidValue, match="account"):
            quick_town.engine.tell([Standing(quick_town.number(1), **{**whole, missing: None})], on=DAY)
    assert quick_town.everything() == before


def test_each_line_without_a_clear_answer_is_found_once_with_its_own_amount(quick_town) -> None:
    """The bank answers in an order of its own: a wrong line goes with the line of its number."""
    quick_town.fund(100_000)
    (batch,) = quick_town.sent([1, 2, 4, 5])
    asked = {int(row[0]): (row[0], row[1], row[4]) for row in quick_town.request(batch).rows}
    rows = [(*asked[4], "99", ""), (*asked[2], "00", ""), (*asked[1], "98", "")]
    head = {"batch_no": batch, "bank": "103", "date": "20140802"}
    sums = {"paid": 1, "paid_fen": 1002, "returned": 0, "returned_fen": 0}
    bankfile.write(quick_town.folder / "RES.txt", bankfile.PAYOUT_RESULT, head, rows, sums)
    report = quick_town.engine.read_result(quick_town.folder / "RES.txt", on=DAY)
    assert [(one.line, one.code, one.amount_fen) for one in report.findings] == [
        (2, "payout.status", 1005), (4, "payout.status", 1001), (0, "payout.missing", 1004),
    ]  # fmt: skip
