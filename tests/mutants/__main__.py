"""Changes the code where money, lifecycles, identifiers and PINs are decided, and counts what no test notices.

``make mutants`` takes a sample of each area; ``make mutants MUTANTS="payout ledger" SAMPLE=200`` more of some. A sample
is drawn by a fixed seed, so that two runs compare. What changes nothing that could be seen is listed with its reason in
``equivalents.toml``; it is not counted.
"""

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import json
import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import hypothesis.stateful  # noqa: F401 - each mutant's process is a fork of this one
import numpy  # noqa: F401
import pytest
import sqlalchemy  # noqa: F401

from tests.mutants.mutate import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
EQUIVALENTS = tomllib.loads(Path(__file__).with_name("equivalents.toml").read_text("utf-8"))
AREAS: dict[str, tuple[list[str], list[str]]] = {
    name: ([f"sbcard_core/{name}/*.py"], [f"tests/{name}", f"sbcard_core/{name}"])
    for name in (
        *("ledger", "payout", "premiums", "medical", "registry", "clearing", "eligibility", "officers"),
        *("validation", "files", "hosts"),
    )
} | {
    "readers": (["readers/*.py"], ["tests/readers", "readers"]),
    "fields": (
        ["sbcard_core/fields/*.py", "sbcard_core/calendar.py"],
        ["tests/fields", "tests/calendar", "sbcard_core/fields", "sbcard_core/calendar.py"],
    ),
    "card": (
        [
            f"sbcard_core/card/{name}.py"
            for name in ("pins", "purse", "money", "torn", "twostep", "loadhost", "account")
        ],
        ["tests/card", "tests/readers/test_terminals.py", "tests/readers/test_online_terminals.py", "sbcard_core/card"],
    ),
    "crypto": (
        [
            f"sbcard_core/crypto/{name}.py"
            for name in ("diversify", "tac", "pin_block", "mac", "purse", "padding", "kcv")
        ],
        ["tests/crypto", "sbcard_core/crypto"],
    ),
    "apdu": (["apdu/*.py"], ["tests/apdu", "apdu"]),
}
"""What is changed, and which tests may notice it."""
PYTEST = ["-q", "-x", "-p", "tests.mutants.plugin", "-p", "no:cacheprovider", "-p", "no:xdist", "--no-header"]
PYTEST += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # what is imported here is not rewritten again
ENOUGH_S = 20.0
"""Tests that run a changed line are run shortest first, up to this processor time."""
SLOWEST, PATIENCE_S, STILL_S = 8, 20.0, 600.0
"""A mutant hangs, and is noticed, that takes so many times the processor time of the tests and so much more; or that is
not done after so long, as one that waits for ever."""


class Changed(importlib.abc.MetaPathFinder, importlib.machinery.SourceFileLoader):
    """Imports one module from a changed text."""

    def __init__(self, name: str, path: Path, text: str) -> None:
        super().__init__(name, str(path))
        self.text = text

    def find_spec(self, fullname: str, path: Any, target: ModuleType | None = None) -> Any:
        if fullname != self.name:
            return None
        is_package = self.path.endswith("__init__.py")
        where = [str(Path(self.path).parent)] if is_package else None
        return importlib.util.spec_from_file_location(
            fullname, self.path, loader=self, submodule_search_locations=where
        )

    def get_code(self, fullname: str) -> CodeType:
        return compile(self.text, self.path, "exec", dont_inherit=True)


def lines_of(area: str, folder: Path) -> dict[str, Any]:
    """Which tests run which lines, by one run of them all."""
    files, tests = AREAS[area]
    out = folder / f"{area}.json"
    env = {
        **os.environ,
        "MUTANTS_MAP": str(out),
        "MUTANTS_FILES": ":".join(sorted({one.split("*")[0] for one in files})),
    }
    there = [test for test in tests if (ROOT / test).exists()]
    command = [sys.executable, "-m", "pytest", *PYTEST, *there]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the tests of {area} fail as they are:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return dict(json.loads(out.read_text("utf-8")))


