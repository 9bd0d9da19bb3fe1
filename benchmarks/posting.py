"""Posting on a file, durable at every commit: the ledger, a bare prepared-statement loop of the same writes, and peers.

``python -m benchmarks.posting`` prints the table, PostgreSQL's too where a server is installed.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median
from threading import Barrier, Thread
from time import perf_counter
from typing import Any
from zlib import crc32

import sqlalchemy as sa

from benchmarks import saved
from sbcard_core.ledger import AccountKind, Ledger, Transfer
from sbcard_core.ledger.rows import COLUMNS, transfer_row
from sbcard_core.store import Store

ACCOUNTS = 1_000
AT = "2014-07-31T00:00:00"
FOLDER = os.environ.get("SBCARD_BENCH_DIR")
"""Where the databases lie; a disk of the machine, not of memory, if commits are to be honest."""


def transfers(mark: str, count: int) -> list[Transfer]:
    """Plain transfers between accounts all over the book; where they begin depends on the mark."""
    half, start = ACCOUNTS // 2, crc32(mark.encode())
    found = []
    for i in range(count):
        debit, credit = f"a{(start + i * 7) % half}", f"a{half + (start + i * 11) % half}"
        found.append(Transfer(f"{mark}{i:09d}", debit, credit, 100 + i % 50, "bench", AT))
    return found


def open_accounts(store: Store) -> Ledger:
    """A ledger over a store with all accounts open."""
    ledger = Ledger(store)
    ledger.open_accounts((f"a{i}", AccountKind.BANK_CLEARING) for i in range(ACCOUNTS))
    return ledger


@contextmanager
def books() -> Iterator[tuple[Ledger, Path]]:
    """An empty book on a file."""
    folder = tempfile.mkdtemp(prefix="posting", dir=FOLDER)
    try:
        path = Path(folder) / "books.sqlite"
        with Store.open(f"sqlite:///{path}") as store:
            yield open_accounts(store), path
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def ours(ledger: Ledger, batch: list[Transfer], size: int) -> None:
    """The ledger, ``size`` a call."""
    for at in range(0, len(batch), size):
        assert not any(ledger.post_many(batch[at : at + size]))


def bare(path: Path, batch: list[Transfer], size: int) -> None:
    """Three prepared statements for each transfer, ``size`` a commit; nothing asked; foreign keys off."""
    insert = f"INSERT INTO transfer ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
    with closing(sqlite3.connect(path, isolation_level=None)) as driver:
        driver.execute("PRAGMA synchronous=FULL")
        for at in range(0, len(batch), size):
            driver.execute("BEGIN IMMEDIATE")
            for t in batch[at : at + size]:
                driver.execute(insert, transfer_row(t))
                driver.execute(
                    "UPDATE account SET debits_fen = debits_fen + ? WHERE account_id = ?",
                    (t.amount_fen, t.debit_account),
                )
                driver.execute(
                    "UPDATE account SET credits_fen = credits_fen + ? WHERE account_id = ?",
                    (t.amount_fen, t.credit_account),
                )
            driver.execute("COMMIT")


def by_column(ledger: Ledger, batch: list[Transfer]) -> Callable[[], None]:
    """All in one call by column; the columns are made before."""
    columns = [[getattr(t, name) for t in batch] for name in COLUMNS[:4]]

    def run() -> None:
        assert not any(ledger.post_columns(*columns, code="bench", at=AT))

    return run


def rate(count: int, run: Callable[[], Any]) -> float:
    """Transfers a second."""
    start = perf_counter()
    run()
    return count / (perf_counter() - start)


def sqlite_rates(rounds: int, count: int = 10_000, bulk: int = 200_000) -> dict[str, list[float]]:
    """Everybody in turn, on books of their own that grow alike."""
    found: dict[str, list[float]] = {}
    with books() as (grouped, _), books() as (_, loop), books() as (single, _), books() as (whole, _):
        for turn in range(rounds):
            batch = transfers(f"{turn}:", count)
            trials: dict[str, tuple[int, Callable[[], Any]]] = {
                "ledger, groups of 100": (count, lambda b=batch: ours(grouped, b, 100)),  # type: ignore[misc]
                "bare loop, groups of 100": (count, lambda b=batch: bare(loop, b, 100)),  # type: ignore[misc]
                "ledger, one commit each": (500, lambda b=batch: ours(single, b[:500], 1)),  # type: ignore[misc]
                "ledger, by column": (bulk, by_column(whole, transfers(f"{turn}:", bulk))),
            }
            for name, (size, run) in trials.items():
                found.setdefault(name, []).append(rate(size, run))
        assert grouped.recompute() == whole.recompute() == []
    return found


@contextmanager
def server() -> Iterator[str | None]:
    """A private PostgreSQL with fsync and synchronous_commit on; None where none is installed."""
    bins = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not bins:
        yield None
        return
    home = tempfile.mkdtemp(prefix="pg", dir=FOLDER)
    as_user: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(home, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]

    def run(tool: str, *arguments: str) -> None:
        command = [*as_user, str(bins[-1] / tool), "-D", f"{home}/d", *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync")
    run("pg_ctl", "-w", "-l", f"{home}/log", "-o", f"-k {home} -c listen_addresses=''", "start")
    try:
        yield f"postgresql+psycopg://postgres@/postgres?host={home}"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)


_MOVE = (
    "UPDATE account SET debits_fen = debits_fen + CASE WHEN account_id = %(d)s THEN %(a)s::bigint ELSE 0 END, "
    "credits_fen = credits_fen + CASE WHEN account_id = %(c)s THEN %(a)s::bigint ELSE 0 END "
    "WHERE account_id IN (%(d)s, %(c)s)"
)
_STORE = (
    f"INSERT INTO transfer ({', '.join(COLUMNS)}) VALUES (%(t)s, %(d)s, %(c)s, %(a)s, 'bench', %(at)s, '', 0, '', 0)"
)


def two_statements(engine: sa.Engine, batch: list[Transfer]) -> None:
    """The usual way: insert, then update, in a transaction; no bound, period or earlier id is asked."""
    pooled = engine.raw_connection()
    driver: Any = pooled.driver_connection
    for t in batch:
        values = {"t": t.transfer_id, "d": t.debit_account, "c": t.credit_account, "a": t.amount_fen, "at": t.at}
        driver.execute(_STORE, values, prepare=True)
        driver.execute(_MOVE, values, prepare=True)
        driver.commit()
    pooled.close()


def one_statement(ledger: Ledger, batch: list[Transfer]) -> None:
    """The ledger's own single post."""
    for t in batch:
        ledger.post(t)


