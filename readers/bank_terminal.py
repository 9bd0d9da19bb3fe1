"""What a terminal on a bank's line does: read holder and account, ask for the balance, number its transactions."""

from dataclasses import replace
from datetime import datetime
from typing import Protocol, Unpack

from apdu.channel import CardChannel, GetResponseChannel, exchange
from apdu.errors import MalformedData
from apdu.instructions import read_record, select_aid
from apdu.tlv import find, parse_ber
from readers.base import PinPad, PinPurpose, whole_fen
from readers.journal import Traces
from readers.online import BankLink, BankReply, BankRequest, Entry, HostLost, Journal, Kind, State, refused
from readers.terminal import Terminal, TerminalOptions
from sbcard_core.card.basic import CardBasic
from sbcard_core.card.session import CardSession
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import BankAccount
from sbcard_core.messages import message

BANK_AID = bytes.fromhex("A000000333010101")
"""PBOC debit application of the bank on the same chip; three public sources."""

_PAN_FILES = (2, 3)  # the PAN stands in record 1 of SFI 2 or of SFI 3; three public sources
_PAN_TAG = 0x5A


class EncryptingPinPad(PinPad, Protocol):
    """A PIN pad that encrypts for the bank (加密键盘): the digits of a bank PIN never leave it."""

    def read_pin_block(self, purpose: PinPurpose, account_no: str) -> bytes:
        """Return the encrypted PIN block.

        Raises:
            PinEntryFailed: cancelled or too slow.
        """
        ...


class BankTerminal(Terminal):
    """One customer's visit at a cash machine or a transfer telephone.

    Args:
        card, psam, options: see :class:`readers.terminal.Terminal`.
        pin_pad: also encrypts for the bank.
        host: the line to the bank.
        journal: what the machine keeps; give every visit the same one.
    """

    def __init__(
        self,
        card: CardChannel,
        psam: CardChannel,
        pin_pad: EncryptingPinPad,
        host: BankLink,
        journal: Journal,
        **options: Unpack[TerminalOptions],
    ) -> None:
        super().__init__(card, psam, pin_pad, **options)
        self._pad, self._host, self._journal = pin_pad, host, journal
        self._traces = Traces(journal)

    def read_holder(self) -> CardBasic:
        """Let card and PSAM authenticate each other, then read issuer and holder data."""
        return self._read_authenticated()

    def account_no(self) -> str:
        """Read the account number (主账号); see :func:`read_account_no`."""
        return read_account_no(self.card, self.session)

    def balance(self, at: datetime) -> int:
        """Ask the bank for the account's balance, in fen.

        Raises:
            HostLost: no answer; nothing has changed.
            HostRefused: the bank said no.
            InvalidValue: the link gave no whole fen.
        """
        reply = self._enquire(self._request(Kind.BALANCE, at))
        if not reply.approved or reply.balance_fen is None:
            raise refused(reply, "balance")
        return whole_fen("balance_fen", reply.balance_fen, "balance")

    def _enquire(self, request: BankRequest) -> BankReply:
        """Send what moves no money; its trace number is taken too, and never used for a withdrawal after it.

        Raises:
            HostLost: no answer, or one that says so.
        """
        started = Entry(request, State.STARTED)
        self._journal.write(started)
        reply = self._host.send(request)
        if reply.is_unknown:
            self._journal.write(replace(started, code=reply.code))
            raise HostLost(message("readers.bank.unknown", code=reply.code or "-"), step="online", term="无应答")
        state = State.DONE if reply.approved else State.REFUSED
        self._journal.write(replace(started, state=state, code=reply.code))
        return reply

    def _sent(self, request: BankRequest) -> BankReply | None:
        """The bank's answer to what moves money; None where there is none, or it does not say what was booked."""
        try:
            reply = self._host.send(request)
        except HostLost:
            return None
        return None if reply.booked_fen(request.amount_fen) is None else reply

    def _request(self, kind: Kind, at: datetime, amount_fen: int = 0) -> BankRequest:
        account = self.account_no()
        block = self._pad.read_pin_block(PinPurpose.VERIFY, account)
        return BankRequest(kind, self.terminal_no, next(self._traces), at, account, amount_fen, block)


def read_account_no(card: CardChannel, session: CardSession) -> BankAccount:
    """Read the account number (主账号) from the bank's application; keep it out of logs.

    Raises:
        UnexpectedStatus: the card has no bank application.
        MalformedData: no account number where the three public sources have it, or one that none can be.

    Example:
        >>> from readers.sim.desk import Desk
        >>> desk = Desk(seed=1, account_no="6217000000000000016")
        >>> str(read_account_no(desk.card, CardSession(desk.card)))
        '6217000000000000016'
    """
    channel = GetResponseChannel(card)
    session.leave_environment()
    exchange(channel, select_aid(BANK_AID)).require(
        "select bank application", advice=message("cards.advice.no_account")
    )
    for sfi in _PAN_FILES:
        answer = exchange(channel, read_record(1, sfi=sfi))
        found = find(parse_ber(answer.data), _PAN_TAG) if answer.sw.is_ok else None
        if found is not None:
            return _account(found.value)
    raise MalformedData(message("readers.account.none"), step="read account", term="主账号")


def _account(packed: bytes) -> BankAccount:
    try:
        return BankAccount.parse(packed.hex().upper().rstrip("F"))
    except InvalidValue:  # its message is for a clerk who typed the number
        raise MalformedData(message("readers.account"), step="read account", term="主账号") from None
