"""Columns of accepted rows as UTF-8 with offsets, gathered from the bytes they stand in; no row is made."""

from array import array
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sbcard_core import _kernels, arrow
from sbcard_core.validation.arrow_cells import describe

Ends = npt.NDArray[np.int64]


class TextColumn(NamedTuple):
    """Cells one after the other, and where each ends: n + 1 offsets that begin with 0."""

    ends: Ends
    text: bytes

    def to_arrow(self, name: str) -> arrow.Column:
        """The column under a name."""
        ends = array("i")
        ends.frombytes(self.ends.astype(np.int32).tobytes())
        return arrow.Column(name, "u", len(self.ends) - 1, (None, ends, self.text))


def of_texts(values: Sequence[str]) -> TextColumn:
    """A column of values; what UTF-8 cannot hold becomes a question mark."""
    parts = [value.encode("utf-8", "replace") for value in values]
    return TextColumn(np.cumsum([0, *map(len, parts)], dtype=np.int64), b"".join(parts))


def empty(count: int) -> TextColumn:
    """A column of empty cells."""
    return TextColumn(np.zeros(count + 1, np.int64), b"")


def gather(described: bytes, rows: int, chosen: npt.NDArray[np.int64], encoding: str = "utf-8") -> TextColumn:
    """Chosen cells of one described column; text of another encoding becomes UTF-8.

    Args:
        described: 64 bytes (csrc/screen.h).
        rows: how many rows the column has.
        chosen: their indices.
        encoding: of its bytes.
    """
    kernel, level = _kernels.choose("screen")
    ends = np.empty(len(chosen) + 1, np.int64)
    raw = bytes(kernel.join(described, rows, chosen, -1, -1, ends, level))
    if encoding == "utf-8" or raw.isascii():
        return TextColumn(ends, raw)
    marked = bytes(kernel.join(described, rows, chosen, -1, 0x0A, None, level))  # no trail byte is a line end
    return of_texts(marked.decode(encoding).split("\n"))


def together(parts: Sequence[TextColumn], order: npt.NDArray[np.int64]) -> TextColumn:
    """The cells of several columns in a new order of all their rows."""
    if len(parts) == 1 and np.array_equal(order, np.arange(len(order))):
        return parts[0]
    starts = np.cumsum([0, *(len(part.text) for part in parts)])
    ends = np.concatenate([[0], *(part.ends[1:] + start for part, start in zip(parts, starts, strict=False))])
    text = b"".join(part.text for part in parts)
    described = describe(8, 0, ends.ctypes.data, np.frombuffer(text or b"\0", np.uint8).ctypes.data, len(text))
    return gather(described, len(ends) - 1, order)


def numbers(name: str, values: Any, kind: str = "l") -> arrow.Column:
    """A numpy array of whole numbers as an Arrow column (see :func:`sbcard_core.arrow.numbers`)."""
    code, form = {"l": ("q", np.int64), "L": ("Q", np.uint64), "C": ("B", np.uint8)}[kind]
    data = array(code)
    data.frombytes(np.ascontiguousarray(values, form).tobytes())
    return arrow.Column(name, kind, len(data), (None, data))
