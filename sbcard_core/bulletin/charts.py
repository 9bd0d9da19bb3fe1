"""Two small inline SVG charts: completion by city, and each bank from received data to cards.

Labels stand in columns of their own beside the bars, so that none can overlap
another whatever the data. Coordinates are integers: the same data give the same bytes.
"""

from collections.abc import Sequence
from decimal import Decimal
from html import escape

from sbcard_core.bulletin.figures import UNKNOWN, Figure, Number, percent
from sbcard_core.bulletin.tables import Row, Table

WIDTH = 1000
_ROW = 26
_LEFT = 112
"""Where names end: room for six Chinese characters at 15 px."""
_STAGES = (("received", "接收"), ("opened", "开户"), ("made", "制卡"))


def _text(x: int, y: int, text: str, css: str, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{css}" text-anchor="{anchor}">{escape(text)}</text>'


def _titled(figure: Figure, inner: str) -> str:
    """A group whose tooltip and class say where its figure comes from."""
    tip = f"{figure.origin.zh} · {figure.label} {figure.text}{figure.unit} · {figure.place}"
    return f'<g class="o-{figure.origin.value}"><title>{escape(tip)}</title>{inner}</g>'


def _svg(height: int, label: str, parts: Sequence[str]) -> str:
    head = f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label, quote=True)}">'
    return head + "".join(parts) + "</svg>"


def _length(value: Number, full: Number, width: int) -> int:
    return int(value * width // full) if full else 0


def completion(table: Table) -> str:
    """Bars of 完成年目标 by city, largest first; a line at 100 %, a mark where the letter prints a rate.

    Unknown rates stand last, as ``—`` without a bar.
    """
    rows = sorted(table.rows, key=lambda row: -(row.cell("annual_rate").figure.value or Decimal(-1)))
    rates = [row.cell("annual_rate") for row in rows]
    printed = [cell.beside.value for cell in rates if cell.beside and cell.beside.value is not None]
    largest = max([Decimal(100), *(cell.figure.value or 0 for cell in rates), *printed])
    full = int(largest // 20 + 1) * 20
    width, right = WIDTH - _LEFT - 170, WIDTH - 170
    height = 34 + _ROW * len(rows) + 26
    bottom = height - 26
    parts = [
        _text(right + 86, 20, f"{table.origin.zh} %", "head", "end"),
        _text(WIDTH - 6, 20, "原文 %", "head", "end"),
    ]
    for tick in range(0, full + 1, 20):
        x = _LEFT + _length(tick, full, width)
        css = "goal" if tick == 100 else "grid"
        parts.append(f'<line x1="{x}" y1="30" x2="{x}" y2="{bottom}" class="{css}"/>')
        parts.append(_text(x, bottom + 18, f"{tick}", "tick goal-text" if tick == 100 else "tick", "middle"))
    for n, (row, cell) in enumerate(zip(rows, rates, strict=True)):
        top = 34 + n * _ROW
        parts.append(_text(_LEFT - 10, top + 17, row.name, "name", "end"))
        value, beside = cell.figure.value, cell.beside
        bar = ""
        if value is not None:
            css = "bar done" if value >= 100 else "bar open"
            bar = f'<rect x="{_LEFT}" y="{top + 4}" width="{_length(value, full, width)}" height="16" class="{css}"/>'
        parts.append(_titled(cell.figure, bar + _text(right + 86, top + 17, cell.figure.text, "number", "end")))
        if beside is None:
            parts.append(_text(WIDTH - 6, top + 17, UNKNOWN, "none", "end"))
        elif beside.value is not None:
            x = _LEFT + _length(beside.value, full, width)
            mark = f'<line x1="{x}" y1="{top + 1}" x2="{x}" y2="{top + 23}" class="mark"/>'
            parts.append(_titled(beside, mark + _text(WIDTH - 6, top + 17, beside.text, "number", "end")))
    return _svg(height, "各市州完成年目标百分比", parts)


def funnel(table: Table) -> str:
    """For each bank three bars on one scale: received, opened, cards made; each with its share of received."""
    counts = [row.cell("received").figure.value for row in table.rows]
    full = max([1, *(value for value in counts if value is not None)])
    left, width, right = _LEFT + 54, WIDTH - _LEFT - 54 - 190, WIDTH - 190
    step = 20
    block = step * len(_STAGES) + 14
    height = 28 + block * len(table.rows)
    parts = [
        _text(right + 96, 18, f"{table.origin.zh}计数", "head", "end"),
        _text(WIDTH - 6, 18, "占接收 %", "head", "end"),
    ]
    for n, row in enumerate(table.rows):
        top = 28 + n * block
        if n:
            parts.append(f'<line x1="0" y1="{top - 5}" x2="{WIDTH}" y2="{top - 5}" class="grid"/>')
        parts.append(_text(_LEFT - 10, top + 15 + step, row.name, "name", "end"))
        for stage, (measure, word) in enumerate(_STAGES):
            y = top + stage * step
            parts.append(_text(left - 10, y + 15, word, "stage", "end"))
            parts.append(_stage(row, measure, f"bar s{stage}", (left, y, full, width)))
    return _svg(height, "各合作银行接收、开户、制卡", parts)


def _stage(row: Row, measure: str, css: str, box: tuple[int, int, Number, int]) -> str:
    left, y, full, width = box
    figure = row.cell(measure).figure
    share = percent(figure.value, row.cell("received").figure.value)
    bar = ""
    if figure.value is not None:
        length = _length(min(figure.value, full), full, width)
        bar = f'<rect x="{left}" y="{y + 3}" width="{length}" height="14" class="{css}"/>'
    right = left + width
    number = _text(right + 96, y + 15, figure.text, "number", "end")
    part = _text(WIDTH - 6, y + 15, UNKNOWN if share is None else str(share), "number", "end")
    return _titled(figure, bar + number + part)
