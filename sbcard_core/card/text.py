"""Text as it stands on cards: GBK-family bytes, padded with whatever the writer liked.

Written with 00 on the right. On read 00, FF and spaces are stripped: all three
are found in the field, and none of them can end a GB18030 character.
"""

from sbcard_core.card.errors import RecordMalformed
from sbcard_core.fields.encodings import GB18030, contradicts
from sbcard_core.messages import message

PADDING = b"\x00\xff "
NAME_BYTES = 30
"""Bytes of 姓名, tag 09."""
EXTENSION_BYTES = 20
"""Bytes of 姓名扩展, tag 4E."""


def to_bytes(text: str) -> bytes:
    """Encode as GB18030, which reaches every character there is.

    Raises:
        RecordMalformed: half a surrogate pair, which is no character.

    Example:
        >>> to_bytes("珅").hex().upper()
        'AB7C'
    """
    try:
        return text.encode("gb18030")
    except UnicodeEncodeError:
        raise RecordMalformed(message("cards.text.character"), step="card.text", term="非法字符") from None


def driver_items(*values: str) -> str:
    """Items of the terminal driver interface, each ended by "|".

    Raises:
        RecordMalformed: one of them holds a "|", so that all behind it would move; the message gives its place.

    Example:
        >>> driver_items("X00000019", "张三")
        'X00000019|张三|'
    """
    for place, value in enumerate(values, 1):
        if "|" in value:
            raise RecordMalformed(message("cards.text.bar", place=place), step="card.text", term="数据项")
    return "".join(f"{value}|" for value in values)


def strip(value: bytes) -> bytes:
    """Remove padding on the right.

    Example:
        >>> strip(b"X00000019  ") == strip(b"X00000019" + bytes(9)) == b"X00000019"
        True
    """
    return value.rstrip(PADDING)


def encode(text: str, size: int) -> bytes:
    """Encode text as GB18030 and fill with 00 up to ``size`` bytes.

    Raises:
        RecordMalformed: it does not fit; the message gives the lengths, not the text.

    Example:
        >>> encode("李珅", 6).hex().upper()
        'C0EEAB7C0000'
    """
    raw = to_bytes(text)
    if len(raw) > size:
        raise RecordMalformed(message("cards.field.text", count=len(raw), size=size), step="card.text", term="数据长度")
    return raw.ljust(size, b"\x00")


def decode(value: bytes) -> str:
    """Decode padded text.

    Raises:
        RecordMalformed: not GB18030, or Chinese text in UTF-8, which in GB18030 is somebody else's name.

    Example:
        >>> decode(bytes.fromhex("C0EEAB7CFFFF"))
        '李珅'
    """
    text = strip(value)
    if contradicts(text, GB18030):
        raise RecordMalformed(message("cards.text.utf8"), step="card.text", term="非法字符")
    try:
        return text.decode("gb18030")
    except UnicodeDecodeError:
        raise RecordMalformed(message("cards.text.gb18030"), step="card.text", term="非法字符") from None


def digits(value: bytes) -> str:
    """Read packed digits; the filling on the right is F.

    Zeros and the byte 20 are digits, never filling: a date may end in 20, an ethnicity be 20. Half bytes that are no
    digits are shown as they stand: refusing a real person is worse.

    Example:
        >>> digits(bytes.fromhex("430100FFFF")), digits(bytes.fromhex("20141020")), digits(bytes.fromhex("FF"))
        ('430100', '20141020', '')
    """
    return value.hex().upper().rstrip("F")


def split_name(name: str) -> tuple[bytes, bytes]:
    """Split a name over 姓名 (30 bytes) and 姓名扩展 (20 bytes) without cutting a character in half.

    Returns:
        Both parts, unpadded.

    Raises:
        RecordMalformed: the name does not fit.

    Example:
        >>> [len(part) for part in split_name("古" * 20)]
        [30, 10]
        >>> [len(part) for part in split_name("a" + "古" * 20)]
        [29, 12]
    """
    raw = to_bytes(name)
    if len(raw) <= NAME_BYTES:
        return raw, b""
    head = b""
    for character in name:
        piece = character.encode("gb18030")
        if len(head) + len(piece) > NAME_BYTES:
            break
        head += piece
    rest = raw[len(head) :]
    if len(rest) > EXTENSION_BYTES:
        raise RecordMalformed(message("cards.name.long", count=len(raw)), step="card.text", term="姓名")
    return head, rest


def join_name(name: bytes, extension: bytes) -> str:
    """Put both parts together; the bytes are joined first, which also heals a character that was cut in half.

    Raises:
        RecordMalformed: not GB18030.

    Example:
        >>> whole = "古丽" * 9
        >>> raw = whole.encode("gb18030")
        >>> join_name(raw[:29], raw[29:] + bytes(13)) == whole
        True
    """
    return decode(strip(name) + strip(extension))
