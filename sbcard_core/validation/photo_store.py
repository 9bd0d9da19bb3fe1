"""Where photos lie: bytes in memory, files, a folder, a zip file. One photo is in memory at a time.

Nothing is ever unpacked to disk, links are not followed, and what an archive's directory claims is not believed.
"""

import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sbcard_core.files import open_input
from sbcard_core.validation.archives import ZIP_ERRORS, is_damage
from sbcard_core.validation.blocks import SourceRefused
from sbcard_core.validation.photo_limits import PhotoLimits, PhotoSource

MAX_DEPTH = 16
"""Folders inside folders."""

_NO_PHOTOS = {"thumbs.db", "desktop.ini", ".ds_store"}


class Unreadable(Exception):
    """The archive cannot give this one photo."""


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo to look at.

    Args:
        name: its path with ``/``; holds a citizen number as a rule, so no repr shows it.
        read: gives at most so many bytes of it.
        source: where it comes from.
    """

    name: str = field(repr=False)
    read: Callable[[int], bytes] = field(repr=False)
    source: PhotoSource = PhotoSource.OWN


def source_of(name: str, limits: PhotoLimits) -> PhotoSource:
    """The source of a photo by the nearest folder that is named in the limits.

    Example:
        >>> source_of("pic_01/公安/a.jpg", PhotoLimits()).value, source_of("pic_01/a.jpg", PhotoLimits()).value
        ('police', 'own')
    """
    for folder in reversed(name.split("/")[:-1]):
        if folder in limits.folders:
            return limits.folders[folder]
    return limits.other_folders


def _of_bytes(data: bytes) -> Callable[[int], bytes]:
    return lambda size: data[:size]


def _of_file(path: Path) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        with open_input(path) as file:
            return file.read(size)

    return read


def photos_in(given: Path | Iterable[tuple[str, bytes | Path]], limits: PhotoLimits) -> Iterator[Photo]:
    """The photos of a folder, of a zip file, or of (name, bytes or path) pairs, one after the other.

    Raises:
        SourceRefused: no whole zip file, or over a limit.
        OSError: a file or folder cannot be read.
    """
    if not isinstance(given, Path):
        for name, content in given:
            read = _of_file(content) if isinstance(content, Path) else _of_bytes(content)
            yield Photo(name, read, source_of(name, limits))
    elif given.is_dir():
        for name, path in _walk(given, "", 0):
            yield Photo(name, _of_file(path), source_of(name, limits))
    elif zipfile.is_zipfile(given) or given.suffix.lower() == ".zip":
        yield from _unzipped(given, limits)
    else:
        yield Photo(given.name, _of_file(given), source_of(given.name, limits))


def _walk(folder: Path, above: str, depth: int) -> Iterator[tuple[str, Path]]:
    """Files in the order of their names; links and what is neither file nor folder are passed over."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        name = f"{above}{entry.name}"
        if entry.is_dir(follow_symlinks=False):
            if depth < MAX_DEPTH:
                yield from _walk(Path(entry.path), f"{name}/", depth + 1)
        elif entry.is_file(follow_symlinks=False) and entry.name.lower() not in _NO_PHOTOS:
            yield name, Path(entry.path)


def _title(member: zipfile.ZipInfo) -> str:
    """The name; Chinese programs write GBK without saying so, which zipfile reads as code page 437."""
    if member.flag_bits & 0x800:
        return member.filename
    try:
        return member.filename.encode("cp437").decode("gb18030")
    except UnicodeError:
        return member.filename


def _unzipped(path: Path, limits: PhotoLimits) -> Iterator[Photo]:
    if path.stat().st_size > limits.most_unpacked:
        raise SourceRefused("file.too_large", "bytes", limit=limits.most_unpacked >> 20)
    try:
        archive = zipfile.ZipFile(path)
    except ZIP_ERRORS as error:
        if not is_damage(error):
            raise
        raise SourceRefused("file.damaged") from error
    with archive:
        left = [limits.most_unpacked]
        members = [
            member for member in archive.infolist() if not member.filename.endswith("/")
        ]  # is_dir() fails on an empty name
        if len(members) > limits.most_photos:
            raise SourceRefused("file.too_large", "photos", limit=f"{limits.most_photos:,}")
        for member in members:
            name = _title(member)
            if name.rpartition("/")[2].lower() not in _NO_PHOTOS:
                yield Photo(name, _of_member(archive, member, left, limits.most_unpacked), source_of(name, limits))


def _of_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, left: list[int], most: int) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        try:
            with archive.open(member) as file:
                data = file.read(min(size, left[0] + 1))
        except ZIP_ERRORS as error:
            if not is_damage(error):
                raise
            raise Unreadable(type(error).__name__) from error
        left[0] -= len(data)
        if left[0] < 0:
            raise SourceRefused("file.too_large", "unpacked", limit=most >> 20)
        return data

    return read
