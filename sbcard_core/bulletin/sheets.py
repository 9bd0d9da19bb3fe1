"""The bulletin as a workbook: the annexes, the findings, printed against recomputed, and notes.

Numbers are numbers, codes are text, the origin is both a colour and a column.
Nothing is a formula: a rate in a sheet was computed exactly and rounded half up.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any

import xlsxwriter

from sbcard_core.bulletin.figures import UNKNOWN, Figure, decimals, half_up
from sbcard_core.bulletin.findings import SEVERITY_ZH
from sbcard_core.bulletin.model import ORIGIN_WORDS, Bulletin
from sbcard_core.bulletin.rates import recompute
from sbcard_core.bulletin.tables import Cell, Table, at_letter_digits
from sbcard_core.files import lend, new_file
from sbcard_core.values import Origin

FONT = "Microsoft YaHei"
COLOURS = {
    Origin.PRINTED: "#B01E23",
    Origin.DERIVED: "#1B5FA6",
    Origin.IMPOSED: "#8A5B00",
    Origin.SIMULATED: "#1C2126",
    Origin.COUNTED: "#1C2126",
}
_HEAD_ROW = 3
"""Row index of the column heads: banner, title and remark stand above."""


def write_xlsx(path: Path, bulletin: Bulletin) -> None:
    """Write the workbook; the same bulletin gives the same bytes.

    Raises:
        FileRefused: there is such a file already.
        OSError: the path cannot be written.
    """
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with new_file(path) as file, lend(file) as lent, xlsxwriter.Workbook(lent, options) as book:
        created = bulletin.created.astimezone(UTC) if bulletin.created.tzinfo else bulletin.created
        book.set_properties({"title": bulletin.heading, "comments": bulletin.banner, "created": created})
        _annex(_Sheet(book, "附表一", bulletin), bulletin, bulletin.annex1, "市州")
        _annex(_Sheet(book, "附表二", bulletin), bulletin, bulletin.annex2, "银行")
        if bulletin.letter.document_no:
            _findings(_Sheet(book, "原文核对", bulletin), bulletin)
            _comparison(_Sheet(book, "原文与重算", bulletin), bulletin)
        _notes(_Sheet(book, "说明", bulletin), bulletin)


class _Sheet:
    """A worksheet with the common top, the formats of the four origins, and cells that keep their type."""

    def __init__(self, book: Any, name: str, bulletin: Bulletin) -> None:
        self.sheet = book.add_worksheet(name)
        self._banner = bulletin.banner
        self._book = book
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}

    def format(self, **properties: Any) -> Any:
        """A cell format; the same properties give the same one."""
        key = tuple(sorted(properties.items()))
        if key not in self._formats:
            base = {"font_name": FONT, "font_size": 10, "valign": "vcenter"}
            self._formats[key] = self._book.add_format(base | properties)
        return self._formats[key]

    def top(self, title: str, remark: str, heads: Sequence[tuple[str, float]], split: int = 0) -> None:
        """Banner, title, remark, heads, widths (in half-width characters) and the print set-up.

        With ``split`` the columns from there on print on a page of their own, under a second banner.
        """
        last = len(heads) - 1
        banner = self.format(bold=True, align="center", font_color="#6B4700", bg_color="#FFF1C9")
        large, small = self.format(bold=True, font_size=15, font_color="#B01E23"), self.format(font_color="#626B75")
        for first, end in ((0, split - 1), (split, last)) if split else ((0, last),):
            self.sheet.merge_range(0, first, 0, end, self._banner, banner)
            self.sheet.merge_range(1, first, 1, end, f"{title}　通报数对照" if first else title, large)
            self.sheet.merge_range(2, first, 2, end, remark, small)
        head = self.format(bold=True, align="center", text_wrap=True, bg_color="#EEF0F3", border=1)
        for column, (text, width) in enumerate(heads):
            self.sheet.write_string(_HEAD_ROW, column, text, head)
            self.sheet.set_column(column, column, width)
        self.sheet.set_default_row(19)
        for row, height in ((0, 24), (1, 30), (2, 20), (_HEAD_ROW, 36)):
            self.sheet.set_row(row, height)
        self._print(split)

    def _print(self, split: int) -> None:
        self.sheet.set_landscape()
        self.sheet.set_paper(9)  # A4
        self.sheet.repeat_rows(0, _HEAD_ROW)
        if split:
            self.sheet.set_print_scale(72)
            self.sheet.set_v_pagebreaks([split])
        else:
            self.sheet.fit_to_pages(1, 0)
        self.sheet.set_margins(left=0.4, right=0.4, top=0.6, bottom=0.6)
        self.sheet.set_footer(f"&L&9{self._banner}&R&9&P / &N")
        self.sheet.hide_gridlines(2)

    def text(self, row: int, column: int, text: str, **properties: Any) -> None:
        """Text, never read as a number or a formula."""
        self.sheet.write_string(row, column, text, self.format(border=1, border_color="#C9CED4", **properties))

    def figure(self, row: int, column: int, figure: Figure | None, **properties: Any) -> None:
        """A number in the colour of its origin; ``—`` for unknown."""
        if figure is None or figure.value is None:
            self.text(row, column, UNKNOWN, align="right", font_color="#8B949D", **properties)
            return
        places = decimals(figure.value)
        shape = "#,##0" + ("." + "0" * places if places else "")
        look = {"border": 1, "border_color": "#C9CED4", "align": "right", "num_format": shape}
        cell = self.format(**look, font_color=COLOURS[figure.origin], **properties)
        # The only place where a figure becomes binary: the file format knows nothing else.
        self.sheet.write_number(row, column, float(figure.value), cell)


def _annex(sheet: _Sheet, bulletin: Bulletin, table: Table, subject: str) -> None:
    """Counts on the left; the letter's own figures with their origin, where it has any, on the right."""
    compared = [c for c in table.columns if any(r.cell(c.measure).beside for r in (*table.rows, table.total))]
    heads: list[tuple[str, float]] = [("序号", 6), ("代码", 9), (subject, 13)]
    heads += [(f"{c.head}\n({c.unit})", 12.5) for c in table.columns]
    split = len(heads) if compared else 0
    word = table.origin.zh
    remark = f"1 : {bulletin.scale:,} 模拟；" if bulletin.is_simulated else ""
    if compared:
        heads.append((subject, 13))
        for column in compared:
            heads += [(f"通报\n{column.head}", 12), ("来源", 6)]
        heads.append((f"与{word}不同\n(折成通报单位)", 20))
        remark += f"左为{word}计数，右为通报数。"
    remark += _colour_words(bulletin)
    sheet.top(f"{bulletin.letter.month_zh} {table.title}", remark, heads, split)
    sheet.sheet.freeze_panes(_HEAD_ROW + 1, 3)
    for n, row in enumerate((*table.rows, table.total), _HEAD_ROW + 1):
        look: dict[str, Any] = {"bold": True, "bg_color": "#F5F6F8"} if row is table.total else {}
        sheet.text(n, 0, row.number, align="center", **look)
        sheet.text(n, 1, "" if row is table.total else row.code, align="center", **look)
        sheet.text(n, 2, row.name, **look)
        for position, cell in enumerate(row.cells, 3):
            sheet.figure(n, position, cell.figure, **look)
        if compared:
            sheet.text(n, split, row.name, **look)
            _beside(sheet, (n, split + 1), [row.cell(column.measure) for column in compared], look)


