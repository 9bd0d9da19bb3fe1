"""The medical-insurance centre behind the hospital terminals: splits a bill, posts it, keeps it."""

from decimal import Decimal
from functools import cached_property

import sqlalchemy as sa

from readers.base import BillLine, SettleReply, SettleRequest
from sbcard_core.ledger import AccountKind, Ledger, Transfer, timestamp
from sbcard_core.medical import (
    FeeLine,
    Grade,
    Policy,
    Settlement,
    Visit,
    accumulators_of,
    in_force,
    samples,
    settle,
    split,
)
from sbcard_core.replay.campaign import AS_OF
from sbcard_core.replay.context import Context
from sbcard_core.store import schema
from sbcard_core.values import PersonCategory

HOSPITAL = "H43000000001"
HOSPITAL_LEVEL = "1"
ACCOUNT_FEN = 30_000
"""What every personal account holds before the visit. Simulated."""

_SELF_PAID_SHARE_BP = 1_000
_card, _person, _settlement = schema.card.c, schema.person.c, schema.settlement.c
_HOLDER = sa.select(_person.person_id, _person.category).join_from(
    schema.card, schema.person, _card.person_id == _person.person_id
)
_DONE = sa.select(_settlement.fund_pay_sumamt, _settlement.acct_pay, _settlement.psn_cash_pay)
_EMPLOYED = frozenset({PersonCategory.URBAN_EMPLOYEE.value, PersonCategory.FLEXIBLE.value})


class MedicalCentre:
    """Answers ``readers.base.HostLink`` for the replay."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self._context = context
        self._ledger = ledger
        ledger.open_accounts([("EXTERNAL:premiums", AccountKind.EXTERNAL)])

    @cached_property
    def _policies(self) -> tuple[Policy, ...]:
        return samples()

    def settle(self, request: SettleRequest) -> SettleReply:
        """Split by the sample policy of the person's insurance and settle at once; the same bill again, same answer."""
        setl_id = f"{HOSPITAL}{request.bill.bill_no}"
        with self._context.store.begin() as connection:
            person_id, category = connection.execute(_HOLDER.where(_card.card_no == request.card_no)).one()
            done = connection.execute(_DONE.where(_settlement.setl_id == setl_id)).one_or_none()
            so_far = accumulators_of(connection, request.card_no, request.bill.at.year)
        if done is not None:
            return SettleReply(True, setl_id, *done)
        account = self._fund_account(person_id)
        insutype = "employee" if category in _EMPLOYED else "resident"
        policy = in_force(self._policies, insutype, request.bill.at.date())
        visit = Visit(level=HOSPITAL_LEVEL, account_fen=self._ledger.balance(account).net_fen)
        result = split([_fee(line) for line in request.bill.lines], policy, so_far, visit)
        at = timestamp(request.bill.at)
        settlement = Settlement(setl_id, request.card_no, HOSPITAL, at, result, account)
        settle(self._context.store, self._ledger, settlement)
        return SettleReply(True, setl_id, result.fund_pay_sumamt, result.acct_pay, result.psn_cash_pay)

    def _fund_account(self, person_id: int) -> str:
        """Open the person's account and pay the month's premium into it: the account outlives the card."""
        account = f"PERSONAL_MEDICAL:{person_id}"
        self._ledger.open_accounts([(account, AccountKind.PERSONAL_MEDICAL)])
        move = f"premium:{person_id}:{AS_OF:%Y%m}"
        self._ledger.post(Transfer(move, "EXTERNAL:premiums", account, ACCOUNT_FEN, "premium", timestamp(AS_OF)))
        return account


def _fee(line: BillLine) -> FeeLine:
    """The catalogue grade of a charge. A made-up catalogue: A… is 甲类, B… 乙类, X… outside."""
    grade = {"A": Grade.A, "B": Grade.B}.get(line.code[0], Grade.C)
    share = _SELF_PAID_SHARE_BP if grade is Grade.B else 0
    return FeeLine(line.name, grade, line.amount_fen, Decimal(line.amount_fen), selfpay_prop_bp=share)
