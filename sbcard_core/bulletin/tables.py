"""The two annexes (附表一、附表二), recomputed from counts.

The letter names the annexes but its archive lost them: their columns are
assumed from the titles and the body text. Counts go in, rates are computed here
and stored nowhere; the rate of a total is the rate of the summed counts, never
a mean of rates. A count nobody knows is None and shows as ``—``, and so does
every sum it belongs to.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from sbcard_core.bulletin import derived
from sbcard_core.bulletin.figures import UNITS, Figure, Number, decimals, half_up, percent
from sbcard_core.bulletin.letter import Letter
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message
from sbcard_core.values import Origin


@dataclass(frozen=True, slots=True)
class CityRow:
    """A city's counts in the campaign, people or cards; None = unknown.

    ``annual_target`` is a target, so its origin is derived or imposed, never counted.
    """

    code: str
    name: str
    annual_target: int | None
    added: int | None
    submitted: int | None
    opened: int | None
    failed: int | None
    made: int | None
    issued: int | None
    target_origin: Origin = Origin.DERIVED


@dataclass(frozen=True, slots=True)
class BankRow:
    """A bank's counts; ``overdue`` = not answered within 15 working days of receipt, part of ``unanswered``."""

    code: str
    name: str
    received: int | None
    opened: int | None
    failed: int | None
    unanswered: int | None
    overdue: int | None
    made: int | None
    issued: int | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the measure, its head, and the unit ("" = text)."""

    measure: str
    head: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """A figure of the campaign and, where the letter has one, the letter's figure beside it.

    ``differs`` is True when the campaign's figure, brought to the letter's unit and digits, is another one.
    """

    figure: Figure
    beside: Figure | None = None
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One line: serial number ("" for the total), subject code, name, and a cell per counted column."""

    number: str
    code: str
    name: str
    cells: tuple[Cell, ...]

    def cell(self, measure: str) -> Cell:
        """The cell of one measure. Raises KeyError when the table has no such column."""
        for cell in self.cells:
            if cell.figure.measure == measure:
                return cell
        raise KeyError(measure)


@dataclass(frozen=True, slots=True)
class Table:
    """An annex: rows in the given order and the row of the total; ``origin`` is that of its counts."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    total: Row
    origin: Origin

    def figures(self) -> tuple[Figure, ...]:
        """Every figure shown, the total's last."""
        return tuple(cell.figure for row in (*self.rows, self.total) for cell in row.cells)


CITY_COLUMNS = (
    Column("annual_target", "年度目标", "人"),
    Column("added", "本月新增", "人"),
    Column("submitted", "累计提交", "人"),
    Column("annual_rate", "完成年目标", "%"),
    Column("opened", "开户成功", "人"),
    Column("failed", "开户失败", "人"),
    Column("made", "累计制卡", "张"),
    Column("issued", "已发卡", "张"),
)
BANK_COLUMNS = (
    Column("received", "接收开户数据", "人"),
    Column("opened", "完成开户", "人"),
    Column("open_rate", "完成率", "%"),
    Column("failed", "开户失败", "人"),
    Column("unanswered", "尚未答复", "人"),
    Column("overdue", "超15工作日", "人"),
    Column("made", "累计制卡", "张"),
    Column("issued", "已发卡", "张"),
)
_RATES = {"annual_rate": ("submitted", "annual_target"), "open_rate": ("opened", "received")}


def annex1(
    rows: Sequence[CityRow],
    letter: Letter,
    *,
    origin: Origin,
    scale: int = 1,
    target: int | None = None,
    title: str = "数据采集和开户进展情况",
) -> Table:
    """附表一 by city, with the letter's figures beside.

    Args:
        rows: one per city, in the order to show.
        letter: the letter to set beside.
        origin: SIMULATED for counts of a synthetic campaign, COUNTED for those of a registry.
        scale: how many real people one synthetic person stands for (1000 = 1:1000); only for the comparison.
        target: the province's annual target; without it, the sum of the cities' (each rounded, so it may be off).
        title: what stands above the table.

    Raises:
        InvalidValue: scale below 1 (or not 1 for COUNTED), another origin, or a count below 0.

    Example:
        >>> from sbcard_core.bulletin.letter import load
        >>> row = CityRow("431100", "永州市", 2006, None, 3250, 2747, 300, 2046, 600)
        >>> line = annex1([row], load(), origin=Origin.SIMULATED, scale=1000).rows[0]
        >>> line.cell("annual_rate").figure.text, line.cell("annual_rate").beside.text, line.cell("added").figure.text
        ('162.0', '162', '—')
    """
    maker = _Maker(CITY_COLUMNS, letter, scale, origin)
    lines = [
        maker.row(str(n), (row.code, row.name), maker.counts(row), row.target_origin) for n, row in enumerate(rows, 1)
    ]
    sums = maker.sums([maker.counts(row) for row in rows])
    if target is not None:
        sums["annual_target"] = target
    total = maker.row("", ("province", "合计"), sums, Origin.DERIVED)
    return Table("annex1", f"附表一 {title}", CITY_COLUMNS, tuple(lines), total, origin)


