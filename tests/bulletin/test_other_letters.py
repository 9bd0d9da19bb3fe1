"""Letters of other places and months, and months without one: nothing crashes or is called what it is not."""

import copy
import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.bulletin import BankRow, CityRow, audit
from sbcard_core.bulletin.letter import Letter, LetterRefused, _build, load, parse, without_figures
from sbcard_core.bulletin.report import BANNER, compose, render, write_xlsx
from sbcard_core.errors import InvalidValue
from sbcard_core.values import Origin, Severity

CREATED = datetime(2015, 4, 2, tzinfo=UTC)
CITIES = [CityRow("430100", "长沙市", 2000, 120, 1500, 1200, 100, 900, 600)]
BANKS = [BankRow("104", "中国银行", 1500, 1200, 100, 200, 20, 900, 600)]
HEAD = """
[letter]
key = "x"
title = "{title}"
document_no = "{number}"
issuer = "市人力资源和社会保障局"
month = "{month}"
[subjects]
province = "全市"
[groups]
[dates]
[lists]
[imposed]
figures = []
[printed]
figures = [
{figures}
]
"""


def letter(*figures: str, month: str = "2015-05", number: str = "〔2015〕5号", title: str = "社保卡进展") -> Letter:
    rows = "\n".join("{ " + figure + ', at = "正文", quote = "…" },' for figure in figures)
    return parse(HEAD.format(title=title, number=number, month=month, figures=rows))


def everything(found: Letter, folder: Path | None = None) -> str:
    """Audit, page and workbook of a letter beside counts of a registry; gives the page."""
    bulletin = compose(found, CITIES, BANKS, origin=Origin.COUNTED, created=CREATED)
    if folder is not None:
        write_xlsx(folder / "b.xlsx", bulletin)
    return render(bulletin)


@pytest.mark.parametrize(
    "figures",
    [
        # a county city, May 2015: made, issued and the year's task, of one group of people
        ('key = "province.made", value = 35.6, unit = "万张"', 'key = "province.issued", value = 15, unit = "万张"'),
        # a coastal city, April 2024: holders, electronic cards, money paid, person-times
        (
            'key = "province.holders", value = 262.73, unit = "万人"',
            'key = "province.ecards", value = 201.21, unit = "万张"',
            'key = "province.paid", value = 3.36, unit = "亿元"',
            'key = "province.served", value = 101.2, unit = "万人次"',
            'key = "province.kinds", value = 33, unit = "种"',
        ),
        # a county, October 2024: persons and ten thousands side by side
        (
            'key = "province.made", value = 6881, unit = "张"',
            'key = "province.holders", value = 78.39, unit = "万人"',
            'key = "province.share", value = 0.9, unit = "%", of = ["province.made", "province.holders"]',
        ),
        # the nation, November 2013: more than 500 million holders, 334 places of 30 provinces; 800 million by 2015
        (
            'key = "province.holders", value = 5, unit = "亿人"',
            'key = "province.places", value = 334, unit = "个"',
            'key = "province.full_provinces", value = 22, unit = "个"',
            'key = "province.target", value = 8, unit = "亿张"',
        ),
        # the nation, October 2019: holders, their share of the population, cards of the third generation, accounts
        (
            'key = "province.holders", value = 13.01, unit = "亿人"',
            'key = "province.covered", value = 93, unit = "%"',
            'key = "province.third_generation", value = 3076, unit = "万张"',
            'key = "province.cards", value = 1100.2, unit = "万张"',
            'key = "province.accounts", value = 339.8, unit = "万人"',
        ),
        (),
    ],
)
def test_letters_of_other_places_are_audited_and_shown(figures: tuple[str, ...], tmp_path: Path) -> None:
    found = letter(*figures)
    assert [finding for finding in audit(found) if finding.severity is Severity.ERROR] == []
    page = everything(found, tmp_path)
    assert "2015年5月份" in page
    assert "湖南" not in page
    assert ("未载任何数字" in page) is (not figures)


def test_a_rate_of_figures_in_different_units_is_recomputed_in_one() -> None:
    figures = (
        'key = "province.issued", value = 15, unit = "万张"',
        'key = "province.made", value = 356000, unit = "张"',
    )
    rate = 'key = "province.issue_rate", value = {}, unit = "%", of = ["province.issued", "province.made"]'
    assert audit(letter(*figures, rate.format(42.1))) == []
    assert [f.code for f in audit(letter(*figures, rate.format(4.2)))] == ["rate.wrong"]


def test_parts_without_their_total_are_said_to_be_uncheckable() -> None:
    source = (files("sbcard_core.bulletin") / "data/hunan-2014-07.toml").read_text(encoding="utf-8")
    rows = [row for row in source.splitlines() if "province.submitted" not in row]
    found = [finding for finding in audit(parse("\n".join(rows))) if finding.code == "total.absent"]
    assert [(finding.severity, finding.keys) for finding in found] == [(Severity.NOTE, ("province.submitted",))] * 2


def test_parts_are_added_in_one_unit() -> None:
    """A city in persons beside others in ten thousands: 325 万 and 3,250,000 are the same."""
    before = {finding.code for finding in audit(load())}
    source = (files("sbcard_core.bulletin") / "data/hunan-2014-07.toml").read_text(encoding="utf-8")
    old = 'key = "431100.submitted", value = 325, unit = "万人"'
    assert old in source
    assert {
        f.code for f in audit(parse(source.replace(old, old.replace("325", "3250000").replace("万人", "人"))))
    } == before
    more = parse(source.replace(old, old.replace("325", "3350000").replace("万人", "人")))
    assert "total.differs" in {finding.code for finding in audit(more)}


