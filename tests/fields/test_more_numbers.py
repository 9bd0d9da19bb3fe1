"""Every number's four verbs and its bulk form: vectors, invalid cases, other implementations, laws."""

from collections.abc import Callable
from datetime import date
from types import ModuleType

import numpy as np
import pytest
import stdnum.cn.ric
import stdnum.cn.uscc
from hypothesis import given
from hypothesis import strategies as st
from id_validator import validator

from sbcard_core.card import identification
from sbcard_core.errors import InvalidValue
from sbcard_core.fields import (
    bank_card,
    card_number,
    citizen_id,
    foreign_resident,
    identification_code,
    name,
    phone,
    region,
    social_credit,
    travel_permit,
)
from sbcard_core.fields.gb18030 import Unencodable

ON = date(2026, 1, 1)

GOOD: dict[ModuleType, list[str]] = {
    citizen_id: [
        "11010519491231002X",
        "610104196209276908",
        "610104620927690",
        "810000199408230021",
        "830000199201300022",
        "911398199012310021",
    ],
    foreign_resident: ["KAZ110090123105", "911398199012310021"],
    travel_permit: ["H12345678", "M1234567801", "HA123456"],
    card_number: ["B00000019", "X00000019"],
    identification_code: ["639900D15600000500BF7C7A48FB4966", "430100D15600000500000001FFFFFFFF"],
    bank_card: ["6228480000000000018"],
    social_credit: ["91350100M000100Y43", "91110000600037341L"],
    phone: ["13800138000", "073184900001"],
    region: ["430122", "830000", "911398"],
    name: ["张三", "阿依古丽·买买提"],
}

BAD: list[tuple[ModuleType, str, int]] = [
    (citizen_id, "11010519491231002x", citizen_id.CHARACTERS),
    (citizen_id, "１1010519491231002X", citizen_id.CHARACTERS),
    (citizen_id, "11010519491231002X ", citizen_id.CHARACTERS),
    (citizen_id, "1101051949123100", citizen_id.CHARACTERS),
    (citizen_id, "", citizen_id.CHARACTERS),
    (citizen_id, "99010519491231002X", citizen_id.REGION | citizen_id.CHECK),
    (citizen_id, "110105194912310021", citizen_id.CHECK),
    (citizen_id, "110105194902310028", citizen_id.DATE | citizen_id.CHECK),
    (citizen_id, "810000620927690", citizen_id.REGION),  # the permits never had 15 digits
    (citizen_id, "911398901231002", citizen_id.REGION),
    (citizen_id, "610104621327690", citizen_id.DATE),
    (citizen_id, "KAZ110090123105", citizen_id.CHARACTERS),
    (foreign_resident, "KAZ110090123107", foreign_resident.CHECK),
    (foreign_resident, "KAZ990090123109", foreign_resident.AREA | foreign_resident.CHECK),
    (foreign_resident, "KAZ110090023105", foreign_resident.DATE | foreign_resident.CHECK),
    (foreign_resident, "KA1110090123105", foreign_resident.CHARACTERS),
    (foreign_resident, "kaz110090123105", foreign_resident.CHARACTERS),
    (foreign_resident, "11010519491231002X", foreign_resident.CHARACTERS),
    (foreign_resident, "911398199012310022", foreign_resident.CHECK),
    (foreign_resident, "911398199002310021", foreign_resident.DATE | foreign_resident.CHECK),
    (travel_permit, "H123456789", travel_permit.FORM),
    (travel_permit, "T12345678", travel_permit.FORM),
    (travel_permit, "h12345678", travel_permit.FORM),
    (card_number, "B00000018", card_number.CHECK),
    (card_number, "b00000019", card_number.CHARACTERS),
    (card_number, "B0000001", card_number.CHARACTERS),
    (card_number, "430102000", card_number.CHECK | card_number.LEGACY),
    (card_number, "4301020123456789", card_number.LEGACY),
    (identification_code, "639900D15600000500BF7C7A48FB496", identification_code.CHARACTERS),
    (identification_code, "639900d15600000500BF7C7A48FB4966", identification_code.CHARACTERS),
    (identification_code, "63990AD15600000500BF7C7A48FB4966", identification_code.REGION),
    (identification_code, "639900D15600000600BF7C7A48FB4966", identification_code.IDENTIFIER),
    (bank_card, "62284800001", bank_card.LENGTH | bank_card.LUHN),
    (bank_card, "6228 480000000000018", bank_card.CHARACTERS),
    (social_credit, "91350100M000100Y4Z", social_credit.CHARACTERS),  # GB 32100's own counter-example: Z is unused
    (social_credit, "91350100M000100Y44", social_credit.CHECK),
    (social_credit, "9135010AM000100Y43", social_credit.REGION | social_credit.CHECK),
    (phone, "12800138000", phone.FORM),
    (phone, "84900001", phone.FORM),
    (phone, "138-0013-8000", phone.CHARACTERS),
    (region, "990101", region.PROVINCE),
    (region, "43010", region.CHARACTERS),
    (name, "张3", name.Problem.CHARACTER.bit),
    (name, "", name.Problem.MISSING.bit),
]
WITH_DAY = {citizen_id, foreign_resident}


