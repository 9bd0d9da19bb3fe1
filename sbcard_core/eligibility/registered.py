"""What the registry knows for each use: holder, life status, and the card's state on the day of the act."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa

from sbcard_core.eligibility.question import ACCOUNT_PURPOSES, Use
from sbcard_core.eligibility.rules import Facts, Half
from sbcard_core.fields import BankAccount, CitizenNumber, card_number, citizen_id
from sbcard_core.store import schema
from sbcard_core.values import CardState, LifeStatus

LOOKUP = 900
"""Keys one query names: below the smallest parameter limit of the databases used."""
OPENED = 20
"""State of an opening line whose account was opened."""

_STATE = {int(state): state for state in CardState}
_NUMBER = re.compile(r"\d{14}(\d{3})?[\dX]", re.ASCII)
"""Written like a citizen number, right or wrong."""
_WITHIN = re.compile(
    r"(?<!\d)\d{6}(?:(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX]"
    r"|\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3})(?!\d)",
    re.ASCII,
)
"""A citizen number with something else around it, such as a mark, a word or the end of another cell."""
_MARKS = re.compile(r"[^0-9A-Za-z]")
_PERSON, _CARD, _TOLD = schema.person.c, schema.card.c, schema.payout_standing.c
_EVENT, _LINE = schema.card_event.c, schema.opening_line.c
_CARDS = sa.select(
    *(_CARD.card_no, _CARD.person_id, _CARD.account_no, _CARD.issued_on, _CARD.app_state, _CARD.account_state)
)
_PEOPLE = sa.select(
    *(_PERSON.person_id, _PERSON.id_number, _TOLD.living, _TOLD.died_on, _TOLD.told_on),
    *(_TOLD.account_no, _TOLD.account_state),
).join_from(schema.person, schema.payout_standing, _TOLD.person_id == _PERSON.person_id, isouter=True)
_EVENTS = sa.select(_EVENT.card_no, _EVENT.half, _EVENT.on_date, _EVENT.from_state, _EVENT.to_state)
_ANYBODY = sa.select(sa.func.max(_PERSON.person_id))
_OPENED = sa.select(_LINE.person_id, _LINE.account_no).where(_LINE.state == OPENED)
_UNLISTED = Facts(is_known=False, is_listed=False)

Moves = dict[tuple[str, bool], list[tuple[str, int, int]]]
"""Later events by card and half (True = account): day, state before, state after."""


@dataclass(slots=True)
class _Known:
    """The registry's rows behind one chunk of uses."""

    cards: dict[str, Any] = field(default_factory=dict)  # as the caller spells them
    people: dict[int, Any] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)  # as the caller spells them
    written: dict[str, str] = field(default_factory=dict)  # form of each account the caller names
    accounts: dict[tuple[int, str], list[Any]] = field(default_factory=dict)
    opened: set[tuple[int, str]] = field(default_factory=set)
    moves: Moves = field(default_factory=dict)
    has_nobody: bool = field(init=False)


def registered(connection: sa.Connection, uses: Sequence[Use]) -> list[Facts]:
    """The facts for many uses, from the registry's tables and what payouts were told of people.

    A card's state on a past day comes from its events: it is what the first later event found. A person's number of
    another kind than citizen numbers goes by the card that was shown.
    """
    facts: list[Facts] = []
    for start in range(0, len(uses), LOOKUP):
        part = uses[start : start + LOOKUP]
        known = _read(connection, part)
        facts += [_facts(known, use) for use in part]
    return facts


def _read(connection: sa.Connection, uses: Sequence[Use]) -> _Known:
    known = _Known()
    shown = {use.card_no: card_number.compact(use.card_no) for use in uses if use.card_no}
    found = {row.card_no: row for row in _named(connection, _CARDS, _CARD.card_no, set(shown.values()))}
    known.cards = {raw: found[number] for raw, number in shown.items() if number in found}
    named = list({use.id_number for use in uses if use.id_number})
    written = dict(zip(named, CitizenNumber.column(named), strict=True))
    people = list(_named(connection, _PEOPLE, _PERSON.id_number, {form or raw for raw, form in written.items()}))
    holders = {row.person_id for row in known.cards.values()} - {row.person_id for row in people}
    people += _named(connection, _PEOPLE, _PERSON.person_id, holders)
    known.people = {row.person_id: row for row in people}
    known.has_nobody = not known.people and connection.execute(_ANYBODY).scalar() is None
    by_number = {row.id_number: row.person_id for row in people}
    known.numbers = {raw: by_number[form or raw] for raw, form in written.items() if (form or raw) in by_number}
    accounts = list({use.account_no for use in uses if use.account_no})
    forms = zip(accounts, BankAccount.column(accounts), strict=True)
    known.written = {raw: form or raw for raw, form in forms}
    payees = {known.numbers[use.id_number] for use in uses if use.account_no and use.id_number in known.numbers}
    carriers = list(_named(connection, _CARDS, _CARD.person_id, payees))
    for row in carriers:
        known.accounts.setdefault((row.person_id, row.account_no), []).append(row)
    known.opened = {tuple(row) for row in _named(connection, _OPENED, _LINE.person_id, payees)}
    _read_moves(connection, known, min(use.on for use in uses), carriers)
    return known


