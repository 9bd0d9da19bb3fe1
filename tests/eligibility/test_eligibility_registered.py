"""Eligibility asked of the registry: two of everything, each differing in one column."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core.backend import Backend
from sbcard_core.eligibility import (
    DEFAULT_RULES,
    Answer,
    Decision,
    Eligibility,
    Facts,
    Half,
    Purpose,
    Reason,
    Use,
    registered,
)
from sbcard_core.store import Store, insert_many, schema
from sbcard_core.values import CardState, LifeStatus

DAY = date(2014, 8, 20)
ONE, TWO, THREE = "430102198001010011", "430102198001020025", "430102198001030039"
S = CardState
CARD = ("card_no", "identification_code", "person_id", "order_no", "order_line", "factor", "bank", "account_no")
CARD += ("made_on", "issued_on", "app_state", "account_state")
PERSON = ("person_id", "id_number", "name", "sex", "ethnicity", "birth", "phone", "category", "city", "county", "bank")
PERSON += ("form_no", "submitted_on", "source_file", "source_line")
EVENT = ("card_no", "on_date", "operation", "half", "from_state", "to_state")


def person(person_id: int, number: str) -> tuple[Any, ...]:
    return (
        person_id,
        number,
        "甲乙",
        "1",
        "01",
        "1980-01-01",
        "13800000000",
        4,
        "430100",
        "430102",
        "103",
        "F",
        "x",
        "f",
        1,
    )


def card(number: str, person_id: int, account: str, states: tuple[CardState, CardState], issued: str | None) -> Any:
    return (number, number, person_id, "O1", 1, "00", "103", account, "2014-01-01", issued, *map(int, states))


@pytest.fixture
def connection(store: Store) -> Iterator[sa.Connection]:
    """Person 1 with cards A (lost on the 18th) and B; 2 with C; accounts 11, 12, 21; 3 with an opened account 31."""
    with store.begin() as connection:
        insert_many(connection, schema.person, PERSON, [person(1, ONE), person(2, TWO), person(3, THREE)])
        order = [("O1", "430100", "2014-01-01", 3, 3)]
        insert_many(connection, schema.production_order, ("order_no", "city", "ordered_on", "cards", "made"), order)
        cards = [
            card("A", 1, "11", (S.LOST, S.NORMAL), "2014-02-01"),
            card("B", 1, "12", (S.NORMAL, S.SEALED), "2014-03-01"),
            card("C", 2, "21", (S.NORMAL, S.CANCELLED), "2014-02-01"),
        ]
        insert_many(connection, schema.card, CARD, cards)
        events = [
            ("A", "2014-02-01", "11", "app", int(S.SEALED), int(S.NORMAL)),
            ("A", "2014-02-05", "11", "account", int(S.SEALED), int(S.NORMAL)),
            ("A", "2014-08-18", "01", "app", int(S.NORMAL), int(S.TEMPORARILY_LOST)),
            ("A", "2014-08-19", "02", "app", int(S.TEMPORARILY_LOST), int(S.LOST)),
            ("C", "2014-08-10", "04", "account", int(S.NORMAL), int(S.CANCELLED)),
        ]
        insert_many(connection, schema.card_event, EVENT, events)
        batch = [("B1", "103", "430100", "2014-01-01", "2014-02-01", 2)]
        columns = ("batch_no", "bank", "city", "received_on", "due_on", "lines")
        insert_many(connection, schema.opening_batch, columns, batch)
        lines = [("B1", 1, 3, 20, "31", "2014-01-02"), ("B1", 2, 2, 21, "22", "2014-01-02")]
        columns = ("batch_no", "seq", "person_id", "state", "account_no", "answered_on")
        insert_many(connection, schema.opening_line, columns, lines)
        yield connection


def told(connection: sa.Connection, person_id: int, life: LifeStatus, died: str | None = None, **account: Any) -> None:
    row = {"person_id": person_id, "living": int(life), "died_on": died, "told_on": "2014-08-30", **account}
    connection.execute(sa.insert(schema.payout_standing).values(row))


def ask(connection: sa.Connection, purpose: Purpose, on: date = DAY, **named: str) -> Answer:
    return Eligibility().may(connection, purpose, on=on, **named).answer


def test_a_lost_card_stops_neither_its_holder_nor_the_other_card_nor_the_account(connection: sa.Connection) -> None:
    uses = [
        Use(Purpose.MEDICAL, DAY, card_no="A"),
        Use(Purpose.MEDICAL, DAY, card_no="B"),
        Use(Purpose.MEDICAL, DAY, id_number=ONE),
        Use(Purpose.CREDIT, DAY, id_number=ONE, account_no="11"),
        Use(Purpose.DEBIT, DAY, card_no="A"),
    ]
    found = Eligibility().may_many(connection, uses)
    assert [one.answer for one in found] == [Answer.REFUSE, *[Answer.ALLOW] * 4]
    assert found[0].reason is Reason.CARD_LOST


def test_the_state_is_that_of_the_day_of_the_act(connection: sa.Connection) -> None:
    first = date(2014, 2, 1)
    days = {date(2014, 1, 31): Answer.REFUSE, first: Answer.ALLOW, date(2014, 8, 17): Answer.ALLOW}
    days |= {date(2014, 8, 18): Answer.REFER, date(2014, 8, 19): Answer.REFUSE, DAY: Answer.REFUSE}
    for day, answer in days.items():
        assert ask(connection, Purpose.MEDICAL, day, card_no="A") is answer, day
    assert ask(connection, Purpose.PURSE, date(2014, 8, 18), card_no="A") is Answer.ALLOW
    assert ask(connection, Purpose.PURSE, date(2014, 8, 19), card_no="A") is Answer.REFER
    assert ask(connection, Purpose.CREDIT, date(2014, 8, 9), card_no="C") is Answer.ALLOW
    assert ask(connection, Purpose.CREDIT, date(2014, 8, 11), card_no="C") is Answer.REFUSE
    assert ask(connection, Purpose.MEDICAL, date(2014, 8, 11), card_no="C") is Answer.ALLOW  # the other half


def test_an_account_not_activated_in_person_takes_credits_only(connection: sa.Connection) -> None:
    for account, number in (("12", ONE), ("31", THREE)):  # on a card, and not on one yet
        assert ask(connection, Purpose.CREDIT, id_number=number, account_no=account) is Answer.ALLOW
        assert ask(connection, Purpose.DEBIT, id_number=number, account_no=account) is Answer.REFUSE


def test_an_account_is_its_persons(connection: sa.Connection) -> None:
    for number, account in ((TWO, "11"), (ONE, "21"), (TWO, "22"), (ONE, "31")):  # 22 was never opened
        decision = Eligibility().may(connection, Purpose.CREDIT, on=DAY, id_number=number, account_no=account)
        assert decision == Decision(Answer.REFUSE, Reason.ACCOUNT_UNKNOWN)
    told(connection, 1, LifeStatus.NORMAL, bank="105", account_no="99", account_state=int(S.SEALED))
    assert ask(connection, Purpose.CREDIT, id_number=ONE, account_no="99") is Answer.ALLOW
    assert ask(connection, Purpose.CREDIT, id_number=TWO, account_no="99") is Answer.REFUSE


def test_a_card_is_its_holders(connection: sa.Connection) -> None:
    assert ask(connection, Purpose.MEDICAL, card_no="B", id_number=ONE) is Answer.ALLOW
    for card_no, number, reason in (
        ("B", TWO, Reason.HOLDER_DIFFERS),
        ("C", ONE, Reason.HOLDER_DIFFERS),
        ("D", ONE, Reason.CARD_UNKNOWN),
        ("C", "430102198001040032", Reason.PERSON_UNKNOWN),
    ):
        decision = Eligibility().may(connection, Purpose.MEDICAL, on=DAY, card_no=card_no, id_number=number)
        assert decision == Decision(Answer.REFUSE, reason)


def test_bills_up_to_the_day_of_death_are_allowed_with_and_without_the_card(connection: sa.Connection) -> None:
    told(connection, 1, LifeStatus.DEAD, "2014-08-20")
    told(connection, 2, LifeStatus.DEAD, "2014-08-19")
    for number, card_no, answer in ((ONE, "B", Answer.ALLOW), (TWO, "C", Answer.REFUSE)):
        assert ask(connection, Purpose.MEDICAL, id_number=number) is answer
        assert ask(connection, Purpose.MEDICAL, card_no=card_no) is answer
    assert ask(connection, Purpose.MEDICAL, id_number=THREE) is Answer.ALLOW
    assert ask(connection, Purpose.MEDICAL, DAY + timedelta(1), card_no="B") is Answer.REFUSE


@given(st.sampled_from([str.lower, lambda n: f" {n}", lambda n: n[:6] + n[8:17], lambda n: f"{n[:6]} {n[6:]}"]))
@settings(max_examples=8)
def test_a_person_is_known_in_any_spelling(spelling: Callable[[str], str]) -> None:
    """Law: the answer does not depend on how the number is written."""
    dead, lives = "610104196209276908", "11010519491231002X"
    with Store.open("sqlite://") as store, store.begin() as connection:
        insert_many(connection, schema.person, PERSON, [person(1, dead), person(2, lives)])
        told(connection, 1, LifeStatus.DEAD, "2014-08-01")
        for number, reason in ((dead, Reason.PERSON_DEAD), (lives, Reason.NONE)):
            found = Eligibility().may(connection, Purpose.MEDICAL, on=DAY, id_number=spelling(number))
            assert found.reason is reason


@pytest.mark.parametrize("purpose", [Purpose.CREDIT, Purpose.DEBIT])
def test_an_account_is_known_in_any_spelling(connection: sa.Connection, purpose: Purpose) -> None:
    """On a card, as reported, or opened and on no card yet; all in one call."""
    of = {ONE: "6228480000000000018", TWO: "6217000000000000017", THREE: "6222020000000000016"}
    card, opened = schema.card, schema.opening_line
    connection.execute(sa.update(card).where(card.c.card_no == "A").values(account_no=of[ONE]))
    told(connection, 2, LifeStatus.NORMAL, bank="103", account_no=of[TWO], account_state=int(S.NORMAL))
    connection.execute(sa.update(opened).where(opened.c.person_id == 3).values(account_no=of[THREE]))
    wide = {ord("0") + n: 0xFF10 + n for n in range(10)}
    for holder, no in of.items():
        spellings = [no, f" {no}", f"{no}\u200b", f"{no[:4]} {no[4:8]} {no[8:]}", no.translate(wide)]
        uses = [Use(purpose, DAY, id_number=holder, account_no=text) for text in spellings]
        first, *others = Eligibility().may_many(connection, uses)
        assert others == [first] * 4
        assert first.is_allowed is (purpose is Purpose.CREDIT or holder != THREE)
        for other in of.keys() - {holder}:
            strange = Eligibility().may(connection, purpose, on=DAY, id_number=other, account_no=spellings[3])
            assert strange.reason is Reason.ACCOUNT_UNKNOWN


def test_days_of_one_call_do_not_disturb_each_other(connection: sa.Connection) -> None:
    """Two cards, days before, between and behind all their events, in every order."""
    days = [date(2014, 1, 1), date(2014, 2, 1), date(2014, 8, 18), date(2014, 8, 19), date(2015, 1, 1)]
    uses = [Use(Purpose.MEDICAL, day, card_no=card_no) for day in days for card_no in "AB"]
    alone = [Eligibility().may_many(connection, [use])[0] for use in uses]
    assert {one.reason for one in alone} == {Reason.NONE, Reason.CARD_NOT_ISSUED, Reason.CARD_LOST}
    assert Eligibility().may_many(connection, uses) == alone
    assert Eligibility().may_many(connection, uses[::-1]) == alone[::-1]


def test_numbers_that_are_none_are_looked_up_as_they_are(connection: sa.Connection) -> None:
    insert_many(connection, schema.person, PERSON, [person(9, "H12345678")])
    assert ask(connection, Purpose.MEDICAL, id_number="H12345678") is Answer.ALLOW
    assert ask(connection, Purpose.CREDIT, id_number="H12345678") is Answer.ALLOW  # listed: else it were refused
    for account in ("", "11"):
        found = Eligibility().may(connection, Purpose.CREDIT, on=DAY, id_number="H87654321", account_no=account)
        assert found == Decision(Answer.REFUSE, Reason.PERSON_UNKNOWN)


UNLISTED = ("13030011303013321217", "P1", "43010000000000000001", "P430102198013010012", "430102198001010012345")
"""Numbers as other systems give them; none is written like a citizen number."""


@pytest.mark.parametrize("somebody", [False, True])
@pytest.mark.parametrize("answer", list(Answer))
@pytest.mark.parametrize("purpose", list(Purpose))
def test_the_rule_answers_for_those_the_registry_cannot_know(purpose: Purpose, answer: Answer, somebody: bool) -> None:
    """The same answer, whether anybody else is registered or not, for each number of another kind."""
    rules = {**DEFAULT_RULES, purpose: replace(DEFAULT_RULES[purpose], unlisted=answer)}
    with Store.open("sqlite://") as store, store.begin() as connection:
        if somebody:
            insert_many(connection, schema.person, PERSON, [person(1, ONE)])
        found = Eligibility(rules).may_many(connection, [Use(purpose, DAY, number) for number in UNLISTED])
        assert {(one.answer, one.reason) for one in found} == {
            (answer, Reason.NONE if answer is Answer.ALLOW else Reason.PERSON_UNKNOWN)
        }
        (known,) = Eligibility(rules).may_many(connection, [Use(purpose, DAY, ONE)])
        assert known.answer is (Answer.ALLOW if somebody else answer)


@pytest.mark.parametrize("number", ["430102198001010012", "430102801301001", "43010219800101001x", TWO])
def test_a_wrong_citizen_number_is_nobody_and_not_somebody_unlisted(number: str) -> None:
    with Store.open("sqlite://") as store, store.begin() as connection:
        insert_many(connection, schema.person, PERSON, [person(1, ONE)])
        assert Eligibility().may(connection, Purpose.MEDICAL, on=DAY, id_number=number).reason is Reason.PERSON_UNKNOWN


@pytest.mark.parametrize(
    "around",
    ["{},", "{}.0", "ID{}", "身份证{}", "{}/1", "({})", "{}E", "6.12"],
)
@pytest.mark.parametrize("purpose", [Purpose.MEDICAL, Purpose.CREDIT])
def test_a_citizen_number_with_something_around_it_is_nobody_and_not_somebody_unlisted(
    around: str, purpose: Purpose
) -> None:
    """A dead person's bill is not settled because a mark stands behind the number."""
    with Store.open("sqlite://") as store, store.begin() as connection:
        insert_many(connection, schema.person, PERSON, [person(1, ONE)])
        for number in (ONE, ONE[:6] + ONE[8:17]):
            written = around.format(number) if "{" in around else f"{number[:6]}.{number[6:]}"
            assert Eligibility().may(connection, purpose, on=DAY, id_number=written).reason is Reason.PERSON_UNKNOWN


