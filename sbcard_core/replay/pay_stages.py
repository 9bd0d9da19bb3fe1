"""Stages of pension and subsidy: rolls, bank files, results, returned lines paid again."""

import csv
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from sbcard_core.errors import Refused
from sbcard_core.files import new_text, open_text, write_rows
from sbcard_core.ledger import AccountKind, Ledger, Transfer, timestamp
from sbcard_core.officers import Act, InSession, Officer, Officers
from sbcard_core.payout import FARM_SUBSIDY, PENSION, PayoutEngine, Programme, RollLine
from sbcard_core.replay import banks, chance
from sbcard_core.replay.campaign import AS_OF
from sbcard_core.replay.context import Context
from sbcard_core.store import schema
from sbcard_core.values import CardState, PersonCategory

PERIOD = "2014-07"
PENSION_AGE_FROM = "1954-07-31"
"""Born on or before this day: 60 by the end of the month. Assumed for everyone."""

DRAFTER, *_APPROVERS = (Officer("1", "制表"), Officer("2", "初审"), Officer("3", "复审"))
"""Simulated: who drafted and who approved the rolls, whose public notice has been."""


class _Sessions:
    """The simulated bureau's sessions: whoever is named was there."""

    def confirms(self, _officer: str, _act: Act, proof: bytes, /) -> bool:
        return proof == b"replay"


OFFICERS = Officers([DRAFTER, *_APPROVERS], sessions=_Sessions())
_SIGNERS = [InSession(officer.id, b"replay") for officer in _APPROVERS]

_HEADER = ("id_number", "name", "amount_fen")
_person, _card = schema.person.c, schema.card.c
_PAYEES = {
    PENSION: _person.birth <= PENSION_AGE_FROM,
    FARM_SUBSIDY: _person.category == PersonCategory.RURAL.value,
}


def write_rolls(context: Context) -> Iterator[int]:
    """The agencies write their rolls: who holds a card whose account is active, and what they are due."""
    for programme, due in _PAYEES.items():
        query = (
            sa.select(_person.id_number, _person.name, _person.form_no)
            .join_from(schema.person, schema.card, _card.person_id == _person.person_id)
            .where(due, _card.account_state == int(CardState.NORMAL))
            .order_by(_person.person_id)
        )
        with new_text(_roll(context, programme)) as stream, context.store.begin() as connection:
            write_rows(stream, [_HEADER], end="\n")
            rows = (
                (id_number, name, _due_fen(context, programme, int(form_no[-8:])))
                for id_number, name, form_no in connection.execute(query)
            )
            yield write_rows(stream, rows, end="\n")


def _roll(context: Context, programme: Programme) -> Path:
    return context.campaign.dir("rolls") / f"{programme.code}.csv"


def _due_fen(context: Context, programme: Programme, index: int) -> int:
    """A month's due, simulated: a resident pension of 60 yuan and up, a subsidy by the mu of land."""
    bits = chance.draw_one(context.campaign.seed, f"due.{programme.code}", index)
    return 6_000 + bits % 24_000 * 10 if programme is PENSION else (2 + bits % 12) * 10_025


def _read_roll(path: Path) -> Iterator[RollLine]:
    with open_text(path, newline="") as stream:
        rows = csv.reader(stream)
        next(rows, None)
        for id_number, name, amount in rows:
            yield RollLine(id_number, name, int(amount))


def send_payouts(context: Context) -> Iterator[int]:
    """The treasury funds each programme; the bureau sends the rolls to the banks."""
    ledger = Ledger(context.store)
    engine = PayoutEngine(context.store, ledger, officers=OFFICERS)
    ledger.open_accounts([("EXTERNAL:treasury", AccountKind.EXTERNAL)])
    for programme in _PAYEES:
        total = sum(line.amount_fen for line in _read_roll(_roll(context, programme)))
        if not total:
            continue
        ledger.open_accounts([(programme.fund_account, programme.kind)])
        move = f"fund:{programme.code}:{PERIOD}"
        ledger.post(
            Transfer(move, "EXTERNAL:treasury", programme.fund_account, total, "fund.allocation", timestamp(AS_OF))
        )
        lines = _read_roll(_roll(context, programme))
        requests = context.campaign.dir("payouts", "requests")
        made = engine.pay(
            *(programme, PERIOD, lines),
            on=AS_OF,
            out_dir=requests,
            approved_by=_SIGNERS,
            by=DRAFTER.id,
            notice_over=True,
        )
        yield len(made)


def answer_payouts(context: Context) -> Iterator[int]:
    """The banks pay and answer."""
    campaign = context.campaign
    return banks.answer_payouts(campaign, campaign.dir("payouts", "requests"), campaign.dir("payouts", "results"))


def repay_returned(context: Context) -> Iterator[int]:
    """The bureau reads the answers, has the returned lines verified, and sends them again."""
    engine = PayoutEngine(context.store, Ledger(context.store))
    yield from _read_results(context, engine, context.campaign.dir("payouts", "results"))
    again = context.campaign.dir("payouts", "again-requests")
    for programme in _PAYEES:
        engine.repay_returned(programme, PERIOD, on=AS_OF, out_dir=again)


def answer_again(context: Context) -> Iterator[int]:
    """The banks pay the returned lines."""
    campaign = context.campaign
    requests, results = campaign.dir("payouts", "again-requests"), campaign.dir("payouts", "again-results")
    return banks.answer_payouts(campaign, requests, results, again=True)


def read_repaid(context: Context) -> Iterator[int]:
    """The bureau reads the answers to the second sending."""
    engine = PayoutEngine(context.store, Ledger(context.store))
    yield from _read_results(context, engine, context.campaign.dir("payouts", "again-results"))


def _read_results(context: Context, engine: PayoutEngine, results: Path) -> Iterator[int]:
    for path in sorted(results.glob("*.txt")):
        try:
            report = engine.read_result(path, on=AS_OF)
        except Refused as error:
            context.note("payout", "payout.file_refused", path.name, str(error))
            continue
        yield report.paid + report.returned + report.unknown
