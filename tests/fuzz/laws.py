"""The laws every parser is held to: typed errors only, nothing lost, and no full number in any text."""

import re
import tempfile
from collections.abc import Callable, Hashable
from datetime import date
from pathlib import Path
from typing import Any

from sbcard_core.errors import MissingPart, SBCardError
from sbcard_core.fields import citizen_id
from sbcard_core.validation.blocks import Source, SourceRefused
from sbcard_core.validation.check import check_sources
from sbcard_core.validation.spec import COLLECTION, RecordSpec

ON = date(2014, 7, 31)
HEADERS = [field.header for field in COLLECTION.fields]
FULL_NUMBER = re.compile(r"(?<![0-9A-Za-z])[1-9]\d{16}[\dXx](?![0-9A-Za-z])")
FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))


def number(serial: int) -> str:
    """A right citizen number of a synthetic person."""
    body = f"43010219491231{serial:03}"
    return body + citizen_id.check_digit(body)


def row(at: int, **changes: str) -> list[str]:
    """A clean collected record."""
    values = [str(at), f"F{at}", number(2 * at), "张三", "2", "01", "19491231", "13800138000", "4", "430102", "103"]
    keys = [field.field for field in COLLECTION.fields]
    return list({**dict(zip(keys, [*values, "20140701"], strict=True)), **changes}.values())


def hides_numbers(*texts: str) -> None:
    """No text that a log may get shows a whole number."""
    for text in texts:
        assert FULL_NUMBER.search(text) is None, f"a full number in: {text[:300]}"


def typed(call: Callable[[], Any]) -> tuple[bool, Any]:
    """(True, value) or (False, name of the error's class); any error but a typed one goes on up."""
    try:
        return True, call()
    except MissingPart:
        raise
    except SBCardError as error:
        hides_numbers(str(error), repr(error))
        return False, type(error).__name__


def file_of(data: bytes, suffix: str = "") -> Path:
    """The bytes as a file; the next call writes over it."""
    path = FOLDER / f"fuzzed{suffix}"
    path.write_bytes(data)
    return path


def raw_records(source: Source, spec: RecordSpec) -> tuple[list[tuple[int, bytes]], bool]:
    """(line, original bytes) of everything the source gives, its header first; whether it was refused."""
    found: list[tuple[int, bytes]] = []
    try:
        for block in source.blocks(spec):
            found += [(block.line(at), block.raw_line(at)) for at in range(len(block))]
    except SourceRefused as error:
        hides_numbers(str(error))
        return found, True
    return found, False


def checked(source: Source, spec: RecordSpec = COLLECTION, **how: Any) -> Hashable:
    """Check a source under the laws of conservation and masking; gives the codes found and the kinds of fate."""
    batches = list(check_sources([source], spec, on=ON, **how))
    accepted = rejected = quarantined = 0
    reasons = set()
    for batch in batches:
        assert len(batch.accepted) + batch.rejected + batch.quarantined == batch.records
        accepted += len(batch.accepted)
        rejected += batch.rejected
        quarantined += batch.quarantined
        hides_numbers(repr(batch))
        for finding in batch.findings:
            hides_numbers(finding.file, finding.value_masked, finding.message_zh, finding.message_en, repr(finding))
            if finding.severity == 2:
                reasons.add(finding.line)
    summary = batches[-1].summary
    assert summary is not None
    assert (summary.accepted, summary.rejected, summary.quarantined) == (accepted, rejected, quarantined)
    assert summary.records == accepted + rejected + quarantined
    if not summary.header_refused:
        assert len(reasons) == rejected + quarantined  # each with its reason, and no reason without a loss
    kept = [line for batch in batches for line in batch.quarantine]
    assert len(kept) == quarantined + (summary.header_refused and len(kept) > quarantined)
    given = dict(raw_records(source, spec)[0]) if kept else {}
    for line in kept:
        assert given.get(line.line) == line.raw, f"line {line.line} is kept with other bytes"
    return summary.header_refused, bool(accepted), bool(rejected), bool(quarantined), frozenset(summary.counts)
