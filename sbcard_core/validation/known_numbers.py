"""Which numbers of a check were known before it: found in one look at the sources, one at the stream of known ones."""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sbcard_core.fields import citizen_id
from sbcard_core.fields.legacy import is_legacy, lengthen
from sbcard_core.validation.blocks import Source, SourceRefused
from sbcard_core.validation.number_cells import numbers_of
from sbcard_core.validation.number_column import NONE, Keys, pack_exact, pieces
from sbcard_core.validation.repair import ASK_ALWAYS, Kind, repair_form
from sbcard_core.validation.repeats import KeySet
from sbcard_core.validation.spec import RecordSpec

_STRICT = re.compile(r"[0-9]{17}[0-9X]")
_ELEVEN = np.uint64(11)


class Watched(Protocol):
    """What a screen asks of repeated numbers."""

    def __len__(self) -> int:
        """0 = nothing to watch for."""

    def repeated(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Whether the record of each key (the number's first 17 digits, or 0) must be looked at closer."""

    def places(self, rows: bytes) -> list[int] | None:
        """The same for n × 18 bytes: -1 where not."""


class _Both:
    """Numbers that repeat in the check, and numbers that were known before it."""

    def __init__(self, duplicates: Watched, known: "KnownNumbers") -> None:
        self._duplicates, self._known = duplicates, known

    def __len__(self) -> int:
        return len(self._duplicates) + len(self._known)

    def repeated(self, keys: Keys) -> npt.NDArray[np.bool_]:
        found = self._known.among(keys)
        if len(self._duplicates):
            found |= self._duplicates.repeated(keys)
        return found

    def places(self, rows: bytes) -> list[int] | None:
        places = self._duplicates.places(rows) if len(self._duplicates) else None
        exact = pack_exact(rows)
        known = self._known.among(np.where(exact == NONE, NONE, exact // _ELEVEN))
        watched: list[int] = np.where(known, 0, np.asarray(-1 if places is None else places)).tolist()
        return watched


class KnownNumbers:
    """Numbers of a check that were known before it: 17 digits each as a key, any other certificate as text."""

    def __init__(self, keys: Keys, texts: frozenset[bytes] = frozenset()) -> None:
        self._keys = KeySet(len(keys))
        if len(keys):
            self._keys.add(keys)
        self._texts = texts

    def __len__(self) -> int:
        return len(self._keys) + len(self._texts)

    def watch(self, duplicates: Any) -> Any:
        """The repeated numbers for a screen, these among them."""
        return _Both(duplicates, self) if len(self) else duplicates

    def among(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Whether each key is known; a value without a key may be, where texts are."""
        none = (keys == NONE) | (keys == 0)
        found: npt.NDArray[np.bool_] = ~none & (self._keys.find(keys) >= 0)
        return found | none if self._texts else found

    def holds(self, number: str) -> bool:
        """Whether a stored number is known; a number with another check character is another one."""
        if _STRICT.fullmatch(number):
            right = citizen_id.check_digit(number[:17]) == number[17]
            return right and bool(self._keys.find(np.array([int(number[:17])], np.uint64))[0] >= 0)
        return number.encode("utf-8", "surrogatepass") in self._texts

    @classmethod
    def find(cls, sources: Sequence[Source], spec: RecordSpec, known: Any, *, on: date) -> "KnownNumbers":
        """Read the numbers of all sources, then let the known ones pass by.

        Args:
            sources: all files of the check.
            spec: their layout.
            known: numbers in stored form, a stream or a column (:func:`~sbcard_core.validation.known.mark`); read
                once and never held.
            on: the day of the check.

        Memory: 8 bytes for each slot of a table of the check's numbers (4/3 to 8/3 slots a number).
        """
        keys, texts = KeySet(), set[bytes]()
        at = spec.index("id_number")
        for source in sources:
            with suppress(SourceRefused):  # the check proper tells it
                for block in source.blocks(spec):
                    if block.layout is None or block.layout.order[at] < 0:
                        continue
                    ready, _, others = numbers_of(block, block.layout.order[at])
                    keys.add(ready)
                    cells = [_plain(cell) for _, cell in others]
                    full = [cell for cell in cells if _STRICT.fullmatch(cell)]
                    for cell in cells:
                        if is_legacy(cell):
                            full += lengthen(cell, on=on)
                        elif cell and not _STRICT.fullmatch(cell):
                            texts.add(cell.encode("utf-8", "surrogatepass"))
                    keys.add(pack_exact("".join(full).encode("ascii")) // _ELEVEN)
        hits, hit_texts = [np.zeros(0, np.uint64)], set[bytes]()
        for piece in pieces(known):
            bodies = piece.keys[_is_right(piece.keys)] // _ELEVEN
            hits.append(bodies[keys.find(bodies) >= 0])
            if texts:
                hit_texts |= {text for _, text in piece.texts() if text in texts}
        return cls(np.unique(np.concatenate(hits)), frozenset(hit_texts))


def _plain(cell: str) -> str:
    if _STRICT.fullmatch(cell):
        return cell
    form = repair_form(cell.strip(), Kind.NUMBER, ASK_ALWAYS)
    return form.proposed or form.value


_WEIGHTS = [pow(2, 17 - at, 11) for at in range(17)]


def _is_right(exact: Keys) -> npt.NDArray[np.bool_]:
    """Whether each number's check character is right."""
    total, rest = exact % _ELEVEN, exact // _ELEVEN
    for weight in reversed(_WEIGHTS):
        total = total + rest % np.uint64(10) * np.uint64(weight)
        rest = rest // np.uint64(10)
    right: npt.NDArray[np.bool_] = (total % _ELEVEN == 1) & (exact != NONE)
    return right


NOTHING_KNOWN = KnownNumbers(np.zeros(0, np.uint64))
