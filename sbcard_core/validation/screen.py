"""The screen before the judge: says of each record "certainly clean" or "look closer".

Soundness is the law of this file: a record that is let pass is one in which the judge alone would find nothing, and
which it would store as it is written. The screen only saves work; what it does not understand, it passes on.

Lines of text and Arrow columns are looked through by a kernel, from their bytes, without a Python object for a
record; other rows (workbooks, table files) as text (:mod:`~sbcard_core.validation.row_screen`).
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from sbcard_core.validation.blocks import Code, Records
from sbcard_core.validation.context import Context
from sbcard_core.validation.crosses import BoundRule
from sbcard_core.validation.duplicates import Duplicates
from sbcard_core.validation.program import Program, compile_program
from sbcard_core.validation.row_screen import RowScreen
from sbcard_core.validation.rules import RecordRules
from sbcard_core.validation.spec import Layout, RecordSpec
from sbcard_core.validation.text_columns import TextColumn

Flags = npt.NDArray[np.uint8]
Keys = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


@runtime_checkable
class Readable(Protocol):
    """A block whose bytes a kernel can look through."""

    @property
    def reading(self) -> str:
        """The encoding of its bytes, ``""`` where no kernel can read them; with a mark for whole lines."""

    def look_through(self, code: Code, *, with_keys: bool = True) -> tuple[Flags, Keys]:
        """Run a program: a flag for each record, 0 = clean, and a key where asked for."""

    def rows(self, at: Sequence[int], layout: Layout, make: Callable[[Sequence[Any]], Any]) -> list[Any]:
        """Make rows of some clean records."""

    def text_columns(self, at: Places, layout: Layout) -> list[TextColumn]:
        """The layout's columns of some clean records."""

    def lines(self, at: Places) -> Places:
        """Lines of some records."""


class Lazy:
    """Clean records of one block, made into rows when they are asked for.

    Args:
        block: where they are.
        start: the record the marks begin with.
        clean: a mark for each record.
        layout: of the block.
        make: makes a row.
    """

    def __init__(
        self, block: Readable, start: int, clean: npt.NDArray[np.bool_], layout: Layout,
        make: Callable[[Sequence[Any]], Any],
    ) -> None:  # fmt: skip
        self.block, self.layout, self._make = block, layout, make
        self._start, self._clean, self._count = start, clean, int(np.count_nonzero(clean))

    def __len__(self) -> int:
        return self._count

    @property
    def at(self) -> Places:
        """Their places in the block."""
        return np.flatnonzero(self._clean) + self._start

    def rows(self) -> list[Any]:
        """All of them."""
        return self.block.rows(self.at.tolist(), self.layout, self._make)

    def text_columns(self) -> list[TextColumn]:
        """Their columns, without any row."""
        return self.block.text_columns(self.at, self.layout)

    def lines(self) -> Places:
        """Their lines."""
        return self.block.lines(self.at)


class Screened(NamedTuple):
    """What the screen makes of some records: those that are clean, and the indices of those to be judged."""

    clean: Lazy | list[Any]
    others: list[int]


class Screen:
    """Looks through the blocks of files of one spec.

    Args:
        spec: the layout.
        context: what the rules know besides the values.
        rules: the judge's own rules.
        duplicates: what the first pass found; a record whose number repeats is always judged.
    """

    def __init__(self, spec: RecordSpec, context: Context, rules: RecordRules, duplicates: Duplicates) -> None:
        self._spec, self._rules, self._duplicates = spec, rules, duplicates
        self._row_screen = RowScreen(spec, context, rules, duplicates)
        self._programs: dict[tuple[int, str], tuple[Layout, Program | None]] = {}
        self._own = threading.local()  # threads may share a screen; each has its own block in hand

    def look(self, block: Records, layout: Layout, start: int, stop: int) -> Screened:
        """Look through records ``start`` to ``stop`` of a block."""
        program = self._program(block, layout) if isinstance(block, Readable) else None
        if program is None or not isinstance(block, Readable):
            return Screened(*self._row_screen.look(block, layout, start, stop))
        flags, keys = self._looked_through(block, program)
        clean = flags[start:stop] == 0
        if len(self._duplicates):
            found = keys[start:stop]  # a number without a key may repeat as text
            clean &= (found != 0) & ~self._duplicates.repeated(found)
        if program.closer or program.crosses:
            self._look_in_python(block, layout, program, clean, start)
        make = self._spec.row._make
        return Screened(Lazy(block, start, clean, layout, make), (np.flatnonzero(~clean) + start).tolist())

    def pass_none(self, block: Records, layout: Layout, start: int, stop: int) -> Screened:  # noqa: ARG002
        """What :meth:`look` must be equal to in the end: the judge sees every record."""
        return Screened([], list(range(start, stop)))

    def _looked_through(self, block: Readable, program: Program) -> tuple[Flags, Keys]:
        """Flags and keys of a whole block, no keys where no number repeats; its batches follow each other."""
        last: tuple[Any, Flags, Keys] | None = getattr(self._own, "last", None)
        if last is None or last[0] is not block:
            with_keys = len(self._duplicates) > 0
            last = self._own.last = (block, *block.look_through(program.code, with_keys=with_keys))
        return last[1:]

    def _program(self, block: Readable, layout: Layout) -> Program | None:
        encoding, _, form = block.reading.partition(" ")
        if not encoding:
            return None
        key = (id(layout), block.reading)
        if key not in self._programs:  # the layout is kept, so that its id stays its own
            made = compile_program(self._spec, self._rules, layout, encoding, lines=form == "lines")
            self._programs[key] = (layout, made)
        return self._programs[key][1]

    def _look_in_python(
        self, block: Readable, layout: Layout, program: Program, clean: npt.NDArray[np.bool_], start: int
    ) -> None:
        """What the kernel could not express, asked of the judge's own rules."""
        at = np.flatnonzero(clean)
        rows = block.rows((at + start).tolist(), layout, tuple)
        for place, row in zip(at.tolist(), rows, strict=True):
            clean[place] = _holds(row, program.closer, program.crosses)


def _holds(row: Sequence[str], closer: list[tuple[int, Callable[[str], bool]]], crosses: list[BoundRule]) -> bool:
    return all(is_clean(row[at]) for at, is_clean in closer) and not any(bound.broken(row) for bound in crosses)
