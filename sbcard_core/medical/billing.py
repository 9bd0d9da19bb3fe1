"""Billing as one object: pre-settle, settle by the bill or by the thousand, cancel, refund, reverse, reconcile."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from sbcard_core.ledger import Balance, Ledger, is_timestamp, lock_for_posting
from sbcard_core.medical.assess import FAULTS, Assessed, Assessor, Prepared, collection_paused, status_of
from sbcard_core.medical.bill import Bill, is_msgid, line_values
from sbcard_core.medical.catalogue import Catalogue
from sbcard_core.medical.policy import Policy
from sbcard_core.medical.records import Row, Settlement, encode, find
from sbcard_core.medical.refund import Refund, refund_in
from sbcard_core.medical.reversal import Reversal, reversed_among, take_back
from sbcard_core.medical.settle import LedgerRefused, cancel, write
from sbcard_core.medical.split import Split
from sbcard_core.medical.status import SettlementRefused, SettleStatus
from sbcard_core.medical.totals import DailyTotal, Detail, daily_totals, details
from sbcard_core.medical.visit import Accumulators
from sbcard_core.medical.years import Key, Years
from sbcard_core.store import Store

CHUNK_BILLS: Final = 2000
"""How many bills of a batch are settled in one transaction."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one bill.

    Attributes:
        status: ``SETTLED`` (or, of a pre-settlement, would be), or why not.
        setl_id: the settlement's number, the bill's msgid.
        split: who pays what; ``None`` if it was refused.
        balc_fen: what the personal account holds afterwards; ``None`` if it was refused or settled earlier.
        detail: of a refusal, in words, without any personal data.
    """

    status: SettleStatus
    setl_id: str
    split: Split | None = None
    balc_fen: int | None = None
    detail: str = ""


class MedicalBilling:
    """Medical billing of an insurance centre over one database.

    Args:
        store: the database.
        ledger: the books over the same database.
        policies: every table, of any region, insurance and day.
        catalogues: of the places of treatment; needed for charges that are not graded yet.

    Raises:
        PolicyRefused: tables that contradict each other.

    Example:
        >>> from sbcard_core.medical import FeeLine, Grade, samples
        >>> with Store.open("sqlite://") as store:
        ...     billing = MedicalBilling(store, Ledger(store), samples())
        ...     bill = Bill("H43010000001201407310900000001", "P1", "employee", "2014-07-31T09:00:00",
        ...         (FeeLine("诊查费", Grade.A, 50_000),), level="1")
        ...     first, again = billing.settle(bill), billing.settle(bill)
        >>> first.status.name, first.split.hifp_pay, first.split.psn_cash_pay, again.status.name
        ('SETTLED', 28000, 22000, 'EXISTS')
    """

    def __init__(
        self, store: Store, ledger: Ledger, policies: Iterable[Policy], *, catalogues: Iterable[Catalogue] = ()
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._assessor = Assessor(policies, catalogues)

    def presettle(self, bill: Bill) -> Outcome:
        """Split a bill as it would be settled now (2206/2303); nothing is kept, nothing moves.

        Raises:
            SettlementRefused: it would be refused; ``status`` says why.
        """
        with self._store.begin() as connection:
            plans = self._plan(connection, [bill], presettle=True)
        outcome = plans[0][0]
        return self._or_raise(outcome)

    def settle(self, bill: Bill) -> Outcome:
        """Settle one bill (2207/2304); the same bill again gets the same answer.

        Raises:
            SettlementRefused: any status but ``SETTLED`` and ``EXISTS``; nothing has moved.
        """
        (outcome,) = self.settle_many([bill])
        return self._or_raise(outcome)

    def settle_many(self, bills: Iterable[Bill]) -> list[Outcome]:
        """Settle bills in order, each after those before it; one outcome each, and none stops the others.

        Bills are settled by the thousand in one transaction; when the call returns all are on the disk. A run that
        broke off is simply started again: what was settled answers ``EXISTS``.
        """
        out: list[Outcome] = []
        for chunk in _chunks(bills):
            try:
                out += self._run(chunk)
            except _GiveUp:  # the books refused something: only that bill must fail, and those after it must not see it
                out += [self._one(bill) for bill in chunk]
        return out

    def cancel(self, setl_id: str, *, msgid: str, at: str, psn_no: str | None = None) -> SettleStatus:
        """Cancel a settlement (2208/2305): the exact negative of what is left of it; the person's year is as before.

        Args:
            setl_id: the settlement.
            msgid: message number of the cancellation.
            at: its business time.
            psn_no: whose settlement it must be; default anyone's.

        Returns:
            ``SETTLED``, or ``EXISTS`` if it was cancelled before.

        Raises:
            SettlementRefused: a malformed message, no such settlement, or it is a cancellation or refund.
            Refused: the ledger refuses; nothing has moved.
        """
        if not is_msgid(msgid):
            raise SettlementRefused(SettleStatus.MALFORMED, setl_id, "msgid")
        return cancel(self._store, self._ledger, setl_id, at=at, cancel_id=msgid, psn_no=psn_no)

    def refund(self, setl_id: str, returned: Mapping[int, Decimal | None], *, msgid: str, at: str) -> Refund:
        """Take lines of a settled bill back (退费): the rest is split anew as on the day, the difference moves.

        Args:
            setl_id: the settlement.
            returned: by line number (from 1) the quantity that came back; ``None`` is all that is left of the line.
            msgid: message number of the refund.
            at: its business time.

        Raises:
            SettlementRefused: no such settlement, it was cancelled, a line or quantity that is not there, or the
                table it was made by is not loaded.
            Refused: the ledger refuses; nothing has moved.
        """
        if not is_msgid(msgid) or not is_timestamp(at):
            raise SettlementRefused(SettleStatus.MALFORMED, setl_id, "msgid or time")
        with self._store.begin() as connection:
            lock_for_posting(connection)
            return refund_in(self._ledger, connection, self._assessor.book, setl_id, returned, refund_id=msgid, at=at)

    def reverse(self, omsgid: str, *, oinfno: str, psn_no: str, msgid: str, at: str) -> Reversal:
        """Take back a settlement whose outcome the sender does not know (2601 冲正).

        If it was settled it is cancelled; if it never arrived, it is refused when it does. Sent again: the same answer.

        Raises:
            SettlementRefused: a malformed message, a trade that is no settlement, another person's settlement.
            Refused: the ledger refuses; nothing has moved.
        """
        with self._store.begin() as connection:
            lock_for_posting(connection)
            return take_back(self._ledger, connection, omsgid, oinfno=oinfno, psn_no=psn_no, msgid=msgid, at=at)

    def accumulators(self, psn_no: str, year: int, *, insutype: str) -> dict[str, Accumulators]:
        """The person's year by bucket, as the next visit of that bucket would see it."""
        with self._store.begin() as connection:
            years = Years().load(connection, [psn_no]).buckets()
        return {key[3]: found for key, found in years.items() if key[:3] == (psn_no, insutype, year)}

    def settlement(self, setl_id: str) -> Split | None:
        """A settlement, cancellation or refund as it was made, with its trace; ``None`` if there is none."""
        with self._store.begin() as connection:
            row = find(connection, [setl_id]).get(setl_id)
        return row.split if row else None

    def daily_totals(
        self, begins: str, ends: str, *, hospital: str | None = None, refunds: bool = True
    ) -> list[DailyTotal]:
        """Totals of the days ``begins`` to ``ends`` for 3201, by insutype, clr_type and setl_optins."""
        with self._store.begin() as connection:
            return daily_totals(connection, begins, ends, hospital=hospital, refunds=refunds)

    def details(self, begins: str, ends: str, *, hospital: str | None = None, refunds: bool = True) -> list[Detail]:
        """The settlements behind those totals, for 3202."""
        with self._store.begin() as connection:
            return details(connection, begins, ends, hospital=hospital, refunds=refunds)

    def _one(self, bill: Bill) -> Outcome:
        try:
            return self._run([bill])[0]
        except _GiveUp as refused:
            return Outcome(refused.status, bill.msgid, detail=str(refused))

    def _run(self, bills: Sequence[Bill]) -> list[Outcome]:
        with self._store.begin() as connection, collection_paused():
            lock_for_posting(connection)
            plans = self._plan(connection, bills, presettle=False)
            settlements = [settlement for _, settlement in plans if settlement is not None]
            if settlements:
                self._write(connection, settlements)
        return [outcome for outcome, _ in plans]

    def _write(self, connection: sa.Connection, settlements: Sequence[Settlement]) -> None:
        try:
            statuses = write(self._ledger, connection, settlements)
        except LedgerRefused as refused:
            raise _GiveUp(refused.status) from None
        for status in statuses:
            if status is not SettleStatus.SETTLED:
                raise _GiveUp(status)

    def _plan(
        self, connection: sa.Connection, bills: Sequence[Bill], *, presettle: bool
    ) -> list[tuple[Outcome, Settlement | None]]:
        """An outcome for each bill if the books take it, and what is to be written for those not refused here."""
        prepared = [self._prepared(bill) for bill in bills]
        good = [one for one in prepared if isinstance(one, Prepared)]
        ids = [one.bill.msgid for one in good]
        there = {} if presettle else find(connection, ids)
        gone = reversed_among(connection, ids)
        desk = _Desk(connection, self._ledger, good, presettle=presettle)
        plans: list[tuple[Outcome, Settlement | None]] = []
        for one in prepared:
            if isinstance(one, Outcome):
                plans.append((one, None))
            elif one.bill.msgid in there:
                plans.append((_again(one.bill, there[one.bill.msgid]), None))
            elif one.bill.msgid in gone:
                plans.append((Outcome(SettleStatus.REVERSED, one.bill.msgid), None))
            else:
                plans.append(desk.assess(one))
        return plans

    def _prepared(self, bill: Bill) -> Prepared | Outcome:
        try:
            return self._assessor.prepare(bill)
        except FAULTS as error:
            return _refused(bill, error)

    @staticmethod
    def _or_raise(outcome: Outcome) -> Outcome:
        if not outcome.status.is_settled:
            raise SettlementRefused(outcome.status, outcome.setl_id, outcome.detail)
        return outcome


