"""The zoo: dirty files made by code, each with what must come of it. Nothing is lost, nothing crashes."""

import gzip
import io
import struct
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import pytest
import xlsxwriter

from sbcard_core.fields import citizen_id
from sbcard_core.validation.blocks import Source
from sbcard_core.validation.check import check_sources
from sbcard_core.validation.detect import open_source
from sbcard_core.validation.fixed import FixedWidth
from sbcard_core.validation.layouts import BACK_FILE, PAYOUT_LINE, bank_columns
from sbcard_core.validation.sources import Delimited
from sbcard_core.validation.spec import COLLECTION, RecordSpec
from sbcard_core.validation.workbook import Workbook

ON = date(2014, 7, 31)
HEADERS = [field.header for field in COLLECTION.fields]
GB, UTF8 = "gb18030", "utf-8"


def number(serial: int) -> str:
    body = f"43010219491231{serial:03}"
    return body + citizen_id.check_digit(body)


def row(at: int = 1, **changes: str) -> list[str]:
    keys = [field.field for field in COLLECTION.fields]
    values = [str(at), f"F{at}", number(2 * at), "张三", "2", "01", "19491231", "13800138000", "4", "430102", "103"]
    return list({**dict(zip(keys, [*values, "20140701"], strict=True)), **changes}.values())


def text(*rows: list[str], end: str = "\r\n", mark: str = ",", header: list[str] | None = None) -> str:
    return "".join(mark.join(cells) + end for cells in [HEADERS if header is None else header, *rows])


CLEAN = [row(1), row(2), row(3)]
HEADER_LINE = text().encode(GB)
LINES = [text(cells, header=[]).encode(GB)[2:] for cells in CLEAN]  # without the empty header's end


class Beast(NamedTuple):
    """A file and its fate: accepted, rejected, quarantined records, and the codes found."""

    data: bytes
    fate: tuple[int, int, int]
    codes: dict[str, int] | None = {}  # noqa: RUF012 - None: many, and which does not matter
    suffix: str = ".csv"
    make: Callable[[Path], Source] = open_source
    spec: RecordSpec = COLLECTION


def book(rows: list[list[object]], *, formula: str = "") -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as made:
        sheet = made.add_worksheet()
        for at, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if isinstance(cell, str):
                    sheet.write_string(at, column, cell)
                else:
                    sheet.write(at, column, cell)
        if formula:
            sheet.write_formula(len(rows), 0, formula, None, "5")
    return out.getvalue()


def page(*rows: list[str]) -> bytes:
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\r\n" for cells in rows)
    return f"<html><meta charset=gbk><table>{lines}</table></html>".encode(GB)


def zipped(name: str, data: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, data)
    return out.getvalue()


def two_sheets() -> bytes:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as made:
        for _ in range(2):
            sheet = made.add_worksheet()
            for at, cells in enumerate([HEADERS, row(1)]):
                for column, cell in enumerate(cells):
                    sheet.write_string(at, column, cell)
    return out.getvalue()


def bomb(size: int) -> bytes:
    out = io.BytesIO()
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("xl/worksheets/sheet1.xml", "w") as file,
    ):
        for _ in range(size >> 20):
            file.write(bytes(1 << 20))
    return out.getvalue()


def dbf(rows: list[list[str]], *, cut: int = 0, deleted: int = -1, count: int | None = None) -> bytes:
    names, widths = [header.encode(GB)[:10] for header in HEADERS], [10, 10, 18, 50, 1, 2, 8, 12, 1, 6, 3, 8]
    fields = b"".join(
        struct.pack("<11sc4xBB14x", name, b"C", width, 0) for name, width in zip(names, widths, strict=True)
    )
    start = 32 + len(fields) + 1
    total = len(rows) if count is None else count
    head = struct.pack("<B3sIHH20x", 3, b"\x72\x07\x1f", total, start, sum(widths) + 1)
    body = b""
    for at, cells in enumerate(rows):
        raw = b"".join(cell.encode(GB).ljust(width)[:width] for cell, width in zip(cells, widths, strict=True))
        body += (b"*" if at == deleted else b" ") + raw
    whole = head + fields + b"\r" + body + b"\x1a"
    return whole[: len(whole) - cut] if cut else whole


