"""Rules in SQL with two of everything: programmes, rolls, periods, banks, cards, people that differ in one column."""

from datetime import date

import pytest
import sqlalchemy as sa

from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.hosts import bankfile
from sbcard_core.ledger import AccountKind
from sbcard_core.payout import (
    Exclusion,
    LineState,
    PayoutResultRefused,
    Programme,
    RecoveryMode,
    RecoveryRefused,
    RollLine,
    RollRefused,
    RollState,
    Standing,
    release,
    repay,
)
from sbcard_core.store import Store, schema
from sbcard_core.values import CardState, LifeStatus

DAY = date(2014, 8, 1)
PLAIN = Programme("plain", "补贴", "FISCAL_PROGRAMME:plain", AccountKind.FISCAL_PROGRAMME)
OTHER = Programme("other", "补贴", "FISCAL_PROGRAMME:other", AccountKind.FISCAL_PROGRAMME)
HOUSE = Programme("house", "补贴", "FISCAL_PROGRAMME:house", AccountKind.FISCAL_PROGRAMME, household=True)
FIELD = Programme("field", "补贴", "FISCAL_PROGRAMME:field", AccountKind.FISCAL_PROGRAMME, household=True)
NOTICED = Programme("noticed", "补贴", "FISCAL_PROGRAMME:noticed", AccountKind.FISCAL_PROGRAMME, notice_days=7)


def refused(code: str, kind: type[Exception] = RollRefused):
    return pytest.raises(kind, check=lambda error: error.code == code)


def codes(town, roll) -> dict[int, str]:
    return {one.line: one.code for one in town.engine.refused(roll.roll_no)}


def held_line(town, n: int, item: str) -> RollLine:
    return town.roll([n])[0]._replace(item=item)


def paid(town, programme: Programme | str, numbers, period: str, **answer: object) -> list[str]:
    found = town.engine.programme(programme)
    lines = [line._replace(household=f"H{line.id_number[-3:]}") for line in town.roll(numbers)]
    made = town.engine.pay(
        *(programme, period, lines), on=DAY, out_dir=town.folder, **(town.officers if found.approvals else {})
    )
    for batch in made:
        town.engine.read_result(town.answer(batch, name=f"{batch}.txt", **answer), on=DAY)
    return made


@pytest.fixture
def funded(town):
    for fund in ("PENSION_FUND", PLAIN.fund_account, OTHER.fund_account, HOUSE.fund_account, FIELD.fund_account):
        town.fund(1_000_000, fund)
    return town


# --- life ------------------------------------------------------------------------------------------------------------


def test_who_is_dead_without_a_day_is_paid_nothing(town) -> None:
    town.engine.tell([Standing(town.number(1), LifeStatus.DEAD), Standing(town.number(2))], on=DAY)
    roll = town.engine.draft("pension", "2014-07", town.roll([1, 2]), on=DAY, by="d")
    assert codes(town, roll) == {1: "payout.living"}


@pytest.mark.parametrize(
    ("pays", "due"), [(True, ["2014-06", "2014-07", "2014-Q3", "2014"]), (False, ["2014-06", "2014-Q2"])]
)
def test_the_period_of_death_is_due_where_the_programme_says_so(town, pays: bool, due: list[str]) -> None:
    """The same by draft, by what is stale, and by what is recovered."""
    periods = ("2014-06", "2014-07", "2014-08", "2014-Q2", "2014-Q3", "2014-Q4", "2014")
    expected = {period: period in due or period == "2014-Q2" for period in periods}
    fund = ("补贴", "FISCAL_PROGRAMME:rule", AccountKind.FISCAL_PROGRAMME)
    rules = {one: Programme(f"rule{n}", *fund, pays_month_of_death=pays) for n, one in enumerate(periods)}
    town.fund(1_000_000, fund[1])
    for period, rule in rules.items():
        paid(town, rule, [1, 2], period)
    report = town.engine.death(town.number(1), date(2014, 7, 31), on=date(2014, 9, 1))
    recovered = {f"death:{rules[one].code}-{one}-103-001:1" for one, is_due in expected.items() if not is_due}
    assert set(report.recoveries) == recovered
    for n, (period, rule) in enumerate(rules.items()):
        roll = town.engine.draft(rule, period, town.roll([1, 4]), on=DAY)
        assert codes(town, roll) == {1: "payout.duplicate"}
        other = Programme(f"other{n}", *fund, pays_month_of_death=pays)
        roll = town.engine.draft(other, period, town.roll([1, 2]), on=DAY)
        assert codes(town, roll) == ({} if expected[period] else {1: "payout.living"}), period


