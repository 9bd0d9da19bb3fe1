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
from sbcard_core.replay.campaign import Campaign
from sbcard_core.replay.context import Context
from sbcard_core.replay.stages import STAGES, Stage
from sbcard_core.store import Store

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

    def all(self) -> None:
        """Start from nothing and run every stage."""
        if self.campaign.root.exists():
            self._clear()
        self._run(0, len(STAGES))

    def one(self, name: str) -> None:
        """Run one stage again, on the state the stage before it left."""
        place = self._place(name)
        self._restore(place)
        self._run(place, place + 1)

    def since(self, name: str) -> None:
        """Run a stage and all after it again."""
        place = self._place(name)
        self._restore(place)
        self._run(place, len(STAGES))

    def _clear(self) -> None:
        """Remove what an earlier run made, and nothing else."""
        for stage in STAGES:
            for name in stage.makes:
                path = self.campaign.root / name
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        shutil.rmtree(self.campaign.root / "state", ignore_errors=True)
        self._drop_database()

    def _drop_database(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            self.campaign.database.with_name(self.campaign.database.name + suffix).unlink(missing_ok=True)

    @staticmethod
    def _place(name: str) -> int:
        for place, stage in enumerate(STAGES):
            if stage.name == name:
                return place
        names = ", ".join(stage.name for stage in STAGES)
        raise InvalidValue(f"there is no stage {name!r}", step="replay", term="阶段", advice=f"one of {names}")

    def _restore(self, place: int) -> None:
        self._drop_database()
        if place == 0:
            return
        state = self._state(place - 1)
        if not state.is_file():
            raise Refused(
                f"the database after stage {STAGES[place - 1].name!r} was not kept",
                step="replay",
                term="阶段状态",
                advice="run the whole replay first (with --keep-states at scales above 0.01)",
            )
        shutil.copyfile(state, self.campaign.database)

    def _state(self, place: int) -> Path:
        return self.campaign.dir("state") / f"{place:02d}-{STAGES[place].name}.sqlite"

    def _run(self, first: int, stop: int) -> None:
        self.campaign.root.mkdir(parents=True, exist_ok=True)
        for place in range(first, stop):
            self._stage(STAGES[place])
            if self._keeps():
                shutil.copyfile(self.campaign.database, self._state(place))

    def _keeps(self) -> bool:
        return self.campaign.scale <= KEEP_STATES_UP_TO if self.keep_states is None else self.keep_states

    def _stage(self, stage: Stage) -> None:
        for name in stage.makes:
            path = self.campaign.root / name
            if path.is_dir():
                shutil.rmtree(path)
        # Closing the last connection writes the log back: the file alone is then the whole state.
        with Store.open(f"sqlite:///{self.campaign.database}") as store:
            context = Context(self.campaign, store)
            with self.meter(stage, stage.total(context)) as advance:
                for count in stage.run(context):
                    advance(count)
