"""From when a life status is known, and back pay of a release that stopped on the way."""

from datetime import date

import pytest

from sbcard_core.eligibility import Eligibility, Purpose, Reason
from sbcard_core.payout import RecoveryMode, RollState, Standing, release
from sbcard_core.values import CardState, LifeStatus
from tests.payout.conftest import DAY, TWO, Town
from tests.payout.test_payout_back import still_out

FIRST, ACT, LATER = date(2014, 7, 1), date(2014, 8, 20), date(2014, 9, 1)
ACCOUNT = {"bank": "103", "account_no": "6217000000000000017", "account_state": CardState.NORMAL}


@pytest.mark.parametrize(
    ("living", "reason"),
    [(LifeStatus.IMPRISONED, Reason.PERSON_IMPRISONED), (LifeStatus.DEAD, Reason.PERSON_DEAD)],
)
def test_a_life_status_told_again_is_known_since_the_first_time(quick_town, living: LifeStatus, reason: Reason) -> None:
    """A new account of somebody in prison does not make last month's bill one of a free person."""
    engine, who = quick_town.engine, quick_town.number(1)
    told = [Standing(who, living), Standing(who, living, **ACCOUNT), Standing(who, living)]
    for standing, on in zip(told, (FIRST, LATER, date(2014, 8, 30)), strict=True):
        engine.tell([standing], on=on)
        with quick_town.store.begin() as connection:
            decision = Eligibility().may(connection, Purpose.MEDICAL, on=ACT, id_number=who)
        assert decision.reason is reason
    if living is not LifeStatus.DEAD:
        engine.tell([Standing(who, LifeStatus.MISSING)], on=LATER)  # another status begins when it is told
        with quick_town.store.begin() as connection:
            assert Eligibility().may(connection, Purpose.MEDICAL, on=ACT, id_number=who).is_allowed


def keeping_back(town: Town) -> str:
    """A roll ready to be released, that keeps back 60 fen of person 3."""
    town.fund(100_000)
    (may,) = town.paid([3], "2014-05")
    plan = {"mode": RecoveryMode.DEDUCTION, "monthly_fen": 60, "reason": "x", "on": DAY}
    town.engine.recover("R1", (may, 1), 100, **plan)
    return town.ready([1, 3])


def test_what_was_kept_back_from_a_line_not_sent_yet_is_no_back_pay(quick_town, monkeypatch) -> None:
    """The line may still be withdrawn, and stands whole on the next roll: nothing of it is paid twice."""
    town, roll_no = quick_town, keeping_back(quick_town)

    def stops(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(release, "write_next", stops)
    with pytest.raises(KeyboardInterrupt):
        town.engine.release(roll_no, on=DAY, out_dir=town.folder)
    monkeypatch.undo()
    assert town.engine.status(roll_no).roll.state is RollState.RELEASING
    town.engine.withdraw_recovery("pension", "R1", decision="撤1", on=DAY, **TWO)
    assert (list(town.engine.held("pension")), still_out(town)) == ([], {"R1": 0})
    town.engine.withdraw(roll_no, on=DAY)
    again = town.engine.draft("pension", "2014-07", town.roll([1, 3]), on=DAY, by="d")
    assert town.engine.status(again.roll_no).total_fen == 1001 + 1003
    assert list(town.engine.held("pension")) == []


def test_what_was_kept_back_from_a_line_sent_after_all_is_back_pay(quick_town, monkeypatch) -> None:
    town, roll_no = quick_town, keeping_back(quick_town)
    town.engine.release(roll_no, on=DAY, out_dir=town.folder)
    town.engine.withdraw_recovery("pension", "R1", decision="撤1", on=DAY, **TWO)
    assert [(line.id_number, line.amount_fen) for line in town.engine.held("pension")] == [(town.number(3), 60)]


@pytest.mark.parametrize("act", ["remove", "recover"])
def test_what_officers_did_with_the_word_death_as_reason_no_death_takes_back(town, act: str) -> None:
    town.fund(1_000_000)
    who = town.number(1)
    (batch,) = town.paid([1, 2], "2014-07")
    roll_no = town.ready([1, 2], period="2014-08")
    if act == "recover":
        town.engine.recover("R1", (batch, 1), 300, mode=RecoveryMode.RETURN, reason="death", on=DAY)
    else:
        town.engine.remove(roll_no, [1], reason="death")
    town.engine.death(who, date(2014, 7, 20), on=LATER)
    report = town.engine.withdraw_death(who, decision="撤1", on=LATER)
    if act == "recover":
        assert (report.held, report.withdrawn, still_out(town)) == (1, (), {"R1": 300})  # the line of August is held
    else:
        assert (report.held, list(town.engine.held("pension"))) == (0, [])
