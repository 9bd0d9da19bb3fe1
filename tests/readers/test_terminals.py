"""Terminals against virtual card and PSAM: the whole visit, and a fault at every command of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from apdu.channel import CardChannel
from apdu.errors import CardLost, UnexpectedStatus
from apdu.purse import pack_amount
from readers.base import Bill, BillLine, FixedPinPad, PinPurpose, SettleReply, SettleRequest
from readers.errors import HostRefused, PinEntryFailed, TerminalState
from readers.medical import MedicalTerminal
from readers.pos import POSTerminal
from readers.sim.card import VirtualCard
from readers.sim.faults import Fault, FaultKind, FaultyChannel
from readers.sim.psam import VirtualPSAM
from readers.sim.settings import SimSettings
from sbcard_core.card.errors import InitialPinRefused, InternalAuthFailed, OutcomeUnknown, PinLocked, PinWrong
from sbcard_core.card.loadhost import KeyedLoadHost, LoadAuthorisation, LoadRequest
from sbcard_core.card.profiles.v2 import SAMPLE
from sbcard_core.card.purse import DebitUnproven
from sbcard_core.clearing.journal import write_journal
from sbcard_core.crypto import tac
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.errors import InvalidValue, SBCardError

AT = datetime.fromisoformat("2014-07-31T09:30:15")
BILL = Bill("MZ0001", AT, 12345, (BillLine("A1", "挂号费", 345), BillLine("B2", "西药费", 12000)))
INITIAL = dict.fromkeys(PinPurpose, "123456")


class Centre:
    """An insurance centre that pays two thirds."""

    def __init__(self, *, approve: bool = True, off_by: int = 0) -> None:
        self.approve, self.off_by = approve, off_by
        self.asked: list[SettleRequest] = []

    def settle(self, request: SettleRequest) -> SettleReply:
        self.asked.append(request)
        if not self.approve:
            return SettleReply(False, "", reason="not insured")
        fund = request.bill.amount_fen * 2 // 3
        account = request.bill.amount_fen // 6
        cash = request.bill.amount_fen - fund - account + self.off_by
        return SettleReply(True, "S1", fund, account, cash)


class WithATR:
    """A channel that knows the card's answer to reset."""

    def __init__(self, inner: CardChannel, atr: bytes) -> None:
        self.transmit = inner.transmit
        self.atr = atr


def medical(card: CardChannel, psam: CardChannel, pad: FixedPinPad, host: Centre) -> MedicalTerminal:
    return MedicalTerminal(card, psam, pad, host, profile=SAMPLE)


@pytest.mark.parametrize("get_response", [False, True])
def test_a_first_visit(
    make_card: Callable[..., VirtualCard],
    make_psam: Callable[..., VirtualPSAM],
    pin_pad: FixedPinPad,
    get_response: bool,
) -> None:
    settings, centre = SimSettings(get_response=get_response), Centre()
    terminal = medical(make_card(settings), make_psam(settings), pin_pad, centre)
    holder = terminal.read_holder()
    assert (holder.name, holder.card_no, holder.region, holder.sex) == ("李珅", "X00000019", "430100", "1")
    terminal.change_initial_pin()
    reply = terminal.settle(BILL)
    assert reply.fund_fen + reply.account_fen + reply.cash_fen == 12345
    (request,) = centre.asked
    assert (request.terminal_no, request.card_no) == ("430100000001", "X00000019")
    assert "111111198101011110" not in repr(request)
    assert "李珅" not in repr(request)


def test_a_card_of_another_issuer_is_not_genuine(
    card: VirtualCard, pin_pad: FixedPinPad, master_keys: MasterKeys
) -> None:
    other = MasterKeys.simulation(1999)
    keys = {usage.value: other.get(usage).material() for usage in (KeyUsage.IRK, KeyUsage.RK_SSSE)}
    psam = VirtualPSAM(keys, bytes(6), rng=bytes)
    with pytest.raises(InternalAuthFailed):
        medical(card, psam, pin_pad, Centre()).read_holder()


