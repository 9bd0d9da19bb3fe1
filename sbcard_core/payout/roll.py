"""Matching a roll with persons, cards and accounts; whoever does not match is a finding, not a payment."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import sqlalchemy as sa

from sbcard_core.payout.lines import PayoutFinding, RollLine
from sbcard_core.payout.programmes import Programme
from sbcard_core.store import schema
from sbcard_core.values import mask_id

CHUNK = 900
"""Lines matched at once: all named in one query, below the databases' smallest parameter limit."""

Holder = tuple[int, str, str, str, str | None]  # person, name, bank, account number, card (None: no living card)


@dataclass(frozen=True, slots=True)
class Payee:
    """One matched line, ready to be sent."""

    person_id: int
    bank: str
    account_no: str
    name: str = field(repr=False)
    id_number: str = field(repr=False)
    amount_fen: int


def chunks(roll: Iterable[RollLine]) -> Iterator[list[tuple[int, RollLine]]]:
    """The roll in parts, each line with its 1-based number."""
    numbered = enumerate(roll, 1)
    while part := list(islice(numbered, CHUNK)):
        yield part


def match(
    connection: sa.Connection,
    programme: Programme,
    period: str,
    part: Sequence[tuple[int, RollLine]],
    pending: set[int],
) -> tuple[list[Payee], list[PayoutFinding]]:
    """Match one part of a roll.

    Args:
        connection: the transaction to read in.
        programme: what is paid.
        period: for which period; one line per person, programme and period.
        part: numbered roll lines.
        pending: persons matched earlier in this run and not stored yet; those matched now are added.
    """
    holders = _holders(connection, [line.id_number for _, line in part], programme)
    paid = _paid(connection, programme.code, period, [row[0] for row in holders.values()])
    payees: list[Payee] = []
    found: list[PayoutFinding] = []
    for number, line in part:
        holder = holders.get(line.id_number)
        problem = _problem(line, holder, programme, paid, pending)
        if problem is not None:
            code, text = problem
            found.append(PayoutFinding(number, f"payout.{code}", f"{mask_id(line.id_number)} {text}"))
        elif holder is not None:
            pending.add(holder[0])
            payees.append(Payee(holder[0], holder[2], holder[3], holder[1], line.id_number, line.amount_fen))
    return payees, found


def _problem(
    line: RollLine, holder: Holder | None, programme: Programme, paid: set[int], pending: set[int]
) -> tuple[str, str] | None:
    if holder is None:
        return "person", "查无此人"
    if holder[1] != line.name:
        return "name", "姓名与登记不符"
    if type(line.amount_fen) is not int or not 0 < line.amount_fen <= programme.limit_fen:
        return "amount", "金额不在允许范围内"
    if holder[0] in paid or holder[0] in pending:
        return "duplicate", "本期已发放,不重复发放"
    if holder[4] is None:
        return "card", "没有可入账的社会保障卡"
    return None


def _holders(connection: sa.Connection, numbers: list[str], programme: Programme) -> dict[str, Holder]:
    """Each person found, with the account of the latest card that may be paid to."""
    person, card = schema.person.c, schema.card.c
    query = (
        sa.select(
            *(person.id_number, person.person_id, person.name, card.bank, card.account_no, card.card_no),
            *(card.account_state, card.issued_on),
        )
        .join_from(schema.person, schema.card, card.person_id == person.person_id, isouter=True)
        .where(person.id_number.in_(numbers))
    )
    payable = {int(state) for state in programme.payable}
    found: dict[str, Holder] = {}
    issued: dict[str, str] = {}
    for number, person_id, name, bank, account_no, card_no, state, issued_on in connection.execute(query):
        if card_no is None or state not in payable or issued_on is None:
            found.setdefault(number, (person_id, name, "", "", None))
        elif number not in issued or issued_on > issued[number]:
            issued[number] = issued_on
            found[number] = (person_id, name, bank, account_no, card_no)
    return found


def _paid(connection: sa.Connection, code: str, period: str, persons: list[Any]) -> set[int]:
    line, batch = schema.payout_line.c, schema.payout_batch.c
    query = (
        sa.select(line.person_id)
        .join_from(schema.payout_line, schema.payout_batch, line.batch_no == batch.batch_no)
        .where(line.person_id.in_(persons), batch.programme == code, batch.period == period)
    )
    return set(connection.execute(query).scalars())
