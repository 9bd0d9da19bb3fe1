"""Two spellings, two words, two ways to the same money: it is paid once, and nothing is stuck."""

from datetime import date

import pytest

from sbcard_core.hosts import bankfile
from sbcard_core.payout import RecoveryMode, RollLine

DAY = date(2014, 8, 1)


def go(town, period: str, lines: list[RollLine]) -> None:
    roll = town.engine.draft("pension", period, lines, on=DAY, by="d")
    for officer in "ab":
        town.engine.approve(roll.roll_no, town.by(officer), roll.digest, on=DAY)
    for batch in town.engine.release(roll.roll_no, on=DAY, out_dir=town.folder):
        town.engine.read_result(town.answer(batch), on=DAY)


def sent_fen(town, n: int) -> int:
    return sum(one.amount_fen for one in town.engine.payments(town.number(n)))


@pytest.mark.parametrize(
    ("code", "account", "more", "also"),
    [("14", "", 1, "00"), ("14", "", 0, "99"), ("14", "6228", 0, "00"), ("00", "", 1, "00"), ("00", "", 0, "99")],
)
def test_a_line_with_a_clear_and_another_answer_is_unknown(town, code: str, account: str, more: int, also: str) -> None:
    town.fund(100_000)
    (batch,) = town.engine.release(town.ready([1, 2, 4]), on=DAY, out_dir=town.folder)
    rows = [(row[0], row[1], row[4], code if row[0] == "1" else "00", "") for row in town.request(batch).rows]
    first = rows[0]
    rows.append((first[0], account or first[1], str(int(first[2]) + more), also, ""))
    paid = [int(row[2]) for row in rows if row[3] == "00"]
    back = [int(row[2]) for row in rows if row[3] == "14"]
    sums = {"paid": len(paid), "paid_fen": sum(paid), "returned": len(back), "returned_fen": sum(back)}
    header = {"batch_no": batch, "bank": "103", "date": "20140815"}
    bankfile.write(town.folder / "R.txt", bankfile.PAYOUT_RESULT, header, rows, sums)
    report = town.engine.read_result(town.folder / "R.txt", on=DAY)
    assert (report.paid, report.returned, report.unknown, len(report.findings)) == (2, 0, 1, 1)
    assert town.net("SUSPENSE") == 1001
    assert town.engine.repay_returned("pension", "2014-07", on=DAY, out_dir=town.folder) == []


@pytest.mark.parametrize("first", ["own line", "back pay"])
def test_a_month_is_paid_by_its_own_line_or_as_back_pay(town, first: str) -> None:
    """June was held; its roll is withdrawn and drafted anew while the back pay of it waits in a clerk's file."""
    town.fund(100_000)
    town.engine.suspend("pension", town.number(1), since="2014-06", reason="x", on=DAY)
    june = town.ready([1, 2], period="2014-06")
    town.engine.resume("pension", town.number(1), since="2014-06")
    july = [*town.roll([1, 2]), *town.engine.held("pension")]
    if first == "back pay":
        go(town, "2014-07", july)
    town.engine.withdraw(june)
    go(town, "2014-06", town.roll([1, 2]))
    if first == "own line":
        go(town, "2014-07", july)
    assert (sent_fen(town, 1), sent_fen(town, 2)) == (2 * 1001, 2 * 1002)
    assert town.findings()[-1] == ("payout.item", 0)


def test_what_a_bank_gave_back_stays_booked_whatever_its_reference_reads_like(town) -> None:
    town.fund(1_000_000)
    (may,) = town.engine.release(town.ready([1, 2], period="2014-05"), on=DAY, out_dir=town.folder)
    town.engine.read_result(town.answer(may), on=DAY)
    town.engine.recover("R1", (may, 1), 900, mode=RecoveryMode.RETURN, reason="多发", on=DAY)
    town.engine.receive("pension", "R1", 300, reference="pension-2014-06-R001:1", on=DAY)
    june = town.engine.draft("pension", "2014-06", town.roll([1, 2]), on=DAY, by="d")
    town.engine.remove(june.roll_no, [1], reason="迁出")
    assert town.engine.still_out("R1") == 600
