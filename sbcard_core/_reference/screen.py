"""Twin of ``_fast.screen``: the same programs over the same bytes, written to be read (csrc/screen.h is the manual)."""

import ctypes
import re
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from sbcard_core._reference import idcheck

LEVELS = ("reference",)

SHAPE, SET, DAY, TEXT, NUMBER, LUHN, CARD, KEY = range(1, 9)
OPTIONAL, GIVES_KEY = 1, 2
EMPTY, FILLED, IS, IS_NOT, AFTER, BEFORE, HEAD_NOT, SAME, OTHER, PART_OTHER, PARITY = range(1, 12)
PAD = 32
LENGTH = 18
_PAIRS = 2

Code = tuple[bytes, bytes, bytes, bool, int]


class Check(NamedTuple):
    """One check of one column."""

    kind: int
    column: int
    options: int
    step: int
    low: int
    high: int
    table: int
    size: int
    alt: int


class Clause(NamedTuple):
    """One term of a conjunction over the cells of a row."""

    kind: int
    last: int
    a: int
    b: int
    start: int
    size: int
    word: bytes


def _bit(tables: bytes, place: int, at: int) -> int:
    return tables[place + (at >> 3)] >> (at & 7) & 1


def _shape(check: Check, tables: bytes, cell: bytes) -> bool:
    def fits(at: int, byte: int) -> bool:
        rows = range(check.table, check.table + check.size * 2 * PAD, 2 * PAD)
        return any(tables[low + at] <= byte <= tables[low + PAD + at] for low in rows)

    return check.low <= len(cell) <= check.high and all(fits(at, byte) for at, byte in enumerate(cell))


def small_value(cell: bytes) -> int:
    """Up to 7 bytes and their number, as one number."""
    return int.from_bytes(cell, "little") | len(cell) << 56


def _in_set(check: Check, tables: bytes, cell: bytes) -> bool:
    if len(cell) > 7:
        return False
    value = small_value(cell)
    slot = (value * check.alt & (1 << 64) - 1) >> (64 - check.size)
    return value in struct.unpack_from(f"={check.high}Q", tables, check.table + 8 * slot)


def _day(check: Check, tables: bytes, cell: bytes) -> bool:
    if len(cell) != 8:
        return bool(check.alt) and len(cell) <= 7 and small_value(cell) == check.alt
    if re.fullmatch(rb"[0-9]{8}", cell) is None:
        return False
    year, month, day = int(cell[:4]) - 1900, int(cell[4:6]) - 1, int(cell[6:]) - 1
    real = 0 <= year < 200 and 0 <= month < 12 and 0 <= day < 31
    return real and bool(_bit(tables, check.table, year * 372 + month * 31 + day))


def units(cell: bytes, *, gb: bool) -> Iterator[int]:
    """The characters of a text as units; 0 for what is none, and then no more."""
    at = 0
    while at < len(cell):
        lead = cell[at]
        if lead < 0x80:
            size, unit = 1, lead
        elif gb:
            size = 2
            unit = int.from_bytes(cell[at : at + 2], "big") if lead > 0x80 and at + 2 <= len(cell) else 0
        else:
            size = 2 if lead < 0xE0 else 3
            try:
                unit = ord(cell[at : at + size].decode("utf-8", "surrogatepass"))
            except (UnicodeDecodeError, TypeError):
                unit = 0
        yield unit
        if not unit:
            return
        at += size


def _text(check: Check, tables: bytes, cell: bytes, gb: bool) -> bool:
    first, mark = check.alt >> 32, check.alt & 0xFFFFFFFF
    if first and not _bit(tables, first - 1, next(units(cell, gb=gb), 0)):
        return False
    counts = [0]
    for unit in units(cell, gb=gb):
        if _bit(tables, check.table, unit):
            counts[-1] += 1
        elif unit and unit == mark:
            counts.append(0)
        else:
            return False
    enough = all(check.low <= count <= check.high for count in counts)
    return enough and len(counts) <= max(check.size, 1) and counts[-1] % check.step == 0


