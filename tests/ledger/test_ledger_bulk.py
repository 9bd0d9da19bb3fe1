"""Posting by column decides as posting one by one does, and a million transfers end where plain sums say."""

import os
import random
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import AccountKind, Bounds, Ledger, Transfer, TransferStatus, book, session
from sbcard_core.store import Store
from sbcard_core.values import FEN_MAX

AT = "2014-07-31T10:00:00"
BOUNDS = {
    AccountKind.PERSONAL_MEDICAL: Bounds(floor_fen=0),
    AccountKind.PURSE_FLOAT: Bounds(-50, 500),
    AccountKind.MERCHANT_PAYABLE: Bounds(ceiling_fen=500),
}
KINDS = {
    "out": AccountKind.EXTERNAL,
    "me": AccountKind.PERSONAL_MEDICAL,
    "purse": AccountKind.PURSE_FLOAT,
    "far": AccountKind.EXTERNAL,
    "side": AccountKind.EXTERNAL,
    "shop": AccountKind.MERCHANT_PAYABLE,
}
CLOSED = "2014-06-30T12:00:00"
"""A time in a period that is closed."""
GOOD_TIMES = [AT, AT, AT, "2014-07-01T00:00:00", "2014-06-29T23:59:59"]
Row = tuple[str, str, str, int, str, str, str]
NAME = st.sampled_from(["out", "me", "purse"])
FEN = st.sampled_from([1, 40, 60, 300])
ROWS = st.lists(st.tuples(NAME, NAME, FEN, st.just("t"), st.sampled_from(GOOD_TIMES)), min_size=1, max_size=12)
FINE = ("odd", "out", "me", 1, "t", AT, "")
ODD: list[Row] = [
    FINE,
    ("", *FINE[1:]),
    ("x" * 129, *FINE[1:]),
    ("\0", *FINE[1:]),
    ("\ud800", *FINE[1:]),
    ("r0", *FINE[1:]),
    *[("odd", "out", name, *FINE[3:]) for name in ("nobody", "\0", "out")],
    *[("odd", name, "out", *FINE[3:]) for name in ("nobody", "\0")],
    *[("odd", "out", "me", fen, *FINE[4:]) for fen in (0, -1, FEN_MAX - 800, FEN_MAX, FEN_MAX + 1, 1 << 62)],
    *[("odd", "me", "out", fen, *FINE[4:]) for fen in (0, 399, 400, 401)],  # 500 are there, 100 of them held
    *[("odd", "out", "purse", fen, *FINE[4:]) for fen in (399, 400, 401)],  # 40 are there, 60 on their way in
    *[("odd", "purse", "out", fen, *FINE[4:]) for fen in (90, 91)],
    *[("odd", "side", "out", fen, *FINE[4:]) for fen in (500, 501)],  # out holds FEN_MAX less 600, 100 on their way in
    *[("odd", "far", "me", fen, *FINE[4:]) for fen in (550, 551)],  # far has paid FEN_MAX less 600, 50 are held
    *[(*FINE[:5], at, "") for at in (CLOSED, "2014-06-30T00:00:00", "2014-07-01T00:00:00", "today", "")],
    (*FINE[:4], "", AT, ""),
    (*FINE[:6], "\0"),
]


@pytest.fixture
def prefixes() -> Iterator[int]:
    return iter(range(10**6))


def prepare(ledger: Ledger, start: str = "") -> None:
    """Accounts with a hold of what one has, one of what another is to get, and two that are nearly full."""
    ledger.open_accounts((start + name, kind) for name, kind in KINDS.items())
    before = [("load", "out", "me", 530, 0), ("hold", "me", "out", 100, 2), ("coming", "out", "purse", 60, 2)]
    before += [("spent", "me", "side", 30, 0), ("there", "out", "purse", 50, 0), ("back", "purse", "side", 10, 0)]
    most = [("most", "far", "out", FEN_MAX - 600, 0), ("kept", "far", "side", 50, 2)]
    for name, debit, credit, fen, flags in (*before, *most):
        hold = Transfer(start + name, start + debit, start + credit, fen, "t", AT, "", flags)
        assert ledger.post(hold) is TransferStatus.POSTED


