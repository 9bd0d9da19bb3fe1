"""All stages in any order against a plain oracle: after every step each roll and the books are what it says."""

import os
import shutil
import tempfile
from datetime import date
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sbcard_core.hosts import bankfile
from sbcard_core.payout import LineState, PayoutResultRefused, RecoveryMode, RollRefused, RollState
from sbcard_core.store import Store, schema

PEOPLE, DAY = 6, date(2014, 8, 15)
PERIODS = ("2014-06", "2014-07", "2014-08")
who = st.integers(1, PEOPLE)


def outcome(work, *arguments, **named):
    """What a call returns, or the code of its refusal."""
    try:
        return work(*arguments, **named)
    except (RollRefused, PayoutResultRefused) as error:
        return error.code


class Oracle:
    """One roll in plain dictionaries: what is to be sent, what was sent in which batch, where each sent fen is."""

    def __init__(self, period: str) -> None:
        self.period = period
        self.lines: dict[int, tuple[int, int, int]] = {}  # line: person, gross, kept back
        self.removed = self.held = 0
        self.approved: set[str] = set()
        self.released = self.withdrawn = False
        self.total = 0
        self.people: set[int] = set()
        self.sent: dict[tuple[str, int], list[object]] = {}  # batch and seq: person, fen, state
        self.recovered = 0

    def fen(self, *states: LineState) -> int:
        return sum(fen for _, fen, state in self.sent.values() if state in states)


