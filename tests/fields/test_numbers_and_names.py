"""Card number, name, telephone and bank card: vectors, invalid cases and laws."""

import pytest
import stdnum.luhn
from hypothesis import assume, given
from hypothesis import strategies as st

from sbcard_core.fields import bank_card, card_number, name, phone
from sbcard_core.fields.identifiers import PersonName

BODY = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=8, max_size=8)


@pytest.mark.parametrize("number", ["B00000019", "X00000019"])
def test_published_card_numbers_are_valid(number: str) -> None:
    assert card_number.validate(number) == number


@pytest.mark.parametrize(("body", "check"), [
    ("D2143569", "X"),  # GB 11714-1997's own example
    ("M000100Y", "4"),  # in the sample number of GB 32100-2015
    ("12345678", "8"), ("87654321", "0"), ("MA1FL0LY", "9"), ("10000396", "2"),  # as other libraries compute them
    *zip(("10000000", "01000000", "00100000", "00010000", "00001000", "00000100", "00000010", "00000001"), "84216379",
         strict=True),
    ("0000000B", "0"), ("0000000A", "2"), ("0000000Z", "7"), ("A0000000", "3"), ("00000009", "4"), ("00020000", "2"),
])  # fmt: skip
def test_check_characters(body: str, check: str) -> None:
    """Each weight by itself, each kind of character, and the two remainders that have no digit: 10 is X, 11 is 0."""
    assert card_number.check_character(body) == check
    assert [c for c in "0123456789X" if card_number.is_valid(body + c)] == [check]


@given(BODY, st.integers(0, 7), st.sampled_from("0123456789"))
def test_one_wrong_digit_of_a_card_number_is_always_found(body: str, place: int, digit: str) -> None:
    number = body + card_number.check_character(body)
    assume(number[place].isdigit() and number[place] != digit)
    assert not card_number.is_valid(number[:place] + digit + number[place + 1 :])


@pytest.mark.parametrize("number", ["", "B0000001", "B000000191", "B00000018", "B000-0019", "中00000019"])
def test_broken_card_numbers_are_refused(number: str) -> None:
    with pytest.raises(card_number.InvalidCardNumber):
        card_number.validate(number)
    assert not card_number.is_valid(number)


def test_older_local_numbers_pass_only_on_request() -> None:
    assert card_number.validate("4301020000012345", legacy=True) == "4301020000012345"
    with pytest.raises(card_number.InvalidCardNumber):
        card_number.validate("4301020000012345")


@pytest.mark.parametrize(("serial", "prefix"), [(10**7, "B"), (-1, "B"), (1, ""), (1, "b"), (0, "ABCDEFGH")])
def test_a_serial_that_does_not_fit_is_refused(serial: int, prefix: str) -> None:
    with pytest.raises(card_number.InvalidCardNumber):
        card_number.make(serial, prefix)


@pytest.mark.parametrize(
    "good",
    ["张三", "欧阳娜娜", "阿依古丽·买买提", "㐂", "𠮷野", "〇一", "John Smith", "J. Smith Jr.", "O'Neil", "一" * 25],
)
def test_real_names_have_no_problem(good: str) -> None:
    assert name.problems(good) == []
    assert name.repair(good) == good


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        ("", ["missing"]),
        (" \u3000", ["missing"]),
        ("张3", ["character"]),
        ("张,三", ["character"]),
        ("张\0三", ["character"]),
        ("·张三", ["character"]),
        ("买买提··阿", ["character"]),
        ("=1+1", ["character"]),
        ("一" * 26, ["too_long"]),
        ("㐂" * 13, ["too_long"]),  # 13 characters, 52 bytes
        ("买买提•阿不都", ["dot"]),
        ("张　三", ["blank"]),
        ("张\ue81e", ["private_use"]),
        ("一" * 25 + "3", ["too_long", "character"]),
    ],
)
def test_problems_of_a_name(bad: str, expected: list[str]) -> None:
    assert [str(problem) for problem in name.problems(bad)] == expected


@pytest.mark.parametrize("around", ["\n", "\r\n", " \r\n ", "\x0b", "\u2028", "\t", " \u200d"])
def test_line_ends_and_blanks_around_a_name_go_and_line_ends_in_it_stay(around: str) -> None:
    """A clerk's Alt+Enter behind a name is nothing; two names in one cell are not one."""
    for written in (f"李四{around}", f"{around}李四"):
        assert name.normalise(written).name == name.repair(name.visible(written)) == str(PersonName(written)) == "李四"
        assert name.Change.BLANK in name.normalise(written).changes
    for between in ("\n", "\r\n"):
        assert name.problems(name.normalise(f"李四{between}王五").name) == [name.Problem.CHARACTER]
        assert not PersonName.is_valid(f"李四{between}王五")


@pytest.mark.parametrize("dot", name.LOOK_ALIKES)
def test_every_look_alike_dot_becomes_the_middle_dot(dot: str) -> None:
    assert name.repair(f"买买提{dot}阿不都") == "买买提·阿不都"
    assert name.DOT.encode("gb18030") == b"\xa1\xa4"


@given(st.text(max_size=30))
def test_repair_is_idempotent_and_problems_never_fail(text: str) -> None:
    once = name.repair(text)
    assert name.repair(once) == once
    assert name.Problem.DOT not in name.problems(once)
    assert name.Problem.BLANK not in name.problems(once)


@pytest.mark.parametrize("good", ["13800138000", "19900000000", "073184900001", "07434567890", "01065432100"])
def test_telephones(good: str) -> None:
    assert phone.validate(good) == good


@pytest.mark.parametrize(
    "bad", ["", "1380013800", "138001380001", "12800138000", "84900001", "00000000000", "1380013800o"]
)
def test_broken_telephones(bad: str) -> None:
    with pytest.raises(phone.InvalidPhone) as caught:
        phone.validate(bad)
    assert not bad or bad not in str(caught.value)


@given(st.text("0123456789", min_size=11, max_size=18))
def test_luhn_against_another_implementation(body: str) -> None:
    assert bank_card.check_digit(body) == stdnum.luhn.calc_check_digit(body)
    assert bank_card.luhn_is_right(body) == stdnum.luhn.is_valid(body)


def test_a_wrong_luhn_digit_is_refused_only_on_request() -> None:
    assert bank_card.validate("622848000000000000") == "622848000000000000"
    wrong = "62284800000000000" + str(9 - int(bank_card.check_digit("62284800000000000")))
    assert not bank_card.luhn_is_right(wrong)
    with pytest.raises(bank_card.InvalidBankCard):
        bank_card.validate(wrong, luhn=True)
    with pytest.raises(bank_card.InvalidBankCard):
        bank_card.validate("123")
