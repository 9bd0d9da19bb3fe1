"""Declared layouts: secure messaging, PIN blocks, the purse's messages, and what is refused until a profile says it."""

import pytest
from Crypto.Cipher import DES, DES3
from hypothesis import given, settings
from hypothesis import strategies as st

from sbcard_core.crypto import diversify, pin_block, purse, secure_messaging, tac
from sbcard_core.crypto.errors import AssumptionNotSet, KeyRefused
from sbcard_core.crypto.keys import Cipher, KeyUsage, SecretKey
from sbcard_core.crypto.rules import UNSET, Df04Command, PurseRules
from sbcard_core.errors import InvalidValue

KEY = bytes.fromhex("11223344556677888877665544332211")


def retail(key: bytes, data: bytes, iv: bytes) -> bytes:
    """ISO 9797-1 algorithm 3 by another library."""
    padded = data + b"\x80" + bytes(-(len(data) + 1) % 8)
    left, right = DES.new(key[:8], DES.MODE_ECB), DES.new(key[8:], DES.MODE_ECB)
    last = DES.new(key[:8], DES.MODE_CBC, iv).encrypt(padded)[-8:]
    return bytes(left.encrypt(right.decrypt(last)))


@given(st.binary(min_size=16, max_size=16), st.sampled_from([4, 8]), st.binary(min_size=8, max_size=8),
       st.binary(max_size=40))  # fmt: skip
@settings(max_examples=40)
def test_secure_messaging_is_the_retail_mac(key: bytes, size: int, random: bytes, body: bytes) -> None:
    challenge, header = random[:size], bytes.fromhex("04D68500") + bytes((len(body) + 4,))
    expected = retail(key, header + body, challenge + bytes(8 - size))[:4]
    assert secure_messaging.mac(key, challenge, header, body) == expected
    assert secure_messaging.mac_callable(SecretKey(key, KeyUsage.UK), challenge)(header, body) == expected
    many = secure_messaging.mac_many([key] * 20, [challenge] * 20, [(header, body)] * 20)
    assert many == [expected] * 20


def test_secure_messaging_by_sm4_folds() -> None:
    key = SecretKey(KEY, KeyUsage.STK, Cipher.SM4)
    command = (bytes.fromhex("845E010014"), bytes(16))
    alone = secure_messaging.mac(key, bytes(16), *command, secure_messaging.SM4_FOLD)
    assert secure_messaging.mac_many(key, [bytes(16)] * 2, [command] * 2, secure_messaging.SM4_FOLD) == [alone] * 2
    assert len(alone) == 4
    assert secure_messaging.mac_many(key, [], [], secure_messaging.SM4_FOLD) == []
    for challenge in (bytes(8), b""):
        with pytest.raises(InvalidValue):
            secure_messaging.mac(key, challenge, *command, secure_messaging.SM4_FOLD)
    with pytest.raises(KeyRefused):
        secure_messaging.mac(key, bytes(8), *command)
    with pytest.raises(InvalidValue):
        secure_messaging.mac(KEY, bytes(8), bytes(4), b"")


def test_protected_data() -> None:
    """3DES data that fills its blocks gets no padding, SM4 always does."""
    triple = DES3.new(KEY + KEY[:8], DES3.MODE_ECB)
    assert triple.decrypt(secure_messaging.encrypt(KEY, b"abc")) == b"\x03abc\x80\0\0\0"
    assert triple.decrypt(secure_messaging.encrypt(KEY, b"abcdefg")) == b"\x07abcdefg"
    assert len(secure_messaging.encrypt(KEY, bytes(15), cipher=Cipher.SM4)) == 32
    with pytest.raises(InvalidValue):
        secure_messaging.encrypt(KEY, bytes(256))


@pytest.mark.parametrize("layout", pin_block.LAYOUTS.values(), ids=list(pin_block.LAYOUTS))
def test_pin_blocks_hide_the_pin_in_errors(layout: pin_block.PinBlock) -> None:
    for pin in ("987", "9876543210987", "98765x", "９８７６５４"):
        with pytest.raises(InvalidValue) as caught:
            pin_block.build(pin, layout, account="43219876543210987")
        assert "987" not in str(caught.value)


