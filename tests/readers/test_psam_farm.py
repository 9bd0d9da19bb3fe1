"""The farm: nobody waits behind a later comer, and no flood of wrong MACs locks a PSAM."""

import random
import threading
from collections import Counter
from datetime import datetime

import pytest

from apdu import instructions
from apdu import psam as sam
from apdu.channel import CardChannel
from apdu.errors import CardLost
from readers.psam_farm import (
    FarmBusy,
    FarmExhausted,
    FarmRules,
    Lease,
    PsamFarm,
    PsamResting,
    PsamState,
    numbered,
)
from readers.sim.cipher import diversify, encryptor, mac
from readers.sim.psam import VirtualPSAM
from readers.sim.settings import SimSettings
from sbcard_core.errors import InvalidValue
from tests.readers.service import SECONDS

ROOT = bytes(range(16))
CITY, CARD = b"430100sx", bytes.fromhex("8660010203040506")
NOW = datetime(2014, 7, 31, 9, 30)  # noqa: DTZ001 - terminals keep local time
CARD_KEY = encryptor(diversify(encryptor(diversify(encryptor(ROOT), CITY)), CARD))
MAC2 = bytes.fromhex("8072000004")


def virtual_psam(seed: int, **settings: int) -> VirtualPSAM:
    made = VirtualPSAM(
        {"DPK": ROOT},
        bytes.fromhex("430100000001"),
        rng=random.Random(seed).randbytes,
        settings=SimSettings(**settings),
    )
    made.transmit(instructions.select_aid(sam.PSAM_AID).encode())
    return made


