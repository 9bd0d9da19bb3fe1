"""Drafting a roll: lines in, each matched with person, card and account by the database itself, in bulk.

Whoever does not match is a finding, not a payment. One transaction: a draft is there whole, or not at all.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

import sqlalchemy as sa

from sbcard_core.calendar import Period
from sbcard_core.fields import BankAccount, CitizenNumber, HouseholdNumber
from sbcard_core.fields.name import Match
from sbcard_core.fields.name import match as match_names
from sbcard_core.messages import Message, message
from sbcard_core.payout import deductions, lookup, rolls, rules
from sbcard_core.payout.lines import STAGE, Books, PayoutFinding, RollLine, record
from sbcard_core.payout.programmes import Exclusion, Programme
from sbcard_core.payout.states import RollLineState, RollState
from sbcard_core.store import insert_many, schema, update_many
from sbcard_core.values import FEN_MAX, Severity, mask_id

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

REASONS = (
    *("person", "name", "amount", "household", "card", "unusable", "account", "duplicate", "item", "overlap"),
    *("excluded", "account_shared", "living", "suspended"),
)
"""Finding codes (``payout.<code>``) of lines not taken on; the catalogue has what a clerk reads (``payout.line.…``)."""


def _sentence(code: str) -> Message:
    return message(f"payout.line.{code}")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a roll is drafted from."""

    programme: Programme
    period: Period
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
        count = _take_in(books, connection, programme, order.lines)
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("ANALYZE payout_input")  # else it is planned as empty
        source = rolls.digest_rows(connection, "payout_input", RollLine._fields, "line > 0", {})
        there = rolls.of_run(connection, programme.code, order.period)
        for roll in there:
            if roll.source_sha256 == source and roll.state is not RollState.WITHDRAWN:
                _INPUT.drop(connection)
                return roll
        roll = _new_roll(connection, order, there, source)
        folded = _match(books, connection, order, roll, count)
        rules.apply(connection, rules.Rules(programme, order.period, order.exclusions), roll)
        deductions.keep_back(connection, programme.code, roll, order.on)
        record(connection, f"{programme.code}:{order.period}", _findings(connection, roll, folded))
        _INPUT.drop(connection)
        ready = RollState.DRAFTED if programme.approvals else RollState.APPROVED
        return rolls.save(connection, roll, digest=rolls.digest(connection, roll), state=int(ready))


def _take_in(books: Books, connection: sa.Connection, programme: Programme, lines: Iterable[RollLine]) -> int:
    source, count = iter(lines), 0
    while part := list(islice(source, CHUNK)):
        if not _storable(part):
            part = [line if _storable([line]) else _blanked(line) for line in part]
        part = _written(part, household=programme.household)
        _put(connection, ((n, *line) for n, line in enumerate(part, count + 1)))
        count += len(part)
        books.tell("roll", count)
    return count


def _written(part: Sequence[RollLine], *, household: bool) -> list[RollLine]:
    """Lines with their identifiers in the one written form; columns that are written so already are left alone.

    What is no number of a person, or no account, stays as it is and matches nobody and nothing; what is no household
    number is none.
    """
    numbers, accounts, households, items = (
        [getattr(line, name) for line in part] for name in ("id_number", "account_no", "household", "item")
    )
    text = "".join(numbers)
    is_written = len(text) == 18 * len(part) and text.isascii() and text.replace("X", "0").isdigit()
    if is_written and not (household or any(accounts) or any(items)):
        return list(part)  # nearly every roll: nothing is looked at line by line
    if not is_written:
        numbers = [form or text for form, text in zip(CitizenNumber.column(numbers), numbers, strict=True)]
    if any(accounts):
        accounts = [form or text for form, text in zip(BankAccount.column(accounts), accounts, strict=True)]
    if household:
        households = HouseholdNumber.column(households)
    if any(items):
        items = [_item(text) for text in items]
    return [
        RollLine(number, line.name, line.amount_fen, account, of, item, line.area)
        for line, number, account, of, item in zip(part, numbers, accounts, households, items, strict=True)
    ]


def _item(text: str) -> str:
    """An item, its period in the one written form."""
    head, colon, tail = text.rpartition(":")
    return f"{head}:{Period(tail)}" if colon and Period.is_valid(tail) else text.strip()


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
    """An unusable line, so that it is refused: a bad number or name emptied, for anything else the amount 0."""
    number, name, amount, *more = line
    whole = all(_fits(value) for value in more)
    usable = whole and type(amount) is int and abs(amount) <= FEN_MAX
    kept = (value if _fits(value) else "" for value in (number, name, *more))
    number, name, *more = kept
    return RollLine(number, name, amount if usable else 0, *more)


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
                  WHEN {unusable} THEN 'unusable'
                  WHEN account_no <> '' AND account_no <> found_account THEN 'account'
             END AS reason
      FROM (SELECT s.line, s.name, s.amount_fen, s.account_no, s.household, s.item, s.area, {found}
            WHERE s.line > :after AND s.line <= :upto) looked_up) matched
