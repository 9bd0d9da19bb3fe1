"""The catalogue (医保目录): grade, price limit and self-pay share of an item by day and hospital level, as data.

No catalogue is bundled but a made-up sample: the region of treatment has its own.
"""

import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from importlib import resources
from itertools import pairwise
from typing import Any, Final

from sbcard_core.errors import InvalidValue
from sbcard_core.medical.lines import FeeLine, Grade, half_up
from sbcard_core.messages import message

ANY_LEVEL: Final = "*"
CATALOGUE_STEP: Final = "medical.catalogue"


class CatalogueRefused(InvalidValue):
    """A catalogue that cannot be used, or contradicts itself; the message names the item."""


class UnknownItem(InvalidValue):
    """The catalogue has no entry for the item on that day, or there is no catalogue for the place."""


class TotalsDisagree(InvalidValue):
    """Sums that should be equal are not: price times quantity and the charge, or the lines and the bill."""


@dataclass(frozen=True, slots=True)
class Charge:
    """A line of a bill as the hospital sends it (2204, 2301): the catalogue gives it grade, limit and share.

    Attributes:
        code: item code of the catalogue.
        det_item_fee_sumamt: fen.
        pric: unit price in fen, may have a fraction.
        cnt: quantity.
        on: day of the charge; default the day of the bill.
    """

    code: str
    det_item_fee_sumamt: int
    pric: Decimal
    cnt: Decimal = Decimal(1)
    on: date | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """What holds for an item from a day on, until ``until`` (``None``: until the next entry)."""

    begins: date
    until: date | None
    grade: Grade
    selfpay_prop_bp: int
    limit_fen: Mapping[str, Decimal]

    def limit(self, level: str) -> Decimal | None:
        """Highest unit price within the policy at a hospital of that level; ``None`` is no limit."""
        return self.limit_fen.get(level, self.limit_fen.get(ANY_LEVEL))


class Catalogue:
    """One region's catalogue.

    Args:
        region: place of treatment; empty: wherever no other catalogue names the place.
        items: name and entries by code.
        unlisted_is_ownpay: whether an item without an entry is wholly the patient's, or refused.
        sample: made up, for demonstrations and tests.

    Raises:
        CatalogueRefused: entries of an item that overlap.

    Example:
        >>> catalogue = sample_catalogue()
        >>> line = catalogue.grade(Charge("S-CT", 30_000, Decimal(30_000)), date(2014, 7, 31), "3")
        >>> line.cut()
        LineParts(fulamt_ownpay_amt=0, overlmt_selfpay=8000, preselfpay_amt=1100, inscp_scp_amt=20900)
    """

    def __init__(
        self,
        region: str,
        items: Mapping[str, tuple[str, Iterable[Entry]]],
        *,
        unlisted_is_ownpay: bool = False,
        sample: bool = False,
    ) -> None:
        self.region = region
        self.sample = sample
        self._unlisted_is_ownpay = unlisted_is_ownpay
        self._items: dict[str, tuple[str, list[date], list[Entry]]] = {}
        for code, (name, given) in items.items():
            entries = sorted(given, key=lambda entry: entry.begins)
            for one, other in pairwise(entries):
                if one.begins == other.begins or (one.until is not None and one.until > other.begins):
                    raise refused("overlap", code=code, on=other.begins)
            self._items[code] = (name, [entry.begins for entry in entries], entries)

    def find(self, code: str, on: date) -> tuple[str, Entry | None]:
        """Name and entry of an item on a day; no entry where it is not listed that day."""
        name, begins, entries = self._items.get(code, (code, [], []))
        place = bisect_right(begins, on)
        entry = entries[place - 1] if place else None
        return name, entry if entry is not None and (entry.until is None or on < entry.until) else None

    def grade(self, charge: Charge, on: date, level: str) -> FeeLine:
        """Make a fee line of a charge, by the entry of the charge's own day or else of ``on``.

        Raises:
            UnknownItem: no entry on the day, and the region does not take such an item as wholly the patient's.
            TotalsDisagree: price times quantity, rounded half-up, is not the charge.
            InvalidValue: an amount out of range.
        """
        on = charge.on or on
        name, entry = self.find(charge.code, on)
        if entry is None and not self._unlisted_is_ownpay:
            what = message("medical.no_item", code=repr(charge.code), on=on)
            raise UnknownItem(what, step=CATALOGUE_STEP, term="医保目录")
        limit = entry.limit(level) if entry else None
        line = FeeLine(
            name,
            entry.grade if entry else Grade.C,
            charge.det_item_fee_sumamt,
            charge.pric,
            charge.cnt,
            limit,
            entry.selfpay_prop_bp if entry else 0,
        )
        if half_up(Fraction(charge.pric) * Fraction(charge.cnt)) != charge.det_item_fee_sumamt:
            what = message("medical.item_product", code=repr(charge.code))
            raise TotalsDisagree(what, step=CATALOGUE_STEP, term="费用明细")
        return line


