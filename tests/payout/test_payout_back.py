"""The way back: deaths corrected and withdrawn, deductions of lines not due, money from heirs, stopped releases."""

from datetime import date

import pytest
import sqlalchemy as sa

from sbcard_core.errors import InvalidValue
from sbcard_core.officers import ApprovalRefused
from sbcard_core.payout import (
    FundsShort,
    LineState,
    PayoutResultRefused,
    RecoveryMode,
    RecoveryRefused,
    RecoverySource,
    RollLineState,
    RollRefused,
    RollState,
    Standing,
)
from sbcard_core.store import schema
from sbcard_core.values import CardState, LifeStatus

DAY = date(2014, 8, 1)
LATER = date(2014, 11, 1)


def refused(code: str, kind: type[Exception] = RollRefused):
    return pytest.raises(kind, check=lambda error: error.code == code)


def drafted(town, period: str, lines) -> str:
    roll = town.engine.draft("pension", period, lines, on=LATER, by="d")
    for officer in "ab":
        town.engine.approve(roll.roll_no, town.by(officer), roll.digest, on=LATER)
    return roll.roll_no


def still_out(town) -> dict[str, int]:
    return {one.recovery_id: one.open_fen for one in town.engine.recoveries("pension")}


@pytest.fixture
def owing(town):
    """Person 1 was paid 1,001 too much in May, of which 300 were kept back from September, whose rest came back."""
    town.fund(1_000_000)
    (may,) = town.paid([1, 2], "2014-05")
    plan = {"mode": RecoveryMode.DEDUCTION, "monthly_fen": 300, "reason": "多发", "on": DAY}
    town.engine.recover("R1", (may, 1), 900, **plan)
    town.paid([1, 2], "2014-09", fail={1})
    assert still_out(town) == {"R1": 600}
    return town


def test_what_was_kept_back_from_a_month_that_was_not_due_counts_no_more(owing) -> None:
    report = owing.engine.death(owing.number(1), date(2014, 8, 25), on=date(2014, 9, 20))
    assert (report.cancelled, report.recoveries) == (1, ())
    assert still_out(owing) == {"R1": 900}
    status = owing.engine.status("pension-2014-09-R001")
    assert (status.removed_fen, status.recovered_fen, status.is_conserved) == (1001, 0, True)
    assert owing.engine.check("pension-2014-09-R001") == []
    assert owing.engine.death(owing.number(1), date(2014, 8, 25), on=date(2014, 9, 21)).cancelled == 0
    assert still_out(owing) == {"R1": 900}


def test_the_heirs_pay_what_is_still_out_under_a_decision(owing) -> None:
    owing.engine.death(owing.number(1), date(2014, 8, 25), on=date(2014, 9, 20))
    fund, bank = owing.net("PENSION_FUND"), owing.net("BANK_CLEARING:103")
    heirs = {"reference": "收1", "source": RecoverySource.HEIRS, "on": LATER}
    with pytest.raises(InvalidValue, match="decision"):
        owing.engine.receive("pension", "R1", 400, **heirs)
    assert owing.engine.receive("pension", "R1", 400, **heirs, decision="人社追〔2014〕3号") == 500
    assert owing.engine.receive("pension", "R1", 400, **heirs, decision="人社追〔2014〕3号") == 500  # booked once
    with refused("reference", RecoveryRefused):  # another sum, and another payer, under the same reference
        owing.engine.receive("pension", "R1", 399, **heirs, decision="人社追〔2014〕3号")
    with refused("reference", RecoveryRefused):
        owing.engine.receive("pension", "R1", 400, reference="收1", on=LATER)
    with refused("amount", RecoveryRefused):
        owing.engine.receive("pension", "R1", 501, reference="收2", on=LATER)
    assert (owing.net("PENSION_FUND"), owing.net("BANK_CLEARING:103")) == (fund + 400, bank)
    with owing.store.begin() as connection:
        entry = schema.payout_recovery_entry.c
        kept = connection.execute(sa.select(entry.source, entry.decision).where(entry.reference == "收1")).one()
    assert tuple(kept) == (RecoverySource.HEIRS, "人社追〔2014〕3号")
    assert owing.engine.status("pension-2014-05-R001").is_conserved


