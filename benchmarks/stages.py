"""Where the time of a check goes: the library's own calls wrapped by clocks, once a batch, each counted alone."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isgeneratorfunction
from time import perf_counter_ns
from typing import Any


class Stages:
    """Nanoseconds by stage. A stage inside another one is not counted twice."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = {}
        self._stack: list[str] = []
        self._since = perf_counter_ns()
        self._undo: list[Callable[[], None]] = []

    def _turn(self) -> None:
        now = perf_counter_ns()
        if self._stack:
            self.spent[self._stack[-1]] = self.spent.get(self._stack[-1], 0) + now - self._since
        self._since = now

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What runs in here belongs to this stage."""
        self._turn()
        self._stack.append(name)
        try:
            yield
        finally:
            self._turn()
            self._stack.pop()

    def wrap(self, owner: Any, attribute: str, name: str) -> None:
        """Count a function, method or generator as a stage until :meth:`undo`."""
        plain = owner.__dict__[attribute]
        inner = plain.__func__ if isinstance(plain, classmethod | staticmethod) else plain

        @wraps(inner)
        def call(*arguments: Any, **named: Any) -> Any:
            with self.stage(name):
                return inner(*arguments, **named)

        @wraps(inner)
        def each(*arguments: Any, **named: Any) -> Iterator[Any]:
            made = inner(*arguments, **named)
            while True:
                with self.stage(name):
                    try:
                        item = next(made)
                    except StopIteration:
                        return
                yield item

        timed: Any = each if isgeneratorfunction(inner) else call
        timed = type(plain)(timed) if isinstance(plain, classmethod | staticmethod) else timed
        setattr(owner, attribute, timed)
        self._undo.append(lambda: setattr(owner, attribute, plain))

    def undo(self) -> None:
        """Take all clocks out again."""
        while self._undo:
            self._undo.pop()()


READ, SCREEN, JUDGE, SEARCH, FINDINGS = "read and split", "screen", "judge", "duplicates", "findings out"


@contextmanager
def clocks(stages: Stages, *, judging: bool = True) -> Iterator[None]:
    """Clocks on a check's stages: what a stage calls of another one counts there.

    ``judging`` is whether the check judges in this thread; what other threads do has no clock.
    """
    from sbcard_core.validation import columnar, judge, screen, sources  # noqa: PLC0415
    from sbcard_core.validation.duplicates import Duplicates  # noqa: PLC0415

    try:
        stages.wrap(sources.Delimited, "blocks", READ)
        stages.wrap(columnar.ArrowTable, "blocks", READ)
        stages.wrap(Duplicates, "find", SEARCH)
        if judging:
            stages.wrap(screen.Screen, "look", SCREEN)
            stages.wrap(judge.Checker, "check", JUDGE)
        yield
    finally:
        stages.undo()