def _number(check: Check, tables: bytes, cell: bytes) -> bool:
    if len(cell) != LENGTH:
        return False
    regions = memoryview(tables)[check.size : check.size + 125_000]
    if cell.endswith(b"000"):
        return False
    found = idcheck.check_one(cell, 0, regions, check.high)
    if found == idcheck.REGION:
        return tables[check.table + int(cell[:6])] >= int(cell[6:10]) - 1899
    return found == 0


def _luhn(check: Check, cell: bytes) -> bool:
    if not check.low <= len(cell) <= check.high or re.fullmatch(rb"[0-9]+", cell) is None:
        return False
    digits = [byte - 48 for byte in reversed(cell)]
    total = sum(sum(divmod(digit * (1 + at % 2), 10)) for at, digit in enumerate(digits))
    return total > 0 and (check.alt != 0 or total % 10 == 0)


def _card(cell: bytes) -> bool:
    if re.fullmatch(rb"[0-9A-Z]{8}[0-9X]", cell) is None:
        return False
    values = [byte - 48 if byte < 58 else byte - 55 for byte in cell[:8]]
    total = sum(weight * value for weight, value in zip((3, 7, 9, 10, 5, 8, 4, 2), values, strict=True))
    return total > 0 and cell[8] == b"0X987654321"[total % 11]


def _is_number(cell: bytes) -> bool:
    return re.fullmatch(rb"[0-9]{17}[0-9X]", cell) is not None


def _passes(check: Check, tables: bytes, gb: bool, cell: bytes) -> bool:
    if not cell and check.kind != KEY:
        return bool(check.options & OPTIONAL)
    verdicts: dict[int, Callable[[], bool]] = {
        SHAPE: lambda: _shape(check, tables, cell),
        SET: lambda: _in_set(check, tables, cell),
        DAY: lambda: _day(check, tables, cell),
        TEXT: lambda: _text(check, tables, cell, gb),
        NUMBER: lambda: _number(check, tables, cell),
        LUHN: lambda: _luhn(check, cell),
        CARD: lambda: _card(cell),
        KEY: lambda: _is_number(cell),
    }
    return verdicts[check.kind]()


def _holds(clause: Clause, row: list[bytes]) -> bool:
    a, b, word = row[clause.a], row[clause.b], clause.word[: clause.size]
    part = a[clause.start : clause.start + clause.size]
    verdicts: dict[int, bool] = {
        EMPTY: not a,
        FILLED: bool(a),
        IS: a == word,
        IS_NOT: a != word,
        AFTER: len(a) == clause.size and a > word,
        BEFORE: len(a) == clause.size and a < word,
        HEAD_NOT: len(a) == clause.start and not a.startswith(word),
        SAME: a == b,
        OTHER: a != b,
        PART_OTHER: len(a) < clause.start + clause.size or part != b,
        PARITY: len(a) > clause.start and b in (b"1", b"2") and bool((a[clause.start] ^ b[0]) & 1),
    }
    return verdicts[clause.kind]


class _Program:
    def __init__(self, given: Code) -> None:
        checks, clauses, self.tables, self.gb, self.columns = given
        self.checks = [Check(*found) for found in struct.iter_unpack("=HHHHIIIIQ", checks)]
        self.clauses = [Clause(*found) for found in struct.iter_unpack("=HHHHII16s", clauses)]
        if self.columns > 64 or any(check.column >= self.columns for check in self.checks):
            raise ValueError("the program reads outside of its tables or columns")
        if (self.clauses and not self.clauses[-1].last) or not all(map(self._rises, self.checks)):
            raise ValueError("the program reads outside of its tables or columns")

    def _rises(self, check: Check) -> bool:
        """Whether no range of a shape is upside down."""
        ranges = self.tables[check.table : check.table + check.size * 2 * PAD] if check.kind == SHAPE else b""
        return all(ranges[at] <= ranges[at + PAD] for at in range(len(ranges)) if at % (2 * PAD) < PAD)

    def asked(self) -> set[int]:
        """The columns that are looked at."""
        return {check.column for check in self.checks} | {at for clause in self.clauses for at in (clause.a, clause.b)}

    def look(self, row: list[bytes] | None) -> tuple[int, int]:
        """(flag, key) of one row of cells; None = no row."""
        cells = [b""] * self.columns if row is None else row
        flag = int(row is None)
        key = 0
        for check in self.checks:
            cell = cells[check.column]
            flag |= not _passes(check, self.tables, bool(self.gb), cell)
            if (check.kind == KEY or check.options & GIVES_KEY) and _is_number(cell):
                key = int(cell[:17])
        return flag or int(self._breaks_a_rule([*cells, b""])), key

    def _breaks_a_rule(self, row: list[bytes]) -> bool:
        broken = True
        for clause in self.clauses:
            broken = broken and _holds(clause, row)
            if clause.last and broken:
                return True
            broken = broken or bool(clause.last)
        return False


