"""A death reported, corrected and withdrawn: every later question follows, on the day of the act."""

from datetime import date

import sqlalchemy as sa

from sbcard_core.backend import Backend, Rules
from sbcard_core.eligibility import Purpose
from sbcard_core.store import schema

ONE, TWO = "610104196209276908", "11010519491231002X"
DAYS = [date(2014, 8, day) for day in (9, 10, 11, 20, 21)]


def allowed(backend: Backend, number: str, purpose: Purpose = Purpose.MEDICAL) -> list[int]:
    """Days of August on which the person may be treated."""
    with backend.store.begin() as connection:
        return [
            day.day for day in DAYS if backend.eligibility.may(connection, purpose, on=day, id_number=number).is_allowed
        ]


def test_answers_follow_what_is_known_of_a_death() -> None:
    with Backend.open("sqlite://", rules=Rules(programmes=())) as backend:
        with backend.store.begin() as connection:
            for person_id, number in enumerate((ONE, TWO), 1):
                row = dict.fromkeys(("name", "phone", "form_no", "submitted_on", "source_file"), "x")
                row |= {"person_id": person_id, "id_number": number, "sex": "1", "ethnicity": "01", "category": 4}
                row |= {"birth": "1962-09-27", "city": "430100", "county": "430102", "bank": "103", "source_line": 1}
                connection.execute(sa.insert(schema.person).values(row))
        everyday = [9, 10, 11, 20, 21]
        assert allowed(backend, ONE) == everyday
        backend.payout.death(ONE, date(2014, 8, 10), on=date(2014, 9, 1), decision="1")
        assert allowed(backend, ONE) == [9, 10]
        assert allowed(backend, ONE, Purpose.CREDIT) == [9, 10]
        assert allowed(backend, TWO) == everyday
        backend.payout.death(ONE, date(2014, 8, 20), on=date(2014, 9, 2), decision="2")
        assert allowed(backend, ONE) == [9, 10, 11, 20]
        backend.payout.withdraw_death(ONE, decision="3", on=date(2014, 9, 3))
        assert allowed(backend, ONE) == everyday
