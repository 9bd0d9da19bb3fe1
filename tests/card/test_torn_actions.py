"""What follows from a verdict on a torn transaction: nobody charged twice, everything charged posted."""

import random
from collections import Counter
from pathlib import Path

import pytest

from apdu.errors import APDUError, CardLost, UnexpectedStatus
from readers.errors import Busy, ReaderError
from readers.sim.card import VirtualCard
from readers.sim.faults import Tear, TornChannel
from readers.sim.psam import VirtualPSAM
from sbcard_core.card.errors import CardDiffers, OutcomeUnknown
from sbcard_core.card.loadhost import KeyedLoadHost
from sbcard_core.card.money import DebitUnproven, MoneyRecord, Movement
from sbcard_core.card.profiles.v2 import V2
from sbcard_core.card.purse import Purse
from sbcard_core.card.session import CardSession
from sbcard_core.card.torn import Action, TacSource, Verdict, resolve
from sbcard_core.clearing import clear_journal, write_journal
from sbcard_core.errors import Refused, SBCardError
from sbcard_core.ledger import Ledger
from sbcard_core.store import Store
from tests.card.tearing import (
    AMOUNT,
    AT,
    HERE,
    KEYS,
    LINE,
    START,
    TRANSPORT,
    buy,
    expected_tac,
    load,
    make_card,
    make_psam,
    moved,
    open_purse,
    tears,
)


def charge(card: VirtualCard, tear: Tear | None) -> tuple[int, int]:
    """A shop that wants one purchase: it tries again only after "not debited". How often charged, how often posted."""
    psam, posted = make_psam(), 0
    channel = TornChannel(card, tear)
    for _ in range(3):
        try:
            buy(channel, psam)
        except OutcomeUnknown as error:
            channel.mend()
            found = resolve(open_purse(channel), error, keys=KEYS)
            if found.action is Action.NONE:
                continue
            posted += found.action is Action.POST
            break
        except SBCardError:
            channel.mend()
            continue
        posted += 1
        break
    return (START - card.purse.balance()) // AMOUNT, posted


@pytest.mark.parametrize("t0", [False, True])
def test_nobody_is_charged_twice_and_everything_charged_is_posted(t0: bool) -> None:
    outcomes: Counter[tuple[int, int]] = Counter()
    for tear in tears(Movement.PURCHASE, get_response=t0):
        outcomes[charge(make_card(get_response=t0), tear)] += 1
    print("charged, posted:", dict(outcomes))
    assert set(outcomes) == {(1, 1)}


def torn_purchase(tear: Tear, **settings: object) -> tuple[VirtualCard, TornChannel, OutcomeUnknown]:
    card = make_card(**settings)
    channel = TornChannel(card, tear)
    with pytest.raises(OutcomeUnknown) as unknown:
        buy(channel, make_psam())
    channel.mend()
    return card, channel, unknown.value


def test_what_is_posted_clears(tmp_path: Path) -> None:
    _, channel, unknown = torn_purchase(Tear(6, executed=True), keeps_proof=False)
    found = resolve(open_purse(channel), unknown, keys=KEYS)
    assert (found.verdict, found.action, found.tac_source) == (Verdict.DEBITED, Action.POST, TacSource.REBUILT)
    receipt = found.receipt("X00000019")
    assert expected_tac(found) == receipt.tac
    write_journal(tmp_path / "torn.csv", [receipt])
    with Store.open(f"sqlite:///{tmp_path}/books.sqlite") as store:
        report = clear_journal(store, Ledger(store), tmp_path / "torn.csv", KEYS, on=AT.date())
    assert (report.cleared_fen, report.suspended_fen) == (AMOUNT, 0)


def test_a_purchase_known_to_be_done_without_keys_waits_for_its_tac() -> None:
    _, channel, unknown = torn_purchase(Tear(6, executed=True), keeps_proof=False)
    found = resolve(open_purse(channel), unknown)
    assert (found.verdict, found.action, found.tac, found.tac_source) == (
        Verdict.DEBITED, Action.POST, b"", TacSource.MISSING,
    )  # fmt: skip
    with pytest.raises(Refused):
        found.receipt()