def _read_moves(connection: sa.Connection, known: _Known, since: date, carriers: Iterable[Any]) -> None:
    cards = {row.card_no for row in (*known.cards.values(), *carriers)}
    query = _EVENTS.where(_EVENT.on_date >= since.isoformat()).order_by(_EVENT.on_date, _EVENT.event_id)
    for card_no, half, *move in _named(connection, query, _EVENT.card_no, cards):
        known.moves.setdefault((card_no, half == "account"), []).append((move[0], move[1], move[2]))


def _named(connection: sa.Connection, query: "sa.Select[Any]", column: Any, keys: Iterable[Any]) -> Iterable[Any]:
    """The rows whose column is one of the keys."""
    wanted = sorted(keys)
    for start in range(0, len(wanted), LOOKUP):
        yield from connection.execute(query.where(column.in_(wanted[start : start + LOOKUP])))


def _facts(known: _Known, use: Use) -> Facts:
    if known.has_nobody:
        return _UNLISTED
    card = known.cards.get(use.card_no)
    named = known.numbers.get(use.id_number)
    is_number = named is not None or _is_like_a_citizens(use.id_number)
    if use.id_number and not is_number and not use.card_no:
        return _UNLISTED
    id_number = use.id_number if is_number else ""  # else whoever shows a card is its holder
    person_id = named if id_number else None if card is None else card.person_id
    who = None if person_id is None else known.people[person_id]
    halves: tuple[Half, ...] = ()
    if card is not None:
        halves = (_half(known.moves, use, card),)
    elif use.account_no and named is not None:
        halves = _account(known, use, named)
    is_holder = not (id_number and card is not None) or card.person_id == named
    if who is None or who.living is None:
        return Facts(is_known=who is not None or not id_number, is_holder=is_holder, halves=halves)
    died_on = None if who.died_on is None else date.fromisoformat(who.died_on)
    life, since = LifeStatus(who.living), date.fromisoformat(who.told_on)
    return Facts(is_holder=is_holder, life=life, died_on=died_on, life_since=since, halves=halves)


def _is_like_a_citizens(number: str) -> bool:
    """Whether a number that nobody here has is a citizen number, right or wrong, or has one in it."""
    plain = citizen_id.compact(number)
    if _NUMBER.fullmatch(plain) is not None:
        return True
    return any(_WITHIN.search(text) is not None for text in (plain, _MARKS.sub("", plain)))


def _account(known: _Known, use: Use, person_id: int) -> tuple[Half, ...]:
    """An account as payouts were told of it, else on the cards that carry it, else as opened and on no card yet."""
    who, account_no = known.people[person_id], known.written[use.account_no]
    if who.account_no == account_no:
        return (Half((CardState(who.account_state),)),)
    cards = known.accounts.get((person_id, account_no))
    if cards is not None:
        return tuple([_half(known.moves, use, card) for card in cards])
    return (Half((CardState.SEALED,)),) if (person_id, account_no) in known.opened else ()


def _half(moves: Mapping[tuple[str, bool], Sequence[tuple[str, int, int]]], use: Use, card: Any) -> Half:
    is_account = use.purpose in ACCOUNT_PURPOSES
    now = card.account_state if is_account else card.app_state
    issued_on = None if card.issued_on is None else date.fromisoformat(card.issued_on)
    later = moves.get((card.card_no, is_account))
    if later is None:
        return Half((_STATE[now],), issued_on)
    day = use.on.isoformat()
    states: list[int] = []
    for on_date, before, after in later:
        if on_date < day:
            continue
        if not states:
            states.append(before)
        if on_date > day:
            break
        states.append(after)
    return Half(tuple([_STATE[state] for state in states or [now]]), issued_on)
