"""Every known instruction: a builder, a vector, a name; protected commands and PKI; what is unknown stays unknown."""

import importlib
from datetime import datetime
from functools import partial

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from hypothesis import given
from hypothesis import strategies as st

from apdu import CommandAPDU, bank, catalogue, classbyte, maintenance, pki, psam, purse
from apdu import instructions as iso
from apdu import secure_messaging as sm
from apdu.errors import ClassRefused, MalformedData, SecureMessagingError
from sbcard_core.crypto import secure_messaging as crypto
from sbcard_core.crypto.keys import KeyUsage, SecretKey
from sbcard_core.errors import InvalidValue

AT = datetime.fromisoformat("2011-12-21T22:48:22")
TERMINAL = bytes.fromhex("001122334455")
REQUEST = psam.SamPurchaseRequest(bytes.fromhex("11223344"), 3, 100, 6, AT, 1, 0, (b"CARDFACT", b"371700sx"))


def mac(_header: bytes, _body: bytes) -> bytes:
    return bytes.fromhex("11223344")


VECTORS = {
    "instructions.select_aid": (iso.select_aid(psam.PSAM_AID), "00A4040006D15600000590"),
    "instructions.select_ef": (iso.select_ef(0xEF05), "00A4020002EF05"),
    "instructions.select_fid": (iso.select_mf(), "00A40000023F00"),
    "instructions.read_record": (iso.read_record(1, sfi=5), "00B2012C00"),
    "instructions.update_record": (iso.update_record(4, b"\x0a\x011"), "00DC0404030A0131"),
    "instructions.append_record": (iso.append_record(b"\x0a\x011"), "00E20000030A0131"),
    "instructions.read_binary": (iso.read_binary(0, 0x42), "00B0000042"),
    "instructions.update_binary": (iso.update_binary(bytes.fromhex("11223344"), sfi=5), "00D685000411223344"),
    "instructions.get_data": (iso.get_data(0x9F36), "00CA9F3600"),
    "instructions.get_challenge": (iso.get_challenge(16), "0084000010"),
    "instructions.get_response": (iso.get_response(0x1E), "00C000001E"),
    "instructions.internal_authenticate": (
        iso.internal_authenticate(bytes.fromhex("ACD2B737EB592356"), bytes.fromhex("CEEC03C01AFD4974")),
        "0088000010ACD2B737EB592356CEEC03C01AFD497408",
    ),
    "instructions.external_authenticate": (
        iso.external_authenticate(0x0A, bytes.fromhex("0FA0893931E4BEB6"), bytes.fromhex("8E18CF183BED0E13")),
        "0082000A100FA0893931E4BEB68E18CF183BED0E13",
    ),
    "pki.verify_user_pin": (
        pki.verify_user_pin(bytes.fromhex("358B51056B9B9EB2C96B20E7DB7A6B8F")),
        "0020018110358B51056B9B9EB2C96B20E7DB7A6B8F",
    ),
    "pki.verify_admin_pin": (pki.verify_admin_pin(bytes(16)), "0020010010" + "00" * 16),
    "instructions.verify_pin": (iso.verify_pin("888888"), "0020000003888888"),
    "classbyte.open_channel": (classbyte.open_channel(), "0070000001"),
    "classbyte.close_channel": (classbyte.close_channel(3), "00708003"),
    "purse.init_load": (
        purse.init_load(1, 0x1000, TERMINAL, purse=purse.Purse.DEPOSIT),
        "805000010B010000100000112233445510",
    ),
    "purse.init_purchase": (purse.init_purchase(1, 100, TERMINAL), "805001020B01000000640011223344550F"),
    "purse.init_withdraw": (purse.init_withdraw(1, 100, TERMINAL), "805002010B01000000640011223344550F"),
    "purse.init_compound_purchase": (
        purse.init_compound_purchase(1, 100, TERMINAL),
        "805003020B01000000640011223344550F",
    ),
    "purse.update_compound_record": (purse.update_compound_record(1, b"\x01\x00", 0x17), "80DC01B8020100"),
    "purse.credit_for_load": (
        purse.credit_for_load(AT, bytes.fromhex("3A845BF0")),
        "805200000B201112212248223A845BF004",
    ),
    "purse.debit": (
        purse.debit(bytes.fromhex("00000001"), AT, bytes.fromhex("11223344")),
        "805401000F00000001201112212248221122334408",
    ),
    "purse.get_balance": (purse.get_balance(), "805C000204"),
    "purse.get_transaction_proof": (purse.get_transaction_proof(6, 3), "805A000602000308"),
    "purse.get_account_balance": (purse.get_account_balance(2), "B026000206"),
    "purse.init_account_load": (
        purse.init_account_load(1, 0x1000, TERMINAL),
        "B02800010B010000100000112233445510",
    ),
    "instructions.change_pin": (iso.change_pin("123456", "888888"), "805E010007123456FF888888"),
    "maintenance.reload_pin": (maintenance.reload_pin("123456", mac(b"", b"")), "805E00000712345611223344"),
    "maintenance.unblock_pin": (maintenance.unblock_pin(mac), "842400000411223344"),
    "maintenance.reload_pin_secure": (
        maintenance.reload_pin_secure(bytes(16), mac),
        "8424000114" + "00" * 16 + "11223344",
    ),
    "maintenance.application_block": (maintenance.application_block(mac, permanent=True), "841E00010411223344"),
    "maintenance.application_unblock": (maintenance.application_unblock(mac), "841800000411223344"),
    "maintenance.card_block": (maintenance.card_block(mac), "841600000411223344"),
    "pki.hash_pin": (pki.hash_pin("123456"), "80C4010305C10312345600"),
    "pki.update_master_key": (pki.update_master_key(bytes(32), mac), "84D4010024" + "00" * 32 + "11223344"),
    "psam.init_for_descrypt": (
        psam.init_for_descrypt(psam.KeyType.MAC_ENCRYPT, 0x12, [b"CARDFACT", b"371700sx"], bytes(8)),
        "BFDE481218" + b"CARDFACT".hex().upper() + "3337313730307378" + "00" * 8,
    ),
    "psam.descrypt": (psam.descrypt(bytes(8)), "80FA000008" + "00" * 8 + "08"),
    "psam.sam_mac": (psam.sam_mac(bytes(8)), "80FA050008" + "00" * 8 + "00"),
    "psam.init_sam_for_purchase": (
        psam.init_sam_for_purchase(REQUEST),
        "8070000024112233440003000000640620111221224822" + "0100" + b"CARDFACT".hex().upper() + "333731373030737808",
    ),
    "psam.credit_sam_for_purchase": (psam.credit_sam_for_purchase(bytes(4)), "807200000400000000"),
}


