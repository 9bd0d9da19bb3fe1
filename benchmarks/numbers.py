"""Citizen numbers for the check: contiguous rows with a sex column, 2 of 100 faulty in one of five ways."""

from dataclasses import dataclass, field
from datetime import date
from functools import cache
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sbcard_core.fields import citizen_id, region

ON = date(2014, 7, 31)
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2], np.int32)
_SETTLED = np.unpackbits(np.frombuffer(region.settled_bits(ON), np.uint8), bitorder="little")
COUNTIES = tuple(code for code in sorted(region.county_codes()) if _SETTLED[int(code)])
"""Hunan's, those no birth date makes doubtful."""
_YEARS, _SERIALS = 80, 990
MOST = len(COUNTIES) * _YEARS * 12 * 28 * _SERIALS
"""So many different numbers there are."""
_STEP = int(MOST * 0.6180339887) | 1
while gcd(_STEP, MOST) > 1:
    _STEP += 2
BITS = {
    "characters": citizen_id.CHARACTERS,
    "region": citizen_id.REGION,
    "date": citizen_id.DATE,
    "check": citizen_id.CHECK,
    "sex": citizen_id.SEX,
}


@dataclass(frozen=True, slots=True)
class Numbers:
    """``count`` numbers of 18 bytes and as many bytes of sex codes (1, 2, or 9 = not compared)."""

    count: int
    rows: bytes = field(repr=False)
    sexes: bytes = field(repr=False)

    def table(self) -> Any:
        """The same bytes as two Arrow text columns, nothing copied."""
        import pyarrow as pa  # noqa: PLC0415 - a peer's part

        columns = []
        for data, width in ((self.rows, 18), (self.sexes, 1)):
            places = np.arange(0, width * self.count + 1, width, dtype=np.int32)
            columns.append(pa.StringArray.from_buffers(self.count, pa.py_buffer(places), pa.py_buffer(data)))
        return pa.table(columns, names=["number", "sex"])

    def head(self, count: int) -> "Numbers":
        """The first of them."""
        count = min(count, self.count)
        return Numbers(count, self.rows[: 18 * count], self.sexes[:count])

    def texts(self) -> list[tuple[str, str]]:
        """(number, sex) for peers that take one at a time."""
        whole, sexes = self.rows.decode("ascii"), self.sexes.decode("ascii")
        return [(whole[18 * at : 18 * at + 18], sexes[at]) for at in range(self.count)]


def put(table: NDArray[np.uint8], at: int, values: NDArray[np.int64], width: int) -> None:
    """Write numbers as decimal digits (not yet characters) into ``width`` columns from ``at`` on."""
    for place in range(width):
        table[:, at + place] = values // 10 ** (width - 1 - place) % 10


def right_numbers(start: int, count: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """n × 18 characters of right numbers, no two alike, and the sex each carries as a character.

    Args:
        start: place of the first one among all of them; another start gives others.
        count: up to :data:`MOST` in all.
    """
    table = np.empty((count, 18), np.uint8)
    counties = np.array([list(code.encode("ascii")) for code in COUNTIES], np.uint8) - 48
    rest = np.arange(start, start + count, dtype=np.int64) * _STEP % MOST
    rest, serials = np.divmod(rest, _SERIALS)
    rest, days = np.divmod(rest, 28)
    rest, months = np.divmod(rest, 12)
    where, years = np.divmod(rest, _YEARS)
    table[:, :6] = counties[where]
    put(table, 6, years + 1930, 4)
    put(table, 10, months + 1, 2)
    put(table, 12, days + 1, 2)
    put(table, 14, serials + serials // 99 + 1, 3)  # none in 00: a check tells of 000 at the end, which no peer knows
    total = np.zeros(count, np.int32)
    for place, weight in enumerate(WEIGHTS):
        total += weight * table[:, place].astype(np.int32)
    check = (12 - total % 11) % 11
    table[:, 17] = np.where(check == 10, ord("X") - 48, check)
    sexes = np.where(table[:, 16] % 2 == 1, ord("1"), ord("2")).astype(np.uint8)
    return table + np.uint8(48), sexes


@cache
def numbers(count: int) -> Numbers:
    """The same numbers at every call and in every process."""
    table, sexes = right_numbers(0, count)
    table[0::250, 3] = ord("O")
    table[50::250, :2] = np.frombuffer(b"09", np.uint8)
    table[100::250, 10:14] = np.frombuffer(b"0230", np.uint8)
    table[150::250, 16] = (table[150::250, 16] - 48 + 2) % 10 + 48  # the same sex, another check character
    sexes[200::250] ^= 3  # 1 and 2 change places
    sexes[7::100] = ord("9")
    return Numbers(count, table.tobytes(), sexes.tobytes())
