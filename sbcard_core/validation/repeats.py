"""Repeated keys: marks over a whole column, a set that grows, and a search that spills to disk.

All of it is exact: tables hold the keys themselves. Equal marks come out whatever the memory limit is.
"""

import os
import tempfile
import threading
from array import array
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np

from sbcard_core import _kernels
from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.validation.number_column import NONE, SEED, Keys, Marks, NumberColumn, Places, gather

MEMORY_LIMIT = 256 << 20
"""Bytes a search may take before it spills."""

_SOLVING = 20
"""Bytes per key while keys in memory are searched: the key and a growing array's reserve, its copy by parts, marks."""
_PART_BITS = 8
_READ = 1 << 17
"""Keys read back at once."""
_LEAST = 64
"""Slots of an empty set."""
_SPREAD = os.urandom(16)
"""Spilled parts are told by other factors than the tables within them: a part's keys would crowd one end of a table."""


class SpillFailed(SBCardError):
    """The duplicate search could not keep its temporary file; nothing of it is left behind."""

    def __init__(self, reason: OSError, folder: Path | None) -> None:
        where = folder or tempfile.gettempdir()
        super().__init__(
            f"the search for repeated numbers failed on its temporary file: {reason.strerror or reason}",
            step="validation.repeats",
            term="查重临时文件",
            advice=f"free disk space in {where}, pass another spill_dir, or a larger memory_limit",
        )


def mark_first(keys: Keys, parts: int = -1) -> Marks:
    """1 where a key occurs for the first time, 0 for repeats and for :data:`~.number_column.NONE`.

    Example:
        >>> mark_first(np.array([7, 8, 7], np.uint64)).tolist()
        [1, 1, 0]
    """
    out = np.empty(len(keys), np.uint8)
    kernel, level = _kernels.choose("dedupe")
    kernel.mark_first(keys, SEED, parts, out, level)
    return out


def mark_repeated(keys: Keys, parts: int = -1) -> Marks:
    """1 where a key occurs more than once.

    Example:
        >>> mark_repeated(np.array([7, 8, 7], np.uint64)).tolist()
        [1, 0, 1]
    """
    out = np.empty(len(keys), np.uint8)
    kernel, level = _kernels.choose("dedupe")
    kernel.mark_repeated(keys, SEED, parts, out, level)
    return out


def _suspects(column: NumberColumn) -> Iterator[tuple[int, bytes]]:
    """The texts that may stand there twice. A keyed digest is only the filter: who calls compares the bytes."""
    digests = np.fromiter((hash(text) >> 1 for _, text in column.texts()), np.int64, len(column.others))
    maybe = mark_repeated(digests.view(np.uint64) & ~np.uint64(1 << 63)).tolist()
    return (found for found, is_suspect in zip(column.texts(), maybe, strict=True) if is_suspect)


def is_first(numbers: Any) -> Marks:
    """Mark the first of each number in a column, in order: what polars calls ``is_first_distinct``.

    Args:
        numbers: n × 18 contiguous bytes, an Arrow column of text (PyCapsule), or an iterable of ``str``. A null
            counts as a blank text.

    Returns:
        n bytes (numpy uint8), 1 = first. Memory: 18 bytes a number besides the column and this result, and the
        bytes of all values that are no number of 18 characters; those are compared as text.

    Raises:
        InvalidValue: a column of another shape.

    Example:
        >>> is_first(["11010519491231002X", "H12345678", "11010519491231002X", "H12345678"]).tolist()
        [1, 1, 0, 0]
    """
    column = gather(numbers)
    out = mark_first(column.keys)
    if len(column.others):
        out[column.others] = 1
        seen = set()
        for place, text in _suspects(column):
            out[place] = text not in seen
            seen.add(text)
    return out


def repeated(numbers: Any) -> Marks:
    """Mark every number that occurs more than once in a column: polars' ``is_duplicated``.

    Args, memory and errors as in :func:`is_first`.

    Example:
        >>> repeated(["11010519491231002X", "H12345678", "11010519491231002X"]).tolist()
        [1, 0, 1]
    """
    column = gather(numbers)
    out = mark_repeated(column.keys)
    if len(column.others):
        first: dict[bytes, int] = {}
        for place, text in _suspects(column):
            if (before := first.setdefault(text, place)) != place:
                out[before] = out[place] = 1
    return out


class KeySet:
    """A set of keys that grows; a key's slot is its name until the set grows again.

    8 bytes a slot, 4/3 to 8/3 slots a key.

    Args:
        room: keys to make room for at once.

    Example:
        >>> known = KeySet()
        >>> known.add(np.array([7, 8, 7], np.uint64)).tolist(), len(known)
        ([1, 1, 0], 2)
        >>> (known.find(np.array([8, 9], np.uint64)) >= 0).tolist()
        [True, False]
    """

    def __init__(self, room: int = 0) -> None:
        slots = _LEAST
        while 3 * slots < 4 * room:
            slots *= 2
        self._slots, self._used, self._seed = np.zeros(slots, np.uint64), 0, SEED
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the lock, which stays with its process."""
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The same set in another process, with a lock of its own."""
        vars(self).update(state, _lock=threading.Lock())

    def __len__(self) -> int:
        return self._used

    @property
    def slots(self) -> int:
        """How many slots there are."""
        return len(self._slots)

    def add(self, keys: Keys) -> Marks:
        """Put keys in; 1 where a key is new."""
        kernel, level = _kernels.choose("dedupe")
        out, at = np.empty(len(keys), np.uint8), 0
        with self._lock:
            while at < len(keys):
                taken, self._used = kernel.insert(self._slots, self._used, keys[at:], self._seed, out[at:], level)
                at += taken
                if at < len(keys):
                    larger = np.zeros(2 * len(self._slots), np.uint64)
                    kernel.move(self._slots, larger, level)
                    self._slots = larger
        return out

    def find(self, keys: Keys) -> Places:
        """The slot of each key, -1 where it is absent."""
        kernel, level = _kernels.choose("dedupe")
        out = np.empty(len(keys), np.int64)
        with self._lock:
            kernel.find(self._slots, keys, self._seed, out, level)
        return out


