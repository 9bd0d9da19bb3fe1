"""A shop with a cash machine and a telephone on one bank's line."""

from datetime import datetime
from typing import Any

from readers.atm import ATMTerminal
from readers.base import PinPurpose
from readers.journal import MemoryJournal
from readers.online import Journal
from readers.phone import PhoneTerminal
from readers.sim.bank import SimBank, SimDispenser, SimPinPad
from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from sbcard_core.card.profiles.v2 import SAMPLE

AT = datetime.fromisoformat("2014-07-31T09:30:15")
ACCOUNT, OTHER = "6228480000000000018", "6228480000000000026"
PAN_RECORD = bytes.fromhex("700C5A0A" + ACCOUNT + "F")
KEY = bytes(range(16))
START = 500_000


class Crash(BaseException):
    """The machine lost power here; nothing catches it."""


def bank(**options: Any) -> SimBank:
    return SimBank({ACCOUNT: START, OTHER: 0}, {ACCOUNT: "246810", OTHER: "000000"}, KEY, **options)


def pad(pin: str = "246810") -> SimPinPad:
    return SimPinPad(dict.fromkeys(PinPurpose, pin), KEY)


class Shop:
    """Makes one terminal after the other around the same journal, bank and dispenser: a machine and its visits."""

    def __init__(self, card: VirtualCard, psam: VirtualPSAM) -> None:
        self.card, self.psam = card, psam
        self.bank, self.dispenser, self.journal = bank(), SimDispenser(), MemoryJournal()

    def atm(self, pin: str = "246810", **options: Any) -> ATMTerminal:
        journal: Journal = options.pop("journal", self.journal)
        return ATMTerminal(
            self.card, self.psam, pad(pin), self.bank, self.dispenser, journal, profile=SAMPLE, **options
        )

    def phone(self, **options: Any) -> PhoneTerminal:
        return PhoneTerminal(self.card, self.psam, pad(), self.bank, self.journal, profile=SAMPLE, **options)

    @property
    def debited(self) -> int:
        return START - self.bank.balances[ACCOUNT]
