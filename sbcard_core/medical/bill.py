"""A bill as a hospital or pharmacy sends it for settlement, and the number its message carries."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from sbcard_core.errors import InvalidValue
from sbcard_core.ledger import is_id, is_timestamp
from sbcard_core.ledger.transfers import is_storable
from sbcard_core.medical.catalogue import Charge
from sbcard_core.medical.faults import bill_fault
from sbcard_core.medical.lines import FeeLine
from sbcard_core.medical.records import encode
from sbcard_core.medical.visit import Visit, VisitKind

_MSGID: Final = re.compile(r"[0-9A-Z]{12}\d{14}\d{4}", re.ASCII)
LINES_MAX: Final = 10_000
"""Most lines of a bill; assumed."""
TEXT_MAX: Final = 64
"""Longest code of a place, visit or insurance, on average; assumed."""


def is_msgid(text: str) -> bool:
    """Whether a message number has its 30 characters: institution (12), yyyyMMddHHmmss, serial (4).

    Example:
        >>> is_msgid("H46010500002202104091349412420"), is_msgid("H46010500002202113091349412420")
        (True, False)
    """
    if type(text) is not str or _MSGID.fullmatch(text) is None:
        return False
    t = text[12:26]
    return is_timestamp(f"{t[:4]}-{t[4:6]}-{t[6:8]}T{t[8:10]}:{t[10:12]}:{t[12:]}")


@dataclass(frozen=True, slots=True)
class PursePayment:
    """The card's own purse or account pays instead of the one at the host.

    Attributes:
        terminal_no: terminal that debits the card.
        terminal_txn_no: its transaction; with the terminal it names the debit once and for all.
        balance_fen: what the card held before.
        paid_fen: what it was debited; ``None`` in a pre-settlement, which says how much that must be.
    """

    terminal_no: str
    terminal_txn_no: int
    balance_fen: int
    paid_fen: int | None = None

    @property
    def transfer_id(self) -> str:
        """The id the terminal's journal is posted under too: the same debit never counts twice."""
        return f"purchase:{self.terminal_no}:{self.terminal_txn_no}"


@dataclass(frozen=True, slots=True)
class Bill:
    """One bill. Places are 6-digit codes, moments ``YYYY-MM-DDTHH:MM:SS``, days ``YYYY-MM-DD``.

    Attributes:
        msgid: message number of 30 characters, stored by the caller before sending; the settlement's number.
            Its first twelve are the institution.
        psn_no: the insured person's number.
        insutype: the insurance.
        at: business time of the settlement.
        lines: charges of a catalogue, or lines already graded.
        kind: outpatient, chronic, inpatient or pharmacy.
        level: hospital level.
        begins: first day of the visit; default the day of ``at``.
        ends: last day; default the day of ``at``.
        card_no: 卡号, if a card was shown.
        mdtrt_id: visit number (2201/2401).
        insuplc_admdvs: insured place: its policy is taken.
        mdtrtarea_admvs: place of treatment: its catalogue is taken; default the insured place.
        remote: category of treatment in another region (异地); must be given there, and only there.
        setl_optins: the institution that settles; default the insured place.
        groups: groups the person belongs to.
        personal_account: ledger account that pays acct_pay; empty: none. The centre names it, by the person; only
            accounts of the kind ``PERSONAL_MEDICAL`` are taken.
        family_account: ledger account that pays acct_mulaid_pay after it; empty: none.
        use_account: whether the holder lets them pay.
        purse: the card's own purse pays instead of ``personal_account``; whoever settles has checked its TAC.
        medfee_sumamt: what the hospital says the lines add up to; checked if given.
    """

    msgid: str
    psn_no: str = field(repr=False)
    insutype: str
    at: str
    lines: tuple[FeeLine | Charge, ...]
    kind: VisitKind = VisitKind.OUTPATIENT
    level: str = "3"
    begins: str = ""
    ends: str = ""
    card_no: str = ""
    mdtrt_id: str = ""
    insuplc_admdvs: str = ""
    mdtrtarea_admvs: str = ""
    remote: str = ""
    setl_optins: str = ""
    groups: frozenset[str] = frozenset()
    personal_account: str = ""
    family_account: str = ""
    use_account: bool = True
    purse: PursePayment | None = None
    medfee_sumamt: int | None = None

    @property
    def hospital(self) -> str:
        """The institution that sends it."""
        return self.msgid[:12]

    @property
    def first_day(self) -> str:
        """Of the visit."""
        return self.begins or self.at[:10]

    @property
    def last_day(self) -> str:
        """Of the visit: its policy and its catalogue are taken."""
        return self.ends or self.at[:10]

    def visit(self, account_fen: int, family_fen: int) -> Visit:
        """What the split must know."""
        return Visit(self.level, self.groups, account_fen, self.use_account, self.kind, self.remote, family_fen)

    def digest(self, lines: str | None = None) -> str:
        """Of everything in it: the same number with another digest is another bill; ``lines`` as ``lines_json``."""
        purse = self.purse
        values = [
            *(self.msgid, self.psn_no, self.insutype, self.at, self.kind, self.level, self.begins, self.ends),
            *(self.card_no, self.mdtrt_id, self.insuplc_admdvs, self.mdtrtarea_admvs, self.remote, self.setl_optins),
            *(sorted(self.groups), self.personal_account, self.family_account, self.use_account, self.medfee_sumamt),
            purse and (purse.terminal_no, purse.terminal_txn_no, purse.balance_fen, purse.paid_fen),
        ]
        text = encode(values) + (lines_json(self.lines) if lines is None else lines)
        return blake2b(text.encode(), digest_size=16).hexdigest()


