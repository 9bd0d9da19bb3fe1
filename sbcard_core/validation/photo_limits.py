"""What a photo must be (settings), what can be wrong with one (a bit each), and where photos come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntFlag, StrEnum
from typing import NamedTuple

from sbcard_core.errors import InvalidValue
from sbcard_core.values import Severity


class PhotoSource(StrEnum):
    """Where a record's photo comes from (照片来源)."""

    OWN = "own"
    """Taken by the bureau or its agents (自采)."""
    POLICE = "police"
    """Taken over from the police's population data (公安照片)."""
    NONE = "none"
    """There is no photo."""

    @property
    def zh(self) -> str:
        """What a report shows."""
        return {"own": "自采", "police": "公安", "none": "无照片"}[self.value]


class Colour(StrEnum):
    """How a file keeps its colours."""

    RGB = "RGB"
    GREY = "grey"
    CMYK = "CMYK"
    PALETTE = "palette"
    ALPHA = "alpha"
    """With transparency."""


class PhotoFault(IntFlag):
    """The status of one photo: a bit per problem, 0 = clean."""

    EMPTY = 1
    FORMAT = 2
    """No image, or of a format that is not taken; nothing else can be said of it."""
    SUFFIX = 4
    DAMAGED = 8
    """Cut off, or no decoder can read it."""
    PIXEL_LIMIT = 16
    """More pixels than may be decoded: refused unread."""
    SIZE = 32
    DPI = 64
    COLOUR = 128
    BYTES = 256
    ROTATED = 512
    ANIMATED = 1024
    TRAILING = 2048
    """Bytes behind the end of the image: another file may hide there."""
    NAME = 4096
    """The name tells no record."""
    NUMBER = 8192
    """The name's citizen number is wrong."""
    REPEATED = 16384
    UNKNOWN = 32768
    """No record has this number or form."""


class PhotoRule(NamedTuple):
    """The finding code of a fault, what it weighs, and the document its rule stands in."""

    code: str
    severity: Severity
    source: str


_STANDARD = "358×441, 350 dpi, 24-bit RGB JPEG as of local guides after GA 461-2004"
_LOCAL = "limits differ by city (assumed)"
_OWN = "own rule (assumed)"
_NAMES = "file name = number and name, as one city's guide has it"

RULES: dict[PhotoFault, PhotoRule] = {
    PhotoFault.EMPTY: PhotoRule("photo.empty", Severity.ERROR, _OWN),
    PhotoFault.FORMAT: PhotoRule("photo.format", Severity.ERROR, _STANDARD),
    PhotoFault.SUFFIX: PhotoRule("photo.suffix", Severity.WARNING, _OWN),
    PhotoFault.DAMAGED: PhotoRule("photo.damaged", Severity.ERROR, _OWN),
    PhotoFault.PIXEL_LIMIT: PhotoRule("photo.pixel_limit", Severity.ERROR, _OWN),
    PhotoFault.SIZE: PhotoRule("photo.size", Severity.ERROR, _STANDARD),
    PhotoFault.DPI: PhotoRule("photo.dpi", Severity.WARNING, _STANDARD),
    PhotoFault.COLOUR: PhotoRule("photo.colour", Severity.ERROR, _STANDARD),
    PhotoFault.BYTES: PhotoRule("photo.bytes", Severity.ERROR, _LOCAL),
    PhotoFault.ROTATED: PhotoRule("photo.rotated", Severity.ERROR, _OWN),
    PhotoFault.ANIMATED: PhotoRule("photo.animated", Severity.ERROR, _OWN),
    PhotoFault.TRAILING: PhotoRule("photo.trailing", Severity.ERROR, _OWN),
    PhotoFault.NAME: PhotoRule("photo.name", Severity.ERROR, _NAMES),
    PhotoFault.NUMBER: PhotoRule("photo.number", Severity.ERROR, _NAMES),
    PhotoFault.REPEATED: PhotoRule("photo.repeated", Severity.ERROR, _OWN),
    PhotoFault.UNKNOWN: PhotoRule("photo.unknown", Severity.ERROR, _OWN),
}
MISSING = PhotoRule("photo.missing", Severity.ERROR, _OWN)
SHARE = PhotoRule(
    "photo.share", Severity.WARNING, "the letter of July 2014 blames reliance on police photos; own limit"
)


@dataclass(frozen=True, slots=True)
class PhotoLimits:
    """What is taken; every figure is a setting. :data:`SAMPLE` shows one set of values.

    Args:
        sizes: (width, height) in pixels, each pair allowed; () = any.
        dpi: density in dots per inch, 0 = not looked at.
        dpi_tolerance: how far it may be off: per-centimetre and per-metre units cannot say it exactly.
        dpi_required: whether a photo that states no density is at fault.
        formats: of ``"JPEG"``, ``"PNG"``, ``"BMP"``.
        colours: as the file keeps them; samples must have 8 bits.
        least_bytes, most_bytes: size of the file, both allowed.
        most_pixels: a photo with more is refused before it is decoded.
        most_read: bytes of one file that are read at all.
        most_photos, most_unpacked: ceilings for one zip file: photos, and bytes unpacked.
        folders: source of the photos in a folder of this name (the nearest one that is named counts).
        other_folders: source of all others.
        no_photo_under: age in whole years below which a record needs no photo, 0 = all need one.
        most_police_share: share (0 to 1) of police photos above which the report warns, None = never.
        weights: another severity for a finding code.

    Raises:
        InvalidValue: a figure that no photo could meet, an unknown format or finding code.
    """

    sizes: tuple[tuple[int, int], ...] = ()
    dpi: int = 0
    dpi_tolerance: int = 1
    dpi_required: bool = False
    formats: tuple[str, ...] = ("JPEG",)
    colours: tuple[Colour, ...] = (Colour.RGB,)
    least_bytes: int = 1
    most_bytes: int = 100 << 10
    most_pixels: int = 16_000_000
    most_read: int = 8 << 20
    most_photos: int = 1_000_000
    most_unpacked: int = 4 << 30
    folders: Mapping[str, PhotoSource] = field(default_factory=lambda: {"公安": PhotoSource.POLICE})
    other_folders: PhotoSource = PhotoSource.OWN
    no_photo_under: int = 0
    most_police_share: float | None = None
    weights: Mapping[str, Severity] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = {rule.code for rule in RULES.values()} | {MISSING.code, SHARE.code}
        positive = (self.most_pixels, self.most_read, self.most_photos, self.most_unpacked, *sum(self.sizes, ()))
        if (
            min(positive) < 1
            or not 0 <= self.least_bytes <= self.most_bytes
            or min(self.dpi, self.dpi_tolerance, self.no_photo_under) < 0
            or not {*self.formats} <= {"JPEG", "PNG", "BMP"}
            or not self.weights.keys() <= known
        ):
            what = "no photo could meet these limits, or they name an unknown format or code"
            raise InvalidValue(what, step="photos.limits", term="照片标准")

    def severity(self, rule: PhotoRule) -> Severity:
        """What a fault weighs here."""
        return self.weights.get(rule.code, rule.severity)


SAMPLE = PhotoLimits(sizes=((358, 441),), dpi=350, least_bytes=9 << 10, most_bytes=100 << 10, no_photo_under=6)
"""Assumed: one set of values seen. 358 × 441 at 350 dpi, 24-bit RGB and JPEG stand in several local guides after
GA 461-2004; the bytes differ by city (9 to 20 KB in one, up to 100 KB in another), and so does the age under which no
photo is needed (6 or 7); an older local format is 236 × 295 at 300 dpi."""
