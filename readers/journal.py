"""Where a terminal writes its online transactions before it sends them, and the numbers it gives them."""

import json
import os
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from readers.errors import ReaderError
from readers.online import MAX_TRACE, BankRequest, Entry, Journal, Kind, State
from sbcard_core.errors import InvalidValue
from sbcard_core.files import reserve, wait_for_lock
from sbcard_core.messages import message


class MemoryJournal:
    """A journal for tests and demonstrations: gone with the process."""

    def __init__(self) -> None:
        self._entries: dict[int, Entry] = {}

    def write(self, entry: Entry) -> None:
        """Keep the newest state."""
        _keep(self._entries, entry)

    def entries(self) -> list[Entry]:
        """The newest states, in the order in which the transactions began."""
        return list(self._entries.values())


class FileJournal:
    """A journal in a file of JSON lines; every entry is on the disk when ``write`` returns.

    The file holds account numbers, so it is made with mode 600: keep it where the terminal keeps its other secrets. A
    last line that was cut off by a power failure is not read, and the next entry takes its place: what it announced had
    not been done yet. One that is whole counts, also if an editor took its end away. Several programs may write one
    file, where the file system has locks.

    Raises:
        ReaderError: a line before the last is no entry; the message names it and repeats nothing of it.

    Example:
        >>> import tempfile
        >>> request = BankRequest(Kind.BALANCE, "430100000001", 1, datetime.fromisoformat("2014-07-31"), "622200000000")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     FileJournal(Path(folder, "atm.jsonl")).write(Entry(request, State.STARTED))
        ...     [entry.state.name for entry in FileJournal(Path(folder, "atm.jsonl")).entries()]
        ['STARTED']
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[int, Entry] = {}
        self._size = self._lines = 0
        self._is_ended = True
        self._others = set[int]()  # trace numbers read since the last entry of this program
        self._read_on()
        self._others.clear()

    def write(self, entry: Entry) -> None:
        """Append and flush to the disk.

        Raises:
            ReaderError: another program that writes the same file has just taken this trace number.
        """
        entry = replace(entry, request=_without_pins(entry.request))
        reserve(self._path)
        line = json.dumps(as_json(entry), ensure_ascii=False).encode("utf-8") + b"\n"
        with self._path.open("ab") as file:
            wait_for_lock(file.fileno())
            self._read_on()
            if self._is_taken(entry.request):
                what = message("readers.journal.taken", file=self._path.name, trace_no=entry.request.trace_no)
                raise ReaderError(what, step="online", term="跟踪号")
            file.truncate(self._size)
            file.write(line if self._is_ended else b"\n" + line)
            file.flush()
            os.fsync(file.fileno())
            self._read_on()
        self._others.clear()

    def entries(self) -> list[Entry]:
        """The newest states, in the order in which the transactions began, also those another program wrote."""
        self._read_on()
        return list(self._entries.values())

    def _read_on(self) -> None:
        """Take what was appended since."""
        size = self._path.stat().st_size if self._path.exists() else 0
        if size < self._size:  # another file in its place
            self._entries.clear()
            self._others.clear()
            self._size = self._lines = 0
            self._is_ended = True
        if size == self._size:
            return
        with self._path.open("rb") as file:
            file.seek(self._size)
            *lines, last = file.read().split(b"\n")
        found = [self._entry(line, number) for number, line in enumerate(lines, self._lines + 1) if line]
        self._lines += len(lines)
        self._size += sum(map(len, lines)) + len(lines)
        self._is_ended = self._is_ended or bool(lines)
        with suppress(ReaderError):  # cut off: what it announced had not been done yet
            if last:
                found.append(self._entry(last, self._lines + 1))
                self._size += len(last)
                self._is_ended = False
        for entry in found:
            _keep(self._entries, entry)
            self._others.add(entry.request.trace_no)

    def _is_taken(self, request: BankRequest) -> bool:
        number = request.trace_no
        return number in self._others and self._entries[number].request != request

    def _entry(self, line: bytes, number: int) -> Entry:
        """What a line says. One that cannot be read may be money on its way, so it is never passed over."""
        try:
            return _from_json(json.loads(line))
        except (ValueError, TypeError, KeyError, InvalidValue):
            what = message("readers.journal.line", file=self._path.name, line=number)
            raise ReaderError(what, step="online", term="流水文件") from None


def _keep(entries: dict[int, Entry], entry: Entry) -> None:
    """Take the newest state of a transaction in its place; another one under a number used before goes to the end."""
    number = entry.request.trace_no
    if number in entries and entries[number].request != entry.request:
        del entries[number]
    entries[number] = entry


def _without_pins(request: BankRequest) -> BankRequest:
    return replace(request, pin_block=b"", new_pin_block=b"")


def as_json(entry: Entry) -> dict[str, Any]:
    """An entry as a journal writes it, without PIN blocks."""
    request = asdict(entry.request) | {"at": entry.request.at.isoformat()}
    del request["pin_block"], request["new_pin_block"]
    return {**asdict(entry), "request": request}


def _from_json(data: dict[str, Any]) -> Entry:
    asked = data["request"]
    request = BankRequest(**{**asked, "kind": Kind(asked["kind"]), "at": datetime.fromisoformat(asked["at"])})
    return Entry(**{**data, "request": request, "state": State(data["state"])})


class Traces:
    """Hands out trace numbers, going on behind the journal's last transaction and around after 999999.

    Every request stands in the journal before it is sent, so no number that a host has seen is used for another one
    until all others were; one of a transaction that is still open is passed over.

    Example:
        >>> [next(Traces(MemoryJournal())) for _ in range(2)]
        [1, 1]
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._last = self._newest = 0

    def __next__(self) -> int:
        entries = list(self._journal.entries())
        newest = entries[-1].request.trace_no if entries else 0
        if newest != self._newest:  # also one that another program took
            self._last = self._newest = newest
        taken = {entry.request.trace_no for entry in entries if entry.is_open}
        for _ in range(MAX_TRACE):
            self._last = self._last % MAX_TRACE + 1
            if self._last not in taken:
                return self._last
        raise ReaderError(message("readers.trace.none_free"), step="online", term="跟踪号")
