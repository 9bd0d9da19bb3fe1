"""Laws of encodings: text read in the wrong one is noticed, text read in the right one is left alone."""

import re
import time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sbcard_core.fields import encodings, name
from sbcard_core.fields.encodings import GB18030, UTF_8, contradicts, decide, is_sure, wreckage
from sbcard_core.fields.identifiers import PersonName
from sbcard_core.fields.name import Problem

LEVEL_1 = [bytes((lead, trail)).decode("gb2312") for lead in range(0xB0, 0xD7) for trail in range(0xA1, 0xFF)]
NAMES = st.text(st.sampled_from(LEVEL_1), min_size=2, max_size=4)
"""Names in the 3,755 most frequent characters."""
LINES = st.lists(NAMES.map(lambda one: f"1,{one},2"), min_size=1, max_size=8)


@given(NAMES)
@example("谢小平")
@example("濮小明")
def test_an_ordinary_name_contradicts_no_file_and_is_sure_wreckage_of_none(written: str) -> None:
    assert not is_sure(written)
    for encoding in (GB18030, UTF_8):
        assert not contradicts(f"1,{written}".encode(encoding), encoding)


@given(NAMES)
@example("张三")
def test_a_name_of_utf8_read_as_gb_is_always_found(written: str) -> None:
    try:
        wrong = written.encode().decode("gb18030")
    except UnicodeDecodeError:
        return  # the line cannot be read at all
    assert wreckage(wrong) in (encodings.Wreck.UTF8_AS_GB, encodings.Wreck.REPLACED)
    assert {Problem.GARBLED, Problem.DOUBTFUL, Problem.CHARACTER} & set(name.problems(wrong))
    assert is_sure(wrong) or encodings.is_ordinary(wrong) or "锟" in wrong


@given(NAMES)
@example("谢小平")
def test_a_name_of_gb_read_as_utf8_or_latin_is_always_found(written: str) -> None:
    raw = written.encode("gb18030")
    for wrong_encoding in ("utf-8", "latin-1"):
        try:
            wrong = raw.decode(wrong_encoding)
        except UnicodeDecodeError:
            continue
        assert set(name.problems(wrong)) & {Problem.GARBLED, Problem.DOUBTFUL, Problem.CHARACTER}


@given(NAMES)
def test_bytes_replaced_and_saved_again_are_always_found(written: str) -> None:
    broken = written.encode("gb18030").decode("utf-8", "replace")
    assume("\ufffd" in broken)
    wrong = broken.encode().decode("gb18030", "replace")
    assert {Problem.GARBLED, Problem.DOUBTFUL, Problem.CHARACTER} & set(name.problems(wrong))


@pytest.mark.parametrize("written", ["林志玲", "張志銘", "李四", "王小明", "陳大文", "黃美麗"])
def test_big5_read_as_gb_is_found(written: str) -> None:
    wrong = written.encode("big5").decode("gb18030")
    assert {Problem.GARBLED, Problem.DOUBTFUL} & set(name.problems(wrong))


@pytest.mark.parametrize(
    "written", ["李喆", "陈堃", "镕基", "李珺", "阿依古丽·买买提", "José", "Nguyễn Văn", "Иван", "张錕"]
)
def test_rare_characters_and_other_scripts_are_no_wreckage(written: str) -> None:
    assert wreckage(written) is None


@given(LINES)
def test_a_file_decides_by_its_lines(lines: list[str]) -> None:
    text = "\r\n".join(lines)
    assert decide(text.encode("gb18030")) == GB18030
    assert decide(text.encode()) == UTF_8


@given(LINES, LINES)
def test_the_minority_of_joined_files_contradicts_or_is_doubtful(few: list[str], many: list[str]) -> None:
    assume(len(few) < len(many))
    for ours, other in ((GB18030, UTF_8), (UTF_8, GB18030)):
        raw = [*(line.encode(other) for line in few), *(line.encode(ours) for line in many)]
        assert decide(b"\n".join(raw)) == ours
        for line, written in zip(raw, few, strict=False):
            try:
                found = line.decode(ours)
            except UnicodeDecodeError:
                continue
            read = found.split(",")[1]
            assert contradicts(line, ours) or name.problems(read), written


@pytest.mark.parametrize("last", ["", "é", "中"])
def test_many_letters_beside_ascii_ones_are_decided_at_once(last: str) -> None:
    line, started = ("aéb" * 30 + last).encode(), time.process_time()
    assert decide(line) == UTF_8
    assert not contradicts(line, UTF_8)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("written", ["谢小平", "李喆", "陈堃", "镕基", "张錕", "阿依古丽·买买提", "李𠮷"])
