"""Issuing cards and following each to its end (发卡 · 启用 · 挂失 · 补卡 · 注销), in bulk first."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from sbcard_core.calendar import as_day
from sbcard_core.errors import Refused
from sbcard_core.fields import card_number
from sbcard_core.messages import message
from sbcard_core.registry.holders import is_dead
from sbcard_core.registry.lifecycle import (
    LOST_STATES,
    Half,
    LifecyclePolicy,
    Operation,
    TransitionStatus,
    transition,
)
from sbcard_core.store import Store, insert_many, schema, update_many
from sbcard_core.values import CardState

BOTH = (Half.APP, Half.ACCOUNT)
CHUNK = 900
"""Cards per transaction of a bulk call: all named in one query, below the databases' smallest parameter limit."""
_COLUMN = {Half.APP: "app_state", Half.ACCOUNT: "account_state"}
_EVENT_COLUMNS = ("card_no", "on_date", "operation", "half", "from_state", "to_state")
_STATE = {int(state): state for state in CardState}
_BEFORE_HANDOVER = frozenset({Operation.CANCEL, Operation.FORMAL_LOSS, Operation.RELEASE})
"""Operations on a card that is made and not handed over: it may be lost on its way, found again, or destroyed."""
_IN_PERSON = frozenset({Operation.ACTIVATE, Operation.RELEASE, Operation.UNLOCK})
"""Operations that only a living holder asks for, besides the handover and the request for a new card."""
_CARD, _EVENT = schema.card.c, schema.card_event.c
_CARDS = sa.select(
    *(_CARD.card_no, _CARD.person_id, _CARD.made_on, _CARD.issued_on, _CARD.app_state, _CARD.account_state),
    _CARD.replaces,
)
_LAST_ACTS = sa.select(_EVENT.card_no, _EVENT.half, sa.func.max(_EVENT.on_date)).group_by(_EVENT.card_no, _EVENT.half)
_LOST = [int(state) for state in LOST_STATES]
_BEFORE_LOSS = (
    sa.select(_EVENT.card_no, _EVENT.half, _EVENT.from_state)
    .where(_EVENT.from_state.not_in(_LOST))
    .order_by(_EVENT.event_id)
)
"""Of a half that is lost, the last such event is the one that reported it."""
_NEW = schema.card.alias("new").c
_DESTROYED = (
    sa.select(sa.func.count())
    .where(_NEW.replaces == _EVENT.card_no, _NEW.app_state == int(CardState.CANCELLED), _NEW.issued_on.is_(None))
    .scalar_subquery()
)
_REQUESTS = (
    sa.select(_EVENT.card_no, sa.func.max(_EVENT.on_date))
    .where(_EVENT.operation == Operation.REPLACE.value)
    .group_by(_EVENT.card_no)
    .having(sa.func.count() > _DESTROYED)
)
"""Requests that brought a card or will: where the new card was cancelled before its handover, another may be made."""


class ReplacementRefused(Refused):
    """A card cannot be replaced; ``status`` says why."""

    def __init__(self, card_no: str, status: TransitionStatus) -> None:
        what = message(f"registry.replacement.{status.name.lower()}", card_no=card_no)
        super().__init__(what, step="issuing.replace", term="补卡")
        self.status = status


@dataclass(frozen=True, slots=True)
class ReplacementRequest:
    """A new card is wanted for ``card_no``; ``Production.order_replacements`` orders it."""

    card_no: str
    person_id: int
    requested_on: date


@dataclass(slots=True)
class _Card:
    """One card while a chunk is worked on."""

    person_id: int
    made_on: str | None
    issued_on: str | None
    states: dict[Half, CardState]
    replaces: str | None
    last_act: dict[Half, str] = field(default_factory=dict)
    before_loss: dict[Half, CardState] = field(default_factory=dict)

    def may_act(self, half: Half, day: str) -> bool:
        """Whether ``day`` is not before the half's last act, nor before the card was made and handed over."""
        return day >= max(self.made_on or "", self.issued_on or "", self.last_act.get(half, ""))