DBF_SPEC = RecordSpec(
    "dbf",
    tuple(
        type(field)(**{name: getattr(field, name) for name in type(field).__slots__} | {"aliases": (short,)})
        for field in COLLECTION.fields
        for short in [field.header.encode(GB)[:10].decode(GB)]
    ),
    COLLECTION.row,
    COLLECTION.crosses,
)
"""Field names of a .dbf hold 10 bytes: five characters."""

WIDTHS = [6, 10, 18, 50, 1, 2, 8, 12, 1, 6, 3, 8]


def fixed(rows: list[list[str]], end: bytes = b"\r\n") -> bytes:
    lines = [b"".join(c.encode(GB).ljust(w)[:w] for c, w in zip(cells, WIDTHS, strict=True)) for cells in rows]
    return b"".join(line + end for line in lines)


def as_fixed(path: Path) -> Source:
    return FixedWidth(path, tuple(zip(HEADERS, WIDTHS, strict=True)))


def small_book(path: Path) -> Source:
    return Workbook(path, max_cells=20)


def tight_book(path: Path) -> Source:
    return Workbook(path, max_unpacked=16 << 20)


def as_payout(path: Path) -> Source:
    return Delimited(path, "|", columns=bank_columns(PAYOUT_LINE), edges="HT")


def payout(*lines: str) -> bytes:
    return "\n".join(["H|PAYREQ|B1|2", *lines, "T|2|300"]).encode(GB)


def back(*lines: str, header: str = "序号,社保卡号,社会保障号码,卡识别码,失败环节,失败原因") -> bytes:
    return "\r\n".join(["<批次号>B1</批次号><人数>2</人数>", header, *lines]).encode(GB)


CODE = "430100D156000005" + "0" * 16
LONG = "x" * 10**6
OK3 = (3, 0, 0)
NONE = (0, 0, 0)
UNREAD = {"file.header": 1}
BAD = {"record.columns": 1}
QUOTE = {"record.quote": 1}
FOOTER = {"record.footer": 1}
AGAIN = {"record.header_again": 1}
DAMAGED = {"file.damaged": 1}
KIND = {"file.kind": 1}
TITLES = "附件1" + "," * 11 + "\r\n湖南省社会保障卡数据采集表" + "," * 11 + "\r\n填报单位:,,,2014年7月31日\r\n"

