"""Card production (制卡): orders to the factory, back-files from it.

An order file holds one JSON object per line, made by ``card.personalize``: the card's files and its keys, the
keys encrypted under the transport key. Card numbers are a letter per city (assumed: the real table of letters
is not public), seven serial digits and the GB 11714 check character.
"""

import sys
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sbcard_core.calendar import as_day
from sbcard_core.crypto.keys import SecretKey
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message
from sbcard_core.registry import orders
from sbcard_core.registry.card_numbers import CITY_LETTERS
from sbcard_core.registry.holders import is_dead
from sbcard_core.registry.production_results import BackFileReport, read_back_file, withdraw
from sbcard_core.store import Store, schema

__all__ = ["MAX_CARDS", "VALIDITY_YEARS", "BackFileReport", "Production"]

MAX_CARDS = 2000
"""Cards per order; assumed."""
VALIDITY_YEARS = 10
"""卡有效期: ten years in the provinces that publish it; assumed elsewhere."""

Select = Callable[[str, str, int, int], "sa.Select[Any]"]


class Production:
    """The card orders of one database.

    Args:
        store: the database.
        keys: the issuer's master keys.
        transport: the key shared with the factory, under which card keys travel.
        letters: first letter of card numbers by city.
        validity_years: from the order's day.
    """

    def __init__(
        self,
        store: Store,
        keys: MasterKeys,
        transport: SecretKey,
        *,
        letters: Mapping[str, str] = CITY_LETTERS,
        validity_years: int = VALIDITY_YEARS,
    ) -> None:
        self._store = store
        self._factory = orders.Factory(keys, transport, letters)
        self._validity_years = validity_years

    def order(
        self,
        city: str,
        *,
        ordered_on: date,
        out_dir: Path,
        max_cards: int = MAX_CARDS,
        quotas: Mapping[str, int] | None = None,
    ) -> list[Path]:
        """Order a card for everyone of ``city`` who lives, with an opened account and no card.

        One file ``<order number>.jsonl`` per bank (a card carries its bank's name) and ``max_cards`` cards. A
        repeated call orders nothing twice. With ``quotas`` (a month's cards by bank code), no more than that are
        ordered of a bank, and none of a bank not named; whoever was not reached is ordered by a later call.

        Raises:
            NumbersExhausted: the city has no letter or no serials left.
        """
        return self._order(city, ordered_on, out_dir, max_cards, orders.first_cards, quotas)

    def order_replacements(
        self, city: str, *, ordered_on: date, out_dir: Path, max_cards: int = MAX_CARDS
    ) -> list[Path]:
        """Order new cards (补卡) for the replacement requests of ``city``; see :meth:`order`."""
        return self._order(city, ordered_on, out_dir, max_cards, orders.replacement_cards)

    def reorder_unmade(self, city: str, *, ordered_on: date, out_dir: Path, max_cards: int = MAX_CARDS) -> list[Path]:
        """Order again, under their numbers, the cards that answered orders did not bring; see :meth:`order`."""
        return self._order(city, ordered_on, out_dir, max_cards, orders.unmade_cards)

    def withdraw(self, order_no: str, *, on: date) -> int:
        """Wait for an order no longer (撤回): what it did not bring can be ordered again by :meth:`reorder_unmade`.

        A back-file that comes all the same counts for the cards that were not ordered again.

        Returns:
            How many cards it did not bring.

        Raises:
            OrderRefused: no such order, or a day before it.
        """
        return withdraw(self._store, order_no, on=on)

    def read_back_file(self, path: Path, *, read_on: date) -> BackFileReport:
        """Take in a factory's back-file; see :func:`sbcard_core.registry.production_results.read_back_file`."""
        return read_back_file(self._store, path, read_on=read_on)

    def _order(
        self,
        city: str,
        ordered_on: date,
        out_dir: Path,
        max_cards: int,
        select: Select,
        quotas: Mapping[str, int] | None = None,
    ) -> list[Path]:
        if max_cards < 1:
            raise InvalidValue(message("registry.order_size"), step="production.order", term="制卡批次")
        batch = schema.opening_batch.c
        with self._store.begin() as connection:
            query = sa.select(batch.bank).where(batch.city == city).distinct().order_by(batch.bank)
            banks = connection.execute(query).scalars().all()
        write = orders.made_again if select is orders.unmade_cards else orders.new_cards
        ordered_on = as_day(ordered_on)
        day = ordered_on.isoformat().replace("-", "")
        expires_on = _years_later(ordered_on, self._validity_years).isoformat()
        lives = ~is_dead(schema.person.c.person_id, ordered_on.isoformat())
        paths: list[Path] = []
        for bank in banks:
            place = orders.Place(city, bank, ordered_on.isoformat(), expires_on)
            left = sys.maxsize if quotas is None else quotas.get(bank, 0)
            after = 0
            while left > 0:
                size = min(max_cards, left)
                with self._store.writing(schema.production_order) as connection:
                    rows = connection.execute(select(city, bank, after, size).where(lives)).all()
                    if not rows:
                        break
                    after = rows[-1][0]
                    order_no = orders.next_order_no(connection, f"{city}{bank}{day}")
                    path = out_dir / f"{order_no}.jsonl"
                    ordered = write(connection, self._factory, place, rows, path)
                    left -= ordered
                    if ordered:
                        paths.append(path)
                if len(rows) < size:
                    break
        return paths


def _years_later(day: date, years: int) -> date:
    """The same day some years later; 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)
