"""A policy table (医保待遇政策): dated data of one coordinating region, and the plan of one kind of visit made of it.

No trustworthy public table was found, so the bundled ones are samples with
made-up numbers and say so. Which steps there are and in which order is general
practice, assumed. ``policy_file`` reads tables; ``policy_book`` finds the one of a day.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from sbcard_core.errors import InvalidValue
from sbcard_core.medical.amounts import ALL_BP, share
from sbcard_core.medical.visit import VisitKind
from sbcard_core.messages import message

PERSONAL_PARTS: Final = ("inscp_scp_amt", "preselfpay_amt", "overlmt_selfpay", "fulamt_ownpay_amt")
"""The parts of what the patient pays, by the national name of the part of the bill they come from."""
CATASTROPHIC_FIELDS: Final = ("hifob_pay", "hifmi_pay")
SUPPLEMENT_FIELDS: Final = ("cvlserv_pay", "hifes_pay", "maf_pay", "oth_pay")
FUND_FIELDS: Final = ("hifp_pay", *CATASTROPHIC_FIELDS, *SUPPLEMENT_FIELDS)
"""National names of what the funds pay, in the order of the split."""


class PolicyRefused(InvalidValue):
    """A policy table that cannot be used, or two that contradict each other; the message names the entry."""


class NoPolicy(InvalidValue):
    """No table is in force for that region and insurance on that day."""


class NotCovered(InvalidValue):
    """The table has no benefit for that kind of visit, hospital level or category of remote treatment."""


class YearSpan(StrEnum):
    """What becomes of a visit that begins in one year and ends in the next (跨年住院)."""

    REFUSE = "refuse"
    """It is refused: the hospital settles each year by itself."""
    BEGIN = "begin"
    """Policy and year of the day it began."""
    END = "end"
    """Policy and year of the day it ended."""


@dataclass(frozen=True, slots=True)
class Tier:
    """A stretch of the year's amount, up to ``upto_fen`` (``None``: without end), and the fund's share by level."""

    upto_fen: int | None
    ratio_bp: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Fund:
    """A fund that pays by tiers of the year's amount.

    Attributes:
        field: national name of what it pays.
        fund_pay_type: national code; empty where no public one was found.
        name: its name in words.
        tiers: empty means that it pays nothing.
        pay_cap_fen: most it pays in a year (最高支付限额); ``None`` is no cap besides the end of the tiers.
        of_burden: catastrophic fund only: whether its tiers run over all that the pool has left of the amount
            within the policy (合规个人负担), or over what the pool's tiers did not take.
    """

    field: str
    fund_pay_type: str
    name: str
    tiers: tuple[Tier, ...]
    pay_cap_fen: int | None = None
    of_burden: bool = False


@dataclass(frozen=True, slots=True)
class Supplement:
    """A payer that takes a share of what is left within the policy, for persons of one group.

    Attributes:
        floor_fen: what the patient keeps of each bill before the share is taken.
        cap_fen: most its field pays in a year; ``None`` is no cap.
    """

    group: str
    field: str
    fund_pay_type: str
    name: str
    ratio_bp: int
    floor_fen: int = 0
    cap_fen: int | None = None


@dataclass(frozen=True, slots=True)
class Benefit:
    """What one kind of visit gets.

    Attributes:
        bucket: which accumulators it counts in; kinds may share one.
        deductible_basis: ``"visit"`` (each visit pays it) or ``"year"`` (once a year).
        deductible_fen: by hospital level, then by visit of the year; the last holds for every later visit.
        pool: the pooled fund's tiers.
        catastrophic: whether the policy's catastrophic layer follows.
        account_scope: which parts the personal account may pay, in order; names of ``PERSONAL_PARTS``.
        family_scope: the same for the family account.
    """

    bucket: str
    deductible_basis: str
    deductible_fen: Mapping[str, tuple[int, ...]]
    pool: Fund
    catastrophic: bool = True
    account_scope: tuple[str, ...] = ()
    family_scope: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Remote:
    """A category of treatment in another region (异地): the deductible's factor, and what the pool's ratios lose."""

    deductible_bp: int = ALL_BP
    ratio_cut_bp: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A policy for one kind, level and category, ready to compute with; ``split`` reads nothing else.

    Tiers are (end or ``None``, share in basis points).
    """

    benefit: Benefit
    deductible_fen: tuple[int, ...]
    yearly: bool
    pool: tuple[tuple[int | None, int], ...]
    catastrophic: Fund | None
    above: tuple[tuple[int | None, int], ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """One region's table for one insurance.

    Attributes:
        code: its own name, kept with every settlement made by it.
        insutype: the insurance.
        sample: made up, for demonstrations and tests; a real place is never settled by one.
        effective_from: first day.
        effective_until: first day it no longer holds; ``None``: until the next table.
        region: insured place (insuplc_admdvs); empty: wherever no other table names the place.
        fund_sum_includes_account: whether fund_pay_sumamt counts the personal account (Zhuhai) or not (Hunan).
        overlimit_by_hospital: whether what is charged above the price limit is the hospital's loss (hosp_part_amt).
        year_span: what becomes of a visit over two years.
        digest: of the file it was read from; a settlement is only computed again by the same table. Whoever
            alters a table in code gives it another.
    """

    code: str
    insutype: str
    name: str
    sample: bool
    source: str
    effective_from: date
    fund_sum_includes_account: bool
    benefits: Mapping[VisitKind, Benefit]
    catastrophic: Fund | None = None
    supplements: tuple[Supplement, ...] = ()
    remote: Mapping[str, Remote] = field(default_factory=dict)
    region: str = ""
    effective_until: date | None = None
    overlimit_by_hospital: bool = False
    year_span: YearSpan = YearSpan.REFUSE
    digest: str = ""
    _plans: dict[tuple[str, str, str], Plan] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def levels(self) -> tuple[str, ...]:
        """Hospital levels the table knows, in any benefit."""
        return tuple(dict.fromkeys(level for benefit in self.benefits.values() for level in benefit.deductible_fen))

    def holds_on(self, day: date) -> bool:
        """Whether the day lies between its first day and its last."""
        return self.effective_from <= day and (self.effective_until is None or day < self.effective_until)

    def plan(self, kind: VisitKind, level: str, remote: str = "") -> Plan:
        """The plan of a kind of visit, hospital level and category of remote treatment; made once for each.

        Raises:
            NotCovered: the table does not know one of them.
        """
        key = (kind, level, remote)
        try:
            return self._plans[key]
        except KeyError:
            return self._plans.setdefault(key, self._make(kind, level, remote))

    def _make(self, kind: VisitKind, level: str, category: str) -> Plan:
        benefit = self.benefits.get(kind)
        remote = self.remote.get(category) if category else Remote()
        if benefit is None or level not in benefit.deductible_fen or remote is None:
            asked = {"kind": kind, "level": repr(level), "remote": repr(category)}
            has = {"levels": ", ".join(self.levels), "remotes": ", ".join(self.remote) or "-"}
            what = message("medical.not_covered", code=self.code, **asked, **has)
            raise NotCovered(what, step="medical.split", term="待遇政策")
        fund = self.catastrophic if benefit.catastrophic else None
        return Plan(
            benefit,
            tuple(share(fen, remote.deductible_bp) for fen in benefit.deductible_fen[level]),
            benefit.deductible_basis == "year",
            tuple((tier.upto_fen, max(0, tier.ratio_bp[level] - remote.ratio_cut_bp)) for tier in benefit.pool.tiers),
            fund,
            tuple((tier.upto_fen, tier.ratio_bp[level]) for tier in fund.tiers) if fund else (),
        )
