"""Cases of practice: credits taken back later, capped deductions, accounts with leading zeros, direct payment."""

from dataclasses import replace
from datetime import date

import pytest
import sqlalchemy as sa

from sbcard_core.eligibility import DEFAULT_RULES, Answer, Purpose
from sbcard_core.ledger import AccountKind
from sbcard_core.officers import ApprovalRefused
from sbcard_core.payout import PayoutResultRefused, Programme, RecoveryMode, RollRefused, RollState, Standing, release
from sbcard_core.store import schema
from sbcard_core.values import CardState

DAY = date(2014, 8, 1)


def paid(town, numbers, period: str) -> str:
    (batch,) = town.engine.release(town.ready(numbers, period=period), on=DAY, out_dir=town.folder)
    town.engine.read_result(town.answer(batch, name=f"{batch}.txt"), on=DAY)
    return batch


def still_out(town, name: str = "R1") -> int:
    return town.engine.still_out(name)


def test_a_credit_the_bank_takes_back_a_week_later_is_paid_once_more(town) -> None:
    """The answer said paid; the money came back after all. It is booked, and owed again, by two officers' decision."""
    town.fund(100_000)
    batch = paid(town, [1, 2], "2014-07")
    fund, both = town.net("PENSION_FUND"), [town.by("a"), town.by("b")]
    with pytest.raises(PayoutResultRefused):  # a second answer does not turn the first one round
        town.engine.read_result(town.answer(batch, fail={1}), on=DAY)
    town.engine.recover("late", (batch, 1), 1001, mode=RecoveryMode.RETURN, reason="银行退回", on=DAY)
    assert town.engine.receive("pension", "late", 1001, reference="退7", on=DAY) == 0
    assert town.net("PENSION_FUND") == fund + 1001
    assert list(town.engine.held("pension")) == []  # recovered, as far as anybody knows
    town.engine.withdraw_recovery("pension", "late", decision="应发", on=DAY, approved_by=both)
    (again,) = town.engine.held("pension")
    assert (again.id_number, again.amount_fen, again.item.rpartition(":")[2]) == (town.number(1), 1001, "2014-07")
    roll = town.engine.draft("pension", "2014-09", [again], on=DAY, by="d")
    for officer in "ab":
        town.engine.approve(roll.roll_no, town.by(officer), roll.digest, on=DAY)
    assert len(town.engine.release(roll.roll_no, on=DAY, out_dir=town.folder)) == 1
    assert list(town.engine.held("pension")) == []


def test_a_capped_deduction_gives_back_what_it_took_and_no_more(town) -> None:
    """100 are owed, a month may keep 300 back: 100 are kept, and 100 owed again when the line is taken out."""
    town.fund(100_000)
    batch = paid(town, [1, 2], "2014-05")
    town.engine.recover("R1", (batch, 1), 100, mode=RecoveryMode.DEDUCTION, monthly_fen=300, reason="x", on=DAY)
    for way in ("remove", "withdraw", "suspend", "death"):
        roll_no = town.ready([1, 2], period="2014-06")
        assert (town.engine.status(roll_no).recovered_fen, still_out(town)) == (100, 0)
        if way == "remove":
            town.engine.remove(roll_no, [1], reason="x")
        elif way == "suspend":
            town.engine.suspend("pension", town.number(1), since="2014-06", reason="x", on=DAY)
            town.engine.resume("pension", town.number(1), since="2014-06")
        elif way == "death":
            town.engine.death(town.number(1), date(2014, 5, 31), on=DAY)
        assert still_out(town) == (0 if way == "withdraw" else 100), way
        town.engine.withdraw(roll_no)
        assert still_out(town) == 100, way


def test_a_month_taken_out_of_a_plan_is_kept_back_later(town) -> None:
    """Five months of 200; the third roll is given up after the fifth, and drafted anew: 1,000 in all, never more."""
    town.fund(1_000_000)
    batch = paid(town, [1], "2014-01")
    town.engine.recover("R1", (batch, 1), 1000, mode=RecoveryMode.DEDUCTION, monthly_fen=200, reason="x", on=DAY)
    rolls = [town.ready([1, 2], period=f"2014-0{month}") for month in range(2, 7)]
    assert [town.engine.status(one).recovered_fen for one in rolls] == [200] * 5
    assert still_out(town) == 0
    late = town.ready([1, 2], period="2014-07")
    assert town.engine.status(late).recovered_fen == 0
    town.engine.withdraw(rolls[2])
    again = town.engine.draft("pension", "2014-04", town.roll([1, 2]), on=DAY, by="zhang")
    assert (town.engine.status(again.roll_no).recovered_fen, still_out(town)) == (200, 0)


