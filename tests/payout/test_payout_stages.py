"""Stages one by one: four eyes, the notice, exclusions, triple check, suspension, death, recovery, confirmation."""

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from sbcard_core.errors import InvalidValue
from sbcard_core.hosts import bankfile
from sbcard_core.ledger import AccountKind
from sbcard_core.payout import (
    Adjustment,
    Claim,
    Entitlement,
    Exclusion,
    FundsShort,
    Head,
    LifeStatus,
    LineState,
    PayoutResultRefused,
    PensionPayout,
    Programme,
    RecoveryMode,
    RecoveryRefused,
    RollLine,
    RollRefused,
    RollState,
    Standing,
    SubsidyPayout,
    pay_day,
)
from sbcard_core.payout.pension import month_lines
from sbcard_core.store import Store
from sbcard_core.values import CardState

DAY = date(2014, 8, 1)
AID = Programme("aid", "救助金", "FISCAL_PROGRAMME:aid", AccountKind.FISCAL_PROGRAMME, approvals=2, notice_days=7)
PLAIN = Programme("plain", "补贴", "FISCAL_PROGRAMME:plain", AccountKind.FISCAL_PROGRAMME)


def refused(code: str):
    return pytest.raises(RollRefused, check=lambda error: error.code == code)


def paid(town, roll_no: str, **answer: object) -> None:
    """Release a roll and let the bank answer all of it."""
    for batch_no in town.engine.release(roll_no, on=DAY, out_dir=town.folder):
        town.engine.read_result(town.answer(batch_no, **answer), on=DAY)


def test_two_officers_approve_what_they_saw(town) -> None:
    roll = town.engine.draft("pension", "2014-07", town.roll([1, 2]), on=DAY, by="zhang")
    town.fund(10_000)
    with refused("approval"):
        town.engine.release(roll.roll_no, on=DAY, out_dir=town.folder)
    with refused("officer"):
        town.engine.approve(roll.roll_no, town.by("zhang"), roll.digest, on=DAY)
    with refused("digest"):
        town.engine.approve(roll.roll_no, town.by("li"), "0" * 64, on=DAY)
    for _ in range(2):  # an officer counts once
        town.engine.approve(roll.roll_no, town.by("li"), roll.digest, on=DAY)
    with refused("approval"):
        town.engine.release(roll.roll_no, on=DAY, out_dir=town.folder)
    assert town.engine.approve(roll.roll_no, town.by("wang"), roll.digest, on=DAY).state is RollState.APPROVED
    changed = town.engine.remove(roll.roll_no, [2], reason="error")
    assert changed.state is RollState.DRAFTED
    assert changed.digest != roll.digest
    with refused("approval"):
        town.engine.release(roll.roll_no, on=DAY, out_dir=town.folder)
    assert town.net("PENSION_FUND") == 10_000
    for name in ("li", "wang"):
        town.engine.approve(roll.roll_no, town.by(name), changed.digest, on=DAY)
    paid(town, roll.roll_no)
    status = town.engine.status(roll.roll_no)
    assert (status.paid_fen, status.removed_fen, status.total_fen) == (1001, 1002, 2003)
    assert town.engine.close(roll.roll_no, on=DAY).state is RollState.CLOSED
    assert town.engine.check(roll.roll_no) == []


def test_a_stored_line_changed_behind_the_approval_stops_the_release(town) -> None:

    town.fund(10_000)
    roll_no = town.ready([1, 2])
    with town.store.begin() as connection:
        connection.execute(sa.text("UPDATE payout_roll_line SET gross_fen = gross_fen + 1 WHERE line = 2"))
    with refused("digest"):
        town.engine.release(roll_no, on=DAY, out_dir=town.folder)
    assert town.net("PENSION_FUND") == 10_000


def test_the_fund_must_hold_the_whole_roll(town) -> None:
    town.fund(2002)
    roll_no = town.ready([1, 2])
    with pytest.raises(FundsShort):
        town.engine.release(roll_no, on=DAY, out_dir=town.folder)
    assert list(town.folder.glob("PAYREQ*")) == []
    assert town.engine.status(roll_no).roll.state is RollState.APPROVED


