"""Cash machine and transfer telephone: a fault at every step, and no fen appears or vanishes."""

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu import tlv
from apdu.errors import CardLost, MalformedData, UnexpectedStatus
from readers.atm import ATMTerminal, InterfaceClosed, read_account_no
from readers.base import PinPurpose
from readers.errors import HostRefused, ReaderError
from readers.online import (
    MAX_TRACE,
    BankReply,
    BankRequest,
    Entry,
    FileJournal,
    HostLost,
    Journal,
    Kind,
    MemoryJournal,
    State,
    Traces,
)
from readers.phone import PhoneTerminal
from readers.sim.bank import SimBank, SimDispenser, SimPinPad
from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from readers.visit import Visit, VisitEnded
from sbcard_core.card.errors import PinWrong
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.card.session import CardSession
from sbcard_core.errors import InvalidValue

AT = datetime.fromisoformat("2014-07-31T09:30:15")
ACCOUNT, OTHER = "6228480000000000018", "6228480000000000026"
PAN_RECORD = bytes.fromhex("700C5A0A" + ACCOUNT + "F")
KEY = bytes(range(16))
START = 500_000


class Crash(BaseException):
    """The machine lost power here; nothing catches it."""


@pytest.fixture
def bank_card(make_card: Callable[..., VirtualCard], order_line: dict[str, Any]) -> VirtualCard:
    return make_card(files={**order_line["files"], "BANK/EF02": [PAN_RECORD.hex()]})


def bank(**options: Any) -> SimBank:
    return SimBank({ACCOUNT: START, OTHER: 0}, {ACCOUNT: "246810", OTHER: "000000"}, KEY, **options)


def pad(pin: str = "246810") -> SimPinPad:
    return SimPinPad(dict.fromkeys(PinPurpose, pin), KEY)


class Shop:
    """Makes one terminal after the other around the same journal, bank and dispenser: a machine and its visits."""

    def __init__(self, card: VirtualCard, psam: VirtualPSAM) -> None:
        self.card, self.psam = card, psam
        self.bank, self.dispenser, self.journal = bank(), SimDispenser(), MemoryJournal()

    def atm(self, pin: str = "246810", **options: Any) -> ATMTerminal:
        journal: Journal = options.pop("journal", self.journal)
        return ATMTerminal(
            self.card, self.psam, pad(pin), self.bank, self.dispenser, journal, profile=SAMPLE, **options
        )

    def phone(self, **options: Any) -> PhoneTerminal:
        return PhoneTerminal(self.card, self.psam, pad(), self.bank, self.journal, profile=SAMPLE, **options)

    @property
    def debited(self) -> int:
        return START - self.bank.balances[ACCOUNT]


@pytest.fixture
def shop(bank_card: VirtualCard, make_psam: Callable[..., VirtualPSAM]) -> Shop:
    return Shop(bank_card, make_psam())


