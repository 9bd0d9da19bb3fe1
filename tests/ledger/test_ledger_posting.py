"""What a batch does to the books, on every database."""

import pytest
import sqlalchemy as sa

from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.ledger import (
    AccountKind,
    Balance,
    Bounds,
    Ledger,
    Transfer,
    TransferRefused,
    TransferStatus,
    UnknownAccount,
)
from sbcard_core.store import Store, StoreRejected, schema
from sbcard_core.values import FEN_MAX

AT = "2014-07-31T10:00:00"


@pytest.fixture
def ledger(store: Store) -> Ledger:
    ledger = Ledger(store)
    kinds = {"out": AccountKind.EXTERNAL, "me": AccountKind.PERSONAL_MEDICAL, "fund": AccountKind.POOLED_FUND}
    ledger.open_accounts(kinds.items())
    return ledger


def move(transfer_id: str, debit: str = "out", credit: str = "me", fen: int = 100) -> Transfer:
    return Transfer(transfer_id, debit, credit, fen, "test", AT)


def test_each_transfer_sees_those_before_it_and_a_refusal_stops_nothing(ledger: Ledger) -> None:
    batch = [move("1", "me", "fund"), move("2"), move("1", "me", "fund"), move("3", "me", "fund", 1), move("4", fen=5)]
    assert [status.name for status in ledger.post_many(batch)] == [
        "INSUFFICIENT",
        "POSTED",
        "POSTED",  # the refused id stayed free
        "INSUFFICIENT",
        "POSTED",
    ]
    assert ledger.balance("me") == Balance(debits_fen=100, credits_fen=105)
    assert ledger.totals() == (205, 205)
    assert ledger.recompute() == []


@pytest.mark.parametrize(
    ("transfer", "status"),
    [
        (Transfer("1", "out", "me", 101, "test", AT), TransferStatus.EXISTS_DIFFERENT),
        (Transfer("1", "nobody", "nobody", -1, "", "never"), TransferStatus.EXISTS_DIFFERENT),
        (Transfer("2", "nobody", "nobody", 0, "test", AT), TransferStatus.UNKNOWN_ACCOUNT),
        (Transfer("2", "me", "me", 0, "test", AT), TransferStatus.SAME_ACCOUNT),
        (Transfer("2", "me", "fund", 0, "test", AT), TransferStatus.AMOUNT_NOT_POSITIVE),
        (Transfer("2", "me", "fund", FEN_MAX + 1, "test", AT), TransferStatus.OVERFLOW),
        (Transfer("2", "out", "me", FEN_MAX, "test", AT), TransferStatus.OVERFLOW),
        (Transfer("2", "me", "fund", FEN_MAX, "test", AT), TransferStatus.INSUFFICIENT),
        (Transfer("", "out", "me", 1, "test", AT), TransferStatus.MALFORMED),
        (Transfer("x" * 129, "out", "me", 1, "test", AT), TransferStatus.MALFORMED),
        (Transfer("a\0b", "out", "me", 1, "test", AT), TransferStatus.MALFORMED),
        (Transfer("2", "out", "me", 1, "test", AT, memo="\0"), TransferStatus.MALFORMED),
        (Transfer("2", "out", "me", 1, "test", AT, memo="\ud800"), TransferStatus.MALFORMED),
        (Transfer("2", "out", "me", 1, "", AT), TransferStatus.MALFORMED),
        (Transfer("2", "out", "me", 1, "test", "2014-02-30T00:00:00"), TransferStatus.MALFORMED),
        (Transfer("2", "out", "me", 1, "test", "2014-07-31"), TransferStatus.MALFORMED),
        (Transfer("2", "out", "me", 1.0, "test", AT), TransferStatus.MALFORMED),  # type: ignore[arg-type]
        (Transfer("2", "out", None, 1, "test", AT), TransferStatus.MALFORMED),  # type: ignore[arg-type]
    ],
)
def test_the_first_reason_in_precedence_is_given(ledger: Ledger, transfer: Transfer, status: TransferStatus) -> None:
    assert ledger.post_many([move("1"), transfer, move("after")]) == [0, status, 0]
    assert ledger.totals() == (200, 200)
    with pytest.raises(TransferRefused) as refused:
        ledger.post(transfer)
    assert refused.value.status is status


