"""The payout engine: a roll drafted, approved, shown, released, answered, paid again, closed (待遇代发).

Every step is one transaction, or one per batch; called again it goes on where it stopped, or changes nothing.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path

from sbcard_core.eligibility import DEFAULT_RULES, Purpose, Rule
from sbcard_core.errors import InvalidValue
from sbcard_core.hosts.layouts import PAID_CODE
from sbcard_core.ledger import Ledger
from sbcard_core.messages import message
from sbcard_core.officers import Officers, Signer
from sbcard_core.payout import (
    approval,
    arrears,
    batches,
    checks,
    confirm,
    deaths,
    draft,
    lines,
    people,
    programmes,
    recovery,
    release,
    repay,
    results,
    returns,
    rolls,
    status,
)
from sbcard_core.payout.acts import Approved
from sbcard_core.payout.checks import day
from sbcard_core.payout.draft import RefusedLine
from sbcard_core.payout.programmes import PROGRAMMES, Exclusion, Programme
from sbcard_core.payout.rolls import Roll
from sbcard_core.payout.states import RETURN_CODES, LineState, RecoveryMode, RecoverySource
from sbcard_core.store import Store

MAX_LINES = 5000
"""Lines per batch; assumed, a bank's own limit may be lower."""
Signers = Iterable[Signer]
"""The officers who approve an act."""
Which = Iterable[tuple[str, int]]
"""Sent lines, by batch and number."""


