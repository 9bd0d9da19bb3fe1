"""Declarations, their vectors both ways, field paddings, and names that never lose half a character."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apdu.atr import historical_factor
from apdu.instructions import external_authenticate
from sbcard_core.card import identification, text
from sbcard_core.card.errors import IdentificationMalformed, RecordMalformed
from sbcard_core.card.files import Format, RecordDecl, decode_record, encode_record
from sbcard_core.card.layout import CardData, layout
from sbcard_core.card.profiles.v2 import SAMPLE, V2
from sbcard_core.errors import InvalidValue

RECORDS = [(file, record) for file in V2.files for record in file.records]
VECTORS = [(record, wire, value) for _, record in RECORDS for wire, value in record.vectors]

DATA = CardData(
    identification_code="639900D15600000500BF7C7A48FB4966",
    card_no="X00000019",
    issued_on="20101001",
    expires_on="20201001",
    issuer="639900",
    id_number="111111198101011110",
    name="张三",
    sex="1",
    ethnicity="01",
    birth_date="19810101",
)


@pytest.mark.parametrize(("record", "wire", "value"), VECTORS, ids=lambda item: getattr(item, "name", None))
def test_each_vector_both_ways(record: RecordDecl, wire: str, value: str) -> None:
    assert encode_record(record, value).hex().upper() == wire
    assert decode_record(record, bytes.fromhex(wire)) == value


def test_no_declaration_is_without_vectors() -> None:
    assert [record.name for _, record in RECORDS if not record.vectors] == []
    tags = [record.tag for _, record in RECORDS]
    assert len(set(tags)) == len(tags)


def test_record_numbers_of_the_second_generation() -> None:
    """Sex is record 4 and the extension of the name record 3; 1.x cards number them otherwise."""
    names = V2.file("SSSE/EF06")
    assert [(names.number(n), names.record(n).tag) for n in ("name_extension", "sex", "birth_date")] == [
        (3, 0x4E),
        (4, 0x0A),
        (7, 0x0D),
    ]


def test_records_are_longer_on_some_cards() -> None:
    card_no = V2.file("SSSE/EF05").record("card_no")
    assert decode_record(card_no, b"\x07\x19" + b"X00000019" + bytes(16)) == "X00000019"


@pytest.mark.parametrize("wire", ["", "08", "0801", "0A0132", "0812313131", "0A00"])
def test_what_is_not_the_record_is_refused(wire: str) -> None:
    with pytest.raises(RecordMalformed):
        decode_record(V2.file("SSSE/EF06").record("id_number"), bytes.fromhex(wire))


@pytest.mark.parametrize(
    ("name", "value"),
    [("sex", "12"), ("birth_date", "198101011"), ("birth_date", "1981-1-1"), ("birth_date", "１９８１０１０１")],
)
def test_what_does_not_fit_is_refused_without_repeating_it(name: str, value: str) -> None:
    with pytest.raises(RecordMalformed) as caught:
        encode_record(V2.file("SSSE/EF06").record(name), value)
    assert value not in str(caught.value)


@pytest.mark.parametrize("padding", ["00", "FF", "20", "2000", "00FF", ""])
def test_field_paddings_are_stripped(padding: str) -> None:
    record = replace(V2.file("SSSE/EF06").record("name"), length=30)
    value = bytes.fromhex("C0EEAB7C" + padding * 5)
    assert decode_record(record, bytes((0x09, len(value))) + value) == "李珅"


def test_half_a_character_is_an_error_where_nothing_can_heal_it() -> None:
    with pytest.raises(RecordMalformed):
        text.decode(bytes.fromhex("C0EEAB"))


NAMES = st.lists(st.sampled_from("古丽珅·张a𠮷䶮Ā"), max_size=30).map("".join)


@given(NAMES)
def test_names_survive_the_two_records(name: str) -> None:
    raw = name.encode("gb18030")
    try:
        head, rest = text.split_name(name)
    except RecordMalformed:
        assert len(raw) > 50 - 3  # only the room that a whole character can't use may be lost
        return
    assert head + rest == raw
    assert len(head) <= 30
    assert len(rest) <= 20
    head.decode("gb18030")
    rest.decode("gb18030")
    assert text.join_name(head.ljust(30, b"\x00"), rest.ljust(20, b"\xff")) == name


def test_layout_has_every_record_once_in_order() -> None:
    made = layout(V2, DATA)
    assert {path: [record[0] for record in records] for path, records in made.items()} == {
        "SSSE/EF05": [1, 2, 3, 4, 5, 6, 7],
        "SSSE/EF06": [0x08, 0x09, 0x4E, 0x0A, 0x0B, 0x0C, 0x0D],
    }
    assert all(record[1] == len(record) - 2 for records in made.values() for record in records)


@given(st.text("0123456789", max_size=24), st.integers(1, 12))
def test_digits_round_trip(value: str, length: int) -> None:
    record = RecordDecl(1, "sample", "样", Format.CN, length, "sample", ())
    if len(value) > 2 * length:
        with pytest.raises(RecordMalformed):
            encode_record(record, value)
    else:
        assert decode_record(record, encode_record(record, value)) == value


def test_person_is_not_in_any_repr() -> None:
    assert "张三" not in repr(DATA)
    assert not re.search(r"1111111981|19810101", repr(DATA))


def test_identification_code_of_the_published_3_00_card() -> None:
    code = identification.parse_code("542600D1560000050002814109FCC0B2")
    assert (code.region, code.serial) == ("542600", "00028141")
    factor = historical_factor(bytes.fromhex("3B6D0000" + "0096DF21018649542600028141"))
    assert factor.hex().upper() == "8649542600028141"
    atr = identification.make_atr(factor, chip=bytes.fromhex("0096DF2101"))
    assert atr.hex().upper() == "3B6D0000" + "0096DF21018649542600028141"


def test_external_authentication_of_the_published_exchange() -> None:
    answer = bytes.fromhex("0FA0893931E4BEB68E18CF183BED0E13")
    command = external_authenticate(0x0A, answer[:8], answer[8:]).encode()
    assert command.hex().upper() == "0082000A10" + answer.hex().upper()


@pytest.mark.parametrize(
    "code", ["", "639900D15600000500BF7C7A48FB496", "63990AD15600000500BF7C7A48FB4966", "639900" + "0" * 26, "z" * 32]
)
def test_what_is_no_identification_code(code: str) -> None:
    with pytest.raises(IdentificationMalformed) as caught:
        identification.parse_code(code)
    assert caught.value.driver_code == -20


@pytest.mark.parametrize(("region", "serial"), [("43010", 4), ("4301００", 4), ("430100", 3), ("43010A", 4)])
def test_make_code_refuses(region: str, serial: int) -> None:
    with pytest.raises(InvalidValue):
        identification.make_code(region, bytes(serial))


@pytest.mark.parametrize(
    ("fci", "algorithm"),
    [
        ("6F069F0C03860103", 3),
        ("6F069F0C03860101", 1),
        ("6F069F0C03860102", 2),
        ("", 1),
        ("6F", 1),
        ("6F00", 1),
        ("6F0E6505AACAADDEDF9F0C03860103", 3),
        ("6F0E6505AACAADDEDF9F0C03860102", 2),
        ("6F076505AACAADDEDF", 1),
    ],
)
def test_algorithm_identifier(fci: str, algorithm: int) -> None:
    assert identification.algorithm_of_fci(bytes.fromhex(fci)) == algorithm


def test_the_sample_differs_from_the_facts_only_in_what_is_assumed() -> None:
    assert replace(SAMPLE, name=V2.name, assumed=V2.assumed) == V2


@pytest.mark.parametrize("name", ["张三", "李珅", "古丽·热合曼", "张三（小）", "欧阳春天"])
def test_a_name_in_utf8_is_not_read_as_another_name(name: str) -> None:
    assert name != name.encode("utf-8").decode("gb18030", "replace")
    with pytest.raises(RecordMalformed) as refused:
        text.decode(name.encode("utf-8").ljust(30, b"\x00"))
    assert name not in str(refused.value)
    assert text.decode(name.encode("gb18030").ljust(30, b"\x00")) == name


@pytest.mark.parametrize("name", ["谢小平", "茅盾", "路遥", "José", "欧阳䶮", "翁帆"])
def test_a_name_that_only_looks_like_utf8_is_read(name: str) -> None:
    assert text.decode(name.encode("gb18030").ljust(30, b"\xff")) == name
