"""A desk to try things at: one made-up holder's card, a PSAM of the same keys, a PIN pad and a host.

Everything comes from a seed. The layout of the card is written out here, from
the same public facts as the rest of the simulator and in its own words.
"""

from collections.abc import Callable
from hashlib import sha256
from random import Random
from typing import Any

from readers.base import PinPurpose, SettleReply, SettleRequest
from readers.sim.bank import SimPinPad
from readers.sim.card import VirtualCard
from readers.sim.cipher import diversify, encryptor
from readers.sim.psam import VirtualPSAM
from readers.sim.settings import DEFAULT, SimSettings, known_version
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import BankAccount
from sbcard_core.messages import message

_KEYS = ("IRK", "RK_SSSE", "UK_SSSE", "DLK", "DPK", "DTK")
_CITY = "430100"
_FACTOR = bytes.fromhex("8660140700000001")
_INITIAL_PIN, _PIN = "123456", "246810"


def _record(tag: int, value: bytes) -> str:
    return (bytes((tag, len(value))) + value).hex()


def _text(value: str, length: int) -> bytes:
    text = value.encode("gb18030")
    if len(text) > length:
        raise InvalidValue(message("readers.sim.name", most=length), step="sim.desk", term="姓名")
    return text.ljust(length, b"\x00")


def _card_key(root: bytes, city: bytes) -> bytes:
    return diversify(encryptor(diversify(encryptor(root), city)), _FACTOR)


def _bank_record(account_no: str) -> str:
    """Record 1 of the bank's file: template 70 with tag 5A, digits packed and filled with F."""
    account_no = BankAccount.parse(account_no)
    packed = bytes.fromhex(account_no + "F" * (len(account_no) % 2))
    inner = bytes((0x5A, len(packed))) + packed
    return (bytes((0x70, len(inner))) + inner).hex()


class CashCentre:
    """A medical-insurance centre that pays nothing: every bill is cash."""

    def settle(self, request: SettleRequest) -> SettleReply:
        """Approve; the holder pays all of it."""
        return SettleReply(True, f"S{request.bill.bill_no}", cash_fen=request.bill.amount_fen)


class Desk:
    """Card, PSAM, PIN pad and host link of one visit (模拟柜台).

    Args:
        seed: chooses keys and random numbers; the keys are no secret.
        name: the holder's name, at most 30 bytes of GB 18030.
        version: 规范版本; a card from "3.00" on gives its holder's data to a PSAM only.
        balance_fen: what is in the purse.
        account_no: the bank account on the same chip; "" = a card without the bank's application.
        settings: behaviour of card and PSAM where no source says.

    Raises:
        InvalidValue: a name or balance that no card can hold, what is no account, or no version of the cards.

    Attributes:
        roots: the six root keys by name, for a host that is to check what the card computed.

    Example:
        >>> desk = Desk(seed=1)
        >>> desk.card.transmit(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))[-2:].hex()
        '9000'
    """

    def __init__(
        self,
        seed: int,
        name: str = "张珅",
        *,
        version: str = "2.00",
        balance_fen: int = 0,
        account_no: str = "",
        settings: SimSettings = DEFAULT,
    ) -> None:
        known_version(version)
        self.roots = {key: sha256(f"desk {seed} {key}".encode("ascii")).digest()[:16] for key in _KEYS}
        rng: Callable[[int], bytes] = Random(seed).randbytes  # noqa: S311 - simulated devices, reproducible on purpose
        order = self._order(name, version)
        order["purse"] = {"balance": balance_fen}
        if account_no:
            order["files"]["BANK/EF02"] = [_bank_record(account_no)]
        self.card = VirtualCard(order, rng=rng, settings=settings)
        self.psam = VirtualPSAM(self.roots, bytes.fromhex(f"{_CITY}000001"), rng=rng, settings=settings)
        new = dict.fromkeys((PinPurpose.NEW, PinPurpose.REPEAT, PinPurpose.VERIFY), _PIN)
        self.pin_pad = SimPinPad({PinPurpose.OLD: _INITIAL_PIN, **new}, self.roots["IRK"])
        self.centre = CashCentre()

    def _order(self, name: str, version: str) -> dict[str, Any]:
        city = f"{_CITY}sx".encode("ascii")
        keys = {key: _card_key(root, city).hex() for key, root in self.roots.items()}
        issuer = bytes.fromhex(_CITY + "D156000005" + "00000001" + "FFFFFFFF")
        card = [
            _record(0x01, issuer),
            _record(0x02, b"3"),
            _record(0x03, version.encode("ascii")),
            _record(0x04, bytes.fromhex(_CITY + "0" * 18)),
            _record(0x05, bytes.fromhex("20140801")),
            _record(0x06, bytes.fromhex("20240801")),
            _record(0x07, b"X00000019"),
        ]
        holder = [
            _record(0x08, b"111111198101011110"),
            _record(0x09, _text(name, 30)),
            _record(0x4E, bytes(20)),
            _record(0x0A, b"1"),
            _record(0x0B, bytes.fromhex("01")),
            _record(0x0C, bytes.fromhex(_CITY)),
            _record(0x0D, bytes.fromhex("19810101")),
        ]
        return {
            "atr": "3B6D0000" + "0081430000" + _FACTOR.hex(),
            "version": version,
            "files": {"SSSE/EF05": card, "SSSE/EF06": holder},
            "initial_pin": _INITIAL_PIN,
            "keys": keys,
        }
