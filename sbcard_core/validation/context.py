"""What the rules know besides the values of a record."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache

from sbcard_core.fields import region
from sbcard_core.validation.repair import FORM_AT_ONCE, RepairPolicy


@lru_cache(maxsize=4)
def _days(first: date, last: date) -> frozenset[str]:
    return frozenset(f"{first + timedelta(days=n):%Y%m%d}" for n in range((last - first).days + 1))


@dataclass(frozen=True, slots=True)
class Context:
    """The day of the check, every day before it as YYYYMMDD, and who submitted the file.

    Args:
        on: the day of the check.
        days: all possible past days.
        submitter: six-digit code of the city (xxxx00) or county that sent the file; "" = unknown.
        repairs: which changes of form are made without asking.
        proposals: how many proposals a finding on a wrong number carries at most; 0 = none are sought.
    """

    on: date
    days: frozenset[str] = field(default=frozenset(), repr=False)
    submitter: str = ""
    repairs: RepairPolicy = FORM_AT_ONCE
    proposals: int = 5

    @classmethod
    def of(cls, on: date, repairs: RepairPolicy = FORM_AT_ONCE, proposals: int = 5) -> "Context":
        """The context of a check on one day; days before 1900 are impossible."""
        return cls(on, _days(date(1900, 1, 1), on), repairs=repairs, proposals=proposals)

    @property
    def all_days(self) -> frozenset[str]:
        """Every day of 1900 to 2099: a certificate may end after the check."""
        return _days(date(1900, 1, 1), date(2099, 12, 31))

    @property
    def settled_regions(self) -> bytes:
        """1,000,000 bits: the six-digit codes of a number that the judge never warns of, whatever the birth date.

        A number with any other code must be looked at closer, or forgiven by ``region.forgive``.
        """
        return region.settled_bits(self.on)

    def counties(self, allowed: frozenset[str] | None) -> frozenset[str]:
        """The county codes in force on the day of the check, of the provinces of the codes allowed (None = all)."""
        if allowed is None:
            return region.counties_in(self.on.year)
        return region.counties_in(self.on.year, frozenset(code[:2] for code in allowed))

    def sent_by(self, submitter: str) -> "Context":
        """The same for the file of one submitter."""
        return replace(self, submitter=submitter)

    def __reduce__(self) -> tuple[object, ...]:
        """Send the day, not 40,000 strings, to another process."""
        return _rebuild, (self.on, self.submitter, self.repairs, self.proposals)


def _rebuild(on: date, submitter: str, repairs: RepairPolicy, proposals: int) -> Context:
    return Context.of(on, repairs, proposals).sent_by(submitter)


def years_before(on: date, years: int) -> str:
    """The day ``years`` before as YYYYMMDD, to compare with; of 29 February it may be a day that is none.

    Example:
        >>> years_before(date(2016, 2, 29), 15)
        '20010229'
    """
    return f"{on.year - years:04}{on:%m%d}"
