"""The rules that look beyond a line: other programmes, other people, life, suspension, and what changed since."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from sbcard_core.calendar import Period
from sbcard_core.payout.checks import stored_period
from sbcard_core.payout.due import SUSPENDED, SUSPENDED_NOW, days, not_living
from sbcard_core.payout.programmes import Exclusion, Programme
from sbcard_core.payout.rolls import Roll
from sbcard_core.payout.states import HELD_ITEM, RollLineState
from sbcard_core.store import schema, update_many
from sbcard_core.values import CardState


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides beside the lines themselves."""

    programme: Programme
    period: Period
    exclusions: Sequence[Exclusion] = ()


_READY = f"state < 50 AND state = {int(RollLineState.READY)}"  # "state < 50" lets the claim index be used
_OF_ROLL = f"run_id = :run AND roll_id = :roll AND {_READY}"

_BACK_PAID = (
    "SELECT b.person_id FROM payout_roll_line b JOIN payout_roll q ON q.roll_id = b.roll_id "  # noqa: S608 - ours
    f"WHERE b.item <> '' AND b.item IN ({{items}}) AND b.state < 50 AND b.state <> {int(RollLineState.HELD)} "
    "AND q.programme = :programme"
)
"""A period is due once: by its own line, or as back pay of it (``held:<period>``), whichever roll has it first."""


def apply(connection: sa.Connection, order: Rules, roll: Roll) -> None:
    """The rules that look beyond the line: other programmes, other people, life, suspension."""
    programme, period = order.programme, order.period
    ids = {"roll": roll.roll_id, "run": roll.run_id}

    def refuse(code: str, rule: str, state: RollLineState = RollLineState.REFUSED, **values: object) -> None:
        update = f"UPDATE payout_roll_line SET state = {int(state)}, reason = '{code}' WHERE {_OF_ROLL} AND {rule}"  # noqa: S608
        connection.execute(sa.text(update), {**ids, **values})

    running = f"payout_roll_line.person_id IN ({SUSPENDED_NOW})"
    some_item = connection.execute(sa.text("SELECT 1 FROM payout_input WHERE item <> '' LIMIT 1")).first()
    if some_item is not None:
        before = (
            "EXISTS (SELECT 1 FROM payout_roll_line o JOIN payout_roll r ON r.roll_id = o.roll_id "  # noqa: S608 - ours
            "WHERE o.person_id = payout_roll_line.person_id AND o.item = payout_roll_line.item AND o.item <> '' "
            f"AND o.state < 50 AND (o.state <> {int(RollLineState.HELD)} OR {running}) "
            "AND o.roll_id <> :roll AND r.programme = :programme)"
        )
        refuse("item", f"item <> '' AND {before}", programme=programme.code)
        for due in _held_periods(connection):
            runs = _runs(connection, frozenset({programme.code}), due)
            paid = _of_runs(runs, f"item = '' AND state <> {int(RollLineState.HELD)}")
            refuse("item", f"item = :held AND person_id IN ({paid})", held=HELD_ITEM + due)
    back_paid = _BACK_PAID.format(items=", ".join(f"'{HELD_ITEM}{one}'" for one in period.overlapping()))
    if connection.execute(sa.text(back_paid), {"programme": programme.code}).first() is not None:
        refuse("item", f"item = '' AND person_id IN ({back_paid})", programme=programme.code)
    others = [one for one in _runs(connection, frozenset({programme.code}), period) if one != roll.run_id]
    if others:
        for key in ("person_id", "household") if programme.household else ("person_id",):
            there = _of_runs(others, "item = ''", key)
            refuse("overlap", f"item = '' AND {key} IN ({there})")
    for rule in order.exclusions:
        if programme.code in rule.codes:
            excluding = _runs(connection, rule.codes - {programme.code}, period)
            key = "household" if rule.per_household else "person_id"
            if excluding:
                there = _of_runs(excluding, "1 = 1", key)
                refuse("excluded", f"{key} IN ({there}) AND ('{key}' = 'person_id' OR household <> '')")
    _refuse_shared(connection, roll)
    dead = f"SELECT person_id FROM payout_standing WHERE {not_living(programme, period)}"  # noqa: S608
    refuse("living", f"person_id IN ({dead})")
    held = f"item = '' AND person_id IN ({SUSPENDED}) OR item <> '' AND {running}"
    refuse("suspended", f"({held})", RollLineState.HELD, programme=programme.code, **days(period))


