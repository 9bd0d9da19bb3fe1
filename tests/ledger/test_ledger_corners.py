"""What an integrator does sooner or later: savepoints, Ctrl-C, threads on a book in memory, odd columns, long tails."""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.ledger import AccountKind, Ledger, Outcome, Transfer, TransferStatus, UnknownAccount, history
from sbcard_core.store import Store, StoreFailed, engine
from sbcard_core.store.rehearsal import rehearse

AT = "2014-07-31T10:00:00"


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return opened(store)


@pytest.fixture
def in_memory() -> Iterator[Ledger]:
    """Where the database makes no difference."""
    with Store.open("sqlite://") as store:
        yield opened(store)


def opened(store: Store) -> Ledger:
    ledger = Ledger(store)
    ledger.open_accounts([("out", AccountKind.EXTERNAL), ("me", AccountKind.PERSONAL_MEDICAL)])
    return ledger


def move(name: str, fen: int = 100) -> Transfer:
    return Transfer(name, "out", "me", fen, "test", AT)


@pytest.mark.parametrize("reads_first", [False, True])
def test_what_the_caller_rolls_back_is_gone_though_its_savepoint_was_kept(ledger: Ledger, reads_first: bool) -> None:
    def breaks_off() -> None:
        with ledger.store.begin() as connection:
            if reads_first:
                connection.execute(sa.text("SELECT COUNT(*) FROM account")).scalar()
            with connection.begin_nested():
                ledger.post(move("1"), connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks_off()
    assert ledger.transfers(["1"]) == {}
    assert ledger.submit(move("2", 7)) == (TransferStatus.POSTED, -7, 7)
    assert ledger.recompute() == []


def slow_committer(ledger: Ledger) -> tuple[Any, threading.Event, threading.Event]:
    """A committer that begins to commit and then waits for a sign."""
    begun, go = threading.Event(), threading.Event()

    def post(batches: Sequence[Sequence[Transfer]]) -> list[list[Outcome]]:
        begun.set()
        assert go.wait(60)
        return ledger.post_groups(batches)

    committer = ledger.batching()
    committer._post_groups = post
    return committer, begun, go


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C by os.kill")
def test_a_waiter_interrupted_holds_up_nobody(in_memory: Ledger) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a library's own lets a wait go on (polars')
    committer, begun, go = slow_committer(in_memory)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(committer.post, move("first"))
        assert begun.wait(60)

        main, noticed = threading.get_ident(), threading.Event()

        def interrupt() -> None:
            while not committer._queue:  # until the next one waits
                time.sleep(0.001)
            signal.pthread_kill(main, signal.SIGINT)
            while not noticed.wait(5):  # Python forgets one that comes just before it begins to wait
                signal.pthread_kill(main, signal.SIGINT)

        threading.Thread(target=interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            committer.post(move("gone"))
        noticed.set()
        go.set()
        assert first.result(60) is TransferStatus.POSTED
        assert pool.submit(committer.post, move("later")).result(60) is TransferStatus.POSTED
    assert set(in_memory.transfers(["first", "gone", "later"])) == {"first", "later"}


def test_an_interrupt_of_the_one_who_commits_is_his_alone(in_memory: Ledger) -> None:
    """Those who share his commit are told that it failed; those who come after are served."""
    committer, begun, go = slow_committer(in_memory)
    wait_and_post = committer._post_groups

    def interrupted(batches: Sequence[Sequence[Transfer]]) -> list[list[Outcome]]:
        found: list[list[Outcome]] = wait_and_post(batches)
        if any(transfer.transfer_id == "second" for batch in batches for transfer in batch):
            raise KeyboardInterrupt
        return found

    committer._post_groups = interrupted
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(committer.post, move("first"))]
        assert begun.wait(60)
        for name in ("second", "third"):
            calls.append(pool.submit(committer.post, move(name)))
            while len(committer._queue) < len(calls) - 1:
                pass
        go.set()
        assert [type(call.exception(60)) for call in calls] == [type(None), KeyboardInterrupt, StoreFailed]
        assert pool.submit(committer.post, move("third")).result(60) is TransferStatus.EXISTS  # it was on the disk


def test_threads_take_turns_at_a_book_in_memory() -> None:
    with Store.open("sqlite://") as store:
        ledger = opened(store)

        def post(thread: int) -> None:
            for number in range(40):
                ledger.post_many([move(f"{thread}/{number}", 3)])
                seen = [entry.net_fen for entry in ledger.history("me")]
                assert seen == list(range(3, 3 * len(seen) + 1, 3))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(post, range(4)))
        assert ledger.balance("me").net_fen == 4 * 40 * 3
        assert ledger.recompute() == []
        reading = ledger.history("me")  # read on in another thread, left there
        next(reading)
        with ThreadPoolExecutor(1) as pool:
            assert len(pool.submit(list, reading).result(60)) == 4 * 40 - 1
            assert pool.submit(ledger.post, move("after")).result(60) is TransferStatus.POSTED


