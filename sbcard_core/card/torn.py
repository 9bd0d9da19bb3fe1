"""闪卡: the card was torn out while money moved. What happened, and what has to be done about it.

There are two hypotheses: the card did what it was told, or it did not. Each
piece of evidence (the card's counter, its log, its proof, its balance, what the
terminal wrote down) rules out one of them or neither. The verdict is the
hypothesis that is left. Where both are left, the card and the terminal look the
same either way and nobody can decide: the money is held and the centre waits
for the card's next transaction or for its TAC.

The rules, for a transaction that the card would have counted as number n:

- The counter still says n: not done. It counts each transaction, and never back.
- The counter says n + 1 and no other terminal had the card since: done.
- The log holds number n of this kind with the same terminal and time: done; with others: not done. A log without
  n says nothing: it is cyclic, and power may fail between the balance and it.
- The card's proof of n carries the TAC of our record: done; another TAC: not done, for a purchase. Keys are needed.
- No other terminal had the card since: the balance says it by itself.
- Else the balance says only this: the counter is n + 1 and the balance lower than a purchase of ours would have left
  it, or higher than a load of ours: not done.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from apdu import purse as pboc
from sbcard_core.card.errors import CardDiffers, OutcomeUnknown
from sbcard_core.card.money import MoneyRecord, Movement, PurchaseReceipt
from sbcard_core.card.profile import PurseLog
from sbcard_core.card.purse import Proof, Purse
from sbcard_core.card.values import Values
from sbcard_core.crypto import tac
from sbcard_core.crypto.diversify import derive
from sbcard_core.crypto.errors import AssumptionNotSet
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.layout import Value
from sbcard_core.crypto.rules import UNSET, PurseRules
from sbcard_core.errors import Refused
from sbcard_core.messages import message

_STEP = "card.torn"


class Verdict(StrEnum):
    """What became of the transaction; for a load read "credited"."""

    DEBITED = "debited"
    NOT_DEBITED = "not debited"
    UNDECIDABLE = "undecidable"

    @property
    def zh(self) -> str:
        """The clerk's word."""
        return {"debited": "卡内已入账", "not debited": "卡内未入账", "undecidable": "无法判定"}[self.value]


class Action(StrEnum):
    """What has to be done."""

    POST = "post"
    """入账: pay the merchant, or confirm the load to the bank."""
    REVERSE = "reverse"
    """冲正: give back to the bank account what the host took for a load."""
    NONE = "none"
    """A purchase that did not take place: nothing to do, the holder may pay again."""
    HOLD = "hold"
    """挂账: charge nothing again, post nothing; the centre decides later."""


class TacSource(StrEnum):
    """Where the TAC of a settlement comes from."""

    PROOF = "proof"
    """The card gave it again (GET TRANSACTION PROVE) and it verifies, or no key was at hand to see."""
    REBUILT = "rebuilt"
    """Computed with the issuer's keys: it proves the record's fields, not that the card took part."""
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What can be seen afterwards. None: not seen.

    Args:
        number: the card's counter now, of the same kind as the record's.
        balance_fen: the card's balance now.
        log: rows of the log that concern this kind of transaction: number → does it equal the record?
        proof: the card's proof of this number.
        proof_fits: whether its TAC is that of the record; None without keys.
        uninterrupted: the terminal knows that no other terminal had the card since (it was kept in a motor reader, or
            it never left the counter). Say so only when it is certain.
    """

    number: int | None = None
    balance_fen: int | None = None
    log: Mapping[int, bool] | None = None
    proof: Proof | None = None
    proof_fits: bool | None = None
    uninterrupted: bool = False


@dataclass(frozen=True, slots=True)
class Settlement:
    """The verdict and what follows: what clearing takes.

    Args:
        record: the terminal's own.
        verdict, action: what happened and what to do.
        reasons: which evidence spoke.
        tac: 4 bytes, where one is at hand; b"" else.
        tac_source: where it comes from.
        contradictory: both hypotheses are ruled out: not this card, or not this record.
    """

    record: MoneyRecord
    verdict: Verdict
    action: Action
    reasons: tuple[str, ...]
    tac: bytes = field(default=b"", repr=False)
    tac_source: TacSource = TacSource.MISSING
    contradictory: bool = False

    def receipt(self, card_no: str = "") -> PurchaseReceipt:
        """The purchase as a terminal's journal keeps it; with a card number it is a line clearing takes.

        Args:
            card_no: 卡号, unless the record has it.

        Raises:
            Refused: not a purchase to be posted, or its TAC is not at hand.
        """
        if self.action is not Action.POST or self.record.movement is not Movement.PURCHASE or not self.tac:
            raise Refused(message("cards.torn.no_tac"), step=_STEP, term="闪卡")
        made = PurchaseReceipt.of(self.record, self.tac)
        return replace(made, card_no=card_no) if card_no else made


@dataclass(frozen=True, slots=True)
class _Findings:
    """Reasons against each hypothesis."""

    not_done: list[str] = field(default_factory=list)
    """Why the card can't have done it."""
    done: list[str] = field(default_factory=list)
    """Why it must have."""


