"""Outputs: nothing that is there is written over, nothing half has a name, nothing goes through a link."""

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from zlib import crc32

import pytest

from sbcard_core import files
from sbcard_core.files import FileRefused, locking, outputs
from tests.files.killing import killed_at_every_step

posix = pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")


def code(refusal: pytest.ExceptionInfo[FileRefused]) -> str:
    assert refusal.value.message is not None
    return refusal.value.message.code.removeprefix("files.")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(outputs.PART)]


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    place = tmp_path / "a.csv"
    place.write_text("mine")
    with pytest.raises(FileRefused) as refusal, files.new_file(place):
        raise AssertionError("never opened")
    assert code(refusal) == "exists"
    assert place.read_text() == "mine"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    place = tmp_path / "a.csv"

    def write() -> None:
        with files.new_file(place) as out:
            out.write(b"ours")
            place.write_text("theirs")

    with pytest.raises(FileRefused) as refusal:
        write()
    assert code(refusal) == "exists"
    assert place.read_text() == "theirs"
    assert os.listdir(tmp_path) == ["a.csv"]


def test_without_hard_links_a_file_appears_and_keeps_to_the_same_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object, **__: object) -> None:
        raise PermissionError(1, "no hard links here")

    monkeypatch.setattr(os, "link", none)
    with files.new_file(tmp_path / "a") as out:
        out.write(b"1")
    with pytest.raises(FileRefused), files.new_file(tmp_path / "b") as out:
        (tmp_path / "b").write_text("theirs")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "1", "b": "theirs"}


@posix
@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_share_that_cannot_sync_a_folder_takes_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    real, of_folders = os.fsync, number

    def sync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(of_folders, os.strerror(of_folders))
        real(handle)

    monkeypatch.setattr(os, "fsync", sync)
    with files.new_file(tmp_path / "a") as out:
        out.write(b"1")
    assert (tmp_path / "a").read_bytes() == b"1"
    of_folders = errno.EIO
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        files.sync_folder(tmp_path)


@posix
@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("target", ["victim", "absent"])
def test_no_link_is_followed_and_none_is_replaced(tmp_path: Path, target: str, replace: bool) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "a.csv").symlink_to(target)
    with pytest.raises(FileRefused) as refusal, files.new_file(tmp_path / "a.csv", replace=replace):
        raise AssertionError("never opened")
    assert code(refusal) == "link"
    assert (tmp_path / "victim").read_text() == "mine"
    assert not (tmp_path / "absent").exists()
    assert (tmp_path / "a.csv").is_symlink()


@posix
def test_a_hard_link_put_in_place_is_replaced_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    (tmp_path / "keys").hardlink_to(tmp_path / "victim")
    files.replace_file(tmp_path / "keys", b"new")
    assert ((tmp_path / "victim").read_text(), (tmp_path / "keys").read_text()) == ("mine", "new")


@pytest.mark.parametrize("name", ["books.sqlite", "books.sqlite-wal", "books.sqlite-shm", "books.sqlite-journal"])
@pytest.mark.parametrize("replace", [False, True])
def test_the_database_and_its_files_are_no_outputs_even_before_they_are_there(
    tmp_path: Path, name: str, replace: bool
) -> None:
    keep = files.database_files(tmp_path / "books.sqlite")
    (tmp_path / "folder").mkdir()
    for spelling in (tmp_path / name, tmp_path / "folder" / ".." / name):
        with pytest.raises(FileRefused) as refusal, files.new_file(spelling, keep=keep, replace=replace):
            raise AssertionError("never opened")
        assert code(refusal) == "kept"
    assert os.listdir(tmp_path) == ["folder"]


