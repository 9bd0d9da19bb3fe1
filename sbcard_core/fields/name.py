"""姓名: a name as a resident's certificate writes it.

Rules: the notice of twelve ministries of 2016 (民委发〔2016〕33号) gives a name at least 50 bytes
or 25 Chinese characters and makes U+00B7 the only separator; all of GB 18030 may occur. Letters
of any script are let through: refusing a real person is worse than accepting an odd name.
"""

import re
import unicodedata
from enum import StrEnum

DOT = "·"
"""U+00B7, GB 18030 A1A4: the only separator inside a name (间隔号)."""

LOOK_ALIKES = "•‧∙⋅・･．."
"""Dots seen in its place (own list); changed to U+00B7 only between Han characters."""

MAX_CHARACTERS = 25
MAX_BYTES = 50

_HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LOOK_ALIKE = re.compile(f"(?<=[{_HAN}])[{re.escape(LOOK_ALIKES)}](?=[{_HAN}])")
_INNER_BLANK = re.compile(f"(?<=[{_HAN}{DOT}])[ \\u3000\\t]+(?=[{_HAN}{DOT}])")
_PLAIN = re.compile("[\u4e00-\u9fa5]{1,25}")  # the common case: 2 bytes each, nothing else to look at


class Problem(StrEnum):
    """What can be wrong with a name; the last three are repaired or only pointed out."""

    MISSING = "missing"
    TOO_LONG = "too_long"
    CHARACTER = "character"
    DOT = "dot"
    BLANK = "blank"
    PRIVATE_USE = "private_use"
    """A rare character by a private-use code: it shows another glyph on other systems, look at the certificate."""


def gb18030_length(name: str) -> int:
    """Bytes the name takes in GB 18030; a lone surrogate counts as 4.

    Example:
        >>> gb18030_length("阿依古丽·买买提"), gb18030_length("㐂")
        (16, 4)
    """
    return len(name.encode("gb18030", "replace")) + 3 * sum("\ud800" <= character <= "\udfff" for character in name)


def repair(name: str) -> str:
    """The name with outer and inner blanks gone and look-alike dots between Han characters made U+00B7.

    Blanks between Latin words stay; nothing else changes.

    Example:
        >>> repair(" 张　三"), repair("买买提．阿不都"), repair("J. Smith")
        ('张三', '买买提·阿不都', 'J. Smith')
    """
    return _LOOK_ALIKE.sub(DOT, _INNER_BLANK.sub("", name.strip(" \u3000\t")))


def problems(name: str) -> list[Problem]:
    """Everything that is wrong with the name as written, in the order of :class:`Problem`.

    Example:
        >>> [str(problem) for problem in problems("张3")]
        ['character']
        >>> [str(problem) for problem in problems("买买提•阿不都 ")]
        ['dot', 'blank']
    """
    if _PLAIN.fullmatch(name):
        return []
    found = set()
    if repair(name) != _INNER_BLANK.sub("", name.strip(" \u3000\t")):
        found.add(Problem.DOT)
    if _INNER_BLANK.sub("", name.strip(" \u3000\t")) != name:
        found.add(Problem.BLANK)
    name = repair(name)
    if not name:
        return [Problem.MISSING]
    if len(name) > MAX_CHARACTERS or gb18030_length(name) > MAX_BYTES:
        found.add(Problem.TOO_LONG)
    if any(map(_is_private_use, name)):
        found.add(Problem.PRIVATE_USE)
    if not _is_spelled(name):
        found.add(Problem.CHARACTER)
    return [problem for problem in Problem if problem in found]


def _is_private_use(character: str) -> bool:
    return unicodedata.category(character) == "Co"


def _is_spelled(name: str) -> bool:
    """Letters, inside which a dot, a blank, a hyphen or an apostrophe may stand alone."""
    parts = re.split(f"{DOT}|\\. ?| |-|'|’", name)
    if name.endswith(".") and len(parts) > 1:  # "Smith Jr."
        parts.pop()
    return all(parts) and all(
        character == "〇" or unicodedata.category(character)[0] in "LM" or _is_private_use(character)
        for part in parts
        for character in part
    )
