"""Forks processes that each go through a programme's month as far as the bank's answers allow, and may be killed.

Run as a script. Commands on the standard input, fields between tabs: url, folder, number of people, fault ("at:deed" of
the ledger's ``faults.c``, or "-"), milliseconds until SIGKILL or "-". The answer: "ack 1" when the roll is closed, and
"end <exit status>" when the process is gone.
"""

import contextlib
import os
import signal
import sys
import time
from datetime import date
from pathlib import Path

from sbcard_core.ledger import Ledger
from sbcard_core.officers import Act, InSession, Officer, Officers
from sbcard_core.payout import PayoutEngine, RollLine, RollState
from sbcard_core.store import Store

with contextlib.suppress(ImportError):
    import psycopg  # noqa: F401 - paid once, before the forks

DAY, PERIOD = date(2014, 8, 15), "2014-07"


class Sessions:
    """Sessions of a test: always true."""

    def confirms(self, officer: str, act: Act, proof: bytes) -> bool:
        return True


OFFICERS = Officers([Officer(one, one) for one in ("a", "b", "draft")], sessions=Sessions())


def say(text: str) -> None:
    """One line, whole: shorter than a pipe's atomic write."""
    os.write(1, f"{text}\n".encode())


def month(url: str, folder: str, people: int) -> None:
    """From the draft to the close, or to where the bank must act; every step asked for again each time."""
    place = Path(folder)
    with Store.open(url) as store:
        engine = PayoutEngine(store, Ledger(store), max_lines=2, officers=OFFICERS)
        lines = [RollLine(f"43010219500{n:07d}", f"甲{n}", 1000 + n) for n in range(1, people + 1)]
        roll = engine.draft("pension", PERIOD, lines, on=DAY, by="draft")
        for officer in "ab":
            engine.approve(roll.roll_no, InSession(officer, b""), roll.digest, on=DAY)
        engine.release(roll.roll_no, on=DAY, out_dir=place / "requests")
        for path in sorted((place / "answers").glob("*.txt"), reverse=True):  # results before confirmations
            engine.read_result(path, on=DAY)
        engine.inquire("pension", PERIOD, on=DAY, out_dir=place / "inquiries")
        engine.repay_returned("pension", PERIOD, on=DAY, out_dir=place / "requests")
        if not engine.status(roll.roll_no).outstanding_fen:
            assert engine.close(roll.roll_no, on=DAY).state is RollState.CLOSED
            say("ack 1")


def run(url: str, folder: str, people: str, fault: str, delay: str) -> int:
    """One process, from its fork to its end; the exit status, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        if fault != "-":
            os.environ["FAULT_AT"], os.environ["FAULT_DO"] = fault.split(":")
        month(url, folder, int(people))
        if fault == "0:count":
            sys.exit(0)  # with the library's last words
        os._exit(0)
    if delay != "-":
        time.sleep(float(delay) / 1000)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    for command in sys.stdin:
        say(f"end {run(*command.rstrip().split(chr(9)))}")