ZOO: dict[str, Beast] = {
    "clean": Beast(text(*CLEAN).encode(GB), OK3),
    "utf-8 without a mark": Beast(text(*CLEAN).encode(UTF8), OK3),
    "utf-8 with a mark": Beast(b"\xef\xbb\xbf" + text(*CLEAN).encode(UTF8), OK3),
    "gb18030 mark": Beast(b"\x84\x31\x95\x33" + text(*CLEAN).encode(GB), OK3),
    "utf-32": Beast(text(*CLEAN).encode("utf-32"), (0, 0, 11), {"file.encoding": 1}),
    "unicode text of a spreadsheet": Beast(text(*CLEAN, mark="\t").encode("utf-16"), OK3, suffix=".txt"),
    "unicode text, big-endian": Beast(
        b"\xfe\xff" + text(*CLEAN, mark="\t", end="\n").encode("utf-16-be"), OK3, suffix=".txt"
    ),
    "unicode text without a mark, named .xls": Beast(text(*CLEAN, mark="\t").encode("utf-16-le"), OK3, suffix=".xls"),
    "unicode text with half a character": Beast(
        text(*CLEAN, mark="\t").encode("utf-16") + b"\x00\xd8\r\0\n\0\x31", (3, 0, 2), {"record.undecodable": 2}
    ),
    "unicode text, a record with a NUL above the header": Beast(
        ("一\0" + text(header=CLEAN[0], mark="\t") + text(*CLEAN, mark="\t")).encode("utf-16"),
        (0, 0, 4),
        UNREAD,
        suffix=".txt",
    ),
    "a record with a NUL above the header": Beast(
        ("\0" + text(header=CLEAN[0]) + text(*CLEAN)).encode(GB), (0, 0, 4), UNREAD
    ),
    "few cells with a NUL above the header": Beast(
        ("\0,a,b,c,d,e,f,g\r\n" + text(*CLEAN)).encode(GB), (0, 0, 4), UNREAD
    ),
    "web page named .xls": Beast(page(HEADERS, *CLEAN), NONE, KIND, ".xls"),
    "web page named .csv": Beast(b"\r\n" + page(HEADERS, *CLEAN), NONE, KIND),
    "XML workbook of an old program": Beast(b'<?xml version="1.0"?><Workbook/>', NONE, KIND, ".xls"),
    "a PDF": Beast(b"%PDF-1.4\n%\xe2\xe3\n", NONE, KIND),
    "a zip file of a CSV": Beast(zipped("a.csv", text(*CLEAN).encode(GB)), NONE, KIND),
    "a compressed CSV": Beast(gzip.compress(text(*CLEAN).encode(GB)), NONE, KIND),
    "plain text named .xls": Beast(text(*CLEAN, mark="\t").encode(GB), OK3, suffix=".xls"),
    "workbook named .et": Beast(book([HEADERS, *CLEAN]), OK3, suffix=".et"),
    "damaged .et": Beast(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000), NONE, DAMAGED, ".et"),
    "sep= line": Beast(b"sep=;\r\n" + text(*CLEAN, mark=";").encode(GB), OK3),
    "title rows above the header": Beast((TITLES + text(*CLEAN)).encode(GB), OK3),
    "title rows above the header of a workbook": Beast(
        book([["采集表"], [], ["填报单位:", "", "2014年7月31日"], HEADERS, *CLEAN]), OK3, suffix=".xlsx"
    ),
    "too many title rows": Beast(("说明\r\n" * 12 + text(row(1))).encode(GB), (0, 0, 13), UNREAD),
    "a record above the header": Beast(LINES[0] + text(row(2)).encode(GB), (0, 0, 2), UNREAD),
    "a short record above the header": Beast(
        (",".join(row(1)[:4]) + "\r\n" + text(row(2))).encode(GB), (0, 0, 2), UNREAD
    ),
    "line ends in the header": Beast(
        text(*CLEAN, header=['"社会保障\r\n号码"' if h == "社会保障号码" else h for h in HEADERS]).encode(GB), OK3
    ),
    "line ends in the header of a workbook": Beast(
        book([["社会保障\n号码" if h == "社会保障号码" else h for h in HEADERS], *CLEAN]), OK3, suffix=".xlsx"
    ),
    "blanks and stars in the header": Beast(
        text(*CLEAN, header=["*姓　名" if h == "姓名" else f"{h} " for h in HEADERS]).encode(GB), OK3
    ),
    "quoted header": Beast(text(*CLEAN, header=[f'"{h}"' for h in HEADERS]).encode(GB), OK3),
    "numbers in scientific notation": Beast(
        text(row(1, id_number="4.30102E+17"), row(2)).encode(GB), (1, 1, 0), {"id_number.scientific": 1}
    ),
    "codes stored as floats": Beast(
        text(row(1, phone="13800138000.0"), row(2)).encode(GB), (1, 1, 0), {"phone.format": 1}
    ),
    "empty columns at the end of every line": Beast(
        text(*[[*cells, "", ""] for cells in CLEAN], header=[*HEADERS, "", ""]).encode(GB), OK3
    ),
    "empty columns the header lacks": Beast(text(*[[*cells, "", ""] for cells in CLEAN]).encode(GB), OK3),
    "a total at the end": Beast((text(*CLEAN) + "合计:3人\r\n").encode(GB), (3, 0, 1), FOOTER),
    "a total across the columns": Beast((text(*CLEAN) + "合计,3" + "," * 10 + "\r\n").encode(GB), (3, 0, 1), FOOTER),
    "who filled it in, at the end": Beast(
        (text(*CLEAN) + "填表人:,张三" + "," * 10 + "\r\n").encode(GB), (3, 0, 1), FOOTER
    ),
    "the header again on every page": Beast(HEADER_LINE + LINES[0] + HEADER_LINE + LINES[1], (2, 0, 1), AGAIN),
    "two files joined, a mark in the middle": Beast(
        b"\xef\xbb\xbf" + text(row(1)).encode(UTF8) + b"\xef\xbb\xbf" + text(row(2)).encode(UTF8), (2, 0, 1), AGAIN
    ),
    "invisible characters": Beast(
        text(row(1, name="张\u200b三"), row(2, county="430102\u200b")).encode(UTF8),
        (2, 0, 0),
        {"name.invisible": 1, "county.code": 1},
    ),
    "direction marks around a number": Beast(
        text(row(1, id_number=f"\u202a{number(2)}\u202c")).encode(UTF8), (1, 0, 0), {"id_number.wrapped": 1}
    ),
    "an apostrophe before a number": Beast(
        text(row(1, id_number="'" + number(2))).encode(GB), (1, 0, 0), {"id_number.wrapped": 1}
    ),
    "a number as a text formula": Beast(
        text(row(1, id_number=f'="{number(2)}"')).encode(GB), (1, 0, 0), {"id_number.wrapped": 1}
    ),
    "a tab behind a number": Beast(
        text(row(1, id_number=number(2) + "\t")).encode(GB), (1, 0, 0), {"id_number.fullwidth": 1}
    ),
    "question marks for a rare character": Beast(text(row(1, name="张?")).encode(GB), (0, 1, 0), {"name.character": 1}),
    "utf-8 read as gbk and saved": Beast(
        text(*CLEAN).encode().decode("gb18030", "replace").encode(UTF8), (0, 0, 3), UNREAD
    ),
    "NULs behind the last line": Beast(text(*CLEAN).encode(GB) + bytes(500), (3, 0, 1), {"record.undecodable": 1}),
    "NULs at the end of a line": Beast(
        text(row(1), row(2)).encode(GB)[:-2] + bytes(20) + b"\r\n", (1, 0, 1), {"record.undecodable": 1}
    ),
    "tabs": Beast(text(*CLEAN, mark="\t").encode(GB), OK3, suffix=".tsv"),
    "semicolons": Beast(text(*CLEAN, mark=";").encode(GB), OK3),
    "bars beside 7C trail bytes": Beast(text(row(1, name="李珅"), mark="|").encode(GB), (1, 0, 0)),
    "lone CR": Beast(text(*CLEAN, end="\r").encode(GB), OK3),
    "mixed line ends": Beast(HEADER_LINE + LINES[0][:-2] + b"\n" + LINES[1][:-2] + b"\r" + LINES[2], OK3),
    "no final line end": Beast(text(*CLEAN).encode(GB)[:-2], OK3),
    "end mark of old programs": Beast(text(*CLEAN).encode(GB) + b"\x1a", OK3),
    "blank lines everywhere": Beast(b"\r\n\n" + HEADER_LINE + b"\n \n" + b"\n".join(LINES) + b"\n\n", OK3),
    "header only": Beast(HEADER_LINE, NONE),
    "empty": Beast(b"", NONE, UNREAD),
    "only blanks": Beast(b" \r\n \r\n", NONE, UNREAD),
    "no header": Beast(b"".join(LINES), (0, 0, 2), UNREAD),
    "a column twice": Beast(text([*row(1), "x"], header=[*HEADERS, "姓名"]).encode(GB), (0, 0, 1), UNREAD),
    "a column missing": Beast(text(row(1)[:-1], header=HEADERS[:-1]).encode(GB), (0, 0, 1), UNREAD),
    "columns in another order": Beast(text(row(1)[::-1], header=HEADERS[::-1]).encode(GB), (1, 0, 0)),
    "columns nobody knows": Beast(text([*row(1), "?"], header=[*HEADERS, "备注"]).encode(GB), (1, 0, 0)),
    "a garbled line": Beast(
        HEADER_LINE + LINES[0] + b"\xff\xff\x81\r\n" + LINES[1], (2, 0, 1), {"record.undecodable": 1}
    ),
    "a NUL": Beast(HEADER_LINE + LINES[0] + b"1,\0\r\n", (1, 0, 1), {"record.undecodable": 1}),
    "too few cells": Beast(HEADER_LINE + LINES[0] + b"1,2\r\n", (1, 0, 1), BAD),
    "too many cells": Beast(HEADER_LINE + LINES[0][:-2] + b",x\r\n" + LINES[1], (1, 0, 1), BAD),
    "quoted cells": Beast(text([f'"{cell}"' for cell in row(1)]).encode(GB), (1, 0, 0)),
    "a line end inside quotes": Beast(
        text(row(1, form_no='"F\r\n1"'), row(2)).encode(GB), (1, 1, 0), {"form_no.format": 1}
    ),
    "a comma inside quotes": Beast(text(row(1, form_no='"F,1"')).encode(GB), (0, 1, 0), {"form_no.format": 1}),
    "a stray quote": Beast(HEADER_LINE + b'"' + LINES[0] + LINES[1] + LINES[2], (2, 0, 1), QUOTE),
    "two stray quotes": Beast(
        HEADER_LINE + b'"' + LINES[0] + LINES[1] + b'"' + LINES[2], (1, 0, 2), {"record.quote": 2}
    ),
    "formula cells are text": Beast(
        text(row(1, name="=1+1"), row(2, form_no="=CMD()")).encode(GB),
        (0, 2, 0),
        {"name.character": 1, "form_no.format": 1},
    ),
    "a million characters in a cell": Beast(
        text(row(1, name=LONG), row(2)).encode(GB), (1, 1, 0), {"name.too_long": 1}
    ),
    "a line without end": Beast(
        HEADER_LINE + LINES[0] + b"x" * (3 << 20) + b"\r\n" + LINES[1], (2, 0, 2), {"record.undecodable": 2}
    ),
    "a million characters in quotes": Beast(HEADER_LINE + b'"' + LONG.encode() + b'"\r\n' + LINES[1], (1, 0, 1), BAD),
    "cut off in a character": Beast(
        HEADER_LINE + LINES[0] + LINES[1][: LINES[1].index("张".encode(GB)) + 1], (1, 0, 1), {"record.undecodable": 1}
    ),
    "a program": Beast(b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 8, (0, 0, 8), UNREAD),
    "one person twice": Beast(text(row(1), row(1)).encode(GB), (1, 1, 0), {"duplicate.identical": 1}),
    "two persons, one number": Beast(
        text(row(1), row(1, name="李四")).encode(GB), (0, 2, 0), {"duplicate.conflict": 2}
    ),
    "full width and blanks": Beast(
        text(row(1, county="４３０１０２", name="张　三")).encode(GB), (1, 0, 0), {"county.code": 1, "name.blank": 1}
    ),
    "workbook": Beast(book([HEADERS, *CLEAN]), OK3, suffix=".xlsx"),
    "workbook named .csv": Beast(book([HEADERS, *CLEAN]), OK3),
    "workbook with a title and blank rows": Beast(book([[], HEADERS, [], *CLEAN]), OK3, suffix=".xlsx"),
    "workbook that lost digits": Beast(
        book([HEADERS, [*row(1)[:2], float(number(1)[:17] + "0"), *row(1)[3:]], row(2)]),
        (1, 1, 0),
        {"id_number.scientific": 1},
        ".xlsx",
    ),
    "workbook with = as text": Beast(book([HEADERS, row(1, name="=1+1")]), (0, 1, 0), {"name.character": 1}, ".xlsx"),
    "workbook without a header": Beast(book([row(1), row(2)]), (0, 0, 1), UNREAD, ".xlsx"),
    "workbook with two sheets of records": Beast(two_sheets(), NONE, {"file.sheets": 1}, ".xlsx"),
    "workbook over the cell limit": Beast(book([HEADERS, *CLEAN]), NONE, {"file.too_large": 1}, ".xlsx", small_book),
    "zip bomb": Beast(bomb(40 << 20), NONE, {"file.too_large": 1}, ".xlsx", tight_book),
    "workbook cut off": Beast(book([HEADERS, *CLEAN])[:3000], NONE, DAMAGED, ".xlsx"),
    "workbook of noise": Beast(bytes(range(256)) * 9, NONE, DAMAGED, ".xls"),
    "dbf": Beast(dbf(CLEAN), OK3, {}, ".dbf", spec=DBF_SPEC),
    "dbf with a deleted row": Beast(dbf(CLEAN, deleted=1), (2, 0, 0), {}, ".dbf", spec=DBF_SPEC),
    "dbf cut off in a row": Beast(dbf(CLEAN, cut=40), (2, 0, 1), {"record.undecodable": 1}, ".dbf", spec=DBF_SPEC),
    "dbf that counts too many": Beast(dbf(CLEAN, count=9), (3, 0, 0), DAMAGED, ".dbf", spec=DBF_SPEC),
    "dbf that counts too few": Beast(dbf(CLEAN, count=2), (2, 0, 0), DAMAGED, ".dbf", spec=DBF_SPEC),
    "dbf of noise": Beast(bytes(range(256)), NONE, DAMAGED, ".dbf", spec=DBF_SPEC),
    "fixed width": Beast(fixed(CLEAN), OK3, {}, ".txt", as_fixed),
    "fixed width with a short line": Beast(fixed(CLEAN)[:-9], (2, 0, 1), {"record.undecodable": 1}, ".txt", as_fixed),
    "fixed width that cuts a character": Beast(
        fixed([row(1, name="一" * 24 + "a一")]), (0, 0, 1), {"record.undecodable": 1}, ".txt", as_fixed
    ),
    "payout lines between their edges": Beast(
        payout(
            f"D|1|6228480010000000018|张三|{number(2)}|100|养老金", f"D|2|6228480010000000018|张三|{number(2)}|0|养老金"
        ),
        (1, 1, 0),
        {"amount.format": 1, "account_no.luhn": 2},
        ".txt",
        as_payout,
        PAYOUT_LINE,
    ),
    "back-file behind its prefix": Beast(
        back(f"1,B00000019,{number(2)},{CODE},,", f"2,,{number(4)},,制卡,芯片损坏"), (2, 0, 0), spec=BACK_FILE
    ),
    "back-file in another order": Beast(
        back(
            f"制卡,,{number(4)},,",
            f",,{number(2)},{CODE},B00000019",
            header="失败环节,失败原因,社会保障号码,卡识别码,社保卡号",
        ),
        (2, 0, 0),
        {"reason.missing": 1},
        spec=BACK_FILE,
    ),
    "back-file of cards without a number": Beast(
        back(f"1,,{number(2)},,,"), (0, 1, 0), {"card_no.missing": 1, "card_code.missing": 1}, spec=BACK_FILE
    ),
    "parquet of noise": Beast(b"PAR1" + bytes(99), NONE, DAMAGED, ".parquet"),
}
NEEDS = {".parquet": "pyarrow", ".xlsx": "python_calamine", ".xls": "python_calamine"}