def gather(
    purse: Purse,
    record: MoneyRecord,
    *,
    uninterrupted: bool = False,
    keys: MasterKeys | None = None,
    rules: PurseRules | None = None,
) -> Evidence:
    """Read the evidence off the card that is back in the reader. Nothing on it changes.

    Counter and log may want the holder's PIN first (verify it before); what the card refuses is simply not seen.

    Args:
        purse: of a new session with the card.
        record: the terminal's own.
        uninterrupted: see :class:`Evidence`.
        keys, rules: to check the TAC of the card's proof; the profile's rules when None.

    Raises:
        CardDiffers: it is another card (-22).
        CardLost: it went away again; call again.
        UnexpectedStatus: it has no purse.
    """
    rules = purse.profile.assumed.purse if rules is None else rules
    if purse.factor != record.factor:
        raise CardDiffers(message("cards.torn.another"), step=_STEP, term="闪卡")
    purse.select()
    proof = purse.proof(record.type, record.number)
    balance = purse.seen_balance()
    rows, declared, log = purse.log(), purse.profile.assumed.purse_log, None
    if rows is not None:
        assert declared is not None  # else there are no rows
        log = _same(rows, record, declared)
    fits = None
    if proof is not None:
        made = rebuild_tac(record, keys, rules=rules)
        fits = None if not made else proof.tac == made
        if fits is False and record.movement is Movement.LOAD:
            fits = None  # which fields a load's TAC covers is assumed: a TAC that differs proves nothing
    return Evidence(purse.number(record.movement), balance, log, proof, fits, uninterrupted)


def decide(
    record: MoneyRecord, evidence: Evidence, *, keys: MasterKeys | None = None, rules: PurseRules = UNSET
) -> Settlement:
    """Judge one transaction.

    Args:
        record: the terminal's own.
        evidence: what :func:`gather` saw, or the same from other sources.
        keys, rules: to rebuild a TAC that never arrived.

    Example:
        >>> import datetime as dt
        >>> record = MoneyRecord(Movement.PURCHASE, bytes(8), "430100", 1200, 5000, 7, bytes(6), 1, 6, 1, 0,
        ...                      dt.datetime(2014, 7, 31, 9, 30))
        >>> decide(record, Evidence(number=7)).verdict.value, decide(record, Evidence(number=8)).verdict.value
        ('not debited', 'undecidable')
        >>> decide(record, Evidence(number=8, uninterrupted=True)).action.value
        'post'
    """
    found = _Findings()
    _by_counter(record, evidence, found)
    _by_log(record, evidence, found)
    _by_proof(evidence, found)
    _by_balance(record, evidence, found)
    reasons = (*found.done, *found.not_done)
    if found.done and found.not_done:
        return Settlement(record, Verdict.UNDECIDABLE, Action.HOLD, reasons, contradictory=True)
    if found.not_done:
        action = Action.REVERSE if record.movement is Movement.LOAD else Action.NONE
        return Settlement(record, Verdict.NOT_DEBITED, action, reasons)
    if not found.done:
        return Settlement(record, Verdict.UNDECIDABLE, Action.HOLD, ("the evidence is the same either way",))
    made, source = _tac(record, evidence, keys, rules)
    return Settlement(record, Verdict.DEBITED, Action.POST, reasons, made, source)


