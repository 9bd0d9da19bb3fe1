"""Declared byte layouts of the messages a MAC is computed over: fixed fields, packed in order."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from apdu.purse import pack_datetime
from sbcard_core.errors import InvalidValue

Value = int | bytes | str | dt.datetime
"""What a caller may pass: a number, raw bytes, BCD digits, or a moment."""


def number(value: Value, size: int) -> bytes:
    """Unsigned big-endian number, never a bool; bytes pass when they have the size."""
    if type(value) is int and 0 <= value < 1 << (8 * size):
        return value.to_bytes(size, "big")
    if isinstance(value, bytes) and len(value) == size:
        return value
    raise InvalidValue(f"not a number of {size} bytes")


amount = number
"""Money in fen, unsigned."""


def digits(value: Value, size: int) -> bytes:
    """BCD digits (``"001122334455"``) or raw bytes."""
    if isinstance(value, str) and len(value) == 2 * size and value.isascii() and value.isalnum():
        try:
            return bytes.fromhex(value)
        except ValueError:
            raise InvalidValue(f"not {2 * size} BCD digits") from None
    if isinstance(value, bytes) and len(value) == size:
        return value
    raise InvalidValue(f"not {2 * size} BCD digits")


def moment(value: Value, size: int) -> bytes:
    """BCD YYYYMMDDHHMMSS: a ``datetime`` (China Standard Time where it has a zone), 14 digits, or 7 raw bytes."""
    if isinstance(value, dt.datetime):
        return pack_datetime(value)
    if isinstance(value, str) and not value.isdigit():
        raise InvalidValue("not a time YYYYMMDDHHMMSS")
    return digits(value, size)


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its name, its size in bytes, and how a value becomes those bytes."""

    name: str
    size: int
    encode: Callable[[Value, int], bytes]


@dataclass(frozen=True, slots=True)
class Layout:
    """A message of fixed fields.

    Example:
        >>> Layout("sample", (Field("amount", 4, amount), Field("type", 1, number))).pack(100, 6).hex()
        '0000006406'
    """

    name: str
    fields: tuple[Field, ...]

    @property
    def size(self) -> int:
        """Length of the packed message in bytes."""
        return sum(field.size for field in self.fields)

    def pack(self, *values: Value) -> bytes:
        """Pack one value per field, in order.

        Raises:
            InvalidValue: a value does not fit its field; the message names the field, never the value.
        """
        if len(values) != len(self.fields):
            raise InvalidValue(f"{self.name} takes {len(self.fields)} values", step="crypto.layout")
        out = []
        for field, value in zip(self.fields, values, strict=True):
            try:
                out.append(field.encode(value, field.size))
            except InvalidValue as error:
                raise InvalidValue(f"{self.name}: {field.name} is {error.what}", step="crypto.layout") from None
        return b"".join(out)
