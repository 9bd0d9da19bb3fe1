"""Findings that wait on disk for their workbook, so that the memory of a check does not grow with its faults."""

import pickle
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from sbcard_core.validation.records import Finding


class Spool(AbstractContextManager["Spool"]):
    """One temporary file for each collected file, in a folder only this user can read; gone at the end.

    Args:
        beside: the folder to make it in; findings hold full numbers, so it is that of the results, not a shared one.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder, Spool(Path(folder)) as spool:
        ...     spool.add("430100.csv", [])
        ...     list(spool.of("430100.csv")), "430100.csv" in spool, "430200.csv" in spool
        ([], False, False)
    """

    def __init__(self, beside: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix=".findings-", dir=beside)
        self._paths: dict[str, Path] = {}

    def __contains__(self, file: object) -> bool:
        return file in self._paths

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def add(self, file: str, findings: Sequence[Finding]) -> None:
        """Keep findings of one collected file, behind those it has.

        Raises:
            OSError: they cannot be written.
        """
        if not findings:
            return
        path = self._paths.setdefault(file, Path(self._folder.name, str(len(self._paths))))
        with path.open("ab") as out:
            pickle.dump(list(findings), out, pickle.HIGHEST_PROTOCOL)

    def of(self, file: str) -> Iterator[Finding]:
        """The findings of one collected file, in the order they came."""
        if file not in self:
            return
        path = self._paths[file]
        end = path.stat().st_size
        with path.open("rb") as kept:
            while kept.tell() < end:
                yield from pickle.load(kept)  # noqa: S301 - written by this very process
