"""Everything one bulletin shows, put together once and then written as a page or a workbook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from sbcard_core.bulletin import derived
from sbcard_core.bulletin.auditor import audit
from sbcard_core.bulletin.figures import Figure, half_up
from sbcard_core.bulletin.findings import AuditFinding
from sbcard_core.bulletin.letter import Letter
from sbcard_core.bulletin.tables import BankRow, Cell, CityRow, Table, annex1, annex2
from sbcard_core.values import Origin

BANNER = "模拟数据，与真实城市无关 · synthetic, not about the real city"
"""Stands on the page and on every sheet of simulated counts; there is no switch for it."""
ORIGIN_WORDS: Mapping[Origin, str] = MappingProxyType(
    {
        Origin.PRINTED: "通报原文所印",
        Origin.DERIVED: "只由原文数字推出",
        Origin.IMPOSED: "原文未载，为模拟而设定",
        Origin.SIMULATED: "在合成人群中计数",
        Origin.COUNTED: "在登记库中计数",
    }
)
"""What each origin means, for the legend."""

Check = tuple[str, str, bool]
"""A line of the proof checklist: label, detail, whether it held."""


@dataclass(frozen=True, slots=True)
class Bulletin:
    """The content of a bulletin; built by :func:`compose`.

    ``created`` is the date printed and stored in the files: an argument, so that the same
    input gives the same bytes. Without a zone it is taken as UTC where a file needs UTC.
    """

    letter: Letter
    origin: Origin
    annex1: Table
    annex2: Table
    findings: tuple[AuditFinding, ...]
    headline: tuple[Cell, ...]
    targets: tuple[Figure, ...]
    scale: int
    created: datetime
    campaign: tuple[Figure, ...] = ()
    proof: tuple[Check, ...] = ()

    @property
    def is_simulated(self) -> bool:
        """The counts are those of a synthetic campaign."""
        return self.origin is Origin.SIMULATED

    @property
    def banner(self) -> str:
        """:data:`BANNER` above simulated counts, nothing above others."""
        return BANNER if self.is_simulated else ""

    @property
    def heading(self) -> str:
        """Month and title, as the letter's data give them; simulated counts are called so."""
        return f"{self.letter.month_zh} {self.letter.title}{'（模拟重算）' if self.is_simulated else ''}"

    @property
    def kicker(self) -> str:
        """The line above the title: what the counts are set beside, else who publishes them."""
        beside = f"对照 {self.letter.document_no}" if self.letter.document_no else self.letter.issuer
        return " · ".join(filter(None, ("模拟重算件" if self.is_simulated else "", beside)))

    @property
    def subtitle(self) -> str:
        """Month, scale of a simulation, date of the bulletin."""
        scale = f"1 : {self.scale:,} 模拟" if self.is_simulated else ""
        parts = (self.letter.month_zh, scale, f"制表 {self.created:%Y-%m-%d}")
        return "　·　".join(filter(None, parts))

    @property
    def origins(self) -> tuple[Origin, ...]:
        """The origins a figure here may have."""
        given = (Origin.PRINTED, Origin.DERIVED, Origin.IMPOSED) if len(self.letter) else ()
        return (*given, self.origin)


def compose(
    letter: Letter,
    cities: Sequence[CityRow],
    banks: Sequence[BankRow],
    *,
    origin: Origin,
    created: datetime,
    scale: int = 1,
    campaign: Sequence[Figure] = (),
    proof: Sequence[Check] = (),
    target: int | None = None,
) -> Bulletin:
    """Audit the letter, build both annexes and the headline figures.

    Args:
        letter: the letter to set beside and to audit, or :func:`~sbcard_core.bulletin.letter.without_figures`.
        cities: counts by city, in the order of annex 1.
        banks: counts by bank, in the order of annex 2.
        origin: what the counts are: ``SIMULATED``, or ``COUNTED`` in a registry.
        created: date of the bulletin.
        scale: real people per synthetic person, e.g. 1000.
        campaign: further counts of the campaign, each with label and origin.
        proof: (label, detail, ok) lines of the checklist.
        target: the province's annual target at scale, if the cities' rounded targets should not be summed.

    Raises:
        InvalidValue: scale below 1 (or not 1 for COUNTED), another origin, or a count below 0.
    """
    first = annex1(cities, letter, origin=origin, scale=scale, target=target)
    second = annex2(banks, letter, origin=origin, scale=scale)
    targets = [derived.annual_target(letter, subject) for subject in letter.groups.get("cities", ())]
    return Bulletin(
        letter=letter,
        origin=origin,
        annex1=first,
        annex2=second,
        findings=tuple(audit(letter)) if letter.document_no else (),
        headline=_headline(letter, first, second),
        targets=tuple(figure for figure in targets if figure is not None),
        scale=scale,
        created=created,
        campaign=tuple(campaign),
        proof=tuple(proof),
    )


def _named(cell: Cell, label: str) -> Cell:
    return replace(cell, figure=replace(cell.figure, label=label))


def _headline(letter: Letter, first: Table, second: Table) -> tuple[Cell, ...]:
    """The handful of figures a reader looks for first."""
    total = first.total
    cells = [
        total.cell("submitted"),
        total.cell("annual_rate"),
        _named(second.total.cell("open_rate"), "银行开户完成率"),
        total.cell("made"),
        total.cell("issued"),
    ]
    if gap := derived.shortfall(letter):
        gross = half_up(gap.gross, 0)
        place = f"净缺口 {gap.net.text} + 超额 {half_up(gap.surplus, 0)}"
        figure = Figure("province.gross_shortfall", gross, gap.net.unit, Origin.DERIVED, place, "实际缺口(约)")
        cells.append(Cell(figure, gap.net, differs=True))
    return tuple(cells)