class _Desk:
    """Years and balances while a batch is assessed: each bill sees those before it."""

    def __init__(
        self, connection: sa.Connection, ledger: Ledger, prepared: Sequence[Prepared], *, presettle: bool
    ) -> None:
        self._presettle = presettle
        self.years = Years().load(connection, [one.bill.psn_no for one in prepared])
        names = {name for one in prepared for name in (one.bill.personal_account, one.bill.family_account) if name}
        held: dict[str, Balance] = ledger.balances(names, connection) if names else {}
        self._held = {name: max(0, balance.net_fen) for name, balance in held.items()}

    def assess(self, one: Prepared) -> tuple[Outcome, Settlement | None]:
        bill = one.bill
        for name in (bill.personal_account, bill.family_account):
            if name and name not in self._held:
                return Outcome(SettleStatus.UNKNOWN_ACCOUNT, bill.msgid), None
        account = bill.purse.balance_fen if bill.purse else self._held.get(bill.personal_account, 0)
        same = bill.family_account == bill.personal_account
        try:
            assessed = Assessor.assess(one, self.years, account, 0 if same else self._held.get(bill.family_account, 0))
        except FAULTS as error:
            return _refused(bill, error), None
        split, purse = assessed.split, bill.purse
        if purse and not (self._presettle and purse.paid_fen is None) and purse.paid_fen != split.acct_pay:
            detail = f"the card has to pay {split.acct_pay} fen"
            return Outcome(SettleStatus.CARD_PAYMENT_DIFFERS, bill.msgid, detail=detail), None
        self._count(one.key, bill, split)
        outcome = Outcome(SettleStatus.SETTLED, bill.msgid, split, account - split.acct_pay)
        return outcome, None if self._presettle else settlement_of(assessed)

    def _count(self, key: Key, bill: Bill, split: Split) -> None:
        self.years.add(key, split.added)
        if split.acct_pay and not bill.purse:
            self._held[bill.personal_account] -= split.acct_pay
        if split.acct_mulaid_pay:
            self._held[bill.family_account] -= split.acct_mulaid_pay


