"""Synthetic people: numbers, names, and cards in the registry's tables as they are after issuing."""

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from sbcard_core.fields import citizen_id
from sbcard_core.store import Store, schema


def number(at: int) -> str:
    """The citizen number of the person with this serial; each serial is another person."""
    born = date(1960, 1, 1) + timedelta(days=at // 990)
    body = f"430102{born:%Y%m%d}{at % 990 + 1:03d}"
    return body + citizen_id.check_digit(body)


def name(at: int) -> str:
    """A name of two characters."""
    return "张" + chr(0x4E00 + at)


def enrol(store: Store, card_no: str, factor: str, person_id: int = 1, **changes: Any) -> None:
    """A card that was issued on 2014-01-02, and its holder."""
    person = {
        "person_id": person_id,
        "id_number": number(person_id),
        "name": "测试",
        "sex": "1",
        "ethnicity": "01",
        "birth": "1980-01-01",
        "phone": "",
        "category": 1,
        "city": "430100",
        "county": "430102",
        "bank": "103",
        "form_no": "",
        "submitted_on": "2014-01-01",
        "source_file": "f",
        "source_line": person_id,
    }
    card = {
        "card_no": card_no,
        "identification_code": f"{person_id:032d}",
        "person_id": person_id,
        "order_no": "o",
        "order_line": person_id,
        "factor": factor,
        "bank": "103",
        "account_no": "6228480000000000018",
        "made_on": "2014-01-01",
        "issued_on": "2014-01-02",
        "app_state": 1,
        "account_state": 1,
    }
    order = {"order_no": "o", "city": "430100", "ordered_on": "2014-01-01", "cards": 1}
    with store.begin() as connection:
        there = sa.select(schema.production_order.c.order_no)
        if connection.execute(there).first() is None:
            connection.execute(sa.insert(schema.production_order).values(order))
        connection.execute(sa.insert(schema.person).values(person))
        connection.execute(sa.insert(schema.card).values(card | changes))


def move(store: Store, card_no: str, on: str, to_state: int, from_state: int = 1) -> None:
    """What happens to the social-security half of a card on a day."""
    event = {"card_no": card_no, "on_date": on, "operation": "lose", "half": "app"}
    with store.begin() as connection:
        values = event | {"from_state": from_state, "to_state": to_state}
        connection.execute(sa.insert(schema.card_event).values(values))
        card = schema.card.c
        connection.execute(sa.update(schema.card).where(card.card_no == card_no).values(app_state=to_state))


def die(store: Store, person_id: int, died_on: str, told_on: str) -> None:
    """A death that payouts were told of."""
    values = {"person_id": person_id, "living": 2, "died_on": died_on, "told_on": told_on}
    with store.begin() as connection:
        connection.execute(sa.insert(schema.payout_standing).values(values))
