"""A stock of virtual cards as arrays: the data of many is built at once, a card only when it is put in a reader.

Holders are made up. The arithmetic of the numbers is written out here, from the same public facts as the rest of
the simulator and in its own words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt

from readers.sim.card import VirtualCard
from readers.sim.cipher import diversify, encryptor
from readers.sim.psam import VirtualPSAM
from readers.sim.settings import DEFAULT, SimSettings, known_version
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message

Bytes = npt.NDArray[np.uint8]

KEY_NAMES = ("IRK", "RK_SSSE", "UK_SSSE", "DLK", "DPK", "DTK")
EF05_RECORDS = ((0x01, 16), (0x02, 1), (0x03, 4), (0x04, 12), (0x05, 4), (0x06, 4), (0x07, 9))
"""Tag and length of each record of EF05 (card data), in order."""
EF06_RECORDS = ((0x08, 18), (0x09, 30), (0x4E, 20), (0x0A, 1), (0x0B, 1), (0x0C, 3), (0x0D, 4))
"""Tag and length of each record of EF06 (holder) of generations 2 and 3, in order."""

_WEIGHTS_18 = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2])
_CHECK_18 = np.frombuffer(b"10X98765432", np.uint8)
_WEIGHTS_CARD = np.array([3, 7, 9, 10, 5, 8, 4, 2])
_CHECK_CARD = np.frombuffer(b"0123456789X", np.uint8)
_FAMILY = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红梅玲珅喆"


def _digits(values: npt.NDArray[np.int64], width: int) -> Bytes:
    """Decimal digits as ASCII, n × width."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (values[:, None] // powers % 10 + 48).astype(np.uint8)


def _packed(digits: Bytes) -> Bytes:
    """ASCII digits two to a byte."""
    return ((digits[:, ::2] - 48) << 4 | (digits[:, 1::2] - 48)).astype(np.uint8)


def _citizen_numbers(city: str, birth: Bytes, order: npt.NDArray[np.int64]) -> Bytes:
    area = np.frombuffer(city.encode("ascii"), np.uint8)
    body = np.concatenate([np.broadcast_to(area, (len(birth), 6)), birth, _digits(order, 3)], axis=1)
    check = _CHECK_18[(body.astype(np.int64) - 48) @ _WEIGHTS_18 % 11]
    return np.concatenate([body, check[:, None]], axis=1)


def _card_numbers(letter: str, serial: npt.NDArray[np.int64]) -> Bytes:
    """One letter, seven digits and the check character of GB 11714."""
    digits = _digits(serial, 7)
    values = np.concatenate([np.full((len(serial), 1), ord(letter) - 55), digits.astype(np.int64) - 48], axis=1)
    check = _CHECK_CARD[(11 - values @ _WEIGHTS_CARD % 11) % 11]
    return np.concatenate([np.full((len(serial), 1), ord(letter), np.uint8), digits, check[:, None]], axis=1)


def _names(rng: np.random.Generator, count: int) -> Bytes:
    """Two or three characters in GB 18030, filled with 00 to 30 bytes."""
    family = np.frombuffer(_FAMILY.encode("gb18030"), np.uint8).reshape(-1, 2)
    given = np.frombuffer(_GIVEN.encode("gb18030"), np.uint8).reshape(-1, 2)
    out = np.zeros((count, 30), np.uint8)
    out[:, 0:2] = family[rng.integers(0, len(family), count)]
    out[:, 2:4] = given[rng.integers(0, len(given), count)]
    third = rng.random(count) < 0.8
    out[third, 4:6] = given[rng.integers(0, len(given), int(third.sum()))]
    return out


def _records(layout: tuple[tuple[int, int], ...], values: list[Bytes | bytes], count: int) -> Bytes:
    """Records one after the other: tag, length, value."""
    out = np.empty((count, sum(length + 2 for _, length in layout)), np.uint8)
    at = 0
    for (tag, length), value in zip(layout, values, strict=True):
        out[:, at], out[:, at + 1] = tag, length
        out[:, at + 2 : at + 2 + length] = np.frombuffer(value, np.uint8) if isinstance(value, bytes) else value
        at += length + 2
    return out


