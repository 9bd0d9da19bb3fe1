"""No command changes a file it was given or did not make, makes a file others can read, or waits for a pipe's end.

Commands and their path arguments are taken from the command tree, so that a new one is covered or fails here.
"""

import inspect
import os
import shutil
import signal
import sqlite3
import stat
import time
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from sbcard_core.cli.app import app
from sbcard_core.files import database_files
from tests.cli import test_check_command as checks
from tests.cli import test_pay_verbs as verbs
from tests.cli import test_premium_command as premiums

bureau = verbs.bureau  # a fixture
pytestmark = pytest.mark.skipif(os.name != "posix", reason="links, modes and pipes of POSIX")

OUT = "OUT"
ON = verbs.ON
OUTPUTS = {
    ("replay", "out"): "folder",  # see tests/replay/test_replay_files.py
    ("check", "out"): "folder",
    ("corrections", "out"): "folder",
    ("card read", "trace"): "file",
    ("card trace", "redact"): "file",
    ("card shell", "record"): "file",
    ("pay officer-key", "key"): "file",
    ("pay release", "out"): "folder",
    ("pay repay", "out"): "folder",
    ("pay write-again", "out"): "folder",
    ("pay inquire", "out"): "folder",
    ("pay held", "out"): "file",
    ("premium pay", "statuses"): "file",
    ("premium dispatch", "out"): "folder",
}
"""Every path argument that is written; all others are read."""


def commands(tree: typer.Typer = app, name: str = "") -> Iterator[tuple[str, Callable[..., object]]]:
    for one in tree.registered_commands:
        assert one.callback is not None
        yield f"{name} {one.name or one.callback.__name__.replace('_', '-')}".strip(), one.callback
    for group in tree.registered_groups:
        assert group.typer_instance is not None
        yield from commands(group.typer_instance, f"{name} {group.name}".strip())


def holds_path(kind: Any) -> bool:
    return kind is Path or any(map(holds_path, typing.get_args(kind)))


COMMANDS = dict(commands())
PATHS = [
    (name, parameter)
    for name, callback in COMMANDS.items()
    for parameter, kind in typing.get_type_hints(callback).items()
    if holds_path(kind)
]


def test_every_output_is_listed_here() -> None:
    assert set(OUTPUTS) <= set(PATHS)
    names = ("out", "to", "target", "dest", "trace", "record", "redact", "statuses", "save", "write", "log")
    unlisted = [path for path in PATHS if path[1] in names and path not in OUTPUTS]
    assert unlisted == []
    assert {path for path in OUTPUTS if path[0] != "replay"} == set(CASES)


