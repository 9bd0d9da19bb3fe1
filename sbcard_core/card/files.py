"""Declarations: what a file holds, record by record, and the one codec both ways.

Each record of the environment is one SIMPLE-TLV. A record has a number (its
place in the file, which differs by generation) and an identifier (its tag,
which does not). Cyclic and transparent files have no tags: their fields are
declared with tag 0 and stand one after the other.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from sbcard_core.card import text
from sbcard_core.card.access import Access, Confidence
from sbcard_core.card.errors import RecordMalformed
from sbcard_core.messages import message

MAX_VALUE = 0xFE
"""Most bytes of a value whose length stands in one byte."""


class Format(StrEnum):
    """Data formats of the file tables."""

    AN = "an"
    """Text, GBK family, left aligned, filled with 00."""
    CN = "cn"
    """Digits, two to a byte, left aligned, filled with F."""
    B = "b"
    """Bytes of exactly the declared length, shown as upper-case hex."""
    DEC = "dec"
    """A number, big-endian."""
    BINARY = "binary"
    """Up to the declared number of bytes, shown as upper-case hex: transparent files."""
    TLV = "B-TLV"
    """BER-TLV objects, shown as upper-case hex; as long as they are."""


class Structure(StrEnum):
    """How a file is built."""

    RECORDS = "records"
    """Variable records, each a SIMPLE-TLV."""
    CYCLIC = "cyclic"
    """Fixed records without tags, the newest is number 1."""
    TRANSPARENT = "transparent"
    """Bytes."""
    UNKNOWN = "unknown"
    """The content is not public: a profile must declare it first."""


@dataclass(frozen=True, slots=True)
class RecordDecl:
    """One record of a file, or one field of an untagged one.

    Args:
        tag: record identifier, also the first byte of the record; 0 for a field without tag.
        name: the value's name in ``CardData`` and ``CardBasic``.
        zh: its name in the standard.
        format: how the value is written.
        length: bytes of the value.
        source: how well the declaration is supported.
        vectors: pairs of whole record (hex) and value, checked both ways by one generic test.
        optional: a card may lack it.
        sensitive: never shown.
        confidence: the same as ``source`` in one letter.
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
    confidence: Confidence = Confidence.HIGH
    head: bytes = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "head", bytes((self.tag, self.length & 0xFF)) if self.tag else b"")

    @property
    def size(self) -> int:
        """Bytes of the whole record, tag and length included."""
        return len(self.head) + self.length


@dataclass(frozen=True, slots=True)
class FileDecl:
    """One elementary file: its path in an order, its identifier, its records in the order of their numbers.

    Args:
        path: directory and file, e.g. ``"SSSE/EF05"``.
        fid: file identifier; its low five bits are the short one.
        zh: name in the standard.
        records: records by number, or the fields of one record of an untagged file.
        structure: how it is built.
        read, update: access conditions.
        read_key, update_key: names of the keys for them in the profile; empty where no source names one.
        source, confidence: how well the declaration is supported.
        count: records a cyclic file keeps, 0 = not said.
    """

    path: str
    fid: int
    zh: str
    records: tuple[RecordDecl, ...]
    structure: Structure = Structure.RECORDS
    read: Access = Access.FREE
    update: Access = Access.KEY
    read_key: str = ""
    update_key: str = ""
    source: str = "three sources"
    confidence: Confidence = Confidence.HIGH
    count: int = 0

    @property
    def directory(self) -> str:
        """``"SSSE"`` of ``"SSSE/EF05"``."""
        return self.path.partition("/")[0]

    @property
    def sfi(self) -> int:
        """Short file identifier: EF05 is 5, EF15 is 21."""
        return self.fid & 0x1F

    def record(self, name: str) -> RecordDecl:
        """Return a record by the name of its value."""
        for record in self.records:
            if record.name == name:
                return record
        raise KeyError(name)

    def record_of_tag(self, tag: int) -> RecordDecl:
        """Return a record by its tag."""
        for record in self.records:
            if record.tag == tag:
                return record
        raise KeyError(tag)

    def number(self, name: str) -> int:
        """Return a record's number, 1-based."""
        return 1 + self.records.index(self.record(name))


