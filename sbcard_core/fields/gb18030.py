"""GB 18030 in its editions, for names: nothing is lost and nothing changes unseen.

Python's ``gb18030`` codec knows the edition of 2000. Since then 19 two-byte codes moved from Unicode's private
use area to the characters they always stood for: A8BC in 2005, 18 more in 2022 (10 vertical forms, 8 ideographs).
Read by the old edition, such a name holds a private-use code point that other systems show as another glyph or a
box. The standard of 2022 swaps each pair; the Unicode Consortium recommends to map the old four-byte code to the same
character, as done here, since exchanging a private-use character for a real one is never what a file means.

Sources: GB 18030-2022 as the Unicode Consortium (L2/23-003), ICU (issue ICU-22357) and the WHATWG Encoding Standard
(2024) give its changes.
"""

from enum import StrEnum
from typing import NamedTuple

from sbcard_core.errors import InvalidValue


class Encoding(StrEnum):
    """The encodings of the files a name goes through."""

    GB18030 = "gb18030"
    """As Python and older systems write it (edition of 2000)."""
    GB18030_2022 = "gb18030-2022"
    """The edition of 2022, as recommended for exchange: the 19 characters are written by their two-byte codes."""
    GBK = "cp936"
    """GBK as code page 936 of Windows has it: 1 or 2 bytes; what it lacks cannot be written."""
    UTF_8 = "utf-8"
    UTF_16 = "utf-16-le"


class Move(NamedTuple):
    """One two-byte code that moved out of the private use area."""

    code: bytes
    private: str
    character: str
    edition: int


_MOVED_2022 = (
    "A6D9 E78D FE10", "A6DA E78E FE12", "A6DB E78F FE11", "A6DC E790 FE13", "A6DD E791 FE14", "A6DE E792 FE15",
    "A6DF E793 FE16", "A6EC E794 FE17", "A6ED E795 FE18", "A6F3 E796 FE19",
    "FE59 E81E 9FB4", "FE61 E826 9FB5", "FE66 E82B 9FB6", "FE67 E82C 9FB7", "FE6D E832 9FB8", "FE7E E843 9FB9",
    "FE90 E854 9FBA", "FEA0 E864 9FBB",
)  # fmt: skip


def _move(line: str, edition: int) -> Move:
    code, private, character = line.split()
    return Move(bytes.fromhex(code), chr(int(private, 16)), chr(int(character, 16)), edition)


MOVES = (_move("A8BC E7C7 1E3F", 2005), *(_move(line, 2022) for line in _MOVED_2022))
"""The code that moved in 2005 and the 18 that moved in 2022."""

KEPT = {"\ue816": "𠂇", "\ue817": "𠂉", "\ue818": "𠃌", "\ue831": "𡗗", "\ue83b": "𢦏", "\ue855": "𤇾"}
"""Six private-use code points (FE51, FE52, FE53, FE6C, FE76, FE91) that the edition of 2022 left where they were,
though each is a character of Extension B: a name with one should be written with the character."""

_MODERN = {ord(move.private): move.character for move in MOVES} | {ord(old): new for old, new in KEPT.items()}
_CODES = {move.character: move.code for move in MOVES} | {move.private: move.code for move in MOVES}
_CODES |= {character: private.encode("gb18030") for private, character in KEPT.items()}


class Unencodable(InvalidValue):
    """Text that an encoding cannot hold; ``characters`` says which, the message only by code point."""

    def __init__(self, encoding: Encoding, characters: list[str]) -> None:
        self.characters = characters
        points = ", ".join(f"U+{ord(character):04X}" for character in dict.fromkeys(characters))
        super().__init__(
            f"{encoding} has no {points}",
            step="gb18030.encode",
            term="生僻字",
            advice="agree on GB 18030 or UTF-8, or send the character's description",
        )


