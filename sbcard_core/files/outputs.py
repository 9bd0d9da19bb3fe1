"""Output files: created exclusively, reached through no link, under their name only when all of them is on the disk.

A file is written beside its place as ``.<name>.<12 digits>.sbcard-part``, which its writer holds locked: two writers
never share one, and a part that nobody holds is what a killed run left. The digits are of the whole name and a count,
so that what was left of a file is found without reading its folder, which may hold a hundred thousand.
"""

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO, TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, Final
from zlib import crc32

from sbcard_core.files.errors import refused
from sbcard_core.files.inputs import HEAD, open_input
from sbcard_core.files.locking import lock, remove_unlocked

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
PART: Final = ".sbcard-part"
_PART_NAME: Final = re.compile(rf"\.(?P<name>.+)\.[0-9a-f]{{12}}{re.escape(PART)}", re.S)

_NEW: Final = (
    os.O_RDWR
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_NO_HARD_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK})
_NO_SYNC: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
_TOGETHER: Final = 4
"""Writers of one file at once, e.g. two and what two killed ones left, that a next one looks for."""
_SHOWN: Final = 48
"""Characters of a name in the name of its part: at four bytes each they leave place for the rest."""


def database_files(path: Path) -> tuple[Path, ...]:
    """A SQLite database with the files that belong to it."""
    return (path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal")))


def _place(path: Path) -> tuple[str, str]:
    return os.path.realpath(path.parent), os.path.normcase(path.name)


def _is_same(path: Path, other: Path) -> bool:
    if _place(path) == _place(other):
        return True
    try:
        return path.samefile(other)
    except OSError:
        return False


Own = Callable[[bytes], bool]
"""Whether a file that begins so was made by the writer of the new one, who may then replace it."""


def check_output(path: Path, *, keep: Iterable[Path] = (), replace: bool | Own = False) -> None:
    """Refuse an output that is there already, lies behind a link or is one of the files to be kept.

    Args:
        path: of the output.
        keep: inputs of the same run, the database: never written, even where they are not there yet.
        replace: a regular file that is there may be replaced, or may be if its first bytes are its writer's own.

    Raises:
        FileRefused: it may not be written; nothing was changed.
    """
    for other in keep:
        if _is_same(path, other):
            raise refused("kept", path)
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except NotADirectoryError:
        raise refused("no_folder", path.parent) from None
    if stat.S_ISLNK(mode):
        raise refused("link", path)
    if not replace:
        raise refused("exists", path)
    if not stat.S_ISREG(mode):
        raise refused("not_regular", path)
    if callable(replace):
        with open_input(path) as there:
            if not replace(there.read(HEAD)):
                raise refused("exists", path)


def clear_broken(folder: Path, name: str = "") -> bool:
    """Remove what killed runs left of a file of a folder, or of any; True if there was something.

    A part that is still being written stays.
    """
    found = False
    with suppress(OSError):
        for part in sorted(folder.iterdir()):
            match = _PART_NAME.fullmatch(part.name)
            if match is not None and (not name or match["name"] == name[:_SHOWN]):
                found |= remove_unlocked(part)
    return found


@contextmanager
def new_file(path: Path, *, keep: Iterable[Path] = (), replace: bool | Own = False) -> Iterator[BinaryIO]:
    """A file that has its name only when all of it is on the disk; where writing fails, nothing is left.

    Args:
        path: where it goes; its folder must exist.
        keep: see :func:`check_output`.
        replace: put it in the place of a regular file that is there, all at once, or of one whose first bytes are this
            writer's own; by default a file that is there is refused.

    Yields:
        The file, open for writing and reading back, mode 600.

    Raises:
        FileRefused: there is something already, or a link; also where it appeared meanwhile.
        OSError: the file cannot be written.

    Example:
        >>> import tempfile
        >>> place = Path(tempfile.mkdtemp()) / "list.csv"
        >>> with new_file(place) as out:
        ...     written, there = out.write(b"1,2"), place.exists()
        >>> written, there, place.read_bytes()
        (3, False, b'1,2')
    """
    check_output(path, keep=keep, replace=replace)
    part, handle = _part_of(path)
    try:
        with os.fdopen(handle, "w+b") as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
            if os.name == "posix":  # elsewhere an open file can't be renamed
                _appear(part, path, replace=replace)
        if os.name != "posix":
            _appear(part, path, replace=replace)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextmanager
def new_text(
    path: Path,
    *,
    encoding: str = "utf-8",
    errors: str = "strict",
    keep: Iterable[Path] = (),
    replace: bool | Own = False,
) -> Iterator[TextIOWrapper]:
    """As :func:`new_file`, for text whose line ends are written as they are given."""
    with new_file(path, keep=keep, replace=replace) as raw:
        out = TextIOWrapper(raw, encoding=encoding, errors=errors, newline="")
        yield out
        out.flush()
        out.detach()


class _Lent:
    """A file in another's hands, until it is taken back."""

    def __init__(self, file: BinaryIO) -> None:
        self.file: BinaryIO = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


@contextmanager
def lend(file: BinaryIO) -> Iterator[Any]:
    """A file for a library that may go on using it after it has failed, e.g. when its objects are collected.

    Yields:
        The file; what is done with it behind the block goes nowhere and raises nothing.
    """
    lent = _Lent(file)
    try:
        yield lent
    finally:
        lent.file = BytesIO()


def replace_file(path: Path, content: bytes) -> None:
    """Write a whole file in the place of the one that is there, or of none: a crash leaves the old or the new one.

    Raises:
        FileRefused: there is a link, or no regular file.
        OSError: the file cannot be written.
    """
    with new_file(path, replace=True) as out:
        out.write(content)


def reserve(path: Path) -> bool:
    """Make an empty file with mode 600 unless something is there: for a library that opens it by its name.

    Returns:
        Whether it was made.

    Raises:
        OSError: it cannot be made.
    """
    try:
        os.close(os.open(path, _NEW, FILE_MODE))
    except FileExistsError:
        return False
    return True


def create(path: Path) -> int:
    """The descriptor of a file made exclusively, mode 600, not reached through a link."""
    return os.open(path, _NEW, FILE_MODE)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, with mode 700; one that is there stays as it is.

    Raises:
        FileRefused: something else is there, or a link.
        OSError: it cannot be made.
    """
    if path.is_symlink():
        raise refused("link", path)
    if path.is_dir():
        return
    if path.parent != path and not path.parent.exists():
        make_folder(path.parent)
    try:
        path.mkdir(FOLDER_MODE)
    except FileExistsError:
        if not path.is_dir() or path.is_symlink():
            raise refused("no_folder", path) from None
    except NotADirectoryError:
        raise refused("no_folder", path.parent) from None


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable, where a file system can: some shares know no such thing."""
    if os.name != "posix":
        return
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)


