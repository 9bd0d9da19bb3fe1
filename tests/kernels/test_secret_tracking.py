"""No kernel branches on a secret or forms an address from one: memcheck follows every secret bit through the C code."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from sbcard_core import _kernels

HEADER = Path("/usr/include/valgrind/memcheck.h")


@pytest.fixture(scope="module")
def verdicts(build_c: Callable[[str], Path], real_part: Callable[[str, bool, str], None]) -> dict[str, str]:
    """The verdict of each case of c/cases.h by its name, e.g. ``{"sm4 aesni one derive": "clean"}``."""
    present = shutil.which("valgrind") is not None and HEADER.is_file()
    real_part("valgrind", present, "apt install valgrind")
    program = build_c("secrets")
    valgrind = ["valgrind", "-q", "--error-limit=no", f"--log-file={program}.log", str(program)]
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
        assert levels - {"vaes"} == set(_kernels.kernel_levels(kernel)) - {"reference", "vaes"}
