"""The medical-insurance centre behind the hospital terminals: splits a bill, posts it, keeps it."""

from decimal import Decimal
from functools import cached_property

import sqlalchemy as sa

from readers.base import BillLine, SettleReply, SettleRequest
from sbcard_core.ledger import AccountKind, Ledger, Transfer, timestamp
from sbcard_core.medical.lines import FeeLine, Grade
from sbcard_core.medical.policy import Policy, in_force, samples
from sbcard_core.medical.records import Settlement, accumulators_of
from sbcard_core.medical.settle import settle
from sbcard_core.medical.split import Visit, split
from sbcard_core.replay.campaign import AS_OF
from sbcard_core.replay.context import Context
from sbcard_core.store import schema
from sbcard_core.values import PersonCategory

HOSPITAL = "H43000000001"
HOSPITAL_LEVEL = "1"
ACCOUNT_FEN = 30_000
"""What every personal account holds before the visit. Simulated."""

_SELF_PAID_SHARE_BP = 1_000
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
        """Split by the sample policy of the person's insurance and settle at once."""
        account = self._fund_account(request)
        with self._context.store.begin() as connection:
            insutype = "employee" if self._category(connection, request.card_no) in _EMPLOYED else "resident"
            so_far = accumulators_of(connection, request.card_no, request.bill.at.year)
        policy = in_force(self._policies, insutype, request.bill.at.date())
        visit = Visit(level=HOSPITAL_LEVEL, account_fen=self._ledger.balance(account).net_fen)
        result = split([_fee(line) for line in request.bill.lines], policy, so_far, visit)
        setl_id = f"{HOSPITAL}{request.bill.bill_no}"
        settle(
            self._context.store,
            self._ledger,
            Settlement(setl_id, request.card_no, HOSPITAL, timestamp(request.bill.at), result, account),
        )
        return SettleReply(True, setl_id, result.fund_pay_sumamt, result.acct_pay, result.psn_cash_pay)

    def _fund_account(self, request: SettleRequest) -> str:
        account = f"PERSONAL_MEDICAL:{request.card_no}"
        self._ledger.open_accounts([(account, AccountKind.PERSONAL_MEDICAL)])
        self._ledger.post(
            Transfer(
                f"premium:{request.card_no}:{AS_OF:%Y%m}",
                "EXTERNAL:premiums",
                account,
                ACCOUNT_FEN,
                "premium",
                timestamp(AS_OF),
            )
        )
        return account

    @staticmethod
    def _category(connection: sa.Connection, card_no: str) -> int:
        person, card = schema.person.c, schema.card.c
        query = sa.select(person.category).join_from(schema.card, schema.person, card.person_id == person.person_id)
        return int(connection.execute(query.where(card.card_no == card_no)).scalar_one())


def _fee(line: BillLine) -> FeeLine:
    """The catalogue grade of a charge. A made-up catalogue: A… is 甲类, B… 乙类, X… outside."""
    grade = {"A": Grade.A, "B": Grade.B}.get(line.code[0], Grade.C)
    share = _SELF_PAID_SHARE_BP if grade is Grade.B else 0
    return FeeLine(line.name, grade, line.amount_fen, Decimal(line.amount_fen), selfpay_prop_bp=share)
