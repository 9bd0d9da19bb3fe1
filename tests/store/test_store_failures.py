"""What a driver raises is a typed error, and nothing of a row is left in it, nor in what caused it."""

import importlib
import importlib.util
import sqlite3
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.ledger import AccountKind, Ledger, Transfer
from sbcard_core.store import Store, StoreConflict, StoreFailed, StoreRejected, insert_many, schema, typed
from sbcard_core.store.rehearsal import rehearse

NUMBER = "43010219500101001X"
PERSON = ("id_number", "name", "sex", "ethnicity", "birth", "phone", "category", "city", "county", "bank", "form_no")
PERSON += ("submitted_on", "source_file", "source_line")


def person(number: str = NUMBER, name: str | None = "甲乙") -> tuple[object, ...]:
    return (number, name, "1", "01", "1950-01-01", "1", 4, "430100", "430102", "103", "F", "2014-07-01", "f", 1)


def everything_shown(error: BaseException) -> str:
    """The error with all that hangs on it, as a log prints it."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        found = waiting.pop()
        if found is not None and found not in seen:
            seen.append(found)
            waiting += [found.__cause__, found.__context__]
    return "".join(repr(one) + str(one) for one in seen) + "".join(traceback.format_exception(error))


@pytest.fixture
def postgres_store(new_database: Any) -> Iterator[Store]:
    with new_database("with_tables") as url, Store.open(url) as opened:
        yield opened


@pytest.fixture(params=["begin", "bulk", "writing", "rehearsal", "writing in a rehearsal"])
def transaction(request: pytest.FixtureRequest, store: Store) -> Iterator[Callable[[], AbstractContextManager[object]]]:
    if request.param.endswith("rehearsal"):
        with rehearse(store) as trial:
            yield trial.begin if request.param == "rehearsal" else lambda: trial.writing(schema.person)
    elif request.param == "writing":
        yield lambda: store.writing(schema.person)
    else:
        yield getattr(store, request.param)


def test_the_same_row_twice_is_a_conflict_that_shows_no_number(
    transaction: Callable[[], AbstractContextManager[sa.Connection]],
) -> None:
    with transaction() as connection:
        insert_many(connection, schema.person, PERSON, [person()])
    with pytest.raises(StoreConflict) as failed, transaction() as connection:
        insert_many(connection, schema.person, PERSON, [person()])
    shown = everything_shown(failed.value)
    assert NUMBER not in shown
    assert "IntegrityError" not in shown
    assert failed.value.__context__ is None
    assert failed.value.__cause__ is None
    with transaction() as connection:  # nothing of it was kept, and work goes on
        assert connection.execute(sa.select(sa.func.count()).select_from(schema.person)).scalar_one() == 1


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("INSERT INTO account (account_id) VALUES ('{number}')", "kind"),
        ("INSERT INTO opening_line (batch_no, seq, person_id, state) VALUES ('{number}', 1, 1, 1)", "(?i)foreign"),
        ("DELETE FROM transfer", "immutable"),
    ],
)
def test_what_the_databases_rules_refuse(store: Store, statement: str, named: str) -> None:
    ledger = Ledger(store)
    ledger.open_accounts([("out", AccountKind.EXTERNAL), ("me", AccountKind.CASH)])
    ledger.post(Transfer("T", "out", "me", 1, "c", "2014-07-31T00:00:00"))
    with pytest.raises(StoreRejected, match=named) as failed, store.begin() as connection:
        connection.exec_driver_sql(statement.format(number=NUMBER))
    assert NUMBER not in everything_shown(failed.value)


def test_a_value_a_column_cannot_hold_shows_nothing_of_it(postgres_store: Store) -> None:
    with pytest.raises(StoreRejected) as failed, postgres_store.begin() as connection:
        insert_many(connection, schema.person, PERSON, [person(NUMBER + "0")])
    assert NUMBER not in everything_shown(failed.value)
    with pytest.raises(StoreRejected) as failed, postgres_store.begin() as connection:
        connection.exec_driver_sql(f"UPDATE account SET debits_fen = CAST('{NUMBER}' AS BIGINT)")
    assert NUMBER not in everything_shown(failed.value)


def test_an_error_of_the_caller_passes_as_it_is(store: Store) -> None:
    with pytest.raises(ZeroDivisionError), store.begin():
        1 / 0  # noqa: B018
    with pytest.raises(sa.exc.DBAPIError), store.begin() as connection:  # a wrong statement is a bug
        connection.exec_driver_sql("SELECT name FROM nowhere")


def test_a_whole_row_in_a_servers_detail_is_not_kept(postgres_store: Store) -> None:
    """PostgreSQL: "Failing row contains (…)" with the person's number and phone."""
    with pytest.raises(StoreRejected, match="name") as failed, postgres_store.begin() as connection:
        insert_many(connection, schema.person, PERSON, [person(name=None)])
    assert NUMBER not in everything_shown(failed.value)
    assert "Failing row" not in everything_shown(failed.value)


def test_a_lost_connection_has_no_code_of_its_own(real_part: Callable[[str, bool, str], None]) -> None:
    """psycopg leaves ``sqlstate`` None where the server is gone."""
    real_part("psycopg", importlib.util.find_spec("psycopg") is not None, "pip install 'sbcard-core[postgres]'")
    psycopg = importlib.import_module("psycopg")
    with pytest.raises(StoreFailed, match="closed the connection") as failed, typed():
        raise psycopg.OperationalError("server closed the connection unexpectedly\nDETAIL: x")
    assert failed.value.driver_code == ""
    assert "DETAIL" not in everything_shown(failed.value)


DRIVER_ERRORS = [
    sqlite3.IntegrityError,
    sqlite3.OperationalError,
    sqlite3.DatabaseError,
    sqlite3.DataError,
]


@given(st.sampled_from(DRIVER_ERRORS), st.booleans(), st.booleans())
def test_no_error_of_a_driver_leaves_untyped_or_stays_attached(
    kind: type[Exception], wrapped: bool, nested: bool
) -> None:
    """Law: whatever the driver raises, bare or wrapped, inside another handler or not, is typed and bare."""
    error: Exception = kind("no such")
    if wrapped:
        error = sa.exc.DBAPIError.instance("INSERT", {}, error, sqlite3.Error)
    with pytest.raises((StoreFailed, StoreConflict, StoreRejected)) as failed, typed():
        _raise(error, inside_handler=nested)
    assert failed.value.__context__ is None
    assert failed.value.__cause__ is None
    assert NUMBER not in everything_shown(failed.value)


def _raise(error: Exception, *, inside_handler: bool) -> None:
    try:
        raise ValueError(NUMBER)
    except ValueError:
        if inside_handler:
            raise error  # noqa: B904
    raise error
