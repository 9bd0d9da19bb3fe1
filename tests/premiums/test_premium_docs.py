"""docs/premiums.md says what the code does: its programs and commands run, in order, in one folder."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from sbcard_core.premiums import LineStatus

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "premiums.md").read_text("utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```\n\n```output\n(.*?)^```", TEXT, re.M | re.S)
ENV = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("premiums")


def test_programs(folder: Path) -> None:
    assert len(PROGRAMS) == 2
    code = "".join(program for program, _ in PROGRAMS)
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=ENV, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode() == "".join(output for _, output in PROGRAMS)


def test_commands(folder: Path) -> None:
    people = "id_number,name,category,insurance\n430102198001010011,张三,RURAL,resident-medical\n"
    (folder / "people.csv").write_text(people, "utf-8")
    (block,) = re.findall(r"^```sh\n(.*?)^```", TEXT, re.M | re.S)
    for line in block.splitlines():
        command = [sys.executable, "-m", "sbcard_core.cli", *shlex.split(line)[1:]]
        done = subprocess.run(command, cwd=folder, env=ENV, capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b""), line
    assert json.loads(done.stdout) == {"period": "2016", "totals": {"OPEN": {"bills": 1, "fen": 12000}}}
    assert len(list((folder / "sent").iterdir())) == 1


def test_every_status_named_is_one() -> None:
    table = TEXT[TEXT.index("| line | money |") :].split("\n\n")[0]
    assert set(re.findall(r"`([A-Z_]+)`", table)) <= set(LineStatus.__members__)