def test_a_death_reported_after_the_draft_without_a_day_is_stale(town) -> None:
    roll_no = town.ready([1, 2])
    town.engine.tell([Standing(town.number(2), LifeStatus.DEAD)], on=DAY)
    assert town.engine.stale(roll_no) == [(2, "living")]


# --- accounts --------------------------------------------------------------------------------------------------------


def test_an_account_shut_bank_changed_or_moved_after_the_draft_is_stale(town) -> None:
    """Each differs in one column of what was reported; the fourth is as it was, the fifth is the registry's."""
    told = {
        n: {"bank": "103", "account_no": f"621700000000000000{n}", "account_state": CardState.NORMAL}
        for n in range(1, 5)
    }
    town.engine.tell([Standing(town.number(n), **one) for n, one in told.items()], on=DAY)
    roll_no = town.ready([1, 2, 3, 4, 5])
    now = {
        1: {**told[1], "account_state": CardState.CANCELLED},
        2: {**told[2], "bank": "104"},
        3: {**told[3], "account_no": "6217000000000000099"},
        4: told[4],
    }
    town.engine.tell([Standing(town.number(n), **one) for n, one in now.items()], on=DAY)
    assert town.engine.stale(roll_no) == [(1, "account"), (2, "account"), (3, "account")]
    before = town.everything()
    town.fund(100_000)
    with refused("stale"):
        town.engine.release(roll_no, on=DAY, out_dir=town.folder)
    assert town.everything()["payout_line"] == before["payout_line"]


def test_of_two_cards_the_later_one_is_paid(town) -> None:
    """Whatever its number; of two of one day, the higher number; one never issued, before none."""
    with town.store.begin() as connection:
        for n, card_no, issued in (
            (1, "A00000000", "2014-08-02"),
            (2, "A99999999", "2014-07-31"),
            (4, "A90000004", "2013-01-01"),
        ):
            town.give_card(connection, n, card_no)
            values = {"account_no": f"621700000000000000{n}", "issued_on": issued}
            connection.execute(sa.update(schema.card).where(schema.card.c.card_no == card_no).values(**values))
        town.give_card(connection, 5, "A90000005")
        unissued = {"account_no": "6217000000000000005", "issued_on": None, "account_state": int(CardState.SEALED)}
        connection.execute(sa.update(schema.card).where(schema.card.c.card_no == "A90000005").values(**unissued))
    town.engine.draft(PLAIN, "2014-07", town.roll([1, 2, 4, 5]), on=DAY)
    with town.store.begin() as connection:
        line = schema.payout_roll_line.c
        accounts = dict(connection.execute(sa.select(line.person_id, line.account_no)).all())
    assert accounts == {
        1: "6217000000000000001", 2: "6217000000000000002", 4: town.account(4), 5: town.account(5),
    }  # fmt: skip


def test_an_account_opened_in_bulk_is_paid_before_its_card_is_made(town) -> None:
    """Of person 1 the card is not ordered; of 2 the opened account is on a cancelled card; of 4 the opening failed."""
    batch, line, card = schema.opening_batch, schema.opening_line, schema.card
    with town.store.begin() as connection:
        for n in (1, 4):
            connection.execute(sa.delete(card).where(card.c.person_id == n))
        connection.execute(sa.update(card).where(card.c.person_id == 2).values(account_state=int(CardState.CANCELLED)))
        opened = {
            "batch_no": "O1",
            "bank": "104",
            "city": "430100",
            "received_on": "2014-07-01",
            "due_on": "2014-07-22",
        }
        connection.execute(sa.insert(batch).values(**opened, lines=3))
        for n, state, account in ((1, 20, "6217000000000000001"), (2, 20, town.account(2)), (4, 21, None)):
            row = {"batch_no": "O1", "seq": n, "person_id": n, "state": state, "account_no": account}
            connection.execute(sa.insert(line).values(**row, answered_on="2014-07-10"))
    roll = town.engine.draft(PLAIN, "2014-07", town.roll([1, 2, 4, 5]), on=DAY)
    assert codes(town, roll) == {2: "payout.card", 3: "payout.card"}
    with town.store.begin() as connection:
        found = connection.execute(sa.text("SELECT bank, account_no FROM payout_roll_line WHERE line = 1")).one()
    assert tuple(found) == ("104", "6217000000000000001")


