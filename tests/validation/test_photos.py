"""Photos of every kind, good and hostile: each gets all its faults, none stops the others or shows a number."""

import importlib.util
import io
import random
import struct
import sys
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.errors import InvalidValue, MissingPart
from sbcard_core.fields import citizen_id
from sbcard_core.validation import messages
from sbcard_core.validation.photo_header import read_header
from sbcard_core.validation.photo_limits import MISSING, RULES, SAMPLE, SHARE, PhotoFault, PhotoLimits, PhotoSource
from sbcard_core.validation.photo_roll import Roll, masked_name
from sbcard_core.validation.photos import PhotoBatch, check_photos, inspect
from sbcard_core.validation.results import findings_table
from sbcard_core.validation.spec import CollectedPerson
from sbcard_core.values import Disposition, Severity

ON = date(2014, 7, 31)
LIMITS = replace(SAMPLE, least_bytes=1)
F = PhotoFault


@pytest.fixture(scope="module")
def pil(real_part: Callable[[str, bool, str], None]) -> Any:
    real_part("Pillow", importlib.util.find_spec("PIL") is not None, "pip install 'sbcard-core[photo]'")
    from PIL import Image

    return Image


def number(serial: int, born: str = "19491231") -> str:
    body = f"430102{born}{serial:03}"
    return body + citizen_id.check_digit(body)


def picture(pil: Any, mode: str = "RGB", size: tuple[int, int] = (358, 441)) -> Any:
    grain = random.Random(7).randbytes(16 * 16 * len(pil.new(mode, (1, 1)).getbands()))  # noise, so that bytes count
    return pil.frombytes(mode, (16, 16), grain).resize(size)


def photo(pil: Any, kind: str = "JPEG", mode: str = "RGB", size: tuple[int, int] = (358, 441), **how: Any) -> bytes:
    out = io.BytesIO()
    picture(pil, mode, size).save(out, kind, **{"dpi": (350, 350), **how})
    return out.getvalue()


def png(width: int, height: int, rows: bytes = b"") -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def look(data: bytes, name: str = "a.jpg", limits: PhotoLimits = LIMITS) -> PhotoFault:
    return inspect(name, data, limits).faults


def test_a_photo_of_the_sample_is_clean(pil: Any) -> None:
    seen = inspect("a.JPG", photo(pil), LIMITS)
    assert seen.faults == 0
    assert (seen.header.width, seen.header.height, seen.header.dpi) == (358, 441, (350, 350))


def test_each_setting_has_its_fault(pil: Any) -> None:
    assert look(photo(pil, size=(236, 295))) == F.SIZE
    assert look(photo(pil, size=(236, 295)), limits=replace(LIMITS, sizes=((358, 441), (236, 295)))) == 0
    assert look(photo(pil, dpi=(300, 300))) == F.DPI
    assert look(photo(pil, mode="L")) == F.COLOUR
    assert look(photo(pil, mode="CMYK")) == F.COLOUR
    assert look(photo(pil), limits=replace(LIMITS, most_bytes=500)) == F.BYTES
    assert look(photo(pil), limits=replace(LIMITS, least_bytes=90 << 10)) == F.BYTES
    assert look(photo(pil, "PNG"), "a.png") == F.FORMAT | (F.BYTES if len(photo(pil, "PNG")) > 100 << 10 else 0)
    wide = replace(LIMITS, formats=("JPEG", "PNG", "BMP"), most_bytes=1 << 20)
    assert look(photo(pil, "PNG"), "a.png", wide) == 0
    assert look(photo(pil, "BMP"), "a.bmp", wide) == 0
    assert look(photo(pil, "PNG", mode="RGBA"), "a.png", wide) == F.COLOUR
    assert look(photo(pil, "PNG", mode="L"), "a.png", wide) == F.COLOUR


