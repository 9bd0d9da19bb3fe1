"""Which serial numbers are taken: told apart by terminal and number, and read by the index on both databases."""

from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa

from sbcard_core.clearing.journal import Purchase
from sbcard_core.clearing.keys import KeyVersions
from sbcard_core.clearing.verdict import PurchaseCheck
from sbcard_core.eligibility import Eligibility
from sbcard_core.store import Store, insert_many, schema
from tests.plans import scanned

COLUMNS = (
    *("source", "line", "card_no", "offline_no", "amount_fen", "at", "status", "terminal_no"),
    "terminal_txn_no",
)
ONE, OTHER, THIRD = "001122334455", "0011223344AB", "FFFFFFFFFFFF"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with Store.open(store_url) as opened:
        yield opened


def purchase(terminal: str, number: int) -> Purchase:
    return Purchase(2, terminal, number, "B00000019", "", "430100", 1, 1, 6, "20140731093000", 1, 0, bytes(4))


def test_a_slot_is_a_terminal_and_its_number(store: Store) -> None:
    taken = {(ONE, 7): 0, (ONE, 8): 1, (OTHER, 7): 1, (OTHER, 4_294_967_295): 0}
    rows = [
        ("s", line, "B00000019", 1, 1, "2014-07-31T09:30:00", status, *slot)
        for line, (slot, status) in enumerate(taken.items())
    ]
    with store.begin() as connection:
        insert_many(connection, schema.offline_purchase, COLUMNS, rows)
        check = PurchaseCheck(connection, KeyVersions([]), Eligibility(), date(2014, 8, 1))
        asked = [(ONE, 7), (ONE, 9), (OTHER, 8), (OTHER, 4_294_967_295), (THIRD, 7), (ONE, 7)]
        assert check.taken([purchase(*slot) for slot in asked]) == {(ONE, 7): 0, (OTHER, 4_294_967_295): 0}
        many = [purchase(terminal, number) for terminal in (ONE, OTHER, THIRD) for number in range(3_000)]
        assert check.taken(many) == {(ONE, 7): 0, (ONE, 8): 1, (OTHER, 7): 1}
        assert check.taken([]) == {}


def test_a_pair_in_a_list_would_read_the_whole_table_of_sqlite(store: Store) -> None:
    """What the join avoids, and that the check of plans sees it."""
    text = "SELECT status FROM offline_purchase WHERE (terminal_no, terminal_txn_no) IN (VALUES ('X', 7), ('Y', 8))"
    with store.begin() as connection:
        connection.execute(sa.text(text)).all()
        is_sqlite = connection.dialect.name == "sqlite"
        assert scanned(connection, text, ()) == ({"offline_purchase"} if is_sqlite else set())
        unserved = "SELECT 1 FROM offline_purchase WHERE card_no = 'B00000019'"
        assert scanned(connection, unserved, ()) == {"offline_purchase"}
