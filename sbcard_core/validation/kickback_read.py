"""Reading a corrected workbook back: only what was corrected is taken, and whatever else happened to it is noticed.

A row belongs to the record its hidden cells name. A row whose visible cells turn out to be another record's (the
table was sorted without its hidden columns) is never taken: the correction would go to the wrong person.
"""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sbcard_core.messages import message
from sbcard_core.validation.corrections import CorrectedRow, Notice, NoticeKind, NotOurWorkbook, ReadBack, WrongDigest
from sbcard_core.validation.kickback_cells import Row, cell_hash, rows_of
from sbcard_core.validation.kickback_full import DIGEST, END, RECORD, SEALS, VERSION
from sbcard_core.validation.spec import COLLECTION, FieldSpec, RecordSpec, Sensitivity
from sbcard_core.validation.titles import MAX_TITLES
from sbcard_core.validation.xlsx import BadCell

_OUR_NAME = re.compile(r"[0-9]+ .")

Key = tuple[str, int]
"""(digest of the collected file, line of the record)."""


@dataclass(slots=True)
class _Seal:
    place: int
    file: str
    hashes: tuple[str, ...]


@dataclass(slots=True)
class _Found:
    sheet: str
    row: int
    cells: tuple[str | BadCell, ...] = field(repr=False)


def _refuse(fault: str) -> NotOurWorkbook:
    return NotOurWorkbook(message(f"corrections.{fault}"), step="kickback.read_back", term="退回更正表")


def _seals(sheets: Mapping[str, Sequence[Row]], width: int) -> dict[Key, _Seal]:
    rows = sheets.get(SEALS)
    if not rows or rows[0][1][0] != VERSION:
        raise _refuse("foreign")
    if tuple(map(str, (*rows[-1][1], "")[:2])) != (END, str(len(rows) - 2)):
        raise _refuse("lost_rows")
    found: dict[Key, _Seal] = {}
    for place, (_, cells) in enumerate(rows[1:-1]):
        file, sha256, line, hashes = (str(cell) for cell in (*cells, "", "", "", "")[:4])
        if not line.isdecimal() or len(hashes.split(" ")) != width:
            raise _refuse("damaged")
        found[sha256, int(line)] = _Seal(place, file, tuple(hashes.split(" ")))
    return found


def _check_digests(seals: Mapping[Key, _Seal], digests: Mapping[str, str]) -> None:
    wrong = {seal.file for (sha256, _), seal in seals.items() if digests.get(seal.file, "").lower() != sha256}
    if wrong:
        found = message("corrections.other_files", count=len(wrong))
        raise WrongDigest(found, step="kickback.read_back", term="文件摘要")


def _collect(
    sheets: Mapping[str, Sequence[Row]], seals: Mapping[Key, _Seal], headers: Sequence[str]
) -> tuple[dict[Key, list[_Found]], list[Notice]]:
    """Rows by the record they name, in reading order, and what is not of this workbook."""
    found: defaultdict[Key, list[_Found]] = defaultdict(list)
    notices = []
    digests = {sha256 for sha256, _ in seals}
    for sheet, rows in sheets.items():
        head = [list(cells[: len(headers)]) for _, cells in rows[: MAX_TITLES + 1]]
        start = head.index(list(headers)) + 1 if list(headers) in head else 0
        if sheet == SEALS or not (start or _is_ours(sheet, rows, headers, digests)):
            continue  # the notes, or a sheet of the clerk's own
        if not start:
            notices.append(Notice(NoticeKind.SHEET, sheet, rows[0][0]))
            continue
        for at, cells in rows[start:]:
            padded = (*cells, *[""] * len(headers))[: len(headers)]
            if not any(padded):
                continue
            line = str(padded[1])
            key = (str(padded[0]), int(line) if line.isdecimal() else 0)
            if key in seals:
                found[key].append(_Found(sheet, at, padded[2:]))
            else:
                notices.append(Notice(NoticeKind.FOREIGN, sheet, at))
    return found, notices


def _is_ours(sheet: str, rows: Sequence[Row], headers: Sequence[str], digests: set[str]) -> bool:
    """Whether a sheet without our header row is still one we sent: by its name, half of the header, or a digest."""
    if not rows:
        return False
    few = any(2 * len(set(headers).intersection(cells)) >= len(headers) for _, cells in rows[: MAX_TITLES + 1])
    return few or _OUR_NAME.match(sheet) is not None or any(not digests.isdisjoint(cells) for _, cells in rows)


def _moved(places: Sequence[int]) -> set[int]:
    """The fewest places to take out so that the rest ascends (all but a longest ascending run).

    Example:
        >>> sorted(_moved([0, 3, 1, 2]))
        [3]
    """
    tails: list[int] = []
    ends: list[int] = []
    before: dict[int, int | None] = {}
    for place in places:
        at = bisect_left(tails, place)
        before[place] = ends[at - 1] if at else None
        tails[at : at + 1] = [place]
        ends[at : at + 1] = [place]
    stays, place_ = set(), ends[-1] if ends else None
    while place_ is not None:
        stays.add(place_)
        place_ = before[place_]
    return set(places) - stays


