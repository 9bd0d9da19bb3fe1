"""The annexes: rates from their own counts, totals from sums, unknown stays unknown."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.bulletin import BankRow, CityRow, Letter, Table, annex1, annex2, load
from sbcard_core.bulletin.figures import UNKNOWN, Figure, percent
from sbcard_core.bulletin.report import Bulletin
from sbcard_core.bulletin.tables import CITY_COLUMNS
from sbcard_core.errors import InvalidValue
from sbcard_core.values import Origin

LETTER = load()


def city(**counts: int | None) -> CityRow:
    return replace(CityRow("431100", "永州市", 2006, 100, 3250, 2700, 300, 2000, 600), **counts)  # type: ignore[arg-type]


def row_texts(table: Table) -> list[str]:
    return [cell.figure.text for cell in table.rows[0].cells]


def test_columns_of_annex_1_are_in_the_agreed_order() -> None:
    heads = [column.head for column in CITY_COLUMNS]
    assert heads == ["年度目标", "本月新增", "累计提交", "完成年目标", "开户成功", "开户失败", "累计制卡", "已发卡"]


def test_rates_are_recomputed_and_totals_are_no_means(bulletin: Bulletin) -> None:
    table = bulletin.annex2
    for row in (*table.rows, table.total):
        rate = percent(row.cell("opened").figure.value, row.cell("received").figure.value)
        assert row.cell("open_rate").figure.value == rate
    mean = sum((row.cell("open_rate").figure.value or 0 for row in table.rows), Decimal(0)) / len(table.rows)
    assert table.total.cell("open_rate").figure.value != mean
    assert table.total.name == "合计"
    assert table.total.number == ""


def test_the_only_marked_differences_are_the_letters_own_mistakes(bulletin: Bulletin) -> None:
    rows = [row for t in (bulletin.annex1, bulletin.annex2) for row in t.rows]
    marked = [cell.figure.key for row in rows for cell in row.cells if cell.differs]
    assert marked == ["402.open_rate"]


def test_every_cell_has_an_origin_and_a_place(bulletin: Bulletin) -> None:
    for table in (bulletin.annex1, bulletin.annex2):
        for figure in table.figures():
            assert figure.place
            assert figure.origin is not Origin.PRINTED, "a count of ours never passes for a printed figure"
    origins = {row.code: row.cell("annual_target").figure.origin for row in bulletin.annex1.rows}
    assert origins["431100"] is Origin.DERIVED
    assert origins["430100"] is Origin.IMPOSED


def test_unknown_is_a_dash_and_makes_the_sum_unknown() -> None:
    rows = [city(), city(opened=None, annual_target=None)]
    table = annex1(rows, LETTER, origin=Origin.SIMULATED, scale=1000)
    assert table.rows[1].cell("opened").figure.text == UNKNOWN
    assert table.rows[1].cell("annual_rate").figure.text == UNKNOWN
    assert table.total.cell("opened").figure.value is None
    assert table.total.cell("annual_rate").figure.value is None
    assert table.total.cell("made").figure.value == 4000
    assert table.rows[0].cell("opened").figure.value == 2700


def test_no_target_no_rate_and_zero_is_not_unknown() -> None:
    assert row_texts(annex1([city(annual_target=0)], LETTER, origin=Origin.SIMULATED, scale=1))[3] == UNKNOWN
    assert row_texts(annex1([city(submitted=0)], LETTER, origin=Origin.SIMULATED, scale=1))[2:4] == ["0", "0.0"]


def test_a_total_may_have_its_own_target() -> None:
    table = annex1([city(), city()], LETTER, origin=Origin.SIMULATED, scale=1000, target=4010)
    assert table.total.cell("annual_target").figure.value == 4010
    assert table.total.cell("annual_rate").figure.value == percent(6500, 4010)


@pytest.mark.parametrize(("scale", "counts"), [(0, {}), (1000, {"made": -1})])
def test_wrong_counts_are_refused(scale: int, counts: dict[str, int]) -> None:
    with pytest.raises(InvalidValue):
        annex1([city(**counts)], LETTER, origin=Origin.SIMULATED, scale=scale)


@pytest.mark.parametrize("scale", [1, 10, 100, 1000])
def test_the_comparison_is_the_same_at_every_scale(scale: int) -> None:
    unit = 10_000 // scale
    near, far = 325 * unit, 326 * unit
    table = annex1([city(submitted=near), city(submitted=far)], LETTER, origin=Origin.SIMULATED, scale=scale)
    assert [row.cell("submitted").differs for row in table.rows] == [False, True]


@given(st.lists(st.tuples(st.integers(1, 10**7), st.integers(0, 10**7)), min_size=1, max_size=6))
def test_total_rate_lies_between_the_rows_rates(counts: list[tuple[int, int]]) -> None:
    rows = [BankRow("103", "农业银行", r, min(o, r), 0, r - min(o, r), 0, None, None) for r, o in counts]
    table = annex2(rows, LETTER, origin=Origin.SIMULATED, scale=1)
    rates = [row.cell("open_rate").figure.value or 0 for row in table.rows]
    assert min(rates) <= (table.total.cell("open_rate").figure.value or 0) <= max(rates)


def test_a_float_is_no_figure() -> None:
    with pytest.raises(InvalidValue):
        Figure("a.b", 84.8, "%", Origin.PRINTED)  # type: ignore[arg-type]


def test_the_letter_is_not_changed_by_the_tables(letter: Letter, bulletin: Bulletin) -> None:
    assert bulletin.letter == letter
