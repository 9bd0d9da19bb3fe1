"""姓名: a name as a resident's certificate writes it.

Rules: the notice of twelve ministries of 2016 (民委发〔2016〕33号) gives a name at least 50 bytes
or 25 Chinese characters and makes U+00B7 the only separator; all of GB 18030 may occur. Letters
of any script are let through: refusing a real person is worse than accepting an odd name.
A file's own limit counts bytes in that file's encoding (:class:`~sbcard_core.fields.gb18030.Encoding`).
"""

import unicodedata
from array import array
from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import _characters, _rows, encodings, gb18030
from sbcard_core.fields._characters import MISSING_WORDS
from sbcard_core.fields.gb18030 import Encoding
from sbcard_core.messages import message

DOT, LOOK_ALIKES, CLEAN = _characters.DOT, _characters.LOOK_ALIKES, _characters.CLEAN

MAX_CHARACTERS = 25
"""Chinese characters; letters of a romanised name are limited by MAX_BYTES alone."""
MAX_BYTES = 50

_PLAIN_BYTES = {Encoding.GB18030: 2, Encoding.GB18030_2022: 2, Encoding.GBK: 2, Encoding.UTF_16: 2}


class Problem(StrEnum):
    """What can be wrong with a name; dot and blank are repaired, private use and half width only pointed out."""

    MISSING = "missing"
    TOO_LONG = "too_long"
    CHARACTER = "character"
    DOT = "dot"
    BLANK = "blank"
    PRIVATE_USE = "private_use"
    """A rare character by a private-use code: it shows another glyph on other systems, look at the certificate."""
    ENCODING = "encoding"
    """The encoding asked for lacks a character: it must go by another way, never as "?"."""
    HALF_WIDTH = "half_width"
    """Half-width katakana or Hangul: no certificate prints them, they betray text read in a wrong encoding."""
    GARBLED = "garbled"
    """Text that was read in a wrong encoding (:mod:`~sbcard_core.fields.encodings`): another name, or none."""
    DOUBTFUL = "doubtful"
    """It may have been read in a wrong encoding, or is an uncommon name."""
    COMPATIBILITY = "compatibility"
    """A code of the same character that is only kept for old systems: searches take it for the ordinary one."""

    @property
    def bit(self) -> int:
        """The status bit in :func:`check_many`: 1 for the first, 2 for the second …

        Example:
            >>> Problem.MISSING.bit, Problem.ENCODING.bit
            (1, 64)
        """
        return 1 << list(Problem).index(self)


MILD = frozenset({Problem.PRIVATE_USE, Problem.HALF_WIDTH, Problem.DOUBTFUL, Problem.COMPATIBILITY})
"""Pointed out, never a reason to refuse."""