def test_two_recoveries_whose_ids_and_references_run_together_are_booked_both(owing) -> None:
    (batch,) = owing.paid([4, 5], "2014-06")
    for name, line in (("R", 1), ("R:1", 2)):
        owing.engine.recover(name, (batch, line), 100, mode=RecoveryMode.RETURN, reason="x", on=DAY)
    before = owing.net("PENSION_FUND")
    owing.engine.receive("pension", "R", 50, reference="1:2", on=DAY)
    owing.engine.receive("pension", "R:1", 50, reference="2", on=DAY)
    assert owing.net("PENSION_FUND") == before + 100


def test_a_later_day_of_death_lets_go_what_was_due(town) -> None:
    town.fund(1_000_000)
    who = town.number(1)
    for period in ("2014-08", "2014-09", "2014-10"):
        town.paid([1, 2], period)
    first = town.engine.death(who, date(2014, 8, 20), on=LATER)
    names = [f"death:pension-2014-{month}-103-001:1" for month in ("09", "10")]
    assert (list(first.recoveries), still_out(town)) == (names, dict.fromkeys(names, 1001))
    town.engine.receive("pension", names[0], 400, reference="b1", on=LATER)
    with pytest.raises(InvalidValue, match="decision"):  # another day is a correction
        town.engine.death(who, date(2014, 10, 25), on=LATER)
    assert still_out(town) == {names[0]: 601, names[1]: 1001}
    corrected = town.engine.death(who, date(2014, 10, 25), on=LATER, decision="更正〔2014〕1号")
    assert (list(corrected.withdrawn), corrected.recoveries) == (names, ())
    assert still_out(town) == dict.fromkeys(names, 0)
    (back,) = town.engine.held("pension")  # what had come in
    assert (back.id_number, back.amount_fen, back.item.rpartition(":")[2]) == (who, 400, "2014-09")
    assert [one.decision for one in town.engine.recoveries("pension")] == ["更正〔2014〕1号"] * 2
    earlier = town.engine.death(who, date(2014, 9, 30), on=LATER, decision="更正〔2014〕2号")
    assert list(earlier.recoveries) == [f"{names[1]}:2"]
    with town.store.begin() as connection:
        death = schema.payout_death.c
        rows = connection.execute(sa.select(death.died_on, death.decision).order_by(death.event_id))
        assert list(map(tuple, rows)) == [
            ("2014-08-20", ""), ("2014-10-25", "更正〔2014〕1号"), ("2014-09-30", "更正〔2014〕2号"),
        ]  # fmt: skip


def test_a_death_that_was_a_mistake_goes_back_line_by_line(town) -> None:
    """Paid, returned, on a roll not released, and kept back: each comes back its own way; person 2 is never touched."""
    town.fund(1_000_000)
    who = town.number(1)
    town.paid([1, 2], "2014-06")
    town.paid([1, 2], "2014-07", fail={1})
    waiting = town.ready([1, 2], period="2014-08")
    with pytest.raises(InvalidValue, match="no death"):
        town.engine.withdraw_death(who, decision="撤1", on=LATER)
    report = town.engine.death(who, date(2014, 5, 20), on=LATER)
    assert (report.removed, report.cancelled, len(report.recoveries)) == (1, 1, 1)
    (name,) = report.recoveries
    town.engine.receive("pension", name, 1001, reference="b", on=LATER)
    fund = town.net("PENSION_FUND")
    for nothing in ("", " ", "x" * 65, "a\nb"):
        with pytest.raises(InvalidValue, match="decision"):
            town.engine.withdraw_death(who, decision=nothing, on=LATER)
    back = town.engine.withdraw_death(who, decision="撤1", on=LATER)
    assert (back.held, back.payable, back.withdrawn, back.recoveries) == (1, 1, (name,), ())
    assert town.net("PENSION_FUND") == fund - 1001  # July is blocked again
    assert town.engine.withdraw_death(who, decision="撤1", on=LATER) == type(back)()  # again: nothing more
    due = {
        (line.item.partition(":")[0], line.item.rpartition(":")[2], line.amount_fen)
        for line in town.engine.held("pension")
    }
    assert due == {("back", "2014-06", 1001), ("held", "2014-08", 1001)}
    (again,) = town.engine.repay_returned("pension", "2014-07", on=LATER, out_dir=town.folder)
    assert [row[3] for row in town.request(again).rows] == [who]
    roll_no = drafted(town, "2014-11", town.engine.held("pension"))
    (batch,) = town.engine.release(roll_no, on=LATER, out_dir=town.folder)
    assert sorted((row[3], row[4]) for row in town.request(batch).rows) == [(who, "1001")] * 2
    assert list(town.engine.held("pension")) == []
    for roll_no in ("pension-2014-06-R001", "pension-2014-07-R001", waiting):
        assert town.engine.status(roll_no).is_conserved
        assert town.engine.check(roll_no) == []
    with town.store.begin() as connection:
        touched = connection.execute(
            sa.text("SELECT COUNT(*) FROM payout_roll_line WHERE person_id = 2 AND state <> 10")
        )
        assert touched.scalar_one() == 0


