"""The payout engine: rolls out, results in, returned lines out again; every step in one transaction per batch."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import Ledger, Transfer, timestamp
from sbcard_core.payout import lines, programmes, repay, results, roll
from sbcard_core.payout.batches import Heading, NewLine, write_batch
from sbcard_core.payout.programmes import Programme
from sbcard_core.store import Store

MAX_LINES = 5000
"""Lines per batch; assumed, a bank's own limit may be lower."""


class PayoutEngine:
    """Pays programmes to the accounts behind issued cards.

    Args:
        store: the database.
        ledger: the books of the same database.
        max_lines: most lines per bank file.
    """

    def __init__(self, store: Store, ledger: Ledger, *, max_lines: int = MAX_LINES) -> None:
        if max_lines < 1:
            raise InvalidValue("a batch holds at least one line", step="payout", term="代发批次")
        self._books = lines.Books(store, ledger)
        self._max_lines = max_lines

    def pay(
        self, programme: Programme | str, period: str, roll_lines: Iterable[lines.RollLine], *, on: date, out_dir: Path
    ) -> list[str]:
        """Send one roll: block the money and write one file ``PAYREQ_<batch>.txt`` per bank and ``max_lines`` lines.

        A line whose person, name, card or amount does not match, or whose person was sent in this programme and
        period before, is a finding (stage ``payout``, source ``<programme>:<period>``) and is not sent; so the
        same roll sent again pays nothing.

        Args:
            programme: a programme or its code in the catalogue.
            period: e.g. ``"2014-07"``.
            roll_lines: any number of lines; they are streamed.
            on: the day of sending.
            out_dir: where the files are written.

        Returns:
            The numbers of the batches made.

        Raises:
            InvalidValue: unknown programme, or a period that can't be part of a batch number.
            FundsShort: the fund may not fall that low; earlier batches of this call stay valid.
        """
        programme = programmes.find(programme)
        if not (period.isascii() and 0 < len(period) <= 16 and period.replace("-", "").isalnum()):
            raise InvalidValue("bad period", step="payout.pay", term="发放期", advice="write it as 2014-07")
        self._books.ledger.open_accounts([(programme.fund_account, programme.kind)])
        heading = Heading(programme, period, 1, on, out_dir)
        waiting: dict[str, list[roll.Payee]] = {}
        pending: set[int] = set()
        made: list[str] = []
        for part in roll.chunks(roll_lines):
            with self._books.store.begin() as connection:
                payees, found = roll.match(connection, programme, period, part, pending)
                lines.record(connection, f"{programme.code}:{period}", found)
            for payee in payees:
                waiting.setdefault(payee.bank, []).append(payee)
            for bank, queue in waiting.items():
                while len(queue) >= self._max_lines:
                    full = queue[: self._max_lines]
                    made.append(self._send(heading, bank, full))
                    pending.difference_update(payee.person_id for payee in full)
                    del queue[: self._max_lines]
        for bank in sorted(waiting):
            if waiting[bank]:
                made.append(self._send(heading, bank, waiting[bank]))
        return made

    def read_result(self, path: Path, *, on: date) -> results.PayoutResultReport:
        """Take in one result file of a bank; see :func:`sbcard_core.payout.results.read_result`."""
        return results.read_result(self._books, path, on=on)

    def repay_returned(
        self,
        programme: Programme | str,
        period: str,
        *,
        on: date,
        out_dir: Path,
        corrections: Mapping[str, str] | None = None,
        only: Collection[str] | None = None,
    ) -> list[str]:
        """Send the returned lines of one programme and period again; see :func:`sbcard_core.payout.repay.repay`."""
        order = repay.Repayment(programmes.find(programme), period, on, out_dir, corrections or {}, only)
        return repay.repay(self._books, order, self._max_lines)

    def _send(self, heading: Heading, bank: str, payees: Sequence[roll.Payee]) -> str:
        new = [NewLine(p.person_id, p.account_no, p.name, p.id_number, p.amount_fen) for p in payees]

        def block(connection: sa.Connection, batch_no: str) -> None:
            total = sum(line.amount_fen for line in new)
            fund, payable = heading.programme.fund_account, lines.payable_account(batch_no)
            move = Transfer(f"payout:{batch_no}:block", fund, payable, total, "payout.block", timestamp(heading.on))
            lines.post(self._books.ledger, connection, [move])

        return write_batch(self._books, heading, bank, new, block)
