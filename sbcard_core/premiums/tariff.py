"""What a premium costs: dated rates by insurance and category of person, and the funds it goes to. All of it data."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from itertools import pairwise
from pathlib import Path

from sbcard_core.errors import InvalidValue
from sbcard_core.files import read_text
from sbcard_core.ledger import AccountKind
from sbcard_core.messages import message
from sbcard_core.values import PersonCategory

_STEP = "premiums.tariff"


@dataclass(frozen=True, slots=True)
class Share:
    """One part of a premium and the fund it is credited to."""

    account: str
    kind: AccountKind
    amount_fen: int


@dataclass(frozen=True, slots=True)
class Rate:
    """The premium of one insurance for one category of person.

    Args:
        insurance: code, e.g. ``"resident-medical"`` (城乡居民医保).
        name_zh: what stands on the receipt.
        category: 人员类别.
        since: first day of the periods it holds for.
        until: last day, or None.
        shares: parts by fund; the premium is their sum.
        due_days: days from the first day of the period to the last day of payment.

    Raises:
        InvalidValue: no share, or one that is not above zero.
    """

    insurance: str
    name_zh: str
    category: PersonCategory
    since: date
    until: date | None
    shares: tuple[Share, ...]
    due_days: int

    def __post_init__(self) -> None:
        if not self.shares or any(share.amount_fen <= 0 for share in self.shares) or self.due_days < 0:
            raise InvalidValue(message("premiums.tariff.shares"), step=_STEP, term="缴费标准")

    @property
    def amount_fen(self) -> int:
        """The whole premium."""
        return sum(share.amount_fen for share in self.shares)


@dataclass(frozen=True, slots=True)
class Tariff:
    """All rates.

    Args:
        name: for reports.
        rates: no two hold for the same insurance, category and day.
        sample: made up, for tests and demonstrations.

    Raises:
        InvalidValue: two rates that hold at once.

    Example:
        >>> SAMPLE.find("resident-medical", PersonCategory.STUDENT, date(2014, 9, 1)).amount_fen
        6000
        >>> SAMPLE.find("resident-medical", PersonCategory.STUDENT, date(1999, 9, 1)) is None
        True
    """

    name: str
    rates: tuple[Rate, ...]
    sample: bool = False

    def __post_init__(self) -> None:
        by_key: dict[tuple[str, PersonCategory], list[Rate]] = {}
        for rate in self.rates:
            by_key.setdefault((rate.insurance, rate.category), []).append(rate)
        for (insurance, category), rates in by_key.items():
            rates.sort(key=lambda rate: rate.since)
            for first, second in pairwise(rates):
                if first.until is None or first.until >= second.since:
                    twice = {"insurance": insurance, "category": category.name, "day": second.since.isoformat()}
                    raise InvalidValue(message("premiums.tariff.overlap", **twice), step=_STEP, term="缴费标准")

    def find(self, insurance: str, category: PersonCategory, on: date) -> Rate | None:
        """The rate that holds on the first day of a period, or None."""
        for rate in self.rates:
            holds = rate.since <= on and (rate.until is None or on <= rate.until)
            if holds and (rate.insurance, rate.category) == (insurance, category):
                return rate
        return None


def load(path: Path | None = None) -> Tariff:
    """Read a tariff from TOML; without a path, the sample that ships with the library.

    Raises:
        InvalidValue: a missing or unknown entry; the message names it.
    """
    text = read_text(path) if path else files("sbcard_core.premiums").joinpath("sample.toml").read_text("utf-8")
    try:
        document = tomllib.loads(text)
        rates = [_rate(entry, category) for entry in document["rate"] for category in entry["categories"]]
        return Tariff(document["name"], tuple(rates), bool(document.get("sample", False)))
    except (KeyError, TypeError, ValueError) as error:
        if isinstance(error, InvalidValue):
            raise
        what = message("premiums.tariff.unreadable", found=f"{type(error).__name__} {error}")
        raise InvalidValue(what, step=_STEP, term="缴费标准") from error


def _rate(entry: dict[str, object], category: str) -> Rate:
    shares: Sequence[dict[str, object]] = entry["shares"]  # type: ignore[assignment]
    until = entry.get("until")
    return Rate(
        str(entry["insurance"]),
        str(entry["name_zh"]),
        PersonCategory[category],
        _day(entry["since"]),
        None if until is None else _day(until),
        tuple(Share(str(one["account"]), AccountKind(str(one["kind"])), _fen(one["amount_fen"])) for one in shares),
        _fen(entry["due_days"]),
    )


def _day(value: object) -> date:
    if type(value) is not date:
        raise TypeError("a day is written as 2014-01-01")
    return value


def _fen(value: object) -> int:
    if type(value) is not int:
        raise TypeError("amounts and days are whole numbers")
    return value


SAMPLE = load()
"""Made-up rates: no tariff of 2014 is public here."""