def annex2(
    rows: Sequence[BankRow],
    letter: Letter,
    *,
    origin: Origin,
    scale: int = 1,
    title: str = "各合作银行社会保障卡建设情况",
) -> Table:
    """附表二 by bank, with the letter's figures beside; arguments as in :func:`annex1`.

    Example:
        >>> from sbcard_core.bulletin.letter import load
        >>> rows = [BankRow("402", "农信社联社", 8170, 6970, 700, 500, 0, 1, 1)]
        >>> cell = annex2(rows, load(), origin=Origin.SIMULATED, scale=1000).rows[0].cells[2]
        >>> cell.figure.text, cell.beside.text, cell.differs
        ('85.3', '84.8', True)
    """
    maker = _Maker(BANK_COLUMNS, letter, scale, origin)
    lines = [maker.row(str(n), (row.code, row.name), maker.counts(row)) for n, row in enumerate(rows, 1)]
    total = maker.row("", ("province", "合计"), maker.sums([maker.counts(row) for row in rows]))
    return Table("annex2", f"附表二 {title}", BANK_COLUMNS, tuple(lines), total, origin)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Turns counts into rows of cells."""

    columns: tuple[Column, ...]
    letter: Letter
    scale: int
    origin: Origin

    def __post_init__(self) -> None:
        if self.scale < 1:
            raise InvalidValue(message("letter.scale"), step="bulletin.tables", term="比例")
        if self.origin not in (Origin.SIMULATED, Origin.COUNTED) or (self.origin is Origin.COUNTED and self.scale > 1):
            raise InvalidValue(message("letter.origin"), step="bulletin.tables", term="数字来源")

    def counts(self, row: CityRow | BankRow) -> dict[str, int | None]:
        """The counted measures of an input row, checked."""
        found = {c.measure: getattr(row, c.measure) for c in self.columns if c.measure not in _RATES}
        if any(value is not None and value < 0 for value in found.values()):
            raise InvalidValue(message("letter.below_zero", where=row.code), step="bulletin.tables", term=row.name)
        return found

    def sums(self, counts: Sequence[dict[str, int | None]]) -> dict[str, int | None]:
        """Column sums; a column with an unknown count has an unknown sum."""
        result: dict[str, int | None] = {}
        for measure in (c.measure for c in self.columns if c.measure not in _RATES):
            known = [value for row in counts if (value := row[measure]) is not None]
            result[measure] = sum(known) if known and len(known) == len(counts) else None
        return result

    def row(
        self,
        number: str,
        name: tuple[str, str],
        counts: dict[str, int | None],
        target_origin: Origin | None = None,
    ) -> Row:
        """One line of cells, rates computed here."""
        cells = []
        for column in self.columns:
            figure = self._figure(column, name[0], counts, target_origin or self.origin)
            beside = _beside(self.letter, name[0], column.measure)
            cells.append(Cell(figure, beside, beside is not None and differs(figure, beside, self.scale)))
        return Row(number, name[0], name[1], tuple(cells))

    def _figure(self, column: Column, code: str, counts: dict[str, int | None], target_origin: Origin) -> Figure:
        key = f"{code}.{column.measure}"
        if parts := _RATES.get(column.measure):
            top, below = (counts[part] for part in parts)
            place = "分子或分母未知" if top is None or below is None else f"{top:,} ÷ {below:,}"
            return Figure(key, percent(top, below), "%", self.origin, place, column.head)
        origin = target_origin if column.measure == "annual_target" else self.origin
        scaled = f"1 : {self.scale:,}" if self.scale > 1 else ""
        place = f"{origin.zh}计数, {scaled}" if origin is self.origin else f"年度目标按 {scaled} 折算"
        if not scaled:
            place = f"{origin.zh}计数" if origin is self.origin else "年度目标"
        return Figure(key, counts[column.measure], column.unit, origin, place, column.head)


def _beside(letter: Letter, subject: str, measure: str) -> Figure | None:
    """The letter's own figure of a cell: printed, derived from print, or imposed."""
    if measure == "annual_target":
        return derived.annual_target(letter, subject)
    if measure == "submitted":
        return derived.submitted(letter, subject)
    return letter.get(f"{subject}.{measure}")


def at_letter_digits(figure: Figure, beside: Figure, scale: int) -> Number | None:
    """The campaign's figure in the letter's unit and digits: 3,250 people at 1:1000 are 325 万人.

    Example:
        >>> printed = Figure("431100.submitted", 325, "万人", Origin.PRINTED)
        >>> at_letter_digits(Figure("431100.submitted", 3249, "人", Origin.SIMULATED), printed, 1000)
        Decimal('325')
    """
    if figure.value is None or beside.value is None:
        return None
    factor = UNITS[beside.unit][1]
    value = Fraction(figure.value) if factor == 1 else figure.exact * scale / factor
    return half_up(value, decimals(beside.value))


def differs(figure: Figure, beside: Figure, scale: int) -> bool:
    """Whether the campaign's figure, rounded as the letter prints, is another one; unknown never differs."""
    value = at_letter_digits(figure, beside, scale)
    return value is not None and Decimal(value) != Decimal(beside.value or 0)
