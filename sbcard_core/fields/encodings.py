"""GB 18030 and UTF-8 told apart by evidence, and Chinese text that was read in the wrong encoding.

Most Chinese text is valid in one of the two only, but not all: the two GBK bytes of many characters are one valid
UTF-8 character of another script, and each two characters of UTF-8 are three valid ones of GBK. So what counts is not
whether text can be decoded but whether it then is Chinese text as people write it: characters of GB 2312, which hold
more than 99 % of all names. A whole file decides by its lines; a line that speaks for the other encoding contradicts
its file.
"""

import re
from enum import StrEnum

from sbcard_core.errors import InvalidValue
from sbcard_core.fields.gb18030 import is_private
from sbcard_core.messages import message

GB18030, UTF_8 = "gb18030", "utf-8"

_MARK = b"\xef\xbb\xbf"
_SIGNS = "\u00b7\u2014\u2018\u2019\u201c\u201d\u2026\u3000-\u3003\u3007-\u3011\uff01-\uff5e"
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]")
_CHINESE = re.compile(f"[\x00-\x7f{_SIGNS}\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003ffff]*")
_LETTERS_OF_TWO = re.compile("[\x00-\x7f\u0080-\u05ff]*")
_MIXED = re.compile("[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u052f\u3040-\u312f]")
_ASCII_LETTER = re.compile("[A-Za-z]")
_LATIN_WORDS = re.compile(
    "(?:[\x00-\x7f]|(?<=[A-Za-z])[\u00c0-\u024f\u0300-\u036f]+|[\u00c0-\u024f\u0300-\u036f]+(?=[A-Za-z]))*+"
)
"""Text of ASCII in which other Latin letters stand only beside its letters, as in José."""
_HANGUL = re.compile("[\uac00-\ud7a3]{2,4}")
FIRST_OF_KOREAN = frozenset("김이박최정강조윤장오한신서권황안송고손양배류".encode("euc_kr").decode(GB18030)) - {
    *"弥巩剧"
}
"""Surnames of most Koreans as GB 18030 reads their EUC-KR, without what are Chinese surnames (own list)."""
_FILLED = re.compile("\ufffd|^(?:烫烫|屯屯)")  # the last two are memory nobody wrote to
_REPLACED = "\ufffd".encode()  # it reads as 锟 and half a character in GB 18030


_SAMPLE = 1 << 20
"""Bytes whose lines decide."""


class Wreck(StrEnum):
    """How text came to stand in characters that were never meant."""

    UTF8_AS_GB = "UTF-8 read as GB 18030"
    GB_AS_UTF8 = "GB 18030 read as UTF-8"
    GB_AS_LATIN = "GB 18030 read as Latin-1"
    UTF8_AS_LATIN = "UTF-8 read as Latin-1"
    BIG5_AS_GB = "Big5 read as GB 18030"
    EUC_KR_AS_GB = "EUC-KR read as GB 18030"
    REPLACED = "signs put in the place of bytes nobody could read"
    MIXED = "Han beside letters of another script"


def codec(name: str) -> str:
    """The codec for an encoding a caller names: every form of GB is read as GB 18030, which holds them all.

    Raises:
        InvalidValue: neither GB… nor UTF-8.

    Example:
        >>> codec("GB2312"), codec("CP936"), codec("UTF8")
        ('gb18030', 'gb18030', 'utf-8')
    """
    plain = name.lower().replace("-", "").replace("_", "")
    if plain.startswith("gb") or plain in {"cp936", "936", "hz", "ansi"}:
        return GB18030
    if plain in {"utf8", "utf8sig"}:
        return UTF_8
    raise InvalidValue(message("fields.encoding", found=name[:24]), step="encodings.codec", term="编码")


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return b""


def _is_chinese(text: str | None) -> bool:
    """Whether all that is not ASCII is Han or a sign of Chinese text, and some of it Han."""
    return text is not None and _CHINESE.fullmatch(text) is not None and _HAN.search(text) is not None


def _is_latin(text: str) -> bool:
    """Whether all that is not ASCII is a Latin letter beside an ASCII one: no text of GB 18030 reads so as UTF-8."""
    return _LATIN_WORDS.fullmatch(text) is not None


def is_ordinary(text: str | None) -> bool:
    """Whether text is Chinese in characters of GB 2312 only.

    Example:
        >>> is_ordinary("谢小平"), is_ordinary("寮犱笁"), is_ordinary("лСƽ")
        (True, False, False)
    """
    return text is not None and _is_chinese(text) and _encoded(text, "gb2312") != b""


def _is_common(text: str | None) -> bool:
    """Whether text is Chinese in the 3,755 characters of GB 2312's first level."""
    return text is not None and is_ordinary(text) and all(_encoded(character, "gb2312") < b"\xd8" for character in text)


