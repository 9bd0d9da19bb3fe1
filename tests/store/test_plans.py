"""The check of query plans itself: it sees the library's statements, names who asks, and knows its exceptions."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from sbcard_core.ledger import Ledger
from sbcard_core.store import Store, schema
from tests import plans


def test_a_whole_table_is_seen_and_the_function_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = plans.Plans()
    sa.event.listen(store.engine, "after_cursor_execute", seen.after)
    ledger = Ledger(store)
    ledger.totals()
    assert seen.scans == []
    assert {(dialect, package) for dialect, package, _ in seen.explained} == {(store.engine.dialect.name, "ledger")}
    again = plans.Plans()
    sa.event.listen(store.engine, "after_cursor_execute", again.after)
    monkeypatch.setattr(plans, "WHOLE", {})
    ledger.totals()
    dialect = store.engine.dialect.name
    assert [scan[:2] for scan in again.scans] == [("ledger.proof.totals", f"{dialect}: whole table account")]


def test_a_statement_of_a_test_is_not_the_librarys(store: Store) -> None:
    seen = plans.Plans()
    sa.event.listen(store.engine, "after_cursor_execute", seen.after)
    with store.begin() as connection:
        connection.execute(sa.select(schema.transfer)).all()
    assert (seen.explained, seen.scans) == (set(), [])


def test_every_exception_is_a_function_of_today() -> None:
    root = Path(schema.__file__).parents[1]
    for name in {*plans.WHOLE, *(function for _, function, _ in plans.MERGED)}:
        *module, function = name.split(".")
        assert f"def {function}(" in root.joinpath(*module).with_suffix(".py").read_text("utf-8"), name
