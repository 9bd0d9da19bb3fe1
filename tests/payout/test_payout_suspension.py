"""Who is suspended waits with all of the pay, and gets it once; who has died is paid where they asked to be."""

from datetime import date

import pytest
import sqlalchemy as sa

from sbcard_core.payout import Adjustment, Entitlement, LifeStatus, PensionPayout, RollLine, Standing
from sbcard_core.values import CardState

DAY, LATER = date(2014, 8, 1), date(2014, 12, 1)


def test_suspended_months_are_paid_back_once(town) -> None:
    town.fund(100_000)
    person = town.number(1)
    town.engine.suspend("pension", person, since="2014-06", reason="未认证", on=DAY)
    june = town.ready([1, 2], period="2014-06")
    assert town.engine.status(june).held_fen == 1001
    for batch_no in town.engine.release(june, on=DAY, out_dir=town.folder):
        town.engine.read_result(town.answer(batch_no), on=DAY)
    assert list(town.engine.held("pension")) == []
    town.engine.resume("pension", person, since="2014-07")
    (back,) = town.engine.held("pension")
    assert (back.item, back.amount_fen) == ("held:2014-06", 1001)
    july = town.engine.draft("pension", "2014-07", [*town.roll([1, 2]), back], on=DAY, by="d")
    assert town.engine.status(july.roll_no).total_fen == 1001 + 1002 + 1001
    assert list(town.engine.held("pension")) == []
    again = town.engine.draft("pension", "2014-08", [back], on=DAY, by="d")
    assert town.engine.status(again.roll_no).total_fen == 0
    assert town.findings()[-1] == ("payout.item", 0)


def test_back_pay_of_a_suspended_person_waits_too(town) -> None:
    """What an adjustment brings in arrears is pay as well: held, and paid once when the pay goes on."""
    town.fund(100_000)
    who, other = town.number(1), town.number(2)
    plus = Adjustment("plus", since="2014-05", decided_in="2014-06", plus_fen=100)
    people = [Entitlement(number, f"甲{n}", 1_000, since="2010-01") for n, number in ((1, who), (2, other))]
    pension = PensionPayout(town.engine)
    order = {"adjustments": [plus], "on": DAY, "by": "draft"}
    town.engine.suspend("pension", who, since="2014-06", reason="未认证", on=DAY)
    june = pension.month("2014-06", people, **order)
    status = town.engine.status(june.roll_no)
    assert (status.held_fen, status.total_fen - status.held_fen) == (1_200, 1_200)
    july = pension.month("2014-07", people, **order)
    assert town.engine.status(july.roll_no).held_fen == 1_100
    assert list(town.engine.held("pension")) == []
    again = town.engine.draft("pension", "2014-07", [RollLine(who, "甲1", 100, item="plus:2014-05")], on=DAY, by="d")
    assert town.engine.status(again.roll_no).total_fen == 0  # it waits already
    assert town.findings()[-1] == ("payout.item", 0)
    town.engine.resume("pension", who, since="2014-08")
    items = ["plus:2014-05", "held:2014-06", "held:2014-07"]
    assert sorted(line.item for line in town.engine.held("pension", who)) == sorted(items)
    august = pension.month("2014-08", people, **order)
    assert town.engine.status(august.roll_no).total_fen == 2 * 1_100 + 100 + 1_100 + 1_100
    assert list(town.engine.held("pension")) == []
    assert town.findings()[-1] == ("payout.item", 0)


def test_who_is_suspended_again_waits_with_the_back_pay(town) -> None:
    town.fund(100_000)
    who = town.number(1)
    town.engine.suspend("pension", who, since="2014-05", reason="x", on=DAY)
    town.ready([1], period="2014-05")
    town.engine.resume("pension", who, since="2014-06")
    (back,) = town.engine.held("pension")
    town.engine.suspend("pension", who, since="2014-06", reason="y", on=DAY)
    june = town.engine.draft("pension", "2014-06", [*town.roll([1]), back], on=DAY, by="d")
    assert town.engine.status(june.roll_no).held_fen == 2 * 1001
    town.engine.resume("pension", who, since="2014-07")
    waiting = list(town.engine.held("pension"))
    assert sorted(line.item for line in waiting) == ["held:2014-05", "held:2014-06"]
    july = town.engine.draft("pension", "2014-07", waiting, on=DAY, by="d")
    status = town.engine.status(july.roll_no)
    assert (status.total_fen, status.refused) == (2 * 1001, 0)
    assert list(town.engine.held("pension")) == []


def test_a_suspension_begins_earlier_when_it_is_told_so_and_never_later(town) -> None:
    engine = town.engine
    for since in ("2014-10", "2014-08", "2014-09"):
        engine.suspend("pension", town.number(1), since=since, reason="未认证", on=DAY)
    held = {period: engine.status(town.ready([1, 2], period=period)).held_fen for period in ("2014-07", "2014-08")}
    assert held == {"2014-07": 0, "2014-08": 1001}
    waiting = town.ready([2], period="2014-12")
    assert engine.suspend("pension", town.number(2), since="2015-01", reason="未认证", on=DAY) == 0
    assert engine.suspend("pension", town.number(2), since="2014-12", reason="未认证", on=DAY) == 1
    assert engine.status(waiting).held_fen == 1002
    assert [engine.resume("pension", town.number(n), since="2015-01") for n in (1, 2)] == [1, 1]