def bulk(module: ModuleType, values: list[str]) -> list[int]:
    return list(module.check_many(values, on=ON) if module in WITH_DAY else module.check_many(values))


@pytest.mark.parametrize(("module", "number"), [(module, number) for module in GOOD for number in GOOD[module]])
def test_good_numbers_pass_every_verb(module: ModuleType, number: str) -> None:
    assert module.is_valid(number)
    assert module.validate(number) == number
    assert module.compact(number) == number
    assert module.compact(module.format(number)) == number


@pytest.mark.parametrize(("module", "number", "bits"), BAD)
def test_bad_numbers_say_every_rule_they_break(module: ModuleType, number: str, bits: int) -> None:
    assert bulk(module, [number]) == [bits]
    assert not module.is_valid(number)


@pytest.mark.parametrize("module", GOOD)
def test_errors_never_repeat_the_value(module: ModuleType) -> None:
    for owner, number, _ in BAD:
        if owner is module and not module.is_valid(module.compact(number)):
            with pytest.raises(InvalidValue) as caught:
                module.validate(number)
            assert not number or number not in f"{caught.value}{caught.value!r}"


@pytest.mark.parametrize("module", GOOD)
def test_one_bad_value_never_stops_a_column(module: ModuleType) -> None:
    column = [GOOD[module][0], None, "\ud800", b"\xff", "é!" * 18, "\0" * 18, "9" * 10_000, GOOD[module][0]]
    masks = bulk(module, column)  # type: ignore[arg-type]
    assert masks[0] == masks[-1] == 0
    assert len(masks) == len(column)
    assert all(masks[1:-1])


TEXT = st.one_of(
    st.text(max_size=20),
    st.text("0123456789X", min_size=15, max_size=18),
    st.sampled_from([number for numbers in GOOD.values() for number in numbers]),
    st.sampled_from([number for _, number, _ in BAD]),
)
WARNINGS = {
    card_number: card_number.LEGACY,
    bank_card: bank_card.LUHN,
    phone: phone.LAND_LINE,
    travel_permit: travel_permit.OLD,
}


@given(st.sampled_from(list(GOOD)), st.lists(TEXT, max_size=6))
def test_bulk_equals_single(module: ModuleType, column: list[str]) -> None:
    """A number is valid where no bit but a warning's is set; legacy card numbers are valid only on request."""
    masks = bulk(module, column)
    warnings = WARNINGS.get(module, 0)
    if module is region:
        warnings = region.COUNTY | region.TIME
    if module is card_number:
        assert [mask == 0 for mask in masks] == [module.is_valid(text) for text in column]
    else:
        assert [not mask & ~warnings for mask in masks] == [
            module.is_valid(text) if module not in WITH_DAY else module.is_valid(text, on=ON) for text in column
        ]


@given(st.sampled_from(list(GOOD)), TEXT)
def test_compact_is_idempotent_and_what_it_gives_is_judged(module: ModuleType, text: str) -> None:
    once = module.compact(text)
    assert module.compact(once) == once


SHAPES: list[Callable[[list[str]], object]] = [
    lambda column: "".join(column).encode(),
    lambda column: np.array(column, dtype="S"),
    np.array,
    lambda column: np.array(column, dtype=object),
    tuple,
    iter,
]


@pytest.mark.parametrize(("module", "length"), [(citizen_id, 18), (social_credit, 18), (card_number, 9), (region, 6)])
@pytest.mark.parametrize("shape", SHAPES)
def test_rows_and_columns_give_the_same(module: ModuleType, length: int, shape: Callable[[list[str]], object]) -> None:
    column = [number for number in GOOD[module] if len(number) == length]
    column += [number for owner, number, _ in BAD if owner is module and len(number) == length and number.isascii()]
    assert bulk(module, shape(column)) == bulk(module, column)  # type: ignore[arg-type]


@pytest.mark.parametrize("module", GOOD)
def test_one_text_is_no_column(module: ModuleType) -> None:
    with pytest.raises(InvalidValue):
        bulk(module, GOOD[module][0])  # type: ignore[arg-type]


@given(st.text("0123456789", min_size=17, max_size=17))
def test_citizen_check_against_another_implementation(body: str) -> None:
    assert citizen_id.check_digit(body) == stdnum.cn.ric.calc_check_digit(body + "0")