def test_a_number_of_another_kind_goes_by_the_card(connection: sa.Connection) -> None:
    told(connection, 2, LifeStatus.DEAD, "2014-08-19")
    uses = [Use(Purpose.MEDICAL, DAY, number, card_no) for number in UNLISTED for card_no in "BCZ"]
    found = [one.reason for one in Eligibility().may_many(connection, uses)]
    assert found == [Reason.NONE, Reason.PERSON_DEAD, Reason.CARD_UNKNOWN] * len(UNLISTED)
    assert Eligibility().may(
        connection, Purpose.MEDICAL, on=DAY, id_number="430102198001010012", card_no="B"
    ).reason is (Reason.PERSON_UNKNOWN)


def test_a_source_must_answer_every_use(connection: sa.Connection) -> None:
    with pytest.raises(ValueError, match="shorter"):
        Eligibility(source=lambda _, uses: [Facts()]).may_many(connection, [Use(Purpose.MEDICAL, DAY, ONE)] * 2)
    assert Eligibility(source=lambda _, uses: [Facts()]).may_many(connection, []) == []  # of nothing it is not asked


def test_many_are_asked_in_few_statements(connection: sa.Connection) -> None:
    uses = [Use(Purpose.MEDICAL, DAY, card_no=card_no) for card_no in "ABCD"] * 700
    sent: list[str] = []
    sa.event.listen(connection, "before_cursor_execute", lambda *args: sent.append(args[2]))
    found = Eligibility().may_many(connection, uses)
    assert [one.answer for one in found[:4]] == [Answer.REFUSE, Answer.ALLOW, Answer.ALLOW, Answer.REFUSE]
    assert found == found[:4] * 700
    assert len(sent) <= 3 * (len(uses) // 900 + 1)
    assert Eligibility().may_many(connection, []) == []


def test_facts_the_caller_hands_in() -> None:
    def source(connection: sa.Connection, uses: Any) -> list[Facts]:
        return [Facts(halves=(Half((S.LOST if use.card_no == "A" else S.NORMAL,), DAY),)) for use in uses]

    with Backend.open("sqlite://") as backend, backend.store.begin() as connection:
        handed = Eligibility(source=source)
        uses = [Use(Purpose.PREMIUM, DAY, card_no=card_no) for card_no in "AB"]
        assert [one.is_allowed for one in handed.may_many(connection, uses)] == [False, True]
        assert backend.eligibility.may_many(connection, uses)[1].reason is Reason.CARD_UNKNOWN


@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from(list(CardState))), max_size=8), st.integers(0, 6))
def test_a_past_state_is_what_the_events_up_to_then_gave(moves: list[tuple[int, CardState]], asked: int) -> None:
    """Law: the last state of a day is that of replaying every event up to it, whatever came later."""
    moves.sort(key=lambda move: move[0])
    on = date(2014, 3, 10) + timedelta(asked)
    with Store.open("sqlite://") as store, store.begin() as connection:
        insert_many(connection, schema.person, PERSON, [person(1, ONE)])
        order = [("O1", "430100", "2014-01-01", 3, 3)]
        insert_many(connection, schema.production_order, ("order_no", "city", "ordered_on", "cards", "made"), order)
        state, expected, rows = S.SEALED, S.SEALED, []
        for day, after in moves:
            rows.append(("A", (date(2014, 3, 10) + timedelta(day)).isoformat(), "x", "app", int(state), int(after)))
            state = after
            expected = after if day <= asked else expected
        insert_many(connection, schema.card, CARD, [card("A", 1, "11", (state, S.SEALED), "2014-02-01")])
        insert_many(connection, schema.card_event, EVENT, rows)
        (facts,) = registered(connection, [Use(Purpose.MEDICAL, on, card_no="A")])
    assert facts.halves[0].states[-1] is expected
