"""From a bill to its split, in memory: the tables of the day and place, the person's year, the accounts."""

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Final, NamedTuple

from sbcard_core.errors import InvalidValue
from sbcard_core.medical.bill import Bill, person_number
from sbcard_core.medical.catalogue import CATALOGUE_STEP, Catalogue, Charge, TotalsDisagree, UnknownItem, refused
from sbcard_core.medical.faults import at_field, check
from sbcard_core.medical.lines import FeeLine
from sbcard_core.medical.policy import NoPolicy, NotCovered, Policy, YearSpan
from sbcard_core.medical.policy_book import PolicyBook
from sbcard_core.medical.split import Split, split
from sbcard_core.medical.status import SettleStatus
from sbcard_core.medical.visit import Accumulators, Visit
from sbcard_core.medical.years import Key, Years
from sbcard_core.messages import message


class SpansYears(InvalidValue):
    """The visit runs over two years, and the policy refuses that."""


class Prepared(NamedTuple):
    """A bill with its lines graded, its policy and the year and bucket it counts in."""

    bill: Bill
    policy: Policy
    lines: Sequence[FeeLine]
    key: Key


class Assessed(NamedTuple):
    """A split and what it was made of."""

    prepared: Prepared
    visit: Visit
    before: Accumulators
    split: Split


_STATUS: Final[tuple[tuple[type[Exception], SettleStatus], ...]] = (
    (NoPolicy, SettleStatus.NO_POLICY),
    (NotCovered, SettleStatus.NOT_COVERED),
    (UnknownItem, SettleStatus.UNKNOWN_ITEM),
    (TotalsDisagree, SettleStatus.TOTALS_DISAGREE),
    (SpansYears, SettleStatus.SPANS_YEARS),
)


@contextmanager
def collection_paused() -> Iterator[None]:
    """Keep Python's search for reference cycles from running while a batch is made.

    A batch makes many small objects and not one cycle; the search would walk over all of them, and over all the
    caller holds, again and again, for as long as the work itself takes. When two threads are in here the first to
    leave may start it again early: nothing but time is lost, and it is never left off.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def status_of(error: InvalidValue) -> SettleStatus:
    """The status of a bill refused with this error."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), SettleStatus.MALFORMED)


