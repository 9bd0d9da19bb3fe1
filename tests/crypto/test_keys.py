"""Keys keep their secret, keep to their usage, and can be wiped."""

import copy
import pickle
from contextlib import suppress
from typing import Any

import pytest
from Crypto.Cipher import DES3
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core.crypto import auth, bulk, diversify, mac, purse
from sbcard_core.crypto.errors import (
    AssumptionNotSet,
    KeyClosed,
    KeyMissing,
    KeyNotPortable,
    KeyRefused,
    MacMismatch,
    WeakKey,
)
from sbcard_core.crypto.keys import Algorithm, KeyUsage, SecretKey, with_odd_parity
from sbcard_core.crypto.keystore import CARD_USAGES, MasterKeys
from sbcard_core.errors import InvalidValue

MATERIAL = bytes.fromhex("11223344556677888877665544332211")


def key(usage: KeyUsage = KeyUsage.IRK, algorithm: Algorithm = Algorithm.TDES) -> SecretKey:
    return SecretKey(MATERIAL, usage, algorithm)


def test_nothing_shows_the_material() -> None:
    secret = key()
    shown = f"{secret!r} {secret} {secret.kcv} {MasterKeys({KeyUsage.IRK: secret})!r}".lower()
    assert "1122" not in shown
    assert "8877" not in shown


@pytest.mark.parametrize("leave", [pickle.dumps, copy.copy, copy.deepcopy])
def test_a_key_does_not_travel(leave: object) -> None:
    with pytest.raises(KeyNotPortable):
        leave(key())  # type: ignore[operator]


def test_close_wipes_in_place() -> None:
    secret = key()
    inside = secret._material
    view = bytes(inside)
    secret.close()
    secret.close()
    assert view == MATERIAL
    assert inside == bytes(16)
    for use in (secret.material, lambda: secret.kcv, lambda: diversify.derive(secret, bytes(8))):
        with pytest.raises(KeyClosed):
            use()


@pytest.mark.parametrize(("size", "algorithm"), [(0, "3DES"), (7, "3DES"), (17, "3DES"), (8, "SM4"), (24, "SM4")])
def test_lengths(size: int, algorithm: str) -> None:
    with pytest.raises(KeyRefused):
        SecretKey(bytes(size), KeyUsage.MAC, Algorithm(algorithm))


@given(st.binary(max_size=24))
@settings(max_examples=50)
def test_parity_touches_the_lowest_bit_only(material: bytes) -> None:
    made = with_odd_parity(material)
    assert all(byte.bit_count() % 2 == 1 for byte in made)
    assert [byte >> 1 for byte in made] == [byte >> 1 for byte in material]


@given(st.lists(st.binary(min_size=8, max_size=8), max_size=20))
@settings(max_examples=30)
def test_bulk_derivation_is_another_librarys_in_order(factors: list[bytes]) -> None:
    """The factor and its complement, enciphered under the master key."""
    for algorithm in (Algorithm.TDES, Algorithm.SM4):
        master = key(algorithm=algorithm)
        material = bytes(master.material())
        cipher = DES3.new(material, DES3.MODE_ECB) if algorithm is Algorithm.TDES else None
        sm4 = Cipher(algorithms.SM4(material), modes.ECB()).encryptor()
        both = [factor + bytes(byte ^ 0xFF for byte in factor) for factor in factors]
        expected = [cipher.encrypt(one) if cipher else sm4.update(one) for one in both]
        assert diversify.derive_many(master, b"".join(factors)) == b"".join(expected)
        assert [diversify.derive(master, factor).material() for factor in factors] == expected


def test_derivation_refuses_the_wrong_usage() -> None:
    with pytest.raises(KeyRefused):
        diversify.derive_many(key(), bytes(8), usage=KeyUsage.DTK)
    assert diversify.derive_many(key(), bytes(8), usage=key().usage) == diversify.derive_many(key(), bytes(8))
    with pytest.raises(KeyRefused):
        diversify.derive_many(SecretKey(bytes(8), key().usage), bytes(8))
    with pytest.raises(InvalidValue):
        diversify.derive_path(key(), [])


@pytest.mark.parametrize("wrong", [False, True])
def test_masters_packed_for_a_call_are_wiped_after_it(monkeypatch: pytest.MonkeyPatch, wrong: bool) -> None:
    kept: list[Any] = []
    true_pack, true_path = bulk.pack_keys, diversify._path

    def pack_keys(*arguments: Any, **how: Any) -> Any:
        packed = true_pack(*arguments, **how)
        kept.append(packed[1])
        return packed

    def path(*arguments: Any) -> Any:
        assert any(bytes(kept[-1].data))
        if wrong:
            raise KeyRefused("the kernel refuses")
        return true_path(*arguments)

    monkeypatch.setattr(bulk, "pack_keys", pack_keys)
    monkeypatch.setattr(diversify, "_path", path)
    masters = [key(), SecretKey(bytes(range(16)), key().usage)]
    with suppress(KeyRefused):
        diversify.diversify_many(masters, [bytes(8), bytes(8)], levels=1)
    assert not any(bytes(kept[-1].data))


def test_simulation_keys_are_marked_and_differ() -> None:
    with MasterKeys.simulation(1) as one, MasterKeys.simulation(2) as two:
        assert one.is_test
        assert one.get(KeyUsage.DTK).kcv != two.get(KeyUsage.DTK).kcv
        assert len({one.get(usage).kcv for usage in CARD_USAGES}) == len(CARD_USAGES)
        city = one.city(KeyUsage.DTK, "430100")
        assert city is one.city(KeyUsage.DTK, "430100")
        assert city.material() == diversify.derive(one.get(KeyUsage.DTK), b"430100sx").material()
    with pytest.raises(KeyClosed):
        city.material()


