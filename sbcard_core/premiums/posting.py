"""Payments against the books: judged one after the other, posted together with the bill's new state."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from sbcard_core.calendar import Period
from sbcard_core.eligibility import Eligibility, Purpose, Use
from sbcard_core.fields import BankCode, card_number
from sbcard_core.ledger import AccountKind, Ledger, Transfer, TransferStatus, timestamp
from sbcard_core.ledger.transfers import is_id
from sbcard_core.premiums.records import (
    BillState,
    Channel,
    Insured,
    IssueStatus,
    Payment,
    PaymentStatus,
)
from sbcard_core.premiums.tariff import Rate
from sbcard_core.store import insert_many, schema

RateKey = tuple[str, int, str]
"""Insurance, category and first day of a rate: what a bill keeps of it."""
_LOOKUP = 900

_SOURCES = {
    Channel.COUNTER: ("CASH", AccountKind.CASH),
    Channel.POS: ("BANK_CLEARING:pos", AccountKind.BANK_CLEARING),
    Channel.ATM: ("BANK_CLEARING:atm", AccountKind.BANK_CLEARING),
    Channel.PHONE: ("BANK_CLEARING:phone", AccountKind.BANK_CLEARING),
    Channel.AGENT_BANK: ("BANK_CLEARING", AccountKind.BANK_CLEARING),
}


def source_of(channel: Channel, agent: str) -> tuple[str, AccountKind]:
    """The account that brings the money: the counter's cash, or the clearing with whoever took it.

    Example:
        >>> source_of(Channel.AGENT_BANK, "103")[0], source_of(Channel.COUNTER, "4301-2")[0]
        ('BANK_CLEARING:103', 'CASH:4301-2')
    """
    name, kind = _SOURCES[channel]
    return f"{name}:{agent}", kind


def key_of_rate(rate: Rate) -> RateKey:
    """What a bill keeps of its rate."""
    return rate.insurance, int(rate.category), rate.since.isoformat()


def _rate_of(bill: Any, rates: Mapping[RateKey, Rate]) -> Rate | None:
    return rates.get((bill.insurance, bill.category, bill.rate_since))


def figures(text: str) -> list[int]:
    """Fen per share, as stored.

    Example:
        >>> figures("5500 500")
        [5500, 500]
    """
    return [int(part) for part in text.split()]


def moment(text: str) -> datetime:
    """Read a stored local time."""
    return datetime.fromisoformat(text)


_LIVE = (int(BillState.OPEN), int(BillState.PAID))


def is_billed(connection: sa.Connection, bill: Any) -> bool:
    """Whether another bill of the same person and insurance, open or paid, shares a day with this one."""
    same = sa.and_(_BILL.c.id_number == bill.id_number, _BILL.c.insurance == bill.insurance)
    other = sa.and_(_BILL.c.bill_no != bill.bill_no, _BILL.c.period.in_(Period(bill.period).overlapping()))
    query = sa.select(_BILL.c.bill_no).where(same, other, _BILL.c.state.in_(_LIVE))
    return connection.execute(query.limit(1)).first() is not None


def known_bills(
    connection: sa.Connection, period: Period, people: Sequence[Insured]
) -> dict[tuple[str, str], IssueStatus]:
    """What bills there are stands against another one, by insurance and citizen number: EXISTS or OVERLAPS."""
    found: dict[tuple[str, str], IssueStatus] = {}
    stands = sa.or_(_BILL.c.period == period, _BILL.c.state.in_(_LIVE))
    wanted = sa.select(_BILL.c.insurance, _BILL.c.id_number, _BILL.c.period).where(stands)
    numbers = list(dict.fromkeys(person.id_number for person in people))
    for start in range(0, len(numbers), _LOOKUP):
        some = _BILL.c.id_number.in_(numbers[start : start + _LOOKUP])
        for insurance, number, of in connection.execute(wanted.where(some, _BILL.c.period.in_(period.overlapping()))):
            status = IssueStatus.EXISTS if of == period else IssueStatus.OVERLAPS
            found[insurance, number] = min(status, found.get((insurance, number), status))
    return found


def last_serial(connection: sa.Connection, period: str) -> int:
    """The highest serial in the numbers of a period's bills; older ones may carry it in another spelling."""
    mine = sa.and_(_BILL.c.period == period, _BILL.c.bill_no.startswith(f"{period}."))
    wanted = sa.select(sa.func.max(_BILL.c.bill_no)).where(mine)
    last = connection.execute(wanted).scalar()
    return int(last.rpartition(".")[2]) if last else 0


