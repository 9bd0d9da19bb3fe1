"""Drafting a roll: lines in, each matched with person, card and account by the database itself, in bulk.

Whoever does not match is a finding, not a payment. One transaction: a draft is there whole, or not at all.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

import sqlalchemy as sa

from sbcard_core.payout import deductions, lookup, rolls, rules
from sbcard_core.payout.lines import STAGE, Books, PayoutFinding, RollLine, record
from sbcard_core.payout.programmes import Exclusion, Programme
from sbcard_core.payout.states import RollLineState, RollState
from sbcard_core.store import insert_many, schema
from sbcard_core.values import FEN_MAX, mask_id

CHUNK = 20_000
"""Lines taken in by one statement; SQLite looks up and matches as many at a time."""

_INPUT = sa.Table(
    "payout_input",  # the roll as handed in, for the length of the draft
    sa.MetaData(),
    sa.Column("line", sa.Integer, primary_key=True),
    sa.Column("id_number", sa.String, nullable=False),
    sa.Column("name", sa.String, nullable=False),
    sa.Column("amount_fen", sa.BigInteger, nullable=False),
    *(sa.Column(name, sa.String, nullable=False) for name in ("account_no", "household", "item", "area")),
    prefixes=["TEMPORARY"],
)
_INPUT_COLUMNS = ("line", *RollLine._fields)

REASONS = {
    "person": "查无此人",
    "name": "姓名与登记不符",
    "amount": "金额不在允许范围内",
    "household": "缺少户编号",
    "card": "没有可入账的社会保障卡",
    "account": "账号与登记不符",
    "duplicate": "本期已发放,不重复发放",
    "item": "该项目已发放,不重复发放",
    "excluded": "同期享受互斥项目",
    "account_shared": "同一账号对应多人",
    "living": "生存状态不符合发放条件",
    "suspended": "暂停发放",
}
"""Finding codes (``payout.<code>``) and what a clerk reads."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a roll is drafted from."""

    programme: Programme
    period: str
    lines: Iterable[RollLine]
    on: date
    by: str
    pay_on: date
    exclusions: Sequence[Exclusion] = ()


def draft(books: Books, order: Draft) -> rolls.Roll:
    """Store one roll and return it; the same lines handed in again are the same roll."""
    programme = order.programme
    # Whom a line is for is read from the registry by this very transaction. To look each of them up once more, in the
    # roll's order, costs SQLite more than to store the line.
    with books.writing(checks_references=False) as connection:
        _INPUT.create(connection)
        count = _take_in(books, connection, order.lines)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE payout_input")  # else it is planned as empty
        source = rolls.digest_rows(connection, "payout_input", RollLine._fields, "line > 0", {})
        there = rolls.of_run(connection, programme.code, order.period)
        for roll in there:
            if roll.source_sha256 == source and roll.state is not RollState.WITHDRAWN:
                _INPUT.drop(connection)
                return roll
        roll = _new_roll(connection, order, there, source)
        _match(books, connection, order, roll, count)
        rules.judge(connection, rules.Rules(programme, order.period, order.exclusions), roll)
        deductions.keep_back(connection, programme.code, roll, order.on)
        record(connection, f"{programme.code}:{order.period}", _findings(connection, roll))
        _INPUT.drop(connection)
        ready = RollState.DRAFTED if programme.approvals else RollState.APPROVED
        return rolls.save(connection, roll, digest=rolls.digest(connection, roll), state=int(ready))


def _take_in(books: Books, connection: sa.Connection, lines: Iterable[RollLine]) -> int:
    source, count = iter(lines), 0
    while part := list(islice(source, CHUNK)):
        if not _storable(part):
            part = [line if _storable([line]) else _blanked(line) for line in part]
        _put(connection, ((n, *line) for n, line in enumerate(part, count + 1)))
        count += len(part)
        books.tell("roll", count)
    return count


