"""The virtual PSAM: usage byte, order of factors, and what it refuses."""

from collections.abc import Callable

import pytest

from apdu import psam as sam
from apdu.channel import exchange
from readers.sim.psam import VirtualPSAM
from readers.sim.settings import SimSettings
from sbcard_core.crypto import auth
from sbcard_core.crypto.diversify import derive_path
from sbcard_core.crypto.keys import KeyUsage
from sbcard_core.crypto.keystore import MasterKeys
from sbcard_core.errors import InvalidValue

CARD, CITY, PROCESS = bytes.fromhex("8649542600028141"), b"371700sx", bytes.fromhex("A93C621824F093B2")
ORIGINAL = bytes.fromhex("8E18CF183BED0E13")


@pytest.fixture
def open_psam(psam: VirtualPSAM) -> VirtualPSAM:
    assert psam.transmit(bytes.fromhex("00A4040006D15600000590")) == b"\x90\x00"
    return psam


def cipher(psam: VirtualPSAM, factors: list[bytes], key_id: int = 0x0A) -> bytes:
    command = sam.init_for_descrypt(sam.KeyType.MAC_ENCRYPT, key_id, factors, PROCESS)
    exchange(psam, command).require("init")
    return exchange(psam, sam.descrypt(ORIGINAL)).require("descrypt")


def test_hierarchy_is_city_then_card_although_the_wire_is_card_then_city(
    open_psam: VirtualPSAM, master_keys: MasterKeys
) -> None:
    key = derive_path(master_keys.get(KeyUsage.RK_SSSE), [CITY, CARD])
    assert cipher(open_psam, [CARD, CITY]) == auth.cryptogram(key, PROCESS, ORIGINAL, rules=auth.SAMPLE)
    assert cipher(open_psam, [CITY, CARD]) != cipher(open_psam, [CARD, CITY])


def test_one_level(open_psam: VirtualPSAM, master_keys: MasterKeys) -> None:
    key = derive_path(master_keys.get(KeyUsage.UK_SSSE), [CARD])
    assert cipher(open_psam, [CARD], 0x12) == auth.cryptogram(key, PROCESS, ORIGINAL, rules=auth.SAMPLE)


def test_three_levels_do_not_share_a_branch(open_psam: VirtualPSAM, master_keys: MasterKeys) -> None:
    top = b"370000sx"
    cipher(open_psam, [CARD, CITY])
    key = derive_path(master_keys.get(KeyUsage.RK_SSSE), [top, CITY, CARD])
    assert cipher(open_psam, [CARD, CITY, top]) == auth.cryptogram(key, PROCESS, ORIGINAL, rules=auth.SAMPLE)


def test_process_factor_changes_the_cryptogram(open_psam: VirtualPSAM) -> None:
    first = cipher(open_psam, [CARD, CITY])
    command = sam.init_for_descrypt(sam.KeyType.MAC_ENCRYPT, 0x0A, [CARD, CITY], bytes(8))
    exchange(open_psam, command).require("init")
    assert exchange(open_psam, sam.descrypt(ORIGINAL)).data != first


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("BFDE480A10" + "00" * 16, "6700"),  # two levels announced, one sent
        ("BFDE480B18" + "00" * 24, "6A88"),  # no such key
        ("BFDE460A18" + "00" * 24, "6A88"),  # key of another type
        ("80FA000008" + "00" * 8, "6901"),  # nothing prepared
        ("80FA00000700000000000000", "6901"),
        ("807000001B" + "00" * 27, "6700"),
        ("8070000014" + "00" * 20, "6700"),  # no factor
        ("807000001C" + "00" * 19 + "01" + "00" * 8, "9403"),  # single DES
        ("807200000400000000", "6901"),
        ("0084000003", "6700"),
        ("00B0950006", "6A82"),
        ("80CA000000", "6D00"),
    ],
)
def test_refusals(open_psam: VirtualPSAM, command: str, expected: str) -> None:
    assert open_psam.transmit(bytes.fromhex(command)).hex().upper() == expected


def test_nothing_works_before_the_application_is_selected(psam: VirtualPSAM) -> None:
    assert psam.transmit(bytes.fromhex("BFDE480A18") + bytes(24)).hex() == "6985"


def test_terminal_number(psam: VirtualPSAM) -> None:
    assert exchange(psam, sam.read_terminal_number()).data.hex() == "430100000001"


def test_t0_answers_61_and_get_response(make_psam: Callable[..., VirtualPSAM]) -> None:
    psam = make_psam(SimSettings(get_response=True))
    psam.transmit(bytes.fromhex("00A4040006D15600000590"))
    psam.transmit(bytes.fromhex("BFDE480A18") + bytes(24))
    assert psam.transmit(bytes.fromhex("80FA000008") + bytes(8)).hex() == "6108"
    assert len(psam.transmit(bytes.fromhex("00C0000008"))) == 10


def test_keys_and_terminal_numbers_of_wrong_length_are_refused() -> None:
    with pytest.raises(InvalidValue):
        VirtualPSAM({"DPK": bytes(8)}, bytes(6), rng=bytes)
    with pytest.raises(InvalidValue):
        VirtualPSAM({}, bytes(5), rng=bytes)
