"""The books in an empty store on each database."""

import pytest

from sbcard_core.ledger import Ledger
from sbcard_core.store import Store


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store)