@dataclass(frozen=True, slots=True, repr=False)
class CardStock:
    """The cards of a made-up town (模拟卡库).

    Attributes:
        ef05, ef06: n rows of records one after the other, as :data:`EF05_RECORDS` and :data:`EF06_RECORDS` say.
        factors: n × 8, the last bytes of each ATR.
        city: issuing region, 6 digits.
        roots: root keys by name; they are no secret.

    Example:
        >>> stock = CardStock.made_up(1000, seed=7)
        >>> stock.ef05.shape, stock.ef06.shape, len(stock)
        ((1000, 64), (1000, 91), 1000)
        >>> card = stock.card(999)
        >>> card.transmit(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))[-2:].hex()
        '9000'
    """

    ef05: Bytes
    ef06: Bytes
    factors: Bytes
    city: str
    roots: dict[str, bytes]
    seed: int

    @classmethod
    def made_up(cls, count: int, *, seed: int, city: str = "430100", version: str = "2.00") -> "CardStock":
        """Build the data of ``count`` cards, at most 10 million.

        Raises:
            InvalidValue: more cards than card numbers of one letter, a region that is not 6 digits, or no version of
                the cards.
        """
        known_version(version)
        if not 0 <= count <= 10**7 or len(city) != 6 or not (city.isascii() and city.isdigit()):
            raise InvalidValue(message("readers.sim.stock"), step="sim.stock")
        rng = np.random.default_rng(seed)
        serial = np.arange(count, dtype=np.int64)
        day = np.datetime64("1940-01-01") + rng.integers(0, 27_000, count)
        months = day.astype("datetime64[M]")
        birth = _digits(
            (months.astype(np.int64) // 12 + 1970) * 10_000
            + (months.astype(np.int64) % 12 + 1) * 100
            + (day - months).astype(np.int64)
            + 1,
            8,
        )
        order = rng.integers(0, 996, count)
        low = (serial & 0xFFFFFFFF).astype(">u4").view(np.uint8).reshape(-1, 4)
        region = np.frombuffer(bytes.fromhex(city), np.uint8)
        card_code = np.concatenate(
            [
                np.broadcast_to(np.frombuffer(bytes.fromhex(city + "D156000005"), np.uint8), (count, 8)),
                low,
                np.full((count, 4), 0xFF, np.uint8),
            ],
            axis=1,
        )
        ef05 = _records(
            EF05_RECORDS,
            [card_code, b"3", version.encode("ascii"), bytes.fromhex(city + "0" * 18), bytes.fromhex("20140801"),
             bytes.fromhex("20240801"), _card_numbers("X", serial)],
            count,
        )  # fmt: skip
        sex = np.where(order % 2 == 1, ord("1"), ord("2")).astype(np.uint8)[:, None]
        ef06 = _records(
            EF06_RECORDS,
            [_citizen_numbers(city, birth, order), _names(rng, count), bytes(20), sex, b"\x01",
             np.broadcast_to(region, (count, 3)), _packed(birth)],
            count,
        )  # fmt: skip
        maker = np.broadcast_to(np.frombuffer(bytes.fromhex("86601407"), np.uint8), (count, 4))
        roots = {name: sha256(f"stock {seed} {name}".encode("ascii")).digest()[:16] for name in KEY_NAMES}
        return cls(ef05, ef06, np.concatenate([maker, low], axis=1), city, roots, seed)

    def __len__(self) -> int:
        return len(self.ef05)

    def card(self, index: int, *, balance_fen: int = 0, settings: SimSettings = DEFAULT) -> VirtualCard:
        """Make one card; its keys are derived now. Initial PIN 123456."""
        factor = self.factors[index].tobytes()
        order: dict[str, Any] = {
            "atr": "3B6D0000" + "0081430000" + factor.hex(),
            "version": self.ef05[index, 23:27].tobytes().decode("ascii"),
            "files": {
                "SSSE/EF05": _cut(self.ef05[index].tobytes(), EF05_RECORDS),
                "SSSE/EF06": _cut(self.ef06[index].tobytes(), EF06_RECORDS),
            },
            "initial_pin": "123456",
            "purse": {"balance": balance_fen},
            "keys": {name: self._card_key(root, factor).hex() for name, root in self.roots.items()},
        }
        return VirtualCard(order, rng=self._rng(index), settings=settings)

    def index_of(self, card_no: str) -> int:
        """Place of a card number, -1 where there is none."""
        wanted = np.frombuffer(card_no.encode("ascii", "replace").ljust(9)[:9], np.uint8)
        found = np.flatnonzero((self.ef05[:, -9:] == wanted).all(axis=1))
        return int(found[0]) if len(found) else -1

    def psam(self, number: int = 1, *, settings: SimSettings = DEFAULT) -> VirtualPSAM:
        """A PSAM that trusts these cards."""
        terminal_no = bytes.fromhex(f"{self.city}{number:06d}")
        return VirtualPSAM(self.roots, terminal_no, rng=self._rng(-number), settings=settings)

    def _card_key(self, root: bytes, factor: bytes) -> bytes:
        city = diversify(encryptor(root), f"{self.city}sx".encode("ascii"))
        return diversify(encryptor(city), factor)

    def _rng(self, index: int) -> Callable[[int], bytes]:
        return Random(f"{self.seed} {index}").randbytes  # noqa: S311 - simulated devices, reproducible on purpose


def _cut(row: bytes, layout: tuple[tuple[int, int], ...]) -> list[str]:
    """The records of one row, in hex."""
    out, at = [], 0
    for _, length in layout:
        out.append(row[at : at + length + 2].hex())
        at += length + 2
    return out
