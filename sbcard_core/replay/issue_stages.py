"""Stages in which cards reach people, get lost and are replaced."""

from collections.abc import Iterator

import numpy as np
import sqlalchemy as sa

from sbcard_core.registry.issuing import Issuing
from sbcard_core.registry.lifecycle import Half, Operation
from sbcard_core.registry.production import Production
from sbcard_core.replay import factory
from sbcard_core.replay.campaign import AS_OF
from sbcard_core.replay.context import Context
from sbcard_core.store import schema

CHUNK = 5_000
ACCOUNT_ACTIVATED_PERCENT = 85
TEMPORARY_LOSS_ONE_IN = 200
FORMAL_LOSS_ONE_IN = 400

_card, _person = schema.card.c, schema.person.c


def _made_cards(context: Context) -> Iterator[tuple[list[str], list[int]]]:
    """Cards waiting at the outlets, in chunks: card numbers, and the holders' indices in the population."""
    after = ""
    query = (
        sa.select(_card.card_no, _person.form_no)
        .join_from(schema.card, schema.person, _card.person_id == _person.person_id)
        .where(_card.made_on.is_not(None), _card.issued_on.is_(None))
        .order_by(_card.card_no)
        .limit(CHUNK)
    )
    while True:
        with context.store.begin() as connection:
            rows = connection.execute(query.where(_card.card_no > after)).all()
        if not rows:
            return
        after = rows[-1][0]
        yield [row[0] for row in rows], [int(row[1][-8:]) for row in rows]


def issue_cards(context: Context) -> Iterator[int]:
    """People fetch their cards; the social-security half is activated at once, the account at the bank."""
    issuing = Issuing(context.store)
    for numbers, indices in _made_cards(context):
        fates = context.plan.fates(np.array(indices, dtype=np.uint64))
        rows = zip(numbers, fates.issued.tolist(), fates.bits.tolist(), strict=True)
        taken = [(number, bits) for number, issued, bits in rows if issued]
        cards = [number for number, _ in taken]
        issuing.issue(cards, AS_OF)
        issuing.activate(cards, Half.APP, AS_OF)
        issuing.activate([n for n, bits in taken if bits % 100 < ACCOUNT_ACTIVATED_PERCENT], Half.ACCOUNT, AS_OF)
        yield len(cards)


def lose_cards(context: Context) -> Iterator[int]:
    """A few cards are reported lost: by telephone, half of those found again; or formally, and replaced."""
    issuing = Issuing(context.store)
    with context.store.begin() as connection:
        issued = connection.execute(
            sa.select(_card.card_no).where(_card.issued_on.is_not(None)).order_by(_card.card_no)
        ).scalars()
        numbers = list(issued)
    by_phone = numbers[::TEMPORARY_LOSS_ONE_IN]
    issuing.apply(by_phone, Operation.TEMPORARY_LOSS, Half.APP, AS_OF)
    issuing.apply(by_phone[::2], Operation.RELEASE, Half.APP, AS_OF)
    formal = numbers[7::FORMAL_LOSS_ONE_IN]
    issuing.apply(formal, Operation.FORMAL_LOSS, Half.APP, AS_OF)
    issuing.apply(formal, Operation.FORMAL_LOSS, Half.ACCOUNT, AS_OF)
    for number in formal:
        issuing.replace(number, AS_OF)
    yield len(by_phone) + len(formal)


def replace_cards(context: Context) -> Iterator[int]:
    """Replacement cards are ordered, made, handed over and activated; the old ones are cancelled."""
    campaign = context.campaign
    production, issuing = Production(context.store, context.keys, context.transport), Issuing(context.store)
    orders, back = campaign.dir("factory", "replacement-orders"), campaign.dir("factory", "replacement-back")
    for city, count in campaign.population.cities:
        if count:
            production.order_replacements(city, ordered_on=AS_OF, out_dir=orders)
    yield sum(factory.make(orders, back))
    for path in sorted(back.glob("*.csv")):
        production.read_back_file(path, read_on=AS_OF)
    with context.store.begin() as connection:
        query = sa.select(_card.card_no).where(_card.replaces.is_not(None), _card.made_on.is_not(None))
        numbers = list(connection.execute(query.order_by(_card.card_no)).scalars())
    issuing.issue(numbers, AS_OF)
    for half in (Half.APP, Half.ACCOUNT):
        issuing.activate(numbers, half, AS_OF)
