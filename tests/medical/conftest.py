"""A store in a file, and the books in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sbcard_core.ledger import Ledger
from sbcard_core.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/books.sqlite") as opened:
        yield opened


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store)
