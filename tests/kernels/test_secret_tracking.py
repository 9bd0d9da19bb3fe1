"""No kernel branches on a secret or forms an address from one: memcheck follows every secret bit through the C code."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sbcard_core import _kernels

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "sbcard_core/_fast/csrc"
HEADER = Path("/usr/include/valgrind/memcheck.h")


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory, real_part: Callable[[str, bool, str], None]) -> dict[str, str]:
    """The verdict of each case of c/cases.h by its name, e.g. ``{"sm4 aesni one derive": "clean"}``."""
    present = shutil.which("valgrind") is not None and HEADER.is_file() and shutil.which("cc") is not None
    real_part("valgrind", present, "apt install valgrind gcc")
    place = tmp_path_factory.mktemp("secrets")
    sources = [str(ROOT / "tests/kernels/c/secrets.c"), *map(str, sorted(CSRC.glob("*.c")))]
    build = ["cc", "-std=c11", "-O3", "-Wall", "-Wextra", "-I", str(CSRC), "-o", str(place / "secrets"), *sources]
    subprocess.run(build, check=True, capture_output=True)
    valgrind = ["valgrind", "-q", "--error-limit=no", f"--log-file={place / 'log'}", str(place / "secrets")]
    done = subprocess.run(valgrind, capture_output=True, text=True, check=False)
    found = {}
    for line in done.stdout.splitlines():
        verdict, _, rest = line.partition(" ")
        found[rest.rpartition(": ")[0]] = verdict
    assert found, done.stderr
    found["exit"] = str(done.returncode)
    return found


def test_planted_leaks_are_seen(verdicts: dict[str, str]) -> None:
    """Without this a clean bill would mean nothing."""
    planted = {name: verdict for name, verdict in verdicts.items() if name.startswith("planted")}
    assert planted == {"planted leak: table look-up": "seen", "planted leak: early exit": "seen"}


def test_no_kernel_leaks(verdicts: dict[str, str]) -> None:
    kernels = {name: verdict for name, verdict in verdicts.items() if name.startswith(("des ", "sm4 "))}
    assert {name: verdict for name, verdict in kernels.items() if verdict != "clean"} == {}
    assert verdicts["exit"] == "0"


def test_every_level_valgrind_can_run_was_tracked(verdicts: dict[str, str]) -> None:
    """Valgrind has no AES instruction on 256 bits; that level differs from avx2 by this one instruction."""
    for kernel in ("des", "sm4"):
        levels = {name.split()[1] for name in verdicts if name.startswith(f"{kernel} ")}
        assert levels == set(_kernels.kernel_levels(kernel)) - {"reference", "vaes"}