class PayoutEngine:
    """Pays programmes to the accounts behind issued cards.

    Args:
        store: the database.
        ledger: the books of the same database.
        max_lines: most lines per bank file.
        catalogue: the programmes there are; those handed to a call join them.
        exclusions: which programmes exclude each other in one period; none by default, the rules are local.
        itemised: post every paid line as a transfer of its own, not one per answer.
        return_codes: codes by which the banks say that a line is not paid, with the reason a clerk reads; a line with
            any other code but ``00`` stays unknown.
        officers: the registered officers, who draft and approve.
        eligibility: the rules of the place; that for credits says which accounts are paid.
        progress: told how far long steps have come.
    """

    def __init__(
        self,
        store: Store,
        ledger: Ledger,
        *,
        max_lines: int = MAX_LINES,
        catalogue: Iterable[Programme] = tuple(PROGRAMMES.values()),
        exclusions: Sequence[Exclusion] = (),
        itemised: bool = False,
        return_codes: Mapping[str, str] = RETURN_CODES,
        officers: Officers | None = None,
        eligibility: Mapping[Purpose, Rule] = DEFAULT_RULES,
        progress: Callable[[lines.Progress], None] | None = None,
    ) -> None:
        if max_lines < 1:
            raise InvalidValue(message("payout.max_lines"), step="payout", term="代发批次")
        if PAID_CODE in return_codes:
            raise InvalidValue(message("payout.paid_code", code=PAID_CODE), step="payout", term="退票代码")
        credit = eligibility[Purpose.CREDIT]
        self._books = lines.Books(store, ledger, progress, itemised, return_codes, officers or Officers(), credit)
        self._max_lines = max_lines
        self._known = {programme.code: programme for programme in catalogue}
        self._exclusions = tuple(exclusions)

    def draft(
        self,
        programme: Programme | str,
        period: str,
        roll_lines: Iterable[lines.RollLine],
        *,
        on: date,
        by: str = "",
        pay_on: date | None = None,
    ) -> Roll:
        """Take in a roll and match each line; who does not match is a finding and is not on it.

        Refused lines are findings (stage ``payout``, source ``<programme>:<period>``, codes of
        :data:`sbcard_core.payout.draft.REASONS`). The same lines handed in again are the same roll.

        Args:
            programme: a programme or its code in the catalogue.
            period: a year ``"2014"``, a half-year ``"2014-H1"``, a quarter ``"2014-Q3"`` or a month ``"2014-07"``.
            roll_lines: any number of lines; they are streamed.
            on: the day of drafting.
            by: id of the officer who drafts it, who is not one of its approvers; needed by programmes with approvals.
            pay_on: day of payment; by default the programme's own in the last month of the period, moved earlier over
                holidays; ``on`` where it has none, or that has gone by.

        Raises:
            InvalidValue: unknown programme, a period that is none, or ``on`` no day.
            ApprovalRefused: ``officer``: the programme has approvals, and the drafter is not registered.
            UnknownYear: the holidays around the day of payment are not known; hand in ``pay_on``.
        """
        found = self.programme(programme)
        period, on = checks.period(period), day(on)
        if found.approvals:
            self._books.officers.of(by)  # else who drafted it could be one who approves it
        if pay_on is None:
            pay_on = programmes.pay_day(found, period) if found.pay_day else on
        day(pay_on, "pay_on")
        order = draft.Draft(found, period, roll_lines, on, by or "draft", max(pay_on, on), self._exclusions)
        return draft.draft(self._books, order)

    def approve(self, roll_no: str, signer: Signer, digest: str, *, on: date) -> Roll:
        """One officer approves what the digest stands for; see :func:`sbcard_core.payout.approval.approve`."""
        return approval.approve(self._books, self._of(roll_no), roll_no, signer, digest, day(on))

    def notice(self, roll_no: str, *, on: date, until: date | None = None) -> Roll:
        """Begin the public notice; see :func:`sbcard_core.payout.approval.notice`."""
        end = until if until is None else day(until, "until")
        return approval.notice(self._books, self._of(roll_no), roll_no, day(on), end)

    def notice_lines(self, roll_no: str) -> Iterator[approval.NoticeLine]:
        """What the public sees: area, name, masked number, amount."""
        return approval.notice_lines(self._books, roll_no)

    def object(self, roll_no: str, line: int, *, by: str, reason: str, on: date) -> Roll:
        """Uphold an objection; see :func:`sbcard_core.payout.approval.objection`."""
        return approval.objection(self._books, self._of(roll_no), roll_no, line, by, reason, day(on))

    def remove(self, roll_no: str, roll_line_numbers: Collection[int], *, reason: str) -> Roll:
        """Take lines out before release; see :func:`sbcard_core.payout.approval.remove`."""
        return approval.remove(self._books, self._of(roll_no), roll_no, roll_line_numbers, reason)

    def stale(self, roll_no: str) -> list[tuple[int, str]]:
        """Lines of a roll not yet released whose card, account or life changed since it was drafted: line, reason.

        The reasons are ``card``, ``account`` and ``living``. A roll that is being released, or was, has none.
        """
        return approval.stale(self._books, self._of(roll_no), roll_no)

    def withdraw(self, roll_no: str, *, on: date | None = None) -> Roll:
        """Give up what of a roll is not at a bank yet; see :func:`sbcard_core.payout.approval.withdraw`."""
        return approval.withdraw(self._books, self._of(roll_no), roll_no, on if on is None else day(on))

    def release(self, roll_no: str, *, on: date, out_dir: Path) -> list[str]:
        """Check and block the roll's money, then write its bank files; see :mod:`sbcard_core.payout.release`."""
        order = release.Release(self._of(roll_no), roll_no, day(on), out_dir, self._max_lines)
        return release.release(self._books, order)

    def write_again(self, batch_no: str, out_dir: Path) -> Path:
        """Write a batch's request file again, the same bytes, where a bank did not get it; nothing else changes."""
        with self._books.store.begin() as connection:
            there = batches.find(connection, batch_no)
            programme = self.programme(there.programme)
            heading = batches.Heading(programme, there.period, there.round, there.sent_on, out_dir)
            return batches.hand_over(batches.stage(connection, heading, there.bank, batch_no))

    def close(self, roll_no: str, *, on: date) -> Roll:
        """Close a roll of which nothing is outstanding; see :func:`sbcard_core.payout.status.close`."""
        return status.close(self._books, roll_no, day(on))

    def status(self, roll_no: str) -> status.RollStatus:
        """Where the money of a roll is."""
        return status.status(self._books, roll_no)

    def check(self, roll_no: str) -> list[str]:
        """In what lines, batches and ledger disagree: nothing, in sound books."""
        return status.check(self._books, roll_no)

    def rolls(self, programme: Programme | str, period: str) -> list[Roll]:
        """Every roll of one programme and period."""
        with self._books.store.begin() as connection:
            return rolls.of_run(connection, self.programme(programme).code, checks.period(period))

    def refused(self, roll_no: str) -> list[RefusedLine]:
        """The lines a roll did not take on: number, masked social security number, code and what a clerk reads."""
        with self._books.store.begin() as connection:
            return draft.refused(connection, rolls.load(connection, roll_no))

    def batches_of(self, roll_no: str) -> list[str]:
        """The batches a roll was first sent in; its file is ``PAYREQ_<batch>.txt``."""
        with self._books.store.begin() as connection:
            return rolls.batches(connection, rolls.load(connection, roll_no).roll_id)

    def read_result(self, path: Path, *, on: date) -> results.PayoutResultReport:
        """Take in one answer: a result file, or a confirmation of unknown lines.

        See :func:`sbcard_core.payout.results.read_result` and
        :func:`sbcard_core.payout.confirm.read_confirmation`.
        """
        return confirm.read_answer(self._books, path, on=day(on))

    def inquire(self, programme: Programme | str, period: str, *, on: date, out_dir: Path) -> list[Path]:
        """Ask the banks about lines without a clear answer: one file ``PAYINQ_<batch>.txt`` per batch."""
        return confirm.inquire(self._books, self.programme(programme).code, checks.period(period), day(on), out_dir)

    def repay_returned(
        self,
        programme: Programme | str,
        period: str,
        *,
        on: date,
        out_dir: Path,
        corrections: Mapping[str, repay.Account | str] | None = None,
        only: Collection[str] | None = None,
        approved_by: Signers = (),
    ) -> list[str]:
        """Send the returned lines of one programme and period again; see :func:`sbcard_core.payout.repay.repay`."""
        found = self.programme(programme)
        order = repay.Repayment(
            found, checks.period(period), day(on), out_dir, corrections or {}, only, tuple(approved_by)
        )
        return repay.repay(self._books, order, self._max_lines)

    def returned(self, programme: Programme | str, period: str) -> list[returns.ReturnedLine]:
        """The returned lines that wait to be paid again or given up."""
        return returns.returned(self._books, self.programme(programme), checks.period(period))

    def cancel_returned(self, programme: Programme | str, which: Which, *, on: date, approved_by: Signers = ()) -> int:
        """Give up returned lines (batch, number); their money goes back to the fund."""
        found, approved = self.programme(programme), Approved(on, approved_by)
        return returns.change(self._books, found, which, LineState.CANCELLED, approved)

    def reinstate_returned(
        self, programme: Programme | str, which: Which, *, on: date, approved_by: Signers = ()
    ) -> int:
        """Make given-up lines (batch, number) payable again; their money is taken from the fund."""
        found, approved = self.programme(programme), Approved(on, approved_by)
        return returns.change(self._books, found, which, LineState.RETURNED, approved)

    def tell(self, standings: Iterable[people.Standing], *, on: date, approved_by: Signers = ()) -> int:
        """Hand in what the registry does not know of people; see :func:`sbcard_core.payout.people.tell`."""
        return people.tell(self._books, self._known, standings, Approved(on, approved_by))

    def suspend(
        self,
        programme: Programme | str,
        id_number: str,
        *,
        since: str,
        reason: str,
        on: date,
        approved_by: Signers = (),
    ) -> int:
        """Stop paying a person from a period on; see :func:`sbcard_core.payout.people.suspend`."""
        found, begin, approved = self.programme(programme), checks.period(since, "since"), Approved(on, approved_by)
        return people.suspend(self._books, found, id_number, begin, reason, approved)

    def resume(
        self, programme: Programme | str, id_number: str, *, since: str, on: date, approved_by: Signers = ()
    ) -> int:
        """Pay a person again from a period on; what was held is then in :meth:`held`."""
        found, begin, approved = self.programme(programme), checks.period(since, "since"), Approved(on, approved_by)
        return people.resume(self._books, found, id_number, begin, approved)

    def held(self, programme: Programme | str, id_number: str | None = None) -> Iterator[lines.RollLine]:
        """Back payments that are due, as lines for the next roll; see :func:`sbcard_core.payout.arrears.held`."""
        return arrears.held(
            self._books, self.programme(programme), None if id_number is None else people.number_of(id_number)
        )

    def payments(self, id_number: str) -> list[people.Payment]:
        """Every line sent to a bank for a person, by which a recovery names the one that was too much."""
        return people.payments(self._books, id_number)

    def death(
        self, id_number: str, died_on: date, *, on: date, decision: str = "", approved_by: Signers = ()
    ) -> deaths.DeathReport:
        """A person died, or on another day than was reported; see :func:`sbcard_core.payout.deaths.report`."""
        return deaths.report(self._books, self._known, id_number, died_on, decision, Approved(on, approved_by))

    def withdraw_death(
        self, id_number: str, *, decision: str, on: date, approved_by: Signers = ()
    ) -> deaths.DeathReport:
        """The reported death was a mistake; see :func:`sbcard_core.payout.deaths.withdraw`."""
        return deaths.withdraw(self._books, self._known, id_number, decision, Approved(on, approved_by))

    def recover(
        self,
        recovery_id: str,
        paid: tuple[str, int],
        amount_fen: int,
        *,
        mode: RecoveryMode,
        monthly_fen: int = 0,
        reason: str,
        on: date,
        approved_by: Signers = (),
    ) -> str:
        """Begin to get back part or all of a paid line (batch, number): kept back later, or through the bank."""
        if mode not in tuple(RecoveryMode):
            raise InvalidValue(message("payout.mode"), step="payout.recover", term="追回方式")
        order = recovery.Recovery(recovery_id, *paid, amount_fen, RecoveryMode(mode), monthly_fen, reason, day(on))
        return recovery.recover(self._books, self.programme, order, approved_by)

    def receive(
        self,
        programme: Programme | str,
        recovery_id: str,
        amount_fen: int,
        *,
        reference: str,
        on: date,
        source: RecoverySource = RecoverySource.BANK,
        decision: str = "",
    ) -> int:
        """Book money that came in for a recovery; see :func:`sbcard_core.payout.recovery.receive`."""
        receipt = recovery.Receipt(recovery_id, amount_fen, reference, day(on), RecoverySource(source), decision)
        return recovery.receive(self._books, self.programme(programme), receipt)

    def withdraw_recovery(
        self,
        programme: Programme | str,
        recovery_id: str,
        *,
        decision: str,
        on: date,
        approved_by: Signers = (),
    ) -> None:
        """Withdraw a recovery by a decision; see :func:`sbcard_core.payout.recovery.withdraw`."""
        found, approved = self.programme(programme), Approved(on, approved_by)
        recovery.withdraw(self._books, found, recovery_id, decision, approved)

    def recoveries(self, programme: Programme | str) -> list[recovery.RecoveryStatus]:
        """Every recovery of a programme, with what is still out."""
        return recovery.recoveries(self._books, self.programme(programme))

    def still_out(self, recovery_id: str) -> int:
        """What of a recovery has not come back yet, in fen."""
        return recovery.outstanding(self._books, recovery_id)

    def pay(
        self,
        programme: Programme | str,
        period: str,
        roll_lines: Iterable[lines.RollLine],
        *,
        on: date,
        out_dir: Path,
        approved_by: Signers = (),
        by: str = "",
        notice_over: bool = False,
    ) -> list[str]:
        """Draft and release one roll at once: files ``PAYREQ_<batch>.txt``, one per bank and ``max_lines`` lines.

        ``by`` drafts it, ``approved_by`` approve it on the spot, and ``notice_over`` says that the public notice has
        been elsewhere. The fund must hold the whole sum. The same roll again pays nothing; one that a crash broke off
        goes on.

        Returns:
            The numbers of the batches made by this call.

        Raises:
            InvalidValue: unknown programme, a period that is none, or ``on`` no day.
            ApprovalRefused: an officer is not registered, or an approval not proved.
            RollRefused: an approval or the notice is missing.
            FundsShort: the fund does not hold the sum; the roll stays, and is released once there is money.
        """
        found = self.programme(programme)
        roll = self.draft(found, period, roll_lines, on=on, by=by, pay_on=on)
        for signer in approved_by:
            roll = approval.approve(self._books, found, roll.roll_no, signer, roll.digest, on)
        order = release.Release(found, roll.roll_no, on, out_dir, self._max_lines, notice_over)
        return release.release(self._books, order)

    def programme(self, programme: Programme | str) -> Programme:
        """A programme by its code in this engine's catalogue, or itself.

        Raises:
            InvalidValue: not in the catalogue, or another one has its code.
        """
        if isinstance(programme, str) and programme in self._known:
            return self._known[programme]
        found = programmes.find(programme)
        if self._known.setdefault(found.code, found) != found:  # it could do without officers, or pay elsewhere
            what = message("payout.programme.other", programme=found.code)
            raise InvalidValue(what, step="payout.programmes", term="代发项目")
        return found

    def _of(self, roll_no: str) -> Programme:
        with self._books.store.begin() as connection:
            return self.programme(rolls.load(connection, roll_no).programme)
