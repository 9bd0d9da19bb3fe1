"""The sdist and the wheel are complete: opened, compared with the tree, and used."""

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("apdu", "readers", "sbcard_core")
DATA = {".py", ".pyi", ".toml", ".txt", ".j2", ".csv"}
SKIPPED = ignore_patterns(".venv*", ".git", "out", "build", "dist", "*.so", "*.egg-info", "__pycache__", ".*_cache",
                          ".hypothesis", ".benchmarks", "_fast.*.c")  # fmt: skip


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the sdist, built from a copy of the tree; what is in them does not depend on optimisation."""
    source = tmp_path_factory.mktemp("source") / "sbcard-core"
    copytree(ROOT, source, ignore=SKIPPED)
    dist = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(dist), str(source)],
        capture_output=True, text=True, check=False, env={**os.environ, "SBCARD_BUILD": "debug"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return next(dist.glob("*.whl")), next(dist.glob("*.tar.gz"))


def package_files() -> set[str]:
    """What an installed package must hold, read off the tree."""
    found = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in DATA or path.name == "py.typed"
    }
    assert len(found) > 150
    return {name for name in found if "__pycache__" not in name}


def test_the_wheel_holds_every_module_and_data_file(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        names = set(wheel.namelist())
    assert package_files() - names == set()
    compiled = [name for name in names if name.endswith((".so", ".pyd"))]
    pyx = {path.stem for path in (ROOT / "sbcard_core/_fast").glob("*.pyx")}
    assert {Path(name).name.split(".")[0] for name in compiled} == pyx
    assert [name for name in names if name.endswith((".c", ".h", ".pyx")) or name.startswith(("tests", "bench"))] == []
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_the_sdist_holds_what_a_build_and_a_reader_need(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    pyx = {str(path.relative_to(ROOT)) for path in (ROOT / "sbcard_core/_fast").glob("*.pyx")}
    kernels = {str(path.relative_to(ROOT)) for path in (ROOT / "sbcard_core/_fast/csrc").iterdir()}
    wanted = package_files() | kernels | pyx | {"setup.py", "pyproject.toml", "LICENSE"}
    wanted |= {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "Makefile", "tests/conftest.py"}
    assert wanted - names == set()
    assert [
        name for name in names if name.startswith("sbcard_core/_fast/") and name.count("/") == 2 and name.endswith(".c")
    ] == []


def test_the_wheel_works_away_from_the_tree(built: tuple[Path, Path], tmp_path: Path) -> None:
    site = tmp_path / "site"
    with zipfile.ZipFile(built[0]) as wheel:
        wheel.extractall(site)
    code = (
        "import sbcard_core, apdu, readers.drivers\n"
        "from datetime import date\n"
        "from sbcard_core.fields import citizen_id, region\n"
        "from sbcard_core.bulletin import letter\n"
        "assert list(citizen_id.check_many(b'11010519491231002X', on=date(2014, 7, 31))) == [0]\n"
        "assert len(region.cities()) == 14 and letter.load()['402.opened'].value == 697\n"
        "print(sbcard_core.__file__)"
    )
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(site)!r})\n{code}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().startswith(str(site))


def test_pyscard_is_asked_for_only_where_wheels_exist(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        metadata = wheel.read(next(n for n in wheel.namelist() if n.endswith("METADATA"))).decode("utf-8")
    lines = [line for line in metadata.splitlines() if line.startswith("Requires-Dist: pyscard")]
    assert any("win32" in line and "darwin" in line for line in lines)
    assert any('extra == "pcsc"' in line for line in lines)
    assert len(lines) == 2
