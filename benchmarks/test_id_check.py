"""Citizen-number check: ours at every level beside numpy, python-stdnum and a plain copy of the bytes.

One thread. All see the same contiguous 18-byte rows; results are compared before
anything is timed. The peers do what they can of the rule: numpy all of it in
blocks that stay in the cache, python-stdnum one number at a time (its own rules).
"""

from datetime import date
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from sbcard_core import _kernels
from sbcard_core.fields import citizen_id

ON = date(2014, 7, 31)
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
BLOCK = 2_048
WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int32)
DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] + [0] * 87)


@cache
def rows(count: int) -> bytes:
    """``count`` numbers, one of 50 with a wrong digit."""
    rng = np.random.default_rng(1)
    body = np.empty((count, 18), dtype=np.uint8)
    digits = rng.integers(0, 10, (count, 18), dtype=np.uint8)
    body[:, :6] = np.frombuffer(b"430102", np.uint8) - 48
    years, months, days = rng.integers(1930, 2010, count), rng.integers(1, 13, count), rng.integers(1, 29, count)
    for place, value in ((6, years // 1000), (7, years // 100 % 10), (8, years // 10 % 10), (9, years % 10)):
        body[:, place] = value
    for place, value in ((10, months // 10), (11, months % 10), (12, days // 10), (13, days % 10)):
        body[:, place] = value
    body[:, 14:17] = digits[:, 14:17]
    check = (12 - body[:, :17].astype(np.int32) @ WEIGHTS % 11) % 11
    body[:, 17] = np.where(check == 10, ord("X") - 48, check)
    body[::50, 16] = (body[::50, 16] + 1) % 10
    return (body + 48).astype(np.uint8).tobytes()


def numpy_check(data: bytes) -> NDArray[np.uint8]:
    """The same rule in numpy, block by block."""
    table = np.frombuffer(data, np.uint8).reshape(-1, 18)
    known = np.unpackbits(np.frombuffer(citizen_id.known_regions(), np.uint8), bitorder="little")
    out = np.empty(len(table), np.uint8)
    today = (2014 - 1900) * 372 + 6 * 31 + 30
    for start in range(0, len(table), BLOCK):
        block = table[start : start + BLOCK].astype(np.int32) - 48
        is_x = block[:, 17] == ord("X") - 48
        block[is_x, 17] = 10
        bad = (block[:, :17] < 0).any(1) | (block[:, :17] > 9).any(1) | (block[:, 17] < 0) | (block[:, 17] > 10)
        region = block[:, :6] @ np.array([100_000, 10_000, 1_000, 100, 10, 1])
        year = block[:, 6:10] @ np.array([1_000, 100, 10, 1])
        month, day = block[:, 10] * 10 + block[:, 11], block[:, 12] * 10 + block[:, 13]
        leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
        last = DAYS[np.clip(month, 0, 99)] + (leap & (month == 2))
        key = (year - 1900) * 372 + (month - 1) * 31 + day - 1
        dated = (year >= 1900) & (year <= 2075) & (day >= 1) & (day <= last) & (key <= today)
        right = (block[:, :17] @ WEIGHTS + block[:, 17]) % 11 == 1
        found = (known[np.clip(region, 0, 999_999)] == 0) * 2 + ~dated * 4 + ~right * 8
        out[start : start + BLOCK] = np.where(bad, 1, found)
    return out


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("level", [level for level in _kernels.kernel_levels("idcheck") if level != "reference"])
def test_ours(benchmark, level: str, count: int) -> None:  # type: ignore[no-untyped-def]
    data = rows(count)
    assert (
        bytes(citizen_id.check_many(data[: 18 * 20_000], on=ON, level=level))
        == numpy_check(data[: 18 * 20_000]).tobytes()
    )
    benchmark.extra_info["rows"] = count
    benchmark.group = f"check {count:,} citizen numbers"
    benchmark(citizen_id.check_many, data, on=ON, level=level)


@pytest.mark.parametrize("count", SIZES[:3])
def test_numpy_in_blocks(benchmark, count: int) -> None:  # type: ignore[no-untyped-def]
    benchmark.group = f"check {count:,} citizen numbers"
    benchmark.pedantic(numpy_check, (rows(count),), rounds=3, iterations=1)


@pytest.mark.parametrize("count", SIZES)
def test_copy_of_the_bytes(benchmark, count: int) -> None:  # type: ignore[no-untyped-def]
    benchmark.group = f"check {count:,} citizen numbers"
    benchmark(bytearray, rows(count))


def test_stdnum(benchmark) -> None:  # type: ignore[no-untyped-def]
    ric = pytest.importorskip("stdnum.cn.ric")
    data = rows(10_000)
    numbers = [data[place : place + 18].decode() for place in range(0, len(data), 18)]
    benchmark.group = "check 10,000 citizen numbers"
    benchmark.pedantic(lambda: [ric.is_valid(number) for number in numbers], rounds=3, iterations=1)
