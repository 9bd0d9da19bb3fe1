"""Forks processes that bill, take payments, give back and go through an agent bank's files, and may be killed."""

import contextlib
import os
import signal
import sys
import time
from datetime import date, datetime
from pathlib import Path

from sbcard_core.calendar import Period
from sbcard_core.hosts import bankfile
from sbcard_core.ledger import Ledger
from sbcard_core.premiums import PAYMENTS, SAMPLE, Channel, Insured, Payment, Premiums, Refund
from sbcard_core.store import Store
from sbcard_core.values import PersonCategory
from tests.people import number

AT, BEGINS = datetime.fromisoformat("2015-03-02T09:30:15"), date(2015, 1, 1)
STEPS, ROUNDS = 5, 11
"""Steps of one period (issue, pay, refund, dispatch, result), and periods of one process."""
PERIODS = [Period(f"{year}-{month:02d}") for year in range(2015, 3000) for month in range(1, 13)]
"""Months only: nobody is billed twice for one day, so periods of a year beside its months would be refused."""
PEOPLE, AT_COUNTER, FEN = 6, 4, 12000


def period_of(name: str, step: int) -> Period:
    """No two processes bill the same period."""
    return PERIODS[int(name) * ROUNDS + step // STEPS]


def round_of(period: str) -> tuple[str, int]:
    """The process that billed a period, and its serial among the periods of that process."""
    name, part = divmod(PERIODS.index(Period(period)), ROUNDS)
    return str(name), part


def do(book: Premiums, name: str, step: int, folder: Path) -> set[str]:
    """One step, each a transaction of its own; done again it changes nothing."""
    period, kind = period_of(name, step), step % STEPS
    bills = [f"{period}.{at:09d}" for at in range(1, PEOPLE + 1)]
    if kind == 0:
        people = [Insured(number(at), "张三", PersonCategory.RURAL, "resident-medical") for at in range(PEOPLE)]
        return {status.name for status in book.issue(period, period.begin, people).statuses}
    if kind == 1:
        paid = [Payment(f"P:{bill}", bill, FEN, Channel.POS, "T1", AT) for bill in bills[:AT_COUNTER]]
        return {status.name for status in book.pay_many(paid)}
    if kind == 2:
        back = [Refund(f"R:{bill}", f"P:{bill}", fen, AT) for bill, fen in zip(bills, (FEN, 5001), strict=False)]
        return {status.name for status in book.refund_many(back)}
    if kind == 3:
        book.agency.dispatch("402", period, on=BEGINS, out_dir=folder)
        return {"SENT"}
    batch_no, rest = f"PREM-{period}-402-0001", bills[AT_COUNTER:]
    rows = [(str(seq), bill, str(FEN + 100), "00", "20150301101500", "T", "") for seq, bill in enumerate(rest, 1)]
    fen = len(rows) * (FEN + 100)
    head = {"batch_no": batch_no, "bank": "402", "date": "20150302", "lines": len(rows), "paid_fen": fen}
    path = folder / f"{batch_no}.{os.getpid()}.txt"
    bankfile.write(path, PAYMENTS, head, rows, {"paid": len(rows), "paid_fen": fen, "unpaid": 0})
    report = book.agency.read_payments(path, on=AT.date())
    path.unlink()
    return {"EXISTS"} if report.repeated else {status.name for status in report.statuses}


def say(text: str) -> None:
    """One line, whole: shorter than a pipe's atomic write."""
    os.write(1, f"{text}\n".encode())


def run(url: str, name: str, count: str, folder: str, delay: str) -> int:
    """One process, from its fork to its end; the exit status, negative for a signal."""
    opened, is_open = os.pipe()
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BrokenPipeError), Store.open(url, sample=True) as store:
            book = Premiums(store, Ledger(store), SAMPLE)
            os.write(is_open, b"!")
            for step in range(int(count)):
                do(book, name, step, Path(folder))
                say(f"ack {step}")
            signal.pause()
        os._exit(0)
    os.close(is_open)
    os.read(opened, 1)
    os.close(opened)
    time.sleep(float(delay) / 1000)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    for command in sys.stdin:
        say(f"end {run(*command.rstrip().split(chr(9)))}")
