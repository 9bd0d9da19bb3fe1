"""Everything that moves money, over one database: books, medical bills, pensions, subsidies, premiums."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from types import TracebackType
from typing import Self

from sbcard_core.eligibility import DEFAULT_RULES, Eligibility, Purpose, Rule
from sbcard_core.ledger import DEFAULT_BOUNDS, AccountKind, Bounds, Ledger
from sbcard_core.medical import Catalogue, MedicalBilling, Policy, sample_catalogue, samples
from sbcard_core.officers import Officers, Signer
from sbcard_core.payout import (
    PROGRAMMES,
    RETURN_CODES,
    DeathReport,
    Exclusion,
    PayoutEngine,
    PensionPayout,
    Programme,
    Progress,
    SubsidyPayout,
)
from sbcard_core.premiums import SAMPLE, UNPAID_CODES, Premiums, Stopped, Tariff
from sbcard_core.store import Store
from sbcard_core.store.rehearsal import rehearse


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a place; every default is assumed, so a real place sets its own.

    ``None`` stands for the bundled sample in a sample book, and for nothing in a real one.

    Args:
        policies: medical policy tables.
        catalogues: drugs, items and their prices, by place of treatment.
        programmes: what is paid out.
        exclusions: programmes that exclude each other.
        return_codes: codes by which the banks say that a line is not paid, with the reason a clerk reads.
        unpaid_codes: codes by which agent banks say that they did not collect a premium, likewise.
        tariff: premiums.
        bounds: how far each kind of account may go.
        eligibility: what each use asks of a person, card and account.
    """

    policies: Sequence[Policy] | None = None
    catalogues: Sequence[Catalogue] | None = None
    programmes: Sequence[Programme] = tuple(PROGRAMMES.values())
    exclusions: Sequence[Exclusion] = ()
    return_codes: Mapping[str, str] = field(default_factory=lambda: RETURN_CODES)
    unpaid_codes: Mapping[str, str] = field(default_factory=lambda: UNPAID_CODES)
    tariff: Tariff | None = None
    bounds: Mapping[AccountKind, Bounds] = field(default_factory=lambda: DEFAULT_BOUNDS)
    eligibility: Mapping[Purpose, Rule] = field(default_factory=lambda: DEFAULT_RULES)


@dataclass(frozen=True, slots=True)
class Death:
    """What a death, its correction or its withdrawal did."""

    payouts: DeathReport
    premiums: Stopped


