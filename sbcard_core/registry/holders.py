"""Whether a card's holder lives: nothing is opened, ordered or handed over for a person whose death is recorded."""

import sqlalchemy as sa

from sbcard_core.store import schema
from sbcard_core.values import LifeStatus

_TOLD = schema.payout_standing.c


def is_dead(person_id: "sa.ColumnElement[int]", on: str) -> "sa.ColumnElement[bool]":
    """Whether a person's death is recorded and was before a day ``YYYY-MM-DD``.

    The day of death still counts as one of the living; where it is not known, the day of the report is the first that
    does not. A death that was withdrawn is none.
    """
    gone = sa.case((_TOLD.died_on.is_(None), _TOLD.told_on <= on), else_=_TOLD.died_on < on)
    return sa.exists().where(_TOLD.person_id == person_id, _TOLD.living == int(LifeStatus.DEAD), gone)
