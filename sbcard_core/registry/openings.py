"""Bank account opening (银行开户): batches out, results in, and the 15-working-day clock.

The letter 湘人社函〔2014〕237号 gives each bank 15 working days after receipt of a batch; that the day of
receipt is not counted is assumed (general civil-law rule). The file layout is own design, see ``hosts.bankfile``.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sbcard_core.calendar import add_working_days, as_day
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import BankCode
from sbcard_core.hosts import bankfile
from sbcard_core.messages import message
from sbcard_core.registry.holders import is_dead
from sbcard_core.registry.opening_results import (
    FAILED,
    IN_BATCH,
    LOOKUP,
    OPENED,
    WITHDRAWN,
    OpeningState,
    ResultReport,
    read_result,
    withdraw,
)
from sbcard_core.store import Store, insert_many, schema

__all__ = ["MAX_LINES", "WORKING_DAYS", "ClockRow", "OpeningState", "Openings", "ResultReport"]

WORKING_DAYS = 15
"""Days a bank has, from the letter."""
MAX_LINES = 5000
"""Lines per batch; assumed, a bank's own limit may be lower."""


@dataclass(frozen=True, slots=True)
class ClockRow:
    """How one batch stands on a day; ``opened + failed + withdrawn + open = lines``.

    ``overdue`` are open lines past ``due_on``; ``late`` are answered lines whose answer came after ``due_on``.
    """

    batch_no: str
    bank: str
    city: str
    received_on: date
    due_on: date
    lines: int
    opened: int
    failed: int
    withdrawn: int
    open: int
    overdue: int
    late: int


class Openings:
    """The opening batches of one database."""

    def __init__(self, store: Store, *, working_days: int = WORKING_DAYS) -> None:
        self._store = store
        self._working_days = working_days

    def dispatch(
        self,
        bank: str,
        city: str,
        received_on: date,
        *,
        through: date,
        out_dir: Path,
        max_lines: int = MAX_LINES,
        retry_failed: bool = False,
    ) -> list[Path]:
        """Send every waiting person of one bank and city to the bank, one file per batch.

        Waiting is whoever lives, was submitted on or before ``through`` and is in no batch yet; with ``retry_failed``
        whoever only has failed lines waits again (失败清理后重送), and without it whoever was withdrawn. A person is
        never in two unanswered batches, so a repeated call sends nothing.

        Args:
            bank: code of the co-operating bank (:class:`~sbcard_core.fields.BankCode`).
            city: 6-digit code of the city.
            received_on: the bank's day of receipt, on which its clock starts.
            through: last day of submission to include; nobody submitted after the day of receipt is sent.
            out_dir: where the request files (``OPENREQ_<batch>.txt``) are written.
            max_lines: most lines per batch.
            retry_failed: also send again the persons whose opening failed.

        Raises:
            InvalidValue: a batch of no lines, or no code of a bank.
            UnknownYear: the working days up to the due day are not announced yet.
        """
        bank = BankCode(bank)
        received_on, through = as_day(received_on), as_day(through)
        if max_lines < 1:
            raise InvalidValue(message("registry.dispatch.size"), step="openings.dispatch", term="批次")
        due_on = add_working_days(received_on, self._working_days)
        day = bankfile.compact_date(received_on)
        paths: list[Path] = []
        person = schema.person.c
        group = sa.and_(
            *(person.bank == bank, person.city == city, person.submitted_on <= min(through, received_on).isoformat()),
            ~is_dead(person.person_id, received_on.isoformat()),
        )
        after = ("", 0)  # day and id of the last person sent: a later round never scans the earlier ones again
        while True:
            with self._store.writing(schema.opening_batch) as connection:
                found = connection.execute(_waiting(group, after, max_lines, retry_failed)).all()
                if not found:
                    return paths
                after = (found[-1][6], found[-1][0])
                rows = [tuple(row[:6]) for row in found]
                batch_no = _next_batch_no(connection, f"{bank}{city}{day}")
                head = (batch_no, bank, city, received_on.isoformat(), due_on.isoformat(), len(rows))
                insert_many(connection, schema.opening_batch, _BATCH_COLUMNS, [head])
                lines = [(batch_no, n, row[0], IN_BATCH) for n, row in enumerate(rows, 1)]
                insert_many(connection, schema.opening_line, ("batch_no", "seq", "person_id", "state"), lines)
                # The file is written inside the transaction: a crash leaves either both or a file that the next
                # run writes again under the same name.
                path = out_dir / f"OPENREQ_{batch_no}.txt"
                header = {"batch_no": batch_no, "bank": bank, "city": city, "date": day, "lines": len(rows)}
                data = ((str(n), *row[1:]) for n, row in enumerate(rows, 1))
                bankfile.write(path, bankfile.OPENING_REQUEST, header, data, {})
                paths.append(path)
            if len(rows) < max_lines:
                return paths

    def dispatch_all(
        self, received_on: date, *, through: date, out_dir: Path, max_lines: int = MAX_LINES
    ) -> list[Path]:
        """Dispatch every bank and city that has persons; see :meth:`dispatch`."""
        person = schema.person.c
        with self._store.begin() as connection:
            pairs = connection.execute(
                sa.select(person.bank, person.city).distinct().order_by(person.bank, person.city)
            ).all()
        paths: list[Path] = []
        for bank, city in pairs:
            paths += self.dispatch(bank, city, received_on, through=through, out_dir=out_dir, max_lines=max_lines)
        return paths

    def read_result(self, path: Path, *, read_on: date) -> ResultReport:
        """Take in one result file of a bank; see :func:`sbcard_core.registry.opening_results.read_result`."""
        return read_result(self._store, path, read_on=read_on)

    def withdraw(self, batch_no: str, *, on: date, reason: str) -> int:
        """Take back what a bank has not answered of a batch (撤回): its persons wait for the next one.

        A late answer is still taken while the person was not sent again, or was refused then.

        Returns:
            How many lines were withdrawn.

        Raises:
            OpeningResultRefused: no such batch, or a day before the bank had it.
            InvalidValue: no reason.
        """
        return withdraw(self._store, batch_no, on=on, reason=reason)

    def clock(self, as_of: date, *, since: date = date.min) -> Iterator[ClockRow]:
        """Every batch received from ``since`` to ``as_of``, counting only answers dated by then; oldest first."""
        batch, day = schema.opening_batch.c, as_day(as_of).isoformat()
        received = batch.received_on.between(as_day(since).isoformat(), day)
        heads = sa.select(*(batch[name] for name in _BATCH_COLUMNS)).order_by(batch.received_on, batch.batch_no)
        with self._store.begin() as connection:
            batches = connection.execute(heads.where(received)).all()
            answers = _answers(connection, [row.batch_no for row in batches], day)
        for batch_no, bank, city, received_on, due_on, lines in batches:
            counts = answers[batch_no]
            opened, failed, withdrawn = (counts[state] for state in (OPENED, FAILED, WITHDRAWN))
            still = lines - opened - failed - withdrawn
            yield ClockRow(
                *(batch_no, bank, city, date.fromisoformat(received_on), date.fromisoformat(due_on), lines),
                *(opened, failed, withdrawn, still, still if day > due_on else 0, counts[_LATE]),
            )