@pytest.mark.parametrize("number", GOOD[citizen_id][:5])
def test_id_validator_accepts_the_same_vectors(number: str) -> None:
    assert validator.is_valid(number)


@given(st.text(social_credit.ALPHABET, min_size=17, max_size=17))
def test_social_credit_check_against_another_implementation(body: str) -> None:
    assert social_credit.check_character(body) == stdnum.cn.uscc.calc_check_digit(body + "0")


@given(st.integers(0, 999_999), st.binary(min_size=4, max_size=4))
def test_codes_the_card_room_makes_are_valid(code: int, serial: bytes) -> None:
    made = identification.make_code(f"{code:06d}", serial)
    assert identification_code.is_valid(made)
    assert identification.parse_code(made).serial == serial.hex().upper()


def test_mrz_weights() -> None:
    """ICAO 9303's own example: 520727 gives 3, AB2134<<< gives 5; letters count from A = 10."""
    assert foreign_resident.check_digit("520727" + "0" * 8) == "3"
    assert foreign_resident.check_digit("AB2134" + "0" * 8) == "5"


@given(st.integers(0, 13), st.sampled_from("0123456789"))
def test_one_wrong_digit_of_the_old_form_is_found_unless_five_away(place: int, digit: str) -> None:
    good = "KAZ110090123105"
    if place < 3 or good[place] == digit:
        return
    changed = good[:place] + digit + good[place + 1 :]
    assert foreign_resident.check_digit(changed[:-1]) != good[-1]  # 7, 3 and 1 are prime to 10


def test_kinds() -> None:
    kinds = [citizen_id.kind(number).value for number in GOOD[citizen_id]]
    assert kinds == ["citizen", "citizen", "citizen_15", "hong_kong", "taiwan", "foreigner"]


def test_renewals_of_one_permit_are_one_holder() -> None:
    assert {travel_permit.holder(number) for number in ("H12345678", "H1234567800", "h 12345678 07")} == {"H12345678"}
    assert travel_permit.holder("H12345679") != "H12345678"


def test_issuers_are_data() -> None:
    own = bank_card.load_issuers("62284801 999  # our own\n6228 103\n")
    assert bank_card.issuer("6228480100000000018", own) == "999"
    assert bank_card.issuer("6228490000000000018", own) == "103"
    assert list(bank_card.check_many(["6228480000000000018"], ranges={})) == [bank_card.ISSUER]
    for broken in ("622848", "abc 103", "123 103", "622848 103 x"):
        with pytest.raises(bank_card.InvalidBankCard):
            bank_card.load_issuers(broken)


def test_a_passbook_account_is_only_warned_of() -> None:
    assert list(bank_card.check_many(["43001500000000000"])) in ([0], [bank_card.LUHN])
    assert bank_card.is_valid("43001500000000000")


def test_sex_may_be_a_column() -> None:
    rows = ["11010519491231002X", "610104196209276908"]
    assert list(citizen_id.check_many(rows, sex=["2", "1"], on=ON)) == [0, citizen_id.SEX]
    with pytest.raises(InvalidValue):
        citizen_id.check_many(rows, sex=["2"], on=ON)


def test_unencodable_tells_code_points_only() -> None:
    assert "𠮷" not in str(Unencodable(name.Encoding.GBK, ["𠮷"]))


@pytest.mark.parametrize(
    "written",
    [
        "ｈ１２３４５６７８（０１）",
        "H 1234-5678(01)",
        "\u200eH12345678\u00a001",
        "Ｈ１２３４５６７８－０１",
        '="H1234567801"',
    ],
)
def test_a_travel_permit_in_any_spelling_has_one_form(written: str) -> None:
    assert travel_permit.compact(written) == travel_permit.validate(written) == "H1234567801"


@pytest.mark.parametrize("module", [travel_permit, foreign_resident, social_credit])
def test_blanks_and_marks_of_every_kind_are_no_part_of_a_number(module: ModuleType) -> None:
    for number in GOOD[module]:
        wide = "".join(chr(ord(one) + 0xFEE0) for one in number)
        parted = [f"\u200e{number[:4]}\u00a0{number[4:]}", f"{number[:4]}\u2010{number[4:]}\r\n"]
        for written in (*parted, wide, f'="{number}"'):
            assert module.compact(written) == number


@pytest.mark.parametrize(
    "written", ["６２２８４８００００００００００１８", "622848000000000001²", "6228 480000000000018"]
)
def test_a_column_of_bank_cards_takes_plain_digits_only(written: str) -> None:
    assert list(bank_card.check_many([written, "6228480000000000018"])) == [bank_card.CHARACTERS, 0]
