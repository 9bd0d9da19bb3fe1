"""Files through ``iReadCard``: their address, and the answer that mirrors it."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from readers.errors import AnswerMalformed
from readers.sscard_text import PADDING, checked, item_text, readings
from sbcard_core.errors import InvalidValue, SBCardError
from sbcard_core.messages import message


def file_address(files: Mapping[str, Sequence[int]]) -> str:
    """Write ``pFileAddr``.

    Args:
        files: path → record identifiers, e.g. ``{"SSSE/EF05": [6, 7]}``; none for a file that is one value.

    Example:
        >>> file_address({"SSSE/EF05": [6, 7], "SSSE/EF06": [8, 0x4E], "SSSE/EF08": []})
        'SSSEEF05|06|07|$SSSEEF06|08|4E|$SSSEEF08|$'
    """
    return "".join(
        path.replace("/", "") + "|" + "".join(f"{tag:02X}|" for tag in tags) + "$" for path, tags in files.items()
    )


def file_values(path: str, values: Iterable[str]) -> str:
    """Write ``pWriteData`` of one file.

    Raises:
        InvalidValue: a value holds "|" or "$": the driver would write what is behind it into the next record.

    Example:
        >>> file_values("DF01/EF06", ["长沙市", "13800000000"])
        'DF01EF06|长沙市|13800000000|$'
    """
    items = [path.replace("/", ""), *values]
    if any("|" in item or "$" in item for item in items):
        raise InvalidValue(message("readers.write.mark"), step="iWriteCard", term="写卡数据")
    return "".join(f"{item}|" for item in items) + "$"


WHOLE_FILE = 0
"""Stands for the tag where a file is one value."""


@dataclass(frozen=True, slots=True)
class DriverFiles:
    """What ``iReadCard`` returned.

    Attributes:
        values: path → tag → value; a file that is one value has it under :data:`WHOLE_FILE`.
        unread: what is not there, by path and tag, with the error of each.
    """

    values: dict[str, dict[int, str]] = field(repr=False)
    unread: dict[tuple[str, int], SBCardError] = field(default_factory=dict)


def parse_files(
    raw: bytes, files: Mapping[str, Sequence[int]], *, step: str = "iReadCard", encoding: str | None = None
) -> DriverFiles:
    """Take the answer of ``iReadCard`` apart: it mirrors the address with values in place of tags (two sources).

    A file begins at its name, not behind any "$": values hold that sign too. A value that is no text costs itself, a
    file with another number of values its own.

    Raises:
        AnswerMalformed: none of the files asked for, or no text at all.

    Example:
        >>> parse_files(b"SSSEEF05|20201001|X00000019|$\\0", {"SSSE/EF05": [6, 7]}).values
        {'SSSE/EF05': {6: '20201001', 7: 'X00000019'}}
    """
    parts = _parts(checked(raw, step, encoding), files)
    if not parts:
        raise AnswerMalformed(message("readers.answer.mirror"), step=step)
    found = DriverFiles({})
    for path, tags in files.items():
        wanted = list(tags) or [WHOLE_FILE]
        try:
            if path not in parts:
                raise AnswerMalformed(message("readers.answer.mirror"), step=step)
            found.values[path], unread = _values(parts[path], wanted, step, encoding)
            found.unread.update({(path, tag): error for tag, error in unread.items()})
        except AnswerMalformed as error:
            found.unread.update(dict.fromkeys([(path, tag) for tag in wanted], error))
    return found


def _parts(body: bytes, paths: Collection[str]) -> dict[str, bytes]:
    """The values of each file that is there: from behind its name to the "$" before the next one's."""
    names = {path.replace("/", "").encode(): path for path in paths}
    if not names:
        return {}
    heads = list(re.finditer(rb"(?:^|\$)[ \xff\r\n\t]*(" + b"|".join(map(re.escape, names)) + rb")\|", body))
    parts: dict[str, bytes] = {}
    end = len(body)
    for head in reversed(heads):  # the first of a name counts
        parts[names[head[1]]] = body[head.end() : end].rstrip(PADDING).removesuffix(b"$")
        end = head.start()
    return parts


def _values(
    part: bytes, tags: Sequence[int], step: str, encoding: str | None
) -> tuple[dict[int, str], dict[int, AnswerMalformed]]:
    """The values of one file. Each ends with "|"; where the last has none, it may have been lost to a cut character."""
    unended: list[bytes] | None = None
    chosen: list[bytes] | None = None
    for cuts, pieces in readings(part, encoding):
        ended = len(pieces) > 1 and not pieces[-1].strip(PADDING)
        values = pieces[:-1] if ended else pieces
        if len(values) != len(tags):
            continue
        if ended:
            chosen = values
            break
        if not cuts:
            unended = values
    if chosen is not None and unended is not None:
        raise AnswerMalformed(message("readers.answer.two_readings"), step=step)
    pieces = chosen or unended or []
    if not pieces:
        raise AnswerMalformed(message("readers.answer.mirror"), step=step)
    found: dict[int, str] = {}
    unread: dict[int, AnswerMalformed] = {}
    for tag, piece in zip(tags, pieces, strict=True):
        try:
            found[tag] = item_text(piece, encoding, step, cut=True)
        except AnswerMalformed as error:
            unread[tag] = error
    return found, unread