def _beside(sheet: _Sheet, at: tuple[int, int], cells: Sequence[Cell], look: Mapping[str, Any]) -> None:
    """The letter's figures of a row, each with its origin, and at the end the names of those that differ."""
    n, column = at
    for cell in cells:
        sheet.figure(n, column, cell.beside, **look)
        colour = COLOURS[cell.beside.origin] if cell.beside else "#8B949D"
        word = cell.beside.origin.zh if cell.beside else ""
        sheet.text(n, column + 1, word, align="center", font_color=colour, **look)
        column += 2
    different = "、".join(cell.figure.label for cell in cells if cell.differs)
    sheet.text(n, column, f"≠ {different}" if different else "", font_color="#B01E23", **look)


def _findings(sheet: _Sheet, bulletin: Bulletin) -> None:
    heads = [("级别", 9), ("规则", 22), ("原文", 22), ("重算", 22), ("算法", 40), ("说明", 62), ("English", 62)]
    sheet.top(f"原文核对 {bulletin.letter.document_no}", "只用通报原文所印数字，逐条规则重算。", heads)
    sheet.sheet.freeze_panes(_HEAD_ROW + 1, 2)
    for n, finding in enumerate(bulletin.findings, _HEAD_ROW + 1):
        sheet.sheet.set_row(n, 48)
        sheet.text(n, 0, SEVERITY_ZH[finding.severity], align="center")
        sheet.text(n, 1, finding.code, text_wrap=True)
        sheet.text(n, 2, finding.printed, font_color=COLOURS[Origin.PRINTED], text_wrap=True)
        sheet.text(n, 3, finding.recomputed, font_color=COLOURS[Origin.DERIVED], text_wrap=True)
        for column, text in enumerate((finding.computation, finding.message_zh, finding.message_en), 4):
            sheet.text(n, column, text, text_wrap=True)