@dataclass(frozen=True, slots=True)
class DirectoryDecl:
    """A directory and how it is selected.

    Args:
        name: as it stands in paths.
        zh: what it holds.
        aid: application identifier; None where no source has it.
        fid: file identifier, for the MF.
        source, confidence: how well it is supported.
    """

    name: str
    zh: str
    aid: bytes | None
    fid: int | None = None
    source: str = ""
    confidence: Confidence = Confidence.LOW


def _digits(value: str, length: int) -> bytes:
    if len(value) > 2 * length or not (value.isascii() and (value.isdigit() or not value)):
        raise RecordMalformed(message("cards.field.digits", most=2 * length), step="card.files", term="数据长度")
    return bytes.fromhex(value.ljust(2 * length, "F"))


def _hex(value: str) -> bytes:
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise RecordMalformed(message("cards.field.hex"), step="card.files", term="非法字符") from None


def _bytes(value: str, length: int) -> bytes:
    raw = _hex(value)
    if len(raw) != length:
        raise RecordMalformed(
            message("cards.field.size", count=len(raw), size=length), step="card.files", term="数据长度"
        )
    return raw


def _number(value: str | int, length: int) -> bytes:
    if isinstance(value, str):
        if not (value.isascii() and value.isdigit()):
            raise RecordMalformed(message("cards.field.number"), step="card.files", term="非法字符")
        value = int(value)
    if not 0 <= value < 1 << (8 * length):
        raise RecordMalformed(message("cards.field.number_size", size=length), step="card.files", term="数据长度")
    return value.to_bytes(length, "big")


def _loose(record: RecordDecl, value: str) -> bytes:
    """A value as long as it is: a transparent file's bytes, or BER-TLV objects behind tag and length."""
    raw = _hex(value)
    if len(raw) > (record.length or MAX_VALUE):
        raise RecordMalformed(
            message("cards.field.size", count=len(raw), size=record.length), step=record.name, term=record.zh
        )
    return bytes((record.tag, len(raw))) + raw if record.tag else raw


def encode_record(record: RecordDecl, value: str | bytes | int) -> bytes:
    """Write one record: tag, length, value.

    Args:
        record: its declaration.
        value: text, digits or hex as the format wants, an int for a number; bytes are taken as encoded text, to be
            filled up.

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
            raise RecordMalformed(
                message("cards.field.size", count=len(value), size=length), step=record.name, term=record.zh
            )
        return record.head + value.ljust(length, b"\x00")
    if record.format is Format.DEC:
        return record.head + _number(value, length)
    if isinstance(value, int):
        raise RecordMalformed(message("cards.field.text_wanted"), step=record.name, term=record.zh)
    if record.format is Format.AN:
        return record.head + text.encode(value, length)
    if record.format is Format.CN:
        return record.head + _digits(value, length)
    if record.format is Format.B:
        return record.head + _bytes(value, length)
    return _loose(record, value)


def raw_value(record: RecordDecl, data: bytes) -> bytes:
    """Return the value bytes of a record read from a card.

    A record longer than declared is cut to the declared length: some cards carry a longer card number record of
    which only the first 9 characters count, and a reader that asks for the declared length gets only that much of it.
    A shorter one is taken as it is.

    Raises:
        RecordMalformed: another tag, or the length byte promises more than came.
    """
    if not record.tag:
        return data[: record.length] if record.length else data
    if len(data) < 2 or data[0] != record.tag:
        raise RecordMalformed(message("cards.record.tag", tag=f"{record.tag:02X}"), step=record.name, term=record.zh)
    wanted = min(data[1], record.length) if record.length else data[1]
    if len(data) < 2 + wanted:
        raise RecordMalformed(message("cards.record.cut", tag=f"{record.tag:02X}"), step=record.name, term=record.zh)
    return data[2 : 2 + wanted]


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
        return text.digits(value)
    if record.format is Format.DEC:
        return str(int.from_bytes(value, "big"))
    return value.hex().upper()
