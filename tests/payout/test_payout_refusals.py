"""Wrong calls, wrong days and periods, and what a roll did not take on: told by type, line and reason."""

from datetime import date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import AccountKind
from sbcard_core.officers import ApprovalRefused
from sbcard_core.payout import (
    Adjustment,
    Entitlement,
    LifeStatus,
    Programme,
    RecoveryMode,
    RollLine,
    RollRefused,
    Standing,
)
from sbcard_core.payout.pension import month_after
from sbcard_core.store import schema

DAY = date(2014, 9, 1)
AID = Programme("aid", "救助金", "FISCAL_PROGRAMME:aid", AccountKind.FISCAL_PROGRAMME, approvals=2, notice_days=7)


def test_a_roll_names_the_lines_it_did_not_take_on(town) -> None:
    stranger = RollLine("11010519491231002X", "无此人", 100)
    first = town.engine.draft("pension", "2014-09", [*town.roll([1]), stranger, *town.roll([1])], on=DAY, by="d")
    wrong = RollLine(town.number(2), "甲二", 100)
    other = town.engine.draft("pension", "2014-09", [wrong, stranger._replace(id_number="11010519491231003X")],
                              on=DAY, by="d")  # fmt: skip
    seen = [(one.line, one.id_number, one.code, one.reason) for one in town.engine.refused(first.roll_no)]
    assert seen == [
        (2, "110105********002X", "payout.person", "nobody has this social security number"),
        (3, "430102********0001", "payout.duplicate", "paid for the period already"),
    ]
    again = [(one.line, one.id_number, one.code) for one in town.engine.refused(other.roll_no)]
    assert again == [(1, "430102********0002", "payout.name"), (2, "110105********003X", "payout.person")]
    third = town.engine.draft("pension", "2014-09", town.roll([3]), on=DAY, by="d")
    assert town.engine.refused(third.roll_no) == []


BAD_PERIODS = [
    "2014-13",
    "2014-00",
    "14-07",
    "2014-07-01",
    "2014-",
    "",
    "年",
    2014,
    None,
]


def test_a_period_that_is_none_is_refused_everywhere(quick_town) -> None:
    for period in BAD_PERIODS:
        refuses_period(quick_town, period)


def refuses_period(quick_town, period: object) -> None:
    engine, who, before = quick_town.engine, quick_town.number(1), quick_town.everything()
    there = {"on": DAY, "out_dir": quick_town.folder}
    for call in (
        lambda: engine.draft("pension", period, quick_town.roll([1]), on=DAY, by="d"),
        lambda: engine.pay("pension", period, quick_town.roll([1]), **there),
        lambda: engine.suspend("pension", who, since=period, reason="x", on=DAY),
        lambda: engine.resume("pension", who, since=period, on=DAY),
        lambda: engine.inquire("pension", period, **there),
        lambda: engine.repay_returned("pension", period, **there),
        lambda: engine.returned("pension", period),
        lambda: engine.rolls("pension", period),
        lambda: Entitlement(who, "甲1", 1, since=period),
        lambda: Entitlement(who, "甲1", 1, since="2014-01", until=period),
        lambda: Adjustment("plus", since=period, decided_in="2014-07"),
        lambda: month_after(period),
    ):
        with pytest.raises(InvalidValue):
            call()
    assert quick_town.everything() == before


@pytest.mark.parametrize(
    ("spellings", "written"),
    [
        (("2014", "2014年"), "2014"),
        (("2014-07", "201407", "2014-7", "2014年7月", "２０１４-０７"), "2014-07"),
        (("2014-Q3", "2014q3", "2014年第三季度"), "2014-Q3"),
        (("2014-H1", "2014年上半年"), "2014-H1"),
    ],
)
def test_a_period_is_one_in_every_spelling(quick_town, spellings: tuple[str, ...], written: str) -> None:
    made = [quick_town.engine.draft("pension", one, quick_town.roll([1, 2]), on=DAY, by="d") for one in spellings]
    assert {(roll.roll_no, roll.period) for roll in made} == {(f"pension-{written}-R001", written)}
    for spelling in spellings:
        assert len(quick_town.engine.rolls("pension", spelling)) == 1


@pytest.mark.parametrize("on", ["2014-09-01", datetime(2014, 9, 1), None])  # noqa: DTZ001 - no day, whatever its zone
def test_a_day_that_is_none_is_refused(quick_town, on: date) -> None:
    quick_town.fund(10_000)
    roll_no = quick_town.ready([1])
    engine, who, before = quick_town.engine, quick_town.number(1), quick_town.everything()
    there = {"on": on, "out_dir": quick_town.folder}
    digest = engine.status(roll_no).roll.digest
    (quick_town.folder / "some.txt").write_text("H|PAYRES|B|103|20140901\n")
    for call in (
        lambda: engine.draft("pension", "2014-09", quick_town.roll([1]), on=on, by="d"),
        lambda: engine.approve(roll_no, quick_town.by("a"), digest, on=on),
        lambda: engine.notice(roll_no, on=on),
        lambda: engine.object(roll_no, 1, by="x", reason="x", on=on),
        lambda: engine.release(roll_no, **there),
        lambda: engine.close(roll_no, on=on),
        lambda: engine.read_result(quick_town.folder / "some.txt", on=on),
        lambda: engine.inquire("pension", "2014-07", **there),
        lambda: engine.repay_returned("pension", "2014-07", **there),
        lambda: engine.cancel_returned("pension", [], on=on),
        lambda: engine.tell([Standing(who, LifeStatus.MISSING)], on=on),
        lambda: engine.resume("pension", who, since="2014-07", on=on),
        lambda: engine.suspend("pension", who, since="2014-09", reason="x", on=on),
        lambda: engine.death(who, date(2014, 8, 1), on=on),
        lambda: engine.death(who, on, on=DAY),
        lambda: engine.recover("R", ("B", 1), 1, mode=RecoveryMode.RETURN, reason="x", on=on),
        lambda: engine.receive("pension", "R", 1, reference="x", on=on),
        lambda: engine.pay("pension", "2014-09", quick_town.roll([1]), **there),
    ):
        with pytest.raises(InvalidValue):
            call()
    assert quick_town.everything() == before


