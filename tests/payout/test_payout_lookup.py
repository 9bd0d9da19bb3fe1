"""The roll looked up as the registry lies: the same lines as one by one, in pages touched once, and nothing left."""

from datetime import date
from random import Random

import pytest
import sqlalchemy as sa

from sbcard_core.payout import RollLine, Standing, draft
from sbcard_core.store import Store, schema
from sbcard_core.values import CardState

DAY = date(2014, 8, 1)
STRANGER = "11010519491231002X"


def stored(store: Store) -> list[tuple[object, ...]]:
    line = schema.payout_roll_line.c
    with store.begin() as connection:
        columns = (line.line, line.person_id, line.bank, line.account_no, line.gross_fen, line.state, line.reason)
        return [tuple(row) for row in connection.execute(sa.select(*columns).order_by(line.line))]


def test_each_line_is_stored_under_its_own_number_whatever_its_place(town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.set_card(3, account_state=int(CardState.CANCELLED))
    with town.store.begin() as connection:
        town.give_card(connection, 5, "A99999999")  # as new as the other: the higher number is paid
        connection.execute(
            sa.update(schema.card).where(schema.card.c.card_no == "A99999999").values(account_no="6228480999999")
        )
    lines = [*town.roll([8, 3, 5, 1, 5]), RollLine(STRANGER, "路人", 9), RollLine(town.number(2), "甲三", 9)]
    Random(7).shuffle(lines)
    monkeypatch.setattr(draft, "CHUNK", 3)
    town.engine.draft("pension", "2014-07", lines, on=DAY, by="d")
    paid = {8: town.account(8), 1: town.account(1), 5: "6228480999999"}
    wanted, seen = [], set()
    for number, line in enumerate(lines, 1):
        n = 0 if line.id_number == STRANGER else int(line.id_number[-7:])
        why = {0: "person", 2: "name", 3: "card"}.get(n, "duplicate" if n in seen else None)
        seen.add(n)
        account = paid.get(n, town.account(2) if n == 2 else "")
        account = "" if why == "duplicate" else account
        bank = town.bank(n) if account else ""
        wanted.append((number, n or None, bank, account, line.amount_fen, 50 if why else 10, why))
    assert stored(town.store) == wanted


def test_what_was_looked_up_is_gone_and_references_hold(quick_town) -> None:
    def broken():
        yield quick_town.roll([1])[0]
        raise KeyError

    with pytest.raises(KeyError):
        quick_town.engine.draft("pension", "2014-07", broken(), on=DAY, by="d")
    quick_town.engine.draft("pension", "2014-07", quick_town.roll([4, 2, 9]), on=DAY, by="d")
    with quick_town.store.begin() as connection:
        assert connection.exec_driver_sql("SELECT name FROM sqlite_temp_master").all() == []
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def test_the_registry_is_read_in_its_own_order(quick_town) -> None:
    """By the plan of the very statement that a draft runs, with and without reported accounts."""
    plans: list[list[str]] = []

    @sa.event.listens_for(quick_town.store.engine, "before_cursor_execute")
    def look(connection, cursor, statement, parameters, context, many) -> None:
        if statement.startswith("INSERT INTO payout_there"):
            rows = cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
            plans.append([row[3] for row in rows])

    quick_town.engine.tell([Standing(quick_town.number(4))], on=DAY)  # lives; nothing is reported of an account
    quick_town.engine.draft("pension", "2014-07", quick_town.roll([4, 2, 9]), on=DAY, by="d")
    told = Standing(quick_town.number(2), bank="103", account_no="6217000000000000002", account_state=CardState.NORMAL)
    quick_town.engine.tell([told], on=DAY)
    quick_town.engine.draft("pension", "2014-08", quick_town.roll([4, 2, 9]), on=DAY, by="d")
    assert len(plans) == 2
    assert ["payout_standing" in " ".join(steps) or "SEARCH t " in " ".join(steps) for steps in plans] == [False, True]
    for steps in plans:
        assert steps[0].startswith("SEARCH w USING INTEGER PRIMARY KEY")
        assert steps[1].startswith("SEARCH p USING INTEGER PRIMARY KEY")
        assert [step for step in steps if step.startswith("SCAN")] == []
