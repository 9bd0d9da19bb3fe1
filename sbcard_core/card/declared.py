"""Declarations in TOML or JSON: directories, files and records with their vectors, read strictly.

The built-in application files are written in this form too. A vector's record
is hex in pieces: ``"2350 B3A4C9B3 00*76"`` is tag and length, four bytes and 76
zero bytes.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from sbcard_core.card.access import Access, Confidence
from sbcard_core.card.errors import ProfileRefused
from sbcard_core.card.files import MAX_VALUE, DirectoryDecl, FileDecl, Format, RecordDecl, Structure
from sbcard_core.files import read_input
from sbcard_core.messages import message

_STEP = "card.load_profile"
MAX_FILE_BYTES = 1 << 20
"""A larger declaration file is refused."""

_RECORD_KEYS = {
    "tag", "name", "zh", "format", "length", "vectors", "optional", "sensitive", "confidence", "source",
}  # fmt: skip
_FILE_KEYS = {
    "path", "fid", "zh", "record", "structure", "read", "update", "read_key", "update_key", "source", "confidence",
    "count",
}  # fmt: skip
_VARIABLE = {Format.BINARY, Format.TLV}


def refuse(where: str, reason: str, **found: object) -> ProfileRefused:
    """The error for a declaration that can't be meant; ``reason`` is a sentence ``profiles.*`` of the catalogue."""
    why = message(f"profiles.{reason}", **found)
    return ProfileRefused(message("profiles.refused", where=where, why=why), step=_STEP, term="卡结构声明")


def expand(wire: str) -> str:
    """Write a vector's pieces out: hex with ``HH*n`` for repeated bytes.

    Raises:
        ProfileRefused: not such pieces.

    Example:
        >>> expand("0A05 31 00*4")
        '0A053100000000'
    """
    out = []
    for piece in wire.split():
        byte, star, times = piece.partition("*")
        try:
            out.append(bytes.fromhex(byte) * (int(times) if star else 1))
        except ValueError:
            raise refuse("vector", "vector", piece=piece) from None
    return b"".join(out).hex().upper()