def test_an_account_shared_with_a_refused_line_is_its_own(town) -> None:
    town.set_card(2, account_no=town.account(1))
    lines = [town.roll([1])[0]._replace(name="甲l"), *town.roll([2, 4])]
    roll = town.engine.draft(PLAIN, "2014-07", lines, on=DAY)
    assert codes(town, roll) == {1: "payout.name"}
    later = town.engine.draft(PLAIN, "2014-07", town.roll([1, 5]), on=DAY)  # now the other one has it
    assert codes(town, later) == {1: "payout.account_shared"}


# --- programmes, periods, items --------------------------------------------------------------------------------------


def test_an_item_is_paid_once_per_programme_and_person(town) -> None:
    """Of another programme, another person, another item, or of a withdrawn roll it is not the same one."""
    first = town.engine.draft(PLAIN, "2014-07", [held_line(town, 1, "aid:2014-05")], on=DAY)
    for programme, period, n, item, expected in (
        (PLAIN, "2014-08", 1, "aid:2014-05", {1: "payout.item"}),
        (PLAIN, "2014-08", 1, "aid:2014-5", {1: "payout.item"}),
        (OTHER, "2014-08", 1, "aid:2014-05", {}),
        (PLAIN, "2014-08", 2, "aid:2014-05", {}),
        (PLAIN, "2014-08", 1, "aid:2014-06", {}),
    ):
        roll = town.engine.draft(programme, period, [held_line(town, n, item)], on=DAY)
        assert codes(town, roll) == expected, (programme.code, n, item)
    town.engine.withdraw(first.roll_no)
    assert codes(town, town.engine.draft(PLAIN, "2014-09", [held_line(town, 1, "aid:2014-05")], on=DAY)) == {}


def test_a_month_paid_by_its_own_line_is_no_back_pay_of_the_same_programme(town) -> None:
    town.engine.draft(PLAIN, "2014-06", town.roll([1]), on=DAY)
    town.engine.draft(OTHER, "2014-05", town.roll([1]), on=DAY)
    gone = town.engine.draft(PLAIN, "2014-04", town.roll([1]), on=DAY)
    town.engine.withdraw(gone.roll_no)
    for item, expected in (
        ("held:2014-06", {1: "payout.item"}),  # paid itself
        ("held:2014-05", {}),  # of another programme
        ("held:2014-04", {}),  # its roll was withdrawn
    ):
        roll = town.engine.draft(PLAIN, "2014-08", [held_line(town, 1, item), held_line(town, 2, item)], on=DAY)
        assert codes(town, roll) == expected, item
    own = town.engine.draft(PLAIN, "2014-05", town.roll([1, 2, 4]), on=DAY)  # both had May as back pay, the third not
    assert codes(town, own) == {1: "payout.item", 2: "payout.item"}
    assert codes(town, town.engine.draft(OTHER, "2014-04", town.roll([1, 2]), on=DAY)) == {}


def test_a_line_held_on_one_roll_does_not_stop_it_on_the_next(town) -> None:
    town.engine.suspend(PLAIN, town.number(1), since="2014-06", reason="x", on=DAY)
    item = "aid:2014-05"
    first = town.engine.draft(PLAIN, "2014-06", [held_line(town, 1, item)], on=DAY)
    assert town.engine.status(first.roll_no).held_fen == 1001
    second = town.engine.draft(PLAIN, "2014-07", [held_line(town, 1, item)], on=DAY)
    assert codes(town, second) == {1: "payout.item"}  # while it runs, it waits on the first roll
    town.engine.resume(PLAIN, town.number(1), since="2014-08")
    third = town.engine.draft(PLAIN, "2014-08", town.engine.held(PLAIN), on=DAY)
    assert (codes(town, third), town.engine.status(third.roll_no).total_fen) == ({}, 1001)