def test_a_ceiling_is_kept(store: Store) -> None:
    ledger = Ledger(store, bounds={AccountKind.PURSE_FLOAT: Bounds(ceiling_fen=1000)})
    ledger.open_accounts([("out", AccountKind.EXTERNAL), ("purse", AccountKind.PURSE_FLOAT)])
    batch = [move("1", "out", "purse", 1000), move("2", "out", "purse", 1), move("3", "purse", "out", 2000)]
    assert [status.name for status in ledger.post_many(batch)] == ["POSTED", "ABOVE_CEILING", "POSTED"]


def test_a_batch_longer_than_any_query_is_one_transaction(ledger: Ledger) -> None:
    batch = [move(f"T{i}") for i in range(11_000)]
    batch[10_500] = batch[3]
    assert sum(ledger.post_many(batch)) == TransferStatus.EXISTS
    assert set(ledger.post_many(batch)) <= {TransferStatus.EXISTS, TransferStatus.POSTED}
    assert ledger.balance("me").net_fen == 10_999 * 100


def test_rows_of_the_caller_stand_or_fall_with_the_transfers(store: Store, ledger: Ledger) -> None:
    with store.engine.connect() as connection, connection.begin() as transaction:
        assert ledger.post(move("1"), connection) is TransferStatus.POSTED
        assert ledger.balance("me", connection).net_fen == 100
        transaction.rollback()
    assert ledger.totals() == (0, 0)
    with store.begin() as connection:
        connection.execute(
            sa.insert(schema.collection_file).values(
                file="f", city="430100", sha256="", records=0, accepted=0, rejected=0, quarantined=0
            )
        )
        assert ledger.post(move("1"), connection) is TransferStatus.POSTED
    assert ledger.post(move("1")) is TransferStatus.EXISTS


@pytest.mark.parametrize("change", ["UPDATE transfer SET amount_fen = 1", "DELETE FROM transfer"])
def test_the_database_refuses_to_change_a_transfer(store: Store, ledger: Ledger, change: str) -> None:
    ledger.post(move("1"))
    with pytest.raises(StoreRejected, match="immutable"), store.begin() as connection:
        connection.execute(sa.text(change))


def test_recompute_names_an_account_that_was_tampered_with(store: Store, ledger: Ledger) -> None:
    ledger.post(move("1"))
    with store.begin() as connection:
        connection.execute(sa.update(schema.account).where(schema.account.c.account_id == "me").values(credits_fen=99))
    (found,) = ledger.recompute()
    assert (found.account_id, found.stored.credits_fen, found.summed.credits_fen) == ("me", 99, 100)
    assert ledger.totals() == (100, 99)


def test_sums_beyond_64_bits_stay_exact(ledger: Ledger) -> None:
    batch = [move("1", "out", "fund", FEN_MAX), move("2", "fund", "out", FEN_MAX), move("3", "out", "me", 1)]
    assert [status.name for status in ledger.post_many(batch)] == ["POSTED", "POSTED", "OVERFLOW"]
    assert ledger.totals() == (2 * FEN_MAX, 2 * FEN_MAX)
    assert ledger.recompute() == []


def test_opening_again_is_idempotent_and_another_kind_opens_nothing(ledger: Ledger) -> None:
    ledger.post(move("1"))
    ledger.open_accounts([("me", AccountKind.PERSONAL_MEDICAL), ("new", AccountKind.CASH), ("new", AccountKind.CASH)])
    assert ledger.balance("me").net_fen == 100
    with pytest.raises(Refused):
        ledger.open_accounts([("other", AccountKind.CASH), ("me", AccountKind.CASH)])
    with pytest.raises(Refused):
        ledger.open_accounts([("other", AccountKind.CASH), ("other", AccountKind.SUSPENSE)])
    with pytest.raises(InvalidValue):
        ledger.open_accounts([("", AccountKind.CASH)])
    with pytest.raises(UnknownAccount):
        ledger.balance("other")
    assert ledger.balances(["new", "other", "a\0b"]) == {"new": Balance(0, 0)}