@posix
def test_an_input_reached_by_another_name_is_no_output(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("mine")
    (tmp_path / "again").hardlink_to(tmp_path / "in.csv")
    with pytest.raises(FileRefused) as refusal:
        files.check_output(tmp_path / "again", keep=[tmp_path / "in.csv"], replace=True)
    assert code(refusal) == "kept"


@posix
@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_files_and_folders_are_their_makers_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        files.make_folder(tmp_path / "a" / "b")
        with files.new_file(tmp_path / "a/b/c") as out:
            out.write(b"1")
        files.reserve(tmp_path / "a/db")
    finally:
        os.umask(before)
    found = [mode(tmp_path / part) for part in ("a", "a/b", "a/b/c", "a/db")]
    assert found == [0o700, 0o700, 0o600, 0o600]


@posix
def test_a_replaced_file_keeps_no_foreign_mode(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("old")
    (tmp_path / "keys").chmod(0o644)
    files.replace_file(tmp_path / "keys", b"new")
    assert mode(tmp_path / "keys") == 0o600


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), files.new_text(tmp_path / "a") as out:
        out.write(f"half{1 // 0}")
    assert os.listdir(tmp_path) == []


def test_two_writers_never_share_a_part(tmp_path: Path) -> None:
    with files.new_file(tmp_path / "a", replace=True) as one, files.new_file(tmp_path / "a", replace=True) as other:
        assert len(leftovers(tmp_path)) == 2
        one.write(b"1" * 10)
        other.write(b"2" * 5)
    assert (tmp_path / "a").read_bytes() == b"1" * 10
    assert leftovers(tmp_path) == []


def test_many_writers_of_one_name_give_one_whole_file(tmp_path: Path) -> None:
    won: list[int] = []

    def write(number: int) -> None:
        try:
            with files.new_file(tmp_path / "a") as out:
                out.write(b"%d" % number * 1000)
            won.append(number)
        except FileRefused:
            pass

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    (winner,) = won
    assert (tmp_path / "a").read_bytes() == b"%d" % winner * 1000
    assert leftovers(tmp_path) == []


def test_foreign_parts_and_parts_being_written_stay(tmp_path: Path) -> None:
    foreign = [tmp_path / ".a.csv.download.part", tmp_path / ".a.csv.0123456789ab.part", tmp_path / "a.csv.part"]
    for path in foreign:
        path.write_text("another program's")
    dead = [tmp_path / f".a.csv.{crc32(b'a.csv'):08x}{count:04x}{outputs.PART}" for count in (1, 3)]
    for path in dead:
        path.write_text("half")
    with files.new_file(tmp_path / "a.csv") as held:
        held.write(b"1")
        assert not any(path.exists() for path in dead)
        assert not files.clear_broken(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"a.csv", *(path.name for path in foreign)}


@posix
@pytest.mark.parametrize("name", ["caf\udce9.csv", "长" * 80, "\U00020000.csv"])
def test_any_name_that_a_file_system_takes_may_be_written(tmp_path: Path, name: str) -> None:
    files.replace_file(tmp_path / name, b"1")
    assert os.listdir(tmp_path) == [name]


def test_no_file_costs_the_reading_of_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> None:
        raise AssertionError("the folder was read")

    with monkeypatch.context() as patched:
        for name in ("listdir", "scandir"):
            patched.setattr(os, name, read)
        files.replace_file(tmp_path / "a", b"1")
        with files.new_file(tmp_path / "b") as out:
            out.write(b"2")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@posix
@pytest.mark.parametrize("name", ["a.csv", "长" * 80, "x" * 255])
def test_a_killed_writer_leaves_the_old_file_or_the_new_one_and_a_part_that_is_known(tmp_path: Path, name: str) -> None:
    def write() -> None:
        with files.new_file(Path(name)) as out:
            out.write(b"whole")

    seen = set()
    for folder, was_killed in killed_at_every_step(tmp_path, write):
        place = folder / name
        seen.add(place.exists())
        assert not place.exists() or place.read_bytes() == b"whole"
        assert was_killed or place.exists()
        files.clear_broken(folder)
        assert os.listdir(folder) == ([name] if place.exists() else [])
    assert seen == {False, True}


@posix
def test_a_killed_replacing_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    def write() -> None:
        files.replace_file(Path("keys"), b"new")

    def prepare(folder: Path) -> None:
        (folder / "keys").write_bytes(b"old")

    found = [(folder / "keys").read_bytes() for folder, _ in killed_at_every_step(tmp_path, write, prepare)]
    assert sorted(set(found)) == [b"new", b"old"]


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    actions: list[Callable[[], object]] = [
        lambda: files.make_folder(tmp_path / "file"),
        lambda: files.make_folder(tmp_path / "file" / "below"),
        lambda: files.check_output(tmp_path / "file" / "below"),
    ]
    for action in actions:
        with pytest.raises(FileRefused) as refusal:
            action()
        assert code(refusal) == "no_folder"


@posix
def test_a_folder_behind_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(FileRefused) as refusal:
        files.make_folder(tmp_path / "link")
    assert code(refusal) == "link"


@posix
def test_where_there_are_no_locks_files_are_written_and_no_part_is_taken_for_a_dead_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr("fcntl.flock", none)
    part = tmp_path / f".a.0123456789ab{outputs.PART}"
    part.write_text("another's, perhaps")
    with files.new_file(tmp_path / "a") as out:
        out.write(b"1")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a": "1", part.name: "another's, perhaps"}


def test_a_file_beside_those_to_be_kept_is_written_and_its_name_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(outputs, "sync_folder", synced.append)
    (tmp_path / "in.csv").write_text("1")
    with files.new_file(tmp_path / "out.csv", keep=[tmp_path / "in.csv", tmp_path / "absent.csv"]) as out:
        out.write(b"2")
    assert (tmp_path / "out.csv").read_bytes() == b"2"
    assert synced == [tmp_path]
    for kept in ("in.csv", "absent.csv"):
        with pytest.raises(FileRefused), files.new_file(tmp_path / kept, keep=[tmp_path / kept], replace=True):
            raise AssertionError("never opened")


@posix
def test_a_link_that_fails_for_another_reason_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "no place for a name")

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(OSError, match="no place") as error, files.new_file(tmp_path / "a") as out:
        out.write(b"1")
    assert error.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_a_file_handed_over_has_a_durable_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(outputs, "sync_folder", synced.append)
    (tmp_path / "staged").write_text("1")
    outputs.hand_over(tmp_path / "staged", tmp_path / "a", own=lambda _: False)
    assert ((tmp_path / "a").read_text(), synced) == ("1", [tmp_path])


@posix
def test_a_locked_part_stays_and_another_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.touch()
    with path.open("ab") as mine, path.open("ab") as theirs:
        files.wait_for_lock(mine.fileno())
        assert not locking.remove_unlocked(path)
        assert path.exists()
        waiting = threading.Thread(target=files.wait_for_lock, args=(theirs.fileno(),), daemon=True)
        waiting.start()
        waiting.join(0.05)
        assert waiting.is_alive()
        mine.close()
        waiting.join(10)
        assert not waiting.is_alive()
    assert locking.remove_unlocked(path)
    assert not locking.remove_unlocked(path)


@posix
def test_a_pipe_is_no_output_and_a_file_that_is_gone_is_not_handed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileRefused) as refusal, files.new_file(tmp_path / "pipe", replace=True):
        raise AssertionError("never opened")
    assert code(refusal) == "not_regular"
    with pytest.raises(FileNotFoundError):
        outputs.hand_over(tmp_path / "gone", tmp_path / "a", own=lambda _: True)
    (tmp_path / "a").write_text("1")
    outputs.hand_over(tmp_path / "gone", tmp_path / "a", own=lambda _: True)
    assert (tmp_path / "a").read_text() == "1"
