"""Blocks judged in order, here or by workers: the results are the same."""

import pickle
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple

from sbcard_core.validation.blocks import Records
from sbcard_core.validation.context import Context
from sbcard_core.validation.duplicates import Duplicates
from sbcard_core.validation.judge import Batch, Checker
from sbcard_core.validation.known_numbers import NOTHING_KNOWN, KnownNumbers
from sbcard_core.validation.records import CheckedBatch
from sbcard_core.validation.spec import RecordSpec

AHEAD = 2
"""Blocks per worker that may wait for their turn; it bounds the memory."""


class Plan(NamedTuple):
    """What every worker must know to judge a block."""

    spec: RecordSpec
    context: Context
    duplicates: Duplicates
    batch_size: int
    submitters: Mapping[int, str]
    """Submitter of each file of the check that has one, by the file's position."""
    known: KnownNumbers = NOTHING_KNOWN

    def checker(self, file: int) -> Checker:
        """The checker of one file."""
        return Checker(self.spec, self.context.sent_by(self.submitters.get(file, "")), self.duplicates, self.known)


class Judge:
    """Judges blocks by a plan, one checker per submitter."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._checkers: dict[str, Checker] = {}

    def checker(self, file: int) -> Checker:
        """The checker of one file."""
        submitter = self.plan.submitters.get(file, "")
        if submitter not in self._checkers:
            self._checkers[submitter] = self.plan.checker(file)
        return self._checkers[submitter]

    def batches(self, file: int, path: Path, block: Records) -> Iterator[CheckedBatch]:
        """The batches of one block."""
        checker, size = self.checker(file), self.plan.batch_size
        count = len(block)
        for start in range(0, count, size):
            batch = Batch(path, file)
            checker.check(batch, block, start, min(start + size, count))
            yield batch.done()


@lru_cache(maxsize=2)
def _load(plan: str) -> Judge:
    return Judge(pickle.loads(Path(plan).read_bytes()))  # noqa: S301 - written by this very process tree


def _work(plan: str, file: int, path: Path, block: Records) -> list[CheckedBatch]:
    return list(_load(plan).batches(file, path, block))


class _Threads:
    """Judges of a pool's threads, each its own: nothing is shared but the tables."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._own = plan, threading.local()

    def work(self, file: int, path: Path, block: Records) -> list[CheckedBatch]:
        """The batches of one block."""
        judge: Judge | None = getattr(self._own, "judge", None)
        if judge is None:
            judge = self._own.judge = Judge(self._plan)
        return list(judge.batches(file, path, block))


class Workers(AbstractContextManager["Workers"]):
    """Judges by ``workers`` threads, or by an executor that the caller owns.

    The screen's kernel runs beside everything else, so threads serve files whose records are mostly clean. Where most
    records need the judge, whose Python code runs one thread at a time, an executor of processes serves better.
    """

    def __init__(self, plan: Plan, workers: int | Executor) -> None:
        self._judge = Judge(plan)
        self._stack = ExitStack()
        self._executor: Executor | None = None
        self._call: Callable[[int, Path, Records], list[CheckedBatch]]
        if isinstance(workers, int):
            if workers > 1:
                self._ahead, self._call = AHEAD * workers, _Threads(plan).work
                self._executor = self._stack.enter_context(ThreadPoolExecutor(workers))
            return
        self._ahead, self._executor = AHEAD * int(getattr(workers, "_max_workers", 4)), workers
        if isinstance(workers, ThreadPoolExecutor):
            self._call = _Threads(plan).work
            return
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="sbcard-plan-"))
        Path(folder, "plan").write_bytes(pickle.dumps(plan, pickle.HIGHEST_PROTOCOL))
        self._call = partial(_work, str(Path(folder, "plan")))

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def batches(self, file: int, path: Path, blocks: Iterator[Records]) -> Iterator[CheckedBatch]:
        """The batches of successive blocks of one file, in order."""
        if self._executor is None:
            for block in blocks:
                yield from self._judge.batches(file, path, block)
            return
        waiting: deque[Future[list[CheckedBatch]]] = deque()
        try:
            for block in blocks:
                waiting.append(self._executor.submit(self._call, file, path, block))
                if len(waiting) > self._ahead:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
