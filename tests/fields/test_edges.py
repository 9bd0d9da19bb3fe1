"""Numbers at their edges: one character too few or too many, one rule broken at a time, what is left as it is."""

from collections.abc import Callable
from datetime import date

import numpy as np
import pytest

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import (
    _rows,
    bank_card,
    card_number,
    citizen_id,
    encodings,
    foreign_resident,
    gb18030,
    gbt2260,
    identification_code,
    legacy,
    name,
    phone,
    region,
    region_history,
    social_credit,
    travel_permit,
)
from sbcard_core.fields.gb18030 import Encoding
from sbcard_core.fields.identifiers import PersonName

ON = date(2014, 7, 31)
CITIZEN, CREDIT, CODE = "11010519491231002X", "91350100M000100Y43", "639900D15600000500BF7C7A48FB4966"


@pytest.mark.parametrize(
    ("call", "body"),
    [
        (citizen_id.check_digit, CITIZEN[:17]),
        (citizen_id.upgrade, "610104620927690"),
        (social_credit.check_character, CREDIT[:17]),
        (card_number.check_character, "B0000001"),
        (foreign_resident.check_digit, "KAZ11009012310"),
    ],
)
def test_a_body_has_its_length_and_its_alphabet(call: Callable[[str], str], body: str) -> None:
    assert call(body)
    for wrong in (body[:-1], body + "0", body[:-1] + "１", body[:-1] + "é", body[:-1] + "?", ""):
        with pytest.raises(InvalidValue):
            call(wrong)


@pytest.mark.parametrize(("digits", "bits"), [(11, 2), (12, 0), (19, 0), (20, 2)])
def test_an_account_has_12_to_19_digits(digits: int, bits: int) -> None:
    body = "6" * (digits - 1)
    number = body + bank_card.check_digit(body)
    assert bank_card.check_many([number])[0] == bits
    assert bank_card.is_valid(number) == (bits == 0)


def test_one_digit_has_no_luhn_digit() -> None:
    assert not any(bank_card.luhn_is_right(text) for text in ("", "0", "7", "1٣", "a0"))
    assert bank_card.luhn_is_right("00")
    assert bank_card.luhn_is_right("18")


def test_issuer_ranges_are_of_4_to_10_digits_and_the_longest_counts() -> None:
    table = bank_card.load_issuers("6228 103\n6228480100 999\n\n# note\n")
    assert table == {"6228": "103", "6228480100": "999"}
    assert bank_card.issuer("6228480100000000018", table) == "999"
    assert bank_card.issuer("6228480200000000018", table) == "103"
    assert bank_card.issuer("622", table) == ""
    for line in ("622 103", "62284801000 103", "6228", "6228 103 1", "622x 103", "６２２８ 103"):
        with pytest.raises(bank_card.InvalidBankCard):
            bank_card.load_issuers(line)


@pytest.mark.parametrize(("number", "shown"), [("62284800001", "*" * 11), ("622848000012", "622848**0012")])
def test_a_short_account_is_hidden_whole(number: str, shown: str) -> None:
    assert bank_card.mask(number) == shown


def test_a_card_number_has_nine_characters() -> None:
    for number in ("B0000001", "B000000190", ""):
        with pytest.raises(card_number.InvalidCardNumber, match="9 characters"):
            card_number.validate(number)
        assert not card_number.is_valid(number)
        assert card_number.format(number) == number
    with pytest.raises(card_number.InvalidCardNumber, match="check character"):
        card_number.validate("B00000018")


@pytest.mark.parametrize(("digits", "is_old"), [(8, False), (9, True), (10, True), (19, True), (20, False)])
def test_older_card_numbers_have_9_to_19_digits(digits: int, is_old: bool) -> None:
    number = "430102000000000000000"[:digits]
    assert card_number.is_legacy(number) == is_old
    if is_old:
        assert card_number.validate(number, legacy=True) == number
        with pytest.raises(card_number.InvalidCardNumber):
            card_number.validate(number)


def test_card_numbers_are_made_for_every_serial_that_fits() -> None:
    assert card_number.make(0, "A") == "A00000000"[:8] + card_number.check_character("A0000000")
    assert card_number.make(9_999_999, "A")[:8] == "A9999999"
    assert card_number.make(9, "ABCDEF1")[:8] == "ABCDEF19"
    for serial, prefix in ((10_000_000, "A"), (-1, "A"), (10, "ABCDEF1"), (0, ""), (0, "ABCDEF12"), (0, "ABCDEF123")):
        with pytest.raises(card_number.InvalidCardNumber, match="prefix and serial make more"):
            card_number.make(serial, prefix)


