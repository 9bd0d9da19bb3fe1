"""Records, Python values and JSON: one file's content each way.

Text and digits are ``str``, numbers ``int``, bytes upper-case hex: all of it is
JSON as it stands. An untagged file is a list of rows, a transparent one is a
single field.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sbcard_core.card import text
from sbcard_core.card.errors import RecordMalformed
from sbcard_core.card.files import FileDecl, Format, RecordDecl, Structure, decode_record, encode_record
from sbcard_core.messages import message

Value = str | int
Values = dict[str, Value]
NAME_PARTS = ("name", "name_extension")
"""The two records one name is split over."""


def python_value(record: RecordDecl, shown: str) -> Value:
    """The Python value of a decoded record: an int for numbers, else the text."""
    return int(shown) if record.format is Format.DEC else shown


def decode_file(file: FileDecl, records: Sequence[bytes]) -> Values | list[Values]:
    """Python values of a file's records.

    Args:
        file: its declaration.
        records: whole records in any order (each tag says which); the rows of a cyclic file, newest first; the one
            content of a transparent file.

    Returns:
        Values by name; a list of rows for a cyclic file. Both parts of a name come as one ``name``. An empty row of a
        cyclic file (all FF or all 00) is left out.

    Raises:
        RecordMalformed: a record that is not the file's.

    Example:
        >>> from sbcard_core.card.profiles.v2 import V2
        >>> decode_file(V2.file("DF04/EF06"), [bytes.fromhex("900131"), bytes.fromhex("920400000064")])
        {'tag_90': '1', 'tag_92': 100}
    """
    if file.structure is Structure.CYCLIC:
        return [_row(file, record) for record in records if record.strip(b"\xff") and record.strip(b"\x00")]
    if file.structure is Structure.TRANSPARENT:
        field = file.records[0]
        return {field.name: decode_record(field, records[0] if records else b"")}
    out: Values = {}
    parts: dict[str, bytes] = {}
    for data in records:
        record = _declared(file, data)
        if record.name in NAME_PARTS:
            parts[record.name] = data[2 : 2 + min(data[1], record.length)]
        else:
            out[record.name] = python_value(record, decode_record(record, data))
    if parts:
        out["name"] = text.join_name(parts.get("name", b""), parts.get("name_extension", b""))
    return out


def encode_file(file: FileDecl, values: Mapping[str, Value] | Sequence[Mapping[str, Value]]) -> list[bytes]:
    """Records of a file, canonical, in the order of their numbers; only those that ``values`` names.

    Raises:
        RecordMalformed: a name that is not the file's, or a value that does not fit.
    """
    if file.structure is Structure.CYCLIC:
        rows = [values] if isinstance(values, Mapping) else values
        return [b"".join(encode_record(field, _need(row, field)) for field in file.records) for row in rows]
    if not isinstance(values, Mapping):
        raise RecordMalformed(message("cards.values.rows"), step=file.path, term=file.zh)
    given: dict[str, str | int | bytes] = dict(values)
    if "name" in given and any(record.name == "name_extension" for record in file.records):
        given["name"], given["name_extension"] = text.split_name(str(given["name"]))
    strange = sorted(set(given) - {record.name for record in file.records})
    if strange:
        raise RecordMalformed(message("cards.values.unknown", found=", ".join(strange)), step=file.path, term=file.zh)
    return [encode_record(record, given[record.name]) for record in file.records if record.name in given]


def to_json(values: Values | list[Values]) -> str:
    """JSON of a file's values: a marked way to everything in it."""
    return json.dumps(values, ensure_ascii=False)


def from_json(file: FileDecl, document: str) -> list[bytes]:
    """Records of a file out of what :func:`to_json` wrote.

    Raises:
        RecordMalformed: not JSON, or not the file's.
    """
    try:
        made: Any = json.loads(document)
    except ValueError:
        raise RecordMalformed(message("cards.item.json"), step=file.path, term=file.zh) from None
    rows = made if isinstance(made, list) else [made]
    if not all(isinstance(row, dict) and all(type(value) in (str, int) for value in row.values()) for row in rows):
        raise RecordMalformed(message("cards.values.none"), step=file.path, term=file.zh)
    return encode_file(file, made)


def _row(file: FileDecl, record: bytes) -> Values:
    size = sum(field.length for field in file.records)
    if len(record) < size:
        raise RecordMalformed(message("cards.record.size", count=len(record), size=size), step=file.path, term=file.zh)
    out: Values = {}
    at = 0
    for field in file.records:
        out[field.name] = python_value(field, decode_record(field, record[at : at + field.length]))
        at += field.length
    return out


def _declared(file: FileDecl, data: bytes) -> RecordDecl:
    try:
        return file.record_of_tag(data[0])
    except (KeyError, IndexError):
        raise RecordMalformed(message("cards.values.tag"), step=file.path, term=file.zh) from None


def _need(row: Mapping[str, Value], field: RecordDecl) -> Value:
    if field.name not in row:
        raise RecordMalformed(message("cards.values.missing", item=field.name), step="card.values", term=field.zh)
    return row[field.name]