def test_the_zoo_is_large() -> None:
    assert len(ZOO) >= 40


@pytest.mark.parametrize("name", ZOO)
def test_each_beast_meets_its_fate(name: str, tmp_path: Path, real_part: Callable[[str, bool, str], None]) -> None:
    beast = ZOO[name]
    if beast.suffix in NEEDS:
        import importlib.util

        part = NEEDS[beast.suffix]
        real_part(part, importlib.util.find_spec(part) is not None, "pip install 'sbcard-core[bulk]'")
    path = tmp_path / f"beast{beast.suffix}"
    path.write_bytes(beast.data)
    batches = list(check_sources([beast.make(path)], beast.spec, on=ON, quarantine_dir=tmp_path))
    summary = batches[-1].summary
    assert summary is not None
    found = Counter(finding.code for batch in batches for finding in batch.findings)
    codes = dict(found) if beast.codes is None else beast.codes
    assert (found, (summary.accepted, summary.rejected, summary.quarantined)) == (Counter(codes), beast.fate)
    assert summary.counts == codes
    assert summary.records == sum(beast.fate)
    assert sum(len(batch.accepted) for batch in batches) == summary.accepted
    whole = any(code.startswith("file.") for code in codes)
    assert summary.header_refused == whole
    assert summary.sha256 == sha256(beast.data).hexdigest()  # also of a file that is put aside as one thing
    assert path.read_bytes() == beast.data
    kept = tmp_path / f"{path.name}.quarantine"
    assert kept.exists() == (
        beast.fate[2] > 0 or bool({"file.header", "file.encoding"} & codes.keys() and beast.data.strip())
    )
    for batch in batches:
        for finding in batch.findings:
            assert len(finding.value_masked) <= 40
            assert finding.message_zh
            assert finding.message_en
