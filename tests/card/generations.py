"""Cards of every generation with all their files and keys, PSAM and key holder, and a session with them."""

import random
from datetime import datetime
from typing import Any

import pytest

from readers.sim.card import VirtualCard
from readers.sim.psam import VirtualPSAM
from readers.sim.settings import FileAccess, SimSettings
from sbcard_core.card import values as card_values
from sbcard_core.card.errors import (
    PinLocked,
    PinWrong,
)
from sbcard_core.card.personalize import CardRequest, order_lines
from sbcard_core.card.profile import Profile
from sbcard_core.card.profiles.v2 import SAMPLE, V2
from sbcard_core.card.session import CardSession
from sbcard_core.crypto import auth, diversify
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.crypto.software_holder import SoftwareKeyHolder

KEYS = MasterKeys.simulation(2012)
TERMINAL = bytes.fromhex("430100000001")
AT = datetime(2014, 7, 31, 10, 20, 30)  # noqa: DTZ001 - terminals keep local time
FACTOR = bytes.fromhex("8660140731000001")
PATH = [diversify.city_factor("430100"), FACTOR]
CARD_USAGES = ("IRK", "RK_SSSE", "UK_SSSE", "DLK", "DPK", "DTK", "RPK", "STK", "RK", "UK")
NAME = "阿卜杜拉·买买提江·古丽巴哈尔"
REQUEST = CardRequest(
    1,
    "X00000019",
    "430100",
    bytes(4),
    FACTOR,
    "111111198101011110",
    NAME,
    "2",
    "05",
    "19810101",
    "20140804",
    "20240804",
)
MORE = {
    "DF01/EF06": {"residence_address": "长沙市岳麓区珅路7号", "residence_area": "430104", "phone": "13800000000"},
    "DF04/EF06": {"tag_90": "1", "tag_92": 123456, "tag_93": "01"},
    "DF03/EF07": {"tag_70": "001", "tag_71": "430104"},
}
PHOTO = bytes(range(256)) * 2 + b"end"


def make_card(profile: Profile = V2, *, keys: MasterKeys = KEYS, algorithm: int = 0, **settings: Any) -> VirtualCard:
    """A card of a generation, with application files and every key, as its factory would make it."""
    line = next(order_lines([REQUEST], keys, keys.get(KeyUsage.TRANSPORT), profile=profile))
    if profile.generation == "1":
        line["files"]["SSSE/EF06"] = [r for r in line["files"]["SSSE/EF06"] if not r.startswith("4E")]
    for path, values in MORE.items():
        if profile.generation != "1":
            line["files"][path] = [record.hex() for record in card_values.encode_file(V2.file(path), values)]
    line["files"]["SSSE/EF08"] = [PHOTO.hex()]
    line["keys"] = {
        name: diversify.derive_path(keys.get(KeyUsage(name)), PATH).material().hex() for name in CARD_USAGES
    }
    made = SimSettings(algorithm=algorithm, **{"access": FileAccess.OPEN, **settings})
    return VirtualCard(line, rng=random.Random(1).randbytes, settings=made)


def make_psam(**settings: Any) -> VirtualPSAM:
    roots = {name: KEYS.get(KeyUsage(name)).material() for name in ("IRK", "RK_SSSE", "UK_SSSE", "DPK")}
    return VirtualPSAM(roots, TERMINAL, rng=random.Random(2).randbytes, settings=SimSettings(**settings))


def make_holder(keys: MasterKeys = KEYS) -> SoftwareKeyHolder:
    return SoftwareKeyHolder(keys, simulator=True, auth_rules=auth.SAMPLE)


def open_session(card: object, *, profile: Profile = SAMPLE, **how: Any) -> CardSession:
    return CardSession(card, profile=profile, rng=random.Random(3).randbytes, **how)  # type: ignore[arg-type]


def lock(card: VirtualCard) -> None:
    for left in (2, 1, 0):
        with pytest.raises((PinWrong, PinLocked)):
            open_session(card).verify_pin("999999")
        if left:
            assert open_session(card).pin_tries() == left
    assert open_session(card).pin_tries() == 0
