"""What a split must know besides the bill: the kind of visit, who pays beside the funds, and the year so far."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import add, neg
from typing import Final, NamedTuple


class VisitKind(StrEnum):
    """What the person came for; the names are our own, an integrator maps the region's med_type to them."""

    OUTPATIENT = "outpatient"
    """普通门诊."""
    CHRONIC = "chronic"
    """门诊慢特病."""
    INPATIENT = "inpatient"
    """住院."""
    PHARMACY = "pharmacy"
    """药店购药."""

    @property
    def clr_type(self) -> str:
        """National clearing type: 11 门诊, 21 住院, 41 药店 (public vendor code); 11 for 门慢特 is assumed."""
        return CLR_TYPES[self.value]

    @property
    def zh(self) -> str:
        """The word a clerk knows."""
        return {"outpatient": "门诊", "chronic": "门诊慢特病", "inpatient": "住院", "pharmacy": "药店"}[self.value]


CLR_TYPES: Final = {"outpatient": "11", "chronic": "11", "inpatient": "21", "pharmacy": "41"}
OWN: Final = 4
"""The first so many accumulators belong to one bucket of visits; the others are one for the whole year."""


class Accumulators(NamedTuple):
    """The person's year so far (年度累计), or with signs what one settlement adds to it.

    The first four belong to a bucket (the kinds of visit that a policy counts
    together), the others to the person's year.

    Attributes:
        visits: settled visits.
        deductible_fen: deductible paid.
        pool_base_fen: amount that went through the pool's tiers.
        pool_paid_fen: what the pool paid of it.
        catastrophic_base_fen: amount that went through the catastrophic tiers.
        cvlserv_fen, hifes_fen, maf_fen, oth_fen: what each supplement paid.
    """

    visits: int = 0
    deductible_fen: int = 0
    pool_base_fen: int = 0
    pool_paid_fen: int = 0
    catastrophic_base_fen: int = 0
    cvlserv_fen: int = 0
    hifes_fen: int = 0
    maf_fen: int = 0
    oth_fen: int = 0

    def plus(self, other: Sequence[int]) -> "Accumulators":
        """Both together."""
        return Accumulators(*map(add, self, other))

    def negated(self) -> "Accumulators":
        """What a cancellation adds."""
        return Accumulators(*map(neg, self))

    def minus(self, other: "Accumulators") -> "Accumulators":
        """What must be added to ``other`` to have this."""
        return self.plus(other.negated())


NOTHING: Final = Accumulators()
"""A year in which nothing has happened."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit.

    Attributes:
        level: hospital level, one the policy knows.
        groups: groups the person belongs to, for the policy's supplements.
        account_fen: what the personal account (or the card's own purse) holds; it pays only if ``use_account``.
        use_account: whether the holder lets the personal account pay.
        kind: what the person came for; the policy has a benefit for it or refuses.
        remote: category of treatment in another region (异地), one the policy knows; empty at home.
        family_fen: what the family account (共济) holds for this person; it pays after the personal one.
    """

    level: str = "3"
    groups: frozenset[str] = frozenset()
    account_fen: int = 0
    use_account: bool = True
    kind: VisitKind = VisitKind.INPATIENT
    remote: str = ""
    family_fen: int = 0
