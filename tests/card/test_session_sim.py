"""Sessions with the virtual card and PSAM, which compute everything in their own code."""

import random
from collections.abc import Callable
from datetime import datetime
from itertools import product

import pytest

from apdu.errors import CardLost, UnexpectedStatus
from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from readers.sim.settings import SimSettings
from sbcard_core.card.errors import (
    InitialPinRefused,
    InternalAuthFailed,
    OutcomeUnknown,
    PinLengthRefused,
    PinLocked,
    PinWrong,
    PsamMissing,
    driver_code,
)
from sbcard_core.card.loadhost import KeyedLoadHost, LoadAuthorisation, LoadRequest
from sbcard_core.card.personalize import CardRequest, order_lines
from sbcard_core.card.profiles.v2 import SAMPLE, V2
from sbcard_core.card.purse import DebitUnproven, Purse
from sbcard_core.card.session import CardSession
from sbcard_core.crypto import tac
from sbcard_core.crypto.errors import AssumptionNotSet, MacMismatch
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.tac import TacStatus
from sbcard_core.errors import InvalidValue

KEYS = MasterKeys.simulation(237)
TRANSPORT = KEYS.get(KeyUsage.TRANSPORT)
TERMINAL = bytes.fromhex("430100000001")
AT = datetime(2014, 7, 31, 10, 20, 30)  # noqa: DTZ001 - terminals keep local time
NAME = "阿卜杜拉·买买提江·古丽巴哈尔"
ID = "430102198001010017"
OLD, NEW = "123456", "246810"
FACTOR = bytes.fromhex("8660140731000001")


def make_card(*, version: str = "2.00", keys: MasterKeys = KEYS, t0: bool = False) -> VirtualCard:
    request = CardRequest(
        1, "X00000019", "430100", bytes(4), FACTOR, ID, NAME, "2", "05", "19800101", "20140804", "20240804"
    )
    line = next(order_lines([request], keys, TRANSPORT))
    line["version"] = version
    settings = SimSettings(get_response=t0)
    return VirtualCard.from_order(line, TRANSPORT.material(), rng=random.Random(1).randbytes, settings=settings)


def make_psam(*usages: KeyUsage, t0: bool = False) -> VirtualPSAM:
    held = usages or (KeyUsage.IRK, KeyUsage.RK_SSSE, KeyUsage.UK_SSSE, KeyUsage.DPK)
    roots = {usage.value: KEYS.get(usage).material() for usage in held}
    return VirtualPSAM(roots, TERMINAL, rng=random.Random(2).randbytes, settings=SimSettings(get_response=t0))


def session(card: VirtualCard, psam: VirtualPSAM | None = None) -> CardSession:
    return CardSession(card, psam, profile=SAMPLE, rng=random.Random(3).randbytes)


class Falling:
    """A channel whose card is pulled out at a chosen command, before or after the card has run it."""

    def __init__(self, card: VirtualCard, ins: int, *, ran: bool) -> None:
        self.card, self.ins, self.ran, self.atr = card, ins, ran, card.atr

    def transmit(self, command: bytes) -> bytes:
        if command[1] != self.ins:
            return self.card.transmit(command)
        if self.ran:
            self.card.transmit(command)
        raise CardLost("pulled out")


@pytest.mark.parametrize("t0", [False, True])
def test_basic_data_come_back_as_ordered(t0: bool) -> None:
    card = make_card(t0=t0)
    basic = session(card).read_basic()
    assert (basic.name, basic.id_number, basic.sex, basic.ethnicity) == (NAME, ID, "2", "05")
    assert (basic.card_no, basic.version, basic.region) == ("X00000019", "2.00", "430100")
    assert (basic.issued_on, basic.expires_on, basic.birth_date) == ("20140804", "20240804", "19800101")
    line = basic.driver_line(card.atr, TERMINAL.hex())
    assert line.split("|")[5] == card.atr[4:].hex().upper()
    assert len(line.split("|")) == 12


def test_a_card_without_the_extension_of_the_name_is_read() -> None:
    card = make_card()
    name_file = card._files["SSSE", 0xEF06]
    name_file.records = [record for record in name_file.records if record[0] != 0x4E]
    basic = session(card).read_basic()
    assert NAME.startswith(basic.name)
    assert (basic.sex, basic.birth_date) == ("2", "19800101")


def test_a_third_generation_card_opens_its_holder_file_to_the_terminals_key() -> None:
    shut = session(make_card(version="3.00"), make_psam())
    with pytest.raises(UnexpectedStatus, match="read record 08") as caught:
        shut.read_basic(("id_number", "name"))
    assert driver_code(caught.value) == -27010
    before, opened_card_no = shut.apdu_count, shut.read_basic(("card_no",)).card_no
    assert (opened_card_no, shut.apdu_count - before) != ("", 0)
    before = shut.apdu_count
    part = shut.read_basic()
    assert (part.card_no, part.id_number) == (opened_card_no, "")
    assert set(part.unread) == {"id_number", "name", "sex", "ethnicity", "birthplace", "birth_date"}
    assert shut.apdu_count - before == 6 + 1  # what is read of EF05 is kept; the holder's file is asked for once
    with pytest.raises(UnexpectedStatus, match="read record 08"):
        part.require("card_no", "name")
    opened = session(make_card(version="3.00"), make_psam())
    opened.external_authenticate()
    assert opened.read_basic().id_number == ID