def test_exclusions_look_at_the_same_period_and_the_other_programme(new_town, store: Store, tmp_path) -> None:
    rules = [Exclusion(frozenset({"plain", "other"})), Exclusion(frozenset({"house", "field"}), per_household=True)]
    town = new_town(store, tmp_path, 8, exclusions=rules)
    town.engine.draft(PLAIN, "2014-07", town.roll([1, 2]), on=DAY)
    assert codes(town, town.engine.draft(PLAIN, "2014-07", town.roll([4]), on=DAY)) == {}
    assert codes(town, town.engine.draft(OTHER, "2014-07", town.roll([2, 5]), on=DAY)) == {1: "payout.excluded"}
    assert codes(town, town.engine.draft(OTHER, "2014-08", town.roll([2]), on=DAY)) == {}
    assert codes(town, town.engine.draft("pension", "2014-07", town.roll([2]), on=DAY, by="d")) == {}

    def of(n: int, household: str) -> RollLine:
        return town.roll([n])[0]._replace(household=household)

    town.engine.draft(HOUSE, "2014", [of(1, "H1"), of(2, "")], on=DAY)
    excluded = town.engine.draft(FIELD, "2014", [of(4, "ｈ1"), of(5, "H2"), of(2, "")], on=DAY)
    assert codes(town, excluded) == {1: "payout.excluded", 3: "payout.household"}
    twice = town.engine.draft(FIELD, "2015", [of(4, "H 1"), of(5, "h1")], on=DAY)
    assert codes(town, twice) == {2: "payout.duplicate"}


@pytest.mark.parametrize(
    ("period", "excluded"),
    [("2014", True), ("2014-H2", True), ("2014-Q3", True), ("2014-08", True), ("2014-Q2", False), ("2015", False)],
)
@pytest.mark.parametrize("first", ["2014-08", "2014-Q3"])
def test_programmes_that_exclude_each_other_do_so_in_periods_of_unlike_form(
    quick_town, period: str, excluded: bool, first: str
) -> None:
    """A yearly and a monthly subsidy that share a day are in the same period, whichever is drafted first."""
    rules = [Exclusion(frozenset({"plain", "other"}))]
    engine = type(quick_town.engine)(quick_town.store, quick_town.ledger, exclusions=rules)
    for one, other in ((first, period), (period, first)):
        there = engine.draft(PLAIN, one, quick_town.roll([1, 2]), on=DAY)
        late = engine.draft(OTHER, other, quick_town.roll([2, 3]), on=DAY)
        assert [found.code for found in engine.refused(late.roll_no)] == ["payout.excluded"] * excluded
        for roll in (late, there):
            engine.withdraw(roll.roll_no)


def test_nobody_is_paid_twice_for_one_month_by_periods_that_share_it(quick_town) -> None:
    """A month and its quarter are two periods of one programme: whichever is first stands against the other."""
    engine = quick_town.engine

    def overlapping(period: str, lines: list[RollLine]) -> list[int]:
        there = engine.refused(engine.draft(PLAIN, period, lines, on=DAY).roll_no)
        assert {one.code for one in there} <= {"payout.overlap"}
        return [one.line for one in there]

    assert overlapping("2014-08", quick_town.roll([1, 2])) == []
    assert overlapping("2014-08", quick_town.roll([3])) == []  # the same period, another roll
    assert overlapping("2014-Q3", [*quick_town.roll([4, 2, 1]), held_line(quick_town, 3, "aid")]) == [2, 3]
    assert overlapping("2014", quick_town.roll([4, 5])) == [1]
    assert overlapping("2014-Q2", quick_town.roll([1])) == overlapping("2015", quick_town.roll([1, 4])) == []
    for roll in engine.rolls(PLAIN, "2014-08"):
        engine.withdraw(roll.roll_no)
    assert overlapping("2014-07", quick_town.roll([5, 6])) == [1]  # the year; nobody's August


def test_a_month_whose_quarter_was_paid_is_no_arrears(quick_town) -> None:
    """Back pay of a period that was paid within another one is refused, and so is the other one after the back pay."""
    engine = quick_town.engine

    def refused(period: str, lines: list[RollLine]) -> list[int]:
        there = engine.refused(engine.draft(PLAIN, period, lines, on=DAY).roll_no)
        assert {one.code for one in there} <= {"payout.item"}
        return [one.line for one in there]

    assert refused("2014-Q2", quick_town.roll([1, 2])) == []
    back = [
        held_line(quick_town, n, item) for n, item in ((1, "held:2014-05"), (1, "held:2014-07"), (3, "held:2014-05"))
    ]
    assert refused("2014-08", back) == [1]
    assert refused("2014-H1", quick_town.roll([3, 4])) == [1]