@pytest.mark.parametrize("row", catalogue.INSTRUCTIONS, ids=lambda row: f"{row.en} {row.builder}")
def test_every_instruction_has_a_builder_a_vector_and_a_name(row: catalogue.Instruction) -> None:
    module, name = row.builder.split(".")
    builder = getattr(importlib.import_module(f"apdu.{module}"), name)
    assert len(builder.__doc__) > 20
    assert row.source
    assert row.confidence in "HMLR"
    command, expected = VECTORS[row.builder]
    assert command.encode().hex().upper() == expected
    if row.en.endswith("(classic)"):
        command = psam.init_for_descrypt(psam.KeyType.MAC, 1, [bytes(8)], bytes(8), classic=True)
    found = catalogue.find(*command.header)
    assert found is not None
    assert found.builder == row.builder


def test_no_vector_without_an_instruction() -> None:
    assert set(VECTORS) == {row.builder for row in catalogue.INSTRUCTIONS}


def test_pki_pin_change_is_in_the_words_of_a_change() -> None:
    command = pki.change_pin(bytes(16), mac)
    assert command.encode().hex().upper() == "845E010014" + "00" * 16 + "11223344"
    found = catalogue.find(*command.header)
    assert found is not None
    assert found.en == "CHANGE PIN"


@given(st.binary(min_size=4, max_size=4))
def test_any_header_is_found_or_not(header: bytes) -> None:
    found = catalogue.find(*header)
    assert found is None or found.ins == header[1]
    assert catalogue.find(0xB0, 0x2A, header[2], header[3]) is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: iso.external_authenticate(0x0A, bytes(8), bytes(8), 4),
        lambda: iso.get_data(0x3F),
        lambda: purse.init_load(256, 1, TERMINAL),
        lambda: purse.init_load(1, 1, TERMINAL, purse=300),  # type: ignore[arg-type]
        lambda: purse.get_transaction_proof(6, 65536),
        lambda: purse.update_compound_record(0, b"x"),
        lambda: psam.init_sam_for_purchase(psam.SamPurchaseRequest(bytes(4), 65536, 1, 6, AT, 1, 0, (bytes(8),))),
        lambda: psam.init_sam_for_purchase(psam.SamPurchaseRequest(bytes(4), 1, 1, 256, AT, 1, 0, (bytes(8),))),
        lambda: psam.sam_mac(bytes(7)),
        lambda: maintenance.reload_pin_secure(bytes(15), mac),
        lambda: maintenance.reload_pin("12", bytes(4)),
        lambda: maintenance.reload_pin("1234", bytes(3)),
        lambda: pki.verify_user_pin(bytes(15)),
        lambda: iso.update_binary(b"x", 0x8000),
    ],
)
def test_wrong_calls_are_typed(call: partial[CommandAPDU]) -> None:
    with pytest.raises(InvalidValue):
        call()


