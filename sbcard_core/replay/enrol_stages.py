"""Stages from the collected file to the card in somebody's hand."""

from collections.abc import Iterable, Iterator
from itertools import groupby

import sqlalchemy as sa

from sbcard_core.errors import Refused
from sbcard_core.fields import region
from sbcard_core.registry import enrolment
from sbcard_core.registry.openings import Openings, OpeningState
from sbcard_core.registry.production import Production
from sbcard_core.replay import banks, factory
from sbcard_core.replay.campaign import AS_OF, EARLY_WAVES, JULY_WAVES, MONTH_END_WAVE
from sbcard_core.replay.cities import Cities
from sbcard_core.replay.context import Context
from sbcard_core.store import schema
from sbcard_core.validation import check, kickback
from sbcard_core.validation.records import CheckedBatch, Finding
from sbcard_core.values import Disposition, Severity

PLANTED_FAULTS = "faults.csv"


def collect(context: Context) -> Iterator[int]:
    """The cities write their files (collected/), and what they planted (planted/)."""
    cities = Cities(context.campaign, context.plan)
    yield from cities.write(context.campaign.dir("collected"), context.campaign.dir("planted") / PLANTED_FAULTS)


def validate(context: Context) -> Iterator[int]:
    """The bureau checks every file, enrols the accepted and sends the rest back."""
    campaign = context.campaign
    paths = sorted(campaign.dir("collected").glob("*.csv"))
    checked = check.check_files(paths, on=AS_OF, quarantine_dir=campaign.dir("quarantine"))
    for path, batches in groupby(checked, key=lambda batch: batch.path):
        found: list[Finding] = []
        yield enrolment.enrol(context.store, _keeping(found, batches)).total().records
        found.sort(key=lambda finding: finding.disposition is Disposition.ACCEPTED)  # what was sent back first
        title = f"{region.name_of(path.stem)} 采集数据退回清单"
        kickback.write(campaign.dir("kickback") / f"{path.stem}.xlsx", found, title=title)


def _keeping(found: list[Finding], batches: Iterable[CheckedBatch]) -> Iterator[CheckedBatch]:
    """The same batches, their findings kept for the city's kick-back list."""
    for batch in batches:
        found.extend(batch.findings)
        yield batch


def send_openings(context: Context) -> Iterator[int]:
    """The bureau sends each wave of people to their banks."""
    openings = Openings(context.store)
    out_dir = context.campaign.dir("banks", "requests")
    for wave in sorted({*EARLY_WAVES, *JULY_WAVES, MONTH_END_WAVE}):
        yield len(openings.dispatch_all(wave, through=wave, out_dir=out_dir))


def answer_openings(context: Context) -> Iterator[int]:
    """The banks answer."""
    campaign = context.campaign
    return banks.answer_openings(context.plan, campaign.dir("banks", "requests"), campaign.dir("banks", "results"))


def read_openings(context: Context) -> Iterator[int]:
    """The bureau reads the answers; a refused file is a finding, the others count."""
    openings = Openings(context.store)
    for path in sorted(context.campaign.dir("banks", "results").glob("*.txt")):
        try:
            report = openings.read_result(path, read_on=AS_OF)
        except Refused as error:
            context.note("openings", "opening.file_refused", path.name, str(error))
            continue
        if report.repeated:
            text = "同一结果文件第二次送达,未作任何更改"
            context.note("openings", "opening.file_repeated", path.name, text, severity=Severity.NOTE)
        yield report.opened + report.failed


def order_cards(context: Context) -> Iterator[int]:
    """The bureau orders cards, as many as the letter's month could pay for; later accounts wait."""
    campaign = context.campaign
    production = Production(context.store, context.keys, context.transport)
    out_dir = campaign.dir("factory", "orders")
    for city, quotas in _quotas(context).items():
        yield len(production.order(city, ordered_on=AS_OF, out_dir=out_dir, quotas=quotas))


def _quotas(context: Context) -> dict[str, dict[str, int]]:
    """The cards of the month, by city and bank, shared out by their opened accounts: exact in sum."""
    person, line = schema.person.c, schema.opening_line.c
    query = (
        sa.select(person.city, person.bank, sa.func.count())
        .join_from(schema.opening_line, schema.person, line.person_id == person.person_id)
        .where(line.state == int(OpeningState.OPENED))
        .group_by(person.city, person.bank)
        .order_by(person.city, person.bank)
    )
    with context.store.begin() as connection:
        opened = connection.execute(query).all()
    total, wanted = sum(count for _, _, count in opened), factory.ordered_cards(context.campaign)
    quotas: dict[str, dict[str, int]] = {}
    before = running = 0
    for city, bank, count in opened:
        running += count
        now = min(running, wanted * running // total)
        quotas.setdefault(city, {})[bank] = now - before
        before = now
    return quotas


def make_cards(context: Context) -> Iterator[int]:
    """The factory makes as many cards as the letter counts and writes its back-files."""
    campaign = context.campaign
    return factory.make(campaign.dir("factory", "orders"), campaign.dir("factory", "back"), campaign.made)


def read_back_files(context: Context) -> Iterator[int]:
    """The bureau reads the back-files."""
    production = Production(context.store, context.keys, context.transport)
    for path in sorted(context.campaign.dir("factory", "back").glob("*.csv")):
        try:
            report = production.read_back_file(path, read_on=AS_OF)
        except Refused as error:
            context.note("production", "production.file_refused", path.name, str(error))
            continue
        yield report.made