def test_one_household_is_paid_once_for_a_month(quick_town) -> None:
    """Whoever is its head now: a year and a half-year of it are six months twice."""
    engine = quick_town.engine

    def home(n: int, household: str) -> RollLine:
        return quick_town.roll([n])[0]._replace(household=household)

    assert codes(quick_town, engine.draft(HOUSE, "2014", [home(1, "H1"), home(2, "H2")], on=DAY)) == {}
    late = engine.draft(HOUSE, "2014-H2", [home(3, "H1"), home(2, "H4"), home(4, "H3")], on=DAY)
    assert codes(quick_town, late) == {1: "payout.overlap", 2: "payout.overlap"}


def test_what_was_taken_out_and_who_has_no_household_excludes_nobody(new_town, store: Store, tmp_path) -> None:
    rules = [Exclusion(frozenset({"plain", "other"})), Exclusion(frozenset({"noticed", "pension"}), per_household=True)]
    town = new_town(store, tmp_path, 8, exclusions=rules)
    plain = town.engine.draft(PLAIN, "2014-07", town.roll([1, 2]), on=DAY)
    town.engine.remove(plain.roll_no, [1], reason="x")
    assert codes(town, town.engine.draft(OTHER, "2014-07", town.roll([1, 2]), on=DAY)) == {2: "payout.excluded"}
    town.engine.draft(NOTICED, "2014-07", town.roll([1, 2]), on=DAY, by="d")  # personal: without households
    assert codes(town, town.engine.draft("pension", "2014-07", town.roll([1, 4]), on=DAY, by="d")) == {}


def test_a_suspension_is_of_one_programme_and_one_person(town) -> None:
    town.engine.suspend(PLAIN, town.number(1), since="2014-07", reason="x", on=DAY)
    town.engine.suspend(OTHER, town.number(2), since="2014-07", reason="x", on=DAY)
    for programme, held in ((PLAIN, 1001), (OTHER, 1002)):
        roll = town.engine.draft(programme, "2014-07", town.roll([1, 2, 4]), on=DAY)
        assert town.engine.status(roll.roll_no).held_fen == held
    assert town.engine.suspend(PLAIN, town.number(2), since="2014-08", reason="x", on=DAY) == 0
    assert town.engine.resume(PLAIN, town.number(1), since="2014-08") == 1
    assert town.engine.resume(PLAIN, town.number(1), since="2014-08") == 0
    assert [line.id_number for line in town.engine.held(PLAIN)] == [town.number(1)]
    assert list(town.engine.held(OTHER)) == []  # still suspended there


def test_a_deduction_is_kept_back_from_its_own_programme_and_person(funded) -> None:
    (batch,) = paid(funded, PLAIN, [1, 2], "2014-05")
    plan = {"mode": RecoveryMode.DEDUCTION, "monthly_fen": 300, "reason": "x", "on": DAY}
    funded.engine.recover("R1", (batch, 1), 500, **plan)
    funded.engine.recover("R2", (batch, 2), 500, mode=RecoveryMode.RETURN, reason="x", on=DAY)
    for programme, kept in ((OTHER, 0), (PLAIN, 300)):
        roll = funded.engine.draft(programme, "2014-06", funded.roll([1, 2, 4]), on=DAY)
        assert funded.engine.status(roll.roll_no).recovered_fen == kept
    assert [one.recovery_id for one in funded.engine.recoveries(PLAIN)] == ["R1", "R2"]
    assert funded.engine.recoveries(OTHER) == []


def test_returned_lines_are_of_one_programme_and_period(funded) -> None:
    made = {}
    for programme, period, n in ((PLAIN, "2014-07", 1), (PLAIN, "2014-08", 2), (OTHER, "2014-07", 4)):
        (made[programme.code, period],) = paid(funded, programme, [n, 5], period, fail={1})
    assert [one.id_number[-4:] for one in funded.engine.returned(PLAIN, "2014-07")] == ["0001"]
    (again,) = funded.engine.repay_returned(PLAIN, "2014-07", on=DAY, out_dir=funded.folder)
    assert [row[3] for row in funded.request(again).rows] == [funded.number(1)]
    assert funded.states()[LineState.RETURNED] == 1002 + 1004
    with refused("id", RecoveryRefused):
        funded.engine.still_out("R9")


