"""Laws over dirty files: nothing is lost, block and batch sizes do not matter, the fast path is only faster."""

import hashlib
import tempfile
from datetime import date
from pathlib import Path
from unittest import mock

from hypothesis import example, given
from hypothesis import strategies as st

from sbcard_core.fields import citizen_id
from sbcard_core.validation import sources, utf16
from sbcard_core.validation.check import check_files
from sbcard_core.validation.records import CheckedBatch
from sbcard_core.validation.screen import Screen
from sbcard_core.validation.spec import COLLECTION

ON = date(2014, 7, 31)
FOREIGN = [b"%PDF", b"\x1f\x8b", b"\xff\xd8\xff", b"GIF8", b"\r\n<html", b"<?xml", b"Rar!"]
HEADER = ",".join(field.header for field in COLLECTION.fields)


def _number(serial: int) -> str:
    body = f"43010219491231{serial:03}"
    return body + citizen_id.check_digit(body)


VALUES = (
    ["1", "一", ""],
    ["F001", "F1,2", "\x07"],
    [_number(2), _number(4), _number(21), _number(21).lower(), "430102491231002", "4301021949123100２", "x"],
    ["张三", "李珅", "买买提.阿不都", "张3", "㐂", "", "张\u2028三", "张\ue81e"],
    ["2", "1", "9", "０"],
    ["01", "77", "1"],
    ["19491231", "19491230", "1949", "19491３31"],
    ["13800138000", "0731-84900001", "1"],
    ["4", "６", "0"],
    ["430102", "430122", " 430102"],
    ["103", "099"],
    ["20140701", "20140801"],
)


@st.composite
def _record(draw: st.DrawFn) -> bytes:
    faults = draw(st.sets(st.integers(0, len(VALUES) - 1), max_size=3))
    row = [draw(st.sampled_from(values if at in faults or at == 2 else values[:1])) for at, values in enumerate(VALUES)]
    quoted = draw(st.sampled_from([False, False, True]))
    return ",".join(f'"{value}"' if quoted or "," in value else value for value in row).encode("gb18030")


LINE = st.one_of(
    _record(),
    _record(),
    _record(),
    st.binary(max_size=40).filter(lambda raw: b"\n" not in raw and b"\r" not in raw),
    st.sampled_from([b"", b"  ", b"\x1a", b'"', b"\0", b",,,", b",,,,,,,,,,,", b"\x81", "\u3000".encode("gb18030")]),
)
END = st.sampled_from([b"\n", b"\r\n", b"\r"])
FILE = st.tuples(
    st.sampled_from([b"", b"\x84\x31\x95\x33"]), st.lists(st.tuples(LINE, END), max_size=12), st.booleans()
).map(lambda parts: _join(*parts))


def _join(mark: bytes, lines: list[tuple[bytes, bytes]], cut_end: bool) -> bytes:
    raw = mark + HEADER.encode("gb18030") + b"\r\n" + b"".join(line + end for line, end in lines)
    return raw.rstrip(b"\r\n") if cut_end else raw


def _expected_records(raw: bytes) -> int:
    """Counted in another way: over bytes, line by line."""
    count = 0
    for line in raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[1:]:
        try:
            count += bool(line.decode("gb18030").strip().strip("\x1a"))
        except UnicodeDecodeError:
            count += 1
    return count


def _run(raw: bytes, batch_size: int = 5000) -> list[CheckedBatch]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "dirty.csv")
        path.write_bytes(raw)
        return [*check_files([path], on=ON, batch_size=batch_size)]


def _outcome(batches: list[CheckedBatch]) -> tuple[object, ...]:
    return (
        [row for batch in batches for row in batch.accepted],
        [(found, found.repair) for batch in batches for found in batch.findings],
        [(kept.line, kept.raw) for batch in batches for kept in batch.quarantine],
        batches[-1].summary,
    )


@given(FILE)
@example(_join(b"", [(b"\0", b"\r"), (b"\0", b"\n"), (b"\0", b"\n")], False))  # as a line ends in UTF-16
def test_every_record_ends_in_exactly_one_place(raw: bytes) -> None:
    batches = _run(raw)
    for batch in batches:
        assert len(batch.accepted) + batch.rejected + batch.quarantined == batch.records
    summary = batches[-1].summary
    assert summary is not None
    assert summary.records == summary.accepted + summary.rejected + summary.quarantined == _expected_records(raw)
    refused = {found.line for batch in batches for found in batch.findings if found.severity == 2}
    assert len(refused) == summary.rejected + summary.quarantined  # each with its reason, and no reason without a loss
    numbers = [row.id_number for batch in batches for row in batch.accepted]
    assert len(set(numbers)) == len(numbers)


REFUSED_WHOLE = frozenset({"file.kind"})
"""By their first bytes; what else a text file may be refused for leaves its lines in the quarantine."""


@given(st.one_of(st.binary(max_size=200), st.sampled_from(FOREIGN).flatmap(lambda head: st.binary().map(head.__add__))))
@example(b"%PDF")
@example(b"\xfe\xff")  # a mark alone
@example(b"\xff\xfe\r\0\n\0a\0\r\0\n\0\x85\0b")  # UTF-16: a blank line, a line, half a character
def test_any_bytes_at_all_raise_nothing_and_lose_nothing(raw: bytes) -> None:
    batches = _run(raw)
    kept = b"".join(line.raw for batch in batches for line in batch.quarantine)
    summary = batches[-1].summary
    assert summary is not None
    assert summary.header_refused
    assert summary.sha256 == hashlib.sha256(raw).hexdigest()
    (why,) = [finding.code for batch in batches for finding in batch.findings]
    if why in REFUSED_WHOLE:  # no lines to keep: the file itself, proved by its digest, is what is put aside
        assert (summary.records, kept) == (0, b"")
        return
    assert why in {"file.header", "file.encoding"}
    if encoding := utf16.encoding_of(raw):
        assert _visible(kept, encoding) == _visible(raw, encoding)
        return
    assert kept.translate(None, b"\r\n \t\x0b\x0c\x1a\x1c\x1d\x1e\x1f") == raw.translate(
        None, b"\r\n \t\x0b\x0c\x1a\x1c\x1d\x1e\x1f"
    ) or _holds_wide_blanks(raw)


def _visible(raw: bytes, encoding: str) -> str:
    """UTF-16 text without blanks and marks."""
    return "".join(raw.decode(encoding, "replace").replace("\ufeff", "").replace("\x1a", "").split())


def _holds_wide_blanks(raw: bytes) -> bool:
    """Lines of other blanks (U+3000, U+0085 …) are skipped too; then the simple comparison says nothing."""
    return any(character.isspace() and ord(character) > 127 for character in raw.decode("gb18030", "ignore"))


@given(FILE, st.integers(1, 60), st.integers(1, 5))
def test_block_and_batch_sizes_do_not_matter(raw: bytes, block: int, batch_size: int) -> None:
    whole = _outcome(_run(raw))
    with mock.patch.object(sources, "BLOCK", block):
        assert _outcome(_run(raw, batch_size)) == whole


@given(FILE)
def test_the_fast_path_judges_as_the_rules_do(raw: bytes) -> None:
    fast = _outcome(_run(raw))
    with mock.patch.object(Screen, "look", Screen.pass_none):
        assert _outcome(_run(raw)) == fast
