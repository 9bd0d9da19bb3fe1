"""Characters of names: what is Han, what shows nothing, what looks like the dot, and what stands for no name."""

import re

from sbcard_core import values
from sbcard_core.fields.encodings import FIRST_OF_KOREAN

DOT = "·"
"""U+00B7, GB 18030 A1A4: the only separator inside a name (间隔号)."""

LOOK_ALIKES = "•‧∙⋅・･．.\u0387\u02d9\u1427\u16eb\u2024\u25cf\u25e6\u2981\u2e31\u2e33\u318d\ua78f\ufe52"
"""Dots seen in its place (own list); changed to U+00B7 only between Han characters."""

HYPHENS = "\\-\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
"""Taken for the dot between Han characters, too: no other separator stands there."""

HAN = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
IS_HAN = re.compile(f"[{HAN}]")
LOOK_ALIKE = re.compile(f"(?<=[{HAN}])[{re.escape(LOOK_ALIKES)}{HYPHENS}](?=[{HAN}])")
BLANKS = " \t\u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
INNER_BLANK = re.compile(f"(?<=[{HAN}{DOT}])[{BLANKS}]+(?=[{HAN}{DOT}])")
BLANK_RUN = re.compile(f"[{BLANKS}]+")

MISSING_WORDS = frozenset(
    {
        *("NULL", "null", "(null)", "None", "NaN", "nan", "N/A", "n/a", "#N/A", "undefined"),
        *("无", "不详", "未知", "空", "暂无", "未填", "无姓名", "姓名不详", "姓名"),
        *("同上", "同前", "待定", "待补", "待查", "不明", "空白", "缺", "略"),
    }
)
"""What programs and clerks write where there is no name (own list)."""


def _first_of_wrecks() -> str:
    """The characters that UTF-8 text begins with where it is read as GB 18030: its first byte and the next."""
    pairs = [(lead, trail) for lead in (*range(0xE3, 0xEA), 0xF0) for trail in range(0x80, 0xC0)]
    return bytes(byte for pair in pairs for byte in pair).decode("gb18030")


_NO_NAME = {word[0] for word in MISSING_WORDS if not word.isascii()}
NOT_FIRST = "".join(sorted({*_first_of_wrecks(), *_NO_NAME, *FIRST_OF_KOREAN, *"烫屯"}))
"""Characters a name seldom begins with; those that do are looked at closer."""
_CLEAN = "[一-锞锠-龥]"  # 锟 is the first sign of bytes that were replaced

CLEAN = f"(?![{NOT_FIRST}]){_CLEAN}{{1,12}}(?:{DOT}{_CLEAN}{{1,12}})?"
"""A regular expression of names that have no problem for sure: the common case, 2 bytes of GB 18030 each."""

PLAIN = re.compile(f"(?![{NOT_FIRST}]){_CLEAN}+(?:{DOT}{_CLEAN}+)*")
WIDE_LATIN = {0xFF21 + n: 0x41 + n for n in range(26)} | {0xFF41 + n: 0x61 + n for n in range(26)}
UNSEEN = re.compile(f"[{values.UNSEEN}]")
_SHAPERS = "[\u180b-\u180f\u200c\u200d]+"
JOINER = re.compile(f"(?<!\\S){_SHAPERS}|{_SHAPERS}(?!\\S)|(?<=[{HAN}]){_SHAPERS}|{_SHAPERS}(?=[{HAN}])")
HALF_WIDTH = re.compile("[\uff65-\uffdc]")
INSIDE = re.compile(f"{DOT}|\\. ?|, | |-|'|’|[\u0f0b\u0f0c]")  # the last two part syllables of Tibetan script
