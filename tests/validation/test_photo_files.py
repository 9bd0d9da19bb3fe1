"""Laws of photo files written byte by byte: their headers are read as written, zeroed data are found."""

import importlib.util
import io
import random
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.validation.photo_header import Header, read_header
from sbcard_core.validation.photo_limits import Colour
from sbcard_core.validation.photo_scans import is_damaged

SIDES = st.integers(1, 5000)


@pytest.fixture(scope="module")
def pil(real_part: Callable[[str, bool, str], None]) -> Any:
    real_part("Pillow", importlib.util.find_spec("PIL") is not None, "pip install 'sbcard-core[photo]'")
    from PIL import Image

    return Image


def segment(kind: int, body: bytes) -> bytes:
    return bytes((0xFF, kind)) + struct.pack(">H", len(body) + 2) + body


def exif(order: str, orientation: int, *, long: bool, dpi: int = 0, unit: int = 2) -> bytes:
    """A TIFF of one directory; values as SHORT or LONG, density as RATIONAL behind it."""
    value = struct.pack(f"{order}I", orientation) if long else struct.pack(f"{order}HH", orientation, 0)
    entries = [struct.pack(f"{order}HHI", 0x112, 4 if long else 3, 1) + value]
    if dpi:
        behind = 8 + 2 + 12 * 4 + 4
        entries += [struct.pack(f"{order}HHII", tag, 5, 1, behind) for tag in (0x11A, 0x11B)]
        entries.append(struct.pack(f"{order}HHIHH", 0x128, 3, 1, unit, 0))
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8)
    directory = struct.pack(f"{order}H", len(entries)) + b"".join(entries) + bytes(4)
    return head + directory + struct.pack(f"{order}II", dpi * 3, 3)


THUMBNAIL = b"\xff\xd8" + segment(0xC0, struct.pack(">BHHB", 8, 120, 160, 3) + bytes(9)) + b"\xff\xd9"


@given(
    SIDES,
    SIDES,
    st.sampled_from([0xC0, 0xC1, 0xC2, 0xC3, 0xC9]),
    st.sampled_from([1, 3, 4, 2]),
    st.sampled_from([8, 12]),
    st.one_of(st.none(), st.tuples(st.integers(0, 3), st.integers(0, 900), st.integers(0, 900))),
    st.one_of(st.none(), st.tuples(st.sampled_from("<>"), st.integers(1, 8), st.booleans(), st.integers(0, 600))),
    st.integers(0, 3),
    st.binary(max_size=20),
    st.randoms(use_true_random=False),
)
def test_a_jpegs_header_is_read_as_written(
    width: int,
    height: int,
    frame: int,
    parts: int,
    bits: int,
    jfif: tuple[int, int, int] | None,
    tiff: tuple[str, int, bool, int] | None,
    fill: int,
    behind: bytes,
    rng: random.Random,
) -> None:
    segments = [segment(0xFE, b"\xff\xc0 a comment"), segment(0xC4, bytes(17)), segment(0xE2, b"MPF\0")]
    segments.append(segment(frame, struct.pack(">BHHB", bits, height, width, parts) + bytes(3 * parts)))
    if jfif is not None:
        segments.append(segment(0xE0, b"JFIF\0\1\1" + struct.pack(">BHH", *jfif) + bytes(2)))
    if tiff is not None:
        order, orientation, long, dpi = tiff
        segments.append(segment(0xE1, b"Exif\0\0" + exif(order, orientation, long=long, dpi=dpi) + THUMBNAIL))
    rng.shuffle(segments)
    scan = segment(0xDA, bytes(6)) + b"\x12\xff\x00\xff\xd0\x34"
    data = b"\xff\xd8" + b"".join(b"\xff" * rng.randint(0, fill) + one for one in segments) + scan + b"\xff\xd9"
    density = None
    if jfif is not None and jfif[0] in (1, 2) and jfif[1] and jfif[2]:
        factor = 1 if jfif[0] == 1 else 2.54
        density = (jfif[1] * factor, jfif[2] * factor)
    elif tiff is not None and tiff[3]:
        density = (tiff[3], tiff[3])
    colour = {1: Colour.GREY, 3: Colour.RGB, 4: Colour.CMYK}.get(parts)
    turned = tiff[1] if tiff is not None else 1
    found = read_header(data + behind)
    assert found == Header("JPEG", width, height, density, colour, bits, turned, end=len(data))
    assert found.trails(data + behind) == bool(behind.strip(b"\0 \r\n\t"))
    assert read_header(data[: rng.randrange(4, len(data) - 1)]).end == -1


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