class Assessor:
    """Splits bills by the tables it was given.

    Args:
        policies: the insured places' tables.
        catalogues: the places of treatment's catalogues; needed for charges that are not graded yet.

    Raises:
        PolicyRefused: tables that contradict each other.
        CatalogueRefused: two catalogues of one region.
    """

    def __init__(self, policies: Iterable[Policy], catalogues: Iterable[Catalogue] = ()) -> None:
        self.book = PolicyBook(policies)
        self._found: dict[tuple[str, str, str], Policy] = {}
        self._catalogues: dict[str, Catalogue] = {}
        for catalogue in catalogues:
            if self._catalogues.setdefault(catalogue.region, catalogue) is not catalogue:
                raise refused("region_twice", region=repr(catalogue.region))

    def prepare(self, bill: Bill) -> Prepared:
        """Find the tables of a bill, grade its lines.

        Raises:
            InvalidValue: one of its kinds for each status.
        """
        check(bill)
        if (number := person_number(bill.psn_no)) != bill.psn_no:
            bill = replace(bill, psn_no=number)
        if bill.groups and (unknown := bill.groups - self.book.groups):
            names, known = ", ".join(sorted(unknown)), ", ".join(sorted(self.book.groups))
            fault = at_field("medical.bill.group_unknown", "groups", found=names, allowed=known)
            raise NotCovered(fault, step="Bill", term="人员身份")
        policy, year = self._policy(bill)
        benefit = policy.plan(bill.kind, bill.level, bill.remote).benefit
        lines = self._graded(bill) if Charge in map(type, bill.lines) else bill.lines
        for at, line in enumerate(lines, start=1):
            if not line.agrees():  # type: ignore[union-attr]
                fault = message("medical.line.product", line=at, fen=line.det_item_fee_sumamt)
                raise TotalsDisagree(fault, step="Bill", term="费用明细")
        if bill.medfee_sumamt is not None:
            total = sum(line.det_item_fee_sumamt for line in lines)
            if bill.medfee_sumamt != total:
                fault = at_field("medical.bill.total", "medfee_sumamt", found=bill.medfee_sumamt, total=total)
                raise TotalsDisagree(fault, step="Bill", term="费用合计")
        key = (bill.psn_no, bill.insutype, year, benefit.bucket)
        return Prepared(bill, policy, lines, key)  # type: ignore[arg-type]

    def _policy(self, bill: Bill) -> tuple[Policy, int]:
        begins, ends = bill.first_day, bill.last_day
        policy = self._find(bill.insutype, ends, bill.insuplc_admdvs)
        if begins[:4] == ends[:4] or policy.year_span is YearSpan.END:
            return policy, int(ends[:4])
        if policy.year_span is YearSpan.BEGIN:
            return self._find(bill.insutype, begins, bill.insuplc_admdvs), int(begins[:4])
        raise SpansYears(message("medical.bill.two_years"), step="Bill", term="跨年结算")

    def _find(self, insutype: str, day: str, region: str) -> Policy:
        key = (insutype, day, region)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = self.book.find(insutype, date.fromisoformat(day), region)
        return found

    def _graded(self, bill: Bill) -> list[FeeLine]:
        region = bill.mdtrtarea_admvs or bill.insuplc_admdvs
        catalogue = self._catalogues.get(region) or self._catalogues.get("")
        if catalogue is None:
            raise UnknownItem(
                message("medical.no_catalogue", region=repr(region)), step=CATALOGUE_STEP, term="医保目录"
            )
        last = date.fromisoformat(bill.last_day)
        lines: list[FeeLine] = []
        try:
            for x in bill.lines:
                lines.append(catalogue.grade(x, last, bill.level) if isinstance(x, Charge) else x)
        except InvalidValue as error:
            what = message("medical.line.number", line=len(lines) + 1, fault=error.message)
            raise type(error)(what, step=error.step, term=error.term) from None
        return lines

    @staticmethod
    def assess(prepared: Prepared, years: Years, account_fen: int = 0, family_fen: int = 0) -> Assessed:
        """Split a prepared bill after the person's year so far; ``years`` is not changed.

        Raises:
            InvalidValue: too large, nothing charged, or the accounts are negative.
        """
        visit = prepared.bill.visit(account_fen, family_fen)
        before = years.of(prepared.key)
        result = split(prepared.lines, prepared.policy, before, visit)
        if not result.medfee_sumamt:
            raise InvalidValue(message("medical.bill.nothing"), step="Bill", term="费用合计")
        return Assessed(prepared, visit, before, result)

    def assess_many(self, bills: Iterable[Bill], years: Years) -> list[Assessed | SettleStatus]:
        """Split bills one after the other, each after those before it, with no account: no database takes part.

        A bill that cannot be split gives its status, and changes nothing.

        Example:
            >>> from sbcard_core.medical import FeeLine, Grade, VisitKind, samples
            >>> bill = Bill("H43010000001201407310900000001", "P1", "resident", "2014-07-31T09:00:00",
            ...     (FeeLine("住院费", Grade.A, 100_005),), VisitKind.INPATIENT, "1")
            >>> [one.split.act_pay_dedc for one in Assessor(samples()).assess_many([bill, bill], Years())]
            [20000, 10000]
        """
        with collection_paused():
            return [self._assess(bill, years) for bill in bills]

    def _assess(self, bill: Bill, years: Years) -> Assessed | SettleStatus:
        try:
            assessed = self.assess(self.prepare(bill), years)
        except InvalidValue as error:
            return status_of(error)
        years.add(assessed.prepared.key, assessed.split.added)
        return assessed