def test_a_closed_roll_opens_again_when_a_stopped_line_is_due_again(town) -> None:
    town.fund(100_000)
    town.paid([1, 2], "2014-07", fail={1})
    town.engine.death(town.number(1), date(2014, 5, 20), on=LATER)
    assert town.engine.close("pension-2014-07-R001", on=LATER).state is RollState.CLOSED
    town.engine.withdraw_death(town.number(1), decision="撤1", on=LATER)
    roll = town.engine.status("pension-2014-07-R001")
    assert (roll.roll.state, roll.roll.closed_on, roll.returned_fen) == (RollState.RELEASED, None, 1001)


def test_a_line_due_again_waits_for_its_fund(town) -> None:
    town.fund(2003)
    town.paid([1, 2], "2014-07", fail={1})
    town.engine.death(town.number(1), date(2014, 5, 20), on=LATER)
    drafted_no = drafted(town, "2014-09", [town.roll([2])[0]._replace(amount_fen=1001)])
    town.engine.release(drafted_no, on=LATER, out_dir=town.folder)
    assert town.net("PENSION_FUND") == 0
    before = town.everything()
    with pytest.raises(FundsShort):
        town.engine.withdraw_death(town.number(1), decision="撤1", on=LATER)
    assert town.everything() == before


def test_nothing_is_taken_from_a_dead_persons_account_without_the_banks_reply(town) -> None:
    town.fund(100_000)
    (batch,) = town.sent([1, 2], "2014-09")
    assert town.engine.death(town.number(1), date(2014, 8, 20), on=LATER).at_bank == 1
    books = town.ledger.totals()
    assert (still_out(town), town.ledger.totals()) == ({}, books)
    town.engine.read_result(town.answer(batch), on=LATER)
    books, bank = town.ledger.totals(), town.net("BANK_CLEARING:103")
    (name,) = town.engine.death(town.number(1), date(2014, 8, 20), on=LATER).recoveries
    assert (town.ledger.totals(), town.net("BANK_CLEARING:103")) == (books, bank)  # a claim, and no movement
    for nobody in ("", " "):
        with refused("reference", RecoveryRefused):
            town.engine.receive("pension", name, 1001, reference=nobody, on=LATER)
    town.engine.receive("pension", name, 1001, reference="回执7", on=LATER)
    assert town.net("BANK_CLEARING:103") == bank - 1001


