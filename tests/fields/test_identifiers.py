"""Identifiers as types: any accepted spelling gives one value, what is none is refused, nothing is shown."""

import copy
import pickle
import sqlite3
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.errors import InvalidValue
from sbcard_core.fields import (
    BankAccount,
    BankCode,
    CitizenNumber,
    CountyCode,
    HouseholdNumber,
    PersonName,
    bank_card,
    citizen_id,
    name,
)
from sbcard_core.fields.identifiers import Identifier
from sbcard_core.fields.name import Match

WIDE = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
NOTHING = ["", " ", "\u3000", "\xa0", "\u2003", "\t", "\n", "\u200b", "\ufeff", "\u2060", "\u202a", "\u3164", "\ufe0f"]
NUMBERS = ["11010519491231002X", "610104196209276908", "810000199408230021", "911398199012310021"]


@st.composite
def spelled(draw: st.DrawFn, text: str) -> str:
    """A code as somebody may write it: blanks and unseen characters anywhere, full width, small letters."""
    marks = [draw(st.sampled_from([mark, chr(WIDE[ord(mark)]), mark.lower()])) for mark in text]
    gaps = draw(st.lists(st.sampled_from(NOTHING), min_size=len(text) + 1, max_size=len(text) + 1))
    return gaps[0] + "".join(mark + gap for mark, gap in zip(marks, gaps[1:], strict=True))


@st.composite
def citizens(draw: st.DrawFn) -> str:
    born = draw(st.dates(date(1900, 1, 1), date(1999, 12, 31)))
    body = f"{draw(st.sampled_from(['430102', '110105', '433101']))}{born:%Y%m%d}{draw(st.integers(1, 995)):03d}"
    return body + citizen_id.check_digit(body)


@given(st.data())
def test_any_spelling_of_a_number_gives_one_person(data: st.DataObject) -> None:
    number = data.draw(citizens())
    written = [number, data.draw(spelled(number)), data.draw(spelled(number[:6] + number[8:17]))]
    assert {CitizenNumber(text) for text in written} == {number}
    assert CitizenNumber.column(written) == [number] * 3


@given(st.data())
def test_any_spelling_of_an_account_is_one_account(data: st.DataObject) -> None:
    number = data.draw(st.text("0123456789", min_size=12, max_size=19).filter(lambda text: text.strip("0")))
    grouped = "-".join(number[at : at + 4] for at in range(0, len(number), 4))
    written = [number, data.draw(spelled(number)), grouped, number + " "]
    assert {BankAccount(text) for text in written} == {number}
    assert BankAccount.column(written) == [number] * 4


def test_a_number_of_the_nineteenth_century_is_one_and_15_digits_of_two_centuries_are_none() -> None:
    assert CitizenNumber("610104186209279966") == "610104186209279966"
    assert CitizenNumber.column(["610104186209279966"]) == ["610104186209279966"]
    with pytest.raises(InvalidValue, match="may be of two people"):
        CitizenNumber("610104620927996")
    assert CitizenNumber.column(["610104620927996", "610104620927690"]) == ["", "610104196209276908"]


@pytest.mark.parametrize(
    "shape", ["{0}-{1}-{2}", '="{0}{1}{2}"', "'{0}{1}{2}", "{0} {1}\u2014{2}", '"{0}{1}{2}"', "‘{0}{1}{2}’"]
)
def test_what_spreadsheets_put_around_a_number_is_no_part_of_it(shape: str) -> None:
    assert CitizenNumber(shape.format("110105", "19491231", "002x")) == "11010519491231002X"
    assert BankAccount(shape.format("622848", "0000000000", "018")) == "6228480000000000018"


def test_permits_and_foreigners_have_no_form_of_15_digits() -> None:
    assert all(CitizenNumber(number) == number for number in NUMBERS)
    assert not CitizenNumber.is_valid("810000940823002")


@pytest.mark.parametrize(
    "text",
    ["", "11010519491231002", "110105194912310021", "11010519491331002X", "99010519491231002X", "X" * 18, "张三"],
)
def test_what_is_no_number_is_refused_and_not_shown(text: str) -> None:
    assert not CitizenNumber.is_valid(text)
    with pytest.raises(InvalidValue) as error:
        CitizenNumber(text)
    assert not text or text not in str(error.value)
    assert CitizenNumber.column([text, "11010519491231002X"]) == ["", "11010519491231002X"]


@pytest.mark.parametrize(
    "text", ["6.22848E+18", "6.22848e18", "622848000000001.0", "", "12345678901", "1" * 20, "0" * 16, "6228|4800000000",
             "62284800000000000O8", "٦٢٢٨٤٨٠٠٠٠٠٠٠٠٠٠"]
)  # fmt: skip
def test_an_account_is_its_digits_and_nothing_else(text: str) -> None:
    assert not BankAccount.is_valid(text)
    assert BankAccount.column([text]) == [""]
    with pytest.raises(InvalidValue):
        BankAccount(text)


def test_a_wrong_luhn_digit_warns_only() -> None:
    right = "622848000000000001" + bank_card.check_digit("622848000000000001")
    assert BankAccount(right).luhn_is_right
    assert not BankAccount(right[:-1] + str((int(right[-1]) + 1) % 10)).luhn_is_right


def test_a_bank_is_any_three_digits_of_cnaps() -> None:
    assert [BankCode(text) for text in ("102", "783", "３１３", "403100000004")] == ["102", "783", "313", "403"]
    for text in ("", "a/b", "103|", "1030", "10", "1" * 200, "ABC", "000", "011", "000000000000"):
        assert not BankCode.is_valid(text), text


