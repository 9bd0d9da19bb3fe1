"""The catalogue: both languages whole, with the same placeholders; errors carry a code and render in either."""

import re
import string
import subprocess
import sys

import pytest

from sbcard_core import messages
from sbcard_core.errors import InvalidValue
from sbcard_core.messages import message, printable

HAN = re.compile("[㐀-鿿]")
QUOTED = re.compile(r"[\"“«(（'‘][^\"”»)）'’]*[\"”»)）'’]")
SENTENCES = list(messages.catalogue())


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize(("code", "sentence"), SENTENCES, ids=[code for code, _ in SENTENCES])
def test_both_languages_say_the_same(code: str, sentence: messages.Sentence) -> None:
    assert placeholders(sentence.zh) == placeholders(sentence.en), code
    assert bool(sentence.advice_zh) == bool(sentence.advice_en), code
    assert placeholders(sentence.advice_zh) == placeholders(sentence.advice_en), code
    assert HAN.search(sentence.zh), code
    for english in (sentence.en, sentence.advice_en):
        assert not HAN.search(QUOTED.sub("", english)), code
        assert not english.endswith("."), code


def test_an_error_renders_in_either_language() -> None:
    error = InvalidValue(message("values.amount"), step="here", term="金额")
    assert str(error) == "not an amount in yuan (金额) [here]; write it as 1234.56"
    assert error.in_language("zh") == "金额写法不对 [here]；请写成 1234.56"
    assert (error.message, error.what, error.advice) == (
        message("values.amount"),
        "not an amount in yuan",
        "write it as 1234.56",
    )
    messages.use("zh")
    try:
        assert str(error) == "金额写法不对 [here]；请写成 1234.56"
        assert error.what == "金额写法不对"
    finally:
        messages.use(None)


def test_a_parameter_that_is_absent_does_not_hide_the_error() -> None:
    assert message("values.choice", field="--lang").en == "--lang: {found} is not one of {allowed}"


def test_parameters_cannot_steer_a_terminal() -> None:
    shown = message("values.choice", field="\x1b]0;x\x07", found="a\nb\u202e", allowed="䶮 \u3000").en
    assert shown == "\\x1b]0;x\\x07: a\\nb\\u202e is not one of 䶮 \u3000"
    assert printable("\ud800") == "\\ud800"


def test_the_language_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting, expected in (("zh", "zh"), ("zh_CN.UTF-8", "zh"), ("en", "en"), ("", "en"), ("C", "en")):
        monkeypatch.setenv("SBCARD_LANG", setting)
        assert messages.language() == expected


def test_no_area_is_read_before_a_sentence_is_rendered() -> None:
    code = "import sbcard_core.errors as e, sbcard_core.messages as m; e.InvalidValue(m.message('values.amount'))"
    code += "; assert m._area.cache_info().currsize == 0; str(m.message('values.amount'))"
    code += "; assert m._area.cache_info().currsize == 1"
    subprocess.run([sys.executable, "-c", code], check=True)