def _once(keys: Keys) -> Keys:
    once: Keys = keys[mark_first(keys) == 1]
    return once


class RepeatSearch(AbstractContextManager["RepeatSearch"]):
    """Finds the keys that occur more than once in a stream of any length, within a limit of memory.

    Keys are held at 8 bytes each. When searching them would take more than the limit, they are split by hash into 256
    parts and appended to one temporary file (8 bytes a key; readable by this user only, without a name where the
    system allows, and gone with the process); in the end each part is searched by itself.

    Args:
        memory_limit: bytes for keys, tables and copies, all together. What repeats is held besides, 8 bytes a key.
        spill_dir: folder of the temporary file; None = the system's.

    Raises:
        InvalidValue: a limit below 1.
        SpillFailed: the disk is full, the folder does not exist.

    Example:
        >>> with RepeatSearch(memory_limit=100) as search:
        ...     search.add(np.arange(1, 50, dtype=np.uint64))
        ...     search.add(np.arange(40, 60, dtype=np.uint64))
        ...     sorted(search.repeated().tolist()) == list(range(40, 50))
        True
    """

    def __init__(self, *, memory_limit: int = MEMORY_LIMIT, spill_dir: Path | None = None) -> None:
        if memory_limit < 1:
            raise InvalidValue("a memory limit is at least 1 byte", step="validation.repeats", term="内存上限")
        self._most = max(1, memory_limit // _SOLVING)
        self._folder = spill_dir
        self._keys = array("Q")
        self._file: Any = None
        self._segments: list[list[tuple[int, int]]] = [[] for _ in range(1 << _PART_BITS)]
        self.spilled = 0
        """Bytes written to disk so far."""

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up memory and file."""
        self._keys = array("Q")
        if self._file is not None:
            self._file.close()
            self._file = None

    def add(self, keys: Keys) -> None:
        """Take keys in; :data:`~.number_column.NONE` is no key."""
        keys = keys[keys != NONE]
        while len(keys):
            room = self._most - len(self._keys)
            self._keys.frombytes(keys[:room].tobytes())
            keys = keys[room:]
            if len(keys):
                self._spill()

    def _spill(self) -> None:
        kernel, level = _kernels.choose("dedupe")
        keys = np.frombuffer(self._keys, np.uint64)
        out, starts = np.empty(len(keys), np.uint64), np.empty((1 << _PART_BITS) + 1, np.uint64)
        kernel.split(keys, _SPREAD, _PART_BITS, out, starts, level)
        self._write(out.data.cast("B"))
        places = starts.tolist()
        for part, segments in enumerate(self._segments):
            if places[part] < places[part + 1]:
                segments.append((self.spilled + 8 * places[part], places[part + 1] - places[part]))
        self.spilled += out.nbytes
        del keys
        self._keys = array("Q")

    def _write(self, data: "memoryview[int]") -> None:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0, dir=self._folder, prefix="sbcard-repeats-")  # noqa: SIM115
            while data:  # a full disk takes a part first and refuses the next
                data = data[self._file.write(data) :]
        except OSError as error:
            self.close()
            raise SpillFailed(error, self._folder) from error

    def _read(self, place: int, count: int) -> Iterator[Keys]:
        for start in range(0, count, _READ):
            keys = np.empty(min(_READ, count - start), np.uint64)
            try:
                self._file.seek(place + 8 * start)
                got = self._file.readinto(keys.data.cast("B"))
                if got != keys.nbytes:
                    raise OSError("the temporary file was cut")
            except OSError as error:
                self.close()
                raise SpillFailed(error, self._folder) from error
            yield keys

    def repeated(self) -> Keys:
        """The keys that were added more than once, each once, in no order; the search is empty then."""
        if self._file is None:
            keys = np.frombuffer(self._keys, np.uint64)
            found = _once(keys[mark_first(keys) == 0])
            del keys
        else:
            if len(self._keys):
                self._spill()
            parts = [self._repeated_of(segments) for segments in self._segments]
            found = np.concatenate([np.zeros(0, np.uint64), *parts])
            self._segments = [[] for _ in range(1 << _PART_BITS)]
        self.close()
        return found

    def _repeated_of(self, segments: list[tuple[int, int]]) -> Keys:
        seen, again = KeySet(), KeySet()
        found = [np.zeros(0, np.uint64)]
        for place, count in segments:
            for keys in self._read(place, count):
                more = keys[seen.add(keys) == 0]
                found.append(more[again.add(more) == 1])
        return np.concatenate(found)
