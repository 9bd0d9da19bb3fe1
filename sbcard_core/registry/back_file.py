"""The factory's back-file (制卡回盘文件): CSV, GB18030, CRLF, behind a prefix line ``<批次号><人数>``.

Public vendor code shows the columns in two orders, so they are found by their header, never by position, and without
the notes in brackets that some writers add (``失败原因(50字节内)``). The prefix is known by its two names, which may
carry the star of a required field; elements of an envelope before them are passed over. Both
``<批次号>B1</批次号><人数>20</人数>`` and ``<B1><20>`` are read and the first is written (assumed).
"""

import csv
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sbcard_core.errors import Refused
from sbcard_core.files import new_text, read_input
from sbcard_core.messages import Message, message
from sbcard_core.validation import quotes

ENCODING = "gb18030"
MAX_FILE_BYTES = 256 << 20
REASON_MAX_BYTES = 50
"""失败原因 is at most 50 bytes (public vendor code); a longer one is cut by the writer, read whole."""

COLUMNS = (
    *("序号", "社保卡号", "社会保障号码", "姓名", "发卡日期", "卡有效期", "卡识别码", "卡复位码", "服务银行"),
    *("银行卡号", "个人帐户", "装箱位置", "失败环节", "失败原因"),
)
COLUMNS_OTHER_CITY = (
    *("序号", "社保卡号", "社会保障号码", "姓名", "发卡日期", "卡有效期", "卡识别码", "卡复位码", "服务银行"),
    *("个人帐户", "银行卡号", "金融帐户", "装箱位置", "失败环节", "失败原因"),
)
NEEDED = ("社保卡号", "社会保障号码", "卡识别码", "失败环节", "失败原因")

END_OF_FILE = "\r\n\x1a\0 "
"""What old programs leave behind the last line."""
_PREFIX = re.compile(
    r"(?:<([^<>]+)>[^<>]*</\1>)*<批次号\*?>([^<>]+)(?:</批次号\*?>)?<人数\*?>(\d{1,9})(?:</人数\*?>)?"
    r"|<([0-9A-Za-z-]+)><(\d{1,9})>",
    re.ASCII,
)
_NOTE = re.compile(r"[(（][^()（）]*[)）]$")
"""A note behind the name of a column."""


class BackFileRefused(Refused):
    """The back-file as a whole cannot be used. ``code`` says why; nothing was taken from it."""

    def __init__(self, what: Message, *, code: str) -> None:
        super().__init__(what, step="production.read_back_file", term="制卡回盘文件")
        self.code = code


@dataclass(frozen=True, slots=True)
class BackFile:
    """One back-file as read: ``rows`` hold the values of ``NEEDED``, ``line_numbers`` their place in the file."""

    order_no: str
    rows: list[tuple[str, ...]] = field(repr=False)
    line_numbers: list[int] = field(repr=False)
    bad_lines: list[int]
    sha256: str


def read(path: Path) -> BackFile:
    """Read one back-file; a stray quote swallows no line behind it.

    Raises:
        BackFileRefused: ``code`` is ``size``, ``encoding``, ``prefix``, ``header`` (a needed column is missing or
            stands twice) or ``count`` (人数 is not the number of rows).
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise refused(path, "size")
    raw = read_input(path, limit=MAX_FILE_BYTES)
    try:
        text = raw.decode(ENCODING)
    except UnicodeDecodeError:
        raise refused(path, "encoding") from None
    lines = text.rstrip(END_OF_FILE).replace("\r\n", "\n").split("\n")
    match = _PREFIX.fullmatch(lines[0].strip())
    if match is None:
        raise refused(path, "prefix")
    order_no, count = match[2] or match[4], int(match[3] or match[5])
    names = (quotes.cells(lines[1]) if len(lines) > 1 else None) or []
    header = [_NOTE.sub("", name.strip()).rstrip() for name in names]
    for name in NEEDED:
        if header.count(name) != 1:
            raise refused(path, "header", column=name, times=header.count(name))
    places = [header.index(name) for name in NEEDED]
    rows: list[tuple[str, ...]] = []
    numbers: list[int] = []
    bad: list[int] = []
    at = 2
    for length in quotes.lengths(lines[2:], ",", len(header), final=True):
        record, number = "\n".join(lines[at : at + length]), at + 1
        at += length
        row = quotes.cells(record) or []
        if len(row) == len(header):
            rows.append(tuple([row[place] for place in places]))
            numbers.append(number)
        elif record.strip():
            bad.append(number)
    if len(rows) + len(bad) != count:
        raise refused(path, "count", stated=count, found=len(rows) + len(bad))
    return BackFile(order_no, rows, numbers, bad, hashlib.sha256(raw).hexdigest())


def write(path: Path, order_no: str, rows: Sequence[Mapping[str, str]], *, columns: Iterable[str] = COLUMNS) -> int:
    """Write a back-file as a factory would and return the number of rows; columns a row lacks stay empty.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "back.csv"
        >>> write(path, "43010020140818001", [{"社保卡号": "A00000014", "失败环节": "制卡", "失败原因": "芯片损坏"}])
        1
        >>> read(path).rows
        [('A00000014', '', '', '制卡', '芯片损坏')]
    """
    names = list(columns)
    with new_text(path, encoding=ENCODING) as out:
        out.write(f"<批次号>{order_no}</批次号><人数>{len(rows)}</人数>\r\n")
        table = csv.writer(out, lineterminator="\r\n")
        table.writerow(names)
        table.writerows([_cut(name, row.get(name, "")) for name in names] for row in rows)
    return len(rows)


def refused(path: Path, code: str, **parameters: object) -> BackFileRefused:
    """The refusal of one file."""
    return BackFileRefused(message(f"registry.back_file.{code}", file=path.name, **parameters), code=code)


def _cut(name: str, value: str) -> str:
    if name != "失败原因":
        return value
    return value.encode(ENCODING)[:REASON_MAX_BYTES].decode(ENCODING, errors="ignore")
