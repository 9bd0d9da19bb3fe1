"""Every way in which a database cannot be opened ends in a typed error that says what to do and shows no password."""

import importlib.util
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sbcard_core.errors import InvalidValue, MissingPart
from sbcard_core.ledger import AccountKind, Ledger, Transfer
from sbcard_core.store import Store, StoreClosed, StoreFailed, address, engine
from sbcard_core.store.rehearsal import rehearse

AT = "2014-07-31T10:00:00"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "://",
        "mongodb://u:s3cret@h/db",
        "mysql://u:s3cret@h/db",
        "postgresql+asyncpg://u:s3cret@h/db",
        "postgresql+psycopg://u:s3cret@h:port/db",
        "sqlite:///a\0b",
        None,
        5,
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Store.open(url)
    assert refused.value.step == "store.open"
    assert "sqlite:///" in refused.value.advice


@pytest.mark.parametrize("url", ["postgresql://u:s3cret@127.0.0.1:1/db", "postgresql+psycopg://u:s3cret@h.invalid/db"])
def test_a_server_that_is_not_there(url: str, real_part: Callable[[str, bool, str], None]) -> None:
    real_part("psycopg", importlib.util.find_spec("psycopg") is not None, "pip install 'sbcard-core[postgres]'")
    with pytest.raises(StoreFailed) as failed:
        Store.open(url)
    shown: BaseException | None = failed.value
    while shown is not None:
        assert "s3cret" not in str(shown)
        shown = shown.__cause__


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingPart, match=r"sbcard-core\[postgres\]"):
        Store.open("postgresql://h/db")


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a database, only a text that is long enough to be looked at " * 50)
    with Store.open(f"sqlite:///{tmp_path}/books") as store:
        Ledger(store).open_accounts([("out", AccountKind.EXTERNAL), ("me", AccountKind.CASH)])
    said = {
        f"{tmp_path}": f"{tmp_path} is a folder .* name a file in it",
        f"{tmp_path}/none/books": f"there is no folder {tmp_path}/none .* make the folder",
        f"{tmp_path}/text": f"{tmp_path}/text is no SQLite database .* backup",
        f"file:{tmp_path}/new?mode=ro&uri=true": "unable to open",
    }
    for url, told in said.items():
        with pytest.raises(StoreFailed, match=told) as failed:
            Store.open(f"sqlite:///{url}")
        assert failed.value.advice
    with Store.open(f"sqlite:///file:{tmp_path}/books?mode=ro&uri=true") as store:  # may be read, not written
        assert Ledger(store).totals() == (0, 0)
        with pytest.raises(StoreFailed, match="readonly"):
            Ledger(store).post(Transfer("1", "out", "me", 1, "test", AT))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("//none.sqlite", "///none.sqlite"), ("//data/n.sqlite", "///data/n.sqlite"), ("//me:s3cret@n.sqlite", "")],
)
def test_two_slashes_before_a_file_are_told(typed: str, meant: str) -> None:
    with pytest.raises(InvalidValue, match="three slashes") as refused:
        Store.open(f"sqlite:{typed}")
    assert not meant or refused.value.advice == f"write sqlite:{meant}"
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("ask", ["begin", "bulk", "direct", "rehearse"])
def test_a_closed_store_refuses(store: Store, ask: str) -> None:
    ledger = Ledger(store)
    ledger.open_accounts([("out", AccountKind.EXTERNAL), ("me", AccountKind.CASH)])
    store.close()
    store.close()
    with pytest.raises(StoreClosed, match="the store is closed"):
        (rehearse(store) if ask == "rehearse" else getattr(store, ask)()).__enter__()
    with pytest.raises(StoreClosed):
        ledger.post(Transfer("1", "out", "me", 1, "test", AT))


def test_a_connection_in_use_while_the_store_is_closed_is_closed_too(new_database: Any) -> None:
    with new_database("with_tables") as url:
        store = Store.open(url)
        with store.direct() as driver:
            store.close()
            driver.execute("SELECT 1")
        assert driver.closed


def test_a_locked_database_waits_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "books"
    monkeypatch.setattr(engine, "BUSY_MS", 50)
    with Store.open(f"sqlite:///{path}") as store, closing(sqlite3.connect(path, isolation_level=None)) as other:
        ledger = Ledger(store)
        ledger.open_accounts([("out", AccountKind.EXTERNAL), ("me", AccountKind.CASH)])
        other.execute("BEGIN IMMEDIATE")
        transfer = Transfer("1", "out", "me", 1, "test", AT)
        with pytest.raises(StoreFailed, match="locked"):
            ledger.post(transfer)
        with Store.open(f"sqlite:///{path}") as second:  # reading goes on
            assert Ledger(second).totals() == (0, 0)
        other.execute("COMMIT")
        assert ledger.submit(transfer).credit_net_fen == 1
