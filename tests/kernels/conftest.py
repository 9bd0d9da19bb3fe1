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
    once: Callable[[str, Callable[[Path], None]], Path],
    tmp_path_factory: pytest.TempPathFactory,
    real_part: Callable[[str, bool, str], None],
) -> Callable[[str], Path]:
    """``build_c("residue")`` compiles c/residue.c and links it with every kernel."""
    real_part("cc", shutil.which("cc") is not None, "apt install gcc")

    def compile_all(place: Path) -> None:
        sources = map(str, sorted(CSRC.glob("*.c")))
        running = [subprocess.Popen(["cc", *FLAGS, "-c", one], cwd=place, stderr=subprocess.PIPE) for one in sources]
        complaints = [b"".join(process.communicate()[1:]) for process in running]
        assert all(process.returncode == 0 for process in running), complaints

    place = tmp_path_factory.mktemp("kernels")

    def link(name: str) -> Path:
        source = ROOT / f"tests/kernels/c/{name}.c"
        objects = sorted(once("kernels", compile_all).glob("*.o"))
        subprocess.run(["cc", *FLAGS, "-o", str(place / name), str(source), *map(str, objects)], check=True)
        return place / name

    return link
