"""Declarations: what a file holds, record by record, and the one codec both ways.

Each record of the environment is one SIMPLE-TLV. A record has a number (its
place in the file, which differs by generation) and an identifier (its tag,
which does not).
"""

from dataclasses import dataclass, field
from enum import StrEnum

from sbcard_core.card import text
from sbcard_core.card.errors import RecordMalformed


class Format(StrEnum):
    """Data formats of the file tables."""

    AN = "an"
    """Text, GBK family, left aligned, filled with 00."""
    CN = "cn"
    """Digits, two to a byte, left aligned, filled with F."""
    B = "b"
    """Bytes, shown as upper-case hex."""


@dataclass(frozen=True, slots=True)
class RecordDecl:
    """One record of a file.

    Args:
        tag: record identifier, also the first byte of the record.
        name: the value's name in ``CardData`` and ``CardBasic``.
        zh: its name in the standard.
        format: how the value is written.
        length: bytes of the value.
        source: how well the declaration is supported.
        vectors: pairs of whole record (hex) and value, checked both ways by one generic test.
        optional: a card may lack it.
        sensitive: never shown.
    """

    tag: int
    name: str
    zh: str
    format: Format
    length: int
    source: str
    vectors: tuple[tuple[str, str], ...] = field(repr=False)
    optional: bool = False
    sensitive: bool = False
    head: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", bytes((self.tag, self.length)))


@dataclass(frozen=True, slots=True)
class FileDecl:
    """One elementary file: its path in an order, its identifier, its records in the order of their numbers."""

    path: str
    fid: int
    zh: str
    records: tuple[RecordDecl, ...]

    def record(self, name: str) -> RecordDecl:
        """Return a record by the name of its value."""
        for record in self.records:
            if record.name == name:
                return record
        raise KeyError(name)

    def number(self, name: str) -> int:
        """Return a record's number, 1-based."""
        return 1 + self.records.index(self.record(name))


def _digits(value: str, length: int) -> bytes:
    if len(value) > 2 * length or not (value.isascii() and (value.isdigit() or not value)):
        raise RecordMalformed(f"not at most {2 * length} digits", step="card.files", term="数据长度")
    return bytes.fromhex(value.ljust(2 * length, "F"))


def _bytes(value: str, length: int) -> bytes:
    try:
        raw = bytes.fromhex(value)
    except ValueError:
        raise RecordMalformed("not hex digits", step="card.files", term="非法字符") from None
    if len(raw) != length:
        raise RecordMalformed(f"{len(raw)} bytes for a field of {length}", step="card.files", term="数据长度")
    return raw


def encode_record(record: RecordDecl, value: str | bytes) -> bytes:
    """Write one record: tag, length, value.

    Args:
        record: its declaration.
        value: text, digits or hex as the format wants; bytes are taken as encoded text, to be filled up.

    Raises:
        RecordMalformed: the value does not fit. Never repeats the value.

    Example:
        >>> sex = RecordDecl(0x0A, "sex", "性别", Format.AN, 1, "three sources", ())
        >>> encode_record(sex, "2").hex().upper()
        '0A0132'
    """
    length = record.length
    if isinstance(value, bytes):
        if len(value) > length:
            raise RecordMalformed(f"{len(value)} bytes for a field of {length}", step=record.name, term=record.zh)
        return record.head + value.ljust(length, b"\x00")
    if record.format is Format.AN:
        return record.head + text.encode(value, length)
    if record.format is Format.CN:
        return record.head + _digits(value, length)
    return record.head + _bytes(value, length)


def raw_value(record: RecordDecl, data: bytes) -> bytes:
    """Return the value bytes of a record read from a card.

    A record longer than declared is cut to the declared length: some cards carry a longer card number record of
    which only the first 9 characters count. A shorter one is taken as it is.

    Raises:
        RecordMalformed: another tag, or the length byte promises more than came.
    """
    if len(data) < 2 or data[0] != record.tag or len(data) < 2 + data[1]:
        raise RecordMalformed(f"not the record with tag {record.tag:02X}", step=record.name, term=record.zh)
    return data[2 : 2 + min(data[1], record.length)]


def decode_record(record: RecordDecl, data: bytes) -> str:
    """Read one record (without status word); the inverse of :func:`encode_record`, tolerant of field paddings.

    Raises:
        RecordMalformed: another tag, cut short, or text that can't be decoded.

    Example:
        >>> sex = RecordDecl(0x0A, "sex", "性别", Format.AN, 1, "three sources", ())
        >>> decode_record(sex, bytes.fromhex("0A0132"))
        '2'
    """
    value = raw_value(record, data)
    if record.format is Format.AN:
        return text.decode(value)
    if record.format is Format.CN:
        return value.hex().upper().rstrip("F")
    return value.hex().upper()