class Backend:
    """One database and what works on it; each part is made when it is first asked for.

    Args:
        store: the database; closed with the backend.
        rules: the rules of the place.
        officers: the registered officers, whose approvals count.
        progress: told how far long payouts have come.

    Example:
        >>> with Backend.open("sqlite://", sample=True) as backend:
        ...     backend.ledger.open_accounts([("CASH:1", AccountKind.CASH)])
        ...     backend.ledger.totals(), backend.premiums.tariff.sample
        ((0, 0), True)
    """

    def __init__(
        self,
        store: Store,
        *,
        rules: Rules | None = None,
        officers: Officers | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.store = store
        self.officers = Officers() if officers is None else officers
        self.rules = Rules() if rules is None else rules
        self._progress = progress

    @classmethod
    def open(
        cls,
        url: str,
        *,
        rules: Rules | None = None,
        officers: Officers | None = None,
        progress: Callable[[Progress], None] | None = None,
        sample: bool = False,
    ) -> Self:
        """Open the database at ``url`` and make its tables where there are none.

        Args:
            url: ``sqlite:///path/to/file.sqlite``, ``postgresql+psycopg://…``.
            rules: the rules of the place.
            officers: the registered officers, whose approvals count.
            progress: told how far long payouts have come.
            sample: begin a sample book, see ``Store.open``.

        Raises:
            SampleRefused: a sample book is asked for, and the database there is a real one.
            SchemaMismatch: the tables there are of another version.
        """
        return cls(Store.open(url, sample=sample), rules=rules, officers=officers, progress=progress)

    @cached_property
    def ledger(self) -> Ledger:
        """The books (总账)."""
        return Ledger(self.store, bounds=self.rules.bounds)

    @cached_property
    def eligibility(self) -> Eligibility:
        """Whether a card, account or person may be used, by the registry (使用资格)."""
        return Eligibility(self.rules.eligibility)

    @cached_property
    def medical(self) -> MedicalBilling:
        """Medical bills (医疗费用结算)."""
        policies, catalogues = self.rules.policies, self.rules.catalogues
        bundled = self.store.is_sample
        return MedicalBilling(
            self.store,
            self.ledger,
            (samples() if bundled else ()) if policies is None else policies,
            catalogues=((sample_catalogue(),) if bundled else ()) if catalogues is None else catalogues,
            eligibility=self.eligibility,
        )

    @cached_property
    def payout(self) -> PayoutEngine:
        """The engine behind pensions and subsidies (待遇代发)."""
        return PayoutEngine(
            self.store,
            self.ledger,
            catalogue=self.rules.programmes,
            exclusions=self.rules.exclusions,
            return_codes=self.rules.return_codes,
            officers=self.officers,
            eligibility=self.rules.eligibility,
            progress=self._progress,
        )

    @cached_property
    def pension(self) -> PensionPayout:
        """Pensions (养老金)."""
        return PensionPayout(self.payout)

    @cached_property
    def subsidy(self) -> SubsidyPayout:
        """Subsidies (惠民惠农补贴)."""
        return SubsidyPayout(self.payout)

    @cached_property
    def premiums(self) -> Premiums:
        """Premiums (社会保险费)."""
        tariff = self.rules.tariff or (SAMPLE if self.store.is_sample else Tariff("", ()))
        return Premiums(
            *(self.store, self.ledger, tariff),
            eligibility=self.eligibility,
            officers=self.officers,
            unpaid_codes=self.rules.unpaid_codes,
        )

    def death(
        self, id_number: str, died_on: date, *, on: date, decision: str = "", approved_by: Iterable[Signer] = ()
    ) -> "Death":
        """A person died: stop and recover payouts, cancel the premiums of later periods; again, it goes on.

        Another day than was reported before is a correction, and takes the number of its ``decision``; premiums that
        the earlier day had cancelled are owed again.

        Raises:
            InvalidValue: unknown person, or a death after ``on``; nothing is changed.
            ApprovalRefused: fewer officers approve it than a roll of the strictest programme needs.

        Example:
            >>> from datetime import date
            >>> with Backend.open("sqlite://") as backend:
            ...     backend.death("430102198001010011", date(2014, 8, 20), on=date(2014, 9, 1))
            Traceback (most recent call last):
            ...
            sbcard_core.errors.InvalidValue: nobody has this social security number (查无此人) [payout]; ...
        """
        payouts = self.payout.death(id_number, died_on, on=on, decision=decision, approved_by=approved_by)
        return Death(payouts, self.premiums.death(id_number, died_on))

    def withdraw_death(self, id_number: str, *, decision: str, on: date, approved_by: Iterable[Signer] = ()) -> "Death":
        """A reported death was a mistake: what it did to payouts and premiums goes back.

        Raises:
            InvalidValue: unknown person, no death reported, or no number of a decision; nothing is changed.
            ApprovalRefused: fewer officers approve it than a roll of the strictest programme needs.
        """
        payouts = self.payout.withdraw_death(id_number, decision=decision, on=on, approved_by=approved_by)
        return Death(payouts, self.premiums.death(id_number, None))

    @contextmanager
    def rehearsal(self) -> "Iterator[Backend]":
        """A backend on the same data that forgets all it did when the block ends (试运行).

        Files that a step writes are not undone: give it another folder.
        """
        with rehearse(self.store) as trial:
            yield Backend(trial, rules=self.rules, officers=self.officers, progress=self._progress)

    def close(self) -> None:
        """Give back every connection."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