def modern(text: str) -> str:
    """The text with the 19 moved and the 6 kept private-use code points as the characters they stand for.

    Other private-use code points stay: they are a system's own, nobody else knows what they show.

    Example:
        >>> modern("张\\ue81e") == "张\\u9fb4", modern("\\ue816"), modern("\\ue000") == "\\ue000"
        (True, '𠂇', True)
    """
    return text.translate(_MODERN)


def private_use(text: str) -> list[tuple[int, str]]:
    """Where the text has private-use code points: position and code point, all planes.

    Example:
        >>> private_use("张\\ue81e三")
        [(1, 'U+E81E')]
    """
    return [(at, f"U+{ord(char):04X}") for at, char in enumerate(text) if is_private(char)]


def is_private(character: str) -> bool:
    """Whether a code point is in one of the three private use areas.

    Example:
        >>> is_private("\\ue000"), is_private("中")
        (True, False)
    """
    return "\ue000" <= character <= "\uf8ff" or character >= "\U000f0000"


def decode(data: bytes, encoding: Encoding = Encoding.GB18030) -> str:
    """The text of a file or field.

    Args:
        data: whole text, or a part cut at character borders; decode before splitting (7C is a trail byte).
        encoding: GB18030 gives code points as Python does, so that the bytes come back exactly; GB18030_2022
            gives the moved characters. GBK is read as GB18030, whose two-byte part it is.

    Raises:
        UnicodeDecodeError: bytes of no character.

    Example:
        >>> decode(b"\\xfe\\x59", Encoding.GB18030_2022), decode(b"\\x82\\x35\\x90\\x37", Encoding.GB18030_2022)
        ('龴', '龴')
        >>> decode(b"\\xfe\\x59") == "\\ue81e"
        True
    """
    if encoding is Encoding.GB18030_2022:
        return modern(data.decode("gb18030"))
    return data.decode("gb18030" if encoding is Encoding.GBK else encoding.value)


def encode(text: str, encoding: Encoding = Encoding.GB18030) -> bytes:
    """The bytes of a text; none is replaced.

    Raises:
        Unencodable: the encoding lacks a character (GBK many, all of them lone surrogates).

    Example:
        >>> encode("龴").hex(), encode("龴", Encoding.GB18030_2022).hex(), encode("㐂").hex()
        ('82359037', 'fe59', '8139ef31')
        >>> encode("𠮷", Encoding.GBK)
        Traceback (most recent call last):
        ...
        sbcard_core.fields.gb18030.Unencodable: cp936 has no U+20BB7 (生僻字) [gb18030.encode]; agree on GB 18030 ...
    """
    codec = "gb18030" if encoding is Encoding.GB18030_2022 else encoding.value
    try:
        if encoding is Encoding.GB18030_2022 and not _CODES.keys().isdisjoint(text):
            return b"".join([_CODES.get(character) or character.encode(codec) for character in text])
        return text.encode(codec)
    except UnicodeEncodeError:
        raise Unencodable(encoding, lacking(text, encoding)) from None


def lacking(text: str, encoding: Encoding) -> list[str]:
    """The characters of a text that an encoding cannot hold, in order.

    Example:
        >>> lacking("𠮷野", Encoding.GBK), lacking("𠮷野", Encoding.GB18030)
        (['𠮷'], [])
    """
    codec = "gb18030" if encoding is Encoding.GB18030_2022 else encoding.value
    return [character for character in text if not _fits(character, codec)]


def _fits(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def byte_length(text: str, encoding: Encoding = Encoding.GB18030) -> int:
    """Bytes the text takes in an encoding; a character it lacks counts as 4, so that no limit is met by chance.

    Example:
        >>> [byte_length("阿·龴", encoding) for encoding in Encoding]
        [8, 6, 8, 8, 6]
    """
    try:
        return len(encode(text, encoding))
    except Unencodable as error:
        return len(encode("".join(char for char in text if char not in error.characters), encoding)) + 4 * len(
            error.characters
        )
