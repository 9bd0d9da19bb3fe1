"""Harnesses for files of records: delimited, fixed, DBF, workbooks, Parquet, Arrow, corrected workbooks, photos."""

import functools
import io
import re
import struct
import zipfile
from collections.abc import Hashable
from pathlib import Path
from unittest import mock

from sbcard_core import arrow
from sbcard_core.validation import kickback, sources
from sbcard_core.validation.blocks import Source
from sbcard_core.validation.check import check_files
from sbcard_core.validation.columnar import ArrowTable
from sbcard_core.validation.detect import open_source
from sbcard_core.validation.fixed import Dbf, FixedWidth
from sbcard_core.validation.layouts import BACK_FILE, PAYOUT_LINE, bank_columns
from sbcard_core.validation.sources import Delimited
from sbcard_core.validation.spec import COLLECTION, RecordSpec
from sbcard_core.validation.utf16 import Utf16
from sbcard_core.validation.workbook import Workbook
from tests.fuzz import laws
from tests.fuzz.engine import Harness

_ENDS = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")


def _csv(*rows: list[str], mark: str = ",", end: str = "\r\n") -> str:
    return "".join(mark.join(cells) + end for cells in rows)


_CLEAN = [laws.row(1), laws.row(2, name="买买提·阿不都"), laws.row(3, name="李珅")]
_BACK = "序号,社保卡号,社会保障号码,卡识别码,失败环节,失败原因\r\n1,B00000019," + laws.number(2) + ",,制卡,坏\r\n"
_PAYOUT = f"H|PAYREQ|B1|1\nD|1|6228480010000000018|张三|{laws.number(2)}|100|养老金\nT|1|100\n"


def _delimited_source(mode: int, path: Path) -> tuple[Source, RecordSpec]:
    match mode % 6:
        case 0 | 1:
            return Delimited(path), COLLECTION
        case 2:
            return Delimited(path, encoding="utf-8"), COLLECTION
        case 3:
            return Delimited(path, "\t", "gbk"), COLLECTION
        case 4:
            return Delimited(path), BACK_FILE
    return Delimited(path, "|", columns=bank_columns(PAYOUT_LINE), edges="HT"), PAYOUT_LINE


def _is_record(text: str, spec: RecordSpec) -> bool:
    """Whether a line has the shape of a record: a citizen number in a cell of its own beside some other cells."""
    cells = [cell.strip() for cell in re.split("[\t,;|]", text) if cell.strip()]
    others = 5 if spec is COLLECTION else 2
    return len(cells) > others and any(re.fullmatch("[0-9]{15}|[0-9]{17}[0-9Xx]", cell) for cell in cells)


def _is_passed_over(line: bytes, spec: RecordSpec) -> bool:
    """Whether a line may stand before the header without being a record: blank, preamble, or a title."""
    if not re.search(rb"[0-9]{11}", line):
        return True
    texts = [line.rstrip(b"\r\n").decode(encoding, "ignore").lstrip("\ufeff") for encoding in ("gb18030", "utf-8")]
    if any(spec.preamble and re.fullmatch(spec.preamble, text) for text in texts):
        return True
    return not any(_is_record(text, spec) for text in texts)


def delimited(data: bytes) -> Hashable:
    """Any text file; the first byte says how it is opened, its top bit cuts it into very small blocks."""
    mode, data = (data[0], data[1:]) if data else (0, b"")
    source, spec = _delimited_source(mode & 63, laws.file_of(data, ".csv"))
    found, refused = laws.raw_records(source, spec)
    if not refused:
        # with declared columns the first block is no part of the file
        raws = [raw for _, raw in (found[1:] if mode % 64 % 6 == 5 else found)]
        whole = b"".join(raws)
        assert data.endswith(whole), "the records are not the bytes of the file"
        before = data[: len(data) - len(whole)]
        assert all(_is_passed_over(line, spec) for line in _ENDS.findall(before)), "a line is lost"
    if mode & 192:
        with mock.patch.object(sources, "BLOCK", 61), mock.patch.object(sources, "MAX_LINE", 700):
            small = laws.raw_records(source, spec)[0]
            assert b"".join(raw for _, raw in small) == b"".join(raw for _, raw in found), "block size changes bytes"
            return laws.checked(source, spec)
    return laws.checked(source, spec)