class _Chunk:
    """The cards of one chunk, those they replace, and what is to be written about them."""

    def __init__(self, connection: sa.Connection, numbers: Sequence[str], on: date) -> None:
        self._connection = connection
        self._day = as_day(on).isoformat()
        self._issued: list[tuple[str, str]] = []
        self._moved: dict[tuple[Half, str], CardState] = {}
        self._events: list[tuple[str, str, str, str, int, int]] = []
        self.cards: dict[str, _Card] = {}
        self._load(numbers)
        self._load([card.replaces for card in self.cards.values() if card.replaces is not None])
        self.requests = {row[0]: row[1] for row in self._of(_REQUESTS, numbers)}
        dead = sa.select(_CARD.card_no).where(is_dead(_CARD.person_id, self._day))
        self._of_dead = {row[0] for row in self._of(dead, numbers)}

    def _of(self, query: "sa.Select[Any]", numbers: Sequence[str]) -> Iterable[Any]:
        column = query.selected_columns.card_no
        return self._connection.execute(query.where(column.in_(numbers))).all() if numbers else ()

    def _load(self, numbers: Sequence[str]) -> None:
        for row in self._of(_CARDS, numbers):
            states = {Half.APP: _STATE[row.app_state], Half.ACCOUNT: _STATE[row.account_state]}
            self.cards[row.card_no] = _Card(row.person_id, row.made_on, row.issued_on, states, row.replaces)
        for card_no, half, day in self._of(_LAST_ACTS, numbers):
            self.cards[card_no].last_act[Half(half)] = day
        lost = [no for no in numbers if no in self.cards and LOST_STATES & set(self.cards[no].states.values())]
        for card_no, half, state in self._of(_BEFORE_LOSS, lost):
            self.cards[card_no].before_loss[Half(half)] = _STATE[state]

    def issue(self, number: str, policy: LifecyclePolicy) -> TransitionStatus:
        """Hand one card over; the card it replaces is cancelled, both halves."""
        card = self.cards.get(number)
        if card is None:
            return TransitionStatus.UNKNOWN_CARD
        status = self._may_be_issued(number, card)
        if status is not TransitionStatus.OK:
            return status
        card.issued_on = self._day
        self._issued.append((self._day, number))
        self.note(number, Operation.ISSUE, Half.APP, card.states[Half.APP], card.states[Half.APP])
        if card.replaces is not None:
            self.cancel(card.replaces, policy)
        return TransitionStatus.OK

    def _may_be_issued(self, number: str, card: _Card) -> TransitionStatus:
        if card.issued_on is not None:
            return TransitionStatus.ALREADY
        if card.made_on is None:
            return TransitionStatus.NOT_MADE
        if card.states[Half.APP] is CardState.CANCELLED or LOST_STATES & set(card.states.values()):
            return TransitionStatus.ILLEGAL
        if number in self._of_dead:
            return TransitionStatus.HOLDER_DEAD
        chain = (card, self.cards.get(card.replaces or ""))
        in_order = all(each.may_act(half, self._day) for each in chain if each is not None for half in BOTH)
        return TransitionStatus.OK if in_order else TransitionStatus.OUT_OF_ORDER

    def cancel(self, number: str, policy: LifecyclePolicy) -> TransitionStatus:
        """Cancel both halves of one card, or neither."""
        card = self.cards.get(number)
        lives = card is not None and set(card.states.values()) != {CardState.CANCELLED}
        if card is not None and lives and not all(card.may_act(half, self._day) for half in BOTH):
            return TransitionStatus.OUT_OF_ORDER
        return min(self.apply(number, Operation.CANCEL, half, policy) for half in BOTH)

    def apply(self, number: str, operation: Operation, half: Half, policy: LifecyclePolicy) -> TransitionStatus:
        """One operation on one half of one card."""
        card = self.cards.get(number)
        if card is None:
            return TransitionStatus.UNKNOWN_CARD
        if card.made_on is None and operation is not Operation.CANCEL:
            return TransitionStatus.NOT_MADE
        if card.issued_on is None and operation not in _BEFORE_HANDOVER:
            return TransitionStatus.NOT_ISSUED
        before = card.states[half]
        before_loss = card.before_loss.get(half, CardState.SEALED)
        status, after = transition(operation, before, policy, before_loss=before_loss)
        if status is TransitionStatus.OK and operation is Operation.RELEASE and number in self.requests:
            status = TransitionStatus.ILLEGAL  # a new card is on its way
        if status is TransitionStatus.OK and operation in _IN_PERSON and number in self._of_dead:
            status = TransitionStatus.HOLDER_DEAD
        if status is TransitionStatus.OK and not card.may_act(half, self._day):
            status = TransitionStatus.OUT_OF_ORDER
        if status is TransitionStatus.OK:
            card.states[half] = after
            self._moved[half, number] = after
            self.note(number, operation, half, before, after)
        return status

    def note(self, number: str, operation: Operation, half: Half, before: CardState, after: CardState) -> None:
        """Write one event down."""
        card = self.cards[number]
        if before not in LOST_STATES:
            card.before_loss[half] = before
        card.last_act[half] = self._day
        self._events.append((number, self._day, operation.value, half.value, int(before), int(after)))

    def request(self, number: str, policy: LifecyclePolicy) -> TransitionStatus:
        """Request a new card for one card, unless one was requested before and is made, on its way or handed over."""
        card = self.cards.get(number)
        if card is None:
            return TransitionStatus.UNKNOWN_CARD
        if number in self.requests:
            return TransitionStatus.ALREADY
        state = card.states[Half.APP]
        may_be = state in policy.replaceable
        if card.issued_on is None:
            may_be = card.replaces is None and (may_be or state is CardState.CANCELLED)
        if not may_be:
            return TransitionStatus.ILLEGAL
        if number in self._of_dead:
            return TransitionStatus.HOLDER_DEAD
        if not card.may_act(Half.APP, self._day):
            return TransitionStatus.OUT_OF_ORDER
        self.requests[number] = self._day
        self.note(number, Operation.REPLACE, Half.APP, state, state)
        return TransitionStatus.OK

    def write(self) -> None:
        """Write everything, in bulk."""
        update_many(self._connection, schema.card, ("issued_on",), ("card_no",), self._issued)
        for half, column in _COLUMN.items():
            rows = [(int(state), number) for (which, number), state in self._moved.items() if which is half]
            update_many(self._connection, schema.card, (column,), ("card_no",), rows)
        insert_many(self._connection, schema.card_event, _EVENT_COLUMNS, self._events)


