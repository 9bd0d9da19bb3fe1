"""Torn transactions: a card pulled at every command and every byte, and a proof that undecidable means undecidable."""

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from apdu.errors import APDUError, CardLost, UnexpectedStatus
from readers.sim.card import VirtualCard
from readers.sim.faults import Tear, TornChannel
from readers.sim.psam import VirtualPSAM
from readers.sim.settings import SimSettings
from sbcard_core.card.errors import CardDiffers, OutcomeUnknown
from sbcard_core.card.loadhost import KeyedLoadHost
from sbcard_core.card.money import DebitUnproven, MoneyRecord, Movement
from sbcard_core.card.personalize import CardRequest, order_lines
from sbcard_core.card.profiles.v2 import SAMPLE, V2
from sbcard_core.card.purse import Proof, Purse
from sbcard_core.card.session import CardSession
from sbcard_core.card.torn import Action, Evidence, Settlement, TacSource, Verdict, decide, gather, resolve
from sbcard_core.clearing import clear_journal, write_journal
from sbcard_core.crypto import tac
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.tac import TacStatus
from sbcard_core.errors import Refused, SBCardError
from sbcard_core.ledger import Ledger
from sbcard_core.store import Store

KEYS = MasterKeys.simulation(1207)
TRANSPORT = KEYS.get(KeyUsage.TRANSPORT)
HERE, THERE = bytes.fromhex("430100000001"), bytes.fromhex("430200000009")
AT = datetime(2014, 7, 31, 10, 20, 30)  # noqa: DTZ001 - terminals keep local time
FACTOR = bytes.fromhex("8660140731000001")
OLD, NEW = "123456", "246810"
LINE = next(
    order_lines(
        [CardRequest(1, "X00000019", "430100", bytes(4), FACTOR, "111111198101011110", "李珅", "1", "01", "19810101",
                     "20140804", "20240804")],
        KEYS, TRANSPORT,
    )
)  # fmt: skip
START = 5000
AMOUNT = 1200


def make_card(**settings: object) -> VirtualCard:
    line = {**LINE, "purse": {"balance": START}}
    made = SimSettings(**settings)  # type: ignore[arg-type]
    card = VirtualCard.from_order(line, TRANSPORT.material(), rng=random.Random(5).randbytes, settings=made)
    CardSession(card, profile=SAMPLE).change_pin(OLD, NEW)
    card.reset()
    return card


def make_psam(terminal: bytes = HERE, **settings: object) -> VirtualPSAM:
    roots = {"DPK": KEYS.get(KeyUsage.DPK).material()}
    made = SimSettings(**settings)  # type: ignore[arg-type]
    return VirtualPSAM(roots, terminal, rng=random.Random(6).randbytes, settings=made)


def open_purse(channel: object, *, pin: bool = True) -> Purse:
    session = CardSession(channel, profile=SAMPLE)  # type: ignore[arg-type]
    if pin:
        session.verify_pin(NEW)
    return Purse(channel, profile=SAMPLE, session=session)  # type: ignore[arg-type]


def buy(
    channel: object, psam: VirtualPSAM, *, terminal: bytes = HERE, at: datetime = AT, amount: int = AMOUNT
) -> object:
    return open_purse(channel).purchase(amount, terminal, psam, at)


def load(
    channel: object, host: KeyedLoadHost, *, terminal: bytes = HERE, at: datetime = AT, amount: int = AMOUNT
) -> object:
    return open_purse(channel).load(amount, terminal, at, host)


MOVES: dict[Movement, Callable[[object], object]] = {
    Movement.PURCHASE: lambda channel: buy(channel, make_psam()),
    Movement.LOAD: lambda channel: load(channel, KeyedLoadHost(KEYS)),
}


def tears(movement: Movement, **settings: object) -> Iterator[Tear]:
    """Every command: not run; run and torn at every byte of the answer, lost or delivered cut, log kept or lost."""
    whole = TornChannel(make_card(**settings))
    MOVES[movement](whole)
    for command, length in enumerate(whole.answers, 1):
        yield Tear(command, executed=False)
        for received, delivered, log_lost in product(range(length), (False, True), (False, True)):
            yield Tear(command, executed=True, received=received, delivered=delivered, log_lost=log_lost)


def moved(card: VirtualCard) -> bool:
    return card.purse.balance() != START


def test_tears_reach_every_command_of_both_movements() -> None:
    counts = {m: (len({t.command for t in tears(m)}), sum(1 for _ in tears(m))) for m in Movement}
    print("tears:", counts)
    assert counts[Movement.PURCHASE][0] == counts[Movement.LOAD][0] == 6


