"""The closing checklist: laws that must hold in any run, and expectations of this campaign."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from sbcard_core.bulletin.auditor import audit
from sbcard_core.files import new_text, open_text, read_text
from sbcard_core.ledger import Ledger
from sbcard_core.payout import LineState
from sbcard_core.registry import status
from sbcard_core.replay import factory
from sbcard_core.replay.book_stages import PLANTED_DIFFERENCES
from sbcard_core.replay.campaign import BANKS, Campaign
from sbcard_core.replay.context import Context
from sbcard_core.replay.enrol_stages import PLANTED_FAULTS
from sbcard_core.store import schema
from sbcard_core.validation.field_rules import ROUNDED
from sbcard_core.values import CardState, Severity, yuan

FILE = "proof.json"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the checklist. A law holds whatever was tampered with; an expectation is this campaign's."""

    kind: str  # "law" or "expectation"
    label: str
    detail: str
    ok: bool

    @property
    def text(self) -> str:
        """The line as a console shows it."""
        return f"{self.label}: {self.detail}"


def write(context: Context) -> Iterator[int]:
    """Check everything and write ``proof.json``."""
    lines = [line for check in _CHECKS for line in check(context)]
    text = json.dumps([asdict(line) for line in lines], ensure_ascii=False, indent=1)
    with new_text(context.campaign.root / FILE) as out:
        out.write(text + "\n")
    yield len(lines)


def load(campaign: Campaign) -> list[Line]:
    """The checklist of the last run; empty when there is none yet."""
    path = campaign.root / FILE
    return [Line(**line) for line in json.loads(read_text(path))] if path.is_file() else []


def products(campaign: Campaign) -> list[Path]:
    """What a person opens after a run."""
    names = ("bulletin.html", "bulletin.xlsx", "kickback", FILE)
    return [path for name in names if (path := campaign.root / name).exists()]


def _one(context: Context, query: sa.Select[Any]) -> int:
    with context.store.begin() as connection:
        return int(connection.execute(query).scalar() or 0)


def _law(label: str, detail: str, ok: bool) -> Line:
    return Line("law", label, detail, ok)


def _expect(label: str, detail: str, ok: bool) -> Line:
    return Line("expectation", label, detail, ok)


def _collection(context: Context) -> Iterator[Line]:
    file = schema.collection_file.c
    parts = (file.records, file.accepted, file.rejected, file.quarantined)
    sums = [sa.func.coalesce(sa.func.sum(part), 0) for part in parts]
    with context.store.begin() as connection:
        records, accepted, rejected, quarantined = connection.execute(sa.select(*sums)).one()
    persons = _one(context, sa.select(sa.func.count()).select_from(schema.person))
    detail = f"{accepted:,} + {rejected:,} + {quarantined:,} = {records:,} records"
    yield _law(
        "accepted + rejected + quarantined = input 采集守恒", detail, accepted + rejected + quarantined == records
    )
    yield _law("accepted = people enrolled 入库人数", f"{accepted:,} = {persons:,}", accepted == persons)
    wanted = context.campaign.population.size
    yield _expect("people as the letter counts 上报人数", f"{accepted:,} of {wanted:,}", accepted == wanted)


def _read_answers(path: Path) -> list[dict[str, str]]:
    with open_text(path, newline="") as stream:
        return list(csv.DictReader(stream))


_FAULTS_FOUND = (
    sa.select(schema.finding.c.source, schema.finding.c.line, schema.finding.c.code)
    .where(schema.finding.c.stage == "validation")
    .where(sa.or_(schema.finding.c.code != ROUNDED, schema.finding.c.severity == int(Severity.ERROR)))
    .order_by(schema.finding.c.source, schema.finding.c.line)
)
"""Without the warning on a right number that ends in 000: some people's do."""


def _planted_faults(path: Path) -> Iterator[tuple[tuple[str, int], str]]:
    with open_text(path, newline="") as stream:
        for row in csv.DictReader(stream):
            yield (row["file"], int(row["line"])), row["code"]


