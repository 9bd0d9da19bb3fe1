"""The bulletin of the replayed month: counts out of the database, beside the letter's figures."""

from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction

import sqlalchemy as sa

from sbcard_core.bulletin import derived
from sbcard_core.bulletin.figures import Figure
from sbcard_core.bulletin.report import compose, write_html, write_xlsx
from sbcard_core.bulletin.tables import BankRow, CityRow
from sbcard_core.registry import status
from sbcard_core.registry.openings import Openings
from sbcard_core.replay import proof
from sbcard_core.replay.campaign import AS_OF, BANKS
from sbcard_core.replay.context import Context
from sbcard_core.store import schema
from sbcard_core.values import Origin

MONTH_BEGAN = "2014-07-01"


def publish(context: Context) -> Iterator[int]:
    """Write ``bulletin.html`` and ``bulletin.xlsx``."""
    campaign = context.campaign
    bulletin = compose(
        campaign.letter,
        _cities(context),
        _banks(context),
        origin=Origin.SIMULATED,
        scale=round(1 / campaign.scale),
        created=datetime(2014, 8, 4),  # noqa: DTZ001 - a date printed on paper has no zone
        campaign=_figures(context),
        proof=[(line.label, line.detail, line.ok) for line in proof.load(campaign)],
    )
    write_html(campaign.root / "bulletin.html", bulletin)
    yield 1
    write_xlsx(campaign.root / "bulletin.xlsx", bulletin)
    yield 1


def _cities(context: Context) -> list[CityRow]:
    campaign, person = context.campaign, schema.person.c
    this_month = sa.select(person.city, sa.func.count()).where(person.submitted_on >= MONTH_BEGAN).group_by(person.city)
    with context.store.begin() as connection:
        counted = {place.key: place for place in status.by_city(connection)}
        added = {city: int(count) for city, count in connection.execute(this_month)}
    rows = []
    for city, _ in campaign.population.cities:
        target = derived.annual_target(campaign.letter, city)
        place = counted.get(city, status.PlaceCount(city, 0, 0, 0, 0, 0, 0))
        rows.append(
            CityRow(
                code=city,
                name=campaign.letter.name(city),
                annual_target=None if target is None else round(Fraction(target.value or 0) * 10_000 * campaign.scale),
                added=added.get(city, 0),
                submitted=place.collected,
                opened=place.opened,
                failed=place.failed,
                made=place.made,
                issued=place.issued,
                target_origin=Origin.DERIVED if target is None else target.origin,
            )
        )
    return rows


def _banks(context: Context) -> list[BankRow]:
    with context.store.begin() as connection:
        counted = {place.key: place for place in status.by_bank(connection)}
    overdue: dict[str, int] = {}
    for batch in Openings(context.store).clock(AS_OF):
        overdue[batch.bank] = overdue.get(batch.bank, 0) + batch.overdue
    return [
        BankRow(
            code=bank,
            name=name,
            received=place.dispatched,
            opened=place.opened,
            failed=place.failed,
            unanswered=place.dispatched - place.opened - place.failed,
            overdue=overdue.get(bank, 0),
            made=place.made,
            issued=place.issued,
        )
        for bank, name in BANKS.items()
        if (place := counted.get(bank)) is not None
    ]


def _figures(context: Context) -> list[Figure]:
    file, settlement, line = schema.collection_file.c, schema.settlement.c, schema.payout_line.c
    purchase = schema.offline_purchase.c
    asked = (
        ("records", "采集记录", "条", sa.select(sa.func.sum(file.records))),
        ("rejected", "退回记录", "条", sa.select(sa.func.sum(file.rejected))),
        ("quarantined", "隔离记录", "条", sa.select(sa.func.sum(file.quarantined))),
        ("replaced", "补卡", "张", sa.select(sa.func.count()).where(schema.card.c.replaces.is_not(None))),
        ("settlements", "医保结算", "笔", sa.select(sa.func.count(settlement.setl_id))),
        ("purchases", "脱机消费", "笔", sa.select(sa.func.count(purchase.line))),
        ("payouts", "代发", "笔", sa.select(sa.func.count(line.seq)).where(line.repays_batch.is_(None))),
        ("repaid", "退票重发", "笔", sa.select(sa.func.count(line.seq)).where(line.repays_batch.is_not(None))),
        ("transfers", "账务分录", "笔", sa.select(sa.func.count(schema.transfer.c.seq))),
    )
    with context.store.begin() as connection:
        return [
            Figure(f"campaign.{key}", int(connection.execute(query).scalar() or 0), unit, Origin.SIMULATED, "", label)
            for key, label, unit, query in asked
        ]