def test_an_error_names_the_rules_that_are_broken_and_no_other() -> None:
    cases = [
        (citizen_id.validate, CITIZEN[:17] + "1", "校验码"),
        (citizen_id.validate, "x", "号码字符"),
        (citizen_id.validate, "99010519491231002X", "地区码、校验码"),
        (social_credit.validate, CREDIT[:17] + "4", social_credit._REASONS[social_credit.CHECK][1]),
        (foreign_resident.validate, "KAZ110090123106", "校验码"),
        (foreign_resident.validate, "KAZ99009012310" + foreign_resident.check_digit("KAZ99009012310"), "受理地区"),
    ]
    for call, number, term in cases:
        with pytest.raises(InvalidValue) as error:
            call(number)
        assert error.value.term == term, number
    with pytest.raises(identification_code.InvalidIdentificationCode) as found:
        identification_code.validate(CODE[:6] + "D156000006" + CODE[16:])
    assert found.value.what == "another identifier than D156000005"


def test_births_before_1900_are_right_or_not_by_every_part() -> None:
    right = "610104186209279966"
    assert legacy.is_right(right, on=ON)
    body = "61010418630229996"  # no leap year
    assert not legacy.is_right(body + citizen_id.check_digit(body), on=ON)
    body = "61010418640229996"
    assert legacy.is_right(body + citizen_id.check_digit(body), on=ON)
    for wrong in (
        right[:-1] + "5",
        right[:14] + "A966",
        right[:17],
        right + "1",
        "99" + right[2:],
        right[:10] + "1327" + right[14:],
    ):
        assert not legacy.is_right(wrong, on=ON), wrong
    assert [number[6:8] for number in legacy.lengthen("610104620927996", on=ON)] == ["18", "19"]
    for text in ("61010462092799", "6101046209279966", "61010462092799６", ""):
        assert legacy.lengthen(text, on=ON) == ()
        assert not legacy.is_legacy(text)


@pytest.mark.parametrize("number", ["073184900001", "84900001", "1380013800", "138001380000", "12800138000"])
def test_only_a_mobile_is_grouped(number: str) -> None:
    assert phone.format(number) == number


def test_phones_at_their_edges() -> None:
    assert phone.compact("8613800138000") == "13800138000"
    assert phone.compact("861380013800") == "861380013800"
    assert phone.mask("1380013800") == "*" * 10
    assert phone.mask("13800138000") == "138****8000"
    assert list(phone.check_many(["12800138000", "１3800138000", ""])) == [2, 1, 1]


def test_every_division_lies_in_its_parent() -> None:
    table = region.load_hunan()
    assert (table["430102"].parent, table["430100"].parent, table["430000"].parent) == ("430100", "430000", "")
    assert all(table[one.parent].code == one.parent for one in table.values() if one.parent)
    assert region.city_of("430102").code == region.city_of("430100").code == "430100"
    for code in ("430000", "430199", "440101", "990101", ""):
        with pytest.raises(InvalidValue):
            region.city_of(code)
    with pytest.raises(InvalidValue):
        region.counties("430102")
    for code in ("990000", "430001", "4300", "83"):
        with pytest.raises(InvalidValue):
            region.name_of(code)


def test_a_county_that_ended_is_told_with_its_successors_if_it_has_any() -> None:
    followed = region_history.status("430122", date(2013, 5, 1))
    assert followed.reason is not None
    assert ", then 430112望城区" in followed.reason.en
    assert "，后为430112望城区" in followed.reason.zh
    alone = [
        code for code in gbt2260.codes()
        if 1984 < gbt2260.last_year(code) < 2010 and not code.endswith(("00", "01"))
        and not any(division.became for division in gbt2260.divisions(code))
    ]  # fmt: skip
    for code in alone[:20]:
        told = region_history.status(code, date(2013, 5, 1))
        assert told.outcome is region_history.RegionOutcome.NOT_IN_FORCE
        assert told.reason is not None
        assert ", then" not in told.reason.en
        assert "后为" not in told.reason.zh


def test_tables_of_bits_have_a_bit_for_every_six_digits() -> None:
    assert (
        len(region_history.county_bits())
        == len(region_history.settled_bits(ON))
        == len(citizen_id.known_regions())
        == 125_000
    )
    for bits in (region_history.county_bits(), citizen_id.known_regions()):
        assert not bits[999_999 >> 3] >> (999_999 & 7) & 1
        assert not bits[0] & 1


