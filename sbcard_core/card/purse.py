"""The purse on the card: load with a host, purchase with a PSAM.

Both are two commands to the card. Money moves in the second one only: when the
card goes away during it, nobody outside can know, and the error says so.
"""

import datetime as dt
from dataclasses import dataclass, field

from apdu import instructions as iso
from apdu import psam as sam
from apdu import purse as pboc
from apdu.channel import CardChannel, GetResponseChannel, exchange
from apdu.command import CommandAPDU
from apdu.errors import CardLost, MalformedData, UnexpectedStatus
from apdu.status import StatusWord
from sbcard_core.card.errors import OutcomeUnknown
from sbcard_core.card.loadhost import LoadHost, LoadRequest
from sbcard_core.card.profile import Profile
from sbcard_core.card.profiles.v2 import V2
from sbcard_core.card.session import CardSession
from sbcard_core.crypto.diversify import city_factor

_TAC_BYTES = 4


@dataclass(frozen=True, slots=True)
class LoadReceipt:
    """A finished load: what the host keeps."""

    amount_fen: int
    balance_before_fen: int
    online_no: int
    type: int
    at: dt.datetime
    tac: bytes = field(repr=False)

    @property
    def balance_fen(self) -> int:
        """Balance after the load."""
        return self.balance_before_fen + self.amount_fen


@dataclass(frozen=True, slots=True)
class PurchaseReceipt:
    """A finished purchase: what the terminal's journal keeps. ``factor`` and ``city`` derive the card's DTK."""

    factor: bytes
    city: str
    amount_fen: int
    balance_before_fen: int
    offline_no: int
    terminal_no: bytes
    terminal_txn_no: int
    type: int
    key_version: int
    algorithm: int
    at: dt.datetime
    tac: bytes = field(repr=False)

    @property
    def balance_fen(self) -> int:
        """Balance after the purchase."""
        return self.balance_before_fen - self.amount_fen


class DebitUnproven(UnexpectedStatus):
    """The card has been debited but the PSAM refuses its MAC2: ``receipt`` is kept, the TAC in it still decides."""

    def __init__(self, sw: StatusWord, receipt: PurchaseReceipt, *, step: str) -> None:
        self.receipt = receipt
        super().__init__(sw, step=step, advice="keep the record and let the centre judge its TAC")