def test_nobody_dies_after_the_day_it_is_told(quick_town) -> None:
    who, before = quick_town.number(1), quick_town.everything()
    with pytest.raises(InvalidValue, match="2099-01-01 is after"):
        quick_town.engine.death(who, date(2099, 1, 1), on=DAY)
    with pytest.raises(InvalidValue):
        quick_town.engine.tell([Standing(who, LifeStatus.DEAD, date(2014, 9, 2))], on=DAY)
    assert quick_town.everything() == before
    quick_town.engine.death(who, DAY, on=DAY)


def test_an_unreadable_answer_and_an_unknown_mode_are_typed(quick_town) -> None:
    with pytest.raises(InvalidValue, match=r"nofile\.txt"):
        quick_town.engine.read_result(Path("nofile.txt"), on=DAY)
    with pytest.raises(InvalidValue):
        quick_town.engine.read_result(quick_town.folder, on=DAY)
    with pytest.raises(InvalidValue, match="mode"):
        quick_town.engine.recover("R", ("B", 1), 1, mode="x", reason="x", on=DAY)


def test_the_digest_is_of_one_roll(quick_town) -> None:
    """The same lines in another period, programme, on another pay day, or drafted again, are another content."""
    drafted = [
        quick_town.engine.draft(programme, period, quick_town.roll([1, 2]), on=DAY, by="d", pay_on=pay_on)
        for programme, period, pay_on in (
            ("pension", "2014-08", None),
            ("pension", "2014-10", None),
            ("pension", "2014-11", date(2014, 9, 20)),
            (AID, "2014-08", None),
        )
    ]
    quick_town.engine.withdraw(drafted[0].roll_no)
    drafted.append(quick_town.engine.draft("pension", "2014-08", quick_town.roll([1, 2]), on=DAY, by="d"))
    assert len({roll.digest for roll in drafted}) == len(drafted)
    for officer in ("a", "b"):
        quick_town.engine.approve(drafted[1].roll_no, quick_town.by(officer), drafted[1].digest, on=DAY)
    roll = schema.payout_roll
    with quick_town.store.begin() as connection:  # an approved roll is moved to another period, or day
        mine = sa.update(roll).where(roll.c.roll_no == drafted[1].roll_no)
        connection.execute(mine.values(pay_on="2014-09-02"))
    quick_town.fund(100_000)
    with pytest.raises(RollRefused) as error:
        quick_town.engine.release(drafted[1].roll_no, on=DAY, out_dir=quick_town.folder)
    assert error.value.code == "digest"


def test_a_roll_that_officers_approve_has_a_drafter(quick_town) -> None:
    for by in ({}, {"by": ""}, {"by": "张三"}, {"by": " d"}):
        with pytest.raises(ApprovalRefused, match="registered"):
            quick_town.engine.draft("pension", "2014-09", quick_town.roll([1]), on=DAY, **by)


def test_a_programme_without_a_notice_has_none(quick_town) -> None:
    roll_no = quick_town.ready([1])
    with pytest.raises(RollRefused) as error:
        quick_town.engine.notice(roll_no, on=DAY)
    assert error.value.code == "notice"
    assert quick_town.engine.status(roll_no).roll.notice_from is None


def test_returned_lines_are_listed_until_given_up(quick_town) -> None:
    (batch,) = quick_town.pay([1, 2])
    assert quick_town.engine.returned("pension", "2014-07") == []
    quick_town.engine.read_result(quick_town.answer(batch, fail={2}), on=DAY)
    (one,) = quick_town.engine.returned("pension", "2014-07")
    assert (one.batch_no, one.seq, one.id_number, one.amount_fen, one.reason) == (
        *(batch, 2, "430102********0002", 1002, "户名不符"),
    )
    assert quick_town.engine.cancel_returned("pension", [(one.batch_no, one.seq)], on=DAY) == 1
    assert quick_town.engine.returned("pension", "2014-07") == []


@pytest.mark.parametrize("decision", [" ", "\u200b", "1\n2", "9" * 65])
def test_a_decision_is_printable_wherever_it_is_named(quick_town, decision: str) -> None:
    """Of a first report too, which needs none."""
    engine, who, before = quick_town.engine, quick_town.number(1), quick_town.everything()
    for act in (
        lambda: engine.death(who, date(2014, 7, 1), on=DAY, decision=decision),
        lambda: engine.withdraw_death(who, on=DAY, decision=decision),
        lambda: engine.withdraw_recovery("pension", "R1", on=DAY, decision=decision),
    ):
        with pytest.raises(InvalidValue, match="decision"):
            act()
    assert quick_town.everything() == before
