"""Randomness as a pure function of (seed, stream, index): any draw can be made again alone, in O(1).

The mixer is SplitMix64's output function (Steele, Lea, Flood 2014), applied to a
counter, so that blocks are drawn by numpy and no generator has a state to keep.
"""

from math import gcd

import numpy as np
from numpy.typing import NDArray

U64 = NDArray[np.uint64]

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def _mix(z: int) -> int:
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def key(seed: int, stream: str) -> int:
    """The 64-bit key of one named stream of draws.

    Example:
        >>> key(1, "names") != key(2, "names") != key(2, "phones")
        True
    """
    value = _mix(seed & _MASK)
    for byte in stream.encode("utf-8"):
        value = _mix((value * 257 + byte + _GOLDEN) & _MASK)
    return value


def draw(seed: int, stream: str, indices: U64) -> U64:
    """64 random bits for each index."""
    with np.errstate(over="ignore"):
        z = (indices + np.uint64(1)) * np.uint64(_GOLDEN) + np.uint64(key(seed, stream))
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def draw_one(seed: int, stream: str, index: int) -> int:
    """64 random bits for one index, the same as :func:`draw` gives it.

    Example:
        >>> draw_one(1, "a", 7) == int(draw(1, "a", np.array([7], dtype=np.uint64))[0])
        True
    """
    return _mix(((index + 1) * _GOLDEN + key(seed, stream)) & _MASK)


def random_bytes(seed: int, stream: str, index: int, length: int) -> bytes:
    """``length`` reproducible bytes, for simulated keys and challenges."""
    words = [draw_one(seed, f"{stream}#{word}", index) for word in range(-(-length // 8))]
    return b"".join(word.to_bytes(8, "big") for word in words)[:length]


class ByteStream:
    """Reproducible bytes, one call after the other: the random source handed to simulated devices.

    Example:
        >>> one, two = ByteStream(1, "card", 7), ByteStream(1, "card", 7)
        >>> one(4) == two(4), one(4) == two(8)[:4]
        (True, True)
    """

    def __init__(self, seed: int, stream: str, index: int) -> None:
        self._seed, self._stream, self._index, self._calls = seed, stream, index, 0

    def __call__(self, length: int) -> bytes:
        self._calls += 1
        return random_bytes(self._seed, f"{self._stream}.{self._calls}", self._index, length)


class Shuffle:
    """A bijection of 0 … size-1 chosen by (seed, stream): who comes first, without a list.

    An affine map ``(a·i + b) mod size`` with ``a`` coprime to ``size``: enough to
    spread exact counts over a population, not a cryptographic permutation.

    Example:
        >>> shuffle = Shuffle(1, "banks", 10)
        >>> sorted(shuffle.rank(np.arange(10, dtype=np.uint64)).tolist())
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    def __init__(self, seed: int, stream: str, size: int) -> None:
        self.size = max(1, size)
        self._b = np.uint64(key(seed, stream + ".b") % self.size)
        # About size·0.62 spreads neighbours widely; the products stay under 2^64 for every population on Earth.
        a = max(1, int(self.size * 0.6180339887) + key(seed, stream + ".a") % max(1, self.size // 8))
        while gcd(a, self.size) != 1:
            a += 1
        self._a = np.uint64(a % self.size or 1)

    def rank(self, indices: U64) -> U64:
        """The place of each index in the shuffled order."""
        return (indices * self._a + self._b) % np.uint64(self.size)
