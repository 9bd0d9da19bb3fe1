"""Subsidies (惠民惠农补贴): claims by household and area become a roll, one line per household, to its head's card."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import HouseholdNumber
from sbcard_core.messages import message
from sbcard_core.payout.engine import PayoutEngine
from sbcard_core.payout.lines import RollLine
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.rolls import Roll


@dataclass(frozen=True, slots=True)
class Claim:
    """What one person, or one member of a household, claims.

    Attributes:
        id_number, name: the claimant; of a household, the member whose land or animal it is.
        units: thousandths of the programme's unit (mu, head), so that no fraction is a float.
        household: household number; empty for personal programmes.
        area: village or street.
    """

    id_number: str = field(repr=False)
    name: str = field(repr=False)
    units: int
    household: str = ""
    area: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """Head of a household (户主), whose card is paid (财办〔2020〕37号)."""

    id_number: str = field(repr=False)
    name: str = field(repr=False)


def household_lines(claims: Iterable[Claim], heads: Mapping[str, Head], rate_fen: int) -> Iterator[RollLine]:
    """One line per household, in order of first claim: the sum of its claims, to its head.

    The units are added before the rate is applied, half a fen rounded up, so the split of land between members
    changes nothing. A household whose head is not known gets a line nobody matches, which is one finding.

    Raises:
        InvalidValue: a claim or head without a household number, or a claim of no positive units.
    """
    units: dict[HouseholdNumber, int] = {}
    areas: dict[HouseholdNumber, str] = {}
    for claim in claims:
        if not claim.household or claim.units < 1:
            raise InvalidValue(message("payout.claim"), step="payout.subsidy", term="补贴申报")
        household = HouseholdNumber(claim.household)  # the same in every spelling: its units are added
        units[household] = units.get(household, 0) + claim.units
        areas.setdefault(household, claim.area)
    known = {HouseholdNumber(number): head for number, head in heads.items()}
    for household, sum_units in units.items():
        head = known.get(household, Head("", ""))
        due = (sum_units * rate_fen + 500) // 1000
        yield RollLine(head.id_number, head.name, due, household=household, area=areas[household])


def personal_lines(claims: Iterable[Claim], rate_fen: int) -> Iterator[RollLine]:
    """One line per claim, to the claimant's own card."""
    for claim in claims:
        yield RollLine(claim.id_number, claim.name, (claim.units * rate_fen + 500) // 1000, area=claim.area)


class SubsidyPayout:
    """The subsidies' use of the engine: rolls from claims, public notice by area.

    Args:
        engine: the payout engine; every other stage is its own.
    """

    def __init__(self, engine: PayoutEngine) -> None:
        self.engine = engine

    def draft(
        self,
        programme: Programme,
        period: str,
        claims: Iterable[Claim],
        *,
        rate_fen: int,
        heads: Mapping[str, Head] | None = None,
        on: date,
        by: str,
    ) -> Roll:
        """Draft a roll from claims; a household programme needs the heads of its households.

        Args:
            programme: which subsidy.
            period: e.g. ``"2014"``.
            claims: any number of them.
            rate_fen: fen per unit; claims count thousandths of a unit.
            heads: head by household number.
            on: the day of drafting.
            by: who drafts it.
        """
        if programme.household:
            lines = household_lines(claims, heads or {}, rate_fen)
        else:
            lines = personal_lines(claims, rate_fen)
        return self.engine.draft(programme, period, lines, on=on, by=by)
