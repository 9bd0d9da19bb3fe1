"""The purse on the card: load with a host, purchase with a PSAM, balance, counters, log and proof.

Load and purchase are two commands to the card each. Money moves in the second
one only. When the card goes away during it, or what comes back is no whole
answer, nobody outside can know: the error says so and carries the terminal's
record, from which :mod:`sbcard_core.card.torn` decides. A refusal is believed
only after the balance has been read again and still stands: an answer cut to
two bytes may look like any status word.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

from apdu import instructions as iso
from apdu import psam as sam
from apdu import purse as pboc
from apdu.channel import CardChannel, GetResponseChannel, exchange
from apdu.command import CommandAPDU
from apdu.errors import CardLost, UnexpectedStatus
from apdu.status import StatusCategory, StatusWord
from sbcard_core.card.errors import OutcomeUnknown, RecordMalformed
from sbcard_core.card.loadhost import LoadHost, LoadRequest
from sbcard_core.card.money import DebitUnproven, LoadReceipt, MoneyRecord, Movement, PurchaseReceipt
from sbcard_core.card.profile import Profile
from sbcard_core.card.profiles.v2 import V2
from sbcard_core.card.session import CardSession
from sbcard_core.card.values import Values, decode_file
from sbcard_core.crypto.diversify import city_factor
from sbcard_core.errors import SBCardError
from sbcard_core.messages import message

__all__ = ["DebitUnproven", "LoadReceipt", "Proof", "PurchaseReceipt", "Purse"]

_TAC_BYTES = 4
_DEBIT_BYTES = 8
_INIT_LOAD_BYTES = 16
_INIT_PURCHASE_BYTES = 15
_BALANCE_BYTES = 4
_STATUS_NIBBLES = (0x6, 0x9)
"""A status word begins with 6 or 9, ISO/IEC 7816-3."""
_NOT_FOUND = 0x6A83
Journal = Callable[[MoneyRecord], None]
"""Keeps the terminal's record in a durable place, before money moves."""


