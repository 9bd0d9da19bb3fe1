"""Progress bars that work on a terminal, in a log file, and on GBK or ASCII consoles."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:  # every command prints through this module, few of them replay
    from sbcard_core.replay.stages import Stage


class _Console(Console):
    """A console whose reader may go away: what is said then is lost, the work goes on (``| head``)."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


console = _Console(highlight=False)


class RichMeter:
    """One bar per stage on a terminal; one line per finished stage elsewhere."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)

    @contextmanager
    def __call__(self, stage: "Stage", total: int) -> Iterator[Callable[[int], None]]:
        """A bar for ``stage``."""
        label = f"{stage.name:<17} {stage.zh}"
        task = self._progress.add_task(label, total=total or None)
        started = monotonic()
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            self._progress.update(task, completed=done, total=max(done, total))

        yield advance
        self._progress.update(task, completed=done, total=done)
        if not console.is_terminal:
            console.print(f"{label}: {done:,} in {monotonic() - started:.1f} s", markup=False, soft_wrap=True)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
