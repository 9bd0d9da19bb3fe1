"""What the first bytes of an image file say of it, read without any library: JPEG, PNG and BMP.

Only headers are read here, in time and memory bounded by the file's bytes; whether the pixels can be decoded is for
a decoder to say. Sources: ITU-T T.81 and T.871 (JPEG, JFIF), Exif 2.3 (IFD0), ISO/IEC 15948 (PNG), the BMP headers
as their documentation gives them.
"""

import re
import struct
from dataclasses import dataclass

from sbcard_core.validation.photo_limits import Colour

_OTHERS = (
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"RIFF", "WEBP"),
    (b"%PDF", "PDF"),
    (b"PK\3\4", "ZIP"),
    (b"\xd0\xcf\x11\xe0", "OLE"),
)
_BLANKS = b"\0 \r\n\t"


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself.

    Args:
        format: ``"JPEG"``, ``"PNG"``, ``"BMP"``; another name, or "", for what is not read further.
        width, height: in pixels; 0 = not told.
        dpi: dots per inch (horizontal, vertical), None = not told.
        colour: None = not told.
        bits: per sample.
        orientation: Exif's, 1 = upright.
        animated: whether there are several pictures.
        end: where the image ends, -1 = it is cut off.
    """

    format: str
    width: int = 0
    height: int = 0
    dpi: tuple[float, float] | None = None
    colour: Colour | None = None
    bits: int = 8
    orientation: int = 1
    animated: bool = False
    end: int = -1

    def trails(self, data: bytes) -> bool:
        """Whether something other than padding stands behind the end."""
        return self.end >= 0 and bool(data[self.end :].strip(_BLANKS))


def read_header(data: bytes) -> Header:
    """The header of an image file.

    Example:
        >>> read_header(b"GIF89a").format, read_header(b"hello").format, read_header(b"\\xff\\xd8\\xff\\xd9").end
        ('GIF', '', 4)
    """
    if data.startswith(b"\xff\xd8\xff"):
        return _jpeg(data)
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(data)
    if data.startswith(b"BM") and len(data) >= 30 and _BMP_SIZES.get(_u32(data, 14)):
        return _bmp(data)
    return Header(next((name for mark, name in _OTHERS if data.startswith(mark)), ""))


def _u32(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_NO_BODY = {0x01, *range(0xD0, 0xD9)}
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_COLOURS = {1: Colour.GREY, 3: Colour.RGB, 4: Colour.CMYK}


def _jpeg(data: bytes) -> Header:
    at, end, width, height, bits, orientation = 2, -1, 0, 0, 8, 1
    colour: Colour | None = None
    jfif: tuple[float, float] | None = None
    exif: tuple[float, float] | None = None
    while found := _MARKER.search(data, at):
        kind, at = data[found.end() - 1], found.end()
        if kind == 0xD9:
            end = at
            break
        if kind in _NO_BODY:
            continue
        size = int.from_bytes(data[at : at + 2], "big")
        body = data[at + 2 : at + size]
        if size < 2 or len(body) != size - 2:
            break
        at += size
        if kind in _FRAMES and len(body) >= 6 and not width:
            bits, height, width, parts = struct.unpack_from(">BHHB", body)
            colour = _JPEG_COLOURS.get(parts)
        elif kind == 0xE0 and body.startswith(b"JFIF\0") and len(body) >= 12:
            jfif = _density(*struct.unpack_from(">BHH", body, 7))
        elif kind == 0xE1 and body.startswith(b"Exif\0\0"):
            orientation, exif = _exif(body[6:])
    return Header("JPEG", width, height, jfif or exif, colour, bits, orientation, end=end)


def _density(unit: int, across: float, down: float) -> tuple[float, float] | None:
    """JFIF's units: 1 = per inch, 2 = per centimetre, 0 = only a ratio."""
    if unit not in (1, 2) or not across or not down:
        return None
    return (across, down) if unit == 1 else (across * 2.54, down * 2.54)


_EXIF_ENTRIES = 64


def _exif(tiff: bytes) -> tuple[int, tuple[float, float] | None]:
    """(orientation, density) of IFD0."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return 1, None
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    if start + 2 > len(tiff):
        return 1, None
    (count,) = struct.unpack_from(order + "H", tiff, start)
    found: dict[int, float] = {}
    for at in range(start + 2, start + 2 + 12 * min(count, _EXIF_ENTRIES), 12):
        if at + 12 > len(tiff):
            break
        tag, kind = struct.unpack_from(order + "HH", tiff, at)
        if kind in (3, 4):  # SHORT; some programs write LONG
            (found[tag],) = struct.unpack_from(order + " HI"[kind - 2], tiff, at + 8)
        elif kind == 5:
            (place,) = struct.unpack_from(order + "I", tiff, at + 8)
            if place + 8 <= len(tiff):
                above, below = struct.unpack_from(order + "II", tiff, place)
                found[tag] = above / below if below else 0
    unit = {2: 1, 3: 2}.get(int(found.get(0x128, 2)), 0)
    return int(found.get(0x112, 1)), _density(unit, found.get(0x11A, 0), found.get(0x11B, 0))


_PNG_COLOURS = {0: Colour.GREY, 2: Colour.RGB, 3: Colour.PALETTE, 4: Colour.ALPHA, 6: Colour.ALPHA}
_INCH = 0.0254


def _png(data: bytes) -> Header:
    at, end, width, height, bits, orientation = 8, -1, 0, 0, 8, 1
    colour: Colour | None = None
    dpi: tuple[float, float] | None = None
    animated = False
    while at + 12 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        if at + 12 + size > len(data):
            break
        body = at + 8
        if kind == b"IHDR" and size >= 10:
            width, height, bits, code = struct.unpack_from(">IIBB", data, body)
            colour = _PNG_COLOURS.get(code)
        elif kind == b"pHYs" and size == 9:
            across, down, unit = struct.unpack_from(">IIB", data, body)
            dpi = (across * _INCH, down * _INCH) if unit == 1 and across and down else None
        elif kind == b"eXIf":
            orientation = _exif(data[body : body + size])[0]
        animated |= kind == b"acTL"
        at += 12 + size
        if kind == b"IEND":
            end = at
            break
    return Header("PNG", width, height, dpi, colour, bits, orientation, animated, end)


_BMP_SIZES = {12: "<HHHH", 40: "<iiHH", 52: "<iiHH", 56: "<iiHH", 108: "<iiHH", 124: "<iiHH"}


def _bmp(data: bytes) -> Header:
    size, header = _u32(data, 2), _u32(data, 14)
    width, height, _, depth = struct.unpack_from(_BMP_SIZES[header], data, 18)
    dpi = None
    if header >= 40 and len(data) >= 54:
        across, down = struct.unpack_from("<ii", data, 38)
        dpi = (across * _INCH, down * _INCH) if across > 0 and down > 0 else None
    colour = {24: Colour.RGB, 32: Colour.RGB, 16: Colour.RGB}.get(depth, Colour.PALETTE)
    end = size if 26 <= size <= len(data) else -1
    return Header("BMP", max(width, 0), abs(height), dpi, colour, 5 if depth == 16 else 8, end=end)