Proof = pboc.TransactionProof
"""MAC and TAC of a finished transaction."""


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
        """Select the purse and read its balance in fen."""
        self.select()
        return self.read_balance()

    def read_balance(self) -> int:
        """Read the balance in fen; the purse's application must be selected."""
        return pboc.parse_balance(self._send(pboc.get_balance(), "get balance"))

    @property
    def factor(self) -> bytes:
        """The card's diversification factor."""
        return self._session.factor

    def load(
        self,
        amount_fen: int,
        terminal_no: bytes,
        at: dt.datetime,
        host: LoadHost,
        *,
        journal: Journal | None = None,
    ) -> LoadReceipt:
        """Load money (圈存): initialise, let the host authorise, credit.

        Args:
            amount_fen: fen, 1 to 4294967295.
            terminal_no: 6 bytes.
            at: local time of the transaction.
            host: checks MAC1, takes the money, answers MAC2.
            journal: is given the terminal's record before the credit is sent.

        Raises:
            UnexpectedStatus: the card refuses a step (9302: the host's MAC2 is wrong); nothing was loaded. Where the
                host had authorised, its debit has to be reversed.
            CardLost: the card went away before the credit was sent; nothing was loaded.
            OutcomeUnknown: the card went away during the credit.
        """
        index = self.profile.purse_key_index()
        city = self._session.region
        self.select()
        opened = pboc.InitLoadResponse.parse(
            self._send(pboc.init_load(index, amount_fen, terminal_no), "initialize for load")
        )
        kind = int(pboc.TransactionType.LOAD_PURSE)
        factor = self._session.factor
        record = MoneyRecord(
            Movement.LOAD, factor, city, amount_fen, opened.balance_fen, opened.online_no, terminal_no, 0, kind,
            opened.key_version, opened.algorithm, at,
        )  # fmt: skip
        answer = host.authorise_load(
            LoadRequest(
                factor=factor,
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
        record = replace(record, at=answer.at)
        if journal is not None:
            journal(record)
        tac = self._commit(pboc.credit_for_load(answer.at, answer.mac2), "credit for load", record, _TAC_BYTES)
        return LoadReceipt(amount_fen, opened.balance_fen, opened.online_no, kind, answer.at, tac)

    def purchase(
        self,
        amount_fen: int,
        terminal: bytes,
        psam: CardChannel,
        at: dt.datetime,
        *,
        journal: Journal | None = None,
    ) -> PurchaseReceipt:
        """Pay (消费): initialise, have the PSAM compute MAC1, debit, have the PSAM check MAC2.

        Args:
            amount_fen: fen.
            terminal: 终端机编号, 6 bytes; the PSAM's own.
            psam: the terminal's PSAM.
            at: local time of the transaction.
            journal: is given the terminal's record before the debit is sent.

        Raises:
            UnexpectedStatus: card or PSAM refuses a step; nothing was debited.
            CardLost: card or PSAM went away before the debit was sent; nothing was debited.
            DebitUnproven: the card was debited and the PSAM refuses its MAC2 or is gone (6F00 then); the error
                carries the receipt.
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
        record = MoneyRecord(
            Movement.PURCHASE, factor, city, amount_fen, opened.balance_fen, opened.offline_no, terminal,
            int.from_bytes(number, "big"), kind, opened.key_version, opened.algorithm, at,
        )  # fmt: skip
        if journal is not None:
            journal(record)
        done = pboc.DebitResponse.parse(
            self._commit(pboc.debit(number, at, prepared.mac1), "debit for purchase", record, _DEBIT_BYTES)
        )
        receipt = PurchaseReceipt.of(record, done.tac)
        try:
            sw = exchange(channel, sam.credit_sam_for_purchase(done.mac2)).sw
        except SBCardError:
            sw = StatusWord(0x6F00)
        if not sw.is_ok:
            raise DebitUnproven(sw, receipt, step="PSAM: check MAC2")
        return receipt

    # --- what the card remembers

    def number(self, movement: Movement) -> int | None:
        """The card's counter, from an initialise that is not gone on with; None where the card does not tell.

        The amount sent is zero (assumed to be allowed: no money moves in an initialise).

        Raises:
            CardLost: the card went away.
        """
        index, terminal = self.profile.purse_key_index(), bytes(6)
        if movement is Movement.LOAD:
            opened = self._seen(pboc.init_load(index, 0, terminal), _INIT_LOAD_BYTES)
            return None if opened is None else pboc.InitLoadResponse.parse(opened).online_no
        opened = self._seen(pboc.init_purchase(index, 0, terminal), _INIT_PURCHASE_BYTES)
        return None if opened is None else pboc.InitPurchaseResponse.parse(opened).offline_no

    def proof(self, kind: int, number: int) -> Proof | None:
        """GET TRANSACTION PROVE ``80 5A 00 type``: MAC and TAC of a finished transaction; None where there is none.

        Only where the profile says that the card answers it: the command is known from memory of the specification.

        Raises:
            CardLost: the card went away.
        """
        if not self.profile.assumed.transaction_proof:
            return None
        made = self._seen(pboc.get_transaction_proof(kind, number), _DEBIT_BYTES)
        return None if made is None else Proof.parse(made)

    def log(self) -> list[Values] | None:
        """Rows of the purse's log (交易明细), newest first; None where there is none, or none that can be read.

        The purse's application must be selected.

        Raises:
            CardLost: the card went away.
        """
        declared = self.profile.assumed.purse_log
        if declared is None:
            return None
        file = self.profile.file(declared.path)
        size = sum(field.length for field in file.records)
        rows: list[bytes] = []
        for number in range(1, (file.count or 30) + 1):
            answer = exchange(self._channel, iso.read_record(number, size, sfi=file.sfi))
            if answer.sw.value == _NOT_FOUND:
                break
            if not answer.sw.is_ok:
                return None
            rows.append(answer.data)
        try:
            found = decode_file(file, rows)
        except RecordMalformed:
            return None
        return found if isinstance(found, list) else None

    def seen_balance(self) -> int | None:
        """Balance in fen, None where the card refuses; the purse's application must be selected.

        Raises:
            CardLost: the card went away, or its answer is not whole.
        """
        found = self._seen(pboc.get_balance(), _BALANCE_BYTES)
        return None if found is None else pboc.parse_balance(found)

    def _seen(self, command: CommandAPDU, size: int) -> bytes | None:
        """An answer of ``size`` bytes, None for a refusal or another layout; all else is a card on its way out."""
        answer = exchange(self._channel, command)
        if answer.sw.is_ok:
            return answer.data if len(answer.data) == size else None
        if not answer.data and answer.sw.sw1 >> 4 in _STATUS_NIBBLES:
            return None
        raise CardLost(message("cards.answer.cut"), step="read evidence", term="卡已移出")

    # --- sending

    def _commit(self, command: CommandAPDU, step: str, record: MoneyRecord, size: int) -> bytes:
        """Send the command that moves money; only a whole answer, or a refusal that the balance bears out, is known."""
        try:
            answer = exchange(self._channel, command)
        except SBCardError as error:  # whatever a reader's driver calls it, the command may have been done
            raise _unknown("cards.money.gone", step, record) from error
        if answer.sw.is_ok and len(answer.data) == size:
            return answer.data
        if not answer.data and _is_refusal(answer.sw) and self._stands(record.balance_before_fen):
            raise UnexpectedStatus(answer.sw, step=step)
        raise _unknown("cards.money.cut", step, record)

    def _stands(self, balance_fen: int) -> bool:
        try:
            return self.read_balance() == balance_fen
        except (SBCardError, ValueError):
            return False

    def _send(self, command: CommandAPDU, step: str) -> bytes:
        return self._ask(self._channel, command, step)

    @staticmethod
    def _ask(channel: CardChannel, command: CommandAPDU, step: str) -> bytes:
        return exchange(channel, command).require(step)


def _is_refusal(sw: StatusWord) -> bool:
    """A status word that means something; a cut answer mostly ends in one that does not."""
    return sw.category not in {StatusCategory.OK, StatusCategory.OTHER}


def _unknown(code: str, step: str, record: MoneyRecord) -> OutcomeUnknown:
    return OutcomeUnknown(
        message(code),
        balance_before_fen=record.balance_before_fen,
        step=step,
        term="交易结果未知",
        record=record,
    )
