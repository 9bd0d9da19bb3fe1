"""What is known of one movement of money on a card: before it is sent, and when it is done."""

import datetime as dt
from dataclasses import dataclass, field
from enum import StrEnum

from apdu.errors import UnexpectedStatus
from apdu.status import StatusWord
from sbcard_core.messages import message


class Movement(StrEnum):
    """Which way the money goes."""

    PURCHASE = "purchase"
    """消费: from the purse to the merchant; the offline number counts it."""
    LOAD = "load"
    """圈存: from the bank to the purse; the online number counts it."""


@dataclass(frozen=True, slots=True)
class MoneyRecord:
    """The terminal's own record of a transaction, complete before the command that moves money is sent.

    A terminal keeps it in a durable place first: after a loss of power it is all there is.

    Args:
        movement: purchase or load.
        factor, city: find the card's keys; ``factor`` also tells whether the same card is back.
        amount_fen: fen.
        balance_before_fen: as the card said when the transaction was initialised.
        number: the card's counter as it said then: 脱机 or 联机交易序号.
        terminal_no: 终端机编号, 6 bytes.
        terminal_txn_no: 终端交易序号 from the PSAM; 0 for a load.
        type: transaction type of MAC, TAC and log.
        key_version, algorithm: from the card.
        at: the time inside the MAC.
        card_no: 卡号, where the terminal has read it.
    """

    movement: Movement
    factor: bytes
    city: str
    amount_fen: int
    balance_before_fen: int
    number: int
    terminal_no: bytes
    terminal_txn_no: int
    type: int
    key_version: int
    algorithm: int
    at: dt.datetime
    card_no: str = ""

    @property
    def balance_after_fen(self) -> int:
        """Balance when the card has done it and nothing else."""
        sign = 1 if self.movement is Movement.LOAD else -1
        return self.balance_before_fen + sign * self.amount_fen


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
    """A finished purchase: what the terminal's journal keeps. ``factor`` and ``city`` derive the card's DTK.

    ``card_no`` is empty where nobody has read it; with it the receipt is a line clearing takes.
    """

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
    card_no: str = ""

    @property
    def balance_fen(self) -> int:
        """Balance after the purchase."""
        return self.balance_before_fen - self.amount_fen

    @classmethod
    def of(cls, record: MoneyRecord, tac: bytes) -> "PurchaseReceipt":
        """The receipt of a purchase that the card has done."""
        return cls(
            factor=record.factor,
            city=record.city,
            amount_fen=record.amount_fen,
            balance_before_fen=record.balance_before_fen,
            offline_no=record.number,
            terminal_no=record.terminal_no,
            terminal_txn_no=record.terminal_txn_no,
            type=record.type,
            key_version=record.key_version,
            algorithm=record.algorithm,
            at=record.at,
            tac=tac,
            card_no=record.card_no,
        )


class DebitUnproven(UnexpectedStatus):
    """The card has been debited but the PSAM refuses its MAC2: ``receipt`` is kept, the TAC in it still decides."""

    def __init__(self, sw: StatusWord, receipt: PurchaseReceipt, *, step: str) -> None:
        self.receipt = receipt
        super().__init__(sw, step=step, advice=message("cards.advice.unproven"))