def test_a_recovery_is_withdrawn_by_two_officers_and_a_decision(owing) -> None:
    waiting = owing.ready([1, 2], period="2014-10")
    assert owing.engine.status(waiting).recovered_fen == 300
    before = owing.everything()
    order = {"decision": "免〔2014〕1号", "on": LATER}
    for signers, code in (((), "count"), (("a",), "count"), (("a", "stranger"), "officer")):
        with refused(code, ApprovalRefused):
            owing.engine.withdraw_recovery("pension", "R1", **order, approved_by=[owing.by(one) for one in signers])
    both = [owing.by("a"), owing.by("b")]
    with pytest.raises(InvalidValue):
        owing.engine.withdraw_recovery("pension", "R1", decision="", on=LATER, approved_by=both)
    with refused("programme", RecoveryRefused):
        owing.engine.withdraw_recovery("farm-subsidy", "R1", **order, approved_by=both)
    assert owing.everything() == before
    owing.engine.withdraw_recovery("pension", "R1", **order, approved_by=both)
    status = owing.engine.status(waiting)
    assert (status.recovered_fen, status.unsent_fen, status.roll.state) == (0, 2003, RollState.DRAFTED)  # anew
    assert still_out(owing) == {"R1": 0}
    (back,) = owing.engine.held("pension")  # what September kept back
    assert (back.amount_fen, back.item.rpartition(":")[2]) == (300, "2014-09")
    after = owing.everything()
    owing.engine.withdraw_recovery("pension", "R1", **order, approved_by=both)
    with refused("withdrawn", RecoveryRefused):
        owing.engine.withdraw_recovery("pension", "R1", decision="免2", on=LATER, approved_by=both)
    assert owing.everything() == after
    assert owing.engine.payments(owing.number(1))[0].claimable_fen == 1001  # it may be claimed anew


def test_what_a_bank_sends_for_a_withdrawn_recovery_is_owed_again(town) -> None:
    town.fund(100_000)
    (batch,) = town.paid([1, 2], "2014-07")
    town.engine.recover("R1", (batch, 1), 500, mode=RecoveryMode.RETURN, reason="x", on=DAY)
    both = [town.by("a"), town.by("b")]
    town.engine.withdraw_recovery("pension", "R1", decision="免1", on=LATER, approved_by=both)
    assert town.engine.receive("pension", "R1", 500, reference="late", on=LATER) == 0
    with refused("amount", RecoveryRefused):
        town.engine.receive("pension", "R1", 1, reference="more", on=LATER)
    assert [line.amount_fen for line in town.engine.held("pension")] == [500]


def test_a_line_given_up_by_mistake_is_payable_again(town) -> None:
    town.fund(100_000)
    (batch,) = town.paid([1, 2], "2014-07", fail={1, 2})
    for _ in range(2):  # more than once
        before = town.net("PENSION_FUND")
        assert town.engine.cancel_returned("pension", [(batch, 1)], on=DAY) == 1
        assert town.net("PENSION_FUND") == before + 1001
        with refused("line", RecoveryRefused):
            town.engine.reinstate_returned("pension", [(batch, 1), (batch, 3)], on=DAY)
        with refused("programme", RecoveryRefused):
            town.engine.reinstate_returned("farm-subsidy", [(batch, 1)], on=DAY)
        assert town.engine.reinstate_returned("pension", [(batch, 1), (batch, 2)], on=DAY) == 1
        assert town.net("PENSION_FUND") == before
        town.check_books()
    (again,) = town.engine.repay_returned("pension", "2014-07", on=DAY, out_dir=town.folder)
    assert len(town.request(again).rows) == 2
    with refused("line", RecoveryRefused):  # it is at the bank again
        town.engine.reinstate_returned("pension", [(batch, 1)], on=DAY)


@pytest.mark.parametrize("bank", ["a/b", "103|", "1" * 200, "", "099", "工行", "10"])
def test_a_bank_no_file_can_name_is_refused_when_it_is_reported(town, bank: str) -> None:
    before = town.everything()
    with pytest.raises(InvalidValue):
        town.engine.tell(
            [Standing(town.number(1), bank=bank, account_no=town.account(1), account_state=CardState.NORMAL)], on=DAY
        )
    assert town.everything() == before


@pytest.mark.parametrize(
    "account", ["6.22848E+18", "", "62284800", "6228480000000000000x", "6228|48", "0" * 19, "账号"]
)
def test_an_account_no_bank_can_have_is_refused_wherever_it_comes_in(town, account: str) -> None:
    town.fund(100_000)
    town.paid([1, 2], "2014-07", fail={1})
    before = town.everything()
    with pytest.raises(InvalidValue):
        town.engine.tell(
            [Standing(town.number(1), bank="103", account_no=account, account_state=CardState.NORMAL)], on=DAY
        )
    both = [town.by("a"), town.by("b")]
    with pytest.raises(InvalidValue):
        town.engine.repay_returned(
            *("pension", "2014-07"),
            on=DAY,
            out_dir=town.folder,
            corrections={town.number(1): account},
            approved_by=both,
        )
    assert town.everything() == before