class Machine(RuleBasedStateMachine):
    """Every rule does one thing to the engine and the same to the oracle."""

    town_class: type
    url = "sqlite://"

    @initialize()
    def start(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.store = Store.open(self.url)
        self.town = self.town_class(self.store, self.folder, PEOPLE, max_lines=2)
        self.town.fund(10_000_000)
        self.engine = self.town.engine
        self.rolls: dict[str, Oracle] = {}
        self.claims: set[tuple[str, int]] = set()
        self.held: set[int] = set()
        self.debts: dict[str, list[int]] = {}  # id: person, left, monthly
        self.answered: list[Path] = []
        self.returns: set[str] = set()
        self.serial = 0

    def teardown(self) -> None:
        if hasattr(self, "store"):
            if self.url != "sqlite://":
                schema.metadata.drop_all(self.store.engine)
            self.store.close()
            shutil.rmtree(self.folder)

    @rule(period=st.sampled_from(PERIODS), people=st.lists(who, min_size=1, max_size=PEOPLE), by=st.integers(1, 5))
    def draft(self, period: str, people: list[int], by: int) -> None:
        self.serial += 1  # an amount of its own, so that no roll is another one handed in again
        lines = [line._replace(amount_fen=line.amount_fen * by + self.serial) for line in self.town.roll(people)]
        roll = self.engine.draft("pension", period, lines, on=DAY, by="draft")
        there = self.rolls[roll.roll_no] = Oracle(period)
        for number, (person, line) in enumerate(zip(people, lines, strict=True), 1):
            if (period, person) in self.claims:
                continue
            self.claims.add((period, person))
            there.people.add(person)
            there.total += line.amount_fen
            if person in self.held:
                there.held += line.amount_fen
                continue
            kept = 0
            for name in sorted(self.debts):
                owner, left, monthly = self.debts[name]
                part = min(left, monthly, line.amount_fen - kept) if owner == person else 0
                self.debts[name][1] -= part
                kept += part
            there.lines[number] = (person, line.amount_fen, kept)

    def open(self) -> list[str]:
        return [name for name, roll in self.rolls.items() if not roll.released and not roll.withdrawn]

    @precondition(lambda self: self.open())
    @rule(data=st.data(), officer=st.sampled_from(["a", "b", "d", "draft"]))
    def approve(self, data: st.DataObject, officer: str) -> None:
        name = data.draw(st.sampled_from(self.open()))
        digest = self.engine.status(name).roll.digest
        done = outcome(self.engine.approve, name, self.town.by(officer), digest, on=DAY)
        if officer == "draft":
            assert done == "officer"
        else:
            self.rolls[name].approved.add(officer)

    @precondition(lambda self: self.open())
    @rule(data=st.data())
    def approve_and_release(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.open()))
        for officer in "ab":
            self.engine.approve(name, self.town.by(officer), self.engine.status(name).roll.digest, on=DAY)
            self.rolls[name].approved.add(officer)
        self._release(name)

    @precondition(lambda self: any(not self.debts and self.rolls[name].lines for name in self.open()))
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([name for name in self.open() if self.rolls[name].lines]))
        roll = self.rolls[name]
        number = data.draw(st.sampled_from(sorted(roll.lines)))
        self.engine.remove(name, [number], reason="error")
        person, gross, _ = roll.lines.pop(number)
        roll.removed += gross
        roll.approved.clear()
        self.claims.discard((roll.period, person))
        roll.people.discard(person)

    @precondition(lambda self: any(not self.debts for _ in self.open()))
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self.open()))
        roll = self.rolls[name]
        self.engine.withdraw(name)
        self.claims -= {(roll.period, person) for person in roll.people}
        roll.removed, roll.held, roll.lines, roll.withdrawn = roll.total, 0, {}, True

    @precondition(lambda self: self.open())
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self._release(data.draw(st.sampled_from(self.open())))

    def _release(self, name: str) -> None:
        roll = self.rolls[name]
        made = outcome(self.engine.release, name, on=DAY, out_dir=self.folder)
        if len(roll.approved) < 2:
            assert made == "approval"
            return
        roll.released = True
        due = sorted((person, gross - kept) for person, gross, kept in roll.lines.values() if gross > kept)
        sent = [(n, int(row[4]), batch, int(row[0])) for batch in made for n, row in self._rows(batch)]
        assert sorted((person, fen) for person, fen, _, _ in sent) == due
        for person, fen, batch, seq in sent:
            roll.sent[batch, seq] = [person, fen, LineState.SENT]

    def _rows(self, batch: str) -> list[tuple[int, tuple[str, ...]]]:
        number = {self.town.number(n): n for n in range(1, PEOPLE + 1)}
        return [(number[row[3]], row) for row in self.town.request(batch).rows]

    def in_state(self, *states: LineState) -> list[tuple[Oracle, tuple[str, int]]]:
        return [(roll, key) for roll in self.rolls.values() for key, row in roll.sent.items() if row[2] in states]

    @rule(period=st.sampled_from(PERIODS), by=st.integers(1, 5), fates=st.sampled_from(["rr", "pr", "mp", "pp"]))
    def month(self, period: str, by: int, fates: str) -> None:
        """A whole month up to the lines paid again, so that long ways are walked often."""
        before = set(self.rolls)
        self.draft(period, list(range(1, PEOPLE + 1)), by)
        (name,) = self.rolls.keys() - before
        for officer in "ab":
            self.engine.approve(name, self.town.by(officer), self.engine.status(name).roll.digest, on=DAY)
            self.rolls[name].approved.add(officer)
        self._release(name)
        for batch in sorted({key[0] for key in self.rolls[name].sent}):
            self._answer(batch, list(fates), 1)
        self.repay(period)

    @precondition(lambda self: self.in_state(LineState.SENT))
    @rule(data=st.data(), fates=st.lists(st.sampled_from("prm"), min_size=2, max_size=2), wrong=st.integers(0, 5))
    def answer(self, data: st.DataObject, fates: list[str], wrong: int) -> None:
        self._answer(
            data.draw(st.sampled_from(sorted({key[0] for _, key in self.in_state(LineState.SENT)}))), fates, wrong
        )

    def _answer(self, batch: str, fates: list[str], wrong: int) -> None:
        asked = self.town.request(batch)
        rows, sums = [], {"paid": 0, "paid_fen": 0, "returned": 0, "returned_fen": 0}
        fate = dict(zip([int(row[0]) for row in asked.rows], fates, strict=False))
        for seq, account, _, _, amount, _ in asked.rows:
            good = fate[int(seq)] == "p"
            if fate[int(seq)] == "m":
                continue
            rows.append((seq, account, amount, "00" if good else "21", "" if good else "户名不符"))
            sums["paid" if good else "returned"] += 1
            sums["paid_fen" if good else "returned_fen"] += int(amount)
        path = self.folder / f"RES{len(self.answered)}.txt"
        path.unlink(missing_ok=True)
        header = {"batch_no": batch, "bank": asked.header["bank"], "date": "20140816"}
        if wrong == 0:
            bankfile.write(path, bankfile.PAYOUT_RESULT, header, rows, sums | {"paid_fen": sums["paid_fen"] + 1})
            assert outcome(self.engine.read_result, path, on=DAY) == ("totals" if rows else "empty")
        bankfile.write(path, bankfile.PAYOUT_RESULT, header, rows, sums)
        if not rows:  # it answers nothing: the lines are still at the bank
            assert outcome(self.engine.read_result, path, on=DAY) == "empty"
            return
        assert not self.engine.read_result(path, on=DAY).repeated
        self.answered.append(path)
        word = {"p": LineState.PAID, "r": LineState.RETURNED, "m": LineState.UNKNOWN}
        for roll in self.rolls.values():
            for key, row in roll.sent.items():
                if key[0] == batch:
                    row[2] = word[fate[key[1]]]

    @precondition(lambda self: self.answered)
    @rule(data=st.data())
    def answer_again(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(self.answered))
        assert self.engine.read_result(path, on=DAY).repeated

    @precondition(lambda self: self.in_state(LineState.UNKNOWN))
    @rule(data=st.data(), good=st.booleans())
    def confirm(self, data: st.DataObject, good: bool) -> None:
        roll, (batch, seq) = data.draw(st.sampled_from(self.in_state(LineState.UNKNOWN)))
        row = next(row for row in self.town.request(batch).rows if row[0] == str(seq))
        line = (row[0], row[1], row[4], "00" if good else "21", "")
        sums = {"paid": int(good), "paid_fen": int(row[4]) * good}
        sums |= {"returned": int(not good), "returned_fen": int(row[4]) * (not good)}
        path = self.folder / "CNF.txt"
        header = {"batch_no": batch, "bank": batch.split("-")[-2], "date": "20140817"}
        path.unlink(missing_ok=True)
        bankfile.write(path, bankfile.PAYOUT_CONFIRMATION, header, [line], sums)
        report = self.engine.read_result(path, on=DAY)
        assert (report.paid, report.returned) == (int(good), int(not good))
        roll.sent[batch, seq][2] = LineState.PAID if good else LineState.RETURNED

    @rule(period=st.sampled_from(PERIODS))
    def repay(self, period: str) -> None:
        made = self.engine.repay_returned("pension", period, on=DAY, out_dir=self.folder)
        back = [
            (r, key)
            for r, key in self.in_state(LineState.RETURNED)
            if r.period == period and r.sent[key][0] not in self.held  # who is suspended waits
        ]
        again = sorted((n, int(row[4])) for batch in made for n, row in self._rows(batch))
        assert again == sorted((r.sent[key][0], r.sent[key][1]) for r, key in back)
        owners = {}
        for roll, key in back:
            roll.sent[key][2] = LineState.REPAID
            owners[roll.sent[key][0]] = roll  # one line per person and period
        for batch in made:
            for person, row in self._rows(batch):
                owners[person].sent[batch, int(row[0])] = [person, int(row[4]), LineState.SENT]

    @precondition(lambda self: self.in_state(LineState.RETURNED))
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        roll, key = data.draw(st.sampled_from(self.in_state(LineState.RETURNED)))
        assert self.engine.cancel_returned("pension", [key], on=DAY) == 1
        roll.sent[key][2] = LineState.CANCELLED

    @rule(person=who)
    def suspend(self, person: int) -> None:
        lines = [
            (roll, number) for name in self.open() for roll in [self.rolls[name]] for number in sorted(roll.lines)
            if roll.lines[number][0] == person
        ]  # fmt: skip
        if any(roll.lines[number][2] for roll, number in lines):
            return  # what was kept back is given back: the recovery's own test looks at that
        self.engine.suspend("pension", self.town.number(person), since="2014-06", reason="x", on=DAY)
        if person in self.held:
            return
        self.held.add(person)
        for roll, number in lines:
            roll.held += roll.lines.pop(number)[1]
            roll.approved.clear()

    @precondition(lambda self: self.in_state(LineState.PAID))
    @rule(data=st.data(), share=st.integers(1, 3), plan=st.booleans())
    def recover(self, data: st.DataObject, share: int, plan: bool) -> None:
        roll, key = data.draw(st.sampled_from(self.in_state(LineState.PAID)))
        person, fen, _ = roll.sent[key]
        name = f"R-{key[0]}-{key[1]}"
        if name in self.debts or name in self.returns:
            return
        part = int(fen) // share
        mode = RecoveryMode.DEDUCTION if plan else RecoveryMode.RETURN
        monthly = part // 2 + 1 if plan else 0
        self.engine.recover(name, key, part, mode=mode, monthly_fen=monthly, reason="x", on=DAY)
        if plan:
            self.debts[name] = [int(person), part, monthly]
        else:
            self.returns.add(name)
            self.engine.receive("pension", name, part, reference="bank", on=DAY)
            roll.recovered += part

    @precondition(lambda self: any(roll.released for roll in self.rolls.values()))
    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from([name for name, roll in self.rolls.items() if roll.released]))
        left = self.rolls[name].fen(LineState.SENT, LineState.RETURNED, LineState.UNKNOWN)
        done = outcome(self.engine.close, name, on=DAY)
        assert done == "open" if left else done.state is RollState.CLOSED

    @invariant()
    def every_fen_is_where_the_oracle_says(self) -> None:
        if not hasattr(self, "town"):
            return
        for name, roll in self.rolls.items():
            status = self.engine.status(name)
            kept = sum(line[2] for line in roll.lines.values())
            unsent = 0 if roll.released else sum(gross - cut for _, gross, cut in roll.lines.values())
            assert status.is_conserved
            assert status.total_fen == roll.total
            assert status.unsent_fen == unsent
            assert status.sent_fen == roll.fen(LineState.SENT)
            assert status.returned_fen == roll.fen(LineState.RETURNED)
            assert status.unknown_fen == roll.fen(LineState.UNKNOWN)
            assert status.paid_fen == roll.fen(LineState.PAID) - roll.recovered
            assert status.recovered_fen == kept + roll.recovered
            assert status.removed_fen == roll.removed + roll.fen(LineState.CANCELLED)
            assert status.held_fen == roll.held
            assert self.engine.check(name) == []
        for name, (_, left, _) in self.debts.items():
            assert self.engine.still_out(name) == left
        debits, credits = self.town.ledger.totals()
        assert debits == credits
        assert self.town.ledger.recompute() == []
        every = self.rolls.values()
        assert self.town.net("SUSPENSE") == sum(roll.fen(LineState.UNKNOWN) for roll in every)
        paid = sum(roll.fen(LineState.PAID) - roll.recovered for roll in every)
        assert self.town.net("BANK_CLEARING:103") + self.town.net("BANK_CLEARING:402") == paid


def run(machine: type[Machine], town_class: type, examples: int, steps: int) -> None:
    machine.town_class = town_class
    case = machine.TestCase
    case.settings = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )
    case().runTest()


def test_stages_in_any_order(new_town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: None)  # nobody pulls the plug here
    run(Machine, new_town, 8, 25)


def test_stages_in_any_order_on_postgresql(new_town, postgres_url: str) -> None:
    class OnPostgres(Machine):
        url = postgres_url

    run(OnPostgres, new_town, 2, 20)


@pytest.mark.soak
def test_stages_in_any_order_for_long(new_town) -> None:
    run(Machine, new_town, 500, 50)
