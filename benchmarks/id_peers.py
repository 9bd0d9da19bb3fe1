"""The check of citizen numbers as others do it: the same five rules on the same rows.

Peers that can, give one mask per row, as ours; those that stop at the first error give which rows are clean.
python-stdnum has rules of its own (it knows fewer regions and no sex), so it gets only numbers it can judge.
"""

import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.numbers import ON, WEIGHTS, Numbers
from sbcard_core.fields import citizen_id

Mask = NDArray[np.uint8]
BLOCK = 2_048
TODAY = (ON.year - 1900) * 372 + (ON.month - 1) * 31 + ON.day - 1
DAYS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] + [0] * 87, np.int32)
TENS = [10**power for power in range(16, -1, -1)]


def provinces() -> list[int]:
    """The first two digits of known numbers, out of the same table ours uses."""
    bits = np.unpackbits(np.frombuffer(citizen_id.known_regions(), np.uint8), bitorder="little")
    return [code for code in range(10, 90) if bits[code * 10_000]]


def has(*modules: str) -> bool:
    """Whether libraries are installed."""
    return all(importlib.util.find_spec(module) is not None for module in modules)


def numpy_masks(given: Numbers) -> Mask:
    """Blocks that stay in the cache."""
    table = np.frombuffer(given.rows, np.uint8).reshape(-1, 18)
    sexes = np.frombuffer(given.sexes, np.uint8)
    known = np.unpackbits(np.frombuffer(citizen_id.known_regions(), np.uint8), bitorder="little")
    out = np.empty(len(table), np.uint8)
    for start in range(0, len(table), BLOCK):
        block = table[start : start + BLOCK].astype(np.int32) - 48
        sex = sexes[start : start + BLOCK] - np.uint8(48)
        is_x = block[:, 17] == ord("X") - 48
        bad = (
            (block[:, :17] < 0).any(1)
            | (block[:, :17] > 9).any(1)
            | ~((block[:, 17] >= 0) & (block[:, 17] <= 9) | is_x)
        )
        block[is_x, 17] = 10
        region = block[:, :6] @ np.array([100_000, 10_000, 1_000, 100, 10, 1])
        year = block[:, 6:10] @ np.array([1_000, 100, 10, 1])
        month, day = block[:, 10] * 10 + block[:, 11], block[:, 12] * 10 + block[:, 13]
        leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
        last = DAYS[np.clip(month, 0, 99)] + (leap & (month == 2))
        key = (year - 1900) * 372 + (month - 1) * 31 + day - 1
        dated = (year >= 1900) & (year <= 2075) & (day >= 1) & (day <= last) & (key <= TODAY)
        right = (block[:, :17] @ WEIGHTS + block[:, 17]) % 11 == 1
        other = ((sex == 1) | (sex == 2)) & (block[:, 16] % 2 != sex % 2)
        found = (known[np.clip(region, 0, 999_999)] == 0) * 2 + ~dated * 4 + ~right * 8 + other * 16
        out[start : start + BLOCK] = np.where(bad, 1, found)
    return out


@cache
def _numba_loop() -> Callable[..., None]:  # noqa: C901 - one loop, as one would write it
    import numba  # noqa: PLC0415 - a peer

    weights, days = WEIGHTS, DAYS

    @numba.njit(nogil=True)
    def loop(table: Any, sexes: Any, known: Any, today: int, out: Any) -> None:  # noqa: C901
        for i in range(len(table)):
            row = table[i]
            bad = False
            total = 0
            for place in range(17):
                digit = row[place] - 48
                if digit < 0 or digit > 9:
                    bad = True
                    break
                total += digit * weights[place]
            last = row[17]
            if bad or not (48 <= last <= 57 or last == 88):
                out[i] = 1
                continue
            found = 0
            code = 0
            for place in range(6):
                code = code * 10 + (row[place] - 48)
            if not known[code >> 3] >> (code & 7) & 1:
                found |= 2
            year = (row[6] - 48) * 1000 + (row[7] - 48) * 100 + (row[8] - 48) * 10 + (row[9] - 48)
            month = (row[10] - 48) * 10 + (row[11] - 48)
            day = (row[12] - 48) * 10 + (row[13] - 48)
            most = days[month]
            if month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
                most += 1
            key = (year - 1900) * 372 + (month - 1) * 31 + day - 1
            if year < 1900 or year > 2075 or day < 1 or day > most or key > today:
                found |= 4
            if (total + (10 if last == 88 else last - 48)) % 11 != 1:
                found |= 8
            sex = sexes[i] - 48
            if (sex in (1, 2)) and (row[16] - 48) % 2 != sex % 2:
                found |= 16
            out[i] = found

    made: Callable[..., None] = loop
    return made