class Scripted:
    """A PSAM that answers what it is told to; None = gone."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.seen: list[bytes] = []

    def transmit(self, command: bytes) -> bytes:
        self.seen.append(command)
        answer = self.answers.pop(0) if self.answers else "9000"
        if answer is None:
            raise CardLost("gone")
        return bytes.fromhex(answer)


def check_mac2(psam: CardChannel) -> bytes:
    return psam.transmit(MAC2 + bytes(4))


class TestCount:
    def test_the_last_try_is_never_used(self) -> None:
        psam = Scripted("9302", "9302", "9302")
        farm = PsamFarm({"A": psam}, rules=FarmRules(limit=3, reserve=1))
        with farm.lease() as held:
            check_mac2(held)
            check_mac2(held)
            with pytest.raises(PsamResting):
                check_mac2(held)
        assert len(psam.seen) == 2
        with pytest.raises(FarmExhausted):
            farm.lease().__enter__()

    @pytest.mark.parametrize(("good_restores", "left"), [(True, 0), (False, 1)])
    def test_whether_a_good_mac_restores_is_data(self, good_restores: bool, left: int) -> None:
        farm = PsamFarm({"A": Scripted("9302", "9000")}, rules=FarmRules(good_restores=good_restores))
        with farm.lease() as held:
            check_mac2(held)
            check_mac2(held)
        assert farm.failures() == {"A": left}

    @pytest.mark.parametrize("answer", ["9302", "6901", "6F00", "63C2", None])
    def test_every_answer_but_9000_counts_and_none_too(self, answer: str | None) -> None:
        farm = PsamFarm({"A": Scripted(answer)})
        with farm.lease() as held:
            if answer is None:
                with pytest.raises(CardLost):
                    check_mac2(held)
            else:
                check_mac2(held)
        assert farm.failures() == {"A": 1}

    def test_the_count_is_told_before_the_mac_is_sent(self) -> None:
        told: list[tuple[str, int, int]] = []
        psam = Scripted("9302")
        farm = PsamFarm({"A": psam}, changed=lambda name, count: told.append((name, count, len(psam.seen))))
        with farm.lease() as held:
            check_mac2(held)
        assert told == [("A", 1, 0)]

    def test_a_count_from_before_holds(self) -> None:
        farm = PsamFarm(numbered([Scripted(), Scripted()]), failures={"PSAM 1": 2})
        assert farm.states() == {"PSAM 1": PsamState.RESTING, "PSAM 2": PsamState.IN_SERVICE}
        with farm.lease() as held:
            assert held.name == "PSAM 2"

    @pytest.mark.parametrize("answer", ["9303", "6983"])
    def test_a_psam_that_says_it_is_locked_is_out(self, answer: str) -> None:
        farm = PsamFarm({"A": Scripted(answer)})
        with farm.lease() as held:
            held.transmit(bytes.fromhex("807000001C") + bytes(28))
        assert farm.states() == {"A": PsamState.LOCKED}
        farm.restore("A", Scripted())
        assert farm.states() == {"A": PsamState.IN_SERVICE}

    @pytest.mark.parametrize(("limit", "reserve"), [(3, 0), (3, 3), (1, 1)])
    def test_a_reserve_is_kept(self, limit: int, reserve: int) -> None:
        with pytest.raises(InvalidValue):
            FarmRules(limit=limit, reserve=reserve)


class TestLease:
    def test_the_longest_idle_goes_first(self) -> None:
        farm = PsamFarm(numbered([Scripted() for _ in range(3)]))
        names = []
        for _ in range(6):
            with farm.lease() as held:
                names.append(held.name[-1])
        assert "".join(names) == "123123"

    def test_a_lease_ends(self) -> None:
        farm = PsamFarm({"A": Scripted()})
        with farm.lease() as held:
            pass
        with pytest.raises(Exception, match="has ended"):
            held.transmit(b"")

    def test_waiting_has_a_limit(self) -> None:
        farm = PsamFarm({"A": Scripted()})
        with farm.lease(), pytest.raises(FarmBusy), farm.lease(timeout=0.01):
            pass

    def test_first_come_first_served(self) -> None:
        """Ten wait for one PSAM; each gets it in the order of coming."""
        farm, order, held = PsamFarm({"A": Scripted()}), list[int](), threading.Event()

        def visit(number: int) -> None:
            with farm.lease():
                order.append(number)

        threads = [threading.Thread(target=visit, args=(number,)) for number in range(10)]
        with farm.lease():
            for number, thread in enumerate(threads):
                thread.start()
                while len(farm._waiting) <= number:
                    held.wait(0.001)
        for thread in threads:
            thread.join(SECONDS)
        assert order == list(range(10))

    def test_two_never_share_a_psam(self) -> None:
        farm = PsamFarm(numbered([Scripted() for _ in range(3)]))
        inside, worst, lock = Counter[str](), [0], threading.Lock()

        def visits() -> None:
            for _ in range(200):
                with farm.lease() as held:
                    with lock:
                        inside[held.name] += 1
                        worst[0] = max(worst[0], inside[held.name])
                    held.transmit(b"\x00\x84\x00\x00\x04")
                    with lock:
                        inside[held.name] -= 1

        threads = [threading.Thread(target=visits) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(SECONDS)
        assert worst == [1]
        assert not +inside


class TestLoss:
    def test_a_lost_psam_is_powered_on_at_its_next_turn(self) -> None:
        asked: list[str] = []

        def power_on(name: str) -> Scripted:
            asked.append(name)
            return Scripted()

        farm = PsamFarm({"A": Scripted(None)}, power_on=power_on)
        with farm.lease() as held, pytest.raises(CardLost):
            held.transmit(b"\x00\x84\x00\x00\x04")
        assert farm.states() == {"A": PsamState.LOST}
        with farm.lease() as held:
            held.transmit(b"\x00\x84\x00\x00\x04")
        assert (asked, farm.states()) == (["A"], {"A": PsamState.IN_SERVICE})

    def test_one_that_stays_away_does_not_stop_the_others(self) -> None:
        def power_on(name: str) -> Scripted:
            raise CardLost("still gone")

        farm = PsamFarm({"A": Scripted(None), "B": Scripted()}, power_on=power_on)
        with farm.lease() as held, pytest.raises(CardLost):
            held.transmit(b"\x00\x84\x00\x00\x04")
        for _ in range(3):
            with farm.lease(timeout=SECONDS) as held:
                assert held.name == "B"

    def test_waiters_learn_that_none_will_come(self) -> None:
        farm, failed = PsamFarm({"A": Scripted(None)}), threading.Event()

        def wait() -> None:
            with pytest.raises(FarmExhausted):
                farm.lease(timeout=SECONDS).__enter__()
            failed.set()

        with farm.lease() as held:
            waiter = threading.Thread(target=wait)
            waiter.start()
            with pytest.raises(CardLost):
                held.transmit(b"\x00\x84\x00\x00\x04")
        assert failed.wait(SECONDS)
        waiter.join(SECONDS)


def debit(psam: CardChannel, rng: random.Random, fault: str) -> bytes:
    """One purchase as the PSAM sees it; the card's part is computed here."""
    request = sam.SamPurchaseRequest(rng.randbytes(4), rng.randrange(65536), 1200, 6, NOW, 1, 0, (CARD, CITY))
    answer = psam.transmit(sam.init_sam_for_purchase(request).encode())
    assert answer[-2:] == b"\x90\x00"
    if fault == "card pulled":
        return b""
    number = request.card_txn_no.to_bytes(2, "big")
    mac2 = mac(CARD_KEY(request.card_random + number + answer[2:4]), (1200).to_bytes(4, "big"))
    if fault == "forged card":
        mac2 = rng.randbytes(4)
    if fault == "flipped bit":
        mac2 = bytes((mac2[0] ^ 1 << rng.randrange(8),)) + mac2[1:]
    return psam.transmit(MAC2 + mac2)