def test_the_public_notice(town) -> None:
    town.fund(10_000, AID.fund_account)
    roll = town.engine.draft(AID, "2014", town.roll([1, 2, 3]), on=DAY, by="draft")
    with refused("state"):
        town.engine.notice(roll.roll_no, on=DAY)
    for officer in "ab":
        town.engine.approve(roll.roll_no, town.by(officer), roll.digest, on=DAY)
    with refused("notice"):
        town.engine.release(roll.roll_no, on=DAY, out_dir=town.folder)
    shown = town.engine.notice(roll.roll_no, on=date(2014, 9, 26))
    assert shown.notice_until == "2014-10-11"  # the holiday of October lies between, 28 September is worked
    assert all("*" in line.id_number for line in town.engine.notice_lines(roll.roll_no))
    with refused("notice"):
        town.engine.object(roll.roll_no, 2, by="neighbour", reason="moved away", on=date(2014, 10, 12))
    changed = town.engine.object(roll.roll_no, 2, by="neighbour", reason="moved away", on=date(2014, 10, 9))
    with refused("approval"):
        town.engine.release(roll.roll_no, on=date(2014, 10, 13), out_dir=town.folder)
    for officer in "ab":
        town.engine.approve(roll.roll_no, town.by(officer), changed.digest, on=date(2014, 10, 10))
    with refused("notice"):
        town.engine.release(roll.roll_no, on=date(2014, 10, 11), out_dir=town.folder)
    made = town.engine.release(roll.roll_no, on=date(2014, 10, 13), out_dir=town.folder)
    assert [row[3] for batch in made for row in town.request(batch).rows] == [town.number(1), town.number(3)]


def test_name_account_and_number_agree(town) -> None:
    good, bad = town.account(1), town.account(3)
    lines = [RollLine(town.number(1), "甲1", 5, good), RollLine(town.number(2), "甲2", 5, bad)]
    roll = town.engine.draft(PLAIN, "2014-07", lines, on=DAY)
    assert town.engine.status(roll.roll_no).refused == 1
    assert town.findings() == [("payout.account", 0)]
    town.set_card(4, account_no=town.account(3))  # one account, two names: neither is paid
    town.engine.draft(PLAIN, "2014-08", town.roll([3, 4, 5]), on=DAY)
    assert town.findings()[1:] == [("payout.account_shared", 0)] * 2


def test_programmes_that_exclude_each_other(new_town, store: Store, tmp_path: Path) -> None:
    rule = Exclusion(frozenset({"aid", "plain"}))
    town = new_town(store, tmp_path, 4, exclusions=[rule])
    town.engine.draft(AID, "2014-07", town.roll([1, 2]), on=DAY, by="d")
    other = town.engine.draft(PLAIN, "2014-07", town.roll([2, 3]), on=DAY)
    assert town.findings() == [("payout.excluded", 0)]
    assert town.engine.status(other.roll_no).total_fen == 1003
    town.engine.draft(PLAIN, "2014-08", town.roll([2]), on=DAY)
    assert len(town.findings()) == 1


def test_a_withdrawn_roll_frees_its_people(town) -> None:
    first = town.engine.draft("pension", "2014-07", town.roll([1, 2]), on=DAY, by="d")
    town.engine.withdraw(first.roll_no)
    second = town.engine.draft("pension", "2014-07", town.roll([1, 2]), on=DAY, by="d")
    assert second.roll_no != first.roll_no
    assert town.engine.status(second.roll_no).total_fen == 2003
    assert town.findings() == []


def test_states_handed_in(town) -> None:
    handed = Standing(town.number(2), bank="105", account_no="6228999999999", account_state=CardState.NORMAL)
    shut = Standing(town.number(3), bank="105", account_no="6228999999998", account_state=CardState.CANCELLED)
    town.engine.tell([handed, shut, Standing(town.number(1), LifeStatus.MISSING)], on=DAY)
    town.set_card(2, account_state=int(CardState.CANCELLED))
    town.fund(10_000, PLAIN.fund_account)
    (batch,) = town.engine.pay(PLAIN, "2014-07", town.roll([1, 2, 3]), on=DAY, out_dir=town.folder)
    assert [(row[1], row[3]) for row in town.request(batch).rows] == [("6228999999999", town.number(2))]
    assert town.findings() == [("payout.living", 0), ("payout.card", 0)]
    with pytest.raises(InvalidValue):
        town.engine.tell([Standing(town.number(1), bank="105")], on=DAY)