def find(connection: sa.Connection, table: sa.Table, key: str, wanted: Iterable[str]) -> Iterable[Any]:
    """Rows by their keys, those that cannot be keys left out."""
    names = [name for name in dict.fromkeys(wanted) if is_id(name)]
    for start in range(0, len(names), _LOOKUP):
        yield from connection.execute(sa.select(table).where(table.c[key].in_(names[start : start + _LOOKUP])))


def pay(
    connection: sa.Connection,
    ledger: Ledger,
    rates: Mapping[RateKey, Rate],
    payments: Sequence[Payment],
    *,
    eligibility: Eligibility,
    source: str = "",
) -> list[PaymentStatus]:
    """Take payments in the caller's transaction, which holds the posting lock.

    Args:
        connection: of the caller's transaction.
        ledger: the books.
        rates: by what bills keep of them.
        payments: judged in this order.
        eligibility: whether the cards that were shown may be used.
        source: an open account the money comes from, instead of that of its channel.
    """
    payments = [_parsed(payment) for payment in payments]
    known = {row.payment_id: row for row in find(connection, _PAYMENT, "payment_id", [p.payment_id for p in payments])}
    bills = {row.bill_no: row for row in find(connection, _BILL, "bill_no", [p.bill_no for p in payments])}
    usable = _usable_cards(connection, eligibility, payments)
    sources = {source_of(p.channel, p.agent): 1 for p in payments if _may_be_taken(p, bills)}
    ledger.open_accounts(sources, connection=connection)
    taken: dict[str, Payment] = {}

    def judge(post: Callable[[list[Transfer]], bool]) -> list[PaymentStatus]:
        """Judge one payment after the other; each sees those before it."""
        taken.clear()
        states = {number: BillState(row.state) for number, row in bills.items()}
        statuses = []
        for one in payments:
            status = _judge_payment(one, known.get(one.payment_id), taken.get(one.payment_id), bills, states)
            if status is PaymentStatus.PAID and one.card_no and (one.card_no, one.at.date()) not in usable:
                status = PaymentStatus.CARD_REFUSED
            if status is PaymentStatus.PAID:
                status = _post_payment(_rate_of(bills[one.bill_no], rates), one, source, post)
            if status is PaymentStatus.PAID:
                taken[one.payment_id] = one
                states[one.bill_no] = BillState.PAID
            statuses.append(status)
        return statuses

    moves: list[Transfer] = []

    def later(few: list[Transfer]) -> bool:
        moves.extend(few)
        return True

    statuses = judge(later)
    if not post_all(connection, ledger, moves):  # the books refuse some: find out which
        statuses = judge(lambda few: post_all(connection, ledger, few))
    columns = ("payment_id", "bill_no", "amount_fen", "channel", "agent", "at", "card_no", "refunded")
    insert_many(connection, _PAYMENT, columns, [(*_kept(payment), "0") for payment in taken.values()])
    set_states(connection, [(payment.bill_no, BillState.PAID) for payment in taken.values()])
    return statuses


def _may_be_taken(payment: Payment, bills: Mapping[str, Any]) -> bool:
    bill = bills.get(payment.bill_no) if _is_well_formed(payment) else None
    return bill is not None and bill.state == BillState.OPEN


def _parsed(payment: Payment) -> Payment:
    """The same payment with the agent bank's code and the card number in their written forms."""
    agent, card_no = payment.agent, payment.card_no
    if payment.channel is Channel.AGENT_BANK and isinstance(agent, str):
        agent = _bank(agent)
    if isinstance(card_no, str) and card_no:
        card_no = card_number.compact(card_no)
    return (
        payment
        if (agent, card_no) == (payment.agent, payment.card_no)
        else replace(payment, agent=agent, card_no=card_no)
    )


@lru_cache(maxsize=1000)
def _bank(agent: str) -> str:
    """The written form of a bank's code, "" for what is none."""
    return str(BankCode(agent)) if BankCode.is_valid(agent) else ""