def test_steps_out_of_order(card: VirtualCard, psam: VirtualPSAM, pin_pad: FixedPinPad) -> None:
    with pytest.raises(TerminalState):
        medical(card, psam, pin_pad, Centre()).settle(BILL)


def test_initial_pin_cannot_pay_and_cannot_be_chosen_again(card: VirtualCard, psam: VirtualPSAM) -> None:
    centre = Centre()
    terminal = medical(card, psam, FixedPinPad(INITIAL), centre)
    terminal.read_holder()
    with pytest.raises(PinEntryFailed) as caught:
        terminal.settle(BILL)
    assert caught.value.driver_code == -35
    with pytest.raises(InitialPinRefused) as chosen:
        terminal.change_initial_pin()
    assert chosen.value.driver_code == -36
    assert centre.asked == []


def test_two_different_new_pins(card: VirtualCard, psam: VirtualPSAM) -> None:
    pad = FixedPinPad({**INITIAL, PinPurpose.NEW: "246813", PinPurpose.REPEAT: "246814"})
    with pytest.raises(PinEntryFailed) as caught:
        medical(card, psam, pad, Centre()).change_initial_pin()
    assert caught.value.driver_code == -34
    assert "2468" not in str(caught.value)


def test_wrong_pin_never_reaches_the_centre(card: VirtualCard, psam: VirtualPSAM) -> None:
    centre = Centre()
    terminal = medical(card, psam, FixedPinPad({PinPurpose.VERIFY: "999999"}), centre)
    terminal.read_holder()
    for left in (2, 1, 0):
        with pytest.raises(PinWrong) as caught:
            terminal.settle(BILL)
        assert caught.value.tries_left == left
    with pytest.raises(PinLocked):
        terminal.settle(BILL)
    assert centre.asked == []


@pytest.mark.parametrize("amount", [1.5, 1500.0, True, "1500", None])
def test_an_amount_is_a_whole_number_of_fen(card: VirtualCard, psam: VirtualPSAM, amount: Any) -> None:
    asked: list[PinPurpose] = []
    pad = FixedPinPad({}, refuse=asked.append)
    terminal = POSTerminal(card, psam, pad, profile=SAMPLE)
    at = datetime.fromisoformat("2014-07-31T09:30:00")
    for act in (
        lambda: terminal.purchase(amount, at),
        lambda: terminal.load(amount, None, at=at),  # type: ignore[arg-type]
        lambda: Bill("MZ1", at, amount),
        lambda: Bill("MZ1", at, 1500, (BillLine("A1", "挂号费", amount),)),
        lambda: pack_amount(amount),
    ):
        with pytest.raises(InvalidValue):
            act()
    assert asked == []  # before the holder is asked for a PIN


@pytest.mark.parametrize("centre", [Centre(approve=False), Centre(off_by=1), Centre(off_by=-99999)])
def test_an_answer_that_is_no_or_does_not_add_up(
    card: VirtualCard, psam: VirtualPSAM, pin_pad: FixedPinPad, centre: Centre
) -> None:
    terminal = medical(card, psam, pin_pad, centre)
    terminal.read_holder()
    terminal.change_initial_pin()
    with pytest.raises(HostRefused):
        terminal.settle(BILL)


def test_a_bill_must_add_up() -> None:
    with pytest.raises(InvalidValue):
        Bill("MZ0002", AT, 100, (BillLine("A1", "挂号费", 99),))
    with pytest.raises(InvalidValue):
        Bill("MZ0003", AT, 0)


def test_unset_assumptions_are_refused_not_guessed(card: VirtualCard, psam: VirtualPSAM, pin_pad: FixedPinPad) -> None:
    with pytest.raises(SBCardError, match="not public"):
        MedicalTerminal(card, psam, pin_pad, Centre()).read_holder()


