"""Laws of reconciliation."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.clearing import (
    ClearingStatus,
    Difference,
    DifferenceKind,
    Entry,
    StatementRefused,
    read_statement,
    reconcile,
    record_differences,
    write_statement,
)
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message
from sbcard_core.store import Store, schema

ENTRIES = st.lists(st.builds(Entry, st.sampled_from("ABCD"), st.integers(-3, 3)), max_size=15)
MIRROR = {
    DifferenceKind.ONLY_OURS: DifferenceKind.ONLY_THEIRS,
    DifferenceKind.ONLY_THEIRS: DifferenceKind.ONLY_OURS,
    DifferenceKind.AMOUNT_DIFFERS: DifferenceKind.AMOUNT_DIFFERS,
}


@given(ENTRIES, ENTRIES)
def test_differences_explain_the_totals_and_mirror(ours: list[Entry], theirs: list[Entry]) -> None:
    found = reconcile(ours, theirs)
    explained = sum((d.ours_fen or 0) - (d.theirs_fen or 0) for d in found)
    assert explained == sum(e.amount_fen for e in ours) - sum(e.amount_fen for e in theirs)
    mirrored = [Difference(MIRROR[d.kind], d.key, d.theirs_fen, d.ours_fen) for d in found]
    assert sorted(map(repr, reconcile(theirs, ours))) == sorted(map(repr, mirrored))
    assert all(d.kind is not DifferenceKind.AMOUNT_DIFFERS or d.ours_fen != d.theirs_fen for d in found)


@given(ENTRIES, st.randoms(use_true_random=False))
def test_the_same_entries_in_any_order_match(entries: list[Entry], chance: "object") -> None:
    shuffled = list(entries)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert reconcile(entries, shuffled) == []


@given(
    st.lists(
        st.builds(
            Entry,
            st.text(st.characters(codec="utf-8").filter(str.isprintable), min_size=1).filter(
                lambda key: key == key.strip()
            ),
            st.integers(-(10**17), 10**17),
        )
    )
)
def test_a_statement_reads_back_as_written(tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]) -> None:
    path = tmp_path_factory.mktemp("statement") / "s.csv"
    write_statement(path, entries)
    assert list(read_statement(path)) == entries


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b"key\n", 1),
        (b"key,amount_fen\nA,1\nB,1.5\n", 3),
        (b"key,amount_fen\nA,1,2\n", 2),
        (b"key,amount_fen\nA,\xc2\xb2\n", 2),
        (b"key,amount_fen\nA,1\n\xff,1\n", 0),
        (b'key,amount_fen\nZ,1\n"A,1\nB",2\n', 3),
        (b'key,amount_fen\n"A"B,1\n', 2),
        (b'key,amount_fen\nA,"\n1"\n', 2),
        (b'key,amount_fen\n"A\n",1\n', 2),
        (b'key,amount_fen\n"A,1\nB,2\n', 2),
        (b"key,amount_fen\nA,1\n,2\n", 3),
    ],
)
def test_a_bad_statement_is_refused_with_its_line(tmp_path: Path, content: bytes, line: int) -> None:
    (tmp_path / "s.csv").write_bytes(content)
    with pytest.raises(StatementRefused, match=f"line {line}" if line else "line"):
        list(read_statement(tmp_path / "s.csv"))


@pytest.mark.parametrize("key", ["", " ", "A ", "\tA", "A\nB", "A\0", "A\u200b", "\u3000A"])
def test_a_key_is_one_printable_word_without_blanks_around_it(key: str) -> None:
    with pytest.raises(InvalidValue):
        Entry(key, 1)


def test_blanks_that_pad_a_cell_are_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes("key ,amount_fen\r\nA  , 1\r\nB C\u3000,2\t\r\n".encode())
    assert list(read_statement(tmp_path / "s.csv")) == [Entry("A", 1), Entry("B C", 2)]


@given(st.lists(st.text('AB",1 ', max_size=6), max_size=6))
def test_every_line_of_a_statement_is_an_entry_or_the_file_is_refused(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str]
) -> None:
    """No quote joins a line to its neighbour."""
    path = tmp_path_factory.mktemp("statement") / "s.csv"
    path.write_text("\n".join(["key,amount_fen", *lines, ""]), "utf-8")
    try:
        found = list(read_statement(path))
    except StatementRefused:
        return
    assert len(found) == sum(any(part.strip(' "') for part in line.split(",")) for line in lines)


@pytest.mark.parametrize("tail", ["\n", "\r\n\r\n", " \n", ",\n", ",,,\n \n"])
def test_blank_lines_behind_a_statement_are_passed_over(tmp_path: Path, tail: str) -> None:
    (tmp_path / "s.csv").write_bytes(f"key,amount_fen\nA,1\n{tail}".encode())
    assert list(read_statement(tmp_path / "s.csv")) == [Entry("A", 1)]


def test_differences_become_findings(store: Store) -> None:
    ours, theirs = [Entry("A", 1), Entry("C", -5)], [Entry("A", 3), Entry("B", 2)]
    with store.begin() as connection:
        assert record_differences(connection, "2014-07-31", reconcile(ours, theirs)) == 3
        found = schema.finding.c
        rows = connection.execute(sa.select(found.source, found.line, found.code, found.amount_fen, found.detail))
        assert [tuple(row) for row in rows] == [
            ("2014-07-31", 0, "recon.amount_differs", 2, "金额不符:A,我方0.01,对方0.03"),
            ("2014-07-31", 0, "recon.only_theirs", 2, "对方单边:B,我方无,对方0.02"),
            ("2014-07-31", 0, "recon.only_ours", 5, "我方单边:C,我方-0.05,对方无"),
        ]


@pytest.mark.parametrize("amount", ["1" * 18, "-" + "1" * 18, "0", "-1"])
def test_an_amount_of_a_statement_has_at_most_18_digits(tmp_path: Path, amount: str) -> None:
    (tmp_path / "s.csv").write_text(f"key,amount_fen\nA,{amount}\n", "utf-8")
    assert list(read_statement(tmp_path / "s.csv")) == [Entry("A", int(amount))]


@pytest.mark.parametrize("amount", ["1" * 19, "", "-", "--1", "+1", "1-", "1_000", "１", "1.0"])
def test_another_amount_is_refused(tmp_path: Path, amount: str) -> None:
    (tmp_path / "s.csv").write_text(f"key,amount_fen\nB,1\nA,{amount}\n", "utf-8")
    with pytest.raises(StatementRefused, match="line 3"):
        list(read_statement(tmp_path / "s.csv"))


def test_every_verdict_and_difference_has_its_sentence_in_both_languages() -> None:
    verdicts = [status.message for status in ClearingStatus]
    differences = [message(f"clearing.recon.{kind}", key="K", ours="1.00", theirs="2.00") for kind in DifferenceKind]
    for rendered in ([one.zh for one in verdicts], [one.en for one in verdicts]):
        assert len(set(rendered)) == len(ClearingStatus)
    assert [one.en for one in differences] == [
        "on our side only: K, 1.00 yuan",
        "on the partner's side only: K, 2.00 yuan",
        "amounts differ: K, ours 1.00, theirs 2.00 yuan",
    ]