def test_a_month_without_a_letter(tmp_path: Path) -> None:
    found = without_figures(
        "2015-03", "社会保障卡进展", cities={"430100": "长沙市"}, banks={"104": "中国银行"}, issuer="局"
    )
    page = everything(found, tmp_path)
    book = openpyxl.load_workbook(tmp_path / "b.xlsx")
    assert book.sheetnames == ["附表一", "附表二", "说明"]
    shown = page + "".join(str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row)
    assert "2015年3月份" in shown
    assert "统计" in shown
    for wrong in ("模拟", BANNER, "2014", "湘人社", "对照", "原文核对"):
        assert wrong not in shown
    assert book.properties.title == "2015年3月份 社会保障卡进展"


def test_simulated_counts_are_called_so_in_every_month() -> None:
    found = without_figures("2015-03", "社会保障卡进展", cities={}, banks={})
    page = render(compose(found, CITIES, BANKS, origin=Origin.SIMULATED, scale=100, created=CREATED))
    assert page.count(BANNER) == 3  # above, below, and on each printed page
    assert "1 : 100 模拟" in page
    assert "（模拟重算）" in page


@pytest.mark.parametrize(("origin", "scale"), [(Origin.COUNTED, 10), (Origin.PRINTED, 1), (Origin.SIMULATED, 0)])
def test_counts_are_simulated_or_real_and_whole(origin: Origin, scale: int) -> None:
    with pytest.raises(InvalidValue):
        compose(load(), CITIES, BANKS, origin=origin, scale=scale, created=CREATED)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('month = "2014-07"', 'month = "2014-13"', "YYYY-MM"),
        ('month = "2014-07"', "month = 201407", "YYYY-MM"),
        ('compared_with = "2014-06"', 'compared_with = "6月"', "YYYY-MM"),
        ("value = 1855", "value = nan", "neither int nor Decimal"),
        ("value = 1855", "value = inf", "neither int nor Decimal"),
        ('of = ["103.opened", "103.received"]', "of = []", "not in the file"),
        ("at_least = 100", 'at_least = "100"', "limit"),
        ('province = "全省"', "province = 1", "not text"),
    ],
)
def test_values_that_no_rule_can_work_with_are_refused_when_read(old: str, new: str, words: str) -> None:
    source = (files("sbcard_core.bulletin") / "data/hunan-2014-07.toml").read_text(encoding="utf-8")
    assert old in source
    with pytest.raises(LetterRefused, match=words):
        parse(source.replace(old, new, 1))


DATA = tomllib.loads(
    (files("sbcard_core.bulletin") / "data/hunan-2014-07.toml").read_text(encoding="utf-8"), parse_float=Decimal
)
PATHS = [
    *(("printed", "figures", n) for n in range(len(DATA["printed"]["figures"]))),
    *(("imposed", "figures", n) for n in range(len(DATA["imposed"]["figures"]))),
    *((table, key) for table in ("groups", "lists", "dates", "subjects") for key in DATA[table]),
]
VALUES = st.one_of(
    st.none(), st.integers(-5, 10**9), st.decimals(allow_nan=True), st.text(max_size=3), st.booleans(), st.just([]),
    st.sampled_from(["%", "万人", "张", "亿元", "2015-01", "province.submitted", "430100.submitted", "2014-99"]),
)  # fmt: skip
ENTRIES = ["value", "unit", "of", "key", "at", "quote", "reason", "label", "members", "measure", "stated", "not_before"]
CHANGE = st.one_of(
    st.tuples(st.just("drop"), st.sampled_from(PATHS)),
    st.tuples(st.just("set"), st.sampled_from(PATHS), st.sampled_from(ENTRIES), VALUES),
    st.tuples(st.just("become"), st.sampled_from(PATHS), VALUES),
)


def changed(changes: list[tuple[Any, ...]]) -> dict[str, Any]:
    data = copy.deepcopy(DATA)
    gone = []
    for kind, path, *rest in changes:
        place: Any = data
        for step in path[:-1]:
            place = place[step]
        if kind == "set" and isinstance(place[path[-1]], dict):
            place[path[-1]][rest[0]] = rest[1]
        elif kind == "become":
            place[path[-1]] = rest[0]
        elif kind == "drop":
            gone.append((place, path[-1]))
    for place, step in gone:
        if isinstance(place, dict):
            place.pop(step, None)
    for table in ("printed", "imposed"):
        dropped = {id(data[table]["figures"][step]) for place, step in gone if place is data[table]["figures"]}
        data[table]["figures"] = [row for row in data[table]["figures"] if id(row) not in dropped]
    return data


@given(st.lists(CHANGE, max_size=12))
def test_no_letter_crashes_the_auditor_or_the_bulletin(changes: list[tuple[Any, ...]]) -> None:
    """Law: a letter is refused when it is read, or audited and shown, whatever it holds or lacks."""
    try:
        found = _build(changed(changes))
    except LetterRefused:
        return
    audit(found)
    everything(found)


def test_dropping_most_figures_is_still_a_letter() -> None:
    """The law above is no empty one: without its relations and lists any part of the letter can go."""
    data = copy.deepcopy(DATA)
    data["lists"], data["printed"]["figures"] = {}, [row for row in data["printed"]["figures"] if "of" not in row][::7]
    found = _build(data)
    assert 5 < len(found.printed()) < 20
    assert {finding.code for finding in audit(found)} & {"total.absent", "subject.unmentioned"}
    everything(found)