def test_payments_after_death_are_stopped_and_recovered(town) -> None:
    town.fund(100_000)
    for period, answer in (("2014-05", {}), ("2014-06", {}), ("2014-07", {"fail": {1}})):
        paid(town, town.ready([1, 2], period=period), **answer)
    waiting = town.ready([1, 2], period="2014-08")
    before = town.net("PENSION_FUND")
    report = town.engine.death(town.number(1), date(2014, 5, 20), on=DAY)
    assert (report.removed, report.cancelled, report.at_bank) == (1, 1, 0)
    assert report.recoveries == ("death:pension-2014-06-103-001:1",)
    assert town.net("PENSION_FUND") == before + 1001
    assert town.engine.status(waiting).total_fen == 1001 + 1002
    assert town.engine.status(waiting).removed_fen == 1001
    (name,) = report.recoveries
    assert town.engine.receive("pension", name, 400, reference="b1", on=DAY) == 601
    assert town.engine.receive("pension", name, 400, reference="b1", on=DAY) == 601
    with pytest.raises(RecoveryRefused):
        town.engine.receive("pension", name, 602, reference="b2", on=DAY)
    assert town.engine.receive("pension", name, 601, reference="b2", on=DAY) == 0
    june = town.engine.status("pension-2014-06-R001")
    assert (june.paid_fen, june.recovered_fen, june.is_conserved) == (1002, 1001, True)
    assert town.engine.death(town.number(1), date(2014, 5, 20), on=DAY).recoveries == ()
    town.engine.draft("pension", "2014-09", town.roll([1]), on=DAY, by="d")
    assert town.findings()[-1] == ("payout.living", 0)
    assert town.ledger.recompute() == []


def test_an_overpayment_is_kept_back_in_parts(town) -> None:
    town.fund(100_000)
    paid(town, town.ready([1], period="2014-05"))
    order = {"mode": RecoveryMode.DEDUCTION, "monthly_fen": 400, "reason": "多发", "on": DAY}
    for _ in range(2):
        town.engine.recover("R1", ("pension-2014-05-103-001", 1), 700, **order)
    with pytest.raises(RecoveryRefused):
        town.engine.recover("R2", ("pension-2014-05-103-001", 1), 302, **order)
    june = town.ready([1, 2], period="2014-06")
    paid(town, june)
    assert (town.engine.status(june).paid_fen, town.engine.status(june).recovered_fen) == (1001 - 400 + 1002, 400)
    july = town.ready([1], period="2014-07")
    assert town.engine.still_out("R1") == 0
    town.engine.remove(july, [1], reason="error")  # what is not paid is not kept back
    assert town.engine.still_out("R1") == 300
    august = town.ready([1], period="2014-08")
    paid(town, august)
    assert town.engine.status(august).paid_fen == 701
    town.check_books()


def test_unknown_ends_only_by_the_bank_s_word(town) -> None:
    town.fund(100_000)
    town.engine.release(town.ready(range(1, 9)), on=DAY, out_dir=town.folder)
    first = "pension-2014-07-103-001"
    town.engine.read_result(town.answer(first, drop={1, 2}), on=DAY)
    assert town.engine.repay_returned("pension", "2014-07", on=DAY, out_dir=town.folder) == []
    asked = town.engine.inquire("pension", "2014-07", on=DAY, out_dir=town.folder)
    assert [path.name for path in asked] == [f"PAYINQ_{first}.txt", "PAYINQ_pension-2014-07-402-001.txt"]
    rows = bankfile.read(asked[0], bankfile.PAYOUT_INQUIRY).rows
    assert [row[0] for row in rows] == ["1", "2"]

    def confirm(batch_no: str, *lines: tuple[str, ...], **totals: int):
        path = town.folder / "CNF.txt"
        sums = {"paid": 0, "paid_fen": 0, "returned": 0, "returned_fen": 0}
        header = {"batch_no": batch_no, "bank": "103", "date": "20140803"}
        path.unlink(missing_ok=True)
        bankfile.write(path, bankfile.PAYOUT_CONFIRMATION, header, lines, sums | totals)
        return town.engine.read_result(path, on=DAY)

    one, two = ("1", town.account(1), "1001", "00", ""), ("2", town.account(2), "1002", "21", "户名不符")
    for code, lines, totals in (
        ("totals", [one], {"paid": 1}),
        ("line", [one, one], {"paid": 2, "paid_fen": 2002}),
        ("line", [("1", town.account(1), "1000", "00", "")], {"paid": 1, "paid_fen": 1000}),
        ("contradiction", [("3", town.account(4), "1004", "21", "")], {"returned": 1, "returned_fen": 1004}),
    ):
        with pytest.raises(PayoutResultRefused) as error:
            confirm(first, *lines, **totals)
        assert error.value.code == code
    with pytest.raises(PayoutResultRefused) as error:
        confirm("pension-2014-07-402-001", one)
    assert error.value.code == "bank"
    assert town.states()[LineState.UNKNOWN] == 2003
    report = confirm(first, one, two, paid=1, paid_fen=1001, returned=1, returned_fen=1002)
    assert (report.paid, report.returned) == (1, 1)
    assert confirm(first, one, two, paid=1, paid_fen=1001, returned=1, returned_fen=1002).repeated
    town.check_books()
    (again,) = town.engine.repay_returned("pension", "2014-07", on=DAY, out_dir=town.folder)
    assert [row[3] for row in town.request(again).rows] == [town.number(2)]
    with refused("open"):
        town.engine.close("pension-2014-07-R001", on=DAY)


