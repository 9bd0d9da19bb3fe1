"""Inputs: regular files only, no more bytes than expected, told apart by their bytes."""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbcard_core import files
from sbcard_core.files import FileRefused

posix = pytest.mark.skipif(os.name != "posix", reason="pipes and devices of POSIX")


def refusal(path: Path, **limits: int) -> str:
    with pytest.raises(FileRefused) as found:
        files.open_input(path, **limits)
    assert found.value.message is not None
    return found.value.message.code


@posix
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/random", "/dev/tty"])
def test_a_device_is_refused_without_being_opened(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened"))
    if not Path(device).exists():
        pytest.skip("no such device here")
    assert refusal(Path(device)) == "files.not_regular"


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def _pipe_behind_a_link(path: Path) -> None:
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


@posix
@pytest.mark.parametrize("make", [_pipe, _socket, _pipe_behind_a_link])
def test_what_may_never_end_is_refused_at_once(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "a.csv")
    assert refusal(tmp_path / "a.csv") == "files.not_regular"


@posix
def test_a_pipe_put_in_a_files_place_between_look_and_opening_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "a.csv")
    (tmp_path / "b").write_text("")
    looked = (tmp_path / "b").stat()
    monkeypatch.setattr(Path, "stat", lambda *_, **__: looked)
    assert refusal(tmp_path / "a.csv") == "files.not_regular"


def test_what_is_absent_or_a_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.open_input(tmp_path / "absent")
    with pytest.raises(IsADirectoryError):
        files.open_input(tmp_path)


def test_the_size_is_looked_at_first(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(11))
    assert refusal(tmp_path / "a", limit=10) == "files.too_large"
    assert files.read_input(tmp_path / "a", limit=11) == bytes(11)
    with (tmp_path / "huge").open("wb") as sparse:
        sparse.truncate(1 << 40)
    assert refusal(tmp_path / "huge", limit=1 << 30) == "files.too_large"


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(bytes(11))
    real = files.inputs._check
    monkeypatch.setattr(files.inputs, "_check", lambda path, found, limit: real(path, found, None))
    with pytest.raises(FileRefused):
        files.read_input(tmp_path / "a", limit=10)


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "link").symlink_to("a")
    with files.open_input(tmp_path / "link") as file:
        assert file.read() == b"1"


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"%PDF-1.7\n", "PDF"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "picture"),
        (b"SQLite format 3\0\x10\0", "SQLite"),
        (b"Rar!\x1a\x07\x00", "archive"),
        (b"\x1f\x8b\x08\x00", "archive"),
        (b"\n <!DOCTYPE html><html>", "HTML"),
        (b"\xef\xbb\xbf<html xmlns:x='urn:schemas-microsoft-com:office:excel'>", "HTML"),
        (b"<?xml version='1.0'?><?mso-application progid='Excel.Sheet'?>", "XML"),
    ],
)
def test_what_holds_no_table_is_told_by_its_bytes(head: bytes, what: str) -> None:
    assert files.foreign(head) == what


@pytest.mark.parametrize(("last", "what"), [(b"<table>", "HTML"), (b"x", "")])
def test_a_page_may_begin_with_many_comments(last: bytes, what: str) -> None:
    started = time.process_time()
    assert files.foreign(b" <!-- -->\n<!---->" * 40 + last) == what
    assert time.process_time() - started < 1


@given(
    st.text(st.characters(codec="gb18030", categories=["L", "N"]), min_size=1), st.sampled_from(["utf-8", "gb18030"])
)
def test_text_that_begins_with_a_letter_is_no_foreign_file(text: str, encoding: str) -> None:
    shown = f"序号,{text}"
    assert files.foreign(shown.encode(encoding)) == ""


@posix
def test_a_name_in_another_encoding_is_refused_with_what_it_may_be(tmp_path: Path) -> None:
    """An archive packed on a Chinese Windows names its files in GBK."""
    path = tmp_path / os.fsdecode("长沙市.csv".encode("gbk"))
    path.write_text("1")
    with pytest.raises(FileRefused) as found:
        files.open_input(path)
    assert "长沙市.csv" in str(found.value)
    assert "unzip -O GBK" in str(found.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_a_page_is_known_in_every_encoding(encoding: str) -> None:
    assert files.foreign("<html><table>".encode(encoding)) == "HTML"
    assert files.foreign("序号,姓名".encode(encoding)) == files.foreign("a,b".encode(encoding)) == ""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a file of Linux that tells no size")
def test_a_file_that_tells_no_size_is_read_whole() -> None:
    assert b"Name:" in files.read_input(Path("/proc/self/status"), limit=1 << 16)


@posix
def test_what_a_library_opens_by_its_name_is_checked_before(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileRefused):
        files.check_input(tmp_path / "pipe")
    files.check_input(tmp_path / "absent")
