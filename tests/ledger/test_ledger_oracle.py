"""Random batches against a plain list of transfers that is summed anew for every question."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from sbcard_core.ledger import AccountKind, Bounds, Ledger, Transfer, TransferFlag, TransferStatus
from sbcard_core.store import Store
from sbcard_core.values import FEN_MAX

BOUNDS = {
    AccountKind.PERSONAL_MEDICAL: Bounds(floor_fen=0),
    AccountKind.PURSE_FLOAT: Bounds(floor_fen=-50, ceiling_fen=500),
}
KINDS = [AccountKind.EXTERNAL, AccountKind.PERSONAL_MEDICAL, AccountKind.PURSE_FLOAT]
NAMES = ["a", "b", "c", "d"]
IDS = [f"t{i}" for i in range(40)]
FLAGS = [0] * 6 + [1, 1, 2, 2, 2, 4, 4, 4, 8, 8, 3, 5, 6, 12, 32]
MOMENTS = ["2014-07-31T10:00:00"] * 5 + ["2014-07-31T10:00:05", "2014-06-30T10:00:00", "2013-12-31T00:00:00", "today"]
GOOD = st.builds(
    Transfer,
    st.sampled_from(IDS),
    st.sampled_from(NAMES[:2]),
    st.just("c"),
    st.sampled_from([1, 20, 50, 300, 500, FEN_MAX - 300]),
    st.just("test"),
    st.sampled_from(MOMENTS[:8]),
    st.just(""),
    st.sampled_from([0, 0, 0, 1, 2, 2, 3]),
).flatmap(lambda t: st.sampled_from([t, replace(t, debit_account=t.credit_account, credit_account=t.debit_account)]))
ODD = st.builds(
    Transfer,
    st.sampled_from([*IDS, ""]),
    st.sampled_from(NAMES[:3] * 3 + NAMES[3:]),
    st.sampled_from(NAMES[:3] * 3 + NAMES[3:]),
    st.sampled_from([1, 20, 50, 51, 300, 500, 600, 0, -1, FEN_MAX - 300, FEN_MAX, FEN_MAX + 1]),
    st.just("test"),
    st.sampled_from(MOMENTS),
    st.just(""),
    st.sampled_from(FLAGS),
    st.sampled_from([""] * 6 + IDS[:10]),
    st.sampled_from([0, 0, 0, 3]),
)
WRONG: list[dict[str, Any]] = [
    {"at": "today"},
    {"at": "2013-12-31T00:00:00"},
    {"debit_account": "nobody"},
    {"debit_account": "c", "credit_account": "c"},
    {"amount_fen": 0},
    {"flags": 4, "pending_id": "nothing"},
]
PLAIN = st.one_of(GOOD, GOOD.map(lambda t: replace(t, timeout_s=3 if t.flags & 2 else 0)), ODD)
P, POST, VOID, LINKED = TransferFlag.PENDING, TransferFlag.POST_PENDING, TransferFlag.VOID_PENDING, TransferFlag.LINKED
S = TransferStatus


@dataclass
class Oracle:
    """The books as a list; slow, and with nothing that could get out of step."""

    kinds: dict[str, AccountKind] = field(default_factory=dict)
    posted: list[Transfer] = field(default_factory=list)
    ended: dict[str, TransferStatus] = field(default_factory=dict)
    """What a try to close a hold again is answered."""
    periods: set[str] = field(default_factory=set)

    def copy(self) -> "Oracle":
        return Oracle(dict(self.kinds), list(self.posted), dict(self.ended), set(self.periods))

    def take(self, other: "Oracle") -> None:
        self.posted, self.ended = other.posted, other.ended

    def sides(self, name: str) -> tuple[int, int, int, int]:
        moved = [t for t in self.posted if not t.flags & (P | VOID)]
        held = [t for t in self.posted if t.flags & P and t.transfer_id not in self.ended]
        return tuple(  # type: ignore[return-value]
            sum(t.amount_fen for t in some if name == (t.debit_account if side == 0 else t.credit_account))
            for some in (moved, held)
            for side in (0, 1)
        )

    def expire(self, now: str) -> int:
        before = len(self.ended)
        for t in self.posted:
            if t.flags & P and t.transfer_id not in self.ended and self.end(t) and self.end(t) <= now:
                self.ended[t.transfer_id] = S.PENDING_EXPIRED
        return len(self.ended) - before

    @staticmethod
    def end(t: Transfer) -> str:
        moment = datetime.fromisoformat(t.at) + timedelta(seconds=t.timeout_s)
        return moment.isoformat(timespec="seconds") if t.timeout_s else ""

    def post_all(self, batch: list[Transfer]) -> list[TransferStatus]:
        statuses: list[TransferStatus] = []
        group: list[Transfer] = []
        for t in batch:
            group.append(t)
            if not t.flags & LINKED:
                statuses += self.post_group(group)
                group = []
        return statuses + (self.post_group(group) if group else [])

    def post_group(self, group: list[Transfer]) -> list[TransferStatus]:
        before = self.copy()
        found = [S.LINKED_FAILED] * len(group)
        for place, t in enumerate(group):
            found[place] = self.post(t)
            if place == len(group) - 1 and t.flags & LINKED and found[place] <= S.EXISTS:
                found[place] = S.LINKED_OPEN
            if found[place] > S.EXISTS:
                self.take(before)
                return [s if i == place else S.LINKED_FAILED for i, s in enumerate(found)]
        if len(set(found)) > 1:
            self.take(before)
            return [s if s is S.EXISTS else S.LINKED_FAILED for s in found]
        return found

    def post(self, t: Transfer) -> TransferStatus:
        held = next((p for p in self.posted if p.transfer_id == t.pending_id and p.flags & P), None)
        if held is not None and t.flags & (POST | VOID):
            t = replace(
                t,
                debit_account=t.debit_account or held.debit_account,
                credit_account=t.credit_account or held.credit_account,
                amount_fen=t.amount_fen or held.amount_fen,
            )
        reasons = self.reasons(t, held)
        if not reasons:
            self.posted.append(t)
            if t.flags & (POST | VOID):
                self.ended[t.pending_id] = S.PENDING_POSTED if t.flags & POST else S.PENDING_VOIDED
        return min(reasons, default=S.POSTED)

    def reasons(self, t: Transfer, held: Transfer | None) -> set[TransferStatus]:
        """Every reason against ``t``; the enum's own order is the precedence."""
        same_id = [p for p in self.posted if p.transfer_id == t.transfer_id]
        found = {S.EXISTS if p == t else S.EXISTS_DIFFERENT for p in same_id}
        phases = [flag for flag in (P, POST, VOID) if t.flags & flag]
        closes = bool(t.flags & (POST | VOID))
        if (
            t.transfer_id == ""
            or t.at == "today"
            or len(phases) > 1
            or t.flags >= 32
            or closes != bool(t.pending_id)
            or (t.timeout_s and phases != [P])
        ):
            return found | {S.MALFORMED}
        if closes:
            found |= self.reasons_to_keep(t, held)
            if found:
                return found
        if not {t.debit_account, t.credit_account} <= self.kinds.keys():
            return found | {S.UNKNOWN_ACCOUNT}
        if t.debit_account == t.credit_account:
            found.add(S.SAME_ACCOUNT)
        if t.amount_fen <= 0:
            found.add(S.AMOUNT_NOT_POSITIVE)
        if any(t.at.startswith(period) for period in self.periods):
            found.add(S.PERIOD_CLOSED)
        return found if closes else found | self.reasons_of_balance(t)

    def reasons_to_keep(self, t: Transfer, held: Transfer | None) -> set[TransferStatus]:
        if held is None:
            return {S.PENDING_UNKNOWN}
        found = set()
        if (t.debit_account, t.credit_account) != (held.debit_account, held.credit_account) or t.at < held.at:
            found.add(S.PENDING_DIFFERENT)
        if held.transfer_id in self.ended:
            found.add(self.ended[held.transfer_id])
        elif self.end(held) and t.at >= self.end(held):
            found.add(S.PENDING_EXPIRED)
        if t.amount_fen > held.amount_fen or (t.flags & VOID and t.amount_fen != held.amount_fen):
            found.add(S.PENDING_AMOUNT)
        return found

    def reasons_of_balance(self, t: Transfer) -> set[TransferStatus]:
        found = set()
        debits, credits_, held_out, _ = self.sides(t.debit_account)
        debits_to, credits_to, _, held_in = self.sides(t.credit_account)
        if max(debits + held_out, credits_to + held_in) + t.amount_fen > FEN_MAX:
            found.add(S.OVERFLOW)
        floor = BOUNDS.get(self.kinds[t.debit_account], Bounds()).floor_fen
        if floor is not None and credits_ - debits - held_out - t.amount_fen < floor:
            found.add(S.INSUFFICIENT)
        ceiling = BOUNDS.get(self.kinds[t.credit_account], Bounds()).ceiling_fen
        if ceiling is not None and credits_to + held_in - debits_to + t.amount_fen > ceiling:
            found.add(S.ABOVE_CEILING)
        return found


