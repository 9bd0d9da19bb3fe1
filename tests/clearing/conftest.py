"""A store in a file and keys that are no secret."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.ledger import Ledger
from sbcard_core.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path}/books.sqlite") as opened:
        yield opened


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store)


@pytest.fixture(scope="session")
def keys() -> Iterator[MasterKeys]:
    with MasterKeys.simulation(2014) as made:
        yield made
