"""The page for bureau programmers: its code is one program, and prints what the page says."""

import os
import re
import subprocess
import sys
from pathlib import Path

from sbcard_core.cli.recovering import pay_app
from sbcard_core.payout.draft import REASONS

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/payout.md").read_text("utf-8")


def blocks(kind: str) -> str:
    return "\n".join(re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.M | re.S))


def test_the_page_runs_from_nothing_and_prints_what_it_says(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    command = [sys.executable, "-c", blocks("python")]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8")
    assert done.stdout.decode("utf-8").replace("\r\n", "\n") == blocks("output")


def test_the_page_names_every_finding_of_a_roll() -> None:
    assert all(f"`payout.{code}`" in PAGE or f"`.{code}`" in PAGE for code in REASONS if code != "suspended")


def test_the_page_names_every_verb_of_the_command_line() -> None:
    verbs = [one.name or one.callback.__name__ for one in pay_app.registered_commands]  # type: ignore[union-attr]
    assert len(verbs) > 15
    assert [verb for verb in verbs if not re.search(rf"`(sbcard pay )?{verb}[ `]", PAGE)] == []