def _faults(context: Context) -> Iterator[Line]:
    """Both lists are in file and line order, so they are merged without holding either."""
    planted = found = missed = beyond = 0
    answers = _planted_faults(context.campaign.root / "planted" / PLANTED_FAULTS)
    wanted = next(answers, None)
    with context.store.begin() as connection:
        rows = connection.execution_options(yield_per=1_000).execute(_FAULTS_FOUND)
        for place, group in groupby(rows, key=lambda row: (row[0], row[1])):
            found += 1
            while wanted is not None and wanted[0] < place:
                planted, missed, wanted = planted + 1, missed + 1, next(answers, None)
            if wanted is None or wanted[0] != place:
                beyond += 1
                continue
            missed += wanted[1] not in {"id_number.check" if row[2] == ROUNDED else row[2] for row in group}
            planted, wanted = planted + 1, next(answers, None)
    rest = 0 if wanted is None else 1 + sum(1 for _ in answers)
    planted, missed = planted + rest, missed + rest
    detail = f"{planted:,} planted, {found:,} records found, {missed} missed, {beyond} beyond"
    yield _expect("faulty records found = planted 采集差错", detail, missed == beyond == 0)


def _openings(context: Context) -> Iterator[Line]:
    with context.store.begin() as connection:
        banks = {place.key: place for place in status.by_bank(connection)}
    for bank, received, opened in zip(BANKS, context.campaign.received, context.campaign.opened, strict=True):
        place = banks.get(bank)
        got = (place.dispatched, place.opened) if place else (0, 0)
        detail = f"received {got[0]:,} of {received:,}, opened {got[1]:,} of {opened:,}"
        yield _expect(f"{BANKS[bank]} 开户", detail, got == (received, opened))


def _cards(context: Context) -> Iterator[Line]:
    with context.store.begin() as connection:
        counts = status.counts(connection)
        wrong = connection.execute(_STATES_THAT_LIE).scalar() or 0
    cards = _one(context, sa.select(sa.func.count()).select_from(schema.card))
    persons = _one(context, sa.select(sa.func.count()).select_from(schema.person))
    stages = ", ".join(f"{stage.zh} {number:,}" for stage, number in sorted(counts.persons.items()))
    yield _law("every person in one state 人员状态", f"{stages} = {persons:,}", sum(counts.persons.values()) == persons)
    states = ", ".join(f"{_state(app)}/{_state(half)} {n:,}" for (app, half), n in sorted(counts.cards.items()))
    yield _law("every card in one state 卡状态", f"{states} = {cards:,}", sum(counts.cards.values()) == cards)
    yield _law("card states = their last events 状态与流水一致", f"{wrong} of {cards:,} differ", wrong == 0)
    first = sa.select(sa.func.count()).where(schema.card.c.made_on.is_not(None), schema.card.c.replaces.is_(None))
    made, wanted = _one(context, first), context.campaign.made
    yield _expect("cards as the letter counts 制卡数", f"{made:,} of {wanted:,}", made == wanted)


def _state(state: CardState) -> str:
    names = {0: "封存", 1: "正常", 2: "正式挂失", 3: "锁定", 4: "临时挂失", 9: "注销"}
    return names[int(state)]


def _last_state(half: str) -> sa.ScalarSelect[int]:
    event = schema.card_event.c
    return (
        sa.select(event.to_state)
        .where(event.card_no == schema.card.c.card_no, event.half == half)
        .order_by(event.event_id.desc())
        .limit(1)
        .scalar_subquery()
    )


_STATES_THAT_LIE = (
    sa.select(sa.func.count())
    .select_from(schema.card)
    .where(
        sa.or_(
            sa.func.coalesce(_last_state("app"), int(CardState.SEALED)) != schema.card.c.app_state,
            sa.func.coalesce(_last_state("account"), int(CardState.SEALED)) != schema.card.c.account_state,
        )
    )
)


