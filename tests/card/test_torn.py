"""Verdicts on torn transactions: at every command and byte, and a proof that undecidable means undecidable."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest

from apdu.purse import pack_datetime
from readers.sim.card import VirtualCard
from readers.sim.faults import Tear, TornChannel
from sbcard_core.card.errors import OutcomeUnknown
from sbcard_core.card.loadhost import KeyedLoadHost
from sbcard_core.card.money import MoneyRecord, Movement
from sbcard_core.card.purse import Proof
from sbcard_core.card.torn import Action, Evidence, TacSource, Verdict, decide, gather, rebuild_tac, resolve
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.rules import PurseRules
from sbcard_core.errors import Refused, SBCardError
from tests.card.tearing import (
    AT,
    FACTOR,
    HERE,
    KEYS,
    MOVES,
    THERE,
    buy,
    expected_tac,
    load,
    make_card,
    make_psam,
    moved,
    open_purse,
    tears,
)


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


def test_contradictory_evidence_is_held_not_believed() -> None:
    record = record_of(Movement.PURCHASE)
    for evidence in (
        Evidence(number=N - 1),
        Evidence(number=N, log={N: True}),
        Evidence(number=N + 1, balance_fen=BALANCE - 1, uninterrupted=True),
    ):
        found = decide(record, evidence)
        assert (found.verdict, found.action, found.contradictory) == (Verdict.UNDECIDABLE, Action.HOLD, True)


def test_rules_that_are_given_come_before_the_profiles() -> None:
    """Which fields a load's TAC covers is a rule: without it the card's proof can be seen and not checked."""
    card = make_card()
    channel = TornChannel(card, Tear(6, executed=True))
    with pytest.raises(OutcomeUnknown) as unknown:
        MOVES[Movement.LOAD](channel)
    channel.mend()
    record = unknown.value.record
    assert isinstance(record, MoneyRecord)
    own = gather(open_purse(channel), record, keys=KEYS)
    none = gather(open_purse(channel), record, keys=KEYS, rules=PurseRules())
    assert (own.proof is not None, own.proof_fits, none.proof == own.proof, none.proof_fits) == (True, True, True, None)
    found = resolve(open_purse(channel), record, keys=KEYS, rules=PurseRules())
    assert "the card's TAC is that of the record" not in found.reasons
    assert "the card's TAC is that of the record" in resolve(open_purse(channel), record, keys=KEYS).reasons
    assert (rebuild_tac(record, KEYS, rules=PurseRules()), rebuild_tac(record, None)) == (b"", b"")
    forgetful = TornChannel(make_card(keeps_proof=False), Tear(6, executed=True))
    with pytest.raises(OutcomeUnknown) as unknown:
        MOVES[Movement.LOAD](forgetful)
    forgetful.mend()
    by_profile = resolve(open_purse(forgetful), unknown.value, uninterrupted=True, keys=KEYS)
    by_none = resolve(open_purse(forgetful), unknown.value, uninterrupted=True, keys=KEYS, rules=PurseRules())
    assert (by_profile.tac, by_profile.tac_source) == (expected_tac(by_profile), TacSource.REBUILT)
    assert (by_none.tac, by_none.tac_source) == (b"", TacSource.MISSING)


def test_evidence_and_settlement_hide_proof_and_tac() -> None:
    """And each word for the clerk is one word."""
    tac = bytes.fromhex("A1B2C3D4")
    record = record_of(Movement.PURCHASE)
    evidence = Evidence(N + 1, proof=Proof(tac, tac), proof_fits=True)
    found = decide(record, evidence)
    assert (found.tac, found.tac_source, found.action) == (tac, TacSource.PROOF, Action.POST)
    assert repr(tac) not in repr(evidence) + repr(found)
    assert len({verdict.zh for verdict in Verdict}) == len(Verdict)
    rebuilt = decide(record, Evidence(N + 1, uninterrupted=True), keys=KEYS)
    assert (len(rebuilt.tac), rebuilt.tac_source) == (4, TacSource.REBUILT)
    missing = decide(record, Evidence(N + 1, uninterrupted=True))
    assert (missing.tac, missing.tac_source) == (b"", TacSource.MISSING)


@pytest.mark.parametrize("movement", list(Movement))
def test_another_tac_speaks_against_a_purchase_and_not_against_a_load(movement: Movement) -> None:
    """Which fields a load's TAC covers is assumed, so one that differs may be the rule's fault."""
    channel = TornChannel(make_card(), Tear(6, executed=True))
    with pytest.raises(OutcomeUnknown) as unknown:
        MOVES[movement](channel)
    channel.mend()
    record = unknown.value.record
    assert isinstance(record, MoneyRecord)
    with MasterKeys.simulation(99) as others:
        seen = gather(open_purse(channel), record, keys=others)
    assert seen.proof is not None
    assert seen.proof_fits is (False if movement is Movement.PURCHASE else None)
    assert gather(open_purse(channel), record, keys=KEYS).proof_fits is True
    assert gather(open_purse(channel), record).proof_fits is None


@pytest.mark.parametrize("movement", list(Movement))
def test_each_piece_of_evidence_speaks_by_itself(movement: Movement) -> None:
    """Where no other terminal had the card: proof, balance and counter each decide alone."""
    record = record_of(movement)
    after = record.balance_after_fen
    assert after == BALANCE + (OURS if movement is Movement.LOAD else -OURS)
    for evidence, verdict in (
        (Evidence(proof=Proof(bytes(4), bytes(4)), uninterrupted=True), Verdict.DEBITED),
        (Evidence(proof=Proof(bytes(4), bytes(4))), Verdict.UNDECIDABLE),
        (Evidence(proof=Proof(bytes(4), bytes(4)), proof_fits=True), Verdict.DEBITED),
        (Evidence(proof=Proof(bytes(4), bytes(4)), proof_fits=False), Verdict.NOT_DEBITED),
        (Evidence(balance_fen=after, uninterrupted=True), Verdict.DEBITED),
        (Evidence(balance_fen=BALANCE, uninterrupted=True), Verdict.NOT_DEBITED),
        (Evidence(balance_fen=after), Verdict.UNDECIDABLE),
        (Evidence(number=N + 1, uninterrupted=True), Verdict.DEBITED),
        (Evidence(number=N + 2, uninterrupted=True), Verdict.DEBITED),
        (Evidence(number=N + 1), Verdict.UNDECIDABLE),
        (Evidence(number=N), Verdict.NOT_DEBITED),
        (Evidence(log={N: True}), Verdict.DEBITED),
        (Evidence(log={N: False}), Verdict.NOT_DEBITED),
        (Evidence(log={N + 1: True}), Verdict.UNDECIDABLE),
        (Evidence(log={}), Verdict.UNDECIDABLE),
        (Evidence(uninterrupted=True), Verdict.UNDECIDABLE),
    ):
        found = decide(record, evidence)
        assert (found.verdict, found.contradictory) == (verdict, False), evidence
        actions = {
            Verdict.DEBITED: Action.POST, Verdict.UNDECIDABLE: Action.HOLD,
            Verdict.NOT_DEBITED: Action.REVERSE if movement is Movement.LOAD else Action.NONE,
        }  # fmt: skip
        assert (found.action, len(found.reasons)) == (actions[verdict], max(1, len(found.reasons)))
    neither = decide(record, Evidence(balance_fen=BALANCE + 1, uninterrupted=True))
    assert (neither.verdict, neither.contradictory) == (Verdict.UNDECIDABLE, True)
    nothing = decide(replace(record, amount_fen=0), Evidence(balance_fen=BALANCE, uninterrupted=True))
    assert (nothing.verdict, nothing.contradictory) == (Verdict.UNDECIDABLE, False)
    moved_since = decide(replace(record, amount_fen=0), Evidence(balance_fen=BALANCE + 1, uninterrupted=True))
    assert (moved_since.verdict, moved_since.contradictory) == (Verdict.UNDECIDABLE, False)


@pytest.mark.parametrize("movement", list(Movement))
def test_the_balance_out_of_reach_speaks_against_it_only_right_behind_it(movement: Movement) -> None:
    record = record_of(movement)
    sign = 1 if movement is Movement.LOAD else -1
    for beyond, number, verdict in (
        (0, N + 1, Verdict.UNDECIDABLE), (1, N + 1, Verdict.NOT_DEBITED), (-1, N + 1, Verdict.UNDECIDABLE),
        (1, N + 2, Verdict.UNDECIDABLE), (1, None, Verdict.UNDECIDABLE),
    ):  # fmt: skip
        balance = record.balance_after_fen + sign * beyond
        assert decide(record, Evidence(number=number, balance_fen=balance)).verdict is verdict, (beyond, number)


def test_an_error_without_a_record_is_no_transaction() -> None:
    with pytest.raises(Refused, match="no record"):
        resolve(open_purse(make_card()), OutcomeUnknown("gone", balance_before_fen=1, step="x"))


def test_another_terminal_might_have_had_the_card_unless_the_caller_is_certain() -> None:
    channel = TornChannel(make_card(keeps_proof=False, log_rule="never"), Tear(6, executed=True))
    with pytest.raises(OutcomeUnknown) as unknown:
        MOVES[Movement.PURCHASE](channel)
    channel.mend()
    record = unknown.value.record
    assert isinstance(record, MoneyRecord)
    for torn in (unknown.value, record):
        assert resolve(open_purse(channel), torn).verdict is Verdict.UNDECIDABLE
        assert resolve(open_purse(channel), torn, uninterrupted=True).verdict is Verdict.DEBITED
    assert not gather(open_purse(channel), record).uninterrupted


def test_rows_of_the_log_speak_by_terminal_second_kind_and_amount(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which amount of a row is which is assumed: one that differs makes the row say nothing, not the opposite."""
    record = record_of(Movement.PURCHASE)
    ours = {
        "terminal_no": HERE.hex().upper(),
        "at": pack_datetime(AT).hex(),
        "type": "6",
        "amount_1": OURS,
        "txn_no": N,
    }
    purse = open_purse(make_card())
    for changed, log in (
        ({}, {N: True}), ({"amount_1": OURS + 1}, {}), ({"type": "2"}, {}), ({"txn_no": N + 1}, {N + 1: True}),
        ({"terminal_no": THERE.hex().upper()}, {N: False}), ({"at": "20140731000000"}, {N: False}),
        ({"at": "20140731000000", "amount_1": OURS + 1}, {N: False}),
    ):  # fmt: skip
        monkeypatch.setattr(purse, "log", lambda changed=changed: [{**ours, **changed}])
        assert gather(purse, record).log == log
    other = {**ours, "at": "20140731000000"}
    monkeypatch.setattr(purse, "log", lambda: [ours, other])
    assert gather(purse, record).log == {N: True}  # the newest row of a number
