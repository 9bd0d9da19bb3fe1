"""The money account of DF04 (医疗账户), class B0: two commands are public, the others are the profile's to name.

Balance and the opening of a load (账户划入) stand on one public page each. The
instruction bytes of credit, debit and proof are in no source: each is refused
until ``Assumed.purse.df04_instructions`` supplies it, and then sent with the
data fields of the class-80 purse (assumed), with the transaction type as an
ASCII character (two sources).
"""

import datetime as dt
from typing import TYPE_CHECKING

from apdu import purse as pboc
from apdu.command import CommandAPDU
from apdu.errors import MalformedData
from sbcard_core.card.loadhost import LoadHost, LoadRequest
from sbcard_core.card.money import LoadReceipt
from sbcard_core.crypto.rules import Df04Command
from sbcard_core.messages import message

if TYPE_CHECKING:
    from sbcard_core.card.session import CardSession

_CLASS = 0xB0
LOAD_TYPE = 0x31
"""账户划入 as a character: "1" (assumed: the load of a deposit account)."""
_TAC_BYTES = 4


class Account:
    """The account of the card of a session.

    Args:
        session: with the card; most cards want the PIN verified first.

    Example:
        >>> from sbcard_core.card.session import CardSession
        >>> class Mute:
        ...     def transmit(self, command: bytes) -> bytes:
        ...         return bytes.fromhex("9000")
        >>> Account(CardSession(Mute())).proof(1, 7)
        Traceback (most recent call last):
            ...
        sbcard_core.crypto.errors.AssumptionNotSet: the instruction byte of DF04's get-proof is not public and not set \
(医疗账户) [crypto.rules]; set it in the card profile
    """

    def __init__(self, session: "CardSession") -> None:
        self._session = session

    def balance(self, which: int = 1) -> pboc.AccountBalance:
        """GET BALANCE ``B0 26``: 1 个人账户, 2 年度个人自付累计, 3 年度统筹支付累计.

        Raises:
            UnexpectedStatus: the card refuses; 6982 asks for the PIN.
        """
        self._session.select("DF04")
        return pboc.AccountBalance.parse(self._send(pboc.get_account_balance(which), "account: get balance"))

    def load(self, amount_fen: int, terminal_no: bytes, at: dt.datetime, host: LoadHost) -> LoadReceipt:
        """账户划入: open (``B0 28``), let the host authorise, credit.

        Raises:
            AssumptionNotSet: the profile does not name the credit's instruction; nothing was sent, nobody was asked.
            UnexpectedStatus: the card refuses a step; 9302: the host's MAC2 is wrong.
        """
        credit = self._instruction(Df04Command.CREDIT_FOR_LOAD)
        session = self._session
        index, city, factor = session.profile.purse_key_index(), session.region, session.factor
        session.select("DF04")
        opened = pboc.InitLoadResponse.parse(
            self._send(pboc.init_account_load(index, amount_fen, terminal_no), "account: initialize for load")
        )
        answer = host.authorise_load(
            LoadRequest(
                factor=factor, city=city, balance_fen=opened.balance_fen, amount_fen=amount_fen, type=LOAD_TYPE,
                terminal_no=terminal_no, online_no=opened.online_no, key_version=opened.key_version,
                algorithm=opened.algorithm, random=opened.random, mac1=opened.mac1, at=at,
            )
        )  # fmt: skip
        data = pboc.credit_for_load(answer.at, answer.mac2).data
        tac = self._send(CommandAPDU(_CLASS, credit, 0, 0, data, ne=_TAC_BYTES), "account: credit for load")
        if len(tac) != _TAC_BYTES:
            raise MalformedData(
                message("cards.account.tac", count=len(tac)), step="account: credit for load", term="交易验证码"
            )
        return LoadReceipt(amount_fen, opened.balance_fen, opened.online_no, LOAD_TYPE, answer.at, tac)

    def initialize_debit(self, amount_fen: int, terminal_no: bytes) -> pboc.InitPurchaseResponse:
        """Open a debit: what the PSAM or the centre needs for MAC1.

        Raises:
            AssumptionNotSet: the profile does not name its instruction.
            UnexpectedStatus: the card refuses.
        """
        ins = self._instruction(Df04Command.INITIALIZE_FOR_DEBIT)
        data = pboc.init_purchase(self._session.profile.purse_key_index(), amount_fen, terminal_no).data
        self._session.select("DF04")
        command = CommandAPDU(_CLASS, ins, 0x01, 0x01, data, ne=15)
        return pboc.InitPurchaseResponse.parse(self._send(command, "account: initialize for debit"))

    def debit(self, terminal_txn_no: bytes, at: dt.datetime, mac1: bytes) -> pboc.DebitResponse:
        """Debit what was opened.

        Raises:
            AssumptionNotSet: the profile does not name its instruction.
            UnexpectedStatus: the card refuses; 9302: MAC1 is wrong.
        """
        ins = self._instruction(Df04Command.DEBIT)
        command = CommandAPDU(_CLASS, ins, 0x01, 0x00, pboc.debit(terminal_txn_no, at, mac1).data, ne=8)
        return pboc.DebitResponse.parse(self._send(command, "account: debit"))

    def proof(self, kind: int, number: int) -> pboc.TransactionProof:
        """MAC and TAC of a finished transaction.

        Raises:
            AssumptionNotSet: the profile does not name its instruction.
            UnexpectedStatus: the card has no such transaction.
        """
        ins = self._instruction(Df04Command.GET_PROOF)
        self._session.select("DF04")
        command = CommandAPDU(_CLASS, ins, 0x00, kind, number.to_bytes(2, "big"), ne=8)
        return pboc.TransactionProof.parse(self._send(command, "account: get proof"))

    def _instruction(self, command: Df04Command) -> int:
        return self._session.profile.assumed.purse.need_df04(command)

    def _send(self, command: CommandAPDU, step: str) -> bytes:
        return self._session.link.send(command, step)
