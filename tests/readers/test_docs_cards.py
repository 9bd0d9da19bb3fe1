"""The page for card and terminal developers: its code runs as it stands, its tables are right."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from apdu.status import StatusWord
from readers import drivers, errors
from sbcard_core.card import errors as card_errors
from sbcard_core.card.errors import driver_code
from sbcard_core.errors import MissingPart

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "cards.md").read_text("utf-8")
BLOCKS = [
    (section.split("\n")[0], code)
    for section in PAGE.split("\n## ")[1:]
    for code in re.findall(r"^```python\n(.*?)^```", section, re.M | re.S)
]
SAID = re.compile(r"^ *print\(.*\)  # (.+)$", re.M)


def test_every_block_is_found() -> None:
    assert len(BLOCKS) == PAGE.count("```python") == 6


@pytest.mark.parametrize(("title", "code"), BLOCKS, ids=[title for title, _ in BLOCKS])
def test_code_runs_and_prints_what_it_says(
    title: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, title, "exec"), {"__name__": "__main__"})
    printed = out.getvalue().splitlines()
    for promised in SAID.findall(code):
        assert promised in printed, printed
    if title.startswith("Torn"):
        assert printed[-1].endswith(" 3800")


def test_every_scheme_of_the_table_is_a_driver() -> None:
    table = PAGE.split("## Which reader")[1].split("## ")[0]
    schemes = set(re.findall(r"`(\w+):", table))
    assert schemes == set(drivers.BUILT_IN)


def test_errors_and_codes() -> None:
    table = PAGE.split("## Errors")[1].split("```")[0]
    known = {**vars(errors), **vars(card_errors)}
    elsewhere = {"CardLost", "MissingPart", "UnexpectedStatus", "AssumptionNotSet"}
    for name in re.findall(r"`([A-Z]\w+)[(`]", table):
        assert name in known or name in elsewhere, name
    assert StatusWord(0x6A82).driver_code == -27266
    codes = {
        "InternalAuthFailed": -21, "HsmDiffers": -25, "PsamMissing": -2201, "AlgorithmNeedsVendor": -2202,
        "PinWrong": -51, "PinLocked": -52,
    }  # fmt: skip
    codes |= {
        "NoCard": -2, "CardRemoved": -4, "Timeout": -4, "ReaderLost": -11, "ServiceLost": -12, "ReaderNotFound": -11,
        "Busy": -11, "NotSupported": -13, "AnswerMalformed": -42,
    }  # fmt: skip
    for name, code in codes.items():
        assert known[name].driver_code == code, name
        assert f"−{-code}" in table
    assert driver_code(MissingPart("no pyscard")) == -5
