"""Reading what the factory made (制卡回盘)."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from sbcard_core.calendar import as_day
from sbcard_core.errors import Refused
from sbcard_core.fields import CitizenNumber, card_number
from sbcard_core.messages import message
from sbcard_core.registry import back_file, findings
from sbcard_core.registry.findings import LineFinding, on_line
from sbcard_core.store import Store, insert_many, schema, update_many
from sbcard_core.values import CardState

STAGE = "production"


@dataclass(frozen=True, slots=True)
class BackFileReport:
    """What one back-file did; ``made + already + failed + missing`` = cards of the order.

    Attributes:
        order_no: the order it answers.
        made: cards it brought.
        failed: cards the factory or the bank failed; one finding each with 失败环节 and 失败原因.
        missing: cards of the order that no file has brought and this one does not speak of, or only unreadably; a
            finding each, or the bad line's.
        unmatched: lines that fit no card of the order; one finding each.
        repeated: the very same file was read before; nothing was done.
        already: cards that an earlier file brought.
        findings: all of the above.
    """

    order_no: str
    made: int = 0
    failed: int = 0
    missing: int = 0
    unmatched: int = 0
    repeated: bool = False
    already: int = 0
    findings: list[LineFinding] = field(default_factory=list)


def read_back_file(store: Store, path: Path, *, read_on: date) -> BackFileReport:
    """Take in one back-file, in one transaction; a factory may answer an order by several, each for a part of it.

    A row counts for a card when card number, identification code and social security number are those ordered. What
    an earlier file brought stays: a row that fails it now is a finding. A card that no file has brought can be ordered
    again once the first has been read; it then belongs to the new order.

    Raises:
        BackFileRefused: wrong as a whole (see ``back_file.read``); ``code`` ``order``: no such order; ``early``: read
            before the order was placed.
    """
    file = back_file.read(path)
    order, read = schema.production_order, schema.production_result
    with store.writing(schema.production_order) as connection:
        row = connection.execute(
            sa.select(order.c.ordered_on, order.c.returned_on).where(order.c.order_no == file.order_no)
        ).one_or_none()
        if row is None:
            raise back_file.refused(path, "order", order_no=file.order_no[:40])
        if connection.execute(sa.select(read.c.sha256).where(read.c.sha256 == file.sha256)).scalar() is not None:
            return BackFileReport(file.order_no, repeated=True)
        day = as_day(read_on).isoformat()
        if day < row.ordered_on:
            raise back_file.refused(path, "early", read_on=day, ordered_on=row.ordered_on)
        cards = _ordered(connection, file.order_no)
        made, failed, missing, found = _match(cards, file)
        update_many(connection, schema.card, ("made_on",), ("card_no",), [(day, number) for number in made])
        before = sum(card.made_on is not None for card in cards.values())
        values = [(row.returned_on or day, before + len(made), file.order_no)]
        update_many(connection, order, ("returned_on", "made"), ("order_no",), values)
        columns = ("sha256", "order_no", "file", "read_on")
        insert_many(connection, read, columns, [(file.sha256, file.order_no, path.name, day)])
        findings.record(connection, STAGE, path.name, found)
    wrong = sum(finding.code not in {"production.failed", "production.missing"} for finding in found)
    return BackFileReport(file.order_no, len(made), failed, missing, wrong, already=before, findings=found)


class OrderRefused(Refused):
    """An order cannot be withdrawn; nothing was changed."""


def withdraw(store: Store, order_no: str, *, on: date) -> int:
    """Wait for an order no longer; see :meth:`Production.withdraw`."""
    order, card = schema.production_order, schema.card.c
    day = as_day(on).isoformat()
    with store.writing(order) as connection:
        mine = sa.and_(order.c.order_no == order_no, order.c.ordered_on <= day)
        if connection.execute(sa.select(order.c.order_no).where(mine)).scalar() is None:
            what = message("registry.order_withdrawal", order_no=order_no[:40], on=on)
            raise OrderRefused(what, step="production.withdraw", term="撤回制卡批次")
        connection.execute(sa.update(order).where(mine, order.c.returned_on.is_(None)).values(returned_on=day))
        unmade = (card.order_no == order_no, card.made_on.is_(None), card.app_state != int(CardState.CANCELLED))
        return connection.execute(sa.select(sa.func.count()).where(*unmade)).scalar_one()


class _Ordered(NamedTuple):
    """One card of the order."""

    code: str
    holder: str
    made_on: str | None


def _ordered(connection: sa.Connection, order_no: str) -> dict[str, _Ordered]:
    card, person = schema.card.c, schema.person.c
    query = (
        sa.select(card.card_no, card.identification_code, person.id_number, card.made_on)
        .join_from(schema.card, schema.person, card.person_id == person.person_id)
        .where(card.order_no == order_no)
    )
    return {number: _Ordered(*rest) for number, *rest in connection.execute(query)}


def _match(cards: dict[str, _Ordered], file: back_file.BackFile) -> tuple[list[str], int, int, list[LineFinding]]:
    made: list[str] = []
    found = [on_line(line, "production.columns") for line in file.bad_lines]
    answered: set[str] = set()
    failed = wrong = 0
    holders = CitizenNumber.column([row[1] for row in file.rows])
    for line, row, holder in zip(file.line_numbers, file.rows, holders, strict=True):
        number, code, step, reason = card_number.compact(row[0]), row[2], row[3], row[4]
        card = cards.get(number)
        if card is None:
            found.append(on_line(line, "production.card_no", card_no=number[:12]))
        elif number in answered:
            found.append(on_line(line, "production.twice", card_no=number))
        elif card.holder != holder:
            found.append(on_line(line, "production.holder", card_no=number))
        elif card.made_on is not None:
            answered.add(number)
            if step or reason:
                wrong += 1
                found.append(on_line(line, "production.made_before", card_no=number, step=step, reason=reason))
        elif step or reason:
            answered.add(number)
            failed += 1
            found.append(on_line(line, "production.failed", card_no=number, step=step, reason=reason))
        elif card.code != code.upper():
            found.append(on_line(line, "production.code", card_no=number))
        else:
            answered.add(number)
            made.append(number)
    missing = [number for number, card in cards.items() if number not in answered and card.made_on is None]
    # A line that could not be taken explains one missing card: it gets no second finding.
    explained = len(found) - failed - wrong
    for number in missing[: max(0, len(missing) - explained)]:
        found.append(on_line(0, "production.missing", card_no=number))
    return made, failed, len(missing), found