def test_pin_blocks() -> None:
    triple = DES3.new(KEY + KEY[:8], DES3.MODE_ECB)
    plain = {
        pin_block.ISO_2: "26246813FFFFFFFF",
        pin_block.LENGTH_PIN_80: "0324681380000000",
        pin_block.WRAPPED_ISO_2: "0826246813FFFFFFFF80000000000000",
    }
    for layout, block in plain.items():
        assert triple.decrypt(pin_block.encrypt(KEY, "246813", layout)).hex().upper() == block
    sm4 = SecretKey(KEY, KeyUsage.RPK, Cipher.SM4)
    assert len(pin_block.encrypt(sm4, "246813", pin_block.LENGTH_PIN_80)) == 16
    with pytest.raises(InvalidValue):
        pin_block.encrypt(sm4, "246813", pin_block.ISO_2)
    with pytest.raises(InvalidValue, match="account"):
        pin_block.build("246813", pin_block.ISO_0)
    with pytest.raises(InvalidValue, match="even"):
        pin_block.build("24681", pin_block.LENGTH_PIN_80)
    with pytest.raises(KeyRefused):
        pin_block.encrypt(SecretKey(KEY, KeyUsage.MAC), "246813", pin_block.ISO_2)


def test_declared_messages() -> None:
    sizes = {name: layout.size for name, layout in purse.LAYOUTS.items()}
    assert sizes == {"load MAC1": 15, "load MAC2": 18, "purchase MAC1": 18, "purchase MAC2": 4, "purchase TAC": 22}
    with_letter = purse.LOAD_MAC1.pack(0, 100, b"1", "001122334455")
    assert with_letter[8:9] == b"1", "DF04 writes the type as a character"


def test_bulk_purse_macs() -> None:
    sessions = [diversify.session_key(KEY, bytes((i,)) * 8) for i in range(30)]
    messages = [purse.PURCHASE_MAC2.pack(100 * i) for i in range(30)]
    expected = [
        purse.purchase_mac2(SecretKey(one, KeyUsage.SESSION), 100 * i)  # type: ignore[arg-type]
        for i, one in enumerate(sessions)
    ]
    assert purse.message_mac_many(sessions, messages) == expected
    with pytest.raises(KeyRefused):
        purse.message_mac(SecretKey(bytes(8), KeyUsage.MAC), b"")


def test_what_is_not_public_is_refused_until_set() -> None:
    for ask in (UNSET.need_load_tac, UNSET.need_sm4_mac, UNSET.need_sm4_tac):
        with pytest.raises(AssumptionNotSet, match="not public"):
            ask()
    for command in Df04Command:
        with pytest.raises(AssumptionNotSet):
            UNSET.need_df04(command)
    rules = PurseRules(load_tac=purse.LOAD_TAC_CANDIDATE, df04_instructions={Df04Command.CREDIT_FOR_LOAD: 0x2A})
    assert rules.need_df04(Df04Command.CREDIT_FOR_LOAD) == 0x2A
    message = tac.load_message(1000, 1, 500, 2, "001122334455", "20140801120000", rules=rules)
    assert message.hex() == "000003e8" + "0001" + "000001f4" + "02" + "001122334455" + "20140801120000"
    with pytest.raises(AssumptionNotSet):
        tac.load_message(1000, 1, 500, 2, "001122334455", "20140801120000")
    with pytest.raises(AssumptionNotSet):
        diversify.session_key(KEY, bytes(8), cipher=Cipher.SM4)


def test_purse_keys_keep_to_their_usage() -> None:
    with pytest.raises(KeyRefused, match="DLK"):
        purse.load_session_key(SecretKey(KEY, KeyUsage.DPK), bytes(4), 0)
    with pytest.raises(KeyRefused, match="DPK"):
        purse.purchase_session_key(SecretKey(KEY, KeyUsage.DLK), bytes(4), 0, 0)
