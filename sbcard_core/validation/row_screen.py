"""The screen for rows that are Python text: one regular expression, set look-ups, one kernel call for all numbers."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any

import numpy as np

from sbcard_core.fields import citizen_id, region
from sbcard_core.validation.blocks import Records
from sbcard_core.validation.context import Context
from sbcard_core.validation.duplicates import Duplicates
from sbcard_core.validation.quotes import cells
from sbcard_core.validation.rules import RecordRules
from sbcard_core.validation.spec import Layout, RecordSpec


class RowScreen:
    """Looks through rows of text.

    Args:
        spec: the layout.
        context: what the rules know besides the values.
        rules: the judge's own rules.
        duplicates: what the first pass found; a record whose number repeats is always judged.
    """

    def __init__(self, spec: RecordSpec, context: Context, rules: RecordRules, duplicates: Duplicates) -> None:
        self.spec, self.context, self.rules, self.duplicates = spec, context, rules, duplicates
        keys = [field.field for field in spec.fields]
        required = {field.field for field in spec.fields if field.required}
        self.number = keys.index("id_number") if "id_number" in required else -1
        if self.number >= 0 and spec.fields[self.number].rule != "id_number":
            self.number = -1  # numbers of other certificates: the judge knows them as text
        # what the number's kernel and one comparison settle for a clean record needs no rule again
        tests = {bound.rule.test for bound in rules.crosses} if self.number >= 0 else set()
        self.birth = keys.index("birth") if "birth_in_number" in tests and "birth" in required else -1
        self.sex = keys.index("sex") if "sex_in_number" in tests and "sex" in required else -1
        settled = {"birth_in_number"} if self.birth >= 0 else set()
        settled |= {"sex_in_number"} if self.sex >= 0 else set()
        self.crosses = [bound.broken for bound in rules.crosses if bound.rule.test not in settled]
        places = [at for at in range(len(keys)) if at not in (self.number, self.birth)]
        self.lookups = [(at, allowed) for at in places if (allowed := rules.allowed(at)) is not None]
        self.closer = [(at, rules.is_clean(at)) for at in places if rules.is_subtle(at)]

    def look(self, block: Records, layout: Layout, start: int, stop: int) -> tuple[list[Any], list[int]]:
        """(clean rows, indices of all others) of records ``start`` to ``stop`` of a block."""
        rows = clean_rows(layout, block.texts[start:stop])
        judged = self._by_number([row for row in rows if row is not None])
        make = self.spec.row._make
        passed: list[Any] = []
        others: list[int] = []
        for index, row in enumerate(rows, start):
            if row is not None and self._passes(row, *next(judged)):
                passed.append(make((*row, block.line(index))))
            else:
                others.append(index)
        return passed, others

    def _passes(self, row: Sequence[str], mask: int, place: int) -> bool:
        if mask or place >= 0 or (self.birth >= 0 and row[self.birth] != row[self.number][6:14]):
            return False
        for at, allowed in self.lookups:
            if row[at] not in allowed:
                return False
        return not (self.crosses or self.closer) or self._holds(row)

    def _by_number(self, rows: list[tuple[str, ...]]) -> Iterator[tuple[int, int]]:
        """(mask of the number, its place among the repeated ones or -1) of each clean record."""
        if self.number < 0:
            return repeat((0, 0 if len(self.duplicates) else -1), len(rows))
        numbers = "".join([row[self.number] for row in rows]).encode("ascii")
        sexes = "".join([row[self.sex] for row in rows]).encode("ascii") if self.sex >= 0 else None
        on = self.context.on
        masks = citizen_id.check_many(numbers, sex=sexes, on=on, regions=self.context.settled_regions)
        region.forgive(numbers, masks, on=on, bit=citizen_id.REGION)
        ends = np.frombuffer(numbers, np.uint8).reshape(-1, citizen_id.LENGTH)[:, 15:]
        for at in np.flatnonzero((ends == ord("0")).all(axis=1)).tolist():
            masks[at] |= citizen_id.CHECK  # its check character is told, right or wrong (``field_rules.ROUNDED``)
        return zip(masks, self.duplicates.places(numbers) or repeat(-1), strict=False)

    def _holds(self, row: Sequence[str]) -> bool:
        return all(is_clean(row[at]) for at, is_clean in self.closer) and not any(
            broken(row) for broken in self.crosses
        )


def clean_rows(layout: Layout, texts: Iterable[str | None]) -> list[tuple[str, ...] | None]:
    """The values of each clean record in spec order, None for every other line."""
    fullmatch = layout.clean.fullmatch
    rows: list[tuple[str, ...] | None] = []
    for text in texts:
        found = None if text is None else fullmatch(text)
        if found is None and text and '"' in text:
            row = cells(text, layout.delimiter)
            if row is not None and len(row) == layout.columns:  # a wrapped cell may hold delimiters
                found = fullmatch(layout.delimiter.join(row))
        rows.append(None if found is None else found.groups())
    if layout.groups != tuple(range(len(layout.groups))):
        in_order = itemgetter(*layout.groups)
        return [None if row is None else in_order(row) for row in rows]
    return rows
