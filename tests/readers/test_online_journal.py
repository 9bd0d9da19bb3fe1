"""The journal of a terminal and its trace numbers."""

import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readers.errors import ReaderError
from readers.journal import FileJournal, MemoryJournal, Traces
from readers.online import (
    MAX_TRACE,
    BankRequest,
    Entry,
    Journal,
    Kind,
    State,
)
from tests.readers.shop import ACCOUNT, AT, Shop

PROGRAM = """
import sys, time
from datetime import datetime
from pathlib import Path
from readers.errors import ReaderError
from readers.journal import FileJournal, Traces
from readers.online import BankRequest, Entry, Kind, State

class Slow(FileJournal):
    def _read_on(self):
        super()._read_on()
        time.sleep(0.002)  # between the check of a number and its entry

journal, fen, written = Slow(Path(sys.argv[1])), int(sys.argv[2]), 0
traces, at = Traces(journal), datetime.fromisoformat("2014-07-31")
while written < 25:
    request = BankRequest(Kind.WITHDRAWAL, "430100000001", next(traces), at, "622200000000", fen)
    try:
        journal.write(Entry(request, State.STARTED))
    except ReaderError:
        continue
    written += 1
"""


class TestJournal:
    def test_a_file_holds_no_pin_and_survives_a_cut(self, shop: Shop, tmp_path: Path) -> None:
        path = tmp_path / "atm.jsonl"
        done = shop.atm(journal=FileJournal(path)).withdraw(10_000, AT)
        text = path.read_text("utf-8")
        assert done.request.pin_block.hex() not in text
        assert "pin" not in text
        assert [entry.state for entry in FileJournal(path).entries()] == [State.DONE]
        whole = path.read_bytes()
        lines = whole.count(b"\n")
        for cut in range(len(whole)):
            path.write_bytes(whole[:cut])
            journal = FileJournal(path)
            assert len(journal.entries()) == (1 if whole[: cut + 1].count(b"\n") else 0)
            journal.write(done)
            assert FileJournal(path).entries()[0].state is State.DONE
        assert lines == 3

    @pytest.mark.parametrize(
        "damage",
        [bytes(200), b"\xff\xfe", b"[]", b"null", b"{}", b'{"request": 1}', b"hello", b'{"state": "DONE"}'],
    )
    def test_a_damaged_line_is_refused_by_its_number_and_never_passed_over(
        self, shop: Shop, tmp_path: Path, damage: bytes
    ) -> None:
        path = tmp_path / "atm.jsonl"
        shop.atm(journal=FileJournal(path)).withdraw(10_000, AT)
        first, second, third, end = path.read_bytes().split(b"\n")
        path.write_bytes(b"\n".join((first, damage, third, end)))
        with pytest.raises(ReaderError, match=r"line 2 of the journal atm\.jsonl") as refused:
            FileJournal(path)
        assert (refused.value.__cause__, ACCOUNT in str(refused.value)) == (None, False)
        assert path.read_bytes() == b"\n".join((first, damage, third, end))
        path.write_bytes(b"\n".join((first, second.replace("出钞中".encode(), "出钞".encode()), third, end)))
        with pytest.raises(ReaderError, match="line 2"):
            FileJournal(path)

    def test_traces_go_around_and_skip_open_ones(self) -> None:
        journal = MemoryJournal()

        def entry(number: int, state: State) -> Entry:
            return Entry(BankRequest(Kind.WITHDRAWAL, "430100000001", number, AT, ACCOUNT), state)

        journal.write(entry(999_999, State.DONE))
        journal.write(entry(1, State.REVERSING))
        traces = Traces(journal)
        assert [next(traces), next(traces)] == [2, 3]

    def test_a_restored_journal_goes_on_behind_the_last_transaction_around_the_wrap(self, tmp_path: Path) -> None:
        for journal in (MemoryJournal(), FileJournal(tmp_path / "a.jsonl")):
            for number in (999_998, 999_999, 1, 2):
                journal.write(Entry(BankRequest(Kind.WITHDRAWAL, "430100000001", number, AT, ACCOUNT), State.DONE))
            assert next(Traces(journal)) == 3
        assert next(Traces(FileJournal(tmp_path / "a.jsonl"))) == 3

    @given(
        st.integers(MAX_TRACE - 6, MAX_TRACE),
        st.lists(st.tuples(st.sampled_from(State), st.booleans(), st.integers(0, 9)), max_size=24),
        st.booleans(),
    )
    def test_no_number_comes_again_before_all_others_but_open_ones(
        self, first: int, steps: list[tuple[State, bool, int]], in_file: bool
    ) -> None:
        """Whatever state transactions are left in, whichever ends later, and wherever the machine starts anew."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "journal.jsonl"
            journal: Journal = FileJournal(path) if in_file else MemoryJournal()
            journal.write(Entry(BankRequest(Kind.BALANCE, "430100000001", first, AT, ACCOUNT), State.DONE))
            traces, last, entries = Traces(journal), first, dict[int, Entry]()
            for second, (state, restarts, ends) in enumerate(steps):
                if restarts:
                    journal = FileJournal(path) if in_file else journal
                    traces = Traces(journal)
                if ends in entries:  # an older transaction comes to its end: it is not the last one by that
                    entries[ends] = replace(entries[ends], state=State.DONE)
                    journal.write(entries[ends])
                number = next(traces)
                assert number == last % MAX_TRACE + 1
                at = AT + timedelta(seconds=second)
                entry = Entry(BankRequest(Kind.WITHDRAWAL, "430100000001", number, at, ACCOUNT), State.STARTED)
                for one in (entry, replace(entry, state=state)):
                    journal.write(one)
                entries[number], last = one, number

    def test_a_number_that_is_still_open_is_passed_over_by_a_machine_that_runs_on(self) -> None:
        journal = MemoryJournal()
        journal.write(Entry(BankRequest(Kind.WITHDRAWAL, "430100000001", 999_999, AT, ACCOUNT), State.DONE))
        traces = Traces(journal)
        journal.write(Entry(BankRequest(Kind.WITHDRAWAL, "430100000001", 1, AT, ACCOUNT), State.REVERSING))
        assert next(traces) == 2

    def test_what_another_program_appends_is_seen(self, tmp_path: Path) -> None:
        """Its entries, and its trace numbers: two programs on one journal never use one for two transactions."""
        path = tmp_path / "a.jsonl"
        one, two = FileJournal(path), FileJournal(path)
        traces, others = Traces(one), Traces(two)

        def entry(number: int, fen: int) -> Entry:
            return Entry(BankRequest(Kind.WITHDRAWAL, "430100000001", number, AT, ACCOUNT, fen), State.STARTED)

        first = entry(next(traces), 100)
        one.write(first)
        assert two.entries() == [first]
        assert next(others) == 2
        taken = next(traces)
        two.write(entry(2, 200))
        with pytest.raises(ReaderError, match="another program"):
            one.write(entry(taken, 300))
        assert next(traces) == 3
        two.write(replace(first, state=State.REVERSED))
        assert [one.state for one in one.entries()] == [State.REVERSED, State.STARTED]
        assert FileJournal(path).entries() == one.entries()

    def test_two_programs_at_once_share_no_number(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        running = [
            subprocess.Popen([sys.executable, "-c", PROGRAM, path, fen], cwd=Path(__file__).parents[2])
            for fen in ("100", "200")
        ]
        assert [program.wait(60) for program in running] == [0, 0]
        found = FileJournal(path).entries()
        assert (len(found), path.read_bytes().count(b"\n")) == (50, 50)
        assert [one.request.trace_no for one in found] == list(range(1, 51))
        assert [one.request.amount_fen for one in found].count(100) == 25

    @pytest.mark.parametrize("looks", [False, True])
    def test_a_number_is_taken_also_behind_others_and_after_a_look(self, tmp_path: Path, looks: bool) -> None:
        path = tmp_path / "a.jsonl"
        one, two = FileJournal(path), FileJournal(path)

        def entry(number: int, fen: int) -> Entry:
            return Entry(BankRequest(Kind.WITHDRAWAL, "430100000001", number, AT, ACCOUNT, fen), State.STARTED)

        for number in (1, 2):
            two.write(entry(number, 200))
        if looks:
            assert len(one.entries()) == 2
        with pytest.raises(ReaderError, match="another program"):
            one.write(entry(1, 300))
        one.write(entry(3, 300))
        assert [entry.request.amount_fen for entry in two.entries()] == [200, 200, 300]
        FileJournal(path).write(entry(1, 400))  # given anew later, when all numbers have been around
        one.write(entry(4, 300))
        one.write(entry(1, 500))
        assert two.entries()[-1] == entry(1, 500)

    def test_a_line_another_program_is_writing_stays_and_one_it_left_cut_is_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        journal = FileJournal(path)
        done = Entry(BankRequest(Kind.BALANCE, "430100000001", 1, AT, ACCOUNT), State.DONE)
        journal.write(done)
        whole = path.read_bytes()
        path.write_bytes(whole + whole[:40])
        assert FileJournal(path).entries() == [done]
        assert path.read_bytes() == whole + whole[:40]
        journal.write(done)
        assert path.read_bytes() == whole + whole

    def test_a_new_file_is_for_its_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        FileJournal(path).write(Entry(BankRequest(Kind.BALANCE, "430100000001", 1, AT, ACCOUNT), State.DONE))
        assert path.stat().st_mode & 0o777 == 0o600

    def test_a_last_line_that_lost_only_its_end_is_an_entry(self, tmp_path: Path) -> None:
        """An editor or a copy took the line feed away: the transaction stays, and the next one has its own line."""
        path = tmp_path / "a.jsonl"
        entries = [
            Entry(BankRequest(Kind.WITHDRAWAL, "430100000001", number, AT, ACCOUNT, 100), State.STARTED)
            for number in (1, 2, 3, 4)
        ]
        journal = FileJournal(path)
        for entry in entries[:2]:
            journal.write(entry)
        whole = path.read_bytes()
        path.write_bytes(whole[:-1])
        again, other = FileJournal(path), FileJournal(path)
        assert again.entries() == entries[:2]
        again.write(entries[2])
        assert path.read_bytes().startswith(whole)
        assert other.entries() == again.entries() == FileJournal(path).entries() == entries[:3]
        with path.open("ab") as file:
            file.write(b"hello\n")
        for one in (again, other):
            with pytest.raises(ReaderError, match="line 4 of"):
                one.entries()

    def test_what_a_file_system_fills_up_behind_the_last_line_is_replaced(self, tmp_path: Path) -> None:
        """After a power failure a file may be longer than what was written, and the rest reads as zeros."""
        path = tmp_path / "a.jsonl"
        one, two = (
            Entry(BankRequest(Kind.WITHDRAWAL, "430100000001", number, AT, ACCOUNT, 100), State.STARTED)
            for number in (1, 2)
        )
        FileJournal(path).write(one)
        whole = path.read_bytes()
        for tail in (bytes(700), whole[:30] + bytes(9), bytes(1)):
            path.write_bytes(whole + tail)
            journal = FileJournal(path)
            assert journal.entries() == [one]
            journal.write(two)
            assert FileJournal(path).entries() == [one, two]
            assert path.read_bytes().count(b"\0") == 0

    def test_a_file_that_was_replaced_is_read_anew(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        journal = FileJournal(path)
        for number in (1, 2, 3):
            journal.write(Entry(BankRequest(Kind.BALANCE, "430100000001", number, AT, ACCOUNT), State.DONE))
        path.write_bytes(path.read_bytes().partition(b"\n")[0] + b"\n")
        assert [entry.request.trace_no for entry in journal.entries()] == [1]

    def test_a_number_another_program_took_is_free_in_the_file_that_takes_the_place(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        journal, other = FileJournal(path), FileJournal(path)
        done = Entry(BankRequest(Kind.BALANCE, "430100000001", 1, AT, ACCOUNT), State.DONE)
        other.write(done)
        assert journal.entries() == [done]
        path.write_bytes(b"")
        journal.write(replace(done, code="00"))
        assert journal.entries() == [replace(done, code="00")]

    def test_a_damaged_line_keeps_its_number_however_often_it_is_met(self, tmp_path: Path) -> None:
        path = tmp_path / "a.jsonl"
        journal = FileJournal(path)
        journal.write(Entry(BankRequest(Kind.BALANCE, "430100000001", 1, AT, ACCOUNT), State.DONE))
        path.write_bytes(path.read_bytes() * 2 + b"hello\n")
        for _ in range(2):
            with pytest.raises(ReaderError, match="line 3 of"):
                journal.entries()
