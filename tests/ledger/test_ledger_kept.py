"""What a connection keeps of the books between its transactions is never older than the books (SQLite)."""

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from sbcard_core.ledger import AccountKind, Bounds, Ledger, Transfer, TransferStatus
from sbcard_core.ledger.rows import rows_of
from sbcard_core.store import Store, schema
from sbcard_core.store.rehearsal import rehearse

AT = "2014-07-31T10:00:00"
OTHER_PROCESS = """
import sys
from sbcard_core.ledger import Ledger, Transfer
from sbcard_core.store import Store
for line in sys.stdin:
    with Store.open(sys.argv[1]) as store:
        do, name, fen = line.split()
        ledger = Ledger(store)
        if do == "close":
            ledger.close_period(name, at="2015-01-01T00:00:00")
        else:
            ledger.post(Transfer(name, "out", "me", int(fen), "test", "2014-07-31T10:00:00"))
    print("done", flush=True)
"""


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/books.sqlite"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url) as opened:
        names = {"out": AccountKind.EXTERNAL, "me": AccountKind.PERSONAL_MEDICAL, "fund": AccountKind.POOLED_FUND}
        Ledger(opened).open_accounts(names.items())
        yield opened


def move(transfer_id: str, debit: str = "out", credit: str = "me", fen: int = 100, at: str = AT) -> Transfer:
    return Transfer(transfer_id, debit, credit, fen, "test", at)


def reads(store: Store) -> list[str]:
    """Takes every statement that the store's one connection runs from now on."""
    found: list[str] = []
    with store.engine.connect() as connection:
        driver = connection.connection.dbapi_connection
        driver.set_trace_callback(found.append)  # type: ignore[union-attr]
    return found


def asks_accounts(statements: list[str]) -> bool:
    return any("SELECT account_id" in statement for statement in statements)


def test_accounts_are_read_once_while_nobody_else_writes(store: Store, url: str) -> None:
    ledger, seen = Ledger(store), reads(store)
    ledger.post(move("1"))
    assert asks_accounts(seen)
    del seen[:]
    assert ledger.post_many([move(f"many{i}") for i in range(100)]) == [0] * 100
    assert ledger.post_many([move("2", "me", "out", 10_101)]) == [TransferStatus.INSUFFICIENT]
    assert seen
    assert not asks_accounts(seen)
    with Store.open(url) as other:
        Ledger(other).post(move("3", fen=1))
    assert ledger.post(move("2", "me", "out", 10_101)) is TransferStatus.POSTED
    assert asks_accounts(seen)
    assert ledger.recompute() == []


def test_what_another_process_posts_and_closes_is_seen(store: Store, url: str) -> None:
    ledger = Ledger(store)
    ledger.post(move("1"))
    command = [sys.executable, "-c", OTHER_PROCESS, url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin
        assert other.stdout

        def do(*words: object) -> None:
            print(*words, file=other.stdin, flush=True)
            assert other.stdout
            assert other.stdout.readline() == "done\n"

        do("post", "2", 50)
        assert ledger.submit(move("3", "me", "out", 150)) == (TransferStatus.POSTED, 0, 0)
        do("close", "2014-06", 0)
        assert ledger.submit(move("4", at="2014-06-30T00:00:00")).status is TransferStatus.PERIOD_CLOSED
        do("post", "5", 7)
        assert ledger.submit(move("5")).status is TransferStatus.EXISTS_DIFFERENT
        other.stdin.close()
    assert ledger.recompute() == []


def test_a_ledger_with_other_bounds_judges_by_its_own(store: Store) -> None:
    strict, loose = Ledger(store), Ledger(store, bounds={AccountKind.PERSONAL_MEDICAL: Bounds(-100)})
    assert strict.submit(move("1", "me", "out")).status is TransferStatus.INSUFFICIENT
    assert loose.submit(move("1", "me", "out")).status is TransferStatus.POSTED
    assert strict.submit(move("2", "out", "me", 1)).credit_net_fen == -99
    assert loose.submit(move("3", "me", "out", 2)).status is TransferStatus.INSUFFICIENT


def test_rows_that_moved_are_found_by_name(store: Store) -> None:
    ledger = Ledger(store)
    with store.begin() as connection:
        connection.execute(sa.text("UPDATE account SET rowid = rowid + 1000"))
        rows_of(connection).update_accounts([(0, 5, 0, 0, 1, "out"), (5, 0, 0, 0, 1002, "me")])
        sides = connection.execute(sa.text("SELECT account_id, debits_fen, credits_fen FROM account ORDER BY 1"))
        assert sides.fetchall() == [("fund", 0, 0), ("me", 5, 0), ("out", 0, 5)]
        rows_of(connection).update_accounts([(0, 0, 0, 0, 0, "out"), (0, 0, 0, 0, 0, "me")])
    ledger.post(move("1"))
    with store.engine.connect() as connection:
        connection.connection.dbapi_connection.execute("VACUUM")  # type: ignore[union-attr]
    ledger.post(move("2"))
    assert ledger.balance("me").net_fen == 200
    assert ledger.recompute() == []


def test_a_failed_commit_leaves_nothing_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(store)
    ledger.post(move("1"))
    with monkeypatch.context() as patched:
        patched.setattr("sbcard_core.ledger.session.Session.finish", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            ledger.post(move("2"))
    assert ledger.submit(move("3")).credit_net_fen == 200


@pytest.mark.parametrize("seed", range(4))
def test_however_the_books_are_written_the_next_posting_knows(store: Store, url: str, seed: int) -> None:
    """Two stores, rehearsals, transactions of the caller kept and given up, rows changed by hand, in random order."""
    rng = random.Random(seed)
    net = 0
    with Store.open(url) as second:
        for step in range(60):
            ledger = Ledger(rng.choice((store, second)))
            way = rng.randrange(6)
            batch = [move(f"{step}/{i}", fen=rng.randint(1, 9)) for i in range(rng.choice((1, 3, 40)))]
            fen = sum(t.amount_fen for t in batch)
            if way < 2:
                assert not any(ledger.post_many(batch))
                net += fen
            elif way == 2:
                with rehearse(ledger.store) as trial:
                    assert not any(Ledger(trial).post_many(batch))
            elif way == 3:
                kept = rng.random() < 0.5
                with ledger.store.engine.connect() as connection, connection.begin() as transaction:
                    assert not any(ledger.post_many(batch, connection))
                    transaction.commit() if kept else transaction.rollback()
                net += fen * kept
            elif way == 4:
                with ledger.store.begin() as connection:
                    for change in (1, -1):
                        connection.execute(sa.update(schema.account).values(both_sides(change)))
            else:
                bad = [*batch, move(f"{step}/bad", "me", "out", 10**9)]
                assert ledger.post_many(bad)[-1] is TransferStatus.INSUFFICIENT
                net += fen
            found = ledger.submit(move(f"{step}/probe", fen=1))
            net += 1
            assert found.credit_net_fen == net
        assert ledger.recompute() == []


def both_sides(change: int) -> dict[str, object]:
    """Both sides of every account, moved and moved back."""
    return {"debits_fen": schema.account.c.debits_fen + change, "credits_fen": schema.account.c.credits_fen + change}