def test_density_is_read_in_every_unit(pil: Any) -> None:
    jpeg = photo(pil)
    at = jpeg.index(b"JFIF\0") + 7
    for unit, value, faults in [(1, 350, 0), (2, 138, 0), (2, 118, F.DPI), (0, 350, 0)]:
        assert look(jpeg[:at] + struct.pack(">BHH", unit, value, value) + jpeg[at + 5 :]) == faults
    untold = jpeg[:at] + struct.pack(">BHH", 0, 1, 1) + jpeg[at + 5 :]
    assert look(untold, limits=replace(LIMITS, dpi_required=True)) == F.DPI


def test_exif_tells_density_and_rotation(pil: Any) -> None:
    exif = pil.Exif()
    exif[0x0112] = 6
    exif[0x011A] = exif[0x011B] = 300.0
    exif[0x0128] = 2
    turned = photo(pil, exif=exif.tobytes(), dpi=(0, 0))
    header = read_header(turned)
    assert (header.orientation, header.dpi) == (6, (300, 300))
    assert look(turned) == F.ROTATED | F.DPI


def test_hostile_photos(pil: Any) -> None:
    jpeg = photo(pil)
    wide = replace(LIMITS, formats=("JPEG", "PNG", "BMP"))
    assert look(b"") == F.EMPTY
    assert look(jpeg[: len(jpeg) // 2]) == F.DAMAGED
    assert look(jpeg[:-2]) == F.DAMAGED
    assert F.DAMAGED in look(jpeg[:200] + b"\xff\xd9")
    assert look(jpeg[: len(jpeg) // 2] + b"\xff\xd9") == F.DAMAGED  # an end was put behind the cut
    assert look(jpeg, "a.png") == F.SUFFIX
    assert look(b"hello") == F.FORMAT
    gif = io.BytesIO()
    picture(pil).convert("P").save(gif, "GIF", save_all=True, append_images=[picture(pil, "L").convert("P")])
    assert F.FORMAT in look(gif.getvalue())
    assert inspect("a.jpg", gif.getvalue(), LIMITS).header.format == "GIF"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("evil.html", "<script>")
    assert look(jpeg + packed.getvalue()) == F.TRAILING
    assert look(jpeg + b"\0\0\r\n") == 0  # padding is no second file
    out = io.BytesIO()
    picture(pil).save(out, "PNG", save_all=True, append_images=[picture(pil, "L").convert("RGB")])
    assert F.ANIMATED in look(out.getvalue(), "a.png", replace(wide, most_bytes=1 << 24))


def test_a_picture_that_is_not_the_one_its_header_tells_is_damaged(pil: Any) -> None:
    wide = replace(LIMITS, formats=("PNG",), sizes=(), dpi=0)
    assert look(png(8, 8, bytes(8 * 25)), "a.png", wide) == 0
    assert look(png(8, 8, bytes(8 * 24)), "a.png", wide) == F.DAMAGED
    assert look(png(0, 8, b""), "a.png", wide) == F.DAMAGED
    spoilt = bytearray(png(8, 8, bytes(8 * 25)))
    spoilt[18] ^= 1  # the width, so that the checksum is wrong
    assert F.DAMAGED in look(bytes(spoilt), "a.png", wide)


def test_a_bomb_is_refused_before_it_is_decoded(pil: Any) -> None:
    wide = replace(LIMITS, formats=("PNG",), sizes=(), dpi=0)
    bomb = png(60000, 60000, bytes(1 << 20))
    tracemalloc.start()
    assert look(bomb, "a.png", wide) == F.PIXEL_LIMIT
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()
    assert look(b"\xff\xd8\xff" + bytes(9 << 20)) & (F.PIXEL_LIMIT | F.BYTES) == F.PIXEL_LIMIT | F.BYTES


@given(st.binary(max_size=400), st.integers(0, 3))
def test_no_bytes_stop_the_header_reader(noise: bytes, kind: int) -> None:
    marks = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM" + bytes(12) + b"\x28\0\0\0", b"")
    data = marks[kind] + noise
    header = read_header(data)
    assert header.width >= 0
    assert header.height >= 0
    assert header.end <= len(data)


def test_random_damage_never_stops_the_check(pil: Any) -> None:
    chance = random.Random(20140731)
    wide = replace(LIMITS, formats=("JPEG", "PNG", "BMP"), most_bytes=1 << 20)
    for whole in (photo(pil), photo(pil, "PNG", size=(60, 80)), photo(pil, "BMP", size=(20, 30))):
        for _ in range(60):
            data = bytearray(whole)
            for _ in range(chance.randint(1, 9)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            cut = bytes(data[: chance.randint(1, len(data))])
            found = inspect("a.jpg", cut, wide)
            assert found.size == len(cut)
            assert found.faults or len(cut) > 0.9 * len(whole)  # what lost a tenth of itself is no photo


def row(line: int, id_number: str, form: str = "") -> CollectedPerson:
    rest = ("张三", "1", "01", id_number[6:14], "13800138000", "4", "430102", "103", "20140701")
    return CollectedPerson(str(line), form or f"F{line}", id_number, *rest, line)


def roll_of(*rows: CollectedPerson, no_photo_under: int = 0) -> Roll:
    roll = Roll(on=ON, no_photo_under=no_photo_under)
    roll.add("430100.csv", rows)
    return roll


def run(photos: Any, limits: PhotoLimits = LIMITS, **how: Any) -> tuple[list[PhotoBatch], dict[str, int]]:
    batches = list(check_photos(photos, limits, **how))
    report = batches[-1].report
    assert report is not None
    assert report.photos == report.accepted + report.rejected == sum(len(batch.photos) for batch in batches)
    found = [finding for batch in batches for finding in batch.findings]
    assert sum(report.counts.values()) == len(found)
    for finding in found:
        assert finding.message_zh
        assert finding.message_en
        assert finding.code.startswith("file.") or finding.source
    return batches, report.counts


def test_photos_meet_their_records(pil: Any) -> None:
    jpeg = photo(pil)
    roll = roll_of(row(2, number(1)), row(3, number(2)), row(4, number(3)), row(5, number(4, "20090801")))
    photos = [
        (f"pic_01/{number(1)}张三.jpg", jpeg),
        ("公安/f2.jpg", jpeg),  # form numbers are matched as they are written
        ("公安/F3.jpg", jpeg),
        (f"{number(1)[:-1]}{(int(number(1)[-1], 11) + 1) % 10 if number(1)[-1] != 'X' else 0}.jpg", jpeg),
        (f"again/{number(1)}.jpg", jpeg),
        (f"{number(77)}.jpg", jpeg),
    ]
    batches, counts = run(photos, roll=roll, batch_size=2)
    assert [p.record for batch in batches for p in batch.photos] == [0, -1, 1, -1, 0, -1]
    assert counts == {"photo.unknown": 3, "photo.number": 1, "photo.repeated": 1, "photo.missing": 2}
    missing = [(f.file, f.line) for f in batches[-1].findings if f.code == "photo.missing"]
    assert missing == [("430100.csv", 4), ("430100.csv", 5)]
    _, counts = run([], roll=roll_of(row(2, number(1)), row(3, number(4, "20090801")), no_photo_under=6))
    assert counts == {"photo.missing": 1}  # the child of four needs none
    report = batches[-1].report
    assert report is not None
    assert report.by_source == {PhotoSource.OWN: 4, PhotoSource.POLICE: 2, PhotoSource.NONE: 2}
    assert report.share(PhotoSource.POLICE) == 0.25
    _, counts = run(photos, replace(LIMITS, most_police_share=0.2))
    assert counts["photo.share"] == 1


def test_a_legacy_number_finds_its_record(pil: Any) -> None:
    old = number(1)[:6] + number(1)[8:17]
    roll = roll_of(row(2, number(1)))
    batches, _ = run([(f"{old}.jpg", photo(pil))], roll=roll)
    assert batches[0].photos[0].record == 0
    with pytest.raises(InvalidValue):
        roll.add("late.csv", [row(3, number(2))])


def test_no_finding_shows_a_number_or_a_name(pil: Any) -> None:
    names = [f"{number(1)}张三丰.jpg", f"pic/{number(2)}/x.jpg", f"１{number(1)[1:]}.jpg", f"{number(3)[:15]}_李四.gif"]
    batches, _ = run([(name, b"x") for name in names])
    for batch in batches:
        for text in (repr(batch), *(finding.file for finding in batch.findings)):
            assert "三丰" not in text
            assert "李四" not in text
            for serial in (1, 2, 3):
                assert number(serial)[6:14] not in text
    assert masked_name("a\nb/\x1b[31m.jpg") == "a?b/?[31m.jpg"


def test_folders_and_archives_give_the_same(pil: Any, tmp_path: Path) -> None:
    files = {f"公安/{number(1)}.jpg": photo(pil), f"{number(2)}.jpg": photo(pil)[:900], "Thumbs.db": b"x"}
    for name, data in files.items():
        place = tmp_path / "photos" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    (tmp_path / "photos" / "loop").symlink_to(tmp_path)
    packed = tmp_path / "photos.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    outcomes = []
    for given_ in (tmp_path / "photos", packed):
        for workers in (1, 3):
            batches, _ = run(given_, workers=workers)
            outcomes.append(sorted((p.name, p.faults, p.source) for b in batches for p in b.photos))
    assert outcomes == [outcomes[0]] * 4
    assert [faults for _, faults, _ in outcomes[0]] == [F.DAMAGED, F(0)]


def test_names_in_gbk_are_read(pil: Any, tmp_path: Path) -> None:
    packed = tmp_path / "a.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("GONGAN/1.jpg", photo(pil))
    packed.write_bytes(packed.read_bytes().replace(b"GONGAN", "公安a".encode("gb18030") + b"b"))
    batches, _ = run(packed, replace(LIMITS, folders={"公安ab": PhotoSource.POLICE}))
    assert batches[0].photos[0].source is PhotoSource.POLICE


def test_archives_over_a_limit_or_broken(pil: Any, tmp_path: Path) -> None:
    packed = tmp_path / "a.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for at in range(4):
            archive.writestr(f"{number(at)}.jpg", bytes(3 << 20))
    for workers in (1, 2):
        batches, counts = run(packed, replace(LIMITS, most_unpacked=8 << 20), workers=workers, roll=roll_of())
        assert counts["file.too_large"] == 1
        assert batches[-1].report is not None
        assert batches[-1].report.refusal == "file.too_large"
        assert batches[-1].report.photos == 2  # those before the limit still count
    assert run(packed, replace(LIMITS, most_photos=3))[1] == {"file.too_large": 1}
    whole = packed.read_bytes()
    packed.write_bytes(whole[: len(whole) // 2])
    assert run(packed)[1] == {"file.damaged": 1}
    spoilt = bytearray(whole)
    spoilt[60:70] = bytes(10)  # inside the first member
    packed.write_bytes(spoilt)
    batches, counts = run(packed)
    assert F.DAMAGED in batches[0].photos[0].faults
    assert counts["photo.damaged"] >= 1
    assert len(batches[0].photos) == 4


def test_findings_are_a_table(pil: Any, real_part: Callable[[str, bool, str], None]) -> None:
    real_part("pyarrow", importlib.util.find_spec("pyarrow") is not None, "pip install 'sbcard-core[bulk]'")
    import pyarrow as pa

    table = pa.table(findings_table(list(check_photos([("x.jpg", b"")], LIMITS))))
    assert table["code"].to_pylist() == ["photo.empty", "photo.name"]


def test_weights_change_what_becomes_of_a_photo(pil: Any) -> None:
    given_ = [(f"{number(1)}.jpg", photo(pil, size=(236, 295)))]
    assert run(given_)[0][0].photos[0].disposition is Disposition.REJECTED
    mild = replace(LIMITS, weights={"photo.size": Severity.WARNING})
    assert run(given_, mild)[0][0].photos[0].disposition is Disposition.ACCEPTED


def test_settings_that_no_photo_meets_are_refused() -> None:
    for wrong in ({"most_bytes": 0, "least_bytes": 1}, {"formats": ("GIF",)}, {"weights": {"x": Severity.NOTE}}):
        with pytest.raises(InvalidValue):
            replace(LIMITS, **wrong)
    with pytest.raises(InvalidValue):
        check_photos([], workers=0)


def test_every_fault_has_words() -> None:
    assert set(RULES) == set(PhotoFault)
    assert all(rule.code in messages.codes() for rule in [*RULES.values(), MISSING, SHARE])


def test_without_pillow_headers_are_still_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingPart, match="photo"):
        check_photos([])
    assert run([(f"{number(1)}.jpg", b"")], decode=False)[1] == {"photo.empty": 1}


def test_the_first_good_photo_is_kept_whatever_came_before_it(pil: Any) -> None:
    good, name = photo(pil), f"{number(2)}.jpg"
    for bad in (b"", good[:-200], photo(pil, size=(100, 100)), b"\0\5\x16\7" + bytes(60)):
        for roll in (None, roll_of(row(2, number(2)))):
            batches, _ = run([(name, bad), (name, good), (name, good)], roll=roll)
            photos = batches[0].photos
            dispositions = [one.disposition for one in photos]
            assert dispositions == [Disposition.REJECTED, Disposition.ACCEPTED, Disposition.REJECTED]
            assert [F.REPEATED in one.faults for one in photos] == [False, False, True]


def test_a_record_with_faulty_photos_only_has_a_photo() -> None:
    batches, _ = run([(f"{number(2)}.jpg", b"")], roll=roll_of(row(2, number(2)), row(3, number(4))))
    report = batches[-1].report
    assert report is not None
    assert (report.rejected, report.missing) == (1, 1)


WAYS: list[dict[str, Any]] = [
    {},
    {"optimize": True},
    {"progressive": True},
    {"quality": 95, "subsampling": 0},
    {"quality": 30, "progressive": True},
]


def face(pil: Any, flat: int) -> Any:
    """A picture as of an ID card: an even ground whose upper part is wholly flat, and somebody in the middle."""
    image = picture(pil)
    image.paste((255, 255, 255), (0, 0, 358, flat))
    return image


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("flat", [0, 60, 150, 350])
def test_zeroed_data_are_found_and_whole_photos_are_not_blamed(pil: Any, how: dict[str, Any], flat: int) -> None:
    out = io.BytesIO()
    face(pil, flat).save(out, "JPEG", dpi=(350, 350), **how)
    data = out.getvalue()
    limits = replace(LIMITS, most_bytes=1 << 20)
    assert look(data, limits=limits) == 0
    middle = data.rindex(b"\xff\xda") + 300
    for size in (256, 2000) if not {"optimize", "progressive"} & set(how) else ():  # tables most programs use
        if middle + size < len(data) - 400:
            broken = data[:middle] + bytes(size) + data[middle + size :]
            assert F.DAMAGED in look(broken, limits=limits)


def test_a_progressive_photo_that_lacks_its_last_scans_is_damaged(pil: Any) -> None:
    data = photo(pil, progressive=True)
    starts = [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"]
    assert len(starts) > 3
    for at in starts[1:]:
        tables = data.rfind(b"\xff\xc4", 0, at)
        cut = min(at, tables if tables > starts[starts.index(at) - 1] else at)
        assert look(data[:cut] + b"\xff\xd9") == F.DAMAGED