def parse_catalogue(text: str) -> Catalogue:
    """Read a catalogue from TOML; ``catalogues/sample.toml`` shows every entry.

    Raises:
        CatalogueRefused: not TOML, an entry missing, unknown or out of range, an item twice, entries that overlap.
    """
    try:
        table = tomllib.loads(text)
        unlisted = table["unlisted"]
        if unlisted not in ("refuse", "ownpay") or not isinstance(table["region"], str):
            raise refused("entry", entry="unlisted, region")
        if type(table["sample"]) is not bool or type(table["source"]) is not str:
            raise refused("entry", entry="sample, source")
        if unknown := table.keys() - {"region", "sample", "source", "unlisted", "item"}:
            raise refused("unknown", entry=min(unknown))
        items = _items(table["item"])
        return Catalogue(table["region"], items, unlisted_is_ownpay=unlisted == "ownpay", sample=table["sample"])
    except tomllib.TOMLDecodeError as error:
        raise refused("toml", error=str(error)) from None
    except CatalogueRefused:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise refused("kind", error=str(error)) from None


def sample_catalogue() -> Catalogue:
    """The bundled sample, made-up items and numbers."""
    file = resources.files("sbcard_core.medical") / "catalogues" / "sample.toml"
    return parse_catalogue(file.read_text(encoding="utf-8"))


def _items(tables: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, list[Entry]]]:
    items: dict[str, tuple[str, list[Entry]]] = {}
    for item in tables:
        code, name = item["code"], item["name"]
        if type(code) is not str or type(name) is not str:
            raise refused("entry", entry=f"item {code!r}")
        if unknown := item.keys() - {"code", "name", "entries"}:
            raise refused("unknown", entry=f"{code}.{min(unknown)}")
        if code in items:
            raise refused("twice", code=code)
        items[code] = (name, [_entry(entry) for entry in item["entries"]])
    return items


def _entry(table: Mapping[str, Any]) -> Entry:
    unknown = table.keys() - {"from", "until", "grade", "selfpay_prop_bp", "limit_fen"}
    until = table.get("until")
    begins, bp = table["from"], table.get("selfpay_prop_bp", 0)
    grade = Grade(table["grade"])
    days = type(begins) is date and (until is None or (type(until) is date and until > begins))
    if unknown or not days or type(bp) is not int or (bp and grade is not Grade.B):
        raise refused("entry", entry=str(dict(table)))
    limits = {level: Decimal(text) for level, text in table.get("limit_fen", {}).items()}
    for limit in limits.values():
        FeeLine("", grade, 0, Decimal(1), Decimal(1), limit, bp)  # its own limits of what a number may be
    return Entry(begins, until, grade, bp, limits)


def refused(fault: str, /, **parameters: object) -> CatalogueRefused:
    """The error of a catalogue, for this module and whoever holds several."""
    what = message("medical.catalogue", fault=message(f"medical.table.{fault}", **parameters))
    return CatalogueRefused(what, step=CATALOGUE_STEP, term="医保目录")
