"""DF04's own money account (医疗账户), class B0: balance and the opening of a load stand on one public page each.

The other instruction bytes are in no source: none is known until ``SimSettings.account_instructions`` names it; its
data is then that of the class-80 purse, with the transaction type as a character.
"""

from collections.abc import Mapping
from typing import Any

from apdu.command import CommandAPDU
from readers.sim.pin import PinObject
from readers.sim.purse import PurseAccount, PurseApplication
from readers.sim.refusal import Refusal
from readers.sim.settings import SimSettings

_LOAD, _DEBIT = ord("1"), ord("5")
_BALANCE, _INIT_LOAD = 0x26, 0x28


class MedicalAccount:
    """The account behind a card's DF04.

    Args:
        purse: does the arithmetic, with the same keys and the same log.
        given: the order's ``account``: ``balance``, ``paid_by_holder``, ``paid_by_fund`` in fen and ``year``.
    """

    def __init__(self, purse: PurseApplication, given: Mapping[str, Any], settings: SimSettings) -> None:
        self._purse = purse
        self._account = PurseAccount(int(given.get("balance", 0)))
        year = bytes.fromhex(str(given.get("year", "2014")))
        self._sums = {
            2: int(given.get("paid_by_holder", 0)).to_bytes(4, "big") + year,
            3: int(given.get("paid_by_fund", 0)).to_bytes(4, "big") + year,
        }
        named = settings.account_instructions
        self._names = {ins: name for name, ins in named.items()}
        self._closing = {name: named.get(name, -1) for name in ("credit-for-load", "debit")}

    @property
    def balance(self) -> int:
        """个人账户 in fen, for assertions in tests."""
        return self._account.balance

    def run(self, command: CommandAPDU, pin: PinObject) -> bytes:
        """A command of class B0."""
        if command.ins == _BALANCE:
            return self._read(command, pin)
        if command.ins == _INIT_LOAD:
            if (command.p1, command.p2) != (0, 1):
                raise Refusal(0x6A86)
            return self._purse.open_load(self._account, _LOAD, self._closing["credit-for-load"], command, pin)
        name = self._names.get(command.ins)
        if name == "credit-for-load":
            return self._purse.credit(command)
        if name == "initialize-for-debit":
            return self._purse.open_purchase(self._account, _DEBIT, self._closing["debit"], command, pin)
        if name == "debit":
            return self._purse.debit(command)
        if name == "get-proof":
            return self._purse.prove(command)
        raise Refusal(0x6D00)

    def _read(self, command: CommandAPDU, pin: PinObject) -> bytes:
        if command.p1 != 0 or command.p2 not in (1, 2, 3):
            raise Refusal(0x6A86)
        pin.require()
        return self._account.balance.to_bytes(4, "big") if command.p2 == 1 else self._sums[command.p2]