@pytest.mark.parametrize("until", ["2014-08", "2014-07", "2014-09"])
def test_a_suspension_that_ended_where_it_began_holds_nothing(town, until: str) -> None:
    """Two suspensions of which one was a mistake: the quarter is paid unless a day of it was suspended."""
    town.engine.suspend("pension", town.number(1), since="2014-08", reason="误登", on=DAY)
    town.engine.resume("pension", town.number(1), since=until)
    roll = town.ready([1, 2], period="2014-Q3")
    assert town.engine.status(roll).held_fen == (1001 if until == "2014-09" else 0)


def test_a_death_keeps_the_account_that_was_told(town) -> None:
    """The month of death is still paid where the person asked for it, not to the old card's account."""
    town.fund(100_000)
    who = town.number(1)
    town.engine.tell([Standing(who, bank="999", account_no="6229999999999", account_state=CardState.NORMAL)], on=DAY)
    town.engine.death(who, date(2014, 7, 20), on=DAY)
    july = town.ready([1], period="2014-07")
    assert town.engine.status(july).total_fen == 1001
    with town.store.begin() as connection:
        there = connection.execute(sa.text("SELECT bank, account_no FROM payout_roll_line WHERE state = 10")).one()
    assert tuple(there) == ("999", "6229999999999")
    town.engine.tell([Standing(who, LifeStatus.DEAD, date(2014, 7, 20))], on=DAY)  # told anew it is told whole
    with town.store.begin() as connection:
        assert connection.execute(sa.text("SELECT account_no FROM payout_standing")).scalar() is None


def test_back_pay_of_a_month_that_was_due_is_not_recovered_after_a_death(town) -> None:
    town.fund(100_000)
    who = town.number(1)
    town.engine.suspend("pension", who, since="2014-05", reason="x", on=DAY)
    town.ready([1], period="2014-05")
    town.engine.resume("pension", who, since="2014-06")
    june = town.engine.draft("pension", "2014-06", [*town.roll([1]), *town.engine.held("pension")], on=DAY, by="d")
    for officer in "ab":
        town.engine.approve(june.roll_no, town.by(officer), june.digest, on=DAY)
    (batch,) = town.engine.release(june.roll_no, on=DAY, out_dir=town.folder)
    town.engine.read_result(town.answer(batch), on=DAY)
    report = town.engine.death(who, date(2014, 5, 20), on=DAY)
    assert report.recoveries == (f"death:{batch}:1",)  # June's; May was lived in
    assert [one.open_fen for one in town.engine.recoveries("pension")] == [1001]
    earlier = town.engine.death(who, date(2014, 4, 30), on=DAY, decision="更正1号")
    assert earlier.recoveries == (f"death:{batch}:2",)


def test_arrears_wait_for_a_roll_whose_own_period_is_due(town) -> None:
    """May was lived in; but on the roll of September it goes to somebody who died in August, as all of that roll."""
    who = town.number(1)
    lines = [RollLine(who, "甲1", fen, item=item) for item, fen in (("plus:2014-05", 7), ("ahead:2014-10", 9))]
    roll = town.engine.draft("pension", "2014-09", [*town.roll([1]), *lines], on=DAY, by="d")
    assert town.engine.status(roll.roll_no).total_fen == 1001 + 7 + 9
    assert town.engine.death(who, date(2014, 8, 20), on=LATER).removed == 3
    assert town.engine.death(who, date(2014, 8, 25), on=LATER, decision="更1").held == 0
    assert town.engine.death(who, date(2014, 9, 10), on=LATER, decision="更2").held == 2
    assert sorted(line.item for line in town.engine.held("pension")) == ["held:2014-09", "plus:2014-05"]
    assert town.engine.withdraw_death(who, decision="撤1", on=LATER).held == 1
    assert "ahead:2014-10" in {line.item for line in town.engine.held("pension")}


def test_held_arrears_of_a_month_lived_in_stay_held_after_a_death(town) -> None:
    """They are on no roll that is paid: what they are for decides, and not the roll they were once on."""
    who = town.number(1)
    town.engine.suspend("pension", who, since="2014-08", reason="未认证", on=DAY)
    lines = [*town.roll([1]), RollLine(who, "甲1", 7, item="plus:2014-05")]
    roll = town.engine.draft("pension", "2014-09", lines, on=DAY, by="d")
    assert town.engine.status(roll.roll_no).held_fen == 1001 + 7
    assert town.engine.death(who, date(2014, 8, 20), on=LATER).removed == 1
    assert town.engine.status(roll.roll_no).held_fen == 7
