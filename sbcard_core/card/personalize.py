"""Personalisation orders (制卡订单): one line per card with its files, its keys and their check values.

Keys are derived for the whole batch in one cipher context per usage, and leave
only encrypted under the transport key.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sbcard_core.card import text
from sbcard_core.card.errors import RecordMalformed
from sbcard_core.card.identification import make_atr, make_code
from sbcard_core.card.layout import layout
from sbcard_core.card.profile import Profile
from sbcard_core.card.profiles.v2 import V2
from sbcard_core.crypto.cipher import ecb_encrypt
from sbcard_core.crypto.diversify import derive_many
from sbcard_core.crypto.errors import KeyRefused
from sbcard_core.crypto.keys import Algorithm, KeyUsage, SecretKey, kcv_many
from sbcard_core.crypto.keystore import CARD_USAGES, MasterKeys
from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.messages import message

KEY_BYTES = 16
Day = dt.date | str
"""A date, or its text as YYYYMMDD or YYYY-MM-DD."""


@dataclass(frozen=True, slots=True)
class CardRequest:
    """One card to be made.

    Args:
        order_line: 1-based line in the order file.
        card_no: 卡号, 9 characters.
        city: issuing city, 6 digits; the keys are derived by it.
        serial: 4 bytes of the identification code.
        factor: 8 bytes, the card's diversification factor and the end of its ATR.
        birthplace: 6 digits; empty takes the first 6 of a citizen number (assumed: place of first registration).
        issuer: 初始化机构编号, up to 24 digits; empty takes the city filled with zeros (assumed).
    """

    order_line: int
    card_no: str
    city: str
    serial: bytes
    factor: bytes
    id_number: str = field(repr=False)
    name: str = field(repr=False)
    sex: str
    ethnicity: str
    birth_date: Day = field(repr=False)
    issued_on: Day
    expires_on: Day
    birthplace: str = ""
    issuer: str = ""


Refusal = Callable[[CardRequest, InvalidValue], None]
"""Called once per request that can't be made into a card."""


def _day(value: Day) -> str:
    return value.replace("-", "") if isinstance(value, str) else f"{value:%Y%m%d}"


def _birthplace(id_number: str) -> str:
    """First six digits of a citizen number; nothing for the numbers of foreigners, which begin with letters."""
    return id_number[:6] if id_number[:6].isdigit() else ""


def _values(card: CardRequest, profile: Profile) -> dict[str, str]:
    return {
        "identification_code": make_code(card.city, card.serial),
        "card_class": profile.card_class,
        "version": profile.version,
        "issuer": card.issuer or card.city.ljust(24, "0"),
        "issued_on": _day(card.issued_on),
        "expires_on": _day(card.expires_on),
        "card_no": card.card_no,
        "id_number": card.id_number,
        "name": card.name,
        "sex": card.sex,
        "ethnicity": card.ethnicity,
        "birthplace": card.birthplace or _birthplace(card.id_number),
        "birth_date": _day(card.birth_date),
    }


def card_files(card: CardRequest, profile: Profile = V2) -> dict[str, list[str]]:
    """Lay out one card's files as hex records.

    Raises:
        InvalidValue: a value does not fit its record (``RecordMalformed``), or serial, factor, region are wrong.
    """
    if len(card.factor) != 8:
        raise InvalidValue(message("cards.order.factor"), step="card.personalize", term="分散因子")
    if len(text.strip(text.to_bytes(card.card_no))) != 9:
        raise RecordMalformed(message("cards.order.card_no"), step="card.personalize", term="卡号")
    files = layout(profile, _values(card, profile))
    return {path: [record.hex().upper() for record in records] for path, records in files.items()}


def _card_keys(cards: Sequence[CardRequest], keys: MasterKeys) -> dict[KeyUsage, bytes]:
    """Derive n × 16 bytes per usage, in the order of the cards, whatever cities they belong to."""
    places: dict[str, list[int]] = {}
    for i, card in enumerate(cards):
        places.setdefault(card.city, []).append(i)
    out = {}
    for usage in CARD_USAGES:
        buffer = bytearray(KEY_BYTES * len(cards))
        for city, indexes in places.items():
            derived = derive_many(keys.city(usage, city), b"".join(cards[i].factor for i in indexes), usage=usage)
            if len(places) == 1:
                buffer[:] = derived
                continue
            for at, i in enumerate(indexes):
                buffer[KEY_BYTES * i : KEY_BYTES * (i + 1)] = derived[KEY_BYTES * at : KEY_BYTES * (at + 1)]
        out[usage] = bytes(buffer)
    return out


