"""One batch of bills at the centre: the persons' years and accounts, each bill seeing those before it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import AccountKind
from sbcard_core.medical.assess import Assessed, Assessor, Prepared, status_of
from sbcard_core.medical.bill import Bill, lines_json
from sbcard_core.medical.faults import at_field
from sbcard_core.medical.records import LOOKUP_IDS, Row, Settlement, encode
from sbcard_core.medical.split import Split
from sbcard_core.medical.status import SettleStatus
from sbcard_core.medical.visit import VisitKind
from sbcard_core.medical.years import Key, Years
from sbcard_core.messages import message
from sbcard_core.store import schema
from sbcard_core.values import yuan

_ACCOUNT: Final = schema.account.c
_MINE: Final = (
    _ACCOUNT.kind == AccountKind.PERSONAL_MEDICAL.value,
    _ACCOUNT.account_id.in_(sa.bindparam("ids", expanding=True)),
)
_HELD: Final = sa.select(
    _ACCOUNT.account_id, _ACCOUNT.credits_fen, _ACCOUNT.debits_fen, _ACCOUNT.debits_pending_fen
).where(*_MINE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one bill.

    Attributes:
        status: ``SETTLED``, of a pre-settlement ``PRESETTLED``, or why not.
        setl_id: the settlement's number, the bill's msgid; of a pre-settlement, the number it would have.
        split: who pays what; ``None`` if it was refused.
        balc_fen: what the personal account holds afterwards; ``None`` if it was refused or settled earlier.
        detail: of a refusal, in words, without any personal data.
    """

    status: SettleStatus
    setl_id: str
    split: Split | None = None
    balc_fen: int | None = None
    detail: str = ""


class Desk:
    """Assesses the bills of a batch one after the other.

    Args:
        connection: a transaction; of a settlement, under ``lock_for_posting``.
        prepared: every bill that will be assessed.
        presettle: whether nothing is to be settled: a purse need not have paid yet.
    """

    def __init__(self, connection: sa.Connection, prepared: Sequence[Prepared], *, presettle: bool) -> None:
        self._presettle = presettle
        self.years = Years().load(connection, [one.bill.psn_no for one in prepared])
        self._held = held(
            connection,
            {name for one in prepared for name in (one.bill.personal_account, one.bill.family_account) if name},
        )

    def assess(self, one: Prepared) -> tuple[Outcome, Settlement | None]:
        """An outcome if the books take it, and what is to be written then."""
        bill = one.bill
        for field, name in (("personal_account", bill.personal_account), ("family_account", bill.family_account)):
            if name and name not in self._held:
                detail = at_field("medical.bill.account", field)
                return Outcome(SettleStatus.UNKNOWN_ACCOUNT, bill.msgid, detail=str(detail)), None
        account = bill.purse.balance_fen if bill.purse else self._held.get(bill.personal_account, 0)
        same = bill.family_account == bill.personal_account
        try:
            assessed = Assessor.assess(one, self.years, account, 0 if same else self._held.get(bill.family_account, 0))
        except InvalidValue as error:
            return refused_outcome(bill, error), None
        split, purse = assessed.split, bill.purse
        if purse and not (self._presettle and purse.paid_fen is None) and purse.paid_fen != split.acct_pay:
            detail = message("medical.card_pays", amount=yuan(split.acct_pay))
            return Outcome(SettleStatus.CARD_PAYMENT_DIFFERS, bill.msgid, detail=str(detail)), None
        self._count(one.key, bill, split)
        status = SettleStatus.PRESETTLED if self._presettle else SettleStatus.SETTLED
        outcome = Outcome(status, bill.msgid, split, account - split.acct_pay)
        return outcome, None if self._presettle else settlement_of(assessed)

    def _count(self, key: Key, bill: Bill, split: Split) -> None:
        self.years.add(key, split.added)
        if split.acct_pay and not bill.purse:
            self._held[bill.personal_account] -= split.acct_pay
        if split.acct_mulaid_pay:
            self._held[bill.family_account] -= split.acct_mulaid_pay


def settlement_of(assessed: Assessed) -> Settlement:
    """What is written of a bill that was split."""
    bill, visit, policy = assessed.prepared.bill, assessed.visit, assessed.prepared.policy
    lines = lines_json(assessed.prepared.lines)
    made_of: dict[str, Any] = {
        "digest": bill.digest(lines if assessed.prepared.lines is bill.lines else None),
        "mdtrt_id": bill.mdtrt_id,
        "policy_digest": policy.digest,
        "visit": [visit.level, sorted(visit.groups), visit.account_fen, visit.use_account, visit.kind],
        "elsewhere": [visit.remote, visit.family_fen],
        "before": assessed.before,
    }
    return Settlement(
        bill.msgid,
        bill.card_no,
        bill.hospital,
        bill.at,
        assessed.split,
        bill.personal_account,
        bill.psn_no,
        bill.insutype,
        assessed.prepared.key[2],
        VisitKind(bill.kind).clr_type,
        bill.setl_optins or bill.insuplc_admdvs,
        bill.family_account,
        bill.purse.transfer_id if bill.purse and assessed.split.acct_pay else "",
        f'{encode(made_of)[:-1]},"lines":{lines}}}',
    )


def again(bill: Bill, row: Row, cancellation: Row | None) -> Outcome:
    """The answer to a number that is taken, and perhaps cancelled."""
    if row.reverses is None and row.bill and json.loads(row.bill)["digest"] == bill.digest():
        if cancellation is not None:
            detail = message("medical.cancelled", setl_id=cancellation.setl_id, at=cancellation.at)
            return Outcome(SettleStatus.CANCELLED, bill.msgid, detail=str(detail))
        return Outcome(SettleStatus.EXISTS, bill.msgid, row.split)
    return Outcome(SettleStatus.EXISTS_DIFFERENT, bill.msgid)


def refused_outcome(bill: object, error: InvalidValue) -> Outcome:
    """The answer to a bill that cannot be."""
    return Outcome(status_of(error), getattr(bill, "msgid", ""), detail=error.what)


def held(connection: sa.Connection, names: Iterable[str]) -> dict[str, int]:
    """What personal accounts may pay, money held back left out; accounts of other kinds are none."""
    ids = sorted(names)
    chunks = (ids[start : start + LOOKUP_IDS] for start in range(0, len(ids), LOOKUP_IDS))
    rows = (row for chunk in chunks for row in connection.execute(_HELD, {"ids": chunk}))
    return {name: max(0, gets - gives - kept) for name, gets, gives, kept in rows}