def count(raw: Any, _level: str) -> int:
    """How many lines the bytes hold."""
    return len(bytes(raw).splitlines())


def _is_trail(line: bytes, at: int) -> bool:
    leads = 0
    while at - leads > 0 and line[at - leads - 1] >= 0x80:
        leads += 1
    return leads % 2 == 1


def _cells(line: bytes, delimiter: bytes, *, tricky: bool) -> list[bytes] | None:
    """The cells of a line; None where a quote is no plain wrapping of a cell."""
    marks = [at for at in range(len(line)) if line[at : at + 1] == delimiter and not (tricky and _is_trail(line, at))]
    found = []
    for start, end in zip([-1, *marks], [*marks, len(line)], strict=True):
        cell = line[start + 1 : end]
        if cell.startswith(b'"'):
            if len(cell) == 1 or not cell.endswith(b'"') or b'"' in cell[1:-1]:
                return None
            cell = cell[1:-1]
        found.append(cell)
    return found


def lines(
    program: Code, raw: Any, delimiter: bytes, edges: bytes, starts: Any, flags: Any, keys: Any, _level: str
) -> None:
    """Look through lines; see the compiled kernel."""
    code, every = _Program(program), bytes(raw).splitlines(keepends=True)
    start, flag = memoryview(starts).cast("B").cast("I"), memoryview(flags).cast("B")
    key = None if keys is None else memoryview(keys).cast("B").cast("Q")
    if len(every) != len(flag) or len(start) != len(flag) + 1:
        raise ValueError("flags must hold one byte per line")
    at = 0
    for index, line in enumerate(every):
        start[index] = at
        at += len(line)
        body = line.rstrip(b"\r\n")
        row = _cells(body, delimiter, tricky=bool(code.gb) and delimiter >= b"@")
        if row is not None and (
            len(row) != code.columns or (body and body[:1] in [edges[k : k + 1] for k in range(len(edges))])
        ):
            row = None
        flag[index], number = code.look(row)
        if key is not None:
            key[index] = number
    start[len(every)] = at


def _memory(address: int, size: int) -> bytes:
    return ctypes.string_at(address, size) if address and size else b""


def _column(described: tuple[int, ...], n: int) -> list[bytes | None]:
    """The cells of one Arrow column; nulls are empty, None lies outside of its buffer."""
    kind, offset, validity, places, data, size, parts, sizes = described
    found: list[bytes | None] = []
    if not kind:
        return [b""] * n
    for at in range(offset, offset + n):
        if validity and not _memory(validity + (at >> 3), 1)[0] >> (at & 7) & 1:
            found.append(b"")
        elif kind == 16:
            found.append(_view(_memory(places + 16 * at, 16), parts, sizes, data))
        else:
            low, high = struct.unpack("=ii" if kind == 4 else "=qq", _memory(places + kind * at, 2 * kind))
            found.append(_memory(data + low, high - low) if 0 <= low <= high <= size else None)
    return found


def _view(view: bytes, parts: int, sizes: int, count: int) -> bytes | None:
    length, _, which, place = struct.unpack("=i4sii", view)
    if 0 <= length <= 12:
        return view[4 : 4 + length]
    if length < 0 or not 0 <= which < count or place < 0:
        return None
    if place + length > struct.unpack("=q", _memory(sizes + 8 * which, 8))[0]:
        return None
    (data,) = struct.unpack("=Q", _memory(parts + 8 * which, 8))
    return _memory(data + place, length)


