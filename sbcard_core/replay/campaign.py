"""What is replayed: the letter's figures at a scale, a seed, the days, and where files go."""

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cached_property
from pathlib import Path

from sbcard_core.bulletin.letter import Letter
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import BankCode
from sbcard_core.files import make_folder
from sbcard_core.messages import message
from sbcard_core.replay.population import Population

AS_OF = date(2014, 7, 31)
"""The letter counts until the end of July."""

EARLY_WAVES = (date(2014, 4, 21), date(2014, 5, 20), date(2014, 6, 18))
JULY_WAVES = (date(2014, 7, 8), date(2014, 7, 18), date(2014, 7, 28))
"""Days on which cities hand their records over. Simulated: the letter gives months only."""

MONTH_END_WAVE = date(2014, 7, 30)
MONTH_END_CITIES = frozenset({"430900"})
"""益阳 chose its banks on the 28th and submitted everything before the month's end (letter, section 二)."""

BANKS = {
    BankCode("103"): "农业银行",
    BankCode("403"): "邮储银行",
    BankCode("402"): "农信社联社",
    BankCode("102"): "工商银行",
    BankCode("105"): "建设银行",
}
"""Banks in the order of Annex 2; the last two share what the letter leaves over. Codes: 102, 103 M, others assumed."""
_NAMED = tuple(BANKS)[:3]


def _cut(shares: list[Fraction]) -> list[int]:
    """Whole numbers whose running sums are the rounded running sums of ``shares``: no person lost to rounding."""
    counts, before, total = [], 0, Fraction(0)
    for share in shares:
        total += share
        now = int(total + Fraction(1, 2))
        counts.append(now - before)
        before = now
    return counts


@dataclass(frozen=True)
class Campaign:
    """One replay.

    Args:
        letter: the figures to replay.
        seed: chooses people, faults, keys and events.
        scale: people per real person, e.g. ``Fraction(1, 1000)``.
        root: directory everything is written to.
    """

    letter: Letter
    seed: int
    scale: Fraction
    root: Path

    def __post_init__(self) -> None:
        if not 0 < self.scale <= 1:
            raise InvalidValue(message("replay.scale"), step="replay", term="比例")

    @property
    def options(self) -> str:
        """Seed and scale as the command takes them."""
        return f"--seed {self.seed} --scale {self.scale}"

    def dir(self, *parts: str) -> Path:
        """A directory below the root, made if need be."""
        path = self.root
        for part in parts:
            path /= part
            make_folder(path)
        return path

    @property
    def database(self) -> Path:
        """The campaign's database file."""
        return self.root / "sbcard.sqlite"

    def people(self, key: str) -> Fraction:
        """A figure of the letter in 万, as people (or cards) at this scale."""
        return Fraction(self.letter[key].value or 0) * 10_000 * self.scale

    def share(self, key: str) -> Fraction:
        """A percentage of the letter (or imposed) as a fraction of one."""
        return Fraction(self.letter[key].value or 0) / 100

    @cached_property
    def population(self) -> Population:
        """Everybody whose record is to be accepted."""
        codes = [code for code in self.letter.groups["cities"] if code != "province"]
        # 衡阳 (0 %): its whole submission was sent back, so it counts nothing this month.
        figures = [
            self.people(f"{code}.submitted") if f"{code}.submitted" in self.letter else Fraction(0) for code in codes
        ]
        return Population(self.seed, tuple(zip(codes, _cut(figures), strict=True)))

    @cached_property
    def received(self) -> tuple[int, ...]:
        """People each of BANKS receives; together the population."""
        rest = self.people("others.received") / 2
        named = [self.people(f"{bank}.received") for bank in _NAMED]
        return tuple(_cut([*named, rest, rest]))

    @cached_property
    def opened(self) -> tuple[int, ...]:
        """Accounts each of BANKS opens."""
        rest = self.people("others.opened") / 2
        named = [self.people(f"{bank}.opened") for bank in _NAMED]
        return tuple(_cut([*named, rest, rest]))

    @cached_property
    def made(self) -> int:
        """Cards made."""
        return _cut([self.people("province.made")])[0]
