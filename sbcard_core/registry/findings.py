"""Findings of the registry's stages, as they are stored."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from sbcard_core.messages import message
from sbcard_core.store import insert_many, schema
from sbcard_core.values import Severity

COLUMNS = ("stage", "code", "source", "line", "field", "severity", "disposition", "amount_fen", "detail")


@dataclass(frozen=True, slots=True)
class LineFinding:
    """One finding on one line of a file (``line`` 1-based, 0 = the whole file); ``detail`` is for a clerk.

    ``detail`` never holds a full citizen number.
    """

    line: int
    code: str
    detail: str


def on_line(line: int, code: str, **parameters: object) -> LineFinding:
    """A finding with the catalogue's Chinese sentence for its code."""
    return LineFinding(line, code, message(f"registry.{code}", **parameters).zh)


def record(connection: sa.Connection, stage: str, source: str, findings: Iterable[LineFinding]) -> int:
    """Store findings of one source, all as errors, and return how many."""
    rows = ((stage, f.code, source, f.line, "", int(Severity.ERROR), None, 0, f.detail) for f in findings)
    return insert_many(connection, schema.finding, COLUMNS, rows)
