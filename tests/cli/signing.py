"""What officers sign of an act that a verb asks approvals for."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from typer.testing import CliRunner

from sbcard_core.cli.app import app

BESIDE = {
    *("suspend", "resume", "tell", "death", "withdraw-death", "recover", "give-up", "reinstate", "assign", "give-back"),
    "unpaid",
}
"""Verbs of acts beside rolls, for which two officers sign."""


def signed(folder: Path, act: Sequence[str], *officers: str, on: str = "2014-09-01") -> list[object]:
    """What officers sign of an act, as options."""
    parts: list[object] = []
    for officer in officers:
        key = Path(os.environ["SBCARD_OFFICERS"]).with_name(f"{officer}.pem")
        order = ["pay", "sign", *act, "--officer", officer, "--key", str(key), "--on", on]
        done = CliRunner().invoke(app, order)
        assert done.exit_code == 0, done.output
        (folder / f"{officer}.json").write_text(done.output, "utf-8")
        parts += ["--approval", folder / f"{officer}.json"]
    return parts


def asked(text: str) -> tuple[str, str, str] | None:
    """The act that a refusal asks officers for."""
    found = re.search(r"must approve: (\S+) (\S+) (\S+)", text)
    return (found[1], found[2], found[3]) if found else None


def with_officers(invoke: Callable[..., Any], verb: object, on: str = "2014-09-01") -> Any:
    """Run a verb; where it asks for officers and is one of an act beside rolls, two sign and it is run again."""
    done = invoke()
    act = asked(done.output) if verb in BESIDE else None
    return invoke(*signed(Path(mkdtemp()), act, "li", "wang", on=on)) if act else done