def resolve(
    purse: Purse,
    unknown: OutcomeUnknown | MoneyRecord,
    *,
    uninterrupted: bool = False,
    keys: MasterKeys | None = None,
    rules: PurseRules | None = None,
) -> Settlement:
    """Gather and decide in one: the usual call, with the error of the torn transaction.

    Raises:
        CardDiffers, CardLost, UnexpectedStatus: as :func:`gather`.
        Refused: the error carries no record.
    """
    rules = purse.profile.assumed.purse if rules is None else rules
    record = unknown.record if isinstance(unknown, OutcomeUnknown) else unknown
    if not isinstance(record, MoneyRecord):
        raise Refused(message("cards.torn.no_record"), step=_STEP, term="闪卡")
    evidence = gather(purse, record, uninterrupted=uninterrupted, keys=keys, rules=rules)
    return decide(record, evidence, keys=keys, rules=rules)


def rebuild_tac(record: MoneyRecord, keys: MasterKeys | None, *, rules: PurseRules = UNSET) -> bytes:
    """The TAC the card makes for this record, with the issuer's keys; nothing without keys or without a rule.

    The fields of a load's TAC are not public: ``rules.load_tac`` must name them.
    """
    if keys is None:
        return b""
    try:
        message = _message(record, rules)
    except AssumptionNotSet:
        return b""
    with derive(keys.city(KeyUsage.DTK, record.city), record.factor) as key:
        return tac.compute(key, message, rules=rules)


def _message(record: MoneyRecord, rules: PurseRules) -> bytes:
    if record.movement is Movement.PURCHASE:
        return tac.purchase_message(
            record.amount_fen, record.type, record.terminal_no, record.terminal_txn_no, record.at
        )
    values: dict[str, Value] = {
        "balance": record.balance_after_fen,
        "online_no": record.number,
        "amount": record.amount_fen,
        "type": record.type,
        "terminal": record.terminal_no,
        "datetime": record.at,
    }
    layout = rules.need_load_tac()
    return layout.pack(*(values[one.name] for one in layout.fields))


def _tac(
    record: MoneyRecord, evidence: Evidence, keys: MasterKeys | None, rules: PurseRules
) -> tuple[bytes, TacSource]:
    if evidence.proof is not None:
        return evidence.proof.tac, TacSource.PROOF
    made = rebuild_tac(record, keys, rules=rules)
    return made, TacSource.REBUILT if made else TacSource.MISSING


def _same(rows: list[Values], record: MoneyRecord, declared: PurseLog) -> dict[int, bool]:
    """Log rows of this kind of transaction: number → equal to the record."""
    ours = (record.terminal_no.hex().upper(), pboc.pack_datetime(record.at).hex())
    letter = declared.type_of.get(record.type, "")
    found: dict[int, bool] = {}
    for row in rows:
        same = (row["terminal_no"], row["at"]) == ours
        # Terminal and second tell it; which amount is which is assumed, so an odd one makes the row say nothing.
        if row["type"] == letter and not (same and row.get(declared.amount) != record.amount_fen):
            found.setdefault(int(row["txn_no"]), same)
    return found


def _by_counter(record: MoneyRecord, evidence: Evidence, found: _Findings) -> None:
    now, before = evidence.number, record.number
    if now is None:
        return
    if now < before:
        found.done.append("the counter went back")
        found.not_done.append("the counter went back")
    elif now == before:
        found.not_done.append("the counter has not moved")
    elif evidence.uninterrupted:
        found.done.append("the counter moved while no other terminal had the card")


def _by_log(record: MoneyRecord, evidence: Evidence, found: _Findings) -> None:
    same = (evidence.log or {}).get(record.number)
    if same is True:
        found.done.append("the log holds this transaction")
    elif same is False:
        found.not_done.append("the log holds another transaction of this number")


def _by_proof(evidence: Evidence, found: _Findings) -> None:
    if evidence.proof is None:
        return
    if evidence.proof_fits is True:
        found.done.append("the card's TAC is that of the record")
    elif evidence.proof_fits is False:
        found.not_done.append("the card's TAC of this number is another transaction's")
    elif evidence.uninterrupted:
        found.done.append("the card proves a transaction of this number and no other terminal had it")


def _by_balance(record: MoneyRecord, evidence: Evidence, found: _Findings) -> None:
    now = evidence.balance_fen
    if now is None or not record.amount_fen:
        return
    if evidence.uninterrupted:
        if now != record.balance_after_fen:
            found.not_done.append("the balance is not what it would have left")
        if now != record.balance_before_fen:
            found.done.append("the balance is not what it was")
        return
    if evidence.number != record.number + 1:
        return
    beyond = now < record.balance_after_fen if record.movement is Movement.PURCHASE else now > record.balance_after_fen
    if beyond:
        found.not_done.append("the balance is out of reach of this transaction")
