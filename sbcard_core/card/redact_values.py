"""Values replaced by others of the same kind and length, by a keyed function of the value: the tools of ``redact``."""

import hashlib
import hmac
from datetime import date
from functools import cache

from sbcard_core.errors import SBCardError
from sbcard_core.fields import bank_card, card_number, citizen_id, gbt2260

PADDING = b"\x00\xff "


def xor(data: bytes) -> int:
    """All bytes XORed: the check byte of an ATR."""
    total = 0
    for byte in data:
        total ^= byte
    return total


@cache
def _regions(province: str) -> tuple[str, ...]:
    """County codes of a province that are in force still."""
    return tuple(
        sorted(
            code
            for code, divisions in gbt2260.province(province).items()
            if code[4:] != "00" and any(one.last == gbt2260.STILL for one in divisions)
        )
    )


class Blur:
    """Replacements under one salt. Every method gives back as many bytes as it got."""

    def __init__(self, salt: bytes) -> None:
        self._salt = salt

    def _stream(self, kind: str, value: bytes, size: int) -> bytes:
        out, block = b"", 0
        while len(out) < size:
            message = kind.encode() + b"\x00" + block.to_bytes(4, "big") + value
            out += hmac.new(self._salt, message, hashlib.sha256).digest()
            block += 1
        return out[:size]

    def _pick(self, kind: str, value: bytes, count: int) -> int:
        return int.from_bytes(self._stream(kind, value, 8), "big") % count

    # --- kinds of bytes

    def raw(self, kind: str, value: bytes) -> bytes:
        """Any bytes for any bytes; padding at the end stays."""
        body = value.rstrip(b"\x00\xff")
        return self._stream(kind, body, len(body)) + value[len(body) :]

    def digits(self, kind: str, value: bytes) -> bytes:
        """Packed digits for packed digits; half bytes A to F stay."""
        stream = self._stream(kind, value, 2 * len(value))
        halves = value.hex()
        return bytes.fromhex(
            "".join(str(byte % 10) if half.isdigit() else half for half, byte in zip(halves, stream, strict=True))
        )

    def text(self, kind: str, value: bytes) -> bytes:
        """Characters of the GBK family for such of the same width: digits, letters, ideographs; the rest stays."""
        body = value.rstrip(PADDING)
        stream, out, at = self._stream(kind, body, 2 * len(body) + 2), bytearray(), 0
        while at < len(body):
            one, two = stream[2 * at], stream[2 * at + 1]
            width = 1 if body[at] < 0x81 else 4 if 0x30 <= body[at + 1 : at + 2].ljust(1)[0] <= 0x39 else 2
            piece = body[at : at + width]
            if width == 1:
                out += _ascii(piece[0], one)
            elif piece[0] in (0xA1, 0xA2):
                out += piece  # punctuation, the dot between names
            elif width == 4:
                out += chr(0x20000 + (one << 8 | two) % 0x8000).encode("gb18030")[: len(piece)]
            else:
                # Rows B0 to D6 of GB 2312 are full of common characters.
                out += bytes((0xB0 + one % 39, 0xA1 + two % 94))[: len(piece)]
            at += width
        return bytes(out) + value[len(body) :]

    def any(self, kind: str, value: bytes) -> bytes:
        """A value of unknown kind: what it looks like, else any bytes."""
        body = value.rstrip(PADDING)
        if not body:
            return value
        if all(0x20 <= byte < 0x7F for byte in body):
            return self.text(kind, value)
        if body.hex().rstrip("f").isdigit():
            return self.digits(kind, body) + value[len(body) :]
        try:
            is_text = body.decode("gb18030").isprintable()
        except UnicodeDecodeError:
            is_text = False
        return self.text(kind, value) if is_text else self.raw(kind, value)

    # --- numbers

    def birth(self, born: date) -> date:
        """Another day of the same year."""
        pick = self._pick("birth", born.isoformat().encode(), 12 * 28)
        return date(born.year, 1 + pick // 28, 1 + pick % 28)

    def packed_birth(self, value: bytes) -> bytes:
        """A birth date in packed digits: the day that the citizen number gets."""
        try:
            born = date.fromisoformat(value.hex())
        except ValueError:
            return self.digits("birth", value)
        return bytes.fromhex(f"{self.birth(born):%Y%m%d}".rjust(8, "0"))

    def citizen_number(self, value: bytes) -> bytes:
        """社会保障号码: a region of the province, a day of the year, sex and rightness of the check digit kept."""
        body = value.rstrip(PADDING)
        text = body.decode("ascii", "replace")
        if len(text) != 18 or not (text.isascii() and text[:17].isdigit()):
            return self.any("citizen", value)
        right = text[17].upper() == citizen_id.check_digit(text[:17])
        try:
            born = self.birth(date.fromisoformat(text[6:14])).strftime("%Y%m%d").rjust(8, "0")
        except ValueError:
            born = self.digits("birth", bytes.fromhex(text[6:14])).hex()
        places = _regions(text[:2]) or (text[:6],)
        region = places[self._pick("region", text[:6].encode(), len(places))]
        pick = self._pick("sequence", body, 500) * 2 + int(text[16]) % 2
        made = f"{region}{born}{pick:03d}"
        check = citizen_id.check_digit(made)
        if not right:
            check = "0" if check != "0" else "1"
        return (made + check).encode() + value[len(body) :]

    def card_number(self, value: bytes) -> bytes:
        """卡号: letters for letters, digits for digits, and a check character as right as before."""
        text = value.decode("ascii", "replace")
        if len(value) != 9 or not text.isascii() or not text[:8].isalnum() or text[:8] != text[:8].upper():
            return self.any("card number", value)
        made = self.text("card number", value[:8] + text[8].encode())[:8].decode()
        check = card_number.check_character(made)
        if text[8] != card_number.check_character(text[:8]):
            check = "0" if check != "0" else "1"
        return (made + check).encode()

    def serial(self, value: bytes) -> bytes:
        """Six bytes of an ATR's serial; the last four become what the identification code's serial becomes."""
        return self._like(b"head" + value, value[:-4]) + self._like(b"serial" + value[-4:], value[-4:])

    def _like(self, key: bytes, value: bytes) -> bytes:
        stream = self._stream("serial", key, 2 * len(value))
        if value.hex().isdigit():
            return bytes.fromhex("".join(str(byte % 10) for byte in stream))
        return stream[: len(value)]

    def identification_code(self, value: bytes) -> bytes:
        """卡识别码: region and registered identifier stay, the keys hang on them; serial and check value change."""
        serial, check = value[8:12], value[12:]
        new = check if check == b"\xff" * 4 else self._stream("check value", value, 4)
        return value[:8] + self._like(b"serial" + serial, serial) + new

    def track(self, value: bytes) -> bytes:
        """A packed account number, alone or at the head of track 2: issuer digits and Luhn digit kept, dates kept."""
        halves = value.hex().upper()
        number = halves.split("D")[0].rstrip("F")
        if not number.isdigit() or len(number) < 12:
            return self.digits("track", value)
        stream = self._stream("account", number.encode(), len(number))
        made = number[:6] + "".join(str(byte % 10) for byte in stream[6:-1])
        try:
            check = bank_card.check_digit(made)
            right = bank_card.check_digit(number[:-1]) == number[-1]
        except SBCardError:
            return self.digits("track", value)
        made += check if right else str((int(check) + 1) % 10)
        rest = halves[len(number) :]
        kept = 8 if rest.startswith("D") else 0
        tail = "".join(
            str(byte % 10) if half.isdigit() else half
            for half, byte in zip(rest[kept:], self._stream("track", number.encode(), len(rest)), strict=False)
        )
        return bytes.fromhex(made + rest[:kept] + tail)


def _ascii(byte: int, pick: int) -> bytes:
    if 0x30 <= byte <= 0x39:
        return bytes((0x30 + pick % 10,))
    if 0x41 <= byte <= 0x5A:
        return bytes((0x41 + pick % 26,))
    if 0x61 <= byte <= 0x7A:
        return bytes((0x61 + pick % 26,))
    return bytes((byte,))
