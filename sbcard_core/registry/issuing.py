"""Issuing cards and following each to its end (发卡 · 启用 · 挂失 · 补卡 · 注销), in bulk first."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice

import sqlalchemy as sa

from sbcard_core.errors import Refused
from sbcard_core.registry.lifecycle import Half, LifecyclePolicy, Operation, TransitionStatus, transition
from sbcard_core.store import Store, insert_many, schema, update_many
from sbcard_core.values import CardState

CHUNK = 900
"""Cards per transaction of a bulk call: all named in one query, below the databases' smallest parameter limit."""
_COLUMN = {Half.APP: "app_state", Half.ACCOUNT: "account_state"}
_EVENT_COLUMNS = ("card_no", "on_date", "operation", "half", "from_state", "to_state")
BOTH = (Half.APP, Half.ACCOUNT)


class ReplacementRefused(Refused):
    """A card cannot be replaced; ``status`` says why."""

    def __init__(self, card_no: str, status: TransitionStatus) -> None:
        advice = "report it lost formally first (正式挂失)" if status is TransitionStatus.ILLEGAL else "check the card"
        super().__init__(f"card {card_no}: {status.name}", step="issuing.replace", term="补卡", advice=advice)
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
    made: bool
    issued_on: str | None
    states: dict[Half, CardState]
    replaces: str | None


class _Chunk:
    """The cards of one chunk and what is to be written about them."""

    def __init__(self, connection: sa.Connection, numbers: Sequence[str], on: date) -> None:
        card = schema.card.c
        columns = (card.card_no, card.person_id, card.made_on, card.issued_on, card.app_state, card.account_state)
        query = sa.select(*columns, card.replaces).where(card.card_no.in_(numbers))
        self._connection = connection
        self._day = on.isoformat()
        self._issued: list[tuple[str, str]] = []
        self._moved: dict[tuple[Half, str], CardState] = {}
        self._events: list[tuple[str, str, str, str, int, int]] = []
        self.cards = {
            row[0]: _Card(
                row[1], row[2] is not None, row[3], {Half.APP: _STATE[row[4]], Half.ACCOUNT: _STATE[row[5]]}, row[6]
            )
            for row in connection.execute(query)
        }

    def issue(self, number: str) -> TransitionStatus:
        """Hand one card over."""
        card = self.cards.get(number)
        if card is None:
            return TransitionStatus.UNKNOWN_CARD
        if card.issued_on is not None:
            return TransitionStatus.ALREADY
        if not card.made:
            return TransitionStatus.NOT_MADE
        if card.states[Half.APP] is CardState.CANCELLED:
            return TransitionStatus.ILLEGAL
        card.issued_on = self._day
        self._issued.append((self._day, number))
        state = int(card.states[Half.APP])
        self._events.append((number, self._day, _ISSUE, _APP, state, state))
        return TransitionStatus.OK

    def apply(self, number: str, operation: Operation, half: Half, policy: LifecyclePolicy) -> TransitionStatus:
        """One operation on one half of one card."""
        card = self.cards.get(number)
        if card is None:
            return TransitionStatus.UNKNOWN_CARD
        if card.issued_on is None and operation is not Operation.CANCEL:
            return TransitionStatus.NOT_ISSUED if card.made else TransitionStatus.NOT_MADE
        before = card.states[half]
        status, after = transition(operation, before, policy)
        if status is TransitionStatus.OK:
            card.states[half] = after
            self._moved[half, number] = after
            self.note(number, operation, half, before, after)
        return status

    def note(self, number: str, operation: Operation, half: Half, before: CardState, after: CardState) -> None:
        """Write one event down."""
        self._events.append((number, self._day, operation.value, half.value, int(before), int(after)))

    def ask(self, number: str, asked: dict[str, str]) -> TransitionStatus:
        """Ask for a replacement of one card, unless ``asked`` has its request; the new one is added there."""
        card = self.cards.get(number)
        if card is None:
            return TransitionStatus.UNKNOWN_CARD
        if number in asked:
            return TransitionStatus.ALREADY
        if card.states[Half.APP] is not CardState.LOST:
            return TransitionStatus.ILLEGAL
        asked[number] = self._day
        self.note(number, Operation.REPLACE, Half.APP, CardState.LOST, CardState.LOST)
        return TransitionStatus.OK

    def write(self) -> None:
        """Write everything, in bulk."""
        update_many(self._connection, schema.card, ("issued_on",), ("card_no",), self._issued)
        for half, column in _COLUMN.items():
            rows = [(int(state), number) for (which, number), state in self._moved.items() if which is half]
            update_many(self._connection, schema.card, (column,), ("card_no",), rows)
        insert_many(self._connection, schema.card_event, _EVENT_COLUMNS, self._events)


_STATE = {int(state): state for state in CardState}
_ISSUE, _APP = Operation.ISSUE.value, Half.APP.value


