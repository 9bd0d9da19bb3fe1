"""Orders to the card factory: who gets a card, and the order file with the card's data and wrapped keys."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sbcard_core.card import identification, personalize
from sbcard_core.crypto.keys import SecretKey
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import card_number
from sbcard_core.files import new_text
from sbcard_core.registry import findings
from sbcard_core.registry.card_numbers import next_range
from sbcard_core.registry.lifecycle import Operation
from sbcard_core.registry.opening_results import OpeningState
from sbcard_core.store import insert_many, schema, update_many
from sbcard_core.values import CardState

STAGE = "production"
_CARD_COLUMNS = (
    *("card_no", "identification_code", "person_id", "order_no", "order_line", "factor", "bank", "account_no"),
    *("app_state", "account_state", "replaces"),
)
_person, _line, _card = schema.person.c, schema.opening_line.c, schema.card.c
_HOLDER = (_person.person_id, _person.id_number, _person.name, _person.sex, _person.ethnicity, _person.birth)


@dataclass(frozen=True, slots=True)
class Factory:
    """What every order needs: master keys, the transport key shared with the factory, letters of the cities."""

    keys: MasterKeys
    transport: SecretKey
    letters: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Place:
    """For which city and bank an order is, its day, and the last day of its cards; days as ``YYYY-MM-DD``."""

    city: str
    bank: str
    ordered_on: str
    expires_on: str


def first_cards(city: str, bank: str, after: int, limit: int) -> sa.Select[Any]:
    """Persons with an opened account and no card; rows are holder columns, account number, replaced card."""
    return (
        sa.select(*_HOLDER, _line.account_no, sa.null())
        .join_from(schema.person, schema.opening_line, _line.person_id == _person.person_id)
        .where(_person.bank == bank, _person.city == city, _person.person_id > after)
        .where(_line.state == int(OpeningState.OPENED))
        .where(~sa.exists().where(_card.person_id == _person.person_id))
        .order_by(_person.person_id)
        .limit(limit)
    )


def replacement_cards(city: str, bank: str, after: int, limit: int) -> sa.Select[Any]:
    """Cards with a replacement request that brought no new card yet; rows as in :func:`first_cards`.

    Each request brings one card, and none where the card was cancelled after it.
    """
    new, event = schema.card.alias("new").c, schema.card_event.c
    requested = event.operation == str(Operation.REPLACE)
    requests = sa.select(sa.func.count()).where(event.card_no == _card.card_no, requested)
    brought = sa.select(sa.func.count()).where(new.replaces == _card.card_no)
    return (
        sa.select(*_HOLDER, _card.account_no, _card.card_no)
        .join_from(schema.card, schema.person, _card.person_id == _person.person_id)
        .where(_card.card_no.in_(sa.select(event.card_no).where(requested)))
        .where(_card.bank == bank, _person.city == city, _person.person_id > after)
        .where(~_given_up(_card.card_no), brought.scalar_subquery() < requests.scalar_subquery())
        .order_by(_person.person_id)
        .limit(limit)
    )


def _given_up(card_no: sa.ColumnElement[str | None]) -> sa.ColumnElement[bool]:
    """Whether a card was cancelled after the last request to replace it: its holder needs no new one."""
    end, request = schema.card_event.alias("end").c, schema.card_event.alias("request").c
    again = sa.exists().where(
        request.card_no == end.card_no,
        request.operation == str(Operation.REPLACE),
        request.event_id > end.event_id,
    )
    return sa.exists().where(end.card_no == card_no, end.operation == str(Operation.CANCEL), ~again)


def unmade_cards(city: str, bank: str, after: int, limit: int) -> sa.Select[Any]:
    """Cards an answered order did not bring, without cancelled ones; rows end with card number and factor instead.

    Nor those made for a card that was cancelled meanwhile.
    """
    order = schema.production_order.c
    return (
        sa.select(*_HOLDER, _card.card_no, _card.factor)
        .join_from(schema.card, schema.person, _card.person_id == _person.person_id)
        .join(schema.production_order, order.order_no == _card.order_no)
        .where(order.city == city, _card.bank == bank, _card.person_id > after)
        .where(_card.made_on.is_(None), order.returned_on.is_not(None))
        .where(_card.app_state != int(CardState.CANCELLED), ~_given_up(_card.replaces))
        .order_by(_card.person_id)
        .limit(limit)
    )


def new_cards(connection: sa.Connection, factory: Factory, place: Place, rows: Sequence[Any], path: Path) -> int:
    """Number the cards of ``rows``, store them and write their order file; the file's stem is the order number.

    A holder whose data don't fit a card gets none and is one finding. Returns how many cards were ordered.
    """
    free = next_range(connection, place.city, len(rows), factory.letters)
    sealed = int(CardState.SEALED)
    cards: list[tuple[Any, ...]] = []
    requests: list[personalize.CardRequest] = []
    for line, row in enumerate(rows, 1):
        serial = free.first + line - 1
        number = card_number.make(serial, free.letter)
        factor = free.factor(serial)
        code = identification.make_code(place.city, serial.to_bytes(4, "big"))
        cards.append(
            (number, code, row[0], path.stem, line, factor.hex().upper(), place.bank, row[6], sealed, sealed, row[7])
        )
        requests.append(_request(place, line, number, factor, row))
    lines, refused = _personalize(connection, factory, requests, path)
    if len(refused) == len(cards):
        return 0
    _insert_order(connection, path.stem, place, len(cards) - len(refused))
    insert_many(connection, schema.card, _CARD_COLUMNS, [card for card in cards if card[4] not in refused])
    _write(path, lines)
    return len(cards) - len(refused)


def made_again(connection: sa.Connection, factory: Factory, place: Place, rows: Sequence[Any], path: Path) -> int:
    """Order the cards of ``rows`` again under their old numbers, keys included; returns how many."""
    requests = [_request(place, line, row[6], bytes.fromhex(row[7]), row) for line, row in enumerate(rows, 1)]
    lines, refused = _personalize(connection, factory, requests, path)
    moved = [(path.stem, line, row[6]) for line, row in enumerate(rows, 1) if line not in refused]
    if not moved:
        return 0
    _insert_order(connection, path.stem, place, len(moved))
    update_many(connection, schema.card, ("order_no", "order_line"), ("card_no",), moved)
    _write(path, lines)
    return len(moved)


def _request(place: Place, line: int, number: str, factor: bytes, row: Any) -> personalize.CardRequest:
    """The request for one card; its identification-code serial is the serial inside the card number."""
    _, id_number, name, sex, ethnicity, birth = row[:6]
    return personalize.CardRequest(
        *(line, number, place.city, int(number[1:8]).to_bytes(4, "big"), factor, id_number, name, sex, ethnicity),
        *(birth, place.ordered_on, place.expires_on),
    )


def _personalize(
    connection: sa.Connection, factory: Factory, requests: list[personalize.CardRequest], path: Path
) -> tuple[Iterator[dict[str, Any]], set[int]]:
    refused: dict[int, findings.LineFinding] = {}

    def on_refused(card: personalize.CardRequest, error: InvalidValue) -> None:
        refused[card.order_line] = findings.on_line(card.order_line, "production.data", term=error.term)

    lines = personalize.order_lines(requests, factory.keys, factory.transport, on_refused=on_refused)
    findings.record(connection, STAGE, path.name, refused.values())
    return lines, set(refused)


def next_order_no(connection: sa.Connection, stem: str) -> str:
    """The next free order number that begins with ``stem``."""
    column = schema.production_order.c.order_no
    taken = connection.execute(
        sa.select(sa.func.count()).select_from(schema.production_order).where(column.startswith(stem, autoescape=True))
    ).scalar_one()
    return f"{stem}{taken + 1:03d}"


def _insert_order(connection: sa.Connection, order_no: str, place: Place, cards: int) -> None:
    columns = ("order_no", "city", "ordered_on", "cards", "made")
    row = (order_no, place.city, place.ordered_on, cards, 0)
    insert_many(connection, schema.production_order, columns, [row])


def _write(path: Path, lines: Iterator[dict[str, Any]]) -> None:
    """Write an order; one that a run left that never committed it is replaced."""
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    with new_text(path, replace=lambda head: head.startswith(b'{"order_line":')) as out:
        out.writelines(encode(line) + "\n" for line in lines)