@pytest.mark.parametrize("t0", [False, True])
def test_mutual_authentication(t0: bool) -> None:
    talk = session(make_card(t0=t0), make_psam(t0=t0))
    talk.internal_authenticate()
    talk.external_authenticate(0x0A)
    talk.external_authenticate(0x04)
    talk.internal_authenticate()


def test_a_forged_card_is_found_out() -> None:
    forged = make_card(keys=MasterKeys.simulation(1))
    with pytest.raises(InternalAuthFailed) as caught:
        session(forged, make_psam()).internal_authenticate()
    assert caught.value.driver_code == -21
    with pytest.raises(UnexpectedStatus, match="external authenticate 0A") as refused:
        session(forged, make_psam()).external_authenticate()
    assert refused.value.sw.tries_left == 2
    assert driver_code(refused.value) == -25538


def test_a_copied_card_with_another_atr_is_found_out() -> None:
    card = make_card()
    other = bytes.fromhex("3B6D00000090000000") + bytes(8)
    with pytest.raises(InternalAuthFailed):
        CardSession(card, make_psam(), profile=SAMPLE, atr=other).internal_authenticate()


def test_what_a_terminal_lacks_is_said() -> None:
    with pytest.raises(PsamMissing) as missing:
        session(make_card()).internal_authenticate()
    assert missing.value.driver_code == -2201
    with pytest.raises(AssumptionNotSet):
        CardSession(make_card(), make_psam(), profile=V2).internal_authenticate()
    with pytest.raises(UnexpectedStatus, match="prepare the PSAM key") as keyless:
        session(make_card(), make_psam(KeyUsage.DPK)).external_authenticate()
    assert driver_code(keyless.value) == -27272
    with pytest.raises(InvalidValue, match="0B"):
        session(make_card(), make_psam()).external_authenticate(0x0B)


def test_pin_life() -> None:
    card = make_card()
    talk = session(card)
    talk.verify_pin(OLD)
    with pytest.raises(InitialPinRefused) as again:
        talk.change_pin(OLD, "888888")
    assert again.value.driver_code == -36
    talk.change_pin(OLD, NEW)
    for left in (2, 1):
        with pytest.raises(PinWrong) as wrong:
            talk.verify_pin(OLD)
        assert (wrong.value.tries_left, wrong.value.driver_code, wrong.value.step) == (left, -51, "verify PIN")
        assert OLD not in str(wrong.value)
    talk.verify_pin(NEW)
    for pin in ("", "12a4", "1" * 17, "１２３４"):
        with pytest.raises(PinLengthRefused):
            talk.verify_pin(pin)
    for _ in range(3):
        with pytest.raises((PinWrong, PinLocked)):
            talk.verify_pin("9999")
    with pytest.raises(PinLocked) as locked:
        talk.verify_pin(NEW)
    assert locked.value.driver_code == -52


def ready(card: VirtualCard) -> tuple[CardSession, Purse]:
    """A card whose holder has changed the initial PIN, with the purse ready."""
    talk = session(card)
    talk.change_pin(OLD, NEW)
    talk.verify_pin(NEW)
    return talk, Purse(card, profile=SAMPLE, session=talk)


@pytest.mark.parametrize("t0", [False, True])
def test_load_and_purchase_end_in_a_tac_the_centre_verifies(t0: bool) -> None:
    card, psam, host = make_card(t0=t0), make_psam(t0=t0), KeyedLoadHost(KEYS)
    _, purse = ready(card)
    loaded = purse.load(10_000, TERMINAL, AT, host)
    assert (loaded.balance_fen, host.loaded_fen, purse.balance()) == (10_000, 10_000, 10_000)
    receipts = [purse.purchase(amount, TERMINAL, psam, AT) for amount in (1, 250, 9_749)]
    assert [receipt.balance_fen for receipt in receipts] == [9_999, 9_749, 0]
    assert [receipt.offline_no for receipt in receipts] == [0, 1, 2]
    messages = [tac.purchase_message(r.amount_fen, r.type, r.terminal_no, r.terminal_txn_no, r.at) for r in receipts]
    city = KEYS.city(KeyUsage.DTK, receipts[0].city)
    tacs = [receipt.tac for receipt in receipts]
    assert tac.verify_many(city, FACTOR * 3, messages, tacs) == [TacStatus.VERIFIED] * 3
    assert tac.verify_many(city, FACTOR * 3, messages, tacs[::-1])[0] is TacStatus.MISMATCH
    with pytest.raises(UnexpectedStatus, match="initialize for purchase") as empty:
        purse.purchase(1, TERMINAL, psam, AT)
    assert empty.value.sw.value == 0x9401


