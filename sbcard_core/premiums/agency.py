"""Agent banks (代收银行): bills go out, payments come back; what no bill explains waits in suspense, to the fen."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sbcard_core.calendar import Period
from sbcard_core.eligibility import Eligibility
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import BankCode
from sbcard_core.hosts import bankfile
from sbcard_core.ledger import AccountKind, Ledger, Transfer, TransferStatus, lock_for_posting, timestamp
from sbcard_core.messages import message
from sbcard_core.officers import Act, Officers, Signer, require
from sbcard_core.premiums import posting
from sbcard_core.premiums.asked import ANY_LEFT, Wanted, asked_of, next_batch, note, release, select_bills
from sbcard_core.premiums.layout import (
    BILLS,
    PAYMENTS,
    AskState,
    CollectionRefused,
    CollectionReport,
    LineStatus,
    Said,
    Suspended,
    check_totals,
    said,
)
from sbcard_core.premiums.records import BillState, Channel, Payment, PaymentStatus
from sbcard_core.premiums.tariff import Rate
from sbcard_core.premiums.verdict import Asked, Verdict, before_books, settle
from sbcard_core.store import Store, insert_many, schema, update_many

SUSPENSE = "SUSPENSE"
ASSIGN_ACT = "premiums.suspense.assign"
"""Kind of act: a bill is paid from suspense. Its subject is the payment that lies there."""
GIVE_BACK_ACT = "premiums.suspense.give-back"
"""Kind of act: money in suspense goes back through the bank. Its subject is the payment that lies there."""
UNPAID_ACT = "premiums.unpaid"
"""Kind of act: bills whose payment is uncertain may be sent to a bank again. Its subject is the batch."""
OFFICERS = 2
"""Different officers who approve each of these acts (assumed, as for payouts)."""
MAX_LINES = 5000
"""Bills in one file."""
_OF = {
    PaymentStatus.CANCELLED: LineStatus.CANCELLED,
    PaymentStatus.NO_RATE: LineStatus.NO_RATE,
    PaymentStatus.LEDGER_REFUSED: LineStatus.LEDGER_REFUSED,
}
_BATCH, _LINE, _BILL = schema.premium_batch, schema.premium_batch_line, schema.premium_bill
_LEFT = schema.premium_suspended


class Agency:
    """Collection through agent banks; reached as ``Premiums.agency``.

    Args:
        store: the database.
        ledger: the books of the same database.
        rates: the tariff, by what bills keep of it.
        eligibility: which accounts may be debited.
        officers: the registered ones, two of whom approve that money leaves suspense, or is asked for once more.
        unpaid_codes: codes by which the banks say that they did not collect.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        rates: Mapping[posting.RateKey, Rate],
        eligibility: Eligibility,
        officers: Officers,
        unpaid_codes: Mapping[str, str],
    ) -> None:
        self.store, self.ledger, self._rates, self._eligibility = store, ledger, rates, eligibility
        self._officers, self._unpaid_codes = officers, unpaid_codes

    def dispatch(
        self, bank: str, period: str, *, on: date, out_dir: Path, everyone: bool = False, max_lines: int = MAX_LINES
    ) -> list[Path]:
        """Write the open bills of a period for one bank, each bill at one bank at a time.

        A bill goes to the bank of the person's account; without one that may be debited on the day (none, not yet
        activated, its holder dead), to the bank that asks first. Begun again after a break it goes on, and writes
        files of unanswered batches that are not in the folder once more.

        Args:
            bank: code of the bank (:class:`~sbcard_core.fields.BankCode`).
            period: of the bills (:class:`~sbcard_core.calendar.Period`).
            on: business day.
            out_dir: an existing folder.
            everyone: also the bills of people whose card is of another bank.
            max_lines: bills in one file.

        Raises:
            InvalidValue: no bank, no period, no line allowed.
        """
        order = Wanted(BankCode(bank), Period(period), on, everyone)
        bank, period = order.bank, order.period
        if max_lines < 1:
            raise InvalidValue(message("premiums.max_lines"), step="premiums.dispatch")
        paths = [
            self._write(row, out_dir) for row in self._unanswered(bank, period) if not _path(row, out_dir).exists()
        ]
        after = ""
        while True:
            with self.store.begin() as connection:
                lock_for_posting(connection)
                rows, after = select_bills(connection, self._eligibility, order, after, max_lines)
                if not rows:
                    return paths
                made = next_batch(connection, bank, period)
                total = sum(row.amount_fen for row, _ in rows)
                columns = ("batch_no", "bank", "period", "sent_on", "lines", "total_fen")
                insert_many(connection, _BATCH, columns, [(made, bank, period, on.isoformat(), len(rows), total)])
                lines = [
                    (made, seq, row.bill_no, account, int(AskState.SENT)) for seq, (row, account) in enumerate(rows, 1)
                ]
                insert_many(connection, _LINE, ("batch_no", "seq", "bill_no", "account_no", "state"), lines)
            paths += [self._write(row, out_dir) for row in self._unanswered(bank, period) if row.batch_no == made]

    def read_payments(self, path: Path, *, on: date) -> CollectionReport:
        """Take in one payment file in one transaction; the same file again changes nothing.

        Every fen the bank says it brought is either put to a bill of this batch or lies in ``SUSPENSE`` with a
        finding. A line of the batch that the file does not speak of is UNKNOWN and is not sent to a bank again.

        Raises:
            BankFileRefused: wrong as a whole: kind, header, trailer, number of lines.
            CollectionRefused: no such batch, another bank, sent after ``on``, answered by another file, totals that
                disagree.
        """
        file = bankfile.read(path, PAYMENTS)
        lines = said(file, self._unpaid_codes)
        batch_no = file.header["batch_no"]
        with self.store.begin() as connection:
            lock_for_posting(connection)
            batch = _batch(connection, file, path)
            bank = batch.bank
            if batch.answer_sha256 == file.sha256:
                return CollectionReport(batch_no, repeated=True)
            if batch.answer_sha256 is not None:
                raise CollectionRefused(path, "answered", batch=batch_no)
            if on.isoformat() < batch.sent_on:
                raise CollectionRefused(path, "order", batch=batch_no, on=on, sent_on=batch.sent_on)
            unread_fen = check_totals(path, file, lines)
            asked = asked_of(connection, batch_no)
            verdict = self._judge(connection, batch, list(lines.values()), asked, on)
            if unread_fen:
                unread = (f"{batch_no}:0", 0, None, LineStatus.UNREADABLE, unread_fen)
                verdict.suspended.append(unread)
            self._suspend(connection, path, (batch_no, bank, on), verdict.suspended)
            statuses = [verdict.statuses.get(line, LineStatus.UNREADABLE) for line in range(2, file.delivered + 2)]
            missing = sorted(one.seq for one in asked.values() if one.seq not in verdict.states)
            note(connection, path, batch_no, verdict, statuses, missing)
            answer = sa.update(_BATCH).where(_BATCH.c.batch_no == batch_no)
            connection.execute(answer.values(answer_sha256=file.sha256, answered_on=on.isoformat()))
        suspended = sum(row[-1] for row in verdict.suspended)
        return CollectionReport(batch_no, statuses, verdict.paid_fen, suspended, missing)

    def suspended(self, *, everything: bool = False) -> list[Suspended]:
        """What lies in suspense and waits for a clerk; or ``everything`` that ever did."""
        wanted = sa.select(_LEFT).order_by(_LEFT.c.batch_no, _LEFT.c.line)
        with self.store.begin() as connection:
            rows = connection.execute(wanted if everything else wanted.where(ANY_LEFT)).all()
        return [
            Suspended(r.payment_id, r.batch_no, r.line, LineStatus(r.status), r.amount_fen, r.left_fen, r.bill_no or "")
            for r in rows
        ]

    def assign(
        self, payment_id: str, bill_no: str, *, at: datetime, approved_by: Iterable[Signer] = ()
    ) -> PaymentStatus:
        """Pay an open bill from money in suspense; what is more than the bill stays there.

        Returns:
            PAID, EXISTS if it was done before, or why not; AMOUNT_DIFFERS = less is left than the bill needs.

        Raises:
            InvalidValue: nothing of that id is or was in suspense, or it came later than ``at``.
            ApprovalRefused: not two officers approve the act :data:`ASSIGN_ACT`.
        """
        with self.store.begin() as connection:
            lock_for_posting(connection)
            row, bank = _held(connection, payment_id, at)
            bill = next(iter(posting.find(connection, _BILL, "bill_no", [bill_no])), None)
            amount = bill.amount_fen if bill is not None else 0
            payment = Payment(f"{payment_id}/{bill_no}", bill_no, amount, Channel.AGENT_BANK, bank, at)
            known = list(posting.find(connection, schema.premium_payment, "payment_id", [payment.payment_id]))
            if known:
                return PaymentStatus.EXISTS
            if bill is not None and bill.state == BillState.OPEN and row.left_fen < amount:
                return PaymentStatus.AMOUNT_DIFFERS
            if bill is not None and bill.state == BillState.OPEN:
                self._ask(connection, ASSIGN_ACT, (payment_id, bill_no, amount), at, approved_by)
            (status,) = posting.pay(
                connection, self.ledger, self._rates, [payment], eligibility=self._eligibility, source=SUSPENSE
            )
            if status is PaymentStatus.PAID:
                left = sa.update(_LEFT).where(_LEFT.c.payment_id == payment_id)
                connection.execute(left.values(left_fen=row.left_fen - amount))
                release(connection, bill_no, AskState.PAID, "挂账转入")
            return status

    def give_back(self, payment_id: str, *, at: datetime, approved_by: Iterable[Signer] = ()) -> int:
        """Give what is left of money in suspense back through the bank; returns fen, 0 if nothing was left.

        Raises:
            InvalidValue: nothing of that id is or was in suspense, or it came later than ``at``.
            ApprovalRefused: not two officers approve the act :data:`GIVE_BACK_ACT`.
        """
        with self.store.begin() as connection:
            lock_for_posting(connection)
            row, bank = _held(connection, payment_id, at)
            fen = int(row.left_fen)
            if not fen:
                return 0
            self._ask(connection, GIVE_BACK_ACT, (payment_id, fen), at, approved_by)
            target = posting.source_of(Channel.AGENT_BANK, bank)[0]
            move = Transfer(f"premium-back:{payment_id}", SUSPENSE, target, fen, "premium.back", timestamp(at))
            self.ledger.post(move, connection)
            connection.execute(sa.update(_LEFT).where(_LEFT.c.payment_id == payment_id).values(left_fen=0))
            if row.bill_no:
                release(connection, row.bill_no, AskState.NOT_PAID, "挂账退回")
            return fen

    def confirm_unpaid(
        self, batch_no: str, seqs: Sequence[int], *, at: datetime, approved_by: Iterable[Signer] = ()
    ) -> int:
        """The bank has confirmed that it collected nothing for UNKNOWN lines: they may be sent again. Returns how many.

        Lines whose money lies in suspense stay: give it back first.

        Raises:
            ApprovalRefused: not two officers approve the act :data:`UNPAID_ACT`.
        """
        unknown = sa.and_(_LINE.c.batch_no == batch_no, _LINE.c.state == int(AskState.UNKNOWN))
        with self.store.begin() as connection:
            lock_for_posting(connection)
            waiting = set(connection.execute(sa.select(_LINE.c.seq).where(unknown)).scalars())
            found = sorted(waiting.intersection(seqs))
            if found:
                self._ask(connection, UNPAID_ACT, (batch_no, *found), at, approved_by)
            rows = [(int(AskState.NOT_PAID), "银行确认未扣款", batch_no, seq) for seq in found]
            update_many(connection, _LINE, ("state", "reason"), ("batch_no", "seq"), rows)
        return len(found)

    def _ask(
        self,
        connection: sa.Connection,
        kind: str,
        content: tuple[object, ...],
        at: datetime,
        approved_by: Iterable[Signer],
    ) -> None:
        act = Act.of(kind, str(content[0]), content, at.date())
        require(connection, self._officers, act, approved_by, needed=OFFICERS)

    def _unanswered(self, bank: str, period: str) -> Sequence[Any]:
        mine = sa.select(_BATCH).where(_BATCH.c.bank == bank, _BATCH.c.period == period)
        with self.store.begin() as connection:
            return connection.execute(mine.where(_BATCH.c.answer_sha256.is_(None)).order_by(_BATCH.c.batch_no)).all()

    def _write(self, batch: Any, out_dir: Path) -> Path:
        joined = sa.select(_LINE.c.seq, _LINE.c.account_no, _BILL).join(_BILL, _BILL.c.bill_no == _LINE.c.bill_no)
        with self.store.begin() as connection:
            rows = connection.execute(joined.where(_LINE.c.batch_no == batch.batch_no).order_by(_LINE.c.seq)).all()
        sums = {"lines": batch.lines, "total_fen": batch.total_fen}
        day = batch.sent_on.replace("-", "")
        head = {"batch_no": batch.batch_no, "bank": batch.bank, "period": batch.period, "date": day, **sums}
        path = _path(batch, out_dir)
        lines = (
            (str(row.seq), row.bill_no, row.name, row.id_number, row.account_no, str(row.amount_fen),
             row.due_on.replace("-", ""), row.insurance)
            for row in rows
        )  # fmt: skip
        bankfile.write(path, BILLS, head, lines, sums)
        return path

    def _judge(
        self, connection: sa.Connection, batch: Any, lines: Sequence[Said], asked: Mapping[str, Asked], on: date
    ) -> Verdict:
        batch_no, bank = batch.batch_no, batch.bank
        strange = [one.bill_no for one in lines if one.bill_no not in asked]
        known = {row.bill_no for row in posting.find(connection, _BILL, "bill_no", strange)}
        statuses = before_books(lines, asked, known, (date.fromisoformat(batch.sent_on), on))
        payments = [
            Payment(
                f"{batch_no}:{one.line}", one.bill_no, asked[one.bill_no].amount_fen, Channel.AGENT_BANK, bank, one.at
            )
            for one in lines
            if one.at and statuses[one.line] in (LineStatus.PAID, LineStatus.OVERPAID)
        ]
        taken = posting.pay(connection, self.ledger, self._rates, payments, eligibility=self._eligibility)
        for payment, status in zip(payments, taken, strict=True):
            if status is not PaymentStatus.PAID:
                line = int(payment.payment_id.rpartition(":")[2])
                statuses[line] = _OF.get(status, LineStatus.ALREADY_PAID)
        verdict = Verdict(statuses)
        for one in lines:
            settle(verdict, f"{batch_no}:{one.line}", one, asked.get(one.bill_no))
        return verdict

    def _suspend(
        self, connection: sa.Connection, path: Path, place: tuple[str, str, date], rows: Iterable[tuple[Any, ...]]
    ) -> None:
        batch_no, bank, on = place
        rows = list(rows)
        if not rows:
            return
        source, kind = posting.source_of(Channel.AGENT_BANK, bank)
        self.ledger.open_accounts([(SUSPENSE, AccountKind.SUSPENSE), (source, kind)], connection=connection)
        moves = [
            Transfer(f"premium-suspense:{row[0]}", source, SUSPENSE, row[-1], "premium.suspense", timestamp(on))
            for row in rows
        ]
        if any(status is not TransferStatus.POSTED for status in self.ledger.post_many(moves, connection)):
            raise CollectionRefused(path, "books")
        columns = ("payment_id", "batch_no", "line", "bill_no", "status", "amount_fen", "left_fen")
        kept = [(name, batch_no, line, bill, int(status), fen, fen) for name, line, bill, status, fen in rows]
        insert_many(connection, _LEFT, columns, kept)