def decide(raw: bytes) -> str:
    """The encoding most lines of a text speak for; GB 18030, the encoding of the exchange, where none speaks.

    Example:
        >>> decide("张三\\n李四\\n".encode()), decide("谢小平\\n".encode("gb18030")), decide(b"plain")
        ('utf-8', 'gb18030', 'gb18030')
    """
    if raw.startswith(_MARK):
        return UTF_8
    votes = 0
    for line in raw[:_SAMPLE].splitlines():
        if not line.isascii():
            as_utf8, as_gb = _decoded(line, UTF_8), _decoded(line, GB18030)
            for_utf8 = _is_chinese(as_utf8) or (as_utf8 is not None and (_is_latin(as_utf8) or not is_ordinary(as_gb)))
            votes += 1 if for_utf8 else -1
    return UTF_8 if votes > 0 else GB18030


def contradicts(line: bytes, encoding: str) -> bool:
    """Whether a line of a file is in the other encoding, though the file's own may decode it too.

    Args:
        line: its bytes.
        encoding: the file's, ``"gb18030"`` or ``"utf-8"``; in any other nothing contradicts.

    Example:
        >>> contradicts("1,张三".encode(), "gb18030"), contradicts("1,谢小平".encode("gb18030"), "utf-8")
        (True, True)
        >>> contradicts("1,张三".encode("gb18030"), "gb18030"), contradicts(b"1,2", "utf-8")
        (False, False)
    """
    if line.isascii():
        return False
    if encoding == GB18030:
        return _is_chinese(_decoded(line, UTF_8)) and not is_ordinary(_decoded(line, GB18030))
    if encoding == UTF_8:
        own = _decoded(line, UTF_8)
        if own is not None and (not _LETTERS_OF_TWO.fullmatch(own) or _is_latin(own)):
            return False
        return is_ordinary(_decoded(line, GB18030))
    return False


def wreckage(text: str) -> Wreck | None:
    """How a text was probably read wrong, or None; :func:`is_sure` tells whether it can be an ordinary name.

    Example:
        >>> [wreckage(name).name for name in ("寮犱笁", "лСƽ", "ÕÅÈý", "锟斤拷")]
        ['UTF8_AS_GB', 'GB_AS_UTF8', 'GB_AS_LATIN', 'REPLACED']
        >>> [wreckage(name) for name in ("张三", "阿依古丽·买买提", "李喆", "José", "Иван")]
        [None, None, None, None, None]
    """
    if text.isascii():
        return None
    gb = _encoded(text, GB18030)
    if _FILLED.search(text) or ("锟" in text and _REPLACED in gb):
        return Wreck.REPLACED
    if _HAN.search(text):
        tests = {
            Wreck.UTF8_AS_GB: _is_chinese(_decoded(gb, UTF_8)),
            Wreck.BIG5_AS_GB: _is_of_big5(text, gb),
            Wreck.EUC_KR_AS_GB: text[0] in FIRST_OF_KOREAN and bool(_HANGUL.fullmatch(_decoded(gb, "euc_kr") or "")),
            Wreck.MIXED: _MIXED.search(text) is not None,
        }
    else:
        latin = [_encoded(text, codec) for codec in ("latin-1", "cp1252")] if not _ASCII_LETTER.search(text) else []
        tests = {
            Wreck.GB_AS_UTF8: bool(latin) and _is_common(_decoded(_encoded(text, UTF_8), GB18030)),
            Wreck.GB_AS_LATIN: any(is_ordinary(_decoded(raw, GB18030)) for raw in latin),
            Wreck.UTF8_AS_LATIN: any(_is_chinese(_decoded(raw, UTF_8)) for raw in latin),
            Wreck.BIG5_AS_GB: _is_of_big5(text, gb),
        }
    return next((wreck for wreck, found in tests.items() if found), None)


def _is_of_big5(text: str, gb: bytes) -> bool:
    """Whether the bytes are two or more frequent characters of Big5, and the text is none that is written."""
    raw = _decoded(gb, "big5") if _HAN.search(text) or any(map(is_private, text)) else None
    strange = sum(not is_ordinary(character) for character in text)
    return raw is not None and strange > 1 and all(b"\xa4\x40" <= _encoded(one, "big5") <= b"\xc6\x7e" for one in raw)


def is_sure(text: str) -> bool:
    """Whether a text is wreckage beyond doubt: nobody's name is written so.

    Example:
        >>> is_sure("寮犱笁"), is_sure("谢小平"), is_sure("锟斤拷"), is_sure("лСƽ")
        (True, False, True, False)
    """
    match wreckage(text):
        case Wreck.GB_AS_LATIN | Wreck.UTF8_AS_LATIN:
            return True
        case Wreck.UTF8_AS_GB:
            return not is_ordinary(text)
        case Wreck.REPLACED:
            return _FILLED.search(text) is not None or _encoded(text, GB18030).count(_REPLACED) > 1
    return False
