"""A bank behind a bad line, a cash dispenser that jams, and a PIN pad that encrypts: for terminals under test."""

from collections.abc import Callable, Mapping

from readers.atm import DispenserFailed
from readers.base import FixedPinPad, PinPurpose
from readers.online import BankReply, BankRequest, Kind
from readers.sim.cipher import encryptor
from sbcard_core.messages import message

_NEVER_SEEN, _NO_MONEY, _WRONG_PIN, _NO_ACCOUNT, _OK = "25", "51", "55", "14", "00"


class SimPinPad(FixedPinPad):
    """A PIN pad with a PIN key: blocks are ISO 9564 format 0 under 3DES.

    Example:
        >>> pad = SimPinPad({PinPurpose.VERIFY: "246810"}, bytes(16))
        >>> len(pad.read_pin_block(PinPurpose.VERIFY, "6222000000000001"))
        8
    """

    def __init__(self, pins: dict[PinPurpose, str], key: bytes) -> None:
        super().__init__(pins)
        self._encrypt = encryptor(key)

    def read_pin_block(self, purpose: PinPurpose, account_no: str) -> bytes:
        """The prepared digits as an encrypted block."""
        return self._encrypt(pin_block(self.read_pin(purpose), account_no))


def pin_block(pin: str, account_no: str) -> bytes:
    """ISO 9564 format 0, in clear.

    Example:
        >>> pin_block("123456", "43219876543210987").hex().upper()
        '0612AC20ABCDEF67'
    """
    digits = int(f"0{len(pin)}{pin}".ljust(16, "F"), 16)
    return (digits ^ int(account_no[-13:-1], 16)).to_bytes(8, "big")


class SimBank:
    """Accounts behind a line; a transaction is known by terminal and trace number and done once.

    Args:
        accounts: balance in fen by account number.
        pins: bank PIN by account number.
        pin_key: the PIN pad's key.
        line: told "send", "reverse" or "ask" and "before" or "after"; raises ``HostLost`` where the line breaks
            before the bank heard it or after it acted.
    """

    def __init__(
        self,
        accounts: Mapping[str, int],
        pins: Mapping[str, str],
        pin_key: bytes,
        *,
        line: Callable[[str, str], None] = lambda _what, _when: None,
    ) -> None:
        self.balances = dict(accounts)
        self._pins = dict(pins)
        self._encrypt = encryptor(pin_key)
        self._line = line
        self._done: dict[tuple[str, int], BankReply] = {}
        self._taken: dict[tuple[str, int], int] = {}

    def send(self, request: BankRequest) -> BankReply:
        """Do what is asked, once."""
        self._line("send", "before")
        reply = self._do(request)
        self._line("send", "after")
        return reply

    def reverse(self, request: BankRequest, amount_fen: int) -> BankReply:
        """Give back, once; a trace that was never seen is answered "25" and refused should it still arrive."""
        self._line("reverse", "before")
        key = (request.terminal_no, request.trace_no)
        taken = self._taken.pop(key, 0)
        code = _OK if key in self._done else _NEVER_SEEN
        if key not in self._done:
            self._done[key] = BankReply(_NEVER_SEEN)
        if taken:
            self.balances[request.account_no] += amount_fen
        self._line("reverse", "after")
        return BankReply(code)

    def ask(self, request: BankRequest) -> BankReply:
        """What became of a transaction."""
        self._line("ask", "before")
        key = (request.terminal_no, request.trace_no)
        reply = self._done.setdefault(key, BankReply(_NEVER_SEEN))  # it may not be done later, once this was said
        self._line("ask", "after")
        return reply

    def _do(self, request: BankRequest) -> BankReply:
        key = (request.terminal_no, request.trace_no)
        if key not in self._done:
            self._done[key] = self._judge(request)
        return self._done[key]

    def _judge(self, request: BankRequest) -> BankReply:
        account = request.account_no
        if account not in self.balances:
            return BankReply(_NO_ACCOUNT)
        if request.pin_block != self._encrypt(pin_block(self._pins[account], account)):
            return BankReply(_WRONG_PIN)
        if request.amount_fen > self.balances[account]:
            return BankReply(_NO_MONEY)
        if request.kind is Kind.TRANSFER:
            if request.to_account not in self.balances:
                return BankReply(_NO_ACCOUNT)
            self.balances[request.to_account] += request.amount_fen
        self.balances[account] -= request.amount_fen
        self._taken[request.terminal_no, request.trace_no] = request.amount_fen
        return BankReply(_OK, self.balances[account], f"R{request.trace_no:06}")


class SimDispenser:
    """A dispenser of one kind of note.

    Args:
        note_fen: one note.
        jams: by trace number, after how many notes it jams.
        forgets: trace numbers whose count it loses.

    Attributes:
        given_fen: all that holders took.
    """

    def __init__(
        self, note_fen: int = 10_000, *, jams: Mapping[int, int] | None = None, forgets: set[int] | None = None
    ):
        self._note_fen, self._jams, self._forgets = note_fen, jams or {}, forgets or set()
        self._log: dict[int, int] = {}
        self.given_fen = 0

    def dispense(self, trace_no: int, amount_fen: int) -> int:
        """Give out notes until they are all out or it jams."""
        notes = min(amount_fen // self._note_fen, self._jams.get(trace_no, amount_fen))
        given = notes * self._note_fen
        self._log[trace_no] = given
        self.given_fen += given
        if given < amount_fen:
            raise DispenserFailed(message("readers.dispenser.jammed"), dispensed_fen=self.dispensed(trace_no))
        return given

    def dispensed(self, trace_no: int) -> int | None:
        """What was given out for a trace number, 0 if it was never asked to."""
        return None if trace_no in self._forgets else self._log.get(trace_no, 0)

    def count(self, trace_no: int) -> int:
        """What a count of the cassettes finds."""
        return self._log.get(trace_no, 0)
