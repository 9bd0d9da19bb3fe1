"""Which errors of a zip reader mean that the archive is damaged, and which that the disk could not be read."""

import errno
import lzma
import struct
import zipfile
import zlib

ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,  # a password, or a version or method that zipfile does not know
    ValueError,  # a UnicodeDecodeError in a name among them
    IndexError,
    OverflowError,
)
"""All that ``zipfile`` raises for a damaged archive."""


def is_damage(error: BaseException) -> bool:
    """Whether an error of a zip reader says that the archive is wrong, not that a file cannot be read.

    EINVAL comes from a directory entry that points before the file's start.

    Example:
        >>> is_damage(zlib.error("incorrect header check")), is_damage(PermissionError(errno.EACCES, "denied"))
        (True, False)
    """
    return not isinstance(error, OSError) or error.errno in (None, errno.EINVAL)