def test_an_unusable_account_of_the_registry_is_a_finding_of_the_draft(town) -> None:
    town.set_card(1, account_no="6.22848E+18")
    town.set_card(2, bank="1/3")
    roll = town.engine.draft("pension", "2014-07", town.roll([1, 2, 4]), on=DAY, by="d")
    assert [(one.line, one.code) for one in town.engine.refused(roll.roll_no)] == [
        (1, "payout.unusable"), (2, "payout.unusable"),
    ]  # fmt: skip
    assert town.engine.status(roll.roll_no).total_fen == 1004


def test_an_older_roll_with_an_unusable_bank_blocks_no_money(town) -> None:
    town.fund(100_000)
    roll_no = town.ready([1, 2, 3])
    line = schema.payout_roll_line
    with town.store.begin() as connection:  # a roll of an earlier version
        connection.execute(sa.update(line).where(line.c.line == 2).values(bank="1/3"))
        roll = connection.execute(sa.select(schema.payout_roll)).one()
        from sbcard_core.payout import rolls

        digest = rolls.digest(connection, rolls.load(connection, roll_no))
        connection.execute(sa.update(schema.payout_roll).values(digest=digest))
        connection.execute(sa.text("DELETE FROM approval"))
    assert roll.digest != digest
    for officer in "ab":
        town.engine.approve(roll_no, town.by(officer), digest, on=DAY)
    before = town.everything()
    with refused("unusable"):
        town.engine.release(roll_no, on=DAY, out_dir=town.folder)
    assert town.everything() == before


def test_a_release_that_stopped_on_the_way_is_withdrawn(new_town, store, tmp_path, monkeypatch) -> None:
    """What is at a bank stays there; the rest goes back to the fund, its people and what was kept back are free."""
    town = new_town(store, tmp_path, 8)
    town.fund(100_000)
    (may,) = town.paid([3], "2014-05")
    town.engine.recover("R1", (may, 1), 100, mode=RecoveryMode.DEDUCTION, monthly_fen=60, reason="x", on=DAY)
    fund = town.net("PENSION_FUND")
    roll_no = town.ready([1, 2, 3, 6])
    from sbcard_core.payout import release

    real = release.write_next

    def stops(books, heading, roll, bank, max_lines):
        if bank == "402":
            raise KeyboardInterrupt
        return real(books, heading, roll, bank, max_lines)

    monkeypatch.setattr(release, "write_next", stops)
    with pytest.raises(KeyboardInterrupt):
        town.engine.release(roll_no, on=DAY, out_dir=town.folder)
    monkeypatch.undo()
    assert town.engine.status(roll_no).roll.state is RollState.RELEASING
    for step in (
        lambda: town.engine.remove(roll_no, [1], reason="x"),
        lambda: town.engine.approve(roll_no, town.by("d"), town.engine.status(roll_no).roll.digest, on=DAY),
    ):
        with refused("state"):
            step()
    with refused("day"):
        town.engine.withdraw(roll_no)
    assert town.engine.withdraw(roll_no, on=DAY).state is RollState.RELEASED
    assert town.net("PENSION_FUND") == fund - 1001 - 1002
    status = town.engine.status(roll_no)
    assert (status.sent_fen, status.removed_fen, status.unsent_fen, status.recovered_fen) == (2003, 1003 + 1006, 0, 0)
    assert (town.engine.check(roll_no), still_out(town)) == ([], {"R1": 100})
    assert town.engine.release(roll_no, on=DAY, out_dir=town.folder) == []
    with refused("state"):
        town.engine.withdraw(roll_no, on=DAY)
    again = town.engine.draft("pension", "2014-07", town.roll([1, 3, 6]), on=DAY, by="d")
    assert town.engine.status(again.roll_no).total_fen == 1003 + 1006