def test_an_account_keeps_its_leading_zeros_and_one_that_lost_them_is_refused(town) -> None:
    town.fund(100_000)
    zeros = Standing(town.number(1), bank="103", account_no="001234567890", account_state=CardState.NORMAL)
    town.engine.tell([zeros], on=DAY)
    (batch,) = town.engine.release(town.ready([1]), on=DAY, out_dir=town.folder)
    assert town.request(batch).rows[0][1] == "001234567890"
    assert town.engine.read_result(town.answer(batch), on=DAY).paid == 1
    with town.store.begin() as connection:  # as a sheet makes of it
        connection.execute(sa.update(schema.payout_standing).values(account_no="1234567890"))
    roll = town.engine.draft("pension", "2014-08", town.roll([1, 2]), on=DAY, by="d")
    assert [(one.line, one.code) for one in town.engine.refused(roll.roll_no)] == [(1, "payout.unusable")]


def test_direct_payment_is_no_way_round_the_officers(town) -> None:
    """Who drafts may not approve by any call; an officer who approves twice is one."""
    town.fund(100_000)
    order = {"on": DAY, "out_dir": town.folder, "notice_over": True}
    for drafter, signers, kind in (
        ("a", ["a", "b"], RollRefused),
        ("d", ["a", "a"], RollRefused),
        ("d", ["a"], RollRefused),
        ("d", ["a", "stranger"], ApprovalRefused),
        ("", ["a", "b"], ApprovalRefused),
        ("张三", ["a", "b"], ApprovalRefused),
    ):
        approved = [town.by(one) for one in signers]
        with pytest.raises(kind):
            town.engine.pay("pension", "2014-07", town.roll([1, 2]), by=drafter, approved_by=approved, **order)
        assert town.states() == {}
        for roll in town.engine.rolls("pension", "2014-07"):
            town.engine.withdraw(roll.roll_no)
    town.pay([4, 5])
    town.engine.read_result(town.answer("pension-2014-07-103-001", fail={1}), on=DAY)
    with pytest.raises(ApprovalRefused):  # a corrected account neither
        town.engine.repay_returned(
            *("pension", "2014-07"),
            on=DAY,
            out_dir=town.folder,
            corrections={town.number(4): "6228480000000000999"},
            approved_by=[town.by("zhang"), town.by("a")],
        )


def test_the_place_says_which_accounts_take_credits(new_town, store, tmp_path) -> None:
    """Its rule of eligibility for credits, asked at each step that pays; a programme's own goes first."""
    rule = DEFAULT_RULES[Purpose.CREDIT]
    states = {**rule.states, CardState.LOST: Answer.REFER, CardState.SEALED: Answer.REFUSE}
    town = new_town(store, tmp_path, 8, eligibility={**DEFAULT_RULES, Purpose.CREDIT: replace(rule, states=states)})
    town.fund(100_000)
    batch = paid_but(town, [1, 2, 4], fail={1, 2})
    waiting = town.ready([1, 2, 4], period="2014-09")
    town.set_card(1, account_state=int(CardState.LOST))
    town.set_card(5, account_state=int(CardState.SEALED))
    assert town.engine.stale(waiting) == [(1, "card")]
    with pytest.raises(RollRefused):
        town.engine.release(waiting, on=DAY, out_dir=town.folder)
    (again,) = town.engine.repay_returned("pension", "2014-07", on=DAY, out_dir=town.folder)
    assert ([row[3] for row in town.request(again).rows], again != batch) == ([town.number(2)], True)
    roll = town.engine.draft("pension", "2014-08", town.roll([1, 2, 5]), on=DAY, by="d")
    assert [(one.line, one.code) for one in town.engine.refused(roll.roll_no)] == [
        (1, "payout.card"),
        (3, "payout.card"),
    ]
    own = Programme("own", "补贴", "F", AccountKind.FISCAL_PROGRAMME, payable=frozenset({CardState.LOST}))
    roll = town.engine.draft(own, "2014-08", town.roll([1, 2]), on=DAY)
    assert [one.line for one in town.engine.refused(roll.roll_no)] == [2]


