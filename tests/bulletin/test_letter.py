"""The data file holds the letter: every number of the text is in it, and every entry is in the text."""

import re
from importlib.resources import files
from pathlib import Path

import pytest

from sbcard_core.bulletin import Letter, load
from sbcard_core.bulletin.letter import LetterRefused, parse
from sbcard_core.values import Origin

TEXT = re.sub(r"\s", "", (Path(__file__).parent / "hunan-2014-07.txt").read_text(encoding="utf-8"))
SOURCE = files("sbcard_core.bulletin").joinpath("data/hunan-2014-07.toml").read_text(encoding="utf-8")
CHINESE = {2: "两", 4: "四"}


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_every_quote_stands_in_the_letter(letter: Letter) -> None:
    missing = [key for key, quote in letter.quotes.items() if squeezed(quote) not in TEXT]
    assert missing == []


def test_every_printed_value_stands_in_its_quote(letter: Letter) -> None:
    for figure in letter.printed():
        quote = letter.quotes[figure.key]
        numbers = re.findall(r"\d+(?:\.\d+)?", quote)
        assert str(figure.value) in numbers or CHINESE[int(figure.value or 0)] in quote, figure.key


def test_every_number_of_the_letter_is_in_the_data(letter: Letter) -> None:
    covered = [False] * len(TEXT)
    repeated = ["〔2014〕80号", "截止7月底"]  # the plan's number and the cut-off date are each cited again
    for quote in (*map(squeezed, letter.quotes.values()), *repeated):
        start = TEXT.find(quote)
        while start >= 0:
            covered[start : start + len(quote)] = [True] * len(quote)
            start = TEXT.find(quote, start + 1)
    left = [TEXT[max(0, m.start() - 8) : m.end() + 4] for m in re.finditer(r"\d+", TEXT) if not covered[m.start()]]
    assert left == []


def test_printed_and_imposed_are_apart(letter: Letter) -> None:
    printed = {figure.key for figure in letter.printed()}
    imposed = {figure.key for figure in letter.imposed()}
    assert not printed & imposed
    assert len(printed) + len(imposed) == len(letter)
    assert all(len(figure.place) > 8 for figure in letter.imposed()), "an imposed figure says why"
    assert letter["430100.submitted"].origin is Origin.IMPOSED


def test_the_fourteen_cities_add_up_to_the_total_with_the_imposed_split(letter: Letter) -> None:
    cities = letter.of_measure("submitted", letter.members("cities"), only_printed=False)
    assert len(letter.members("cities")) == 14
    assert sum(city.value or 0 for city in cities) == letter["province.submitted"].value == 1855
    banks = letter.of_measure("received", letter.members("banks"), only_printed=False)
    assert sum(bank.value or 0 for bank in banks) == 1855


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('key = "103.opened"', 'key = "402.opened"', "stands twice"),
        ('key = "103.opened"', 'key = "999.opened"', "unknown subject"),
        ('key = "103.opened"', 'key = "opened"', "<subject>.<measure>"),
        ("value = 511", "value = -511", "below zero"),
        ("value = 511", "value = true", "neither int nor Decimal"),
        ("value = 511", 'value = "511"', "neither int nor Decimal"),
        ("value = 511, ", "", "has no value"),
        ('value = 511, unit = "万人"', 'value = 511, unit = "亩"', "unknown unit"),
        ('of = ["103.opened", "103.received"]', 'of = ["103.opened"]', "numerator and a denominator"),
        ('of = ["103.opened", "103.received"]', 'of = ["103.opened", "103.sent"]', "not in the file"),
        ('quote = "完成开户511万人"', 'quote = "完成开户511万人", note = "x"', "unknown entry note"),
        ('stated = "letter.missed_cities"', 'stated = "letter.many"', "not in the file"),
        ('not_before = ["issued"]', 'not_before = ["never"]', "unknown date"),
        ('banks = ["province", "103"', 'banks = ["province", "999"', "unknown subject"),
        ("[imposed]", "[invented]", r"\[imposed\] is missing"),
        ("[letter]", "[letter", "not TOML"),
        ("value = 2014-07-31", "value = 31", "is not a date"),
    ],
)
def test_a_wrong_data_file_is_refused(old: str, new: str, words: str) -> None:
    assert SOURCE.count(old) >= 1
    with pytest.raises(LetterRefused, match=words):
        parse(SOURCE.replace(old, new, 1))


def test_a_letter_is_read_from_a_path_too(tmp_path: Path, letter: Letter) -> None:
    path = tmp_path / "other.toml"
    path.write_text(SOURCE, encoding="utf-8")
    assert load(path) == letter
