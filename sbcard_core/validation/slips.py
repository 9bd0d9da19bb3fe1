"""Slips: every citizen number one wrong character or one swap of neighbours away that has a right check sum.

For each place ISO 7064 MOD 11-2 leaves exactly one value that brings the sum to 1, so a row has at
most 18 + 17 such numbers: they are computed, whole columns at once, where trying all would take 180.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

_WEIGHTS = np.array([pow(2, 17 - at, 11) for at in range(18)], np.int64)
_INVERSE = np.array([pow(int(weight), -1, 11) for weight in _WEIGHTS], np.int64)
_X = 10
_LOOK_ALIKE = ("17", "06", "38", "56", "69", "08", "49", "27")
_KEYPAD = ("12", "23", "45", "56", "78", "89", "14", "25", "36", "47", "58", "69")


class Slip(StrEnum):
    """How the written number may have come about."""

    SUBSTITUTION = "substitution"
    """One character is another one."""
    TRANSPOSITION = "transposition"
    """Two neighbours are swapped."""
    LENGTH15 = "length15"
    """The old form: 19 (for centenarians perhaps 18) and the check character are missing."""
    FORM = "form"
    """Only the form is another one: width, blanks, case, separator."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """How candidates are ordered: by evidence of the county column first, then by how likely the slip is.

    The likelihoods are assumed, after the usual finding that swapped neighbours and look-alike or
    neighbouring keys lead: replace them by counts from one's own corrections.

    Args:
        transposition: weight of one swap of neighbours.
        alike: weight of a digit read or typed as one that looks alike or lies beside it.
        other: weight of any other digit.
        pairs: digits that are taken for each other.
    """

    transposition: int = 30
    alike: int = 10
    other: int = 4
    pairs: frozenset[str] = frozenset(written for pair in (*_LOOK_ALIKE, *_KEYPAD) for written in (pair, pair[::-1]))

    def weights(self) -> Ints:
        """weights()[written, meant] for values 0 to 10 (10 = X) and 11 = no digit at all."""
        table = np.full((12, 11), self.other, np.int64)
        for pair in self.pairs:
            table[int(pair[0]), int(pair[1])] = self.alike
        return table


ASSUMED = Ranking()


@dataclass(slots=True)
class Candidates:
    """Flat candidates of a chunk: row, slip place (18 and above = swap), weight, characters."""

    row: Ints
    place: Ints
    weight: Ints
    chars: Bytes

    def keep(self, which: npt.NDArray[np.bool_] | Ints) -> "Candidates":
        """The ones marked, or the ones numbered in this order."""
        return Candidates(self.row[which], self.place[which], self.weight[which], self.chars[which])


def _substitutions(values: Ints, bad: npt.NDArray[np.bool_], excess: Ints) -> tuple[Ints, Ints, Ints]:
    """(row, place, value) of each single change that brings the check sum to 1."""
    wanted = (values - excess[:, None] * _INVERSE) % 11
    allowed = wanted <= 9
    allowed[:, 17] = True
    allowed &= (wanted != values) | bad
    broken = bad.sum(axis=1)
    allowed &= (broken == 0)[:, None] | ((broken == 1)[:, None] & bad)  # a letter in the number can only be the slip
    row, place = np.nonzero(allowed)
    return row, place, wanted[row, place]


def _transpositions(values: Ints, bad: npt.NDArray[np.bool_], excess: Ints) -> tuple[Ints, Ints]:
    """(row, place) of each swap of neighbours that brings the check sum to 1."""
    change = (_WEIGHTS[:-1] - _WEIGHTS[1:]) * (values[:, 1:] - values[:, :-1])
    right = (change + excess[:, None]) % 11 == 0
    right &= values[:, 1:] != values[:, :-1]
    right[:, 16] &= values[:, 17] != _X  # X is only ever last
    broken = bad.sum(axis=1)
    lone_x = (broken == 1) & bad[:, 16] & (values[:, 16] == _X)  # the swap itself brings this X to the end
    right[:, :16] &= (broken == 0)[:, None]
    right[:, 16] &= (broken == 0) | lone_x
    row, place = np.nonzero(right)
    return row, place


def generate(chars: Bytes, ranking: Ranking) -> Candidates:
    """Every number one slip from a row that has the right check character; nothing for right rows."""
    values = chars.astype(np.int64) - 48
    values[chars == 88] = _X
    bad = (values < 0) | (values > 9)
    bad[:, 17] &= values[:, 17] != _X
    known = np.where((values >= 0) & (values <= _X), values, 0)
    excess = (known @ _WEIGHTS - 1) % 11
    busy = (excess != 0) | bad.any(axis=1)
    row, place, value = _substitutions(known, bad, excess)
    live = busy[row]
    row, place, value = row[live], place[live], value[live]
    swap_row, swap_place = _transpositions(known, bad, excess)
    live = busy[swap_row]
    swap_row, swap_place = swap_row[live], swap_place[live]
    first = chars[row]
    first[np.arange(len(row)), place] = np.where(value == _X, 88, value + 48)
    written = np.where(bad[row, place], 11, known[row, place])
    second = chars[swap_row]
    at = np.arange(len(swap_row))
    second[at, swap_place], second[at, swap_place + 1] = chars[swap_row, swap_place + 1], chars[swap_row, swap_place]
    swap_weight = np.full(len(swap_row), ranking.transposition, np.int64)
    return Candidates(
        np.concatenate([row, swap_row]),
        np.concatenate([place, swap_place + 18]),
        np.concatenate([ranking.weights()[written, value], swap_weight]),
        np.concatenate([first, second]),
    )