def _usable_cards(
    connection: sa.Connection, eligibility: Eligibility, payments: Sequence[Payment]
) -> set[tuple[str, date]]:
    """Cards that may pay a premium, each with the day of the payment."""
    shown = {(payment.card_no, payment.at.date()) for payment in payments if _shows_card(payment)}
    uses = [Use(Purpose.PREMIUM, day, card_no=card_no) for card_no, day in sorted(shown)]
    decisions = eligibility.may_many(connection, uses)
    return {(use.card_no, use.on) for use, found in zip(uses, decisions, strict=True) if found.is_allowed}


def _shows_card(payment: Payment) -> bool:
    return bool(payment.card_no) and _is_well_formed(payment)


def _kept(payment: Payment) -> tuple[str, str, int, str, str, str, str | None]:
    return (payment.payment_id, payment.bill_no, payment.amount_fen, payment.channel.value, payment.agent,
            timestamp(payment.at), payment.card_no or None)  # fmt: skip


def _stored(row: Any) -> tuple[object, ...]:
    return row.payment_id, row.bill_no, row.amount_fen, row.channel, row.agent, row.at, row.card_no


def _judge_payment(
    payment: Payment, stored: Any, taken: Payment | None, bills: Mapping[str, Any], states: Mapping[str, BillState]
) -> PaymentStatus:
    if not _is_well_formed(payment):
        return PaymentStatus.MALFORMED
    before = _kept(taken) if taken else _stored(stored) if stored is not None else None
    if before is not None:
        return PaymentStatus.EXISTS if before == _kept(payment) else PaymentStatus.EXISTS_DIFFERENT
    if payment.bill_no not in bills:
        return PaymentStatus.UNKNOWN_BILL
    state = states[payment.bill_no]
    if state is BillState.CANCELLED:
        return PaymentStatus.CANCELLED
    if state is not BillState.OPEN:
        return PaymentStatus.ALREADY_PAID
    return (
        PaymentStatus.PAID if payment.amount_fen == bills[payment.bill_no].amount_fen else PaymentStatus.AMOUNT_DIFFERS
    )


def _is_well_formed(payment: Payment) -> bool:
    ids = (payment.payment_id, payment.bill_no, payment.agent)
    if not (all(is_id(one) and len(one) <= 100 for one in ids) and type(payment.amount_fen) is int):
        return False
    return (
        isinstance(payment.channel, Channel)
        and is_local(payment.at)
        and (payment.card_no == "" or (is_id(payment.card_no) and len(payment.card_no) <= 9))
    )


def is_local(at: object) -> bool:
    return isinstance(at, datetime) and at.tzinfo is None


def _post_payment(
    rate: Rate | None, payment: Payment, source: str, post: Callable[[list[Transfer]], bool]
) -> PaymentStatus:
    if rate is None or rate.amount_fen != payment.amount_fen:  # of a tariff that was changed since
        return PaymentStatus.NO_RATE
    source = source or source_of(payment.channel, payment.agent)[0]
    at = timestamp(payment.at)
    moves = [
        Transfer(f"premium:{payment.payment_id}:{part}", source, share.account, share.amount_fen, "premium.pay", at)
        for part, share in enumerate(rate.shares)
    ]
    return PaymentStatus.PAID if post(moves) else PaymentStatus.LEDGER_REFUSED


def post_all(connection: sa.Connection, ledger: Ledger, moves: list[Transfer]) -> bool:
    """All or none."""
    inner = connection.begin_nested()
    if all(status is TransferStatus.POSTED for status in ledger.post_many(moves, connection)):
        inner.commit()
        return True
    inner.rollback()
    return False


def set_states(connection: sa.Connection, changes: Sequence[tuple[str, BillState]]) -> None:
    """Put bills in new states."""
    if changes:
        bill = schema.premium_bill
        statement = sa.update(bill).where(bill.c.bill_no == sa.bindparam("wanted")).values(state=sa.bindparam("new"))
        connection.execute(statement, [{"wanted": number, "new": int(state)} for number, state in changes])


_BILL, _PAYMENT = schema.premium_bill, schema.premium_payment