def tests_for(mutant: Mutant, lines: dict[str, Any]) -> tuple[list[str], float]:
    """The tests that run a changed line, shortest first, and their time.

    Lines that run when a module is imported are in all tests that use it.
    """
    where = range(mutant.line, mutant.last + 1)
    found = {test for line in where for test in lines["tests"].get(f"{mutant.path}:{line}", ())}
    if not found:
        found = {test for line, tests in lines["tests"].items() if line.startswith(f"{mutant.path}:") for test in tests}
    if not found:  # a module of values alone
        found = {test for tests in lines["tests"].values() for test in tests}
    seconds = lines["seconds"]
    chosen, total = [], 0.0
    for test in sorted(found, key=lambda test: (seconds.get(test, 0), test)):
        total += seconds.get(test, 0)
        if chosen and total > ENOUGH_S:
            break
        chosen.append(test)
    return chosen, total


def is_noticed(job: tuple[Mutant, list[str], float]) -> bool:
    """Whether one of the tests fails, or hangs, on the changed code."""
    mutant, tests, seconds = job
    if not tests:
        return False
    pid = os.fork()
    if pid == 0:
        os.setsid()
        most = int(PATIENCE_S + SLOWEST * min(seconds, ENOUGH_S))
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))
        _run(mutant, tests)
    end = time.monotonic() + STILL_S
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) != 0
        if time.monotonic() > end:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return True
        time.sleep(0.02)


def _run(mutant: Mutant, tests: list[str]) -> None:
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    code = 1
    try:
        name = mutant.path.removesuffix(".py").replace("/", ".").removesuffix(".__init__")
        sys.meta_path.insert(0, Changed(name, ROOT / mutant.path, mutant.source(ROOT)))
        importlib.import_module(name)  # else a doctest of the module would import it from its file, unchanged
        code = int(pytest.main([*PYTEST, *tests]))
    finally:
        os._exit(code)


def sample(area: str, count: int, seed: int, part: str = "") -> list[Mutant]:
    """``count`` of the area's mutants in files with ``part`` in their names, without those listed as equivalent."""
    paths = sorted({path for pattern in AREAS[area][0] for path in ROOT.glob(pattern) if part in path.name})
    every = []
    for path in paths:
        text, name = path.read_text("utf-8"), str(path.relative_to(ROOT))
        every += [one for one in mutants(name, text) if one.key not in EQUIVALENTS]
    return sorted(random.Random(seed).sample(every, min(count, len(every))))


def report(area: str, jobs: Sequence[tuple[Mutant, list[str], float]], noticed: Sequence[bool]) -> str:
    survivors = [(mutant, tests) for (mutant, tests, _), killed in zip(jobs, noticed, strict=True) if not killed]
    lines = [f"{area}: {sum(noticed)} of {len(jobs)} noticed ({sum(noticed) / max(1, len(jobs)):.0%})"]
    for mutant, tests in survivors:
        lines.append(
            f"  {mutant.path}:{mutant.line} {mutant.key.partition('::')[2]}" + ("" if tests else "  (never run)")
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("areas", nargs="*", help=f"of {', '.join(AREAS)} (default: all)")
    parser.add_argument("--sample", type=int, default=40, help="mutants of each area")
    parser.add_argument("--file", default="", help="only files whose name has this in it")
    parser.add_argument("--seed", type=int, default=20140731)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    if unknown := set(given.areas) - set(AREAS):
        parser.error(f"no area is called {', '.join(sorted(unknown))}")
    begun, killed, total = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory() as folder, multiprocessing.get_context("fork").Pool(given.jobs) as pool:
        for area in given.areas or AREAS:
            lines = lines_of(area, Path(folder))
            jobs = [(one, *tests_for(one, lines)) for one in sample(area, given.sample, given.seed, given.file)]
            if pool.apply(is_noticed, [(replace(jobs[0][0], after=jobs[0][0].before), *jobs[0][1:])]):
                sys.exit(f"the tests of {area} fail here although nothing was changed")
            noticed = pool.map(is_noticed, jobs, chunksize=1)
            killed, total = killed + sum(noticed), total + len(noticed)
            print(report(area, jobs, noticed), flush=True)
    print(f"{killed} of {total} noticed ({killed / max(1, total):.1%}) in {time.monotonic() - begun:.0f} s")
    return int(killed < 0.95 * total)


if __name__ == "__main__":
    sys.exit(main())