_SHARED = (
    "SELECT line FROM (SELECT roll_id, line, state, MIN(person_id) OVER same AS low, MAX(person_id) OVER same AS high "
    "FROM payout_roll_line WHERE {rows} AND account_no <> '' AND state < 50 "
    "WINDOW same AS (PARTITION BY account_no)) x "
    "WHERE low <> high AND roll_id = :roll AND state = {ready}"
)


def _refuse_shared(connection: sa.Connection, roll: Roll) -> None:
    """One account, two people in a run of rolls: none of them is paid, or not the later one.

    One sort and then the lines by their key: whatever a planner believes of rows it has never counted, it can't
    make of this a search of the whole roll for every line.
    """
    rows_of = "roll_id = :roll" if roll.run_id == roll.roll_id else "run_id = :run"
    query = sa.text(_SHARED.format(rows=rows_of, ready=int(RollLineState.READY)))
    ids = {"roll": roll.roll_id, "run": roll.run_id}
    found = connection.execute(query, ids).scalars().all()
    refused, code = int(RollLineState.REFUSED), "account_shared"
    rows = [(refused, code, roll.roll_id, line) for line in found]
    update_many(connection, schema.payout_roll_line, ("state", "reason"), ("roll_id", "line"), rows)


def _held_periods(connection: sa.Connection) -> list[Period]:
    """The periods for which the roll that is drafted brings back pay."""
    query = sa.text("SELECT DISTINCT item FROM payout_input WHERE substr(item, 1, :length) = :head")
    items = connection.execute(query, {"length": len(HELD_ITEM), "head": HELD_ITEM}).scalars()
    return [Period(text) for item in items if Period.is_valid(text := item.removeprefix(HELD_ITEM))]


def _of_runs(runs: Sequence[int], rule: str, key: str = "person_id") -> str:
    """SQL: people, or households, with a claim in some runs of rolls."""
    numbers = ", ".join(map(str, runs)) or "-1"
    return f"SELECT {key} FROM payout_roll_line WHERE run_id IN ({numbers}) AND state < 50 AND {rule}"  # noqa: S608


def _runs(connection: sa.Connection, codes: frozenset[str], period: Period) -> list[int]:
    """Runs of some programmes whose period shares a day with this one: a year and its quarters do."""
    roll = schema.payout_roll.c
    query = sa.select(roll.run_id, roll.period).where(roll.programme.in_(sorted(codes)))
    overlapping = period.overlapping()
    return [run_id for run_id, text in connection.execute(query) if stored_period(text) in overlapping]


_CLAIM = f"l.run_id = :run AND l.roll_id = :roll AND l.state < 50 AND l.state = {int(RollLineState.READY)}"
_STALE = (
    "SELECT l.line, 'living' FROM payout_standing CROSS JOIN payout_roll_line l "
    "WHERE l.person_id = payout_standing.person_id AND {claim} AND {not_living}",
    "SELECT l.line, 'account' FROM payout_standing t CROSS JOIN payout_roll_line l "
    "WHERE l.person_id = t.person_id AND {claim} AND t.account_no IS NOT NULL "
    "AND (t.account_no <> l.account_no OR t.bank <> l.bank OR t.account_state NOT IN ({payable}))",
    "SELECT l.line, 'card' FROM card k CROSS JOIN payout_roll_line l "
    "WHERE l.person_id = k.person_id AND {claim} AND k.account_no = l.account_no "
    "AND k.account_state NOT IN ({payable}) "
    "AND NOT EXISTS (SELECT 1 FROM payout_standing t WHERE t.person_id = k.person_id AND t.account_no IS NOT NULL) "
    "AND NOT EXISTS (SELECT 1 FROM card n WHERE n.person_id = k.person_id AND n.account_no = k.account_no "
    "AND n.account_state IN ({payable}))",
)


def stale(
    connection: sa.Connection, programme: Programme, payable_states: Collection[CardState], roll: Roll
) -> list[tuple[int, str]]:
    """Lines that could be paid when the roll was drafted and can't be now, each with the code of its reason.

    It starts at what is not in order, which is little: cards out of use and people told of, not at the lines.
    """
    payable = ", ".join(str(int(state)) for state in sorted(payable_states)) or "-1"
    names = {"claim": _CLAIM, "payable": payable, "not_living": not_living(programme, stored_period(roll.period))}
    ids = {"roll": roll.roll_id, "run": roll.run_id}
    found: dict[int, str] = {}
    for query in _STALE:
        for line, code in connection.execute(sa.text(query.format(**names)), ids):
            found.setdefault(line, code)
    return sorted(found.items())
