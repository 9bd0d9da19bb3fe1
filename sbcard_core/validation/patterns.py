"""The regular expressions of layouts as shapes a kernel can check; what has no such shape gives None.

Only the structure is read here: one-character atoms, repeats, and a few groups. Which characters an atom stands
for is asked of ``re`` itself.
"""

import re
from functools import lru_cache
from typing import NamedTuple

PAD = 32
"""Longest value whose every place may have a class of its own."""

LAST_UNIT = 0xFFFF


class Shape(NamedTuple):
    """At most 32 ASCII characters; ``classes`` holds one string of characters per place."""

    low: int
    high: int
    classes: tuple[str, ...]


class Text(NamedTuple):
    """``low`` to ``high`` characters of a class, a multiple of ``step``; up to ``parts`` such, ``mark`` between.

    The first character is none of ``not_first``.
    """

    low: int
    high: int
    characters: frozenset[str]
    step: int = 1
    parts: int = 1
    mark: str = ""
    not_first: frozenset[str] = frozenset()


class Digits(NamedTuple):
    """``low`` to ``high`` digits, not all of them 0."""

    low: int
    high: int


class _Repeat(NamedTuple):
    atom: str
    low: int
    high: int


_ATOM = re.compile(r"\[(?:\\.|[^\]\\])+\]|\\[^0-9A-Za-z]|[^\\\[\](){}?*+|.^$]")
_COUNT = re.compile(r"\{(\d+)(?:,(\d+))?\}|\?")


def _repeats(pattern: str) -> list[_Repeat] | None:
    """A plain sequence of counted atoms."""
    found, at = [], 0
    while at < len(pattern):
        atom = _ATOM.match(pattern, at)
        if atom is None:
            return None
        at = atom.end()
        count = _COUNT.match(pattern, at)
        low, high = 1, 1
        if count is not None:
            at = count.end()
            low = int(count[1] or 0)
            high = int(count[2] or count[1] or 1)
        found.append(_Repeat(atom[0], low, high))
    return found


_EVERY = "".join(map(chr, [*range(1, 0xD800), *range(0xE000, LAST_UNIT + 1)]))


@lru_cache(maxsize=64)
def characters(atom: str) -> frozenset[str]:
    """Every character up to U+FFFF that an atom matches, asked of ``re``; quotes, NUL and line ends never count."""
    return frozenset(re.findall(atom, _EVERY)) - frozenset('"\r\n')


_STEPPED = re.compile(r"\(\?:(?P<inner>[^()]+)\)(?P<count>\{\d+(?:,\d+)?\})")
_MARKED = re.compile(r"(?P<first>[^()]+)\(\?:(?P<mark>[^\[\\(){}?*+|.^$])(?P<next>[^()]+)\)(?:\?|\{0,(?P<more>\d+)\})")


_NOT_ZEROS = re.compile(r"\(\?=0\*\[1-9\]\)\[0-9\]\{([0-9]+),([0-9]+)\}")
_NOT_FIRST = re.compile(r"\(\?!(?P<atom>\[[^\]\\]+\])\)(?P<rest>.+)", re.DOTALL)


def read(pattern: str) -> Shape | Text | Digits | None:
    """The shape of a regular expression.

    Example:
        >>> read("1[3-9][0-9]{9}").high, read("[一-龥]{1,12}(?:·[一-龥]{1,12})?").mark, read("a|b")
        (11, '·', None)
        >>> read("(?=0*[1-9])[0-9]{1,32}")
        Digits(low=1, high=32)
        >>> read("(?![不无])[一-龥]{1,12}").not_first == {"不", "无"}
        True
    """
    if (begun := _NOT_FIRST.fullmatch(pattern)) is not None:
        rest = read(begun["rest"])
        return rest._replace(not_first=characters(begun["atom"])) if isinstance(rest, Text) and rest.low else None
    if (stepped := _STEPPED.fullmatch(pattern)) is not None:
        inner, outer = _repeats(stepped["inner"]), _repeats("x" + stepped["count"])
        if inner is None or outer is None or len(inner) != 1 or inner[0].low != inner[0].high or not inner[0].low:
            return None
        size = inner[0].low
        return Text(outer[0].low * size, outer[0].high * size, characters(inner[0].atom), size)
    if (marked := _MARKED.fullmatch(pattern)) is not None:
        first = _repeats(marked["first"])
        if first is None or len(first) != 1 or _repeats(marked["next"]) != first or not first[0].low:
            return None
        allowed = characters(first[0].atom)
        more = int(marked["more"] or 1)
        return (
            None
            if marked["mark"] in allowed
            else Text(first[0].low, first[0].high, allowed, 1, more + 1, marked["mark"])
        )
    return _plain(pattern)


def _plain(pattern: str) -> Shape | Text | Digits | None:
    if (digits := _NOT_ZEROS.fullmatch(pattern)) is not None:
        return Digits(int(digits[1]), int(digits[2]))
    sequence = _repeats(pattern)
    if not sequence or any(repeat.low != repeat.high for repeat in sequence[:-1]):
        return None
    high = sum(repeat.high for repeat in sequence)
    classes = [characters(repeat.atom) for repeat in sequence]
    if high <= PAD and all(map(_is_ascii, classes)):
        places = [
            "".join(sorted(held)) for held, repeat in zip(classes, sequence, strict=True) for _ in range(repeat.high)
        ]
        return Shape(high - sequence[-1].high + sequence[-1].low, high, tuple(places))
    if len(sequence) == 1:
        return Text(sequence[0].low, high, classes[0])
    return None


def _is_ascii(held: frozenset[str]) -> bool:
    return max(held, default="\uffff") < "\x80"
