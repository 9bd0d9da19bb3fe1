"""Folders of results: own ones only, one run at a time, and a killed run is never taken for a finished one."""

import contextlib
import os
import shutil
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core import files
from sbcard_core.files import MARKER, FileRefused, OwnFolder, Results
from sbcard_core.files.folders import check_name
from tests.files.killing import killed_at_every_step

posix = pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
MAKES = ["rows", "table.csv", "summary.csv"]


def begin(path: Path, **more: object) -> Results:
    return Results(path, "test", MAKES, **more)  # type: ignore[arg-type]


def run(path: Path) -> bool:
    """A whole run; whether it began anew."""
    with begin(path) as results:
        with results.open_text("summary.csv") as out:
            out.write("2")
        for name in "ab":
            with results.open("rows", f"{name}.csv") as raw:
                raw.write(b"1")
        with results.open("table.csv") as raw:
            raw.write(b"1")
        results.finish()
    return results.begun_anew


def tree(path: Path) -> dict[str, bytes]:
    return {str(one.relative_to(path)): one.read_bytes() for one in sorted(path.rglob("*")) if one.is_file()}


WHOLE = {
    MARKER: b"sbcard-core test 1\n",
    "rows/a.csv": b"1",
    "rows/b.csv": b"1",
    "summary.csv": b"\xef\xbb\xbf2",
    "table.csv": b"1",
}


def code(refusal: pytest.ExceptionInfo[FileRefused]) -> str:
    assert refusal.value.message is not None
    return refusal.value.message.code.removeprefix("files.")


@pytest.mark.parametrize("place", ["new", "new/deeper", "empty"])
def test_results_appear_together(tmp_path: Path, place: str) -> None:
    (tmp_path / "empty").mkdir()
    assert run(tmp_path / place) is False
    assert tree(tmp_path / place) == WHOLE


@posix
def test_results_are_their_makers_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        run(tmp_path / "out")
    finally:
        os.umask(before)
    for path in (tmp_path / "out", *(tmp_path / "out").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_folder_with_other_files_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("mine")
    (tmp_path / "rows").mkdir()
    with pytest.raises(FileRefused) as refusal:
        run(tmp_path)
    assert code(refusal) == "foreign_folder"
    assert tree(tmp_path) == {"thesis.doc": b"mine"}


@pytest.mark.parametrize("marker", [b"sbcard-core other 1\n", b"something else", b"x" * 5000])
def test_a_folder_of_another_kind_is_refused_and_kept(tmp_path: Path, marker: bytes) -> None:
    (tmp_path / MARKER).write_bytes(marker)
    with pytest.raises(FileRefused):
        run(tmp_path)
    assert tree(tmp_path) == {MARKER: marker}


def test_finished_results_are_refused_and_kept(tmp_path: Path) -> None:
    run(tmp_path / "out")
    with pytest.raises(FileRefused) as refusal:
        run(tmp_path / "out")
    assert code(refusal) == "finished"
    assert tree(tmp_path / "out") == WHOLE


@posix
def test_a_run_that_was_killed_anywhere_is_known_and_begun_anew(tmp_path: Path) -> None:
    """The last file says that all are there: before it, the folder is never taken for a finished one."""
    anew = []
    for folder, was_killed in killed_at_every_step(tmp_path, lambda: run(Path("out"))):
        out = folder / "out"
        finished = (out / "summary.csv").exists()
        assert finished or was_killed
        if finished:
            left = {name: data for name, data in tree(out).items() if not name.startswith(".unfinished")}
            assert left == WHOLE
        else:
            anew.append(run(out))
            assert tree(out) == WHOLE
    assert True in anew
    assert len(anew) > len(MAKES)


def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), begin(tmp_path / "out") as results, results.open("table.csv"):
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []
    (tmp_path / "empty").mkdir()
    with pytest.raises(ZeroDivisionError), begin(tmp_path / "empty"):
        raise ZeroDivisionError
    assert os.listdir(tmp_path / "empty") == [MARKER]
    assert run(tmp_path / "empty") is False


@posix
def test_one_run_at_a_time(tmp_path: Path) -> None:
    with begin(tmp_path / "out"):
        with pytest.raises(FileRefused) as refusal:
            begin(tmp_path / "out")
        assert code(refusal) == "busy"
        assert (tmp_path / "out/.unfinished").is_dir()


@posix
@pytest.mark.parametrize("name", ["rows", "summary.csv", ".unfinished"])
def test_links_in_a_broken_runs_folder_are_not_followed(tmp_path: Path, name: str) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a.csv").write_text("mine")
    out = tmp_path / "out"
    begin(out).close()  # as a killed run leaves it
    files.OwnFolder(out, "test").remove([".unfinished"])
    (out / name).symlink_to(tmp_path / "mine")
    with contextlib.suppress(FileRefused):
        run(out)
    assert (tmp_path / "mine/a.csv").read_text() == "mine"
    assert os.listdir(tmp_path / "mine") == ["a.csv"]