@pytest.mark.parametrize("t0", [False, True])
@pytest.mark.parametrize("movement", list(Movement))
def test_the_verdict_is_right_at_every_tear(movement: Movement, t0: bool) -> None:
    """The card comes straight back, with and without the PIN, with and without the terminal's certainty of that."""
    seen: Counter[str] = Counter()
    for tear, pin, kept in product(list(tears(movement, get_response=t0)), (True, False), (True, False)):
        card = make_card(get_response=t0)
        channel = TornChannel(card, tear)
        try:
            MOVES[movement](channel)
        except OutcomeUnknown as error:
            channel.mend()
            found = resolve(open_purse(channel, pin=pin), error, uninterrupted=kept, keys=KEYS)
            right = Verdict.DEBITED if moved(card) else Verdict.NOT_DEBITED
            seen[found.verdict.value] += 1
            # Straight back: with the counter (which wants the PIN), the log or the proof nothing stays open, unless
            # another terminal might have had the card and the log was lost.
            allowed = {right} if kept or (pin and not tear.log_lost) else {right, Verdict.UNDECIDABLE}
            assert found.verdict in allowed, (tear, pin, kept, found)
            assert not found.contradictory
            if found.verdict is Verdict.DEBITED:
                assert found.tac == expected_tac(found)
        except SBCardError:
            seen["known at once: nothing moved"] += 1
            assert not moved(card), tear
        else:
            pytest.fail(f"{tear} went unnoticed")
    print(movement.value, "T=0" if t0 else "T=1", dict(seen))


def expected_tac(found: Settlement) -> bytes:
    record = found.record
    if record.movement is Movement.LOAD:
        return found.tac
    message = tac.purchase_message(
        record.amount_fen, record.type, record.terminal_no, record.terminal_txn_no, record.at
    )
    city = KEYS.city(KeyUsage.DTK, record.city)
    assert tac.verify_many(city, record.factor, [message], [found.tac]) == [TacStatus.VERIFIED]
    return found.tac


AFTER: dict[str, Callable[[VirtualCard], object]] = {
    "nothing": lambda card: None,
    "the same purchase elsewhere": lambda card: buy(
        card, make_psam(THERE), terminal=THERE, at=AT + timedelta(minutes=5)
    ),
    "another purchase elsewhere": lambda card: buy(card, make_psam(THERE), terminal=THERE, at=AT, amount=700),
    "two purchases elsewhere": lambda card: [
        buy(card, make_psam(THERE, first_terminal_txn_no=n), terminal=THERE, at=AT + timedelta(minutes=n), amount=300)
        for n in (1, 2)
    ],
    "the same load elsewhere": lambda card: load(
        card, KeyedLoadHost(KEYS), terminal=THERE, at=AT + timedelta(minutes=5)
    ),
    "another load elsewhere": lambda card: load(card, KeyedLoadHost(KEYS), terminal=THERE, amount=100),
}
SEEN_WITH: dict[str, dict[str, object]] = {
    "everything": {},
    "no proof kept": {"keeps_proof": False},
    "a short log": {"log_records": 1, "keeps_proof": False},
    "no log": {"log_rule": "never", "keeps_proof": False},
}


@pytest.mark.parametrize("sight", list(SEEN_WITH))
@pytest.mark.parametrize("movement", list(Movement))
def test_other_terminals_in_between_never_turn_the_verdict(movement: Movement, sight: str) -> None:
    """Tears at the committing command, then the card is used elsewhere before it comes back. Wrong verdicts: none."""
    settings = SEEN_WITH[sight]
    seen: Counter[str] = Counter()
    for tear, after, pin in product(
        [Tear(6, executed=False), Tear(6, executed=True), Tear(6, executed=True, log_lost=True)], AFTER, (True, False)
    ):
        card = make_card(**settings)
        channel = TornChannel(card, tear)
        with pytest.raises(OutcomeUnknown) as unknown:
            MOVES[movement](channel)
        done = moved(card)
        card.reset()
        AFTER[after](card)
        channel.mend()
        record = unknown.value.record
        assert isinstance(record, MoneyRecord)
        evidence = gather(open_purse(channel, pin=pin), record, keys=KEYS)
        found = decide(record, evidence, keys=KEYS)
        seen[found.verdict.value] += 1
        assert not found.contradictory
        assert found.verdict in {Verdict.UNDECIDABLE, Verdict.DEBITED if done else Verdict.NOT_DEBITED}, (after, found)
        if pin and not tear.log_lost and sight in {"everything", "no proof kept"}:
            assert found.verdict is not Verdict.UNDECIDABLE
    print(movement.value, sight, dict(seen))