def _delimited_seeds() -> list[bytes]:
    clean = _csv(laws.HEADERS, *_CLEAN)
    quoted = _csv(laws.HEADERS, [f'"{cell}"' for cell in _CLEAN[0]], laws.row(2, form_no='"F\r\n2"'), _CLEAN[2])
    twice = _csv(laws.HEADERS, _CLEAN[0], _CLEAN[0], laws.row(1, name="李四"))
    files = [
        (0, clean.encode("gb18030")),
        (64, clean.encode("gb18030")),
        (0, b"\xef\xbb\xbf" + clean.encode()),
        (2, clean.encode()),
        (0, clean.encode("utf-16")),
        (0, clean.replace(",", ";").encode()),
        (64, clean.replace("\r\n", "\r").encode("gb18030")),
        (3, _csv(laws.HEADERS, *_CLEAN, mark="\t").encode("gb18030")),
        (0, quoted.encode("gb18030")),
        (128, quoted.encode("gb18030")),
        (0, twice.encode("gb18030")),
        (4, ("<批次号>B1</批次号>\r\n" + _BACK).encode("gb18030")),
        (5, _PAYOUT.encode("gb18030")),
        (69, _PAYOUT.encode("gb18030")),
    ]
    return [bytes([mode]) + data for mode, data in files]


def wide(data: bytes) -> Hashable:
    """UTF-16 text of either order; the top bits cut it into very small blocks and lines."""
    mode, data = (data[0], data[1:]) if data else (0, b"")
    source = Utf16(laws.file_of(data, ".txt"), "utf-16-be" if mode & 1 else "utf-16-le")
    found, _ = laws.raw_records(source, COLLECTION)
    whole = b"".join(raw for _, raw in found)
    assert data.endswith(whole), "the records are not the bytes of the file"
    if found:
        before = data[: len(data) - len(whole)].decode(source.encoding, "replace")
        assert not any(_is_record(line, COLLECTION) for line in re.split("[\r\n]", before)), "a line is lost"
    if mode & 192:
        with mock.patch.object(sources, "BLOCK", 61), mock.patch.object(sources, "MAX_LINE", 700):
            small = laws.raw_records(source, COLLECTION)[0]
            assert b"".join(raw for _, raw in small) == whole, "block size changes bytes"
            return laws.checked(source)
    return laws.checked(source)


def _wide_seeds() -> list[bytes]:
    clean = _csv(laws.HEADERS, *_CLEAN, mark="\t")
    return [
        b"\0" + clean.encode("utf-16"),
        b"\x40" + clean.encode("utf-16-le"),
        b"\1" + b"\xfe\xff" + clean.encode("utf-16-be"),
        b"\x80" + ("title\r\n\r\n" + clean.replace("\r\n", "\r")).encode("utf-16-le"),
    ]


WIDTHS = (6, 10, 18, 50, 1, 2, 8, 12, 1, 6, 3, 8)


def fixed(data: bytes) -> Hashable:
    """Lines of fixed byte widths."""
    mode, data = (data[0], data[1:]) if data else (0, b"")
    columns = tuple(zip(laws.HEADERS, WIDTHS, strict=True))
    source = FixedWidth(laws.file_of(data, ".txt"), columns, "utf-8" if mode & 1 else "gb18030")
    found, _ = laws.raw_records(source, COLLECTION)
    whole = b"".join(raw for _, raw in found[1:])
    assert whole in (data, data.removeprefix(b"\xef\xbb\xbf")), "the records are not the bytes of the file"
    return laws.checked(source)


def _fixed_seeds() -> list[bytes]:
    def lines(encoding: str, end: bytes) -> bytes:
        made = [
            b"".join(c.encode(encoding).ljust(w)[:w] for c, w in zip(cells, WIDTHS, strict=True)) for cells in _CLEAN
        ]
        return b"".join(line + end for line in made)

    return [b"\0" + lines("gb18030", b"\r\n"), b"\0" + lines("gb18030", b"\n"), b"\1" + lines("utf-8", b"\r\n")]


DBF_SPEC = RecordSpec(
    "dbf",
    tuple(
        type(field)(**{name: getattr(field, name) for name in type(field).__slots__} | {"aliases": (short,)})
        for field in COLLECTION.fields
        for short in [field.header.encode("gb18030")[:10].decode("gb18030")]
    ),
    COLLECTION.row,
    COLLECTION.crosses,
)


def dbf(data: bytes) -> Hashable:
    """A dBASE table."""
    source = Dbf(laws.file_of(data, ".dbf"))
    found, refused = laws.raw_records(source, DBF_SPEC)
    whole = b"".join(raw for _, raw in found[1:])
    assert whole in data, "the rows are not bytes of the file"
    if not refused and found:
        start, width = struct.unpack_from("<HH", data, 8)
        count = int.from_bytes(data[4:8], "little")
        assert whole == data[start : start + count * width], "a row is lost"
    return laws.checked(source, DBF_SPEC)


