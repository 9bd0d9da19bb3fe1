"""What a refused name was probably meant to be: proposed, never stored unasked."""

import re
import unicodedata

from sbcard_core.fields import name
from sbcard_core.fields.name import DOT, MILD

_RADICAL = re.compile("[\u2e80-\u2fd5]")
_CHARACTERS = dict(
    zip(
        "⺁⺠⻁⻄⻅⻉⻋⻓⻔⻘⻙⻚⻛⻜⻝⻢⻥⻦⻧⻨⻩⻬⻮⻰⻳",
        "厂民虎西见贝车长门青韦页风飞食马鱼鸟卤麦黄齐齿龙龟",
        strict=True,
    )
)
"""Of radicals that Unicode gives no ordinary character for: those of its list EquivalentUnifiedIdeograph that stand in
names (own choice)."""
_DOTS = re.compile(f"{DOT}{{2,}}")


def likely(written: str) -> str:
    """The name that a refused text was probably meant to be, "" where none is likely.

    Radicals, as texts copied out of a PDF hold them, become the characters they look like; a separator stands once, and
    only between parts.

    Example:
        >>> likely("⻩⾼山"), likely("阿里··买买提·"), likely("张3")
        ('黄高山', '阿里·买买提', '')
    """
    meant = _RADICAL.sub(lambda found: _character(found[0]), name.normalise(written).name)
    meant = _DOTS.sub(DOT, meant).strip(DOT)
    return meant if meant != written and not set(name.problems(meant)) - MILD else ""


def _character(radical: str) -> str:
    """The ordinary character that looks as a radical's own code does; the radical itself where none is known."""
    return _CHARACTERS.get(radical) or unicodedata.normalize("NFKC", radical)