def both_ways(store: Store, mark: str, rows: list[Row]) -> None:
    """The same rows by column and one by one, on accounts of their own and behind a closed day: the same outcome."""
    ledger = Ledger(store, bounds=BOUNDS)
    if not ledger.closed_periods():
        ledger.close_period(CLOSED[:10], at=AT)
    found = []
    for way in ("c", "o"):
        start = f"{mark}{way}:"
        prepare(ledger, start)
        ids = [start + row[0] if 0 < len(row[0]) < 100 else row[0] for row in rows]
        debits, credits_ = [start + row[1] for row in rows], [start + row[2] for row in rows]
        fens, codes, ats, memos = ([row[place] for row in rows] for place in (3, 4, 5, 6))
        if way == "c":
            statuses = ledger.post_columns(ids, debits, credits_, fens, code=codes, at=ats, memo=memos)
        else:
            columns = zip(ids, debits, credits_, fens, codes, ats, memos, strict=True)
            statuses = [ledger.post_many([Transfer(*row)])[0] for row in columns]
        balances = ledger.balances(start + name for name in KINDS)
        found.append((statuses, [balances[start + name] for name in KINDS]))
    assert found[0] == found[1]
    assert ledger.recompute() == []


@pytest.fixture
def in_memory() -> Iterator[Ledger]:
    with Store.open("sqlite://") as store:
        yield Ledger(store)