@pytest.mark.parametrize("odd", [[], {}, set()])
def test_what_cannot_even_be_looked_up_stops_no_other(in_memory: Ledger, odd: Any) -> None:
    many = [move(str(number)) for number in range(40)]
    wrong = replace(move("odd"), credit_account=odd)
    assert in_memory.post_many([*many, wrong]) == [TransferStatus.POSTED] * 40 + [TransferStatus.MALFORMED]
    ids, sides = [f"c{number}" for number in range(40)], ["out"] * 40
    found = in_memory.post_columns(ids, sides, [*["me"] * 39, odd], [1] * 40, code="test", at=AT)
    assert found == [TransferStatus.POSTED] * 39 + [TransferStatus.MALFORMED]
    with pytest.raises(Refused, match="MALFORMED"):
        in_memory.import_history([replace(move("flags"), flags=odd)])


@pytest.mark.parametrize("at", range(3))
def test_one_text_is_no_column(in_memory: Ledger, at: int) -> None:
    columns: list[Any] = [["a", "b"], ["out", "out"], ["me", "me"], [1, 1]]
    columns[at] = "xy"
    with pytest.raises(InvalidValue, match="is one text"):
        in_memory.post_columns(*columns, code="test", at=AT)
    assert in_memory.totals() == (0, 0)


def test_history_says_at_once_what_is_wrong(in_memory: Ledger) -> None:
    with pytest.raises(UnknownAccount):
        in_memory.history("nobody")
    with pytest.raises(InvalidValue):
        in_memory.history("me", since="2014")


def waiting(ledger: Ledger) -> int:
    """How many transfers wait for the index."""
    with ledger.store.begin() as connection:
        rows = connection.execute(sa.text("SELECT (SELECT MAX(seq) FROM transfer) - COALESCE(MAX(seq), 0) "
                                          "FROM account_entry WHERE account_id = ''"))  # fmt: skip
        return int(rows.scalar_one())


def test_readings_bring_the_index_up_to_date_by_and_by(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody calls index_history, and what each reading looks through stops growing."""
    monkeypatch.setattr(history, "TAIL", 20)
    monkeypatch.setattr(history, "LEAST", 8)
    net, lengths = 0, []
    for round_ in range(12):
        ledger.post_many([move(f"{round_}/{number}", 1 + number) for number in range(8)])
        net += sum(range(1, 9))
        assert list(ledger.history("me"))[-1].net_fen == net == ledger.balance_at("me", AT).net_fen
        lengths.append(waiting(ledger))
    assert lengths[:3] == [8, 16, 16]  # 24 waited, 8 were added
    assert max(lengths) < 20
    assert len(list(ledger.history("me"))) == 96
    with rehearse(ledger.store) as trial:  # as a caller's transaction: it reads and leaves the index alone
        inside = Ledger(trial)
        inside.post_many([move(f"in/{number}") for number in range(30)])
        assert len(list(inside.history("me"))) == 126
    with ledger.store.begin() as connection:
        ledger.post_many([move(f"joined/{number}") for number in range(30)], connection)
        assert len(list(ledger.history("me", connection=connection))) == 126
    assert waiting(ledger) >= 30


def test_a_reading_waits_for_nobody_who_posts(ledger: Ledger, store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "TAIL", 1)
    ledger.post(move("1"))
    with Store.open(store_url) as other, other.begin() as connection:
        Ledger(other).post(move("2"), connection)  # holds the lock until the block ends
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(ledger.balance_at, "me", AT).result(60).net_fen == 100
            assert pool.submit(waiting, ledger).result(60) == 1
    assert ledger.balance_at("me", AT).net_fen == 200
    assert waiting(ledger) == 0


def test_a_book_that_may_only_be_read_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "TAIL", 1)
    with Store.open(f"sqlite:///{tmp_path}/books") as store:
        opened(store).post(move("1"))
    with Store.open(f"sqlite:///file:{tmp_path}/books?mode=ro&uri=true") as store:
        assert Ledger(store).balance_at("me", AT).net_fen == 100


def test_a_rehearsal_fails_as_a_store_does_and_may_hold_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_MS", 50)
    with Store.open(f"sqlite:///{tmp_path}/books") as store:
        ledger = opened(store)
        with closing(sqlite3.connect(tmp_path / "books", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreFailed, match="locked"), rehearse(store):
                pass
        with rehearse(store) as trial:
            Ledger(trial).post(move("outer"))
            with rehearse(trial) as inner:
                Ledger(inner).post(move("inner"))
                assert Ledger(inner).balance("me").net_fen == 200
            assert Ledger(trial).balance("me").net_fen == 100
        assert ledger.balance("me").net_fen == 0
