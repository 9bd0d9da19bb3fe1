"""Authentication and PIN of the virtual card, against keys derived by the host's own code."""

from collections.abc import Callable

import pytest

from apdu import instructions as iso
from readers.sim.card import VirtualCard
from readers.sim.settings import ProcessKeyRule, SimSettings
from sbcard_core.crypto import auth
from sbcard_core.crypto.diversify import city_factor, derive_path
from sbcard_core.crypto.keys import KeyUsage, SecretKey
from sbcard_core.crypto.keystore import MasterKeys

FACTOR = bytes.fromhex("8660140700000001")
ORIGINAL = bytes.fromhex("1122334455667788")


def card_key(keys: MasterKeys, usage: KeyUsage) -> SecretKey:
    return derive_path(keys.get(usage), [city_factor("430100"), FACTOR])


def sw(card: VirtualCard, command: bytes) -> str:
    return card.transmit(command)[-2:].hex().upper()


@pytest.fixture
def in_ssse(card: VirtualCard) -> VirtualCard:
    assert sw(card, iso.select_aid(iso.SSSE_AID).encode()) == "9000"
    return card


@pytest.mark.parametrize("rule", list(ProcessKeyRule))
def test_internal_authentication_agrees_with_the_host(
    make_card: Callable[..., VirtualCard], master_keys: MasterKeys, rule: ProcessKeyRule
) -> None:
    card = make_card(SimSettings(process_key_rule=rule))
    process = bytes(range(8))
    answer = card.transmit(iso.internal_authenticate(process, ORIGINAL).encode())
    rules = auth.AuthRules(process_key=auth.ProcessKeyRule(rule.value))
    expected = auth.cryptogram(card_key(master_keys, KeyUsage.IRK), process, ORIGINAL, rules=rules)
    assert answer == expected + b"\x90\x00"


def external(card: VirtualCard, keys: MasterKeys, kid: int, process: bytes, *, damage: int = 0) -> str:
    usage = {0x0A: KeyUsage.RK_SSSE, 0x04: KeyUsage.UK_SSSE}[kid]
    cipher = auth.cryptogram(card_key(keys, usage), process, ORIGINAL, rules=auth.SAMPLE)
    cipher = bytes([cipher[0] ^ damage]) + cipher[1:]
    return sw(card, iso.external_authenticate(kid, cipher, ORIGINAL).encode())


def challenge(card: VirtualCard) -> bytes:
    return card.transmit(iso.get_challenge().encode())[:-2]


def test_only_the_most_recent_challenge_counts_and_only_once(in_ssse: VirtualCard, master_keys: MasterKeys) -> None:
    first = challenge(in_ssse)
    second = challenge(in_ssse)
    assert first != second
    assert external(in_ssse, master_keys, 0x0A, first) == "63C2"
    second = challenge(in_ssse)
    assert external(in_ssse, master_keys, 0x0A, second) == "9000"
    assert external(in_ssse, master_keys, 0x0A, second) == "6984"


def test_no_challenge_or_a_short_one_is_6984(in_ssse: VirtualCard, master_keys: MasterKeys) -> None:
    assert external(in_ssse, master_keys, 0x0A, bytes(8)) == "6984"
    in_ssse.transmit(iso.get_challenge(4).encode())
    assert external(in_ssse, master_keys, 0x0A, bytes(8)) == "6984"


def test_key_is_blocked_after_its_tries_and_stays_so_after_reset(in_ssse: VirtualCard, master_keys: MasterKeys) -> None:
    answers = [external(in_ssse, master_keys, 0x0A, challenge(in_ssse), damage=1) for _ in range(4)]
    assert answers == ["63C2", "63C1", "63C0", "6983"]
    in_ssse.reset()
    assert external(in_ssse, master_keys, 0x0A, challenge(in_ssse)) == "6983"
    assert external(in_ssse, master_keys, 0x04, challenge(in_ssse)) == "9000"


def test_unknown_key_reference(in_ssse: VirtualCard) -> None:
    challenge(in_ssse)
    assert sw(in_ssse, iso.external_authenticate(0x0B, bytes(8), bytes(8)).encode()) == "6A88"


def test_a_key_version_byte_behind_is_accepted(in_ssse: VirtualCard, master_keys: MasterKeys) -> None:
    process = challenge(in_ssse)
    cipher = auth.cryptogram(card_key(master_keys, KeyUsage.RK_SSSE), process, ORIGINAL, rules=auth.SAMPLE)
    assert sw(in_ssse, bytes.fromhex("0082000A11") + cipher + ORIGINAL + b"\x00") == "9000"


def test_update_after_the_update_key_and_not_after_the_read_key(in_ssse: VirtualCard, master_keys: MasterKeys) -> None:
    write = iso.update_record_by_id(0x0A, bytes.fromhex("0A0132"), sfi=6).encode()
    assert external(in_ssse, master_keys, 0x0A, challenge(in_ssse)) == "9000"
    assert sw(in_ssse, write) == "6982"
    assert external(in_ssse, master_keys, 0x04, challenge(in_ssse)) == "9000"
    assert sw(in_ssse, write) == "9000"
    assert in_ssse.transmit(iso.read_record_by_id(0x0A, sfi=6).encode()).hex() == "0a01329000"
    assert sw(in_ssse, iso.update_record_by_id(0x0A, bytes.fromhex("0A023132"), sfi=6).encode()) == "6700"
    assert sw(in_ssse, iso.update_record_by_id(0x0A, bytes.fromhex("0B0132"), sfi=6).encode()) == "6A80"


def test_third_generation_card_reads_ef06_after_the_read_key(
    make_card: Callable[..., VirtualCard], master_keys: MasterKeys
) -> None:
    card = make_card(version="3.00")
    card.transmit(iso.select_aid(iso.SSSE_AID).encode())
    assert external(card, master_keys, 0x0A, challenge(card)) == "9000"
    assert sw(card, iso.read_record_by_id(0x08, sfi=6).encode()) == "9000"


def test_pin_counts_down_locks_and_recovers_only_by_the_right_pin(card: VirtualCard) -> None:
    wrong, right = iso.verify_pin("000000").encode(), iso.verify_pin("123456").encode()
    assert [sw(card, wrong), sw(card, wrong), sw(card, right)] == ["63C2", "63C1", "9000"]
    assert sw(card, bytes.fromhex("00200000")) == "63C3"
    assert [sw(card, wrong) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    card.reset()
    assert sw(card, right) == "6983"
    assert sw(card, iso.change_pin("123456", "246813").encode()) == "6983"


def test_change_pin(card: VirtualCard) -> None:
    assert sw(card, iso.change_pin("000000", "246813").encode()) == "63C2"
    assert sw(card, iso.change_pin("123456", "123456").encode()) == "6A80"
    assert sw(card, iso.change_pin("123456", "246813").encode()) == "9000"
    assert sw(card, iso.verify_pin("123456").encode()) == "63C2"
    assert sw(card, iso.verify_pin("246813").encode()) == "9000"
    assert sw(card, iso.change_pin("246813", "123456").encode()) == "6A80"
    assert sw(card, bytes.fromhex("805E010006123456246813")) == "6A80"
    assert sw(card, bytes.fromhex("805E000007246813FF888999")) == "6A86"


def test_odd_pin(card: VirtualCard) -> None:
    assert sw(card, iso.change_pin("123456", "97531").encode()) == "9000"
    assert sw(card, iso.verify_pin("97531").encode()) == "9000"
