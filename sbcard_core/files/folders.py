"""Folders of results: recognised by a marker, held by one run at a time, finished when their last file is there."""

import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, Final, Self

from sbcard_core.files.errors import refused
from sbcard_core.files.inputs import open_input
from sbcard_core.files.locking import lock
from sbcard_core.files.outputs import FOLDER_MODE, create, make_folder, sync_folder

MARKER: Final = ".sbcard"
"""Name of the file that makes a folder this library's own."""

STAGE: Final = ".unfinished"
"""Name of the folder a run writes into before its results appear."""

_MARKER_SIZE: Final = 4096
_LONGEST_NAME: Final = 255
"""Bytes of a name in any file system that is in use."""
_RESERVED: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "123456789")}
)


def check_name(name: str) -> str:
    """A name of a file in a folder of this library's own: one part, no way out of the folder.

    Raises:
        FileRefused: it is none.
    """
    odd = (
        not 0 < len(name.encode(errors="surrogatepass")) <= _LONGEST_NAME
        or name in (".", "..")
        or any(mark in name for mark in "/\\\0")
        or name.startswith((MARKER, STAGE))
    )
    if odd or name.partition(".")[0].strip().casefold() in _RESERVED:
        raise refused("name", Path(name or "?"))
    return name


class OwnFolder:
    """A folder of one kind of results, held by one run.

    Args:
        path: a new folder, an empty one, or one that an earlier run of this kind has made.
        kind: e.g. ``check``; stands in the marker.
        inputs: files that are read in the same run; none may lie in the folder.

    Raises:
        FileRefused: a link, another's files, another run's folder, or an input in it.
        OSError: it cannot be made or read.
    """

    def __init__(self, path: Path, kind: str, *, inputs: Iterable[Path] = ()) -> None:
        self.path, self._head = path, f"sbcard-core {kind} 1\n".encode()
        self.was_new = not path.exists()
        if path.is_symlink():
            raise refused("link", path)
        here = Path(os.path.realpath(path))
        for one in inputs:
            if Path(os.path.realpath(one)).is_relative_to(here):
                raise refused("input_inside", one, folder=str(path))
        self.was_own = path.is_dir() and self._is_own()
        if not self.was_own:
            if path.is_dir() and any(name != MARKER for name in os.listdir(path)):
                raise refused("foreign_folder", path)
            make_folder(path)
            self._mark()
        self._handle = os.open(path / MARKER, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
        if not lock(self._handle):
            os.close(self._handle)
            raise refused("busy", path)

    def _is_own(self) -> bool:
        marker = self.path / MARKER
        try:
            if not stat.S_ISREG(marker.lstat().st_mode):
                return False
            with open_input(marker, limit=_MARKER_SIZE) as file:
                return file.read() == self._head
        except FileNotFoundError:
            return False

    def _mark(self) -> None:
        marker = self.path / MARKER
        if marker.is_symlink() or (marker.exists() and marker.stat().st_size):
            raise refused("foreign_folder", self.path)
        marker.unlink(missing_ok=True)  # empty: a run was killed between making and writing it
        with os.fdopen(create(marker), "wb") as out:
            out.write(self._head)
            out.flush()
            os.fsync(out.fileno())
        sync_folder(self.path)

    def names(self) -> set[str]:
        """What lies in the folder besides the marker."""
        return set(os.listdir(self.path)) - {MARKER}

    def remove(self, names: Iterable[str]) -> bool:
        """Remove files and folders of the folder, no link being followed; True if there were any.

        Raises:
            FileRefused: a folder on the way to one is a link.
        """
        found = False
        for name in names:
            target = self.path / name
            for parent in list(target.parents)[: len(Path(name).parts) - 1]:
                if parent.is_symlink():
                    raise refused("link", parent)
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            elif os.path.lexists(target):
                target.unlink()
            else:
                continue
            found = True
        return found

    def close(self) -> None:
        """Let another run have the folder."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Results(OwnFolder):
    """The results of one run: they appear together when it is done, the last one saying that all are there.

    What a killed run left is removed, and ``begun_anew`` says so. A run that fails leaves nothing.

    Args:
        path: see :class:`OwnFolder`.
        kind: see :class:`OwnFolder`.
        makes: the names in the folder, in the order in which they appear; not every one need be made but the last.
        inputs: see :class:`OwnFolder`.

    Raises:
        FileRefused: also where the folder holds the finished results of an earlier run.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "out"
        >>> with Results(place, "example", ["table.csv", "summary.csv"]) as results:
        ...     for name in ("summary.csv", "table.csv"):
        ...         with results.open(name) as out:
        ...             _ = out.write(b"1")
        ...     there = results.names()
        ...     results.finish()
        >>> sorted(there), sorted(path.name for path in place.iterdir())
        (['.unfinished'], ['.sbcard', 'summary.csv', 'table.csv'])
    """

    def __init__(self, path: Path, kind: str, makes: Sequence[str], *, inputs: Iterable[Path] = ()) -> None:
        super().__init__(path, kind, inputs=inputs)
        try:
            self._makes = list(makes)
            if os.path.lexists(path / self._makes[-1]):
                raise refused("finished", path)
            self.begun_anew = self.remove([STAGE, *self._makes])
            self.stage = path / STAGE
            self.stage.mkdir(FOLDER_MODE)
        except BaseException:
            self.close()
            raise
        self._finished = False

    def folder(self, name: str) -> Path:
        """A folder among the results, made if need be."""
        path = self.stage / check_name(name)
        path.mkdir(FOLDER_MODE, exist_ok=True)
        return path

    @contextmanager
    def open(self, *name: str) -> Iterator[BinaryIO]:
        """A new file among the results: its name, or that of its folder and its own; on the disk when it is closed.

        Raises:
            FileRefused: a name that leads out of the folder.
            OSError: it cannot be written, or was made before.
        """
        place = self.folder(name[0]) if name[1:] else self.stage
        with os.fdopen(create(place / check_name(name[-1])), "w+b") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())

    @contextmanager
    def open_text(self, *name: str, encoding: str = "utf-8-sig") -> Iterator[TextIOWrapper]:
        """As :meth:`open`, for text whose line ends are written as they are given."""
        with self.open(*name) as raw:
            out = TextIOWrapper(raw, encoding=encoding, newline="")
            yield out
            out.flush()
            out.detach()

    def finish(self) -> None:
        """Let the results appear, the last one when all others are there."""
        for name in self._makes:
            staged = self.stage / name
            if not staged.exists():
                continue
            if staged.is_dir():
                sync_folder(staged)
            if name == self._makes[-1]:
                sync_folder(self.path)
            staged.rename(self.path / name)
        sync_folder(self.path)
        self._finished = True
        shutil.rmtree(self.stage)

    def __exit__(self, *_: object) -> None:
        if not self._finished:
            shutil.rmtree(self.stage, ignore_errors=True)
            if self.was_new:
                (self.path / MARKER).unlink(missing_ok=True)
                self._remove_if_empty()
        self.close()

    def _remove_if_empty(self) -> None:
        try:
            self.path.rmdir()
        except OSError:
            return
