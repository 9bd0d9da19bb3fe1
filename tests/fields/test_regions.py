"""The Hunan table against another source: python-stdnum's dated table, made from Wikipedia's lists."""

import re
from importlib.resources import files

import pytest

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import region

COLLECTIVE = {"市辖区", "县", "市区", "省直辖县级行政单位"}


def _wikipedia_2014() -> dict[str, str]:
    """``{code: name}`` of Hunan for 2014 from lines like ``0624 county="[1986-]湘阴县,[…]…"``."""
    found: dict[str, str] = {}
    inside = False
    for line in files("stdnum.cn").joinpath("loc.dat").read_text("utf-8").splitlines():
        if not line.startswith(" "):
            inside = line.startswith("43 ")
        elif inside:
            code, names = re.fullmatch(r" +(\d{4}) county=\"(.*)\"", line).groups()  # type: ignore[union-attr]
            for name in names.split(","):
                years = re.match(r"\[(\d*)-(\d*)\]", name)
                first, last = (years.group(1) or "0", years.group(2) or "9999") if years else ("0", "9999")
                if int(first) <= 2014 <= int(last) and name[name.find("]") + 1 :] not in COLLECTIVE:
                    found["43" + code] = name[name.find("]") + 1 :]
    return found


def test_table_equals_an_independent_list_for_2014() -> None:
    ours = {code: division.name for code, division in region.load_hunan().items()}
    assert ours == _wikipedia_2014()


def test_fourteen_cities_hold_every_county() -> None:
    assert [city.code for city in region.cities()] == [f"43{n:02}00" for n in [*range(1, 14), 31]]
    assert region.name_of("433100") == "湘西土家族苗族自治州"
    counties = [county.code for city in region.cities() for county in region.counties(city.code)]
    assert len(counties) == len(set(counties)) == 122
    assert set(counties) == region.county_codes()


@pytest.mark.parametrize(
    ("code", "in_force"),
    [
        ("430112", True),  # 望城区 since 2011
        ("430122", False),  # 望城县 until 2011
        ("430124", True),  # 宁乡县 until 2017
        ("430182", False),  # 宁乡市 since 2017
        ("430221", True),  # 株洲县 until 2018
        ("430212", False),  # 渌口区 since 2018
        ("431121", True),  # 祁阳县 until 2021
    ],
)
def test_codes_are_those_of_2014(code: str, in_force: bool) -> None:
    assert (code in region.county_codes()) is in_force


@pytest.mark.parametrize("code", ["430000", "440100", "4301", "", "430199"])
def test_unknown_codes_are_refused(code: str) -> None:
    with pytest.raises(InvalidValue):
        region.counties(code)
    with pytest.raises(InvalidValue):
        region.city_of(code)


def test_the_table_says_where_it_comes_from() -> None:
    text = files("sbcard_core.fields").joinpath("data", region.TABLE).read_text("utf-8")
    assert "in force on 2014-12-31" in text
    assert "CC0 1.0" in text