def test_region_codes_of_other_lengths_stay_as_they_are() -> None:
    assert (region.format("43012"), region.format("430122")) == ("43012", "43 01 22")
    assert [region.is_valid(code) for code in ("830000", "930112", "900000", "43012", "4301222", "43012x")] == [
        True, False, False, False, False, False,
    ]  # fmt: skip
    with pytest.raises(InvalidValue, match="as many birth years"):
        region_history.check_many(["430122"], birth_years=[1990, 1991])


def test_rows_of_any_buffer_are_its_plain_bytes() -> None:
    for values, count in (
        (np.array([b"123", b"456"]), 6),
        (np.zeros((2, 3), np.uint8), 6),
        (np.zeros((0, 3), np.uint8), 0),
        (b"", 0),
    ):
        view = memoryview(_rows.rows(values, 3))
        assert (view.nbytes, view.format if count else "B", view.ndim if count else 1) == (count, "B", 1)
    for values in (b"1234", np.zeros((4, 3), np.uint8)[::2]):
        with pytest.raises(InvalidValue, match="contiguous rows of 3 bytes"):
            _rows.rows(values, 3)
    assert bytes(_rows.rows(["12", "123", "１23", "1234"], 3)) == b"\0\0\x00123\0\0\0\0\0\0"
    assert _rows.texts([b"ab", None, 3, "x"]) == ["ab", "", "", "x"]


@pytest.mark.parametrize(("first", "last"), [("Ａ", "Ｚ"), ("ａ", "ｚ")])
def test_full_width_letters_of_a_name_become_plain(first: str, last: str) -> None:
    wide = "".join(map(chr, range(ord(first), ord(last) + 1)))
    plain = "".join(chr(ord(letter) - 0xFEE0) for letter in wide)
    assert name.normalise(wide) == (plain, (name.Change.WIDTH,))


def test_names_at_their_limits() -> None:
    assert [name.problems("张" * count) for count in (25, 26)] == [[], [name.Problem.TOO_LONG]]
    assert name.problems("A" * 50) == []
    assert name.problems("A" * 51) == [name.Problem.TOO_LONG]
    assert name.cut("张三丰", 4, Encoding.GBK) == "张三"
    assert name.cut("张三丰", 5, Encoding.GBK) == "张三"
    assert name.cut("张三丰", 6, Encoding.GBK) == "张三丰"
    assert [name.fits("张三", size, Encoding.GBK) for size in (3, 4)] == [False, True]
    for text in ("Smith Jr.", "Smith, John", "J. Smith", "O'Neil", "Anne-Marie"):
        assert name.problems(text) == [], text
    for text in (".", "Smith..", "-Ann", "Ann-", "Smith,John", "张, 三", "'"):
        assert name.Problem.CHARACTER in name.problems(text), text


def test_private_use_is_told_by_its_borders() -> None:
    edges = {
        "\udfff": False,
        "\ue000": True,
        "\uf8ff": True,
        "\uf900": False,
        "\U000effff": False,
        "\U000f0000": True,
        "\U0010ffff": True,
    }
    assert {mark: gb18030.is_private(mark) for mark in edges} == edges
    assert gb18030.byte_length("\ud800", Encoding.GB18030) == 4
    assert gb18030.byte_length("张𠮷", Encoding.GBK) == 6
    assert gb18030.lacking("张𠮷a", Encoding.GBK) == ["𠮷"]


def test_permits_at_their_edges() -> None:
    forms = [
        "H1234567",
        "H12345678",
        "H123456789",
        "H1234567801",
        "HA12345",
        "HA123456",
        "HA1234567",
        "HA12345678",
        "A12345678",
    ]
    assert list(travel_permit.check_many(forms)) == [1, 0, 1, 0, 1, 2, 2, 1, 1]
    assert travel_permit.holder("HA123456") == "HA123456"
    assert travel_permit.format("HA123456") == "HA123456"
    old = [
        "KAZ110090123105",
        "KA1110090123105",
        "KAZ11009012310A",
        "KAZ1100901231",
        "KAZ110090133105",
        "kaz110090123105",
    ]
    assert [bool(bits) for bits in foreign_resident.check_many(old, on=ON)] == [False, True, True, True, True, True]
    assert foreign_resident.check_many([CITIZEN], on=ON)[0] == foreign_resident.CHARACTERS