def client(url: str, way: str, mark: str, count: int) -> None:
    """One client process: waits for a line, posts, says that it is done."""
    with Store.open(url) as store:
        ledger, batch = Ledger(store), transfers(mark, count)
        two_statements(store.engine, transfers(mark + "w", 10)) if way == "two" else one_statement(
            ledger, transfers(mark + "w", 10)
        )
        print("ready", flush=True)
        sys.stdin.readline()
        two_statements(store.engine, batch) if way == "two" else one_statement(ledger, batch)
        print("done", flush=True)


def clients_rate(url: str, way: str, clients: int, mark: str, count: int) -> float:
    """Transfers a second of so many client processes together."""
    code = "import sys; from benchmarks.posting import client; client(*sys.argv[1:4], int(sys.argv[4]))"
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    started = [
        subprocess.Popen([sys.executable, "-c", code, url, way, f"{mark}{way}{i}:", str(count)], **pipes)
        for i in range(clients)
    ]
    for one in started:
        one.stdout.readline()  # type: ignore[union-attr]
    start = perf_counter()
    for one in started:
        one.stdin.write("\n")  # type: ignore[union-attr]
        one.stdin.flush()  # type: ignore[union-attr]
    for one in started:
        one.stdout.readline()  # type: ignore[union-attr]
    spent = perf_counter() - start
    for one in started:
        one.communicate()
    return clients * count / spent


def postgres_rates(rounds: int, count: int = 400) -> dict[str, list[float]]:
    """One statement against two, at 1 and at 8 clients; empty without a server."""
    found: dict[str, list[float]] = {}
    with server() as url:
        if url is None:
            return found
        with Store.open(url) as store:
            ledger = open_accounts(store)
            for turn in range(rounds):
                for clients in (1, 8):
                    for way in ("one", "two"):
                        name = (
                            f"PostgreSQL, {way} statement{'s' * (way == 'two')}, {clients} client{'s' * (clients > 1)}"
                        )
                        got = clients_rate(url, way, clients, f"{turn}.{clients}", count)
                        found.setdefault(name, []).append(got)
            assert ledger.recompute() == []
    return found


def threads_rate(ledger: Ledger, mark: str, threads: int, most: int, count: int = 200) -> tuple[float, float]:
    """Single posts of so many threads through one committer: transfers a second, and transfers a commit."""
    committer, barrier = ledger.batching(max_transfers=most), Barrier(threads + 1)

    def run(thread: int) -> None:
        batch = transfers(f"{mark}{thread}:", count)
        barrier.wait()
        for t in batch:
            committer.post(t)

    pool = [Thread(target=run, args=(thread,)) for thread in range(threads)]
    for one in pool:
        one.start()
    barrier.wait()
    start = perf_counter()
    for one in pool:
        one.join()
    return threads * count / (perf_counter() - start), threads * count / max(1, committer.commits)


def main() -> None:
    """Print everything."""
    found = sqlite_rates(5) | postgres_rates(3)
    lines = [(name, f"{median(r):,.0f}", f"{min(r):,.0f}-{max(r):,.0f}") for name, r in found.items()]
    print(saved.table(("way", "transfers/s, median", "min-max"), lines))
    middle = {name: median(rates) for name, rates in found.items()}
    groups = middle["ledger, groups of 100"]
    print(f"groups of 100 against the bare loop: {groups / middle['bare loop, groups of 100']:.2f}")
    print(f"groups of 100 against one commit each: {groups / middle['ledger, one commit each']:.1f}")
    for clients in ("1 client", "8 clients"):
        if f"PostgreSQL, one statement, {clients}" in middle:
            one, two = (middle[f"PostgreSQL, {way}, {clients}"] for way in ("one statement", "two statements"))
            print(f"one statement against two, {clients}: {one / two:.2f}")


if __name__ == "__main__":
    main()
