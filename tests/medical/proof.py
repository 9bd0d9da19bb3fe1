"""What must hold of the books and the bills after whatever happened: nothing half, every sum equal to its parts."""

from collections import Counter
from typing import Any

import sqlalchemy as sa

from sbcard_core.ledger import Ledger
from sbcard_core.medical.cancel import is_cancellation
from sbcard_core.medical.records import COLUMNS, PAID_PARTS, Row, reinstated
from sbcard_core.medical.visit import OWN, Accumulators
from sbcard_core.store import Store, schema

YEAR = ("psn_no", "insutype", "year", "bucket")


def rows(store: Store) -> list[Row]:
    """Every settlement, cancellation and refund."""
    with store.begin() as connection:
        columns = [schema.settlement.c[name] for name in COLUMNS]
        return [Row(*row) for row in connection.execute(sa.select(*columns))]


def years(store: Store) -> dict[tuple[Any, ...], tuple[int, ...]]:
    """The persons' years as they are stored; those that came back to nothing are left out."""
    with store.begin() as connection:
        names = (*YEAR, *Accumulators._fields)
        found = connection.execute(sa.select(*(schema.medical_year.c[name] for name in names))).all()
    return {tuple(row[:4]): tuple(row[4:]) for row in found if any(row[4:])}


def moved(store: Store) -> dict[str, tuple[str, str, int]]:
    """Every posting of a bill: accounts and amount by id."""
    table = schema.transfer.c
    query = sa.select(table.transfer_id, table.debit_account, table.credit_account, table.amount_fen)
    with store.begin() as connection:
        return {row[0]: tuple(row[1:]) for row in connection.execute(query.where(table.code.like("medical.%")))}


def nets(store: Store) -> dict[str, int]:
    """What every account holds."""
    table = schema.account.c
    with store.begin() as connection:
        found = connection.execute(sa.select(table.account_id, table.credits_fen, table.debits_fen)).all()
    return {name: gets - gives for name, gets, gives in found if gets != gives}


def assert_sound(store: Store) -> list[Row]:
    """Each row has its postings and no posting is without its row; the years are what the rows add up to."""
    kept, called = rows(store), {name.rpartition(":")[0] for name in moved(store)}
    expected: dict[str, int] = {}
    added: dict[tuple[Any, ...], Counter[int]] = {}
    for row in kept:
        split = row.split
        prefix = f"setl:{row.setl_id}"
        if row.reverses is not None:
            prefix = f"refund:{row.setl_id}"
            if is_cancellation(row):  # the first of a settlement is called by it, one after a reversal by itself
                own = f"cancel:{row.setl_id}"
                prefix = own if own in called else f"cancel:{row.reverses}"
            elif undone := reinstated(row):
                prefix = f"reinstate:{undone}"
        expected |= {f"{prefix}:{part}": fen for part in PAID_PARTS if (fen := getattr(split, part))}
        for bucket, values, first in ((row.bucket, split.added[:OWN], 0), ("", split.added[OWN:], OWN)):
            year = added.setdefault((row.psn_no, row.insutype, row.year, bucket), Counter())
            for place, value in enumerate(values, start=first):
                year[place] += value
    assert {name: fen for name, (_, _, fen) in moved(store).items()} == {
        name: abs(fen) for name, fen in expected.items()
    }
    sums = {key: tuple(year[place] for place in range(len(Accumulators._fields))) for key, year in added.items()}
    assert years(store) == {key: values for key, values in sums.items() if any(values)}
    ledger = Ledger(store)
    assert ledger.recompute() == []
    debits, credits_ = ledger.totals()
    assert debits == credits_
    return kept
