"""What commands print: nothing out of a file or its name steers the terminal, JSON says what happened, Ctrl-C ends."""

import ast
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from sbcard_core.cli import checking
from sbcard_core.cli import say as printing
from sbcard_core.cli.app import app
from tests.cli import test_bill_command as bills
from tests.cli import test_check_command as checks

CLI = Path(printing.__file__).parent
STEERING = "\x1b[31m\x1b]0;title\x07\x9b2J\u202e\x7f"


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def written(folder: Path) -> Path:
    bill = folder / "bill.json"
    bill.write_text(json.dumps(bills.SMALL), "utf-8")
    return bill


def is_plain(text: str) -> bool:
    return all(mark.isprintable() or mark in "\n\t\u3000" for mark in text)


def test_every_command_prints_through_one_module() -> None:
    found = []
    for path in sorted(CLI.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            call = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            to_file = isinstance(node, ast.Call) and any(one.arg == "file" for one in node.keywords)
            if call in ("typer.echo", "console.print", "sys.stdout.write") or (call == "print" and not to_file):
                found.append(f"{path.name}: {call}")
    assert found == ["progress.py: console.print", "say.py: console.print"]


@pytest.mark.skipif(os.name != "posix", reason="such names are POSIX")
@pytest.mark.parametrize("suffix", [".csv", ".pdf", "\n.csv"])
def test_a_files_name_does_not_steer_the_terminal(tmp_path: Path, suffix: str) -> None:
    file = checks.write(tmp_path / f"a{STEERING}{suffix}", checks.record(1), checks.record(3, county="999999"))
    code, said = run("check", file, "--on", "2014-07-31", "--out", tmp_path / "out")
    assert (code, is_plain(said), "\\x1b[31m" in said) == (1, True, True), said
    book = next((tmp_path / "out/kickback").iterdir())
    assert is_plain(run("corrections", book, "--checked", tmp_path / "out", "--out", tmp_path / "back")[1])


@pytest.mark.skipif(os.name != "posix", reason="such names are POSIX")
@pytest.mark.parametrize("command", [["check"], ["premium", "result", "--db", "sqlite://"], ["card", "trace"]])
def test_a_name_in_another_encoding_ends_with_2(tmp_path: Path, command: list[str]) -> None:
    file = checks.write(tmp_path / os.fsdecode("长沙市.csv".encode("gbk")), checks.record(1))
    code, said = run(*command, file)
    assert (code, "长沙市.csv" in said, "Traceback" in said) == (2, True, False), said


def test_progress_does_not_steer_the_terminal() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    checking.Ticker(screen)(f"a{STEERING}.csv", 1)
    assert is_plain(screen.getvalue().lstrip("\r")), screen.getvalue()


@pytest.mark.skipif(os.name != "posix", reason="such names are POSIX")
@pytest.mark.parametrize(
    "command",
    [
        ["check", "NAME"],
        ["card", "trace", "NAME"],
        ["pay", "result", "NAME", "--db", "sqlite://"],
        ["pay", "draft", "pension", "2014-07", "NAME", "--by", "x", "--db", "sqlite://"],
        ["pay", "rolls", "NAME"],
        ["NAME"],
        ["bill", "settle", "NAME", "--db", "sqlite://"],
        ["check", "a", "--repairs", "NAME"],
        ["replay", "NAME"],
        ["replay", "--scale", "NAME"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("there", ["file", "folder", "nothing"])
def test_a_refusal_does_not_steer_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], there: str
) -> None:
    monkeypatch.chdir(tmp_path)
    name = f"a{STEERING}"
    if there == "folder":
        Path(name).mkdir()
    elif there == "file":
        Path(name).write_text(STEERING)
    code, said = run(*[name if one == "NAME" else one for one in command])
    assert (code, is_plain(said)) == (1 if command[:2] == ["check", "NAME"] and there == "file" else 2, True), said


@given(st.text())
def test_json_is_printed_so_that_it_reads_back(text: str) -> None:
    shown: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "say", shown.append)
        printing.say_json({"name": text})
    assert is_plain(shown[0])
    assert json.loads(shown[0]) == {"name": text}


def test_a_cancellation_says_that_it_is_one(tmp_path: Path) -> None:
    bill, db = written(tmp_path), f"sqlite:///{tmp_path}/books.sqlite"
    assert run("bill", "settle", bill, "--sample", "--db", db)[0] == 0
    gone = ("bill", "cancel", bills.SMALL["msgid"], "--msgid", f"{bills.SMALL['msgid'][:-1]}9")
    gone += ("--at", "2014-09-01T10:00:00", "--db", db, "--json")
    rehearsed = json.loads(run(*gone, "--dry-run")[1])
    assert (rehearsed["status"], rehearsed["dry_run"]) == ("CANCELLED", True)
    assert json.loads(run(*gone)[1])["status"] == "CANCELLED"
    assert json.loads(run(*gone)[1])["status"] == "EXISTS"


@pytest.mark.parametrize(
    "place",
    [
        "sbcard_core.cli.bill.read_bill",
        "sbcard_core.backend.Backend.open",
        "sbcard_core.medical.billing.MedicalBilling.settle",
        "sbcard_core.cli.bill.tell",
        "sbcard_core.store.engine.Store.close",
    ],
)
def test_ctrl_c_anywhere_ends_with_130_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    bill = written(tmp_path)
    monkeypatch.setattr(place, interrupted)
    code, said = run("bill", "settle", bill, "--sample", "--db", f"sqlite:///{tmp_path}/books.sqlite")
    assert (code, "已中断" in said, "Traceback" in said) == (130, True, False), said


INTERRUPTED = """
import logging, sys
from sbcard_core import cli
import sbcard_core.cli.app as commands
def app():
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:  # as SQLAlchemy does where a connection is being closed
        logging.getLogger("sqlalchemy.pool.impl.QueuePool").error("Exception closing connection", exc_info=True)
        raise
commands.app = app
cli.main()
"""


def test_what_a_library_logs_of_ctrl_c_is_not_shown() -> None:
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"LANG": "zh_CN.GBK"}, "比例"),
        ({"LC_ALL": "zh_CN.UTF-8", "LANG": "C"}, "比例"),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "the scale"),
        ({"SBCARD_LANG": "en", "LANG": "zh_CN.UTF-8"}, "the scale"),
        ({"SBCARD_LANG": "zh", "LANG": "C"}, "比例"),
    ],
)
def test_the_command_speaks_the_language_of_its_shell(told: dict[str, str], shown: str) -> None:
    asked = ("SBCARD_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    where = {name: value for name, value in os.environ.items() if name not in asked}
    command = [sys.executable, "-m", "sbcard_core.cli", "replay", "--scale", "2"]
    done = subprocess.run(
        command, env={**where, **told, "PYTHONIOENCODING": "utf-8"}, capture_output=True, text=True, encoding="utf-8",
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert shown in done.stdout
