"""The banks' side: they read the bureau's request files and write result files, as their plan says.

A bank knows a person by the form number on the request line; that is all it
shares with the rest of the replay.
"""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np

from sbcard_core.calendar import add_working_days
from sbcard_core.hosts import bankfile
from sbcard_core.replay import chance
from sbcard_core.replay.campaign import AS_OF, Campaign
from sbcard_core.replay.plan import REASONS, Answer, Plan

_ON_TIME_DAYS = range(2, 13)
_LATE_DAYS = range(16, 22)

RETURN_REASONS = ("户名不符", "账户已冻结", "账户已挂失", "账户已销户")
"""Why a payment comes back: classes a bank core has in public vendor code, in own words."""

UNREADABLE = "?"
"""A status no specification knows, as a garbled line would carry it."""

RETURNED_PER_MILLE = 20
RETURNED_TWICE_PER_MILLE = 100

Row = tuple[str, ...]


def answer_openings(plan: Plan, requests: Path, results: Path) -> Iterator[int]:
    """Answer every request file; yields the number of lines after each.

    Most answers come in one file per batch, late ones in a second. The first
    bank delivers its first result twice, under another name.
    """
    repeated = False
    for path in sorted(requests.glob("*.txt")):
        request = bankfile.read(path, bankfile.OPENING_REQUEST)
        written = _answer_batch(plan, request, results)
        if written and not repeated:
            shutil.copy(written[0], written[0].with_name(written[0].stem + "-again.txt"))
            repeated = True
        yield len(request.rows)


def _answer_batch(plan: Plan, request: bankfile.BankFile, results: Path) -> list[Path]:
    received = date.fromisoformat(bankfile.iso_date(request.header["date"]) or "")
    indices = np.array([int(row[1][-8:]) for row in request.rows], dtype=np.uint64)
    fates = plan.fates(indices)
    days = _Days(received)
    on_time: list[Row] = []
    late: list[Row] = []
    columns = (fates.answer.tolist(), fates.late.tolist(), fates.bits.tolist(), indices.tolist())
    for row, answer, is_late, bits, index in zip(request.rows, *columns, strict=True):
        if answer == Answer.NONE:
            continue
        bank = request.header["bank"]
        account = _account_no(bank, index) if answer == Answer.OPENED else ""
        status, reason = ("00", "") if answer == Answer.OPENED else ("21", REASONS[bits % len(REASONS)])
        target = late if is_late and days.can_be_late else on_time
        target.append((row[0], row[1], status, account, reason, days.answered(bits, target is late)))
    stem = f"OPENRES_{request.header['batch_no']}"
    files = [(results / f"{stem}.txt", on_time), (results / f"{stem}-late.txt", late)]
    return [_write_result(path, request, rows) for path, rows in files if rows]


class _Days:
    """On which day a bank answers a batch it received on a given day."""

    def __init__(self, received: date) -> None:
        self._on_time = [min(add_working_days(received, n), AS_OF) for n in _ON_TIME_DAYS]
        self._late = [day for n in _LATE_DAYS if (day := add_working_days(received, n)) <= AS_OF]

    @property
    def can_be_late(self) -> bool:
        """Whether the 15 working days end early enough in the month."""
        return bool(self._late)

    def answered(self, bits: int, late: bool) -> str:
        """The day, as bank files write it."""
        days = self._late if late else self._on_time
        return bankfile.compact_date(days[bits // 7 % len(days)])


def _account_no(bank: str, index: int) -> str:
    """A 19-digit card account with a right Luhn digit; 62 + bank + … is made up, no bank's real range."""
    body = f"62{bank}9{index:012d}"
    total = 0
    for place, char in enumerate(reversed(body)):
        digit = int(char) * (2 if place % 2 == 0 else 1)
        total += digit - 9 if digit > 9 else digit
    return body + str(-total % 10)


def _write_result(path: Path, request: bankfile.BankFile, rows: list[Row]) -> Path:
    opened = sum(row[2] == "00" for row in rows)
    header = {"batch_no": request.header["batch_no"], "bank": request.header["bank"], "date": request.header["date"]}
    bankfile.write(path, bankfile.OPENING_RESULT, header, rows, {"opened": opened, "failed": len(rows) - opened})
    return path


def answer_payouts(campaign: Campaign, requests: Path, results: Path, *, again: bool = False) -> Iterator[int]:
    """Answer every payout file; yields the number of lines after each.

    Some lines are returned; of those paid ``again``, a few are returned again.
    Of each programme's first file, one line carries a status nobody can read
    (see :data:`UNREADABLE`): its money must end in suspense.
    """
    share = RETURNED_TWICE_PER_MILLE if again else RETURNED_PER_MILLE
    seen: set[str] = set()
    for path in sorted(requests.glob("*.txt")):
        request = bankfile.read(path, bankfile.PAYOUT_REQUEST)
        programme = request.header["programme"]
        rows = [_pay(campaign.seed, f"pay.{programme}.{share}", share, row) for row in request.rows]
        if not again and programme not in seen:
            seen.add(programme)
            rows[0] = (*rows[0][:3], UNREADABLE, "")
        paid = [int(row[2]) for row in rows if row[3] == "00"]
        back = [int(row[2]) for row in rows if row[3] not in ("00", UNREADABLE)]
        head = {key: request.header[key] for key in ("batch_no", "bank", "date")}
        totals = {"paid": len(paid), "paid_fen": sum(paid), "returned": len(back), "returned_fen": sum(back)}
        answer = results / path.name.replace("PAYREQ", "PAYRES")
        bankfile.write(answer, bankfile.PAYOUT_RESULT, head, rows, totals)
        yield len(rows)


def _pay(seed: int, stream: str, share: int, row: Row) -> Row:
    seq, account_no, _, _, amount, _ = row
    # Drawn by the account, not by the place in the file, so that one missing line moves no other line's fate.
    bits = chance.draw_one(seed, stream, int(account_no))
    if bits % 1000 < share:
        return (seq, account_no, amount, "21", RETURN_REASONS[bits // 1000 % len(RETURN_REASONS)])
    return (seq, account_no, amount, "00", "")
