"""What may become of a settlement, a cancellation or a refund."""

from enum import IntEnum

from sbcard_core.errors import Refused


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
    """The policy has nothing for the kind of visit, the hospital level or the category of remote treatment."""
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
    }
)


class SettlementRefused(Refused):
    """One settlement, cancellation or refund was refused; ``status`` says why. Nothing has moved."""

    def __init__(self, status: SettleStatus, setl_id: str, detail: str = "") -> None:
        self.status = status
        super().__init__(
            f"settlement {setl_id!r} refused: {status.name}{': ' if detail else ''}{detail}",
            step="medical.settle",
            term="医保结算",
            advice="correct the request; nothing has moved",
        )
