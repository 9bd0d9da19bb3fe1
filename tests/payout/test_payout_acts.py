"""Acts beside rolls take as many officers as a roll: fewer, one twice, or approvals of another act change nothing."""

from datetime import date

import pytest

from sbcard_core.ledger import AccountKind
from sbcard_core.officers import Act, Approval, ApprovalRefused, Method
from sbcard_core.payout import (
    DEATH_ACT,
    GIVE_UP_ACT,
    RECOVER_ACT,
    REINSTATE_ACT,
    RESUME_ACT,
    SUSPEND_ACT,
    TELL_ACT,
    WITHDRAW_DEATH_ACT,
    Programme,
    RecoveryMode,
    Standing,
)
from sbcard_core.values import LifeStatus, mask_id

DAY = date(2014, 8, 1)


@pytest.fixture
def paid(quick_town):
    """Person 1 was paid in July, the line of person 2 came back; one of person 4 was given up."""
    quick_town.fund(100_000)
    (batch,) = quick_town.engine.release(quick_town.ready([1, 2, 4]), on=DAY, out_dir=quick_town.folder)
    quick_town.engine.read_result(quick_town.answer(batch, fail={2, 3}), on=DAY)
    quick_town.engine.cancel_returned("pension", [(batch, 3)], on=DAY)
    quick_town.batch = batch
    return quick_town


def acts(town):
    """Each act as a call, its kind and its subject."""
    one, five = town.number(1), town.number(5)
    plan = {"mode": RecoveryMode.RETURN, "reason": "多发", "on": DAY}
    hold = {"since": "2014-09", "reason": "未认证", "on": DAY}
    engine, back = town.engine, [(town.batch, 2)]
    engine.death(five, date(2014, 7, 1), on=DAY)
    engine.suspend("pension", five, **hold)
    missing = [Standing(one, LifeStatus.MISSING), Standing(town.number(2))]
    return {
        RESUME_ACT: (
            lambda **by: engine.resume("pension", five, since="2014-10", on=DAY, **by),
            f"pension:{mask_id(five)}",
        ),
        TELL_ACT: (lambda **by: engine.tell(missing, on=DAY, **by), "1"),
        SUSPEND_ACT: (lambda **by: engine.suspend("pension", one, **hold, **by), f"pension:{mask_id(one)}"),
        DEATH_ACT: (lambda **by: engine.death(one, date(2014, 6, 1), on=DAY, **by), mask_id(one)),
        WITHDRAW_DEATH_ACT: (lambda **by: engine.withdraw_death(five, decision="1", on=DAY, **by), mask_id(five)),
        RECOVER_ACT: (lambda **by: engine.recover("R1", (town.batch, 1), 10, **plan, **by), "R1"),
        GIVE_UP_ACT: (lambda **by: engine.cancel_returned("pension", back, on=DAY, **by), "pension"),
        REINSTATE_ACT: (lambda **by: engine.reinstate_returned("pension", [(town.batch, 3)], on=DAY, **by), "pension"),
    }


@pytest.mark.parametrize(
    "kind",
    [
        *(SUSPEND_ACT, RESUME_ACT, TELL_ACT, DEATH_ACT, WITHDRAW_DEATH_ACT, RECOVER_ACT, GIVE_UP_ACT, REINSTATE_ACT),
    ],
)
def test_what_moves_or_stops_money_takes_two_officers(paid, kind: str) -> None:
    act, subject = acts(paid)[kind]
    before = paid.everything()
    li, wang = paid.by("li"), paid.by("wang")
    other = Approval(Act(kind, subject, "0" * 64, DAY), "wang", Method.SESSION, b"wang")
    for signers in ((), (li,), (li, li), (li, other)):
        with pytest.raises(ApprovalRefused) as refused:
            act(approved_by=signers)
        assert refused.value.code == ("act" if other in signers else "count")
        if signers == (li,):
            assert f"{kind} {subject} " in refused.value.what
    assert paid.everything() == before
    act(approved_by=(li, wang))
    assert paid.everything() != before
    done = paid.everything()
    if kind != WITHDRAW_DEATH_ACT:  # what was done is done: the same again asks nobody
        act(approved_by=())
        assert paid.everything() == done
    paid.check_books()


