"""Locks on open files that end with their process, however it ends."""

import os
import sys
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _take(handle: int) -> bool:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _take(handle: int) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks: nobody can be told from a killed run
            return True
        return True


def lock(handle: int) -> bool:
    """Lock an open file for this process; False if another one has it."""
    return _take(handle)


def is_locked_elsewhere(path: Path) -> bool:
    """Whether somebody writes to a file; one that can't be opened counts as such."""
    try:
        handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return True
    try:
        return not _take(handle)
    finally:
        os.close(handle)
