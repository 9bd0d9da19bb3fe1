"""A bill as a hospital or pharmacy sends it for settlement, and the number its message carries."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

from sbcard_core.fields import CitizenNumber
from sbcard_core.ledger import is_timestamp
from sbcard_core.medical.catalogue import Charge
from sbcard_core.medical.lines import FeeLine
from sbcard_core.medical.records import encode
from sbcard_core.medical.visit import Visit, VisitKind

_MSGID: Final = re.compile(r"[0-9A-Z]{12}\d{14}\d{4}", re.ASCII)


def is_msgid(text: object) -> bool:
    """Whether a message number has its 30 characters: institution (12), yyyyMMddHHmmss, serial (4).

    Example:
        >>> is_msgid("H46010500002202104091349412420"), is_msgid("H46010500002202113091349412420")
        (True, False)
    """
    if not isinstance(text, str) or _MSGID.fullmatch(text) is None:
        return False
    t = text[12:26]
    return is_timestamp(f"{t[:4]}-{t[4:6]}-{t[6:8]}T{t[8:10]}:{t[10:12]}:{t[12:]}")


def person_number(text: str) -> str:
    """The one form of a person's number: a citizen number in any spelling as 18 characters, another as it is.

    Example:
        >>> person_number("11010519491231002x"), person_number("110105491231002"), person_number("P1")
        ('11010519491231002X', '11010519491231002X', 'P1')
    """
    if not isinstance(text, str) or (text.isascii() and text.isalnum() and len(text) != 15 and text[-1:] != "x"):
        return text  # 18 characters are the form already, and others of letters and digits alone have none
    return str(CitizenNumber.parse(text)) if CitizenNumber.is_valid(text) else text


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
        psn_no: the insured person's number; a citizen number in any spelling is one person.
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
