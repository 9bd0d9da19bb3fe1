"""Random batches against a plain list of transfers that is summed anew for every question."""

from collections import Counter
from dataclasses import replace
from itertools import count

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from sbcard_core.ledger import AccountKind, Bounds, Ledger, Transfer, TransferStatus
from sbcard_core.store import Store
from sbcard_core.values import FEN_MAX

BOUNDS = {
    AccountKind.PERSONAL_MEDICAL: Bounds(floor_fen=0),
    AccountKind.PURSE_FLOAT: Bounds(floor_fen=-50, ceiling_fen=500),
}
KINDS = [AccountKind.EXTERNAL, AccountKind.PERSONAL_MEDICAL, AccountKind.PURSE_FLOAT]
NAMES = ["a", "b", "c", "d"]
TRANSFERS = st.builds(
    Transfer,
    st.sampled_from([f"t{i}" for i in range(40)] + [""]),
    st.sampled_from(NAMES[:3] * 3 + NAMES[3:]),
    st.sampled_from(NAMES[:3] * 3 + NAMES[3:]),
    st.sampled_from([1, 20, 50, 51, 300, 500, 600, 0, -1, FEN_MAX - 300, FEN_MAX, FEN_MAX + 1]),
    st.just("test"),
    st.sampled_from(["2014-07-31T10:00:00"] * 9 + ["today"]),
)


class Oracle:
    """The books as a list; slow, and with nothing that could get out of step."""

    def __init__(self) -> None:
        self.kinds: dict[str, AccountKind] = {}
        self.posted: list[Transfer] = []

    def sides(self, name: str) -> tuple[int, int]:
        debits = sum(t.amount_fen for t in self.posted if t.debit_account == name)
        return debits, sum(t.amount_fen for t in self.posted if t.credit_account == name)

    def post(self, t: Transfer) -> TransferStatus:
        reasons = self.reasons(t)
        if not reasons:
            self.posted.append(t)
        return min(reasons, default=TransferStatus.POSTED)

    def reasons(self, t: Transfer) -> set[TransferStatus]:
        """Every reason against ``t``; the enum's own order is the precedence."""
        same_id = [p for p in self.posted if p.transfer_id == t.transfer_id]
        found = {TransferStatus.EXISTS if p == t else TransferStatus.EXISTS_DIFFERENT for p in same_id}
        if t.transfer_id == "" or t.at == "today":
            found.add(TransferStatus.MALFORMED)
        if not {t.debit_account, t.credit_account} <= self.kinds.keys():
            return found | {TransferStatus.UNKNOWN_ACCOUNT}
        if t.debit_account == t.credit_account:
            found.add(TransferStatus.SAME_ACCOUNT)
        if t.amount_fen <= 0:
            found.add(TransferStatus.AMOUNT_NOT_POSITIVE)
        debits, credits_ = self.sides(t.debit_account)
        debits_to, credits_to = self.sides(t.credit_account)
        if max(debits, credits_to) + t.amount_fen > FEN_MAX:
            found.add(TransferStatus.OVERFLOW)
        floor = BOUNDS.get(self.kinds[t.debit_account], Bounds()).floor_fen
        if floor is not None and credits_ - debits - t.amount_fen < floor:
            found.add(TransferStatus.INSUFFICIENT)
        ceiling = BOUNDS.get(self.kinds[t.credit_account], Bounds()).ceiling_fen
        if ceiling is not None and credits_to - debits_to + t.amount_fen > ceiling:
            found.add(TransferStatus.ABOVE_CEILING)
        return found


def test_the_books_agree_with_a_list_of_transfers(store: Store) -> None:
    examples = count()
    seen = Counter[TransferStatus]()

    class Books(RuleBasedStateMachine):
        """One store for all examples; each example has its own prefix."""

        def __init__(self) -> None:
            super().__init__()
            self.prefix = f"{next(examples)}:"
            self.ledger = Ledger(store, bounds=BOUNDS)
            self.oracle = Oracle()

        def real(self, t: Transfer) -> Transfer:
            name = self.prefix + t.transfer_id if t.transfer_id else ""
            debit, credit = self.prefix + t.debit_account, self.prefix + t.credit_account
            return Transfer(name, debit, credit, t.amount_fen, t.code, t.at)

        @initialize(kinds=st.permutations(KINDS), more=st.sampled_from(KINDS))
        def open_accounts(self, kinds: list[AccountKind], more: AccountKind) -> None:
            self.oracle.kinds = {"a": kinds[0], "b": kinds[1], "c": more}
            self.ledger.open_accounts((self.prefix + name, kind) for name, kind in self.oracle.kinds.items())

        @rule()
        def open_the_last_account(self) -> None:
            self.oracle.kinds["d"] = AccountKind.EXTERNAL
            self.ledger.open_accounts([(self.prefix + "d", AccountKind.EXTERNAL)])

        @rule(batch=st.lists(TRANSFERS, max_size=8))
        def post(self, batch: list[Transfer]) -> None:
            expected = [self.oracle.post(t) for t in batch]
            assert self.ledger.post_many(map(self.real, batch)) == expected
            seen.update(expected)

        @rule(places=st.lists(st.integers(0, 50), min_size=1, max_size=4), other=st.booleans())
        def post_again(self, places: list[int], other: bool) -> None:
            """What was posted comes again: the same, or under the same id with another amount."""
            posted = list(self.oracle.posted)
            if posted:
                batch = [posted[place % len(posted)] for place in places]
                self.post([replace(t, amount_fen=t.amount_fen + other) for t in batch])

        @rule(batch=st.lists(TRANSFERS, max_size=8))
        def post_and_roll_back(self, batch: list[Transfer]) -> None:
            before = list(self.oracle.posted)
            expected = [self.oracle.post(t) for t in batch]
            self.oracle.posted = before
            with store.engine.connect() as connection, connection.begin() as transaction:
                assert self.ledger.post_many(map(self.real, batch), connection) == expected
                transaction.rollback()

        @invariant()
        def balances_are_the_sums(self) -> None:
            found = self.ledger.balances(self.prefix + name for name in NAMES)
            sides = {name: (b.debits_fen, b.credits_fen) for name, b in found.items()}
            assert sides == {self.prefix + name: self.oracle.sides(name) for name in self.oracle.kinds}

        def teardown(self) -> None:
            debits, credits_ = self.ledger.totals()
            assert debits == credits_
            assert self.ledger.recompute() == []

    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=80,
            stateful_step_count=12,
            derandomize=True,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert set(seen) == set(TransferStatus)  # the machine has met every status