def test_the_store_refuses_misfiled_and_missing_keys() -> None:
    with pytest.raises(KeyRefused):
        MasterKeys({KeyUsage.DLK: key(KeyUsage.DPK)})
    with pytest.raises(KeyMissing):
        MasterKeys({}).city(KeyUsage.DTK, "430100")


def test_unknown_rules_are_refused_until_set() -> None:
    with pytest.raises(AssumptionNotSet):
        auth.cryptogram(key(), bytes(8), bytes(8))
    sm4 = key(algorithm=Algorithm.SM4)
    with pytest.raises(AssumptionNotSet):
        auth.cryptogram(sm4, bytes(8), bytes(8), rules=auth.SAMPLE)
    with pytest.raises(AssumptionNotSet):
        auth.cryptogram(sm4, bytes(8), bytes(8), rules=auth.AuthRules(auth.ProcessKeyRule.ENCRYPT_8))
    set_both = auth.AuthRules(auth.ProcessKeyRule.DIVERSIFY_16, auth.Sm4Reduction.XOR_HALVES)
    assert len(auth.cryptogram(sm4, bytes(8), bytes(8), rules=set_both)) == 8


def test_the_two_process_rules_differ_and_both_depend_on_all_inputs() -> None:
    seen = set()
    for rule in auth.ProcessKeyRule:
        rules = auth.AuthRules(rule)
        for process, original in ((bytes(8), bytes(8)), (b"\x02" * 8, bytes(8)), (bytes(8), b"\x02" * 8)):
            seen.add(auth.cryptogram(key(), process, original, rules=rules))
    assert len(seen) == 6
    with pytest.raises(InvalidValue):
        auth.cryptogram(key(), bytes(7), bytes(8), rules=auth.SAMPLE)


def test_sm4_session_keys_are_refused() -> None:
    with pytest.raises(AssumptionNotSet, match="not public"):
        purse.load_session_key(key(KeyUsage.DLK, Algorithm.SM4), bytes(4), 0)


def test_purchase_session_takes_the_low_half_of_the_terminal_number() -> None:
    sessions = [
        purse.purchase_session_key(key(KeyUsage.DPK), bytes(4), 1, number).material() for number in (2, 0x10002, 3)
    ]
    assert sessions[0] == sessions[1] != sessions[2]


@given(st.lists(st.tuples(st.binary(min_size=16, max_size=16), st.binary(max_size=40)), max_size=8))
@settings(max_examples=30)
def test_bulk_mac_is_the_scalar_one(items: list[tuple[bytes, bytes]]) -> None:
    messages = [message for _, message in items]
    expected = [mac.cbc_mac(material, message) for material, message in items]
    assert mac.cbc_mac_many(b"".join(material for material, _ in items), messages) == expected
    assert mac.cbc_mac_many([SecretKey(material, KeyUsage.MAC) for material, _ in items], messages) == expected


def test_bulk_mac_refuses_a_wrong_count() -> None:
    for keys in (bytes(15), bytes(40), [key()]):
        with pytest.raises(InvalidValue):
            mac.cbc_mac_many(keys, [b"", b""])


def test_mac_comparison() -> None:
    mac.verify(b"1234", b"1234")
    for other in (b"1235", b"123", b""):
        with pytest.raises(MacMismatch):
            mac.verify(b"1234", other)


def test_zero_padding_is_not_iso_padding() -> None:
    assert mac.pad_zero(b"") == bytes(8)
    assert mac.pad_iso2(b"") == b"\x80" + bytes(7)
    assert mac.cbc_mac(bytes(8), b"a", padding=1) == mac.cbc_mac(bytes(8), b"a\x00", padding=1)
    assert mac.cbc_mac(bytes(8), b"a") != mac.cbc_mac(bytes(8), b"a\x00")


HALVES = st.binary(min_size=8, max_size=8)


@given(HALVES, HALVES, HALVES, st.integers(0, 0xFFFFFF))
def test_a_master_key_of_single_des_strength_is_refused(one: bytes, two: bytes, three: bytes, parity: int) -> None:
    """Whatever its parity bits; only where its parts side by side are equal, as then two of the three steps cancel."""

    def flipped(material: bytes) -> bytes:
        return bytes(byte ^ (parity >> at & 1) for at, byte in enumerate(material))

    same = [part.translate(bytes(byte & 0xFE for byte in range(256))) for part in (one, two, three)]
    for parts, equal in (
        ((one, one), True),
        ((one, two), same[0] == same[1]),
        ((one, one, three), True),
        ((one, three, three), True),
        ((one, two, one), same[0] == same[1]),
        ((one, two, three), same[0] == same[1] or same[1] == same[2]),
    ):
        for usage in (KeyUsage.IRK, KeyUsage.DTK, KeyUsage.TRANSPORT):
            made = SecretKey(flipped(b"".join(parts)), usage)
            if equal:
                with pytest.raises(WeakKey) as refused:
                    MasterKeys({usage: made})
                assert one.hex() not in str(refused.value).lower()
            else:
                MasterKeys({usage: made})
            assert MasterKeys({usage: made}, is_test=True).is_test
    components = [flipped(one + one), bytes(range(16))[::-1], bytes(range(16))[::-1]]
    with pytest.raises(KeyRefused):
        SecretKey.from_components(components, KeyUsage.IRK)


def test_other_ciphers_and_single_des_keys_of_hosts_have_equal_parts_or_none() -> None:
    for material, algorithm in ((b"A" * 16, Algorithm.SM4), (b"A" * 32, Algorithm.AES), (b"A" * 8, Algorithm.TDES)):
        assert list(MasterKeys({KeyUsage.MAC: SecretKey(material, KeyUsage.MAC, algorithm)})) == [KeyUsage.MAC]