def _tells_apart(field: FieldSpec) -> bool:
    """Whether a column says who a record is about: a number, a name, a birth date, a telephone, a form."""
    return field.sensitivity is not Sensitivity.NONE or field.field.endswith("_no")


class _Owners:
    """Which record a cell came from, where only one has it in that column."""

    def __init__(self, seals: Mapping[Key, _Seal], spec: RecordSpec) -> None:
        self.columns = [column for column, field in enumerate(spec.fields) if _tells_apart(field)]
        self.persons = {at for at, field in enumerate(spec.fields) if field.field in ("id_number", "name")}
        self.of: dict[tuple[int, str], Key | None] = {}
        self.rows: defaultdict[tuple[str, ...], set[Key]] = defaultdict(set)
        for key, seal in seals.items():
            self.rows[seal.hashes].add(key)
            for column in self.columns:
                if (digest := seal.hashes[column]) != "-":
                    self.of[column, digest] = None if (column, digest) in self.of else key

    def is_of_another(self, key: Key, hashes: tuple[str, ...]) -> bool:
        """Whether the cells speak for another record than the one the row names."""
        if self.rows.get(hashes, set()) - {key}:
            return True
        votes = Counter(self.of.get((column, hashes[column])) for column in self.columns)
        votes.pop(None, None)
        mine = votes.pop(key, 0)
        return any(count > max(mine, 1) for count in votes.values())

    def is_of_nobody(self, then: Sequence[str], now: Sequence[str]) -> bool:
        """Whether a row was overwritten with a person who is not in the workbook: number, name and more are others.

        A cell that was empty, as all are of a line that was no record, may be filled in.
        """
        changed = {at for at in self.columns if then[at] not in ("-", now[at])}
        return self.persons <= changed and len(changed) > len(self.persons) > 1


def read_back(path: Path, digests: Mapping[str, str], *, spec: RecordSpec = COLLECTION) -> ReadBack:
    """Read a workbook that ``kickback.write(in_full=True)`` made and its submitter corrected.

    Args:
        path: the .xlsx file.
        digests: SHA-256 (hex) of each collected file by name, as ``FileSummary`` tells it.
        spec: the record layout the workbook was made for.

    Returns:
        The corrected records, ready for the check, and what was noticed.

    Raises:
        NotOurWorkbook: another workbook, or its hidden sheet is gone, damaged or short.
        WrongDigest: it was made for a file that is not named, or has another digest.
        SourceRefused: damaged, or larger than ``measuring.MAX_CELLS`` or ``MAX_UNPACKED``.
        OSError: the file cannot be read.

    Example: see :func:`sbcard_core.validation.kickback.write`.
    """
    sheets = rows_of(path)
    seals = _seals(sheets, len(spec.fields))
    _check_digests(seals, digests)
    headers = (DIGEST, RECORD, *(one.header for one in spec.fields))
    found, notices = _collect(sheets, seals, headers)
    moved = _moved([seals[key].place for key in found])
    owners = _Owners(seals, spec)
    rows, unchanged = [], 0
    absent = NoticeKind.UNREAD if any(one.kind is NoticeKind.SHEET for one in notices) else NoticeKind.DELETED
    for key, seal in seals.items():
        here = found.get(key, [])
        if not here:
            notices.append(Notice(absent, file=seal.file, line=key[1]))
            continue
        if len(here) > 1:
            notices += [Notice(NoticeKind.REPEATED, one.sheet, one.row, seal.file, key[1]) for one in here]
            continue
        (one,) = here
        if seal.place in moved:
            notices.append(Notice(NoticeKind.MOVED, one.sheet, one.row, seal.file, key[1]))
        values = tuple(cell for cell in one.cells if isinstance(cell, str))
        if len(values) < len(one.cells):
            notices.append(Notice(NoticeKind.CELL, one.sheet, one.row, seal.file, key[1]))
            continue
        hashes = tuple(map(cell_hash, values))
        if hashes == seal.hashes:
            unchanged += 1
        elif owners.is_of_another(key, hashes):
            notices.append(Notice(NoticeKind.SHIFTED, one.sheet, one.row, seal.file, key[1]))
        elif owners.is_of_nobody(seal.hashes, hashes):
            notices.append(Notice(NoticeKind.REPLACED, one.sheet, one.row, seal.file, key[1]))
        else:
            pairs = zip(spec.fields, hashes, seal.hashes, strict=True)
            changed = tuple(one.field for one, now, then in pairs if now != then)
            rows.append(CorrectedRow(seal.file, key[1], values, changed))
    return ReadBack(rows, notices, len(seals), unchanged)
