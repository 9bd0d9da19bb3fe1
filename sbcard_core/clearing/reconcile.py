"""Two-way reconciliation of our entries with a partner's (双方对账).

Every entry of either side ends in exactly one place: matched, or in one
difference. So the differences explain the difference of the totals to the fen.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.files import new_text, open_text, read_cell, write_rows
from sbcard_core.messages import message
from sbcard_core.store import insert_many, schema
from sbcard_core.values import Severity, yuan

STATEMENT_HEADER: Final = ["key", "amount_fen"]
_PADDING: Final = " \t\u3000"
"""Around a cell; never the end of a line, which only a quote could bring in."""


class StatementRefused(Refused):
    """The statement file cannot be read; the message names the line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a statement: the key both sides know it by, and its amount in fen (negative: a refund).

    Raises:
        InvalidValue: a key that is empty, cannot be printed, or has blanks around it.
    """

    key: str
    amount_fen: int

    def __post_init__(self) -> None:
        if not (self.key and self.key.isprintable() and self.key == self.key.strip()):
            raise InvalidValue(message("clearing.entry"), step="clearing.reconcile", term="对账单")


class DifferenceKind(StrEnum):
    """How an entry fails to match."""

    ONLY_OURS = "only_ours"
    """我方单边."""
    ONLY_THEIRS = "only_theirs"
    """对方单边."""
    AMOUNT_DIFFERS = "amount_differs"
    """金额不符."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference; the amount of the side that has no entry is ``None``."""

    kind: DifferenceKind
    key: str
    ours_fen: int | None
    theirs_fen: int | None


def reconcile(ours: Iterable[Entry], theirs: Iterable[Entry]) -> list[Difference]:
    """Match entries by key and amount and list what remains, ordered by key.

    A key may occur more than once on a side: equal amounts are matched first,
    the rest pairwise, and a surplus occurrence stands alone. Both sides are
    held in memory.

    Example:
        >>> ours = [Entry("A", 100), Entry("B", 200), Entry("B", 200)]
        >>> for d in reconcile(ours, [Entry("A", 90), Entry("B", 200), Entry("C", 5)]):
        ...     print(d.kind.value, d.key, d.ours_fen, d.theirs_fen)
        amount_differs A 100 90
        only_ours B 200 None
        only_theirs C None 5
    """
    left = _by_key(ours)
    right = _by_key(theirs)
    return [difference for key in sorted(left.keys() | right.keys()) for difference in _match(key, left, right)]


def _by_key(entries: Iterable[Entry]) -> dict[str, list[int]]:
    out: dict[str, list[int]] = defaultdict(list)
    for entry in entries:
        out[entry.key].append(entry.amount_fen)
    return dict(out)


def _match(key: str, left: dict[str, list[int]], right: dict[str, list[int]]) -> Iterator[Difference]:
    ours, theirs = left.get(key, []), right.get(key, [])
    if ours == theirs:
        return
    equal = Counter(ours) & Counter(theirs)
    unmatched = _without(ours, equal)
    rest = _without(theirs, equal)
    both = min(len(unmatched), len(rest))
    for our_fen, their_fen in zip(unmatched[:both], rest[:both], strict=True):
        yield Difference(DifferenceKind.AMOUNT_DIFFERS, key, our_fen, their_fen)
    for fen in unmatched[both:]:
        yield Difference(DifferenceKind.ONLY_OURS, key, fen, None)
    for fen in rest[both:]:
        yield Difference(DifferenceKind.ONLY_THEIRS, key, None, fen)


def _without(amounts: list[int], equal: Counter[int]) -> list[int]:
    left = Counter(equal)
    out = []
    for fen in amounts:
        if left[fen]:
            left[fen] -= 1
        else:
            out.append(fen)
    return out


def write_statement(path: Path, entries: Iterable[Entry]) -> None:
    """Write a statement: CSV, UTF-8, LF, header ``key,amount_fen``."""
    with new_text(path) as file:
        write_rows(file, [STATEMENT_HEADER], end="\n")
        write_rows(file, ((entry.key, entry.amount_fen) for entry in entries), end="\n")


def read_statement(path: Path) -> Iterator[Entry]:
    """Read a statement line by line; blank lines are passed over.

    Raises:
        StatementRefused: not UTF-8, another header, or a line that is not a key and whole fen; a stray quote, which
            would join lines, is refused with the line it stands in.
    """
    with open_text(path, encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file, strict=True)
        line = 1
        try:
            if _cells(next(rows, [])) != STATEMENT_HEADER:
                raise _refused(path, line)
            line = 2
            for cells in map(_cells, rows):
                if any(cells):  # blank lines behind the table
                    yield _entry(cells)
                line = rows.line_num + 1
        except (ValueError, csv.Error):  # UnicodeDecodeError among them
            raise _refused(path, line) from None


def _cells(row: list[str]) -> list[str]:
    return [cell.strip(_PADDING) for cell in row]


def _entry(cells: list[str]) -> Entry:
    """One entry; ``ValueError``: not a key and whole fen."""
    key, amount = cells
    digits = amount.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        raise ValueError
    return Entry(read_cell(key), int(amount))


def _refused(path: Path, line: int) -> StatementRefused:
    what = message("clearing.statement", file=path.name, line=line)
    return StatementRefused(what, step="clearing.read_statement", term="对账单")


def record_differences(connection: sa.Connection, source: str, differences: Iterable[Difference]) -> int:
    """Store differences as findings (``recon.only_ours`` …) and return how many there were."""
    columns = ("stage", "code", "source", "line", "field", "severity", "amount_fen", "detail")
    rows = [
        ("recon", f"recon.{d.kind}", source, 0, "", int(Severity.ERROR), _gap_fen(d), _detail(d)) for d in differences
    ]
    return insert_many(connection, schema.finding, columns, rows)


def _gap_fen(d: Difference) -> int:
    return abs((d.ours_fen or 0) - (d.theirs_fen or 0))


def _detail(d: Difference) -> str:
    amounts = {"ours": d.ours_fen, "theirs": d.theirs_fen}
    shown = {side: yuan(fen) for side, fen in amounts.items() if fen is not None}
    return message(f"clearing.recon.{d.kind}", key=d.key, **shown).zh