def test_external_authentication_with_a_key_version() -> None:
    assert iso.external_authenticate(4, bytes(8), bytes(8), 3).encode()[:5].hex() == "0082000411"


def test_answers_of_the_new_builders() -> None:
    proof = purse.TransactionProof.parse(bytes.fromhex("1122334455667788"))
    assert (proof.mac.hex(), proof.tac.hex()) == ("11223344", "55667788")
    assert "11223344" not in repr(proof)
    assert purse.AccountBalance.parse(bytes(4)) == purse.AccountBalance(0, None)
    for wrong in (bytes(5), bytes.fromhex("000000002A14")):
        with pytest.raises(MalformedData):
            purse.AccountBalance.parse(wrong)
    with pytest.raises(MalformedData):
        pki.parse_pin_hash(bytes(31))
    digest = bytes.fromhex("3DE741F445DD357BEA4E6C3FE6437036F62B5E3EC0F00D62796EDB4305ED627F")
    assert pki.parse_pin_hash(digest) == digest[:16]
    assert bank.parse_pan(bytes.fromhex("7003570112")) is None
    with pytest.raises(MalformedData):
        bank.parse_pan(bytes.fromhex("70035A01AB"))


KEY = SecretKey(bytes.fromhex("11223344556677888877665544332211"), KeyUsage.STK)


def decrypt(data: bytes) -> bytes:
    material = KEY.material()
    plain = Cipher(TripleDES(material + material[:8]), modes.ECB()).decryptor().update(data)
    return plain[1 : 1 + plain[0]]


def test_published_arithmetic_of_a_protected_update() -> None:
    """The retail MAC over 04D6850004 11223344 from 1122334455667788; Lc counts the MAC here."""
    header_seen: list[bytes] = []

    def keep(header: bytes, body: bytes) -> bytes:
        header_seen.append(header)
        return crypto.mac(KEY, bytes.fromhex("1122334455667788"), bytes.fromhex("04D6850004"), body)

    made = sm.wrap(iso.update_binary(bytes.fromhex("11223344"), sfi=5), keep)
    assert made.encode().hex().upper() == "04D685000811223344EFFE0A40"
    assert header_seen == [bytes.fromhex("04D6850008")]


