"""Every state × operation × half × stage of a card, against a table written from the bureaus' rules."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import product

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core.eligibility import Answer, Eligibility, Purpose, Reason
from sbcard_core.errors import InvalidValue
from sbcard_core.registry.issuing import Issuing, ReplacementRefused
from sbcard_core.registry.lifecycle import Half, LifecyclePolicy, LossEnd, Operation, TransitionStatus
from sbcard_core.store import Store, insert_many, schema
from sbcard_core.values import CardState

DAY = date(2014, 9, 10)
S, T, Op = CardState, TransitionStatus, Operation
PRIOR = "prior"
STATES = (S.SEALED, S.NORMAL, S.LOCKED, S.TEMPORARILY_LOST, S.LOST, S.CANCELLED)
# rows: operation; columns: STATES; "-" illegal, "=" satisfied already, otherwise the state after it
TABLE = {
    Op.ACTIVATE: (S.NORMAL, "=", "-", "-", "-", "-"),
    Op.TEMPORARY_LOSS: (S.TEMPORARILY_LOST, S.TEMPORARILY_LOST, S.TEMPORARILY_LOST, "=", "=", "-"),
    Op.FORMAL_LOSS: (S.LOST, S.LOST, S.LOST, S.LOST, "=", "-"),
    Op.RELEASE: ("=", "=", "=", PRIOR, PRIOR, "-"),
    Op.LOSS_ENDED: ("=", "=", "=", PRIOR, "-", "-"),
    Op.LOCK: ("-", S.LOCKED, "=", "-", "-", "-"),
    Op.UNLOCK: ("-", "=", S.NORMAL, "-", "-", "-"),
    Op.CANCEL: (S.CANCELLED, S.CANCELLED, S.CANCELLED, S.CANCELLED, S.CANCELLED, "="),
    Op.ISSUE: ("-",) * 6,  # not by apply
    Op.REPLACE: ("-",) * 6,
}
STAGES = ("ordered", "made", "issued")
WHILE_MADE = {Op.FORMAL_LOSS, Op.RELEASE, Op.CANCEL}
CARD = ("card_no", "identification_code", "person_id", "order_no", "order_line", "factor", "bank", "account_no")
CARD += ("made_on", "issued_on", "app_state", "account_state", "replaces")
EVENT = ("card_no", "on_date", "operation", "half", "from_state", "to_state")


def put(store: Store, number: str, stage: str, states: dict[Half, CardState], replaces: str | None = None) -> None:
    put_many(store, [(number, stage, states, replaces)])


def put_many(store: Store, cards: list[tuple[str, str, dict[Half, CardState], str | None]]) -> None:
    """Cards of one person, made on 1 September and handed over on the 2nd where they are."""
    rows = []
    for number, stage, states, replaces in cards:
        made = None if stage == "ordered" else "2014-09-01"
        issued = "2014-09-02" if stage == "issued" else None
        halves = (int(states[Half.APP]), int(states[Half.ACCOUNT]))
        rows.append((number, number, 1, "O", 1, "00", "103", "6", made, issued, *halves, replaces))
    with store.begin() as connection:
        insert_many(connection, schema.card, CARD, rows)


def states(store: Store, number: str) -> dict[Half, CardState]:
    card = schema.card.c
    query = sa.select(card.app_state, card.account_state).where(card.card_no == number)
    with store.begin() as connection:
        app, account = connection.execute(query).one()
    return {Half.APP: CardState(app), Half.ACCOUNT: CardState(account)}


def events(store: Store) -> list[tuple[str, str, str, int, int]]:
    e = schema.card_event.c
    query = sa.select(e.card_no, e.operation, e.half, e.from_state, e.to_state).order_by(e.event_id)
    with store.begin() as connection:
        return [tuple(row) for row in connection.execute(query)]


@pytest.fixture
def empty() -> Iterator[Store]:
    with Store.open("sqlite://") as store:
        fill(store)
        yield store


def fill(store: Store) -> None:
    """One person and one order, for cards to belong to."""
    with store.begin() as connection:
        person = dict.fromkeys(("id_number", "name", "phone", "form_no", "submitted_on", "source_file"), "x")
        person |= {
            "person_id": 1,
            "sex": "1",
            "ethnicity": "01",
            "birth": "1980-01-01",
            "category": 4,
            "source_line": 1,
        }
        person |= {"city": "430100", "county": "430102", "bank": "103"}
        connection.execute(sa.insert(schema.person).values(person))
        order = {"order_no": "O", "city": "430100", "ordered_on": "2014-08-30", "cards": 1, "made": 1}
        connection.execute(sa.insert(schema.production_order).values(order))


@pytest.mark.parametrize("half", list(Half))
@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("releases", [False, True])
def test_every_state_and_stage(empty: Store, operation: Operation, half: Half, releases: bool) -> None:
    """Both rules about formal losses; the other half, in every state, must stay as it is."""
    other = Half.ACCOUNT if half is Half.APP else Half.APP
    cases = list(product(STAGES, STATES, STATES, (S.SEALED, S.NORMAL, S.LOCKED)))
    numbers = [f"A{n:08d}" for n in range(len(cases))]
    losses = []
    for number, (_, state, _, prior) in zip(numbers, cases, strict=True):
        if state in (S.LOST, S.TEMPORARILY_LOST):
            losses.append((number, other, S.LOCKED if prior is S.NORMAL else S.NORMAL, S.LOST))
            losses.append((number, half, prior, state))
    rows = [(n, "2014-09-03", str(Op.FORMAL_LOSS), str(h), int(old), int(new)) for n, h, old, new in losses]
    put_many(
        empty, [(n, case[0], {half: case[1], other: case[2]}, None) for n, case in zip(numbers, cases, strict=True)]
    )
    with empty.begin() as connection:
        insert_many(connection, schema.card_event, EVENT, rows)
    issuing = Issuing(empty, LifecyclePolicy(release_formal_loss=releases))
    statuses = issuing.apply(numbers, operation, half, DAY)
    new_events = {event[0]: event for event in events(empty)[len(rows) :]}
    for number, (stage, state, beside, prior), status in zip(numbers, cases, statuses, strict=True):
        expected = TABLE[operation][STATES.index(state)]
        if stage == "ordered" and operation is not Op.CANCEL:
            expected = T.NOT_MADE
        elif stage == "made" and operation not in WHILE_MADE:
            expected = T.NOT_ISSUED
        elif operation is Op.RELEASE and state is S.LOST and not releases:
            expected = "-"
        after = prior if expected == PRIOR else expected
        if isinstance(after, CardState):
            assert status is T.OK, (stage, state)
            assert new_events.pop(number) == (number, operation, half, state, after)
        else:
            assert status is {"-": T.ILLEGAL, "=": T.ALREADY}.get(after, after), (stage, state)
            after = state
        assert states(empty, number) == {half: after, other: beside}
    assert new_events == {}


@settings(max_examples=40)
@given(
    st.sampled_from([S.SEALED, S.NORMAL, S.LOCKED]),
    st.lists(st.sampled_from([Op.TEMPORARY_LOSS, Op.FORMAL_LOSS]), min_size=1, max_size=4),
    st.sampled_from([Op.RELEASE, Op.LOSS_ENDED]),
    st.sampled_from(list(Half)),
)
def test_the_end_of_a_loss_gives_back_what_was_there(
    state: CardState, losses: list[Operation], ending: Operation, half: Half
) -> None:
    """Law: reports of loss, however many, and their release change nothing; nobody activates or unlocks by them."""
    with Store.open("sqlite://") as store:
        fill(store)
        put(store, "A", "issued", {Half.APP: state, Half.ACCOUNT: state})
        issuing = Issuing(store, LifecyclePolicy(release_formal_loss=True))
        for n in range(2):  # a second loss is released to the same state too
            for loss in losses:
                issuing.apply(["A"], loss, half, DAY + timedelta(n))
            assert states(store, "A")[half] in (S.LOST, S.TEMPORARILY_LOST)
            (status,) = issuing.apply(["A"], ending, half, DAY + timedelta(n))
            if status is T.OK:
                assert set(states(store, "A").values()) == {state}
            else:
                assert (ending, states(store, "A")[half]) == (Op.LOSS_ENDED, S.LOST)


def test_a_loss_nobody_recorded_ends_sealed(empty: Store) -> None:
    """Its holder activates it again."""
    put(empty, "A", "issued", {Half.APP: S.TEMPORARILY_LOST, Half.ACCOUNT: S.NORMAL})
    assert Issuing(empty).release("A", DAY) is T.OK
    assert states(empty, "A")[Half.APP] is S.SEALED


def test_a_card_lost_on_its_way_is_replaced_and_never_handed_over(empty: Store) -> None:
    issuing = Issuing(empty)
    put(empty, "A", "made", {Half.APP: S.SEALED, Half.ACCOUNT: S.SEALED})
    put(empty, "B", "made", {Half.APP: S.SEALED, Half.ACCOUNT: S.SEALED})
    assert issuing.report_loss("A", DAY, formal=True) is T.OK
    assert issuing.report_loss("B", DAY, formal=True, half=Half.ACCOUNT) is T.OK
    assert issuing.issue(["A", "B"], DAY) == [T.ILLEGAL, T.ILLEGAL]
    assert issuing.replace("A", DAY).card_no == "A"
    put(empty, "C", "made", {Half.APP: S.SEALED, Half.ACCOUNT: S.SEALED}, replaces="A")
    assert issuing.issue(["C"], DAY) == [T.OK]
    assert states(empty, "A") == {Half.APP: S.CANCELLED, Half.ACCOUNT: S.CANCELLED}
    assert states(empty, "B") == {Half.APP: S.SEALED, Half.ACCOUNT: S.LOST}


def test_no_release_once_a_new_card_is_requested(empty: Store) -> None:
    issuing = Issuing(empty, LifecyclePolicy(release_formal_loss=True))
    for number in "AB":
        put(empty, number, "issued", {Half.APP: S.NORMAL, Half.ACCOUNT: S.NORMAL})
        issuing.report_loss(number, DAY, formal=True)
    issuing.replace("A", DAY)
    assert [issuing.release(number, DAY) for number in "AB"] == [T.ILLEGAL, T.OK]


def test_a_damaged_card_is_exchanged_without_a_loss_where_the_place_does_so(empty: Store) -> None:
    put(empty, "A", "issued", {Half.APP: S.NORMAL, Half.ACCOUNT: S.NORMAL})
    with pytest.raises(ReplacementRefused) as refused:
        Issuing(empty).replace("A", DAY)
    assert refused.value.status is T.ILLEGAL
    assert "report it lost formally first" in str(refused.value)
    policy = LifecyclePolicy(replaceable=frozenset({S.LOST, S.NORMAL}))
    assert Issuing(empty, policy).replace("A", DAY).requested_on == DAY
    assert states(empty, "A")[Half.APP] is S.NORMAL
    assert events(empty) == [("A", Op.REPLACE, Half.APP, S.NORMAL, S.NORMAL)]


YESTERDAY = DAY - timedelta(1)


def test_no_act_is_dated_before_the_one_before_it(empty: Store) -> None:
    issuing = Issuing(empty)
    made, ordered_after = date(2014, 9, 1), date(2014, 8, 31)
    put(empty, "A", "made", {Half.APP: S.SEALED, Half.ACCOUNT: S.SEALED})
    assert issuing.issue(["A"], ordered_after) == [T.OUT_OF_ORDER]
    assert issuing.report_loss("A", ordered_after, formal=True) is T.OUT_OF_ORDER
    assert issuing.issue(["A"], made) == [T.OK]
    assert issuing.activate(["A"], Half.APP, ordered_after) == [T.OUT_OF_ORDER]
    assert issuing.activate(["A"], Half.APP, DAY) == [T.OK]
    assert issuing.report_loss("A", YESTERDAY) is T.OUT_OF_ORDER
    assert issuing.activate(["A"], Half.ACCOUNT, YESTERDAY) == [T.OK]  # the halves are apart
    assert issuing.cancel("A", YESTERDAY) is T.OUT_OF_ORDER
    assert states(empty, "A") == {Half.APP: S.NORMAL, Half.ACCOUNT: S.NORMAL}  # not one half of it
    assert issuing.report_loss("A", DAY, formal=True) is T.OK
    with pytest.raises(ReplacementRefused, match="dated before"):
        issuing.replace("A", YESTERDAY)
    issuing.replace("A", DAY)
    put(empty, "B", "made", {Half.APP: S.SEALED, Half.ACCOUNT: S.SEALED}, replaces="A")
    assert issuing.issue(["B"], YESTERDAY) == [T.OUT_OF_ORDER]  # the old card cannot end before its loss
    assert issuing.issue(["B"], DAY) == [T.OK]
    assert issuing.cancel("A", made) is T.ALREADY


def test_only_the_half_that_was_lost_long_enough_ends(empty: Store) -> None:
    """Two cards, two halves, each lost on a day of its own."""
    issuing = Issuing(empty, LifecyclePolicy(temporary_loss_days=10))
    lost = {("A", Half.APP): 0, ("A", Half.ACCOUNT): 1, ("B", Half.APP): 2, ("B", Half.ACCOUNT): 0}
    for number in "AB":
        put(empty, number, "issued", {Half.APP: S.NORMAL, Half.ACCOUNT: S.LOCKED})
    for (number, half), day in lost.items():
        assert issuing.report_loss(number, DAY + timedelta(day), half=half) is T.OK
    for after, ended in ((9, 0), (10, 2), (10, 0), (11, 1), (12, 1)):
        assert issuing.end_temporary_losses(DAY + timedelta(after)) == ended
        for (number, half), day in lost.items():
            was = S.NORMAL if half is Half.APP else S.LOCKED
            assert states(empty, number)[half] is (was if after >= day + 10 else S.TEMPORARILY_LOST)


def test_a_second_temporary_loss_counts_from_its_own_day(empty: Store) -> None:
    issuing = Issuing(empty, LifecyclePolicy(temporary_loss_end=LossEnd.CANCEL))
    put(empty, "A", "issued", {Half.APP: S.NORMAL, Half.ACCOUNT: S.NORMAL})
    issuing.report_loss("A", DAY)
    issuing.release("A", DAY + timedelta(3))
    issuing.report_loss("A", DAY + timedelta(5))
    assert issuing.end_temporary_losses(DAY + timedelta(14)) == 0
    assert issuing.end_temporary_losses(DAY + timedelta(15)) == 1
    assert states(empty, "A") == {Half.APP: S.CANCELLED, Half.ACCOUNT: S.NORMAL}


def test_a_temporary_loss_that_does_not_end_by_itself(empty: Store) -> None:
    """One place's rule: the holder has it released in person."""
    put(empty, "A", "issued", {Half.APP: S.NORMAL, Half.ACCOUNT: S.NORMAL})
    issuing = Issuing(empty, LifecyclePolicy(temporary_loss_days=None))
    issuing.report_loss("A", DAY)
    assert issuing.end_temporary_losses(date(9999, 12, 31)) == 0
    assert issuing.release("A", DAY) is T.OK


