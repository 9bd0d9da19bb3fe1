"""The rules of eligibility: purpose × state × life, by the day of the act."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.eligibility import DEFAULT_RULES, Answer, Decision, Facts, Half, Purpose, Reason, Use, decide
from sbcard_core.errors import InvalidValue
from sbcard_core.values import CardState, LifeStatus

DAY = date(2014, 8, 20)
WHO = "430102198001010011"
A, R, N = Answer.ALLOW, Answer.REFER, Answer.REFUSE
S = CardState
STATES = (S.SEALED, S.NORMAL, S.LOST, S.LOCKED, S.TEMPORARILY_LOST, S.CANCELLED)


def card(purpose: Purpose, *states: CardState, issued_on: date | None = DAY, **facts: object) -> tuple[Answer, Reason]:
    use = Use(purpose, DAY, card_no="A00000014")
    found = decide(DEFAULT_RULES, use, Facts(halves=(Half(states, issued_on),), **facts))
    return found.answer, found.reason


@pytest.mark.parametrize(
    ("purpose", "answers"),
    [
        (Purpose.MEDICAL, (N, A, N, N, N, N)),
        (Purpose.PREMIUM, (N, A, N, N, N, N)),
        (Purpose.PURSE, (R, A, R, R, R, R)),
        (Purpose.CREDIT, (A, A, A, A, A, N)),
        (Purpose.DEBIT, (N, A, N, N, N, N)),
    ],
)
def test_every_state_of_the_half_asked_for(purpose: Purpose, answers: tuple[Answer, ...]) -> None:
    assert tuple(card(purpose, state)[0] for state in STATES) == answers


@pytest.mark.parametrize(
    ("purpose", "answers"),
    [
        (Purpose.MEDICAL, (A, N, R, R, A)),
        (Purpose.PREMIUM_BILL, (A, N, A, A, A)),
        (Purpose.PREMIUM, (A, N, A, A, A)),
        (Purpose.PURSE, (A, R, A, A, A)),
        (Purpose.CREDIT, (A, N, R, R, R)),
        (Purpose.DEBIT, (A, R, A, A, A)),
    ],
)
def test_every_life_status(purpose: Purpose, answers: tuple[Answer, ...]) -> None:
    use = Use(purpose, DAY, id_number=WHO)
    found = tuple(decide(DEFAULT_RULES, use, Facts(life=life, life_since=DAY)).answer for life in LifeStatus)
    assert found == answers


@pytest.mark.parametrize("purpose", list(Purpose))
def test_the_day_of_death_still_counts_and_the_next_does_not(purpose: Purpose) -> None:
    use = Use(purpose, DAY, id_number=WHO)
    dead = Facts(life=LifeStatus.DEAD, died_on=DAY, life_since=DAY + timedelta(9))
    assert decide(DEFAULT_RULES, use, dead).is_allowed
    before = decide(DEFAULT_RULES, use, replace(dead, died_on=DAY - timedelta(1)))
    assert (before.is_allowed, before.reason) == (False, Reason.PERSON_DEAD)


def test_a_death_without_a_day() -> None:
    bill = Use(Purpose.MEDICAL, DAY, id_number=WHO)
    for reported, answer, reason in (
        (DAY, N, Reason.PERSON_DEAD),
        (DAY + timedelta(1), R, Reason.PERSON_DEATH_UNDATED),
    ):
        found = decide(DEFAULT_RULES, bill, Facts(life=LifeStatus.DEAD, life_since=reported))
        assert (found.answer, found.reason) == (answer, reason)


def test_a_person_missing_since_a_later_day_was_not_missing_before() -> None:
    facts = Facts(life=LifeStatus.MISSING, life_since=DAY)
    on = {day: decide(DEFAULT_RULES, Use(Purpose.CREDIT, day, id_number=WHO), facts).answer for day in (DAY,)}
    assert on[DAY] is R
    assert decide(DEFAULT_RULES, Use(Purpose.CREDIT, DAY - timedelta(1), id_number=WHO), facts).answer is A


def test_a_loss_on_the_day_of_the_act() -> None:
    """Which came first is not known: a bill goes to a clerk, an offline purchase is paid."""
    assert card(Purpose.MEDICAL, S.NORMAL, S.LOST) == (R, Reason.CARD_LOST)
    assert card(Purpose.PURSE, S.NORMAL, S.TEMPORARILY_LOST)[0] is A
    assert card(Purpose.MEDICAL, S.SEALED, S.NORMAL)[0] is A
    assert card(Purpose.MEDICAL, S.SEALED, S.NORMAL, S.LOST)[0] is R
    assert card(Purpose.MEDICAL, S.SEALED, S.LOST)[0] is N


def test_a_card_that_is_not_with_its_holder() -> None:
    tomorrow = DAY + timedelta(1)
    for when in (None, tomorrow):
        assert card(Purpose.MEDICAL, S.NORMAL, issued_on=when) == (N, Reason.CARD_NOT_ISSUED)
        assert card(Purpose.PURSE, S.NORMAL, issued_on=when)[0] is R
        assert card(Purpose.CREDIT, S.SEALED, issued_on=when)[0] is A


def test_unknown_people_and_cards() -> None:
    nobody, nothing = Facts(is_known=False), Facts()
    answers = {purpose: decide(DEFAULT_RULES, Use(purpose, DAY, id_number=WHO), nobody) for purpose in Purpose}
    assert answers[Purpose.PREMIUM_BILL].is_allowed
    assert {a.reason for p, a in answers.items() if p is not Purpose.PREMIUM_BILL} == {Reason.PERSON_UNKNOWN}
    cards = {purpose: decide(DEFAULT_RULES, Use(purpose, DAY, card_no="Z"), nothing) for purpose in Purpose}
    assert cards[Purpose.PURSE].is_allowed  # of another province: its transaction code decides
    assert cards[Purpose.MEDICAL].reason is Reason.CARD_UNKNOWN
    assert cards[Purpose.DEBIT].reason is Reason.ACCOUNT_UNKNOWN


def test_somebody_elses_card() -> None:
    use = Use(Purpose.MEDICAL, DAY, id_number=WHO, card_no="A00000014")
    found = decide(DEFAULT_RULES, use, Facts(is_holder=False, halves=(Half((S.NORMAL,), DAY),)))
    assert (found.answer, found.reason) == (N, Reason.HOLDER_DIFFERS)


def test_an_account_on_two_cards_is_as_good_as_the_better_one() -> None:
    use = Use(Purpose.CREDIT, DAY, id_number=WHO, account_no="622848")
    halves = (Half((S.CANCELLED,), DAY), Half((S.SEALED,)))
    assert decide(DEFAULT_RULES, use, Facts(halves=halves)).is_allowed
    assert decide(DEFAULT_RULES, use, Facts(halves=halves[:1])).reason is Reason.ACCOUNT_CANCELLED


def test_the_worst_of_person_and_card_counts() -> None:
    use = Use(Purpose.MEDICAL, DAY, id_number=WHO, card_no="A00000014")
    missing = Facts(life=LifeStatus.MISSING, halves=(Half((S.LOST,), DAY),))
    assert decide(DEFAULT_RULES, use, missing).reason is Reason.CARD_LOST
    good = replace(missing, halves=(Half((S.NORMAL,), DAY),))
    assert decide(DEFAULT_RULES, use, good).reason is Reason.PERSON_MISSING


def test_a_place_has_rules_of_its_own() -> None:
    medical = DEFAULT_RULES[Purpose.MEDICAL]
    rules = {**DEFAULT_RULES, Purpose.MEDICAL: replace(medical, states={S.SEALED: A, S.NORMAL: R})}
    use = Use(Purpose.MEDICAL, DAY, card_no="A")
    assert decide(rules, use, Facts(halves=(Half((S.SEALED,), DAY),))).is_allowed
    found = decide(rules, use, Facts(halves=(Half((S.NORMAL,), DAY),)))
    assert (found.answer, found.reason) == (R, Reason.RULE)
    strict = {Purpose.MEDICAL: replace(medical, life={})}
    person = Use(Purpose.MEDICAL, DAY, id_number=WHO)
    assert decide(strict, person, Facts()).is_allowed  # who lives needs no row
    assert decide(strict, person, Facts(life=LifeStatus.MISSING)).reason is Reason.PERSON_MISSING
    lenient = {Purpose.MEDICAL: replace(medical, life={LifeStatus.DEAD: A}, unknown_card=A)}
    assert decide(lenient, person, Facts(life=LifeStatus.DEAD, life_since=DAY + timedelta(1))) == Decision(A)
    assert decide(lenient, use, Facts()) == Decision(A)


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"account_no": "622848"},
        {"account_no": "622848", "id_number": WHO, "card_no": "A"},
        {"account_no": "6", "id_number": WHO, "purpose": Purpose.MEDICAL},
    ],
)
def test_a_question_that_names_nothing_that_can_be_looked_up(named: dict[str, object]) -> None:
    with pytest.raises(InvalidValue):
        Use(**{"purpose": Purpose.CREDIT, "on": DAY, **named})


@given(
    st.sampled_from(list(Purpose)),
    st.lists(st.sampled_from(STATES), min_size=1, max_size=4),
    st.sampled_from(list(LifeStatus)),
    st.none() | st.integers(-3, 3),
    st.none() | st.integers(-3, 3),
)
def test_a_person_without_a_card_is_never_stopped_by_one(
    purpose: Purpose, states: list[CardState], life: LifeStatus, died: int | None, issued: int | None
) -> None:
    """Law: the answer for a person depends on their life alone; a card never makes it better."""
    died_on = None if died is None else DAY + timedelta(died)
    issued_on = None if issued is None else DAY + timedelta(issued)
    facts = Facts(life=life, died_on=died_on, life_since=DAY, halves=(Half(tuple(states), issued_on),))
    alone = decide(DEFAULT_RULES, Use(purpose, DAY, id_number=WHO), facts)
    assert alone == decide(DEFAULT_RULES, Use(purpose, DAY, id_number=WHO), replace(facts, halves=()))
    shown = decide(DEFAULT_RULES, Use(purpose, DAY, id_number=WHO, card_no="A"), facts)
    assert shown.answer >= alone.answer
    assert shown.is_allowed == (shown.reason is Reason.NONE)
    if died is not None and died >= 0:
        assert alone.is_allowed


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_has_its_sentence(reason: Reason) -> None:
    decision = Decision(A if reason is Reason.NONE else N, reason)
    assert decision.message.zh
    assert bool(decision.message.advice_zh) is (reason is not Reason.NONE)