def _part_of(path: Path) -> tuple[Path, int]:
    """A part of a file, made and locked; what killed runs left of it is removed."""
    of_name = crc32(path.name.encode(errors="surrogatepass"))
    parts = (path.with_name(f".{path.name[:_SHOWN]}.{of_name:08x}{count:04x}{PART}") for count in range(0x10000))
    tried = [next(parts) for _ in range(_TOGETHER)]
    for part in tried:
        if part.exists():
            remove_unlocked(part)
    for part in chain(tried, parts):
        try:
            handle = create(part)
        except FileExistsError:
            continue
        lock(handle)
        if os.name != "posix" or os.fstat(handle).st_nlink:
            return part, handle
        os.close(handle)  # another writer took it for a part left behind, before it was locked
    raise refused("exists", path)


def hand_over(staged: Path, path: Path, *, own: Own) -> None:
    """Give a whole file its name, all at once; one that is there is replaced only if it is the writer's own.

    Where another process was quicker, the file has its name already.

    Raises:
        FileRefused: something else has the name.
        OSError: it cannot be renamed.
    """
    check_output(path, replace=own)
    try:
        os.replace(staged, path)
    except FileNotFoundError:
        if not path.exists():
            raise
    sync_folder(path.parent)


def _appear(part: Path, path: Path, *, replace: bool | Own) -> None:
    if replace:
        check_output(path, replace=replace)
        os.replace(part, path)
        return
    try:
        os.link(part, path)
    except FileExistsError:
        raise refused("exists", path) from None
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        _rename(part, path)
    else:
        part.unlink()


def _rename(part: Path, path: Path) -> None:
    """Where a file system has no hard links: a name taken between the two lines is lost, which no call can prevent."""
    if os.path.lexists(path):
        raise refused("exists", path)
    os.rename(part, path)
