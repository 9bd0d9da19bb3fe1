"""A store in a file, keys that are no secret, and officers who approve in a session."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.ledger import Ledger
from sbcard_core.officers import Act, Officer, Officers
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


class Sessions:
    """Confirms what is named ``good``."""

    def confirms(self, officer: str, act: Act, proof: bytes) -> bool:
        return proof == b"good"


@pytest.fixture
def officers() -> Officers:
    return Officers([Officer("li", "李"), Officer("wang", "王")], sessions=Sessions())