class _GiveUp(Exception):
    def __init__(self, status: SettleStatus) -> None:
        self.status = status
        super().__init__(f"the books answered {status.name}")


def settlement_of(assessed: Assessed) -> Settlement:
    """What is written of a bill that was split."""
    bill, visit, policy = assessed.prepared.bill, assessed.visit, assessed.prepared.policy
    made_of: dict[str, Any] = {
        "digest": bill.digest(),
        "mdtrt_id": bill.mdtrt_id,
        "policy_digest": policy.digest,
        "lines": [line_values(line) for line in assessed.prepared.lines],
        "visit": [visit.level, sorted(visit.groups), visit.account_fen, visit.use_account, visit.kind],
        "elsewhere": [visit.remote, visit.family_fen],
        "before": assessed.before,
    }
    return Settlement(
        bill.msgid,
        bill.card_no,
        bill.hospital,
        bill.at,
        assessed.split,
        bill.personal_account,
        bill.psn_no,
        bill.insutype,
        assessed.prepared.key[2],
        bill.kind.clr_type,
        bill.setl_optins or bill.insuplc_admdvs,
        bill.family_account,
        bill.purse.transfer_id if bill.purse and assessed.split.acct_pay else "",
        encode(made_of),
    )


def _again(bill: Bill, row: Row) -> Outcome:
    if row.reverses is None and row.bill and json.loads(row.bill)["digest"] == bill.digest():
        return Outcome(SettleStatus.EXISTS, bill.msgid, row.split)
    return Outcome(SettleStatus.EXISTS_DIFFERENT, bill.msgid)


def _refused(bill: Bill, error: Exception) -> Outcome:
    return Outcome(status_of(error), getattr(bill, "msgid", ""), detail=getattr(error, "what", "") or "wrong type")


def _chunks(bills: Iterable[Bill]) -> Iterator[list[Bill]]:
    """Batches in which no number stands twice: the second is judged when the first is settled."""
    chunk: list[Bill] = []
    seen: set[object] = set()
    for bill in bills:
        number = getattr(bill, "msgid", None)
        if len(chunk) == CHUNK_BILLS or (isinstance(number, str) and number in seen):
            yield chunk
            chunk, seen = [], set()
        chunk.append(bill)
        seen.add(number if isinstance(number, str) else None)
    if chunk:
        yield chunk
