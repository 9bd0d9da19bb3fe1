"""Runs an action in child processes, each killed before one more of its steps on the file system."""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STEPS = ("open", "fsync", "link", "replace", "rename", "unlink", "mkdir", "rmdir", "close")
KILLED = 9
_FAILED = 3


def _kill_before(step: int) -> None:
    """Let this process end, as by SIGKILL, before its n-th step."""
    left = itertools.count(step - 1, -1)

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def one(*args: Any, **kwargs: Any) -> Any:
            if next(left) == 0:
                os._exit(KILLED)
            return call(*args, **kwargs)

        return one

    for name in STEPS:
        setattr(os, name, counted(getattr(os, name)))


def killed_at_every_step(
    root: Path, action: Callable[[], object], prepare: Callable[[Path], object] = lambda folder: None, stride: int = 1
) -> Iterator[tuple[Path, bool]]:
    """For each step of an action: the folder it worked in, which it was in by ``chdir``, and whether it was killed.

    The last one is the action left alone. A stride takes one step of so many, where each costs much.
    """
    for step in itertools.count(1, stride):
        folder = root / f"killed-{step}"
        folder.mkdir()
        prepare(folder)
        child = os.fork()
        if not child:
            try:
                os.chdir(folder)
                _kill_before(step)
                action()
            except BaseException:  # whatever it was, the parent must know
                os._exit(_FAILED)
            os._exit(0)
        ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert ended in (0, KILLED), ended
        yield folder, ended == KILLED
        if not ended:
            return
