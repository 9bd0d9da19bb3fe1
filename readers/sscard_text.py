"""Texts of the terminal driver interface: decoded, split at their ends, one item taken.

The byte 7C of "|" is also the second byte of some GBK characters (珅 is AB 7C), and a name cut in half makes the "|"
behind it look like one. The text is therefore read as characters first; where that gives no answer, such a 7C may be
an end (:func:`readings`). Padding around items (blanks, FF, line ends) is removed.
"""

import codecs
import re
from collections.abc import Iterator
from itertools import combinations, pairwise

from readers.errors import AnswerMalformed
from sbcard_core.errors import InvalidValue
from sbcard_core.fields.encodings import GB18030, contradicts, is_ordinary
from sbcard_core.messages import message

PADDING = b" \x00\xff\r\n\t"
_BAR = 0x7C
_MOST_CUTS = 2
"""Names that may be cut within one answer."""


def text_encoding(name: str | None) -> str | None:
    """The encoding a driver is opened with: None is GB18030, refusing what can only be UTF-8.

    Raises:
        InvalidValue: Python knows no such encoding, or not one in which "|" is the byte 7C.
    """
    if name is None:
        return None
    try:
        if "|".encode(name) == b"|":
            return codecs.lookup(name).name
    except (LookupError, UnicodeError):
        pass
    raise InvalidValue(message("readers.encoding", found=name), step="sscard.open")


def decode(raw: bytes, step: str, encoding: str | None = None) -> str:
    """The text in a driver's buffer, up to its NUL.

    Raises:
        AnswerMalformed: no NUL in the whole buffer, or not text of this encoding. The message repeats nothing of it.

    Example:
        >>> decode(bytes.fromhex("C0EEAB7C7C3100FF"), "iReadCardBas")
        '李珅|1'
    """
    body = _body(raw, step)
    try:
        text = body.decode(encoding or "gb18030")
    except UnicodeDecodeError:
        raise _not_text(encoding, step) from None
    if encoding is None and _is_utf8(body):
        raise AnswerMalformed(message("readers.answer.utf8"), step=step)
    return text


def checked(raw: bytes, step: str, encoding: str | None) -> bytes:
    """The text in a buffer, which is not UTF-8 unless the driver was opened so."""
    body = _body(raw, step)
    if encoding is None and _is_utf8(body):
        raise AnswerMalformed(message("readers.answer.utf8"), step=step)
    return body


def _body(raw: bytes, step: str) -> bytes:
    end = raw.find(b"\x00")
    if end < 0:
        raise AnswerMalformed(message("readers.answer.no_end", size=len(raw)), step=step)
    return raw[:end].removeprefix(codecs.BOM_UTF8)


def _not_text(encoding: str | None, step: str) -> AnswerMalformed:
    return AnswerMalformed(message("readers.answer.not_text", encoding=(encoding or "gb18030").upper()), step=step)


_BESIDE_LATIN = re.compile("[A-Za-z][\u3400-\u9fff]|[\u3400-\u9fff][A-Za-z]")


def _is_utf8(body: bytes) -> bool:
    """Whether the text beyond ASCII is UTF-8 through and through.

    Ideographs and dots only, or Chinese text as written: a name in GBK has that form only if all its characters are
    among the rarest. Letters of another script (José, Ольга): as GBK the same bytes are Han beside Latin letters, or
    characters outside GB 2312.
    """
    if contradicts(body, GB18030):
        return True
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    beyond = [character for character in text if character > "\x7f"]
    if not beyond or not all(one.isalpha() or one in "·•\ufeff" for one in beyond):
        return False
    if all("\u3400" <= one <= "\u9fff" or one >= "\U00020000" or one in "·•\ufeff" for one in beyond):
        return True
    other = body.decode("gb18030", "replace")
    return _BESIDE_LATIN.search(other) is not None or not is_ordinary(other)


def readings(body: bytes, encoding: str | None) -> Iterator[tuple[int, list[bytes]]]:
    """Ways to split, with how many characters each takes for cut in half; the plain way first."""
    ends, halves = [], []
    at = 0
    wide = encoding in (None, "gb18030", "gbk", "gb2312", "big5", "cp950", "cp936")
    while at < len(body):
        if body[at] == _BAR:
            ends.append(at)
        elif wide and 0x81 <= body[at] <= 0xFE and at + 1 < len(body):
            at += 1
            if body[at] == _BAR:
                halves.append(at)
            elif not 0x30 <= body[at] <= 0x39 and (body[at] < 0x40 or body[at] == 0xFF):
                at -= 1  # no second byte: half a character, or padding behind it
        at += 1
    for cuts in range(min(_MOST_CUTS, len(halves)) + 1):
        for chosen in combinations(halves, cuts):
            places = [-1, *sorted([*ends, *chosen]), len(body)]
            yield cuts, [body[low + 1 : high] for low, high in pairwise(places)]


def item_text(piece: bytes, encoding: str | None, step: str, *, cut: bool = False) -> str:
    """One item without its padding; the half character at the end of a cut one is dropped."""
    piece = piece.strip(PADDING)
    decoder = codecs.getincrementaldecoder(encoding or "gb18030")()
    try:
        return decoder.decode(piece, final=not cut).strip(" \ufeff\uffff")
    except UnicodeDecodeError:
        raise _not_text(encoding, step) from None


def encode(text: str, step: str, encoding: str | None = None) -> bytes:
    """Text for the driver.

    Raises:
        AnswerMalformed: it holds a NUL, half a character, or one the encoding has not.
    """
    try:
        raw = text.encode(encoding or "gb18030")
    except UnicodeEncodeError:
        raise AnswerMalformed(message("readers.text.encoding"), step=step, term="非法字符") from None
    if b"\x00" in raw:
        raise AnswerMalformed(message("readers.text.nul"), step=step, term="非法字符")
    return raw