def columns(program: Code, described: Any, flags: Any, keys: Any, _level: str) -> None:
    """Look through Arrow columns; see the compiled kernel."""
    code, flag = _Program(program), memoryview(flags).cast("B")
    key = None if keys is None else memoryview(keys).cast("B").cast("Q")
    every, asked = [_column(found, len(flag)) for found in struct.iter_unpack("=8Q", bytes(described))], code.asked()
    if len(every) != code.columns:
        raise ValueError("one description per column is wanted")
    for index in range(len(flag)):
        row = [column[index] for column in every]
        outside = any(cell is None and at in asked for at, cell in enumerate(row))
        flag[index], number = code.look([cell or b"" for cell in row])
        flag[index] |= outside
        if key is not None:
            key[index] = number


def _numbers(given: Any, code: str) -> Any:
    view = memoryview(given)
    return view.cast("B").cast(code) if view.nbytes else []  # type: ignore[call-overload]


def cut(raw: Any, delimiter: bytes, gb: bool, columns: int, starts: Any, chosen: Any, pairs: Any, _level: str) -> None:
    """The cells of chosen lines that passed: fill pairs with start and length; see the compiled kernel."""
    text, start = bytes(raw), memoryview(starts).cast("B").cast("I")
    out, row = _numbers(pairs, "I"), _numbers(chosen, "q")
    if len(out) != 2 * len(row) * columns or not len(start) or start[len(start) - 1] != len(text):
        raise ValueError("two places for every cell are wanted, and the starts of all lines")
    at = 0
    for index in row:
        if not 0 <= index < len(start) - 1:
            raise ValueError("a chosen row is none of these")
        place = start[index]
        line = text[place : start[index + 1]].rstrip(b"\r\n")
        marks = [k for k in range(len(line)) if line[k : k + 1] == delimiter]
        if gb and delimiter >= b"@":
            marks = [k for k in marks if not _is_trail(line, k)]
        spans = list(zip([0, *(mark + 1 for mark in marks)], [*marks, len(line)], strict=True))[:columns]
        for low, high in spans + [(len(line), len(line))] * (columns - len(spans)):
            wrapped = high - low >= 2 and line[low : low + 1] == b'"'
            out[at], out[at + 1] = place + low + wrapped, high - low - 2 * wrapped
            at += 2


def _joinable(described: tuple[int, ...], rows: int) -> list[bytes]:
    kind, offset, _, places, data, _, parts, _ = described
    if kind != _PAIRS:
        return [cell or b"" for cell in _column(described, rows)]
    found = struct.unpack(f"={2 * parts * rows}I", _memory(places, 8 * parts * rows))
    spans = (found[2 * (row * parts + offset) : 2 * (row * parts + offset) + 2] for row in range(rows))
    return [_memory(data + start, length) for start, length in spans]


def join(described: Any, rows: int, chosen: Any, cell_end: int, row_end: int, ends: Any, _level: str) -> bytearray:
    """The cells of columns as bytes, with a mark between cells and between rows (-1 = none); see the compiled one."""
    picked = range(rows) if chosen is None else _numbers(chosen, "q")
    if any(not 0 <= row < rows for row in picked):
        raise ValueError("a chosen row is none of these")
    every = [_joinable(found, rows) for found in struct.iter_unpack("=8Q", bytes(described))]
    marks = [bytes([mark]) if mark >= 0 else b"" for mark in (cell_end, row_end)]
    texts = [marks[0].join([column[row] for column in every]) for row in picked]
    if ends is not None:
        end = memoryview(ends).cast("B").cast("q")
        if len(end) != len(texts) + 1:
            raise ValueError("ends must hold one more than the rows")
        for at in range(len(end)):
            end[at] = sum(map(len, texts[:at])) + len(marks[1]) * min(at, max(0, len(texts) - 1))
    return bytearray(marks[1].join(texts))
