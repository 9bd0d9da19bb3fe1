"""The merchant's terminal (POS): load the purse through a host, take an offline purchase through the PSAM."""

from dataclasses import dataclass, field
from datetime import datetime

from apdu.channel import GetResponseChannel, exchange
from apdu.instructions import read_record_by_id
from readers.base import whole_fen
from readers.terminal import Terminal
from sbcard_core.card.errors import OutcomeUnknown
from sbcard_core.card.files import decode_record
from sbcard_core.card.loadhost import LoadHost
from sbcard_core.card.money import MoneyRecord
from sbcard_core.card.purse import Journal, LoadReceipt, PurchaseReceipt, Purse
from sbcard_core.card.torn import Settlement, resolve
from sbcard_core.crypto.keystore import MasterKeys

_SFI_EF05 = 5


@dataclass(frozen=True, slots=True)
class PurchaseRecord:
    """One offline purchase as the terminal keeps it for the night (脱机消费记录).

    Attributes:
        terminal_no: 终端机编号, 12 digits.
        terminal_txn_no: 终端交易序号, counted by the PSAM.
        card_no: 卡号, 9 characters.
        factor: card-level diversification factor, 8 bytes; with ``city`` it finds the card's DTK.
        city: issuing region, 6 digits.
        offline_no: 脱机交易序号, counted by the card.
        type: transaction type, 6 = purchase with the 电子钱包.
        tac: 交易验证码, 4 bytes; the card's proof.
    """

    terminal_no: str
    terminal_txn_no: int
    card_no: str
    factor: bytes
    city: str
    offline_no: int
    amount_fen: int
    type: int
    at: datetime
    key_version: int
    algorithm: int
    tac: bytes = field(repr=False)


class POSTerminal(Terminal):
    """One customer's visit.

    Args:
        card, psam, pin_pad, options: see :class:`readers.terminal.Terminal`.
            The terminal number must be the PSAM's own: it stands inside MAC1.

    Example:
        >>> from readers.sim.desk import Desk
        >>> from sbcard_core.card.profiles.v2 import SAMPLE
        >>> desk = Desk(seed=1, balance_fen=5000)
        >>> terminal = POSTerminal(desk.card, desk.psam, desk.pin_pad, profile=SAMPLE)
        >>> terminal.change_initial_pin()
        >>> record = terminal.purchase(1200, datetime(2014, 7, 31, 10, 20, 30))
        >>> record.amount_fen, record.card_no, desk.card.purse.balance()
        (1200, 'X00000019', 3800)
    """

    _card_no = ""

    def load(self, amount_fen: int, host: LoadHost, *, at: datetime, journal: Journal | None = None) -> LoadReceipt:
        """Load the purse (圈存) after the PIN; the initial PIN may load.

        Args:
            amount_fen: fen, 1 or more.
            host: whoever holds money and load keys.
            at: local time.
            journal: keeps this terminal's record on disk before money moves.

        Raises:
            InvalidValue: an amount that is no int; nothing was sent.
            PinWrong, PinLocked: nothing was asked of the host.
            UnexpectedStatus: the card refused a step (9302: MAC2 of the host is wrong); nothing was loaded.
            OutcomeUnknown: the card went away while it was being credited; see :meth:`settle_torn`.
        """
        whole_fen("amount_fen", amount_fen, "load")
        self._verify_pin(initial_allowed=True)
        try:
            return self._purse().load(amount_fen, self._terminal_no, at, host, journal=journal)
        finally:
            self._money_moved()

    def purchase(self, amount_fen: int, at: datetime, *, journal: Journal | None = None) -> PurchaseRecord:
        """Take a payment from the purse without a line to anyone (脱机消费).

        Args:
            amount_fen: fen.
            at: local time.
            journal: keeps this terminal's record on disk before money moves.

        Raises:
            InvalidValue: an amount that is no int; nothing was sent.
            PinEntryFailed: the holder still uses the initial PIN (-35).
            PinWrong, PinLocked: nothing was debited.
            UnexpectedStatus: 9401 not enough money; 9302 the card refused the PSAM's MAC1; nothing was debited.
            DebitUnproven: debited, but the PSAM refuses the card's MAC2; :meth:`record` makes its receipt a record.
            OutcomeUnknown: the card went away while it was being debited; see :meth:`settle_torn`.
        """
        whole_fen("amount_fen", amount_fen, "purchase")
        self._card_no = self._read_card_no()
        self._verify_pin(initial_allowed=False)
        try:
            return self.record(self._purse().purchase(amount_fen, self._terminal_no, self.psam, at, journal=journal))
        finally:
            self._money_moved()

    def settle_torn(
        self, unknown: OutcomeUnknown | MoneyRecord, *, uninterrupted: bool = False, keys: MasterKeys | None = None
    ) -> Settlement:
        """Find out what a card that was pulled out did (闪卡), when it is back in the slot, in a visit of its own.

        Args:
            unknown: the error of the torn visit, or the record its journal kept.
            uninterrupted: whether the card has been in nobody else's hands since.
            keys: lets a TAC that never arrived be rebuilt; a shop has none, its centre has.

        Returns:
            Verdict and what to do; a purchase to be posted becomes a record by
            ``terminal.record(settlement.receipt())``.

        Raises:
            CardDiffers: another card.
            CardLost, UnexpectedStatus: it could not be read; try again.
        """
        return resolve(self._purse(), unknown, uninterrupted=uninterrupted, keys=keys)

    def record(self, done: PurchaseReceipt) -> PurchaseRecord:
        """Make the journal's record of a debit on this visit's card, also of one the PSAM doubts."""
        return PurchaseRecord(
            terminal_no=self.terminal_no,
            terminal_txn_no=done.terminal_txn_no,
            card_no=self._card_no or self._read_card_no(),
            factor=done.factor,
            city=done.city,
            offline_no=done.offline_no,
            amount_fen=done.amount_fen,
            type=done.type,
            at=done.at,
            key_version=done.key_version,
            algorithm=done.algorithm,
            tac=done.tac,
        )

    def balance(self) -> int:
        """Balance of the purse in fen."""
        return self._purse().balance()

    def _purse(self) -> Purse:
        return Purse(self.card, profile=self.profile, session=self.session)

    def _read_card_no(self) -> str:
        self.session.select_environment()
        declared = self.profile.file("SSSE/EF05").record("card_no")
        answer = exchange(GetResponseChannel(self.card), read_record_by_id(declared.tag, sfi=_SFI_EF05))
        return decode_record(declared, answer.require("read card number"))