def test_load_then_purchase_then_journal(
    card: VirtualCard, psam: VirtualPSAM, pin_pad: FixedPinPad, master_keys: MasterKeys, tmp_path: Path
) -> None:
    host = KeyedLoadHost(master_keys)
    medical(card, psam, pin_pad, Centre()).change_initial_pin()
    pos = POSTerminal(card, psam, pin_pad, profile=SAMPLE)
    receipt = pos.load(5000, host, at=AT)
    assert (receipt.balance_fen, host.loaded_fen, pos.balance()) == (5000, 5000, 5000)
    records = [pos.purchase(1200, AT), pos.purchase(800, AT)]
    assert pos.balance() == 3000
    assert [record.terminal_txn_no for record in records] == [1, 2]
    assert [record.offline_no for record in records] == [0, 1]
    assert {record.card_no for record in records} == {"X00000019"}
    messages = [tac.purchase_message(r.amount_fen, r.type, r.terminal_no, r.terminal_txn_no, r.at) for r in records]
    city = master_keys.city(KeyUsage.DTK, records[0].city)
    factors = b"".join(record.factor for record in records)
    assert tac.verify_many(city, factors, messages, [record.tac for record in records]) == [tac.TacStatus.VERIFIED] * 2
    assert write_journal(tmp_path / "journal.csv", records) == 2


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=8)), timezone(timedelta(hours=-5))])
def test_a_time_with_a_zone_is_one_moment_for_card_tac_and_journal(
    card: VirtualCard, psam: VirtualPSAM, pin_pad: FixedPinPad, master_keys: MasterKeys, tmp_path: Path, zone: timezone
) -> None:
    """Clearing sees the journal's digits only: the TAC is computed again from them."""
    medical(card, psam, pin_pad, Centre()).change_initial_pin()
    pos = POSTerminal(card, psam, pin_pad, profile=SAMPLE)
    at = datetime(2014, 7, 31, 1, 30, tzinfo=UTC).astimezone(zone)
    pos.load(5000, KeyedLoadHost(master_keys), at=at)
    done = pos.purchase(1200, at)
    write_journal(tmp_path / "journal.csv", [done])
    _, line = (tmp_path / "journal.csv").read_text("ascii").splitlines()
    assert "20140731093000" in line
    message = tac.purchase_message(1200, done.type, done.terminal_no, done.terminal_txn_no, "20140731093000")
    city = master_keys.city(KeyUsage.DTK, done.city)
    assert tac.verify_many(city, done.factor, [message], [done.tac]) == [tac.TacStatus.VERIFIED]


def test_more_than_there_is(card: VirtualCard, psam: VirtualPSAM, pin_pad: FixedPinPad) -> None:
    medical(card, psam, pin_pad, Centre()).change_initial_pin()
    with pytest.raises(UnexpectedStatus) as caught:
        POSTerminal(card, psam, pin_pad, profile=SAMPLE).purchase(1, AT)
    assert caught.value.sw.value == 0x9401


class RefusingHost:
    """A host with a wrong key."""

    def authorise_load(self, request: LoadRequest) -> LoadAuthorisation:
        return LoadAuthorisation(bytes(4), request.at)


def test_wrong_host_loads_nothing(card: VirtualCard, psam: VirtualPSAM, pin_pad: FixedPinPad) -> None:
    medical(card, psam, pin_pad, Centre()).change_initial_pin()
    pos = POSTerminal(card, psam, pin_pad, profile=SAMPLE)
    with pytest.raises(UnexpectedStatus) as caught:
        pos.load(5000, RefusingHost(), at=AT)
    assert caught.value.sw.value == 0x9302
    assert pos.balance() == 0


@pytest.fixture
def prepared(make_card: Callable[..., VirtualCard]) -> Callable[[], VirtualCard]:
    """A card with money and a changed PIN."""

    def prepare() -> VirtualCard:
        card = make_card(purse={"balance": 10000})
        assert card.transmit(bytes.fromhex("805E010007123456FF246813")) == b"\x90\x00"
        return card

    return prepare


COMMANDS_OF_A_PURCHASE = 7
"""Select, read card number, VERIFY, read region (3), select purse, initialise, debit: at least so many."""


