"""Rolls: matched lines go out once, each refused line is one finding, the fund pays exactly what is sent."""

from datetime import date
from pathlib import Path

import pytest

from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import AccountKind, Bounds, Ledger, Transfer, TransferFlag
from sbcard_core.payout import FARM_SUBSIDY, PayoutEngine, Programme, RollLine
from sbcard_core.payout.lines import FundsShort
from sbcard_core.values import CardState


def test_a_roll_becomes_one_file_per_bank(town) -> None:
    batches = town.pay(range(1, 9))
    assert batches == ["pension-2014-07-103-001", "pension-2014-07-402-001"]
    rows = {row[3]: row for batch in batches for row in town.request(batch).rows}
    assert set(rows) == {town.number(n) for n in range(1, 9)}
    assert rows[town.number(5)] == ("4", town.account(5), "甲5", town.number(5), "1005", "养老金2014-07")
    assert town.request(batches[0]).trailer["total_fen"] == str(sum(1000 + n for n in (1, 2, 4, 5, 7, 8)))
    assert town.net("PENSION_FUND") == 100_000 - sum(1000 + n for n in range(1, 9))
    town.check_books()


def test_batches_are_cut_and_streamed(new_town, store, tmp_path: Path) -> None:
    town = new_town(store, tmp_path, 8, max_lines=2)
    town.fund(100_000)
    batches = town.engine.pay(
        "pension", "2014-07", iter(town.roll(range(1, 9))), on=date(2014, 8, 1), out_dir=tmp_path, **town.officers
    )
    assert sorted(len(town.request(batch).rows) for batch in batches) == [2, 2, 2, 2]
    town.check_books()


def test_the_same_roll_again_pays_nothing(town) -> None:
    town.pay([1, 2, 3])
    before = town.net("PENSION_FUND")
    assert len(town.pay([1, 2, 3, 4])) == 1
    assert town.findings() == [("payout.duplicate", 0)] * 3
    assert town.net("PENSION_FUND") == before - 1004
    assert town.pay([1], programme="farm-subsidy") == ["farm-subsidy-2014-07-103-001"]
    assert town.net(FARM_SUBSIDY.fund_account) == 100_000 - 1001


def test_twice_on_one_roll_is_paid_once(town) -> None:
    (batch,) = town.pay([1, 1])
    assert len(town.request(batch).rows) == 1
    assert town.findings() == [("payout.duplicate", 0)]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (("430102195001099999", "甲1", 1000), "payout.person"),
        (("1", "甲l", 1000), "payout.name"),
        (("1", "甲1", 0), "payout.amount"),
        (("1", "甲1", -5), "payout.amount"),
        (("1", "甲1", 100_000_01), "payout.amount"),
        (("1", "甲1", 10.5), "payout.amount"),
    ],
)
def test_a_line_that_does_not_match_is_one_finding(quick_town, line: tuple, code: str) -> None:
    number, name, amount = line
    number = quick_town.number(1) if number == "1" else number
    lines = [RollLine(number, name, amount), *quick_town.roll([2])]
    quick_town.fund(1002)
    (batch,) = quick_town.engine.pay(
        "pension", "2014-07", lines, on=date(2014, 8, 1), out_dir=quick_town.folder, **quick_town.officers
    )
    assert [row[3] for row in quick_town.request(batch).rows] == [quick_town.number(2)]
    assert quick_town.findings() == [(code, 0)]


@pytest.mark.parametrize(
    ("values", "paid"),
    [
        ({"account_state": int(CardState.SEALED)}, True),  # opened in bulk: it takes credits
        ({"account_state": int(CardState.SEALED), "issued_on": None}, True),
        ({"account_state": int(CardState.CANCELLED)}, False),
        ({"issued_on": None}, True),
        ({"account_state": int(CardState.LOST)}, True),
        ({"app_state": int(CardState.LOST)}, True),
    ],
)
def test_only_a_live_account_is_paid(town, values: dict, paid: bool) -> None:
    town.set_card(1, **values)
    assert bool(town.pay([1])) is paid
    assert town.findings() == ([] if paid else [("payout.card", 0)])


def test_the_new_card_is_paid_after_a_replacement(town) -> None:
    town.set_card(1, account_state=int(CardState.CANCELLED))
    with town.store.begin() as connection:
        town.give_card(connection, 1, "A90000001")
    assert len(town.pay([1])) == 1


@pytest.mark.parametrize("floor", [0, -(10**9)])
def test_a_fund_is_never_overdrawn(town, floor: int) -> None:
    """However low its account may fall: what it holds is all there is to pay."""
    engine = PayoutEngine(
        town.store,
        Ledger(town.store, bounds={AccountKind.PENSION_FUND: Bounds(floor_fen=floor)}),
        officers=town.registered,
    )
    town.fund(1000)
    order = {"on": date(2014, 8, 1), "out_dir": town.folder, **town.officers}
    with pytest.raises(FundsShort):
        engine.pay("pension", "2014-07", town.roll([1]), **order)
    assert (town.states(), town.net("PENSION_FUND")) == ({}, 1000)
    assert list(town.folder.glob("PAYREQ*")) == []
    town.ledger.post(Transfer("one more", "EXTERNAL:treasury", "PENSION_FUND", 1, "fund", "2014-07-02T00:00:00"))
    assert len(engine.pay("pension", "2014-07", town.roll([1]), **order)) == 1
    assert town.net("PENSION_FUND") == 0


def test_what_is_held_back_in_a_fund_is_not_paid_out(town) -> None:
    town.fund(1500)
    day, names = "2014-07-02T00:00:00", ("PENSION_FUND", "EXTERNAL:treasury")
    town.ledger.post(Transfer("held", *names, 500, "reserve", day, flags=TransferFlag.PENDING))
    order = {"on": date(2014, 8, 1), "out_dir": town.folder, **town.officers}
    with pytest.raises(FundsShort, match="PENSION_FUND"):
        town.engine.pay("pension", "2014-07", town.roll([1]), **order)
    assert (town.states(), town.net("PENSION_FUND")) == ({}, 1500)
    town.ledger.post(Transfer("freed", "", "", 0, "reserve", day, flags=TransferFlag.VOID_PENDING, pending_id="held"))
    assert len(town.engine.pay("pension", "2014-07", town.roll([1]), **order)) == 1


def test_wrong_calls(town) -> None:
    with pytest.raises(InvalidValue):
        town.pay([1], programme="lottery")
    with pytest.raises(InvalidValue):
        town.engine.pay("pension", "2014-13", [], on=date(2014, 8, 1), out_dir=town.folder, **town.officers)
    with pytest.raises(InvalidValue):
        Programme("Bad Code", "x", "F", AccountKind.PENSION_FUND)


def test_no_repr_shows_a_person(town) -> None:
    assert "1950" not in repr(town.roll([1]))
    assert "甲" not in repr(town.roll([1]))