def test_codes_of_chips_and_firms_are_judged_part_by_part() -> None:
    other = "1" if CODE[10] != "1" else "2"
    codes = [
        CODE,
        CODE.lower(),
        CODE[:31],
        CODE + "0",
        "A" + CODE[1:],
        CODE[:10] + other + CODE[11:],
        CODE[:5] + "A" + CODE[6:],
    ]
    assert list(identification_code.check_many(codes)) == [0, 1, 1, 1, 2, 4, 2]
    assert identification_code.format(CODE[:31]) == CODE[:31]
    firms = [
        CREDIT,
        CREDIT[:17] + "4",
        CREDIT.lower(),
        CREDIT[:17],
        "0" * 18,
        CREDIT[:7] + "A" + CREDIT[8:],
        CREDIT[:2] + "A" + CREDIT[3:],
    ]
    found = list(social_credit.check_many(firms))
    assert found[:5] == [
        0,
        social_credit.CHECK,
        social_credit.CHARACTERS,
        social_credit.CHARACTERS,
        social_credit.CHARACTERS,
    ]
    assert all(bits & social_credit.REGION for bits in found[5:])


def test_provinces_are_those_of_the_region_table_and_the_permits() -> None:
    assert {int(code) for code in region_history.PROVINCES} | {83} == citizen_id.PROVINCES
    bits = np.unpackbits(np.frombuffer(citizen_id.known_regions.__wrapped__(), np.uint8), bitorder="little")
    codes = np.arange(1_000_000)
    heads = np.where(codes < 900_000, codes // 10_000, (codes - 900_000) // 1_000)
    assert np.array_equal(bits.astype(bool), np.isin(heads, sorted(citizen_id.PROVINCES)))


def test_small_parts_of_other_numbers() -> None:
    assert name.fold("张\ue000") != name.fold("张")
    for code, shown in (("990101", "990"), ("680101", "68")):
        reason = region_history.status(code).reason
        assert reason is not None
        assert reason.en == f"no province has the code {shown}"
    body = "91999999MA0010000"
    assert social_credit.check_many([body + social_credit.check_character(body)])[0] == 0
    assert gb18030.modern("\ue000") == "\ue000"


def test_errors_of_numbers_and_names_say_every_reason_in_both_languages() -> None:
    with pytest.raises(InvalidValue) as wrong:
        citizen_id.validate("99010519491231002X")
    assert wrong.value.what == "the province code is unknown; the check character is another one"
    assert "没有该省级代码；校验码不符" in wrong.value.in_language("zh")
    with pytest.raises(InvalidValue) as wrong:
        name.validate("3" * 60)
    assert wrong.value.what == "the name has problems: too_long; character"
    assert "姓名有误：超长；含有姓名中不用的字符" in wrong.value.in_language("zh")
    for problem in name.Problem:
        assert name.InvalidName([problem]).in_language("zh").startswith("姓名有误")


def test_no_birth_lies_behind_the_last_day_the_kernels_count() -> None:
    for born, is_good in (("20751231", True), ("20760101", False)):
        body = f"430102{born}001"
        assert citizen_id.is_valid(body + citizen_id.check_digit(body)) is is_good


def test_no_other_two_digits_than_those_of_the_standard_begin_a_number() -> None:
    provinces = (
        "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83"
    )
    bodies = [f"{digits:02}010119491231002" for digits in range(10, 90)]
    numbers = [body + citizen_id.check_digit(body) for body in bodies]
    found = [
        number[:2] for number, bits in zip(numbers, citizen_id.check_many(numbers, on=ON), strict=True) if not bits
    ]
    assert found == provinces.split()


def test_a_luhn_digit_is_asked_for_plain_digits_only() -> None:
    for body in ("７９９２７３９８７１", "79927398a1", ""):
        with pytest.raises(bank_card.InvalidBankCard):
            bank_card.check_digit(body)


def test_gbk_is_read_as_the_part_of_gb18030_it_is() -> None:
    for rare in ("㐂", "𠮷"):
        assert gb18030.decode(rare.encode("gb18030"), Encoding.GBK) == rare


def test_a_search_form_keeps_vowel_signs_and_drops_what_is_no_letter() -> None:
    assert name.fold("བཀྲ་ཤིས") == "བཀྲཤིས"
    assert name.fold("Анна-Мария") == "аннамария"
    assert name.fold("José O'Neil") == "joseoneil"


def test_every_full_width_letter_becomes_a_plain_one_and_nothing_else() -> None:
    wide = "".join(chr(code) for code in (*range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B)))
    assert name.normalise(wide).name == "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    for other in ("\uff20", "\uff3b", "\uff40", "\uff5b"):
        assert name.normalise(f"A{other}").name == f"A{other}"


def test_a_column_of_names_takes_none_of_too_many_characters() -> None:
    assert PersonName.column(["张" * 25, "张" * 26]) == ["张" * 25, ""]


