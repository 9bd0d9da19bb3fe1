"""Input files: regular files only, their size known before a byte is read, their kind told by their bytes."""

import errno
import os
import re
import stat
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, Final

from sbcard_core.files.errors import refused

_READ: Final = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)

HEAD: Final = 4096
"""Bytes that tell the kind of a file."""

SMALL: Final = 64 << 20
"""Bytes of a file that is read whole, where nothing else limits it."""

_FOREIGN: Final = (
    (
        re.compile(
            rb"\s*(?:(?><!--.*?-->)\s*)*<(?:!doctype html|(?:html|head|meta|style|body|div|center|font|table)\b)",
            re.I | re.S,
        ),
        "HTML",
    ),
    (re.compile(rb"\s*<\?xml"), "XML"),
    (re.compile(rb"(?:[A-Z][A-Z-]*:[^\r\n]*\r?\n(?:[ \t][^\r\n]*\r?\n)*){0,20}MIME-Version:", re.I), "MHT"),
    (re.compile(rb"ID;P"), "SYLK"),
    (re.compile(rb"TABLE\r?\n0,1\r?\n"), "DIF"),
    (re.compile(rb"%PDF"), "PDF"),
    (re.compile(rb"\{\\rtf"), "RTF"),
    (re.compile(rb"\x1f\x8b|Rar!|7z\xbc\xaf\x27\x1c|BZh[1-9]|\xfd7zXZ|\x28\xb5\x2f\xfd"), "archive"),
    (re.compile(rb"\xff\xd8\xff|\x89PNG|GIF8|BM....\0\0\0\0", re.S), "picture"),
    (re.compile(rb"SQLite format 3\0"), "SQLite"),
)


def open_input(path: Path, *, limit: int | None = None) -> BinaryIO:
    """Open a file for reading; a pipe or a device, which may never end, is refused at once.

    Args:
        path: of a regular file, or a link to one.
        limit: bytes it may have at most.

    Raises:
        FileRefused: no regular file, larger than the limit, or a name in another encoding than the system's.
        OSError: it cannot be read, e.g. FileNotFoundError or IsADirectoryError.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile() as made, open_input(Path(made.name)) as file:
        ...     file.read()
        b''
    """
    try:
        path.name.encode()
    except UnicodeEncodeError:  # no table, database or console could name the file
        guess = os.fsencode(path.name).decode("gb18030", "replace")
        raise refused("name_encoding", path, guess=guess) from None
    _check(path, path.stat(), limit)  # before it is opened: opening a device may already do something
    handle = os.open(path, _READ)
    try:
        _check(path, os.fstat(handle), limit)
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def check_input(path: Path) -> None:
    """Refuse what is no regular file, for a library that opens it by its name; an absent one is left to it.

    Raises:
        FileRefused: no regular file.
    """
    if path.exists():
        open_input(path).close()


def open_text(
    path: Path, *, encoding: str = "utf-8", errors: str = "strict", newline: str | None = None
) -> TextIOWrapper:
    """As :func:`open_input`, for text; the other arguments are those of ``io.TextIOWrapper``."""
    return TextIOWrapper(open_input(path), encoding=encoding, errors=errors, newline=newline)


def _check(path: Path, found: os.stat_result, limit: int | None) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(found.st_mode):
        raise refused("not_regular", path)
    if limit is not None and found.st_size > limit:
        raise refused("too_large", path, found=f"{found.st_size:,}", limit=f"{limit:,}")


def read_input(path: Path, *, limit: int = SMALL) -> bytes:
    """All bytes of a file that has no more than a limit; one that grows meanwhile is refused too.

    Raises:
        FileRefused: no regular file, or larger than the limit.
        OSError: it cannot be read.
    """
    with open_input(path, limit=limit) as file:
        size = os.fstat(file.fileno()).st_size
        data = file.read(size + 1)
        if len(data) > size:  # it has grown, or its size is not told
            data += file.read(limit + 1 - len(data))
    if len(data) > limit:
        raise refused("too_large", path, found=f"> {limit:,}", limit=f"{limit:,}")
    return data


def read_text(path: Path, *, encoding: str = "utf-8", limit: int = SMALL) -> str:
    """The text of a small file, such as a setting or a key.

    Raises:
        FileRefused: no regular file, or larger than the limit.
        UnicodeDecodeError: other bytes than the encoding's.
        OSError: it cannot be read.
    """
    return read_input(path, limit=limit).decode(encoding)


PAGES: Final = ("HTML", "XML", "MHT")
"""What programs save under a workbook's name because spreadsheet programs open it."""


def foreign(head: bytes) -> str:
    """What a file that begins so is, where it holds no table: ``PDF``, ``picture`` …; "" = it may be a table.

    Example:
        >>> foreign(b"%PDF-1.4"), foreign("序号,姓名".encode())
        ('PDF', '')
    """
    if head[:1] in (b"<", b"\0", b"\xff", b"\xfe") and b"\0" in head[:4]:  # it may be a page in UTF-16
        head = head.lstrip(b"\xff\xfe").replace(b"\0", b"")
    head = head.removeprefix(b"\xef\xbb\xbf")
    return next((what for pattern, what in _FOREIGN if pattern.match(head)), "")
