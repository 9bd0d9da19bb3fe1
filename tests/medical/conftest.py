"""A store on each database the books work on, and the books in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sbcard_core.ledger import Ledger
from sbcard_core.store import Store, schema
from tests.ledger.conftest import postgres_url  # noqa: F401 - a fixture


@pytest.fixture(params=["sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        with Store.open(f"sqlite:///{tmp_path}/books.sqlite") as opened:
            yield opened
        return
    with Store.open(str(request.getfixturevalue("postgres_url"))) as opened:
        yield opened
        schema.metadata.drop_all(opened.engine)


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store)
