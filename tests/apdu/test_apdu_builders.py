"""Builders against the byte forms that terminals in the field send."""

from datetime import datetime

import pytest

from apdu import instructions as iso
from apdu import psam, purse
from apdu.command import CommandAPDU
from apdu.errors import MalformedData
from sbcard_core.errors import InvalidValue


def hex_of(command: CommandAPDU) -> str:
    return command.encode().hex().upper()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (iso.select_fid(0xEF05), "00A4000002EF05"),
        (iso.select_aid(iso.SSSE_AID), "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"),
        (iso.read_record(1, 0x12), "00B2010412"),
        (iso.read_record(2, sfi=6), "00B2023400"),
        (iso.read_record_by_id(0x08, sfi=6), "00B2083000"),
        (iso.read_record_by_id(0x07), "00B2070000"),
        (iso.update_record(4, bytes.fromhex("0A0131")), "00DC0404030A0131"),
        (iso.update_record_by_id(0x07, bytes.fromhex("070141"), sfi=5), "00DC072803070141"),
        (iso.get_challenge(), "0084000008"),
        (iso.verify_pin("123456"), "0020000003123456"),
        (iso.change_pin("123456", "888999"), "805E010007123456FF888999"),
        (iso.external_authenticate(0x0A, bytes(8), b"\x11" * 8), "0082000A10" + "00" * 8 + "11" * 8),
        (iso.internal_authenticate(bytes(8), b"\x11" * 8), "0088000010" + "00" * 8 + "11" * 8 + "08"),
        (purse.get_balance(), "805C000204"),
        (purse.get_account_balance(), "B026000104"),
        (purse.init_account_load(1, 0x1000, bytes.fromhex("001122334455")), "B02800010B010000100000112233445510"),
        (
            purse.credit_for_load(datetime.fromisoformat("2011-12-21T22:48:22"), bytes.fromhex("3A845BF0")),
            "805200000B201112212248223A845BF004",
        ),
        (psam.credit_sam_for_purchase(bytes.fromhex("01020304")), "807200000401020304"),
        (psam.descrypt(bytes(8)), "80FA000008" + "00" * 8 + "08"),
    ],
)
def test_byte_forms(command: CommandAPDU, expected: str) -> None:
    assert hex_of(command) == expected


def test_psam_factors_go_card_first_city_second() -> None:
    atr_factor, city, challenge = bytes.fromhex("8649542600028141"), b"371700sx", bytes.fromhex("1122334455667788")
    command = psam.init_for_descrypt(psam.KeyType.MAC_ENCRYPT, psam.KEY_ID_UK_SSSE, [atr_factor, city], challenge)
    assert hex_of(command) == "BFDE481218" + "8649542600028141" + "3337313730307378" + "1122334455667788"
    one = psam.init_for_descrypt(psam.KeyType.MAC_ENCRYPT, 0x12, [atr_factor], challenge)
    assert hex_of(one).startswith("BFDE281210")
    classic = psam.init_for_descrypt(psam.KeyType.MAC_ENCRYPT, 0x12, [atr_factor], challenge, classic=True)
    assert hex_of(classic).startswith("801A281210")


@pytest.mark.parametrize("pin", ["123", "12345678901234567", "12a456", "１２３４５６", ""])
def test_pins_that_are_not_4_to_16_digits_are_refused_without_being_repeated(pin: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        iso.verify_pin(pin)
    assert not pin or pin not in str(caught.value)


def test_odd_pin_ends_with_f() -> None:
    assert iso.pack_pin("12345").hex() == "12345f"


@pytest.mark.parametrize("amount", [-1, 1 << 32])
def test_amounts_that_do_not_fit_four_bytes(amount: int) -> None:
    with pytest.raises(InvalidValue):
        purse.init_load(1, amount, bytes(6))


def test_responses_of_the_wrong_length_are_refused() -> None:
    for parse in (
        purse.InitLoadResponse.parse,
        purse.InitPurchaseResponse.parse,
        purse.DebitResponse.parse,
        psam.SamPurchaseResponse.parse,
        purse.parse_balance,
    ):
        with pytest.raises(MalformedData):
            parse(bytes(7))


def test_init_purchase_answer() -> None:
    answer = purse.InitPurchaseResponse.parse(bytes.fromhex("00002710" + "0003" + "000000" + "0100" + "AABBCCDD"))
    assert (answer.balance_fen, answer.offline_no, answer.key_version, answer.algorithm) == (10000, 3, 1, 0)
    assert answer.random.hex() == "aabbccdd"
    assert "aabbccdd" not in repr(answer).lower()