def _path(batch: Any, out_dir: Path) -> Path:
    return out_dir / f"PREMREQ_{batch.batch_no}.txt"


def _batch(connection: sa.Connection, file: bankfile.BankFile, path: Path) -> Any:
    batch_no = file.header["batch_no"]
    row = next(iter(posting.find(connection, _BATCH, "batch_no", [batch_no])), None)
    if row is None:
        raise CollectionRefused(path, "batch")
    if row.bank != file.header["bank"]:
        raise CollectionRefused(path, "bank", batch=batch_no, bank=row.bank)
    return row


def _held(connection: sa.Connection, payment_id: str, at: datetime) -> tuple[Any, str]:
    row = next(iter(posting.find(connection, _LEFT, "payment_id", [payment_id])), None)
    if row is None:
        raise InvalidValue(message("premiums.not_in_suspense"), step="premiums.suspense", term="挂账")
    of_batch = sa.select(_BATCH.c.bank, _BATCH.c.answered_on).where(_BATCH.c.batch_no == row.batch_no)
    bank, came_on = connection.execute(of_batch).one()
    if timestamp(at)[:10] < came_on:
        what = message("premiums.suspense_order", at=timestamp(at), came_on=came_on)
        raise InvalidValue(what, step="premiums.suspense", term="挂账")
    return row, bank