def test_a_returned_line_goes_to_the_bank_and_account_known_now(town) -> None:
    """Reported, of a new card, unchanged, and none at all; what changed since the roll takes its officers."""
    town.fund(100_000)
    (batch,) = town.paid([1, 2, 4, 5], "2014-07", fail={1, 2, 3, 4})
    new = Standing(town.number(1), bank="105", account_no="6217000000000000001", account_state=CardState.NORMAL)
    town.engine.tell([new], on=DAY)
    town.set_card(2, account_state=int(CardState.CANCELLED))
    town.set_card(5, account_state=int(CardState.CANCELLED))
    with town.store.begin() as connection:
        town.give_card(connection, 2, "A90000002")
        card = schema.card
        fresh = {"account_no": "6228480000000000222", "issued_on": "2014-08-05", "bank": "104"}
        connection.execute(sa.update(card).where(card.c.card_no == "A90000002").values(fresh))
    order = {"on": DAY, "out_dir": town.folder}
    before = town.everything()
    with refused("count", ApprovalRefused):
        town.engine.repay_returned("pension", "2014-07", **order)
    assert town.everything() == before
    made = town.engine.repay_returned("pension", "2014-07", **order, approved_by=[town.by("a"), town.by("b")])
    went = {row[3]: (town.request(one).header["bank"], row[1]) for one in made for row in town.request(one).rows}
    assert went == {
        town.number(1): ("105", "6217000000000000001"),
        town.number(2): ("104", "6228480000000000222"),
        town.number(4): ("103", town.account(4)),
    }
    assert [one.seq for one in town.engine.returned("pension", "2014-07")] == [4]  # waits for an account
    assert [path.name for path in town.folder.glob("*-105-001.txt")] == ["PAYREQ_pension-2014-07-105-001.txt"]
    assert batch not in made


@pytest.mark.parametrize("spelling", ["{} ", " {}", "６{}", "{}\u200b", "6228 {}"])
def test_an_account_of_somebody_else_is_theirs_in_any_spelling(town, spelling: str) -> None:
    town.fund(100_000)
    town.paid([1, 2], "2014-07", fail={1})
    other = town.account(4)
    written = {"６{}": "６" + other[1:], "6228 {}": f"{other[:4]} {other[4:]}"}.get(spelling, spelling.format(other))
    both = [town.by("a"), town.by("b")]
    order = {"on": DAY, "out_dir": town.folder, "approved_by": both}
    before = town.everything()
    with refused("account"):
        town.engine.repay_returned("pension", "2014-07", **order, corrections={town.number(1): written})
    assert town.everything() == before


def test_a_correction_names_a_bank_too(town) -> None:
    from sbcard_core.payout import Account

    town.fund(100_000)
    town.paid([1, 2], "2014-07", fail={1})
    order = {"on": DAY, "out_dir": town.folder, "approved_by": [town.by("a"), town.by("b")]}
    with pytest.raises(InvalidValue):
        town.engine.repay_returned(
            "pension", "2014-07", **order, corrections={town.number(1): Account("6217000000000000009", "1|5")}
        )
    new = {town.number(1): Account("6217000000000000009", "105")}
    (batch,) = town.engine.repay_returned("pension", "2014-07", **order, corrections=new)
    assert (batch, town.request(batch).rows[0][1]) == ("pension-2014-07-105-001", "6217000000000000009")


def test_periods_of_unlike_forms_are_ordered_by_time(town) -> None:
    town.fund(1_000_000)
    for period in ("2013", "2014-Q3", "2015-H1"):
        town.paid([1, 2], period)
    assert town.engine.death(town.number(1), date(2016, 1, 5), on=date(2016, 2, 1)).recoveries == ()
    corrected = town.engine.death(town.number(1), date(2014, 12, 31), on=date(2016, 2, 1), decision="更正1")
    assert corrected.recoveries == ("death:pension-2015-H1-103-001:1",)
    town.engine.suspend("pension", town.number(5), since="2015-10", reason="x", on=DAY)
    town.engine.suspend("pension", town.number(4), since="2015-Q2", reason="x", on=DAY)
    town.engine.resume("pension", town.number(4), since="2015-09")
    held = {}
    for period in ("2015-Q1", "2015-Q2", "2015-Q3", "2015-08", "2015-09", "2015-Q4", "2015", "2016"):
        roll = town.engine.draft("pension", period, town.roll([5, 4]), on=date(2016, 1, 4), by="d")
        held[period] = town.engine.status(roll.roll_no).held_fen
        town.engine.withdraw(roll.roll_no)
    assert held == {
        "2015-Q1": 0, "2015-Q2": 1004, "2015-Q3": 1004, "2015-08": 1004, "2015-09": 0, "2015-Q4": 1005,
        "2015": 1005 + 1004, "2016": 1005,
    }  # fmt: skip


