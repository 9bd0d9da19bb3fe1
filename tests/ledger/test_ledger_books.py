"""Groups, holds, history, import, periods and shared commits, told by example on both databases."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.ledger import (
    AccountKind,
    Balance,
    Bounds,
    Ledger,
    Transfer,
    TransferFlag,
    TransferRefused,
    TransferStatus,
    UnknownAccount,
    timestamp,
)
from sbcard_core.store import Store, StoreClosed, StoreFailed, schema
from sbcard_core.store.rehearsal import rehearse

AT = "2014-07-31T10:00:00"
LINKED, PENDING = TransferFlag.LINKED, TransferFlag.PENDING


@pytest.fixture
def ledger(store: Store) -> Ledger:
    ledger = Ledger(store)
    kinds = {"out": AccountKind.EXTERNAL, "me": AccountKind.PERSONAL_MEDICAL, "fund": AccountKind.POOLED_FUND}
    ledger.open_accounts(kinds.items())
    return ledger


def move(
    transfer_id: str, debit: str = "out", credit: str = "me", fen: int = 100, at: str = AT, flags: int = 0
) -> Transfer:
    return Transfer(transfer_id, debit, credit, fen, "test", at, flags=flags)


def names(statuses: list[TransferStatus]) -> list[str]:
    return [status.name for status in statuses]


def test_a_linked_group_stands_or_falls_together(ledger: Ledger) -> None:
    group = [move("1", flags=LINKED), move("2", "me", "fund", 101, flags=LINKED), move("3")]
    found = ledger.submit_many([*group, move("4", fen=7)])
    assert names([o.status for o in found]) == ["LINKED_FAILED", "INSUFFICIENT", "LINKED_FAILED", "POSTED"]
    assert found[0].credit_net_fen == 0
    assert found[3] == (TransferStatus.POSTED, -7, 7)
    group[1] = move("2", "me", "fund", 100, flags=LINKED)
    assert names(ledger.post_many(group)) == ["POSTED"] * 3
    assert names(ledger.post_many(group)) == ["EXISTS"] * 3
    assert names(ledger.post_many([group[0], move("new")])) == ["EXISTS", "LINKED_FAILED"]
    assert names(ledger.post_many([move("5", flags=LINKED)])) == ["LINKED_OPEN"]
    assert ledger.balance("me").net_fen == 107


def test_a_group_longer_than_a_chunk_is_one_group(ledger: Ledger) -> None:
    group = [move(f"g{i}", flags=LINKED) for i in range(5_500)]
    assert set(ledger.post_many([*group, move("last", "me", "fund", 10**9)])[:-1]) == {TransferStatus.LINKED_FAILED}
    assert ledger.totals() == (0, 0)
    assert set(ledger.post_many([*group, move("last", "me", "fund", 5)])) == {TransferStatus.POSTED}


def test_a_hold_counts_until_it_is_posted_in_part(ledger: Ledger) -> None:
    ledger.post(move("load", fen=100))
    hold = move("hold", "me", "fund", 80, flags=PENDING)
    assert ledger.submit(hold) == (TransferStatus.POSTED, 100, 0)
    assert ledger.balance("me") == Balance(0, 100, debits_pending_fen=80)
    assert ledger.balance("me").available_fen == 20
    assert ledger.post_many([move("2", "me", "fund", 21)]) == [TransferStatus.INSUFFICIENT]
    assert ledger.pending_totals() == (80, 80)
    post = hold.post("post", at=AT, amount_fen=30)
    assert names(ledger.post_many([post, post, hold.void("void", at=AT)])) == ["POSTED", "EXISTS", "PENDING_POSTED"]
    assert ledger.balance("me") == Balance(30, 100)
    assert ledger.balance_at("me", AT) == Balance(30, 100)
    assert ledger.recompute() == []


def test_a_hold_ends_by_the_callers_clock(ledger: Ledger) -> None:
    hold = Transfer("hold", "out", "me", 80, "test", AT, flags=PENDING, timeout_s=60)
    ledger.post(hold)
    late = hold.post("late", at="2014-07-31T10:01:00")
    with pytest.raises(TransferRefused) as refused:
        ledger.post(late)
    assert refused.value.status is TransferStatus.PENDING_EXPIRED
    assert ledger.expire("2014-07-31T10:00:59") == 0
    assert ledger.balance("me").credits_pending_fen == 80
    assert ledger.expire("2014-07-31T10:01:00") == 1
    assert ledger.balance("me") == Balance(0, 0)
    assert ledger.balance_at("me", AT) == Balance(0, 0, 0, 80)  # as it was
    assert ledger.post_many([hold.post("p", at=AT)]) == [TransferStatus.PENDING_EXPIRED]
    with pytest.raises(InvalidValue):
        ledger.expire("now")


def test_a_tampered_hold_is_found(ledger: Ledger, store: Store) -> None:
    ledger.post(move("hold", flags=PENDING))
    with store.begin() as connection:
        connection.execute(sa.update(schema.hold).values(state=2))
    assert {d.account_id for d in ledger.recompute()} == {"out", "me"}


@pytest.mark.parametrize("indexed", [0, 1, 2])
def test_history_runs_by_business_time_whatever_the_order_of_posting(ledger: Ledger, indexed: int) -> None:
    moments = ["2014-07-03T00:00:00", "2014-07-01T00:00:00", "2014-07-02T00:00:00", "2014-07-02T00:00:00"]
    for number, at in enumerate(moments):
        if number == 2 and indexed:
            assert ledger.index_history() == 4
        ledger.post(move(str(number), fen=10**number, at=at))
    ledger.post(move("back", "me", "fund", 5, at="2014-07-02T12:00:00"))
    if indexed == 2:
        assert ledger.index_history() == 6
        assert ledger.index_history() == 0
    found = [(e.transfer.transfer_id, e.amount_fen, e.net_fen) for e in ledger.history("me")]
    assert found == [("1", 10, 10), ("2", 100, 110), ("3", 1000, 1110), ("back", -5, 1105), ("0", 1, 1106)]
    part = ledger.history("me", since="2014-07-02T00:00:00", until="2014-07-03T00:00:00")
    assert [(e.amount_fen, e.net_fen) for e in part] == [(100, 110), (1000, 1110), (-5, 1105)]
    assert ledger.balance_at("me", "2014-07-02T00:00:00") == Balance(0, 1110)
    assert ledger.balance_at("me", "2014-06-30T00:00:00") == Balance(0, 0)
    with pytest.raises(UnknownAccount):
        list(ledger.history("nobody"))


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("since", ["", AT])
def test_a_look_back_sees_one_moment_of_the_books(
    ledger: Ledger, store: Store, store_url: str, since: str, joined: bool
) -> None:
    """Another connection posts, back-dated and in the window at once, and indexes, after each statement of the read."""
    early = "2014-07-01T00:00:00"
    ledger.post_many([move("a", at=early), move("b")])
    ledger.index_history()
    with Store.open(store_url) as other, ExitStack() as stack:
        beside, posted = Ledger(other), 0

        def post_between(*_: object) -> None:
            nonlocal posted
            posted += 1
            pair = [move(f"early{posted}", at=early, fen=1), move(f"late{posted}", fen=1)]
            assert beside.post_many(pair) == [TransferStatus.POSTED] * 2
            beside.index_history()

        connection = stack.enter_context(store.begin()) if joined else None
        sa.event.listen(store.engine, "after_cursor_execute", post_between)
        found = list(ledger.history("me", since=since, connection=connection))
        ledger_then = ledger.balance_at("me", AT, connection)
        sa.event.remove(store.engine, "after_cursor_execute", post_between)
    assert posted >= 4
    late = sum(entry.transfer.transfer_id.startswith("late") for entry in found)
    assert found[-1].net_fen == 200 + 2 * late  # as many early ones as late ones were counted
    assert ledger_then.net_fen % 2 == 0
    assert list(ledger.history("me", since=since))[-1].net_fen == 200 + 2 * posted == ledger.balance("me").net_fen


def test_history_is_imported_whole_or_not(ledger: Ledger) -> None:
    old = [move("spend", "me", "fund", 60, "2013-01-01T00:00:00"), move("load", fen=100, at="2013-01-02T00:00:00")]
    with pytest.raises(Refused, match="transfer 3"):
        ledger.import_history([*old, move("odd", "me", "nobody")])
    with pytest.raises(Refused, match="bounds"):
        ledger.import_history(old[:1])
    assert ledger.totals() == (0, 0)
    assert ledger.import_history(old).imported == 2
    assert ledger.import_history(old).existed == 2
    assert [e.net_fen for e in ledger.history("me")] == [-60, 40]
    assert ledger.recompute() == []


def test_nothing_is_posted_into_a_closed_period(ledger: Ledger, store: Store) -> None:
    ledger.post(move("1", at="2014-06-30T23:59:59"))
    closed = ledger.close_period("2014-06", at=AT)
    assert (closed.transfers, closed.amount_fen) == (1, 100)
    assert ledger.close_period("2014-06", at="2015-01-01T00:00:00") == closed
    assert ledger.closed_periods() == [closed]
    late = [move(str(i), at="2014-06-30T00:00:00") for i in range(2, 50)]
    assert set(ledger.post_many(late)) == {TransferStatus.PERIOD_CLOSED}
    assert ledger.submit(late[0]).status is TransferStatus.PERIOD_CLOSED
    assert ledger.post(move("1", at="2014-06-30T23:59:59")) is TransferStatus.EXISTS
    assert ledger.changed_periods() == []
    for period, at in (("2014-13", AT), ("2014-07", AT), ("July", AT), ("2014-06", "never")):
        with pytest.raises(InvalidValue):
            ledger.close_period(period, at=at)
    with store.begin() as connection:
        connection.execute(sa.update(schema.period_close).values(amount_fen="99"))
    assert len(ledger.changed_periods()) == 1


def test_posts_of_many_threads_share_commits(ledger: Ledger) -> None:
    committer = ledger.batching(max_transfers=16)
    barrier = threading.Barrier(8)

    def post(thread: int) -> list[TransferStatus]:
        barrier.wait()
        found = [committer.post(move(f"{thread}/{i}", fen=1)) for i in range(20)]
        return found + committer.post_many([move(f"{thread}/group", flags=LINKED)])

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(post, range(8)))
    assert {status for some in found for status in some[:-1]} == {TransferStatus.POSTED}
    assert {some[-1] for some in found} == {TransferStatus.LINKED_OPEN}  # not closed by another's post
    assert ledger.balance("me").net_fen == 160
    assert committer.commits < 168
    with pytest.raises(TransferRefused):
        committer.post(move("0/0", fen=2))


def test_a_failed_commit_is_told_to_all_who_share_it(ledger: Ledger) -> None:
    def broken(_batches: object) -> list[list[object]]:
        raise StoreFailed("disk full")

    committer = ledger.batching()
    committer._post_groups = broken  # type: ignore[assignment]
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(committer.post, move(str(i))) for i in range(12)]
    assert {type(call.exception()) for call in calls} == {StoreFailed}


def test_single_posts_beside_batches_lose_nothing(ledger: Ledger) -> None:
    """On PostgreSQL singles run side by side and against the batch writer; every balance is exact."""

    def single(thread: int) -> None:
        for i in range(30):
            sides = ("out", "fund") if thread % 2 else ("fund", "out")
            ledger.post(move(f"s{thread}/{i}", *sides, 1))

    def batch(thread: int) -> None:
        for i in range(10):
            ledger.post_many([move(f"b{thread}/{i}/{j}", "out", "fund", 1) for j in range(40)])

    with ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(single, t) for t in range(4)] + [pool.submit(batch, t) for t in range(2)]
    for call in calls:
        call.result()
    assert ledger.recompute() == []
    assert ledger.balance("fund").net_fen == 800


def test_two_single_posts_of_one_id_post_once(ledger: Ledger) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: ledger.post(move("same")), range(8)))
    assert sorted(found) == [TransferStatus.POSTED] + [TransferStatus.EXISTS] * 7
    assert ledger.balance("me").net_fen == 100


def test_bounds_hold_in_one_statement(store: Store) -> None:
    ledger = Ledger(store, bounds={AccountKind.PURSE_FLOAT: Bounds(-10, 50)})
    ledger.open_accounts([("out", AccountKind.EXTERNAL), ("purse", AccountKind.PURSE_FLOAT)])
    fens = [("out", "purse", 51), ("out", "purse", 50), ("out", "purse", 1), ("purse", "out", 61), ("purse", "out", 60)]
    found = [ledger.submit(move(str(i), *one)).status.name for i, one in enumerate(fens)]
    assert found == ["ABOVE_CEILING", "POSTED", "ABOVE_CEILING", "INSUFFICIENT", "POSTED"]


def test_single_posts_outlive_what_happens_to_their_connection(postgres_url: str) -> None:
    """Statements forgotten by the server are prepared again; a lost connection is told, and the next one is new."""
    with Store.open(postgres_url) as store:
        ledger = Ledger(store)
        ledger.open_accounts([("out", AccountKind.EXTERNAL), ("me", AccountKind.PERSONAL_MEDICAL)])
        assert ledger.submit(move("1")) == (TransferStatus.POSTED, -100, 100)
        with store.direct() as driver:
            driver.execute("DEALLOCATE ALL")
            served_by = driver.info.backend_pid
        assert ledger.submit(move("2 " + "银行")) == (TransferStatus.POSTED, -200, 200)
        with store.begin() as connection:
            connection.execute(sa.text("SELECT pg_terminate_backend(:pid)"), {"pid": served_by})
        with pytest.raises(StoreFailed):
            ledger.submit(move("3"))
        assert ledger.submit(move("3")) == (TransferStatus.POSTED, -300, 300)
        assert ledger.recompute() == []
        store.close()
        with pytest.raises(StoreClosed):
            ledger.submit(move("4"))
        schema.metadata.drop_all(store.engine)


def test_a_field_of_a_wrong_type_is_malformed_in_small_and_large_batches(ledger: Ledger) -> None:
    wrong, posted = [], 0
    for field in ("flags", "pending_id", "timeout_s", "memo", "at", "debit_account", "transfer_id"):
        for count in (1, 40):
            batch = [move(f"{field}/{count}/{i}") for i in range(count)]
            batch[-1] = replace(batch[-1], **{field: None})  # type: ignore[arg-type]
            try:
                found = ledger.post_many(batch)
            except Exception as error:
                wrong.append((field, count, repr(error)))
                continue
            if found != [TransferStatus.POSTED] * (count - 1) + [TransferStatus.MALFORMED]:
                wrong.append((field, count, str(names(found))))
            posted += count - 1
            if (net := ledger.balance("me").net_fen) != 100 * posted:
                wrong.append((field, count, f"{net} fen"))
                posted = net // 100
    assert wrong == []


def test_ids_may_be_any_text_that_can_be_stored(ledger: Ledger) -> None:
    odd = ["银行:001", "é", "e\u0301", '"', "\\", "a'b", "\n", "\u200b", "😀", "%s", "{}", "$1", "x" * 128]
    ledger.open_accounts((name, AccountKind.CASH) for name in odd)
    assert set(ledger.post_many([move(name, "out", name, 1) for name in odd])) == {TransferStatus.POSTED}
    assert [ledger.submit(move(f"1{name}"[:128], name, "out", 1)).debit_net_fen for name in odd] == [0] * len(odd)
    assert set(ledger.post_many([move(name, "out", name, 1) for name in odd])) == {TransferStatus.EXISTS}
    assert [e.net_fen for e in ledger.history("银行:001")] == [1, 0]
    assert ledger.recompute() == []


def test_wrong_calls_are_refused(ledger: Ledger) -> None:
    for moment in ("yesterday", "2014-07-31", "2014-02-30T00:00:00", None):
        with pytest.raises(InvalidValue):
            ledger.balance_at("me", moment)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue):
        list(ledger.history("me", since="2014-07"))
    with pytest.raises(InvalidValue):
        timestamp(datetime(2014, 7, 31, 9, tzinfo=UTC))
    with pytest.raises(InvalidValue):
        ledger.open_accounts([("new", "cash")])  # type: ignore[list-item]


def test_a_rehearsal_posts_nothing(ledger: Ledger, store: Store) -> None:
    with rehearse(store) as trial:
        aside = Ledger(trial)
        assert aside.post(move("1")) is TransferStatus.POSTED
        aside.post_columns(["2"], ["out"], ["me"], [5], code="x", at=AT)
        assert aside.balance("me").net_fen == 105
    assert ledger.totals() == (0, 0)
