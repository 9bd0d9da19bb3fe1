"""A settlement and the row it is kept as."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from sbcard_core.ledger import is_id, is_timestamp
from sbcard_core.medical.amounts import AMOUNT_MAX
from sbcard_core.medical.policy import FUND_FIELDS
from sbcard_core.medical.split import AMOUNT_FIELDS, FundPay, Split
from sbcard_core.medical.visit import Accumulators
from sbcard_core.store import schema

SETL_ID_MAX: Final = 100
"""Longest settlement number in characters: leaves room for the transfer ids made of it."""
PAID_PARTS: Final = ("acct_pay", "acct_mulaid_pay", *FUND_FIELDS, "psn_cash_pay")
"""The amounts that move money; what the hospital bears (hosp_part_amt) moves none."""
LOOKUP_IDS: Final = 900
"""How many settlements one query names."""
_REINSTATES: Final = "reinstates"
_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


class Row(NamedTuple):
    """One row of the table ``settlement``."""

    setl_id: str
    card_no: str
    hospital: str
    at: str
    medfee_sumamt: int
    fund_pay_sumamt: int
    acct_pay: int
    psn_cash_pay: int
    trace: str
    psn_no: str
    insutype: str
    year: int
    bucket: str
    clr_type: str
    setl_optins: str
    reverses: str | None
    bill: str

    @property
    def split(self) -> Split:
        """The split as it was settled."""
        kept = json.loads(self.trace)
        return Split(
            **kept["amounts"],
            setldetail=tuple(FundPay(*pay) for pay in kept["setldetail"]),
            added=Accumulators(*kept["added"]),
            policy=kept["policy"],
            bucket=self.bucket,
            steps=tuple((*step[:5], tuple(step[5])) for step in kept["steps"]),
        )

    @property
    def payers(self) -> "Payers":
        """Which accounts paid."""
        return Payers(*json.loads(self.trace)["payers"])


class Payers(NamedTuple):
    """Ledger accounts that pay a settlement besides the funds.

    Attributes:
        personal: pays acct_pay.
        family: pays acct_mulaid_pay.
        card_transfer: transfer id of what the card's own purse paid at the terminal; empty: a host account pays.
    """

    personal: str = ""
    family: str = ""
    card_transfer: str = ""


_REVERSAL: Final = schema.medical_reversal.c
_GONE: Final = sa.select(_REVERSAL.omsgid).where(_REVERSAL.omsgid.in_(sa.bindparam("ids", expanding=True)))
COLUMNS: Final = Row._fields
_TABLE: Final = schema.settlement.c
_SELECT: Final = sa.select(*(_TABLE[name] for name in COLUMNS))
_FIND: Final = _SELECT.where(_TABLE.setl_id.in_(sa.bindparam("ids", expanding=True)))
_AFTER: Final = _SELECT.where(_TABLE.reverses.in_(sa.bindparam("ids", expanding=True))).order_by(
    _TABLE.at, _TABLE.setl_id
)


@dataclass(frozen=True, slots=True)
class Settlement:
    """A split to be settled.

    Attributes:
        setl_id: settlement number, at most 100 characters, chosen by the caller and stored before sending.
        card_no: 卡号, at most 9 characters.
        hospital: institution code.
        at: business time ``YYYY-MM-DDTHH:MM:SS``.
        split: who pays what.
        personal_account: ledger account id of the person's medical account; needed only if it pays.
        psn_no: whose year it counts in; default the holder of the card.
        insutype: the insurance.
        year: which year it counts in; default that of ``at``.
        clr_type: national clearing type.
        setl_optins: the institution that settles.
        family_account: ledger account id of the family account; needed only if it pays.
        card_transfer: transfer id of the card's own payment; see ``Payers``.
        bill: JSON of what the split was made of.
    """

    setl_id: str
    card_no: str
    hospital: str
    at: str
    split: Split
    personal_account: str = ""
    psn_no: str = ""
    insutype: str = ""
    year: int = 0
    clr_type: str = "99"
    setl_optins: str = ""
    family_account: str = ""
    card_transfer: str = ""
    bill: str = ""

    @property
    def payers(self) -> Payers:
        """Accounts besides the funds."""
        return Payers(self.personal_account, self.family_account, self.card_transfer)


def hospital_account(hospital: str) -> str:
    """Account id of what is owed to a hospital.

    Example:
        >>> hospital_account("H43010000001")
        'HOSPITAL_PAYABLE:H43010000001'
    """
    return f"HOSPITAL_PAYABLE:{hospital}"


def is_well_formed(s: Settlement) -> bool:
    """Whether the settlement can be stored."""
    return (
        is_id(s.setl_id)
        and len(s.setl_id) <= SETL_ID_MAX
        and (s.card_no == "" or is_id(s.card_no))
        and len(s.card_no) <= 9
        and (s.card_no != "" or is_id(s.psn_no))
        and is_id(s.hospital)
        and is_id(hospital_account(s.hospital))
        and is_timestamp(s.at)
    )


_borne: Final = attrgetter(*PAID_PARTS, "hosp_part_amt")
_amounts_of: Final = attrgetter(*AMOUNT_FIELDS)


def adds_up(split: Split) -> bool:
    """Whether the parts that are paid and what the hospital bears are the whole bill."""
    parts: tuple[int, ...] = _borne(split)
    return min(parts) >= 0 and 0 < sum(parts) == split.medfee_sumamt <= AMOUNT_MAX


def make_row(s: Settlement, psn_no: str) -> Row:
    """The row of a settlement."""
    return Row(
        s.setl_id,
        s.card_no,
        s.hospital,
        s.at,
        *_amounts(s.split),
        _dump(s.split, s.payers),
        psn_no,
        s.insutype,
        s.year or int(s.at[:4]),
        s.split.bucket,
        s.clr_type,
        s.setl_optins,
        None,
        s.bill,
    )


def taking_row(row: Row, number: str, at: str, taken: Split, bill: str = "") -> Row:
    """The row of a cancellation or refund; ``taken`` has the signs of what it adds. It counts in the same year."""
    return row._replace(
        setl_id=number,
        at=at,
        medfee_sumamt=taken.medfee_sumamt,
        fund_pay_sumamt=taken.fund_pay_sumamt,
        acct_pay=taken.acct_pay,
        psn_cash_pay=taken.psn_cash_pay,
        trace=_dump(taken, row.payers),
        reverses=row.setl_id,
        bill=bill,
    )


def _amounts(split: Split) -> tuple[int, int, int, int]:
    return split.medfee_sumamt, split.fund_pay_sumamt, split.acct_pay, split.psn_cash_pay


def _dump(split: Split, payers: Payers) -> str:
    return _ENCODE(
        {
            "policy": split.policy,
            "amounts": {name: fen for name, fen in zip(AMOUNT_FIELDS, _amounts_of(split), strict=True) if fen},
            "setldetail": split.setldetail,
            "added": split.added,
            "payers": payers,
            "steps": split.steps,
        }
    )


def encode(value: Any) -> str:
    """Compact JSON."""
    return _ENCODE(value)


def find(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Row]:
    """Settlements, cancellations and refunds by number; those not there are left out."""
    names = [name for name in ids if is_id(name)]
    chunks = (names[start : start + LOOKUP_IDS] for start in range(0, len(names), LOOKUP_IDS))
    return {row[0]: Row(*row) for chunk in chunks for row in connection.execute(_FIND, {"ids": chunk})}


def reversed_among(connection: sa.Connection, ids: Sequence[str]) -> set[str]:
    """Which of these messages were taken back."""
    chunks = (ids[start : start + LOOKUP_IDS] for start in range(0, len(ids), LOOKUP_IDS))
    return {omsgid for chunk in chunks for omsgid in connection.execute(_GONE, {"ids": list(chunk)}).scalars()}


def is_cancellation(row: Row) -> bool:
    """Whether a row that takes from a settlement takes all that is left of it: a refund keeps its bill."""
    return row.bill == ""


def reinstated(row: Row) -> str:
    """The cancellation that a row takes back; empty if it is none of that kind."""
    return str(json.loads(row.bill).get(_REINSTATES, "")) if row.bill else ""


def reinstating_bill(cancel_id: str) -> str:
    """What a row that takes a cancellation back keeps as its bill."""
    return encode({_REINSTATES: cancel_id})


def cancellation_of(after: Iterable[Row]) -> Row | None:
    """The cancellation that stands among the rows that take from one settlement."""
    rows = list(after)
    gone = {reinstated(row) for row in rows}
    return next((row for row in rows if is_cancellation(row) and row.setl_id not in gone), None)


def cancelled_among(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Row]:
    """The cancellations of these settlements that stand, by settlement."""
    found = ((setl_id, cancellation_of(rows)) for setl_id, rows in taken_from(connection, ids).items())
    return {setl_id: row for setl_id, row in found if row is not None}


def taken_from(connection: sa.Connection, ids: Sequence[str]) -> dict[str, list[Row]]:
    """The refunds and the cancellations of settlements, by settlement; those with none are left out."""
    found: dict[str, list[Row]] = {}
    for start in range(0, len(ids), LOOKUP_IDS):
        for values in connection.execute(_AFTER, {"ids": list(ids[start : start + LOOKUP_IDS])}):
            row = Row(*values)
            found.setdefault(row.reverses or "", []).append(row)
    return found
