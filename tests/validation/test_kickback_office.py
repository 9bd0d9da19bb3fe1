"""The workbook in full through LibreOffice: opened, one cell corrected in its own format, saved as xlsx, read back."""

import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from sbcard_core.fields import citizen_id
from sbcard_core.validation import kickback
from sbcard_core.validation.check import check_files
from sbcard_core.validation.spec import COLLECTION

ON = date(2014, 7, 31)
HEADERS = [field.header for field in COLLECTION.fields]
XLSX = "xlsx:Calc MS Excel 2007 XML"


def number(serial: int) -> str:
    body = f"43010219491231{serial:03}"
    return body + citizen_id.check_digit(body)


def record(serial: int, written: str, name: str = "张三") -> str:
    return f"{serial},F{serial},{written},{name},{'21'[serial % 2]},01,19491231,0731-84900001,4,430102,103,20140701"


class Office:
    """LibreOffice with a profile of its own."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._profile = program, folder / "profile"

    def run(self, *arguments: str) -> None:
        command = [self._program, "--headless", "--norestore", f"-env:UserInstallation={self._profile.as_uri()}"]
        done = subprocess.run([*command, *arguments], capture_output=True, timeout=180, check=False)
        assert done.returncode == 0, done.stderr

    def convert(self, source: Path, kind: str, folder: Path) -> Path:
        """Open a file and save it as another kind."""
        self.run("--convert-to", kind, "--outdir", str(folder), str(source))
        return folder / f"{source.stem}.{kind.partition(':')[0]}"


@pytest.fixture
def office(tmp_path: Path, real_part: Callable[[str, bool, str], None]) -> Office:
    program = shutil.which("soffice")
    real_part("libreoffice", program is not None, "apt-get install libreoffice-calc")
    return Office(program or "", tmp_path)


def test_a_workbook_corrected_in_libreoffice_is_read_back(tmp_path: Path, office: Office) -> None:
    wrong = {serial: number(serial)[:17] + ("1" if number(serial)[17] != "1" else "2") for serial in (21, 22, 23)}
    lines = [record(1, number(1)), *(record(serial, text, "买买提·阿不都") for serial, text in wrong.items())]
    file, book = tmp_path / "430100.csv", tmp_path / "out.xlsx"
    file.write_bytes("\r\n".join([",".join(HEADERS), *lines, ""]).encode("gb18030"))
    (batch,) = check_files([file], on=ON)
    assert batch.summary is not None
    kickback.write(book, batch.findings, title="退回更正表", in_full=True, collected=[file])
    sheet = office.convert(book, "fods", tmp_path / "open")
    text = sheet.read_text("utf-8")
    assert text.count(f"<text:p>{wrong[22]}</text:p>") == 1
    sheet.write_text(text.replace(f"<text:p>{wrong[22]}</text:p>", f"<text:p>{number(22)}</text:p>"), "utf-8")
    saved = office.convert(sheet, XLSX, tmp_path / "saved")
    read = kickback.read_back(saved, {file.name: batch.summary.sha256})
    assert read.notices == []
    assert (read.listed, read.unchanged) == (3, 2)
    (row,) = read.rows
    assert (row.line, row.changed, row.values[2]) == (4, ("id_number",), number(22))
    again = tmp_path / "again.csv"
    read.save(again)
    (batch,) = check_files([again], on=ON)
    assert (len(batch.accepted), [one.code for one in batch.findings if one.severity.name == "ERROR"]) == (1, [])


def test_a_workbook_that_went_through_ods_is_read_back_unchanged(tmp_path: Path, office: Office) -> None:
    file, book = tmp_path / "430100.csv", tmp_path / "out.xlsx"
    cells = record(21, "=1+1", "张 三")
    file.write_bytes("\r\n".join([",".join(HEADERS), cells, ""]).encode("gb18030"))
    (batch,) = check_files([file], on=ON)
    assert batch.summary is not None
    kickback.write(book, batch.findings, title="退回更正表", in_full=True, collected=[file])
    saved = office.convert(office.convert(book, "ods", tmp_path / "ods"), XLSX, tmp_path / "back")
    read = kickback.read_back(saved, {file.name: batch.summary.sha256})
    assert (read.listed, read.unchanged, read.rows, read.notices) == (1, 1, [], [])