def test_a_prefecture_is_no_county() -> None:
    for code in ("430100", "430600", "433100", "430200", "430000", "440300", "460300", "990112", "43011", "43011a", ""):
        assert not CountyCode.is_valid(code), code
    for code in ("430112", "430122", "441900", "442000", "620200", "460400", "659001", "430199"):
        assert CountyCode(code) == code


def test_a_household_in_one_form() -> None:
    assert HouseholdNumber(" ａ7－01 2") == HouseholdNumber("A7-012") == "A7-012"
    for text in ("", " ", "7|8", "7\\8", "x" * 65, "7'8", "7;8"):
        assert not HouseholdNumber.is_valid(text), text


@pytest.mark.parametrize("dot", "•‧∙⋅・･．.")
def test_a_name_with_another_dot_is_the_same_name(dot: str) -> None:
    assert PersonName(f"阿卜杜拉{dot}买买提") == PersonName("阿卜杜拉 · 买买提") == "阿卜杜拉·买买提"
    assert name.match(f"阿卜杜拉{dot}买买提", "阿卜杜拉·买买提") is Match.SAME


@pytest.mark.parametrize(
    ("one", "other"),
    [("阿卜杜拉-买买提", "阿卜杜拉·买买提"), ("阿卜杜拉买买提", "阿卜杜拉·买买提"), ("\uf9b8书", "隸书"),
     ("⾼山", "高山"), ("张\u0301三", "张三"), ("José Núñez", "JOSE NUNEZ"), ("O'Neil Ann", "ONEIL ANN"),
     ("张\ufe00三", "张三")],
)  # fmt: skip
def test_names_that_match_only_folded(one: str, other: str) -> None:
    assert name.fold(one) == name.fold(other)
    assert name.match(one, other) in (Match.FOLDED, Match.SAME)
    if name.normalise(one).name != name.normalise(other).name:
        assert name.match(one, other) is Match.FOLDED


@pytest.mark.parametrize(("one", "other"), [("张三", "张山"), ("国强", "國強"), ("", ""), ("·", "-"), ("ད་", "དི")])
def test_names_that_do_not_match(one: str, other: str) -> None:
    assert name.match(one, other) is Match.DIFFERENT


def test_the_characters_of_the_certificate_are_kept() -> None:
    for written in ("\uf9b8书", "\ufa0e三", "𠮷野", "㛃", "José", "བསོད་ནམས"):
        assert PersonName(written) == written
        assert PersonName(written).written == written
    assert PersonName("\uf9b8书") != PersonName("隸书")


@pytest.mark.parametrize("text", ["", "　", "张3", "张|三", "张\n三", "a\x1bb", "a\u2028b", "é\u0085e", "张" * 26])
def test_what_is_no_name_is_refused(text: str) -> None:
    assert not PersonName.is_valid(text)


def test_blanks_of_any_kind_around_and_inside_a_name() -> None:
    assert PersonName("\xa0张\u2003三\n") == "张三"
    assert PersonName(" John \xa0 Smith\r\n") == "John Smith"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
def test_a_written_form_is_final(text: str) -> None:
    for kind in (CitizenNumber, PersonName, BankAccount, BankCode, CountyCode, HouseholdNumber):
        if kind.is_valid(text):
            assert kind(str(kind(text))) == kind(text)
            assert kind.column([text]) == [kind(text)]
        else:
            assert kind.column([text]) == [""]
    assert name.fold(name.fold(text)) == name.fold(text)


SAMPLES: list[Identifier] = [
    CitizenNumber("11010519491231002X"),
    PersonName("阿依古丽·买买提"),
    BankAccount("6228480000000000018"),
    BankCode("103"),
    CountyCode("430112"),
    HouseholdNumber("430112-000123"),
]


@pytest.mark.parametrize("value", SAMPLES, ids=lambda value: type(value).__name__)
def test_an_identifier_is_text_for_everyone_else(value: Identifier) -> None:
    for twin in (pickle.loads(pickle.dumps(value)), copy.deepcopy(value), type(value)(value)):
        assert twin == value
        assert type(twin) is type(value)
    assert f"{value}" == str(value) == value
    assert {str(value): 1}[value] == 1
    with sqlite3.connect(":memory:") as connection:
        assert connection.execute("SELECT ?, ? = ?", (value, value, str(value))).fetchone() == (str(value), 1)


@pytest.mark.parametrize("value", SAMPLES[:3], ids=lambda value: type(value).__name__)
def test_a_repr_shows_no_person(value: Identifier) -> None:
    for shown in (repr(value), f"{[value]}", f"{value!r}"):
        assert str(value) not in shown
        assert value.masked in shown


def test_an_identifier_is_made_of_text_only() -> None:
    for kind in (CitizenNumber, PersonName, BankAccount, BankCode, CountyCode, HouseholdNumber):
        for value in (None, 12, 6.22848e18, b"103", ["103"]):
            assert not kind.is_valid(value)  # type: ignore[arg-type]
            with pytest.raises(InvalidValue):
                kind(value)  # type: ignore[arg-type]
        with pytest.raises(InvalidValue):
            kind.column("103")


def test_a_column_is_one_pass_over_cells_of_any_kind() -> None:
    assert CitizenNumber.column([None, 5, "11010519491231002X", b"610104620927690", ""]) == [
        "", "", "11010519491231002X", "610104196209276908", "",
    ]  # fmt: skip
    clean = ["11010519491231002X"] * 3
    assert all(form is cell for form, cell in zip(CitizenNumber.column(clean), clean, strict=True))
