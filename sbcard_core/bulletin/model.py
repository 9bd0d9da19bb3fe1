"""Everything one bulletin shows, put together once and then written as a page or a workbook."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sbcard_core.bulletin import derived
from sbcard_core.bulletin.auditor import audit
from sbcard_core.bulletin.figures import Figure, half_up
from sbcard_core.bulletin.findings import AuditFinding
from sbcard_core.bulletin.letter import Letter
from sbcard_core.bulletin.tables import BankRow, Cell, CityRow, Table, annex1, annex2
from sbcard_core.values import Origin

BANNER = "模拟数据，与真实城市无关 · synthetic, not about the real city"
"""Stands on the page and on every sheet; there is no switch for it."""

Check = tuple[str, str, bool]
"""A line of the proof checklist: label, detail, whether it held."""


@dataclass(frozen=True, slots=True)
class Bulletin:
    """The content of a bulletin; built by :func:`compose`.

    ``created`` is the date printed and stored in the files: an argument, so that the same
    input gives the same bytes. Without a zone it is taken as UTC where a file needs UTC.
    """

    letter: Letter
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
    def month_zh(self) -> str:
        """``2014年7月份``."""
        year, month = self.letter.month.split("-")
        return f"{year}年{int(month)}月份"


def compose(
    letter: Letter,
    cities: Sequence[CityRow],
    banks: Sequence[BankRow],
    *,
    scale: int,
    created: datetime,
    campaign: Sequence[Figure] = (),
    proof: Sequence[Check] = (),
    target: int | None = None,
) -> Bulletin:
    """Audit the letter, build both annexes and the headline figures.

    Args:
        letter: the letter to set beside and to audit.
        cities: counts by city, in the order of annex 1.
        banks: counts by bank, in the order of annex 2.
        scale: real people per synthetic person, e.g. 1000.
        created: date of the bulletin.
        campaign: further counts of the campaign, each with label and origin.
        proof: (label, detail, ok) lines of the checklist.
        target: the province's annual target at scale, if the cities' rounded targets should not be summed.

    Raises:
        InvalidValue: scale below 1 or a count below 0.
    """
    first = annex1(cities, letter, scale=scale, target=target)
    second = annex2(banks, letter, scale=scale)
    targets = [derived.annual_target(letter, subject) for subject in letter.groups["cities"]]
    return Bulletin(
        letter=letter,
        annex1=first,
        annex2=second,
        findings=tuple(audit(letter)),
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
