"""Runs the stages in order, and any of them alone.

A stage is a function of the files and rows before it. So that one can be run
again, the database is kept as it was after each stage (``state/``); at large
scales that is left off unless asked for, because each copy is a whole database.
"""

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from sbcard_core.errors import InvalidValue, Refused
from sbcard_core.files import OwnFolder, database_files, new_file, open_input, read_text, replace_file, reserve
from sbcard_core.messages import message
from sbcard_core.replay.campaign import Campaign
from sbcard_core.replay.context import Context
from sbcard_core.replay.stages import STAGES, Stage
from sbcard_core.store import Store

CAMPAIGN = ".campaign"
"""Name of a file with the seed and the scale of the run that a folder holds."""
UNFINISHED = ".unfinished"
"""Name of a file in the campaign's folder while stages are to follow."""

KEEP_STATES_UP_TO = Fraction(1, 100)


class Meter(Protocol):
    """Something that shows how far a stage is."""

    def __call__(self, stage: Stage, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Open a bar for ``stage``; the callable advances it."""


@dataclass(frozen=True)
class Runner:
    """Runs a campaign's stages.

    Args:
        campaign: what to replay.
        meter: shows progress.
        keep_states: keep the database after each stage; None = up to scale 1:100.
    """

    campaign: Campaign
    meter: Meter
    keep_states: bool | None = None

    def all(self) -> bool:
        """Start from nothing and run every stage.

        Returns:
            Whether what an earlier run left, broken off, was removed.

        Raises:
            FileRefused: the folder holds files, and no run has made it; or a run is using it.
        """
        with self._folder() as folder:
            made = {name for stage in STAGES for name in stage.makes}
            anew = folder.remove([UNFINISHED])
            folder.remove([*made, *{name.partition("/")[0] for name in made}, "state", *self._database_files()])
            replace_file(folder.path / CAMPAIGN, self.campaign.options.encode())
            self._run(folder, 0, len(STAGES))
        return anew

    def one(self, name: str) -> None:
        """Run one stage again, on the state the stage before it left; the stages after it are to follow."""
        place = self._place(name)
        with self._folder() as folder:
            self._restore(folder, place)
            self._run(folder, place, place + 1)

    def since(self, name: str) -> None:
        """Run a stage and all after it again."""
        place = self._place(name)
        with self._folder() as folder:
            self._restore(folder, place)
            folder.remove(name for stage in STAGES[place:] for name in stage.makes)
            self._run(folder, place, len(STAGES))

    @property
    def is_finished(self) -> bool:
        """Whether the last run came to its end."""
        return not (self.campaign.root / UNFINISHED).exists()

    def _folder(self) -> OwnFolder:
        return OwnFolder(self.campaign.root, "replay")

    def _database_files(self) -> list[str]:
        return [path.name for path in database_files(self.campaign.database)]

    @staticmethod
    def _place(name: str) -> int:
        for place, stage in enumerate(STAGES):
            if stage.name == name:
                return place
        names = ", ".join(stage.name for stage in STAGES)
        raise InvalidValue(message("replay.no_stage", stage=name, names=names), step="replay", term="阶段")

    def _restore(self, folder: OwnFolder, place: int) -> None:
        made = folder.path / CAMPAIGN
        if made.exists() and (options := read_text(made)) != self.campaign.options:
            what = message("replay.other_run", made=options, asked=self.campaign.options)
            raise Refused(what, step="replay", term="推演参数")
        if place == 0:
            folder.remove(self._database_files())
            return
        state = self._state(place - 1)
        if not state.is_file():
            what = message("replay.not_kept", stage=STAGES[place - 1].name)
            raise Refused(what, step="replay", term="阶段状态")
        folder.remove(self._database_files())
        _copy(state, self.campaign.database)

    def _state(self, place: int) -> Path:
        return self.campaign.dir("state") / f"{place:02d}-{STAGES[place].name}.sqlite"

    def _run(self, folder: OwnFolder, first: int, stop: int) -> None:
        folder.remove(STAGES[-1].makes)
        reserve(folder.path / UNFINISHED)
        for place in range(first, stop):
            folder.remove(STAGES[place].makes)
            self._stage(STAGES[place])
            if self._keeps():
                _copy(self.campaign.database, self._state(place))
        if stop == len(STAGES):
            folder.remove([UNFINISHED])

    def _keeps(self) -> bool:
        return self.campaign.scale <= KEEP_STATES_UP_TO if self.keep_states is None else self.keep_states

    def _stage(self, stage: Stage) -> None:
        # Closing the last connection writes the log back: the file alone is then the whole state.
        with Store.open(f"sqlite:///{self.campaign.database}", sample=True) as store:
            context = Context(self.campaign, store)
            with self.meter(stage, stage.total(context)) as advance:
                for count in stage.run(context):
                    advance(count)


def _copy(source: Path, target: Path) -> None:
    with open_input(source) as there, new_file(target, replace=True) as made:
        shutil.copyfileobj(there, made, 1 << 20)