def agree(store: Store, many: int) -> None:
    examples = count()
    seen = Counter[TransferStatus]()

    class Books(RuleBasedStateMachine):
        """One store for all examples; each example has its own prefix (and closes no period of the next)."""

        def __init__(self) -> None:
            super().__init__()
            if store.engine.dialect.name == "postgresql":  # a long book takes long to sum up after every step
                with store.begin() as connection:
                    connection.execute(sa.text("SET LOCAL session_replication_role = replica"))  # no trigger refuses
                    connection.execute(sa.text("TRUNCATE transfer, account, hold, account_entry, period_close"))
            self.prefix = f"{next(examples)}:"
            self.ledger = Ledger(store, bounds=BOUNDS)
            self.oracle = Oracle(periods={p.period for p in self.ledger.closed_periods()})

        def real(self, t: Transfer) -> Transfer:
            names = [self.prefix + n if n else "" for n in (t.transfer_id, t.debit_account, t.credit_account)]
            pending_id = self.prefix + t.pending_id if t.pending_id else ""
            return Transfer(*names, t.amount_fen, t.code, t.at, t.memo, t.flags, pending_id, t.timeout_s)

        @initialize(kinds=st.permutations(KINDS), more=st.sampled_from(KINDS))
        def open_accounts(self, kinds: list[AccountKind], more: AccountKind) -> None:
            self.oracle.kinds = {"a": kinds[0], "b": kinds[1], "c": more}
            self.ledger.open_accounts((self.prefix + name, kind) for name, kind in self.oracle.kinds.items())

        @rule()
        def open_the_last_account(self) -> None:
            self.oracle.kinds["d"] = AccountKind.EXTERNAL
            self.ledger.open_accounts([(self.prefix + "d", AccountKind.EXTERNAL)])

        @rule(batch=st.lists(PLAIN, max_size=8))
        def post(self, batch: list[Transfer]) -> None:
            expected = self.oracle.post_all(batch)
            assert self.ledger.post_many(map(self.real, batch)) == expected
            seen.update(expected)

        @rule(t=PLAIN)
        def submit_one(self, t: Transfer) -> None:
            """By the shortest way there is, with the balances after it."""
            (expected,) = self.oracle.post_all([t])
            found = self.ledger.submit(self.real(t))
            assert found.status == expected
            if expected is S.POSTED and not t.pending_id:
                for name, net in ((t.debit_account, found.debit_net_fen), (t.credit_account, found.credit_net_fen)):
                    debits, credits_, *_ = self.oracle.sides(name)
                    assert net == credits_ - debits

        @rule(t=GOOD, wrong=st.sampled_from(WRONG))
        def post_one_that_is_wrong(self, t: Transfer, wrong: dict[str, Any]) -> None:
            self.post([replace(t, **({"transfer_id": "wrong", "flags": 0} | wrong))])

        @rule(places=st.lists(st.integers(0, 50), min_size=1, max_size=4), other=st.booleans())
        def post_again(self, places: list[int], other: bool) -> None:
            """What was posted comes again: the same, or under the same id with another amount."""
            posted = list(self.oracle.posted)
            if posted:
                batch = [posted[place % len(posted)] for place in places]
                self.post([replace(t, amount_fen=t.amount_fen + other) for t in batch])

        @rule(
            place=st.integers(0, 50),
            amount=st.sampled_from([0, 0, 1, 19, FEN_MAX]),
            flags=st.sampled_from([4, 4, 8, 5]),
            name=st.sampled_from(IDS[20:]),
            at=st.sampled_from(MOMENTS[:6]),
            named=st.sampled_from(["not", "right", "right", "swapped"]),
        )
        def close_a_hold(self, place: int, amount: int, flags: int, name: str, at: str, named: str) -> None:
            holds = [t for t in self.oracle.posted if t.flags & P]
            if holds:
                hold = holds[place % len(holds)]
                sides = ("", "") if named == "not" else (hold.debit_account, hold.credit_account)
                sides = sides[::-1] if named == "swapped" else sides
                closing = Transfer(name, *sides, amount, "test", at, "", flags, hold.transfer_id)
                self.post([closing, replace(closing, transfer_id="again")])

        @rule(
            hold=GOOD,
            timeout_s=st.sampled_from([0, 3]),
            expires=st.booleans(),
            amounts=st.lists(st.sampled_from([0, 1, FEN_MAX]), min_size=2, max_size=2),
            flags=st.lists(st.sampled_from([4, 8]), min_size=2, max_size=2),
        )
        def hold_and_close(
            self, hold: Transfer, timeout_s: int, expires: bool, amounts: list[int], flags: list[int]
        ) -> None:
            self.post([replace(hold, transfer_id="hold", flags=2, timeout_s=timeout_s)])
            if expires:
                self.expire("2014-07-31T10:00:03")
            for turn in (0, 1):
                closing = Transfer(f"end{turn}", "", "", amounts[turn], "test", "2014-07-31T10:00:02")
                self.post([replace(closing, flags=flags[turn], pending_id="hold")])

        @rule(now=st.sampled_from(["2014-07-31T10:00:02", "2014-07-31T10:00:03", "2014-07-31T10:00:08"]))
        def expire(self, now: str) -> None:
            assert self.ledger.expire(now) == self.oracle.expire(now)

        @rule(batch=st.lists(PLAIN, max_size=8))
        def post_and_roll_back(self, batch: list[Transfer]) -> None:
            aside = self.oracle.copy()
            expected = aside.post_all(batch)
            with store.engine.connect() as connection, connection.begin() as transaction:
                assert self.ledger.post_many(map(self.real, batch), connection) == expected
                transaction.rollback()

        @rule(period=st.sampled_from(["2013", "2014-06-30"]))
        def close_a_period(self, period: str) -> None:
            self.ledger.close_period(period, at="2014-07-01T00:00:00")
            self.oracle.periods.add(period)

        @invariant()
        def balances_are_the_sums(self) -> None:
            with store.begin() as one:
                found = self.ledger.balances((self.prefix + name for name in NAMES), one)
                totals = self.ledger.totals(one), self.ledger.pending_totals(one)
                assert self.ledger.recompute(one) == []
            sides = {
                name: (b.debits_fen, b.credits_fen, b.debits_pending_fen, b.credits_pending_fen)
                for name, b in found.items()
            }
            assert sides == {self.prefix + name: self.oracle.sides(name) for name in self.oracle.kinds}
            for debits, credits_ in totals:
                assert debits == credits_

        def teardown(self) -> None:
            self.expire("2014-08-01T00:00:00")  # the next example finds no open hold that may expire
            self.histories_end_at_the_balances()
            assert self.ledger.changed_periods() == []

        def histories_end_at_the_balances(self) -> None:
            for name in self.oracle.kinds:
                entries = list(self.ledger.history(self.prefix + name))
                moves = [t for t in self.oracle.posted if not t.flags & (P | VOID)]
                moves = [t for t in moves if name in (t.debit_account, t.credit_account)]
                expected = sorted(range(len(moves)), key=lambda i: (moves[i].at, i))
                assert [e.transfer for e in entries] == [self.real(moves[i]) for i in expected]
                balance = self.ledger.balance(self.prefix + name)
                assert self.ledger.balance_at(self.prefix + name, "2014-08-02T00:00:00") == balance
                assert (entries[-1].net_fen if entries else 0) == balance.net_fen

    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=many,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    assert set(TransferStatus) == set(seen)  # the machine has met every status


def test_the_books_agree_with_a_list_of_transfers(store: Store) -> None:
    agree(store, 25)


@pytest.mark.soak
def test_the_books_agree_with_a_list_of_transfers_for_long(store: Store) -> None:
    agree(store, 500)
