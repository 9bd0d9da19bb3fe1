"""Loaded into pytest: which test runs which line, or the chosen tests without shrinking what fails."""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = {"postgres_url", "replayed", "small_month", "campaign_dir"}
"""Fixtures too dear for each mutant."""


class Lines:
    """Collects for each test the lines of the traced files that it ran, and the processor time it took."""

    def __init__(self, out: Path, prefixes: tuple[str, ...]) -> None:
        self.out, self.prefixes = out, tuple(str(ROOT / prefix) for prefix in prefixes)
        self.seen: set[tuple[str, int]] = set()
        self.tests: dict[str, list[str]] = {}
        self.seconds: dict[str, float] = {}

    def trace(self, frame: FrameType, event: str, _: Any) -> Any:
        return self.line if frame.f_code.co_filename.startswith(self.prefixes) else None

    def line(self, frame: FrameType, event: str, _: Any) -> Any:
        self.seen.add((frame.f_code.co_filename, frame.f_lineno))
        return self.line

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.seen = set()
        begun = time.process_time()
        threading.settrace(self.trace)
        sys.settrace(self.trace)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            threading.settrace(None)  # type: ignore[arg-type]
            self.seconds[item.nodeid] = time.process_time() - begun
            for name, line in self.seen:
                self.tests.setdefault(f"{Path(name).relative_to(ROOT)}:{line}", []).append(item.nodeid)

    def pytest_sessionfinish(self) -> None:
        self.out.write_text(json.dumps({"tests": self.tests, "seconds": self.seconds}), "utf-8")


def pytest_configure(config: pytest.Config) -> None:
    # pytest's own importer takes a file that is named on the command line, and would take it unchanged
    sys.meta_path.sort(key=lambda importer: type(importer).__name__ != "Changed")
    how = {"derandomize": True, "database": None, "deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
    settings.register_profile("mutants", phases=[Phase.explicit, Phase.generate], **how)  # type: ignore[arg-type]
    settings.load_profile("mutants")
    if out := os.environ.get("MUTANTS_MAP"):
        config.pluginmanager.register(Lines(Path(out), tuple(os.environ["MUTANTS_FILES"].split(":"))))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items[:] = [
        item
        for item in items
        if not LEFT_OUT & set(getattr(item, "fixturenames", ()))
        and "postgres" not in item.nodeid.partition("[")[2]
        and not item.get_closest_marker("soak")
    ]
