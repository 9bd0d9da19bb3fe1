"""Doctests and tests that are collected together see one copy of each module."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import sys

def pytest_collection_modifyitems(items):
    assert items
    doubled = [
        (module.__name__, name)
        for module in list(sys.modules.values()) if module.__name__.startswith(("apdu", "readers", "sbcard_core"))
        for name, value in vars(module).items() if isinstance(value, type)
        if getattr(sys.modules.get(value.__module__), value.__name__, value) is not value
    ]
    assert doubled == []
"""


@pytest.mark.parametrize("module", ["clearing/keys", "medical/split"])
def test_every_class_is_the_one_its_module_holds(tmp_path: Path, module: str) -> None:
    (tmp_path / "probe.py").write_text(PROBE, "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-p", "probe", "-p", "no:cacheprovider"]
    command.append(f"sbcard_core/{module}.py")
    env = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