def _put(connection: sa.Connection, rows: Iterable[Sequence[object]]) -> None:
    if connection.dialect.name == "sqlite":
        insert_many(connection, _INPUT, _INPUT_COLUMNS, rows)
        return
    driver: Any = connection.connection.dbapi_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY payout_input ({', '.join(_INPUT_COLUMNS)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _storable(part: Sequence[RollLine]) -> bool:
    """Whether a database and a bank file take these lines as they are; looked at by the thousand."""
    columns = list(zip(*part, strict=True))
    if set(map(type, columns[2])) != {int} or min(columns[2]) < -FEN_MAX or max(columns[2]) > FEN_MAX:
        return False
    try:
        text = "".join(["".join(column) for number, column in enumerate(columns) if number != 2])
        text.encode()
    except (TypeError, UnicodeEncodeError):  # not text, or a lone surrogate
        return False
    return not any(mark in text for mark in ("|", "\n", "\r", "\0"))


def _blanked(line: RollLine) -> RollLine:
    """An unusable line with its unusable fields emptied, so that it is refused by the rule it breaks."""
    kept = RollLine(*(value if _fits(value) else "" for value in line))  # type: ignore[arg-type]
    amount = line.amount_fen if type(line.amount_fen) is int and abs(line.amount_fen) <= FEN_MAX else 0
    return kept._replace(amount_fen=amount)


def _fits(value: object) -> bool:
    return isinstance(value, str) and _storable([RollLine(value, "", 1)])


def _new_roll(connection: sa.Connection, order: Draft, there: list[rolls.Roll], source: str) -> rolls.Roll:
    table, programme = schema.payout_roll, order.programme
    roll_id = (connection.execute(sa.select(sa.func.max(table.c.roll_id))).scalar() or 0) + 1
    stem = f"{programme.code}-{order.period}-R"
    taken = connection.execute(
        sa.select(sa.func.count()).select_from(table).where(table.c.roll_no.startswith(stem, autoescape=True))
    ).scalar_one()
    run_id = there[0].run_id if there else roll_id
    roll = rolls.Roll(
        *(roll_id, f"{stem}{taken + 1:03d}", run_id, programme.code, order.period, RollState.DRAFTED, source, ""),
        *(order.by, order.on.isoformat(), order.pay_on.isoformat()),
    )
    values = {name: getattr(roll, name) for name in roll.__slots__}
    connection.execute(sa.insert(table).values({**values, "state": int(roll.state)}))
    return roll


_MATCH = """
INSERT INTO payout_roll_line (roll_id, line, run_id, person_id, household, item, area, gross_fen, deducted_fen,
                              bank, account_no, state, reason)
SELECT :roll, line, :run, person_id, CASE WHEN :household = 1 THEN household ELSE '' END, item, area, amount_fen, 0,
       COALESCE(found_bank, ''), COALESCE(found_account, ''), CASE WHEN reason IS NULL THEN {ready} ELSE {refused} END,
       reason
FROM (SELECT line, household, item, area, amount_fen, person_id, found_bank, found_account,
             CASE WHEN person_id IS NULL THEN 'person'
                  WHEN known_name <> name THEN 'name'
                  WHEN amount_fen < 1 OR amount_fen > :limit THEN 'amount'
                  WHEN :household = 1 AND household = '' THEN 'household'
                  WHEN found_account IS NULL THEN 'card'
                  WHEN account_no <> '' AND account_no <> found_account THEN 'account'
             END AS reason
      FROM (SELECT s.line, s.name, s.amount_fen, s.account_no, s.household, s.item, s.area, {found}
            WHERE s.line > :after AND s.line <= :upto) looked_up) matched
WHERE line > 0
ORDER BY line
ON CONFLICT DO NOTHING
"""
_JOINED = (
    "p.person_id, p.name AS known_name, {bank} AS found_bank, {account} AS found_account "
    f"FROM payout_input s LEFT JOIN person p ON p.id_number = s.id_number {lookup.REGISTRY}"
)
_TOLD = "LEFT JOIN payout_standing t ON t.person_id = p.person_id AND t.account_no IS NOT NULL"
_NOT_CLAIMED = """
INSERT INTO payout_roll_line (roll_id, line, run_id, person_id, household, item, area, gross_fen, deducted_fen,
                              bank, account_no, state, reason)
SELECT :roll, s.line, :run, p.person_id, '', s.item, s.area, s.amount_fen, 0, '', '', {refused}, 'duplicate'
FROM payout_input s LEFT JOIN person p ON p.id_number = s.id_number
WHERE NOT EXISTS (SELECT 1 FROM payout_roll_line l WHERE l.roll_id = :roll AND l.line = s.line)
"""


def _match(books: Books, connection: sa.Connection, order: Draft, roll: rolls.Roll, count: int) -> None:
    """Every line joined with its person and latest payable account; the claim index keeps the first of each."""
    programme = order.programme
    payable = ", ".join(str(int(state)) for state in sorted(programme.payable)) or "-1"
    standing = schema.payout_standing.c
    told = connection.execute(sa.select(standing.person_id).where(standing.account_no.is_not(None)).limit(1)).first()
    account, bank = "k.account_no", "k.bank"
    if told is not None:
        live = f"CASE WHEN t.account_state IN ({payable}) THEN t."
        account = f"CASE WHEN t.person_id IS NULL THEN k.account_no ELSE {live}account_no END END"
        bank = f"CASE WHEN t.person_id IS NULL THEN k.bank ELSE {live}bank END END"
    ready, refused = int(RollLineState.READY), int(RollLineState.REFUSED)
    names = {"account": account, "bank": bank, "payable": payable, "told": _TOLD if told is not None else ""}
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        lookup.find(connection, names, count, CHUNK, lambda done: books.tell("find", done, count))
    found = lookup.FOUND if is_sqlite else _JOINED.format(**names)
    match = sa.text(_MATCH.format(ready=ready, refused=refused, found=found))
    values = {"roll": roll.roll_id, "run": roll.run_id}
    limits = {"limit": programme.limit_fen, "household": int(programme.household)}
    stored = 0
    # PostgreSQL joins a large roll by reading the registry whole: once, not once for every chunk.
    chunk = CHUNK if is_sqlite else max(count, 1)
    for after in range(0, count, chunk):
        upto = min(after + chunk, count)
        stored += connection.execute(match, {**values, **limits, "after": after, "upto": upto}).rowcount
        books.tell("match", upto, count)
    if is_sqlite:
        lookup.forget(connection)
    if stored < count:
        connection.execute(sa.text(_NOT_CLAIMED.format(refused=refused)), values)


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """One line a roll did not take on: its number in the roll handed in, whose (masked), and why."""

    line: int
    id_number: str
    code: str
    reason: str


_REFUSED = """
SELECT l.line, l.reason, f.detail
FROM (SELECT roll_id, line, reason, ROW_NUMBER() OVER (PARTITION BY line, reason ORDER BY roll_id) AS n
      FROM payout_roll_line WHERE run_id = :run AND state = :refused) l
JOIN (SELECT line, code, detail, ROW_NUMBER() OVER (PARTITION BY line, code ORDER BY finding_id) AS n
      FROM finding WHERE stage = :stage AND source = :source) f
  ON f.line = l.line AND f.code = :stage || '.' || l.reason AND f.n = l.n
WHERE l.roll_id = :roll ORDER BY l.line
"""


def refused(connection: sa.Connection, roll: rolls.Roll) -> list[RefusedLine]:
    """The lines a roll did not take on, from their findings.

    All rolls of a period have their findings under one source: of those for one line and reason, the first roll
    has the first.
    """
    names = {"stage": STAGE, "source": f"{roll.programme}:{roll.period}", "refused": int(RollLineState.REFUSED)}
    found = connection.execute(sa.text(_REFUSED), {**names, "run": roll.run_id, "roll": roll.roll_id})
    return [
        RefusedLine(line, detail.removesuffix(REASONS[code]).rstrip(), f"{STAGE}.{code}", REASONS[code])
        for line, code, detail in found
    ]


def _findings(connection: sa.Connection, roll: rolls.Roll) -> Iterator[PayoutFinding]:
    line = schema.payout_roll_line.c
    query = (
        sa.select(line.line, line.reason, _INPUT.c.id_number)
        .join_from(schema.payout_roll_line, _INPUT, _INPUT.c.line == line.line)
        .where(line.roll_id == roll.roll_id, line.reason.is_not(None))
        .order_by(line.line)
    )
    for number, code, id_number in connection.execute(query).all():
        yield PayoutFinding(number, f"payout.{code}", f"{mask_id(id_number)} {REASONS[code]}")