def test_a_death_told_after_one_was_withdrawn_takes_officers_to_withdraw_too(quick_town) -> None:
    engine, who = quick_town.engine, quick_town.number(1)
    engine.death(who, date(2014, 7, 1), on=DAY)
    engine.withdraw_death(who, decision="撤1", on=DAY)
    engine.tell([Standing(who, LifeStatus.DEAD, date(2014, 7, 5))], on=DAY)
    before = quick_town.everything()
    with pytest.raises(ApprovalRefused):
        engine.withdraw_death(who, decision="撤2", on=DAY, approved_by=())
    assert quick_town.everything() == before
    engine.withdraw_death(who, decision="撤2", on=DAY)
    done = quick_town.everything()
    assert done != before
    engine.withdraw_death(who, decision="撤2", on=DAY, approved_by=())  # goes on with what is done
    assert quick_town.everything() == done


def test_an_act_takes_as_many_officers_as_the_rolls_of_its_programme(paid) -> None:
    """Without approvals none; a death concerns every programme, and takes those of the strictest."""
    free = Programme("free", "补贴", "FISCAL_PROGRAMME:free", AccountKind.FISCAL_PROGRAMME)
    paid.fund(10_000, free.fund_account)
    (batch,) = paid.engine.pay(free, "2014-07", paid.roll([1, 2]), on=DAY, out_dir=paid.folder)
    paid.engine.read_result(paid.answer(batch, fail={2}), on=DAY)
    alone = {"on": DAY, "approved_by": ()}
    assert paid.engine.suspend(free, paid.number(1), since="2014-09", reason="x", **alone) == 0
    assert paid.engine.recover("R2", (batch, 1), 10, mode=RecoveryMode.RETURN, reason="x", **alone) == "R2"
    assert paid.engine.cancel_returned(free, [(batch, 2)], **alone) == 1
    assert paid.engine.reinstate_returned(free, [(batch, 2)], **alone) == 1
    with pytest.raises(ApprovalRefused):
        paid.engine.death(paid.number(1), date(2014, 6, 1), **alone)


class Keeps:
    """An officer whose approvals somebody keeps, to hand them in once more."""

    def __init__(self, signer) -> None:
        self.signer, self.officer, self.kept = signer, signer.officer, []

    def approve(self, act: Act) -> Approval:
        self.kept.append(self.signer.approve(act))
        return self.kept[-1]


def test_an_approval_is_of_one_act_and_not_of_the_same_done_again(paid) -> None:
    """Each act that can be done again is done, taken back, and refused with the approvals of the first time."""
    engine, one, back = paid.engine, paid.number(1), [(paid.batch, 2)]
    missing, lives = [Standing(paid.number(5), LifeStatus.MISSING)], [Standing(paid.number(5))]
    hold = {"since": "2014-09", "reason": "未认证", "on": DAY}
    ways = [
        (
            lambda by: engine.suspend("pension", one, **hold, **by),
            lambda: engine.resume("pension", one, since="2014-10"),
        ),
        (
            lambda by: engine.cancel_returned("pension", back, on=DAY, **by),
            lambda: engine.reinstate_returned("pension", back, on=DAY),
        ),
        (
            lambda by: engine.reinstate_returned("pension", [(paid.batch, 3)], on=DAY, **by),
            lambda: engine.cancel_returned("pension", [(paid.batch, 3)], on=DAY),
        ),
        (
            lambda by: engine.death(one, date(2014, 6, 1), on=DAY, **by),
            lambda: engine.withdraw_death(one, decision="1", on=DAY),
        ),
        (lambda by: engine.tell(missing, on=DAY, **by), lambda: engine.tell(lives, on=date(2014, 8, 2))),
    ]
    engine.suspend("pension", paid.number(2), **hold)
    ways.append(
        (
            lambda by: engine.resume("pension", paid.number(2), since="2014-10", **by),
            lambda: engine.suspend("pension", paid.number(2), **hold),
        )
    )
    engine.death(paid.number(4), date(2014, 6, 1), on=DAY)
    ways.append(
        (
            lambda by: engine.withdraw_death(paid.number(4), decision="1", on=DAY, **by),
            lambda: engine.death(paid.number(4), date(2014, 6, 1), on=DAY),
        )
    )
    for act, takes_back in ways:
        officers = [Keeps(paid.by("li")), Keeps(paid.by("wang"))]
        act({"approved_by": officers})
        takes_back()
        before = paid.everything()
        with pytest.raises(ApprovalRefused, check=lambda error: error.code == "act"):
            act({"approved_by": [one.kept[0] for one in officers]})
        assert paid.everything() == before
    paid.check_books()
