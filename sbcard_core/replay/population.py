"""Synthetic people: each is a function of (seed, index), so no list of them exists anywhere.

Every number is made of a real county code, a possible birth date and a right
check character, and no two indices share a number: within a city, (birth date,
sequence) is a bijection of the person's place. Nobody here exists.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache, cached_property
from importlib import resources

import numpy as np

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import citizen_id, region
from sbcard_core.replay import chance
from sbcard_core.values import PersonCategory

_OLDEST = date(1929, 1, 1)
_YOUNGEST = date(2011, 12, 31)
_DAYS = (_YOUNGEST - _OLDEST).days + 1
_SEQUENCES = 999

_MOBILE = (
    "130",
    "131",
    "135",
    "136",
    "137",
    "138",
    "139",
    "150",
    "151",
    "158",
    "159",
    "180",
    "186",
    "187",
    "188",
    "189",
)
# 民族 by city beside 01 汉: (code, share in percent); rounded from common knowledge, made for variety only.
_ETHNIC = {
    "433100": (("15", 42), ("06", 33)),
    "430800": (("15", 60), ("14", 10), ("06", 5)),
    "431200": (("12", 16), ("06", 14), ("15", 4)),
    "430500": (("06", 4), ("13", 2)),
    "431100": (("13", 9),),
}
_CATEGORY_ADULT = (
    (PersonCategory.RURAL, 62),
    (PersonCategory.URBAN_EMPLOYEE, 18),
    (PersonCategory.URBAN_RESIDENT, 14),
    (PersonCategory.FLEXIBLE, 6),
)


@dataclass(frozen=True, slots=True)
class Person:
    """One synthetic person. The number and the name stay out of ``repr``."""

    index: int
    id_number: str = field(repr=False)
    name: str = field(repr=False)
    sex: str
    ethnicity: str
    birth: date = field(repr=False)
    phone: str = field(repr=False)
    category: PersonCategory
    city: str
    county: str


@cache
def _parts() -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    text = resources.files("sbcard_core.replay").joinpath("data/names.toml").read_text("utf-8")
    data = tomllib.loads(text)
    return data["surnames"], data["given"], tuple(data["rare"]), tuple(data["dotted"])


@cache
def _day_texts() -> tuple[str, ...]:
    return tuple((_OLDEST + timedelta(days=day)).strftime("%Y%m%d") for day in range(_DAYS))


def _name(bits: int) -> str:
    surnames, given, rare, dotted = _parts()
    pick, bits = bits % 1000, bits // 1000
    if pick < 3:
        return dotted[bits % len(dotted)]
    surname, bits = surnames[bits % len(surnames)], bits // len(surnames)
    first, bits = given[bits % len(given)], bits // len(given)
    if pick < 11:
        return surname + rare[bits % len(rare)]
    if pick < 200:
        return surname + first
    return surname + first + given[bits % len(given)]


def _ethnicity(city: str, percent: int) -> str:
    for code, share in _ETHNIC.get(city, ()):
        if percent < share:
            return code
        percent -= share
    return "01"


def _category(birth_year: int, percent: int) -> PersonCategory:
    age = 2014 - birth_year
    if age <= 18:
        return PersonCategory.STUDENT if percent < 70 else PersonCategory.URBAN_RESIDENT
    for category, share in _CATEGORY_ADULT:
        if percent < share:
            return category
        percent -= share
    return PersonCategory.RURAL


@dataclass(frozen=True)
class Population:
    """The people of a campaign: ``sum(counts)`` of them, city after city, and as many strangers as asked for.

    Args:
        seed: chooses everybody.
        cities: (six-digit city code, number of people) in order; index 0 is the first person of the first city.

    Example:
        >>> people = Population(1, (("430100", 3), ("430200", 2)))
        >>> people.size, people.one(4).city, people.one(4) == people.block(3, 5)[1]
        (5, '430200', True)
    """

    seed: int
    cities: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """How many people."""
        return sum(count for _, count in self.cities)

    @cached_property
    def starts(self) -> dict[str, int]:
        """The first index of each city."""
        starts, start = {}, 0
        for code, count in self.cities:
            starts[code] = start
            start += count
        return starts

    def city_of(self, index: int) -> tuple[str, int]:
        """The city of an index, and the person's place in it."""
        for code, count in self.cities:
            if index < self.starts[code] + count:
                return code, index - self.starts[code]
        raise InvalidValue(
            f"index {index} is beyond the population", step="population.city_of", advice=f"< {self.size}"
        )

    def one(self, index: int) -> Person:
        """The person at ``index``."""
        return self.block(index, index + 1)[0]

    def stranger(self, city: str, number: int) -> Person:
        """Somebody of ``city`` beyond its population: for records that come on top."""
        place = dict(self.cities)[city] + number
        return self._make(city, np.array([place], dtype=np.uint64), np.array([self.size + number], dtype=np.uint64))[0]

    def block(self, start: int, stop: int) -> list[Person]:
        """The people ``start`` … ``stop-1``, made together."""
        people: list[Person] = []
        for code, count in self.cities:
            first = self.starts[code]
            low, high = max(start, first), min(stop, first + count)
            if low < high:
                places = np.arange(low - first, high - first, dtype=np.uint64)
                people += self._make(code, places, np.arange(low, high, dtype=np.uint64))
        return people

    def _make(self, city: str, places: chance.U64, indices: chance.U64) -> list[Person]:
        counties = [county.code for county in region.counties(city)]
        slots = self._slots(city).rank(places)
        rows = zip(
            indices.tolist(),
            (slots // np.uint64(_SEQUENCES)).tolist(),
            (slots % np.uint64(_SEQUENCES)).tolist(),
            chance.draw(self.seed, "name", indices).tolist(),
            chance.draw(self.seed, "rest", indices).tolist(),
            strict=True,
        )
        return [_person(city, counties, *row) for row in rows]

    def _slots(self, city: str) -> chance.Shuffle:
        return chance.Shuffle(self.seed, f"slots.{city}", _DAYS * _SEQUENCES)


def _person(
    city: str, counties: Sequence[str], index: int, day: int, sequence: int, name_bits: int, bits: int
) -> Person:
    county, bits = counties[bits % len(counties)], bits // len(counties)
    ethnic, bits = bits % 100, bits // 100
    share, bits = bits % 100, bits // 100
    birth = _day_texts()[day]
    body = f"{county}{birth}{sequence + 1:03d}"
    return Person(
        index=index,
        id_number=body + citizen_id.check_digit(body),
        name=_name(name_bits),
        sex="1" if (sequence + 1) % 2 else "2",
        ethnicity=_ethnicity(city, ethnic),
        birth=_OLDEST + timedelta(days=day),
        phone=f"{_MOBILE[bits % len(_MOBILE)]}{index * 37_199_993 % 100_000_000:08d}",
        category=_category(int(birth[:4]), share),
        city=city,
        county=county,
    )
