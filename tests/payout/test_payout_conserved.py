"""Any sequence of reports, corrections, withdrawals, returns and recoveries conserves what is owed to each person."""

import contextlib
import os
import shutil
import tempfile
from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sbcard_core.calendar import Period
from sbcard_core.errors import Refused, SBCardError
from sbcard_core.hosts import bankfile
from sbcard_core.payout import PENSION, LineState, RecoveryMode, RecoverySource, RollLine
from sbcard_core.payout.due import is_due, period_of
from sbcard_core.store import Store

PEOPLE = (1, 2)
PERIODS = tuple(f"2014-{month:02d}" for month in range(6, 11))
LATE = ("2014-11", "2014-12", "2015-01", "2015-02", "2015-03", "2015-04")
DEATHS = (date(2014, 5, 20), date(2014, 7, 20), date(2014, 8, 31), date(2014, 9, 1), date(2014, 10, 25))
ON = date(2014, 12, 1)
MONTH_DUE = 10_000

person = st.sampled_from(PEOPLE)
step = st.one_of(
    st.tuples(st.just("roll"), st.sampled_from(PERIODS), st.booleans()),
    st.tuples(st.just("release")),
    st.tuples(st.just("answer"), st.sampled_from(["pp", "pr", "rp", "rr", "pm", "mp"])),
    st.tuples(st.just("confirm"), st.booleans()),
    st.tuples(st.just("death"), person, st.sampled_from(DEATHS)),
    st.tuples(st.just("alive"), person),
    st.tuples(st.just("suspend"), person, st.sampled_from(PERIODS)),
    st.tuples(st.just("resume"), person, st.sampled_from(PERIODS)),
    st.tuples(st.just("recover"), st.integers(0, 9), st.integers(1, 3), st.booleans()),
    st.tuples(st.just("receive"), st.integers(0, 9), st.integers(1, 2), st.booleans()),
    st.tuples(st.just("forgive"), st.integers(0, 9)),
    st.tuples(st.just("repay")),
    st.tuples(st.just("give_up"), st.integers(0, 9)),
    st.tuples(st.just("reinstate"), st.integers(0, 9)),
    st.tuples(st.just("withdraw")),
    st.tuples(st.just("arrears")),
)