def numba_masks(given: Numbers) -> Mask:
    """A loop as one would write it, compiled."""
    table = np.frombuffer(given.rows, np.uint8).reshape(-1, 18)
    known = np.frombuffer(citizen_id.known_regions(), np.uint8)
    out = np.empty(len(table), np.uint8)
    _numba_loop()(table, np.frombuffer(given.sexes, np.uint8), known, TODAY, out)
    return out


def polars_parts(number: Any, sex: Any) -> dict[str, Any]:
    """The five rules as expressions over a column of numbers and one of sexes; true where the rule is broken."""
    import polars as pl  # noqa: PLC0415 - a peer

    body = number.str.slice(0, 17).cast(pl.Int64, strict=False)
    last = number.str.slice(17, 1)
    end = pl.when(last == "X").then(10).otherwise(last.cast(pl.Int64, strict=False))
    total = sum((body // ten % 10 * int(weight) for ten, weight in zip(TENS, WEIGHTS, strict=True)), end)
    region = body // 10**11
    year, month, day = body // 10**7 % 10_000, body // 10**5 % 100, body // 10**3 % 100
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    short = pl.when(month == 2).then(28 + leap.cast(pl.Int64)).when(month.is_in([4, 6, 9, 11])).then(30).otherwise(31)
    key = (year - 1900) * 372 + (month - 1) * 31 + day - 1
    dated = year.is_between(1900, 2075) & month.is_between(1, 12) & (day >= 1) & (day <= short) & (key <= TODAY)
    firsts = provinces()
    known = (region // 10_000).is_in(firsts) | ((region // 1_000 - 900).is_in(firsts))
    return {
        "characters": ~number.str.contains(r"^[0-9]{17}[0-9X]$"),
        "region": ~known,
        "date": ~dated,
        "check": total % 11 != 1,
        "sex": sex.is_in(["1", "2"]) & (body % 2 != sex.cast(pl.Int64, strict=False) % 2),
    }


def polars_masks(frame: Any) -> Mask:
    """Expressions, on all of polars' threads."""
    import polars as pl  # noqa: PLC0415 - a peer

    parts = polars_parts(pl.col("number"), pl.col("sex"))
    bad = parts.pop("characters")
    mask = sum(
        (pl.when(broken).then(bit).otherwise(0) for broken, bit in zip(parts.values(), (2, 4, 8, 16), strict=True)),
        pl.lit(0),
    )
    made = frame.lazy().select(pl.when(bad).then(1).otherwise(mask).cast(pl.UInt8).alias("mask")).collect()
    return np.asarray(made["mask"].to_numpy())


def duckdb_query() -> str:
    """The five rules in SQL over a table ``numbers`` with columns ``place``, ``number`` and ``sex``."""
    digits = " + ".join(f"b // {ten} % 10 * {weight}" for ten, weight in zip(TENS, WEIGHTS, strict=True))
    firsts = ", ".join(map(str, provinces()))
    return f"""
        with parts as (
            select place, number, sex, substr(number, 18, 1) as z, try_cast(substr(number, 1, 17) as bigint) as b
            from numbers
        ), named as (
            select *, b // 100000000000 as region,
                b // 10000000 % 10000 as y, b // 100000 % 100 as m, b // 1000 % 100 as d,
                regexp_full_match(number, '[0-9]{{17}}[0-9X]') as whole
            from parts
        )
        select place, case when not whole then 1 else
            case when region // 10000 in ({firsts}) or region // 1000 - 900 in ({firsts}) then 0 else 2 end
            + case when y between 1900 and 2075 and m between 1 and 12 and d >= 1 and d <= case
                when m = 2 then 28 + (y % 4 = 0 and (y % 100 <> 0 or y % 400 = 0))::int
                when m in (4, 6, 9, 11) then 30 else 31 end
                and (y - 1900) * 372 + (m - 1) * 31 + d - 1 <= {TODAY} then 0 else 4 end
            + case when ({digits} + case when z = 'X' then 10 else try_cast(z as bigint) end) % 11 = 1 then 0 else 8 end
            + case when sex in ('1', '2') and b % 2 <> try_cast(sex as bigint) % 2 then 16 else 0 end
        end::utinyint as mask from named"""


def duckdb_masks(connection: Any) -> dict[str, Any]:
    """SQL, on all of duckdb's threads: the place and the mask of each row, in any order."""
    found: dict[str, Any] = connection.execute(duckdb_query()).fetchnumpy()
    return found


@cache
def pandera_schema() -> Any:
    """The five rules as checks of a data frame."""
    import pandera.polars as pa  # noqa: PLC0415 - a peer
    import polars as pl  # noqa: PLC0415 - a peer

    def check(name: str, broken: Any) -> Any:
        return pa.Check(lambda data: data.lazyframe.select(~broken.fill_null(True)), name=name)

    checks = [check(name, broken) for name, broken in polars_parts(pl.col("number"), pl.col("sex")).items()]
    return pa.DataFrameSchema({"number": pa.Column(str), "sex": pa.Column(str)}, checks=checks)


def pandera_clean(frame: Any) -> NDArray[np.bool_]:
    """All checks of the schema, every failing row reported."""
    import pandera.errors  # noqa: PLC0415 - a peer

    clean = np.ones(len(frame), np.bool_)
    try:
        pandera_schema().validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        clean[errors.failure_cases["index"].drop_nulls().unique().to_numpy()] = False
    return clean


def is_clean(number: str, sex: str) -> bool:
    """The five rules in plain Python."""
    from calendar import monthrange  # noqa: PLC0415

    if not (
        len(number) == 18 and number.isascii() and number[:17].isdigit() and (number[17].isdigit() or number[17] == "X")
    ):
        return False
    first, year, month, day = int(number[:2]), int(number[6:10]), int(number[10:12]), int(number[12:14])
    if not (first in _FIRSTS or (number[0] == "9" and int(number[1:3]) in _FIRSTS)):
        return False
    if not (1900 <= year <= 2075 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]):
        return False
    if (year - 1900) * 372 + (month - 1) * 31 + day - 1 > TODAY:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False))
    if (total + (10 if number[17] == "X" else int(number[17]))) % 11 != 1:
        return False
    return sex not in "12" or int(number[16]) % 2 == int(sex) % 2