# --- the proof that undecidable means undecidable: every short history of a card, and what can be seen of each

N, BALANCE, OURS = 7, 500, 30
Step = tuple[str, int, bool]  # kind, amount, log lost
SHORT: list[tuple[Step, ...]] = [
    (),
    *(((kind, amount, lost),) for kind, amount, lost in product(("purchase", "load"), (10, 30, 50), (False, True))),
]
"""What may have happened to the card since: nothing, or one transaction at another terminal."""
_FIRST: list[Step] = list(product(("purchase", "load"), range(10, 90, 10), (False, True)))
LONG: list[tuple[Step, ...]] = [(), *((step,) for step in _FIRST), *product(_FIRST, _FIRST)]
"""Enough histories for every short one to find its twin with the opposite truth, if there is one."""
Shown = tuple[int, int, tuple[tuple[int, bool], ...], bool | None]


def record_of(movement: Movement) -> MoneyRecord:
    kind = 6 if movement is Movement.PURCHASE else 2
    return MoneyRecord(movement, FACTOR, "430100", OURS, BALANCE, N, HERE, 1, kind, 1, 0, AT)


def worlds(movement: Movement, histories: list[tuple[Step, ...]]) -> Iterator[tuple[bool, Shown]]:
    """Truth and what the card shows: counter, balance, log of this kind, and whose the last proof of N is."""
    for done, log_lost, history in product((True, False), (True, False), histories):
        counter, balance, last = N, BALANCE, None
        log: list[tuple[int, bool]] = []
        ours = [(movement.value, OURS, log_lost, True)] if done else []
        for kind, amount, lost, mine in [*ours, *((*step, False) for step in history)]:
            balance += amount if kind == "load" else -amount
            last = None
            if kind == movement.value:
                last = (counter, mine)
                log += [] if lost else [(counter, mine)]
                counter += 1
        yield done, (counter, balance, tuple(log), last[1] if last and last[0] == N else None)


@pytest.mark.parametrize("movement", list(Movement))
@pytest.mark.parametrize("depth", [1, 30])
def test_a_verdict_is_given_exactly_where_the_evidence_tells_the_worlds_apart(movement: Movement, depth: int) -> None:
    """Sound over all histories; and each undecidable evidence is shown by a card that did and by one that did not."""
    record = record_of(movement)
    long, short = list(worlds(movement, LONG)), list(worlds(movement, SHORT))
    decided = undecided = 0
    for sight in product((True, False), repeat=4):

        def seen(shown: Shown, sight: tuple[bool, ...] = sight) -> tuple[object, ...]:
            parts = (shown[0], shown[1], shown[2][-depth:], shown[3])
            return tuple(part if eye else None for part, eye in zip(parts, sight, strict=True))

        truths: dict[tuple[object, ...], set[bool]] = defaultdict(set)
        for done, shown in long:
            truths[seen(shown)].add(done)
        bases = {seen(shown) for _, shown in short}
        for evidence, possible in truths.items():
            number, balance, log, fits = evidence
            verdict = decide(
                record,
                Evidence(
                    number=number,  # type: ignore[arg-type]
                    balance_fen=balance,  # type: ignore[arg-type]
                    log=None if log is None else dict(log),  # type: ignore[call-overload]
                    proof=None if fits is None else Proof(bytes(4), bytes(4)),
                    proof_fits=fits,  # type: ignore[arg-type]
                ),
            ).verdict
            if verdict is not Verdict.UNDECIDABLE:
                decided += 1
                assert possible == {verdict is Verdict.DEBITED}, evidence
            elif evidence in bases:
                undecided += 1
                assert possible == {True, False}, evidence
    print(
        movement.value,
        f"log of {depth}:",
        decided,
        "kinds of evidence decided,",
        undecided,
        "undecidable, each twinned",
    )


# --- what follows


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


def test_contradictory_evidence_is_held_not_believed() -> None:
    record = record_of(Movement.PURCHASE)
    for evidence in (
        Evidence(number=N - 1),
        Evidence(number=N, log={N: True}),
        Evidence(number=N + 1, balance_fen=BALANCE - 1, uninterrupted=True),
    ):
        found = decide(record, evidence)
        assert (found.verdict, found.action, found.contradictory) == (Verdict.UNDECIDABLE, Action.HOLD, True)


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