class Walk:
    """One bureau; each step may be refused, and then changes nothing."""

    def __init__(self, town) -> None:
        self.town, self.engine, self.serial = town, town.engine, 0
        town.fund(100_000_000)

    def go(self, name: str, *arguments: object) -> None:
        with contextlib.suppress(Refused):
            getattr(self, name)(*arguments)

    def rows(self, query: str, **values: object) -> list[tuple[object, ...]]:
        with self.town.store.begin() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query), values)]

    def lines(self, *states: LineState) -> list[tuple[str, int]]:
        wanted = ", ".join(str(int(state)) for state in states)
        found = self.rows(f"SELECT batch_no, seq FROM payout_line WHERE state IN ({wanted}) ORDER BY batch_no, seq")
        return [(str(batch), int(seq)) for batch, seq in found]

    def open_rolls(self) -> list[str]:
        return [str(row[0]) for row in self.rows("SELECT roll_no FROM payout_roll WHERE state < 40 ORDER BY roll_id")]

    def roll(self, period: str, arrears: bool) -> None:
        self.serial += 1
        people = [RollLine(self.town.number(n), f"甲{n}", MONTH_DUE + n) for n in PEOPLE]
        extra = list(self.engine.held("pension")) if arrears else []
        self.engine.draft("pension", period, [*people, *extra], on=ON, by="d")

    def arrears(self) -> None:
        waiting = list(self.engine.held("pension"))
        if waiting:
            self.serial += 1
            self.engine.draft("pension", LATE[self.serial % len(LATE)], waiting, on=ON, by="d")

    def release(self) -> None:
        for roll_no in self.open_rolls()[:1]:
            digest = self.engine.status(roll_no).roll.digest
            for officer in "ab":
                self.engine.approve(roll_no, self.town.by(officer), digest, on=ON)
            self.engine.release(roll_no, on=ON, out_dir=self.town.folder)

    def withdraw(self) -> None:
        for roll_no in self.open_rolls()[:1]:
            self.engine.withdraw(roll_no, on=ON)

    def answer(self, fates: str) -> None:
        sent = [batch for batch, _ in self.lines(LineState.SENT)]
        for batch in sent[:1]:
            self._answer(batch, fates)

    def _answer(self, batch: str, fates: str) -> None:
        asked = self.town.request(batch)
        fate = {row[0]: fates[at % 2] for at, row in enumerate(asked.rows)}
        if "p" not in fate.values() and "r" not in fate.values():
            fate = dict.fromkeys(fate, "p")
        fail = {int(seq) for seq, one in fate.items() if one == "r"}
        drop = {int(seq) for seq, one in fate.items() if one == "m"}
        self.engine.read_result(self.town.answer(batch, fail=fail, drop=drop, name=f"RES-{batch}.txt"), on=ON)

    def confirm(self, good: bool) -> None:
        for batch, seq in self.lines(LineState.UNKNOWN)[:1]:
            row = next(row for row in self.town.request(batch).rows if row[0] == str(seq))
            sums = {"paid": int(good), "paid_fen": int(row[4]) * good}
            sums |= {"returned": int(not good), "returned_fen": int(row[4]) * (not good)}
            header = {"batch_no": batch, "bank": batch.split("-")[-2], "date": "20141201"}
            path = self.town.folder / f"CNF-{batch}-{seq}.txt"
            line = (row[0], row[1], row[4], "00" if good else "21", "")
            bankfile.write(path, bankfile.PAYOUT_CONFIRMATION, header, [line], sums)
            self.engine.read_result(path, on=ON)

    def death(self, who: int, day: date) -> None:
        self.engine.death(self.town.number(who), day, on=ON, decision="更正1号")

    def alive(self, who: int) -> None:
        with contextlib.suppress(SBCardError):  # nobody reported a death
            self.engine.withdraw_death(self.town.number(who), decision="撤销1号", on=ON)

    def suspend(self, who: int, since: str) -> None:
        self.engine.suspend("pension", self.town.number(who), since=since, reason="x", on=ON)

    def resume(self, who: int, since: str) -> None:
        self.engine.resume("pension", self.town.number(who), since=since)

    def recover(self, which: int, share: int, plan: bool) -> None:
        paid = self.lines(LineState.PAID)
        if paid:
            self.serial += 1
            fen = MONTH_DUE // (share + 1)
            how = {"mode": RecoveryMode.DEDUCTION, "monthly_fen": fen // 2} if plan else {"mode": RecoveryMode.RETURN}
            which_line = paid[which % len(paid)]
            self.engine.recover(f"R{self.serial}", which_line, fen, **how, reason="多发", on=ON)

    def receive(self, which: int, share: int, heirs: bool) -> None:
        there = [one for one in self.engine.recoveries("pension") if one.open_fen]
        if there:
            self.serial += 1
            one = there[which % len(there)]
            how = {"source": RecoverySource.HEIRS, "decision": "收款1号"} if heirs else {}
            fen = max(one.open_fen // share, 1)
            self.engine.receive("pension", one.recovery_id, fen, reference=f"b{self.serial}", on=ON, **how)

    def forgive(self, which: int) -> None:
        there = [one for one in self.engine.recoveries("pension") if one.withdrawn_on is None and one.reason != "death"]
        if there:
            one = there[which % len(there)]
            signers = [self.town.by("a"), self.town.by("b")]
            order = {"decision": "免追1号", "on": ON, "approved_by": signers}
            self.engine.withdraw_recovery("pension", one.recovery_id, **order)

    def repay(self) -> None:
        for period in (*PERIODS, *LATE):
            self.engine.repay_returned("pension", period, on=ON, out_dir=self.town.folder)

    def give_up(self, which: int) -> None:
        back = self.lines(LineState.RETURNED)
        if back:
            self.engine.cancel_returned("pension", [back[which % len(back)]], on=ON)

    def reinstate(self, which: int) -> None:
        back = self.lines(LineState.CANCELLED)
        if back:
            self.engine.reinstate_returned("pension", [back[which % len(back)]], on=ON)

    # --- the end: everything is answered, sent again, collected --------------------------------------------------

    def settle(self) -> None:
        for who in PEOPLE:
            self.go("resume", who, PERIODS[0])
        before: object = None
        while (now := self.everything()) != before:
            before = now
            self.go("arrears")
            while self.open_rolls():
                self.release()
            while self.lines(LineState.CANCELLED):
                self.reinstate(0)
            self.go("repay")
            while sent := self.lines(LineState.SENT):
                self._answer(sent[0][0], "pp")
            while self.lines(LineState.UNKNOWN):
                self.confirm(True)
            for who, died_on in self.deaths().items():
                if died_on is not None:
                    self.death(who, died_on)
            while any(one.open_fen for one in self.engine.recoveries("pension")):
                self.receive(0, 1, True)

    def everything(self) -> object:
        lines = self.rows("SELECT batch_no, seq, state FROM payout_line")
        claims = self.rows("SELECT roll_id, line, state FROM payout_roll_line WHERE state < 50")
        return sorted(lines), sorted(claims), self.engine.recoveries("pension")

    def deaths(self) -> dict[int, date | None]:
        found = {int(who): day for who, day in self.rows("SELECT person_id, died_on FROM payout_standing")}
        return {who: date.fromisoformat(found[who]) if found.get(who) else None for who in PEOPLE}

    def check(self) -> None:
        for (roll_no,) in self.rows("SELECT roll_no FROM payout_roll"):
            assert self.engine.status(roll_no).is_conserved
            assert self.engine.check(roll_no) == []
        assert self.town.ledger.recompute() == []
        debits, credits = self.town.ledger.totals()
        assert debits == credits
        unknown = self.rows(f"SELECT SUM(amount_fen) FROM payout_line WHERE state = {int(LineState.UNKNOWN)}")
        assert self.town.net("SUSPENSE") == (unknown[0][0] or 0)

    def got(self, who: int) -> int:
        """What a person has: credits, less what the bank or the heirs gave back."""
        paid = f"SELECT SUM(amount_fen) FROM payout_line WHERE person_id = :who AND state = {int(LineState.PAID)}"
        back = (
            "SELECT SUM(e.amount_fen) FROM payout_recovery_entry e JOIN payout_recovery r "
            "ON r.recovery_id = e.recovery_id WHERE r.person_id = :who AND e.source <> 1"
        )
        return int(self.rows(paid, who=who)[0][0] or 0) - int(self.rows(back, who=who)[0][0] or 0)

    def waiting(self, who: int, died_on: date | None) -> int:
        """Arrears that a death keeps from being sent: listed, or stopped on their way."""
        number = self.town.number(who)
        fen = sum(line.amount_fen for line in self.engine.held("pension", number))
        stopped = (
            "SELECT s.amount_fen, l.item, r.period FROM payout_line s "
            "JOIN payout_roll_line l ON l.roll_id = s.roll_id AND l.line = s.roll_line "
            f"JOIN payout_roll r ON r.roll_id = l.roll_id "
            f"WHERE s.state = {int(LineState.STOPPED)} AND s.person_id = :who"
        )
        for amount, item, period in self.rows(stopped, who=who):
            kept = is_due(PENSION, period_of(item, period), died_on) and not is_due(PENSION, Period(period), died_on)
            fen += int(amount) if kept else 0
        return fen

    def owed(self, who: int, died_on: date | None) -> int:
        """What the periods on rolls owe a person, less what was decided to be taken back of them."""
        claims = (
            "SELECT DISTINCT r.period FROM payout_roll_line l JOIN payout_roll r ON r.roll_id = l.roll_id "
            "WHERE l.person_id = :who AND l.item = '' "
            "AND (l.state < 50 OR (l.state = 52 AND r.state <> 70))"
        )
        due = [p for (p,) in self.rows(claims, who=who) if is_due(PENSION, period_of("", p), died_on)]
        taken = 0
        decided = (
            "SELECT c.amount_fen, l.item, r.period FROM payout_recovery c "
            "JOIN payout_line s ON s.batch_no = c.batch_no AND s.seq = c.seq "
            "JOIN payout_roll_line l ON l.roll_id = s.roll_id AND l.line = s.roll_line "
            "JOIN payout_roll r ON r.roll_id = l.roll_id "
            "WHERE c.person_id = :who AND c.withdrawn_on IS NULL AND NOT c.by_death"
        )
        for amount, item, period in self.rows(decided, who=who):
            taken += int(amount) if is_due(PENSION, period_of(item, period), died_on) else 0
        return len(due) * (MONTH_DUE + who) - taken


def walk(town_class: type, steps: list[tuple[object, ...]], url: str = "sqlite://") -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        with Store.open(url) as store:
            there = Walk(town_class(store, folder, max(PEOPLE)))
            for name, *arguments in steps:
                there.go(str(name), *arguments)
                there.check()
            there.settle()
            there.check()
            for who, died_on in there.deaths().items():
                assert there.got(who) + there.waiting(who, died_on) == there.owed(who, died_on), who
            for (roll_no,) in there.rows("SELECT roll_no FROM payout_roll"):
                assert there.engine.status(str(roll_no)).outstanding_fen == 0
    finally:
        shutil.rmtree(folder)


PAID = (("roll", "2014-06", False), ("release",), ("answer", "pp"), ("answer", "pp"))
OVERPAID = (*PAID, ("recover", 0, 1, True), ("roll", "2014-09", False), ("release",))
SENT_BACK = (("arrears",), ("release",), ("answer", "pp"))
WAYS = (
    (*OVERPAID, ("answer", "rr"), ("answer", "rr"), ("death", 1, DEATHS[2]), ("alive", 1)),
    (*OVERPAID, ("answer", "rr"), ("answer", "rr"), ("death", 1, DEATHS[2])),
    (*OVERPAID, ("answer", "pp"), ("death", 1, DEATHS[2]), ("receive", 0, 2, False), ("alive", 1)),
    (*PAID, ("death", 1, DEATHS[0]), ("receive", 0, 1, True), ("alive", 1), ("arrears",), ("death", 1, DEATHS[0])),
    (*PAID, ("death", 1, DEATHS[0]), ("receive", 0, 1, True), ("alive", 1), *SENT_BACK, ("death", 1, DEATHS[0])),
    (*PAID, ("recover", 0, 2, True), ("roll", "2014-07", False), ("forgive", 0), ("withdraw",)),
    (*PAID, ("recover", 0, 2, True), ("roll", "2014-07", False), ("forgive", 0), ("arrears",), ("withdraw",)),
    (*PAID, ("roll", "2014-07", False), ("release",), ("answer", "rr"), ("death", 1, DEATHS[0]), ("alive", 1)),
    (*OVERPAID, ("forgive", 0), *SENT_BACK, ("death", 1, DEATHS[1])),
    (("suspend", 1, "2014-06"), *PAID, ("resume", 1, "2014-07"), ("arrears",), ("release",), ("death", 1, DEATHS[0])),
    (("roll", "2014-09", False), ("death", 1, DEATHS[1]), ("release",), ("alive", 1), *SENT_BACK),
    (*PAID, ("roll", "2014-09", False), ("death", 1, DEATHS[4]), ("release",), ("death", 1, DEATHS[1])),
)


@pytest.mark.parametrize("steps", WAYS)
def test_what_is_owed_is_conserved_on_a_way(new_town, monkeypatch: pytest.MonkeyPatch, steps: tuple) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    walk(new_town, list(steps))


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(step, max_size=20))
def test_what_is_owed_is_conserved(new_town, steps: list[tuple[object, ...]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda handle: None)
        walk(new_town, steps)
