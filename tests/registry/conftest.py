"""A small city for the registry tests: synthetic people, a bank and a factory that answer from the files."""

import json
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from types import ModuleType

import pytest

from sbcard_core.fields import citizen_id
from sbcard_core.hosts import bankfile
from sbcard_core.registry import back_file
from sbcard_core.validation.records import CheckedBatch, FileSummary
from sbcard_core.validation.spec import CollectedPerson

CITY = "430100"


@pytest.fixture
def world() -> ModuleType:
    """The functions of this file."""
    return sys.modules[__name__]


def id_number(n: int, county: str = "430102") -> str:
    body = f"{county}19{60 + n // 1000 % 40:02d}0101{n % 1000:03d}"
    return body + citizen_id.check_digit(body)


def record(n: int, *, bank: str = "103", day: str = "20140701", county: str = "430102") -> CollectedPerson:
    number = id_number(n, county)
    sex = "1" if n % 2 else "2"
    name = f"甲{chr(0x4E00 + n % 2000)}"
    return CollectedPerson(
        *(str(n), f"F{n:08d}", number, name, sex, "01", number[6:14], f"138{n:08d}", "4", county, bank, day, n + 1)
    )


def batch(
    folder: Path, numbers: Iterable[int], name: str = "c1.csv", *, last: bool = True, **kind: str
) -> CheckedBatch:
    """Records as accepted by the checks, all in one batch."""
    path = folder / name
    rows = [record(n, **kind) for n in numbers]
    path.write_text("\n".join(",".join(map(str, row)) for row in rows), encoding="utf-8")
    count = len(rows)
    summary = FileSummary(name, "", count, count, 0, 0) if last else None
    return CheckedBatch(name, path, count, rows, [], 0, 0, [], summary)


def bank_answer(
    request: Path, *, day: date, fail: Iterable[int] = (), only: Iterable[int] | None = None, name: str = "RES.txt"
) -> Path:
    """The bank's result file for one request file: everything opened but ``fail``."""
    asked = bankfile.read(request, bankfile.OPENING_REQUEST)
    fail, rows = set(fail), []
    wanted = None if only is None else set(only)
    for row in asked.rows:
        seq = int(row[0])
        if wanted is None or seq in wanted:
            good = seq not in fail
            account = f"62284800{int(row[1][1:]):011d}" if good else ""
            reason = "" if good else "联网核查姓名不符"
            rows.append((row[0], row[1], "00" if good else "11", account, reason, bankfile.compact_date(day)))
    opened = sum(row[2] == "00" for row in rows)
    path = request.with_name(name)
    header = {"batch_no": asked.header["batch_no"], "bank": asked.header["bank"], "date": bankfile.compact_date(day)}
    bankfile.write(path, bankfile.OPENING_RESULT, header, rows, {"opened": opened, "failed": len(rows) - opened})
    return path


def factory_answer(
    order: Path, holders: dict[str, str], *, fail: Iterable[int] = (), columns=back_file.COLUMNS, name: str = "back.csv"
) -> Path:
    """The factory's back-file for one order file."""
    rows = []
    for text in order.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        row = {
            "序号": str(line["order_line"]),
            "社保卡号": line["card_no"],
            "社会保障号码": holders[line["card_no"]],
            "卡识别码": code_of(line),
        }
        if line["order_line"] in set(fail):
            row |= {"失败环节": "制卡", "失败原因": "芯片损坏"}
        rows.append(row)
    path = order.with_name(name)
    back_file.write(path, order.stem, rows, columns=columns)
    return path


def code_of(line: dict) -> str:
    """The identification code inside the first record of EF05 (tag 01, 16 bytes)."""
    return line["files"]["SSSE/EF05"][0][4:]


def tamper(path: Path, old: str, new: str, name: str) -> Path:
    """A copy of a GB18030 file with one text replaced once."""
    text = path.read_bytes().decode("gb18030")
    assert old in text
    other = path.with_name(name)
    other.write_bytes(text.replace(old, new, 1).encode("gb18030"))
    return other