# --- officers, notice, objections ------------------------------------------------------------------------------------


def test_two_objections_take_two_lines_out(town) -> None:
    roll = town.engine.draft(NOTICED, "2014", town.roll([1, 2, 4]), on=DAY, by="d")
    other = town.engine.draft(NOTICED, "2015", town.roll([1, 2, 4]), on=DAY, by="d")
    for one in (roll, other):
        town.engine.notice(one.roll_no, on=DAY)
    for _ in range(2):  # the same again changes nothing
        first = town.engine.object(roll.roll_no, 1, by="x", reason="y", on=DAY)
    second = town.engine.object(roll.roll_no, 2, by="x", reason="y", on=DAY)
    assert len({roll.digest, first.digest, second.digest}) == 3
    assert [line.line for line in town.engine.notice_lines(roll.roll_no)] == [3]
    assert [line.line for line in town.engine.notice_lines(other.roll_no)] == [1, 2, 3]
    assert town.engine.object(other.roll_no, 1, by="x", reason="y", on=DAY).digest != other.digest
    with refused("line"):
        town.engine.object(roll.roll_no, 9, by="x", reason="y", on=DAY)


def test_nothing_is_approved_once_the_money_is_blocked(town) -> None:
    town.fund(100_000)
    roll_no = town.ready([1, 2])
    digest = town.engine.status(roll_no).roll.digest
    town.engine.release(roll_no, on=DAY, out_dir=town.folder)
    before = town.everything()
    with refused("state"):
        town.engine.approve(roll_no, town.by("a"), digest, on=DAY)
    town.engine.approve(roll_no, town.by("li"), digest, on=DAY)  # who has approved it already
    with refused("state"):
        town.engine.remove(roll_no, [1], reason="x")
    with refused("state"):
        town.engine.withdraw(roll_no, on=DAY)
    assert town.everything() == before


def test_days_of_one_chain_are_in_order(town) -> None:
    town.fund(100_000)
    on = date(2014, 8, 10)
    roll = town.engine.draft("farm-subsidy", "2014", town.roll([1, 2]), on=on, by="d")
    town.fund(100_000, "FISCAL_PROGRAMME:farm-subsidy")
    with refused("order"):
        town.engine.approve(roll.roll_no, town.by("a"), roll.digest, on=date(2014, 8, 9))
    town.engine.approve(roll.roll_no, town.by("a"), roll.digest, on=on)
    town.engine.approve(roll.roll_no, town.by("b"), roll.digest, on=date(2014, 8, 12))
    with refused("notice"):
        town.engine.notice(roll.roll_no, on=date(2014, 8, 11))  # before the second approval
    town.engine.notice(roll.roll_no, on=date(2014, 8, 12))
    late = date(2014, 9, 1)
    changed = town.engine.object(roll.roll_no, 2, by="x", reason="y", on=date(2014, 8, 13))
    for officer in "ab":
        town.engine.approve(roll.roll_no, town.by(officer), changed.digest, on=late)
    with refused("order"):
        town.engine.release(roll.roll_no, on=date(2014, 8, 29), out_dir=town.folder)  # the notice is over by then
    assert len(town.engine.release(roll.roll_no, on=late, out_dir=town.folder)) == 1


def test_a_withdrawn_roll_is_not_released(town) -> None:
    town.fund(100_000)
    roll_no, other = town.ready([1, 2]), town.ready([4, 5], period="2014-08")
    town.engine.withdraw(roll_no)
    with refused("state"):
        town.engine.release(roll_no, on=DAY, out_dir=town.folder)
    with refused("state"):
        town.engine.approve(roll_no, town.by("a"), town.engine.status(roll_no).roll.digest, on=DAY)
    assert town.engine.withdraw(roll_no).state is RollState.WITHDRAWN
    assert town.engine.status(other).roll.state is RollState.APPROVED


