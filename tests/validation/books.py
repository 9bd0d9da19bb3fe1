"""Workbooks made byte by byte, for what no spreadsheet program writes: .xlsx, .ods and .xls."""

import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path

_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'


def sheet(rows: str, before: str = "") -> str:
    return f'{_HEAD}<worksheet xmlns="{MAIN}">{before}<sheetData>{rows}</sheetData></worksheet>'


def texts(*values: str) -> str:
    return f'{_HEAD}<sst xmlns="{MAIN}">{"".join(f"<si><t>{value}</t></si>" for value in values)}</sst>'


def xlsx(path: Path, sheet: str, shared: str = "", place: str = "worksheets/sheet1.xml", **more: str) -> Path:
    """A workbook of one sheet, which lies at a place below ``xl/``."""
    kinds = "".join(
        f'<Relationship Id="r{at}" Type="{_OFFICE}/relationships/{kind}" Target="{target}"/>'
        for at, (kind, target) in enumerate([("worksheet", place), ("sharedStrings", "sharedStrings.xml")], 1)
    )
    members = {
        "[Content_Types].xml": f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types"/>',
        "_rels/.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="r1" '
        f'Type="{_OFFICE}/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{_HEAD}<workbook xmlns="{MAIN}" xmlns:r="{_OFFICE}/relationships"><sheets>'
        '<sheet name="s" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{kinds}</Relationships>',
        f"xl/{place}": sheet,
        **({"xl/sharedStrings.xml": shared} if shared else {}),
        **more,
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def ods(path: Path, rows: str) -> Path:
    """An OpenDocument table."""
    spaces = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "text", "table")
    )
    content = (
        f"{_HEAD}<office:document-content{spaces}><office:body><office:spreadsheet>"
        f'<table:table table:name="s">{rows}</table:table></office:spreadsheet></office:body></office:document-content>'
    )
    manifest = f'{_HEAD}<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr("content.xml", content)
    return path


def record(kind: int, body: bytes) -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def number(row: int, column: int, value: float = 1.0) -> bytes:
    return record(0x0203, struct.pack("<HHHd", row, column, 0, value))


def dimensions(rows: int, columns: int) -> bytes:
    return record(0x0200, struct.pack("<IIHHH", 0, rows, 0, columns, 0))


def biff(cells: Iterable[bytes], before: Iterable[bytes] = ()) -> bytes:
    """The stream of a workbook of one sheet; ``before`` stands among the records of the whole workbook."""
    start = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0))
    head = start + record(0x0042, struct.pack("<H", 1200))
    name = b"\x01\x00s"
    more = b"".join(before)
    bound = len(head) + 4 + 6 + len(name) + len(more) + 4
    head += record(0x0085, struct.pack("<IBB", bound, 0, 0) + name) + more + record(0x000A, b"")
    sheet = record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0))
    return head + sheet + b"".join(cells) + record(0x000A, b"")


def xls(path: Path, stream: bytes, loop: bool = False) -> Path:
    """A compound file with a stream ``Workbook``; ``loop``: its chain of sectors runs in a circle."""
    stream = stream.ljust(max(4096, -(-len(stream) // 512) * 512), b"\0")
    count = len(stream) // 512
    fat_sectors = -(-(count + 2) * 4 // 512)
    while fat_sectors * 128 < count + 1 + fat_sectors:
        fat_sectors += 1
    fat = [0xFFFFFFFD] * fat_sectors + [0xFFFFFFFE]
    first = len(fat)
    fat += [*range(first + 1, first + count), first if loop else 0xFFFFFFFE]
    fat += [0xFFFFFFFF] * (fat_sectors * 128 - len(fat))

    def entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
        raw = name.encode("utf-16-le") + b"\0\0"
        links = struct.pack("<III", 0xFFFFFFFF, 0xFFFFFFFF, child)
        body = raw.ljust(64, b"\0") + struct.pack("<HBB", len(raw), kind, 1) + links
        return body.ljust(116, b"\0") + struct.pack("<IQ", start, size)

    none = bytes(64) + struct.pack("<HBB", 0, 0, 0) + b"\xff" * 12 + bytes(48)
    directory = entry("Root Entry", 5, 1, 0xFFFFFFFE, 0) + entry("Workbook", 2, 0xFFFFFFFF, first, len(stream))
    directory += none * 2
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, fat_sectors, fat_sectors, 0, 4096, 0xFFFFFFFE, 0, 0xFFFFFFFE, 0)
    head += struct.pack("<109I", *range(fat_sectors), *[0xFFFFFFFF] * (109 - fat_sectors))
    path.write_bytes(head + struct.pack(f"<{len(fat)}I", *fat) + directory + stream)
    return path
