"""Billing as one object: pre-settle, settle by the bill or by the thousand, cancel, refund, reverse, reconcile."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import MAXYEAR, MINYEAR, date
from decimal import Decimal
from typing import Final, TypeVar

import sqlalchemy as sa

from sbcard_core.eligibility import Eligibility
from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import Ledger, is_id, lock_for_posting
from sbcard_core.medical.assess import Assessor, Prepared, collection_paused
from sbcard_core.medical.bill import Bill, is_msgid, person_number
from sbcard_core.medical.cancel import CANCELLED_CODE, REFUNDED_CODE, Cancellation, cancel, cancel_all
from sbcard_core.medical.catalogue import Catalogue
from sbcard_core.medical.desk import Desk, Outcome, again, refused_outcome
from sbcard_core.medical.eligible import not_eligible
from sbcard_core.medical.faults import at_field, message_fault, returned_fault, shown
from sbcard_core.medical.lines import FeeLine
from sbcard_core.medical.policy import Policy
from sbcard_core.medical.records import Settlement, cancelled_among, find, reversed_among
from sbcard_core.medical.refund import Refund, refund_in
from sbcard_core.medical.reversal import Reversal, take_back
from sbcard_core.medical.settle import LedgerRefused, write_new
from sbcard_core.medical.split import Split
from sbcard_core.medical.status import SettlementRefused, SettleStatus
from sbcard_core.medical.totals import DailyTotal, Detail, daily_totals, details
from sbcard_core.medical.visit import Accumulators
from sbcard_core.medical.years import Years
from sbcard_core.messages import Message, message
from sbcard_core.store import Store

CHUNK_BILLS: Final = 2000
"""How many bills of a batch are settled in one transaction."""
_Item = TypeVar("_Item")


class MedicalBilling:
    """Medical billing of an insurance centre over one database.

    Args:
        store: the database.
        ledger: the books over the same database.
        policies: every table, of any region, insurance and day.
        catalogues: of the places of treatment; needed for charges that are not graded yet.
        eligibility: asked whether person and card may be used on the last day of the visit, in a pre-settlement too.
            ``None``: the caller has asked (``Backend`` asks).

    Raises:
        PolicyRefused: tables that contradict each other.
        SampleRefused: a made-up table for a database that is no sample book.

    Example:
        >>> from sbcard_core.medical import FeeLine, Grade, samples
        >>> with Store.open("sqlite://", sample=True) as store:
        ...     billing = MedicalBilling(store, Ledger(store), samples())
        ...     bill = Bill("H43010000001201407310900000001", "P1", "employee", "2014-07-31T09:00:00",
        ...         (FeeLine("诊查费", Grade.A, 50_000),), level="1")
        ...     first, again = billing.settle(bill), billing.settle(bill)
        >>> first.status.name, first.split.hifp_pay, first.split.psn_cash_pay, again.status.name
        ('SETTLED', 28000, 22000, 'EXISTS')
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        policies: Iterable[Policy],
        *,
        catalogues: Iterable[Catalogue] = (),
        eligibility: Eligibility | None = None,
    ) -> None:
        policies, catalogues = tuple(policies), tuple(catalogues)
        made_up = [f"policy table {one.code}" for one in policies if one.sample]
        store.check_samples([*made_up, *(f"catalogue {one.region!r}" for one in catalogues if one.sample)])
        self._eligibility = eligibility
        self._store = store
        self._ledger = ledger
        self._assessor = Assessor(policies, catalogues)

    def presettle(self, bill: Bill) -> Outcome:
        """Split a bill as it would be settled now (2206/2303); nothing is kept, nothing moves.

        Returns:
            ``PRESETTLED``, or the settlement with ``EXISTS`` if the same bill was settled before.

        Raises:
            SettlementRefused: it would be refused; ``status`` says why.
        """
        with self._store.begin() as connection:
            plans, _ = self._plan(connection, [bill], presettle=True)
        outcome = plans[0][0]
        return self._or_raise(outcome, "medical.presettle")

    def fee_lines(self, bill: Bill) -> tuple[FeeLine, ...]:
        """The bill's lines as the catalogue grades them (2204/2301); nothing is kept.

        Raises:
            SettlementRefused: the bill cannot be; ``status`` says why.
        """
        prepared = self._prepared(bill)
        if isinstance(prepared, Outcome):
            raise SettlementRefused(prepared.status, prepared.setl_id, prepared.detail, step="medical.fee_lines")
        return tuple(prepared.lines)

    def settle(self, bill: Bill) -> Outcome:
        """Settle one bill (2207/2304); the same bill again gets the same answer.

        Raises:
            SettlementRefused: any status but ``SETTLED`` and ``EXISTS``; nothing has moved. ``CANCELLED``: the same
                bill was settled before, and cancelled since.
        """
        (outcome,) = self.settle_many([bill])
        return self._or_raise(outcome)

    def settle_many(self, bills: Iterable[Bill]) -> list[Outcome]:
        """Settle bills in order, each after those before it; one outcome each, and none stops the others.

        Bills are settled by the thousand in one transaction; when the call returns all are on the disk. A run that
        broke off is simply started again: what was settled answers ``EXISTS``.
        """
        with collection_paused():  # of the whole answer, not again for each part of it
            return list(self.settle_each(bills))

    def settle_each(self, bills: Iterable[Bill]) -> Iterator[Outcome]:
        """As ``settle_many``, in flat memory and with its progress to be seen: what comes out is on the disk."""
        for chunk in _chunks(bills, lambda bill: (getattr(bill, "msgid", None),)):
            try:
                done = self._run(chunk)
            except _GiveUp:  # the books refused something: only that bill must fail, and those after it must not see it
                done = [self._one(bill) for bill in chunk]
            yield from done

    def cancel(self, setl_id: str, *, msgid: str, at: str, psn_no: str | None = None) -> SettleStatus:
        """Cancel a settlement (2208/2305): the exact negative of what is left of it; the person's year is as before.

        Args:
            setl_id: the settlement.
            msgid: message number of the cancellation.
            at: its business time, not before the settlement.
            psn_no: whose settlement it must be; default anyone's.

        Returns:
            ``SETTLED``, or ``EXISTS`` if it was cancelled before.

        Raises:
            SettlementRefused: a malformed message, no such settlement, or it is a cancellation or refund.
            Refused: the ledger refuses; nothing has moved.
        """
        if fault := message_fault({"msgid": msgid}, at):
            raise SettlementRefused(SettleStatus.MALFORMED, setl_id, fault, step=CANCELLED_CODE)
        return cancel(self._store, self._ledger, setl_id, at=at, cancel_id=msgid, psn_no=psn_no)

    def cancel_many(self, cancellations: Iterable[Cancellation]) -> list[SettleStatus]:
        """Cancel settlements by the thousand in one transaction; one status each, and none stops the others."""
        out: list[SettleStatus] = []
        for chunk in _chunks(cancellations, lambda one: (getattr(one, "setl_id", None), getattr(one, "msgid", None))):
            try:
                out += self._cancel(chunk)
            except LedgerRefused:
                out += [self._cancel_one(one) for one in chunk]
        return out

    def _cancel(self, chunk: Sequence[Cancellation]) -> list[SettleStatus]:
        named = [isinstance(one, Cancellation) and is_msgid(one.msgid) for one in chunk]
        with self._store.bulk() as connection, collection_paused():
            lock_for_posting(connection)
            done = iter(cancel_all(self._ledger, connection, [c for c, good in zip(chunk, named, strict=True) if good]))
        return [next(done) if good else SettleStatus.MALFORMED for good in named]

    def _cancel_one(self, one: Cancellation) -> SettleStatus:
        try:
            return self._cancel([one])[0]
        except LedgerRefused as refused:
            return refused.status

    def refund(
        self,
        setl_id: str,
        returned: Mapping[int, Decimal | None],
        *,
        msgid: str,
        at: str,
        psn_no: str | None = None,
    ) -> Refund:
        """Take lines of a settled bill back (退费): the rest is split anew as on the day, the difference moves.

        Args:
            setl_id: the settlement.
            returned: by line number (from 1) the quantity that came back; ``None`` is all that is left of the line.
            msgid: message number of the refund.
            at: its business time, not before the settlement.
            psn_no: whose settlement it must be; default anyone's.

        Raises:
            SettlementRefused: no such settlement, it was cancelled, a line or quantity that is not there, or the
                table it was made by is not loaded.
            Refused: the ledger refuses; nothing has moved.
        """
        if fault := message_fault({"msgid": msgid}, at) or returned_fault(returned):
            raise SettlementRefused(SettleStatus.MALFORMED, setl_id, fault, step=REFUNDED_CODE)
        book = self._assessor.book
        with self._store.begin() as connection:
            lock_for_posting(connection)
            return refund_in(self._ledger, connection, book, setl_id, returned, refund_id=msgid, at=at, psn_no=psn_no)

    def reverse(self, omsgid: str, *, oinfno: str, psn_no: str, msgid: str, at: str) -> Reversal:
        """Take back a message whose outcome the sender does not know (2601 冲正).

        A settlement that arrived is cancelled; a cancellation that arrived is undone, and the settlement stands again.
        What never arrived is refused when it does. Sent again: the same answer.

        Args:
            omsgid: the message to take back.
            oinfno: its trade: 2102, 2103, 2207, 2208, 2304, 2305 or 2401.
            psn_no: the insured person.
            msgid: number of this message.
            at: its business time.

        Raises:
            SettlementRefused: a malformed message, another trade, another person's.
            Refused: the ledger refuses; nothing has moved.
        """
        with self._store.begin() as connection:
            lock_for_posting(connection)
            return take_back(self._ledger, connection, omsgid, oinfno=oinfno, psn_no=psn_no, msgid=msgid, at=at)

    def accumulators(self, psn_no: str, year: int, *, insutype: str) -> dict[str, Accumulators]:
        """The person's year by bucket, as the next visit of that bucket would see it; empty: nothing counts in it.

        Args:
            psn_no: the insured person.
            year: such as 2014.
            insutype: an insurance that has a table loaded, or the person has a year in.

        Raises:
            InvalidValue: no number of a person, a year that is none, an insurance nobody knows.
        """
        if not is_id(psn_no):
            raise _asked_wrong(at_field("medical.bill.id", "psn_no"))
        if type(year) is not int or not MINYEAR <= year <= MAXYEAR:
            raise _asked_wrong(message("medical.asked.year", found=shown(year)))
        psn_no = person_number(psn_no)
        with self._store.begin() as connection:
            years = Years().load(connection, [psn_no]).buckets()
        known = self._assessor.book.insutypes
        if insutype not in known and not any(key[1] == insutype for key in years):
            raise _asked_wrong(message("medical.asked.insurance", found=shown(insutype), known=", ".join(known)))
        return {key[3]: found for key, found in years.items() if key[:3] == (psn_no, insutype, year)}

    def settlement(self, setl_id: str) -> Split | None:
        """A settlement, cancellation or refund as it was made, with its trace; ``None`` if there is none."""
        with self._store.begin() as connection:
            row = find(connection, [setl_id]).get(setl_id)
        return row.split if row else None

    def daily_totals(
        self, begins: str | date, ends: str | date, *, hospital: str | None = None, refunds: bool = True
    ) -> list[DailyTotal]:
        """Totals of the days ``begins`` to ``ends`` for 3201, by insutype, clr_type and setl_optins.

        Days are ``date`` or ``YYYY-MM-DD``.

        Raises:
            InvalidValue: not two days in order.
        """
        with self._store.begin() as connection:
            return daily_totals(connection, begins, ends, hospital=hospital, refunds=refunds)

    def details(
        self, begins: str | date, ends: str | date, *, hospital: str | None = None, refunds: bool = True
    ) -> list[Detail]:
        """The settlements behind those totals, for 3202."""
        with self._store.begin() as connection:
            return details(connection, begins, ends, hospital=hospital, refunds=refunds)

    def _one(self, bill: Bill) -> Outcome:
        try:
            return self._run([bill])[0]
        except _GiveUp as refused:
            return Outcome(refused.status, bill.msgid, detail=str(refused))

    def _run(self, bills: Sequence[Bill]) -> list[Outcome]:
        with self._store.bulk() as connection, collection_paused():  # nothing but postings has a reference
            lock_for_posting(connection)
            plans, years = self._plan(connection, bills, presettle=False)
            settlements = [settlement for _, settlement in plans if settlement is not None]
            if settlements:
                self._write(connection, settlements, years)
        return [outcome for outcome, _ in plans]

    def _write(self, connection: sa.Connection, settlements: Sequence[Settlement], years: Years) -> None:
        try:
            statuses = write_new(self._ledger, connection, settlements, years)
        except LedgerRefused as refused:
            raise _GiveUp(refused.status) from None
        for status in statuses:
            if status is not SettleStatus.SETTLED:
                raise _GiveUp(status)

    def _plan(
        self, connection: sa.Connection, bills: Sequence[Bill], *, presettle: bool
    ) -> tuple[list[tuple[Outcome, Settlement | None]], Years]:
        """Each bill's outcome if the books take it, with what is to be written of it, and the years with that in."""
        prepared = [self._prepared(bill) for bill in bills]
        good = [one for one in prepared if isinstance(one, Prepared)]
        ids = [one.bill.msgid for one in good]
        there = find(connection, ids)
        cancelled = cancelled_among(connection, list(there))
        gone = reversed_among(connection, ids)
        new = [one.bill for one in good if one.bill.msgid not in there and one.bill.msgid not in gone]
        kept_out = {} if self._eligibility is None else not_eligible(connection, self._eligibility, new)
        desk = Desk(connection, good, presettle=presettle)
        plans: list[tuple[Outcome, Settlement | None]] = []
        for one in prepared:
            if isinstance(one, Outcome):
                plans.append((one, None))
            elif one.bill.msgid in there:
                plans.append((again(one.bill, there[one.bill.msgid], cancelled.get(one.bill.msgid)), None))
            elif one.bill.msgid in gone:
                plans.append((Outcome(SettleStatus.REVERSED, one.bill.msgid), None))
            elif one.bill.msgid in kept_out:
                plans.append((kept_out[one.bill.msgid], None))
            else:
                plans.append(desk.assess(one))
        return plans, desk.years

    def _prepared(self, bill: Bill) -> Prepared | Outcome:
        try:
            return self._assessor.prepare(bill)
        except InvalidValue as error:
            return refused_outcome(bill, error)

    @staticmethod
    def _or_raise(outcome: Outcome, step: str = "medical.settle") -> Outcome:
        if not (outcome.status.is_settled or outcome.status is SettleStatus.PRESETTLED):
            raise SettlementRefused(outcome.status, outcome.setl_id, outcome.detail, step=step)
        return outcome


class _GiveUp(Exception):
    def __init__(self, status: SettleStatus) -> None:
        self.status = status
        super().__init__(f"the books answered {status.name}")


def _asked_wrong(what: Message) -> InvalidValue:
    return InvalidValue(what, step="medical.accumulators", term="年度累计")


def _chunks(items: Iterable[_Item], numbers_of: Callable[[_Item], tuple[object, ...]]) -> Iterator[list[_Item]]:
    """Batches in which no number stands twice: the second is judged when the first is settled."""
    chunk: list[_Item] = []
    seen: set[object] = set()
    for item in items:
        numbers = [number for number in numbers_of(item) if isinstance(number, str)]
        if len(chunk) == CHUNK_BILLS or not seen.isdisjoint(numbers):
            yield chunk
            chunk, seen = [], set()
        chunk.append(item)
        seen.update(numbers)
    if chunk:
        yield chunk
