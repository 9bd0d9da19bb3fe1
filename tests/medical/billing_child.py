"""Forks billing processes that may die at any moment; its parent reads what they acknowledged. Run as a script.

Commands on the standard input, one a line, fields between tabs: url, name of the run, number of steps, fault
("at:deed" or "-"), milliseconds from when the books are open until SIGKILL, or "-". Answers: "ack <n>", "refused <n>",
then "end <exit status>". A step is a batch of bills settled in one call, or one cancellation and one more bill
cancelled in one call; what is acknowledged is the number of the step.
"""

import contextlib
import os
import signal
import sys
import time
from decimal import Decimal

from sbcard_core.ledger import Ledger
from sbcard_core.medical import Bill, Cancellation, FeeLine, Grade, MedicalBilling, VisitKind, samples
from sbcard_core.store import Store, StoreFailed

with contextlib.suppress(ImportError):
    import psycopg  # noqa: F401 - paid once, before the forks

BILLS = 4
AT = "2014-07-31T10:00:00"
LINES = (
    FeeLine("手术", Grade.A, 300_000),
    FeeLine("支架", Grade.B, 120_001, Decimal(120_001), Decimal(1), Decimal(100_000), 1000),
    FeeLine("陪护", Grade.C, 5_000),
)


def number(name: str, batch: int, serial: int) -> str:
    """A message number; the run stands in the institution."""
    return f"H{int(name):011d}2014073110{batch // 60:02d}{batch % 60:02d}{serial:04d}"


def bills(name: str, batch: int) -> list[Bill]:
    """Of two persons by turns, the second with a personal account."""
    out = []
    for serial in range(BILLS):
        who = serial % 2
        groups, account = frozenset({"civil_servant"}), f"PERSONAL_MEDICAL:{who}" if who else ""
        bill = Bill(number(name, batch, serial), f"{name}-P{who}", "employee", AT, LINES, VisitKind.INPATIENT)
        values = {"groups": groups, "personal_account": account}
        out.append(Bill(**{field: getattr(bill, field) for field in Bill.__slots__} | values))
    return out


def cancellations(name: str, batch: int) -> list[Cancellation]:
    """Two of the batch, the later one first."""
    return [Cancellation(number(name, batch, at), number(name, batch, 100 + at), AT) for at in (2, 1)]


def do(billing: MedicalBilling, name: str, step: int) -> list[str]:
    """One step; the statuses."""
    if step % 2 == 0:
        return [one.status.name for one in billing.settle_many(bills(name, step // 2))]
    return [status.name for status in billing.cancel_many(cancellations(name, step // 2))]


def say(text: str) -> None:
    """One line, whole: shorter than a pipe's atomic write."""
    os.write(1, f"{text}\n".encode())


def settle(url: str, name: str, count: int, is_open: int) -> None:
    """Step after step; one that was refused is done again under the same numbers."""
    with Store.open(url, sample=True) as store:
        os.write(is_open, b"!")
        billing = MedicalBilling(store, Ledger(store), samples())
        for step in range(count):
            for _ in range(3):
                try:
                    statuses = do(billing, name, step)
                except StoreFailed:
                    say(f"refused {step}")
                    continue
                assert set(statuses) in ({"SETTLED"}, {"EXISTS"}), statuses
                say(f"ack {step}")
                break
            else:
                raise AssertionError("refused three times")


def run(url: str, name: str, count: str, fault: str, delay: str) -> int:
    """One process, from its fork to its end; the exit status, negative for a signal."""
    opened, is_open = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(opened)
        code = 1
        with contextlib.suppress(BrokenPipeError):
            if fault != "-":
                os.environ["FAULT_AT"], os.environ["FAULT_DO"] = fault.split(":")
            try:
                settle(url, name, int(count), is_open)
                code = 0
            except StoreFailed:  # while it opened or closed the database
                say("refused -1")
                code = 3
        if fault == "0:count":
            sys.exit(code)  # with the library's last words
        os._exit(code)
    os.close(is_open)
    os.read(opened, 1)  # or the end of a process that opened nothing
    os.close(opened)
    if delay != "-":
        time.sleep(float(delay) / 1000)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    for command in sys.stdin:
        say(f"end {run(*command.rstrip().split(chr(9)))}")
