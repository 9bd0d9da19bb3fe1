"""A settlement, what may become of it, and the row it is kept as."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import sqlalchemy as sa

from sbcard_core.errors import Refused
from sbcard_core.ledger import is_id, is_timestamp
from sbcard_core.medical.policy import FUND_FIELDS
from sbcard_core.medical.split import AMOUNT_FIELDS, Accumulators, Split
from sbcard_core.store import schema
from sbcard_core.values import FEN_MAX

SETL_ID_MAX: Final = 100
"""Longest settlement number in characters: leaves room for the transfer ids made of it."""

Row = tuple[Any, ...]
"""The values of ``COLUMNS``."""

COLUMNS: Final = (
    "setl_id",
    "card_no",
    "hospital",
    "at",
    "medfee_sumamt",
    "fund_pay_sumamt",
    "acct_pay",
    "psn_cash_pay",
    "trace",
)
_AMOUNTS: Final = COLUMNS[4:8]
_FIND: Final = sa.select(*(schema.settlement.c[name] for name in COLUMNS)).where(
    schema.settlement.c.setl_id.in_(sa.bindparam("ids", expanding=True))
)
LOOKUP_IDS: Final = 900
"""How many settlements one query names."""


class SettleStatus(IntEnum):
    """What became of one settlement: the first that applies, in this order."""

    SETTLED = 0
    EXISTS = 1
    """The same settlement was made before: nothing done, nothing wrong."""
    EXISTS_DIFFERENT = 2
    """The number belongs to a settlement with other contents."""
    MALFORMED = 3
    """A number, card, hospital or time that cannot be stored, or parts that are not the whole bill."""
    UNKNOWN_ACCOUNT = 4
    """The personal account is not open."""
    INSUFFICIENT = 5
    """The personal account does not hold what it should pay: split again with its balance."""
    UNKNOWN_SETTLEMENT = 6
    """Cancellation only: there is no such settlement."""
    NOT_CANCELLABLE = 7
    """Cancellation only: it is itself a cancellation."""


class SettlementRefused(Refused):
    """One settlement or cancellation was refused; ``status`` says why."""

    def __init__(self, status: SettleStatus, setl_id: str) -> None:
        self.status = status
        super().__init__(
            f"settlement {setl_id!r} refused: {status.name}",
            step="medical.settle",
            term="医保结算",
            advice="correct the request; nothing has moved",
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
    """

    setl_id: str
    card_no: str
    hospital: str
    at: str
    split: Split
    personal_account: str = ""


def hospital_account(hospital: str) -> str:
    """Account id of what is owed to a hospital.

    Example:
        >>> hospital_account("H43010000001")
        'HOSPITAL_PAYABLE:H43010000001'
    """
    return f"HOSPITAL_PAYABLE:{hospital}"


def accumulators_of(connection: sa.Connection, card_no: str, year: int) -> Accumulators:
    """The year so far of the person who holds a card: all settlements on all of the person's cards, cancellations in.

    Example:
        >>> from sbcard_core.store import Store
        >>> with Store.open("sqlite://") as store, store.begin() as connection:
        ...     accumulators_of(connection, "B00000019", 2014)
        Accumulators(visits=0, deductible_fen=0, pool_base_fen=0, catastrophic_base_fen=0)
    """
    card, row = schema.card.c, schema.settlement.c
    person = sa.select(card.person_id).where(card.card_no == card_no).scalar_subquery()
    cards = sa.select(card.card_no).where(card.person_id == person)
    # A cancellation may come in a later year: the year stands in the trace.
    query = sa.select(row.trace).where(sa.or_(row.card_no == card_no, row.card_no.in_(cards)), row.at >= f"{year:04d}-")
    total = Accumulators()
    for text in connection.execute(query).scalars():
        trace = json.loads(text)
        if trace["year"] == year:
            total = total.plus(Accumulators(**trace["added"]))
    return total


def is_well_formed(s: Settlement) -> bool:
    """Whether the settlement can be stored."""
    return (
        is_id(s.setl_id)
        and len(s.setl_id) <= SETL_ID_MAX
        and is_id(s.card_no)
        and len(s.card_no) <= 9
        and is_id(s.hospital)
        and is_id(hospital_account(s.hospital))
        and is_timestamp(s.at)
        and _adds_up(s.split)
    )


def _adds_up(split: Split) -> bool:
    """Whether the parts that are paid are the whole bill: no other part has an account to be paid from."""
    parts: list[int] = [getattr(split, name) for name in (*FUND_FIELDS, "acct_pay", "psn_cash_pay")]
    return min(parts) >= 0 and 0 < sum(parts) == split.medfee_sumamt <= FEN_MAX


def make_row(s: Settlement) -> Row:
    """The row of a settlement."""
    split = s.split
    trace = {
        "policy": split.policy,
        "year": int(s.at[:4]),
        "amounts": {name: fen for name in AMOUNT_FIELDS if (fen := getattr(split, name))},
        "added": _as_dict(split.added),
        "steps": [step.as_json() for step in split.trace],
    }
    return (s.setl_id, s.card_no, s.hospital, s.at, *(getattr(split, name) for name in _AMOUNTS), _dump(trace))


def _as_dict(added: Accumulators) -> dict[str, int]:
    return {name: getattr(added, name) for name in Accumulators.__dataclass_fields__}


def _dump(trace: dict[str, Any]) -> str:
    return json.dumps(trace, ensure_ascii=False, separators=(",", ":"))


def find(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Row]:
    """Settlements and cancellations by number; those not there are left out."""
    names = [name for name in ids if is_id(name)]
    chunks = (names[start : start + LOOKUP_IDS] for start in range(0, len(names), LOOKUP_IDS))
    return {row[0]: tuple(row) for chunk in chunks for row in connection.execute(_FIND, {"ids": chunk})}


def cancels(row: Row) -> str | None:
    """The number of the settlement this row cancels, if it is a cancellation."""
    found: str | None = json.loads(row[-1]).get("cancels")
    return found


def cancelling_row(row: Row, cancel_id: str, at: str) -> Row:
    """The exact negative of a settlement's row; it counts in the year of the settlement, whenever it is made."""
    trace = json.loads(row[-1])
    negative = {
        "policy": trace["policy"],
        "year": trace["year"],
        "cancels": row[0],
        "amounts": {name: -fen for name, fen in trace["amounts"].items()},
        "added": {name: -number for name, number in trace["added"].items()},
        "steps": [
            {**step, "basis_fen": -step["basis_fen"], "amount_fen": -step["amount_fen"]} for step in trace["steps"]
        ],
    }
    return (cancel_id, *row[1:3], at, *(-fen for fen in row[4:8]), _dump(negative))
