"""What a roll line and a sent line are, and how both are written down."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa

from sbcard_core.eligibility import DEFAULT_RULES, Answer, Purpose, Rule
from sbcard_core.errors import Refused
from sbcard_core.ledger import AccountKind, Ledger, Transfer, TransferStatus, lock_for_posting
from sbcard_core.messages import message
from sbcard_core.officers import Officers
from sbcard_core.payout.checks import yuan
from sbcard_core.payout.programmes import Programme
from sbcard_core.payout.states import RETURN_CODES
from sbcard_core.store import Store, insert_many, schema
from sbcard_core.values import CardState, Severity

STAGE = "payout"
CACHE_KIB = 128 << 10
"""Most memory SQLite keeps pages in: a roll touches the registry's pages in any order."""
SUSPENSE = "SUSPENSE"
"""Account that holds the amounts whose fate is unknown."""


class FundsShort(Refused):
    """The fund does not hold what a batch needs; batches written before stay valid, this one was not made."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a long step has come: ``done`` of ``total`` lines (0: not known yet) of ``stage``."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Books:
    """The database and its ledger: every step writes to both in one transaction.

    ``itemised`` posts a transfer for every paid line, not one for all lines an answer pays. ``return_codes`` are those
    by which the banks say that a line is not paid. ``officers`` are the registered ones, and ``credit``
    is the rule of eligibility for accounts that are paid.
    """

    store: Store
    ledger: Ledger
    progress: Callable[[Progress], None] | None = None
    itemised: bool = False
    return_codes: Mapping[str, str] = field(default_factory=lambda: RETURN_CODES)
    officers: Officers = field(default_factory=Officers)
    credit: Rule = DEFAULT_RULES[Purpose.CREDIT]

    def tell(self, stage: str, done: int, total: int = 0) -> None:
        """Report progress, where somebody listens."""
        if self.progress is not None:
            self.progress(Progress(stage, done, total))

    def payable(self, programme: Programme) -> frozenset[CardState]:
        """States of a card's financial half in which the programme pays to its account."""
        allowed = (state for state, answer in self.credit.states.items() if answer is Answer.ALLOW)
        return frozenset(allowed) if programme.payable is None else programme.payable

    @contextmanager
    def writing(self, *, checks_references: bool = True) -> Iterator[sa.Connection]:
        """One transaction of the one writer: what it reads cannot change before it ends.

        ``checks_references=False`` is for rows whose references were read in the same transaction.
        """
        with self.store.begin() if checks_references else self.store.bulk() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql(f"PRAGMA cache_size = -{CACHE_KIB}")
            lock_for_posting(connection)
            yield connection


class RollLine(NamedTuple):
    """One line of a roll (发放名册); of a household programme, the line names the head of the household (户主).

    Attributes:
        id_number: whose card is paid.
        name: must be the registered one.
        amount_fen: what is due.
        account_no: where given, it must be the account the registry has: name, account and number agree, or the
            line is refused.
        household: household number; needed by household programmes, ignored by personal ones.
        item: empty for the period's due; else what it is for, paid once per person and programme whatever the
            period, e.g. ``"held:2014-05"``.
        area: village or street, for the public notice.
    """

    id_number: str
    name: str
    amount_fen: int
    account_no: str = ""
    household: str = ""
    item: str = ""
    area: str = ""

    def __repr__(self) -> str:
        return f"RollLine(amount_fen={self.amount_fen!r}, item={self.item!r})"


@dataclass(frozen=True, slots=True)
class PayoutFinding:
    """One thing found: ``line`` of the roll or file (0 = none), ``amount_fen`` it put in suspense.

    Of severity ERROR it was not taken on; a WARNING is only to be looked at.
    """

    line: int
    code: str
    detail: str
    amount_fen: int = 0
    severity: Severity = Severity.ERROR


_COLUMNS = ("stage", "code", "source", "line", "field", "severity", "disposition", "amount_fen", "detail")


def record(connection: sa.Connection, source: str, findings: Iterable[PayoutFinding]) -> int:
    """Store findings of one source and return how many."""
    rows = ((STAGE, f.code, source, f.line, "", int(f.severity), None, f.amount_fen, f.detail) for f in findings)
    return insert_many(connection, schema.finding, _COLUMNS, rows)


def payable_account(batch_no: str) -> str:
    """The account in which the money of one batch, or of a roll not yet cut into batches, is blocked."""
    return f"PAYOUT_PAYABLE:{batch_no}"


def clearing_account(bank: str) -> str:
    """The account through which one bank is paid."""
    return f"BANK_CLEARING:{bank}"


def post(ledger: Ledger, connection: sa.Connection, transfers: Sequence[Transfer]) -> None:
    """Post transfers that must all settle; ids are made of batch and line, so a repeated step moves nothing.

    Raises:
        FundsShort: the debited account may not fall that low.
        Refused: any other status: the books contradict the batch.
    """
    for transfer, status in zip(transfers, ledger.post_many(transfers, connection), strict=True):
        if status is TransferStatus.INSUFFICIENT:
            what = message("payout.funds_short", account=transfer.debit_account, amount=yuan(transfer.amount_fen))
            raise FundsShort(what, step="payout", term="资金不足")
        if not status.is_settled:
            what = message("payout.transfer_refused", transfer=transfer.transfer_id, status=status.name)
            raise Refused(what, step="payout", term="记账")


def open_for_batch(ledger: Ledger, connection: sa.Connection, batch_no: str, bank: str) -> None:
    """Open the accounts one batch needs."""
    ledger.open_accounts(
        [
            (payable_account(batch_no), AccountKind.PAYOUT_PAYABLE),
            (clearing_account(bank), AccountKind.BANK_CLEARING),
            (SUSPENSE, AccountKind.SUSPENSE),
        ],
        connection=connection,
    )
