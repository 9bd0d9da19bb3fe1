"""What will happen to a person, as a function of the person's index: exact totals, no lists.

A shuffle ranks the population; consecutive ranks belong to one bank, the first
of each bank's ranks are opened, and so on. The totals are the letter's, who is
behind them is simulated.
"""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sbcard_core.fields import BankCode
from sbcard_core.replay import chance
from sbcard_core.replay.campaign import BANKS, EARLY_WAVES, JULY_WAVES, MONTH_END_CITIES, MONTH_END_WAVE, Campaign

Bools = NDArray[np.bool_]
_BANKS = tuple(BANKS)


class Answer(IntEnum):
    """What the bank has said of an opening by the end of the month."""

    NONE = 0
    OPENED = 1
    FAILED = 2


REASONS = (
    "联网核查姓名与号码不符",
    "证件已过期",
    "客户已在本行开立社保卡账户",
    "地址或职业信息缺失",
    "未满16周岁缺监护人信息",
    "姓名含系统不支持的字",
)
"""Why banks refuse. Own wording: no bank's list of return codes is public."""


@dataclass(frozen=True)
class Fates:
    """Columns for a block of people, in the order asked for."""

    bank: NDArray[np.intp]  # index into BANKS
    answer: NDArray[np.uint8]  # Answer
    late: Bools  # answered after the 15 working days where the month allows it
    issued: Bools  # fetches the card by the end of the month, where there is one
    bits: chance.U64  # free bits for details


class Plan:
    """The fates of a campaign's people."""

    def __init__(self, campaign: Campaign) -> None:
        self._campaign = campaign
        seed, size = campaign.seed, campaign.population.size
        self._to_bank = chance.Shuffle(seed, "bank", size)
        self._bank_ends = np.cumsum(np.array(campaign.received, dtype=np.uint64))
        self._opened = np.array(campaign.opened, dtype=np.uint64)

        self._failed_share = int(campaign.share("province.failed_share") * 1000)
        self._issued_share = int(campaign.share("province.issued_share") * 1000)

    def fates(self, indices: chance.U64) -> Fates:
        """The columns for these people."""
        rank = self._to_bank.rank(indices)
        bank = np.searchsorted(self._bank_ends, rank, side="right")
        starts = self._bank_ends - np.array(self._campaign.received, dtype=np.uint64)
        in_bank = rank - starts[bank]
        opened = in_bank < self._opened[bank]
        bits = chance.draw(self._campaign.seed, "fate", indices)
        failed = ~opened & (bits % np.uint64(1000) < self._failed_share)
        answer = np.where(opened, Answer.OPENED, np.where(failed, Answer.FAILED, Answer.NONE)).astype(np.uint8)
        late = (bits >> np.uint64(10)) % np.uint64(100) < 3
        issued = (bits >> np.uint64(17)) % np.uint64(1000) < self._issued_share
        return Fates(bank, answer, late, issued, bits >> np.uint64(27))

    def banks(self, indices: chance.U64) -> list[BankCode]:
        """Each person's bank."""
        return [_BANKS[bank] for bank in self.fates(indices).bank.tolist()]

    def submitted_on(self, city: str, place: int) -> date:
        """The day on which a city hands over the person at ``place`` (0-based) of its people."""
        if city in MONTH_END_CITIES:
            return MONTH_END_WAVE
        before = self._before_july[city]
        waves, place, count = (
            (EARLY_WAVES, place, before)
            if place < before
            else (JULY_WAVES, place - before, dict(self._campaign.population.cities)[city] - before)
        )
        return waves[min(len(waves) - 1, place * len(waves) // max(1, count))]

    @cached_property
    def _before_july(self) -> dict[str, int]:
        campaign, before = self._campaign, {}
        for city, count in campaign.population.cities:
            printed = f"{city}.added" in campaign.letter
            added = campaign.people(f"{city}.added") if printed else count * campaign.share("province.added_share")
            before[city] = count - int(added)
        return before