class InvalidName(InvalidValue):
    """A name that breaks a rule; ``problems`` says which, the name itself is not told."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        reasons = tuple(message(f"fields.name.{problem}") for problem in problems)
        super().__init__(message("fields.name", reasons=reasons), step="name.validate", term="姓名")


def gb18030_length(name: str) -> int:
    """Bytes the name takes in GB 18030 as older systems write it; a lone surrogate counts as 4.

    Example:
        >>> gb18030_length("阿依古丽·买买提"), gb18030_length("㐂")
        (16, 4)
    """
    return gb18030.byte_length(name)


def repair(name: str) -> str:
    """The name with outer and inner blanks gone and look-alike dots and hyphens between Han characters made U+00B7.

    A blank between Latin words stays as a plain one; nothing else changes.

    Example:
        >>> repair(" 张　三"), repair("买买提．阿不都"), repair("J. Smith")
        ('张三', '买买提·阿不都', 'J. Smith')
    """
    return _characters.LOOK_ALIKE.sub(DOT, _closed(name))


def _closed(name: str) -> str:
    return _characters.BLANK_RUN.sub(" ", _characters.INNER_BLANK.sub("", name.strip()))


compact = repair


class Change(StrEnum):
    """What :func:`normalise` did to a name."""

    BLANK = "blank"
    DOT = "dot"
    WIDTH = "width"
    """Full-width Latin letters became plain ones."""
    MOVED = "moved"
    """A private-use code point became the character that GB 18030-2022 gives its code."""
    INVISIBLE = "invisible"
    """Characters that nobody sees were taken out (:func:`visible`)."""


class Normalised(NamedTuple):
    """A name and the changes that led to it."""

    name: str
    changes: tuple[Change, ...]


def visible(text: str) -> str:
    """The text without characters that show nothing: zero-width blanks, direction marks, fillers, variation selectors.

    The joiners (U+200C, U+200D) and the selectors of Mongolian shape letters of some scripts, so they go only at the
    ends and beside Han. Source: Unicode's property Default_Ignorable_Code_Point.

    Example:
        >>> visible("\\u202a张\\u200b三\\u202c"), visible("张\\u200d三")
        ('张三', '张三')
        >>> visible("张\\u3164三\\ufe00"), visible("\\u115f")
        ('张三', '')
    """
    return text if text.isascii() else _characters.JOINER.sub("", _characters.UNSEEN.sub("", text))


def normalise(name: str) -> Normalised:
    """Everything that can be put right without loss, and what that was; never silently.

    Example:
        >>> normalise("买买提．ＡＬＩ")
        Normalised(name='买买提．ALI', changes=(<Change.WIDTH: 'width'>,))
        >>> normalise("张\\ue81e ").changes, normalise("张\\ue81e ").name == "张\\u9fb4"
        ((<Change.MOVED: 'moved'>, <Change.BLANK: 'blank'>), True)
    """
    if _characters.PLAIN.fullmatch(name):
        return Normalised(name, ())
    changes = []
    for change, step in (
        (Change.INVISIBLE, visible),
        (Change.MOVED, gb18030.modern),
        (Change.WIDTH, _narrow),
        (Change.BLANK, _closed),
        (Change.DOT, repair),
    ):
        if (after := step(name)) != name:
            changes.append(change)
            name = after
    return Normalised(name, tuple(changes))


def _narrow(name: str) -> str:
    return name.translate(_characters.WIDE_LATIN)


def fold(name: str) -> str:
    """The search form of a name: it finds candidates for a match and is never stored, printed or sent.

    Compatibility characters become the ordinary ones, letters lose case, width and (Latin and Han) accents; dots,
    blanks, hyphens and whatever else is no letter goes.

    Example:
        >>> fold("买买提•阿不都") == fold("买买提 - 阿不都"), fold("José"), fold("⾼山") == fold("高山")
        (True, 'jose', True)
    """
    kept: list[str] = []
    drops_marks = False
    for mark in unicodedata.normalize("NFKD", gb18030.modern(visible(name))).casefold():
        kind = unicodedata.category(mark)[0]
        if kind == "L" or gb18030.is_private(mark):
            drops_marks = mark.isascii() or _characters.IS_HAN.match(mark) is not None
            kept.append(mark)
        elif kind == "M" and not drops_marks:
            kept.append(mark)
    return "".join(kept)


class Match(StrEnum):
    """How two names compare."""

    SAME = "same"
    """In their written forms."""
    FOLDED = "folded"
    """Only in their search forms: a candidate, to be compared with the certificate; always a finding."""
    DIFFERENT = "different"


def match(one: str, other: str) -> Match:
    """Compare two names as written.

    Example:
        >>> match("买买提•阿不都", "买买提·阿不都").name, match("⾼山", "高山").name
        ('SAME', 'FOLDED')
        >>> match("张三", "李四").name, match("", "").name
        ('DIFFERENT', 'DIFFERENT')
    """
    if normalise(one).name == normalise(other).name != "":
        return Match.SAME
    return Match.FOLDED if fold(one) == fold(other) != "" else Match.DIFFERENT


def is_romanised(name: str) -> bool:
    """Whether every letter is Latin: such a name is compared without regard to case, and may be long.

    Example:
        >>> is_romanised("JEAN-PIERRE O'NEIL"), is_romanised("阿·Ali"), is_romanised("")
        (True, False, False)
    """
    letters = [character for character in name if unicodedata.category(character)[0] == "L"]
    return bool(letters) and all("LATIN" in unicodedata.name(letter, "") for letter in letters)


def fits(name: str, max_bytes: int, encoding: Encoding) -> bool:
    """Whether a fixed field of a file can hold the name, whole and with every character.

    Example:
        >>> fits("阿依古丽·买买提", 16, Encoding.GBK), fits("𠮷野", 30, Encoding.GBK), fits("𠮷野", 6, Encoding.GB18030)
        (True, False, True)
    """
    return gb18030.byte_length(name, encoding) <= max_bytes and not gb18030.lacking(name, encoding)


def cut(name: str, max_bytes: int, encoding: Encoding) -> str:
    """What is left of a name in a fixed field: the longest head of whole characters, for comparing answers of banks.

    Raises:
        Unencodable: the encoding lacks a character.

    Example:
        >>> cut("阿依古丽·买买提", 11, Encoding.GBK)
        '阿依古丽·'
    """
    used = 0
    for at, character in enumerate(name):
        used += len(gb18030.encode(character, encoding))
        if used > max_bytes:
            return name[:at]
    return name


def problems(
    name: str,
    *,
    encoding: Encoding = Encoding.GB18030,
    max_bytes: int = MAX_BYTES,
    max_characters: int = MAX_CHARACTERS,
) -> list[Problem]:
    """Everything that is wrong with the name as written, in the order of :class:`Problem`.

    Args:
        name: as written.
        encoding: of the file the name has to go into.
        max_bytes: that file's limit, counted in that encoding.
        max_characters: limit of Chinese characters.

    Example:
        >>> [str(problem) for problem in problems("张3")]
        ['character']
        >>> [str(problem) for problem in problems("买买提•阿不都 ")]
        ['dot', 'blank']
        >>> [str(problem) for problem in problems("𠮷野太郎", encoding=Encoding.GBK, max_bytes=8)]
        ['too_long', 'encoding']
    """
    size = _PLAIN_BYTES.get(encoding, 3)
    if _characters.PLAIN.fullmatch(name) and size * len(name) <= max_bytes and len(name) <= max_characters:
        return []
    found = set()
    if repair(name) != _closed(name):
        found.add(Problem.DOT)
    if _closed(name) != name:
        found.add(Problem.BLANK)
    name = repair(name)
    if not name or name in MISSING_WORDS:
        return [Problem.MISSING]
    if len(_characters.IS_HAN.findall(name)) > max_characters or gb18030.byte_length(name, encoding) > max_bytes:
        found.add(Problem.TOO_LONG)
    found |= _strange_in(name)
    if not _is_spelled(name):
        found.add(Problem.CHARACTER)
    elif gb18030.lacking(name, encoding):
        found.add(Problem.ENCODING)
    return [problem for problem in Problem if problem in found]


def _strange_in(name: str) -> set[Problem]:
    """Signs of a wrong encoding, and characters that other systems show or find as others."""
    found = set()
    if any(map(gb18030.is_private, name)):
        found.add(Problem.PRIVATE_USE)
    if _characters.HALF_WIDTH.search(name):
        found.add(Problem.HALF_WIDTH)
    if any(_characters.IS_HAN.match(character) and unicodedata.decomposition(character) for character in name):
        found.add(Problem.COMPATIBILITY)
    if encodings.wreckage(name) is not None:
        found.add(Problem.GARBLED if encodings.is_sure(name) else Problem.DOUBTFUL)
    return found


def _is_spelled(name: str) -> bool:
    """Letters, inside which a dot, a blank, a hyphen or an apostrophe may stand alone."""
    parts = _characters.INSIDE.split(name)
    if name[-1] in ".\u0f0b":  # "Smith Jr."
        parts.pop()
    if ", " in name and not is_romanised(name):
        return False
    if visible(name) != name or not all(parts):
        return False
    return all(map(_is_letter, (character for part in parts for character in part))) and not _has_stray_mark(name)


def _has_stray_mark(name: str) -> bool:
    """Whether a combining mark has no letter of its own script before it: on Han, a dot or nothing."""
    return any(
        unicodedata.category(mark)[0] == "M" and (not base or _characters.IS_HAN.match(base) or base in f" {DOT}.-'")
        for base, mark in zip(["", *name], name, strict=False)
    )


def _is_letter(character: str) -> bool:
    """Any Han code point counts, assigned or not: an old Unicode table must not refuse a new Extension."""
    if _characters.IS_HAN.match(character) or gb18030.is_private(character):
        return True
    return unicodedata.category(character)[0] in "LM"


def check_many(
    names: Any,
    *,
    encoding: Encoding = Encoding.GB18030,
    max_bytes: int = MAX_BYTES,
    max_characters: int = MAX_CHARACTERS,
) -> "array[int]":
    """Check a column of names by the rules of :func:`problems`.

    Returns:
        n numbers, each the OR of the bits of its problems (:attr:`Problem.bit`); 0 = clean.

    Example:
        >>> list(check_many(["张三", None, "买买提•阿不都", "张3"]))
        [0, 1, 8, 4]
    """
    limits = {"max_bytes": max_bytes, "max_characters": max_characters}
    return array(
        "H",
        [sum(problem.bit for problem in problems(name, encoding=encoding, **limits)) for name in _rows.texts(names)],
    )


def is_valid(name: str) -> bool:
    """Whether ``name``, exactly as written, has no problem.

    Example:
        >>> is_valid("阿依古丽·买买提"), is_valid("阿依古丽•买买提")
        (True, False)
    """
    return not problems(name)


def validate(name: str) -> str:
    """Return the stored form (:func:`repair`), or raise; what is only pointed out is let through.

    Raises:
        InvalidName: with ``problems``.

    Example:
        >>> validate("买买提．阿不都 ")
        '买买提·阿不都'
    """
    name = repair(name)
    if found := [problem for problem in problems(name) if problem not in MILD]:
        raise InvalidName(found)
    return name


def format(name: str) -> str:
    """The name as it is printed: normalised, a romanised one with single blanks.

    Example:
        >>> format("买买提．阿不都"), format("John  Smith")
        ('买买提·阿不都', 'John Smith')
    """
    return " ".join(normalise(name).name.split())