def _comparison(sheet: _Sheet, bulletin: Bulletin) -> None:
    """Every figure of the letter, with what its own row gives and what the campaign gives."""
    heads = [("序号", 6), ("数据项", 27), ("对象", 13), ("数值", 11), ("单位", 8), ("来源", 7)]
    heads += [
        ("按原文重算", 12),
        ("核对", 6),
        ("算式", 24),
        (f"{bulletin.origin.zh}\n(同单位)", 12),
        ("核对", 6),
        ("原文位置 / 设定理由", 78),
    ]
    remark = "通报每一个数字及其位置；按原文重算 = 只用原文分子分母；"
    remark += f"{bulletin.origin.zh}数已折成通报单位。{_colour_words(bulletin)}"
    sheet.top(f"原文与重算 {bulletin.letter.document_no}", remark, heads)
    sheet.sheet.freeze_panes(_HEAD_ROW + 1, 3)
    relations = {relation.rate: relation for relation in bulletin.letter.relations}
    simulated = {f.key: f for table in (bulletin.annex2, bulletin.annex1) for f in table.figures()}
    implied = [f for f in bulletin.targets if f.origin is Origin.DERIVED]
    for n, figure in enumerate((*bulletin.letter, *implied), _HEAD_ROW + 1):
        sheet.sheet.write_number(n, 0, n - _HEAD_ROW, sheet.format(border=1, border_color="#C9CED4", align="center"))
        sheet.text(n, 1, figure.key)
        sheet.text(n, 2, bulletin.letter.name(figure.subject))
        sheet.figure(n, 3, figure)
        sheet.text(n, 4, figure.unit, align="center")
        sheet.text(n, 5, figure.origin.zh, align="center", font_color=COLOURS[figure.origin])
        rate = recompute(bulletin.letter, relations[figure.key]) if figure.key in relations else None
        again = None
        if rate is not None and figure.value is not None:
            again = Figure(figure.key, half_up(rate.exact, decimals(figure.value)), "%", Origin.DERIVED)
        _compared(sheet, (n, 6), again, figure)
        sheet.text(n, 8, rate.division if rate else "")
        other = simulated.get(figure.key)
        value = at_letter_digits(other, figure, bulletin.scale) if other else None
        _compared(sheet, (n, 9), Figure(figure.key, value, figure.unit, other.origin) if other else None, figure)
        sheet.text(n, 11, figure.place)


def _compared(sheet: _Sheet, at: tuple[int, int], found: Figure | None, printed: Figure) -> None:
    """A second value and its mark: = or ≠; both empty where there is nothing to compare."""
    row, column = at
    if found is None or found.value is None:
        sheet.text(row, column, "")
        sheet.text(row, column + 1, "")
        return
    sheet.figure(row, column, found)
    same = found.value == printed.value
    sheet.text(row, column + 1, "=" if same else "≠", align="center", font_color="#626B75" if same else "#B01E23")


def _notes(sheet: _Sheet, bulletin: Bulletin) -> None:
    heads = [("类别", 14), ("项目", 34), ("数值 / 结果", 16), ("单位", 8), ("来源", 8), ("说明", 96)]
    sheet.top("说明", "；".join(filter(None, (bulletin.kicker, bulletin.letter.note))), heads)
    sheet.sheet.freeze_panes(_HEAD_ROW + 1, 0)
    n = _HEAD_ROW + 1
    for origin in bulletin.origins:
        for column, text in enumerate(("来源", origin.zh, "", "", origin.zh, ORIGIN_WORDS[origin])):
            sheet.text(n, column, text, font_color=COLOURS[origin])
        n += 1
    whole = "模拟全程" if bulletin.is_simulated else "其他统计"
    groups = [("设定", bulletin.letter.imposed()), (whole, bulletin.campaign)]
    for group, figures in groups:
        for figure in figures:
            subject = bulletin.letter.subjects.get(figure.subject, "")
            name = f"{subject} {figure.label or figure.measure}".strip()
            sheet.text(n, 0, group)
            sheet.text(n, 1, name)
            sheet.figure(n, 2, figure)
            sheet.text(n, 3, figure.unit, align="center")
            sheet.text(n, 4, figure.origin.zh, align="center", font_color=COLOURS[figure.origin])
            sheet.text(n, 5, figure.place)
            n += 1
    for label, detail, ok in bulletin.proof:
        for column, text in enumerate(("核验", label, "通过" if ok else "未通过", "", "", detail)):
            sheet.text(n, column, text, font_color="#2F7D5B" if column == 2 and ok else "#1C2126" if ok else "#B01E23")
        n += 1


def _colour_words(bulletin: Bulletin) -> str:
    names = {Origin.PRINTED: "红", Origin.DERIVED: "蓝", Origin.IMPOSED: "褐"}
    return " ".join(f"{names.get(origin, '黑')} = {origin.zh}" for origin in bulletin.origins)
