"""The transfer telephone (转账电话): a shop's telephone with card slot, PSAM and keys, for transfers and payments.

Its messages are not public (the standard's contents page is), so the line is the same port as a cash machine's:
whoever knows the messages puts them behind it. No cash is involved, so a lost answer is asked for again, never
taken back on a guess.
"""

from dataclasses import replace
from datetime import datetime

from readers.bank_terminal import BankTerminal
from readers.base import whole_fen
from readers.online import UNASKED_CODES, BankReply, Entry, HostLost, Kind, State, refused
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import BankAccount
from sbcard_core.messages import message


class PhoneTerminal(BankTerminal):
    """One customer's visit.

    Args:
        card, psam, pin_pad, host, journal, options: see :class:`readers.bank_terminal.BankTerminal`.

    Example:
        >>> from readers.journal import MemoryJournal
        >>> from readers.sim.bank import SimBank
        >>> from readers.sim.desk import Desk
        >>> desk = Desk(seed=1, account_no="6217000000000000016")
        >>> bank = SimBank({"6217000000000000016": 100_000}, {"6217000000000000016": "246810"}, desk.roots["IRK"])
        >>> telephone = PhoneTerminal(desk.card, desk.psam, desk.pin_pad, bank, MemoryJournal())
        >>> telephone.pay("JF0001", 12_000, datetime(2014, 7, 31, 10, 20, 30)).state
        <State.DONE: '完成'>
    """

    def transfer(self, amount_fen: int, to_account: str, at: datetime) -> Entry:
        """Transfer money to another account.

        Returns:
            DONE with ``done_fen`` (less than asked where the bank approved a part), or STARTED where nobody answered:
            do not send it again, let :meth:`close_open` ask for it.

        Raises:
            InvalidValue: no amount, or what no account number can be.
            HostRefused: the bank said no; nothing moved.
        """
        return self._move(Kind.TRANSFER, amount_fen, at, to_account=BankAccount.parse(to_account))

    def pay(self, bill_no: str, amount_fen: int, at: datetime) -> Entry:
        """Pay a bill, e.g. of a social-insurance premium (持卡缴费). Results and errors as :meth:`transfer`."""
        if not bill_no:
            raise InvalidValue(message("readers.bill_no"), step="pay", term="缴费单号")
        return self._move(Kind.PAYMENT, amount_fen, at, bill_no=bill_no)

    def close_open(self) -> list[Entry]:
        """Ask the bank what became of every transaction left open; call it before a visit.

        Returns:
            Their states now: DONE, REFUSED (also where the bank never saw it), or STARTED where nobody answers yet.
        """
        return [self._ask(entry) for entry in self._journal.entries() if entry.is_open]

    def _move(self, kind: Kind, amount_fen: int, at: datetime, *, to_account: str = "", bill_no: str = "") -> Entry:
        whole_fen("amount_fen", amount_fen, "transfer")
        if amount_fen <= 0:
            raise InvalidValue(message("readers.amount.positive"), step=kind.name.lower(), term="金额")
        request = replace(self._request(kind, at, amount_fen), to_account=to_account, bill_no=bill_no)
        self._check(kind.name.lower())
        started = Entry(request, State.STARTED)
        self._journal.write(started)
        with self._moving_money():
            reply = self._sent(request)
            if reply is None:
                self.show("结果未知,请勿重复操作")
                return self._ask(started)
        ended = self._end(started, reply)
        if ended.state is State.REFUSED:
            raise refused(reply, kind.name.lower())
        self.show("交易成功" if ended.done_fen == amount_fen else "部分金额成功,请核对")
        return ended

    def _ask(self, entry: Entry) -> Entry:
        try:
            reply = self._host.ask(entry.request)
        except HostLost:
            return entry
        return entry if reply.code in UNASKED_CODES else self._end(entry, reply)

    def _end(self, entry: Entry, reply: BankReply) -> Entry:
        """Write down what the bank has booked, which may be a part; the same entry where it does not say."""
        done = reply.booked_fen(entry.request.amount_fen)
        if done is None:
            return entry
        state = State.DONE if reply.approved else State.REFUSED
        ended = replace(entry, state=state, done_fen=done, code=reply.code)
        self._journal.write(ended)
        return ended
