"""The cash machine (自动柜员机): read the card, tell the balance, give out cash, change the PIN.

Withdrawals go against the bank account on the same chip. The law of this file: cash given out equals the
account's debit, whatever is lost, jammed or switched off; what cannot be known stays open and says so.
"""

from dataclasses import replace
from datetime import datetime
from typing import Protocol, Unpack

from apdu.channel import CardChannel
from readers.bank_terminal import BANK_AID, BankTerminal, EncryptingPinPad, read_account_no
from readers.base import PinPurpose, whole_fen
from readers.errors import ReaderError
from readers.online import BankLink, Entry, Journal, Kind, State, refused, take_back
from readers.terminal import TerminalOptions
from sbcard_core.card.basic import CardBasic
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import Message, message

__all__ = [
    "BANK_AID",
    "ATMTerminal",
    "CashDispenser",
    "DispenserFailed",
    "EncryptingPinPad",
    "InterfaceClosed",
    "read_account_no",
]


class InterfaceClosed(ReaderError):
    """This machine's bank has not opened the social-security side of the card (未开放社保卡读取接口)."""


class DispenserFailed(ReaderError):
    """The dispenser broke down. ``dispensed_fen`` = what the holder got, None = it cannot tell."""

    def __init__(self, what: str | Message, *, dispensed_fen: int | None) -> None:
        self.dispensed_fen = dispensed_fen
        super().__init__(what, step="dispense", term="出钞故障")


class CashDispenser(Protocol):
    """出钞模块."""

    def dispense(self, trace_no: int, amount_fen: int) -> int:
        """Give out cash; returns the fen the holder took (notes left in the tray are taken back in).

        Raises:
            DispenserFailed: with what was given out, where it knows.
        """
        ...

    def dispensed(self, trace_no: int) -> int | None:
        """What it gave for a trace number, remembered without power; None = it cannot tell."""
        ...


