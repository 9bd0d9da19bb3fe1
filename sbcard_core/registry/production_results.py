"""Reading what the factory made (制卡回盘)."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from sbcard_core.fields import CitizenNumber, card_number
from sbcard_core.registry import back_file, findings
from sbcard_core.registry.findings import LineFinding, on_line
from sbcard_core.store import Store, schema, update_many

STAGE = "production"


@dataclass(frozen=True, slots=True)
class BackFileReport:
    """What one back-file did; ``made + failed + missing`` = cards of the order.

    Attributes:
        order_no: the order it answers.
        made: cards it brought.
        failed: cards the factory or the bank failed; one finding each with 失败环节 and 失败原因.
        missing: cards of the order it does not speak of, or only unreadably; a finding each, or the bad line's.
        unmatched: lines that fit no card of the order; one finding each.
        repeated: the very same file was read before; nothing was done.
        findings: all of the above.
    """

    order_no: str
    made: int = 0
    failed: int = 0
    missing: int = 0
    unmatched: int = 0
    repeated: bool = False
    findings: list[LineFinding] = field(default_factory=list)


def read_back_file(store: Store, path: Path, *, read_on: date) -> BackFileReport:
    """Take in one back-file, in one transaction; an order is answered by one file.

    A row counts for a card when card number, identification code and social security number are those ordered.

    Raises:
        BackFileRefused: wrong as a whole (see ``back_file.read``); ``code`` ``order``: no such order;
            ``answered``: the order was answered by another file; ``early``: read before the order was placed.
    """
    file = back_file.read(path)
    order = schema.production_order
    with store.writing(schema.production_order) as connection:
        row = connection.execute(
            sa.select(order.c.ordered_on, order.c.back_sha256).where(order.c.order_no == file.order_no)
        ).one_or_none()
        if row is None:
            raise back_file.refused(path, "order", order_no=file.order_no[:40])
        if row.back_sha256 == file.sha256:
            return BackFileReport(file.order_no, repeated=True)
        if row.back_sha256 is not None:
            raise back_file.refused(path, "answered", order_no=file.order_no)
        day = read_on.isoformat()
        if day < row.ordered_on:
            raise back_file.refused(path, "early", read_on=day, ordered_on=row.ordered_on)
        made, failed, missing, found = _match(_ordered(connection, file.order_no), file)
        update_many(connection, schema.card, ("made_on",), ("card_no",), [(day, number) for number in made])
        values = [(day, len(made), file.sha256, file.order_no)]
        update_many(connection, order, ("returned_on", "made", "back_sha256"), ("order_no",), values)
        findings.record(connection, STAGE, path.name, found)
    wrong = sum(finding.code not in {"production.failed", "production.missing"} for finding in found)
    return BackFileReport(file.order_no, len(made), failed, missing, wrong, findings=found)


def _ordered(connection: sa.Connection, order_no: str) -> dict[str, tuple[str, str]]:
    card, person = schema.card.c, schema.person.c
    query = (
        sa.select(card.card_no, card.identification_code, person.id_number)
        .join_from(schema.card, schema.person, card.person_id == person.person_id)
        .where(card.order_no == order_no)
    )
    return {number: (code, holder) for number, code, holder in connection.execute(query)}


def _match(
    waiting: dict[str, tuple[str, str]], file: back_file.BackFile
) -> tuple[list[str], int, int, list[LineFinding]]:
    made: list[str] = []
    found = [on_line(line, "production.columns") for line in file.bad_lines]
    answered: set[str] = set()
    failed = 0
    holders = CitizenNumber.column([row[1] for row in file.rows])
    for line, row, holder in zip(file.line_numbers, file.rows, holders, strict=True):
        number, code, step, reason = card_number.compact(row[0]), row[2], row[3], row[4]
        ordered = waiting.get(number)
        if ordered is None:
            found.append(on_line(line, "production.card_no", card_no=number[:12]))
        elif number in answered:
            found.append(on_line(line, "production.twice", card_no=number))
        elif ordered[1] != holder:
            found.append(on_line(line, "production.holder", card_no=number))
        elif step or reason:
            answered.add(number)
            failed += 1
            found.append(on_line(line, "production.failed", card_no=number, step=step, reason=reason))
        elif ordered[0] != code.upper():
            found.append(on_line(line, "production.code", card_no=number))
        else:
            answered.add(number)
            made.append(number)
    missing = [number for number in waiting if number not in answered]
    # A line that could not be taken explains one missing card: it gets no second finding.
    explained = len(found) - failed
    for number in missing[: max(0, len(missing) - explained)]:
        found.append(on_line(0, "production.missing", card_no=number))
    return made, failed, len(missing), found