class CrookedHost:
    """Answers a MAC2 of its own invention."""

    def authorise_load(self, request: LoadRequest) -> LoadAuthorisation:
        return LoadAuthorisation(bytes(4), request.at)


def test_no_money_moves_on_a_wrong_mac() -> None:
    card = make_card()
    _, purse = ready(card)
    with pytest.raises(UnexpectedStatus, match="credit for load") as refused:
        purse.load(100, TERMINAL, AT, CrookedHost())
    assert driver_code(refused.value) == -37634
    with pytest.raises(MacMismatch, match="MAC1"):
        purse.load(100, TERMINAL, AT, KeyedLoadHost(MasterKeys.simulation(1)))
    purse.load(100, TERMINAL, AT, KeyedLoadHost(KEYS))
    strange = VirtualPSAM({"DPK": bytes(range(16))}, TERMINAL, rng=random.Random(2).randbytes)
    with pytest.raises(UnexpectedStatus, match="debit for purchase"):
        purse.purchase(1, TERMINAL, strange, AT)
    assert purse.balance() == 100


@pytest.mark.parametrize(("ins", "ran"), list(product((0x52, 0x54), (False, True))))
def test_a_card_pulled_out_while_money_moves_leaves_the_outcome_unknown(ins: int, ran: bool) -> None:
    card, psam, host = make_card(), make_psam(), KeyedLoadHost(KEYS)
    _, purse = ready(card)
    purse.load(500, TERMINAL, AT, host)
    falling = Purse(Falling(card, ins, ran=ran), profile=SAMPLE)
    steps: dict[int, Callable[[], object]] = {
        0x52: lambda: falling.load(100, TERMINAL, AT, host),
        0x54: lambda: falling.purchase(100, TERMINAL, psam, AT),
    }
    with pytest.raises(OutcomeUnknown) as unknown:
        steps[ins]()
    assert isinstance(unknown.value.__cause__, CardLost)
    assert unknown.value.balance_before_fen == 500
    moved = {0x52: 100, 0x54: -100}[ins] if ran else 0
    assert purse.balance() == 500 + moved


class DoubtingPSAM:
    """Refuses every MAC2."""

    def __init__(self, inner: VirtualPSAM) -> None:
        self.inner = inner

    def transmit(self, command: bytes) -> bytes:
        return bytes.fromhex("9302") if command[:2] == b"\x80\x72" else self.inner.transmit(command)


def test_a_debit_the_psam_doubts_keeps_its_receipt() -> None:
    card = make_card()
    _, purse = ready(card)
    purse.load(500, TERMINAL, AT, KeyedLoadHost(KEYS))
    with pytest.raises(DebitUnproven, match="check MAC2") as doubt:
        purse.purchase(100, TERMINAL, DoubtingPSAM(make_psam()), AT)
    kept = doubt.value.receipt
    assert purse.balance() == kept.balance_fen == 400
    message = tac.purchase_message(kept.amount_fen, kept.type, kept.terminal_no, kept.terminal_txn_no, kept.at)
    assert tac.verify_many(KEYS.city(KeyUsage.DTK, kept.city), kept.factor, [message], [kept.tac]) == [0]


@pytest.mark.parametrize("ins", [0xA4, 0x50])
def test_a_card_pulled_out_earlier_is_simply_lost(ins: int) -> None:
    card = make_card()
    falling = Purse(Falling(card, ins, ran=False), profile=SAMPLE)
    with pytest.raises(CardLost) as lost:
        falling.load(100, TERMINAL, AT, KeyedLoadHost(KEYS))
    assert driver_code(lost.value) == -4


def test_without_the_issuers_data_the_purse_is_refused() -> None:
    card = make_card()
    with pytest.raises(AssumptionNotSet):
        Purse(card, profile=V2).load(100, TERMINAL, AT, KeyedLoadHost(KEYS))


class Recorder:
    """Passes commands on and keeps them."""

    def __init__(self, inner: VirtualPSAM) -> None:
        self.inner, self.sent = inner, []  # type: ignore[var-annotated]

    def transmit(self, command: bytes) -> bytes:
        self.sent.append(command)
        return self.inner.transmit(command)


def test_the_psam_gets_the_cards_factor_first_and_the_citys_second() -> None:
    recorder = Recorder(make_psam())
    CardSession(make_card(), recorder, profile=SAMPLE, rng=random.Random(3).randbytes).external_authenticate(0x04)
    prepare = recorder.sent[1]
    assert prepare[:5].hex().upper() == "BFDE481218"
    assert prepare[5:21] == FACTOR + b"430100sx"
    assert recorder.sent[2][:5].hex().upper() == "80FA000008"