class TestATM:
    def test_a_withdrawal(self, shop: Shop) -> None:
        shown: list[str] = []

        class Screen:
            def show(self, text: str) -> None:
                shown.append(text)

        done = shop.atm(display=Screen()).withdraw(120_000, AT)
        assert (done.state, done.done_fen, shop.debited, shop.dispenser.given_fen) == (
            State.DONE,
            120_000,
            120_000,
            120_000,
        )
        assert shown == ["交易成功,请取走现金和卡片"]
        assert ACCOUNT not in repr(done)

    def test_the_balance_and_the_account(self, shop: Shop) -> None:
        terminal = shop.atm()
        assert (terminal.account_no(), terminal.balance(AT)) == (ACCOUNT, START)

    @pytest.mark.parametrize("amount", [0, -10_000, 12_345, 10_000.0, True, "10000"])
    def test_only_whole_notes(self, shop: Shop, amount: Any) -> None:
        with pytest.raises(InvalidValue):
            shop.atm().withdraw(amount, AT)

    @pytest.mark.parametrize(("pin", "amount", "code"), [("000000", 10_000, "55"), ("246810", 510_000, "51")])
    def test_a_refusal_moves_nothing(self, shop: Shop, pin: str, amount: int, code: str) -> None:
        with pytest.raises(HostRefused, match=code):
            shop.atm(pin).withdraw(amount, AT)
        (entry,) = shop.journal.entries()
        assert (entry.state, shop.debited, shop.dispenser.given_fen) == (State.REFUSED, 0, 0)

    def test_a_machine_that_has_not_opened_the_interface(self, shop: Shop) -> None:
        assert shop.atm().read_holder().name == "李珅"
        with pytest.raises(InterfaceClosed, match="未开放"):
            shop.atm(reads_social_data=False).read_holder()

    def test_a_card_without_a_bank_account(self, shop: Shop, card: VirtualCard) -> None:
        shop.card = card
        with pytest.raises((UnexpectedStatus, MalformedData)):
            shop.atm().withdraw(10_000, AT)

    def test_the_social_pin_changes_here_too(self, shop: Shop) -> None:
        terminal = shop.atm("123456")
        terminal._pin_pad._pins[PinPurpose.NEW] = terminal._pin_pad._pins[PinPurpose.REPEAT] = "246813"  # type: ignore[attr-defined]
        terminal.change_initial_pin()
        shop.card.reset()
        with pytest.raises(PinWrong):
            CardSession(shop.card, profile=SAMPLE).verify_pin("123456")
        CardSession(shop.card, profile=SAMPLE).verify_pin("246813")

    @pytest.mark.parametrize("enquiries", [0, 1, 2])
    def test_every_visit_around_the_wrap_debits_what_it_gives(self, shop: Shop, enquiries: int) -> None:
        """A number the bank knows is answered as before: used again it would give cash without a debit."""
        old = BankRequest(Kind.WITHDRAWAL, "430100000001", MAX_TRACE - 2, AT, ACCOUNT)
        shop.journal.write(Entry(old, State.DONE))
        for visit in range(6):
            terminal = shop.atm()
            for _ in range(enquiries):
                assert terminal.balance(AT) == START - shop.debited
            at = AT + timedelta(minutes=visit)
            assert terminal.withdraw(20_000, at).done_fen == 20_000
            assert shop.debited == shop.dispenser.given_fen == 20_000 * (visit + 1)
        assert [one.is_open for one in shop.journal.entries()] == [False] * (1 + 6 * (1 + enquiries))

    def test_an_unanswered_balance_is_nothing_to_settle(self, shop: Shop) -> None:
        def lost(_what: str, when: str) -> None:
            if when == "after":
                raise HostLost("line", step="send")

        shop.bank = bank(line=lost)
        with pytest.raises(HostLost):
            shop.atm().balance(AT)
        shop.bank._line = lambda _what, _when: None
        assert shop.atm().close_open() == []
        assert shop.atm().withdraw(20_000, AT).state is State.DONE
        assert shop.debited == shop.dispenser.given_fen == 20_000

    @pytest.mark.parametrize("notes", range(12))
    def test_a_jam_takes_the_rest_back(self, shop: Shop, notes: int) -> None:
        shop.dispenser = SimDispenser(jams={1: notes})
        entry = shop.atm().withdraw(120_000, AT)
        assert shop.debited == shop.dispenser.given_fen == notes * 10_000 == entry.done_fen
        assert entry.state is (State.DONE if notes else State.REVERSED)

    def test_a_jam_that_nobody_counted_waits_for_a_count(self, shop: Shop) -> None:
        shop.dispenser = SimDispenser(jams={1: 3}, forgets={1})
        terminal = shop.atm()
        entry = terminal.withdraw(120_000, AT)
        assert (entry.state, shop.debited) == (State.COUNT_NEEDED, 120_000)
        assert terminal.close_open() == [entry]  # no guess
        terminal.counted(1, shop.dispenser.count(1))
        assert shop.debited == shop.dispenser.given_fen == 30_000
        with pytest.raises(InvalidValue):
            terminal.counted(1, 0)

    def test_more_than_was_asked_for_is_no_count(self, shop: Shop) -> None:
        shop.dispenser = SimDispenser(jams={1: 3}, forgets={1})
        terminal = shop.atm()
        terminal.withdraw(120_000, AT)
        wrongs: list[Any] = [130_000, -1, 30_000.0, True, None]
        for wrong in wrongs:
            with pytest.raises(InvalidValue):
                terminal.counted(1, wrong)
        assert [entry.state for entry in shop.journal.entries()] == [State.COUNT_NEEDED]

    @pytest.mark.parametrize("wrong", [20_000, -10_000, 10_000.0, "10000", True])
    @pytest.mark.parametrize("restarted", [False, True])
    def test_a_dispenser_that_cannot_be_right_leaves_a_count_and_blocks_no_other(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch, wrong: Any, restarted: bool
    ) -> None:
        def dispense(*_: int) -> Any:
            if restarted:
                raise Crash
            return wrong

        with monkeypatch.context() as broken:
            broken.setattr(shop.dispenser, "dispense", dispense)
            broken.setattr(shop.dispenser, "dispensed", lambda _: wrong)
            with suppress(Crash):
                shop.atm().withdraw(10_000, AT)
            [entry] = shop.atm().close_open()
        assert (entry.state, entry.done_fen, shop.debited) == (State.COUNT_NEEDED, 0, 10_000)
        assert shop.atm().withdraw(20_000, AT).state is State.DONE
        assert shop.atm().counted(entry.request.trace_no, 10_000).state is State.DONE
        assert shop.atm().close_open() == []
        assert shop.debited == 30_000

    @pytest.mark.parametrize("wrong", [100.0, "100", True])
    def test_a_balance_is_whole_fen(self, shop: Shop, monkeypatch: pytest.MonkeyPatch, wrong: Any) -> None:
        monkeypatch.setattr(shop.bank, "send", lambda _: BankReply("00", wrong))
        with pytest.raises(InvalidValue):
            shop.atm().balance(AT)


