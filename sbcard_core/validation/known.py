"""Numbers that are known already: exact membership of a column of numbers in a stream of any length.

The new numbers are packed into 8 bytes each and sorted once; the known ones pass by in pieces and are only
looked up. Packing is one to one for well-formed numbers (17 digits and the check character); any other value is
compared as text.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import citizen_id

Keys = npt.NDArray[np.uint64]

PIECE = 65_536
"""Known numbers looked up at once."""

_FORM = re.compile(r"[0-9]{17}[0-9X]")


def pack_exact(rows: bytes) -> Keys:
    """Keys of n well-formed numbers in n × 18 bytes; two numbers have one key only if they are equal.

    Example:
        >>> [int(key) for key in pack_exact(b"11010519491231002X")]
        [121115714403541032]
    """
    chars = np.frombuffer(rows, np.uint8).reshape(-1, citizen_id.LENGTH)
    keys = np.zeros(len(chars), np.uint64)
    for column in range(citizen_id.LENGTH - 1):
        keys *= np.uint64(10)
        keys += chars[:, column] - np.uint8(48)
    return keys * np.uint64(11) + np.where(chars[:, -1] == 88, 10, chars[:, -1] - np.uint8(48)).astype(np.uint64)


def _split(numbers: Sequence[str]) -> tuple[Keys, list[int], dict[str, list[int]]]:
    """(keys of the well-formed, their places, places of all others by text)."""
    places, others = [], dict[str, list[int]]()
    for at, number in enumerate(numbers):
        if _FORM.fullmatch(number):
            places.append(at)
        else:
            others.setdefault(number, []).append(at)
    text = "".join([numbers[at] for at in places])
    return pack_exact(text.encode("ascii")), places, others


def _split_column(rows: bytes) -> tuple[Keys, dict[str, list[int]]]:
    """(keys of the well-formed, all others by text) of n × 18 bytes, without making n strings."""
    chars = np.frombuffer(rows, np.uint8).reshape(-1, citizen_id.LENGTH)
    digits = (chars >= 48) & (chars <= 57)
    good = digits[:, :-1].all(axis=1) & (digits[:, -1] | (chars[:, -1] == 88))
    others = chars[~good].tobytes().decode("latin-1")
    texts = {others[at : at + citizen_id.LENGTH]: [at] for at in range(0, len(others), citizen_id.LENGTH)}
    return pack_exact(chars[good].tobytes()), texts


def _known(known: Iterable[str] | Any) -> Iterator[tuple[Keys, dict[str, list[int]]]]:
    """A column of n × 18 bytes, or any stream of strings, piece by piece."""
    if isinstance(known, str):
        raise InvalidValue("one string is no stream of numbers", step="known.mark", advice="pass a list of numbers")
    try:
        column = memoryview(known)  # type: ignore[arg-type]
    except TypeError:
        column = None
    if column is None or column.format.endswith("w"):  # a numpy column of Python text is read as a stream
        stream = map(str, known)
        while piece := list(islice(stream, PIECE)):
            keys, _, texts = _split(piece)
            yield keys, texts
        return
    if not column.c_contiguous:
        raise InvalidValue("the column is not contiguous", step="known.mark", term="号码数组")
    column = column.cast("B")
    if column.nbytes % citizen_id.LENGTH:
        raise InvalidValue("a column of numbers is n × 18 bytes", step="known.mark", term="号码数组")
    step = PIECE * citizen_id.LENGTH
    for start in range(0, column.nbytes, step):
        yield _split_column(column[start : start + step].tobytes())


def mark(numbers: Sequence[str], known: Iterable[str] | Any) -> bytearray:
    """Mark the numbers that are among the known ones.

    Args:
        numbers: n numbers in stored form.
        known: numbers in stored form: a stream of strings (read once, never held), or a column of n × 18
            contiguous bytes (``bytes``, numpy ``S18``, an Arrow buffer).

    Returns:
        n bytes, 1 where the number is known. A blank number is never known.

    Raises:
        InvalidValue: a column that is not n × 18 bytes.

    Example:
        >>> list(mark(["11010519491231002X", "430102194912310021"], iter(["11010519491231002X"])))
        [1, 0]
        >>> list(mark(["11010519491231002X"], b"430102194912310021" b"11010519491231002X"))
        [1]
    """
    out = bytearray(len(numbers))
    keys, places, others = _split(numbers)
    ours, which = np.unique(keys, return_inverse=True)
    hit = np.zeros(len(ours), np.bool_)
    others.pop("", None)
    for theirs, texts in _known(known):
        if len(ours):
            at = np.searchsorted(ours, theirs).clip(max=len(ours) - 1)
            hit[at[ours[at] == theirs]] = True
        for text in texts.keys() & others.keys():
            for place in others.pop(text):
                out[place] = 1
    for place in np.asarray(places, np.int64)[hit[which]].tolist():
        out[place] = 1
    return out