def _dbf_seeds() -> list[bytes]:
    names = [header.encode("gb18030")[:10] for header in laws.HEADERS]
    fields = b"".join(struct.pack("<11sc4xBB14x", n, b"C", w, 0) for n, w in zip(names, WIDTHS, strict=True))
    head = struct.pack("<B3sIHH20x", 3, b"\x72\x07\x1f", len(_CLEAN), 33 + len(fields), sum(WIDTHS) + 1)
    body = b"".join(
        b" " + b"".join(c.encode("gb18030").ljust(w)[:w] for c, w in zip(cells, WIDTHS, strict=True))
        for cells in _CLEAN
    )
    return [head + fields + b"\r" + body + b"\x1a", head + fields + b"\r" + body[:300]]


SUFFIXES = (".csv", ".txt", ".xls", ".dbf", ".parquet", ".xlsx", "")


def detect(data: bytes) -> Hashable:
    """Any file under any name."""
    mode, data = (data[0], data[1:]) if data else (0, b"")
    source = open_source(laws.file_of(data, SUFFIXES[mode % len(SUFFIXES)]))
    return type(source).__name__, laws.checked(source)


@functools.cache
def _book() -> bytes:
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as made:
        sheet = made.add_worksheet()
        for at, cells in enumerate([laws.HEADERS, *_CLEAN]):
            for column, cell in enumerate(cells):
                sheet.write_string(at, column, cell)
        sheet.write_number(4, 0, 5)
        sheet.write_formula(5, 0, "=1+1", None, "2")
    return out.getvalue()


def _detect_seeds() -> list[bytes]:
    text = _csv(laws.HEADERS, *_CLEAN).encode("gb18030")
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2048)
    return [
        b"\0" + text,
        b"\0" + _book(),
        b"\3" + _dbf_seeds()[0],
        b"\2" + ole,
        b"\4PAR1" + bytes(80) + b"PAR1",
        b"\6" + ole,
    ]


def _repacked(book: bytes, at: int, content: bytes) -> bytes:
    """A workbook with one member replaced, so that damage reaches the reader behind the checksums."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(out, "w") as new:
        members = sorted(old.namelist())
        for member in members:
            new.writestr(member, content if member == members[at % len(members)] else old.read(member))
    return out.getvalue()


def _members(book: bytes) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        return [bytes([at + 1]) + archive.read(name) for at, name in enumerate(sorted(archive.namelist()))]


def workbook(data: bytes) -> Hashable:
    """A workbook: whole bytes of one (first byte 0, or 255 = named .xls), or one with a member replaced."""
    mode, data = (data[0], data[1:]) if data else (0, b"")
    if 0 < mode < 255:
        data = _repacked(_book(), mode - 1, data)
    path = laws.file_of(data, ".xls" if mode == 255 else ".xlsx")
    return laws.checked(Workbook(path, max_cells=20_000, max_unpacked=8 << 20))


def _workbook_seeds() -> list[bytes]:
    return [b"\0" + _book(), b"\xff\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2048), *_members(_book())]


@functools.cache
def _kicked_back() -> tuple[bytes, dict[str, str]]:
    path, book = laws.FOLDER / "sent.csv", laws.FOLDER / "sent.xlsx"
    rows = [laws.row(1, phone="1"), laws.row(2, county="999999"), laws.row(3)]
    path.write_bytes(_csv(laws.HEADERS, *rows).encode("gb18030"))
    batches = list(check_files([path], on=laws.ON))
    findings = [finding for batch in batches for finding in batch.findings]
    kickback.write(book, findings, title="退回更正表", in_full=True, collected=[path])
    summary = batches[-1].summary
    assert summary is not None
    return book.read_bytes(), {path.name: summary.sha256}


def readback(data: bytes) -> Hashable:
    """A corrected workbook."""
    mode, data = (data[0], data[1:]) if data else (0, b"")
    book, digests = _kicked_back()
    data = _repacked(book, mode - 1, data) if mode else data
    path = laws.file_of(data, ".xlsx")
    good, back = laws.typed(lambda: kickback.read_back(path, digests))
    if not good:
        return str(back)
    laws.hides_numbers(repr(back))
    lines = [corrected.line for corrected in back.rows]
    assert len(set(lines)) == len(lines) <= 2, "a record is taken twice"
    return len(lines), frozenset(notice.kind for notice in back.notices)


def _readback_seeds() -> list[bytes]:
    book = _kicked_back()[0]
    return [b"\0" + book, *_members(book)]


@functools.cache
def _parquet_bytes() -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    out = io.BytesIO()
    columns = [list(column) for column in zip(*_CLEAN, strict=True)]
    parquet.write_table(pa.table(dict(zip(laws.HEADERS, columns, strict=True))), out, compression="none")
    return out.getvalue()


def parquet_file(data: bytes) -> Hashable:
    """A Parquet file."""
    from sbcard_core.validation.columnar import Parquet

    return laws.checked(Parquet(laws.file_of(data, ".parquet")))


def arrow_stream(data: bytes) -> Hashable:
    """Arrow columns with lengths, offsets, keys and text of the input's choosing, inside the buffers they name."""
    if len(data) < 4:
        return None
    kinds = ("u", "u", "u", "U", "l", "C", "tdD", "z", "b", "g", "n")
    count = data[0] % 9
    columns = []
    for at, header in enumerate(laws.HEADERS):
        piece = data[at * 7 % len(data) :] or b"\0"
        kind = kinds[data[(at + 1) % len(data)] % 3 if data[1] & 1 else data[(at + 1) % len(data)] % len(kinds)]
        size = 8 if kind == "U" else 4
        places = b"".join((byte % (len(piece) + 1)).to_bytes(size, "little") for byte in (piece * 9)[: count + 1])
        if kind in ("u", "U", "z"):
            buffers: tuple[bytes | None, ...] = (None, places, piece)
        elif kind == "n":
            buffers = (None,)
        else:
            buffers = (None, (piece * 90)[: max(8 * count, 8)])
        name = header if data[2] & 1 or at else piece[:9].decode("utf-8", "replace").replace("\0", "")
        columns.append(arrow.Column(name, kind, count, buffers))
    whole = arrow.record(columns)
    table = arrow.Table(whole, lambda: iter([whole]))
    return laws.checked(ArrowTable("fuzzed", table))


