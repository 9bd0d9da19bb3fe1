"""Premium processes killed at random moments: what was acknowledged is there, nothing is half there or there twice."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from sbcard_core.ledger import Ledger
from sbcard_core.premiums import SAMPLE, BillState, Premiums
from sbcard_core.store import Store, schema
from tests.faults import Children, needs_linux, sampled
from tests.premiums.premium_child import AT_COUNTER, FEN, PEOPLE, ROUNDS, STEPS, do, period_of, round_of

pytestmark = needs_linux
KILLS = {"sqlite": 5, "postgresql": 3}
MANY = {"sqlite": 1000, "postgresql": 200}


@pytest.fixture
def children() -> Iterator[Children]:
    with Children(Path(__file__).with_name("premium_child.py")) as found:
        yield found


def steps_there(store: Store) -> dict[str, set[int]]:
    """The steps that are in the books, by run, each whole; the books are those of the bills."""
    bill, paid, back = schema.premium_bill.c, schema.premium_payment.c, schema.premium_refund.c
    asked, left = schema.premium_batch_line.c, schema.premium_suspended.c
    with store.begin() as connection:
        states = {row[0]: row[1] for row in connection.execute(sa.select(bill.bill_no, bill.state))}
        payments = {row[1]: row[0] for row in connection.execute(sa.select(paid.payment_id, paid.bill_no))}
        refunds = list(connection.execute(sa.select(back.refund_id)).scalars())
        lines = {row[0]: row[1] for row in connection.execute(sa.select(asked.bill_no, asked.state))}
        suspended = {row[0]: row[1] for row in connection.execute(sa.select(left.bill_no, left.left_fen))}
        moved = Counter(connection.execute(sa.select(schema.transfer.c.transfer_id)).scalars())
    wanted = {f"premium:{name}:{part}" for name in payments.values() for part in (0, 1)}
    wanted |= {f"premium-refund:{name}:{part}" for name in refunds for part in (0, 1)}
    wanted |= {f"premium-suspense:{payments[name]}" for name in suspended}
    assert moved == Counter(wanted)
    by_period: dict[str, list[str]] = defaultdict(list)
    for name in states:
        by_period[name.partition(".")[0]].append(name)
    found: dict[str, set[int]] = defaultdict(set)
    for period, bills in by_period.items():
        bills.sort()
        assert len(bills) == PEOPLE
        counter, agent = bills[:AT_COUNTER], bills[AT_COUNTER:]
        kinds = [True, *(_all_or_none(here) for here in (
            [name in payments for name in counter], [f"R:{name}" in refunds for name in counter[:2]],
            [name in lines for name in agent], [name in payments for name in agent],
        ))]  # fmt: skip
        assert _all_or_none([suspended.get(name) == 100 for name in agent]) == kinds[4]
        for at, name in enumerate(bills):
            state = BillState.PAID if name in payments else BillState.OPEN
            assert states[name] == (BillState.REFUNDED if kinds[2] and at == 0 else state)
        run, part = round_of(period)
        found[run] |= {STEPS * part + kind for kind, here in enumerate(kinds) if here}
    return found


def _all_or_none(here: list[bool]) -> bool:
    assert len(set(here)) == 1
    return here[0]


def killed(children: Children, store: Store, url: str, folder: Path, kills: int) -> None:
    rng, book = sampled(20150302), Premiums(store, Ledger(store), SAMPLE)
    acknowledged: dict[str, set[int]] = {}
    while len(acknowledged) < kills or not any(acknowledged.values()):  # some while they work, also on a slow machine
        name = str(len(acknowledged))
        life_ms = rng.uniform(0, 100 * (1 + len(acknowledged) // kills))
        done, _, status = children.run(url, name, STEPS * ROUNDS, str(folder), str(life_ms))
        assert status == -9
        acknowledged[name] = done
    there = steps_there(store)
    for name, said in acknowledged.items():
        assert said == set(range(len(said)))
        found = there.get(name, set())
        assert found in (said, said | {len(said)})  # the one in flight may have been kept
        for step in range(-(-len(found) // STEPS) * STEPS):  # the same again, to the end of the period
            became = do(book, name, step, folder)
            new = {"ISSUED", "PAID", "REFUNDED", "SENT", "OVERPAID"}
            assert became <= ({"EXISTS", "SENT"} if step in found else new), (name, step, became)
    assert not any(len(steps) % STEPS for steps in steps_there(store).values())
    periods = {period_of(name, step) for name, steps in steps_there(store).items() for step in steps}
    held = book.ledger.balances(["POOLED_FUND:resident", "CATASTROPHIC_FUND:resident", "SUSPENSE"])
    agent = PEOPLE - AT_COUNTER
    assert sum(one.net_fen for one in held.values()) == len(periods) * ((PEOPLE - 1) * FEN - 5001 + agent * 100)
    assert book.ledger.recompute() == []


def test_killed_at_random(children: Children, store_url: str, store: Store, tmp_path: Path) -> None:
    killed(children, store, store_url, tmp_path, KILLS[store.engine.dialect.name])


@pytest.mark.soak
def test_killed_at_random_many_times(children: Children, store_url: str, store: Store, tmp_path: Path) -> None:
    killed(children, store, store_url, tmp_path, MANY[store.engine.dialect.name])