def test_a_line_in_the_files_encoding_contradicts_nothing(written: str) -> None:
    """Neither one that reads as Chinese in both encodings nor one of rare characters."""
    for encoding in (GB18030, UTF_8):
        assert not contradicts(f"1,{written}".encode(encoding), encoding)


def test_a_line_that_is_no_utf8_contradicts_a_file_of_it() -> None:
    assert contradicts("1,张三".encode("gb18030"), UTF_8)
    assert not contradicts(b"1,\xff\xff", UTF_8)


@pytest.mark.parametrize("written", ["张\ufffd", "\ufffd", "烫烫", "屯屯屯", "锟斤拷"])
def test_what_stands_for_lost_bytes_is_sure_wreckage(written: str) -> None:
    assert is_sure(written)


def test_one_short_name_of_gb_is_not_taken_for_utf8() -> None:
    assert decide("谢小平".encode("gb18030")) == GB18030
    assert contradicts("1,谢小平".encode("gb18030"), UTF_8)


# ------------------------------------------------------------------------ characters that nobody sees, or take

UNSEEN = "\u3164\u115f\u1160\uffa0\u200b\u2060\ufeff\ufe00\ufe0f\U000e0100\u00ad\u034f\u202e"


@given(NAMES, st.lists(st.tuples(st.integers(0, 4), st.sampled_from(UNSEEN)), min_size=1, max_size=3))
def test_characters_nobody_sees_make_no_second_person(written: str, put: list[tuple[int, str]]) -> None:
    assume(not set(name.problems(written)) - name.MILD)
    found = written
    for at, mark in put:
        found = found[:at] + mark + found[at:]
    assert name.problems(found)
    assert name.normalise(found) == (written, (name.Change.INVISIBLE,))
    assert PersonName(found) == PersonName(written)


@given(NAMES, NAMES, st.sampled_from(name.LOOK_ALIKES + "-‐‑‒–—―−－﹣"))
def test_only_one_dot_stands_between_han(one: str, other: str, mark: str) -> None:
    found = name.normalise(f"{one}{mark}{other}")
    assert found == (f"{one}·{other}", (name.Change.DOT,))
    assert Problem.DOT in name.problems(f"{one}{mark}{other}")


@given(NAMES, st.sampled_from("\u00a0\u2003\u3000\u2009\u202f \t"))
def test_blanks_of_every_width_go(written: str, blank: str) -> None:
    assume(not set(name.problems(written)) - name.MILD)
    for found in (written + blank, blank + written, written[:1] + blank + written[1:]):
        assert name.normalise(found).name == written
    assert name.normalise(f"LI{blank}LEI").name == "LI LEI"


@pytest.mark.parametrize("found", ["\u3164", "\u115f\u1160", "NULL", "null", "无", "不详", "未知", "NaN"])
def test_nothing_is_no_name(found: str) -> None:
    assert name.problems(name.normalise(found).name) == [Problem.MISSING]


@pytest.mark.parametrize("found", ["张\u0301三", "\u0301张", "张·\u0301三"])
def test_an_accent_on_han_is_no_letter(found: str) -> None:
    assert Problem.CHARACTER in name.problems(found)


def test_accents_of_other_scripts_stay() -> None:
    for found in ("Jose\u0301", "བཀྲ་ཤིས", "ອາໄສ"):
        assert name.problems(found) == []


def test_a_compatibility_ideograph_is_pointed_out_and_found_as_the_ordinary_one() -> None:
    assert name.problems("\uf90a三") == [Problem.COMPATIBILITY]
    assert name.fold("\uf90a三") == name.fold("金三")
    assert name.problems("\ufa0e三") == []  # a unified one among them


@given(st.text(st.sampled_from("张三锟斤拷无不详烫屯·璐濮"), min_size=1, max_size=5))
def test_the_pattern_of_clean_names_lets_no_problem_pass(written: str) -> None:
    if re.fullmatch(name.CLEAN, written):
        assert name.problems(written) == []
        assert name.normalise(written) == (written, ())


def test_the_pattern_of_clean_names_lets_no_wreck_pass() -> None:
    clean = re.compile(name.CLEAN)
    for one in LEVEL_1[::7]:
        for other in LEVEL_1[::61]:
            wrong = (one + other).encode().decode("gb18030", "replace")
            assert clean.fullmatch(wrong) is None
