"""Journals and statements at the edge of each field: the last value that is taken and the first that is not."""

import dataclasses
from datetime import datetime
from pathlib import Path

import pytest

from sbcard_core.clearing import (
    ClearingStatus,
    Difference,
    DifferenceKind,
    Entry,
    StatementRefused,
    SuspenseState,
    clear_journal,
    read_statement,
    reconcile,
    verdicts,
    write_statement,
)
from sbcard_core.clearing.journal import LINE_MAX_BYTES, Purchase, Unreadable, parse_line, read_journal, write_journal
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.ledger import Ledger
from sbcard_core.store import Store
from tests.clearing.test_clearing_again import LATER, journal
from tests.clearing.test_clearing_offline import purchase

GOOD = {
    "terminal": "001122334455", "txn": "7", "card": "B00000019", "factor": "8649542600028141", "city": "430100",
    "offline": "1", "fen": "100", "type": "6", "at": "20140731093000", "version": "1", "algorithm": "0",
    "tac": "0011AABB",
}  # fmt: skip


def line(**changes: str) -> bytes:
    return ",".join((GOOD | changes).values()).encode()


@pytest.mark.parametrize(("field", "last", "beyond"), [
    ("fen", "4294967295", "4294967296"), ("fen", "1", "0"),
    ("txn", "4294967295", "4294967296"), ("txn", "0", "-1"),
    ("type", "255", "256"), ("type", "0", "-1"),
    ("offline", "65535", "65536"), ("offline", "0", "-1"),
    ("at", "20140731235959", "20140731240000"), ("at", "20160229000000", "20150229000000"),
    ("tac", "FFFFFFFF", "FFFFFFFFFF"), ("tac", "00000000", "0000000"),
    ("terminal", "FFFFFFFFFFFF", "FFFFFFFFFFFG"), ("factor", "0" * 16, "0" * 15), ("city", "999999", "99999"),
    ("card", "X00000019", "X000000190"),
])  # fmt: skip
def test_the_last_value_is_read_and_the_next_is_not(field: str, last: str, beyond: str) -> None:
    read = parse_line(line(**{field: last}), 9)
    assert isinstance(read, Purchase)
    assert read.line == 9
    fen = 0 if field == "fen" else 100
    assert parse_line(line(**{field: beyond}), 9) == Unreadable(9, fen)


@pytest.mark.parametrize(("wrong", "fen"), [
    (b"", 0), (b"1,2,3", 0), (b",,,,,,100", 100), (b",,,,,,4294967295,", 4294967295), (b",,,,,,4294967296,", 0),
    (b",,,,,,-100,", 0), (b",,,,,,1e3,", 0), (b",,,,,,00000000100,", 0), (b",,,,,, 100,", 0), (b",,,,,100", 0),
])  # fmt: skip
def test_the_amount_of_an_unreadable_line_is_held_where_it_can_be_read(wrong: bytes, fen: int) -> None:
    assert parse_line(wrong, 2) == Unreadable(2, fen)


def test_an_overlong_line_is_one_line_and_the_next_is_whole(tmp_path: Path) -> None:
    write_journal(tmp_path / "j.csv", [])
    head = (tmp_path / "j.csv").read_bytes()
    for size in (LINE_MAX_BYTES - 1, LINE_MAX_BYTES, LINE_MAX_BYTES + 1, 3 * LINE_MAX_BYTES):
        (tmp_path / "j.csv").write_bytes(head + b"9" * size + b"\n" + line() + b"\r\n" + line(txn="8"))
        found = list(read_journal(tmp_path / "j.csv"))
        assert [(one.line, isinstance(one, Purchase)) for one in found] == [(2, False), (3, True), (4, True)]
        assert [one.terminal_txn_no for one in found if isinstance(one, Purchase)] == [7, 8]


@pytest.mark.parametrize("blank", [b"", b" \t", b"\x1a"])
def test_blank_lines_behind_the_last_record_are_none(tmp_path: Path, blank: bytes) -> None:
    """Between records they are reported, and so is a block of zeros: it may have been one."""
    write_journal(tmp_path / "j.csv", [])
    with (tmp_path / "j.csv").open("ab") as file:
        file.write(b"\n".join([blank, line(), blank, b"\0\0", line(txn="8"), blank, blank]))
    found = list(read_journal(tmp_path / "j.csv"))
    assert [one.line for one in found] == [2, 3, 4, 5, 6]
    assert [one.line for one in found if isinstance(one, Purchase)] == [3, 6]


def test_statuses_keep_their_stored_numbers() -> None:
    """They lie in the database: a new one goes to the end."""
    states = [(state.name, state.value) for state in SuspenseState]
    assert states == [("HELD", 0), ("CLEARED", 10), ("RELEASED", 20), ("RETURNED", 30)]
    assert [(status.value, status.code) for status in ClearingStatus] == [
        (0, "journal.cleared"), (1, "journal.malformed"), (2, "journal.unsupported"), (3, "journal.factor_mismatch"),
        (4, "tac.mismatch"), (5, "journal.duplicate"), (6, "journal.unknown_key"), (7, "journal.not_eligible"),
        (8, "journal.dated_later"),
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "fen"), [
    ("9" * 18, 10**18 - 1), ("-" + "9" * 18, 1 - 10**18), ("0", 0), ("-1", -1),
    ("9" * 19, None), ("", None), ("-", None), ("--1", None), ("1.0", None), ("１", None), ("+1", None),
])  # fmt: skip
def test_amounts_of_a_statement(tmp_path: Path, text: str, fen: int | None) -> None:
    path = tmp_path / "s.csv"
    path.write_text(f"key,amount_fen\na,1\nb,{text}\n", "utf-8")
    if fen is None:
        with pytest.raises(StatementRefused, match="line 3"):
            list(read_statement(path))
    else:
        assert list(read_statement(path)) == [Entry("a", 1), Entry("b", fen)]


def test_the_same_key_several_times_is_paired_amount_by_amount(tmp_path: Path) -> None:
    """Two of everything: equal amounts meet first, the rest in order, what is left is one-sided."""
    ours = [Entry("k", fen) for fen in (5, 5, 7, 9)] + [Entry("o", 1), Entry("o", 1)]
    theirs = [Entry("k", fen) for fen in (5, 8, 9)] + [Entry("t", 2)]
    write_statement(tmp_path / "o.csv", ours)
    found = list(reconcile(read_statement(tmp_path / "o.csv"), theirs))
    assert sorted((d.kind.value, d.key, d.ours_fen, d.theirs_fen) for d in found) == sorted([
        ("amount_differs", "k", 5, 8), ("only_ours", "k", 7, None),
        ("only_ours", "o", 1, None), ("only_ours", "o", 1, None), ("only_theirs", "t", None, 2),
    ])  # fmt: skip
    assert all(isinstance(d, Difference) and isinstance(d.kind, DifferenceKind) for d in found)


def test_a_journal_is_cleared_on_a_moment_as_on_its_day(
    store: Store, ledger: Ledger, keys: MasterKeys, tmp_path: Path
) -> None:
    records = [purchase(1, keys), dataclasses.replace(purchase(2, keys), tac=bytes(4))]
    moment = datetime(2014, 8, 5, 15, 30)  # noqa: DTZ001
    report = clear_journal(store, ledger, journal(tmp_path, records), keys, on=moment)
    assert (report.cleared, report.suspended) == (1, 1)
    assert [one.on for one in verdicts(store, report.source, 3)] == [LATER]