class ATMTerminal(BankTerminal):
    """One customer's visit.

    Args:
        card, psam, options: see :class:`readers.terminal.Terminal`.
        pin_pad: also encrypts for the bank.
        host: the line to the bank.
        dispenser: the cash.
        journal: what the machine keeps; give every visit the same one.
        note_fen: the smallest note, in fen.
        reads_social_data: False where the bank has not opened that side of the card (some had not, in 2014).

    Example:
        >>> from readers.journal import MemoryJournal
        >>> from readers.sim.bank import SimBank, SimDispenser
        >>> from readers.sim.desk import Desk
        >>> desk = Desk(seed=1, account_no="6217000000000000016")
        >>> bank = SimBank({"6217000000000000016": 100_000}, {"6217000000000000016": "246810"}, desk.roots["IRK"])
        >>> terminal = ATMTerminal(desk.card, desk.psam, desk.pin_pad, bank, SimDispenser(), MemoryJournal())
        >>> at = datetime(2014, 7, 31, 10, 20, 30)
        >>> terminal.withdraw(30_000, at).done_fen, terminal.balance(at)
        (30000, 70000)
    """

    def __init__(
        self,
        card: CardChannel,
        psam: CardChannel,
        pin_pad: EncryptingPinPad,
        host: BankLink,
        dispenser: CashDispenser,
        journal: Journal,
        *,
        note_fen: int = 10_000,
        reads_social_data: bool = True,
        **options: Unpack[TerminalOptions],
    ) -> None:
        super().__init__(card, psam, pin_pad, host, journal, **options)
        self._dispenser = dispenser
        self._note_fen, self._reads_social_data = note_fen, reads_social_data

    def read_holder(self) -> CardBasic:
        """Let card and PSAM authenticate each other, then read issuer and holder data.

        Raises:
            InterfaceClosed: this machine's bank does not allow it.
            InternalAuthFailed, UnexpectedStatus, CardLost: see :meth:`readers.medical.MedicalTerminal.read_holder`.
        """
        if not self._reads_social_data:
            raise InterfaceClosed(
                message("readers.atm.closed"),
                step="read_holder",
                term="未开放社保卡读取接口",
            )
        return super().read_holder()

    def change_bank_pin(self, at: datetime) -> None:
        """Have the bank replace the account's PIN; the new one is typed twice.

        Raises:
            PinEntryFailed: cancelled or too slow.
            HostRefused: the bank said no; of two different new PINs too, as only the bank can compare blocks.
            HostLost: no answer: old or new PIN may hold; ask the holder to try the new one first.
        """
        request = self._request(Kind.CHANGE_PIN, at)
        new = self._pad.read_pin_block(PinPurpose.NEW, request.account_no)
        reply = self._enquire(replace(request, new_pin_block=new))
        if not reply.approved:
            raise refused(reply, "change_bank_pin")

    def withdraw(self, amount_fen: int, at: datetime) -> Entry:
        """Give out cash against the account.

        Args:
            amount_fen: a multiple of the smallest note.
            at: local time.

        Returns:
            What stands in the journal: DONE with ``done_fen`` given out (less than asked where the dispenser broke
            down and the bank took the rest back), REVERSED where the bank's answer was lost or was for a part, or still
            open: REVERSING (:meth:`close_open` goes on with it, :func:`readers.by_hand.settle` where the bank refuses)
            or COUNT_NEEDED (:meth:`counted`).

        Raises:
            InvalidValue: no whole notes.
            HostRefused: the bank said no; nothing was given out.
            VisitEnded: cancelled or too slow before the bank was asked.
        """
        whole_fen("amount_fen", amount_fen, "withdraw")
        if amount_fen <= 0 or amount_fen % self._note_fen:
            raise InvalidValue(message("readers.atm.notes", note_fen=self._note_fen), step="withdraw", term="取款金额")
        request = self._request(Kind.WITHDRAWAL, at, amount_fen)
        self._check("withdraw")
        started = Entry(request, State.STARTED)
        self._journal.write(started)
        with self._moving_money():
            reply = self._sent(request)
            if reply is None:
                return self._end(take_back(self._host, self._journal, _reversing(started, amount_fen, 0)))
            if not reply.approved:
                self._journal.write(replace(started, state=State.REFUSED, code=reply.code))
                raise refused(reply, "withdraw")
            booked = reply.booked_fen(amount_fen) or 0
            if booked < amount_fen:  # a part that the holder did not ask for
                return self._end(take_back(self._host, self._journal, _reversing(started, booked, 0)))
            return self._end(self._pay_out(replace(started, state=State.DISPENSING, code=reply.code)))

    def close_open(self) -> list[Entry]:
        """Go on with every transaction that was left open, e.g. after a power failure; call it before a visit.

        Returns:
            Their states now; those still open stay for the next call, or for :meth:`counted`.
        """
        closed = []
        for entry in [one for one in self._journal.entries() if one.is_open]:
            match entry.state:
                case State.STARTED:  # the bank may have paid; the holder got nothing
                    ended = take_back(self._host, self._journal, _reversing(entry, entry.request.amount_fen, 0))
                case State.DISPENSING:
                    ended = self._account_for(entry, self._dispenser.dispensed(entry.request.trace_no))
                case State.REVERSING:
                    ended = take_back(self._host, self._journal, entry)
                case _:
                    ended = entry
            closed.append(ended)
        return closed

    def counted(self, trace_no: int, dispensed_fen: int) -> Entry:
        """Tell what a count of the cassettes found for a transaction in COUNT_NEEDED (长短款处理).

        Raises:
            InvalidValue: no such transaction, or more than was asked for: what the holder got beyond it is no part of
                this transaction but the machine's shortage (短款).
        """
        whole_fen("dispensed_fen", dispensed_fen, "counted")
        for entry in self._journal.entries():
            if entry.request.trace_no == trace_no and entry.state is State.COUNT_NEEDED:
                if not 0 <= dispensed_fen <= entry.request.amount_fen:
                    raise InvalidValue(message("readers.count.over"), step="counted", term="长短款")
                return self._account_for(entry, dispensed_fen)
        raise InvalidValue(message("readers.count.none", trace_no=trace_no), step="counted", term="清点")

    def _pay_out(self, entry: Entry) -> Entry:
        self._journal.write(entry)
        try:
            given: int | None = self._dispenser.dispense(entry.request.trace_no, entry.request.amount_fen)
        except DispenserFailed as failed:
            given = failed.dispensed_fen
        return self._account_for(entry, given)

    def _account_for(self, entry: Entry, given: int | None) -> Entry:
        """End a transaction whose cash is known; leave it for a count where the dispenser knows nothing or is wrong."""
        asked = entry.request.amount_fen
        if type(given) is not int or not 0 <= given <= asked:
            ended = replace(entry, state=State.COUNT_NEEDED)
        elif given < asked:
            return take_back(self._host, self._journal, _reversing(entry, asked - given, given))
        else:
            ended = replace(entry, state=State.DONE, done_fen=given)
        self._journal.write(ended)
        return ended

    def _end(self, entry: Entry) -> Entry:
        self.show("交易成功,请取走现金和卡片" if entry.state is State.DONE else "交易未完成,请取卡并联系银行")
        return entry


def _reversing(entry: Entry, amount_fen: int, given: int) -> Entry:
    return replace(entry, state=State.REVERSING, reverse_fen=amount_fen, done_fen=given)
