"""The person's year (年度累计) in the database and in memory: own counters by bucket, the others once for the year."""

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa

from sbcard_core.medical.visit import NOTHING, OWN, Accumulators
from sbcard_core.store import insert_many, schema, update_many

Key = tuple[str, str, int, str]
"""psn_no, insutype, year, bucket."""

SHARED: Final = ""
"""The bucket that stands for all of them."""
_KEY: Final = ("psn_no", "insutype", "year", "bucket")
_FIELDS: Final = Accumulators._fields
_LOOKUP_IDS: Final = 900
_row = schema.medical_year.c
_FIND: Final = sa.select(*(_row[name] for name in (*_KEY, *_FIELDS))).where(
    _row.psn_no.in_(sa.bindparam("ids", expanding=True))
)
_CARD: Final = schema.card.c


class Years:
    """Accumulators of many persons, held in memory while a batch is settled.

    Example:
        >>> years = Years()
        >>> years.add(("P1", "employee", 2014, "inpatient"), Accumulators(visits=1, maf_fen=5))
        >>> years.of(("P1", "employee", 2014, "inpatient")), years.of(("P1", "employee", 2014, "chronic")).maf_fen
        (Accumulators(visits=1, deductible_fen=0, pool_base_fen=0, pool_paid_fen=0, catastrophic_base_fen=0, \
cvlserv_fen=0, hifes_fen=0, maf_fen=5, oth_fen=0), 5)
    """

    def __init__(self) -> None:
        self._held: dict[Key, Accumulators] = {}
        self._stored: set[Key] = set()
        self._touched: set[Key] = set()

    def of(self, key: Key) -> Accumulators:
        """What a visit that counts in this bucket must know."""
        own, shared = self._held.get(key, NOTHING), self._held.get((*key[:3], SHARED), NOTHING)
        return own if shared is NOTHING else Accumulators(*own[:OWN], *shared[OWN:])

    def add(self, key: Key, added: Accumulators) -> None:
        """Count a settlement, or take one back."""
        if any(added[OWN:]):
            self._put((*key[:3], SHARED), Accumulators(0, 0, 0, 0, *added[OWN:]))
            added = Accumulators(*added[:OWN])
        self._put(key, added)

    def _put(self, key: Key, added: Accumulators) -> None:
        there = self._held.get(key)
        self._held[key] = added if there is None else there.plus(added)
        self._touched.add(key)

    def buckets(self) -> dict[Key, Accumulators]:
        """Every bucket in which something counts, as a visit sees it."""
        return {key: self.of(key) for key, own in self._held.items() if key[3] != SHARED and any(own[:OWN])}

    def load(self, connection: sa.Connection, persons: Iterable[str]) -> "Years":
        """Read every year of these persons."""
        names = list(dict.fromkeys(persons))
        for start in range(0, len(names), _LOOKUP_IDS):
            for row in connection.execute(_FIND, {"ids": names[start : start + _LOOKUP_IDS]}):
                key: Key = (row[0], row[1], row[2], row[3])
                self._held[key] = Accumulators(*row[4:])
                self._stored.add(key)
        return self

    def save(self, connection: sa.Connection) -> None:
        """Write what was added since it was read; the caller holds the posting lock from before the reading on."""
        new = [(*key, *self._held[key]) for key in self._touched - self._stored]
        old: list[tuple[Any, ...]] = [(*self._held[key], *key) for key in self._touched & self._stored]
        insert_many(connection, schema.medical_year, (*_KEY, *_FIELDS), new)
        update_many(connection, schema.medical_year, _FIELDS, _KEY, old)
        self._stored |= self._touched
        self._touched.clear()


def person_of_card(connection: sa.Connection, card_no: str) -> str:
    """Whose year a settlement without a person number counts in: all cards of a registered person share one.

    Example:
        >>> from sbcard_core.store import Store
        >>> with Store.open("sqlite://") as store, store.begin() as connection:
        ...     person_of_card(connection, "B00000019")
        'card:B00000019'
    """
    found = connection.execute(sa.select(_CARD.person_id).where(_CARD.card_no == card_no)).scalar()
    return f"card:{card_no}" if found is None else f"person:{found}"


def accumulators_of(
    connection: sa.Connection, card_no: str, year: int, *, insutype: str | None = None, bucket: str | None = None
) -> Accumulators:
    """The year so far of the person who holds a card: all settlements on all of the person's cards, cancellations in.

    Args:
        connection: a transaction.
        card_no: any of the person's cards.
        year: calendar year.
        insutype: one insurance; default all together.
        bucket: as a visit of that bucket sees it; default all together.

    Example:
        >>> from sbcard_core.store import Store
        >>> with Store.open("sqlite://") as store, store.begin() as connection:
        ...     accumulators_of(connection, "B00000019", 2014).visits
        0
    """
    person = person_of_card(connection, card_no)
    total = NOTHING
    for row in connection.execute(_FIND, {"ids": [person]}):
        own = Accumulators(*row[4:])
        if row[2] == year and insutype in (None, row[1]) and (bucket is None or row[3] in (bucket, SHARED)):
            total = total.plus(own)
    return total
