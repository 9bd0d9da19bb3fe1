"""Reading what the factory made (制卡回盘)."""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import sqlalchemy as sa

from sbcard_core.registry import back_file, findings
from sbcard_core.registry.findings import LineFinding
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
            ``answered``: the order was answered by another file.
    """
    file = back_file.read(path)
    order = schema.production_order
    with store.begin() as connection:
        row = connection.execute(
            sa.select(order.c.cards, order.c.back_sha256).where(order.c.order_no == file.order_no)
        ).one_or_none()
        if row is None:
            raise back_file.refused(path, "order", f"no order {file.order_no[:40]!r}", "check the batch number")
        if row[1] == file.sha256:
            return BackFileReport(file.order_no, repeated=True)
        if row[1] is not None:
            what = f"order {file.order_no} was answered by another file"
            raise back_file.refused(path, "answered", what, "clear it with the factory before anything is changed")
        made, failed, missing, found = _match(_ordered(connection, file.order_no), file)
        day = read_on.isoformat()
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
    found = [LineFinding(line, "production.columns", "字段数与表头不符") for line in file.bad_lines]
    answered: set[str] = set()
    failed = 0
    for line, (number, holder, code, step, reason) in zip(file.line_numbers, file.rows, strict=True):
        ordered = waiting.get(number)
        if ordered is None:
            found.append(LineFinding(line, "production.card_no", f"批次中没有卡号 {number[:12]!r}"))
        elif number in answered:
            found.append(LineFinding(line, "production.twice", f"卡号 {number} 重复"))
        elif ordered[1] != holder:
            found.append(LineFinding(line, "production.holder", f"卡号 {number} 的社会保障号码与订单不符"))
        elif step or reason:
            answered.add(number)
            failed += 1
            found.append(LineFinding(line, "production.failed", f"卡号 {number} {step}失败: {reason}"))
        elif ordered[0] != code.upper():
            found.append(LineFinding(line, "production.code", f"卡号 {number} 的卡识别码与订单不符"))
        else:
            answered.add(number)
            made.append(number)
    missing = [number for number in waiting if number not in answered]
    # A line that could not be taken explains one missing card: it gets no second finding.
    explained = len(found) - failed
    for number in missing[: max(0, len(missing) - explained)]:
        found.append(LineFinding(0, "production.missing", f"回盘文件中没有卡号 {number}"))
    return made, failed, len(missing), found
