"""What a step does to one line, recovery or roll it does not do to those beside it."""

from datetime import date

import pytest
import sqlalchemy as sa

from sbcard_core.errors import InvalidValue
from sbcard_core.hosts import bankfile
from sbcard_core.payout import Adjustment, Entitlement, PayoutResultRefused, RecoveryMode, RollState
from sbcard_core.payout.pension import due_fen, month_lines
from sbcard_core.store import schema

DAY, LATER = date(2014, 8, 1), date(2014, 11, 1)


def test_what_an_officer_took_out_stays_out_when_a_death_is_withdrawn(quick_town) -> None:
    who = quick_town.number(1)
    for period in ("2014-09", "2014-10"):
        quick_town.ready([1, 2], period=period)
    quick_town.engine.remove("pension-2014-09-R001", [1], reason="迁出")
    assert quick_town.engine.death(who, date(2014, 8, 20), on=LATER).removed == 1
    assert quick_town.engine.withdraw_death(who, decision="撤销1号", on=LATER).held == 1
    assert [line.item for line in quick_town.engine.held("pension")] == ["held:2014-10"]


def test_a_recovery_that_is_withdrawn_leaves_another_one_of_the_same_line(quick_town) -> None:
    """Two recoveries keep back from one line: of one that is withdrawn its part is paid, the other part is kept."""
    quick_town.fund(1_000_000)
    (may,) = quick_town.paid([1, 2], "2014-05")
    plan = {"mode": RecoveryMode.DEDUCTION, "reason": "多发", "on": DAY}
    quick_town.engine.recover("R1", (may, 1), 500, monthly_fen=400, **plan)
    quick_town.engine.recover("R2", (may, 1), 501, monthly_fen=501, **plan)
    quick_town.engine.recover("R3", (may, 2), 900, monthly_fen=300, **plan)
    roll = quick_town.ready([1, 2], period="2014-09")
    officers = quick_town.officers["approved_by"]
    assert [quick_town.engine.still_out(name) for name in ("R1", "R2", "R3")] == [100, 0, 600]
    quick_town.engine.withdraw_recovery("pension", "R1", decision="撤销1号", on=DAY, approved_by=officers)
    assert [quick_town.engine.still_out(name) for name in ("R1", "R2", "R3")] == [0, 0, 600]
    status = quick_town.engine.status(roll)
    assert (status.recovered_fen, status.unsent_fen, status.is_conserved) == (801, 2003 - 801, True)
    with pytest.raises(InvalidValue):
        quick_town.engine.withdraw_recovery("pension", "R2", decision=" ", on=DAY, approved_by=officers)


def test_only_the_roll_of_a_line_that_is_payable_again_is_open_again(quick_town) -> None:
    quick_town.fund(1_000_000)
    rolls = []
    for period in ("2014-05", "2014-06", "2014-07"):
        (batch,) = quick_town.paid([1, 2], period, fail={1})
        rolls.append(quick_town.engine.rolls("pension", period)[0].roll_no)
        assert quick_town.engine.cancel_returned("pension", [(batch, 1)], on=DAY) == 1
        assert quick_town.engine.cancel_returned("pension", [(batch, 1)], on=DAY) == 0
        status = quick_town.engine.status(rolls[-1])
        assert (status.removed_fen, status.paid_fen, status.is_conserved) == (1001, 1002, True)
        if period != "2014-07":
            quick_town.engine.close(rolls[-1], on=LATER)
    june = "pension-2014-06-103-001"
    assert quick_town.engine.reinstate_returned("pension", [(june, 1), (june, 1)], on=LATER) == 1
    states = [quick_town.engine.status(roll).roll for roll in rolls]
    assert [one.state for one in states] == [RollState.CLOSED, RollState.RELEASED, RollState.RELEASED]
    assert [one.closed_on for one in states] == [LATER.isoformat(), None, None]
    assert [quick_town.engine.status(roll).removed_fen for roll in rolls] == [1001, 0, 1001]
    assert all(quick_town.engine.check(roll) == [] for roll in rolls)


def test_rounds_are_counted_from_the_first_payment(quick_town) -> None:
    """A line that came back twice goes out in the third round, beside one of the second."""
    quick_town.fund(1_000_000)
    quick_town.paid([1, 2, 4], "2014-05", fail={1, 2})
    (second,) = quick_town.engine.repay_returned(
        "pension", "2014-05", on=DAY, out_dir=quick_town.folder, only=[quick_town.number(1)]
    )
    quick_town.engine.read_result(quick_town.answer(second, fail={1}), on=DAY)
    assert len(quick_town.engine.repay_returned("pension", "2014-05", on=DAY, out_dir=quick_town.folder)) == 2
    batch = schema.payout_batch.c
    with quick_town.store.begin() as connection:
        rows = connection.execute(sa.select(batch.round, batch.lines, batch.total_fen).order_by(batch.batch_no)).all()
    assert [tuple(row) for row in rows] == [(1, 3, 3007), (2, 1, 1001), (2, 1, 1002), (3, 1, 1001)]


@pytest.mark.parametrize("total", ["9" * 5000, "1003x", "", "-1003", "２００３"])
def test_a_sum_no_amount_can_be_is_a_wrong_total(quick_town, total: str) -> None:
    quick_town.fund(1_000_000)
    (batch,) = quick_town.engine.release(quick_town.ready([1, 2]), on=DAY, out_dir=quick_town.folder)
    path = quick_town.answer(batch)
    text = path.read_bytes()
    assert text.count(b"|2003|") == 1
    path.write_bytes(text.replace(b"|2003|", f"|{total}|".encode("gb18030")))
    with pytest.raises((PayoutResultRefused, bankfile.BankFileRefused)):
        quick_town.engine.read_result(path, on=DAY)
    assert quick_town.engine.status(quick_town.engine.rolls("pension", "2014-07")[0].roll_no).sent_fen == 2003


@pytest.mark.parametrize("period", ["2014-Q3", "2014", "2014-13", ""])
def test_pensions_are_due_by_the_month(period: str) -> None:
    with pytest.raises(InvalidValue):
        Entitlement("11010519491231002X", "甲", 1000, since=period)
    with pytest.raises(InvalidValue):
        Adjustment("plus", since="2014-01", decided_in=period)


def test_an_adjustment_is_for_those_it_names() -> None:
    one, other = (Entitlement(number, "甲", 1000, "2014-01") for number in ("11010519491231002X", "430102195000000001"))
    plus = Adjustment("plus", "2014-05", "2014-07", plus_fen=100, only=frozenset({one.id_number}))
    every = Adjustment("all", "2014-06", "2014-07", per_mille=10)
    due = [due_fen(who, [every, plus], "2014-07", known_in="2014-07") for who in (one, other)]
    assert due == [1111, 1010]
    items = [
        (line.id_number == one.id_number, line.item, line.amount_fen)
        for line in month_lines([one, other], [every, plus], "2014-07")
    ]
    assert items == [
        (True, "", 1111), (True, "plus:2014-05", 100), (True, "plus:2014-06", 100), (True, "all:2014-06", 11),
        (False, "", 1010), (False, "all:2014-06", 10),
    ]  # fmt: skip