@pytest.mark.parametrize("days", [0, -1, 10**6])
def test_days_that_cannot_be(days: int) -> None:
    with pytest.raises(InvalidValue):
        LifecyclePolicy(temporary_loss_days=days)


def test_a_city_whose_formal_loss_is_final(empty: Store) -> None:
    """Preliminary loss ends after 10 days; formal loss cannot be undone, a new card follows; care goes on meanwhile."""
    put(empty, "A", "issued", {Half.APP: S.NORMAL, Half.ACCOUNT: S.NORMAL})
    issuing, question = Issuing(empty), Eligibility()
    issuing.report_loss("A", DAY)
    assert issuing.end_temporary_losses(DAY + timedelta(10)) == 1
    lost = DAY + timedelta(20)
    issuing.report_loss("A", lost, formal=True)
    assert issuing.release("A", lost) is T.ILLEGAL
    issuing.replace("A", lost)
    with empty.begin() as connection:
        for day, with_card in ((0, Answer.REFER), (5, Answer.REFUSE), (10, Answer.ALLOW), (15, Answer.ALLOW)):
            on = DAY + timedelta(day)
            assert question.may(connection, Purpose.MEDICAL, on=on, card_no="A").answer is with_card, day
        while_replaced = lost + timedelta(5)
        assert not question.may(connection, Purpose.MEDICAL, on=while_replaced, card_no="A").is_allowed
        assert question.may(connection, Purpose.MEDICAL, on=while_replaced, id_number="x").is_allowed
        assert question.may(connection, Purpose.CREDIT, on=while_replaced, id_number="x", account_no="6").is_allowed