def test_the_pay_day_is_the_period_s_own(town) -> None:
    days = {
        (period, on): town.engine.draft("pension", period, town.roll([1]), on=on, by="d").pay_on
        for period, on in (
            ("2014-10", date(2014, 9, 1)),
            ("2014-08", date(2014, 8, 4)),
            ("2014-06", date(2014, 8, 20)),  # it has gone by
            ("2014-Q4", date(2014, 9, 1)),
        )
    }
    assert list(days.values()) == ["2014-10-15", "2014-08-15", "2014-08-20", "2014-12-15"]


def test_a_year_without_a_published_calendar_is_paid_on_a_named_day(town) -> None:
    from sbcard_core.calendar import UnknownYear, known_years

    year = known_years()[-1] + 2
    on = date(year, 3, 1)
    with pytest.raises(UnknownYear):
        town.engine.draft("pension", f"{year}-03", town.roll([1]), on=on, by="d")
    roll = town.engine.draft("pension", f"{year}-03", town.roll([1]), on=on, by="d", pay_on=date(year, 3, 14))
    assert roll.pay_on == f"{year}-03-14"


def test_a_notice_in_a_year_without_a_published_calendar_ends_on_a_named_day(town) -> None:
    from sbcard_core.calendar import UnknownYear, known_years

    year = known_years()[-1] + 2
    on = date(year, 3, 1)
    roll = town.engine.draft("farm-subsidy", str(year), town.roll([1]), on=on, by="d")
    for officer in "ab":
        town.engine.approve(roll.roll_no, town.by(officer), roll.digest, on=on)
    with pytest.raises(UnknownYear):
        town.engine.notice(roll.roll_no, on=on)
    with refused("notice"):
        town.engine.notice(roll.roll_no, on=on, until=date(year, 2, 28))
    assert town.engine.notice(roll.roll_no, on=on, until=date(year, 3, 12)).notice_until == f"{year}-03-12"


def test_a_suspension_holds_lines_of_rolls_not_yet_released(town) -> None:
    town.fund(100_000)
    (may,) = town.paid([1], "2014-05")
    town.engine.recover("R1", (may, 1), 500, mode=RecoveryMode.DEDUCTION, monthly_fen=300, reason="x", on=DAY)
    waiting, other = town.ready([1, 2], period="2014-07"), town.ready([1, 2], period="2014-06")
    gone = town.ready([1, 2], period="2014-04")
    town.engine.release(gone, on=DAY, out_dir=town.folder)
    aid = town.engine.draft("farm-subsidy", "2014", town.roll([1]), on=DAY, by="d")
    assert town.engine.suspend("pension", town.number(1), since="2014-07", reason="未认证", on=DAY) == 1
    status = town.engine.status(waiting)
    assert (status.held_fen, status.total_fen, status.roll.state) == (1001, 2003, RollState.DRAFTED)
    assert town.engine.status(other).roll.state is RollState.APPROVED  # June is due
    assert (town.engine.status(gone).held_fen, town.engine.status(aid.roll_no).held_fen) == (0, 0)
    assert still_out(town) == {"R1": 500 - 200}  # June keeps 200 back; July's 300 are given back
    with refused("approval"):
        town.engine.release(waiting, on=DAY, out_dir=town.folder)
    town.engine.resume("pension", town.number(1), since="2014-08")
    assert [(line.item, line.amount_fen) for line in town.engine.held("pension")] == [("held:2014-07", 1001)]


