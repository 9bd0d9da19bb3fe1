"""Bounds of what keys, PINs, check values and messages may be: what just fits, and what just does not."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from Crypto.Cipher import DES
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.crypto import diversify, kcv, mac, pin_block, purse, tac
from sbcard_core.crypto.cipher import ecb_encrypt
from sbcard_core.crypto.errors import KcvMismatch, KeyRefused
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey
from sbcard_core.crypto.padding import Padding, pad, pad_iso2, pad_zero
from sbcard_core.crypto.rules import PurseRules, Sm4MacRule, Sm4TacRule
from sbcard_core.crypto.tac import TacStatus
from sbcard_core.errors import InvalidValue

KEY = bytes.fromhex("11223344556677888877665544332211")
ACCOUNT = "6217000000000000016"


# --- PIN blocks


@pytest.mark.parametrize("layout", pin_block.LAYOUTS.values(), ids=list(pin_block.LAYOUTS))
@pytest.mark.parametrize("size", [4, 6, 10, 12])
def test_a_pin_of_four_to_twelve_digits_has_a_block(layout: pin_block.PinBlock, size: int) -> None:
    pin = "123456789012"[:size]
    made = pin_block.build(pin, layout, account=ACCOUNT)
    if layout is pin_block.LENGTH_PIN_80:
        body = bytes((size // 2,)) + bytes.fromhex(pin) + b"\x80"
        assert made == body.ljust(-(-len(body) // 8) * 8, b"\x00")
        return
    digits = int(f"{layout.control}{size:X}{pin}".ljust(16, "F"), 16)
    block = (digits ^ (int(ACCOUNT[-13:-1], 16) if layout.account else 0)).to_bytes(8, "big")
    assert made == ((b"\x08" + block + b"\x80").ljust(16, b"\x00") if layout.wrap else block)


@pytest.mark.parametrize("pin", ["123", "1234567890123", "", "12a4", "１２３４", "12 4", "-123", "٤٥٦٧"])
def test_what_is_no_pin_has_none(pin: str) -> None:
    for layout in pin_block.LAYOUTS.values():
        with pytest.raises(InvalidValue, match="4 to 12"):
            pin_block.build(pin, layout, account=ACCOUNT)


def test_an_odd_number_of_digits_is_packed_only_where_they_stand_alone() -> None:
    with pytest.raises(InvalidValue, match="even number"):
        pin_block.build("12345", pin_block.LENGTH_PIN_80)
    assert pin_block.build("12345", pin_block.ISO_2).hex().upper() == "2512345FFFFFFFFF"


@pytest.mark.parametrize(
    ("account", "mask"),
    [("1234567890123", "123456789012"), (ACCOUNT, ACCOUNT[-13:-1]), ("9900000000000", "990000000000")],
)
def test_the_twelve_digits_before_the_check_digit_are_mixed_in(account: str, mask: str) -> None:
    made = int.from_bytes(pin_block.build("1234", pin_block.ISO_0, account=account), "big")
    assert f"{made ^ int('041234FFFFFFFFFF', 16):016X}" == f"0000{mask}"


@pytest.mark.parametrize("account", ["", "123456789012", "123456789012X", "１２３４５６７８９０１２３", "1" * 12 + " "])
def test_what_is_no_account_is_mixed_in_nowhere(account: str) -> None:
    with pytest.raises(InvalidValue, match="account number"):
        pin_block.build("1234", pin_block.ISO_0, account=account)
    assert len(pin_block.build("1234", pin_block.ISO_2, account=account)) == 8


def test_the_keys_cipher_decides_the_block_of_an_encrypted_pin() -> None:
    sm4 = SecretKey(KEY, KeyUsage.ENC, Cipher.SM4)
    clear = pin_block.build("123456", pin_block.LENGTH_PIN_80, block=16)
    for made in (
        pin_block.encrypt(sm4, "123456", pin_block.LENGTH_PIN_80),
        pin_block.encrypt(KEY, "123456", pin_block.LENGTH_PIN_80, cipher=Cipher.SM4),
    ):
        assert made == ecb_encrypt(sm4, clear, algorithm=Cipher.SM4)
    plain = pin_block.build("123456", pin_block.LENGTH_PIN_80)
    assert pin_block.encrypt(KEY, "123456", pin_block.LENGTH_PIN_80) == ecb_encrypt(KEY, plain, algorithm=Cipher.TDES)
    with pytest.raises(InvalidValue, match="whole block"):
        pin_block.encrypt(sm4, "123456", pin_block.ISO_2)


# --- check values


@pytest.mark.parametrize("digits", ["8C", "", "8CA64", "8CA64DE9C1B123A70A", "8CA64G", "８ＣＡ６", "8CA6-4D"])
def test_the_form_of_a_check_value_is_told_from_its_value(digits: str) -> None:
    with pytest.raises(InvalidValue, match="4 to 16") as form:
        kcv.check_kcv(SecretKey(bytes(16), KeyUsage.MAC), digits)
    assert not isinstance(form.value, KcvMismatch)


@pytest.mark.parametrize("size", range(4, 17, 2))
def test_every_even_number_of_digits_from_4_to_16_is_compared(size: int) -> None:
    key = SecretKey(bytes(16), KeyUsage.MAC)
    kcv.check_kcv(key, "8CA64DE9C1B123A7"[:size])
    with pytest.raises(KcvMismatch):
        kcv.check_kcv(key, "8CA64DE9C1B123A7"[: size - 1] + "F")
    with pytest.raises(KcvMismatch):  # all sixteen digits at once are a form too
        kcv.check_kcv(key, "0123456789ABCDEF"[:size])


def test_an_aes_key_has_two_right_check_values_and_others_one() -> None:
    key = SecretKey(bytes(16), KeyUsage.MAC, Cipher.AES)
    kcv.check_kcv(key, "66E94B")
    kcv.check_kcv(key, "763CBC")
    for other in (SecretKey(bytes(16), KeyUsage.MAC), SecretKey(bytes(16), KeyUsage.MAC, Cipher.SM4)):
        with pytest.raises(KcvMismatch):
            kcv.check_kcv(other, "763CBC")


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=9))
def test_check_values_of_many_keys_are_those_of_each(keys: list[bytes]) -> None:
    assert kcv.check_values(b"".join(keys)) == [kcv.check_value(key, None) for key in keys]
    for cut in (1, 8, 15):
        with pytest.raises(KeyRefused):
            kcv.check_values(b"".join(keys) + bytes(cut))


# --- padding


@given(st.binary(max_size=40), st.sampled_from([8, 16]))
def test_paddings_by_their_standard(message: bytes, block: int) -> None:
    """ISO/IEC 9797-1: 1 zeros, an empty message one block of them; 2 one bit and zeros; 3 the length in bits first."""
    zeros = bytes(-len(message) % block)
    assert pad(message, Padding.ZEROS, block) == (message + zeros or bytes(block))
    bit = message + b"\x80"
    assert pad(message, Padding.BIT, block) == bit + bytes(-len(bit) % block)
    assert pad(message, Padding.LENGTH, block) == (8 * len(message)).to_bytes(block, "big") + (
        message + zeros or bytes(block)
    )
    assert (pad(message, Padding.ZEROS), pad(message, Padding.BIT)) == (pad(message, 1, 8), pad(message, 2, 8))
    assert (pad_iso2(message), pad_zero(message)) == (pad(message, Padding.BIT, 8), pad(message, Padding.ZEROS, 8))


@pytest.mark.parametrize("padding", [0, 4, -1])
def test_there_is_no_other_padding(padding: int) -> None:
    with pytest.raises(InvalidValue, match="1, 2 or 3"):
        pad(b"x", padding, 8)


# --- session keys of the purse


LOAD, PURCHASE = SecretKey(KEY, KeyUsage.DLK), SecretKey(KEY, KeyUsage.DPK)


@pytest.mark.parametrize("number", [0, 1, 0xFF, 0x100, 0xFFFF])
def test_numbers_are_two_bytes_and_terminals_numbers_four(number: int) -> None:
    wide = number << 16 | number
    as_bytes = purse.load_session_key(LOAD, bytes(4), number.to_bytes(2, "big"))
    assert purse.load_session_key(LOAD, bytes(4), number) == as_bytes
    made = purse.purchase_session_key(PURCHASE, b"abcd", number, wide)
    assert made == purse.purchase_session_key(PURCHASE, b"abcd", number.to_bytes(2, "big"), wide.to_bytes(4, "big"))
    assert made == purse.purchase_session_key(PURCHASE, b"abcd", number, number)  # the low half alone counts
    block = b"abcd" + number.to_bytes(2, "big") * 2
    assert made.material() == ecb_encrypt(KEY, block)


@pytest.mark.parametrize(
    "call",
    [
        lambda: purse.load_session_key(LOAD, bytes(4), 1 << 16), lambda: purse.load_session_key(LOAD, bytes(4), -1),
        lambda: purse.load_session_key(LOAD, bytes(3), 0), lambda: purse.load_session_key(LOAD, bytes(5), 0),
        lambda: purse.load_session_key(LOAD, bytes(4), bytes(3)), lambda: purse.load_session_key(PURCHASE, bytes(4), 0),
        lambda: purse.purchase_session_key(PURCHASE, bytes(4), 0, 1 << 32),
        lambda: purse.purchase_session_key(PURCHASE, bytes(4), 1 << 16, 0),
        lambda: purse.purchase_session_key(PURCHASE, bytes(4), 0, bytes(5)),
        lambda: purse.purchase_session_key(PURCHASE, bytes(5), 0, 0),
        lambda: purse.purchase_session_key(LOAD, bytes(4), 0, 0),
        lambda: purse.message_mac(LOAD, b""),
        # one byte too many beside one too few: the block would have its eight bytes
        lambda: purse.load_session_key(LOAD, bytes(5), bytes(1)),
        lambda: purse.load_session_key(LOAD, bytes(3), bytes(3)),
        lambda: purse.purchase_session_key(PURCHASE, bytes(5), bytes(1), 0),
        lambda: purse.purchase_session_key(PURCHASE, bytes(5), 0, bytes(3)),
        lambda: purse.purchase_session_key(PURCHASE, bytes(4), bytes(1), bytes(5)),
    ],
)  # fmt: skip
def test_what_does_not_fit_gives_no_session_key(call: Callable[[], Any]) -> None:
    with pytest.raises(InvalidValue):
        call()


def test_the_rules_for_sm4_bind_sm4_only() -> None:
    session = SecretKey(KEY[:8], KeyUsage.SESSION)
    assert purse.message_mac(session, b"m", rules=PurseRules(sm4_mac=Sm4MacRule.FOLD)) == purse.message_mac(
        session, b"m"
    )
    sm4 = SecretKey(KEY, KeyUsage.SESSION, Cipher.SM4)
    folded, left = (purse.message_mac(sm4, b"m", rules=PurseRules(sm4_mac=rule)) for rule in Sm4MacRule)
    assert (len(folded), len(left), folded == left) == (4, 4, False)


# --- MACs


@given(st.binary(max_size=40), st.sampled_from([1, 2, 3]), st.none() | st.binary(min_size=8, max_size=8))
def test_a_retail_mac_is_one_whatever_holds_key_and_message(message: bytes, padding: int, iv: bytes | None) -> None:
    """The short way for plain bytes, and the ways for keys, buffers, paddings and IVs; by DES step by step."""
    padded = pad(message, padding, 8)
    state = iv or bytes(8)
    for at in range(0, len(padded), 8):
        mixed = bytes(a ^ b for a, b in zip(state, padded[at : at + 8], strict=True))
        state = ecb_encrypt(KEY[:8] * 2, mixed)
    last = DES.new(KEY[:8], DES.MODE_ECB).encrypt(DES.new(KEY[8:], DES.MODE_ECB).decrypt(state))
    for key in (KEY, bytearray(KEY), SecretKey(KEY, KeyUsage.MAC)):
        for text in (message, bytearray(message), memoryview(message)):
            for length in (1, 4, 7, 8):
                assert mac.retail_mac(key, text, padding=padding, iv=iv, length=length) == last[:length]


@pytest.mark.parametrize("length", [0, 9, -1, 17])
@pytest.mark.parametrize("key", [KEY, SecretKey(KEY, KeyUsage.MAC)], ids=["bytes", "key"])
def test_a_mac_has_one_byte_to_a_block(key: bytes | SecretKey, length: int) -> None:
    for call in (mac.retail_mac, mac.cbc_mac):
        with pytest.raises(InvalidValue, match="bytes from a block"):
            call(key, b"message", length=length)
    for many in (mac.retail_mac_many, mac.cbc_mac_many):
        with pytest.raises(InvalidValue, match="bytes from a block"):
            many([key], [b"message"], length=length)


@pytest.mark.parametrize("padding", [0, 4])
def test_no_mac_with_another_padding_or_an_iv_of_another_length(padding: int) -> None:
    for call in (mac.retail_mac, mac.cbc_mac):
        with pytest.raises(InvalidValue, match="padding"):
            call(KEY, b"message", padding=padding)
        for size in (0, 7, 9, 16):
            with pytest.raises(InvalidValue, match="IV"):
                call(KEY, b"message", iv=bytes(size))


def test_only_two_keys_of_des_make_a_retail_mac() -> None:
    for key in (KEY[:8], KEY + KEY[:8]):
        with pytest.raises(KeyRefused, match="16-byte"):
            mac.retail_mac(key, b"message")
    with pytest.raises(KeyRefused, match="3DES"):
        mac.retail_mac(SecretKey(KEY, KeyUsage.MAC, Cipher.SM4), b"message")
    with pytest.raises(KeyRefused, match="3DES"):
        mac.retail_mac_many([KEY], [b"message"], cipher=Cipher.SM4)
    with pytest.raises(KeyRefused):
        mac.retail_mac(KEY, b"message", cipher=Cipher.SM4)


@pytest.mark.parametrize("length", [1, 2, 3, 5, 7, 9, 16])
def test_a_folded_mac_has_four_bytes_of_a_block_of_sixteen(length: int) -> None:
    sm4 = SecretKey(KEY, KeyUsage.MAC, Cipher.SM4)
    with pytest.raises(InvalidValue, match="fold"):
        mac.cbc_mac(sm4, b"m", length=length, fold=True)
    with pytest.raises(InvalidValue, match="fold"):
        mac.cbc_mac(KEY, b"m", length=4, fold=True)
    whole = mac.cbc_mac(sm4, b"m", length=16)
    words = [int.from_bytes(whole[at : at + 4], "big") for at in (0, 4, 8, 12)]
    folded = (words[0] ^ words[1] ^ words[2] ^ words[3]).to_bytes(4, "big")
    assert folded == mac.cbc_mac(sm4, b"m", length=4, fold=True) == mac.cbc_mac(sm4, b"m", fold=True)
    assert mac.cbc_mac_many([sm4, sm4], [b"m", b""], length=4, fold=True)[0] == folded
    assert mac.cbc_mac_many([sm4], [b"m"], length=length)[0] == whole[:length]
    for wrong in (whole[:15], whole + b"x", b""):
        with pytest.raises(InvalidValue, match="folded"):
            mac.fold_words(wrong)


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6))
def test_x9_macs_in_bulk_are_those_of_each(messages: list[bytes]) -> None:
    """X9.9 under a single key, X9.19 under two; zeros behind, four bytes; an empty message has none."""
    single = [mac.cbc_mac(KEY[:8], text, padding=1, length=4) for text in messages]
    double = [mac.retail_mac(KEY, text, padding=1, length=4) for text in messages]
    assert [mac.x9_9(KEY[:8], text) for text in messages] == single
    assert [mac.x9_19(KEY, text) for text in messages] == double
    assert mac.x9_9_many([KEY[:8]] * len(messages), messages) == single
    assert mac.x9_19_many([KEY] * len(messages), messages) == double
    for call in (
        lambda: mac.x9_9(KEY[:8], b""), lambda: mac.x9_19(KEY, b""), lambda: mac.x9_9_many([KEY[:8]], [b""]),
        lambda: mac.x9_19_many([KEY], [b""]), lambda: mac.x9_9_many([KEY[:8]], [b"m"], fold=True),
    ):  # fmt: skip
        with pytest.raises(InvalidValue):
            call()
    for key in (KEY, bytearray(KEY), memoryview(KEY), SecretKey(KEY, KeyUsage.MAC)):
        with pytest.raises(KeyRefused, match="single DES"):
            mac.x9_9(key, b"m")
    for key in (bytearray(KEY[:8]), memoryview(KEY[:8]), SecretKey(KEY[:8], KeyUsage.MAC)):
        assert mac.x9_9(key, b"m") == mac.x9_9(KEY[:8], b"m")


# --- diversification


@pytest.mark.parametrize("levels", [1, 2, 8])
@pytest.mark.parametrize("kind", [bytes, bytearray, list, tuple])
def test_paths_of_one_to_eight_levels_in_every_form(levels: int, kind: type) -> None:
    rows = [bytes((at, level)) * 4 for at in range(3) for level in range(levels)]
    wanted = [diversify.diversify(KEY, *rows[at * levels : (at + 1) * levels]) for at in range(3)]
    joined = [b"".join(rows[at * levels : (at + 1) * levels]) for at in range(3)]
    given = kind(joined) if kind in (list, tuple) else kind(b"".join(rows))
    made = diversify.diversify_many(SecretKey(KEY, KeyUsage.DTK), given, levels=levels)
    assert [bytes(one) for one in made] == wanted
    own = diversify.diversify_many([KEY, KEY[::-1], KEY], joined, levels=levels)
    assert [bytes(one) for one in own][::2] == wanted[::2]
    assert bytes(own[1]) == diversify.diversify(KEY[::-1], *rows[levels : 2 * levels])


@pytest.mark.parametrize("levels", [0, 9, -1])
def test_no_path_without_a_level_or_with_nine(levels: int) -> None:
    with pytest.raises(InvalidValue, match="levels"):
        diversify.diversify_many(SecretKey(KEY, KeyUsage.DTK), [bytes(8 * max(levels, 1))], levels=levels)


@pytest.mark.parametrize("rows", [[bytes(8), bytes(16)], [bytes(7), bytes(9)], [bytes(4)], [bytes(12), bytes(4)]])
def test_a_row_of_another_length_is_refused_also_where_the_sum_is_right(rows: list[bytes]) -> None:
    with pytest.raises(InvalidValue):
        diversify.diversify_many(SecretKey(KEY, KeyUsage.DTK), rows)


@pytest.mark.parametrize("factors", [(bytes(7),), (bytes(9),), (bytes(8), bytes(7)), (bytes(7), bytes(8)), ()])
def test_a_factor_has_eight_bytes_wherever_it_stands(factors: tuple[bytes, ...]) -> None:
    with pytest.raises(InvalidValue):
        diversify.diversify(KEY, *factors)


def test_a_master_that_is_no_master_gives_nothing() -> None:
    for key in (KEY[:8], KEY + KEY[:8]):
        for call in (
            lambda key=key: diversify.diversify(key, bytes(8)),
            lambda key=key: diversify.derive_many(SecretKey(key, KeyUsage.DTK), bytes(8)),
            lambda key=key: diversify.session_key(key, bytes(8)),
            lambda key=key: tac.tac_key(key),
        ):
            with pytest.raises(KeyRefused):
                call()
    aes = SecretKey(KEY, KeyUsage.DTK, Cipher.AES)
    for call in (
        lambda: diversify.derive(aes, bytes(8)),
        lambda: tac.compute(aes, b""),
        lambda: tac.compute_many(aes, b"", []),
    ):
        with pytest.raises(KeyRefused):
            call()
    master = SecretKey(KEY, KeyUsage.DTK)
    assert diversify.derive_many(master, bytes(8), usage=KeyUsage.DTK) == diversify.derive_many(master, bytes(8))
    with pytest.raises(KeyRefused, match="can't give"):
        diversify.derive_many(master, bytes(8), usage=KeyUsage.DPK)
    for size in (1, 7, 9, 15):
        with pytest.raises(InvalidValue):
            diversify.derive_many(master, bytes(size))


@pytest.mark.parametrize("region", ["", "43010", "4301000", "43010A", "４３０１００", "43 100", "٤٣٠١٠٠"])
def test_a_region_code_has_six_digits(region: str) -> None:
    with pytest.raises(InvalidValue, match="six digits"):
        diversify.city_factor(region)


# --- TACs in bulk


FATES = st.lists(st.sampled_from(["good", "tac", "message", "short", "long", "none"]), max_size=9)


@given(FATES, st.sampled_from([22, 21, 30]))
def test_cards_own_keys_give_the_same_verdicts_as_their_city(fates: list[str], size: int) -> None:
    """In lists and in buffers; a record that is none stands in its place and stops nothing."""
    city = SecretKey(KEY, KeyUsage.DTK)
    factors = [bytes((at + 1,)) * 8 for at in range(len(fates))]
    keys = [diversify.diversify(KEY, factor) for factor in factors]
    messages, tacs, wanted = [], [], []
    for at, fate in enumerate(fates):
        message = bytes((at,)) * size
        made = tac.compute(keys[at], message)
        wanted.append({"good": 0, "tac": 1, "message": 1}.get(fate, 2))
        messages.append({"message": b"\xff" + message[1:], "long": message + b"\0", "none": b""}.get(fate, message))
        tacs.append({"tac": made[:3] + bytes((made[3] ^ 1,)), "short": made[:3]}.get(fate, made))
    by_city = tac.verify_many(city, b"".join(factors), messages, tacs, message_length=size)
    by_card = tac.verify_cards_many(b"".join(keys), messages, tacs, message_length=size)
    assert by_city == by_card == [TacStatus(one) for one in wanted]
    if size == 22:
        assert tac.verify_many(city, factors, messages, tacs) == by_city
        assert tac.verify_cards_many(b"".join(keys), messages, tacs) == by_city
    if fates and set(fates) <= {"good", "tac", "message"}:
        flat = tac.verify_cards_many(b"".join(keys), b"".join(messages), b"".join(tacs), message_length=size)
        assert isinstance(flat, np.ndarray)
        assert (flat.dtype, flat.shape, flat.tolist()) == (np.uint8, (len(fates),), wanted)
    made = tac.compute_many(city, factors, messages)
    assert made == [tac.compute(key, message) for key, message in zip(keys, messages, strict=True)]


@pytest.mark.parametrize(("keys", "messages", "tacs"), [(1, 2, 2), (2, 1, 2), (2, 2, 1), (3, 2, 2), (0, 1, 1)])
def test_other_numbers_of_keys_messages_and_tacs_are_refused(keys: int, messages: int, tacs: int) -> None:
    with pytest.raises(InvalidValue):
        tac.verify_cards_many(bytes(16 * keys), [bytes(22)] * messages, [bytes(4)] * tacs)
    with pytest.raises(InvalidValue):
        tac.verify_many(SecretKey(KEY, KeyUsage.DTK), bytes(8 * keys), [bytes(22)] * messages, [bytes(4)] * tacs)
    assert tac.verify_cards_many(b"", [], []) == []


@pytest.mark.parametrize("rule", Sm4TacRule)
@given(FATES)
def test_an_sm4_city_gives_the_verdicts_its_cards_give_alone(rule: Sm4TacRule, fates: list[str]) -> None:
    city, rules = SecretKey(KEY, KeyUsage.DTK, Cipher.SM4), PurseRules(sm4_tac=rule)
    factors, messages, tacs, wanted = [], [], [], []
    for at, fate in enumerate(fates):
        factor, message = bytes((at + 1,)) * 8, bytes((at,)) * 22
        made = tac.compute(diversify.derive(city, factor), message, rules=rules)
        assert len(made) == 4
        factors.append(factor)
        messages.append(message + b"\0" if fate in ("long", "none") else message)
        tacs.append({"tac": bytes((made[0] ^ 1,)) + made[1:], "message": made[::-1], "short": made[:3]}.get(fate, made))
        right = TacStatus.VERIFIED if tacs[-1] == made else TacStatus.MISMATCH
        wanted.append(TacStatus.MALFORMED if fate in ("long", "none", "short") else right)
    assert tac.verify_many(city, factors, messages, tacs, rules=rules) == wanted


def test_a_tac_needs_a_dtk_whatever_the_call() -> None:
    wrong = SecretKey(KEY, KeyUsage.DPK)
    for call in (
        lambda: tac.compute(wrong, b""),
        lambda: tac.compute_many(wrong, bytes(8), [b""]),
        lambda: tac.verify_many(wrong, bytes(8), [bytes(22)], [bytes(4)]),
    ):
        with pytest.raises(KeyRefused, match="DTK"):
            call()
    with pytest.raises(KeyRefused, match="3DES"):
        tac.compute_many(SecretKey(KEY, KeyUsage.DTK, Cipher.SM4), bytes(8), [b""])
    assert [(one.name, int(one)) for one in TacStatus] == [("VERIFIED", 0), ("MISMATCH", 1), ("MALFORMED", 2)]


@pytest.mark.parametrize("workers", [2, 3, 7])
@pytest.mark.parametrize("cipher", [Cipher.TDES, Cipher.SM4])
def test_threads_share_factors_messages_and_tacs_alike(workers: int, cipher: Cipher) -> None:
    count, rules = 700, PurseRules(sm4_tac=Sm4TacRule.WHOLE_KEY_LEFT)
    city = SecretKey(KEY, KeyUsage.DTK, cipher)
    factors = b"".join(at.to_bytes(8, "big") for at in range(count))
    messages = [at.to_bytes(22, "little") for at in range(count)]
    keys = diversify.derive_many(city, factors)
    alone = [
        tac.compute(SecretKey(keys[16 * at : 16 * at + 16], KeyUsage.DTK, cipher), messages[at], rules=rules)
        for at in range(count)
    ]
    if cipher is Cipher.TDES:
        assert tac.compute_many(city, factors, messages, workers=workers) == alone
        assert set(tac.verify_cards_many(keys, messages, alone, workers=workers)) == {TacStatus.VERIFIED}
    wrong = {at: bytes((alone[at][0] ^ 1,)) + alone[at][1:] for at in range(0, count, 13)}
    claimed = [wrong.get(at, one) for at, one in enumerate(alone)]
    found = tac.verify_many(city, factors, messages, claimed, rules=rules, workers=workers)
    assert found == [TacStatus.MISMATCH if at in wrong else TacStatus.VERIFIED for at in range(count)]
