"""The check of query plans itself: it sees the library's statements, names who asks, and knows its exceptions."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sbcard_core.ledger import Ledger
from sbcard_core.registry import issuing, orders
from sbcard_core.registry.lifecycle import Half
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


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (orders.unmade_cards("430100", "103", 0, 9), "card_unmade"),
        (issuing._overdue(Half.APP, "2014-08-01", ""), "card_app_lost"),
        (issuing._overdue(Half.ACCOUNT, "2014-08-01", ""), "card_account_lost"),
    ],
    ids=["unmade", "app", "account"],
)
def test_the_few_cards_of_a_state_are_read_by_an_index_of_them(
    store: Store, query: "sa.Select[Any]", index: str
) -> None:
    text = str(query.compile(store.engine, compile_kwargs={"literal_binds": True}))
    with store.begin() as connection:
        if store.engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
            rows = connection.exec_driver_sql(f"EXPLAIN {text}").all()
        else:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
    assert any(index in row[-1] for row in rows)


def test_every_exception_is_a_function_of_today() -> None:
    root = Path(schema.__file__).parents[1]
    for name in plans.WHOLE:
        *module, function = name.split(".")
        assert f"def {function}(" in root.joinpath(*module).with_suffix(".py").read_text("utf-8"), name
