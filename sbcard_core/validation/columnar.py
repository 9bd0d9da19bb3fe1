"""Tables of other libraries as sources: whatever speaks Arrow's PyCapsule protocol, and Parquet files."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sbcard_core.arrow_text import StreamFailed, TextTable
from sbcard_core.errors import InvalidValue, MissingPart
from sbcard_core.files import open_input
from sbcard_core.messages import message
from sbcard_core.validation.arrow_cells import tables
from sbcard_core.validation.blocks import Digest, Records, RowBlock, SourceRefused
from sbcard_core.validation.column_block import ColumnBlock
from sbcard_core.validation.spec import RecordSpec, header_fault, layout_of

ROWS = 65536
"""Rows looked through at once."""


def _blocks(table: TextTable, spec: RecordSpec, digest: Digest | None) -> Iterator[Records]:
    layout = layout_of(table.names, spec)
    yield RowBlock(0, [table.names], layout, fault=header_fault([table.names], spec))
    first = 1
    for cells in tables(table, ROWS):
        if digest is not None:
            digest.update(bytes(cells.joined(0x1F, 0x0A)) + b"\n")  # whatever batches the rows come in
        yield ColumnBlock(first, cells, layout)
        first += cells.count


@dataclass(frozen=True)
class ArrowTable:
    """A table, data frame or relation with ``__arrow_c_stream__``; rows are counted from 1.

    A check reads it twice, so the object must give its stream more than once (a table does, a reader does not).
    Column names are the headers of the layout. The digest is over the cells, not over Arrow's bytes.

    Args:
        name: stands for the file's name in findings.
        table: the object.
    """

    name: str
    table: Any

    def blocks(self, spec: RecordSpec, *, digest: Digest | None = None) -> Iterator[Records]:
        """See :class:`~sbcard_core.validation.blocks.Source`."""
        yield from _told(lambda: self.table, spec, digest)


def _told(opened: Any, spec: RecordSpec, digest: Digest | None) -> Iterator[Records]:
    try:
        table = TextTable(opened())
        try:
            yield from _blocks(table, spec, digest)
        finally:
            table.close()
    except InvalidValue as error:
        code = "file.types" if "type" in error.what and not isinstance(error, StreamFailed) else "file.damaged"
        raise SourceRefused(code, "table", reason=error.what) from error


_WHOLE_CHUNKS = 64 << 20
"""Bytes of a Parquet file up to which its columns are read chunk by chunk, not page by page."""


@dataclass(frozen=True)
class Parquet:
    """A Parquet file, read batch by batch with pyarrow (extra ``bulk``)."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name

    def blocks(self, spec: RecordSpec, *, digest: Digest | None = None) -> Iterator[Records]:
        """See :class:`~sbcard_core.validation.blocks.Source`; the digest is over the file's bytes.

        Raises:
            MissingPart: pyarrow is not installed.
            SourceRefused: damaged, or a column of another type.
        """
        try:
            import pyarrow as pa  # noqa: PLC0415
            from pyarrow import parquet  # noqa: PLC0415
        except ImportError as error:
            raise MissingPart(message("parts.parquet"), step="validation.columnar", term="依赖组件") from error
        digest_file(self.path, digest)

        def opened() -> Any:
            # Through a buffer, a damaged page gets the memory it claims (up to 2 GB) before it is found damaged.
            buffer_size = 1 << 20 if self.path.stat().st_size > _WHOLE_CHUNKS else 0
            file = parquet.ParquetFile(self.path, buffer_size=buffer_size, pre_buffer=False)
            return pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(ROWS))

        try:
            yield from _told(opened, spec, None)
        except (pa.ArrowException, OSError, UnicodeError) as error:  # UnicodeError: a name that is no text
            if isinstance(error, OSError) and error.errno is not None:
                raise
            raise SourceRefused("file.damaged") from error


def digest_file(path: Path, digest: Digest | None) -> None:
    """Feed a whole file to a digest, piece by piece."""
    if digest is None:
        return
    with open_input(path) as file:
        while data := file.read(1 << 20):
            digest.update(data)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    digest = hashlib.sha256()
    digest_file(path, digest)
    return digest.hexdigest()
