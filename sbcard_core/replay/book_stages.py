"""Stages of the night: the other sides' statements, clearing, reconciliation."""

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from sbcard_core.clearing import (
    DifferenceKind,
    Entry,
    clear_journal,
    read_journal,
    read_statement,
    reconcile,
    record_differences,
    write_statement,
)
from sbcard_core.clearing.journal import Purchase
from sbcard_core.errors import Refused
from sbcard_core.files import new_text, write_rows
from sbcard_core.ledger import Ledger
from sbcard_core.replay.campaign import AS_OF
from sbcard_core.replay.context import Context
from sbcard_core.store import schema

ACQUIRER, CENTRE = "acquirer.csv", "medical-centre.csv"
PLANTED_DIFFERENCES = "differences.csv"


def _key(terminal_no: str, terminal_txn_no: int) -> str:
    return f"{terminal_no}:{terminal_txn_no}"


def _journals(context: Context) -> list[Path]:
    return sorted(context.campaign.dir("terminals").glob("journal-*.csv"))


def write_statements(context: Context) -> Iterator[int]:
    """Acquirer and medical centre write what they have of the day, each with three mistakes planted."""
    statements = context.campaign.dir("statements")
    purchases = [
        Entry(_key(line.terminal_no, line.terminal_txn_no), line.amount_fen)
        for path in _journals(context)
        for line in read_journal(path)
        if isinstance(line, Purchase)
    ]
    settled = _settlements(context)
    planted: list[tuple[str, str, str]] = []
    for name, entries in ((ACQUIRER, purchases), (CENTRE, settled)):
        spoilt, differences = _spoil(entries)
        write_statement(statements / name, spoilt)
        planted += [(name, kind.value, key) for kind, key in differences]
        yield len(spoilt)
    with new_text(context.campaign.dir("planted") / PLANTED_DIFFERENCES) as stream:
        write_rows(stream, [("statement", "kind", "key"), *planted], end="\n")


def _spoil(entries: list[Entry]) -> tuple[list[Entry], list[tuple[DifferenceKind, str]]]:
    """Lose the first entry, alter the middle one, invent one."""
    if len(entries) < 3:
        return entries, []
    lost, *rest = entries
    place = len(rest) // 2
    altered = rest[place]
    rest[place] = Entry(altered.key, altered.amount_fen + 100)
    invented = Entry("999999999999:1", 1_234)
    differences = [
        (DifferenceKind.ONLY_OURS, lost.key),
        (DifferenceKind.AMOUNT_DIFFERS, altered.key),
        (DifferenceKind.ONLY_THEIRS, invented.key),
    ]
    return [*rest, invented], differences


def clear_journals(context: Context) -> Iterator[int]:
    """Every offline purchase is verified by its TAC and posted; what fails goes to suspense."""
    ledger = Ledger(context.store)
    for path in _journals(context):
        try:
            report = clear_journal(context.store, ledger, path, context.keys, on=AS_OF)
        except Refused as error:
            context.note("clearing", "journal.refused", path.name, str(error))
            continue
        yield report.lines


def reconcile_books(context: Context) -> Iterator[int]:
    """Our books against the other sides' statements; each difference is a finding."""
    statements = context.campaign.dir("statements")
    for name, ours in ((ACQUIRER, _purchases(context)), (CENTRE, _settlements(context))):
        differences = reconcile(ours, read_statement(statements / name))
        with context.store.begin() as connection:
            record_differences(connection, name, differences)
        yield len(ours)


def _purchases(context: Context) -> list[Entry]:
    """What terminals reported, cleared or in suspense: both are ours to explain."""
    purchase = schema.offline_purchase.c
    query = sa.select(purchase.terminal_no, purchase.terminal_txn_no, purchase.amount_fen)
    with context.store.begin() as connection:
        return [Entry(_key(row[0], row[1]), row[2]) for row in connection.execute(query)]


def _settlements(context: Context) -> list[Entry]:
    settlement = schema.settlement.c
    query = sa.select(settlement.setl_id, settlement.fund_pay_sumamt).order_by(settlement.setl_id)
    with context.store.begin() as connection:
        return [Entry(row[0], row[1]) for row in connection.execute(query)]