def paid_but(town, numbers, fail: set[int]) -> str:
    (batch,) = town.engine.release(town.ready(numbers), on=DAY, out_dir=town.folder)
    town.engine.read_result(town.answer(batch, fail=fail), on=DAY)
    return batch


@pytest.mark.parametrize("stops_at", ["103", "402"])
def test_a_release_that_stopped_counts_what_a_death_can_not_stop(town, monkeypatch, stops_at: str) -> None:
    """Before the first batch or after it; withdrawn, what is not at a bank is free again, what was kept back too."""
    town.fund(100_000)
    batch = paid(town, [1, 2], "2014-05")
    order = {"mode": RecoveryMode.DEDUCTION, "reason": "x", "on": DAY}
    town.engine.recover("R1", (batch, 1), 500, monthly_fen=300, **order)
    town.engine.recover("R2", (batch, 2), 1002, monthly_fen=1002, **order)
    fund, roll_no = town.net("PENSION_FUND"), town.ready([1, 2, 3])
    real = release.write_next

    def stops(*arguments):
        if arguments[3] == stops_at:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(release, "write_next", stops)
    with pytest.raises(KeyboardInterrupt):
        town.engine.release(roll_no, on=DAY, out_dir=town.folder)
    monkeypatch.undo()
    assert town.engine.death(town.number(1), date(2014, 6, 1), on=DAY).at_bank == 1
    town.engine.withdraw_death(town.number(1), decision="撤1", on=DAY)
    gone = town.engine.withdraw(roll_no, on=DAY)
    status = town.engine.status(roll_no)
    assert (status.unsent_fen, status.is_conserved, town.engine.check(roll_no)) == (0, True, [])
    if stops_at == "103":
        assert (gone.state, town.net("PENSION_FUND")) == (RollState.WITHDRAWN, fund)
        assert (still_out(town), still_out(town, "R2")) == (500, 1002)
        again = town.engine.draft("pension", "2014-07", town.roll([1, 2, 3, 4]), on=DAY, by="d")
        assert town.engine.status(again.roll_no).refused == 0
    else:
        assert (gone.state, town.net("PENSION_FUND")) == (RollState.RELEASED, fund - 701)
        assert still_out(town, "R2") == 0  # person 2 owed the whole month: settled without a bank


def test_a_roll_drafted_by_a_typed_name_is_drafted_again(town) -> None:
    """Of an earlier version: nobody can tell whether who approves it is who drafted it."""
    town.fund(100_000)
    roll = town.engine.draft("pension", "2014-07", town.roll([1, 2]), on=DAY, by="a")
    with town.store.begin() as connection:
        connection.execute(sa.update(schema.payout_roll).values(drafted_by="张经办"))
    before = town.everything()
    with pytest.raises(RollRefused, match="张经办"):
        town.engine.approve(roll.roll_no, town.by("b"), roll.digest, on=DAY)
    assert town.everything() == before
    town.engine.withdraw(roll.roll_no)
    assert town.engine.status(town.ready([1, 2])).total_fen == 2003


def test_another_bank_of_the_same_account_number_takes_officers_too(town) -> None:
    town.fund(100_000)
    paid_but(town, [1, 2], fail={1, 2})
    moved = Standing(town.number(1), bank="105", account_no=town.account(1), account_state=CardState.NORMAL)
    town.engine.tell([moved], on=DAY)
    order = {"on": DAY, "out_dir": town.folder}
    with pytest.raises(ApprovalRefused):
        town.engine.repay_returned("pension", "2014-07", **order)
    only = town.engine.repay_returned("pension", "2014-07", **order, only=[town.number(2)])  # nothing changed there
    assert [row[3] for batch in only for row in town.request(batch).rows] == [town.number(2)]
    (batch,) = town.engine.repay_returned("pension", "2014-07", **order, approved_by=[town.by("a"), town.by("b")])
    assert (town.request(batch).header["bank"], town.request(batch).rows[0][1]) == ("105", town.account(1))
