"""行政区划代码: the six digits of GB/T 2260, for Hunan as in force at the end of 2014.

A bureau, a bank batch and a county column name places that exist *now*, so they are
checked against this table. A citizen number names the place of its first issue, which
may be long gone: see :mod:`sbcard_core.fields.region_history`, whose ``status`` is here too.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from sbcard_core.errors import InvalidValue
from sbcard_core.fields.region_history import (
    CHARACTERS,
    COUNTY,
    PROVINCE,
    PROVINCES,
    TIME,
    RegionOutcome,
    RegionStatus,
    check_many,
    compact,
    counties_in,
    county_bits,
    forgive,
    format,  # noqa: A004
    is_valid,
    settled_bits,
    status,
    validate,
)
from sbcard_core.messages import message

__all__ = [
    "CHARACTERS",
    "COUNTY",
    "HUNAN",
    "PROVINCE",
    "PROVINCES",
    "TABLE",
    "TIME",
    "Region",
    "RegionOutcome",
    "RegionStatus",
    "check_many",
    "cities",
    "city_of",
    "compact",
    "counties",
    "counties_in",
    "county_bits",
    "county_codes",
    "forgive",
    "format",
    "is_valid",
    "load_hunan",
    "name_of",
    "settled_bits",
    "status",
    "validate",
]

TABLE = "gbt2260-hunan-2014.txt"
"""The dated table; its header names source and licence, ``update_regions.py`` beside it rewrites it."""

HUNAN = "430000"


@dataclass(frozen=True, slots=True)
class Region:
    """One administrative division.

    Args:
        code: six digits.
        name: the full Chinese name.
        parent: code of the city for a county, of the province for a city, "" for the province.
    """

    code: str
    name: str
    parent: str

    @property
    def is_city(self) -> bool:
        """Whether it is one of the 14 市州."""
        return self.code.endswith("00") and not self.code.endswith("0000")


def _parent(code: str) -> str:
    if code.endswith("0000"):
        return ""
    return code[:2] + "0000" if code.endswith("00") else code[:4] + "00"


@cache
def load_hunan() -> dict[str, Region]:
    """Every division of Hunan by code: the province, 14 cities, their counties.

    Source: GB/T 2260 codes as the Ministry of Civil Affairs listed them for 2014 (see the table's header).

    Example:
        >>> load_hunan()["433101"]
        Region(code='433101', name='吉首市', parent='433100')
    """
    text = files("sbcard_core.fields").joinpath("data", TABLE).read_text("utf-8")
    rows = (line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return {code: Region(code, name, _parent(code)) for code, name in rows}


@cache
def cities() -> tuple[Region, ...]:
    """The 14 市州 of Hunan, by code.

    Example:
        >>> len(cities()), cities()[0].name, cities()[-1].name
        (14, '长沙市', '湘西土家族苗族自治州')
    """
    return tuple(region for region in load_hunan().values() if region.is_city)


@cache
def counties(city: str) -> tuple[Region, ...]:
    """The counties (区县市) of one city, by code.

    Raises:
        InvalidValue: ``city`` is no city code of Hunan.

    Example:
        >>> [county.name for county in counties("430800")]
        ['永定区', '武陵源区', '慈利县', '桑植县']
    """
    region = load_hunan().get(city)
    if region is None or not region.is_city:
        raise InvalidValue(message("fields.region.city"), step="region.counties", term="市州代码")
    return tuple(region for region in load_hunan().values() if region.parent == city)


@cache
def county_codes() -> frozenset[str]:
    """Every county code of Hunan, for set look-ups in bulk.

    Example:
        >>> len(county_codes()), "430112" in county_codes(), "430122" in county_codes()
        (122, True, False)
    """
    return frozenset(code for code in load_hunan() if not code.endswith("00"))


def city_of(code: str) -> Region:
    """The city a county (or city) code of Hunan belongs to.

    Raises:
        InvalidValue: the code is unknown or the province itself.

    Example:
        >>> city_of("431126").name
        '永州市'
    """
    region = load_hunan().get(code[:4] + "00")
    if code not in load_hunan() or region is None or not region.is_city:
        raise InvalidValue(message("fields.region.county"), step="region.city_of", term="区县代码")
    return region


def name_of(code: str) -> str:
    """The name of a division of Hunan, or of any province by ``xx0000``.

    Raises:
        InvalidValue: the code is in neither table.

    Example:
        >>> name_of("430300"), name_of("440000")
        ('湘潭市', '广东省')
    """
    if region := load_hunan().get(code):
        return region.name
    if len(code) == 6 and code.endswith("0000") and code[:2] in PROVINCES:
        return PROVINCES[code[:2]]
    raise InvalidValue(message("fields.region.unknown"), step="region.name_of", term="行政区划代码")
