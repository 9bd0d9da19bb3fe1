"""Cells of lines that passed the screen, cut out together for tables."""

import numpy as np
import numpy.typing as npt

from sbcard_core import _kernels
from sbcard_core.validation.arrow_cells import describe
from sbcard_core.validation.spec import Layout
from sbcard_core.validation.text_columns import TextColumn, empty, gather

_PAIRS = 2


def cut(
    raw: bytes, encoding: str, starts: npt.NDArray[np.uint32], at: npt.NDArray[np.int64], layout: Layout
) -> list[TextColumn]:
    """The layout's columns of chosen lines, which all passed the screen.

    Args:
        raw: all lines.
        encoding: their codec.
        starts: where each line begins, and where the last one ends.
        at: indices of the chosen lines.
        layout: what the header declares.
    """
    kernel, level = _kernels.choose("screen")
    width, data = layout.columns, np.frombuffer(raw, np.uint8)
    pairs = np.empty((len(at), width, 2), np.uint32)
    kernel.cut(raw, layout.delimiter.encode("ascii"), encoding != "utf-8", width, starts, at, pairs, level)
    every = np.arange(len(at))
    columns = []
    for column in layout.order:
        described = describe(_PAIRS, column, pairs.ctypes.data, data.ctypes.data, len(data), parts=width)
        columns.append(gather(described, len(at), every, encoding) if column >= 0 else empty(len(at)))
    return columns
