"""The README's code runs as it stands, in the folder where a user would run it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^## (For an? \w+)\n+```python\n(.*?)^```", README, re.M | re.S)
EXPECTED = {
    "For a hospital": r"^张珅 X00000019 52000$",
    "For a bank": r"^\d+ accounts opened for 102430100201404\d+$",
    "For a bureau": r"^95 1 0$[\s\S]*answer due 2014-10-15$",
}


@pytest.fixture(scope="module")
def folder(small_month: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a small demo has run."""
    return Path(shutil.copytree(small_month, tmp_path_factory.mktemp("readme") / "month"))


def test_all_three_readers_are_served() -> None:
    assert [title for title, _ in BLOCKS] == list(EXPECTED)
    assert all(len(code.strip().split("\n")) <= 14 for _, code in BLOCKS)


@pytest.mark.parametrize(("title", "code"), BLOCKS, ids=[title for title, _ in BLOCKS])
def test_code_runs(folder: Path, title: str, code: str) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8")
    assert re.search(EXPECTED[title], done.stdout.decode("utf-8").strip(), re.M), done.stdout.decode("utf-8")


def test_the_two_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for command in re.findall(r"^make (\w+)", README, re.M):
        assert re.search(rf"^{command}:", makefile, re.M)


def test_pictures_and_links_exist() -> None:
    targets = re.findall(r"\]\(([^)#]+)\)", README)
    assert targets
    assert [target for target in targets if not (ROOT / target).exists()] == []