def photo(data: bytes) -> Hashable:
    """One photo, alone or as what a zip file holds."""
    from sbcard_core.validation.photo_limits import PhotoLimits
    from sbcard_core.validation.photos import check_photos

    mode, data = (data[0], data[1:]) if data else (0, b"")
    limits = PhotoLimits(formats=("JPEG", "PNG", "BMP"), most_pixels=1 << 20, most_unpacked=1 << 20, dpi=350)
    names = (f"{laws.number(1)}张三.jpg", f"{laws.number(1)}.jpg/x.png", data[:20].decode("gb18030", "replace"))
    given = laws.file_of(data, ".zip") if mode & 1 else [(names[mode // 2 % 3], data)]
    batches = list(check_photos(given, limits))
    report = batches[-1].report
    assert report is not None
    assert report.accepted + report.rejected == report.photos
    for batch in batches:
        laws.hides_numbers(repr(batch), *(finding.file + finding.value_masked for finding in batch.findings))
    return frozenset(report.counts), frozenset(p.header.format for batch in batches for p in batch.photos)


def _photo_seeds() -> list[bytes]:
    from PIL import Image

    made = [b"\0GIF89a", b"\0"]
    for kind, mode in (("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "P"), ("BMP", "RGB")):
        out = io.BytesIO()
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.new(mode, (20, 30)).save(out, kind, dpi=(350, 350), exif=exif.tobytes())
        made.append(b"\0" + out.getvalue())
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"公安/{laws.number(1)}.jpg", made[2][1:])
        archive.writestr("x.png", made[4][1:])
    return [*made, b"\1" + packed.getvalue()]


_GB = tuple(word.encode("gb18030") for word in ("姓名", "社会保障号码", "·", "　", "合计", "序号,"))
_XML = (
    b"<c r=",
    b't="s"',
    b"<v>",
    b"</v>",
    b"<row r=",
    b"</row>",
    b"<f>",
    b't="e"',
    b"&#0;",
    b"1e308",
    b'<sheet name="',
)

HARNESSES = [
    Harness("delimited", delimited, _delimited_seeds, (*_GB, b"\x84\x31\x95\x33", b'"\r\n')),
    Harness("utf16", wide, _wide_seeds, (b"\0\r\0\n", b"\r\0\n\0", b"\t\0", b'"\0', b"\0\xd8")),
    Harness("fixed", fixed, _fixed_seeds, _GB),
    Harness("dbf", dbf, _dbf_seeds, (b"*", b"\x0d", *_GB)),
    Harness("detect", detect, _detect_seeds, (b"PK\3\4", b"PAR1", *_GB), "pyarrow"),
    Harness("workbook", workbook, _workbook_seeds, _XML, "python_calamine"),
    Harness("readback", readback, _readback_seeds, _XML, "python_calamine"),
    Harness("parquet", parquet_file, lambda: [_parquet_bytes()], (), "pyarrow"),
    Harness("arrow", arrow_stream, lambda: [bytes(range(60)), b"\3\1\1" + bytes(200), "".join(_CLEAN[0]).encode()]),
    Harness("photo", photo, _photo_seeds, (b"\xff\xd9", b"\xff\xe1", b"Exif\0\0", b"IEND", b"acTL"), "PIL"),
]