def test_the_pay_day_moves_before_holidays(town) -> None:
    from sbcard_core.payout import PENSION

    assert [pay_day(PENSION, f"2014-{month:02d}").day for month in (6, 7, 11)] == [13, 15, 14]
    first_of_october = Programme("x", "x", "F", AccountKind.PENSION_FUND, pay_day=3)
    assert pay_day(first_of_october, "2014-10") == date(2014, 9, 30)
    roll = town.engine.draft("pension", "2014-11", town.roll([1]), on=date(2014, 11, 3), by="d")
    assert roll.pay_on == "2014-11-14"


def test_pension_months_with_back_pay(town) -> None:
    plus = Adjustment("plus", since="2014-05", decided_in="2014-07", per_mille=100)
    people = [Entitlement(town.number(n), f"甲{n}", 10_005, since="2014-06" if n == 2 else "2010-01") for n in (1, 2)]
    lines = list(month_lines(people, [plus], "2014-07"))
    assert [(line.id_number, line.amount_fen, line.item) for line in lines] == [
        (town.number(1), 11_006, ""),
        (town.number(1), 1_001, "plus:2014-05"),
        (town.number(1), 1_001, "plus:2014-06"),
        (town.number(2), 11_006, ""),
        (town.number(2), 1_001, "plus:2014-06"),
    ]
    assert [line.amount_fen for line in month_lines(people, [plus], "2014-08")] == [11_006] * 2
    assert [line.amount_fen for line in month_lines(people, [plus], "2014-06")] == [10_005] * 2
    pension = PensionPayout(town.engine)
    roll = pension.month("2014-07", people, adjustments=[plus], on=DAY, by="d")
    assert town.engine.status(roll.roll_no).total_fen == 2 * 11_006 + 3 * 1_001


def test_a_household_is_paid_once_to_its_head(town) -> None:
    from sbcard_core.payout import LAND_SUBSIDY

    town.fund(1_000_000, LAND_SUBSIDY.fund_account)
    claims = [
        Claim(town.number(1), "甲1", 1_500, "H1", "鹤岭镇"),
        Claim(town.number(2), "甲2", 500, "H1", "鹤岭镇"),
        Claim(town.number(3), "甲3", 333, "H2", "鹤岭镇"),
        Claim(town.number(4), "甲4", 100, "H3", "鹤岭镇"),
    ]
    heads = {"H1": Head(town.number(2), "甲2"), "H2": Head(town.number(3), "甲3")}
    subsidy = SubsidyPayout(town.engine)
    order = {"rate_fen": 10_025, "heads": heads, "on": DAY, "by": "d"}
    roll = subsidy.draft(LAND_SUBSIDY, "2014", claims, **order)
    assert [(line.amount_fen, line.area) for line in town.engine.notice_lines(roll.roll_no)] == [
        (20_050, "鹤岭镇"),
        (3_338, "鹤岭镇"),
    ]
    assert town.findings() == [("payout.person", 0)]  # nobody heads H3
    other = subsidy.draft(LAND_SUBSIDY, "2014", claims[:1], **order | {"heads": {"H1": Head(town.number(5), "甲5")}})
    assert town.engine.status(other.roll_no).total_fen == 0  # another head, the same household
    assert town.findings()[1:] == [("payout.duplicate", 0)]


def test_progress_is_told(new_town, store: Store, tmp_path: Path) -> None:
    told = []
    town = new_town(store, tmp_path, 8, max_lines=2, progress=told.append)
    town.pay(range(1, 9))
    assert [(step.stage, step.done, step.total) for step in told if step.stage == "release"] == [
        ("release", 2, 8),
        ("release", 4, 8),
        ("release", 6, 8),
        ("release", 8, 8),
    ]


def test_itemised_books_hold_every_line(new_town, store: Store, tmp_path: Path) -> None:
    town = new_town(store, tmp_path, 8, itemised=True)
    town.pay(range(1, 9))
    town.engine.read_result(town.answer("pension-2014-07-103-001", fail={1}, drop={2}), on=DAY)
    names = [f"payout:pension-2014-07-103-001:{seq}" for seq in range(1, 7)]
    assert {name[-1]: t.code for name, t in town.ledger.transfers(names).items()} == {
        "2": "payout.unknown",
        **dict.fromkeys("3456", "payout.paid"),
    }
    town.check_books()


def test_the_request_file_can_be_written_again(town) -> None:
    (batch,) = town.pay([1, 2])
    path = town.folder / f"PAYREQ_{batch}.txt"
    before = path.read_bytes()
    path.unlink()
    assert town.engine.write_again(batch, town.folder).read_bytes() == before
