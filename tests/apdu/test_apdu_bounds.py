"""Builders at their bounds: the bytes of what just fits, and a refusal of what just does not."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from apdu import MalformedData, maintenance, pki, psam, purse
from apdu import instructions as iso
from sbcard_core.errors import InvalidValue

AT = datetime.fromisoformat("2014-07-31T09:30:15")
SIX = bytes(6)
MASTER = psam.KeyType.MASTER

FITS = [
    (iso.select_fid, (0,), "00A40000020000"),
    (iso.select_fid, (0xFFFF,), "00A4000002FFFF"),
    (iso.select_ef, (0xEF05,), "00A4020002EF05"),
    (iso.select_mf, (), "00A40000023F00"),
    (iso.select_aid, (bytes(5),), "00A4040005" + "00" * 5),
    (iso.select_aid, (bytes(16),), "00A4040010" + "00" * 16),
    (iso.read_record, (0,), "00B2000400"),
    (iso.read_record, (0xFE, 0, 30), "00B2FEF400"),
    (iso.read_record, (1, 5, 1), "00B2010C05"),
    (iso.read_record_by_id, (0xFE, 1, 30), "00B2FEF001"),
    (iso.read_record_by_id, (0,), "00B2000000"),
    (iso.update_record, (0xFE, b"\1", 30), "00DCFEF40101"),
    (iso.update_record_by_id, (0, b"\1"), "00DC00000101"),
    (iso.append_record, (b"\1",), "00E200000101"),
    (iso.append_record, (b"\1", 30), "00E200F00101"),
    (iso.get_data, (0x40,), "00CA004000"),
    (iso.get_data, (0xFFFF, 7), "00CAFFFF07"),
    (iso.read_binary, (), "00B0000000"),
    (iso.read_binary, (0x7FFF, 1), "00B07FFF01"),
    (iso.read_binary, (0, 6, 0x16), "00B0960006"),
    (iso.read_binary, (255, 6, 1), "00B081FF06"),
    (iso.update_binary, (b"\1",), "00D600000101"),
    (iso.update_binary, (b"\1", 0x7FFF), "00D67FFF0101"),
    (iso.update_binary, (b"\1", 2, 30), "00D69E020101"),
    (iso.get_challenge, (4,), "0084000004"),
    (iso.get_challenge, (), "0084000008"),
    (iso.get_challenge, (16,), "0084000010"),
    (iso.internal_authenticate, (bytes(8), b"\1" * 8), "0088000010" + "00" * 8 + "01" * 8 + "08"),
    (iso.external_authenticate, (10, bytes(8), bytes(8)), "0082000A10" + "00" * 16),
    (iso.external_authenticate, (10, bytes(8), bytes(8), 0), "0082000A11" + "00" * 17),
    (iso.external_authenticate, (10, bytes(8), bytes(8), 3), "0082000A11" + "00" * 16 + "03"),
    (iso.verify_pin, ("1234",), "00200000021234"),
    (iso.verify_pin, ("1" * 16,), "0020000008" + "11" * 8),
    (iso.verify_pin, ("12345",), "002000000312345F"),
    (iso.change_pin, ("1234", "5678"), "805E0100051234FF5678"),
    (iso.get_response, (), "00C0000000"),
    (iso.get_response, (8,), "00C0000008"),
    (psam.descrypt, (bytes(8),), "80FA000008" + "00" * 8 + "08"),
    (psam.sam_mac, (bytes(8),), "80FA050008" + "00" * 8 + "00"),
    (psam.credit_sam_for_purchase, (b"MAC2",), "80720000044D414332"),
    (psam.read_terminal_number, (), "00B0960006"),
    (purse.init_load, (0, 0, SIX), "805000020B00" + "00" * 10 + "10"),
    (purse.init_load, (255, 0xFFFFFFFF, b"\1" * 6), "805000020BFFFFFFFFFF" + "01" * 6 + "10"),
    (purse.init_purchase, (1, 1, SIX), "805001020B0100000001" + "00" * 6 + "0F"),
    (purse.init_withdraw, (1, 1, SIX), "805002010B0100000001" + "00" * 6 + "0F"),
    (purse.init_compound_purchase, (1, 1, SIX), "805003020B0100000001" + "00" * 6 + "0F"),
    (purse.init_account_load, (1, 1, SIX), "B02800010B0100000001" + "00" * 6 + "10"),
    (purse.update_compound_record, (1, b"\1"), "80DC01000101"),
    (purse.update_compound_record, (0xFE, b"\1", 30), "80DCFEF00101"),
    (purse.update_compound_record, (1, bytes(255)), "80DC0100FF" + "00" * 255),
    (purse.credit_for_load, (AT, b"MAC2"), "805200000B201407310930154D41433204"),
    (purse.debit, (bytes(4), AT, b"MAC1"), "805401000F00000000201407310930154D41433108"),
    (purse.get_transaction_proof, (6, 0), "805A000602000008"),
    (purse.get_transaction_proof, (6, 0xFFFF), "805A000602FFFF08"),
    (purse.get_balance, (), "805C000204"),
    (purse.get_account_balance, (1,), "B026000104"),
    (purse.get_account_balance, (3,), "B026000306"),
    (pki.hash_pin, ("123456",), "80C4010305C10312345600"),
    (pki.verify_user_pin, (bytes(16),), "0020018110" + "00" * 16),
    (pki.verify_admin_pin, (bytes(16),), "0020010010" + "00" * 16),
    (pki.authenticate_master, (bytes(16),), "0082000010" + "00" * 16),
    (maintenance.reload_pin, ("1234", b"MACM"), "805E00000612344D41434D"),
]


@pytest.mark.parametrize(("build", "given", "wire"), FITS)
def test_what_just_fits(build: Callable[..., Any], given: tuple[Any, ...], wire: str) -> None:
    assert build(*given).encode().hex().upper() == wire


def keep(_header: bytes, _body: bytes) -> bytes:
    return b"MACM"


@pytest.mark.parametrize(
    ("build", "wire"),
    [
        (lambda: maintenance.application_block(keep), "841E0000044D41434D"),
        (lambda: maintenance.application_block(keep, permanent=True), "841E0001044D41434D"),
        (lambda: maintenance.application_unblock(keep), "84180000044D41434D"),
        (lambda: maintenance.card_block(keep), "84160000044D41434D"),
        (lambda: maintenance.unblock_pin(keep), "84240000044D41434D"),
        (lambda: maintenance.unblock_pin(keep, b"\1"), "8424000005014D41434D"),
        (lambda: maintenance.reload_pin_secure(bytes(16), keep), "8424000114" + "00" * 16 + "4D41434D"),
        (lambda: pki.change_pin(bytes(16), keep), "845E010014" + "00" * 16 + "4D41434D"),
        (lambda: pki.update_master_key(bytes(32), keep), "84D4010024" + "00" * 32 + "4D41434D"),
        (lambda: psam.init_for_descrypt(MASTER, 9, [], bytes(8)), "BFDE000908" + "00" * 8),
        (
            lambda: psam.init_for_descrypt(MASTER, 9, [b"\1" * 8] * 3, bytes(8), classic=True),
            "801A600920" + "01" * 24 + "00" * 8,
        ),
        (
            lambda: psam.init_sam_for_purchase(psam.SamPurchaseRequest(b"RAND", 0, 0, 0, AT, 0, 0, (b"\1" * 8,))),
            "807000001C52414E44" + "00" * 7 + "20140731093015" + "0000" + "01" * 8 + "08",
        ),
        (
            lambda: psam.init_sam_for_purchase(
                psam.SamPurchaseRequest(b"RAND", 0xFFFF, 1, 255, AT, 255, 255, (b"\1" * 8,) * 2)
            ),
            "807000002452414E44FFFF00000001FF20140731093015FFFF" + "01" * 16 + "08",
        ),
    ],
)
def test_commands_with_a_mac_and_of_a_psam(build: Callable[[], Any], wire: str) -> None:
    assert build().encode().hex().upper() == wire


REFUSED = [
    lambda: iso.select_fid(-1),
    lambda: iso.select_fid(0x10000),
    lambda: iso.select_aid(bytes(4)),
    lambda: iso.select_aid(bytes(17)),
    lambda: iso.read_record(-1),
    lambda: iso.read_record(0xFF),
    lambda: iso.read_record(1, 0, 31),
    lambda: iso.read_record(1, 0, -1),
    lambda: iso.get_data(0x3F),
    lambda: iso.get_data(0x10000),
    lambda: iso.read_binary(-1),
    lambda: iso.read_binary(0x8000),
    lambda: iso.read_binary(256, 1, 1),
    lambda: iso.update_binary(b"", 0x8000),
    lambda: iso.get_challenge(5),
    lambda: iso.get_challenge(0),
    lambda: iso.internal_authenticate(bytes(7), bytes(8)),
    lambda: iso.internal_authenticate(bytes(8), bytes(9)),
    lambda: iso.external_authenticate(1, bytes(7), bytes(8)),
    lambda: iso.external_authenticate(1, bytes(8), bytes(9)),
    lambda: iso.external_authenticate(1, bytes(8), bytes(8), -1),
    lambda: iso.external_authenticate(1, bytes(8), bytes(8), 4),
    lambda: iso.verify_pin("123"),
    lambda: iso.verify_pin("1" * 17),
    lambda: iso.verify_pin("１２３４"),
    lambda: iso.verify_pin("12a4"),
    lambda: iso.change_pin("1234", "12"),
    lambda: psam.usage_byte(4, MASTER),
    lambda: psam.usage_byte(-1, MASTER),
    lambda: psam.init_for_descrypt(MASTER, 1, [bytes(7)], bytes(8)),
    lambda: psam.init_for_descrypt(MASTER, 1, [bytes(8)], bytes(9)),
    lambda: psam.init_for_descrypt(MASTER, 1, [bytes(8), bytes(9)], bytes(8)),
    lambda: psam.init_for_descrypt(MASTER, 1, [bytes(8)] * 4, bytes(8)),
    lambda: psam.init_sam_for_purchase(psam.SamPurchaseRequest(bytes(3), 1, 1, 6, AT, 1, 0, (bytes(8),))),
    lambda: psam.init_sam_for_purchase(psam.SamPurchaseRequest(bytes(4), 1, 1, 6, AT, 1, 0, ())),
    lambda: psam.init_sam_for_purchase(psam.SamPurchaseRequest(bytes(4), 1, 1, 6, AT, 1, 0, (bytes(8), bytes(7)))),
    lambda: psam.init_sam_for_purchase(psam.SamPurchaseRequest(bytes(4), -1, 1, 6, AT, 1, 0, (bytes(8),))),
    lambda: psam.init_sam_for_purchase(psam.SamPurchaseRequest(bytes(4), 1 << 16, 1, 6, AT, 1, 0, (bytes(8),))),
    lambda: psam.descrypt(b""),
    lambda: psam.descrypt(bytes(9)),
    lambda: psam.sam_mac(b""),
    lambda: psam.sam_mac(bytes(7)),
    lambda: psam.credit_sam_for_purchase(bytes(3)),
    lambda: psam.credit_sam_for_purchase(bytes(5)),
    lambda: purse.init_load(-1, 0, SIX),
    lambda: purse.init_load(256, 0, SIX),
    lambda: purse.init_load(1, -1, SIX),
    lambda: purse.init_load(1, 1 << 32, SIX),
    lambda: purse.init_load(1, 1, bytes(5)),
    lambda: purse.init_load(1, 1, bytes(7)),
    lambda: purse.init_load(1, True, SIX),
    lambda: purse.update_compound_record(0, b"1"),
    lambda: purse.update_compound_record(0xFF, b"1"),
    lambda: purse.update_compound_record(1, b""),
    lambda: purse.update_compound_record(1, bytes(256)),
    lambda: purse.update_compound_record(1, b"1", 31),
    lambda: purse.update_compound_record(1, b"1", -1),
    lambda: purse.credit_for_load(AT, bytes(3)),
    lambda: purse.debit(bytes(3), AT, bytes(4)),
    lambda: purse.debit(bytes(4), AT, bytes(5)),
    lambda: purse.get_transaction_proof(6, -1),
    lambda: purse.get_transaction_proof(6, 0x10000),
    lambda: purse.get_account_balance(0),
    lambda: purse.get_account_balance(4),
    lambda: pki.verify_user_pin(bytes(15)),
    lambda: pki.verify_admin_pin(bytes(17)),
    lambda: pki.authenticate_master(bytes(8)),
    lambda: pki.change_pin(bytes(8), keep),
    lambda: pki.update_master_key(bytes(16), keep),
    lambda: maintenance.reload_pin("1234", bytes(3)),
    lambda: maintenance.reload_pin("123", bytes(4)),
    lambda: maintenance.reload_pin_secure(bytes(15), keep),
]


@pytest.mark.parametrize("call", REFUSED)
def test_what_just_does_not_fit(call: Callable[[], Any]) -> None:
    """Said in both languages."""
    with pytest.raises(InvalidValue) as refused:
        call()
    assert refused.value.in_language("zh").split("[")[0].isascii() is False
    assert refused.value.what.isascii()
    assert refused.value.message is not None


@pytest.mark.parametrize(
    ("parse", "size", "fields"),
    [
        (purse.InitLoadResponse.parse, 16, (0x00010203, 0x0405, 6, 7, bytes(range(8, 12)), bytes(range(12, 16)))),
        (purse.InitPurchaseResponse.parse, 15, (0x00010203, 0x0405, 0x060708, 9, 10, bytes(range(11, 15)))),
        (purse.DebitResponse.parse, 8, (bytes(range(4)), bytes(range(4, 8)))),
        (purse.TransactionProof.parse, 8, (bytes(range(4)), bytes(range(4, 8)))),
        (psam.SamPurchaseResponse.parse, 8, (bytes(range(4)), bytes(range(4, 8)))),
    ],
)
def test_answers_are_taken_apart_in_their_order(
    parse: Callable[[bytes], Any], size: int, fields: tuple[Any, ...]
) -> None:
    found = parse(bytes(range(size)))
    assert tuple(getattr(found, name) for name in found.__dataclass_fields__) == fields
    for wrong in (size - 1, size + 1, 0):
        with pytest.raises(MalformedData):
            parse(bytes(wrong))


def test_balances_and_hashes() -> None:
    assert (purse.parse_balance(bytes.fromhex("000004B0")), purse.parse_balance(b"\xff" * 4)) == (1200, 0xFFFFFFFF)
    assert pki.parse_pin_hash(bytes(range(32))) == bytes(range(16))
    own = purse.AccountBalance.parse(bytes.fromhex("000004B0"))
    year = purse.AccountBalance.parse(bytes.fromhex("000004B02014"))
    assert [(one.amount_fen, one.year) for one in (own, year)] == [(1200, None), (1200, 2014)]
    for wrong in (bytes(3), bytes(5), bytes(7)):
        for parse in (purse.parse_balance, purse.AccountBalance.parse, pki.parse_pin_hash):
            with pytest.raises(MalformedData):
                parse(wrong)
    load = repr(purse.InitLoadResponse.parse(bytes(8) + b"RANDMAC1"))
    assert ("balance_fen=0" in load, "RAND" in load, "MAC1" in load) == (True, False, False)
    assert "4D414331" not in repr(psam.SamPurchaseResponse.parse(b"NUMRMAC1")).upper()
    assert "MAC1" not in repr(psam.SamPurchaseResponse.parse(b"NUMRMAC1"))
    with pytest.raises(MalformedData, match="year"):
        purse.AccountBalance.parse(bytes.fromhex("000004B020AF"))