def _ledger(context: Context) -> Iterator[Line]:
    ledger = Ledger(context.store)
    debits, credits_ = ledger.totals()
    yield _law("sum of debits = sum of credits 借贷平衡", f"{yuan(debits)} = {yuan(credits_)} yuan", debits == credits_)
    wrong = ledger.recompute()
    transfers = _one(context, sa.select(sa.func.count()).select_from(schema.transfer))
    yield _law(
        "balances = their transfers 余额重算", f"{len(wrong)} of {transfers:,} transfers' accounts differ", not wrong
    )
    amounts = sa.select(sa.func.sum(schema.finding.c.amount_fen)).where(schema.finding.c.stage != "recon")
    explained = _one(context, amounts)
    suspense = _suspense(context)
    detail = f"{yuan(suspense)} yuan held, {yuan(explained)} explained by findings"
    yield _law("suspense is explained to the fen 挂账", detail, suspense == explained)


def _suspense(context: Context) -> int:
    account = schema.account.c
    net = sa.func.sum(account.credits_fen - account.debits_fen)
    return _one(context, sa.select(net).where(account.account_id == "SUSPENSE"))


def _tacs(context: Context) -> Iterator[Line]:
    purchase = schema.offline_purchase.c
    total = _one(context, sa.select(sa.func.count()).select_from(schema.offline_purchase))
    good = _one(context, sa.select(sa.func.count()).where(purchase.status == 0))
    yield _expect("TACs verified 交易验证码", f"{good:,} of {total:,} offline purchases", good == total)


def _payouts(context: Context) -> Iterator[Line]:
    line = schema.payout_line.c
    query = sa.select(line.state, sa.func.count(), sa.func.sum(line.amount_fen)).group_by(line.state)
    with context.store.begin() as connection:
        rows = {LineState(state): (count, fen) for state, count, fen in connection.execute(query)}
    first = sa.select(sa.func.sum(line.amount_fen)).where(line.repays_batch.is_(None))
    sent = _one(context, first)
    settled = sum(fen for state, (_, fen) in rows.items() if state is not LineState.REPAID)
    parts = ", ".join(f"{state.name.lower()} {count:,} ({yuan(fen)})" for state, (count, fen) in sorted(rows.items()))
    yield _law("payouts conserved 代发守恒", f"{parts}; {yuan(settled)} = {yuan(sent)} yuan sent", settled == sent)


def _beyond(context: Context) -> Iterator[Line]:
    """Every other finding, against what the simulated partners did on purpose."""
    finding = schema.finding.c
    query = sa.select(finding.stage, sa.func.count()).where(finding.severity == int(Severity.ERROR))
    with context.store.begin() as connection:
        found = {stage: int(count) for stage, count in connection.execute(query.group_by(finding.stage))}
        programmes = connection.execute(sa.select(sa.func.count(schema.payout_batch.c.programme.distinct()))).scalar()
    spoilt_cards = factory.ordered_cards(context.campaign) - context.campaign.made
    planted = {"openings": 0, "production": spoilt_cards, "clearing": 0, "payout": int(programmes or 0), "enrolment": 0}
    words = ", ".join(f"{stage} {found.get(stage, 0):,} of {wanted:,}" for stage, wanted in planted.items())
    ok = all(found.get(stage, 0) == wanted for stage, wanted in planted.items())
    yield _expect("other findings = planted 其他差错", words, ok)


def _differences(context: Context) -> Iterator[Line]:
    planted = _read_answers(context.campaign.root / "planted" / PLANTED_DIFFERENCES)
    found = _one(context, sa.select(sa.func.count()).where(schema.finding.c.stage == "recon"))
    detail = f"{found} found, {len(planted)} planted"
    yield _expect("reconciliation differences 对账差异", detail, found == len(planted))


def _letter(context: Context) -> Iterator[Line]:
    codes = [finding.code for finding in audit(context.campaign.letter)]
    for code in ("rate.of_another_row", "shortfall.netted"):
        yield _expect(f"letter audit 通报核查 {code}", f"{codes.count(code)} found", code in codes)


_CHECKS: tuple[Callable[[Context], Iterator[Line]], ...] = (
    _collection,
    _faults,
    _openings,
    _cards,
    _ledger,
    _tacs,
    _payouts,
    _beyond,
    _differences,
    _letter,
)
