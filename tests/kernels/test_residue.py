"""A kernel's call leaves nothing of keys and data on its stack, spilled registers included."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def verdicts(build_c: Callable[[str], Path]) -> dict[str, str]:
    """What c/residue.c says of each case."""
    done = subprocess.run([str(build_c("residue"))], capture_output=True, text=True, check=False)
    return {name: verdict for verdict, _, name in (line.partition(" ") for line in done.stdout.splitlines())}


def test_a_planted_residue_is_seen(verdicts: dict[str, str]) -> None:
    assert [verdict for name, verdict in verdicts.items() if name.startswith("planted")] == ["seen"]


@pytest.mark.parametrize("kernel", ["des", "sm4"])
def test_no_kernel_leaves_secrets_on_its_stack(verdicts: dict[str, str], kernel: str) -> None:
    found = {name: verdict for name, verdict in verdicts.items() if name.startswith(kernel)}
    assert len(found) > 40
    assert {name: verdict for name, verdict in found.items() if verdict != "clean"} == {}