class Fault:
    """Breaks the line, or the machine, at the n-th step of a run."""

    def __init__(self, at: int, kind: type[BaseException]) -> None:
        self.at, self.kind, self.step = at, kind, 0

    def __call__(self, *_: object) -> None:
        self.step += 1
        if self.step == self.at:
            raise self.kind("here")


class CrashingJournal(MemoryJournal):
    """Loses power before or after a write."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self.fault = fault

    def write(self, entry: Entry) -> None:
        self.fault()
        super().write(entry)
        self.fault()


class CrashingDispenser(SimDispenser):
    fault: Fault

    def dispense(self, trace_no: int, amount_fen: int) -> int:
        self.fault()
        given = super().dispense(trace_no, amount_fen)
        self.fault()
        return given


def settle(shop: Shop) -> None:
    """The next morning: the line is up, the machine has power."""
    shop.bank._line = lambda *_: None
    terminal = shop.atm()
    terminal.close_open()
    assert not any(entry.is_open for entry in shop.journal.entries())


def test_cash_out_is_the_debit_wherever_the_power_fails(shop: Shop) -> None:
    """A power failure at every journal write, every message and both ends of the dispensing."""
    seen = set[str]()
    for at in range(1, 40):
        fault = Fault(at, Crash)
        shop.bank = bank(line=fault)
        shop.journal = CrashingJournal(fault)
        dispenser = CrashingDispenser()
        dispenser.fault = fault
        shop.dispenser = dispenser
        try:
            shop.atm().withdraw(120_000, AT)
        except Crash:
            seen.add("crashed")
        else:
            break
        fault.at = 0
        settle(shop)
        assert shop.debited == shop.dispenser.given_fen, f"power failed at step {at}"
        seen.add(f"{shop.debited}")
    assert seen == {"crashed", "0", "120000"}
    assert at > 8


def test_cash_out_is_the_debit_wherever_the_line_breaks(shop: Shop) -> None:
    """Every pair of breaks among the messages of a withdrawal and its reversals, with and without a jam."""
    rounds = 0
    for first in range(1, 6):
        for second in range(first, 7):
            for jam in (None, 4):
                broken = {first, second}
                step = iter(range(1, 100))

                def line(what: str, when: str, broken: set[int] = broken, step: Any = step) -> None:
                    if next(step) in broken:
                        raise HostLost("no answer", step="line")

                shop.bank, shop.journal = bank(line=line), MemoryJournal()
                shop.dispenser = SimDispenser(jams={} if jam is None else {1: jam})
                shop.atm().withdraw(120_000, AT)
                settle(shop)
                assert shop.debited == shop.dispenser.given_fen
                rounds += 1
    assert rounds == 40


def test_a_late_request_is_not_done_after_its_reversal(shop: Shop) -> None:
    """The request overtaken by its own reversal: the bank must not pay then."""
    held: list[Any] = []

    class Overtaken(SimBank):
        def send(self, request: Any) -> Any:
            if not held:
                held.append(request)
                raise HostLost("held up", step="line")
            return super().send(request)

    shop.bank = Overtaken({ACCOUNT: START}, {ACCOUNT: "246810"}, KEY)
    assert shop.atm().withdraw(120_000, AT).state is State.REVERSED
    assert not shop.bank.send(held[0]).approved
    assert shop.debited == 0


class TestPhone:
    def test_transfer_and_payment(self, shop: Shop) -> None:
        terminal = shop.phone()
        assert terminal.transfer(12_345, OTHER, AT).state is State.DONE
        assert terminal.pay("YL2014-07", 6_000, AT).state is State.DONE
        assert (shop.bank.balances[OTHER], shop.debited, terminal.balance(AT)) == (12_345, 18_345, START - 18_345)
        assert terminal.read_holder().card_no == "X00000019"

    @pytest.mark.parametrize(("amount", "to"), [(0, OTHER), (-1, OTHER), (100, "abc"), (100, "１２３")])
    def test_bad_input(self, shop: Shop, amount: int, to: str) -> None:
        with pytest.raises(InvalidValue):
            shop.phone().transfer(amount, to, AT)
        with pytest.raises(InvalidValue):
            shop.phone().pay("", 100, AT)

    def test_nothing_is_sent_twice_or_lost_wherever_the_line_breaks(self, shop: Shop) -> None:
        for broken in range(1, 5):
            fault = Fault(broken, lambda what: HostLost(what, step="line"))  # type: ignore[arg-type]
            shop.bank, shop.journal = bank(line=fault), MemoryJournal()
            shop.phone().transfer(12_345, OTHER, AT) if broken != 3 else self._twice_lost(shop)
            shop.bank._line = lambda *_: None
            shop.phone().close_open()
            (entry,) = shop.journal.entries()
            assert not entry.is_open
            assert shop.bank.balances[OTHER] == shop.debited == entry.done_fen

    def _twice_lost(self, shop: Shop) -> None:
        def never(*_: object) -> None:
            raise HostLost("down", step="line")

        shop.bank._line = never
        assert shop.phone().transfer(12_345, OTHER, AT).state is State.STARTED

    def test_an_unknown_account_is_refused(self, shop: Shop) -> None:
        with pytest.raises(HostRefused, match="14"):
            shop.phone().transfer(100, "999999999999", AT)
        assert shop.debited == 0


class Link:
    """A bank that gives one answer to each kind of question."""

    def __init__(self, send: str, *, reverse: str = "00", ask: str = "00") -> None:
        self.codes = {"send": send, "reverse": reverse, "ask": ask}
        self.asked: list[str] = []

    def _reply(self, what: str) -> BankReply:
        self.asked.append(what)
        return BankReply(self.codes[what])

    def send(self, _: BankRequest) -> BankReply:
        return self._reply("send")

    def reverse(self, _: BankRequest, __: int) -> BankReply:
        return self._reply("reverse")

    def ask(self, _: BankRequest) -> BankReply:
        return self._reply("ask")


class TestCodesOfTheBank:
    @pytest.mark.parametrize("code", ["09", "10", "68", "98"])
    def test_what_the_bank_does_not_know_is_taken_back_and_never_called_refused(self, shop: Shop, code: str) -> None:
        link: Any = Link(code)
        shop.bank = link
        entry = shop.atm().withdraw(10_000, AT)
        assert (entry.state, link.asked, shop.dispenser.given_fen) == (State.REVERSED, ["send", "reverse"], 0)

    @pytest.mark.parametrize("code", ["11", "16", "A2", "A4", "A5", "A6"])
    def test_every_code_after_which_the_account_is_booked_gives_the_cash(self, shop: Shop, code: str) -> None:
        link: Any = Link(code)
        shop.bank = link
        assert (shop.atm().withdraw(10_000, AT).done_fen, shop.dispenser.given_fen) == (10_000, 10_000)
        assert shop.phone().transfer(100, OTHER, AT).done_fen == 100

    @pytest.mark.parametrize("code", ["", "0", "000", "05", "51", "91", "96", "A0", "99"])
    def test_any_other_code_is_a_refusal(self, shop: Shop, code: str) -> None:
        link: Any = Link(code)
        shop.bank = link
        with pytest.raises(HostRefused):
            shop.atm().withdraw(10_000, AT)
        with pytest.raises(HostRefused):
            shop.phone().transfer(100, OTHER, AT)
        assert [entry.state for entry in shop.journal.entries()] == [State.REFUSED] * 2
        assert (link.asked, shop.dispenser.given_fen) == (["send", "send"], 0)

    @pytest.mark.parametrize("code", ["09", "10", "68", "98"])
    def test_a_transfer_that_the_bank_does_not_know_stays_open_until_it_does(self, shop: Shop, code: str) -> None:
        link: Any = Link(code, ask=code)
        shop.bank = link
        assert shop.phone().transfer(100, OTHER, AT).state is State.STARTED
        assert [entry.state for entry in shop.phone().close_open()] == [State.STARTED]
        link.codes["ask"] = "00"
        assert [entry.done_fen for entry in shop.phone().close_open()] == [100]
        assert link.asked.count("send") == 1

    @pytest.mark.parametrize(("code", "ends"), [("12", True), ("25", True), ("00", True), ("96", False), ("51", False)])
    def test_a_reversal_ends_where_nothing_is_left_to_reverse(self, shop: Shop, code: str, ends: bool) -> None:
        link: Any = Link("98", reverse=code)
        shop.bank = link
        assert shop.atm().withdraw(10_000, AT).state is (State.REVERSED if ends else State.REVERSING)
        assert bool(shop.atm().close_open()) is not ends

    @pytest.mark.parametrize("account", ["12", "0" * 16, "6.22848E+18", "62284800000000000189999", ""])
    def test_a_transfer_to_what_no_account_can_be_is_not_sent(self, shop: Shop, account: str) -> None:
        with pytest.raises(InvalidValue):
            shop.phone().transfer(100, account, AT)
        assert shop.journal.entries() == []


class TestAccountOfTheCard:
    @pytest.mark.parametrize(
        "packed",
        ["", "0000000000000000", "62228000ABCD5678", "FFFFFFFFFFFFFFFFFFFF", "62228000", "6228480000000000018D49"],
    )
    def test_what_no_account_can_be_is_never_sent(
        self, make_card: Callable[..., VirtualCard], order_line: dict[str, Any], packed: str
    ) -> None:
        record = tlv.ber(0x70, tlv.ber(0x5A, bytes.fromhex(packed)))
        card = make_card(files={**order_line["files"], "BANK/EF02": [record.hex()]})
        with pytest.raises(MalformedData) as refused:
            read_account_no(card, CardSession(card, profile=SAMPLE))
        assert not packed or packed not in str(refused.value)

    @pytest.mark.parametrize("number", ["622848000000", ACCOUNT, "6222800012345678"])
    def test_an_account_is_read_whatever_its_filling(
        self, make_card: Callable[..., VirtualCard], order_line: dict[str, Any], number: str
    ) -> None:
        record = tlv.ber(0x70, tlv.ber(0x5A, bytes.fromhex(number.ljust(20, "F"))))
        card = make_card(files={**order_line["files"], "BANK/EF02": [record.hex()]})
        assert read_account_no(card, CardSession(card, profile=SAMPLE)) == number


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
            assert len(journal.entries()) == (1 if whole[:cut].count(b"\n") else 0)
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


class TestVisit:
    def test_cancelled_before_the_bank_was_asked(self, shop: Shop) -> None:
        visit = Visit(clock=lambda: 0.0)
        terminal = shop.atm(visit=visit)
        visit.cancel()
        with pytest.raises(VisitEnded) as ended:
            terminal.withdraw(10_000, AT)
        assert (ended.value.driver_code, shop.debited, list(shop.journal.entries())) == (-31, 0, [])

    def test_a_time_limit_at_every_command(self, shop: Shop) -> None:
        """Whatever command the time runs out at: nothing, or all of it."""
        outcomes = set[str]()
        for limit in range(1, 60):
            ticks = iter(range(1000))
            shop.bank, shop.dispenser, shop.journal = bank(), SimDispenser(), MemoryJournal()
            try:
                terminal = shop.atm(visit=Visit(clock=lambda ticks=ticks: float(next(ticks)), limit=limit))
                terminal.withdraw(10_000, AT)
                outcomes.add("paid")
            except VisitEnded as ended:
                outcomes.add(f"ended {ended.driver_code}")
            assert shop.debited == shop.dispenser.given_fen
        assert outcomes == {"paid", "ended -32"}

    def test_a_debit_is_never_cut_short(
        self, make_card: Callable[..., VirtualCard], make_psam: Callable[..., VirtualPSAM]
    ) -> None:
        """Cancelling while the card is being debited waits until the PSAM has checked its MAC."""
        from readers.base import FixedPinPad
        from readers.pos import POSTerminal

        card, psam = make_card(purse={"balance": 5000}), make_psam()
        first = POSTerminal(card, psam, FixedPinPad(dict.fromkeys(PinPurpose, "123456")), profile=SAMPLE)
        first.session.change_pin("123456", "246813")
        visit = Visit(clock=lambda: 0.0)

        class Cancelling:
            atr = card.atr

            def transmit(self, command: bytes) -> bytes:
                if command[:2] == b"\x80\x54":
                    visit.cancel()
                return card.transmit(command)

        pin = FixedPinPad(dict.fromkeys(PinPurpose, "246813"))
        terminal = POSTerminal(Cancelling(), psam, pin, profile=SAMPLE, visit=visit)
        assert terminal.purchase(1200, AT).amount_fen == 1200
        with pytest.raises(VisitEnded):
            terminal.balance()


def test_a_card_pulled_out_before_the_bank_is_asked(shop: Shop) -> None:
    count = iter(range(100))
    real = shop.card.transmit

    def pulled(command: bytes) -> bytes:
        if next(count) == 1:
            raise CardLost("gone")
        return real(command)

    shop.card.transmit = pulled  # type: ignore[method-assign]
    with pytest.raises(CardLost):
        shop.atm().withdraw(10_000, AT)
    assert (shop.debited, list(shop.journal.entries())) == (0, [])


def test_random_days(shop: Shop) -> None:
    """A hundred days of ten visits with a bad line, jams and power failures: the law holds every evening."""
    rng = random.Random(2014)
    for _ in range(100):
        shop.journal = MemoryJournal()
        shop.bank = bank(line=lambda *_: _broken(rng))
        shop.dispenser = SimDispenser(jams={at: rng.randrange(3) for at in range(1, 11) if rng.random() < 0.3})
        for _ in range(10):
            with suppress(HostRefused, Crash):
                shop.atm().withdraw(rng.randrange(1, 6) * 10_000, AT)
        settle(shop)
        assert shop.debited == shop.dispenser.given_fen


def _broken(rng: random.Random) -> None:
    chance = rng.random()
    if chance < 0.1:
        raise HostLost("no answer", step="line")
    if chance < 0.13:
        raise Crash("power")