ACTS = st.tuples(
    st.sampled_from("ABC"),
    st.sampled_from([*Operation, "cancel"]),
    st.sampled_from(list(Half)),
    st.integers(0, 3),
)


def act(issuing: Issuing, number: str, operation: Operation | str, half: Half, on: date) -> TransitionStatus:
    if operation == "cancel":
        return issuing.cancel(number, on)
    if operation is Op.ISSUE:
        return issuing.issue([number], on)[0]
    if operation is Op.REPLACE:
        return issuing.request_replacements([number], on)[0]
    return issuing.apply([number], operation, half, on)[0]


@given(st.lists(ACTS, max_size=25), st.booleans())
def test_any_acts_on_several_cards(acts: list[tuple[str, Operation | str, Half, int]], releases: bool) -> None:
    """Law: states are what the events say, days never go back, what is refused leaves nothing, the end is final.

    Card C replaces A: handing it over ends A.
    """
    with Store.open("sqlite://") as store:
        fill(store)
        sealed = {Half.APP: S.SEALED, Half.ACCOUNT: S.SEALED}
        put_many(store, [("A", "issued", sealed, None), ("B", "made", sealed, None), ("C", "made", sealed, "A")])
        issuing = Issuing(store, LifecyclePolicy(release_formal_loss=releases))
        for number, operation, half, day in acts:
            before = {each: states(store, each) for each in "ABC"}, events(store)
            status = act(issuing, number, operation, half, DAY + timedelta(day))
            after = {each: states(store, each) for each in "ABC"}, events(store)
            assert (status is T.OK) == (after != before)
            touched = {number, "A"} if operation is Op.ISSUE and number == "C" else {number}
            assert all(after[0][each] == before[0][each] for each in "ABC" if each not in touched)
            for each, halves in before[0].items():
                assert all(after[0][each][h] is S.CANCELLED for h in halves if halves[h] is S.CANCELLED)
            if operation is Op.ISSUE and number == "C" and status is T.OK:
                assert set(after[0]["A"].values()) == {S.CANCELLED}
        replayed = {each: dict(sealed) for each in "ABC"}
        for number, _, half, old, new in events(store):
            assert replayed[number][Half(half)] == old
            replayed[number][Half(half)] = CardState(new)
        assert replayed == {each: states(store, each) for each in "ABC"}
        e = schema.card_event.c
        with store.begin() as connection:
            rows = connection.execute(sa.select(e.card_no, e.half, e.on_date).order_by(e.event_id)).all()
        for key in {row[:2] for row in rows}:
            days = [row[2] for row in rows if row[:2] == key]
            assert days == sorted(days)


def test_a_card_is_known_in_any_spelling(empty: Store) -> None:
    put(empty, "A00000014", "issued", {Half.APP: S.NORMAL, Half.ACCOUNT: S.NORMAL})
    issuing = Issuing(empty)
    assert issuing.report_loss(" ａ0000001-4", DAY, formal=True) is T.OK
    assert issuing.replace("a00000014", DAY).card_no == "A00000014"
    with empty.begin() as connection:
        found = Eligibility().may(connection, Purpose.MEDICAL, on=DAY + timedelta(1), card_no="a00000014 ")
    assert found.reason is Reason.CARD_LOST


def test_a_request_for_a_new_card_does_not_prolong_a_temporary_loss(empty: Store) -> None:
    put(empty, "A", "issued", {Half.APP: S.NORMAL, Half.ACCOUNT: S.NORMAL})
    issuing = Issuing(empty, LifecyclePolicy(replaceable=frozenset({S.TEMPORARILY_LOST})))
    issuing.report_loss("A", DAY)
    issuing.replace("A", DAY + timedelta(5))
    assert issuing.end_temporary_losses(DAY + timedelta(10)) == 1
    assert states(empty, "A")[Half.APP] is S.NORMAL
