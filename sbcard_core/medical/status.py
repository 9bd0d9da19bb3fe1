"""What may become of a settlement, a cancellation or a refund."""

from enum import IntEnum
from typing import Final

from sbcard_core.errors import Refused
from sbcard_core.messages import Message, message


class SettleStatus(IntEnum):
    """What became of one settlement: the first that applies, in this order."""

    SETTLED = 0
    EXISTS = 1
    """The same settlement was made before: nothing done, nothing wrong."""
    EXISTS_DIFFERENT = 2
    """The number belongs to a settlement with other contents."""
    REVERSED = 3
    """The message was taken back (2601) before it arrived."""
    MALFORMED = 4
    """A number, card, hospital, place, time or amount that cannot be."""
    TOTALS_DISAGREE = 5
    """Parts that are not the whole bill, a charge that is not price times quantity, a sum other than declared."""
    SPANS_YEARS = 6
    """The visit runs over two years, and the policy refuses that."""
    NO_POLICY = 7
    """No policy table of the place and insurance is in force on the day."""
    NOT_COVERED = 8
    """No table has that group of persons, or the policy nothing for the kind of visit, hospital level or category of
    remote treatment."""
    UNKNOWN_ITEM = 9
    """The catalogue of the place of treatment does not list an item on the day."""
    CARD_PAYMENT_DIFFERS = 10
    """What the card's own purse paid at the terminal is not what it has to pay, or paid for another bill."""
    UNKNOWN_ACCOUNT = 11
    """A personal or family account is not open."""
    INSUFFICIENT = 12
    """The personal account does not hold what it should pay: split again with its balance."""
    LEDGER_REFUSED = 13
    """The ledger refuses a fund, cash or hospital account: a bound the integrator has set, or a closed period."""
    UNKNOWN_SETTLEMENT = 14
    """Cancellation, refund: there is no such settlement."""
    NOT_CANCELLABLE = 15
    """Cancellation, refund: it is itself one, or was cancelled before."""
    POLICY_CHANGED = 16
    """Refund: the table the settlement was made by is not loaded, or has been altered since."""
    CANCELLED = 17
    """Instead of ``EXISTS``: the same settlement was made before and has been cancelled since; nothing done now."""
    PRESETTLED = 18
    """A pre-settlement, instead of ``SETTLED``: nothing is kept, nothing has moved."""
    NOT_ELIGIBLE = 19
    """The person or the card may not be used on the last day of the visit: dead, unknown, lost, not in use."""
    REFERRED = 20
    """A clerk has to clear up the person's or the card's state first."""

    @property
    def is_settled(self) -> bool:
        """The money has moved, now or before."""
        return self <= SettleStatus.EXISTS

    @property
    def is_transient(self) -> bool:
        """The same bill may be accepted later, when balances, accounts or loaded tables have changed."""
        return self in _TRANSIENT


_TRANSIENT = frozenset(
    {
        SettleStatus.NO_POLICY,
        SettleStatus.UNKNOWN_ITEM,
        SettleStatus.UNKNOWN_ACCOUNT,
        SettleStatus.INSUFFICIENT,
        SettleStatus.LEDGER_REFUSED,
        SettleStatus.POLICY_CHANGED,
        SettleStatus.REFERRED,
    }
)


STEPS: Final = {
    "medical.presettle": "预结算",
    "medical.fee_lines": "费用明细",
    "medical.settle": "医保结算",
    "medical.cancel": "结算撤销",
    "medical.refund": "退费",
    "medical.reverse": "冲正",
}
"""The Chinese term of each step."""


class SettlementRefused(Refused):
    """One settlement, cancellation, refund or reversal was refused; nothing has moved by it.

    Args:
        status: why.
        setl_id: the settlement.
        detail: field and line, without any personal data.
        step: which of ``STEPS`` was asked for.

    Example:
        >>> print(SettlementRefused(SettleStatus.UNKNOWN_SETTLEMENT, "S1", step="medical.refund"))
        refund of 'S1' refused: UNKNOWN_SETTLEMENT (退费) [medical.refund]; check setl_id and psn_no; \
what may never have arrived is taken back by reverse
    """

    def __init__(
        self, status: SettleStatus, setl_id: str, detail: str | Message | None = None, *, step: str = "medical.settle"
    ) -> None:
        self.status = status
        parameters: dict[str, object] = {
            "asked": message(f"medical.step.{step.partition('.')[2]}"),
            "setl_id": repr(setl_id),
            "status": status.name,
        }
        if detail:
            parameters["status"] = message("medical.refused_as", status=status.name, detail=detail)
        advice = message(f"medical.advice.{status.name.lower()}")
        super().__init__(message("medical.refused", **parameters, advice=advice), step=step, term=STEPS[step])