@posix
def test_a_folder_behind_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to("real")
    with pytest.raises(FileRefused) as refusal:
        run(tmp_path / "out")
    assert code(refusal) == "link"
    assert os.listdir(tmp_path / "real") == []


def test_an_input_may_not_lie_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out/rows").mkdir(parents=True)
    inside = tmp_path / "out/rows/a.csv"
    inside.write_text("mine")
    for folder in (tmp_path / "out", tmp_path / "out" / ".." / "out", tmp_path):
        with pytest.raises(FileRefused) as refusal:
            begin(folder, inputs=[inside])
        assert code(refusal) == "input_inside"
    assert tree(tmp_path) == {"out/rows/a.csv": b"mine"}


ODD_NAMES = ["..", "../../x", "a/b", "a\\b", ".sbcard", "", "NUL.txt", "com1", "长" * 86]


@given(st.text(max_size=12) | st.sampled_from(ODD_NAMES))
def test_no_name_leads_out_of_the_folder(name: str) -> None:
    try:
        path = Path("folder") / check_name(name)
    except FileRefused:
        return
    assert path.parent == Path("folder")
    assert path.name == name
    assert len(name.encode()) <= 255


def test_removing_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/a").write_text("mine")
    with OwnFolder(tmp_path / "own", "test") as own:
        (own.path / "made").symlink_to(tmp_path / "mine")
        (own.path / "else").write_text("stays")
        assert own.remove(["made", "absent"])
        assert own.names() == {"else"}
    assert (tmp_path / "mine/a").read_text() == "mine"


@posix
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_a_marker_that_is_no_file_of_its_folder_makes_no_own_folder(tmp_path: Path, kind: str) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    assert run(own) is False
    other.mkdir()
    (other / "mine.csv").write_text("1")
    if kind == "link":
        (other / MARKER).symlink_to(own / MARKER)
    else:
        (other / MARKER).mkdir()
    with pytest.raises(FileRefused) as refusal:
        OwnFolder(other, "test")
    assert code(refusal) == "foreign_folder"


def test_names_of_results_are_durable_and_a_busy_folder_costs_no_handle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[Path, set[str]]] = []
    monkeypatch.setattr(
        "sbcard_core.files.folders.sync_folder", lambda path: synced.append((path, set(os.listdir(path)) - {MARKER}))
    )
    run(tmp_path / "new")
    assert [names for path, names in synced if path == tmp_path / "new"] == [
        set(), {".unfinished", "rows", "table.csv"}, {".unfinished", *MAKES}
    ]  # fmt: skip
    handles = Path("/proc/self/fd")
    with OwnFolder(tmp_path / "busy", "test"):
        before = len(list(handles.iterdir())) if handles.is_dir() else 0
        for _ in range(3):
            with pytest.raises(FileRefused) as refusal:
                OwnFolder(tmp_path / "busy", "test")
            assert code(refusal) == "busy"
        assert before == (len(list(handles.iterdir())) if handles.is_dir() else 0)


@pytest.mark.parametrize("name", ["a" * 255, "张" * 85, ".sbcar", ".unfinishe"])
def test_the_longest_names_are_taken(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["a" * 256, "张" * 86, MARKER, f"{MARKER}x", ".unfinished", ".unfinished.csv", ""])
def test_longer_names_and_those_of_the_folder_itself_are_not(name: str) -> None:
    with pytest.raises(FileRefused):
        check_name(name)


def test_a_run_killed_before_its_marker_was_written_is_begun_anew(tmp_path: Path) -> None:
    place = tmp_path / "new"
    place.mkdir()
    (place / MARKER).touch()
    assert run(place) is False
    assert tree(place) == WHOLE


def test_a_refused_run_and_one_whose_stage_is_gone_let_the_folder_go(tmp_path: Path) -> None:
    place = tmp_path / "new"

    def fail() -> None:
        with begin(place) as results:
            shutil.rmtree(results.stage)
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fail()
    run(place)
    refused = []  # kept, so that nothing is closed by being forgotten
    for _ in range(2):
        with pytest.raises(FileRefused) as refusal:
            begin(place)
        refused.append(refusal)
    assert [code(one) for one in refused] == ["finished", "finished"]


def test_a_folder_is_free_when_its_run_has_ended(tmp_path: Path) -> None:
    with OwnFolder(tmp_path / "own", "test") as first:
        assert first.names() == set()
    with OwnFolder(tmp_path / "own", "test") as second:
        assert (first.was_own, second.was_own) == (False, True)