def test_what_was_blocked_and_what_was_sent_agree_or_it_stays_open(town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.fund(100_000)
    roll_no = town.ready([1, 2, 3])
    real = release.write_next
    monkeypatch.setattr(release, "write_next", lambda *order: None if order[3] == "402" else real(*order))
    with refused("blocked"):
        town.engine.release(roll_no, on=DAY, out_dir=town.folder)
    assert town.engine.status(roll_no).roll.state is RollState.RELEASING
    monkeypatch.undo()
    assert len(town.engine.release(roll_no, on=DAY, out_dir=town.folder)) == 1


def test_books_that_disagree_are_not_closed(town) -> None:
    town.fund(100_000)
    (batch,) = town.pay([1, 2])
    town.engine.read_result(town.answer(batch), on=DAY)
    sums = schema.payout_batch
    with town.store.begin() as connection:
        connection.execute(sa.update(sums).values(total_fen=sums.c.total_fen + 1))
    with refused("books"):
        town.engine.close("pension-2014-07-R001", on=DAY)


# --- answers ---------------------------------------------------------------------------------------------------------


def confirmation(town, batch: str, *rows: tuple[str, ...]):
    paid_fen = [int(row[2]) for row in rows if row[3] == "00"]
    back_fen = [int(row[2]) for row in rows if row[3] != "00"]
    sums = {"paid": len(paid_fen), "paid_fen": sum(paid_fen), "returned": len(back_fen), "returned_fen": sum(back_fen)}
    path = town.folder / "CNF.txt"
    bankfile.write(
        path, bankfile.PAYOUT_CONFIRMATION, {"batch_no": batch, "bank": "103", "date": "20140803"}, rows, sums
    )
    return path


def test_a_confirmation_never_turns_a_clear_answer_round(town) -> None:
    """Lines 1 paid, 2 returned, 3 given up, 4 paid again, 5 unknown: the opposite of each known one is refused."""
    town.fund(100_000)
    batch = town.engine.release(town.ready(range(1, 9)), on=DAY, out_dir=town.folder)[0]
    asked = {row[0]: (row[0], row[1], row[4]) for row in town.request(batch).rows}
    town.engine.read_result(town.answer(batch, fail={2, 3, 4}, drop={5}), on=DAY)
    town.engine.cancel_returned("pension", [(batch, 3)], on=DAY)
    only = [town.request(batch).rows[3][3]]
    town.engine.repay_returned("pension", "2014-07", on=DAY, out_dir=town.folder, only=only)
    before = town.everything()
    for seq, status in (("1", "14"), ("2", "00"), ("3", "00"), ("4", "00")):
        with refused("contradiction", PayoutResultRefused):
            town.engine.read_result(confirmation(town, batch, (*asked[seq], status, "")), on=DAY)
    for seq, status in (("1", "00"), ("2", "14"), ("3", "21"), ("4", "14")):  # what it said before
        assert town.engine.read_result(confirmation(town, batch, (*asked[seq], status, "")), on=DAY).repeated
    with refused("line", PayoutResultRefused):  # no code
        town.engine.read_result(confirmation(town, batch, (*asked["5"], "99", "")), on=DAY)
    for field, value in ((1, town.account(1)), (2, "1")):
        wrong = [*asked["5"], "00", ""]
        wrong[field] = value
        with refused("line", PayoutResultRefused):
            town.engine.read_result(confirmation(town, batch, tuple(wrong)), on=DAY)
    assert town.everything() == before
    assert town.engine.read_result(confirmation(town, batch, (*asked["5"], "00", "")), on=DAY).paid == 1


def test_of_two_runs_that_pay_again_at_once_one_stops(town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one has read its lines before the first one sent them."""
    town.fund(100_000)
    (batch,) = town.pay([1, 2])
    town.engine.read_result(town.answer(batch, fail={1, 2}), on=DAY)
    order = {"on": DAY, "out_dir": town.folder}
    real, runs = repay._send_again, []

    def late(*arguments):
        monkeypatch.setattr(repay, "_send_again", real)
        runs.append(town.engine.repay_returned("pension", "2014-07", **order))
        return real(*arguments)

    monkeypatch.setattr(repay, "_send_again", late)
    with pytest.raises(Refused, match="meanwhile"):
        town.engine.repay_returned("pension", "2014-07", **order)
    assert [len(town.request(one).rows) for one in runs[0]] == [2]
    assert town.states() == {LineState.REPAID: 2003, LineState.SENT: 2003}
    town.check_books()


def test_a_recovery_has_one_meaning(funded) -> None:
    (first,) = paid(funded, PLAIN, [1, 2], "2014-05")
    order = {"mode": RecoveryMode.DEDUCTION, "monthly_fen": 100, "reason": "x", "on": DAY}
    funded.engine.recover("R1", (first, 1), 300, **order)
    assert funded.engine.recover("R1", (first, 1), 300, **{**order, "on": date(2014, 9, 1)}) == "R1"
    for which, fen, changed in (
        ((first, 2), 300, {}),
        ((first, 1), 301, {}),
        ((first, 1), 300, {"monthly_fen": 99}),
        ((first, 1), 300, {"reason": "y"}),
        ((first, 1), 300, {"mode": RecoveryMode.RETURN, "monthly_fen": 0}),
    ):
        with refused("id", RecoveryRefused):
            funded.engine.recover("R1", which, fen, **{**order, **changed})
    for name in ("", "a" * 129, "a\0b"):
        with refused("id", RecoveryRefused):
            funded.engine.recover(name, (first, 1), 1, **order)
    for changed in ({"monthly_fen": 0}, {"mode": RecoveryMode.RETURN}):
        with refused("plan", RecoveryRefused):
            funded.engine.recover("R2", (first, 1), 1, **{**order, **changed})
    with pytest.raises(InvalidValue, match="batch"):
        funded.engine.write_again("B9", funded.folder)


# --- names -----------------------------------------------------------------------------------------------------------


def test_a_name_is_the_registered_one_in_any_spelling_and_a_finding_where_only_alike(town) -> None:
    known = {1: "阿卜杜拉·买买提", 2: "⾼山", 4: "张三", 5: "李四"}
    with town.store.begin() as connection:
        for n, name in known.items():
            connection.execute(sa.update(schema.person).where(schema.person.c.person_id == n).values(name=name))
    given = {1: "阿卜杜拉•买买提", 2: "高山", 4: " 张　三 ", 5: "李五"}
    lines = [town.roll([n])[0]._replace(name=name) for n, name in given.items()]
    roll = town.engine.draft(PLAIN, "2014-07", lines, on=DAY)
    assert codes(town, roll) == {4: "payout.name"}
    assert sorted(town.findings()) == [("payout.name", 0), ("payout.name_folded", 0)]
    with town.store.begin() as connection:
        finding = schema.finding.c
        one = connection.execute(
            sa.select(finding.line, finding.severity).where(finding.code == "payout.name_folded")
        ).one()
    assert tuple(one) == (2, 1)  # a warning
    town.fund(100_000, PLAIN.fund_account)
    (batch,) = town.engine.release(roll.roll_no, on=DAY, out_dir=town.folder)
    assert [row[2] for row in town.request(batch).rows] == [known[1], known[2], known[4]]  # the certificate's


def test_a_number_is_one_persons_in_any_spelling(town) -> None:
    number = "11010519491231002X"
    with town.store.begin() as connection:
        connection.execute(sa.update(schema.person).where(schema.person.c.person_id == 1).values(id_number=number))
    for at, written in enumerate((number.lower(), "１１０１０５19491231002x", " 110105 19491231 002X", number)):
        line = town.roll([1])[0]._replace(id_number=written)
        roll = town.engine.draft(PLAIN, f"2014-0{at + 1}", [line, *town.roll([2])], on=DAY)
        assert (codes(town, roll), town.engine.status(roll.roll_no).total_fen) == ({}, 2003)
    town.engine.suspend(PLAIN, number.lower(), since="2014-07", reason="x", on=DAY)
    assert town.engine.payments(number.lower()) == []


def test_a_line_whose_own_account_or_item_is_unusable_is_refused(town) -> None:
    """Neither may be dropped: without it the line would be paid as something else."""
    lines = [
        town.roll([1])[0]._replace(account_no="6228|48"),
        town.roll([2])[0]._replace(item="aid|2014-05"),
        town.roll([4])[0]._replace(account_no=" 6228 4800 0000 0000 004"),
        town.roll([5])[0]._replace(account_no="6.22848E+18"),
    ]
    roll = town.engine.draft(PLAIN, "2014-07", lines, on=DAY)
    assert codes(town, roll) == {1: "payout.amount", 2: "payout.amount", 4: "payout.account"}