_BATCH_COLUMNS = ("batch_no", "bank", "city", "received_on", "due_on", "lines")


_LATE = -1
"""Beside the states: answers after the due day."""


def _answers(connection: sa.Connection, batch_nos: Sequence[str], day: str) -> dict[str, Counter[int]]:
    """How many lines of each batch were in each state by a day, without those not answered."""
    batch, line = schema.opening_batch.c, schema.opening_line.c
    query = (
        sa.select(line.batch_no, line.state, line.answered_on > batch.due_on, sa.func.count())
        .join_from(schema.opening_batch, schema.opening_line, batch.batch_no == line.batch_no)
        .where(line.answered_on <= day)
        .group_by(line.batch_no, line.state, line.answered_on > batch.due_on)
    )
    found: dict[str, Counter[int]] = defaultdict(Counter)
    for start in range(0, len(batch_nos), LOOKUP):
        part = batch_nos[start : start + LOOKUP]
        for batch_no, state, is_late, count in connection.execute(query.where(batch.batch_no.in_(part))):
            found[batch_no][state] += count
            if is_late and state != WITHDRAWN:
                found[batch_no][_LATE] += count
    return found


def _waiting(group: sa.ColumnElement[bool], after: tuple[str, int], limit: int, retry_failed: bool) -> sa.Select[Any]:
    person, line = schema.person.c, schema.opening_line.c
    over = [WITHDRAWN, FAILED] if retry_failed else [WITHDRAWN]
    mine = sa.and_(line.person_id == person.person_id, line.state.not_in(over))
    return (
        sa.select(
            *(person.person_id, person.form_no, person.id_number, person.name, person.phone, person.county),
            person.submitted_on,
        )
        .where(group, sa.tuple_(person.submitted_on, person.person_id) > after)
        .where(~sa.exists().where(mine))
        .order_by(person.submitted_on, person.person_id)
        .limit(limit)
    )


def _next_batch_no(connection: sa.Connection, stem: str) -> str:
    column = schema.opening_batch.c.batch_no
    taken = connection.execute(
        sa.select(sa.func.count()).select_from(schema.opening_batch).where(column.startswith(stem, autoescape=True))
    ).scalar_one()
    return f"{stem}{taken + 1:03d}"