class Issuing:
    """The cards of one database, from the outlet to their end. Bulk calls give one status per card, in order."""

    def __init__(self, store: Store, policy: LifecyclePolicy | None = None) -> None:
        self._store = store
        self.policy = policy or LifecyclePolicy()

    def issue(self, card_nos: Iterable[str], on: date) -> list[TransitionStatus]:
        """Hand cards to their holders; the card a new one replaces is cancelled, both halves."""
        statuses: list[TransitionStatus] = []
        for numbers in _chunks(card_nos):
            with self._store.begin() as connection:
                chunk = _Chunk(connection, numbers, on)
                done = [chunk.issue(number) for number in numbers]
                chunk.write()
                old = [
                    chunk.cards[number].replaces
                    for number, status in zip(numbers, done, strict=True)
                    if status is TransitionStatus.OK and chunk.cards[number].replaces is not None
                ]
                if old:
                    self._cancel_old(connection, [number for number in old if number is not None], on)
            statuses += done
        return statuses

    def activate(self, card_nos: Iterable[str], half: Half | str, on: date) -> list[TransitionStatus]:
        """领卡启用 (application half) or 激活 (account half): SEALED becomes NORMAL."""
        return self.apply(card_nos, Operation.ACTIVATE, half, on)

    def apply(
        self, card_nos: Iterable[str], operation: Operation, half: Half | str, on: date
    ) -> list[TransitionStatus]:
        """Any operation of the transition table on one half of many cards."""
        half = Half(half)
        statuses: list[TransitionStatus] = []
        for numbers in _chunks(card_nos):
            with self._store.begin() as connection:
                chunk = _Chunk(connection, numbers, on)
                statuses += [chunk.apply(number, operation, half, self.policy) for number in numbers]
                chunk.write()
        return statuses

    def report_loss(
        self, card_no: str, on: date, formal: bool = False, *, half: Half | str = Half.APP
    ) -> TransitionStatus:
        """临时挂失, or with ``formal`` 正式挂失, of one half; the other half is not touched."""
        operation = Operation.FORMAL_LOSS if formal else Operation.TEMPORARY_LOSS
        return self.apply([card_no], operation, half, on)[0]

    def release(self, card_no: str, on: date, *, half: Half | str = Half.APP) -> TransitionStatus:
        """解除挂失 of one half; after a formal loss only where the policy allows it."""
        return self.apply([card_no], Operation.RELEASE, half, on)[0]

    def cancel(self, card_no: str, on: date) -> TransitionStatus:
        """注销 of the whole card; ALREADY when both halves were cancelled before."""
        with self._store.begin() as connection:
            chunk = _Chunk(connection, [card_no], on)
            statuses = [chunk.apply(card_no, Operation.CANCEL, half, self.policy) for half in BOTH]
            chunk.write()
        return min(statuses)

    def replace(self, card_no: str, on: date) -> ReplacementRequest:
        """补卡申请: ask for a new card; the application half must be formally lost. Asking again is the same request.

        Raises:
            ReplacementRefused: no such card, or not formally lost.
        """
        with self._store.begin() as connection:
            chunk = _Chunk(connection, [card_no], on)
            asked = _requested(connection, [card_no])
            status = chunk.ask(card_no, asked)
            if not status.is_success:
                raise ReplacementRefused(card_no, status)
            chunk.write()
        return ReplacementRequest(card_no, chunk.cards[card_no].person_id, date.fromisoformat(asked[card_no]))

    def request_replacements(self, card_nos: Iterable[str], on: date) -> list[TransitionStatus]:
        """:meth:`replace` for many cards: ALREADY for a request on file, ILLEGAL for a card not formally lost."""
        statuses: list[TransitionStatus] = []
        for numbers in _chunks(card_nos):
            with self._store.begin() as connection:
                chunk = _Chunk(connection, numbers, on)
                asked = _requested(connection, numbers)
                statuses += [chunk.ask(number, asked) for number in numbers]
                chunk.write()
        return statuses

    def end_temporary_losses(self, as_of: date) -> int:
        """临时挂失到期: end every temporary loss older than the policy's days; returns how many halves changed."""
        limit = (as_of - timedelta(days=self.policy.temporary_loss_days)).isoformat()
        card, event = schema.card.c, schema.card_event.c
        ended = 0
        for half, column in _COLUMN.items():
            since = (
                sa.select(sa.func.max(event.on_date))
                .where(event.card_no == card.card_no, event.half == half.value)
                .where(event.operation == Operation.TEMPORARY_LOSS.value)
                .scalar_subquery()
            )
            lost = card[column] == int(CardState.TEMPORARILY_LOST)
            with self._store.begin() as connection:
                numbers = connection.execute(sa.select(card.card_no).where(lost, since <= limit)).scalars().all()
            ended += sum(s is TransitionStatus.OK for s in self.apply(numbers, Operation.LOSS_ENDED, half, as_of))
        return ended

    def _cancel_old(self, connection: sa.Connection, numbers: Sequence[str], on: date) -> None:
        chunk = _Chunk(connection, numbers, on)
        for number in numbers:
            for half in BOTH:
                chunk.apply(number, Operation.CANCEL, half, self.policy)
        chunk.write()


def _requested(connection: sa.Connection, numbers: Sequence[str]) -> dict[str, str]:
    """The day of the replacement request of each card that has one."""
    event = schema.card_event.c
    query = sa.select(event.card_no, event.on_date).where(
        event.card_no.in_(numbers), event.operation == Operation.REPLACE.value
    )
    rows = connection.execute(query).all()
    return dict(zip([row[0] for row in rows], [row[1] for row in rows], strict=True))


def _chunks(numbers: Iterable[str]) -> Iterator[list[str]]:
    rest = iter(numbers)
    while part := list(islice(rest, CHUNK)):
        yield part