def _sort_out(
    cards: Sequence[CardRequest], profile: Profile, on_refused: Refusal | None
) -> tuple[list[CardRequest], list[dict[str, list[str]]]]:
    good, files = [], []
    for card in cards:
        try:
            laid = card_files(card, profile)
        except InvalidValue as error:
            if on_refused is None:
                raise Refused(
                    message("cards.order.line", line=card.order_line, why=error.message or error.what),
                    step="card.personalize",
                    term="制卡订单",
                ) from None
            on_refused(card, error)
            continue
        good.append(card)
        files.append(laid)
    return good, files


def order_lines(
    cards: Sequence[CardRequest],
    keys: MasterKeys,
    transport: SecretKey,
    *,
    profile: Profile = V2,
    on_refused: Refusal | None = None,
) -> Iterator[dict[str, Any]]:
    """Make the lines of a personalisation order, one JSON-ready mapping per card, order kept.

    Args:
        cards: one batch (a file's worth: keys of the whole batch are in memory at once).
        keys: the issuer's master keys.
        transport: the 16-byte 3DES key shared with the personaliser.
        profile: the generation; its first initial PIN goes on every card.
        on_refused: called for each card whose data don't fit; without it such a card refuses the whole order.

    Returns:
        Lines with ``order_line card_no atr city version files purse initial_pin keys kcv``. Keys are 3DES-ECB under
        ``transport``, hex; check values are of the clear card keys.

    Raises:
        Refused: a card's data don't fit and ``on_refused`` is not given; nothing has been made.
        KeyRefused: ``transport`` is not a 3DES transport key.

    Source: the record layouts as in the profile; the order line's own form is this library's.

    Example:
        >>> card = CardRequest(1, "X00000019", "430100", bytes(4), bytes.fromhex("8660010203040506"),
        ...                    "111111198101011110", "张三", "1", "01", "1981-01-01", "20140801", "20240801")
        >>> with MasterKeys.simulation(1) as keys:
        ...     line = next(order_lines([card], keys, keys.get(KeyUsage.TRANSPORT)))
        >>> line["card_no"], line["files"]["SSSE/EF05"][6], sorted(line["keys"])
        ('X00000019', '0709583030303030303139', ['DLK', 'DPK', 'DTK', 'IRK', 'RK_SSSE', 'UK_SSSE'])
    """
    if transport.usage is not KeyUsage.TRANSPORT or transport.algorithm is not Algorithm.TDES:
        raise KeyRefused(message("cards.order.transport", usage=transport.usage.value), step="card.personalize")
    good, files = _sort_out(cards, profile, on_refused)
    return _lines(good, files, _card_keys(good, keys), transport, profile)


def _lines(
    cards: Sequence[CardRequest],
    files: Sequence[dict[str, list[str]]],
    clear: dict[KeyUsage, bytes],
    transport: SecretKey,
    profile: Profile,
) -> Iterator[dict[str, Any]]:
    wrapped = {usage.value: ecb_encrypt(transport, material).hex().upper() for usage, material in clear.items()}
    check = {usage.value: kcv_many(material) for usage, material in clear.items()}
    clear.clear()
    names = tuple(wrapped)
    initial_pin = profile.initial_pins[0]
    for i, card in enumerate(cards):
        start, end = 32 * i, 32 * i + 32
        yield {
            "order_line": card.order_line,
            "card_no": card.card_no,
            "atr": make_atr(card.factor).hex().upper(),
            "city": card.city,
            "version": profile.version,
            "files": files[i],
            "purse": {"balance": 0},
            "initial_pin": initial_pin,
            "keys": {name: wrapped[name][start:end] for name in names},
            "kcv": {name: check[name][i] for name in names},
        }