@given(st.binary(max_size=150), st.sampled_from([0x00, 0x80, 0x03, 0x10]), st.sampled_from([0, 8, 256]), st.booleans())
def test_unwrapped_is_what_was_wrapped(data: bytes, cla: int, ne: int, secret: bool) -> None:
    command = CommandAPDU(cla, 0xD6, 1, 2, data, ne)
    made_by = crypto.mac_callable(KEY, b"\x01\x02\x03\x04")
    made = sm.wrap(command, made_by, partial(crypto.encrypt, KEY) if secret else None)
    assert made.cla == cla | 0x04
    assert sm.unwrap(made, made_by, decrypt if secret else None) == command
    if secret and data:
        assert data not in made.data or len(data) < 4
    for place in range(0, made.nc, 7):
        wrong = bytearray(made.data)
        wrong[place] ^= 1
        with pytest.raises(SecureMessagingError):
            sm.unwrap(made.replace(data=bytes(wrong)), made_by)
    with pytest.raises(SecureMessagingError):
        sm.unwrap(made.replace(p1=9), made_by)


@pytest.mark.parametrize("size", [0, 251])
def test_the_shortest_and_the_longest_protected_command(size: int) -> None:
    command = CommandAPDU(0, 0xD6, 0, 0, bytes(size))
    made = sm.wrap(command, mac)
    assert (made.nc, sm.unwrap(made, mac)) == (size + 4, command)


def test_refused_protection() -> None:
    with pytest.raises(SecureMessagingError):
        sm.wrap(CommandAPDU(0, 0xD6, 0, 0, bytes(252)), mac)
    with pytest.raises(SecureMessagingError):
        sm.wrap(CommandAPDU(0, 0xD6, 0, 0), lambda _header, _body: bytes(8))
    with pytest.raises(SecureMessagingError):
        sm.unwrap(CommandAPDU(0, 0xD6, 0, 0, bytes(8)), mac)
    with pytest.raises(SecureMessagingError):
        sm.unwrap(CommandAPDU(4, 0xD6, 0, 0, bytes(8)), mac)
    for size in (0, 3, 256, 300):
        with pytest.raises(SecureMessagingError, match="no room for a MAC"):
            sm.unwrap(CommandAPDU(4, 0xD6, 0, 0, bytes(size), extended=True), mac)
    with pytest.raises(ClassRefused):
        sm.wrap(CommandAPDU(0xB0, 0x26, 0, 1), mac)


def test_a_fresh_challenge_starts_every_protected_command() -> None:
    class Card:
        sent: list[CommandAPDU] = []  # noqa: RUF012
        challenge = b"\x01\x02\x03\x04"

        def transmit(self, command: bytes) -> bytes:
            decoded = CommandAPDU.decode(command)
            self.sent.append(decoded)
            if decoded.ins == 0x84:
                return self.challenge[: decoded.ne] + b"\x90\x00"
            sm.unwrap(decoded, crypto.mac_callable(KEY, self.challenge))
            return b"\x90\x00"

    card = Card()
    mac_from = partial(crypto.mac_callable, KEY)
    assert sm.send(card, iso.update_binary(b"data", sfi=5), mac_from).sw.is_ok
    assert [command.ins for command in card.sent] == [0x84, 0xD6]
    with pytest.raises(SecureMessagingError):
        sm.send(card, iso.update_binary(b"data", sfi=5), mac_from, challenge=8)


def test_a_command_without_data_has_nothing_encrypted() -> None:
    def never(_: bytes) -> bytes:
        raise AssertionError("encrypted")

    made = sm.wrap(CommandAPDU(0, 0xB0, 0, 0, ne=8), lambda header, body: bytes(4), never)
    assert (made.cla, made.data, made.ne) == (4, bytes(4), 8)
