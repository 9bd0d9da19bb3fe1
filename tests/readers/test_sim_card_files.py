"""The virtual card's files: how they are selected, read and written, and what is refused."""

from collections.abc import Callable

import pytest

from apdu import tlv
from readers.sim.card import VirtualCard
from readers.sim.settings import SimSettings
from sbcard_core.errors import InvalidValue

SSSE = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"


def send(card: VirtualCard, *commands: str) -> str:
    answer = b""
    for command in commands:
        answer = card.transmit(bytes.fromhex(command))
    return answer.hex().upper()


def test_select_ssse_names_the_algorithm(card: VirtualCard) -> None:
    fci = tlv.parse_ber(card.transmit(bytes.fromhex(SSSE))[:-2])
    marker = tlv.find(fci, 0x9F0C)
    assert marker is not None
    assert marker.value.hex() == "860101"  # 01 = 3DES


@pytest.mark.parametrize("how", ["00A4000002EF05", "00A4020002EF05"])
def test_elementary_file_by_fid_in_both_field_forms(card: VirtualCard, how: str) -> None:
    assert send(card, SSSE, how, "00B2030406") == "0304322E30309000"


@pytest.mark.parametrize(
    ("number", "tag"),
    [
        ("00B201040C", "00B2082814"),
        ("00B2013400", "00B2083000"),
        ("00B2043403", "00B20A3003"),
        ("00B2073400", "00B20D3000"),
    ],
)
def test_number_and_tag_reach_the_same_record_of_ef06(card: VirtualCard, number: str, tag: str) -> None:
    by_tag = send(card, SSSE, tag.replace("28", "30"))
    assert send(card, SSSE, "00A4000002EF06", number) == by_tag
    assert by_tag.endswith("9000")


def test_ordinals_of_the_second_generation(card: VirtualCard) -> None:
    tags = [send(card, SSSE, f"00B2{number:02X}3400")[:2] for number in range(1, 8)]
    assert tags == ["08", "09", "4E", "0A", "0B", "0C", "0D"]
    tags = [send(card, SSSE, f"00B2{number:02X}2C00")[:2] for number in range(1, 8)]
    assert tags == ["01", "02", "03", "04", "05", "06", "07"]


def test_name_whose_second_byte_is_a_bar_survives(card: VirtualCard) -> None:
    record = bytes.fromhex(send(card, SSSE, "00B2093000"))[2:-2]
    assert record.rstrip(b"\x00").decode("gb18030") == "李珅"
    assert len(record) == 30


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (["00A4040008A000000333010101"], "6A82"),
        (["00A4000002EF05"], "6A82"),  # not in the MF
        ([SSSE, "00A4000002EF15"], "6A82"),
        ([SSSE, "00B2010400"], "6986"),  # no current file
        ([SSSE, "00B2082C00"], "6A83"),  # record 8 of 7
        ([SSSE, "00B2553000"], "6A83"),  # no such tag
        ([SSSE, "00B2002C00"], "6A83"),
        ([SSSE, "00B2012D00"], "6A86"),
        ([SSSE, "00B2010C00"], "6A82"),  # short identifier of no file
        (["00A4000003EF0500"], "6700"),
        (["00A4030002EF05"], "6A86"),
        (["00CA000000"], "6D00"),
        (["A0A4000000"], "6E00"),
        (["00A4"], "6700"),
        (["00A40400FF00"], "6700"),
    ],
)
def test_refusals(card: VirtualCard, commands: list[str], expected: str) -> None:
    assert send(card, *commands) == expected


def test_writing_needs_the_update_key(card: VirtualCard) -> None:
    assert send(card, SSSE, "00DC0A30030A0132") == "6982"
    assert send(card, SSSE, "00B20A3000") == "0A01319000"


def test_reset_closes_everything(card: VirtualCard) -> None:
    send(card, SSSE, "00A4000002EF05")
    assert card.reset() == card.atr
    assert send(card, "00B2010400") == "6986"


def test_t0_manners(make_card: Callable[..., VirtualCard]) -> None:
    card = make_card(SimSettings(get_response=True))
    assert send(card, SSSE)[:2] == "61"
    waiting = int(send(card, SSSE)[2:], 16)
    assert send(card, f"00C00000{waiting + 1:02X}") == f"6C{waiting:02X}"
    assert send(card, f"00C00000{waiting:02X}").startswith("6F")
    assert send(card, "00C0000001") == "6985"
    assert send(card, "00B2032C00") == "6C06"
    assert send(card, "00B2032C06") == "0304322E30309000"


def test_order_with_a_wrong_check_value_makes_no_card(make_card: Callable[..., VirtualCard], order_line: dict) -> None:
    kcv = {**order_line["kcv"], "DPK": "000000"}
    with pytest.raises(InvalidValue, match="DPK") as caught:
        make_card(kcv=kcv)
    assert order_line["keys"]["DPK"].lower() not in str(caught.value).lower()


def test_wrong_transport_key_makes_no_card(order_line: dict) -> None:
    with pytest.raises(InvalidValue, match="check value"):
        VirtualCard.from_order(order_line, bytes(16), rng=bytes)


def test_third_generation_opens_ef06_only_to_the_read_key(make_card: Callable[..., VirtualCard]) -> None:
    card = make_card(version="3.00")
    assert send(card, SSSE, "00B2012C00").endswith("9000")
    assert send(card, "00B2083000") == "6982"
