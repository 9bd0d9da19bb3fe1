"""Locks on open files that end with their process, however it ends."""

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _take(handle: int) -> bool | None:
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _wait(handle: int) -> None:
        os.lseek(handle, 0x7FFF_FFF0, os.SEEK_SET)  # a locked byte can't be read: one that no file here has
        while True:
            try:
                msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
            except OSError as refused:
                if refused.errno == errno.EDEADLK:  # another process has had it for ten seconds
                    continue
            return

else:
    import fcntl

    def _take(handle: int) -> bool | None:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # a file system without locks: a writer can't be told from a killed one
            return None
        return True

    def _wait(handle: int) -> None:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)


def wait_for_lock(handle: int) -> None:
    """Lock a file opened for appending until it is closed, waiting while another process has it.

    Where there are no locks, it is as if nobody had one.
    """
    _wait(handle)


def lock(handle: int) -> bool:
    """Lock an open file for this process; False if another one has it. Where there are no locks, nobody has."""
    return _take(handle) is not False


def remove_unlocked(path: Path) -> bool:
    """Remove a file that no process is writing to.

    Returns:
        Whether it was removed: not so where it can't be opened or locked, as somebody may be writing to it.
    """
    try:
        handle = os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    except OSError:
        return False
    try:
        if _take(handle) is not True:
            return False
        if os.name == "posix":  # held, so that nobody begins to write to it; elsewhere an open file can't be removed
            if not os.path.samestat(os.fstat(handle), path.lstat()):
                return False
            path.unlink()
            return True
    except FileNotFoundError:
        return False
    finally:
        os.close(handle)
    path.unlink(missing_ok=True)
    return True
