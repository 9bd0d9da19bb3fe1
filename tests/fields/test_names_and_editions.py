"""Names and the editions of GB 18030: nothing lost, nothing changed unseen, limits in the file's own bytes."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core.fields import gb18030, name
from sbcard_core.fields.gb18030 import Encoding
from sbcard_core.fields.name import Change, Problem

# GB 18030-2022 as the WHATWG Encoding Standard and ICU print its changes: bytes, old and new code point.
CHANGES_OF_2022 = """
a6d9 e78d fe10, a6da e78e fe12, a6db e78f fe11, a6dc e790 fe13, a6dd e791 fe14, a6de e792 fe15,
a6df e793 fe16, a6ec e794 fe17, a6ed e795 fe18, a6f3 e796 fe19, fe59 e81e 9fb4, fe61 e826 9fb5,
fe66 e82b 9fb6, fe67 e82c 9fb7, fe6d e832 9fb8, fe7e e843 9fb9, fe90 e854 9fba, fea0 e864 9fbb
"""
MOVED = [tuple(change.split()) for change in CHANGES_OF_2022.split(",")]
# The four-byte codes those characters had before, from the same lists (first and last of each run, the rest between).
FOUR_BYTES = {"fe10": "84318236", "fe19": "84318335", "9fb4": "82359037", "9fb9": "82359132", "9fbb": "82359134"}


@pytest.mark.parametrize(("code", "old", "new"), MOVED)
def test_the_eighteen_codes_that_moved_in_2022(code: str, old: str, new: str) -> None:
    data, private, character = bytes.fromhex(code), chr(int(old, 16)), chr(int(new, 16))
    assert gb18030.decode(data) == private
    assert gb18030.decode(data, Encoding.GB18030_2022) == character
    assert gb18030.encode(character, Encoding.GB18030_2022) == data
    assert gb18030.encode(private, Encoding.GB18030_2022) == data  # old text comes out as the same bytes
    assert gb18030.encode(private) == data
    assert unicodedata.category(private) == "Co"
    assert unicodedata.category(character) != "Co"
    if four := FOUR_BYTES.get(new):
        assert gb18030.encode(character) == bytes.fromhex(four)
        assert gb18030.decode(bytes.fromhex(four), Encoding.GB18030_2022) == character


def test_the_code_of_2005_and_the_six_that_stayed() -> None:
    assert gb18030.decode(b"\xa8\xbc", Encoding.GB18030_2022) == "ḿ"
    left = {"fe51": "𠂇", "fe52": "𠂉", "fe53": "𠃌", "fe6c": "𡗗", "fe76": "𢦏", "fe91": "𤇾"}
    for code, character in left.items():
        assert gb18030.decode(bytes.fromhex(code), Encoding.GB18030_2022) == character
        assert gb18030.encode(character, Encoding.GB18030_2022) == bytes.fromhex(code)
    assert len(gb18030.MOVES) == 19
    assert sum(move.edition == 2022 for move in gb18030.MOVES) == 18


ANY = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(ANY)
def test_every_code_point_comes_back(text: str) -> None:
    for encoding in (Encoding.GB18030, Encoding.UTF_8, Encoding.UTF_16):
        assert gb18030.decode(gb18030.encode(text, encoding), encoding) == text
    once = gb18030.encode(text, Encoding.GB18030_2022)
    assert gb18030.decode(once, Encoding.GB18030_2022) == gb18030.modern(text)
    assert gb18030.encode(gb18030.modern(text), Encoding.GB18030_2022) == once


@given(ANY)
def test_modern_changes_only_the_twenty_five(text: str) -> None:
    moved = {move.private for move in gb18030.MOVES} | gb18030.KEPT.keys()
    assert len(moved) == 25
    for before, after in zip(text, gb18030.modern(text), strict=True):
        assert (before != after) is (before in moved)


@given(ANY, st.sampled_from(list(Encoding)))
def test_bytes_are_counted_as_written(text: str, encoding: Encoding) -> None:
    if gb18030.lacking(text, encoding):
        with pytest.raises(gb18030.Unencodable):
            gb18030.encode(text, encoding)
    else:
        assert gb18030.byte_length(text, encoding) == len(gb18030.encode(text, encoding))
        assert "?" not in gb18030.decode(gb18030.encode(text, encoding), encoding).replace("?", "", text.count("?"))


@given(ANY, st.integers(0, 30), st.sampled_from([Encoding.GB18030, Encoding.UTF_8, Encoding.GB18030_2022]))
def test_a_cut_name_is_the_longest_head_that_fits(text: str, limit: int, encoding: Encoding) -> None:
    head = name.cut(text, limit, encoding)
    assert text.startswith(head)
    assert gb18030.byte_length(head, encoding) <= limit
    if head != text:
        assert gb18030.byte_length(text[: len(head) + 1], encoding) > limit


def test_trail_bytes_are_no_separators() -> None:
    """7C is "|" and the second byte of 瓅 (AD7C is 瓅 in GBK): decode first."""
    data = "瓅|丂".encode("gb18030")
    assert data.count(b"|") == 2
    assert gb18030.decode(data).split("|") == ["瓅", "丂"]


RARE = [
    "㐂",
    "䶮",
    "𠮷",
    "𪚥",
    "𫖯",
    "𬀩",
    "𮧵",
    "𰻝",
    "𱁬",
    "𲎯",
    "〇",
    "龴",
    "鿍",
]  # Ext A, B, C, D, E, F, G, H, 2022


@pytest.mark.parametrize("character", RARE)
def test_rare_characters_are_letters_of_a_name(character: str) -> None:
    assert name.problems("张" + character) == []
    assert name.repair(f"{character}．{character}") == f"{character}·{character}"
    assert gb18030.decode(gb18030.encode(character)) == character


@pytest.mark.parametrize(
    "good",
    ["JEAN-PIERRE O'NEIL", "SMITH, JOHN MICHAEL", "Christopher Alexander Montgomery", "MUHAMMAD BIN ALI", "José Núñez",
     "Nguyễn Văn A", "བསྟན་འཛིན", "阿·ALI", "Иван Петров"],
)  # fmt: skip
def test_names_of_other_scripts(good: str) -> None:
    assert name.problems(good) == []
    assert name.repair(good) == good


@pytest.mark.parametrize("bad", ["SMITH,JOHN", "张, 三", "SMITH, ", "J0HN", "JOHN--PAUL", "་བ", "O''NEIL", "<NAME>"])
def test_broken_names_of_other_scripts(bad: str) -> None:
    assert Problem.CHARACTER in name.problems(bad)


@pytest.mark.parametrize("dot", name.LOOK_ALIKES)
def test_dots_between_letters_stay(dot: str) -> None:
    for text in (f"J{dot}SMITH", f"阿{dot}ALI", f"ALI{dot}阿", f"{dot}阿", f"阿{dot}"):
        assert name.repair(text) == text


def test_limits_are_those_of_the_file() -> None:
    full = "阿依古丽·买买提"
    assert name.problems(full, encoding=Encoding.GBK, max_bytes=16) == []
    assert name.problems(full, encoding=Encoding.GBK, max_bytes=15) == [Problem.TOO_LONG]
    assert name.problems(full, encoding=Encoding.UTF_8, max_bytes=16) == [Problem.TOO_LONG]
    assert name.problems("𠮷野", encoding=Encoding.GBK) == [Problem.ENCODING]
    assert name.problems("张三", encoding=Encoding.UTF_8, max_bytes=5) == [Problem.TOO_LONG]
    assert name.problems("张三李", max_characters=2) == [Problem.TOO_LONG]
    assert name.problems("张龴", encoding=Encoding.GB18030_2022, max_bytes=4) == []
    assert name.problems("张龴", encoding=Encoding.GB18030, max_bytes=4) == [Problem.TOO_LONG]
    assert not name.fits("𠮷", 100, Encoding.GBK)


def test_every_change_is_told() -> None:
    assert name.normalise("张三").changes == ()
    assert name.normalise(" 张\ue81e•ＬＩ").changes == (Change.MOVED, Change.WIDTH, Change.BLANK)
    assert name.normalise("张\ue81e•李").name == "张龴·李"  # the dot stands between Han characters once one is moved
    assert name.normalise("张\ue000").name == "张\ue000"
    assert gb18030.private_use("张\ue000") == [(1, "U+E000")]


@given(ANY)
def test_normalising_is_idempotent_and_never_silent(text: str) -> None:
    once = name.normalise(text)
    assert (once.name != text) is bool(once.changes)
    assert name.normalise(once.name) == (once.name, ())


@given(st.lists(st.one_of(ANY, st.none()), max_size=5), st.sampled_from(list(Encoding)), st.integers(1, 60))
def test_bulk_equals_single(column: list[str | None], encoding: Encoding, limit: int) -> None:
    single = [name.problems(text or "", encoding=encoding, max_bytes=limit) for text in column]
    masks = name.check_many(column, encoding=encoding, max_bytes=limit)
    assert [{problem for problem in Problem if mask & problem.bit} for mask in masks] == list(map(set, single))


def test_an_error_does_not_tell_the_name() -> None:
    with pytest.raises(name.InvalidName) as caught:
        name.validate("张3三")
    assert "张" not in str(caught.value)
    assert caught.value.problems == [Problem.CHARACTER]
    assert name.validate("张\ue000") == "张\ue000"
