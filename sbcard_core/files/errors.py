"""The error of a path that is no safe input or output."""

from pathlib import Path
from typing import Any

from sbcard_core.errors import Refused
from sbcard_core.messages import message


class FileRefused(Refused):
    """A path that can't be read or written safely; nothing was changed. ``message.code`` says which rule."""


def refused(code: str, path: Path, **more: Any) -> FileRefused:
    """The refusal of a path by a rule of the catalogue's area ``files``."""
    return FileRefused(message(f"files.{code}", path=str(path), **more), step="files")
