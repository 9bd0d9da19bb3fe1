"""Which kind of source a file is: by its first bytes, and by its name where they do not tell."""

from pathlib import Path
from zipfile import is_zipfile

from sbcard_core.validation.blocks import Source
from sbcard_core.validation.columnar import Parquet
from sbcard_core.validation.fixed import Dbf
from sbcard_core.validation.sources import Delimited
from sbcard_core.validation.workbook import Workbook

_OLE, _PARQUET = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PAR1"
_SMALLEST = {"ole": 1536, "parquet": 64}


def _kind(path: Path) -> str:
    """``workbook``, ``parquet``, ``dbf`` or ``text``; a suffix counts too, so that a damaged workbook is called one."""
    suffix = path.suffix.lower()
    by_name = {".xlsx": "workbook", ".xlsm": "workbook", ".xls": "workbook", ".parquet": "parquet", ".dbf": "dbf"}
    if suffix in by_name or not path.is_file():
        return by_name.get(suffix, "text")
    with path.open("rb") as file:
        head = file.read(8)
        size = file.seek(0, 2)
        file.seek(max(0, size - 4))
        tail = file.read()
    if (head == _OLE and size >= _SMALLEST["ole"]) or (head.startswith(b"PK") and is_zipfile(path)):
        return "workbook"
    if head.startswith(_PARQUET) and tail == _PARQUET and size >= _SMALLEST["parquet"]:
        return "parquet"
    return "text"


def open_source(path: Path) -> Source:
    """The source for a file; what is no workbook, table file or Parquet is delimited text.

    Raises:
        OSError: the file is there and cannot be read.
    """
    match _kind(path):
        case "workbook":
            return Workbook(path)
        case "parquet":
            return Parquet(path)
        case "dbf":
            return Dbf(path)
    return Delimited(path)
