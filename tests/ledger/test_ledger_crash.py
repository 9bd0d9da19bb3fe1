"""Posting processes killed in the middle, several at once on one database."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest
import sqlalchemy as sa

from sbcard_core.ledger import AccountKind, Ledger
from sbcard_core.store import Store
from tests.faults import known_to_server, sampled

BATCH = 7
WRITERS = 7
ROUNDS = {"sqlite": 2, "postgresql": 1}  # only the client is killed on PostgreSQL: fewer rounds say as much

# Forked, so that the imports are paid once; a line shorter than PIPE_BUF is written whole.
WRITER = f"""
import os, sys
from sbcard_core.ledger import Ledger, Transfer
from sbcard_core.store import Store
url, *names = sys.argv[1:]
for name in names:
    if os.fork() == 0:
        with Store.open(url) as store:
            ledger = Ledger(store)
            for number in range(100_000):
                batch = [Transfer(f"{{name}}/{{number}}/{{i}}", "out", "in", 1 + i, "test", "2014-07-31T00:00:00")
                         for i in range({BATCH})]
                assert not any(ledger.post_many(batch))
                os.write(1, f"{{os.getpid()}} {{name}} {{number}}\\n".encode())
for name in names:
    os.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and kill -9")
def test_an_acknowledged_batch_survives_kill_9_and_none_is_half_there(store_url: str, store: Store) -> None:
    ledger = Ledger(store)
    ledger.open_accounts([("out", AccountKind.EXTERNAL), ("in", AccountKind.SUSPENSE)])
    acknowledged: dict[str, int] = {}
    pause = sampled(20140804)
    rounds = ROUNDS[store.engine.dialect.name]
    for round_ in range(rounds):
        names = [f"w{round_}.{writer}" for writer in range(WRITERS)]
        with known_to_server(store_url) as url:
            command = [sys.executable, "-c", WRITER, url, *names]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writers:
                assert writers.stdout
                alive: set[int] = set()
                for line in writers.stdout:
                    pid, name, number = line.split()
                    acknowledged[name] = int(number)
                    alive.add(int(pid))
                    if len(alive) == WRITERS:  # all of them are posting now
                        break
                for victim in alive:
                    time.sleep(pause.random() / 50)
                    os.kill(victim, signal.SIGKILL)
                for line in writers.stdout:
                    _, name, number = line.split()
                    acknowledged[name] = int(number)
    assert len(acknowledged) == rounds * WRITERS
    with store.begin() as connection:
        ids = connection.execute(sa.text("SELECT transfer_id FROM transfer")).scalars().all()
    found = Counter(transfer_id.rpartition("/")[0] for transfer_id in ids)
    assert set(found.values()) == {BATCH}
    for name, last in acknowledged.items():
        there = {int(batch.partition("/")[2]) for batch in found if batch.startswith(f"{name}/")}
        assert there in (set(range(last + 1)), set(range(last + 2)))  # the one in flight may have been kept
    assert ledger.balance("in").net_fen == len(ids) // BATCH * sum(range(1, BATCH + 1))
    assert ledger.recompute() == []