def lines_json(lines: Iterable[FeeLine | Charge]) -> str:
    """Lines as they are kept."""
    return encode([line_values(line) for line in lines])


def line_values(line: FeeLine | Charge) -> list[Any]:
    """A line as plain values; ``line_of`` reads a graded one back."""
    if isinstance(line, Charge):
        return [line.code, line.det_item_fee_sumamt, str(line.pric), str(line.cnt), line.on and line.on.isoformat()]
    limit = line.pric_uplmt_amt
    return [
        *(line.item, line.grade, line.det_item_fee_sumamt, str(line.pric), str(line.cnt)),
        *(None if limit is None else str(limit), line.selfpay_prop_bp),
    ]


def check(bill: Bill) -> None:
    """Check the shape of a bill: what does not depend on any table.

    Raises:
        InvalidValue: a number, place, time, list or amount that cannot be.
    """
    try:
        good = _is_good(bill)
    except (ValueError, TypeError, AttributeError, ArithmeticError):
        good = False
    if not good:
        what = fault_of(bill) or "the bill has a number, place or time that cannot be"
        raise InvalidValue(what, step="Bill", term="结算请求")


def fault_of(bill: object) -> str:
    """What is wrong with a bill's shape, by field and line; empty if nothing is found."""
    try:
        return bill_fault(bill, LINES_MAX)
    except (ValueError, TypeError, AttributeError, ArithmeticError):
        return "a field of a wrong type"


def _is_good(bill: Bill) -> bool:
    return (
        is_msgid(bill.msgid)
        and is_id(bill.psn_no)
        and is_timestamp(bill.at)
        and len(bill.card_no) <= 9
        and 0 < len(bill.lines) <= LINES_MAX
        and _storable(bill)
        and _right_types(bill)
        and _right_place(bill)
        and _right_days(bill)
        and (bill.purse is None or _right_purse(bill.purse))
    )


def _storable(bill: Bill) -> bool:
    text = "".join((bill.mdtrt_id, bill.insuplc_admdvs, bill.mdtrtarea_admvs, bill.setl_optins, bill.insutype))
    return is_storable(text + bill.card_no) and len(text) <= 5 * TEXT_MAX


def _right_types(bill: Bill) -> bool:
    """What is read only after the split, when it must no longer fail."""
    return (
        type(bill.groups) is frozenset
        and set(map(type, bill.groups)) <= {str}
        and is_storable("".join(bill.groups) + bill.level + bill.personal_account + bill.family_account)
        and isinstance(bill.kind, str)
        and type(bill.use_account) is bool
        and (bill.medfee_sumamt is None or type(bill.medfee_sumamt) is int)
    )


def _right_days(bill: Bill) -> bool:
    """A visit ends after it begins, and not after its settlement; days that are not given are that of ``at``."""
    if not bill.begins and not bill.ends:
        return True
    begins, ends = bill.first_day, bill.last_day
    both = is_timestamp(f"{begins}T00:00:00") and is_timestamp(f"{ends}T00:00:00")
    return both and begins <= ends <= bill.at[:10]


def _right_place(bill: Bill) -> bool:
    """A category of remote treatment is given exactly where the place of treatment is another."""
    return bool(bill.remote) == (bill.mdtrtarea_admvs not in ("", bill.insuplc_admdvs))


def _right_purse(purse: PursePayment) -> bool:
    return (
        type(purse.terminal_no) is str
        and is_id(purse.transfer_id)
        and type(purse.terminal_txn_no) is type(purse.balance_fen) is int
        and (purse.paid_fen is None or type(purse.paid_fen) is int)
        and purse.balance_fen >= 0
        and (purse.paid_fen is None or 0 <= purse.paid_fen <= purse.balance_fen)
    )