def test_an_answer_of_which_nothing_can_be_read_is_not_taken(town) -> None:
    town.fund(100_000)
    (batch,) = town.sent([1, 2], "2014-07")
    good = town.answer(batch).read_bytes()
    path = town.folder / "RES.txt"
    path.write_bytes(good.replace(b"|1001|", b"|1,001|").replace(b"|1002|", b"|10.02|"))
    before = town.everything()
    with refused("unreadable", PayoutResultRefused):
        town.engine.read_result(path, on=DAY)
    assert town.everything() == before
    path.write_bytes(
        good.replace(b"|1001|00|", b"|1001|68|").replace(b"|1002|00|", b"|1002|68|").replace(b"T|2|2|2003", b"T|2|0|0")
    )
    report = town.engine.read_result(path, on=DAY)  # read, and it says nothing for certain
    assert (report.unknown, town.states()) == (2, {LineState.UNKNOWN: 2003})


@pytest.mark.parametrize(
    "standing",
    [
        {"living": LifeStatus.NORMAL, "died_on": date(2014, 7, 1)},
        {"living": LifeStatus.MISSING, "died_on": date(2014, 7, 1)},
        {"living": LifeStatus.DEAD, "died_on": date(2014, 8, 2)},
    ],
)
def test_a_standing_that_contradicts_itself_is_refused(town, standing: dict[str, object]) -> None:
    before = town.everything()
    with pytest.raises(InvalidValue):
        town.engine.tell([Standing(town.number(1), **standing)], on=DAY)
    assert town.everything() == before


def test_a_death_is_not_ended_by_a_standing(town) -> None:
    who = town.number(1)
    town.engine.death(who, date(2014, 7, 1), on=DAY)
    account = {"bank": "103", "account_no": town.account(1), "account_state": CardState.NORMAL}
    for living in (LifeStatus.NORMAL, LifeStatus.MISSING):
        with pytest.raises(InvalidValue, match="reported"):
            town.engine.tell([Standing(town.number(2)), Standing(who, living, **account)], on=DAY)
    roll = town.engine.draft("pension", "2014-09", town.roll([1, 2]), on=DAY, by="d")
    assert town.engine.status(roll.roll_no).refused == 1
    town.engine.withdraw_death(who, decision="撤1", on=DAY)
    town.engine.tell([Standing(who, **account)], on=DAY)


def test_the_day_of_a_reported_death_is_changed_by_a_decision_alone(town) -> None:
    town.fund(100_000)
    who, died_on = town.number(1), date(2014, 7, 1)
    town.engine.death(who, died_on, on=DAY)
    before = town.everything()
    with pytest.raises(InvalidValue, match="2014-07-01"):
        town.engine.tell([Standing(town.number(2)), Standing(who, LifeStatus.DEAD, date(2014, 7, 31))], on=DAY)
    assert town.everything() == before
    for named in (died_on, None):  # a list without days takes none away: the month of death is still due
        town.engine.tell([Standing(who, LifeStatus.DEAD, named)], on=DAY)
        with town.store.begin() as connection:
            assert connection.execute(sa.text("SELECT died_on FROM payout_standing")).scalar_one() == "2014-07-01"
    rolls = [town.engine.draft("pension", month, town.roll([1]), on=DAY, by="d") for month in ("2014-07", "2014-08")]
    assert [town.engine.status(roll.roll_no).refused for roll in rolls] == [0, 1]
    town.engine.withdraw_death(who, decision="撤1", on=DAY)
    town.engine.tell([Standing(who, LifeStatus.DEAD, date(2014, 7, 31))], on=DAY)  # nothing is reported any more


def test_a_held_line_that_death_made_undue_is_no_back_pay(town) -> None:
    who = town.number(1)
    town.engine.suspend("pension", who, since="2014-05", reason="x", on=DAY)
    for period in ("2014-05", "2014-06", "2014-07"):
        town.ready([1, 2], period=period)
    town.engine.resume("pension", who, since="2014-08")
    assert [line.item for line in town.engine.held("pension")] == [f"held:2014-0{n}" for n in (5, 6, 7)]
    town.engine.death(who, date(2014, 6, 10), on=DAY)
    assert [line.item for line in town.engine.held("pension")] == ["held:2014-05", "held:2014-06"]
    with town.store.begin() as connection:
        line = schema.payout_roll_line.c
        states = connection.execute(sa.select(line.state).where(line.person_id == 1).order_by(line.roll_id)).scalars()
        assert list(states) == [RollLineState.HELD, RollLineState.HELD, RollLineState.DIED]