def test_the_cards_own_proof_gives_the_tac() -> None:
    _, channel, unknown = torn_purchase(Tear(6, executed=True))
    found = resolve(open_purse(channel, pin=False), unknown, uninterrupted=True)
    assert found.tac_source is TacSource.PROOF
    assert expected_tac(found) == found.receipt().tac


def test_a_load_that_did_not_arrive_is_given_back() -> None:
    host, card = KeyedLoadHost(KEYS), make_card()
    channel = TornChannel(card, Tear(6, executed=False))
    with pytest.raises(OutcomeUnknown) as unknown:
        load(channel, host)
    channel.mend()
    assert host.loaded_fen == AMOUNT
    assert resolve(open_purse(channel), unknown.value).action is Action.REVERSE


def test_another_card_is_not_judged() -> None:
    _, _, unknown = torn_purchase(Tear(6, executed=True))
    other = VirtualCard.from_order(
        {**LINE, "atr": LINE["atr"][:-2] + "77"}, TRANSPORT.material(), rng=random.Random(1).randbytes
    )
    with pytest.raises(CardDiffers) as differs:
        resolve(open_purse(other, pin=False), unknown)
    assert differs.value.driver_code == -22


def test_the_terminals_record_is_kept_before_the_card_is_told() -> None:
    kept: list[MoneyRecord] = []
    card = make_card()
    channel = TornChannel(card, Tear(6, executed=True))
    with pytest.raises(OutcomeUnknown) as unknown:
        open_purse(channel).purchase(AMOUNT, HERE, make_psam(), AT, journal=kept.append)
    assert kept == [unknown.value.record]

    def full_disk(record: MoneyRecord) -> None:
        raise OSError(f"no room for {record.movement}")

    card = make_card()
    with pytest.raises(OSError, match="no room"):
        open_purse(card).purchase(AMOUNT, HERE, make_psam(), AT, journal=full_disk)
    assert not moved(card)


class Liar:
    """Answers one instruction with bytes of its own, after or instead of the card."""

    def __init__(self, card: VirtualCard, ins: int, answer: bytes, *, run: bool) -> None:
        self.card, self.ins, self.answer, self.run, self.atr = card, ins, answer, run, card.atr

    def transmit(self, command: bytes) -> bytes:
        if command[1] != self.ins:
            return self.card.transmit(command)
        if self.run:
            self.card.transmit(command)
        return self.answer


@pytest.mark.parametrize(("answer", "run", "error"), [
    ("9302", False, UnexpectedStatus),
    ("9302", True, OutcomeUnknown),
    ("1234", False, OutcomeUnknown),
    ("010203049000", True, OutcomeUnknown),
    ("01020304050607086581", True, OutcomeUnknown),
    ("01020304050607089302", False, OutcomeUnknown),
    ("9000", False, OutcomeUnknown),
    ("93", True, OutcomeUnknown),
    ("", True, OutcomeUnknown),
])  # fmt: skip
def test_a_refusal_is_believed_only_while_the_balance_stands(answer: str, run: bool, error: type[APDUError]) -> None:
    card = make_card()
    with pytest.raises(error):
        buy(Liar(card, 0x54, bytes.fromhex(answer), run=run), make_psam())


class GonePSAM:
    """A PSAM pulled out when it should check MAC2."""

    def __init__(self) -> None:
        self.inner = make_psam()

    def transmit(self, command: bytes) -> bytes:
        if command[:2] == b"\x80\x72":
            raise CardLost("no PSAM")
        return self.inner.transmit(command)


def test_a_psam_lost_after_the_debit_does_not_lose_the_receipt() -> None:
    card = make_card()
    with pytest.raises(DebitUnproven) as doubt:
        open_purse(card).purchase(AMOUNT, HERE, GonePSAM(), AT)
    assert doubt.value.receipt.balance_fen == card.purse.balance() == START - AMOUNT


class Failing:
    """A channel of another package, whose driver fails at one instruction in its own way, after the card has acted."""

    def __init__(self, inner: VirtualCard | VirtualPSAM, ins: int, error: SBCardError) -> None:
        self.inner, self.ins, self.error, self.atr = inner, ins, error, b""
        self.atr = getattr(inner, "atr", b"")

    def transmit(self, command: bytes) -> bytes:
        answer = self.inner.transmit(command)
        if command[1] == self.ins:
            raise self.error
        return answer


