"""The page and the workbook: well-formed, every figure with its origin, the same bytes again."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import openpyxl
import pytest

from sbcard_core.bulletin import CityRow, charts
from sbcard_core.bulletin.report import BANNER, Bulletin, compose, render, write_html, write_xlsx
from sbcard_core.bulletin.sheets import COLOURS
from sbcard_core.values import Origin

VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Checks that tags close in order, and collects the marked figures and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.figures: list[dict[str, str]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        if tag == "data":
            self.figures.append({name: value or "" for name, value in attrs})

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def page(bulletin: Bulletin) -> Page:
    parser = Page()
    parser.feed(render(bulletin))
    parser.close()
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def book(bulletin: Bulletin, tmp_path_factory: pytest.TempPathFactory) -> openpyxl.Workbook:
    path = tmp_path_factory.mktemp("xlsx") / "bulletin.xlsx"
    write_xlsx(path, bulletin)
    return openpyxl.load_workbook(path)


def test_every_figure_is_on_the_page_with_its_origin(page: Page, bulletin: Bulletin) -> None:
    shown = {(f.get("value"), f["class"].split("o-")[-1], f.get("title")) for f in page.figures}
    cells = [c for t in (bulletin.annex1, bulletin.annex2) for r in (*t.rows, t.total) for c in r.cells]
    wanted = [c.figure for c in (*cells, *bulletin.headline)] + [c.beside for c in cells if c.beside]
    wanted += [*bulletin.campaign, *bulletin.letter.imposed()]
    for figure in wanted:
        value = "" if figure.value is None else str(figure.value)
        assert (value, figure.origin.value, f"{figure.origin.zh} · {figure.place or figure.key}") in shown, figure.key


def test_no_figure_lacks_an_origin(page: Page) -> None:
    for figure in page.figures:
        assert re.search(r"\bo-(printed|derived|imposed|simulated)\b", figure["class"])


def test_the_page_carries_banner_findings_and_proof(page: Page, bulletin: Bulletin) -> None:
    text = "".join(page.words)
    assert text.count(BANNER) >= 2
    for finding in bulletin.findings:
        for part in (finding.printed, finding.recomputed, finding.computation, finding.message_zh, finding.message_en):
            assert part in text
    for label, detail, _ in bulletin.proof:
        assert label in text
        assert detail in text
    for origin in Origin:
        assert (f"{origin.zh} — " in text) is (origin is not Origin.COUNTED)


def test_the_page_stands_alone_and_escapes_what_callers_give(bulletin: Bulletin) -> None:
    html = render(bulletin)
    assert not re.search(r"<script|<link|<img|@import|url\(|https?://", html)
    assert "&lt;b&gt;记录守恒&lt;/b&gt;" in html
    for name in ("Microsoft YaHei", "PingFang SC", "Noto Sans CJK SC", "WenQuanYi Micro Hei"):
        assert f'"{name}"' in html


@pytest.mark.parametrize("draw", ["completion", "funnel"])
def test_a_chart_is_well_formed_and_stays_in_its_frame(draw: str, bulletin: Bulletin) -> None:
    table = bulletin.annex1 if draw == "completion" else bulletin.annex2
    svg = ElementTree.fromstring(getattr(charts, draw)(table))
    height = int(svg.attrib["viewBox"].split()[3])
    for shape in svg.iter():
        for name, limit in (("x", charts.WIDTH), ("x2", charts.WIDTH), ("y", height), ("y2", height)):
            assert 0 <= int(shape.attrib.get(name, 0)) <= limit
        assert int(shape.attrib.get("x", 0)) + int(shape.attrib.get("width", 0)) <= charts.WIDTH
    names = [row.name for row in table.rows]
    assert set(names) <= {element.text for element in svg}


def test_unknown_counts_are_drawn_as_dashes(bulletin: Bulletin, cities: list[CityRow]) -> None:
    rows = [replace(row, submitted=None) for row in cities]
    empty = compose(bulletin.letter, rows, [], origin=Origin.SIMULATED, scale=bulletin.scale, created=bulletin.created)
    assert "<rect" not in charts.completion(empty.annex1)
    assert "—" in charts.completion(empty.annex1)
    assert "合计" in render(empty)


def test_the_same_bulletin_gives_the_same_bytes(bulletin: Bulletin, tmp_path: Path) -> None:
    for write, name in ((write_html, "html"), (write_xlsx, "xlsx")):
        for n in "ab":
            write(tmp_path / f"{n}.{name}", bulletin)
        assert (tmp_path / f"a.{name}").read_bytes() == (tmp_path / f"b.{name}").read_bytes()
    assert b"\r" not in (tmp_path / "a.html").read_bytes()


def test_every_sheet_has_banner_frozen_head_and_print_set_up(book: openpyxl.Workbook, bulletin: Bulletin) -> None:
    assert book.sheetnames == ["附表一", "附表二", "原文核对", "原文与重算", "说明"]
    for sheet in book:
        assert sheet["A1"].value == BANNER
        assert sheet.freeze_panes is not None
        assert sheet.freeze_panes.endswith("5")
        assert sheet.page_setup.orientation == "landscape"
        assert BANNER in (sheet.oddFooter.left.text or "")
        assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    assert book.properties.created == bulletin.created.replace(tzinfo=None)


def test_annex_cells_are_numbers_in_the_colour_of_their_origin(book: openpyxl.Workbook, bulletin: Bulletin) -> None:
    for name, table in (("附表一", bulletin.annex1), ("附表二", bulletin.annex2)):
        sheet = book[name]
        for n, row in enumerate((*table.rows, table.total), 5):
            code = sheet.cell(n, 2).value
            assert code == row.code or row is table.total
            assert code is None or isinstance(code, str)
            for column, cell in enumerate(row.cells, 4):
                found = sheet.cell(n, column)
                if cell.figure.value is None:
                    assert found.value == "—"
                    continue
                assert found.data_type == "n"
                assert found.value == float(cell.figure.value)
                assert found.font.color.rgb == "FF" + COLOURS[cell.figure.origin][1:]


def test_the_comparison_sheet_marks_what_differs(book: openpyxl.Workbook, bulletin: Bulletin) -> None:
    rows = {row[1]: row for row in book["原文与重算"].iter_rows(min_row=5, values_only=True)}
    assert set(rows) >= {figure.key for figure in bulletin.letter}
    assert rows["402.open_rate"][3:9] == (84.8, "%", "原文", 85.3, "≠", "697 ÷ 817")
    assert [key for key, row in rows.items() if "≠" in row] == ["province.made", "402.open_rate"]
    assert rows["430100.submitted"][5] == "设定"
    assert rows["431100.annual_target"][3:6] == (200.6, "万人", "推算")


def test_text_that_looks_like_a_formula_stays_text(book: openpyxl.Workbook) -> None:
    cells = [cell for row in book["说明"].iter_rows() for cell in row if cell.value == "=1+1"]
    assert [cell.data_type for cell in cells] == ["s"]