_WEIGHTS = WEIGHTS.tolist()
_FIRSTS = frozenset(provinces())


@cache
def _model() -> Any:
    import pydantic  # noqa: PLC0415 - a peer

    class Person(pydantic.BaseModel):
        number: str = pydantic.Field(pattern=r"^[0-9]{17}[0-9X]$")
        sex: str = pydantic.Field(pattern=r"^[129]$")

        @pydantic.model_validator(mode="after")
        def _rules(self) -> "Person":
            if not is_clean(self.number, self.sex):
                raise ValueError("wrong number")
            return self

    return Person


def pydantic_clean(texts: list[tuple[str, str]]) -> NDArray[np.bool_]:
    """A model with a pattern and a validator, one number at a time."""
    import pydantic  # noqa: PLC0415 - a peer

    model, out = _model(), np.zeros(len(texts), np.bool_)
    for at, (number, sex) in enumerate(texts):
        try:
            model(number=number, sex=sex)
        except pydantic.ValidationError:
            continue
        out[at] = True
    return out


def python_clean(texts: list[tuple[str, str]]) -> NDArray[np.bool_]:
    """Plain Python, one number at a time."""
    return np.array([is_clean(number, sex) for number, sex in texts], np.bool_)


def stdnum_clean(texts: list[tuple[str, str]]) -> NDArray[np.bool_]:
    """python-stdnum, one number at a time: characters, its own regions, date and check character."""
    from stdnum.cn import ric  # noqa: PLC0415 - a peer

    return np.array([ric.is_valid(number) for number, _ in texts], np.bool_)