@pytest.fixture(params=[1, 2000], ids=["by arrays", "row by row"])
def numpy_from(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size from which a chunk is summed by arrays; smaller ones are followed row by row."""
    monkeypatch.setattr(session, "NUMPY_FROM", request.param)


@settings(suppress_health_check=list(HealthCheck))
@given(rows=ROWS, odd=st.one_of(st.none(), st.tuples(st.sampled_from(ODD), st.integers(0, 12))))
def test_by_column_is_one_by_one(
    numpy_from: None, store: Store, prefixes: Iterator[int], rows: list[Any], odd: tuple[Row, int] | None
) -> None:
    named: list[Row] = [(f"r{i}", *row, "") for i, row in enumerate(rows)]
    if odd:
        named.insert(odd[1], odd[0])
    both_ways(store, str(next(prefixes)), named)


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("before", [[], [("r0", "out", "me", 1, "t", AT, ""), ("r1", "me", "out", 1, "t", AT, "")]])
def test_each_odd_row_is_decided_as_by_itself(numpy_from: None, odd: Row, before: list[Row]) -> None:
    """Where all else passes: first, and behind rows that moved money."""
    with Store.open("sqlite://") as store:
        both_ways(store, "", [*before, odd, ("last", "out", "me", 1, "t", "2014-07-01T00:00:00", "")])


PASSING: dict[str, list[tuple[str, str, int]]] = {
    "one fen": [("out", "me", 1)],
    "to the floor, less what is held": [("me", "out", 400)],
    "below zero to a floor that is": [("purse", "out", 90)],
    "to the ceiling, with what is coming": [("out", "purse", 400)],
    "to the most that an account takes in": [("side", "out", 500)],
    "to the most that an account gives": [("far", "me", 550)],
    "to both bounds one after the other": [("purse", "side", 90), ("out", "purse", 490), ("purse", "side", 490)],
    "what came in just before": [("out", "me", 100), ("me", "side", 500), ("out", "me", 1), ("me", "side", 1)],
    "between two with bounds": [("out", "me", 100), ("me", "purse", 400), ("purse", "me", 490), ("me", "side", 490)],
    "to a ceiling without a floor": [("out", "shop", 500), ("shop", "side", 700), ("out", "shop", 700)],
    "in and out of accounts without bounds": [("out", "side", 3), ("side", "far", 2), ("me", "side", 1)],
}


@pytest.mark.parametrize("moves", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("texts", ["one for all", "a column"])
def test_a_chunk_of_which_all_passes_never_asks_the_rules(
    numpy_from: None,
    in_memory: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    moves: list[tuple[str, str, int]],
    texts: str,
) -> None:
    """The short way is there for speed: nobody would see it go, but for the hours of a large month."""
    ledger = Ledger(in_memory.store, bounds=BOUNDS)
    ledger.close_period(CLOSED[:10], at=AT)
    prepare(ledger)
    monkeypatch.setattr(session, "judge_all", None)
    debits, credits_, fens = zip(*moves, strict=True)
    count = len(moves)
    ids = [str(i) * (128 if i else 1) for i in range(count)]  # the shortest and the longest there may be
    code, at, memo = (["t"] * count, [AT] * count, ["m"] * count) if texts == "a column" else ("t", AT, "m")
    found = ledger.post_columns(iter(ids), iter(debits), iter(credits_), iter(fens), code=code, at=at, memo=memo)
    assert found == [TransferStatus.POSTED] * count
    assert list(ledger.transfers(ids).values()) == [
        Transfer(name, *move, "t", AT, "m") for name, move in zip(ids, moves, strict=True)
    ]
    assert ledger.recompute() == []


def test_transfers_of_a_chunk_that_all_pass_never_ask_the_rules(
    in_memory: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_memory.open_accounts(KINDS.items())
    monkeypatch.setattr(session, "judge_all", None)
    chunk = [Transfer(f"T{n}", "out", "far", 1 + n, "t", AT) for n in range(40)]
    assert in_memory.post_many(chunk) == [TransferStatus.POSTED] * 40
    assert in_memory.balance("far").net_fen == sum(range(41))


@pytest.mark.parametrize(
    "moves",
    [
        [("purse", "side", 90), ("out", "purse", 490), ("out", "purse", 1)],
        [("out", "me", 100), ("me", "side", 500), ("me", "side", 1)],
        [("out", "shop", 500), ("shop", "side", 700), ("out", "shop", 700), ("out", "shop", 1)],
    ],
    ids=["above a ceiling", "below a floor", "above a ceiling without a floor"],
)
def test_the_last_fen_of_a_chunk_may_be_one_too_many(numpy_from: None, in_memory: Ledger, moves: list[Any]) -> None:
    """Each account is within its bounds before it, and one fen outside behind it."""
    both_ways(in_memory.store, "", [(f"r{i}", *move, "t", AT, "") for i, move in enumerate(moves)])


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("odd", [None, 7], ids=repr)
@pytest.mark.parametrize("column", range(7))
def test_one_value_of_another_type_is_refused_and_the_rest_is_posted(
    numpy_from: None, in_memory: Ledger, column: int, odd: Any, place: int
) -> None:
    """Wherever it stands: the others of its column are as they ought to be."""
    in_memory.open_accounts(KINDS.items())
    columns: list[list[Any]] = [list("abcd"), ["out"] * 4, ["far"] * 4, [1] * 4, ["t"] * 4, [AT] * 4, ["m"] * 4]
    columns[column][place] = "7" if column == 3 and odd else odd
    ids, debits, credits_, fens, codes, ats, memos = columns
    found = in_memory.post_columns(ids, debits, credits_, fens, code=codes, at=ats, memo=memos)
    wanted = [TransferStatus.POSTED] * 4
    wanted[place] = TransferStatus.MALFORMED
    assert found == wanted
    assert in_memory.balance("far").net_fen == 3


@pytest.mark.parametrize("count", [2, 4, 8])
def test_amounts_whose_sum_is_more_than_64_bits_hold_are_refused(
    numpy_from: None, in_memory: Ledger, count: int
) -> None:
    """Four times 2**62 are nothing in 64 bits, and would pass."""
    in_memory.open_accounts(KINDS.items())
    ids, fens = [f"T{i}" for i in range(count)], [1 << 62] * (count - 1) + [1]
    found = in_memory.post_columns(ids, ["out"] * count, ["far"] * count, fens, code="t", at=AT)
    most = [TransferStatus.POSTED] + [TransferStatus.OVERFLOW] * (count - 2) + [TransferStatus.POSTED]
    assert found == most
    assert in_memory.balance("far").net_fen == (1 << 62) + 1
    assert in_memory.recompute() == []


def test_columns_may_be_arrays_and_a_second_delivery_exists(store: Store) -> None:
    ledger = Ledger(store)
    ledger.open_accounts(KINDS.items())
    ids = np.array([f"T{i}" for i in range(1000)])
    columns = (ids, np.repeat("out", 1000), np.repeat("me", 1000), np.arange(1, 1001))
    assert set(ledger.post_columns(*columns, code="t", at=AT)) == {TransferStatus.POSTED}
    assert set(ledger.post_columns(*columns, code="t", at=AT)) == {TransferStatus.EXISTS}
    more = ["new", "T1", "new2"]
    found = ledger.post_columns(more, ["out"] * 3, ["me"] * 3, [1, 1, 1], code="t", at=AT)
    assert [s.name for s in found] == ["POSTED", "EXISTS_DIFFERENT", "POSTED"]
    assert ledger.balance("me").net_fen == 500_500 + 2
    assert ledger.post_columns([], [], [], [], code="t", at=AT) == []
    with pytest.raises(InvalidValue):
        ledger.post_columns(["a"], ["out"] * 2, ["me"], [1], code="t", at=AT)
    assert ledger.recompute() == []


def test_one_text_for_all_holds_in_every_part_of_a_long_column(
    in_memory: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(book, "CHUNK_COLUMNS", 2)
    in_memory.open_accounts([("fund", AccountKind.EXTERNAL), ("one", AccountKind.EXTERNAL)])
    ids = [f"T{i}" for i in range(5)]
    found = in_memory.post_columns(ids, ["fund"] * 5, ["one"] * 5, [1, 2, 3, 4, 5], code="t", at=AT, memo="all")
    assert set(found) == {TransferStatus.POSTED}
    there = in_memory.transfers(ids)
    assert [there[name] for name in ids] == [
        Transfer(name, "fund", "one", fen, "t", AT, "all") for fen, name in enumerate(ids, 1)
    ]


def test_columns_of_unlike_lengths_are_named_with_them(in_memory: Ledger) -> None:
    with pytest.raises(InvalidValue, match=r"lengths: ids 2, debits 1, credits 2, amounts 2, at 2 "):
        in_memory.post_columns(["a", "b"], ["out"], ["me"] * 2, [1, 1], code="t", at=[AT, AT])


PEOPLE = 400


def post_random(ledger: Ledger, start: int, count: int, nets: dict[str, int], rng: random.Random) -> None:
    """Loads and spendings at random; the plain sums are kept beside them, with what bounds refuse left out."""
    people = [f"p{i}" for i in range(PEOPLE)]
    who = rng.choices(people, k=count)
    loads = rng.choices((True, False), (6, 4), k=count)
    fens = rng.choices(range(1, 10_000), k=count)
    debits = ["fund" if load else name for load, name in zip(loads, who, strict=True)]
    credits_ = [name if load else "shop" for load, name in zip(loads, who, strict=True)]
    ids = [f"{start + i:012d}" for i in range(count)]
    statuses = ledger.post_columns(ids, debits, credits_, fens, code="t", at=AT)
    for status, debit, credit, fen in zip(statuses, debits, credits_, fens, strict=True):
        may = debit == "fund" or nets[debit] >= fen
        assert (status is TransferStatus.POSTED) == may
        if may:
            nets[debit] -= fen
            nets[credit] += fen


def prove_random(store: Store, total: int, step: int, told: Callable[[int], None] = lambda _: None) -> None:
    ledger, rng = Ledger(store), random.Random(20140804)
    nets = {"fund": 0, "shop": 0} | {f"p{i}": 0 for i in range(PEOPLE)}
    kinds = {"fund": AccountKind.POOLED_FUND, "shop": AccountKind.MERCHANT_PAYABLE}
    ledger.open_accounts((name, kinds.get(name, AccountKind.PERSONAL_MEDICAL)) for name in nets)
    for start in range(0, total, step):
        post_random(ledger, start, step, nets, rng)
        debits, credits_ = ledger.totals()
        assert debits == credits_
        assert {name: balance.net_fen for name, balance in ledger.balances(nets).items()} == nets
        told(start + step)
    assert ledger.recompute() == []


def test_many_postings(store: Store) -> None:
    total = 200_000 if store.engine.dialect.name == "sqlite" else 50_000
    prove_random(store, total, total // 10)


@pytest.mark.soak
def test_a_hundred_million_postings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """About 9 GB on the disk while it runs. Smaller: ``SBCARD_SOAK_POSTINGS=1000000``."""
    total = int(os.environ.get("SBCARD_SOAK_POSTINGS", "100000000"))
    step, start, path = min(500_000, total // 10), perf_counter(), tmp_path / "books.sqlite"

    def told(done: int) -> None:
        if done % (total // 20) == 0 or done == total:
            with capsys.disabled():
                spent = perf_counter() - start
                print(f"\n{done:,} posted, {spent:.0f} s, {path.stat().st_size / 1e9:.2f} GB", end="", flush=True)

    with Store.open(f"sqlite:///{path}") as store:
        prove_random(store, total, step, told)
    with capsys.disabled():
        most_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"\nall summed again and equal after {perf_counter() - start:.0f} s, {most_mb:.0f} MB of memory at most")
    path.unlink()