WHERE line > 0
ORDER BY line
ON CONFLICT DO NOTHING
"""
_UNUSABLE = {
    "sqlite": "found_account GLOB '*[^0-9]*' OR length(found_account) NOT BETWEEN 12 AND 19 "
    "OR found_bank NOT GLOB '[1-9][0-9][0-9]' OR instr(known_name, '|') > 0",
    "postgresql": "found_account !~ '^[0-9]{12,19}$' OR found_bank !~ '^[1-9][0-9][0-9]$' "
    "OR position('|' in known_name) > 0",
}
"""What no bank file carries: found before any money is blocked."""
_JOINED = (
    "p.person_id, p.name AS known_name, {bank} AS found_bank, {account} AS found_account "
    f"FROM payout_input s LEFT JOIN person p ON p.id_number = s.id_number {lookup.REGISTRY}"
)
_NOT_CLAIMED = """
INSERT INTO payout_roll_line (roll_id, line, run_id, person_id, household, item, area, gross_fen, deducted_fen,
                              bank, account_no, state, reason)
SELECT :roll, s.line, :run, p.person_id, '', s.item, s.area, s.amount_fen, 0, '', '', {refused}, 'duplicate'
FROM payout_input s LEFT JOIN person p ON p.id_number = s.id_number
WHERE NOT EXISTS (SELECT 1 FROM payout_roll_line l WHERE l.roll_id = :roll AND l.line = s.line)
"""


def _match(books: Books, connection: sa.Connection, order: Draft, roll: rolls.Roll, count: int) -> list[int]:
    """Every line joined with its person and latest payable account; the claim index keeps the first of each.

    Returns the lines whose name is the registered one only in its search form.
    """
    programme = order.programme
    ready, refused = int(RollLineState.READY), int(RollLineState.REFUSED)
    names = lookup.names(connection, books.payable(programme))
    is_sqlite = connection.dialect.name == "sqlite"
    if is_sqlite:
        lookup.find(connection, names, count, CHUNK, lambda done: books.tell("find", done, count))
    found = lookup.FOUND if is_sqlite else _JOINED.format(**names)
    folded = _same_names(connection, _FOUND_NAMES if is_sqlite else _JOINED_NAMES)
    unusable = _UNUSABLE["sqlite" if is_sqlite else "postgresql"]
    match = sa.text(_MATCH.format(ready=ready, refused=refused, found=found, unusable=unusable))
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
    return folded


_FOUND_NAMES = (
    "SELECT s.line, s.name, f.known_name FROM payout_input s JOIN payout_found f ON f.line = s.line "
    "WHERE f.known_name <> s.name ORDER BY s.line"
)
_JOINED_NAMES = (
    "SELECT s.line, s.name, p.name FROM payout_input s JOIN person p ON p.id_number = s.id_number "
    "WHERE p.name <> s.name ORDER BY s.line"
)


def _same_names(connection: sa.Connection, query: str) -> list[int]:
    """Give lines whose name is the registered one, spelled otherwise, that very name; returns those merely alike."""
    same, folded = [], []
    for line, given, known in connection.execute(sa.text(query)).all():
        found = match_names(given, known)
        if found is not Match.DIFFERENT:
            same.append((known, line))
        if found is Match.FOLDED:
            folded.append(line)
    update_many(connection, _INPUT, ("name",), ("line",), same)
    return folded


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
        RefusedLine(line, detail.rpartition(" ")[0], f"{STAGE}.{code}", str(_sentence(code)))
        for line, code, detail in found
    ]


def _findings(connection: sa.Connection, roll: rolls.Roll, folded: Sequence[int]) -> Iterator[PayoutFinding]:
    line = schema.payout_roll_line.c
    query = (
        sa.select(line.line, line.reason, _INPUT.c.id_number)
        .join_from(schema.payout_roll_line, _INPUT, _INPUT.c.line == line.line)
        .where(line.roll_id == roll.roll_id, line.reason.is_not(None))
        .order_by(line.line)
    )
    for number, code, id_number in connection.execute(query).all():
        yield PayoutFinding(number, f"payout.{code}", f"{mask_id(id_number)} {_sentence(code).zh}")
    mine, text = sa.select(_INPUT.c.id_number).where(_INPUT.c.line == sa.bindparam("n")), _sentence("name_folded").zh
    for number in folded:
        who = mask_id(connection.execute(mine, {"n": number}).scalar_one())
        yield PayoutFinding(number, "payout.name_folded", f"{who} {text}", severity=Severity.WARNING)
