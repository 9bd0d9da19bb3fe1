"""Forks posting processes that may die at any moment; its parent reads what they acknowledged. Run as a script.

Commands on the standard input, one a line, fields between tabs: url, name of the run, number of batches, fault
("at:deed" or "-"), SIGKILL or "-". "acks+ms" kills so many milliseconds after so many acknowledged batches, counted
from when the database is open; -1 acks is from the fork. The answer goes to the standard output: lines "ack <n>",
"refused <n>" and, when the process is gone, "end <exit status>".
"""

import contextlib
import gc
import os
import signal
import sys
import time

from sbcard_core.ledger import Ledger, Transfer, TransferFlag, TransferStatus
from sbcard_core.store import Store, StoreFailed

with contextlib.suppress(ImportError):
    import psycopg  # noqa: F401 - paid once, before the forks

AT = "2014-07-31T00:00:00"
LINKED, PENDING, POST = TransferFlag.LINKED, TransferFlag.PENDING, TransferFlag.POST_PENDING


def batch(name: str, number: int) -> list[Transfer]:
    """Seven transfers that stand or fall together, two of them a hold and its posting."""
    plain = [Transfer(f"{name}/{number}/{i}", "out", "in", 1 + i, "test", AT, flags=LINKED) for i in range(5)]
    hold = Transfer(f"{name}/{number}/5", "out", "in", 100, "test", AT, flags=LINKED | PENDING)
    return [*plain, hold, Transfer(f"{name}/{number}/6", "", "", 60, "test", AT, "", POST, hold.transfer_id)]


def say(text: str) -> None:
    """One line, whole: shorter than a pipe's atomic write."""
    os.write(1, f"{text}\n".encode())


def post(url: str, name: str, count: int, told: int) -> None:
    """Post batch after batch; one that was refused is posted again. Each step forward is a byte to ``told``."""
    with Store.open(url) as store:
        ledger = Ledger(store)
        os.write(told, b".")
        for number in range(count):
            for _ in range(3):
                try:
                    statuses = ledger.post_many(batch(name, number))
                except StoreFailed:
                    say(f"refused {number}")
                    continue
                assert set(statuses) in ({TransferStatus.POSTED}, {TransferStatus.EXISTS}), statuses
                say(f"ack {number}")
                os.write(told, b".")
                break
            else:
                raise AssertionError("refused three times")


def run(url: str, name: str, count: str, fault: str, delay: str) -> int:
    """One process, from its fork to its end; the exit status, negative for a signal."""
    acks, _, late_ms = delay.partition("+")
    reader, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        os.close(reader)
        with contextlib.suppress(BrokenPipeError):
            if fault != "-":
                os.environ["FAULT_AT"], os.environ["FAULT_DO"] = fault.split(":")
            try:
                post(url, name, int(count), told)
                code = 0
            except StoreFailed:  # while it opened or closed the database
                say("refused -1")
                code = 3
        if fault == "0:count":
            sys.exit(code)  # with the library's last words
        os._exit(code)
    os.close(told)
    if delay != "-":
        for _ in range(int(acks) + 1):
            os.read(reader, 1)
        time.sleep(float(late_ms) / 1000)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(reader)
    return code


def warm_up() -> None:
    """What every child would do first anew: imports, caches."""
    with Store.open("sqlite://") as store:
        Ledger(store).post_many(batch("warm", 0))
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    warm_up()
    for command in sys.stdin:
        say(f"end {run(*command.rstrip().split(chr(9)))}")
