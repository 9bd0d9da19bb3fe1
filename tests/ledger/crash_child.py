"""Forks posting processes that may die at any moment; its parent reads what they acknowledged. Run as a script.

Commands on the standard input, one a line, fields between tabs: url, name of the run, number of batches, fault
("at:deed" or "-"), milliseconds until SIGKILL or "-". The answer goes to the standard output: lines "ack <n>",
"refused <n>" and, when the process is gone, "end <exit status>".
"""

import contextlib
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


def post(url: str, name: str, count: int) -> None:
    """Post batch after batch; one that was refused is posted again."""
    with Store.open(url) as store:
        ledger = Ledger(store)
        for number in range(count):
            for _ in range(3):
                try:
                    statuses = ledger.post_many(batch(name, number))
                except StoreFailed:
                    say(f"refused {number}")
                    continue
                assert set(statuses) in ({TransferStatus.POSTED}, {TransferStatus.EXISTS}), statuses
                say(f"ack {number}")
                break
            else:
                raise AssertionError("refused three times")


def run(url: str, name: str, count: str, fault: str, delay: str) -> int:
    """One process, from its fork to its end; the exit status, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(BrokenPipeError):
            if fault != "-":
                os.environ["FAULT_AT"], os.environ["FAULT_DO"] = fault.split(":")
            try:
                post(url, name, int(count))
                code = 0
            except StoreFailed:  # while it opened or closed the database
                say("refused -1")
                code = 3
        if fault == "0:count":
            sys.exit(code)  # with the library's last words
        os._exit(code)
    if delay != "-":
        time.sleep(float(delay) / 1000)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    for command in sys.stdin:
        say(f"end {run(*command.rstrip().split(chr(9)))}")
