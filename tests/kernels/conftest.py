"""The C kernels compiled once, as the extension compiles them, for the programs in c/."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "sbcard_core/_fast/csrc"
FLAGS = ["-std=c11", "-O3", "-Wall", "-Wextra", "-I", str(CSRC)]


@pytest.fixture(scope="session")
def build_c(
    tmp_path_factory: pytest.TempPathFactory, real_part: Callable[[str, bool, str], None]
) -> Callable[[str], Path]:
    """``build_c("residue")`` compiles c/residue.c and links it with every kernel."""
    real_part("cc", shutil.which("cc") is not None, "apt install gcc")
    place = tmp_path_factory.mktemp("kernels")
    objects = {source: place / f"{source.stem}.o" for source in sorted(CSRC.glob("*.c"))}
    running = [
        subprocess.Popen(["cc", *FLAGS, "-c", "-o", str(target), str(source)], stderr=subprocess.PIPE)
        for source, target in objects.items()
    ]
    complaints = [b"".join(process.communicate()[1:]) for process in running]
    assert all(process.returncode == 0 for process in running), complaints

    def link(name: str) -> Path:
        source = ROOT / f"tests/kernels/c/{name}.c"
        subprocess.run(["cc", *FLAGS, "-o", str(place / name), str(source), *map(str, objects.values())], check=True)
        return place / name

    return link
