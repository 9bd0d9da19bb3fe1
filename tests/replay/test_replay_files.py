"""A replay's folder: its own, cleared of what it made alone, and finished only when the last stage is done."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from fractions import Fraction
from pathlib import Path

import pytest

from sbcard_core.bulletin import letter
from sbcard_core.files import MARKER, FileRefused, new_file
from sbcard_core.replay import run as running
from sbcard_core.replay.campaign import Campaign
from sbcard_core.replay.context import Context
from sbcard_core.replay.run import UNFINISHED, Runner
from sbcard_core.replay.stages import STAGES, Stage

LETTER = letter.load("hunan-2014-07")


class Broken(BaseException):
    """The process ends."""


def stage(name: str, *makes: str, breaks: bool = False) -> Stage:
    def work(context: Context) -> Iterator[int]:
        for made in makes:
            folder, _, file = made.partition("/")
            place = context.campaign.dir(folder) / (file or "a.csv") if file or "." not in made else None
            with new_file(place or context.campaign.root / made) as out:
                out.write(name.encode())
            if breaks:
                raise Broken
            yield 1

    return Stage(name, name, work, makes)


FAKE = (
    stage("first", "cities", "planted"),
    stage("second", "banks/out", "planted/more.csv"),
    stage("last", "end.html"),
)


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Runner]:
    def make(*stages: Stage) -> Runner:
        monkeypatch.setattr(running, "STAGES", stages or FAKE)
        campaign = Campaign(LETTER, 1, Fraction(1, 10_000), tmp_path / "out")
        return Runner(campaign, lambda *_: nullcontext(lambda _: None), keep_states=True)  # type: ignore[arg-type]

    return make


def files(path: Path) -> set[str]:
    return {str(one.relative_to(path)) for one in path.rglob("*") if one.is_file()}


def test_every_stage_names_what_it_makes() -> None:
    made = [name for one in STAGES for name in one.makes]
    assert len(made) == len(set(made))
    assert {"proof.json", "bulletin.html", "bulletin.xlsx"} <= set(made)


def test_files_that_no_replay_made_are_kept(runner: Callable[..., Runner], tmp_path: Path) -> None:
    (tmp_path / "out/cities").mkdir(parents=True)
    (tmp_path / "out/cities/thesis.doc").write_text("mine")
    (tmp_path / "out/sbcard.sqlite").write_text("mine")
    for call in (runner().all, lambda: runner().since("second"), lambda: runner().one("first")):
        with pytest.raises(FileRefused):
            call()
        assert files(tmp_path / "out") == {"cities/thesis.doc", "sbcard.sqlite"}


def test_a_replay_run_again_clears_what_it_made_and_nothing_else(runner: Callable[..., Runner], tmp_path: Path) -> None:
    assert runner().all() is False
    whole = files(tmp_path / "out")
    assert {MARKER, "cities/a.csv", "planted/more.csv", "end.html", "sbcard.sqlite"} <= whole
    (tmp_path / "out/notes.txt").write_text("mine")
    (tmp_path / "out/cities/added.csv").write_text("in a folder of the replay's own")
    assert runner().all() is False
    assert files(tmp_path / "out") == whole | {"notes.txt"}


def test_a_replay_broken_off_is_unfinished_and_begun_anew(runner: Callable[..., Runner], tmp_path: Path) -> None:
    broken = (FAKE[0], stage("second", "banks/out", breaks=True), FAKE[2])
    with pytest.raises(Broken):
        runner(*broken).all()
    assert not runner().is_finished
    assert not (tmp_path / "out/end.html").exists()
    assert runner().all() is True
    assert runner().is_finished


def test_stages_run_again_leave_nothing_of_those_to_follow_that_looks_finished(
    runner: Callable[..., Runner], tmp_path: Path
) -> None:
    runner().all()
    runner().one("first")
    assert not runner().is_finished
    assert not (tmp_path / "out/end.html").exists()
    runner().since("second")
    assert runner().is_finished
    assert (tmp_path / "out/end.html").exists()
    with pytest.raises(Broken):
        runner(FAKE[0], stage("second", "banks/out", breaks=True), FAKE[2]).since("second")
    assert UNFINISHED in files(tmp_path / "out")
    assert "end.html" not in files(tmp_path / "out")


@pytest.mark.parametrize("name", ["banks", "state", "cities", "sbcard.sqlite"])
def test_no_link_is_followed(runner: Callable[..., Runner], tmp_path: Path, name: str) -> None:
    mine = tmp_path / "mine"
    for folder in ("out", "cities"):
        (mine / folder).mkdir(parents=True)
        (mine / folder / "a.csv").write_text("mine")
    (mine / "end.sqlite").write_text("mine")
    runner().all()
    kept = files(mine)
    place = tmp_path / "out" / name
    with runner()._folder() as folder:
        folder.remove([name])
    place.symlink_to(mine if "." not in name else mine / "end.sqlite")
    try:
        runner().all()
    except FileRefused:
        assert name == "banks"
    assert files(mine) == kept
    assert (mine / "end.sqlite").read_text() == "mine"


def test_two_replays_do_not_share_a_folder(runner: Callable[..., Runner]) -> None:
    with runner()._folder(), pytest.raises(FileRefused):
        runner().all()