def test_full_width_digits_are_no_plain_ones() -> None:
    account = "6228480000000000018"
    wide = account.translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    assert (bank_card.is_valid(account), bank_card.is_valid(wide)) == (True, False)
    assert (region.is_valid("430102"), region.is_valid("４３0102"), region.is_valid("４３０１０２")) == (
        True,
        False,
        False,
    )


def test_a_number_of_another_length_is_shown_as_it_is() -> None:
    assert citizen_id.format("4301021949") == "4301021949"
    assert citizen_id.format(CITIZEN) == "110105 19491231 002X"


def test_every_lone_surrogate_counts_as_four_bytes() -> None:
    assert [gb18030.byte_length("\ud800" * count) for count in (1, 2, 3)] == [4, 8, 12]


def test_a_masked_name_shows_its_first_character() -> None:
    assert (PersonName("张三").masked, PersonName("欧阳娜娜").masked) == ("张*", "欧***")


def test_a_heading_begins_and_ends_with_its_city() -> None:
    assert (gbt2260.first_year("142101"), gbt2260.last_year("142101")) == (1981, 1993)


def test_a_county_is_there_in_its_first_and_its_last_year() -> None:
    (known,) = gbt2260.divisions("430112")
    for year, is_there in ((known.first - 1, False), (known.first, True), (known.first + 1, True)):
        assert ("430112" in region_history.counties_in(year, frozenset({"43"}))) is is_there


def test_the_shared_tables_of_years_cannot_be_written() -> None:
    assert not any(part.flags.writeable for part in region_history._years())


def test_a_range_of_an_issuer_has_four_to_ten_digits() -> None:
    number = "6228480000000000017"
    found = [bank_card.issuer(number, {number[:length]: "103"}) for length in range(3, 12)]
    assert found == ["", *["103"] * 7, ""]


def test_zeros_alone_are_no_card_number() -> None:
    assert list(card_number.check_many(["000000000"])) == [card_number.CHARACTERS]
    assert not card_number.check_many(["111111111"])[0] & card_number.CHARACTERS


def test_a_name_has_up_to_25_characters_rare_ones_among_them() -> None:
    for count, expected in ((24, []), (25, [name.Problem.TOO_LONG])):
        assert name.problems("张" * count + "𠮷", max_bytes=200) == expected


def test_what_is_sure_to_be_garbled_is_called_so() -> None:
    assert name.problems("寮犱笁") == [name.Problem.GARBLED]
    assert name.problems("谢小平".encode("gb18030").decode()) == [name.Problem.DOUBTFUL]
    assert encodings.wreckage("捞喆") is None  # begins as a Korean name would, and is none in EUC-KR


def test_a_code_counts_in_its_last_year() -> None:
    code = 142101  # to 1993
    found = [region_history.county_bits(year)[code >> 3] >> (code & 7) & 1 for year in (1992, 1993, 1994)]
    assert found == [1, 1, 0]


def test_full_width_characters_of_a_credit_code_become_plain() -> None:
    wide, plain = "".join(map(chr, range(0xFF01, 0xFF5F))), "".join(map(chr, range(0x21, 0x7F)))
    assert social_credit.compact(wide) == plain.replace("-", "").upper()
    assert social_credit.compact("\uff00\uff5f") == "\uff00\uff5f"


def test_a_code_without_counties_counts_from_the_first_of_its_names() -> None:
    assert [(known.first, known.last) for known in gbt2260.divisions("211400")] == [(1989, 1994), (1994, gbt2260.STILL)]
    counts = [year for year in range(1985, 2000) if "211400" in region_history.counties_in(year, frozenset({"21"}))]
    assert counts == list(range(1989, 1995))


def test_the_table_ends_with_the_last_year_it_has_and_names_what_is_as_published() -> None:
    lines = [known for head in gbt2260.provinces() for code in gbt2260.province(head).values() for known in code]
    assert max(year for known in lines for year in (known.first, known.last) if year != gbt2260.STILL) == 2024
    assert gbt2260.LAST_YEAR == 2024
    assert not gbt2260.Division("430122", "望城县", 1981, 2011).as_published


@pytest.mark.parametrize("written", ["\ufeff'{}", "-'{}", '\u200b="{}"', "＇{}＇", '\'="{}"', "`{}"])
def test_a_number_is_unwrapped_whatever_stands_before_its_wrapping(written: str) -> None:
    number = written.format("110105-19491231-002x")
    assert citizen_id.compact(number) == "11010519491231002X"