class Issuing:
    """The cards of one database, from the outlet to their end. Bulk calls give one status per card, in order."""

    def __init__(self, store: Store, policy: LifecyclePolicy | None = None) -> None:
        self._store = store
        self.policy = policy or LifecyclePolicy()

    def issue(self, card_nos: Iterable[str], on: date) -> list[TransitionStatus]:
        """Hand cards to their holders; the card a new one replaces is cancelled, both halves."""
        return self._each(card_nos, on, lambda chunk, number: chunk.issue(number, self.policy))

    def activate(self, card_nos: Iterable[str], half: Half | str, on: date) -> list[TransitionStatus]:
        """领卡启用 (application half) or 激活 (account half): SEALED becomes NORMAL."""
        return self.apply(card_nos, Operation.ACTIVATE, half, on)

    def apply(
        self, card_nos: Iterable[str], operation: Operation, half: Half | str, on: date
    ) -> list[TransitionStatus]:
        """Any operation of the transition table on one half of many cards."""
        half = Half(half)
        return self._each(card_nos, on, lambda chunk, number: chunk.apply(number, operation, half, self.policy))

    def report_loss(
        self, card_no: str, on: date, formal: bool = False, *, half: Half | str = Half.APP
    ) -> TransitionStatus:
        """临时挂失, or with ``formal`` 正式挂失, of one half; the other half is not touched."""
        operation = Operation.FORMAL_LOSS if formal else Operation.TEMPORARY_LOSS
        return self.apply([card_no], operation, half, on)[0]

    def release(self, card_no: str, on: date, *, half: Half | str = Half.APP) -> TransitionStatus:
        """解除挂失 of one half: it is again what it was before the loss; ILLEGAL once a new card is requested.

        After a formal loss only where the policy allows it.
        """
        return self.apply([card_no], Operation.RELEASE, half, on)[0]

    def cancel(self, card_no: str, on: date) -> TransitionStatus:
        """注销 of the whole card; ALREADY when both halves were cancelled before."""
        return self._each([card_no], on, lambda chunk, number: chunk.cancel(number, self.policy))[0]

    def replace(self, card_no: str, on: date) -> ReplacementRequest:
        """补卡申请: request a new card; a second request is the first one again, unless its new card was destroyed.

        Raises:
            ReplacementRefused: no such card, or its state (by the policy) or the date does not allow it.
        """
        card_no = card_number.compact(card_no)
        with self._store.writing(schema.card) as connection:
            chunk = _Chunk(connection, [card_no], on)
            status = chunk.request(card_no, self.policy)
            if not status.is_success:
                raise ReplacementRefused(card_no, status)
            chunk.write()
        requested_on = date.fromisoformat(chunk.requests[card_no])
        return ReplacementRequest(card_no, chunk.cards[card_no].person_id, requested_on)

    def request_replacements(self, card_nos: Iterable[str], on: date) -> list[TransitionStatus]:
        """:meth:`replace` for many cards: ALREADY for a request on file."""
        return self._each(card_nos, on, lambda chunk, number: chunk.request(number, self.policy))

    def end_temporary_losses(self, as_of: date) -> int:
        """临时挂失到期: end every temporary loss older than the policy's days; returns how many halves changed."""
        if self.policy.temporary_loss_days is None:
            return 0
        limit = (as_day(as_of) - timedelta(days=self.policy.temporary_loss_days)).isoformat()
        ended = 0
        for half in BOTH:
            after = ""
            while True:
                with self._store.writing(schema.card) as connection:
                    numbers = connection.execute(_overdue(half, limit, after)).scalars().all()
                    if not numbers:
                        break
                    chunk = _Chunk(connection, numbers, as_of)
                    done = [chunk.apply(number, Operation.LOSS_ENDED, half, self.policy) for number in numbers]
                    chunk.write()
                ended += done.count(TransitionStatus.OK)
                after = numbers[-1]
        return ended

    def _each(
        self, card_nos: Iterable[str], on: date, act: Callable[[_Chunk, str], TransitionStatus]
    ) -> list[TransitionStatus]:
        """Act on every card, one transaction per chunk; what a chunk reads cannot change before it is written."""
        statuses: list[TransitionStatus] = []
        rest = map(card_number.compact, card_nos)
        while numbers := list(islice(rest, CHUNK)):
            with self._store.writing(schema.card) as connection:
                chunk = _Chunk(connection, numbers, on)
                statuses += [act(chunk, number) for number in numbers]
                chunk.write()
        return statuses


def _overdue(half: Half, limit: str, after: str) -> "sa.Select[Any]":
    """Cards whose half was last reported lost for a time on or before ``limit``, and still is."""
    since = (
        sa.select(sa.func.max(_EVENT.on_date))
        .where(_EVENT.card_no == _CARD.card_no, _EVENT.half == half.value)
        .where(_EVENT.operation == Operation.TEMPORARY_LOSS.value)
        .scalar_subquery()
    )
    lost = _CARD[_COLUMN[half]] == sa.literal_column(str(int(CardState.TEMPORARILY_LOST)))  # as its index has it
    query = sa.select(_CARD.card_no).where(lost, since <= limit, _CARD.card_no > after)
    return query.order_by(_CARD.card_no).limit(CHUNK)