class World:
    """A folder with a database, people's files, and whatever a command needs."""

    def __init__(self, folder: Path, books: Path) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "docs").mkdir()
        (folder / "docs/thesis.doc").write_text("mine")
        (folder / "note.txt").write_text("mine")
        shutil.copyfile(books, folder / "books.sqlite")
        self.url = f"sqlite:///{folder}/books.sqlite"

    def run(self, *arguments: object) -> int:
        done = CliRunner().invoke(app, [str(one) for one in arguments], input="")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code

    def files(self) -> dict[str, tuple[object, ...]]:
        """All but the database: what each is and holds."""
        found: dict[str, tuple[object, ...]] = {}
        for path in sorted(self.folder.rglob("*")):
            name = str(path.relative_to(self.folder))
            if path.is_symlink():
                found[name] = ("link", os.readlink(path))
            elif path.is_file() and not name.startswith("books.sqlite"):
                found[name] = ("file", path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
        return found

    def books_are_whole(self) -> bool:
        with sqlite3.connect(self.folder / "books.sqlite") as connection:
            return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


Arguments = list[object]
Case = Callable[[World], Arguments]
"""Prepares a world; gives the arguments of the command, ``OUT`` standing for the path."""


def _check(world: World) -> Arguments:
    table = checks.write(world.folder / "a.csv", checks.record(1), checks.record(3, county="999999"), "a,b")
    (world.folder / "known.txt").write_text(f"{checks.number(9)}\n")
    return ["check", table, "--known", world.folder / "known.txt", "--on", "2014-07-31", "--out", OUT]


def _corrections(world: World) -> Arguments:
    checked = world.folder / "checked"
    assert world.run(*[checked if one == OUT else one for one in _check(world)]) == 1
    return ["corrections", checked / "kickback/a.csv.xlsx", "--checked", checked, "--out", OUT]


def _card_trace(world: World) -> Arguments:
    recorded = world.folder / "recorded.jsonl"
    assert world.run("card", "read", "--demo", "--trace", recorded) == 0
    return ["card", "trace", recorded, "--redact", OUT]


def _release(world: World) -> Arguments:
    return ["pay", "release", verbs.approved(world.url, world.folder), *ON, "--db", world.url, "--out", OUT]


def _answered(world: World, codes: dict[str, str]) -> Path:
    _, request = verbs.released(world.url, world.folder)
    assert world.run("pay", "result", verbs.answer(request, codes), *ON, "--db", world.url) == 1
    return request


def _repay(world: World) -> Arguments:
    _answered(world, {"1": "00", "2": "12", "3": "12"})
    return ["pay", "repay", "pension", "2014-09", *ON, "--db", world.url, "--out", OUT]


def _inquire(world: World) -> Arguments:
    _answered(world, {"1": "00"})
    return ["pay", "inquire", "pension", "2014-09", *ON, "--db", world.url, "--out", OUT]


def _write_again(world: World) -> Arguments:
    _, request = verbs.released(world.url, world.folder)
    batch = request.stem.removeprefix("PAYREQ_")
    return ["pay", "write-again", batch, "--db", world.url, "--out", OUT]


def _issued(world: World) -> None:
    people = world.folder / "people.csv"
    people.write_text(premiums.PEOPLE, "utf-8")
    order = ("premium", "issue", "2015", people, "--begins", "2015-01-01", "--db", world.url)
    assert world.run(*order) == 0


def _premium_pay(world: World) -> Arguments:
    _issued(world)
    payments = world.folder / "pay.csv"
    payments.write_text(premiums.PAYMENTS + "P1,2015.000000001,12000,pos,T1,2015-03-02T09:00:00\n", "utf-8")
    return ["premium", "pay", payments, "--db", world.url, "--statuses", OUT]


def _dispatch(world: World) -> Arguments:
    _issued(world)
    return ["premium", "dispatch", "103", "2015", "--everyone", *ON, "--db", world.url, "--out", OUT]


CASES: dict[tuple[str, str], Case] = {
    ("check", "out"): _check,
    ("corrections", "out"): _corrections,
    ("card read", "trace"): lambda _: ["card", "read", "--demo", "--trace", OUT],
    ("card trace", "redact"): _card_trace,
    ("card shell", "record"): lambda _: ["card", "shell", "--demo", "--trace", OUT],
    ("pay officer-key", "key"): lambda _: ["pay", "officer-key", "017", "--name", "李", "--key", OUT],
    ("pay release", "out"): _release,
    ("pay repay", "out"): _repay,
    ("pay write-again", "out"): _write_again,
    ("pay inquire", "out"): _inquire,
    ("pay held", "out"): lambda world: ["pay", "held", "pension", "--db", world.url, "--out", OUT],
    ("premium pay", "statuses"): _premium_pay,
    ("premium dispatch", "out"): _dispatch,
}


def victims(world: World, kind: str, *, knows_database: bool) -> Iterator[Path]:
    """Paths a command must not write to, or write through."""
    folder = world.folder
    yield from [folder / name for name in world.files()]
    (folder / "to-note").symlink_to("note.txt")
    (folder / "to-nothing").symlink_to("nothing.txt")
    (folder / "to-docs").symlink_to("docs")
    yield from (folder / "to-note", folder / "to-nothing", folder / "to-docs", folder / "note.txt" / "below")
    if kind == "file":
        own = database_files(folder / "books.sqlite")
        yield from own if knows_database else [path for path in own if path.exists()]
        yield folder / "docs"
        yield folder / "docs" / ".." / "note.txt"


@pytest.mark.parametrize("path", CASES, ids=" ".join)
def test_no_command_changes_a_file_it_was_given_or_did_not_make(
    tmp_path: Path,
    bureau: Path,
    path: tuple[str, str],
) -> None:
    world = World(tmp_path / "world", bureau)
    arguments = CASES[path](world)
    paths = list(victims(world, OUTPUTS[path], knows_database="--db" in arguments))
    before = world.files()
    for victim in paths:
        code = world.run(*[victim if one == OUT else one for one in arguments])
        assert (code, world.files()) == (2, before), victim
        assert world.books_are_whole()
    assert not (world.folder / "nothing.txt").exists()


@pytest.mark.parametrize("path", CASES, ids=" ".join)
def test_what_a_command_makes_is_its_users_alone_and_keeps_to_its_path(
    tmp_path: Path,
    bureau: Path,
    path: tuple[str, str],
) -> None:
    world = World(tmp_path / "world", bureau)
    arguments = CASES[path](world)
    before, mask = world.files(), os.umask(0)
    try:
        code = world.run(*[world.folder / "made/here" if one == OUT else one for one in arguments])
        if OUTPUTS[path] == "file":  # no folder is made for a file
            assert code == 2
            code = world.run(*[world.folder / "here" if one == OUT else one for one in arguments])
    finally:
        os.umask(mask)
    assert code in (0, 1)
    after = world.files()
    assert {name: after[name] for name in before} == before
    made = {name for name in after if name not in before}
    assert made
    assert all(name.startswith(("made/here/", "here")) for name in made), made
    for one in [world.folder / name for name in made]:
        for place in (one, *one.relative_to(world.folder).parents):
            whole = world.folder / place
            if whole not in (world.folder, world.folder / "docs"):
                assert whole.stat().st_mode & 0o077 == 0, whole


@pytest.mark.parametrize("path", [path for path in CASES if OUTPUTS[path] == "folder"], ids=" ".join)
@pytest.mark.parametrize("planted", ["file", "link"])
def test_names_in_a_folder_that_are_taken_are_kept(
    tmp_path: Path,
    bureau: Path,
    path: tuple[str, str],
    planted: str,
) -> None:
    """Learn the names in one world; in another, others have them already."""
    learnt = World(tmp_path / "learnt", bureau)
    assert learnt.run(*[learnt.folder / "results" if one == OUT else one for one in CASES[path](learnt)]) in (0, 1)
    names = [
        path.relative_to(learnt.folder / "results") for path in (learnt.folder / "results").rglob("*") if path.is_file()
    ]
    world = World(tmp_path / "world", bureau)
    arguments = CASES[path](world)
    for name in names:
        place = world.folder / "results" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if planted == "file":
            place.write_text("mine")
        else:
            place.symlink_to(world.folder / "note.txt")
    before = world.files()
    assert world.run(*[world.folder / "results" if one == OUT else one for one in arguments]) == 2
    after = world.files()
    assert {name: after[name] for name in before} == before
    assert world.books_are_whole()


def in_child(action: Callable[[], int], seconds: float) -> int | None:
    """The exit code of an action in a child process; None where it does not end in time."""
    child = os.fork()
    if not child:
        code = 255
        try:
            code = action()
        finally:
            os._exit(code)
    for _ in range(int(seconds * 50)):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def filled(name: str, given: dict[str, Path], url: str) -> Arguments:
    """A call of a command with its required arguments, and a path for those that are given."""
    arguments: Arguments = name.split(" ")
    hints = typing.get_type_hints(COMMANDS[name])
    for parameter in inspect.signature(COMMANDS[name], eval_str=True).parameters.values():
        info = parameter.annotation.__metadata__[0] if hasattr(parameter.annotation, "__metadata__") else None
        required = parameter.default is inspect.Parameter.empty
        if not required and parameter.name not in given:
            continue
        value: object = given.get(parameter.name) or {"db": url}.get(parameter.name)
        if value is None:
            kind = hints[parameter.name]
            value = Path(__file__) if holds_path(kind) else "1" if "int" in str(kind) else "x"
            value = "2014-09-01" if "datetime" in str(kind) else value
        flag = f"--{parameter.name.replace('_', '-')}"
        declared = [one for one in getattr(info, "param_decls", None) or () if one.startswith("--")]
        is_option = type(info).__name__ == "OptionInfo"
        arguments += [declared[0] if declared else flag, value] if is_option else [value]
    return arguments


@pytest.mark.parametrize("path", [path for path in PATHS if path not in OUTPUTS], ids=" ".join)
def test_a_pipe_as_input_is_refused_at_once(tmp_path: Path, bureau: Path, path: tuple[str, str]) -> None:
    world = World(tmp_path / "world", bureau)
    os.mkfifo(world.folder / "pipe")
    arguments = filled(path[0], {path[1]: world.folder / "pipe"}, world.url)
    if path == ("card read", "keys"):
        arguments += ["--reader", "sim:orders.jsonl#1"]
    before = world.files()
    ended = in_child(lambda: world.run(*arguments), 60)
    assert ended is not None, arguments
    assert ended == 2, arguments
    assert world.files() == before


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"PK\x03\x04\x14\0", "workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook"),
        (b"%PDF-1.4\n", "PDF"),
        (b"SQLite format 3\0", "SQLite"),
        (b"<html><table>", "HTML"),
    ],
)
def test_a_table_of_another_kind_is_named_as_what_it_is(tmp_path: Path, bureau: Path, head: bytes, what: str) -> None:
    world = World(tmp_path / "world", bureau)
    table = world.folder / "roll.csv"
    table.write_bytes(head + bytes(2000))
    order = ("pay", "draft", "pension", "2014-09", table, "--by", "zhang", *ON, "--db", world.url)
    result = CliRunner().invoke(app, [str(one) for one in order])
    assert (result.exit_code, f"roll.csv is no CSV text but: {what}" in result.output) == (2, True), result.output
