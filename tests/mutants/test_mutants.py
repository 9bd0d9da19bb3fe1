"""The tool sees what a test sees: a change that a test notices, one that none does, and no change at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutants.mutate import mutants

ROOT = Path(__file__).resolve().parents[2]
SOURCE = '''
def pay(store, fen, on):
    """Not this one: 1 < 2."""
    query = sa.select(x).where(x.a == 1, x.b > on)
    if fen <= 0 and not store:
        raise ValueError(f"{fen + 1}")
    return store.run("UPDATE x SET a = 1 WHERE b = 2 AND c = 3")
'''


def test_each_operator_statement_and_term_of_sql_is_changed() -> None:
    changed = {mutant.after for mutant in mutants("x.py", SOURCE)}
    assert changed >= {
        "sa.select(x)", "sa.select(x).where(x.a == 1)", "sa.select(x).where(x.b > on)", "(x.a != 1)", "(x.b >= on)",
        "(fen < 0)", "(fen <= 0 or not store)", "(fen <= 0)", "(not store)", "(store)", "pass",
        "'UPDATE x SET a = 1 WHERE b = 2 OR c = 3'", "'UPDATE x SET a = 1 WHERE b <> 2 AND c = 3'",
    }  # fmt: skip
    assert not {mutant.before for mutant in mutants("x.py", SOURCE)} & {"fen + 1", "1 < 2"}
    for mutant in mutants("x.py", SOURCE):
        compile(SOURCE[: mutant.start] + mutant.after + SOURCE[mutant.end :], "x.py", "exec")


CODE = """
from dataclasses import replace
from tests.mutants.__main__ import ROOT, is_noticed
from tests.mutants.mutate import mutants
path = "sbcard_core/clearing/journal.py"
tests = ["tests/clearing/test_clearing_edges.py::test_the_last_value_is_read_and_the_next_is_not[type-255-256]",
         "sbcard_core/clearing/journal.py::sbcard_core.clearing.journal.parse_line"]
(one,) = [each for each in mutants(path, (ROOT / path).read_text("utf-8")) if each.after == "(p.type < 255)"]
print(*[is_noticed((mutant, chosen, 1.0)) for mutant, chosen in
        [(one, tests), (one, tests[1:]), (replace(one, after=one.before), tests)]])
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_change_is_noticed_by_the_test_that_is_for_it() -> None:
    """Also where the changed file's own doctest is among the tests."""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "False", "False"], done.stderr


def test_every_listed_equivalent_is_a_change_that_can_be_made() -> None:
    from tests.mutants.__main__ import AREAS, EQUIVALENTS

    paths = {path for patterns, _ in AREAS.values() for pattern in patterns for path in ROOT.glob(pattern)}
    made = {one.key for path in paths for one in mutants(str(path.relative_to(ROOT)), path.read_text("utf-8"))}
    assert set(EQUIVALENTS) - made == set()
