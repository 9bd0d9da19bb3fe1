"""A layout, its rules and a day as the small program that the screen's kernel runs (``_fast/csrc/screen.h``).

Nothing here decides what is right: every check is derived from what the judge goes by (patterns, allowed values, the
days of the context, the limits of region codes). What cannot be expressed is left to the judge's own functions:
``closer`` and ``crosses`` of the program.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from sbcard_core.fields import citizen_id, gbt2260, region
from sbcard_core.validation import clauses
from sbcard_core.validation.blocks import MAX_COLUMNS, Code
from sbcard_core.validation.context import Context
from sbcard_core.validation.crosses import BoundRule
from sbcard_core.validation.patterns import PAD, Digits, Shape, Text, read
from sbcard_core.validation.rules import RecordRules
from sbcard_core.validation.spec import FieldSpec, Layout, RecordSpec

SHAPE, SET, DAY, TEXT, NUMBER, LUHN, CARD = range(1, 8)
OPTIONAL, GIVES_KEY = 1, 2
UNITS = 65_536

_CHECK = struct.Struct("=HHHHIIIIQ")
_MATCHED = frozenset(
    {"any", "text", "exact", "pattern", "code", "county", "ethnicity", "phone", "name", "day", "validity"}
)
"""Rules whose short cut in the judge is the list of allowed values or else the pattern, and nothing else."""


_WITH_CHECK_CHARACTER = {"card_number": (CARD, 9, 9), "account": (LUHN, 12, 19)}
"""Kind, least and most characters."""


_ANYTHING = frozenset(map(chr, [*range(1, 0xD800), *range(0xE000, UNITS)])) - frozenset('"\r\n')


class Program(NamedTuple):
    """What the kernel runs, and what is left for Python where it finds nothing.

    Args:
        code: for the kernel.
        closer: positions of fields the kernel cannot judge, each with the judge's own test.
        crosses: rules over several fields that it cannot judge.
    """

    code: Code
    closer: list[tuple[int, Callable[[str], bool]]]
    crosses: list[BoundRule]


@lru_cache(maxsize=2)
def units(encoding: str) -> dict[str, int]:
    """The unit of each character that has one: 7-bit as itself, a code point, or a two-byte code of GB 18030."""
    if encoding == "utf-8":
        return {chr(unit): unit for unit in range(1, UNITS) if not 0xD800 <= unit < 0xE000}
    codes = [lead << 8 | trail for lead in range(0x81, 0xFF) for trail in range(0x40, 0xFF) if trail != 0x7F]
    texts = b"\n".join([code.to_bytes(2, "big") for code in codes]).decode("gb18030", "replace").split("\n")
    found = {text: code for code, text in zip(codes, texts, strict=True) if len(text) == 1 and text != "\ufffd"}
    return found | {chr(unit): unit for unit in range(1, 128)}


def _bits(places: Iterable[int], size: int) -> bytes:
    bits = np.zeros(size, np.bool_)
    bits[np.fromiter(places, np.int64)] = True
    return np.packbits(bits, bitorder="little").tobytes()


@lru_cache(maxsize=64)
def _class_bits(held: frozenset[str], encoding: str, without: frozenset[str] = frozenset()) -> bytes:
    known = units(encoding)
    return _bits((known[character] for character in held - without if character in known), UNITS)


@lru_cache(maxsize=8)
def _days(allowed: frozenset[str]) -> tuple[list[str], bytes]:
    """(the values that are no days, the bits of those that are)."""
    words = [value for value in allowed if value and (len(value) != 8 or not value.isdigit())]
    days = allowed.difference(words, {""})
    places = ((int(day[:4]) - 1900) * 372 + (int(day[4:6]) - 1) * 31 + int(day[6:]) - 1 for day in days)
    return words, _bits(places, 200 * 372)


@lru_cache(maxsize=4)
def last_birth_years(on: date) -> bytes:
    """One byte per six-digit code: the last birth year, less 1899, that :func:`region.status` knows it for; 0 = none.

    Only codes of the yearly lists are asked: any other one is settled for all births, or for none.
    """
    codes = np.array(sorted(map(int, gbt2260.codes())))
    rows = "".join([f"{code:06}" for code in codes]).encode("ascii")
    known, unknown = np.full(len(codes), 1899), np.full(len(codes), min(on.year, 2075) + 1)
    while np.any(unknown - known > 1):  # a code known for one birth year is known for those before
        years = (known + unknown) // 2
        good = np.frombuffer(region.check_many(rows, birth_years=years, on=on), np.uint8) == 0
        known, unknown = np.where(good, years, known), np.where(good, unknown, years)
    last = np.zeros(1_000_000, np.uint8)
    last[codes] = known - 1899
    return last.tobytes()


def _runs(held: str) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for code in sorted(map(ord, held)):
        if runs and runs[-1][1] == code - 1:
            runs[-1] = (runs[-1][0], code)
        else:
            runs.append((code, code))
    return runs


@lru_cache(maxsize=64)
def _ranges(shape: Shape) -> tuple[bytes, int]:
    """The ranges of each place, as many as the widest class needs; a place with fewer repeats its first."""
    runs = [_runs(held) for held in shape.classes]
    if not all(runs):
        return b"", 0
    most = max(map(len, runs))
    out = b""
    for at in range(most):
        chosen = [of[at] if at < len(of) else of[0] for of in runs]
        out += bytes(low for low, _ in chosen).ljust(PAD, b"\0") + bytes(high for _, high in chosen).ljust(PAD, b"\0")
    return out, most


def small_value(raw: bytes) -> int:
    """A value of up to 7 bytes as the kernel compares it: its bytes, and its length on top."""
    return int.from_bytes(raw, "little") | len(raw) << 56


def _slot(value: int, factor: int, bits: int) -> int:
    return (value * factor & (1 << 64) - 1) >> (64 - bits)


@lru_cache(maxsize=128)
def value_set(values: frozenset[bytes]) -> tuple[bytes, int, int, int]:
    """(table, log2 of its slots, factor, longest probe) of a hashed set: the best of some factors."""
    bits = max(4, (len(values) * 4).bit_length())
    best: tuple[int, int, list[int]] | None = None
    factor = 0x9E3779B97F4A7C15
    for _ in range(40):
        slots, longest = [0] * ((1 << bits) + len(values) + 1), 1
        for value in sorted(map(small_value, values)):
            at = first = _slot(value, factor, bits)
            while slots[at]:
                at += 1
            slots[at] = value
            longest = max(longest, at - first + 1)
        if best is None or longest < best[0]:
            best = (longest, factor, slots)
        factor = (factor * 0xD1342543DE82EF95 + 2) & (1 << 64) - 1 | 1
    longest, factor, slots = best or (1, 1, [])
    return struct.pack(f"={len(slots)}Q", *slots), bits, factor, longest


class _Builder:
    """Collects checks and the tables they point into, each table once."""

    def __init__(self, encoding: str, columns: int) -> None:
        self.encoding, self.columns = encoding, columns
        self.checks: list[bytes] = []
        self._tables: dict[bytes, int] = {}
        self._size = 0

    def table(self, raw: bytes) -> int:
        if raw not in self._tables:
            padded = self._size
            self._tables[raw] = padded
            self._size += (len(raw) + 7) // 8 * 8
        return self._tables[raw]

    def tables(self) -> bytes:
        return b"".join(raw.ljust((len(raw) + 7) // 8 * 8, b"\0") for raw in self._tables)

    def add(
        self, kind: int, column: int, options: int = 0, *, low: int = 0, high: int = 0, table: int = 0, size: int = 0,
        alt: int = 0, step: int = 1,
    ) -> bool:  # fmt: skip
        self.checks.append(_CHECK.pack(kind, column, options, step, low, high, table, size, alt))
        return True

    def text(self, column: int, options: int, text: Text) -> bool:
        mark = units(self.encoding).get(text.mark, 0)
        if text.mark and not mark:
            return False
        place = self.table(_class_bits(text.characters, self.encoding))
        if text.not_first:
            mark |= self.table(_class_bits(text.characters, self.encoding, text.not_first)) + 1 << 32
        return self.add(
            TEXT, column, options, low=text.low, high=text.high, table=place, size=text.parts, alt=mark, step=text.step
        )

    def shape(self, column: int, options: int, shape: Shape) -> bool:
        ranges, most = _ranges(shape)
        return bool(most) and self.add(
            SHAPE, column, options, low=shape.low, high=shape.high, table=self.table(ranges), size=most
        )

    def pattern(self, column: int, options: int, pattern: str) -> bool:
        shape = read(pattern)
        if isinstance(shape, Shape):
            return self.shape(column, options, shape)
        if isinstance(shape, Digits):
            return self.add(LUHN, column, options, low=shape.low, high=shape.high, alt=1)
        return shape is not None and self.text(column, options, shape)

    def values(self, column: int, options: int, allowed: frozenset[str]) -> bool:
        values = frozenset(value.encode(self.encoding) for value in allowed if value)
        if not values or max(map(len, values)) > 7 or any(b'"' in value or b"\0" in value for value in values):
            return False
        table, bits, factor, longest = value_set(values)
        return self.add(SET, column, options, high=longest, table=self.table(table), size=bits, alt=factor)

    def days(self, column: int, options: int, allowed: frozenset[str]) -> bool:
        words, bits = _days(allowed)
        if len(words) > 1:
            return False
        word = small_value(words[0].encode(self.encoding)) if words else 0
        table = self.table(bits)
        return self.add(DAY, column, options, table=table, alt=word)

    def number(self, column: int, options: int, context: Context) -> bool:
        until, always = self.table(last_birth_years(context.on)), self.table(context.settled_regions)
        return self.add(NUMBER, column, options, high=citizen_id.day_key(context.on), table=until, size=always)

    def anything(self, column: int) -> bool:
        """A cell nobody asks for must still be readable."""
        return self.add(
            TEXT, column, OPTIONAL, high=0xFFFFFFFF, table=self.table(_class_bits(_ANYTHING, self.encoding))
        )


def _field(builder: _Builder, rules: RecordRules, field: FieldSpec, at: int, column: int) -> bool:
    """Add the check of one field; False where there is none."""
    options = (0 if field.required else OPTIONAL) | (GIVES_KEY if field.field == "id_number" else 0)
    if field.rule == "id_number":
        return builder.number(column, options, rules.context)
    if field.rule in _WITH_CHECK_CHARACTER:
        kind, low, high = _WITH_CHECK_CHARACTER[field.rule]
        return builder.add(kind, column, options, low=low, high=high)
    if rules.is_subtle(at) or field.rule not in _MATCHED:
        return False
    allowed = rules.allowed(at)
    if field.rule in {"day", "validity"}:
        return allowed is not None and builder.days(column, options, allowed)
    if allowed is not None:
        return builder.values(column, options, allowed)
    return builder.pattern(column, options, field.clean)


def compile_program(
    spec: RecordSpec, rules: RecordRules, layout: Layout, encoding: str, *, lines: bool
) -> Program | None:
    """The program for files of one layout; None where a clean record could still be none.

    Args:
        spec: the record layout.
        rules: the judge's rules, bound to their day.
        layout: where the columns are.
        encoding: ``"utf-8"`` or ``"gb18030"``.
        lines: whether cells of other columns must be readable too, as in a line of text.
    """
    if layout.columns > MAX_COLUMNS or not any(field.required for field in spec.fields):
        return None
    builder = _Builder(encoding, layout.columns)
    closer, asked = [], set()
    settled = clauses.settled(spec, rules)
    for at, (field, column) in enumerate(zip(spec.fields, layout.order, strict=True)):
        if column < 0:
            continue
        if at in settled or _field(builder, rules, field, at, column):
            asked.add(column)
        else:
            closer.append((at, rules.is_clean(at)))
    for column in range(layout.columns) if lines else ():
        if column not in asked:
            builder.anything(column)
    packed, crosses = clauses.pack(rules.crosses, _columns(layout), encoding)
    code = b"".join(builder.checks), packed, builder.tables(), encoding == "gb18030", layout.columns
    return Program(code, closer, crosses)


def _columns(layout: Layout) -> Sequence[int]:
    """Column of each field; fields the file lacks stand in the empty cell behind the row."""
    return [column if column >= 0 else layout.columns for column in layout.order]