@contextmanager
def one_visit(card: VirtualCard, plan: dict[int, Fault]) -> Iterator[FaultyChannel]:
    faulty = FaultyChannel(card, plan)
    yield faulty
    card.reset()


@pytest.mark.parametrize("kind", [FaultKind.LOST_BEFORE, FaultKind.LOST_AFTER, FaultKind.STATUS, FaultKind.SHORT])
def test_a_fault_at_any_command_of_a_purchase_is_told_apart(
    prepared: Callable[[], VirtualCard], make_psam: Callable[..., VirtualPSAM], pin_pad: FixedPinPad, kind: FaultKind
) -> None:
    """Either a record and the money gone, or an error; money gone without a record only as OutcomeUnknown."""
    sound = FaultyChannel(prepared(), {})
    POSTerminal(WithATR(sound, prepared().atr), make_psam(), pin_pad, profile=SAMPLE).purchase(700, AT)
    assert sound.count >= COMMANDS_OF_A_PURCHASE
    torn = 0
    for place in range(1, sound.count + 1):
        card = prepared()
        with one_visit(card, {place: Fault(kind)}) as faulty:
            pos = POSTerminal(WithATR(faulty, card.atr), make_psam(), pin_pad, profile=SAMPLE)
            with pytest.raises((CardLost, UnexpectedStatus, OutcomeUnknown)) as caught:
                pos.purchase(700, AT)
        lost_money = card.purse.balance() != 10000
        torn += lost_money
        assert not lost_money or caught.type is OutcomeUnknown
        assert caught.value.step
    assert torn == (1 if kind in (FaultKind.LOST_AFTER, FaultKind.SHORT) else 0)


def test_a_damaged_debit_answer_is_noticed_by_the_psam(
    prepared: Callable[[], VirtualCard], psam: VirtualPSAM, pin_pad: FixedPinPad, master_keys: MasterKeys
) -> None:
    sound = FaultyChannel(prepared(), {})
    POSTerminal(WithATR(sound, prepared().atr), psam, pin_pad, profile=SAMPLE).purchase(700, AT)
    card = prepared()
    faulty = FaultyChannel(card, {sound.count: Fault(FaultKind.CORRUPT, bit=40)})  # second byte of MAC2
    terminal = POSTerminal(WithATR(faulty, card.atr), psam, pin_pad, profile=SAMPLE)
    with pytest.raises(DebitUnproven) as caught:
        terminal.purchase(700, AT)
    assert card.purse.balance() == 9300
    record = terminal.record(caught.value.receipt)  # the debit is not lost: its TAC decides at clearing
    assert (record.card_no, record.amount_fen) == ("X00000019", 700)
    message = tac.purchase_message(700, record.type, record.terminal_no, record.terminal_txn_no, AT)
    city = master_keys.city(KeyUsage.DTK, "430100")
    assert tac.verify_many(city, record.factor, [message], [record.tac]) == [tac.TacStatus.VERIFIED]


def test_after_a_loss_every_command_is_lost_until_mended(card: VirtualCard) -> None:
    faulty = FaultyChannel(card, {1: Fault(FaultKind.LOST_BEFORE)})
    for _ in range(2):
        with pytest.raises(CardLost):
            faulty.transmit(bytes.fromhex("0084000008"))
    faulty.mend()
    assert len(faulty.transmit(bytes.fromhex("0084000008"))) == 10


def test_error_texts_show_no_pin_and_no_key(card: VirtualCard, psam: VirtualPSAM, order_line: dict) -> None:
    terminal = medical(card, psam, FixedPinPad({PinPurpose.VERIFY: "987654"}), Centre())
    terminal.read_holder()
    with pytest.raises(PinWrong) as caught:
        terminal.settle(BILL)
    shown = f"{caught.value!s} {caught.value!r} {terminal!r} {card!r} {psam!r} {FixedPinPad(INITIAL)!r}"
    assert "987654" not in shown
    assert "123456" not in shown
    assert order_line["keys"]["IRK"] not in shown
