"""The class-80 purse inside the virtual card (JR/T 0025.1-0025.2 as public pages quote it).

A transaction is two commands: initialise, then credit or debit. Any other command between them
drops it. Balances and counters change only in the second one, all at once.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from apdu.command import CommandAPDU
from readers.sim.arithmetic import Arithmetic
from readers.sim.pin import PinObject
from readers.sim.refusal import Refusal
from readers.sim.settings import SimSettings
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

COUNTER_MAX = 0xFFFF
BALANCE_MAX = 0xFFFFFFFF
_LOAD_TYPE = {1: 0x01, 2: 0x02}
_PURCHASE_TYPE = {1: 0x05, 2: 0x06}


@dataclass(slots=True)
class PurseAccount:
    """One of the two purses: 电子存折 (1) and 电子钱包 (2)."""

    balance: int = 0
    online_no: int = 0
    offline_no: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.balance <= BALANCE_MAX:
            raise InvalidValue(message("readers.sim.balance"), step="sim.card", term="余额")


@dataclass(slots=True)
class PendingTransaction:
    """Between initialise and credit or debit."""

    ins: int
    account: PurseAccount
    amount: bytes
    kind: bytes
    terminal: bytes
    random: bytes = field(repr=False)


class PurseApplication:
    """Balances, counters and keys of the purse.

    Args:
        keys: card keys DLK, DPK and DTK, 16 bytes each.
        balance: opening balance of the 电子钱包 in fen.
        rng: random bytes of the card.
    """

    def __init__(
        self, keys: dict[str, bytes], balance: int, *, rng: Callable[[int], bytes], settings: SimSettings
    ) -> None:
        self._keys = keys
        self._rng = rng
        self._settings = settings
        self._compute = Arithmetic(settings)
        self._accounts = {1: PurseAccount(), 2: PurseAccount(balance)}
        self._tries = {"DLK": settings.mac_tries, "DPK": settings.mac_tries}
        self._pending: PendingTransaction | None = None
        self.log: list[bytes] = []
        self._log_fails = False
        self._proof: tuple[bytes, bytes, bytes] | None = None

    def lose_next_log(self) -> None:
        """The power fails between the next change of the balance and its record in the log."""
        self._log_fails = True

    def balance(self, purse: int = 2) -> int:
        """Balance in fen, for assertions in tests; a terminal asks with GET BALANCE."""
        return self._accounts[purse].balance

    def settle_state(self, ins: int) -> None:
        """Drop a pending transaction unless ``ins`` is the command that finishes it."""
        if self._pending is not None and self._pending.ins != ins:
            self._pending = None

    def initialise(self, command: CommandAPDU, pin: PinObject) -> bytes:
        """80 50: P1 00 load, P1 01 purchase."""
        account = self._accounts.get(command.p2)
        if account is None or command.p1 not in (0, 1):
            raise Refusal(0x6A86)
        if command.p1 == 0:
            return self.open_load(account, _LOAD_TYPE[command.p2], 0x52, command, pin)
        return self.open_purchase(account, _PURCHASE_TYPE[command.p2], 0x54, command, pin)

    def open_load(self, account: PurseAccount, kind: int, closing: int, command: CommandAPDU, pin: PinObject) -> bytes:
        """Answer of INITIALIZE FOR LOAD; the instruction ``closing`` is to follow."""
        if command.nc != 11:
            raise Refusal(0x6700)
        if self._settings.load_needs_pin:
            pin.require()
        data, random = command.data, self._start("DLK", command, account.online_no)
        balance = account.balance.to_bytes(4, "big")
        number = account.online_no.to_bytes(2, "big")
        session = self._session("DLK", random + number + b"\x80\x00")
        mac1 = self._compute.mac(session, balance + data[1:5] + bytes((kind,)) + data[5:11])
        self._pending = PendingTransaction(closing, account, data[1:5], bytes((kind,)), data[5:11], random)
        return balance + number + self._key_marks() + random + mac1

    def open_purchase(
        self, account: PurseAccount, kind: int, closing: int, command: CommandAPDU, pin: PinObject
    ) -> bytes:
        """Answer of INITIALIZE FOR PURCHASE; the instruction ``closing`` is to follow."""
        if command.nc != 11:
            raise Refusal(0x6700)
        pin.refuse_initial()
        if self._settings.purchase_needs_pin:
            pin.require()
        data = command.data
        if int.from_bytes(data[1:5], "big") > account.balance:
            raise Refusal(0x9401)
        random = self._start("DPK", command, account.offline_no)
        self._pending = PendingTransaction(closing, account, data[1:5], bytes((kind,)), data[5:11], random)
        numbers = account.balance.to_bytes(4, "big") + account.offline_no.to_bytes(2, "big")
        return numbers + bytes(3) + self._key_marks() + random

    def credit(self, command: CommandAPDU) -> bytes:
        """80 52: check MAC2, raise balance and online number, return the TAC."""
        pending = self._take(command, 11)
        moment, mac2 = command.data[:7], command.data[7:11]
        account = pending.account
        number = account.online_no.to_bytes(2, "big")
        body = pending.amount + pending.kind + pending.terminal + moment
        session = self._session("DLK", pending.random + number + b"\x80\x00")
        self._check("DLK", self._compute.mac(session, body), mac2)
        raised = account.balance + int.from_bytes(pending.amount, "big")
        if raised > BALANCE_MAX:
            raise Refusal(0x6985)
        # Field order of the load TAC: assumed (the sources disagree about the balance in front).
        tac = self._compute.tac(self._keys["DTK"], raised.to_bytes(4, "big") + number + body)
        account.balance, account.online_no = raised, account.online_no + 1
        self._record(number, pending, moment)
        self._proof = (pending.kind + number, mac2, tac)
        return tac

    def debit(self, command: CommandAPDU) -> bytes:
        """80 54: check MAC1, lower the balance, raise the offline number, return TAC and MAC2."""
        pending = self._take(command, 15)
        if (command.p1, command.p2) != (1, 0):
            raise Refusal(0x6A86)
        terminal_txn_no, moment, mac1 = command.data[:4], command.data[4:11], command.data[11:15]
        account = pending.account
        seed = pending.random + account.offline_no.to_bytes(2, "big") + terminal_txn_no[2:]
        session = self._session("DPK", seed)
        head = pending.amount + pending.kind + pending.terminal
        self._check("DPK", self._compute.mac(session, head + moment), mac1)
        tac = self._compute.tac(self._keys["DTK"], head + terminal_txn_no + moment)
        mac2 = self._compute.mac(session, pending.amount)
        account.balance -= int.from_bytes(pending.amount, "big")
        number = account.offline_no.to_bytes(2, "big")
        account.offline_no += 1
        self._record(number, pending, moment)
        self._proof = (pending.kind + number, mac2, tac)
        return tac + mac2

    def prove(self, command: CommandAPDU) -> bytes:
        """80 5A: MAC2 and TAC of the last transaction, when type and number are its own (layout from memory)."""
        if command.p1 != 0 or command.nc != 2:
            raise Refusal(0x6A86 if command.p1 else 0x6700)
        if self._proof is None or self._proof[0] != bytes((command.p2,)) + command.data:
            raise Refusal(0x9406)
        return self._proof[1] + self._proof[2]

    def forget_proof(self) -> None:
        """A card that keeps its last proof only while it is powered."""
        self._proof = None

    def _record(self, number: bytes, pending: PendingTransaction, moment: bytes) -> None:
        """Newest first: number 2, type as a character, terminal 6, date and time 7, amount 4 and two more, here 0."""
        if self._log_fails:
            self._log_fails = False
            return
        kind = pending.kind if pending.kind >= b"0" else str(pending.kind[0]).encode("ascii")[-1:]
        self.log.insert(0, number + kind + pending.terminal + moment + pending.amount + bytes(8))
        del self.log[self._settings.log_records :]

    def read_balance(self, command: CommandAPDU) -> bytes:
        """80 5C."""
        account = self._accounts.get(command.p2)
        if account is None or command.p1 != 0:
            raise Refusal(0x6A86)
        return account.balance.to_bytes(4, "big")

    def _start(self, name: str, command: CommandAPDU, counter: int) -> bytes:
        if name not in self._keys or command.data[0] != self._settings.purse_key_index:
            raise Refusal(0x9403)
        if self._tries[name] == 0:
            raise Refusal(0x9303)
        if counter >= COUNTER_MAX:
            raise Refusal(0x9402)
        return self._rng(4)

    def _take(self, command: CommandAPDU, length: int) -> PendingTransaction:
        pending, self._pending = self._pending, None
        if pending is None or pending.ins != command.ins:
            raise Refusal(0x6901)
        if command.nc != length:
            raise Refusal(0x6700)
        return pending

    def _check(self, name: str, expected: bytes, given: bytes) -> None:
        if not hmac.compare_digest(expected, given):
            self._tries[name] -= 1
            raise Refusal(0x9302)
        self._tries[name] = self._settings.mac_tries

    def _session(self, name: str, seed: bytes) -> bytes:
        return self._compute.session(self._compute.keyed(self._keys[name]), seed)

    def _key_marks(self) -> bytes:
        return bytes((self._settings.key_version, self._settings.algorithm))
