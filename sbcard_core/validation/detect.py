"""Which kind of source a file is: by its first bytes, and by its name where they do not tell."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile, ZipFile, is_zipfile

from sbcard_core.files import HEAD, PAGES, foreign, open_input
from sbcard_core.validation.archives import ZIP_ERRORS, is_damage
from sbcard_core.validation.blocks import Digest, Records, Source, SourceRefused
from sbcard_core.validation.columnar import Parquet, digest_file
from sbcard_core.validation.fixed import Dbf, is_dbf
from sbcard_core.validation.sources import Delimited
from sbcard_core.validation.spec import RecordSpec
from sbcard_core.validation.utf16 import Utf16, encoding_of
from sbcard_core.validation.workbook import Workbook

_OLE, _PARQUET = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PAR1"
_SMALLEST = {"ole": 1536, "parquet": 64}
_BY_NAME = {".xlsx": "workbook", ".xlsm": "workbook", ".xls": "workbook", ".parquet": "parquet", ".dbf": "dbf"}


@dataclass(frozen=True)
class Foreign:
    """A file that holds no table this library reads, whatever its name says; ``what`` says what it is."""

    path: Path
    what: str

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def blocks(self, spec: RecordSpec, *, digest: Digest | None = None) -> Iterator[Records]:  # noqa: ARG002
        """Refuse.

        Raises:
            SourceRefused: always.
        """
        digest_file(self.path, digest)
        raise SourceRefused("file.kind", "page" if self.what in PAGES else "", what=self.what)
        yield  # a generator, as other sources are


def _has_sheets(path: Path) -> bool:
    """Whether a zip file is a workbook, by its members; a damaged one is left to the workbook's reader."""
    try:
        with open_input(path) as file, ZipFile(file) as archive:
            names = archive.namelist()
    except BadZipFile:
        return True
    except ZIP_ERRORS as error:
        if not is_damage(error):
            raise
        return True
    return not names or any(name.startswith("xl/") or name in ("content.xml", "[Content_Types].xml") for name in names)


def _kind(path: Path) -> str:
    """``workbook``, ``parquet``, ``dbf``, ``text``, a codec of UTF-16, or ``foreign:`` and what it is.

    The name counts where the bytes tell nothing, so that a damaged workbook is called one.
    """
    named = _BY_NAME.get(path.suffix.lower(), "text")
    if not path.is_file():
        return named
    with open_input(path) as file:
        head = file.read(HEAD)
        size = file.seek(0, 2)
        file.seek(max(0, size - 4))
        tail = file.read()
    is_zip = head.startswith(b"PK") and is_zipfile(path)
    other = foreign(head) or ("archive" if is_zip and not _has_sheets(path) else "")
    if other:
        return f"foreign:{other}"
    if is_zip or (head.startswith(_OLE) and size >= _SMALLEST["ole"]):
        return "workbook"
    is_parquet = head.startswith(_PARQUET) and tail == _PARQUET and size >= _SMALLEST["parquet"]
    if is_parquet or is_dbf(head):
        return "parquet" if is_parquet else "dbf"
    if named in ("text", "workbook") and (wide := encoding_of(head)):
        return wide
    # programs save plain text under .xls too; a workbook that was damaged holds NULs
    is_text = named == "workbook" and head and b"\0" not in head and not head.startswith((b"PK", _OLE))
    return "text" if is_text else named


def open_source(path: Path) -> Source:
    """The source for a file; what is no workbook, table file or Parquet is delimited text.

    Raises:
        OSError: the file is there and cannot be read.
    """
    kind = _kind(path)
    if kind.startswith("foreign:"):
        return Foreign(path, kind.removeprefix("foreign:"))
    match kind:
        case "workbook":
            return Workbook(path)
        case "parquet":
            return Parquet(path)
        case "dbf":
            return Dbf(path)
        case "text":
            return Delimited(path)
    return Utf16(path, kind)