@given(
    SIDES,
    SIDES,
    st.sampled_from([(0, Colour.GREY), (2, Colour.RGB), (3, Colour.PALETTE), (4, Colour.ALPHA), (6, Colour.ALPHA)]),
    st.sampled_from([8, 16]),
    st.one_of(st.none(), st.tuples(st.integers(0, 30000), st.integers(0, 30000), st.integers(0, 1))),
    st.one_of(st.none(), st.integers(1, 8)),
    st.booleans(),
    st.binary(max_size=10),
)
def test_a_pngs_header_is_read_as_written(
    width: int,
    height: int,
    colour: tuple[int, Colour],
    bits: int,
    density: tuple[int, int, int] | None,
    turned: int | None,
    animated: bool,
    behind: bytes,
) -> None:
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour[0], 0, 0, 0))
    data += b"" if density is None else chunk(b"pHYs", struct.pack(">IIB", *density))
    data += b"" if turned is None else chunk(b"eXIf", exif(">", turned, long=False))
    data += chunk(b"acTL", bytes(8)) if animated else b""
    data += chunk(b"IDAT", b"IEND") + chunk(b"IEND", b"")
    dpi = None
    if density is not None and density[2] == 1 and density[0] and density[1]:
        dpi = (density[0] * 0.0254, density[1] * 0.0254)
    found = read_header(data + behind)
    assert found == Header("PNG", width, height, dpi, colour[1], bits, turned or 1, animated, len(data))
    assert read_header(data[:-1]).end == -1


@given(
    SIDES,
    SIDES,
    st.booleans(),
    st.sampled_from([40, 52, 56, 108, 124]),
    st.sampled_from([(8, Colour.PALETTE, 8), (16, Colour.RGB, 5), (24, Colour.RGB, 8), (32, Colour.RGB, 8)]),
    st.tuples(st.integers(-1, 30000), st.integers(-1, 30000)),
    st.binary(max_size=10),
)
def test_a_bmps_header_is_read_as_written(
    width: int,
    height: int,
    from_the_top: bool,
    size: int,
    depth: tuple[int, Colour, int],
    density: tuple[int, int],
    behind: bytes,
) -> None:
    whole = 14 + size + 20
    head = struct.pack("<iiHHIIii", width, -height if from_the_top else height, 1, depth[0], 0, 20, *density)
    data = b"BM" + struct.pack("<IHHII", whole, 0, 0, 14 + size, size) + head
    data = data.ljust(whole, b"\1")
    dpi = (density[0] * 0.0254, density[1] * 0.0254) if min(density) > 0 else None
    assert read_header(data + behind) == Header("BMP", width, height, dpi, depth[1], depth[2], end=whole)
    assert read_header(data[:-1]).end == -1
    older = b"BM" + struct.pack("<IHHIIHHHH", whole, 0, 0, 26, 12, width, height, 1, 24)
    assert read_header(older.ljust(whole, b"\1")) == Header("BMP", width, height, None, Colour.RGB, 8, end=whole)


# ------------------------------------------------------------------------------------------------- zeroed data

WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "restarts": {"restart_marker_rows": 1},
    "own tables": {"optimize": True},
    "own tables, restarts": {"optimize": True, "restart_marker_blocks": 20},
    "progressive": {"progressive": True},
}


def portrait(pil: Any, seed: int, flat: int, mode: str) -> Any:
    """Somebody on a white ground, whose upper part is wholly flat."""
    grain = random.Random(seed).randbytes(40 * 50 * 3)
    image = pil.frombytes("RGB", (40, 50), grain).resize((358, 441))
    image.paste((255, 255, 255), (0, 0, 358, flat))
    return image.convert(mode)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("flat", [0, 150, 420, 441])
def test_no_whole_photo_is_blamed_and_a_run_of_zeros_is_found(pil: Any, way: str, mode: str, flat: int) -> None:
    for seed, quality in enumerate((30, 75)):
        out = io.BytesIO()
        how = {"quality": quality, "subsampling": 2 * (seed % 2)} | WAYS[way]
        portrait(pil, seed, flat, mode).save(out, "JPEG", **how)
        data = out.getvalue()
        assert not is_damaged(data)
        if len(data) - data.rindex(b"\xff\xda") > 3000:
            at = len(data) - 1200  # behind what is flat, and in the largest scan
            assert is_damaged(data[:at] + bytes(600) + data[at + 600 :])
