"""Forks processes that each go through a programme's month as far as the bank's answers allow, and may be killed.

Run as a script; the commands and answers of the ledger's ``crash_child``: url, folder, number of people, fault,
milliseconds until SIGKILL. "ack 1" says that the roll is closed.
"""

import sys
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "ledger"))

import crash_child

from sbcard_core.ledger import Ledger
from sbcard_core.payout import PayoutEngine, RollLine, RollState
from sbcard_core.store import Store

DAY, PERIOD = date(2014, 8, 15), "2014-07"


def month(url: str, folder: str, people: int) -> None:
    """From the draft to the close, or to where the bank must act; every step asked for again each time."""
    place = Path(folder)
    with Store.open(url) as store:
        engine = PayoutEngine(store, Ledger(store), max_lines=2)
        lines = [RollLine(f"43010219500{n:07d}", f"甲{n}", 1000 + n) for n in range(1, people + 1)]
        roll = engine.draft("pension", PERIOD, lines, on=DAY, by="draft")
        for officer in "ab":
            engine.approve(roll.roll_no, officer, roll.digest, on=DAY)
        engine.release(roll.roll_no, on=DAY, out_dir=place / "requests")
        for path in sorted((place / "answers").glob("*.txt"), reverse=True):  # results before confirmations
            engine.read_result(path, on=DAY)
        engine.inquire("pension", PERIOD, on=DAY, out_dir=place / "inquiries")
        engine.repay_returned("pension", PERIOD, on=DAY, out_dir=place / "requests")
        if not engine.status(roll.roll_no).outstanding_fen:
            assert engine.close(roll.roll_no, on=DAY).state is RollState.CLOSED
            crash_child.say("ack 1")


crash_child.post = month

if __name__ == "__main__":
    for command in sys.stdin:
        crash_child.say(f"end {crash_child.run(*command.rstrip().split(chr(9)))}")
