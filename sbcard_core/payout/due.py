"""Whether a period is due to a person: by life and by suspension, in Python for one person and in SQL for a roll."""

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from sbcard_core.calendar import Period
from sbcard_core.payout.checks import stored_period
from sbcard_core.payout.programmes import Programme
from sbcard_core.store import schema
from sbcard_core.values import LifeStatus


def lived_until(programme: Programme, period: Period) -> date:
    """Who lived on this day is due the period: its first day, or the day after it where the rule is stricter."""
    return period.begin if programme.pays_month_of_death else period.end + timedelta(days=1)


def is_due(programme: Programme, period: Period, died_on: date | None) -> bool:
    """Whether a period is due to somebody who died on a day, or lives (None).

    Example:
        >>> from sbcard_core.payout.programmes import PENSION
        >>> [is_due(PENSION, Period(text), date(2014, 8, 20)) for text in ("2014-08", "2014-09", "2014-Q3", "2014")]
        [True, False, True, True]
    """
    return died_on is None or lived_until(programme, period) <= died_on


def not_living(programme: Programme, period: Period) -> str:
    """SQL on a row of payout_standing: the person is not due the period, or not known to live."""
    dead = f"living = {int(LifeStatus.DEAD)} AND died_on IS NOT NULL"
    due = f"{dead} AND died_on >= '{lived_until(programme, period)}'"
    return f"living <> {int(LifeStatus.NORMAL)} AND NOT ({due})"


def days(period: Period) -> dict[str, str]:
    """First and last day of a period, as the SQL of :data:`SUSPENDED` binds them."""
    return {"begin": period.begin.isoformat(), "end": period.end.isoformat()}


SUSPENDED = (
    "SELECT person_id FROM payout_hold WHERE programme = :programme "
    "AND since <= :end AND (until IS NULL OR (until > :begin AND until > since))"
)
"""Whose due of the period is held: the suspension began before its end, and had not ended before its begin.

One that ended where it began, or before, holds nothing."""
SUSPENDED_NOW = "SELECT person_id FROM payout_hold WHERE programme = :programme AND until IS NULL"
"""Who is suspended now: arrears wait while a suspension runs, whatever the period of their roll."""


def is_suspended(connection: sa.Connection, programme: Programme, person_id: int, period: Period, item: str) -> bool:
    """Whether a line for a period, or for an item, is held for one person; the same rule as the SQL."""
    query = f"SELECT 1 FROM ({SUSPENDED_NOW if item else SUSPENDED}) h WHERE person_id = :person"  # noqa: S608 - ours
    values = {"programme": programme.code, "person": person_id, **({} if item else days(period))}
    return connection.execute(sa.text(query), values).first() is not None


def period_of(item: str, roll_period: str) -> Period:
    """The period a line is for: what its item names (``held:2014-05``), or its roll's.

    Example:
        >>> period_of("held:2014-05", "2014-08"), period_of("", "2014-08"), period_of("aid", "2014-08")
        (Period('2014-05'), Period('2014-08'), Period('2014-08'))
    """
    named = item.rpartition(":")[2] if ":" in item else ""
    return Period(named) if Period.is_valid(named) else stored_period(roll_period)


def last_event(connection: sa.Connection, person_id: int) -> Any:
    """The latest report of a person's death, its correction or withdrawal (``died_on`` None); None if there is none."""
    death = schema.payout_death.c
    query = sa.select(death.event_id, death.died_on).where(death.person_id == person_id)
    return connection.execute(query.order_by(death.event_id.desc()).limit(1)).one_or_none()


def death_of(connection: sa.Connection, person_id: int) -> tuple[bool, date | None]:
    """Whether a person is known to be dead, and the day, where that is known."""
    standing = schema.payout_standing.c
    query = sa.select(standing.living, standing.died_on).where(standing.person_id == person_id)
    row: Any = connection.execute(query).one_or_none()
    if row is None or row.living != LifeStatus.DEAD:
        return False, None
    return True, None if row.died_on is None else date.fromisoformat(row.died_on)
