"""The transfer telephone (转账电话): a shop's telephone with card slot, PSAM and keys, for transfers and payments.

Its messages are not public (the standard's contents page is), so the line is the same port as a cash machine's:
whoever knows the messages puts them behind it. No cash is involved, so a lost answer is asked for again, never
taken back on a guess.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from apdu.channel import CardChannel
from apdu.instructions import KID_READ_EF06
from readers.atm import EncryptingPinPad, read_account_no
from readers.base import Display, PinPurpose
from readers.online import BankLink, BankReply, BankRequest, Entry, HostLost, Journal, Kind, State, Traces, refused
from readers.terminal import Terminal
from readers.visit import Visit
from sbcard_core.card.basic import CardBasic
from sbcard_core.card.profile import Profile
from sbcard_core.card.profiles.v2 import V2
from sbcard_core.errors import InvalidValue


class PhoneTerminal(Terminal):
    """One customer's visit.

    Args:
        card, psam, profile, terminal_no, rng, display, visit: see :class:`readers.terminal.Terminal`.
        pin_pad: also encrypts for the bank.
        host: the line to the bank.
        journal: what the telephone keeps; give every visit the same one.
    """

    def __init__(
        self,
        card: CardChannel,
        psam: CardChannel,
        pin_pad: EncryptingPinPad,
        host: BankLink,
        journal: Journal,
        *,
        profile: Profile = V2,
        terminal_no: bytes | None = None,
        rng: Callable[[int], bytes] = os.urandom,
        display: Display | None = None,
        visit: Visit | None = None,
    ) -> None:
        super().__init__(
            card, psam, pin_pad, profile=profile, terminal_no=terminal_no, rng=rng, display=display, visit=visit
        )
        self._pad, self._host, self._journal = pin_pad, host, journal
        self._traces = Traces(journal)

    def read_holder(self) -> CardBasic:
        """Let card and PSAM authenticate each other, then read issuer and holder data."""
        self.session.internal_authenticate()
        self.session.external_authenticate(KID_READ_EF06)
        return self.session.read_basic()

    def balance(self, at: datetime) -> int:
        """Ask the bank for the account's balance, in fen.

        Raises:
            HostLost: no answer; nothing has changed.
            HostRefused: the bank said no.
        """
        reply = self._host.send(self._request(Kind.BALANCE, at))
        if not reply.approved or reply.balance_fen is None:
            raise refused(reply, "balance")
        return reply.balance_fen

    def transfer(self, amount_fen: int, to_account: str, at: datetime) -> Entry:
        """Transfer money to another account.

        Returns:
            DONE, or STARTED where nobody answered: do not send it again, let :meth:`close_open` ask for it.

        Raises:
            InvalidValue: no amount, or an account that is no number.
            HostRefused: the bank said no; nothing moved.
        """
        if not (to_account.isascii() and to_account.isdigit()):
            raise InvalidValue("an account is a number", step="transfer", term="转入账号")
        return self._move(Kind.TRANSFER, amount_fen, at, to_account=to_account)

    def pay(self, bill_no: str, amount_fen: int, at: datetime) -> Entry:
        """Pay a bill, e.g. of a social-insurance premium (持卡缴费). Results and errors as :meth:`transfer`."""
        if not bill_no:
            raise InvalidValue("a payment needs the number of its bill", step="pay", term="缴费单号")
        return self._move(Kind.PAYMENT, amount_fen, at, bill_no=bill_no)

    def close_open(self) -> list[Entry]:
        """Ask the bank what became of every transaction left open; call it before a visit.

        Returns:
            Their states now: DONE, REFUSED (also where the bank never saw it), or STARTED where nobody answers yet.
        """
        return [self._ask(entry) for entry in self._journal.entries() if entry.is_open]

    def _move(self, kind: Kind, amount_fen: int, at: datetime, *, to_account: str = "", bill_no: str = "") -> Entry:
        if amount_fen <= 0:
            raise InvalidValue("an amount is above zero", step=kind.name.lower(), term="金额")
        request = replace(self._request(kind, at, amount_fen), to_account=to_account, bill_no=bill_no)
        self._check(kind.name.lower())
        started = Entry(request, State.STARTED)
        self._journal.write(started)
        with self._moving_money():
            try:
                reply = self._host.send(request)
            except HostLost:
                self.show("结果未知,请勿重复操作")
                return self._ask(started)
        ended = self._end(started, reply)
        if ended.state is State.REFUSED:
            raise refused(reply, kind.name.lower())
        self.show("交易成功")
        return ended

    def _ask(self, entry: Entry) -> Entry:
        try:
            return self._end(entry, self._host.ask(entry.request))
        except HostLost:
            return entry

    def _end(self, entry: Entry, reply: BankReply) -> Entry:
        state, done = (State.DONE, entry.request.amount_fen) if reply.approved else (State.REFUSED, 0)
        ended = replace(entry, state=state, done_fen=done, code=reply.code)
        self._journal.write(ended)
        return ended

    def _request(self, kind: Kind, at: datetime, amount_fen: int = 0) -> BankRequest:
        account = read_account_no(self.card, self.session)
        block = self._pad.read_pin_block(PinPurpose.VERIFY, account)
        return BankRequest(kind, self.terminal_no, next(self._traces), at, account, amount_fen, block)