def flood(debits: int, seed: int, *, good_restores: bool) -> Counter[str]:
    """Debits through a farm of five, a tenth of them faulted; an officer restores PSAMs when none is left."""
    rng = random.Random(seed)
    # a real PSAM's count lives through a restore by its issuer only: the officer exchanges a resting one
    rules = FarmRules(limit=3, reserve=1, good_restores=good_restores)
    psams = {f"P{at}": virtual_psam(at, psam_mac_budget=3) for at in range(5)}
    farm, seen = PsamFarm(psams, rules=rules), Counter[str]()
    faults = ["none"] * 27 + ["card pulled", "forged card", "flipped bit"]
    for at in range(debits):
        fault = rng.choice(faults)
        try:
            with farm.lease() as held:
                answer = debit(held, rng, fault)
        except FarmExhausted:
            for name, state in farm.states().items():
                assert state is PsamState.RESTING  # never locked
                seen["restored"] += 1
                farm.restore(name, virtual_psam(at, psam_mac_budget=3))
            continue
        seen[fault] += 1
        seen["refused"] += answer == b"\x93\x02"
        seen["locked"] += answer in (b"\x93\x03", b"\x69\x83")
    assert seen["refused"] == seen["forged card"] + seen["flipped bit"]
    return seen


@pytest.mark.parametrize("good_restores", [True, False])
def test_ten_thousand_faulted_debits_lock_none(good_restores: bool) -> None:
    seen = flood(10_000, 1, good_restores=good_restores)
    assert seen["locked"] == 0
    assert seen["refused"] > 500
    assert seen["restored"] > 0


@pytest.mark.soak
def test_a_million_faulted_debits_lock_none() -> None:
    seen = flood(1_000_000, 2, good_restores=True)
    print(f"\nfarm: {dict(seen)}")
    assert seen["locked"] == 0


def test_without_a_farm_the_same_flood_locks() -> None:
    """The proof that the flood above is a flood."""
    rng, psam = random.Random(3), virtual_psam(9, psam_mac_budget=3)
    answers = [debit(psam, rng, "forged card") for _ in range(3)]
    assert answers == [b"\x93\x02"] * 3
    with pytest.raises(AssertionError):
        debit(psam, rng, "none")


def test_a_lease_is_a_channel() -> None:
    assert isinstance(Lease.__new__(Lease), CardChannel)