@pytest.mark.parametrize("error", [ReaderError("0000001F"), Busy("no"), SBCardError("x"), CardLost("y")])
def test_whatever_a_driver_calls_its_failure_money_that_may_have_moved_is_unknown(error: SBCardError) -> None:
    card = make_card()
    with pytest.raises(OutcomeUnknown) as unknown:
        buy(Failing(card, 0x54, error), make_psam())
    assert (unknown.value.balance_before_fen, card.purse.balance()) == (START, START - AMOUNT)
    card = make_card()
    with pytest.raises(DebitUnproven) as doubt:
        open_purse(card).purchase(AMOUNT, HERE, Failing(make_psam(), 0x72, error), AT)
    assert doubt.value.receipt.balance_fen == card.purse.balance() == START - AMOUNT
    assert (doubt.value.sw.value, "TAC" in doubt.value.advice) == (0x6F00, True)


def test_without_the_issuers_data_less_is_seen() -> None:
    card = make_card()
    session = CardSession(card, profile=V2)
    purse = Purse(card, profile=V2, session=session)
    assert purse.proof(6, 0) is None
    assert purse.log() is None


# --- torn again and again


class ManyTears:
    """A card torn out at random commands and bytes, also while the evidence is read."""

    def __init__(self, card: VirtualCard, rng: random.Random, rate: float) -> None:
        self.card, self.rng, self.rate, self.atr, self.gone = card, rng, rate, card.atr, False
        self.tears = 0

    def put_back(self) -> None:
        self.gone = False
        self.card.reset()

    def transmit(self, command: bytes) -> bytes:
        if self.gone:
            raise CardLost("gone")
        if self.rng.random() > self.rate:
            return self.card.transmit(command)
        self.gone = True
        self.tears += 1
        if self.rng.random() < 0.5:
            raise CardLost("before")
        if self.rng.random() < 0.3:
            self.card.purse.lose_next_log()
        answer = self.card.transmit(command)
        if self.rng.random() < 0.5:
            raise CardLost("after")
        return answer[: self.rng.randrange(len(answer))]


def shop(seed: int, rate: float) -> tuple[int, int, int]:
    """One purchase wanted, the card torn again and again: times charged, posted, held."""
    rng, card, psam = (
        random.Random(seed),
        make_card(get_response=bool(seed % 2), keeps_proof=bool(seed % 3)),
        make_psam(),
    )
    channel = ManyTears(card, rng, rate)
    unknown: OutcomeUnknown | None = None
    for _ in range(200):
        channel.put_back()
        try:
            if unknown is not None:
                found = resolve(open_purse(channel), unknown, keys=KEYS)
                if found.action is not Action.NONE:
                    return (
                        (START - card.purse.balance()) // AMOUNT,
                        int(found.action is Action.POST),
                        int(found.action is Action.HOLD),
                    )
                unknown = None
            else:
                buy(channel, psam)
                return (START - card.purse.balance()) // AMOUNT, 1, 0
        except OutcomeUnknown as error:
            unknown = error
        except SBCardError:
            continue
    return (START - card.purse.balance()) // AMOUNT, 0, 0


def many_shops(seeds: range, rate: float) -> None:
    outcomes = Counter(shop(seed, rate) for seed in seeds)
    print("charged, posted, held:", dict(outcomes))
    assert set(outcomes) <= {(1, 1, 0), (0, 0, 1), (1, 0, 1), (0, 0, 0)}
    assert outcomes[1, 1, 0] > 0.8 * outcomes.total()


@pytest.mark.parametrize("rate", [0.05, 0.15])
def test_a_card_torn_again_and_again_is_charged_once(rate: float) -> None:
    many_shops(range(300), rate)


@pytest.mark.soak
@pytest.mark.parametrize("rate", [0.02, 0.05, 0.1, 0.15])
def test_many_cards_torn_again_and_again_are_charged_once(rate: float) -> None:
    many_shops(range(1000, 11_000), rate)
