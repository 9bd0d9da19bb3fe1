"""Cash machine and transfer telephone: a fault at every step, and no fen appears or vanishes."""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from apdu.errors import CardLost, MalformedData, UnexpectedStatus
from readers.atm import InterfaceClosed
from readers.base import PinPurpose
from readers.errors import HostRefused
from readers.journal import MemoryJournal
from readers.online import (
    MAX_TRACE,
    BankReply,
    BankRequest,
    Entry,
    HostLost,
    Kind,
    State,
)
from readers.sim.bank import SimBank, SimDispenser
from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from readers.visit import Visit, VisitEnded
from sbcard_core.card.errors import PinWrong
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.card.session import CardSession
from sbcard_core.errors import InvalidValue
from tests.readers.shop import ACCOUNT, AT, KEY, OTHER, START, Crash, Shop, bank


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