class Purse:
    """The 电子钱包 (type 2) of the card in a channel.

    Args:
        channel: the card.
        profile: must name the purse's application and key index, which no public source gives.
        session: an open session with the same card, whose ATR and region are used; one is opened when needed.

    Example:
        >>> class Mute:
        ...     def transmit(self, command: bytes) -> bytes:
        ...         return bytes.fromhex("6A82")
        >>> Purse(Mute()).balance()
        Traceback (most recent call last):
            ...
        sbcard_core.crypto.errors.AssumptionNotSet: the application identifier of the purse is not public and not set \
[card.profile]; set it in the card profile
    """

    def __init__(self, channel: CardChannel, *, profile: Profile = V2, session: CardSession | None = None) -> None:
        self.profile = profile
        self._channel = GetResponseChannel(channel)
        self._session = session or CardSession(channel, profile=profile)

    def select(self) -> None:
        """Select the purse's application.

        Raises:
            AssumptionNotSet: the profile does not name it.
            UnexpectedStatus: the card has none.
        """
        aid = self.profile.purse_aid()
        self._session.leave_environment()
        self._send(iso.select_aid(aid), "select purse")

    def balance(self) -> int:
        """Read the balance in fen."""
        self.select()
        return pboc.parse_balance(self._send(pboc.get_balance(), "get balance"))

    def load(self, amount_fen: int, terminal_no: bytes, at: dt.datetime, host: LoadHost) -> LoadReceipt:
        """Load money (圈存): initialise, let the host authorise, credit.

        Args:
            amount_fen: fen, 1 to 4294967295.
            terminal_no: 6 bytes.
            at: local time of the transaction.
            host: checks MAC1, takes the money, answers MAC2.

        Raises:
            UnexpectedStatus: the card refuses a step (9302: the host's MAC2 is wrong); nothing was loaded.
            OutcomeUnknown: the card went away during the credit.
        """
        index = self.profile.purse_key_index()
        city = self._session.region
        self.select()
        opened = pboc.InitLoadResponse.parse(
            self._send(pboc.init_load(index, amount_fen, terminal_no), "initialize for load")
        )
        kind = int(pboc.TransactionType.LOAD_PURSE)
        answer = host.authorise_load(
            LoadRequest(
                factor=self._session.factor,
                city=city,
                balance_fen=opened.balance_fen,
                amount_fen=amount_fen,
                type=kind,
                terminal_no=terminal_no,
                online_no=opened.online_no,
                key_version=opened.key_version,
                algorithm=opened.algorithm,
                random=opened.random,
                mac1=opened.mac1,
                at=at,
            )
        )
        tac = self._commit(pboc.credit_for_load(answer.at, answer.mac2), "credit for load", opened.balance_fen)
        if len(tac) != _TAC_BYTES:
            raise MalformedData(f"a TAC of {len(tac)} bytes", step="credit for load", term="交易验证码")
        return LoadReceipt(amount_fen, opened.balance_fen, opened.online_no, kind, answer.at, tac)

    def purchase(self, amount_fen: int, terminal: bytes, psam: CardChannel, at: dt.datetime) -> PurchaseReceipt:
        """Pay (消费): initialise, have the PSAM compute MAC1, debit, have the PSAM check MAC2.

        Args:
            amount_fen: fen.
            terminal: 终端机编号, 6 bytes; the PSAM's own.
            psam: the terminal's PSAM.
            at: local time of the transaction.

        Raises:
            UnexpectedStatus: card or PSAM refuses a step; nothing was debited.
            DebitUnproven: the card was debited and the PSAM refuses its MAC2; the error carries the receipt.
            OutcomeUnknown: the card went away during the debit.
        """
        index = self.profile.purse_key_index()
        city, factor = self._session.region, self._session.factor
        self.select()
        opened = pboc.InitPurchaseResponse.parse(
            self._send(pboc.init_purchase(index, amount_fen, terminal), "initialize for purchase")
        )
        kind = int(pboc.TransactionType.PURCHASE_PURSE)
        channel = GetResponseChannel(psam)
        self._ask(channel, iso.select_aid(sam.PSAM_AID), "select PSAM application")
        request = sam.SamPurchaseRequest(
            card_random=opened.random,
            card_txn_no=opened.offline_no,
            amount_fen=amount_fen,
            transaction_type=kind,
            at=at,
            key_version=opened.key_version,
            algorithm=opened.algorithm,
            factors=(factor, city_factor(city)),
        )
        prepared = sam.SamPurchaseResponse.parse(
            self._ask(channel, sam.init_sam_for_purchase(request), "PSAM: compute MAC1")
        )
        number = prepared.terminal_txn_no
        done = pboc.DebitResponse.parse(
            self._commit(pboc.debit(number, at, prepared.mac1), "debit for purchase", opened.balance_fen)
        )
        receipt = PurchaseReceipt(
            factor=factor,
            city=city,
            amount_fen=amount_fen,
            balance_before_fen=opened.balance_fen,
            offline_no=opened.offline_no,
            terminal_no=terminal,
            terminal_txn_no=int.from_bytes(number, "big"),
            type=kind,
            key_version=opened.key_version,
            algorithm=opened.algorithm,
            at=at,
            tac=done.tac,
        )
        sw = exchange(channel, sam.credit_sam_for_purchase(done.mac2)).sw
        if not sw.is_ok:
            raise DebitUnproven(sw, receipt, step="PSAM: check MAC2")
        return receipt

    def _commit(self, command: CommandAPDU, step: str, balance_before_fen: int) -> bytes:
        """Send the command that moves money."""
        try:
            return self._send(command, step)
        except CardLost as error:
            raise OutcomeUnknown(
                "the card went away while it moved money",
                balance_before_fen=balance_before_fen,
                step=step,
                advice="read the balance of the same card",
                term="交易结果未知",
            ) from error

    def _send(self, command: CommandAPDU, step: str) -> bytes:
        return self._ask(self._channel, command, step)

    @staticmethod
    def _ask(channel: CardChannel, command: CommandAPDU, step: str) -> bytes:
        return exchange(channel, command).require(step)
