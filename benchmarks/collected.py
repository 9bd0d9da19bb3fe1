"""Collected records by code: as an Arrow table and as files, 2 of 100 with one fault that refuses them.

No person: numbers, names and telephones are drawn. The same rows come at every call and in every process.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.numbers import COUNTIES, ON, right_numbers
from sbcard_core.validation.spec import COLLECTION

HEADERS = [column.header for column in COLLECTION.fields]
PIECE = 1_000_000
FAULTY = 50
"""One record of so many has a fault."""
_FAMILY, _GIVEN = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗", "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英"
KINDS = 10


def _names() -> list[str]:
    two = [family + given for family in _FAMILY for given in _GIVEN]
    three = [family + given + other for family in _FAMILY[:10] for given in _GIVEN[:10] for other in _GIVEN[:10]]
    return [*two, *three, *(f"阿{given}·买买提{other}" for given in _GIVEN for other in _GIVEN), "A1"]


def _fixed(table: NDArray[np.uint8]) -> Any:
    """n × width characters as an Arrow binary column."""
    import pyarrow as pa  # noqa: PLC0415 - a benchmark's part

    count, width = table.shape
    places = np.arange(0, width * count + 1, width, dtype=np.int32)
    return pa.BinaryArray.from_buffers(pa.binary(), count, [None, pa.py_buffer(places), pa.py_buffer(table.tobytes())])


def _pick(values: list[str], which: NDArray[np.int64], encoding: str) -> Any:
    import pyarrow as pa  # noqa: PLC0415

    return pa.array([value.encode(encoding) for value in values], pa.binary()).take(pa.array(which))


def _digits(values: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    out = np.empty((len(values), width), np.uint8)
    for place in range(width):
        out[:, place] = values // 10 ** (width - 1 - place) % 10 + 48
    return out


def columns(
    start: int, count: int, *, encoding: str = "utf-8", repeats: bool = False, faults: bool = True
) -> list[Any]:
    """Arrow binary columns of records ``start`` to ``start + count``, in the order of the layout.

    Args:
        start: a multiple of :data:`PIECE`.
        count: at most a piece.
        encoding: of the text.
        repeats: whether one of 200 records carries the number of another one.
        faults: whether 2 of 100 records have a fault.
    """
    import pyarrow as pa  # noqa: PLC0415

    rng = np.random.default_rng([7, start])
    numbers, sexes = right_numbers(start, count)
    names, at = _names(), np.arange(count)
    who = rng.integers(0, len(names) - 1, count)
    if repeats:
        twins = np.arange(199, count, 200)
        numbers[twins], sexes[twins] = numbers[twins - 100], sexes[twins - 100]
        who[twins] = (who[twins - 100] + np.arange(len(twins)) % 2) % (len(names) - 1)  # every second is another person
    births = numbers[:, 6:14].copy()
    phones = np.hstack(
        [np.tile(np.frombuffer(b"138", np.uint8), (count, 1)), rng.integers(48, 58, (count, 8), np.uint8)]
    )
    category, bank, county = rng.integers(0, 5, count), rng.integers(0, 5, count), rng.integers(0, len(COUNTIES), count)
    sent, ethnicity = np.full(count, 0), rng.integers(0, 3, count)
    if faults:
        step = FAULTY * KINDS
        numbers[0::step, 16] = (numbers[0::step, 16] - 48 + 2) % 10 + 48
        numbers[50::step, 10:14] = np.frombuffer(b"0230", np.uint8)
        births[100::step, 3] = (births[100::step, 3] - 48 + 1) % 10 + 48
        sexes[150::step] ^= 3
        phones[200::step, 0] = ord("2")
        category[250::step], bank[300::step], county[350::step] = 5, 5, len(COUNTIES)
        sent[400::step], who[450::step] = 1, len(names) - 1
    serial = start + at + 1
    return [
        pa.array(serial).cast(pa.string()).cast(pa.binary()),
        _fixed(np.hstack([np.full((count, 1), ord("F"), np.uint8), _digits(serial, 9)])),
        _fixed(numbers),
        _pick(names, who, encoding),
        _fixed(sexes.reshape(-1, 1)),
        _pick(["01", "08", "15"], ethnicity, encoding),
        _fixed(births),
        _fixed(phones),
        _pick(["1", "2", "3", "4", "5", "7"], category, encoding),
        _pick([*COUNTIES, "999999"], county, encoding),
        _pick(["102", "103", "105", "402", "403", "099"], bank, encoding),
        _pick([f"{ON:%Y%m%d}", "20140230"], sent, encoding),
    ]


def table(count: int, *, faults: bool = True) -> Any:
    """The records as one pyarrow table of text columns."""
    import pyarrow as pa  # noqa: PLC0415

    pieces = [
        pa.table(
            [column.cast(pa.string()) for column in columns(start, min(PIECE, count - start), faults=faults)],
            names=HEADERS,
        )
        for start in range(0, count, PIECE)
    ]
    return pa.concat_tables(pieces).combine_chunks()


def _lines(count: int, **how: Any) -> Iterator[memoryview]:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    for start in range(0, count, PIECE):
        made = columns(start, min(PIECE, count - start), **how)
        wide = [column.cast(pa.large_binary()) for column in made]
        joined = pc.binary_join_element_wise(*wide, pa.scalar(b",", pa.large_binary()))
        ended = pc.binary_join_element_wise(
            joined, pa.scalar(b"\r\n", pa.large_binary()), pa.scalar(b"", pa.large_binary())
        )
        yield memoryview(ended.buffers()[2])[: np.frombuffer(ended.buffers()[1], np.int64)[len(ended)]]


def write(path: Path, count: int, *, encoding: str = "utf-8", **how: Any) -> int:
    """Write a file of so many records with its header, see :func:`columns`; its size in bytes."""
    with path.open("wb") as file:
        file.write(",".join(HEADERS).encode(encoding) + b"\r\n")
        for lines in _lines(count, encoding=encoding, **how):
            file.write(lines)
        return file.tell()


def faulty(count: int) -> int:
    """How many of the first ``count`` records have a fault."""
    return -(-count // FAULTY)


def refused(count: int) -> int:
    """How many of the first ``count`` records of a file with repeats a check refuses."""
    twins = count // 200
    return faulty(count) + (twins + 1) // 2 + twins // 2 * 2