def read_document(path: Path) -> dict[str, Any]:
    """Read a TOML or JSON file.

    Raises:
        ProfileRefused: too large, or not TOML or JSON.
        OSError: it can't be opened.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise refuse(path.name, "size", most=MAX_FILE_BYTES)
    raw = read_input(path, limit=MAX_FILE_BYTES)
    try:
        made = json.loads(raw) if path.suffix.lower() == ".json" else tomllib.loads(raw.decode("utf-8"))
    except ValueError as error:
        raise refuse(path.name, "toml", error=error) from None
    if not isinstance(made, dict):
        raise refuse(path.name, "table")
    return made


@lru_cache(maxsize=16)
def built_in(name: str) -> tuple[FileDecl, ...]:
    """The files of a declaration that comes with the library, by its name under ``profiles``."""
    raw = resources.files("sbcard_core.card.profiles").joinpath(name).read_text("utf-8")
    return files_of(tomllib.loads(raw), default_source="")


def files_of(document: Mapping[str, Any], *, default_source: str) -> tuple[FileDecl, ...]:
    """The files a document declares.

    Raises:
        ProfileRefused: unknown words, a contradiction, or something missing.
    """
    source = str(document.get("source", default_source))
    files = tuple(_file(one, source) for one in _tables(document, "file"))
    paths = [file.path for file in files]
    for path in paths:
        if paths.count(path) > 1:
            raise refuse(path, "twice")
    return files


def directories_of(document: Mapping[str, Any]) -> tuple[DirectoryDecl, ...]:
    """The directories a document declares.

    Raises:
        ProfileRefused: an application identifier of the wrong form.
    """
    out = []
    for one in _tables(document, "directory"):
        name = _word(one, "name", "directory")
        aid = None
        if "aid" in one:
            try:
                aid = bytes.fromhex(str(one["aid"]))
            except ValueError:
                raise refuse(name, "aid_hex") from None
            if not 5 <= len(aid) <= 16:
                raise refuse(name, "aid_size")
        fid = one.get("fid")
        if aid is None and fid is None:
            raise refuse(name, "no_selection")
        confidence = _one_of(Confidence, one.get("confidence", "R"), name, "confidence")
        out.append(DirectoryDecl(name, str(one.get("zh", "")), aid, fid, str(one.get("source", "")), confidence))
    return tuple(out)


def _tables(document: Mapping[str, Any], key: str) -> Iterable[Mapping[str, Any]]:
    found = document.get(key, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise refuse(key, "list")
    return found


def _word(table: Mapping[str, Any], key: str, where: str) -> str:
    found = table.get(key)
    if not isinstance(found, str) or not found:
        raise refuse(where, "missing", key=key)
    return found


def _whole(table: Mapping[str, Any], key: str, where: str, low: int, high: int) -> int:
    found = table.get(key)
    if isinstance(found, bool) or not isinstance(found, int) or not low <= found <= high:
        raise refuse(where, "number", key=key, low=low, high=high)
    return found


def _one_of(kind: Any, value: object, where: str, key: str) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise refuse(where, "choice", key=key, known=", ".join(one.value for one in kind)) from None


def _file(table: Mapping[str, Any], source: str) -> FileDecl:
    path = _word(table, "path", "file")
    unknown = set(table) - _FILE_KEYS
    if unknown:
        raise refuse(path, "words", found=", ".join(sorted(unknown)))
    if path.count("/") != 1 or not all(path.split("/")):
        raise refuse(path, "path")
    structure = _one_of(Structure, table.get("structure", "records"), path, "structure")
    confidence = _one_of(Confidence, table.get("confidence", "R"), path, "confidence")
    source = str(table.get("source", source))
    records = tuple(_record(one, path, structure, source, confidence) for one in _tables(table, "record"))
    _check_records(path, structure, records)
    return FileDecl(
        path=path,
        fid=_whole(table, "fid", path, 1, 0xFFFF),
        zh=str(table.get("zh", "")),
        records=records,
        structure=structure,
        read=_one_of(Access, table.get("read", "unknown"), path, "read"),
        update=_one_of(Access, table.get("update", "unknown"), path, "update"),
        read_key=str(table.get("read_key", "")),
        update_key=str(table.get("update_key", "")),
        source=source,
        confidence=confidence,
        count=_whole(table, "count", path, 0, 254) if "count" in table else 0,
    )


def _record(
    table: Mapping[str, Any], path: str, structure: Structure, source: str, confidence: Confidence
) -> RecordDecl:
    name = _word(table, "name", path)
    where = f"{path} {name}"
    unknown = set(table) - _RECORD_KEYS
    if unknown:
        raise refuse(where, "words", found=", ".join(sorted(unknown)))
    kind = _one_of(Format, table.get("format"), where, "format")
    tagged = structure is Structure.RECORDS
    lowest = 0 if kind in _VARIABLE else 1
    vectors = table.get("vectors", [])
    if not isinstance(vectors, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in vectors):
        raise refuse(where, "vectors")
    return RecordDecl(
        tag=_whole(table, "tag", where, 1, 0xFE) if tagged else 0,
        name=name,
        zh=str(table.get("zh", "")),
        format=kind,
        length=_whole(table, "length", where, lowest, MAX_VALUE if tagged else 0xFFFF),
        source=str(table.get("source", source)),
        vectors=tuple((expand(str(wire)), str(value)) for wire, value in vectors),
        optional=bool(table.get("optional", False)),
        sensitive=bool(table.get("sensitive", False)),
        confidence=_one_of(Confidence, table["confidence"], where, "confidence")
        if "confidence" in table
        else confidence,
    )


def _check_records(path: str, structure: Structure, records: tuple[RecordDecl, ...]) -> None:
    """Contradictions inside one file."""
    if structure is Structure.UNKNOWN and records:
        raise refuse(path, "unknown_with_records")
    if structure is not Structure.UNKNOWN and not records:
        raise refuse(path, "no_record")
    if structure is Structure.TRANSPARENT and len(records) != 1:
        raise refuse(path, "transparent")
    for what, found in (("tag", [record.tag for record in records if record.tag]),
                        ("name", [record.name for record in records])):  # fmt: skip
        twice = sorted({str(one) for one in found if found.count(one) > 1})  # type: ignore[arg-type]
        if twice:
            raise refuse(path, "twice_named", what=what, found=", ".join(twice))
    if structure is not Structure.RECORDS and any(record.format is Format.TLV for record in records):
        raise refuse(path, "btlv")
