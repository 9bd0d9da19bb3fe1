"""A kernel's call leaves nothing of keys and data on its stack, spilled registers included."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "sbcard_core/_fast/csrc"


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory, real_part: Callable[[str, bool, str], None]) -> dict[str, str]:
    """What c/residue.c says of each case, built with the flags of the extension."""
    real_part("cc", shutil.which("cc") is not None, "apt install gcc")
    program = tmp_path_factory.mktemp("residue") / "residue"
    sources = [str(ROOT / "tests/kernels/c/residue.c"), *map(str, sorted(CSRC.glob("*.c")))]
    subprocess.run(
        ["cc", "-std=c11", "-O3", "-Wall", "-Wextra", "-I", str(CSRC), "-o", str(program), *sources],
        check=True,
        capture_output=True,
    )
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    return {name: verdict for verdict, _, name in (line.partition(" ") for line in done.stdout.splitlines())}


def test_a_planted_residue_is_seen(verdicts: dict[str, str]) -> None:
    assert [verdict for name, verdict in verdicts.items() if name.startswith("planted")] == ["seen"]


@pytest.mark.parametrize("kernel", ["sm4"])
def test_no_kernel_leaves_secrets_on_its_stack(verdicts: dict[str, str], kernel: str) -> None:
    found = {name: verdict for name, verdict in verdicts.items() if name.startswith(kernel)}
    assert len(found) > 40
    assert {name: verdict for name, verdict in found.items() if verdict != "clean"} == {}
